//! The rows of a Parquet file: which offsets they have, and whether every page can be decoded.

use std::path::Path;

use crate::Result;
use crate::cancel::Cancel;
use crate::lake::file::batches::{Batches, positions_of};
use crate::lake::manifest::offset_set::OffsetSet;
use crate::lake::manifest::offsets::OffsetRanges;

/// Ranges of a file that are told before only the hull is.
const RANGES: usize = 1 << 20;
/// Rows decoded at once.
const BATCH: usize = 8192;

/// What the rows of a file are.
pub(crate) struct Rows {
    pub(crate) count: u64,
    /// The offsets in ROWPARTITION and ROWOFFSET, none where the file lacks these columns; `Err`: one is in it twice.
    pub(crate) offsets: Result<OffsetRanges, String>,
}

/// Which columns are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Columns {
    All,
    /// ROWPARTITION and ROWOFFSET.
    Offsets,
}

/// Decodes the rows of the file at `path`. `Kind::Damaged` when they cannot be decoded, `Kind::Io` when the file cannot be
/// read, `Kind::Interrupted` when `cancel` asks to stop.
pub(crate) fn read_rows(path: &Path, columns: Columns, cancel: &Cancel) -> Result<Rows> {
    let only: Option<&[&str]> = match columns {
        Columns::All => None,
        Columns::Offsets => Some(&["ROWPARTITION", "ROWOFFSET"]),
    };
    let mut count = 0;
    // Files that are sorted by their columns have their offsets in any order.
    let mut seen = OffsetSet::default();
    let mut doubled = None;
    for batch in Batches::open(path, only, BATCH)? {
        cancel.check()?;
        let batch = batch?;
        count += batch.num_rows() as u64;
        if let (Some((partitions, offsets)), None) = (positions_of(&batch), doubled) {
            doubled = seen.insert_all(partitions, offsets);
        }
    }
    let offsets = match doubled {
        Some((partition, offset)) => {
            Err(format!("offset {offset} of Kafka partition {partition} is in it twice"))
        }
        None => Ok(seen.ranges(RANGES)),
    };
    Ok(Rows { count, offsets })
}

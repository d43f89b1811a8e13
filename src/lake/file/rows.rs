//! The rows of a Parquet file: which offsets they have, and whether every page can be decoded.

use std::path::Path;

use arrow::array::cast::AsArray;
use arrow::datatypes::{Int32Type, Int64Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::cancel::Cancel;
use crate::lake::file::footer::io_error;
use crate::lake::fs;
use crate::lake::manifest::offsets::{OffsetRanges, each_run};
use crate::{Error, Kind, Result};

/// Ranges of a file that are kept in memory before only the hull stays.
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
    let failed = |e: &(dyn std::error::Error + 'static)| match io_error(e) {
        Some(io) => Error::io("read", path, io),
        // Arrow passes errors of the file system on as text. Bytes that can all be read are damaged.
        None => match fs::hash_file(path) {
            Err(e) if e.kind() == Kind::Io => e,
            _ => {
                Error::new(Kind::Damaged, format!("its rows cannot be read: {e}")).at("file", path.display())
            }
        },
    };
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(fs::open_regular(path)?).map_err(|e| failed(&e))?;
    let mask = match columns {
        Columns::All => ProjectionMask::all(),
        Columns::Offsets => ProjectionMask::columns(builder.parquet_schema(), ["ROWPARTITION", "ROWOFFSET"]),
    };
    let reader = builder.with_projection(mask).with_batch_size(BATCH).build().map_err(|e| failed(&e))?;
    let mut rows = Rows { count: 0, offsets: Ok(OffsetRanges::default()) };
    for batch in reader {
        cancel.check()?;
        let batch = batch.map_err(|e| failed(&e))?;
        rows.count += batch.num_rows() as u64;
        let columns = (batch.column_by_name("ROWPARTITION"), batch.column_by_name("ROWOFFSET"));
        let (Some(partitions), Some(positions)) = columns else { continue };
        let typed = (partitions.as_primitive_opt::<Int32Type>(), positions.as_primitive_opt::<Int64Type>());
        let ((Some(partitions), Some(positions)), Ok(seen)) = (typed, &mut rows.offsets) else { continue };
        let doubled = each_run(partitions.values(), positions.values(), |partition, first, last| {
            seen.insert(partition, first, last, RANGES)
        });
        if let Err((partition, offset)) = doubled {
            rows.offsets = Err(format!("offset {offset} of Kafka partition {partition} is in it twice"));
        }
    }
    Ok(rows)
}

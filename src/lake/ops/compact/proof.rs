//! New files are read back before they take the place of the old ones.
//!
//! ```text
//! rows read from the old files   ─┐ number, fingerprint of every value, offsets as a set
//! what the old footers say       ─┼──────────────────────────────▶ the same, or nothing is changed
//! rows read back, and new footers ┘ content hash, columns
//! ```

use arrow::datatypes::{Field, Schema};

use super::CompactWork;
use super::merge::{Merged, batch_rows};
use super::plan::Group;
use crate::lake::file::batches::{Batches, positions_of};
use crate::lake::file::fingerprint::Fingerprint;
use crate::lake::file::footer::read_footer;
use crate::lake::fs;
use crate::lake::manifest::offset_set::OffsetSet;
use crate::lake::manifest::offsets::OffsetRanges;
use crate::{Error, Kind, Result};

/// Holds the new files of a group against the old ones.
pub(super) fn hold(group: &Group, merged: &Merged, work: &CompactWork<'_>) -> Result<()> {
    let mut back = Fingerprint::default();
    let mut set = OffsetSet::default();
    let mut told = OffsetRanges::default();
    let mut rows = 0;
    for file in &merged.files {
        if fs::hash_file(&file.staged)? != file.hash {
            return Err(differs("the content of a new file is not what was written"));
        }
        let footer = read_footer(&file.staged)?;
        rows += footer.rows;
        told.join(&footer.offsets);
        let batches = Batches::open(&file.staged, None, batch_rows(group))?;
        if !same_columns(batches.schema(), &group.schema) {
            return Err(differs("a new file has other columns"));
        }
        for batch in batches {
            work.cancel.check()?;
            let batch = batch?;
            back.add(&batch)?;
            (work.advance)(batch.num_rows() as u64);
            if let (Some(_), Some((partitions, offsets))) = (&merged.offsets, positions_of(&batch))
                && let Some((partition, offset)) = set.insert_all(partitions, offsets)
            {
                return Err(differs(&format!("offset {offset} of Kafka partition {partition} came twice")));
            }
        }
    }
    let mut before = OffsetRanges::default();
    group.sources.iter().for_each(|source| before.join(&source.footer.offsets));
    let counted: u64 = group.sources.iter().map(|source| source.footer.rows).sum();
    if merged.read.rows != counted {
        return Err(Error::new(
            Kind::Damaged,
            format!("{} rows are in the files, and their footers count {counted}", merged.read.rows),
        )
        .next("nothing was changed; `lakehand check --deep` says which file it is"));
    }
    if rows != counted || back.rows != counted {
        return Err(differs(&format!("{counted} rows were read, and {} are in the new files", back.rows)));
    }
    if back != merged.read {
        return Err(differs("the values of rows are others"));
    }
    same_offsets(&before, &told, "footers")?;
    if merged.offsets.is_some() {
        same_offsets(&before, &set.ranges(usize::MAX), "rows")?;
    }
    Ok(())
}

/// The same offsets, as far as both tell which they are.
fn same_offsets(before: &OffsetRanges, now: &OffsetRanges, whose: &str) -> Result<()> {
    let same = before.partitions().len() == now.partitions().len()
        && before.partitions().iter().all(|(partition, old)| {
            let new = now.partitions().get(partition);
            new.is_some_and(|new| {
                old.rows == new.rows
                    && old.hull_range() == new.hull_range()
                    && (old.hull || new.hull || old.runs == new.runs)
            })
        });
    if same { Ok(()) } else { Err(differs(&format!("the offsets of the new {whose} are others"))) }
}

fn same_columns(one: &Schema, other: &Schema) -> bool {
    let same = |a: &Field, b: &Field| a.name() == b.name() && a.data_type() == b.data_type();
    one.fields().len() == other.fields().len()
        && one.fields().iter().zip(other.fields()).all(|(a, b)| same(a, b))
}

fn differs(what: &str) -> Error {
    Error::new(Kind::Bug, format!("a compaction was given up, as the new files are not the old ones: {what}"))
        .next("nothing was changed: the files are as they were; please report it")
}

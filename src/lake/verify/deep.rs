//! The rows themselves: every page of every column is decoded, and ROWPARTITION and ROWOFFSET are compared with what the
//! footer says of them.

use arrow::array::cast::AsArray;
use arrow::datatypes::{Int32Type, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::scan::{DataFile, Scan};
use crate::cancel::Cancel;
use crate::lake::manifest::offsets::{OffsetRuns, each_run};

/// Runs of a file that are kept in memory before only the hull stays.
const RUNS: usize = 1 << 20;

/// Reads every file that has a footer. A file whose rows cannot be read becomes one that cannot be read.
/// `Kind::Interrupted` when somebody asks to stop.
pub(super) fn read(scan: &mut Scan) -> crate::Result<()> {
    let cancel = scan.cancel.clone();
    for file in &mut scan.files {
        if file.footer.is_err() {
            continue;
        }
        let read = rows(file, &cancel);
        // A file that was not read to its end is not one that cannot be read.
        cancel.check()?;
        match read {
            Err(why) => file.footer = Err(why),
            Ok((rows, offsets)) => compare(file, rows, offsets),
        }
    }
    Ok(())
}

fn rows(file: &DataFile, cancel: &Cancel) -> Result<(u64, Result<OffsetRuns, String>), String> {
    let bad = |e: &dyn std::fmt::Display| format!("its rows cannot be read: {e}");
    let open = std::fs::File::open(&file.path).map_err(|e| bad(&e))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(open).map_err(|e| bad(&e))?;
    let reader = reader.with_batch_size(8192).build().map_err(|e| bad(&e))?;
    let mut offsets = Ok(OffsetRuns::default());
    let mut count = 0;
    for batch in reader {
        if cancel.is_cancelled() {
            break;
        }
        let batch = batch.map_err(|e| bad(&e))?;
        count += batch.num_rows() as u64;
        let columns = (batch.column_by_name("ROWPARTITION"), batch.column_by_name("ROWOFFSET"));
        let (Some(partitions), Some(positions)) = columns else { continue };
        let typed = (partitions.as_primitive_opt::<Int32Type>(), positions.as_primitive_opt::<Int64Type>());
        let ((Some(partitions), Some(positions)), Ok(seen)) = (typed, &mut offsets) else { continue };
        let doubled = each_run(partitions.values(), positions.values(), |partition, first, last| {
            seen.insert(partition, first, last, RUNS)
        });
        if let Err((partition, offset)) = doubled {
            offsets = Err(format!("offset {offset} of Kafka partition {partition} is in it twice"));
        }
    }
    Ok((count, offsets))
}

fn compare(file: &mut DataFile, rows: u64, offsets: Result<OffsetRuns, String>) {
    let Ok(footer) = &mut file.footer else { return };
    if rows != footer.rows {
        file.lie = Some(format!("{rows} rows are in it, and its footer counts {}", footer.rows));
        return;
    }
    let offsets = match offsets {
        Err(doubled) => {
            file.lie = Some(doubled);
            return;
        }
        Ok(offsets) if offsets.partitions().is_empty() => return,
        Ok(offsets) => offsets,
    };
    let same = offsets.partitions().len() == footer.offsets.partitions().len()
        && offsets.partitions().iter().all(|(partition, found)| {
            footer.offsets.partitions().get(partition).is_some_and(|told| {
                let hull = found.runs.first().zip(found.runs.last()).map(|(a, b)| vec![[a[0], b[1]]]);
                told.rows == found.rows
                    && (told.runs == found.runs || (told.hull && Some(&told.runs) == hull.as_ref()))
            })
        });
    // From here on the offsets are those that were read: a hull becomes exact.
    footer.offsets = offsets;
    if !same {
        file.lie = Some("its rows have other offsets than its footer tells".to_owned());
    }
}

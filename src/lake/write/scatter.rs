//! Rows that are scattered over partitions, kept as they came until there are enough for each.
//!
//! ```text
//! batch over 30 days ─▶ kept whole, its rows noted by partition ─▶ full, or a commit ─▶ one batch a partition
//! ```
//!
//! A call into the encoders costs the same for a row as for a thousand. And a file that is open costs as much memory as
//! some hundred thousand values, whether it has rows or not: thousands of them do not fit into any budget, and closing
//! them by turns makes a file of a few rows a batch. It knows no files.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::compute::interleave_record_batch;

use crate::lake::write::route::Runs;
use crate::{Error, Kind, Result};

/// What is kept.
#[derive(Default)]
pub(crate) struct ScatterBuffer {
    batches: Vec<RecordBatch>,
    /// Per partition its rows in the order in which they came: batch, row.
    rows: BTreeMap<i64, Vec<(u32, u32)>>,
    count: u64,
    bytes: usize,
}

impl ScatterBuffer {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Rows kept.
    pub(crate) fn rows(&self) -> u64 {
        self.count
    }

    /// Partitions that they belong to.
    pub(crate) fn partitions(&self) -> usize {
        self.rows.len()
    }

    /// Their memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps the rows of a batch that `runs` name.
    pub(crate) fn add(&mut self, batch: &RecordBatch, runs: &Runs) {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let number = narrow(self.batches.len());
        let mut rows = 0;
        for (key, runs) in runs {
            let places = self.rows.entry(*key).or_default();
            for (start, len) in runs {
                places.extend((*start..start + len).map(|row| (number, narrow(row))));
                rows += len;
            }
        }
        self.count += rows as u64;
        self.bytes += batch.get_array_memory_size() + rows * size_of::<(u32, u32)>();
        self.batches.push(batch.clone());
    }

    /// Hands everything on, a batch a partition, in their order.
    pub(crate) fn drain(&mut self, mut on: impl FnMut(i64, RecordBatch) -> Result<()>) -> Result<()> {
        let Self { batches, rows, .. } = std::mem::take(self);
        let all: Vec<&RecordBatch> = batches.iter().collect();
        for (key, places) in rows {
            let places: Vec<_> = places.iter().map(|(batch, row)| (*batch as usize, *row as usize)).collect();
            let part = interleave_record_batch(&all, &places)
                .map_err(|e| Error::new(Kind::Bug, format!("rows cannot be put together: {e}")))?;
            on(key, part)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::cast::AsArray;
    use arrow::array::{ArrayRef, Int64Array};
    use arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn every_row_comes_out_once_by_partition_and_in_its_order() {
        let batch = |values: std::ops::Range<i64>| {
            let array: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
            RecordBatch::try_from_iter([("V", array)]).unwrap()
        };
        let mut scatter = ScatterBuffer::default();
        assert!(scatter.is_empty());
        // Row 2 of the first one belongs to nobody.
        scatter.add(&batch(0..5), &Runs::from([(7, vec![(0, 2)]), (-1, vec![(3, 2)])]));
        scatter.add(&batch(10..13), &Runs::from([(7, vec![(0, 1), (2, 1)]), (9, vec![(1, 1)])]));
        assert_eq!((scatter.rows(), scatter.partitions()), (7, 3));
        assert!(scatter.bytes() > 7 * 8);
        let mut drained = Vec::new();
        scatter
            .drain(|key, part| {
                drained.push((key, part.column(0).as_primitive::<Int64Type>().values().to_vec()));
                Ok(())
            })
            .unwrap();
        assert_eq!(drained, [(-1, vec![3, 4]), (7, vec![0, 1, 10, 12]), (9, vec![11])]);
        assert!(scatter.is_empty());
        assert_eq!(scatter.bytes(), 0);
    }
}

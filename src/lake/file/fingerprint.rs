//! What rows are, whatever their order: two heaps of rows with the same fingerprint are the same rows.
//!
//! ```text
//! value ─▶ hash of its column's name and its bytes      null, and a column that is not there: nothing
//! row   ─▶ the sum of its values' hashes, mixed once more
//! rows  ─▶ their number, and the sum of their hashes
//! ```
//!
//! A row's hash binds its values together: values that change places between rows change the sum. The values are taken from what was
//! decoded, under the column's name, so that neither the order of rows and columns, nor files, row groups, pages or encodings matter.
//! Bytes decide: -0.0 and 0.0 differ, as do two kinds of NaN.

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMillisecondType};
use arrow::row::{RowConverter, SortField};
use twox_hash::xxhash3_64;

use crate::{Error, Kind, Result};

/// The rows so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fingerprint {
    pub(crate) rows: u64,
    sum: u128,
}

impl Fingerprint {
    /// Takes the rows of a batch. `Kind::Bug` when a type has no bytes by which to compare it.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut rows = vec![0_u64; batch.num_rows()];
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            add_column(&mut rows, field.name(), column)?;
        }
        self.rows += rows.len() as u64;
        for row in rows {
            let mixed = u128::from(mix(row)) << 64 | u128::from(mix(row ^ 0x9e37_79b9_7f4a_7c15));
            self.sum = self.sum.wrapping_add(mixed);
        }
        Ok(())
    }
}

/// Adds the hashes of a column's values to those of their rows.
fn add_column(rows: &mut [u64], name: &str, column: &ArrayRef) -> Result<()> {
    let seed = xxhash3_64::Hasher::oneshot(name.as_bytes());
    let mut put = |at: usize, hash: u64| {
        if let Some(row) = rows.get_mut(at) {
            *row = row.wrapping_add(hash);
        }
    };
    // The usual types have their bytes at hand.
    match column.data_type() {
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            each(column, |at| put(at, mix(seed ^ mix(values.value(at).cast_unsigned()))));
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let values = column.as_primitive::<TimestampMillisecondType>();
            each(column, |at| put(at, mix(seed ^ mix(values.value(at).cast_unsigned()))));
        }
        DataType::Int32 => {
            let values = column.as_primitive::<Int32Type>();
            each(column, |at| put(at, mix(seed ^ mix(u64::from(values.value(at).cast_unsigned())))));
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            each(column, |at| put(at, mix(seed ^ mix(values.value(at).to_bits()))));
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            each(column, |at| {
                put(at, xxhash3_64::Hasher::oneshot_with_seed(seed, values.value(at).as_bytes()));
            });
        }
        other => {
            let bug = |e| Error::new(Kind::Bug, format!("values of {other} cannot be compared: {e}"));
            let converter = RowConverter::new(vec![SortField::new(other.clone())]).map_err(bug)?;
            let bytes = converter.convert_columns(&[ArrayRef::clone(column)]).map_err(bug)?;
            each(column, |at| {
                put(at, xxhash3_64::Hasher::oneshot_with_seed(seed, bytes.row(at).as_ref()));
            });
        }
    }
    Ok(())
}

/// Calls `take` with each row that has a value.
fn each(column: &ArrayRef, mut take: impl FnMut(usize)) {
    match column.nulls() {
        None => (0..column.len()).for_each(take),
        Some(nulls) => nulls.valid_indices().for_each(&mut take),
    }
}

/// Spreads each bit over all (the finalizer of MurmurHash3).
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ 0xa076_1d64_78bd_642f).wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, ListArray, StringArray, UInt32Array};
    use arrow::compute::{concat_batches, take_record_batch};

    use super::*;

    fn batch() -> RecordBatch {
        let lists = vec![Some(vec![Some(1), None]), None, Some(vec![]), Some(vec![None, Some(1)])];
        RecordBatch::try_from_iter([
            ("N", Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(4)])) as ArrayRef),
            ("S", Arc::new(StringArray::from(vec![Some("a"), Some(""), None, Some("d")])) as ArrayRef),
            ("D", Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, 2.5])) as ArrayRef),
            ("L", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(lists)) as ArrayRef),
        ])
        .unwrap()
    }

    fn of(batches: &[RecordBatch]) -> Fingerprint {
        let mut print = Fingerprint::default();
        for batch in batches {
            print.add(batch).unwrap();
        }
        print
    }

    fn taken(batch: &RecordBatch, rows: &[u32]) -> RecordBatch {
        take_record_batch(batch, &UInt32Array::from(rows.to_vec())).unwrap()
    }

    #[test]
    fn order_of_rows_and_columns_and_cuts_do_not_matter() {
        let all = batch();
        let turned = all.project(&[3, 1, 0, 2]).unwrap();
        assert_eq!(of(std::slice::from_ref(&all)), of(&[taken(&turned, &[2, 0]), taken(&turned, &[3, 1])]));
        assert_eq!(of(&[all.slice(0, 1), all.slice(1, 3)]), of(std::slice::from_ref(&all)));
        // A column without a value is as one that is not there.
        let nulls = RecordBatch::try_from_iter_with_nullable(
            all.schema()
                .fields()
                .iter()
                .map(|field| (field.name().clone(), all[field.name().as_str()].clone(), true))
                .chain([("MORE".to_owned(), Arc::new(Int64Array::from(vec![None; 4])) as ArrayRef, true)]),
        );
        assert_eq!(of(&[nulls.unwrap()]), of(&[all]));
    }

    #[test]
    fn every_change_matters() {
        let all = batch();
        let known = of(std::slice::from_ref(&all));
        assert_ne!(of(&[all.slice(0, 3)]), known, "a row less");
        assert_ne!(of(&[taken(&all, &[0, 1, 2, 2])]), known, "a row twice in the place of another");
        assert_ne!(of(&[concat_batches(&all.schema(), [&all, &all]).unwrap()]), known);
        let with = |at: usize, column: ArrayRef| {
            let mut columns = all.columns().to_vec();
            columns[at] = column;
            of(&[RecordBatch::try_new(all.schema(), columns).unwrap()])
        };
        // The same values, in other rows.
        assert_ne!(with(0, taken(&all, &[3, 1, 2, 0]).column(0).clone()), known);
        assert_ne!(with(3, taken(&all, &[3, 1, 2, 0]).column(3).clone()), known);
        assert_ne!(with(1, Arc::new(StringArray::from(vec![Some("a"), None, None, Some("d")]))), known);
        assert_ne!(with(2, Arc::new(Float64Array::from(vec![0.0, 0.0, f64::NAN, 2.5]))), known);
        // The same values under other names.
        let renamed =
            RecordBatch::try_from_iter(["N", "T", "D", "L"].into_iter().zip(all.columns().iter().cloned()));
        assert_ne!(of(&[renamed.unwrap()]), known);
    }
}

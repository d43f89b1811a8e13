//! Primary keys of a snapshot that came more than once.
//!
//! A pull over several nodes may hand out one key twice (a stand-by answers beside the active node). Keys are remembered
//! as hashes of 64 bits in at most [`CAP`] places: when they are full, every second hash is forgotten and no longer looked
//! for, so that of a large table a share is watched. The count is then a lower bound.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use arrow::array::{ArrayRef, RecordBatch};
use arrow::row::{RowConverter, SortField};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::RowText;

/// Hashes that are remembered: 18 MiB.
const CAP: usize = 1 << 20;
/// Keys that are told.
const TOLD: usize = 3;

/// Looks for keys that come twice.
pub(super) struct Keys {
    /// Indices of the key's columns in a batch.
    columns: Vec<usize>,
    converter: Option<RowConverter>,
    seen: HashSet<u64>,
    /// Hashes with one of these bits set are not looked for.
    ignored: u64,
    /// Rows whose key was there already.
    pub(super) doubled: u64,
    /// Rows with a key that did not come before, of those that were looked for; where there is no key, all rows.
    pub(super) fresh: u64,
    told: Vec<String>,
    cap: usize,
}

impl Keys {
    /// For a key of these columns of a batch. A key of none is no key.
    pub(super) fn new(columns: Vec<usize>) -> Self {
        Self {
            columns,
            converter: None,
            seen: HashSet::new(),
            ignored: 0,
            doubled: 0,
            fresh: 0,
            told: Vec::new(),
            cap: CAP,
        }
    }

    /// The key's columns in a batch.
    pub(super) fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Looks at rows.
    pub(super) fn look(&mut self, batch: &RecordBatch) {
        if self.columns.is_empty() {
            // Without a key a row that comes again cannot be told from another one with equal values.
            self.fresh += batch.num_rows() as u64;
            return;
        }
        let columns: Vec<ArrayRef> = self.columns.iter().map(|at| batch.column(*at).clone()).collect();
        if self.converter.is_none() {
            let fields = columns.iter().map(|column| SortField::new(column.data_type().clone())).collect();
            self.converter = RowConverter::new(fields).ok();
        }
        // A key of a type without an order, such as a MAP: ksqlDB has none.
        let Some(rows) =
            self.converter.as_ref().and_then(|converter| converter.convert_columns(&columns).ok())
        else {
            self.columns.clear();
            self.fresh += batch.num_rows() as u64;
            return;
        };
        for (row, key) in rows.iter().enumerate() {
            let mut hasher = DefaultHasher::new();
            hasher.write(key.as_ref());
            let hash = hasher.finish();
            if hash & self.ignored != 0 {
                continue;
            }
            if !self.seen.insert(hash) {
                self.doubled += 1;
                if self.told.len() < TOLD {
                    self.told.push(text(&columns, row));
                }
                continue;
            }
            self.fresh += 1;
            if self.seen.len() > self.cap {
                self.ignored = (self.ignored << 1) | 1;
                let ignored = self.ignored;
                self.seen.retain(|hash| hash & ignored == 0);
                self.seen.shrink_to(self.cap);
            }
        }
    }

    /// The first few keys that came twice.
    pub(super) fn told(&self) -> RowText {
        RowText::new(self.told.join(", "))
    }

    /// Only a share of the keys was looked at: the count is a lower bound.
    pub(super) fn is_partial(&self) -> bool {
        self.ignored != 0
    }
}

fn text(columns: &[ArrayRef], row: usize) -> String {
    let options = FormatOptions::default().with_null("NULL");
    let shown = columns.iter().map(|column| match ArrayFormatter::try_new(column, &options) {
        Ok(formatter) => formatter.value(row).to_string().chars().take(64).collect(),
        Err(_) => "?".to_owned(),
    });
    shown.collect::<Vec<String>>().join("/")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn batch(values: impl Iterator<Item = i64>) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("K", DataType::Int64, true)]);
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values(values));
        RecordBatch::try_new(Arc::new(schema), vec![values]).unwrap()
    }

    #[test]
    fn keys_that_come_twice_are_counted_and_told() {
        let mut keys = Keys::new(vec![0]);
        keys.look(&batch(0..1000));
        assert_eq!(keys.doubled, 0);
        keys.look(&batch([7, 1000, 1000, 7].into_iter()));
        assert_eq!((keys.doubled, keys.fresh), (3, 1001));
        assert_eq!(keys.told().shown(true), "7, 1000, 7");
        assert!(!keys.told().shown(false).contains('7') && !keys.is_partial());
    }

    #[test]
    fn memory_has_a_bound_and_a_share_is_still_found() {
        let mut keys = Keys { cap: 100, ..Keys::new(vec![0]) };
        for _ in 0..2 {
            keys.look(&batch(0..10_000));
        }
        assert!(keys.seen.len() <= 101 && keys.is_partial());
        // The same rows again are no progress, however few of the keys are watched.
        let fresh = keys.fresh;
        keys.look(&batch(0..10_000));
        assert_eq!(keys.fresh, fresh);
        assert!(keys.doubled > 0 && keys.doubled < 10_000, "{}", keys.doubled);
    }
}

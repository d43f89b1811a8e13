//! Two sides of the same offsets, row by row and value by value. Pure.
//!
//! | Kafka | ksqlDB | means |
//! |---|---|---|
//! | row | row | compared; every value that differs is a difference |
//! | row | none | to be looked at again ([`Comparison::only_kafka`]) |
//! | bad record | none | known: ksqlDB drops the record, the lake keeps it aside |
//! | bad record | row | known where ksqlDB wraps or keeps what the lake cannot hold, else a difference |
//! | bad record | bad row | no row either way |
//! | row | bad row | a difference |
//! | none | row, bad row | a difference |

use std::collections::BTreeMap;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::ranges::Range;
use crate::error::RowText;
use crate::ksql::decode::BadRow;

/// Differences that are kept with their values.
const KEPT: usize = 10;
/// Characters of a value that are kept.
const SHOWN: usize = 200;

/// A place in a log: partition and offset.
pub(crate) type Place = (i32, i64);

/// What came one way.
#[derive(Debug, Default)]
pub(crate) struct Side {
    batches: Vec<RecordBatch>,
    /// Batch and row in it.
    rows: BTreeMap<Place, (usize, usize)>,
    bad: BTreeMap<Place, BadRow>,
}

/// What the comparison found.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// Rows that came both ways, by the range in which they lie.
    pub(crate) rows: Vec<(Range, u64)>,
    /// All differences.
    pub(crate) differences: u64,
    /// The first of them.
    pub(crate) first: Vec<Difference>,
    /// Known differences, by kind.
    pub(crate) known: BTreeMap<Known, u64>,
    /// Rows that only Kafka gave.
    pub(crate) only_kafka: Vec<Place>,
}

/// A difference that docs/kafka.md names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    /// ksqlDB drops the record without a word, the lake keeps it aside.
    Dropped,
    /// ksqlDB makes a row of a value that the lake cannot hold: a wrapped number, a TIME of 24 hours, half of a surrogate pair.
    Wrapped,
    /// ksqlDB drops the record for a value that the feed leaves out.
    LeftOut,
    /// ksqlDB prints a zero without its sign.
    ZeroSign,
}

impl Known {
    /// Its name in `_metadata.json`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dropped => "dropped-by-ksqldb",
            Self::Wrapped => "wrapped-by-ksqldb",
            Self::LeftOut => "dropped-for-a-column-left-out",
            Self::ZeroSign => "zero-without-sign",
        }
    }
}

/// Something that is not the same both ways.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) place: Place,
    /// The column and the steps inside of it, keys of maps left out: fit for everybody.
    pub(crate) column: String,
    /// The same with keys of maps.
    pub(crate) path: RowText,
    /// What differs, without a value.
    pub(crate) what: &'static str,
    /// By Kafka, and by ksqlDB.
    pub(crate) values: [RowText; 2],
}

impl Side {
    /// Takes rows whose first columns are ROWTIME, ROWPARTITION, ROWOFFSET. A place that came before is left out.
    pub(crate) fn take(&mut self, batch: RecordBatch) {
        let (Some(partitions), Some(offsets)) = (
            batch.column(1).as_primitive_opt::<Int32Type>(),
            batch.column(2).as_primitive_opt::<Int64Type>(),
        ) else {
            return;
        };
        for (row, place) in
            partitions.values().iter().copied().zip(offsets.values().iter().copied()).enumerate()
        {
            self.rows.entry(place).or_insert((self.batches.len(), row));
        }
        self.batches.push(batch);
    }

    /// Takes a record that cannot be a row.
    pub(crate) fn take_bad(&mut self, place: Place, bad: BadRow) {
        self.bad.insert(place, bad);
    }

    /// The last offset that came of a partition, as a row or not.
    pub(crate) fn last_of(&self, partition: i32) -> Option<i64> {
        let all = (partition, i64::MIN)..=(partition, i64::MAX);
        let row = self.rows.range(all.clone()).next_back().map(|((_, offset), _)| *offset);
        row.max(self.bad.range(all).next_back().map(|((_, offset), _)| *offset))
    }

    /// Whether a record came that cannot be a row.
    pub(crate) fn is_bad(&self, place: Place) -> bool {
        self.bad.contains_key(&place)
    }

    /// Whether a row came.
    pub(crate) fn has_row(&self, place: Place) -> bool {
        self.rows.contains_key(&place)
    }

    /// Leaves out what `keep` does not hold for.
    pub(crate) fn retain(&mut self, keep: impl Fn(Place) -> bool) {
        self.rows.retain(|place, _| keep(*place));
        self.bad.retain(|place, _| keep(*place));
    }
}

/// Compares what came of `ranges`.
pub(crate) fn compare(kafka: &Side, ksqldb: &Side, ranges: &[Range]) -> Comparison {
    let mut found =
        Comparison { rows: ranges.iter().map(|range| (*range, 0)).collect(), ..Comparison::default() };
    for (place, at) in &kafka.rows {
        match ksqldb.rows.get(place) {
            Some(other) => found.row(*place, (kafka, *at), (ksqldb, *other)),
            None if ksqldb.is_bad(*place) => {
                found.differs(*place, Path::default(), "ksqlDB's row cannot be decoded", None);
            }
            None => found.only_kafka.push(*place),
        }
    }
    for (place, bad) in &kafka.bad {
        match (ksqldb.has_row(*place), ksqldb.is_bad(*place)) {
            (true, _) if bad.is_row_to_ksqldb() => found.count(Known::Wrapped),
            (true, _) => found.differs(*place, Path::default(), "only ksqlDB makes a row of it", None),
            (false, true) => {}
            (false, false) => found.count(Known::Dropped),
        }
    }
    for place in ksqldb.rows.keys().chain(ksqldb.bad.keys()) {
        if !kafka.has_row(*place) && !kafka.is_bad(*place) {
            found.differs(*place, Path::default(), "only ksqlDB has it", None);
        }
    }
    found
}

/// The way to a value: names, and keys of maps apart.
#[derive(Debug, Clone, Default)]
struct Path {
    place: String,
    whole: String,
}

impl Path {
    fn step(&self, step: &str) -> Self {
        Self { place: format!("{}{step}", self.place), whole: format!("{}{step}", self.whole) }
    }

    fn key(&self, key: &str) -> Self {
        Self { place: format!("{}['…']", self.place), whole: format!("{}['{key}']", self.whole) }
    }
}

impl Comparison {
    /// Rows that were compared.
    pub(crate) fn compared(&self) -> u64 {
        self.rows.iter().map(|(_, rows)| rows).sum()
    }

    /// Counts a known difference.
    pub(crate) fn count(&mut self, known: Known) {
        *self.known.entry(known).or_default() += 1;
    }

    /// A row that Kafka gives, and ksqlDB does not.
    pub(crate) fn missing(&mut self, place: Place) {
        self.differs(place, Path::default(), "only Kafka has it", None);
    }

    fn differs(
        &mut self,
        place: Place,
        path: Path,
        what: &'static str,
        values: Option<[(&dyn Array, usize); 2]>,
    ) {
        self.differences += 1;
        if self.first.len() == KEPT {
            return;
        }
        let values = values.map_or_else(
            || [RowText::new(""), RowText::new("")],
            |values| values.map(|(array, at)| RowText::new(text(array, at))),
        );
        self.first.push(Difference {
            place,
            column: path.place,
            path: RowText::new(path.whole),
            what,
            values,
        });
    }

    fn row(
        &mut self,
        place: Place,
        (kafka, (batch, row)): (&Side, (usize, usize)),
        (ksqldb, (other_batch, other_row)): (&Side, (usize, usize)),
    ) {
        let (ours, theirs) = (&kafka.batches[batch], &ksqldb.batches[other_batch]);
        for (field, array) in ours.schema_ref().fields().iter().zip(ours.columns()) {
            let path = Path::default().step(field.name());
            match theirs.column_by_name(field.name()) {
                Some(other) => self.value(place, &path, (array, row), (other, other_row)),
                None => self.differs(place, path, "ksqlDB has no such column", None),
            }
        }
        for field in theirs.schema_ref().fields() {
            if ours.column_by_name(field.name()).is_none() {
                self.differs(
                    place,
                    Path::default().step(field.name()),
                    "Kafka's rows have no such column",
                    None,
                );
            }
        }
        if let Some((_, rows)) = self.rows.iter_mut().find(|(range, _)| range.contains(place)) {
            *rows += 1;
        }
    }

    /// Goes down to the value that differs.
    fn value(&mut self, place: Place, path: &Path, a: (&ArrayRef, usize), b: (&ArrayRef, usize)) {
        let values = || Some([(a.0.as_ref(), a.1), (b.0.as_ref(), b.1)]);
        if !same_kind(a.0.data_type(), b.0.data_type()) {
            return self.differs(place, path.clone(), "another type", values());
        }
        match (a.0.is_null(a.1), b.0.is_null(b.1)) {
            (true, true) => return,
            (true, false) | (false, true) => {
                return self.differs(place, path.clone(), "null by one way alone", values());
            }
            (false, false) => {}
        }
        match a.0.data_type() {
            DataType::Struct(fields) => {
                let (x, y) = (a.0.as_struct(), b.0.as_struct());
                for (at, field) in fields.iter().enumerate() {
                    let step = path.step(&format!(".{}", field.name()));
                    match y.column_by_name(field.name()) {
                        Some(other) => self.value(place, &step, (x.column(at), a.1), (other, b.1)),
                        None => self.differs(place, step, "ksqlDB has no such member", None),
                    }
                }
            }
            DataType::List(_) => {
                let (x, y) = (a.0.as_list::<i32>().value(a.1), b.0.as_list::<i32>().value(b.1));
                if x.len() != y.len() {
                    return self.differs(place, path.clone(), "another number of elements", values());
                }
                for at in 0..x.len() {
                    self.value(place, &path.step(&format!("[{at}]")), (&x, at), (&y, at));
                }
            }
            DataType::Map(..) => self.map(place, path, a, b),
            DataType::Float64 => {
                let x = a.0.as_primitive::<Float64Type>().value(a.1);
                let y = b.0.as_primitive::<Float64Type>().value(b.1);
                let is_zero = |value: f64| value.to_bits() << 1 == 0;
                if x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()) {
                } else if is_zero(x) && is_zero(y) {
                    self.count(Known::ZeroSign);
                } else {
                    self.differs(place, path.clone(), "another value", values());
                }
            }
            _ if a.0.slice(a.1, 1).to_data() == b.0.slice(b.1, 1).to_data() => {}
            _ => self.differs(place, path.clone(), "another value", values()),
        }
    }

    /// Entries are found by their key: their order is no part of a MAP.
    fn map(&mut self, place: Place, path: &Path, a: (&ArrayRef, usize), b: (&ArrayRef, usize)) {
        let (x, y) = (a.0.as_map().value(a.1), b.0.as_map().value(b.1));
        let entries = |entries: &arrow::array::StructArray| -> BTreeMap<String, usize> {
            (0..entries.len()).map(|at| (whole_text(entries.column(0), at), at)).collect()
        };
        let (ours, theirs) = (entries(&x), entries(&y));
        if !ours.keys().eq(theirs.keys()) {
            let values = [(a.0.as_ref(), a.1), (b.0.as_ref(), b.1)];
            return self.differs(place, path.clone(), "other keys", Some(values));
        }
        for (key, at) in &ours {
            let step = path.key(&shorten(key.clone()));
            self.value(place, &step, (x.column(1), *at), (y.column(1), theirs[key]));
        }
    }
}

/// The same type, whatever the names and nullability of what is nested: members are compared by name.
fn same_kind(a: &DataType, b: &DataType) -> bool {
    match (a, b) {
        (DataType::Struct(a), DataType::Struct(b)) => a.len() == b.len(),
        (DataType::List(_), DataType::List(_)) | (DataType::Map(..), DataType::Map(..)) => true,
        (a, b) => a == b,
    }
}

/// A value as people read it, shortened.
fn text(array: &dyn Array, at: usize) -> String {
    shorten(whole_text(array, at))
}

fn whole_text(array: &dyn Array, at: usize) -> String {
    let options = FormatOptions::default().with_null("null");
    match ArrayFormatter::try_new(array, &options) {
        Ok(formatter) => formatter.value(at).to_string(),
        Err(_) => format!("a value of the type {}", array.data_type()),
    }
}

fn shorten(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;

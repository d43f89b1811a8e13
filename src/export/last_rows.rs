//! A log is known again by its rows: of each partition the last row that the lake was read from is asked for once more, and
//! has to be the same one.
//!
//! ```text
//! spans     from the last row instead of from the position
//! check     the row is there ─▶ the same: this is the log · another: it is another log, and nothing is read
//!           no row is there (compaction, retention) ─▶ nothing is known
//!           what lies below the positions is left out: no row is written twice
//! note      the last row of each partition that came, for the next time
//! ```
//!
//! A topic is deleted and made again as a whole: one row that is the same says it of all partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use arrow::array::cast::AsArray;
use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, SecondsFormat};
use twox_hash::xxhash3_128;

use super::plan::Way;
use crate::error::{Error, Kind, Result};
use crate::ksql::describe::Description;
use crate::lake::{LastRow, TableSchema};
use crate::source::{BadRecord, Offsets, Span};

/// Of another form of hashing nothing can be compared.
const FORM: &str = "1";

/// The last rows of a dataset, on their way to be seen again, and those that came since.
#[derive(Debug)]
pub(super) struct LastRows {
    like: String,
    /// Rows that are to be seen again, by partition.
    wanted: BTreeMap<i32, LastRow>,
    /// The position of each partition of which no row at it or behind it has come yet.
    below: Offsets,
    /// Partitions with something new.
    open: BTreeSet<i32>,
    /// A row was the same.
    proved: bool,
    came: BTreeMap<i32, LastRow>,
}

/// What became of rows or a record.
#[derive(Debug)]
pub(super) enum Checked<T> {
    /// These are new.
    New(T),
    /// There is nothing new.
    Known,
    /// The log is another one; why.
    Other(String),
}

impl<T> Checked<T> {
    /// Why the log is another one, if it is.
    pub(super) fn other(self) -> Option<String> {
        match self {
            Self::Other(why) => Some(why),
            Self::New(_) | Self::Known => None,
        }
    }
}

impl LastRows {
    /// For a dataset with these last rows and positions. `like` says what is read, and how: see [`likeness`].
    pub(super) fn new(held: &BTreeMap<i32, LastRow>, positions: &Offsets, like: String) -> Self {
        let is_below =
            |partition: &i32, row: &LastRow| positions.get(partition).is_some_and(|next| row.offset < *next);
        let wanted = held.iter().filter(|(partition, row)| row.like == like && is_below(partition, row));
        let wanted: BTreeMap<_, _> = wanted.map(|(partition, row)| (*partition, row.clone())).collect();
        let below = positions.iter().filter(|(partition, _)| wanted.contains_key(partition));
        let below = below.map(|(partition, next)| (*partition, *next)).collect();
        Self { like, wanted, below, open: BTreeSet::new(), proved: false, came: BTreeMap::new() }
    }

    /// What is to be asked for, so that these spans are read and the rows are seen again: of a partition with nothing new the
    /// row alone. `starts` are the first offsets of the log, where they are known.
    pub(super) fn spans(&mut self, spans: &BTreeMap<i32, Span>, starts: &Offsets) -> BTreeMap<i32, Span> {
        let mut asked = spans.clone();
        for (partition, row) in &self.wanted {
            let Some(span) = asked.get_mut(partition) else { continue };
            // What the log no longer holds cannot be asked for.
            if starts.get(partition).is_some_and(|start| row.offset < *start) || row.offset >= span.next {
                continue;
            }
            if span.is_open() {
                self.open.insert(*partition);
            } else {
                span.until = Some(row.offset + 1);
            }
            span.next = row.offset;
        }
        self.wanted.retain(|partition, row| asked.get(partition).is_some_and(|span| span.next == row.offset));
        let wanted = &self.wanted;
        self.below.retain(|partition, _| wanted.contains_key(partition));
        asked
    }

    /// Some row is to be seen again.
    pub(super) fn are_wanted(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Rows may be committed: the log is known, or it is known that no row tells which it is. Only partitions with something
    /// new are waited for: a row that is gone from another one would be missed at the end alone.
    pub(super) fn are_settled(&self) -> bool {
        self.proved || !self.wanted.keys().any(|partition| self.open.contains(partition))
    }

    /// Looks at rows; of each partition they come in the order of their offsets.
    pub(super) fn rows(&mut self, batch: RecordBatch) -> Result<Checked<RecordBatch>> {
        let (partitions, offsets) = positions(&batch)?;
        let mut keep = Vec::new();
        if !self.below.is_empty() {
            let mut rows = Row::of(&batch)?;
            for (at, (partition, offset)) in std::iter::zip(&partitions, &offsets).enumerate() {
                let is_new = self.below.get(partition).is_none_or(|next| offset >= next);
                if let Some(wanted) = self.seen(*partition, *offset, is_new) {
                    let now = rows.row(at, *offset, &self.like)?;
                    if now != wanted {
                        return Ok(Checked::Other(differ(*partition, &wanted, Some(now.rowtime))));
                    }
                    self.proved = true;
                }
                if !is_new && keep.is_empty() {
                    keep = vec![true; partitions.len()];
                }
                if !is_new {
                    keep[at] = false;
                }
            }
        }
        let batch = if keep.is_empty() {
            batch
        } else {
            filter_record_batch(&batch, &BooleanArray::from(keep))
                .map_err(|e| Error::new(Kind::Bug, format!("cannot leave out rows: {e}")))?
        };
        if batch.num_rows() == 0 {
            return Ok(Checked::Known);
        }
        self.note(&batch)?;
        Ok(Checked::New(batch))
    }

    /// Looks at a record that cannot be a row.
    pub(super) fn bad(&mut self, bad: BadRecord) -> Checked<BadRecord> {
        let is_new = self.below.get(&bad.partition).is_none_or(|next| bad.offset >= *next);
        match self.seen(bad.partition, bad.offset, is_new) {
            Some(wanted) => Checked::Other(differ(bad.partition, &wanted, None)),
            None if is_new => Checked::New(bad),
            None => Checked::Known,
        }
    }

    /// Takes note of a record; gives the row that is to be there. Behind its place it comes no more.
    fn seen(&mut self, partition: i32, offset: i64, is_new: bool) -> Option<LastRow> {
        if is_new {
            self.below.remove(&partition);
        }
        let wanted = self.wanted.get(&partition)?;
        if wanted.offset > offset {
            return None;
        }
        self.wanted.remove(&partition).filter(|wanted| wanted.offset == offset)
    }

    /// Keeps the last row of each partition of the batch.
    fn note(&mut self, batch: &RecordBatch) -> Result<()> {
        let (partitions, offsets) = positions(batch)?;
        let mut last: BTreeMap<i32, usize> = BTreeMap::new();
        let mut rest = partitions.as_slice();
        // Rows of one partition come by the hundred.
        while let Some(partition) = rest.last() {
            last.entry(*partition).or_insert(rest.len() - 1);
            let run = rest.iter().rev().take_while(|other| *other == partition).count();
            rest = &rest[..rest.len() - run];
        }
        let mut rows = Row::of(batch)?;
        for (partition, at) in last {
            let row = rows.row(at, offsets[at], &self.like)?;
            self.came.insert(partition, row);
        }
        Ok(())
    }

    /// The last rows that came since the last time this was asked.
    pub(super) fn take(&mut self) -> BTreeMap<i32, LastRow> {
        std::mem::take(&mut self.came)
    }
}

/// What two hashes must have been made of to be compared: the way of reading, the columns, and whatever the statement says.
pub(super) fn likeness(way: Way, source: &Description, schema: &TableSchema) -> String {
    // Records that are decoded here, and rows that ksqlDB made of them.
    let decoded = match way {
        Way::Kafka | Way::Raw => way.name(),
        Way::Offsets | Way::Idle | Way::Follow => "query",
    };
    let mut text = format!("{FORM}\n{decoded}\n{}\n{}\n", source.name, source.statement);
    for part in [&source.timestamp, &source.key_format, &source.value_format, &schema.ksql] {
        let _ = writeln!(text, "{part}");
    }
    format!("{:032x}", xxhash3_128::Hasher::oneshot(text.as_bytes()))
}

/// Partition and offset of each row.
fn positions(batch: &RecordBatch) -> Result<(Vec<i32>, Vec<i64>)> {
    let partitions = batch.column(1).as_primitive_opt::<Int32Type>();
    let offsets = batch.column(2).as_primitive_opt::<Int64Type>();
    match partitions.zip(offsets) {
        Some((partitions, offsets)) => Ok((partitions.values().to_vec(), offsets.values().to_vec())),
        None => Err(Error::new(Kind::Bug, "a batch does not begin with ROWTIME, ROWPARTITION, ROWOFFSET")),
    }
}

/// Rows of a batch as they are kept.
struct Row<'a> {
    times: &'a [i64],
    columns: Vec<ArrayFormatter<'a>>,
    text: Vec<u8>,
}

impl<'a> Row<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_null("\u{0}");
        let bug = |e| Error::new(Kind::Bug, format!("a row cannot be written as text: {e}"));
        let times = batch.column(0).as_primitive_opt::<Int64Type>();
        let times = times.ok_or_else(|| Error::new(Kind::Bug, "a batch does not begin with ROWTIME"))?;
        let values = batch.columns().iter().skip(3).filter(|column| !has_map(column.data_type()));
        let columns =
            values.map(|column| ArrayFormatter::try_new(column.as_ref(), &OPTIONS)).collect::<Result<_, _>>();
        Ok(Self { times: times.values(), columns: columns.map_err(bug)?, text: Vec::new() })
    }

    fn row(&mut self, at: usize, offset: i64, like: &str) -> Result<LastRow> {
        use std::io::Write as _;
        let bug = |e| Error::new(Kind::Bug, "a row cannot be written as text").because(e);
        self.text.clear();
        for column in &self.columns {
            let start = self.text.len();
            write!(self.text, "{}", column.value(at)).map_err(bug)?;
            // Each value with its length: no two rows have one text.
            let len = self.text.len() - start;
            self.text.extend_from_slice(&len.to_be_bytes());
        }
        Ok(LastRow {
            offset,
            rowtime: self.times.get(at).copied().unwrap_or_default(),
            hash: format!("{:032x}", xxhash3_128::Hasher::oneshot(&self.text)),
            like: like.to_owned(),
        })
    }
}

/// The entries of a MAP have no order that ksqlDB would keep.
fn has_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(item) => has_map(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_map(field.data_type())),
        _ => false,
    }
}

/// In words that a record is another one than the row that is held. `now`: its ROWTIME, where it is a row.
fn differ(partition: i32, held: &LastRow, now: Option<i64>) -> String {
    let time = |ms: i64| match DateTime::from_timestamp_millis(ms) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true),
        None => format!("{ms} ms"),
    };
    let now = match now {
        None => "a record that is no row".to_owned(),
        Some(now) if now == held.rowtime => "one of the same time with other values".to_owned(),
        Some(now) => format!("one of {}", time(now)),
    };
    let LastRow { offset, rowtime, .. } = held;
    format!(
        "at offset {offset} of Kafka partition {partition} the dataset holds the row of {}, and the log has {now}",
        time(*rowtime)
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, Int64Array, StringArray};
    use arrow::datatypes::{Field, Schema};

    use super::*;
    use crate::ksql::decode::BadRow;

    /// Rows of partition, offset, time and value.
    fn batch(rows: &[(i32, i64, i64, &str)]) -> RecordBatch {
        let field = |name: &str, data_type| Field::new(name, data_type, true);
        let schema = Schema::new(vec![
            field("ROWTIME", DataType::Int64),
            field("ROWPARTITION", DataType::Int32),
            field("ROWOFFSET", DataType::Int64),
            field("V", DataType::Utf8),
        ]);
        let columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2))),
            Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0))),
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.1))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.3))),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    fn bad(partition: i32, offset: i64) -> BadRecord {
        let bad = BadRow {
            path: "$".into(),
            place: "$".into(),
            reason: "broken".into(),
            offset: 0,
            arity: false,
            syntax: true,
        };
        BadRecord { partition, offset, bad, value: Vec::new() }
    }

    /// What a first run keeps: rows 0 to 4 of partition 0 and 0 to 2 of partition 1; then each partition had a record that was
    /// no row.
    fn held() -> (BTreeMap<i32, LastRow>, Offsets) {
        let mut rows = LastRows::new(&BTreeMap::new(), &Offsets::new(), "x".into());
        for part in [[(0, 3, 30, "a"), (1, 1, 11, "b")], [(1, 2, 12, "c"), (0, 4, 40, "d")]] {
            assert!(matches!(rows.rows(batch(&part)).unwrap(), Checked::New(_)));
        }
        let held = rows.take();
        assert_eq!(
            held.iter().map(|(p, row)| (*p, row.offset, row.rowtime)).collect::<Vec<_>>(),
            [(0, 4, 40), (1, 2, 12)]
        );
        (held, Offsets::from([(0, 6), (1, 4)]))
    }

    fn again() -> LastRows {
        let (held, positions) = held();
        let mut rows = LastRows::new(&held, &positions, "x".into());
        let span = |next, until| Span { next, until: Some(until) };
        let spans = BTreeMap::from([(0, span(6, 9)), (1, span(4, 4)), (2, span(0, 5))]);
        let asked = rows.spans(&spans, &Offsets::new());
        // Of a partition without anything new the row alone.
        assert_eq!(asked, BTreeMap::from([(0, span(4, 9)), (1, span(2, 3)), (2, span(0, 5))]));
        rows
    }

    fn kept(checked: Checked<RecordBatch>) -> Vec<(i32, i64)> {
        match checked {
            Checked::New(batch) => {
                let (partitions, offsets) = positions(&batch).unwrap();
                partitions.into_iter().zip(offsets).collect()
            }
            Checked::Known => Vec::new(),
            Checked::Other(why) => panic!("{why}"),
        }
    }

    #[test]
    fn the_same_rows_are_the_same_log_and_none_comes_twice() {
        let mut rows = again();
        assert_eq!(kept(rows.rows(batch(&[(2, 0, 1, "z")])).unwrap()), [(2, 0)]);
        assert!(!rows.are_settled());
        let came =
            rows.rows(batch(&[(0, 4, 40, "d"), (0, 6, 60, "e"), (1, 2, 12, "c"), (0, 7, 70, "f")])).unwrap();
        assert_eq!(kept(came), [(0, 6), (0, 7)]);
        assert!(rows.are_settled());
        assert_eq!(rows.take()[&0].offset, 7);
        // Records below the positions that were no rows the first time are none now.
        let mut rows = again();
        assert!(matches!(rows.bad(bad(0, 5)), Checked::Known));
        assert!(matches!(rows.bad(bad(0, 6)), Checked::New(_)));
    }

    #[test]
    fn another_row_is_another_log() {
        let other = |row| match again().rows(batch(&[row])).unwrap() {
            Checked::Other(why) => why,
            other => panic!("{other:?}"),
        };
        let why = other((0, 4, 41, "d"));
        assert!(why.contains("offset 4 of Kafka partition 0"), "{why}");
        assert!(
            why.contains("1970-01-01T00:00:00.040Z") && why.contains("1970-01-01T00:00:00.041Z"),
            "{why}"
        );
        let why = other((1, 2, 12, "other"));
        assert!(why.contains("with other values") && !why.contains("\"other\""), "{why}");
        assert!(matches!(again().bad(bad(1, 2)), Checked::Other(why) if why.contains("no row")));
    }

    #[test]
    fn where_no_row_is_nothing_is_known() {
        // Compaction took the row, and what is behind it says so.
        let mut rows = again();
        assert_eq!(kept(rows.rows(batch(&[(0, 6, 60, "e")])).unwrap()), [(0, 6)]);
        assert!(
            rows.are_settled() && rows.are_wanted(),
            "nothing new is in partition 1, whose row may still come"
        );
        // Retention took it, or what is read is another thing than before.
        let (held, positions) = held();
        let span = Span { next: 6, until: Some(9) };
        let mut rows = LastRows::new(&held, &positions, "x".into());
        let asked = rows.spans(&BTreeMap::from([(0, span)]), &Offsets::from([(0, 5)]));
        assert_eq!((asked[&0], rows.are_settled()), (span, true));
        let mut rows = LastRows::new(&held, &positions, "y".into());
        assert_eq!(rows.spans(&BTreeMap::from([(0, span)]), &Offsets::new())[&0], span);
        // A position that was taken back.
        let mut rows = LastRows::new(&held, &Offsets::from([(0, 4)]), "x".into());
        let span = Span { next: 4, until: Some(9) };
        assert_eq!(rows.spans(&BTreeMap::from([(0, span)]), &Offsets::new())[&0], span);
        assert_eq!(kept(rows.rows(batch(&[(0, 4, 40, "d")])).unwrap()), [(0, 4)]);
    }

    #[test]
    fn texts_that_only_look_alike_are_not() {
        let hash = |value| {
            let batch = batch(&[(0, 0, 0, value)]);
            Row::of(&batch).unwrap().row(0, 0, "x").unwrap().hash
        };
        assert_ne!(hash("a"), hash("b"));
        assert_eq!(hash("a"), hash("a"));
    }
}

//! Which offset comes next in each Kafka partition, and which rows were seen already.
//!
//! ksqlDB delivers at least once: after a rebalance the same rows may come again. Within one partition offsets come in
//! ascending order, so a row below the next offset was delivered before and is left out, unless its offset was passed over:
//! then the order is broken, and leaving it out would lose it. What was asked for bounds what
//! may come: a row of another partition or beyond the end means that the server answered another question.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use arrow::array::cast::AsArray;
use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};

use crate::error::{Error, Kind, Result};
use crate::source::{Offsets, Span};

/// Gaps that are remembered of one partition: transactions leave one each.
const MAX_GAPS: usize = 65_536;

/// Positions of one read.
#[derive(Debug, Clone)]
pub(super) struct Positions {
    spans: BTreeMap<i32, Span>,
    /// Whether partitions that were not asked for may appear (reads without a bound).
    open: bool,
    /// Offsets that were passed over, by partition: of this read no row of them has come.
    gaps: BTreeMap<i32, VecDeque<Range<i64>>>,
    /// Rows that were delivered again and left out.
    pub duplicates: u64,
    /// Rows that no row before had the offset of: all progress that a read makes.
    pub fresh: u64,
}

/// What to do with one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The row is new.
    New,
    /// The row was delivered before.
    Before,
}

impl Positions {
    pub(super) fn new(spans: BTreeMap<i32, Span>, open: bool) -> Self {
        Self { spans, open, gaps: BTreeMap::new(), duplicates: 0, fresh: 0 }
    }

    /// Takes note of one row.
    pub(super) fn observe(&mut self, partition: i32, offset: i64) -> Result<Seen> {
        let span = match self.spans.get_mut(&partition) {
            Some(span) => span,
            None if self.open && partition >= 0 => {
                self.spans.entry(partition).or_insert(Span { next: 0, until: None })
            }
            None => return Err(foreign(partition, offset, "no row of that partition was asked for")),
        };
        if span.until.is_some_and(|until| offset >= until) || offset < 0 {
            return Err(foreign(partition, offset, "the offset lies outside of what was asked for"));
        }
        if offset < span.next {
            let gaps = self.gaps.get(&partition);
            if gaps.is_some_and(|gaps| gaps.iter().any(|gap| gap.contains(&offset))) {
                return Err(Error::new(Kind::Garbled, "the rows of a partition came out of order")
                    .at("offset", offset)
                    .at("partition", partition)
                    .next("nothing since the last commit is kept; it is read again"));
            }
            self.duplicates += 1;
            return Ok(Seen::Before);
        }
        if offset > span.next {
            let gaps = self.gaps.entry(partition).or_default();
            if gaps.len() == MAX_GAPS {
                gaps.pop_front();
            }
            gaps.push_back(span.next..offset);
        }
        span.next = offset + 1;
        self.fresh += 1;
        Ok(Seen::New)
    }

    /// Takes note of a batch whose columns 1 and 2 are ROWPARTITION and ROWOFFSET; gives back the rows to keep, `None`
    /// for all of them.
    pub(super) fn observe_batch(&mut self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        let partitions = batch.column(1).as_primitive_opt::<Int32Type>();
        let offsets = batch.column(2).as_primitive_opt::<Int64Type>();
        let (Some(partitions), Some(offsets)) = (partitions, offsets) else {
            return Err(Error::new(
                Kind::Bug,
                "a batch does not begin with ROWTIME, ROWPARTITION, ROWOFFSET",
            ));
        };
        if partitions.null_count() > 0 || offsets.null_count() > 0 {
            return Err(Error::new(Kind::Garbled, "a row came without its partition or offset")
                .next("rows without a position cannot be resumed; nothing of this read is kept"));
        }
        let before = self.duplicates;
        let mut keep = Vec::new();
        for (row, (&partition, &offset)) in partitions.values().iter().zip(offsets.values()).enumerate() {
            let seen = self.observe(partition, offset)?;
            if seen == Seen::Before && keep.is_empty() {
                keep = vec![true; batch.num_rows()];
            }
            if seen == Seen::Before {
                keep[row] = false;
            }
        }
        Ok((self.duplicates > before).then(|| BooleanArray::from(keep)))
    }

    /// Every partition has delivered up to its end.
    pub(super) fn reached(&self) -> bool {
        self.spans.values().all(|span| span.until.is_some_and(|until| span.next >= until))
    }

    /// The partitions that have not delivered up to their end, with that end.
    pub(super) fn missing(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        self.spans.iter().filter_map(|(p, span)| {
            let until = span.until?;
            (span.next < until).then_some((*p, until))
        })
    }

    /// What is still to be delivered, for another query.
    pub(super) fn missing_spans(&self) -> BTreeMap<i32, Span> {
        let missing = self.spans.iter().filter(|(_, span)| span.until.is_some() && span.is_open());
        missing.map(|(partition, span)| (*partition, *span)).collect()
    }

    /// The most records that the log can hold, by the offsets that were seen.
    pub(super) fn most_records(&self) -> u64 {
        self.spans.values().map(|span| u64::try_from(span.next).unwrap_or(0)).fold(0, u64::saturating_add)
    }

    /// The next offset of each partition once the read is known to be complete: its end, where it has one.
    pub(super) fn ends(&self) -> Offsets {
        self.spans.iter().map(|(p, span)| (*p, span.until.unwrap_or(span.next).max(span.next))).collect()
    }
}

fn foreign(partition: i32, offset: i64, why: &str) -> Error {
    Error::new(Kind::Garbled, format!("the server sent a row that was not asked for: {why}"))
        .at("offset", offset)
        .at("partition", partition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int32Array, Int64Array};
    use arrow::datatypes::{DataType, Field, Schema};
    use std::sync::Arc;

    fn batch(rows: &[(i32, i64)]) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("ROWTIME", DataType::Int64, true),
            Field::new("ROWPARTITION", DataType::Int32, true),
            Field::new("ROWOFFSET", DataType::Int64, true),
        ]);
        RecordBatch::try_new(
            Arc::new(schema),
            vec![
                Arc::new(Int64Array::from(vec![0; rows.len()])),
                Arc::new(Int32Array::from_iter_values(rows.iter().map(|r| r.0))),
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1))),
            ],
        )
        .unwrap()
    }

    fn bounded(spans: &[(i32, i64, i64)]) -> Positions {
        let spans = spans.iter().map(|&(p, next, until)| (p, Span { next, until: Some(until) })).collect();
        Positions::new(spans, false)
    }

    #[test]
    fn a_replay_is_left_out_and_counted() {
        let mut positions = bounded(&[(0, 5, 10)]);
        assert_eq!(positions.observe_batch(&batch(&[(0, 5), (0, 6)])).unwrap(), None);
        let keep = positions.observe_batch(&batch(&[(0, 5), (0, 6), (0, 7)])).unwrap().unwrap();
        assert_eq!(keep, BooleanArray::from(vec![false, false, true]));
        assert_eq!(positions.duplicates, 2);
        assert_eq!(positions.missing_spans(), BTreeMap::from([(0, Span { next: 8, until: Some(10) })]));
    }

    #[test]
    fn gaps_are_no_loss_and_the_end_is_the_bound() {
        let mut positions = bounded(&[(0, 0, 10), (1, 0, 3)]);
        positions.observe_batch(&batch(&[(0, 2), (0, 9), (1, 1)])).unwrap();
        assert!(!positions.reached());
        assert_eq!(positions.missing().collect::<Vec<_>>(), [(1, 3)]);
        assert_eq!(positions.missing_spans(), BTreeMap::from([(1, Span { next: 2, until: Some(3) })]));
        assert_eq!(positions.ends(), BTreeMap::from([(0, 10), (1, 3)]));
    }

    #[test]
    fn a_row_that_was_passed_over_is_no_duplicate() {
        let mut positions = bounded(&[(0, 0, 10)]);
        positions.observe_batch(&batch(&[(0, 0), (0, 3)])).unwrap();
        assert_eq!(positions.observe(0, 3).unwrap(), Seen::Before);
        assert_eq!(positions.observe(0, 0).unwrap(), Seen::Before);
        assert_eq!(positions.observe(0, 2).unwrap_err().kind(), Kind::Garbled);
    }

    #[test]
    fn what_was_not_asked_for_is_refused() {
        let mut positions = bounded(&[(0, 0, 10)]);
        assert_eq!(positions.observe(0, 10).unwrap_err().kind(), Kind::Garbled);
        assert_eq!(positions.observe(1, 0).unwrap_err().kind(), Kind::Garbled);
        let mut open = Positions::new(BTreeMap::new(), true);
        assert_eq!(open.observe(7, 3).unwrap(), Seen::New);
        assert!(!open.reached());
    }
}

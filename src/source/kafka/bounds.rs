//! Which partition is read to its end.
//!
//! A partition is done when a record at its bound or beyond has come, when the record before the bound has, or when the
//! broker said that its log ends: the bound was asked for before the read began, so the log's end cannot lie before it.
//! Markers of transactions and holes of compaction bring no record; those two signs pass over them.

use std::collections::BTreeMap;

use crate::source::Span;

/// The spans of a read and how far each has come.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    spans: BTreeMap<i32, Span>,
    /// Partitions that are not done.
    open: usize,
}

/// What a record is to a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// One of those asked for.
    Inside,
    /// One of those asked for, and the last one of its partition.
    Last,
    /// Behind the bound: its partition is done.
    Beyond,
    /// It came before, or nobody asked for it.
    Foreign,
}

impl Bounds {
    pub(super) fn new(spans: BTreeMap<i32, Span>) -> Self {
        let open = spans.values().filter(|span| span.is_open()).count();
        Self { spans, open }
    }

    /// The partitions with something to read, and from where.
    pub(super) fn starts(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        self.spans.iter().filter(|(_, span)| span.is_open()).map(|(partition, span)| (*partition, span.next))
    }

    /// Takes note of a record.
    pub(super) fn record(&mut self, partition: i32, offset: i64) -> Place {
        let Some(span) = self.spans.get_mut(&partition) else { return Place::Foreign };
        if offset < span.next {
            return Place::Foreign;
        }
        let was_open = span.is_open();
        let place = match span.until {
            Some(until) if offset >= until => {
                span.next = until;
                Place::Beyond
            }
            until => {
                span.next = offset + 1;
                if until == Some(offset + 1) { Place::Last } else { Place::Inside }
            }
        };
        if was_open && !span.is_open() {
            self.open -= 1;
        }
        place
    }

    /// The broker said that the partition's log ends where it was read to.
    pub(super) fn log_end(&mut self, partition: i32) {
        let Some(span) = self.spans.get_mut(&partition) else { return };
        if let Some(until) = span.until.filter(|_| span.is_open()) {
            span.next = until;
            self.open -= 1;
        }
    }

    /// Some partition is to be read to an end.
    pub(super) fn has_ends(&self) -> bool {
        self.spans.values().any(|span| span.until.is_some())
    }

    /// The partitions that are not read to their end, with that end.
    pub(super) fn missing(&self) -> impl Iterator<Item = (i32, i64)> + '_ {
        let open = self.spans.iter().filter(|(_, span)| span.is_open());
        open.filter_map(|(partition, span)| Some((*partition, span.until?)))
    }

    /// Every partition is done.
    pub(super) fn is_done(&self) -> bool {
        self.open == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(spans: &[(i32, i64, Option<i64>)]) -> Bounds {
        Bounds::new(spans.iter().map(|&(p, next, until)| (p, Span { next, until })).collect())
    }

    #[test]
    fn the_last_record_one_beyond_it_and_the_logs_end_each_end_a_partition() {
        let mut bounds = bounds(&[(0, 0, Some(3)), (1, 5, Some(9)), (2, 0, Some(4)), (3, 7, Some(7))]);
        assert_eq!(bounds.starts().collect::<Vec<_>>(), [(0, 0), (1, 5), (2, 0)]);
        assert_eq!(bounds.record(0, 0), Place::Inside);
        assert_eq!(bounds.record(0, 2), Place::Last);
        assert_eq!(bounds.record(0, 3), Place::Beyond);
        // A hole behind offset 6, and a record beyond the bound.
        assert_eq!(bounds.record(1, 6), Place::Inside);
        assert_eq!(bounds.record(1, 12), Place::Beyond);
        assert!(!bounds.is_done());
        // Nothing but markers.
        bounds.log_end(2);
        bounds.log_end(2);
        assert!(bounds.is_done());
    }

    #[test]
    fn what_came_before_or_from_elsewhere_is_foreign() {
        let mut bounds = bounds(&[(0, 5, Some(9))]);
        assert_eq!(bounds.record(0, 4), Place::Foreign);
        assert_eq!(bounds.record(1, 5), Place::Foreign);
        assert_eq!(bounds.record(0, 5), Place::Inside);
        assert_eq!(bounds.record(0, 5), Place::Foreign);
    }

    #[test]
    fn a_read_without_end_goes_on_at_the_logs_end() {
        let mut bounds = bounds(&[(0, 5, None)]);
        bounds.log_end(0);
        assert_eq!(bounds.record(0, 5), Place::Inside);
        assert!(!bounds.is_done());
    }
}

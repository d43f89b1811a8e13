//! The last records in memory, for a screen: bounded, oldest out first.

use std::collections::VecDeque;

use super::Record;

/// A bounded list of records, oldest first. It counts what it had to let go, so that a view can say so.
#[derive(Debug, Clone)]
pub struct Ring {
    records: VecDeque<Record>,
    capacity: usize,
    dropped: u64,
}

impl Ring {
    /// A ring of at most `capacity` records (at least one).
    pub fn new(capacity: usize) -> Self {
        Self { records: VecDeque::new(), capacity: capacity.max(1), dropped: 0 }
    }

    /// Adds a record; the oldest goes when the ring is full.
    pub fn push(&mut self, record: Record) {
        if self.records.len() == self.capacity {
            self.records.pop_front();
            self.dropped += 1;
        }
        self.records.push_back(record);
    }

    /// The records, oldest first; reversible and of known length.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator {
        self.records.iter()
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many records were let go since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The records as a list, oldest first.
    pub fn into_vec(self) -> Vec<Record> {
        self.records.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Level;

    #[test]
    fn the_oldest_goes_first_and_is_counted() {
        let mut ring = Ring::new(2);
        assert!(ring.is_empty());
        for message in ["a", "b", "c"] {
            ring.push(Record::new(chrono::DateTime::UNIX_EPOCH, Level::Info, None, message));
        }
        let kept: Vec<_> = ring.iter().map(|r| r.message.as_str()).collect();
        assert_eq!(kept, ["b", "c"]);
        assert_eq!((ring.len(), ring.dropped()), (2, 1));
    }
}

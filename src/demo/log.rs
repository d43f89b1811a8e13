//! The topics: which record is at which offset of which partition, computed and never stored.

use super::cell::Record;
use super::transaction::{BLACKLIST_SPAN, ITEMS_PER_PAIR, World};

/// How the records of a topic follow from the transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Log {
    /// One record per transaction, at its place.
    Transactions,
    /// The transactions of blacklisted cities, with offsets of their own.
    Blacklisted,
    /// One record per item.
    Items,
    /// Nothing: what a condition that is never met writes.
    Empty,
}

impl Log {
    /// The offset after the last record of `partition` when `count` transactions exist.
    pub(super) fn end(self, world: &World, partition: u64, count: u64) -> u64 {
        let end = world.end(partition, count);
        match self {
            Self::Transactions => end,
            Self::Blacklisted => {
                let (group, rest) = (end / BLACKLIST_SPAN, end % BLACKLIST_SPAN);
                group + u64::from(world.blacklisted_place(partition, group) < rest)
            }
            Self::Items => {
                let pair = end / 2;
                let half = if end.is_multiple_of(2) { 0 } else { world.first_items(partition, pair) };
                pair * ITEMS_PER_PAIR + half
            }
            Self::Empty => 0,
        }
    }

    /// [`Log::end`] of every partition.
    pub(super) fn ends(self, world: &World, count: u64) -> Vec<u64> {
        (0..world.partitions()).map(|partition| self.end(world, partition, count)).collect()
    }

    /// The record at an offset; the caller stays below [`Log::end`].
    pub(super) fn record(self, world: &World, partition: u64, offset: u64) -> Record {
        let (place, item) = match self {
            Self::Transactions | Self::Empty => (offset, 0),
            Self::Blacklisted => (offset * BLACKLIST_SPAN + world.blacklisted_place(partition, offset), 0),
            Self::Items => {
                let (pair, rest) = (offset / ITEMS_PER_PAIR, offset % ITEMS_PER_PAIR);
                let first = world.first_items(partition, pair);
                if rest < first { (pair * 2, rest) } else { (pair * 2 + 1, rest - first) }
            }
        };
        let item = usize::try_from(item).unwrap_or(0);
        Record { transaction: world.at(partition, place), partition, offset, item }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::DemoOptions;

    fn world(partitions: u32) -> World {
        World::new(&DemoOptions { rows: 5_000, partitions, seed: 7, ..DemoOptions::default() })
    }

    #[test]
    fn every_transaction_is_at_one_place_and_partitions_stay_balanced() {
        for partitions in [1, 3, 7] {
            let world = world(partitions);
            for count in [0, 1, 2, 100, 1_001] {
                let ends = Log::Transactions.ends(&world, count);
                assert_eq!(ends.iter().sum::<u64>(), count);
                let (least, most) = (ends.iter().min().unwrap(), ends.iter().max().unwrap());
                assert!(most - least <= 1, "{ends:?}");
            }
            for index in 0..1_000 {
                let transaction = world.transaction(index);
                let again = world.at(world.place(index).0, world.place(index).1);
                assert_eq!(again.index, index);
                assert_eq!(again.time_ms, transaction.time_ms);
            }
        }
    }

    #[test]
    fn derived_topics_hold_what_the_transactions_hold() {
        let world = world(3);
        for count in [0, 1, 50, 777, 1_500] {
            let mut blacklisted = vec![0; 3];
            let mut items = vec![0; 3];
            for index in 0..count {
                let transaction = world.transaction(index);
                let partition = usize::try_from(world.place(index).0).unwrap();
                items[partition] += transaction.items().len() as u64;
                blacklisted[partition] += u64::from(transaction.is_blacklisted());
            }
            assert_eq!(Log::Blacklisted.ends(&world, count), blacklisted, "of {count}");
            assert_eq!(Log::Items.ends(&world, count), items, "of {count}");
        }
        for offset in 0..40 {
            assert!(Log::Blacklisted.record(&world, 1, offset).transaction.is_blacklisted());
            let record = Log::Items.record(&world, 1, offset);
            assert!(record.item < record.transaction.items().len());
        }
    }

    #[test]
    fn event_times_stay_in_the_range_and_go_on_after_it() {
        let world = world(3);
        let start = DemoOptions::default().start.timestamp_millis();
        let end = start + 30 * 86_400_000;
        assert!((0..5_000).all(|i| (start..end).contains(&world.transaction(i).time_ms)));
        assert!(world.transaction(5_100).time_ms > end);
    }
}

//! Offsets in any order: the rows of a file that is sorted by its columns have theirs as chance would have it.
//!
//! [`OffsetRanges`] takes offsets that come one after another. Where they come in disorder, each would be a
//! range of its own, and every insertion would move the others. Here 65,536 offsets share a block: a list of those held while they are
//! few, a bit for each from then on. So memory is at most two bytes a row, and a bit where rows are dense.

use std::collections::BTreeMap;

use super::offsets::{OffsetRanges, Ranges};

/// Offsets of a block, as a power of two.
const BLOCK_BITS: u32 = 16;
/// Offsets held of a block from which on it has a bit for each.
const LIST: usize = 4096;
/// Words of such a block.
const WORDS: usize = 1 << (BLOCK_BITS - 6);

/// A set of offsets, per Kafka partition.
#[derive(Debug, Default)]
pub(crate) struct OffsetSet {
    blocks: BTreeMap<(i32, i64), Block>,
    /// The block used last, taken out of `blocks`: rows mostly stay near each other.
    last: Option<((i32, i64), Block)>,
}

#[derive(Debug)]
enum Block {
    /// In ascending order.
    List(Vec<u16>),
    Bits(Box<[u64]>),
}

impl OffsetSet {
    /// Adds an offset; `false` when it was there.
    pub(crate) fn insert(&mut self, partition: i32, offset: i64) -> bool {
        let key = (partition, offset >> BLOCK_BITS);
        if self.last.as_ref().is_none_or(|(known, _)| *known != key) {
            self.settle();
            let block = self.blocks.remove(&key).unwrap_or(Block::List(Vec::new()));
            self.last = Some((key, block));
        }
        let at = u16::try_from(offset & ((1 << BLOCK_BITS) - 1)).unwrap_or_default();
        self.last.as_mut().is_some_and(|(_, block)| block.insert(at))
    }

    /// Adds the offsets of rows; gives the first one that was there already.
    pub(crate) fn insert_all(&mut self, partitions: &[i32], offsets: &[i64]) -> Option<(i32, i64)> {
        let mut rows = partitions.iter().zip(offsets);
        rows.find(|(partition, offset)| !self.insert(**partition, **offset)).map(|(p, o)| (*p, *o))
    }

    fn settle(&mut self) {
        self.blocks.extend(self.last.take());
    }

    /// As ranges; those of a Kafka partition become a hull when they are more than `cap`.
    pub(crate) fn ranges(&mut self, cap: usize) -> OffsetRanges {
        self.settle();
        let mut found: BTreeMap<i32, Ranges> = BTreeMap::new();
        for ((partition, number), block) in &self.blocks {
            let ranges = found.entry(*partition).or_default();
            let base = number << BLOCK_BITS;
            block.each(|at| {
                let offset = base + i64::from(at);
                ranges.add([offset, offset]);
            });
        }
        OffsetRanges::with(found, cap)
    }
}

impl Block {
    fn insert(&mut self, at: u16) -> bool {
        match self {
            Self::Bits(words) => {
                let (word, bit) = (usize::from(at >> 6), 1_u64 << (at & 63));
                let Some(word) = words.get_mut(word) else { return false };
                let is_new = *word & bit == 0;
                *word |= bit;
                is_new
            }
            Self::List(list) => {
                let place = match list.last() {
                    Some(greatest) if *greatest < at => list.len(),
                    None => 0,
                    Some(_) => match list.binary_search(&at) {
                        Ok(_) => return false,
                        Err(place) => place,
                    },
                };
                if list.len() < LIST {
                    list.insert(place, at);
                    return true;
                }
                let mut bits = Self::Bits(vec![0; WORDS].into_boxed_slice());
                for known in list {
                    bits.insert(*known);
                }
                *self = bits;
                self.insert(at)
            }
        }
    }

    /// Calls `take` with each that is held, in ascending order.
    fn each(&self, mut take: impl FnMut(u16)) {
        match self {
            Self::List(list) => list.iter().copied().for_each(take),
            Self::Bits(words) => {
                for (n, word) in words.iter().enumerate() {
                    let mut left = *word;
                    while left != 0 {
                        take(
                            u16::try_from(n * 64).unwrap_or_default()
                                | u16::try_from(left.trailing_zeros()).unwrap_or_default(),
                        );
                        left &= left - 1;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn listed(ranges: &OffsetRanges, partition: i32) -> Vec<i64> {
        let runs = ranges.partitions().get(&partition).map(|held| held.runs.clone()).unwrap_or_default();
        runs.iter().flat_map(|run| run[0]..=run[1]).collect()
    }

    proptest! {
        #[test]
        fn holds_what_a_set_holds(rows in prop::collection::vec((0_i32..3, -70_000_i64..140_000), 0..400)) {
            let (mut set, mut model) = (OffsetSet::default(), BTreeSet::new());
            for row in rows {
                prop_assert_eq!(set.insert(row.0, row.1), model.insert(row));
            }
            let ranges = set.ranges(usize::MAX);
            for partition in 0..3 {
                let wanted: Vec<i64> = model.iter().filter(|row| row.0 == partition).map(|row| row.1).collect();
                prop_assert_eq!(listed(&ranges, partition), wanted);
            }
        }
    }

    #[test]
    fn many_in_disorder_become_bits_and_then_one_range() {
        let mut set = OffsetSet::default();
        // 7,919 and 100,000 have no common divisor: every offset comes once.
        for n in 0..100_000_i64 {
            assert!(set.insert(2, n * 7919 % 100_000));
        }
        assert_eq!(set.insert_all(&[2, 2], &[100_000, 5]), Some((2, 5)));
        let ranges = set.ranges(4);
        let held = &ranges.partitions()[&2];
        assert_eq!((held.runs.clone(), held.rows, held.hull), (vec![[0, 100_000]], 100_001, false));
        for n in (0..40).step_by(2) {
            set.insert(5, n);
        }
        let ranges = set.ranges(4);
        let held = &ranges.partitions()[&5];
        assert_eq!((held.runs.clone(), held.rows, held.hull), (vec![[0, 38]], 20, true));
    }
}

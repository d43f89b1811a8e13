//! Which offsets are read both ways: the first, the last and some others of each partition. Pure: a seed in, ranges out.

use std::collections::BTreeMap;

/// Offsets of one range.
const OFFSETS: i64 = 300;
/// Ranges of one partition.
const OF_PARTITION: usize = 5;
/// Ranges in all. ksqlDB compiles a predicate into one Java method, whose size is bounded.
const MOST: usize = 96;

/// Offsets of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// The Kafka partition.
    pub(crate) partition: i32,
    /// The first offset.
    pub(crate) from: i64,
    /// One past the last offset.
    pub(crate) until: i64,
}

impl Range {
    pub(crate) fn contains(&self, (partition, offset): (i32, i64)) -> bool {
        self.partition == partition && (self.from..self.until).contains(&offset)
    }
}

/// Draws ranges of a log: `bounds` are the first and the end offset of each partition. They do not overlap, and ascend by
/// partition and offset. Of more partitions than there may be ranges a part is drawn.
pub(crate) fn draw(bounds: &BTreeMap<i32, (i64, i64)>, seed: u64) -> Vec<Range> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut partitions: Vec<_> = bounds.iter().filter(|(_, (start, end))| start < end).collect();
    if partitions.len() > MOST {
        rng.shuffle(&mut partitions);
        partitions.truncate(MOST);
        partitions.sort();
    }
    let each = (MOST / partitions.len().max(1)).clamp(1, OF_PARTITION);
    let drawn = partitions.iter().flat_map(|&(&partition, &(start, end))| {
        let starts = starts(start, end, each, &mut rng);
        let range = move |(from, until)| Range { partition, from, until };
        starts.into_iter().map(range).collect::<Vec<_>>()
    });
    drawn.collect()
}

/// At most `most` ranges of `start..end`.
fn starts(start: i64, end: i64, most: usize, rng: &mut fastrand::Rng) -> Vec<(i64, i64)> {
    let most = i64::try_from(most).unwrap_or(1);
    if end.saturating_sub(start) <= most * OFFSETS {
        return vec![(start, end)];
    }
    let last = (end - OFFSETS, end);
    if most == 1 {
        return vec![last];
    }
    let mut ranges = vec![(start, start + OFFSETS)];
    // The others lie in slots of equal size between the first and the last, one in each, so that none overlap.
    let slots = most - 2;
    let between = start + OFFSETS;
    let size = (end - start - 2 * OFFSETS).checked_div(slots).unwrap_or(0);
    ranges.extend((0..slots).map(|slot| {
        let from = between + slot * size + rng.i64(0..=size - OFFSETS);
        (from, from + OFFSETS)
    }));
    ranges.push(last);
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw_of(bounds: &[(i32, i64, i64)], seed: u64) -> Vec<Range> {
        draw(&bounds.iter().map(|&(p, start, end)| (p, (start, end))).collect(), seed)
    }

    #[test]
    fn the_first_the_last_and_others_between_them_without_overlap() {
        for seed in 0..50 {
            let ranges = draw_of(&[(0, 1_000, 50_000), (1, 0, 1_501), (7, 3, 3)], seed);
            let of = |partition| ranges.iter().filter(|r| r.partition == partition).collect::<Vec<_>>();
            for (partition, start, end) in [(0, 1_000, 50_000), (1, 0, 1_501)] {
                let ranges = of(partition);
                assert_eq!(ranges.len(), OF_PARTITION);
                assert_eq!((ranges[0].from, ranges[4].until), (start, end));
                assert!(ranges.iter().all(|r| r.until - r.from == OFFSETS));
                assert!(ranges.windows(2).all(|two| two[0].until <= two[1].from), "{ranges:?}");
            }
            assert!(of(7).is_empty(), "an empty partition has no range");
            assert_eq!(draw_of(&[(0, 1_000, 50_000), (1, 0, 1_501), (7, 3, 3)], seed), ranges);
        }
        assert_ne!(draw_of(&[(0, 0, 1_000_000)], 1), draw_of(&[(0, 0, 1_000_000)], 2));
    }

    #[test]
    fn a_small_partition_is_one_range_and_many_partitions_share_the_ranges() {
        assert_eq!(draw_of(&[(0, 5, 1_505)], 1), [Range { partition: 0, from: 5, until: 1_505 }]);
        let many = |count: i32| (0..count).map(|p| (p, 0, 1_000_000)).collect::<Vec<_>>();
        for (partitions, each) in [(19, 5), (48, 2), (96, 1)] {
            assert_eq!(draw_of(&many(partitions), 1).len(), usize::try_from(partitions).unwrap() * each);
        }
        let drawn = draw_of(&many(500), 1);
        assert_eq!(drawn.len(), MOST);
        assert!(drawn.iter().all(|range| range.until == 1_000_000), "the last range of each");
        assert!(drawn.windows(2).all(|two| two[0].partition < two[1].partition));
    }
}

//! Which Kafka offsets a file, a dataset or a run holds.
//!
//! Offsets of one partition mostly come one after another, so they are kept as ranges `[first, last]`. A file whose rows
//! are picked from all over the log would need a range a row: beyond a cap only the hull and the number of rows stay.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, Kind, Result};

/// Offsets per Kafka partition: the one type for what a file, a commit, a dataset or a run holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct OffsetRanges {
    partitions: BTreeMap<i32, Ranges>,
}

/// The offsets of one Kafka partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Ranges {
    /// Ranges `[first, last]`, both included, ascending, apart from each other; one hull when there were too many.
    pub runs: Vec<[i64; 2]>,
    /// Number of offsets held.
    pub rows: u64,
    /// `runs` is only the hull: not every offset in it is held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hull: bool,
}

impl OffsetRanges {
    /// Adds the offsets `first..=last`. Gives an offset that was there already, and then adds nothing; under a hull
    /// that cannot be told, and everything is taken. More than `cap` ranges become a hull.
    pub fn insert(&mut self, partition: i32, first: i64, last: i64, cap: usize) -> Result<(), i64> {
        self.partitions.entry(partition).or_default().insert(first, last, cap)
    }

    /// Of these partitions; more than `cap` ranges of one become a hull.
    pub(crate) fn with(partitions: BTreeMap<i32, Ranges>, cap: usize) -> Self {
        let mut ranges = Self { partitions };
        ranges.limit(cap);
        ranges
    }

    /// More than `cap` ranges of a Kafka partition become a hull.
    pub(crate) fn limit(&mut self, cap: usize) {
        self.partitions.values_mut().for_each(|held| held.limit(cap));
    }

    /// Adds everything that `other` holds; what was there already stays there once.
    pub(crate) fn unite(&mut self, other: &Self) {
        for (partition, ranges) in &other.partitions {
            let held = self.partitions.entry(*partition).or_default();
            held.add_all(&ranges.runs);
            held.hull |= ranges.hull;
        }
    }

    /// Adds everything that `other` holds, of which nothing is held. Where one of both tells only a hull, so does the sum.
    pub(crate) fn join(&mut self, other: &Self) {
        for (partition, ranges) in &other.partitions {
            let held = self.partitions.entry(*partition).or_default();
            let rows = held.rows.saturating_add(ranges.rows);
            let is_hull = held.hull || ranges.hull;
            held.hull = false;
            held.add_all(&ranges.runs);
            if is_hull {
                held.limit(0);
            }
            held.rows = rows;
        }
    }

    /// Adds what `other` holds of Kafka partitions of which it lists every offset.
    pub(crate) fn unite_exact(&mut self, other: &Self) {
        for (partition, ranges) in other.partitions.iter().filter(|(_, ranges)| !ranges.hull) {
            let held = self.partitions.entry(*partition).or_default();
            held.add_all(&ranges.runs);
        }
    }

    /// Adds one offset.
    pub(crate) fn add(&mut self, partition: i32, offset: i64) {
        self.partitions.entry(partition).or_default().add([offset, offset]);
    }

    /// Per Kafka partition the first and the last offset.
    pub fn hulls(&self) -> impl Iterator<Item = (i32, [i64; 2])> {
        self.partitions.iter().filter_map(|(partition, held)| Some((*partition, held.hull_range()?)))
    }

    /// Kafka partitions and what is held of each.
    pub fn partitions(&self) -> &BTreeMap<i32, Ranges> {
        &self.partitions
    }

    /// What is held of one Kafka partition.
    pub(crate) fn of(&self, partition: i32) -> Option<&Ranges> {
        self.partitions.get(&partition)
    }

    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        self.partitions.values().all(|ranges| ranges.runs.is_empty())
    }

    /// Every offset held is known.
    pub(crate) fn is_exact(&self) -> bool {
        self.partitions.values().all(|ranges| !ranges.hull)
    }

    /// The offset is held.
    pub(crate) fn contains(&self, partition: i32, offset: i64) -> bool {
        self.of(partition).is_some_and(|ranges| ranges.covered([offset, offset]) > 0)
    }

    /// What is held from `positions` on; a partition without a position is kept whole.
    #[must_use]
    pub(crate) fn at_or_after(&self, positions: &BTreeMap<i32, i64>) -> Self {
        let mut left = Self::default();
        for (partition, held) in &self.partitions {
            let from = positions.get(partition).copied().unwrap_or(i64::MIN);
            for [first, last] in held.runs.iter().filter(|range| range[1] >= from) {
                left.partitions.entry(*partition).or_default().add([from.max(*first), *last]);
            }
        }
        left
    }

    /// What is held here and not in `other`.
    #[must_use]
    pub(crate) fn without(&self, other: &Self) -> Self {
        let mut left = Self::default();
        let none = Ranges::default();
        for (partition, held) in &self.partitions {
            let others = other.of(*partition).unwrap_or(&none);
            for range in held.runs.iter().flat_map(|range| others.missing(*range)) {
                left.partitions.entry(*partition).or_default().add(range);
            }
        }
        left
    }
}

impl Ranges {
    /// Adds a range of which no offset is held. Gives an offset that is, and then adds nothing.
    fn insert(&mut self, first: i64, last: i64, cap: usize) -> Result<(), i64> {
        if self.hull {
            self.widen([first, last]);
            return Ok(());
        }
        // The first range that ends at or after the new one's begin; mostly there is none.
        let at = match self.runs.last() {
            Some(range) if range[1] < first => self.runs.len(),
            _ => self.runs.partition_point(|range| range[1] < first),
        };
        if let Some(next) = self.runs.get(at)
            && next[0] <= last
        {
            return Err(next[0].max(first));
        }
        self.add([first, last]);
        self.limit(cap);
        Ok(())
    }

    /// More than `cap` ranges become a hull.
    fn limit(&mut self, cap: usize) {
        if self.runs.len() > cap
            && let Some(hull) = self.hull_range()
        {
            self.runs = vec![hull];
            self.hull = true;
        }
    }

    /// Adds ranges in ascending order. Many are taken in one pass: files that are sorted by a column have ranges between
    /// those of others, and each insertion by itself would move all behind it.
    fn add_all(&mut self, ranges: &[[i64; 2]]) {
        let is_behind = match (self.runs.last(), ranges.first()) {
            (Some(last), Some(first)) => last[1] < first[0],
            _ => true,
        };
        if self.hull || is_behind || ranges.len() < FEW {
            return ranges.iter().for_each(|range| self.add(*range));
        }
        let held = std::mem::take(self);
        let (mut ours, mut theirs) = (held.runs.iter().peekable(), ranges.iter().peekable());
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (Some(a), Some(b)) if a[0] <= b[0] => ours.next(),
                (Some(_), None) => ours.next(),
                _ => theirs.next(),
            };
            let Some(range) = next else { return };
            self.add(*range);
        }
    }

    fn widen(&mut self, [first, last]: [i64; 2]) {
        match self.runs.first_mut() {
            Some(hull) => *hull = [hull[0].min(first), hull[1].max(last)],
            None => self.runs.push([first, last]),
        }
        self.rows = self.rows.saturating_add(length([first, last]));
    }

    /// Adds a range; what was there already stays there once.
    pub(crate) fn add(&mut self, [first, last]: [i64; 2]) {
        if self.hull {
            return self.widen([first, last]);
        }
        if self.runs.last().is_none_or(|range| range[1] < first) {
            self.rows = self.rows.saturating_add(length([first, last]));
            match self.runs.last_mut() {
                Some(range) if range[1].checked_add(1) == Some(first) => range[1] = last,
                _ => self.runs.push([first, last]),
            }
            return;
        }
        self.rows = self.rows.saturating_add(length([first, last]) - self.covered([first, last]));
        // The ranges that touch the new one, or lie next to it, become one with it.
        let from = self.runs.partition_point(|range| range[1] < first.saturating_sub(1));
        let to = self.runs.partition_point(|range| range[0] <= last.saturating_add(1));
        let mut joined = [first, last];
        for range in self.runs.get(from..to).unwrap_or_default() {
            joined = [joined[0].min(range[0]), joined[1].max(range[1])];
        }
        self.runs.splice(from..to.max(from), [joined]);
    }

    /// The first and the last offset.
    pub(crate) fn hull_range(&self) -> Option<[i64; 2]> {
        Some([self.runs.first()?[0], self.runs.last()?[1]])
    }

    /// How many offsets of the range are held.
    pub(crate) fn covered(&self, [first, last]: [i64; 2]) -> u64 {
        let from = self.runs.partition_point(|range| range[1] < first);
        let touched = self.runs.iter().skip(from).take_while(|range| range[0] <= last);
        touched.map(|range| length([first.max(range[0]), last.min(range[1])])).sum()
    }

    /// The parts of the range that are not held.
    pub(crate) fn missing(&self, [first, last]: [i64; 2]) -> Vec<[i64; 2]> {
        let from = self.runs.partition_point(|range| range[1] < first);
        let mut next = first;
        let mut missing = Vec::new();
        for range in self.runs.iter().skip(from).take_while(|range| range[0] <= last) {
            if next < range[0] {
                missing.push([next, range[0] - 1]);
            }
            next = range[1].saturating_add(1);
        }
        if next <= last {
            missing.push([next, last]);
        }
        missing
    }

    /// The first offset from `next` on that is not held.
    pub(crate) fn first_missing(&self, next: i64) -> i64 {
        let at = self.runs.partition_point(|range| range[1] < next);
        match self.runs.get(at) {
            Some(range) if range[0] <= next && !self.hull => range[1].saturating_add(1),
            _ => next,
        }
    }
}

/// Number of offsets in a range.
pub(crate) fn length(range: [i64; 2]) -> u64 {
    range[1].abs_diff(range[0]).saturating_add(1)
}

/// What a run has seen: each offset comes once, and none that the caller does not allow.
pub(crate) struct Seen {
    offsets: OffsetRanges,
    cap: usize,
}

impl Seen {
    /// Remembers up to `cap` ranges of a Kafka partition; beyond them only the hull and the number.
    pub(crate) fn new(cap: usize) -> Self {
        Self { offsets: OffsetRanges::default(), cap }
    }

    /// Takes the rows of a batch. `allowed` looks at each range first; a row that came before is `Kind::Garbled`.
    pub(crate) fn take(
        &mut self,
        partitions: &[i32],
        offsets: &[i64],
        allowed: impl Fn(i32, [i64; 2]) -> Result<()>,
    ) -> Result<()> {
        each_run(partitions, offsets, |partition, first, last| {
            allowed(partition, [first, last])?;
            self.offsets.insert(partition, first, last, self.cap).map_err(|offset| doubled(partition, offset))
        })
        .map_err(|(_, error)| error)
    }

    pub(crate) fn offsets(&self) -> &OffsetRanges {
        &self.offsets
    }

    /// What was seen is committed: the next rows begin anew.
    pub(crate) fn clear(&mut self) {
        self.offsets = OffsetRanges::default();
    }
}

/// Ranges that are inserted one by one.
const FEW: usize = 64;
/// Partitions whose runs are followed at the same time.
const FOLLOWED: usize = 32;

/// Calls `take` with each run of offsets that follow each other within their partition; rows of partitions may take
/// turns.
pub(crate) fn each_run<E>(
    partitions: &[i32],
    offsets: &[i64],
    mut take: impl FnMut(i32, i64, i64) -> Result<(), E>,
) -> Result<(), (i32, E)> {
    let mut give =
        |(partition, first, last): (i32, i64, i64)| take(partition, first, last).map_err(|e| (partition, e));
    let mut runs: Vec<(i32, i64, i64)> = Vec::new();
    for (&partition, &offset) in partitions.iter().zip(offsets) {
        match runs.iter_mut().find(|run| run.0 == partition) {
            Some((_, _, last)) if last.checked_add(1) == Some(offset) => *last = offset,
            Some(run) => give(std::mem::replace(run, (partition, offset, offset)))?,
            None => {
                if runs.len() == FOLLOWED {
                    runs.drain(..).try_for_each(&mut give)?;
                }
                runs.push((partition, offset, offset));
            }
        }
    }
    runs.into_iter().try_for_each(give)
}

/// A row came that was there already.
pub(crate) fn doubled(partition: i32, offset: i64) -> Error {
    Error::new(Kind::Garbled, "a row came twice, and nothing is doubled in the lake")
        .at("ROWPARTITION", partition)
        .at("ROWOFFSET", offset)
        .next("the read is tried again from the last committed position")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a plain set: the same offsets, the same number, every doubled one seen.
        #[test]
        fn holds_what_a_set_holds(runs in prop::collection::vec((0_i64..200, 0_i64..8), 0..60)) {
            let mut held = OffsetRanges::default();
            let mut model = std::collections::BTreeSet::new();
            for (first, more) in runs {
                let new: Vec<i64> = (first..=first + more).collect();
                let doubled = new.iter().find(|o| model.contains(*o)).copied();
                let got = held.insert(0, first, first + more, 1000);
                prop_assert_eq!(got.err(), doubled);
                if doubled.is_none() {
                    model.extend(new);
                }
            }
            let runs = held.partitions().get(&0).cloned().unwrap_or_default();
            let listed: Vec<i64> = runs.runs.iter().flat_map(|r| r[0]..=r[1]).collect();
            prop_assert_eq!(listed, model.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(runs.rows, model.len() as u64);
            prop_assert!(runs.runs.windows(2).all(|w| w[0][1] + 1 < w[1][0]));
        }
    }

    proptest! {
        #[test]
        fn knows_what_a_set_knows(
            added in prop::collection::vec((0_i64..60, 0_i64..9), 0..25),
            asked in (0_i64..60, 0_i64..20),
        ) {
            let mut ranges = Ranges::default();
            let mut set = std::collections::BTreeSet::new();
            for (first, more) in added {
                ranges.add([first, first + more]);
                set.extend(first..=first + more);
            }
            prop_assert!(ranges.runs.windows(2).all(|w| w[0][1] + 1 < w[1][0]));
            prop_assert_eq!(ranges.rows, set.len() as u64);
            let listed: std::collections::BTreeSet<i64> = ranges.runs.iter().flat_map(|r| r[0]..=r[1]).collect();
            prop_assert_eq!(&listed, &set);
            let range = [asked.0, asked.0 + asked.1];
            let inside = (range[0]..=range[1]).filter(|o| set.contains(o)).count() as u64;
            prop_assert_eq!(ranges.covered(range), inside);
            let missing: u64 = ranges.missing(range).into_iter().map(length).sum();
            prop_assert_eq!(missing + inside, length(range));
            let mut next = asked.0;
            while set.contains(&next) {
                next += 1;
            }
            prop_assert_eq!(ranges.first_missing(asked.0), next);
        }
    }

    #[test]
    fn many_ranges_between_others_are_united_as_one_by_one() {
        let one = |range: [i64; 2]| Ranges { runs: vec![range], rows: length(range), hull: false };
        let every = |step: usize, from: i64| {
            let mut ranges = OffsetRanges::default();
            for first in (from..3000).step_by(step) {
                ranges.unite(&OffsetRanges::with(BTreeMap::from([(0, one([first, first + 1]))]), 9999));
            }
            ranges
        };
        let (evens, odds, thirds) = (every(4, 0), every(4, 2), every(3, 1));
        let mut all = evens.clone();
        all.unite(&odds);
        assert_eq!(all.partitions()[&0], one([0, 2999]));
        let mut mixed = evens.clone();
        mixed.unite(&thirds);
        let mut slowly = evens;
        for range in &thirds.partitions()[&0].runs {
            slowly.unite(&OffsetRanges::with(BTreeMap::from([(0, one(*range))]), 9999));
        }
        assert_eq!(mixed, slowly);
    }

    #[test]
    fn too_many_runs_become_a_hull_that_still_counts() {
        let mut held = OffsetRanges::default();
        for i in 0..10 {
            held.insert(3, i * 10, i * 10, 4).unwrap();
        }
        let runs = &held.partitions()[&3];
        assert!(runs.hull);
        assert_eq!((runs.runs.clone(), runs.rows), (vec![[0, 90]], 10));
        let text = serde_json::to_string(&held).unwrap();
        assert_eq!(text, r#"{"3":{"runs":[[0,90]],"rows":10,"hull":true}}"#);
        assert_eq!(serde_json::from_str::<OffsetRanges>(&text).unwrap(), held);
    }
}

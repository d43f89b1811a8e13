//! Offsets of a Kafka partition that are missing between those held, over all files: the one place that counts them.
//!
//! | an offset between the first and the last that files hold | why |
//! |---|---|
//! | held by a file, of whatever day | none: it is not missing |
//! | its row is in quarantine | [`Why::Quarantined`] |
//! | Kafka had removed its record before it was read | [`Why::Lost`]; also beyond the last offset held |
//! | within the bounds of files that tell only these and their number of rows | [`Why::Unknown`], counted exactly |
//! | anything else | [`Why::Unexplained`]: a filter, a marker of a transaction, retention of another day, or a loss |

use std::collections::BTreeMap;

use super::offsets::HeldOffsets;
use super::scan::Scan;
use crate::lake::manifest::offsets::{Ranges, length};

/// Offsets of one Kafka partition that are missing between those held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Kafka partition.
    pub partition: i32,
    /// First offset missing.
    pub first: i64,
    /// Last offset missing.
    pub last: i64,
    /// How many of them are missing.
    pub missing: u64,
    /// What is known of it.
    pub why: Why,
}

/// What is known of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The rows are in quarantine.
    Quarantined,
    /// Kafka had removed the records before they were read.
    Lost,
    /// Nobody knows: nothing says whether the log ever held a row there.
    Unexplained,
    /// The offsets in between are too many to be listed; only their number is known.
    Unknown,
}

impl Why {
    /// `quarantined`, `lost`, `unexplained` or `unknown`
    pub fn name(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Lost => "lost",
            Self::Unexplained => "unexplained",
            Self::Unknown => "unknown",
        }
    }
}

impl Gap {
    /// `5..=7`, and where only the number is known `76 of 0..=99`.
    pub fn place(&self) -> String {
        match self.why {
            Why::Unknown => format!("{} of {}..={}", self.missing, self.first, self.last),
            _ => format!("{}..={}", self.first, self.last),
        }
    }
}

/// Every gap by Kafka partition, in the order of its first offset.
pub(crate) fn gaps(scan: &Scan, held: &HeldOffsets) -> BTreeMap<i32, Vec<Gap>> {
    let mut lost: BTreeMap<i32, Ranges> = BTreeMap::new();
    if let Some(Ok(metadata)) = &scan.metadata {
        for loss in metadata.lost_records.iter().filter(|loss| loss.folder.is_none()) {
            for (partition, range) in &loss.offsets {
                lost.entry(*partition).or_default().add(*range);
            }
        }
    }
    let known = held.offsets.partitions().keys().chain(held.hulls.keys()).chain(lost.keys());
    let none = Ranges::default();
    let mut found = BTreeMap::new();
    for partition in known.collect::<std::collections::BTreeSet<_>>() {
        let files = held.offsets.of(*partition).unwrap_or(&none);
        let hulls = held.hulls.get(partition).map_or(&[][..], Vec::as_slice);
        let bad = scan.bad_rows.of(*partition).unwrap_or(&none);
        let gaps = of_partition(*partition, files, hulls, bad, lost.get(partition).unwrap_or(&none));
        if !gaps.is_empty() {
            found.insert(*partition, gaps);
        }
    }
    found
}

/// `files` lists every offset of files that do so; `hulls` are the bounds and the rows of the others.
fn of_partition(
    partition: i32,
    files: &Ranges,
    hulls: &[([i64; 2], u64)],
    bad: &Ranges,
    lost: &Ranges,
) -> Vec<Gap> {
    let gap = |[first, last]: [i64; 2], missing, why| Gap { partition, first, last, missing, why };
    let whole = |range, why| gap(range, length(range), why);
    let mut known = files.clone();
    let mut found = Vec::new();
    let hull = files.hull_range().into_iter().chain(hulls.iter().map(|(hull, _)| *hull));
    let span = hull.reduce(|a, b| [a[0].min(b[0]), a[1].max(b[1])]);
    for run in &bad.runs {
        let Some(inside) = span.and_then(|span| within(*run, span)) else { continue };
        found.extend(known.missing(inside).into_iter().map(|part| whole(part, Why::Quarantined)));
        known.add(inside);
    }
    for run in &lost.runs {
        found.extend(known.missing(*run).into_iter().map(|part| whole(part, Why::Lost)));
        known.add(*run);
    }
    for (region, rows) in joined(hulls) {
        let missing = length(region).saturating_sub(known.covered(region)).saturating_sub(rows);
        if missing > 0 {
            found.push(gap(region, missing, Why::Unknown));
        }
        known.add(region);
    }
    if let Some(span) = span {
        found.extend(known.missing(span).into_iter().map(|part| whole(part, Why::Unexplained)));
    }
    found.sort_by_key(|gap| (gap.first, gap.last, gap.why));
    found
}

/// What of `range` lies in `bounds`.
fn within(range: [i64; 2], bounds: [i64; 2]) -> Option<[i64; 2]> {
    let both = [range[0].max(bounds[0]), range[1].min(bounds[1])];
    (both[0] <= both[1]).then_some(both)
}

/// Hulls that overlap, as one with the sum of their rows.
fn joined(hulls: &[([i64; 2], u64)]) -> Vec<([i64; 2], u64)> {
    let mut sorted = hulls.to_vec();
    sorted.sort_unstable();
    let mut joined: Vec<([i64; 2], u64)> = Vec::new();
    for (hull, rows) in sorted {
        match joined.last_mut() {
            Some((region, sum)) if hull[0] <= region[1] => {
                region[1] = region[1].max(hull[1]);
                *sum = sum.saturating_add(rows);
            }
            _ => joined.push((hull, rows)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ranges(offsets: &BTreeSet<i64>) -> Ranges {
        let mut ranges = Ranges::default();
        for offset in offsets {
            ranges.add([*offset, *offset]);
        }
        ranges
    }

    proptest! {
        /// Offsets spread at will over files, some of which tell only a hull: what is missing is counted exactly.
        #[test]
        fn counts_what_a_set_counts(spread in prop::collection::vec((0_usize..6, 0_i64..80), 1..60)) {
            // Places 0 and 1 are files that list their offsets, 2 and 3 tell a hull, 4 is quarantine, 5 is lost.
            let mut taken = BTreeSet::new();
            let mut of = vec![BTreeSet::new(); 6];
            for (place, offset) in spread {
                if taken.insert(offset) {
                    of[place].insert(offset);
                }
            }
            let hull = |set: &BTreeSet<i64>| Some(([*set.first()?, *set.last()?], set.len() as u64));
            let hulls: Vec<_> = of[2..4].iter().filter_map(hull).collect();
            let listed = of[0].union(&of[1]).copied().collect();
            let gaps = of_partition(0, &ranges(&listed), &hulls, &ranges(&of[4]), &ranges(&of[5]));
            let sum = |whys: &[Why]| -> u64 {
                gaps.iter().filter(|gap| whys.contains(&gap.why)).map(|gap| gap.missing).sum()
            };

            let held: BTreeSet<i64> = of[..4].iter().flatten().copied().collect();
            let inside = |offset: &i64| held.first().is_some_and(|first| first <= offset)
                && held.last().is_some_and(|last| offset <= last);
            let span = held.first().zip(held.last()).map_or(0, |(first, last)| length([*first, *last]));
            let bad = of[4].iter().filter(|o| inside(o)).count() as u64;
            let lost = of[5].iter().filter(|o| inside(o)).count() as u64;
            prop_assert_eq!(sum(&[Why::Quarantined]), bad);
            prop_assert_eq!(sum(&[Why::Lost]), of[5].len() as u64);
            prop_assert_eq!(sum(&[Why::Unexplained, Why::Unknown]), span - held.len() as u64 - bad - lost);
            // What is told with its place is not held.
            for gap in gaps.iter().filter(|gap| gap.why != Why::Unknown) {
                prop_assert!((gap.first..=gap.last).all(|offset| !held.contains(&offset)));
            }
        }
    }
}

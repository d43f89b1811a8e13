//! Which positions files prove, and what they hold beyond.
//!
//! A position says that every row below it was read. A single footer proves that of its own rows alone: the other half
//! of its commit may never have come. So a position is taken
//!
//! * from what is known already (older metadata),
//! * from a commit all of whose files are there, by the journal or by the number of files that the commit's footers give,
//! * from offsets that follow one another without a hole: from a proved position on, or from offset 0.
//!
//! Everything from there on is read again. What files hold of it is `ahead`: the next export leaves those rows out, so
//! that nothing is doubled. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::lake::manifest::offsets::OffsetRanges;

/// What one file says.
pub(crate) struct Witness<'a> {
    pub(crate) commit: Option<&'a str>,
    /// The file's number within its commit.
    pub(crate) file: Option<u64>,
    /// Files of the commit, and the rows that it quarantined.
    pub(crate) files: Option<u64>,
    pub(crate) quarantined: u64,
    pub(crate) positions: &'a BTreeMap<i32, i64>,
}

/// What else is known.
#[derive(Default)]
pub(crate) struct Known<'a> {
    /// Positions of metadata that is older, and sound.
    pub(crate) positions: BTreeMap<i32, i64>,
    /// Commits whose files the journal lists and which are all there, with their positions.
    pub(crate) whole: Vec<&'a BTreeMap<i32, i64>>,
    /// Commits of which there are rows in quarantine.
    pub(crate) quarantines: BTreeSet<String>,
    /// Rows in quarantine.
    pub(crate) bad_rows: OffsetRanges,
}

/// Positions proved, and offsets that files hold from there on.
#[derive(Debug, PartialEq)]
pub(crate) struct Proof {
    pub(crate) positions: BTreeMap<i32, i64>,
    pub(crate) ahead: OffsetRanges,
}

/// The positions of whole commits, before what the files hold is looked at.
pub(crate) fn whole_commits(files: &[Witness<'_>], known: &Known<'_>) -> BTreeMap<i32, i64> {
    let mut positions = known.positions.clone();
    let mut raise = |from: &BTreeMap<i32, i64>| {
        for (partition, next) in from {
            let held = positions.entry(*partition).or_insert(*next);
            *held = (*held).max(*next);
        }
    };
    for positions in &known.whole {
        raise(positions);
    }
    let mut commits: BTreeMap<&str, Vec<&Witness<'_>>> = BTreeMap::new();
    for file in files {
        if let Some(commit) = file.commit {
            commits.entry(commit).or_default().push(file);
        }
    }
    for (commit, files) in commits {
        let numbers: BTreeSet<u64> = files.iter().filter_map(|file| file.file).collect();
        let total = files.iter().filter_map(|file| file.files).max();
        let quarantined = files.iter().map(|file| file.quarantined).max().unwrap_or(0);
        let is_whole =
            total == Some(numbers.len() as u64) && (quarantined == 0 || known.quarantines.contains(commit));
        if is_whole {
            for file in files {
                raise(file.positions);
            }
        }
    }
    positions
}

/// Positions and what is held beyond, where every file's offsets are exact beyond the positions of whole commits.
pub(crate) fn prove(
    mut positions: BTreeMap<i32, i64>,
    held: &OffsetRanges,
    bad_rows: &OffsetRanges,
) -> Proof {
    let mut all = held.clone();
    all.unite(bad_rows);
    for (partition, ranges) in all.partitions() {
        let from = positions.get(partition).copied();
        let next = ranges.first_missing(from.unwrap_or(0));
        if from.is_some() || next > 0 {
            positions.insert(*partition, next);
        }
    }
    let ahead = all.at_or_after(&positions);
    Proof { positions, ahead }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(list: &[(i32, [i64; 2])]) -> OffsetRanges {
        let mut ranges = OffsetRanges::default();
        for (partition, [first, last]) in list {
            ranges.insert(*partition, *first, *last, 100).unwrap();
        }
        ranges
    }

    #[test]
    fn half_a_commit_proves_nothing_but_its_prefix() {
        let end = BTreeMap::from([(0, 6000), (1, 50)]);
        let none = BTreeMap::new();
        let a = ranges(&[(0, [0, 2]), (0, [10, 20])]);
        let file = |n, positions, files| Witness {
            commit: Some("000001-r"),
            file: Some(n),
            files,
            quarantined: 0,
            positions,
        };
        let both = [file(0, &none, None), file(1, &end, Some(2))];
        assert_eq!(whole_commits(&both, &Known::default()), end);
        assert_eq!(whole_commits(&both[1..], &Known::default()), none);
        let proof = prove(BTreeMap::new(), &a, &OffsetRanges::default());
        assert_eq!(proof, Proof { positions: BTreeMap::from([(0, 3)]), ahead: ranges(&[(0, [10, 20])]) });
        // Without the beginning nothing is proved, and what is held is left out when it comes again.
        let proof = prove(BTreeMap::new(), &ranges(&[(0, [5, 9])]), &OffsetRanges::default());
        assert_eq!(proof, Proof { positions: BTreeMap::new(), ahead: ranges(&[(0, [5, 9])]) });
        let quarantined =
            prove(BTreeMap::new(), &ranges(&[(0, [0, 4]), (0, [6, 9])]), &ranges(&[(0, [5, 5])]));
        assert_eq!(quarantined.positions, BTreeMap::from([(0, 10)]));
    }

    #[test]
    fn a_commit_whose_quarantine_is_gone_is_not_whole() {
        let end = BTreeMap::from([(0, 6)]);
        let files = [Witness {
            commit: Some("000001-r"),
            file: Some(0),
            files: Some(1),
            quarantined: 1,
            positions: &end,
        }];
        assert!(whole_commits(&files, &Known::default()).is_empty());
        let known = Known { quarantines: BTreeSet::from(["000001-r".to_owned()]), ..Known::default() };
        assert_eq!(whole_commits(&files, &known), end);
    }
}

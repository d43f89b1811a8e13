//! What differs between two commits of a stream, by partition: files, rows and offsets that came and went.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;

use crate::lake::fs;
use crate::lake::layout::{self, Places, is_inside};
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::journal;
use crate::lake::manifest::metadata::{Metadata, read_metadata_at};
use crate::lake::ops::replace::prefix_of;
use crate::lake::ops::replaced::commits;
use crate::lake::ops::undo::Bundle;
use crate::{Error, Kind, Result};

/// What differs between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitsDiff {
    /// The commit from which is counted.
    pub from: String,
    /// The commit to which.
    pub to: String,
    /// Every partition that differs, by path.
    pub partitions: Vec<PartitionDiff>,
}

/// A partition that differs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionDiff {
    /// Below the dataset.
    pub partition: String,
    /// Files that the second state has, and the first has not.
    pub added: Bundle,
    /// Files that the first state has, and the second has not.
    pub removed: Bundle,
    /// Per Kafka partition the first and the last offset of each file that came; ranges that touch are one.
    pub offsets_added: BTreeMap<i32, Vec<[i64; 2]>>,
    /// The same of those that went.
    pub offsets_removed: BTreeMap<i32, Vec<[i64; 2]>>,
}

/// Compares the states behind two commits of the dataset in `dataset_dir`, named by id or number; `from` may be the later one.
///
/// # Errors
/// `Kind::Usage` when there is no such commit.
pub fn diff_commits(dataset_dir: &Path, from: &str, to: &str) -> Result<CommitsDiff> {
    let places = Places::find(dataset_dir)?;
    let mut ids = Vec::new();
    journal::replay(&places.journal(), &mut |commit, _, _| ids.push(commit.id.clone()))?;
    let (first, second) = (find(&ids, from)?, find(&ids, to)?);
    let (begin, end) = (first.min(second), first.max(second));
    let (mut came, mut went): (BTreeMap<String, DataFile>, BTreeMap<String, DataFile>) = Default::default();
    let mut at = 0;
    journal::replay(&places.journal(), &mut |_, added, removed| {
        if at > begin && at <= end {
            for file in removed {
                // What came between the two and is gone again is no difference.
                if came.remove(&file.path).is_none() {
                    went.insert(file.path.clone(), file.clone());
                }
            }
            for file in added {
                if went.remove(&file.path).is_none() {
                    came.insert(file.path.clone(), DataFile::clone(file));
                }
            }
        }
        at += 1;
    })?;
    if first > second {
        std::mem::swap(&mut came, &mut went);
    }
    let mut found: BTreeMap<String, PartitionDiff> = BTreeMap::new();
    for (files, is_added) in [(&came, true), (&went, false)] {
        for file in files.values() {
            let partition = found.entry(file.partition().to_owned()).or_default();
            file.partition().clone_into(&mut partition.partition);
            let (sum, offsets) = if is_added {
                (&mut partition.added, &mut partition.offsets_added)
            } else {
                (&mut partition.removed, &mut partition.offsets_removed)
            };
            sum.add(1, file.rows, file.bytes);
            for (kafka, range) in &file.offsets {
                offsets.entry(*kafka).or_default().push(*range);
            }
        }
    }
    let mut partitions: Vec<PartitionDiff> = found.into_values().collect();
    for partition in &mut partitions {
        partition.offsets_added.values_mut().chain(partition.offsets_removed.values_mut()).for_each(join);
    }
    partitions.sort_by(|a, b| layout::path_order(&a.partition).cmp(&layout::path_order(&b.partition)));
    Ok(CommitsDiff { from: ids[first].clone(), to: ids[second].clone(), partitions })
}

/// The set of the bin that brings `day` back to what `commit` has left: that of the first commit behind it that has put files of
/// the day aside.
///
/// # Errors
/// `Kind::Usage` when there is no such commit, when the day is as it has left it, or when the set is gone.
pub fn set_after(dataset_dir: &Path, day: NaiveDate, commit: &str) -> Result<String> {
    let places = Places::find(dataset_dir)?;
    let metadata: Metadata = read_metadata_at(&places.metadata)?.ok_or_else(|| {
        Error::new(Kind::Usage, "nothing of the feed was exported yet: there is nothing to go back to")
    })?;
    let prefix = prefix_of(&metadata, day);
    let mut told: Vec<(String, bool)> = Vec::new();
    journal::replay(&places.journal(), &mut |commit, _, went| {
        told.push((commit.id.clone(), went.iter().any(|file| is_inside(file.partition(), &prefix))));
    })?;
    let ids: Vec<String> = told.iter().map(|(id, _)| id.clone()).collect();
    let at = find(&ids, commit)?;
    let Some((next, _)) = told.iter().skip(at + 1).find(|(_, takes)| *takes) else {
        return Err(Error::new(Kind::Usage, format!("{prefix} is as commit {} has left it", ids[at])));
    };
    for entry in commits(&places)? {
        if entry.name == *next && fs::is_real_dir(&entry.path.join(&prefix))? {
            return Ok(entry.name);
        }
    }
    Err(Error::new(
        Kind::Usage,
        format!(
            "what commit {} has left of {prefix} was replaced by {next}, and is not in the bin any more",
            ids[at]
        ),
    )
    .next("`lakehand history` names what can be brought back"))
}

/// The place of the commit that `name` means: an id, or a number, which is that of the last commit with it.
fn find(ids: &[String], name: &str) -> Result<usize> {
    let seq: Option<u64> = name.parse().ok();
    let found = ids.iter().rposition(|id| id == name || seq.is_some() && layout::commit_seq(id) == seq);
    found.ok_or_else(|| {
        Error::new(Kind::Usage, format!("there is no commit {name}"))
            .next("`lakehand history` names the commits of the dataset")
    })
}

/// Makes ranges that touch one.
fn join(ranges: &mut Vec<[i64; 2]>) {
    ranges.sort_unstable();
    let mut joined: Vec<[i64; 2]> = Vec::new();
    for range in ranges.drain(..) {
        match joined.last_mut() {
            Some(last) if range[0] <= last[1].saturating_add(1) => last[1] = last[1].max(range[1]),
            _ => joined.push(range),
        }
    }
    *ranges = joined;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_named_by_id_or_number() {
        let ids: Vec<String> =
            ["000001-r", "000002-r", "000002-seal", "000003-undo"].map(str::to_owned).to_vec();
        assert_eq!(find(&ids, "000001-r").unwrap(), 0);
        assert_eq!(find(&ids, "2").unwrap(), 2, "the last one with the number");
        assert_eq!(find(&ids, "000003").unwrap(), 3);
        assert_eq!(find(&ids, "4").unwrap_err().kind(), Kind::Usage);
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let mut ranges = vec![[5, 9], [0, 4], [20, 30], [22, 25]];
        join(&mut ranges);
        assert_eq!(ranges, [[0, 9], [20, 30]]);
    }
}

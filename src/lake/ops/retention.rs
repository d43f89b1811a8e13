//! What the feed no longer keeps goes.
//!
//! Streams: partitions whose last day is more than `retention_days` before today, by the date in the path; neither the
//! time of writing nor that of the file counts. Tables: all but the newest `keep_versions`.
//!
//! Removing is a commit like any other: the folders move to staging and the metadata forgets them in one step, then
//! staging is emptied. A reader sees a partition whole or not at all, and only files that this program made are removed.

use chrono::{Days, NaiveDate};

use crate::feed::FeedKind;
use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{self, Leaf};
use crate::lake::txn::commit::Move;
use crate::{Error, Kind, Result};

/// A partition that retention removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedPartition {
    /// Below the dataset.
    pub path: String,
    /// Rows, where the metadata knew them.
    pub records: u64,
    /// Files removed.
    pub files: u64,
    /// Their size, bytes.
    pub bytes: u64,
    /// Files that are not ours and were left.
    pub foreign: Vec<String>,
}

impl Dataset {
    /// Removes what the feed no longer keeps: partitions of a stream by the date in their path (`retention_days`),
    /// versions of a table beyond `keep_versions`.
    pub fn retain(&mut self, today: NaiveDate) -> Result<Vec<RemovedPartition>> {
        self.recover_if_needed()?;
        let due: Vec<Leaf> = match self.feed.kind {
            FeedKind::Stream => {
                let days = self.feed.retention_days.map(|days| Days::new(u64::from(days)));
                let Some(first_kept) = days.and_then(|days| today.checked_sub_days(days)) else {
                    return Ok(Vec::new());
                };
                // The partition ends at the begin of `end`; its last day is the one before.
                // What lies behind a link is read, and never changed.
                let old = |leaf: &Leaf| {
                    !leaf.is_linked && layout::end_of(&leaf.path).is_some_and(|end| end <= first_kept)
                };
                layout::leaves(self.dir())?.into_iter().filter(old).collect()
            }
            FeedKind::Table => self.surplus_versions()?,
        };
        self.remove(due)
    }

    /// Removes surplus versions; gives their numbers.
    pub(crate) fn retain_versions(&mut self) -> Result<Vec<u32>> {
        self.recover_if_needed()?;
        let due = self.surplus_versions()?;
        Ok(self.remove(due)?.iter().filter_map(|removed| layout::version_of(&removed.path)).collect())
    }

    fn surplus_versions(&self) -> Result<Vec<Leaf>> {
        let current = self.metadata.current_version;
        let mut versions: Vec<u32> =
            self.metadata.partitions.iter().filter_map(|p| layout::version_of(&p.path)).collect();
        versions.sort_unstable_by(|a, b| b.cmp(a));
        let keep = usize::try_from(self.feed.keep_versions.max(1)).unwrap_or(usize::MAX);
        let due = versions.split_off(keep.min(versions.len()));
        let surplus = |leaf: &Leaf| {
            let version = layout::version_of(&leaf.path);
            !leaf.is_linked && version.is_some_and(|v| due.contains(&v) && Some(v) != current)
        };
        Ok(layout::leaves(self.dir())?.into_iter().filter(surplus).collect())
    }

    fn remove(&mut self, due: Vec<Leaf>) -> Result<Vec<RemovedPartition>> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let mut next = self.metadata.clone();
        let mut moves = Vec::new();
        let mut removed = Vec::new();
        for leaf in due {
            let known = next.partitions.iter().position(|partition| partition.path == leaf.path);
            let records = known.map_or(0, |at| next.partitions.remove(at).records);
            let (ours, foreign): (Vec<_>, Vec<_>) =
                leaf.files.iter().partition(|file| layout::is_ours(&file.name) && file.is_file);
            let whole = foreign.is_empty() && !ours.is_empty() && !self.has_hidden(&leaf)?;
            let bytes = ours.iter().map(|file| file.bytes).sum();
            let trash = |n: usize| format!("{}/trash/{n:06}", layout::STAGING);
            if whole {
                moves.push(Move { from: leaf.path.clone(), to: trash(moves.len()), bytes, rows: records });
            } else {
                for file in &ours {
                    let from = format!("{}/{}", leaf.path, file.name);
                    moves.push(Move { from, to: trash(moves.len()), bytes: file.bytes, rows: 0 });
                }
                if let Some(from) = self.mark_of(&leaf.path)? {
                    moves.push(Move { from, to: trash(moves.len()), bytes: 0, rows: 0 });
                }
            }
            for (from, bytes) in self.replaced_copies(&leaf.path)? {
                moves.push(Move { from, to: trash(moves.len()), bytes, rows: 0 });
            }
            removed.push(RemovedPartition {
                records,
                files: ours.len() as u64,
                bytes,
                foreign: foreign.iter().map(|file| file.name.clone()).collect(),
                path: leaf.path,
            });
        }
        if !moves.is_empty() {
            next.total();
            self.check_lock()?;
            let seq = next.commit_seq;
            self.commit(&format!("{seq:06}-retention"), moves, next)?;
            self.committer.clear_staging()?;
        }
        for partition in &removed {
            self.remove_empty(&partition.path)?;
        }
        // A folder that only held what is not ours, or nothing, was not removed by us.
        removed.retain(|partition| partition.files > 0);
        Ok(removed)
    }

    /// There is more in the folder than `leaves` lists.
    fn has_hidden(&self, leaf: &Leaf) -> Result<bool> {
        let hidden = fs::list(&layout::inside(self.dir(), &leaf.path)?)?;
        Ok(hidden.iter().filter(|entry| entry.name != layout::SUCCESS).count() != leaf.files.len())
    }

    /// Removes the folder and those above it as far as they are empty.
    pub(crate) fn remove_empty(&self, path: &str) -> Result<()> {
        let mut folder = layout::inside(self.dir(), path)?;
        while folder != self.dir() {
            if fs::stat(&folder)?.is_some_and(|stat| stat.is_link)
                || !self.committer.fs.remove_empty_dir(&folder)?
            {
                break;
            }
            if !folder.pop() {
                return Err(Error::new(Kind::Bug, "a partition outside of its dataset").at("partition", path));
            }
        }
        Ok(())
    }
}

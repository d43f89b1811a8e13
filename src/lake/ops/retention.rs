//! What the feed no longer keeps goes into the bin, and is deleted after a grace period.
//!
//! ```text
//!            beyond retention_days, keep_versions                 grace is over
//!  partition ───────────────────────────────────▶ bin ────────────────────────────▶ deleted
//!            held when: the clock is not plausible  │
//!                       more than a share would go  └──▶ `feeds undo` brings it back
//!                       the rows are of this run
//! ```
//!
//! What is pinned stays: in the data, or in the bin where a table keeps one version.
//!
//! Streams: partitions whose last day is more than `retention_days` before today, by the date in the path; neither the
//! time of writing nor that of the file counts. Tables: all but the newest `keep_versions`.
//!
//! Moving into the bin is a transaction like any other, and only files that this program made are moved: a partition leaves in
//! one step, unless files of others lie in its folder. A set in the bin bears the time of its move in its name, so that the grace period
//! depends on no record and on no time of the file system.

use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

use crate::feed::FeedKind;
use crate::lake::Dataset;
use crate::lake::layout::{self, Leaf, PartitionPath};
use crate::lake::manifest::metadata::PendingDecision;
use crate::lake::ops::replaced::{ReplacedSet, commits, put_aside_at};
use crate::lake::txn::transaction::{Bin, Transaction, is_data};
use crate::{Error, Kind, Result};

/// How far this machine's clock may be from another witness of the time.
const MAX_SKEW: TimeDelta = TimeDelta::hours(1);
/// Without a second clock: how long a dataset may have been silent before its silence casts doubt on the clock.
const MAX_SILENCE: TimeDelta = TimeDelta::days(45);

/// How data leaves a lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionRules {
    /// How long what was removed stays in the bin.
    pub grace: Duration,
    /// Largest share of a dataset's rows that goes at once without a decision, in percent.
    pub max_share: u32,
}

impl Default for RetentionRules {
    fn default() -> Self {
        Self { grace: Duration::from_secs(7 * 24 * 3600), max_share: 50 }
    }
}

/// What is known of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// What this machine's clock shows.
    pub now: DateTime<Utc>,
    /// What the server's clock shows now, where it tells.
    pub server: Option<DateTime<Utc>>,
}

/// How a dataset was before a run: what the run itself brought is no witness, and is not removed by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeforeRun {
    /// Number of the last commit.
    pub commit_seq: u64,
    /// Time of the last commit.
    pub last_export: Option<DateTime<Utc>>,
}

/// A partition that retention moved into the bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedPartition {
    /// Below the dataset.
    pub path: String,
    /// Rows, where the metadata knew them.
    pub records: u64,
    /// Files moved.
    pub files: u64,
    /// Their size, bytes.
    pub bytes: u64,
    /// Files that are not ours and were left.
    pub foreign: Vec<String>,
}

impl Clock {
    /// Why the time cannot be trusted, where it cannot. `last_export` is the newest commit before this run, `newest_row`
    /// the greatest ROWTIME held.
    pub fn doubt(
        &self,
        last_export: Option<DateTime<Utc>>,
        newest_row: Option<DateTime<Utc>>,
    ) -> Option<String> {
        let shown = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M:%SZ").to_string();
        let now = self.now;
        if let Some(last) = last_export.filter(|last| *last > now + MAX_SKEW) {
            return Some(format!("it is {}, and the newest commit is of {}", shown(now), shown(last)));
        }
        if let Some(server) = self.server {
            let skew = (now - server).abs();
            return (skew > MAX_SKEW)
                .then(|| format!("it is {} here, and {} on the server", shown(now), shown(server)));
        }
        let newest = last_export.max(newest_row.filter(|row| *row <= now))?;
        (now - newest > MAX_SILENCE).then(|| {
            format!(
                "it is {}, the newest commit or row is of {}, and the server tells no time",
                shown(now),
                shown(newest)
            )
        })
    }
}

impl Dataset {
    /// Moves what the feed no longer keeps into the bin, and deletes what has been there for the grace period.
    ///
    /// `Kind::Held` when the clock is not plausible, or when more than the stated share of the rows would go: then nothing
    /// has changed but the note in the metadata.
    pub fn retain_within(&mut self, clock: Clock, before: BeforeRun) -> Result<Vec<RemovedPartition>> {
        self.recover_if_needed()?;
        let mut due = self.due(clock.now.date_naive())?;
        due.retain(|leaf| {
            !leaf.files.iter().any(|file| seq_of(&file.name).is_some_and(|seq| seq > before.commit_seq))
        });
        let in_bin = !commits(&self.committer.places)?.is_empty();
        if due.is_empty() && !in_bin {
            return self.note_decision(None).map(|()| Vec::new());
        }
        let newest_row = self.metadata.partitions.iter().filter_map(|p| p.last_time).max();
        let rows: u64 = due.iter().map(|leaf| self.rows_of(&leaf.path)).sum();
        let total: u64 = self.metadata.partitions.iter().map(|p| p.records).sum();
        let too_many = u128::from(rows) * 100 > u128::from(total) * u128::from(self.retention.max_share);
        let why = match clock.doubt(before.last_export, newest_row) {
            Some(doubt) => Some(format!("the clock may be wrong: {doubt}")),
            // Of a table the newer snapshots hold what the surplus ones held.
            None if too_many && self.feed.kind == FeedKind::Stream => Some(format!(
                "{rows} of {total} rows would go at once, more than {} %",
                self.retention.max_share
            )),
            None => None,
        };
        if let Some(why) = why {
            let Some((first, last)) = due.first().zip(due.last()) else { return Ok(Vec::new()) };
            let what = format!("retention would remove {} to {}, and {why}", first.path, last.path);
            self.note_decision(Some(PendingDecision {
                about: "retention".to_owned(),
                since: clock.now,
                what: what.clone(),
                rows_before: total,
                rows_after: total.saturating_sub(rows),
                accepted: false,
            }))?;
            return Err(Error::new(Kind::Held, what).next(format!(
                "nothing was removed; if it is right, `lakehand feeds accept-retention {}` does it once",
                self.feed.name
            )));
        }
        let removed = self.move_to_bin(&due, clock.now)?;
        self.purge_bin(clock.now)?;
        self.note_decision(None)?;
        Ok(removed)
    }

    /// Moves what the feed no longer keeps on `today` into the bin, whatever its share: an operator has decided so.
    pub fn retain(&mut self, today: NaiveDate) -> Result<Vec<RemovedPartition>> {
        self.recover_if_needed()?;
        let due = self.due(today)?;
        let now = self.now();
        let removed = self.move_to_bin(&due, now)?;
        self.note_decision(None)?;
        Ok(removed)
    }

    /// What [`Dataset::retain`] would move: path and rows.
    pub fn retain_preview(&self, today: NaiveDate) -> Result<Vec<(String, u64)>> {
        Ok(self.due(today)?.into_iter().map(|leaf| (leaf.path.clone(), self.rows_of(&leaf.path))).collect())
    }

    fn rows_of(&self, path: &str) -> u64 {
        self.metadata.partitions.iter().find(|p| p.path == path).map_or(0, |p| p.records)
    }

    fn due(&self, today: NaiveDate) -> Result<Vec<Leaf>> {
        if self.feed.kind == FeedKind::Table {
            return self.surplus_versions();
        }
        let Some(first_kept) = self.first_kept(today) else { return Ok(Vec::new()) };
        // The partition ends at the begin of `end`; its last day is the one before. What lies behind a link is read, and
        // never changed.
        let old = |leaf: &Leaf| {
            !leaf.is_linked
                && end_of(&leaf.path).is_some_and(|end| end <= first_kept)
                && !self.metadata.is_pinned(&leaf.path)
        };
        let mut leaves = layout::leaves(self.dir())?;
        // A day that lies in the cold tier alone has no folder.
        let cold = self.metadata.partitions.iter().filter(|partition| partition.cold.is_some());
        let known: Vec<&str> = cold.map(|partition| partition.path.as_str()).collect();
        let missing = known.into_iter().filter(|path| !leaves.iter().any(|leaf| leaf.path == *path));
        let cold: Vec<Leaf> = missing.map(Leaf::without_files).collect();
        leaves.extend(cold);
        Ok(leaves.into_iter().filter(old).collect())
    }

    fn first_kept(&self, today: NaiveDate) -> Option<NaiveDate> {
        today.checked_sub_days(Days::new(u64::from(self.feed.retention_days?)))
    }

    /// Moves surplus versions into the bin; gives their numbers.
    pub(crate) fn retain_versions(&mut self, now: DateTime<Utc>) -> Result<Vec<u32>> {
        self.recover_if_needed()?;
        let due = self.surplus_versions()?;
        let removed = self.move_to_bin(&due, now)?;
        Ok(removed.iter().filter_map(|removed| layout::version_of(&removed.path)).collect())
    }

    fn surplus_versions(&self) -> Result<Vec<Leaf>> {
        let keep = usize::try_from(self.feed.keep_versions.max(1)).unwrap_or(usize::MAX);
        let mut due = self.versions_beyond(keep, self.metadata.current_version)?;
        // Of a table of one version everybody reads all that is there: what is pinned of it is kept in the bin.
        if keep > 1 {
            due.retain(|leaf| !self.metadata.is_pinned(&leaf.path));
        }
        Ok(due)
    }

    /// The folders of versions that the metadata names, without the newest `keep` and without `current`.
    pub(crate) fn versions_beyond(&self, keep: usize, current: Option<u32>) -> Result<Vec<Leaf>> {
        let mut versions: Vec<u32> =
            self.metadata.partitions.iter().filter_map(|p| layout::version_of(&p.path)).collect();
        versions.sort_unstable_by(|a, b| b.cmp(a));
        let due = versions.split_off(keep.min(versions.len()));
        let surplus = |leaf: &Leaf| {
            let version = layout::version_of(&leaf.path);
            !leaf.is_linked && version.is_some_and(|v| due.contains(&v) && Some(v) != current)
        };
        Ok(layout::leaves(self.dir())?.into_iter().filter(surplus).collect())
    }

    fn move_to_bin(&mut self, due: &[Leaf], now: DateTime<Utc>) -> Result<Vec<RemovedPartition>> {
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let id = retained_id(self.metadata.commit_seq + 1, now);
        let mut transaction = self.transaction(&id, now);
        let mut removed = transaction.leave(due, &Bin(id))?;
        // A folder that only held what is not ours, or nothing, is not removed by us.
        if removed.iter().any(|partition| partition.files > 0) {
            transaction.commit()?;
        }
        for partition in removed.iter().filter(|partition| partition.files == 0) {
            self.remove_empty(&partition.path)?;
        }
        removed.retain(|partition| partition.files > 0);
        Ok(removed)
    }

    /// Deletes what retention and compactions have put into the bin, and copies of days that the feed no longer keeps, once the grace
    /// period is over.
    fn purge_bin(&mut self, now: DateTime<Utc>) -> Result<()> {
        let Some(limit) =
            TimeDelta::from_std(self.retention.grace).ok().and_then(|g| now.checked_sub_signed(g))
        else {
            return Ok(());
        };
        let first_kept = self.first_kept(now.date_naive());
        let mut due = Vec::new();
        for commit in commits(&self.committer.places)?.into_iter().filter(|entry| entry.is_dir) {
            for leaf in layout::leaves(&commit.path)? {
                let old = end_of(&leaf.path).zip(first_kept).is_some_and(|(end, kept)| end <= kept);
                let at = put_aside_at(&commit, &leaf.path);
                let is_due = layout::retained_at(&commit.name).is_some()
                    || layout::compacted_at(&commit.name).is_some()
                    || old;
                if is_due && at.is_some_and(|at| at <= limit) && !self.metadata.is_pinned(&leaf.path) {
                    due.push(ReplacedSet::named(&commit.name, &leaf.path));
                }
            }
        }
        if !due.is_empty() {
            self.forget_replaced(&due)?;
        }
        Ok(())
    }

    /// Keeps what waits for a decision, or that nothing does. A snapshot that waits is not for retention to decide.
    pub(crate) fn note_decision(&mut self, decision: Option<PendingDecision>) -> Result<()> {
        let known = self.metadata.pending_decision.as_ref();
        if known.is_some_and(|known| known.about != "retention") && decision.is_none() {
            return Ok(());
        }
        if known.map(|known| &known.what) == decision.as_ref().map(|new| &new.what) {
            return Ok(());
        }
        let now = self.now();
        let mut note = self.note(now);
        note.metadata().pending_decision = decision;
        note.commit()
    }
}

impl Transaction<'_> {
    /// Partitions leave the data for the bin.
    pub(crate) fn leave(&mut self, due: &[Leaf], bin: &Bin) -> Result<Vec<RemovedPartition>> {
        let mut removed = Vec::new();
        for leaf in due {
            let gone = self.set_partition_aside(leaf, bin)?;
            let foreign = leaf.files.iter().filter(|file| !is_data(file));
            removed.push(RemovedPartition {
                path: leaf.path.clone(),
                records: gone.rows,
                files: gone.files,
                bytes: gone.bytes,
                foreign: foreign.map(|file| file.name.clone()).collect(),
            });
        }
        Ok(removed)
    }
}

/// The first day after a partition of a stream.
fn end_of(path: &str) -> Option<NaiveDate> {
    PartitionPath::parse(path)?.end()
}

/// The id of a set that retention puts into the bin.
pub(crate) fn retained_id(seq: u64, now: DateTime<Utc>) -> String {
    format!("{seq:06}-{}", layout::retained_word(now))
}

/// The number of the commit that made a data file, by its name: `data_20250115_000042-1f2e3d4c_1.parquet`.
fn seq_of(name: &str) -> Option<u64> {
    layout::commit_seq(name.strip_prefix("data_")?.split('_').nth(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_needs_a_second_witness() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = at("2025-06-01T00:00:00Z");
        let (near, old) = (Some(at("2025-05-31T23:30:00Z")), Some(at("2015-06-01T00:00:00Z")));
        let doubted = |server, last, row| Clock { now, server }.doubt(last, row).is_some();
        assert!(!doubted(near, old, old), "the server agrees");
        assert!(doubted(old, near, near), "the server does not");
        assert!(!doubted(None, near, old) && !doubted(None, old, near));
        assert!(doubted(None, old, old), "ten years of silence");
        assert!(doubted(near, Some(at("2026-06-01T00:00:00Z")), near), "a commit of the future");
        assert!(doubted(None, old, Some(at("2035-06-01T00:00:00Z"))), "a row of the future is no witness");
        assert!(!doubted(None, None, None), "nothing was ever written");
    }

    #[test]
    fn the_commit_of_a_file_is_in_its_name() {
        assert_eq!(seq_of("data_20250115_000042-1f2e3d4c_1.parquet"), Some(42));
        assert_eq!(seq_of("snapshot_20250116_120000.parquet"), None);
    }
}

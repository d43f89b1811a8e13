//! The small files of a day become files of the target size. Kafka is not asked, and no row changes.
//!
//! ```text
//! plan      which days are worth it, from the metadata and the footers                        no lock
//! compact   under the lock, a day at a time:
//!   merge     batch by batch from the small files into new ones in staging, sorted where the feed says so
//!   proof     the new files are read back: number of rows, offsets as a set, a fingerprint of every value, columns
//!   swap      one commit: the day's folder is exchanged with one that holds the new files; the old ones go to the bin
//! ```
//!
//! What the small files say of themselves is held against their records before it is believed: a file whose content is not what was
//! written is not made part of a sound one. Positions, seals and counts of rows stay. `feeds undo` puts the small files back until the
//! grace period is over.

mod facts;
mod merge;
mod plan;
mod proof;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::cancel::Cancel;
use crate::lake::Dataset;
use crate::lake::file::open_file::{ClosedFile, CommitEnd};
use crate::lake::layout::{self, PartitionPath, Room};
use crate::lake::manifest::journal;
use crate::lake::txn::transaction::Bin;
use crate::pool::Pool;
use crate::{Error, Kind, Result};

pub use facts::{ColumnFacts, column_facts};
pub use plan::{CompactRules, DueCompactions, DueDay, PassedOver, compaction_due};

use merge::Merged;
use plan::DayPlan;

/// What a compaction may use, and who looks at it.
#[derive(Clone, Copy)]
pub struct CompactWork<'a> {
    /// When a partition is worth it.
    pub rules: CompactRules,
    /// The memory that it may use, bytes.
    pub memory_bytes: usize,
    /// The threads that encode.
    pub pool: &'a Arc<Pool>,
    /// Asked between batches: nothing is left half done.
    pub cancel: &'a Cancel,
    /// Told of rows as they are handled: each is read, and read back.
    pub advance: &'a dyn Fn(u64),
    /// The time of the commit.
    pub now: DateTime<Utc>,
}

/// What a compaction did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compacted {
    /// The commit; under its name the files of before lie in the bin.
    pub id: String,
    /// The day, or the longer partition in which it lies.
    pub folder: String,
    /// The partitions whose files were laid out anew.
    pub partitions: Vec<String>,
    /// Rows.
    pub rows: u64,
    /// Files before.
    pub files_before: u64,
    /// Their size, bytes.
    pub bytes_before: u64,
    /// Files now.
    pub files: u64,
    /// Their size, bytes.
    pub bytes: u64,
}

impl Compacted {
    /// What was done, in words.
    pub fn sentence(&self) -> String {
        format!(
            "{}: {} rows of {} files ({} bytes) are in {} ({} bytes) by commit {}",
            self.folder, self.rows, self.files_before, self.bytes_before, self.files, self.bytes, self.id
        )
    }
}

impl Dataset {
    /// Lays the files of the partitions in `folder` out anew, where that is worth it; `None` where it is not.
    ///
    /// `Kind::Refused` where it cannot be done without readers seeing a wrong count, `Kind::Damaged` when a file is not what was
    /// written: nothing is changed then.
    pub fn compact(&mut self, folder: &str, work: &CompactWork<'_>) -> Result<Option<Compacted>> {
        self.recover_if_needed()?;
        self.check_ready()?;
        self.refuse_ahead()?;
        let target = self.limits.target_file_bytes;
        let Some(plan) =
            plan::day(&self.committer.places, &self.metadata, &self.feed, target, work.rules, folder)?
        else {
            return Ok(None);
        };
        let staging = self.make_staging()?;
        if !self.committer.fs.can_exchange(&staging)? {
            return Err(Error::new(
                Kind::Refused,
                "the file system cannot exchange two folders in one step: readers would see too few rows for an instant",
            )
            .at("folder", self.dir().display())
            .next("nothing was changed; put the lake on a file system that can (ext4, XFS, Btrfs, APFS)"));
        }
        // What is written from here on lies in staging, and goes with the next recovery.
        self.needs_recovery = true;
        let done = self.lay_out(&plan, work);
        if done.is_err() {
            self.needs_recovery = true;
            // At worst the next start does the same.
            let _ = self.recover_if_needed();
        }
        done.map(Some)
    }

    fn lay_out(&mut self, plan: &DayPlan, work: &CompactWork<'_>) -> Result<Compacted> {
        let id = layout::compaction_id(self.metadata.commit_seq + 1, work.now);
        let journal = journal::read(&self.committer.places.journal())?.unwrap_or_default();
        let groups: Vec<_> =
            plan.partitions.iter().flat_map(|p| p.groups.iter().map(move |g| (p, g))).collect();
        let last = groups.len().saturating_sub(1);
        let mut made: BTreeMap<&str, Vec<ClosedFile>> = BTreeMap::new();
        let mut files = 0;
        for (n, (partition, group)) in groups.iter().enumerate() {
            // Of all files of a commit, those closed last say how many there are, and up to where the log is read.
            let end = (n == last).then(|| CommitEnd {
                positions: self.metadata.positions.clone(),
                files,
                ..CommitEnd::default()
            });
            let merged = Merged::write(self, &id, (n, files), group, &journal, end, work)?;
            proof::hold(group, &merged, work)?;
            files += merged.files.len();
            made.entry(&partition.path).or_default().extend(merged.files);
        }
        self.check_ready()?;
        let mut done = Compacted { id: id.clone(), folder: plan.folder.clone(), ..Compacted::default() };
        let bin = Bin(id.clone());
        let mut transaction = self.transaction(&id, work.now);
        transaction.rewrite();
        for partition in &plan.partitions {
            let before = transaction.metadata().records_of(&partition.path);
            let (mut rows, mut bytes, mut count) = (0, 0, 0);
            for source in partition.groups.iter().flat_map(|group| &group.sources) {
                transaction.set_aside(layout::join(&partition.path, &source.name), source.bytes, &bin);
                (rows, bytes, count) = (rows + source.footer.rows, bytes + source.bytes, count + 1);
            }
            transaction.metadata().uncount(&partition.path, count, rows, bytes);
            let digits = PartitionPath::parse(&partition.path).map(PartitionPath::digits).unwrap_or_default();
            let new = made.remove(partition.path.as_str()).unwrap_or_default();
            for (n, file) in (1..).zip(&new) {
                let name = layout::data_file(&digits, &id, n);
                transaction.add(file, layout::join(&partition.path, &name))?;
            }
            if transaction.metadata().records_of(&partition.path) != before {
                return Err(Error::new(Kind::Bug, "a compaction would change the number of rows")
                    .at("partition", &partition.path)
                    .next("nothing was changed"));
            }
            done.partitions.push(partition.path.clone());
            (done.rows, done.files_before, done.bytes_before) =
                (done.rows + rows, done.files_before + count, done.bytes_before + bytes);
            done.files += new.len() as u64;
            done.bytes += new.iter().map(|file| file.bytes).sum::<u64>();
        }
        transaction.commit()?;
        let scratch = self.committer.places.room(Room::Staging).join(merge::scratch_of(&id));
        let _ = self.committer.fs.remove_tree(&scratch);
        Ok(done)
    }
}

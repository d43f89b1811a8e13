//! What new exports of a day, and undos of them, have put aside: `bin/<commit>/<partition>/….replaced`.
//!
//! It stays until the day is exported again, until retention removes the day, or until an operator forgets it; what a compaction has
//! put aside goes after the grace period too. Nothing else removes it, and nothing at all while the day is pinned. Forgetting is a
//! commit: the folders move to the trash in staging in one step, so that no undo ever
//! finds half of a set.

use std::path::Path;

use chrono::{DateTime, Utc};

use crate::Result;
use crate::lake::Dataset;
use crate::lake::file::footer::{FooterRead, look_at_footer};
use crate::lake::fs;
use crate::lake::layout::places::is_stub;
use crate::lake::layout::{self, Place, Places, Room};
use crate::lake::txn::transaction::is_data;

/// The files of one partition that one commit has put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplacedSet {
    /// The commit that put them aside.
    pub commit: String,
    /// Where they were: `year=2025/month=01/day=15`.
    pub partition: String,
    /// When, as the folder's time tells.
    pub at: Option<DateTime<Utc>>,
    /// Files.
    pub files: u64,
    /// Their size, bytes.
    pub bytes: u64,
    /// Rows of the files whose footers could be read.
    pub rows: u64,
    /// Files whose footers could not be read: damaged, or not to be read by this program.
    pub unread: u64,
}

impl ReplacedSet {
    /// The name of a set alone.
    pub(crate) fn named(commit: &str, partition: &str) -> Self {
        let (commit, partition) = (commit.to_owned(), partition.to_owned());
        Self { commit, partition, at: None, files: 0, bytes: 0, rows: 0, unread: 0 }
    }

    /// Retention put it there, and deletes it after its grace period.
    pub fn is_retained(&self) -> bool {
        layout::retained_at(&self.commit).is_some()
    }

    /// A compaction put it there: its rows are in the data, and it is deleted after the grace period.
    pub fn is_compacted(&self) -> bool {
        layout::compacted_at(&self.commit).is_some()
    }
}

/// Every set in the dataset in `dataset_dir`, by partition, the oldest first. Takes no lock.
pub fn replaced(dataset_dir: &Path) -> Result<Vec<ReplacedSet>> {
    let mut sets = Vec::new();
    for commit in commits(&Places::find(dataset_dir)?)? {
        if !commit.is_dir {
            continue;
        }
        for leaf in layout::leaves(&commit.path)? {
            let ours = leaf.files.iter().filter(|file| is_data(file));
            let mut set = ReplacedSet {
                commit: commit.name.clone(),
                at: put_aside_at(&commit, &leaf.path),
                partition: leaf.path.clone(),
                files: 0,
                bytes: 0,
                rows: 0,
                unread: 0,
            };
            for file in ours {
                set.files += 1;
                set.bytes += file.bytes;
                match look_at_footer(&file.path) {
                    FooterRead::Sound(footer) => set.rows = set.rows.saturating_add(footer.rows),
                    FooterRead::Damaged(_) | FooterRead::Unknown(_) => set.unread += 1,
                }
            }
            if set.files > 0 {
                sets.push(set);
            }
        }
    }
    sets.sort_by(|a, b| {
        let key = |set: &ReplacedSet| (set.partition.clone(), layout::commit_seq(&set.commit));
        key(a).cmp(&key(b))
    });
    Ok(sets)
}

/// The folders of commits that put something aside. A link in their place is followed by nobody.
pub(crate) fn commits(places: &Places) -> Result<Vec<fs::Entry>> {
    let folder = places.room(Room::Bin);
    if fs::is_real_dir(&folder)? { fs::list(&folder) } else { Ok(Vec::new()) }
}

/// When a set was put aside: by its name where retention or a compaction did it, else by its folder's time.
pub(crate) fn put_aside_at(commit: &fs::Entry, partition: &str) -> Option<DateTime<Utc>> {
    let told = layout::retained_at(&commit.name).or_else(|| layout::compacted_at(&commit.name));
    told.or_else(|| changed(&commit.path.join(partition)))
}

fn changed(path: &Path) -> Option<DateTime<Utc>> {
    fs::modified(path).map(DateTime::from)
}

impl Dataset {
    /// Throws these sets away, all of them or none; gives those that were there. What is pinned stays.
    pub fn forget_replaced(&mut self, sets: &[ReplacedSet]) -> Result<Vec<ReplacedSet>> {
        self.recover_if_needed()?;
        let wanted = |set: &ReplacedSet| {
            sets.iter().any(|known| (&known.commit, &known.partition) == (&set.commit, &set.partition))
        };
        let mut gone: Vec<ReplacedSet> = replaced(self.dir())?.into_iter().filter(wanted).collect();
        gone.retain(|set| !self.metadata.is_pinned(&set.partition));
        // Room is what this makes: the floor of free space does not hold it up.
        let (id, now) = (format!("{:06}-forget", self.metadata.commit_seq), self.now());
        let mut transaction = self.transaction(id, now);
        for set in &gone {
            let from = Place::new(Room::Bin, format!("{}/{}", set.commit, set.partition));
            let folder = transaction.dataset.path(&from)?;
            // Objects of the cold tier are deleted by whoever knows the store.
            let entries = fs::list(&folder)?;
            if !entries.iter().any(|entry| is_stub(&entry.name)) {
                let bytes = fs::size_of(&folder)?.unwrap_or(0);
                transaction.discard(from, bytes, set.rows);
                continue;
            }
            for entry in entries {
                let place = Place::new(Room::Bin, format!("{}/{}", from.path, entry.name));
                if is_stub(&entry.name) {
                    transaction.give_up(place, &set.partition, &entry);
                } else {
                    transaction.discard(place, entry.bytes, 0);
                }
            }
        }
        if !gone.is_empty() {
            transaction.commit()?;
        }
        Ok(gone)
    }

    /// The id of a commit that puts files aside and makes none: no set has it yet.
    pub(crate) fn undo_id(&self) -> Result<String> {
        let entries = commits(&self.committer.places)?;
        let taken: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        let mut seq = self.metadata.commit_seq + 1;
        loop {
            let id = layout::commit_id(seq, "undo");
            if !taken.contains(&id) {
                return Ok(id);
            }
            seq += 1;
        }
    }
}

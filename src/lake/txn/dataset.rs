//! One dataset, held by a lock for as long as the value lives.
//!
//! Every way in goes through `recover_if_needed`: an unfinished commit is finished, staging is emptied, the metadata is
//! read, or rebuilt where it is lost. It runs at `open` and again after anything has failed, so that there is one path
//! for a crash and for an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::feed::{Feed, FeedKind};
use crate::lake::fs::{self, Fs};
use crate::lake::layout::{self, Place, Places, Room};
use crate::lake::manifest::journal::{self, CommitRecord, Journal, Standing};
use crate::lake::manifest::metadata::{LastFailure, Metadata, read_metadata_at};
use crate::lake::manifest::schema::{self, TableSchema};
use crate::lake::txn::aside;
use crate::lake::txn::commit::{Committer, Intent, Move, Swap};
use crate::lake::txn::lock::Lock;
use crate::lake::txn::migrate;
use crate::lake::txn::rebuild::{self, Counted};
use crate::lake::txn::transaction::{self, Action};
use crate::lake::{Lake, Limits, Owner, RetentionRules};
use crate::pool::Pool;
use crate::{Error, Kind, Result};

/// Mode of staging: nobody else has business there.
const STAGING_MODE: u32 = 0o700;
/// Partitions whose files are looked at when a dataset is opened.
const LAST_PARTITIONS: usize = 8;
/// Mode of the lake's own folders, where they have to be made.
const LAKE_MODE: u32 = 0o755;

/// A dataset that no other process writes. The lock goes with the value, or with the process.
pub struct Dataset {
    pub(crate) feed: Feed,
    pub(crate) limits: Limits,
    pub(crate) pool: Arc<Pool>,
    pub(crate) committer: Committer,
    pub(crate) metadata: Metadata,
    recovery: Recovery,
    lock: Lock,
    owner: Owner,
    /// Something failed half way: what is on disk is to be recovered before anything else.
    pub(crate) needs_recovery: bool,
    /// How long after its end a partition is sealed; `None`: never.
    pub(crate) seal_after: Option<std::time::Duration>,
    /// How data leaves the dataset.
    pub(crate) retention: RetentionRules,
    /// Where the metadata is to be; `None`: where it is.
    metadata_apart: Option<bool>,
}

/// What start-up found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// The commit that a run before had decided and not finished, now finished.
    pub finished_commit: Option<String>,
    /// Staging files that no commit had named, thrown away.
    pub thrown_files: u64,
    /// Their size, bytes.
    pub thrown_bytes: u64,
    /// Why `_metadata.json` was rebuilt from the footers, where it was.
    pub rebuilt_metadata: Option<String>,
    /// The books were in the dataset's folder, as before version 0.2, and are now here.
    pub migrated_to: Option<PathBuf>,
    /// The metadata is now here, as the lake wants it.
    pub moved_metadata: Option<PathBuf>,
    /// The dataset of before, which `feeds reset --from-start` had put aside, is now here.
    pub set_aside: Option<PathBuf>,
    /// What became of the dataset's table, where that is to be told.
    pub table_told: Option<String>,
}

impl Recovery {
    /// What was done, a sentence each.
    pub fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        if let Some(aside) = &self.set_aside {
            told.push(format!("finished the reset from the start: what was there is in {}", aside.display()));
        }
        if let Some(commit) = &self.finished_commit {
            told.push(format!("finished commit {commit}, which an earlier run had decided"));
        }
        if self.thrown_files > 0 {
            told.push(format!(
                "threw away {} files ({} bytes) that an earlier run had not committed",
                self.thrown_files, self.thrown_bytes
            ));
        }
        if let Some(books) = &self.migrated_to {
            told.push(format!(
                "moved lock, staging, quarantine, replaced and damaged files out of the dataset's folder to {}",
                books.display()
            ));
        }
        if let Some(metadata) = &self.moved_metadata {
            told.push(format!("moved the metadata to {}, as lake.metadata says", metadata.display()));
        }
        if let Some(why) = &self.rebuilt_metadata {
            told.push(format!("rebuilt the metadata from the files' footers: {why}"));
        }
        told.extend(self.table_told.clone());
        told
    }
}

impl Dataset {
    /// Makes the folders, takes the lock, finishes or forgets what an earlier run left, reads the metadata.
    ///
    /// `Kind::Locked` names who holds it; `Kind::Damaged` says what on disk is not as recorded.
    pub fn open(lake: &Lake, feed: &Feed, limits: Limits, owner: Owner) -> Result<Self> {
        let mut dataset = Self::hold(lake, feed, limits, owner)?;
        dataset.recovery = Recovery { set_aside: dataset.recovery.set_aside.take(), ..dataset.recover()? };
        Ok(dataset)
    }

    /// Makes the folders and takes the lock; what is on disk is still to be recovered.
    pub(crate) fn hold(lake: &Lake, feed: &Feed, limits: Limits, owner: Owner) -> Result<Self> {
        let fs = lake.fs().clone();
        let (kind, name) = layout::dataset_parts(feed)?;
        make_root(&fs, lake.root())?;
        fs.make_dir(&lake.root().join(kind), LAKE_MODE)?;
        let dir = lake.root().join(kind).join(name);
        fs.make_dir(&dir, feed.visibility.dir_mode())?;
        fs.set_mode(&dir, feed.visibility.dir_mode())?;
        let mut places = Places::find(&dir)?;
        let set_aside = aside::finish(&fs, &places)?;
        if set_aside.is_some() {
            fs.make_dir(&dir, feed.visibility.dir_mode())?;
            fs.set_mode(&dir, feed.visibility.dir_mode())?;
            places = Places::find(&dir)?;
        }
        places.make(&fs, feed.visibility.dir_mode())?;
        let lock = Lock::take(&fs, &places, &owner, feed.visibility.file_mode())?;
        // Whoever held the lock until now may have moved something.
        let places = Places::find(&dir)?;
        Ok(Self {
            feed: feed.clone(),
            limits,
            pool: Arc::clone(lake.pool()),
            committer: Committer { fs, places, visibility: feed.visibility },
            metadata: Metadata::fresh(feed, owner.since),
            recovery: Recovery { set_aside, ..Recovery::default() },
            lock,
            owner,
            needs_recovery: true,
            seal_after: lake.seal_after,
            retention: lake.retention,
            metadata_apart: lake.metadata_apart,
        })
    }

    /// What start-up found and did.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// What the dataset holds.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The dataset's folder.
    pub fn dir(&self) -> &Path {
        self.committer.dir()
    }

    /// Something was exported before: `storage_mode: ignore` then does nothing.
    pub fn has_data(&self) -> bool {
        !self.metadata.partitions.is_empty()
    }

    /// There was nothing new: the metadata says so, and no file is made. Positions may advance over offsets that hold
    /// no row, and never go back.
    pub fn note_caught_up(
        &mut self,
        positions: &BTreeMap<i32, i64>,
        through: Option<DateTime<Utc>>,
        read_mode: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        self.recover_if_needed()?;
        let mut note = self.note(now);
        note.advance(positions.clone())?;
        let next = note.metadata();
        next.read_mode = Some(read_mode.to_owned());
        next.claim(through, now);
        next.caught_up = true;
        next.log_ends.clone_from(&next.positions);
        next.checked_at = next.checked_at.max(Some(now));
        next.last_failure = None;
        note.commit()
    }

    /// Keeps how an export failed, so that a restart does not make it look healthy. A dataset of which nothing was read yet
    /// keeps nothing: it claims nothing either.
    pub fn note_failure(&mut self, error: &Error, now: DateTime<Utc>) -> Result<()> {
        self.recover_if_needed()?;
        if self.metadata.checked_at.is_none() {
            return Ok(());
        }
        let mut note = self.note(now);
        let (kind, what) = (error.kind().name().to_owned(), error.to_string());
        note.metadata().last_failure = Some(LastFailure { at: now, kind, what });
        note.commit()
    }

    /// Replaces the metadata alone: no file comes or goes with it.
    pub(super) fn write_metadata(&mut self, next: Metadata) -> Result<()> {
        self.committer.write_metadata(&next.text()?)?;
        self.metadata = next;
        Ok(())
    }

    /// Recovers, where something may be unfinished.
    pub(crate) fn recover_if_needed(&mut self) -> Result<()> {
        if self.needs_recovery { self.recover().map(|_| ()) } else { Ok(()) }
    }

    /// Finishes or forgets what is unfinished, and reads the metadata.
    fn recover(&mut self) -> Result<Recovery> {
        let mut found = Recovery::default();
        self.lock.check()?;
        self.make_staging()?;
        if let Some(intent) = self.committer.finish_left_behind()? {
            found.finished_commit = Some(intent.commit);
        }
        (found.thrown_files, found.thrown_bytes) = self.committer.clear_staging()?;
        found.migrated_to = self.migrate()?;
        if migrate::place_metadata(&mut self.committer, self.metadata_apart)? {
            found.moved_metadata = Some(self.committer.places.metadata.clone());
        }
        // A run before may have been killed between the metadata's rename and the sync of its folder. What is read now is
        // relied on from now on, so a power loss must not take it back.
        self.committer.fs.sync_dir(fs::parent(&self.committer.places.metadata))?;
        (self.metadata, found.rebuilt_metadata) = self.load()?;
        found.table_told = self.sync_table()?;
        self.needs_recovery = false;
        Ok(found)
    }

    /// Moves books of before to where they are now. Staging holds nothing that is wanted.
    fn migrate(&mut self) -> Result<Option<PathBuf>> {
        if !self.committer.places.is_old() {
            return Ok(None);
        }
        migrate::migrate(&mut self.committer)?;
        self.lock.forget_old();
        self.make_staging()?;
        Ok(Some(self.committer.places.books.clone()))
    }

    /// Brings books and metadata to their places, as `recover` would.
    pub(crate) fn bring_to_places(&mut self) -> Result<()> {
        self.migrate()?;
        migrate::place_metadata(&mut self.committer, self.metadata_apart)?;
        Ok(())
    }

    /// The folder of staging, made.
    pub(crate) fn make_staging(&self) -> Result<PathBuf> {
        let staging = self.committer.places.room(Room::Staging);
        self.committer.fs.make_dir(&staging, STAGING_MODE)?;
        self.committer.fs.set_mode(&staging, STAGING_MODE)?;
        Ok(staging)
    }

    /// The metadata, and why it had to be rebuilt if it had.
    fn load(&self) -> Result<(Metadata, Option<String>)> {
        let Committer { fs, places, visibility } = &self.committer;
        let (why, aside) = match read_metadata_at(&places.metadata) {
            // Rows without positions: the next export would begin again and double them.
            Ok(Some(lost))
                if lost.kind == "stream"
                    && !lost.partitions.is_empty()
                    && lost.positions.is_empty()
                    && lost.ahead.is_empty() =>
            {
                ("it names partitions and no positions".to_owned(), false)
            }
            Ok(Some(metadata)) => return self.reconcile(metadata),
            Ok(None) => ("it was not there".to_owned(), false),
            Err(e) if e.kind() == Kind::Damaged => (e.what().to_owned(), true),
            Err(e) => return Err(e),
        };
        let counted = rebuild::rebuild(places, Metadata::fresh(&self.feed, self.owner.since))?;
        if counted.metadata.partitions.is_empty() && !aside {
            return Ok((counted.metadata, None));
        }
        if aside {
            let name = format!("metadata-{}.json", self.owner.since.format("%Y%m%dT%H%M%SZ"));
            let damaged = places.room(Room::Damaged);
            fs.make_dir(&damaged, visibility.dir_mode())?;
            fs.rename(&places.metadata, &damaged.join(name))?;
        }
        Ok((self.write_counted(counted)?, Some(why)))
    }

    /// Metadata that can be read, held against its witnesses: the journal, and the names of files in the last partitions.
    /// Gives what had to be done where they say otherwise.
    fn reconcile(&self, mut metadata: Metadata) -> Result<(Metadata, Option<String>)> {
        let places = &self.committer.places;
        let path = places.journal();
        let standing = journal::standing(&path, metadata.journal)?;
        let newest = newest_seq(&places.data, &metadata)?;
        if standing == Standing::Ahead || newest > metadata.commit_seq {
            let why =
                format!("it ended with commit {}, and files of later ones are there", metadata.commit_seq);
            let counted = rebuild::adopt(places, &metadata)?;
            if standing == Standing::Same && counted.metadata.commit_seq == metadata.commit_seq {
                // Only the name says so: the file is not ours, or tells too little. A check says which.
                return Ok((metadata, None));
            }
            return Ok((self.write_counted(counted)?, Some(why)));
        }
        if standing == Standing::Lost {
            // The metadata is right, and the files are listed anew: what is not known any more is their hashes.
            let files = rebuild::list(places, &metadata)?;
            metadata = self.write_counted(Counted { metadata, files })?;
        }
        Ok((metadata, None))
    }

    /// Writes metadata that was made from files, and a journal that lists them.
    pub(crate) fn write_counted(&self, counted: Counted) -> Result<Metadata> {
        let Counted { mut metadata, files } = counted;
        let commit = CommitRecord {
            id: format!("{:06}-rebuild", metadata.commit_seq),
            seq: metadata.commit_seq,
            at: self.owner.since,
            positions: metadata.positions.clone(),
            files: files.len() as u64,
            pins: (!metadata.pins.is_empty()).then(|| metadata.pins.clone()),
        };
        let gone = journal::read(&self.committer.places.journal())?.unwrap_or_default().gone;
        let (lines, mark) = journal::lines(None, &Journal::compact(gone, files, commit))?;
        let Committer { fs, visibility, .. } = &self.committer;
        let scratch = self.make_staging()?.join("journal.tmp");
        fs.replace(
            &self.committer.places.journal(),
            &scratch,
            lines.text.as_bytes(),
            visibility.file_mode(),
        )?;
        metadata.journal = Some(mark);
        // What the tables' logs say of these files is not known.
        metadata.forget_tables();
        self.committer.write_metadata(&metadata.text()?)?;
        Ok(metadata)
    }

    pub(crate) fn begin(&mut self, kind: FeedKind, schema: &TableSchema) -> Result<()> {
        self.recover_if_needed()?;
        if self.feed.kind != kind {
            return Err(Error::new(Kind::Bug, "streams are appended to, tables are taken as snapshots")
                .at("feed", &self.feed.name));
        }
        schema::refuse_folder_names(&schema.arrow).map_err(|e| e.at("feed", &self.feed.name))?;
        let wanted = Metadata::fresh(&self.feed, self.owner.since);
        let layout = |m: &Metadata| {
            let zone = m.timezone.clone().unwrap_or_else(|| "UTC".to_owned());
            format!(
                "{} by {} in {zone}",
                m.partition_columns.join("/"),
                m.timestamp_column.as_deref().unwrap_or("ROWTIME")
            )
        };
        let known = self.has_data() && !self.metadata.partition_columns.is_empty();
        if known && layout(&self.metadata) != layout(&wanted) {
            return Err(Error::new(
                Kind::Feed,
                format!("the data is in folders {}, and the feed now says {}", layout(&self.metadata), layout(&wanted)),
            )
            .at("feed", &self.feed.name)
            .next("give the feed its old partitioning back, or move the dataset's folder away to export it anew"));
        }
        Ok(())
    }

    /// The folder of a run in staging, made.
    pub(crate) fn staging(&self, run: &str) -> Result<PathBuf> {
        let folder = self.make_staging()?.join(layout::run_word(run));
        self.committer.fs.make_dir(&folder, STAGING_MODE)?;
        Ok(folder)
    }

    /// The lock is still ours.
    pub(crate) fn check_lock(&self) -> Result<()> {
        self.lock.check()
    }

    /// Nothing may be committed: the disk is too full, or the lock is gone.
    pub(crate) fn check_ready(&self) -> Result<()> {
        self.lock.check()?;
        self.committer.fs.check_floor(self.committer.dir(), self.limits.min_free_bytes)
    }

    /// Makes a commit: `moves` and `metadata` become visible together, and the journal lists the actions. After an error
    /// either state may be on disk; the next `recover_if_needed` finds out.
    pub(super) fn write_commit(
        &mut self,
        commit: CommitRecord,
        actions: &[Action],
        moves: Vec<Move>,
        swap: Option<Swap>,
        mut metadata: Metadata,
    ) -> Result<()> {
        self.needs_recovery = true;
        metadata.ahead = metadata.ahead.at_or_after(&metadata.positions);
        let id = commit.id.clone();
        let table = self.log_entry(&commit, actions, &mut metadata)?;
        let iceberg = self.table_version(&commit, actions, &mut metadata)?;
        let (lines, mark) = journal::lines(metadata.journal, &transaction::records(actions, commit))?;
        metadata.journal = Some(mark);
        let staged = self.committer.stage_metadata(&metadata.text()?)?;
        let intent = Intent {
            commit: id,
            moves,
            swap,
            metadata: staged,
            journal: lines,
            table,
            iceberg,
            whole_metadata: None,
        };
        self.committer.decide(&intent)?;
        self.committer.finish(&intent).map_err(|e| match e.kind() {
            Kind::Damaged => e,
            _ => e.next("nothing is lost or doubled: the commit is decided, and the next start finishes it"),
        })?;
        self.metadata = metadata;
        self.needs_recovery = false;
        Ok(())
    }

    /// When this holder took the dataset.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.owner.since
    }

    /// `path`, which is in staging, as an intent names it.
    pub(crate) fn staged(&self, path: &Path) -> Result<Place> {
        self.committer.places.staged(path)
    }

    /// Where `place` is.
    pub(crate) fn path(&self, place: &Place) -> Result<PathBuf> {
        self.committer.places.path(place)
    }
}

/// The largest commit number among the names of files in the last partitions, and in the last folder on disk.
fn newest_seq(dir: &Path, metadata: &Metadata) -> Result<u64> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for partition in metadata.partitions.iter().rev().take(LAST_PARTITIONS) {
        folders.push(layout::inside(dir, &partition.path)?);
    }
    let mut newest = 0;
    let mut next = Some(dir.to_path_buf());
    while let Some(folder) = next.take().or_else(|| folders.pop()) {
        if fs::target(&folder)? != fs::Target::Folder {
            continue;
        }
        let entries = fs::list_target(&folder)?;
        newest = entries.iter().filter_map(|entry| layout::seq_of_name(&entry.name)).fold(newest, u64::max);
        let mut deeper = entries.into_iter().filter(|entry| layout::is_partition_name(&entry.name));
        next = deeper.next_back().map(|entry| entry.path);
    }
    Ok(newest)
}

/// The lake's own folder may be missing with those above it, and may be a link to where the disk is.
fn make_root(fs: &Fs, root: &Path) -> Result<()> {
    if root.is_dir() {
        // An earlier run may have made it and been killed before the sync. What we may not read, we did not make.
        return match fs.sync_dir(fs::parent(root)) {
            Err(e) if is_denied(&e) => Ok(()),
            other => other,
        };
    }
    make_root(fs, fs::parent(root))?;
    fs.make_dir(root, LAKE_MODE).map(|_| ())
}

fn is_denied(error: &Error) -> bool {
    std::error::Error::source(error)
        .and_then(|cause| cause.downcast_ref::<std::io::Error>())
        .is_some_and(|cause| cause.kind() == std::io::ErrorKind::PermissionDenied)
}

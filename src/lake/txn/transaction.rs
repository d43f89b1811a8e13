//! One change of what readers see: actions are gathered, and take effect together or not at all.
//!
//! ```text
//! Dataset::transaction(id, now)
//!     │ add, add_folder, bring_back      a data file comes, out of staging or out of the bin
//!     │ set_aside, set_aside_folder      a data file leaves the data for a bin
//!     │ exchange                         a table's folder takes the place of the one that is there
//!     │ mark, unmark                     `_SUCCESS` of a partition comes or goes
//!     │ quarantine, discard              what readers never see
//!     │ advance, metadata                positions; what else the metadata says
//!     ▼
//! commit    journal lines from the actions, the intent, the renames (`commit`), then what is empty goes
//! ```
//!
//! Steps are made in this order, whatever the order in which they were asked for: marks go, old files go, the books
//! change, new files come, marks come. A reader may miss rows for an instant, and never counts them twice; a mark never
//! stands over a partition that is changing. A transaction that moves nothing replaces the metadata alone.
//!
//! The only code that changes what readers see. The actions are what a table format or a catalogue needs to know of the
//! commit.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::lake::Dataset;
use crate::lake::file::footer::read_footer;
use crate::lake::file::open_file::ClosedFile;
use crate::lake::fs;
use crate::lake::layout::places::{is_stub, original_name};
use crate::lake::layout::{self, Leaf, Place, Places, Room};
use crate::lake::manifest::data_file::Stub;
use crate::lake::manifest::data_file::{Cold, DataFile};
use crate::lake::manifest::journal::{self, CommitRecord, Journal, Record};
use crate::lake::manifest::metadata::Metadata;
use crate::lake::txn::commit::{Move, Swap};
use crate::lake::txn::tidy::Tidy;
use crate::{Error, Kind, Result};

/// What a commit means to whoever reads the dataset.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// A data file came.
    Add(DataFile),
    /// A data file went, or a folder with all that was in it: below the dataset.
    Remove(String),
    /// A partition is complete, and bears its mark.
    Mark(String),
    /// A partition is no longer complete.
    Unmark(String),
    /// A data file gets another place: it goes to the cold tier, or comes back from there. No row changes.
    Relocate {
        /// The file as it is from now on.
        file: DataFile,
        /// The object that it was, if it lay in the cold tier.
        from: Option<String>,
    },
    /// No row changes: what comes holds the rows of what goes, laid out in another way.
    Rewrite,
}

/// A set in the bin, by its name: what leaves the data goes there, and can come back.
#[derive(Debug, Clone)]
pub(crate) struct Bin(pub(crate) String);

/// What left the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aside {
    /// Files.
    pub(crate) files: u64,
    /// Their size, bytes.
    pub(crate) bytes: u64,
    /// Rows that the metadata counted.
    pub(crate) rows: u64,
}

/// The steps of a commit, in the order in which they are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Unmark,
    Remove,
    Books,
    Add,
    Mark,
}

/// A change of a dataset that is not made yet. Dropped without a commit, it leaves nothing but files in staging, which the next
/// recovery throws away.
pub(crate) struct Transaction<'a> {
    pub(crate) dataset: &'a mut Dataset,
    id: String,
    now: DateTime<Utc>,
    next: Metadata,
    actions: Vec<Action>,
    moves: Vec<(Step, Move)>,
    swap: Option<Swap>,
    /// The journal, read when a file comes back whose record only it has.
    journal: Option<Journal>,
}

impl Bin {
    /// The place of `path`, which is below the dataset.
    pub(super) fn place(&self, path: &str) -> Place {
        Place::aside(Room::Bin, &format!("{}/{path}", self.0))
    }
}

impl Dataset {
    /// Begins commit `id`, whose number is the first word of it.
    pub(crate) fn transaction(&mut self, id: impl Into<String>, now: DateTime<Utc>) -> Transaction<'_> {
        let mut next = self.metadata.clone();
        next.describe(&self.feed);
        self.transaction_with(id, now, next)
    }

    /// A change of what the metadata says, of no file.
    pub(crate) fn note(&mut self, now: DateTime<Utc>) -> Transaction<'_> {
        let id = format!("{:06}-note", self.metadata.commit_seq);
        self.transaction(id, now)
    }

    /// Begins commit `id`, which replaces the metadata by `next`.
    pub(crate) fn transaction_with(
        &mut self,
        id: impl Into<String>,
        now: DateTime<Utc>,
        mut next: Metadata,
    ) -> Transaction<'_> {
        let id = id.into();
        next.commit_seq = layout::commit_seq(&id).unwrap_or(next.commit_seq);
        Transaction {
            dataset: self,
            id,
            now,
            next,
            actions: Vec::new(),
            moves: Vec::new(),
            swap: None,
            journal: None,
        }
    }
}

impl Dataset {
    /// The marks of a partition, with their sizes: one, or none; both only while metadata changes its place.
    pub(crate) fn marks_of(&self, folder: &str) -> Result<Vec<(Place, u64)>> {
        let mut found = Vec::new();
        for mark in Places::seals(folder) {
            found.extend(fs::size_of(&self.path(&mark)?)?.map(|bytes| (mark, bytes)));
        }
        Ok(found)
    }
}

impl Transaction<'_> {
    /// The commit's id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// What the metadata will say.
    pub(crate) fn metadata(&mut self) -> &mut Metadata {
        &mut self.next
    }

    /// Says that no row changes: readers of a table format need not read what comes as new.
    pub(crate) fn rewrite(&mut self) {
        self.actions.push(Action::Rewrite);
    }

    /// Moves positions forward. `Kind::Bug` when one would go back.
    pub(crate) fn advance(&mut self, positions: BTreeMap<i32, i64>) -> Result<()> {
        for (partition, next) in positions {
            let known = self.next.positions.entry(partition).or_insert(next);
            if next < *known {
                return Err(Error::new(
                    Kind::Bug,
                    format!(
                        "the position of Kafka partition {partition} would go back from {known} to {next}"
                    ),
                )
                .at("feed", &self.dataset.feed.name));
            }
            *known = next;
        }
        Ok(())
    }

    pub(super) fn step(&mut self, step: Step, from: Place, to: Place, bytes: u64, rows: u64) {
        self.moves.push((step, Move { from, to, bytes, rows }));
    }

    /// Says what a commit means beside its moves.
    pub(super) fn tell(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// When the commit is made.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// How many steps it has so far.
    pub(super) fn steps(&self) -> usize {
        self.moves.len()
    }

    /// A name in the trash that nothing else in this commit has.
    pub(super) fn trash(&self) -> Place {
        Place::trash(format_args!("{}_{:06}", self.id, self.moves.len()))
    }

    /// A file of this commit comes to `path`, and its partition counts it.
    pub(crate) fn add(&mut self, file: &ClosedFile, path: String) -> Result<()> {
        let from = self.dataset.staged(&file.staged)?;
        self.come(from, file.listed(path, &self.id));
        Ok(())
    }

    fn come(&mut self, from: Place, file: DataFile) {
        self.step(Step::Add, from, Place::data(&file.path), file.bytes, file.rows);
        self.next.add_file(&file);
        self.actions.push(Action::Add(file));
    }

    /// A staged folder of files of this commit becomes the partition `path` in one step.
    pub(crate) fn add_folder(&mut self, from: Place, path: &str, files: Vec<DataFile>) {
        let (bytes, rows) = (files.iter().map(|f| f.bytes).sum(), files.iter().map(|f| f.rows).sum());
        self.step(Step::Add, from, Place::data(path), bytes, rows);
        self.count(files);
    }

    fn count(&mut self, files: Vec<DataFile>) {
        for file in files {
            self.next.add_file(&file);
            self.actions.push(Action::Add(file));
        }
    }

    /// The record of a file that was in the dataset before and is at `from`, if it comes to `path`.
    pub(crate) fn returning(&mut self, from: &Place, path: String) -> Result<DataFile> {
        let at = self.dataset.path(from)?;
        let stub = if is_stub(&from.path) { Some(Stub::read(&at)?) } else { None };
        let bytes = match &stub {
            Some(stub) => stub.bytes,
            None => fs::size_of(&at)?.unwrap_or(0),
        };
        let footer = read_footer(&at)?;
        let cold = stub.map(|stub| Cold { stub, has_copy: false });
        let read = DataFile { cold, ..footer.listed(path, bytes) };
        let journal = match self.journal.take() {
            Some(journal) => journal,
            None => journal::read(&self.dataset.committer.places.journal())?.unwrap_or_default(),
        };
        let journal = self.journal.insert(journal);
        Ok(match journal.find(read.name(), &read.commit).filter(|known| known.bytes == bytes) {
            Some(known) => DataFile { hash: known.hash, column_stats: known.column_stats.clone(), ..read },
            None => read,
        })
    }

    /// A file at `from`, which was in the dataset before, comes back to `path`. Counting it is left to the caller, who knows
    /// what else becomes of its partition. It gets the mode that the feed's visibility says.
    pub(crate) fn bring_back(&mut self, from: Place, path: String) -> Result<DataFile> {
        let file = self.returning(&from, path)?;
        let (mode, at) = (self.dataset.feed.visibility.file_mode(), self.dataset.path(&from)?);
        self.dataset.committer.fs.set_mode(&at, mode)?;
        // A file of the cold tier stays there: its stub comes back.
        let (to, bytes) = match &file.cold {
            Some(_) => (Place::aside(Room::Cold, &file.path), fs::size_of(&at)?.unwrap_or(0)),
            None => (Place::data(&file.path), file.bytes),
        };
        self.step(Step::Add, from, to, bytes, file.rows);
        self.actions.push(Action::Add(file.clone()));
        Ok(file)
    }

    /// A folder of the bin becomes the partition `path` again in one step, and its files are counted. Files in it that this
    /// program has not made are refused.
    pub(crate) fn bring_folder_back(&mut self, from: Place, path: &str) -> Result<Vec<DataFile>> {
        let at = self.dataset.path(&from)?;
        let mode = self.dataset.feed.visibility;
        let mut files = Vec::new();
        for entry in fs::list(&at)? {
            if !(layout::is_ours(&entry.name) && entry.is_file) {
                return Err(Error::new(
                    Kind::Refused,
                    "a file that is not ours lies among those that would come back",
                )
                .at("file", entry.path.display())
                .next("nothing was changed; move that file away, then try again"));
            }
            let place = Place::new(from.room, format!("{}/{}", from.path, entry.name));
            files.push(self.returning(&place, layout::join(path, original_name(&entry.name)))?);
            self.dataset.committer.fs.set_mode(&entry.path, mode.file_mode())?;
        }
        self.dataset.committer.fs.set_mode(&at, mode.dir_mode())?;
        self.add_folder(from, path, files.clone());
        Ok(files)
    }

    /// The data file at `path` leaves.
    pub(crate) fn set_aside(&mut self, path: String, bytes: u64, bin: &Bin) {
        let to = bin.place(&path);
        self.step(Step::Remove, Place::data(&path), to, bytes, 0);
        self.actions.push(Action::Remove(path));
    }

    /// A data file that stays where it is belongs into the table from now on.
    pub(crate) fn restate(&mut self, file: DataFile) {
        self.actions.push(Action::Add(file));
    }

    /// A partition leaves: its mark, its data files, and what the metadata counts of it. Where nothing else lies in its
    /// folder, the folder leaves in one step, so that no reader finds a part of it. What of it lies in the cold tier leaves with its
    /// stubs. Gives the files that left and the rows that were counted.
    pub(crate) fn set_partition_aside(&mut self, leaf: &Leaf, bin: &Bin) -> Result<Aside> {
        let (files, bytes) = self.set_cold_aside(leaf, bin)?;
        let known = self.next.partitions.iter().position(|partition| partition.path == leaf.path);
        let rows = known.map_or(0, |at| self.next.partitions.remove(at).records);
        self.unmark_without_note(&leaf.path)?;
        let ours: Vec<fs::Entry> = leaf.files.iter().filter(|file| is_data(file)).cloned().collect();
        let local = ours.iter().map(|file| file.bytes).sum();
        // An empty mark is gone before the folder moves.
        let belongs =
            |entry: &fs::Entry| is_data(entry) || (entry.name == layout::SUCCESS && entry.bytes == 0);
        let alone = files == 0;
        let whole = alone && fs::list(&self.dataset.path(&Place::data(&leaf.path))?)?.iter().all(belongs);
        if whole && !ours.is_empty() {
            self.step(Step::Remove, Place::data(&leaf.path), bin.place(&leaf.path), local, rows);
            self.actions.push(Action::Remove(leaf.path.clone()));
        } else {
            for file in &ours {
                self.set_aside(format!("{}/{}", leaf.path, file.name), file.bytes, bin);
            }
        }
        Ok(Aside { files: files + ours.len() as u64, bytes: bytes + local, rows })
    }

    /// A file or folder of the books goes for good.
    pub(crate) fn discard(&mut self, from: Place, bytes: u64, rows: u64) {
        let to = self.trash();
        self.step(Step::Books, from, to, bytes, rows);
    }

    /// Anything changes its place that no reader takes for data, or that a repair moves.
    pub(crate) fn relocate(&mut self, from: Place, to: Place, bytes: u64) -> Result<()> {
        let is_data = |place: &Place| place.room == Room::Data && layout::has_parquet_ending(&place.path);
        let added = if is_data(&to) { Some(self.returning(&from, to.path.clone())?) } else { None };
        let step = if is_data(&from) { Step::Remove } else { Step::Books };
        if is_data(&from) {
            self.actions.push(Action::Remove(from.path.clone()));
        }
        let step = if added.is_some() { Step::Add } else { step };
        self.actions.extend(added.map(Action::Add));
        self.step(step, from, to, bytes, 0);
        Ok(())
    }

    /// A staged file of rows that were put aside (its path, bytes and rows) comes into the quarantine; gives its rows.
    pub(crate) fn quarantine(&mut self, staged: Option<(PathBuf, u64, u64)>) -> Result<u64> {
        let Some((staged, bytes, rows)) = staged else { return Ok(0) };
        let name = format!("{}_{}.jsonl", self.now.format("%Y%m%d"), self.id);
        let from = self.dataset.staged(&staged)?;
        self.step(Step::Books, from, Place::new(Room::Quarantine, name), bytes, rows);
        self.next.quarantined_records += rows;
        Ok(rows)
    }

    /// Partitions get their marks.
    pub(crate) fn mark(&mut self, partitions: &[String]) -> Result<()> {
        self.dataset.needs_recovery = true;
        let staged = self.dataset.staging("seal")?;
        for partition in partitions {
            self.actions.push(Action::Mark(partition.clone()));
            // A mark that somebody else has put there is the same mark.
            if !self.dataset.marks_of(partition)?.is_empty() {
                continue;
            }
            let path = staged.join(format!("{:06}", self.moves.len()));
            self.dataset.committer.fs.create(&path, self.dataset.feed.visibility.file_mode())?.sync()?;
            let (from, to) = (self.dataset.staged(&path)?, self.dataset.committer.places.seal(partition));
            self.step(Step::Mark, from, to, 0, 0);
        }
        Ok(())
    }

    /// Opens a sealed partition again; gives whether it was sealed.
    pub(crate) fn unmark(&mut self, partition: &str) -> Result<bool> {
        let marked = self.unmark_without_note(partition)?;
        let now = self.now;
        let known = self.next.partitions.iter_mut().find(|known| known.path == partition);
        let recorded = known.is_some_and(|known| {
            let was = known.sealed_at.take().is_some();
            if was || marked {
                known.reopened_at = Some(now);
            }
            was
        });
        Ok(recorded || marked)
    }

    /// The mark goes first: what comes back is sealed again by its rule.
    fn unmark_without_note(&mut self, partition: &str) -> Result<bool> {
        let marks = self.dataset.marks_of(partition)?;
        if marks.is_empty() {
            return Ok(false);
        }
        for (from, bytes) in marks {
            let to = self.trash();
            self.step(Step::Unmark, from, to, bytes, 0);
        }
        self.actions.push(Action::Unmark(partition.to_owned()));
        Ok(true)
    }

    /// The table's folder is exchanged with `prepared`, in which `version` with these `files` lies. All versions that are
    /// there leave.
    pub(crate) fn exchange(&mut self, prepared: Place, version: String, files: Vec<DataFile>) {
        let bytes = files.iter().map(|file| file.bytes).sum();
        self.swap = Some(Swap { prepared, version, bytes });
        let gone = std::mem::take(&mut self.next.partitions);
        self.actions.extend(gone.into_iter().map(|partition| Action::Remove(partition.path)));
        self.count(files);
    }

    /// Makes the change. After an error either state may be on disk: the next recovery finds out which. What has become
    /// empty is removed; where that fails it does so at the next start, or is no harm.
    pub(crate) fn commit(self) -> Result<()> {
        let Transaction { dataset, id, now, mut next, actions, mut moves, swap, journal: _ } = self;
        dataset.check_lock()?;
        next.total();
        // What is pinned is in the journal too, so that it outlives the metadata.
        let pins = (next.pins != dataset.metadata.pins).then(|| next.pins.clone());
        if moves.is_empty() && swap.is_none() && pins.is_none() {
            return dataset.write_metadata(next);
        }
        moves.sort_by_key(|(step, _)| *step);
        let moves: Vec<Move> = moves.into_iter().map(|(_, step)| step).collect();
        let tidy = Tidy::after(&moves);
        let files = actions.iter().filter(|action| matches!(action, Action::Add(_))).count() as u64;
        let (seq, positions) = (next.commit_seq, next.positions.clone());
        let record = CommitRecord { id, seq, at: now, positions, files, pins };
        dataset.write_commit(record, &actions, moves, swap, next)?;
        tidy.run(dataset);
        // Readers need none of it, and the next checkpoint does it too.
        let _ = dataset.tend_log(now);
        Ok(())
    }
}

/// The journal's records of a commit.
pub(crate) fn records(actions: &[Action], commit: CommitRecord) -> Vec<Record> {
    let mut records: Vec<Record> = actions
        .iter()
        .filter_map(|action| match action {
            Action::Remove(path) => Some(Record::Remove { path: path.clone() }),
            _ => None,
        })
        .collect();
    records.extend(actions.iter().filter_map(|action| match action {
        Action::Add(file) => Some(Record::Add(file.clone())),
        _ => None,
    }));
    records.push(Record::Commit(commit));
    records
}

/// A regular file that this program made, by its name.
pub(crate) fn is_data(file: &fs::Entry) -> bool {
    layout::is_ours(&file.name) && file.is_file
}

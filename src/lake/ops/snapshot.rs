//! The rows of a table on their way into a new version.
//!
//! ```text
//! write      all rows go to one open file, rolled by size
//! publish    held when it has shrunk beyond its limit
//!            the files get their names in a staged folder; the folder becomes `version=vN` and current with the commit
//!            then versions beyond `keep_versions` go into the bin
//! ```
//!
//! With `keep_versions` 1 whoever lists the table's folder finds one version at every instant: the table's folder is
//! exchanged with a prepared one that holds the new version alone. Where the file system cannot do that, or something of
//! others lies in the folder, the old version leaves before the new one comes: a reader may find none for an instant, and
//! never two. The folder of before stays in the books (`previous/`) until the next overwrite, so that who has opened it
//! can list it to its end; then it goes into the bin.

use std::path::Path;

use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};

use crate::feed::FeedKind;
use crate::lake::file::open_file::{ClosedFile, CommitEnd, RowFacts};
use crate::lake::fs;
use crate::lake::layout::{self, Leaf, PartitionPath, Place, Room};
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::metadata::PendingDecision;
use crate::lake::ops::replaced::commits;
use crate::lake::ops::retention::{RemovedPartition, retained_id};
use crate::lake::ops::run::{Run, same_columns};
use crate::lake::report::{Committed, Quarantined, WriterStats};
use crate::lake::txn::transaction::{Bin, is_data};
use crate::lake::{Dataset, RunInfo, TableSchema};
use crate::{Error, Kind, Result};

/// The one partition of a snapshot.
const UNIT: i64 = 0;

/// Takes the rows of a table and publishes them as one version. Dropped without that, it leaves nothing.
pub struct Snapshot<'a> {
    run: Run<'a>,
    version: u32,
    doubled_keys: u64,
    key_columns: Vec<String>,
    /// The instant through which the snapshot is complete, where it is known.
    complete_through: Option<DateTime<Utc>>,
}

impl Dataset {
    /// Begins a snapshot of a table. `Kind::Schema` when a column changed its type.
    pub fn snapshot(&mut self, schema: &TableSchema, run: RunInfo) -> Result<Snapshot<'_>> {
        self.begin(FeedKind::Table, schema)?;
        Snapshot::new(self, schema, run)
    }
}

impl<'a> Snapshot<'a> {
    pub(crate) fn new(dataset: &'a mut Dataset, schema: &TableSchema, run: RunInfo) -> Result<Self> {
        let known = dataset.metadata.partitions.iter().filter_map(|p| layout::version_of(&p.path));
        let on_disk = crate::lake::fs::list(dataset.dir())?;
        let found = on_disk.iter().filter_map(|entry| layout::version_of(&entry.name));
        // Versions in the bin may come back: their numbers are not used again.
        let mut in_bin = Vec::new();
        for commit in commits(&dataset.committer.places)?.into_iter().filter(|entry| entry.is_dir) {
            in_bin.extend(
                layout::leaves(&commit.path)?.iter().filter_map(|leaf| layout::version_of(&leaf.path)),
            );
        }
        let previous = dataset.committer.places.previous();
        if fs::is_real_dir(&previous)? {
            in_bin.extend(fs::list(&previous)?.iter().filter_map(|entry| layout::version_of(&entry.name)));
        }
        let current = dataset.metadata.current_version;
        let last = known.chain(found).chain(current).chain(in_bin).max().unwrap_or(0);
        let version = last
            .checked_add(1)
            .ok_or_else(|| Error::new(Kind::Damaged, "the versions of the table have no next number"))?;
        let run = Run::begin(dataset, schema, run, Some(format!("v{version}")))?;
        let complete_through = Some(run.info.started);
        Ok(Self { run, version, doubled_keys: 0, key_columns: Vec::new(), complete_through })
    }

    /// Writes a batch: its schema is that of the run. After an error only `abandon` is left.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.run.check_usable()?;
        same_columns(&self.run.schema, batch)?;
        let result = self.take(batch);
        self.run.note(result)
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        let shown = self.run.view.of(batch)?;
        self.run.writer.look(1, || Ok(shown.clone()))?;
        self.run.writer.write(UNIT, &shown, &RowFacts::default())
    }

    /// Puts a row aside; it becomes visible when the snapshot is published.
    pub fn quarantine(&mut self, bad: &Quarantined<'_>) -> Result<()> {
        self.run.check_usable()?;
        let result = self.run.quarantine.add(bad);
        self.run.note(result)
    }

    /// Notes how many rows had a key that was there already; it becomes part of the metadata.
    pub fn note_doubled_keys(&mut self, rows: u64) {
        self.doubled_keys = rows;
    }

    /// Notes which columns of a batch are the primary key; none where it is not all there.
    pub fn note_key(&mut self, places: &[usize]) {
        let fields = self.run.schema.arrow.fields();
        self.key_columns =
            places.iter().filter_map(|at| fields.get(*at)).map(|field| field.name().clone()).collect();
    }

    /// Through which instant the snapshot is complete, where that is not when the run began.
    pub fn claim_through(&mut self, through: Option<DateTime<Utc>>) {
        self.complete_through = through;
    }

    /// What the writer holds now.
    pub fn stats(&self) -> WriterStats {
        let quarantined = self.run.quarantine.rows();
        WriterStats { quarantined, ..self.run.writer.numbers() }
    }

    /// Makes it the current version, then removes versions beyond `keep_versions`. `rows` is the number of rows that
    /// the reader counted, quarantined ones included; `Kind::Incomplete` when it is another number than came here, and
    /// then nothing is published. `Kind::Held` when the table has shrunk more than its limit allows: the version before
    /// stays current until an operator has decided.
    pub fn publish(mut self, now: DateTime<Utc>, rows: u64) -> Result<Committed> {
        self.run.check_usable()?;
        let stats = self.stats();
        if stats.rows + stats.quarantined != rows {
            let came = stats.rows + stats.quarantined;
            return Err(Error::new(
                Kind::Incomplete,
                format!("{rows} rows were read, and {came} came to the writer: nothing is published"),
            )
            .at("feed", &self.run.dataset.feed.name));
        }
        self.check_shrink(stats.rows, now)?;
        self.run.dataset.check_ready()?;
        self.run.writer.ensure_file(UNIT)?;
        let quarantine = self.run.take_quarantine()?;
        let end = CommitEnd { quarantined: quarantine.rows(), ..CommitEnd::default() };
        let (files, rolls) = self.run.writer.finish(end)?;
        let folder = PartitionPath::Version(self.version).to_string();
        let mut done = Committed {
            id: self.run.commit_id.clone(),
            rolls,
            version: Some(self.version),
            partitions: vec![folder.clone()],
            ..Committed::default()
        };
        let fs = self.run.dataset.committer.fs.clone();
        // The folder that may take the place of the table's.
        let prepared = self.run.dataset.staging(&self.run.info.id)?.join("table");
        let staged = prepared.join(&folder);
        fs.make_dir(&prepared, self.run.dataset.feed.visibility.dir_mode())?;
        fs.make_dir(&staged, self.run.dataset.feed.visibility.dir_mode())?;
        let files = self.name_files(&files, &staged, &folder, &mut done)?;
        fs.sync_dir(&staged)?;
        let due = match self.run.dataset.feed.keep_versions {
            0 | 1 => self.run.dataset.versions_beyond(0, None)?,
            _ => Vec::new(),
        };
        let can_swap = self.run.dataset.can_swap(&due)?;
        let (prepared, staged) = (self.run.dataset.staged(&prepared)?, self.run.dataset.staged(&staged)?);
        let mut transaction = self.run.dataset.transaction(&self.run.commit_id, now);
        let bin = retained_id(transaction.metadata().commit_seq, now);
        let removed: Vec<u32> = if can_swap {
            transaction.exchange(prepared.clone(), folder, files);
            due.iter().filter_map(|leaf| layout::version_of(&leaf.path)).collect()
        } else {
            // What goes, goes before the new version comes: no reader sums up two versions.
            let removed = transaction.leave(&due, &Bin(bin.clone()))?;
            transaction.add_folder(staged, &folder, files);
            versions(&removed)
        };
        done.quarantined = transaction.quarantine(quarantine.finish()?)?;
        let next = transaction.metadata();
        next.pending_decision = None;
        next.doubled_keys = self.doubled_keys;
        next.key_columns.clone_from(&self.key_columns);
        next.current_version = Some(self.version);
        next.read_mode = Some(self.run.info.read_mode.clone());
        next.claim(self.complete_through, now);
        next.caught_up = true;
        next.last_failure = None;
        next.checked_at = next.checked_at.max(Some(now));
        transaction.note_export(
            &self.run.info,
            &self.run.columns,
            self.run.writer.facts(),
            &mut done,
            (now, true),
        );
        transaction.commit()?;
        if can_swap {
            self.run.dataset.keep_previous(&prepared, &bin);
        }
        done.removed_versions = removed;
        // The new version is there; that an old one could not be removed now is no reason to say otherwise.
        done.removed_versions.extend(self.run.dataset.retain_versions(now).unwrap_or_default());
        Ok(done)
    }

    /// Holds a snapshot that is much smaller than the current version, unless it was accepted.
    fn check_shrink(&mut self, rows: u64, now: DateTime<Utc>) -> Result<()> {
        let metadata = &self.run.dataset.metadata;
        let current = metadata.partitions.iter().find(|partition| {
            layout::version_of(&partition.path).is_some_and(|v| Some(v) == metadata.current_version)
        });
        let before = current.map_or(0, |partition| partition.records);
        let limit = self.run.dataset.feed.shrink_limit.unwrap_or(self.run.dataset.limits.shrink_limit);
        let gone = u128::from(before.saturating_sub(rows));
        let within = before == 0 || (rows > 0 && gone * 100 <= u128::from(before) * u128::from(limit));
        let known = metadata.pending_decision.as_ref();
        if within || known.is_some_and(|known| known.about == "snapshot" && known.accepted) {
            return Ok(());
        }
        let what = format!("the snapshot has {rows} rows, and the current version has {before}");
        let since = known.filter(|known| known.about == "snapshot").map_or(now, |known| known.since);
        let mut note = self.run.dataset.note(now);
        note.metadata().pending_decision = Some(PendingDecision {
            about: "snapshot".to_owned(),
            since,
            what: what.clone(),
            rows_before: before,
            rows_after: rows,
            accepted: false,
        });
        note.commit()?;
        let allowed = if rows == 0 {
            "a table never becomes empty".to_owned()
        } else {
            format!("at most {limit} % fewer")
        };
        Err(Error::new(Kind::Held, format!("{what}; without a decision {allowed}")).next(format!(
            "the current version stays; if the table is right, `lakehand feeds accept-snapshot {}` and export again",
            self.run.dataset.feed.name
        )))
    }

    /// Finished files get their names in the staged folder, and are counted.
    fn name_files(
        &self,
        files: &[ClosedFile],
        staged: &Path,
        folder: &str,
        done: &mut Committed,
    ) -> Result<Vec<DataFile>> {
        let mut named = Vec::new();
        for (n, file) in (0..).zip(files) {
            let name = layout::snapshot_file(self.run.info.started, n);
            self.run.dataset.committer.fs.rename(&file.staged, &staged.join(&name))?;
            named.push(file.listed(format!("{folder}/{name}"), &self.run.commit_id));
            done.count(file);
        }
        Ok(named)
    }

    /// Throws it away.
    pub fn abandon(self) -> Result<()> {
        self.run.abandon()
    }
}

fn versions(removed: &[RemovedPartition]) -> Vec<u32> {
    removed.iter().filter(|gone| gone.files > 0).filter_map(|gone| layout::version_of(&gone.path)).collect()
}

impl Dataset {
    /// The table's folder holds `due`, versions of ours that go, and nothing of others; and folders can be exchanged.
    fn can_swap(&self, due: &[Leaf]) -> Result<bool> {
        if due.is_empty() {
            return Ok(false);
        }
        for entry in fs::list(self.dir())? {
            let known = entry.name == layout::METADATA && !self.committer.places.is_apart()
                || due.iter().any(|leaf| leaf.path == entry.name) && entry.is_dir;
            if !known {
                return Ok(false);
            }
        }
        for leaf in due {
            if !self.is_whole(leaf)? {
                return Ok(false);
            }
        }
        let places = &self.committer.places;
        // What is beside it is not exchanged with what is in it.
        Ok(!places.books.starts_with(&places.data)
            && self.committer.fs.can_exchange(&places.room(Room::Staging))?)
    }

    /// The folder holds files of ours, and nothing else.
    fn is_whole(&self, leaf: &Leaf) -> Result<bool> {
        let inside = fs::list(&self.path(&Place::data(&leaf.path))?)?;
        Ok(!inside.is_empty() && inside.iter().all(is_data))
    }

    /// Keeps the table's folder of before, which an exchange has left at `place`, and puts what was kept until now into the
    /// set `bin` of the bin. It is no harm where that fails: what lies in staging goes with the next start.
    fn keep_previous(&self, place: &Place, bin: &str) {
        let (fs, places) = (&self.committer.fs, &self.committer.places);
        let previous = places.previous();
        let _ = self.path(place).and_then(|left| {
            if fs::is_real_dir(&previous)? {
                let room = places.room(Room::Bin);
                let (parent, set) = (fs::parent(&room), room.join(bin));
                let below = set.strip_prefix(parent).unwrap_or(Path::new(bin));
                fs.make_dirs(parent, [below], self.feed.visibility.dir_mode())?;
                for entry in fs::list(&previous)?.into_iter().filter(|entry| entry.is_dir) {
                    fs.rename(&entry.path, &set.join(&entry.name))?;
                }
                fs.remove_tree(&previous)?;
            }
            if !fs::is_real_dir(&left)? {
                return Ok(());
            }
            fs.rename(&left, &previous)?;
            for entry in fs::list(&previous)?.into_iter().filter(|entry| entry.is_dir) {
                for file in fs::list(&entry.path)?.into_iter().filter(|f| layout::has_parquet_ending(&f.name))
                {
                    let aside = Place::aside(Room::Bin, &file.name).path;
                    fs.rename(&file.path, &entry.path.join(aside))?;
                }
            }
            Ok(())
        });
    }
}

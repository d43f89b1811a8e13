//! The rows of a table on their way into a new version.
//!
//! ```text
//! write      all rows go to one open file, rolled by size
//! publish    the files get their names in a staged folder; the folder becomes `version=vN` and current with the commit
//!            then versions beyond `keep_versions` go
//! ```

use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};

use crate::feed::FeedKind;
use crate::lake::file::open_file::{CommitEnd, RowFacts};
use crate::lake::layout;
use crate::lake::manifest::metadata::ColumnInfo;
use crate::lake::manifest::schema;
use crate::lake::ops::append::{Prepared, duration_ms, move_quarantine, run_record, same_columns};
use crate::lake::ops::quarantine::Quarantine;
use crate::lake::report::{Committed, Quarantined, WriterStats};
use crate::lake::txn::commit::Move;
use crate::lake::write::present::View;
use crate::lake::write::writer::Writer;
use crate::lake::{Dataset, RunInfo, TableSchema};
use crate::{Error, Kind, Result};

/// The one partition of a snapshot.
const UNIT: i64 = 0;

/// Takes the rows of a table and publishes them as one version. Dropped without that, it leaves nothing.
pub struct Snapshot<'a> {
    dataset: &'a mut Dataset,
    schema: TableSchema,
    run: RunInfo,
    columns: Vec<ColumnInfo>,
    version: u32,
    view: View,
    writer: Writer,
    quarantine: Option<Quarantine>,
    commit_id: String,
    failed: bool,
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
        let last = known.chain(found).chain(dataset.metadata.current_version).max().unwrap_or(0);
        let version = last
            .checked_add(1)
            .ok_or_else(|| Error::new(Kind::Damaged, "the versions of the table have no next number"))?;
        let prepared = Prepared::new(dataset, schema, &run, Some(format!("v{version}")))?;
        dataset.needs_recovery = true;
        Ok(Self {
            dataset,
            schema: schema.clone(),
            run,
            columns: prepared.columns,
            version,
            view: prepared.view,
            writer: prepared.writer,
            quarantine: Some(prepared.quarantine),
            commit_id: prepared.commit_id,
            failed: false,
        })
    }

    /// Writes a batch: its schema is that of the run. After an error only `abandon` is left.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.usable()?;
        same_columns(&self.schema, batch)?;
        let result = self.take(batch);
        self.failed = result.is_err();
        result
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        let shown = self.view.of(batch)?;
        self.writer.look(1, || Ok(shown.clone()))?;
        self.writer.write(UNIT, &shown, &RowFacts::default())
    }

    /// Puts a row aside; it becomes visible when the snapshot is published.
    pub fn quarantine(&mut self, bad: &Quarantined<'_>) -> Result<()> {
        self.usable()?;
        let result = self.quarantine.as_mut().map_or(Ok(()), |quarantine| quarantine.add(bad));
        self.failed = result.is_err();
        result
    }

    /// What the writer holds now.
    pub fn stats(&self) -> WriterStats {
        let quarantined = self.quarantine.as_ref().map_or(0, Quarantine::rows);
        WriterStats { quarantined, ..self.writer.numbers() }
    }

    /// Makes it the current version, then removes versions beyond `keep_versions`. `rows` is the number of rows that
    /// the reader counted, quarantined ones included; `Kind::Incomplete` when it is another number than came here, and
    /// then nothing is published.
    pub fn publish(mut self, now: DateTime<Utc>, rows: u64) -> Result<Committed> {
        self.usable()?;
        let stats = self.stats();
        if stats.rows + stats.quarantined != rows {
            let came = stats.rows + stats.quarantined;
            return Err(Error::new(
                Kind::Incomplete,
                format!("{rows} rows were read, and {came} came to the writer: nothing is published"),
            )
            .at("feed", &self.dataset.feed.name));
        }
        self.dataset.check_ready()?;
        self.writer.ensure_file(UNIT)?;
        let quarantined = self.quarantine.as_ref().map_or(0, Quarantine::rows);
        let end = CommitEnd { quarantined, ..CommitEnd::default() };
        let (files, rolls) = self.writer.finish(end)?;
        let folder = layout::version_folder(self.version);
        let mut next = self.dataset.metadata.clone();
        next.describe(&self.dataset.feed);
        let mut done = Committed {
            id: self.commit_id.clone(),
            rolls,
            version: Some(self.version),
            partitions: vec![folder.clone()],
            ..Committed::default()
        };
        let fs = self.dataset.committer.fs.clone();
        let staged = self.dataset.staging(&self.run.id)?.join("version");
        fs.make_dir(&staged, self.dataset.feed.visibility.dir_mode())?;
        for (n, file) in (0..).zip(&files) {
            let path = staged.join(layout::snapshot_file(self.run.started, n));
            fs.rename(&file.staged, &path)?;
            let from = self.dataset.relative(&path)?;
            self.dataset.note_made(&from, file);
            next.add_file(&folder, &file.facts());
            done.count(file);
        }
        fs.sync_dir(&staged)?;
        let from = self.dataset.relative(&staged)?;
        let mut moves = vec![Move { from, to: folder, bytes: done.bytes, rows: done.rows }];
        if let Some(quarantine) = self.quarantine.take() {
            done.quarantined = move_quarantine(self.dataset, quarantine, &self.commit_id, now, &mut moves)?;
        }
        next.current_version = Some(self.version);
        next.quarantined_records += done.quarantined;
        next.commit_seq += 1;
        done.columns = schema::changes(&next.columns, &self.columns);
        next.columns.clone_from(&self.columns);
        next.schema_version.clone_from(&self.writer.facts().schema_version);
        next.read_way = Some(self.run.way.clone());
        next.complete_through = next.complete_through.max(Some(self.run.started));
        next.caught_up = true;
        // A clock that was put back does not take these back.
        next.checked_at = next.checked_at.max(Some(now));
        next.last_export = next.last_export.max(Some(now));
        next.total();
        done.duration_ms = duration_ms(&self.run, now);
        next.note_run(run_record(&self.run, &done, now, true));
        self.dataset.commit(&self.commit_id, moves, next)?;
        // The new version is there; that an old one could not be removed now is no reason to say otherwise.
        done.removed_versions = self.dataset.retain_versions().unwrap_or_default();
        Ok(done)
    }

    /// Throws it away.
    pub fn abandon(self) -> Result<()> {
        self.dataset.recover_if_needed()
    }

    fn usable(&self) -> Result<()> {
        if self.failed {
            return Err(Error::new(Kind::Bug, "rows were handed to a snapshot that had failed"));
        }
        Ok(())
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // At worst the next start does the same.
        self.dataset.needs_recovery = true;
        let _ = self.dataset.recover_if_needed();
    }
}

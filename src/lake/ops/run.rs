//! What appending, taking a snapshot and exporting a day again have in common: how a run begins, and what its commits say.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use chrono::{DateTime, Utc};

use crate::lake::file::footer::FooterFacts;
use crate::lake::file::open_file::{ClosedFile, text};
use crate::lake::file::properties::FileConfig;
use crate::lake::layout::{self, Depth};
use crate::lake::manifest::metadata::{ColumnInfo, RunRecord};
use crate::lake::manifest::schema;
use crate::lake::report::Committed;
use crate::lake::txn::transaction::Transaction;
use crate::lake::write::columns;
use crate::lake::write::present::View;
use crate::lake::write::quarantine::Quarantine;
use crate::lake::write::route;
use crate::lake::write::writer::Writer;
use crate::lake::{Dataset, RunInfo, TableSchema};
use crate::{Error, Kind, Result};

/// What a run begins with.
pub(crate) struct Prepared {
    pub(crate) columns: Vec<ColumnInfo>,
    pub(crate) view: View,
    pub(crate) writer: Writer,
    pub(crate) quarantine: Quarantine,
    pub(crate) commit_id: String,
}

impl Prepared {
    pub(crate) fn new(
        dataset: &Dataset,
        schema: &TableSchema,
        run: &RunInfo,
        version: Option<String>,
    ) -> Result<Self> {
        let (known, version_now) = (&dataset.metadata.columns, &dataset.metadata.schema_version);
        let view = View::new(&dataset.feed, known, schema);
        let file_columns = columns::file_columns(view.schema(), &schema.columns_types);
        let (columns, schema_version) = schema::evolve(known, version_now, &file_columns, Some(run.started))
            .map_err(|e| e.at("feed", &dataset.feed.name))?;
        let limits = &dataset.limits;
        let seq = dataset.metadata.commit_seq + 1;
        let commit_id = layout::commit_id(seq, &run.id);
        let config = FileConfig {
            schema: Arc::clone(view.schema()),
            compression: dataset.feed.compression,
            zstd_level: limits.zstd_level,
            encodings: limits.encodings,
            file_mode: dataset.feed.visibility.file_mode(),
            target_bytes: limits.target_file_bytes.max(1),
            min_free_bytes: limits.min_free_bytes,
            // Measured: what the encoders really take is up to 1.6 times what they report, with several threads and so
            // several arenas of the allocator more; the rest is for rows that are being decoded and routed.
            budget: limits.memory_bytes / 5 * 2,
        };
        let facts = FooterFacts {
            dataset: dataset.metadata.source.clone(),
            source: run.source.clone(),
            server: run.server.clone(),
            run: run.id.clone(),
            started: run.started.to_rfc3339(),
            commit: commit_id.clone(),
            ksql_schema: schema.ksql.clone(),
            columns: text(&file_columns)?,
            schema_version,
            version,
        };
        let staging = dataset.staging(&run.id)?;
        let (fs, pool) = (dataset.committer.fs.clone(), Arc::clone(&dataset.pool));
        let writer = Writer::new(fs, pool, staging, config, facts)?;
        let quarantine = Self::quarantine(dataset, run, seq)?;
        Ok(Self { columns, view, writer, quarantine, commit_id })
    }

    /// The quarantine of commit number `seq`.
    pub(crate) fn quarantine(dataset: &Dataset, run: &RunInfo, seq: u64) -> Result<Quarantine> {
        let staged = dataset.staging(&run.id)?.join(format!("quarantine_{seq:06}.jsonl"));
        let mode = dataset.feed.visibility.file_mode();
        Ok(Quarantine::new(dataset.committer.fs.clone(), staged, mode))
    }
}

impl Transaction<'_> {
    /// Finished files get their places, and are counted, in the metadata to come and in what is told.
    pub(crate) fn add_files(
        &mut self,
        depth: Depth,
        files: &[ClosedFile],
        done: &mut Committed,
    ) -> Result<()> {
        let mut counts: HashMap<i64, u64> = HashMap::new();
        for file in files {
            let n = counts.entry(file.key).or_insert(0);
            *n += 1;
            let partition = route::partition_of_key(depth, file.key)?;
            let folder = partition.to_string();
            let name = layout::data_file(&partition.digits(), self.id(), *n);
            self.add(file, format!("{folder}/{name}"))?;
            done.count(file);
            if done.partitions.last() != Some(&folder) {
                done.partitions.push(folder);
            }
        }
        Ok(())
    }

    /// What every commit of an export says: columns, times, and the run itself.
    pub(crate) fn note_export(
        &mut self,
        run: &RunInfo,
        columns: &[ColumnInfo],
        facts: &FooterFacts,
        done: &mut Committed,
        (now, complete): (DateTime<Utc>, bool),
    ) {
        let next = self.metadata();
        done.columns = schema::changes(&next.columns, columns);
        next.columns = columns.to_vec();
        next.schema_version.clone_from(&facts.schema_version);
        // A clock that was put back does not take these back.
        next.last_export = next.last_export.max(Some(now));
        done.positions.clone_from(&next.positions);
        done.duration_ms = u64::try_from((now - run.started).num_milliseconds()).unwrap_or(0);
        next.note_run(RunRecord {
            id: run.id.clone(),
            started: run.started,
            ended: now,
            rows: done.rows,
            bytes: done.bytes,
            files: done.files,
            duration_ms: done.duration_ms,
            rolls: done.rolls,
            quarantined: done.quarantined,
            outcome: if complete { "complete" } else { "partial" }.to_owned(),
        });
    }
}

impl Committed {
    /// Adds a file.
    pub(crate) fn count(&mut self, file: &ClosedFile) {
        self.rows += file.rows;
        self.bytes += file.bytes;
        self.files += 1;
    }
}

/// The batch has the columns of the run.
pub(crate) fn same_columns(schema: &TableSchema, batch: &RecordBatch) -> Result<()> {
    if batch.schema_ref().fields() == schema.arrow.fields() {
        return Ok(());
    }
    Err(Error::new(Kind::Bug, "a batch has other columns than its run"))
}

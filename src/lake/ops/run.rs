//! What appending, taking a snapshot and exporting a day again have in common: how a run begins, and what its commits say.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use chrono::{DateTime, Utc};

use crate::lake::file::footer::FooterFacts;
use crate::lake::file::open_file::{ClosedFile, text};
use crate::lake::file::properties::{FileConfig, Layout};
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

/// An export that writes into a dataset, from its first row to its last commit. Dropped, it throws away what was not committed.
pub(crate) struct Run<'a> {
    pub(crate) dataset: &'a mut Dataset,
    pub(crate) info: RunInfo,
    pub(crate) schema: TableSchema,
    pub(crate) columns: Vec<ColumnInfo>,
    /// The rows as the files hold them.
    pub(crate) view: View,
    pub(crate) writer: Writer,
    pub(crate) quarantine: Quarantine,
    /// The id of the commit to come.
    pub(crate) commit_id: String,
    /// An error came: nothing more is taken.
    failed: bool,
    is_recovered: bool,
}

impl<'a> Run<'a> {
    /// Begins. `version` is that of a snapshot. `Kind::Schema` when a column changed its type.
    pub(crate) fn begin(
        dataset: &'a mut Dataset,
        schema: &TableSchema,
        info: RunInfo,
        version: Option<String>,
    ) -> Result<Self> {
        let (known, version_now) = (&dataset.metadata.columns, &dataset.metadata.schema_version);
        let view = View::new(&dataset.feed, known, schema);
        let file_columns = columns::file_columns(view.schema(), &schema.columns_types);
        let (columns, schema_version) = schema::evolve(known, version_now, &file_columns, Some(info.started))
            .map_err(|e| e.at("feed", &dataset.feed.name))?;
        dataset.check_table_format(&columns)?;
        let limits = &dataset.limits;
        let commit_id = layout::commit_id(dataset.metadata.commit_seq + 1, &info.id);
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
            layout: Layout::default(),
        };
        let facts = FooterFacts {
            dataset: dataset.metadata.source.clone(),
            source: info.source.clone(),
            server: info.server.clone(),
            run: info.id.clone(),
            started: info.started.to_rfc3339(),
            commit: commit_id.clone(),
            ksql_schema: schema.ksql.clone(),
            columns: text(&file_columns)?,
            schema_version,
            version,
            log: dataset.metadata.log.as_ref().map(text).transpose()?,
        };
        let staging = dataset.staging(&info.id)?;
        let (fs, pool) = (dataset.committer.fs.clone(), Arc::clone(&dataset.pool));
        let writer = Writer::new(fs, pool, staging, config, facts)?;
        let quarantine = quarantine_of(dataset, &info, &commit_id)?;
        // Whatever ends this value, the next use of the dataset first looks at what was left.
        dataset.needs_recovery = true;
        let schema = schema.clone();
        let (failed, is_recovered) = (false, false);
        Ok(Self { dataset, info, schema, columns, view, writer, quarantine, commit_id, failed, is_recovered })
    }

    /// `Kind::Bug` after an error: only abandoning is left.
    pub(crate) fn check_usable(&self) -> Result<()> {
        if self.failed {
            return Err(Error::new(Kind::Bug, "rows were handed to a run that had failed"));
        }
        Ok(())
    }

    /// Remembers an error.
    pub(crate) fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        self.failed = result.is_err();
        result
    }

    /// The rows that were put aside until now; those to come go to the quarantine of the commit after the next.
    pub(crate) fn take_quarantine(&mut self) -> Result<Quarantine> {
        let after = layout::commit_id(self.dataset.metadata.commit_seq + 2, &self.info.id);
        let fresh = quarantine_of(self.dataset, &self.info, &after)?;
        Ok(std::mem::replace(&mut self.quarantine, fresh))
    }

    /// Goes on after a commit.
    pub(crate) fn begin_next_commit(&mut self) {
        self.dataset.needs_recovery = true;
        self.commit_id = layout::commit_id(self.dataset.metadata.commit_seq + 1, &self.info.id);
        let facts = FooterFacts { commit: self.commit_id.clone(), ..self.writer.facts().clone() };
        self.writer.set_facts(facts);
    }

    /// Throws away what was not committed.
    pub(crate) fn abandon(mut self) -> Result<()> {
        self.recover()
    }

    fn recover(&mut self) -> Result<()> {
        self.is_recovered = true;
        self.dataset.needs_recovery = true;
        self.dataset.recover_if_needed()
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if !self.is_recovered {
            // At worst the next start does the same.
            let _ = self.recover();
        }
    }
}

/// The quarantine of a commit.
fn quarantine_of(dataset: &Dataset, info: &RunInfo, commit: &str) -> Result<Quarantine> {
    let staged = dataset.staging(&info.id)?.join(format!("quarantine_{commit}.jsonl"));
    Ok(Quarantine::new(dataset.committer.fs.clone(), staged, dataset.feed.visibility.file_mode()))
}

/// Where the columns that each row of a stream has are in its batches.
pub(crate) struct RowColumns {
    rowtime: usize,
    partition: usize,
    offset: usize,
}

impl RowColumns {
    /// `Kind::Bug` when one is missing or has another type.
    pub(crate) fn of(schema: &TableSchema) -> Result<Self> {
        let column = |name: &'static str, wanted: &DataType| match schema.arrow.column_with_name(name) {
            Some((at, field)) if field.data_type() == wanted => Ok(at),
            _ => Err(Error::new(Kind::Bug, format!("the rows of a stream come without {name} as {wanted}"))),
        };
        Ok(Self {
            rowtime: column("ROWTIME", &DataType::Int64)?,
            partition: column("ROWPARTITION", &DataType::Int32)?,
            offset: column("ROWOFFSET", &DataType::Int64)?,
        })
    }

    /// Kafka partition, offset and ROWTIME (milliseconds) of each row. `Kind::Garbled` for a row that lacks one.
    pub(crate) fn read<'b>(&self, batch: &'b RecordBatch) -> Result<(&'b [i32], &'b [i64], &'b [i64])> {
        let [partition, offset, rowtime] =
            [self.partition, self.offset, self.rowtime].map(|at| batch.column(at));
        if [rowtime, partition, offset].iter().any(|column| column.null_count() > 0) {
            return Err(Error::new(Kind::Garbled, "a row came without ROWTIME, ROWPARTITION or ROWOFFSET"));
        }
        Ok((
            partition.as_primitive::<Int32Type>().values(),
            offset.as_primitive::<Int64Type>().values(),
            rowtime.as_primitive::<Int64Type>().values(),
        ))
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
            without_row: done.without_row,
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

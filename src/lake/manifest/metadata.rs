//! `_metadata.json`: what a dataset holds, for people and for the next run.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::feed::{Feed, FeedKind, Partitioning, StorageMode};
use crate::lake::fs;
use crate::lake::layout::{self, Places};
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::journal::Mark;
use crate::lake::manifest::last_row::LastRow;
use crate::lake::manifest::log::LogIdentity;
use crate::lake::manifest::loss::LostRecords;
use crate::lake::manifest::offsets::OffsetRanges;
use crate::lake::manifest::partition::PartitionInfo;
use crate::lake::manifest::pin::Pin;
use crate::lake::manifest::source_check::SourceCheck;
use crate::lake::manifest::table::{DeltaTable, IcebergTable};
use crate::lake::manifest::without_row::WithoutRow;
use crate::lake::manifest::writers::StoppedQuery;
use crate::{Error, Kind, Result};

/// The content of `_metadata.json`. The first fields are those of the contract, with its names; the others are ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// The dataset: the source's name in lower case.
    pub source: String,
    /// `stream` or `table`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `append`, `overwrite` or `ignore`.
    pub storage_mode: String,
    /// `parquet`.
    pub format: String,
    /// `date` or `version`.
    pub partitioning: String,
    /// When the last commit was made.
    pub last_export: Option<DateTime<Utc>>,
    /// Rows: of all partitions of a stream, of the current version of a table.
    pub total_records: u64,
    /// Size of all files in MiB (1,048,576 bytes), three digits.
    pub total_size_mb: f64,
    /// Every partition, sorted by path.
    pub partitions: Vec<PartitionInfo>,
    /// `1.0`; rises with the columns.
    pub schema_version: String,
    /// When the dataset was made.
    pub created_at: DateTime<Utc>,

    /// Size of all files, bytes.
    #[serde(default)]
    pub total_bytes: u64,
    /// Number of all files.
    #[serde(default)]
    pub total_files: u64,
    /// Streams: per Kafka partition the offset that is read next.
    #[serde(default)]
    pub positions: BTreeMap<i32, i64>,
    /// Tables: the version that readers should take.
    #[serde(default)]
    pub current_version: Option<u32>,
    /// The way by which the source was read last: `kafka`, `offsets`, `idle`, `table`.
    #[serde(default)]
    #[serde(rename = "read_way")]
    pub read_mode: Option<String>,
    /// Why `auto` reads the stream the way that it does, where there is a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_why: Option<String>,
    /// The instant through which the lake is known to be complete.
    #[serde(default)]
    pub complete_through: Option<DateTime<Utc>>,
    /// The last run reached the end of the source as it then was.
    #[serde(default)]
    pub caught_up: bool,
    /// When the source was last looked at, new rows or not.
    #[serde(default)]
    pub checked_at: Option<DateTime<Utc>>,
    /// Columns of the files, those that the source no longer has included.
    #[serde(default)]
    pub columns: Vec<ColumnInfo>,
    /// Names of the folders' columns, outermost first.
    #[serde(default)]
    pub partition_columns: Vec<String>,
    /// Streams: the zone in which a day begins.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Streams: the column that gives the partition's time; `None` is ROWTIME.
    #[serde(default)]
    pub timestamp_column: Option<String>,
    /// Number of the last commit.
    #[serde(default)]
    pub commit_seq: u64,
    /// Rows put into quarantine so far.
    #[serde(default)]
    pub quarantined_records: u64,
    /// Streams: offsets from `positions` on that files hold already: the next export reads them again, and leaves them
    /// out. Empty but after positions had to be proved anew from the files.
    #[serde(default, skip_serializing_if = "OffsetRanges::is_empty")]
    pub ahead: OffsetRanges,
    /// Length and last hash of the journal of files with which this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) journal: Option<Mark>,
    /// Records that are known to be lost, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost_records: Vec<LostRecords>,
    /// The log whose offsets `positions` are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogIdentity>,
    /// Streams: the last row of each Kafka partition that came, by which the log is known again. It lies below `positions`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub last_rows: BTreeMap<i32, LastRow>,
    /// The log that the source is over now, where that is another one and an operator has to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_log: Option<LogIdentity>,
    /// Something that an operator has to decide before it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_decision: Option<PendingDecision>,
    /// Tables: primary keys that came more than once in the current snapshot; at least so many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub doubled_keys: u64,
    /// Streams: per Kafka partition the end of the log as the last read knew it; what lies between it and `positions` is not read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub log_ends: BTreeMap<i32, i64>,
    /// Streams: offsets that were read and gave no row, by the way of reading.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub offsets_without_row: WithoutRow,
    /// Queries that write the source and did not run when it was last looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopped_writers: Vec<StoppedQuery>,
    /// How the last export failed; gone with the next one that does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<LastFailure>,
    /// Streams: what the last comparison of both ways of reading found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_check: Option<SourceCheck>,
    /// The Delta table that the dataset is too; `None` where it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<DeltaTable>,
    /// The Iceberg table that the dataset is too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iceberg: Option<IcebergTable>,
    /// What retention, `keep_versions` and the purge of the bin leave alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<Pin>,
    /// Tables: the columns of the primary key, in the files' names; empty where it is not known, or not all of it is exported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_columns: Vec<String>,
    /// The last 20 runs that committed something, oldest first.
    #[serde(default)]
    pub runs: Vec<RunRecord>,
    /// Fields that this version does not know; kept as they are.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How an export failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFailure {
    /// When.
    pub at: DateTime<Utc>,
    /// The name of its kind: `schema`, `unreachable`, … (see [`crate::Kind::name`]).
    pub kind: String,
    /// What happened, where, and what to do next. Values of restricted feeds are not in it.
    pub what: String,
}

/// What waits for a decision of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDecision {
    /// `snapshot`, `retention`, `log`, or `times` where the feed itself has to change.
    pub about: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// What would be done, and why it is not, in words.
    pub what: String,
    /// Rows that the dataset has.
    pub rows_before: u64,
    /// Rows that it would have.
    pub rows_after: u64,
    /// An operator has accepted it: it is done once, by the next export.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
}

/// A column of the dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// The column's name in the files.
    pub name: String,
    /// The column's type as ksqlDB spells it.
    pub ksql_type: String,
    /// The column's Arrow type.
    pub arrow_type: String,
    /// The `schema_version` that brought it.
    pub since: String,
    /// When the run began that brought it; `None` in what earlier versions of the program wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_at: Option<DateTime<Utc>>,
    /// The `schema_version` under which the source was first seen without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<String>,
    /// When the run began that saw the source without it; `None` as long as it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<DateTime<Utc>>,
}

/// One run, summed over its commits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The run's id.
    pub id: String,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it committed last.
    pub ended: DateTime<Utc>,
    /// Rows.
    pub rows: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// `ended` minus `started`.
    pub duration_ms: u64,
    /// Why its files were closed.
    pub rolls: crate::lake::RollReasons,
    /// Rows quarantined.
    pub quarantined: u64,
    /// Offsets that were read and gave no row.
    #[serde(default)]
    pub without_row: u64,
    /// `complete` when it reached the end that it had set itself, else `partial`.
    pub outcome: String,
}

/// Largest `_metadata.json` that is read: ten years of hours need a tenth of it.
const CAP: u64 = 256 << 20;
/// Runs that are remembered.
const RUNS: usize = 20;

/// The metadata of the dataset in `dataset_dir`, in its folder or apart, without taking its lock; `None` where there is none.
/// `Kind::Damaged` when it cannot be understood.
pub fn read_metadata(dataset_dir: &Path) -> Result<Option<Metadata>> {
    read_metadata_at(&Places::find(dataset_dir)?.metadata)
}

/// The metadata in this file.
pub(crate) fn read_metadata_at(path: &Path) -> Result<Option<Metadata>> {
    let Some(bytes) = fs::read_capped(path, CAP)? else { return Ok(None) };
    let metadata = serde_json::from_slice(&bytes).map_err(|e| {
        Error::new(Kind::Damaged, format!("the metadata cannot be understood: {e}"))
            .at("file", path.display())
            .next("the next export rebuilds it from the files' footers")
    })?;
    Ok(Some(metadata))
}

/// Bytes as MiB with three digits.
pub(crate) fn mib(bytes: u64) -> f64 {
    (bytes as f64 / 1_048_576.0 * 1000.0).round() / 1000.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Milliseconds since 1970 as a time, where the calendar has it.
fn time(ms: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(ms)
}

impl Metadata {
    /// That of a dataset without data.
    pub(crate) fn fresh(feed: &Feed, now: DateTime<Utc>) -> Self {
        let mut metadata = Self {
            source: feed.dataset(),
            kind: String::new(),
            storage_mode: String::new(),
            format: "parquet".to_owned(),
            partitioning: String::new(),
            last_export: None,
            total_records: 0,
            total_size_mb: 0.0,
            partitions: Vec::new(),
            schema_version: "1.0".to_owned(),
            created_at: now,
            total_bytes: 0,
            total_files: 0,
            positions: BTreeMap::new(),
            current_version: None,
            read_mode: None,
            read_why: None,
            complete_through: None,
            caught_up: false,
            checked_at: None,
            columns: Vec::new(),
            partition_columns: Vec::new(),
            timezone: None,
            timestamp_column: None,
            commit_seq: 0,
            quarantined_records: 0,
            ahead: OffsetRanges::default(),
            journal: None,
            lost_records: Vec::new(),
            log: None,
            last_rows: BTreeMap::new(),
            other_log: None,
            pending_decision: None,
            doubled_keys: 0,
            log_ends: BTreeMap::new(),
            offsets_without_row: WithoutRow::new(),
            stopped_writers: Vec::new(),
            last_failure: None,
            source_check: None,
            delta: None,
            iceberg: None,
            pins: Vec::new(),
            key_columns: Vec::new(),
            runs: Vec::new(),
            other: Map::new(),
        };
        metadata.describe(feed);
        metadata
    }

    /// Takes over what the feed says; the partitioning only as long as there is no data that has another.
    pub(crate) fn describe(&mut self, feed: &Feed) {
        let word = |text: &str| text.to_owned();
        self.kind = word(if feed.kind == FeedKind::Stream { "stream" } else { "table" });
        self.storage_mode = word(match feed.storage_mode {
            StorageMode::Append => "append",
            StorageMode::Overwrite => "overwrite",
            StorageMode::Ignore => "ignore",
        });
        if !self.partitions.is_empty() && !self.partition_columns.is_empty() {
            return;
        }
        self.partition_columns = layout::partition_columns(&feed.partitioning);
        (self.timezone, self.timestamp_column) = match &feed.partitioning {
            Partitioning::Date { timezone, timestamp_column, .. } => {
                (Some(timezone.name().to_owned()), timestamp_column.clone())
            }
            Partitioning::Version => (None, None),
        };
        self.partitioning = word(if self.timezone.is_some() { "date" } else { "version" });
    }

    /// By how many offsets the lake was behind the log's end when it was last read; `None` where the end was not known.
    pub fn behind(&self, partition: i32) -> Option<u64> {
        let next = self.positions.get(&partition)?;
        Some(u64::try_from(self.log_ends.get(&partition)?.saturating_sub(*next)).unwrap_or(0))
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|e| Error::new(Kind::Bug, format!("the metadata cannot be written: {e}")))
    }

    /// Counts a file in its partition.
    pub(crate) fn add_file(&mut self, file: &DataFile) {
        let path = file.partition();
        let found = self
            .partitions
            .binary_search_by(|partition| layout::path_order(&partition.path).cmp(&layout::path_order(path)));
        let at = found.unwrap_or_else(|at| {
            let path = path.to_owned();
            self.partitions.insert(at, PartitionInfo { path, ..PartitionInfo::default() });
            at
        });
        let partition = &mut self.partitions[at];
        partition.records = partition.records.saturating_add(file.rows);
        partition.bytes += file.bytes;
        partition.files += 1;
        partition.size_mb = mib(partition.bytes);
        partition.add_cold(file);
        if let Some([first, last]) = file.rowtime {
            partition.first_time = partition.first_time.into_iter().chain(time(first)).min();
            partition.last_time = partition.last_time.into_iter().chain(time(last)).max();
        }
        for (kafka, [first, last]) in &file.offsets {
            let held = partition.offsets.entry(*kafka).or_insert([*first, *last]);
            *held = [held[0].min(*first), held[1].max(*last)];
        }
    }

    /// `Kind::Refused` while a partition in `prefix` lies in the cold tier: its files cannot be changed there.
    pub(crate) fn refuse_cold(&self, prefix: &str) -> Result<()> {
        let cold = |p: &&PartitionInfo| p.cold.is_some() && layout::is_inside(&p.path, prefix);
        let Some(partition) = self.partitions.iter().find(cold) else { return Ok(()) };
        let url = partition.cold.as_ref().map_or("", |cold| cold.url.as_str());
        Err(Error::new(Kind::Refused, "the day lies in the cold tier")
            .at("partition", &partition.path)
            .at("folder", url)
            .next(
                "nothing was changed; `lakehand tier restore FEED --day DAY` brings it back, then try again",
            ))
    }

    /// Rows of a partition.
    pub(crate) fn records_of(&self, path: &str) -> u64 {
        self.partitions
            .iter()
            .find(|partition| partition.path == path)
            .map_or(0, |partition| partition.records)
    }

    /// No longer counts files of a partition, whose rows stay: `files` of them with `rows` and `bytes`.
    pub(crate) fn uncount(&mut self, path: &str, files: u64, rows: u64, bytes: u64) {
        if let Some(partition) = self.partitions.iter_mut().find(|partition| partition.path == path) {
            partition.files = partition.files.saturating_sub(files);
            partition.records = partition.records.saturating_sub(rows);
            partition.bytes = partition.bytes.saturating_sub(bytes);
            partition.size_mb = mib(partition.bytes);
        }
    }

    /// Sums the partitions up.
    pub(crate) fn total(&mut self) {
        let counted = |partition: &&PartitionInfo| {
            self.kind != "table" || layout::version_of(&partition.path) == self.current_version
        };
        self.total_records = self.partitions.iter().filter(counted).map(|p| p.records).sum();
        self.total_bytes = self.partitions.iter().map(|p| p.bytes).sum();
        self.total_files = self.partitions.iter().map(|p| p.files).sum();
        self.total_size_mb = mib(self.total_bytes);
    }

    /// Adds a commit to its run.
    pub(crate) fn note_run(&mut self, record: RunRecord) {
        match self.runs.iter_mut().find(|run| run.id == record.id) {
            Some(run) => {
                run.ended = record.ended;
                run.duration_ms = record.duration_ms;
                run.rows += record.rows;
                run.bytes += record.bytes;
                run.files += record.files;
                run.quarantined += record.quarantined;
                run.without_row += record.without_row;
                run.rolls.add(record.rolls);
                run.outcome = record.outcome;
            }
            None => self.runs.push(record),
        }
        let surplus = self.runs.len().saturating_sub(RUNS);
        self.runs.drain(..surplus);
    }
}

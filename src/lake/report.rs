//! What the lake says of its work: facts of a commit, of the open files, and of a row put aside.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::lake::manifest::schema::ColumnChange;

/// What a commit brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Committed {
    /// The commit's id, as in the names of its files.
    pub id: String,
    /// Rows.
    pub rows: u64,
    /// Rows quarantined.
    pub quarantined: u64,
    /// Offsets that were read and gave no row.
    pub without_row: u64,
    /// Size of its files.
    pub bytes: u64,
    /// Files.
    pub files: u64,
    /// Folders that got a file, sorted: `year=2025/month=01/day=15`.
    pub partitions: Vec<String>,
    /// Per Kafka partition the offset to read next, as now on disk.
    pub positions: BTreeMap<i32, i64>,
    /// Why its files were closed.
    pub rolls: RollReasons,
    /// From the run's begin to the commit, milliseconds.
    pub duration_ms: u64,
    /// Sealed folders that were opened again, because late rows came into them.
    pub reopened: Vec<String>,
    /// Columns that came, went or came back with it.
    pub columns: Vec<ColumnChange>,
    /// Tables: the version published.
    pub version: Option<u32>,
    /// Tables: versions that had to go.
    pub removed_versions: Vec<u32>,
}

/// How often a file was closed for which reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RollReasons {
    /// The file had its target size.
    pub size: u64,
    /// The memory budget needed its room.
    pub memory: u64,
    /// The commit came.
    pub commit: u64,
}

/// What the writer holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterStats {
    /// Rows written since the last commit.
    pub rows: u64,
    /// Rows quarantined since the last commit.
    pub quarantined: u64,
    /// Rows among them that are sound, and whose partition is read and not written: it lies behind a link.
    pub read_only: u64,
    /// Bytes written since the last commit, open files included.
    pub bytes_out: u64,
    /// Files open now.
    pub open_files: usize,
    /// Files closed since the last commit.
    pub closed_files: usize,
    /// Memory of the open files, estimated, bytes.
    pub memory: usize,
}

/// A row that could not be decoded.
#[derive(Debug, Clone)]
pub struct Quarantined<'a> {
    /// Kafka partition, where known.
    pub partition: Option<i32>,
    /// Kafka offset, where known.
    pub offset: Option<i64>,
    /// JSON path of the value at fault: `$[3].AMOUNT`.
    pub path: &'a str,
    /// What is wrong with it.
    pub reason: &'a str,
    /// The row as it came; cut at 64 KiB.
    pub raw: &'a [u8],
    /// When it was read.
    pub time: DateTime<Utc>,
}

impl RollReasons {
    /// Adds another count to this one.
    pub(crate) fn add(&mut self, other: Self) {
        self.size += other.size;
        self.memory += other.memory;
        self.commit += other.commit;
    }
}

//! Rows of a stream on their way into the lake.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Dataset;
use crate::{Error, Kind, Result};

/// Takes the rows of a stream and commits them with their position. Dropped without a commit, it leaves nothing.
pub struct Appender<'a> {
    #[expect(dead_code, reason = "the body follows")]
    dataset: &'a mut Dataset,
}

/// Up to where the rows handed over reach.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Per Kafka partition the offset to read next: one above every row written or quarantined.
    pub positions: BTreeMap<i32, i64>,
    /// The instant through which the lake is complete with this commit, where it is known.
    pub complete_through: Option<DateTime<Utc>>,
    /// The end that the run had set itself is reached.
    pub complete: bool,
    /// The time of the commit.
    pub now: DateTime<Utc>,
}

/// What a commit brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Committed {
    /// Its id, as in the names of its files.
    pub id: String,
    /// Rows.
    pub rows: u64,
    /// Rows quarantined.
    pub quarantined: u64,
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
    /// Tables: the version published.
    pub version: Option<u32>,
    /// Tables: versions that had to go.
    pub removed_versions: Vec<u32>,
}

/// How often a file was closed for which reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RollReasons {
    /// It had its target size.
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

impl Appender<'_> {
    /// Writes a batch: its schema is that of the run, ROWTIME, ROWPARTITION and ROWOFFSET included.
    pub fn write(&mut self, _batch: &RecordBatch) -> Result<()> {
        Err(Error::new(Kind::Bug, "the appender is not there yet"))
    }

    /// Puts a row aside; it becomes visible with the next commit.
    pub fn quarantine(&mut self, _bad: &Quarantined<'_>) -> Result<()> {
        Err(Error::new(Kind::Bug, "the appender is not there yet"))
    }

    /// What the writer holds now.
    pub fn stats(&self) -> WriterStats {
        WriterStats::default()
    }

    /// Makes everything written so far part of the lake, with its position, or nothing of it. The appender goes on.
    pub fn commit(&mut self, _at: Commit) -> Result<Committed> {
        Err(Error::new(Kind::Bug, "the appender is not there yet"))
    }

    /// Throws away what was not committed.
    pub fn abandon(self) -> Result<()> {
        Err(Error::new(Kind::Bug, "the appender is not there yet"))
    }
}

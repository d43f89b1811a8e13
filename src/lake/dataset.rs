//! One dataset, held by a lock for as long as the value lives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};

use super::{Appender, Lake, Limits, Metadata, Owner, RunInfo, Snapshot, TableSchema};
use crate::feed::Feed;
use crate::{Error, Kind, Result};

/// A dataset that no other process writes. The lock goes with the value, or with the process.
pub struct Dataset {
    dir: PathBuf,
    metadata: Metadata,
    recovery: Recovery,
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
    /// Versions of a table that were on their way out, now removed.
    pub removed_versions: Vec<u32>,
}

/// A partition that retention removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedPartition {
    /// Below the dataset.
    pub path: String,
    /// Rows, where the metadata knew them.
    pub records: u64,
    /// Files removed.
    pub files: u64,
    /// Their size, bytes.
    pub bytes: u64,
    /// Files that are not ours and were left.
    pub foreign: Vec<String>,
}

impl Dataset {
    /// Makes the folders, takes the lock, finishes or forgets what an earlier run left, reads the metadata.
    ///
    /// `Kind::Locked` names who holds it; `Kind::Damaged` says what on disk is not as recorded.
    pub fn open(_lake: &Lake, _feed: &Feed, _limits: Limits, _owner: Owner) -> Result<Self> {
        Err(Error::new(Kind::Bug, "the dataset is not there yet"))
    }

    /// What start-up found and did.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// What the dataset holds.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Something was exported before: `storage_mode: ignore` then does nothing.
    pub fn has_data(&self) -> bool {
        !self.metadata.partitions.is_empty()
    }

    /// Begins to append to a stream. `Kind::Schema` when a column changed its type.
    pub fn appender(&mut self, _schema: &TableSchema, _run: RunInfo) -> Result<Appender<'_>> {
        Err(Error::new(Kind::Bug, "the dataset is not there yet"))
    }

    /// Begins a snapshot of a table. `Kind::Schema` when a column changed its type.
    pub fn snapshot(&mut self, _schema: &TableSchema, _run: RunInfo) -> Result<Snapshot<'_>> {
        Err(Error::new(Kind::Bug, "the dataset is not there yet"))
    }

    /// Removes what the feed no longer keeps: partitions of a stream by the date in their path (`retention_days`),
    /// versions of a table beyond `keep_versions`.
    pub fn retain(&mut self, _today: NaiveDate) -> Result<Vec<RemovedPartition>> {
        Err(Error::new(Kind::Bug, "the dataset is not there yet"))
    }

    /// There was nothing new: the metadata says so, and no file is made. Positions may advance over offsets that hold
    /// no row.
    pub fn note_caught_up(
        &mut self,
        _positions: &BTreeMap<i32, i64>,
        _through: Option<DateTime<Utc>>,
        _way: &str,
        _now: DateTime<Utc>,
    ) -> Result<()> {
        Err(Error::new(Kind::Bug, "the dataset is not there yet"))
    }

    /// Takes the source's columns as they now are: `schema_version` rises to the next whole number. Gives the new one.
    pub fn accept_schema(&mut self, _schema: &TableSchema, _now: DateTime<Utc>) -> Result<String> {
        Err(Error::new(Kind::Bug, "the dataset is not there yet"))
    }
}

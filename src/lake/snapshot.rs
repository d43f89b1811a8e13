//! The rows of a table on their way into a new version.

use arrow_array::RecordBatch;
use chrono::{DateTime, Utc};

use super::{Committed, Dataset, Quarantined, WriterStats};
use crate::{Error, Kind, Result};

/// Takes the rows of a table and publishes them as one version. Dropped without that, it leaves nothing.
pub struct Snapshot<'a> {
    #[expect(dead_code, reason = "the body follows")]
    dataset: &'a mut Dataset,
}

impl Snapshot<'_> {
    /// Writes a batch: its schema is that of the run.
    pub fn write(&mut self, _batch: &RecordBatch) -> Result<()> {
        Err(Error::new(Kind::Bug, "the snapshot is not there yet"))
    }

    /// Puts a row aside; it becomes visible when the snapshot is published.
    pub fn quarantine(&mut self, _bad: &Quarantined<'_>) -> Result<()> {
        Err(Error::new(Kind::Bug, "the snapshot is not there yet"))
    }

    /// What the writer holds now.
    pub fn stats(&self) -> WriterStats {
        WriterStats::default()
    }

    /// Makes it the current version, then removes versions beyond `keep_versions`. `rows` is the number of rows that
    /// the reader counted, quarantined ones included; a difference publishes nothing.
    pub fn publish(self, _now: DateTime<Utc>, _rows: u64) -> Result<Committed> {
        Err(Error::new(Kind::Bug, "the snapshot is not there yet"))
    }

    /// Throws it away.
    pub fn abandon(self) -> Result<()> {
        Err(Error::new(Kind::Bug, "the snapshot is not there yet"))
    }
}

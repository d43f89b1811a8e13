//! One partition as the metadata counts it, and what of it lies in the cold tier.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::data_file::{Cold, DataFile};
use super::metadata::is_zero;

/// One partition folder.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PartitionInfo {
    /// Below the dataset: `year=2025/month=01/day=15`, `version=v2`.
    pub path: String,
    /// Rows.
    pub records: u64,
    /// Size in MiB (1,048,576 bytes), three digits.
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
    /// Since when it is sealed: a `_SUCCESS` file lies in the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_at: Option<DateTime<Utc>>,
    /// Since when it is open again, after late rows or a new export of the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reopened_at: Option<DateTime<Utc>>,
    /// What of it lies in the cold tier. All other numbers count that too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold: Option<ColdPart>,
    /// Rows that were in the folder and are not any more, as a repair of damage or the undo of a new export has noted them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_records: u64,
}

/// The part of a partition that lies in the cold tier: all of it, unless late rows came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColdPart {
    /// The folder of the objects: `s3://lake/streams/payments/year=2024/month=03/day=01`.
    pub url: String,
    /// Rows.
    pub records: u64,
    /// Size, bytes.
    pub bytes: u64,
    /// Number of files.
    pub files: u64,
    /// The objects' names in the folder, sorted: others may lie there that are of no use any more.
    pub objects: Vec<String>,
    /// Since when readers are sent there.
    pub since: DateTime<Utc>,
    /// Local copies are there until then; `None` once they are removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_until: Option<DateTime<Utc>>,
    /// Files of which a local copy is there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub local_files: u64,
    /// Their size, bytes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub local_bytes: u64,
}

impl ColdPart {
    /// The local copies are gone.
    pub(crate) fn without_copies(&mut self) {
        (self.local_until, self.local_files, self.local_bytes) = (None, 0, 0);
    }
}

impl PartitionInfo {
    /// Bytes on the lake's own disk that the metadata counts: all but those of files that lie in the cold tier alone.
    pub fn local_bytes(&self) -> u64 {
        let cold = self.cold.as_ref().map_or(0, |cold| cold.bytes.saturating_sub(cold.local_bytes));
        self.bytes.saturating_sub(cold)
    }

    /// Files on the lake's own disk that the metadata counts.
    pub fn local_files(&self) -> u64 {
        let cold = self.cold.as_ref().map_or(0, |cold| cold.files.saturating_sub(cold.local_files));
        self.files.saturating_sub(cold)
    }

    /// Nothing of it is on the lake's own disk.
    pub fn is_cold_alone(&self) -> bool {
        self.cold.is_some() && self.local_files() == 0
    }

    /// Counts a file that lies in the cold tier.
    pub(super) fn add_cold(&mut self, file: &DataFile) {
        let Some(Cold { stub, has_copy }) = &file.cold else { return };
        let folder = stub.url.rsplit_once('/').map_or(stub.url.as_str(), |(folder, _)| folder);
        let cold = self.cold.get_or_insert_with(|| ColdPart {
            url: folder.to_owned(),
            records: 0,
            bytes: 0,
            files: 0,
            objects: Vec::new(),
            since: stub.since,
            local_until: None,
            local_files: 0,
            local_bytes: 0,
        });
        cold.records += file.rows;
        cold.bytes += file.bytes;
        cold.files += 1;
        let name = file.name().to_owned();
        let at = cold.objects.binary_search(&name).unwrap_or_else(|at| at);
        cold.objects.insert(at, name);
        cold.since = cold.since.max(stub.since);
        if *has_copy {
            cold.local_until = cold.local_until.max(Some(stub.local_until));
            cold.local_files += 1;
            cold.local_bytes += file.bytes;
        }
    }

    /// Says which of its files lie in the cold tier.
    pub(crate) fn set_cold<'f>(&mut self, files: impl Iterator<Item = &'f DataFile>) {
        self.cold = None;
        files.for_each(|file| self.add_cold(file));
    }
}

//! One data file as a commit lists it: what a check compares, and what a table format or a catalogue needs to know.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::lake::manifest::column_stats::ColumnStats;

/// A data file, below the dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataFile {
    /// `year=2025/month=01/day=15/data_…parquet`
    pub(crate) path: String,
    /// Rows.
    pub(crate) rows: u64,
    /// Size, bytes.
    pub(crate) bytes: u64,
    /// The hash of the content; `None` for a file whose record was made from its footer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hash: Option<ContentHash>,
    /// The least and the largest ROWTIME, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rowtime: Option<[i64; 2]>,
    /// Per Kafka partition the first and the last offset. The footer lists the ranges between.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) offsets: BTreeMap<i32, [i64; 2]>,
    /// Nulls, least and greatest values of its columns; `None` in records of before version 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) column_stats: Option<ColumnStats>,
    /// Where it lies, if that is in the cold tier. Journals do not tell: its stub does.
    #[serde(skip)]
    pub(crate) cold: Option<Cold>,
    /// The commit that made the file.
    pub(crate) commit: String,
}

/// Where a file of the cold tier lies, and what it is: the first line of its stub (see `file/stub`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stub {
    /// The object, without credentials.
    pub(crate) url: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// The hash of its content.
    pub(crate) hash: ContentHash,
    /// Since when readers are sent to it.
    pub(crate) since: DateTime<Utc>,
    /// Until then a local copy stays, for readers that were sent to it before.
    pub(crate) local_until: DateTime<Utc>,
}

/// A file in the cold tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cold {
    /// Where it lies.
    pub(crate) stub: Stub,
    /// A local copy of it is still there.
    pub(crate) has_copy: bool,
}

impl DataFile {
    /// The object, if the file lies in the cold tier.
    pub(crate) fn url(&self) -> Option<&str> {
        self.cold.as_ref().map(|cold| cold.stub.url.as_str())
    }

    /// The file's name.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The folder of the partition, below the dataset.
    pub(crate) fn partition(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

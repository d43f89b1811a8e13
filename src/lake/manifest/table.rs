//! What a dataset's metadata knows of the table that it is too.

use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;

/// The Delta table of a dataset, as its metadata knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeltaTable {
    /// The table's id, a UUID.
    pub id: String,
    /// When it was made, milliseconds since 1970.
    pub created: i64,
    /// The newest version that this program has written, or a lower one. `None`: the log has to be compared with the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The version of the last checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<u64>,
    /// The hash of the columns as the log has them.
    pub(crate) columns: ContentHash,
}

impl IcebergTable {
    /// The file of its newest version, as a catalogue names it.
    pub fn metadata_location(&self) -> Option<String> {
        let name = crate::format::iceberg::file_of_version(self.version?);
        Some(format!("file://{}/metadata/{name}", self.location))
    }
}

/// The Iceberg table of a dataset, as its metadata knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IcebergTable {
    /// The table's id, a UUID.
    pub id: String,
    /// The table's folder, absolute, when the version was written.
    pub location: String,
    /// The newest version that this program has written. `None`: the table has to be compared with the files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The hash of that version.
    pub(crate) hash: ContentHash,
}

//! Delta Lake: the lines of a log entry.
//!
//! ```text
//! commitInfo   when, what, the commit's id, per Kafka partition the offset that is read next
//! protocol     readers of version 1; writers need the feature `lakehandOnly`, which none but us has
//! metaData     a stable id, the columns, which of them are folders
//! txn          appId lakehand, the number of the commit
//! remove, add  files that went and came
//! ```
//!
//! Source of facts: the Delta transaction log protocol (PROTOCOL.md of delta-io/delta). Writers that do not know a feature in
//! `writerFeatures` must refuse; readers of version 1 need not look at it.

pub mod checkpoint;
mod schema;
pub mod state;
mod stats;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Columns, TableFile};
use crate::{Error, Kind, Result};

pub use schema::schema_string;

/// The name under which this program counts its commits in the log.
pub const APP_ID: &str = "lakehand";
/// The writer feature that keeps other writers from appending files that the lake does not know.
pub const OWN_FEATURE: &str = "lakehandOnly";
/// The key of the table's configuration that says whose it is.
pub const DATASET_KEY: &str = "lakehand.dataset";

/// Who a table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// A UUID that stays.
    pub id: String,
    /// The dataset: `streams/payments`.
    pub dataset: String,
    /// When the table was made, milliseconds since 1970.
    pub created: i64,
}

/// What a log entry says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entry<'a> {
    /// The commit's id.
    pub commit: &'a str,
    /// The commit's number.
    pub seq: u64,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// Per Kafka partition the offset that is read next.
    pub positions: BTreeMap<i32, i64>,
    /// The table is made with this entry.
    pub is_new: bool,
    /// The table and its columns, where they are new or changed.
    pub schema: Option<(&'a Identity, &'a Columns)>,
    /// Files that came; types of columns are needed for their statistics.
    pub added: Vec<TableFile>,
    /// Files that went.
    pub removed: Vec<TableFile>,
    /// No row changes: the files that came hold the rows of those that went.
    pub is_rewrite: bool,
}

impl Entry<'_> {
    /// The text of the entry, a JSON object a line. `Kind::Feed` names a column that has no type in Delta Lake.
    pub fn text(&self, columns: &Columns) -> Result<String> {
        let operation = match (self.added.is_empty(), self.removed.is_empty()) {
            _ if self.is_rewrite => ("OPTIMIZE", json!({ "predicate": "[]" })),
            (_, true) => ("WRITE", json!({ "mode": "Append" })),
            (false, false) => ("WRITE", json!({ "mode": "Overwrite" })),
            (true, false) => ("DELETE", json!({})),
        };
        let mut lines = vec![json!({ "commitInfo": {
            "timestamp": self.at,
            "operation": operation.0,
            "operationParameters": operation.1,
            "engineInfo": concat!("lakehand/", env!("CARGO_PKG_VERSION")),
            "lakehand.commit": self.commit,
            "lakehand.offsets": self.positions,
        } })];
        if self.is_new {
            lines.push(json!({ "protocol": {
                "minReaderVersion": 1,
                "minWriterVersion": 7,
                "writerFeatures": ["appendOnly", "invariants", OWN_FEATURE],
            } }));
        }
        if let Some((identity, columns)) = self.schema {
            lines.push(json!({ "metaData": {
                "id": identity.id,
                "name": identity.dataset,
                "format": { "provider": "parquet", "options": {} },
                "schemaString": schema_string(columns)?,
                "partitionColumns": columns.partition,
                // Files of the folders that plain readers read are not in the log: no VACUUM is to take them for garbage.
                "configuration": {
                    DATASET_KEY: identity.dataset,
                    "delta.deletedFileRetentionDuration": "interval 36500 days",
                },
                "createdTime": identity.created,
            } }));
        }
        lines.push(json!({ "txn": { "appId": APP_ID, "version": self.seq, "lastUpdated": self.at } }));
        lines.extend(self.removed.iter().map(|file| {
            json!({ "remove": {
            "path": url_path(&file.path),
            "deletionTimestamp": self.at,
            "dataChange": !self.is_rewrite,
            "extendedFileMetadata": true,
            "partitionValues": partition_values(file),
            "size": file.bytes,
        } })
        }));
        for file in &self.added {
            let mut add = json!({
                "path": url_path(&file.path),
                "partitionValues": partition_values(file),
                "size": file.bytes,
                "modificationTime": self.at,
                "dataChange": !self.is_rewrite,
            });
            if let Some(stats) = stats::text(file, columns)? {
                add["stats"] = stats.into();
            }
            lines.push(json!({ "add": add }));
        }
        Ok(text_of(&lines))
    }
}

/// JSON, one object a line.
fn text_of(lines: &[Value]) -> String {
    lines.iter().fold(String::new(), |text, line| text + &line.to_string() + "\n")
}

fn partition_values(file: &TableFile) -> BTreeMap<&str, String> {
    file.partition.iter().map(|(name, value)| (name.as_str(), value.to_string())).collect()
}

/// The name of version `version` in `_delta_log/`.
pub fn file_of_version(version: u64) -> String {
    format!("{version:020}.json")
}

/// The version of a file in `_delta_log/`: of an entry and not of a checkpoint.
pub fn version_of_file(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".json")?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

/// A path as the log writes it: what a URL cannot hold as it is, is percent-encoded.
fn url_path(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/_-.=~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02X}");
        }
    }
    text
}

/// A path of the log as it is on disk. `Kind::Damaged` when it is no text.
pub fn disk_path(url: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(url.len());
    let mut rest = url.bytes();
    while let Some(byte) = rest.next() {
        let hex = |digit: Option<u8>| digit.and_then(|digit| char::from(digit).to_digit(16));
        bytes.push(match byte {
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(b'%'),
                _ => return Err(no_path(url)),
            },
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| no_path(url))
}

fn no_path(url: &str) -> Error {
    Error::new(Kind::Damaged, "the table's log names something that is no path").at("path", url)
}

#[cfg(test)]
mod tests;

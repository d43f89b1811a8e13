//! Apache Iceberg, version 2 of its format: what the files below `metadata/` say.
//!
//! ```text
//! metadata     v<N>.metadata.json: columns with their ids, partition specs, snapshots, properties
//! schema       columns as Iceberg spells them, their ids, the name mapping by which files without ids are read
//! list         snap-….avro: the manifests of a snapshot, and which partitions each of them can hold
//! manifest     ….avro: data files with their partition, rows, counts and bounds
//! value        bounds as bytes, never tighter than the values
//! commit       from one snapshot to the next: append, overwrite, delete, replace; manifests are merged when there are many
//! expire       snapshots that are too old, and the files that only they name
//! avro         containers of records
//! ```
//!
//! Source of facts: the Iceberg table specification (format/spec.md of apache/iceberg). Whoever calls reads and writes the files: this
//! module is given bytes and gives bytes.

mod avro;
mod commit;
mod expire;
mod list;
mod manifest;
mod metadata;
mod schema;
mod value;

pub use commit::{Change, Next, commit, live_files};
pub use expire::Named;
pub use metadata::{DATASET_KEY, TableMetadata, new_table};
pub use schema::check_columns;

use crate::{Error, Kind, Result};

/// The file that names the newest version.
pub const HINT: &str = "version-hint.text";
/// The property of a snapshot that holds the id of our commit.
pub const COMMIT_KEY: &str = "lakehand.commit";
/// The property of a snapshot that holds per Kafka partition the offset that is read next.
pub const OFFSETS_KEY: &str = "lakehand.offsets";

/// Reads a file of the table, by its path in the table's metadata.
pub type Read<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>>;

/// The name of version `version` in `metadata/`.
pub fn file_of_version(version: u64) -> String {
    format!("v{version}.metadata.json")
}

/// The version of a file in `metadata/`.
pub fn version_of_file(name: &str) -> Option<u64> {
    let digits = name.strip_prefix('v')?.strip_suffix(".metadata.json")?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

fn damaged(what: impl Into<String>) -> Error {
    Error::new(Kind::Damaged, what).next(
        "bring it back from a backup; or `lakehand feeds disable-format NAME iceberg`, then enable-format, begins a new table",
    )
}

#[cfg(test)]
mod tests;

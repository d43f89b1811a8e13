//! Table formats: what their logs say of a commit. Pure: values in, text out.
//!
//! ```text
//! TableFile, Columns     what a format needs to know of a file and of the columns
//! delta/                 Delta Lake: schema, statistics, the lines of a log entry, the columns of a checkpoint
//! iceberg/               Apache Iceberg: metadata with its schemas and snapshots, manifest lists, manifests
//! ```
//!
//! `lake/txn/table` gathers the values from a transaction's actions and writes what comes back. This module reads no file and knows
//! no lake.

pub mod delta;
pub mod iceberg;

use std::collections::BTreeMap;

use arrow::datatypes::DataType;
use serde_json::Value;

/// A data file as a table's log names it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableFile {
    /// As the table's metadata names it: Delta below the table's folder, as it is on disk; Iceberg absolute.
    pub path: String,
    /// The values of the partition columns.
    pub partition: BTreeMap<String, u32>,
    /// Size, bytes.
    pub bytes: u64,
    /// Rows; `None` where they are not known.
    pub rows: Option<u64>,
    /// What is known of the values of its columns.
    pub columns: BTreeMap<String, Bounds>,
}

/// What is known of the values of one column in one file, as Parquet stores them: days, milliseconds, unscaled decimals.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bounds {
    /// Rows without a value.
    pub nulls: Option<u64>,
    /// No value is less.
    pub min: Option<Value>,
    /// No value is greater.
    pub max: Option<Value>,
}

/// The columns of a table, in their order: those of the files, then those of the folders.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Columns {
    /// Name and type in the files.
    pub files: Vec<(String, DataType)>,
    /// Names of the folders' columns, outermost first. Their values are whole numbers.
    pub partition: Vec<String>,
}

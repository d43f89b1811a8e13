//! A manifest list: the manifests of a snapshot, and which partitions each of them can hold.

use serde_json::json;

use super::avro::{self, Record, Value, optional, record};
use crate::Result;

/// A manifest, as a list tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ManifestFile {
    pub(super) path: String,
    pub(super) length: i64,
    pub(super) spec_id: i32,
    /// 0: data files; 1: files of deleted rows, which this program never makes.
    pub(super) content: i32,
    pub(super) sequence: i64,
    pub(super) min_sequence: i64,
    /// The snapshot that brought the manifest.
    pub(super) snapshot: i64,
    pub(super) added: Count,
    pub(super) existing: Count,
    pub(super) deleted: Count,
    /// By partition field.
    pub(super) partitions: Vec<Summary>,
}

/// Files and rows of one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count {
    pub(super) files: i64,
    pub(super) rows: i64,
}

impl Count {
    pub(super) fn add(&mut self, rows: i64) {
        self.files += 1;
        self.rows += rows;
    }
}

/// The values of a partition field in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Summary {
    pub(super) contains_null: bool,
    pub(super) contains_nan: Option<bool>,
    pub(super) lower: Option<Vec<u8>>,
    pub(super) upper: Option<Vec<u8>>,
}

impl Summary {
    /// Takes a value in.
    pub(super) fn note(&mut self, value: Option<i32>) {
        let Some(value) = value else {
            self.contains_null = true;
            return;
        };
        let known = |bound: &Option<Vec<u8>>| number(bound.as_deref());
        let lower = known(&self.lower).map_or(value, |known| known.min(value));
        let upper = known(&self.upper).map_or(value, |known| known.max(value));
        (self.lower, self.upper) = (Some(lower.to_le_bytes().into()), Some(upper.to_le_bytes().into()));
    }

    fn can_hold(&self, value: Option<i32>) -> bool {
        let Some(value) = value else { return self.contains_null };
        match (number(self.lower.as_deref()), number(self.upper.as_deref())) {
            (Some(lower), Some(upper)) => (lower..=upper).contains(&value),
            // No value at all, or one of another kind.
            _ => self.lower.is_some() || self.upper.is_some(),
        }
    }
}

fn number(bytes: Option<&[u8]>) -> Option<i32> {
    Some(i32::from_le_bytes(bytes?.try_into().ok()?))
}

impl ManifestFile {
    /// Files of the table are in it.
    pub(super) fn is_alive(&self) -> bool {
        self.added.files + self.existing.files > 0
    }

    /// Files that are live.
    pub(super) fn live(&self) -> i64 {
        self.added.files + self.existing.files
    }

    /// A file of this partition may be in it.
    pub(super) fn can_hold(&self, spec_id: i32, partition: &[Option<i32>]) -> bool {
        self.spec_id != spec_id
            || self.partitions.len() != partition.len()
            || self.partitions.iter().zip(partition).all(|(summary, value)| summary.can_hold(*value))
    }
}

fn schema() -> serde_json::Value {
    let field = |name: &str, id: i32, kind: &str| json!({ "name": name, "type": kind, "field-id": id });
    let maybe = |name: &str, id: i32, kind: serde_json::Value| json!({ "name": name, "type": ["null", kind], "default": null, "field-id": id });
    let summary = json!({ "type": "record", "name": "r508", "fields": [
        field("contains_null", 509, "boolean"),
        maybe("contains_nan", 518, json!("boolean")),
        maybe("lower_bound", 510, json!("bytes")),
        maybe("upper_bound", 511, json!("bytes")),
    ] });
    json!({ "type": "record", "name": "manifest_file", "fields": [
        field("manifest_path", 500, "string"),
        field("manifest_length", 501, "long"),
        field("partition_spec_id", 502, "int"),
        field("content", 517, "int"),
        field("sequence_number", 515, "long"),
        field("min_sequence_number", 516, "long"),
        field("added_snapshot_id", 503, "long"),
        field("added_files_count", 504, "int"),
        field("existing_files_count", 505, "int"),
        field("deleted_files_count", 506, "int"),
        field("added_rows_count", 512, "long"),
        field("existing_rows_count", 513, "long"),
        field("deleted_rows_count", 514, "long"),
        maybe("partitions", 507, json!({ "type": "array", "items": summary, "element-id": 508 })),
    ] })
}

/// The file of a snapshot's list.
pub(super) fn write(
    snapshot: i64,
    parent: Option<i64>,
    sequence: i64,
    manifests: &[ManifestFile],
) -> Vec<u8> {
    let told = [
        ("snapshot-id", snapshot.to_string()),
        ("parent-snapshot-id", parent.map_or_else(|| "null".to_owned(), |id| id.to_string())),
        ("sequence-number", sequence.to_string()),
        ("format-version", "2".to_owned()),
    ];
    avro::write(&schema(), &told, manifests.iter().map(value))
}

fn value(manifest: &ManifestFile) -> Value {
    let summary = |summary: &Summary| {
        record(vec![
            ("contains_null", Value::Boolean(summary.contains_null)),
            ("contains_nan", optional(summary.contains_nan.map(Value::Boolean))),
            ("lower_bound", optional(summary.lower.clone().map(Value::Bytes))),
            ("upper_bound", optional(summary.upper.clone().map(Value::Bytes))),
        ])
    };
    record(vec![
        ("manifest_path", Value::Text(manifest.path.clone())),
        ("manifest_length", Value::Number(manifest.length)),
        ("partition_spec_id", Value::Number(i64::from(manifest.spec_id))),
        ("content", Value::Number(i64::from(manifest.content))),
        ("sequence_number", Value::Number(manifest.sequence)),
        ("min_sequence_number", Value::Number(manifest.min_sequence)),
        ("added_snapshot_id", Value::Number(manifest.snapshot)),
        ("added_files_count", Value::Number(manifest.added.files)),
        ("existing_files_count", Value::Number(manifest.existing.files)),
        ("deleted_files_count", Value::Number(manifest.deleted.files)),
        ("added_rows_count", Value::Number(manifest.added.rows)),
        ("existing_rows_count", Value::Number(manifest.existing.rows)),
        ("deleted_rows_count", Value::Number(manifest.deleted.rows)),
        ("partitions", optional(Some(Value::Array(manifest.partitions.iter().map(summary).collect())))),
    ])
}

/// The manifests of a list.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<ManifestFile>> {
    avro::read(bytes)?.into_iter().map(manifest).collect()
}

fn manifest(mut read: Record) -> Result<ManifestFile> {
    let count = |read: &mut Record, status: &str| -> Result<Count> {
        Ok(Count {
            files: read.long(&format!("{status}_files_count"))?,
            rows: read.long(&format!("{status}_rows_count"))?,
        })
    };
    let summaries = read.records("partitions").into_iter().map(|mut summary| Summary {
        contains_null: summary.take("contains_null") != Some(Value::Boolean(false)),
        contains_nan: summary.take("contains_nan").map(|value| value != Value::Boolean(false)),
        lower: summary.bytes("lower_bound"),
        upper: summary.bytes("upper_bound"),
    });
    Ok(ManifestFile {
        partitions: summaries.collect(),
        added: count(&mut read, "added")?,
        existing: count(&mut read, "existing")?,
        deleted: count(&mut read, "deleted")?,
        path: read.text("manifest_path")?,
        length: read.long("manifest_length")?,
        spec_id: read.int("partition_spec_id")?,
        content: read.int("content")?,
        sequence: read.long("sequence_number")?,
        min_sequence: read.long("min_sequence_number")?,
        snapshot: read.long("added_snapshot_id")?,
    })
}

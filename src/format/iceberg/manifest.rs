//! A manifest: data files, each with its partition, its rows, and what is known of the values of its columns.

use std::collections::BTreeMap;

use serde_json::json;

use super::avro::{self, Record, Value, optional, record};
use super::list::{Count, ManifestFile, Summary};
use super::metadata::Spec;
use super::{damaged, value};
use crate::format::{Columns, TableFile};
use crate::{Error, Kind, Result};

/// What a manifest says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It was there before.
    Existing,
    /// It came with the snapshot.
    Added,
    /// It went with the snapshot.
    Deleted,
}

/// A file in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) status: Status,
    /// The snapshot that brought it, or with which it went.
    pub(super) snapshot: i64,
    pub(super) sequence: i64,
    pub(super) file_sequence: i64,
    pub(super) file: DataFile,
}

/// A data file, as a manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct DataFile {
    pub(super) path: String,
    /// By partition field.
    pub(super) partition: Vec<Option<i32>>,
    pub(super) rows: i64,
    pub(super) bytes: i64,
    /// By the id of a column.
    pub(super) values: BTreeMap<i32, i64>,
    pub(super) nulls: BTreeMap<i32, i64>,
    pub(super) lower: BTreeMap<i32, Vec<u8>>,
    pub(super) upper: BTreeMap<i32, Vec<u8>>,
}

impl DataFile {
    /// The file, with the ids of its columns.
    pub(super) fn of(
        file: &TableFile,
        columns: &Columns,
        ids: &BTreeMap<String, i32>,
        spec: &Spec,
    ) -> Result<Self> {
        let unknown = || Error::new(Kind::Bug, "the rows of a file are not known").at("file", &file.path);
        let small = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let mut found = Self {
            path: file.path.clone(),
            partition: partition(file, spec),
            rows: small(file.rows.ok_or_else(unknown)?),
            bytes: small(file.bytes),
            ..Self::default()
        };
        for (name, data_type) in &columns.files {
            let (Some(bounds), Some(id)) = (file.columns.get(name), ids.get(name)) else { continue };
            if let Some(nulls) = bounds.nulls {
                found.values.insert(*id, found.rows);
                found.nulls.insert(*id, small(nulls));
            }
            let bound =
                |known: &Option<serde_json::Value>, is_max| value::bound(known.as_ref()?, data_type, is_max);
            found.lower.extend(bound(&bounds.min, false).map(|bytes| (*id, bytes)));
            found.upper.extend(bound(&bounds.max, true).map(|bytes| (*id, bytes)));
        }
        Ok(found)
    }
}

/// The values of the partition fields of a file.
pub(super) fn partition(file: &TableFile, spec: &Spec) -> Vec<Option<i32>> {
    let value = |name: &String| i32::try_from(*file.partition.get(name)?).ok();
    spec.fields.iter().map(|field| value(&field.name)).collect()
}

/// The kinds of maps in a record of a data file: name, id, ids of key and value.
const MAPS: [(&str, i32, i32, i32); 4] = [
    ("value_counts", 109, 119, 120),
    ("null_value_counts", 110, 121, 122),
    ("lower_bounds", 125, 126, 127),
    ("upper_bounds", 128, 129, 130),
];

fn schema(spec: &Spec) -> serde_json::Value {
    let field =
        |name: &str, id: i32, kind: serde_json::Value| json!({ "name": name, "type": kind, "field-id": id });
    let maybe = |name: &str, id: i32, kind: serde_json::Value| json!({ "name": name, "type": ["null", kind], "default": null, "field-id": id });
    // An identity of a whole number is the only kind of partition that this program makes.
    let parts: Vec<_> =
        spec.fields.iter().map(|part| maybe(&part.name, part.field_id, json!("int"))).collect();
    let mut file = vec![
        field("content", 134, json!("int")),
        field("file_path", 100, json!("string")),
        field("file_format", 101, json!("string")),
        field("partition", 102, json!({ "type": "record", "name": "r102", "fields": parts })),
        field("record_count", 103, json!("long")),
        field("file_size_in_bytes", 104, json!("long")),
    ];
    for (name, id, key, value) in MAPS {
        let kind = if name.ends_with("bounds") { "bytes" } else { "long" };
        let pair = json!({ "type": "record", "name": format!("k{key}_v{value}"), "fields": [
            field("key", key, json!("int")), field("value", value, json!(kind)),
        ] });
        file.push(maybe(name, id, json!({ "type": "array", "items": pair, "logicalType": "map" })));
    }
    file.push(maybe("sort_order_id", 140, json!("int")));
    json!({ "type": "record", "name": "manifest_entry", "fields": [
        field("status", 0, json!("int")),
        maybe("snapshot_id", 1, json!("long")),
        maybe("sequence_number", 3, json!("long")),
        maybe("file_sequence_number", 4, json!("long")),
        field("data_file", 2, json!({ "type": "record", "name": "r2", "fields": file })),
    ] })
}

/// The file of a manifest that snapshot `snapshot` brings as `path`, and what its list tells of it. `columns` is the table's schema.
pub(super) fn write(
    entries: &[Entry],
    spec: &Spec,
    columns: &serde_json::Value,
    path: String,
    (snapshot, sequence): (i64, i64),
) -> Result<(ManifestFile, Vec<u8>)> {
    let text = |value: serde_json::Result<String>| {
        value.map_err(|e| Error::new(Kind::Bug, format!("a manifest cannot be written: {e}")))
    };
    let told = [
        ("schema", columns.to_string()),
        ("schema-id", columns["schema-id"].to_string()),
        ("partition-spec", text(serde_json::to_string(&spec.fields))?),
        ("partition-spec-id", spec.spec_id.to_string()),
        ("format-version", "2".to_owned()),
        ("content", "data".to_owned()),
    ];
    let bytes = avro::write(&schema(spec), &told, entries.iter().map(|entry| entry_value(entry, spec)));
    let mut told = ManifestFile {
        path,
        length: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        spec_id: spec.spec_id,
        content: 0,
        sequence,
        min_sequence: sequence,
        snapshot,
        added: Count::default(),
        existing: Count::default(),
        deleted: Count::default(),
        partitions: vec![Summary::default(); spec.fields.len()],
    };
    for entry in entries {
        match entry.status {
            Status::Existing => told.existing.add(entry.file.rows),
            Status::Added => told.added.add(entry.file.rows),
            Status::Deleted => told.deleted.add(entry.file.rows),
        }
        if entry.status != Status::Deleted {
            told.min_sequence = told.min_sequence.min(entry.sequence);
        }
        for (summary, value) in told.partitions.iter_mut().zip(&entry.file.partition) {
            summary.note(*value);
        }
    }
    Ok((told, bytes))
}

fn entry_value(entry: &Entry, spec: &Spec) -> Value {
    let file = &entry.file;
    let parts = spec.fields.iter().zip(&file.partition);
    let parts = parts.map(|(part, value)| {
        (part.name.as_str(), optional(value.map(|value| Value::Number(i64::from(value)))))
    });
    let pair =
        |key: i32, value: Value| record(vec![("key", Value::Number(i64::from(key))), ("value", value)]);
    let counts = |map: &BTreeMap<i32, i64>| {
        let pairs: Vec<_> = map.iter().map(|(key, value)| pair(*key, Value::Number(*value))).collect();
        optional((!pairs.is_empty()).then_some(Value::Array(pairs)))
    };
    let bounds = |map: &BTreeMap<i32, Vec<u8>>| {
        let pairs: Vec<_> = map.iter().map(|(key, value)| pair(*key, Value::Bytes(value.clone()))).collect();
        optional((!pairs.is_empty()).then_some(Value::Array(pairs)))
    };
    let data_file = record(vec![
        ("content", Value::Number(0)),
        ("file_path", Value::Text(file.path.clone())),
        ("file_format", Value::Text("PARQUET".to_owned())),
        ("partition", record(parts.collect())),
        ("record_count", Value::Number(file.rows)),
        ("file_size_in_bytes", Value::Number(file.bytes)),
        ("value_counts", counts(&file.values)),
        ("null_value_counts", counts(&file.nulls)),
        ("lower_bounds", bounds(&file.lower)),
        ("upper_bounds", bounds(&file.upper)),
        ("sort_order_id", optional(Some(Value::Number(0)))),
    ]);
    let status = match entry.status {
        Status::Existing => 0,
        Status::Added => 1,
        Status::Deleted => 2,
    };
    let long = |number: i64| optional(Some(Value::Number(number)));
    record(vec![
        ("status", Value::Number(status)),
        ("snapshot_id", long(entry.snapshot)),
        ("sequence_number", long(entry.sequence)),
        ("file_sequence_number", long(entry.file_sequence)),
        ("data_file", data_file),
    ])
}

/// The entries of a manifest. What another writer has left to be inherited is taken from what the list tells of it.
pub(super) fn read(bytes: &[u8], told: &ManifestFile) -> Result<Vec<Entry>> {
    avro::read(bytes)?.into_iter().map(|record| entry(record, told)).collect()
}

fn entry(mut read: Record, told: &ManifestFile) -> Result<Entry> {
    let status = match read.int("status")? {
        0 => Status::Existing,
        1 => Status::Added,
        2 => Status::Deleted,
        other => return Err(damaged(format!("a manifest has an entry of status {other}"))),
    };
    let mut file = read.record("data_file")?;
    let mut parts = file.record("partition")?;
    let names: Vec<String> = parts.names().map(str::to_owned).collect();
    let mut part = |name: &String| parts.optional_long(name).and_then(|value| i32::try_from(value).ok());
    let partition = names.iter().map(&mut part).collect();
    let mut pairs = |name: &str| -> Vec<(i32, Record)> {
        let pairs = file.records(name).into_iter();
        pairs.filter_map(|mut pair| Some((pair.int("key").ok()?, pair))).collect()
    };
    let mut counts = |name: &str| {
        pairs(name)
            .into_iter()
            .filter_map(|(key, mut pair)| Some((key, pair.optional_long("value")?)))
            .collect()
    };
    let (values, nulls) = (counts("value_counts"), counts("null_value_counts"));
    let mut bounds = |name: &str| {
        pairs(name).into_iter().filter_map(|(key, mut pair)| Some((key, pair.bytes("value")?))).collect()
    };
    let (lower, upper) = (bounds("lower_bounds"), bounds("upper_bounds"));
    let sequence = read.optional_long("sequence_number").unwrap_or(told.sequence);
    Ok(Entry {
        status,
        snapshot: read.optional_long("snapshot_id").unwrap_or(told.snapshot),
        sequence,
        file_sequence: read.optional_long("file_sequence_number").unwrap_or(sequence),
        file: DataFile {
            path: file.text("file_path")?,
            partition,
            rows: file.long("record_count")?,
            bytes: file.long("file_size_in_bytes")?,
            values,
            nulls,
            lower,
            upper,
        },
    })
}

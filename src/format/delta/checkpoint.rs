//! The columns of a checkpoint, a Parquet file whose rows say what the lines of the log said until then.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

/// The name of the checkpoint of version `version` in `_delta_log/`.
pub fn file_of_checkpoint(version: u64) -> String {
    format!("{version:020}.checkpoint.parquet")
}

/// The version of a checkpoint that is one file, by its name.
pub fn version_of_checkpoint(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".checkpoint.parquet")?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

/// The text of `_last_checkpoint`, for a checkpoint of so many lines.
pub fn last_checkpoint(version: u64, lines: u64) -> String {
    serde_json::json!({ "version": version, "size": lines }).to_string()
}

/// The columns: one a kind of action, null in the rows of the others.
pub fn schema() -> SchemaRef {
    use DataType::{Boolean, Int32, Int64, Utf8};
    let field = |name: &str, data_type: DataType| Field::new(name, data_type, true);
    let texts = |name: &str| field(name, DataType::List(Arc::new(Field::new("element", Utf8, true))));
    let pairs = |name: &str| {
        let members = Fields::from(vec![Field::new("key", Utf8, false), field("value", Utf8)]);
        let entries = Field::new("key_value", DataType::Struct(members), false);
        field(name, DataType::Map(Arc::new(entries), false))
    };
    let object = |name: &str, members: Vec<Field>| field(name, DataType::Struct(members.into()));
    Arc::new(Schema::new(vec![
        object("txn", vec![field("appId", Utf8), field("version", Int64), field("lastUpdated", Int64)]),
        object(
            "add",
            vec![
                field("path", Utf8),
                pairs("partitionValues"),
                field("size", Int64),
                field("modificationTime", Int64),
                field("dataChange", Boolean),
                field("stats", Utf8),
            ],
        ),
        object(
            "remove",
            vec![
                field("path", Utf8),
                field("deletionTimestamp", Int64),
                field("dataChange", Boolean),
                field("extendedFileMetadata", Boolean),
                pairs("partitionValues"),
                field("size", Int64),
            ],
        ),
        object(
            "metaData",
            vec![
                field("id", Utf8),
                field("name", Utf8),
                object("format", vec![field("provider", Utf8), pairs("options")]),
                field("schemaString", Utf8),
                texts("partitionColumns"),
                pairs("configuration"),
                field("createdTime", Int64),
            ],
        ),
        object(
            "protocol",
            vec![field("minReaderVersion", Int32), field("minWriterVersion", Int32), texts("writerFeatures")],
        ),
    ]))
}

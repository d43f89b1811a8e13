//! Tables and partitions as Glue's JSON, and back.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::catalog::{
    ColumnDef, HeldTable, PartitionDef, TableDef, count_of, counts, formats, serde_parameters,
};

/// The longest description of a table, and comment of a column.
const DESCRIPTION: usize = 2048;
const COMMENT: usize = 255;

fn clipped(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

fn columns(columns: &[ColumnDef]) -> Value {
    let column = |c: &ColumnDef| json!({ "Name": c.name, "Type": c.hive_type, "Comment": clipped(&c.comment, COMMENT) });
    columns.iter().map(column).collect()
}

fn storage(table: &TableDef, location: &str) -> Value {
    let [input, output, library] = formats(table.kind);
    let parameters: Map<_, _> =
        serde_parameters(table).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({
        "Columns": columns(&table.columns),
        "Location": location,
        "InputFormat": input,
        "OutputFormat": output,
        "Compressed": false,
        "NumberOfBuckets": -1,
        "SerdeInfo": { "SerializationLibrary": library, "Parameters": parameters },
        "StoredAsSubDirectories": false,
    })
}

/// A TableInput; parameters that the table holds already stay.
pub(super) fn table(table: &TableDef, held: Option<&HeldTable>) -> Value {
    let mut parameters = held.map(|held| held.parameters.clone()).unwrap_or_default();
    parameters.extend(table.parameters.clone());
    parameters.insert("EXTERNAL".to_owned(), "TRUE".to_owned());
    json!({
        "Name": table.name,
        "Description": clipped(&table.description, DESCRIPTION),
        "Owner": "lakehand",
        "StorageDescriptor": storage(table, &table.location),
        "PartitionKeys": columns(&table.partition_columns),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
    })
}

/// A PartitionInput.
pub(super) fn partition(table: &TableDef, partition: &PartitionDef) -> Value {
    let parameters: BTreeMap<_, _> =
        counts(partition.rows, partition.files, partition.bytes).into_iter().collect();
    json!({
        "Values": partition.values,
        "StorageDescriptor": storage(table, &partition.location),
        "Parameters": parameters,
    })
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn parameters(value: &Value) -> BTreeMap<String, String> {
    let pairs = value.get("Parameters").and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn read_columns(value: Option<&Value>) -> Vec<ColumnDef> {
    let columns = value.and_then(Value::as_array).into_iter().flatten();
    columns
        .map(|c| ColumnDef { name: text(c, "Name"), hive_type: text(c, "Type"), comment: text(c, "Comment") })
        .collect()
}

/// What a Table says.
pub(super) fn held(value: &Value) -> HeldTable {
    let storage = &value["StorageDescriptor"];
    HeldTable {
        columns: read_columns(storage.get("Columns")),
        partition_columns: read_columns(value.get("PartitionKeys")),
        location: text(storage, "Location"),
        description: text(value, "Description"),
        parameters: parameters(value),
    }
}

/// The values of a partition.
pub(super) fn values_of(value: &Value, name: &str) -> Vec<String> {
    let values = value.get(name).and_then(Value::as_array).into_iter().flatten();
    values.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What a Partition says.
pub(super) fn held_partition(value: &Value) -> PartitionDef {
    let parameters = parameters(value);
    PartitionDef {
        values: values_of(value, "Values"),
        location: text(&value["StorageDescriptor"], "Location"),
        rows: count_of(&parameters, "numRows"),
        files: count_of(&parameters, "numFiles"),
        bytes: count_of(&parameters, "totalSize"),
    }
}

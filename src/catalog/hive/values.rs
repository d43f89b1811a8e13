//! Tables and partitions as the metastore's structs, and back. The numbers are those of `hive_metastore.thrift`.

use std::collections::BTreeMap;

use super::thrift::{STRUCT, Value};
use crate::catalog::{
    ColumnDef, HeldTable, PartitionDef, TableDef, count_of, counts, formats, serde_parameters,
};

/// `Table.sd`, `Partition.sd`
const TABLE_SD: i16 = 7;
const PARTITION_SD: i16 = 6;
const TABLE_PARAMETERS: i16 = 9;
const PARTITION_PARAMETERS: i16 = 7;
const PARTITION_KEYS: i16 = 8;
/// What a table's description is called in its parameters.
const COMMENT: &str = "comment";

fn column(column: &ColumnDef) -> Value {
    Value::Struct(vec![
        (1, Value::text(&column.name)),
        (2, Value::text(&column.hive_type)),
        (3, Value::text(&column.comment)),
    ])
}

fn columns(columns: &[ColumnDef]) -> Value {
    Value::structs(columns.iter().map(column).collect())
}

/// A StorageDescriptor.
fn storage(table: &TableDef, location: &str) -> Value {
    let [input, output, library] = formats(table.kind);
    let serde = Value::Struct(vec![
        (1, Value::text("")),
        (2, Value::text(library)),
        (3, Value::texts(serde_parameters(table))),
    ]);
    Value::Struct(vec![
        (1, columns(&table.columns)),
        (2, Value::text(location)),
        (3, Value::text(input)),
        (4, Value::text(output)),
        (5, Value::Bool(false)),
        (6, Value::I32(-1)),
        (7, serde),
        (8, Value::strings::<String>([])),
        (9, Value::List(STRUCT, Vec::new())),
        (10, Value::texts::<String, String>([])),
    ])
}

fn parameters(table: &TableDef) -> BTreeMap<String, String> {
    let mut parameters = table.parameters.clone();
    parameters.insert("EXTERNAL".to_owned(), "TRUE".to_owned());
    if !table.description.is_empty() {
        parameters.insert(COMMENT.to_owned(), table.description.clone());
    }
    parameters
}

/// A Table that is to be made.
pub(super) fn table(database: &str, table: &TableDef) -> Value {
    Value::Struct(vec![
        (1, Value::text(&table.name)),
        (2, Value::text(database)),
        (3, Value::text("lakehand")),
        (4, Value::I32(0)),
        (5, Value::I32(0)),
        (6, Value::I32(0)),
        (TABLE_SD, storage(table, &table.location)),
        (PARTITION_KEYS, columns(&table.partition_columns)),
        (TABLE_PARAMETERS, Value::texts(parameters(table))),
        (12, Value::text("EXTERNAL_TABLE")),
    ])
}

/// The held Table as it is to be: what others have written into it stays.
pub(super) fn altered(held: &Value, table: &TableDef) -> Value {
    let mut next = held.clone();
    let mut all: BTreeMap<String, String> =
        held.field(TABLE_PARAMETERS).map(Value::pairs).unwrap_or_default().into_iter().collect();
    all.remove(COMMENT);
    all.extend(parameters(table));
    next.set(TABLE_PARAMETERS, Value::texts(all));
    next.set(TABLE_SD, storage(table, &table.location));
    next
}

/// What a Table says.
pub(super) fn held(value: &Value) -> HeldTable {
    let storage = value.field(TABLE_SD);
    let mut parameters: BTreeMap<_, _> =
        value.field(TABLE_PARAMETERS).map(Value::pairs).unwrap_or_default().into_iter().collect();
    HeldTable {
        columns: storage.and_then(|sd| sd.field(1)).map(read_columns).unwrap_or_default(),
        partition_columns: value.field(PARTITION_KEYS).map(read_columns).unwrap_or_default(),
        location: storage.map(|sd| sd.text_at(2)).unwrap_or_default(),
        description: parameters.remove(COMMENT).unwrap_or_default(),
        parameters,
    }
}

fn read_columns(value: &Value) -> Vec<ColumnDef> {
    let read = |c: &Value| ColumnDef { name: c.text_at(1), hive_type: c.text_at(2), comment: c.text_at(3) };
    value.items().iter().map(read).collect()
}

/// A Partition.
pub(super) fn partition(database: &str, table: &TableDef, partition: &PartitionDef) -> Value {
    Value::Struct(vec![
        (1, Value::strings(partition.values.iter().cloned())),
        (2, Value::text(database)),
        (3, Value::text(&table.name)),
        (4, Value::I32(0)),
        (5, Value::I32(0)),
        (PARTITION_SD, storage(table, &partition.location)),
        (PARTITION_PARAMETERS, Value::texts(counts(partition.rows, partition.files, partition.bytes))),
    ])
}

/// The values of a Partition.
pub(super) fn values_of(value: &Value) -> Vec<String> {
    value.field(1).map(|values| values.items().iter().map(Value::as_text).collect()).unwrap_or_default()
}

/// What a Partition says.
pub(super) fn held_partition(value: &Value) -> PartitionDef {
    let parameters: BTreeMap<_, _> =
        value.field(PARTITION_PARAMETERS).map(Value::pairs).unwrap_or_default().into_iter().collect();
    PartitionDef {
        values: values_of(value),
        location: value.field(PARTITION_SD).map(|sd| sd.text_at(2)).unwrap_or_default(),
        rows: count_of(&parameters, "numRows"),
        files: count_of(&parameters, "numFiles"),
        bytes: count_of(&parameters, "totalSize"),
    }
}

//! The columns of a table as Iceberg spells them, with ids that stay.
//!
//! | Arrow | Iceberg |
//! |---|---|
//! | Boolean, Int32, Int64, Float64 | boolean, int, long, double |
//! | Utf8, Binary, Date32 | string, binary, date |
//! | Time64 in microseconds | time |
//! | Timestamp in UTC, of milli- or microseconds | timestamptz |
//! | Decimal128(p, s), s not negative | decimal(p, s) |
//! | Struct, List, Map | struct, list, map |
//! | anything else: decimals of more than 38 digits | refused |
//!
//! Files have no ids: readers find them by `schema.name-mapping.default`.

use std::collections::{BTreeMap, HashSet};

use arrow::datatypes::{DataType, Field, TimeUnit};
use serde_json::{Value, json};

use crate::format::Columns;
use crate::{Error, Kind, Result};

/// Columns with their ids.
pub(super) struct Spelt {
    /// The fields of the schema.
    pub(super) fields: Value,
    /// The name mapping, as JSON.
    pub(super) mapping: Value,
    /// By path (`A`, `A.element.B`) the id.
    pub(super) ids: BTreeMap<String, i32>,
    /// The largest id ever given.
    pub(super) last: i32,
}

/// Gives ids: those that are known stay, others get the next ones.
struct Ids<'a> {
    known: &'a BTreeMap<String, i32>,
    given: BTreeMap<String, i32>,
    last: i32,
}

impl Ids<'_> {
    fn of(&mut self, path: &str) -> i32 {
        let known = self.given.get(path).or_else(|| self.known.get(path));
        let id = known.copied().unwrap_or_else(|| {
            self.last += 1;
            self.last
        });
        self.given.insert(path.to_owned(), id);
        id
    }
}

/// `Kind::Feed` names a column that has no type in Iceberg, or whose name another one has: many engines do not tell case.
pub fn check_columns(columns: &Columns) -> Result<()> {
    spell(columns, &BTreeMap::new(), 0).map(|_| ())
}

/// The columns, those of the folders behind those of the files; `known` are the ids that were given, `last` is the largest one.
pub(super) fn spell(columns: &Columns, known: &BTreeMap<String, i32>, last: i32) -> Result<Spelt> {
    let mut names = HashSet::new();
    let all = columns.files.iter().map(|(name, _)| name).chain(&columns.partition);
    for name in all {
        if !names.insert(name.to_lowercase()) {
            return Err(refused(
                name,
                "another column has this name, and case does not count for many engines",
            )
            .next("rename one of them (\"rename\" in the feed), or do without the table format"));
        }
    }
    let mut ids = Ids { known, given: BTreeMap::new(), last };
    let int = DataType::Int32;
    let files = columns.files.iter().map(|(name, data_type)| (name, data_type));
    let mut fields = Vec::new();
    let mut mapping = Vec::new();
    // Ids of columns come before those of what is inside of them.
    let all: Vec<_> = files.chain(columns.partition.iter().map(|name| (name, &int))).collect();
    for (name, _) in &all {
        ids.of(name);
    }
    for (name, data_type) in all {
        let id = ids.of(name);
        let (spelt, inner) = spell_type(data_type, name, &mut ids).ok_or_else(|| {
            refused(name, &format!("it is {data_type}, for which Iceberg has no type"))
                .next("write it as text (\"types\" in the feed), leave it out (\"exclude_columns\"), or do without the table format")
        })?;
        fields.push(json!({ "id": id, "name": name, "required": false, "type": spelt }));
        mapping.push(mapped(id, name, inner));
    }
    Ok(Spelt { fields: fields.into(), mapping: mapping.into(), last: ids.last, ids: ids.given })
}

fn refused(column: &str, why: &str) -> Error {
    Error::new(Kind::Feed, format!("the dataset cannot be an Iceberg table: {why}")).at("column", column)
}

fn mapped(id: i32, name: &str, inner: Vec<Value>) -> Value {
    let mut mapped = json!({ "field-id": id, "names": [name] });
    if !inner.is_empty() {
        mapped["fields"] = inner.into();
    }
    mapped
}

/// The type, and the mapping of what is inside of it.
fn spell_type(data_type: &DataType, path: &str, ids: &mut Ids<'_>) -> Option<(Value, Vec<Value>)> {
    let spelt = match data_type {
        DataType::Boolean => json!("boolean"),
        DataType::Int32 => json!("int"),
        DataType::Int64 => json!("long"),
        DataType::Float64 => json!("double"),
        DataType::Utf8 => json!("string"),
        DataType::Binary => json!("binary"),
        DataType::Date32 => json!("date"),
        DataType::Time64(TimeUnit::Microsecond) => json!("time"),
        DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond, Some(zone))
            if zone.as_ref() == "UTC" =>
        {
            json!("timestamptz")
        }
        DataType::Decimal128(precision, scale) if *scale >= 0 => {
            json!(format!("decimal({precision}, {scale})"))
        }
        DataType::Struct(members) => {
            let paths: Vec<_> = members.iter().map(|member| format!("{path}.{}", member.name())).collect();
            let given: Vec<i32> = paths.iter().map(|path| ids.of(path)).collect();
            let (mut fields, mut mapping) = (Vec::new(), Vec::new());
            for ((member, path), id) in members.iter().zip(&paths).zip(given) {
                let (spelt, inner) = spell_type(member.data_type(), path, ids)?;
                fields.push(json!({ "id": id, "name": member.name(), "required": false, "type": spelt }));
                mapping.push(mapped(id, member.name(), inner));
            }
            return Some((json!({ "type": "struct", "fields": fields }), mapping));
        }
        DataType::List(item) => {
            let (id, spelt, mapping) = inner("element", item, path, ids)?;
            let spelt =
                json!({ "type": "list", "element-id": id, "element": spelt, "element-required": false });
            return Some((spelt, vec![mapping]));
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(members) = entries.data_type() else { return None };
            let [key, value] = &members[..] else { return None };
            let (key_id, key, key_mapping) = inner("key", key, path, ids)?;
            let (value_id, value, value_mapping) = inner("value", value, path, ids)?;
            let spelt = json!({
                "type": "map", "key-id": key_id, "key": key,
                "value-id": value_id, "value": value, "value-required": false,
            });
            return Some((spelt, vec![key_mapping, value_mapping]));
        }
        _ => return None,
    };
    Some((spelt, Vec::new()))
}

/// Id, type and mapping of the values of a list or map.
fn inner(name: &str, field: &Field, path: &str, ids: &mut Ids<'_>) -> Option<(i32, Value, Value)> {
    let path = format!("{path}.{name}");
    let id = ids.of(&path);
    let (spelt, inside) = spell_type(field.data_type(), &path, ids)?;
    Some((id, spelt, mapped(id, name, inside)))
}

/// By path the ids in the fields of a schema.
pub(super) fn ids_of(fields: &Value) -> BTreeMap<String, i32> {
    let mut ids = BTreeMap::new();
    collect_fields(fields, "", &mut ids);
    ids
}

fn collect_fields(fields: &Value, path: &str, ids: &mut BTreeMap<String, i32>) {
    for field in fields.as_array().into_iter().flatten() {
        let name = field["name"].as_str().unwrap_or_default();
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        note(&field["id"], &path, ids);
        collect_type(&field["type"], &path, ids);
    }
}

fn collect_type(spelt: &Value, path: &str, ids: &mut BTreeMap<String, i32>) {
    collect_fields(&spelt["fields"], path, ids);
    for name in ["element", "key", "value"] {
        let path = format!("{path}.{name}");
        if note(&spelt[format!("{name}-id")], &path, ids) {
            collect_type(&spelt[name], &path, ids);
        }
    }
}

fn note(id: &Value, path: &str, ids: &mut BTreeMap<String, i32>) -> bool {
    let id = id.as_i64().and_then(|id| i32::try_from(id).ok());
    id.is_some_and(|id| {
        ids.insert(path.to_owned(), id);
        true
    })
}

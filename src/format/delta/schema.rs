//! The columns of a table as Delta Lake spells them.
//!
//! | Arrow | Delta |
//! |---|---|
//! | Boolean, Int32, Int64, Float64 | boolean, integer, long, double |
//! | Utf8, Binary, Date32 | string, binary, date |
//! | Timestamp in UTC | timestamp |
//! | Decimal128(p, s), s not negative | decimal(p,s) |
//! | Struct, List, Map | struct, array, map |
//! | anything else: TIME, decimals of more than 38 digits | refused |

use std::collections::HashSet;

use arrow::datatypes::{DataType, Field};
use serde_json::{Value, json};

use crate::format::Columns;
use crate::{Error, Kind, Result};

/// The JSON text of the columns, those of the folders behind those of the files. `Kind::Feed` names a column that has no type in
/// Delta Lake, or whose name another one has, as case does not count there.
pub fn schema_string(columns: &Columns) -> Result<String> {
    let mut names = HashSet::new();
    let mut fields = Vec::new();
    for (name, data_type) in &columns.files {
        let known = delta_type(data_type).ok_or_else(|| {
            refused(name, &format!("it is {data_type}, for which Delta Lake has no type"))
                .next("write it as text (\"types\" in the feed), leave it out (\"exclude_columns\"), or do without the table format")
        })?;
        fields.push((name, known));
    }
    fields.extend(columns.partition.iter().map(|name| (name, json!("integer"))));
    for (name, _) in &fields {
        if !names.insert(name.to_lowercase()) {
            return Err(refused(name, "another column has this name, and case does not count in Delta Lake")
                .next("rename one of them (\"rename\" in the feed), or do without the table format"));
        }
    }
    let fields: Vec<Value> = fields.into_iter().map(|(name, known)| field(name, &known, true)).collect();
    Ok(json!({ "type": "struct", "fields": fields }).to_string())
}

fn refused(column: &str, why: &str) -> Error {
    Error::new(Kind::Feed, format!("the dataset cannot be a Delta table: {why}")).at("column", column)
}

fn field(name: &str, data_type: &Value, nullable: bool) -> Value {
    json!({ "name": name, "type": data_type, "nullable": nullable, "metadata": {} })
}

fn delta_type(data_type: &DataType) -> Option<Value> {
    Some(match data_type {
        DataType::Boolean => json!("boolean"),
        DataType::Int32 => json!("integer"),
        DataType::Int64 => json!("long"),
        DataType::Float64 => json!("double"),
        DataType::Utf8 => json!("string"),
        DataType::Binary => json!("binary"),
        DataType::Date32 => json!("date"),
        DataType::Timestamp(_, Some(zone)) if zone.as_ref() == "UTC" => json!("timestamp"),
        DataType::Decimal128(precision, scale) if *scale >= 0 => {
            json!(format!("decimal({precision},{scale})"))
        }
        DataType::Struct(members) => {
            let members = members
                .iter()
                .map(|member| Some(field(member.name(), &delta_type(member.data_type())?, true)));
            json!({ "type": "struct", "fields": members.collect::<Option<Vec<_>>>()? })
        }
        DataType::List(item) => {
            json!({ "type": "array", "elementType": delta_type(item.data_type())?, "containsNull": true })
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(members) = entries.data_type() else { return None };
            let [key, value] = &members[..] else { return None };
            let inner = |member: &Field| delta_type(member.data_type());
            json!({ "type": "map", "keyType": inner(key)?, "valueType": inner(value)?, "valueContainsNull": true })
        }
        _ => return None,
    })
}

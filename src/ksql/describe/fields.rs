//! The columns of a DESCRIBE reply, and a limit of how many there may be, nested ones counted.
//!
//! The reply is looked through once before anything is built of it: what is built takes a multiple of the text.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::parse::unreadable;
use crate::error::{Error, Kind, Result};
use crate::ksql::schema::{Column, Field, Role, SqlType};

/// Columns of a source with the members of their STRUCTs: a file of so many takes more memory than any budget has.
const MAX_FIELDS: usize = 10_000;

/// The columns of a source. `Kind::Schema` names the number when there are too many.
pub(super) fn columns(fields: &RawValue) -> Result<Vec<Column>> {
    let Total(total) = serde_json::from_str(fields.get()).map_err(|error| unreadable(&error))?;
    if total > MAX_FIELDS {
        let what = format!(
            "{total} columns, those in STRUCTs counted, are more than lakehand exports: {MAX_FIELDS}"
        );
        return Err(Error::new(Kind::Schema, what).next(
            "derive a stream or table of fewer columns with auto.offset.reset=earliest, and export that one",
        ));
    }
    let columns: Vec<WireColumn> = serde_json::from_str(fields.get()).map_err(|error| unreadable(&error))?;
    columns.into_iter().map(WireColumn::into_column).collect()
}

/// How many fields a list of them holds, at any depth. Nothing else of the text is kept.
struct Total(usize);

impl<'de> Deserialize<'de> for Total {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        from.deserialize_any(Count).map(Total)
    }
}

/// Counts the objects of lists. A schema has its members in `fields`, or another schema in `schema` or `memberSchema`.
struct Count;

impl<'de> Visitor<'de> for Count {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("columns")
    }

    fn visit_unit<E>(self) -> std::result::Result<usize, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<usize, A::Error> {
        let mut total = 0_usize;
        while let Some(Total(inside)) = list.next_element()? {
            total = total.saturating_add(1).saturating_add(inside);
        }
        Ok(total)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> std::result::Result<usize, A::Error> {
        let mut total = 0_usize;
        while let Some(key) = object.next_key::<Key>()? {
            match key {
                Key::Nested => total = total.saturating_add(object.next_value::<Total>()?.0),
                Key::Other => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(total)
    }

    // Anything else is what the reader of columns complains about.
    fn visit_bool<E>(self, _: bool) -> std::result::Result<usize, E> {
        Ok(0)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<usize, E> {
        Ok(0)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<usize, E> {
        Ok(0)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<usize, E> {
        Ok(0)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<usize, E> {
        Ok(0)
    }
}

/// What is looked into.
enum Key {
    Nested,
    Other,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        struct Name;
        impl Visitor<'_> for Name {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E>(self, name: &str) -> std::result::Result<Key, E> {
                Ok(if matches!(name, "fields" | "schema" | "memberSchema") {
                    Key::Nested
                } else {
                    Key::Other
                })
            }
        }
        from.deserialize_str(Name)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireColumn {
    name: String,
    schema: WireSchema,
    #[serde(rename = "type")]
    role: Option<String>,
    header_key: Option<String>,
}

impl WireColumn {
    fn into_column(self) -> Result<Column> {
        let role = match (self.role.as_deref(), self.header_key) {
            (None, _) => Role::Value,
            (Some("KEY"), _) => Role::Key,
            (Some("HEADER"), Some(key)) => Role::Header(key),
            (Some("HEADER"), None) => Role::Headers,
            (Some(other), _) => {
                let what = format!("a column is of a kind not known here: {other}");
                return Err(Error::new(Kind::Schema, what).at("column", self.name));
            }
        };
        let sql_type = self.schema.into_type().map_err(|error| error.at("column", &self.name))?;
        Ok(Column { name: self.name, sql_type, role })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSchema {
    #[serde(rename = "type")]
    name: String,
    fields: Option<Vec<WireField>>,
    member_schema: Option<Box<WireSchema>>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct WireField {
    name: String,
    schema: WireSchema,
}

#[derive(Deserialize)]
struct Parameters {
    precision: u32,
    scale: u32,
}

impl WireSchema {
    fn into_type(self) -> Result<SqlType> {
        let incomplete =
            || Error::new(Kind::Garbled, "DESCRIBE shows an ARRAY, MAP, STRUCT or DECIMAL without its parts");
        Ok(match self.name.as_str() {
            "ARRAY" => SqlType::Array(Box::new(self.member_schema.ok_or_else(incomplete)?.into_type()?)),
            // The key's type is not reported. Only STRING keys can be stored in a topic (JSON, AVRO and PROTOBUF).
            "MAP" => {
                let value = self.member_schema.ok_or_else(incomplete)?.into_type()?;
                SqlType::Map(Box::new(SqlType::String), Box::new(value))
            }
            "STRUCT" => SqlType::Struct(
                self.fields
                    .ok_or_else(incomplete)?
                    .into_iter()
                    .map(|field| Ok(Field { name: field.name, sql_type: field.schema.into_type()? }))
                    .collect::<Result<_>>()?,
            ),
            "DECIMAL" => {
                let Parameters { precision, scale } = self.parameters.ok_or_else(incomplete)?;
                SqlType::Decimal { precision, scale }
            }
            other => crate::ksql::schema::parse_type(other)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &str) -> Result<Vec<Column>> {
        columns(&RawValue::from_string(format!("[{fields}]")).unwrap())
    }

    /// Columns named `<prefix>0`, `<prefix>1` …, each with this schema.
    fn many(prefix: &str, count: usize, schema: &str) -> String {
        let one = |n| format!(r#"{{"name":"{prefix}{n}","schema":{schema}}}"#);
        (0..count).map(one).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn more_columns_than_can_be_exported_are_refused_with_the_number_however_they_are_nested() {
        let text = r#"{"type":"STRING"}"#;
        assert_eq!(read(&many("C", MAX_FIELDS, text)).unwrap().len(), MAX_FIELDS);
        let members = |count| format!(r#"{{"type":"STRUCT","fields":[{}]}}"#, many("M", count, text));
        let array = |member: String| format!(r#"{{"type":"ARRAY","fields":null,"memberSchema":{member}}}"#);
        for (fields, total) in [
            (many("C", MAX_FIELDS + 1, text), 10_001),
            (many("C", 1, &members(MAX_FIELDS)), 10_001),
            // No list of these is long.
            (many("C", 100, &members(100)), 10_100),
            (many("C", 100, &array(members(100))), 10_100),
            (
                many("C", 30, &format!(r#"{{"type":"STRUCT","fields":[{}]}}"#, many("S", 20, &members(20)))),
                12_630,
            ),
        ] {
            let error = read(&fields).unwrap_err();
            assert_eq!(error.kind(), Kind::Schema);
            assert!(error.to_string().contains(&format!("{total} columns")), "{error}");
        }
        assert_eq!(read(&many("C", 99, &members(100))).unwrap().len(), 99);
    }

    #[test]
    fn header_columns_are_told_from_each_other() {
        let bytes = r#"{"name":"H","schema":{"type":"BYTES"},"type":"HEADER","headerKey":"abc"}"#;
        let all = r#"{"name":"A","schema":{"type":"ARRAY","memberSchema":{"type":"BYTES"}},"type":"HEADER"}"#;
        let roles: Vec<_> =
            read(&format!("{bytes},{all}")).unwrap().into_iter().map(|column| column.role).collect();
        assert_eq!(roles, [Role::Header("abc".into()), Role::Headers]);
    }

    #[test]
    fn a_map_is_taken_to_have_keys_of_strings() {
        let columns = read(r#"{"name":"M","schema":{"type":"MAP","memberSchema":{"type":"DATE"}}}"#).unwrap();
        assert_eq!(columns[0].sql_type.to_string(), "MAP<STRING, DATE>");
    }
}

//! Statements that make helpers on the server. They are shown to the operator before they are run.
//!
//! | helper | why | price |
//! |---|---|---|
//! | `X_LAKEHAND_END` | never holds a row; its DESCRIBE EXTENDED tells the ends of X's log | one idle consumer |
//! | `X_LAKEHAND_RAW` | X's topic as bytes, which the server reads and filters many times faster | none: nothing is read or written |
//! | `QUERYABLE_X` | a plain table as state that can be scanned | a state store |

use std::collections::BTreeMap;

use super::{literal, quote};
use crate::error::{Error, Kind, Result};
use crate::ksql::describe::Description;
use crate::ksql::schema::{Column, Role, SqlType};

/// The name of the helper stream that never holds a row.
pub fn helper_name(source: &str) -> String {
    format!("{source}_LAKEHAND_END")
}

/// The name of the stream that declares a stream's topic as bytes.
pub fn raw_name(source: &str) -> String {
    format!("{source}_LAKEHAND_RAW")
}

/// The statement that declares the stream's topic as bytes; with its headers where the stream has columns of those.
pub fn raw_ddl(source: &Description) -> String {
    let has_headers = source.columns.iter().any(|c| matches!(c.role, Role::Headers | Role::Header(_)));
    let headers = if has_headers { ", H ARRAY<STRUCT<`KEY` STRING, `VALUE` BYTES>> HEADERS" } else { "" };
    format!(
        "CREATE STREAM IF NOT EXISTS {} (K BYTES KEY, V BYTES{headers}) WITH (KAFKA_TOPIC={}, FORMAT='KAFKA');",
        quote(&raw_name(&source.name)),
        literal(&source.topic)
    )
}

/// Whether a source is a helper, which holds no rows of its own: nobody wants to export it.
pub fn is_helper(name: &str) -> bool {
    ["_LAKEHAND_END", "_LAKEHAND_RAW"].iter().any(|ending| name.ends_with(ending))
}

/// The properties with which helpers are made: they read their source from its first record.
pub fn ddl_properties() -> BTreeMap<String, serde_json::Value> {
    BTreeMap::from([("auto.offset.reset".to_owned(), "earliest".into())])
}

/// The statement that makes the helper stream: its DESCRIBE EXTENDED tells the ends of the source's log.
///
/// # Errors
/// [`Kind::Feed`] for a stream without a value column, as a stream must have one.
pub fn end_helper_ddl(source: &Description) -> Result<String> {
    let is_key = |column: &&Column| column.role == Role::Key;
    // Any value column will do; one of a plain type can be written in every format.
    let values = || source.columns.iter().filter(|column| column.role == Role::Value);
    let plain = |column: &&Column| {
        !matches!(column.sql_type, SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_))
    };
    let value = values().find(plain).or_else(|| values().next()).ok_or_else(|| {
        Error::new(Kind::Feed, "the stream has no value column, so no helper stream can be derived from it")
            .at("source", &source.name)
            .next("set \"read\": \"idle\" in the feed")
    })?;
    let items: Vec<_> =
        source.columns.iter().filter(is_key).chain([value]).map(|column| quote(&column.name)).collect();
    let name = helper_name(&source.name);
    Ok(format!(
        "CREATE STREAM IF NOT EXISTS {} WITH (KAFKA_TOPIC={}) AS SELECT {} FROM {} WHERE ROWTIME < 0 EMIT CHANGES;",
        quote(&name),
        literal(&name),
        items.join(", "),
        quote(&source.name)
    ))
}

/// What must be said to ksqlDB before a query is made by hand. Else it begins at the end of its source, and what it writes lacks
/// all rows that are there already.
pub(super) const FROM_THE_BEGINNING: &str = "SET 'auto.offset.reset' = 'earliest';";

/// The way to a table that ksqlDB does not scan. A stream of its changes would not do: deletions are no rows of a stream.
pub(in crate::ksql) const FROM_TOPIC: &str =
    "read it from its topic: \"read\": \"kafka\" in the feed, and kafka.brokers in lakehand.toml";

/// The statements that make a scannable table of a plain one; `None` for a windowed one, of which ksqlDB makes no other table.
pub fn queryable_ddl(source: &Description) -> Option<String> {
    source.window.is_none().then(|| {
        let name = quote(&format!("QUERYABLE_{}", source.name));
        format!("{FROM_THE_BEGINNING} CREATE TABLE {name} AS SELECT * FROM {};", quote(&source.name))
    })
}

//! The plan of a stream whose topic another stream declares as bytes: ksqlDB says what the stream is and hands out the records,
//! which are decoded here.

use std::collections::BTreeMap;

use super::log::log_schema;
use crate::error::{Error, Kind, Result};
use crate::feed::{Feed, ReadMode};
use crate::ksql::client::Client;
use crate::ksql::decode::record::Layout;
use crate::ksql::describe::Description;
use crate::ksql::schema::{Column, Role, SqlType};
use crate::ksql::{statement, topic};
use crate::lake::TableSchema;
use crate::source::ksql::KsqlStream;

/// The stream to ask and the schema of its rows, where the feed is to be read so: `"read": "raw"`, or `"auto"` where the
/// declaration is there and its records can be read.
///
/// # Errors
/// With `"read": "raw"`, what keeps it from being read so.
pub(super) async fn find(
    client: &Client,
    feed: &Feed,
    source: &Description,
) -> Result<Option<(KsqlStream, TableSchema)>> {
    let must = match feed.read {
        ReadMode::Raw => true,
        ReadMode::Auto => false,
        _ => return Ok(None),
    };
    let name = statement::raw_name(&source.name);
    let declared = match client.describe(&name).await {
        Ok(declared) => declared,
        Err(error) if error.kind() == Kind::Refused && must => {
            return Err(Error::new(
                Kind::Feed,
                format!("there is no stream {name}, which declares the topic as bytes"),
            )
            .next(format!("make it with `lakehand feeds prepare {} --raw`", feed.name)));
        }
        Err(error) if error.kind() == Kind::Refused => return Ok(None),
        Err(error) => return Err(error),
    };
    match stream(client, feed, source, &declared) {
        Ok(found) => Ok(Some(found)),
        Err(error) if must => Err(error.at("source", &source.name)),
        Err(_) => Ok(None),
    }
}

fn stream(
    client: &Client,
    feed: &Feed,
    source: &Description,
    declared: &Description,
) -> Result<(KsqlStream, TableSchema)> {
    let layout = layout(source, &feed.exclude_columns, &feed.rename)?;
    fits(source, declared)?;
    let schema = log_schema(&layout, 0)?;
    let selection = statement::select_stream(declared, &[], &BTreeMap::new())?;
    let mut stream = KsqlStream::new(client, source, selection);
    stream.asked.clone_from(&declared.name);
    stream.records = Some(layout);
    Ok((stream, schema))
}

/// How the records are laid out; an error where they cannot be read from bytes alone.
pub(super) fn layout(
    source: &Description,
    exclude: &[String],
    rename: &BTreeMap<String, String>,
) -> Result<Layout> {
    let layout = topic::layout(source, exclude, rename)?;
    let refuse = |what: &str| {
        Err(Error::new(Kind::Feed, what).next("read this feed by its columns: \"read\": \"offsets\""))
    };
    if layout.needs_schemas() {
        return refuse("the records name schemas of a registry, and are not read as bytes through ksqlDB");
    }
    if layout.window.is_some() {
        return refuse("the stream is windowed, and is not read as bytes through ksqlDB");
    }
    Ok(layout)
}

/// The declaration is that of this stream's topic.
fn fits(source: &Description, declared: &Description) -> Result<()> {
    let bytes = |column: &Column, role: &Role| column.sql_type == SqlType::Bytes && column.role == *role;
    let has_headers = source.columns.iter().any(|c| matches!(c.role, Role::Headers | Role::Header(_)));
    let fits = match declared.columns.as_slice() {
        [key, value, rest @ ..] => {
            bytes(key, &Role::Key)
                && bytes(value, &Role::Value)
                && (!has_headers || matches!(rest, [headers] if headers.role == Role::Headers))
        }
        _ => false,
    };
    let is_plain = declared.key_format == "KAFKA" && declared.value_format == "KAFKA";
    if fits && is_plain && declared.topic == source.topic && declared.timestamp.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Feed,
        format!("the stream {} does not declare the topic {} as bytes", declared.name, source.topic),
    )
    .next(format!("drop it, and make it anew with `lakehand feeds prepare`: {}", statement::raw_ddl(source))))
}

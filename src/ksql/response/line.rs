//! One line of an answer: a row by the fast path, everything else through serde.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::ksql::server_error::ServerError;

/// An element without the comma or bracket that follows it.
pub(super) enum Line<'a> {
    Header {
        query_id: Cow<'a, str>,
        schema: Cow<'a, str>,
    },
    Row {
        values: &'a [u8],
        tombstone: bool,
    },
    Final(Cow<'a, str>),
    Error(ServerError),
    /// A continuation or consistency token: of no use here.
    Token,
}

/// What nearly every line begins and ends with.
const HEAD: &[u8] = br#"{"row":{"columns":["#;
const TAIL: &[u8] = b"]}}";

/// Reads an element. What lies between the brackets of a row is left to the decoder, which takes every byte of it apart
/// anyway and tells a broken array from a bad value.
pub(super) fn parse_line(line: &[u8]) -> Result<Line<'_>, String> {
    if line.starts_with(HEAD) && line.ends_with(TAIL) && line.len() >= HEAD.len() + TAIL.len() {
        let values = &line[HEAD.len() - 1..line.len() - 2];
        return Ok(Line::Row { values, tombstone: false });
    }
    slow(line)
}

/// Whether these bytes are one element, to the last brace.
pub(super) fn is_whole(line: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow)]
    header: Option<Header<'a>>,
    #[serde(borrow)]
    row: Option<Row<'a>>,
    #[serde(borrow, rename = "errorMessage")]
    error: Option<&'a RawValue>,
    #[serde(borrow, rename = "finalMessage")]
    last: Option<Cow<'a, str>>,
    #[serde(rename = "continuationToken")]
    continuation: Option<IgnoredAny>,
    #[serde(rename = "consistencyToken")]
    consistency: Option<IgnoredAny>,
    /// Beside a row, when asked for with `request.ksql.debug.request`.
    #[serde(rename = "sourceHost")]
    _host: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow, rename = "queryId")]
    query_id: Cow<'a, str>,
    #[serde(borrow)]
    schema: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    #[serde(borrow)]
    columns: &'a RawValue,
    #[serde(default)]
    tombstone: bool,
}

fn slow(line: &[u8]) -> Result<Line<'_>, String> {
    let wire: Wire<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let is_token = wire.continuation.is_some() || wire.consistency.is_some();
    match (wire.header, wire.row, wire.error, wire.last, is_token) {
        (Some(header), None, None, None, false) => {
            Ok(Line::Header { query_id: header.query_id, schema: header.schema })
        }
        (None, Some(row), None, None, false) => {
            let values = row.columns.get().as_bytes();
            if !values.starts_with(b"[") {
                return Err("the columns of a row are no array".to_owned());
            }
            Ok(Line::Row { values, tombstone: row.tombstone })
        }
        (None, None, Some(error), None, false) => Ok(Line::Error(
            ServerError::parse(error.get().as_bytes())
                .unwrap_or(ServerError { code: None, message: "it gave no message".to_owned() }),
        )),
        (None, None, None, Some(text), false) => Ok(Line::Final(text)),
        (None, None, None, None, true) => Ok(Line::Token),
        _ => Err("it is neither a header, a row, an error nor a final message".to_owned()),
    }
}

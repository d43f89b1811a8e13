//! Rows of a stream that declares a topic as bytes: each holds a record, which the decoder of topics takes apart.
//!
//! `[ROWTIME, ROWPARTITION, ROWOFFSET, "key in base64", "value in base64"]`, and behind them the headers where the layout has
//! columns of those: `[{"KEY": name, "VALUE": "value in base64"}, …]`.

use std::borrow::Cow;

use arrow::array::RecordBatch;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::decoding::RowDecoder;
use crate::error::Result;
use crate::ksql::decode::BadRow;
use crate::ksql::decode::record::{Header, Layout, Record, RecordDecoder};

/// A decoder of such rows.
pub(super) struct RawDecoder {
    records: RecordDecoder,
    /// Room for the bytes of one record.
    key: Vec<u8>,
    value: Vec<u8>,
}

/// A row; headers are missing where the stream does not declare them.
#[derive(Deserialize)]
struct Row<'a>(
    i64,
    i32,
    i64,
    #[serde(borrow)] Option<Text<'a>>,
    #[serde(borrow)] Option<Text<'a>>,
    #[serde(borrow, default)] Option<Vec<RowHeader<'a>>>,
);

/// Base64 has nothing that JSON escapes, so that it is borrowed in practice.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
struct RowHeader<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
}

impl RawDecoder {
    /// For records of this layout.
    ///
    /// # Errors
    /// As [`RecordDecoder::new`].
    pub(super) fn new(layout: &Layout) -> Result<Self> {
        Ok(Self { records: RecordDecoder::new(layout)?, key: Vec::new(), value: Vec::new() })
    }
}

impl RowDecoder for RawDecoder {
    fn push_row(&mut self, row: &[u8]) -> Result<(), BadRow> {
        let Row(time, partition, offset, key, value, headers) =
            serde_json::from_slice(row).map_err(|e| broken(&e.to_string()))?;
        let key = bytes(key.as_ref(), &mut self.key)?;
        let value = bytes(value.as_ref(), &mut self.value)?;
        let mut room = Vec::new();
        for header in headers.iter().flatten() {
            let mut held = Vec::new();
            let there = bytes(header.value.as_ref(), &mut held)?.is_some();
            room.push((header.key.as_ref(), there.then_some(held)));
        }
        let headers: Vec<_> =
            room.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect();
        let record = Record { partition, offset, time: Some(time), key, value, headers: &headers };
        // A value that says nothing is no row: its offset is passed over.
        self.records.push(&record).map(|_| ())
    }

    fn len(&self) -> usize {
        self.records.len()
    }

    fn memory(&self) -> usize {
        self.records.memory()
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        self.records.finish()
    }
}

/// The value's bytes of a row that is bad.
pub(super) fn value_of(row: &[u8]) -> Option<Vec<u8>> {
    let row: Row<'_> = serde_json::from_slice(row).ok()?;
    STANDARD.decode(row.4?.0.as_ref()).ok()
}

fn bytes<'a>(text: Option<&Text<'_>>, room: &'a mut Vec<u8>) -> Result<Option<&'a [u8]>, BadRow> {
    room.clear();
    let Some(text) = text else { return Ok(None) };
    STANDARD.decode_vec(text.0.as_ref(), room).map_err(|e| broken(&format!("no base64: {e}")))?;
    Ok(Some(room))
}

/// A row that is not what was asked for.
fn broken(reason: &str) -> BadRow {
    let here = || "$".to_owned();
    BadRow { path: here(), place: here(), reason: reason.to_owned(), offset: 0, arity: false, syntax: true }
}

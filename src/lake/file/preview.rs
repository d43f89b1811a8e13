//! Some rows of a Parquet file as text, for a screen: from row N, count M, reading only the row groups that hold them.
//!
//! | type | shown as |
//! |---|---|
//! | null | `None` in a row, `null` inside of a nested value |
//! | BOOLEAN, numbers | `true`, `42`, `0.1` |
//! | DECIMAL(10, 2) | `12.30`, all digits of the scale |
//! | DATE, TIME, TIMESTAMP | `2025-01-15`, `14:30:00.123`, `2025-01-15T14:30:00.123Z` |
//! | BYTES | `0x68656c6c6f` |
//! | ARRAY, MAP, STRUCT | `["a",null]`, `{"k":1}`, `{"CITY":"Oslo","ZIP":null}` |
//!
//! Takes no lock: a file may vanish under it, and that is an error like any other. Long values are cut.

use std::fmt::Write as _;
use std::path::Path;

use arrow::array::cast::AsArray;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, DecimalType, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, Time64MicrosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::lake::fs;
use crate::log::escape_controls;
use crate::{Error, Kind, Result};

/// The most rows of one page.
const MOST_ROWS: usize = 1000;
/// The most bytes of one value.
const MOST_BYTES: usize = 2048;

/// A page of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grid {
    /// Name and Arrow type of each column; control characters are written out.
    pub columns: Vec<(String, String)>,
    /// One text a column, `None` for null; control characters are written out.
    pub rows: Vec<Vec<Option<String>>>,
    /// The number of the first row in `rows`, from 0.
    pub from: u64,
    /// Rows of the whole file.
    pub total_rows: u64,
}

/// Reads up to `count` rows (at most 1,000) of the file from row `from`, counted from 0.
///
/// # Errors
/// [`Kind::Io`] when the file cannot be read, among others because it is gone; [`Kind::Damaged`] when it is no Parquet.
pub fn preview(path: &Path, from: u64, count: usize) -> Result<Grid> {
    if fs::stat(path)?.is_none() {
        return Err(Error::new(Kind::Io, "the file is gone: a newer snapshot or retention removed it")
            .at("file", path.display())
            .next("reload the partition"));
    }
    let file = fs::open_regular(path)?;
    let bad = |e: &dyn std::fmt::Display| {
        Error::new(Kind::Damaged, format!("the file cannot be read as Parquet: {e}"))
            .at("file", path.display())
            .next("`lakehand check` looks through the whole lake")
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| bad(&e))?;
    let columns = builder
        .schema()
        .fields()
        .iter()
        .map(|field| (escape_controls(field.name()).into_owned(), field.data_type().to_string()))
        .collect();
    let sizes: Vec<u64> =
        builder.metadata().row_groups().iter().map(|g| u64::try_from(g.num_rows()).unwrap_or(0)).collect();
    let count = count.min(MOST_ROWS);
    let (groups, skip) = needed(&sizes, from, count as u64);
    let mut grid = Grid { columns, rows: Vec::new(), from, total_rows: sizes.iter().sum() };
    if groups.is_empty() {
        return Ok(grid);
    }
    let reader = builder
        .with_row_groups(groups)
        .with_offset(usize::try_from(skip).map_err(|e| bad(&e))?)
        .with_limit(count)
        .with_batch_size(count.max(1))
        .build()
        .map_err(|e| bad(&e))?;
    for batch in reader {
        let batch = batch.map_err(|e| bad(&e))?;
        grid.rows.extend((0..batch.num_rows()).map(|row| texts(&batch, row)));
    }
    Ok(grid)
}

/// The row groups that hold `count` rows from `from`, and how many rows of the first are skipped.
fn needed(sizes: &[u64], from: u64, count: u64) -> (Vec<usize>, u64) {
    let end = from.saturating_add(count);
    let (mut groups, mut skip, mut begin) = (Vec::new(), 0, 0_u64);
    for (at, size) in sizes.iter().enumerate() {
        let next = begin.saturating_add(*size);
        if next > from && begin < end {
            if groups.is_empty() {
                skip = from.saturating_sub(begin);
            }
            groups.push(at);
        }
        begin = next;
    }
    (groups, skip)
}

/// The values of a row.
pub(crate) fn texts(batch: &RecordBatch, row: usize) -> Vec<Option<String>> {
    batch
        .columns()
        .iter()
        .map(|column| {
            if column.is_null(row) {
                return None;
            }
            let mut text = String::new();
            push(&mut text, column.as_ref(), row, false);
            cut(&mut text);
            Some(escape_controls(&text).into_owned())
        })
        .collect()
}

fn cut(text: &mut String) {
    if text.len() > MOST_BYTES {
        text.truncate(boundary(text, MOST_BYTES));
        text.push('…');
    }
}

/// The end of the last character that fits into `most` bytes.
fn boundary(text: &str, most: usize) -> usize {
    (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Appends the value of `row`; `quoted`: inside of a nested value, where text stands in quotes.
fn push(out: &mut String, array: &dyn Array, row: usize, quoted: bool) {
    if out.len() > MOST_BYTES {
        return;
    }
    if array.is_null(row) {
        out.push_str("null");
        return;
    }
    // Writing to a String cannot fail.
    macro_rules! number {
        ($type:ty) => {{
            let _ = write!(out, "{}", array.as_primitive::<$type>().value(row));
        }};
    }
    match array.data_type() {
        DataType::Boolean => out.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => number!(Float32Type),
        DataType::Float64 => number!(Float64Type),
        DataType::Decimal128(precision, scale) => {
            let value = array.as_primitive::<Decimal128Type>().value(row);
            out.push_str(&Decimal128Type::format_decimal(value, *precision, *scale));
        }
        DataType::Decimal256(precision, scale) => {
            let value = array.as_primitive::<Decimal256Type>().value(row);
            out.push_str(&Decimal256Type::format_decimal(value, *precision, *scale));
        }
        DataType::Utf8 => push_text(out, array.as_string::<i32>().value(row), quoted),
        DataType::LargeUtf8 => push_text(out, array.as_string::<i64>().value(row), quoted),
        DataType::Utf8View => push_text(out, array.as_string_view().value(row), quoted),
        DataType::Binary => push_bytes(out, array.as_binary::<i32>().value(row), quoted),
        DataType::LargeBinary => push_bytes(out, array.as_binary::<i64>().value(row), quoted),
        DataType::FixedSizeBinary(_) => push_bytes(out, array.as_fixed_size_binary().value(row), quoted),
        DataType::Date32 | DataType::Time32(_) | DataType::Time64(_) | DataType::Timestamp(..) => {
            let text = moment(array, row).unwrap_or_else(|| "(beyond the calendar)".to_owned());
            push_text(out, &text, quoted);
        }
        DataType::List(_) => push_list(out, array.as_list::<i32>().value(row).as_ref()),
        DataType::LargeList(_) => push_list(out, array.as_list::<i64>().value(row).as_ref()),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            push_members(out, entries.len(), |out, at| {
                push(out, keys.as_ref(), at, true);
                out.push(':');
                push(out, values.as_ref(), at, true);
            });
        }
        DataType::Struct(fields) => {
            let members = array.as_struct();
            push_members(out, fields.len(), |out, at| {
                if let Some(field) = fields.get(at) {
                    push_text(out, field.name(), true);
                    out.push(':');
                    push(out, members.column(at).as_ref(), row, true);
                }
            });
        }
        // Files of others may lie in a partition.
        other => {
            let _ = write!(out, "({other})");
        }
    }
}

fn push_list(out: &mut String, items: &dyn Array) {
    out.push('[');
    for at in 0..items.len() {
        if out.len() > MOST_BYTES {
            break;
        }
        if at > 0 {
            out.push(',');
        }
        push(out, items, at, true);
    }
    out.push(']');
}

fn push_members(out: &mut String, count: usize, push_member: impl Fn(&mut String, usize)) {
    out.push('{');
    for at in 0..count {
        if out.len() > MOST_BYTES {
            break;
        }
        if at > 0 {
            out.push(',');
        }
        push_member(out, at);
    }
    out.push('}');
}

fn push_text(out: &mut String, text: &str, quoted: bool) {
    let text = text.get(..boundary(text, MOST_BYTES + 4)).unwrap_or(text);
    if !quoted {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

fn push_bytes(out: &mut String, bytes: &[u8], quoted: bool) {
    let mut text = String::from("0x");
    for byte in bytes.iter().take(MOST_BYTES) {
        let _ = write!(text, "{byte:02x}");
    }
    push_text(out, &text, quoted);
}

/// A date, a time of day or an instant; `None` beyond the calendar.
fn moment(array: &dyn Array, row: usize) -> Option<String> {
    let instant = |time: Option<DateTime<Utc>>, zone: bool| {
        let text = time?.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        Some(if zone { text } else { text.trim_end_matches('Z').to_owned() })
    };
    Some(match array.data_type() {
        DataType::Date32 => {
            NaiveDate::from_epoch_days(array.as_primitive::<Date32Type>().value(row))?.to_string()
        }
        DataType::Time32(TimeUnit::Millisecond) => {
            let value = array.as_primitive::<Time32MillisecondType>().value(row);
            time_of_day(TimeDelta::milliseconds(value.into()))?
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            time_of_day(TimeDelta::microseconds(array.as_primitive::<Time64MicrosecondType>().value(row)))?
        }
        DataType::Timestamp(unit, zone) => {
            let time = match unit {
                TimeUnit::Millisecond => DateTime::from_timestamp_millis(
                    array.as_primitive::<TimestampMillisecondType>().value(row),
                ),
                TimeUnit::Microsecond => DateTime::from_timestamp_micros(
                    array.as_primitive::<TimestampMicrosecondType>().value(row),
                ),
                TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(
                    array.as_primitive::<TimestampNanosecondType>().value(row),
                )),
                TimeUnit::Second => None,
            };
            instant(time, zone.is_some())?
        }
        _ => return None,
    })
}

fn time_of_day(since_midnight: TimeDelta) -> Option<String> {
    let instant = DateTime::<Utc>::UNIX_EPOCH.checked_add_signed(since_midnight)?;
    Some(instant.format("%H:%M:%S%.f").to_string())
}

#[cfg(test)]
#[path = "preview_tests.rs"]
mod tests;

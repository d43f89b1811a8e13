//! The statistics of a file as Delta Lake spells them, never tighter than the values: a wrong bound loses rows silently.
//!
//! | column | bounds |
//! |---|---|
//! | integer, long | as they are, up to ±2^53: what reads JSON numbers as doubles keeps them exact |
//! | double | the least alone: NaN counts as the greatest value in Spark and DuckDB, and Parquet does not count it |
//! | date | `YYYY-MM-DD` |
//! | timestamp | in milliseconds; the greatest is the end of its millisecond |
//! | decimal | with its point, up to ±2^53 unscaled |
//! | string | as it is; the lake keeps none that was cut short |
//! | anything else | none |

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, NaiveDate, SecondsFormat};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::format::{Columns, TableFile};
use crate::{Error, Kind, Result};

/// Whole numbers up to here are exact as doubles.
const EXACT: i64 = 1 << 53;

/// The text of the statistics; `None` where not even the number of rows is known.
pub(super) fn text(file: &TableFile, columns: &Columns) -> Result<Option<String>> {
    let Some(rows) = file.rows else { return Ok(None) };
    let (mut least, mut greatest, mut nulls) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (name, data_type) in &columns.files {
        let Some(bounds) = file.columns.get(name) else { continue };
        nulls.extend(bounds.nulls.map(|count| (name, count)));
        // Both or none: no reader has to think of a file with one of them.
        least.extend(bounds.min.as_ref().and_then(|value| bound(value, data_type, false)).map(|b| (name, b)));
        greatest
            .extend(bounds.max.as_ref().and_then(|value| bound(value, data_type, true)).map(|b| (name, b)));
    }
    let text = |value: &BTreeMap<&String, Box<RawValue>>| serde_json::to_string(value);
    let written = text(&least).and_then(|least| {
        let greatest = text(&greatest)?;
        let nulls = serde_json::to_string(&nulls)?;
        Ok(format!(
            r#"{{"numRecords":{rows},"minValues":{least},"maxValues":{greatest},"nullCount":{nulls}}}"#
        ))
    });
    let text = written.map_err(|e| Error::new(Kind::Bug, format!("statistics cannot be written: {e}")))?;
    Ok(Some(text))
}

/// A bound as JSON text, where it can be told.
fn bound(value: &Value, data_type: &DataType, is_max: bool) -> Option<Box<RawValue>> {
    let whole = || value.as_i64().filter(|number| (-EXACT..=EXACT).contains(number));
    let text = match data_type {
        DataType::Int32 | DataType::Int64 => whole()?.to_string(),
        DataType::Float64 if !is_max => json!(value.as_f64()?).to_string(),
        DataType::Date32 => {
            let date = NaiveDate::from_epoch_days(i32::try_from(value.as_i64()?).ok()?)?;
            // Other spellings of years are not read by all.
            ("0001".."9999").contains(&date.format("%Y").to_string().as_str()).then_some(())?;
            json!(date.format("%Y-%m-%d").to_string()).to_string()
        }
        DataType::Timestamp(unit, _) => {
            let ms = milliseconds(value.as_i64()?, *unit, is_max)?;
            let time = DateTime::from_timestamp_millis(ms)?;
            ("0001".."9999").contains(&time.format("%Y").to_string().as_str()).then_some(())?;
            json!(time.to_rfc3339_opts(SecondsFormat::Millis, true)).to_string()
        }
        DataType::Decimal128(_, scale) => decimal(whole()?, u32::try_from(*scale).ok()?),
        DataType::Utf8 => json!(value.as_str()?).to_string(),
        _ => return None,
    };
    RawValue::from_string(text).ok()
}

/// An instant in milliseconds, rounded outward. A reader may compare what lies within a millisecond, so the greatest is the next one
/// where the unit is finer.
fn milliseconds(value: i64, unit: TimeUnit, is_max: bool) -> Option<i64> {
    let per_ms = match unit {
        TimeUnit::Second => return value.checked_mul(1000),
        TimeUnit::Millisecond => return Some(value),
        TimeUnit::Microsecond => 1000,
        TimeUnit::Nanosecond => 1_000_000,
    };
    let down = value.div_euclid(per_ms);
    Some(if is_max && value.rem_euclid(per_ms) > 0 { down + 1 } else { down })
}

/// `-12.340` of -12340 and 3.
fn decimal(unscaled: i64, scale: u32) -> String {
    let width = usize::try_from(scale).unwrap_or(0);
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = width + 1);
    let (whole, part) = digits.split_at(digits.len() - width);
    let sign = if unscaled < 0 { "-" } else { "" };
    if width == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

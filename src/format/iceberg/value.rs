//! Bounds as Iceberg stores them: the bytes of a single value (appendix D of its specification), never tighter than the values.
//!
//! | column | bytes |
//! |---|---|
//! | boolean, int, long, date | as they are, little-endian |
//! | time, timestamptz | microseconds |
//! | double | the least alone: NaN counts as the greatest value in Spark and DuckDB, and Parquet does not count it |
//! | decimal | unscaled, big-endian, in as few bytes as hold it |
//! | string | UTF-8; the lake keeps none that was cut short |
//! | anything else | none |

use arrow::datatypes::{DataType, TimeUnit};
use serde_json::Value;

/// A bound as bytes, where it can be told.
pub(super) fn bound(value: &Value, data_type: &DataType, is_max: bool) -> Option<Vec<u8>> {
    let small = || i32::try_from(value.as_i64()?).ok();
    Some(match data_type {
        DataType::Boolean => vec![u8::from(value.as_bool()?)],
        DataType::Int32 | DataType::Date32 => small()?.to_le_bytes().to_vec(),
        DataType::Int64 | DataType::Time64(TimeUnit::Microsecond) => value.as_i64()?.to_le_bytes().to_vec(),
        DataType::Timestamp(unit, _) => {
            let per_unit = match unit {
                TimeUnit::Second => 1_000_000,
                TimeUnit::Millisecond => 1000,
                TimeUnit::Microsecond => 1,
                TimeUnit::Nanosecond => return None,
            };
            value.as_i64()?.checked_mul(per_unit)?.to_le_bytes().to_vec()
        }
        DataType::Float64 if !is_max => value.as_f64()?.to_le_bytes().to_vec(),
        DataType::Decimal128(..) => minimal(value.as_i64()?),
        DataType::Utf8 => value.as_str()?.as_bytes().to_vec(),
        _ => return None,
    })
}

/// Two's complement, big-endian, in as few bytes as hold it.
fn minimal(number: i64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let is_spare = |at: usize| {
        let sign = if number < 0 { 0xff } else { 0 };
        // The next byte must still tell the sign.
        bytes[at] == sign && (bytes[at + 1] ^ sign) & 0x80 == 0
    };
    let first = (0..7).find(|at| !is_spare(*at)).unwrap_or(7);
    bytes[first..].to_vec()
}

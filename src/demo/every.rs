//! `EVERY_TYPE`: a stream with a column of each of ksqlDB's types, and nulls at every depth.
//!
//! A value is a function of the transaction's number and the column. It prints as ksqlDB prints it: outside a STRUCT
//! times are texts and DECIMAL is exact, inside one times are integers and DECIMAL has passed through a double.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{NaiveDate, NaiveTime, Timelike};

use crate::ksql::schema::{Field, SqlType};

use super::cell::{Cell, decimal};
use super::print;
use super::transaction::mix;

/// The stream's name.
pub(super) const NAME: &str = "EVERY_TYPE";
/// One value in so many is null, at every depth.
const NULLS: u64 = 5;
const DAY_MS: u64 = 86_400_000;

/// A column, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Every {
    Boolean,
    Integer,
    BigInt,
    Double,
    String,
    Bytes,
    Decimal,
    Decimal38,
    Decimal60,
    Date,
    Time,
    /// The TIME as `FORMAT_TIME(…, 'HH:mm:ss.SSS')` gives it.
    TimeText,
    Timestamp,
    /// The TIMESTAMP as `UNIX_TIMESTAMP` gives it.
    Millis,
    Strings,
    Doubles,
    Orders,
    Map,
    Struct,
    Inner,
}

/// The columns, the key first.
pub(super) fn columns() -> Vec<(&'static str, Cell)> {
    let all = [
        ("A_BOOLEAN", Every::Boolean),
        ("AN_INTEGER", Every::Integer),
        ("A_BIGINT", Every::BigInt),
        ("A_DOUBLE", Every::Double),
        ("A_STRING", Every::String),
        ("BYTES_8", Every::Bytes),
        ("DECIMAL_12", Every::Decimal),
        ("DECIMAL_38", Every::Decimal38),
        ("DECIMAL_60", Every::Decimal60),
        ("A_DATE", Every::Date),
        ("A_TIME", Every::Time),
        ("A_TIMESTAMP", Every::Timestamp),
        ("STRINGS", Every::Strings),
        ("DOUBLES", Every::Doubles),
        ("ORDERS", Every::Orders),
        ("A_MAP", Every::Map),
        ("A_STRUCT", Every::Struct),
    ];
    let key = ("TRANSACTION_ID", Cell::TransactionId);
    std::iter::once(key).chain(all.map(|(name, every)| (name, Cell::Every(every)))).collect()
}

impl Every {
    /// The column's declared type.
    pub(super) fn sql_type(self) -> SqlType {
        let wide = |precision, scale| SqlType::Decimal { precision, scale };
        match self {
            Self::Boolean => SqlType::Boolean,
            Self::Integer => SqlType::Integer,
            Self::BigInt | Self::Millis => SqlType::BigInt,
            Self::Double => SqlType::Double,
            Self::String | Self::TimeText => SqlType::String,
            Self::Bytes => SqlType::Bytes,
            Self::Decimal => decimal(12),
            Self::Decimal38 => wide(38, 10),
            Self::Decimal60 => wide(60, 20),
            Self::Date => SqlType::Date,
            Self::Time => SqlType::Time,
            Self::Timestamp => SqlType::Timestamp,
            Self::Strings => SqlType::Array(Box::new(SqlType::String)),
            Self::Doubles => SqlType::Array(Box::new(SqlType::Double)),
            Self::Orders => SqlType::Array(Box::new(Self::Inner.sql_type())),
            Self::Map => SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::BigInt)),
            Self::Struct | Self::Inner => SqlType::Struct(
                self.members()
                    .iter()
                    .map(|(name, every)| Field { name: (*name).to_owned(), sql_type: every.sql_type() })
                    .collect(),
            ),
        }
    }

    fn members(self) -> &'static [(&'static str, Self)] {
        match self {
            Self::Struct => &[
                ("FLAG", Self::Boolean),
                ("NUMBER", Self::BigInt),
                ("LABEL", Self::String),
                ("PRICE", Self::Decimal),
                ("WHEN_DAY", Self::Date),
                ("WHEN_TIME", Self::Time),
                ("WHEN_EXACT", Self::Timestamp),
                ("RAW", Self::Bytes),
                ("TAGS", Self::Strings),
                ("INNER_PART", Self::Inner),
            ],
            Self::Inner => &[("SKU", Self::String), ("QTY", Self::Integer), ("WEIGHT", Self::Double)],
            _ => &[],
        }
    }

    /// The JSON of the column in transaction number `index`.
    pub(super) fn print(self, index: u64, out: &mut Vec<u8>) {
        self.print_as(index, false, out);
    }

    /// The same, `inside` as a member of a STRUCT shows it.
    pub(super) fn print_as(self, index: u64, inside: bool, out: &mut Vec<u8>) {
        // What is computed from a column has that column's value.
        let column = match self {
            Self::TimeText => Self::Time,
            Self::Millis => Self::Timestamp,
            own => own,
        };
        self.value(mix(index ^ ((column as u64 + 1) << 48)), inside, out);
    }

    fn value(self, seed: u64, inside: bool, out: &mut Vec<u8>) {
        if seed.is_multiple_of(NULLS) {
            out.extend_from_slice(b"null");
            return;
        }
        let value = mix(seed);
        match self {
            Self::Boolean => out.extend_from_slice(if value & 1 == 0 { b"true" } else { b"false" }),
            Self::Integer => print::integer(out, signed(value, 1 << 31)),
            Self::BigInt => print::integer(out, signed(value, u64::MAX >> 1)),
            Self::Double => print::double(out, signed(value, 10_000_000_000), 6),
            Self::String => print::string(out, &text(value)),
            Self::Bytes => {
                let bytes = value.to_le_bytes();
                quoted(out, &STANDARD.encode(&bytes[..usize::from(bytes[7] % 8)]));
            }
            Self::Decimal if inside => print::double(out, signed(value, 1_000_000_000), 2),
            Self::Decimal => print::cents(out, signed(value, 1_000_000_000_000).into()),
            Self::Decimal38 => wide(value, 28, 10, out),
            Self::Decimal60 => wide(value, 38, 20, out),
            Self::Date | Self::Time | Self::TimeText | Self::Timestamp | Self::Millis => {
                self.time(value, inside, out);
            }
            Self::Strings => list(Self::String, value, inside, out),
            Self::Doubles => list(Self::Double, value, inside, out),
            Self::Orders => list(Self::Inner, value, inside, out),
            Self::Map => {
                let entry = |i, out: &mut Vec<u8>| {
                    out.extend_from_slice(format!("\"key {i}\":").as_bytes());
                    Self::BigInt.value(mix(value + i), inside, out);
                };
                sequence(*b"{}", value % 4, out, entry);
            }
            Self::Struct | Self::Inner => {
                let members = self.members();
                sequence(*b"{}", members.len() as u64, out, |i, out| {
                    let (name, member) = members[usize::try_from(i).unwrap_or(0)];
                    out.extend_from_slice(format!("\"{name}\":").as_bytes());
                    member.value(mix(value + i), true, out);
                });
            }
        }
    }

    fn time(self, value: u64, inside: bool, out: &mut Vec<u8>) {
        let days = i32::try_from(value % 40_000).unwrap_or(0) - 10_000;
        let of_day = value % DAY_MS;
        let millis = signed(value, 40_000 * DAY_MS) / 2;
        match self {
            Self::Date if inside => print::integer(out, days.into()),
            Self::Date => quoted(out, &NaiveDate::from_epoch_days(days).unwrap_or_default().to_string()),
            Self::Time if inside => print::digits(out, of_day, 1),
            Self::Time | Self::TimeText => {
                let seconds = u32::try_from(of_day / 1_000).unwrap_or(0);
                let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0).unwrap_or_default();
                // Java's LocalTime drops seconds that are zero, and ksqlDB the milliseconds.
                match self {
                    Self::TimeText => quoted(out, &format!("{time}.{:03}", of_day % 1_000)),
                    _ if time.second() == 0 => quoted(out, &time.format("%H:%M").to_string()),
                    _ => quoted(out, &time.to_string()),
                }
            }
            Self::Timestamp if !inside => print::timestamp(out, millis),
            _ => print::integer(out, millis),
        }
    }
}

/// A number above -`bound` and below `bound`.
fn signed(value: u64, bound: u64) -> i64 {
    let magnitude = i64::try_from((value >> 1) % bound).unwrap_or(0);
    if value & 1 == 0 { magnitude } else { -magnitude }
}

/// Texts of many lengths that hardly repeat: with quotes, with characters of two, three and four bytes, empty ones.
fn text(value: u64) -> String {
    match value % 7 {
        0 => String::new(),
        1 => format!("\"{value}\" \\ é"),
        2 => format!("日本 {:x} \u{1F600}", value >> 24),
        3 => format!("{}", value % 1_000),
        _ => format!("text {value:x} of some length"),
    }
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// A DECIMAL of so many digits before and after the point.
fn wide(value: u64, before: u32, after: u32, out: &mut Vec<u8>) {
    let high = (u128::from(value) << 64) | u128::from(mix(value));
    let low = (u128::from(mix(value + 1)) << 64) | u128::from(value);
    if value & 1 == 1 {
        out.push(b'-');
    }
    print::padded(out, high % 10_u128.pow(before), 1);
    out.push(b'.');
    print::padded(out, low % 10_u128.pow(after), after as usize);
}

/// An ARRAY of none to three elements.
fn list(element: Every, value: u64, inside: bool, out: &mut Vec<u8>) {
    sequence(*b"[]", value % 4, out, |i, out| element.value(mix(value + i), inside, out));
}

fn sequence(brackets: [u8; 2], len: u64, out: &mut Vec<u8>, mut print: impl FnMut(u64, &mut Vec<u8>)) {
    out.push(brackets[0]);
    for i in 0..len {
        if i > 0 {
            out.push(b',');
        }
        print(i, out);
    }
    out.push(brackets[1]);
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn printed(every: Every, index: u64) -> serde_json::Value {
        let mut out = Vec::new();
        every.print(index, &mut out);
        serde_json::from_slice(&out).unwrap_or_else(|e| panic!("{every:?} {index}: {e}"))
    }

    #[test]
    fn every_column_is_json_and_sometimes_null() {
        for (name, cell) in columns().into_iter().skip(1) {
            let Cell::Every(every) = cell else { panic!("{name}") };
            let nulls = (0..1_000).filter(|index| printed(every, *index).is_null()).count();
            assert!((100..300).contains(&nulls), "{name}: {nulls} nulls");
        }
    }

    #[test]
    fn what_is_computed_from_a_column_agrees_with_it() {
        for index in 0..200 {
            let (time, text) = (printed(Every::Time, index), printed(Every::TimeText, index));
            assert_eq!(time.is_null(), text.is_null());
            if let (Some(time), Some(text)) = (time.as_str(), text.as_str()) {
                assert!(text.starts_with(time), "{time} {text}");
            }
            let moment = printed(Every::Timestamp, index);
            let millis = printed(Every::Millis, index).as_i64();
            let again = millis.and_then(DateTime::from_timestamp_millis);
            assert_eq!(
                moment.as_str().map(ToOwned::to_owned),
                again.map(|t| t.format("%FT%T%.3f").to_string())
            );
        }
    }
}

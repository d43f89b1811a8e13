//! A second decoder: slow, by way of serde_json's values, sharing no code with the first.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};
use lakehand::ksql::schema::{Field, SqlType};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::value::Value;

/// What the second decoder makes of a row.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Row(Vec<Value>),
    Bad,
    /// A year beyond the calendar that this decoder uses.
    Unsure,
}

/// Decodes a row of values that arrive as declared.
pub(crate) fn decode(row: &[u8], types: &[SqlType]) -> Verdict {
    let Ok(values) = serde_json::from_slice::<Vec<&RawValue>>(row) else {
        return Verdict::Bad;
    };
    if values.len() != types.len() {
        return Verdict::Bad;
    }
    let mut row = Vec::new();
    let mut unsure = false;
    for (raw, sql_type) in values.iter().zip(types) {
        match decode_value(raw.get(), sql_type, false) {
            Ok(value) => row.push(value),
            Err(No::Bad) => return Verdict::Bad,
            Err(No::Unsure) => unsure = true,
        }
    }
    if unsure { Verdict::Unsure } else { Verdict::Row(row) }
}

enum No {
    Bad,
    Unsure,
}

type Decoded = Result<Value, No>;

fn decode_value(raw: &str, sql_type: &SqlType, inside: bool) -> Decoded {
    if raw == "null" {
        return Ok(Value::Null);
    }
    match sql_type {
        SqlType::String => parse::<String>(raw).map(Value::Text),
        SqlType::Array(element) => {
            let items = parse::<Vec<&RawValue>>(raw)?;
            let items = items.iter().map(|item| decode_value(item.get(), element, inside));
            Ok(Value::List(all(items)?))
        }
        SqlType::Map(key, value) => decode_map(raw, key, value, inside),
        SqlType::Struct(fields) => decode_struct(raw, fields),
        _ if raw.starts_with('"') => {
            let numeric = matches!(sql_type, SqlType::Date | SqlType::Time | SqlType::Timestamp) && inside;
            let number = matches!(sql_type, SqlType::Integer | SqlType::BigInt | SqlType::Decimal { .. });
            if numeric || number || *sql_type == SqlType::Boolean {
                return Err(No::Bad);
            }
            match (sql_type, parse::<String>(raw)?.as_str()) {
                (SqlType::Double, "NaN") => Ok(Value::Double(f64::NAN.to_bits())),
                (SqlType::Double, "Infinity") => Ok(Value::Double(f64::INFINITY.to_bits())),
                (SqlType::Double, "-Infinity") => Ok(Value::Double(f64::NEG_INFINITY.to_bits())),
                (SqlType::Double, _) => Err(No::Bad),
                (_, text) => decode_text(text, sql_type),
            }
        }
        SqlType::Date if inside => integer(raw, i64::from(i32::MIN)..=i64::from(i32::MAX))
            .map(|days| Value::Days(i32::try_from(days).unwrap())),
        SqlType::Time if inside => integer(raw, 0..=86_399_999).map(|ms| Value::Micros(ms * 1000)),
        SqlType::Timestamp if inside => {
            integer(raw, i64::MIN / 1000..=i64::MAX / 1000).map(|ms| Value::Micros(ms * 1000))
        }
        SqlType::Bytes | SqlType::Date | SqlType::Time | SqlType::Timestamp => Err(No::Bad),
        SqlType::Decimal { precision, scale } if inside => {
            decode_text(raw, sql_type).or_else(|_| healed(raw, *precision, *scale))
        }
        _ => decode_text(raw, sql_type),
    }
}

/// Scalars by their text without quotes, as values or as keys.
fn decode_text(text: &str, sql_type: &SqlType) -> Decoded {
    match sql_type {
        SqlType::String => Ok(Value::Text(text.to_owned())),
        SqlType::Boolean => text.parse().map(Value::Bool).map_err(|_| No::Bad),
        SqlType::Integer => integer(text, i64::from(i32::MIN)..=i64::from(i32::MAX)).map(Value::Int),
        SqlType::BigInt => integer(text, i64::MIN..=i64::MAX).map(Value::Int),
        SqlType::Double => match text {
            "NaN" => Ok(Value::Double(f64::NAN.to_bits())),
            "Infinity" => Ok(Value::Double(f64::INFINITY.to_bits())),
            "-Infinity" => Ok(Value::Double(f64::NEG_INFINITY.to_bits())),
            _ => {
                is_number(text)?;
                let value: f64 = text.parse().map_err(|_| No::Bad)?;
                if value.is_finite() { Ok(Value::Double(value.to_bits())) } else { Err(No::Bad) }
            }
        },
        SqlType::Decimal { precision, scale } => exact(text, *precision, *scale),
        SqlType::Bytes => BASE64.decode(text).map(Value::Bytes).map_err(|_| No::Bad),
        SqlType::Date => date(text),
        SqlType::Time => time(text).map(Value::Micros),
        SqlType::Timestamp => timestamp(text),
        SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_) => Err(No::Bad),
    }
}

fn decode_map(raw: &str, key: &SqlType, value: &SqlType, inside: bool) -> Decoded {
    let mut entries = Vec::new();
    if inside && *key != SqlType::String {
        for pair in parse::<Vec<Vec<&RawValue>>>(raw)? {
            let [k, v] = pair.as_slice() else {
                return Err(No::Bad);
            };
            entries.push((decode_value(k.get(), key, inside)?, decode_value(v.get(), value, inside)?));
        }
    } else {
        for (k, v) in parse::<Object>(raw)?.0 {
            entries.push((decode_text(&k, key)?, decode_value(v.get(), value, inside)?));
        }
    }
    let doubled = (0..entries.len()).any(|a| (0..a).any(|b| entries[a].0 == entries[b].0));
    if doubled || entries.iter().any(|(key, _)| *key == Value::Null) {
        Err(No::Bad)
    } else {
        Ok(Value::Map(entries))
    }
}

fn decode_struct(raw: &str, fields: &[Field]) -> Decoded {
    let mut members = vec![None; fields.len()];
    for (name, raw) in parse::<Object>(raw)?.0 {
        let place = fields.iter().position(|field| field.name == name).ok_or(No::Bad)?;
        let value = decode_value(raw.get(), &fields[place].sql_type, true)?;
        if members[place].replace(value).is_some() {
            return Err(No::Bad);
        }
    }
    Ok(Value::Struct(members.into_iter().map(|member| member.unwrap_or(Value::Null)).collect()))
}

fn all(values: impl Iterator<Item = Decoded>) -> Result<Vec<Value>, No> {
    let mut out = Vec::new();
    let mut unsure = false;
    for value in values {
        match value {
            Ok(value) => out.push(value),
            Err(No::Unsure) => unsure = true,
            Err(No::Bad) => return Err(No::Bad),
        }
    }
    if unsure { Err(No::Unsure) } else { Ok(out) }
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a str) -> Result<T, No> {
    serde_json::from_str(raw).map_err(|_| No::Bad)
}

fn is_number(text: &str) -> Result<(), No> {
    let raw = parse::<&RawValue>(text)?;
    let plain = raw.get() == text && text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    if plain { Ok(()) } else { Err(No::Bad) }
}

fn integer(text: &str, range: std::ops::RangeInclusive<i64>) -> Result<i64, No> {
    is_number(text)?;
    text.parse().ok().filter(|value| range.contains(value)).ok_or(No::Bad)
}

/// Writes the number out in full, then cuts it at the point.
fn exact(text: &str, precision: u32, scale: u32) -> Decoded {
    is_number(text)?;
    let lower = text.to_ascii_lowercase();
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.bytes().chain(fraction.bytes()).all(|digit| digit == b'0') {
        return Ok(Value::Decimal("0".to_owned()));
    }
    let exponent: i64 = exponent.parse().map_err(|_| No::Bad)?;
    if exponent.abs() > 5000 {
        return Err(No::Bad);
    }
    let zeros = "0".repeat(usize::try_from(exponent.abs()).unwrap() + 100);
    let written = format!("{zeros}{whole}{fraction}{zeros}");
    let point = i64::try_from(zeros.len() + whole.len()).unwrap() + exponent;
    let (whole, fraction) = written.split_at(usize::try_from(point).unwrap());
    let (kept, lost) = fraction.split_at(scale as usize);
    let digits = format!("{whole}{kept}");
    let digits = digits.trim_start_matches('0');
    if lost.bytes().any(|digit| digit != b'0') || digits.len() > precision as usize {
        return Err(No::Bad);
    }
    Ok(Value::Decimal(format!("{sign}{digits}")))
}

/// The DECIMAL nearest to the double, when it is that double.
fn healed(text: &str, precision: u32, scale: u32) -> Decoded {
    is_number(text)?;
    let double: f64 = text.parse().map_err(|_| No::Bad)?;
    let nearest = (double * 10_f64.powi(i32::try_from(scale).unwrap())).round();
    if nearest.abs() >= 10_f64.powi(i32::try_from(precision).unwrap()) {
        return Err(No::Bad);
    }
    let unscaled = format!("{nearest:.0}");
    let same = format!("{unscaled}e-{scale}").parse() == Ok(double);
    if !same {
        return Err(No::Bad);
    }
    Ok(Value::Decimal(if unscaled == "-0" { "0".to_owned() } else { unscaled }))
}

fn date(text: &str) -> Decoded {
    let unsigned = text.trim_start_matches(['+', '-']);
    let year = unsigned.split('-').next().unwrap_or_default();
    let rest = unsigned.get(year.len()..).unwrap_or_default();
    let shaped = text.len() - unsigned.len() <= 1
        && year.len() <= 9
        && year.bytes().all(|b| b.is_ascii_digit())
        && (year.len() == 4 || (year.len() > 4 && !year.starts_with('0')))
        && match text.as_bytes()[0] {
            b'+' => year.len() > 4,
            b'-' => year != "0000",
            _ => year.len() == 4,
        };
    if !shaped {
        return Err(No::Bad);
    }
    let number: i32 = year.parse().map_err(|_| No::Bad)?;
    let number = if text.starts_with('-') { -number } else { number };
    let date = day(number, rest)?;
    Ok(Value::Days(i32::try_from((date - NaiveDate::default()).num_days()).unwrap()))
}

/// `-09-01` of a year.
fn day(year: i32, rest: &str) -> Result<NaiveDate, No> {
    let bytes = rest.as_bytes();
    if bytes.len() != 6 || bytes[0] != b'-' || bytes[3] != b'-' {
        return Err(No::Bad);
    }
    let month = two(&rest[1..3])?;
    let day = two(&rest[4..6])?;
    // Leap years come again after 400 years, so a year near by tells whether there is such a day.
    NaiveDate::from_ymd_opt(2000 + year.rem_euclid(400), month, day).ok_or(No::Bad)?;
    NaiveDate::from_ymd_opt(year, month, day).ok_or(No::Unsure)
}

fn two(text: &str) -> Result<u32, No> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().map_err(|_| No::Bad) } else { Err(No::Bad) }
}

fn time(text: &str) -> Result<i64, No> {
    let (clock, fraction) = match text.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (text, None),
    };
    let parts = clock.split(':').map(two_exactly).collect::<Result<Vec<_>, _>>()?;
    let (hour, minute, second) = match (parts.as_slice(), fraction) {
        ([hour, minute], None) => (*hour, *minute, 0),
        ([hour, minute, second], _) => (*hour, *minute, *second),
        _ => return Err(No::Bad),
    };
    let time = NaiveTime::from_hms_opt(hour, minute, second).ok_or(No::Bad)?;
    let fraction = fraction.unwrap_or("0");
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(No::Bad);
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().map_err(|_| No::Bad)?;
    if nanos % 1000 != 0 {
        return Err(No::Bad);
    }
    Ok(i64::from(time.num_seconds_from_midnight()) * 1_000_000 + nanos / 1000)
}

fn two_exactly(text: &str) -> Result<u32, No> {
    if text.len() == 2 { two(text) } else { Err(No::Bad) }
}

fn timestamp(text: &str) -> Decoded {
    let (date, clock) = text.split_once('T').ok_or(No::Bad)?;
    let year = date.split('-').next().unwrap_or_default();
    let shaped = (4..=9).contains(&year.len())
        && year.bytes().all(|b| b.is_ascii_digit())
        && (year.len() == 4 || !year.starts_with('0'))
        && clock.len() == 12;
    if !shaped {
        return Err(No::Bad);
    }
    let micros = time(clock)?;
    let number: i32 = year.parse().map_err(|_| No::Bad)?;
    if number < 1583 {
        return Err(No::Bad);
    }
    let day = day(number, &date[year.len()..])?;
    let start = NaiveDateTime::new(day, NaiveTime::MIN).and_utc().timestamp_micros();
    Ok(Value::Micros(start + micros))
}

/// The members of an object in their order, doubles kept.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

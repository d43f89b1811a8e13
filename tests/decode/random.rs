//! Random types and values, and how ksqlDB prints them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{Datelike as _, NaiveDate, TimeDelta};
use fastrand::Rng;
use lakehand::ksql::schema::{Field, SqlType};

use crate::value::Value;

const NAMES: [&str; 8] = ["A", "b c", "QTY", "ü", "quote\"q", "\u{1F600}", "a.b", "LONGER_NAME_1"];

/// A type of at most `depth` levels below it. DECIMALs inside of a STRUCT have digits that a double keeps.
pub(crate) fn sql_type(rng: &mut Rng, inside: bool, depth: usize) -> SqlType {
    if depth == 0 || rng.u8(..10) < 6 {
        return scalar(rng, inside);
    }
    match rng.u8(..3) {
        0 => SqlType::Array(Box::new(sql_type(rng, inside, depth - 1))),
        1 => {
            let key = if rng.bool() { SqlType::String } else { scalar(rng, inside) };
            SqlType::Map(Box::new(key), Box::new(sql_type(rng, inside, depth - 1)))
        }
        _ => {
            let mut names = NAMES;
            rng.shuffle(&mut names);
            let fields = names[..rng.usize(1..5)]
                .iter()
                .map(|name| Field { name: (*name).to_owned(), sql_type: sql_type(rng, true, depth - 1) });
            SqlType::Struct(fields.collect())
        }
    }
}

fn scalar(rng: &mut Rng, inside: bool) -> SqlType {
    match rng.u8(..10) {
        0 => SqlType::Boolean,
        1 => SqlType::Integer,
        2 => SqlType::BigInt,
        3 => SqlType::Double,
        4 => SqlType::Bytes,
        5 => SqlType::Date,
        6 => SqlType::Time,
        7 => SqlType::Timestamp,
        8 => SqlType::String,
        _ => {
            let precision = rng.u32(1..=if inside { 15 } else { 76 });
            SqlType::Decimal { precision, scale: rng.u32(0..=precision) }
        }
    }
}

/// A value of the type that its encoding can carry.
pub(crate) fn value(rng: &mut Rng, sql_type: &SqlType, inside: bool) -> Value {
    if rng.u8(..8) == 0 {
        return Value::Null;
    }
    match sql_type {
        SqlType::Array(element) => {
            Value::List((0..rng.usize(..4)).map(|_| value(rng, element, inside)).collect())
        }
        SqlType::Map(key, item) => {
            let mut entries: Vec<(Value, Value)> = Vec::new();
            let count = if rng.u8(..20) == 0 { 40 } else { rng.usize(..4) };
            for _ in 0..count {
                let key = scalar_value(rng, key, inside);
                if entries.iter().all(|(other, _)| *other != key) {
                    entries.push((key, value(rng, item, inside)));
                }
            }
            Value::Map(entries)
        }
        SqlType::Struct(fields) => {
            Value::Struct(fields.iter().map(|field| value(rng, &field.sql_type, true)).collect())
        }
        scalar => scalar_value(rng, scalar, inside),
    }
}

fn scalar_value(rng: &mut Rng, sql_type: &SqlType, inside: bool) -> Value {
    match sql_type {
        SqlType::Boolean => Value::Bool(rng.bool()),
        SqlType::Integer => {
            Value::Int(rng.choice([i32::MIN, i32::MAX, 0, rng.clone().i32(..)]).unwrap().into())
        }
        SqlType::BigInt => Value::Int(rng.choice([i64::MIN, i64::MAX, -1, rng.clone().i64(..)]).unwrap()),
        SqlType::Double => {
            let any = f64::from_bits(rng.u64(..));
            let any = if any.is_nan() { f64::NAN } else { any };
            let usual = [-0.0, f64::NAN, f64::INFINITY, 5e-324, f64::MAX, 1.5, any, any];
            Value::Double(rng.choice(usual).unwrap().to_bits())
        }
        SqlType::String => Value::Text(text(rng)),
        SqlType::Bytes => Value::Bytes((0..rng.usize(..9)).map(|_| rng.u8(..)).collect()),
        SqlType::Decimal { precision, .. } => {
            let digits: String =
                (0..rng.u32(0..=*precision)).map(|_| char::from(rng.u8(b'0'..=b'9'))).collect();
            match digits.trim_start_matches('0') {
                "" => Value::Decimal("0".to_owned()),
                digits => Value::Decimal(format!("{}{digits}", rng.choice(["", "-"]).unwrap())),
            }
        }
        SqlType::Date if inside => Value::Days(rng.i32(..)),
        SqlType::Date => Value::Days(rng.choice([rng.clone().i32(-80_000_000..80_000_000), 20_697]).unwrap()),
        SqlType::Time if inside => Value::Micros(rng.i64(0..86_400_000) * 1000),
        SqlType::Time => {
            let exact = [60_000_000, 1_000_000, 1000, 1];
            let unit = rng.choice(exact).unwrap();
            Value::Micros(rng.i64(0..86_400_000_000) / unit * unit)
        }
        SqlType::Timestamp if inside => Value::Micros(rng.i64(i64::MIN / 1000..=i64::MAX / 1000) * 1000),
        // From 1583 to the year 20 000.
        SqlType::Timestamp => Value::Micros(rng.i64(-12_212_553_600_000..568_970_000_000_000) * 1000),
        SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_) => unreachable!("no scalar"),
    }
}

fn text(rng: &mut Rng) -> String {
    (0..rng.usize(..12))
        .map(|_| match rng.u8(..8) {
            0 => rng.choice(['"', '\\', '/', '\n', '\r', '\t', '\u{0}', '\u{1f}', '\u{7f}']).unwrap(),
            1 => rng.char('\u{80}'..='\u{ffff}'),
            2 => rng.char('\u{10000}'..='\u{10ffff}'),
            _ => rng.alphanumeric(),
        })
        .collect()
}

/// The text of a value as ksqlDB writes it; now and then with white space or in another order, as JSON allows.
pub(crate) fn print(rng: &mut Rng, value: &Value, sql_type: &SqlType, inside: bool) -> String {
    match (value, sql_type) {
        (Value::Null, _) => "null".to_owned(),
        (Value::List(items), SqlType::Array(element)) => {
            let items: Vec<_> = items.iter().map(|item| print(rng, item, element, inside)).collect();
            format!("[{}]", join(rng, &items))
        }
        (Value::Map(entries), SqlType::Map(key, item)) => {
            let pairs = inside && **key != SqlType::String;
            let entries: Vec<_> = entries
                .iter()
                .map(|(k, v)| {
                    let v = print(rng, v, item, inside);
                    if pairs {
                        return format!("[{},{v}]", print(rng, k, key, inside));
                    }
                    let k = print(rng, k, key, false);
                    if k.starts_with('"') { format!("{k}:{v}") } else { format!("\"{k}\":{v}") }
                })
                .collect();
            let entries = join(rng, &entries);
            if pairs { format!("[{entries}]") } else { format!("{{{entries}}}") }
        }
        (Value::Struct(values), SqlType::Struct(fields)) => {
            let mut members = Vec::new();
            for (value, field) in values.iter().zip(fields) {
                if *value == Value::Null && rng.u8(..4) == 0 {
                    continue;
                }
                members.push(format!("{}:{}", quote(&field.name), print(rng, value, &field.sql_type, true)));
            }
            if rng.u8(..4) == 0 {
                rng.shuffle(&mut members);
            }
            format!("{{{}}}", join(rng, &members))
        }
        (scalar, sql_type) => print_scalar(rng, scalar, sql_type, inside),
    }
}

fn print_scalar(rng: &mut Rng, value: &Value, sql_type: &SqlType, inside: bool) -> String {
    match (value, sql_type) {
        (Value::Bool(value), _) => value.to_string(),
        (Value::Int(value), _) => value.to_string(),
        (Value::Double(bits), _) => print_double(rng, f64::from_bits(*bits)),
        (Value::Text(text), _) => quote(text),
        (Value::Bytes(bytes), _) => format!("\"{}\"", BASE64.encode(bytes)),
        (Value::Decimal(unscaled), SqlType::Decimal { scale, .. }) if inside => {
            print_double(rng, format!("{unscaled}e-{scale}").parse().unwrap())
        }
        (Value::Decimal(unscaled), SqlType::Decimal { scale, .. }) => plain(unscaled, *scale as usize),
        (Value::Days(days), _) if inside => days.to_string(),
        (Value::Micros(micros), _) if inside => (micros / 1000).to_string(),
        (Value::Days(days), _) => format!("\"{}\"", iso(*days)),
        (Value::Micros(micros), SqlType::Time) => {
            let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
            let clock = format!("{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
            match (seconds % 60, rest) {
                (0, 0) => format!("\"{clock}\""),
                (second, 0) => format!("\"{clock}:{second:02}\""),
                (second, rest) if rest % 1000 == 0 => format!("\"{clock}:{second:02}.{:03}\"", rest / 1000),
                (second, rest) => format!("\"{clock}:{second:02}.{rest:06}\""),
            }
        }
        (Value::Micros(micros), _) => {
            let days = i32::try_from(micros.div_euclid(86_400_000_000)).unwrap();
            let millis = micros.rem_euclid(86_400_000_000) / 1000;
            let (seconds, millis) = (millis / 1000, millis % 1000);
            let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            let day = iso(days);
            format!("\"{}T{hour:02}:{minute:02}:{second:02}.{millis:03}\"", day.trim_start_matches('+'))
        }
        (value, sql_type) => unreachable!("{value:?} is no {sql_type:?}"),
    }
}

fn iso(days: i32) -> String {
    let date = NaiveDate::default() + TimeDelta::days(days.into());
    let (year, month, day) = (date.year(), date.month(), date.day());
    let sign = if year < 0 {
        "-"
    } else if year > 9999 {
        "+"
    } else {
        ""
    };
    format!("{sign}{:04}-{month:02}-{day:02}", year.abs())
}

fn plain(unscaled: &str, scale: usize) -> String {
    let (sign, digits) = unscaled.strip_prefix('-').map_or(("", unscaled), |digits| ("-", digits));
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn print_double(rng: &mut Rng, value: f64) -> String {
    if value.is_nan() {
        return "\"NaN\"".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" }.to_owned();
    }
    // Java's 1.0E10, and the plain notation of rows that another node passed on.
    if rng.bool() { format!("{value:E}") } else { format!("{value:?}") }
}

fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if !(' '..='\u{ffff}').contains(&c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04X}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn join(rng: &mut Rng, items: &[String]) -> String {
    items.join(rng.choice([",", ",", ",", " , ", ",\n\t"]).unwrap())
}

/// A row of values.
pub(crate) fn print_row(rng: &mut Rng, values: &[Value], types: &[SqlType]) -> String {
    let values: Vec<_> = values.iter().zip(types).map(|(value, ty)| print(rng, value, ty, false)).collect();
    format!("[{}]", join(rng, &values))
}

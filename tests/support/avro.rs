//! Values in AVRO's binary form, and records of the embedded server's topics as ksqlDB writes them in it.
//!
//! That the form is AVRO's, and not one that only this file and the decoder know, is shown by `tests/kafka/recorded/avro.json`,
//! which Apache Avro for Java has written.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;

use arrow::datatypes::i256;
use base64::Engine as _;
use lakehand::ksql::schema::{Column, Role, SqlType};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A value, whose schema is known elsewhere.
#[derive(Debug, Clone)]
pub enum Avro {
    Null,
    Boolean(bool),
    /// `int` and `long` have one form.
    Int(i64),
    Float(f32),
    Double(f64),
    Bytes(Vec<u8>),
    String(String),
    Fixed(Vec<u8>),
    /// The symbol's place.
    Enum(i64),
    Array(Vec<Avro>),
    Map(Vec<(String, Avro)>),
    Record(Vec<Avro>),
    /// The branch's place, and its value.
    Union(i64, Box<Avro>),
}

impl Avro {
    pub fn text(text: &str) -> Self {
        Self::String(text.to_owned())
    }

    /// The second branch of a union with null.
    pub fn some(self) -> Self {
        Self::Union(1, Box::new(self))
    }

    /// The first branch of a union with null.
    pub fn none() -> Self {
        Self::Union(0, Box::new(Self::Null))
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => {}
            Self::Boolean(value) => out.push(u8::from(*value)),
            Self::Int(value) | Self::Enum(value) => number(*value, out),
            Self::Float(value) => out.extend(value.to_le_bytes()),
            Self::Double(value) => out.extend(value.to_le_bytes()),
            Self::Bytes(bytes) => counted(bytes, out),
            Self::String(text) => counted(text.as_bytes(), out),
            Self::Fixed(bytes) => out.extend(bytes),
            Self::Record(values) => values.iter().for_each(|value| value.write(out)),
            Self::Union(branch, value) => {
                number(*branch, out);
                value.write(out);
            }
            Self::Array(values) => {
                // Blocks of two, every other one with its size.
                for (i, block) in values.chunks(2).enumerate() {
                    let mut bytes = Vec::new();
                    for value in block {
                        value.write(&mut bytes);
                    }
                    begin_block(i % 2 == 1, block.len(), bytes.len(), out);
                    out.extend(bytes);
                }
                out.push(0);
            }
            Self::Map(entries) => {
                for (key, value) in entries {
                    let mut bytes = Vec::new();
                    counted(key.as_bytes(), &mut bytes);
                    value.write(&mut bytes);
                    begin_block(true, 1, bytes.len(), out);
                    out.extend(bytes);
                }
                out.push(0);
            }
        }
    }
}

fn begin_block(with_size: bool, count: usize, bytes: usize, out: &mut Vec<u8>) {
    let count = i64::try_from(count).unwrap();
    number(if with_size { -count } else { count }, out);
    if with_size {
        number(i64::try_from(bytes).unwrap(), out);
    }
}

fn counted(bytes: &[u8], out: &mut Vec<u8>) {
    number(i64::try_from(bytes.len()).unwrap(), out);
    out.extend(bytes);
}

fn number(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

/// The schema that ksqlDB registers for the value columns of a stream.
pub fn schema_of(columns: &[Column]) -> Value {
    let values = columns.iter().filter(|column| column.role == Role::Value);
    let fields: Vec<_> = values.map(|column| field(&column.name, &column.sql_type, &column.name)).collect();
    json!({ "type": "record", "name": "KsqlDataSourceSchema", "namespace": "io.confluent.ksql.avro_schemas", "fields": fields })
}

fn field(name: &str, sql_type: &SqlType, path: &str) -> Value {
    json!({ "name": name, "type": ["null", type_of(sql_type, path)], "default": null })
}

fn type_of(sql_type: &SqlType, path: &str) -> Value {
    match sql_type {
        SqlType::Boolean => json!("boolean"),
        SqlType::Integer => json!("int"),
        SqlType::BigInt => json!("long"),
        SqlType::Double => json!("double"),
        SqlType::String => json!("string"),
        SqlType::Bytes => json!("bytes"),
        SqlType::Decimal { precision, scale } => {
            json!({ "type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale })
        }
        SqlType::Date => json!({ "type": "int", "logicalType": "date" }),
        SqlType::Time => json!({ "type": "int", "logicalType": "time-millis" }),
        SqlType::Timestamp => json!({ "type": "long", "logicalType": "timestamp-millis" }),
        SqlType::Array(element) => json!({ "type": "array", "items": ["null", type_of(element, path)] }),
        SqlType::Map(_, value) => json!({ "type": "array", "items": {
            "type": "record", "name": format!("{path}_Entry"), "connect.internal.type": "MapEntry",
            "fields": [field("key", &SqlType::String, path), field("value", value, path)],
        }}),
        SqlType::Struct(fields) => json!({ "type": "record", "name": format!("{path}_Record"), "fields":
            fields.iter().map(|f| field(&f.name, &f.sql_type, &format!("{path}_{}", f.name))).collect::<Vec<_>>(),
        }),
    }
}

/// The fields of a record's JSON value, in the order of the columns.
pub fn fields(columns: &[Column], value: &[u8]) -> Vec<Avro> {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(value).unwrap();
    let values = columns.iter().filter(|column| column.role == Role::Value);
    values.map(|column| nullable(&column.sql_type, members.get(&column.name).map(AsRef::as_ref))).collect()
}

/// A datum behind its frame.
pub fn frame(id: u32, value: &Avro) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(id.to_be_bytes());
    value.write(&mut bytes);
    bytes
}

fn nullable(sql_type: &SqlType, json: Option<&RawValue>) -> Avro {
    match json.map(RawValue::get) {
        None | Some("null") => Avro::none(),
        Some(text) => value_of(sql_type, text).some(),
    }
}

fn value_of(sql_type: &SqlType, text: &str) -> Avro {
    let string = || serde_json::from_str::<String>(text).unwrap();
    match sql_type {
        SqlType::Boolean => Avro::Boolean(text == "true"),
        SqlType::Integer | SqlType::BigInt | SqlType::Date | SqlType::Time | SqlType::Timestamp => {
            Avro::Int(text.parse().unwrap())
        }
        SqlType::Double => Avro::Double(text.parse().unwrap()),
        SqlType::String => Avro::String(string()),
        SqlType::Bytes => Avro::Bytes(base64::engine::general_purpose::STANDARD.decode(string()).unwrap()),
        SqlType::Decimal { scale, .. } => Avro::Bytes(unscaled(text, *scale)),
        SqlType::Array(element) => {
            let elements: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap();
            Avro::Array(elements.iter().map(|json| nullable(element, Some(json))).collect())
        }
        SqlType::Map(_, value) => {
            let entries: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
            let entry = |(key, json): (String, Box<RawValue>)| {
                Avro::Record(vec![Avro::String(key).some(), nullable(value, Some(&json))])
            };
            Avro::Array(entries.into_iter().map(entry).collect())
        }
        SqlType::Struct(fields) => {
            let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
            Avro::Record(
                fields
                    .iter()
                    .map(|f| nullable(&f.sql_type, members.get(&f.name).map(AsRef::as_ref)))
                    .collect(),
            )
        }
    }
}

/// The fewest bytes of a number's digits at this scale.
fn unscaled(text: &str, scale: u32) -> Vec<u8> {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let zeros = i64::from(scale) + exponent.parse::<i64>().unwrap() - i64::try_from(fraction.len()).unwrap();
    let mut digits = format!("{whole}{fraction}");
    if let Ok(zeros) = usize::try_from(zeros) {
        digits += &"0".repeat(zeros);
    } else {
        // Zeros behind the point that the scale has no place for.
        let cut = digits.len() - usize::try_from(-zeros).unwrap();
        assert!(digits[cut..].bytes().all(|digit| digit == b'0'), "{text}");
        digits.truncate(cut);
    }
    let bytes = i256::from_string(&digits).unwrap().to_be_bytes();
    let sign = if digits.starts_with('-') { 0xff } else { 0 };
    let skip = bytes.iter().take(31).take_while(|byte| **byte == sign).count();
    // The first bit has to say the sign.
    let skip = if (bytes[skip] ^ sign) >= 0x80 { skip - 1 } else { skip };
    bytes[skip..].to_vec()
}

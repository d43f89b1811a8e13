//! Avro containers as Iceberg uses them: records in, bytes out, and back.
//!
//! ```text
//! Obj\x01 · what is told: `avro.schema`, `avro.codec` and words of our own · a mark of 16 bytes
//! blocks: number of records · bytes · the records · the mark
//! ```
//!
//! Written without compression. Only what this program has written is read: null, boolean, int, long, string, bytes, records, arrays, and
//! unions of null with one other. Source of facts: the Avro specification, "Object Container Files".

use serde_json::Value as Json;

use super::damaged;
use crate::Result;

const MAGIC: &[u8] = b"Obj\x01";
/// Size of a block, about.
const BLOCK: usize = 64 << 10;

/// A value; what it is in the file, the schema says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    /// `int` or `long`.
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    Record(Record),
}

/// A record: fields by name, in the order of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Record(Vec<(String, Value)>);

/// A record's value.
pub(super) fn record(fields: Vec<(&str, Value)>) -> Value {
    Value::Record(Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

/// A value, or null.
pub(super) fn optional(value: Option<Value>) -> Value {
    value.unwrap_or(Value::Null)
}

/// A container of these records, which `schema` describes, with these words about them.
pub(super) fn write(schema: &Json, told: &[(&str, String)], records: impl Iterator<Item = Value>) -> Vec<u8> {
    let text = schema.to_string();
    // Any bytes will do that records are not likely to hold.
    let mut mark = [0; 16];
    for (at, byte) in text.bytes().chain(told.iter().flat_map(|(_, value)| value.bytes())).enumerate() {
        mark[at % 16] = u8::wrapping_add(mark[at % 16], byte).rotate_left(3);
    }
    let mut file = MAGIC.to_vec();
    let told: Vec<(&str, &str)> = [("avro.schema", text.as_str()), ("avro.codec", "null")]
        .into_iter()
        .chain(told.iter().map(|(key, value)| (*key, value.as_str())))
        .collect();
    put_number(length(told.len()), &mut file);
    for (key, value) in told {
        put_bytes(key.as_bytes(), &mut file);
        put_bytes(value.as_bytes(), &mut file);
    }
    put_number(0, &mut file);
    file.extend(mark);
    let (mut block, mut count) = (Vec::new(), 0);
    let mut put_block = |block: &mut Vec<u8>, count: &mut i64| {
        if *count > 0 {
            put_number(*count, &mut file);
            put_bytes(block, &mut file);
            file.extend(mark);
        }
        block.clear();
        *count = 0;
    };
    for value in records {
        put(&value, schema, &mut block);
        count += 1;
        if block.len() >= BLOCK {
            put_block(&mut block, &mut count);
        }
    }
    put_block(&mut block, &mut count);
    file
}

fn put(value: &Value, schema: &Json, to: &mut Vec<u8>) {
    if let Some(variants) = schema.as_array() {
        let is_null = *value == Value::Null;
        put_number(i64::from(!is_null), to);
        if !is_null {
            put(value, &variants[1], to);
        }
        return;
    }
    match value {
        Value::Null => {}
        Value::Boolean(value) => to.push(u8::from(*value)),
        Value::Number(number) => put_number(*number, to),
        Value::Text(text) => put_bytes(text.as_bytes(), to),
        Value::Bytes(bytes) => put_bytes(bytes, to),
        Value::Array(items) => {
            if !items.is_empty() {
                put_number(length(items.len()), to);
                for item in items {
                    put(item, &schema["items"], to);
                }
            }
            put_number(0, to);
        }
        Value::Record(Record(fields)) => {
            for ((_, value), field) in fields.iter().zip(schema["fields"].as_array().into_iter().flatten()) {
                put(value, &field["type"], to);
            }
        }
    }
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// Zigzag, then seven bits a byte, the lowest first.
fn put_number(number: i64, to: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

fn put_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    put_number(length(bytes.len()), to);
    to.extend(bytes);
}

/// The records of a container.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Record>> {
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("it is no Avro container"))?;
    let mut input = Input(rest);
    let (mut schema, mut codec) = (None, None);
    loop {
        let count = input.count()?;
        if count == 0 {
            break;
        }
        for _ in 0..count {
            let (key, value) = (input.bytes()?, input.bytes()?);
            match key {
                b"avro.schema" => schema = serde_json::from_slice::<Json>(value).ok(),
                b"avro.codec" => codec = Some(value),
                _ => {}
            }
        }
    }
    let schema = schema.ok_or_else(|| damaged("an Avro container tells no schema"))?;
    if codec.is_some_and(|codec| codec != b"null") {
        return Err(damaged("an Avro container is compressed, as this program does not write it"));
    }
    let mark = input.take(16)?;
    let mut records = Vec::new();
    while !input.0.is_empty() {
        let count = input.count()?;
        let mut block = Input(input.bytes()?);
        for _ in 0..count {
            match block.value(&schema)? {
                Value::Record(record) => records.push(record),
                _ => return Err(damaged("the values of an Avro container are no records")),
            }
        }
        if !block.0.is_empty() || input.take(16)? != mark {
            return Err(damaged("a block of an Avro container does not end where it says"));
        }
    }
    Ok(records)
}

/// What is still to be read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or_else(|| damaged("an Avro container breaks off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<i64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
            }
        }
        Err(damaged("an Avro container holds a number that does not end"))
    }

    /// The items of a block. A negative number is followed by the block's size.
    fn count(&mut self) -> Result<u64> {
        let count = self.number()?;
        if count < 0 {
            self.number()?;
        }
        // Each of them takes a byte or more, but for empty records, which nobody writes.
        let count = count.unsigned_abs();
        if count > self.0.len() as u64 { Err(damaged("an Avro container breaks off")) } else { Ok(count) }
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let count = usize::try_from(self.number()?).map_err(|_| damaged("an Avro container breaks off"))?;
        self.take(count)
    }

    fn value(&mut self, schema: &Json) -> Result<Value> {
        if let Some(variants) = schema.as_array() {
            let at = usize::try_from(self.number()?).ok();
            let variant = at.and_then(|at| variants.get(at));
            let variant = variant.ok_or_else(|| damaged("a value is of no kind that its schema knows"))?;
            return self.value(variant);
        }
        let kind = schema.as_str().or_else(|| schema["type"].as_str()).unwrap_or_default();
        Ok(match kind {
            "null" => Value::Null,
            "boolean" => Value::Boolean(self.take(1)?[0] != 0),
            "int" | "long" => Value::Number(self.number()?),
            "bytes" => Value::Bytes(self.bytes()?.to_vec()),
            "string" => {
                let text = String::from_utf8(self.bytes()?.to_vec());
                Value::Text(text.map_err(|_| damaged("a text of an Avro container is none"))?)
            }
            "array" => {
                let mut items = Vec::new();
                loop {
                    let count = self.count()?;
                    if count == 0 {
                        return Ok(Value::Array(items));
                    }
                    for _ in 0..count {
                        items.push(self.value(&schema["items"])?);
                    }
                }
            }
            "record" => {
                let mut fields = Vec::new();
                for field in schema["fields"].as_array().into_iter().flatten() {
                    let name = field["name"].as_str().unwrap_or_default().to_owned();
                    fields.push((name, self.value(&field["type"])?));
                }
                Value::Record(Record(fields))
            }
            other => return Err(damaged(format!("an Avro container holds a value of the kind {other}"))),
        })
    }
}

impl Record {
    /// The field, taken out; `None` where it is empty.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let (_, value) = self.0.iter_mut().find(|(known, _)| known == name)?;
        Some(std::mem::replace(value, Value::Null)).filter(|value| *value != Value::Null)
    }

    /// A whole number that must be there.
    pub(super) fn long(&mut self, name: &str) -> Result<i64> {
        self.optional_long(name).ok_or_else(|| damaged(format!("a record has no {name}")))
    }

    /// A whole number, where it is there.
    pub(super) fn optional_long(&mut self, name: &str) -> Option<i64> {
        if let Some(Value::Number(number)) = self.take(name) { Some(number) } else { None }
    }

    /// The same, small.
    pub(super) fn int(&mut self, name: &str) -> Result<i32> {
        i32::try_from(self.long(name)?).map_err(|_| damaged(format!("{name} of a record is out of range")))
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, name: &str) -> Result<String> {
        match self.take(name) {
            Some(Value::Text(text)) => Ok(text),
            _ => Err(damaged(format!("a record has no {name}"))),
        }
    }

    /// Bytes, where they are there.
    pub(super) fn bytes(&mut self, name: &str) -> Option<Vec<u8>> {
        if let Some(Value::Bytes(bytes)) = self.take(name) { Some(bytes) } else { None }
    }

    /// A record that must be there.
    pub(super) fn record(&mut self, name: &str) -> Result<Record> {
        match self.take(name) {
            Some(Value::Record(record)) => Ok(record),
            _ => Err(damaged(format!("a record has no {name}"))),
        }
    }

    /// The records of an array; none where it is not there.
    pub(super) fn records(&mut self, name: &str) -> Vec<Record> {
        let Some(Value::Array(items)) = self.take(name) else { return Vec::new() };
        let records = items.into_iter().filter_map(|item| match item {
            Value::Record(record) => Some(record),
            _ => None,
        });
        records.collect()
    }

    /// The names of the fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

//! Apache Thrift's binary protocol, strict: values as they are on the wire, and messages that carry them.
//!
//! Only what the calls of a metastore need: no set, no unknown sizes. What comes from outside is bounded in size and depth.

use std::io::{Read, Write};

use crate::error::{Error, Kind, Result};

/// The largest answer, bytes.
const MAX_BYTES: usize = 256 << 20;
/// The deepest nesting.
const MAX_DEPTH: usize = 64;
const VERSION_1: u32 = 0x8001_0000;

/// A value. What a field is called is known by its number.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// 8 bits.
    Byte(i8),
    /// 64 bits of a floating-point number.
    Double(f64),
    /// 16 bits.
    I16(i16),
    /// 32 bits.
    I32(i32),
    /// 64 bits.
    I64(i64),
    /// Text or bytes.
    Bytes(Vec<u8>),
    /// Fields by their numbers.
    Struct(Vec<(i16, Value)>),
    /// Values of one type, which is told apart where there are none.
    List(u8, Vec<Value>),
    /// Pairs, with the types of both.
    Map(u8, u8, Vec<(Value, Value)>),
}

/// The wire's number of a struct.
pub const STRUCT: u8 = 12;
/// The wire's number of a text.
pub const STRING: u8 = 11;

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Bytes(text.into().into_bytes())
    }

    /// Texts by texts.
    pub fn texts<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(key, value)| (Self::text(key), Self::text(value)));
        Self::Map(STRING, STRING, pairs.collect())
    }

    /// A list of texts.
    pub fn strings<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(STRING, texts.into_iter().map(Self::text).collect())
    }

    /// A list of structs.
    pub fn structs(values: Vec<Self>) -> Self {
        Self::List(STRUCT, values)
    }

    /// The field of this number, of a struct.
    pub fn field(&self, number: i16) -> Option<&Self> {
        let Self::Struct(fields) = self else { return None };
        fields.iter().find(|(known, _)| *known == number).map(|(_, value)| value)
    }

    /// Sets a field of a struct.
    pub fn set(&mut self, number: i16, value: Self) {
        let Self::Struct(fields) = self else { return };
        match fields.iter_mut().find(|(known, _)| *known == number) {
            Some((_, held)) => *held = value,
            None => fields.push((number, value)),
        }
    }

    /// The text in the field of this number; empty where there is none.
    pub fn text_at(&self, number: i16) -> String {
        self.field(number).map(Self::as_text).unwrap_or_default()
    }

    /// As a text; empty where it is none.
    pub fn as_text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }
    }

    /// The elements of a list.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(_, items) => items,
            _ => &[],
        }
    }

    /// The pairs of a map of texts.
    pub fn pairs(&self) -> Vec<(String, String)> {
        match self {
            Self::Map(_, _, pairs) => {
                pairs.iter().map(|(key, value)| (key.as_text(), value.as_text())).collect()
            }
            _ => Vec::new(),
        }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Bool(_) => 2,
            Self::Byte(_) => 3,
            Self::Double(_) => 4,
            Self::I16(_) => 6,
            Self::I32(_) => 8,
            Self::I64(_) => 10,
            Self::Bytes(_) => STRING,
            Self::Struct(_) => STRUCT,
            Self::Map(..) => 13,
            Self::List(..) => 15,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::Byte(value) => out.extend(value.to_be_bytes()),
            Self::Double(value) => out.extend(value.to_be_bytes()),
            Self::I16(value) => out.extend(value.to_be_bytes()),
            Self::I32(value) => out.extend(value.to_be_bytes()),
            Self::I64(value) => out.extend(value.to_be_bytes()),
            Self::Bytes(bytes) => {
                size(out, bytes.len());
                out.extend(bytes);
            }
            Self::Struct(fields) => {
                for (number, value) in fields {
                    out.push(value.kind());
                    out.extend(number.to_be_bytes());
                    value.write(out);
                }
                out.push(0);
            }
            Self::List(kind, items) => {
                out.push(*kind);
                size(out, items.len());
                for item in items {
                    item.write(out);
                }
            }
            Self::Map(key, value, pairs) => {
                out.extend([*key, *value]);
                size(out, pairs.len());
                for (key, value) in pairs {
                    key.write(out);
                    value.write(out);
                }
            }
        }
    }
}

fn size(out: &mut Vec<u8>, size: usize) {
    out.extend(i32::try_from(size).unwrap_or(i32::MAX).to_be_bytes());
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// A question.
    Call,
    /// An answer.
    Reply,
    /// The server could not make anything of the call.
    Exception,
}

/// A message: a call with its arguments, or an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// What it is.
    pub kind: MessageKind,
    /// The name of the call.
    pub name: String,
    /// By which an answer is known to belong to its call.
    pub sequence: i32,
    /// A struct: arguments by their numbers; of an answer field 0 is the result, the others are exceptions.
    pub body: Value,
}

impl Message {
    /// The bytes of it.
    pub fn bytes(&self) -> Vec<u8> {
        let kind = match self.kind {
            MessageKind::Call => 1,
            MessageKind::Reply => 2,
            MessageKind::Exception => 3,
        };
        let mut out = (VERSION_1 | kind).to_be_bytes().to_vec();
        Value::text(&self.name).write(&mut out);
        out.extend(self.sequence.to_be_bytes());
        self.body.write(&mut out);
        out
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn send(&self, to: &mut impl Write) -> std::io::Result<()> {
        to.write_all(&self.bytes())?;
        to.flush()
    }

    /// Reads one.
    ///
    /// # Errors
    /// `Kind::Unreachable` for a connection that breaks, `Kind::Garbled` for what is no message.
    pub fn receive(from: &mut impl Read) -> Result<Self> {
        let mut wire = Wire { from, left: MAX_BYTES };
        let head = u32::from_be_bytes(wire.bytes()?);
        let kind = match head ^ VERSION_1 {
            1 => MessageKind::Call,
            2 => MessageKind::Reply,
            3 => MessageKind::Exception,
            _ => return Err(garbled("the answer is not of Thrift's binary protocol")),
        };
        let name = wire.value(STRING, 0)?.as_text();
        let sequence = i32::from_be_bytes(wire.bytes()?);
        Ok(Self { kind, name, sequence, body: wire.value(STRUCT, 0)? })
    }
}

fn garbled(what: &str) -> Error {
    Error::new(Kind::Garbled, what)
        .next("look whether the address is that of a metastore, and whether it wants TLS or SASL")
}

struct Wire<'r, R> {
    from: &'r mut R,
    /// Bytes that may still come.
    left: usize,
}

impl<R: Read> Wire<'_, R> {
    fn take(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.left = self.left.checked_sub(bytes.len()).ok_or_else(|| garbled("the answer is too large"))?;
        self.from
            .read_exact(bytes)
            .map_err(|e| Error::new(Kind::Unreachable, format!("the connection broke: {e}")).because(e))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.take(&mut bytes)?;
        Ok(bytes)
    }

    fn size(&mut self) -> Result<usize> {
        let size = i32::from_be_bytes(self.bytes()?);
        let size = usize::try_from(size).map_err(|_| garbled("a size in the answer is negative"))?;
        if size > self.left {
            Err(garbled("a size in the answer is larger than the answer may be"))
        } else {
            Ok(size)
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<Value> {
        if depth > MAX_DEPTH {
            return Err(garbled("the answer is nested too deep"));
        }
        Ok(match kind {
            2 => Value::Bool(self.bytes::<1>()?[0] != 0),
            3 => Value::Byte(i8::from_be_bytes(self.bytes()?)),
            4 => Value::Double(f64::from_be_bytes(self.bytes()?)),
            6 => Value::I16(i16::from_be_bytes(self.bytes()?)),
            8 => Value::I32(i32::from_be_bytes(self.bytes()?)),
            10 => Value::I64(i64::from_be_bytes(self.bytes()?)),
            STRING => {
                let mut left = self.size()?;
                let mut bytes = Vec::new();
                // Memory follows what comes, not what is announced.
                while left > 0 {
                    let at = bytes.len();
                    let part = left.min(1 << 16);
                    bytes.resize(at + part, 0);
                    self.take(&mut bytes[at..])?;
                    left -= part;
                }
                Value::Bytes(bytes)
            }
            STRUCT => {
                let mut fields = Vec::new();
                loop {
                    let kind = self.bytes::<1>()?[0];
                    if kind == 0 {
                        break Value::Struct(fields);
                    }
                    let number = i16::from_be_bytes(self.bytes()?);
                    fields.push((number, self.value(kind, depth + 1)?));
                }
            }
            13 => {
                let [key, value] = self.bytes()?;
                let pairs = self.size()?;
                let mut read = Vec::new();
                for _ in 0..pairs {
                    read.push((self.value(key, depth + 1)?, self.value(value, depth + 1)?));
                }
                Value::Map(key, value, read)
            }
            // A set is written as a list.
            14 | 15 => {
                let kind = self.bytes::<1>()?[0];
                let items = self.size()?;
                let mut read = Vec::new();
                for _ in 0..items {
                    read.push(self.value(kind, depth + 1)?);
                }
                Value::List(kind, read)
            }
            _ => return Err(garbled("the answer holds a type that Thrift does not have")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_written_and_read() {
        let inner =
            Value::Struct(vec![(2, Value::Bool(true)), (7, Value::Double(0.5)), (1, Value::Byte(-1))]);
        let body = Value::Struct(vec![
            (1, Value::text("änd")),
            (2, Value::texts([("a", "1")])),
            (3, Value::structs(vec![inner.clone(), inner])),
            (4, Value::I16(-2)),
            (5, Value::I32(3)),
            (6, Value::I64(i64::MIN)),
        ]);
        let sent = Message { kind: MessageKind::Call, name: "get_table".to_owned(), sequence: 7, body };
        let bytes = sent.bytes();
        assert_eq!(bytes[..4], [0x80, 1, 0, 1]);
        assert_eq!(Message::receive(&mut bytes.as_slice()).unwrap(), sent);
        // Whatever is cut off or changed is an error and never a panic.
        for cut in 0..bytes.len() {
            assert_eq!(Message::receive(&mut &bytes[..cut]).unwrap_err().kind(), Kind::Unreachable, "{cut}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut wrong = bytes.clone();
                wrong[at] ^= 1 << bit;
                let _ = Message::receive(&mut wrong.as_slice());
            }
        }
        assert_eq!(
            Message::receive(&mut &b"HTTP/1.1 400 Bad Request"[..]).unwrap_err().kind(),
            Kind::Garbled
        );
    }
}

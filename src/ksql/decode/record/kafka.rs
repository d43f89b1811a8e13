//! The format KAFKA: one value as Kafka's own serializers write it, numbers with the highest byte first.

use super::super::fault::{Fault, Read};
use super::super::node::{Member, Node, Values};
use super::text::TOO_LONG;

/// Reads the one value.
pub(super) fn read(bytes: &[u8], member: &mut Member) -> Read {
    let node = &mut member.node;
    match &mut node.values {
        Values::Integer(values) => values.push(i32::from_be_bytes(sized(bytes, "an INTEGER has 4 bytes")?)),
        Values::BigInt(values) => values.push(i64::from_be_bytes(sized(bytes, "a BIGINT has 8 bytes")?)),
        Values::Double(values) => values.push(f64::from_be_bytes(sized(bytes, "a DOUBLE has 8 bytes")?)),
        Values::String(_) | Values::Bytes(_) => return push_bytes(Some(bytes), node),
        _ => return Err(Fault::new(0, "the format KAFKA has no such type")),
    }
    node.nulls.push_valid();
    Ok(())
}

fn sized<const N: usize>(bytes: &[u8], wanted: &'static str) -> Read<[u8; N]> {
    bytes.try_into().map_err(|_| Fault::new(0, format!("{wanted}, and here are {}", bytes.len())))
}

/// A STRING or BYTES as it is; in a STRING what is not UTF-8 becomes replacement characters, as in Java.
pub(super) fn push_bytes(bytes: Option<&[u8]>, node: &mut Node) -> Read {
    let Some(bytes) = bytes else {
        node.push_null();
        return Ok(());
    };
    let closed = match &mut node.values {
        Values::Bytes(texts) => {
            texts.bytes.extend_from_slice(bytes);
            texts.close()
        }
        Values::String(texts) => {
            texts.bytes.extend_from_slice(String::from_utf8_lossy(bytes).as_bytes());
            texts.close()
        }
        _ => return Err(Fault::new(0, "bytes for a column of another type")),
    };
    if !closed {
        return Err(Fault::new(0, TOO_LONG));
    }
    node.nulls.push_valid();
    Ok(())
}

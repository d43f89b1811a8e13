//! The format DELIMITED: the first line of values with a character between them, quoted as in CSV (RFC 4180).
//!
//! An empty field is null, whether quoted or not. Numbers do not wrap and are not cut.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::fault::{Fault, Read, Step};
use super::super::node::{Member, Node, Values};
use super::super::{number, time};
use super::text::{self, TOO_LONG};

/// Reads a value for each column of the line; `order` says which member takes it.
pub(super) fn read(bytes: &[u8], between: char, order: &[Option<usize>], members: &mut [Member]) -> Read {
    let line = String::from_utf8_lossy(bytes);
    let fields = first_line(&line, between)?;
    if fields.len() != order.len() {
        let what = format!("{} fields where the stream has {} columns", fields.len(), order.len());
        return Err(Fault::new(0, what));
    }
    for (field, member) in fields.iter().zip(order) {
        let Some(member) = member.and_then(|at| members.get_mut(at)) else { continue };
        push(field.as_bytes(), &mut member.node)
            .map_err(|fault| fault.inside(Step::Name(member.name.clone())))?;
    }
    Ok(())
}

/// The fields of the first line that is not empty.
fn first_line(text: &str, between: char) -> Read<Vec<String>> {
    let text = text.trim_start_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(Fault::new(0, "no fields"));
    }
    let mut fields = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        let mut field = String::new();
        // White space before a quote is part of a plain field.
        let quoted = rest.next_if_eq(&'"').is_some();
        if quoted {
            loop {
                match rest.next() {
                    Some('"') if rest.next_if_eq(&'"').is_some() => field.push('"'),
                    Some('"') => break,
                    Some(c) => field.push(c),
                    None => return Err(Fault::new(0, "a quote without its end")),
                }
            }
            while rest.next_if(|c| c.is_whitespace() && *c != between && !matches!(c, '\r' | '\n')).is_some()
            {
            }
        }
        let end = loop {
            match rest.next() {
                Some(c) if c == between => break false,
                None | Some('\r' | '\n') => break true,
                Some(_) if quoted => return Err(Fault::new(0, "text behind a closing quote")),
                Some(c) => field.push(c),
            }
        };
        fields.push(field);
        if end {
            return Ok(fields);
        }
    }
}

fn push(field: &[u8], node: &mut Node) -> Read {
    if field.is_empty() {
        node.push_null();
        return Ok(());
    }
    let read = match &mut node.values {
        Values::Boolean(values) => {
            values.push(field.eq_ignore_ascii_case(b"true"));
            Ok(())
        }
        Values::Integer(values) => text::integer(field).and_then(|value| {
            values.push(i32::try_from(value).map_err(|_| number::BEYOND_32)?);
            Ok(())
        }),
        Values::BigInt(values) => text::integer(field).map(|value| values.push(value)),
        Values::Double(values) => text::double(field).map(|value| values.push(value)),
        Values::Decimal128 { values, shape } => {
            text::decimal(field, |number| number::decimal(number, *shape)).map(|value| values.push(value))
        }
        Values::Decimal256 { values, shape } => {
            text::decimal(field, |number| number::decimal(number, *shape)).map(|value| values.push(value))
        }
        Values::Date { values, .. } => text::integer(field).and_then(|days| {
            values.push(i32::try_from(days).map_err(|_| "beyond a DATE")?);
            Ok(())
        }),
        Values::Time { values, .. } => {
            text::integer(field).and_then(time::time_millis).map(|value| values.push(value))
        }
        Values::Timestamp { values, .. } => {
            text::integer(field).and_then(time::timestamp_millis).map(|value| values.push(value))
        }
        Values::String(texts) => {
            texts.bytes.extend_from_slice(field);
            if texts.close() { Ok(()) } else { Err(TOO_LONG.into()) }
        }
        Values::Bytes(texts) => match BASE64.decode_vec(field, &mut texts.bytes) {
            Err(_) => Err("not base64".into()),
            Ok(()) if texts.close() => Ok(()),
            Ok(()) => Err(TOO_LONG.into()),
        },
        Values::List { .. } | Values::Map { .. } | Values::Struct(_) | Values::Overlaid(_) => {
            Err("the format DELIMITED has no such type".into())
        }
    };
    read.map_err(|reason: number::Reason| Fault::new(0, reason))?;
    node.nulls.push_valid();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_as_csv_is() {
        for (line, wanted) in [
            ("1,a,", Some(vec!["1", "a", ""])),
            ("\"a,b\",\"say \"\"x\"\"\"", Some(vec!["a,b", "say \"x\""])),
            ("\r\n 1 ,\"\"\nignored,line", Some(vec![" 1 ", ""])),
            ("\"two\nlines\",b", Some(vec!["two\nlines", "b"])),
            ("a\"b", Some(vec!["a\"b"])),
            ("\"a\" ,b", Some(vec!["a", "b"])),
            ("\"a\"x,b", None),
            ("\"a", None),
            ("", None),
        ] {
            assert_eq!(
                first_line(line, ',').ok(),
                wanted.map(|w| w.into_iter().map(str::to_owned).collect()),
                "{line:?}"
            );
        }
        assert_eq!(first_line("1\t2", '\t').unwrap(), ["1", "2"]);
    }
}

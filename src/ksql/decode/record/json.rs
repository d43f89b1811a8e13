//! JSON values with the coercions of ksqlDB's deserializer (`KsqlJsonDeserializer`), read straight into the buffers.
//!
//! | column | takes |
//! |---|---|
//! | INTEGER, BIGINT, DATE, TIME, TIMESTAMP | a number, cut at its point; a string of digits |
//! | DOUBLE | a number; a string that Java reads as one |
//! | DECIMAL | a number or a string, exact |
//! | STRING | a string; any other value as Jackson writes it |
//! | STRUCT | an object: unknown names are left out, missing ones are null, names without quotes match in any case |

use super::super::cursor::{Cursor, Number};
use super::super::fault::{Fault, Read, Step};
use super::super::known::DOUBLE_KEY;
use super::super::node::{Member, Node, Values};
use super::super::{number, read, time};
use super::text;

/// Reads the value of a record; false when it is `null`. What follows the value is not looked at, as ksqlDB does not.
pub(super) fn read(bytes: &[u8], wrapped: bool, members: &mut [Member], scratch: &mut Vec<u8>) -> Read<bool> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let c = &mut Cursor::new(bytes, scratch);
    if c.null() {
        return Ok(false);
    }
    if !wrapped {
        return match members.first_mut() {
            Some(member) => member.node.coerce(c).map(|()| true),
            None => Ok(true),
        };
    }
    let rows = members.first().map_or(0, |member| member.node.len());
    object(c, members, rows)?;
    Ok(true)
}

impl Node {
    /// Reads the next value as ksqlDB's deserializer would.
    fn coerce(&mut self, c: &mut Cursor) -> Read {
        if c.null() {
            self.push_null();
            return Ok(());
        }
        let at = c.at();
        match &mut self.values {
            Values::Boolean(values) => values.push(c.boolean()?),
            Values::Integer(values) => {
                let whole = whole(c)?;
                values.push(i32::try_from(whole).map_err(|_| Fault::new(at, number::BEYOND_32))?);
            }
            Values::BigInt(values) => values.push(whole(c)?),
            Values::Double(values) => values.push(match c.short_decimal() {
                Some(short) => number::short_double(short),
                None => double(c)?,
            }),
            Values::String(texts) => {
                if c.peek() == Some(b'"') {
                    c.text_into(&mut texts.bytes)?;
                } else {
                    as_text(c, &mut texts.bytes)?;
                }
                read::closed(at, texts.close())?;
            }
            Values::Bytes(texts) => {
                read::placed(at, read::base64_into(c.text()?, &mut texts.bytes))?;
                read::closed(at, texts.close())?;
            }
            Values::Decimal128 { values, shape } => {
                let shape = *shape;
                let short = c.short_decimal().and_then(|short| shape.short(short));
                values.push(if let Some(value) = short {
                    value
                } else {
                    c.back(at);
                    decimal(c, |number| number::decimal(number, shape))?
                });
            }
            Values::Decimal256 { values, shape } => {
                let shape = *shape;
                values.push(decimal(c, |number| number::decimal(number, shape))?);
            }
            Values::Date { values, .. } => {
                let days = whole(c)?;
                values.push(i32::try_from(days).map_err(|_| Fault::new(at, "beyond a DATE"))?);
            }
            Values::Time { values, .. } => values.push(read::placed(at, time::time_millis(whole(c)?))?),
            Values::Timestamp { values, .. } => {
                values.push(read::placed(at, time::timestamp_millis(whole(c)?))?);
            }
            Values::List { offsets, element } => {
                list(c, element)?;
                read::closed(at, offsets.push(element.len()))?;
            }
            Values::Map { offsets, key, value, .. } => {
                let start = offsets.end();
                map(c, key, value)?;
                if read::has_duplicates(key, start) {
                    return Err(Fault::new(at, DOUBLE_KEY));
                }
                read::closed(at, offsets.push(key.len()))?;
            }
            Values::Struct(members) => object(c, members, self.nulls.len())?,
            Values::Overlaid(_) => return Err(Fault::new(at, "a record has no overlays")),
        }
        self.nulls.push_valid();
        Ok(())
    }
}

/// A number without what stands behind its point, or a string of digits.
#[inline]
fn whole(c: &mut Cursor) -> Read<i64> {
    match c.short_integer() {
        Some(value) => Ok(value),
        None => long_whole(c),
    }
}

#[inline(never)]
fn long_whole(c: &mut Cursor) -> Read<i64> {
    let at = c.at();
    if c.peek() == Some(b'"') {
        return read::placed(at, text::integer(c.text()?));
    }
    read::placed(at, text::truncated(c.number()?))
}

#[inline(never)]
fn double(c: &mut Cursor) -> Read<f64> {
    let at = c.at();
    if c.peek() == Some(b'"') {
        return read::placed(at, text::double(c.text()?));
    }
    read::placed(at, text::double_of(c.number()?))
}

fn decimal<T>(c: &mut Cursor, of: impl Fn(Number) -> Result<T, number::Reason>) -> Read<T> {
    let at = c.at();
    if c.peek() == Some(b'"') {
        return read::placed(at, text::decimal(c.text()?, of));
    }
    let number = c.number()?;
    read::placed(at, of(number))
}

/// A value that is no string, as text.
#[inline(never)]
fn as_text(c: &mut Cursor, out: &mut Vec<u8>) -> Read {
    match c.peek() {
        Some(b'{') => compact(c, out),
        Some(b'[') => {
            c.open(b'[', "an array")?;
            out.push(b'[');
            if !c.take(b']') {
                loop {
                    if c.null() {
                        out.extend_from_slice(b"null");
                    } else if c.peek() == Some(b'"') {
                        c.text_into(out)?;
                    } else {
                        as_text(c, out)?;
                    }
                    if !c.more(b']')? {
                        break;
                    }
                    out.extend_from_slice(b", ");
                }
            }
            out.push(b']');
            Ok(())
        }
        Some(b't' | b'f') => {
            let value = c.boolean()?;
            out.extend_from_slice(if value { b"true" } else { b"false" });
            Ok(())
        }
        _ => {
            text::print(c.number()?, out);
            Ok(())
        }
    }
}

/// Any value as Jackson writes it: no white space.
fn compact(c: &mut Cursor, out: &mut Vec<u8>) -> Read {
    match c.peek() {
        Some(b'{') => {
            c.open(b'{', "an object")?;
            out.push(b'{');
            if !c.take(b'}') {
                loop {
                    c.peek();
                    text::quote(c.text()?, out);
                    c.expect(b':')?;
                    out.push(b':');
                    compact(c, out)?;
                    if !c.more(b'}')? {
                        break;
                    }
                    out.push(b',');
                }
            }
            out.push(b'}');
        }
        Some(b'[') => {
            c.open(b'[', "an array")?;
            out.push(b'[');
            if !c.take(b']') {
                loop {
                    compact(c, out)?;
                    if !c.more(b']')? {
                        break;
                    }
                    out.push(b',');
                }
            }
            out.push(b']');
        }
        Some(b'"') => text::quote(c.text()?, out),
        _ if c.null() => out.extend_from_slice(b"null"),
        _ => as_text(c, out)?,
    }
    Ok(())
}

fn list(c: &mut Cursor, element: &mut Node) -> Read {
    c.open(b'[', "an array")?;
    if c.take(b']') {
        return Ok(());
    }
    let mut index = 0;
    loop {
        element.coerce(c).map_err(|fault| fault.inside(Step::Index(index)))?;
        index += 1;
        if !c.more(b']')? {
            return Ok(());
        }
    }
}

fn map(c: &mut Cursor, key: &mut Node, value: &mut Node) -> Read {
    c.open(b'{', "an object")?;
    if c.take(b'}') {
        return Ok(());
    }
    loop {
        c.peek();
        let start = c.at();
        key.read_key(c)?;
        let end = c.at();
        c.expect(b':')?;
        value.coerce(c).map_err(|fault| fault.inside(Step::key(c.passed(start + 1, end - 1))))?;
        if !c.more(b'}')? {
            return Ok(());
        }
    }
}

/// An object into members that hold `rows` values each.
fn object(c: &mut Cursor, members: &mut [Member], rows: usize) -> Read {
    c.open(b'{', "an object")?;
    let start = c.at();
    if !c.take(b'}') {
        // Most producers write the members in one order, mostly the declared one.
        let mut expected = 0;
        loop {
            let known = members.get(expected).is_some_and(|member| c.take_prefix(&member.first));
            match if known { Some(expected) } else { named(c, members, expected)? } {
                Some(index) => {
                    let member = &mut members[index];
                    if member.node.len() > rows {
                        for member in members.iter_mut() {
                            member.node.truncate(rows);
                        }
                        c.back(start);
                        return object_with_repeats(c, members);
                    }
                    member.node.coerce(c).map_err(|fault| fault.inside(Step::Name(member.name.clone())))?;
                    expected = index + 1;
                }
                None => c.skip()?,
            }
            if !c.more(b'}')? {
                break;
            }
        }
    }
    for member in members {
        if member.node.len() == rows {
            member.node.push_null();
        }
    }
    Ok(())
}

/// An object in which a name comes twice, from behind its bracket: the exact name counts before other spellings, and of one
/// spelling the last.
#[cold]
fn object_with_repeats(c: &mut Cursor, members: &mut [Member]) -> Read {
    let mut places: Vec<(Option<usize>, Option<usize>)> = vec![(None, None); members.len()];
    loop {
        c.peek();
        let name = c.text()?;
        let exact = members.iter().position(|member| member.name.as_bytes() == name);
        let index = exact.or_else(|| members.iter().position(|member| spelt(member, name)));
        c.expect(b':')?;
        c.peek();
        if let Some(index) = index {
            let place = if exact.is_some() { &mut places[index].0 } else { &mut places[index].1 };
            *place = Some(c.at());
        }
        c.skip()?;
        if !c.more(b'}')? {
            break;
        }
    }
    let end = c.at();
    for (member, (exact, other)) in members.iter_mut().zip(places) {
        match exact.or(other) {
            Some(at) => {
                c.back(at);
                member.node.coerce(c).map_err(|fault| fault.inside(Step::Name(member.name.clone())))?;
            }
            None => member.node.push_null(),
        }
    }
    c.back(end);
    Ok(())
}

/// The member of the name that comes next, which is passed with its colon; `None` for a name that the stream does not have.
fn named(c: &mut Cursor, members: &[Member], expected: usize) -> Read<Option<usize>> {
    c.peek();
    let name = c.text()?;
    let exact = |member: &Member| member.name.as_bytes() == name;
    // The usual order first, then any.
    let index = members.iter().position(exact).or_else(|| {
        let near = members.get(expected).is_some_and(|member| spelt(member, name)).then_some(expected);
        near.or_else(|| members.iter().position(|member| spelt(member, name)))
    });
    c.expect(b':')?;
    Ok(index)
}

/// Another spelling of a name that was declared without quotes.
fn spelt(member: &Member, name: &[u8]) -> bool {
    if !member.any_case {
        return false;
    }
    if name.is_ascii() || member.name.is_ascii() && member.name.len() == name.len() {
        return name.eq_ignore_ascii_case(member.name.as_bytes());
    }
    std::str::from_utf8(name).is_ok_and(|name| name.to_uppercase() == member.name)
}

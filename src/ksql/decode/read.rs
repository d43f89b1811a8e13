//! A value's bytes become an entry of its node's buffers.
//!
//! One dispatch a value, on what the schema says; the row's own tokens only have to agree. After a fault the buffers may
//! hold a part of a value: [`Node::truncate`] takes it back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::cursor::{Cursor, Number};
use super::fault::{Fault, Read, Step};
use super::known::DOUBLE_KEY;
use super::node::{Encoding, Member, Node, Values};
use super::number::{self, Reason};
use super::time;

/// Entries of a map up to which each key is compared with each.
const FEW_ENTRIES: usize = 16;

impl Node {
    /// Reads the next value. The frequent types stand here, where they become part of the loops that call; the others
    /// are a call away.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call for every value costs as much as reading a short one")]
    pub(super) fn read(&mut self, c: &mut Cursor) -> Read {
        if c.null() {
            self.push_null();
            return Ok(());
        }
        let at = c.at();
        match &mut self.values {
            Values::Boolean(values) => values.push(c.boolean()?),
            Values::Integer(values) => {
                values.push(match c.short_integer().map(i32::try_from) {
                    Some(Ok(value)) => value,
                    Some(Err(_)) => return Err(Fault::new(at, number::BEYOND_32)),
                    None => c.number().and_then(|n| placed(at, number::integer32(n)))?,
                });
            }
            Values::BigInt(values) => values.push(integer(c)?),
            Values::Double(values) => values.push(match c.short_decimal() {
                Some(number) => number::short_double(number),
                None => double(c)?,
            }),
            Values::String(texts) => {
                c.text_into(&mut texts.bytes)?;
                closed(at, texts.close())?;
            }
            Values::Decimal128 { values, shape } => {
                let short = c.short_decimal().and_then(|number| shape.short(number));
                values.push(if let Some(value) = short {
                    value
                } else {
                    c.back(at);
                    placed(at, number::decimal(c.number()?, *shape))?
                });
            }
            Values::Timestamp { values, encoding: Encoding::Integer } => {
                values.push(placed(at, time::timestamp_millis(integer(c)?))?);
            }
            _ => self.read_other(c)?,
        }
        self.nulls.push_valid();
        Ok(())
    }

    /// The same, as a call.
    fn read_one(&mut self, c: &mut Cursor) -> Read {
        self.read(c)
    }

    /// Reads a value that is not null and whose white space is passed.
    fn read_other(&mut self, c: &mut Cursor) -> Read {
        let at = c.at();
        match &mut self.values {
            Values::Bytes(texts) => {
                placed(at, base64_into(c.text()?, &mut texts.bytes))?;
                closed(at, texts.close())?;
            }
            Values::Decimal256 { values, shape } => {
                values.push(placed(at, number::decimal(c.number()?, *shape))?);
            }
            Values::Date { values, encoding } => values.push(match encoding {
                Encoding::Text => placed(at, time::date_text(c.text()?))?,
                Encoding::Integer => placed(at, number::integer32(c.number()?))?,
            }),
            Values::Time { values, encoding } => values.push(match encoding {
                Encoding::Text => placed(at, time::time_text(c.text()?))?,
                Encoding::Integer => placed(at, time::time_millis(integer(c)?))?,
            }),
            Values::Timestamp { values, .. } => values.push(placed(at, time::timestamp_text(c.text()?))?),
            Values::List { offsets, element } => {
                read_list(c, element)?;
                closed(at, offsets.push(element.len()))?;
            }
            Values::Map { offsets, key, value, pairs } => {
                let start = offsets.end();
                if *pairs {
                    read_pairs(c, key, value)?;
                } else {
                    read_object(c, key, value)?;
                }
                if has_duplicates(key, start) {
                    return Err(Fault::new(at, DOUBLE_KEY));
                }
                closed(at, offsets.push(key.len()))?;
            }
            Values::Struct(members) => read_struct(c, members, self.nulls.len())?,
            // The digits are lost here; what matters is that something is there.
            Values::Overlaid(_) => {
                c.number()?;
            }
            // They stand in `read`.
            Values::Boolean(_)
            | Values::Integer(_)
            | Values::BigInt(_)
            | Values::Double(_)
            | Values::String(_)
            | Values::Decimal128 { .. } => {}
        }
        Ok(())
    }

    /// Reads the key of an object's entry: a string, whatever the type.
    pub(super) fn read_key(&mut self, c: &mut Cursor) -> Read {
        c.peek();
        let at = c.at();
        match &mut self.values {
            Values::String(texts) => {
                c.text_into(&mut texts.bytes)?;
                closed(at, texts.close())?;
            }
            values => placed(at, c.text().map(|text| push_text(values, text))?)?,
        }
        self.nulls.push_valid();
        Ok(())
    }
}

/// Reads a value that is written as a string although its type has another form in JSON.
fn push_text(values: &mut Values, text: &[u8]) -> Result<(), Reason> {
    match values {
        Values::Boolean(values) => values.push(match text {
            b"true" => true,
            b"false" => false,
            _ => return Err("a key that is no BOOLEAN".into()),
        }),
        Values::Integer(values) => values.push(number::integer32(whole_number(text)?)?),
        Values::BigInt(values) => values.push(number::integer(whole_number(text)?)?),
        Values::Double(values) => values.push(match whole_number(text) {
            Ok(number) => number::double(number)?,
            Err(_) => number::double_word(text)?,
        }),
        Values::Decimal128 { values, shape } => values.push(number::decimal(whole_number(text)?, *shape)?),
        Values::Decimal256 { values, shape } => values.push(number::decimal(whole_number(text)?, *shape)?),
        Values::Date { values, .. } => values.push(time::date_text(text)?),
        Values::Time { values, .. } => values.push(time::time_text(text)?),
        Values::Timestamp { values, .. } => values.push(time::timestamp_text(text)?),
        Values::String(texts) | Values::Bytes(texts) => {
            base64_into(text, &mut texts.bytes)?;
            if !texts.close() {
                return Err(TOO_LONG.into());
            }
        }
        _ => return Err("a key of a nested type".into()),
    }
    Ok(())
}

const TOO_LONG: &str = "more than 2 GiB in one column of a batch";

/// A reason becomes a fault at this byte.
#[inline]
pub(super) fn placed<T>(at: usize, result: Result<T, Reason>) -> Read<T> {
    result.map_err(|reason| Fault::new(at, reason))
}

/// A buffer that cannot address the value makes a fault at this byte.
#[inline]
pub(super) fn closed(at: usize, done: bool) -> Read {
    if done { Ok(()) } else { Err(Fault::new(at, TOO_LONG)) }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "a call for every value costs as much as reading a short one")]
fn integer(c: &mut Cursor) -> Read<i64> {
    match c.short_integer() {
        Some(value) => Ok(value),
        None => long_integer(c),
    }
}

/// An integer that is no short number.
fn long_integer(c: &mut Cursor) -> Read<i64> {
    let number = c.number()?;
    let at = c.at() - number.text.len();
    placed(at, number::integer(number))
}

/// A double that is no short number.
fn double(c: &mut Cursor) -> Read<f64> {
    let quoted = c.peek() == Some(b'"');
    let at = c.at();
    placed(at, if quoted { number::double_word(c.text()?) } else { number::double(c.number()?) })
}

fn whole_number(text: &[u8]) -> Result<Number<'_>, Reason> {
    Number::scan(text)
        .filter(|number| number.text.len() == text.len())
        .ok_or(Reason::Borrowed("a key that is no number"))
}

/// Standard alphabet with padding, as Jackson writes BYTES.
#[inline]
pub(super) fn base64_into(text: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    // The crate's own text names the byte at fault, which is a byte of the value.
    BASE64.decode_vec(text, out).map_err(|_| Reason::Borrowed("not base64"))
}

/// `[1,null,3]`
fn read_list(c: &mut Cursor, element: &mut Node) -> Read {
    c.open(b'[', "an array")?;
    if c.take(b']') {
        return Ok(());
    }
    let mut index = 0;
    loop {
        element.read_one(c).map_err(|fault| fault.inside(Step::Index(index)))?;
        index += 1;
        if !c.more(b']')? {
            return Ok(());
        }
    }
}

/// `{"a":1}`
fn read_object(c: &mut Cursor, key: &mut Node, value: &mut Node) -> Read {
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
        value.read_one(c).map_err(|fault| fault.inside(Step::key(c.passed(start + 1, end - 1))))?;
        if !c.more(b'}')? {
            return Ok(());
        }
    }
}

/// `[[1,"a"],[2,"b"]]`
fn read_pairs(c: &mut Cursor, key: &mut Node, value: &mut Node) -> Read {
    c.open(b'[', "an array of pairs")?;
    if c.take(b']') {
        return Ok(());
    }
    let mut index = 0;
    loop {
        read_pair(c, key, value).map_err(|fault| fault.inside(Step::Index(index)))?;
        index += 1;
        if !c.more(b']')? {
            return Ok(());
        }
    }
}

fn read_pair(c: &mut Cursor, key: &mut Node, value: &mut Node) -> Read {
    c.open(b'[', "a pair")?;
    if c.null() {
        return Err(Fault::new(c.at(), "a MAP key that is null").inside(Step::Index(0)));
    }
    key.read_one(c).map_err(|fault| fault.inside(Step::Index(0)))?;
    c.expect(b',')?;
    value.read_one(c).map_err(|fault| fault.inside(Step::Index(1)))?;
    c.expect(b']')
}

/// Whether a key from `start` on comes twice.
pub(super) fn has_duplicates(keys: &Node, start: usize) -> bool {
    let end = keys.len();
    if end - start <= FEW_ENTRIES {
        if let Values::String(texts) = &keys.values {
            return texts.repeat(start);
        }
        return (start..end).any(|a| (start..a).any(|b| keys.compare(a, b).is_eq()));
    }
    let mut order: Vec<usize> = (start..end).collect();
    order.sort_unstable_by(|&a, &b| keys.compare(a, b));
    order.windows(2).any(|two| keys.compare(two[0], two[1]).is_eq())
}

/// `{"A":1,"B":null}` into members that hold `rows` values each.
#[inline(never)]
fn read_struct(c: &mut Cursor, members: &mut [Member], rows: usize) -> Read {
    c.open(b'{', "an object")?;
    // The declared order, with all members, is the usual one.
    let mut ordered = 0;
    for member in &mut *members {
        if !c.take_prefix(if ordered == 0 { &member.first } else { &member.next }) {
            break;
        }
        member.node.read(c).map_err(|fault| fault.inside(member.step()))?;
        ordered += 1;
    }
    if ordered == members.len() && c.take(b'}') {
        return Ok(());
    }
    read_any_order(c, members, rows, ordered == 0)
}

/// The rest of a STRUCT that is not as usual, from its first member or from behind another one.
#[cold]
fn read_any_order(c: &mut Cursor, members: &mut [Member], rows: usize, first: bool) -> Read {
    let mut more = if first { !c.take(b'}') } else { c.more(b'}')? };
    while more {
        let index = find_member(c, members)?;
        let member = &mut members[index];
        if member.node.len() > rows {
            return Err(Fault::new(c.at(), "a member twice in a STRUCT").inside(member.step()));
        }
        member.node.read_one(c).map_err(|fault| fault.inside(member.step()))?;
        more = c.more(b'}')?;
    }
    for member in members {
        if member.node.len() == rows {
            member.node.push_null();
        }
    }
    Ok(())
}

/// The member of the name that comes next, which is passed together with its colon.
fn find_member(c: &mut Cursor, members: &[Member]) -> Read<usize> {
    c.peek();
    let at = c.at();
    let name = c.text()?;
    let Some(index) = members.iter().position(|member| member.name.as_bytes() == name) else {
        let step = Step::key(name);
        return Err(Fault::new(at, "a member that the STRUCT does not declare").inside(step));
    };
    c.expect(b':')?;
    Ok(index)
}

impl Member {
    #[cold]
    fn step(&self) -> Step {
        Step::Name(self.name.clone())
    }
}

/// How many values a row has, and that it is JSON: `None` when it is not an array of JSON values.
pub(super) fn count_values(row: &[u8], scratch: &mut Vec<u8>) -> Option<usize> {
    let mut c = Cursor::new(row, scratch);
    c.expect(b'[').ok()?;
    let mut count = 0;
    if !c.take(b']') {
        loop {
            c.skip().ok()?;
            count += 1;
            if !c.more(b']').ok()? {
                break;
            }
        }
    }
    c.end().ok()?;
    Some(count)
}

/// The first `n` values of a row when all of them are integers: the position of a row whose other values may be bad.
pub(super) fn leading_integers(row: &[u8], n: usize) -> Option<Vec<i64>> {
    let mut scratch = Vec::new();
    let mut c = Cursor::new(row, &mut scratch);
    c.expect(b'[').ok()?;
    let mut values = Vec::new();
    for i in 0..n {
        if i > 0 {
            c.expect(b',').ok()?;
        }
        values.push(number::integer(c.number().ok()?).ok()?);
        // `12x` and `1 2` are no integers either.
        if !matches!(c.peek(), Some(b',' | b']')) {
            return None;
        }
    }
    Some(values)
}

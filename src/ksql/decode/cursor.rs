//! The bytes of a row, read from left to right as JSON tokens.
//!
//! ```text
//! ["v0", 1.2 ,{"A":1}]
//!       ^ at            everything left of it is understood, nothing right of it is looked at twice
//! ```
//!
//! It knows JSON and nothing of types, columns or ksqlDB.

mod strings;

use super::fault::{Fault, Read};
use super::scan::{Prefix, append, leading_digits, short_text};

/// Levels of arrays and objects that a value may have.
pub(super) const MAX_DEPTH: usize = 128;

/// A place in a row.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    scratch: &'a mut Vec<u8>,
}

/// The text of a JSON number, cut at its joints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'a> {
    /// All of it.
    pub(super) text: &'a [u8],
    pub(super) negative: bool,
    /// Digits before the point, at least one, no leading zero.
    pub(super) whole: &'a [u8],
    /// Digits after the point; empty when there is no point.
    pub(super) fraction: &'a [u8],
    /// The digits of the exponent with its sign; empty when there is none.
    pub(super) exponent: &'a [u8],
}

/// A number of at most 18 digits, and not zero with a sign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Short {
    /// All digits as an integer.
    pub(super) digits: i64,
    /// How many of them stand behind the point.
    pub(super) fraction: usize,
}

impl<'a> Cursor<'a> {
    /// At the first byte. `scratch` takes the text of strings that are not plain.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> Self {
        Self { bytes, at: 0, scratch }
    }

    /// The offset of the next byte.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a place that was passed.
    #[inline]
    pub(super) fn back(&mut self, at: usize) {
        self.at = at;
    }

    /// The next byte, white space skipped.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte > b' ' => Some(byte),
            _ => self.peek_behind_space(),
        }
    }

    #[cold]
    fn peek_behind_space(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Passes this byte when it is the next one.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        if self.peek() != Some(byte) {
            return false;
        }
        self.at += 1;
        true
    }

    /// Passes these bytes when they come next, without skipping white space inside of them.
    #[inline]
    pub(super) fn take_all(&mut self, text: &[u8]) -> bool {
        self.peek();
        let found = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(text));
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// The same for a text that is looked for often.
    #[inline]
    pub(super) fn take_prefix(&mut self, prefix: &Prefix) -> bool {
        self.peek();
        let found = self.bytes.get(self.at..).is_some_and(|rest| prefix.begins(rest));
        self.at += if found { prefix.len() } else { 0 };
        found
    }

    /// Passes this byte, which must come next.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Read {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected(format_args!("'{}'", char::from(byte)))) }
    }

    /// Passes the opening bracket of `what`.
    #[inline]
    pub(super) fn open(&mut self, bracket: u8, what: &str) -> Read {
        if self.take(bracket) { Ok(()) } else { Err(self.unexpected(what)) }
    }

    /// After an item: true at a comma, false at the end of the array or object.
    #[inline]
    pub(super) fn more(&mut self, close: u8) -> Read<bool> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.unexpected(format_args!("',' or '{}'", char::from(close)))),
        }
    }

    /// Nothing but white space may be left.
    pub(super) fn end(&mut self) -> Read {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Fault::new(self.at, "bytes follow the end of the row")),
        }
    }

    /// Passes `null` when it comes next.
    #[inline]
    pub(super) fn null(&mut self) -> bool {
        self.peek() == Some(b'n') && self.take_all(b"null")
    }

    /// `true` or `false`.
    #[inline]
    pub(super) fn boolean(&mut self) -> Read<bool> {
        if self.take_all(b"true") {
            Ok(true)
        } else if self.take_all(b"false") {
            Ok(false)
        } else {
            Err(self.unexpected("true or false"))
        }
    }

    /// An integer of at most 18 digits in one pass; `None`, and nothing passed, for any other number. White space is
    /// passed already.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call costs as much as the work")]
    pub(super) fn short_integer(&mut self) -> Option<i64> {
        self.short(false).map(|number| number.digits)
    }

    /// A number without an exponent and of at most 18 digits in all, in one pass; `None`, and nothing passed, for any
    /// other number. White space is passed already.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call costs as much as the work")]
    pub(super) fn short_decimal(&mut self) -> Option<Short> {
        self.short(true)
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call costs as much as the work")]
    fn short(&mut self, with_point: bool) -> Option<Short> {
        let negative = self.bytes.get(self.at) == Some(&b'-');
        let start = self.at + usize::from(negative);
        let (mut digits, mut end) = leading_digits(self.bytes, start, 0);
        let (mut count, mut fraction) = (end - start, 0);
        // A zero with more behind it is none of JSON's numbers.
        if count == 0 || (count > 1 && self.bytes[start] == b'0') {
            return None;
        }
        if with_point && self.bytes.get(end) == Some(&b'.') {
            let point = end + 1;
            (digits, end) = leading_digits(self.bytes, point, digits);
            fraction = end - point;
            count += fraction;
            if fraction == 0 {
                return None;
            }
        }
        if count > MAX_SHORT || matches!(self.bytes.get(end), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        let digits = digits.cast_signed();
        if negative && digits == 0 {
            return None;
        }
        self.at = end;
        Some(Short { digits: if negative { -digits } else { digits }, fraction })
    }

    /// A number, checked against JSON's grammar.
    #[inline]
    pub(super) fn number(&mut self) -> Read<Number<'a>> {
        match self.peek() {
            Some(b'-' | b'0'..=b'9') => {}
            _ => return Err(self.unexpected("a number")),
        }
        let rest = &self.bytes[self.at..];
        match Number::scan(rest) {
            Some(number) => {
                self.at += number.text.len();
                Ok(number)
            }
            None => Err(Fault::new(self.at, "not a JSON number")),
        }
    }

    /// The text of a string, its escapes resolved. White space is passed already.
    #[inline]
    pub(super) fn text(&mut self) -> Read<&[u8]> {
        self.open_string()?;
        if let Some(end) = self.simple_end() {
            let start = std::mem::replace(&mut self.at, end + 1);
            return Ok(&self.bytes[start..end]);
        }
        let mut scratch = std::mem::take(self.scratch);
        scratch.clear();
        let read = self.rest_of_string(&mut scratch);
        *self.scratch = scratch;
        read?;
        Ok(self.scratch)
    }

    /// Appends the text of a string to `out`. After a fault `out` may hold a part of it. White space is passed already.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call for a short string costs as much as reading it")]
    pub(super) fn text_into(&mut self, out: &mut Vec<u8>) -> Read {
        if let Some((b'"', rest)) = self.bytes.get(self.at..).and_then(<[u8]>::split_first)
            && let Some(chunk) = rest.first_chunk()
            && let Some(length) = short_text(chunk)
        {
            // A copy of fixed size, cut back, is faster than a call.
            let whole = out.len() + length;
            out.extend_from_slice(chunk);
            out.truncate(whole);
            self.at += length + 2;
            return Ok(());
        }
        self.long_text_into(out)
    }

    /// The same for any string.
    #[inline(never)]
    fn long_text_into(&mut self, out: &mut Vec<u8>) -> Read {
        self.open_string()?;
        if let Some(end) = self.simple_end() {
            append(out, self.bytes, self.at, end);
            self.at = end + 1;
            return Ok(());
        }
        self.rest_of_string(out)
    }

    /// Passes a value of any kind. What strings hold is not looked at: this tells whether bytes are JSON by their form.
    pub(super) fn skip(&mut self) -> Read {
        self.skip_at(0)
    }

    /// Bytes that are passed already.
    pub(super) fn passed(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// A fault at the next byte.
    #[cold]
    pub(super) fn unexpected(&mut self, wanted: impl std::fmt::Display) -> Fault {
        let found = match self.peek() {
            None => "the end of the row".to_owned(),
            Some(b'"') => "a string".to_owned(),
            Some(b'[') => "an array".to_owned(),
            Some(b'{') => "an object".to_owned(),
            Some(b'-' | b'0'..=b'9') => "a number".to_owned(),
            Some(b't') => "true".to_owned(),
            Some(b'f') => "false".to_owned(),
            Some(b'n') => "null".to_owned(),
            Some(b) if b",:]}".contains(&b) => format!("'{}'", char::from(b)),
            // The byte itself may be one of a value.
            Some(_) => "something else".to_owned(),
        };
        Fault::new(self.at, format!("expected {wanted}, found {found}"))
    }
}

impl<'a> Number<'a> {
    /// The number at the start of `bytes`, or `None` when JSON's grammar knows no such number.
    #[inline]
    pub(super) fn scan(bytes: &'a [u8]) -> Option<Self> {
        let negative = bytes.first() == Some(&b'-');
        let start = usize::from(negative);
        let mut at = digits(bytes, start);
        let whole = &bytes[start..at];
        if whole.is_empty() || (whole.len() > 1 && whole[0] == b'0') {
            return None;
        }
        let mut fraction: &[u8] = &[];
        if bytes.get(at) == Some(&b'.') {
            let end = digits(bytes, at + 1);
            fraction = &bytes[at + 1..end];
            at = end;
            if fraction.is_empty() {
                return None;
            }
        }
        let mut exponent: &[u8] = &[];
        if let Some(b'e' | b'E') = bytes.get(at) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let end = digits(bytes, at + 1 + sign);
            if end == at + 1 + sign {
                return None;
            }
            exponent = &bytes[at + 1..end];
            at = end;
        }
        Some(Self { text: &bytes[..at], negative, whole, fraction, exponent })
    }

    /// Has neither point nor exponent.
    #[inline]
    pub(super) fn is_integer(&self) -> bool {
        self.fraction.is_empty() && self.exponent.is_empty()
    }
}

/// Digits that an `i64` always holds.
const MAX_SHORT: usize = 18;

/// The end of the run of digits from `at`.
#[inline]
fn digits(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

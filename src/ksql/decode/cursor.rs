//! The bytes of a row, read from left to right as JSON tokens.
//!
//! ```text
//! ["v0", 1.2 ,{"A":1}]
//!       ^ at            everything left of it is understood, nothing right of it is looked at twice
//! ```
//!
//! It knows JSON and nothing of types, columns or ksqlDB.

use memchr::memchr2;

use super::fault::{Fault, Read};
use super::scan::{Prefix, append, find_control, find_mark, leading_digits, short_text};

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

    #[inline]
    fn open_string(&mut self) -> Read {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(self.unexpected("a string"));
        }
        self.at += 1;
        Ok(())
    }

    /// The closing quote of the string that is open here, when all that it holds stands for itself.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call costs as much as the work")]
    fn simple_end(&self) -> Option<usize> {
        let (end, ascii) = find_mark(self.bytes, self.at)?;
        let simple = self.bytes.get(end) == Some(&b'"')
            && (ascii || std::str::from_utf8(&self.bytes[self.at..end]).is_ok());
        simple.then_some(end)
    }

    /// Appends from here to the closing quote.
    fn rest_of_string(&mut self, out: &mut Vec<u8>) -> Read {
        loop {
            let end = self.plain_run()?;
            out.extend_from_slice(&self.bytes[self.at..end]);
            self.at = end + 1;
            if self.bytes[end] == b'"' {
                return Ok(());
            }
            let character = self.escape(end)?;
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// The end of the run of plain characters from here: the place of a quote or of a backslash.
    fn plain_run(&self) -> Read<usize> {
        let rest = &self.bytes[self.at..];
        let Some(length) = memchr2(b'"', b'\\', rest) else {
            return Err(Fault::new(self.bytes.len(), "a string without an end"));
        };
        let run = &rest[..length];
        if let Err(error) = std::str::from_utf8(run) {
            return Err(Fault::new(self.at + error.valid_up_to(), "not UTF-8"));
        }
        if let Some(control) = find_control(run) {
            return Err(Fault::new(self.at + control, "a control character in a string"));
        }
        Ok(self.at + length)
    }

    /// The character of the escape whose backslash, at `start`, is passed.
    fn escape(&mut self, start: usize) -> Read<char> {
        let letter = self.bytes.get(self.at).copied();
        self.at += 1;
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => return Err(Fault::new(start, "an escape that JSON does not have")),
        })
    }

    /// The character of `\uXXXX` or of two that are a surrogate pair.
    fn unicode(&mut self, start: usize) -> Read<char> {
        let lone = || Fault::new(start, "half of a surrogate pair");
        let first = self.unit(start)?;
        let code = match first {
            0xD800..=0xDBFF => {
                if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                    return Err(lone());
                }
                self.at += 2;
                match self.unit(start)? {
                    second @ 0xDC00..=0xDFFF => 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00),
                    _ => return Err(lone()),
                }
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(lone)
    }

    /// Four hexadecimal digits.
    fn unit(&mut self, start: usize) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.bytes.get(self.at).and_then(|&b| char::from(b).to_digit(16));
            let Some(digit) = digit else {
                return Err(Fault::new(start, "an escape that JSON does not have"));
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn skip_at(&mut self, depth: usize) -> Read {
        if depth > MAX_DEPTH {
            return Err(Fault::new(self.at, format!("more than {MAX_DEPTH} levels")));
        }
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'-' | b'0'..=b'9') => self.number().map(|_| ()),
            Some(b't' | b'f') => self.boolean().map(|_| ()),
            Some(b'[') => self.skip_items(b']', depth),
            Some(b'{') => self.skip_items(b'}', depth),
            _ if self.null() => Ok(()),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn skip_string(&mut self) -> Read {
        self.open_string()?;
        loop {
            match self.bytes.get(self.at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
                None => return Err(Fault::new(self.bytes.len(), "a string without an end")),
                Some(length) if self.bytes[self.at + length] == b'"' => {
                    self.at += length + 1;
                    return Ok(());
                }
                Some(length) => self.at += length + 2,
            }
        }
    }

    fn skip_items(&mut self, close: u8, depth: usize) -> Read {
        self.at += 1;
        if self.take(close) {
            return Ok(());
        }
        loop {
            if close == b'}' {
                self.peek();
                self.skip_string()?;
                self.expect(b':')?;
            }
            self.skip_at(depth + 1)?;
            if !self.more(close)? {
                return Ok(());
            }
        }
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

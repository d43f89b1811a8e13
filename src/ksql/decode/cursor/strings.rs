//! Strings with their escapes, and values that are passed over.

use memchr::memchr2;

use super::{Cursor, MAX_DEPTH};
use crate::ksql::decode::fault::{Fault, Read};
use crate::ksql::decode::known::HALF_PAIR;
use crate::ksql::decode::scan::{find_control, find_mark};

impl Cursor<'_> {
    #[inline]
    pub(super) fn open_string(&mut self) -> Read {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(self.unexpected("a string"));
        }
        self.at += 1;
        Ok(())
    }

    /// The closing quote of the string that is open here, when all that it holds stands for itself.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a call costs as much as the work")]
    pub(super) fn simple_end(&self) -> Option<usize> {
        let (end, ascii) = find_mark(self.bytes, self.at)?;
        let simple = self.bytes.get(end) == Some(&b'"')
            && (ascii || std::str::from_utf8(&self.bytes[self.at..end]).is_ok());
        simple.then_some(end)
    }

    /// Appends from here to the closing quote.
    pub(super) fn rest_of_string(&mut self, out: &mut Vec<u8>) -> Read {
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
    pub(super) fn plain_run(&self) -> Read<usize> {
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
    pub(super) fn escape(&mut self, start: usize) -> Read<char> {
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
        let lone = || Fault::new(start, HALF_PAIR);
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

    pub(super) fn skip_at(&mut self, depth: usize) -> Read {
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

    pub(super) fn skip_string(&mut self) -> Read {
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

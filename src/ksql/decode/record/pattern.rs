//! Patterns of Java's `DateTimeFormatter` for a timestamp column: the letters of plain dates and times, with an offset.
//!
//! A pattern without an offset means the time zone of the server, which nobody tells: it is refused. So are letters that
//! depend on a language (`MMM`, `EEE`).

use chrono::{NaiveDate, TimeDelta};

use crate::{Error, Kind, Result};

/// A pattern, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(char),
    /// A letter and how often it stands.
    Field(char, usize),
}

#[derive(Default)]
struct Found {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    offset_seconds: i64,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| {
            Error::new(
                Kind::Feed,
                format!("the stream's TIMESTAMP_FORMAT {text:?} cannot be followed: {why}"),
            )
            .next("read this feed through ksqlDB: \"read\": \"offsets\"")
        };
        let mut parts = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\'' if rest.next_if_eq(&'\'').is_some() => parts.push(Part::Text('\'')),
                '\'' => loop {
                    match rest.next() {
                        Some('\'') if rest.next_if_eq(&'\'').is_some() => parts.push(Part::Text('\'')),
                        Some('\'') => break,
                        Some(c) => parts.push(Part::Text(c)),
                        None => return Err(refuse("a quote is not closed")),
                    }
                },
                c if c.is_ascii_alphabetic() => {
                    let mut count = 1;
                    while rest.next_if_eq(&c).is_some() {
                        count += 1;
                    }
                    let known = match c {
                        'y' | 'u' => count == 4,
                        'M' | 'd' | 'H' | 'm' | 's' => count == 2,
                        'S' => count <= 9,
                        'X' | 'x' => count <= 3,
                        _ => false,
                    };
                    if !known {
                        return Err(refuse(&format!("it has {}", c.to_string().repeat(count))));
                    }
                    parts.push(Part::Field(c, count));
                }
                '[' | ']' | '{' | '}' | '#' => return Err(refuse("it has optional or reserved parts")),
                c => parts.push(Part::Text(c)),
            }
        }
        let has =
            |letters: &str| parts.iter().any(|p| matches!(p, Part::Field(c, _) if letters.contains(*c)));
        if !has("Xx") {
            return Err(refuse("it has no offset (X), so it means the server's time zone"));
        }
        if !(has("yu") && has("M") && has("d")) {
            return Err(refuse("it has no whole date"));
        }
        Ok(Self(parts))
    }

    /// Milliseconds since 1970 of a text; `None` when it does not follow the pattern.
    pub(super) fn millis(&self, text: &[u8]) -> Option<i64> {
        let mut rest = std::str::from_utf8(text).ok()?;
        let mut found = Found::default();
        for part in &self.0 {
            match *part {
                Part::Text(c) => rest = rest.strip_prefix(c)?,
                Part::Field('X', _) if rest.starts_with('Z') => {
                    rest = &rest[1..];
                }
                Part::Field('X' | 'x', count) => rest = found.offset(rest, count)?,
                Part::Field(letter, count) => {
                    let (digits, after) = rest.split_at_checked(count)?;
                    if !digits.bytes().all(|b| b.is_ascii_digit()) {
                        return None;
                    }
                    found.take(letter, digits)?;
                    rest = after;
                }
            }
        }
        if rest.is_empty() { found.millis() } else { None }
    }
}

impl Found {
    fn take(&mut self, letter: char, digits: &str) -> Option<()> {
        let number: u32 = digits.parse().ok()?;
        match letter {
            'y' | 'u' => self.year = i32::try_from(number).ok(),
            'M' => self.month = Some(number),
            'd' => self.day = Some(number),
            'H' => self.hour = number,
            'm' => self.minute = number,
            's' => self.second = number,
            _ => {
                let missing = 9_u32.checked_sub(u32::try_from(digits.len()).ok()?)?;
                self.nanos = number.checked_mul(10_u32.pow(missing))?;
            }
        }
        Some(())
    }

    /// `+02`, `+0230` or `+02:30`; with one letter the minutes may be missing.
    fn offset<'a>(&mut self, text: &'a str, count: usize) -> Option<&'a str> {
        let sign = match text.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let two = |text: &'a str| -> Option<(i64, &'a str)> {
            let (digits, rest) = text.split_at_checked(2)?;
            (digits.bytes().all(|b| b.is_ascii_digit())).then(|| Some((digits.parse().ok()?, rest)))?
        };
        let (hours, rest) = two(&text[1..])?;
        let (minutes, rest) = match count {
            1 => two(rest).unwrap_or((0, rest)),
            2 => two(rest)?,
            _ => two(rest.strip_prefix(':')?)?,
        };
        if hours > 18 || minutes > 59 {
            return None;
        }
        self.offset_seconds = sign * (hours * 60 + minutes) * 60;
        Some(rest)
    }

    fn millis(&self) -> Option<i64> {
        let date = NaiveDate::from_ymd_opt(self.year?, self.month?, self.day?)?;
        let time = date.and_hms_nano_opt(self.hour, self.minute, self.second, self.nanos)?;
        Some((time.and_utc() - TimeDelta::seconds(self.offset_seconds)).timestamp_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_follow_their_pattern() {
        let pattern = Pattern::parse("yyyy-MM-dd'T'HH:mm:ssX").unwrap();
        let millis = |text: &str| pattern.millis(text.as_bytes());
        assert_eq!(millis("2025-01-15T10:00:00Z"), Some(1_736_935_200_000));
        assert_eq!(millis("2025-01-15T12:00:00+02"), Some(1_736_935_200_000));
        assert_eq!(millis("2025-01-15T12:00:00+0200"), Some(1_736_935_200_000));
        for text in [
            "2025-01-15T10:00:00",
            "2025-02-30T10:00:00Z",
            "",
            "2025-01-15 10:00:00Z",
            "2025-01-15T10:00:00Zx",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
        let fine = Pattern::parse("yyyyMMdd HHmmss.SSS xxx").unwrap();
        assert_eq!(fine.millis(b"20250115 100000.250 +00:00"), Some(1_736_935_200_250));
    }

    #[test]
    fn what_needs_a_zone_or_a_language_is_refused() {
        for text in ["yyyy-MM-dd HH:mm:ss", "dd MMM yyyy X", "yyyy-MM-dd[ HH]X", "HH:mmX", "yyyy-MM-dd'X"] {
            assert_eq!(Pattern::parse(text).unwrap_err().kind(), Kind::Feed, "{text}");
        }
    }
}

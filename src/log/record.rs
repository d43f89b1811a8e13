//! One event of the log and its line, which reads back to the same event.
//!
//! ```text
//! 2025-01-15T14:30:00.123Z INFO  payment_feed exported to the lake rows=5000 note="a \"word\"\n"
//! time, milliseconds, UTC  level feed or -    message              facts
//! ```
//!
//! A part that could be taken for another one, or that holds a control character, stands in quotes: a message with
//! `=`, a value with a space, a feed named `-`. Inside quotes `\"` and `\\` stand for themselves and controls are
//! written out, so no text from outside can break the line or the terminal that shows it.

use std::fmt;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};

use super::escape::{is_control, push_escaped};

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// For those who look for a cause.
    Debug,
    /// What was done.
    Info,
    /// The work went on, and somebody should look.
    Warn,
    /// The work did not go on.
    Error,
}

impl Level {
    /// The word in the line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Debug, Self::Info, Self::Warn, Self::Error].into_iter().find(|level| level.name() == word)
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When, to the millisecond.
    pub time: DateTime<Utc>,
    /// How much it matters.
    pub level: Level,
    /// The feed that it concerns; `None` for the program as a whole.
    pub feed: Option<String>,
    /// What happened, in words.
    pub message: String,
    /// What is known about it. A key is made of ASCII letters, digits, `_`, `-` and `.`.
    pub facts: Vec<(String, String)>,
}

impl Record {
    /// An event without facts; `time` is cut to the millisecond, as the line shows it.
    pub fn new(time: DateTime<Utc>, level: Level, feed: Option<&str>, message: impl Into<String>) -> Self {
        Self {
            time: time.trunc_subsecs(3),
            level,
            feed: feed.map(str::to_owned),
            message: message.into(),
            facts: Vec::new(),
        }
    }

    /// Adds a fact: `.fact("rows", 5000)`.
    #[must_use]
    pub fn fact(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.facts.push((key.to_owned(), value.to_string()));
        self
    }

    /// The value of the first fact named `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.facts.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Reads a line back; `None` when it was not written by [`Record`]'s `Display`.
    pub fn parse(line: &str) -> Option<Self> {
        let mut rest = line.strip_suffix('\n').unwrap_or(line);
        let time = DateTime::parse_from_rfc3339(take_word(&mut rest)?).ok()?;
        // Somebody else's line may be finer than ours.
        let time = time.with_timezone(&Utc).trunc_subsecs(3);
        let level = Level::from_word(take_word(&mut rest)?)?;
        rest = rest.trim_start_matches(' ');
        let feed = if rest.starts_with('"') {
            Some(take_quoted(&mut rest)?)
        } else {
            Some(take_word(&mut rest)?.to_owned()).filter(|word| word != "-")
        };
        rest = rest.strip_prefix(' ').unwrap_or(rest);
        let message = take_message(&mut rest)?;
        let mut facts = Vec::new();
        while !rest.is_empty() {
            rest = rest.strip_prefix(' ')?;
            let (key, after) = rest.split_once('=')?;
            if key.is_empty() || !key.chars().all(is_key_char) {
                return None;
            }
            rest = after;
            let value = if rest.starts_with('"') {
                take_quoted(&mut rest)?
            } else {
                take_until_space(&mut rest).to_owned()
            };
            facts.push((key.to_owned(), value));
        }
        Some(Self { time, level, feed, message, facts })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.time.to_rfc3339_opts(SecondsFormat::Millis, true);
        line.push(' ');
        line.push_str(self.level.name());
        line.push_str(if self.level.name().len() < 5 { "  " } else { " " });
        match self.feed.as_deref() {
            None => line.push('-'),
            Some(feed) => push_value(&mut line, feed, feed == "-"),
        }
        line.push(' ');
        let message = self.message.as_str();
        if message.contains(['=', '"'])
            || message.trim() != message
            || message.is_empty()
            || has_control(message)
        {
            push_quoted(&mut line, message);
        } else {
            line.push_str(message);
        }
        for (key, value) in &self.facts {
            line.push(' ');
            // A key is ours, but a line must read back whatever it is.
            line.extend(key.chars().map(|c| if is_key_char(c) { c } else { '_' }));
            line.push_str(if key.is_empty() { "_=" } else { "=" });
            push_value(&mut line, value, false);
        }
        f.write_str(&line)
    }
}

fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn has_control(text: &str) -> bool {
    text.contains(is_control)
}

/// Appends a single word as it is, anything else in quotes.
fn push_value(line: &mut String, value: &str, quoted: bool) {
    if quoted || value.is_empty() || value.contains([' ', '"']) || has_control(value) {
        push_quoted(line, value);
    } else {
        line.push_str(value);
    }
}

fn push_quoted(line: &mut String, text: &str) {
    line.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            line.push('\\');
        }
        push_escaped(line, c);
    }
    line.push('"');
}

/// The next word, after any spaces before it.
fn take_word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    *rest = rest.trim_start_matches(' ');
    Some(take_until_space(rest)).filter(|word| !word.is_empty())
}

fn take_until_space<'a>(rest: &mut &'a str) -> &'a str {
    let (word, after) = rest.split_at(rest.find(' ').unwrap_or(rest.len()));
    *rest = after;
    word
}

/// A message in quotes, or all words before the first one that holds `=`.
fn take_message(rest: &mut &str) -> Option<String> {
    if rest.starts_with('"') {
        return take_quoted(rest);
    }
    let end = match rest.find('=') {
        None => rest.len(),
        Some(equals) => rest[..equals].rfind(' ')?,
    };
    let (message, after) = rest.split_at(end);
    *rest = after;
    Some(message.to_owned()).filter(|message| !message.is_empty())
}

fn take_quoted(rest: &mut &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = rest.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => out.push(match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let (code, after) = chars.as_str().strip_prefix('{')?.split_once('}')?;
                    chars = after.chars();
                    char::from_u32(u32::from_str_radix(code, 16).ok()?)?
                }
                c @ ('"' | '\\') => c,
                _ => return None,
            }),
            c => out.push(c),
        }
    }
    *rest = chars.as_str();
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_line_reads_as_the_contract_shows_it() {
        let record =
            Record::new(at("2025-01-15T14:30:00.1239Z"), Level::Info, Some("payment_feed"), "exported")
                .fact("rows", 5000)
                .fact("files", 3);
        let line = "2025-01-15T14:30:00.123Z INFO  payment_feed exported rows=5000 files=3";
        assert_eq!(record.to_string(), line);
        assert_eq!(Record::parse(line), Some(record.clone()));
        assert_eq!(record.get("rows"), Some("5000"));
    }

    #[test]
    fn what_came_from_outside_cannot_break_the_line() {
        let record = Record::new(at("2025-01-15T14:30:00Z"), Level::Error, None, "it said a=\"b\"")
            .fact("text", "line one\nline\u{1b}[2J two\u{202e}");
        let line = record.to_string();
        assert_eq!(
            line,
            "2025-01-15T14:30:00.000Z ERROR - \"it said a=\\\"b\\\"\" text=\"line one\\nline\\u{1b}[2J two\\u{202e}\""
        );
        assert_eq!(Record::parse(&line), Some(record));
    }

    #[test]
    fn a_line_with_a_finer_time_reads_as_it_would_be_written() {
        let record = Record::parse("2025-01-15T14:30:00.123456Z INFO  - x").unwrap();
        assert_eq!(Record::parse(&record.to_string()), Some(record));
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "hello",
            "2025-01-15T14:30:00.000Z",
            "2025-01-15T14:30:00.000Z INFO  -",
            "2025-01-15T14:30:00.000Z NOTE  - x",
            "2025-01-15T14:30:00.000Z INFO  - x a=\"open",
            "2025-01-15T14:30:00.000Z INFO  - \"x\\q\"",
        ] {
            assert_eq!(Record::parse(line), None, "{line}");
        }
    }

    prop_compose! {
        fn records()(
            millis in 0_i64..253_402_300_799_999,
            level in prop::sample::select(vec![Level::Debug, Level::Info, Level::Warn, Level::Error]),
            feed in prop::option::of(prop_oneof!["[A-Za-z0-9_-]{1,12}", any::<String>()]),
            message in prop_oneof!["[a-z =\"]{0,20}", any::<String>()],
            facts in prop::collection::vec(("[A-Za-z0-9_.-]{1,8}", prop_oneof!["[a-z =\"\\\\]{0,9}", any::<String>()]), 0..4),
        ) -> Record {
            Record { time: DateTime::from_timestamp_millis(millis).unwrap(), level, feed, message, facts }
        }
    }

    proptest! {
        #[test]
        fn every_record_reads_back_from_one_line(record in records()) {
            let line = record.to_string();
            prop_assert!(!line.contains(is_control), "{line:?}");
            prop_assert_eq!(Record::parse(&line), Some(record), "{}", line);
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>(), tail in "[a-z\"\\\\= u{}]{0,30}") {
            let _ = Record::parse(&text);
            let _ = Record::parse(&format!("2025-01-15T14:30:00.000Z INFO  - {tail}"));
        }
    }
}

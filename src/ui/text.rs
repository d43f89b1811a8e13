//! Text for cells: made safe, cut to a width, and figures in the units that an operator reads.
//!
//! | what | reads |
//! |---|---|
//! | bytes | `12.3 MiB` |
//! | count | `1,234,567`, short `1.2M` |
//! | rate | `84.2k/s` |
//! | age, time left | `5m`, `3h`, `12d` |
//! | elapsed | `1m05s` |
//!
//! Widths are columns of the terminal, by Unicode's rules. It knows no theme and no app.

use std::borrow::Cow;
use std::time::Duration;

use chrono::TimeDelta;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::log::escape::escape_controls;

/// Columns that `text` takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` from outside with its control characters written out, and cut to `columns`; a cut ends in `ellipsis`.
pub fn clip<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    // Four bytes a character and a few combining marks: what is far beyond the columns is not looked at.
    let text = head(text, columns.saturating_mul(8).saturating_add(64));
    let text = escape_controls(text);
    if text.width() <= columns {
        return text;
    }
    let mark = if ellipsis.width() <= columns { ellipsis } else { "" };
    let mut out = take(&text, columns - mark.width()).to_owned();
    out.push_str(mark);
    Cow::Owned(out)
}

/// As [`clip`], keeping the end: for paths, whose end tells most.
pub fn clip_start<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    let text = escape_controls(text);
    if text.width() <= columns {
        return text;
    }
    let mark = if ellipsis.width() <= columns { ellipsis } else { "" };
    let room = columns - mark.width();
    let (mut used, mut start) = (0, text.len());
    for (at, c) in text.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        start = at;
    }
    Cow::Owned(format!("{mark}{}", &text[start..]))
}

/// At most `bytes` bytes of `text`, cut between characters.
fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary_at(bytes)]
}

/// The longest beginning of `text` that takes at most `columns`.
fn take(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns {
            return &text[..at];
        }
    }
    text
}

trait Boundary {
    fn floor_char_boundary_at(&self, at: usize) -> usize;
}

impl Boundary for str {
    fn floor_char_boundary_at(&self, at: usize) -> usize {
        let mut at = at.min(self.len());
        while !self.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// `text` without its first `columns` columns, for a view that is scrolled sideways.
pub fn skip(text: &str, columns: usize) -> &str {
    &text[take(text, columns).len()..]
}

/// Text from outside in lines of at most `columns`, broken at spaces where there are any. Line feeds break lines;
/// other control characters are written out.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let paragraph = escape_controls(paragraph.trim_end_matches('\r'));
        let (mut rest, before): (&str, _) = (&paragraph, lines.len());
        while rest.width() > columns {
            let mut piece = take(rest, columns);
            if piece.is_empty() {
                // A wide character in a single column: it is taken whole, and drawn not at all.
                piece = &rest[..rest.chars().next().map_or(rest.len(), char::len_utf8)];
            }
            let next_is_space = rest[piece.len()..].starts_with(' ');
            if let (false, Some(space)) = (next_is_space, piece.rfind(' ').filter(|at| *at > 0)) {
                piece = &piece[..space];
            }
            lines.push(piece.to_owned());
            rest = rest[piece.len()..].trim_start_matches(' ');
        }
        if !rest.is_empty() || lines.len() == before {
            lines.push(rest.to_owned());
        }
    }
    lines
}

/// `12.3 MiB`
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64, 0);
    // 1023.95 would be rounded to 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `1,234,567`
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `950`, `1.2k`, `84M`: at most five columns.
pub fn short(n: f64) -> String {
    const UNITS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    if !n.is_finite() || n < 0.0 {
        return "?".into();
    }
    let (mut value, mut unit) = (n, 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 99.95 {
        format!("{value:.0}{}", UNITS[unit])
    } else {
        format!("{value:.1}{}", UNITS[unit])
    }
}

/// `84.2k/s`
pub fn rate(per_second: f64) -> String {
    format!("{}/s", short(per_second))
}

/// `now`, `12s`, `5m`, `3h`, `12d`, `2y`: the largest unit alone.
pub fn age(age: TimeDelta) -> String {
    match age.num_seconds() {
        ..=0 => "now".into(),
        s @ 1..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m", s / 60),
        s @ 3600..172_800 => format!("{}h", s / 3600),
        s @ 172_800..63_072_000 => format!("{}d", s / 86_400),
        s => format!("{}y", s / 31_536_000),
    }
}

/// `0.4s`, `42s`, `1m05s`, `2h03m`, `3d04h`
pub fn elapsed(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..10 if time.subsec_millis() >= 100 => format!("{s}.{}s", time.subsec_millis() / 100),
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        s @ 3600..172_800 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        s => format!("{}d{:02}h", s / 86_400, s / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_as_operators_expect() {
        assert_eq!([0, 1023, 1024, 12_900_000, 1_048_575].map(bytes), ["0 B", "1023 B", "1.0 KiB", "12.3 MiB", "1.0 MiB"]);
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!([0.0, 950.0, 1234.0, 84_210.0, 999_999.0, f64::NAN].map(short), ["0", "950", "1.2k", "84.2k", "1.0M", "?"]);
        assert_eq!([0, 59, 60, 7200, 90_000, 172_800].map(|s| age(TimeDelta::seconds(s))), ["now", "59s", "1m", "2h", "25h", "2d"]);
        assert_eq!(age(TimeDelta::seconds(-5)), "now");
        let took = |ms| elapsed(Duration::from_millis(ms));
        assert_eq!([40, 450, 42_000, 65_000, 7_380_000, 273_600_000].map(took), ["0s", "0.4s", "42s", "1m05s", "2h03m", "3d04h"]);
    }

    #[test]
    fn a_cut_never_splits_a_wide_character_and_shows_itself() {
        assert_eq!(clip("transactions", 8, "…"), "transac…");
        assert_eq!(clip("東京都", 4, "…"), "東…");
        assert_eq!(clip("東京都", 6, "…"), "東京都");
        assert_eq!(clip("ab", 0, "…"), "");
        assert_eq!(clip("a\u{1b}[31m", 20, "…"), "a\\u{1b}[31m");
        assert_eq!(clip_start("year=2025/month=01", 9, "…"), "…month=01");
        assert_eq!(clip_start("年月日", 3, "..."), "...");
        assert_eq!(skip("東京", 1), "東京");
        assert_eq!(skip("abc", 5), "");
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("a\nb\tc", 9), ["a", "b\\tc"]);
        assert_eq!(wrap("東京", 1), ["東", "京"]);
        assert_eq!(wrap("", 5), [""]);
    }

    proptest::proptest! {
        #[test]
        fn nothing_is_wider_than_asked(text in ".{0,40}", columns in 0usize..30) {
            proptest::prop_assert!(width(&clip(&text, columns, "…")) <= columns);
            proptest::prop_assert!(width(&clip_start(&text, columns, "...")) <= columns);
            for line in wrap(&text, columns.max(2)) {
                proptest::prop_assert!(width(&line) <= columns.max(2), "{line:?}");
            }
        }
    }
}

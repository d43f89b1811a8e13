//! Text for cells: made safe and cut to a width.
//!
//! Widths are columns of the terminal, by Unicode's rules. It knows no theme and no app.

use std::borrow::Cow;

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

/// As [`clip`], keeping both ends: for names, which begin alike.
pub fn clip_middle(text: &str, columns: usize, ellipsis: &str) -> String {
    let text = escape_controls(text);
    let room = columns.saturating_sub(ellipsis.width());
    if text.width() <= columns || room < 8 {
        return clip(&text, columns, ellipsis).into_owned();
    }
    let start = take(&text, room / 2);
    let end = clip_start(&text[start.len()..], columns - start.width(), ellipsis);
    format!("{start}{end}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_never_splits_a_wide_character_and_shows_itself() {
        assert_eq!(clip("transactions", 8, "…"), "transac…");
        assert_eq!(clip("東京都", 4, "…"), "東…");
        assert_eq!(clip("東京都", 6, "…"), "東京都");
        assert_eq!(clip("ab", 0, "…"), "");
        assert_eq!(clip("a\u{1b}[31m", 20, "…"), "a\\u{1b}[31m");
        assert_eq!(clip_start("year=2025/month=01", 9, "…"), "…month=01");
        assert_eq!(clip_start("年月日", 3, "..."), "...");
        assert_eq!(clip_middle("transaction_stream", 10, "…"), "tran…tream");
        assert_eq!(clip_middle("transaction_stream", 18, "…"), "transaction_stream");
        assert_eq!(clip_middle("transaction_stream", 6, "…"), "trans…");
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
            proptest::prop_assert!(width(&clip_middle(&text, columns, "…")) <= columns);
            proptest::prop_assert!(width(&clip_start(&text, columns, "...")) <= columns);
            for line in wrap(&text, columns.max(2)) {
                proptest::prop_assert!(width(&line) <= columns.max(2), "{line:?}");
            }
        }
    }
}

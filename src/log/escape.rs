//! Text from outside, made safe to show: a terminal or a log line never sees its control characters.
//!
//! | what | becomes |
//! |---|---|
//! | line feed, carriage return, tab | `\n` `\r` `\t` |
//! | other C0, DEL, C1, line and paragraph separator, bidirectional controls | `\u{1b}` and so on |
//!
//! It knows nothing of where the text is shown.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether `c` could move the cursor, colour the screen, break a line or reorder what is read.
pub fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}')
        || ('\u{202A}'..='\u{202E}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// `text` with every control character written out; borrowed when there is none.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    Cow::Owned(out)
}

/// Appends `c`, written out when it is a control character.
pub(super) fn push_escaped(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if is_control(c) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_written_out_and_text_stays() {
        assert_eq!(escape_controls("a\u{1b}[31m\n\u{7f}\u{85}"), "a\\u{1b}[31m\\n\\u{7f}\\u{85}");
        assert_eq!(
            escape_controls("\u{202e}x\u{2066}\u{200f}\u{2028}"),
            "\\u{202e}x\\u{2066}\\u{200f}\\u{2028}"
        );
        assert!(matches!(escape_controls("Zürich – 東京 \\n"), Cow::Borrowed(_)));
    }
}

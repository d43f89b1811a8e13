//! A key as the keymap names it: `ctrl-c`, `G`, `enter`, `space`, `f1`.
//!
//! The terminal's own type stays in `ui`, so that the model can be driven by text: `"ctrl-c".parse::<Key>()`.

use std::fmt;
use std::str::FromStr;

/// The key without its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyCode {
    /// A character, as typed: `g` and `G` are two. The space bar is `Char(' ')`.
    Char(char),
    /// `f1` to `f24`
    F(u8),
    /// `enter`
    Enter,
    /// `esc`
    Esc,
    /// `tab`; backwards it is `shift-tab`.
    Tab,
    /// `backspace`
    Backspace,
    /// `delete`
    Delete,
    /// `insert`
    Insert,
    /// `left`
    Left,
    /// `right`
    Right,
    /// `up`
    Up,
    /// `down`
    Down,
    /// `home`
    Home,
    /// `end`
    End,
    /// `pageup`
    PageUp,
    /// `pagedown`
    PageDown,
}

/// The named keys and their words.
const NAMED: [(&str, KeyCode); 15] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("space", KeyCode::Char(' ')),
];

/// A key with its modifiers. Of a character `shift` is always false: the character tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Which.
    pub code: KeyCode,
    /// With Ctrl.
    pub ctrl: bool,
    /// With Alt.
    pub alt: bool,
    /// With Shift, where the code does not tell it.
    pub shift: bool,
}

impl Key {
    /// A key as a terminal reports it; a character keeps no `shift`, and with Ctrl it is in lower case.
    pub fn new(code: KeyCode, ctrl: bool, alt: bool, shift: bool) -> Self {
        match code {
            KeyCode::Char(c) if ctrl => {
                Self { code: KeyCode::Char(c.to_ascii_lowercase()), ctrl, alt, shift: false }
            }
            KeyCode::Char(_) => Self { code, ctrl, alt, shift: false },
            _ => Self { code, ctrl, alt, shift },
        }
    }

    /// A key without modifiers.
    pub fn plain(code: KeyCode) -> Self {
        Self::new(code, false, false, false)
    }

    /// The character that it types into a field, if it does.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl && !self.alt && !c.is_control() => Some(c),
            _ => None,
        }
    }
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut rest, mut ctrl, mut alt, mut shift) = (text, false, false, false);
        // The last word is the key, also when it is `-` itself.
        while let Some((modifier, after)) =
            rest.split_once('-').filter(|(m, a)| !m.is_empty() && !a.is_empty())
        {
            match modifier {
                "ctrl" => ctrl = true,
                "alt" => alt = true,
                "shift" => shift = true,
                _ => return Err(format!("{text} is no key: {modifier} is not one of ctrl, alt, shift")),
            }
            rest = after;
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() && c != ' ' => {
                KeyCode::Char(if shift { c.to_ascii_uppercase() } else { c })
            }
            _ => NAMED
                .iter()
                .find(|(word, _)| *word == rest)
                .map(|(_, code)| *code)
                .or_else(|| function(rest))
                .ok_or_else(|| {
                    format!("{text} is no key: write a character, ctrl-c, enter, space, pageup or f1")
                })?,
        };
        Ok(Self::new(code, ctrl, alt, shift))
    }
}

fn function(word: &str) -> Option<KeyCode> {
    let n: u8 = word.strip_prefix('f')?.parse().ok()?;
    (1..=24).contains(&n).then_some(KeyCode::F(n))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (is, word) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if is {
                f.write_str(word)?;
            }
        }
        match (NAMED.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((word, _)), _) => f.write_str(word),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, KeyCode::F(n)) => write!(f, "f{n}"),
            // Every other code has a word in the table.
            (None, _) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for text in [
            "ctrl-c",
            "G",
            "enter",
            "space",
            "f1",
            "f12",
            "shift-tab",
            "alt-1",
            "-",
            "ctrl--",
            "/",
            "ctrl-space",
        ] {
            assert_eq!(text.parse::<Key>().unwrap().to_string(), text);
        }
        assert_eq!("shift-g".parse::<Key>(), "G".parse());
        assert_eq!("ctrl-C".parse::<Key>(), "ctrl-c".parse());
        for text in ["", "meta-x", "f0", "f25", "entr", " ", "ctrl-"] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_a_plain_character_is_typed() {
        assert_eq!("G".parse::<Key>().unwrap().typed(), Some('G'));
        assert_eq!("space".parse::<Key>().unwrap().typed(), Some(' '));
        assert_eq!("ctrl-g".parse::<Key>().unwrap().typed(), None);
        assert_eq!("enter".parse::<Key>().unwrap().typed(), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_an_error(text in any::<String>()) {
            if let Ok(key) = text.parse::<Key>() {
                prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key));
            }
        }
    }
}

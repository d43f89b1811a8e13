//! One line of text that somebody types: the filter, the search, a field of a form.

use super::key::{Key, KeyCode};

/// A line and the place in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    text: String,
    /// In characters.
    at: usize,
}

/// No line is longer, so that a paste of a file does no harm.
const LONGEST: usize = 1000;

impl Input {
    /// A line with the cursor at its end.
    pub fn new(text: impl Into<String>) -> Self {
        let text: String = text.into();
        Self { at: text.chars().count(), text }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the cursor is, in characters.
    pub fn cursor(&self) -> usize {
        self.at
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Takes a key; false when it means nothing to a line.
    pub fn key(&mut self, key: Key) -> bool {
        match key.code {
            KeyCode::Char('u') if key.ctrl => {
                self.text = self.text.chars().skip(self.at).collect();
                self.at = 0;
            }
            KeyCode::Char('w') if key.ctrl => {
                let before: String = self.text.chars().take(self.at).collect();
                let kept = before.trim_end().rfind(' ').map_or(0, |i| i + 1);
                let rest: String = self.text.chars().skip(self.at).collect();
                self.text = before.get(..kept).unwrap_or_default().to_owned() + &rest;
                self.at = before.get(..kept).unwrap_or_default().chars().count();
            }
            KeyCode::Char('a') if key.ctrl => self.at = 0,
            KeyCode::Char('e') if key.ctrl => self.at = self.count(),
            KeyCode::Backspace => {
                if self.at > 0 {
                    self.at -= 1;
                    self.remove();
                }
            }
            KeyCode::Delete => self.remove(),
            KeyCode::Left => self.at = self.at.saturating_sub(1),
            KeyCode::Right => self.at = (self.at + 1).min(self.count()),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = self.count(),
            _ => match key.typed() {
                Some(c) => self.insert(c),
                None => return false,
            },
        }
        true
    }

    /// Takes pasted text: line breaks become spaces, other control characters go.
    pub fn paste(&mut self, text: &str) {
        for c in text.trim_end().chars().take(LONGEST) {
            match c {
                '\n' | '\t' => self.insert(' '),
                c if c.is_control() => {}
                c => self.insert(c),
            }
        }
    }

    fn count(&self) -> usize {
        self.text.chars().count()
    }

    fn byte(&self) -> usize {
        self.text.char_indices().nth(self.at).map_or(self.text.len(), |(i, _)| i)
    }

    fn insert(&mut self, c: char) {
        if self.count() < LONGEST {
            self.text.insert(self.byte(), c);
            self.at += 1;
        }
    }

    fn remove(&mut self) {
        let at = self.byte();
        if at < self.text.len() {
            self.text.remove(at);
        }
    }
}

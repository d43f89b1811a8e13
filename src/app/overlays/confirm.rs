//! A question before something dangerous: it names what it is about, carries its effects, and its default is No.

use super::Sheet;
use crate::app::effect::Effect;
use crate::app::key::{Key, KeyCode};

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirm {
    /// `Archive 3 feeds?`
    pub question: String,
    /// What follows from it.
    pub consequence: String,
    /// What it is about, all of it, by name.
    pub targets: Vec<String>,
    /// Yes is in front.
    pub yes: bool,
    /// What is done on Yes.
    pub effects: Vec<Effect>,
    /// What was in front before, and is again after the answer.
    pub behind: Option<Sheet>,
}

impl Confirm {
    /// The answer, once there is one.
    pub(crate) fn key(&mut self, key: Key) -> Option<bool> {
        match key.code {
            KeyCode::Char('c') if key.ctrl => return Some(false),
            KeyCode::Char('y' | 'Y') => return Some(true),
            KeyCode::Char('n' | 'N' | 'q') | KeyCode::Esc => return Some(false),
            KeyCode::Enter => return Some(self.yes),
            KeyCode::Left | KeyCode::Char('h') => self.yes = false,
            KeyCode::Right | KeyCode::Char('l') => self.yes = true,
            KeyCode::Tab => self.yes = !self.yes,
            _ => {}
        }
        None
    }
}

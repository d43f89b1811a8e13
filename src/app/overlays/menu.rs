//! A short list of choices, each with its letter.

use crate::app::effect::Effect;

/// One choice.
#[derive(Debug, Clone, PartialEq)]
pub struct MenuItem {
    /// Its letter.
    pub key: char,
    /// What it is.
    pub text: &'static str,
    /// Its value, escaped, as far as it fits; empty when there is none, and then it cannot be chosen.
    pub preview: String,
    /// What is done.
    pub deed: Option<Effect>,
}

/// The list.
#[derive(Debug, Clone, PartialEq)]
pub struct Menu {
    /// What is chosen.
    pub title: String,
    /// The choices.
    pub items: Vec<MenuItem>,
    /// The cursor.
    pub at: usize,
}

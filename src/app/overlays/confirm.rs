//! A question before something dangerous: it names what it is about, carries its deed, and its default is No.

use crate::app::effect::Effect;

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
    pub deed: Vec<Effect>,
}

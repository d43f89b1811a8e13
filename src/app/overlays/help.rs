//! Help: the keys of the view in front, searched from the first keystroke; enter runs what was found.

use crate::app::input::Input;

/// Its state; its rows come from [`crate::app::view::help`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Help {
    /// What is searched for.
    pub search: Input,
    /// The row of the cursor.
    pub at: usize,
}

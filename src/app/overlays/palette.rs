//! The command palette: every command by a few letters of its name.

use crate::app::input::Input;

/// Its state; its rows come from [`crate::app::view::palette`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Palette {
    /// What is searched for.
    pub search: Input,
    /// The row of the cursor.
    pub at: usize,
}

//! One feed, whole: lines of sections, scrolled as a text.

use super::{Cell, Tone};
use crate::app::App;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub enum DetailLine {
    /// The head of a section.
    Head(String),
    /// A name and its value.
    Field {
        /// The name.
        label: String,
        /// The value.
        value: Cell,
    },
    /// The heads of a small table, with the width of each column.
    Columns(Vec<(&'static str, u16)>),
    /// A row of the small table above.
    Row(Vec<Cell>),
    /// Text.
    Text(String, Tone),
    /// Nothing.
    Blank,
}

/// A window over the lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DetailView {
    /// The feed and its state.
    pub title: String,
    /// The lines of the window.
    pub lines: Vec<DetailLine>,
    /// Index of the first.
    pub first: usize,
    /// Lines in all.
    pub total: usize,
}

/// The window of `height` lines; `None` when no feed is open.
pub fn detail(app: &App, height: usize) -> Option<DetailView> {
    let _ = (app, height);
    None
}

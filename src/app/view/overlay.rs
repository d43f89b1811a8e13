//! Help, palette and form as lists of texts.

use crate::app::{Action, App};

/// One command with its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Which.
    pub action: Action,
    /// Its keys, `e` or `ctrl-b, pageup`; empty when it has none.
    pub keys: String,
    /// Its name, `export-now`.
    pub name: &'static str,
    /// What it does.
    pub text: &'static str,
    /// Where it works.
    pub context: &'static str,
    /// The cursor is here.
    pub cursor: bool,
    /// It cannot be done here and now.
    pub off: bool,
}

/// A list with a search line above.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchView {
    /// What is searched for.
    pub search: String,
    /// The cursor in it, in characters.
    pub at: usize,
    /// The rows of the window.
    pub rows: Vec<KeyRow>,
    /// Index of the first.
    pub first: usize,
    /// Rows that match.
    pub shown: usize,
}

/// One field of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldView {
    /// Its name.
    pub label: &'static str,
    /// Its text.
    pub text: String,
    /// The cursor in it, in characters, when it is in front.
    pub cursor: Option<usize>,
    /// What is wrong with it; empty when nothing is.
    pub problem: String,
}

/// The form of a new feed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormView {
    /// The fields: source, name, kind, description.
    pub fields: Vec<FieldView>,
    /// The server's sources that match, as `name kind format`; the chosen one with `true`.
    pub offers: Vec<(String, bool)>,
    /// Where the offers come from, or why there are none.
    pub note: String,
    /// It can be written.
    pub ready: bool,
}

/// The help of the view in front: the window of `height` rows. Empty when no help is open.
pub fn help(app: &App, height: usize) -> SearchView {
    let _ = (app, height);
    SearchView::default()
}

/// The palette: the window of `height` rows. Empty when it is not open.
pub fn palette(app: &App, height: usize) -> SearchView {
    let _ = (app, height);
    SearchView::default()
}

/// The form of a new feed with at most `offers` offers; `None` when it is not open.
pub fn form(app: &App, offers: usize) -> Option<FormView> {
    let _ = (app, offers);
    None
}

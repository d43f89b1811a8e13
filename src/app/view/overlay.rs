//! Help, palette and form as lists of texts.

use super::text::{escaped, one_line};
use crate::app::input::Input;
use crate::app::overlays::help::rows as rows_of_help;
use crate::app::overlays::palette::rows as rows_of_palette;
use crate::app::overlays::{Field, Overlay};
use crate::app::{Action, App};
use crate::ksql::describe::SourceKind;

/// One command with its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Which.
    pub action: Action,
    /// The action's keys, `e` or `ctrl-b, pageup`; empty when it has none.
    pub keys: String,
    /// The action's name, `export-now`.
    pub name: &'static str,
    /// What it does.
    pub text: &'static str,
    /// Where it works.
    pub context: &'static str,
    /// The cursor is here.
    pub cursor: bool,
    /// The action cannot be done here and now.
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
    /// The field's name.
    pub label: &'static str,
    /// The field's text.
    pub text: String,
    /// The cursor in it, in characters, when it is in front.
    pub cursor: Option<usize>,
    /// What is wrong with it; empty when nothing is.
    pub problem: String,
}

/// The form of a new feed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormView {
    /// The fields: source, name, kind, table format, description.
    pub fields: Vec<FieldView>,
    /// The server's sources that match, as `name kind format`; the chosen one with `true`.
    pub offers: Vec<(String, bool)>,
    /// Where the offers come from, or why there are none.
    pub note: String,
    /// The feed can be written.
    pub ready: bool,
}

/// The window around the cursor.
fn window(app: &App, search: &Input, at: usize, actions: &[Action], height: usize) -> SearchView {
    let height = height.max(1);
    let at = at.min(actions.len().saturating_sub(1));
    let first = (at + 1).saturating_sub(height);
    let here = app.contexts();
    let rows = actions.iter().enumerate().skip(first).take(height);
    let rows = rows.map(|(index, action)| {
        let info = action.info();
        let context = info.contexts.iter().find(|context| here.contains(context));
        let off = context.is_none() || (info.changes && app.setup.read_only) || !app.is_possible(info.action);
        let context = context.or(info.contexts.first());
        let place: Vec<_> = context.into_iter().copied().collect();
        KeyRow {
            action: *action,
            keys: app.setup.keymap.keys_text(&place, *action),
            name: info.name,
            text: info.text,
            context: context.map_or("", |context| context.name()),
            cursor: index == at,
            off,
        }
    });
    SearchView {
        search: escaped(search.text()),
        at: search.cursor(),
        rows: rows.collect(),
        first,
        shown: actions.len(),
    }
}

/// The help of the view in front: the window of `height` rows. Empty when no help is open.
pub fn help(app: &App, height: usize) -> SearchView {
    let Some(Overlay::Help(help)) = &app.overlay else { return SearchView::default() };
    window(app, &help.search, help.at, &rows_of_help(app, help.search.text()), height)
}

/// The palette: the window of `height` rows. Empty when it is not open.
pub fn palette(app: &App, height: usize) -> SearchView {
    let Some(Overlay::Palette(palette)) = &app.overlay else { return SearchView::default() };
    window(app, &palette.search, palette.at, &rows_of_palette(palette.search.text()), height)
}

/// The form of a new feed with at most `offers` offers; `None` when it is not open.
pub fn form(app: &App, offers: usize) -> Option<FormView> {
    let Some(Overlay::Form(form)) = &app.overlay else { return None };
    let problems = app.form_problems(form);
    let tables = form.tables_text();
    let field = |field: Field| {
        let (text, cursor) = match field {
            Field::Source => (form.source.text(), form.source.cursor()),
            Field::Name => (form.name.text(), form.name.cursor()),
            Field::Kind => (form.kind.keyword(), 0),
            Field::Tables => (tables.as_str(), 0),
            Field::Description => (form.description.text(), form.description.cursor()),
        };
        FieldView {
            label: field.name(),
            text: escaped(text),
            cursor: (form.field == field).then_some(cursor),
            problem: problems.iter().find(|(f, _)| *f == field).map(|(_, p)| escaped(p)).unwrap_or_default(),
        }
    };
    let found = app.offers(form);
    // The chosen offer is in the window.
    let first = form.offer.map_or(0, |at| (at + 1).saturating_sub(offers.max(1)));
    let note = match &app.sources {
        None => "asking the server for its streams and tables …".to_owned(),
        Some(Err(error)) => format!("the server does not tell: {}", one_line(error)),
        Some(Ok(_)) => format!("{} streams and tables of the server match", found.len()),
    };
    let shown = found.iter().enumerate().skip(first).take(offers).map(|(at, source)| {
        let kind = match source.kind {
            SourceKind::Stream => "stream",
            SourceKind::Table => "table",
        };
        let text = format!("{} {kind} {}", escaped(&source.name), escaped(&source.value_format));
        (text, form.offer == Some(at))
    });
    Some(FormView {
        fields: Field::ALL.map(field).to_vec(),
        offers: shown.collect(),
        note,
        ready: problems.is_empty(),
    })
}

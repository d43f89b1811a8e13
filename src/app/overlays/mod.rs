//! What lies over a view and takes the keys: at most one at a time. Toasts lie over all and take none.

pub mod confirm;
pub mod form;
pub mod help;
pub mod menu;
pub mod palette;
pub mod sheet;
pub mod toast;

pub use confirm::Confirm;
pub use form::{Field, Form};
pub use help::Help;
pub use menu::{Menu, MenuItem};
pub use palette::Palette;
pub use sheet::Sheet;
pub use toast::{Toast, Toasts};

use super::action::Action;
use super::effect::Effect;
use super::input::Input;
use super::key::{Key, KeyCode};
use super::state::App;

/// The overlay in front.
#[derive(Debug, Clone, PartialEq)]
pub enum Overlay {
    /// The keys of the view: `?`.
    Help(Help),
    /// All commands: `:`.
    Palette(Palette),
    /// A question before something dangerous.
    Confirm(Confirm),
    /// A choice: what to copy.
    Menu(Menu),
    /// A new feed.
    Form(Form),
    /// A text: a day, or findings.
    Sheet(Sheet),
}

/// What a key did to a list with a search line above.
enum Searched {
    Closed,
    Chosen,
    Stays,
}

/// A key in a list with a search line above: every character searches, from the first on.
fn search_key(search: &mut Input, at: &mut usize, len: usize, key: Key) -> Searched {
    let last = len.saturating_sub(1);
    match key.code {
        KeyCode::Esc => return Searched::Closed,
        KeyCode::Char('c') if key.ctrl => return Searched::Closed,
        KeyCode::Enter => return Searched::Chosen,
        KeyCode::Up => *at = at.saturating_sub(1),
        KeyCode::Down => *at = (*at + 1).min(last),
        KeyCode::Char('p') if key.ctrl => *at = at.saturating_sub(1),
        KeyCode::Char('n') if key.ctrl => *at = (*at + 1).min(last),
        KeyCode::PageUp => *at = at.saturating_sub(10),
        KeyCode::PageDown => *at = (*at + 10).min(last),
        _ => {
            if search.key(key) {
                *at = 0;
            }
        }
    }
    Searched::Stays
}

impl App {
    /// The overlay was taken out of the state; it goes back where it stays open.
    pub(crate) fn overlay_key(&mut self, overlay: Overlay, key: Key) -> Vec<Effect> {
        match overlay {
            Overlay::Help(mut help) => {
                let rows = help::rows(self, help.search.text());
                match search_key(&mut help.search, &mut help.at, rows.len(), key) {
                    Searched::Closed => {}
                    Searched::Chosen => return self.perform_chosen(rows.get(help.at).copied()),
                    Searched::Stays => self.overlay = Some(Overlay::Help(help)),
                }
            }
            Overlay::Palette(mut palette) => {
                let rows = palette::rows(palette.search.text());
                match search_key(&mut palette.search, &mut palette.at, rows.len(), key) {
                    Searched::Closed => {}
                    Searched::Chosen => return self.perform_chosen(rows.get(palette.at).copied()),
                    Searched::Stays => self.overlay = Some(Overlay::Palette(palette)),
                }
            }
            Overlay::Confirm(mut confirm) => match confirm.key(key) {
                Some(yes) => return self.answered(confirm, yes),
                None => self.overlay = Some(Overlay::Confirm(confirm)),
            },
            Overlay::Menu(mut menu) => match menu.key(key) {
                menu::Answer::Closed => {}
                menu::Answer::Chosen(at) => return self.choose(menu, at),
                menu::Answer::Stays => self.overlay = Some(Overlay::Menu(menu)),
            },
            Overlay::Form(form) => return self.form_key(form, key),
            Overlay::Sheet(sheet) => return self.sheet_key(sheet, key),
        }
        Vec::new()
    }

    /// A click on a row of the overlay.
    pub(crate) fn overlay_click(&mut self, overlay: Overlay, row: usize) -> Vec<Effect> {
        match overlay {
            Overlay::Help(help) => {
                self.perform_chosen(help::rows(self, help.search.text()).get(row).copied())
            }
            Overlay::Palette(palette) => {
                self.perform_chosen(palette::rows(palette.search.text()).get(row).copied())
            }
            Overlay::Menu(menu) => self.choose(menu, row),
            // A question is answered by keys: a stray click does nothing.
            other @ (Overlay::Confirm(_) | Overlay::Form(_) | Overlay::Sheet(_)) => {
                self.overlay = Some(other);
                Vec::new()
            }
        }
    }

    fn perform_chosen(&mut self, action: Option<Action>) -> Vec<Effect> {
        action.map(|action| self.perform(action)).unwrap_or_default()
    }
}

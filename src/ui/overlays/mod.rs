//! What lies over a view and takes the keys: one box in the middle, and beside it a click closes it.
//!
//! | overlay | drawn by |
//! |---|---|
//! | help, palette | [`keys`] |
//! | question, choice | [`ask`] |
//! | new feed | [`form`] |
//! | day, findings | [`sheet`] |

pub mod ask;
pub mod form;
pub mod keys;
pub mod sheet;

use ratatui::layout::Rect;

use super::canvas::{Canvas, centred};
use super::layout::Form;
use super::theme::Role;
use crate::app::overlays::{Confirm, Menu};
use crate::app::view::{FormView, SearchView, SheetView};
use crate::app::{App, Overlay, Target, view};

/// What lies over the view.
#[derive(Debug)]
pub enum Over {
    /// The keys of the view, searched.
    Help(SearchView),
    /// All commands, searched.
    Palette(SearchView),
    /// A question.
    Confirm(Confirm),
    /// A choice.
    Menu(Menu),
    /// A new feed.
    Form(FormView),
    /// A text.
    Sheet(SheetView),
}

impl Over {
    /// What the model shows over `area`, which is all between tabs and foot.
    pub fn of(app: &App, area: Rect, form: Form) -> Option<Self> {
        Some(match app.overlay.as_ref()? {
            Overlay::Help(_) => Self::Help(view::help(app, keys::rows(area, form))),
            Overlay::Palette(_) => Self::Palette(view::palette(app, keys::rows(area, form))),
            Overlay::Confirm(confirm) => Self::Confirm(confirm.clone()),
            Overlay::Menu(menu) => Self::Menu(menu.clone()),
            Overlay::Sheet(_) => Self::Sheet(view::sheet(app, canvas_size(area))?),
            Overlay::Form(_) => Self::Form(view::form(app, form::offers(area))?),
        })
    }

    /// Draws it.
    pub fn draw(&self, canvas: &mut Canvas<'_>, area: Rect, form: Form) {
        canvas.hit(canvas.area(), Target::Outside);
        match self {
            Self::Help(view) => keys::draw(canvas, area, form, "Help", view),
            Self::Palette(view) => keys::draw(canvas, area, form, "Commands", view),
            Self::Confirm(confirm) => ask::confirm(canvas, area, confirm),
            Self::Menu(menu) => ask::menu(canvas, area, menu),
            Self::Sheet(view) => sheet::draw(canvas, area, form, view),
            Self::Form(view) => form::draw(canvas, area, view),
        }
    }
}

/// The terminal's size around all that is between tabs and foot.
fn canvas_size(area: Rect) -> (u16, u16) {
    (area.width, area.height.saturating_add(3))
}

/// An empty box of at most the given size in the middle of `area`; what is inside, a column free at its sides.
fn open(canvas: &mut Canvas<'_>, area: Rect, width: u16, height: u16, title: &str) -> Rect {
    let place = centred(area, width, height);
    canvas.clear(place);
    canvas.hit(place, None);
    let inside = canvas.frame(place, title, Role::Title);
    Rect { x: inside.x.saturating_add(1), width: inside.width.saturating_sub(2), ..inside }
}

//! What lies over a view and takes the keys: one box in the middle, and beside it a click closes it.
//!
//! | overlay | drawn by |
//! |---|---|
//! | help, palette | [`keys`] |
//! | question, choice | [`ask`] |
//! | new feed | [`form`] |

pub mod ask;
pub mod form;
pub mod keys;

use ratatui::layout::Rect;

use super::canvas::{Canvas, centred};
use super::layout::Form;
use super::theme::Role;
use crate::app::{App, Overlay, Target, view};

/// Draws the overlay in front, if there is one, over `area`: all between tabs and foot.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, form: Form, app: &App) {
    let Some(overlay) = &app.overlay else { return };
    canvas.hit(canvas.area(), Target::Outside);
    match overlay {
        Overlay::Help(_) => keys::draw(canvas, area, form, "Help", |height| view::help(app, height)),
        Overlay::Palette(_) => keys::draw(canvas, area, form, "Commands", |height| view::palette(app, height)),
        Overlay::Confirm(confirm) => ask::confirm(canvas, area, confirm),
        Overlay::Menu(menu) => ask::menu(canvas, area, menu),
        Overlay::Form(_) => {
            if let Some(view) = view::form(app, form::offers(area)) {
                form::draw(canvas, area, &view);
            }
        }
    }
}

/// An empty box of at most the given size in the middle of `area`; what is inside, a column free at its sides.
fn open(canvas: &mut Canvas<'_>, area: Rect, width: u16, height: u16, title: &str) -> Rect {
    let place = centred(area, width, height);
    canvas.clear(place);
    canvas.hit(place, None);
    let inside = canvas.frame(place, title, Role::Title);
    Rect { x: inside.x.saturating_add(1), width: inside.width.saturating_sub(2), ..inside }
}

//! The form of a new feed: its fields with what is wrong with each, and what the server offers.

use ratatui::layout::Rect;

use super::open;
use crate::app::Target;
use crate::app::view::FormView;
use crate::ui::canvas::{Canvas, below, from_left, row, row_from_bottom};
use crate::ui::theme::Role;
use crate::ui::widgets::field::field;

/// Columns for the names of fields.
const LABEL: u16 = 13;
/// Lines beside the offers: the frame, five fields, the note; and where there is room a gap and the hints.
fn fixed(area: Rect) -> u16 {
    if area.height < 14 { 8 } else { 10 }
}

/// Offers that fit.
pub fn offers(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(fixed(area)).min(8))
}

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &FormView) {
    let height = fixed(area) + u16::try_from(offers(area)).unwrap_or(0);
    let inside = open(canvas, area, area.width.saturating_sub(4).min(84), height, "Add a feed");
    let spacious = fixed(area) == 10;
    let mut y = 0;
    for item in &view.fields {
        let line = row(inside, y);
        canvas.put(Rect { width: line.width.min(LABEL), ..line }, item.label, Role::Head);
        let room = from_left(line, LABEL);
        let width = if item.problem.is_empty() { room.width } else { room.width / 2 };
        field(canvas, Rect { width, ..room }, &item.text, item.cursor);
        if !item.problem.is_empty() {
            canvas.put(from_left(room, width + 1), &item.problem, Role::Bad);
        }
        y += 1;
    }
    y += u16::from(spacious);
    canvas.put(row(inside, y), &view.note, Role::Dim);
    let list = below(inside, y + 1);
    let list = Rect { height: list.height.saturating_sub(u16::from(spacious)), ..list };
    for (n, (offer, chosen)) in (0..list.height).zip(&view.offers) {
        let line = row(list, n);
        canvas.put(from_left(line, 2), offer, Role::Text);
        if *chosen {
            canvas.tint(line, Role::Selected);
            canvas.put(line, &canvas.glyphs().cursor.to_string(), Role::Selected);
        }
        canvas.hit(line, Target::Row(usize::from(n)));
    }
    if !spacious {
        return;
    }
    let foot = row_from_bottom(inside, 0);
    let (sign, hint) = if view.ready {
        (Role::Good, "enter writes the feed   tab next field   esc closes")
    } else {
        (Role::Dim, "not complete yet   tab next field   esc closes")
    };
    canvas.put(foot, hint, sign);
}

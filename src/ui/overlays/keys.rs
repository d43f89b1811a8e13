//! Help and palette: a line to search with, and the commands that match, with their keys.

use ratatui::layout::Rect;

use super::open;
use crate::app::Target;
use crate::app::view::{KeyRow, SearchView};
use crate::ui::canvas::{Canvas, below, from_left, row};
use crate::ui::layout::Form;
use crate::ui::theme::Role;
use crate::ui::widgets::field::field;
use crate::ui::widgets::scroll::scroll;

/// Lines of the box.
fn height(area: Rect, form: Form) -> u16 {
    if form == Form::Full { area.height.saturating_sub(2) } else { area.height }
}

/// Commands that are seen over an area.
pub fn rows(area: Rect, form: Form) -> usize {
    // The frame, the search, and a gap where there is room.
    usize::from(height(area, form).saturating_sub(if form == Form::Full { 4 } else { 3 }))
}

/// Draws the list.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, form: Form, title: &str, view: &SearchView) {
    let title = format!("{title}: type to search, enter runs, esc closes");
    let inside = open(canvas, area, 96, height(area, form), &title);
    let search = row(inside, 0);
    let label = canvas.put(search, "search ", Role::Dim);
    let count = format!(" {}", view.shown);
    let room = from_left(search, label);
    let typed = Rect { width: room.width.saturating_sub(8), ..room };
    field(canvas, typed, &view.search, Some(view.at));
    canvas.put_right(from_left(room, typed.width), &count, Role::Dim);
    let list = below(inside, if form == Form::Full { 2 } else { 1 });
    if view.rows.is_empty() {
        canvas.put(list, "nothing is called so", Role::Dim);
    }
    for (n, item) in (0..list.height).zip(&view.rows) {
        let line = row(list, n);
        draw_row(canvas, line, item);
        canvas.hit(line, Target::Row(view.first + usize::from(n)));
    }
    // On the frame, where no text is.
    let track = Rect { x: inside.right().saturating_add(1), width: 1, ..list };
    scroll(canvas, track, view.shown, view.first, view.rows.len());
}

fn draw_row(canvas: &mut Canvas<'_>, line: Rect, item: &KeyRow) {
    let narrow = line.width < 60;
    let keys = if narrow { 9 } else { 18 };
    let (key, text) = if item.off { (Role::Dim, Role::Dim) } else { (Role::Key, Role::Text) };
    let cursor = if item.cursor { canvas.glyphs().cursor } else { ' ' };
    canvas.put(line, &cursor.to_string(), Role::Title);
    let line = from_left(line, 2);
    canvas.put(Rect { width: line.width.min(keys), ..line }, &item.keys, key);
    let rest = from_left(line, keys + 1);
    if narrow {
        canvas.put(rest, item.text, text);
    } else {
        // The name is for the keymap file: it comes where there is room beside what is done.
        let name = if line.width >= 86 { 18 } else { 0 };
        let side = name + 11;
        canvas.put(Rect { width: rest.width.saturating_sub(side), ..rest }, item.text, text);
        let place = from_left(rest, rest.width.saturating_sub(side));
        let note = if item.off { "not now" } else { item.context };
        canvas.put(Rect { width: name, ..place }, item.name, Role::Dim);
        canvas.put_right(place, note, Role::Dim);
    }
    if item.cursor {
        canvas.tint(Rect { x: line.x.saturating_sub(2), width: line.width + 2, ..line }, Role::Selected);
    }
}

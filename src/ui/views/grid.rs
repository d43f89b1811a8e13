//! Rows of a file with their columns, scrolled both ways.

use ratatui::layout::Rect;

use crate::app::view::GridView;
use crate::ui::canvas::{Canvas, below, columns, from_left, row};
use crate::ui::theme::Role;
use crate::ui::widgets::rule::rule;
use crate::ui::widgets::scroll::scroll;
use crate::ui::widgets::table::put;

/// Columns for the number of the row, and the gap after it.
const NUMBER: u16 = 9;

/// Rows and columns of the terminal that are there for values.
pub fn window(area: Rect) -> (usize, usize) {
    (usize::from(area.height.saturating_sub(3)), usize::from(area.width.saturating_sub(NUMBER + 2)))
}

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &GridView) {
    let mut notes = Vec::new();
    if view.total_columns > view.columns.len() {
        let last = view.first_column + view.columns.len();
        notes.push((
            format!("columns {} to {last} of {}", view.first_column + 1, view.total_columns),
            Role::Dim,
        ));
    }
    rule(canvas, row(area, 0), &view.title, &notes);
    let body = below(area, 3);
    if view.rows.is_empty() {
        super::empty(canvas, body, &view.empty);
        return;
    }
    let room = Rect { width: area.width.saturating_sub(2), ..area };
    let mut used = NUMBER;
    for (index, column) in view.columns.iter().enumerate() {
        let rest = from_left(room, used);
        let wide = rest.width.min(column.width);
        let place = Rect { width: wide, ..rest };
        put(canvas, row(place, 1), &column.name, column.numeric, Role::Head);
        put(canvas, row(place, 2), &column.arrow_type, column.numeric, Role::Dim);
        let body = below(place, 3);
        for (n, values) in (0..body.height).zip(&view.rows) {
            match values.get(index) {
                Some(Some(value)) => put(canvas, row(body, n), value, column.numeric, Role::Text),
                Some(None) => put(canvas, row(body, n), "NULL", column.numeric, Role::Dim),
                None => {}
            }
        }
        used = used.saturating_add(wide).saturating_add(1);
    }
    for (n, number) in (0..body.height).zip(view.first..).take(view.rows.len()) {
        let line = row(body, n);
        let text = number.to_string();
        let place = Rect { width: (NUMBER - 2).max(columns(&text)).min(line.width), ..line };
        canvas.put_right(place, &text, Role::Dim);
        if usize::from(n) == view.cursor {
            canvas.tint(Rect { width: line.width.saturating_sub(1), ..line }, Role::Selected);
            let sign = canvas.glyphs().cursor.to_string();
            canvas.put(Rect { width: 1, ..line }, &sign, Role::Selected);
        }
        canvas.hit(line, crate::app::Target::Row(usize::try_from(number).unwrap_or(usize::MAX)));
    }
    let total = usize::try_from(view.total).unwrap_or(usize::MAX);
    let first = usize::try_from(view.first).unwrap_or(usize::MAX);
    scroll(canvas, from_left(body, body.width.saturating_sub(1)), total, first, view.rows.len());
}

//! One feed, whole: sections of fields and small tables, scrolled as a text.

use ratatui::layout::Rect;

use super::table::draw_cell;
use crate::app::view::{DetailLine, DetailView};
use crate::ui::canvas::{Canvas, below, from_left, row};
use crate::ui::theme::Role;
use crate::ui::widgets::rule::rule;
use crate::ui::widgets::scroll::scroll;

/// Lines that are seen in an area.
pub fn rows(area: Rect) -> usize {
    usize::from(area.height.saturating_sub(1))
}

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, view: &DetailView) {
    rule(canvas, row(area, 0), &view.title, &[]);
    let body = below(area, 1);
    let room = Rect { width: body.width.saturating_sub(2), ..body };
    // Names take what they need, up to a third of the width.
    let label = if area.width >= 80 { 18 } else { 13 };
    let mut widths: Vec<u16> = Vec::new();
    for (n, line) in (0..body.height).zip(&view.lines) {
        let place = from_left(row(room, n), 1);
        match line {
            DetailLine::Head(text) => {
                canvas.put(place, text, Role::Title);
            }
            DetailLine::Field { label: name, value } => {
                let place = from_left(place, 1);
                canvas.put(Rect { width: place.width.min(label), ..place }, name, Role::Dim);
                draw_cell(canvas, from_left(place, label + 1), value, false, false);
            }
            DetailLine::Columns(heads) => {
                widths = heads.iter().map(|(_, width)| *width).collect();
                for ((name, _), cell) in heads.iter().zip(cells(from_left(place, 1), &widths)) {
                    canvas.put(cell, name, Role::Head);
                }
            }
            DetailLine::Row(values) => {
                // The heads may be above the window: then every column has the same room.
                if widths.len() != values.len() {
                    let each = place.width / u16::try_from(values.len().max(1)).unwrap_or(u16::MAX);
                    widths = vec![each.saturating_sub(1); values.len()];
                }
                for (value, cell) in values.iter().zip(cells(from_left(place, 1), &widths)) {
                    draw_cell(canvas, cell, value, false, false);
                }
            }
            DetailLine::Text(text, tone) => {
                canvas.put(from_left(place, 1), text, Role::from(*tone));
            }
            DetailLine::Blank => {}
        }
    }
    let track = from_left(body, body.width.saturating_sub(1));
    scroll(canvas, track, view.total, view.first, view.lines.len());
}

/// The places of a row's cells, one column apart; the last one has what is left.
fn cells(line: Rect, widths: &[u16]) -> Vec<Rect> {
    let mut used = 0u16;
    let last = widths.len().saturating_sub(1);
    let place = |(n, width): (usize, &u16)| {
        let rest = from_left(line, used);
        used = used.saturating_add(*width).saturating_add(1);
        Rect { width: if n == last { rest.width } else { rest.width.min(*width) }, ..rest }
    };
    widths.iter().enumerate().map(place).collect()
}

//! A text over the view: a day, or what checks found.

use ratatui::layout::Rect;

use super::open;
use crate::app::view::SheetView;
use crate::ui::canvas::{Canvas, row};
use crate::ui::layout::Form;
use crate::ui::widgets::scroll::scroll;

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, form: Form, view: &SheetView) {
    let (width, height) = match form {
        Form::Full => (area.width.saturating_sub(4).min(112), area.height.saturating_sub(2)),
        _ => (area.width, area.height),
    };
    let inside = open(canvas, area, width, height, &view.title);
    for (n, (line, tone)) in (0..inside.height).zip(&view.lines) {
        canvas.put(row(inside, n), line, crate::ui::theme::Role::from(*tone));
    }
    // On the frame, where no text is.
    let track = Rect { x: inside.right().saturating_add(1), width: 1, ..inside };
    scroll(canvas, track, view.total, view.first, view.lines.len());
}

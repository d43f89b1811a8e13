//! A line across with a title in it and notes at its right end.

use ratatui::layout::Rect;

use crate::ui::canvas::{Canvas, columns, from_left};
use crate::ui::theme::Role;

/// `─ title ──────────── note ─`. The title has the room first; a note without room is left out.
pub fn rule(canvas: &mut Canvas<'_>, area: Rect, title: &str, notes: &[(String, Role)]) {
    let area = Rect { height: area.height.min(1), ..area };
    canvas.repeat(area, canvas.glyphs().border[0], Role::Border);
    let mut used = 1;
    if !title.is_empty() {
        let room = from_left(area, 1);
        let room = Rect { width: room.width.saturating_sub(1), ..room };
        used += canvas.put(room, &format!(" {title} "), Role::Title);
    }
    let mut end = area.right().saturating_sub(1);
    for (note, role) in notes.iter().rev() {
        let note = format!(" {note} ");
        let wide = columns(&note);
        let Some(x) = end.checked_sub(wide).filter(|x| *x > area.x.saturating_add(used)) else { break };
        canvas.put(Rect { x, width: wide, ..area }, &note, *role);
        end = x.saturating_sub(1);
    }
}

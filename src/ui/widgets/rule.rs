//! A line across with a title in it and notes at its right end.

use ratatui::layout::Rect;

use crate::ui::canvas::{Canvas, columns, from_left};
use crate::ui::theme::Role;

/// `─ title ──────────── note ─`. The title leaves room for the notes, as long as it keeps half of the width; the
/// first note is the one that stays longest.
pub fn rule(canvas: &mut Canvas<'_>, area: Rect, title: &str, notes: &[(String, Role)]) {
    let area = Rect { height: area.height.min(1), ..area };
    canvas.repeat(area, canvas.glyphs().border[0], Role::Border);
    let half = area.width / 2;
    let title_wide = columns(title).saturating_add(3);
    // Each with a blank at both sides and a piece of the line after it.
    let wide = |note: &str| columns(note).saturating_add(3);
    let mut room = area.width.saturating_sub(title_wide.min(half));
    let mut end = area.right().saturating_sub(1);
    let kept: Vec<_> = notes
        .iter()
        .take_while(|(note, _)| {
            let fits = wide(note) < room;
            room = room.saturating_sub(wide(note));
            fits
        })
        .collect();
    for (note, role) in kept.into_iter().rev() {
        let wide = wide(note) - 1;
        end = end.saturating_sub(wide);
        canvas.put(Rect { x: end, width: wide, ..area }, &format!(" {note} "), *role);
        end = end.saturating_sub(1);
    }
    if !title.is_empty() {
        let place = from_left(area, 1);
        let width = end.saturating_sub(place.x).min(place.width.saturating_sub(1));
        canvas.put(Rect { width, ..place }, &format!(" {title} "), Role::Title);
    }
}

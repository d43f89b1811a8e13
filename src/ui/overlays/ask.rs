//! A question before something dangerous, which names what it is about, and a short list of choices.

use ratatui::layout::Rect;

use super::open;
use crate::app::Target;
use crate::app::overlays::{Confirm, Menu};
use crate::ui::canvas::{Canvas, columns, from_left, row, row_from_bottom};
use crate::ui::text;
use crate::ui::theme::Role;

/// Draws the question. No stands first, and is what enter means until somebody chooses otherwise.
pub fn confirm(canvas: &mut Canvas<'_>, area: Rect, confirm: &Confirm) {
    let width = area.width.saturating_sub(4).min(72);
    let inner = usize::from(width.saturating_sub(4));
    let consequence = text::wrap(&confirm.consequence, inner);
    let all = consequence.len() + confirm.targets.len() + 5;
    let height = u16::try_from(all).unwrap_or(u16::MAX).min(area.height);
    let inside = open(canvas, area, width, height, &confirm.question);
    let mut y = 0;
    // The buttons, and what it is about, are seen whatever is said of it.
    let said = usize::from(inside.height).saturating_sub(1 + confirm.targets.len().min(1));
    for line in consequence.iter().take(said) {
        canvas.put(row(inside, y), line, Role::Text);
        y += 1;
    }
    y += u16::from(inside.height > y + 3);
    // Below the targets: a gap where there is room, and the buttons.
    let room = inside.height.saturating_sub(y + 1 + u16::from(inside.height > y + 3));
    let more = confirm.targets.len() > usize::from(room);
    let named = if more { usize::from(room).saturating_sub(1) } else { confirm.targets.len() };
    for target in confirm.targets.iter().take(named) {
        canvas.put(from_left(row(inside, y), 2), target, Role::Marked);
        y += 1;
    }
    if more {
        let rest = confirm.targets.len() - named;
        canvas.put(from_left(row(inside, y), 2), &format!("and {rest} more"), Role::Dim);
    }
    buttons(canvas, row_from_bottom(inside, 0), confirm.yes);
}

fn buttons(canvas: &mut Canvas<'_>, area: Rect, yes: bool) {
    let mut used = 0;
    for (text, chosen) in [("No", !yes), ("Yes", yes)] {
        let text = if chosen { format!("[ {text} ]") } else { format!("  {text}  ") };
        let role = if chosen { Role::Selected } else { Role::Text };
        used += canvas.put(from_left(area, used), &text, role) + 1;
    }
    let hint = "y yes   n no   enter takes the one chosen";
    let rest = from_left(area, used + 2);
    if columns(hint) <= rest.width {
        canvas.put_right(rest, hint, Role::Dim);
    }
}

/// Draws the choices.
pub fn menu(canvas: &mut Canvas<'_>, area: Rect, menu: &Menu) {
    let width = area.width.saturating_sub(4).min(84);
    let height = u16::try_from(menu.items.len()).unwrap_or(u16::MAX).saturating_add(2).min(area.height);
    let inside = open(canvas, area, width, height, &menu.title);
    let name = menu.items.iter().map(|item| columns(item.text)).max().unwrap_or(0);
    // Where not all fit, the one of the cursor does.
    let first = (menu.at + 1).saturating_sub(usize::from(inside.height));
    for (n, (index, item)) in (0..inside.height).zip(menu.items.iter().enumerate().skip(first)) {
        let line = row(inside, n);
        let off = item.effect.is_none();
        let cursor = if index == menu.at { canvas.glyphs().cursor } else { ' ' };
        canvas.put(line, &cursor.to_string(), Role::Title);
        canvas.put(from_left(line, 2), &item.key.to_string(), if off { Role::Dim } else { Role::Key });
        canvas.put(from_left(line, 4), item.text, if off { Role::Dim } else { Role::Text });
        let preview = if item.preview.is_empty() { "nothing to copy" } else { item.preview.as_str() };
        canvas.put(from_left(line, 4 + name + 2), preview, Role::Dim);
        if index == menu.at {
            canvas.tint(line, Role::Selected);
        }
        canvas.hit(line, Target::Row(index));
    }
}

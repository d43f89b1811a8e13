//! What is around every view: header, tabs, foot, toasts; and the line of a terminal that is too small.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::app::Target;
use crate::app::view::{FrameView, HealthState, HealthView, Hint, PromptView, Sign, ToastView, Tone};
use crate::ui::canvas::{Canvas, centred, columns, from_left, row, row_from_bottom};
use crate::ui::layout::LEAST;
use crate::ui::text;
use crate::ui::theme::Role;
use crate::ui::widgets::field::field;

/// The first line: the program, the lake, what must not be overlooked, the server.
pub fn header(canvas: &mut Canvas<'_>, area: Rect, view: &FrameView) {
    let mut used = 1;
    used += canvas.put(from_left(area, used), "lakehand", Role::Title) + 1;
    for badge in &view.badges {
        let role = if matches!(badge.tone, Tone::Warn | Tone::Bad) { Role::Badge } else { badge.tone.into() };
        used += canvas.put(from_left(area, used), &format!("[{}]", badge.word), role) + 1;
    }
    let room = from_left(area, used);
    // The lake's path has a third; its end tells most.
    let least = columns(&view.lake).min(room.width / 3);
    let server = server(canvas, &view.health, usize::from(room.width.saturating_sub(least + 3)));
    let wide = server.iter().map(|(piece, _)| columns(piece)).sum::<u16>();
    let lake = room.width.saturating_sub(wide + 3);
    let cut = text::clip_start(&view.lake, usize::from(lake), canvas.glyphs().ellipsis).into_owned();
    canvas.put(Rect { width: lake, ..room }, &cut, Role::Text);
    let mut right = from_left(room, room.width.saturating_sub(wide + 1));
    for (piece, role) in &server {
        right = from_left(right, canvas.put(right, piece, *role));
    }
}

/// The server in pieces that fit into `width`: sign and word first, then what it says, when, and where it is.
fn server(canvas: &Canvas<'_>, health: &HealthView, width: usize) -> Vec<(String, Role)> {
    let (sign, word, role) = match health.state {
        HealthState::Unknown => (Sign::Queued, "asking", Role::Dim),
        HealthState::Good => (Sign::Good, "up", Role::Good),
        HealthState::Stale => (Sign::Waiting, "stale", Role::Warn),
        HealthState::Bad => (Sign::Failed, "down", Role::Bad),
    };
    let mut pieces = vec![(format!("{} {word}", canvas.glyphs().sign(sign)), role)];
    let mut left = width.saturating_sub(text::width(&pieces[0].0));
    // The time before the words: a stale value must be known as such.
    let asides = [(&health.last, Role::Dim), (&health.text, Role::Text), (&health.url, Role::Dim)];
    for (aside, role) in asides {
        let wide = text::width(aside) + 2;
        if aside.is_empty() {
            continue;
        }
        // A long reason is cut rather than left out.
        if wide > left && (left < 20 || health.state != HealthState::Bad) {
            continue;
        }
        let cut = text::clip(aside, left.saturating_sub(2), canvas.glyphs().ellipsis).into_owned();
        left = left.saturating_sub(text::width(&cut) + 2);
        pieces.push((format!("  {cut}"), role));
    }
    pieces
}

/// The line of tabs, and what is at work.
pub fn tabs(canvas: &mut Canvas<'_>, area: Rect, view: &FrameView) {
    let names: u16 = view.tabs.iter().map(|tab| columns(&tab.title) + 2).sum();
    // Side by side where they would not fit with a gap.
    let gap = u16::from(names + 4 <= area.width);
    let mut used = 0;
    for tab in &view.tabs {
        let (text, role) = if tab.active {
            (format!("[{}]", tab.title), Role::Tab)
        } else {
            (format!(" {} ", tab.title), Role::Text)
        };
        let place = from_left(area, used);
        let wide = canvas.put(place, &text, role);
        canvas.hit(Rect { width: wide, ..place }, Target::Tab(tab.tab));
        used += wide + gap;
    }
    let rest = from_left(area, used + 1);
    let rest = Rect { width: rest.width.saturating_sub(1), ..rest };
    // A figure that is cut is worse than none.
    if columns(&view.work) <= rest.width {
        canvas.put_right(rest, &view.work, Role::Running);
    }
}

/// The last line: what is being typed, or the keys that mean something here.
pub fn foot(canvas: &mut Canvas<'_>, area: Rect, view: &FrameView) {
    match &view.prompt {
        Some(prompt) => draw_prompt(canvas, area, prompt),
        None => hints(canvas, area, &view.hints),
    }
}

fn draw_prompt(canvas: &mut Canvas<'_>, area: Rect, prompt: &PromptView) {
    let label = canvas.put(from_left(area, 1), &format!("{}: ", prompt.label), Role::Title) + 1;
    let room = from_left(area, label);
    let note = columns(&prompt.note).min(room.width / 2);
    let typed = Rect { width: room.width.saturating_sub(note + 2), ..room };
    field(canvas, typed, &prompt.text, Some(prompt.cursor));
    let rest = from_left(room, typed.width + 1);
    canvas.put_right(Rect { width: rest.width.saturating_sub(1), ..rest }, &prompt.note, Role::Dim);
}

/// As many hints as fit; the one for help always, since it leads to the others.
fn hints(canvas: &mut Canvas<'_>, area: Rect, all: &[Hint]) {
    let wide = |hint: &Hint| columns(&hint.key) + 1 + columns(hint.text) + 2;
    let is_help = |hint: &Hint| hint.action == crate::app::Action::Help;
    let mut kept = all.iter().filter(|hint| is_help(hint)).map(wide).sum::<u16>();
    let mut used = 1;
    let mut full = false;
    for hint in all {
        if is_help(hint) {
            kept = kept.saturating_sub(wide(hint));
        } else {
            full |= used + kept + wide(hint) > area.width.saturating_add(2);
            if full {
                continue;
            }
        }
        let place = from_left(area, used);
        let mut taken = canvas.put(place, &hint.key, Role::Key) + 1;
        taken += canvas.put(from_left(place, taken), hint.text, Role::Dim);
        canvas.hit(Rect { width: taken.min(place.width), ..place }, Target::Hint(hint.action));
        used = used.saturating_add(taken).saturating_add(2);
    }
}

/// Messages above the foot, at the right side, the newest lowest; a long one is cut.
pub fn toasts(canvas: &mut Canvas<'_>, area: Rect, all: &[ToastView]) {
    let mut from_bottom = 0;
    // On a small screen the newest alone, and short: the list below it matters too.
    let (most, high) = if area.height < 18 { (1, 2) } else { (4, 3) };
    for toast in all.iter().rev().take(most) {
        let (sign, role) = match toast.tone {
            Tone::Bad => (Sign::Failed, Role::Bad),
            Tone::Warn => (Sign::Invalid, Role::Warn),
            Tone::Good => (Sign::Good, Role::Good),
            _ => (Sign::Idle, Role::Running),
        };
        let inner = usize::from(area.width.saturating_sub(6).min(76));
        let mut lines = text::wrap(&toast.text, inner);
        if lines.len() > high {
            lines.truncate(high);
            if let Some(last) = lines.last_mut() {
                last.push_str(canvas.glyphs().ellipsis);
            }
        }
        let widest = lines.iter().map(|line| columns(line)).max().unwrap_or(0);
        let wide = (widest + 4).min(area.width);
        let style = canvas.style(role).add_modifier(Modifier::REVERSED);
        for (n, line) in lines.iter().enumerate().rev() {
            let strip = row_from_bottom(area, from_bottom);
            let place = from_left(strip, area.width - wide);
            canvas.clear(place);
            canvas.repeat(place, ' ', style);
            if n == 0 {
                canvas.put(from_left(place, 1), &canvas.glyphs().sign(sign).to_string(), style);
            }
            canvas.put(from_left(place, 3), line, style);
            from_bottom += 1;
        }
    }
}

/// A terminal that is too small: what is needed, as far as it fits.
pub fn tiny(canvas: &mut Canvas<'_>) {
    let area = canvas.area();
    let (width, height) = LEAST;
    let long = format!("lakehand needs {width}x{height}; this is {}x{}", area.width, area.height);
    let short = format!("{width}x{height}");
    let text = if columns(&long) <= area.width { long } else { short };
    let place = row(centred(area, area.width, 1), 0);
    canvas.put_centre(place, &text, Role::Warn);
}

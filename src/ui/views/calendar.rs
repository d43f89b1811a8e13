//! The days of a dataset as shades: a week is a column, Monday on top, and a missing day is seen at once.
//!
//! ```text
//!      Jan 2025    Feb
//! Mon    ░░ ▒▒ ▓▓ ██ ×× ▒▒
//! Tue    ▒▒ ▓▓ ██ ▓▓ ▒▒ ░░
//! ```

use ratatui::layout::Rect;

use crate::app::view::{CalendarView, DayCell};
use crate::ui::canvas::{Canvas, below, columns, from_left, row};
use crate::ui::layout::Form;
use crate::ui::theme::Role;
use crate::ui::widgets::rule::rule;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const HEAT: [Role; 4] = [Role::Heat1, Role::Heat2, Role::Heat3, Role::Heat4];
/// Columns for the name of the weekday.
const LABEL: u16 = 5;

/// Weeks that fit at two columns each.
pub fn weeks(area: Rect) -> usize {
    usize::from(area.width.saturating_sub(LABEL + 1) / 2).max(1)
}

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, form: Form, view: &CalendarView) {
    let mut notes = Vec::new();
    if view.missing > 0 {
        let sign = canvas.glyphs().missing;
        notes.push((format!("{sign} {} missing", view.missing), Role::Missing));
    }
    // Where there is room for a line only, the day under the cursor matters more than the totals.
    let title = if form == Form::Full || view.about.is_empty() { &view.title } else { &view.about };
    rule(canvas, row(area, 0), title, &notes);
    let body = below(area, 1);
    if view.weeks.is_empty() {
        super::empty(canvas, body, &view.empty);
        return;
    }
    let count = u16::try_from(view.weeks.len()).unwrap_or(u16::MAX);
    let wide = (area.width.saturating_sub(LABEL + 1) / count.max(1)).clamp(2, 6);
    let high = if area.height >= 22 && wide >= 4 { 2 } else { 1 };
    let top = if form == Form::Full { below(body, 1) } else { body };
    months(canvas, row(top, 0), view, wide);
    let days = below(top, 1);
    for (n, name) in (0..).zip(DAYS) {
        let rest = below(days, n * high);
        let line = Rect { height: rest.height.min(high), ..rest };
        canvas.put(from_left(line, 1), name, Role::Dim);
        for (week, x) in
            view.weeks.iter().zip((0..).map(|w: u16| LABEL.saturating_add(w.saturating_mul(wide))))
        {
            let place = from_left(line, x);
            let place = Rect { width: place.width.min(wide), ..place };
            if let Some(day) = week[usize::from(n)] {
                draw_day(canvas, place, day);
            }
        }
    }
    let rest = below(days, 7 * high + u16::from(form == Form::Full));
    canvas.put(from_left(row(rest, 0), 1), &view.about, Role::Text);
    legend(canvas, from_left(below(rest, 2), 1), view);
}

fn months(canvas: &mut Canvas<'_>, area: Rect, view: &CalendarView, wide: u16) {
    let at = |week: usize| u16::try_from(week).unwrap_or(u16::MAX).saturating_mul(wide).saturating_add(LABEL);
    for (n, (week, name)) in view.months.iter().enumerate() {
        // A name may reach to the next; where it would run into it, the month alone, or nothing.
        let end = view.months.get(n + 1).map_or(area.width, |(next, _)| at(*next));
        let room = end.saturating_sub(at(*week));
        let month = name.split(' ').next().unwrap_or_default();
        let shown = [name, month].into_iter().find(|text| columns(text) < room);
        canvas.put(from_left(area, at(*week)), shown.unwrap_or_default(), Role::Head);
    }
}

fn draw_day(canvas: &mut Canvas<'_>, area: Rect, day: DayCell) {
    let (sign, role) = match day.level.checked_sub(1) {
        None => (canvas.glyphs().missing, Role::Missing),
        Some(level) => {
            let level = usize::from(level).min(3);
            (canvas.glyphs().heat[level], HEAT[level])
        }
    };
    // A column stays free between days.
    canvas.repeat(Rect { width: area.width.saturating_sub(1), ..area }, sign, role);
    let gap = from_left(row(area, 0), area.width.saturating_sub(1));
    if let Some(place) = day.place {
        canvas.put(gap, &canvas.glyphs().sign(place).to_string(), Role::Dim);
    }
    if day.cursor {
        canvas.tint(area, Role::Selected);
        // A sign too, in the gap: the shades of some terminals hide what is below them.
        canvas.put(gap, "<", Role::Selected);
    }
}

/// The signs with what they mean: how much a day holds, then where it lies.
fn legend(canvas: &mut Canvas<'_>, area: Rect, view: &CalendarView) {
    let glyphs = canvas.glyphs();
    let signs = [
        (glyphs.missing, Role::Missing),
        (glyphs.heat[0], HEAT[0]),
        (glyphs.heat[1], HEAT[1]),
        (glyphs.heat[2], HEAT[2]),
        (glyphs.heat[3], HEAT[3]),
    ];
    let amounts: Vec<_> =
        signs.into_iter().zip(&view.legend).map(|((sign, role), text)| (sign, role, text.as_str())).collect();
    let places: Vec<_> =
        view.places.iter().map(|(sign, text)| (glyphs.sign(*sign), Role::Dim, *text)).collect();
    let used = signs_with_words(canvas, area, &amounts);
    signs_with_words(canvas, below(area, used), &places);
}

/// Side by side where that fits, else one below the other; gives the lines that it took.
fn signs_with_words(canvas: &mut Canvas<'_>, area: Rect, all: &[(char, Role, &str)]) -> u16 {
    let wide: u16 = all.iter().map(|(_, _, text)| columns(text) + 5).sum();
    let across = wide <= area.width.saturating_add(3);
    let mut used = 0;
    for (n, (sign, role, text)) in (0..).zip(all) {
        let line = if across { from_left(row(area, 0), used) } else { row(area, n) };
        let wide = canvas.put(line, &sign.to_string(), *role) + 1;
        used += wide + canvas.put(from_left(line, wide), text, Role::Dim) + 3;
    }
    if across { 1 } else { u16::try_from(all.len()).unwrap_or(u16::MAX) }
}

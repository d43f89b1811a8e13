//! Amounts as lengths: bars, gauges and sparklines.
//!
//! ```text
//! bar        ██████▍              a share of the longest
//! gauge      ██████▍░░░░░░░       how much is done
//! sparkline  ▁▁▂▃▅▇█▆▅▅           the last rates, newest at the right
//! ```

use ratatui::layout::Rect;

use crate::ui::canvas::Canvas;
use crate::ui::theme::Role;

/// A bar of `fraction` (0 to 1) of the area's width; anything above nothing shows at least its smallest part.
pub fn bar(canvas: &mut Canvas<'_>, area: Rect, fraction: f64, role: Role) {
    let text = filled(canvas, area.width, fraction);
    canvas.put(area, &text, role);
}

/// A bar with its trough.
pub fn gauge(canvas: &mut Canvas<'_>, area: Rect, fraction: f64, role: Role) {
    let trough = canvas.glyphs().trough;
    canvas.repeat(Rect { height: area.height.min(1), ..area }, trough, Role::Border);
    bar(canvas, area, fraction, role);
}

fn filled(canvas: &Canvas<'_>, width: u16, fraction: f64) -> String {
    let glyphs = canvas.glyphs();
    // NaN and what is out of bounds come from divisions by nothing: an empty or a full bar.
    let fraction = if fraction.is_nan() { 0.0 } else { fraction.clamp(0.0, 1.0) };
    let steps = glyphs.eighths.len() + 1;
    let all = usize::from(width) * steps;
    let parts = whole(fraction * all as f64, all);
    let parts = if fraction > 0.0 { parts.max(1) } else { 0 };
    let (full, part) = (parts / steps, parts % steps);
    let mut text: String = std::iter::repeat_n(glyphs.full, full).collect();
    if let Some(sign) = part.checked_sub(1).and_then(|i| glyphs.eighths.get(i)) {
        text.push(*sign);
    }
    text
}

/// The last values at the right end, each as high as its share of the largest.
pub fn sparkline(canvas: &mut Canvas<'_>, area: Rect, values: &[u64], role: Role) {
    let levels = canvas.glyphs().spark;
    let shown = &values[values.len().saturating_sub(usize::from(area.width))..];
    let top = shown.iter().copied().max().unwrap_or(0);
    let text: String = shown
        .iter()
        .map(|value| {
            let share = if top > 0 { *value as f64 / top as f64 } else { 0.0 };
            // The lowest level is kept for nothing at all.
            let level = if share > 0.0 {
                whole(share * (levels.len() - 1) as f64, levels.len() - 1).max(1)
            } else {
                0
            };
            levels.get(level).copied().unwrap_or(' ')
        })
        .collect();
    canvas.put_right(area, &text, role);
}

/// A value from 0 to `top` as a whole number; what is none of these is 0 or `top`.
pub(crate) fn whole(value: f64, top: usize) -> usize {
    if value.is_nan() || value <= 0.0 {
        return 0;
    }
    // Bounded by `top`, so that neither sign nor digits can be lost.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rounded = value.min(top as f64).round() as usize;
    rounded.min(top)
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;

    use super::*;
    use crate::app::ThemeName;
    use crate::ui::theme::Theme;

    fn drawn(width: u16, ascii: bool, draw: impl Fn(&mut Canvas<'_>, Rect)) -> String {
        let theme = Theme::named(ThemeName::Mono).ascii(ascii);
        let area = Rect::new(0, 0, width, 1);
        let mut buffer = Buffer::empty(area);
        draw(&mut Canvas::new(&mut buffer, &theme), area);
        buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        let bar_of = |f, ascii| drawn(4, ascii, |c, a| bar(c, a, f, Role::Bar));
        assert_eq!(
            [0.0, 0.001, 0.5, 0.6, 1.0, 7.0].map(|f| bar_of(f, false)),
            ["    ", "▏   ", "██  ", "██▍ ", "████", "████"]
        );
        assert_eq!(
            [0.0, 0.001, 0.5, 1.0, f64::NAN].map(|f| bar_of(f, true)),
            ["    ", "#   ", "##  ", "####", "    "]
        );
        assert_eq!(drawn(4, false, |c, a| gauge(c, a, 0.5, Role::Bar)), "██░░");
        assert_eq!(drawn(0, false, |c, a| gauge(c, a, 0.5, Role::Bar)), "");
    }

    #[test]
    fn a_sparkline_shows_the_newest_at_the_right() {
        let of = |values: &[u64]| drawn(4, false, |c, a| sparkline(c, a, values, Role::Bar));
        assert_eq!(of(&[]), "    ");
        assert_eq!(of(&[0, 8]), "  ▁█");
        assert_eq!(of(&[9, 0, 1, 4, 8]), "▁▂▅█");
        assert_eq!(of(&[0, 0]), "  ▁▁");
    }
}

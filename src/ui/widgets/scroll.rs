//! How much of a list is seen: a thumb on a track at the right side.

use ratatui::layout::Rect;

use super::meter::whole;
use crate::ui::canvas::{Canvas, row};
use crate::ui::theme::Role;

/// Draws the indicator into a column of cells; nothing when all of the list is seen.
pub fn scroll(canvas: &mut Canvas<'_>, area: Rect, total: usize, first: usize, seen: usize) {
    if total <= seen || area.is_empty() {
        return;
    }
    let [thumb, track] = canvas.glyphs().scroll;
    let height = usize::from(area.height);
    let length = whole(height as f64 * seen as f64 / total as f64, height).max(1);
    let start = whole((height - length) as f64 * first as f64 / (total - seen) as f64, height - length);
    for n in 0..area.height {
        let on = (start..start + length).contains(&usize::from(n));
        canvas.repeat(row(area, n), if on { thumb } else { track }, Role::Border);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::{Buffer, Cell};

    use super::*;
    use crate::app::ThemeName;
    use crate::ui::theme::Theme;

    fn drawn(total: usize, first: usize) -> String {
        let theme = Theme::named(ThemeName::Mono);
        let area = Rect::new(0, 0, 1, 5);
        let mut buffer = Buffer::empty(area);
        scroll(&mut Canvas::new(&mut buffer, &theme), area, total, first, 5);
        buffer.content().iter().map(Cell::symbol).collect()
    }

    #[test]
    fn the_thumb_is_where_the_window_is() {
        assert_eq!(drawn(5, 0), "     ");
        assert_eq!(drawn(10, 0), "███││");
        assert_eq!(drawn(10, 5), "││███");
        assert_eq!(drawn(20_000, 0), "█││││");
        assert_eq!(drawn(20_000, 19_995), "││││█");
    }
}

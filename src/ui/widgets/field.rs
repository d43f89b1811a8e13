//! A line that is being typed: scrolled so that its cursor is seen. The cursor is drawn, so that it is there in every
//! terminal and in every capture.

use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::log::escape::escape_controls;
use crate::ui::canvas::{Canvas, columns, from_left};
use crate::ui::text;
use crate::ui::theme::Role;

/// Draws `content` with the cursor before its character `at`; without a cursor it is not in front.
pub fn field(canvas: &mut Canvas<'_>, area: Rect, content: &str, at: Option<usize>) {
    let area = Rect { height: area.height.min(1), ..area };
    canvas.repeat(area, ' ', Role::Input);
    let Some(at) = at else {
        canvas.put(area, content, Role::Input);
        return;
    };
    let split = content.char_indices().nth(at).map_or(content.len(), |(byte, _)| byte);
    let (before, after) = content.split_at(split);
    let before = escape_controls(before);
    // A column is kept for a cursor at the end, and one more in case a wide character is under it.
    let room = usize::from(area.width).saturating_sub(2);
    let hidden = text::width(&before).saturating_sub(room);
    let seen = if hidden > 0 { text::skip(&before, hidden) } else { &before };
    // Cutting a wide character in half leaves one column too many.
    let seen = if text::width(seen) > room { text::skip(seen, 2) } else { seen };
    let mut x = canvas.put(area, seen, Role::Input);
    let mut rest = after.chars();
    let under: String = rest
        .next()
        .map_or_else(|| " ".to_owned(), |c| escape_controls(c.encode_utf8(&mut [0; 4])).into_owned());
    let place = from_left(area, x);
    let style = canvas.style(Role::Input).add_modifier(Modifier::REVERSED);
    x += canvas.put(Rect { width: place.width.min(columns(&under)), ..place }, &under, style);
    canvas.put(from_left(area, x), rest.as_str(), Role::Input);
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::{Buffer, Cell};

    use super::*;
    use crate::app::ThemeName;
    use crate::ui::theme::Theme;

    #[test]
    fn the_cursor_is_always_seen() {
        let theme = Theme::named(ThemeName::Mono);
        for (content, at, expected) in [
            ("", 0, ' '),
            ("abc", 3, ' '),
            ("abc", 0, 'a'),
            ("a long line that does not fit", 29, ' '),
            ("a long line that does not fit", 2, 'l'),
            ("東京東京東京東京", 7, '京'),
        ] {
            let area = Rect::new(0, 0, 10, 1);
            let mut buffer = Buffer::empty(area);
            field(&mut Canvas::new(&mut buffer, &theme), area, content, Some(at));
            let under: Vec<&Cell> =
                buffer.content().iter().filter(|c| c.modifier.contains(Modifier::REVERSED)).collect();
            assert_eq!(
                under.first().map(|c| c.symbol()),
                Some(expected.to_string().as_str()),
                "{content} {at}"
            );
        }
    }
}

//! Where a view writes: a frame's cells with a theme, and the places that a mouse can hit.
//!
//! Every write is clipped to its area and to the frame, so that no size of the terminal can make drawing fail; every
//! text has its control characters written out; under `--ascii` what is beyond ASCII is replaced here, once for all.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::glyphs::{Glyphs, to_ascii};
use super::hit::{HitMap, Target};
use super::text;
use super::theme::{Role, Theme};

/// Cells, looks and places.
#[derive(Debug)]
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
    hits: HitMap,
}

impl<'a> Canvas<'a> {
    /// A canvas over a frame's buffer.
    pub fn new(buffer: &'a mut Buffer, theme: &'a Theme) -> Self {
        Self { buffer, theme, hits: HitMap::default() }
    }

    /// The whole area.
    pub fn area(&self) -> Rect {
        self.buffer.area
    }

    /// How a role looks.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// The signs.
    pub fn glyphs(&self) -> &'static Glyphs {
        self.theme.glyphs()
    }

    /// What the mouse can hit.
    pub fn into_hits(self) -> HitMap {
        self.hits
    }

    /// Says that a click into `area` means `target`, or nothing.
    pub fn hit(&mut self, area: Rect, target: impl Into<Option<Target>>) {
        let area = area.intersection(self.buffer.area);
        if !area.is_empty() {
            self.hits.push(area, target.into());
        }
    }

    /// Writes one line at the upper left of `area`, cut to its width with an ellipsis; the columns that it took.
    pub fn put(&mut self, area: Rect, content: &str, style: impl Into<Look>) -> u16 {
        let area = area.intersection(self.buffer.area);
        if area.is_empty() {
            return 0;
        }
        let style = style.into().resolve(self.theme);
        let cut = text::clip(content, usize::from(area.width), self.glyphs().ellipsis);
        let cut = if self.theme.is_ascii() { ascii(cut) } else { cut };
        let (end, _) = self.buffer.set_stringn(area.x, area.y, &cut, usize::from(area.width), style);
        end.saturating_sub(area.x)
    }

    /// As [`Canvas::put`], at the right end.
    pub fn put_right(&mut self, area: Rect, content: &str, style: impl Into<Look>) -> u16 {
        let area = area.intersection(self.buffer.area);
        let cut = text::clip(content, usize::from(area.width), self.glyphs().ellipsis);
        let wide = columns(&cut).min(area.width);
        self.put(Rect { x: area.right() - wide, width: wide, ..area }, &cut, style)
    }

    /// As [`Canvas::put`], in the middle.
    pub fn put_centre(&mut self, area: Rect, content: &str, style: impl Into<Look>) -> u16 {
        let wide = columns(content).min(area.width);
        let x = area.x.saturating_add((area.width - wide) / 2);
        self.put(Rect { x, width: area.right().saturating_sub(x), ..area }, content, style)
    }

    /// Writes pieces one after another; the columns that they took.
    pub fn put_all(&mut self, area: Rect, pieces: &[(&str, Look)]) -> u16 {
        let mut used = 0;
        for (content, look) in pieces {
            used += self.put(from_left(area, used), content, *look);
        }
        used
    }

    /// One sign `n` times from the left.
    pub fn repeat(&mut self, area: Rect, sign: char, style: impl Into<Look>) {
        let area = area.intersection(self.buffer.area);
        let style = style.into().resolve(self.theme);
        let mut bytes = [0; 4];
        let symbol: &str = sign.encode_utf8(&mut bytes);
        for position in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.set_symbol(symbol).set_style(style);
            }
        }
    }

    /// Lays a style over what is written in `area`.
    pub fn tint(&mut self, area: Rect, style: impl Into<Look>) {
        let style = style.into().resolve(self.theme);
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }

    /// Empties `area`.
    pub fn clear(&mut self, area: Rect) {
        for position in area.intersection(self.buffer.area).positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
            }
        }
    }

    /// Draws a box with a title around `area`; what is inside.
    pub fn frame(&mut self, area: Rect, title: &str, role: Role) -> Rect {
        let area = area.intersection(self.buffer.area);
        if area.width < 2 || area.height < 2 {
            return Rect { width: 0, height: 0, ..area };
        }
        let [h, v, tl, tr, br, bl] = self.glyphs().border;
        let (left, right, top, bottom) = (area.x, area.right() - 1, area.y, area.bottom() - 1);
        let border = self.style(role);
        self.repeat(Rect { height: 1, ..area }, h, border);
        self.repeat(Rect { y: bottom, height: 1, ..area }, h, border);
        self.repeat(Rect { width: 1, ..area }, v, border);
        self.repeat(Rect { x: right, width: 1, ..area }, v, border);
        for (x, y, corner) in [(left, top, tl), (right, top, tr), (right, bottom, br), (left, bottom, bl)] {
            self.repeat(Rect { x, y, width: 1, height: 1 }, corner, border);
        }
        if !title.is_empty() {
            let room = Rect { x: left + 1, y: top, width: area.width - 2, height: 1 };
            self.put(room, &format!(" {title} "), Role::Title);
        }
        Rect { x: left + 1, y: top + 1, width: area.width - 2, height: area.height - 2 }
    }
}

/// A role, or a style of its own.
#[derive(Debug, Clone, Copy)]
pub enum Look {
    /// As the theme says.
    Role(Role),
    /// This.
    Style(Style),
}

impl Look {
    fn resolve(self, theme: &Theme) -> Style {
        match self {
            Self::Role(role) => theme.style(role),
            Self::Style(style) => style,
        }
    }
}

impl From<Role> for Look {
    fn from(role: Role) -> Self {
        Self::Role(role)
    }
}

impl From<Style> for Look {
    fn from(style: Style) -> Self {
        Self::Style(style)
    }
}

/// Columns of a text, as a coordinate.
pub fn columns(content: &str) -> u16 {
    u16::try_from(text::width(content)).unwrap_or(u16::MAX)
}

/// `area` without its first `used` columns.
pub fn from_left(area: Rect, used: u16) -> Rect {
    let used = used.min(area.width);
    Rect { x: area.x + used, width: area.width - used, ..area }
}

/// `area` without its first `used` rows.
pub fn below(area: Rect, used: u16) -> Rect {
    let used = used.min(area.height);
    Rect { y: area.y + used, height: area.height - used, ..area }
}

/// The row `n` of `area`, empty beyond its end.
pub fn row(area: Rect, n: u16) -> Rect {
    let rest = below(area, n);
    Rect { height: rest.height.min(1), ..rest }
}

/// The row `n` from the bottom of `area`, empty beyond its end.
pub fn row_from_bottom(area: Rect, n: u16) -> Rect {
    match area.height.checked_sub(n + 1) {
        Some(at) => row(area, at),
        None => Rect { height: 0, ..area },
    }
}

/// A box of at most the given size in the middle of `area`.
pub fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

fn ascii(content: Cow<'_, str>) -> Cow<'_, str> {
    if content.is_ascii() {
        return content;
    }
    let mut out = String::with_capacity(content.len());
    for c in content.chars() {
        let wide = text::width(c.encode_utf8(&mut [0; 4]));
        (0..wide).for_each(|_| out.push(to_ascii(c)));
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::ThemeName;

    #[test]
    fn writes_stay_within_their_area() {
        let theme = Theme::named(ThemeName::Dark);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 2));
        let mut canvas = Canvas::new(&mut buffer, &theme);
        assert_eq!(canvas.put(Rect::new(2, 0, 3, 1), "東京都", Role::Text), 3);
        assert_eq!(canvas.put(Rect::new(4, 1, 100, 1), "abcdef", Role::Text), 2);
        assert_eq!(canvas.put(Rect::new(9, 9, 4, 4), "x", Role::Text), 0);
        canvas.put_right(Rect::new(0, 1, 4, 1), "7", Role::Text);
        let frame = canvas.frame(Rect::new(3, 0, 900, 1), "t", Role::Border);
        assert!(frame.is_empty());
        assert_eq!(buffer, {
            let mut expected = Buffer::with_lines(["  東… ", "   7a…"]);
            expected.set_style(Rect::new(0, 0, 6, 2), Style::new());
            expected
        });
    }

    #[test]
    fn under_ascii_nothing_else_is_drawn() {
        let theme = Theme::named(ThemeName::Dark).ascii(true);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        Canvas::new(&mut buffer, &theme).put(Rect::new(0, 0, 12, 1), "ü – 東京…\u{1b}", Role::Text);
        let text: String = buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(text, "? - ????~\\..");
    }
}

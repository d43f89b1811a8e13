//! A calendar as a grid of shades: a row a month (or a day, or a year), a column a day (or an hour, or a month).
//!
//! ```text
//!          1       5         10        15        20        25        30
//! 2025-01  ░ ░ ▒ ▓ █ ▓ × ▒ ░ ░ ▒ ▓ █ ▓ ▒ ▒ ░ ░ ▒ ▓ █ ▓ ▒ ▒ ░ ░ ▒ ▓ █ ▓ ▒   12.3 GiB
//! ```
//!
//! A cell without data between cells with data has a sign and a look of its own, so that a gap is seen at once. The
//! shades differ by sign too, not by colour alone.

use ratatui::layout::Rect;

use super::meter::whole;
use crate::ui::canvas::{Canvas, columns, from_left, row};
use crate::ui::theme::Role;

/// What a cell of the calendar is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell {
    /// Before the first, after the last, or no day of this month.
    Outside,
    /// Between days with data, and without any.
    Missing,
    /// Its share of the largest, 0 to 1.
    Share(f64),
}

/// How wide things are, for a grid of `across` cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Columns for the row's name.
    pub label: u16,
    /// Columns of a cell, its gap included.
    pub cell: u16,
    /// Cells across.
    pub across: u16,
    /// Columns for the row's total; 0 where there is no room.
    pub total: u16,
}

impl Measure {
    /// As wide as `width` allows; a cell takes one to four columns.
    pub fn of(width: u16, label: u16, across: u16, total: u16) -> Self {
        let across = across.max(1);
        let fits = |total: u16| width.saturating_sub(label + total) / across;
        let total = if fits(total) >= 2 { total } else { 0 };
        Self { label, cell: fits(total).clamp(1, 4), across, total }
    }

    /// The place of a cell in a row.
    pub fn place(self, row: Rect, n: u16) -> Rect {
        let from = from_left(row, self.label.saturating_add(n.saturating_mul(self.cell)));
        Rect { width: from.width.min(self.cell), ..from }
    }

    /// The place of the row's total.
    pub fn total_place(self, row: Rect) -> Rect {
        let used = self.label + self.cell * self.across;
        let from = from_left(row, used);
        Rect { width: from.width.min(self.total), ..from }
    }
}

/// Writes the numbers above the cells, from `first`: every one where there is room, else every fifth.
pub fn heads(canvas: &mut Canvas<'_>, row: Rect, measure: Measure, first: u16) {
    for n in 0..measure.across {
        let number = first + n;
        let all = measure.cell >= 3;
        if all || n == 0 || number % 5 == 0 {
            let text = number.to_string();
            let place = measure.place(row, n);
            let wide = columns(&text).max(place.width.saturating_sub(1));
            let text = if all { format!("{text:>wide$}", wide = usize::from(wide)) } else { text };
            canvas.put(Rect { width: row.right().saturating_sub(place.x).min(wide), ..place }, &text, Role::Head);
        }
    }
}

/// Draws one cell.
pub fn cell(canvas: &mut Canvas<'_>, area: Rect, cell: Cell) {
    let (sign, role) = look(canvas, cell);
    // One column stays free between cells where there is room.
    let width = if area.width > 1 { area.width - 1 } else { area.width };
    let place = Rect { width, height: area.height.min(1), ..area };
    if cell == Cell::Outside {
        canvas.put_right(place, &sign.to_string(), role);
    } else {
        canvas.repeat(place, sign, role);
    }
}

/// Explains the signs, as far as there is room.
pub fn legend(canvas: &mut Canvas<'_>, area: Rect, least: &str, most: &str) {
    let heat = canvas.glyphs().heat;
    let missing = canvas.glyphs().missing.to_string();
    let roles = [Role::Heat1, Role::Heat2, Role::Heat3, Role::Heat4];
    let mut at = canvas.put(area, &format!("{least} "), Role::Dim);
    for (sign, role) in heat.into_iter().zip(roles) {
        at += canvas.put(from_left(area, at), &sign.to_string(), role);
    }
    at += canvas.put(from_left(area, at), &format!(" {most}   "), Role::Dim);
    at += canvas.put(from_left(area, at), &missing, Role::Missing);
    canvas.put(from_left(area, at), " missing", Role::Dim);
}

fn look(canvas: &Canvas<'_>, cell: Cell) -> (char, Role) {
    let glyphs = canvas.glyphs();
    match cell {
        Cell::Outside => (glyphs.blank, Role::Dim),
        Cell::Missing => (glyphs.missing, Role::Missing),
        Cell::Share(share) => {
            let level = whole((share * 4.0).ceil(), 4).max(1) - 1;
            let roles = [Role::Heat1, Role::Heat2, Role::Heat3, Role::Heat4];
            (glyphs.heat[level.min(3)], roles[level.min(3)])
        }
    }
}

/// The row `n` of a grid whose first row is `top`.
pub fn line(area: Rect, n: usize) -> Rect {
    row(area, u16::try_from(n).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::{Buffer, Cell as Drawn};

    use super::*;
    use crate::ui::theme::Theme;

    #[test]
    fn a_month_fits_from_forty_columns() {
        let widths = |width| {
            let m = Measure::of(width, 8, 31, 10);
            (m.cell, m.total)
        };
        assert_eq!([40, 78, 80, 160].map(widths), [(1, 0), (2, 0), (2, 10), (4, 10)]);
    }

    #[test]
    fn a_gap_has_its_own_sign() {
        let theme = Theme::named("mono");
        let area = Rect::new(0, 0, 20, 2);
        let mut buffer = Buffer::empty(area);
        let mut canvas = Canvas::new(&mut buffer, &theme);
        let measure = Measure::of(20, 0, 6, 0);
        heads(&mut canvas, row(area, 0), measure, 1);
        for (n, c) in [Cell::Outside, Cell::Share(0.01), Cell::Missing, Cell::Share(0.5), Cell::Share(1.0)].into_iter().enumerate() {
            cell(&mut canvas, measure.place(row(area, 1), u16::try_from(n).unwrap()), c);
        }
        let text: Vec<String> =
            buffer.content().chunks(20).map(|line| line.iter().map(Drawn::symbol).collect()).collect();
        assert_eq!(text, [" 1  2  3  4  5  6   ", " · ░░ ×× ▒▒ ██      "]);
    }
}

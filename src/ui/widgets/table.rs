//! Columns by width: which of them have room, how wide they are, and a row of them.
//!
//! ```text
//! width 160   FEED      STATE            KIND    MODE       SIZE      ROWS  LAST
//! width  80   FEED      STATE            KIND    SIZE   ROWS
//! width  40   FEED      STATE
//! ```
//!
//! Columns of the highest rank go first when room is short; those of rank 0 stay. What is left over goes to the columns
//! that grow.

use ratatui::layout::Rect;

use crate::ui::canvas::{Canvas, Look};
use crate::ui::theme::Role;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The column's head.
    pub head: &'static str,
    /// Columns of the terminal that it needs.
    pub min: u16,
    /// Columns of the terminal that its values need to be seen whole: it gets them before others grow, and up to two
    /// fifths of the width before others are shown at all.
    pub want: u16,
    /// Columns of the terminal that it can use.
    pub max: u16,
    /// Numbers stand at the right.
    pub right: bool,
    /// Goes before those of a lower rank when room is short; 0 stays.
    pub rank: u8,
}

impl Column {
    /// A column of text.
    pub const fn text(head: &'static str, min: u16, max: u16, rank: u8) -> Self {
        Self { head, min, want: min, max, right: false, rank }
    }

    /// A column of numbers.
    pub const fn number(head: &'static str, width: u16, rank: u8) -> Self {
        Self { head, min: width, want: width, max: width, right: true, rank }
    }
}

/// A column that has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The column's index among all columns.
    pub index: usize,
    /// Columns of the terminal from the left of the table.
    pub x: u16,
    /// The column's width.
    pub width: u16,
}

/// The columns that have room in `width`, one cell apart.
pub fn fit(columns: &[Column], width: u16, gap: u16) -> Vec<Slot> {
    let most = width / 5 * 2;
    let first: Vec<u16> = columns.iter().map(|c| c.want.min(c.max).min(most).max(c.min)).collect();
    let need = |kept: &[usize]| {
        let gaps = usize::from(gap) * kept.len().saturating_sub(1);
        kept.iter().map(|&i| usize::from(first[i])).sum::<usize>() + gaps
    };
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    while need(&kept) > usize::from(width) {
        // Of one rank the rightmost goes first.
        let Some(at) =
            kept.iter().enumerate().max_by_key(|(at, i)| (columns[**i].rank, *at)).map(|(at, _)| at)
        else {
            break;
        };
        if columns[kept[at]].rank == 0 {
            break;
        }
        kept.remove(at);
    }
    let mut left = usize::from(width).saturating_sub(need(&kept));
    let mut wide: Vec<u16> = kept.iter().map(|&i| first[i]).collect();
    for (wide, &i) in wide.iter_mut().zip(&kept) {
        let more = usize::from(columns[i].want.min(columns[i].max).saturating_sub(*wide)).min(left);
        *wide += u16::try_from(more).unwrap_or(0);
        left -= more;
    }
    while left > 0 {
        let growing: Vec<usize> = (0..kept.len()).filter(|&at| wide[at] < columns[kept[at]].max).collect();
        if growing.is_empty() {
            break;
        }
        let share = (left / growing.len()).max(1);
        for at in growing {
            let more = share.min(left).min(usize::from(columns[kept[at]].max - wide[at]));
            wide[at] += u16::try_from(more).unwrap_or(0);
            left -= more;
        }
    }
    let mut x = 0u16;
    let mut slots = Vec::with_capacity(kept.len());
    for (index, wide) in kept.into_iter().zip(wide) {
        let wide = wide.min(width.saturating_sub(x));
        if wide == 0 {
            break;
        }
        slots.push(Slot { index, x, width: wide });
        x = x.saturating_add(wide).saturating_add(gap);
    }
    slots
}

/// The place of a slot in a row.
pub fn cell(row: Rect, slot: Slot) -> Rect {
    let area = Rect { x: row.x.saturating_add(slot.x), width: slot.width, ..row };
    area.intersection(row)
}

/// Writes the heads; a column that sorts has its sign beside the head. `sort` is the index and whether it descends.
pub fn heads(
    canvas: &mut Canvas<'_>,
    row: Rect,
    columns: &[Column],
    slots: &[Slot],
    sort: Option<(usize, bool)>,
) {
    for slot in slots {
        let column = columns[slot.index];
        let sign = match sort {
            Some((index, down)) if index == slot.index => Some(canvas.glyphs().sort[usize::from(down)]),
            _ => None,
        };
        let head = match sign {
            Some(sign) if column.right => format!("{sign}{}", column.head),
            Some(sign) => format!("{}{sign}", column.head),
            None => column.head.to_owned(),
        };
        put(canvas, cell(row, *slot), &head, column.right, Role::Head);
    }
}

/// Writes a text into its cell, at the side where its column stands.
pub fn put(canvas: &mut Canvas<'_>, area: Rect, content: &str, right: bool, look: impl Into<Look>) {
    if right {
        canvas.put_right(area, content, look);
    } else {
        canvas.put(area, content, look);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column::text("FEED", 10, 30, 0),
        Column::text("STATE", 10, 20, 0),
        Column::number("SIZE", 9, 1),
        Column::number("LAST", 4, 2),
    ];

    fn widths(width: u16) -> Vec<(usize, u16)> {
        fit(&COLUMNS, width, 1).iter().map(|slot| (slot.index, slot.width)).collect()
    }

    #[test]
    fn the_least_important_columns_go_first() {
        assert_eq!(widths(36), [(0, 10), (1, 10), (2, 9), (3, 4)]);
        assert_eq!(widths(35), [(0, 12), (1, 12), (2, 9)]);
        assert_eq!(widths(30), [(0, 15), (1, 14)]);
        assert_eq!(widths(12), [(0, 10), (1, 1)]);
        assert_eq!(widths(10), [(0, 10)]);
        assert_eq!(widths(0), []);
    }

    #[test]
    fn a_name_is_seen_whole_before_less_important_columns() {
        let mut columns = COLUMNS;
        columns[0].want = 25;
        let widths = |width| fit(&columns, width, 1).iter().map(|s| (s.index, s.width)).collect::<Vec<_>>();
        assert_eq!(widths(64), [(0, 30), (1, 18), (2, 9), (3, 4)]);
        assert_eq!(widths(40), [(0, 19), (1, 10), (2, 9)]);
        assert_eq!(widths(30), [(0, 19), (1, 10)]);
    }

    #[test]
    fn room_left_over_goes_to_the_columns_that_grow() {
        assert_eq!(widths(200), [(0, 30), (1, 20), (2, 9), (3, 4)]);
        let slots = fit(&COLUMNS, 66, 1);
        assert!(slots.windows(2).all(|s| s[0].x + s[0].width < s[1].x), "{slots:?}");
    }
}

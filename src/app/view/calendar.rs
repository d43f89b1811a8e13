//! The calendar of a dataset: a week is a column, Monday on top, and a missing day is seen at once.

use chrono::NaiveDate;

use crate::app::App;

/// One day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCell {
    /// Which.
    pub date: NaiveDate,
    /// 1 to 4 by its share of the largest day; 0 is a day without data between the first and the last: missing.
    pub level: u8,
    /// The cursor is here.
    pub cursor: bool,
}

/// A calendar's window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CalendarView {
    /// What it is, with totals.
    pub title: String,
    /// Columns; of each seven days from Monday, `None` before the first and after the last day.
    pub weeks: Vec<[Option<DayCell>; 7]>,
    /// Names of months and years, each with the column above which it stands: `(3, "Feb 2025")`.
    pub months: Vec<(usize, String)>,
    /// About the day under the cursor.
    pub about: String,
    /// What the levels mean: `1 ≤ 1,000 … 4 ≤ 52,000 rows`, 5 texts, the first for a missing day.
    pub legend: Vec<String>,
    /// Days without data between the first and the last.
    pub missing: usize,
    /// In place of the calendar, when there is none to show.
    pub empty: String,
}

/// As many weeks as fit into `weeks` columns, the cursor's among them.
pub fn calendar(app: &App, weeks: usize) -> CalendarView {
    let _ = (app, weeks);
    CalendarView::default()
}

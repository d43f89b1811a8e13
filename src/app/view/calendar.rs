//! The calendar of a dataset: a week is a column, Monday on top, and a missing day is seen at once.

use chrono::{Datelike, Days, NaiveDate};

use super::Sign;
use super::partitions::dataset_title;
use super::text::{count, size};
use crate::app::App;
use crate::app::tiers::Place;
use crate::feed::PartitionPath;

/// One day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCell {
    /// Which.
    pub date: NaiveDate,
    /// 1 to 4 by its share of the largest day; 0 is a day without data between the first and the last: missing.
    pub level: u8,
    /// The cursor is here.
    pub cursor: bool,
    /// Where the day lies, when that is not the lake's disk alone.
    pub place: Option<Sign>,
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
    /// What the signs of places mean; empty where no day has one.
    pub places: Vec<(Sign, &'static str)>,
    /// Days without data between the first and the last.
    pub missing: usize,
    /// In place of the calendar, when there is none to show.
    pub empty: String,
}

fn monday(day: NaiveDate) -> NaiveDate {
    day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))).unwrap_or(day)
}

/// As many weeks as fit into `weeks` columns, the cursor's among them.
pub fn calendar(app: &App, weeks: usize) -> CalendarView {
    let state = &app.partitions;
    let (Some((first, _)), Some((last, _)), Some(cursor)) =
        (state.days.first_key_value(), state.days.last_key_value(), state.day)
    else {
        let empty = "there is no calendar: the folders have no days, or no data yet".to_owned();
        return CalendarView { title: dataset_title(app), empty, ..CalendarView::default() };
    };
    let (first, last) = (*first, *last);
    let value = |(rows, bytes): &(u64, u64)| if state.bytes { *bytes } else { *rows };
    let shown = |value: u64| if state.bytes { size(value) } else { format!("{} rows", count(value)) };
    let largest = state.days.values().map(value).max().unwrap_or(0).max(1);

    // The window ends with the last week, or a third after the cursor.
    let weeks = weeks.max(1);
    let index = |day: NaiveDate| usize::try_from((monday(day) - monday(first)).num_days() / 7).unwrap_or(0);
    let all = index(last) + 1;
    let begin = (index(cursor) + weeks.div_ceil(3)).min(all).saturating_sub(weeks).min(index(cursor));
    let start = monday(first).checked_add_days(Days::new(begin as u64 * 7)).unwrap_or(first);

    let mut view = CalendarView {
        title: dataset_title(app),
        missing: usize::try_from((last - first).num_days() + 1).unwrap_or(0).saturating_sub(state.days.len()),
        ..CalendarView::default()
    };
    let mut month = None;
    for week in 0..weeks.min(all - begin) {
        let mut column = [None; 7];
        for (weekday, cell) in column.iter_mut().enumerate() {
            let Some(date) = start.checked_add_days(Days::new((week * 7 + weekday) as u64)) else { continue };
            if date < first || date > last {
                continue;
            }
            let level = state.days.get(&date).map_or(0, |day| level(value(day), largest));
            *cell = Some(DayCell {
                date,
                level,
                cursor: date == cursor,
                place: state.places.get(&date).map(|place| place.sign()),
            });
            // A month's name stands above the week in which it begins, and above the first week.
            if month != Some(date.month()) {
                let format = if month.is_none() || date.month() == 1 { "%b %Y" } else { "%b" };
                view.months.push((week, date.format(format).to_string()));
                month = Some(date.month());
            }
        }
        view.weeks.push(column);
    }
    view.legend = vec!["missing".to_owned()];
    view.legend.extend((1..=4).map(|level| format!("≤ {}", shown(largest * level / 4))));
    let there = |place: &Place| state.places.values().any(|known| known == place);
    let places = [Place::Cold, Place::Both, Place::Late].into_iter().filter(there);
    view.places = places.map(|place| (place.sign(), place.meaning())).collect();
    view.about = match state.days.get(&cursor) {
        Some(day) => {
            let place =
                state.places.get(&cursor).map_or(String::new(), |place| format!("{}, ", place.word()));
            let folder = PartitionPath::of_day(cursor).to_string();
            // Place and state first: they are what a narrow screen has room for.
            let state = app.day_state(&folder).map(|day| format!("{}, ", super::days::mark(day).text));
            let replaced = app.day_replaced(&folder).map_or("", |_| ", u puts back what was replaced");
            format!(
                "{cursor}: {place}{}{} rows, {}{replaced}",
                state.unwrap_or_default(),
                count(day.0),
                size(day.1)
            )
        }
        None => format!("{cursor}: missing: no folder for this day"),
    };
    view
}

/// 1 to 4 by the share of the largest day.
fn level(value: u64, largest: u64) -> u8 {
    let quarters = u128::from(value) * 4;
    u8::try_from(quarters.div_ceil(u128::from(largest.max(1)))).unwrap_or(4).clamp(1, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_quarters_and_no_day_with_a_folder_looks_missing() {
        assert_eq!([0, 1, 25, 26, 75, 76, 100].map(|value| level(value, 100)), [1, 1, 1, 2, 3, 4, 4]);
        assert_eq!(level(u64::MAX, u64::MAX), 4);
    }
}

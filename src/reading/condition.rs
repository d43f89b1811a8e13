//! `--from` and `--to` as a condition on the folders' columns.
//!
//! It is made of comparisons of one column with one number, from the year down, and says `year = 2025 AND month = 1`
//! where it can: every engine leaves out folders by such a condition, and none has to add up years and months.

use chrono::{Datelike, Months, NaiveDate};

use super::Dataset;
use crate::feed::FeedKind;
use crate::{Error, Kind, Result};

/// Days of a stream, both ends included; an end that is not there is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Days {
    /// The first day.
    pub from: Option<NaiveDate>,
    /// The last day.
    pub to: Option<NaiveDate>,
}

/// What folders are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// A column compared with a number.
    Is(&'static str, Comparison, i32),
    /// Each of them, two at least.
    All(Vec<Self>),
    /// One of them, two at least.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    AtLeast,
    AtMost,
}

/// How a dialect writes a condition.
pub(super) struct Dialect<'a> {
    /// One comparison: column, operator as in Python, number.
    pub one: &'a dyn Fn(&str, &str, i32) -> String,
    /// Between conditions that all hold.
    pub and: &'a str,
    /// Between conditions of which one holds.
    pub or: &'a str,
    /// The operator for equality.
    pub equal: &'a str,
    /// Before a condition in brackets that must not hold.
    pub not: &'a str,
}

impl Condition {
    /// In the words of a dialect.
    pub(super) fn write(&self, dialect: &Dialect<'_>) -> String {
        let join = |parts: &[Self], word: &str| {
            let parts: Vec<_> = parts
                .iter()
                .map(|part| match part {
                    Self::Is(..) | Self::Not(_) => part.write(dialect),
                    Self::All(_) | Self::Any(_) => format!("({})", part.write(dialect)),
                })
                .collect();
            parts.join(word)
        };
        match self {
            Self::Is(column, comparison, number) => {
                let operator = match comparison {
                    Comparison::Equal => dialect.equal,
                    Comparison::AtLeast => ">=",
                    Comparison::AtMost => "<=",
                };
                (dialect.one)(column, operator, *number)
            }
            Self::Not(part) => format!("{}({})", dialect.not, part.write(dialect)),
            Self::All(parts) => join(parts, dialect.and),
            Self::Any(parts) => join(parts, dialect.or),
        }
    }

    /// In SQL, on columns that are numbers.
    pub(super) fn sql(&self) -> String {
        self.write(&Dialect {
            one: &|column, operator, number| format!("{column} {operator} {number}"),
            and: " AND ",
            or: " OR ",
            equal: "=",
            not: "NOT ",
        })
    }

    /// As a Python expression over columns that `column` makes: `pl.col`, `pc.field`.
    pub(super) fn python(&self, column: &str) -> String {
        self.write(&Dialect {
            one: &|name, operator, number| format!("({column}(\"{name}\") {operator} {number})"),
            and: " & ",
            or: " | ",
            equal: "==",
            not: "~",
        })
    }
}

impl Days {
    /// The condition for the folders of `dataset`; `None` when all are meant.
    ///
    /// # Errors
    ///
    /// `Kind::Usage` when there is no such range, or an end of it lies inside of a folder.
    pub(super) fn condition(self, dataset: &Dataset) -> Result<Option<Condition>> {
        if self == Self::default() {
            return Ok(None);
        }
        if dataset.kind == FeedKind::Table {
            return Err(Error::new(Kind::Usage, "--from and --to are for streams: a table has no days")
                .next("leave them out; the code reads the current version"));
        }
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(Error::new(Kind::Usage, format!("--from {from} is later than --to {to}"))
                .next("give the earlier day to --from"));
        }
        let deepest = Level::of(&dataset.partition_columns)?;
        if let Some(from) = self.from
            && deepest.first(from) != from
        {
            let next = deepest.last(from).succ_opt().unwrap_or(from);
            return Err(inside("--from", from, deepest, deepest.first(from), next));
        }
        if let Some(to) = self.to
            && deepest.last(to) != to
        {
            let before = deepest.first(to).pred_opt().unwrap_or(to);
            return Err(inside("--to", to, deepest, before, deepest.last(to)));
        }
        Ok(between(Level::Year, self.from, self.to))
    }
}

fn inside(flag: &str, day: NaiveDate, level: Level, one: NaiveDate, other: NaiveDate) -> Error {
    let unit = level.name();
    Error::new(
        Kind::Usage,
        format!("{flag} {day} lies inside of a folder: this dataset has one for each {unit}"),
    )
    .next(format!("use {flag} {one} or {flag} {other}, and compare the time of the rows for the rest"))
}

/// A level of folders: how deep they go, as far as days are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Year,
    Month,
    Day,
}

impl Level {
    const ALL: [(&'static str, Self); 3] = [("year", Self::Year), ("month", Self::Month), ("day", Self::Day)];

    /// The deepest of a dataset.
    fn of(columns: &[String]) -> Result<Self> {
        let known = columns.iter().zip(Self::ALL).take_while(|(column, (name, _))| column == name);
        known.last().map(|(_, (_, level))| level).ok_or_else(|| {
            Error::new(Kind::Damaged, "the dataset's folders are not those of days")
                .at("partition_columns", columns.join(", "))
                .next("`lakehand check` looks at the dataset")
        })
    }

    fn name(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// The level below.
    fn next(self) -> Self {
        if self == Self::Year { Self::Month } else { Self::Day }
    }

    /// The number that the folder of `day` bears.
    fn number(self, day: NaiveDate) -> i32 {
        match self {
            Self::Year => day.year(),
            Self::Month => day.month().cast_signed(),
            Self::Day => day.day().cast_signed(),
        }
    }

    /// The first day of the folder that holds `day`.
    fn first(self, day: NaiveDate) -> NaiveDate {
        let first = match self {
            Self::Year => NaiveDate::from_ymd_opt(day.year(), 1, 1),
            Self::Month => day.with_day(1),
            Self::Day => Some(day),
        };
        first.unwrap_or(day)
    }

    /// The last day of that folder.
    fn last(self, day: NaiveDate) -> NaiveDate {
        let first = self.first(day);
        let next = match self {
            Self::Year => first.checked_add_months(Months::new(12)),
            Self::Month => first.checked_add_months(Months::new(1)),
            Self::Day => return day,
        };
        next.and_then(|next| next.pred_opt()).unwrap_or(NaiveDate::MAX)
    }
}

/// The folders of `level` and below from `from` to `to`, inside of one folder of the level above; `None` when all are
/// meant.
fn between(level: Level, from: Option<NaiveDate>, to: Option<NaiveDate>) -> Option<Condition> {
    use Comparison::{AtLeast, AtMost, Equal};
    let is = |comparison, number| Some(Condition::Is(level.name(), comparison, number));
    // An end that is that of its folder says nothing about what is inside.
    let from_inside = from.filter(|day| level.first(*day) != *day);
    let to_inside = to.filter(|day| level.last(*day) != *day);
    let inside = |from: Option<NaiveDate>, to: Option<NaiveDate>| {
        if from.is_some() || to.is_some() { between(level.next(), from, to) } else { None }
    };
    let (first, last) = (from.map(|day| level.number(day)), to.map(|day| level.number(day)));
    if let (Some(first), Some(last)) = (first, last)
        && first == last
    {
        return all([is(Equal, first), inside(from_inside, to_inside)]);
    }
    let low = first.zip(inside(from_inside, None));
    let high = last.zip(inside(None, to_inside));
    // The folders that are meant as a whole.
    let lower = first.map(|first| first + i32::from(low.is_some()));
    let upper = last.map(|last| last - i32::from(high.is_some()));
    let whole = match (lower, upper) {
        // There is no folder before the first month or after the last; years have no such ends, and a day is one folder.
        (Some(13..), None) | (None, Some(..=0)) if level == Level::Month => None,
        (Some(lower), Some(upper)) if lower > upper => None,
        (Some(lower), Some(upper)) if lower == upper => is(Equal, lower),
        (lower, upper) => all([lower.and_then(|n| is(AtLeast, n)), upper.and_then(|n| is(AtMost, n))]),
    };
    let part = |(number, inside): (i32, Condition)| all([is(Equal, number), Some(inside)]);
    any([low.and_then(part), whole, high.and_then(part)])
}

fn all<const N: usize>(parts: [Option<Condition>; N]) -> Option<Condition> {
    few(parts, Condition::All)
}

fn any<const N: usize>(parts: [Option<Condition>; N]) -> Option<Condition> {
    few(parts, Condition::Any)
}

fn few<const N: usize>(
    parts: [Option<Condition>; N],
    many: impl Fn(Vec<Condition>) -> Condition,
) -> Option<Condition> {
    let mut parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.len() > 1 { Some(many(parts)) } else { parts.pop() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn sql(from: &str, to: &str) -> String {
        let end = |text: &str| (!text.is_empty()).then(|| day(text));
        between(Level::Year, end(from), end(to)).map_or("all".to_owned(), |condition| condition.sql())
    }

    #[test]
    fn ranges_are_said_in_few_words() {
        let cases = [
            ("2025-01-15", "2025-01-15", "year = 2025 AND (month = 1 AND day = 15)"),
            ("2025-01-05", "2025-01-07", "year = 2025 AND (month = 1 AND (day >= 5 AND day <= 7))"),
            ("2025-02-01", "2025-02-28", "year = 2025 AND month = 2"),
            ("2024-02-01", "2024-02-28", "year = 2024 AND (month = 2 AND day <= 28)"),
            ("2024-01-01", "2025-12-31", "year >= 2024 AND year <= 2025"),
            ("2025-01-01", "", "year >= 2025"),
            ("", "2025-03-31", "year <= 2024 OR (year = 2025 AND month <= 3)"),
            (
                "2024-12-30",
                "2025-01-02",
                "(year = 2024 AND (month = 12 AND day >= 30)) OR (year = 2025 AND (month = 1 AND day <= 2))",
            ),
        ];
        for (from, to, wanted) in cases {
            assert_eq!(sql(from, to), wanted, "{from} to {to}");
        }
    }

    fn holds(condition: &Condition, day: NaiveDate) -> bool {
        match condition {
            Condition::Not(part) => !holds(part, day),
            Condition::Is(name, comparison, number) => {
                let level = Level::ALL.iter().find(|(known, _)| known == name).unwrap().1;
                let seen = level.number(day);
                match comparison {
                    Comparison::Equal => seen == *number,
                    Comparison::AtLeast => seen >= *number,
                    Comparison::AtMost => seen <= *number,
                }
            }
            Condition::All(parts) => parts.iter().all(|part| holds(part, day)),
            Condition::Any(parts) => parts.iter().any(|part| holds(part, day)),
        }
    }

    /// Every range over 27 months, in steps that meet the ends of months and years, against the days themselves.
    #[test]
    fn a_condition_holds_for_its_days_and_no_others() {
        let days: Vec<_> = day("2023-11-15").iter_days().take(820).collect();
        let ends: Vec<_> = days
            .iter()
            .copied()
            .filter(|day| day.day() <= 2 || day.succ_opt().unwrap().day() == 1 || day.day() == 17)
            .map(Some)
            .chain([None])
            .collect();
        for from in &ends {
            for to in ends.iter().filter(|to| to.is_none() || from.is_none() || *to >= from) {
                let condition = between(Level::Year, *from, *to);
                for day in &days {
                    let wanted = from.is_none_or(|from| *day >= from) && to.is_none_or(|to| *day <= to);
                    let seen = condition.as_ref().is_none_or(|condition| holds(condition, *day));
                    assert_eq!(seen, wanted, "{day} of {from:?} to {to:?}: {condition:?}");
                }
            }
        }
    }
}

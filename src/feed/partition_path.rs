//! The folder of one partition, below its dataset: the only place that reads and writes these names.
//!
//! ```text
//! year=2025   year=2025/month=01   year=2025/month=01/day=15   year=2025/month=01/day=15/hour=07   version=v2
//! ```
//!
//! Pure. Folders that others have made may have any name: those have no [`PartitionPath`].

use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate};

use super::DatePart;

/// How deep date folders go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// `year=2025`
    Year,
    /// `year=2025/month=01`
    Month,
    /// `year=2025/month=01/day=15`
    Day,
    /// `year=2025/month=01/day=15/hour=07`
    Hour,
}

/// The folder of one partition, below its dataset. Ordered by time; versions by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartitionPath {
    /// Rows of a stream whose time lies in one year, month, day or hour.
    Date {
        /// The first day of the partition.
        first: NaiveDate,
        /// 0 to 23; 0 where the partition is longer than an hour.
        hour: u32,
        /// How long the partition is.
        depth: Depth,
    },
    /// A snapshot of a table.
    Version(u32),
}

impl Depth {
    /// The depth of `columns`, which are a prefix of year, month, day, hour.
    pub fn of(columns: &[DatePart]) -> Self {
        match columns.last() {
            Some(DatePart::Hour) => Self::Hour,
            Some(DatePart::Month) => Self::Month,
            Some(DatePart::Year) => Self::Year,
            Some(DatePart::Day) | None => Self::Day,
        }
    }

    /// The depth of `count` folder columns, 0 being a day.
    pub fn of_count(count: usize) -> Self {
        match count {
            1 => Self::Year,
            2 => Self::Month,
            4.. => Self::Hour,
            0 | 3 => Self::Day,
        }
    }

    /// Folder names, outermost first, and the number of digits of each.
    fn parts(self) -> &'static [(DatePart, usize)] {
        const ALL: [(DatePart, usize); 4] =
            [(DatePart::Year, 4), (DatePart::Month, 2), (DatePart::Day, 2), (DatePart::Hour, 2)];
        let (head, _) = ALL.split_at(self as usize + 1);
        head
    }
}

impl PartitionPath {
    /// The partition of partition key `key`, counted on the local calendar: hours or days since 1970, months since the
    /// year 0, years. `None` outside of the calendar.
    pub fn of_key(depth: Depth, key: i64) -> Option<Self> {
        let days = |days: i64| i32::try_from(days).ok().and_then(NaiveDate::from_epoch_days);
        let (first, hour) = match depth {
            Depth::Year => (NaiveDate::from_ymd_opt(i32::try_from(key).ok()?, 1, 1)?, 0),
            Depth::Month => {
                let year = i32::try_from(key.div_euclid(12)).ok()?;
                let month = u32::try_from(key.rem_euclid(12)).ok()? + 1;
                (NaiveDate::from_ymd_opt(year, month, 1)?, 0)
            }
            Depth::Day => (days(key)?, 0),
            Depth::Hour => (days(key.div_euclid(24))?, u32::try_from(key.rem_euclid(24)).ok()?),
        };
        Some(Self::Date { first, hour, depth })
    }

    /// The partition of a day.
    pub fn of_day(day: NaiveDate) -> Self {
        Self::Date { first: day, hour: 0, depth: Depth::Day }
    }

    /// The folder that holds all of `day`, where partitions have `depth`: that of the day, or of the month or year in which
    /// it lies.
    pub fn around(day: NaiveDate, depth: Depth) -> Self {
        let first = match depth {
            Depth::Year => NaiveDate::from_ymd_opt(day.year(), 1, 1),
            Depth::Month => NaiveDate::from_ymd_opt(day.year(), day.month(), 1),
            Depth::Day | Depth::Hour => None,
        };
        Self::Date { first: first.unwrap_or(day), hour: 0, depth: depth.min(Depth::Day) }
    }

    /// Reads a path; `None` where it is no partition's. Numbers need no leading zeros.
    pub fn parse(path: &str) -> Option<Self> {
        if let Some(version) = path.strip_prefix("version=v") {
            return number(version).map(Self::Version);
        }
        let mut numbers = [0, 1, 1, 0];
        let mut depth = None;
        for (n, part) in path.split('/').enumerate() {
            let at = [Depth::Year, Depth::Month, Depth::Day, Depth::Hour].into_iter().nth(n)?;
            let (name, _) = at.parts().last()?;
            let digits = part.strip_prefix(name.keyword())?.strip_prefix('=')?;
            *numbers.get_mut(n)? = number(digits)?;
            depth = Some(at);
        }
        let [year, month, day, hour] = numbers;
        let first = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        (hour < 24).then_some(Self::Date { first, hour, depth: depth? })
    }

    /// Reads the digits in a data file's name: `2025011507`.
    pub fn of_digits(digits: &str) -> Option<Self> {
        let depth = match digits.len() {
            4 => Depth::Year,
            6 => Depth::Month,
            8 => Depth::Day,
            10 => Depth::Hour,
            _ => return None,
        };
        let mut rest = digits;
        let mut path = String::new();
        for (name, length) in depth.parts() {
            let (part, more) = rest.split_at_checked(*length)?;
            path += &format!("{}{}={part}", if path.is_empty() { "" } else { "/" }, name.keyword());
            rest = more;
        }
        Self::parse(&path)
    }

    /// The values of its folders, outermost first: `[("year", 2025), ("month", 1)]`; of a version its number.
    pub fn values(self) -> Vec<(String, u32)> {
        match self {
            Self::Version(version) => vec![("version".to_owned(), version)],
            Self::Date { first, hour, depth } => {
                let value = |part: DatePart| match part {
                    DatePart::Year => u32::try_from(first.year()).unwrap_or(0),
                    DatePart::Month => first.month(),
                    DatePart::Day => first.day(),
                    DatePart::Hour => hour,
                };
                depth.parts().iter().map(|(part, _)| (part.keyword().to_owned(), value(*part))).collect()
            }
        }
    }

    /// The digits in the names of its files: `20250115`; none for a version.
    pub fn digits(self) -> String {
        match self {
            Self::Version(_) => String::new(),
            Self::Date { first, hour, depth } => {
                let text = format!("{:04}{:02}{:02}{hour:02}", first.year(), first.month(), first.day());
                let length = depth.parts().iter().map(|(_, length)| length).sum();
                text.get(..length).unwrap_or(&text).to_owned()
            }
        }
    }

    /// The version of a table.
    pub fn version(self) -> Option<u32> {
        match self {
            Self::Version(version) => Some(version),
            Self::Date { .. } => None,
        }
    }

    /// The first day of a partition of a stream.
    pub fn first_day(self) -> Option<NaiveDate> {
        match self {
            Self::Date { first, .. } => Some(first),
            Self::Version(_) => None,
        }
    }

    /// The day of a partition that is no longer than one.
    pub fn day(self) -> Option<NaiveDate> {
        match self {
            Self::Date { first, depth: Depth::Day | Depth::Hour, .. } => Some(first),
            _ => None,
        }
    }

    /// The first day after a partition of a stream.
    pub fn end(self) -> Option<NaiveDate> {
        let Self::Date { first, depth, .. } = self else { return None };
        match depth {
            Depth::Year => first.checked_add_months(Months::new(12)),
            Depth::Month => first.checked_add_months(Months::new(1)),
            Depth::Day | Depth::Hour => first.checked_add_days(Days::new(1)),
        }
    }

    /// The partition of a stream is of this day, or of a longer time with this day in it.
    pub fn holds(self, day: NaiveDate) -> bool {
        self.first_day().zip(self.end()).is_some_and(|(first, end)| first <= day && day < end)
    }

    /// As people read it: `2025-01-15`, `2025-01-15T07`, `2025-01`, `v2`.
    pub fn label(self) -> String {
        match self {
            Self::Version(version) => format!("v{version}"),
            Self::Date { first, hour, depth } => match depth {
                Depth::Year => format!("{:04}", first.year()),
                Depth::Month => format!("{:04}-{:02}", first.year(), first.month()),
                Depth::Day => first.to_string(),
                Depth::Hour => format!("{first}T{hour:02}"),
            },
        }
    }
}

/// The path, with `/`.
impl fmt::Display for PartitionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "version=v{version}"),
            Self::Date { first, hour, depth } => {
                let numbers =
                    [i64::from(first.year()), first.month().into(), first.day().into(), (*hour).into()];
                for (n, ((name, length), number)) in depth.parts().iter().zip(numbers).enumerate() {
                    let between = if n == 0 { "" } else { "/" };
                    write!(f, "{between}{}={number:0length$}", name.keyword())?;
                }
                Ok(())
            }
        }
    }
}

/// A number of digits alone.
fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The version whose folder `path` is.
pub fn version_of(path: &str) -> Option<u32> {
    PartitionPath::parse(path)?.version()
}

/// Names and values of the folders of `path`, as they are spelt there: `month` and `01`.
pub fn spelt(path: &str) -> Vec<(String, String)> {
    let parts = path.split('/').filter_map(|part| part.split_once('='));
    parts.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// `path` is the folder `folder` or lies in it.
pub fn is_inside(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(y: i32, m: u32, d: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(y, m, d).unwrap()
    }

    #[test]
    fn every_depth_is_written_and_read_back() {
        let day = i64::from(date(2025, 1, 5).to_epoch_days());
        let cases = [
            (Depth::Year, 2025, "year=2025", "2025", "2025"),
            (Depth::Month, 2025 * 12, "year=2025/month=01", "202501", "2025-01"),
            (Depth::Day, day, "year=2025/month=01/day=05", "20250105", "2025-01-05"),
            (Depth::Hour, day * 24 + 7, "year=2025/month=01/day=05/hour=07", "2025010507", "2025-01-05T07"),
            (Depth::Year, 7, "year=0007", "0007", "0007"),
        ];
        for (depth, key, path, digits, label) in cases {
            let partition = PartitionPath::of_key(depth, key).unwrap();
            assert_eq!(
                (partition.to_string(), partition.digits(), partition.label()),
                (path.into(), digits.into(), label.into())
            );
            assert_eq!(PartitionPath::parse(path), Some(partition));
            assert_eq!(PartitionPath::of_digits(digits), Some(partition));
        }
        assert_eq!(PartitionPath::parse("version=v12"), Some(PartitionPath::Version(12)));
        assert_eq!(PartitionPath::Version(12).to_string(), "version=v12");
        assert_eq!(PartitionPath::parse("year=2024/month=2"), PartitionPath::parse("year=2024/month=02"));
    }

    #[test]
    fn what_is_no_partition_has_no_path() {
        let bad = [
            "",
            "year=",
            "year=x",
            "year=+5",
            "month=01",
            "year=2024/month=13",
            "year=2024/day=01",
            "year=2024/month=02/day=30",
            "year=2024/month=02/day=01/hour=24",
            "year=2024/month=02/day=01/hour=01/x=1",
            "version=2",
            "version=vx",
            "version=v-1",
            "version=v+1",
        ];
        for path in bad {
            assert_eq!(PartitionPath::parse(path), None, "{path}");
        }
        for digits in ["", "20", "20251301", "2025x1"] {
            assert_eq!(PartitionPath::of_digits(digits), None, "{digits}");
        }
    }

    #[test]
    fn the_end_is_the_first_day_after_it() {
        let end = |path| PartitionPath::parse(path).and_then(PartitionPath::end);
        assert_eq!(end("year=2024"), Some(date(2025, 1, 1)));
        assert_eq!(end("year=2024/month=02"), Some(date(2024, 3, 1)));
        assert_eq!(end("year=2024/month=02/day=29"), Some(date(2024, 3, 1)));
        assert_eq!(end("year=2024/month=02/day=28/hour=23"), Some(date(2024, 2, 29)));
        assert_eq!(end("version=v2"), None);
    }

    #[test]
    fn the_folder_around_a_day() {
        let around = |depth| PartitionPath::around(date(2025, 3, 15), depth).to_string();
        assert_eq!(around(Depth::Year), "year=2025");
        assert_eq!(around(Depth::Month), "year=2025/month=03");
        assert_eq!(around(Depth::Day), "year=2025/month=03/day=15");
        assert_eq!(around(Depth::Hour), "year=2025/month=03/day=15");
        let values = |path| PartitionPath::parse(path).unwrap().values();
        let named = |name: &str, value| (name.to_owned(), value);
        assert_eq!(values("year=2025/month=01"), [named("year", 2025), named("month", 1)]);
        assert_eq!(values("version=v3"), [named("version", 3)]);
        assert!(is_inside("year=2025/month=01", "year=2025") && !is_inside("year=20251", "year=2025"));
    }
}

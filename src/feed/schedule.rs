//! When a feed is exported on its own: a cron line of five fields, or `every 15m`.
//!
//! Both are functions of the time that is passed in, and of nothing else: a program that was restarted comes to the
//! same instants. A cron line is meant in UTC; `every` counts from midnight of 1 January 1970, so `every 15m` comes at
//! :00, :15, :30 and :45.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use croner::parser::{CronParser, Seconds, Year};

use super::duration::{format_duration, parse_duration};
use super::spec::Schedule;

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

impl Schedule {
    /// Reads `0 2 * * *` or `every 15m`; the error continues the value: `is not …`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(length) = text.strip_prefix("every ") {
            return match parse_duration(length.trim_start()) {
                Some(every) if (SHORTEST..=LONGEST).contains(&every) => Ok(Self::Every(every)),
                Some(_) => Err("is not between every 1s and every 366d".to_owned()),
                None => Err("is not like every 30s, every 15m, every 2h or every 1d".to_owned()),
            };
        }
        let fields = text.split_ascii_whitespace().count();
        if fields != 5 || !text.is_ascii() {
            return Err(format!(
                "is neither every 15m nor a cron line of five fields (minute hour day month weekday): it has {fields}"
            ));
        }
        let cron = cron(text).ok_or("is a cron line that cannot be read: minute hour day month weekday")?;
        // 31 February is well spelt and never comes.
        let start = Utc.with_ymd_and_hms(2024, 1, 1, 0, 0, 0).single().unwrap_or_default();
        if cron.find_next_occurrence(&start, true).is_err() {
            return Err("is a cron line for a day that never comes".to_owned());
        }
        Ok(Self::Cron(text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")))
    }

    /// The first instant after `now`; `None` when there is none that can be counted to.
    pub fn next_after(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Cron(line) => cron(line)?.find_next_occurrence(&now, false).ok(),
            Self::Every(every) => {
                let every = i64::try_from(every.as_millis()).ok().filter(|millis| *millis > 0)?;
                let since = now.timestamp_millis().rem_euclid(every);
                let whole = DateTime::from_timestamp_millis(now.timestamp_millis())?;
                whole.checked_add_signed(TimeDelta::try_milliseconds(every - since)?)
            }
        }
    }
}

fn cron(line: &str) -> Option<croner::Cron> {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build().parse(line).ok()
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(line) => f.write_str(line),
            Self::Every(every) => write!(f, "every {}", format_duration(*every)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[track_caller]
    fn next(schedule: &str, now: &str, then: &str) {
        assert_eq!(Schedule::parse(schedule).unwrap().next_after(at(now)), Some(at(then)), "{schedule}");
    }

    #[test]
    fn the_next_instant_is_after_now() {
        next("0 2 * * *", "2025-01-15T01:59:59Z", "2025-01-15T02:00:00Z");
        next("0 2 * * *", "2025-01-15T02:00:00Z", "2025-01-16T02:00:00Z");
        next("*/15 * * * MON-FRI", "2025-01-17T23:50:00Z", "2025-01-20T00:00:00Z");
        next("0 0 29 2 *", "2025-01-15T00:00:00Z", "2028-02-29T00:00:00Z");
        next("every 15m", "2025-01-15T14:07:30.5Z", "2025-01-15T14:15:00Z");
        next("every 15m", "2025-01-15T14:15:00Z", "2025-01-15T14:30:00Z");
        next("every 1d", "1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z");
        next("  every   2h ", "2025-01-15T14:07:30Z", "2025-01-15T16:00:00Z");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [
            "",
            "every",
            "every 0s",
            "every 500d",
            "every 5",
            "every 10ms",
            "@daily",
            "* * * *",
            "* * * * * *",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
        for text in ["60 * * * *", "a b c d e", "0 0 31 2 *", "ö * * * *", "5-1 * * * *", "*/0 * * * *"] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>(), line in "[0-9*/,LW#?+A-Z-]{1,4}( [0-9*/,LW#?+A-Z-]{1,4}){4}") {
            let _ = Schedule::parse(&text);
            if let Ok(schedule) = Schedule::parse(&line) {
                let now = at("2025-01-15T14:07:30Z");
                prop_assert!(schedule.next_after(now).is_none_or(|then| then > now));
            }
        }

        #[test]
        fn what_is_printed_reads_back(minutes in 1_u64..100_000) {
            let schedule = Schedule::Every(Duration::from_secs(minutes * 60));
            prop_assert_eq!(Schedule::parse(&schedule.to_string()), Ok(schedule));
        }
    }
}

//! Dates and times from their text and from their integers.
//!
//! ```text
//!             outside a STRUCT                       inside           kept as
//! DATE        2026-09-01, +10000-01-01, -0001-12-31  days             days since 1970-01-01
//! TIME        12:00, 12:00:01, 12:00:01.5            ms of the day    µs of the day
//! TIMESTAMP   2026-09-01T00:00:00.123 (UTC)          ms since 1970    µs since 1970
//! ```
//!
//! DATE text is ISO 8601 over the proleptic Gregorian calendar (Java's LocalDate). TIMESTAMP text is Java's
//! SimpleDateFormat: the Julian calendar before 15 October 1582 and no era, so an early year means no certain day.

use super::number::Reason;
use super::scan::eight_digits;

const MILLIS_PER_DAY: i64 = 86_400_000;
/// The first year whose TIMESTAMP text is certain from its first day on.
const FIRST_CERTAIN_YEAR: i64 = 1583;
/// Digits of a year that are read; more is beyond every type.
const YEAR_DIGITS: usize = 9;

/// DATE from its text.
#[inline]
pub(super) fn date_text(text: &[u8]) -> Result<i32, Reason> {
    let malformed = || Reason::Borrowed("not a DATE such as 2026-09-01");
    let (sign, rest) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (0, rest),
    };
    let (year, rest) = year(rest).ok_or_else(malformed)?;
    let digits = text.len() - rest.len() - usize::from(sign != 0);
    let fits = match sign {
        0 => digits == 4,
        1 => digits > 4,
        _ => year != 0,
    };
    let (month, day) = match rest {
        [b'-', m1, m2, b'-', d1, d2] => (pair(*m1, *m2), pair(*d1, *d2)),
        _ => return Err(malformed()),
    };
    let (Some(month), Some(day), true) = (month, day, fits) else {
        return Err(malformed());
    };
    let year = if sign < 0 { -year } else { year };
    let days =
        days_from_civil(year, month, day).ok_or(Reason::Borrowed("a day that the calendar does not have"))?;
    days.try_into().map_err(|_| "beyond a DATE".into())
}

/// TIME from its text: microseconds of the day.
#[inline]
pub(super) fn time_text(text: &[u8]) -> Result<i64, Reason> {
    clock(text).ok_or(Reason::Borrowed("not a TIME such as 12:00:01.500"))
}

/// TIMESTAMP from its text: microseconds since 1970.
#[inline]
pub(super) fn timestamp_text(text: &[u8]) -> Result<i64, Reason> {
    let malformed = || Reason::Borrowed("not a TIMESTAMP such as 2026-09-01T00:00:00.123");
    let (year, month, day, micros) = match usual(text) {
        Some(parts) => parts,
        None => parts(text).ok_or_else(malformed)?,
    };
    if year < FIRST_CERTAIN_YEAR {
        return Err("a TIMESTAMP before 1583 as text, which may mean another day or era".into());
    }
    let days =
        days_from_civil(year, month, day).ok_or(Reason::Borrowed("a day that the calendar does not have"))?;
    days.checked_mul(MILLIS_PER_DAY * 1000)
        .and_then(|start| start.checked_add(micros))
        .ok_or(Reason::Borrowed("beyond a TIMESTAMP in microseconds"))
}

/// Year, month, day and microseconds of the day of a text with a year of four digits, all digits at once.
#[inline]
fn usual(text: &[u8]) -> Option<(i64, i64, i64, i64)> {
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        b'.',
        f1,
        f2,
        f3,
    ] = text
    else {
        return None;
    };
    let date = eight_digits([y1, y2, y3, y4, m1, m2, d1, d2])?.cast_signed();
    let clock = eight_digits([h1, h2, n1, n2, s1, s2, f1, f2])?.cast_signed();
    let last = i64::from(f3.checked_sub(b'0').filter(|&digit| digit < 10)?);
    let (hour, minute, second) = (clock / 1_000_000, clock / 10_000 % 100, clock / 100 % 100);
    let seconds = (hour * 60 + minute) * 60 + second;
    let micros = seconds * 1_000_000 + clock % 100 * 10_000 + last * 1000;
    (hour < 24 && minute < 60 && second < 60).then_some((date / 10_000, date / 100 % 100, date % 100, micros))
}

/// The same of any text.
fn parts(text: &[u8]) -> Option<(i64, i64, i64, i64)> {
    let (year, rest) = year(text)?;
    let [b'-', m1, m2, b'-', d1, d2, b'T', time @ ..] = rest else {
        return None;
    };
    let micros = (time.len() == 12).then(|| clock(time))??;
    Some((year, pair(*m1, *m2)?, pair(*d1, *d2)?, micros))
}

/// TIMESTAMP from milliseconds: microseconds since 1970.
#[inline]
pub(super) fn timestamp_millis(millis: i64) -> Result<i64, Reason> {
    millis.checked_mul(1000).ok_or(Reason::Borrowed("beyond a TIMESTAMP in microseconds"))
}

/// Why a TIME cannot be kept.
pub(super) const NO_TIME_OF_DAY: &str = "not a time of the day";

/// TIME from milliseconds of the day: microseconds of the day.
#[inline]
pub(super) fn time_millis(millis: i64) -> Result<i64, Reason> {
    if (0..MILLIS_PER_DAY).contains(&millis) { Ok(millis * 1000) } else { Err(NO_TIME_OF_DAY.into()) }
}

/// The digits of a year, at least four, and what follows them.
#[inline]
fn year(text: &[u8]) -> Option<(i64, &[u8])> {
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(4..=YEAR_DIGITS).contains(&digits) || (digits > 4 && text[0] == b'0') {
        return None;
    }
    let year = text[..digits].iter().fold(0, |year, &b| year * 10 + i64::from(b - b'0'));
    Some((year, &text[digits..]))
}

/// `HH:mm`, `HH:mm:ss` or `HH:mm:ss.f…`: microseconds of the day, when nothing finer is there.
#[inline]
fn clock(text: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, rest @ ..] = text else {
        return None;
    };
    let (hour, minute) = (pair(*h1, *h2)?, pair(*m1, *m2)?);
    let (second, rest) = match rest {
        [] => (0, rest),
        [b':', s1, s2, rest @ ..] => (pair(*s1, *s2)?, rest),
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = 0;
    match rest {
        [] => {}
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit) => {
            if digits.iter().skip(6).any(|&b| b != b'0') {
                return None;
            }
            for i in 0..6 {
                micros = micros * 10 + i64::from(digits.get(i).map_or(0, |b| b - b'0'));
            }
        }
        _ => return None,
    }
    Some(((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
}

/// Two digits.
#[inline]
fn pair(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, or `None` when there is no such day.
///
/// Years are counted from March, so that the leap day is the last of its year, and in eras of 400 years, which all have
/// the same number of days.
#[inline]
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 719 468 days lie between 0000-03-01 and 1970-01-01.
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};

    use super::*;

    #[test]
    fn every_day_of_nine_hundred_years_is_the_calendars() {
        let epoch = NaiveDate::default();
        for days in -250_000_i64..80_000 {
            let date = epoch + chrono::TimeDelta::days(days);
            let (year, month, day) = (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
            assert_eq!(days_from_civil(year, month, day), Some(days), "{date}");
        }
    }

    #[test]
    fn dates() {
        for (text, days) in [
            ("1970-01-01", Some(0)),
            ("2026-09-01", Some(20_697)),
            ("0001-01-01", Some(-719_162)),
            ("0000-12-31", Some(-719_163)),
            ("-0001-12-31", Some(-719_529)),
            ("+10000-01-01", Some(2_932_897)),
            ("+5881580-07-11", Some(i32::MAX)),
            ("-5877641-06-23", Some(i32::MIN)),
            ("+5881580-07-12", None),
            ("-0000-01-01", None),
            ("10000-01-01", None),
            ("+9999-01-01", None),
            ("2026-02-29", None),
            ("2024-02-29", Some(19_782)),
            ("2026-13-01", None),
            ("2026-9-01", None),
            ("2026-09-01T00:00", None),
            ("", None),
        ] {
            assert_eq!(date_text(text.as_bytes()).ok(), days, "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, micros) in [
            ("00:00", Some(0)),
            ("01:01:01", Some(3_661_000_000)),
            ("01:01:01.123", Some(3_661_123_000)),
            ("23:59:59.999999", Some(86_399_999_999)),
            ("00:00:00.1", Some(100_000)),
            ("00:00:00.000001000", Some(1)),
            ("00:00:00.0000001", None),
            ("24:00", None),
            ("00:60", None),
            ("00:00:60", None),
            ("00:00:", None),
            ("00:00:00.", None),
            ("0:00", None),
        ] {
            assert_eq!(time_text(text.as_bytes()).ok(), micros, "{text}");
        }
    }

    #[test]
    fn timestamps() {
        for (text, micros) in [
            ("2026-09-01T00:00:00.123", Some(1_788_220_800_123_000)),
            ("1969-12-31T23:59:59.999", Some(-1000)),
            ("1583-01-01T00:00:00.000", Some(-12_212_553_600_000_000)),
            ("1582-12-31T23:59:59.999", None),
            ("0001-01-03T00:00:00.000", None),
            ("10000-01-01T00:00:00.000", Some(253_402_300_800_000_000)),
            ("294247-01-10T04:00:54.775", Some(9_223_372_036_854_775_000)),
            ("294247-01-10T04:00:54.776", None),
            ("2026-09-01T00:00:00", None),
            ("2026-09-01 00:00:00.123", None),
            ("2026-09-01T00:00:00.1234", None),
            ("2026-09-31T00:00:00.123", None),
        ] {
            assert_eq!(timestamp_text(text.as_bytes()).ok(), micros, "{text}");
        }
    }

    #[test]
    fn milliseconds() {
        assert_eq!(time_millis(86_399_999), Ok(86_399_999_000));
        assert!(time_millis(86_400_000).is_err());
        assert!(time_millis(-1).is_err());
        assert_eq!(timestamp_millis(-62_135_596_800_000), Ok(-62_135_596_800_000_000));
        assert!(timestamp_millis(i64::MAX / 1000 + 1).is_err());
    }
}

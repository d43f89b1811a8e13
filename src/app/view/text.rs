//! Numbers, sizes and times as people read them.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// `12,345`
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `812 B`, `1.2 KiB`, `128 MiB`
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        // What would be written as 1024 is 1.0 of the next.
        if value < 1023.5 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if value < 99.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// `1 file`, `1,234 files`
pub fn files(n: u64) -> String {
    if n == 1 { "1 file".to_owned() } else { format!("{} files", count(n)) }
}

/// `1 day`, `1,234 days`
pub fn days(n: u64) -> String {
    if n == 1 { "1 day".to_owned() } else { format!("{} days", count(n)) }
}

/// `1 finding`, `3 findings`
pub fn findings(n: usize) -> String {
    if n == 1 { "1 finding".to_owned() } else { format!("{} findings", count(n as u64)) }
}

/// `3 s`, `12 min`, `1 h 05 min`, `3 d 4 h`
pub fn span(duration: Duration) -> String {
    match duration.as_secs() {
        s @ 0..60 => format!("{s} s"),
        s @ 60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        s @ 3600..86_400 => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
        s => format!("{} d {} h", s / 86_400, s % 86_400 / 3600),
    }
}

/// A length of time that somebody has set: `1 day`, else as [`span`] tells it.
pub fn whole(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds > 0 && seconds.is_multiple_of(86_400) { days(seconds / 86_400) } else { span(duration) }
}

/// `now`, `5 min ago`, `3 h ago`, `12 d ago`; the future is `now` too. It changes at most once a minute.
pub fn ago(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (now - time).num_minutes() {
        ..1 => "now".to_owned(),
        m @ 1..60 => format!("{m} min ago"),
        m @ 60..1440 => format!("{} h ago", m / 60),
        m => format!("{} d ago", m / 1440),
    }
}

/// `in 5 min`, `in 3 h`, `in 2 d`, `due`
pub fn until(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (time - now).num_seconds();
    match (seconds + 59).div_euclid(60) {
        ..1 => "due".to_owned(),
        m @ 1..60 => format!("in {m} min"),
        m @ 60..1440 => format!("in {} h", m / 60),
        m => format!("in {} d", m / 1440),
    }
}

/// `2025-01-15 14:30:00Z`
pub fn instant(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// `2025-01-15 14:30Z`
pub fn moment(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%MZ").to_string()
}

/// Text from outside, safe to show.
pub(crate) fn escaped(text: &str) -> String {
    crate::log::escape_controls(text).into_owned()
}

/// The same, with line breaks and their indents as single spaces.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    escaped(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [size(0), size(1023), size(1024), size(1_048_570), size(128 << 20), size(u64::MAX)],
            ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "128 MiB", "16777216 TiB"]
        );
        let spans = [59, 60, 3600, 90_000].map(|s| span(Duration::from_secs(s)));
        assert_eq!(spans, ["59 s", "1 min 00 s", "1 h 00 min", "1 d 1 h"]);
    }

    #[test]
    fn ages_change_once_a_minute() {
        let now: DateTime<Utc> = "2025-01-15T14:30:00Z".parse().unwrap();
        let at = |seconds: i64| now + chrono::TimeDelta::seconds(seconds);
        assert_eq!(
            [ago(at(-59), now), ago(at(-60), now), ago(at(-7200), now)],
            ["now", "1 min ago", "2 h ago"]
        );
        assert_eq!(
            [until(at(0), now), until(at(1), now), until(at(61), now)],
            ["due", "in 1 min", "in 2 min"]
        );
        assert_eq!(one_line("a\n  b\u{1b}\n"), "a b\\u{1b}");
    }
}

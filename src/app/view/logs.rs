//! The log's window.

use std::ops::Range;

use super::text::{count, escaped, one_line};
use crate::app::App;
use crate::log::{Level, Record};

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// `14:30:00`, with the date where it is not today's.
    pub time: String,
    /// How much it matters.
    pub level: Level,
    /// The feed, or `-`.
    pub feed: String,
    /// Message and facts, escaped.
    pub text: String,
    /// Where in `text` (bytes) the search matches.
    pub matches: Vec<Range<usize>>,
    /// The cursor is here.
    pub cursor: bool,
}

/// A window over the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogsView {
    /// The month, the level, the feed, the search and how many match.
    pub title: String,
    /// The records of the window, oldest first.
    pub lines: Vec<LogLine>,
    /// Index of the first.
    pub first: usize,
    /// Records that pass level and feed.
    pub shown: usize,
    /// The view follows.
    pub following: bool,
    /// Records that came below since it does not.
    pub below: usize,
    /// Long lines are broken.
    pub wrap: bool,
    /// How many cells the text is shifted to the left, when lines are not broken.
    pub shift: usize,
    /// In place of records.
    pub empty: String,
}

/// The window of `height` lines.
pub fn logs(app: &App, height: usize) -> LogsView {
    let logs = &app.logs;
    let window = logs.window(height);
    let first = window.start;
    let at = logs.index();
    let lines: Vec<_> = window
        .filter_map(|index| {
            let record = logs.record(*logs.shown.get(index)?)?;
            Some(line(app, record, index == at && !logs.following))
        })
        .collect();
    let empty = match (&logs.error, lines.is_empty()) {
        (Some(error), _) => one_line(error),
        (None, true) => "no records: + and - change the level, i the feed, < and > the month".to_owned(),
        (None, false) => String::new(),
    };
    LogsView {
        title: title(app),
        first,
        shown: logs.shown.len(),
        following: logs.following && logs.live,
        below: logs.below,
        wrap: logs.wrap,
        shift: logs.shift,
        empty,
        lines,
    }
}

fn line(app: &App, record: &Record, cursor: bool) -> LogLine {
    let today = record.time.date_naive() == app.now.date_naive();
    let facts = record.facts.iter().map(|(key, value)| format!("{key}={}", escaped(value)));
    let text = std::iter::once(escaped(&record.message)).chain(facts).collect::<Vec<_>>().join(" ");
    let matches = matches(&text, &app.logs.search);
    LogLine {
        time: record.time.format(if today { "%H:%M:%S" } else { "%m-%d %H:%M:%S" }).to_string(),
        level: record.level,
        feed: record.feed.as_deref().map_or_else(|| "-".to_owned(), escaped),
        text,
        matches,
        cursor,
    }
}

/// Where `search` (in lower case) is in `text`, in whatever case; only where both count the same bytes.
fn matches(text: &str, search: &str) -> Vec<Range<usize>> {
    let lower = text.to_lowercase();
    if search.is_empty() || lower.len() != text.len() {
        return Vec::new();
    }
    let found = lower.match_indices(search).map(|(at, found)| at..at + found.len());
    found.filter(|range| text.is_char_boundary(range.start) && text.is_char_boundary(range.end)).collect()
}

fn title(app: &App) -> String {
    let logs = &app.logs;
    let mut parts = vec![
        logs.month.map_or_else(|| "log".to_owned(), |month| month.to_string()),
        format!("{} and above", logs.level.name().to_lowercase()),
    ];
    if let Some(feed) = &logs.feed {
        parts.push(format!("only {}", escaped(feed)));
    }
    if !logs.search.is_empty() {
        parts.push(format!("\"{}\" in {} records", escaped(&logs.search), count(logs.hits as u64)));
    }
    if logs.earlier > 0 {
        parts.push(format!("{} earlier ones are in the file", count(logs.earlier)));
    }
    if logs.unreadable > 0 {
        parts.push(format!("{} unreadable lines", count(logs.unreadable)));
    }
    parts.join(" · ")
}

//! The log's window.

use std::ops::Range;

use crate::app::App;
use crate::log::Level;

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
    /// It follows.
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
    let _ = (app, height);
    LogsView::default()
}

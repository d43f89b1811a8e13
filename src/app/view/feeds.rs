//! The table of feeds.

use chrono::{DateTime, Utc};

use super::TableView;
use crate::app::App;

/// What a feed is doing, the most pressing first.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedState {
    /// Its file is invalid.
    Invalid {
        /// The first problem.
        problem: String,
        /// Problems in all.
        count: usize,
        /// Its last good version is in force.
        last_good: bool,
    },
    /// It is being exported here.
    Running {
        /// `reading`, `committing`, …
        stage: &'static str,
        /// Between 0 and 1, where the end is known.
        done: Option<f64>,
        /// Rows in a second.
        rate: f64,
    },
    /// An attempt failed and another follows.
    Waiting {
        /// When.
        until: DateTime<Utc>,
        /// Why.
        reason: String,
    },
    /// It waits for its turn.
    Queued,
    /// Another process holds its dataset.
    Locked {
        /// Which: `lakehand export, process 12 on host`.
        by: String,
    },
    /// Its last export failed.
    Failed {
        /// Why.
        reason: String,
    },
    /// It is archived.
    Archived,
    /// It is disabled.
    Disabled,
    /// All that there was is in the lake.
    CaughtUp {
        /// Through this instant, where it is known.
        through: Option<DateTime<Utc>>,
    },
    /// Nothing of the above.
    Idle,
}

/// The window of `height` rows.
pub fn feeds(app: &App, height: usize) -> TableView {
    let _ = (app, height);
    TableView::default()
}

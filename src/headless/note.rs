//! What the program has to say beside the events of exports: a feed appeared, the server is out of reach.

use chrono::{DateTime, Utc};

use crate::log::{Level, Record};

/// A remark of the watcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) level: Level,
    /// The feed that it concerns.
    pub(super) feed: Option<String>,
    /// What happened, always in the same words.
    pub(super) message: &'static str,
    /// More about it; may be empty.
    pub(super) what: String,
}

impl Note {
    pub(super) fn new(level: Level, feed: Option<&str>, message: &'static str) -> Self {
        Self { level, feed: feed.map(str::to_owned), message, what: String::new() }
    }

    pub(super) fn what(mut self, what: &str) -> Self {
        what.clone_into(&mut self.what);
        self
    }

    /// The line of the log.
    pub(super) fn record(&self, now: DateTime<Utc>) -> Record {
        let record = Record::new(now, self.level, self.feed.as_deref(), self.message);
        if self.what.is_empty() { record } else { record.fact("what", &self.what) }
    }
}

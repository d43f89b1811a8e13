//! What happened: the lossless lane from the engine to whoever shows or logs it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::outage::Peer;
use super::progress::{Progress, Snapshot};
use crate::error::Error;
use crate::lake::ColumnChange;

/// Why an export runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Somebody asked for it, by key or command.
    Asked,
    /// The feed appeared or its meaning changed.
    Changed,
    /// The feed's schedule said so.
    Scheduled,
}

impl Trigger {
    /// The word in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Changed => "changed",
            Self::Scheduled => "scheduled",
        }
    }
}

/// Something that happened to an export, or to all of them.
#[derive(Debug, Clone)]
pub struct Event {
    /// The feed; empty for what concerns all of them ([`What::Paused`], [`What::Resumed`]).
    pub feed: String,
    /// When.
    pub time: DateTime<Utc>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// The export waits for its turn.
    Queued {
        /// Why it runs.
        trigger: Trigger,
    },
    /// The export began; `progress` can be looked at until it ends.
    Started {
        /// The run's id, as in `_metadata.json` and in the files' footers.
        run: String,
        /// Live counters.
        progress: Arc<Progress>,
    },
    /// What start-up recovery found and did.
    Recovered {
        /// In words.
        text: String,
    },
    /// The read mode and the bounds were chosen.
    Planned {
        /// In words: the read mode, and from which to which offsets.
        text: String,
        /// Upper bound of the rows to come, where it is known.
        expected: Option<u64>,
    },
    /// Both ways of reading a stream were compared.
    Compared {
        /// What was found, in words.
        text: String,
        /// They do not give the same rows.
        differs: bool,
    },
    /// Something that the operator should know, and that did not stop the export.
    Warned {
        /// In words.
        text: String,
    },
    /// Columns came, went or came back with a commit.
    Columns {
        /// In the order of the columns.
        changes: Vec<ColumnChange>,
        /// In words.
        text: String,
    },
    /// Rows became visible in the lake.
    Committed {
        /// Facts, as written to the log.
        facts: Vec<(String, String)>,
        /// Rows of this commit.
        rows: u64,
        /// Bytes of this commit.
        bytes: u64,
        /// Files of this commit.
        files: usize,
    },
    /// Readers are sent to another tier for a day.
    Moved {
        /// In words.
        text: String,
        /// Facts, as written to the log.
        facts: Vec<(String, String)>,
    },
    /// A catalogue shows what the lake holds.
    Published {
        /// `hive` or `glue`
        catalogue: &'static str,
        /// What was done, in words.
        text: String,
    },
    /// A catalogue does not show what the lake holds, and that stops nothing.
    NotPublished {
        /// `hive` or `glue`
        catalogue: &'static str,
        /// Why, in words.
        text: String,
    },
    /// An attempt failed; another follows after `wait`.
    Retrying {
        /// The attempt that failed, from 1.
        attempt: u32,
        /// The wait before the next.
        wait: Duration,
        /// Why it failed.
        error: Arc<Error>,
    },
    /// A peer is out of reach: exports that need it wait in their places.
    Paused {
        /// The peer.
        peer: Peer,
        /// How the peer was found to be out of reach.
        error: Arc<Error>,
        /// How long is waited at most; `None`: for ever.
        at_most: Option<Duration>,
    },
    /// A peer is there again, and what waited for it goes on.
    Resumed {
        /// The peer.
        peer: Peer,
        /// How long the peer was out of reach.
        lasted: Duration,
    },
    /// The export is over.
    Finished(Finished),
}

impl Event {
    /// The feed of what concerns one.
    pub fn feed(&self) -> Option<&str> {
        Some(self.feed.as_str()).filter(|feed| !feed.is_empty())
    }
}

/// How an export ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The outcome.
    pub outcome: Outcome,
    /// The last counters.
    pub counters: Snapshot,
    /// From its first stage to its end.
    pub elapsed: Duration,
}

impl Finished {
    /// The end of an export that did not begin.
    pub fn unbegun(outcome: Outcome) -> Self {
        Self { outcome, counters: Progress::default().snapshot(), elapsed: Duration::ZERO }
    }
}

/// The outcome of an export.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// All that was there is in the lake.
    Done {
        /// In words: through which offsets, or which version.
        text: String,
    },
    /// There was nothing to do, and why.
    Skipped {
        /// In words.
        text: String,
    },
    /// Somebody stopped it; what was committed stays.
    Cancelled,
    /// The export failed; what was committed stays.
    Failed(Arc<Error>),
}

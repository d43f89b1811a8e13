//! The exports: running, queued, over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::app::cursor::Cursor;
use crate::app::filter::Filter;
use crate::error::Error;
use crate::export::progress::Snapshot;
use crate::export::{Outcome, Progress, Trigger};
use crate::lake::Owner;

/// How far an export is.
#[derive(Debug, Clone)]
pub enum RunState {
    /// It waits for its turn.
    Queued,
    /// It runs.
    Running,
    /// It waits for its next attempt.
    Waiting {
        /// The attempt that failed.
        attempt: u32,
        /// When the next one begins.
        until: DateTime<Utc>,
        /// Why it failed.
        error: Arc<Error>,
    },
    /// It is over.
    Ended(Outcome),
    /// Another process runs it.
    External(Owner),
}

/// One export.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its number on this screen, from 1: the key of its row.
    pub id: u64,
    /// The feed.
    pub feed: String,
    /// Its id in the lake, once it began.
    pub run: Option<String>,
    /// Why it runs.
    pub trigger: Trigger,
    /// How far it is.
    pub state: RunState,
    /// How it reads, in words.
    pub plan: String,
    /// When it was asked for.
    pub queued: DateTime<Utc>,
    /// When it began.
    pub started: Option<DateTime<Utc>>,
    /// How long it took, once it is over.
    pub elapsed: Option<Duration>,
    /// The counters as of the last look.
    pub counters: Option<Snapshot>,
    /// Rows in a second, one sample a second, oldest first.
    pub rates: VecDeque<u64>,
    /// The last warning.
    pub warning: Option<String>,
    pub(crate) progress: Option<Arc<Progress>>,
    pub(crate) sampled: Option<(DateTime<Utc>, u64)>,
}

/// The state of the view.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    pub(crate) runs: Vec<Run>,
    pub(crate) next_id: u64,
    pub(crate) order: Vec<usize>,
    pub(crate) keys: Vec<u64>,
    pub(crate) cursor: Cursor<u64>,
    pub(crate) filter_text: String,
    pub(crate) filter: Filter,
}

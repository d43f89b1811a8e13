//! When a feed is to be exported with nobody asking: its file changed, or its schedule says so.
//!
//! ```text
//! notify ──▶ watcher ── Hint ──▶ ┌─────────────────── WatchState (pure) ──────────────────┐ ──▶ Order::Look
//!                                │ debounce     is the file at rest?                      │ ──▶ Order::Export
//! Catalog::load (asked by Look)─▶│ changes      what does the new catalogue mean?         │ ──▶ Order::Cancel
//!                                │ cron_timers  whose schedule is due?                    │
//! time ─────────────────────────▶└────────────────────────────────────────────────────────┘ ──▶ Change, to be shown
//! ```
//!
//! | file | its part |
//! |---|---|
//! | [`watcher`] | the only user of notify: events of the two folders become hints |
//! | [`debounce`] | hints in, paths at rest out |
//! | [`changes`] | from one catalogue to the next: what changed, and what is to be done about it |
//! | [`cron_timers`] | which schedule is due |
//! | [`state`] | the three together, for a driver that has a loop |
//!
//! A hint says only that it is worth looking; what is in the folder says the [`Catalog`](crate::feed::Catalog), and it is
//! read at an interval even when no hint came. Nothing here knows the server, the lake or the screen: a driver carries
//! out the orders.

pub mod changes;
pub mod cron_timers;
pub mod debounce;
pub mod state;
#[cfg(test)]
mod testing;
pub mod watcher;

use std::path::PathBuf;
use std::time::Instant;

use chrono::{DateTime, Utc};

use crate::feed::Feed;

pub use changes::Change;
pub use state::{Ended, Step, WatchState};
pub use watcher::Watcher;

/// Both clocks at one instant: schedules go by the wall, everything else by the one that is never set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// What the clock on the wall shows.
    pub wall: DateTime<Utc>,
    /// A clock that only goes forward.
    pub steady: Instant,
}

impl Now {
    /// With the wall clock of `clock`.
    pub fn of(clock: impl Fn() -> DateTime<Utc>) -> Self {
        Self { wall: clock(), steady: Instant::now() }
    }
}

/// That it is worth looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Something happened to this file, which has the name of a feed's.
    File(PathBuf),
    /// Anything may have happened: events were lost, or a folder came or went.
    Folders,
    /// Nothing happened; how the folders are watched is not as it should be, in words.
    Warning(String),
}

/// What a driver is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Load the catalogue away from the loop and give it to [`WatchState::on_catalog`].
    Look,
    /// Submit this feed to the engine.
    Export {
        /// As it is to be read.
        feed: Box<Feed>,
        /// Why.
        cause: Cause,
    },
    /// Ask the engine to stop the feed of this name at the next safe point.
    Cancel {
        /// The feed's name.
        feed: String,
    },
}

/// Why a feed is exported with nobody asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The program started: `watch.on_start`.
    Started,
    /// The feed is new, or its meaning changed.
    Changed,
    /// The feed's schedule is due.
    Scheduled,
    /// The feed follows its stream, and the export came to an end.
    Resumed,
}

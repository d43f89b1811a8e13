//! skeleton
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Change, Hint, Now, Order};
use crate::config::WatchConfig;
use crate::feed::{Catalog, Feed, FeedPaths};

/// What came of a look at the folders.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// What is different, to be shown and logged.
    pub changes: Vec<Change>,
    /// What is to be done.
    pub orders: Vec<Order>,
}

/// How an export ended, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Well.
    Done,
    /// With an error.
    Failed,
    /// Because somebody stopped it.
    Cancelled,
}

/// The state machine that a driver feeds with hints, catalogues and time, and whose orders it carries out.
#[derive(Debug)]
pub struct Brain {
    catalog: Catalog,
}

#[allow(unused, clippy::all, clippy::pedantic, reason = "skeleton")]
impl Brain {
    /// Takes the first catalogue as it is; `has_data` says whether the lake holds something of a feed.
    pub fn start(paths: &FeedPaths, config: &WatchConfig, catalog: Catalog, has_data: impl Fn(&Feed) -> bool, now: Now) -> (Self, Step) {
        unimplemented!()
    }
    /// Notes that it is worth looking; the look is ordered by [`Brain::on_time`] when all is at rest.
    pub fn on_hint(&mut self, hint: &Hint, now: Now) {}
    /// Time has passed: call it after [`Brain::wait`], and as often as is convenient.
    pub fn on_time(&mut self, now: Now) -> Vec<Order> {
        unimplemented!()
    }
    /// The catalogue that [`Order::Look`] asked for.
    pub fn on_catalog(&mut self, catalog: Catalog, now: Now) -> Step {
        unimplemented!()
    }
    /// The catalogue could not be loaded: what was known stays in force, and another look comes with the next rescan.
    pub fn on_look_failed(&mut self, now: Now) {}
    /// An export is over.
    pub fn on_ended(&mut self, feed: &str, ended: Ended, now: Now) {}
    /// How long until [`Brain::on_time`] has something to do.
    pub fn wait(&self, now: Now) -> Duration {
        unimplemented!()
    }
    /// The catalogue in which every file is at rest.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }
    /// When the schedule of a feed comes next.
    pub fn next_run(&self, feed: &str) -> Option<DateTime<Utc>> {
        None
    }
}

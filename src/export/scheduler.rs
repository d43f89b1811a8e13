//! Which export may start now: pure decisions, no clocks, no threads.
//!
//! One export per feed is in flight; at most `limit` in all; tables are scanned one at a time, because several scans at
//! once can deadlock a ksqlDB server (its documentation says so). Asked again while queued, a feed keeps its place; asked
//! again while running, it runs once more afterwards when its meaning changed, and not otherwise.

use std::collections::{BTreeMap, VecDeque};

use crate::feed::FeedKind;

/// A feed that wants to be exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The feed.
    pub feed: String,
    /// Its kind: tables take turns.
    pub kind: FeedKind,
    /// Run once more after the running export: it reads an older meaning of the feed.
    pub again: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It waits for its turn.
    Queued,
    /// It was waiting already.
    AlreadyQueued,
    /// It is running already, and will not run again.
    AlreadyRunning,
    /// It is running, and will run once more.
    QueuedBehindItself,
}

/// The queue and what is running.
#[derive(Debug)]
pub struct Scheduler {
    limit: usize,
    queue: VecDeque<Want>,
    running: BTreeMap<String, FeedKind>,
}

impl Scheduler {
    /// At most `limit` exports at once; at least one.
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), queue: VecDeque::new(), running: BTreeMap::new() }
    }

    /// Takes a request.
    pub fn submit(&mut self, want: Want) -> Placed {
        if self.queue.iter().any(|w| w.feed == want.feed) {
            return Placed::AlreadyQueued;
        }
        if self.running.contains_key(&want.feed) {
            if !want.again {
                return Placed::AlreadyRunning;
            }
            self.queue.push_back(want);
            return Placed::QueuedBehindItself;
        }
        self.queue.push_back(want);
        Placed::Queued
    }

    /// What starts now, in order of request; each is running from here on.
    pub fn start(&mut self) -> Vec<String> {
        let mut started = Vec::new();
        while self.running.len() < self.limit {
            let table_runs = self.running.values().any(|kind| *kind == FeedKind::Table);
            let Some(at) = self.queue.iter().position(|want| {
                let must_wait = want.kind == FeedKind::Table && table_runs;
                !must_wait && !self.running.contains_key(&want.feed)
            }) else {
                break;
            };
            if let Some(want) = self.queue.remove(at) {
                self.running.insert(want.feed.clone(), want.kind);
                started.push(want.feed);
            }
        }
        started
    }

    /// An export is over.
    pub fn finished(&mut self, feed: &str) {
        self.running.remove(feed);
    }

    /// Takes a feed out of the queue; true when it was there.
    pub fn withdraw(&mut self, feed: &str) -> bool {
        let before = self.queue.len();
        self.queue.retain(|want| want.feed != feed);
        self.queue.len() < before
    }

    /// Takes everything out of the queue.
    pub fn withdraw_all(&mut self) -> Vec<String> {
        self.queue.drain(..).map(|want| want.feed).collect()
    }

    /// Nothing waits and nothing runs.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.running.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(feed: &str, kind: FeedKind) -> Want {
        Want { feed: feed.into(), kind, again: false }
    }

    #[test]
    fn keeps_the_limit_and_the_order() {
        let mut scheduler = Scheduler::new(2);
        for feed in ["a", "b", "c"] {
            assert_eq!(scheduler.submit(want(feed, FeedKind::Stream)), Placed::Queued);
        }
        assert_eq!(scheduler.start(), ["a", "b"]);
        assert_eq!(scheduler.start(), [""; 0]);
        scheduler.finished("b");
        assert_eq!(scheduler.start(), ["c"]);
    }

    #[test]
    fn scans_one_table_at_a_time_and_lets_streams_pass() {
        let mut scheduler = Scheduler::new(3);
        scheduler.submit(want("t1", FeedKind::Table));
        scheduler.submit(want("t2", FeedKind::Table));
        scheduler.submit(want("s", FeedKind::Stream));
        assert_eq!(scheduler.start(), ["t1", "s"]);
        scheduler.finished("t1");
        assert_eq!(scheduler.start(), ["t2"]);
    }

    #[test]
    fn one_export_per_feed() {
        let mut scheduler = Scheduler::new(4);
        scheduler.submit(want("a", FeedKind::Stream));
        assert_eq!(scheduler.submit(want("a", FeedKind::Stream)), Placed::AlreadyQueued);
        assert_eq!(scheduler.start(), ["a"]);
        assert_eq!(scheduler.submit(want("a", FeedKind::Stream)), Placed::AlreadyRunning);
        let again = Want { again: true, ..want("a", FeedKind::Stream) };
        assert_eq!(scheduler.submit(again), Placed::QueuedBehindItself);
        assert_eq!(scheduler.start(), [""; 0]);
        scheduler.finished("a");
        assert_eq!(scheduler.start(), ["a"]);
        scheduler.finished("a");
        assert!(scheduler.is_idle());
    }

    #[test]
    fn a_withdrawn_feed_does_not_start() {
        let mut scheduler = Scheduler::new(1);
        scheduler.submit(want("a", FeedKind::Stream));
        assert!(scheduler.withdraw("a"));
        assert!(!scheduler.withdraw("a"));
        assert_eq!(scheduler.start(), [""; 0]);
    }
}

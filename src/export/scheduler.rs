//! Which export may start now: pure decisions, no clocks, no threads.
//!
//! One export per feed is in flight; at most `limit` in all; tables are scanned one at a time, because several scans at
//! once can deadlock a ksqlDB server (its documentation says so). What waits is told apart by feed *and* work: a catch-up
//! and a day that is exported again wait side by side. Asked again while queued, the same work keeps its place; asked
//! again while running, it runs once more afterwards when the feed's meaning changed, and not otherwise.

use std::collections::{BTreeMap, VecDeque};

use chrono::NaiveDate;

use crate::feed::FeedKind;

/// What an export is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Go on where the last export ended.
    CatchUp,
    /// Read this day again and swap its files.
    Day(NaiveDate),
    /// Make few files of the small ones, of this day alone where one is named; the server is not asked.
    Compact(Option<NaiveDate>),
    /// Move days that are due to the cold tier, or this day alone, whatever its age.
    Tier(Option<NaiveDate>),
    /// Bring this day home from the cold tier.
    Restore(NaiveDate),
}

/// What waits and runs is told apart by this: the feed's name and its work.
pub type Key = (String, Work);

/// A feed that wants to be exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The feed's name.
    pub feed: String,
    /// What is to be done.
    pub work: Work,
    /// The feed's kind: tables take turns.
    pub kind: FeedKind,
    /// Run once more after a running export of the same work: that one reads an older meaning of the feed.
    pub again: bool,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// The export waits for its turn.
    Queued,
    /// The same export was waiting already.
    AlreadyQueued,
    /// The same export is running already, and will not run again.
    AlreadyRunning,
}

/// The queue and what is running.
#[derive(Debug)]
pub struct Scheduler {
    limit: usize,
    queue: VecDeque<Want>,
    running: BTreeMap<String, (FeedKind, Work)>,
}

impl Scheduler {
    /// At most `limit` exports at once; at least one.
    pub fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), queue: VecDeque::new(), running: BTreeMap::new() }
    }

    /// Takes a request.
    pub fn submit(&mut self, want: Want) -> Placed {
        if self.queue.iter().any(|w| w.feed == want.feed && w.work == want.work) {
            return Placed::AlreadyQueued;
        }
        let runs = self.running.get(&want.feed).is_some_and(|(_, work)| *work == want.work);
        if runs && !want.again {
            return Placed::AlreadyRunning;
        }
        self.queue.push_back(want);
        Placed::Queued
    }

    /// What starts now, in order of request; each is running from here on. What may not start keeps its place, and others
    /// pass.
    pub fn start(&mut self, may: impl Fn(&Key) -> bool) -> Vec<Key> {
        let mut started = Vec::new();
        while self.running.len() < self.limit {
            let table_runs = self.running.values().any(|(kind, _)| *kind == FeedKind::Table);
            let Some(at) = self.queue.iter().position(|want| {
                let must_wait = want.kind == FeedKind::Table && table_runs;
                !must_wait && !self.running.contains_key(&want.feed) && may(&(want.feed.clone(), want.work))
            }) else {
                break;
            };
            if let Some(want) = self.queue.remove(at) {
                self.running.insert(want.feed.clone(), (want.kind, want.work));
                started.push((want.feed, want.work));
            }
        }
        started
    }

    /// An export is over.
    pub fn finished(&mut self, feed: &str) {
        self.running.remove(feed);
    }

    /// Takes all work of a feed out of the queue, and gives it back.
    pub fn withdraw(&mut self, feed: &str) -> Vec<Key> {
        let (gone, kept) = std::mem::take(&mut self.queue).into_iter().partition(|want| want.feed == feed);
        self.queue = kept;
        keys(gone)
    }

    /// Takes everything out of the queue, and gives it back.
    pub fn withdraw_all(&mut self) -> Vec<Key> {
        keys(std::mem::take(&mut self.queue))
    }

    /// Nothing waits and nothing runs.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.running.is_empty()
    }
}

fn keys(wants: VecDeque<Want>) -> Vec<Key> {
    wants.into_iter().map(|want| (want.feed, want.work)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(feed: &str, kind: FeedKind) -> Want {
        Want { feed: feed.into(), work: Work::CatchUp, kind, again: false }
    }

    fn day(feed: &str) -> Want {
        Want { work: Work::Day("2025-01-15".parse().unwrap()), ..want(feed, FeedKind::Stream) }
    }

    fn names(started: Vec<Key>) -> Vec<String> {
        started.into_iter().map(|(feed, _)| feed).collect()
    }

    #[test]
    fn keeps_the_limit_and_the_order() {
        let mut scheduler = Scheduler::new(2);
        for feed in ["a", "b", "c"] {
            assert_eq!(scheduler.submit(want(feed, FeedKind::Stream)), Placed::Queued);
        }
        assert_eq!(names(scheduler.start(|_| true)), ["a", "b"]);
        assert_eq!(names(scheduler.start(|_| true)), [""; 0]);
        scheduler.finished("b");
        assert_eq!(names(scheduler.start(|_| true)), ["c"]);
    }

    #[test]
    fn scans_one_table_at_a_time_and_lets_streams_pass() {
        let mut scheduler = Scheduler::new(3);
        scheduler.submit(want("t1", FeedKind::Table));
        scheduler.submit(want("t2", FeedKind::Table));
        scheduler.submit(want("s", FeedKind::Stream));
        assert_eq!(names(scheduler.start(|_| true)), ["t1", "s"]);
        scheduler.finished("t1");
        assert_eq!(names(scheduler.start(|_| true)), ["t2"]);
    }

    #[test]
    fn what_may_not_start_keeps_its_turn() {
        let mut scheduler = Scheduler::new(1);
        for feed in ["a", "b", "c"] {
            scheduler.submit(want(feed, FeedKind::Stream));
        }
        assert_eq!(names(scheduler.start(|(feed, _)| feed == "c")), ["c"]);
        scheduler.finished("c");
        assert_eq!(names(scheduler.start(|_| false)), [""; 0]);
        assert_eq!(names(scheduler.start(|_| true)), ["a"]);
    }

    #[test]
    fn one_export_per_feed() {
        let mut scheduler = Scheduler::new(4);
        scheduler.submit(want("a", FeedKind::Stream));
        assert_eq!(scheduler.submit(want("a", FeedKind::Stream)), Placed::AlreadyQueued);
        assert_eq!(names(scheduler.start(|_| true)), ["a"]);
        assert_eq!(scheduler.submit(want("a", FeedKind::Stream)), Placed::AlreadyRunning);
        let again = Want { again: true, ..want("a", FeedKind::Stream) };
        assert_eq!(scheduler.submit(again), Placed::Queued);
        assert_eq!(names(scheduler.start(|_| true)), [""; 0]);
        scheduler.finished("a");
        assert_eq!(names(scheduler.start(|_| true)), ["a"]);
        scheduler.finished("a");
        assert!(scheduler.is_idle());
    }

    #[test]
    fn a_day_and_a_catch_up_are_two_works_queued_or_running() {
        let mut scheduler = Scheduler::new(4);
        let catch_up = || want("a", FeedKind::Stream);
        assert_eq!(
            (scheduler.submit(catch_up()), scheduler.submit(day("a"))),
            (Placed::Queued, Placed::Queued)
        );
        assert_eq!(scheduler.submit(day("a")), Placed::AlreadyQueued);
        assert_eq!(
            scheduler.start(|_| true),
            [("a".into(), Work::CatchUp)],
            "what was asked first, and as it was asked"
        );
        scheduler.finished("a");
        assert_eq!(scheduler.start(|_| true), [("a".into(), day("a").work)]);
        assert_eq!(scheduler.submit(day("a")), Placed::AlreadyRunning);
        assert_eq!(
            scheduler.submit(catch_up()),
            Placed::Queued,
            "a day that runs does not stand for a catch-up"
        );
        scheduler.finished("a");
        assert_eq!(scheduler.start(|_| true), [("a".into(), Work::CatchUp)]);
    }

    #[test]
    fn a_withdrawn_feed_does_not_start() {
        let mut scheduler = Scheduler::new(1);
        scheduler.submit(want("a", FeedKind::Stream));
        scheduler.submit(day("a"));
        scheduler.submit(want("b", FeedKind::Stream));
        assert_eq!(scheduler.withdraw("a").len(), 2);
        assert!(scheduler.withdraw("a").is_empty());
        assert_eq!(names(scheduler.start(|_| true)), ["b"]);
    }
}

//! The exports: running, queued, over; and those that another process runs.
//!
//! Events change the state of a run; its counters are looked at on a tick, never while drawing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::action::Action;
use crate::app::cursor::Cursor;
use crate::app::effect::Effect;
use crate::app::filter::Filter;
use crate::app::state::App;
use crate::error::{Error, Kind};
use crate::export::event::What;
use crate::export::progress::Snapshot;
use crate::export::{Event, Outcome, Peer, Progress, Stage, Trigger};
use crate::lake::Owner;

/// Samples of the rate that are kept: a minute.
const SAMPLES: usize = 60;
/// Exports that are over and still shown.
const REMEMBERED: usize = 200;
/// The fields of its filter.
pub(crate) const FIELDS: [&str; 3] = ["feed", "state", "trigger"];

/// How far an export is.
#[derive(Debug, Clone)]
pub enum RunState {
    /// The export waits for its turn.
    Queued,
    /// The export runs.
    Running,
    /// The export waits for its next attempt.
    Waiting {
        /// The attempt that failed.
        attempt: u32,
        /// When the next one begins.
        until: DateTime<Utc>,
        /// Why it failed.
        error: Arc<Error>,
    },
    /// The export is over.
    Ended(Outcome),
    /// Another process runs it.
    External(Owner),
}

/// One export.
#[derive(Debug, Clone)]
pub struct Run {
    /// The export's number on this screen, from 1: the key of its row.
    pub id: u64,
    /// The feed.
    pub feed: String,
    /// The export's id in the lake, once it began.
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
    /// Attempts that failed.
    pub retries: u32,
    /// The last warning.
    pub warning: Option<String>,
    pub(crate) progress: Option<Arc<Progress>>,
    pub(crate) sampled: Option<(DateTime<Utc>, u64)>,
}

impl Run {
    fn new(id: u64, feed: &str, trigger: Trigger, state: RunState, queued: DateTime<Utc>) -> Self {
        Self {
            id,
            feed: feed.to_owned(),
            run: None,
            trigger,
            state,
            plan: String::new(),
            queued,
            started: None,
            elapsed: None,
            counters: None,
            rates: VecDeque::new(),
            retries: 0,
            warning: None,
            progress: None,
            sampled: None,
        }
    }

    /// The export waits, runs, or will run again, in this process.
    pub fn is_alive(&self) -> bool {
        matches!(self.state, RunState::Queued | RunState::Running | RunState::Waiting { .. })
    }

    /// The export is over, and not all is in the lake: it failed or was stopped.
    pub fn unfinished(&self) -> bool {
        matches!(self.state, RunState::Ended(Outcome::Failed(_) | Outcome::Cancelled))
    }

    /// Why it failed, or why its last attempt did.
    pub fn error(&self) -> Option<&Arc<Error>> {
        match &self.state {
            RunState::Ended(Outcome::Failed(error)) | RunState::Waiting { error, .. } => Some(error),
            _ => None,
        }
    }

    /// By Kafka partition how far the read that is under way is behind the log's end.
    pub fn lag(&self) -> Option<BTreeMap<i32, u64>> {
        self.progress.as_ref().map(|progress| progress.lag()).filter(|lag| !lag.is_empty())
    }

    /// The export waits for another attempt, or for the end of an outage.
    pub fn waits(&self) -> bool {
        self.counters.is_some_and(|counters| counters.stage == Stage::Waiting)
    }

    /// Days move between the tiers.
    pub fn moves(&self) -> bool {
        self.counters.is_some_and(|counters| counters.stage == Stage::Moving)
    }

    /// Rows in a second, over the last samples.
    pub fn rate(&self) -> u64 {
        let recent: Vec<u64> = self.rates.iter().rev().take(5).copied().collect();
        recent.iter().sum::<u64>().checked_div(recent.len() as u64).unwrap_or(0)
    }

    /// How much of it is done, 0 to 1, where the end is known.
    pub fn done(&self) -> Option<f64> {
        let counters = self.counters.filter(|c| c.expected > 0)?;
        Some((counters.rows as f64 / counters.expected as f64).clamp(0.0, 1.0))
    }

    /// How long it will still take: only where the end is known and the rate was steady for ten seconds.
    pub fn eta(&self) -> Option<Duration> {
        const NEEDED: usize = 10;
        let steady = |stage| matches!(stage, Stage::Reading | Stage::Moving);
        let counters = self.counters.filter(|c| c.expected > 0 && steady(c.stage))?;
        let recent: Vec<f64> = self.rates.iter().rev().take(NEEDED).map(|rate| *rate as f64).collect();
        if recent.len() < NEEDED {
            return None;
        }
        let mean = recent.iter().sum::<f64>() / recent.len() as f64;
        let variance = recent.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / recent.len() as f64;
        if mean < 1.0 || variance.sqrt() > mean * 0.3 {
            return None;
        }
        Duration::try_from_secs_f64(counters.expected.saturating_sub(counters.rows) as f64 / mean).ok()
    }

    /// Looks at the counters; true when there is something new.
    fn sample(&mut self, now: DateTime<Utc>) -> bool {
        let Some(progress) = &self.progress else { return false };
        let counters = progress.snapshot();
        let mut new = self.counters != Some(counters);
        if let RunState::Waiting { until, .. } = self.state {
            // The event comes before the stage: a stage of the failed attempt does not end the wait.
            let begun = matches!(counters.stage, Stage::Opening | Stage::Planning | Stage::Comparing);
            if begun || (now >= until && !matches!(counters.stage, Stage::Waiting | Stage::Ended)) {
                self.state = RunState::Running;
            }
        }
        match self.sampled {
            None => self.sampled = Some((now, counters.rows)),
            Some((then, rows)) => {
                let millis = (now - then).num_milliseconds();
                if millis >= 1000 {
                    let gained = counters.rows.saturating_sub(rows);
                    let rate = gained.saturating_mul(1000) / u64::try_from(millis).unwrap_or(1).max(1);
                    if self.rates.len() == SAMPLES {
                        self.rates.pop_front();
                    }
                    self.rates.push_back(rate);
                    self.sampled = Some((now, counters.rows));
                    // The elapsed time is another one too.
                    new = true;
                }
            }
        }
        self.counters = Some(counters);
        new
    }
}

/// The state of the view.
#[derive(Debug, Clone, Default)]
pub struct Exports {
    pub(crate) runs: Vec<Run>,
    pub(crate) next_id: u64,
    /// What the exports wait for, since when, and why.
    pub(crate) outages: BTreeMap<Peer, (DateTime<Utc>, Arc<Error>)>,
    /// The newest run of each feed, by its place in `runs`.
    latest: BTreeMap<String, usize>,
    pub(crate) order: Vec<usize>,
    pub(crate) keys: Vec<u64>,
    pub(crate) cursor: Cursor<u64>,
    pub(crate) filter_text: String,
    pub(crate) filter: Filter,
}

impl Exports {
    /// The newest run of a feed.
    pub(crate) fn latest(&self, feed: &str) -> Option<&Run> {
        self.latest.get(feed).and_then(|at| self.runs.get(*at))
    }

    pub(crate) fn by_id(&self, id: u64) -> Option<&Run> {
        self.runs.iter().find(|run| run.id == id)
    }

    fn add(&mut self, feed: &str, trigger: Trigger, state: RunState, at: DateTime<Utc>) -> usize {
        self.next_id += 1;
        self.runs.push(Run::new(self.next_id, feed, trigger, state, at));
        self.index();
        self.runs.len() - 1
    }

    /// The run of a feed that is under way; an event of one that nobody announced begins one.
    fn alive(&mut self, event: &Event) -> Option<&mut Run> {
        // A feed that is queued behind itself has two: the older one is the one that runs.
        let started =
            self.runs.iter().position(|r| r.feed == event.feed && r.is_alive() && r.started.is_some());
        let queued = || self.runs.iter().position(|r| r.feed == event.feed && r.is_alive());
        let at = match started.or_else(queued) {
            Some(at) => at,
            None => self.add(&event.feed, Trigger::Asked, RunState::Running, event.time),
        };
        self.runs.get_mut(at)
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        let running =
            self.runs.iter().filter(|run| matches!(run.state, RunState::Running | RunState::Waiting { .. }));
        let queued = self.runs.iter().filter(|run| matches!(run.state, RunState::Queued));
        (running.count(), queued.count())
    }

    fn index(&mut self) {
        self.latest.clear();
        for (at, run) in self.runs.iter().enumerate() {
            let before = self.latest.get(&run.feed).and_then(|at| self.runs.get(*at));
            // One that runs stands for its feed, also when the feed is queued behind itself.
            if !before.is_some_and(|run| run.is_alive() && run.started.is_some()) {
                self.latest.insert(run.feed.clone(), at);
            }
        }
    }

    /// Forgets those that are over, all but the newest `keep`.
    fn forget(&mut self, keep: usize) {
        let over = |run: &Run| matches!(run.state, RunState::Ended(_));
        let mut surplus = self.runs.iter().filter(|run| over(run)).count().saturating_sub(keep);
        self.runs.retain(|run| {
            let goes = surplus > 0 && over(run);
            surplus -= usize::from(goes);
            !goes
        });
        self.index();
    }

    fn change(&mut self, event: &Event) {
        match &event.what {
            What::Paused { peer, error, .. } => {
                self.outages.insert(*peer, (event.time, Arc::clone(error)));
                return;
            }
            What::Resumed { peer, .. } => {
                self.outages.remove(peer);
                return;
            }
            What::Queued { trigger } => {
                self.add(&event.feed, *trigger, RunState::Queued, event.time);
                return;
            }
            What::Started { .. } => {
                let waits = self.runs.iter().any(|r| r.feed == event.feed && r.is_alive());
                if !waits {
                    self.add(&event.feed, Trigger::Asked, RunState::Queued, event.time);
                }
            }
            _ => {}
        }
        let Some(run) = self.alive(event) else { return };
        match &event.what {
            What::Started { run: id, progress } => {
                run.run = Some(id.clone());
                run.progress = Some(progress.clone());
                run.started = Some(event.time);
                run.state = RunState::Running;
                run.sample(event.time);
            }
            What::Planned { text, .. } | What::Moved { text, .. } => run.plan.clone_from(text),
            What::Warned { text } | What::Recovered { text } | What::Columns { text, .. } => {
                run.warning = Some(text.clone());
            }
            What::Compared { text, differs: true } => run.warning = Some(text.clone()),
            What::Retrying { attempt, wait, error } => {
                let wait = TimeDelta::from_std(*wait).unwrap_or(TimeDelta::MAX);
                let until = event.time.checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC);
                run.retries += 1;
                run.state = RunState::Waiting { attempt: *attempt, until, error: error.clone() };
            }
            What::Finished(finished) => {
                run.counters = Some(finished.counters);
                run.elapsed = Some(finished.elapsed);
                run.progress = None;
                run.state = RunState::Ended(finished.outcome.clone());
                self.forget(REMEMBERED);
            }
            What::Queued { .. }
            | What::Committed { .. }
            | What::Compared { .. }
            | What::Published { .. }
            | What::NotPublished { .. }
            | What::Paused { .. }
            | What::Resumed { .. } => {}
        }
    }

    /// `waiting for the server since 14:03:12`; nothing where all are there.
    pub(crate) fn waits_for(&self) -> Option<String> {
        let waits = self.outages.iter();
        let waits =
            waits.map(|(peer, (since, _))| format!("the {} since {}", peer.name(), since.format("%H:%M:%S")));
        let waits: Vec<_> = waits.collect();
        (!waits.is_empty()).then(|| format!("waiting for {}", waits.join(", ")))
    }
}

impl App {
    pub(crate) fn engine_event(&mut self, event: &Event) -> Vec<Effect> {
        self.exports.change(event);
        self.reorder_exports();
        self.reorder_feeds_by_state();
        let loads = matches!(
            event.what,
            What::Committed { .. }
                | What::Moved { .. }
                | What::Finished(_)
                | What::Published { .. }
                | What::NotPublished { .. }
        );
        if loads { vec![Effect::LoadDataset(event.feed.clone())] } else { Vec::new() }
    }

    /// Looks at the counters of what runs; true when there is something new.
    pub(crate) fn sample_exports(&mut self, now: DateTime<Utc>) -> bool {
        let mut new = false;
        for run in self.exports.runs.iter_mut().filter(|run| run.progress.is_some()) {
            new |= run.sample(now);
        }
        new
    }

    /// Those that another process runs are rows too, as long as it holds the dataset.
    pub(crate) fn set_locks(&mut self, locks: BTreeMap<String, Owner>) {
        self.exports.runs.retain(|run| match &run.state {
            RunState::External(owner) => locks.get(&run.feed) == Some(owner),
            _ => true,
        });
        self.exports.index();
        for (feed, owner) in &locks {
            let known =
                self.exports.latest(feed).is_some_and(|run| matches!(run.state, RunState::External(_)));
            if !known {
                let state = RunState::External(owner.clone());
                let at = self.exports.add(feed, Trigger::Asked, state, owner.since);
                if let Some(run) = self.exports.runs.get_mut(at) {
                    run.started = Some(owner.since);
                }
            }
        }
        self.locks = locks;
        self.reorder_exports();
        self.reorder_feeds_by_state();
    }

    pub(crate) fn reorder_exports(&mut self) {
        let exports = &mut self.exports;
        let mut order: Vec<usize> = (0..exports.runs.len()).collect();
        if !exports.filter.is_empty() {
            order.retain(|at| {
                exports.runs.get(*at).is_some_and(|run| {
                    exports.filter.matches(&[
                        ("feed", &run.feed),
                        ("state", run.name()),
                        ("trigger", run.trigger.name()),
                    ])
                })
            });
        }
        // What runs, oldest first; what waits; what others run; what is over, newest first.
        order.sort_by_cached_key(|at| {
            let Some(run) = exports.runs.get(*at) else { return (9, 0) };
            let id = i128::from(run.id);
            match run.state {
                RunState::Running | RunState::Waiting { .. } => (0, id),
                RunState::Queued => (1, id),
                RunState::External(_) => (2, id),
                RunState::Ended(_) => (3, -id),
            }
        });
        exports.keys = order.iter().filter_map(|at| exports.runs.get(*at).map(|run| run.id)).collect();
        exports.cursor.refresh(&exports.keys);
        exports.order = order;
    }

    pub(crate) fn exports_action(&mut self, action: Action) -> Vec<Effect> {
        if action == Action::ClearFinished {
            self.exports.forget(0);
            self.reorder_exports();
            self.reorder_feeds_by_state();
            return Vec::new();
        }
        let Some(feed) =
            self.exports.cursor.key().and_then(|id| self.exports.by_id(*id)).map(|r| r.feed.clone())
        else {
            return Vec::new();
        };
        match action {
            Action::Open => self.open_feed(&feed),
            Action::Cancel => self.cancel_feeds(vec![feed]),
            Action::Retry => self.retry_feeds(vec![feed]),
            _ => Vec::new(),
        }
    }
}

impl Run {
    /// The export's state in one word.
    pub fn name(&self) -> &'static str {
        match &self.state {
            RunState::Queued => "queued",
            RunState::Running => self.counters.map_or("running", |counters| counters.stage.name()),
            RunState::Waiting { .. } => "waiting",
            RunState::Ended(Outcome::Done { .. }) => "done",
            RunState::Ended(Outcome::Skipped { .. }) => "skipped",
            RunState::Ended(Outcome::Cancelled) => "cancelled",
            RunState::Ended(Outcome::Failed(error)) if error.kind() == Kind::Locked => "locked",
            RunState::Ended(Outcome::Failed(_)) => "failed",
            RunState::External(_) => "elsewhere",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_only_where_end_and_rate_are_known() {
        let now = DateTime::UNIX_EPOCH;
        let mut run = Run::new(1, "payments", Trigger::Asked, RunState::Running, now);
        assert_eq!(run.eta(), None);
        let progress = Progress::default();
        progress.enter(Stage::Reading);
        let known = Snapshot { rows: 4000, expected: 10_000, ..progress.snapshot() };
        run.counters = Some(known);
        run.rates = [100; 9].into();
        assert_eq!(run.eta(), None, "nine seconds are not enough");
        run.rates.push_back(100);
        assert_eq!(run.eta(), Some(Duration::from_secs(60)));
        assert_eq!((run.rate(), run.done()), (100, Some(0.4)));
        run.rates = [10, 400, 0, 250, 3, 90, 800, 0, 0, 20].into();
        assert_eq!(run.eta(), None, "such a rate says nothing");
        run.rates = [100; 10].into();
        run.counters = Some(Snapshot { expected: 0, ..known });
        assert_eq!((run.eta(), run.done()), (None, None), "the end is not known");
    }
}

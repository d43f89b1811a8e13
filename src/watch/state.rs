//! Hints, catalogues and time in; changes and orders out. The screen and the headless watcher drive the same machine.
//!
//! ```text
//!  hint ─▶ debounce ─at rest─▶ Order::Look ─▶ catalogue ─▶ of files at rest ─▶ changes ─▶ orders
//!                                  ▲                    └▶ of others: kept as they were, looked at again at rest
//!        nothing for `rescan` ─────┘
//! ```
//!
//! A file is taken as it is only when it was at rest: a look that finds a difference which no event announced waits a
//! rest, too, and looks again. One look is under way at a time. Pure: no file, no clock, no thread.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::changes::{self, Known};
use super::cron_timers::CronTimers;
use super::debounce::{Debounce, Debounced};
use super::{Cause, Change, Hint, Now, Order};
use crate::config::WatchConfig;
use crate::feed::{Catalog, Entry, ExportMode, Feed, FeedPaths, StorageMode};

/// A machine that slept is found awake after this long: the clock by which a loop sleeps may have slept with it.
const DOZE: Duration = Duration::from_secs(30);

/// The first wait before an export that follows its stream is resumed; it doubles.
const RESUME: Duration = Duration::from_secs(1);
const RESUME_MAX: Duration = Duration::from_secs(300);

/// What came of a look at the folders.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Step {
    /// What is different, to be shown and logged.
    pub changes: Vec<Change>,
    /// What is to be done, in this order.
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
pub struct WatchState {
    paths: FeedPaths,
    rescan: Duration,
    debounce: Debounce,
    look: Look,
    catalog: Catalog,
    /// What a look found that no event had announced, and that it did not take yet.
    seen: BTreeMap<PathBuf, Option<Entry>>,
    known: Known,
    cron_timers: CronTimers,
    resume: BTreeMap<String, Resume>,
}

/// The look that is under way, if any, and what the next one is for.
#[derive(Debug)]
struct Look {
    /// Files that were at rest when it was ordered, and whether they were looked at in spite of not being.
    under_way: Option<BTreeMap<PathBuf, bool>>,
    next: BTreeMap<PathBuf, bool>,
    last: Instant,
}

/// An export that follows its stream and came to an end.
#[derive(Debug, Clone, Copy)]
struct Resume {
    failures: u32,
    ended: Instant,
    due: Option<Instant>,
}

impl WatchState {
    /// Takes the first catalogue as it is; `has_data` says whether the lake holds something of a feed.
    pub fn start(
        paths: &FeedPaths,
        config: &WatchConfig,
        catalog: Catalog,
        has_data: impl Fn(&Feed) -> bool,
        now: Now,
    ) -> (Self, Step) {
        let mut state = Self {
            paths: paths.clone(),
            rescan: config.rescan,
            debounce: Debounce::new(config.debounce),
            look: Look { under_way: None, next: BTreeMap::new(), last: now.steady },
            catalog: Catalog::default(),
            seen: BTreeMap::new(),
            known: Known::default(),
            cron_timers: CronTimers::default(),
            resume: BTreeMap::new(),
        };
        let changes = state.take(catalog, now);
        let start = |feed| changes::decide_on_start(feed, config.on_start, || has_data(feed));
        let orders = state.known.in_force().filter_map(start).collect();
        (state, Step { changes, orders })
    }

    /// Notes that it is worth looking; the look is ordered by [`WatchState::on_time`] when all is at rest.
    pub fn on_hint(&mut self, hint: &Hint, now: Now) {
        match hint {
            Hint::File(path) => {
                self.seen.remove(path);
                self.debounce.hint(path, now.steady);
            }
            Hint::Folders => {
                for folder in [&self.paths.active, &self.paths.archived] {
                    self.debounce.hint(folder, now.steady);
                }
            }
            Hint::Warning(_) => {}
        }
    }

    /// Time has passed: to be called after [`WatchState::wait`], and as often as is convenient.
    pub fn on_time(&mut self, now: Now) -> Vec<Order> {
        let mut orders = Vec::new();
        for Debounced { path, restless } in self.debounce.take(now.steady) {
            self.look.next.insert(path, restless);
        }
        if self.wait_for_look(now.steady) == Some(Duration::ZERO) {
            self.look.under_way = Some(std::mem::take(&mut self.look.next));
            self.look.last = now.steady;
            orders.push(Order::Look);
        }
        let scheduled = self.cron_timers.due(now.wall);
        orders.extend(self.export(scheduled, Cause::Scheduled));
        let mut resumed = Vec::new();
        for (feed, resume) in &mut self.resume {
            if resume.due.take_if(|due| *due <= now.steady).is_some() {
                resumed.push(feed.clone());
            }
        }
        orders.extend(self.export(resumed, Cause::Resumed));
        orders
    }

    /// The catalogue that [`Order::Look`] asked for.
    pub fn on_catalog(&mut self, catalog: Catalog, now: Now) -> Step {
        let at_rest = self.look.under_way.take().unwrap_or_default();
        let catalog = self.of_files_at_rest(catalog, &at_rest, now.steady);
        let changes = self.take(catalog, now);
        let orders = changes.iter().flat_map(changes::decide).collect();
        Step { changes, orders }
    }

    /// The catalogue could not be loaded: what was known stays in force, and the next rescan looks again.
    pub fn on_look_failed(&mut self) {
        self.look.under_way = None;
    }

    /// An export is over: one that follows its stream is resumed, unless somebody stopped it.
    pub fn on_ended(&mut self, feed: &str, ended: Ended, now: Now) {
        let follows = self.known.get(feed).is_some_and(|feed| {
            feed.enabled && feed.mode == ExportMode::Follow && feed.storage_mode != StorageMode::Ignore
        });
        if ended == Ended::Cancelled || !follows {
            self.resume.remove(feed);
            return;
        }
        // One that ran for long before it failed begins anew.
        let earlier = self.resume.get(feed).filter(|r| now.steady - r.ended < RESUME_MAX * 2);
        let failures = earlier.map_or(0, |resume| resume.failures + 1);
        let wait = 2_u32.checked_pow(failures).map_or(RESUME_MAX, |factor| RESUME * factor).min(RESUME_MAX);
        let resume = Resume { failures, ended: now.steady, due: Some(now.steady + wait) };
        self.resume.insert(feed.to_owned(), resume);
    }

    /// How long until [`WatchState::on_time`] has something to do.
    pub fn wait(&self, now: Now) -> Duration {
        let scheduled =
            self.cron_timers.next().map(|next| (next - now.wall).to_std().unwrap_or_default().min(DOZE));
        let resumed = self.resume.values().filter_map(|resume| resume.due).min();
        [
            self.wait_for_look(now.steady),
            self.debounce.wait(now.steady),
            scheduled,
            resumed.map(|due| due.saturating_duration_since(now.steady)),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(DOZE)
    }

    /// The catalogue in which every file is at rest.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The versions in force: of a file that broke the last good one.
    pub fn in_force(&self) -> impl Iterator<Item = &Feed> {
        self.known.in_force()
    }

    /// When the schedule of a feed comes next.
    pub fn next_run(&self, feed: &str) -> Option<DateTime<Utc>> {
        self.cron_timers.next_of(feed)
    }

    fn wait_for_look(&self, now: Instant) -> Option<Duration> {
        if self.look.under_way.is_some() {
            return None;
        }
        let rescan = self.rescan.saturating_sub(now.saturating_duration_since(self.look.last));
        Some(if self.look.next.is_empty() { rescan } else { Duration::ZERO })
    }

    /// Takes a catalogue into force, schedules included.
    fn take(&mut self, catalog: Catalog, now: Now) -> Vec<Change> {
        let changes = self.known.take(&catalog);
        self.cron_timers.set(self.known.in_force(), now.wall);
        let known = &self.known;
        self.resume.retain(|feed, _| known.get(feed).is_some_and(|feed| feed.enabled));
        self.catalog = catalog;
        changes
    }

    fn export(&self, feeds: Vec<String>, cause: Cause) -> impl Iterator<Item = Order> {
        feeds.into_iter().filter_map(move |feed| {
            let feed = self.known.get(&feed).filter(|feed| feed.enabled)?;
            Some(Order::Export { feed: Box::new(feed.clone()), cause })
        })
    }

    /// The new entries of files that were at rest, the old ones of all others.
    fn of_files_at_rest(
        &mut self,
        fresh: Catalog,
        at_rest: &BTreeMap<PathBuf, bool>,
        now: Instant,
    ) -> Catalog {
        let old = std::mem::take(&mut self.catalog).entries;
        let mut files: BTreeMap<PathBuf, (Option<Entry>, Option<Entry>)> = BTreeMap::new();
        for entry in old {
            let (old, _) = files.entry(entry.path.clone()).or_default();
            *old = Some(entry);
        }
        for entry in fresh.entries {
            let (_, fresh) = files.entry(entry.path.clone()).or_default();
            *fresh = Some(entry);
        }
        self.seen.retain(|path, _| files.contains_key(path));
        let mut entries: Vec<Entry> = files
            .into_iter()
            .filter_map(|(path, (old, fresh))| {
                let same = old.as_ref().map(|entry| &entry.state) == fresh.as_ref().map(|entry| &entry.state);
                if same || self.may_be_taken(&path, fresh.as_ref(), at_rest) {
                    self.seen.remove(&path);
                    return fresh;
                }
                // Of a file that is pending the events will tell when it is at rest.
                if !self.is_pending(&path) {
                    self.debounce.hint(&path, now);
                    self.seen.insert(path, fresh);
                }
                old
            })
            .collect();
        entries.sort_by(|a, b| (&a.name, a.place, &a.path).cmp(&(&b.name, b.place, &b.path)));
        Catalog { entries }
    }

    /// Whether a file that is different now was at rest, and still is what an earlier look saw of it.
    fn may_be_taken(&self, path: &Path, fresh: Option<&Entry>, at_rest: &BTreeMap<PathBuf, bool>) -> bool {
        let folder = path.parent().and_then(|folder| at_rest.get(folder));
        match (at_rest.get(path), folder) {
            (Some(true), _) | (_, Some(true)) => true,
            (None, None) => false,
            _ => !self.is_pending(path) && self.seen.get(path).is_none_or(|seen| seen.as_ref() == fresh),
        }
    }

    /// Whether another look at this file comes without further ado.
    fn is_pending(&self, path: &Path) -> bool {
        let pending = |path| self.debounce.is_pending(path) || self.look.next.contains_key(path);
        pending(path) || path.parent().is_some_and(pending)
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;

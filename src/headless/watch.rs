//! `lakehand watch`: watcher, scheduler and worker without a screen, for a service manager.
//!
//! ```text
//! Watcher ─ hints ─▶┐                         ┌─▶ Look    a thread loads the catalogue
//! looks ─ catalog ─▶│  WatchState ── orders ──┼─▶ Export  held until the server was reached once, then to the engine
//! time ────────────▶┘                         └─▶ Cancel
//! engine ─ events ─▶ log, standard output; how an export ended ─▶ WatchState
//! ```
//!
//! It ends on SIGINT or SIGTERM only, with 0: that is the normal end of a service. What is safe is committed before; a
//! second signal ends it at once. A server out of reach at the start is asked again for ever; later on an export that
//! failed is tried again when its feed changes or its schedule comes, and one that follows its stream is resumed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::json::Json;
use super::note::Note;
use super::plain::Plain;
use super::record::Recorder;
use super::run::complain;
use super::signal::Signals;
use super::{Exit, Output, Report, Totals};
use crate::config::WatchConfig;
use crate::error::{Error, Result};
use crate::export::event::{Finished, Outcome, What};
use crate::export::{Engine, Event, Request, Trigger, Work};
use crate::feed::{Catalog, ExportMode, Feed, FeedPaths};
use crate::log::{Level, Record};
use crate::watch::{Cause, Change, Ended, Hint, Now, Order, Step, WatchState, Watcher};

/// What the watcher works with.
pub struct Watching {
    /// The engine.
    pub engine: Engine,
    /// The watch's events.
    pub events: Receiver<Event>,
    /// The folders of feeds.
    pub paths: FeedPaths,
    /// How they are watched.
    pub config: WatchConfig,
    /// How many exports the engine runs at once.
    pub concurrency: usize,
    /// What is said of the server until it was reached; the sender goes when there is no more to say.
    pub greetings: Receiver<Greeting>,
    /// The time.
    pub clock: fn() -> DateTime<Utc>,
    /// Where and how events are shown.
    pub output: Output,
    /// The folder of the log.
    pub logs: PathBuf,
}

/// What came of asking the server who it is.
#[derive(Debug)]
pub enum Greeting {
    /// The server is there, and can be worked with; in words.
    Reached(String),
    /// The server is not there, or not yet; it is asked again.
    Unreachable(Error),
    /// The server is there, and cannot be worked with.
    Refused(Error),
}

/// Watches until a signal ends it; `has_data` says whether the lake holds something of a feed.
///
/// # Errors
/// The folders of feeds cannot be read at the start, or the server was reached and cannot be worked with.
pub async fn watch(watching: Watching, has_data: impl Fn(&Feed) -> bool) -> Result<Exit> {
    let Watching { engine, events, paths, config, concurrency, greetings, clock, output, logs } = watching;
    let mut signals = Signals::listen()?;
    let (recorder, trouble) = Recorder::open(&logs);
    if let Some(error) = trouble {
        complain(&error);
    }
    let report: Box<dyn Report> = match output {
        Output::Json => Box::new(Json),
        Output::Human => Box::new(Plain),
    };
    // Watched before it is read: nothing is missed in between.
    let (hint, hints) = mpsc::channel(256);
    let watcher = Watcher::start(&paths, &config, hint)?;
    let catalog = Catalog::load(&paths)?;
    let now = Now::of(clock);
    let (state, step) = WatchState::start(&paths, &config, catalog, has_data, now);
    let (looked, looks) = mpsc::channel(1);
    let mut driver = WatchDriver {
        paths,
        concurrency,
        clock,
        state,
        report,
        recorder,
        totals: Totals::default(),
        looked,
        engine,
        held: Some(BTreeMap::new()),
        unreadable: None,
        crowded: Vec::new(),
    };
    driver.greet(step);
    let begun = now.steady;
    let ended = driver.run(Inboxes { events, hints, looks, greetings }, &mut signals).await;
    drop(watcher);
    ended?;
    driver.totals.elapsed = begun.elapsed();
    driver.report.end(&driver.totals, Exit::Done);
    Ok(Exit::Done)
}

/// Where news comes from.
struct Inboxes {
    events: Receiver<Event>,
    hints: Receiver<Hint>,
    looks: Receiver<Result<Catalog>>,
    greetings: Receiver<Greeting>,
}

/// The one owner of the state.
struct WatchDriver {
    paths: FeedPaths,
    concurrency: usize,
    clock: fn() -> DateTime<Utc>,
    state: WatchState,
    report: Box<dyn Report>,
    recorder: Recorder,
    totals: Totals,
    looked: Sender<Result<Catalog>>,
    engine: Engine,
    /// What waits for the server to be reached for the first time.
    held: Option<BTreeMap<String, Request>>,
    /// Why the folders could not be read the last time.
    unreadable: Option<String>,
    /// The feeds of which it was said that they leave no room for others.
    crowded: Vec<String>,
}

impl WatchDriver {
    async fn run(&mut self, inboxes: Inboxes, signals: &mut Signals) -> Result<()> {
        let Inboxes { mut events, mut hints, mut looks, mut greetings } = inboxes;
        loop {
            let now = Now::of(self.clock);
            let orders = self.state.on_time(now);
            self.carry_out(orders);
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.event(&event),
                    None => return Ok(()),
                },
                Some(hint) = hints.recv() => {
                    if let Hint::Warning(text) = &hint {
                        self.note(&Note::new(Level::Warn, None, "warning").what(text));
                    }
                    self.state.on_hint(&hint, Now::of(self.clock));
                }
                Some(catalog) = looks.recv() => self.catalog(catalog),
                Some(greeting) = greetings.recv() => self.greeting(greeting)?,
                () = tokio::time::sleep(self.state.wait(now)) => {}
                () = signals.next() => return self.stop(events, signals).await,
            }
        }
    }

    /// Comes to an end at the next safe point of every export.
    async fn stop(&mut self, mut events: Receiver<Event>, signals: &mut Signals) -> Result<()> {
        self.note(&Note::new(Level::Info, None, "stopping").what("at the next safe point"));
        self.engine.cancel_all();
        self.engine.close();
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.event(&event),
                    None => return Ok(()),
                },
                // Asked twice: what is not committed is thrown away by the next start.
                () = signals.next() => std::process::exit(i32::from(Exit::Interrupted.code())),
            }
        }
    }

    /// The first step: what is there is not news, but what is broken is.
    fn greet(&mut self, step: Step) {
        let feeds = self.state.in_force().count();
        let enabled = self.state.in_force().filter(|feed| feed.enabled).count();
        let what = format!("{feeds} feeds, {enabled} enabled, in {}", self.paths.active.display());
        self.note(&Note::new(Level::Info, None, "watching").what(&what));
        for change in &step.changes {
            if matches!(change, Change::Broke { .. }) {
                self.note(&of_change(change));
            }
        }
        self.see_to_room();
        self.carry_out(step.orders);
    }

    fn catalog(&mut self, catalog: Result<Catalog>) {
        let catalog = match catalog {
            Ok(catalog) => catalog,
            Err(error) => {
                let why = error.to_string();
                if self.unreadable.as_ref() != Some(&why) {
                    let note = Note::new(Level::Warn, None, "folders unreadable");
                    self.note(&note.what(&format!("{why}; what was known stays in force")));
                }
                self.unreadable = Some(why);
                return self.state.on_look_failed();
            }
        };
        if self.unreadable.take().is_some() {
            self.note(&Note::new(Level::Info, None, "folders readable"));
        }
        let step = self.state.on_catalog(catalog, Now::of(self.clock));
        for change in &step.changes {
            self.note(&of_change(change));
        }
        if !step.changes.is_empty() {
            self.see_to_room();
        }
        self.carry_out(step.orders);
    }

    fn greeting(&mut self, greeting: Greeting) -> Result<()> {
        match greeting {
            Greeting::Reached(what) => {
                self.note(&Note::new(Level::Info, None, "server reached").what(&what));
                for request in self.held.take().into_iter().flat_map(BTreeMap::into_values) {
                    self.engine.submit(request);
                }
            }
            Greeting::Unreachable(error) => {
                let note = Note::new(Level::Warn, None, "server out of reach");
                self.note(&note.what(&error.to_string()));
            }
            Greeting::Refused(error) => {
                self.note(&Note::new(Level::Error, None, "server refused").what(&error.to_string()));
                return Err(error);
            }
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) {
        self.totals.add(event);
        if let Some(error) = self.recorder.write(event) {
            complain(&error);
        }
        self.report.event(event);
        if let What::Finished(Finished { outcome, .. }) = &event.what {
            let ended = match outcome {
                Outcome::Done { .. } | Outcome::Skipped { .. } => Ended::Done,
                Outcome::Failed(_) => Ended::Failed,
                Outcome::Cancelled => Ended::Cancelled,
            };
            self.state.on_ended(&event.feed, ended, Now::of(self.clock));
        }
    }

    fn carry_out(&mut self, orders: Vec<Order>) {
        for order in orders {
            match order {
                Order::Look => self.look(),
                Order::Export { feed, cause } => {
                    let trigger = match cause {
                        Cause::Started | Cause::Changed => Trigger::Changed,
                        Cause::Scheduled | Cause::Resumed => Trigger::Scheduled,
                    };
                    let request = Request { feed: *feed, trigger, work: Work::CatchUp };
                    match &mut self.held {
                        Some(held) => drop(held.insert(request.feed.name.clone(), request)),
                        None => self.engine.submit(request),
                    }
                }
                Order::Cancel { feed } => match &mut self.held {
                    Some(held) => drop(held.remove(&feed)),
                    None => self.engine.cancel(&feed),
                },
            }
        }
    }

    /// On a thread of its own, for which nobody waits: a folder on a network may hold it up for long.
    fn look(&mut self) {
        let (paths, looked) = (self.paths.clone(), self.looked.clone());
        let look = move || {
            // A loop that has ended needs no catalogue.
            let _ = looked.blocking_send(Catalog::load(&paths));
        };
        if let Err(error) = std::thread::Builder::new().name("look at feeds".into()).spawn(look) {
            let what = format!("cannot start a thread: {error}");
            self.note(&Note::new(Level::Warn, None, "warning").what(&what));
            self.state.on_look_failed();
        }
    }

    /// Says it when feeds that follow their streams, and so never end, leave no room for the others.
    fn see_to_room(&mut self) {
        let follows = |feed: &&Feed| feed.enabled && feed.mode == ExportMode::Follow;
        let following: Vec<_> = self.state.in_force().filter(follows).map(|feed| feed.name.clone()).collect();
        let enabled = self.state.in_force().filter(|feed| feed.enabled).count();
        let crowded = following.len() >= self.concurrency && enabled > self.concurrency;
        if crowded && following != self.crowded {
            let what = format!(
                "{} follow their streams and take all {} places: other feeds wait in vain; raise export.concurrency",
                following.join(", "),
                self.concurrency
            );
            self.note(&Note::new(Level::Warn, None, "no room").what(&what));
        }
        self.crowded = if crowded { following } else { Vec::new() };
    }

    fn note(&mut self, note: &Note) {
        let now = (self.clock)();
        if let Some(error) = self.recorder.write_record(&note.record(now)) {
            complain(&error);
        }
        self.report.note(note, now);
    }
}

/// The line of the log of a change.
pub(crate) fn change_record(change: &Change, now: DateTime<Utc>) -> Record {
    of_change(change).record(now)
}

fn of_change(change: &Change) -> Note {
    let (level, what) = match change {
        Change::Broke { problems, in_force, .. } => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            let rest = if *in_force { "; the last good version stays in force" } else { "" };
            (Level::Error, format!("{}{rest}", problems.join("; ")))
        }
        Change::Appeared(feed) if !feed.enabled => (Level::Info, "it is disabled".to_owned()),
        Change::DescriptionChanged(_) => {
            (Level::Info, "its meaning is as before: nothing is exported".to_owned())
        }
        Change::ScheduleChanged(feed) | Change::MeaningChanged { new: feed, .. } => {
            let schedule = feed.schedule.as_ref().map(|schedule| format!("schedule {schedule}"));
            (Level::Info, schedule.unwrap_or_default())
        }
        _ => (Level::Info, String::new()),
    };
    Note::new(level, Some(change.feed()), change.name()).what(&what)
}

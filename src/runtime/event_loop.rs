//! The loop: the only owner of the model.
//!
//! One turn takes what came in, gives it to the model, carries out what the model wants, and draws when there is
//! something new and the last frame is 33 ms old, or 5 ms after a key. A turn without anything to do does not happen.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::feed_watch::{self, now};
use super::frames::Frames;
use super::journal::Journal;
use super::lake_watch::LakeWatch;
use super::signals::{Asked, Signals};
use super::work::{Job, Reply, Work};
use super::{Setup, first_app};
use crate::app::{App, Message, ThemeName};
use crate::config::Config;
use crate::error::Result;
use crate::export::event::{Outcome, What};
use crate::export::log::LogSource;
use crate::export::{self, Cancel, Engine, Event, Request, Trigger};
use crate::feed::{Catalog, FeedPaths};
use crate::headless::Exit;
use crate::headless::record::record;
use crate::headless::watch::change_record;
use crate::ksql::client::Client;
use crate::lake::Lake;
use crate::ui::hit::HitMap;
use crate::ui::terminal::{Screen, TerminalEvent};
use crate::ui::theme::Theme;
use crate::watch::{Cause, Change, Ended, Hint, Order, Step, WatchState, Watcher};

/// How often the lake is looked at for what other processes do.
const LAKE_LOOK: Duration = Duration::from_secs(5);
/// How long running exports have to reach a safe point when the program ends.
const LAST_WAIT: Duration = Duration::from_secs(8);
/// The most that one turn takes of each kind, so that a flood of one does not hold up the others.
const AT_ONCE: usize = 1024;

/// Everything that the screen is made of.
pub(super) struct Runtime {
    pub(super) config: Config,
    pub(super) client: Client,
    pub(super) logs: Option<LogSource>,
    pub(super) lake: Lake,
    pub(super) feeds: FeedPaths,
    pub(super) read_only: bool,
    pub(super) app: App,
    pub(super) screen: Screen,
    pub(super) work: Work,
    pub(super) journal: Journal,
    pub(super) engine: Engine,
    /// The feeds as they were last loaded.
    pub(super) catalog: Catalog,
    pub(super) watch_state: Option<WatchState>,
    /// By feed, what the last check or repair looks at to know whether it shall stop.
    pub(super) checks: BTreeMap<String, Cancel>,
    /// When to give up waiting for exports, once the end was asked for.
    pub(super) end: Option<Instant>,
    pub(super) drawn: Option<u64>,
    events: mpsc::Receiver<Event>,
    engine_is_over: bool,
    replies: mpsc::Receiver<Reply>,
    hints: mpsc::Receiver<Hint>,
    /// Hints come as long as it lives; `None` when the folders cannot be watched, and the rescan alone finds changes.
    #[allow(dead_code, reason = "kept alive, and never asked anything")]
    watcher: Option<Watcher>,
    signals: Signals,
    lake_watch: Option<LakeWatch>,
    look_at_lake: Instant,
    ask_health: Instant,
    schedules: BTreeMap<String, DateTime<Utc>>,
    /// Why the folders of feeds could not be read the last time.
    unreadable: Option<String>,
    pub(super) theme: (ThemeName, Theme),
    pub(super) hits: HitMap,
    pub(super) frames: Frames,
    exit: Exit,
}

impl Runtime {
    /// Puts it together; nothing slow happens before the first frame.
    pub(super) fn start(setup: Setup, screen: Screen) -> Result<Self> {
        let app = first_app(&setup, screen.size(), Utc::now());
        let (answers, replies) = mpsc::channel(1024);
        let (hint, hints) = mpsc::channel(256);
        let config = setup.config;
        let journal = Journal::start(&config.paths.logs, super::LOG_RECORDS, answers.clone())?;
        let apart = config.lake.metadata == crate::config::MetadataPlace::Apart;
        let lake = Lake::new(&config.paths.lake).with_metadata_apart(apart);
        let feeds = config.feed_paths();
        let logs = setup.engine.logs.clone();
        let (engine, events) = super::start_engine(setup.engine);
        let begun = Instant::now();
        let mut runtime = Self {
            client: setup.client,
            logs,
            read_only: setup.read_only,
            screen,
            work: Work::new(answers),
            journal,
            engine,
            catalog: Catalog::default(),
            watch_state: None,
            checks: BTreeMap::new(),
            end: None,
            drawn: None,
            events,
            engine_is_over: false,
            replies,
            hints,
            watcher: None,
            signals: Signals::listen()?,
            lake_watch: Some(LakeWatch::default()),
            look_at_lake: begun + LAKE_LOOK,
            ask_health: begun,
            schedules: BTreeMap::new(),
            unreadable: None,
            theme: (app.theme(), Theme::named(app.theme()).ascii(app.ascii())),
            hits: HitMap::default(),
            frames: Frames::new(begun),
            exit: Exit::Done,
            app,
            config,
            lake,
            feeds,
        };
        runtime.draw();
        runtime.watch(hint);
        Ok(runtime)
    }

    /// The watch over feeds and log begins; the first frame is on the screen.
    fn watch(&mut self, hint: mpsc::Sender<Hint>) {
        match Watcher::start(&self.feeds, &self.config.watch, hint) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.tell(Message::Failed(error)),
        }
        let (paths, config, lake) = (self.feeds.clone(), self.config.watch.clone(), self.lake.clone());
        self.work.block(None, move |teller| feed_watch::start(&paths, &config, &lake, teller));
        self.journal.load_months();
        self.journal.load(crate::log::Month::of(Utc::now()));
        test_panic();
    }

    /// Runs until the end.
    pub(super) async fn run(mut self) -> Result<Exit> {
        while !self.is_over() {
            let wake = tokio::time::Instant::from_std(self.wake());
            tokio::select! {
                event = self.screen.event() => self.on_terminal(event),
                event = self.events.recv(), if !self.engine_is_over => match event {
                    Some(event) => self.on_engine(event),
                    None => self.engine_is_over = true,
                },
                Some(reply) = self.replies.recv() => self.on_reply(reply)?,
                Some(hint) = self.hints.recv() => self.on_hint(&hint),
                asked = self.signals.next() => self.on_signal(asked)?,
                () = tokio::time::sleep_until(wake) => {}
            }
            self.drain()?;
            self.on_time();
            self.draw();
        }
        Ok(self.finish())
    }

    /// Takes what came in meanwhile, so that one frame shows it all.
    fn drain(&mut self) -> Result<()> {
        for _ in 0..AT_ONCE {
            let Ok(event) = self.events.try_recv() else { break };
            self.on_engine(event);
        }
        for _ in 0..AT_ONCE {
            let Ok(reply) = self.replies.try_recv() else { break };
            self.on_reply(reply)?;
        }
        for _ in 0..AT_ONCE {
            let Ok(hint) = self.hints.try_recv() else { break };
            self.on_hint(&hint);
        }
        Ok(())
    }

    /// Gives a message to the model and carries out what it wants.
    pub(super) fn tell(&mut self, message: Message) {
        for effect in self.app.update(message) {
            self.carry_out(effect);
        }
    }

    fn on_terminal(&mut self, event: Option<io::Result<TerminalEvent>>) {
        let Some(Ok(event)) = event else {
            // The terminal is gone, and with it whoever could ask for anything.
            self.screen.leave();
            return self.end(Exit::Interrupted);
        };
        if let Some(message) = crate::ui::input::message(event, &self.hits) {
            self.tell(Message::Tick { now: Utc::now() });
            self.tell(message);
            self.frames.hasten();
        }
    }

    fn on_engine(&mut self, event: Event) {
        if let Some(record) = record(&event) {
            self.journal.write(record);
        }
        if let What::Finished(finished) = &event.what {
            let ended = match finished.outcome {
                Outcome::Done { .. } | Outcome::Skipped { .. } => Ended::Done,
                Outcome::Failed(_) => Ended::Failed,
                Outcome::Cancelled => Ended::Cancelled,
            };
            if let Some(watch_state) = &mut self.watch_state {
                watch_state.on_ended(&event.feed, ended, now());
            }
            self.look_at_lake = self.look_at_lake.min(Instant::now());
        }
        self.tell(Message::Engine(event));
    }

    fn on_reply(&mut self, reply: Reply) -> Result<()> {
        match reply {
            Reply::Message(message) => self.tell(*message),
            Reply::Catalog(Ok(catalog)) => self.on_catalog(catalog),
            Reply::Catalog(Err(error)) => self.tell(Message::Failed(error)),
            Reply::Looked(looked) => self.on_look(looked),
            Reply::Watching(started) => {
                self.catalog = started.watch_state.catalog().clone();
                self.watch_state = Some(started.watch_state);
                self.look_at_lake = Instant::now();
                let Step { changes, orders } = started.step;
                // What is there at the start is not news, but what is broken is.
                let changes =
                    changes.into_iter().filter(|change| matches!(change, Change::Broke { .. })).collect();
                self.on_step(Step { changes, orders });
            }
            Reply::Lake(lake_watch) => {
                self.lake_watch = Some(lake_watch);
                self.look_at_lake = Instant::now() + LAKE_LOOK;
            }
            Reply::EditorClosed(path, problems) => {
                self.screen.retake()?;
                self.drawn = None;
                self.tell(Message::EditorClosed { path, problems });
                self.load_catalog();
            }
            Reply::Note(record) => self.journal.write(record),
            Reply::FeedsChanged => self.load_catalog(),
            Reply::Over(job) => {
                if self.work.end(&job) {
                    self.restart(job);
                }
            }
        }
        Ok(())
    }

    /// What the watch wanted to know; the screen shows it too.
    fn on_look(&mut self, looked: Result<Catalog>) {
        let Some(watch_state) = &mut self.watch_state else { return };
        match looked {
            Ok(catalog) => {
                let step = watch_state.on_catalog(catalog.clone(), now());
                if catalog != self.catalog {
                    self.on_catalog(catalog);
                }
                self.on_step(step);
                self.unreadable = None;
            }
            Err(error) => {
                watch_state.on_look_failed();
                // Said once, and not again at every interval.
                let why = error.to_string();
                if self.unreadable.replace(why.clone()).is_none_or(|before| before != why) {
                    self.tell(Message::Failed(error));
                }
            }
        }
    }

    fn on_catalog(&mut self, catalog: Catalog) {
        self.catalog = catalog.clone();
        self.look_at_lake = Instant::now();
        self.tell(Message::Catalog(catalog));
    }

    fn on_hint(&mut self, hint: &Hint) {
        if let Hint::Warning(text) = hint {
            self.tell(Message::Done { text: text.clone(), undo: Vec::new() });
        }
        if let Some(watch_state) = &mut self.watch_state {
            watch_state.on_hint(hint, now());
        }
    }

    fn on_step(&mut self, step: Step) {
        for change in &step.changes {
            self.journal.write(change_record(change, Utc::now()));
        }
        self.on_orders(step.orders);
        self.tell_schedules();
    }

    fn on_orders(&mut self, orders: Vec<Order>) {
        for order in orders {
            match order {
                Order::Look => {
                    let paths = self.feeds.clone();
                    self.work.block(None, move |teller| teller.say(Reply::Looked(Catalog::load(&paths))));
                }
                // Who only looks starts nothing, and stops nothing of what others started.
                Order::Export { .. } | Order::Cancel { .. } if self.read_only || self.end.is_some() => {}
                Order::Export { feed, cause } => {
                    let trigger = match cause {
                        Cause::Started | Cause::Changed => Trigger::Changed,
                        Cause::Scheduled | Cause::Resumed => Trigger::Scheduled,
                    };
                    self.engine.submit(Request { feed: *feed, trigger, work: export::Work::CatchUp });
                }
                Order::Cancel { feed } => self.engine.cancel(&feed),
            }
        }
    }

    fn tell_schedules(&mut self) {
        let Some(watch_state) = &self.watch_state else { return };
        let feeds = watch_state.catalog().active_feeds().filter(|feed| feed.schedule.is_some());
        let next =
            feeds.filter_map(|feed| Some((feed.name.clone(), watch_state.next_run(&feed.name)?))).collect();
        if next != self.schedules {
            self.schedules.clone_from(&next);
            self.tell(Message::Schedules(next));
        }
    }

    fn on_signal(&mut self, asked: Asked) -> Result<()> {
        match asked {
            Asked::End => self.end(Exit::Interrupted),
            Asked::Stop if self.screen.is_on() => self.suspend()?,
            // An editor has the terminal, and stops with us.
            Asked::Stop => crate::ui::terminal::stop_alone(),
            Asked::GoOn if self.screen.is_on() => {
                self.screen.retake()?;
                self.drawn = None;
            }
            Asked::GoOn => {}
        }
        Ok(())
    }

    /// Gives the terminal to the shell until it continues us.
    pub(super) fn suspend(&mut self) -> Result<()> {
        if !self.screen.suspend()? {
            let text = "there is no shell to which the screen could be left".to_owned();
            self.tell(Message::Done { text, undo: Vec::new() });
        }
        self.drawn = None;
        Ok(())
    }

    /// What is due by the clock.
    fn on_time(&mut self) {
        let instant = Instant::now();
        self.tell(Message::Tick { now: Utc::now() });
        let due = self.watch_state.as_ref().is_some_and(|watch_state| watch_state.wait(now()).is_zero());
        if let Some(watch_state) = self.watch_state.as_mut().filter(|_| due) {
            let orders = watch_state.on_time(now());
            let is_work = !orders.is_empty();
            self.on_orders(orders);
            if is_work {
                self.tell_schedules();
            }
        }
        if instant >= self.ask_health {
            self.ask_health = instant + self.config.screen.health;
            self.check_health();
        }
        if instant >= self.look_at_lake
            && let Some(lake_watch) = self.lake_watch.take()
        {
            let datasets: Vec<_> = self
                .catalog
                .entries
                .iter()
                .filter_map(|entry| entry.feed())
                .filter_map(|feed| Some((feed.name.clone(), self.lake.dataset_dir(feed).ok()?)))
                .collect();
            let lake = self.lake.clone();
            self.work.block(None, move |teller| {
                lake_watch.look(datasets, teller);
                super::load::disk(&lake, teller);
            });
        }
    }

    /// When something is due although nothing comes in.
    fn wake(&self) -> Instant {
        let instant = Instant::now();
        let wall = Utc::now();
        let mut wake = self.ask_health;
        if self.lake_watch.is_some() {
            wake = wake.min(self.look_at_lake);
        }
        if let Some(deadline) = self.app.next_deadline(wall) {
            wake = wake.min(instant + (deadline - wall).to_std().unwrap_or_default());
        }
        if let Some(watch_state) = &self.watch_state {
            wake = wake.min(instant + watch_state.wait(now()));
        }
        if self.is_dirty() {
            wake = wake.min(self.frames.next());
        }
        self.end.map_or(wake, |end| wake.min(end))
    }

    /// Begins the end: exports stop at their next safe point. Asked twice, it ends at once.
    pub(super) fn end(&mut self, exit: Exit) {
        if self.end.is_some() {
            self.end = Some(Instant::now());
            return;
        }
        self.exit = exit;
        self.end = Some(Instant::now() + LAST_WAIT);
        self.engine.cancel_all();
        self.checks.values().for_each(Cancel::cancel);
        self.engine.close();
        let text = "ending: exports stop at their next safe point; asked again, it ends at once".to_owned();
        self.tell(Message::Done { text, undo: Vec::new() });
    }

    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| self.engine_is_over || Instant::now() >= end)
    }

    /// Gives the terminal back and lets the log be written to its end.
    fn finish(self) -> Exit {
        drop(self.screen);
        // Nobody answers any more, so that the log's thread cannot wait for us.
        drop(self.replies);
        let log = self.journal.finish();
        let begun = Instant::now();
        while !log.is_finished() && begun.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !self.engine_is_over {
            eprintln!(
                "lakehand: exports were left before a safe point; the next start throws away what is not committed"
            );
        }
        self.exit
    }

    /// Loads the feeds; once more when they are being loaded.
    pub(super) fn load_catalog(&mut self) {
        self.restart(Job::Catalog);
    }
}

/// Panics when a test asks a debug build for it.
fn test_panic() {
    if !cfg!(debug_assertions) {
        return;
    }
    match std::env::var("LAKEHAND_TEST_PANIC").as_deref() {
        Ok("main") => panic!("a panic of the main thread, as the test asked"),
        Ok("task") => drop(tokio::spawn(async { panic!("a panic of a task, as the test asked") })),
        Ok("work") => drop(tokio::task::spawn_blocking(|| panic!("a panic of a worker, as the test asked"))),
        _ => {}
    }
}

//! The engine: takes requests, starts what the scheduler allows, one thread per job, and tells events.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::cancel::Cancel;
use super::context::{Context, Options, Shared};
use super::event::{Event, Finished, Outcome, Trigger, What};
use super::progress::Progress;
use super::scheduler::{Placed, Scheduler, Want};
use crate::error::{Error, Kind};
use crate::feed::Feed;
use crate::ksql::client::Client;
use crate::lake::{Lake, Limits};

/// What an engine works with.
pub struct Setup {
    /// The server.
    pub client: Client,
    /// The lake.
    pub lake: Lake,
    /// Memory, file size and disk floor of one export.
    pub limits: Limits,
    /// How exports behave.
    pub options: Options,
    /// Exports at once.
    pub concurrency: usize,
    /// What the lock says of us: `lakehand export`.
    pub program: String,
    /// The time.
    pub clock: fn() -> DateTime<Utc>,
}

/// A wish to export a feed.
#[derive(Debug, Clone)]
pub struct Request {
    /// The feed, as it is to be read.
    pub feed: Feed,
    /// Why.
    pub trigger: Trigger,
}

enum Command {
    Submit(Box<Request>),
    Again(String, NaiveDate),
    Cancel(String),
    CancelAll,
    Close,
    Ended(String),
}

/// The handle by which exports are asked for and stopped. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    commands: mpsc::Sender<Command>,
}

impl Engine {
    /// Starts the engine on the current tokio runtime. The events end after [`Engine::close`], when all work is done.
    pub fn start(setup: Setup) -> (Self, mpsc::Receiver<Event>) {
        let (commands, inbox) = mpsc::channel(256);
        let (events, outbox) = mpsc::channel(1024);
        let shared = Shared {
            handle: Handle::current(),
            client: setup.client,
            lake: setup.lake,
            limits: setup.limits,
            options: Arc::new(setup.options),
            events,
            program: setup.program,
            clock: setup.clock,
        };
        let actor = EngineActor {
            shared,
            scheduler: Scheduler::new(setup.concurrency),
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            days: BTreeMap::new(),
            commands: commands.downgrade(),
            closed: false,
        };
        tokio::spawn(actor.run(inbox));
        (Self { commands }, outbox)
    }

    /// Asks for an export.
    pub async fn submit(&self, request: Request) {
        self.send(Command::Submit(Box::new(request))).await;
    }

    /// The next export of `feed` that is asked for reads this day again and swaps its files, instead of going on where
    /// the last one ended: call it before [`Engine::submit`].
    pub async fn again(&self, feed: &str, day: NaiveDate) {
        self.send(Command::Again(feed.to_owned(), day)).await;
    }

    /// Asks an export to stop at the next safe point.
    pub async fn cancel(&self, feed: &str) {
        self.send(Command::Cancel(feed.to_owned())).await;
    }

    /// Asks all exports to stop at the next safe point.
    pub async fn cancel_all(&self) {
        self.send(Command::CancelAll).await;
    }

    /// No more requests: the events end when all work is done.
    pub async fn close(&self) {
        self.send(Command::Close).await;
    }

    async fn send(&self, command: Command) {
        // The actor outlives its handles unless it was closed and has ended: then there is nothing left to ask for.
        let _ = self.commands.send(command).await;
    }
}

/// The one owner of the queue.
struct EngineActor {
    shared: Shared,
    scheduler: Scheduler,
    waiting: BTreeMap<String, Request>,
    running: BTreeMap<String, Cancel>,
    /// Days that are to be exported again, by feed.
    days: BTreeMap<String, NaiveDate>,
    commands: mpsc::WeakSender<Command>,
    closed: bool,
}

impl EngineActor {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>) {
        while let Some(command) = inbox.recv().await {
            match command {
                Command::Submit(request) => self.submit(*request).await,
                Command::Again(feed, day) => drop(self.days.insert(feed, day)),
                Command::Cancel(feed) => self.cancel(&feed).await,
                Command::CancelAll => {
                    let feeds: Vec<_> = self.scheduler.withdraw_all();
                    for feed in feeds {
                        self.withdrawn(&feed).await;
                    }
                    self.running.values().for_each(Cancel::cancel);
                }
                Command::Close => self.closed = true,
                Command::Ended(feed) => {
                    self.scheduler.finished(&feed);
                    self.running.remove(&feed);
                }
            }
            self.start_jobs().await;
            if self.closed && self.scheduler.is_idle() {
                return;
            }
        }
    }

    async fn submit(&mut self, request: Request) {
        let want = Want {
            feed: request.feed.name.clone(),
            kind: request.feed.kind,
            again: request.trigger == Trigger::Changed,
        };
        let name = want.feed.clone();
        let trigger = request.trigger;
        match self.scheduler.submit(want) {
            // What was asked for is not left to some later export.
            Placed::AlreadyRunning => {
                if let Some(day) = self.days.remove(&name) {
                    let text = format!("{day} is not exported again: an export of the feed runs already");
                    self.tell(name, What::Warned { text }).await;
                }
            }
            Placed::AlreadyQueued => {
                self.waiting.insert(name, request);
            }
            Placed::Queued | Placed::QueuedBehindItself => {
                self.waiting.insert(name.clone(), request);
                self.tell(name, What::Queued { trigger }).await;
            }
        }
    }

    async fn cancel(&mut self, feed: &str) {
        if self.scheduler.withdraw(feed) {
            self.withdrawn(feed).await;
        }
        if let Some(cancel) = self.running.get(feed) {
            cancel.cancel();
        }
    }

    async fn withdrawn(&mut self, feed: &str) {
        self.waiting.remove(feed);
        self.days.remove(feed);
        let counters = Progress::default().snapshot();
        let finished = Finished { outcome: Outcome::Cancelled, counters, elapsed: Duration::ZERO };
        self.tell(feed.to_owned(), What::Finished(finished)).await;
    }

    async fn start_jobs(&mut self) {
        for name in self.scheduler.start() {
            let Some(request) = self.waiting.remove(&name) else { continue };
            let cancel = Cancel::new();
            let progress = Arc::new(Progress::default());
            self.running.insert(name.clone(), cancel.clone());
            let run = run_id((self.shared.clock)());
            self.tell(name.clone(), What::Started { run: run.clone(), progress: progress.clone() }).await;
            let context = Context::new(self.shared.clone(), request.feed, run, cancel, progress)
                .again(self.days.remove(&name));
            let commands = self.commands.clone();
            let ended = name.clone();
            let thread = std::thread::Builder::new().name(format!("export {name}")).spawn(move || {
                work(&context);
                if let Some(commands) = commands.upgrade() {
                    let _ = commands.blocking_send(Command::Ended(ended));
                }
            });
            if let Err(error) = thread {
                self.scheduler.finished(&name);
                self.running.remove(&name);
                let error = Error::new(Kind::Io, format!("cannot start a thread: {error}")).because(error);
                self.tell(name, failed(error)).await;
            }
        }
    }

    async fn tell(&self, feed: String, what: What) {
        let event = Event { feed, time: (self.shared.clock)(), what };
        // A listener that is gone does not stop the exports.
        let _ = self.shared.events.send(event).await;
    }
}

/// Runs the job; a panic in it is this feed's failure, not the program's end.
fn work(context: &Context) {
    if std::panic::catch_unwind(AssertUnwindSafe(|| super::job::run(context))).is_err() {
        let error = Error::new(Kind::Bug, "the export panicked; what was committed stays")
            .at("feed", &context.feed.name)
            .next("please report it with the lines that the program printed");
        context.emit(failed(error));
    }
}

fn failed(error: Error) -> What {
    let counters = Progress::default().snapshot();
    What::Finished(Finished { outcome: Outcome::Failed(Arc::new(error)), counters, elapsed: Duration::ZERO })
}

/// `20250116T120000Z-3fa2`: sorts by time, and two runs in one second differ.
fn run_id(now: DateTime<Utc>) -> String {
    format!("{}-{:04x}", now.format("%Y%m%dT%H%M%SZ"), fastrand::u16(..))
}

//! The engine: takes requests, starts what the scheduler allows, one thread per job, and tells events.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::context::{Context, Options, Shared, Suspicion, Verdict};
use super::event::{Event, Finished, Outcome, Trigger, What};
use super::log::LogSource;
use super::outage::{Due, Needs, Outages, Patience, Peer};
use super::probe::Probe;
use super::progress::Progress;
use super::publish::{Publisher, Registered};
pub use super::scheduler::Work;
use super::scheduler::{Key, Placed, Scheduler, Want};
use super::tier::TierSetup;
use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result};
use crate::feed::Feed;
use crate::ksql::client::Client;
use crate::lake::{Lake, Limits};

/// What an engine works with.
pub struct Setup {
    /// The server.
    pub client: Client,
    /// Who reads logs themselves, where brokers are configured.
    pub logs: Option<LogSource>,
    /// The lake.
    pub lake: Lake,
    /// Memory, file size and disk floor of one export.
    pub limits: Limits,
    /// How exports behave.
    pub options: Options,
    /// How days move to the cold tier, where there is one.
    pub tier: Option<TierSetup>,
    /// The catalogues in which datasets are tables.
    pub catalogs: Vec<Registered>,
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
    /// Why it is exported.
    pub trigger: Trigger,
    /// What is to be done.
    pub work: Work,
}

/// What an engine is asked.
enum Command {
    Submit(Box<Request>),
    Publish(Box<Feed>),
    Cancel(String),
    CancelAll,
    Close,
}

/// The one sign that a job is over; its event is told after the feed is free for the next request.
struct Ended {
    feed: String,
    finished: Finished,
}

/// The handle by which exports are asked for and stopped. Cheap to clone. No call waits: commands are carried out in their
/// order.
#[derive(Debug, Clone)]
pub struct Engine {
    commands: mpsc::UnboundedSender<Command>,
}

impl Engine {
    /// Starts the engine on the current tokio runtime. The events end when all work is done after [`Engine::close`], or
    /// after the last handle is gone.
    pub fn start(setup: Setup) -> (Self, mpsc::Receiver<Event>) {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (events, outbox) = mpsc::channel(1024);
        let (ends, ended) = mpsc::unbounded_channel();
        let (suspicions, suspects) = mpsc::unbounded_channel();
        let (answers, answered) = mpsc::unbounded_channel();
        let Options { retry_base, retry_max, outage_wait, .. } = setup.options;
        let patience = Patience { base: retry_base, max: retry_max, whole: outage_wait };
        let probe = Probe { client: setup.client.clone(), logs: setup.logs.clone() };
        let publisher = Publisher {
            lake: setup.lake.clone(),
            catalogs: setup.catalogs.into(),
            events: events.clone(),
            clock: setup.clock,
            waits: [retry_base, retry_max],
        };
        let shared = Shared {
            orders: publisher.start(),
            handle: Handle::current(),
            client: setup.client,
            logs: setup.logs,
            lake: setup.lake,
            limits: setup.limits,
            options: Arc::new(setup.options),
            tier: setup.tier,
            events,
            suspicions,
            program: setup.program,
            clock: setup.clock,
        };
        let actor = EngineActor {
            shared,
            scheduler: Scheduler::new(setup.concurrency),
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            outages: Outages::new(patience),
            reasons: BTreeMap::new(),
            suspended: Vec::new(),
            probe,
            answers,
            ends,
            closed: false,
        };
        tokio::spawn(actor.run(Inboxes { commands: inbox, ended, suspects, answered }));
        (Self { commands }, outbox)
    }

    /// Asks for an export. Each request that is queued ends with [`What::Finished`].
    pub fn submit(&self, request: Request) {
        self.send(Command::Submit(Box::new(request)));
    }

    /// Somebody else has changed the feed's dataset: its catalogues are brought to what it holds now.
    pub fn publish(&self, feed: Feed) {
        self.send(Command::Publish(Box::new(feed)));
    }

    /// Asks all exports of a feed to stop at the next safe point.
    pub fn cancel(&self, feed: &str) {
        self.send(Command::Cancel(feed.to_owned()));
    }

    /// Asks all exports to stop at the next safe point.
    pub fn cancel_all(&self) {
        self.send(Command::CancelAll);
    }

    /// No more requests: the events end when all work is done.
    pub fn close(&self) {
        self.send(Command::Close);
    }

    fn send(&self, command: Command) {
        // The actor outlives its handles unless it was closed and has ended: then there is nothing left to ask for.
        let _ = self.commands.send(command);
    }
}

/// What came of asking whether peers are there.
enum Answer {
    /// Asked because an attempt failed: who is out of reach.
    Suspicion(Suspicion, Vec<(Peer, Error)>),
    /// Asked again during an outage.
    Again(Peer, Result<()>),
}

/// Where news comes from.
struct Inboxes {
    commands: mpsc::UnboundedReceiver<Command>,
    ended: mpsc::UnboundedReceiver<Ended>,
    suspects: mpsc::UnboundedReceiver<Suspicion>,
    answered: mpsc::UnboundedReceiver<Answer>,
}

/// The one owner of the queue.
struct EngineActor {
    shared: Shared,
    scheduler: Scheduler,
    waiting: BTreeMap<Key, Request>,
    running: BTreeMap<String, Cancel>,
    outages: Outages,
    /// Why peers are out of reach.
    reasons: BTreeMap<Peer, Arc<Error>>,
    /// Running exports that wait for the end of an outage.
    suspended: Vec<Suspicion>,
    probe: Probe,
    answers: mpsc::UnboundedSender<Answer>,
    ends: mpsc::UnboundedSender<Ended>,
    closed: bool,
}

impl EngineActor {
    async fn run(mut self, inboxes: Inboxes) {
        let Inboxes { mut commands, mut ended, mut suspects, mut answered } = inboxes;
        let mut deaf = false;
        while !(self.closed && self.scheduler.is_idle()) {
            let wake = self.outages.wake();
            let sleep = tokio::time::sleep_until(wake.unwrap_or_else(Instant::now).into());
            tokio::select! {
                command = commands.recv(), if !deaf => if let Some(command) = command {
                    self.obey(command).await;
                } else {
                    (deaf, self.closed) = (true, true);
                },
                Some(Ended { feed, finished }) = ended.recv() => {
                    self.scheduler.finished(&feed);
                    self.running.remove(&feed);
                    self.tell(feed, What::Finished(finished)).await;
                }
                Some(suspicion) = suspects.recv() => self.suspect(suspicion),
                Some(answer) = answered.recv() => self.on_answer(answer).await,
                () = sleep, if wake.is_some() => {}
            }
            self.on_time();
            self.start_jobs().await;
        }
    }

    /// An attempt failed. During an outage nobody is asked once more.
    fn suspect(&mut self, suspicion: Suspicion) {
        if self.outages.holds(suspicion.needs) || self.outages.given_up(suspicion.needs).is_some() {
            return self.place(suspicion, Verdict::Own);
        }
        let (probe, answers) = (self.probe.clone(), self.answers.clone());
        tokio::spawn(async move {
            let out_of_reach = probe.out_of_reach(suspicion.needs).await;
            // The actor outlives the jobs, and so what they ask.
            let _ = answers.send(Answer::Suspicion(suspicion, out_of_reach));
        });
    }

    /// Suspends what an outage holds and waits; to the rest goes its verdict.
    fn place(&mut self, suspicion: Suspicion, otherwise: Verdict) {
        let holds = self.outages.holds(suspicion.needs);
        if holds && suspicion.waits {
            return self.suspended.push(suspicion);
        }
        let verdict = match self.outages.given_up(suspicion.needs) {
            _ if holds => Verdict::Outage,
            Some(peer) => Verdict::GivenUp(self.given_up(peer)),
            None if self.outages.met(suspicion.needs, suspicion.begun) => Verdict::Outage,
            None => otherwise,
        };
        // An export that was cancelled does not wait for it.
        let _ = suspicion.verdict.send(verdict);
    }

    fn given_up(&self, peer: Peer) -> Error {
        let waited = self.shared.options.outage_wait.unwrap_or_default().as_secs();
        let name = peer.name();
        let what = match self.reasons.get(&peer) {
            Some(reason) => format!("the {name} did not come back within {waited} s: {reason}"),
            None => format!("the {name} did not come back within {waited} s"),
        };
        Error::new(Kind::Unreachable, what)
            .next("the next run goes on where this one ended; export.outage_wait says how long is waited")
    }

    async fn on_answer(&mut self, answer: Answer) {
        let now = Instant::now();
        match answer {
            Answer::Suspicion(suspicion, out_of_reach) => {
                for (peer, error) in out_of_reach {
                    if self.outages.begins(peer, now, fastrand::f64(), error.wait()) {
                        let error = Arc::new(error);
                        self.reasons.insert(peer, Arc::clone(&error));
                        let at_most = self.shared.options.outage_wait;
                        self.tell(String::new(), What::Paused { peer, error, at_most }).await;
                    }
                }
                self.place(suspicion, Verdict::Own);
            }
            Answer::Again(peer, Err(error)) => {
                self.outages.goes_on(peer, now, fastrand::f64(), error.wait());
                self.reasons.insert(peer, Arc::new(error));
            }
            Answer::Again(peer, Ok(())) => {
                self.reasons.remove(&peer);
                if let Some(lasted) = self.outages.ends(peer, now) {
                    self.tell(String::new(), What::Resumed { peer, lasted }).await;
                }
                self.release_suspended();
            }
        }
    }

    fn on_time(&mut self) {
        for due in self.outages.due(Instant::now()) {
            match due {
                Due::Ask(peer) => {
                    let (probe, answers) = (self.probe.clone(), self.answers.clone());
                    tokio::spawn(async move {
                        let _ = answers.send(Answer::Again(peer, probe.ask(peer).await));
                    });
                }
                Due::GiveUp(_) => self.release_suspended(),
            }
        }
    }

    /// Lets go on what no outage holds any longer.
    fn release_suspended(&mut self) {
        for suspicion in std::mem::take(&mut self.suspended) {
            self.place(suspicion, Verdict::Outage);
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Submit(request) => self.submit(*request).await,
            Command::Publish(feed) => self.shared.orders.publish(&feed),
            Command::Cancel(feed) => {
                let withdrawn = self.scheduler.withdraw(&feed);
                self.withdrawn(withdrawn).await;
                if let Some(cancel) = self.running.get(&feed) {
                    cancel.cancel();
                }
            }
            Command::CancelAll => {
                let withdrawn = self.scheduler.withdraw_all();
                self.withdrawn(withdrawn).await;
                self.running.values().for_each(Cancel::cancel);
            }
            Command::Close => self.closed = true,
        }
    }

    async fn submit(&mut self, request: Request) {
        let (name, trigger) = (request.feed.name.clone(), request.trigger);
        let want = Want {
            feed: name.clone(),
            work: request.work,
            kind: request.feed.kind,
            again: trigger == Trigger::Changed,
        };
        // What waits is read as the feed is now, whatever it is to do.
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.feed.name == name) {
            waiting.feed = request.feed.clone();
        }
        match self.scheduler.submit(want) {
            Placed::AlreadyRunning | Placed::AlreadyQueued => {}
            Placed::Queued => {
                self.waiting.insert((name.clone(), request.work), request);
                self.tell(name, What::Queued { trigger }).await;
            }
        }
    }

    async fn withdrawn(&mut self, keys: Vec<Key>) {
        for key in keys {
            self.waiting.remove(&key);
            self.tell(key.0, What::Finished(Finished::unbegun(Outcome::Cancelled))).await;
        }
    }

    async fn start_jobs(&mut self) {
        let (outages, waiting) = (&self.outages, &self.waiting);
        let may = |key: &Key| {
            waiting.get(key).is_none_or(|request| !outages.holds(Needs::of(&request.feed, request.work)))
        };
        for key in self.scheduler.start(may) {
            let Some(request) = self.waiting.remove(&key) else {
                self.scheduler.finished(&key.0);
                continue;
            };
            let name = key.0;
            let cancel = Cancel::new();
            let progress = Arc::new(Progress::default());
            self.running.insert(name.clone(), cancel.clone());
            let run = run_id((self.shared.clock)());
            self.tell(name.clone(), What::Started { run: run.clone(), progress: progress.clone() }).await;
            let context =
                Context::new(self.shared.clone(), request.feed, request.work, run, cancel, progress);
            let (ends, feed) = (self.ends.clone(), name.clone());
            let thread = std::thread::Builder::new().name(format!("export {name}")).spawn(move || {
                let finished = work(&context);
                // Retention, seals and compactions too: whatever became of it, what is there is published.
                context.orders.publish(&context.feed);
                // The actor lives as long as a job runs.
                let _ = ends.send(Ended { feed, finished });
            });
            if let Err(error) = thread {
                self.scheduler.finished(&name);
                self.running.remove(&name);
                let error = Error::new(Kind::Io, format!("cannot start a thread: {error}")).because(error);
                self.tell(name, What::Finished(Finished::unbegun(Outcome::Failed(Arc::new(error))))).await;
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
fn work(context: &Context) -> Finished {
    std::panic::catch_unwind(AssertUnwindSafe(|| super::job::run(context))).unwrap_or_else(|_| {
        let error = Error::new(Kind::Bug, "the export panicked; what was committed stays")
            .at("feed", &context.feed.name)
            .next("please report it with the lines that the program printed");
        Finished {
            counters: context.progress.snapshot(),
            ..Finished::unbegun(Outcome::Failed(Arc::new(error)))
        }
    })
}

/// `20250116T120000Z-3fa2`: sorts by time, and two runs in one second differ.
fn run_id(now: DateTime<Utc>) -> String {
    format!("{}-{:04x}", now.format("%Y%m%dT%H%M%SZ"), fastrand::u16(..))
}

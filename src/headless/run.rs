//! Asks for exports and listens until all are over.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc::Receiver;

use super::bars::Bars;
use super::json::Json;
use super::plain::Plain;
use super::record::Recorder;
use super::signal::Signals;
use super::{Exit, Report, stdout};
use crate::error::{Error, Kind, Result};
use crate::export::event::{Finished, Outcome, What};
use crate::export::{Engine, Event, Request};

/// Where and how events are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// One JSON object a line on standard output.
    Json,
    /// Progress bars on a terminal, plain lines otherwise.
    Human,
}

/// Sums over a run.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Feeds that are done.
    pub done: usize,
    /// Feeds with nothing to do.
    pub skipped: usize,
    /// Feeds that were stopped.
    pub cancelled: usize,
    /// The kinds of the failures.
    pub failures: Vec<Kind>,
    /// Rows committed.
    pub rows: u64,
    /// Bytes of response bodies.
    pub bytes_in: u64,
    /// Bytes of committed files.
    pub bytes_out: u64,
    /// Rows in quarantine.
    pub quarantined: u64,
    /// Records that are known to be lost, of which no operator has taken note.
    pub lost: u64,
    /// The whole time.
    pub elapsed: Duration,
}

/// What was asked for, and how it is shown.
pub struct Asked {
    /// The exports that are to run.
    pub requests: Vec<Request>,
    /// Feeds that were asked for and whose files are invalid: the run goes on without them, and is not done.
    pub invalid: usize,
    /// Where and how events are shown.
    pub output: Output,
    /// The time.
    pub clock: fn() -> DateTime<Utc>,
}

/// Runs the requests to their end; the first SIGINT or SIGTERM stops them at the next safe point, the second at once.
///
/// The exit code is computed from what was asked for: a request without an outcome has failed, whatever became of it.
pub async fn run(
    engine: Engine,
    events: Receiver<Event>,
    asked: Asked,
    logs: &Path,
) -> Result<(Totals, Exit)> {
    let mut report: Box<dyn Report> = match asked.output {
        Output::Json => Box::new(Json),
        Output::Human if std::io::stderr().is_terminal() && std::io::stdout().is_terminal() => {
            Box::new(Bars::new())
        }
        Output::Human => Box::new(Plain),
    };
    let (mut recorder, trouble) = Recorder::open(logs);
    if let Some(error) = trouble {
        complain(&error);
    }
    let mut open = BTreeMap::new();
    for request in asked.requests {
        *open.entry(request.feed.name.clone()).or_insert(0_usize) += 1;
        engine.submit(request);
    }
    engine.close();
    let begun = Instant::now();
    let mut listener = Listener {
        open,
        report: report.as_mut(),
        recorder: &mut recorder,
        totals: Totals { failures: vec![Kind::Feed; asked.invalid], ..Totals::default() },
    };
    let interrupted = listener.listen(&engine, events).await?;
    listener.fail_open((asked.clock)());
    let Listener { mut totals, .. } = listener;
    totals.elapsed = begun.elapsed();
    let exit = stdout::or_lost(Exit::of_run(interrupted, &totals.failures).or_lost(totals.lost > 0));
    report.end(&totals, exit);
    Ok((totals, exit))
}

/// Takes what happens, and knows what has not ended yet.
struct Listener<'a> {
    /// Requests without an outcome, by feed.
    open: BTreeMap<String, usize>,
    report: &'a mut dyn Report,
    recorder: &'a mut Recorder,
    totals: Totals,
}

impl Listener<'_> {
    /// Listens until the engine has ended; true when a signal asked for that.
    async fn listen(&mut self, engine: &Engine, mut events: Receiver<Event>) -> Result<bool> {
        let mut signals = Signals::listen()?;
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        let mut interrupted = false;
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(&event),
                    None => return Ok(interrupted),
                },
                _ = ticks.tick() => self.report.tick(),
                () = signals.next() => {
                    if interrupted {
                        // Asked twice: what is not committed is thrown away by the next start.
                        std::process::exit(i32::from(Exit::Interrupted.code()));
                    }
                    interrupted = true;
                    eprintln!("stopping at the next safe point; once more ends at once");
                    engine.cancel_all();
                }
            }
        }
    }

    fn take(&mut self, event: &Event) {
        if let What::Finished(_) = &event.what
            && let Some(open) = self.open.get_mut(&event.feed)
        {
            *open = open.saturating_sub(1);
        }
        self.totals.add(event);
        if let Some(error) = self.recorder.write(event) {
            complain(&error);
        }
        self.report.event(event);
    }

    /// What was asked for and never told its end has failed.
    fn fail_open(&mut self, now: DateTime<Utc>) {
        for (feed, open) in std::mem::take(&mut self.open) {
            for _ in 0..open {
                let error = Error::new(Kind::Bug, "the export ended without telling its outcome")
                    .at("feed", &feed)
                    .next(
                        "what was committed stays; please report it with the lines that the program printed",
                    );
                let finished = Finished::unbegun(Outcome::Failed(Arc::new(error)));
                self.take(&Event { feed: feed.clone(), time: now, what: What::Finished(finished) });
            }
        }
    }
}

pub(super) fn complain(error: &crate::Error) {
    eprintln!("lakehand: the export log cannot be written, the exports go on: {error}");
}

impl Totals {
    pub(super) fn add(&mut self, event: &Event) {
        match &event.what {
            What::Committed { bytes, .. } => self.bytes_out += bytes,
            What::Finished(Finished { outcome, counters, .. }) => {
                self.rows += counters.committed;
                self.bytes_in += counters.bytes_in;
                self.quarantined += counters.quarantined;
                self.lost += counters.lost;
                match outcome {
                    Outcome::Done { .. } => self.done += 1,
                    Outcome::Skipped { .. } => self.skipped += 1,
                    Outcome::Cancelled => self.cancelled += 1,
                    Outcome::Failed(error) => self.failures.push(error.kind()),
                }
            }
            _ => {}
        }
    }
}

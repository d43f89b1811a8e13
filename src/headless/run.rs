//! Asks for exports and listens until all are over.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;

use super::bars::Bars;
use super::json::Json;
use super::plain::Plain;
use super::record::Recorder;
use super::signal::Signals;
use super::{Exit, Report};
use crate::error::{Kind, Result};
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

/// Runs the requests to their end; the first SIGINT or SIGTERM stops them at the next safe point, the second at once.
pub async fn run(
    engine: Engine,
    events: Receiver<Event>,
    requests: Vec<Request>,
    output: Output,
    logs: &Path,
) -> Result<(Totals, Exit)> {
    let mut report: Box<dyn Report> = match output {
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
    let asking = {
        let engine = engine.clone();
        tokio::spawn(async move {
            for request in requests {
                engine.submit(request).await;
            }
            engine.close().await;
        })
    };
    let begun = Instant::now();
    let mut totals = Totals::default();
    let interrupted = listen(&engine, events, report.as_mut(), &mut recorder, &mut totals).await?;
    asking.abort();
    totals.elapsed = begun.elapsed();
    let exit = Exit::of_run(interrupted, &totals.failures).or_lost(totals.lost > 0);
    report.end(&totals, exit);
    Ok((totals, exit))
}

async fn listen(
    engine: &Engine,
    mut events: Receiver<Event>,
    report: &mut dyn Report,
    recorder: &mut Recorder,
    totals: &mut Totals,
) -> Result<bool> {
    let mut signals = Signals::listen()?;
    let mut ticks = tokio::time::interval(Duration::from_millis(200));
    let mut interrupted = false;
    loop {
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { return Ok(interrupted) };
                totals.add(&event);
                if let Some(error) = recorder.write(&event) {
                    complain(&error);
                }
                report.event(&event);
            }
            _ = ticks.tick() => report.tick(),
            () = signals.next() => {
                if interrupted {
                    // Asked twice: what is not committed is thrown away by the next start.
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
                interrupted = true;
                eprintln!("stopping at the next safe point; once more ends at once");
                engine.cancel_all().await;
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

//! One export from its start to its outcome: lock, recover, plan, read, commit, retention; again after what passes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::cancel::Cancel;
use super::event::{Event, Finished, Outcome, What};
use super::plan::{self, Plan, Reading};
use super::progress::{Progress, Stage};
use super::stream::{self, Stop};
use super::table;
use crate::error::{Class, Error, Kind, Result};
use crate::feed::{Feed, StorageMode};
use crate::ksql::backoff::backoff;
use crate::ksql::client::Client;
use crate::lake::{Committed, Dataset, Lake, Limits, Owner, RunInfo};

/// How exports behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// A commit at least this often while rows come.
    pub commit_every: Duration,
    /// Attempts after the first without any commit in between.
    pub retries: u32,
    /// First wait between attempts; it doubles.
    pub retry_base: Duration,
    /// Longest wait between attempts.
    pub retry_max: Duration,
    /// How long without a row counts as caught up where the end is not known.
    pub quiet: Duration,
    /// How long an answer may stay silent.
    pub inactivity: Duration,
    /// Share of rows that may go to quarantine, in percent.
    pub quarantine_limit: f64,
    /// Longest row.
    pub max_row_bytes: usize,
    /// Wait for a dataset that another process holds.
    pub wait_for_lock: bool,
}

/// What every job of an engine shares.
#[derive(Clone)]
pub(super) struct Shared {
    pub handle: Handle,
    pub client: Client,
    pub lake: Lake,
    pub limits: Limits,
    pub options: Arc<Options>,
    pub events: mpsc::Sender<Event>,
    /// What the lock says of us.
    pub program: String,
    pub clock: fn() -> DateTime<Utc>,
}

/// What one job works with.
pub(super) struct Context {
    shared: Shared,
    pub feed: Feed,
    pub run: String,
    pub cancel: Cancel,
    pub progress: Arc<Progress>,
    commits: std::cell::Cell<u64>,
}

impl std::ops::Deref for Context {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Context {
    pub(super) fn new(
        shared: Shared,
        feed: Feed,
        run: String,
        cancel: Cancel,
        progress: Arc<Progress>,
    ) -> Self {
        Self { shared, feed, run, cancel, progress, commits: std::cell::Cell::new(0) }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    /// Waits for the network, on this thread; ends early when somebody asks to stop.
    pub(super) fn wait_for<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.handle.block_on(async {
            let mut work = std::pin::pin!(work);
            loop {
                match tokio::time::timeout(Duration::from_millis(200), &mut work).await {
                    Ok(result) => return result,
                    Err(_) if self.cancel.is_cancelled() => return Err(interrupted()),
                    Err(_) => {}
                }
            }
        })
    }

    /// Tells an event. A listener that is gone does not stop an export.
    pub(super) fn emit(&self, what: What) {
        let event = Event { feed: self.feed.name.clone(), time: self.now(), what };
        let _ = self.events.blocking_send(event);
    }

    pub(super) fn committed(&self, committed: &Committed, way: &str, complete: bool) {
        // One without rows is no progress: else a server that breaks off before the first row is asked for ever.
        if committed.rows + committed.quarantined > 0 {
            self.commits.set(self.commits.get() + 1);
        }
        self.progress.commit(committed.rows);
        self.emit(What::Committed {
            facts: stream::facts(committed, way, complete),
            rows: committed.rows,
            bytes: committed.bytes,
            files: usize::try_from(committed.files).unwrap_or(usize::MAX),
        });
    }

    /// Fails when more rows were bad than the limit allows.
    pub(super) fn judge_quarantine(&self, good: u64, bad: u64, first: Option<&str>) -> Result<()> {
        let limit = self.options.quarantine_limit;
        let share = 100.0 * bad as f64 / (good + bad).max(1) as f64;
        if bad == 0 || share <= limit {
            return Ok(());
        }
        let first = first.unwrap_or("no reason kept");
        Err(Error::new(
            Kind::Quarantine,
            format!(
                "{bad} of {} rows cannot be decoded, more than {limit} %; the first: {first}",
                good + bad
            ),
        )
        .next("mend the source or exclude the column (exclude_columns), or raise export.quarantine_limit"))
    }
}

fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "stopped on request")
}

/// Runs the job; the last event is its outcome.
pub(super) fn run(context: &Context) {
    let begun = Instant::now();
    let outcome = match attempts(context) {
        Ok(outcome) => outcome,
        Err(error) if error.kind() == Kind::Interrupted => Outcome::Cancelled,
        Err(error) => Outcome::Failed(Arc::new(error.at("feed", &context.feed.name))),
    };
    context.progress.enter(Stage::Ended);
    let finished = Finished { outcome, counters: context.progress.snapshot(), elapsed: begun.elapsed() };
    context.emit(What::Finished(finished));
}

fn attempts(context: &Context) -> Result<Outcome> {
    let mut failures = 0;
    loop {
        let commits = context.commits.get();
        let error = match attempt(context) {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
        // A commit is progress: the count of failures in a row begins anew.
        failures = if context.commits.get() > commits { 1 } else { failures + 1 };
        let waits_for_lock = error.kind() == Kind::Locked && context.options.wait_for_lock;
        if !waits_for_lock && (error.class() != Class::Retry || failures > context.options.retries) {
            return Err(error);
        }
        let wait = if waits_for_lock {
            Duration::from_secs(1)
        } else {
            let Options { retry_base, retry_max, .. } = *context.options;
            backoff(failures - 1, retry_base, retry_max, fastrand::f64(), error.wait())
        };
        if !waits_for_lock || failures == 1 {
            context.emit(What::Retrying { attempt: failures, wait, error: Arc::new(error) });
        }
        context.progress.enter(Stage::Waiting);
        if context.cancel.wait(wait) {
            return Err(interrupted());
        }
    }
}

fn attempt(context: &Context) -> Result<Outcome> {
    let feed = &context.feed;
    context.progress.enter(Stage::Opening);
    let owner =
        Owner { what: context.program.clone(), pid: std::process::id(), host: host(), since: context.now() };
    let mut dataset = Dataset::open(&context.lake, feed, context.limits.clone(), owner)?;
    report_recovery(context, &dataset);
    if feed.storage_mode == StorageMode::Ignore && dataset.has_data() {
        return Ok(Outcome::Skipped { text: "data is there already, and storage_mode is ignore".into() });
    }
    context.progress.enter(Stage::Planning);
    let positions = dataset.metadata().positions.clone();
    let plan = context.wait_for(plan::plan(&context.client, feed, &positions, context.now()))?;
    tell_plan(context, &plan);
    let run = RunInfo {
        id: context.run.clone(),
        started: context.now(),
        way: plan.reading.way().to_owned(),
        source: plan.source.name.clone(),
        server: context.client.options().url.clone(),
    };
    let stop = match &plan.reading {
        Reading::Nothing { spans, way } => {
            // Even with no rows the schema is looked at: a change is better seen on a quiet day.
            drop(dataset.appender(&plan.schema, run)?);
            dataset.note_caught_up(&positions, spans.asked, way, context.now())?;
            Stop::Complete
        }
        Reading::Table { queries } => {
            table::read(context, &plan, queries, dataset.snapshot(&plan.schema, run)?)?
        }
        Reading::Push { .. } | Reading::Mirror { .. } => {
            stream::read(context, &plan, dataset.appender(&plan.schema, run)?)?
        }
    };
    if stop == Stop::Cancelled {
        return Err(interrupted());
    }
    context.progress.enter(Stage::Retaining);
    for removed in dataset.retain(context.now().date_naive())? {
        context.emit(What::Warned {
            text: format!(
                "retention removed {}: {} rows, {} bytes",
                removed.path, removed.records, removed.bytes
            ),
        });
    }
    Ok(Outcome::Done { text: done_text(&plan, &dataset) })
}

fn tell_plan(context: &Context, plan: &Plan) {
    if let Some(expected) = plan.reading.expected() {
        context.progress.expect(expected);
    }
    context.emit(What::Planned { text: plan.reading.text(), expected: plan.reading.expected() });
    if let Reading::Push { spans, .. } | Reading::Nothing { spans, .. } = &plan.reading {
        for lost in &spans.lost {
            context.emit(What::Warned {
                text: format!("the log no longer holds {lost}: these records are lost to the lake"),
            });
        }
    }
}

fn done_text(plan: &Plan, dataset: &Dataset) -> String {
    let metadata = dataset.metadata();
    match (&plan.reading, metadata.current_version) {
        (Reading::Table { .. }, Some(version)) => {
            format!("version v{version}, {} rows", metadata.total_records)
        }
        (Reading::Nothing { .. }, _) => format!("nothing new; {} rows held", metadata.total_records),
        _ => {
            let through: Vec<_> = metadata.positions.iter().map(|(p, next)| format!("{p}:{next}")).collect();
            format!("caught up through {}; {} rows held", through.join(" "), metadata.total_records)
        }
    }
}

fn report_recovery(context: &Context, dataset: &Dataset) {
    let recovery = dataset.recovery();
    let mut found = Vec::new();
    if let Some(commit) = &recovery.finished_commit {
        found.push(format!("finished commit {commit}, which an earlier run had decided"));
    }
    if recovery.thrown_files > 0 {
        found.push(format!(
            "threw away {} files ({} bytes) that an earlier run had not committed",
            recovery.thrown_files, recovery.thrown_bytes
        ));
    }
    if let Some(why) = &recovery.rebuilt_metadata {
        found.push(format!("rebuilt _metadata.json from the files' footers: {why}"));
    }
    for text in found {
        context.emit(What::Recovered { text });
    }
}

/// This machine's name, for the lock file.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

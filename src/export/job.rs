//! One export from its start to its outcome: lock, recover, plan, read, commit, retention; again after what passes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::compact;
use super::context::{Context, Options, Stop, Verdict, interrupted};
use super::event::{Finished, Outcome, What};
use super::last_rows::{self, LastRows};
use super::plan::{Plan, Reading, Way};
use super::progress::Stage;
use super::scheduler::Work;
use super::target::Target;
use super::{stream, table, table_log, tier};
use crate::error::{Class, Error, Kind, Result};
use crate::feed::StorageMode;
use crate::ksql::backoff::backoff;
use crate::lake::{BeforeRun, Clock, Dataset, Owner, RunInfo, StoppedQuery, without_row};

/// Runs the job and gives its outcome, which the engine tells.
pub(super) fn run(context: &Context) -> Finished {
    let begun = Instant::now();
    let outcome = match attempts(context) {
        Ok(outcome) => outcome,
        Err(error) if error.kind() == Kind::Interrupted => Outcome::Cancelled,
        // What an error quotes of a row is told only where everybody may read the data.
        Err(error) => {
            let error = error.reveal(context.feed.visibility.shows_values()).at("feed", &context.feed.name);
            keep_failure(context, &error);
            Outcome::Failed(Arc::new(error))
        }
    };
    context.progress.enter(Stage::Ended);
    Finished { outcome, counters: context.progress.snapshot(), elapsed: begun.elapsed() }
}

/// Keeps with the dataset that it could not catch up. Where that fails too, or another process is at work, the event alone
/// tells it, and so it does of a day that was to be exported again.
fn keep_failure(context: &Context, error: &Error) {
    if error.kind() == Kind::Locked || context.work != Work::CatchUp {
        return;
    }
    let owner = this_process(context.program.clone(), context.now());
    let dataset = Dataset::open(&context.lake, &context.feed, context.limits.clone(), owner);
    let _ = dataset.and_then(|mut dataset| dataset.note_failure(error, context.now()));
}

fn attempts(context: &Context) -> Result<Outcome> {
    let mut failures = 0;
    let mut is_reconnect = false;
    loop {
        let (begun, commits) = (Instant::now(), context.commits());
        let error = match attempt(context, is_reconnect) {
            Ok(Some(outcome)) => return Ok(outcome),
            Ok(None) => {
                // No failure: the server was there, and nothing was to be sent.
                (failures, is_reconnect) = (0, true);
                context.progress.enter(Stage::Waiting);
                if context.cancel.wait(context.options.retry_base) {
                    return Err(interrupted());
                }
                continue;
            }
            Err(error) => error,
        };
        is_reconnect = false;
        context.progress.enter(Stage::Waiting);
        match context.wait_for_outage(begun, &error)? {
            Verdict::Own => {}
            Verdict::Outage => {
                // Nobody's failure.
                failures = if context.commits() > commits { 0 } else { failures };
                continue;
            }
            Verdict::GivenUp(error) => return Err(error),
        }
        // A commit is progress: the count of failures in a row begins anew.
        failures = if context.commits() > commits { 1 } else { failures + 1 };
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
            let error = error.reveal(context.feed.visibility.shows_values());
            context.emit(What::Retrying { attempt: failures, wait, error: Arc::new(error) });
        }
        context.progress.enter(Stage::Waiting);
        if context.cancel.wait(wait) {
            return Err(interrupted());
        }
    }
}

/// `None`: a quiet connection was cut, and is to be made again.
fn attempt(context: &Context, is_reconnect: bool) -> Result<Option<Outcome>> {
    let feed = &context.feed;
    context.progress.enter(Stage::Opening);
    // Copies are made without holding the dataset.
    if matches!(context.work, Work::Tier(_) | Work::Restore(_)) {
        return tier::asked(context).map(Some);
    }
    if let Work::Day(day) = context.work {
        tier::bring_home_first(context, day)?;
    }
    let owner = this_process(context.program.clone(), context.now());
    let mut dataset = Dataset::open(&context.lake, feed, context.limits.clone(), owner)?;
    report_recovery(context, &dataset);
    let outcome = export(context, &mut dataset, is_reconnect);
    context.progress.lost(dataset.metadata().open_lost_records());
    drop(dataset);
    match outcome? {
        Some(Outcome::Done { text }) => Ok(Some(Outcome::Done { text: tier::after_export(context, text) })),
        outcome => Ok(outcome),
    }
}

/// Exports into a dataset that is open.
fn export(context: &Context, dataset: &mut Dataset, is_reconnect: bool) -> Result<Option<Outcome>> {
    let feed = &context.feed;
    if let Work::Compact(day) = context.work {
        return compact::asked(context, dataset, day).map(Some);
    }
    if feed.storage_mode == StorageMode::Ignore && dataset.has_data() {
        let text = "data is there already, and storage_mode is ignore".into();
        return Ok(Some(Outcome::Skipped { text }));
    }
    if let Work::Day(day) = context.work {
        return super::day::again(context, dataset, day).map(Some);
    }
    context.progress.enter(Stage::Planning);
    let metadata = dataset.metadata();
    let before = BeforeRun { commit_seq: metadata.commit_seq, last_export: metadata.last_export };
    context.know_newest_row(metadata.partitions.iter().filter_map(|p| p.last_time).max());
    let plan = super::auto::plan(context, dataset)?;
    if let Some(log) = &plan.log {
        dataset.know_log(log, context.now())?;
    }
    let stopped = context.wait_for(context.client.stopped_writers(&plan.source))?;
    let stopped: Vec<_> = stopped.into_iter().map(|(query, state)| StoppedQuery { query, state }).collect();
    dataset.know_writers(&stopped, context.now())?;
    for query in stopped.iter().filter(|_| !is_reconnect) {
        context.emit(What::Warned { text: query.sentence() });
    }
    dataset.know_why(plan.choice.as_ref().map(|choice| choice.why.as_str()), context.now())?;
    tell_plan(context, &plan, is_reconnect);
    dataset.note_lost_in_log(plan.reading.lost(), context.now())?;
    let run = RunInfo {
        id: context.run.clone(),
        started: context.now(),
        read_mode: plan.reading.read_mode().to_owned(),
        source: plan.source.name.clone(),
        server: context.client.options().url.clone(),
    };
    let stop = match &plan.reading {
        Reading::Nothing { spans, way, source } => {
            // Even with no rows the schema is looked at: a change is better seen on a quiet day.
            drop(dataset.appender(&plan.schema, run)?);
            // ksqlDB would read the whole stream for one row.
            if *way == Way::Kafka || dataset.waits_for_log() {
                let last_rows = last_rows(dataset, &plan, *way);
                let stop =
                    stream::look(context, stream::Read { way: *way, source: &**source, spans, last_rows })?;
                know_rows(context, dataset, &plan, &stop)?;
                if stop == Stop::Cancelled {
                    return Err(interrupted());
                }
            }
            let positions = dataset.metadata().positions.clone();
            let through = spans.asked.and_then(|asked| context.witnessed(asked, None));
            dataset.note_caught_up(&positions, through, way.name(), context.now())?;
            Stop::Complete
        }
        Reading::Table { queries, selection } => {
            table::read(context, &plan, queries, selection, dataset.snapshot(&plan.schema, run)?)?
        }
        Reading::TableLog { brokers, layout, .. } => {
            let snapshot = dataset.snapshot(&plan.schema, run)?;
            table_log::read(context, &**brokers, &plan, layout, snapshot)?
        }
        Reading::Stream { way, source, spans, .. } => {
            let last_rows = last_rows(dataset, &plan, *way);
            let read = stream::Read { way: *way, source: &**source, spans, last_rows };
            let stop = stream::read(context, read, Target::Append(dataset.appender(&plan.schema, run)?))?;
            know_rows(context, dataset, &plan, &stop)?;
            stop
        }
    };
    match stop {
        // `know_rows` has made an error of it, which says what to do.
        Stop::OtherLog(why) => return Err(Error::new(Kind::Held, why)),
        Stop::Cancelled => return Err(interrupted()),
        Stop::Disconnected => return Ok(None),
        Stop::Complete => {}
    }
    let sealed = dataset.seal(context.now())?;
    context.progress.enter(Stage::Retaining);
    let clock = Clock { now: context.now(), server: context.client.clock() };
    for removed in dataset.retain_within(clock, before)? {
        context.emit(What::Warned {
            text: format!(
                "retention moved {} into the bin: {} rows, {} bytes",
                removed.path, removed.records, removed.bytes
            ),
        });
    }
    let mut text = done_text(&plan, dataset);
    let without_row = context.progress.snapshot().without_row;
    if without_row > 0 {
        text += &format!("; {}", without_row::sentence(plan.reading.read_mode(), without_row));
    }
    if let (Some(first), Some(last)) = (sealed.first(), sealed.last()) {
        text += &format!("; sealed {} partitions, {first} to {last}", sealed.len());
    }
    if let Some(done) = compact::after_export(context, dataset) {
        text += &format!("; {done}");
    }
    Ok(Some(Outcome::Done { text }))
}

/// The rows by which the log of this plan is known again.
fn last_rows(dataset: &Dataset, plan: &Plan, way: Way) -> LastRows {
    let metadata = dataset.metadata();
    let like = last_rows::likeness(way, &plan.source, &plan.schema);
    LastRows::new(&metadata.last_rows, &metadata.positions, like)
}

/// Holds the feed where the log has another row than the dataset; else a decision that waited for this is none any more.
fn know_rows(context: &Context, dataset: &mut Dataset, plan: &Plan, stop: &Stop) -> Result<()> {
    match (stop, &plan.log) {
        (Stop::OtherLog(why), Some(log)) => dataset.hold_for_row(why, log, context.now()),
        (Stop::Complete, _) => dataset.know_row(context.now()),
        _ => Ok(()),
    }
}

/// Tells what will be read, and what is lost. The plan of a reconnection is that of before.
pub(super) fn tell_plan(context: &Context, plan: &Plan, is_reconnect: bool) {
    if let Some(expected) = plan.reading.expected() {
        context.progress.expect(expected);
    }
    if !is_reconnect {
        if let Some(choice) = plan.choice.as_ref().filter(|choice| choice.warns) {
            context.emit(What::Warned { text: choice.why.clone() });
        }
        context.emit(What::Planned { text: plan.text(), expected: plan.reading.expected() });
    }
    for (partition, [first, last]) in plan.reading.lost() {
        context.emit(What::Warned {
            text: format!(
                "the log no longer holds offsets {first}..={last} of Kafka partition {partition}: these records are lost to \
                 the lake; `lakehand feeds acknowledge-loss {}` takes note of it",
                context.feed.name
            ),
        });
    }
}

fn done_text(plan: &Plan, dataset: &Dataset) -> String {
    let metadata = dataset.metadata();
    match (&plan.reading, metadata.current_version) {
        (Reading::Table { .. } | Reading::TableLog { .. }, Some(version)) => {
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
    for text in dataset.recovery().told() {
        context.emit(What::Recovered { text });
    }
}

/// This process as the holder of a dataset from `since` on; `what` is the program and what it does.
pub fn this_process(what: impl Into<String>, since: DateTime<Utc>) -> Owner {
    Owner { what: what.into(), pid: std::process::id(), host: host(), since }
}

/// This machine's name, for the lock file.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

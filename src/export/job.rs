//! One export from its start to its outcome: lock, recover, plan, read, commit, retention; again after what passes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::{Context, Options, Stop, interrupted};
use super::event::{Finished, Outcome, What};
use super::plan::{self, Plan, Reading};
use super::progress::Stage;
use super::scheduler::Work;
use super::target::Target;
use super::{stream, table};
use crate::error::{Class, Kind, Result};
use crate::feed::StorageMode;
use crate::ksql::backoff::backoff;
use crate::lake::{Dataset, Owner, RunInfo};

/// Runs the job and gives its outcome, which the engine tells.
pub(super) fn run(context: &Context) -> Finished {
    let begun = Instant::now();
    let outcome = match attempts(context) {
        Ok(outcome) => outcome,
        Err(error) if error.kind() == Kind::Interrupted => Outcome::Cancelled,
        Err(error) => Outcome::Failed(Arc::new(error.at("feed", &context.feed.name))),
    };
    context.progress.enter(Stage::Ended);
    Finished { outcome, counters: context.progress.snapshot(), elapsed: begun.elapsed() }
}

fn attempts(context: &Context) -> Result<Outcome> {
    let mut failures = 0;
    loop {
        let commits = context.commits();
        let error = match attempt(context) {
            Ok(outcome) => return Ok(outcome),
            Err(error) => error,
        };
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
    if let Work::Day(day) = context.work {
        return super::day::again(context, &mut dataset, day);
    }
    context.progress.enter(Stage::Planning);
    let positions = dataset.metadata().positions.clone();
    let plan = context.wait_for(plan::plan(&context.client, feed, &positions, context.now()))?;
    tell_plan(context, &plan);
    let run = RunInfo {
        id: context.run.clone(),
        started: context.now(),
        way: plan.reading.read_mode().to_owned(),
        source: plan.source.name.clone(),
        server: context.client.options().url.clone(),
    };
    let stop = match &plan.reading {
        Reading::Nothing { spans, read_mode } => {
            // Even with no rows the schema is looked at: a change is better seen on a quiet day.
            drop(dataset.appender(&plan.schema, run)?);
            dataset.note_caught_up(&positions, spans.asked, read_mode, context.now())?;
            Stop::Complete
        }
        Reading::Table { queries } => {
            table::read(context, &plan, queries, dataset.snapshot(&plan.schema, run)?)?
        }
        Reading::Push { .. } | Reading::Mirror { .. } => {
            stream::read(context, &plan, Target::Append(dataset.appender(&plan.schema, run)?))?
        }
    };
    if stop == Stop::Cancelled {
        return Err(interrupted());
    }
    let sealed = dataset.seal(context.now())?;
    context.progress.enter(Stage::Retaining);
    for removed in dataset.retain(context.now().date_naive())? {
        context.emit(What::Warned {
            text: format!(
                "retention removed {}: {} rows, {} bytes",
                removed.path, removed.records, removed.bytes
            ),
        });
    }
    let mut text = done_text(&plan, &dataset);
    if let (Some(first), Some(last)) = (sealed.first(), sealed.last()) {
        text += &format!("; sealed {} partitions, {first} to {last}", sealed.len());
    }
    Ok(Outcome::Done { text })
}

pub(super) fn tell_plan(context: &Context, plan: &Plan) {
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

//! Small files become few: behind an export where the policy says so, for what stays (`lakehand watch`, the screen), or asked for.
//!
//! Behind an export, that is over before: whatever comes of this is no failure of it. A day is done or left whole; a request to stop
//! ends the work at the next batch, and what is left is found again behind the next export.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::NaiveDate;

use super::context::Context;
use super::event::{Outcome, What};
use super::progress::Stage;
use crate::error::{Kind, Result};
use crate::feed::FeedKind;
use crate::lake::{CompactRules, CompactWork, Dataset, compaction_due};
use crate::pool::Pool;

/// When exports are followed by compactions, and what these may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactPolicy {
    /// Behind each export, partitions that are sealed.
    pub after_export: bool,
    /// Small files of a partition from which on it is worth it.
    pub min_files: u64,
    /// Memory, bytes. That of the export is free by then.
    pub memory_bytes: usize,
    /// Threads that encode; 0: those of exports.
    pub threads: usize,
    /// Behind an export, no day is begun later than this.
    pub max_time: Duration,
}

impl Default for CompactPolicy {
    fn default() -> Self {
        Self {
            after_export: false,
            min_files: 2,
            memory_bytes: 256 << 20,
            threads: 0,
            max_time: Duration::from_secs(600),
        }
    }
}

/// Compacts what is due behind an export; gives what was done, in words.
pub(super) fn after_export(context: &Context, dataset: &mut Dataset) -> Option<String> {
    let policy = &context.options.compact;
    if !policy.after_export || context.feed.kind != FeedKind::Stream {
        return None;
    }
    context.progress.enter(Stage::Compacting);
    let rules = CompactRules { min_files: policy.min_files, sealed_only: true, is_named: false };
    match run(context, dataset, rules, None, Some(policy.max_time)) {
        Ok(text) => text,
        // The next export finds it again.
        Err(error) if error.kind() == Kind::Interrupted => None,
        Err(error) => {
            context.emit(What::Warned { text: format!("small files stay as they are: {error}") });
            None
        }
    }
}

/// Compacts what is due of a dataset, or one day of it, sealed or not.
pub(super) fn asked(context: &Context, dataset: &mut Dataset, day: Option<NaiveDate>) -> Result<Outcome> {
    context.progress.enter(Stage::Compacting);
    let min_files = context.options.compact.min_files;
    let rules = CompactRules { min_files, sealed_only: false, is_named: day.is_some() };
    let done = run(context, dataset, rules, day, None)?;
    Ok(match done {
        Some(text) => Outcome::Done { text },
        None => Outcome::Skipped { text: "there are no small files that would be fewer".to_owned() },
    })
}

fn run(
    context: &Context,
    dataset: &mut Dataset,
    rules: CompactRules,
    day: Option<NaiveDate>,
    max_time: Option<Duration>,
) -> Result<Option<String>> {
    let (begun, policy) = (Instant::now(), &context.options.compact);
    let due = compaction_due(dataset.dir(), &context.feed, context.limits.target_file_bytes, rules, day)?;
    let own = (policy.threads > 0).then(|| Arc::new(Pool::new(policy.threads)));
    // Rows of an export are counted already.
    let is_shown = max_time.is_none();
    if is_shown {
        context.progress.expect(due.days.iter().map(|day| day.rows).sum());
        for passed in &due.passed_over {
            context.emit(What::Warned {
                text: format!("{} is left as it is: {}", passed.partition, passed.why),
            });
        }
    }
    // Each row is read, and read back.
    let handled = Cell::new(0_u64);
    let advance = |rows: u64| {
        let before = handled.replace(handled.get() + rows) / 2;
        if is_shown {
            context.progress.decoded(usize::try_from(handled.get() / 2 - before).unwrap_or(usize::MAX));
        }
    };
    let (mut days, mut before, mut after) = (0, 0, 0);
    for day in &due.days {
        if max_time.is_some_and(|max_time| begun.elapsed() >= max_time) {
            break;
        }
        let work = CompactWork {
            rules,
            memory_bytes: policy.memory_bytes,
            pool: own.as_ref().unwrap_or(context.lake.pool()),
            cancel: &context.cancel,
            advance: &advance,
            now: context.now(),
        };
        match dataset.compact(&day.folder, &work) {
            Ok(Some(done)) => {
                (days, before, after) = (days + 1, before + done.files_before, after + done.files);
            }
            Ok(None) => {}
            // One day that cannot be done holds up no other.
            Err(error) if max_time.is_some() && matches!(error.kind(), Kind::Refused | Kind::Damaged) => {
                let text = format!("the small files of {} stay as they are: {error}", day.folder);
                context.emit(What::Warned { text });
            }
            Err(error) => return Err(error),
        }
    }
    Ok((days > 0).then(|| format!("{before} files of {days} days became {after}")))
}

//! What `"read": "auto"` needs to know before it chooses a way, and the comparison that it makes first.

use chrono::{DateTime, Utc};

use super::choice::{Choice, Facts, Topic, choose};
use super::context::Context;
use super::event::What;
use super::log::{self, LogSource};
use super::plan::{self, Held, Plan};
use super::progress::Stage;
use super::proof::{Tools, compare_ways, holds, unfinished};
use crate::error::{Kind, Result};
use crate::feed::Feed;
use crate::ksql::client::Client;
use crate::ksql::decode::record::Layout;
use crate::ksql::describe::Description;
use crate::lake::{CheckOutcome, Dataset, SourceCheck};
use crate::source::Log;

/// A comparison that is to be made before a way can be chosen.
#[derive(Debug)]
pub struct Wanted {
    layout: Layout,
    log: Log,
}

/// Asks what there is to know and chooses. What a comparison would need is given beside the choice.
pub(super) async fn look(
    client: &Client,
    logs: &LogSource,
    feed: &Feed,
    source: &Description,
    held: Held<'_>,
    now: DateTime<Utc>,
) -> (Choice, Option<Wanted>) {
    let facts = |topic| Facts { topic, kept: held.check, failed: held.failed, now };
    let layout = match log::layout(logs, feed, source) {
        Ok(layout) => layout,
        Err(error) => return (choose(facts(Topic::Unfit(error.what()))), None),
    };
    match log::describe_whole(client, logs, source, &layout).await {
        Err(error) => (choose(facts(Topic::OutOfReach(&error.to_string()))), None),
        Ok(log) => {
            let holds = holds(source, &layout, &log);
            let is_empty = log.bounds.values().all(|(start, end)| start >= end);
            (choose(facts(Topic::Fits { holds: &holds, is_empty })), Some(Wanted { layout, log }))
        }
    }
}

/// The plan of a run, after both ways were compared where that is needed. The result of the comparison is kept.
pub(super) fn plan(context: &Context, dataset: &mut Dataset) -> Result<Plan> {
    let positions = dataset.metadata().positions.clone();
    let kept = dataset.metadata().source_check.clone();
    let plan = |held| {
        context.wait_for(plan::plan(
            &context.client,
            context.logs.as_ref(),
            &context.feed,
            held,
            context.now(),
        ))
    };
    let mut held = Held { positions: &positions, check: kept.as_ref(), failed: None };
    let first = plan(held)?;
    let (Some(wanted), Some(logs)) = (&first.wanted, &context.logs) else { return Ok(first) };
    context.progress.enter(Stage::Comparing);
    let compared = compare(context, logs, &first.source, wanted);
    context.progress.enter(Stage::Planning);
    let (found, failed);
    match compared {
        Ok(check) => {
            let differs = check.outcome == CheckOutcome::Different;
            context.emit(What::Compared { text: check.sentence(), differs });
            found = check;
            dataset.note_source_check(found.clone(), context.now())?;
            held.check = Some(&found);
        }
        Err(error) if error.kind() == Kind::Interrupted => return Err(error),
        Err(error) => {
            let passes = matches!(error.kind(), Kind::Unreachable | Kind::Busy | Kind::Auth);
            failed = error.reveal(context.feed.visibility.shows_values()).to_string();
            if !passes {
                // What breaks off for a reason that stays is not tried again by every run.
                let check = unfinished(&first.source, &wanted.layout, &wanted.log, &failed, context.now());
                dataset.note_source_check(check, context.now())?;
            }
            held.failed = Some(&failed);
        }
    }
    plan(held)
}

fn compare(
    context: &Context,
    logs: &LogSource,
    source: &Description,
    wanted: &Wanted,
) -> Result<SourceCheck> {
    let with = context.environment();
    let tools = Tools { client: &context.client, logs, with, cancel: &context.cancel };
    let seed = u64::from(fastrand::u32(..));
    compare_ways(&tools, &context.feed, source, &wanted.layout, &wanted.log, seed, context.now())
}

//! Days move as a job of the engine: asked for by key or command, behind an export, or before a day is exported again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::NaiveDate;

use super::{HomeWay, Moved, Mover, Step, TierSetup};
use crate::error::{Error, Kind, Result};
use crate::export::context::Context;
use crate::export::event::{Outcome, What};
use crate::export::progress::Stage;
use crate::export::scheduler::Work;
use crate::feed::{FeedKind, PartitionPath};
use crate::lake::{TierRules, read_metadata, tier_due};

/// Behind an export, no day is begun later than this: the feed's next export waits for it.
const LONGEST: Duration = Duration::from_secs(600);

/// What the operator asked for.
pub(in crate::export) fn asked(context: &Context) -> Result<Outcome> {
    let setup = setup(context)?;
    context.progress.enter(Stage::Moving);
    match context.work {
        Work::Restore(day) => match with_mover(context, setup, 0, |mover| mover.restore(day))? {
            HomeWay::Home { files, rows, bytes } => Ok(Outcome::Done {
                text: format!("{day} is home: {rows} rows in {files} files ({bytes} bytes)"),
            }),
            HomeWay::Waiting { objects, .. } => Ok(Outcome::Skipped {
                text: format!(
                    "{objects} objects of {day} lie in an archive and were asked for: restore it again when they are there"
                ),
            }),
        },
        Work::Tier(day) => {
            let dir = context.lake.dataset_dir(&context.feed)?;
            let rules = TierRules::of(&context.feed, context.now(), day);
            let due = tier_due(&dir, &context.feed, rules)?;
            let (rows, bytes): (u64, u64) =
                (due.days.iter().map(|day| day.rows).sum(), due.days.iter().map(|day| day.bytes).sum());
            context.progress.expect(rows);
            let moved = with_mover(context, setup, per_row(rows, bytes), |mover| mover.run(rules, None))?;
            outcome(&moved)
        }
        _ => Err(Error::new(Kind::Bug, "no work between the tiers")),
    }
}

/// Moves what is due behind an export that is done; gives its text with what was done. Whatever comes of this is no failure of it.
pub(in crate::export) fn after_export(context: &Context, text: String) -> String {
    let Some(setup) = context.tier.as_ref().filter(|setup| setup.after_export) else { return text };
    if context.feed.kind != FeedKind::Stream || context.feed.tier_after_days.is_none() {
        return text;
    }
    context.progress.enter(Stage::Moving);
    let until = Some(Instant::now() + LONGEST);
    match with_mover(context, setup, 0, |mover| mover.run(mover.rules(None), until)) {
        Ok(moved) => match sentence(&moved) {
            Some(done) => format!("{text}; {done}"),
            None => text,
        },
        // The next export finds it again.
        Err(error) if error.kind() == Kind::Interrupted => text,
        Err(error) => {
            context.emit(What::Warned { text: format!("days stay on the local disk: {error}") });
            text
        }
    }
}

/// A day that is to be exported again must be on the lake's disk.
pub(in crate::export) fn bring_home_first(context: &Context, day: NaiveDate) -> Result<()> {
    let dir = context.lake.dataset_dir(&context.feed)?;
    let Some(metadata) = read_metadata(&dir)? else { return Ok(()) };
    let holds = |path: &str| PartitionPath::parse(path).is_some_and(|path| path.holds(day));
    if !metadata.partitions.iter().any(|known| known.cold.is_some() && holds(&known.path)) {
        return Ok(());
    }
    let setup = setup(context)?;
    context.progress.enter(Stage::Moving);
    match with_mover(context, setup, 0, |mover| mover.restore(day))? {
        HomeWay::Home { files, .. } => {
            context.emit(What::Warned {
                text: format!("{day} came home from the cold tier first: {files} files"),
            });
            Ok(())
        }
        HomeWay::Waiting { objects, .. } => Err(Error::new(
            Kind::Refused,
            format!("{objects} objects of the day lie in an archive, and were asked for"),
        )
        .at("day", day)
        .next("export the day again when they are there: hours, by the store's rules")),
    }
}

fn setup(context: &Context) -> Result<&TierSetup> {
    context.tier.as_ref().ok_or_else(|| {
        Error::new(Kind::Config, "there is no cold store")
            .at("key", "tier.cold.url")
            .next("set it in lakehand.toml: s3://bucket/prefix, az://container/prefix or file:///folder")
    })
}

/// Rows for each byte that is sent and read back, as parts of a thousand million.
fn per_row(rows: u64, bytes: u64) -> u64 {
    rows.saturating_mul(1_000_000_000) / (bytes * 2).max(1)
}

fn with_mover<T>(
    context: &Context,
    setup: &TierSetup,
    per_byte: u64,
    work: impl FnOnce(&Mover<'_>) -> Result<T>,
) -> Result<T> {
    let store = (setup.open)()?;
    let handled = AtomicU64::new(0);
    let progress = &context.progress;
    let advance = |bytes: u64| {
        let before = handled.fetch_add(bytes, Ordering::Relaxed);
        let rows = |bytes: u64| u128::from(bytes) * u128::from(per_byte) / 1_000_000_000;
        let more = rows(before + bytes) - rows(before);
        progress.decoded(usize::try_from(more).unwrap_or(usize::MAX));
    };
    let mover = Mover {
        store: &store,
        lake: &context.lake,
        feed: &context.feed,
        limits: &context.limits,
        program: &context.program,
        setup,
        cancel: &context.cancel,
        clock: context.clock,
        advance: &advance,
        tell: &|step| tell(context, step),
        holds: &|partition| context.orders.holds_back(&context.lake, &context.feed, partition),
    };
    work(&mover)
}

fn tell(context: &Context, step: &Step) {
    match step {
        Step::Switched(cooled) => {
            let facts = vec![
                ("partition".to_owned(), cooled.partition.clone()),
                ("commit".to_owned(), cooled.id.clone()),
                ("rows".to_owned(), cooled.rows.to_string()),
                ("bytes".to_owned(), cooled.bytes.to_string()),
                ("files".to_owned(), cooled.files.to_string()),
            ];
            let text = format!(
                "{} lies in the cold tier now: {} rows in {} files ({} bytes)",
                cooled.partition, cooled.rows, cooled.files, cooled.bytes
            );
            context.emit(What::Moved { text, facts });
            context.orders.publish(&context.feed);
        }
        Step::Blocked { partition, error } => {
            context.emit(What::Warned { text: format!("{partition} was not moved: {error}") });
        }
        Step::Stays { .. } | Step::Freed { .. } | Step::Deleted { .. } => {}
    }
}

fn outcome(moved: &Moved) -> Result<Outcome> {
    if moved.failures.len() as u64 > 0 && moved.days + moved.freed_days == 0 {
        return Err(Error::new(Kind::Refused, format!("{} days could not be moved", moved.failures.len()))
            .next("the log names each with its reason"));
    }
    Ok(match sentence(moved) {
        Some(text) => Outcome::Done { text },
        None => Outcome::Skipped { text: "no day is due".to_owned() },
    })
}

/// What was done, in words; nothing where nothing was.
fn sentence(moved: &Moved) -> Option<String> {
    let mut parts = Vec::new();
    if moved.days > 0 {
        parts.push(format!(
            "{} days went to the cold tier ({} rows, {} bytes)",
            moved.days, moved.rows, moved.bytes
        ));
    }
    if moved.freed_days > 0 {
        parts.push(format!(
            "local copies of {} days are gone ({} bytes)",
            moved.freed_days, moved.freed_bytes
        ));
    }
    if moved.deleted > 0 {
        parts.push(format!("{} objects that nobody needed were deleted", moved.deleted));
    }
    if !moved.failures.is_empty() {
        parts.push(format!("{} days could not be moved", moved.failures.len()));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

//! `tier plan | run | list | restore | verify`: sealed days in the cold tier, and back.

mod plan;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chrono::{NaiveDate, Utc};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::choose::valid;
use super::presence::require_lake;
use super::undo::note;
use super::{Start, catalog, say, say_json};
use crate::cancel::Cancel;
use crate::config::{Config, MetadataPlace};
use crate::error::{Error, Kind, Result};
use crate::export::publish::holds_back;
use crate::export::tier::{HomeWay, Mover, Step, TierSetup, Verified};
use crate::feed::{Catalog, Feed, FeedKind, PartitionPath, Place};
use crate::headless::{Counted, Exit, cancel_on_signal, size, with_gauge};
use crate::lake::verify::Severity;
use crate::lake::{Lake, Limits, TierRules, read_metadata, tier_candidates, tier_due};
use crate::log::{Level, Record};
use crate::tier::ColdStore;

#[derive(Debug, Subcommand)]
pub(super) enum TierCommand {
    /// What would move, what local copies would go, and what the disk gains
    Plan(WhichArgs),
    /// Move sealed days that are due: copy, read back, send readers there, and remove local copies whose grace is over
    Run(RunArgs),
    /// Where each day lies
    List(ListArgs),
    /// Bring a day home; what lies in an archive is asked for first
    Restore(RestoreArgs),
    /// Compare the store with what the lake knows to lie there
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
pub(super) struct WhichArgs {
    /// The feeds; every stream when none is named
    #[arg(value_name = "FEED")]
    feeds: Vec<String>,
    /// This day alone, whatever its age (2025-01-15)
    #[arg(long, value_name = "DATE")]
    day: Option<NaiveDate>,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Say what would be done, and change nothing: what `tier plan` says
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// The feeds; every stream when none is named
    #[arg(value_name = "FEED")]
    feeds: Vec<String>,
    /// Days in the cold tier alone
    #[arg(long)]
    cold: bool,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The feed
    feed: String,
    /// The day (2025-01-15)
    #[arg(long, value_name = "DATE")]
    day: NaiveDate,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The feeds; every stream when none is named
    #[arg(value_name = "FEED")]
    feeds: Vec<String>,
    /// Read every object and compare its hash, and not only names and sizes
    #[arg(long)]
    deep: bool,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

/// How days move, where the configuration names a cold store.
pub(super) fn setup(config: &Config) -> Option<TierSetup> {
    let cold = config.tier.cold.clone();
    if cold.url.is_empty() {
        return None;
    }
    let (parallel, restore_days) = (cold.parallel, cold.restore_days);
    Some(TierSetup {
        open: Arc::new(move || ColdStore::open(&cold)),
        grace: config.tier.grace,
        bin_grace: config.retention.grace,
        parallel,
        restore_days,
        after_export: false,
    })
}

/// The lake as commands open it.
fn lake_of(config: &Config) -> Lake {
    Lake::new(&config.paths.lake)
        .retaining(super::retention_rules(config))
        .with_metadata_apart(config.lake.metadata == MetadataPlace::Apart)
}

pub(super) fn run(start: &Start, command: &TierCommand) -> Result<Exit> {
    let config = start.config()?;
    require_lake(&config)?;
    let lake = lake_of(&config);
    match command {
        TierCommand::Plan(which) => plan::plan(&config, &lake, which),
        TierCommand::Run(args) if args.dry_run => plan::plan(&config, &lake, &args.which),
        TierCommand::Run(args) => Tools::new(&config, &lake, args.which.json)?.run(&args.which),
        TierCommand::List(args) => plan::list(&config, &lake, args),
        TierCommand::Restore(args) => Tools::new(&config, &lake, args.json)?.restore(args),
        TierCommand::Verify(args) => Tools::new(&config, &lake, args.json)?.verify(args),
    }
}

/// Named feeds, or every valid one of a stream, archived ones too where none may be chosen by hand.
fn choose(config: &Config, names: &[String]) -> Result<Vec<Feed>> {
    let catalog = Catalog::load(&config.feed_paths())?;
    if !names.is_empty() {
        return names.iter().map(|name| valid(&catalog, name)).collect();
    }
    let active = catalog.entries.iter().filter(|entry| entry.place == Place::Active);
    let streams = active.filter_map(|entry| entry.feed()).filter(|feed| feed.kind == FeedKind::Stream);
    Ok(streams.cloned().collect())
}

/// What a look at the cold store says of the days of `feed` that lie there; `None` where none does. `Kind::Config` when they lie in a store that
/// is not configured: then nothing is known of them.
pub(super) fn verify_cold(
    config: &Config,
    lake: &Lake,
    feed: &Feed,
    deep: bool,
    cancel: &Cancel,
) -> Result<Option<Verified>> {
    if cold_bytes(lake, feed)? == 0 {
        return Ok(None);
    }
    let tools = Tools::with(config, lake, cancel.clone(), true)?;
    tools.with_mover(feed, 0, |mover| mover.verify(deep)).map(Some)
}

/// What days are moved with.
struct Tools<'a> {
    config: &'a Config,
    lake: &'a Lake,
    setup: TierSetup,
    store: ColdStore,
    cancel: Cancel,
    json: bool,
}

impl<'a> Tools<'a> {
    fn new(config: &'a Config, lake: &'a Lake, json: bool) -> Result<Self> {
        Self::with(config, lake, cancel_on_signal()?, json)
    }

    fn with(config: &'a Config, lake: &'a Lake, cancel: Cancel, json: bool) -> Result<Self> {
        let setup = setup(config).ok_or_else(|| {
            Error::new(Kind::Config, "there is no cold store")
                .at("key", "tier.cold.url")
                .next("set it in lakehand.toml: s3://bucket/prefix, az://container/prefix or file:///folder")
        })?;
        let store = (setup.open)()?;
        Ok(Self { config, lake, setup, store, cancel, json })
    }

    fn with_mover<T>(
        &self,
        feed: &Feed,
        total: u64,
        work: impl FnOnce(&Mover<'_>) -> Result<T>,
    ) -> Result<T> {
        let limits = Limits { min_free_bytes: self.config.export.min_free_bytes, ..Limits::default() };
        let handled = AtomicU64::new(0);
        let mover = Mover {
            store: &self.store,
            lake: self.lake,
            feed,
            limits: &limits,
            program: "lakehand tier",
            setup: &self.setup,
            cancel: &self.cancel,
            clock: Utc::now,
            advance: &|bytes| {
                handled.fetch_add(bytes, Ordering::Relaxed);
            },
            tell: &|step| self.tell(feed, step),
            holds: &|partition| {
                // What was switched just now is published first.
                catalog::behind(self.config, feed);
                holds_back(self.lake, feed, &self.config.catalog.configured(), partition)
            },
        };
        with_gauge(&feed.name, (total, Counted::Bytes), || handled.load(Ordering::Relaxed), || work(&mover))
    }

    fn run(&self, which: &WhichArgs) -> Result<Exit> {
        let begun = Instant::now();
        let (mut days, mut rows, mut bytes, mut freed, mut deleted) = (0, 0, 0, 0, 0);
        let mut failures = Vec::new();
        for feed in &choose(self.config, &which.feeds)? {
            if self.cancel.is_cancelled() {
                break;
            }
            let rules = TierRules::of(feed, Utc::now(), which.day);
            let done = self.lake.dataset_dir(feed).and_then(|dir| {
                if read_metadata(&dir)?.is_none() {
                    return Ok(crate::export::tier::Moved::default());
                }
                let due = tier_due(&dir, feed, rules)?;
                // Each byte is sent, and read back.
                let total = due.days.iter().map(|day| day.bytes * 2).sum();
                let moved = self.with_mover(feed, total, |mover| mover.run(rules, None));
                catalog::behind(self.config, feed);
                moved
            });
            match done {
                Ok(moved) => {
                    (days, rows, bytes) = (days + moved.days, rows + moved.rows, bytes + moved.bytes);
                    (freed, deleted) = (freed + moved.freed_bytes, deleted + moved.deleted);
                    failures.extend(moved.failures);
                }
                Err(error) if error.kind() == Kind::Interrupted => break,
                Err(error) if error.kind() == Kind::Refused && which.feeds.is_empty() => {}
                Err(error) => {
                    failures.push(error.kind());
                    self.failed(feed, &error);
                }
            }
        }
        let exit = Exit::of_run(self.cancel.is_cancelled(), &failures);
        let seconds = begun.elapsed().as_secs_f64();
        say_or_json(
            self.json,
            || {
                format!(
                    "{days} days of {rows} rows moved: {} in {seconds:.1} s; local copies of {} went; {deleted} objects deleted",
                    size(bytes),
                    size(freed)
                )
            },
            || {
                json!({
                    "event": "summary", "days": days, "rows": rows, "bytes": bytes, "freed_bytes": freed,
                    "deleted_objects": deleted, "seconds": seconds, "exit": exit.code(),
                })
            },
        );
        Ok(exit)
    }

    fn restore(&self, args: &RestoreArgs) -> Result<Exit> {
        let feed = valid(&Catalog::load(&self.config.feed_paths())?, &args.feed)?;
        let way = self.with_mover(&feed, 0, |mover| mover.restore(args.day))?;
        catalog::behind(self.config, &feed);
        let text = match &way {
            HomeWay::Home { files, rows, bytes } => {
                let again = self.goes_again(&feed, args.day)?;
                format!("{} is home: {rows} rows in {files} files, {}{again}", args.day, size(*bytes))
            }
            HomeWay::Waiting { objects, asked } => format!(
                "{objects} objects of {} lie in an archive, {asked} were asked for now: give the command again when they are there",
                args.day
            ),
        };
        self.say(&feed, "restored", &text, || match &way {
            HomeWay::Home { files, rows, bytes } => {
                json!({ "event": "home", "feed": feed.name, "day": args.day, "files": files, "rows": rows, "bytes": bytes })
            }
            HomeWay::Waiting { objects, asked } => {
                json!({ "event": "waiting", "feed": feed.name, "day": args.day, "objects": objects, "asked": asked })
            }
        });
        Ok(Exit::Done)
    }

    /// What the feed's own rule will do with a day that came home.
    fn goes_again(&self, feed: &Feed, day: NaiveDate) -> Result<String> {
        let metadata = read_metadata(&self.lake.dataset_dir(feed)?)?;
        let holds = |path: &str| PartitionPath::parse(path).is_some_and(|path| path.holds(day));
        let is_due = metadata.is_some_and(|metadata| {
            let due = tier_candidates(&metadata, TierRules::of(feed, Utc::now(), None));
            due.iter().any(|known| holds(&known.path) && !metadata.is_pinned(&known.path))
        });
        Ok(if is_due {
            format!(
                "; it is older than tier_after_days and goes again with the next run, unless `lakehand pin {} {day}` keeps it",
                feed.name
            )
        } else {
            String::new()
        })
    }

    fn verify(&self, args: &VerifyArgs) -> Result<Exit> {
        let mut failures = Vec::new();
        for feed in &choose(self.config, &args.feeds)? {
            let total = if args.deep { cold_bytes(self.lake, feed)? } else { 0 };
            let verified = match self.with_mover(feed, total, |mover| mover.verify(args.deep)) {
                Ok(verified) => verified,
                Err(error) => {
                    failures.push(error.kind());
                    self.failed(feed, &error);
                    continue;
                }
            };
            for finding in &verified.findings {
                super::check::show(feed, finding, false, args.json);
            }
            if !verified.is_sound() {
                failures.push(Kind::Damaged);
            }
            if verified.objects == 0 && args.feeds.is_empty() {
                continue;
            }
            let damaged = verified.findings.iter().filter(|found| found.severity == Severity::Damage).count();
            say_or_json(
                args.json,
                || {
                    format!(
                        "{}: {} objects ({}), {} read and right, {} in an archive, {damaged} damaged",
                        feed.name,
                        verified.objects,
                        size(verified.bytes),
                        verified.read,
                        verified.archived
                    )
                },
                || {
                    json!({
                        "event": "verified", "feed": feed.name, "objects": verified.objects, "bytes": verified.bytes,
                        "read": verified.read, "archived": verified.archived, "damaged": damaged,
                    })
                },
            );
        }
        Ok(Exit::of_run(self.cancel.is_cancelled(), &failures))
    }

    fn tell(&self, feed: &Feed, step: &Step) {
        match step {
            Step::Switched(cooled) => {
                let text = format!(
                    "{} lies in the cold tier now: {} rows in {} files, {}, by commit {}",
                    cooled.partition,
                    cooled.rows,
                    cooled.files,
                    size(cooled.bytes),
                    cooled.id
                );
                self.say(feed, "moved", &text, || {
                    json!({
                        "event": "moved", "feed": feed.name, "partition": cooled.partition, "commit": cooled.id,
                        "rows": cooled.rows, "files": cooled.files, "bytes": cooled.bytes,
                    })
                });
            }
            Step::Freed { partition, freed } => {
                let text = format!("the local copy of {partition} is gone: {}", size(freed.bytes));
                self.say(feed, "freed", &text, || {
                    json!({ "event": "freed", "feed": feed.name, "partition": partition, "files": freed.files, "bytes": freed.bytes })
                });
            }
            Step::Deleted { objects, bytes } => {
                let text = format!("{objects} objects that nobody needed were deleted: {}", size(*bytes));
                self.say(
                    feed,
                    "deleted",
                    &text,
                    || json!({ "event": "deleted", "feed": feed.name, "objects": objects, "bytes": bytes }),
                );
            }
            Step::Stays { partition, why } => say_stays(feed, partition, why, self.json),
            Step::Blocked { partition, error } => {
                let error = format!("{partition} was not moved: {error}");
                self.failed_text(feed, &error, &json!(partition));
            }
        }
    }

    fn say(&self, feed: &Feed, event: &'static str, text: &str, value: impl Fn() -> Value) {
        say_or_json(self.json, || format!("{}: {text}", feed.name), value);
        note(self.config, &Record::new(Utc::now(), Level::Info, Some(&feed.name), event).fact("what", text));
    }

    fn failed(&self, feed: &Feed, error: &Error) {
        say_failure(feed, error, self.json);
        let record = Record::new(Utc::now(), Level::Error, Some(&feed.name), "tier failed");
        note(self.config, &record.fact("what", error.to_string()));
    }

    fn failed_text(&self, feed: &Feed, text: &str, partition: &Value) {
        say_or_json(
            self.json,
            || format!("{}: {text}", feed.name),
            || json!({ "event": "blocked", "feed": feed.name, "partition": partition, "error": text }),
        );
        let record = Record::new(Utc::now(), Level::Error, Some(&feed.name), "tier failed");
        note(self.config, &record.fact("what", text));
    }
}

fn cold_bytes(lake: &Lake, feed: &Feed) -> Result<u64> {
    let metadata = read_metadata(&lake.dataset_dir(feed)?)?;
    let partitions = metadata.map(|metadata| metadata.partitions).unwrap_or_default();
    Ok(partitions.iter().filter_map(|partition| Some(partition.cold.as_ref()?.bytes)).sum())
}

fn say_or_json(json: bool, text: impl Fn() -> String, value: impl Fn() -> Value) {
    if json { say_json(&value()) } else { say(&text()) }
}

fn say_stays(feed: &Feed, partition: &str, why: &str, json: bool) {
    say_or_json(
        json,
        || format!("{}: {partition} stays: {why}", feed.name),
        || json!({ "event": "stays", "feed": feed.name, "partition": partition, "why": why }),
    );
}

fn say_failure(feed: &Feed, error: &Error, json: bool) {
    say_or_json(
        json,
        || format!("{}: {error}", feed.name),
        || json!({ "event": "failed", "feed": feed.name, "kind": error.kind().name(), "error": error.to_string() }),
    );
}

//! `compact`: the small files of days become few.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chrono::{NaiveDate, Utc};
use clap::Args;
use serde_json::json;

use super::choose::valid;
use super::presence::require_lake;
use super::undo::note;
use super::{Start, catalog, say, say_error, say_json};
use crate::cancel::Cancel;
use crate::config::{Config, MetadataPlace};
use crate::error::{Error, Kind, Result};
use crate::export::this_process;
use crate::feed::{Catalog, Feed, FeedKind, Place};
use crate::headless::{Counted, Exit, cancel_on_signal, with_gauge};
use crate::lake::{CompactRules, CompactWork, Compacted, Dataset, DueDay, Lake, Limits, compaction_due};
use crate::log::{Level, Record};
use crate::pool::Pool;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub(super) struct CompactArgs {
    /// The feeds whose small files become few
    #[arg(value_name = "FEED", group = "which")]
    feeds: Vec<String>,
    /// Every stream, disabled ones too
    #[arg(long, group = "which", conflicts_with = "feeds")]
    all: bool,
    /// This day alone (2025-01-15), though it has many full files and few small ones
    #[arg(long, value_name = "DATE")]
    day: Option<NaiveDate>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line on standard output, and nothing else there
    #[arg(long)]
    json: bool,
}

/// Sums over all feeds.
#[derive(Default)]
struct Totals {
    days: u64,
    rows: u64,
    files_before: u64,
    files: u64,
    bytes_before: u64,
    bytes: u64,
    passed_over: u64,
    failures: Vec<Kind>,
}

/// What every feed is compacted with.
struct Tools<'a> {
    config: &'a Config,
    lake: Lake,
    pool: Arc<Pool>,
    rules: CompactRules,
    cancel: Cancel,
    args: &'a CompactArgs,
}

pub(super) fn run(start: &Start, args: &CompactArgs) -> Result<Exit> {
    let config = start.config()?;
    require_lake(&config)?;
    let cancel = cancel_on_signal()?;
    let lake = Lake::new(&config.paths.lake)
        .retaining(super::retention_rules(&config))
        .with_metadata_apart(config.lake.metadata == MetadataPlace::Apart);
    let threads = if config.compact.threads == 0 { config.export.threads } else { config.compact.threads };
    let rules = CompactRules {
        min_files: config.compact.min_files,
        sealed_only: false,
        is_named: args.day.is_some(),
    };
    let pool = Arc::new(Pool::new(super::export::threads(threads)));
    let tools = Tools { config: &config, lake, pool, rules, cancel, args };
    let mut totals = Totals::default();
    for feed in &choose(&config, args)? {
        if tools.cancel.is_cancelled() {
            break;
        }
        if let Err(error) = tools.feed(feed, &mut totals) {
            if error.kind() == Kind::Interrupted {
                break;
            }
            tools.failed(feed, &error, &mut totals);
        }
    }
    let exit = Exit::of_run(tools.cancel.is_cancelled(), &totals.failures);
    tools.end(&totals, exit);
    Ok(exit)
}

/// Named feeds, or every valid one of a stream.
fn choose(config: &Config, args: &CompactArgs) -> Result<Vec<Feed>> {
    let catalog = Catalog::load(&config.feed_paths())?;
    if !args.all {
        return args.feeds.iter().map(|name| valid(&catalog, name)).collect();
    }
    let active = catalog.entries.iter().filter(|entry| entry.place == Place::Active);
    let streams = active.filter_map(|entry| entry.feed()).filter(|feed| feed.kind == FeedKind::Stream);
    Ok(streams.cloned().collect())
}

impl Tools<'_> {
    fn feed(&self, feed: &Feed, totals: &mut Totals) -> Result<()> {
        let (config, args) = (self.config, self.args);
        let target = config.export.target_file_bytes;
        let due = compaction_due(&self.lake.dataset_dir(feed)?, feed, target, self.rules, args.day)?;
        for passed in &due.passed_over {
            totals.passed_over += 1;
            if args.json {
                say_json(&json!({
                    "event": "passed-over", "feed": feed.name, "partition": passed.partition, "why": passed.why,
                }));
            } else {
                say(&format!("{}: {} is left as it is: {}", feed.name, passed.partition, passed.why));
            }
        }
        if due.days.is_empty() {
            if !args.json {
                say(&format!("{}: nothing to do, {} partitions are fine as they are", feed.name, due.fine));
            }
            return Ok(());
        }
        if args.dry_run {
            due.days.iter().for_each(|day| self.would(feed, day, totals));
            return Ok(());
        }
        let owner = this_process("lakehand compact", Utc::now());
        let limits = Limits {
            target_file_bytes: target,
            min_free_bytes: config.export.min_free_bytes,
            zstd_level: config.export.zstd_level,
            encodings: config.export.encodings,
            ..Limits::default()
        };
        let mut dataset = Dataset::open(&self.lake, feed, limits, owner)?;
        for text in dataset.recovery().told() {
            say_error(&format!("{}: {text}", feed.name));
            note(
                config,
                &Record::new(Utc::now(), Level::Warn, Some(&feed.name), "recovered").fact("what", text),
            );
        }
        let handled = AtomicU64::new(0);
        // Each row is read, and read back.
        let total = due.days.iter().map(|day| day.rows * 2).sum();
        let compacted = with_gauge(
            &feed.name,
            (total, Counted::Rows),
            || handled.load(Ordering::Relaxed),
            || {
                for day in &due.days {
                    let begun = Instant::now();
                    let work = CompactWork {
                        rules: self.rules,
                        memory_bytes: config.compact.memory_bytes,
                        pool: &self.pool,
                        cancel: &self.cancel,
                        advance: &|rows| {
                            handled.fetch_add(rows, Ordering::Relaxed);
                        },
                        now: Utc::now(),
                    };
                    match dataset.compact(&day.folder, &work) {
                        Ok(Some(done)) => self.done(feed, &done, begun, totals),
                        // Somebody else was faster.
                        Ok(None) => {}
                        // One day that cannot be done holds up no other.
                        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Damaged) => {
                            self.failed(feed, &error.at("day", &day.folder), totals);
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            },
        );
        catalog::behind(config, feed);
        compacted
    }

    fn would(&self, feed: &Feed, day: &DueDay, totals: &mut Totals) {
        totals.days += 1;
        totals.rows += day.rows;
        totals.files_before += day.files;
        totals.files += day.files_after;
        totals.bytes_before += day.bytes;
        if self.args.json {
            say_json(&json!({
                "event": "would-compact", "feed": feed.name, "folder": day.folder, "partitions": day.partitions,
                "files": day.files, "files_after": day.files_after, "rows": day.rows, "bytes": day.bytes,
            }));
        } else {
            say(&format!(
                "{}: {}: {} files of {} rows ({} bytes) would become about {}",
                feed.name, day.folder, day.files, day.rows, day.bytes, day.files_after
            ));
        }
    }

    fn done(&self, feed: &Feed, done: &Compacted, begun: Instant, totals: &mut Totals) {
        totals.days += 1;
        totals.rows += done.rows;
        totals.files_before += done.files_before;
        totals.files += done.files;
        totals.bytes_before += done.bytes_before;
        totals.bytes += done.bytes;
        let text = done.sentence();
        if self.args.json {
            say_json(&json!({
                "event": "compacted", "feed": feed.name, "folder": done.folder, "partitions": done.partitions,
                "commit": done.id, "rows": done.rows, "files_before": done.files_before, "files": done.files,
                "bytes_before": done.bytes_before, "bytes": done.bytes,
                "duration_ms": u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            }));
        } else {
            say(&format!("{}: {text}", feed.name));
        }
        note(
            self.config,
            &Record::new(Utc::now(), Level::Info, Some(&feed.name), "compacted").fact("what", text),
        );
    }

    fn failed(&self, feed: &Feed, error: &Error, totals: &mut Totals) {
        totals.failures.push(error.kind());
        if self.args.json {
            say_json(&json!({
                "event": "failed", "feed": feed.name, "kind": error.kind().name(), "error": error.to_string(),
            }));
        } else {
            say(&format!("{}: not compacted: {error}", feed.name));
        }
        let record = Record::new(Utc::now(), Level::Error, Some(&feed.name), "compaction failed");
        note(self.config, &record.fact("what", error.to_string()));
    }

    fn end(&self, totals: &Totals, exit: Exit) {
        let Totals { days, rows, files_before, files, bytes_before, bytes, passed_over, .. } = totals;
        if self.args.json {
            return say_json(&json!({
                "event": "summary", "days": days, "rows": rows, "files_before": files_before, "files": files,
                "bytes_before": bytes_before, "bytes": bytes, "passed_over": passed_over, "exit": exit.code(),
            }));
        }
        let (would, after) = if self.args.dry_run {
            ("would become about", String::new())
        } else {
            ("became", format!(" ({bytes} bytes)"))
        };
        say(&format!(
            "{days} days: {files_before} files of {rows} rows ({bytes_before} bytes) {would} {files}{after}"
        ));
        if !self.args.dry_run && *days > 0 {
            say(
                "the files of before are in the bin for retention.grace: `lakehand feeds undo NAME --day …` puts them back",
            );
        }
    }
}

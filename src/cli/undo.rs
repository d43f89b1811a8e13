//! `feeds undo` and `feeds forget`: what a new export of a day has replaced comes back, or is thrown away.

use chrono::{NaiveDate, TimeDelta, Utc};
use clap::Args;
use serde_json::json;

use super::{catalog, say, say_error, say_json};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::export::this_process;
use crate::feed::duration::parse_duration;
use crate::feed::partition_path::is_inside;
use crate::feed::{Feed, PartitionPath};
use crate::headless::{Exit, cancel_on_signal};
use crate::lake::{Bundle, Dataset, Lake, Limits, ReplacedSet, Undone, pins, replaced, undo_preview};
use crate::log::{Level, LogFile, Record};

#[derive(Debug, Args)]
pub(super) struct UndoArgs {
    /// The feed
    pub(super) name: String,
    /// The day whose last new export, or removal by retention, is taken back (2025-01-15)
    #[arg(long, value_name = "DATE", required_unless_present = "version")]
    day: Option<NaiveDate>,
    /// The version of a table that comes out of the bin and is current again (3)
    #[arg(long, value_name = "N", conflicts_with_all = ["day", "commit", "dry_run"])]
    version: Option<u32>,
    /// The commit that put the files aside, as `feeds show NAME --days` names it; the last one when none is named
    #[arg(long)]
    commit: Option<String>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub(super) struct ForgetArgs {
    /// The feed
    pub(super) name: String,
    /// What a new export of this day has replaced (2025-01-15)
    #[arg(long, group = "which", value_name = "DATE")]
    day: Option<NaiveDate>,
    /// What was replaced longer ago than this (30d, 12h)
    #[arg(long, group = "which", value_name = "TIME")]
    older_than: Option<String>,
    /// Everything that new exports of days have replaced
    #[arg(long, group = "which", conflicts_with_all = ["day", "older_than"])]
    all: bool,
    /// Say what would be thrown away, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object for each set
    #[arg(long)]
    json: bool,
}

pub(super) fn undo(config: &Config, feed: &Feed, args: &UndoArgs) -> Result<Exit> {
    let cancel = cancel_on_signal()?;
    let lake = Lake::new(&config.paths.lake);
    let commit = args.commit.as_deref();
    let open = || open(config, &lake, feed, "lakehand feeds undo");
    let done = if args.dry_run {
        undo_preview(&lake.dataset_dir(feed)?, args.day.unwrap_or_default(), commit)?
    } else {
        let done = match (args.version, args.day) {
            (Some(version), _) => {
                cancel.check()?;
                open()?.undo_version(version, Utc::now())?
            }
            (None, day) => {
                let day = day.unwrap_or_default();
                // Says what is wrong before a lock is taken.
                undo_preview(&lake.dataset_dir(feed)?, day, commit)?;
                // The safe points of one commit: before it, and behind it.
                cancel.check()?;
                open()?.undo_day(day, commit, Utc::now())?
            }
        };
        let record =
            Record::new(Utc::now(), Level::Info, Some(&feed.name), "undone").fact("what", done.sentence());
        note(config, &record);
        catalog::behind(config, feed);
        done
    };
    if args.json {
        say_json(&as_json(feed, &done, args.dry_run));
    } else {
        say(&format!("{}: {}", feed.name, done.sentence()));
        if done.is_of_retention() && args.version.is_none() {
            say(
                "raise retention_days in the feed's file: by its rule the next export moves the day into the bin again",
            );
        }
    }
    Ok(Exit::of_run(cancel.is_cancelled(), &[]))
}

pub(super) fn forget(config: &Config, feed: &Feed, args: &ForgetArgs) -> Result<Exit> {
    let cancel = cancel_on_signal()?;
    let lake = Lake::new(&config.paths.lake);
    let before = match args.older_than.as_deref() {
        None => None,
        Some(text) => {
            let age = parse_duration(text).and_then(|age| TimeDelta::from_std(age).ok());
            let before = age.and_then(|age| Utc::now().checked_sub_signed(age));
            Some(before.ok_or_else(|| {
                Error::new(Kind::Usage, format!("{text} is no length of time"))
                    .next("write it like 30d or 12h")
            })?)
        }
    };
    let day = args.day.map(|day| PartitionPath::of_day(day).to_string());
    // A partition that is longer than a day is that of each of its days.
    let of_day = |set: &ReplacedSet| {
        day.as_deref().is_none_or(|day| set.partition.starts_with(day) || day.starts_with(&set.partition))
    };
    let due =
        |set: &ReplacedSet| of_day(set) && before.is_none_or(|before| set.at.is_some_and(|at| at < before));
    let mut sets = replaced(&lake.dataset_dir(feed)?)?;
    sets.retain(due);
    let pins = pins(&lake.dataset_dir(feed)?)?;
    sets.retain(|set| {
        let pin = pins.iter().find(|pin| is_inside(&set.partition, &pin.path));
        if let Some(pin) = pin {
            say_error(&format!("{}: left alone: {}", feed.name, pin.sentence()));
        }
        pin.is_none()
    });
    if sets.is_empty() {
        let error = Error::new(Kind::Usage, "nothing that was replaced is there to be thrown away");
        return Err(error.next(format!("`lakehand feeds show {} --days` names what is there", feed.name)));
    }
    let mut dataset =
        if args.dry_run { None } else { Some(open(config, &lake, feed, "lakehand feeds forget")?) };
    for set in &sets {
        // Each set goes as a whole or stays as a whole.
        if cancel.is_cancelled() {
            break;
        }
        if let Some(dataset) = &mut dataset
            && dataset.forget_replaced(std::slice::from_ref(set))?.is_empty()
        {
            // Somebody else was faster.
            continue;
        }
        let text = format!(
            "{}: {} files, {} bytes that commit {} had replaced",
            set.partition, set.files, set.bytes, set.commit
        );
        if args.json {
            say_json(&json!({
                "event": if args.dry_run { "would-forget" } else { "forgotten" }, "feed": feed.name,
                "partition": set.partition, "commit": set.commit, "at": set.at, "files": set.files, "rows": set.rows,
                "bytes": set.bytes,
            }));
        } else {
            say(&format!("{} {text}", if args.dry_run { "would throw away" } else { "thrown away:" }));
        }
        if !args.dry_run {
            note(
                config,
                &Record::new(Utc::now(), Level::Info, Some(&feed.name), "forgotten").fact("what", text),
            );
        }
    }
    Ok(Exit::of_run(cancel.is_cancelled(), &[]))
}

pub(super) fn open(config: &Config, lake: &Lake, feed: &Feed, what: &str) -> Result<Dataset> {
    let owner = this_process(what, Utc::now());
    let limits = Limits { min_free_bytes: config.export.min_free_bytes, ..Limits::default() };
    let lake = lake.clone().retaining(super::retention_rules(config));
    let dataset = Dataset::open(&lake, feed, limits, owner)?;
    for text in dataset.recovery().told() {
        say_error(&format!("{}: {text}", feed.name));
        note(config, &Record::new(Utc::now(), Level::Warn, Some(&feed.name), "recovered").fact("what", text));
    }
    Ok(dataset)
}

/// A line of the export log; that it cannot be written does not undo what was done.
pub(super) fn note(config: &Config, record: &Record) {
    let written = LogFile::open(&config.paths.logs).and_then(|mut log| log.write(record));
    if let Err(error) = written {
        say_error(&format!("the log cannot be written: {error}"));
    }
}

pub(super) fn as_json(feed: &Feed, done: &Undone, dry: bool) -> serde_json::Value {
    let some = |bundle: &Bundle| json!({ "files": bundle.files, "rows": bundle.rows, "bytes": bundle.bytes });
    json!({
        "event": if dry { "would-undo" } else { "undone" },
        "feed": feed.name,
        "partition": done.partition,
        "commit": done.commit,
        "id": (!done.id.is_empty()).then_some(&done.id),
        "back": some(&done.back),
        "aside": some(&done.aside),
        "stay": some(&done.stay),
        "lost": done.lost,
        "reopened": done.reopened,
    })
}

//! `pin`, `unpin` and `rollback`: a version of a table or a day of a stream is kept, or is again as it was.

use chrono::Utc;
use clap::Args;
use serde_json::json;

use super::choose::valid;
use super::undo::{as_json, note, open};
use super::{Start, catalog, say, say_json};
use crate::error::{Error, Kind, Result};
use crate::feed::{Catalog, FeedKind};
use crate::headless::{Exit, cancel_on_signal};
use crate::lake::{Lake, Target, rollback_preview, set_after, undo_preview};
use crate::log::{Level, Record};

#[derive(Debug, Args)]
pub(super) struct PinArgs {
    /// The feed
    name: String,
    /// A version of a table (v3), or a day of a stream (2025-01-15)
    what: Target,
    /// Why, in your words
    #[arg(long = "name", value_name = "TEXT")]
    why: Option<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct UnpinArgs {
    /// The feed
    name: String,
    /// A version of a table (v3), or a day of a stream (2025-01-15)
    what: Target,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// The feed
    name: String,
    /// The version of a table that is to be current again (v3), or a day of a stream (2025-01-15)
    what: Target,
    /// Of a day: the commit, by number or id, after which it was as it is to be again; without it the last new export, or
    /// removal, of the day is taken back
    #[arg(long, value_name = "COMMIT")]
    commit: Option<String>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn pin(start: &Start, args: &PinArgs) -> Result<Exit> {
    change(start, &args.name, Some((args.what, args.why.clone())), args.what, args.json)
}

pub(super) fn unpin(start: &Start, args: &UnpinArgs) -> Result<Exit> {
    change(start, &args.name, None, args.what, args.json)
}

fn change(
    start: &Start,
    name: &str,
    pinned: Option<(Target, Option<String>)>,
    what: Target,
    json: bool,
) -> Result<Exit> {
    let config = start.config()?;
    let feed = valid(&Catalog::load(&config.feed_paths())?, name)?;
    let lake = Lake::new(&config.paths.lake);
    if !lake.dataset_dir(&feed)?.is_dir() {
        return Err(Error::new(Kind::Usage, "nothing of the feed was exported yet").at("feed", &feed.name));
    }
    let is_pin = pinned.is_some();
    let word = if is_pin { "pinned" } else { "unpinned" };
    let mut dataset = open(&config, &lake, &feed, if is_pin { "lakehand pin" } else { "lakehand unpin" })?;
    let pin = match pinned {
        Some((target, why)) => dataset.pin(target, why, Utc::now()),
        None => dataset.unpin(what, Utc::now()),
    };
    let pin = pin.map_err(|e| e.at("feed", &feed.name))?;
    let text = if is_pin { pin.sentence() } else { format!("{} is not pinned any more", pin.target()) };
    note(&config, &Record::new(Utc::now(), Level::Info, Some(&feed.name), word).fact("what", &text));
    if json {
        say_json(&json!({
            "event": word, "feed": feed.name, "target": pin.target(), "path": pin.path, "at": pin.at, "name": pin.name,
        }));
    } else {
        say(&format!("{}: {text}", feed.name));
    }
    Ok(Exit::Done)
}

pub(super) fn rollback(start: &Start, args: &RollbackArgs) -> Result<Exit> {
    let config = start.config()?;
    let feed = valid(&Catalog::load(&config.feed_paths())?, &args.name)?;
    let cancel = cancel_on_signal()?;
    let lake = Lake::new(&config.paths.lake);
    let dir = lake.dataset_dir(&feed)?;
    let at = |e: Error| e.at("feed", &feed.name);
    let open = || open(&config, &lake, &feed, "lakehand rollback");
    let done = match args.what {
        Target::Version(_) if feed.kind == FeedKind::Stream => {
            return Err(at(
                Error::new(Kind::Usage, "a stream has days and no versions").next("name a day: 2025-01-15")
            ));
        }
        Target::Version(_) if args.commit.is_some() => {
            return Err(at(Error::new(Kind::Usage, "--commit is for the days of a stream")));
        }
        Target::Version(version) => {
            // Says what is wrong before a lock is taken.
            let preview = rollback_preview(&dir, version, feed.keep_versions).map_err(at)?;
            cancel.check()?;
            if args.dry_run { preview } else { open()?.undo_version(version, Utc::now()).map_err(at)? }
        }
        Target::Day(day) => {
            let set =
                args.commit.as_deref().map(|commit| set_after(&dir, day, commit)).transpose().map_err(at)?;
            let preview = undo_preview(&dir, day, set.as_deref()).map_err(at)?;
            cancel.check()?;
            if args.dry_run {
                preview
            } else {
                open()?.undo_day(day, set.as_deref(), Utc::now()).map_err(at)?
            }
        }
    };
    if !args.dry_run {
        let record = Record::new(Utc::now(), Level::Info, Some(&feed.name), "rolled back")
            .fact("what", done.sentence());
        note(&config, &record);
        catalog::behind(&config, &feed);
    }
    if args.json {
        say_json(&as_json(&feed, &done, args.dry_run));
    } else {
        say(&format!("{}: {}", feed.name, done.sentence()));
        if !args.dry_run && feed.kind == FeedKind::Table {
            say("the next export takes the table as it is then, as a new version");
        }
    }
    Ok(Exit::of_run(cancel.is_cancelled(), &[]))
}

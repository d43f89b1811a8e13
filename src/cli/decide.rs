//! Decisions that only an operator can take: `feeds accept-snapshot`, `accept-retention`, `acknowledge-loss`, `reset`.

use chrono::Utc;
use clap::Args;

use super::catalog;
use super::say;
use super::undo::{note, open};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::feed::Feed;
use crate::headless::Exit;
use crate::lake::{Lake, Reset, read_metadata};
use crate::log::{Level, Record};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("how").required(true))]
pub(super) struct ResetArgs {
    /// The feed
    pub(super) name: String,
    /// Give the dataset another name (NAME_before_TIME), and begin anew at the first offset
    #[arg(long, group = "how")]
    from_start: bool,
    /// Go on in the other log at the offsets where the old one was left
    #[arg(long = "continue", group = "how")]
    go_on: bool,
}

/// The next snapshot is published even if it shrinks.
pub(super) fn accept_snapshot(config: &Config, feed: &Feed) -> Result<Exit> {
    let lake = Lake::new(&config.paths.lake);
    let what = open(config, &lake, feed, "lakehand feeds accept-snapshot")?.accept_snapshot()?;
    say(&format!("{}: accepted: {what}; the next export publishes it", feed.name));
    log(config, feed, "snapshot accepted", &what);
    Ok(Exit::Done)
}

/// What the feed no longer keeps goes into the bin now, whatever its share.
pub(super) fn accept_retention(config: &Config, feed: &Feed, dry_run: bool) -> Result<Exit> {
    let lake = Lake::new(&config.paths.lake);
    let today = Utc::now().date_naive();
    let mut dataset = open(config, &lake, feed, "lakehand feeds accept-retention")?;
    let due = dataset.retain_preview(today)?;
    if due.is_empty() {
        return Err(Error::new(Kind::Usage, format!("on {today} the feed keeps all that is there"))
            .at("feed", &feed.name)
            .next("retention_days in the feed's file says how long days are kept"));
    }
    if dry_run {
        for (path, rows) in due {
            say(&format!("{}: {path} would go into the bin: {rows} rows", feed.name));
        }
        return Ok(Exit::Done);
    }
    for removed in dataset.retain(today)? {
        let what =
            format!("{} went into the bin: {} rows, {} bytes", removed.path, removed.records, removed.bytes);
        say(&format!("{}: {what}", feed.name));
        log(config, feed, "retention accepted", &what);
    }
    catalog::behind(config, feed);
    say("`lakehand feeds undo` takes them back until retention.grace is over");
    Ok(Exit::Done)
}

/// Known losses are no longer told by the exit code; the record stays.
pub(super) fn acknowledge_loss(config: &Config, feed: &Feed) -> Result<Exit> {
    let lake = Lake::new(&config.paths.lake);
    if read_metadata(&lake.dataset_dir(feed)?)?.is_none() {
        return Err(Error::new(Kind::Usage, "nothing of the feed was exported yet").at("feed", &feed.name));
    }
    let losses =
        open(config, &lake, feed, "lakehand feeds acknowledge-loss")?.acknowledge_losses(Utc::now())?;
    for loss in losses {
        let what = loss.sentence();
        say(&format!("{}: acknowledged: {what}", feed.name));
        log(config, feed, "loss acknowledged", &what);
    }
    Ok(Exit::Done)
}

/// Another log is read from now on.
pub(super) fn reset(config: &Config, feed: &Feed, args: &ResetArgs) -> Result<Exit> {
    let lake = Lake::new(&config.paths.lake);
    Reset::check(&lake, feed)?;
    let how = if args.go_on { Reset::Continue } else { Reset::FromStart };
    let what = how.perform(open(config, &lake, feed, "lakehand feeds reset")?, Utc::now())?;
    say(&format!("{}: {what}", feed.name));
    log(config, feed, "feed reset", &what);
    Ok(Exit::Done)
}

pub(super) fn log(config: &Config, feed: &Feed, message: &str, what: &str) {
    note(config, &Record::new(Utc::now(), Level::Warn, Some(&feed.name), message).fact("what", what));
}

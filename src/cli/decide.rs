//! Decisions that only an operator can take: `feeds accept-snapshot`, `accept-retention`, `acknowledge-loss`.

use chrono::Utc;

use super::say;
use super::undo::{note, open};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::feed::Feed;
use crate::headless::Exit;
use crate::lake::{Lake, read_metadata};
use crate::log::{Level, Record};

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

fn log(config: &Config, feed: &Feed, message: &str, what: &str) {
    note(config, &Record::new(Utc::now(), Level::Warn, Some(&feed.name), message).fact("what", what));
}

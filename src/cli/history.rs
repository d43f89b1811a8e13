//! `history` and `diff`: what became of a dataset, and what differs between two of its states. No lock is taken.

use clap::Args;
use serde_json::{Value, json};

use super::choose::valid;
use super::{Start, say, say_json};
use crate::error::{Error, Kind, Result};
use crate::feed::{Catalog, Feed, FeedKind};
use crate::headless::{Exit, cancel_on_signal};
use crate::lake::{
    Asked, Bundle, CommitEntry, CommitsDiff, Lake, RowChange, Target, VersionsDiff, diff_commits,
    diff_versions, history,
};

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// The feed
    name: String,
    /// So many commits, the newest first; 0: all of them
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// One JSON object a commit
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// The feed
    name: String,
    /// A version of a table (v3), or a commit of a stream by number or id, as `history` names them
    from: String,
    /// The version or commit that it is compared with
    to: String,
    /// A column of a table's key, where the lake does not know it; may be given several times
    #[arg(long, value_name = "COLUMN")]
    key: Vec<String>,
    /// So many rows of a table that differ are shown with their values
    #[arg(long, value_name = "N", default_value_t = 20)]
    rows: usize,
    /// Show the values of a restricted feed's rows
    #[arg(long)]
    show_values: bool,
    /// JSON objects
    #[arg(long)]
    json: bool,
}

fn feed(start: &Start, name: &str) -> Result<(crate::config::Config, Feed)> {
    let config = start.config()?;
    let feed = valid(&Catalog::load(&config.feed_paths())?, name)?;
    Ok((config, feed))
}

pub(super) fn run(start: &Start, args: &HistoryArgs) -> Result<Exit> {
    let (config, feed) = feed(start, &args.name)?;
    let dir = Lake::new(&config.paths.lake).dataset_dir(&feed)?;
    let found =
        history(&dir, (args.limit > 0).then_some(args.limit)).map_err(|e| e.at("feed", &feed.name))?;
    if args.json {
        for commit in &found.commits {
            say_json(&as_json(&feed, commit, found.current_version));
        }
        let pins: Vec<Value> = found
            .pins
            .iter()
            .map(|pin| json!({ "target": pin.target(), "path": pin.path, "at": pin.at, "name": pin.name }))
            .collect();
        say_json(&json!({
            "event": "history", "feed": feed.name, "commits": found.commits.len(), "older": found.older, "pins": pins,
            "current_version": found.current_version, "lacks": found.lacks,
        }));
        return Ok(Exit::Done);
    }
    say(&format!("{:<8} {:<20}  {:<10} {:>22} {:>13}  STATE", "COMMIT", "TIME", "WHAT", "ROWS", "FILES"));
    for commit in &found.commits {
        say(&line(commit, found.current_version));
    }
    for pin in &found.pins {
        say(&pin.sentence());
    }
    if found.older > 0 {
        say(&format!("{} older commits; --limit 0 shows all", found.older));
    }
    if let Some(lacks) = &found.lacks {
        say(&format!("the list is not whole: {lacks}"));
    }
    Ok(Exit::Done)
}

fn line(commit: &CommitEntry, current: Option<u32>) -> String {
    let at = commit.at.format("%Y-%m-%d %H:%M:%SZ");
    let line = format!(
        "{:<8} {at:<20}  {:<10} {:>22} {:>13}  {}",
        commit.number(),
        commit.kind.name(),
        commit.rows_text(),
        commit.files_text(),
        commit.state(current)
    );
    line.trim_end().to_owned()
}

fn as_json(feed: &Feed, commit: &CommitEntry, current: Option<u32>) -> Value {
    json!({
        "event": "commit",
        "feed": feed.name,
        "id": commit.id,
        "seq": commit.seq,
        "at": commit.at,
        "kind": commit.kind.name(),
        "added": bundle(&commit.added),
        "removed": bundle(&commit.removed),
        "version": commit.version,
        "current": commit.version.is_some() && commit.version == current,
        "partitions": commit.partitions,
        "held": { "state": commit.held.name(), "data": commit.held.data, "bin": commit.held.bin, "log": commit.held.log },
        "in_bin": commit.in_bin,
        "delta": commit.log.map(|log| json!({ "version": log.version, "readable": log.is_readable })),
        "pinned": commit.pins,
    })
}

fn bundle(bundle: &Bundle) -> Value {
    json!({ "files": bundle.files, "rows": bundle.rows, "bytes": bundle.bytes })
}

pub(super) fn diff(start: &Start, args: &DiffArgs) -> Result<Exit> {
    let (config, feed) = feed(start, &args.name)?;
    let dir = Lake::new(&config.paths.lake).dataset_dir(&feed)?;
    if feed.kind == FeedKind::Stream {
        let found = diff_commits(&dir, &args.from, &args.to).map_err(|e| e.at("feed", &feed.name))?;
        show_commits(&feed, &found, args.json);
        return Ok(Exit::Done);
    }
    let version = |text: &str| match text.parse()? {
        Target::Version(version) => Ok(version),
        Target::Day(_) => {
            Err(Error::new(Kind::Usage, "a table has versions and no days").next("name a version: v3"))
        }
    };
    let cancel = cancel_on_signal()?;
    let asked = Asked {
        key: args.key.clone(),
        rows: args.rows,
        memory_bytes: config.export.memory_bytes as u64,
        cancel,
    };
    let found = diff_versions(&dir, version(&args.from)?, version(&args.to)?, &asked)
        .map_err(|e| e.at("feed", &feed.name))?;
    show_versions(&feed, &found, args);
    Ok(Exit::Done)
}

fn show_commits(feed: &Feed, found: &CommitsDiff, json: bool) {
    if json {
        for partition in &found.partitions {
            say_json(&json!({
                "event": "partition", "feed": feed.name, "partition": partition.partition,
                "added": bundle(&partition.added), "removed": bundle(&partition.removed),
                "offsets_added": partition.offsets_added, "offsets_removed": partition.offsets_removed,
            }));
        }
        return say_json(&json!({
            "event": "diff", "feed": feed.name, "from": found.from, "to": found.to, "partitions": found.partitions.len(),
        }));
    }
    say(&format!("{}: from commit {} to {}", feed.name, found.from, found.to));
    found.lines().iter().for_each(|line| say(line));
}

fn show_versions(feed: &Feed, found: &VersionsDiff, args: &DiffArgs) {
    let may_show = feed.visibility.shows_values() || args.show_values;
    if args.json {
        for change in &found.changes {
            say_json(&change_json(feed, change, &found.key, may_show));
        }
        return say_json(&json!({
            "event": "diff", "feed": feed.name, "from": args.from, "to": args.to, "key": found.key, "rows": found.rows,
            "added": found.added, "removed": found.removed, "changed": found.changed, "same": found.same,
            "doubled_keys": found.doubled, "columns": found.columns, "shown": found.changes.len(), "passes": found.passes,
            "values_shown": may_show,
        }));
    }
    say(&format!("{}: {} to {}", feed.name, args.from, args.to));
    found.lines(may_show).iter().for_each(|line| say(line));
    let all = found.added + found.removed + found.changed;
    if all > found.changes.len() as u64 {
        say("--rows N shows more");
    }
    if !may_show && all > 0 {
        say("the feed is restricted: --show-values shows what the rows hold");
    }
}

fn change_json(feed: &Feed, change: &RowChange, key: &[String], may_show: bool) -> Value {
    let shown = |value: &Option<String>| if may_show { json!(value) } else { Value::Null };
    let keys: serde_json::Map<String, Value> =
        key.iter().cloned().zip(change.key.iter().map(shown)).collect();
    let values: Vec<Value> = change
        .values
        .iter()
        .map(|value| json!({ "column": value.column, "old": shown(&value.old), "new": shown(&value.new) }))
        .collect();
    json!({ "event": "row", "feed": feed.name, "change": change.kind.name(), "key": keys, "values": values })
}

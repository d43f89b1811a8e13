//! `feeds list`: each feed with what the lake holds of it.

use serde_json::json;

use super::presence::{lake_is_there, no_lake};
use super::{say, say_error, say_json};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::feed::{Catalog, Entry, FeedPaths, Place};
use crate::headless::Exit;
use crate::lake::{Lake, Metadata, read_metadata};
use crate::log::months;

/// What the lake holds of a feed.
pub(super) enum Held {
    /// The dataset's metadata.
    Metadata(Box<Metadata>),
    /// Nothing, or the feed is invalid and names no dataset.
    Nothing,
    /// That could not be read: neither nothing nor damaged.
    Unread(Error),
}

impl Held {
    /// Looks at the dataset of a feed.
    pub(super) fn of(lake: &Lake, entry: &Entry) -> Self {
        let Some(feed) = entry.feed() else { return Self::Nothing };
        match lake.dataset_dir(feed).and_then(|dir| read_metadata(&dir)) {
            Ok(Some(metadata)) => Self::Metadata(Box::new(metadata)),
            Ok(None) => Self::Nothing,
            Err(error) => Self::Unread(error),
        }
    }

    pub(super) fn metadata(&self) -> Option<&Metadata> {
        if let Self::Metadata(metadata) = self { Some(metadata) } else { None }
    }

    pub(super) fn error(&self) -> Option<&Error> {
        if let Self::Unread(error) = self { Some(error) } else { None }
    }

    /// What the exit code is to say of it.
    pub(super) fn failure(&self) -> Option<Kind> {
        self.error().map(Error::kind)
    }
}

/// In one word, what a feed is.
pub(super) fn state(entry: &Entry) -> &'static str {
    match (entry.feed(), entry.place) {
        (None, _) => "invalid",
        (_, Place::Archived) => "archived",
        (Some(feed), _) if feed.enabled => "active",
        _ => "disabled",
    }
}

/// Says each feed with what the lake holds of it. A dataset that cannot be read hides neither the feed nor itself.
pub(super) fn list(config: &Config, paths: &FeedPaths, json: bool) -> Result<Exit> {
    let catalog = Catalog::load(paths)?;
    let lake = Lake::new(&config.paths.lake);
    let lake_is_there = lake_is_there(config)?;
    if catalog.entries.is_empty() && !lake_is_there {
        return Err(Error::new(Kind::Config, "there is neither a feed nor a lake")
            .at("feeds", paths.active.display())
            .at("lake", config.paths.lake.display())
            .next("-C names the folder of the project; `lakehand feeds add` makes the first feed"));
    }
    if !json {
        say(&format!(
            "{:<32} {:<8} {:<6} {:<32} {:>12} {:>10}  last export",
            "FEED", "STATE", "KIND", "SOURCE", "ROWS", "MiB"
        ));
    }
    let mut failures = Vec::new();
    for entry in &catalog.entries {
        let held = Held::of(&lake, entry);
        failures.extend(held.failure());
        if json {
            let mut object = listed_json(entry, &held);
            object["lake"] = json!(lake_is_there);
            say_json(&object);
        } else {
            let last = match &held {
                Held::Metadata(metadata) => {
                    metadata.last_export.map(|t| t.format("%Y-%m-%d %H:%M:%SZ").to_string())
                }
                Held::Unread(error) => Some(format!("unreadable: {error}")),
                Held::Nothing => (!lake_is_there).then(|| "no lake".to_owned()),
            };
            say(&listed(entry, &held, last.as_deref().unwrap_or("never")));
        }
    }
    if !lake_is_there {
        // The list of feeds is whole without one; that a lake stood here once is told by a log that it does not hold.
        let error = no_lake(config);
        if !months(&config.paths.logs)?.is_empty() {
            return Err(error);
        }
        say_error(&format!("nothing was exported here yet: {error}"));
    }
    Ok(Exit::of_run(false, &failures))
}

fn listed(entry: &Entry, held: &Held, last: &str) -> String {
    let (kind, source) = entry.feed().map_or(("-", "-"), |f| (f.kind.keyword(), f.source.as_str()));
    let (rows, size) = match held {
        Held::Metadata(m) => (m.total_records.to_string(), format!("{:.2}", m.total_size_mb)),
        Held::Unread(_) => ("?".to_owned(), "?".to_owned()),
        Held::Nothing => ("-".to_owned(), "-".to_owned()),
    };
    let mut line = format!(
        "{:<32} {:<8} {kind:<6} {source:<32} {rows:>12} {size:>10}  {last}",
        entry.name,
        state(entry)
    );
    if let Some(failure) = held.metadata().and_then(|m| m.last_failure.as_ref()) {
        line += &format!("  failed: {}", failure.what);
    }
    if let Some(problem) = entry.problems().first() {
        line += &format!("  {problem}");
    }
    line
}

/// A feed as an object; `error` says why what the lake holds of it is not known.
pub(super) fn listed_json(entry: &Entry, held: &Held) -> serde_json::Value {
    let metadata = held.metadata();
    json!({
        "feed": entry.name,
        "state": state(entry),
        "file": entry.path,
        "kind": entry.feed().map(|f| f.kind.keyword()),
        "source": entry.feed().map(|f| &f.source),
        "records": metadata.map(|m| m.total_records),
        "bytes": metadata.map(|m| m.total_bytes),
        "last_export": metadata.and_then(|m| m.last_export),
        "complete_through": metadata.and_then(|m| m.complete_through),
        "lost": metadata.map(Metadata::open_lost_records),
        "pending": metadata.and_then(|m| m.pending_decision.as_ref()).map(|decision| &decision.what),
        "last_failure": metadata.and_then(|m| m.last_failure.as_ref()),
        "error": held.error().map(ToString::to_string),
        "problems": entry.problems().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

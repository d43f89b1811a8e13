//! Which feeds a command means.

use std::collections::BTreeMap;

use super::export::ExportArgs;
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::feed::{Catalog, Entry, EntryState, ExportMode, Feed, FeedKind, Place, nearest};

/// The feeds that were asked for.
pub(super) struct Chosen {
    /// To be exported, by name.
    pub feeds: Vec<Feed>,
    /// Active feeds whose file is invalid, left out of `--all`.
    pub invalid: Vec<String>,
}

/// Finds the feeds that the arguments name.
pub(super) fn choose(config: &Config, args: &ExportArgs) -> Result<Chosen> {
    let paths = config.feed_paths();
    let catalog = Catalog::load(&paths)?;
    let mut chosen = BTreeMap::new();
    let mut invalid = Vec::new();
    if args.all {
        for entry in catalog.entries.iter().filter(|e| e.place == Place::Active) {
            match &entry.state {
                EntryState::Valid(feed) if feed.enabled => {
                    // A run over all feeds ends; whoever wants to stay on one stream names it, or runs `watch`.
                    let feed = Feed { mode: ExportMode::Batch, ..Feed::clone(feed) };
                    chosen.insert(feed.name.clone(), feed);
                }
                EntryState::Valid(_) => {}
                EntryState::Invalid(_) => invalid.push(entry.name.clone()),
            }
        }
        if chosen.is_empty() && invalid.is_empty() {
            return Err(Error::new(Kind::Usage, "there is no enabled feed")
                .at("folder", paths.active.display())
                .next("add one with `lakehand feeds add`"));
        }
    }
    for (names, kind) in
        [(&args.stream, Some(FeedKind::Stream)), (&args.table, Some(FeedKind::Table)), (&args.feed, None)]
    {
        for name in names {
            let feed = find(&catalog, name, kind)?;
            chosen.insert(feed.name.clone(), feed);
        }
    }
    Ok(Chosen { feeds: chosen.into_values().collect(), invalid })
}

fn find(catalog: &Catalog, name: &str, kind: Option<FeedKind>) -> Result<Feed> {
    let mut entries = catalog.entries.iter().filter(|entry| {
        let by_source = |feed: &Feed| {
            kind == Some(feed.kind) && feed.source.eq_ignore_ascii_case(name) && entry.place == Place::Active
        };
        entry.name == name && entry.feed().is_none_or(|f| kind.is_none_or(|k| k == f.kind))
            || entry.feed().is_some_and(by_source)
    });
    let Some(entry) = entries.next() else {
        return Err(unknown(catalog, name));
    };
    let refuse =
        |why: &str, next: String| Err(Error::new(Kind::Usage, format!("feed {name} {why}")).next(next));
    match entry.feed() {
        None => refuse("is invalid", format!("`lakehand feeds validate {name}` says why")),
        Some(_) if entry.place == Place::Archived => {
            refuse("is archived", format!("`lakehand feeds restore {name}` makes it active"))
        }
        Some(feed) if !feed.enabled => {
            refuse("is disabled", format!("`lakehand feeds enable {name}` enables it"))
        }
        Some(feed) => Ok(feed.clone()),
    }
}

/// The entry of this name, whatever its state.
pub(super) fn entry<'a>(catalog: &'a Catalog, name: &str) -> Result<&'a Entry> {
    catalog.entries.iter().find(|e| e.name == name).ok_or_else(|| unknown(catalog, name))
}

/// The valid feed of this name, enabled or not, active or archived.
pub(super) fn valid(catalog: &Catalog, name: &str) -> Result<Feed> {
    entry(catalog, name)?.feed().cloned().ok_or_else(|| {
        Error::new(Kind::Feed, format!("feed {name} is invalid"))
            .next(format!("`lakehand feeds validate {name}` says why"))
    })
}

/// No feed has this name.
fn unknown(catalog: &Catalog, name: &str) -> Error {
    let error = Error::new(Kind::Usage, format!("there is no feed {name}"));
    match nearest(name, catalog.entries.iter().map(|e| e.name.as_str())) {
        Some(nearest) => error.next(format!("did you mean {nearest}?")),
        None => error.next("`lakehand feeds list` shows all feeds"),
    }
}

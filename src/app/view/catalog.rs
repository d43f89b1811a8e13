//! What the catalogues show of a feed: a cell of the table of feeds, and lines of its detail.

use super::text::{ago, escaped, instant, one_line};
use super::{Cell, Tone};
use crate::app::App;
use crate::export::publish::CatalogState;
use crate::feed::Feed;

/// Whether a feed names a catalogue, so that there is something to show.
pub(crate) fn is_shown(app: &App) -> bool {
    app.feeds.entries().iter().filter_map(|entry| entry.feed()).any(|feed| !feed.catalog.is_empty())
}

/// The states of the catalogues that the feed names. One that nothing was published to is among them.
fn states<'a>(app: &'a App, key: &str, feed: &'a Feed) -> impl Iterator<Item = CatalogState> + 'a {
    let known = app.catalogs.get(key);
    feed.catalog.iter().map(move |name| {
        let state = known.and_then(|states| states.iter().find(|state| state.name == *name));
        state.cloned().unwrap_or(CatalogState { name: *name, commit_seq: None, at: None, failed: None })
    })
}

/// Commits that the catalogue does not show yet.
fn behind(app: &App, key: &str, state: &CatalogState) -> u64 {
    let held = app.metadata(key).map_or(0, |metadata| metadata.commit_seq);
    held.saturating_sub(state.commit_seq.unwrap_or(0))
}

/// How far behind the worst of a feed's catalogues is: the more pressing, the higher.
pub(crate) fn rank(app: &App, key: &str) -> Option<(bool, u64)> {
    let feed = app.feeds.feed(key)?;
    states(app, key, feed).map(|state| (state.failed.is_some(), behind(app, key, &state))).max()
}

/// In a column: the worst of the catalogues.
pub(crate) fn cell(app: &App, key: &str) -> Cell {
    match rank(app, key) {
        Some(_) if app.metadata(key).is_none() => Cell::toned("-", Tone::Dim),
        None => Cell::toned("-", Tone::Dim),
        Some((true, _)) => Cell::toned("failed", Tone::Bad),
        Some((false, 0)) => Cell::toned("published", Tone::Good),
        Some((false, behind)) => Cell::toned(format!("{behind} behind"), Tone::Warn),
    }
}

/// In the detail: each catalogue, and why it failed.
pub(crate) fn lines(app: &App, key: &str) -> Vec<(String, String, Tone)> {
    let Some(feed) = app.feeds.feed(key) else { return Vec::new() };
    let mut lines = Vec::new();
    for state in states(app, key, feed) {
        let behind = behind(app, key, &state);
        let (text, tone) = match (state.at, behind) {
            (None, 0) => ("nothing to publish yet".to_owned(), Tone::Dim),
            (None, _) => ("nothing was published yet".to_owned(), Tone::Warn),
            (Some(at), 0) => {
                (format!("shows all commits, {}, {}", instant(at), ago(at, app.now)), Tone::Plain)
            }
            (Some(at), behind) => (
                format!("{behind} commits behind; shows that of {}, {}", instant(at), ago(at, app.now)),
                Tone::Warn,
            ),
        };
        lines.push((state.name.keyword().to_owned(), text, tone));
        if let Some(failed) = &state.failed {
            let text = format!("{}: {}", instant(failed.at), escaped(&one_line(&failed.what)));
            lines.push(("failed".to_owned(), text, Tone::Bad));
        }
    }
    lines
}

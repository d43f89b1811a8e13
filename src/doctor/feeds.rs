//! The feeds: invalid ones, and streams whose end nobody tells.

use super::{Line, Lines};
use crate::config::Config;
use crate::error::Result;
use crate::export::plan::find_source;
use crate::feed::{Catalog, Feed, FeedKind, Place, ReadMode};
use crate::ksql::client::Client;

pub(super) async fn look(config: &Config, client: Option<&Client>, lines: &mut Lines<'_>) {
    let catalog = match Catalog::load(&config.feed_paths()) {
        Ok(catalog) => catalog,
        Err(error) => return lines.push(Line::of("feeds", &error)),
    };
    let active = || catalog.entries.iter().filter(|entry| entry.place == Place::Active);
    let feeds: Vec<&Feed> = active().filter_map(|entry| entry.feed()).filter(|feed| feed.enabled).collect();
    lines.push(if feeds.is_empty() {
        Line::warn("feeds", "there is no enabled feed", "add one with `lakehand feeds add`")
    } else {
        Line::ok("feeds", format!("{} feeds are enabled", feeds.len()))
    });
    for entry in catalog.entries.iter().filter(|entry| entry.feed().is_none()) {
        let number = entry.problems().len();
        let what = format!("feed {} is invalid: {number} problems", entry.name);
        lines.push(Line::fail("feeds", what, format!("`lakehand feeds validate {}` says each", entry.name)));
    }
    let Some(client) = client else { return };
    for (at, feed) in feeds.iter().enumerate() {
        let what = format!("the source of feed {}", feed.name);
        match lines.ask("feeds", &what, source(client, feed)).await {
            Ok(line) => lines.extend(line),
            Err(error) => {
                if lines.fails("feeds", error, &feed.name, feeds.len() - at - 1) {
                    return;
                }
            }
        }
    }
}

/// What is wrong with the source of a feed; `None` when nothing is.
async fn source(client: &Client, feed: &Feed) -> Result<Option<Line>> {
    let source = find_source(client, feed).await?;
    if feed.kind == FeedKind::Table || matches!(feed.read, ReadMode::Idle | ReadMode::Kafka) {
        return Ok(None);
    }
    if client.end_offsets(&source).await?.is_some() {
        return Ok(None);
    }
    let what = format!(
        "feed {}: no query reads {}, so the server cannot tell where its log ends",
        feed.name, source.name
    );
    let next = format!(
        "`lakehand feeds prepare {}` makes a helper; without it, caught up means a quiet time",
        feed.name
    );
    Ok(Some(Line::warn("feeds", what, next)))
}

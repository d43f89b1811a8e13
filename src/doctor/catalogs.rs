//! The catalogues: each answers and lets us in; and feeds that name one that is not configured.

use super::{Line, Lines};
use crate::config::Config;
use crate::error::Result;
use crate::export::publish::{Registered, reach};
use crate::feed::{Catalog, Place};

const TOPIC: &str = "catalog";

/// Adds what is found.
pub(super) async fn look(config: &Config, catalogs: Result<Vec<Registered>>, lines: &mut Lines<'_>) {
    let catalogs = match catalogs {
        Ok(catalogs) => catalogs,
        Err(error) => return lines.push(Line::of(TOPIC, &error)),
    };
    // A folder that cannot be read is told among the feeds.
    let listed = Catalog::load(&config.feed_paths()).unwrap_or_default();
    let active = listed.entries.iter().filter(|entry| entry.place == Place::Active);
    for feed in active.filter_map(|entry| entry.feed()) {
        for name in &feed.catalog {
            if !catalogs.iter().any(|registered| registered.name == *name) {
                let what =
                    format!("feed {} is to be published to {name}, which is not configured", feed.name);
                lines.push(Line::warn(TOPIC, what, format!("set catalog.{name} in lakehand.toml")));
            }
        }
    }
    for registered in catalogs {
        let name = registered.name;
        let line = match lines.ask(TOPIC, &format!("the catalogue {name}"), reach(registered)).await {
            Ok(what) => Line::ok(TOPIC, format!("{name}: {what}")),
            Err(error) => Line::of(TOPIC, &error),
        };
        lines.push(line);
    }
}

//! The start of the watch over the feeds: what the lake has of each of them decides what is exported at once. Blocking.

use std::time::Instant;

use chrono::Utc;

use super::work::{Reply, Teller};
use crate::app::Message;
use crate::config::WatchConfig;
use crate::feed::{Catalog, Feed, FeedPaths};
use crate::lake::{Lake, read_metadata};
use crate::watch::{Now, Step, WatchState};

/// The watch, and what it wants first.
pub(super) struct Started {
    pub(super) watch_state: WatchState,
    pub(super) step: Step,
}

/// This instant on both clocks.
pub(super) fn now() -> Now {
    Now { wall: Utc::now(), steady: Instant::now() }
}

/// Loads the feeds, shows them, then asks the lake about each.
pub(super) fn start(paths: &FeedPaths, config: &WatchConfig, lake: &Lake, teller: &Teller) {
    let catalog = match Catalog::load(paths) {
        Ok(catalog) => catalog,
        Err(error) => {
            // The watch begins with no feeds and finds them when the folder can be read again.
            teller.say(Message::Failed(error));
            Catalog::default()
        }
    };
    // Not as a mere message: what the screen asks of these feeds next is looked up in the loop's own list.
    teller.say(Reply::Catalog(Ok(catalog.clone())));
    // What cannot be read counts as nothing: the export says what is wrong.
    let has_data = |feed: &Feed| {
        let metadata = lake.dataset_dir(feed).and_then(|dir| read_metadata(&dir));
        metadata.ok().flatten().is_some_and(|metadata| !metadata.partitions.is_empty())
    };
    let (watch_state, step) = WatchState::start(paths, config, catalog, has_data, now());
    teller.say(Reply::Watching(Box::new(Started { watch_state, step })));
}

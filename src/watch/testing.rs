//! Feeds and catalogues for the tests of this module.

use std::path::Path;

use crate::feed::{Catalog, Entry, EntryState, Feed, Place, parse_feed};

/// The text of a stream feed; `fields` is the inside of its JSON object after name, type and source.
pub(super) fn text(name: &str, fields: &str) -> String {
    let comma = if fields.is_empty() { "" } else { ", " };
    format!(r#"{{"feed_name": "{name}", "feed_type": "stream", "ksqldb_source": "S_{name}"{comma}{fields}}}"#)
}

pub(super) fn feed(name: &str, fields: &str) -> Feed {
    parse_feed(&text(name, fields), name).unwrap()
}

pub(super) fn entry(name: &str, fields: &str, place: Place) -> Entry {
    let folder = if place == Place::Active { "/feeds/active" } else { "/feeds/archived" };
    let state = match parse_feed(&text(name, fields), name) {
        Ok(feed) => EntryState::Valid(Box::new(feed)),
        Err(problems) => EntryState::Invalid(problems),
    };
    Entry {
        name: name.into(),
        place,
        path: Path::new(folder).join(format!("{name}.json")),
        modified: None,
        state,
    }
}

/// Active feeds, by name and fields.
pub(super) fn catalog(files: &[(&str, &str)]) -> Catalog {
    Catalog { entries: files.iter().map(|(name, fields)| entry(name, fields, Place::Active)).collect() }
}

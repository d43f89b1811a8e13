//! Feed files as people write them: every problem at once, the folders as they may be, edits that can be trusted.

mod assets;
mod catalog;
mod edit;
mod parse;

use std::fs;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use lakehand::feed::{Catalog, Feed, FeedPaths, Place, parse_feed};
use serde_json::json;

fn now() -> DateTime<Utc> {
    "2025-01-15T10:00:00Z".parse().unwrap()
}

/// The smallest feed of a kind, with these members beside.
fn feed_text(kind: &str, more: &str) -> String {
    format!("{{\"feed_name\": \"f\", \"feed_type\": \"{kind}\", \"ksqldb_source\": \"s\"{more}}}")
}

#[track_caller]
fn parse(kind: &str, more: &str) -> Feed {
    parse_feed(&feed_text(kind, more), "f").unwrap_or_else(|problems| panic!("{more}: {problems:?}"))
}

fn folders() -> (tempfile::TempDir, FeedPaths) {
    let dir = tempfile::tempdir().unwrap();
    let paths = FeedPaths::below(dir.path());
    fs::create_dir_all(&paths.active).unwrap();
    fs::create_dir_all(&paths.archived).unwrap();
    (dir, paths)
}

fn write(paths: &FeedPaths, place: Place, name: &str, source: &str) -> PathBuf {
    let path = paths.file(place, name);
    let text = json!({"feed_name": name, "feed_type": "stream", "ksqldb_source": source});
    fs::write(&path, text.to_string()).unwrap();
    path
}

/// Name, place and first problem of each entry.
fn listing(paths: &FeedPaths) -> Vec<(String, Place, Option<String>)> {
    let entries = Catalog::load(paths).unwrap().entries;
    entries
        .iter()
        .map(|entry| (entry.name.clone(), entry.place, entry.problems().first().map(ToString::to_string)))
        .collect()
}

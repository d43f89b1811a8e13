//! A new feed: a complete file with the contract's defaults written out, so that it can be edited without the manual.

use std::fmt::Write as _;
use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::catalog::{Catalog, FeedPaths, Place};
use super::disk::create_new;
use super::edit::same_dataset;
use super::parse::parse_feed;
use super::problem::lines;
use super::spec::{FeedKind, TableFormat};
use crate::{Error, Kind, Result};

/// What somebody must say to have a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFeed {
    /// The feed's name, which becomes the file's.
    pub name: String,
    /// Stream or table.
    pub kind: FeedKind,
    /// The source in ksqlDB.
    pub source: String,
    /// Free text, may be empty.
    pub description: String,
    /// Its table formats; `None`: what the configuration says.
    pub table_format: Option<Vec<TableFormat>>,
}

impl NewFeed {
    /// The text of the file; `now` becomes `created_at`, to the second.
    pub fn render(&self, now: DateTime<Utc>) -> String {
        let stream = self.kind == FeedKind::Stream;
        let text = |text: &str| Value::from(text).to_string();
        let mut members = vec![
            ("feed_name", text(&self.name)),
            ("feed_type", text(self.kind.keyword())),
            ("ksqldb_source", text(&self.source)),
            ("description", text(&self.description)),
        ];
        if stream {
            let date = r#"{"type": "date", "columns": ["year", "month", "day"], "timestamp_column": null, "timezone": "UTC"}"#;
            members.push(("partitioning", date.to_owned()));
            members.push(("storage_mode", text("append")));
        } else {
            members.push(("partitioning", r#"{"type": "version"}"#.to_owned()));
            members.push(("storage_mode", text("overwrite")));
        }
        members.extend([("format", text("parquet")), ("compression", text("zstd"))]);
        if stream {
            members.extend([
                ("retention_days", "null".to_owned()),
                ("visibility", text("restricted")),
                ("read", text("auto")),
                ("mode", text("batch")),
            ]);
        } else {
            members.extend([("keep_versions", "1".to_owned()), ("visibility", text("shared"))]);
        }
        members.extend([
            ("schedule", "null".to_owned()),
            ("rename", "{}".to_owned()),
            ("exclude_columns", "[]".to_owned()),
        ]);
        if stream {
            members.push(("row_metadata", "true".to_owned()));
        }
        if let Some(formats) = &self.table_format {
            let words: Vec<&str> = formats.iter().map(|format| format.keyword()).collect();
            members.push(("table_format", Value::from(words).to_string()));
        }
        members.push(("enabled", "true".to_owned()));
        members.push(("created_at", text(&now.to_rfc3339_opts(SecondsFormat::Secs, true))));

        let mut file = String::from("{");
        for (at, (name, value)) in members.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(file, "{}\n  \"{name}\": {value}", if at == 0 { "" } else { "," });
        }
        file.push_str("\n}\n");
        file
    }
}

/// Writes a new active feed and gives its path.
///
/// # Errors
/// When a name or source cannot be used, when a feed of this name is active or archived, and when an active feed exports
/// the same dataset.
pub fn add(paths: &FeedPaths, new: &NewFeed, now: DateTime<Utc>) -> Result<PathBuf> {
    let text = new.render(now);
    let feed = parse_feed(&text, &new.name).map_err(|problems| {
        // The file is not written yet: its lines and columns say nothing to who gave the values.
        let said: Vec<_> = problems.into_iter().map(|p| super::Problem { line: 0, column: 0, ..p }).collect();
        Error::new(Kind::Usage, format!("such a feed cannot be: {}", lines(&said)))
    })?;
    let catalog = Catalog::load(paths)?;
    for place in [Place::Active, Place::Archived] {
        let path = paths.file(place, &new.name);
        if path.symlink_metadata().is_ok() {
            return Err(Error::new(Kind::Feed, "there is a feed of this name already")
                .at("path", path.display())
                .next("choose another name"));
        }
    }
    if let Some(other) = catalog.by_dataset(feed.kind, &feed.dataset()) {
        return Err(same_dataset(&feed.source, &other.name));
    }
    std::fs::create_dir_all(&paths.active)
        .map_err(|e| Error::io("make the folder of feeds", &paths.active, e))?;
    let path = paths.file(Place::Active, &new.name);
    create_new(&path, &text)?;
    Ok(path)
}

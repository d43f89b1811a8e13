//! `feeds show`: one feed whole.

use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::choose::entry;
use super::list::{Held, listed_json, state};
use super::{say, say_json};
use crate::config::Config;
use crate::error::Result;
use crate::feed::{Catalog, Feed, FeedKind, FeedPaths, FileLayout};
use crate::headless::Exit;
use crate::lake::{ColumnInfo, Lake, Metadata, ReplacedSet, column_facts, layout_hint, replaced};

/// Says all that is known of a feed. Metadata that cannot be read is told in its place, and by the exit code.
pub(super) fn show(config: &Config, paths: &FeedPaths, name: &str, json: bool) -> Result<Exit> {
    let catalog = Catalog::load(paths)?;
    let entry = entry(&catalog, name)?;
    let lake = Lake::new(&config.paths.lake);
    let held = Held::of(&lake, entry);
    let exit = Exit::of_run(false, &Vec::from_iter(held.failure()));
    if json {
        let mut object = listed_json(entry, &held);
        object["metadata"] = json!(held.metadata());
        say_json(&object);
        return Ok(exit);
    }
    say(&format!("{name}: {}, {}", state(entry), entry.path.display()));
    for problem in entry.problems() {
        say(&format!("  {problem}"));
    }
    if let Some(feed) = entry.feed() {
        say(&format!("  {} {}, {}", feed.kind.keyword(), feed.source, feed.storage_mode.keyword()));
        say(&format!("  dataset {}", lake.dataset_dir(feed)?.display()));
        say(&format!("  {}", feed.way_in_words()));
    }
    match (&held, entry.feed()) {
        (Held::Metadata(metadata), Some(feed)) => {
            show_metadata(metadata);
            show_layout(feed, &lake.dataset_dir(feed)?)?;
            show_bin(config, metadata, &replaced(&lake.dataset_dir(feed)?)?);
        }
        (Held::Unread(error), _) => say(&format!("  unreadable: {error}")),
        _ => {}
    }
    Ok(exit)
}

/// How compaction lays files out, and which columns would profit from an order or a Bloom filter.
fn show_layout(feed: &Feed, dataset: &Path) -> Result<()> {
    if feed.kind != FeedKind::Stream {
        return Ok(());
    }
    let FileLayout { sort_by, bloom_filters, bloom_fpp } = &feed.layout;
    if !sort_by.is_empty() {
        say(&format!("  compaction sorts by {}", sort_by.join(", ")));
    }
    if !bloom_filters.is_empty() {
        say(&format!("  compaction makes Bloom filters of {} ({bloom_fpp})", bloom_filters.join(", ")));
    }
    let mut hint = layout_hint(&column_facts(dataset)?);
    hint.bloom_filters.retain(|column| !bloom_filters.contains(column));
    if !sort_by.is_empty() {
        hint.sort_by.clear();
    }
    for sentence in hint.sentences() {
        say(&format!("  {sentence}"));
    }
    Ok(())
}

/// What retention has put into the bin, and when it is deleted.
fn show_bin(config: &Config, metadata: &Metadata, sets: &[ReplacedSet]) {
    let grace = chrono::TimeDelta::from_std(config.retention.grace).unwrap_or(chrono::TimeDelta::MAX);
    for set in sets.iter().filter(|set| set.is_retained()) {
        let until = set.at.and_then(|at| at.checked_add_signed(grace));
        let until = match until {
            _ if metadata.is_pinned(&set.partition) => ", kept by a pin".to_owned(),
            Some(until) => format!(", deleted after {}", until.format("%Y-%m-%d %H:%M:%SZ")),
            None => String::new(),
        };
        say(&format!(
            "  in the bin: {}, {} rows in {} files{until}; `lakehand feeds undo` takes it back",
            set.partition, set.rows, set.files
        ));
    }
}

fn show_metadata(m: &Metadata) {
    say(&format!(
        "  {} rows, {:.2} MiB in {} files, {} partitions, schema {}",
        m.total_records,
        m.total_size_mb,
        m.total_files,
        m.partitions.len(),
        m.schema_version
    ));
    let mode = m.read_mode.as_deref().unwrap_or("-");
    match (m.caught_up, m.complete_through) {
        (true, Some(through)) => say(&format!("  read by {mode}; complete through {through}")),
        (true, None) => say(&format!("  read by {mode}; caught up, without a proof of the instant")),
        (false, _) => say(&format!("  read by {mode}; not caught up")),
    }
    if let Some(why) = &m.read_why {
        say(&format!("  auto: {why}"));
    }
    for (partition, next) in &m.positions {
        let behind =
            m.behind(*partition).map_or(String::new(), |behind| format!(", {behind} behind the end"));
        say(&format!("  Kafka partition {partition}: offsets below {next}{behind}"));
    }
    if let Some(version) = m.current_version {
        say(&format!("  current version v{version}"));
    }
    for pin in &m.pins {
        say(&format!("  {}", pin.sentence()));
    }
    for query in &m.stopped_writers {
        say(&format!("  {}", query.sentence()));
    }
    for sentence in m.without_row() {
        say(&format!("  {sentence}"));
    }
    if let Some(version) = m.delta.as_ref().and_then(|table| table.version) {
        say(&format!("  a Delta table too, at version {version} or a later one"));
    }
    if let Some((table, version)) = m.iceberg.as_ref().and_then(|table| Some((table, table.version?))) {
        say(&format!("  an Iceberg table too, at version {version} or a later one: {}", table.location));
    }
    if m.quarantined_records > 0 {
        say(&format!("  {} rows in quarantine", m.quarantined_records));
    }
    if let Some(log) = &m.log {
        say(&format!("  offsets are those of {log}"));
    }
    if let Some(failure) = &m.last_failure {
        let at = failure.at.format("%Y-%m-%d %H:%M:%SZ");
        say(&format!("  the last export failed at {at}: {}", failure.what));
    }
    if let Some(check) = &m.source_check {
        let at = check.at.format("%Y-%m-%d %H:%M:%SZ");
        say(&format!("  Kafka and ksqlDB were compared at {at}: {}", check.sentence()));
    }
    for loss in &m.lost_records {
        say(&format!("  {}", loss.sentence()));
    }
    if let Some(decision) = &m.pending_decision {
        let word = if decision.accepted { "accepted" } else { "waits for a decision" };
        say(&format!("  {word}: {}", decision.what));
    }
    if m.doubled_keys > 0 {
        say(&format!("  {} rows of this version have a primary key that came twice", m.doubled_keys));
    }
    for column in &m.columns {
        let ColumnInfo { name, ksql_type, arrow_type, .. } = column;
        say(&format!("    {name:<28} {ksql_type:<28} {arrow_type}{}", history(column)));
    }
    for run in m.runs.iter().rev().take(5) {
        say(&format!(
            "  run {} {}: {} rows, {} files, {} ms",
            run.id, run.outcome, run.rows, run.files, run.duration_ms
        ));
    }
}

/// Since when a column is there, where it came later than the first ones, and since when it is gone.
fn history(column: &ColumnInfo) -> String {
    let at = |version: &str, at: Option<DateTime<Utc>>| {
        let day = at.map_or(String::new(), |at| format!(", {}", at.format("%Y-%m-%d")));
        format!("schema {version}{day}")
    };
    let mut text = String::new();
    if !column.since.ends_with(".0") {
        text += &format!("  since {}", at(&column.since, column.since_at));
    }
    if let Some(gone) = &column.gone_since {
        text += &format!("  gone since {}", at(gone, column.gone_at));
    }
    text
}

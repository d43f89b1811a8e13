//! The comment above the code: what is read.

use super::condition::Days;
use super::{Dataset, Engine, Language};
use crate::feed::{FeedKind, PartitionPath};
use crate::log::escape_controls;

/// Lines of comment, each ended by a line feed.
pub(super) fn lines(dataset: &Dataset, engine: Engine, language: Language, days: Days) -> String {
    let mut lines = vec![what(dataset)];
    if let Some((zone, column)) = &dataset.days {
        lines.push(format!("Days begin in {zone} and go by {}.", column.as_deref().unwrap_or("ROWTIME")));
    }
    if let Some(days) = range(days) {
        lines.push(days);
    }
    lines.extend(dataset.tier_lines(engine));
    lines.extend(changes(dataset));
    let added = dataset.row_metadata();
    if !added.is_empty() {
        lines.push(format!("{}: the row's time, partition and offset in Kafka.", added.join(", ")));
    }
    let sql = if language == Language::Sql { " --sql" } else { "" };
    lines.push(format!(
        "{}, printed by `lakehand read {} --with {}{sql}`. {}",
        engine.name(),
        dataset.feed,
        engine.keyword(),
        match dataset.kind {
            FeedKind::Stream => "Print it again when the schema changes.",
            FeedKind::Table => "Print it again after an export: it names this version.",
        }
    ));
    let comment = language.comment();
    // One line each: a name from outside must not end the comment.
    let lines = lines.iter().map(|line| format!("{comment} {}", escape_controls(line)));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

fn what(dataset: &Dataset) -> String {
    let version = match (dataset.kind, dataset.current_version) {
        (FeedKind::Table, Some(version)) => format!(", version v{version}"),
        _ => String::new(),
    };
    let span = match &dataset.span {
        Some((first, last)) if first == last => format!(" of {}", date(first)),
        Some((first, last)) => format!(" of {} to {}", date(first), date(last)),
        None => String::new(),
    };
    format!(
        "{} {}{version}: {} rows{span}, schema {}.",
        dataset.kind, dataset.name, dataset.rows, dataset.schema_version
    )
}

/// `year=2025/month=01/day=15/hour=07` as `2025-01-15T07`.
fn date(path: &str) -> String {
    PartitionPath::parse(path).map_or_else(|| path.to_owned(), PartitionPath::label)
}

fn range(days: Days) -> Option<String> {
    match (days.from, days.to) {
        (None, None) => None,
        (Some(from), None) => Some(format!("Days from {from} on.")),
        (None, Some(to)) => Some(format!("Days up to {to}.")),
        (Some(from), Some(to)) if from == to => Some(format!("The day {from}.")),
        (Some(from), Some(to)) => Some(format!("Days from {from} to {to}.")),
    }
}

/// Columns that are not in every file.
fn changes(dataset: &Dataset) -> Vec<String> {
    let mut lines = Vec::new();
    if dataset.changed_types() {
        lines.push(
            "A change of types was accepted: files of before may hold other columns, and a file of another type may fail."
                .to_owned(),
        );
    }
    let first = dataset.columns.first().map(|column| column.since.as_str());
    for column in &dataset.columns {
        let mut said = Vec::new();
        if Some(column.since.as_str()) != first {
            said.push(format!("came with schema {}", column.since));
        }
        if let Some(gone) = &column.gone_since {
            said.push(format!("gone since schema {gone}"));
        }
        if !said.is_empty() {
            lines.push(format!("Column {}: {}; null where a file lacks it.", column.name, said.join(", ")));
        }
    }
    lines
}

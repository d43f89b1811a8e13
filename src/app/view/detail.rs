//! One feed, whole: lines of sections, scrolled as a text.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::text::{ago, count, escaped, instant, one_line, size, span, until};
use super::{Cell, Tone, catalog};
use crate::app::App;
use crate::app::message::PlanText;
use crate::app::tabs::Run;
use crate::feed::{Entry, Feed, Partitioning, Visibility};
use crate::lake::{CheckOutcome, Metadata, RunRecord};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub enum DetailLine {
    /// The head of a section.
    Head(String),
    /// A name and its value.
    Field {
        /// The name.
        label: String,
        /// The value.
        value: Cell,
    },
    /// The heads of a small table, with the width of each column.
    Columns(Vec<(&'static str, u16)>),
    /// A row of the small table above.
    Row(Vec<Cell>),
    /// Text.
    Text(String, Tone),
    /// Nothing.
    Blank,
}

/// A window over the lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DetailView {
    /// The feed and its state.
    pub title: String,
    /// The lines of the window.
    pub lines: Vec<DetailLine>,
    /// Index of the first.
    pub first: usize,
    /// Lines in all.
    pub total: usize,
}

/// The window of `height` lines; `None` when no feed is open.
pub fn detail(app: &App, height: usize) -> Option<DetailView> {
    let detail = app.detail.as_ref()?;
    let lines = lines(app);
    let first = detail.top.min(lines.len().saturating_sub(height.max(1)));
    let total = lines.len();
    let state = app.state(&detail.feed);
    Some(DetailView {
        title: format!("{}: {}", escaped(&detail.feed), state.name()),
        lines: lines.into_iter().skip(first).take(height).collect(),
        first,
        total,
    })
}

pub(super) fn field(label: &str, value: impl Into<String>) -> DetailLine {
    DetailLine::Field { label: label.to_owned(), value: Cell::new(value) }
}

fn toned(label: &str, value: impl Into<String>, tone: Tone) -> DetailLine {
    DetailLine::Field { label: label.to_owned(), value: Cell::toned(value, tone) }
}

/// Sections have an empty line between them.
fn section(lines: &mut Vec<DetailLine>, title: &str) {
    if !lines.is_empty() {
        lines.push(DetailLine::Blank);
    }
    lines.push(DetailLine::Head(title.to_owned()));
}

/// All lines of the open feed.
pub(crate) fn lines(app: &App) -> Vec<DetailLine> {
    let Some(detail) = &app.detail else { return Vec::new() };
    let key = detail.feed.as_str();
    let state = app.state(key);
    let mut lines = Vec::new();
    section(&mut lines, "State");
    lines.push(DetailLine::Text(state.sentence(app.now), state.tone()));
    if let Some((text, tone)) = super::sheet::checked_text(app, key) {
        lines.push(DetailLine::Text(text, tone));
    }
    let entry = app.feeds.entry(key);
    for problem in entry.map(Entry::problems).unwrap_or_default() {
        lines.push(DetailLine::Text(problem.to_string(), Tone::Bad));
    }
    let plan = app.plans.get(key);
    if let Some(Err(error)) = plan {
        lines.push(DetailLine::Text(format!("the server says: {}", one_line(error)), Tone::Warn));
    }
    let plan = plan.and_then(|plan| plan.as_ref().ok());
    let metadata = app.metadata(key);
    if let Some(plan) = plan {
        changes(plan, &mut lines);
    }

    section(&mut lines, "Configuration");
    match entry {
        Some(entry) => lines.push(field("file", escaped(&entry.path.display().to_string()))),
        None => lines.push(DetailLine::Text("the feed's file is gone".to_owned(), Tone::Bad)),
    }
    if let Some(feed) = app.feeds.feed(key) {
        configuration(feed, &mut lines);
        if let Some(next) = app.schedules.get(key) {
            lines.push(field("next run", format!("{}, {}", instant(*next), until(*next, app.now))));
        }
    }
    lines.extend(catalog::lines(app, key).into_iter().map(|(name, text, tone)| toned(&name, text, tone)));
    lines.push(field("in a shell", app.command(entry.map_or(key, |entry| &entry.name))));

    section(&mut lines, "Guarantee and position");
    match (plan, app.plans.contains_key(key)) {
        (Some(plan), _) => {
            lines.push(field("guarantee", one_line(&plan.guarantee)));
            if let Some(expected) = plan.expected {
                lines.push(field("to come", format!("at most {} rows", count(expected))));
            }
        }
        (None, false) => lines.push(DetailLine::Text("asking the server …".to_owned(), Tone::Dim)),
        (None, true) => {}
    }
    if let Some(metadata) = metadata {
        held(app, metadata, &mut lines);
    } else {
        let text = match app.unreadable(key) {
            Some(why) => (format!("what the lake holds cannot be read: {}", one_line(why)), Tone::Bad),
            None => ("nothing of it is in the lake yet".to_owned(), Tone::Dim),
        };
        lines.push(DetailLine::Text(text.0, text.1));
    }

    let storage = super::tiers::section(app, key);
    if !storage.is_empty() {
        section(&mut lines, "Storage");
        lines.extend(storage);
    }
    columns(metadata, plan, &mut lines);
    if let Some(metadata) = metadata.filter(|metadata| !metadata.runs.is_empty()) {
        runs(&metadata.runs, &mut lines);
    }
    if let Some(Ok(code)) = metadata.and_then(|_| app.code(key, app.engine)) {
        section(
            &mut lines,
            &format!("Read it with {}: Y copies this, W chooses the engine", app.engine.name()),
        );
        let text = code.text();
        lines.extend(text.lines().map(|line| DetailLine::Text(escaped(line), Tone::Plain)));
    }
    if let Some(plan) = plan.filter(|plan| !plan.queries.is_empty()) {
        section(&mut lines, "Statement");
        lines.extend(plan.queries.iter().map(|query| DetailLine::Text(one_line(query), Tone::Plain)));
    }
    lines
}

fn changes(plan: &PlanText, lines: &mut Vec<DetailLine>) {
    if plan.changes.is_empty() {
        return;
    }
    let text = "the lake's columns are not those that a new lake would have; S takes these over:";
    lines.push(DetailLine::Text(text.to_owned(), Tone::Warn));
    lines.extend(
        plan.changes.iter().map(|change| DetailLine::Text(format!("  {}", one_line(change)), Tone::Warn)),
    );
}

fn configuration(feed: &Feed, lines: &mut Vec<DetailLine>) {
    lines.push(field("source", format!("{} {}", feed.kind.keyword(), escaped(&feed.source))));
    if !feed.description.is_empty() {
        lines.push(field("description", one_line(&feed.description)));
    }
    lines.push(field("storage mode", feed.storage_mode.keyword()));
    match &feed.partitioning {
        Partitioning::Date { columns, timestamp_column, timezone } => {
            let parts: Vec<_> = columns.iter().map(|part| part.keyword()).collect();
            let by = timestamp_column.as_deref().map_or_else(|| "ROWTIME".to_owned(), escaped);
            lines.push(field("partitions", format!("by {} of {by}, {timezone}", parts.join(", "))));
            lines.push(field(
                "retention",
                match feed.retention_days {
                    Some(days) => format!("{days} days"),
                    None => "for ever".to_owned(),
                },
            ));
            lines.push(field("read", format!("{}, {}", feed.read, feed.mode)));
        }
        Partitioning::Version => {
            lines.push(field("versions kept", feed.keep_versions.to_string()));
        }
    }
    let visibility = match feed.visibility {
        Visibility::Restricted => "restricted (0750, 0640)",
        Visibility::Shared => "shared (0755, 0644)",
    };
    lines.push(field("compression", feed.compression.to_string()));
    lines.push(field("visibility", visibility));
    if let Some(schedule) = &feed.schedule {
        lines.push(field("schedule", schedule.to_string()));
    }
    if !feed.rename.is_empty() {
        let renamed: Vec<_> =
            feed.rename.iter().map(|(from, to)| format!("{} as {}", escaped(from), escaped(to))).collect();
        lines.push(field("renamed", renamed.join(", ")));
    }
    if !feed.exclude_columns.is_empty() {
        lines.push(field("left out", escaped(&feed.exclude_columns.join(", "))));
    }
    lines.push(field("enabled", if feed.enabled { "yes" } else { "no" }));
}

fn held(app: &App, metadata: &Metadata, lines: &mut Vec<DetailLine>) {
    let through = match (metadata.caught_up, metadata.complete_through) {
        (true, Some(through)) => format!("complete through {}", instant(through)),
        (true, None) => "caught up, without a proof of the instant".to_owned(),
        (false, _) => "not caught up".to_owned(),
    };
    let mode = metadata.read_mode.as_deref().unwrap_or("-");
    lines.push(field("read last", format!("by {}; {through}", escaped(mode))));
    if let Some(why) = &metadata.read_why {
        lines.push(field("auto", escaped(why)));
    }
    lines.push(field(
        "in the lake",
        format!(
            "{} rows, {} in {} files, {} partitions",
            count(metadata.total_records),
            size(metadata.total_bytes),
            count(metadata.total_files),
            count(metadata.partitions.len() as u64)
        ),
    ));
    if let Some(log) = &metadata.log {
        lines.push(field("log", escaped(&log.to_string())));
    }
    if let Some(other) = &metadata.other_log {
        lines.push(toned("log now", escaped(&other.to_string()), Tone::Bad));
        let text = "nothing is read from another log: B puts the dataset aside and begins anew, O goes on at the same offsets";
        lines.push(DetailLine::Text(text.to_owned(), Tone::Warn));
    }
    if let Some(check) = &metadata.source_check {
        let tone = match check.outcome {
            CheckOutcome::Equal => Tone::Plain,
            CheckOutcome::Different => Tone::Bad,
            CheckOutcome::Unproved => Tone::Warn,
        };
        let value = format!("{}: {}", instant(check.at), escaped(&check.sentence()));
        lines.push(toned("both ways", value, tone));
    }
    for query in &metadata.stopped_writers {
        lines.push(toned("writer", escaped(&query.sentence()), Tone::Warn));
    }
    for sentence in metadata.without_row() {
        lines.push(field("no row", escaped(&sentence)));
    }
    for loss in &metadata.lost_records {
        lines.push(field("lost", escaped(&loss.sentence())));
    }
    if let Some(decision) = &metadata.pending_decision {
        lines.push(field("waits", escaped(&decision.what)));
    }
    if let Some(last) = metadata.last_export {
        lines.push(field("last export", format!("{}, {}", instant(last), ago(last, app.now))));
    }
    if let Some(checked) = metadata.checked_at {
        lines.push(field("looked at", format!("{}, {}", instant(checked), ago(checked, app.now))));
    }
    if let Some(version) = metadata.current_version {
        lines.push(field("version", format!("v{version} is the one to read")));
    }
    let quarantined = metadata.quarantined_records;
    let tone = if quarantined > 0 { Tone::Warn } else { Tone::Plain };
    lines.push(toned("quarantine", format!("{} rows", count(quarantined)), tone));
    if !metadata.positions.is_empty() {
        // Of a read that is under way the newest figure, else that of the last one.
        let lag = app.detail.as_ref().and_then(|detail| app.exports.latest(&detail.feed)).and_then(Run::lag);
        let behind = |partition: &i32| match &lag {
            Some(lag) => lag.get(partition).copied(),
            None => metadata.behind(*partition),
        };
        let heads = vec![("Kafka partition", 15), ("next offset", 16), ("behind the end", 16)];
        lines.push(DetailLine::Columns(heads));
        lines.extend(metadata.positions.iter().map(|(partition, next)| {
            let behind = match behind(partition) {
                Some(behind) => Cell::toned(count(behind), if behind > 0 { Tone::Warn } else { Tone::Plain }),
                None => Cell::toned("-", Tone::Dim),
            };
            DetailLine::Row(vec![Cell::new(partition.to_string()), Cell::new(next.to_string()), behind])
        }));
    }
}

fn columns(metadata: Option<&Metadata>, plan: Option<&PlanText>, lines: &mut Vec<DetailLine>) {
    let heads = vec![("column", 26), ("ksqlDB", 24), ("Arrow", 28), ("since", 22)];
    match (metadata.filter(|m| !m.columns.is_empty()), plan) {
        (Some(metadata), _) => {
            section(lines, &format!("Columns, schema {}", escaped(&metadata.schema_version)));
            lines.push(DetailLine::Columns(heads));
            lines.extend(metadata.columns.iter().map(|column| {
                let gone = column.gone_since.as_ref();
                let tone = if gone.is_some() { Tone::Dim } else { Tone::Plain };
                let day = |at: Option<DateTime<Utc>>| {
                    at.map_or(String::new(), |at| format!(", {}", at.format("%Y-%m-%d")))
                };
                let since = match gone {
                    Some(gone) => format!("{} to {gone}{}", column.since, day(column.gone_at)),
                    None => format!("{}{}", column.since, day(column.since_at)),
                };
                let texts = [&column.name, &column.ksql_type, &column.arrow_type, &since];
                DetailLine::Row(texts.map(|text| Cell::toned(escaped(text), tone)).to_vec())
            }));
        }
        (None, Some(plan)) if !plan.columns.is_empty() => {
            section(lines, "Columns, as the server has them");
            lines.push(DetailLine::Columns(heads));
            lines.extend(plan.columns.iter().map(|column| {
                let texts = [&column.name, &column.ksql_type, &column.arrow_type];
                DetailLine::Row(texts.map(|text| Cell::new(escaped(text))).to_vec())
            }));
        }
        _ => {}
    }
}

fn runs(runs: &[RunRecord], lines: &mut Vec<DetailLine>) {
    section(lines, "Last runs");
    lines.push(DetailLine::Columns(vec![
        ("began", 21),
        ("took", 13),
        ("rows", 12),
        ("size", 10),
        ("files", 6),
        ("closed by size/memory/commit", 29),
        ("quarantine", 10),
        ("outcome", 10),
    ]));
    for run in runs.iter().rev() {
        let rolls = format!("{}/{}/{}", run.rolls.size, run.rolls.memory, run.rolls.commit);
        let outcome = if run.outcome == "complete" { Tone::Good } else { Tone::Warn };
        lines.push(DetailLine::Row(vec![
            Cell::new(instant(run.started)),
            Cell::new(span(Duration::from_millis(run.duration_ms))),
            Cell::new(count(run.rows)),
            Cell::new(size(run.bytes)),
            Cell::new(count(run.files)),
            Cell::new(rolls),
            Cell::toned(count(run.quarantined), if run.quarantined > 0 { Tone::Warn } else { Tone::Plain }),
            Cell::toned(escaped(&run.outcome), outcome),
        ]));
    }
}

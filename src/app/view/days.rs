//! What is known of a day: its mark in a list, two lines below a list, and all of it.

use chrono::{DateTime, Utc};

use super::text::{ago, count, files, instant, size};
use super::{Cell, Sign, Tone};
use crate::app::App;
use crate::app::tabs::partitions::Item;
use crate::feed::partition_path::is_inside;
use crate::lake::{DayState, Gap, PartitionState, ReplacedSet, Why};

/// Gaps and ranges that a line lists.
const LISTED: usize = 4;

/// Offsets missing for which nothing is known.
fn unexplained(day: &DayState) -> u64 {
    let gaps = day.gaps.iter().filter(|gap| matches!(gap.why, Why::Unexplained | Why::Unknown));
    gaps.fold(0, |sum, gap| sum.saturating_add(gap.missing))
}

/// Rows that are known to be lost, and offsets that may have held some.
fn lost(day: &DayState) -> u64 {
    let gaps = day.gaps.iter().filter(|gap| gap.why == Why::Lost);
    gaps.fold(day.lost, |sum, gap| sum.saturating_add(gap.missing))
}

/// In at most four characters.
pub(super) fn brief(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{}k", n / 1_000),
        _ => format!("{}M", n / 1_000_000),
    }
}

/// The day in one word with its sign, what is most pressing.
pub(crate) fn mark(day: &DayState) -> Cell {
    let unexplained = unexplained(day);
    let lost = lost(day);
    let (sign, text, tone) = if lost > 0 {
        (Sign::Failed, format!("lost {}", brief(lost)), Tone::Bad)
    } else if unexplained > 0 {
        (Sign::Gap, format!("gap {}", brief(unexplained)), Tone::Warn)
    } else {
        match day.state {
            PartitionState::Sealed => (Sign::Current, "sealed".to_owned(), Tone::Good),
            PartitionState::Reopened => (Sign::Reopened, "reopened".to_owned(), Tone::Warn),
            PartitionState::Open if day.complete => (Sign::Good, "complete".to_owned(), Tone::Good),
            PartitionState::Open => (Sign::Idle, "open".to_owned(), Tone::Plain),
        }
    };
    Cell { sign: Some(sign), ..Cell::toned(text, tone) }
}

/// What the state of a day means.
fn state(day: &DayState) -> (String, Tone) {
    match (day.state, day.sealed_at) {
        (PartitionState::Sealed, Some(at)) => (format!("sealed on {}: _SUCCESS", instant(at)), Tone::Good),
        (PartitionState::Sealed, None) => ("sealed: _SUCCESS".to_owned(), Tone::Good),
        (PartitionState::Reopened, _) => {
            ("open again: rows came after it was sealed, or it was exported again".to_owned(), Tone::Warn)
        }
        (PartitionState::Open, _) if day.complete => (
            "complete, and not sealed: the lake holds all of it that the log held when it was last read"
                .to_owned(),
            Tone::Good,
        ),
        (PartitionState::Open, _) => {
            ("open: not sealed, and not known to be complete".to_owned(), Tone::Plain)
        }
    }
}

/// Through when the open dataset is complete.
pub(crate) fn watermark(app: &App) -> String {
    let metadata = app.partitions.feed.as_deref().and_then(|feed| app.metadata(feed));
    match metadata.and_then(|metadata| metadata.complete_through) {
        Some(through) => format!("the lake is complete through {}", instant(through)),
        None => "not known to be complete through any instant".to_owned(),
    }
}

/// `3 offsets unexplained (0:5..=7)`; nothing when there is no gap.
fn gaps(gaps: &[Gap]) -> Vec<(Why, String)> {
    let mut told = Vec::new();
    for why in [Why::Lost, Why::Unexplained, Why::Unknown, Why::Quarantined] {
        let of: Vec<&Gap> = gaps.iter().filter(|gap| gap.why == why).collect();
        if of.is_empty() {
            continue;
        }
        let missing = of.iter().fold(0_u64, |sum, gap| sum.saturating_add(gap.missing));
        let listed: Vec<_> =
            of.iter().take(LISTED).map(|gap| format!("{}:{}", gap.partition, gap.place())).collect();
        let more = if of.len() > LISTED { ", …" } else { "" };
        told.push((why, format!("{} offsets {} ({}{more})", count(missing), why.name(), listed.join(", "))));
    }
    told
}

fn replaced_text(set: &ReplacedSet, now: DateTime<Utc>) -> String {
    let at = set.at.map_or(String::new(), |at| format!(" {}", ago(at, now)));
    format!(
        "replaced{at}: {} rows in {}, {}; u puts them back",
        count(set.rows),
        files(set.files),
        size(set.bytes)
    )
}

/// Below the list of partitions: state and rows, offsets and gaps, the watermark and what was replaced.
pub(crate) fn about(app: &App, item: &Item) -> Vec<Cell> {
    let path = item.path.as_str();
    let Some(day) = app.day_state(path) else {
        let known = &app.partitions.known;
        let text = match (&known.error, app.partitions.feed.as_deref() == Some(&known.feed)) {
            (Some(error), true) => return vec![Cell::toned(super::text::one_line(error), Tone::Bad)],
            (None, true) => return Vec::new(),
            (_, false) => "reading what is known of the days …",
        };
        return vec![Cell::toned(text, Tone::Dim)];
    };
    let mut first = mark(day);
    if app.has_tiers() {
        first.text += &format!(", {}", item.place.word());
    }
    first.text += &format!(" · {} rows", count(day.rows));
    // A narrow screen has room for no more beside the place.
    if app.size.0 >= 100 || !app.has_tiers() {
        first.text += &format!(" in {}", files(day.files));
    }
    if let Some(times) = &item.times {
        first.text += &format!(" of {times} UTC");
    }
    let ranges: Vec<_> = day
        .offsets
        .iter()
        .take(LISTED)
        .map(|(kafka, [first, last])| format!("{kafka}:{first}..={last}"))
        .collect();
    let more = if day.offsets.len() > LISTED { " …" } else { "" };
    let gaps: Vec<_> = gaps(&day.gaps).into_iter().map(|(_, text)| text).collect();
    let gaps = if gaps.is_empty() { "no gap".to_owned() } else { format!("gaps: {}", gaps.join(", ")) };
    let second = format!("offsets {}{more} · {gaps}", ranges.join(" "));
    let third = match app.day_replaced(path) {
        Some(set) => Cell::toned(replaced_text(set, app.now), Tone::Warn),
        None => super::tiers::about(app, path).unwrap_or_else(|| Cell::toned(watermark(app), Tone::Dim)),
    };
    vec![first, Cell::toned(second, if unexplained(day) > 0 { Tone::Warn } else { Tone::Dim }), third]
}

/// A paragraph of a sheet, with its indent.
pub(crate) type Paragraph = (u16, String, Tone);

/// All that is known of a day.
pub(crate) fn whole(app: &App, folder: &str) -> Vec<Paragraph> {
    let known = &app.partitions.known;
    let mut lines = Vec::new();
    let days: Vec<&DayState> =
        known.states.values().filter(|day| is_inside(&day.partition, folder)).collect();
    if app.partitions.feed.as_deref() != Some(&known.feed) {
        lines.push((0, "reading what is known of the days …".to_owned(), Tone::Dim));
    } else if let Some(error) = &known.error {
        lines.push((0, super::text::one_line(error), Tone::Bad));
    } else if days.is_empty() {
        lines.push((0, "the lake holds nothing of this day".to_owned(), Tone::Warn));
    }
    for day in days {
        if day.partition != folder {
            lines.push((0, super::text::escaped(&day.partition), Tone::Strong));
        }
        let (text, tone) = state(day);
        lines.push((0, text, tone));
        lines.push((0, format!("{} rows in {}", count(day.rows), files(day.files)), Tone::Plain));
        lines.push((0, "Offsets held, by Kafka partition".to_owned(), Tone::Strong));
        for (kafka, [first, last]) in &day.offsets {
            lines.push((2, format!("{kafka}: {first} to {last}"), Tone::Plain));
        }
        lines.push((0, "Gaps between them".to_owned(), Tone::Strong));
        let told = gaps(&day.gaps);
        if told.is_empty() {
            lines.push((2, "none".to_owned(), Tone::Good));
        }
        for (why, text) in told {
            let (meaning, tone) = match why {
                Why::Lost => (
                    "Kafka had removed these records before they were read; some may be of this day",
                    Tone::Bad,
                ),
                Why::Quarantined => ("their rows are in quarantine, each with its reason", Tone::Plain),
                Why::Unexplained => (
                    "in no file: a filter, a marker of a transaction, retention of another day, or a loss. C checks the dataset",
                    Tone::Warn,
                ),
                Why::Unknown => {
                    ("too many holes to be listed in the files: only their number is known", Tone::Warn)
                }
            };
            lines.push((2, format!("{text}: {meaning}"), tone));
        }
        if day.lost > 0 {
            let text = format!("{} rows are known to be missing: e exports the day again", count(day.lost));
            lines.push((0, text, Tone::Bad));
        }
    }
    lines.extend(super::tiers::whole(app, folder));
    let sets: Vec<_> = known.replaced.values().filter(|set| is_inside(&set.partition, folder)).collect();
    if !sets.is_empty() {
        lines.push((0, "Replaced by a new export of the day, or by an undo".to_owned(), Tone::Strong));
    }
    for set in sets {
        let text =
            format!("{}, by commit {}", replaced_text(set, app.now), super::text::escaped(&set.commit));
        lines.push((2, text, Tone::Plain));
    }
    lines.push((0, "The feed".to_owned(), Tone::Strong));
    lines.push((2, watermark(app), Tone::Plain));
    lines
}

//! Where days lie and what that costs, in words: for lists, sheets and a feed's detail.

use super::days::Paragraph;
use super::detail::{DetailLine, field};
use super::text::{count, days, escaped, files, instant, size};
use super::{Cell, Tone};
use crate::app::App;
use crate::app::tiers::{Disk, Place, copy_until};
use crate::feed::partition_path::is_inside;
use crate::lake::PartitionInfo;

/// The place in one word with its sign.
pub(crate) fn mark(place: Place) -> Cell {
    let tone = match place {
        Place::Hot => Tone::Plain,
        Place::Cold => Tone::Dim,
        Place::Both => Tone::Live,
        Place::Late => Tone::Warn,
    };
    Cell { sign: Some(place.sign()), ..Cell::toned(place.word(), tone) }
}

/// Late rows of a partition that lies in the cold tier: files and bytes.
fn late(partition: &PartitionInfo) -> Option<(u64, u64)> {
    let cold = partition.cold.as_ref()?;
    let late = partition.files.saturating_sub(cold.files);
    (late > 0).then(|| (late, partition.bytes.saturating_sub(cold.bytes)))
}

/// Below the list of partitions; `None` for one that is on the lake's disk alone.
pub(crate) fn about(app: &App, path: &str) -> Option<Cell> {
    let metadata = app.partitions.feed.as_deref().and_then(|feed| app.metadata(feed))?;
    let partition = metadata.partitions.iter().find(|partition| partition.path == path)?;
    let cold = partition.cold.as_ref()?;
    let mut text = format!("cold since {}, {}", cold.since.format("%Y-%m-%d"), size(cold.bytes));
    let mut tone = Tone::Dim;
    match cold.local_until {
        Some(until) => text += &format!("; {}", copy_until(until, app.now)),
        None if late(partition).is_none() => text += "; nothing of it is on this disk",
        None => {}
    }
    if let Some((late, bytes)) = late(partition) {
        text += &format!("; late rows here: {}, {}", files(late), size(bytes));
        tone = Tone::Warn;
    }
    Some(Cell::toned(text, tone))
}

/// All that is known of where a day lies, for its sheet.
pub(crate) fn whole(app: &App, folder: &str) -> Vec<Paragraph> {
    let metadata = app.partitions.feed.as_deref().and_then(|feed| app.metadata(feed));
    let parts = metadata.iter().flat_map(|metadata| &metadata.partitions);
    let parts: Vec<&PartitionInfo> =
        parts.filter(|partition| partition.files > 0 && is_inside(&partition.path, folder)).collect();
    if !app.has_tiers() || parts.is_empty() {
        return Vec::new();
    }
    let mut lines: Vec<Paragraph> = vec![(0, "Where it lies".to_owned(), Tone::Strong)];
    for partition in parts {
        if partition.path != folder {
            lines.push((1, escaped(&partition.path), Tone::Strong));
        }
        let place = Place::of(partition);
        lines.push((2, format!("{}: {}", place.word(), place.meaning()), mark(place).tone));
        let Some(cold) = &partition.cold else {
            let held = format!("{}, {}", files(partition.files), size(partition.bytes));
            lines.push((2, held, Tone::Plain));
            continue;
        };
        let text = format!(
            "in the cold tier since {}: {} rows in {}, {}",
            instant(cold.since),
            count(cold.records),
            files(cold.files),
            size(cold.bytes)
        );
        lines.push((2, text, Tone::Plain));
        lines.push((4, escaped(&cold.url), Tone::Plain));
        if let Some(until) = cold.local_until {
            let held = format!("{}, {}", files(cold.local_files), size(cold.local_bytes));
            lines.push((2, format!("{}: {held}", copy_until(until, app.now)), Tone::Plain));
        }
        if let Some((late, bytes)) = late(partition) {
            let text = format!(
                "late rows on this disk: {}, {}; they move too once the day is sealed again",
                files(late),
                size(bytes)
            );
            lines.push((2, text, Tone::Warn));
        }
        if place == Place::Cold {
            lines.push((2, "readers are sent to the cold tier; F brings the day home".to_owned(), Tone::Dim));
        }
    }
    lines
}

/// When the disk is full, as `full on 2027-03-02 at this rate`.
fn full(disk: &Disk) -> String {
    match disk.full {
        Some(day) => format!("full on {day} at this rate"),
        None if disk.growth.per_day == 0 => "nothing grows".to_owned(),
        None if disk.growth.leaves_per_day >= disk.growth.per_day => "as much leaves as comes".to_owned(),
        None => "not full within a hundred years".to_owned(),
    }
}

/// Below the list of datasets: the disk, the tiers, and what their bytes cost. On a small screen the first line is all.
pub(crate) fn disk(app: &App) -> Vec<Cell> {
    let Some(disk) = app.disk() else { return Vec::new() };
    let growth = disk.growth;
    // Somebody should look when a month is left.
    let is_near = disk.full.is_some_and(|full| (full - app.now.date_naive()).num_days() < 30);
    let tone = if is_near { Tone::Warn } else { Tone::Dim };
    if app.size.0 < 80 {
        let text = match disk.full {
            Some(_) => format!("disk {}", full(&disk)),
            None => format!("disk: {} free", size(disk.free)),
        };
        return vec![Cell::toned(text, tone)];
    }
    let text =
        format!("disk: {} free, a day brings {}: {}", size(disk.free), size(growth.per_day), full(&disk));
    let mut lines = vec![Cell::toned(text, tone)];
    if app.has_tiers() {
        let mut text = format!("tiers: {} here, {} cold", size(growth.local_bytes), size(growth.cold_bytes));
        if growth.movable_bytes > 0 {
            text += &format!("; {} due", size(growth.movable_bytes));
            if let Some(later) = disk.later.filter(|_| disk.full.is_some()) {
                text += &format!(", then full on {later}");
            }
        }
        lines.push(Cell::toned(text, Tone::Dim));
        if let Some(costs) = app.costs(growth.local_bytes, growth.cold_bytes) {
            lines.push(Cell::toned(format!("a month costs {costs}"), Tone::Dim));
        }
    }
    lines
}

/// The section of a feed's detail: its bytes by tier, what is due, what that costs, and the disk.
pub(crate) fn section(app: &App, key: &str) -> Vec<DetailLine> {
    let mut lines = Vec::new();
    let after = app.feeds.feed(key).and_then(|feed| feed.tier_after_days);
    let is_stream = app.is_stream(key);
    if let Some(growth) = app.growth_of(key).filter(|_| after.is_some() || app.has_tiers()) {
        lines.push(field("on this disk", size(growth.local_bytes)));
        lines.push(field("cold tier", size(growth.cold_bytes)));
        if is_stream {
            let moves = after.map_or_else(|| "never by age".to_owned(), |after| days(after.into()));
            lines.push(field("moves after", moves));
            let due = app.due(key);
            let text = match due.days {
                0 => "nothing".to_owned(),
                n => format!("{}, {}", days(n), size(due.bytes)),
            };
            lines.push(field("due to move", text));
            if due.stay > 0 {
                lines.push(field("stay here", days(due.stay)));
                let why = due.why.as_deref().unwrap_or_default();
                // What does not fit goes on below.
                let label = if app.size.0 < 80 { 13 } else { 18 };
                let room = usize::from(app.size.0).saturating_sub(label + 5).max(8);
                for (n, line) in super::sheet::wrapped(&escaped(why), room).into_iter().enumerate() {
                    lines.push(field(if n == 0 { "because" } else { "" }, line));
                }
            }
            if due.copies > 0 {
                let text = format!("{}, {}", days(due.copies), size(due.copy_bytes));
                lines.push(field("copies to go", text));
            }
        }
        if let Some(costs) = app.costs(growth.local_bytes, growth.cold_bytes) {
            lines.push(field("a month costs", costs));
        }
        if app.setup.tiers.store.is_none() {
            lines.push(field("cold store", "none is configured"));
        }
    }
    if let Some(disk) = app.disk() {
        lines.push(field("disk free", size(disk.free)));
        if let Some(growth) = app.growth_of(key).filter(|growth| growth.per_day > 0) {
            lines.push(field("a day brings", size(growth.per_day)));
        }
        if let Some(full) = disk.full {
            let rate = if app.size.0 < 80 { "" } else { ", at the rate of all datasets" };
            lines.push(field("disk full on", format!("{full}{rate}")));
        }
    }
    lines
}

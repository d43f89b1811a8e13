//! `feeds show NAME --days`: what the lake holds of each day, and how far it is complete.

use std::collections::BTreeMap;

use serde_json::json;

use super::{say, say_json};
use crate::config::Config;
use crate::error::Result;
use crate::feed::Feed;
use crate::headless::Exit;
use crate::lake::{DayState, Gap, Lake, ReplacedSet, completeness, read_metadata, replaced};

/// Gaps that a line lists.
const LISTED: usize = 3;

pub(super) fn show(config: &Config, feed: &Feed, json: bool) -> Result<Exit> {
    let dir = Lake::new(&config.paths.lake).dataset_dir(feed)?;
    let through = read_metadata(&dir)?.and_then(|metadata| metadata.complete_through);
    let days = completeness(&dir)?;
    let sets = replaced(&dir)?;
    let of = |day: &DayState| sets.iter().filter(|set| set.partition == day.partition).collect::<Vec<_>>();
    if json {
        for day in &days {
            say_json(&as_json(feed, day, &of(day)));
        }
        say_json(&json!({ "event": "complete", "feed": feed.name, "through": through, "days": days.len() }));
        return Ok(Exit::Done);
    }
    say(&format!("{:<36} {:>12} {:>6}  {:<9} offsets held", "PARTITION", "ROWS", "FILES", "STATE"));
    for day in &days {
        let offsets: Vec<_> =
            day.offsets.iter().map(|(kafka, [first, last])| format!("{kafka}:{first}..={last}")).collect();
        say(&format!(
            "{:<36} {:>12} {:>6}  {:<9} {}",
            day.partition,
            day.rows,
            day.files,
            day.state.name(),
            offsets.join(" ")
        ));
        for line in notes(day).into_iter().chain(of(day).into_iter().map(set_line)) {
            say(&format!("    {line}"));
        }
    }
    for set in sets.iter().filter(|set| set.is_retained()) {
        if !days.iter().any(|day| day.partition == set.partition) {
            say(&format!("{:<36} {}", set.partition, set_line(set)));
        }
    }
    say(&match through {
        Some(through) => format!("complete through {through}"),
        None => "not known to be complete through any instant".to_owned(),
    });
    Ok(Exit::Done)
}

fn notes(day: &DayState) -> Vec<String> {
    let mut lines = Vec::new();
    let mut by_keyword: BTreeMap<&str, Vec<&Gap>> = BTreeMap::new();
    for gap in &day.gaps {
        by_keyword.entry(gap.why.name()).or_default().push(gap);
    }
    for (word, gaps) in by_keyword {
        let missing = gaps.iter().fold(0_u64, |sum, gap| sum.saturating_add(gap.missing));
        let listed: Vec<_> =
            gaps.iter().take(LISTED).map(|gap| format!("{}:{}", gap.partition, gap.place())).collect();
        let more = if gaps.len() > LISTED { ", …" } else { "" };
        lines.push(format!("{word} gaps: {missing} offsets in no file ({}{more})", listed.join(", ")));
    }
    if day.lost > 0 {
        lines.push(format!("{} rows lost to damage, or left out by an undo", day.lost));
    }
    lines
}

fn set_line(set: &ReplacedSet) -> String {
    let at = set.at.map_or(String::new(), |at| format!(" on {}", at.format("%Y-%m-%d %H:%M:%SZ")));
    let word = match (set.is_retained(), set.is_compacted()) {
        (true, _) => "moved to the bin",
        (_, true) => "compacted",
        _ => "replaced",
    };
    format!(
        "{word}{at} by commit {}: {} rows in {} files, {} bytes; `lakehand feeds undo` puts them back",
        set.commit, set.rows, set.files, set.bytes
    )
}

fn as_json(feed: &Feed, day: &DayState, sets: &[&ReplacedSet]) -> serde_json::Value {
    let gaps: Vec<_> = day
        .gaps
        .iter()
        .map(|gap| {
            json!({
                "partition": gap.partition, "first": gap.first, "last": gap.last, "missing": gap.missing,
                "why": gap.why.name(),
            })
        })
        .collect();
    json!({
        "event": "day",
        "feed": feed.name,
        "partition": day.partition,
        "rows": day.rows,
        "files": day.files,
        "state": day.state.name(),
        "complete": day.complete,
        "sealed_at": day.sealed_at,
        "lost": day.lost,
        "offsets": day.offsets,
        "gaps": gaps,
        "replaced": sets.iter().map(|set| json!({
            "commit": set.commit, "at": set.at, "files": set.files, "rows": set.rows, "bytes": set.bytes,
        })).collect::<Vec<_>>(),
    })
}

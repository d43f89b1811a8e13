//! `tier plan` and `tier list`: what would be done, and where each day lies. No store is asked.

use chrono::Utc;
use serde_json::json;

use super::{ListArgs, WhichArgs, choose, say_failure, say_or_json, say_stays};
use crate::cli::{say, say_json};
use crate::config::Config;
use crate::error::{Kind, Result};
use crate::headless::{Exit, size};
use crate::lake::{Growth, Lake, TierRules, copies_due, growth, read_metadata, tier_due, tier_gone};

#[allow(clippy::too_many_lines, reason = "what is told of each day, once")]
pub(super) fn plan(config: &Config, lake: &Lake, which: &WhichArgs) -> Result<Exit> {
    let now = Utc::now();
    let with_tier = !config.tier.cold.url.is_empty();
    let mut whole = Growth::default();
    let (mut days, mut bytes) = (0_u64, 0_u64);
    let mut failures = Vec::new();
    for feed in choose(config, &which.feeds)? {
        let dir = lake.dataset_dir(&feed)?;
        if let Some(metadata) = read_metadata(&dir)? {
            whole.add(growth(&feed, &metadata, now.date_naive(), with_tier));
        }
        let rules = TierRules::of(&feed, now, which.day);
        // A dataset whose days never move is no failure of a plan for all.
        let due = match tier_due(&dir, &feed, rules) {
            Ok(due) => due,
            Err(error) if error.kind() == Kind::Refused && which.feeds.is_empty() => continue,
            Err(error) => {
                failures.push(error.kind());
                say_failure(&feed, &error, which.json);
                continue;
            }
        };
        for day in &due.days {
            (days, bytes) = (days + 1, bytes + day.bytes);
            say_or_json(
                which.json,
                || {
                    format!(
                        "{}: {} would move: {} rows in {} files, {}",
                        feed.name,
                        day.partition,
                        day.rows,
                        day.files.len(),
                        size(day.bytes)
                    )
                },
                || {
                    json!({
                        "event": "would-move", "feed": feed.name, "partition": day.partition, "rows": day.rows,
                        "files": day.files.len(), "bytes": day.bytes,
                    })
                },
            );
        }
        for stays in &due.not {
            say_stays(&feed, &stays.partition, &stays.why, which.json);
        }
        for copies in copies_due(&dir, now)? {
            let bytes: u64 = copies.files.iter().filter(|file| file.has_copy).map(|file| file.bytes).sum();
            say_or_json(
                which.json,
                || format!("{}: the local copy of {} would go: {}", feed.name, copies.partition, size(bytes)),
                || json!({ "event": "would-free", "feed": feed.name, "partition": copies.partition, "bytes": bytes }),
            );
        }
        let gone = tier_gone(&dir, config.retention.grace, now)?;
        let free: Vec<_> = gone.iter().filter(|gone| gone.is_free).collect();
        if !free.is_empty() {
            let bytes: u64 = free.iter().map(|gone| gone.bytes).sum();
            say_or_json(
                which.json,
                || {
                    format!(
                        "{}: {} objects that nobody needs would be deleted: {}",
                        feed.name,
                        free.len(),
                        size(bytes)
                    )
                },
                || json!({ "event": "would-delete", "feed": feed.name, "objects": free.len(), "bytes": bytes }),
            );
        }
    }
    let free = lake.free_bytes()?;
    let full = whole.full_on(free, now.date_naive());
    let later = whole.full_on(free + whole.movable_bytes, now.date_naive());
    if which.json {
        say_json(&json!({
            "event": "plan", "days": days, "bytes": bytes, "free_bytes": free, "local_bytes": whole.local_bytes,
            "cold_bytes": whole.cold_bytes, "growth_bytes_per_day": whole.per_day,
            "leaves_bytes_per_day": whole.leaves_per_day, "full_on": full, "full_on_after_moving": later,
            "cost_per_month": costs(config, &whole),
        }));
    } else {
        say(&format!("{days} days would move: {}", size(bytes)));
        say(&format!(
            "on this disk {}, in the cold tier {}; a day brings {}; {} are free: {}",
            size(whole.local_bytes),
            size(whole.cold_bytes),
            size(whole.per_day),
            size(free),
            match full {
                Some(day) => format!("full on {day} at this rate"),
                None => "not full within a hundred years at this rate".to_owned(),
            }
        ));
        if let (true, Some(day)) = (whole.movable_bytes > 0, later) {
            say(&format!("moving what may move frees {}: then full on {day}", size(whole.movable_bytes)));
        }
        if let Some((hot, cold)) = costs(config, &whole) {
            say(&format!("bytes cost {hot:.2} a month on this disk, {cold:.2} in the cold tier"));
        }
        if !with_tier {
            say("there is no cold store: tier.cold.url in lakehand.toml names one");
        }
    }
    Ok(Exit::of_run(false, &failures))
}

/// What the bytes of both tiers cost a month, where the configuration tells prices.
fn costs(config: &Config, whole: &Growth) -> Option<(f64, f64)> {
    let hot = config.tier.hot_cost_per_gib_month?;
    let cold = config.tier.cold.cost_per_gib_month?;
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    Some((gib(whole.local_bytes) * hot, gib(whole.cold_bytes) * cold))
}

pub(super) fn list(config: &Config, lake: &Lake, args: &ListArgs) -> Result<Exit> {
    for feed in choose(config, &args.feeds)? {
        let Some(metadata) = read_metadata(&lake.dataset_dir(&feed)?)? else { continue };
        for partition in &metadata.partitions {
            let cold = partition.cold.as_ref();
            if args.cold && cold.is_none() {
                continue;
            }
            let tier = match cold {
                None => "hot",
                Some(cold) if cold.local_until.is_some() => "cold, with a local copy",
                Some(cold) if cold.files < partition.files => "cold, with late rows here",
                Some(_) => "cold",
            };
            if args.json {
                say_json(&json!({
                    "event": "day", "feed": feed.name, "partition": partition.path, "tier": tier_word(partition),
                    "rows": partition.records, "bytes": partition.bytes, "local_bytes": partition.local_bytes(),
                    "sealed_at": partition.sealed_at, "cold": cold,
                }));
                continue;
            }
            let place = cold.map_or(String::new(), |cold| match cold.local_until {
                Some(until) => format!("  {}  copy until {}", cold.url, until.format("%Y-%m-%d %H:%M")),
                None => format!("  {}", cold.url),
            });
            say(&format!(
                "{:<24} {:<28} {:>12} {:>10}  {tier}{place}",
                feed.name,
                partition.path,
                partition.records,
                size(partition.bytes)
            ));
        }
    }
    Ok(Exit::Done)
}

/// `hot`, `cold`, or `both` while a local copy or late rows are there.
fn tier_word(partition: &crate::lake::PartitionInfo) -> &'static str {
    match (&partition.cold, partition.is_cold_alone()) {
        (None, _) => "hot",
        (Some(_), true) => "cold",
        (Some(_), false) => "both",
    }
}

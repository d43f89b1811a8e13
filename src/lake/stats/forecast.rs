//! When the disk will be full at today's growth, and what moving days to the cold tier would free.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use crate::feed::{Feed, FeedKind};
use crate::lake::layout::PartitionPath;
use crate::lake::manifest::metadata::Metadata;

/// Days over which growth is measured. The newest day is not over and is left out.
const LOOKED_AT: u64 = 14;

/// What a dataset does to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Growth {
    /// Bytes on the lake's disk.
    pub local_bytes: u64,
    /// Bytes in the cold tier.
    pub cold_bytes: u64,
    /// Bytes that come on a day, over the last two weeks.
    pub per_day: u64,
    /// Bytes that leave on a day, by retention or to the cold tier; no more than come.
    pub leaves_per_day: u64,
    /// Bytes that would leave the disk now, if all that may move moved.
    pub movable_bytes: u64,
}

impl Growth {
    /// Takes another dataset in.
    pub fn add(&mut self, other: Self) {
        self.local_bytes = self.local_bytes.saturating_add(other.local_bytes);
        self.cold_bytes = self.cold_bytes.saturating_add(other.cold_bytes);
        self.per_day = self.per_day.saturating_add(other.per_day);
        self.leaves_per_day = self.leaves_per_day.saturating_add(other.leaves_per_day);
        self.movable_bytes = self.movable_bytes.saturating_add(other.movable_bytes);
    }

    /// The day on which `free` bytes are used up; `None` where nothing grows, or beyond a hundred years.
    pub fn full_on(&self, free: u64, today: NaiveDate) -> Option<NaiveDate> {
        let net = self.per_day.checked_sub(self.leaves_per_day).filter(|net| *net > 0)?;
        let days = free / net;
        (days < 36_500).then(|| today.checked_add_days(Days::new(days)))?
    }
}

/// What the dataset of `feed` does to the disk. `with_tier`: there is a cold store, so days that are due move by themselves.
pub fn growth(feed: &Feed, metadata: &Metadata, today: NaiveDate, with_tier: bool) -> Growth {
    let mut found = Growth {
        local_bytes: sum(metadata.partitions.iter().map(crate::lake::PartitionInfo::local_bytes)),
        cold_bytes: sum(metadata.partitions.iter().filter_map(|p| Some(p.cold.as_ref()?.bytes))),
        ..Growth::default()
    };
    if feed.kind == FeedKind::Table {
        return found;
    }
    let mut by_day: BTreeMap<NaiveDate, u64> = BTreeMap::new();
    for partition in &metadata.partitions {
        if let Some(day) = PartitionPath::parse(&partition.path).and_then(PartitionPath::first_day) {
            let bytes = by_day.entry(day).or_insert(0);
            *bytes = bytes.saturating_add(partition.bytes);
        }
    }
    let (Some(newest), Some(oldest)) = (by_day.keys().next_back().copied(), by_day.keys().next().copied())
    else {
        return found;
    };
    let from = newest.checked_sub_days(Days::new(LOOKED_AT)).unwrap_or(oldest).max(oldest);
    let span = u64::try_from((newest - from).num_days()).unwrap_or(0);
    let recent = sum(by_day.range(from..newest).map(|(_, bytes)| *bytes));
    found.per_day = recent.checked_div(span).unwrap_or(0);
    // A rule that has reached the oldest day takes one away for each that comes.
    let reached = |days: Option<u32>| {
        let first_kept = days.and_then(|days| today.checked_sub_days(Days::new(u64::from(days))));
        first_kept.is_some_and(|first| oldest <= first)
    };
    let moves = with_tier && reached(feed.tier_after_days);
    if reached(feed.retention_days) || moves {
        found.leaves_per_day = found.per_day;
    }
    let limit = feed.tier_after_days.and_then(|days| today.checked_sub_days(Days::new(u64::from(days))));
    let is_due = |path: &str| {
        PartitionPath::parse(path)
            .and_then(PartitionPath::end)
            .zip(limit)
            .is_some_and(|(end, limit)| end <= limit)
    };
    let due = metadata.partitions.iter().filter(|p| p.sealed_at.is_some() && is_due(&p.path));
    found.movable_bytes = sum(due.map(crate::lake::PartitionInfo::local_bytes));
    found
}

/// The numbers are those of a file: it may say anything.
fn sum(bytes: impl Iterator<Item = u64>) -> u64 {
    bytes.fold(0, u64::saturating_add)
}

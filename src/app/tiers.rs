//! Where days lie, what is due to move between the tiers, and how long the disk lasts: from what is known, nothing is asked.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};

use super::state::App;
use super::view::Sign;
use super::view::text::{moment, size};
use crate::feed::{Feed, Place as Folder};
use crate::lake::{Growth, Metadata, PartitionInfo, TierRules, growth, tier_candidates, tier_reason_to_stay};

/// The tiers as they are configured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tiers {
    /// The cold store; `None`: there is none.
    pub store: Option<String>,
    /// How long the local copy of a day stays.
    pub grace: Duration,
    /// What a GiB on the local disk costs a month.
    pub hot_cost: Option<f64>,
    /// What a GiB in the cold tier costs a month.
    pub cold_cost: Option<f64>,
}

/// Where a partition lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Place {
    /// All of it is on the lake's own disk, and nowhere else.
    #[default]
    Hot,
    /// All of it is in the cold tier, and nothing here.
    Cold,
    /// It is in the cold tier, and a copy is here still.
    Both,
    /// It is in the cold tier, and rows that came later are here.
    Late,
}

impl Place {
    pub(crate) fn of(partition: &PartitionInfo) -> Self {
        match &partition.cold {
            None => Self::Hot,
            Some(cold) if cold.local_files > 0 => Self::Both,
            Some(_) if partition.local_files() > 0 => Self::Late,
            Some(_) => Self::Cold,
        }
    }

    /// The place of a day of which parts lie here and there.
    pub(crate) fn with(self, other: Self) -> Self {
        match (self, other) {
            _ if self == other => self,
            (Self::Late, _) | (_, Self::Late) => Self::Late,
            _ => Self::Both,
        }
    }

    /// In one word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Cold => "cold",
            Self::Both => "both",
            Self::Late => "late",
        }
    }

    pub(crate) fn sign(self) -> Sign {
        match self {
            Self::Hot => Sign::Hot,
            Self::Cold => Sign::Cold,
            Self::Both => Sign::Both,
            Self::Late => Sign::Late,
        }
    }

    /// What the word means, for a legend.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Hot => "on this disk alone",
            Self::Cold => "in the cold tier alone",
            Self::Both => "cold, with a copy here",
            Self::Late => "cold, with late rows here",
        }
    }
}

/// What of a dataset is due to move, and what is not though its time has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Due {
    /// Partitions that move.
    pub(crate) days: u64,
    /// Rows, files and bytes of them that are not in the cold tier yet.
    pub(crate) rows: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Partitions that lie in the cold tier already, and until when copies of them stay here.
    pub(crate) cold: u64,
    pub(crate) local_until: Option<DateTime<Utc>>,
    /// Partitions that stay, and why the first of them does.
    pub(crate) stay: u64,
    pub(crate) why: Option<String>,
    /// Partitions of the whole dataset whose local copies may go, and the size of these.
    pub(crate) copies: u64,
    pub(crate) copy_bytes: u64,
}

impl Due {
    /// By the feed's `tier_after_days`, or of this day alone.
    pub(crate) fn of(feed: &Feed, metadata: &Metadata, now: DateTime<Utc>, day: Option<NaiveDate>) -> Self {
        let rules = TierRules::of(feed, now, day);
        let mut due = Self::default();
        for partition in tier_candidates(metadata, rules) {
            let cold = partition.cold.as_ref();
            let files = partition.files.saturating_sub(cold.map_or(0, |cold| cold.files));
            if files == 0 {
                due.cold += 1;
                due.local_until = due.local_until.max(cold.and_then(|cold| cold.local_until));
            } else if let Some(why) = tier_reason_to_stay(metadata, partition) {
                due.stay += 1;
                due.why.get_or_insert(why);
            } else {
                let rows = partition.records.saturating_sub(cold.map_or(0, |cold| cold.records));
                let bytes = partition.bytes.saturating_sub(cold.map_or(0, |cold| cold.bytes));
                due.add(1, rows, files, bytes);
            }
        }
        for cold in metadata.partitions.iter().filter_map(|partition| partition.cold.as_ref()) {
            if cold.local_until.is_some_and(|until| until <= now) {
                due.copies += 1;
                due.copy_bytes = due.copy_bytes.saturating_add(cold.local_bytes);
            }
        }
        due
    }

    fn add(&mut self, days: u64, rows: u64, files: u64, bytes: u64) {
        self.days = self.days.saturating_add(days);
        self.rows = self.rows.saturating_add(rows);
        self.files = self.files.saturating_add(files);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Takes another dataset in.
    pub(crate) fn join(&mut self, other: Self) {
        self.add(other.days, other.rows, other.files, other.bytes);
        self.cold = self.cold.saturating_add(other.cold);
        self.local_until = self.local_until.max(other.local_until);
        self.stay = self.stay.saturating_add(other.stay);
        self.why = self.why.take().or(other.why);
        self.copies = self.copies.saturating_add(other.copies);
        self.copy_bytes = self.copy_bytes.saturating_add(other.copy_bytes);
    }
}

/// The disk of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disk {
    /// Free bytes.
    pub(crate) free: u64,
    /// What all datasets do to it.
    pub(crate) growth: Growth,
    /// When it is full at this rate.
    pub(crate) full: Option<NaiveDate>,
    /// When it is full once all that may move has moved.
    pub(crate) later: Option<NaiveDate>,
}

impl App {
    /// Days may lie in the cold tier: there is a store, or something lies there.
    pub(crate) fn has_tiers(&self) -> bool {
        self.setup.tiers.store.is_some() || !self.cold_feeds.is_empty()
    }

    /// What the dataset of a feed does to the disk, as it was when the dataset was read.
    pub(crate) fn growth_of(&self, feed: &str) -> Option<&Growth> {
        self.held.get(feed).and_then(|held| held.growth.as_ref())
    }

    /// Works out anew what the dataset of a feed does to the disk.
    pub(crate) fn measure(&mut self, feed: &str) {
        let with_tier = self.setup.tiers.store.is_some();
        let today = self.clock.date_naive();
        let found = self.feeds.feed(feed).zip(self.metadata(feed));
        let found = found.map(|(feed, metadata)| growth(feed, metadata, today, with_tier));
        if found.is_some_and(|growth| growth.cold_bytes > 0) {
            self.cold_feeds.insert(feed.to_owned());
        } else {
            self.cold_feeds.remove(feed);
        }
        if let Some(held) = self.held.get_mut(feed) {
            held.growth = found;
        }
    }

    /// Of every feed: their meaning or the day is another one.
    pub(crate) fn measure_all(&mut self) {
        self.cold_feeds.clear();
        let feeds: Vec<String> = self.held.keys().cloned().collect();
        for feed in &feeds {
            self.measure(feed);
        }
    }

    /// Takes how much of the disk is free. Only a number that is shown as another one is something to draw.
    pub(crate) fn set_free(&mut self, free: u64) {
        let shown = self.free.replace(free).map(size);
        self.revision += u64::from(shown != Some(size(free)));
    }

    /// The disk and when it is full; `None` before it was looked at. Feeds in the archive do not grow.
    pub(crate) fn disk(&self) -> Option<Disk> {
        let free = self.free?;
        let mut all = Growth::default();
        for (feed, held) in &self.held {
            let is_active = self.feeds.entry(feed).is_some_and(|entry| entry.place == Folder::Active);
            if let (true, Some(growth)) = (is_active, held.growth) {
                all.add(growth);
            }
        }
        let today = self.now.date_naive();
        let (full, later) =
            (all.full_on(free, today), all.full_on(free.saturating_add(all.movable_bytes), today));
        Some(Disk { free, growth: all, full, later })
    }

    /// `1.20 here, 0.35 cold`: what bytes cost a month, where prices are configured.
    pub(crate) fn costs(&self, local: u64, cold: u64) -> Option<String> {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        let tiers = &self.setup.tiers;
        let hot = tiers.hot_cost.map(|cost| format!("{:.2} here", gib(local) * cost));
        let cold = tiers.cold_cost.map(|cost| format!("{:.2} cold", gib(cold) * cost));
        let told: Vec<_> = [hot, cold].into_iter().flatten().collect();
        (!told.is_empty()).then(|| told.join(", "))
    }
}

/// `the copy here stays until 2025-01-15 10:00Z`, or that its time is over.
pub(crate) fn copy_until(until: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if until <= now {
        return "the copy here is due to go".to_owned();
    }
    format!("the copy here stays until {}", moment(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_day_make_its_place() {
        assert_eq!(Place::Hot.with(Place::Hot), Place::Hot);
        assert_eq!(Place::Hot.with(Place::Cold), Place::Both);
        assert_eq!(Place::Cold.with(Place::Cold), Place::Cold);
        assert_eq!(Place::Late.with(Place::Cold), Place::Late);
    }
}

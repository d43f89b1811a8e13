//! Records that the lake knows to be lost, as a state of the dataset and not as a warning of one run.
//!
//! | cause | when | what is known |
//! |---|---|---|
//! | [`LossCause::LogStart`] | Kafka removed records before they were read | their offsets, not their day |
//! | [`LossCause::Undo`] | an undo took rows away that did not come back | their day and their number |
//! | [`LossCause::Repair`] | a repair put damaged files aside | their day and their number |
//!
//! While a loss is not acknowledged, exports end with a code of their own. While it is not known which days it touches,
//! nothing is claimed: no `complete_through`, no seal. Of a loss with a known day that day alone is not claimed. An operator acknowledges it (`lakehand feeds acknowledge-loss`); the record stays, and the days that it may touch
//! are never called complete.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::lake::layout;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::manifest::offsets::length;
use crate::lake::manifest::partition::PartitionInfo;

/// Records that are not in the lake and cannot be read again from where they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostRecords {
    /// What made them go.
    pub cause: LossCause,
    /// When it was noticed.
    pub at: DateTime<Utc>,
    /// Number of records; of a log's start an upper bound, as not every offset need have held one.
    pub records: u64,
    /// Per Kafka partition the first and the last offset between which they lay, both included, where known.
    #[serde(default)]
    pub offsets: BTreeMap<i32, [i64; 2]>,
    /// The partition folder in which they were, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// When an operator took note of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<DateTime<Utc>>,
}

/// What made records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossCause {
    /// The log began beyond the lake's position: Kafka's retention, or a deletion of records.
    LogStart,
    /// An undo took rows away that did not come back.
    Undo,
    /// A repair put damaged files aside.
    Repair,
}

impl LossCause {
    /// `log-start`, `undo` or `repair`
    pub fn name(self) -> &'static str {
        match self {
            Self::LogStart => "log-start",
            Self::Undo => "undo",
            Self::Repair => "repair",
        }
    }

    /// In words: `Kafka had removed them before they were read`
    pub fn sentence(self) -> &'static str {
        match self {
            Self::LogStart => "Kafka had removed them before they were read",
            Self::Undo => "an undo took them away",
            Self::Repair => "a repair found their file damaged",
        }
    }
}

impl LostRecords {
    /// Records that the log no longer held when they were to be read: partition, first and last offset.
    pub(crate) fn of_log(lost: &[(i32, [i64; 2])], now: DateTime<Utc>) -> Self {
        Self {
            cause: LossCause::LogStart,
            at: now,
            records: lost.iter().map(|(_, range)| length(*range)).sum(),
            offsets: lost.iter().copied().collect(),
            folder: None,
            acknowledged_at: None,
        }
    }

    /// `450 records lost on 2025-01-15 10:00:00Z: Kafka had removed them before they were read (offsets 0:50..=499)`
    pub fn sentence(&self) -> String {
        let mut place: Vec<String> = self.folder.iter().cloned().collect();
        let ranges = self.offsets.iter().map(|(kafka, [first, last])| format!("{kafka}:{first}..={last}"));
        let ranges: Vec<String> = ranges.collect();
        if !ranges.is_empty() {
            place.push(format!("offsets {}", ranges.join(" ")));
        }
        let place = if place.is_empty() { String::new() } else { format!(" ({})", place.join(", ")) };
        let acknowledged = self
            .acknowledged_at
            .map_or(String::new(), |at| format!("; acknowledged on {}", at.format("%Y-%m-%d %H:%M:%SZ")));
        format!(
            "{} records lost on {}: {}{place}{acknowledged}",
            self.records,
            self.at.format("%Y-%m-%d %H:%M:%SZ"),
            self.cause.sentence()
        )
    }

    /// Whether the partition at `path` may lack some of these records. Where only offsets are known: the newest partition
    /// with a row before them, the oldest one with a row behind them, and all between.
    pub fn may_touch(&self, path: &str, partitions: &[PartitionInfo]) -> bool {
        if let Some(folder) = &self.folder {
            return folder == path;
        }
        self.offsets.iter().any(|(kafka, [first, last])| {
            let hulls = || {
                partitions.iter().filter_map(|p| Some((layout::path_order(&p.path), p.offsets.get(kafka)?)))
            };
            let before = hulls().filter(|(_, hull)| hull[0] < *first).map(|(path, _)| path).max();
            let behind = hulls().filter(|(_, hull)| hull[1] > *last).map(|(path, _)| path).min();
            let path = layout::path_order(path);
            // Late rows may turn the two around.
            let (from, to) = match (before, behind) {
                (Some(a), Some(b)) if a > b => (Some(b), Some(a)),
                other => other,
            };
            from.is_none_or(|from| from <= path) && to.is_none_or(|to| path <= to)
        })
    }
}

impl Metadata {
    /// Losses that nobody has acknowledged.
    pub fn open_losses(&self) -> impl Iterator<Item = &LostRecords> {
        self.lost_records.iter().filter(|loss| loss.acknowledged_at.is_none())
    }

    /// Records of losses that nobody has acknowledged.
    pub fn open_lost_records(&self) -> u64 {
        self.open_losses().map(|loss| loss.records).sum()
    }

    /// A loss is known that may touch the partition.
    pub fn may_lack_records(&self, path: &str) -> bool {
        self.lost_records.iter().any(|loss| loss.may_touch(path, &self.partitions))
    }

    /// Moves the watermark to `through`. What is beyond `now` was said by a wrong clock and is taken back; over a loss that
    /// nobody has acknowledged nothing is claimed, and while a query that writes the source stands still nothing more.
    pub(crate) fn claim(&mut self, through: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        let known = self.complete_through.filter(|known| *known <= now);
        // Of a loss in a known folder that folder alone is not claimed.
        let open = self.open_losses().any(|loss| loss.folder.is_none());
        let through = through.filter(|_| self.stopped_writers.is_empty());
        self.complete_through = if open { None } else { known.max(through) };
    }

    /// Makes the list of losses say what the partitions say (`PartitionInfo::lost_records`): new ones come with `cause`,
    /// those that were mended go.
    pub(crate) fn note_partition_losses(&mut self, cause: LossCause, now: DateTime<Utc>) {
        let partitions = &self.partitions;
        let lost = |path: &str| partitions.iter().find(|p| p.path == path).map_or(0, |p| p.lost_records);
        self.lost_records.retain(|loss| loss.folder.as_deref().is_none_or(|folder| lost(folder) > 0));
        for partition in self.partitions.iter().filter(|partition| partition.lost_records > 0) {
            let of = |loss: &&mut LostRecords| loss.folder.as_deref() == Some(&partition.path);
            match self.lost_records.iter_mut().find(of) {
                Some(known) if partition.lost_records <= known.records => {
                    known.records = partition.lost_records;
                }
                Some(known) => {
                    *known = LostRecords {
                        cause,
                        at: now,
                        records: partition.lost_records,
                        acknowledged_at: None,
                        ..known.clone()
                    };
                }
                None => self.lost_records.push(LostRecords {
                    cause,
                    at: now,
                    records: partition.lost_records,
                    offsets: partition.offsets.clone(),
                    folder: Some(partition.path.clone()),
                    acknowledged_at: None,
                }),
            }
        }
        self.claim(None, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32, offsets: [i64; 2]) -> PartitionInfo {
        PartitionInfo {
            path: format!("year=2025/month=01/day={day:02}"),
            offsets: BTreeMap::from([(0, offsets)]),
            ..PartitionInfo::default()
        }
    }

    #[test]
    fn a_loss_touches_the_days_between_which_it_lies() {
        let days = [day(1, [0, 9]), day(2, [10, 19]), day(4, [50, 59]), day(5, [60, 69])];
        let touched = |first, last| {
            let loss = LostRecords::of_log(&[(0, [first, last])], DateTime::UNIX_EPOCH);
            days.iter().map(|day| loss.may_touch(&day.path, &days)).collect::<Vec<_>>()
        };
        assert_eq!(touched(20, 49), [false, true, true, false]);
        // Nothing came behind it yet: it may belong to the last day, and to each that follows.
        assert_eq!(touched(70, 99), [false, false, false, true]);
    }
}

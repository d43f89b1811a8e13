//! What a stream's dataset holds of each day, and what is missing in it, as the footers tell.
//!
//! Gaps are those of `verify/gaps`, over all files of a Kafka partition. A missing offset does not tell its day: the newest
//! day with rows before it, the oldest with rows behind it, and all between show the gap.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::Result;
use crate::lake::layout;
use crate::lake::ops::seal;
use crate::lake::verify::gaps::{Gap, Why, gaps};
use crate::lake::verify::offsets::overlaps;
use crate::lake::verify::scan::Scan;

/// Gaps that a day lists; what comes beyond joins the last of its sort, which then tells how many offsets it lacks.
const LISTED: usize = 1000;

/// One partition folder.
#[derive(Debug, Clone, PartialEq)]
pub struct DayState {
    /// `year=2025/month=01/day=15`
    pub partition: String,
    /// Rows in its files.
    pub rows: u64,
    /// The partition's files.
    pub files: u64,
    /// Per Kafka partition the first and the last offset held.
    pub offsets: BTreeMap<i32, [i64; 2]>,
    /// Offsets that no file holds, of this day or of one beside it.
    pub gaps: Vec<Gap>,
    /// Rows that a repair has noted as lost.
    pub lost: u64,
    /// Open, sealed or open again.
    pub state: PartitionState,
    /// The instant through which the lake is complete lies beyond its end, nothing is noted as lost, and no gap is
    /// without an explanation: it holds all that the log then held of it.
    pub complete: bool,
    /// When it was sealed, where it is.
    pub sealed_at: Option<DateTime<Utc>>,
}

/// Where a partition is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionState {
    /// Rows may still come.
    Open,
    /// The partition bears `_SUCCESS`.
    Sealed,
    /// The partition was sealed, and then rows came.
    Reopened,
}

impl PartitionState {
    /// `open`, `sealed` or `reopened`
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Sealed => "sealed",
            Self::Reopened => "reopened",
        }
    }
}

/// The partitions of the dataset in `dataset_dir`, sorted by path. Reads every footer and takes no lock: a commit that is
/// under way may show as a gap.
pub fn completeness(dataset_dir: &Path) -> Result<Vec<DayState>> {
    let scan = Scan::of(dataset_dir)?;
    let (_, held) = overlaps(&scan, &BTreeSet::new());
    let mut days: BTreeMap<String, DayState> = BTreeMap::new();
    // Folders with a file of which nothing is known.
    let mut unread = BTreeSet::new();
    for file in &scan.files {
        let Some(footer) = file.sound() else {
            if layout::is_ours(&file.name) {
                unread.insert(file.folder.clone());
            }
            continue;
        };
        let day = days.entry(file.folder.clone()).or_insert_with(|| DayState::empty(&file.folder));
        day.rows += footer.rows;
        day.files += 1;
        for (kafka, [first, last]) in footer.offsets.hulls() {
            let hull = day.offsets.entry(kafka).or_insert([first, last]);
            *hull = [hull[0].min(first), hull[1].max(last)];
        }
    }
    let recorded = scan.metadata.iter().flatten().flat_map(|metadata| &metadata.partitions);
    for path in recorded.map(|known| &known.path) {
        days.entry(path.clone()).or_insert_with(|| DayState::empty(path));
    }
    let mut days: Vec<_> = days.into_values().collect();
    days.sort_by(|a, b| layout::path_order(&a.partition).cmp(&layout::path_order(&b.partition)));
    for (kafka, gaps) in gaps(&scan, &held) {
        let around = Around::of(kafka, &days);
        for gap in gaps {
            days.get_mut(around.days(&gap)).into_iter().flatten().for_each(|day| day.note_gap(gap));
        }
    }
    if let Some(Ok(metadata)) = &scan.metadata {
        let through = metadata.complete_through.filter(|_| metadata.caught_up);
        let of: BTreeMap<_, _> = metadata.partitions.iter().map(|known| (&known.path, known)).collect();
        for day in &mut days {
            let Some(known) = of.get(&day.partition) else { continue };
            day.lost = known.lost_records;
            let end = seal::end_of(&known.path, seal::zone_of(metadata));
            let accounted = day.lost == 0 && day.gaps.iter().all(|gap| gap.why == Why::Quarantined);
            let known_whole = accounted && !unread.contains(&known.path);
            day.complete = known_whole && through.zip(end).is_some_and(|(through, end)| end <= through);
            day.sealed_at = known.sealed_at.filter(|_| scan.sealed.contains(&known.path));
            day.state = match (day.sealed_at, known.reopened_at) {
                (Some(_), _) => PartitionState::Sealed,
                (None, Some(_)) => PartitionState::Reopened,
                (None, None) => PartitionState::Open,
            };
        }
    }
    Ok(days)
}

impl DayState {
    fn note_gap(&mut self, gap: Gap) {
        let like = |known: &&mut Gap| (known.partition, known.why) == (gap.partition, gap.why);
        if self.gaps.len() >= LISTED
            && let Some(last) = self.gaps.iter_mut().rev().find(like)
        {
            last.last = last.last.max(gap.last);
            last.missing = last.missing.saturating_add(gap.missing);
        } else {
            self.gaps.push(gap);
        }
    }

    fn empty(path: &str) -> Self {
        Self {
            partition: path.to_owned(),
            rows: 0,
            files: 0,
            offsets: BTreeMap::new(),
            gaps: Vec::new(),
            lost: 0,
            state: PartitionState::Open,
            complete: false,
            sealed_at: None,
        }
    }
}

/// The days with rows before and behind an offset of one Kafka partition.
struct Around {
    /// First offset of a day, ascending, with the newest day that begins there or before.
    begins: Vec<(i64, usize)>,
    /// Last offset of a day, ascending, with the oldest day that ends there or behind.
    ends: Vec<(i64, usize)>,
    newest: usize,
}

impl Around {
    fn of(kafka: i32, days: &[DayState]) -> Self {
        let hulls = || days.iter().enumerate().filter_map(|(at, day)| Some((at, day.offsets.get(&kafka)?)));
        let mut begins: Vec<_> = hulls().map(|(at, [first, _])| (*first, at)).collect();
        let mut ends: Vec<_> = hulls().map(|(at, [_, last])| (*last, at)).collect();
        begins.sort_unstable();
        ends.sort_unstable();
        begins.iter_mut().fold(0, |newest, (_, day)| {
            *day = newest.max(*day);
            *day
        });
        ends.iter_mut().rev().fold(usize::MAX, |oldest, (_, day)| {
            *day = oldest.min(*day);
            *day
        });
        Self { begins, ends, newest: days.len().saturating_sub(1) }
    }

    /// Without a day on one side it may be of each day on the other. Where only the number is known: each day with rows there.
    fn days(&self, gap: &Gap) -> RangeInclusive<usize> {
        // The newest day that begins before the one, the oldest that ends behind the other.
        let (before, behind) = match gap.why {
            Why::Unknown => (gap.last.saturating_add(1), gap.first.saturating_sub(1)),
            _ => (gap.first, gap.last),
        };
        let before = self.begins.partition_point(|(first, _)| *first < before);
        let behind = self.ends.partition_point(|(last, _)| *last <= behind);
        let before = before.checked_sub(1).and_then(|at| self.begins.get(at)).map(|(_, day)| *day);
        let behind = self.ends.get(behind).map(|(_, day)| *day);
        match (before, behind) {
            // Late rows turn the two around.
            (Some(before), Some(behind)) => before.min(behind)..=before.max(behind),
            (before, behind) => before.unwrap_or(0)..=behind.unwrap_or(self.newest),
        }
    }
}

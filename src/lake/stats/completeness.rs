//! What a stream's dataset holds of each day, and what is missing in it, as the footers tell.
//!
//! | a hole between the offsets of a file | why |
//! |---|---|
//! | filled by another file | none: it is not missing |
//! | its rows are in quarantine | [`Why::Quarantined`] |
//! | Kafka had removed its records before they were read | [`Why::Lost`] |
//! | anything else | [`Why::Unexplained`]: a filter, a marker of a transaction, retention of another day, or a loss |
//! | the footer tells only a hull | [`Why::Unknown`]: too many holes to list |
//!
//! A missing offset does not tell its day: each day of which a file has rows on both sides of it shows the gap.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::Result;
use crate::lake::layout;
use crate::lake::manifest::offsets::{Ranges, length};
use crate::lake::ops::seal;
use crate::lake::verify::offsets::overlaps;
use crate::lake::verify::scan::Scan;

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
    /// Holes between them that no file fills.
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

/// Offsets of one Kafka partition that are missing between those held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Kafka partition.
    pub partition: i32,
    /// First offset missing.
    pub first: i64,
    /// Last offset missing.
    pub last: i64,
    /// How many of them are missing.
    pub missing: u64,
    /// What is known of it.
    pub why: Why,
}

/// What is known of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The rows are in quarantine.
    Quarantined,
    /// Kafka had removed the records before they were read.
    Lost,
    /// Nobody knows: nothing says whether the log ever held a row there.
    Unexplained,
    /// The offsets in between are too many to be listed; only their number is known.
    Unknown,
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

impl Why {
    /// `quarantined`, `lost`, `unexplained` or `unknown`
    pub fn name(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Lost => "lost",
            Self::Unexplained => "unexplained",
            Self::Unknown => "unknown",
        }
    }
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
        for (kafka, told) in footer.offsets.partitions() {
            if let ([hull], true) = (&told.runs[..], told.hull) {
                let missing = length(*hull).saturating_sub(told.rows);
                let [first, last] = *hull;
                day.gaps.push(Gap { partition: *kafka, first, last, missing, why: Why::Unknown });
                continue;
            }
            let Some(all) = held.offsets.of(*kafka) else { continue };
            let holes = told.runs.windows(2).flat_map(|pair| all.missing([pair[0][1] + 1, pair[1][0] - 1]));
            day.gaps.extend(holes.flat_map(|hole| explain(&scan, *kafka, hole)));
        }
    }
    if let Some(Ok(metadata)) = &scan.metadata {
        let through = metadata.complete_through.filter(|_| metadata.caught_up);
        for known in &metadata.partitions {
            let day = days.entry(known.path.clone()).or_insert_with(|| DayState::empty(&known.path));
            day.lost = known.lost_records;
            for loss in metadata.lost_records.iter().filter(|loss| loss.folder.is_none()) {
                if loss.may_touch(&known.path, &metadata.partitions) {
                    day.note_loss(&loss.offsets);
                }
            }
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
    let mut days: Vec<_> = days.into_values().collect();
    for day in &mut days {
        day.gaps.sort_by_key(|gap| (gap.partition, gap.first));
        day.gaps.dedup();
    }
    days.sort_by(|a, b| layout::path_order(&a.partition).cmp(&layout::path_order(&b.partition)));
    Ok(days)
}

impl DayState {
    /// Offsets that are lost and may have been of this day: gaps of their own, cut out of those without an explanation.
    fn note_loss(&mut self, offsets: &BTreeMap<i32, [i64; 2]>) {
        for (kafka, lost) in offsets {
            let mut runs = Ranges::default();
            runs.add(*lost);
            for gap in std::mem::take(&mut self.gaps) {
                if gap.partition != *kafka || gap.why != Why::Unexplained {
                    self.gaps.push(gap);
                    continue;
                }
                self.gaps.extend(runs.missing([gap.first, gap.last]).into_iter().map(|[first, last]| Gap {
                    first,
                    last,
                    missing: length([first, last]),
                    ..gap
                }));
            }
            let [first, last] = *lost;
            self.gaps.push(Gap { partition: *kafka, first, last, missing: length(*lost), why: Why::Lost });
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

/// A hole, cut into what is in quarantine and what nobody knows of.
fn explain(scan: &Scan, partition: i32, hole: [i64; 2]) -> Vec<Gap> {
    let none = Ranges::default();
    let bad = scan.bad_rows.of(partition).unwrap_or(&none);
    let gap =
        |[first, last]: [i64; 2], why| Gap { partition, first, last, missing: length([first, last]), why };
    let unknown = bad.missing(hole);
    let mut rest = Ranges::default();
    for part in &unknown {
        rest.add(*part);
    }
    let mut gaps: Vec<Gap> = unknown.into_iter().map(|part| gap(part, Why::Unexplained)).collect();
    gaps.extend(rest.missing(hole).into_iter().map(|part| gap(part, Why::Quarantined)));
    gaps
}

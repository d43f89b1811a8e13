//! Which days go to the cold tier, and which files of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::feed::{Feed, FeedKind, TableFormat};
use crate::hash::ContentHash;
use crate::lake::layout::{self, Leaf, PartitionPath, Places};
use crate::lake::manifest::cold;
use crate::lake::manifest::journal::{self, Journal};
use crate::lake::manifest::metadata::{Metadata, read_metadata_at};
use crate::lake::manifest::partition::PartitionInfo;
use crate::lake::txn::transaction::is_data;
use crate::{Error, Kind, Result};

/// When a day is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierRules {
    /// Days after the end of a day; `None`: none is due by its age.
    pub after_days: Option<u32>,
    /// Today, in UTC.
    pub today: NaiveDate,
    /// This day alone, whatever its age.
    pub day: Option<NaiveDate>,
}

impl TierRules {
    /// Those of a feed, or for one day of it.
    pub fn of(feed: &Feed, now: DateTime<Utc>, day: Option<NaiveDate>) -> Self {
        Self { after_days: feed.tier_after_days, today: now.date_naive(), day }
    }
}

/// What is due, and what is not though its time has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// The days, oldest first.
    pub days: Vec<DueCold>,
    /// Days that stay, and why.
    pub not: Vec<NotDue>,
}

/// A partition that is due, with the files of it that do not lie in the cold tier yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueCold {
    /// Below the dataset: `year=2024/month=03/day=01`.
    pub partition: String,
    /// The files.
    pub files: Vec<LocalFile>,
    /// Rows.
    pub rows: u64,
    /// Size, bytes.
    pub bytes: u64,
}

/// A data file on the lake's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// The file's name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Size, bytes.
    pub bytes: u64,
    /// Rows, as its record says; 0 where it has none.
    pub rows: u64,
    /// The hash of its content when it was written; `None` where no record tells.
    pub hash: Option<ContentHash>,
}

/// A partition that is not moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDue {
    /// Below the dataset.
    pub partition: String,
    /// Why.
    pub why: String,
}

/// What of the dataset in `dataset_dir` is due. Takes no lock.
///
/// # Errors
/// `Kind::Refused` where no day of the dataset may move: it is a table, or a Delta table's files lie below its own folder. `Kind::Usage`
/// when the day that is asked for is not in the lake.
pub fn due(dataset_dir: &Path, feed: &Feed, rules: TierRules) -> Result<Due> {
    if let Some(why) = refusal(feed) {
        return Err(Error::new(Kind::Refused, why).at("feed", &feed.name).next(
            "keep it on the lake's disk; or `lakehand feeds disable-format` leaves a stream plain Parquet or Iceberg, whose days move one by one",
        ));
    }
    let places = Places::find(dataset_dir)?;
    let Some(metadata) = read_metadata_at(&places.metadata)? else { return Ok(Due::default()) };
    let wanted = candidates(&metadata, rules);
    if let (Some(day), true) = (rules.day, wanted.is_empty()) {
        return Err(Error::new(Kind::Usage, format!("the lake holds nothing of {day}"))
            .at("feed", &feed.name)
            .next("`lakehand tier list` names the days that it holds"));
    }
    let mut due = Due::default();
    if wanted.is_empty() {
        return Ok(due);
    }
    let journal = journal::read(&places.journal())?.unwrap_or_default();
    let cold: BTreeSet<String> = cold::stubs(&places)?.iter().map(cold::StubFile::relative).collect();
    let leaves = layout::leaves(&places.data)?;
    for partition in wanted {
        let leaf = leaves.iter().find(|leaf| leaf.path == partition.path);
        let is_linked = leaf.is_some_and(|leaf| leaf.is_linked || !leaf.is_reachable);
        let linked = is_linked.then(|| "it lies behind a link already".to_owned());
        match (reason_to_stay(&metadata, partition).or(linked), leaf) {
            (Some(why), _) => due.not.push(NotDue { partition: partition.path.clone(), why }),
            (None, Some(leaf)) => due.days.extend(DueCold::of(leaf, &journal, &cold)),
            (None, None) => {}
        }
    }
    Ok(due)
}

/// Why no day of the feed's dataset may move; `None` where days may.
pub fn refusal(feed: &Feed) -> Option<&'static str> {
    if feed.kind == FeedKind::Table {
        return Some("a table is one version that is read whole: it has no days that could move");
    }
    feed.table_format.contains(&TableFormat::Delta).then_some(
        "readers of a Delta table find files below the table's own folder only, so a Delta dataset moves as a whole or not at all: none of its days is moved",
    )
}

/// Partitions whose time has come, or those of the day.
pub fn candidates(metadata: &Metadata, rules: TierRules) -> Vec<&PartitionInfo> {
    let limit = rules.after_days.and_then(|days| rules.today.checked_sub_days(Days::new(u64::from(days))));
    let is_wanted = |partition: &&PartitionInfo| {
        let Some(path) = PartitionPath::parse(&partition.path) else { return false };
        match rules.day {
            Some(day) => path.holds(day),
            None => limit.zip(path.end()).is_some_and(|(limit, end)| end <= limit),
        }
    };
    metadata.partitions.iter().filter(|partition| partition.files > 0).filter(is_wanted).collect()
}

/// Why a partition whose time has come is not moved now, as far as the metadata tells.
pub fn reason_to_stay(metadata: &Metadata, partition: &PartitionInfo) -> Option<String> {
    if partition.sealed_at.is_none() {
        let what = if partition.reopened_at.is_some() { "open again" } else { "not sealed" };
        return Some(format!("it is {what}: only sealed days move (export.seal_after)"));
    }
    if metadata.is_pinned(&partition.path) {
        return Some("it is pinned".to_owned());
    }
    if partition.lost_records > 0 {
        return Some("rows of it are noted as lost: they may still be brought back from the bin".to_owned());
    }
    None
}

impl DueCold {
    /// The files of a folder that do not lie in the cold tier; `None` where there is none.
    fn of(leaf: &Leaf, journal: &Journal, cold: &BTreeSet<String>) -> Option<Self> {
        let mut day = Self { partition: leaf.path.clone(), files: Vec::new(), rows: 0, bytes: 0 };
        for entry in leaf.files.iter().filter(|entry| is_data(entry)) {
            let path = layout::join(&leaf.path, &entry.name);
            if cold.contains(&path) {
                continue;
            }
            let record = journal.files.get(&path).filter(|record| record.bytes == entry.bytes);
            let rows = record.map_or(0, |record| record.rows);
            day.files.push(LocalFile {
                name: entry.name.clone(),
                path: entry.path.clone(),
                bytes: entry.bytes,
                rows,
                hash: record.and_then(|record| record.hash),
            });
            day.rows += rows;
            day.bytes += entry.bytes;
        }
        (!day.files.is_empty()).then_some(day)
    }
}

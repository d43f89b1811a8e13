//! A dataset of sealed days, and a store that is a folder.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use lakehand::Result;
use lakehand::feed::Feed;
use lakehand::hash::ContentHash;
use lakehand::lake::verify::{FindingKind, Options, Severity, check};
use lakehand::lake::{
    CopiesDue, Dataset, DueCold, Freed, Lake, TierRules, cold_files, completeness, read_metadata, tier_due,
    usage,
};

use crate::lake_support::*;

/// How long local copies stay.
pub(crate) const GRACE: i64 = DAY;
/// Days of the dataset.
pub(crate) const DAYS: i64 = 6;
/// Rows of each.
pub(crate) const PER_DAY: i64 = 8;

/// When everything happens.
pub(crate) fn now() -> DateTime<Utc> {
    at(T0 + 40 * DAY)
}

pub(crate) fn later() -> DateTime<Utc> {
    now() + TimeDelta::milliseconds(GRACE)
}

pub(crate) fn day(n: i64) -> NaiveDate {
    at(T0 + n * DAY).date_naive()
}

/// A lake that seals days at once.
pub(crate) fn sealing(root: &Path) -> Lake {
    Lake::new(root).sealing_after(Some(Duration::ZERO))
}

pub(crate) fn open_sealing(root: &Path, feed: &Feed) -> Dataset {
    Dataset::open(&sealing(root), feed, limits(), owner()).unwrap()
}

/// A dataset of six sealed days, in two commits.
pub(crate) fn sealed(root: &Path, feed: &Feed) -> Vec<Row> {
    let all = days(DAYS, PER_DAY);
    let mut dataset = open_sealing(root, feed);
    append(&mut dataset, &all[..20], "one").unwrap();
    append(&mut dataset, &all[20..], "two").unwrap();
    seal_all(&mut dataset);
    all
}

pub(crate) fn seal_all(dataset: &mut Dataset) {
    let positions = dataset.metadata().positions.clone();
    dataset.note_caught_up(&positions, Some(now()), "offsets", now()).unwrap();
    dataset.seal(now()).unwrap();
}

/// What is due of a day.
pub(crate) fn due_day(dir: &Path, feed: &Feed, n: i64) -> Vec<DueCold> {
    let rules = TierRules { after_days: None, today: now().date_naive(), day: Some(day(n)) };
    tier_due(dir, feed, rules).unwrap().days
}

/// The folder of a partition in the store.
pub(crate) fn folder_url(store: &Path, partition: &str) -> String {
    format!("file://{}/streams/events/{partition}", store.display())
}

pub(crate) fn path_of(url: &str) -> PathBuf {
    PathBuf::from(url.strip_prefix("file://").unwrap())
}

/// Copies the files of a day into the store; gives the hashes of what is there then.
pub(crate) fn copy_out(store: &Path, due: &DueCold) -> Vec<ContentHash> {
    let folder = path_of(&folder_url(store, &due.partition));
    std::fs::create_dir_all(&folder).unwrap();
    let copy = |file: &lakehand::lake::LocalFile| {
        std::fs::copy(&file.path, folder.join(&file.name)).unwrap();
        ContentHash::of(&std::fs::read(folder.join(&file.name)).unwrap())
    };
    due.files.iter().map(copy).collect()
}

/// The day is copied, and readers are sent to the copy.
pub(crate) fn cool(dataset: &mut Dataset, feed: &Feed, store: &Path, n: i64) -> Result<()> {
    for due in due_day(dataset.dir(), feed, n) {
        let hashes = copy_out(store, &due);
        dataset.cool(&due, &hashes, &folder_url(store, &due.partition), later(), now())?;
    }
    Ok(())
}

/// The local copies of a day go.
pub(crate) fn free(dataset: &mut Dataset, n: i64, when: DateTime<Utc>) -> Result<Freed> {
    let partition = folder(T0 + n * DAY);
    let files = cold_files(dataset.dir())?.into_iter().filter(|file| file.partition == partition).collect();
    dataset.drop_copies(&CopiesDue { partition, files }, when)
}

/// The day comes home.
pub(crate) fn home(dataset: &mut Dataset, n: i64) -> Result<()> {
    let coming = dataset.prepare_home(&folder(T0 + n * DAY))?;
    for file in &coming.files {
        let bytes = std::fs::read(path_of(&file.url)).unwrap();
        dataset.receive(&coming, file, |into| {
            into.write_all(&bytes).map_err(|e| lakehand::Error::new(lakehand::Kind::Io, e.to_string()))
        })?;
    }
    dataset.bring_home(&coming, later()).map(|_| ())
}

/// The rows that a reader of both tiers gets who goes by what the dataset says: objects of the cold tier, and local files that are no copies
/// of them. A row that is there twice fails the test.
pub(crate) fn both_tiers(dir: &Path) -> BTreeSet<Row> {
    let (mut copies, mut cold) = (BTreeSet::new(), Vec::new());
    for partition in read_metadata(dir).unwrap().unwrap().partitions {
        let Some(part) = partition.cold else { continue };
        copies.extend(part.objects.iter().map(|name| format!("{}/{name}", partition.path)));
        cold.extend(part.objects.iter().map(|name| path_of(&part.url).join(name)));
    }
    let local = data_files(dir).into_iter().filter(|file| !copies.contains(file)).map(|file| dir.join(file));
    let mut found = BTreeSet::new();
    for path in cold.into_iter().chain(local) {
        for row in rows_of(&path) {
            assert!(found.insert(row), "row {row:?} is there twice");
        }
    }
    found
}

/// Everything agrees: rows, counts, calendar, check.
pub(crate) fn assert_whole(root: &Path, feed: &Feed, all: &[Row]) {
    assert_agrees(root, feed, all, &[]);
}

/// The same, but for findings of these kinds.
pub(crate) fn assert_agrees(root: &Path, feed: &Feed, all: &[Row], but: &[FindingKind]) {
    let dir = Lake::new(root).dataset_dir(feed).unwrap();
    assert_eq!(both_tiers(&dir), all.iter().copied().collect());
    let metadata = read_metadata(&dir).unwrap().unwrap();
    assert_eq!(metadata.total_records, all.len() as u64);
    let report =
        check(&Lake::new(root), feed, Options { deep: true, ..Options::default() }, &owner()).unwrap();
    let wrong: Vec<_> = report
        .findings
        .iter()
        .filter(|found| found.severity != Severity::Note && !but.contains(&found.kind))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(report.rows, all.len() as u64);
    assert!(usage(&dir).unwrap().iter().all(lakehand::lake::PartitionUsage::agrees));
    let calendar = completeness(&dir).unwrap();
    assert_eq!(calendar.iter().map(|day| day.rows).sum::<u64>(), all.len() as u64);
    assert!(calendar.iter().all(|day| day.gaps.is_empty()), "{calendar:?}");
}

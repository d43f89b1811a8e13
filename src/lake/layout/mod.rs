//! Names and paths of the lake.
//!
//! ```text
//! streams/<dataset>/year=2025/month=01/day=15/hour=07/data_2025011507_<commit>_<n>.parquet
//! tables/<dataset>/version=v2/snapshot_20250116_120000.parquet, …_1.parquet, …_2.parquet
//! <dataset>/_metadata.json; everything that is not data lies apart, see `places`
//! ```
//!
//! `<commit>` is the number of the dataset's commit and the run's id, so a name is never used twice and
//! tells which run made the file. Pure functions over names; the only thing it reads from disk is a list of folders.

pub(crate) mod places;

use std::path::{Component, Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::feed::{Feed, FeedKind, Partitioning};
use crate::lake::fs::{self, Entry, Target};
use crate::{Error, Kind, Result};

pub(crate) use crate::feed::partition_path::{Depth, PartitionPath, is_inside, version_of};
pub(crate) use places::{Place, Places, Room};

pub(crate) const METADATA: &str = "_metadata.json";
/// The folder of a Delta table's log, in the dataset's.
pub(crate) const LOG: &str = "_delta_log";
/// The folder of the second names of files, by which that log names them.
pub(crate) const FILES: &str = "_delta_files";
/// The folder of an Iceberg table, in the dataset's.
pub(crate) const ICEBERG: &str = "_iceberg";
/// The folder of the second names of files, by which that table names them.
pub(crate) const ICEBERG_FILES: &str = "_iceberg/data";
/// The mark of a sealed partition: an empty file, as Hadoop's writers leave it.
pub(crate) const SUCCESS: &str = "_SUCCESS";
/// `<lake>/streams/<dataset>` or `<lake>/tables/<dataset>`, as the two parts below the lake.
pub(crate) fn dataset_parts(feed: &Feed) -> Result<(&'static str, String)> {
    let name = feed.dataset();
    let plain = !name.is_empty()
        && name.len() <= 200
        && !name.starts_with(['_', '.'])
        && !name.chars().any(|c| c == '/' || c == '\\' || c.is_control());
    if !plain {
        return Err(Error::new(Kind::Feed, "the source's name cannot be the name of a folder")
            .at("source", &feed.source)
            .at("feed", &feed.name)
            .next(
                "derive one with a plain name in ksqlDB with auto.offset.reset=earliest, and export that",
            ));
    }
    let kind = match feed.kind {
        FeedKind::Stream => "streams",
        FeedKind::Table => "tables",
    };
    Ok((kind, name))
}

/// The names of the folder columns, outermost first.
pub(crate) fn partition_columns(partitioning: &Partitioning) -> Vec<String> {
    match partitioning {
        Partitioning::Date { columns, .. } => columns.iter().map(|c| c.keyword().to_owned()).collect(),
        Partitioning::Version => vec!["version".to_owned()],
    }
}

/// `data_20250115_000042-1f2e3d4c_1.parquet`
pub(crate) fn data_file(digits: &str, commit: &str, n: u64) -> String {
    format!("data_{digits}_{commit}_{n}.parquet")
}

/// `snapshot_20250116_120000.parquet`, then `…_1.parquet`, `…_2.parquet`
pub(crate) fn snapshot_file(taken: DateTime<Utc>, n: u64) -> String {
    let stamp = taken.format("%Y%m%d_%H%M%S");
    if n == 0 { format!("snapshot_{stamp}.parquet") } else { format!("snapshot_{stamp}_{n}.parquet") }
}

/// The id of commit number `seq` of run `run`: `000042-1f2e3d4c`.
pub(crate) fn commit_id(seq: u64, run: &str) -> String {
    format!("{seq:06}-{}", run_word(run))
}

/// The number in a commit's id.
pub(crate) fn commit_seq(id: &str) -> Option<u64> {
    id.split_once('-')?.0.parse().ok()
}

/// Begins with the id of a commit: a number of six digits or more, and what follows it.
pub(crate) fn is_commit_id(text: &str) -> bool {
    text.split_once('-').is_some_and(|(seq, _)| seq.len() >= 6 && seq.bytes().all(|b| b.is_ascii_digit()))
}

/// The word that marks a set in the bin as put there by retention, with the time: `retain20250115T100000Z`.
pub(crate) fn retained_word(now: DateTime<Utc>) -> String {
    now.format("retain%Y%m%dT%H%M%SZ").to_string()
}

/// When retention put a set into the bin, by the id of its commit; `None` for other sets.
pub(crate) fn retained_at(commit: &str) -> Option<DateTime<Utc>> {
    let (_, word) = commit.split_once('-')?;
    let time = chrono::NaiveDateTime::parse_from_str(word, "retain%Y%m%dT%H%M%SZ").ok()?;
    Some(time.and_utc())
}

/// The id of commit number `seq`, a compaction, with the time: `000042-compact20250115T100000Z`. No run of an export has such a
/// word, as those begin with a digit.
pub(crate) fn compaction_id(seq: u64, now: DateTime<Utc>) -> String {
    now.format(&format!("{seq:06}-compact%Y%m%dT%H%M%SZ")).to_string()
}

/// When a compaction put a set into the bin, by the id of its commit; `None` for other sets.
pub(crate) fn compacted_at(commit: &str) -> Option<DateTime<Utc>> {
    let (_, word) = commit.split_once('-')?;
    let time = chrono::NaiveDateTime::parse_from_str(word, "compact%Y%m%dT%H%M%SZ").ok()?;
    Some(time.and_utc())
}

/// What a commit between the tiers does, as its id has it before the time: a day goes cold, its local copy goes, it comes home.
pub(crate) const COLD: &str = "cold";
pub(crate) const LOCAL: &str = "local";
pub(crate) const HOT: &str = "hot";

/// The id of commit number `seq` between the tiers, with the time: `000042-cold20250115T100000Z`. No run of an export has such a word, as
/// those begin with a digit.
pub(crate) fn tier_id(seq: u64, what: &str, now: DateTime<Utc>) -> String {
    format!("{seq:06}-{what}{}", now.format("%Y%m%dT%H%M%SZ"))
}

/// What the word of a commit says that it did between the tiers; `None` for the word of another.
pub(crate) fn tiered(word: &str) -> Option<&'static str> {
    [COLD, LOCAL, HOT].into_iter().find(|what| {
        word.strip_prefix(what).is_some_and(|time| time.starts_with(|c: char| c.is_ascii_digit()))
    })
}

/// The folder of a note on an object that nobody needs: the time, and what tells it from others of that second.
pub(crate) fn gone_set(now: DateTime<Utc>, unique: impl std::fmt::Display) -> String {
    format!("{}-{unique}", now.format("%Y%m%dT%H%M%SZ"))
}

/// Since when the objects of such a folder are not needed; `None` for a folder of another name.
pub(crate) fn gone_since(set: &str) -> Option<DateTime<Utc>> {
    let time = set.split_once('-').map_or(set, |(time, _)| time);
    Some(chrono::NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ").ok()?.and_utc())
}

/// Letters and digits of a run's id, fit for a file name: enough of it that no other run has the same.
pub(crate) fn run_word(run: &str) -> String {
    let word: String = run.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    if word.is_empty() { "run".to_owned() } else { word.to_ascii_lowercase() }
}

/// Made by this program, by its name; also where it was put aside.
pub(crate) fn is_ours(name: &str) -> bool {
    let name = places::original_name(name);
    (name.starts_with("data_") || name.starts_with("snapshot_")) && has_parquet_ending(name)
}

/// Ends with `.parquet`.
pub(crate) fn has_parquet_ending(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == "parquet")
}

/// A path of an intent, made safe: relative, and down only.
pub(crate) fn inside(dir: &Path, relative: &str) -> Result<PathBuf> {
    let path = Path::new(relative);
    let plain = !relative.is_empty() && path.components().all(|c| matches!(c, Component::Normal(_)));
    if plain {
        Ok(dir.join(path))
    } else {
        Err(Error::new(Kind::Damaged, "a record of the dataset names a path outside of it")
            .at("path", relative)
            .at("dataset", dir.display()))
    }
}

/// Named as a folder of partitions is: `year=2025`, `version=v3`.
pub(crate) fn is_partition_name(name: &str) -> bool {
    name.split_once('=').is_some_and(|(key, value)| {
        !value.is_empty() && ["year", "month", "day", "hour", "version"].contains(&key)
    })
}

/// A folder that holds data, below a dataset.
pub(crate) struct Leaf {
    /// Relative, with `/`.
    pub(crate) path: String,
    /// A folder on the way is a link, to another disk for example: it is read, and never changed.
    pub(crate) is_linked: bool,
    /// `false`: a link that leads to nothing now. What it holds is unknown.
    pub(crate) is_reachable: bool,
    /// What is in it.
    pub(crate) files: Vec<Entry>,
}

/// Every folder below the dataset that holds files or is the end of a path, bookkeeping left out, sorted by path. A
/// partition's folder that is a link is followed; where it leads to nothing, the leaf says so.
pub(crate) fn leaves(dir: &Path) -> Result<Vec<Leaf>> {
    fn walk(entries: Vec<Entry>, path: &str, is_linked: bool, found: &mut Vec<Leaf>) -> Result<()> {
        let depth = if path.is_empty() { 0 } else { path.split('/').count() };
        let mut files = Vec::new();
        let mut folders = 0;
        for entry in entries {
            if entry.name.starts_with(['_', '.']) {
                continue;
            }
            let follows = entry.is_link && is_partition_name(&entry.name) && depth < 8;
            let leads = if follows { fs::target(&entry.path)? } else { Target::Other };
            if leads == Target::Nothing {
                folders += 1;
                let path = join(path, &entry.name);
                found.push(Leaf { path, is_linked: true, is_reachable: false, files: Vec::new() });
                continue;
            }
            if (entry.is_dir || leads == Target::Folder) && depth < 8 {
                folders += 1;
                let below = join(path, &entry.name);
                walk(fs::list_target(&entry.path)?, &below, is_linked || entry.is_link, found)?;
            } else {
                files.push(entry);
            }
        }
        if !path.is_empty() && (folders == 0 || !files.is_empty()) {
            found.push(Leaf { path: path.to_owned(), is_linked, is_reachable: true, files });
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(fs::list(dir)?, "", false, &mut found)?;
    found.sort_by(|a, b| path_order(&a.path).cmp(&path_order(&b.path)));
    Ok(found)
}

impl Leaf {
    /// A partition that has no folder, as all of it lies elsewhere.
    pub(crate) fn without_files(path: &str) -> Self {
        Self { path: path.to_owned(), is_linked: false, is_reachable: true, files: Vec::new() }
    }

    /// `Kind::Refused` where the folder lies behind a link: it is read, and never changed.
    pub(crate) fn writable(&self, dir: &Path) -> Result<()> {
        if !self.is_linked {
            return Ok(());
        }
        Err(Error::new(Kind::Refused, "the partition lies behind a link: it is read, and never changed")
            .at("folder", dir.join(&self.path).display())
            .next("nothing was changed; put a real folder there first"))
    }

    /// `Kind::Io` where what the folder holds cannot be told now.
    pub(crate) fn reached(&self, dir: &Path) -> Result<()> {
        if self.is_reachable {
            return Ok(());
        }
        Err(Error::new(Kind::Io, "a partition is a link that leads to nothing now: what it holds is unknown")
            .at("link", dir.join(&self.path).display())
            .next("mount the disk to which it leads, or remove the link for good"))
    }
}

/// `a/b`, or `b` where there is no `a`.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// The number of the commit that made a data file, by its name: `data_20250115_000042-1f2e3d4c_1.parquet`.
pub(crate) fn seq_of_name(name: &str) -> Option<u64> {
    commit_seq(name.strip_prefix("data_")?.split('_').nth(1)?)
}

/// By path, versions by their number.
pub(crate) fn path_order(path: &str) -> (u32, &str) {
    (version_of(path).unwrap_or(0), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_records_stay_inside() {
        let dir = Path::new("/lake/streams/x");
        assert!(inside(dir, "year=2025/data_1.parquet").is_ok());
        for bad in ["", "/etc/passwd", "../y", "a/../../b"] {
            assert_eq!(inside(dir, bad).unwrap_err().kind(), Kind::Damaged, "{bad}");
        }
    }

    #[test]
    fn names_of_files_and_commits() {
        let id = commit_id(42, "1f2e-3d4c-9999");
        assert_eq!(id, "000042-1f2e3d4c9999");
        assert_ne!(commit_id(42, "20250115T100000Z-3fa2"), commit_id(42, "20250115T100000Z-3fa3"));
        assert_eq!(commit_seq(&id), Some(42));
        assert_eq!(commit_id(1, "/../"), "000001-run");
        let noon = "2025-01-15T12:00:00Z".parse().unwrap();
        let compaction = compaction_id(7, noon);
        assert_eq!(compaction, "000007-compact20250115T120000Z");
        assert_eq!((commit_seq(&compaction), compacted_at(&compaction)), (Some(7), Some(noon)));
        assert!(compacted_at(&id).is_none() && retained_at(&compaction).is_none());
        assert_eq!(data_file("20250115", &id, 1), "data_20250115_000042-1f2e3d4c9999_1.parquet");
        let taken = "2025-01-16T12:00:00Z".parse().unwrap();
        assert_eq!(snapshot_file(taken, 0), "snapshot_20250116_120000.parquet");
        assert_eq!(snapshot_file(taken, 2), "snapshot_20250116_120000_2.parquet");
    }
}

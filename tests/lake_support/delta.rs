//! A reader of Delta logs of our own: every version, each line parsed, each file there.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses another part")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lakehand::feed::{Feed, TableFormat};
use serde_json::Value;

/// The feed, which wants a Delta table.
pub fn as_delta(feed: Feed) -> Feed {
    Feed { table_format: vec![TableFormat::Delta], ..feed }
}

/// A version of a table: by path the rows of its files.
pub type Version = BTreeMap<String, u64>;

/// Every version of the table in `dir`, oldest first; none where there is no log. Panics on a hole, a torn line, a file that is
/// added twice or removed and not there, a file that cannot be read, has another size or other rows than the log says, and on a
/// commit of ours that is there twice.
pub fn versions(dir: &Path) -> Vec<Version> {
    let log = dir.join("_delta_log");
    let Ok(entries) = std::fs::read_dir(&log) else { return Vec::new() };
    let names: BTreeSet<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    let names: Vec<&String> = names.iter().filter(|name| !name.contains("checkpoint")).collect();
    let mut files = Version::new();
    let mut found = Vec::new();
    let mut commits = BTreeSet::new();
    for (n, name) in names.into_iter().enumerate() {
        assert_eq!(*name, format!("{n:020}.json"), "the log has no hole");
        let text = std::fs::read_to_string(log.join(name)).unwrap();
        assert!(text.ends_with('\n'), "{name} is whole");
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{name}: {e}"));
            if let Some(commit) = line["commitInfo"]["lakehand.commit"].as_str() {
                assert!(commits.insert(commit.to_owned()), "commit {commit} is in the log twice");
            }
            if let Some(path) = line["add"]["path"].as_str() {
                let stats: Value = serde_json::from_str(line["add"]["stats"].as_str().unwrap()).unwrap();
                let rows = stats["numRecords"].as_u64().unwrap();
                let path = path.replace("%20", " ");
                let size = std::fs::metadata(dir.join(&path)).unwrap_or_else(|e| panic!("{path}: {e}")).len();
                assert_eq!(Some(size), line["add"]["size"].as_u64(), "{path}");
                let read: usize =
                    super::read(&dir.join(&path)).iter().map(arrow::array::RecordBatch::num_rows).sum();
                assert_eq!(rows, read as u64, "{path}");
                assert!(files.insert(path.clone(), rows).is_none(), "{path} is added twice");
            }
            if let Some(path) = line["remove"]["path"].as_str() {
                assert!(files.remove(path).is_some(), "{path} is removed and was not there");
            }
        }
        found.push(files.clone());
    }
    found
}

/// The newest version names exactly the data files that `is_data` picks of those that are there.
pub fn assert_current(dir: &Path, is_data: impl Fn(&str) -> bool) {
    let newest = versions(dir).pop().unwrap_or_default();
    let named: BTreeSet<String> = newest
        .keys()
        .map(|path| path.strip_prefix("_delta_files/").unwrap().strip_suffix(".delta").unwrap().to_owned())
        .collect();
    let there: BTreeSet<String> = super::data_files(dir).into_iter().filter(|path| is_data(path)).collect();
    assert_eq!(named, there);
}

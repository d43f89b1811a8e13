//! A reader of Iceberg tables of our own: every snapshot, each manifest, each file there.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses another part")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lakehand::feed::{Feed, TableFormat};
use serde_json::Value;

/// The feed, which wants an Iceberg table.
pub fn as_iceberg(feed: Feed) -> Feed {
    Feed { table_format: vec![TableFormat::Iceberg], ..feed }
}

/// A snapshot of a table: by path of the data file its rows.
pub type Snapshot = BTreeMap<String, u64>;

/// The newest version of the table in `dir`, by its number and what it says; `None` where there is none. The hint names it, or the one
/// before it.
pub fn newest(dir: &Path) -> Option<(u64, Value)> {
    let folder = dir.join("_iceberg/metadata");
    let names = std::fs::read_dir(&folder).ok()?.map(|e| e.unwrap().file_name().into_string().unwrap());
    let number = |name: String| name.strip_prefix('v')?.strip_suffix(".metadata.json")?.parse::<u64>().ok();
    let version = names.filter_map(number).max()?;
    let text = std::fs::read_to_string(folder.join(format!("v{version}.metadata.json"))).unwrap();
    if let Ok(hint) = std::fs::read_to_string(folder.join("version-hint.text")) {
        let hint: u64 = hint.parse().expect("the hint is whole");
        assert!(hint == version || hint + 1 == version, "the hint names {hint}, and {version} is there");
        assert!(folder.join(format!("v{hint}.metadata.json")).exists(), "what the hint names is there");
    } else {
        assert_eq!(version, 1, "only the first version can be without a hint");
    }
    Some((version, serde_json::from_str(&text).unwrap()))
}

/// What is still to be read of an Avro container without compression.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn number(&mut self) -> i64 {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let byte = self.0[0];
            self.0 = &self.0[1..];
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return (number >> 1).cast_signed() ^ -(number & 1).cast_signed();
            }
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = usize::try_from(self.number()).unwrap();
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken.to_vec()
    }

    /// The value; bytes as a list of numbers.
    fn value(&mut self, schema: &Value) -> Value {
        if let Some(variants) = schema.as_array() {
            let at = usize::try_from(self.number()).unwrap();
            return self.value(&variants[at]);
        }
        match schema.as_str().or_else(|| schema["type"].as_str()).unwrap() {
            "null" => Value::Null,
            "boolean" => {
                let value = self.0[0];
                self.0 = &self.0[1..];
                (value != 0).into()
            }
            "int" | "long" => self.number().into(),
            "bytes" => self.bytes().into(),
            "string" => String::from_utf8(self.bytes()).unwrap().into(),
            "array" => {
                let mut items = Vec::new();
                loop {
                    let count = self.number();
                    if count == 0 {
                        return items.into();
                    }
                    items.extend((0..count).map(|_| self.value(&schema["items"])));
                }
            }
            "record" => {
                let fields = schema["fields"].as_array().unwrap().iter();
                fields.map(|f| (f["name"].as_str().unwrap().to_owned(), self.value(&f["type"]))).collect()
            }
            other => panic!("{other}"),
        }
    }
}

/// The records of a container.
pub fn records(path: &Path) -> Vec<Value> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut input = Input(bytes.strip_prefix(b"Obj\x01").unwrap());
    let mut told = BTreeMap::new();
    loop {
        let entries = input.number();
        if entries == 0 {
            break;
        }
        told.extend((0..entries).map(|_| (String::from_utf8(input.bytes()).unwrap(), input.bytes())));
    }
    assert_eq!((&told["format-version"][..], &told["avro.codec"][..]), (&b"2"[..], &b"null"[..]));
    let schema: Value = serde_json::from_slice(&told["avro.schema"]).unwrap();
    let (mark, rest) = input.0.split_at(16);
    let mut input = Input(rest);
    let mut found = Vec::new();
    while !input.0.is_empty() {
        let count = input.number();
        let block = input.bytes();
        let mut block = Input(&block);
        found.extend((0..count).map(|_| block.value(&schema)));
        assert!(block.0.is_empty() && input.0.starts_with(mark), "a block ends where it says");
        input.0 = &input.0[16..];
    }
    found
}

pub fn long(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("no number: {value:?}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value:?}"))
}

/// Where a file is that the table's metadata names: below `dir`, whatever folder that was when it was written.
fn place(dir: &Path, location: &str, path: &str) -> PathBuf {
    match path.strip_prefix(location) {
        Some(below) => dir.join("_iceberg").join(below.trim_start_matches('/')),
        // An object of the cold tier.
        None => PathBuf::from(path),
    }
}

/// Where the files of the newest snapshot are.
pub fn current_files(dir: &Path) -> Vec<PathBuf> {
    let Some((_, table)) = newest(dir) else { return Vec::new() };
    let location = table["location"].as_str().unwrap();
    let newest = snapshots(dir).pop().unwrap_or_default();
    newest.keys().map(|path| place(dir, location, path)).collect()
}

/// Every snapshot of the newest version of the table in `dir`, oldest first; none where there is no table. Panics on a manifest or file
/// that is not there, a file that is there twice, has another size or other rows than is said, on counts of lists that are wrong, and on a
/// commit that is there twice.
pub fn snapshots(dir: &Path) -> Vec<Snapshot> {
    let Some((_, table)) = newest(dir) else { return Vec::new() };
    let location = table["location"].as_str().unwrap();
    let mut found = Vec::new();
    let mut commits = BTreeSet::new();
    for snapshot in table["snapshots"].as_array().unwrap() {
        let commit = snapshot["summary"]["lakehand.commit"].as_str().unwrap();
        assert!(commits.insert(commit), "commit {commit} is there twice");
        let mut files = Snapshot::new();
        let id = snapshot["snapshot-id"].as_i64().unwrap();
        for manifest in records(&place(dir, location, snapshot["manifest-list"].as_str().unwrap())) {
            let path = place(dir, location, text(&manifest["manifest_path"]));
            assert_eq!(
                std::fs::metadata(&path).unwrap().len(),
                long(&manifest["manifest_length"]).unsigned_abs()
            );
            let mut counts = [0, 0, 0];
            for entry in records(&path) {
                let status = usize::try_from(long(&entry["status"])).unwrap();
                counts[status] += 1;
                if status == 2 {
                    continue;
                }
                assert!(status == 0 || long(&entry["snapshot_id"]) == long(&manifest["added_snapshot_id"]));
                let file = &entry["data_file"];
                let path = text(&file["file_path"]).to_owned();
                let at = place(dir, location, &path);
                let size =
                    std::fs::metadata(&at).unwrap_or_else(|e| panic!("snapshot {id}: {path}: {e}")).len();
                assert_eq!(size, long(&file["file_size_in_bytes"]).unsigned_abs(), "{path}");
                let rows = long(&file["record_count"]).unsigned_abs();
                let read: usize = super::read(&at).iter().map(arrow::array::RecordBatch::num_rows).sum();
                assert_eq!(rows, read as u64, "{path}");
                assert!(files.insert(path.clone(), rows).is_none(), "{path} is there twice");
            }
            let told = ["existing_files_count", "added_files_count", "deleted_files_count"];
            assert_eq!(counts.map(i64::from), told.map(|name| long(&manifest[name])));
        }
        let total = snapshot["summary"]["total-records"].as_str().unwrap();
        assert_eq!(total, files.values().sum::<u64>().to_string());
        found.push(files);
    }
    let last = table["snapshots"].as_array().unwrap().last();
    assert_eq!(last.map(|last| &last["snapshot-id"]), table.get("current-snapshot-id"));
    found
}

/// The newest snapshot names exactly the data files that `is_data` picks of those that are there.
pub fn assert_current(dir: &Path, is_data: impl Fn(&str) -> bool) {
    let newest = snapshots(dir).pop().unwrap_or_default();
    let named: BTreeSet<String> = newest
        .keys()
        .map(|path| {
            path.split_once("/_iceberg/data/").unwrap().1.strip_suffix(".iceberg").unwrap().to_owned()
        })
        .collect();
    let there: BTreeSet<String> = super::data_files(dir).into_iter().filter(|path| is_data(path)).collect();
    assert_eq!(named, there);
}

/// Every file below the table's folder is named by its newest version: by name.
pub fn strays(dir: &Path) -> Vec<String> {
    let Some((version, table)) = newest(dir) else { return Vec::new() };
    let location = table["location"].as_str().unwrap();
    let mut named = BTreeSet::from([format!("v{version}.metadata.json"), "version-hint.text".to_owned()]);
    let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    named.extend(
        table["metadata-log"].as_array().unwrap().iter().map(|e| name(e["metadata-file"].as_str().unwrap())),
    );
    for snapshot in table["snapshots"].as_array().unwrap() {
        let list = snapshot["manifest-list"].as_str().unwrap();
        named.insert(name(list));
        named.extend(records(&place(dir, location, list)).iter().map(|m| name(text(&m["manifest_path"]))));
    }
    let there = std::fs::read_dir(dir.join("_iceberg/metadata")).unwrap();
    let there = there.map(|e| e.unwrap().file_name().into_string().unwrap());
    there.filter(|name| !named.contains(name)).collect()
}

//! A folder as a store.

use std::fs;
use std::path::Path;

use lakehand::Kind;
use lakehand::config::ColdConfig;
use lakehand::tier::{ColdStore, ObjectState, Put};

use super::{Case, PART, config, kind, noise, quietly, read_back};

const MARK: &str = ".lakehand-cold";
const KEY: &str = "streams/a/year=2025/day=01/ü %25 '&+.parquet";

fn open(root: &Path) -> lakehand::Result<ColdStore> {
    ColdStore::open(&ColdConfig { url: format!("file://{}", root.display()), ..config() })
}

fn marked() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join(MARK), "").unwrap();
    root
}

/// Every file below a folder but the mark.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with(MARK) {
            found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    found
}

#[test]
fn files_go_there_and_come_back() {
    let root = marked();
    let store = open(root.path()).unwrap();
    store.probe().unwrap();
    for (case, key) in [(Case::small(), KEY), (Case::large(), "streams/b/data.parquet")] {
        assert_eq!(store.state(key).unwrap(), ObjectState::Missing);
        assert_eq!(case.put(&store, key).unwrap(), Put::Created);
        assert_eq!(case.put(&store, key).unwrap(), Put::AlreadyThere);
        assert_eq!(read_back(&store, key).unwrap(), Some(case.wanted));
        assert_eq!(store.tail(key, 100).unwrap().unwrap(), case.bytes[case.bytes.len() - 100..]);
        assert_eq!(store.state(key).unwrap(), ObjectState::Ready { bytes: case.wanted.bytes });
        let mut copy = Vec::new();
        quietly(|work| store.get(key, &mut copy, work)).unwrap();
        assert!(copy == case.bytes);
        let other = Case::new(noise(case.wanted.bytes + 1, 3));
        assert_eq!(kind(other.put(&store, key)), Kind::Refused);
        assert_eq!(read_back(&store, key).unwrap(), Some(case.wanted));
        // What readers open is a plain file of this name.
        assert!(fs::read(root.path().join(key)).unwrap() == case.bytes);
        assert_eq!(store.url_of(key), format!("file://{}/{key}", root.path().display()));
    }
    assert_eq!(store.list("").unwrap().len(), 2);
    assert_eq!(store.list("streams/b").unwrap().into_keys().collect::<Vec<_>>(), ["streams/b/data.parquet"]);
    store.settle(KEY).unwrap();
    assert_eq!(kind(store.request_restore(KEY, 1)), Kind::Refused);
    store.remove(&[KEY.to_owned(), "none".to_owned(), "streams/b/data.parquet".to_owned()]).unwrap();
    assert_eq!((store.list("").unwrap().len(), files(root.path()).len()), (0, 0));
}

#[test]
fn a_stopped_file_goes_on_and_leaves_nothing_beside_it() {
    let root = marked();
    let case = Case::large();
    for stop in [1, PART, 2 * PART, 3 * PART] {
        let key = format!("stopped at {stop}/data.parquet");
        let (stopped, _) = case.put_until(&open(root.path()).unwrap(), &key, stop);
        assert_eq!(kind(stopped), Kind::Interrupted);
        assert!(open(root.path()).unwrap().list("").unwrap().keys().all(|found| *found != key));
        assert_eq!(case.put(&open(root.path()).unwrap(), &key).unwrap(), Put::Created);
        assert_eq!(read_back(&open(root.path()).unwrap(), &key).unwrap(), Some(case.wanted));
    }
    // The unfinished file is gone: it is begun anew.
    let (stopped, _) = case.put_until(&open(root.path()).unwrap(), "lost/data.parquet", PART);
    assert_eq!(kind(stopped), Kind::Interrupted);
    let unfinished: Vec<_> =
        fs::read_dir(root.path().join("lost")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(unfinished.len(), 1);
    fs::remove_file(&unfinished[0]).unwrap();
    assert_eq!(case.put(&open(root.path()).unwrap(), "lost/data.parquet").unwrap(), Put::Created);
    // Its notes are gone instead: nobody goes on with it, and the next attempt takes it away.
    let (stopped, _) = case.put_until(&open(root.path()).unwrap(), "forgotten/data.parquet", PART);
    assert_eq!(kind(stopped), Kind::Interrupted);
    fs::remove_file(&case.resume).unwrap();
    assert_eq!(case.put(&open(root.path()).unwrap(), "forgotten/data.parquet").unwrap(), Put::Created);
    // Given up: ended.
    let (stopped, _) = case.put_until(&open(root.path()).unwrap(), "given up/data.parquet", PART);
    assert_eq!(kind(stopped), Kind::Interrupted);
    open(root.path()).unwrap().abandon(&case.resume).unwrap();
    let names = files(root.path());
    assert!(names.len() == 6 && names.iter().all(|name| name == "data.parquet"), "{names:?}");
}

#[test]
fn a_disk_that_is_not_mounted_is_no_empty_store() {
    let root = marked();
    let store = open(root.path()).unwrap();
    let case = Case::small();
    case.put(&store, KEY).unwrap();
    fs::remove_file(root.path().join(MARK)).unwrap();
    assert_eq!(kind(store.state(KEY)), Kind::Unreachable);
    assert_eq!(kind(store.list("")), Kind::Unreachable);
    assert_eq!(kind(read_back(&store, KEY)), Kind::Unreachable);
    assert_eq!(kind(store.tail(KEY, 1)), Kind::Unreachable);
    assert_eq!(kind(case.put(&store, "other")), Kind::Unreachable);
    assert_eq!(kind(store.remove(&[KEY.to_owned()])), Kind::Unreachable);
    assert_eq!(kind(store.probe()), Kind::Unreachable);
    assert_eq!(files(root.path()).len(), 1);
    assert_eq!(kind(open(&root.path().join("none"))), Kind::Unreachable);
}

#[test]
fn a_folder_that_cannot_be_read_is_an_error() {
    let root = marked();
    let store = open(root.path()).unwrap();
    // A file where a folder should be: neither there nor missing by the store's word.
    fs::write(root.path().join("streams"), "a file").unwrap();
    assert!(read_back(&store, "streams/a/data.parquet").is_err());
    assert!(store.state("streams/a/data.parquet").is_err());
    assert!(Case::small().put(&store, "streams/a/data.parquet").is_err());
    assert!(Case::large().put(&store, "streams/a/data.parquet").is_err());
}

//! A lake of before version 0.2 is read as it is, and migrated by the first that writes.

use std::path::Path;

use lakehand::Kind;
use lakehand::feed::Feed;
use lakehand::lake::verify::{FindingKind, Options, check, repair};
use lakehand::lake::{
    Dataset, Holder, Lake, PartitionUsage, Quarantined, completeness, lock_holder, read_metadata, replaced,
    undo_preview, usage,
};

use crate::lake_support::*;
use crate::{beside_data, names};

/// A stream with everything that books can hold: quarantine, a replaced day, a file put aside, a seal.
pub(crate) fn rich(root: &Path) -> (Feed, Vec<Row>) {
    let all: Vec<Row> = (0..20).map(|i| (0, i, T0 + i / 5 * DAY)).collect();
    let lake = Lake::new(root).sealing_after(Some(std::time::Duration::ZERO));
    let mut dataset = Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    appender.write(&batch(&all)).unwrap();
    let (path, reason, raw) = ("$[0]", "not a number", &b"[x]"[..]);
    appender
        .quarantine(&Quarantined { partition: None, offset: None, path, reason, raw, time: at(T0) })
        .unwrap();
    let mut end = commit_after(&all);
    end.complete_through = Some(at(T0 + 3 * DAY));
    appender.commit(end).unwrap();
    drop(appender);
    let first = at(T0).date_naive();
    let mut replacer = dataset.replacer(&stream_schema(), run("again"), first).unwrap();
    replacer.write(&batch(&all)).unwrap();
    replacer.swap(at(T0 + 50 * DAY)).unwrap();
    dataset.seal(at(T0 + 50 * DAY)).unwrap();
    drop(dataset);
    // A copy of a file, which a repair puts aside.
    let dir = root.join("streams/events");
    let file = dir.join(&data_files(&dir)[0]);
    std::fs::copy(&file, file.with_file_name("data_20250101_copy_1.parquet")).unwrap();
    let mended = repair(&lake, &stream_feed(), limits(), Options::default(), owner()).unwrap();
    assert!(mended.left.is_sound() && !mended.done.is_empty(), "{:?}", mended.left);
    (stream_feed(), all)
}

pub(crate) fn rename_all(dir: &Path, name: impl Fn(&str) -> Option<String> + Copy) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            rename_all(&entry.path(), name);
        } else if let Some(new) = name(entry.file_name().to_str().unwrap()) {
            std::fs::rename(entry.path(), dir.join(new)).unwrap();
        }
    }
}

/// Moves the books to where they were before version 0.2.
pub(crate) fn make_old(dir: &Path) {
    let books = books(dir);
    for (new, old) in [
        ("lock", "_lock"),
        ("staging", "_staging"),
        ("quarantine", "_quarantine"),
        ("bin", "_replaced"),
        ("damaged", "_damaged"),
    ] {
        if books.join(new).exists() {
            std::fs::rename(books.join(new), dir.join(old)).unwrap();
        }
    }
    for old in ["_replaced", "_damaged"] {
        rename_all(&dir.join(old), |name| {
            let plain = name.strip_suffix(".replaced").or_else(|| name.strip_suffix(".damaged"))?;
            Some(plain.to_owned())
        });
    }
    std::fs::remove_dir_all(dir.ancestors().nth(2).unwrap().join("_lakehand")).unwrap();
    // No journal was kept, and the metadata names none.
    let path = dir.join("_metadata.json");
    let Ok(text) = std::fs::read(&path) else { return };
    let mut metadata: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert!(metadata.as_object_mut().unwrap().remove("journal").is_some());
    std::fs::write(&path, serde_json::to_vec_pretty(&metadata).unwrap()).unwrap();
}

/// What must be there after any migration.
fn assert_migrated(root: &Path, all: &[Row], when: &str) {
    let dir = root.join("streams/events");
    assert_eq!(rows(&dir), expected(all), "{when}");
    assert_eq!(beside_data(&dir), ["_metadata.json"], "{when}");
    let kept = names(&books(&dir));
    assert!(!kept.iter().any(|name| name.ends_with(".parquet")), "{when}: {kept:?}");
    let count =
        |part: &str, end: &str| kept.iter().filter(|n| n.starts_with(part) && n.ends_with(end)).count();
    assert_eq!(count("quarantine/", ".jsonl"), 1, "{when}: {kept:?}");
    assert_eq!(count("bin/", ".parquet.replaced"), 1, "{when}: {kept:?}");
    assert_eq!(count("damaged/", ".parquet.damaged"), 1, "{when}: {kept:?}");
    let sets = replaced(&dir).unwrap();
    assert_eq!((sets.len(), sets[0].rows), (1, 5), "{when}");
    assert_eq!(undo_preview(&dir, at(T0).date_naive(), None).unwrap().back.rows, 5, "{when}");
    assert!(usage(&dir).unwrap().iter().all(PartitionUsage::agrees), "{when}");
    let report = check(&Lake::new(root), &stream_feed(), Options::default(), &owner()).unwrap();
    assert!(report.is_sound(), "{when}: {:?}", report.findings);
}

#[test]
fn a_datasets_folder_holds_data_and_metadata_alone() {
    let root = tempfile::tempdir().unwrap();
    let (_, all) = rich(root.path());
    assert_migrated(root.path(), &all, "a new lake");
    let parquet: Vec<_> = names(root.path()).into_iter().filter(|n| n.ends_with(".parquet")).collect();
    assert_eq!(parquet.len(), data_files(root.path()).len(), "{parquet:?}");
}

#[test]
fn a_lake_of_before_is_read_as_it_is_and_migrated_by_the_first_that_writes() {
    let root = tempfile::tempdir().unwrap();
    let (feed, all) = rich(root.path());
    let dir = root.path().join("streams/events");
    make_old(&dir);
    let before = names(root.path());
    assert!(beside_data(&dir).contains(&"_replaced".to_owned()));
    let lake = Lake::new(root.path());
    // Commands that only read.
    assert_eq!(read_metadata(&dir).unwrap().unwrap().total_records, 20);
    assert_eq!(completeness(&dir).unwrap().len(), 4);
    assert_eq!(replaced(&dir).unwrap().len(), 1);
    assert_eq!(undo_preview(&dir, at(T0).date_naive(), None).unwrap().back.rows, 5);
    assert_eq!(lock_holder(&dir).unwrap(), Holder::Nobody);
    let report = check(&lake, &feed, Options::default(), &owner()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert!(report.findings.iter().any(|f| f.kind == FindingKind::OldLayout), "{:?}", report.findings);
    assert_eq!(names(root.path()), before, "nothing that reads changes anything");
    // An older program writes.
    let old = std::fs::File::options().write(true).open(dir.join("_lock")).unwrap();
    old.lock().unwrap();
    assert!(matches!(lock_holder(&dir).unwrap(), Holder::Somebody(_)));
    let refused = Dataset::open(&lake, &feed, limits(), owner()).err().unwrap();
    assert_eq!(refused.kind(), Kind::Locked);
    assert!(dir.join("_lock").exists() && dir.join("_replaced").exists());
    drop(old);
    let dataset = open(root.path(), &feed);
    assert_eq!(dataset.recovery().migrated_to.as_deref(), Some(books(&dir).as_path()));
    drop(dataset);
    assert_migrated(root.path(), &all, "migrated");
    assert_eq!(open(root.path(), &feed).recovery().migrated_to, None);
    // The day's export is taken back out of a bin that was migrated.
    let mut dataset = open(root.path(), &feed);
    dataset.undo_day(at(T0).date_naive(), None, at(T0 + 60 * DAY)).unwrap();
    assert_eq!(rows(&dir), expected(&all));
}

#[test]
fn a_repair_migrates_too() {
    let root = tempfile::tempdir().unwrap();
    let (feed, all) = rich(root.path());
    make_old(&root.path().join("streams/events"));
    let mended = repair(&Lake::new(root.path()), &feed, limits(), Options::default(), owner()).unwrap();
    assert!(mended.done.iter().any(|f| f.kind == FindingKind::OldLayout), "{:?}", mended.done);
    assert_migrated(root.path(), &all, "repaired");
}

#[test]
fn a_migration_that_is_stopped_goes_on() {
    let base = tempfile::tempdir().unwrap();
    let (feed, all) = rich(base.path());
    make_old(&base.path().join("streams/events"));
    for n in 0.. {
        let root = tempfile::tempdir().unwrap();
        copy_tree(base.path(), root.path());
        let stop = StopAt::operation(n);
        let opened =
            Dataset::open(&Lake::with_faults(root.path(), stop.clone()), &feed, limits(), owner()).is_ok();
        assert!(opened || stop.fired(), "without a stop it is done");
        let when = format!("stop before operation {n}");
        // Half of it moved: what reads finds all of it.
        let dir = root.path().join("streams/events");
        assert_eq!(rows(&dir), expected(&all), "{when}");
        assert_eq!(replaced(&dir).unwrap().iter().map(|set| set.rows).sum::<u64>(), 5, "{when}");
        // A second stop, in the midst of going on.
        let stop_again = StopAt::operation(n / 2);
        let _ = Dataset::open(&Lake::with_faults(root.path(), stop_again), &feed, limits(), owner());
        drop(open(root.path(), &feed));
        assert_migrated(root.path(), &all, &when);
        if !stop.fired() {
            assert!(n > 20, "{n}");
            return;
        }
    }
}

//! Metadata and seals go apart from the data and come back; strangers in a dataset's folder.

use std::collections::BTreeSet;
use std::path::Path;

use lakehand::lake::verify::{FindingKind, Options, check, repair};
use lakehand::lake::{Dataset, Lake, completeness, move_metadata, read_metadata};

use crate::before::rich;
use crate::lake_support::*;
use crate::{beside_data, names};

/// Files with this name below a folder.
fn count(dir: &Path, name: &str) -> usize {
    names(dir).iter().filter(|path| Path::new(path).file_name().is_some_and(|n| n == name)).count()
}

#[test]
fn metadata_and_seals_go_apart_and_come_back_whatever_stops_it() {
    let base = tempfile::tempdir().unwrap();
    let (feed, all) = rich(base.path());
    let dir = base.path().join("streams/events");
    let seals = count(&dir, "_SUCCESS");
    assert!(seals >= 2, "{seals}");
    for (to, from) in [(true, false), (false, true)] {
        move_metadata(&Lake::new(base.path()), &dir, from, &owner()).unwrap();
        for n in 0.. {
            let root = tempfile::tempdir().unwrap();
            copy_tree(base.path(), root.path());
            let dir = root.path().join("streams/events");
            let stop = StopAt::operation(n);
            let done = move_metadata(&Lake::with_faults(root.path(), stop.clone()), &dir, to, &owner());
            let when = format!("to {to}, stop before operation {n}");
            // Every reader finds metadata and seals meanwhile.
            assert_eq!(read_metadata(&dir).unwrap().unwrap().total_records, 20, "{when}");
            let sealed = completeness(&dir).unwrap().iter().filter(|day| day.sealed_at.is_some()).count();
            assert_eq!(sealed, seals, "{when}");
            let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
            assert!(report.is_sound(), "{when}: {:?}", report.findings);
            let again = move_metadata(&Lake::new(root.path()), &dir, to, &owner()).unwrap();
            let (data, apart) = (names(&dir), names(&books(&dir)));
            let marks = |names: &BTreeSet<String>| names.iter().filter(|n| n.ends_with("_SUCCESS")).count();
            if to {
                assert!(data.iter().all(|n| n.ends_with(".parquet") || dir.join(n).is_dir()), "{data:?}");
                assert!(apart.contains("metadata.json") && marks(&apart) == seals, "{when}: {apart:?}");
            } else {
                assert!(data.contains("_metadata.json") && marks(&data) == seals, "{when}: {data:?}");
                assert!(!apart.contains("metadata.json") && marks(&apart) == 0, "{when}: {apart:?}");
            }
            assert_eq!(rows(&dir), expected(&all));
            if !stop.fired() {
                assert!(done.unwrap().moved && !again.moved, "done once, and no more");
                break;
            }
        }
    }
}

#[test]
fn what_writes_keeps_the_metadata_apart() {
    let root = tempfile::tempdir().unwrap();
    let lake =
        Lake::new(root.path()).with_metadata_apart(true).sealing_after(Some(std::time::Duration::ZERO));
    let all: Vec<Row> = (0..8).map(|i| (0, i, T0 + i / 4 * DAY)).collect();
    let mut dataset = Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    appender.write(&batch(&all)).unwrap();
    let mut end = commit_after(&all);
    end.complete_through = Some(at(T0 + 2 * DAY));
    appender.commit(end).unwrap();
    drop(appender);
    assert_eq!(dataset.seal(at(T0 + 50 * DAY)).unwrap().len(), 2);
    let dir = dataset.dir().to_owned();
    drop(dataset);
    assert_eq!(beside_data(&dir), [""; 0]);
    assert_eq!((count(&dir, "_SUCCESS"), count(&books(&dir), "_SUCCESS")), (0, 2));
    // A late_rows row takes the seal away, there too.
    let mut dataset = open(root.path(), &stream_feed());
    let late_rows = [(0, 8, T0)];
    let mut appender = dataset.appender(&stream_schema(), run("late_rows")).unwrap();
    appender.write(&batch(&late_rows)).unwrap();
    assert_eq!(appender.commit(commit_after(&late_rows)).unwrap().reopened.len(), 1);
    drop(appender);
    drop(dataset);
    assert_eq!(count(&books(&dir), "_SUCCESS"), 1);
    assert_eq!(beside_data(&dir), [""; 0], "a lake that says nothing leaves it where it is");
    let report = check(&lake, &stream_feed(), Options::default(), &owner()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    // Lost, it is made anew where it was wanted.
    std::fs::remove_file(books(&dir).join("metadata.json")).unwrap();
    drop(Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap());
    assert_eq!(read_metadata(&dir).unwrap().unwrap().total_records, 9);
    assert!(books(&dir).join("metadata.json").exists());
}

#[test]
fn of_two_metadata_the_newer_counts_and_check_says_so() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("streams/events");
    let put = |rows: &[Row], id: &str| {
        let mut dataset = open(root.path(), &stream_feed());
        let mut appender = dataset.appender(&stream_schema(), run(id)).unwrap();
        appender.write(&batch(rows)).unwrap();
        appender.commit(commit_after(rows)).unwrap();
    };
    put(&[(0, 0, T0)], "r1");
    let old = std::fs::read(dir.join("_metadata.json")).unwrap();
    put(&[(0, 1, T0)], "r2");
    std::fs::write(books(&dir).join("metadata.json"), &old).unwrap();
    std::fs::set_permissions(
        books(&dir).join("metadata.json"),
        std::os::unix::fs::PermissionsExt::from_mode(0o640),
    )
    .unwrap();
    assert_eq!(read_metadata(&dir).unwrap().unwrap().commit_seq, 2);
    let lake = Lake::new(root.path());
    let report = check(&lake, &stream_feed(), Options::default(), &owner()).unwrap();
    assert!(report.findings.iter().any(|f| f.kind == FindingKind::TwoMetadata), "{:?}", report.findings);
    let mended = repair(&lake, &stream_feed(), limits(), Options::default(), owner()).unwrap();
    assert!(mended.left.is_sound(), "{:?}", mended.left.findings);
    assert_eq!(read_metadata(&dir).unwrap().unwrap().commit_seq, 2);
}

#[test]
fn strangers_are_reported_and_those_with_parquet_put_aside() {
    let root = tempfile::tempdir().unwrap();
    let (feed, all) = rich(root.path());
    let dir = root.path().join("streams/events");
    std::fs::create_dir_all(dir.join("_spark_metadata")).unwrap();
    std::fs::create_dir_all(dir.join("_backup/day=1")).unwrap();
    std::fs::copy(dir.join(&data_files(&dir)[0]), dir.join("_backup/day=1/x.parquet")).unwrap();
    let lake = Lake::new(root.path());
    let report = check(&lake, &feed, Options::default(), &owner()).unwrap();
    let strangers = report.findings.iter().filter(|f| f.kind == FindingKind::Stranger);
    let found: Vec<_> = strangers.map(|f| (f.path.as_str(), f.repair.is_some())).collect();
    assert_eq!(found, [("_backup", true), ("_spark_metadata", false)]);
    repair(&lake, &feed, limits(), Options::default(), owner()).unwrap();
    assert!(!dir.join("_backup").exists() && dir.join("_spark_metadata").exists());
    assert_eq!(rows(&dir), expected(&all));
    assert!(!names(&books(&dir)).iter().any(|name| name.ends_with(".parquet")));
}

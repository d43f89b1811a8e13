//! The log behind a dataset: its identity outlives the metadata, and a reset is done or not done, whenever it is stopped.

mod lake_support;

use std::path::{Path, PathBuf};

use lake_support::*;
use lakehand::Kind;
use lakehand::lake::verify::{Options, check};
use lakehand::lake::{Dataset, Lake, LogIdentity};

fn log(cluster: &str) -> LogIdentity {
    LogIdentity { topic: "events".into(), cluster: Some(cluster.into()), partitions: Some(1) }
}

fn some_rows() -> Vec<Row> {
    (0..15).map(|o| (0, o, T0 + o % 3 * DAY)).collect()
}

/// A dataset with rows of the log `old`.
fn filled(lake: &Lake) -> Dataset {
    let mut dataset = Dataset::open(lake, &stream_feed(), limits(), owner()).unwrap();
    dataset.know_log(&log("old"), at(T0)).unwrap();
    append(&mut dataset, "r1", &some_rows());
    dataset
}

fn append(dataset: &mut Dataset, id: &str, rows: &[Row]) {
    let mut appender = dataset.appender(&stream_schema(), run(id)).unwrap();
    appender.write(&batch(rows)).unwrap();
    appender.commit(commit_after(rows)).unwrap();
}

/// The datasets that resets have put aside.
fn aside(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root.join("streams")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().contains("_before_")).collect()
}

#[test]
fn lost_metadata_does_not_make_any_log_the_right_one() {
    let root = tempfile::tempdir().unwrap();
    let dataset = filled(&Lake::new(root.path()));
    let dir = dataset.dir().to_owned();
    drop(dataset);
    std::fs::remove_file(dir.join("_metadata.json")).unwrap();
    let mut dataset = open(root.path(), &stream_feed());
    assert!(dataset.recovery().rebuilt_metadata.is_some());
    assert_eq!(dataset.metadata().log, Some(log("old")));
    assert_eq!(dataset.know_log(&log("new"), at(T0)).unwrap_err().kind(), Kind::Held);
}

#[test]
fn a_restored_older_metadata_takes_the_log_of_the_newest_files() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = filled(&Lake::new(root.path()));
    let path = dataset.dir().join("_metadata.json");
    let older = std::fs::read(&path).unwrap();
    dataset.know_log(&log("new"), at(T0)).unwrap_err();
    dataset.continue_with_log(at(T0)).unwrap();
    let more: Vec<Row> = (15..20).map(|o| (0, o, T0)).collect();
    append(&mut dataset, "r2", &more);
    drop(dataset);
    std::fs::write(&path, older).unwrap();
    let dataset = open(root.path(), &stream_feed());
    assert_eq!(dataset.metadata().log, Some(log("new")));
    assert_eq!(dataset.metadata().positions[&0], 20);
}

#[test]
fn a_reset_is_done_or_not_done() {
    for apart in [false, true] {
        let (mut before, mut after) = (0, 0);
        for n in 0.. {
            let root = tempfile::tempdir().unwrap();
            let lake = |lake: Lake| if apart { lake.with_metadata_apart(true) } else { lake };
            drop(filled(&lake(Lake::new(root.path()))));
            let stop = StopAt::operation(n);
            let stopped = lake(Lake::with_faults(root.path(), stop.clone()));
            let done = Dataset::open(&stopped, &stream_feed(), limits(), owner())
                .and_then(|dataset| dataset.set_whole_aside(at(T0)))
                .is_ok();
            // The next start is stopped too, and then let through.
            for m in 0..4 {
                let stop = StopAt::operation(m * 2);
                let stopped = lake(Lake::with_faults(root.path(), stop));
                let _ = Dataset::open(&stopped, &stream_feed(), limits(), owner());
            }
            let through = lake(Lake::new(root.path()));
            let dataset = Dataset::open(&through, &stream_feed(), limits(), owner()).unwrap();
            let aside = aside(root.path());
            if dataset.has_data() {
                before += 1;
                assert!(!done && aside.is_empty(), "stop before operation {n}");
                assert_eq!(dataset.metadata().log, Some(log("old")));
                assert_eq!(rows(dataset.dir()), expected(&some_rows()));
            } else {
                after += 1;
                assert_eq!((&dataset.metadata().log, aside.len()), (&None, 1), "stop before operation {n}");
                assert!(dataset.metadata().positions.is_empty());
                assert_eq!(rows(&aside[0]), expected(&some_rows()));
                assert!(books(&aside[0]).join("journal").exists());
            }
            let dir = dataset.dir().to_owned();
            drop(dataset);
            assert!(!books(&dir).with_extension("aside").exists());
            let report = check(&through, &stream_feed(), Options::default(), &owner()).unwrap();
            assert!(report.is_sound(), "stop before operation {n}: {:?}", report.findings);
            if !stop.fired() {
                assert!(done);
                break;
            }
        }
        assert!(before > 3 && after > 3, "{before} {after}");
    }
}

#[test]
fn two_resets_in_one_second_get_names_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let lake = Lake::new(root.path());
    for _ in 0..2 {
        filled(&lake).set_whole_aside(at(T0)).unwrap();
    }
    assert_eq!(aside(root.path()).len(), 2);
}

#[test]
fn a_decision_that_names_another_folder_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    let dir = filled(&Lake::new(root.path())).dir().to_owned();
    for wrong in ["", "../elsewhere", "events", "events_before_", "events_before_../x"] {
        std::fs::write(books(&dir).with_extension("aside"), wrong).unwrap();
        let lake = Lake::new(root.path());
        let error = Dataset::open(&lake, &stream_feed(), limits(), owner()).err().unwrap();
        assert_eq!(error.kind(), Kind::Damaged, "{wrong}");
        assert_eq!(rows(&dir), expected(&some_rows()));
    }
}

//! What is pinned stays, whatever the feed's rules say, until it is unpinned.

use std::time::Duration;

use lakehand::Kind;
use lakehand::feed::Feed;
use lakehand::lake::verify::{FindingKind, Options, check};
use lakehand::lake::{BeforeRun, Clock, Dataset, Lake, RetentionRules, Target, history, replaced};

use super::*;

/// A lake whose bin keeps nothing.
fn hasty(root: &std::path::Path) -> Lake {
    Lake::new(root).retaining(RetentionRules { grace: Duration::ZERO, max_share: 100 })
}

fn hold(root: &std::path::Path, feed: &Feed) -> Dataset {
    Dataset::open(&hasty(root), feed, limits(), owner()).unwrap()
}

/// Retention, far later.
fn retain(dataset: &mut Dataset, now_ms: i64) {
    let before = BeforeRun { commit_seq: u64::MAX, last_export: None };
    let clock = Clock { now: at(now_ms), server: Some(at(now_ms)) };
    dataset.retain_within(clock, before).unwrap();
}

#[test]
fn a_pinned_version_outlives_the_purge_and_can_be_rolled_back_to() {
    let root = tempfile::tempdir().unwrap();
    let feed = table_feed();
    let mut dataset = hold(root.path(), &feed);
    publish(&mut dataset, &some(10, 0.0), "r1", T0).unwrap();
    let pin = dataset.pin(Target::Version(1), Some("year end".to_owned()), at(T0 + DAY)).unwrap();
    assert_eq!((pin.target(), pin.name.as_deref()), ("v1".to_owned(), Some("year end")));
    for n in 2..6 {
        publish(&mut dataset, &some(10 + n, 0.0), &format!("r{n}"), T0 + i64::from(n) * DAY).unwrap();
    }
    retain(&mut dataset, T0 + 200 * DAY);
    let kept: Vec<String> = replaced(dataset.dir()).unwrap().into_iter().map(|set| set.partition).collect();
    assert_eq!(kept, ["version=v1"], "the others were purged");
    assert_eq!(
        versions_there(root.path(), &feed),
        ["version=v5"],
        "plain readers see the current version alone"
    );
    let sets = replaced(dataset.dir()).unwrap();
    assert!(dataset.forget_replaced(&sets).unwrap().is_empty(), "nor is it forgotten");
    drop(dataset);
    let found = history(&dir(root.path(), &feed), None).unwrap();
    let pinned: Vec<_> = found.commits.iter().filter(|c| !c.pins.is_empty()).map(|c| c.version).collect();
    assert_eq!(pinned, [Some(1)]);
    let report = check(&hasty(root.path()), &feed, Options::default(), &owner()).unwrap();
    let told: Vec<_> = report.findings.iter().filter(|f| f.kind == FindingKind::Pinned).collect();
    assert!(told[0].what.contains("year end") && report.is_sound(), "{:#?}", report.findings);
    // The metadata is lost, and the pin is known all the same.
    std::fs::remove_file(dir(root.path(), &feed).join("_metadata.json")).unwrap();
    let mut dataset = hold(root.path(), &feed);
    assert!(dataset.recovery().rebuilt_metadata.is_some());
    assert_eq!(dataset.metadata().pins, [pin]);
    // A second time: the journal was made anew with the first.
    drop(dataset);
    std::fs::remove_file(dir(root.path(), &feed).join("_metadata.json")).unwrap();
    dataset = hold(root.path(), &feed);
    assert_eq!(dataset.metadata().pins.len(), 1);
    dataset.undo_version(1, at(T0 + 201 * DAY)).unwrap();
    assert_eq!(versions_there(root.path(), &feed), ["version=v1"]);
    dataset.undo_version(5, at(T0 + 202 * DAY)).unwrap();
    dataset.unpin(Target::Version(1), at(T0 + 203 * DAY)).unwrap();
    assert_eq!(dataset.unpin(Target::Version(1), at(T0)).unwrap_err().kind(), Kind::Usage);
    retain(&mut dataset, T0 + 400 * DAY);
    assert_eq!(replaced(dataset.dir()).unwrap(), [], "the rules hold again");
}

#[test]
fn a_pinned_version_stays_in_its_folder_where_several_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let feed = Feed { keep_versions: 2, ..table_feed() };
    let mut dataset = hold(root.path(), &feed);
    publish(&mut dataset, &some(10, 0.0), "r1", T0).unwrap();
    dataset.pin(Target::Version(1), None, at(T0)).unwrap();
    for n in 2..5 {
        publish(&mut dataset, &some(10, 0.0), &format!("r{n}"), T0 + n * DAY).unwrap();
    }
    assert_eq!(versions_there(root.path(), &feed), ["version=v1", "version=v3", "version=v4"]);
    drop(dataset);
    let report = check(&hasty(root.path()), &feed, Options::default(), &owner()).unwrap();
    assert!(report.findings.iter().all(|f| f.kind != FindingKind::OldVersion), "{:#?}", report.findings);
    let mut dataset = hold(root.path(), &feed);
    dataset.unpin(Target::Version(1), at(T0 + 9 * DAY)).unwrap();
    publish(&mut dataset, &some(10, 0.0), "r5", T0 + 10 * DAY).unwrap();
    assert_eq!(versions_there(root.path(), &feed), ["version=v4", "version=v5"]);
}

#[test]
fn a_pinned_day_is_not_retained_and_what_it_was_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let all = days(4, 3);
    let feed = Feed { retention_days: Some(1), ..stream_feed() };
    let mut dataset = hold(root.path(), &feed);
    append(&mut dataset, &all, "r1").unwrap();
    let day = at(T0).date_naive();
    dataset.pin(Target::Day(day), Some("audit".to_owned()), at(T0)).unwrap();
    again(&mut dataset, &all, "one", T0 + 5 * DAY).unwrap();
    again(&mut dataset, &all, "two", T0 + 6 * DAY).unwrap();
    retain(&mut dataset, T0 + 300 * DAY);
    let left = rows(&dir(root.path(), &feed));
    let wanted: Vec<Row> = all.iter().copied().filter(|row| row.2 < T0 + DAY).collect();
    assert_eq!(left, expected(&wanted), "retention took the other days alone");
    retain(&mut dataset, T0 + 400 * DAY);
    let sets = replaced(dataset.dir()).unwrap();
    assert_eq!(sets.iter().filter(|set| set.partition == folder(T0)).count(), 2, "{sets:?}");
    assert_eq!(sets.len(), 2, "the bin keeps nothing else");
    dataset.unpin(Target::Day(day), at(T0 + 401 * DAY)).unwrap();
    retain(&mut dataset, T0 + 500 * DAY);
    assert!(data_files(dataset.dir()).is_empty());
}

#[test]
fn what_is_not_there_is_not_pinned() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &stream_feed());
    append(&mut dataset, &days(1, 3), "r1").unwrap();
    let pin = |dataset: &mut Dataset, target: Target| dataset.pin(target, None, at(T0)).unwrap_err();
    assert_eq!(pin(&mut dataset, Target::Day(at(T0 + DAY).date_naive())).kind(), Kind::Usage);
    assert_eq!(pin(&mut dataset, Target::Version(1)).kind(), Kind::Usage);
    assert!(dataset.metadata().pins.is_empty());
    assert_eq!("v12".parse::<Target>().unwrap(), Target::Version(12));
    assert_eq!("2025-01-01".parse::<Target>().unwrap(), Target::Day(at(T0).date_naive()));
    assert_eq!("vx".parse::<Target>().unwrap_err().kind(), Kind::Usage);
}

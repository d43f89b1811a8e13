//! The list of commits, and rollbacks as they show in it.

use lakehand::Kind;
use lakehand::feed::Feed;
use lakehand::lake::verify::{Options, check};
use lakehand::lake::{CommitEntry, CommitKind, Lake, history, rollback_preview, set_after};

use super::lake_support::delta::{as_delta, assert_current, versions};
use super::*;

fn kinds(commits: &[CommitEntry]) -> Vec<&'static str> {
    commits.iter().map(|commit| commit.kind.name()).collect()
}

#[test]
fn a_stream_tells_each_commit_and_what_of_it_is_there() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(3, 4), Feed { retention_days: Some(1), ..stream_feed() });
    let mut dataset = open(root.path(), &feed);
    append(&mut dataset, &all[..6], "r1").unwrap();
    append(&mut dataset, &all[6..], "r2").unwrap();
    again(&mut dataset, &all, "again", T0 + 50 * DAY).unwrap();
    dataset.undo_day(at(T0).date_naive(), None, at(T0 + 51 * DAY)).unwrap();
    dataset.retain(at(T0 + 2 * DAY).date_naive()).unwrap();
    drop(dataset);
    let found = history(&dir(root.path(), &feed), None).unwrap();
    assert_eq!(kinds(&found.commits), ["retention", "undo", "day again", "append", "append"]);
    assert!(!found.is_table && found.older == 0 && found.lacks.is_none());
    let of = |n: usize| &found.commits[found.commits.len() - n];
    let rows = |commit: &CommitEntry| (commit.added.rows, commit.removed.rows);
    assert_eq!([1, 2, 3, 4, 5].map(|n| rows(of(n))), [(6, 0), (6, 0), (4, 4), (4, 4), (0, 4)]);
    assert_eq!([1, 2].map(|n| of(n).seq), [1, 2]);
    assert_eq!(of(3).partitions, ["year=2025/month=01/day=01"]);
    // The first day is in the bin twice: as it was exported again, and as it was before, which came back and was retained.
    assert_eq!([1, 2, 3, 5].map(|n| of(n).held.name()), ["partly", "data", "bin", "-"]);
    assert_eq!((of(1).held.data, of(1).held.bin), (1, 1));
    assert_eq!(of(5).in_bin, ["year=2025/month=01/day=01"]);
    assert!(of(5).state(None).contains("can be undone"), "{}", of(5).state(None));
    // A part of them alone.
    let found = history(&dir(root.path(), &feed), Some(2)).unwrap();
    assert_eq!((kinds(&found.commits), found.older), (vec!["retention", "undo"], 3));
}

#[test]
fn nothing_there_and_nothing_readable_are_two_things() {
    let root = tempfile::tempdir().unwrap();
    let feed = stream_feed();
    assert_eq!(history(&dir(root.path(), &feed), None).unwrap_err().kind(), Kind::Usage);
    append(&mut open(root.path(), &feed), &days(1, 3), "r1").unwrap();
    let journal = books(&dir(root.path(), &feed)).join("journal");
    assert!(journal.is_file(), "{}", journal.display());
    // The last line is torn: what came before it is told, and that it is not all.
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, format!("{text}torn")).unwrap();
    let found = history(&dir(root.path(), &feed), None).unwrap();
    assert_eq!(found.commits.len(), 1);
    assert!(found.lacks.unwrap().starts_with("4 bytes"));
    std::fs::remove_file(&journal).unwrap();
    assert!(history(&dir(root.path(), &feed), None).unwrap().lacks.is_some());
    std::fs::create_dir(&journal).unwrap();
    let error = history(&dir(root.path(), &feed), None).unwrap_err();
    assert!(matches!(error.kind(), Kind::Io | Kind::Damaged), "{error}");
}

#[test]
fn a_table_goes_back_more_than_one_version_and_forward_again() {
    for keep_versions in [1, 3] {
        let root = tempfile::tempdir().unwrap();
        let feed = Feed { keep_versions, ..as_delta(table_feed()) };
        let mut dataset = open(root.path(), &feed);
        for (n, rows) in [(1, 10), (2, 20), (3, 30)] {
            publish(&mut dataset, &some(rows, 0.0), &format!("r{n}"), T0 + n * DAY).unwrap();
        }
        let dir = dir(root.path(), &feed);
        let preview = rollback_preview(&dir, 1, keep_versions).unwrap();
        let before = data_files(&dir);
        assert!(preview.id.is_empty() && preview.aside.rows >= 30, "{preview:?}");
        assert_eq!(data_files(&dir), before);
        let done = dataset.undo_version(1, at(T0 + 4 * DAY)).unwrap();
        assert_eq!((done.aside.rows, done.aside.files), (preview.aside.rows, preview.aside.files));
        assert_eq!((done.back.rows, done.back.files), (preview.back.rows, preview.back.files));
        assert_eq!(dataset.metadata().current_version, Some(1));
        assert_eq!(dataset.metadata().total_records, 10);
        assert!(!dataset.metadata().caught_up && dataset.metadata().complete_through <= Some(at(T0 + DAY)));
        assert_eq!(versions_there(root.path(), &feed), ["version=v1"]);
        assert_current(&dir, |path| path.starts_with("version=v1/"));
        // Undone: the version that was rolled back is current again.
        dataset.undo_version(3, at(T0 + 5 * DAY)).unwrap();
        let there = versions_there(root.path(), &feed);
        let wanted = if keep_versions == 1 { vec!["version=v3"] } else { vec!["version=v1", "version=v3"] };
        assert_eq!(there, wanted, "a table of one version has one");
        assert_current(&dir, |path| path.starts_with("version=v3/"));
        let rows: Vec<u64> = versions(&dir).iter().map(|version| version.values().sum()).collect();
        assert_eq!(rows, [10, 20, 30, 10, 30], "each version of the log is there");
        assert_eq!(dataset.undo_version(3, at(T0)).unwrap_err().kind(), Kind::Usage, "it is the current one");
        let error = dataset.undo_version(7, at(T0)).unwrap_err();
        assert!(error.to_string().contains("v2"), "{error}");
        publish(&mut dataset, &some(40, 0.0), "r4", T0 + 6 * DAY).unwrap();
        assert_eq!(dataset.metadata().current_version, Some(4), "numbers are not used again");
        drop(dataset);
        let found = history(&dir, None).unwrap();
        assert_eq!(found.current_version, Some(4));
        let told: Vec<_> = found.commits.iter().rev().map(|c| (c.kind, c.version)).collect();
        assert_eq!(
            told.iter().filter(|(kind, _)| *kind == CommitKind::Undo).map(|(_, v)| *v).collect::<Vec<_>>(),
            [Some(1), Some(3)]
        );
        let logs: Vec<u64> =
            found.commits.iter().rev().filter_map(|c| c.log.map(|log| log.version)).collect();
        assert_eq!(logs, [0, 1, 2, 3, 4, 5]);
        assert!(found.commits.iter().filter_map(|c| c.log).all(|log| log.is_readable));
        let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
        assert!(report.is_sound(), "{:#?}", report.findings);
    }
}

#[test]
fn a_day_goes_back_to_what_a_commit_has_left() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(2, 4), stream_feed());
    let mut dataset = open(root.path(), &feed);
    append(&mut dataset, &all, "r1").unwrap();
    let day = at(T0).date_naive();
    let dir = dir(root.path(), &feed);
    assert_eq!(
        set_after(&dir, day, "1").unwrap_err().kind(),
        Kind::Usage,
        "it is as that commit has left it"
    );
    let first = data_files(&dir);
    // Pinned, what was replaced is kept each time.
    dataset.pin(lakehand::lake::Target::Day(day), None, at(T0)).unwrap();
    again(&mut dataset, &all, "one", T0 + 50 * DAY).unwrap();
    let second = data_files(&dir);
    again(&mut dataset, &all, "two", T0 + 51 * DAY).unwrap();
    let to = set_after(&dir, day, "2").unwrap();
    dataset.undo_day(day, Some(&to), at(T0 + 52 * DAY)).unwrap();
    assert_eq!(data_files(&dir), second);
    let to = set_after(&dir, day, "1").unwrap();
    dataset.undo_day(day, Some(&to), at(T0 + 53 * DAY)).unwrap();
    assert_eq!(data_files(&dir), first);
    assert_eq!(rows(&dir), expected(&all));
    assert_eq!(set_after(&dir, day, "77").unwrap_err().kind(), Kind::Usage);
}

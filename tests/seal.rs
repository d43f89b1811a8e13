//! Sealed days: `_SUCCESS` is there when the day is complete, and never beside a row that came later.

mod lake_support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use lake_support::*;
use lakehand::lake::verify::{Options, check};
use lakehand::lake::{Commit, Committed, Dataset, Lake, PartitionState, completeness};

const HOUR: Duration = Duration::from_secs(3600);

fn lake(root: &Path, after: Option<Duration>) -> Lake {
    Lake::new(root).sealing_after(after)
}

/// Commits rows; the lake is then complete through `through`.
fn commit(lake: &Lake, rows: &[Row], through: Option<i64>) -> Committed {
    let mut dataset = Dataset::open(lake, &stream_feed(), limits(), owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r")).unwrap();
    appender.write(&batch(rows)).unwrap();
    let at = Commit { complete_through: through.map(at), complete: through.is_some(), ..commit_after(rows) };
    appender.commit(at).unwrap()
}

fn seal(lake: &Lake) -> Vec<String> {
    Dataset::open(lake, &stream_feed(), limits(), owner()).unwrap().seal(at(T0 + 60 * DAY)).unwrap()
}

fn mark(root: &Path, day: i64) -> bool {
    root.join("streams/events").join(folder(T0 + day * DAY)).join("_SUCCESS").exists()
}

fn sound(lake: &Lake) {
    let report = check(lake, &stream_feed(), Options { deep: true, ..Options::default() }, &owner()).unwrap();
    assert!(report.is_sound(), "{:#?}", report.findings);
}

#[test]
fn a_day_is_sealed_when_the_lake_is_complete_beyond_its_end() {
    let root = tempfile::tempdir().unwrap();
    let lake = lake(root.path(), Some(HOUR));
    let hour = 3_600_000;
    // One millisecond before the first day ends plus the hour.
    commit(&lake, &[(0, 0, T0), (0, 1, T0 + DAY)], Some(T0 + DAY + hour - 1));
    assert_eq!(seal(&lake), [""; 0]);
    commit(&lake, &[(0, 2, T0 + DAY)], Some(T0 + DAY + hour));
    assert_eq!(seal(&lake), ["year=2025/month=01/day=01"]);
    assert!(mark(root.path(), 0) && !mark(root.path(), 1));
    assert_eq!(seal(&lake), [""; 0], "it is sealed once");
    sound(&lake);
    let dir = root.path().join("streams/events");
    let days = completeness(&dir).unwrap();
    assert_eq!(days[0].state, PartitionState::Sealed);
    assert_eq!(days[0].sealed_at, Some(at(T0 + 60 * DAY)));
    assert_eq!(days[1].state, PartitionState::Open);
    let mode =
        std::fs::metadata(dir.join("year=2025/month=01/day=01/_SUCCESS")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn without_a_rule_or_a_proof_nothing_is_sealed() {
    let root = tempfile::tempdir().unwrap();
    commit(&lake(root.path(), None), &[(0, 0, T0)], Some(T0 + 30 * DAY));
    assert_eq!(seal(&lake(root.path(), None)), [""; 0], "never is the default");
    let other = tempfile::tempdir().unwrap();
    let lake = lake(other.path(), Some(HOUR));
    commit(&lake, &[(0, 0, T0)], None);
    assert_eq!(seal(&lake), [""; 0], "nothing says through when the lake is complete");
}

#[test]
fn the_zone_of_the_feed_says_when_a_day_ends() {
    let root = tempfile::tempdir().unwrap();
    let lake = lake(root.path(), Some(Duration::ZERO));
    let mut feed = stream_feed();
    if let lakehand::feed::Partitioning::Date { timezone, .. } = &mut feed.partitioning {
        *timezone = chrono_tz::Tz::America__New_York;
    }
    let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
    let rows = [(0, 0, T0 + 12 * 3_600_000)];
    // The day ends at five in the morning, UTC.
    for (through, sealed) in [(T0 + DAY + 4 * 3_600_000, 0), (T0 + DAY + 5 * 3_600_000, 1)] {
        let mut appender = dataset.appender(&stream_schema(), run("r")).unwrap();
        if sealed == 0 {
            appender.write(&batch(&rows)).unwrap();
        }
        appender.commit(Commit { complete_through: Some(at(through)), ..commit_after(&rows) }).unwrap();
        drop(appender);
        assert_eq!(dataset.seal(at(T0 + 60 * DAY)).unwrap().len(), sealed);
    }
}

#[test]
fn a_late_row_takes_the_mark_away_before_it_can_be_seen() {
    let root = tempfile::tempdir().unwrap();
    let lake = lake(root.path(), Some(HOUR));
    commit(&lake, &[(0, 0, T0), (0, 1, T0 + DAY)], Some(T0 + 5 * DAY));
    assert_eq!(seal(&lake).len(), 2);
    let done = commit(&lake, &[(0, 2, T0 + 1)], Some(T0 + 6 * DAY));
    assert_eq!(done.reopened, ["year=2025/month=01/day=01"]);
    assert!(!mark(root.path(), 0) && mark(root.path(), 1));
    sound(&lake);
    let dir = root.path().join("streams/events");
    assert_eq!(completeness(&dir).unwrap()[0].state, PartitionState::Reopened);
    assert_eq!(seal(&lake), ["year=2025/month=01/day=01"], "sealed again by the rule");
    assert!(mark(root.path(), 0));
    sound(&lake);
}

/// Stopped before each change to the disk: a reader never finds the mark beside the late row.
#[test]
fn at_no_instant_does_the_mark_stand_beside_a_late_row() {
    let rows = [(0, 0, T0), (0, 1, T0 + DAY)];
    for step in 0.. {
        let root = tempfile::tempdir().unwrap();
        let sealing = lake(root.path(), Some(HOUR));
        commit(&sealing, &rows, Some(T0 + 5 * DAY));
        seal(&sealing);
        let stop = StopAt::operation(step);
        let faulty = Lake::with_faults(root.path(), stop.clone()).sealing_after(Some(HOUR));
        if let Ok(mut dataset) = Dataset::open(&faulty, &stream_feed(), limits(), owner())
            && let Ok(mut appender) = dataset.appender(&stream_schema(), run("late"))
        {
            let late = [(0, 2, T0 + 1)];
            let _ =
                appender.write(&batch(&late)).and_then(|()| appender.commit(commit_after(&late)).map(|_| ()));
        }
        let dir = root.path().join("streams/events");
        let late_is_there = || data_files(&dir).iter().filter(|f| f.contains("day=01")).count() == 2;
        assert!(!(late_is_there() && mark(root.path(), 0)), "step {step}: as the stop left it");
        drop(open(root.path(), &stream_feed()));
        assert_ne!(late_is_there(), mark(root.path(), 0), "step {step}: after recovery one or the other");
        sound(&sealing);
        if !stop.fired() {
            return;
        }
    }
}

#[test]
fn sealing_that_is_stopped_anywhere_is_before_or_after() {
    for step in 0.. {
        let root = tempfile::tempdir().unwrap();
        commit(&lake(root.path(), None), &[(0, 0, T0), (0, 1, T0 + DAY)], Some(T0 + 5 * DAY));
        let stop = StopAt::operation(step);
        let faulty = Lake::with_faults(root.path(), stop.clone()).sealing_after(Some(HOUR));
        let _ = Dataset::open(&faulty, &stream_feed(), limits(), owner())
            .and_then(|mut d| d.seal(at(T0 + 60 * DAY)));
        drop(open(root.path(), &stream_feed()));
        assert_eq!(mark(root.path(), 0), mark(root.path(), 1), "step {step}");
        sound(&lake(root.path(), Some(HOUR)));
        if !stop.fired() {
            return;
        }
    }
}

#[test]
fn retention_takes_a_sealed_day_whole() {
    let root = tempfile::tempdir().unwrap();
    let lake = lake(root.path(), Some(HOUR));
    commit(&lake, &[(0, 0, T0), (0, 1, T0 + DAY)], Some(T0 + 5 * DAY));
    seal(&lake);
    let feed = lakehand::feed::Feed { retention_days: Some(1), ..stream_feed() };
    let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
    dataset.retain(chrono::NaiveDate::from_ymd_opt(2025, 1, 3).unwrap()).unwrap();
    let dir = root.path().join("streams/events/year=2025/month=01");
    assert!(!dir.join("day=01").exists() && dir.join("day=02/_SUCCESS").exists());
}

//! What the feed no longer keeps: into the bin, back again, deleted after the grace period, and held when something is odd.

mod lake_support;

use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use lake_support::*;
use lakehand::Kind;
use lakehand::feed::Feed;
use lakehand::lake::{BeforeRun, Clock, Dataset, Lake, RetentionRules, replaced};

fn feed() -> Feed {
    Feed { retention_days: Some(10), ..stream_feed() }
}

/// Ten rows a day on eight days, read by one run.
fn rows_of_eight_days() -> Vec<Row> {
    (0..80).map(|o| (0, o, T0 + (o / 10) * DAY)).collect()
}

fn export(dataset: &mut Dataset, rows: &[Row], id: &str) {
    let mut appender = dataset.appender(&stream_schema(), run(id)).unwrap();
    appender.write(&batch(rows)).unwrap();
    appender.commit(commit_after(rows)).unwrap();
}

fn agreed(now: DateTime<Utc>) -> Clock {
    Clock { now, server: Some(now) }
}

/// As the dataset is now.
fn before(dataset: &Dataset) -> BeforeRun {
    BeforeRun { commit_seq: dataset.metadata().commit_seq, last_export: None }
}

#[test]
fn days_go_into_the_bin_come_back_and_are_deleted_after_the_grace_period() {
    let root = tempfile::tempdir().unwrap();
    let lake = Lake::new(root.path())
        .retaining(RetentionRules { grace: Duration::from_secs(7 * 86_400), max_share: 50 });
    let mut dataset = Dataset::open(&lake, &feed(), limits(), owner()).unwrap();
    let rows_in = rows_of_eight_days();
    export(&mut dataset, &rows_in, "one");
    let (dir, known) = (dataset.dir().to_path_buf(), before(&dataset));
    let when = at(T0 + 13 * DAY);

    let removed = dataset.retain_within(agreed(when), known).unwrap();
    assert_eq!(removed.iter().map(|r| r.records).sum::<u64>(), 30, "{removed:?}");
    assert_eq!(rows(&dir), expected(&rows_in[30..]));
    assert_eq!(dataset.metadata().total_records, 50);
    let sets = replaced(&dir).unwrap();
    assert_eq!(sets.iter().map(|set| set.rows).sum::<u64>(), 30);
    assert!(sets.iter().all(|set| set.is_retained() && set.at == Some(when)), "{sets:?}");

    let day = NaiveDate::from_ymd_opt(2025, 1, 2).unwrap();
    let done = dataset.undo_day(day, None, when).unwrap();
    assert_eq!((done.back.rows, done.lost), (10, 0));
    assert_eq!(dataset.metadata().total_records, 60);
    assert_eq!(rows(&dir).len(), 60);

    // A day before the end of the grace period all is there; what came back goes again.
    dataset.retain_within(agreed(at(T0 + 13 * DAY + 6 * DAY)), known).unwrap_err();
    assert_eq!(replaced(&dir).unwrap().iter().map(|set| set.rows).sum::<u64>(), 20);
    let kept = Feed { retention_days: Some(40), ..feed() };
    drop(dataset);
    let mut dataset = Dataset::open(&lake, &kept, limits(), owner()).unwrap();
    dataset.retain_within(agreed(at(T0 + 13 * DAY + 6 * DAY)), known).unwrap();
    assert_eq!(replaced(&dir).unwrap().iter().map(|set| set.rows).sum::<u64>(), 20);
    dataset.retain_within(agreed(at(T0 + 13 * DAY + 7 * DAY)), known).unwrap();
    assert!(replaced(&dir).unwrap().is_empty());
    assert_eq!(rows(&dir).len(), 60);
}

#[test]
fn a_clock_that_nobody_confirms_removes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &feed());
    export(&mut dataset, &rows_of_eight_days(), "one");
    let dir = dataset.dir().to_path_buf();
    let known = BeforeRun { last_export: dataset.metadata().last_export, ..before(&dataset) };
    let (real, wrong) = (at(T0 + 41 * DAY), at(T0 + 3650 * DAY));
    for clock in [Clock { now: wrong, server: Some(real) }, Clock { now: wrong, server: None }] {
        let error = dataset.retain_within(clock, known).unwrap_err();
        assert_eq!(error.kind(), Kind::Held);
        assert!(error.to_string().contains("the clock may be wrong"), "{error}");
        assert_eq!(rows(&dir), expected(&rows_of_eight_days()));
        assert!(dataset.metadata().pending_decision.is_some());
    }
    assert!(replaced(&dir).unwrap().is_empty());
}

#[test]
fn a_large_share_waits_for_a_decision() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &feed());
    export(&mut dataset, &rows_of_eight_days(), "one");
    let (dir, known) = (dataset.dir().to_path_buf(), before(&dataset));
    let now = at(T0 + 16 * DAY);
    let error = dataset.retain_within(agreed(now), known).unwrap_err();
    assert_eq!(error.kind(), Kind::Held);
    assert!(error.to_string().contains("60 of 80 rows"), "{error}");
    assert_eq!(rows(&dir).len(), 80);
    let pending = dataset.metadata().pending_decision.clone().unwrap();
    assert_eq!((pending.about.as_str(), pending.rows_before, pending.rows_after), ("retention", 80, 20));
    assert_eq!(dataset.retain_preview(now.date_naive()).unwrap().len(), 6);
    dataset.retain(now.date_naive()).unwrap();
    assert_eq!(rows(&dir).len(), 20);
    assert!(dataset.metadata().pending_decision.is_none());
}

#[test]
fn what_a_run_brought_is_not_removed_by_it() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &feed());
    let known = before(&dataset);
    export(&mut dataset, &rows_of_eight_days(), "one");
    let dir = dataset.dir().to_path_buf();
    assert!(dataset.retain_within(agreed(at(T0 + 400 * DAY)), known).unwrap().is_empty());
    assert_eq!(rows(&dir).len(), 80);
}

#[test]
fn times_in_seconds_hold_the_feed_and_a_few_odd_ones_do_not() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &feed());
    let seconds: Vec<Row> = (0..6).map(|o| (0, o, T0 / 1000 + o)).collect();
    let mut appender = dataset.appender(&stream_schema(), run("one")).unwrap();
    appender.write(&batch(&seconds)).unwrap();
    let error = appender.commit(commit_after(&seconds)).unwrap_err();
    drop(appender);
    assert_eq!(error.kind(), Kind::Feed);
    assert!(error.to_string().contains("6 of 6 times") && error.to_string().contains("ROWTIME"), "{error}");
    assert!(dataset.metadata().positions.is_empty() && data_files(dataset.dir()).is_empty());
    assert_eq!(dataset.metadata().pending_decision.as_ref().unwrap().about, "times");

    let mostly: Vec<Row> = (0..6).map(|o| (0, o, if o == 3 { T0 / 1000 } else { T0 })).collect();
    export(&mut dataset, &mostly, "two");
    assert!(dataset.metadata().pending_decision.is_none());
    assert_eq!(rows(dataset.dir()), expected(&mostly));
}

#[test]
fn versions_of_a_table_go_into_the_bin_and_come_back() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &table_feed());
    for n in 1..=3 {
        let mut snapshot = dataset.snapshot(&table_schema(), run(&format!("t{n}"))).unwrap();
        snapshot.write(&table_batch(0, 100 + n)).unwrap();
        let rows = u64::try_from(100 + n).unwrap();
        snapshot.publish(at(T0 + 50 * DAY), rows).unwrap();
    }
    let dir = dataset.dir().to_path_buf();
    assert_eq!(data_files(&dir).len(), 1);
    // The one before is kept beside the bin until the next overwrite, where folders can be exchanged.
    assert!(!replaced(&dir).unwrap().is_empty());
    let done = dataset.undo_version(1, at(T0 + 51 * DAY)).unwrap();
    assert_eq!((done.back.rows, done.aside.rows), (101, 103));
    assert_eq!((dataset.metadata().current_version, dataset.metadata().total_records), (Some(1), 101));
    assert!(data_files(&dir)[0].starts_with("version=v1/"), "{:?}", data_files(&dir));
    assert_eq!(dataset.undo_version(7, at(T0 + 51 * DAY)).unwrap_err().kind(), Kind::Usage);
    // A number is not used again while its version could come back.
    let mut snapshot = dataset.snapshot(&table_schema(), run("t4")).unwrap();
    snapshot.write(&table_batch(0, 100)).unwrap();
    assert_eq!(snapshot.publish(at(T0 + 52 * DAY), 100).unwrap().version, Some(4));
    dataset.undo_version(3, at(T0 + 53 * DAY)).unwrap();
    assert_eq!(dataset.metadata().total_records, 103);
}

#[test]
fn a_snapshot_that_shrinks_is_held_until_it_is_accepted_once() {
    let root = tempfile::tempdir().unwrap();
    let take = |dataset: &mut Dataset, rows: i64| {
        let mut snapshot = dataset.snapshot(&table_schema(), run(&format!("t{rows}"))).unwrap();
        snapshot.write(&table_batch(0, rows)).unwrap();
        snapshot.publish(at(T0 + 50 * DAY), rows.unsigned_abs())
    };
    let mut dataset = open(root.path(), &table_feed());
    take(&mut dataset, 100).unwrap();
    take(&mut dataset, 50).unwrap();
    for rows in [24, 0] {
        let error = take(&mut dataset, rows).unwrap_err();
        assert_eq!(error.kind(), Kind::Held);
        assert!(
            error.to_string().contains(&format!("{rows} rows")) && error.to_string().contains("50"),
            "{error}"
        );
        assert_eq!((dataset.metadata().current_version, dataset.metadata().total_records), (Some(2), 50));
        assert_eq!(data_files(dataset.dir()).len(), 1);
    }
    assert!(dataset.accept_snapshot().unwrap().contains("0 rows"));
    take(&mut dataset, 0).unwrap();
    assert_eq!((dataset.metadata().current_version, dataset.metadata().total_records), (Some(3), 0));
    assert_eq!(dataset.accept_snapshot().unwrap_err().kind(), Kind::Usage, "once");
    take(&mut dataset, 10).unwrap();
    drop(dataset);
    let strict = Feed { shrink_limit: Some(5), ..table_feed() };
    let error = take(&mut open(root.path(), &strict), 9).unwrap_err();
    assert_eq!(error.kind(), Kind::Held, "the feed's own limit");
}

#[test]
fn rows_without_a_folder_keep_their_content() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &stream_feed());
    let mut all: Vec<Row> = (0..300).map(|o| (0, o, T0)).collect();
    (all[7].2, all[250].2) = (i64::MAX, i64::MIN);
    export(&mut dataset, &all, "one");
    let folder = books(dataset.dir()).join("quarantine");
    let file = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for (line, offset) in lines.iter().zip([7, 250]) {
        assert_eq!(line["offset"], offset);
        let row: serde_json::Value = serde_json::from_str(line["raw"].as_str().unwrap()).unwrap();
        assert_eq!(row["NAME"], format!("name {offset}"));
        assert_eq!(row["ROWOFFSET"], offset);
        assert!(row["AMOUNT"].is_number() && row["ROWTIME"].is_number());
    }
}

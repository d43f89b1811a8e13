//! The program is stopped before each change that it makes to the disk, and started again.
//!
//! Whatever the instant: the state before or the state after, staging empty, the metadata true, and going on from the
//! committed position gives every row once.

mod lake_support;

use std::path::Path;

use lake_support::*;
use lakehand::feed::Feed;
use lakehand::lake::{Dataset, Lake, PartitionUsage, Quarantined, read_metadata, usage};
use lakehand::{Kind, Result};

/// Does `work` on a copy of `base` stopped before operation 0, 1, 2, … until it is no longer stopped; calls `check`
/// with the folder after recovery and with whether `work` had said that it was done.
fn at_every_instant(
    base: &Path,
    feed: &Feed,
    work: impl Fn(&mut Dataset) -> Result<()>,
    check: impl Fn(&Dataset, bool),
) {
    let mut n = 0;
    loop {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(base, copy.path());
        let stop = StopAt::operation(n);
        let lake = Lake::with_faults(copy.path(), stop.clone());
        let done = Dataset::open(&lake, feed, limits(), owner()).and_then(|mut d| work(&mut d)).is_ok();
        if !stop.fired() {
            assert!(done, "without a stop the work is done");
            assert!(n > 5, "there was something to stop");
        }
        // Recovery is stopped as well, in the midst of it, and then let through.
        for m in 0..4 {
            let stop = StopAt::operation(m * 3);
            let _ = Dataset::open(&Lake::with_faults(copy.path(), stop), feed, limits(), owner());
        }
        let dataset = open(copy.path(), feed);
        let left = std::fs::read_dir(books(dataset.dir()).join("staging")).unwrap().count();
        assert_eq!(left, 0, "staging is empty after recovery (stop before operation {n})");
        let told = usage(dataset.dir()).unwrap();
        assert!(told.iter().all(PartitionUsage::agrees), "stop before operation {n}: {told:?}");
        assert_eq!(quarantined(dataset.dir()), dataset.metadata().quarantined_records);
        check(&dataset, done);
        if !stop.fired() {
            return;
        }
        n += 1;
    }
}

/// Rows in quarantine.
fn quarantined(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(books(dir).join("quarantine")) else { return 0 };
    entries.map(|e| std::fs::read_to_string(e.unwrap().path()).unwrap().lines().count() as u64).sum()
}

fn append(dataset: &mut Dataset, rows: &[Row], id: &str) -> Result<()> {
    let mut appender = dataset.appender(&stream_schema(), run(id))?;
    appender.write(&batch(rows))?;
    let (path, reason, raw) = ("$[0]", "not a number", &b"[x]"[..]);
    appender.quarantine(&Quarantined { partition: None, offset: None, path, reason, raw, time: at(T0) })?;
    appender.commit(commit_after(rows))?;
    Ok(())
}

fn days(n: i64, per_day: i64) -> Vec<Row> {
    (0..n * per_day).map(|i| (0, i, T0 + i / per_day * DAY)).collect()
}

#[test]
fn an_append_is_before_or_after() {
    let base = tempfile::tempdir().unwrap();
    let all = days(4, 10);
    append(&mut open(base.path(), &stream_feed()), &all[..15], "r1").unwrap();
    let (mut before, mut after) = (0, 0);
    let counts = std::cell::RefCell::new((&mut before, &mut after));
    at_every_instant(
        base.path(),
        &stream_feed(),
        |dataset| append(dataset, &all[15..], "r2"),
        |dataset, done| {
            let held = rows(dataset.dir());
            let metadata = dataset.metadata();
            assert_eq!(metadata.total_records, held.len() as u64);
            assert_eq!(metadata.positions[&0], i64::try_from(held.len()).unwrap());
            let mut counts = counts.borrow_mut();
            if held.len() == 40 {
                *counts.1 += 1;
                assert_eq!(held, expected(&all));
            } else {
                *counts.0 += 1;
                assert!(!done, "what was said to be committed is there");
                assert_eq!(held, expected(&all[..15]));
            }
        },
    );
    assert!(before > 10 && after > 10, "both states were seen: {before} before, {after} after");
}

#[test]
fn going_on_after_a_stop_gives_every_row_once() {
    let all = days(3, 10);
    for n in (0..).step_by(3) {
        let root = tempfile::tempdir().unwrap();
        let stop = StopAt::operation(n);
        let lake = Lake::with_faults(root.path(), stop.clone());
        let _ = Dataset::open(&lake, &stream_feed(), limits(), owner())
            .and_then(|mut dataset| append(&mut dataset, &all[..20], "r1"));
        let mut dataset = open(root.path(), &stream_feed());
        let next = dataset.metadata().positions.get(&0).copied().unwrap_or(0);
        append(&mut dataset, &all[usize::try_from(next).unwrap()..], "r2").unwrap();
        assert_eq!(rows(dataset.dir()), expected(&all), "stop before operation {n}");
        if !stop.fired() {
            break;
        }
    }
}

fn publish(dataset: &mut Dataset, count: i64, id: &str) -> Result<()> {
    let mut snapshot = dataset.snapshot(&table_schema(), run(id))?;
    snapshot.write(&table_batch(0, count))?;
    snapshot.publish(at(T0), count.unsigned_abs()).map(|_| ())
}

#[test]
fn an_overwrite_is_before_or_after() {
    let base = tempfile::tempdir().unwrap();
    publish(&mut open(base.path(), &table_feed()), 10, "r1").unwrap();
    at_every_instant(
        base.path(),
        &table_feed(),
        |dataset| publish(dataset, 25, "r2"),
        |dataset, done| {
            let metadata = dataset.metadata();
            let current = metadata.current_version.unwrap();
            assert!(current == 2 || !done);
            let file = dataset.dir().join(format!("version=v{current}/snapshot_20250210_000000.parquet"));
            let count: usize = read(&file).iter().map(arrow::array::RecordBatch::num_rows).sum();
            assert_eq!(count, if current == 1 { 10 } else { 25 });
            assert_eq!(metadata.total_records, count as u64);
        },
    );
}

#[test]
fn retention_is_before_or_after() {
    let base = tempfile::tempdir().unwrap();
    let all = days(10, 5);
    append(&mut open(base.path(), &stream_feed()), &all, "r1").unwrap();
    let feed = Feed { retention_days: Some(3), ..stream_feed() };
    let today = at(T0 + 9 * DAY).date_naive();
    at_every_instant(
        base.path(),
        &feed,
        |dataset| {
            let removed = dataset.retain(today)?;
            assert_eq!(removed.len(), 6);
            Ok(())
        },
        |dataset, done| {
            let held = rows(dataset.dir());
            assert_eq!(dataset.metadata().total_records, held.len() as u64);
            assert_eq!(dataset.metadata().positions[&0], 50, "the position stays when the rows go");
            if done || held.len() < 50 {
                assert_eq!(held, expected(&all[30..]));
            }
        },
    );
}

#[test]
fn a_torn_intent_never_was() {
    let all = days(2, 10);
    // Find an instant at which the intent is in place and nothing has moved yet.
    for n in 0.. {
        let root = tempfile::tempdir().unwrap();
        let lake = Lake::with_faults(root.path(), StopAt::operation(n));
        let _ = Dataset::open(&lake, &stream_feed(), limits(), owner())
            .and_then(|mut dataset| append(&mut dataset, &all, "r1"));
        let dir = root.path().join("streams/events");
        let intent = books(&dir).join("staging/intent.json");
        let Ok(whole) = std::fs::read(&intent) else { continue };
        for cut in [0, 1, 16, 17, whole.len() / 2, whole.len() - 1] {
            let copy = tempfile::tempdir().unwrap();
            copy_tree(root.path(), copy.path());
            std::fs::write(copy.path().join("_lakehand/streams/events/staging/intent.json"), &whole[..cut])
                .unwrap();
            let dataset = open(copy.path(), &stream_feed());
            assert_eq!(dataset.recovery().finished_commit, None, "cut after {cut} bytes");
            assert!(data_files(dataset.dir()).is_empty());
        }
        let mut flipped = whole.clone();
        flipped[40] ^= 1;
        std::fs::write(&intent, &flipped).unwrap();
        assert_eq!(open(root.path(), &stream_feed()).recovery().finished_commit, None);
        return;
    }
}

/// The dataset at the instant after the commit point.
fn decided(root: &Path, all: &[Row]) {
    for n in 0.. {
        let _ = std::fs::remove_dir_all(root.join("streams"));
        let lake = Lake::with_faults(root, StopAt::operation(n));
        let _ = Dataset::open(&lake, &stream_feed(), limits(), owner())
            .and_then(|mut dataset| append(&mut dataset, all, "r1"));
        if root.join("_lakehand/streams/events/staging/intent.json").exists() {
            return;
        }
    }
}

#[test]
fn a_decided_commit_is_finished_at_the_next_start() {
    let root = tempfile::tempdir().unwrap();
    let all = days(2, 10);
    decided(root.path(), &all);
    let dataset = open(root.path(), &stream_feed());
    assert_eq!(dataset.recovery().finished_commit.as_deref(), Some("000001-r1"));
    assert_eq!(rows(dataset.dir()), expected(&all));
}

#[test]
fn a_commit_that_cannot_be_finished_names_the_files() {
    let root = tempfile::tempdir().unwrap();
    decided(root.path(), &days(2, 10));
    let staged = root.path().join("_lakehand/streams/events/staging/r1/000001.parquet.staged");
    std::fs::remove_file(&staged).unwrap();
    let open_again =
        || Dataset::open(&Lake::new(root.path()), &stream_feed(), limits(), owner()).err().unwrap();
    let error = open_again();
    assert_eq!(error.kind(), Kind::Damaged);
    assert!(
        error.to_string().contains("year=2025/month=01/day=02/data_20250102_000001-r1_1.parquet is missing"),
        "{error}"
    );
    std::fs::write(&staged, b"short").unwrap();
    assert!(open_again().to_string().contains("has 5 bytes and not"));
}

#[test]
fn an_intent_cannot_reach_outside() {
    let root = tempfile::tempdir().unwrap();
    drop(open(root.path(), &stream_feed()));
    std::fs::write(root.path().join("victim"), b"x").unwrap();
    let body = r#"{"commit":"1-x","moves":[{"from":"../../victim","to":"taken","bytes":1,"rows":0}],"metadata":"{}"}"#;
    let hash = body
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let intent = root.path().join("_lakehand/streams/events/staging/intent.json");
    std::fs::write(intent, format!("{hash:016x}\n{body}\n")).unwrap();
    let error = Dataset::open(&Lake::new(root.path()), &stream_feed(), limits(), owner()).err().unwrap();
    assert_eq!(error.kind(), Kind::Damaged);
    assert!(root.path().join("victim").exists());
}

#[test]
fn lost_or_damaged_metadata_is_rebuilt_from_the_footers() {
    let root = tempfile::tempdir().unwrap();
    let all = days(5, 20);
    let mut dataset = open(root.path(), &stream_feed());
    append(&mut dataset, &all[..50], "r1").unwrap();
    append(&mut dataset, &all[50..], "r2").unwrap();
    let before = dataset.metadata().clone();
    let path = dataset.dir().join("_metadata.json");
    let dir = dataset.dir().to_owned();
    drop(dataset);
    for text in [None, Some("{\"source\": \"eve"), Some("[]"), Some("")] {
        match text {
            None => std::fs::remove_file(&path).unwrap(),
            Some(text) => std::fs::write(&path, text).unwrap(),
        }
        let dataset = open(root.path(), &stream_feed());
        assert!(dataset.recovery().rebuilt_metadata.is_some());
        let after = read_metadata(&dir).unwrap().unwrap();
        assert_eq!(after.positions, before.positions);
        assert_eq!(after.partitions, before.partitions);
        assert_eq!(after.columns, before.columns);
        assert_eq!(after.quarantined_records, 2);
        assert_eq!(
            (after.total_records, after.total_bytes, after.commit_seq, after.schema_version),
            (before.total_records, before.total_bytes, before.commit_seq, before.schema_version.clone())
        );
        assert_eq!(books(&dir).join("damaged/metadata-20250411T000000Z.json").exists(), text.is_some());
    }
    // A file that is no Parquet file: nothing is guessed.
    std::fs::remove_file(&path).unwrap();
    let broken = dir.join("year=2025/month=01/day=01/data_20250101_000001-r1_1.parquet");
    std::fs::write(broken, b"PAR1").unwrap();
    let error = Dataset::open(&Lake::new(root.path()), &stream_feed(), limits(), owner()).err().unwrap();
    assert_eq!(error.kind(), Kind::Damaged);
    assert!(error.to_string().contains("data_20250101_000001-r1_1.parquet"), "{error}");
}

//! The program is stopped before each change that it makes to the disk, and started again.
//!
//! Whatever the instant: the state before or the state after, staging empty, the metadata true, and going on from the
//! committed position gives every row once.

mod lake_support;

use std::path::Path;

use lake_support::*;
use lakehand::feed::Feed;
use lakehand::lake::verify::{Options, check, repair};
use lakehand::lake::{Dataset, Faults, Lake, Op, PartitionUsage, Quarantined, read_metadata, usage};
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
fn an_intent_that_was_changed_is_damage_and_its_commit_is_given_up() {
    let all = days(2, 10);
    let root = tempfile::tempdir().unwrap();
    decided(root.path(), &all);
    let intent = |root: &Path| root.join("_lakehand/streams/events/staging/intent.json");
    let whole = std::fs::read(intent(root.path())).unwrap();
    let mut changed: Vec<Vec<u8>> =
        [0, 1, 16, 33, whole.len() / 2, whole.len() - 1].map(|cut| whole[..cut].to_vec()).into();
    for bit in [3, 40 * 8, whole.len() * 4] {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        changed.push(flipped);
    }
    for bytes in changed {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(root.path(), copy.path());
        std::fs::write(intent(copy.path()), &bytes).unwrap();
        let lake = Lake::new(copy.path());
        let error = Dataset::open(&lake, &stream_feed(), limits(), owner()).err().unwrap();
        assert_eq!(error.kind(), Kind::Damaged, "{error}");
        let mended = repair(&lake, &stream_feed(), limits(), Options::default(), owner()).unwrap();
        assert!(mended.left.is_sound(), "{:#?}", mended.left);
        // Nothing of it is claimed: all of it is read again.
        let mut dataset = open(copy.path(), &stream_feed());
        assert!(data_files(dataset.dir()).is_empty());
        assert!(dataset.metadata().positions.is_empty());
        append(&mut dataset, &all, "r2").unwrap();
        assert_eq!(rows(dataset.dir()), expected(&all));
    }
}

#[test]
fn half_of_the_first_commit_proves_its_prefix_and_the_rest_is_read_again() {
    // Two days that take turns in the log, so that each of the two files holds every other offset.
    let all: Vec<Row> = (0..40).map(|o| (0, o, T0 + (o % 2) * DAY)).collect();
    for (lost, whole) in [(Some(0), false), (Some(1), false), (None, true)] {
        let root = tempfile::tempdir().unwrap();
        let mut dataset = open(root.path(), &stream_feed());
        append(&mut dataset, &all, "r1").unwrap();
        let dir = dataset.dir().to_owned();
        drop(dataset);
        std::fs::remove_file(dir.join("_metadata.json")).unwrap();
        std::fs::remove_file(books(&dir).join("journal")).unwrap();
        if let Some(lost) = lost {
            std::fs::remove_file(dir.join(&data_files(&dir)[lost])).unwrap();
        }
        let mut dataset = open(root.path(), &stream_feed());
        let next = dataset.metadata().positions.get(&0).copied().unwrap_or(0);
        assert_eq!(
            next == 40,
            whole,
            "positions of a whole commit are kept, those of half of one are not: {next}"
        );
        assert!(whole || !dataset.metadata().caught_up);
        // The log is read again from there, and nothing is lost or doubled.
        let again: Vec<Row> = all.iter().filter(|row| row.1 >= next).copied().chain([(0, 40, T0)]).collect();
        append(&mut dataset, &again, "r2").unwrap();
        assert!(dataset.metadata().ahead.is_empty());
        drop(dataset);
        assert_eq!(rows(&dir), expected(&[all.clone(), vec![(0, 40, T0)]].concat()));
        let report = check(&Lake::new(root.path()), &stream_feed(), deep(), &owner()).unwrap();
        assert!(report.is_sound(), "{report:#?}");
    }
}

#[test]
fn metadata_from_a_backup_is_noticed_and_nothing_is_doubled() {
    // With the journal as witness, and without: then the names in the last partitions are.
    for with_journal in [true, false] {
        let root = tempfile::tempdir().unwrap();
        let all = days(3, 20);
        let mut dataset = open(root.path(), &stream_feed());
        let dir = dataset.dir().to_owned();
        append(&mut dataset, &all[..20], "r1").unwrap();
        let backup = [dir.join("_metadata.json"), books(&dir).join("journal")]
            .map(|path| std::fs::read(path).unwrap());
        append(&mut dataset, &all[20..40], "r2").unwrap();
        let after = dataset.metadata().clone();
        drop(dataset);
        std::fs::write(dir.join("_metadata.json"), &backup[0]).unwrap();
        if !with_journal {
            std::fs::write(books(&dir).join("journal"), &backup[1]).unwrap();
        }
        let mut dataset = open(root.path(), &stream_feed());
        assert!(dataset.recovery().rebuilt_metadata.is_some());
        let found = dataset.metadata();
        assert_eq!((&found.positions, &found.partitions), (&after.positions, &after.partitions));
        append(&mut dataset, &all[40..], "r3").unwrap();
        drop(dataset);
        assert_eq!(rows(&dir), expected(&all));
        let report = check(&Lake::new(root.path()), &stream_feed(), deep(), &owner()).unwrap();
        assert!(report.is_sound(), "{report:#?}");
    }
}

fn deep() -> Options {
    Options { deep: true, ..Options::default() }
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
    let metadata = b"{}";
    let hash = |bytes: &[u8]| format!("{:032x}", twox_hash::xxhash3_128::Hasher::oneshot(bytes));
    let body = serde_json::json!({
        "commit": "1-x",
        "moves": [{"from": "data/../../victim", "to": "data/taken", "bytes": 1, "rows": 0}],
        "metadata": {"bytes": 2, "hash": hash(metadata)},
        "journal": {"from": 0, "text": ""},
    })
    .to_string();
    let staging = root.path().join("_lakehand/streams/events/staging");
    std::fs::write(staging.join("next-metadata.json"), metadata).unwrap();
    std::fs::write(staging.join("intent.json"), format!("{}\n{body}\n", hash(body.as_bytes()))).unwrap();
    let error = Dataset::open(&Lake::new(root.path()), &stream_feed(), limits(), owner()).err().unwrap();
    assert_eq!(error.kind(), Kind::Damaged);
    assert!(error.to_string().contains("names a path outside of it"), "{error}");
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

#[test]
fn late_rows_of_a_year_behind_a_link_are_put_aside_and_hold_up_no_other_day() {
    let root = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let old = T0 - 200 * DAY;
    let first = [(0, 0, old), (0, 1, T0)];
    let mut dataset = open(root.path(), &stream_feed());
    let dir = dataset.dir().to_owned();
    append(&mut dataset, &first, "r1").unwrap();
    drop(dataset);
    std::fs::rename(dir.join("year=2024"), elsewhere.path().join("year=2024")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("year=2024"), dir.join("year=2024")).unwrap();
    let mut dataset = open(root.path(), &stream_feed());
    let mut appender = dataset.appender(&stream_schema(), run("r2")).unwrap();
    let late = [(0, 2, old), (0, 3, T0 + DAY)];
    appender.write(&batch(&late)).unwrap();
    let stats = appender.stats();
    assert_eq!((stats.rows, stats.quarantined, stats.read_only), (1, 1, 1));
    let done = appender.commit(commit_after(&late)).unwrap();
    drop(appender);
    assert_eq!((done.rows, done.quarantined), (1, 1));
    assert_eq!(dataset.metadata().positions[&0], 4);
    let kept = std::fs::read_dir(books(&dir).join("quarantine")).unwrap();
    let kept: String = kept.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    assert!(kept.contains("year=2024/month=06/day=15 is a link") && kept.contains("ROWOFFSET"), "{kept}");
    assert_eq!(usage(&dir).unwrap().iter().filter(|p| p.agrees()).count(), 3, "the linked year is counted");
}

/// Bytes of the files that are synced.
#[derive(Default)]
struct Synced(std::sync::atomic::AtomicU64);

impl Faults for Synced {
    fn before(&self, op: Op, path: &std::path::Path) -> std::io::Result<()> {
        if op == Op::Sync {
            let bytes = std::fs::metadata(path).map_or(0, |found| found.len());
            self.0.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    }
}

#[test]
fn a_commit_writes_the_metadata_once_and_appends_to_the_journal() {
    let root = tempfile::tempdir().unwrap();
    let synced = std::sync::Arc::new(Synced::default());
    let lake = Lake::with_faults(root.path(), synced.clone());
    let mut dataset = Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap();
    let many: Vec<Row> = (0..300).map(|o| (0, o, T0 + o * DAY)).collect();
    append(&mut dataset, &many, "r1").unwrap();
    let journal = |dataset: &Dataset| std::fs::read(books(dataset.dir()).join("journal")).unwrap();
    let before = journal(&dataset);
    synced.0.store(0, std::sync::atomic::Ordering::Relaxed);
    append(&mut dataset, &[(0, 300, T0)], "r2").unwrap();
    let after = journal(&dataset);
    assert!(after.starts_with(&before), "the journal is only appended to");
    let metadata = std::fs::metadata(dataset.dir().join("_metadata.json")).unwrap().len();
    let data = dataset.metadata().runs.last().unwrap().bytes;
    let written = synced.0.load(std::sync::atomic::Ordering::Relaxed) - data;
    // The journal is synced whole by its size, the intent is small.
    let rest = after.len() as u64 + 8192;
    assert!(written < metadata + rest, "{written} bytes for metadata of {metadata} and a journal of {rest}");
}

//! The power goes before each operation: what was not synced is lost or torn, and nothing that was committed is.
//!
//! tests/lake_crash.rs stops the process, whose writes all reach the disk; here they do not. See `disk` for what a disk may
//! show after a power loss.

#[path = "lake_support/disk.rs"]
mod disk;
mod lake_support;

use std::path::Path;

use disk::{Disk, scratch};
use lake_support::*;
use lakehand::Result;
use lakehand::feed::Feed;
use lakehand::lake::{Dataset, Lake, PartitionUsage, Quarantined, usage};

/// Outcomes of a power loss that are looked at for each instant.
const OUTCOMES: u64 = 4;

/// Does `work` on a copy of `base`, with the power gone before operation 0, 1, 2, … of it; calls `check` with the
/// recovered dataset and with whether `work` had said that it was done. Gives the number of instants.
fn at_every_instant(
    base: &Path,
    feed: &Feed,
    work: impl Fn(&mut Dataset) -> Result<()>,
    check: impl Fn(&Dataset, bool),
) -> u64 {
    for n in 0.. {
        let live = scratch();
        copy_tree(base, live.path());
        let disk = Disk::new(live.path());
        disk.kill_before(n);
        let lake = Lake::with_faults(live.path(), disk.clone());
        let done = Dataset::open(&lake, feed, limits(), owner()).and_then(|mut d| work(&mut d)).is_ok();
        assert!(done || disk.killed(), "without a stop the work is done");
        for seed in 0..OUTCOMES {
            let after = scratch();
            disk.lose_power(after.path(), &mut fastrand::Rng::with_seed(n * OUTCOMES + seed));
            // The power goes again, in the midst of recovery.
            let second = Disk::new(after.path());
            second.kill_before(seed * 3);
            let _ = Dataset::open(&Lake::with_faults(after.path(), second.clone()), feed, limits(), owner());
            let last = scratch();
            second.lose_power(last.path(), &mut fastrand::Rng::with_seed(n + seed));
            check_whole(last.path(), feed, &format!("power gone before operation {n}, outcome {seed}"));
            check(&open(last.path(), feed), done);
        }
        if !disk.killed() {
            return n;
        }
    }
    unreachable!("the work ends")
}

/// What holds after any recovery.
fn check_whole(root: &Path, feed: &Feed, when: &str) {
    let dataset = match Dataset::open(&Lake::new(root), feed, limits(), owner()) {
        Ok(dataset) => dataset,
        Err(error) => panic!("{when}: {error}"),
    };
    let left = std::fs::read_dir(books(dataset.dir()).join("staging")).unwrap().count();
    assert_eq!(left, 0, "{when}: staging is empty");
    let told = usage(dataset.dir()).unwrap();
    assert!(told.iter().all(PartitionUsage::agrees), "{when}: {told:?}");
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
fn a_first_append_is_before_or_after() {
    let base = scratch();
    let all = days(2, 5);
    let instants = at_every_instant(
        base.path(),
        &stream_feed(),
        |dataset| append(dataset, &all, "r1"),
        |dataset, done| {
            let held = rows(dataset.dir());
            assert!(held.is_empty() && !done || held == expected(&all), "{} rows, done {done}", held.len());
            assert_eq!(
                dataset.metadata().positions.get(&0).copied().unwrap_or(0),
                i64::try_from(held.len()).unwrap()
            );
        },
    );
    assert!(instants > 30, "{instants}");
}

#[test]
fn an_append_is_before_or_after() {
    let base = scratch();
    let all = days(3, 5);
    append(&mut open(base.path(), &stream_feed()), &all[..7], "r1").unwrap();
    at_every_instant(
        base.path(),
        &stream_feed(),
        |dataset| append(dataset, &all[7..], "r2"),
        |dataset, done| {
            let held = rows(dataset.dir());
            let before = held == expected(&all[..7]) && !done;
            assert!(before || held == expected(&all), "{} rows, done {done}", held.len());
            assert_eq!(dataset.metadata().positions[&0], i64::try_from(held.len()).unwrap());
        },
    );
}

fn publish(dataset: &mut Dataset, count: i64, id: &str) -> Result<()> {
    let mut snapshot = dataset.snapshot(&table_schema(), run(id))?;
    snapshot.write(&table_batch(0, count))?;
    snapshot.publish(at(T0), count.unsigned_abs()).map(|_| ())
}

#[test]
fn an_overwrite_is_before_or_after() {
    let base = scratch();
    publish(&mut open(base.path(), &table_feed()), 10, "r1").unwrap();
    at_every_instant(
        base.path(),
        &table_feed(),
        |dataset| publish(dataset, 25, "r2"),
        |dataset, done| {
            let current = dataset.metadata().current_version.unwrap();
            assert!(current == 2 || !done);
            let file = dataset.dir().join(format!("version=v{current}/snapshot_20250210_000000.parquet"));
            let count: usize = read(&file).iter().map(arrow::array::RecordBatch::num_rows).sum();
            assert_eq!(count, if current == 1 { 10 } else { 25 });
            assert_eq!(dataset.metadata().total_records, count as u64);
        },
    );
}

#[test]
fn retention_is_before_or_after() {
    let base = scratch();
    let all = days(5, 3);
    append(&mut open(base.path(), &stream_feed()), &all, "r1").unwrap();
    let feed = Feed { retention_days: Some(2), ..stream_feed() };
    let today = at(T0 + 4 * DAY).date_naive();
    at_every_instant(
        base.path(),
        &feed,
        |dataset| dataset.retain(today).map(|_| ()),
        |dataset, done| {
            let held = rows(dataset.dir());
            let before = held == expected(&all) && !done;
            assert!(before || held == expected(&all[6..]), "{} rows, done {done}", held.len());
            assert_eq!(dataset.metadata().positions[&0], 15, "the position stays when the rows go");
        },
    );
}

/// A killed process leaves folders that it made and did not sync; the next one must not build on them unsynced.
#[test]
fn a_day_exported_again_and_its_undo_are_before_or_after() {
    let base = scratch();
    let all = days(2, 6);
    append(&mut open(base.path(), &stream_feed()), &all[..4], "r1").unwrap();
    append(&mut open(base.path(), &stream_feed()), &all[4..], "r2").unwrap();
    let first = at(T0).date_naive();
    let again = |dataset: &mut Dataset| {
        let mut replacer = dataset.replacer(&stream_schema(), run("again"), first)?;
        replacer.write(&batch(&all))?;
        replacer.swap(at(T0 + 50 * DAY)).map(|_| ())
    };
    let files = |dataset: &Dataset| {
        assert_eq!(rows(dataset.dir()), expected(&all));
        data_files(dataset.dir()).iter().filter(|file| file.contains("day=01")).count()
    };
    let swapped = |dataset: &Dataset, done: bool| assert!(files(dataset) == 1 || !done);
    at_every_instant(base.path(), &stream_feed(), again, swapped);
    again(&mut open(base.path(), &stream_feed())).unwrap();
    at_every_instant(
        base.path(),
        &stream_feed(),
        |dataset| dataset.undo_day(first, None, at(T0 + 51 * DAY)).map(|_| ()),
        |dataset, done| assert!(files(dataset) == 2 || !done),
    );
}

#[test]
fn a_kill_then_a_commit_then_a_power_loss() {
    let all = days(2, 5);
    for n in 0.. {
        let live = scratch();
        let disk = Disk::new(live.path());
        disk.kill_before(n);
        let lake = Lake::with_faults(live.path(), disk.clone());
        let _ = Dataset::open(&lake, &stream_feed(), limits(), owner())
            .and_then(|mut dataset| append(&mut dataset, &all[..6], "r1"));
        let fired = disk.killed();
        disk.start_again();
        let mut dataset = Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap();
        let next = dataset.metadata().positions.get(&0).copied().unwrap_or(0);
        append(&mut dataset, &all[usize::try_from(next).unwrap()..], "r2").unwrap();
        drop(dataset);
        for seed in 0..OUTCOMES {
            let after = scratch();
            disk.lose_power(after.path(), &mut fastrand::Rng::with_seed(n * OUTCOMES + seed));
            let when = format!("kill before operation {n}, outcome {seed}");
            check_whole(after.path(), &stream_feed(), &when);
            assert_eq!(rows(open(after.path(), &stream_feed()).dir()), expected(&all), "{when}");
        }
        if !fired {
            return;
        }
    }
}

//! Random histories of a dataset against a model of it: rows written, committed, abandoned, the program stopped before
//! any change to the disk or one change refused, started again, partitions removed by age.

mod lake_support;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lake_support::*;
use lakehand::feed::Feed;
use lakehand::lake::{Commit, Dataset, Faults, Lake, Limits, Op, PartitionUsage, usage};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// So many rows, over days; then a commit, or not.
    Write { rows: i64, spread: i64, commit: bool },
    /// The same, stopped for good before operation `n`.
    Crash { rows: i64, spread: i64, n: i64 },
    /// The same, with operation `n` refused once.
    Fail { rows: i64, spread: i64, n: i64 },
    /// Retention on day `today`.
    Retain { today: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let amount = || (1_i64..40, 1_i64..6);
    prop_oneof![
        (amount(), any::<bool>()).prop_map(|((rows, spread), commit)| Step::Write { rows, spread, commit }),
        (amount(), 0_i64..70).prop_map(|((rows, spread), n)| Step::Crash { rows, spread, n }),
        (amount(), 0_i64..70).prop_map(|((rows, spread), n)| Step::Fail { rows, spread, n }),
        (0_i64..20).prop_map(|today| Step::Retain { today }),
    ]
}

/// Refuses one operation.
struct Once(AtomicI64);

impl Faults for Once {
    fn before(&self, _op: Op, _path: &Path) -> io::Result<()> {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 0 {
            Err(io::Error::other("refused once"))
        } else {
            Ok(())
        }
    }
}

/// Rows of two Kafka partitions that follow those committed.
fn next_rows(next: &BTreeMap<i32, i64>, count: i64, spread: i64) -> Vec<Row> {
    let mut next = next.clone();
    (0..count)
        .map(|i| {
            let partition = i32::from(i % 3 == 0);
            let offset = next.entry(partition).or_insert(0);
            *offset += 1;
            (partition, *offset - 1, T0 + (*offset * 5 + i) % spread * DAY + i)
        })
        .collect()
}

fn export(lake: &Lake, feed: &Feed, rows: &[Row], commit: bool) -> lakehand::Result<()> {
    let small = Limits { target_file_bytes: 3000, ..limits() };
    let mut dataset = Dataset::open(lake, feed, small, owner())?;
    let mut positions = dataset.metadata().positions.clone();
    let mut appender = dataset.appender(&stream_schema(), run("model"))?;
    for part in rows.chunks(7) {
        appender.write(&batch(part))?;
    }
    positions.extend(commit_after(rows).positions);
    if commit {
        appender.commit(Commit { positions, ..commit_after(rows) })?;
        return Ok(());
    }
    appender.abandon()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_as_the_model_says(steps in prop::collection::vec(step(), 1..12)) {
        let root = tempfile::tempdir().unwrap();
        let feed = Feed { retention_days: Some(2), ..stream_feed() };
        let mut model: Vec<Row> = Vec::new();
        let mut next: BTreeMap<i32, i64> = BTreeMap::new();
        for step in steps {
            let (lake, count, spread, commit) = match &step {
                Step::Write { rows, spread, commit } => (Lake::new(root.path()), *rows, *spread, *commit),
                Step::Crash { rows, spread, n } => {
                    (Lake::with_faults(root.path(), StopAt::operation(*n)), *rows, *spread, true)
                }
                Step::Fail { rows, spread, n } => {
                    (Lake::with_faults(root.path(), Arc::new(Once(AtomicI64::new(*n)))), *rows, *spread, true)
                }
                Step::Retain { today } => {
                    let first_kept = T0 + (today - 2) * DAY;
                    open(root.path(), &feed).retain(at(T0 + today * DAY).date_naive()).unwrap();
                    model.retain(|row| row.2 >= first_kept);
                    (Lake::new(root.path()), 0, 1, false)
                }
            };
            if count > 0 {
                let rows_in = next_rows(&next, count, spread);
                let done = export(&lake, &feed, &rows_in, commit);
                let dataset = open(root.path(), &feed);
                // Only the positions tell whether a failed commit came through; the rows must agree with them.
                let after = dataset.metadata().positions.clone();
                if after == next {
                    prop_assert!(!(commit && done.is_ok()), "what was committed is there");
                } else {
                    let mut expected_next = next.clone();
                    expected_next.extend(commit_after(&rows_in).positions);
                    prop_assert_eq!(&after, &expected_next);
                    model.extend(&rows_in);
                    next = after;
                }
            }
            let dataset = open(root.path(), &feed);
            prop_assert_eq!(rows(dataset.dir()), expected(&model));
            prop_assert_eq!(dataset.metadata().total_records, model.len() as u64);
            prop_assert!(usage(dataset.dir()).unwrap().iter().all(PartitionUsage::agrees));
        }
        // The footers alone give the same positions as long as the last rows are still there.
        let before = open(root.path(), &feed).metadata().clone();
        let _ = std::fs::remove_file(root.path().join("streams/events/_metadata.json"));
        let after = open(root.path(), &feed).metadata().clone();
        prop_assert_eq!(&after.partitions, &before.partitions);
        prop_assert!(after.positions.iter().all(|(partition, next)| before.positions[partition] >= *next));
    }
}

//! Encoding with several threads: the same files, the same errors, the same budget.

mod lake_support;

use std::io;
use std::path::Path;
use std::sync::Arc;

use lake_support::*;
use lakehand::Kind;
use lakehand::lake::{Dataset, Faults, Lake, Limits, Op};

/// Five days thrown together, so that five files are open.
fn mixed(n: i64) -> Vec<Row> {
    (0..n).map(|i| (i32::try_from(i % 3).unwrap(), i / 3, T0 + (i * 7919 % 5) * DAY + i)).collect()
}

fn write(lake: &Lake, rows: &[Row], limits: Limits) -> lakehand::Result<lakehand::lake::Committed> {
    let mut dataset = Dataset::open(lake, &stream_feed(), limits, owner())?;
    let mut appender = dataset.appender(&stream_schema(), run("r1"))?;
    for rows in rows.chunks(7000) {
        appender.write(&batch(rows))?;
    }
    appender.commit(commit_after(rows))
}

/// Every data file with its bytes.
fn contents(root: &Path) -> Vec<(String, Vec<u8>)> {
    let dir = root.join("streams/events");
    data_files(&dir).into_iter().map(|file| (file.clone(), std::fs::read(dir.join(file)).unwrap())).collect()
}

#[test]
fn the_bytes_of_the_files_do_not_depend_on_the_threads() {
    let all = mixed(100_000);
    let written = |threads| {
        let root = tempfile::tempdir().unwrap();
        let lake = Lake::new(root.path()).with_threads(threads);
        let done = write(&lake, &all, limits()).unwrap();
        assert_eq!((done.rows, done.files), (100_000, 5));
        assert_eq!(rows(&root.path().join("streams/events")), expected(&all));
        contents(root.path())
    };
    let one = written(1);
    for threads in [2, 5] {
        assert!(one == written(threads), "{threads} threads made other files");
    }
}

#[test]
fn two_datasets_share_the_threads() {
    let root = tempfile::tempdir().unwrap();
    let lake = Lake::new(root.path()).with_threads(3);
    let all = mixed(60_000);
    let names = ["EVENTS", "OTHERS"];
    std::thread::scope(|scope| {
        for name in names {
            let (lake, all) = (&lake, &all);
            scope.spawn(move || {
                let feed = lakehand::feed::Feed { source: name.to_owned(), ..stream_feed() };
                let mut dataset = Dataset::open(lake, &feed, limits(), owner()).unwrap();
                let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
                for rows in all.chunks(5000) {
                    appender.write(&batch(rows)).unwrap();
                }
                appender.commit(commit_after(all)).unwrap();
            });
        }
    });
    for name in names {
        assert_eq!(rows(&root.path().join("streams").join(name.to_lowercase())), expected(&all));
    }
}

#[test]
fn the_budget_holds_with_threads() {
    // In memory where there is such a folder: the time of the syncs is not what is looked at.
    let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let lake = Lake::new(root.path()).with_threads(4);
    let all: Vec<Row> = (0..20_000).map(|i| (0, i, T0 + (i * 7919 % 400) * DAY)).collect();
    let small = Limits { memory_bytes: 8 << 20, ..limits() };
    let mut dataset = Dataset::open(&lake, &stream_feed(), small, owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    for rows in all.chunks(4000) {
        appender.write(&batch(rows)).unwrap();
        // At most half of the memory is the writer's.
        assert!(appender.stats().memory <= 4 << 20, "{:?}", appender.stats());
    }
    let done = appender.commit(commit_after(&all)).unwrap();
    assert!(done.rolls.memory > 0, "{:?}", done.rolls);
    assert_eq!(rows(&root.path().join("streams/events")), expected(&all));
}

/// A disk that takes nothing any more.
struct Full;

impl Faults for Full {
    fn before(&self, op: Op, path: &Path) -> io::Result<()> {
        if op == Op::Write && path.to_string_lossy().contains(".parquet") {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_run_and_not_the_threads() {
    let root = tempfile::tempdir().unwrap();
    let lake = Lake::with_faults(root.path(), Arc::new(Full)).with_threads(3);
    let all = mixed(30_000);
    assert_eq!(write(&lake, &all, limits()).unwrap_err().kind(), Kind::DiskFull);
    // What was left undone by the first run does not hold up a second one.
    assert_eq!(write(&lake, &all, limits()).unwrap_err().kind(), Kind::DiskFull);
    assert!(contents(root.path()).is_empty());
}

//! Whoever lists a table's folder, or a day that is exported again, finds it whole.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use lakehand::lake::verify::{Options, check};
use lakehand::lake::{Dataset, Faults, Lake, Op, can_exchange_folders, read_metadata};

use crate::lake_support::*;
use crate::names;

fn publish(dataset: &mut Dataset, count: i64, id: &str) -> lakehand::Result<()> {
    let mut snapshot = dataset.snapshot(&table_schema(), run(id))?;
    snapshot.write(&table_batch(0, count))?;
    snapshot.publish(at(T0), count.unsigned_abs()).map(|_| ())
}

/// Versions that a reader finds who lists the table's folder.
fn versions(dir: &Path) -> io::Result<Vec<String>> {
    let names: io::Result<Vec<_>> =
        std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().into_string().unwrap())).collect();
    Ok(names?.into_iter().filter(|name| name.starts_with("version=")).collect())
}

/// Overwrites a table while a thread lists it; gives the lists that held two versions, and those that held none.
fn overwritten(lake: &Lake, times: u64) -> (u64, u64, u64) {
    let mut dataset = Dataset::open(lake, &table_feed(), limits(), owner()).unwrap();
    publish(&mut dataset, 1, "t0").unwrap();
    let dir = dataset.dir().to_owned();
    let (done, round) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut looks, mut two, mut none) = (0, 0, 0);
            while !done.load(SeqCst) {
                let begun = round.load(SeqCst);
                let found = versions(&dir).map_or(0, |versions| versions.len());
                // The folder of before is kept until the next overwrite: one that was opened two overwrites ago tells nothing.
                if found == 0 && round.load(SeqCst) > begun {
                    continue;
                }
                looks += 1;
                two += u64::from(found > 1);
                none += u64::from(found == 0);
            }
            (looks, two, none)
        });
        for n in 1..=times {
            publish(&mut dataset, 1 + i64::try_from(n).unwrap(), &format!("t{n}")).unwrap();
            round.fetch_add(1, SeqCst);
        }
        done.store(true, SeqCst);
        reader.join().unwrap()
    })
}

#[test]
fn who_lists_a_table_finds_one_version() {
    let root = tempfile::tempdir().unwrap();
    let (looks, two, none) = overwritten(&Lake::new(root.path()), 200);
    println!("{looks} looks");
    let dir = root.path().join("tables/totals");
    let can_exchange = books(&dir).join("previous").exists();
    assert_eq!(two, 0, "of {looks} looks");
    assert!(none == 0 || !can_exchange, "{none} of {looks} looks found no version");
    assert_eq!(versions(&dir).unwrap(), ["version=v201"]);
    assert!(!names(&books(&dir)).iter().any(|name| name.ends_with(".parquet")));
    let report = check(&Lake::new(root.path()), &table_feed(), Options::default(), &owner()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
}

/// A file system whose folders cannot exchange their names.
struct NoExchange;

impl Faults for NoExchange {
    fn before(&self, op: Op, _path: &Path) -> io::Result<()> {
        if op == Op::Exchange { Err(io::ErrorKind::Unsupported.into()) } else { Ok(()) }
    }
}

#[test]
fn where_folders_cannot_be_exchanged_no_sum_is_doubled() {
    let root = tempfile::tempdir().unwrap();
    let (looks, two, _) = overwritten(&Lake::with_faults(root.path(), Arc::new(NoExchange)), 100);
    let dir = root.path().join("tables/totals");
    assert_eq!(two, 0, "of {looks} looks");
    assert_eq!(versions(&dir).unwrap(), ["version=v101"]);
    assert!(!books(&dir).join("previous").exists());
}

#[test]
fn an_overwrite_shows_one_version_whatever_stops_it() {
    let base = tempfile::tempdir().unwrap();
    publish(&mut open(base.path(), &table_feed()), 10, "r1").unwrap();
    for n in 0.. {
        let root = tempfile::tempdir().unwrap();
        copy_tree(base.path(), root.path());
        let stop = StopAt::operation(n);
        let lake = Lake::with_faults(root.path(), stop.clone());
        let done = Dataset::open(&lake, &table_feed(), limits(), owner())
            .and_then(|mut dataset| publish(&mut dataset, 25, "r2"))
            .is_ok();
        let dir = root.path().join("tables/totals");
        let when = format!("stop before operation {n}");
        assert_eq!(versions(&dir).unwrap().len(), 1, "{when}");
        // The one that is there is whole, and the metadata names it.
        let shown = versions(&dir).unwrap().remove(0);
        assert_eq!(read_metadata(&dir).unwrap().unwrap().current_version, shown[9..].parse().ok(), "{when}");
        let dataset = open(root.path(), &table_feed());
        let current = dataset.metadata().current_version.unwrap();
        assert!(current == 2 || !done, "{when}");
        assert_eq!(versions(&dir).unwrap(), [format!("version=v{current}")], "{when}");
        let file = dir.join(format!("version=v{current}/snapshot_20250210_000000.parquet"));
        let count: usize = read(&file).iter().map(arrow::array::RecordBatch::num_rows).sum();
        assert_eq!(count, if current == 1 { 10 } else { 25 }, "{when}");
        if !stop.fired() {
            return;
        }
    }
}

/// Lists a day before each change to the disk, as a reader could; counts the looks that did not find one file.
#[derive(Default)]
struct Looker {
    day: std::sync::Mutex<Option<std::path::PathBuf>>,
    looks: AtomicU64,
    wrong: AtomicU64,
}

impl Faults for Looker {
    fn before(&self, _op: Op, _path: &Path) -> io::Result<()> {
        if let Some(day) = &*self.day.lock().unwrap() {
            let names = std::fs::read_dir(day).into_iter().flatten().flatten();
            let files = names.filter(|e| e.path().extension().is_some_and(|x| x == "parquet")).count();
            self.looks.fetch_add(1, SeqCst);
            self.wrong.fetch_add(u64::from(files != 1), SeqCst);
        }
        Ok(())
    }
}

/// A day of one file, exported again three times; gives its folder as it was after the first commit to `then`.
fn exported_again(lake: &Lake, then: impl FnOnce(&Path)) {
    let all: Vec<Row> = (0..6).map(|i| (0, i, T0)).collect();
    let mut dataset = Dataset::open(lake, &stream_feed(), limits(), owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r")).unwrap();
    appender.write(&batch(&all)).unwrap();
    appender.commit(commit_after(&all)).unwrap();
    drop(appender);
    then(dataset.dir().join(&data_files(dataset.dir())[0]).parent().unwrap());
    for n in 0..3 {
        let date = at(T0).date_naive();
        let mut replacer = dataset.replacer(&stream_schema(), run(&format!("again{n}")), date).unwrap();
        replacer.write(&batch(&all)).unwrap();
        replacer.swap(at(T0 + 50 * DAY)).unwrap();
    }
    let dir = dataset.dir().to_owned();
    drop(dataset);
    assert_eq!(data_files(&dir).len(), 1);
    assert_eq!(rows(&dir), expected(&all));
    assert!(!books(&dir).join("staging/exchange").exists());
    let report = check(lake, &stream_feed(), Options::default(), &owner()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
}

#[test]
fn a_day_that_is_exported_again_is_there_whole_before_every_change_to_the_disk() {
    let root = tempfile::tempdir().unwrap();
    let looker = Arc::new(Looker::default());
    exported_again(&Lake::with_faults(root.path(), looker.clone()), |day| {
        *looker.day.lock().unwrap() = Some(day.to_owned());
    });
    let (looks, wrong) = (looker.looks.load(SeqCst), looker.wrong.load(SeqCst));
    assert!(looks > 30, "{looks}");
    // Where folders cannot be exchanged, files are renamed one by one.
    if can_exchange_folders(root.path()).unwrap() {
        assert_eq!(wrong, 0, "of {looks} looks");
    }
}

#[test]
fn where_folders_cannot_be_exchanged_a_day_is_replaced_file_by_file() {
    let root = tempfile::tempdir().unwrap();
    exported_again(&Lake::with_faults(root.path(), Arc::new(NoExchange)), |_| ());
}

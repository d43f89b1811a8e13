//! Where things lie: a dataset's folder holds data and metadata alone; a lake of before is migrated, whatever stops it;
//! metadata goes apart and comes back; whoever lists a table's folder finds one version.

mod lake_support;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use lake_support::*;
use lakehand::Kind;
use lakehand::feed::Feed;
use lakehand::lake::verify::{FindingKind, Options, check, repair};
use lakehand::lake::{
    Dataset, Faults, Holder, Lake, Op, PartitionUsage, Quarantined, can_exchange_folders, completeness,
    lock_holder, read_metadata, replaced, settle, undo_preview, usage,
};

/// A stream with everything that books can hold: quarantine, a replaced day, a file put aside, a seal.
fn rich(root: &Path) -> (Feed, Vec<Row>) {
    let all: Vec<Row> = (0..20).map(|i| (0, i, T0 + i / 5 * DAY)).collect();
    let lake = Lake::new(root).sealing_after(Some(std::time::Duration::ZERO));
    let mut dataset = Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    appender.write(&batch(&all)).unwrap();
    let (path, reason, raw) = ("$[0]", "not a number", &b"[x]"[..]);
    appender
        .quarantine(&Quarantined { partition: None, offset: None, path, reason, raw, time: at(T0) })
        .unwrap();
    let mut end = commit_after(&all);
    end.complete_through = Some(at(T0 + 3 * DAY));
    appender.commit(end).unwrap();
    drop(appender);
    let first = at(T0).date_naive();
    let mut replacer = dataset.replacer(&stream_schema(), run("again"), first).unwrap();
    replacer.write(&batch(&all)).unwrap();
    replacer.swap(at(T0 + 50 * DAY)).unwrap();
    dataset.seal(at(T0 + 50 * DAY)).unwrap();
    drop(dataset);
    // A copy of a file, which a repair puts aside.
    let dir = root.join("streams/events");
    let file = dir.join(&data_files(&dir)[0]);
    std::fs::copy(&file, file.with_file_name("data_20250101_copy_1.parquet")).unwrap();
    let mended = repair(&lake, &stream_feed(), limits(), Options::default(), owner()).unwrap();
    assert!(mended.left.is_sound() && !mended.done.is_empty(), "{:?}", mended.left);
    (stream_feed(), all)
}

/// Everything below a folder, by its path.
fn names(dir: &Path) -> BTreeSet<String> {
    fn walk(dir: &Path, base: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            found.insert(entry.path().strip_prefix(base).unwrap().to_str().unwrap().to_owned());
            if entry.path().is_dir() {
                walk(&entry.path(), base, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(dir, dir, &mut found);
    found
}

/// What lies at the top of a dataset's folder, partitions left out.
fn beside_data(dir: &Path) -> Vec<String> {
    let top = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut top: Vec<_> = top.filter(|name| !name.contains('=')).collect();
    top.sort();
    top
}

fn rename_all(dir: &Path, name: impl Fn(&str) -> Option<String> + Copy) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            rename_all(&entry.path(), name);
        } else if let Some(new) = name(entry.file_name().to_str().unwrap()) {
            std::fs::rename(entry.path(), dir.join(new)).unwrap();
        }
    }
}

/// Moves the books to where they were before version 0.2.
fn make_old(dir: &Path) {
    let books = books(dir);
    for (new, old) in [
        ("lock", "_lock"),
        ("staging", "_staging"),
        ("quarantine", "_quarantine"),
        ("bin", "_replaced"),
        ("damaged", "_damaged"),
    ] {
        if books.join(new).exists() {
            std::fs::rename(books.join(new), dir.join(old)).unwrap();
        }
    }
    for old in ["_replaced", "_damaged"] {
        rename_all(&dir.join(old), |name| {
            let plain = name.strip_suffix(".replaced").or_else(|| name.strip_suffix(".damaged"))?;
            Some(plain.to_owned())
        });
    }
    std::fs::remove_dir_all(dir.ancestors().nth(2).unwrap().join("_lakehand")).unwrap();
    // No journal was kept, and the metadata names none.
    let path = dir.join("_metadata.json");
    let Ok(text) = std::fs::read(&path) else { return };
    let mut metadata: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert!(metadata.as_object_mut().unwrap().remove("journal").is_some());
    std::fs::write(&path, serde_json::to_vec_pretty(&metadata).unwrap()).unwrap();
}

/// What must be there after any migration.
fn assert_migrated(root: &Path, all: &[Row], when: &str) {
    let dir = root.join("streams/events");
    assert_eq!(rows(&dir), expected(all), "{when}");
    assert_eq!(beside_data(&dir), ["_metadata.json"], "{when}");
    let kept = names(&books(&dir));
    assert!(!kept.iter().any(|name| name.ends_with(".parquet")), "{when}: {kept:?}");
    let count =
        |part: &str, end: &str| kept.iter().filter(|n| n.starts_with(part) && n.ends_with(end)).count();
    assert_eq!(count("quarantine/", ".jsonl"), 1, "{when}: {kept:?}");
    assert_eq!(count("bin/", ".parquet.replaced"), 1, "{when}: {kept:?}");
    assert_eq!(count("damaged/", ".parquet.damaged"), 1, "{when}: {kept:?}");
    let sets = replaced(&dir).unwrap();
    assert_eq!((sets.len(), sets[0].rows), (1, 5), "{when}");
    assert_eq!(undo_preview(&dir, at(T0).date_naive(), None).unwrap().back.rows, 5, "{when}");
    assert!(usage(&dir).unwrap().iter().all(PartitionUsage::agrees), "{when}");
    let report = check(&Lake::new(root), &stream_feed(), Options::default(), &owner()).unwrap();
    assert!(report.is_sound(), "{when}: {:?}", report.findings);
}

#[test]
fn a_datasets_folder_holds_data_and_metadata_alone() {
    let root = tempfile::tempdir().unwrap();
    let (_, all) = rich(root.path());
    assert_migrated(root.path(), &all, "a new lake");
    let parquet: Vec<_> = names(root.path()).into_iter().filter(|n| n.ends_with(".parquet")).collect();
    assert_eq!(parquet.len(), data_files(root.path()).len(), "{parquet:?}");
}

#[test]
fn a_lake_of_before_is_read_as_it_is_and_migrated_by_the_first_that_writes() {
    let root = tempfile::tempdir().unwrap();
    let (feed, all) = rich(root.path());
    let dir = root.path().join("streams/events");
    make_old(&dir);
    let before = names(root.path());
    assert!(beside_data(&dir).contains(&"_replaced".to_owned()));
    let lake = Lake::new(root.path());
    // Commands that only read.
    assert_eq!(read_metadata(&dir).unwrap().unwrap().total_records, 20);
    assert_eq!(completeness(&dir).unwrap().len(), 4);
    assert_eq!(replaced(&dir).unwrap().len(), 1);
    assert_eq!(undo_preview(&dir, at(T0).date_naive(), None).unwrap().back.rows, 5);
    assert_eq!(lock_holder(&dir).unwrap(), Holder::Nobody);
    let report = check(&lake, &feed, Options::default(), &owner()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert!(report.findings.iter().any(|f| f.kind == FindingKind::OldLayout), "{:?}", report.findings);
    assert_eq!(names(root.path()), before, "nothing that reads changes anything");
    // An older program writes.
    let old = std::fs::File::options().write(true).open(dir.join("_lock")).unwrap();
    old.lock().unwrap();
    assert!(matches!(lock_holder(&dir).unwrap(), Holder::Somebody(_)));
    let refused = Dataset::open(&lake, &feed, limits(), owner()).err().unwrap();
    assert_eq!(refused.kind(), Kind::Locked);
    assert!(dir.join("_lock").exists() && dir.join("_replaced").exists());
    drop(old);
    let dataset = open(root.path(), &feed);
    assert_eq!(dataset.recovery().migrated_to.as_deref(), Some(books(&dir).as_path()));
    drop(dataset);
    assert_migrated(root.path(), &all, "migrated");
    assert_eq!(open(root.path(), &feed).recovery().migrated_to, None);
    // The day's export is taken back out of a bin that was migrated.
    let mut dataset = open(root.path(), &feed);
    dataset.undo_day(at(T0).date_naive(), None, at(T0 + 60 * DAY)).unwrap();
    assert_eq!(rows(&dir), expected(&all));
}

#[test]
fn a_repair_migrates_too() {
    let root = tempfile::tempdir().unwrap();
    let (feed, all) = rich(root.path());
    make_old(&root.path().join("streams/events"));
    let mended = repair(&Lake::new(root.path()), &feed, limits(), Options::default(), owner()).unwrap();
    assert!(mended.done.iter().any(|f| f.kind == FindingKind::OldLayout), "{:?}", mended.done);
    assert_migrated(root.path(), &all, "repaired");
}

#[test]
fn a_migration_that_is_stopped_goes_on() {
    let base = tempfile::tempdir().unwrap();
    let (feed, all) = rich(base.path());
    make_old(&base.path().join("streams/events"));
    for n in 0.. {
        let root = tempfile::tempdir().unwrap();
        copy_tree(base.path(), root.path());
        let stop = StopAt::operation(n);
        let opened =
            Dataset::open(&Lake::with_faults(root.path(), stop.clone()), &feed, limits(), owner()).is_ok();
        assert!(opened || stop.fired(), "without a stop it is done");
        let when = format!("stop before operation {n}");
        // Half of it moved: what reads finds all of it.
        let dir = root.path().join("streams/events");
        assert_eq!(rows(&dir), expected(&all), "{when}");
        assert_eq!(replaced(&dir).unwrap().iter().map(|set| set.rows).sum::<u64>(), 5, "{when}");
        // A second stop, in the midst of going on.
        let stop_again = StopAt::operation(n / 2);
        let _ = Dataset::open(&Lake::with_faults(root.path(), stop_again), &feed, limits(), owner());
        drop(open(root.path(), &feed));
        assert_migrated(root.path(), &all, &when);
        if !stop.fired() {
            assert!(n > 20, "{n}");
            return;
        }
    }
}

/// A lake of before whose last commit was decided and not finished.
fn unfinished(root: &Path, all: &[Row]) {
    for n in 0.. {
        let _ = std::fs::remove_dir_all(root.join("streams"));
        let _ = std::fs::remove_dir_all(root.join("_lakehand"));
        let lake = Lake::with_faults(root, StopAt::operation(n));
        let _ = Dataset::open(&lake, &stream_feed(), limits(), owner()).and_then(|mut dataset| {
            let mut appender = dataset.appender(&stream_schema(), run("r1"))?;
            appender.write(&batch(all))?;
            appender.commit(commit_after(all)).map(|_| ())
        });
        if books(&root.join("streams/events")).join("staging/intent.json").exists() {
            break;
        }
    }
    let dir = root.join("streams/events");
    let intent = books(&dir).join("staging/intent.json");
    let text = std::fs::read_to_string(&intent).unwrap();
    let body = text.lines().nth(1).unwrap();
    // As the version before wrote it: every path below the dataset's folder.
    let body = body.replace("\"staging/", "\"_staging/").replace("\"data/", "\"");
    let body = body.replace(".parquet.staged", ".parquet");
    let hash = body
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    std::fs::write(&intent, format!("{hash:016x}\n{body}\n")).unwrap();
    rename_all(&books(&dir).join("staging"), |name| name.strip_suffix(".staged").map(str::to_owned));
    make_old(&dir);
}

#[test]
fn an_unfinished_commit_of_before_is_finished_by_its_own_rules() {
    let base = tempfile::tempdir().unwrap();
    let all: Vec<Row> = (0..12).map(|i| (0, i, T0 + i / 4 * DAY)).collect();
    unfinished(base.path(), &all);
    for n in 0.. {
        let root = tempfile::tempdir().unwrap();
        copy_tree(base.path(), root.path());
        let stop = StopAt::operation(n);
        let lake = Lake::with_faults(root.path(), stop.clone());
        let finished = Dataset::open(&lake, &stream_feed(), limits(), owner())
            .map(|dataset| dataset.recovery().finished_commit.clone());
        let dataset = open(root.path(), &stream_feed());
        let dir = dataset.dir().to_owned();
        assert_eq!(dataset.metadata().positions[&0], 12, "stop before operation {n}");
        drop(dataset);
        assert_eq!(rows(&dir), expected(&all), "stop before operation {n}");
        assert_eq!(beside_data(&dir), ["_metadata.json"], "stop before operation {n}");
        if !stop.fired() {
            assert_eq!(finished.unwrap().as_deref(), Some("000001-r1"));
            return;
        }
    }
}

/// Files with this name below a folder.
fn count(dir: &Path, name: &str) -> usize {
    names(dir).iter().filter(|path| Path::new(path).file_name().is_some_and(|n| n == name)).count()
}

#[test]
fn metadata_and_seals_go_apart_and_come_back_whatever_stops_it() {
    let base = tempfile::tempdir().unwrap();
    let (feed, all) = rich(base.path());
    let dir = base.path().join("streams/events");
    let seals = count(&dir, "_SUCCESS");
    assert!(seals >= 2, "{seals}");
    for (to, from) in [(true, false), (false, true)] {
        settle(&Lake::new(base.path()), &dir, from, &owner()).unwrap();
        for n in 0.. {
            let root = tempfile::tempdir().unwrap();
            copy_tree(base.path(), root.path());
            let dir = root.path().join("streams/events");
            let stop = StopAt::operation(n);
            let done = settle(&Lake::with_faults(root.path(), stop.clone()), &dir, to, &owner());
            let when = format!("to {to}, stop before operation {n}");
            // Every reader finds metadata and seals meanwhile.
            assert_eq!(read_metadata(&dir).unwrap().unwrap().total_records, 20, "{when}");
            let sealed = completeness(&dir).unwrap().iter().filter(|day| day.sealed_at.is_some()).count();
            assert_eq!(sealed, seals, "{when}");
            let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
            assert!(report.is_sound(), "{when}: {:?}", report.findings);
            let settled = settle(&Lake::new(root.path()), &dir, to, &owner()).unwrap();
            let (data, apart) = (names(&dir), names(&books(&dir)));
            let marks = |names: &BTreeSet<String>| names.iter().filter(|n| n.ends_with("_SUCCESS")).count();
            if to {
                assert!(data.iter().all(|n| n.ends_with(".parquet") || dir.join(n).is_dir()), "{data:?}");
                assert!(apart.contains("metadata.json") && marks(&apart) == seals, "{when}: {apart:?}");
            } else {
                assert!(data.contains("_metadata.json") && marks(&data) == seals, "{when}: {data:?}");
                assert!(!apart.contains("metadata.json") && marks(&apart) == 0, "{when}: {apart:?}");
            }
            assert_eq!(rows(&dir), expected(&all));
            if !stop.fired() {
                assert!(done.unwrap().moved && !settled.moved, "done once, and no more");
                break;
            }
        }
    }
}

#[test]
fn what_writes_keeps_the_metadata_apart() {
    let root = tempfile::tempdir().unwrap();
    let lake =
        Lake::new(root.path()).with_metadata_apart(true).sealing_after(Some(std::time::Duration::ZERO));
    let all: Vec<Row> = (0..8).map(|i| (0, i, T0 + i / 4 * DAY)).collect();
    let mut dataset = Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    appender.write(&batch(&all)).unwrap();
    let mut end = commit_after(&all);
    end.complete_through = Some(at(T0 + 2 * DAY));
    appender.commit(end).unwrap();
    drop(appender);
    assert_eq!(dataset.seal(at(T0 + 50 * DAY)).unwrap().len(), 2);
    let dir = dataset.dir().to_owned();
    drop(dataset);
    assert_eq!(beside_data(&dir), [""; 0]);
    assert_eq!((count(&dir, "_SUCCESS"), count(&books(&dir), "_SUCCESS")), (0, 2));
    // A late_rows row takes the seal away, there too.
    let mut dataset = open(root.path(), &stream_feed());
    let late_rows = [(0, 8, T0)];
    let mut appender = dataset.appender(&stream_schema(), run("late_rows")).unwrap();
    appender.write(&batch(&late_rows)).unwrap();
    assert_eq!(appender.commit(commit_after(&late_rows)).unwrap().reopened.len(), 1);
    drop(appender);
    drop(dataset);
    assert_eq!(count(&books(&dir), "_SUCCESS"), 1);
    assert_eq!(beside_data(&dir), [""; 0], "a lake that says nothing leaves it where it is");
    let report = check(&lake, &stream_feed(), Options::default(), &owner()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    // Lost, it is made anew where it was wanted.
    std::fs::remove_file(books(&dir).join("metadata.json")).unwrap();
    drop(Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap());
    assert_eq!(read_metadata(&dir).unwrap().unwrap().total_records, 9);
    assert!(books(&dir).join("metadata.json").exists());
}

#[test]
fn of_two_metadata_the_newer_counts_and_check_says_so() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("streams/events");
    let put = |rows: &[Row], id: &str| {
        let mut dataset = open(root.path(), &stream_feed());
        let mut appender = dataset.appender(&stream_schema(), run(id)).unwrap();
        appender.write(&batch(rows)).unwrap();
        appender.commit(commit_after(rows)).unwrap();
    };
    put(&[(0, 0, T0)], "r1");
    let old = std::fs::read(dir.join("_metadata.json")).unwrap();
    put(&[(0, 1, T0)], "r2");
    std::fs::write(books(&dir).join("metadata.json"), &old).unwrap();
    std::fs::set_permissions(
        books(&dir).join("metadata.json"),
        std::os::unix::fs::PermissionsExt::from_mode(0o640),
    )
    .unwrap();
    assert_eq!(read_metadata(&dir).unwrap().unwrap().commit_seq, 2);
    let lake = Lake::new(root.path());
    let report = check(&lake, &stream_feed(), Options::default(), &owner()).unwrap();
    assert!(report.findings.iter().any(|f| f.kind == FindingKind::TwoMetadata), "{:?}", report.findings);
    let mended = repair(&lake, &stream_feed(), limits(), Options::default(), owner()).unwrap();
    assert!(mended.left.is_sound(), "{:?}", mended.left.findings);
    assert_eq!(read_metadata(&dir).unwrap().unwrap().commit_seq, 2);
}

#[test]
fn strangers_are_reported_and_those_with_parquet_put_aside() {
    let root = tempfile::tempdir().unwrap();
    let (feed, all) = rich(root.path());
    let dir = root.path().join("streams/events");
    std::fs::create_dir_all(dir.join("_spark_metadata")).unwrap();
    std::fs::create_dir_all(dir.join("_backup/day=1")).unwrap();
    std::fs::copy(dir.join(&data_files(&dir)[0]), dir.join("_backup/day=1/x.parquet")).unwrap();
    let lake = Lake::new(root.path());
    let report = check(&lake, &feed, Options::default(), &owner()).unwrap();
    let strangers = report.findings.iter().filter(|f| f.kind == FindingKind::Stranger);
    let found: Vec<_> = strangers.map(|f| (f.path.as_str(), f.repair.is_some())).collect();
    assert_eq!(found, [("_backup", true), ("_spark_metadata", false)]);
    repair(&lake, &feed, limits(), Options::default(), owner()).unwrap();
    assert!(!dir.join("_backup").exists() && dir.join("_spark_metadata").exists());
    assert_eq!(rows(&dir), expected(&all));
    assert!(!names(&books(&dir)).iter().any(|name| name.ends_with(".parquet")));
}

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

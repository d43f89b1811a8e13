//! Every operation is one transaction: before each change to the disk a reader finds partitions whole, and each commit lists
//! its files.

#[path = "lake_support/disk.rs"]
mod disk;
mod lake_support;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use disk::{Disk, scratch};
use lake_support::*;
use lakehand::feed::Feed;
use lakehand::lake::verify::{Options, check};
use lakehand::lake::{BeforeRun, Clock, Dataset, Faults, Lake, Op};

/// Counts the files of each partition before each change to the disk, as a reader would find them.
#[derive(Default)]
struct Reader {
    dir: Mutex<Option<PathBuf>>,
    looks: Mutex<Vec<BTreeMap<String, usize>>>,
}

impl Reader {
    /// Begins to look at `dir`.
    fn look_at(&self, dir: &Path) {
        *self.dir.lock().unwrap() = Some(dir.to_owned());
        self.looks.lock().unwrap().clear();
    }

    /// By partition, the numbers of files that were ever found.
    fn found(&self) -> BTreeMap<String, Vec<usize>> {
        let looks = self.looks.lock().unwrap();
        assert!(looks.len() > 5, "{} looks", looks.len());
        let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let names: std::collections::BTreeSet<&String> = looks.iter().flat_map(BTreeMap::keys).collect();
        for name in names {
            let mut counts: Vec<usize> =
                looks.iter().map(|look| look.get(name).copied().unwrap_or(0)).collect();
            counts.sort_unstable();
            counts.dedup();
            found.insert(name.clone(), counts);
        }
        found
    }
}

impl Faults for Reader {
    fn before(&self, _op: Op, _path: &Path) -> io::Result<()> {
        if let Some(dir) = &*self.dir.lock().unwrap() {
            let mut look = BTreeMap::new();
            for file in data_files(dir) {
                *look.entry(file.rsplit_once('/').unwrap().0.to_owned()).or_insert(0) += 1;
            }
            self.looks.lock().unwrap().push(look);
        }
        Ok(())
    }
}

fn feed() -> Feed {
    Feed { retention_days: Some(2), ..stream_feed() }
}

/// Three commits, each with rows of the same four days: three files a day.
fn three_files_a_day(dataset: &mut Dataset) -> Vec<Row> {
    let all: Vec<Row> = (0..60).map(|o| (0, o, T0 + (o % 4) * DAY)).collect();
    for (n, part) in all.chunks(20).enumerate() {
        let mut appender = dataset.appender(&stream_schema(), run(&format!("r{n}"))).unwrap();
        appender.write(&batch(part)).unwrap();
        appender.commit(commit_after(part)).unwrap();
    }
    all
}

fn sound(lake: &Lake, feed: &Feed) {
    let deep = Options { deep: true, ..Options::default() };
    let report = check(lake, feed, deep, &owner()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
}

#[test]
fn a_day_leaves_and_comes_back_whole() {
    let root = tempfile::tempdir().unwrap();
    let reader = Arc::new(Reader::default());
    let lake = Lake::with_faults(root.path(), reader.clone());
    let mut dataset = Dataset::open(&lake, &feed(), limits(), owner()).unwrap();
    let all = three_files_a_day(&mut dataset);
    let dir = dataset.dir().to_owned();

    reader.look_at(&dir);
    let known = BeforeRun { commit_seq: dataset.metadata().commit_seq, last_export: None };
    let now = at(T0 + 4 * DAY);
    let removed = dataset.retain_within(Clock { now, server: Some(now) }, known).unwrap();
    assert_eq!(removed.iter().map(|r| (r.files, r.records)).collect::<Vec<_>>(), [(3, 15), (3, 15)]);
    for (partition, counts) in reader.found() {
        assert!(counts.iter().all(|n| [0, 3].contains(n)), "{partition}: {counts:?}");
    }
    assert_eq!(data_files(&dir).len(), 6);
    drop(dataset);
    sound(&lake, &feed());

    let mut dataset = Dataset::open(&lake, &feed(), limits(), owner()).unwrap();
    reader.look_at(&dir);
    dataset.undo_day(at(T0).date_naive(), None, now).unwrap();
    for (partition, counts) in reader.found() {
        assert!(counts.iter().all(|n| [0, 3].contains(n)), "{partition}: {counts:?}");
    }
    assert_eq!(data_files(&dir).len(), 9);
    let kept: Vec<Row> = all.into_iter().filter(|row| folder(row.2) != folder(T0 + DAY)).collect();
    assert_eq!(rows(&dir), expected(&kept));
    drop(dataset);
    // Its hashes are those of before: the journal knew the files while they were in the bin.
    sound(&lake, &feed());
}

#[test]
fn a_version_comes_back_whole_and_never_beside_a_part_of_another() {
    let root = tempfile::tempdir().unwrap();
    let reader = Arc::new(Reader::default());
    let lake = Lake::with_faults(root.path(), reader.clone());
    let small = lakehand::lake::Limits { target_file_bytes: 2000, ..limits() };
    let mut dataset = Dataset::open(&lake, &table_feed(), small, owner()).unwrap();
    for n in 1..=3 {
        let mut snapshot = dataset.snapshot(&table_schema(), run(&format!("t{n}"))).unwrap();
        for part in 0..3 {
            snapshot.write(&table_batch(part * 400, 400)).unwrap();
        }
        snapshot.publish(at(T0 + n * DAY), 1200).unwrap();
    }
    let dir = dataset.dir().to_owned();
    let files = data_files(&dir).len();
    assert!(files > 1, "{files}");
    reader.look_at(&dir);
    dataset.undo_version(1, at(T0 + 9 * DAY)).unwrap();
    let looks = reader.looks.lock().unwrap();
    for look in looks.iter() {
        assert!(look.len() <= 1 && look.values().all(|n| *n == files), "{look:?}");
    }
    assert!(data_files(&dir).iter().all(|file| file.starts_with("version=v1/")));
    drop(dataset);
    drop(looks);
    sound(&lake, &table_feed());
}

#[test]
fn a_commit_lists_its_files_with_all_that_is_known_of_them() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &feed());
    three_files_a_day(&mut dataset);
    let text = std::fs::read_to_string(books(dataset.dir()).join("journal")).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line.split_once(' ').unwrap().1).unwrap()).collect();
    let adds: Vec<_> = lines.iter().filter_map(|line| line.get("add")).collect();
    assert_eq!((adds.len(), lines.len()), (12, 15));
    for add in adds {
        let path = add["path"].as_str().unwrap();
        let size = std::fs::metadata(dataset.dir().join(path)).unwrap().len();
        assert_eq!((add["rows"].as_u64(), add["bytes"].as_u64()), (Some(5), Some(size)));
        assert_eq!(add["hash"].as_str().unwrap().len(), 32);
        let [first, last] = [0, 1].map(|at| add["offsets"]["0"][at].as_i64().unwrap());
        let offsets = &add["column_stats"]["ROWOFFSET"];
        assert_eq!((offsets["min"].as_i64(), offsets["max"].as_i64()), (Some(first), Some(last)));
        assert_eq!(offsets["nulls"], 0);
    }
}

/// What a start reads, later commits build on: a power loss after it must not take it back.
#[test]
fn what_a_start_has_read_survives_a_power_loss() {
    for n in 0.. {
        let root = scratch();
        let disk = Disk::new(root.path());
        disk.kill_before(n);
        let lake = Lake::with_faults(root.path(), disk.clone());
        let accepted = Dataset::open(&lake, &stream_feed(), limits(), owner())
            .and_then(|mut dataset| dataset.accept_schema(&stream_schema(), at(T0)));
        disk.start_again();
        let seen =
            Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap().metadata().columns.clone();
        assert!(accepted.is_err() || !seen.is_empty());
        for seed in 0..8 {
            let after = scratch();
            disk.lose_power(after.path(), &mut fastrand::Rng::with_seed(n * 8 + seed));
            let read = open(after.path(), &stream_feed()).metadata().columns.clone();
            assert_eq!(read, seen, "killed before operation {n}, outcome {seed}");
        }
        if accepted.is_ok() {
            return;
        }
    }
}

/// A process is killed, the next one is killed while it finishes the commit, then the power goes: the commit is made or not.
#[test]
fn a_commit_that_a_start_has_begun_to_finish_survives_a_power_loss() {
    let base = scratch();
    let all = three_files_a_day(&mut open(base.path(), &feed()));
    let kept: Vec<Row> = all.iter().copied().filter(|row| row.2 >= T0 + 2 * DAY).collect();
    for n in 0.. {
        for m in (16..40).step_by(2) {
            let root = scratch();
            copy_tree(base.path(), root.path());
            let disk = Disk::new(root.path());
            let lake = Lake::with_faults(root.path(), disk.clone());
            disk.kill_before(n);
            let first = Dataset::open(&lake, &feed(), limits(), owner())
                .and_then(|mut dataset| dataset.retain(at(T0 + 4 * DAY).date_naive()));
            if first.is_ok() {
                return;
            }
            disk.start_again();
            disk.kill_before(m);
            // Another process: it knows nothing of what was synced before.
            let lake = Lake::with_faults(root.path(), disk.clone());
            drop(Dataset::open(&lake, &feed(), limits(), owner()));
            let after = scratch();
            disk.lose_power(after.path(), &mut fastrand::Rng::with_seed(n * 32 + m));
            let dataset = open(after.path(), &feed());
            let held = rows(dataset.dir());
            let when = format!("killed before operation {n}, then before {m}");
            assert!(held == expected(&all) || held == expected(&kept), "{when}: {} rows", held.len());
            assert_eq!(dataset.metadata().total_records, held.len() as u64, "{when}");
        }
    }
}

//! At no instant is anything of a restricted dataset open to others: looked at after every change to the disk.

mod lake_support;

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lake_support::*;
use lakehand::feed::{Feed, Visibility};
use lakehand::lake::verify::{Options, repair};
use lakehand::lake::{Dataset, Faults, Lake, Op, Quarantined};

/// Before each change, looks at everything below the dataset: what the change before it left.
struct Watcher {
    dir: PathBuf,
    file_mode: u32,
    dir_mode: u32,
    seen: Mutex<(u64, BTreeSet<String>)>,
}

impl Watcher {
    fn look(&self) {
        let mut seen = self.seen.lock().unwrap();
        seen.0 += 1;
        let mut paths = vec![self.dir.clone(), books(&self.dir)];
        while let Some(path) = paths.pop() {
            let Ok(found) = std::fs::symlink_metadata(&path) else { continue };
            let mode = found.mode() & 0o7777;
            let widest = if found.is_dir() { self.dir_mode } else { self.file_mode };
            if mode & !widest != 0 {
                seen.1.insert(format!("{} has {mode:o}", path.display()));
            }
            if path.ends_with("staging") && mode & 0o077 != 0 {
                seen.1.insert(format!("staging has {mode:o}"));
            }
            if found.is_dir() {
                paths.extend(
                    std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()),
                );
            }
        }
    }
}

impl Faults for Watcher {
    fn before(&self, _op: Op, _path: &Path) -> io::Result<()> {
        self.look();
        Ok(())
    }
}

fn watched(root: &Path, feed: &Feed, dataset: &str) -> (Lake, Arc<Watcher>) {
    let watcher = Arc::new(Watcher {
        dir: root.join(dataset),
        file_mode: feed.visibility.file_mode(),
        dir_mode: feed.visibility.dir_mode(),
        seen: Mutex::default(),
    });
    (Lake::with_faults(root, watcher.clone()).sealing_after(Some(std::time::Duration::ZERO)), watcher)
}

#[test]
fn nothing_is_ever_wider_than_its_final_mode() {
    let root = tempfile::tempdir().unwrap();
    let feed = Feed { retention_days: Some(10), ..stream_feed() };
    assert_eq!(feed.visibility, Visibility::Restricted);
    let (lake, watcher) = watched(root.path(), &feed, "streams/events");
    let rows: Vec<Row> = (0..8).map(|o| (0, o, T0 + (o % 4) * DAY)).collect();
    let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("one")).unwrap();
    appender.write(&batch(&rows)).unwrap();
    let secret = Quarantined {
        partition: Some(0),
        offset: Some(8),
        path: "$",
        reason: "bad",
        raw: b"4111-1111-1111-1111",
        time: at(T0),
    };
    appender.quarantine(&secret).unwrap();
    let mut end = commit_after(&[(0, 8, T0)]);
    end.complete_through = Some(at(T0 + 5 * DAY));
    appender.commit(end).unwrap();
    drop(appender);
    assert_eq!(dataset.seal(at(T0 + 50 * DAY)).unwrap().len(), 4);
    let mut appender = dataset.appender(&stream_schema(), run("late")).unwrap();
    appender.write(&batch(&[(0, 9, T0 + 3 * DAY)])).unwrap();
    appender.commit(commit_after(&[(0, 9, T0)])).unwrap();
    drop(appender);
    let day = chrono::NaiveDate::from_ymd_opt(2025, 1, 2).unwrap();
    let mut replacer = dataset.replacer(&stream_schema(), run("again"), day).unwrap();
    replacer.write(&batch(&rows)).unwrap();
    replacer.swap(at(T0 + 51 * DAY)).unwrap();
    drop(dataset);
    // A repair that puts files aside does not open them.
    let victim = root.path().join("streams/events").join(&data_files(&root.path().join("streams/events"))[0]);
    let bytes = std::fs::read(&victim).unwrap();
    std::fs::write(&victim, &bytes[..bytes.len() - 9]).unwrap();
    let mended = repair(&lake, &feed, limits(), Options::default(), owner()).unwrap();
    assert!(mended.left.is_sound(), "{:?}", mended.left);
    let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
    dataset.retain(chrono::NaiveDate::from_ymd_opt(2025, 1, 13).unwrap()).unwrap();
    watcher.look();
    let seen = watcher.seen.lock().unwrap();
    assert!(seen.0 > 100, "only {} looks", seen.0);
    assert!(seen.1.is_empty(), "{:#?}", seen.1);
}

#[test]
fn a_snapshot_of_a_restricted_table_is_never_open() {
    let root = tempfile::tempdir().unwrap();
    let feed = Feed { visibility: Visibility::Restricted, ..table_feed() };
    let (lake, watcher) = watched(root.path(), &feed, "tables/totals");
    for n in 0..3 {
        let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
        let mut snapshot = dataset.snapshot(&table_schema(), run(&format!("t{n}"))).unwrap();
        snapshot.write(&table_batch(0, 100)).unwrap();
        snapshot.publish(at(T0), 100).unwrap();
    }
    watcher.look();
    let seen = watcher.seen.lock().unwrap();
    assert!(seen.0 > 30 && seen.1.is_empty(), "{:#?}", seen.1);
}

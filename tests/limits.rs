//! What ends or bends: a full disk, a quota, a lake that cannot be written, a clock put back, few descriptors.

mod lake_support;

use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lake_support::*;
use lakehand::Kind;
use lakehand::lake::verify::{Options, check};
use lakehand::lake::{Commit, Dataset, Faults, Lake, Op};

/// From the operation with a given number on, everything that needs room or permission is refused in one way.
struct Refusing {
    left: AtomicI64,
    kind: ErrorKind,
}

impl Faults for Refusing {
    fn before(&self, op: Op, _path: &Path) -> io::Result<()> {
        let room = matches!(op, Op::Remove | Op::SetMode) && self.kind != ErrorKind::ReadOnlyFilesystem;
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 && !room {
            return Err(io::Error::from(self.kind));
        }
        Ok(())
    }
}

const ROWS: [Row; 6] =
    [(0, 0, T0), (0, 1, T0 + DAY), (0, 2, T0), (1, 0, T0), (1, 1, T0 + DAY), (1, 2, T0 + 2 * DAY)];

fn export(lake: &Lake) -> lakehand::Result<()> {
    let mut dataset = Dataset::open(lake, &stream_feed(), limits(), owner())?;
    let mut appender = dataset.appender(&stream_schema(), run("r1"))?;
    appender.write(&batch(&ROWS))?;
    appender.commit(commit_after(&ROWS)).map(|_| ())
}

/// Refused from each step on: the error says why, nothing is lost, and with room again all is there once.
fn refused_from_each_step(kind: ErrorKind, expect: Kind) {
    for step in 0.. {
        let root = tempfile::tempdir().unwrap();
        let faults = Arc::new(Refusing { left: AtomicI64::new(step), kind });
        let outcome = export(&Lake::with_faults(root.path(), faults));
        let Err(error) = outcome else {
            assert_eq!(rows(&root.path().join("streams/events")), expected(&ROWS));
            assert!(step > 20, "there are more steps than {step}");
            return;
        };
        assert_eq!(error.kind(), expect, "{kind:?} from step {step}: {error}");
        assert!(error.to_string().contains("path "), "it says where: {error}");
        let lake = Lake::new(root.path());
        let dir = root.path().join("streams/events");
        let dataset = Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap();
        let known = dataset.metadata().positions.clone();
        drop(dataset);
        let there = if dir.exists() { rows(&dir) } else { std::collections::BTreeSet::default() };
        if known.is_empty() {
            assert!(there.is_empty(), "{kind:?} from step {step}");
            export(&lake).unwrap();
        }
        assert_eq!(rows(&dir), expected(&ROWS), "{kind:?} from step {step}");
        assert!(check(&lake, &stream_feed(), Options::default(), &owner()).unwrap().is_sound());
    }
}

#[test]
fn a_disk_that_is_full_at_any_step_loses_nothing() {
    refused_from_each_step(ErrorKind::StorageFull, Kind::DiskFull);
}

#[test]
fn a_quota_at_any_step_loses_nothing() {
    refused_from_each_step(ErrorKind::QuotaExceeded, Kind::DiskFull);
}

#[test]
fn a_lake_that_becomes_read_only_at_any_step_loses_nothing() {
    refused_from_each_step(ErrorKind::ReadOnlyFilesystem, Kind::Io);
}

#[test]
fn permission_that_is_taken_away_at_any_step_loses_nothing() {
    refused_from_each_step(ErrorKind::PermissionDenied, Kind::Io);
}

#[test]
fn a_clock_that_is_put_back_takes_nothing_back_but_claims_beyond_it() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &stream_feed());
    let commit = |dataset: &mut Dataset, offset: i64, now: i64| {
        let rows = [(0, offset, T0)];
        let mut appender = dataset.appender(&stream_schema(), run("r")).unwrap();
        appender.write(&batch(&rows)).unwrap();
        let at = Commit { now: at(now), complete_through: Some(at(now)), ..commit_after(&rows) };
        appender.commit(at).unwrap().id
    };
    let first = commit(&mut dataset, 0, T0 + 50 * DAY);
    let second = commit(&mut dataset, 1, T0 + 10 * DAY);
    assert!(second > first, "ids are counted, and not made of the time: {first}, {second}");
    let metadata = dataset.metadata();
    let newest = Some(at(T0 + 50 * DAY));
    assert_eq!(
        (metadata.checked_at, metadata.last_export, metadata.complete_through),
        (newest, newest, Some(at(T0 + 10 * DAY)))
    );
    let positions = metadata.positions.clone();
    dataset.note_caught_up(&positions, Some(at(T0)), "offsets", at(T0)).unwrap();
    assert_eq!((dataset.metadata().checked_at, dataset.metadata().complete_through), (newest, Some(at(T0))));
    drop(dataset);
    assert_eq!(rows(&root.path().join("streams/events")).len(), 2);
}

const CHILD: &str = "LAKE_LIMITS_CHILD";

#[test]
#[ignore = "the child of many_days_need_few_descriptors"]
fn child_exports_many_days() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    let all: Vec<Row> = (0..600).map(|day| (0, day, T0 + day * DAY)).collect();
    let lake = Lake::new(Path::new(&root));
    // Somebody else holds descriptors as well: the writer gives way.
    let held: Vec<_> = (0..20).filter_map(|_| std::fs::File::open("/dev/null").ok()).collect();
    let mut dataset = Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    for part in all.chunks(500) {
        appender.write(&batch(part)).unwrap();
    }
    appender.commit(commit_after(&all)).unwrap();
    drop(held);
}

#[test]
fn many_days_need_few_descriptors() {
    let root = tempfile::tempdir().unwrap();
    let mut child = Command::new("sh");
    child
        .arg("-c")
        .arg("ulimit -n 40; exec \"$0\" --exact child_exports_many_days --ignored --nocapture")
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, root.path())
        .stdout(Stdio::null());
    assert!(child.status().unwrap().success());
    assert_eq!(rows(&root.path().join("streams/events")).len(), 600);
}

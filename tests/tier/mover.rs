//! Days are moved by the store and the lake together.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use lakehand::config::ColdConfig;
use lakehand::export::Cancel;
use lakehand::export::tier::{HomeWay, Moved, Mover, Step, TierSetup, Verified};
use lakehand::feed::{Feed, Visibility};
use lakehand::lake::verify::FindingKind;
use lakehand::lake::{Lake, read_metadata, tier_gone};
use lakehand::tier::ColdStore;
use lakehand::{Kind, Result};

use crate::lake_support::*;
use crate::support::*;

/// A folder that is a store, and how days move into it.
struct Bench {
    root: tempfile::TempDir,
    folder: tempfile::TempDir,
    store: ColdStore,
    setup: TierSetup,
    feed: Feed,
    all: Vec<Row>,
    told: RefCell<Vec<String>>,
    hold: RefCell<Option<String>>,
}

impl Bench {
    fn new() -> Self {
        Self::with_feed(Feed { tier_after_days: Some(36), ..stream_feed() })
    }

    fn with_feed(feed: Feed) -> Self {
        let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join(".lakehand-cold"), "").unwrap();
        let all = sealed(root.path(), &feed);
        let config =
            ColdConfig { url: format!("file://{}", folder.path().display()), ..ColdConfig::default() };
        let store = ColdStore::open(&config).unwrap();
        let setup = TierSetup {
            open: Arc::new(move || ColdStore::open(&config)),
            grace: Duration::from_secs(86_400),
            bin_grace: Duration::from_secs(7 * 86_400),
            parallel: 2,
            restore_days: 7,
            after_export: false,
        };
        let (told, hold) = (RefCell::default(), RefCell::default());
        Self { root, folder, store, setup, feed, all, told, hold }
    }

    fn with<T>(&self, clock: fn() -> DateTime<Utc>, work: impl FnOnce(&Mover<'_>) -> Result<T>) -> Result<T> {
        let lake = Lake::new(self.root.path());
        let (limits, cancel) = (limits(), Cancel::new());
        let tell = |step: &Step| {
            let mut told = self.told.borrow_mut();
            match step {
                Step::Blocked { partition, error } => told.push(format!("{partition} is blocked: {error}")),
                Step::Stays { partition, why } => told.push(format!("{partition} stays: {why}")),
                _ => {}
            }
        };
        work(&Mover {
            store: &self.store,
            lake: &lake,
            feed: &self.feed,
            limits: &limits,
            program: "lakehand test",
            setup: &self.setup,
            cancel: &cancel,
            clock,
            advance: &|_| {},
            tell: &tell,
            holds: &|_| Ok(self.hold.borrow().clone()),
        })
    }

    fn run(&self, clock: fn() -> DateTime<Utc>) -> Moved {
        self.with(clock, |mover| mover.run(mover.rules(None), None)).unwrap()
    }

    fn verify(&self, deep: bool) -> Verified {
        self.with(now, |mover| mover.verify(deep)).unwrap()
    }

    fn dir(&self) -> std::path::PathBuf {
        Lake::new(self.root.path()).dataset_dir(&self.feed).unwrap()
    }

    /// The objects of a day.
    fn objects(&self, n: i64) -> Vec<std::path::PathBuf> {
        let folder = self.folder.path().join("streams/events").join(folder(T0 + n * DAY));
        let mut found: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    }

    fn local(&self, n: i64) -> bool {
        self.dir().join(folder(T0 + n * DAY)).exists()
    }
}

fn much_later() -> DateTime<Utc> {
    later() + chrono::TimeDelta::days(30)
}

#[test]
fn days_that_are_due_move_and_their_copies_go_after_the_grace_period() {
    let bench = Bench::new();
    // Of 40 days since the first one, the first four are 36 days old.
    let moved = bench.run(now);
    assert_eq!((moved.days, moved.files, moved.rows), (4, 5, 32), "{:?}", bench.told);
    assert_eq!(moved.failures, []);
    assert_whole(bench.root.path(), &bench.feed, &bench.all);
    assert!(!books(&bench.dir()).join("moving").read_dir().unwrap().any(|_| true), "no notes are left");
    assert_eq!(bench.run(now), Moved::default(), "nothing twice");
    *bench.hold.borrow_mut() = Some("a catalogue is behind".to_owned());
    assert_eq!(bench.run(later).freed_days, 0);
    assert!(bench.told.borrow().iter().any(|told| told.contains("stays: a catalogue is behind")));
    *bench.hold.borrow_mut() = None;
    // By then two more days are old enough.
    let moved = bench.run(later);
    assert_eq!((moved.days, moved.freed_days), (0, 4), "{:?}", bench.told);
    assert!((0..4).all(|n| !bench.local(n)) && bench.local(4));
    assert_whole(bench.root.path(), &bench.feed, &bench.all);
    let verified = bench.verify(true);
    assert_eq!((verified.objects, verified.read, verified.is_sound()), (6, 6, true), "{verified:?}");
}

#[test]
fn an_object_that_is_not_what_went_there_keeps_the_local_copy() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 3] = [
        ("gone", |path| std::fs::remove_file(path).unwrap()),
        ("shorter", |path| {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() - 7]).unwrap();
        }),
        ("another byte", |path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes[100] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let bench = Bench::new();
        bench.run(now);
        damage(&bench.objects(1)[0]);
        // A look at names and sizes does not see a changed byte; reading does.
        let quick = bench.verify(false);
        assert_eq!(quick.is_sound(), what == "another byte", "{what}: {quick:?}");
        let deep = bench.verify(true);
        assert_eq!(deep.findings.iter().filter(|f| f.kind == FindingKind::ColdObject).count(), 1, "{what}");
        let moved = bench.run(later);
        assert_eq!(
            (moved.freed_days, &moved.failures[..]),
            (3, &[Kind::Damaged][..]),
            "{what}: {:?}",
            bench.told
        );
        assert!(bench.local(1) && !bench.local(0), "{what}");
        // The local copy is all that is needed.
        let home = bench.with(later, |mover| mover.restore(day(1))).unwrap();
        assert!(matches!(home, HomeWay::Home { rows: 8, .. }), "{what}: {home:?}");
        assert_whole(bench.root.path(), &bench.feed, &bench.all);
    }
}

#[test]
fn another_object_of_the_name_is_never_written_over() {
    let bench = Bench::new();
    let partition = folder(T0);
    let name = std::fs::read_dir(bench.dir().join(&partition)).unwrap();
    let name = name.map(|entry| entry.unwrap().file_name()).find(|name| name != "_SUCCESS").unwrap();
    let folder = bench.folder.path().join("streams/events").join(&partition);
    std::fs::create_dir_all(&folder).unwrap();
    let bytes = std::fs::read(bench.dir().join(&partition).join(&name)).unwrap();
    for other in [b"somebody else's".to_vec(), vec![7; bytes.len()]] {
        std::fs::write(folder.join(&name), &other).unwrap();
        let moved = bench.with(now, |mover| mover.run(mover.rules(Some(day(0))), None)).unwrap();
        assert_eq!((moved.days, moved.failures.len()), (0, 1), "{:?}", bench.told);
        assert_eq!(std::fs::read(folder.join(&name)).unwrap(), other);
    }
    assert_whole(bench.root.path(), &bench.feed, &bench.all);
    // The very file is found there, as after a stop between the copy and the switch.
    std::fs::write(folder.join(&name), &bytes).unwrap();
    let moved = bench.with(now, |mover| mover.run(mover.rules(Some(day(0))), None)).unwrap();
    assert_eq!((moved.days, moved.failures.len()), (1, 0), "{:?}", bench.told);
}

#[test]
fn a_day_comes_home_and_its_objects_are_deleted_after_the_grace_period() {
    let bench = Bench::new();
    bench.run(now);
    bench.run(later);
    let home = bench.with(later, |mover| mover.restore(day(0))).unwrap();
    assert!(matches!(home, HomeWay::Home { files: 1, rows: 8, .. }), "{home:?}");
    assert!(bench.local(0) && bench.objects(0).len() == 1);
    assert_whole(bench.root.path(), &bench.feed, &bench.all);
    let nothing = bench.with(later, |mover| mover.restore(day(5))).unwrap_err();
    assert_eq!(nothing.kind(), Kind::Usage);
    assert!(bench.verify(false).findings.is_empty(), "objects that are noted are no strays");
    // The object is deleted; and the day, old as it is, goes there again.
    let moved = bench.run(much_later);
    assert_eq!((moved.days, moved.deleted), (2, 1), "{:?}", bench.told);
    assert_whole(bench.root.path(), &bench.feed, &bench.all);
    assert!(bench.verify(true).is_sound());
    assert!(tier_gone(&bench.dir(), Duration::ZERO, much_later()).unwrap().is_empty());
    let metadata = read_metadata(&bench.dir()).unwrap().unwrap();
    assert!(metadata.partitions.iter().all(|partition| partition.cold.is_some()));
}

#[test]
fn what_everybody_may_read_stays_so() {
    let feed = Feed { tier_after_days: Some(36), visibility: Visibility::Shared, ..stream_feed() };
    let bench = Bench::with_feed(feed);
    bench.run(now);
    bench.run(later);
    bench.with(later, |mover| mover.restore(day(1))).unwrap();
    // The check looks at the modes of data and books.
    assert_whole(bench.root.path(), &bench.feed, &bench.all);
}

#[test]
fn two_movers_of_one_dataset_exclude_each_other_and_no_export() {
    let bench = Bench::new();
    let lock = lakehand::lake::TierLock::take(&bench.dir(), bench.feed.visibility).unwrap();
    let refused = bench.with(now, |mover| mover.run(mover.rules(None), None)).unwrap_err();
    assert_eq!(refused.kind(), Kind::Locked);
    let mut dataset = open(bench.root.path(), &bench.feed);
    append(&mut dataset, &[(0, 48, T0 + 5 * DAY)], "meanwhile").unwrap();
    drop((lock, dataset));
    assert_eq!(bench.run(now).days, 4);
}

#[test]
fn a_folder_without_its_mark_is_a_disk_that_is_not_mounted() {
    let bench = Bench::new();
    bench.run(now);
    std::fs::remove_file(bench.folder.path().join(".lakehand-cold")).unwrap();
    for failed in [
        bench.with(later, |mover| mover.run(mover.rules(None), None)).map(drop).unwrap_err(),
        bench.with(later, |mover| mover.verify(false)).map(drop).unwrap_err(),
    ] {
        assert_eq!(failed.kind(), Kind::Unreachable, "{failed}");
    }
    assert!((0..4).all(|n| bench.local(n)));
}

/// Readers of a catalogue read whole folders: nothing of before may lie beside the objects of a day.
#[test]
fn a_day_does_not_go_beside_objects_of_another_time() {
    let bench = Bench::new();
    let folder = bench.folder.path().join("streams/events").join(folder(T0));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("data_20250101_000001-before_1.parquet"), "of before").unwrap();
    assert_eq!(bench.run(now).days, 3);
    assert!(bench.told.borrow().iter().any(|told| told.contains("1 other objects lie in its folder")));
    assert_whole(bench.root.path(), &bench.feed, &bench.all);
    std::fs::remove_file(folder.join("data_20250101_000001-before_1.parquet")).unwrap();
    assert_eq!(bench.run(now).days, 1);
}

/// A way home that was stopped after the commit was decided: readers are still sent to the objects.
#[test]
fn objects_of_a_commit_that_is_not_finished_are_not_deleted() {
    let bench = Bench::new();
    bench.run(now);
    bench.run(later);
    let setup = TierSetup { bin_grace: Duration::ZERO, ..bench.setup.clone() };
    let (mut stops, mut seen) = (0, 0);
    loop {
        let live = crate::instants::copied(bench.root.path());
        let stop = StopAt::operation(stops);
        let lake = Lake::with_faults(live.path(), stop.clone());
        let config = ColdConfig { url: bench.store.url().to_owned(), ..ColdConfig::default() };
        let store = ColdStore::open(&config).unwrap();
        let (limits, cancel) = (limits(), Cancel::new());
        let mover = |lake: &Lake, work: &dyn Fn(&Mover<'_>) -> Result<()>| {
            work(&Mover {
                store: &store,
                lake,
                feed: &bench.feed,
                limits: &limits,
                program: "lakehand test",
                setup: &setup,
                cancel: &cancel,
                clock: later,
                advance: &|_| {},
                tell: &|_| {},
                holds: &|_| Ok(None),
            })
        };
        let _ = mover(&lake, &|mover| mover.restore(day(0)).map(|_| ()));
        let dir = Lake::new(live.path()).dataset_dir(&bench.feed).unwrap();
        // The next run is stopped before it has changed anything on the disk.
        for n in [0, 1, 2, 3, 5, 8] {
            let stopped = Lake::with_faults(live.path(), StopAt::operation(n));
            let _ = mover(&stopped, &|mover| mover.run(mover.rules(Some(day(5))), None).map(|_| ()));
            assert_eq!(
                both_tiers(&dir),
                bench.all.iter().copied().collect(),
                "stopped before {stops}, then {n}"
            );
            seen += 1;
        }
        // What was deleted is copied again for the next instant.
        let object = bench.folder.path().join("streams/events").join(folder(T0));
        if !object.exists() || std::fs::read_dir(&object).unwrap().next().is_none() {
            std::fs::create_dir_all(&object).unwrap();
            for file in data_files(&dir).iter().filter(|file| file.starts_with(&folder(T0))) {
                std::fs::copy(dir.join(file), bench.folder.path().join("streams/events").join(file)).unwrap();
            }
        }
        if !stop.fired() {
            break;
        }
        stops += 1;
    }
    assert!(seen > 60, "{seen}");
}

//! A dataset that is a Delta table too: the program is stopped, or the power goes, before each change that it makes to the disk.
//!
//! Whatever the instant: every version of the log can be read, before recovery too; after it the log has no hole, and its newest
//! version names exactly the files that plain readers find.

#[path = "lake_support/disk.rs"]
mod disk;
#[path = "lake_support/instants.rs"]
mod instants;
mod lake_support;

use std::path::Path;

use disk::scratch;
use instants::{Work, copied, stopped, stopped_starts, without_power};
use lake_support::delta::{as_delta, assert_current, versions};
use lake_support::*;
use lakehand::feed::{Feed, FeedKind};
use lakehand::lake::verify::{FindingKind, Options, check, repair};
use lakehand::lake::{Dataset, Lake};

/// The files of a table that belong into its log: of versions the current one's.
fn assert_log(dataset: &Dataset) {
    let current = dataset.metadata().current_version.map(|version| format!("version=v{version}/"));
    assert_current(dataset.dir(), |path| current.as_ref().is_none_or(|current| path.starts_with(current)));
}

/// Does `work` on copies of `base`, stopped before operation 0, 1, 2, …; then with the power gone there.
fn at_every_instant(base: &Path, feed: &Feed, work: Work<'_>) {
    let (before, after) = stopped_at_every_instant(base, feed, work);
    assert!(before > 5 && after > 3, "both states were seen: {before} before, {after} after");
}

/// The same; gives how often the state before was there afterwards, and that behind.
fn stopped_at_every_instant(base: &Path, feed: &Feed, work: Work<'_>) -> (u64, u64) {
    let (mut before, mut after) = (0, 0);
    let copy = || copied(base);
    let dir = |root: &Path| Lake::new(root).dataset_dir(feed).unwrap();
    let first = versions(&dir(base)).len();
    stopped(&copy, feed, work, |live, n, done| {
        versions(&dir(live));
        stopped_starts(live, feed, &[0, 4, 8], || {
            versions(&dir(live));
        });
        assert_log(&open(live, feed));
        let is_done = versions(&dir(live)).len() > first;
        assert!(is_done || !done, "what was said to be done is in the log (operation {n})");
        if is_done {
            after += 1;
        } else {
            before += 1;
        }
    });
    without_power(&copy, feed, work, 2, |_, shown, _| {
        versions(&dir(shown.path()));
        assert_log(&open(shown.path(), feed));
    });
    (before, after)
}

#[test]
fn appends() {
    let (base, all, feed) = (scratch(), days(3, 4), as_delta(stream_feed()));
    at_every_instant(base.path(), &feed, &|dataset| append(dataset, &all[..6], "r1"));
    append(&mut open(base.path(), &feed), &all[..6], "r1").unwrap();
    at_every_instant(base.path(), &feed, &|dataset| append(dataset, &all[6..], "r2"));
}

#[test]
fn a_day_again_and_its_undo() {
    let (base, all, feed) = (scratch(), days(2, 4), as_delta(stream_feed()));
    append(&mut open(base.path(), &feed), &all[..3], "r1").unwrap();
    append(&mut open(base.path(), &feed), &all[3..], "r2").unwrap();
    at_every_instant(base.path(), &feed, &|dataset| again(dataset, &all, "again", T0 + 50 * DAY));
    again(&mut open(base.path(), &feed), &all, "again", T0 + 50 * DAY).unwrap();
    let undo =
        |dataset: &mut Dataset| dataset.undo_day(at(T0).date_naive(), None, at(T0 + 51 * DAY)).map(|_| ());
    at_every_instant(base.path(), &feed, &undo);
    let dir = Lake::new(base.path()).dataset_dir(&feed).unwrap();
    let rows: Vec<u64> = versions(&dir).iter().map(|version| version.values().sum()).collect();
    assert_eq!(rows, [3, 8, 8], "time travel reads each version");
}

#[test]
fn retention() {
    let (base, all, feed) = (scratch(), days(5, 2), as_delta(stream_feed()));
    append(&mut open(base.path(), &feed), &all, "r1").unwrap();
    let feed = Feed { retention_days: Some(2), ..feed };
    at_every_instant(base.path(), &feed, &|dataset| {
        dataset.retain(at(T0 + 4 * DAY).date_naive()).map(|_| ())
    });
}

#[test]
fn versions_of_a_table() {
    for keep_versions in [1, 3] {
        let (base, feed) = (scratch(), Feed { keep_versions, ..as_delta(table_feed()) });
        assert_eq!(feed.kind, FeedKind::Table);
        publish(&mut open(base.path(), &feed), 10, "r1", T0).unwrap();
        at_every_instant(base.path(), &feed, &|dataset| publish(dataset, 25, "r2", T0 + DAY));
        publish(&mut open(base.path(), &feed), 25, "r2", T0 + DAY).unwrap();
        let dir = Lake::new(base.path()).dataset_dir(&feed).unwrap();
        let rows: Vec<u64> = versions(&dir).iter().map(|version| version.values().sum()).collect();
        assert_eq!(rows, [10, 25]);
        if keep_versions == 1 {
            at_every_instant(base.path(), &feed, &|dataset| {
                dataset.undo_version(1, at(T0 + 2 * DAY)).map(|_| ())
            });
        }
    }
}

#[test]
fn a_dataset_becomes_a_table() {
    let (base, all) = (scratch(), days(3, 4));
    append(&mut open(base.path(), &stream_feed()), &all, "r1").unwrap();
    // Whoever opens the dataset brings its log up, so that it is never found without.
    let feed = as_delta(stream_feed());
    let (before, after) = stopped_at_every_instant(base.path(), &feed, &|d| d.enable_table().map(|_| ()));
    assert!(before == 0 && after > 10, "{before} {after}");
}

/// What a dataset is that stops being a table: its log is whole with every file it names, or there is none.
fn assert_whole_or_gone(dir: &Path) {
    if dir.join("_delta_log").exists() {
        versions(dir);
    }
}

#[test]
fn a_table_becomes_plain_parquet() {
    let (base, all, feed) = (scratch(), days(3, 4), as_delta(stream_feed()));
    append(&mut open(base.path(), &feed), &all[..7], "r1").unwrap();
    append(&mut open(base.path(), &feed), &all[7..], "r2").unwrap();
    again(&mut open(base.path(), &feed), &all, "again", T0 + 50 * DAY).unwrap();
    let plain = stream_feed();
    let dir = |root: &Path| Lake::new(root).dataset_dir(&plain).unwrap();
    let held = rows(&dir(base.path()));
    let remove = |dataset: &mut Dataset| dataset.remove_table(at(T0 + 60 * DAY)).map(|_| ());
    let finish = |root: &Path| {
        assert_eq!(rows(&dir(root)), held, "plain readers see what they saw");
        assert_whole_or_gone(&dir(root));
        remove(&mut open(root, &plain)).unwrap();
        assert!(!dir(root).join("_delta_log").exists() && !dir(root).join("_delta_files").exists());
        assert_eq!(rows(&dir(root)), held);
        let report = check(&Lake::new(root), &plain, Options::default(), &owner()).unwrap();
        let wrong = report.findings.iter().find(|finding| finding.kind == FindingKind::TableLog);
        assert!(wrong.is_none(), "{wrong:#?}");
        // And a table once more.
        assert_log(&open(root, &feed));
    };
    let mut instants = 0;
    let copy = || copied(base.path());
    stopped(&copy, &plain, &remove, |live, n, _| {
        instants = n;
        // A start that still wants the table brings its log up, whatever is left of it.
        if n % 2 == 1 {
            let again = copied(live);
            assert_log(&open(again.path(), &feed));
            assert_eq!(rows(&dir(again.path())), held);
        }
        finish(live);
    });
    assert!(instants > 8, "{instants} operations");
    without_power(&copy, &plain, &remove, 2, |_, shown, _| finish(shown.path()));
}

#[test]
fn a_repair() {
    let (base, all, feed) = (scratch(), days(3, 4), as_delta(stream_feed()));
    append(&mut open(base.path(), &feed), &all[..7], "r1").unwrap();
    append(&mut open(base.path(), &feed), &all[7..], "r2").unwrap();
    let dir = |root: &Path| Lake::new(root).dataset_dir(&feed).unwrap();
    // A file lies in the folder of another day, and a file of nobody among the others.
    let files = data_files(&dir(base.path()));
    let first = files.iter().find(|path| path.contains("day=01")).unwrap();
    let name = first.rsplit('/').next().unwrap();
    std::fs::rename(dir(base.path()).join(first), dir(base.path()).join(folder(T0 + DAY)).join(name))
        .unwrap();
    std::fs::write(dir(base.path()).join(folder(T0 + DAY)).join("data_of_nobody.parquet"), "no").unwrap();
    let options = || Options { accept_loss: true, ..Options::default() };
    let mend = |lake: &Lake| repair(lake, &feed, limits(), options(), owner());
    let mut stops = 0;
    for n in 0.. {
        let live = scratch();
        copy_tree(base.path(), live.path());
        let stop = StopAt::operation(n);
        let done = mend(&Lake::with_faults(live.path(), stop.clone())).is_ok();
        assert!(done || stop.fired());
        // What its log says can be read at each instant, but for the file that had lost its place.
        mend(&Lake::new(live.path())).unwrap();
        assert_log(&open(live.path(), &feed));
        let report = check(&Lake::new(live.path()), &feed, Options::default(), &owner()).unwrap();
        assert!(report.is_sound(), "operation {n}: {:#?}", report.findings);
        assert_eq!(rows(&dir(live.path())), expected(&all), "operation {n}");
        stops += u64::from(stop.fired());
        if !stop.fired() {
            break;
        }
    }
    assert!(stops > 10, "{stops}");
}

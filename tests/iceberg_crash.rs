//! A dataset that is an Iceberg table too: the program is stopped, or the power goes, before each change that it makes to the disk.
//!
//! Whatever the instant: every snapshot of the newest version can be read, before recovery too; after it the newest snapshot names
//! exactly the files that plain readers find, and nothing lies in the table's folder that its metadata does not name. Both formats are
//! on, so that each is seen beside the other.

#[path = "lake_support/disk.rs"]
mod disk;
#[path = "lake_support/instants.rs"]
mod instants;
mod lake_support;

use std::path::Path;

use disk::scratch;
use instants::{Work, copied, stopped, stopped_starts, without_power};
use lake_support::iceberg::{assert_current, snapshots, strays};
use lake_support::*;
use lakehand::feed::{Feed, TableFormat};
use lakehand::lake::{Dataset, Lake};

fn as_both(feed: Feed) -> Feed {
    Feed { table_format: vec![TableFormat::Iceberg, TableFormat::Delta], ..feed }
}

/// The files of a table that belong into it: of versions the current one's.
fn assert_tables(dataset: &Dataset) {
    let current = dataset.metadata().current_version.map(|version| format!("version=v{version}/"));
    let is_in = |path: &str| current.as_ref().is_none_or(|current| path.starts_with(current));
    assert_current(dataset.dir(), is_in);
    lake_support::delta::assert_current(dataset.dir(), is_in);
    assert_eq!(strays(dataset.dir()), [""; 0]);
}

/// A copy of `base`, whose table has the paths of its place.
fn copy_of(base: &Path, feed: &Feed) -> tempfile::TempDir {
    let live = copied(base);
    let is_there = Lake::new(base).dataset_dir(feed).unwrap().join("_iceberg").exists();
    if is_there {
        drop(open(live.path(), feed));
    }
    live
}

/// Does `work` on copies of `base`, stopped before operation 0, 1, 2, …; then with the power gone there.
fn at_every_instant(base: &Path, feed: &Feed, work: Work<'_>) {
    let (before, after) = stopped_at_every_instant(base, feed, work);
    assert!(before > 5 && after > 3, "both states were seen: {before} before, {after} after");
}

/// The same; gives how often the state before was there afterwards, and that behind.
fn stopped_at_every_instant(base: &Path, feed: &Feed, work: Work<'_>) -> (u64, u64) {
    let (mut before, mut after) = (0, 0);
    let copy = || copy_of(base, feed);
    let dir = |root: &Path| Lake::new(root).dataset_dir(feed).unwrap();
    let first = snapshots(&dir(copy().path())).len();
    stopped(&copy, feed, work, |live, n, done| {
        snapshots(&dir(live));
        stopped_starts(live, feed, &[0, 5, 10], || {
            snapshots(&dir(live));
        });
        assert_tables(&open(live, feed));
        let is_done = snapshots(&dir(live)).len() > first;
        assert!(is_done || !done, "what was said to be done is in the table (operation {n})");
        if is_done {
            after += 1;
        } else {
            before += 1;
        }
    });
    without_power(&copy, feed, work, 3, |live, shown, _| {
        snapshots(&dir(shown.path()));
        // At the place where it was, as the paths are absolute.
        let aside = scratch();
        let aside = aside.path().join("live");
        std::fs::rename(live, &aside).unwrap();
        std::fs::rename(shown.path(), live).unwrap();
        let dataset = open(live, feed);
        assert!(dataset.recovery().table_told.is_none());
        assert_tables(&dataset);
        drop(dataset);
        std::fs::remove_dir_all(live).unwrap();
        std::fs::rename(&aside, live).unwrap();
    });
    (before, after)
}

#[test]
fn appends() {
    let (base, all, feed) = (scratch(), days(3, 4), as_both(stream_feed()));
    at_every_instant(base.path(), &feed, &|dataset| append(dataset, &all[..6], "r1"));
    append(&mut open(base.path(), &feed), &all[..6], "r1").unwrap();
    at_every_instant(base.path(), &feed, &|dataset| append(dataset, &all[6..], "r2"));
}

#[test]
fn a_day_again() {
    let (base, all, feed) = (scratch(), days(2, 4), as_both(stream_feed()));
    append(&mut open(base.path(), &feed), &all[..3], "r1").unwrap();
    append(&mut open(base.path(), &feed), &all[3..], "r2").unwrap();
    at_every_instant(base.path(), &feed, &|dataset| again(dataset, &all, "again", T0 + 50 * DAY));
}

#[test]
fn retention() {
    let (base, all, feed) = (scratch(), days(4, 2), as_both(stream_feed()));
    append(&mut open(base.path(), &feed), &all, "r1").unwrap();
    let feed = Feed { retention_days: Some(2), ..feed };
    at_every_instant(base.path(), &feed, &|dataset| {
        dataset.retain(at(T0 + 3 * DAY).date_naive()).map(|_| ())
    });
}

#[test]
fn versions_of_a_table() {
    let (base, feed) = (scratch(), as_both(table_feed()));
    publish(&mut open(base.path(), &feed), 10, "r1", T0).unwrap();
    at_every_instant(base.path(), &feed, &|dataset| publish(dataset, 25, "r2", T0 + DAY));
}

#[test]
fn a_dataset_becomes_a_table() {
    let (base, all) = (scratch(), days(3, 4));
    append(&mut open(base.path(), &stream_feed()), &all, "r1").unwrap();
    // Whoever opens the dataset brings its table up, so that it is never found without.
    let feed = as_both(stream_feed());
    let (before, after) = stopped_at_every_instant(base.path(), &feed, &|d| d.enable_table().map(|_| ()));
    assert!(before == 0 && after > 10, "{before} {after}");
}

#[test]
fn a_lake_that_is_moved() {
    let (base, all, feed) = (scratch(), days(2, 3), as_both(stream_feed()));
    append(&mut open(base.path(), &feed), &all, "r1").unwrap();
    // A start notices it, and is stopped.
    let copy = || copied(base.path());
    stopped(&copy, &feed, &|_| Ok(()), |live, _, _| {
        snapshots(&Lake::new(live).dataset_dir(&feed).unwrap());
        assert_tables(&open(live, &feed));
    });
}

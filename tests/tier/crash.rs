//! The program is stopped, or the power goes, before every change to the disk, while days go to the cold tier and come home.

use std::path::Path;

use lakehand::Result;
use lakehand::feed::Feed;
use lakehand::lake::verify::FindingKind;
use lakehand::lake::{Dataset, Lake};
use tempfile::TempDir;

use crate::instants::{copied, stopped, stopped_starts, without_power};
use crate::lake_support::iceberg::{as_iceberg, current_files};
use crate::lake_support::*;
use crate::support::*;

/// A dataset of which one day is cold, one cold with its copy, and the others hot; in the store is what was copied and not switched yet.
fn base(feed: &Feed) -> (TempDir, TempDir, Vec<Row>) {
    let (root, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let all = sealed(root.path(), feed);
    let mut dataset = open(root.path(), feed);
    cool(&mut dataset, feed, store.path(), 0).unwrap();
    cool(&mut dataset, feed, store.path(), 1).unwrap();
    free(&mut dataset, 0, later()).unwrap();
    for due in &due_day(dataset.dir(), feed, 2) {
        drop(copy_out(store.path(), due));
    }
    (root, store, all)
}

type Work = Box<dyn Fn(&mut Dataset) -> Result<()>>;

/// What is done, in the order of a day's life.
fn works(store: &Path, feed: &Feed) -> Vec<(&'static str, Work)> {
    let (to, of) = (store.to_path_buf(), feed.clone());
    vec![
        ("cool", Box::new(move |dataset| cool(dataset, &of, &to, 2))),
        ("drop", Box::new(|dataset| free(dataset, 1, later()).map(|_| ()))),
        ("home", Box::new(|dataset| home(dataset, 0))),
        ("home with its copy", Box::new(|dataset| home(dataset, 1))),
        ("late", Box::new(|dataset| append(dataset, &[(0, 48, T0 + 3)], "late"))),
    ]
}

/// The rows that the dataset has, with or without the late one.
fn held(dir: &Path, all: &[Row]) -> Vec<Row> {
    let found = both_tiers(dir);
    let late = (0, 48, T0 + 3);
    let mut held = all.to_vec();
    held.extend(found.contains(&late).then_some(late));
    assert_eq!(found, held.iter().copied().collect());
    held
}

/// Each operation is a stop; the power goes before every `step`th.
fn every_instant(feed: &Feed, step: usize) {
    let (root, store, all) = base(feed);
    let dir = |root: &Path| Lake::new(root).dataset_dir(feed).unwrap();
    for (what, work) in works(store.path(), feed) {
        let copy = || copied(root.path());
        stopped(&copy, feed, &*work, |live, n, done| {
            println!("{what} stopped before {n}, done: {done}");
            // Whoever reads by what the metadata says, before anything is recovered.
            held(&dir(live), &all);
            look_at_table(feed, &dir(live), &all);
            if n % 5 == 0 {
                stopped_starts(live, feed, &[0, 2, 5], || drop(held(&dir(live), &all)));
            }
            drop(open(live, feed));
            let held = held(&dir(live), &all);
            look_at_table(feed, &dir(live), &all);
            assert_whole(live, feed, &held);
        });
        without_power(&copy, feed, &*work, step, |_, shown, when| {
            println!("{what} {when}");
            drop(open(shown.path(), feed));
            let held = held(&dir(shown.path()), &all);
            look_at_table(feed, &dir(shown.path()), &all);
            // The disk of the test keeps no modes.
            assert_agrees(shown.path(), feed, &held, &[FindingKind::WrongMode]);
        });
    }
}

/// A reader of the Iceberg table gets each row once, from wherever it lies.
fn look_at_table(feed: &Feed, dir: &Path, all: &[Row]) {
    if feed.table_format.is_empty() {
        return;
    }
    let mut found: Vec<Row> = current_files(dir).iter().flat_map(|path| rows_of(path)).collect();
    found.sort_unstable();
    found.retain(|(_, offset, _)| *offset != 48);
    assert_eq!(found, all);
}

#[test]
fn plain_files_at_every_instant() {
    every_instant(&stream_feed(), 3);
}

#[test]
fn an_iceberg_table_at_every_instant() {
    every_instant(&as_iceberg(stream_feed()), 11);
}

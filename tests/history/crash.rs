//! The program is stopped, or the power goes, before each change that a rollback, a pin or an unpin makes to the disk: what is found
//! afterwards is the state before it or behind it.

use std::path::Path;

use lakehand::feed::Feed;
use lakehand::lake::verify::{Options, check};
use lakehand::lake::{Dataset, Lake, Target, history};

use super::disk::scratch;
use super::instants::{Work, copied, stopped, without_power};
use super::lake_support::delta::{as_delta, assert_current, versions};
use super::*;

/// What tells a state: the current version, what is pinned, and the files that plain readers see.
type State = (Option<u32>, Vec<String>, Vec<String>);

fn state(dataset: &Dataset) -> State {
    let metadata = dataset.metadata();
    let pins = metadata.pins.iter().map(lakehand::lake::Pin::sentence).collect();
    (metadata.current_version, pins, data_files(dataset.dir()))
}

/// What is on disk is one of the two states, and sound; the table's log says the same.
fn assert_one_of(root: &Path, feed: &Feed, states: &[State; 2], is_kill: bool) -> bool {
    let dataset = open(root, feed);
    let found = state(&dataset);
    assert!(states.contains(&found), "{found:?} is neither {:?} nor {:?}", states[0], states[1]);
    if !feed.table_format.is_empty() {
        let current = found.0.map(|version| format!("version=v{version}/"));
        assert_current(dataset.dir(), |path| {
            current.as_ref().is_none_or(|current| path.starts_with(current))
        });
    }
    let dir = dataset.dir().to_owned();
    drop(dataset);
    if !is_kill {
        // The disk of these tests loses modes and what had lasted of the journal with its power, which real ones do not.
        return found == states[1];
    }
    let report = check(&Lake::new(root), feed, Options::default(), &owner()).unwrap();
    assert!(report.is_sound(), "{:#?}", report.findings);
    assert!(history(&dir, None).unwrap().lacks.is_none());
    found == states[1]
}

fn at_every_instant(base: &Path, feed: &Feed, work: Work<'_>) {
    let before = state(&open(base, feed));
    let after = copied(base);
    let mut dataset = open(after.path(), feed);
    work(&mut dataset).unwrap();
    let states = [before, state(&dataset)];
    assert_ne!(states[0], states[1]);
    let (mut olds, mut news) = (0, 0);
    let copy = || copied(base);
    stopped(&copy, feed, work, |live, n, done| {
        let is_new = assert_one_of(live, feed, &states, true);
        assert!(is_new || !done, "what was said to be done is done (operation {n})");
        if is_new {
            news += 1;
        } else {
            olds += 1;
        }
    });
    assert!(olds > 3 && news > 2, "both states were seen: {olds} before, {news} after");
    without_power(&copy, feed, work, 2, |_, shown, _| {
        assert_one_of(shown.path(), feed, &states, false);
    });
}

fn table(root: &Path, feed: &Feed) {
    let mut dataset = open(root, feed);
    for (n, rows) in [(1, 10), (2, 20), (3, 30)] {
        publish(&mut dataset, &some(rows, 0.0), &format!("r{n}"), T0 + n * DAY).unwrap();
    }
}

#[test]
fn a_rollback_of_a_table() {
    for (keep_versions, is_delta) in [(1, false), (1, true), (3, false), (3, true)] {
        let base = scratch();
        let feed = Feed { keep_versions, ..table_feed() };
        let feed = if is_delta { as_delta(feed) } else { feed };
        table(base.path(), &feed);
        at_every_instant(base.path(), &feed, &|dataset| {
            dataset.undo_version(1, at(T0 + 9 * DAY)).map(|_| ())
        });
        open(base.path(), &feed).undo_version(1, at(T0 + 9 * DAY)).unwrap();
        at_every_instant(base.path(), &feed, &|dataset| {
            dataset.undo_version(3, at(T0 + 10 * DAY)).map(|_| ())
        });
        if is_delta {
            assert!(versions(&dir(base.path(), &feed)).len() >= 4);
        }
    }
}

#[test]
fn a_rollback_of_a_day() {
    let (base, all, feed) = (scratch(), days(2, 4), as_delta(stream_feed()));
    let mut dataset = open(base.path(), &feed);
    append(&mut dataset, &all, "r1").unwrap();
    let day = at(T0).date_naive();
    dataset.pin(Target::Day(day), None, at(T0)).unwrap();
    again(&mut dataset, &all, "one", T0 + 50 * DAY).unwrap();
    again(&mut dataset, &all, "two", T0 + 51 * DAY).unwrap();
    let to = lakehand::lake::set_after(dataset.dir(), day, "1").unwrap();
    drop(dataset);
    at_every_instant(base.path(), &feed, &|dataset| {
        dataset.undo_day(day, Some(&to), at(T0 + 52 * DAY)).map(|_| ())
    });
}

#[test]
fn a_pin_and_its_end() {
    let (base, feed) = (scratch(), as_delta(table_feed()));
    table(base.path(), &feed);
    let why = || Some("audit".to_owned());
    at_every_instant(base.path(), &feed, &|d| d.pin(Target::Version(2), why(), at(T0)).map(|_| ()));
    open(base.path(), &feed).pin(Target::Version(2), why(), at(T0)).unwrap();
    at_every_instant(base.path(), &feed, &|d| d.unpin(Target::Version(2), at(T0 + DAY)).map(|_| ()));
}

//! A day is compacted, and that taken back, as a Delta table too: the program is stopped, or the power goes, before each change that it
//! makes to the disk.
//!
//! Whatever the instant: plain readers find every row once, before recovery too when the program alone has stopped; each version of the
//! log can be read; after recovery the day has its small files or the new one, and nothing else, and a check finds nothing.

#[path = "lake_support/disk.rs"]
mod disk;
#[path = "lake_support/instants.rs"]
mod instants;
mod lake_support;

use std::path::Path;
use std::sync::Arc;

use disk::scratch;
use instants::{Work, copied, stopped, stopped_starts, without_power};
use lake_support::delta::{as_delta, assert_current, versions};
use lake_support::*;
use lakehand::Result;
use lakehand::export::Cancel;
use lakehand::feed::{Feed, FileLayout};
use lakehand::lake::verify::{FindingKind, Options, check};
use lakehand::lake::{Commit, CompactRules, CompactWork, Dataset, Lake};
use lakehand::pool::Pool;

/// The disk that loses power keeps no modes. It may also zero what had been synced of a file that was written to since: of the journal
/// then only a part is left, which a repair counts anew.
const NO_POWER: [FindingKind; 3] = [FindingKind::Replaced, FindingKind::WrongMode, FindingKind::BadJournal];
const FIRST: &str = "year=2025/month=01/day=01";

fn compact(dataset: &mut Dataset) -> Result<()> {
    let (pool, cancel) = (Arc::new(Pool::new(1)), Cancel::new());
    let work = CompactWork {
        rules: CompactRules { min_files: 2, sealed_only: false, is_named: false },
        memory_bytes: 64 << 20,
        pool: &pool,
        cancel: &cancel,
        advance: &|_| {},
        now: at(T0 + 60 * DAY),
    };
    dataset.compact(FIRST, &work).map(|_| ())
}

/// A sealed day of four commits, and rows of the next one.
fn base(root: &Path, feed: &Feed) {
    let lake = Lake::new(root).sealing_after(Some(std::time::Duration::ZERO));
    let mut dataset = Dataset::open(&lake, feed, limits(), owner()).unwrap();
    for n in 0..4 {
        let rows: Vec<Row> =
            (n * 5..n * 5 + 5).map(|o| (0, o, if o % 5 == 4 { T0 + DAY } else { T0 + o })).collect();
        let mut appender = dataset.appender(&stream_schema(), run(&format!("r{n}"))).unwrap();
        appender.write(&batch(&rows)).unwrap();
        let through = Some(at(T0 + DAY + 1));
        appender.commit(Commit { complete_through: through, ..commit_after(&rows) }).unwrap();
    }
    assert_eq!(dataset.seal(at(T0 + 41 * DAY)).unwrap(), [FIRST]);
}

/// Every row is there once.
fn assert_all(dir: &Path, when: &str) {
    assert_eq!(rows(dir).len(), 20, "{when}");
    assert!(dir.join(FIRST).join("_SUCCESS").exists(), "{when}: the day is sealed");
}

/// Recovers, and gives the number of files of the day.
fn recovered(root: &Path, feed: &Feed, ignored: &[FindingKind], when: &str) -> usize {
    let dataset = open(root, feed);
    let dir = dataset.dir().to_path_buf();
    assert_all(&dir, when);
    if !feed.table_format.is_empty() {
        assert_current(&dir, |_| true);
    }
    drop(dataset);
    let report = check(&Lake::new(root), feed, Options { deep: true, accept_loss: false }, &owner()).unwrap();
    let wrong: Vec<_> = report.findings.iter().filter(|f| !ignored.contains(&f.kind)).collect();
    assert!(wrong.is_empty(), "{when}: {wrong:#?}");
    data_files(&dir).iter().filter(|file| file.starts_with(FIRST)).count()
}

/// Does `work` on copies of `base`, stopped before each operation, then with the power gone there. `files` are those of the day
/// before and after.
fn at_every_instant(base: &Path, feed: &Feed, files: [usize; 2], work: Work<'_>) {
    let mut seen = [0, 0];
    let mut note = |found: usize, when: &str| match files.iter().position(|known| *known == found) {
        Some(state) => seen[state] += 1,
        None => panic!("{when}: {found} files"),
    };
    let copy = || copied(base);
    let dir = |root: &Path| Lake::new(root).dataset_dir(feed).unwrap();
    stopped(&copy, feed, work, |live, n, _| {
        let when = format!("stopped before operation {n}");
        assert_all(&dir(live), &when);
        versions(&dir(live));
        stopped_starts(live, feed, &[0, 3, 6, 9], || assert_all(&dir(live), &when));
        note(recovered(live, feed, &[FindingKind::Replaced], &when), &when);
    });
    without_power(&copy, feed, work, 2, |_, shown, when| {
        versions(&dir(shown.path()));
        note(recovered(shown.path(), feed, &NO_POWER, when), when);
    });
    assert!(seen[0] > 10 && seen[1] > 5, "both states were seen: {seen:?}");
}

#[test]
fn a_compaction() {
    for feed in [stream_feed(), as_delta(stream_feed())] {
        let root = scratch();
        base(root.path(), &feed);
        at_every_instant(root.path(), &feed, [4, 1], &compact);
    }
}

#[test]
fn a_compaction_that_sorts() {
    let layout = FileLayout {
        sort_by: vec!["NAME".to_owned()],
        bloom_filters: vec!["NAME".to_owned()],
        bloom_fpp: 0.01,
    };
    let feed = Feed { layout, ..as_delta(stream_feed()) };
    let root = scratch();
    base(root.path(), &feed);
    at_every_instant(root.path(), &feed, [4, 1], &compact);
}

#[test]
fn an_undo_of_it() {
    for feed in [stream_feed(), as_delta(stream_feed())] {
        let root = scratch();
        base(root.path(), &feed);
        compact(&mut open(root.path(), &feed)).unwrap();
        at_every_instant(root.path(), &feed, [1, 4], &|dataset| {
            dataset.undo_day(at(T0).date_naive(), None, at(T0 + 61 * DAY)).map(|_| ())
        });
    }
}

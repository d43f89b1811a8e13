//! A work on a dataset ends at every instant at which it can: the program is stopped, or the power goes, before each change that it makes
//! to the disk.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses another part")]

use std::path::Path;

use lakehand::Result;
use lakehand::feed::Feed;
use lakehand::lake::{Dataset, Lake};
use tempfile::TempDir;

use crate::disk::{Disk, scratch};
use crate::lake_support::{StopAt, copy_tree, limits, owner};

/// What is done with the dataset once it is open.
pub type Work<'a> = &'a dyn Fn(&mut Dataset) -> Result<()>;

/// Outcomes of a power loss that are looked at for each instant.
const OUTCOMES: u64 = 3;

/// A copy of `base`.
pub fn copied(base: &Path) -> TempDir {
    let live = scratch();
    copy_tree(base, live.path());
    live
}

/// Does `work` on copies, stopped before operation 0, 1, 2, … until it ends by itself. `look` gets each folder as it was left, the
/// operation, and whether the work said that it was done.
pub fn stopped(
    copy: &dyn Fn() -> TempDir,
    feed: &Feed,
    work: Work<'_>,
    mut look: impl FnMut(&Path, i64, bool),
) {
    for n in 0.. {
        let live = copy();
        let stop = StopAt::operation(n);
        let lake = Lake::with_faults(live.path(), stop.clone());
        let done = Dataset::open(&lake, feed, limits(), owner()).and_then(|mut d| work(&mut d)).is_ok();
        assert!(done || stop.fired(), "without a stop the work is done");
        look(live.path(), n, done);
        if !stop.fired() {
            return;
        }
    }
}

/// Starts that recover and are stopped themselves, before each of these operations; `look` is called behind each.
pub fn stopped_starts(root: &Path, feed: &Feed, operations: &[i64], mut look: impl FnMut()) {
    for n in operations {
        let _ = Dataset::open(&Lake::with_faults(root, StopAt::operation(*n)), feed, limits(), owner());
        look();
    }
}

/// Does `work` on copies, with the power gone before every `step`th operation. `look` gets the folder as the process saw it, one that the
/// disk may show afterwards, and what names the two.
pub fn without_power(
    copy: &dyn Fn() -> TempDir,
    feed: &Feed,
    work: Work<'_>,
    step: usize,
    mut look: impl FnMut(&Path, &TempDir, &str),
) {
    for n in (0..).step_by(step) {
        let live = copy();
        let disk = Disk::new(live.path());
        disk.kill_before(n);
        let lake = Lake::with_faults(live.path(), disk.clone());
        let _ = Dataset::open(&lake, feed, limits(), owner()).and_then(|mut d| work(&mut d));
        for seed in 0..OUTCOMES {
            let shown = scratch();
            disk.lose_power(shown.path(), &mut fastrand::Rng::with_seed(n * OUTCOMES + seed));
            look(live.path(), &shown, &format!("without power before operation {n}, outcome {seed}"));
        }
        if !disk.killed() {
            return;
        }
    }
}

//! Offsets over all files of a stream: which are held, and which twice.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::Scan;
use crate::lake::layout;
use crate::lake::manifest::offsets::{OffsetRanges, length};

/// The offsets that the files hold together.
#[derive(Default)]
pub(crate) struct HeldOffsets {
    /// Of the files that list them.
    pub(crate) offsets: OffsetRanges,
    /// By Kafka partition the bounds and the rows of each file that does not.
    pub(crate) hulls: BTreeMap<i32, Vec<([i64; 2], u64)>>,
}

/// A file that holds rows of others.
pub(crate) struct Overlap {
    /// The file's place in the scan.
    pub(crate) file: usize,
    /// How many of its rows others hold.
    pub(crate) doubled: u64,
    /// All of its rows are held by others.
    pub(crate) whole: bool,
}

/// Takes every file that is not in `without`; files whose name is that of their commit first, so that of a file and its
/// copy the copy is found.
pub(crate) fn overlaps(scan: &Scan, without: &BTreeSet<usize>) -> (Vec<Overlap>, HeldOffsets) {
    let mut order: Vec<_> = (0..scan.files.len()).filter(|at| !without.contains(at)).collect();
    order.sort_by_key(|at| {
        let file = &scan.files[*at];
        let commit = file.sound().and_then(|footer| footer.commit.as_deref()).unwrap_or("");
        let named = file.name.contains(&format!("_{commit}_"));
        (!named, layout::commit_seq(commit), file.relative())
    });
    let (mut held, mut found) = (HeldOffsets::default(), Vec::new());
    let mut numbers = BTreeMap::new();
    for at in order {
        let Some(footer) = scan.files[at].sound() else { continue };
        // A copy is told by the commit's number of the file and by the same offsets, be they exact or a hull.
        if let Some(number) = footer.commit.as_deref().zip(footer.file) {
            let first = numbers.entry(number).or_insert((at, &footer.offsets));
            if first.0 != at && *first.1 == footer.offsets {
                found.push(Overlap { file: at, doubled: footer.rows, whole: true });
                continue;
            }
        }
        let (mut rows, mut doubled) = (0, 0);
        for (partition, offsets) in footer.offsets.partitions() {
            if offsets.hull {
                let hulls = offsets.hull_range().map(|hull| (hull, offsets.rows));
                held.hulls.entry(*partition).or_default().extend(hulls);
                continue;
            }
            let known = held.offsets.of(*partition);
            for run in &offsets.runs {
                rows += length(*run);
                doubled += known.map_or(0, |known| known.covered(*run));
            }
        }
        held.offsets.unite_exact(&footer.offsets);
        if doubled > 0 {
            found.push(Overlap { file: at, doubled, whole: doubled == rows && rows == footer.rows });
        }
    }
    (found, held)
}

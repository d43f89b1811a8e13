//! Sets of offsets, kept as runs: what is held, what of it is held twice, and which holes lie in between.

/// Runs `[first, last]`, both included, ascending, apart from each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Runs(Vec<[i64; 2]>);

impl Runs {
    /// Adds a run; what was there already stays there once.
    pub(crate) fn add(&mut self, [first, last]: [i64; 2]) {
        // The runs that touch the new one, or lie next to it, become one with it.
        let from = self.0.partition_point(|run| run[1] < first.saturating_sub(1));
        let to = self.0.partition_point(|run| run[0] <= last.saturating_add(1));
        let mut joined = [first, last];
        for run in self.0.get(from..to).unwrap_or_default() {
            joined = [joined[0].min(run[0]), joined[1].max(run[1])];
        }
        self.0.splice(from..to.max(from), [joined]);
    }

    /// How many offsets of the run are in the set.
    pub(crate) fn covered(&self, [first, last]: [i64; 2]) -> u64 {
        let from = self.0.partition_point(|run| run[1] < first);
        let touched = self.0.iter().skip(from).take_while(|run| run[0] <= last);
        touched.map(|run| last.min(run[1]).abs_diff(first.max(run[0])) + 1).sum()
    }

    /// The parts of the run that are not in the set.
    pub(crate) fn missing(&self, [first, last]: [i64; 2]) -> Vec<[i64; 2]> {
        let from = self.0.partition_point(|run| run[1] < first);
        let mut next = first;
        let mut missing = Vec::new();
        for run in self.0.iter().skip(from).take_while(|run| run[0] <= last) {
            if next < run[0] {
                missing.push([next, run[0] - 1]);
            }
            next = run[1].saturating_add(1);
        }
        if next <= last {
            missing.push([next, last]);
        }
        missing
    }

    /// What lies between the runs.
    pub(crate) fn holes(&self) -> impl Iterator<Item = [i64; 2]> + '_ {
        self.0.windows(2).map(|pair| [pair[0][1] + 1, pair[1][0] - 1])
    }
}

/// Number of offsets in a run.
pub(crate) fn length(run: [i64; 2]) -> u64 {
    run[1].abs_diff(run[0]) + 1
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn knows_what_a_set_knows(
            added in prop::collection::vec((0_i64..60, 0_i64..9), 0..25),
            asked in (0_i64..60, 0_i64..20),
        ) {
            let mut runs = Runs::default();
            let mut set = BTreeSet::new();
            for (first, more) in added {
                runs.add([first, first + more]);
                set.extend(first..=first + more);
            }
            prop_assert!(runs.0.windows(2).all(|w| w[0][1] + 1 < w[1][0]));
            let listed: BTreeSet<i64> = runs.0.iter().flat_map(|r| r[0]..=r[1]).collect();
            prop_assert_eq!(&listed, &set);
            let run = [asked.0, asked.0 + asked.1];
            let inside = (run[0]..=run[1]).filter(|o| set.contains(o)).count() as u64;
            prop_assert_eq!(runs.covered(run), inside);
            let missing: u64 = runs.missing(run).into_iter().map(length).sum();
            prop_assert_eq!(missing + inside, length(run));
            prop_assert!(runs.holes().all(|hole| (hole[0]..=hole[1]).all(|o| !set.contains(&o))));
        }
    }
}

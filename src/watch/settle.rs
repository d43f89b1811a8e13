//! When is a file at rest? Bursts of hints become one path.
//!
//! ```text
//! hints      x x  x        x x x x x x x x x x x x x x x …
//!            └────┴─rest─▶ settled                     └ first hint + 10 × rest ─▶ settled all the same
//! ```
//!
//! An editor that saves makes a handful of events, a slow copy hundreds; a file that is written without end is looked at
//! nevertheless. Pure: time is passed in, and no path is ever opened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// After how many times the rest a path is settled that never came to rest.
const PATIENCE: u32 = 10;

/// Paths that had hints and are not at rest yet.
#[derive(Debug)]
pub struct Settle {
    rest: Duration,
    pending: BTreeMap<PathBuf, Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    first: Instant,
    last: Instant,
}

/// A path that may be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The path.
    pub path: PathBuf,
    /// It never came to rest, and is looked at all the same.
    pub restless: bool,
}

impl Settle {
    /// A path is at rest when no hint came for `rest`.
    pub fn new(rest: Duration) -> Self {
        Self { rest, pending: BTreeMap::new() }
    }

    /// Something happened to this path.
    pub fn hint(&mut self, path: &Path, now: Instant) {
        match self.pending.get_mut(path) {
            Some(span) => span.last = now,
            None => drop(self.pending.insert(path.to_owned(), Span { first: now, last: now })),
        }
    }

    /// Takes out what is settled.
    pub fn take(&mut self, now: Instant) -> Vec<Settled> {
        let mut settled = Vec::new();
        self.pending.retain(|path, span| {
            let due = self.rest.saturating_sub(now.saturating_duration_since(span.last)).is_zero();
            let restless = !due && now.saturating_duration_since(span.first) >= self.rest * PATIENCE;
            if due || restless {
                settled.push(Settled { path: path.clone(), restless });
            }
            !(due || restless)
        });
        settled
    }

    /// How long until [`Settle::take`] gives something, if no further hint comes.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let left =
            |since: Instant, limit: Duration| limit.saturating_sub(now.saturating_duration_since(since));
        let one = |span: &Span| left(span.last, self.rest).min(left(span.first, self.rest * PATIENCE));
        self.pending.values().map(one).min()
    }

    /// Whether a path had a hint and is not settled yet.
    pub fn is_pending(&self, path: &Path) -> bool {
        self.pending.contains_key(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REST: Duration = Duration::from_millis(100);

    fn settled(path: &str, restless: bool) -> Settled {
        Settled { path: path.into(), restless }
    }

    #[test]
    fn a_burst_becomes_one_path_after_the_rest() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut settle = Settle::new(REST);
        for ms in [0, 10, 50] {
            settle.hint(Path::new("a"), at(ms));
        }
        settle.hint(Path::new("b"), at(90));
        assert!(settle.is_pending(Path::new("a")));
        assert_eq!(settle.take(at(149)), []);
        assert_eq!(settle.wait(at(149)), Some(Duration::from_millis(1)));
        assert_eq!(settle.take(at(150)), [settled("a", false)]);
        assert!(!settle.is_pending(Path::new("a")));
        assert_eq!(settle.take(at(190)), [settled("b", false)]);
        assert_eq!((settle.take(at(9_000)), settle.wait(at(9_000))), (vec![], None));
    }

    #[test]
    fn a_path_without_rest_is_looked_at_all_the_same() {
        let begin = Instant::now();
        let mut settle = Settle::new(REST);
        let mut taken = Vec::new();
        for step in 0..=100 {
            let now = begin + Duration::from_millis(step * 20);
            settle.hint(Path::new("a"), now);
            taken.extend(settle.take(now).into_iter().map(|settled| (step * 20, settled)));
        }
        assert_eq!(taken, [(1000, settled("a", true))], "the next patience begins with the next hint");
    }

    proptest! {
        /// Whatever comes: no path is settled before its rest or its patience is over, none is kept longer, none is
        /// settled without a hint, and none is forgotten.
        #[test]
        fn every_hint_is_answered_once_and_in_time(
            hints in prop::collection::vec((0_u8..4, 0_u64..60), 1..200),
        ) {
            let mut now = Instant::now();
            let mut settle = Settle::new(REST);
            let mut model: BTreeMap<PathBuf, (Instant, Instant)> = BTreeMap::new();
            let mut ends = hints.clone();
            ends.extend([(9, 1_000), (9, 1_000)]);
            for (path, wait) in ends {
                now += Duration::from_millis(wait);
                for Settled { path, restless } in settle.take(now) {
                    let (first, last) = model.remove(&path).expect("it had a hint");
                    prop_assert_eq!(restless, now - last < REST);
                    prop_assert!(!restless || now - first >= REST * PATIENCE);
                }
                prop_assert!(model.values().all(|(first, last)| now - *last < REST && now - *first < REST * PATIENCE));
                if path < 9 {
                    let path = PathBuf::from(path.to_string());
                    settle.hint(&path, now);
                    model.entry(path).or_insert((now, now)).1 = now;
                }
            }
            prop_assert!(model.is_empty());
        }
    }
}

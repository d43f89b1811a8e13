//! When is a file at rest? Bursts of hints become one path.
//!
//! ```text
//! hints      x x  x        x x x x x x x x x x x x x x x …
//!            └────┴─rest─▶ debounced                     └ first hint + 10 × rest ─▶ debounced all the same
//! ```
//!
//! An editor that saves makes a handful of events, a slow copy hundreds; a file that is written without end is looked at
//! nevertheless. Pure: time is passed in, and no path is ever opened.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// After how many times the rest a path is given out that never came to rest.
const PATIENCE: u32 = 10;

/// Paths that had hints and are not at rest yet.
#[derive(Debug)]
pub struct Debounce {
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
pub struct Debounced {
    /// The path.
    pub path: PathBuf,
    /// The file never came to rest, and is looked at all the same.
    pub restless: bool,
}

impl Debounce {
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

    /// Takes out the paths that may be looked at.
    pub fn take(&mut self, now: Instant) -> Vec<Debounced> {
        let mut debounced = Vec::new();
        self.pending.retain(|path, span| {
            let due = self.rest.saturating_sub(now.saturating_duration_since(span.last)).is_zero();
            let restless = !due && now.saturating_duration_since(span.first) >= self.rest * PATIENCE;
            if due || restless {
                debounced.push(Debounced { path: path.clone(), restless });
            }
            !(due || restless)
        });
        debounced
    }

    /// How long until [`Debounce::take`] gives something, if no further hint comes.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let left =
            |since: Instant, limit: Duration| limit.saturating_sub(now.saturating_duration_since(since));
        let one = |span: &Span| left(span.last, self.rest).min(left(span.first, self.rest * PATIENCE));
        self.pending.values().map(one).min()
    }

    /// Whether a path had a hint and was not taken out yet.
    pub fn is_pending(&self, path: &Path) -> bool {
        self.pending.contains_key(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REST: Duration = Duration::from_millis(100);

    fn debounced(path: &str, restless: bool) -> Debounced {
        Debounced { path: path.into(), restless }
    }

    #[test]
    fn a_burst_becomes_one_path_after_the_rest() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut debounce = Debounce::new(REST);
        for ms in [0, 10, 50] {
            debounce.hint(Path::new("a"), at(ms));
        }
        debounce.hint(Path::new("b"), at(90));
        assert!(debounce.is_pending(Path::new("a")));
        assert_eq!(debounce.take(at(149)), []);
        assert_eq!(debounce.wait(at(149)), Some(Duration::from_millis(1)));
        assert_eq!(debounce.take(at(150)), [debounced("a", false)]);
        assert!(!debounce.is_pending(Path::new("a")));
        assert_eq!(debounce.take(at(190)), [debounced("b", false)]);
        assert_eq!((debounce.take(at(9_000)), debounce.wait(at(9_000))), (vec![], None));
    }

    #[test]
    fn a_path_without_rest_is_looked_at_all_the_same() {
        let begin = Instant::now();
        let mut debounce = Debounce::new(REST);
        let mut taken = Vec::new();
        for step in 0..=100 {
            let now = begin + Duration::from_millis(step * 20);
            debounce.hint(Path::new("a"), now);
            taken.extend(debounce.take(now).into_iter().map(|debounced| (step * 20, debounced)));
        }
        assert_eq!(taken, [(1000, debounced("a", true))], "the next patience begins with the next hint");
    }

    proptest! {
        /// Whatever comes: no path is taken out before its rest or its patience is over, none is kept longer, none is
        /// taken out without a hint, and none is forgotten.
        #[test]
        fn every_hint_is_answered_once_and_in_time(
            hints in prop::collection::vec((0_u8..4, 0_u64..60), 1..200),
        ) {
            let mut now = Instant::now();
            let mut debounce = Debounce::new(REST);
            let mut model: BTreeMap<PathBuf, (Instant, Instant)> = BTreeMap::new();
            let mut ends = hints.clone();
            ends.extend([(9, 1_000), (9, 1_000)]);
            for (path, wait) in ends {
                now += Duration::from_millis(wait);
                for Debounced { path, restless } in debounce.take(now) {
                    let (first, last) = model.remove(&path).expect("it had a hint");
                    prop_assert_eq!(restless, now - last < REST);
                    prop_assert!(!restless || now - first >= REST * PATIENCE);
                }
                prop_assert!(model.values().all(|(first, last)| now - *last < REST && now - *first < REST * PATIENCE));
                if path < 9 {
                    let path = PathBuf::from(path.to_string());
                    debounce.hint(&path, now);
                    model.entry(path).or_insert((now, now)).1 = now;
                }
            }
            prop_assert!(model.is_empty());
        }
    }
}

//! The one bound of every loop that reads an answer: no progress for the inactivity limit ends the read.
//!
//! | read | what counts as progress |
//! |---|---|
//! | a whole body (`client/transport`) | bytes that are no white space; the body's size has a limit of its own |
//! | a stream (`source/ksql/tail`) | offsets that no row had before; offsets that the server has processed, below the end where one is known |
//! | a table (`export/table`) | rows with a key that did not come before |
//! | the end probe (`source/ksql/end_probe`) | rows, as many as the log can hold, for the read that waits for it |
//!
//! Bytes alone are none: a server that sends line feeds, or the same rows again and again, keeps no export busy.

use std::time::{Duration, Instant};

/// How long nothing new has come. The time is passed in.
#[derive(Debug, Clone)]
pub struct Inactivity {
    limit: Duration,
    total: u64,
    since: Instant,
}

impl Inactivity {
    /// Begins now. Without progress it is over after `limit`.
    pub fn new(limit: Duration, now: Instant) -> Self {
        Self { limit, total: 0, since: now }
    }

    /// Takes note of all that has come so far: a number that grows with progress and with nothing else. True when it is
    /// more than it ever was.
    pub fn note(&mut self, total: u64, now: Instant) -> bool {
        let more = total > self.total;
        if more {
            self.total = total;
            self.renew(now);
        }
        more
    }

    /// Takes note of a sign of life that has no number.
    pub fn renew(&mut self, now: Instant) {
        self.since = now;
    }

    /// How long there was no progress.
    pub fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }

    /// Time to look closer: half of the limit has passed.
    pub fn is_half_over(&self, now: Instant) -> bool {
        self.elapsed(now) >= self.limit / 2
    }

    /// The read is to end.
    pub fn is_over(&self, now: Instant) -> bool {
        self.elapsed(now) >= self.limit
    }

    /// The time that is left, at least a millisecond.
    pub fn left(&self, now: Instant) -> Duration {
        self.limit.saturating_sub(self.elapsed(now)).max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_than_ever_is_progress() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut inactivity = Inactivity::new(Duration::from_secs(10), begun);
        assert!(inactivity.note(3, at(2)) && !inactivity.note(3, at(3)) && !inactivity.note(2, at(4)));
        assert!(!inactivity.is_half_over(at(6)) && inactivity.is_half_over(at(7)));
        assert!(!inactivity.is_over(at(11)) && inactivity.is_over(at(12)));
        assert!(inactivity.left(at(12)) > Duration::ZERO);
        inactivity.renew(at(12));
        assert_eq!(
            (inactivity.elapsed(at(13)), inactivity.left(at(13))),
            (Duration::from_secs(1), Duration::from_secs(9))
        );
    }
}

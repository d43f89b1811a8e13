//! The one bound of every loop that reads an answer: no progress for the inactivity limit ends the read.
//!
//! | read | what counts as progress |
//! |---|---|
//! | a whole body (`client/transport`) | bytes that are no white space; the body's size has a limit of its own |
//! | a stream (`export/stream`) | offsets that no row had before; offsets below the end that the server has processed |
//! | a table (`export/table`) | rows with a key that did not come before |
//! | the end probe (`export/end_probe`) | rows, for the probe; for the read that waits for it, as many as the log can hold |
//!
//! Bytes alone are none: a server that sends line feeds, or the same rows again and again, keeps no export busy.

use std::time::{Duration, Instant};

/// How long nothing new has come.
#[derive(Debug, Clone)]
pub struct Inactivity {
    limit: Duration,
    total: u64,
    since: Instant,
}

impl Inactivity {
    /// Begins now. Without progress it is over after `limit`.
    pub fn new(limit: Duration) -> Self {
        Self { limit, total: 0, since: Instant::now() }
    }

    /// Takes note of all that has come so far: a number that grows with progress and with nothing else. True when it is
    /// more than it ever was.
    pub fn note(&mut self, total: u64) -> bool {
        let more = total > self.total;
        if more {
            self.total = total;
            self.renew();
        }
        more
    }

    /// Takes note of a sign of life that has no number.
    pub fn renew(&mut self) {
        self.since = Instant::now();
    }

    /// How long there was no progress.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// Time to look closer: half of the limit has passed.
    pub fn is_half_over(&self) -> bool {
        self.elapsed() >= self.limit / 2
    }

    /// The read is to end.
    pub fn is_over(&self) -> bool {
        self.elapsed() >= self.limit
    }

    /// The time that is left, at least a millisecond.
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.elapsed()).max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_than_ever_is_progress() {
        let mut inactivity = Inactivity::new(Duration::ZERO);
        assert!(inactivity.note(3) && !inactivity.note(3) && !inactivity.note(2) && !inactivity.note(3));
        assert!(inactivity.is_over() && inactivity.left() > Duration::ZERO);
        let mut patient = Inactivity::new(Duration::from_secs(3600));
        patient.renew();
        assert!(!patient.is_over() && !patient.is_half_over());
    }
}

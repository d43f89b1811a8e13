//! Is this the end of the read? Pure: what came, what the server told and the time are passed in.
//!
//! ```text
//! offsets  done when every partition has delivered its last offset, or the server has processed up to there and the
//!          socket stayed empty (records at the tail may be filtered, unreadable or transaction markers), twice
//! quiet    done when a pull over the same stream has come to its end and no row came for a while; a server that reads old
//!          rows and drops them is at work, and one that cannot tell gets far more time
//! never    not done before somebody stops it
//! ```
//!
//! Processed is not delivered: rows may still wait in a queue of the server or of the network. A tail that stayed empty is
//! therefore asked for once more, by another query, until one brings nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::positions::Positions;
use crate::error::{Error, Kind, Result};
use crate::ksql::client::EndOffsets;
use crate::ksql::describe::{PartitionOffsets, QueryProgress};
use crate::ksql::inactivity::Inactivity;

/// How long the socket must stay empty after the server has processed up to the end; also the pause between questions.
const EMPTY: Duration = Duration::from_secs(1);
/// What the limit of inactivity is multiplied by where the server cannot tell whether it works on our query.
const PATIENCE: u32 = 10;
/// How long nothing must have come before a partition is taken to hold nothing but transaction markers.
const MARKERS: Duration = Duration::from_secs(5);

/// How the end is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The log's end offsets were asked for first.
    Offsets,
    /// By a pull over the same stream that ends, and a quiet time of this length after it.
    Quiet(Duration),
    /// The read is not to end.
    Never,
}

/// What the server is to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// How far it is with our query.
    Progress,
    /// Where the log ends, and where its persistent readers are.
    Ends,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Wait on.
    Wait,
    /// Ask the server; the answer is to be told.
    Ask(Question),
    /// The tail stayed empty: what is missing is to be asked for by another query.
    LookAgain,
    /// This is the end.
    Done,
    /// There was no progress for so long that none will come.
    Dead(Duration),
}

/// What has come so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) positions: &'a Positions,
    /// The query's id is known.
    pub(super) has_id: bool,
    /// Of the pull that tells the end: rows so far, and whether it has ended.
    pub(super) probe: Option<(u64, bool)>,
}

/// Whether a partition that stays untouched holds nothing but markers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Markers {
    Unasked,
    Wanted,
    /// Where the log's persistent readers were, and when.
    Once(BTreeMap<i32, PartitionOffsets>, Instant),
}

/// What is known of the end of a read.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    end: End,
    limit: Duration,
    /// Since the last new row, or the last sign that the server works on our query.
    inactivity: Inactivity,
    /// The server tells how far it is with our query.
    tells: bool,
    last_byte: Instant,
    last_asked: Option<Instant>,
    /// A question is on its way.
    asking: bool,
    /// Since when the server is known to have processed up to the end.
    processed: Option<Instant>,
    /// The most that the sum of the offsets below the ends, where there are any, was which the server had processed: more is a
    /// sign of life.
    processed_below: i64,
    markers: Markers,
    /// How often the tail was asked for again, and the new rows before the last time.
    looks: u32,
    fresh_before: u64,
}

impl Tail {
    pub(super) fn new(end: End, inactivity: Duration, now: Instant) -> Self {
        Self {
            end,
            limit: inactivity,
            inactivity: Inactivity::new(inactivity, now),
            tells: false,
            last_byte: now,
            last_asked: None,
            asking: false,
            processed: None,
            processed_below: 0,
            markers: Markers::Unasked,
            looks: 0,
            fresh_before: 0,
        }
    }

    /// The head of an answer came: of the first one, or of one that looks again.
    pub(super) fn opened(&mut self, now: Instant) {
        self.inactivity.renew(now);
        self.last_byte = now;
        (self.last_asked, self.asking, self.processed) = (None, false, None);
    }

    /// The tail is asked for again.
    pub(super) fn looks_again(&mut self, positions: &Positions) {
        self.looks += 1;
        self.fresh_before = positions.fresh;
    }

    /// Bytes came.
    pub(super) fn bytes(&mut self, now: Instant) {
        self.last_byte = now;
        self.processed = None;
        self.markers = Markers::Unasked;
    }

    /// Takes new offsets for a sign of life, and what the end probe reads of the log as it is known so far. True when there
    /// were none for half of the limit: time to look closer.
    pub(super) fn is_stale(&mut self, seen: Seen<'_>, now: Instant) -> bool {
        !self.note(seen, now) && self.inactivity.is_half_over(now)
    }

    fn note(&mut self, seen: Seen<'_>, now: Instant) -> bool {
        let probed = seen.probe.map_or(0, |(rows, _)| rows.min(seen.positions.most_records()));
        self.inactivity.note(seen.positions.fresh.saturating_add(probed), now)
    }

    /// Judges bytes that brought nothing new, once all that they hold was decoded.
    pub(super) fn judge_bytes(&mut self, seen: Seen<'_>, now: Instant) -> Verdict {
        self.note(seen, now);
        if self.end == End::Offsets && seen.positions.reached() {
            return Verdict::Done;
        }
        match self.look(seen, now) {
            Verdict::Wait => self.alive(now),
            ask => ask,
        }
    }

    /// Judges a socket that is empty, once all that came was decoded.
    pub(super) fn judge(&mut self, seen: Seen<'_>, now: Instant) -> Verdict {
        self.note(seen, now);
        let verdict = match self.end {
            End::Offsets if seen.positions.reached() => Verdict::Done,
            End::Offsets => self.judge_tail(seen, now),
            End::Quiet(quiet) => {
                let ended = seen.probe.is_some_and(|(_, ended)| ended);
                if ended && now - self.last_byte >= quiet { Verdict::Done } else { self.look(seen, now) }
            }
            End::Never => Verdict::Wait,
        };
        if verdict == Verdict::Wait { self.alive(now) } else { verdict }
    }

    fn alive(&self, now: Instant) -> Verdict {
        let is_blind = matches!(self.end, End::Quiet(_)) && !self.tells;
        let limit = self.limit * if is_blind { PATIENCE } else { 1 };
        if self.end == End::Never || self.inactivity.elapsed(now) < limit {
            return Verdict::Wait;
        }
        Verdict::Dead(self.inactivity.elapsed(now))
    }

    /// Without an end that is known, the server is only asked how far it is when it has been silent for long.
    fn look(&mut self, seen: Seen<'_>, now: Instant) -> Verdict {
        let pause = EMPTY.min(self.limit / 4);
        let is_early =
            !self.inactivity.is_half_over(now) || self.last_asked.is_some_and(|at| now - at < pause);
        if !matches!(self.end, End::Quiet(_)) || self.asking || is_early || !seen.has_id {
            return Verdict::Wait;
        }
        self.ask(Question::Progress, now)
    }

    /// The server has processed every partition up to its end, and the socket stayed empty since: what is missing holds no row.
    fn judge_tail(&mut self, seen: Seen<'_>, now: Instant) -> Verdict {
        if self.asking {
            return Verdict::Wait;
        }
        if let Some(since) = self.processed {
            if now - since < EMPTY {
                return Verdict::Wait;
            }
            let came = seen.positions.fresh > self.fresh_before;
            return if self.looks > 0 && !came { Verdict::Done } else { Verdict::LookAgain };
        }
        match &self.markers {
            Markers::Wanted => return self.ask(Question::Ends, now),
            Markers::Once(_, at) if now - *at >= EMPTY => return self.ask(Question::Ends, now),
            Markers::Once(..) => return Verdict::Wait,
            Markers::Unasked => {}
        }
        let is_early = now - self.last_byte < EMPTY || self.last_asked.is_some_and(|at| now - at < EMPTY);
        if is_early || !seen.has_id { Verdict::Wait } else { self.ask(Question::Progress, now) }
    }

    fn ask(&mut self, question: Question, now: Instant) -> Verdict {
        (self.last_asked, self.asking) = (Some(now), true);
        Verdict::Ask(question)
    }

    /// The server has told how far it is with our query.
    ///
    /// # Errors
    /// `Kind::Incomplete` when it no longer knows the query, and the end cannot be known without it.
    pub(super) fn told_progress(
        &mut self,
        progress: Option<&BTreeMap<i32, QueryProgress>>,
        positions: &Positions,
        now: Instant,
    ) -> Result<()> {
        self.asking = false;
        if matches!(self.end, End::Quiet(_)) {
            let at = |at: &QueryProgress| at.polled.max(at.committed);
            let told: Vec<_> =
                progress.into_iter().flatten().map(|(_, p)| at(p)).filter(|at| *at >= 0).collect();
            self.tells |= !told.is_empty();
            self.note_processed(told.into_iter().fold(0, i64::saturating_add), now);
            return Ok(());
        }
        let Some(progress) = progress else {
            let what = "the server no longer knows the query whose answer it is sending";
            return Err(Error::new(Kind::Incomplete, what));
        };
        let missing: Vec<_> = positions.missing().collect();
        let untouched = |p: &i32| progress.get(p).is_none_or(|at| at.committed < 0 && at.polled < 0);
        let processed = |(p, end): &(i32, i64)| progress.get(p).is_some_and(|at| at.committed >= *end);
        if missing.iter().all(processed) {
            self.processed = Some(now);
        } else if missing.iter().filter(|m| !processed(m)).all(|(p, _)| untouched(p)) {
            // Either the query has not begun there, or the partition holds nothing but transaction markers.
            if self.inactivity.elapsed(now) >= MARKERS {
                self.markers = Markers::Wanted;
            }
        } else {
            // What lies beyond the end is not ours: others write on while we wait.
            let below = |(p, end): (&i32, &i64)| {
                progress.get(p).map_or(0, |at| at.polled.max(at.committed).clamp(0, *end))
            };
            let sum = positions.ends().iter().map(below).fold(0, i64::saturating_add);
            self.note_processed(sum, now);
        }
        Ok(())
    }

    fn note_processed(&mut self, sum: i64, now: Instant) {
        if sum > self.processed_below {
            self.processed_below = sum;
            self.inactivity.renew(now);
        }
    }

    /// The server has told where the log's persistent readers are: in a partition that holds only transaction markers, their
    /// position stays below the end too.
    pub(super) fn told_ends(&mut self, ends: Option<EndOffsets>, positions: &Positions, now: Instant) {
        self.asking = false;
        let before = std::mem::replace(&mut self.markers, Markers::Unasked);
        let Some(second) = ends.map(|ends| ends.partitions) else { return };
        let Markers::Once(first, _) = before else {
            self.markers = Markers::Once(second, now);
            return;
        };
        let stay = |(p, end): (i32, i64)| match (first.get(&p), second.get(&p)) {
            (Some(a), Some(b)) => a.consumer == b.consumer && b.consumer < end && b.log_end >= end,
            _ => false,
        };
        if positions.missing().all(stay) {
            self.processed = Some(now);
        }
    }
}

#[cfg(test)]
mod tests;

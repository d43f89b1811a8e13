//! How far a job is: counters that the job writes and anybody may read at any time without holding it up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// Waiting for its turn.
    Queued,
    /// Taking the lock and finishing what an earlier run left.
    Opening,
    /// Asking the server what the source is and where it ends.
    Planning,
    /// Reading ranges of a stream both ways, before Kafka is taken.
    Comparing,
    /// Reading rows and writing files.
    Reading,
    /// Making rows visible in the lake.
    Committing,
    /// Waiting before the next attempt.
    Waiting,
    /// Removing what retention no longer keeps.
    Retaining,
    /// Making few files of small ones.
    Compacting,
    /// Moving days between the tiers.
    Moving,
    /// Done, in whichever way.
    Ended,
}

impl Stage {
    const ALL: [Self; 11] = [
        Self::Queued,
        Self::Opening,
        Self::Planning,
        Self::Comparing,
        Self::Reading,
        Self::Committing,
        Self::Waiting,
        Self::Retaining,
        Self::Compacting,
        Self::Moving,
        Self::Ended,
    ];

    /// The word that an operator sees.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Opening => "opening",
            Self::Planning => "planning",
            Self::Comparing => "comparing",
            Self::Reading => "reading",
            Self::Committing => "committing",
            Self::Waiting => "waiting",
            Self::Retaining => "retaining",
            Self::Compacting => "compacting",
            Self::Moving => "moving",
            Self::Ended => "ended",
        }
    }
}

/// The counters of one job.
#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
    rows: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    committed: AtomicU64,
    quarantined: AtomicU64,
    duplicates: AtomicU64,
    files_open: AtomicU64,
    expected: AtomicU64,
    lost: AtomicU64,
    without_row: AtomicU64,
    behind: Mutex<BTreeMap<i32, u64>>,
}

/// The counters at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// What the job is doing.
    pub stage: Stage,
    /// Rows decoded in this run, committed or not.
    pub rows: u64,
    /// Bytes of response bodies received.
    pub bytes_in: u64,
    /// Bytes of Parquet written, committed or not.
    pub bytes_out: u64,
    /// Rows committed in this run.
    pub committed: u64,
    /// Rows put aside because they could not be decoded.
    pub quarantined: u64,
    /// Rows that the server sent twice and that were left out.
    pub duplicates: u64,
    /// Parquet files being written.
    pub files_open: u64,
    /// Offsets between the position and the end of the log: an upper bound of the rows to come; 0 when not known.
    pub expected: u64,
    /// Records of the dataset that are known to be lost, of which no operator has taken note.
    pub lost: u64,
    /// Offsets that commits of this run passed and that gave no row.
    pub without_row: u64,
}

impl Progress {
    /// Says what the job is doing now.
    pub fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Relaxed);
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn decoded(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Relaxed);
    }

    pub(super) fn duplicate(&self, rows: u64) {
        self.duplicates.fetch_add(rows, Relaxed);
    }

    pub(super) fn quarantine(&self, rows: u64) {
        self.quarantined.fetch_add(rows, Relaxed);
    }

    pub(super) fn commit(&self, rows: u64) {
        self.committed.fetch_add(rows, Relaxed);
    }

    pub(super) fn without_row(&self, offsets: u64) {
        self.without_row.fetch_add(offsets, Relaxed);
    }

    pub(super) fn behind(&self, offsets: BTreeMap<i32, u64>) {
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = offsets;
    }

    /// By Kafka partition how many offsets the read is behind the log's end, as far as that is known.
    pub fn lag(&self) -> BTreeMap<i32, u64> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn written(&self, bytes: u64, files_open: usize) {
        self.bytes_out.store(bytes, Relaxed);
        self.files_open.store(files_open as u64, Relaxed);
    }

    pub(super) fn expect(&self, rows: u64) {
        self.expected.store(rows, Relaxed);
    }

    pub(super) fn lost(&self, records: u64) {
        self.lost.store(records, Relaxed);
    }

    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            stage: Stage::ALL.get(usize::from(self.stage.load(Relaxed))).copied().unwrap_or(Stage::Queued),
            rows: self.rows.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            committed: self.committed.load(Relaxed),
            quarantined: self.quarantined.load(Relaxed),
            duplicates: self.duplicates.load(Relaxed),
            files_open: self.files_open.load(Relaxed),
            expected: self.expected.load(Relaxed),
            lost: self.lost.load(Relaxed),
            without_row: self.without_row.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_survive_the_round_trip_through_the_counter() {
        let progress = Progress::default();
        for stage in Stage::ALL {
            progress.enter(stage);
            assert_eq!(progress.snapshot().stage, stage);
        }
    }
}

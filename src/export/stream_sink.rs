//! Rows of a stream on their way into the lake, whatever way they came: seen before or not, good or bad.

use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::array::cast::AsArray;
use arrow::compute::{filter_record_batch, max};
use arrow::datatypes::Int64Type;
use chrono::{DateTime, Utc};

use super::context::Context;
use super::event::What;
use super::position::{Positions, Seen};
use super::progress::Stage;
use super::rows::Sink;
use super::target::Target;
use crate::error::{Error, Kind, Result};
use crate::ksql::decode::{BadRow, leading_integers};
use crate::lake::{Commit, Quarantined};

/// Rows before the share of bad ones is checked while reading; it is always checked before a commit.
const CHECK_BAD_FROM: u64 = 10_000;

/// Rows of a stream on their way into the lake.
pub(super) struct StreamSink<'a> {
    context: &'a Context,
    pub(super) target: Target<'a>,
    pub(super) positions: Positions,
    first_bad: Option<String>,
    /// Rows that were new and went into the lake.
    pub(super) rows: u64,
    /// Rows that went to quarantine.
    pub(super) bad: u64,
    /// Offsets without a row that commits have told.
    without_row: u64,
    /// The greatest ROWTIME that came.
    pub(super) newest: Option<DateTime<Utc>>,
    read_mode: &'static str,
    /// When the ends were asked for; `None` where they were not.
    asked: Option<DateTime<Utc>>,
    last_commit: Instant,
}

impl Sink for StreamSink<'_> {
    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        let doubled = self.positions.duplicates;
        let keep = self.positions.observe_batch(&batch)?;
        let batch = match keep {
            None => batch,
            Some(keep) => filter_record_batch(&batch, &keep)
                .map_err(|e| Error::new(Kind::Bug, format!("cannot leave out rows: {e}")))?,
        };
        self.context.progress.duplicate(self.positions.duplicates - doubled);
        let newest = batch.column(0).as_primitive_opt::<Int64Type>().and_then(max);
        self.newest = self.newest.max(newest.and_then(DateTime::from_timestamp_millis));
        self.rows += batch.num_rows() as u64;
        self.context.progress.decoded(batch.num_rows());
        let before = self.target.stats();
        if batch.num_rows() > 0 {
            self.target.write(&batch)?;
        }
        let stats = self.target.stats();
        self.context.progress.written(stats.bytes_out, stats.open_files);
        // Rows that are well decoded and belong to no folder: the lake puts them aside itself.
        // Late rows of a partition behind a link are sound: they are put aside, and say nothing of the source.
        let read_only = stats.read_only - before.read_only;
        let unroutable = stats.quarantined - before.quarantined - read_only;
        if read_only > 0 {
            self.rows -= read_only;
            self.context.progress.quarantine(read_only);
        }
        if unroutable > 0 {
            self.rows -= unroutable;
            self.bad += unroutable;
            self.context.progress.quarantine(unroutable);
            self.note_bad(|| "the partition's time is null or outside of the years 1 to 9999".to_owned());
            self.check_bad_share(false)?;
        }
        Ok(())
    }

    fn bad(&mut self, bad: BadRow, row: &[u8]) -> Result<()> {
        let Some(position) = leading_integers(row, 3) else {
            return Err(Error::new(Kind::Garbled, format!("a row without a position: {}", bad.reason))
                .at("JSON path", bad.place)
                .next("rows without a position cannot be resumed; nothing of this read is kept"));
        };
        let (partition, offset) = (i32::try_from(position[1]).unwrap_or(-1), position[2]);
        self.bad_at(partition, offset, &bad, row)
    }
}

impl<'a> StreamSink<'a> {
    /// A sink that commits what comes as read by `read_mode`; `asked` is the instant at which the ends were asked for.
    pub(super) fn new(
        context: &'a Context,
        target: Target<'a>,
        positions: Positions,
        read_mode: &'static str,
        asked: Option<DateTime<Utc>>,
    ) -> Self {
        let last_commit = Instant::now();
        let (first_bad, newest) = (None, None);
        Self {
            context,
            target,
            positions,
            first_bad,
            rows: 0,
            bad: 0,
            without_row: 0,
            newest,
            read_mode,
            asked,
            last_commit,
        }
    }

    /// No row waits to be committed.
    pub(super) fn is_empty(&self) -> bool {
        let staged = self.target.stats();
        staged.rows == 0 && staged.quarantined == 0
    }

    /// The last commit is as long ago as the configuration allows.
    pub(super) fn is_due(&self) -> bool {
        self.last_commit.elapsed() >= self.context.options.commit_every
    }

    /// Commits what came since the last time, if anything did.
    pub(super) fn commit_rows(&mut self) -> Result<()> {
        if self.is_empty() {
            self.last_commit = Instant::now();
            return Ok(());
        }
        self.commit(false)
    }

    /// Commits rows and positions; `complete` when the end that was set is reached.
    pub(super) fn commit(&mut self, complete: bool) -> Result<()> {
        self.check_bad_share(true)?;
        let now = self.context.now();
        let positions = if complete { self.positions.ends() } else { self.positions.next() };
        // "Complete" speaks of the instant at which the ends were asked for; ways without such an instant claim none.
        let asked = if complete { self.asked } else { None };
        let complete_through = asked.and_then(|asked| self.context.witnessed(asked, self.newest));
        let passed = if self.target.appends() { self.positions.without_row(&positions) } else { 0 };
        let without_row = passed.saturating_sub(std::mem::replace(&mut self.without_row, passed));
        self.context.progress.enter(Stage::Committing);
        let committed =
            self.target.commit(Commit { positions, complete_through, complete, without_row, now })?;
        self.context.progress.enter(Stage::Reading);
        if let Some(committed) = committed {
            self.context.committed(&committed, self.read_mode, complete);
        }
        self.last_commit = Instant::now();
        Ok(())
    }

    /// Puts a row aside whose position is known.
    pub(super) fn bad_at(&mut self, partition: i32, offset: i64, bad: &BadRow, raw: &[u8]) -> Result<()> {
        if self.positions.observe(partition, offset)? == Seen::Before {
            self.context.progress.duplicate(1);
            return Ok(());
        }
        self.bad += 1;
        self.context.progress.quarantine(1);
        self.note_bad(|| format!("{} at {} (partition {partition}, offset {offset})", bad.reason, bad.place));
        self.target.quarantine(&Quarantined {
            partition: Some(partition),
            offset: Some(offset),
            path: &bad.path,
            reason: &bad.reason,
            raw,
            time: self.context.now(),
        })?;
        self.check_bad_share(false)
    }

    /// Tells the first row of this run that is put aside; the others are counted.
    fn note_bad(&mut self, what: impl FnOnce() -> String) {
        if self.first_bad.is_none() {
            let first = what();
            self.context.emit(What::Warned { text: format!("a row goes to quarantine: {first}") });
            self.first_bad = Some(first);
        }
    }

    /// Fails when too many rows are bad; before the `last` of them only once there are enough to tell.
    fn check_bad_share(&self, last: bool) -> Result<()> {
        if !last && self.rows + self.bad < CHECK_BAD_FROM {
            return Ok(());
        }
        self.context.check_quarantine(self.rows, self.bad, self.first_bad.as_deref())
    }
}

//! Rows of a stream on their way into the lake, good or bad, whatever way they came; and how far they have come.

use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::array::cast::AsArray;
use arrow::compute::max;
use arrow::datatypes::{Int32Type, Int64Type};
use chrono::{DateTime, Utc};

use super::context::Context;
use super::event::What;
use super::last_rows::{Checked, LastRows};
use super::progress::Stage;
use super::target::Target;
use crate::error::{Error, Kind, Result};
use crate::lake::{Commit, Quarantined};
use crate::source::{BadRecord, Offsets, Spans};

/// Rows before the share of bad ones is checked while reading; it is always checked before a commit.
const CHECK_BAD_FROM: u64 = 10_000;

/// So many times `export.commit_every` commits wait for a row by which the log is known again.
const UNSETTLED: u32 = 10;

/// Rows of a stream on their way into the lake.
pub(super) struct StreamSink<'a> {
    context: &'a Context,
    pub(super) target: Target<'a>,
    spans: &'a Spans,
    /// Where each partition begins: what was asked for, or the first row of one that appeared.
    begun: Offsets,
    /// The next offset of each partition, as far as rows have come.
    next: Offsets,
    /// The ends of the log, as far as they are known.
    ends: Offsets,
    /// Records that came, bad ones too.
    came: u64,
    first_bad: Option<String>,
    /// Rows that went into the lake.
    rows: u64,
    /// Rows that went to quarantine.
    bad: u64,
    /// Offsets without a row that commits have told.
    without_row: u64,
    /// The greatest ROWTIME that came.
    newest: Option<DateTime<Utc>>,
    read_mode: &'static str,
    last_rows: LastRows,
    last_commit: Instant,
}

impl<'a> StreamSink<'a> {
    /// A sink that commits what comes of `spans` as read by `read_mode`.
    pub(super) fn new(
        context: &'a Context,
        target: Target<'a>,
        spans: &'a Spans,
        read_mode: &'static str,
        last_rows: LastRows,
    ) -> Self {
        let begun: Offsets = spans.by_partition.iter().map(|(p, span)| (*p, span.next)).collect();
        Self {
            context,
            target,
            spans,
            next: begun.clone(),
            begun,
            ends: spans.by_partition.iter().filter_map(|(p, span)| Some((*p, span.until?))).collect(),
            came: 0,
            first_bad: None,
            rows: 0,
            bad: 0,
            without_row: 0,
            newest: None,
            read_mode,
            last_rows,
            last_commit: Instant::now(),
        }
    }

    /// Takes rows. Gives why they are of another log than the dataset's, where they are.
    pub(super) fn rows(&mut self, batch: RecordBatch) -> Result<Option<String>> {
        match self.last_rows.rows(batch)? {
            Checked::New(batch) => self.new_rows(&batch).map(|()| None),
            checked => Ok(checked.other()),
        }
    }

    fn new_rows(&mut self, batch: &RecordBatch) -> Result<()> {
        self.advance_by(batch)?;
        let newest = batch.column(0).as_primitive_opt::<Int64Type>().and_then(max);
        self.newest = self.newest.max(newest.and_then(DateTime::from_timestamp_millis));
        self.rows += batch.num_rows() as u64;
        self.context.progress.decoded(batch.num_rows());
        let before = self.target.stats();
        self.target.write(batch)?;
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

    /// Puts a record aside that cannot be a row. Gives what [`StreamSink::rows`] does.
    pub(super) fn bad(&mut self, record: BadRecord) -> Result<Option<String>> {
        match self.last_rows.bad(record) {
            Checked::New(record) => self.new_bad(&record).map(|()| None),
            checked => Ok(checked.other()),
        }
    }

    fn new_bad(&mut self, record: &BadRecord) -> Result<()> {
        let BadRecord { partition, offset, bad, value } = record;
        self.advance(*partition, *offset)?;
        self.bad += 1;
        self.context.progress.quarantine(1);
        self.note_bad(|| format!("{} at {} (partition {partition}, offset {offset})", bad.reason, bad.place));
        self.target.quarantine(&Quarantined {
            partition: Some(*partition),
            offset: Some(*offset),
            path: &bad.path,
            reason: &bad.reason,
            raw: value,
            time: self.context.now(),
        })?;
        self.check_bad_share(false)
    }

    /// Takes note of the offsets in columns 1 and 2.
    fn advance_by(&mut self, batch: &RecordBatch) -> Result<()> {
        let partitions = batch.column(1).as_primitive_opt::<Int32Type>();
        let offsets = batch.column(2).as_primitive_opt::<Int64Type>();
        let (Some(partitions), Some(offsets)) = (partitions, offsets) else {
            return Err(Error::new(
                Kind::Bug,
                "a batch does not begin with ROWTIME, ROWPARTITION, ROWOFFSET",
            ));
        };
        for (&partition, &offset) in partitions.values().iter().zip(offsets.values()) {
            self.advance(partition, offset)?;
        }
        Ok(())
    }

    /// The lake's position is a claim about every offset below it, so a scan that breaks its word is not believed.
    fn advance(&mut self, partition: i32, offset: i64) -> Result<()> {
        let span = self.spans.by_partition.get(&partition);
        let next = self.next.entry(partition).or_insert(0);
        if offset < *next || span.and_then(|span| span.until).is_some_and(|until| offset >= until) {
            return Err(Error::new(Kind::Bug, "a row came that was not to be read")
                .at("offset", offset)
                .at("partition", partition));
        }
        *next = offset + 1;
        self.begun.entry(partition).or_insert(offset);
        self.came += 1;
        Ok(())
    }

    /// Offsets below `positions` that were read and gave no row.
    fn without_row(&self, positions: &Offsets) -> u64 {
        let passed = self.begun.iter().map(|(partition, begun)| {
            positions.get(partition).map_or(0, |next| u64::try_from(next.saturating_sub(*begun)).unwrap_or(0))
        });
        passed.fold(0, u64::saturating_add).saturating_sub(self.came)
    }

    /// Takes note of how far the log reaches now, and of how far the read is behind.
    pub(super) fn know_ends(&mut self, ends: &Offsets) {
        for (partition, end) in ends {
            let known = self.ends.entry(*partition).or_insert(*end);
            *known = (*known).max(*end);
        }
        let behind = |(partition, end): (&i32, &i64)| {
            let next = self.next.get(partition).copied().unwrap_or(0);
            (*partition, u64::try_from(end.saturating_sub(next)).unwrap_or(0))
        };
        self.context.progress.behind(self.ends.iter().map(behind).collect());
    }

    /// No row waits to be committed.
    pub(super) fn is_empty(&self) -> bool {
        let staged = self.target.stats();
        staged.rows == 0 && staged.quarantined == 0
    }

    /// The last commit is as long ago as the configuration allows; longer, as long as the log is not known again.
    pub(super) fn is_due(&self) -> bool {
        let patience = if self.last_rows.are_settled() { 1 } else { UNSETTLED };
        self.last_commit.elapsed() >= self.context.options.commit_every * patience
    }

    /// Commits what came of a read that broke off, unless nobody knows of which log it is.
    pub(super) fn commit_settled(&mut self) -> Result<()> {
        if self.last_rows.are_settled() { self.commit_rows() } else { Ok(()) }
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
        let mut positions = self.next.clone();
        if complete {
            // The offsets before an end that brought no row hold none.
            for (partition, span) in &self.spans.by_partition {
                let next = positions.entry(*partition).or_insert(span.next);
                *next = span.until.unwrap_or(*next).max(*next);
            }
        }
        // "Complete" speaks of the instant at which the ends were asked for; ways without such an instant claim none.
        let asked = if complete { self.spans.asked } else { None };
        let complete_through = asked.and_then(|asked| self.context.witnessed(asked, self.newest));
        let passed = if self.target.appends() { self.without_row(&positions) } else { 0 };
        let without_row = passed.saturating_sub(std::mem::replace(&mut self.without_row, passed));
        self.context.progress.enter(Stage::Committing);
        let committed = self.target.commit(Commit {
            positions,
            last_rows: self.last_rows.take(),
            complete_through,
            complete,
            ends: self.ends.clone(),
            without_row,
            now,
        })?;
        self.context.progress.enter(Stage::Reading);
        if let Some(committed) = committed {
            self.context.committed(&committed, self.read_mode, complete);
        }
        self.last_commit = Instant::now();
        Ok(())
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

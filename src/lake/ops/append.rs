//! Rows of a stream on their way into the lake.
//!
//! ```text
//! write       guard: each (ROWPARTITION, ROWOFFSET) once, none below the committed position
//!             route by time, one open file a partition
//! commit      close the files; files, quarantine, positions and counts become visible together
//! ```
//!
//! After an error nothing more is taken: what was not committed is thrown away with the value.

use std::collections::BTreeMap;

use arrow::array::{BooleanArray, RecordBatch, UInt32Array};
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;
use chrono::{DateTime, Utc};

use crate::feed::FeedKind;
use crate::lake::file::open_file::{CommitEnd, RowFacts};
use crate::lake::manifest::last_row::LastRow;
use crate::lake::manifest::metadata::PendingDecision;
use crate::lake::manifest::offsets::{Seen, doubled};
use crate::lake::ops::run::{RowColumns, Run, same_columns};
use crate::lake::report::{Committed, Quarantined, WriterStats};
use crate::lake::txn::commit::ReadOnlyPartitions;
use crate::lake::write::plausible::TimeRange;
use crate::lake::write::route::{Routed, Router, Runs, cut};
use crate::lake::write::scatter::ScatterBuffer;
use crate::lake::write::writer::Writer;
use crate::lake::{Dataset, RunInfo, TableSchema};
use crate::{Error, Kind, Result};

/// Ranges of offsets that are remembered of what was not yet committed.
const SEEN_RANGES: usize = 65_536;

/// Takes the rows of a stream and commits them with their position. Dropped without a commit, it leaves nothing.
pub struct Appender<'a> {
    run: Run<'a>,
    rows: RowColumns,
    router: Router,
    scatter: ScatterBuffer,
    seen: Seen,
    read_only: ReadOnlyPartitions,
    /// Rows put aside since the last commit because their partition is not written.
    read_only_rows: u64,
    times: TimeRange,
}

/// Up to where the rows handed over reach.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Per Kafka partition the offset to read next: one above every row written or quarantined.
    pub positions: BTreeMap<i32, i64>,
    /// The last row of each Kafka partition that came since the commit before.
    pub last_rows: BTreeMap<i32, LastRow>,
    /// The instant through which the lake is complete with this commit, where it is known.
    pub complete_through: Option<DateTime<Utc>>,
    /// The end that the run had set itself is reached.
    pub complete: bool,
    /// Offsets since the last commit that gave no row.
    pub without_row: u64,
    /// Per Kafka partition the end of the log, as far as it is known.
    pub ends: BTreeMap<i32, i64>,
    /// The time of the commit.
    pub now: DateTime<Utc>,
}

impl Dataset {
    /// Begins to append to a stream. `Kind::Schema` when a column changed its type.
    pub fn appender(&mut self, schema: &TableSchema, run: RunInfo) -> Result<Appender<'_>> {
        self.begin(FeedKind::Stream, schema)?;
        Appender::new(self, schema, run)
    }
}

impl<'a> Appender<'a> {
    pub(crate) fn new(dataset: &'a mut Dataset, schema: &TableSchema, run: RunInfo) -> Result<Self> {
        let rows = RowColumns::of(schema)?;
        let router = Router::new(&dataset.feed, &schema.arrow)?;
        let times = TimeRange::of(&dataset.feed, &router, schema, run.started);
        Ok(Self {
            run: Run::begin(dataset, schema, run, None)?,
            rows,
            router,
            scatter: ScatterBuffer::default(),
            seen: Seen::new(SEEN_RANGES),
            read_only: ReadOnlyPartitions::default(),
            read_only_rows: 0,
            times,
        })
    }

    /// Writes a batch: its schema is that of the run, ROWTIME, ROWPARTITION and ROWOFFSET included.
    ///
    /// `Kind::Garbled` for a row that came before, `Kind::DiskFull` at the floor. After an error only `abandon` is left.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.run.check_usable()?;
        let result = self.take(batch);
        self.run.note(result)
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        same_columns(&self.run.schema, batch)?;
        let batch = &self.without_held(batch)?;
        let (partitions, offsets, _) = self.rows.read(batch)?;
        let known = &self.run.dataset.metadata.positions;
        self.seen.take(partitions, offsets, |partition, [first, _]| match known.get(&partition) {
            Some(next) if first < *next => Err(doubled(partition, first)),
            _ => Ok(()),
        })?;
        let Routed { mut runs, unroutable } = self.router.route(batch)?;
        self.refuse_read_only(batch, &mut runs)?;
        self.times.look(&self.router, batch)?;
        let unroutable: Vec<_> = unroutable
            .into_iter()
            .map(|(row, ms)| match ms {
                None => (row, "the time of the partition is null".to_owned()),
                Some(ms) => (
                    row,
                    format!(
                        "the time of the partition, {ms} ms since 1970, is outside of the years 1 to 9999"
                    ),
                ),
            })
            .collect();
        self.put_aside(batch, &unroutable)?;
        self.run.writer.look(runs.len(), || self.run.view.of(batch))?;
        if self.scatter.is_empty() && !Writer::is_scattered(runs.len()) {
            return cut(batch, &runs)?.into_iter().try_for_each(|(key, part)| self.write_part(key, &part));
        }
        // What comes behind rows that wait, waits too: rows of a partition keep their order.
        self.scatter.add(batch, &runs);
        let budget = self.run.writer.scatter_budget(self.scatter.partitions());
        if self.scatter.bytes() >= budget { self.drain_scattered() } else { Ok(()) }
    }

    /// The batch without the rows that files hold already, though the position lies before them.
    fn without_held(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let ahead = &self.run.dataset.metadata.ahead;
        if ahead.is_empty() {
            return Ok(batch.clone());
        }
        let (partitions, offsets, _) = self.rows.read(batch)?;
        let rows = partitions.iter().zip(offsets);
        let mask: BooleanArray = rows.map(|(p, o)| Some(!ahead.contains(*p, *o))).collect();
        arrow::compute::filter_record_batch(batch, &mask)
            .map_err(|e| Error::new(Kind::Bug, format!("the rows cannot be chosen: {e}")))
    }

    /// Puts rows aside whose partition is read and not written, as it lies behind a link: they are not lost, and hold up no
    /// other day.
    fn refuse_read_only(&mut self, batch: &RecordBatch, runs: &mut Runs) -> Result<()> {
        let mut refused = Vec::new();
        for key in runs.keys() {
            let folder = self.router.partition(*key)?.to_string();
            if let Some(what) = self.read_only.why(self.run.dataset.dir(), &folder)? {
                refused.push((
                    *key,
                    format!("its partition {folder} is {what}: it is read, and nothing is written into it"),
                ));
            }
        }
        for (key, reason) in refused {
            let runs = runs.remove(&key).unwrap_or_default().into_iter();
            let rows: Vec<_> =
                runs.flat_map(|(start, len)| start..start + len).map(|row| (row, reason.clone())).collect();
            self.read_only_rows += rows.len() as u64;
            self.put_aside(batch, &rows)?;
        }
        Ok(())
    }

    /// Puts rows of the batch into quarantine, each with its reason and all its content.
    fn put_aside(&mut self, batch: &RecordBatch, rows: &[(usize, String)]) -> Result<()> {
        let kept = content(batch, rows)?;
        let (partitions, offsets, _) = self.rows.read(batch)?;
        for ((row, reason), raw) in rows.iter().zip(kept.split(|byte| *byte == b'\n')) {
            self.run.quarantine.add(&Quarantined {
                partition: Some(partitions[*row]),
                offset: Some(offsets[*row]),
                path: self.router.column_name(),
                reason,
                raw,
                time: self.run.info.started,
            })?;
        }
        Ok(())
    }

    /// Writes rows of one partition.
    fn write_part(&mut self, key: i64, part: &RecordBatch) -> Result<()> {
        let shown = self.run.view.of(part)?;
        let (partitions, offsets, rowtime) = self.rows.read(part)?;
        let facts = RowFacts { positions: Some((partitions, offsets)), rowtime: Some(rowtime) };
        self.run.writer.write(key, &shown, &facts)
    }

    /// Writes the rows that wait.
    fn drain_scattered(&mut self) -> Result<()> {
        let mut scatter = std::mem::take(&mut self.scatter);
        let wide = self.run.writer.is_too_wide(scatter.partitions());
        scatter.drain(|key, part| {
            self.write_part(key, &part)?;
            // Its encoders make room for those of the next one.
            if wide { self.run.writer.flush_partition(key) } else { Ok(()) }
        })
    }

    /// Puts a row aside; it becomes visible with the next commit.
    pub fn quarantine(&mut self, bad: &Quarantined<'_>) -> Result<()> {
        self.run.check_usable()?;
        let ahead = &self.run.dataset.metadata.ahead;
        if bad.partition.zip(bad.offset).is_some_and(|(partition, offset)| ahead.contains(partition, offset))
        {
            return Ok(());
        }
        let result = self.run.quarantine.add(bad);
        self.run.note(result)
    }

    /// What the writer holds now.
    pub fn stats(&self) -> WriterStats {
        let numbers = self.run.writer.numbers();
        WriterStats {
            rows: numbers.rows + self.scatter.rows(),
            memory: numbers.memory + self.scatter.bytes(),
            quarantined: self.run.quarantine.rows(),
            read_only: self.read_only_rows,
            ..numbers
        }
    }

    /// Makes everything written so far part of the lake, with its position, or nothing of it. The appender goes on.
    pub fn commit(&mut self, at: Commit) -> Result<Committed> {
        self.run.check_usable()?;
        // Before anything is closed: at the floor the appender stays as it is.
        self.run.dataset.check_ready()?;
        let result = self.finish(at);
        self.run.note(result)
    }

    fn finish(&mut self, at: Commit) -> Result<Committed> {
        if let Err(error) = self.times.check(&self.run.dataset.feed) {
            // The hold is a state too: it is seen without the log.
            let mut note = self.run.dataset.note(at.now);
            let held = note.metadata();
            held.pending_decision = Some(PendingDecision {
                about: "times".to_owned(),
                since: at.now,
                what: error.what().to_owned(),
                rows_before: held.total_records,
                rows_after: held.total_records,
                accepted: false,
            });
            note.commit()?;
            return Err(error);
        }
        for (partition, [_, last]) in self.seen.offsets().hulls() {
            if at.positions.get(&partition).is_none_or(|next| *next <= last) {
                return Err(Error::new(
                    Kind::Bug,
                    format!(
                        "the commit's position of Kafka partition {partition} is not above offset {last}"
                    ),
                ));
            }
        }
        self.drain_scattered()?;
        let quarantine = self.run.take_quarantine()?;
        let mut transaction = self.run.dataset.transaction(&self.run.commit_id, at.now);
        transaction.advance(at.positions)?;
        let positions = transaction.metadata().positions.clone();
        let end = CommitEnd { positions, quarantined: quarantine.rows(), ..CommitEnd::default() };
        let (files, rolls) = self.run.writer.finish(end)?;
        let mut done = Committed { id: self.run.commit_id.clone(), rolls, ..Committed::default() };
        transaction.add_files(self.router.depth(), &files, &mut done)?;
        for partition in &done.partitions {
            if transaction.unmark(partition)? {
                done.reopened.push(partition.clone());
            }
        }
        done.quarantined = transaction.quarantine(quarantine.finish()?)?;
        let next = transaction.metadata();
        next.read_mode = Some(self.run.info.read_mode.clone());
        next.note_without_row(&self.run.info.read_mode, at.without_row);
        done.without_row = at.without_row;
        next.log_ends = at.ends;
        next.claim(at.complete_through, at.now);
        next.pending_decision = next.pending_decision.take().filter(|known| known.about != "times");
        next.last_rows.extend(at.last_rows);
        next.caught_up = at.complete;
        next.last_failure = None;
        next.checked_at = next.checked_at.max(Some(at.now));
        let facts = self.run.writer.facts();
        transaction.note_export(&self.run.info, &self.run.columns, facts, &mut done, (at.now, at.complete));
        transaction.commit()?;
        self.run.begin_next_commit();
        self.seen.clear();
        self.read_only_rows = 0;
        self.times.clear();
        Ok(done)
    }

    /// Throws away what was not committed.
    pub fn abandon(self) -> Result<()> {
        self.run.abandon()
    }
}

/// Rows as JSON, one a line, with all their columns.
fn content(batch: &RecordBatch, rows: &[(usize, String)]) -> Result<Vec<u8>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let bug =
        |e: arrow::error::ArrowError| Error::new(Kind::Bug, format!("a row cannot be written as JSON: {e}"));
    let indices = rows.iter().map(|(row, _)| u32::try_from(*row).unwrap_or(u32::MAX));
    let taken =
        arrow::compute::take_record_batch(batch, &UInt32Array::from_iter_values(indices)).map_err(bug)?;
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(&taken).map_err(bug)?;
    writer.finish().map_err(bug)?;
    Ok(writer.into_inner())
}

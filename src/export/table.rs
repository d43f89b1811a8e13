//! Reading a table: one snapshot, whole or not at all.
//!
//! The legacy writer is asked first: it takes its end mark from the query's result. The new handler ends the answer
//! before a failure can be told (see the wire notes on table pulls); it is the second choice, for servers without the
//! first one.

use std::time::{Duration, Instant};

use arrow::array::RecordBatch;

use super::context::{Context, Stop};
use super::event::What;
use super::keys::Keys;
use super::plan::Plan;
use super::progress::Stage;
use crate::error::{Error, Kind, Result};
use crate::ksql::client::{Answer, Query};
use crate::ksql::column::Wire;
use crate::ksql::decode::BadRow;
use crate::ksql::describe::Description;
use crate::ksql::inactivity::Inactivity;
use crate::ksql::response::Mark;
use crate::ksql::schema::Role;
use crate::ksql::statement::Selection;
use crate::lake::{Quarantined, Snapshot};
use crate::source::ksql::rows::{Rows, Sink};
use crate::source::ksql::{ChunkReader, Piece};

const NAP: Duration = Duration::from_millis(200);

/// Reads the table and publishes it; gives back how it ended.
pub(super) fn read(
    context: &Context,
    plan: &Plan,
    queries: &[Query],
    selection: &Selection,
    snapshot: Snapshot<'_>,
) -> Result<Stop> {
    context.progress.enter(Stage::Reading);
    let answer = open(context, queries)?;
    let mut rows = Rows::new(answer.framing, context.options.max_row_bytes, selection, context.lake.pool())?;
    let mut sink = TableSink::new(context, snapshot, Keys::new(key_columns(plan, selection)));
    let mut chunk_reader = ChunkReader::start(&context.handle, answer);
    let mut inactivity = Inactivity::new(context.options.inactivity, Instant::now());
    loop {
        if context.cancel.is_cancelled() {
            sink.snapshot.abandon()?;
            return Ok(Stop::Cancelled);
        }
        match chunk_reader.next(NAP)? {
            Piece::Data(bytes) => {
                context.progress.received(bytes.len());
                rows.push(&bytes, &mut sink)?;
            }
            Piece::Head => {}
            Piece::Quiet => context.listen(inactivity.elapsed(Instant::now()))?,
            Piece::End => break,
        }
        if !inactivity.note(sink.new_rows(), Instant::now()) && inactivity.is_half_over(Instant::now()) {
            // What was decoded ahead may hold new rows.
            rows.flush(&mut sink)?;
            inactivity.note(sink.new_rows(), Instant::now());
        }
        if inactivity.is_over(Instant::now()) {
            return Err(Error::new(
                Kind::Incomplete,
                format!(
                    "the answer stopped in the middle: no new row for {} s",
                    inactivity.elapsed(Instant::now()).as_secs()
                ),
            )
            .next("nothing was published; the scan is tried again"));
        }
    }
    rows.flush(&mut sink)?;
    let completion = rows.end()?;
    if completion.mark != Mark::ArrayEnd || completion.rows != sink.rows + sink.bad {
        return Err(Error::new(
            Kind::Garbled,
            format!(
                "{} rows came, {} were taken, and the end was {:?}",
                completion.rows, sink.rows, completion.mark
            ),
        ));
    }
    sink.publish(plan.reading.read_mode(), "the server may answer from a stand-by too")?;
    Ok(Stop::Complete)
}

/// Asks at the first endpoint that the server accepts.
fn open(context: &Context, queries: &[Query]) -> Result<Answer> {
    let mut refusal = None;
    for query in queries {
        match context.wait_for(context.client.open(query)) {
            Ok(answer) => {
                if let Some(error) = refusal {
                    context.emit(What::Warned {
                        text: format!(
                            "the server refuses the legacy endpoint, whose end mark is the surer one: {error}"
                        ),
                    });
                }
                return Ok(answer);
            }
            // Only a refusal of the endpoint itself is worth another one; the last answer is what counts.
            Err(error) if matches!(error.kind(), Kind::Refused | Kind::Incomplete) => refusal = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(refusal.unwrap_or_else(|| Error::new(Kind::Bug, "a table without a query")))
}

/// The places of the primary key in a batch of this selection.
fn key_columns(plan: &Plan, selection: &Selection) -> Vec<usize> {
    let read = selection.columns.iter().filter(|column| !matches!(column.wire, Wire::Overlay { .. }));
    key_places(&plan.source, read.map(|column| column.label.as_str()))
}

/// The places of the primary key among columns with these names of the source: its key columns, and the bounds of its window.
pub(super) fn key_places<'a>(source: &Description, names: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let is_key = |name: &str| {
        matches!(name, "WINDOWSTART" | "WINDOWEND") && source.window.is_some()
            || source.columns.iter().any(|column| column.role == Role::Key && column.name == name)
    };
    let keys = source.columns.iter().filter(|column| column.role == Role::Key).count();
    let bounds = if source.window.is_some() { 2 } else { 0 };
    let places: Vec<usize> = names.enumerate().filter(|(_, name)| is_key(name)).map(|(at, _)| at).collect();
    // Without all of its columns (exclude_columns) nothing can be said.
    if places.len() < keys + bounds { Vec::new() } else { places }
}

/// Rows of a table on their way into the lake, whatever way they came.
pub(super) struct TableSink<'a> {
    context: &'a Context,
    pub(super) snapshot: Snapshot<'a>,
    rows: u64,
    bad: u64,
    first_bad: Option<String>,
    keys: Keys,
}

impl<'a> TableSink<'a> {
    pub(super) fn new(context: &'a Context, mut snapshot: Snapshot<'a>, keys: Keys) -> Self {
        snapshot.note_key(keys.columns());
        Self { context, snapshot, rows: 0, bad: 0, first_bad: None, keys }
    }

    /// Makes what came the current version. `why_doubled`: how a key can have come twice.
    pub(super) fn publish(mut self, read_mode: &str, why_doubled: &str) -> Result<()> {
        self.context.check_quarantine(self.rows, self.bad, self.first_bad.as_deref())?;
        self.tell_doubled_keys(why_doubled);
        self.context.progress.enter(Stage::Committing);
        let committed = self.snapshot.publish(self.context.now(), self.rows + self.bad)?;
        self.context.committed(&committed, read_mode, true);
        Ok(())
    }

    /// Puts a row aside, with its place in the log where that is known.
    pub(super) fn bad_at(&mut self, place: Option<(i32, i64)>, bad: &BadRow, row: &[u8]) -> Result<()> {
        self.bad += 1;
        self.context.progress.quarantine(1);
        if self.first_bad.is_none() {
            let at = place.map_or(String::new(), |(p, offset)| format!(" (partition {p}, offset {offset})"));
            let first = format!("{} at {}{at}", bad.reason, bad.place);
            self.context.emit(What::Warned { text: format!("a row goes to quarantine: {first}") });
            self.first_bad = Some(first);
        }
        self.snapshot.quarantine(&Quarantined {
            partition: place.map(|(partition, _)| partition),
            offset: place.map(|(_, offset)| offset),
            path: &bad.path,
            reason: &bad.reason,
            raw: row,
            time: self.context.now(),
        })
    }

    /// The progress of the scan. A row that cannot be decoded has no key, and the share of those has a limit.
    fn new_rows(&self) -> u64 {
        self.keys.fresh + self.bad
    }

    /// A key of a table is unique: one that came twice shows that the answer came from more than one copy of the state.
    fn tell_doubled_keys(&mut self, why: &str) {
        let doubled = self.keys.doubled;
        self.snapshot.note_doubled_keys(doubled);
        if doubled == 0 {
            return;
        }
        let least = if self.keys.is_partial() { "at least " } else { "" };
        let may_show = self.context.feed.visibility.shows_values();
        self.context.emit(What::Warned {
            text: format!(
                "{least}{doubled} rows have a primary key that came twice: {}; {why}",
                self.keys.told().shown(may_show)
            ),
        });
    }
}

impl Sink for TableSink<'_> {
    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.context.progress.decoded(batch.num_rows());
        self.keys.look(&batch);
        self.snapshot.write(&batch)?;
        let stats = self.snapshot.stats();
        self.context.progress.written(stats.bytes_out, stats.open_files);
        Ok(())
    }

    fn bad(&mut self, bad: BadRow, row: &[u8]) -> Result<()> {
        self.bad_at(None, &bad, row)
    }
}

//! Reading a table: one snapshot, whole or not at all.
//!
//! The legacy writer is asked first: it takes its end mark from the query's result. The new handler ends the answer
//! before a failure can be told (see the wire notes on table pulls); it is the second choice, for servers without the
//! first one.

use std::time::{Duration, Instant};

use arrow::array::RecordBatch;

use super::chunk_reader::{ChunkReader, Piece};
use super::context::{Context, Stop};
use super::event::What;
use super::plan::Plan;
use super::progress::Stage;
use super::rows::{Rows, Sink};
use crate::error::{Error, Kind, Result};
use crate::ksql::client::{Answer, Query};
use crate::ksql::decode::BadRow;
use crate::ksql::response::Mark;
use crate::lake::{Quarantined, Snapshot};

const NAP: Duration = Duration::from_millis(200);

/// Reads the table and publishes it; gives back how it ended.
pub(super) fn read(
    context: &Context,
    plan: &Plan,
    queries: &[Query],
    snapshot: Snapshot<'_>,
) -> Result<Stop> {
    context.progress.enter(Stage::Reading);
    let answer = open(context, queries)?;
    let mut rows =
        Rows::new(answer.framing, context.options.max_row_bytes, &plan.selection, context.lake.pool())?;
    let mut sink = TableSink { context, snapshot, rows: 0, bad: 0, first_bad: None };
    let mut chunk_reader = ChunkReader::start(&context.handle, answer);
    // Bytes without rows are no progress: whitespace could keep a scan busy without end.
    let mut alive = (Instant::now(), 0);
    loop {
        if context.cancel.is_cancelled() {
            sink.snapshot.abandon()?;
            return Ok(Stop::Cancelled);
        }
        match chunk_reader.next(NAP)? {
            Piece::Data(bytes) => {
                context.progress.received(bytes.len());
                rows.push(&bytes, &mut sink)?;
                if rows.came() > alive.1 {
                    alive = (Instant::now(), rows.came());
                }
            }
            Piece::Quiet => {}
            Piece::End => break,
        }
        let silent = alive.0.elapsed();
        if silent >= context.options.inactivity {
            return Err(Error::new(
                Kind::Incomplete,
                format!("the answer stopped in the middle: no row for {} s", silent.as_secs()),
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
    context.judge_quarantine(sink.rows, sink.bad, sink.first_bad.as_deref())?;
    context.progress.enter(Stage::Committing);
    let committed = sink.snapshot.publish(context.now(), sink.rows)?;
    context.committed(&committed, plan.reading.read_mode(), true);
    Ok(Stop::Complete)
}

/// Asks in the first way that the server accepts.
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
            // Only a refusal of the way itself is worth a second way; the last one's answer is what counts.
            Err(error) if matches!(error.kind(), Kind::Refused | Kind::Incomplete) => refusal = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(refusal.unwrap_or_else(|| Error::new(Kind::Bug, "a table without a query")))
}

struct TableSink<'a> {
    context: &'a Context,
    snapshot: Snapshot<'a>,
    rows: u64,
    bad: u64,
    first_bad: Option<String>,
}

impl Sink for TableSink<'_> {
    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.context.progress.decoded(batch.num_rows());
        self.snapshot.write(&batch)?;
        let stats = self.snapshot.stats();
        self.context.progress.written(stats.bytes_out, stats.open_files);
        Ok(())
    }

    fn bad(&mut self, bad: BadRow, row: &[u8]) -> Result<()> {
        self.bad += 1;
        self.context.progress.quarantine(1);
        if self.first_bad.is_none() {
            let first = format!("{} at {}", bad.reason, bad.path);
            self.context.emit(What::Warned { text: format!("a row goes to quarantine: {first}") });
            self.first_bad = Some(first);
        }
        self.snapshot.quarantine(&Quarantined {
            partition: None,
            offset: None,
            path: &bad.path,
            reason: &bad.reason,
            raw: row,
            time: self.context.now(),
        })
    }
}

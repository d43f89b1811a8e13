//! Ranges of a stream, read by one push query: the server reads its topic from the first record on for every query.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;

use super::Tools;
use super::compare::Side;
use super::ranges::Range;
use crate::error::{Error, Kind, Result};
use crate::ksql::client::{Query, QueryKind};
use crate::ksql::decode::{BadRow, leading_integers};
use crate::ksql::inactivity::Inactivity;
use crate::ksql::statement::{self, Bound, Rest, Selection};
use crate::source::ksql::rows::{Rows, Sink};
use crate::source::ksql::{ChunkReader, Piece};

/// How long it is waited at most before it is looked whether to stop.
const NAP: Duration = Duration::from_millis(200);
/// How long the socket must stay empty once all is delivered or processed; also the pause between questions.
const EMPTY: Duration = Duration::from_secs(1);

/// Reads the ranges. `last` has for each partition the last record that the log has in them: a partition is done when it, or a
/// later one, has come, or when the server is past it.
pub(super) fn read(
    tools: &Tools<'_>,
    source: &str,
    selection: &Selection,
    ranges: &[Range],
    last: &BTreeMap<i32, i64>,
    side: &mut Side,
) -> Result<()> {
    let bounds = ranges.iter().map(|range| Bound {
        partition: range.partition,
        from: range.from,
        until: Some(range.until),
    });
    let sql = statement::push_sql(source, selection, &bounds.collect::<Vec<_>>(), Rest::Exclude);
    let answer = tools.wait_for(tools.client.open(&Query { sql, kind: QueryKind::StreamPush }))?;
    let rows = Rows::new(answer.framing, tools.max_row_bytes, selection, tools.pool)?;
    let until = ranges.iter().map(|range| (range.partition, range.until)).collect();
    let mut read = Read {
        tools,
        chunks: ChunkReader::start(tools.handle, answer),
        rows,
        taken: Taken { side, rows: 0, strange: None, ranges },
        until,
        last,
        processed: BTreeMap::new(),
        seen: 0,
    };
    let outcome = read.pump();
    read.close();
    outcome
}

struct Read<'a> {
    tools: &'a Tools<'a>,
    chunks: ChunkReader,
    rows: Rows,
    taken: Taken<'a>,
    /// By partition the end of its last range.
    until: BTreeMap<i32, i64>,
    last: &'a BTreeMap<i32, i64>,
    /// Up to where the server has processed each partition.
    processed: BTreeMap<i32, i64>,
    /// The most offsets that the server was known to be past: more is a sign of life.
    seen: u64,
}

/// Where rows go.
struct Taken<'a> {
    side: &'a mut Side,
    rows: u64,
    /// A row that nobody asked for, or one without a place.
    strange: Option<Error>,
    ranges: &'a [Range],
}

impl Sink for Taken<'_> {
    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.side.take(batch);
        Ok(())
    }

    fn bad(&mut self, bad: BadRow, row: &[u8]) -> Result<()> {
        let place = leading_integers(row, 3)
            .and_then(|position| Some((i32::try_from(position[1]).ok()?, position[2])))
            .filter(|place| self.ranges.iter().any(|range| range.contains(*place)));
        match place {
            Some(place) => self.side.take_bad(place, bad),
            None => {
                self.strange = Some(Error::new(
                    Kind::Garbled,
                    format!(
                        "a row of ksqlDB that cannot be decoded has no place in what was asked for: {}",
                        bad.reason
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl Read<'_> {
    fn pump(&mut self) -> Result<()> {
        let mut inactivity = Inactivity::new(self.tools.inactivity, Instant::now());
        let (mut last_byte, mut last_asked) = (Instant::now(), Instant::now());
        loop {
            self.tools.cancel.check()?;
            match self.chunks.next(NAP)? {
                Piece::Data(bytes) => {
                    last_byte = Instant::now();
                    self.rows.push(&bytes, &mut self.taken)?;
                }
                Piece::Head => {}
                Piece::Quiet => {
                    self.rows.flush(&mut self.taken)?;
                    if last_byte.elapsed() >= EMPTY && last_asked.elapsed() >= EMPTY {
                        if self.is_done() {
                            return self.taken.strange.take().map_or(Ok(()), Err);
                        }
                        self.ask()?;
                        last_asked = Instant::now();
                        if self.is_done() {
                            // What was processed may still be on its way: the socket has to stay empty once more.
                            last_byte = Instant::now();
                        }
                    }
                }
                Piece::End => {
                    return Err(Error::new(
                        Kind::Incomplete,
                        "somebody else ended the query (TERMINATE, /close-query or a server going down) before its end",
                    ));
                }
            }
            if !inactivity.note(self.taken.rows + self.seen, Instant::now())
                && inactivity.is_over(Instant::now())
            {
                return Err(Error::new(
                    Kind::Incomplete,
                    format!(
                        "ksqlDB brought no row for {} s, and has not processed all that was asked for",
                        inactivity.elapsed(Instant::now()).as_secs()
                    ),
                ));
            }
        }
    }

    /// Every partition has delivered the last record that the log has of it, or the server is past it.
    fn is_done(&self) -> bool {
        self.last.iter().all(|(partition, last)| {
            self.taken.side.last_of(*partition).is_some_and(|came| came >= *last)
                || self.processed.get(partition).is_some_and(|processed| processed > last)
        })
    }

    /// Asks how far the server is.
    fn ask(&mut self) -> Result<()> {
        let Some(id) = self.rows.query_id() else { return Ok(()) };
        let Some(progress) = self.tools.wait_for(self.tools.client.progress(id))? else {
            return Err(Error::new(
                Kind::Incomplete,
                "the server no longer knows the query whose answer it is sending",
            ));
        };
        let mut seen = 0;
        for (partition, until) in &self.until {
            let Some(at) = progress.get(partition) else { continue };
            self.processed.insert(*partition, at.committed);
            // What lies beyond what was asked for is no progress.
            seen += u64::try_from(at.polled.max(at.committed).min(*until)).unwrap_or(0);
        }
        self.seen = self.seen.max(seen);
        Ok(())
    }

    /// In band: after a dropped connection a query stays registered for up to minutes.
    fn close(&self) {
        let Some(id) = self.rows.query_id().filter(|_| !self.rows.is_complete()) else { return };
        let close = self.tools.client.close_query(id);
        // A query that is gone already is what we want; a server that does not answer will see the connection go.
        let _ = self.tools.handle.block_on(async { tokio::time::timeout(EMPTY * 2, close).await });
    }
}

//! Reading a stream: rows until the end that was set, committed together with their position.
//!
//! ```text
//! offsets  done when every partition has delivered its last offset, or the server has processed up to there and the
//!          socket stayed empty (records at the tail may be filtered, unreadable or transaction markers), twice
//! idle     done when a pull over the same stream has come to its end and no row came for a while
//! follow   not done before somebody stops it
//! ```
//!
//! What breaks an answer off leaves a prefix of every partition: it is committed, and the next attempt goes on from
//! there. What breaks its grammar is not trusted: nothing since the last commit is kept.

use std::time::{Duration, Instant};

use super::chunk_reader::{ChunkReader, Piece};
use super::context::{Context, Stop};
use super::end_probe::EndProbe;
use super::plan::{Plan, PushEnd, Reading};
use super::position::Positions;
use super::progress::Stage;
use super::rows::Rows;
use super::stream_sink::StreamSink;
use super::target::Target;
use crate::error::{Error, Kind, Result};
use crate::ksql::client::{Query, QueryKind};
use crate::ksql::inactivity::Inactivity;
use crate::ksql::response::Framing;
use crate::ksql::statement::{self, Bound, Rest, Selection};

/// How long rows may wait in the decoder before they are looked at.
const LINGER: Duration = Duration::from_millis(25);
/// How long the job sleeps at most before it looks whether it shall stop.
const NAP: Duration = Duration::from_millis(200);
/// How long the socket must stay empty after the server has processed up to the end; also the pause between questions.
const EMPTY: Duration = Duration::from_secs(1);

/// Reads and commits; gives back how it ended.
pub(super) fn read(context: &Context, plan: &Plan, target: Target<'_>) -> Result<Stop> {
    let mut read = Read::open(context, plan, target)?;
    let outcome = read.pump_twice();
    // In band first: after a dropped connection a query stays registered for up to minutes.
    read.close_query();
    match outcome {
        Ok(stop) => {
            read.rows.flush(&mut read.sink)?;
            match stop {
                Stop::Complete => read.sink.commit(true)?,
                Stop::Cancelled | Stop::Disconnected => read.sink.commit_rows()?,
            }
            Ok(stop)
        }
        Err(error) if matches!(error.kind(), Kind::Incomplete | Kind::Unreachable | Kind::Busy) => {
            read.rows.flush(&mut read.sink)?;
            let was_quiet = error.kind() == Kind::Incomplete && read.is_quiet();
            read.sink.commit_rows()?;
            if was_quiet { Ok(Stop::Disconnected) } else { Err(error) }
        }
        Err(error) => {
            read.sink.target.abandon()?;
            Err(error)
        }
    }
}

struct Read<'a> {
    context: &'a Context,
    plan: &'a Plan,
    selection: &'a Selection,
    end: PushEnd,
    chunk_reader: ChunkReader,
    rows: Rows<'a>,
    sink: StreamSink<'a>,
    /// Since the last new row, or the last sign that the server works on our query.
    inactivity: Inactivity,
    opened: Instant,
    last_byte: Instant,
    last_asked: Option<Instant>,
    /// Since when the server is known to have processed up to the end.
    processed: Option<Instant>,
    /// The most that the sum of the offsets below the ends was which the server had processed: more is a sign of life.
    processed_below: i64,
    end_probe: Option<EndProbe>,
    /// How often the tail was asked for again.
    looks: u32,
    /// Bytes came that may hold rows which the sink has not seen yet.
    fresh: bool,
}

impl<'a> Read<'a> {
    fn open(context: &'a Context, plan: &'a Plan, target: Target<'a>) -> Result<Self> {
        let (query, selection, spans, end) = match &plan.reading {
            Reading::Push { query, selection, spans, end } => (query, selection, spans, *end),
            Reading::Log { .. }
            | Reading::Table { .. }
            | Reading::TableLog { .. }
            | Reading::Nothing { .. } => {
                return Err(Error::new(Kind::Bug, "a stream is to be read without a stream query"));
            }
        };
        context.progress.enter(Stage::Reading);
        let answer = context.wait_for(context.client.open(query))?;
        let rows = Rows::new(answer.framing, context.options.max_row_bytes, selection, context.lake.pool())?;
        let open = end != PushEnd::Offsets;
        let sink = StreamSink::new(
            context,
            target,
            Positions::new(spans.by_partition.clone(), open),
            plan.reading.read_mode(),
            spans.asked,
        );
        let now = Instant::now();
        Ok(Self {
            context,
            plan,
            selection,
            end,
            chunk_reader: ChunkReader::start(&context.handle, answer),
            rows,
            sink,
            inactivity: Inactivity::new(context.options.inactivity),
            opened: now,
            last_byte: now,
            last_asked: None,
            processed: None,
            processed_below: 0,
            end_probe: (end == PushEnd::Idle).then(|| EndProbe::start(context, &plan.source.name)),
            looks: 0,
            fresh: false,
        })
    }

    /// Processed is not delivered: rows may still wait in a queue of the server or of the network. A tail that stayed
    /// empty is therefore asked for once more, by another query, until one brings nothing.
    fn pump_twice(&mut self) -> Result<Stop> {
        loop {
            let before = self.sink.positions.fresh;
            let stop = self.pump()?;
            let bounds = self.sink.positions.missing_bounds();
            let came = self.sink.positions.fresh > before;
            if stop != Stop::Complete || self.end != PushEnd::Offsets || bounds.is_empty() {
                return Ok(stop);
            }
            if self.looks > 0 && !came {
                return Ok(stop);
            }
            self.close_query();
            self.look_again(&bounds)?;
        }
    }

    fn look_again(&mut self, bounds: &[Bound]) -> Result<()> {
        let selection = self.selection;
        let sql = statement::push_sql(&self.plan.source.name, selection, bounds, Rest::Exclude);
        let query = Query { sql, kind: QueryKind::StreamPush };
        let answer = self.context.wait_for(self.context.client.open(&query))?;
        self.rows = Rows::new(
            answer.framing,
            self.context.options.max_row_bytes,
            selection,
            self.context.lake.pool(),
        )?;
        self.chunk_reader = ChunkReader::start(&self.context.handle, answer);
        self.looks += 1;
        self.inactivity.renew();
        (self.last_byte, self.last_asked, self.processed) = (Instant::now(), None, None);
        Ok(())
    }

    fn pump(&mut self) -> Result<Stop> {
        loop {
            if self.context.cancel.is_cancelled() {
                return Ok(Stop::Cancelled);
            }
            let wait = if self.fresh { LINGER } else { NAP };
            match self.chunk_reader.next(wait)? {
                Piece::Data(bytes) => {
                    self.context.progress.received(bytes.len());
                    self.last_byte = Instant::now();
                    self.processed = None;
                    self.fresh = true;
                    self.rows.push(&bytes, &mut self.sink)?;
                    if self.is_stuck()? {
                        return Ok(Stop::Complete);
                    }
                }
                Piece::Quiet => {
                    self.rows.flush(&mut self.sink)?;
                    self.fresh = false;
                    self.note_progress();
                    if self.is_done()? {
                        return Ok(Stop::Complete);
                    }
                    self.check_alive()?;
                }
                Piece::End => return self.check_end(),
            }
            if self.sink.is_due() {
                self.rows.flush(&mut self.sink)?;
                self.sink.commit_rows()?;
            }
        }
    }

    fn is_done(&mut self) -> Result<bool> {
        match self.end {
            PushEnd::Offsets => Ok(self.sink.positions.reached() || self.tail_is_empty()?),
            PushEnd::Idle => match self.end_probe.as_mut().map(EndProbe::outcome) {
                Some(Some(Ok(()))) => Ok(self.last_byte.elapsed() >= self.context.options.quiet),
                Some(Some(Err(error))) => Err(error),
                _ => Ok(false),
            },
            PushEnd::Follow => Ok(false),
        }
    }

    /// The server has processed every partition up to its end, and the socket stayed empty since: what is missing holds
    /// no row. Processed is not delivered, hence the second wait.
    fn tail_is_empty(&mut self) -> Result<bool> {
        if let Some(since) = self.processed {
            return Ok(since.elapsed() >= EMPTY && self.last_byte < since);
        }
        if self.last_byte.elapsed() < EMPTY || self.last_asked.is_some_and(|t| t.elapsed() < EMPTY) {
            return Ok(false);
        }
        let Some(id) = self.rows.query_id() else { return Ok(false) };
        self.last_asked = Some(Instant::now());
        let Some(progress) = self.context.wait_for(self.context.client.progress(id))? else {
            return Err(Error::new(
                Kind::Incomplete,
                "the server no longer knows the query whose answer it is sending",
            )
            .next("the read goes on from the last offset"));
        };
        let missing: Vec<_> = self.sink.positions.missing().collect();
        let untouched = |p: &i32| progress.get(p).is_none_or(|at| at.committed < 0 && at.polled < 0);
        let processed = |(p, end): &(i32, i64)| progress.get(p).is_some_and(|at| at.committed >= *end);
        if missing.iter().all(processed) {
            self.processed = Some(Instant::now());
        } else if missing.iter().filter(|m| !processed(m)).all(|(p, _)| untouched(p)) {
            // Either the query has not begun there, or the partition holds nothing but transaction markers.
            if self.inactivity.elapsed() >= EMPTY * 5 && self.only_markers(&missing)? {
                self.processed = Some(Instant::now());
            }
        } else {
            // What lies beyond the end is not ours: others write on while we wait.
            let below = |(p, end): (&i32, &i64)| {
                progress.get(p).map_or(0, |at| at.polled.max(at.committed).clamp(0, *end))
            };
            let sum = self.sink.positions.ends().iter().map(below).fold(0, i64::saturating_add);
            if sum > self.processed_below {
                self.processed_below = sum;
                self.inactivity.renew();
            }
        }
        Ok(false)
    }

    /// In a partition that holds only transaction markers, the persistent reader's position stays below the end too.
    fn only_markers(&self, missing: &[(i32, i64)]) -> Result<bool> {
        let ask = || self.context.wait_for(self.context.client.end_offsets(&self.plan.source));
        let Some(first) = ask()? else { return Ok(false) };
        if self.context.cancel.wait(EMPTY) {
            return Ok(false);
        }
        let Some(second) = ask()? else { return Ok(false) };
        Ok(missing.iter().all(|(p, end)| match (first.partitions.get(p), second.partitions.get(p)) {
            (Some(a), Some(b)) => a.consumer == b.consumer && b.consumer < *end && b.log_end >= *end,
            _ => false,
        }))
    }

    /// Bytes came, and nothing new with them for long: white space, or rows that were seen before. True when there is
    /// nothing left that could come; an error when the limit is reached.
    fn is_stuck(&mut self) -> Result<bool> {
        if self.note_progress() || !self.inactivity.is_half_over() {
            return Ok(false);
        }
        // What was decoded ahead may hold new rows.
        self.rows.flush(&mut self.sink)?;
        if self.note_progress() {
            return Ok(false);
        }
        if self.end == PushEnd::Offsets && self.sink.positions.reached() {
            return Ok(true);
        }
        self.check_alive()?;
        Ok(false)
    }

    /// Takes new offsets for a sign of life, and what the end probe reads of the log as it is known so far; true when
    /// there were some.
    fn note_progress(&mut self) -> bool {
        let positions = &self.sink.positions;
        let probed = self.end_probe.as_ref().map_or(0, |probe| probe.rows().min(positions.most_records()));
        self.inactivity.note(positions.fresh.saturating_add(probed))
    }

    fn check_alive(&self) -> Result<()> {
        if self.end == PushEnd::Follow || !self.inactivity.is_over() {
            return Ok(());
        }
        let silent = self.inactivity.elapsed();
        let missing: Vec<_> =
            self.sink.positions.missing().map(|(p, end)| format!("partition {p} of {end}")).collect();
        let what = if missing.is_empty() {
            format!("no new row came for {} s, and the end is not known to be reached", silent.as_secs())
        } else {
            format!(
                "no new row came for {} s, and {} is not delivered yet",
                silent.as_secs(),
                missing.join(", ")
            )
        };
        Err(Error::new(Kind::Incomplete, what)
            .next("the read goes on from the last offset; look at the server's load, or raise server.inactivity_timeout"))
    }

    /// The transport ended although we did not close.
    fn check_end(&mut self) -> Result<Stop> {
        self.rows.flush(&mut self.sink)?;
        if self.end == PushEnd::Offsets && self.sink.positions.reached() {
            return Ok(Stop::Complete);
        }
        let fresh = Rows::new(
            Framing::Stream,
            self.context.options.max_row_bytes,
            self.selection,
            self.context.lake.pool(),
        )?;
        std::mem::replace(&mut self.rows, fresh).end()?;
        Err(Error::new(
            Kind::Incomplete,
            "somebody else ended the query (TERMINATE, /close-query or a server going down) before its end",
        )
        .next("the read goes on from the last offset"))
    }

    /// A followed stream whose answer had begun, and of which no row waits to be committed.
    fn is_quiet(&self) -> bool {
        self.end == PushEnd::Follow && self.last_byte > self.opened && self.sink.is_empty()
    }

    fn close_query(&self) {
        let Some(id) = self.rows.query_id().filter(|_| !self.rows.is_complete()) else { return };
        let close = self.context.client.close_query(id);
        // A query that is gone already is what we want; a server that does not answer will see the connection go.
        let _ = self.context.handle.block_on(async { tokio::time::timeout(EMPTY * 2, close).await });
    }
}

//! A push query being read: pieces of its answer become steps, silences become questions.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::compute::filter_record_batch;

use super::asked::Asked;
use super::chunk_reader::{ChunkReader, Piece};
use super::end_probe::EndProbe;
use super::positions::{Positions, Seen as Row};
use super::raw::value_of;
use super::rows::{Rows, Sink};
use super::tail::{End, Question, Seen, Tail, Verdict};
use super::{KsqlStream, OpenEnd, has_ends};
use crate::error::{Error, Kind, Result};
use crate::ksql::client::EndOffsets;
use crate::ksql::decode::{BadRow, leading_integers};
use crate::ksql::describe::QueryProgress;
use crate::ksql::response::Framing;
use crate::source::{BadRecord, Environment, Scan, Span, Step};

/// How long rows may wait in the decoder before they are handed on, and an answer before it is looked for.
const LINGER: Duration = Duration::from_millis(25);
/// How long the server may take to close a query: one that does not answer will see the connection go.
const CLOSE: Duration = Duration::from_secs(2);

/// What the next attempt does.
const AGAIN: &str = "what was committed stays, and the next attempt asks for the rest, for which the server reads the stream from \
                     its first record";

/// A push query being read.
pub(super) struct KsqlScan {
    stream: KsqlStream,
    with: Environment,
    end: End,
    reader: ChunkReader,
    rows: Rows,
    taken: Taken,
    tail: Tail,
    /// The head of the answer came: before it, the client has its own limits.
    has_head: bool,
    probe: Option<EndProbe>,
    question: Option<Asked<Told>>,
    bytes: u64,
    /// Bytes came that may hold rows which were not handed on yet.
    fresh: bool,
    /// How it ended, once all that came before was handed on.
    ended: Option<Result<Step>>,
}

/// What the server told.
#[derive(Debug)]
enum Told {
    Progress(Option<BTreeMap<i32, QueryProgress>>),
    Ends(Option<EndOffsets>),
}

impl KsqlScan {
    pub(super) fn open(stream: &KsqlStream, spans: &BTreeMap<i32, Span>, with: &Environment) -> Result<Self> {
        let end = match stream.open_end {
            _ if has_ends(spans) => End::Offsets,
            OpenEnd::Quiet => End::Quiet(with.quiet),
            OpenEnd::Never => End::Never,
        };
        let (reader, rows) = ask(stream, spans, with)?;
        Ok(Self {
            stream: stream.clone(),
            with: with.clone(),
            end,
            reader,
            rows,
            taken: Taken {
                positions: Positions::new(spans.clone(), end != End::Offsets),
                steps: VecDeque::new(),
                holds_records: stream.records.is_some(),
            },
            tail: Tail::new(end, with.inactivity, Instant::now()),
            has_head: false,
            probe: None,
            question: None,
            bytes: 0,
            fresh: false,
            ended: None,
        })
    }

    /// Takes what comes until there is a step, the read has ended, or `until` has come.
    fn advance(&mut self, until: Instant) -> Result<Option<Step>> {
        loop {
            self.hear()?;
            let left = until.saturating_duration_since(Instant::now());
            let wait = if self.fresh || self.question.is_some() { left.min(LINGER) } else { left };
            match self.reader.next(wait)? {
                Piece::Head => {
                    self.has_head = true;
                    self.tail.opened(Instant::now());
                    if matches!(self.end, End::Quiet(_)) && self.probe.is_none() {
                        let KsqlStream { client, asked, .. } = &self.stream;
                        self.probe = Some(EndProbe::start(client, asked, &self.with));
                    }
                }
                Piece::Data(bytes) => self.take(&bytes)?,
                Piece::Quiet => {
                    self.rows.flush(&mut self.taken)?;
                    self.fresh = false;
                    if self.taken.steps.is_empty() && self.has_head {
                        let seen = self.seen()?;
                        let verdict = self.tail.judge(seen.of(&self.taken.positions), Instant::now());
                        self.obey(verdict)?;
                    }
                }
                Piece::End => return self.transport_ended().map(Some),
            }
            if let Some(step) = self.taken.steps.pop_front() {
                return Ok(Some(step));
            }
            if self.ended.is_some() {
                return Ok(None);
            }
            if Instant::now() >= until {
                // A row now and then never leaves a pause, and is not to wait for it.
                self.rows.flush(&mut self.taken)?;
                self.fresh = false;
                return Ok(Some(self.taken.steps.pop_front().unwrap_or(Step::Idle)));
            }
        }
    }

    fn take(&mut self, bytes: &bytes::Bytes) -> Result<()> {
        self.bytes += bytes.len() as u64;
        self.tail.bytes(Instant::now());
        self.fresh = true;
        self.rows.push(bytes, &mut self.taken)?;
        let seen = self.seen()?;
        if self.tail.is_stale(seen.of(&self.taken.positions), Instant::now()) {
            // What was decoded ahead may hold new rows.
            self.rows.flush(&mut self.taken)?;
            let verdict = self.tail.judge_bytes(seen.of(&self.taken.positions), Instant::now());
            self.obey(verdict)?;
        }
        Ok(())
    }

    fn seen(&mut self) -> Result<Known> {
        let probe = match &mut self.probe {
            Some(probe) => Some((probe.rows(), probe.has_ended()?)),
            None => None,
        };
        Ok(Known { has_id: self.rows.query_id().is_some(), probe })
    }

    fn obey(&mut self, verdict: Verdict) -> Result<()> {
        match verdict {
            Verdict::Wait => Ok(()),
            Verdict::Ask(question) => {
                self.ask(question);
                Ok(())
            }
            Verdict::LookAgain => self.look_again(),
            Verdict::Done => {
                self.ended = Some(Ok(Step::End));
                Ok(())
            }
            Verdict::Dead(silent) => Err(self.dead(silent)),
        }
    }

    fn ask(&mut self, question: Question) {
        let KsqlStream { client, source, .. } = self.stream.clone();
        let id = self.rows.query_id().unwrap_or_default().to_owned();
        self.question = Some(Asked::new(&self.with.handle, async move {
            Ok(match question {
                Question::Progress => Told::Progress(client.progress(&id).await?),
                Question::Ends => Told::Ends(client.end_offsets(&source).await?),
            })
        }));
    }

    /// Passes on what the server has told meanwhile.
    fn hear(&mut self) -> Result<()> {
        let Some(told) = self.question.as_mut().and_then(Asked::take) else { return Ok(()) };
        self.question = None;
        let positions = &self.taken.positions;
        let told = match told {
            // Who may not ask can only wait for longer.
            Err(error)
                if matches!(self.end, End::Quiet(_))
                    && matches!(error.kind(), Kind::Refused | Kind::Auth) =>
            {
                Told::Progress(None)
            }
            told => told?,
        };
        match told {
            Told::Progress(progress) => {
                self.tail.told_progress(progress.as_ref(), positions, Instant::now()).map_err(again)
            }
            Told::Ends(ends) => {
                self.tail.told_ends(ends, positions, Instant::now());
                Ok(())
            }
        }
    }

    /// Asks for what is missing by another query.
    fn look_again(&mut self) -> Result<()> {
        self.close();
        self.tail.looks_again(&self.taken.positions);
        (self.reader, self.rows) = ask(&self.stream, &self.taken.positions.missing_spans(), &self.with)?;
        self.question = None;
        (self.has_head, self.fresh) = (false, false);
        Ok(())
    }

    /// The transport ended although we did not close.
    fn transport_ended(&mut self) -> Result<Step> {
        self.rows.flush(&mut self.taken)?;
        if self.end == End::Offsets && self.taken.positions.reached() {
            return Ok(Step::End);
        }
        self.rows.end()?;
        Err(again(Error::new(
            Kind::Incomplete,
            "somebody else ended the query (TERMINATE, /close-query or a server going down) before its end",
        )))
    }

    fn dead(&self, silent: Duration) -> Error {
        let missing = self.taken.positions.missing().map(|(p, end)| format!("partition {p} of {end}"));
        let missing: Vec<_> = missing.collect();
        let seconds = silent.as_secs();
        let what = if missing.is_empty() {
            format!("no new row came for {seconds} s, and the end is not known to be reached")
        } else {
            format!("no new row came for {seconds} s, and {} is not delivered yet", missing.join(", "))
        };
        let advice = match self.end {
            End::Quiet(_) => {
                "a partition of transaction markers alone never ends a pull: `lakehand feeds prepare` makes a helper that tells \
                 where the log ends; else look at the server's load, or raise server.inactivity_timeout"
            }
            _ => "look at the server's load, or raise server.inactivity_timeout",
        };
        Error::new(Kind::Incomplete, what).next(format!("{AGAIN}; {advice}"))
    }
}

/// Sends the query for these spans.
fn ask(stream: &KsqlStream, spans: &BTreeMap<i32, Span>, with: &Environment) -> Result<(ChunkReader, Rows)> {
    let (most, selection) = (with.max_row_bytes, &stream.selection);
    let rows = match &stream.records {
        None => Rows::new(Framing::Stream, most, selection, &with.pool)?,
        // Base64 takes four bytes for three.
        Some(layout) => {
            Rows::of_records(Framing::Stream, most.saturating_mul(3) / 2, selection, layout, &with.pool)?
        }
    };
    Ok((ChunkReader::ask(&with.handle, &stream.client, stream.query(spans)), rows))
}

/// What the next attempt does.
fn again(error: Error) -> Error {
    if error.advice().is_some() { error } else { error.next(AGAIN) }
}

impl Scan for KsqlScan {
    fn next(&mut self, wait: Duration) -> Result<Step> {
        let until = Instant::now() + wait;
        loop {
            if let Some(step) = self.taken.steps.pop_front() {
                return Ok(step);
            }
            if let Some(ended) = self.ended.take() {
                return ended;
            }
            match self.advance(until) {
                Ok(Some(Step::End)) => self.ended = Some(Ok(Step::End)),
                Ok(Some(step)) => return Ok(step),
                Ok(None) => {}
                Err(error) => {
                    // What stands before a fault is handed on all the same; a second fault says no more than the first.
                    let _ = self.rows.flush(&mut self.taken);
                    let was_cut =
                        self.end == End::Never && self.bytes > 0 && error.kind() == Kind::Incomplete;
                    self.ended = Some(if was_cut { Ok(Step::Cut(error)) } else { Err(error) });
                }
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn duplicates(&self) -> u64 {
        self.taken.positions.duplicates
    }

    /// In band: after a dropped connection a query stays registered for up to minutes.
    fn close(&mut self) {
        let Some(id) = self.rows.query_id().filter(|_| !self.rows.is_complete()) else { return };
        let close = self.stream.client.close_query(id);
        // A query that is gone already is what we want.
        let _ = self.with.handle.block_on(async { tokio::time::timeout(CLOSE, close).await });
    }
}

/// What is known beside the positions.
#[derive(Debug, Clone, Copy)]
struct Known {
    has_id: bool,
    probe: Option<(u64, bool)>,
}

impl Known {
    fn of(self, positions: &Positions) -> Seen<'_> {
        Seen { positions, has_id: self.has_id, probe: self.probe }
    }
}

/// Rows on their way: those that were asked for, each once.
struct Taken {
    positions: Positions,
    steps: VecDeque<Step>,
    /// Each row holds a record, as bytes.
    holds_records: bool,
}

impl Sink for Taken {
    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        let batch = match self.positions.observe_batch(&batch)? {
            None => batch,
            Some(keep) => filter_record_batch(&batch, &keep)
                .map_err(|e| Error::new(Kind::Bug, format!("cannot leave out rows: {e}")))?,
        };
        if batch.num_rows() > 0 {
            self.steps.push_back(Step::Rows(batch));
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
        if self.positions.observe(partition, offset)? == Row::New {
            let record = if self.holds_records { value_of(row) } else { None };
            let value = record.unwrap_or_else(|| row.to_vec());
            self.steps.push_back(Step::Bad(BadRecord { partition, offset, bad, value }));
        }
        Ok(())
    }
}

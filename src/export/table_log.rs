//! Reading a table from its topic: the newest record of each key, tombstones taken away.
//!
//! ```text
//! keys     the whole log, keys alone ─▶ which offset is the newest of each key      too many keys ─▶ a part now, the others later
//!          the log's end, asked anew ─▶ the keys that came meanwhile, until nothing can have been missed
//! rows     the whole log again, the chosen records decoded ─▶ the snapshot; one that is gone ─▶ the read begins anew
//! ```
//!
//! Compaction may take a record away while the log is read, when its key has a newer one. Behind the first end such a key
//! would be missed. So the log is read on until it has not grown since its end was asked for, or until what was read last
//! has no hole: then nothing was taken away before it was read.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::context::{Context, Stop};
use super::key_identity::KeyIdentity;
use super::keys::Keys;
use super::newest::{Newest, Part, Share};
use super::plan::Plan;
use super::progress::Stage;
use super::table::{TableSink, key_places};
use crate::error::{Error, Kind, Result};
use crate::ksql::decode::record::{Layout, ROW_COLUMNS};
use crate::lake::Snapshot;
use crate::source::ksql::rows::Sink as _;
use crate::source::{Brokers, Chosen, KeyStep, Log, Span, Step};

/// How long the job sleeps at most before it looks whether it shall stop.
const NAP: Duration = Duration::from_millis(200);
/// How often the log is read on before what was read is taken as it is. Each time is as short as the time before was; the
/// cleaner never touches the segment that is written, so that after the second time nothing is left for it in practice.
const ROUNDS: usize = 10;

/// Reads the table and publishes it; gives back how it ended.
pub(super) fn read(
    context: &Context,
    brokers: &dyn Brokers,
    plan: &Plan,
    layout: &Layout,
    mut snapshot: Snapshot<'_>,
) -> Result<Stop> {
    context.progress.enter(Stage::Reading);
    snapshot.claim_through(context.witnessed(context.now(), None));
    let schema = &plan.schema.arrow;
    // A bound of a window is no column of the layout, and is called as it is.
    let names = schema.fields().iter().map(|field| {
        let column = layout.columns.iter().find(|column| column.lake.as_ref() == Some(field.name()));
        column.map_or(field.name().as_str(), |column| column.name.as_str())
    });
    let keys = Keys::new(key_places(&plan.source, names));
    let mut read = Read {
        context,
        brokers,
        topic: &plan.source.topic,
        layout,
        seed: fastrand::u64(..),
        sink: TableSink::new(context, snapshot, keys),
        came: 0,
        alive: Instant::now(),
    };
    match read.pump() {
        Ok(true) => {
            read.sink.publish(plan.reading.read_mode(), "the topic holds it in more than one partition")?;
            Ok(Stop::Complete)
        }
        Ok(false) => {
            read.sink.snapshot.abandon()?;
            Ok(Stop::Cancelled)
        }
        Err(error) => Err(error),
    }
}

struct Read<'a> {
    context: &'a Context,
    brokers: &'a dyn Brokers,
    topic: &'a str,
    layout: &'a Layout,
    seed: u64,
    sink: TableSink<'a>,
    /// Bytes of the scan at work that the progress was told of.
    came: u64,
    /// When the last of them came.
    alive: Instant,
}

impl Read<'_> {
    /// Reads part by part; false when it was stopped.
    fn pump(&mut self) -> Result<bool> {
        let log = self.log()?;
        let mut parts = vec![Part { partitions: log.bounds.keys().copied().collect(), share: Share::ALL }];
        while let Some(part) = parts.pop() {
            let Some(chosen) = self.newest(part, &mut parts)? else { return Ok(false) };
            if !chosen.is_empty() && !self.rows(chosen)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn log(&self) -> Result<Log> {
        self.brokers.log(self.topic)
    }

    /// The newest records of a part; what does not fit is added to `parts`. `None` when it was stopped.
    fn newest(&mut self, part: Part, parts: &mut Vec<Part>) -> Result<Option<Chosen>> {
        // While keys are looked at, the writer holds rows of the parts before, for which it has two fifths.
        let budget = self.context.limits.memory_bytes / 2;
        let mut newest = Newest::new(part, budget);
        let mut ends = BTreeMap::new();
        for _ in 0..ROUNDS {
            let spans = spans(&self.log()?, &newest.part().partitions, &mut ends);
            if spans.is_empty() {
                break;
            }
            let Some(is_whole) = self.keys(&mut newest, &spans, parts)? else { return Ok(None) };
            if is_whole {
                break;
            }
        }
        Ok(Some(newest.into_chosen()))
    }

    /// Takes note of the keys in these spans. Gives whether every offset of them had a record; `None` when it was stopped.
    fn keys(
        &mut self,
        newest: &mut Newest,
        spans: &BTreeMap<i32, Span>,
        parts: &mut Vec<Part>,
    ) -> Result<Option<bool>> {
        let mut left = spans.clone();
        let mut is_whole = true;
        // A part that is given up ends the scan: another one goes on without its partitions.
        while !left.is_empty() {
            let mut scan = self.brokers.keys(self.topic, &left, self.layout)?;
            let mut identity = KeyIdentity::new(self.layout, scan.schemas(), self.seed)?;
            let partitions = newest.part().partitions.len();
            (self.came, self.alive) = (0, Instant::now());
            let mut step = KeyStep::More;
            while step == KeyStep::More && newest.part().partitions.len() == partitions {
                if self.context.cancel.is_cancelled() {
                    return Ok(None);
                }
                step = scan.next(NAP, &mut |keyed| {
                    if let Some(span) = left.get_mut(&keyed.partition) {
                        is_whole &= span.next == keyed.offset;
                        span.next = keyed.offset + 1;
                    }
                    if identity.push(keyed) {
                        identity
                            .drain(|known| newest.see(known.place, known.hash, known.is_tombstone, parts))?;
                    }
                    Ok(())
                })?;
                self.note(scan.bytes())?;
            }
            identity.drain(|known| newest.see(known.place, known.hash, known.is_tombstone, parts))?;
            if step == KeyStep::End {
                is_whole &= left.values().all(|span| span.until.is_none_or(|until| span.next >= until));
                break;
            }
            left.retain(|partition, span| {
                newest.part().partitions.contains(partition)
                    && span.until.is_none_or(|until| span.next < until)
            });
        }
        Ok(Some(is_whole))
    }

    /// Decodes the chosen records; false when it was stopped.
    fn rows(&mut self, chosen: Chosen) -> Result<bool> {
        let mut scan = self.brokers.open_chosen(self.topic, chosen, self.layout, self.context.lake.pool())?;
        (self.came, self.alive) = (0, Instant::now());
        loop {
            if self.context.cancel.is_cancelled() {
                return Ok(false);
            }
            let step = scan.next(NAP)?;
            self.note(scan.bytes())?;
            match step {
                Step::Rows(batch) => {
                    let columns: Vec<usize> = (ROW_COLUMNS..batch.num_columns()).collect();
                    let batch = batch
                        .project(&columns)
                        .map_err(|e| Error::new(Kind::Bug, format!("cannot choose columns: {e}")))?;
                    self.sink.batch(batch)?;
                }
                Step::Bad(bad) => {
                    self.sink.bad_at(Some((bad.partition, bad.offset)), &bad.bad, &bad.value)?;
                }
                Step::Idle => {}
                Step::Cut(error) => return Err(error),
                Step::End => return Ok(true),
            }
        }
    }

    /// Tells what has come.
    fn note(&mut self, bytes: u64) -> Result<()> {
        if bytes == self.came {
            return self.context.listen(self.alive.elapsed());
        }
        self.context.progress.received(usize::try_from(bytes - self.came).unwrap_or(usize::MAX));
        (self.came, self.alive) = (bytes, Instant::now());
        Ok(())
    }
}

/// What is to be read of these partitions behind the ends that were read to, which are moved. Partitions without anything new
/// are left out.
fn spans(log: &Log, partitions: &[i32], ends: &mut BTreeMap<i32, i64>) -> BTreeMap<i32, Span> {
    let mut spans = BTreeMap::new();
    for (&partition, &(start, end)) in &log.bounds {
        let next = ends.get(&partition).copied().unwrap_or(start).max(start);
        if partitions.contains(&partition) && next < end {
            ends.insert(partition, end);
            spans.insert(partition, Span { next, until: Some(end) });
        }
    }
    spans
}

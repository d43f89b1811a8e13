//! Reading a log itself: rows until the bound, committed together with their position.
//!
//! What breaks the read off leaves a prefix of every partition: it is committed, and the next attempt goes on from there.

use std::time::{Duration, Instant};

use super::context::{Context, Stop};
use super::plan::Spans;
use super::position::Positions;
use super::progress::Stage;
use super::rows::Sink as _;
use super::stream_sink::StreamSink;
use super::target::Target;
use crate::error::{Error, Kind, Result};
use crate::ksql::decode::record::Layout;
use crate::source::{Scan, Source, Step};

/// How long the job sleeps at most before it looks whether it shall stop.
const NAP: Duration = Duration::from_millis(200);

/// Reads and commits; gives back how it ended.
pub(super) fn read(
    context: &Context,
    source: &dyn Source,
    topic: &str,
    layout: &Layout,
    spans: &Spans,
    target: Target<'_>,
) -> Result<Stop> {
    context.progress.enter(Stage::Reading);
    let scan = source.open(topic, &spans.by_partition, layout, context.lake.pool())?;
    // Without a bound partitions may be added while the read goes on; it then begins anew and finds them.
    let positions = Positions::new(spans.by_partition.clone(), false);
    let sink = StreamSink::new(context, target, positions, "kafka", spans.asked);
    let mut read = Read { context, spans, scan, sink, came: 0 };
    match read.pump() {
        Ok(Stop::Complete) => read.sink.commit(true).map(|()| Stop::Complete),
        Ok(stop) => read.sink.commit_rows().map(|()| stop),
        Err(error) if matches!(error.kind(), Kind::Incomplete | Kind::Unreachable | Kind::Busy) => {
            read.sink.commit_rows()?;
            Err(error)
        }
        Err(error) => {
            read.sink.target.abandon()?;
            Err(error)
        }
    }
}

struct Read<'a> {
    context: &'a Context,
    spans: &'a Spans,
    scan: Box<dyn Scan>,
    sink: StreamSink<'a>,
    /// Bytes that the progress was told of.
    came: u64,
}

impl Read<'_> {
    fn pump(&mut self) -> Result<Stop> {
        let mut alive = Instant::now();
        loop {
            if self.context.cancel.is_cancelled() {
                return Ok(Stop::Cancelled);
            }
            let step = self.scan.next(NAP)?;
            let came = self.scan.bytes();
            if came > self.came {
                self.context.progress.received(usize::try_from(came - self.came).unwrap_or(usize::MAX));
                (self.came, alive) = (came, Instant::now());
            }
            match step {
                Step::Rows(batch) => self.sink.batch(batch)?,
                Step::Bad(bad) => self.sink.bad_at(bad.partition, bad.offset, &bad.bad, &bad.value)?,
                Step::Idle => self.check_alive(alive.elapsed())?,
                Step::End => return Ok(Stop::Complete),
            }
            if self.sink.is_due() {
                self.sink.commit_rows()?;
            }
        }
    }

    /// A log that is followed may be silent for as long as it likes; its brokers may not.
    fn check_alive(&self, silent: Duration) -> Result<()> {
        if silent < self.context.options.inactivity {
            return Ok(());
        }
        let bounded = self.spans.by_partition.values().any(|span| span.until.is_some());
        let trouble = self.scan.trouble();
        if !bounded && trouble.is_none() {
            return Ok(());
        }
        let missing: Vec<_> =
            self.sink.positions.missing().map(|(p, end)| format!("partition {p} of {end}")).collect();
        let missing = if missing.is_empty() {
            String::new()
        } else {
            format!(", and {} is not read yet", missing.join(", "))
        };
        let (kind, trouble) = match trouble {
            Some(trouble) => (Kind::Unreachable, format!(" ({trouble})")),
            None => (Kind::Incomplete, String::new()),
        };
        Err(Error::new(kind, format!("no record came for {} s{missing}{trouble}", silent.as_secs())).next(
            "the read goes on from the last offset; look at the brokers, or raise server.inactivity_timeout",
        ))
    }
}

//! Reading a stream: rows until the end that was set, committed together with their position.
//!
//! What breaks the read off leaves a prefix of every partition: it is committed, and the next attempt goes on from there.
//! What breaks an answer's grammar is not trusted: nothing since the last commit is kept. Which way the rows come is the
//! scan's matter.

use std::time::Duration;

use super::context::{Context, Stop};
use super::plan::Way;
use super::progress::Stage;
use super::stream_sink::StreamSink;
use super::target::Target;
use crate::error::{Kind, Result};
use crate::source::{Scan, Source, Spans, Step};

/// How long the job sleeps at most before it looks whether it shall stop.
const NAP: Duration = Duration::from_millis(200);

/// Reads and commits; gives back how it ended.
pub(super) fn read(
    context: &Context,
    way: Way,
    source: &dyn Source,
    spans: &Spans,
    target: Target<'_>,
) -> Result<Stop> {
    context.progress.enter(Stage::Reading);
    let mut scan = source.open(&spans.by_partition, &context.environment())?;
    let mut sink = StreamSink::new(context, target, spans, way.name());
    let outcome = pump(context, &mut *scan, &mut sink);
    scan.close();
    match outcome {
        Ok(Stop::Complete) => sink.commit(true).map(|()| Stop::Complete),
        Ok(stop) => sink.commit_rows().map(|()| stop),
        Err(error) if matches!(error.kind(), Kind::Incomplete | Kind::Unreachable | Kind::Busy) => {
            sink.commit_rows()?;
            Err(error)
        }
        Err(error) => {
            sink.target.abandon()?;
            Err(error)
        }
    }
}

fn pump(context: &Context, scan: &mut dyn Scan, sink: &mut StreamSink<'_>) -> Result<Stop> {
    let (mut bytes, mut duplicates) = (0, 0);
    loop {
        if context.cancel.is_cancelled() {
            return Ok(Stop::Cancelled);
        }
        let step = scan.next(NAP);
        context.progress.received(usize::try_from(scan.bytes() - bytes).unwrap_or(usize::MAX));
        context.progress.duplicate(scan.duplicates() - duplicates);
        (bytes, duplicates) = (scan.bytes(), scan.duplicates());
        match step? {
            Step::Rows(batch) => sink.rows(&batch)?,
            Step::Bad(bad) => sink.bad(&bad)?,
            Step::Idle => {}
            // A row that waits to be committed makes of the cut a failure that is told.
            Step::Cut(_) if sink.is_empty() => return Ok(Stop::Disconnected),
            Step::Cut(error) => return Err(error),
            Step::End => return Ok(Stop::Complete),
        }
        if sink.is_due() {
            sink.commit_rows()?;
        }
    }
}

//! Reading a stream: rows until the end that was set, committed together with their position.
//!
//! What breaks the read off leaves a prefix of every partition: it is committed, and the next attempt goes on from there.
//! What breaks an answer's grammar is not trusted: nothing since the last commit is kept. Which way the rows come is the
//! scan's matter.

use std::time::{Duration, Instant};

use super::context::{Context, Stop};
use super::last_rows::LastRows;
use super::plan::Way;
use super::progress::Stage;
use super::stream_sink::StreamSink;
use super::target::Target;
use crate::error::{Kind, Result};
use crate::source::{Scan, Source, Spans, Step};

/// How long the job sleeps at most before it looks whether it shall stop.
const NAP: Duration = Duration::from_millis(200);

/// What is read of a stream.
pub(super) struct Read<'a> {
    pub(super) way: Way,
    pub(super) source: &'a dyn Source,
    pub(super) spans: &'a Spans,
    /// By which the log is known again.
    pub(super) last_rows: LastRows,
}

/// Reads and commits; gives back how it ended.
pub(super) fn read(context: &Context, read: Read<'_>, target: Target<'_>) -> Result<Stop> {
    let Read { way, source, spans, mut last_rows } = read;
    context.progress.enter(Stage::Reading);
    let asked = last_rows.spans(&spans.by_partition, &spans.starts);
    let mut scan = source.open(&asked, &context.environment())?;
    let mut sink = StreamSink::new(context, target, spans, way.name(), last_rows);
    let outcome = pump(context, &mut *scan, &mut sink);
    scan.close();
    match outcome {
        Ok(Stop::Complete) => sink.commit(true).map(|()| Stop::Complete),
        Ok(stop @ Stop::OtherLog(_)) => sink.target.abandon().map(|()| stop),
        Ok(stop) => sink.commit_settled().map(|()| stop),
        Err(error) if matches!(error.kind(), Kind::Incomplete | Kind::Unreachable | Kind::Busy) => {
            sink.commit_settled()?;
            Err(error)
        }
        Err(error) => {
            sink.target.abandon()?;
            Err(error)
        }
    }
}

/// Looks whether the log has the rows that it is known by, where nothing else is to be read.
pub(super) fn look(context: &Context, read: Read<'_>) -> Result<Stop> {
    let Read { source, spans, mut last_rows, .. } = read;
    let mut asked = last_rows.spans(&spans.by_partition, &spans.starts);
    asked.retain(|_, span| span.is_open());
    if asked.is_empty() {
        return Ok(Stop::Complete);
    }
    let mut scan = source.open(&asked, &context.environment())?;
    let outcome = loop {
        if context.cancel.is_cancelled() {
            break Ok(Stop::Cancelled);
        }
        let checked = match scan.next(NAP)? {
            Step::Rows(batch) => last_rows.rows(batch)?.other(),
            Step::Bad(bad) => last_rows.bad(bad).other(),
            Step::Idle => None,
            Step::Cut(error) => break Err(error),
            Step::End => break Ok(Stop::Complete),
        };
        if let Some(why) = checked {
            break Ok(Stop::OtherLog(why));
        }
        if !last_rows.are_wanted() {
            break Ok(Stop::Complete);
        }
    };
    scan.close();
    outcome
}

fn pump(context: &Context, scan: &mut dyn Scan, sink: &mut StreamSink<'_>) -> Result<Stop> {
    let (mut bytes, mut duplicates) = (0, 0);
    let mut alive = Instant::now();
    loop {
        if context.cancel.is_cancelled() {
            return Ok(Stop::Cancelled);
        }
        let step = scan.next(NAP);
        context.progress.received(usize::try_from(scan.bytes() - bytes).unwrap_or(usize::MAX));
        context.progress.duplicate(scan.duplicates() - duplicates);
        if scan.bytes() > bytes {
            alive = Instant::now();
        }
        (bytes, duplicates) = (scan.bytes(), scan.duplicates());
        sink.know_ends(&scan.ends());
        let other = match step? {
            Step::Rows(batch) => sink.rows(batch)?,
            Step::Bad(bad) => sink.bad(bad)?,
            Step::Idle => {
                context.listen(alive.elapsed())?;
                None
            }
            // A row that waits to be committed makes of the cut a failure that is told.
            Step::Cut(_) if sink.is_empty() => return Ok(Stop::Disconnected),
            Step::Cut(error) => return Err(error),
            Step::End => return Ok(Stop::Complete),
        };
        if let Some(why) = other {
            return Ok(Stop::OtherLog(why));
        }
        if sink.is_due() {
            sink.commit_rows()?;
        }
    }
}

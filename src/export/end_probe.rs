//! A second query over the same stream, for nothing but its end: the only hint of where the end is for a read of mode `idle`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::context::Context;
use crate::error::{Error, Kind, Result};
use crate::ksql::client::{Chunk, Client, Query, QueryKind};
use crate::ksql::inactivity::Inactivity;
use crate::ksql::response::Frames;
use crate::ksql::statement;

/// A pull over the same stream, for nothing but its end: what was there when it began has then been read by the server.
pub(super) struct EndProbe {
    outcome: tokio::sync::oneshot::Receiver<Result<()>>,
    task: tokio::task::JoinHandle<()>,
    rows: Arc<AtomicU64>,
    ended: bool,
}

impl EndProbe {
    pub(super) fn start(context: &Context, source: &str) -> Self {
        let (send, outcome) = tokio::sync::oneshot::channel();
        let client = context.client.clone();
        let query = Query { sql: statement::count_pull_sql(source), kind: QueryKind::StreamPull };
        let (limit, max_row) = (context.options.inactivity, context.options.max_row_bytes);
        let rows = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&rows);
        let task = context.handle.spawn(async move {
            // Nobody waiting any more means that the read is over.
            let _ = send.send(drain(&client, &query, Inactivity::new(limit), max_row, &counted).await);
        });
        Self { outcome, task, rows, ended: false }
    }

    /// Rows that came so far. One row stands for one record, so more than the log can hold are no progress.
    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// `None` while it runs.
    pub(super) fn outcome(&mut self) -> Option<Result<()>> {
        if self.ended {
            return Some(Ok(()));
        }
        match self.outcome.try_recv() {
            Ok(Ok(())) => {
                self.ended = true;
                Some(Ok(()))
            }
            Ok(Err(error)) => Some(Err(error)),
            Err(tokio::sync::oneshot::error::TryRecvError::Empty) => None,
            Err(tokio::sync::oneshot::error::TryRecvError::Closed) => {
                Some(Err(Error::new(Kind::Bug, "the pull that tells the end was lost")))
            }
        }
    }
}

impl Drop for EndProbe {
    fn drop(&mut self) {
        // A probe that never ends must not outlive the read that asked for it.
        self.task.abort();
    }
}

/// Reads an answer to its end for nothing but its end mark.
async fn drain(
    client: &Client,
    query: &Query,
    mut inactivity: Inactivity,
    max_row_bytes: usize,
    rows: &AtomicU64,
) -> Result<()> {
    let mut answer = client.open(query).await?;
    let mut frames = Frames::new(answer.framing, max_row_bytes);
    inactivity.renew();
    loop {
        match answer.chunk(inactivity.left()).await? {
            Chunk::Data(bytes) if !inactivity.is_over() => {
                frames.push(&bytes, &mut |_| Ok(()))?;
                rows.store(frames.rows(), Ordering::Relaxed);
                inactivity.note(frames.rows());
            }
            Chunk::Data(_) => {
                return Err(Error::new(
                    Kind::Incomplete,
                    format!(
                        "a pull over the stream, asked for its end, brought no row for {} s",
                        inactivity.elapsed().as_secs()
                    ),
                ));
            }
            Chunk::Idle(silent) => {
                return Err(Error::new(
                    Kind::Incomplete,
                    format!("a pull over the stream, asked for its end, said nothing for {} s", silent.as_secs()),
                )
                .next("a partition that holds only transaction markers never ends a pull: use \"read\": \"offsets\""));
            }
            Chunk::End => return frames.end().map(|_| ()),
        }
    }
}

//! A second query over the same stream, for nothing but its end: the only hint of where the end is for a read of mode `idle`.

use std::time::Duration;

use super::context::Context;
use crate::error::{Error, Kind, Result};
use crate::ksql::client::{Chunk, Client, Query, QueryKind};
use crate::ksql::response::Frames;
use crate::ksql::statement;

/// A pull over the same stream, for nothing but its end: what was there when it began has then been read by the server.
pub(super) struct EndProbe {
    outcome: tokio::sync::oneshot::Receiver<Result<()>>,
    ended: bool,
}

impl EndProbe {
    pub(super) fn start(context: &Context, source: &str) -> Self {
        let (send, outcome) = tokio::sync::oneshot::channel();
        let client = context.client.clone();
        let query = Query { sql: statement::count_pull_sql(source), kind: QueryKind::StreamPull };
        let (limit, max_row) = (context.options.inactivity, context.options.max_row_bytes);
        context.handle.spawn(async move {
            // Nobody waiting any more means that the read is over.
            let _ = send.send(drain(&client, &query, limit, max_row).await);
        });
        Self { outcome, ended: false }
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

/// Reads an answer to its end for nothing but its end mark.
async fn drain(client: &Client, query: &Query, limit: Duration, max_row_bytes: usize) -> Result<()> {
    let mut answer = client.open(query).await?;
    let mut frames = Frames::new(answer.framing, max_row_bytes);
    // Bytes without rows are no progress.
    let (mut alive, mut rows, mut known) = (tokio::time::Instant::now(), 0_u64, 0);
    loop {
        if rows > known {
            (known, alive) = (rows, tokio::time::Instant::now());
        }
        let left = limit.saturating_sub(alive.elapsed()).max(Duration::from_millis(1));
        match answer.chunk(left).await? {
            Chunk::Data(bytes) if alive.elapsed() < limit => frames.push(&bytes, &mut |_| {
                rows += 1;
                Ok(())
            })?,
            Chunk::Data(_) => {
                return Err(Error::new(
                    Kind::Incomplete,
                    format!(
                        "a pull over the stream, asked for its end, brought no row for {} s",
                        limit.as_secs()
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

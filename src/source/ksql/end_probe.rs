//! A second query over the same stream, for nothing but its end: the only hint of where the end is for a read that ends when
//! it is quiet. What was there when the pull began has been read by the server once the pull has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::asked::Asked;
use crate::error::Result;
use crate::ksql::client::{Client, Query, QueryKind};
use crate::ksql::response::Frames;
use crate::ksql::statement;
use crate::source::Environment;

/// A pull over the same stream.
#[derive(Debug)]
pub(super) struct EndProbe {
    outcome: Asked<()>,
    rows: Arc<AtomicU64>,
    ended: bool,
}

impl EndProbe {
    pub(super) fn start(client: &Client, source: &str, with: &Environment) -> Self {
        let client = client.clone();
        let query = Query { sql: statement::count_pull_sql(source), kind: QueryKind::StreamPull };
        let max_row = with.max_row_bytes;
        let rows = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&rows);
        let outcome =
            Asked::new(&with.handle, async move { drain(&client, &query, max_row, &counted).await });
        Self { outcome, rows, ended: false }
    }

    /// Rows that came so far. One row stands for one record, so more than the log can hold are no progress.
    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// It came to its end.
    ///
    /// # Errors
    /// When it cannot come to its end any more.
    pub(super) fn has_ended(&mut self) -> Result<bool> {
        if !self.ended {
            self.ended = self.outcome.take().transpose()?.is_some();
        }
        Ok(self.ended)
    }
}
/// Reads an answer to its end for nothing but its end mark. How long that may take is for the read to judge which waits for it.
async fn drain(client: &Client, query: &Query, max_row_bytes: usize, rows: &AtomicU64) -> Result<()> {
    let mut answer = client.open(query).await?;
    let mut frames = Frames::new(answer.framing, max_row_bytes);
    while let Some(bytes) = answer.next().await? {
        frames.push(&bytes, &mut |_| Ok(()))?;
        rows.store(frames.rows(), Ordering::Relaxed);
    }
    frames.end().map(|_| ())
}

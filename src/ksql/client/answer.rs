//! A streamed answer, chunk by chunk.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{ClientOptions, transport};
use crate::error::Result;
use crate::ksql::response::Framing;

/// A streamed answer. Dropping it closes its connection, which ends the query on the server sooner or later; close it in
/// band first (see [`super::Client::close_query`]).
#[derive(Debug)]
pub struct Answer {
    /// The grammar of its bytes.
    pub framing: Framing,
    response: reqwest::Response,
    last_byte: Instant,
    bytes: u64,
    inactivity_limit: Duration,
    ended: bool,
}

/// The next thing that an answer brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Bytes.
    Data(Bytes),
    /// None came while we waited; the time since the last byte (or since the head).
    Idle(Duration),
    /// The transport ended cleanly. That proves nothing: ask [`crate::ksql::response::Frames::end`].
    End,
}

impl Answer {
    pub(super) fn new(response: reqwest::Response, framing: Framing, options: &ClientOptions) -> Self {
        Self {
            framing,
            response,
            last_byte: Instant::now(),
            bytes: 0,
            inactivity_limit: options.inactivity_timeout,
            ended: false,
        }
    }

    /// The next bytes, or `None` at the clean end of the transport. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`crate::Kind::Incomplete`] when the transport was cut.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.ended {
            match self.response.chunk().await {
                Err(error) => return Err(transport::cut(error, self.bytes)),
                Ok(None) => self.ended = true,
                Ok(Some(bytes)) if bytes.is_empty() => {}
                Ok(Some(bytes)) => {
                    self.last_byte = Instant::now();
                    self.bytes += bytes.len() as u64;
                    return Ok(Some(bytes));
                }
            }
        }
        Ok(None)
    }

    /// The next bytes, or `Idle` after `wait`, or the end. Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`crate::Kind::Incomplete`] when the transport was cut.
    pub async fn chunk(&mut self, wait: Duration) -> Result<Chunk> {
        match tokio::time::timeout(wait, self.next()).await {
            Err(_) => Ok(Chunk::Idle(self.last_byte.elapsed())),
            Ok(next) => Ok(next?.map_or(Chunk::End, Chunk::Data)),
        }
    }

    /// How long this answer may stay silent, which the caller enforces.
    pub fn inactivity_limit(&self) -> Duration {
        self.inactivity_limit
    }

    /// Bytes of the body so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

//! From the socket to the thread that reads: a task reads eagerly into a bounded queue of bytes.
//!
//! Servers send one small chunk a row; they are put together before they are handed on, for a moment and with one timer
//! for all of them: a timer or a waking of that thread a chunk costs more than the row (`benches/transport.rs`). The queue is
//! bounded, so that a slow disk slows the server down and memory stays flat; it is deep enough that a pause of the disk does not make the
//! server give up (ksqlDB's legacy writer drops a reader that stalls for three seconds).

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::{Error, Kind, Result};
use crate::ksql::client::{Answer, Client, Query};

/// Bytes put together before they are handed on.
const PIECE: usize = 256 * 1024;
/// Pieces that may wait.
const DEPTH: usize = 32;
/// How long the first bytes of a piece wait for more.
const LINGER: Duration = Duration::from_millis(5);

/// Memory that the queue may hold.
pub(super) const MEMORY: usize = PIECE * DEPTH;

/// What came.
#[derive(Debug)]
pub enum Piece {
    /// The head of the answer.
    Head,
    /// Bytes of the body, in order.
    Data(Bytes),
    /// Nothing, for the time that was waited: the socket was read empty and stayed so.
    Quiet,
    /// The transport ended cleanly.
    End,
}

/// The reading end of an answer. Dropping it closes its connection, which ends the query on the server sooner or later.
#[derive(Debug)]
pub struct ChunkReader {
    handle: Handle,
    pieces: mpsc::Receiver<Result<Piece>>,
    task: JoinHandle<()>,
    ended: bool,
}

impl ChunkReader {
    /// Reads an answer whose head has come.
    pub fn start(handle: &Handle, answer: Answer) -> Self {
        Self::spawn(handle, |send| pump(answer, send))
    }

    /// Asks, and reads the answer: its head is the first piece, or why there is none.
    pub(super) fn ask(handle: &Handle, client: &Client, query: Query) -> Self {
        let client = client.clone();
        Self::spawn(handle, |send| async move {
            let (head, answer) = match client.open(&query).await {
                Ok(answer) => (Ok(Piece::Head), Some(answer)),
                Err(error) => (Err(error), None),
            };
            // Nobody listening means that the read is over already.
            if let (Ok(()), Some(answer)) = (send.send(head).await, answer) {
                pump(answer, send).await;
            }
        })
    }

    fn spawn<F>(handle: &Handle, work: impl FnOnce(mpsc::Sender<Result<Piece>>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (send, pieces) = mpsc::channel(DEPTH);
        let task = handle.spawn(work(send));
        Self { handle: handle.clone(), pieces, task, ended: false }
    }

    /// The next piece, or [`Piece::Quiet`] when none comes within `wait`.
    ///
    /// # Errors
    /// Those of [`Client::open`] and [`Answer::next`].
    pub fn next(&mut self, wait: Duration) -> Result<Piece> {
        if self.ended {
            return Ok(Piece::End);
        }
        let pieces = &mut self.pieces;
        match self.handle.block_on(async { tokio::time::timeout(wait, pieces.recv()).await }) {
            Err(_) => Ok(Piece::Quiet),
            Ok(Some(piece)) => {
                self.ended = matches!(piece, Ok(Piece::End));
                piece
            }
            Ok(None) => Err(Error::new(Kind::Bug, "the task that reads the answer ended without a word")),
        }
    }
}

impl Drop for ChunkReader {
    fn drop(&mut self) {
        // The answer goes with it, and its connection.
        self.task.abort();
    }
}

/// Reads until the end.
async fn pump(mut answer: Answer, send: mpsc::Sender<Result<Piece>>) {
    let mut buffer = BytesMut::with_capacity(PIECE);
    loop {
        let end = fill(&mut answer, &mut buffer).await;
        if !buffer.is_empty() && send.send(Ok(Piece::Data(buffer.split().freeze()))).await.is_err() {
            return;
        }
        if let Some(end) = end {
            // Nobody listening means that the read is over already.
            let _ = send.send(end).await;
            return;
        }
    }
}

/// Waits for bytes, and adds what comes shortly after them; gives the end when that has come.
async fn fill(answer: &mut Answer, buffer: &mut BytesMut) -> Option<Result<Piece>> {
    let mut next = answer.next().await;
    let mut patience = pin!(tokio::time::sleep(LINGER));
    loop {
        match next {
            Ok(Some(bytes)) => buffer.extend_from_slice(&bytes),
            Ok(None) => return Some(Ok(Piece::End)),
            Err(error) => return Some(Err(error)),
        }
        if buffer.len() >= PIECE {
            return None;
        }
        tokio::select! {
            biased;
            more = answer.next() => next = more,
            () = &mut patience => return None,
        }
    }
}

//! Bytes of a streamed answer become elements, and the end becomes a verdict: complete or not.

use super::schema::Column;
use crate::error::Result;

/// Which grammar an answer follows; it decides what counts as complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// v1+json, push or pull over a stream: `finalMessage`, then `]`.
    Stream,
    /// v1+json, pull over a table: `]`. Necessary, not sufficient (the writer can lose an error).
    Table,
    /// Legacy `/query`, pull over a table: `]`, written only on success.
    LegacyTable,
    /// Legacy `/query`, push or pull over a stream: `finalMessage`, then `]` and a line feed.
    LegacyStream,
}

/// What an answer is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element<'a> {
    /// The first element.
    Header {
        /// The server's id of the query, for `/close-query`.
        query_id: &'a str,
        /// What every row holds, in order.
        columns: &'a [Column],
    },
    /// A row.
    Row {
        /// The JSON array of its values, brackets included.
        values: &'a [u8],
        /// Whether it deletes its key.
        tombstone: bool,
    },
}

/// The mark by which an answer said that it was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `"Limit Reached"`
    LimitReached,
    /// `"Query Completed"`: also when somebody else closed the query.
    QueryCompleted,
    /// `]` of a table's answer.
    ArrayEnd,
}

/// A complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// How it ended.
    pub mark: Mark,
    /// Rows delivered, tombstones included.
    pub rows: u64,
}

/// Takes an answer apart, chunk by chunk.
#[derive(Debug)]
pub struct Frames {}

impl Frames {
    /// For an answer in `framing`; a line longer than `max_row_bytes` is refused.
    pub fn new(_framing: Framing, _max_row_bytes: usize) -> Self {
        todo!()
    }

    /// Takes the next bytes and hands on every element that they complete.
    pub fn push(&mut self, _bytes: &[u8], _on: &mut dyn FnMut(Element<'_>) -> Result<()>) -> Result<()> {
        todo!()
    }

    /// The verdict, to be asked for when the transport has ended cleanly.
    pub fn end(self) -> Result<Completion> {
        todo!()
    }

    /// Whether the answer has said that it is complete: nothing but the transport's end may follow.
    pub fn is_complete(&self) -> bool {
        todo!()
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        todo!()
    }
}

//! Rows are decoded on this thread, or ahead of it by the pool's; the sink gets them in the order of the answer.
//!
//! ```text
//! no workers   slice ─▶ one decoder ─▶ a batch over many slices
//! workers      slices ─▶ block ─▶ task with a decoder of its own ─▶ batch ─┐
//!              slices ─▶ block ─▶ task with a decoder of its own ─▶ batch ─┴─▶ sink, block by block
//! ```
//!
//! A block is as large as a batch may be, and few are on their way at a time, so memory has a bound. It knows rows and
//! nothing of what stands around them in an answer.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;

use super::rows::Sink;
use crate::error::{Error, Kind, Result};
use crate::ksql::column::ReadColumn;
use crate::ksql::decode::{BadRow, Decoder};
use crate::pool::{Pool, Promise};

/// Rows of a batch: large enough that Parquet's encoders work on runs; measured, half as many cost 5 to 15 % more.
const BATCH_ROWS: usize = 32 * 1024;
/// A batch is handed on when its rows hold this much, however few they are.
const BATCH_BYTES: usize = 8 << 20;
/// Bytes of rows after which the batch's size is looked at again.
const LOOK_BYTES: usize = 64 << 10;
/// Bytes of a block.
const BLOCK_BYTES: usize = 4 << 20;
/// Blocks that are on their way while the next one fills.
const AHEAD: usize = 2;

/// Memory that decoding may hold: blocks as bytes and as what they become, and the room that decoders keep.
pub(super) const MEMORY: usize = 2 * (AHEAD + 1) * BLOCK_BYTES;

/// Bytes of an answer, and where in them rows stand.
#[derive(Debug)]
pub(super) struct Slice {
    pub(super) bytes: Bytes,
    pub(super) rows: Vec<Range<usize>>,
}

/// What comes of rows, in their order.
enum Decoded {
    Batch(RecordBatch),
    Bad(BadRow, Bytes),
}

/// Decoding of one answer.
pub(super) struct Decoding {
    columns: Vec<ReadColumn>,
    /// Decoders without rows, but for the one of this thread.
    decoders: Vec<Decoder>,
    /// Bytes of rows since the size of this thread's batch was looked at.
    unseen: usize,
    /// The threads that decode ahead.
    pool: Option<Arc<Pool>>,
    block: Vec<Slice>,
    block_rows: usize,
    block_bytes: usize,
    pending: VecDeque<Promise<Done>>,
}

impl Decoding {
    /// For rows of these columns. `Kind::Schema` as [`Decoder::new`] says.
    pub(super) fn new(columns: &[ReadColumn], pool: &Arc<Pool>) -> Result<Self> {
        Ok(Self {
            columns: columns.to_vec(),
            decoders: vec![Decoder::new(columns)?],
            unseen: 0,
            pool: pool.has_workers().then(|| Arc::clone(pool)),
            block: Vec::new(),
            block_rows: 0,
            block_bytes: 0,
            pending: VecDeque::new(),
        })
    }

    /// Takes rows that follow those taken before.
    pub(super) fn take(&mut self, slice: Slice, sink: &mut dyn Sink) -> Result<()> {
        let Some(pool) = &self.pool else { return self.decode_here(&slice, sink) };
        self.block_rows += slice.rows.len();
        self.block_bytes += slice.bytes.len();
        self.block.push(slice);
        if self.block_rows < BATCH_ROWS && self.block_bytes < BLOCK_BYTES {
            return Ok(());
        }
        let decoder = self.decoders.pop().map_or_else(|| Decoder::new(&self.columns), Ok)?;
        let block = std::mem::take(&mut self.block);
        (self.block_rows, self.block_bytes) = (0, 0);
        self.pending.push_back(pool.run(move || decode_block(decoder, &block)));
        // As early as can be: what is handed on keeps the threads busy while this one goes on reading.
        while self.pending.len() > AHEAD || self.pending.front().is_some_and(Promise::is_ready) {
            self.collect(sink)?;
        }
        Ok(())
    }

    /// Hands on everything that was taken.
    pub(super) fn flush(&mut self, sink: &mut dyn Sink) -> Result<()> {
        while !self.pending.is_empty() {
            self.collect(sink)?;
        }
        (self.block_rows, self.block_bytes) = (0, 0);
        for slice in std::mem::take(&mut self.block) {
            self.decode_here(&slice, sink)?;
        }
        let Some(decoder) = self.decoders.first_mut().filter(|decoder| !decoder.is_empty()) else {
            return Ok(());
        };
        sink.batch(decoder.finish()?)
    }

    /// Waits for the oldest block, working meanwhile, and hands its rows on.
    fn collect(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let (Some(pool), Some(promise)) = (&self.pool, self.pending.pop_front()) else { return Ok(()) };
        let Some(done) = promise.wait(pool) else {
            return Err(Error::new(Kind::Bug, "the decoding of rows broke"));
        };
        self.decoders.push(done.decoder);
        for part in done.decoded {
            hand_on(part, sink)?;
        }
        done.failed.map_or(Ok(()), Err)
    }

    /// Decodes on this thread, into a batch that goes on growing.
    fn decode_here(&mut self, slice: &Slice, sink: &mut dyn Sink) -> Result<()> {
        if self.decoders.is_empty() {
            self.decoders.push(Decoder::new(&self.columns)?);
        }
        let decoder = &mut self.decoders[0];
        for row in &slice.rows {
            self.unseen += row.len();
            let look = self.unseen >= LOOK_BYTES;
            if look {
                self.unseen = 0;
            }
            decode_row(decoder, slice, row, &mut |part| hand_on(part, sink))?;
            if decoder.len() >= BATCH_ROWS || (look && decoder.memory() >= BATCH_BYTES) {
                sink.batch(decoder.finish()?)?;
            }
        }
        Ok(())
    }
}

fn hand_on(part: Decoded, sink: &mut dyn Sink) -> Result<()> {
    match part {
        Decoded::Batch(batch) => sink.batch(batch),
        Decoded::Bad(bad, row) => sink.bad(bad, &row),
    }
}

/// Decodes a row. A bad one is handed on behind those before it; one that breaks the answer's grammar is an error.
#[inline]
fn decode_row(
    decoder: &mut Decoder,
    slice: &Slice,
    row: &Range<usize>,
    on: &mut dyn FnMut(Decoded) -> Result<()>,
) -> Result<()> {
    match decoder.push_row(slice.bytes.get(row.clone()).unwrap_or_default()) {
        Ok(()) => Ok(()),
        Err(bad) if bad.arity || bad.syntax => Err(Error::new(
            Kind::Garbled,
            format!("a row is not the row that the header announces: {}", bad.reason),
        )),
        Err(bad) => {
            if !decoder.is_empty() {
                on(Decoded::Batch(decoder.finish()?))?;
            }
            on(Decoded::Bad(bad, slice.bytes.slice(row.clone())))
        }
    }
}

/// A block that was decoded.
struct Done {
    decoder: Decoder,
    decoded: Vec<Decoded>,
    /// What went wrong behind these rows.
    failed: Option<Error>,
}

/// Decodes a block to its end, or to the first fault in its grammar.
fn decode_block(mut decoder: Decoder, block: &[Slice]) -> Done {
    let mut decoded = Vec::new();
    let mut decode = || {
        for slice in block {
            for row in &slice.rows {
                decode_row(&mut decoder, slice, row, &mut |part| {
                    decoded.push(part);
                    Ok(())
                })?;
            }
        }
        if !decoder.is_empty() {
            decoded.push(Decoded::Batch(decoder.finish()?));
        }
        Ok(())
    };
    let failed = decode().err();
    Done { decoder, decoded, failed }
}

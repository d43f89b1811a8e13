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

use arrow::array::RecordBatch;
use bytes::Bytes;

use super::raw::RawDecoder;
use super::rows::Sink;
use crate::error::{Error, Kind, Result};
use crate::ksql::column::ReadColumn;
use crate::ksql::decode::record::Layout;
use crate::ksql::decode::{BadRow, Decoder};
use crate::pool::{Pool, Promise};

/// A batch: rows, bytes of rows, and memory, whichever comes first. Small enough that its columns are still in a core's
/// cache when they are encoded: 32 K rows of 310 bytes took 6 % more CPU than 8 K, 4 K as much as 8 K (measured).
const BATCH_ROWS: usize = 16 * 1024;
const BATCH_BYTES: usize = 2 << 20;
const BATCH_MEMORY: usize = 8 << 20;
/// Bytes of rows of the first batch, from whose 16 K rows the lake chooses its encodings.
const FIRST_BYTES: usize = 8 << 20;
/// Bytes of rows after which the batch's memory is looked at again.
const LOOK_BYTES: usize = 64 << 10;
/// Blocks that are on their way while the next one fills.
const AHEAD: usize = 2;

/// Memory that decoding may hold: blocks as bytes and as what they become, and the room that decoders keep.
pub(super) const MEMORY: usize = 2 * (AHEAD + 1) * BATCH_BYTES + FIRST_BYTES;

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

/// What rows hold.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Values of these columns.
    Columns(Vec<ReadColumn>),
    /// Records of this layout, as bytes.
    Records(Layout),
}

impl Content {
    fn decoder(&self) -> Result<Box<dyn RowDecoder>> {
        Ok(match self {
            Self::Columns(columns) => Box::new(Decoder::new(columns)?),
            Self::Records(layout) => Box::new(RawDecoder::new(layout)?),
        })
    }
}

/// Rows become a batch.
pub(super) trait RowDecoder: Send {
    /// Takes a row; after a fault all is as it was before.
    fn push_row(&mut self, row: &[u8]) -> Result<(), BadRow>;
    /// Rows held.
    fn len(&self) -> usize;
    /// Bytes of the rows held.
    fn memory(&self) -> usize;
    /// Takes the rows as a batch.
    fn finish(&mut self) -> Result<RecordBatch>;
    /// No row is held.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl RowDecoder for Decoder {
    fn push_row(&mut self, row: &[u8]) -> Result<(), BadRow> {
        Self::push_row(self, row)
    }

    fn len(&self) -> usize {
        Self::len(self)
    }

    fn memory(&self) -> usize {
        Self::memory(self)
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        Self::finish(self)
    }
}

/// Decoding of one answer.
pub(super) struct Decoding {
    content: Content,
    /// Decoders without rows, but for the one of this thread.
    decoders: Vec<Box<dyn RowDecoder>>,
    /// Bytes of rows that the batch in progress may have.
    most: usize,
    /// Bytes of the rows of this thread's batch, and since its memory was looked at.
    bytes: usize,
    unseen: usize,
    /// The threads that decode ahead.
    pool: Option<Arc<Pool>>,
    block: Vec<Slice>,
    block_rows: usize,
    block_bytes: usize,
    pending: VecDeque<Promise<Done>>,
}

impl Decoding {
    /// For rows with this content. `Kind::Schema` as [`Decoder::new`] says.
    pub(super) fn new(content: Content, pool: &Arc<Pool>) -> Result<Self> {
        Ok(Self {
            decoders: vec![content.decoder()?],
            content,
            most: FIRST_BYTES,
            bytes: 0,
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
        if self.block_rows < BATCH_ROWS && self.block_bytes < self.most {
            return Ok(());
        }
        let decoder = self.decoders.pop().map_or_else(|| self.content.decoder(), Ok)?;
        let block = std::mem::take(&mut self.block);
        (self.block_rows, self.block_bytes, self.most) = (0, 0, BATCH_BYTES);
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
        self.bytes = 0;
        sink.batch(decoder.finish()?)
    }

    /// Waits for the oldest block, working meanwhile, and hands its rows on.
    fn collect(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let (Some(pool), Some(promise)) = (&self.pool, self.pending.pop_front()) else { return Ok(()) };
        let Some(done) = promise.wait(pool) else {
            return Err(Error::new(Kind::Bug, "the decoding of rows broke"));
        };
        self.decoders.push(done.decoder);
        for part in done.parts {
            hand_on(part, sink)?;
        }
        done.failed.map_or(Ok(()), Err)
    }

    /// Decodes on this thread, into a batch that goes on growing.
    fn decode_here(&mut self, slice: &Slice, sink: &mut dyn Sink) -> Result<()> {
        if self.decoders.is_empty() {
            self.decoders.push(self.content.decoder()?);
        }
        let decoder = &mut self.decoders[0];
        for row in &slice.rows {
            self.bytes += row.len();
            self.unseen += row.len();
            decode_row(&mut **decoder, slice, row, &mut |part| hand_on(part, sink))?;
            let mut full = decoder.len() >= BATCH_ROWS || self.bytes >= self.most;
            if self.unseen >= LOOK_BYTES {
                self.unseen = 0;
                full |= decoder.memory() >= BATCH_MEMORY;
            }
            if full && !decoder.is_empty() {
                (self.bytes, self.most) = (0, BATCH_BYTES);
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
    decoder: &mut dyn RowDecoder,
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
    decoder: Box<dyn RowDecoder>,
    parts: Vec<Decoded>,
    /// What went wrong behind these rows.
    failed: Option<Error>,
}

/// Decodes a block to its end, or to the first fault in its grammar.
fn decode_block(mut decoder: Box<dyn RowDecoder>, block: &[Slice]) -> Done {
    let mut parts = Vec::new();
    let mut decode = || {
        for slice in block {
            for row in &slice.rows {
                decode_row(&mut *decoder, slice, row, &mut |part| {
                    parts.push(part);
                    Ok(())
                })?;
            }
        }
        if !decoder.is_empty() {
            parts.push(Decoded::Batch(decoder.finish()?));
        }
        Ok(())
    };
    let failed = decode().err();
    Done { decoder, parts, failed }
}

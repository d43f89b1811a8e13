//! A consumer's records become batches: copied into blocks, decoded by the pool's threads or by this one.
//!
//! Memory has a bound: the consumer's queue, the blocks on their way, and what they become.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::Message as _;

use super::block::Block;
use super::fetch::{Came, Fetch, QUEUE_BYTES};
use super::options::KafkaOptions;
use super::schemas::Schemas;
use crate::error::{Error, Kind, Result};
use crate::ksql::decode::record::{Layout, RecordDecoder};
use crate::ksql::schema::Role;
use crate::pool::{Pool, Promise};
use crate::source::{Chosen, Offsets, Scan, Span, Step};

/// A block: records or bytes, whichever comes first. A batch of it is still in a core's cache when it is encoded.
const BLOCK_RECORDS: usize = 16 * 1024;
const BLOCK_BYTES: usize = 2 << 20;
/// Bytes of the first block, from whose rows the lake chooses its encodings.
const FIRST_BYTES: usize = 8 << 20;
/// Blocks that are on their way while the next one fills.
const AHEAD: usize = 2;
/// Memory that a scan may hold.
pub const MEMORY: usize = QUEUE_BYTES * 2 + FIRST_BYTES + 2 * (AHEAD + 1) * BLOCK_BYTES;

/// A read of a topic.
pub(super) struct KafkaScan {
    fetch: Fetch,
    chosen: Option<Chosen>,
    layout: Layout,
    schemas: Option<Schemas>,
    with_headers: bool,
    pool: Arc<Pool>,
    /// Decoders without rows, and blocks without records.
    decoders: Vec<RecordDecoder>,
    blocks: Vec<Block>,
    block: Block,
    most: usize,
    pending: VecDeque<Promise<Done>>,
    ready: VecDeque<Step>,
    bytes: u64,
}

/// A block that was decoded.
struct Done {
    decoder: RecordDecoder,
    block: Block,
    steps: Result<Vec<Step>>,
}

impl KafkaScan {
    /// Of `chosen`, where there is one, every record must come, and no other one is decoded.
    pub(super) fn open(
        options: &KafkaOptions,
        schemas: Option<Schemas>,
        topic: &str,
        spans: &BTreeMap<i32, Span>,
        chosen: Option<Chosen>,
        layout: &Layout,
        pool: &Arc<Pool>,
    ) -> Result<Self> {
        let decoder = decoder(layout, schemas.as_ref())?;
        Ok(Self {
            fetch: Fetch::open(options, topic, spans)?,
            chosen,
            with_headers: layout.columns.iter().any(|c| matches!(c.role, Role::Headers | Role::Header(_))),
            layout: layout.clone(),
            schemas,
            pool: Arc::clone(pool),
            decoders: vec![decoder],
            blocks: Vec::new(),
            block: Block::default(),
            most: FIRST_BYTES,
            pending: VecDeque::new(),
            ready: VecDeque::new(),
            bytes: 0,
        })
    }

    /// Takes records until a block is full, nothing comes for `wait`, or every partition is done.
    fn fill(&mut self, wait: Duration) -> Result<Filled> {
        let begun = Instant::now();
        let mut passed = 0;
        loop {
            // Without a pause while records wait; the first pause hands on what is there.
            let pause = if self.block.is_empty() && self.pending.is_empty() {
                wait
            } else {
                Duration::from_millis(5)
            };
            match self.fetch.next(pause)? {
                Came::Done => {
                    self.chosen.as_ref().map_or(Ok(()), Chosen::end)?;
                    return Ok(Filled::Done);
                }
                Came::Record(message) => {
                    self.bytes += message.payload_len() as u64 + message.key_len() as u64;
                    let wanted = match &mut self.chosen {
                        None => true,
                        Some(chosen) => chosen.meet(message.partition(), message.offset())?,
                    };
                    if wanted {
                        if let Some(schemas) = &mut self.schemas {
                            schemas.find(&self.layout, message.key(), message.payload())?;
                        }
                        self.block.push(&message, self.with_headers);
                        if self.block.len() >= BLOCK_RECORDS || self.block.size() >= self.most {
                            return Ok(Filled::Full);
                        }
                    } else {
                        passed += 1;
                        // Whoever waits may want to stop, however many records are passed over.
                        if passed % BLOCK_RECORDS == 0 && begun.elapsed() >= wait {
                            return Ok(Filled::Quiet);
                        }
                    }
                }
                Came::Other if begun.elapsed() < wait => {}
                Came::Nothing
                    if self.block.is_empty() && self.pending.is_empty() && begun.elapsed() < wait => {}
                Came::Other | Came::Nothing => return Ok(Filled::Quiet),
            }
        }
    }

    /// Hands the block over to be decoded.
    fn submit(&mut self) -> Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.most = BLOCK_BYTES;
        let next = self.blocks.pop().unwrap_or_default();
        let mut block = std::mem::replace(&mut self.block, next);
        let mut decoder = match self.decoders.pop() {
            Some(decoder) => decoder,
            None => decoder(&self.layout, self.schemas.as_ref())?,
        };
        if !self.pool.has_workers() {
            let steps = block.decode(&mut decoder);
            return self.take(Done { decoder, block, steps });
        }
        self.pending.push_back(self.pool.run(move || {
            let steps = block.decode(&mut decoder);
            Done { decoder, block, steps }
        }));
        Ok(())
    }

    fn collect(&mut self) -> Result<()> {
        let Some(promise) = self.pending.pop_front() else { return Ok(()) };
        match promise.wait(&self.pool) {
            Some(done) => self.take(done),
            None => Err(Error::new(Kind::Bug, "the decoding of records broke")),
        }
    }

    fn take(&mut self, done: Done) -> Result<()> {
        self.decoders.push(done.decoder);
        self.blocks.push(done.block);
        self.ready.extend(done.steps?);
        Ok(())
    }
}

fn decoder(layout: &Layout, schemas: Option<&Schemas>) -> Result<RecordDecoder> {
    let book = schemas.map(|schemas| Arc::clone(&schemas.book)).unwrap_or_default();
    RecordDecoder::with_schemas(layout, book)
}

/// Why no more records were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filled {
    Full,
    Quiet,
    Done,
}

impl Scan for KafkaScan {
    fn next(&mut self, wait: Duration) -> Result<Step> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Ok(step);
            }
            match self.fill(wait)? {
                Filled::Full => {
                    self.submit()?;
                    while self.pending.len() > AHEAD || self.pending.front().is_some_and(Promise::is_ready) {
                        self.collect()?;
                    }
                }
                filled => {
                    self.submit()?;
                    while !self.pending.is_empty() {
                        self.collect()?;
                    }
                    if self.ready.is_empty() && filled == Filled::Done {
                        return Ok(Step::End);
                    }
                    if self.ready.is_empty() {
                        return self.fetch.check_alive().map(|()| Step::Idle);
                    }
                }
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn ends(&self) -> Offsets {
        self.fetch.ends()
    }
}

//! A consumer's records become batches: copied into blocks, decoded by the pool's threads or by this one.
//!
//! Memory has a bound: the consumer's queue, the blocks on their way, and what they become.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::Message as _;

use super::block::Block;
use super::bounds::{Bounds, Place};
use super::complaints::{self, Consumer};
use super::options::{KafkaOptions, error, is_auth};
use super::schemas::{self, Schemas};
use crate::error::{Error, Kind, Result};
use crate::ksql::decode::record::{Layout, RecordDecoder};
use crate::ksql::registry::Registry;
use crate::ksql::schema::Role;
use crate::pool::{Pool, Promise};
use crate::source::{Chosen, Scan, Span, Step};

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
        registry: Option<&Registry>,
        topic: &str,
        spans: &BTreeMap<i32, Span>,
        chosen: Option<Chosen>,
        layout: &Layout,
        pool: &Arc<Pool>,
    ) -> Result<Self> {
        let schemas = schemas::needed(registry, layout)?.map(Schemas::new);
        let decoder = decoder(layout, schemas.as_ref())?;
        let mut config = options.client();
        let own = |name: &str| options.config.properties.iter().any(|(known, _)| known == name);
        let fetched = (QUEUE_BYTES / 2).to_string();
        let kilobytes = (QUEUE_BYTES >> 10).to_string();
        for (name, value) in [
            ("queued.max.messages.kbytes", kilobytes.as_str()),
            ("queued.min.messages", "1000000"),
            ("fetch.max.bytes", &fetched),
            ("fetch.message.max.bytes", "1048576"),
            ("fetch.wait.max.ms", "100"),
            // A second, as is the default, is long beside a queue that is empty again after 20 ms.
            ("fetch.queue.backoff.ms", "2"),
            ("check.crcs", "true"),
        ] {
            if !own(name) {
                config.set(name, value);
            }
        }
        // A record that is larger than a fetch comes all the same, alone.
        let most = options.max_record_bytes.saturating_add(1 << 20).clamp(16 << 20, 2_147_483_647);
        if !own("receive.message.max.bytes") {
            config.set("receive.message.max.bytes", most.to_string());
        }
        let consumer = complaints::consumer(&config, options)?;
        let bounds = Bounds::new(spans.clone());
        let mut assigned = TopicPartitionList::new();
        for (partition, next) in bounds.starts() {
            assigned
                .add_partition_offset(topic, partition, Offset::Offset(next))
                .map_err(|e| error("name an offset", e, options))?;
        }
        consumer.assign(&assigned).map_err(|e| error("begin to read", e, options).at("topic", topic))?;
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
            match self.consumer.poll(pause) {
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    let place = self.bounds.record(partition, offset);
                    if matches!(place, Place::Inside | Place::Last) {
                        if let Some(schemas) = &mut self.schemas {
                            schemas
                                .find(&self.layout, message.key(), message.payload())
                                .map_err(|e| e.at("topic", &self.topic))?;
                        }
                        let before = self.block.size();
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
}

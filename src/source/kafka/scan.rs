//! A consumer's records become batches: copied into blocks, decoded by the pool's threads or by this one.
//!
//! Memory has a bound: the consumer's queue, the blocks on their way, and what they become.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::block::Block;
use super::bounds::{Bounds, Place};
use super::complaints::{self, Consumer};
use super::options::{KafkaOptions, error, is_auth};
use crate::error::{Error, Kind, Result};
use crate::ksql::decode::record::{Layout, RecordDecoder};
use crate::ksql::schema::Role;
use crate::pool::{Pool, Promise};
use crate::source::{Scan, Span, Step};

/// A block: records or bytes, whichever comes first. A batch of it is still in a core's cache when it is encoded.
const BLOCK_RECORDS: usize = 16 * 1024;
const BLOCK_BYTES: usize = 2 << 20;
/// Bytes of the first block, from whose rows the lake chooses its encodings.
const FIRST_BYTES: usize = 8 << 20;
/// Blocks that are on their way while the next one fills.
const AHEAD: usize = 2;
/// Bytes that the consumer fetches ahead.
const QUEUE_BYTES: usize = 8 << 20;

/// Memory that a scan may hold.
pub const MEMORY: usize = QUEUE_BYTES * 2 + FIRST_BYTES + 2 * (AHEAD + 1) * BLOCK_BYTES;

/// A read of a topic.
pub(super) struct KafkaScan {
    options: KafkaOptions,
    topic: String,
    consumer: Consumer,
    bounds: Bounds,
    layout: Layout,
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
    trouble: Option<String>,
}

/// A block that was decoded.
struct Done {
    decoder: RecordDecoder,
    block: Block,
    steps: Result<Vec<Step>>,
}

impl KafkaScan {
    pub(super) fn open(
        options: &KafkaOptions,
        topic: &str,
        spans: &BTreeMap<i32, Span>,
        layout: &Layout,
        pool: &Arc<Pool>,
    ) -> Result<Self> {
        let decoder = RecordDecoder::new(layout)?;
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
            options: options.clone(),
            topic: topic.to_owned(),
            consumer,
            bounds,
            with_headers: layout.columns.iter().any(|c| matches!(c.role, Role::Headers | Role::Header(_))),
            layout: layout.clone(),
            pool: Arc::clone(pool),
            decoders: vec![decoder],
            blocks: Vec::new(),
            block: Block::default(),
            most: FIRST_BYTES,
            pending: VecDeque::new(),
            ready: VecDeque::new(),
            bytes: 0,
            trouble: None,
        })
    }

    /// Takes records until a block is full, nothing comes for `wait`, or every partition is done.
    fn fill(&mut self, wait: Duration) -> Result<Filled> {
        let begun = Instant::now();
        loop {
            if self.bounds.is_done() {
                return Ok(Filled::Done);
            }
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
                        let before = self.block.size();
                        self.block.push(&message, self.with_headers);
                        self.bytes += (self.block.size() - before) as u64;
                        self.trouble = None;
                    }
                    drop(message);
                    if matches!(place, Place::Last | Place::Beyond) {
                        self.stop_reading(partition);
                    }
                    if self.block.len() >= BLOCK_RECORDS || self.block.size() >= self.most {
                        return Ok(Filled::Full);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => self.bounds.log_end(partition),
                Some(Err(e)) => {
                    self.judge(e)?;
                    if begun.elapsed() >= wait {
                        return Ok(Filled::Quiet);
                    }
                }
                None if !self.block.is_empty() || begun.elapsed() >= wait => return Ok(Filled::Quiet),
                None if !self.pending.is_empty() => return Ok(Filled::Quiet),
                None => {}
            }
        }
    }

    /// What has to end the read, and what the client gets over by itself.
    fn judge(&mut self, e: KafkaError) -> Result<()> {
        let code = e.rdkafka_error_code();
        match code {
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Err(Error::new(
                Kind::Incomplete,
                "the log no longer holds the next offset that is to be read: its retention passed the read",
            )
            .at("topic", &self.topic)
            .next("the read is planned anew; what is gone is noted as lost")
            .because(e)),
            // A broker that has just started says so too; the next plan tells the two apart.
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                Err(Error::new(Kind::Incomplete, "the brokers no longer know the topic that is being read")
                    .at("topic", &self.topic)
                    .because(e))
            }
            Some(Code::MessageSizeTooLarge) => Err(Error::new(
                Kind::Refused,
                format!("a record is larger than is read ({} bytes)", self.options.max_record_bytes),
            )
            .at("topic", &self.topic)
            .next("raise export.max_row_mb")
            .because(e)),
            Some(code) if is_auth(code) => {
                Err(error("read the topic", e, &self.options).at("topic", &self.topic))
            }
            _ if matches!(e, KafkaError::MessageConsumptionFatal(_)) => {
                Err(error("read the topic", e, &self.options).at("topic", &self.topic))
            }
            // One connection less is the client's matter; when there is none left, whoever waits has to know.
            Some(Code::AllBrokersDown) => {
                self.trouble = self.consumer.context().last().or_else(|| Some(e.to_string()));
                Ok(())
            }
            // So is what is said of the group, which is not used.
            _ => Ok(()),
        }
    }

    /// A partition that is done is not to be fetched on.
    fn stop_reading(&self, partition: i32) {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, partition);
        // What comes of it all the same lies beyond the bound.
        let _ = self.consumer.pause(&list);
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
            None => RecordDecoder::new(&self.layout)?,
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
                    if self.ready.is_empty() {
                        return Ok(if filled == Filled::Done { Step::End } else { Step::Idle });
                    }
                }
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

//! A consumer and how far it has come: records inside of the spans, one by one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::bounds::{Bounds, Place};
use super::complaints::{self, Consumer};
use super::options::{KafkaOptions, error, is_auth};
use crate::error::{Error, Kind, Result};
use crate::source::{Offsets, Span};

/// Bytes that the consumer fetches ahead.
pub(super) const QUEUE_BYTES: usize = 8 << 20;

/// A read of some spans of a topic.
pub(super) struct Fetch {
    options: KafkaOptions,
    topic: String,
    consumer: Consumer,
    bounds: Bounds,
    /// Why nobody answers, when nobody does and nothing has come since.
    trouble: Option<String>,
    /// When the last record is known to have come, and whether one has come since.
    alive: Instant,
    has_come: bool,
}

/// What a look has brought.
pub(super) enum Came<'a> {
    /// A record of one of the spans.
    Record(BorrowedMessage<'a>),
    /// Something that is no such record.
    Other,
    /// Nothing within the time.
    Nothing,
    /// Every span is read to its end.
    Done,
}

impl Fetch {
    /// Begins to read these spans.
    pub(super) fn open(options: &KafkaOptions, topic: &str, spans: &BTreeMap<i32, Span>) -> Result<Self> {
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
        // Only a log without an end grows while it is read.
        if spans.values().any(|span| span.until.is_none()) && !own("statistics.interval.ms") {
            config.set("statistics.interval.ms", "1000");
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
            trouble: None,
            alive: Instant::now(),
            has_come: false,
        })
    }

    /// The ends of the log, where they grow.
    pub(super) fn ends(&self) -> Offsets {
        self.consumer.context().ends()
    }

    /// Looks for the next record, for at most `pause`.
    pub(super) fn next(&mut self, pause: Duration) -> Result<Came<'_>> {
        if self.bounds.is_done() {
            return Ok(Came::Done);
        }
        match self.consumer.poll(pause) {
            Some(Ok(message)) => {
                let partition = message.partition();
                let place = self.bounds.record(partition, message.offset());
                if matches!(place, Place::Last | Place::Beyond) {
                    stop_reading(&self.consumer, &self.topic, partition);
                }
                if matches!(place, Place::Inside | Place::Last) {
                    self.trouble = None;
                    self.has_come = true;
                    return Ok(Came::Record(message));
                }
                Ok(Came::Other)
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                self.bounds.log_end(partition);
                Ok(Came::Other)
            }
            Some(Err(e)) => {
                let trouble = judge(e, &self.consumer, &self.topic, &self.options)?;
                self.trouble = trouble.or(self.trouble.take());
                Ok(Came::Other)
            }
            None => Ok(Came::Nothing),
        }
    }

    /// Judges a silence. A log that is followed may be silent for as long as it likes; its brokers may not.
    pub(super) fn check_alive(&mut self) -> Result<()> {
        if std::mem::take(&mut self.has_come) {
            self.alive = Instant::now();
        }
        let silent = self.alive.elapsed();
        if silent < self.options.inactivity || !self.bounds.has_ends() && self.trouble.is_none() {
            return Ok(());
        }
        let missing: Vec<_> =
            self.bounds.missing().map(|(p, end)| format!("partition {p} of {end}")).collect();
        let missing = match missing.join(", ") {
            none if none.is_empty() => none,
            missing => format!(", and {missing} is not read yet"),
        };
        let (kind, trouble) = match &self.trouble {
            Some(trouble) => (Kind::Unreachable, format!(" ({trouble})")),
            None => (Kind::Incomplete, String::new()),
        };
        Err(Error::new(kind, format!("no record came for {} s{missing}{trouble}", silent.as_secs()))
            .next("what was committed stays; look at the brokers, or raise server.inactivity_timeout"))
    }
}

/// What has to end the read is an error; what the client gets over by itself is at most a trouble.
fn judge(e: KafkaError, consumer: &Consumer, topic: &str, options: &KafkaOptions) -> Result<Option<String>> {
    let code = e.rdkafka_error_code();
    match code {
        Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Err(Error::new(
            Kind::Incomplete,
            "the log no longer holds the next offset that is to be read: its retention passed the read",
        )
        .at("topic", topic)
        .next("the read is planned anew; what is gone is noted as lost")
        .because(e)),
        // A broker that has just started says so too; the next plan tells the two apart.
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            Err(Error::new(Kind::Incomplete, "the brokers no longer know the topic that is being read")
                .at("topic", topic)
                .because(e))
        }
        Some(Code::MessageSizeTooLarge) => Err(Error::new(
            Kind::Refused,
            format!("a record is larger than is read ({} bytes)", options.max_record_bytes),
        )
        .at("topic", topic)
        .next("raise export.max_row_mb")
        .because(e)),
        Some(code) if is_auth(code) => Err(error("read the topic", e, options).at("topic", topic)),
        _ if matches!(e, KafkaError::MessageConsumptionFatal(_)) => {
            Err(error("read the topic", e, options).at("topic", topic))
        }
        // One connection less is the client's matter; when there is none left, whoever waits has to know.
        Some(Code::AllBrokersDown) => Ok(Some(consumer.context().last().unwrap_or_else(|| e.to_string()))),
        // So is what is said of the group, which is not used.
        _ => Ok(None),
    }
}

/// A partition that is done is not to be fetched on.
fn stop_reading(consumer: &Consumer, topic: &str, partition: i32) {
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, partition);
    // What comes of it all the same lies beyond the bound.
    let _ = consumer.pause(&list);
}

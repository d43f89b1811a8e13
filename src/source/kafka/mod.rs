//! Reading a topic from its brokers, by librdkafka.
//!
//! ```text
//! options   settings -> configuration of the client         log   metadata, end offsets, cluster id
//! bounds    which partition is read to its end (pure)       fetch the consumer's records inside of the spans
//! scan      records -> blocks -> batches                    keys  their keys alone
//! block     records copied together, decoded by the pool    complaints   why a question was not answered
//! ```
//!
//! Partitions are assigned by us: no group is joined and nothing is committed at the broker, as the lake keeps its own
//! position. An offset that is not there is an error (`auto.offset.reset=error`): the client's default would go on at the
//! end of the log without a word, which is a silent loss.

mod block;
mod bounds;
mod complaints;
mod fetch;
mod keys;
mod log;
mod options;
mod scan;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Brokers, Chosen, Cluster, KeyScan, Log, Scan, Span};
use crate::error::Result;
use crate::ksql::decode::record::Layout;
use crate::pool::Pool;

pub use options::{KafkaOptions, has_tls};
pub use scan::MEMORY;

/// The brokers that a configuration names. Cheap to clone; connections are made by each call.
#[derive(Debug, Clone)]
pub struct Kafka {
    options: Arc<KafkaOptions>,
}

impl Kafka {
    /// For these brokers.
    ///
    /// # Errors
    /// `Kind::Config` when the options contradict each other, or need what this build does not have.
    pub fn new(options: KafkaOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { options: Arc::new(options) })
    }

    /// What it was made from.
    pub fn options(&self) -> &KafkaOptions {
        &self.options
    }
}

impl Brokers for Kafka {
    fn cluster(&self) -> Result<Cluster> {
        log::cluster(&self.options)
    }

    fn log(&self, topic: &str) -> Result<Log> {
        log::ask(&self.options, topic)
    }

    fn open(
        &self,
        topic: &str,
        spans: &BTreeMap<i32, Span>,
        layout: &Layout,
        pool: &Arc<Pool>,
    ) -> Result<Box<dyn Scan>> {
        Ok(Box::new(scan::KafkaScan::open(&self.options, topic, spans, None, layout, pool)?))
    }

    fn keys(&self, topic: &str, spans: &BTreeMap<i32, Span>) -> Result<Box<dyn KeyScan>> {
        Ok(Box::new(keys::KafkaKeys::open(&self.options, topic, spans)?))
    }

    fn open_chosen(
        &self,
        topic: &str,
        chosen: Chosen,
        layout: &Layout,
        pool: &Arc<Pool>,
    ) -> Result<Box<dyn Scan>> {
        let spans = chosen.spans();
        Ok(Box::new(scan::KafkaScan::open(&self.options, topic, &spans, Some(chosen), layout, pool)?))
    }
}

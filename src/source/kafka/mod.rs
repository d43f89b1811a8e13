//! Reading a topic from its brokers, by librdkafka.
//!
//! ```text
//! options   settings -> configuration of the client         log   metadata, end offsets, cluster id
//! bounds    which partition is read to its end (pure)       fetch the consumer's records inside of the spans
//! scan      records -> blocks -> batches                    keys  their keys alone
//! token     who we are, where a token says so
//! schemas   what records name, asked for before they are decoded
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
mod schemas;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use schemas::Schemas;

use super::{Brokers, Chosen, Cluster, KeyScan, Log, Scan, Span};
use crate::error::Result;
use crate::ksql::decode::record::Layout;
use crate::ksql::registry::Registry;
use crate::pool::Pool;

pub use options::{KafkaOptions, SecretFiles, has_tls};
pub use scan::MEMORY;

/// The brokers that a configuration names. Cheap to clone; connections are made by each call.
#[derive(Debug, Clone)]
pub struct Kafka {
    options: Arc<KafkaOptions>,
    registry: Option<Registry>,
}

impl Kafka {
    /// For these brokers, and the registry of the schemas that records name.
    ///
    /// # Errors
    /// `Kind::Config` when the options contradict each other, or need what this build does not have.
    pub fn new(options: KafkaOptions, registry: Option<Registry>) -> Result<Self> {
        options.check()?;
        Ok(Self { options: Arc::new(options), registry })
    }

    /// The schemas of one read; `None` where its records name none.
    fn schemas(&self, layout: &Layout) -> Result<Option<Schemas>> {
        Schemas::needed(self.registry.as_ref(), layout)
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

    fn can_read(&self, layout: &Layout) -> Result<()> {
        self.schemas(layout).map(drop)
    }

    fn newest_schemas(&self, topic: &str, layout: &Layout) -> Result<Option<String>> {
        self.schemas(layout)?.map(|schemas| schemas.newest(topic, layout)).transpose()
    }

    fn open(
        &self,
        topic: &str,
        spans: &BTreeMap<i32, Span>,
        layout: &Layout,
        pool: &Arc<Pool>,
    ) -> Result<Box<dyn Scan>> {
        let schemas = self.schemas(layout)?;
        Ok(Box::new(scan::KafkaScan::open(&self.options, schemas, topic, spans, None, layout, pool)?))
    }

    fn keys(&self, topic: &str, spans: &BTreeMap<i32, Span>, layout: &Layout) -> Result<Box<dyn KeyScan>> {
        let schemas = if layout.key.needs_schema() { self.schemas(layout)? } else { None };
        Ok(Box::new(keys::KafkaKeys::open(&self.options, schemas, topic, spans, layout)?))
    }

    fn open_chosen(
        &self,
        topic: &str,
        chosen: Chosen,
        layout: &Layout,
        pool: &Arc<Pool>,
    ) -> Result<Box<dyn Scan>> {
        let (spans, schemas) = (chosen.spans(), self.schemas(layout)?);
        Ok(Box::new(scan::KafkaScan::open(
            &self.options,
            schemas,
            topic,
            &spans,
            Some(chosen),
            layout,
            pool,
        )?))
    }
}

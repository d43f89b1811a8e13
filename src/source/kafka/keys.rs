//! Keys of records alone: values are fetched too, as brokers know no other way, and left where they came.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::Message as _;

use super::fetch::{Came, Fetch};
use super::options::KafkaOptions;
use super::schemas::Schemas;
use crate::error::Result;
use crate::ksql::decode::record::{Format, Layout, SchemaBook};
use crate::source::{KeyScan, KeyStep, Keyed, Span};

/// Records between two looks at the clock.
const AT_ONCE: usize = 16 * 1024;

/// A read of a topic's keys.
pub(super) struct KafkaKeys {
    fetch: Fetch,
    layout: Layout,
    schemas: Option<Schemas>,
    bytes: u64,
}

impl KafkaKeys {
    pub(super) fn open(
        options: &KafkaOptions,
        schemas: Option<Schemas>,
        topic: &str,
        spans: &BTreeMap<i32, Span>,
        layout: &Layout,
    ) -> Result<Self> {
        // Values are not read here, whatever they name.
        let layout = Layout { value: Format::None, ..layout.clone() };
        Ok(Self { fetch: Fetch::open(options, topic, spans)?, layout, schemas, bytes: 0 })
    }
}

impl KeyScan for KafkaKeys {
    fn next(&mut self, wait: Duration, take: &mut dyn FnMut(&Keyed<'_>) -> Result<()>) -> Result<KeyStep> {
        let begun = Instant::now();
        for _ in 0..AT_ONCE {
            match self.fetch.next(wait)? {
                Came::Done => return Ok(KeyStep::End),
                Came::Record(message) => {
                    self.bytes += message.payload_len() as u64 + message.key_len() as u64;
                    if let Some(schemas) = &mut self.schemas {
                        // The key of a tombstone counts too.
                        schemas.find(&self.layout, message.key(), Some(&[]))?;
                    }
                    take(&Keyed {
                        partition: message.partition(),
                        offset: message.offset(),
                        key: message.key(),
                        is_tombstone: message.payload().is_none(),
                    })?;
                }
                Came::Other if begun.elapsed() < wait => {}
                Came::Other | Came::Nothing => {
                    self.fetch.check_alive()?;
                    break;
                }
            }
        }
        Ok(KeyStep::More)
    }

    fn schemas(&self) -> Arc<SchemaBook> {
        self.schemas.as_ref().map(|schemas| Arc::clone(&schemas.book)).unwrap_or_default()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

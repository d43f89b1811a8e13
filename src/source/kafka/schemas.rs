//! The schemas that records name, asked for before the records are handed over: no decoder ever waits for the network.

use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::ksql::decode::record::{Layout, SchemaBook};
use crate::ksql::registry::Registry;

/// The schemas of one read.
#[derive(Debug)]
pub(super) struct Schemas {
    registry: Registry,
    /// What the decoders look into.
    pub(super) book: Arc<SchemaBook>,
    /// The id of the last record, which mostly is that of the next.
    last: Option<u32>,
}

impl Schemas {
    /// For records of this layout; `None` where they name no schemas.
    pub(super) fn needed(registry: Option<&Registry>, layout: &Layout) -> Result<Option<Self>> {
        if !layout.needs_schemas() {
            return Ok(None);
        }
        let registry = registry.ok_or_else(|| {
            Error::new(Kind::Feed, "records are AVRO, and no schema registry is configured")
                .next("set schema_registry.url in lakehand.toml, or read the feed through ksqlDB")
        })?;
        Ok(Some(Self { registry: registry.clone(), book: Arc::default(), last: None }))
    }

    /// The newest schemas of a topic's keys and values, as they are registered by default: `key 3, value 12`.
    pub(super) fn newest(&self, topic: &str, layout: &Layout) -> Result<String> {
        let sides = [("key", layout.key), ("value", layout.value)];
        let newest = sides.into_iter().filter(|(_, format)| format.needs_schema()).map(|(side, _)| {
            let id = self.registry.newest(&format!("{topic}-{side}"))?;
            Ok(format!("{side} {}", id.map_or_else(|| "-".to_owned(), |id| id.to_string())))
        });
        Ok(newest.collect::<Result<Vec<_>>>()?.join(", "))
    }

    /// Finds out what a record names. An id that the registry does not have is known as such until this read ends.
    pub(super) fn find(&mut self, layout: &Layout, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<()> {
        for id in layout.schema_ids(key, value) {
            if self.last != Some(id) && !self.book.knows(id) {
                self.book.keep(id, self.registry.schema(id)?);
            }
            self.last = Some(id);
        }
        Ok(())
    }
}

//! Writers' schemas by their id, shared by all decoders of a read.
//!
//! Whoever hands records over fills it first, so that no decoder waits for the network.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::AvroSchema;

/// A schema, or why there is none.
type Entry = Result<Arc<AvroSchema>, String>;

/// Schemas by id.
#[derive(Debug, Default)]
pub struct SchemaBook(RwLock<HashMap<u32, Entry>>);

impl SchemaBook {
    /// Whether it was told what this id is.
    pub fn knows(&self, id: u32) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    /// Keeps what an id is. With an error, which continues "the schema 7: …", every record of that id is a bad one.
    pub fn keep(&self, id: u32, schema: Entry) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id, schema);
    }

    /// The schema of an id.
    pub(super) fn get(&self, id: u32) -> Result<Arc<AvroSchema>, String> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match known.get(&id) {
            Some(Ok(schema)) => Ok(Arc::clone(schema)),
            Some(Err(why)) => Err(format!("the schema {id}: {why}")),
            None => Err(format!("the schema {id} was not asked for")),
        }
    }
}

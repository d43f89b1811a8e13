//! AVRO values as Confluent's serializers frame them, with the coercions of ksqlDB's deserializer.
//!
//! ```text
//! 0, id of four bytes, datum      schema  JSON text of the registry -> the writer's types
//!                                 book    schemas by id, filled before the records are decoded
//!                                 plan    the writer's types × our columns, compiled once for an id
//!                                 read    plan + datum -> the buffers
//!                                 number  unscaled bytes -> DECIMAL; numbers as Java prints them
//! ```
//!
//! ksqlDB reads each record by its writer's schema alone: there is no resolution against a newer one, and so no default of
//! a field that is missing. Names are matched in any case, unknown ones left out, missing ones null.
//!
//! | column | takes |
//! |---|---|
//! | INTEGER, DATE, TIME | int |
//! | BIGINT, TIMESTAMP | int, long |
//! | DOUBLE | float, double |
//! | BOOLEAN | boolean |
//! | STRING | string, enum; int, long, float, double and boolean as Java prints them |
//! | BYTES | bytes, fixed |
//! | DECIMAL | bytes and fixed of the logical type decimal, exact |
//! | ARRAY | array |
//! | MAP | map; an array of `key` and `value` records that Connect marks as entries |
//! | STRUCT | record; a union of several types, a member for each by its type's name |
//!
//! The crate `arrow-avro` is not used: a record that breaks off leaves its decoder half filled, and each change of the
//! writer's schema ends a batch.

mod book;
mod number;
mod plan;
mod read;
mod schema;

use std::collections::HashMap;

use self::plan::Plan;
use super::super::fault::{Fault, Read};
use super::super::node::Member;

pub use book::SchemaBook;
pub use schema::AvroSchema;

/// Bytes before the datum.
const HEAD: usize = 5;

/// The schema id that a framed value names; `None` where it has no such frame.
pub fn schema_id(bytes: &[u8]) -> Option<u32> {
    match *bytes {
        [0, a, b, c, d, ..] => Some(u32::from_be_bytes([a, b, c, d])),
        _ => None,
    }
}

/// Reads values of one key or value.
#[derive(Debug, Default)]
pub(super) struct Reader {
    plans: HashMap<u32, Plan>,
}

impl Reader {
    /// Gives each member one value more; false for a datum that is null. What follows the datum is not looked at.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        wrapped: bool,
        book: &SchemaBook,
        members: &mut [Member],
    ) -> Read<bool> {
        let Some(id) = schema_id(bytes) else {
            return Err(Fault::new(0, "no zero byte and schema id stand before the datum, as AVRO has them"));
        };
        let plan = match self.plans.entry(id) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                let schema = book.get(id).map_err(|why| Fault::new(1, why))?;
                free.insert(Plan::new(schema, wrapped, members))
            }
        };
        plan.read(bytes, HEAD, members)
    }
}

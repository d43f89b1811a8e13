//! What a dataset holds, as records: `_metadata.json`, columns, offsets; and how to make them anew from the files.

pub(crate) mod facts;
pub(crate) mod loss;
pub(crate) mod metadata;
pub(crate) mod offsets;
pub(crate) mod rebuild;
pub(crate) mod runs;
pub(crate) mod schema;

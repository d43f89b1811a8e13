//! A question to ksqlDB becomes rows, and rows become Arrow batches.
//!
//! ```text
//! statement  SQL text, every name quoted            client    HTTP: time limits, auth, TLS; the only user of reqwest
//! describe   what a source is, and its log's ends   response  bytes -> lines -> elements; was the answer complete?
//! schema     type strings of DESCRIBE and headers   column    what is asked for, per column, so that nothing is lost
//! backoff    how long to wait before trying again   decode    a row's bytes -> column buffers -> RecordBatch
//! topic      how a stream's records are laid out    registry  the schemas that records name, from the Schema Registry
//! ```
//!
//! It knows nothing of feeds' files, the lake or the screen.

pub mod backoff;
pub mod client;
pub mod column;
pub mod decode;
pub mod describe;
pub mod inactivity;
pub mod registry;
pub mod response;
pub mod schema;
pub mod server_error;
pub mod statement;
pub mod topic;

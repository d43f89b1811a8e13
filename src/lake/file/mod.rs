//! One Parquet file: how it is written, what its footer says, and some of its rows for a screen.
//!
//! ```text
//! open_file     from the first row to the footer        encoder   columns, encoded by the threads of the pool
//! properties    codec, pages, statistics                 encoding  how each column is encoded, decided from a sample
//! footer        what the file says of itself             preview   some rows as text
//! rows          every row decoded, and the offsets they have
//! readers       which readers cannot read a column  stats     bounds and nulls of a file's columns
//! ```

pub(crate) mod encoder;
pub(crate) mod encoding;
pub(crate) mod footer;
pub(crate) mod open_file;
pub(crate) mod preview;
pub(crate) mod properties;
pub(crate) mod readers;
pub(crate) mod rows;
pub(crate) mod stats;

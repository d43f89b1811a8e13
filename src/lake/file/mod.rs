//! One Parquet file: how it is written, what its footer says, and some of its rows for a screen.
//!
//! ```text
//! open_file     from the first row to the footer        encoder   columns, encoded by the threads of the pool
//! properties    codec, pages, statistics                 encoding  how each column is encoded, decided from a sample
//! footer        what the file says of itself             preview   some rows as text
//! batches       rows decoded, a batch at a time         rows      every row, and the offsets they have
//! sort          rows in another order, of more than memory holds     fingerprint   what rows are, whatever their order
//! readers       which readers cannot read a column  stats     bounds and nulls of a file's columns
//! stub          what stays of a file that lies in the cold tier: its place and its footer
//! ```

pub(crate) mod batches;
pub(crate) mod encoder;
pub(crate) mod encoding;
pub(crate) mod fingerprint;
pub(crate) mod footer;
pub(crate) mod open_file;
pub(crate) mod preview;
pub(crate) mod properties;
pub(crate) mod readers;
pub(crate) mod rows;
pub(crate) mod sort;
pub(crate) mod stats;
pub(crate) mod stub;

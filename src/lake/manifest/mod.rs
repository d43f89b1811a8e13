//! What a dataset holds, as records.
//!
//! ```text
//! metadata    `_metadata.json`: partitions, counts, positions, columns       schema    the columns, and how they change
//! data_file   one data file as a commit lists it: rows, bytes, offsets, column statistics, hash
//! journal     every commit's list of files, appended to                      offsets   ranges of Kafka offsets
//! offset_set  offsets that come in any order
//! proof       which positions the files prove                              log       which log the offsets are of
//! last_row    by which a log is known again that was made anew under its name
//! without_row    offsets that gave no row                              writers   queries that write the source and stand still
//! partition      one partition as the metadata counts it, the part in the cold tier too
//! cold           files that lie in the cold tier, by their stubs
//! source_check   what a comparison of both ways of reading found, and what that holds for      pin   what is kept for good
//! ```

pub(crate) mod cold;
pub(crate) mod column_stats;
pub(crate) mod data_file;
pub(crate) mod facts;
pub(crate) mod journal;
pub(crate) mod last_row;
pub(crate) mod log;
pub(crate) mod loss;
pub(crate) mod metadata;
pub(crate) mod offset_set;
pub(crate) mod offsets;
pub(crate) mod partition;
pub(crate) mod pin;
pub(crate) mod proof;
pub(crate) mod schema;
pub(crate) mod source_check;
pub(crate) mod table;
pub mod without_row;
pub(crate) mod writers;

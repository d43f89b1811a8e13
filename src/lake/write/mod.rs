//! Batches to open files.
//!
//! ```text
//! route     a batch is cut by partition               scatter   rows of many partitions wait until there are enough of each
//! present   rows as files hold them: types that every reader knows
//! writer    one open file a partition, within one memory budget
//! quarantine  rows that cannot be decoded or have no partition, as JSON lines
//! ```

pub(crate) mod columns;
pub(crate) mod plausible;
pub(crate) mod present;
pub(crate) mod quarantine;
pub(crate) mod route;
pub(crate) mod scatter;
pub(crate) mod writer;

//! Batches to open files.
//!
//! ```text
//! route     a batch is cut by partition               scatter   rows of many partitions wait until there are enough of each
//! present   rows as files hold them: types that every reader knows
//! writer    one open file a partition, within one memory budget
//! ```

pub(crate) mod columns;
pub(crate) mod plausible;
pub(crate) mod present;
pub(crate) mod route;
pub(crate) mod scatter;
pub(crate) mod writer;

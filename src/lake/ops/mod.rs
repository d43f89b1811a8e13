//! The operations on a dataset. Each ends in one commit.
//!
//! ```text
//! append      rows of a stream            snapshot    a table as a new version     quarantine  rows that cannot be decoded
//! replace     a day exported again        undo        the files of before back     replaced    what such swaps put aside
//! retention   old days and versions go    seal        complete days bear `_SUCCESS`
//! ```

pub(crate) mod accept;
pub(crate) mod append;
pub(crate) mod loss;
pub(crate) mod quarantine;
pub(crate) mod replace;
pub(crate) mod replaced;
pub(crate) mod retention;
pub(crate) mod seal;
pub(crate) mod snapshot;
pub(crate) mod undo;
pub(crate) mod undo_version;

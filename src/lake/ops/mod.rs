//! The operations on a dataset. Each is one [`Transaction`](crate::lake::txn::transaction::Transaction).
//!
//! ```text
//! append      rows of a stream            snapshot    a table as a new version
//! replace     a day exported again        undo        the files of before back     replaced    what such swaps put aside
//! compact     small files of a day become few, and no row changes
//! run         what these three have in common
//! tier        sealed days move to the cold tier and back: what is due, the switch, the removal of local copies
//! retention   old days and versions go    seal        complete days bear `_SUCCESS`    log         which log is read
//! pin         versions and days that the feed's rules let go no more                   undo_version  a table rolled back
//! source_check   what a comparison of both ways found      writers   queries that write the source and stand still
//! ```

pub(crate) mod accept;
pub(crate) mod append;
pub(crate) mod compact;
pub(crate) mod log;
pub(crate) mod loss;
pub(crate) mod pin;
pub(crate) mod replace;
pub(crate) mod replaced;
pub(crate) mod retention;
pub(crate) mod run;
pub(crate) mod seal;
pub(crate) mod snapshot;
pub(crate) mod source_check;
pub(crate) mod tier;
pub(crate) mod undo;
pub(crate) mod undo_version;
pub(crate) mod writers;

//! What readers see changes here and nowhere else.
//!
//! ```text
//! lock       one holder a dataset            dataset    open, recover, the state that operations work on
//! transaction actions that take effect together; every operation of `ops` and every repair is one
//! commit     staging, intent, renames, `_metadata.json`; recovery finishes or forgets
//! cold       readers are sent to the cold tier, or back; local copies go
//! exchange   a partition whose files are replaced changes in one step
//! migrate    books and metadata get another place
//! published  what catalogues were last made to hold
//! table      the log of the table that a dataset may be too, written with each commit
//! tidy       folders that a commit has left empty go
//! aside      a whole dataset gets another name
//! ```

pub(crate) mod aside;
pub(crate) mod cold;
pub(crate) mod commit;
pub(crate) mod dataset;
mod exchange;
pub(crate) mod lock;
pub(crate) mod migrate;
pub(crate) mod published;
pub(crate) mod rebuild;
pub(crate) mod table;
pub(crate) mod tidy;
pub(crate) mod transaction;

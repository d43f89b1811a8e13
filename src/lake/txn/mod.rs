//! What readers see changes here and nowhere else.
//!
//! ```text
//! lock       one holder a dataset            dataset    open, recover, the state that operations work on
//! commit     staging, intent, renames, `_metadata.json`; recovery finishes or forgets
//! migrate    books and metadata get another place
//! ```

pub(crate) mod commit;
pub(crate) mod dataset;
pub(crate) mod lock;
pub(crate) mod migrate;
pub(crate) mod rebuild;

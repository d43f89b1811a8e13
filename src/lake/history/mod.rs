//! What became of a dataset, commit by commit; and what differs between two of its states. Takes no lock.
//!
//! ```text
//! list      the journal told commit by commit, and of each what of it can still be read or brought back
//! commits   two commits of a stream: files, rows and offsets of each partition that came and went between them
//! versions  two versions of a table: rows added, removed and changed, by key       row_hash   values as numbers that are compared
//! text      commits and differences in words
//! ```

mod commits;
mod list;
mod row_hash;
mod text;
mod versions;

pub use commits::{CommitsDiff, PartitionDiff, diff_commits, set_after};
pub use list::{CommitEntry, CommitKind, Held, History, LogVersion, history};
pub use versions::{Asked, RowChange, RowKind, ValueChange, VersionsDiff, diff_versions};

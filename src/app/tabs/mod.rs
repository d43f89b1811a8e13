//! The views: what each of them knows, and what it does on an action.

pub(crate) mod checks;
pub mod detail;
pub mod exports;
pub mod feeds;
pub(crate) mod history;
pub mod logs;
pub(crate) mod maintenance;
pub mod partitions;
mod tier;

pub use detail::Detail;
pub use exports::{Exports, Run, RunState};
pub use feeds::{FeedColumn, Feeds};
pub use logs::Logs;
pub use partitions::{Files, GridState, Level, Partitions};

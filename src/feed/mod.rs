//! What to export: a feed is one JSON file in `feeds/active`; its meaning is a [`Feed`].
//!
//! ```text
//! feeds/active/payments.json ──parse::parse_feed──▶ Feed  or every Problem at once, each with line and column
//! feeds/{active,archived}    ──Catalog::load──────▶ the list that commands and screen show, invalid ones included
//! enable, archive, undo …    ──edit───────────────▶ the file, replaced atomically, own order and unknown fields kept
//! feeds add                  ──add────────────────▶ a new file, complete and parsed back before it is written
//! ```
//!
//! | file | its part |
//! |---|---|
//! | spec, keywords | what a feed means, and how its values are spelt |
//! | partition_path | the folders of partitions: `year=2025/month=01/day=15`, `version=v2` |
//! | json, parse, layout, problem | from text to meaning, or to what is wrong with it |
//! | duration, schedule | `15m`, `every 15m`, `0 2 * * *` |
//! | catalog, edit, add | the folders |
//! | disk | reading without being held up, replacing without a moment in between |
//!
//! Nothing here knows the network, the lake or the screen.

pub mod add;
pub mod catalog;
mod disk;
pub mod duration;
pub mod edit;
mod json;
pub mod keywords;
mod layout;
pub mod parse;
pub mod partition_path;
pub mod problem;
pub mod schedule;
pub mod spec;

pub use add::{NewFeed, add};
pub use catalog::{Catalog, Entry, EntryState, FeedPaths, Place};
pub use edit::{Change, archive, restore, set_enabled, set_table_format, undo};
pub use parse::parse_feed;
pub use partition_path::{Depth, PartitionPath};
pub use problem::{Problem, nearest};
pub use spec::*;

//! What to export: a feed is one JSON file in `feeds/active`; its meaning is a [`Feed`].
//!
//! ```text
//! feeds/active/payments.json ──spec::parse──▶ Feed  or every problem at once, each with line and column
//! feeds/{active,archived}    ──Catalog::load─▶ the list that commands and screen show, invalid ones included
//! enable, archive, add …     ──edit──────────▶ the file, replaced atomically, own order and unknown fields kept
//! ```
//!
//! Nothing here knows the network, the lake or the screen.

pub mod spec;

pub use spec::*;

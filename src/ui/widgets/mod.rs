//! Parts that several views draw: each takes plain values, and knows no app.

pub mod field;
pub mod meter;
pub mod rule;
pub mod scroll;
pub mod table;

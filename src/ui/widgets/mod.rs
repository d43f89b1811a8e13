//! Parts that several views draw: each takes plain values, and knows no app.

pub mod heat;
pub mod meter;
pub mod scroll;
pub mod table;

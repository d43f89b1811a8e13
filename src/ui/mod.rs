//! The screen.

pub mod terminal;

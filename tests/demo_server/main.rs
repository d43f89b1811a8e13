//! The embedded server against recordings of a real one, its data against itself, and its misbehaviour.

mod data;
mod misbehaviour;
mod queries;
mod recorded;
mod support;

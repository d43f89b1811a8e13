//! `lakehand read`: the text for each engine, what is refused, and that README says what the command prints.

#[path = "../support/mod.rs"]
mod support;

mod command;
mod golden;
mod readme;

//! Sealed days go to the cold tier and come back: nothing is lost, nothing is read twice, and every record agrees at every instant.

#[path = "../lake_support/disk.rs"]
mod disk;
#[path = "../support/engine.rs"]
mod engine;
#[path = "../lake_support/instants.rs"]
mod instants;
#[path = "../lake_support/mod.rs"]
mod lake_support;
#[path = "../support/mod.rs"]
mod project;

mod command;
mod crash;
mod lake;
mod mover;
mod support;

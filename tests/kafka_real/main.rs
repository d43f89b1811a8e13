//! Exports from Apache Kafka itself. Ignored in a plain `cargo test`: `.ci/kafka` brings the broker and runs them.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod both_ways;
mod broker;
mod kills;
mod outages;
mod topics;
mod transactions;

//! Exports from Apache Kafka itself. Ignored in a plain `cargo test`: `.ci/kafka` brings the broker and runs them.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/avro.rs"]
mod avro_records;
#[path = "../support/registry.rs"]
mod registry_server;

mod access;
mod avro;
mod both_ways;
mod broker;
mod kills;
mod outages;
mod tables;
mod topics;
mod transactions;

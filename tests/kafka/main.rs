//! Reading topics themselves: records as a real server (ksqlDB 7.4) read them, and exports from a broker in this process.

#[path = "../support/engine.rs"]
mod engine;
#[path = "../support/mod.rs"]
mod support;

#[path = "../support/avro.rs"]
mod avro_records;
#[path = "../support/registry.rs"]
mod registry_server;

mod auto;
mod avro;
mod broker;
mod export;
mod faults;
mod identity;
mod last_rows;
mod recorded;
mod registry;
mod source_check;
mod table_log;
mod tables;

//! An embedded server that answers like ksqlDB, and the transactions that it serves.
//!
//! ```text
//! transaction  number -> transaction, a pure function    log        partition, offset -> transaction: the topics
//! vocabulary   names, cities, products                   cell       one value of a record: its type and its JSON
//! print        numbers and strings as ksqlDB prints      aggregate  the tables, counted up to now; expected_rows
//! sql          text -> statements                        catalog    streams, tables and their queries
//! every        a stream with every type, on request
//! select       a SELECT bound to a source                predicate  its WHERE
//! server, http, ksql, query    sockets, routes, statements, queries
//! topic        the records of a stream's topic, for a broker
//! push, pull   rows of a query -> writer                 writer     framing of the four formats; faults strike here
//! ```
//!
//! The bytes follow recordings of a real server (0.29 line). It stands alone: it knows ksqlDB's types and nothing of
//! clients, feeds or the lake. It never leaves the loopback interface.

mod aggregate;
mod catalog;
mod cell;
mod describe;
mod every;
mod expected_rows;
mod faults;
mod http;
mod ksql;
mod log;
mod options;
mod predicate;
mod print;
mod pull;
mod push;
mod query;
mod select;
mod server;
mod sql;
mod token;
mod topic;
mod transaction;
mod vocabulary;
mod writer;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use expected_rows::{ExpectedRows, KeyTotals, Totals};
pub use faults::{Fault, Faults};
pub use options::{Accept, Accepted, DemoOptions, Io};
pub use server::DemoServer;
pub use topic::{TableChange, TopicRecord};

/// Locks, also after a panic of another holder: what is kept behind these locks is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request that arrived, for tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `GET`, `POST`
    pub method: String,
    /// The path without the query part.
    pub path: String,
    /// The statements, where the body had some.
    pub sql: Option<String>,
    /// Whether it came over HTTP/2.
    pub http2: bool,
}

//! An embedded server that answers like ksqlDB, and the transactions that it serves.
//!
//! ```text
//! transaction  number -> transaction, a pure function    log        partition, offset -> transaction: the topics
//! vocabulary   names, cities, products                   cell       one value of a record: its type and its JSON
//! print        numbers and strings as ksqlDB prints      aggregate  the tables, counted up to now; truth
//! sql          text -> statements                        catalog    streams, tables and their queries
//! select       a SELECT bound to a source                predicate  its WHERE
//! server, http, ksql, query    sockets, routes, statements, queries
//! push, pull   rows of a query -> writer                 writer     framing of the four formats; faults strike here
//! ```
//!
//! The bytes follow recordings of a real server (0.29 line). It stands alone: it knows ksqlDB's types and nothing of
//! clients, feeds or the lake. It never leaves the loopback interface.

mod faults;
mod options;
mod truth;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use faults::{Fault, Faults};
pub use options::{Accept, Accepted, DemoOptions, Io};
pub use truth::{KeyTotals, Totals, Truth};

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

/// A running server on a port of the loopback interface. Dropping it stops it.
pub struct DemoServer {}

impl DemoServer {
    /// Starts on a free port.
    pub async fn start(_options: DemoOptions) -> crate::Result<Self> {
        todo!()
    }
    /// `http://127.0.0.1:port`
    pub fn url(&self) -> String {
        todo!()
    }
    /// `n` more transactions exist at once.
    pub fn append(&self, _n: u64) {
        todo!()
    }
    /// Transactions that exist now.
    pub fn transactions(&self) -> u64 {
        todo!()
    }
    /// New transactions per second from now on; 0: none.
    pub fn set_rate(&self, _rate: f64) {
        todo!()
    }
    /// What an export of this moment must arrive at.
    pub fn truth(&self) -> Truth {
        todo!()
    }
    /// What goes wrong is said here.
    pub fn faults(&self) -> &Faults {
        todo!()
    }
    /// The requests that arrived so far.
    pub fn log(&self) -> Vec<Seen> {
        todo!()
    }
    /// A new STRING column, null in every row, at the end of `source` (as CREATE OR REPLACE makes one).
    pub fn add_column(&self, _source: &str, _column: &str) {
        todo!()
    }
    /// Cuts what is open and frees the port.
    pub async fn stop(self) {
        todo!()
    }
}

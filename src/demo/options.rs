//! What the embedded server is asked to be.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use chrono::{DateTime, TimeZone, Utc};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A connection after [`Accept`] has dealt with it.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The future of an accepted connection.
pub type Accepted = Pin<Box<dyn Future<Output = std::io::Result<Box<dyn Io>>> + Send>>;

/// What is done with an accepted connection before HTTP is spoken on it: a TLS handshake, for instance.
pub type Accept = Arc<dyn Fn(TcpStream) -> Accepted + Send + Sync>;

/// Settings of a [`DemoServer`](super::DemoServer).
#[derive(Clone)]
pub struct DemoOptions {
    /// Transactions that exist from the start.
    pub rows: u64,
    /// The transactions are a function of it: the same seed gives the same bytes.
    pub seed: u64,
    /// Partitions of every topic, at least 1.
    pub partitions: u32,
    /// Days over which the event times of the first `rows` transactions are spread, at least 1.
    pub days: u32,
    /// The first event time.
    pub start: DateTime<Utc>,
    /// New transactions per second; 0: none.
    pub rate: f64,
    /// One HTTP chunk (or DATA frame) per row, as real servers do for push queries and pulls over streams.
    pub row_per_chunk: bool,
    /// User and password of HTTP basic authentication; `None`: open.
    pub credentials: Option<(String, String)>,
    /// A user who is known but has no role: 403.
    pub without_role: Option<(String, String)>,
    /// One more stream, `EVERY_TYPE`: a column of each of ksqlDB's types, with nulls at every depth.
    pub every_type: bool,
    /// A helper stream `…_LAKEHAND_END` exists for every stream that no other query reads.
    pub end_helpers: bool,
    /// The Kafka cluster that `/info` names; `None`: one that there is not.
    pub cluster: Option<String>,
    /// The format that the server says values have; topics of it are whoever fills them's matter.
    pub value_format: &'static str,
    /// `ksql.max.push.queries`
    pub max_push_queries: usize,
    /// What turns an accepted connection into one that speaks HTTP, with the scheme for [`url`](super::DemoServer::url)
    /// (`https` after a TLS handshake). `None`: plain HTTP.
    pub accept: Option<(&'static str, Accept)>,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self {
            rows: 10_000,
            seed: 1,
            partitions: 3,
            days: 30,
            start: Utc.timestamp_opt(1_735_689_600, 0).single().unwrap_or_default(),
            rate: 0.0,
            row_per_chunk: true,
            credentials: None,
            without_role: None,
            every_type: false,
            end_helpers: true,
            cluster: None,
            value_format: "JSON",
            max_push_queries: 100,
            accept: None,
        }
    }
}

//! HTTP to ksqlDB: time limits, authentication, TLS. The only user of reqwest.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::describe::{Description, PartitionOffsets, QueryProgress, SourceName, StatementOutcome};
use super::response::Framing;
use crate::error::Result;

/// Who we are to the server.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// Nobody.
    None,
    /// Name and password.
    Basic {
        /// The name.
        username: String,
        /// The password: never shown.
        password: String,
    },
    /// A token: never shown.
    Bearer(String),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Basic { username, .. } => write!(f, "Basic({username:?}, hidden)"),
            Self::Bearer(_) => f.write_str("Bearer(hidden)"),
        }
    }
}

/// How to reach a server, and how long to wait for it.
#[derive(Clone)]
pub struct ClientOptions {
    /// `http://host:8088` or `https://…`; a path in it is kept as a prefix.
    pub url: String,
    /// Who we are.
    pub auth: Auth,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Our own certificate and its key (PEM).
    pub identity_pem: Option<Vec<u8>>,
    /// Limit for TCP and TLS.
    pub connect_timeout: Duration,
    /// Limit from the request to the head of the answer.
    pub first_byte_timeout: Duration,
    /// How long an answer may stay silent; judged by the caller from [`Chunk::Idle`].
    pub inactivity_timeout: Duration,
    /// Longest line of an answer.
    pub max_row_bytes: usize,
}

/// A client of one server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {}

/// What `/info` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// `0.29.0` or `7.4.15`
    pub version: ServerVersion,
    /// Id of the Kafka cluster.
    pub kafka_cluster_id: String,
    /// The service id.
    pub service_id: String,
    /// `RUNNING`, `ERROR`, `DEGRADED`
    pub status: String,
}

/// A server's version on either of its two scales: 0.x (stand-alone) or 6.x and later (Confluent Platform).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    /// As the server spells it.
    pub text: String,
}

/// The way in which a query is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// `EMIT CHANGES` from the earliest offset, on `/query-stream`.
    StreamPush,
    /// A pull over a stream, on `/query-stream`: it ends by itself.
    StreamPull,
    /// A pull over a table, on `/query-stream`.
    TablePull,
    /// A pull over a table, on legacy `/query`: its end mark can be trusted.
    TablePullLegacy,
}

/// A question whose answer is streamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// One statement with its semicolon.
    pub sql: String,
    /// How it is asked.
    pub way: Way,
}

/// The ends of a source's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndOffsets {
    /// The sink by whose DESCRIBE EXTENDED they were learnt.
    pub via: String,
    /// By partition of the source's topic.
    pub partitions: BTreeMap<i32, PartitionOffsets>,
}

/// A streamed answer.
#[derive(Debug)]
pub struct Answer {
    /// The grammar of its bytes.
    pub framing: Framing,
}

/// The next thing that an answer brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Bytes.
    Data(Bytes),
    /// None came while we waited; the time since the last byte.
    Idle(Duration),
    /// The transport ended cleanly. That proves nothing: ask [`super::response::Frames::end`].
    End,
}

impl Client {
    /// A client; nothing is sent yet.
    pub fn new(_options: ClientOptions) -> Result<Self> {
        todo!()
    }

    /// The options it was made from.
    pub fn options(&self) -> &ClientOptions {
        todo!()
    }

    /// `GET /info`
    pub async fn info(&self) -> Result<ServerInfo> {
        todo!()
    }

    /// `GET /healthcheck`
    pub async fn healthy(&self) -> Result<bool> {
        todo!()
    }

    /// `LIST STREAMS`
    pub async fn list_streams(&self) -> Result<Vec<SourceName>> {
        todo!()
    }

    /// `LIST TABLES`
    pub async fn list_tables(&self) -> Result<Vec<SourceName>> {
        todo!()
    }

    /// `DESCRIBE source`
    pub async fn describe(&self, _source: &str) -> Result<Description> {
        todo!()
    }

    /// `DESCRIBE source EXTENDED`
    pub async fn describe_extended(&self, _source: &str) -> Result<Description> {
        todo!()
    }

    /// The ends of the source's log, by the sinks of the queries that read it; `None` when no query tells.
    pub async fn end_offsets(&self, _source: &Description) -> Result<Option<EndOffsets>> {
        todo!()
    }

    /// How far a running query has come; `None` when the server does not know it.
    pub async fn progress(&self, _query_id: &str) -> Result<Option<BTreeMap<i32, QueryProgress>>> {
        todo!()
    }

    /// Runs a statement that changes something, and waits for its outcome.
    pub async fn execute(
        &self,
        _ddl: &str,
        _properties: &BTreeMap<String, serde_json::Value>,
    ) -> Result<StatementOutcome> {
        todo!()
    }

    /// Closes a query: true when it was closed, false when the server does not know it (any more).
    pub async fn close_query(&self, _id: &str) -> Result<bool> {
        todo!()
    }

    /// Asks, and returns when the answer's head has come.
    pub async fn open(&self, _query: &Query) -> Result<Answer> {
        todo!()
    }
}

impl Answer {
    /// The next bytes, or `Idle` after `wait`, or the end. Dropping the future loses nothing.
    pub async fn chunk(&mut self, _wait: Duration) -> Result<Chunk> {
        todo!()
    }

    /// How long this answer may stay silent.
    pub fn inactivity_limit(&self) -> Duration {
        todo!()
    }
}

impl ServerVersion {
    /// Understands both scales; text that is neither is kept and counts as new.
    pub fn parse(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// ROWPARTITION and ROWOFFSET (0.22 off by default, 0.23.1 / 7.1 on).
    pub fn has_row_offsets(&self) -> bool {
        todo!()
    }

    /// `/query-stream` over HTTP/1.1 (0.24 / 7.1).
    pub fn has_query_stream_over_http1(&self) -> bool {
        todo!()
    }
}

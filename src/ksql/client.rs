//! HTTP to ksqlDB: time limits, authentication, TLS. The only user of reqwest, together with `registry`, which asks through it.
//!
//! ```text
//! Client ── ask: GET /info, POST /ksql …  small, whole, bounded bodies        describe reads them
//!        └─ open: POST /query-stream      Answer ── chunk, chunk, … , end     response reads them
//! ```
//!
//! | module | what |
//! |---|---|
//! | `options` | address, credentials, limits |
//! | `http` | one server: who we are to it, requests, small answers; the Schema Registry is another one |
//! | `transport` | the reqwest clients, and what their errors mean |
//! | `refusal` | what an answer other than 200 means |
//! | `answer` | a streamed answer, chunk by chunk |
//! | `version` | the two scales of server versions |
//!
//! HTTP/1.1 throughout: servers send one small frame a row, which HTTP/2 clients may abort as abuse, and a query that is
//! left runs on while an HTTP/2 connection lives. A streamed answer has a connection of its own. `Accept` is always exact, as
//! `*/*` yields a format without an end mark. Nothing is tried again here, and no redirect is followed.

mod answer;
mod http;
mod options;
mod refusal;
mod transport;
mod version;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use answer::{Answer, Chunk};
use chrono::{DateTime, Utc};
pub(super) use http::{Http, Reply};
pub use options::{Auth, ClientOptions, Renew};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
pub use version::ServerVersion;

use super::describe::{
    self, CommandState, Description, PartitionOffsets, QueryProgress, SourceName, StatementOutcome,
};
use super::response::Framing;
use super::statement::quote;
use crate::error::{Error, Kind, Result};

/// The media type that every request names and asks for.
const V1_JSON: &str = "application/vnd.ksql.v1+json";

/// Bodies of `/ksql` and the like: SHOW QUERIES EXTENDED of a busy server has some hundred kB.
const MAX_BODY: usize = 16 << 20;

/// How long [`Client::execute`] waits for a statement that the server has taken and not yet done.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
const COMMAND_INTERVAL: Duration = Duration::from_millis(250);

/// A client of one server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: Http,
    /// For streamed answers: a connection each, and none kept.
    streaming: reqwest::Client,
}

/// What `/healthcheck` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Everything that is looked at is well.
    pub is_well: bool,
    /// The server reaches its Kafka brokers; true where it tells nothing of them.
    pub reaches_brokers: bool,
}

/// What `/info` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// `0.29.0` or `7.4.15`
    pub version: ServerVersion,
    /// Id of the Kafka cluster.
    pub kafka_cluster_id: String,
    /// The service id.
    pub service_id: String,
    /// `RUNNING`, `ERROR` or `DEGRADED`; empty on servers that do not tell.
    pub status: String,
}

/// How a query is asked, and so on which endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueryKind {
    /// `EMIT CHANGES` from the earliest offset, on `/query-stream`.
    StreamPush,
    /// A pull over a stream, on `/query-stream`: it ends by itself.
    StreamPull,
    /// A pull over a table, on `/query-stream`. Its writer can lose an error: prefer the legacy one.
    TablePull,
    /// A pull over a table, on legacy `/query`: its end mark can be trusted. It must be read without stalling, as the
    /// server gives up after 3 s.
    TablePullLegacy,
}

/// A question whose answer is streamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// One statement with its semicolon.
    pub sql: String,
    /// How it is asked.
    pub kind: QueryKind,
}

/// The ends of a source's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndOffsets {
    /// The sink by whose DESCRIBE EXTENDED they were learnt.
    pub via: String,
    /// By partition of the source's topic.
    pub partitions: BTreeMap<i32, PartitionOffsets>,
}

impl EndOffsets {
    /// By partition: the first offset that is there, and the one behind the last.
    pub fn bounds(&self) -> BTreeMap<i32, (i64, i64)> {
        self.partitions.iter().map(|(p, log)| (*p, (log.log_start, log.log_end))).collect()
    }
}

impl Client {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// [`Kind::Config`] for an address, certificate or key that cannot be used.
    pub fn new(options: ClientOptions) -> Result<Self> {
        let http = Http::new(options, V1_JSON)?;
        let streaming = http.streaming()?;
        Ok(Self(Arc::new(Inner { http, streaming })))
    }

    /// The options it was made from.
    pub fn options(&self) -> &ClientOptions {
        self.0.http.options()
    }

    /// `GET /info`
    pub async fn info(&self) -> Result<ServerInfo> {
        #[derive(Deserialize)]
        struct Outer {
            #[serde(rename = "KsqlServerInfo")]
            info: Info,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Info {
            version: String,
            #[serde(default)]
            kafka_cluster_id: String,
            #[serde(default)]
            ksql_service_id: String,
            #[serde(default)]
            server_status: String,
        }
        let body = self.get("/info").await?;
        let Outer { info } = serde_json::from_slice(&body).map_err(|error| no_ksqldb("/info", &error))?;
        Ok(ServerInfo {
            version: ServerVersion::parse(&info.version),
            kafka_cluster_id: info.kafka_cluster_id,
            service_id: info.ksql_service_id,
            status: info.server_status,
        })
    }

    /// The server's clock, where it tells it: the `Date` of an answer.
    pub async fn server_time(&self) -> Result<Option<DateTime<Utc>>> {
        let response = self.0.http.send(None, Method::GET, &["info"], None).await?;
        Ok(http::date_of(&response))
    }

    /// What the server's clock shows now, by the newest `Date` of all answers of this client so far. ksqlDB itself sends
    /// none (recorded for 7.4 and 0.29); proxies and balancers in front of it do.
    pub fn clock(&self) -> Option<DateTime<Utc>> {
        self.0.http.clock()
    }

    /// `GET /healthcheck`
    pub async fn health(&self) -> Result<Health> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Part {
            is_healthy: bool,
            #[serde(default)]
            details: BTreeMap<String, Part>,
        }
        let body = self.get("/healthcheck").await?;
        let whole: Part = serde_json::from_slice(&body).map_err(|error| no_ksqldb("/healthcheck", &error))?;
        let reaches_brokers = whole.details.get("kafka").is_none_or(|kafka| kafka.is_healthy);
        Ok(Health { is_well: whole.is_healthy, reaches_brokers })
    }

    /// `LIST STREAMS`, sorted by name.
    pub async fn list_streams(&self) -> Result<Vec<SourceName>> {
        describe::source_names(&self.ksql("LIST STREAMS;", &BTreeMap::new()).await?)
    }

    /// `LIST TABLES`, sorted by name.
    pub async fn list_tables(&self) -> Result<Vec<SourceName>> {
        describe::source_names(&self.ksql("LIST TABLES;", &BTreeMap::new()).await?)
    }

    /// `DESCRIBE source`
    pub async fn describe(&self, source: &str) -> Result<Description> {
        self.described(source, "").await
    }

    /// `DESCRIBE source EXTENDED`
    pub async fn describe_extended(&self, source: &str) -> Result<Description> {
        self.described(source, " EXTENDED").await
    }

    async fn described(&self, source: &str, suffix: &str) -> Result<Description> {
        let statement = format!("DESCRIBE {}{suffix};", quote(source));
        let reply =
            self.ksql(&statement, &BTreeMap::new()).await.map_err(|error| error.at("source", source))?;
        describe::description(&reply)
    }

    /// The ends of the source's log, by the sinks of the queries that read it; `None` when no query tells.
    ///
    /// Only inputs of a persistent query are told (verified page, section 1), so a stream that none reads has no answer:
    /// see [`super::statement::end_helper_ddl`].
    pub async fn end_offsets(&self, source: &Description) -> Result<Option<EndOffsets>> {
        let mut tried = Vec::new();
        for sink in source.read_queries.iter().flat_map(|query| &query.sinks) {
            if tried.contains(&sink) || *sink == source.name {
                continue;
            }
            tried.push(sink);
            let described = match self.describe_extended(sink).await {
                Ok(described) => described,
                // Dropped meanwhile, or not for our eyes: another sink may tell.
                Err(error) if matches!(error.kind(), Kind::Refused | Kind::Schema) => continue,
                Err(error) => return Err(error),
            };
            let topics = described.offsets.into_iter().filter(|offsets| offsets.topic == source.topic);
            // Several queries may write into one sink: each tells the same log, read at slightly different instants.
            if let Some(offsets) = topics.max_by_key(|offsets| offsets.partitions.len())
                && !offsets.partitions.is_empty()
            {
                return Ok(Some(EndOffsets { via: sink.clone(), partitions: offsets.partitions }));
            }
        }
        Ok(None)
    }

    /// The queries that write a source and stand still, each with its state. DESCRIBE and SHOW QUERIES are two witnesses, as
    /// not every server tells of a pause in both; one that lets nobody list queries leaves the first.
    pub async fn stopped_writers(&self, source: &Description) -> Result<Vec<(String, String)>> {
        if source.write_queries.is_empty() {
            return Ok(Vec::new());
        }
        let states = match self.ksql("SHOW QUERIES;", &BTreeMap::new()).await {
            Ok(reply) => describe::query_states(&reply)?,
            Err(error) if matches!(error.kind(), Kind::Refused | Kind::Auth) => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        let writers = source.write_queries.iter();
        let told =
            writers.flat_map(|query| [Some(&query.state), states.get(&query.id)].map(|told| (query, told)));
        let mut stopped: Vec<(String, String)> = told
            .filter_map(|(query, state)| {
                Some((query.id.clone(), state.filter(|state| describe::is_stopped(state))?.clone()))
            })
            .collect();
        stopped.dedup_by(|a, b| a.0 == b.0);
        Ok(stopped)
    }

    /// How far a running query has come; `None` when the server does not list it (pulls are never listed).
    pub async fn progress(&self, query_id: &str) -> Result<Option<BTreeMap<i32, QueryProgress>>> {
        let reply = self.ksql("SHOW QUERIES EXTENDED;", &BTreeMap::new()).await?;
        describe::query_progress(&reply, query_id)
    }

    /// Runs a statement that changes something, and waits up to a minute for its outcome: success, or still pending.
    ///
    /// # Errors
    /// [`Kind::Refused`] when the server rejects it or it fails.
    pub async fn execute(&self, ddl: &str, properties: &BTreeMap<String, Value>) -> Result<StatementOutcome> {
        let mut outcome = describe::outcome(&self.ksql(ddl, properties).await?)?;
        let asked = tokio::time::Instant::now();
        while outcome.state == CommandState::Pending && asked.elapsed() < COMMAND_LIMIT {
            let Some(id) = outcome.command_id.clone() else { break };
            tokio::time::sleep(COMMAND_INTERVAL).await;
            let path: Vec<_> = std::iter::once("status").chain(id.split('/')).collect();
            let body = self.ask(Method::GET, &path, None).await?;
            outcome = describe::command_status(&body, &id)?;
        }
        match outcome.state {
            CommandState::Success | CommandState::Pending => Ok(outcome),
            CommandState::Error | CommandState::Terminated => {
                Err(Error::new(Kind::Refused, format!("the statement failed: {}", outcome.message))
                    .at("command", outcome.command_id.unwrap_or_default()))
            }
        }
    }

    /// Closes a query: true when it was closed, false when the server does not know it (any more). Rows that wait in the
    /// server's queue are dropped by it, in spite of the end mark that follows: read the socket empty first.
    pub async fn close_query(&self, id: &str) -> Result<bool> {
        let body = json!({ "queryId": id }).to_string();
        let reply = self.0.http.ask(Method::POST, &["close-query"], Some(body), refusal::MAX_BODY).await?;
        if (200..300).contains(&reply.status) {
            return Ok(true);
        }
        let said = super::server_error::ServerError::parse(&reply.body);
        if reply.status == 400 && said.is_some_and(|said| said.message.contains("No query with id")) {
            return Ok(false);
        }
        Err(refusal::error(reply.status, reply.wait, &reply.body, "/close-query"))
    }

    /// Asks, and returns when the head of a good answer has come.
    ///
    /// # Errors
    /// [`Kind::Unreachable`] without a head in time; what the server says when it refuses, classed.
    pub async fn open(&self, query: &Query) -> Result<Answer> {
        let sql = query.sql.as_str();
        let (path, framing, body) = match query.kind {
            // One thread: with more, progress is told late, LIMIT overshoots (verified page, trap 1 and section 3).
            QueryKind::StreamPush => (
                "query-stream",
                Framing::Stream,
                json!({ "sql": sql, "properties": {
                    "auto.offset.reset": "earliest",
                    "ksql.streams.num.stream.threads": 1,
                    "ksql.streams.commit.interval.ms": 100,
                }}),
            ),
            QueryKind::StreamPull => {
                ("query-stream", Framing::Stream, json!({ "sql": sql, "properties": {} }))
            }
            QueryKind::TablePull => ("query-stream", Framing::Table, json!({ "sql": sql, "properties": {} })),
            QueryKind::TablePullLegacy => (
                "query",
                Framing::LegacyTable,
                json!({ "ksql": sql, "streamsProperties": { "ksql.endpoint.migrate.query": false } }),
            ),
        };
        let endpoint = format!("/{path}");
        let body = Some(body.to_string());
        let response = self.0.http.send(Some(&self.0.streaming), Method::POST, &[path], body).await?;
        let status = response.status();
        if status.as_u16() == 200 {
            return Ok(Answer::new(response, framing, self.options()));
        }
        let wait = refusal::retry_after(response.headers());
        let body = transport::body(response, self.options(), refusal::MAX_BODY, &endpoint).await?;
        Err(refusal::error(status.as_u16(), wait, &body, &endpoint))
    }

    async fn ksql(&self, statement: &str, properties: &BTreeMap<String, Value>) -> Result<Vec<u8>> {
        let body = json!({ "ksql": statement, "streamsProperties": properties });
        self.ask(Method::POST, &["ksql"], Some(body)).await
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>> {
        self.ask(Method::GET, &[path.trim_start_matches('/')], None).await
    }

    /// A small request and its whole body.
    async fn ask(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<Vec<u8>> {
        let reply = self.0.http.ask(method, path, body.map(|body| body.to_string()), MAX_BODY).await?;
        if reply.status == 200 {
            return Ok(reply.body);
        }
        Err(refusal::error(reply.status, reply.wait, &reply.body, &format!("/{}", path.join("/"))))
    }
}

fn no_ksqldb(endpoint: &str, error: &serde_json::Error) -> Error {
    Error::new(Kind::Garbled, format!("{endpoint} answered with something that is not ksqlDB's: {error}"))
        .next("check that server.url is that of a ksqlDB server")
}

//! What a source is: the entities of `/ksql` (LIST, DESCRIBE, SHOW QUERIES, replies to DDL) as values.
//!
//! | statement | gives |
//! |---|---|
//! | `LIST STREAMS` / `LIST TABLES` | [`SourceName`]s |
//! | `DESCRIBE x` | [`Description`]: columns in declared order, window, topic, queries |
//! | `DESCRIBE y EXTENDED` | also [`TopicOffsets`] of every *input* topic of the queries that write into y |
//! | `SHOW QUERIES` | the state of each query |
//! | `SHOW QUERIES EXTENDED` | [`QueryProgress`] per partition of one query, our own push query included |
//! | CREATE … | [`StatementOutcome`] |
//!
//! Parsing only: it knows no HTTP. Unknown fields are ignored, as servers add some in every release.

use std::collections::BTreeMap;

use super::schema::Column;

/// Stream or table, as ksqlDB says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceKind {
    /// `STREAM`
    Stream,
    /// `TABLE`
    Table,
}

/// The window of a windowed source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WindowKind {
    /// Fixed size, no overlap.
    Tumbling,
    /// Fixed size, overlapping.
    Hopping,
    /// Bounded by inactivity; such tables cannot be scanned.
    Session,
}

/// A source as LIST shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceName {
    /// The source's name, unquoted, in the case of the server.
    pub name: String,
    /// Stream or table.
    pub kind: SourceKind,
    /// The Kafka topic behind it.
    pub topic: String,
    /// `KAFKA`, `JSON`, …
    pub key_format: String,
    /// `JSON`, `AVRO`, …
    pub value_format: String,
    /// Whether its key has a window.
    pub windowed: bool,
}

/// A persistent query that reads or writes a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRef {
    /// `CSAS_X_1`
    pub id: String,
    /// Names of the sources that it writes; empty for a SOURCE TABLE.
    pub sinks: Vec<String>,
    /// `RUNNING`, `PAUSED`, `ERROR`, …; empty on servers that do not tell.
    pub state: String,
}

/// Whether a query in this state stands still, and is not about to begin.
pub fn is_stopped(state: &str) -> bool {
    !matches!(state, "" | "RUNNING" | "CREATED" | "REBALANCING")
}

/// A source as DESCRIBE shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The source's name, unquoted, in the case of the server.
    pub name: String,
    /// Stream or table.
    pub kind: SourceKind,
    /// The window of its key.
    pub window: Option<WindowKind>,
    /// Columns in declared order. A MAP's key type is not reported and taken as STRING.
    pub columns: Vec<Column>,
    /// The Kafka topic behind it.
    pub topic: String,
    /// `KAFKA`, `JSON`, …
    pub key_format: String,
    /// `JSON`, `AVRO`, …
    pub value_format: String,
    /// The column that is ROWTIME; empty when it is the record's own time.
    pub timestamp: String,
    /// Partitions of the topic; 0 when the server could not ask Kafka.
    pub partitions: u32,
    /// The CREATE text; empty on servers that do not tell.
    pub statement: String,
    /// Persistent queries that read it.
    pub read_queries: Vec<QueryRef>,
    /// Persistent queries that write it.
    pub write_queries: Vec<QueryRef>,
    /// EXTENDED only: the input topics of `write_queries`.
    pub offsets: Vec<TopicOffsets>,
}

/// Offsets of one input topic of a persistent query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicOffsets {
    /// The topic.
    pub topic: String,
    /// By partition.
    pub partitions: BTreeMap<i32, PartitionOffsets>,
}

/// The log of one partition, and how far a query has read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionOffsets {
    /// First offset that is still there.
    pub log_start: i64,
    /// Offset of the next record to come.
    pub log_end: i64,
    /// Next offset of the query that was described.
    pub consumer: i64,
}

/// How far a running query has come in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryProgress {
    /// Highest offset polled, -1 when none (the server calls it `endOffset`; it is not the log's end).
    pub polled: i64,
    /// Next offset, committed; -1 when none.
    pub committed: i64,
}

/// What became of a statement that changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementOutcome {
    /// Where the command's fate can be asked for (`/status/<commandId>`); none when nothing was to be done.
    pub command_id: Option<String>,
    /// How far it is.
    pub state: CommandState,
    /// The server's words: "Stream created".
    pub message: String,
    /// The persistent query that it started.
    pub query_id: Option<String>,
}

/// State of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandState {
    /// Done.
    Success,
    /// `QUEUED`, `PARSING`, `EXECUTING` or `RUNNING`: ask again.
    Pending,
    /// `TERMINATED`
    Terminated,
    /// `ERROR`
    Error,
}

mod fields;
mod parse;

pub use parse::{command_status, description, outcome, query_progress, query_states, source_names};

impl Description {
    /// Whether it is a plain `CREATE TABLE` over a topic: ksqlDB keeps no state of it, so it cannot be pulled.
    pub fn is_plain_table(&self) -> bool {
        let words: Vec<_> = self.statement.split_whitespace().take(5).map(str::to_ascii_uppercase).collect();
        let made = words.iter().position(|word| word != "CREATE" && word != "OR" && word != "REPLACE");
        self.kind == SourceKind::Table
            && self.write_queries.is_empty()
            && made.and_then(|at| words.get(at)).is_some_and(|word| word == "TABLE")
            && !self.statement.to_ascii_uppercase().contains(" AS SELECT")
    }
}

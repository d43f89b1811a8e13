//! Where the rows of a stream or a table come from.
//!
//! ```text
//! Source ── open(spans) ─▶ Scan ── next(wait) ─▶ Step: rows · a bad record · idle · cut · end
//!   ksql/   a push query of ksqlDB: its answer, and how its end is known
//!   kafka/  the topic itself, from its brokers
//! Brokers ── log(topic) ─▶ Log: identity, first and end offset of each partition
//!         ├─ keys(topic, spans) ─▶ KeyScan ── next(wait, take) ─▶ partition, offset, key of each record
//!         └─ open_chosen(topic, chosen, layout) ─▶ Scan of these records alone      chosen: offsets, each of which must come
//! spans     from the lake's positions to the log's ends: what is to be read, and what is lost
//! ```
//!
//! `export` decides which way is taken and drives the [`Scan`]; beyond the plan it knows neither way. Who is asked what a stream
//! *is* stays ksqlDB.

mod chosen;
pub mod kafka;
pub mod ksql;
mod spans;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use tokio::runtime::Handle;

use crate::error::{Error, Result};
use crate::ksql::decode::BadRow;
use crate::ksql::decode::record::{Layout, SchemaBook};
use crate::pool::Pool;

pub use chosen::Chosen;
pub use spans::{Span, Spans};

/// The next offset of each Kafka partition.
pub type Offsets = BTreeMap<i32, i64>;

/// A stream, as it is read in one way. Its calls block.
pub trait Source: std::fmt::Debug + Send + Sync {
    /// Opens a scan of these spans. A read of spans without an end finds partitions that are added where the way allows it.
    ///
    /// # Errors
    /// `Kind::Unreachable` when nobody answers, `Kind::Auth` when we are not let in, `Kind::Schema` and `Kind::Feed` for
    /// columns that cannot be decoded. A way may tell them by the first [`Scan::next`].
    fn open(&self, spans: &BTreeMap<i32, Span>, with: &Environment) -> Result<Box<dyn Scan>>;
}

/// What a scan works with.
#[derive(Clone)]
pub struct Environment {
    /// Threads that decode.
    pub pool: Arc<Pool>,
    /// Who drives the network, where it is asynchronous.
    pub handle: Handle,
    /// How long a read may be without progress.
    pub inactivity: Duration,
    /// How long without a row counts as caught up where the end is not known.
    pub quiet: Duration,
    /// Longest row.
    pub max_row_bytes: usize,
}

/// A read in progress. Rows of one partition come in the order of their offsets, each once, and none that was not asked for.
pub trait Scan {
    /// What comes next, after at most about `wait`.
    ///
    /// # Errors
    /// `Kind::Incomplete`, `Kind::Unreachable` and `Kind::Busy` when the read broke off: what came before is a prefix of each
    /// partition. `Kind::Garbled` when nothing of what came can be trusted. Others as [`Source::open`].
    fn next(&mut self, wait: Duration) -> Result<Step>;

    /// Bytes that came so far, as they were before decoding.
    fn bytes(&self) -> u64;

    /// Rows that came again and were left out.
    fn duplicates(&self) -> u64 {
        0
    }

    /// The ends of the log as far as the scan knows them beyond its spans: of a log that is followed, as they were lately.
    fn ends(&self) -> Offsets {
        Offsets::new()
    }

    /// Tells the other side that no more is wanted. Dropping the scan does so too, sooner or later.
    fn close(&mut self) {}
}

/// A step of a scan.
#[derive(Debug)]
pub enum Step {
    /// Rows: ROWTIME, ROWPARTITION, ROWOFFSET, then the columns of the stream.
    Rows(RecordBatch),
    /// A record that cannot be a row; every row of its partition before it was handed over already.
    Bad(BadRecord),
    /// Nothing came, and all that had come was handed over.
    Idle,
    /// A read without an end was cut after it had begun, and nothing says that something is wrong.
    Cut(Error),
    /// Every span is read to its end: the offsets that brought no row hold none. Of a span without an end, all that was there
    /// has come.
    End,
}

/// A record that cannot be a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Why.
    pub bad: BadRow,
    /// Its bytes: the row's, or the record's value.
    pub value: Vec<u8>,
}

/// By which a log is known again: a topic that was deleted and made anew, and one of another cluster, differ in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIdentity {
    /// The topic.
    pub topic: String,
    /// The cluster's id, where it tells one.
    pub cluster: Option<String>,
    /// Partitions of the topic.
    pub partitions: usize,
}

/// A log as its broker describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Which log it is.
    pub identity: LogIdentity,
    /// By partition: the first offset that is there, and the offset behind the last record to be read.
    pub bounds: BTreeMap<i32, (i64, i64)>,
    /// The newest schemas of its records, where they were asked for.
    pub schemas: Option<String>,
}

/// What answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its id, where it tells one.
    pub id: Option<String>,
    /// Brokers that it names.
    pub brokers: usize,
}

/// Who keeps logs. Its calls block.
pub trait Brokers: std::fmt::Debug + Send + Sync {
    /// Asks who is there.
    ///
    /// # Errors
    /// `Kind::Unreachable` when no broker answers, `Kind::Auth` when it does not let us in.
    fn cluster(&self) -> Result<Cluster>;

    /// Asks for a topic's log.
    ///
    /// # Errors
    /// `Kind::Unreachable` when no broker answers, `Kind::Auth` when it does not let us in, `Kind::Refused` when there is no
    /// such topic.
    fn log(&self, topic: &str) -> Result<Log>;

    /// Whether records of this layout can be read here. Nobody is asked.
    ///
    /// # Errors
    /// `Kind::Feed` when they name schemas, and nobody is configured who has them.
    fn can_read(&self, layout: &Layout) -> Result<()>;

    /// The newest schemas by which records of this layout may be written, as a text that changes with them; `None` where they
    /// name no schemas.
    ///
    /// # Errors
    /// Those of the registry.
    fn newest_schemas(&self, topic: &str, layout: &Layout) -> Result<Option<String>>;

    /// Opens a scan of these spans.
    ///
    /// # Errors
    /// As [`Brokers::log`], and what [`crate::ksql::decode::record::RecordDecoder::new`] refuses.
    fn open(
        &self,
        topic: &str,
        spans: &BTreeMap<i32, Span>,
        layout: &Layout,
        pool: &Arc<Pool>,
    ) -> Result<Box<dyn Scan>>;

    /// Opens a scan of the keys of these spans.
    ///
    /// # Errors
    /// As [`Brokers::open`].
    fn keys(&self, topic: &str, spans: &BTreeMap<i32, Span>, layout: &Layout) -> Result<Box<dyn KeyScan>>;

    /// Opens a scan of these records alone. It ends with `Kind::Incomplete` when one of them is no longer there.
    ///
    /// # Errors
    /// As [`Brokers::open`].
    fn open_chosen(
        &self,
        topic: &str,
        chosen: Chosen,
        layout: &Layout,
        pool: &Arc<Pool>,
    ) -> Result<Box<dyn Scan>>;
}

/// A read of keys in progress. Those of one partition come in the order of their offsets.
pub trait KeyScan {
    /// Hands over the keys that have come, after at most `wait`.
    ///
    /// # Errors
    /// As [`Scan::next`], and those of `take`.
    fn next(&mut self, wait: Duration, take: &mut dyn FnMut(&Keyed<'_>) -> Result<()>) -> Result<KeyStep>;

    /// The schemas that the keys name; each is there before its first key is handed over.
    fn schemas(&self) -> Arc<SchemaBook>;

    /// As [`Scan::bytes`].
    fn bytes(&self) -> u64;
}

/// The key of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyed<'a> {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// The key's bytes.
    pub key: Option<&'a [u8]>,
    /// The record has no value: it takes its key away.
    pub is_tombstone: bool,
}

/// A step of a scan of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStep {
    /// Keys were handed over, or none came.
    More,
    /// Every span is read to its end.
    End,
}

/// A topic whose records are laid out like this, as its brokers give it.
#[derive(Debug)]
pub struct Topic {
    /// Who keeps it.
    pub brokers: Arc<dyn Brokers>,
    /// Its name.
    pub name: String,
    /// Its records.
    pub layout: Layout,
}

impl Source for Topic {
    fn open(&self, spans: &BTreeMap<i32, Span>, with: &Environment) -> Result<Box<dyn Scan>> {
        self.brokers.open(&self.name, spans, &self.layout, &with.pool)
    }
}

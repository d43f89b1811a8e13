//! Where the rows of a stream or a table come from when its log is read itself.
//!
//! ```text
//! Source ── log(topic) ─▶ Log: identity, first and end offset of each partition
//!        ├─ open(topic, spans, layout) ─▶ Scan ── next(wait) ─▶ Step: rows · a bad record · idle · end
//!        ├─ keys(topic, spans) ─▶ KeyScan ── next(wait, take) ─▶ partition, offset, key of each record
//!        └─ open_chosen(topic, chosen, layout) ─▶ Scan of these records alone      chosen: offsets, each of which must come
//! ```
//!
//! `export` drives a [`Scan`] and knows nothing of Kafka; `kafka/` is the only user of its client. Who is asked what a stream
//! *is* stays ksqlDB: it gives the [`Layout`]. Reading through ksqlDB's queries is older than this seam and lives in `export/stream`.

mod chosen;
pub mod kafka;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;

use crate::error::Result;
use crate::ksql::decode::BadRow;
use crate::ksql::decode::record::Layout;
use crate::pool::Pool;

pub use chosen::Chosen;

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
}

/// What is to be read of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The next offset to read.
    pub next: i64,
    /// One past the last offset to read; `None` for no end.
    pub until: Option<i64>,
}

/// What answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its id, where it tells one.
    pub id: Option<String>,
    /// Brokers that it names.
    pub brokers: usize,
}

/// A way to read logs. Its calls block.
pub trait Source: std::fmt::Debug + Send + Sync {
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

    /// Opens a scan of these spans.
    ///
    /// # Errors
    /// As [`Source::log`], and what [`crate::ksql::decode::record::RecordDecoder::new`] refuses.
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
    /// As [`Source::log`].
    fn keys(&self, topic: &str, spans: &BTreeMap<i32, Span>) -> Result<Box<dyn KeyScan>>;

    /// Opens a scan of these records alone. It ends with `Kind::Incomplete` when one of them is no longer there.
    ///
    /// # Errors
    /// As [`Source::open`].
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

    /// As [`Scan::bytes`].
    fn bytes(&self) -> u64;

    /// As [`Scan::trouble`].
    fn trouble(&self) -> Option<&str>;
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

/// A read in progress. Rows of one partition come in the order of their offsets.
pub trait Scan {
    /// What comes next, after at most `wait`.
    ///
    /// # Errors
    /// `Kind::Incomplete` when what is to be read is not there any more: the read is to be planned anew. `Kind::Auth` when
    /// the broker does not let us read.
    fn next(&mut self, wait: Duration) -> Result<Step>;

    /// Bytes of records that came so far, as they were before decoding.
    fn bytes(&self) -> u64;

    /// Why nobody answers, when nobody does and nothing has come since.
    fn trouble(&self) -> Option<&str>;
}

/// A step of a scan.
#[derive(Debug)]
pub enum Step {
    /// Rows: ROWTIME, ROWPARTITION, ROWOFFSET, then the columns of the layout.
    Rows(RecordBatch),
    /// A record that cannot be a row; every row of its partition before it was handed over already.
    Bad(BadRecord),
    /// Nothing came, and all that had come was handed over.
    Idle,
    /// Every span is read to its end: the offsets that brought no row hold none.
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
    /// The value's bytes.
    pub value: Vec<u8>,
}

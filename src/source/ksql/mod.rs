//! Reading a stream through ksqlDB: one push query from the earliest offset, with a predicate on ROWPARTITION and ROWOFFSET.
//!
//! ```text
//! socket ─▶ chunk_reader ─▶ rows (framing) ─▶ decoding (pool) ─▶ positions ─▶ steps
//!                                                                    └─ tail: is this the end? (pure)
//! scan       drives them        asked      a question to the server, on its way        end_probe   the pull that tells the end
//! ```
//!
//! A query has no beginning but the log's: what is below the positions is read by the server and dropped by the predicate.
//! `chunk_reader` and `rows` also serve scans of tables.

mod asked;
mod chunk_reader;
mod decoding;
mod end_probe;
mod positions;
pub mod rows;
mod scan;
mod tail;

use std::collections::BTreeMap;

use super::{Environment, Scan, Source, Span};
use crate::error::Result;
use crate::ksql::client::{Client, Query, QueryKind};
use crate::ksql::describe::Description;
use crate::ksql::statement::{self, Bound, Rest, Selection};

pub use chunk_reader::{ChunkReader, Piece};

/// Memory that a scan may hold.
pub const MEMORY: usize = chunk_reader::MEMORY + decoding::MEMORY;

/// A stream, as push queries give it.
#[derive(Debug, Clone)]
pub struct KsqlStream {
    /// The server.
    pub client: Client,
    /// The stream, as the server describes it.
    pub source: Description,
    /// What is selected, and how it arrives.
    pub selection: Selection,
    /// How spans without an end are read.
    pub open_end: OpenEnd,
    /// Only rows with `from <= ROWTIME < until`, milliseconds since 1970. All spans must have ends.
    pub between: Option<[i64; 2]>,
}

/// How spans without an end are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenEnd {
    /// Until it is quiet: no row came for a while after a pull over the same stream has come to its end.
    Quiet,
    /// The read is not to end.
    Never,
}

impl KsqlStream {
    /// All columns of a selection, and no end but those of the spans.
    pub fn new(client: &Client, source: &Description, selection: Selection) -> Self {
        let (client, source) = (client.clone(), source.clone());
        Self { client, source, selection, open_end: OpenEnd::Never, between: None }
    }

    /// The query that brings these spans.
    pub fn query(&self, spans: &BTreeMap<i32, Span>) -> Query {
        let bound = |(partition, span): (&i32, &Span)| Bound {
            partition: *partition,
            from: span.next,
            until: span.until,
        };
        let bounds: Vec<_> = spans.iter().filter(|(_, span)| span.is_open()).map(bound).collect();
        let name = &self.source.name;
        let rest = if has_ends(spans) { Rest::Exclude } else { Rest::Include };
        let sql = match self.between {
            Some(between) => statement::push_between_sql(name, &self.selection, &bounds, between),
            None => statement::push_sql(name, &self.selection, &bounds, rest),
        };
        Query { sql, kind: QueryKind::StreamPush }
    }
}

impl Source for KsqlStream {
    fn open(&self, spans: &BTreeMap<i32, Span>, with: &Environment) -> Result<Box<dyn Scan>> {
        Ok(Box::new(scan::KsqlScan::open(self, spans, with)?))
    }
}

/// Each partition has an end.
fn has_ends(spans: &BTreeMap<i32, Span>) -> bool {
    !spans.is_empty() && spans.values().all(|span| span.until.is_some())
}

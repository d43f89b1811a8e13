//! Reading a stream through ksqlDB: one push query from the earliest offset, with a predicate on ROWPARTITION and ROWOFFSET.
//!
//! ```text
//! socket ─▶ chunk_reader ─▶ rows (framing) ─▶ decoding (pool) ─▶ positions ─▶ steps
//!                                                                    └─ tail: is this the end? (pure)
//! scan       drives them        asked      a question to the server, on its way        end_probe   the pull that tells the end
//! ```
//!
//! A query has no beginning but the log's: what is below the positions is read by the server and dropped by the predicate.
//! A stream that declares the topic as bytes costs the server least (`raw`). `chunk_reader` and `rows` also serve scans of tables.

mod asked;
mod chunk_reader;
mod decoding;
mod end_probe;
mod positions;
mod raw;
pub mod rows;
mod scan;
mod tail;

use std::collections::BTreeMap;

use super::{Environment, Scan, Source, Span};
use crate::error::Result;
use crate::ksql::client::{Client, Query, QueryKind};
use crate::ksql::decode::record::Layout;
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
    /// The stream that is asked: this one, or one that declares its topic as bytes.
    pub asked: String,
    /// How the topic's records are laid out, where rows hold them as bytes.
    pub records: Option<Layout>,
    /// What is selected, and how it arrives.
    pub selection: Selection,
    /// How spans without an end are read.
    pub open_end: OpenEnd,
    /// Only rows with `from <= ROWTIME < until`, milliseconds since 1970. All spans must have ends.
    pub between: Option<[i64; 2]>,
    /// Of the spans only these offsets; all of them where none are named.
    pub only: Vec<Bound>,
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
        let (client, source, asked) = (client.clone(), source.clone(), source.name.clone());
        Self {
            client,
            source,
            asked,
            records: None,
            selection,
            open_end: OpenEnd::Never,
            between: None,
            only: Vec::new(),
        }
    }

    /// The query that brings these spans.
    pub fn query(&self, spans: &BTreeMap<i32, Span>) -> Query {
        let open = spans.iter().filter(|(_, span)| span.is_open());
        let bounds: Vec<_> = open.flat_map(|(partition, span)| self.bounds(*partition, *span)).collect();
        let name = &self.asked;
        let rest = if has_ends(spans) { Rest::Exclude } else { Rest::Include };
        let sql = match self.between {
            Some(between) => statement::push_between_sql(name, &self.selection, &bounds, between),
            None => statement::push_sql(name, &self.selection, &bounds, rest),
        };
        Query { sql, kind: QueryKind::StreamPush }
    }
}

impl KsqlStream {
    /// What is asked for of a span.
    fn bounds(&self, partition: i32, span: Span) -> Vec<Bound> {
        let whole = Bound { partition, from: span.next, until: span.until };
        if self.only.is_empty() {
            return vec![whole];
        }
        let least = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        let part = |only: &Bound| Bound {
            partition,
            from: only.from.max(whole.from),
            until: least(only.until, whole.until),
        };
        let parts = self.only.iter().filter(|only| only.partition == partition).map(part);
        parts.filter(|part| !part.is_empty()).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ksql::client::ClientOptions;
    use crate::ksql::describe::SourceKind;

    #[test]
    fn a_query_asks_for_the_spans_or_for_a_part_of_them() {
        let client = Client::new(ClientOptions::new("http://127.0.0.1:1")).unwrap();
        let source = Description {
            name: "S".into(),
            kind: SourceKind::Stream,
            window: None,
            columns: Vec::new(),
            topic: "t".into(),
            key_format: "NONE".into(),
            value_format: "JSON".into(),
            timestamp: String::new(),
            partitions: 2,
            statement: String::new(),
            read_queries: Vec::new(),
            write_queries: Vec::new(),
            offsets: Vec::new(),
        };
        let selection = Selection { columns: Vec::new(), exprs: vec!["ROWOFFSET".into()], star: false };
        let mut stream = KsqlStream::new(&client, &source, selection);
        let span = |next, until| Span { next, until: Some(until) };
        let spans = BTreeMap::from([(0, span(5, 100)), (1, span(0, 50)), (2, span(7, 7))]);
        assert_eq!(
            stream.query(&spans).sql,
            "SELECT ROWOFFSET FROM `S` WHERE (ROWPARTITION=0 AND ROWOFFSET>=5 AND ROWOFFSET<100) OR \
             (ROWPARTITION=1 AND ROWOFFSET>=0 AND ROWOFFSET<50) EMIT CHANGES;"
        );
        let only = |partition, from, until| Bound { partition, from, until: Some(until) };
        stream.only = vec![only(0, 0, 10), only(0, 90, 200), only(1, 60, 70), only(2, 0, 9)];
        assert_eq!(
            stream.query(&spans).sql,
            "SELECT ROWOFFSET FROM `S` WHERE (ROWPARTITION=0 AND ROWOFFSET>=5 AND ROWOFFSET<10) OR \
             (ROWPARTITION=0 AND ROWOFFSET>=90 AND ROWOFFSET<100) EMIT CHANGES;"
        );
    }
}

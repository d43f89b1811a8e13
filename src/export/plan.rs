//! Before the first row: which source it is, how it is read, from where to where, and what the files hold.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};

use super::auto::{self, Wanted};
use super::choice::{Auto, Choice};
use super::log::{self, LogSource};
use super::raw;
use crate::error::{Error, Kind, Result};
use crate::feed::{ExportMode, Feed, FeedKind, ReadMode, nearest};
use crate::ksql::client::{Client, EndOffsets, Query, QueryKind};
use crate::ksql::column::Wire;
use crate::ksql::decode::Decoder;
use crate::ksql::decode::record::Layout;
use crate::ksql::describe::{Description, SourceKind};
use crate::ksql::statement::{self, Selection};
use crate::lake::{LogIdentity, SourceCheck, TableSchema};
use crate::source::ksql::{KsqlStream, OpenEnd};
use crate::source::{Offsets, Source, Span, Spans};

/// What an export will do.
#[derive(Debug)]
pub struct Plan {
    /// The source, as the server describes it.
    pub source: Description,
    /// What the files hold.
    pub schema: TableSchema,
    /// How it is read.
    pub reading: Reading,
    /// The log whose offsets are read; `None` for a table.
    pub log: Option<LogIdentity>,
    /// Why `auto` takes this way, where there was a choice.
    pub choice: Option<Choice>,
    /// The comparison that has to be made before Kafka is taken.
    pub wanted: Option<Wanted>,
}

/// What the lake holds of a source, for a plan.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// The next offset to read by Kafka partition.
    pub positions: &'a Offsets,
    /// The last comparison of both ways of reading.
    pub check: Option<&'a SourceCheck>,
    /// Why the comparison of this run was not finished.
    pub failed: Option<&'a str>,
}

impl Plan {
    /// What will be read, in words, and why so.
    pub fn text(&self) -> String {
        match &self.choice {
            Some(choice) => format!("{} ({})", self.reading.text(), choice.why),
            None => self.reading.text(),
        }
    }
}

/// How a source is read.
#[derive(Debug)]
pub enum Reading {
    /// Rows of a stream, by offset.
    Stream {
        /// The way.
        way: Way,
        /// Who gives the rows.
        source: Box<dyn Source>,
        /// What is to be read.
        spans: Spans,
        /// The statement that ksqlDB is asked, where it is.
        sql: Option<String>,
    },
    /// A scan of a table.
    Table {
        /// The queries that can do it, best first.
        queries: Vec<Query>,
        /// What is selected and how it arrives.
        selection: Selection,
    },
    /// The log of a table itself: the newest record of each key.
    TableLog {
        /// Who keeps it.
        brokers: LogSource,
        /// How its records are laid out.
        layout: Layout,
        /// By Kafka partition: the first offset that is there, and the one behind the last.
        bounds: BTreeMap<i32, (i64, i64)>,
    },
    /// The lake holds all that there is.
    Nothing {
        /// Through which offsets.
        spans: Spans,
        /// The way that told so.
        way: Way,
        /// Who gives the rows by which the log is known again.
        source: Box<dyn Source>,
    },
}

/// A way of reading a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the log itself.
    Kafka,
    /// By a push query over a stream that declares the topic as bytes.
    Raw,
    /// By a push query; the log's end offsets were asked for first.
    Offsets,
    /// By a push query until it is quiet: nothing tells where the log ends.
    Idle,
    /// By a push query that is not to end.
    Follow,
}

impl Way {
    /// As the log and `_metadata.json` name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Raw => "raw",
            Self::Offsets => "offsets",
            Self::Idle => "idle",
            Self::Follow => "follow",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Kafka => "from the topic itself",
            Self::Raw => "the topic as bytes, through ksqlDB",
            Self::Offsets => "by offset",
            Self::Idle => "until it is quiet, as no query tells where the log ends",
            Self::Follow => "following",
        }
    }
}

impl Reading {
    /// A stream's, or nothing where the spans hold nothing.
    pub(super) fn of(way: Way, source: Box<dyn Source>, spans: Spans, sql: Option<String>) -> Self {
        if spans.is_nothing() {
            Self::Nothing { spans, way, source }
        } else {
            Self::Stream { way, source, spans, sql }
        }
    }

    /// What is read of a stream through ksqlDB.
    pub(super) fn by_query(way: Way, stream: KsqlStream, spans: Spans) -> Self {
        let sql = stream.query(&spans.by_partition).sql;
        Self::of(way, Box::new(stream), spans, Some(sql))
    }

    /// Offsets that the log no longer holds and that the lake never held.
    pub(super) fn lost(&self) -> &[(i32, [i64; 2])] {
        match self {
            Self::Stream { spans, .. } | Self::Nothing { spans, .. } => &spans.lost,
            Self::Table { .. } | Self::TableLog { .. } => &[],
        }
    }

    /// The read mode, as the log and `_metadata.json` name it.
    pub fn read_mode(&self) -> &'static str {
        match self {
            Self::Stream { way, .. } | Self::Nothing { way, .. } => way.name(),
            Self::Table { .. } => "table",
            Self::TableLog { .. } => Way::Kafka.name(),
        }
    }

    /// What will be read, in words.
    pub fn text(&self) -> String {
        match self {
            Self::Stream { way, spans, .. } => format!("{}, {}", way.words(), spans.text()),
            Self::Table { .. } => "the whole table".to_owned(),
            Self::TableLog { bounds, .. } => {
                let spans = bounds
                    .iter()
                    .map(|(partition, (start, end))| (*partition, Span { next: *start, until: Some(*end) }));
                let spans = Spans { by_partition: spans.collect(), ..Spans::default() };
                format!("the newest row of each key from the topic itself, {}", spans.text())
            }
            Self::Nothing { spans, .. } => format!("nothing new, {}", spans.text()),
        }
    }

    /// Upper bound of the rows to come.
    pub fn expected(&self) -> Option<u64> {
        match self {
            Self::Stream { spans, .. } => spans.expected(),
            Self::Table { .. } | Self::TableLog { .. } => None,
            Self::Nothing { .. } => Some(0),
        }
    }
}

/// Makes the plan of an export. `logs` reads logs themselves, where brokers are configured.
pub async fn plan(
    client: &Client,
    logs: Option<&LogSource>,
    feed: &Feed,
    held: Held<'_>,
    now: DateTime<Utc>,
) -> Result<Plan> {
    let source = find_source(client, feed).await?;
    let positions = held.positions;
    match (feed.kind, feed.read, logs) {
        (FeedKind::Table, ReadMode::Kafka, _) => log::plan_table(client, logs, feed, source).await,
        (FeedKind::Table, ..) => plan_table(feed, source),
        (FeedKind::Stream, ReadMode::Kafka, _) => log::plan(client, logs, feed, source, positions, now).await,
        (FeedKind::Stream, ReadMode::Auto, Some(brokers)) => {
            let (choice, wanted) = auto::look(client, brokers, feed, &source, held, now).await;
            let wanted = wanted.filter(|_| choice.way == Auto::Compare);
            let plan = match choice.way {
                Auto::Kafka => log::plan(client, logs, feed, source, positions, now).await?,
                Auto::Queries | Auto::Compare => plan_stream(client, feed, source, positions, now).await?,
            };
            let choice = plan.choice.iter().fold(choice, Choice::and);
            Ok(Plan { choice: Some(choice), wanted, ..plan })
        }
        (FeedKind::Stream, ..) => plan_stream(client, feed, source, positions, now).await,
    }
}

fn plan_table(feed: &Feed, source: Description) -> Result<Plan> {
    let selection = statement::select_table(&source, &feed.exclude_columns, &feed.rename)?;
    let sql = statement::table_pull_sql(&source.name, &selection);
    let queries = [QueryKind::TablePullLegacy, QueryKind::TablePull]
        .map(|kind| Query { sql: sql.clone(), kind })
        .into();
    let schema = table_schema(&selection)?;
    Ok(Plan {
        source,
        schema,
        reading: Reading::Table { queries, selection },
        log: None,
        choice: None,
        wanted: None,
    })
}

async fn plan_stream(
    client: &Client,
    feed: &Feed,
    source: Description,
    positions: &Offsets,
    now: DateTime<Utc>,
) -> Result<Plan> {
    let ends = client.end_offsets(&source).await?;
    let log = log::identity(client, &source, ends.as_ref()).await?;
    let bounds = ends.as_ref().map(EndOffsets::bounds);
    let mut choice = None;
    let raw = raw::find(client, feed, &source).await?;
    let is_raw = raw.is_some();
    let (mut stream, schema) = if let Some(raw) = raw {
        raw
    } else {
        let selection = statement::select_stream(&source, &feed.exclude_columns, &feed.rename)?;
        let schema = table_schema(&selection)?;
        (KsqlStream::new(client, &source, selection), schema)
    };
    let (way, spans) = match (feed.mode, feed.read, &bounds) {
        (ExportMode::Batch, ReadMode::Auto | ReadMode::Raw | ReadMode::Offsets, Some(bounds)) => {
            (Way::Offsets, Spans::to_ends(positions, bounds, now))
        }
        (ExportMode::Batch, ReadMode::Offsets, None) => {
            return Err(Error::new(
                Kind::Feed,
                format!("no query reads {}, so the server cannot tell where its log ends", source.name),
            )
            .next(format!(
                "make a helper with `lakehand feeds prepare {}`, or set \"read\": \"idle\"",
                feed.name
            )));
        }
        (ExportMode::Batch, ..) => {
            stream.open_end = OpenEnd::Quiet;
            if feed.read == ReadMode::Auto && statement::end_helper_ddl(&source).is_ok() {
                choice = Some(without_helper(feed, &source));
            }
            (Way::Idle, Spans::onwards(positions, bounds.as_ref(), now))
        }
        (ExportMode::Follow, ..) => (Way::Follow, Spans::onwards(positions, bounds.as_ref(), now)),
    };
    let way = if is_raw { Way::Raw } else { way };
    let reading = Reading::by_query(way, stream, spans.map_err(|e| e.at("source", &source.name))?);
    Ok(Plan { source, schema, reading, log: Some(log), choice, wanted: None })
}

/// The stream is read until it is quiet for want of a helper, which a statement would make.
fn without_helper(feed: &Feed, source: &Description) -> Choice {
    let why = format!(
        "caught up is then no more than a guess: `lakehand feeds prepare {}` shows the statement for {}, a stream that never \
         holds a row, by whose query the end is known",
        feed.name,
        statement::helper_name(&source.name)
    );
    Choice { way: Auto::Queries, why, warns: true }
}

/// The source of a feed, as the server describes it.
pub async fn find_source(client: &Client, feed: &Feed) -> Result<Description> {
    let mut refusal = None;
    for name in feed.source_candidates() {
        match client.describe(&name).await {
            Ok(source) => return check_kind(feed, source),
            Err(error) if error.kind() == Kind::Refused => refusal = Some(error),
            Err(error) => return Err(error),
        }
    }
    let known = match feed.kind {
        FeedKind::Stream => client.list_streams().await?,
        FeedKind::Table => client.list_tables().await?,
    };
    let named = known.iter().map(|source| source.name.as_str()).filter(|name| !statement::is_helper(name));
    let nearest = nearest(&feed.source, named);
    let error =
        Error::new(Kind::Refused, format!("the server has no {} {}", kind_name(feed.kind), feed.source));
    let error = match nearest {
        Some(name) => error.next(format!("did you mean {name}?")),
        None => error.next("look at LIST STREAMS and LIST TABLES on the server, then set ksqldb_source"),
    };
    Err(match refusal {
        Some(cause) => error.because(cause),
        None => error,
    })
}

fn check_kind(feed: &Feed, source: Description) -> Result<Description> {
    let fits = matches!(
        (feed.kind, source.kind),
        (FeedKind::Stream, SourceKind::Stream) | (FeedKind::Table, SourceKind::Table)
    );
    if fits {
        return Ok(source);
    }
    let other = if feed.kind == FeedKind::Stream { FeedKind::Table } else { FeedKind::Stream };
    Err(Error::new(Kind::Feed, format!("{} is a {} on the server", source.name, kind_name(other)))
        .next(format!("set \"feed_type\": \"{}\"", kind_name(other))))
}

pub(super) fn table_schema(selection: &Selection) -> Result<TableSchema> {
    let arrow = Decoder::new(&selection.columns)?.schema();
    let columns = selection.columns.iter().filter(|c| !matches!(c.wire, Wire::Overlay { .. }));
    Ok(schema_of(arrow, columns.map(|c| (c.name.clone(), c.sql_type.to_string())).collect()))
}

/// The schema of columns with these names and types of ksqlDB.
pub(super) fn schema_of(arrow: SchemaRef, columns_types: Vec<(String, String)>) -> TableSchema {
    let columns = columns_types.iter().map(|(name, sql)| format!("{} {sql}", statement::quote(name)));
    let ksql = columns.collect::<Vec<_>>().join(", ");
    TableSchema { arrow, ksql, columns_types }
}

/// `stream` or `table`
pub(super) fn kind_name(kind: FeedKind) -> &'static str {
    match kind {
        FeedKind::Stream => "stream",
        FeedKind::Table => "table",
    }
}

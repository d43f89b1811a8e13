//! Before the first row: which source it is, how it is read, from where to where, and what the files hold.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};

use super::auto::{self, Wanted};
use super::choice::{Auto, Choice};
use super::log::{self, LogSource};
use crate::error::{Error, Kind, Result};
use crate::feed::{ExportMode, Feed, FeedKind, ReadMode};
use crate::ksql::client::{Client, EndOffsets, Query, QueryKind};
use crate::ksql::column::Wire;
use crate::ksql::decode::Decoder;
use crate::ksql::decode::record::Layout;
use crate::ksql::describe::{Description, SourceKind};
use crate::ksql::statement::{self, Bound, Rest, Selection};
use crate::lake::{LogIdentity, SourceCheck, TableSchema};
use crate::source::Span;

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
    pub positions: &'a BTreeMap<i32, i64>,
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
    /// A push query, by offset.
    Push {
        /// The query.
        query: Query,
        /// What is selected and how it arrives.
        selection: Selection,
        /// The spans to read, by Kafka partition.
        spans: Spans,
        /// How the end of the answer is known.
        end: PushEnd,
    },
    /// A scan of a table.
    Table {
        /// The queries that can do it, best first.
        queries: Vec<Query>,
        /// What is selected and how it arrives.
        selection: Selection,
    },
    /// The log itself, by offset.
    Log {
        /// Who reads it.
        source: LogSource,
        /// How its records are laid out.
        layout: Layout,
        /// The spans to read, by Kafka partition.
        spans: Spans,
    },
    /// The log of a table itself: the newest record of each key.
    TableLog {
        /// Who reads it.
        source: LogSource,
        /// How its records are laid out.
        layout: Layout,
        /// By Kafka partition: the first offset that is there, and the one behind the last.
        bounds: BTreeMap<i32, (i64, i64)>,
    },
    /// The lake holds all that there is.
    Nothing {
        /// Through which offsets.
        spans: Spans,
        /// The read mode that told so.
        read_mode: &'static str,
    },
}

/// How the end of a push query is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushEnd {
    /// The log's end offsets were asked for first.
    Offsets,
    /// No way to know the end: a quiet time after a pull over the same stream came to its end.
    Idle,
    /// The read is not to end.
    Follow,
}

/// What is to be read of each Kafka partition.
#[derive(Debug, Clone, Default)]
pub struct Spans {
    pub(super) by_partition: BTreeMap<i32, Span>,
    /// When the ends were asked for: what was written before is complete once they are reached.
    pub asked: Option<DateTime<Utc>>,
    /// Offsets that are gone from the log and that the lake never held: Kafka partition, first and last, both included.
    pub lost: Vec<(i32, [i64; 2])>,
}

impl Reading {
    /// Offsets that the log no longer holds and that the lake never held.
    pub(super) fn lost(&self) -> &[(i32, [i64; 2])] {
        match self {
            Self::Push { spans, .. } | Self::Log { spans, .. } | Self::Nothing { spans, .. } => &spans.lost,
            Self::Table { .. } | Self::TableLog { .. } => &[],
        }
    }

    /// The read mode, as the log and `_metadata.json` name it.
    pub fn read_mode(&self) -> &'static str {
        match self {
            Self::Push { end: PushEnd::Offsets, .. } => "offsets",
            Self::Push { end: PushEnd::Idle, .. } => "idle",
            Self::Push { end: PushEnd::Follow, .. } => "follow",
            Self::Table { .. } => "table",
            Self::Log { .. } | Self::TableLog { .. } => "kafka",
            Self::Nothing { read_mode, .. } => read_mode,
        }
    }

    /// What will be read, in words.
    pub fn text(&self) -> String {
        match self {
            Self::Push { spans, end: PushEnd::Offsets, .. } => format!("by offset, {}", spans.text()),
            Self::Push { spans, end: PushEnd::Idle, .. } => {
                format!("until it is quiet, as no query tells where the log ends, {}", spans.text())
            }
            Self::Push { spans, end: PushEnd::Follow, .. } => format!("following, {}", spans.text()),
            Self::Table { .. } => "the whole table".to_owned(),
            Self::Log { spans, .. } => format!("from the topic itself, {}", spans.text()),
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
            Self::Push { spans, .. } | Self::Log { spans, .. } => spans.expected(),
            Self::Table { .. } | Self::TableLog { .. } => None,
            Self::Nothing { .. } => Some(0),
        }
    }
}

impl Spans {
    /// `0: 5..100, 1: 7..`
    pub fn text(&self) -> String {
        if self.by_partition.is_empty() {
            return "from the beginning".to_owned();
        }
        let spans = self.by_partition.iter().map(|(partition, span)| match span.until {
            Some(until) => format!("{partition}: {}..{until}", span.next),
            None => format!("{partition}: {}..", span.next),
        });
        format!("offsets {}", spans.collect::<Vec<_>>().join(", "))
    }

    fn expected(&self) -> Option<u64> {
        self.by_partition
            .values()
            .map(|span| span.until.map(|until| u64::try_from(until - span.next).unwrap_or(0)))
            .sum::<Option<u64>>()
            .filter(|_| !self.by_partition.is_empty())
    }

    pub(super) fn bounds(&self) -> Vec<Bound> {
        self.by_partition
            .iter()
            .filter(|(_, span)| span.until.is_none_or(|until| span.next < until))
            .map(|(partition, span)| Bound { partition: *partition, from: span.next, until: span.until })
            .collect()
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
    positions: &BTreeMap<i32, i64>,
    now: DateTime<Utc>,
) -> Result<Plan> {
    let ends = client.end_offsets(&source).await?;
    let log = log::identity(client, &source, ends.as_ref()).await?;
    let selection = statement::select_stream(&source, &feed.exclude_columns, &feed.rename)?;
    let schema = table_schema(&selection)?;
    let reading = match (feed.mode, feed.read, ends) {
        (ExportMode::Batch, ReadMode::Auto | ReadMode::Offsets, Some(ends)) => {
            by_offset(&source, selection, positions, &ends, now)?
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
        (mode, _, ends) => {
            let mut spans = open_spans(positions);
            if let Some(ends) = &ends {
                // The end is not asked for in these ways; a log that begins beyond the position is a loss all the same.
                let known = self::spans(positions, ends, now).map_err(|e| e.at("source", &source.name))?;
                for (partition, [_, last]) in &known.lost {
                    spans.by_partition.insert(*partition, Span { next: last + 1, until: None });
                }
                spans.lost = known.lost;
            }
            let sql = statement::push_sql(&source.name, &selection, &spans.bounds(), Rest::Include);
            let end = if mode == ExportMode::Follow { PushEnd::Follow } else { PushEnd::Idle };
            Reading::Push { query: Query { sql, kind: QueryKind::StreamPush }, selection, spans, end }
        }
    };
    Ok(Plan { source, schema, reading, log: Some(log), choice: None, wanted: None })
}

fn by_offset(
    source: &Description,
    selection: Selection,
    positions: &BTreeMap<i32, i64>,
    ends: &EndOffsets,
    now: DateTime<Utc>,
) -> Result<Reading> {
    let spans = spans(positions, ends, now).map_err(|e| e.at("source", &source.name))?;
    let bounds = spans.bounds();
    if bounds.is_empty() {
        return Ok(Reading::Nothing { spans, read_mode: "offsets" });
    }
    let sql = statement::push_sql(&source.name, &selection, &bounds, Rest::Exclude);
    Ok(Reading::Push {
        query: Query { sql, kind: QueryKind::StreamPush },
        selection,
        spans,
        end: PushEnd::Offsets,
    })
}

/// From the lake's positions to the log's ends.
pub(super) fn spans(positions: &BTreeMap<i32, i64>, ends: &EndOffsets, now: DateTime<Utc>) -> Result<Spans> {
    let mut spans = Spans { asked: Some(now), ..Spans::default() };
    for (&partition, &next) in positions {
        let Some(log) = ends.partitions.get(&partition) else {
            return Err(recreated(&format!(
                "Kafka partition {partition} is gone, of which the lake holds {next} offsets"
            )));
        };
        if next > log.log_end {
            return Err(recreated(&format!(
                "Kafka partition {partition} ends at offset {}, and the lake holds it through {}",
                log.log_end,
                next - 1
            )));
        }
    }
    for (&partition, log) in &ends.partitions {
        let held = positions.get(&partition).copied();
        let next = held.unwrap_or(0).max(log.log_start);
        // Records that retention removed before the first export were never promised; after it they are a loss.
        if let Some(held) = held.filter(|held| *held < log.log_start) {
            spans.lost.push((partition, [held, log.log_start - 1]));
        }
        spans.by_partition.insert(partition, Span { next, until: Some(log.log_end) });
    }
    Ok(spans)
}

fn recreated(what: &str) -> Error {
    Error::new(Kind::Feed, format!("the topic is not the one that was exported before: {what}")).next(
        "a topic that was deleted and made again starts at offset 0: `lakehand feeds reset NAME --from-start` puts the dataset \
         aside and exports the stream from the beginning",
    )
}

fn open_spans(positions: &BTreeMap<i32, i64>) -> Spans {
    let by_partition = positions.iter().map(|(p, next)| (*p, Span { next: *next, until: None })).collect();
    Spans { by_partition, ..Spans::default() }
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
    let wanted = feed.source.to_uppercase();
    let nearest = known
        .iter()
        .map(|s| (strsim::damerau_levenshtein(&s.name.to_uppercase(), &wanted), &s.name))
        .min()
        .filter(|(distance, _)| *distance <= wanted.len() / 3 + 1);
    let error =
        Error::new(Kind::Refused, format!("the server has no {} {}", kind_name(feed.kind), feed.source));
    let error = match nearest {
        Some((_, name)) => error.next(format!("did you mean {name}?")),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ksql::describe::PartitionOffsets;

    fn ends(log: &[(i32, i64, i64)]) -> EndOffsets {
        let partitions = log
            .iter()
            .map(|&(p, log_start, log_end)| (p, PartitionOffsets { log_start, log_end, consumer: log_end }))
            .collect();
        EndOffsets { via: "Y".into(), partitions }
    }

    #[test]
    fn reads_from_the_position_to_the_end() {
        let spans =
            spans(&BTreeMap::from([(0, 5)]), &ends(&[(0, 0, 9), (1, 2, 4)]), DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(spans.text(), "offsets 0: 5..9, 1: 2..4");
        assert_eq!(spans.expected(), Some(6));
        assert!(spans.lost.is_empty());
    }

    #[test]
    fn what_retention_removed_after_the_first_export_is_said_to_be_lost() {
        let spans = spans(&BTreeMap::from([(0, 5)]), &ends(&[(0, 8, 9)]), DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(spans.lost, [(0, [5, 7])]);
        assert_eq!(spans.by_partition[&0], Span { next: 8, until: Some(9) });
    }

    #[test]
    fn a_topic_made_again_is_refused() {
        let error = spans(&BTreeMap::from([(0, 50)]), &ends(&[(0, 0, 9)]), DateTime::UNIX_EPOCH).unwrap_err();
        assert_eq!(error.kind(), Kind::Feed);
        assert!(error.to_string().contains("ends at offset 9, and the lake holds it through 49"), "{error}");
    }
}

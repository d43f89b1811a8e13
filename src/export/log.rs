//! The plan of a stream or a table whose log is read itself, and which log it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::Schema;
use chrono::{DateTime, Utc};

use super::plan::{Plan, Reading, Way, schema_of};
use crate::error::{Error, Kind, Result};
use crate::feed::{ExportMode, Feed};
use crate::ksql::client::{Client, EndOffsets};
use crate::ksql::decode::record::{Layout, ROW_COLUMNS, RecordDecoder};
use crate::ksql::describe::Description;
use crate::ksql::topic;
use crate::lake::{LogIdentity, TableSchema};
use crate::source::{Brokers, Log, Spans, Topic};

/// Who reads logs themselves.
pub type LogSource = Arc<dyn Brokers>;

/// Waits for at most `limit`; `None` when no answer comes in time.
pub async fn within<T>(limit: Duration, question: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, question).await.ok()
}

/// Asks who reads logs, on a thread that may wait.
///
/// # Errors
/// Those of the question.
pub async fn ask<T: Send + 'static>(
    logs: &LogSource,
    question: impl FnOnce(LogSource) -> Result<T> + Send + 'static,
) -> Result<T> {
    let logs = Arc::clone(logs);
    tokio::task::spawn_blocking(move || question(logs))
        .await
        .map_err(|e| Error::new(Kind::Bug, "a question to the brokers was given up").because(e))?
}

/// How the records of a feed's stream are laid out, where they can be read here.
///
/// # Errors
/// What [`topic::layout`], [`RecordDecoder::new`] and [`crate::source::Brokers::can_read`] refuse.
pub fn layout(logs: &LogSource, feed: &Feed, source: &Description) -> Result<Layout> {
    let layout = topic::layout(source, &feed.exclude_columns, &feed.rename)?;
    RecordDecoder::new(&layout)?;
    logs.can_read(&layout).map_err(|e| e.at("source", &source.name))?;
    Ok(layout)
}

/// A stream read from its topic: ksqlDB says what it is, the brokers where it ends.
pub(super) async fn plan(
    client: &Client,
    logs: Option<&LogSource>,
    feed: &Feed,
    source: Description,
    positions: &BTreeMap<i32, i64>,
    now: DateTime<Utc>,
) -> Result<Plan> {
    let logs = brokers(logs)?;
    let layout = layout(&logs, feed, &source)?;
    let schema = log_schema(&layout, 0)?;
    let log = describe(client, &logs, &source).await?;
    let mut spans = Spans::to_ends(positions, &log.bounds, now)
        .map_err(|e| e.at("topic", &source.topic).at("source", &source.name))?;
    if feed.mode == ExportMode::Follow {
        spans.by_partition.values_mut().for_each(|span| span.until = None);
        spans.asked = None;
    }
    let name = source.topic.clone();
    let reading = Reading::of(Way::Kafka, Box::new(Topic { brokers: logs, name, layout }), spans, None);
    let identity = LogIdentity {
        topic: source.topic.clone(),
        cluster: log.identity.cluster,
        partitions: Some(log.identity.partitions),
    };
    Ok(Plan { source, schema, reading, log: Some(identity), choice: None, wanted: None })
}

/// A table read from its topic.
pub(super) async fn plan_table(
    client: &Client,
    logs: Option<&LogSource>,
    feed: &Feed,
    source: Description,
) -> Result<Plan> {
    let logs = brokers(logs)?;
    let layout = layout(&logs, feed, &source)?;
    // What tells where a row comes from is no column of a table.
    let schema = log_schema(&layout, ROW_COLUMNS)?;
    let log = describe(client, &logs, &source).await?;
    let reading = Reading::TableLog { brokers: logs, layout, bounds: log.bounds };
    Ok(Plan { source, schema, reading, log: None, choice: None, wanted: None })
}

fn brokers(logs: Option<&LogSource>) -> Result<LogSource> {
    logs.cloned().ok_or_else(|| {
        Error::new(Kind::Feed, "the feed is to be read from Kafka, and no brokers are configured")
            .next("set kafka.brokers in lakehand.toml, or \"read\": \"auto\" in the feed")
    })
}

/// The log behind a stream, as the brokers tell it; its cluster as ksqlDB does, where they tell none.
///
/// # Errors
/// Those of [`Brokers::log`]; `Kind::Feed` when ksqlDB works on another cluster.
pub(super) async fn describe(client: &Client, logs: &LogSource, source: &Description) -> Result<Log> {
    let topic_name = source.topic.clone();
    let mut log = ask(logs, move |logs| logs.log(&topic_name)).await?;
    let theirs = cluster_of(client).await?;
    if let (Some(ours), Some(theirs)) = (&log.identity.cluster, &theirs)
        && ours != theirs
    {
        return Err(Error::new(
            Kind::Feed,
            format!("the brokers are those of cluster {ours}, and ksqlDB works on cluster {theirs}"),
        )
        .at("topic", &source.topic)
        .next("set kafka.brokers to the brokers of ksqlDB's cluster"));
    }
    log.identity.cluster = log.identity.cluster.or(theirs);
    Ok(log)
}

/// What the files hold of records of this layout, without the first `skip` columns of the decoder's.
pub(super) fn log_schema(layout: &Layout, skip: usize) -> Result<TableSchema> {
    let arrow = RecordDecoder::new(layout)?.schema();
    let fields: Vec<_> = arrow.fields().iter().skip(skip).map(Arc::clone).collect();
    let sql_type = |name: &str| match layout.columns.iter().find(|c| c.lake.as_deref() == Some(name)) {
        Some(column) => column.sql_type.to_string(),
        None if name == "ROWPARTITION" => "INTEGER".to_owned(),
        // Times, offsets, bounds of windows.
        None => "BIGINT".to_owned(),
    };
    let columns = fields.iter().map(|field| (field.name().clone(), sql_type(field.name()))).collect();
    Ok(schema_of(Arc::new(Schema::new(fields)), columns))
}

/// The same, with the newest schemas of its records.
///
/// # Errors
/// As [`describe`], and those of the registry.
pub(super) async fn describe_whole(
    client: &Client,
    logs: &LogSource,
    source: &Description,
    layout: &Layout,
) -> Result<Log> {
    let mut log = describe(client, logs, source).await?;
    let (topic, layout) = (source.topic.clone(), layout.clone());
    log.schemas = ask(logs, move |logs| logs.newest_schemas(&topic, &layout)).await?;
    Ok(log)
}

/// The log behind a stream, as ksqlDB tells it.
pub(super) async fn identity(
    client: &Client,
    source: &Description,
    ends: Option<&EndOffsets>,
) -> Result<LogIdentity> {
    // DESCRIBE says 0 where the server has not asked Kafka.
    let described = usize::try_from(source.partitions).ok().filter(|partitions| *partitions > 0);
    Ok(LogIdentity {
        topic: source.topic.clone(),
        cluster: cluster_of(client).await?,
        partitions: ends.map(|ends| ends.partitions.len()).or(described),
    })
}

/// The Kafka cluster of the server; `None` where it does not tell.
async fn cluster_of(client: &Client) -> Result<Option<String>> {
    match client.info().await {
        Ok(info) => Ok(Some(info.kafka_cluster_id).filter(|id| !id.is_empty())),
        Err(error) if matches!(error.kind(), Kind::Refused | Kind::Auth) => Ok(None),
        Err(error) => Err(error),
    }
}

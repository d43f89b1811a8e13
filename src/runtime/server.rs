//! Questions to the server that the screen asks, apart from exports.

use std::time::Duration;

use chrono::Utc;

use crate::app::{Message, PlanColumn, PlanText, ServerInfo};
use crate::error::{Error, Kind, Result};
use crate::export::log::LogSource;
use crate::export::plan::{Held, Plan, Reading, plan};
use crate::feed::Feed;
use crate::ksql::client::Client;
use crate::lake::{ColumnInfo, Dataset, Lake, Limits, Metadata, columns_of_files, read_metadata};

/// How long the server may think about how it is: longer, and it counts as not there.
const HEALTH: Duration = Duration::from_secs(10);

/// How the server is.
pub(super) async fn health(client: Client) -> Message {
    let url = client.options().url.clone();
    let server = match tokio::time::timeout(HEALTH, client.info()).await {
        Ok(info) => info
            .map(|info| ServerInfo { text: format!("ksqlDB {}, {}", info.version.text, info.status), url }),
        Err(_) => Err(Error::new(Kind::Unreachable, format!("no answer within {} s", HEALTH.as_secs()))
            .at("server", url)
            .next("exports wait and try again by themselves")),
    };
    Message::Health { at: Utc::now(), server }
}

/// The server's streams and tables, streams first.
pub(super) async fn sources(client: Client) -> Message {
    let both = async {
        let mut sources = client.list_streams().await?;
        sources.extend(client.list_tables().await?);
        Ok(sources)
    };
    Message::Sources(both.await)
}

/// How a feed would be read now.
pub(super) async fn plan_text(client: Client, logs: Option<LogSource>, lake: Lake, feed: Feed) -> Message {
    let text = async {
        let dir = lake.dataset_dir(&feed)?;
        let metadata = away(move || read_metadata(&dir)).await?;
        let positions = metadata.as_ref().map(|m| m.positions.clone()).unwrap_or_default();
        let check = metadata.as_ref().and_then(|m| m.source_check.as_ref());
        let held = Held { positions: &positions, check, failed: None };
        let plan = plan(&client, logs.as_ref(), &feed, held, Utc::now()).await?;
        Ok(words(&plan, &feed, metadata.as_ref()))
    };
    let plan = text.await;
    Message::Plan { feed: feed.name, plan }
}

fn words(plan: &Plan, feed: &Feed, metadata: Option<&Metadata>) -> PlanText {
    let mut queries = match &plan.reading {
        Reading::Stream { sql, .. } => sql.iter().cloned().collect(),
        Reading::Table { queries, .. } => queries.iter().map(|query| query.sql.clone()).collect(),
        Reading::TableLog { .. } | Reading::Nothing { .. } => Vec::new(),
    };
    // The same statement may be asked in more than one way.
    queries.dedup();
    let columns = |known: &[ColumnInfo]| -> Vec<PlanColumn> {
        let columns = columns_of_files(feed, known, &plan.schema).into_iter();
        columns
            .map(|column| PlanColumn {
                arrow_type: column.arrow_type(),
                name: column.name,
                ksql_type: column.ksql_type,
            })
            .collect()
    };
    let known = metadata.map_or(&[][..], |held| &held.columns);
    PlanText {
        source: plan.source.name.clone(),
        guarantee: plan.text(),
        expected: plan.reading.expected(),
        queries,
        changes: metadata.map(|held| changes(held, &columns(&[]))).unwrap_or_default(),
        columns: columns(known),
    }
}

/// What is different between the lake's columns and those of the source.
fn changes(held: &Metadata, columns: &[PlanColumn]) -> Vec<String> {
    if held.columns.is_empty() {
        return Vec::new();
    }
    let mut changes = Vec::new();
    for column in columns {
        match held.columns.iter().find(|old| old.name == column.name) {
            None => changes.push(format!("{} {} is new", column.name, column.ksql_type)),
            Some(old) if old.arrow_type != column.arrow_type => changes.push(format!(
                "{} was {} ({}) and is {} ({})",
                column.name, old.ksql_type, old.arrow_type, column.ksql_type, column.arrow_type
            )),
            Some(old) if old.gone_since.is_some() => changes.push(format!("{} is back", column.name)),
            Some(_) => {}
        }
    }
    let gone = held
        .columns
        .iter()
        .filter(|old| old.gone_since.is_none() && !columns.iter().any(|column| column.name == old.name));
    changes.extend(gone.map(|old| format!("{} {} is gone", old.name, old.ksql_type)));
    changes
}

/// Takes the source's columns as they are now.
pub(super) async fn accept_schema(
    client: Client,
    logs: Option<LogSource>,
    lake: Lake,
    feed: Feed,
) -> Message {
    let name = feed.name.clone();
    match accept(client, logs, lake, feed).await {
        Ok((source, version)) => Message::Done {
            text: format!("{name}: the columns of {source} are accepted as schema {version}"),
            undo: Vec::new(),
        },
        Err(error) => Message::Failed(error.at("feed", name)),
    }
}

async fn accept(client: Client, logs: Option<LogSource>, lake: Lake, feed: Feed) -> Result<(String, String)> {
    let dir = lake.dataset_dir(&feed)?;
    let metadata = away(move || read_metadata(&dir)).await?;
    let (positions, check) = metadata.map(|m| (m.positions, m.source_check)).unwrap_or_default();
    let held = Held { positions: &positions, check: check.as_ref(), failed: None };
    let plan = plan(&client, logs.as_ref(), &feed, held, Utc::now()).await?;
    // The dataset is held while it is changed, and not while the server thinks.
    away(move || {
        let owner = crate::export::this_process("lakehand", Utc::now());
        let mut dataset = Dataset::open(&lake, &feed, Limits::default(), owner)?;
        let version = dataset.accept_schema(&plan.schema, Utc::now())?;
        Ok((plan.source.name, version))
    })
    .await
}

/// Runs what blocks on a thread that may.
async fn away<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let work = || crate::ui::terminal::contained(work)?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|e| Error::new(Kind::Bug, format!("work was given up: {e}")))?
}

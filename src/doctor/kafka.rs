//! The Kafka brokers: reached, let us in, those of ksqlDB's cluster; and each feed that reads from them.

use super::{Line, Lines};
use crate::config::Config;
use crate::error::Result;
use crate::export::log::{LogSource, ask, layout};
use crate::export::plan::find_source;
use crate::feed::{Catalog, Feed, FeedKind, Place, ReadMode};
use crate::ksql::client::Client;
use crate::source::kafka::has_tls;

const TOPIC: &str = "kafka";

/// Adds what is found. `client` is there when the server answers.
pub(super) async fn look(
    config: &Config,
    logs: Result<Option<LogSource>>,
    client: Option<&Client>,
    lines: &mut Lines<'_>,
) {
    let feeds = readers(config, |read| read == ReadMode::Kafka);
    let logs = match logs {
        Ok(Some(logs)) => logs,
        Ok(None) if feeds.is_empty() => return,
        Ok(None) => {
            let what = format!("feed {} reads from Kafka, and no brokers are configured", feeds[0].name);
            return lines.push(Line::fail(TOPIC, what, "set kafka.brokers in lakehand.toml"));
        }
        Err(error) => return lines.push(Line::of(TOPIC, &error)),
    };
    let cluster = match lines.ask(TOPIC, "the brokers", ask(&logs, |logs| logs.cluster())).await {
        Ok(cluster) => cluster,
        Err(error) => return lines.push(Line::of(TOPIC, &error)),
    };
    let id = cluster.id.as_deref().unwrap_or("without an id");
    let tls = if has_tls() { "" } else { "; this build has no TLS, SCRAM or OAUTHBEARER for brokers" };
    lines.push(Line::ok(TOPIC, format!("{} brokers of cluster {id} answer{tls}", cluster.brokers)));
    let Some(client) = client else { return };
    if let (Some(ours), Ok(info)) = (&cluster.id, client.info().await)
        && !info.kafka_cluster_id.is_empty()
        && info.kafka_cluster_id != *ours
    {
        let what = format!("ksqlDB works on cluster {}, which is another one", info.kafka_cluster_id);
        lines.push(Line::fail(TOPIC, what, "set kafka.brokers to the brokers of ksqlDB's cluster"));
    }
    // Those that would rather read from Kafka go on through ksqlDB where they cannot.
    for feed in readers(config, |read| read == ReadMode::Auto) {
        let name = &feed.name;
        let what = format!("the topic of feed {name}");
        let topic = lines.ask(TOPIC, &what, topic_of(&logs, client, &feed)).await;
        lines.push(match topic {
            Ok(text) => Line::ok(TOPIC, format!("feed {name}: {text}")),
            Err(error) => Line::warn(
                TOPIC,
                format!("feed {name} is read through ksqlDB: {}", error.what()),
                "set \"read\": \"offsets\" in the feed if that is meant to stay",
            ),
        });
    }
    for (at, feed) in feeds.iter().enumerate() {
        let what = format!("the topic of feed {}", feed.name);
        match lines.ask(TOPIC, &what, topic_of(&logs, client, feed)).await {
            Ok(text) => lines.push(Line::ok(TOPIC, format!("feed {}: {text}", feed.name))),
            Err(error) => {
                if lines.fails(TOPIC, error, &feed.name, feeds.len() - at - 1) {
                    return;
                }
            }
        }
    }
}

/// The enabled feeds of streams with such a `read`.
fn readers(config: &Config, wanted: fn(ReadMode) -> bool) -> Vec<Feed> {
    let Ok(catalog) = Catalog::load(&config.feed_paths()) else { return Vec::new() };
    let active = catalog.entries.iter().filter(|entry| entry.place == Place::Active);
    let feeds = active.filter_map(|entry| entry.feed());
    feeds.filter(|feed| feed.enabled && feed.kind == FeedKind::Stream && wanted(feed.read)).cloned().collect()
}

/// Whether the feed can be read from its topic.
async fn topic_of(logs: &LogSource, client: &Client, feed: &Feed) -> Result<String> {
    let source = find_source(client, feed).await?;
    layout(logs, feed, &source)?;
    let name = source.topic.clone();
    let log = ask(logs, move |logs| logs.log(&name)).await?;
    let records: i64 = log.bounds.values().map(|(start, end)| end - start).sum();
    Ok(format!(
        "topic {} has {} partitions and at most {records} records; values are {}",
        source.topic, log.identity.partitions, source.value_format
    ))
}

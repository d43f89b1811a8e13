//! What the brokers say of a topic: which log it is, where each partition begins and ends.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::complaints::{consumer, unanswered};
use super::options::KafkaOptions;
use crate::error::{Error, Kind, Result};
use crate::source::{Cluster, Log, LogIdentity};

/// Who answers.
pub(super) fn cluster(options: &KafkaOptions) -> Result<Cluster> {
    let consumer = consumer(&options.client(), options)?;
    let metadata = consumer
        .fetch_metadata(None, options.connect_timeout)
        .map_err(|e| unanswered("ask the brokers who they are", e, &consumer, options))?;
    let id = consumer.client().fetch_cluster_id(options.connect_timeout);
    Ok(Cluster { id, brokers: metadata.brokers().len() })
}

/// Asks for a topic. End offsets are those of the isolation: under `read_committed` a transaction that is not decided ends the log.
pub(super) fn ask(options: &KafkaOptions, topic: &str) -> Result<Log> {
    let consumer = consumer(&options.client(), options)?;
    let limit = options.connect_timeout;
    let begun = Instant::now();
    let left = || limit.saturating_sub(begun.elapsed()).max(Duration::from_millis(100));
    let failed =
        |e: KafkaError| unanswered("ask the brokers for the topic", e, &consumer, options).at("topic", topic);
    let metadata = consumer.fetch_metadata(Some(topic), left()).map_err(failed)?;
    let told = metadata.topics().iter().find(|told| told.name() == topic);
    let Some(told) = told else {
        return Err(failed(KafkaError::MetadataFetch(Code::UnknownTopic)));
    };
    if let Some(code) = told.error() {
        return Err(failed(KafkaError::MetadataFetch(code.into())));
    }
    let cluster = consumer.client().fetch_cluster_id(left());
    let mut bounds = BTreeMap::new();
    for partition in told.partitions() {
        let id = partition.id();
        if let Some(code) = partition.error() {
            let code = Code::from(code);
            // Followers that lag are no matter of ours.
            if code != Code::ReplicaNotAvailable {
                return Err(failed(KafkaError::MetadataFetch(code)).at("partition", id));
            }
        }
        let ends = consumer.fetch_watermarks(topic, id, left()).map_err(|e| {
            unanswered("ask the brokers where the log ends", e, &consumer, options)
                .at("topic", topic)
                .at("partition", id)
        })?;
        bounds.insert(id, ends);
    }
    if bounds.is_empty() {
        return Err(Error::new(Kind::Refused, "the topic has no partitions").at("topic", topic));
    }
    let identity = LogIdentity { topic: topic.to_owned(), cluster, partitions: bounds.len() };
    Ok(Log { identity, bounds, schemas: None })
}

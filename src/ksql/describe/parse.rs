//! The JSON of `/ksql` and `/status`, read with serde.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fields::columns;
use super::{
    CommandState, Description, PartitionOffsets, QueryProgress, QueryRef, SourceKind, SourceName,
    StatementOutcome, TopicOffsets, WindowKind,
};
use crate::error::{Error, Kind, Result};

/// The sources of a LIST STREAMS or LIST TABLES reply, sorted by name (the server's order is that of a hash map).
pub fn source_names(body: &[u8]) -> Result<Vec<SourceName>> {
    #[derive(Deserialize)]
    struct List {
        #[serde(default, alias = "tables")]
        streams: Vec<Listed>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Listed {
        name: String,
        #[serde(rename = "type")]
        kind: WireKind,
        topic: String,
        #[serde(default)]
        key_format: String,
        // 0.12 and before, and the documents of later ones, say `format`.
        #[serde(default, alias = "format")]
        value_format: String,
        #[serde(default)]
        is_windowed: bool,
    }
    let list: List = entity(body, &["streams", "tables"])?;
    let mut names: Vec<_> = list
        .streams
        .into_iter()
        .map(|listed| SourceName {
            name: listed.name,
            kind: listed.kind.into(),
            topic: listed.topic,
            key_format: listed.key_format,
            value_format: listed.value_format,
            windowed: listed.is_windowed,
        })
        .collect();
    names.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(names)
}

/// The source of a DESCRIBE reply, EXTENDED or not.
pub fn description(body: &[u8]) -> Result<Description> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Outer {
        source_description: Source,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Source {
        name: String,
        #[serde(rename = "type")]
        kind: WireKind,
        window_type: Option<String>,
        fields: Box<RawValue>,
        #[serde(default)]
        topic: String,
        #[serde(default)]
        key_format: String,
        #[serde(default)]
        value_format: String,
        #[serde(default)]
        timestamp: String,
        #[serde(default)]
        partitions: u32,
        #[serde(default)]
        statement: String,
        #[serde(default)]
        read_queries: Vec<WireQuery>,
        #[serde(default)]
        write_queries: Vec<WireQuery>,
        #[serde(default)]
        query_offset_summaries: Vec<OffsetSummary>,
    }
    let Outer { source_description: source } = entity(body, &["sourceDescription"])?;
    let window = match source.window_type.as_deref() {
        None => None,
        Some("TUMBLING") => Some(WindowKind::Tumbling),
        Some("HOPPING") => Some(WindowKind::Hopping),
        Some("SESSION") => Some(WindowKind::Session),
        Some(other) => {
            let what = format!("the source has a window of a kind not known here: {other}");
            return Err(Error::new(Kind::Schema, what).at("source", source.name));
        }
    };
    Ok(Description {
        kind: source.kind.into(),
        window,
        columns: columns(&source.fields).map_err(|error| error.at("source", &source.name))?,
        name: source.name,
        topic: source.topic,
        key_format: source.key_format,
        value_format: source.value_format,
        timestamp: source.timestamp,
        partitions: source.partitions,
        statement: source.statement,
        read_queries: source.read_queries.into_iter().map(QueryRef::from).collect(),
        write_queries: source.write_queries.into_iter().map(QueryRef::from).collect(),
        offsets: source
            .query_offset_summaries
            .into_iter()
            .flat_map(|summary| summary.topic_summaries)
            .map(TopicSummary::into_offsets)
            .collect(),
    })
}

/// The state of each query in a SHOW QUERIES reply.
pub fn query_states(body: &[u8]) -> Result<BTreeMap<String, String>> {
    #[derive(Deserialize)]
    struct Queries {
        queries: Vec<WireQuery>,
    }
    let queries: Queries = entity(body, &["queries"])?;
    Ok(queries.queries.into_iter().map(|query| (query.id, query.state.unwrap_or_default())).collect())
}

/// The progress of query `id` in a SHOW QUERIES EXTENDED reply, by partition; `None` when the query is not listed.
pub fn query_progress(body: &[u8], id: &str) -> Result<Option<BTreeMap<i32, QueryProgress>>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Queries {
        query_descriptions: Vec<Query>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Query {
        id: String,
        #[serde(default)]
        tasks_metadata: Vec<Task>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Task {
        #[serde(default)]
        topic_offsets: Vec<TaskOffset>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct TaskOffset {
        topic_partition_entity: TopicPartition,
        end_offset: i64,
        committed_offset: i64,
    }
    #[derive(Deserialize)]
    struct TopicPartition {
        partition: i32,
    }
    let queries: Queries = entity(body, &["query_descriptions"])?;
    // A query that runs on several hosts is listed once for each of them.
    let mut found = None;
    for query in queries.query_descriptions.into_iter().filter(|query| query.id == id) {
        let progress: &mut BTreeMap<i32, QueryProgress> = found.get_or_insert_default();
        for offset in query.tasks_metadata.into_iter().flat_map(|task| task.topic_offsets) {
            let next = QueryProgress { polled: offset.end_offset, committed: offset.committed_offset };
            let kept = progress.entry(offset.topic_partition_entity.partition).or_insert(next);
            kept.polled = kept.polled.max(next.polled);
            kept.committed = kept.committed.max(next.committed);
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireStatus {
    status: String,
    #[serde(default)]
    message: String,
    query_id: Option<String>,
}

impl WireStatus {
    fn into_outcome(self, command_id: Option<String>) -> StatementOutcome {
        let state = match self.status.as_str() {
            "SUCCESS" => CommandState::Success,
            "ERROR" => CommandState::Error,
            "TERMINATED" => CommandState::Terminated,
            _ => CommandState::Pending,
        };
        StatementOutcome { command_id, state, message: self.message, query_id: self.query_id }
    }
}

/// The outcome in the reply to a statement that changes something. `IF NOT EXISTS` without effect is a success with the
/// server's warning as its message; a statement without an entity (SET) is one without words.
pub fn outcome(body: &[u8]) -> Result<StatementOutcome> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Current {
        command_id: String,
        command_status: WireStatus,
    }
    let entities: Vec<Value> = entities(body)?;
    let Some(last) = entities.into_iter().last() else { return Ok(done(String::new())) };
    if last.get("@type").and_then(Value::as_str) != Some("currentStatus") {
        return Ok(done(last.get("message").and_then(Value::as_str).unwrap_or_default().to_owned()));
    }
    let current: Current = read(last)?;
    Ok(current.command_status.into_outcome(Some(current.command_id)))
}

/// The outcome in the reply of `/status/<command_id>`.
pub fn command_status(body: &[u8], command_id: &str) -> Result<StatementOutcome> {
    let status: WireStatus = read(serde_json::from_slice(body).map_err(|error| unreadable(&error))?)?;
    Ok(status.into_outcome(Some(command_id.to_owned())))
}

fn done(message: String) -> StatementOutcome {
    StatementOutcome { command_id: None, state: CommandState::Success, message, query_id: None }
}

#[derive(Deserialize, Clone, Copy)]
enum WireKind {
    #[serde(rename = "STREAM")]
    Stream,
    #[serde(rename = "TABLE")]
    Table,
}

impl From<WireKind> for SourceKind {
    fn from(kind: WireKind) -> Self {
        match kind {
            WireKind::Stream => Self::Stream,
            WireKind::Table => Self::Table,
        }
    }
}

#[derive(Deserialize)]
struct WireQuery {
    id: String,
    #[serde(default)]
    sinks: Vec<String>,
    #[serde(default)]
    state: Option<String>,
}

impl From<WireQuery> for QueryRef {
    fn from(query: WireQuery) -> Self {
        Self { id: query.id, sinks: query.sinks, state: query.state.unwrap_or_default() }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OffsetSummary {
    #[serde(default)]
    topic_summaries: Vec<TopicSummary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TopicSummary {
    kafka_topic: String,
    #[serde(default)]
    offsets: Vec<WireOffsets>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireOffsets {
    partition: i32,
    log_start_offset: i64,
    log_end_offset: i64,
    consumer_offset: i64,
}

impl TopicSummary {
    fn into_offsets(self) -> TopicOffsets {
        TopicOffsets {
            topic: self.kafka_topic,
            partitions: self
                .offsets
                .into_iter()
                .map(|offsets| {
                    let values = PartitionOffsets {
                        log_start: offsets.log_start_offset,
                        log_end: offsets.log_end_offset,
                        consumer: offsets.consumer_offset,
                    };
                    (offsets.partition, values)
                })
                .collect(),
        }
    }
}

/// The one entity of a reply that has one of the `wanted` types.
fn entity<T: serde::de::DeserializeOwned>(body: &[u8], wanted: &[&str]) -> Result<T> {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "@type", borrow, default)]
        name: Option<std::borrow::Cow<'a, str>>,
    }
    // Text until it is known which one is read: values of it all would take a multiple of the answer.
    let entities: Vec<&RawValue> = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let found = entities.into_iter().find(|entity| {
        let typed: Option<Typed> = serde_json::from_str(entity.get()).ok();
        typed.and_then(|typed| typed.name).is_some_and(|name| wanted.contains(&name.as_ref()))
    });
    match found {
        Some(entity) => serde_json::from_str(entity.get()).map_err(|error| unreadable(&error)),
        None => Err(Error::new(
            Kind::Garbled,
            format!("the reply holds no entity of type {}", wanted.join(" or ")),
        )),
    }
}

fn entities(body: &[u8]) -> Result<Vec<Value>> {
    serde_json::from_slice(body).map_err(|error| unreadable(&error))
}

fn read<T: serde::de::DeserializeOwned>(entity: Value) -> Result<T> {
    serde_json::from_value(entity).map_err(|error| unreadable(&error))
}

pub(super) fn unreadable(error: &serde_json::Error) -> Error {
    Error::new(Kind::Garbled, format!("the server's reply cannot be read: {error}"))
        .next("check that server.url is that of a ksqlDB server")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ksql::schema::Role;

    fn source(fields: &str, rest: &str) -> Result<Description> {
        let text = format!(
            r#"[{{"@type":"sourceDescription","sourceDescription":{{"name":"S","type":"TABLE","fields":[{fields}]{rest}}}}}]"#
        );
        description(text.as_bytes())
    }

    #[test]
    fn what_an_old_server_does_not_tell_is_left_empty() {
        let source = source(r#"{"name":"K","schema":{"type":"STRING"},"type":"KEY"}"#, "").unwrap();
        assert_eq!((source.partitions, source.statement.as_str(), source.window), (0, "", None));
        assert_eq!(source.columns[0].role, Role::Key);
    }

    #[test]
    fn what_is_not_known_here_is_a_matter_of_schema_and_what_is_broken_is_garbled() {
        let column = |schema: &str| format!(r#"{{"name":"A","schema":{schema}}}"#);
        assert_eq!(source(&column(r#"{"type":"GEO"}"#), "").unwrap_err().kind(), Kind::Schema);
        assert_eq!(source("", r#","windowType":"SLIDING""#).unwrap_err().kind(), Kind::Schema);
        for schema in
            [r#"{"type":"ARRAY"}"#, r#"{"type":"DECIMAL"}"#, r#"{"type":"STRUCT"}"#, r#"{"type":"MAP"}"#]
        {
            assert_eq!(source(&column(schema), "").unwrap_err().kind(), Kind::Garbled, "{schema}");
        }
        for body in ["", "{}", "[]", r#"[{"@type":"streams"}]"#, "<html>"] {
            assert_eq!(description(body.as_bytes()).unwrap_err().kind(), Kind::Garbled, "{body}");
        }
    }

    #[test]
    fn a_statement_without_effect_is_a_success() {
        let body = br#"[{"@type":"warning_entity","message":"X already exists"}]"#;
        assert_eq!(outcome(body).unwrap().state, CommandState::Success);
        assert_eq!(outcome(b"[]").unwrap().state, CommandState::Success);
    }

    #[test]
    fn a_query_on_several_hosts_has_come_as_far_as_the_furthest_says() {
        let entry = |committed: i64| {
            format!(
                r#"{{"id":"q","tasksMetadata":[{{"topicOffsets":[{{"topicPartitionEntity":{{"topic":"t","partition":0}},"endOffset":{committed},"committedOffset":{committed}}}]}}]}}"#
            )
        };
        let body =
            format!(r#"[{{"@type":"query_descriptions","queryDescriptions":[{},{}]}}]"#, entry(-1), entry(7));
        let progress = query_progress(body.as_bytes(), "q").unwrap().unwrap();
        assert_eq!(progress[&0], QueryProgress { polled: 7, committed: 7 });
        assert_eq!(query_progress(body.as_bytes(), "Q").unwrap(), None);
    }
}

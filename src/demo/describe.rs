//! Sources and queries as `/ksql` describes them.

use crate::ksql::schema::SqlType;

use super::catalog::{Catalog, Data, Source};
use super::log::Log;
use super::query::Running;
use super::server::State;
use super::writer::quote;

/// Where the demo says that it runs.
const HOST: &str = "127.0.0.1:8088";
const GROUP: &str = "_confluent-ksql-default_";

/// A JSON object of members that are JSON already; they keep their order.
pub(super) fn object(members: &[(&str, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// A JSON array of elements that are JSON already.
pub(super) fn array(elements: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", elements.into_iter().collect::<Vec<_>>().join(","))
}

/// An element of SHOW STREAMS or SHOW TABLES.
pub(super) fn listed(state: &State, source: &Source) -> String {
    object(&[
        ("type", quote(source.kind())),
        ("name", quote(&source.name)),
        ("topic", quote(&source.topic)),
        ("keyFormat", quote(source.key_format)),
        ("valueFormat", quote(value_format(state, source))),
        ("isWindowed", source.window.is_some().to_string()),
    ])
}

fn value_format(state: &State, source: &Source) -> &'static str {
    if source.raw_of.is_some() { "KAFKA" } else { state.options.value_format }
}

/// A type as `fields` show it. A MAP's key type is not among what ksqlDB tells.
fn schema(sql_type: &SqlType) -> String {
    let null = || "null".to_owned();
    let (name, fields, member, parameters) = match sql_type {
        SqlType::Boolean => ("BOOLEAN", null(), null(), None),
        SqlType::Integer => ("INTEGER", null(), null(), None),
        SqlType::BigInt => ("BIGINT", null(), null(), None),
        SqlType::Double => ("DOUBLE", null(), null(), None),
        SqlType::String => ("STRING", null(), null(), None),
        SqlType::Bytes => ("BYTES", null(), null(), None),
        SqlType::Date => ("DATE", null(), null(), None),
        SqlType::Time => ("TIME", null(), null(), None),
        SqlType::Timestamp => ("TIMESTAMP", null(), null(), None),
        SqlType::Decimal { precision, scale } => {
            let parameters = [("precision", precision.to_string()), ("scale", scale.to_string())];
            ("DECIMAL", null(), null(), Some(object(&parameters)))
        }
        SqlType::Array(member) => ("ARRAY", null(), schema(member), None),
        SqlType::Map(_, value) => ("MAP", null(), schema(value), None),
        SqlType::Struct(fields) => {
            let fields =
                fields.iter().map(|f| object(&[("name", quote(&f.name)), ("schema", schema(&f.sql_type))]));
            ("STRUCT", array(fields), null(), None)
        }
    };
    let mut members = vec![("type", quote(name)), ("fields", fields), ("memberSchema", member)];
    members.extend(parameters.map(|parameters| ("parameters", parameters)));
    object(&members)
}

fn fields(source: &Source) -> String {
    array(source.columns.iter().filter(|column| !column.window).map(|column| {
        let mut members = vec![("name", quote(&column.name)), ("schema", schema(&column.sql_type))];
        if column.key {
            members.push(("type", quote("KEY")));
        }
        object(&members)
    }))
}

/// The persistent query that writes `source`, as lists show it.
pub(super) fn persistent(source: &Source) -> Option<String> {
    let (_, id) = source.written_by.as_ref()?;
    Some(object(&[
        ("queryString", quote(&source.statement)),
        ("sinks", array([quote(&source.name)])),
        ("sinkKafkaTopics", array([quote(&source.topic)])),
        ("id", quote(id)),
        ("statusCount", object(&[(source.writer_state, "1".to_owned())])),
        ("queryType", quote("PERSISTENT")),
        ("state", quote(source.writer_state)),
    ]))
}

/// A push query, as SHOW QUERIES shows it.
pub(super) fn push(query: &Running) -> String {
    object(&[
        ("queryString", quote(&query.statement)),
        ("sinks", "[]".into()),
        ("sinkKafkaTopics", "[]".into()),
        ("id", quote(&query.id)),
        ("statusCount", "{\"RUNNING\":1}".into()),
        ("queryType", quote("PUSH")),
        ("state", quote("RUNNING")),
    ])
}

/// An element of SHOW QUERIES EXTENDED.
fn extended(
    id: &str,
    statement: &str,
    source: &Source,
    sinks: Vec<String>,
    overridden: String,
    kind: &str,
    tasks: String,
) -> String {
    object(&[
        ("id", quote(id)),
        ("statementText", quote(statement)),
        ("windowType", source.window.map_or("null".into(), quote)),
        ("fields", fields(source)),
        ("sources", array([quote(&source.name)])),
        ("sinks", array(sinks)),
        ("topology", quote("Topologies:\n   Sub-topology: 0\n")),
        ("executionPlan", quote(" > [ PROJECT ]")),
        ("overriddenProperties", overridden),
        ("ksqlHostQueryStatus", object(&[(HOST, quote("RUNNING"))])),
        ("queryType", quote(kind)),
        ("queryErrors", "[]".into()),
        ("tasksMetadata", tasks),
        ("consumerGroupId", quote(&format!("{GROUP}query_{id}"))),
        ("state", quote("RUNNING")),
    ])
}

/// One task per partition: the highest offset polled, and the next one to come, committed; -1 where there is none.
fn tasks(topic: &str, positions: impl Iterator<Item = (i64, i64)>) -> String {
    array(positions.enumerate().map(|(partition, (polled, committed))| {
        let entity = object(&[("topic", quote(topic)), ("partition", partition.to_string())]);
        let offsets = object(&[
            ("topicPartitionEntity", entity),
            ("endOffset", polled.to_string()),
            ("committedOffset", committed.to_string()),
        ]);
        object(&[
            ("taskId", quote(&format!("0_{partition}"))),
            ("topicOffsets", array([offsets])),
            ("timeCurrentIdlingStarted", "null".into()),
        ])
    }))
}

/// A push query with its progress.
pub(super) fn push_extended(query: &Running) -> String {
    let overridden = serde_json::to_string(&query.properties).unwrap_or_else(|_| "{}".into());
    let tasks = tasks(&query.source.topic, query.positions().into_iter());
    extended(&query.id, &query.statement, &query.source, Vec::new(), overridden, "PUSH", tasks)
}

/// The persistent query that writes `source`, with its progress: it has read all there is.
pub(super) fn persistent_extended(state: &State, catalog: &Catalog, source: &Source) -> Option<String> {
    let (reads, id) = source.written_by.as_ref()?;
    let input = catalog.get(reads)?;
    let Data::Stream(log) = input.data else { return None };
    let ends = log.ends(&state.world, state.transactions());
    let positions = ends.iter().map(|end| {
        let end = i64::try_from(*end).unwrap_or(i64::MAX);
        (end - 1, if end == 0 { -1 } else { end })
    });
    let sinks = vec![quote(&source.name)];
    let tasks = tasks(&input.topic, positions);
    Some(extended(id, &source.statement, input, sinks, "{}".into(), "PERSISTENT", tasks))
}

/// The input topics of the query that writes `source`: where their logs begin and end.
fn offset_summaries(state: &State, catalog: &Catalog, source: &Source) -> String {
    let input = source.written_by.as_ref().and_then(|(reads, id)| Some((catalog.get(reads)?, id)));
    let Some((input, id)) = input else { return "[]".into() };
    let Data::Stream(log) = input.data else { return "[]".into() };
    let ends = log.ends(&state.world, state.transactions());
    let summary = |topic: &str, start: u64, ends: &[u64]| {
        let offsets = array(ends.iter().enumerate().map(|(partition, end)| {
            object(&[
                ("partition", partition.to_string()),
                ("logStartOffset", start.min(*end).to_string()),
                ("logEndOffset", end.to_string()),
                ("consumerOffset", end.to_string()),
            ])
        }));
        object(&[("kafkaTopic", quote(topic)), ("offsets", offsets)])
    };
    let mut topics = Vec::new();
    if source.is_table() {
        // GROUP BY goes through a topic of its own, whose offsets say nothing of the input's.
        let internal = format!("{GROUP}query_{id}-Aggregate-GroupBy-repartition");
        let counts: Vec<_> = ends.iter().map(|end| end / 2).collect();
        topics.push(summary(&internal, 7, &counts));
    }
    topics.push(summary(&input.topic, state.log_start(), &ends));
    array([object(&[("groupId", quote(&format!("{GROUP}query_{id}"))), ("topicSummaries", array(topics))])])
}

/// DESCRIBE.
pub(super) fn source(
    state: &State,
    catalog: &Catalog,
    source: &Source,
    extended: bool,
    offsets: bool,
) -> String {
    let readers: Vec<_> = catalog.readers(&source.name).collect();
    let has_records = !matches!(source.data, Data::Stream(Log::Empty));
    let statistics = if extended && has_records {
        "The statistics field is deprecated and will be removed in a future version of ksql. Please update your \
         client to the latest version and use statisticsMap instead."
    } else {
        ""
    };
    let summaries = if extended && offsets { offset_summaries(state, catalog, source) } else { "[]".into() };
    object(&[
        ("name", quote(&source.name)),
        ("windowType", source.window.map_or("null".into(), quote)),
        ("readQueries", array(readers.iter().filter_map(|reader| persistent(reader)))),
        ("writeQueries", array(persistent(source))),
        ("fields", fields(source)),
        ("type", quote(source.kind())),
        ("timestamp", quote("")),
        ("statistics", quote(statistics)),
        ("errorStats", quote("")),
        ("extended", extended.to_string()),
        ("keyFormat", quote(source.key_format)),
        ("valueFormat", quote(value_format(state, source))),
        ("topic", quote(&source.topic)),
        ("partitions", state.world.partitions().to_string()),
        ("replication", "1".into()),
        ("statement", quote(&source.statement)),
        ("queryOffsetSummaries", summaries),
        ("sourceConstraints", array(readers.iter().map(|reader| quote(&reader.name)))),
        ("clusterStatistics", "[]".into()),
        ("clusterErrorStats", "[]".into()),
    ])
}

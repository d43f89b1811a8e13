//! `/ksql`: statements that are no queries.

use hyper::{Response, StatusCode};
use serde_json::Value;

use super::catalog::{Catalog, Data, Source, SourceColumn};
use super::describe::{self, array, object};
use super::faults::Fault;
use super::http::{Call, Payload, Refusal, json, object as body_object};
use super::lock;
use super::log::Log;
use super::predicate::{Condition, Term, Value as Constant};
use super::select::Plan;
use super::server::State;
use super::sql::{Command, Compare, Select, Statement, parse};
use super::writer::quote;
use super::{catalog::Origin, cell::Cell};
use crate::ksql::schema::SqlType;

/// Answers a request.
pub(super) fn answer(state: &State, call: &Call) -> Response<Payload> {
    let body = match body_object(&call.body) {
        Ok(body) => body,
        Err(refusal) => return refusal.into_response(false),
    };
    let Some(text) = body.get("ksql").and_then(Value::as_str) else {
        let missing = Refusal::new(StatusCode::BAD_REQUEST, 40_000, "\"ksql\" field must be populated");
        return missing.into_response(true);
    };
    let statements = match parse(text) {
        Ok(statements) => statements,
        Err(error) => return Refusal::statement(error.0, text).into_response(true),
    };
    let offsets = !call.faults.contains(&Fault::NoOffsets);
    let mut entities = Vec::new();
    for statement in &statements {
        match run(state, statement, offsets) {
            Ok(entity) => entities.push(entity),
            Err(refusal) => return refusal.into_response(true),
        }
    }
    json(array(entities))
}

fn entity(kind: &str, statement: &str, mut members: Vec<(&str, String)>) -> String {
    let mut all = vec![("@type", quote(kind)), ("statementText", quote(statement))];
    all.append(&mut members);
    all.push(("warnings", "[]".into()));
    object(&all)
}

fn run(state: &State, statement: &Statement, offsets: bool) -> Result<String, Refusal> {
    let text = &statement.text;
    let wrong = |message: String| Refusal::statement(message, text);
    match &statement.command {
        Command::List { what, extended } => list(state, text, what, *extended, offsets),
        Command::Describe { name, extended } => {
            let catalog = state.catalog();
            let source = catalog
                .get(name)
                .ok_or_else(|| wrong(format!("Could not find STREAM/TABLE '{name}' in the Metastore")))?;
            let description = describe::source(state, &catalog, source, *extended, offsets);
            Ok(entity("sourceDescription", text, vec![("sourceDescription", description)]))
        }
        Command::Select(_) => Err(elsewhere(text)),
        Command::Other(word) if word == "PRINT" => Err(elsewhere(text)),
        Command::CreateAs { table, name, if_not_exists, with, select } => {
            let mut catalog = state.catalog_mut();
            if catalog.get(name).is_some() {
                if *if_not_exists {
                    let message =
                        format!("Cannot add stream `{name}`: A stream with the same name already exists.");
                    return Ok(status_entity(text, &format!("stream/`{name}`/create"), &message, None, 0));
                }
                return Err(wrong(format!(
                    "Could not determine output schema for query due to error: Cannot add stream '{name}': A stream \
                     with the same name already exists"
                )));
            }
            if *table {
                return Err(wrong("This server makes new streams only, no tables".into()));
            }
            let topic = with.iter().find(|(key, _)| key == "KAFKA_TOPIC").map(|(_, topic)| topic.as_str());
            let source = new_stream(&catalog, text, name, topic, select).map_err(wrong)?;
            let number = catalog.insert(source);
            let id = format!("CSAS_{name}_{number}");
            let message = format!("Created query with ID {id}");
            Ok(status_entity(text, &format!("stream/`{name}`/create"), &message, Some(&id), number + 1))
        }
        Command::Declare { name, if_not_exists, columns, with } => {
            let mut catalog = state.catalog_mut();
            let command = format!("stream/`{name}`/create");
            if catalog.get(name).is_some() {
                let message =
                    format!("Cannot add stream `{name}`: A stream with the same name already exists.");
                if *if_not_exists {
                    return Ok(status_entity(text, &command, &message, None, 0));
                }
                return Err(wrong(message));
            }
            let source = raw_stream(&catalog, text, name, columns, with).map_err(wrong)?;
            let number = catalog.insert(source);
            Ok(status_entity(text, &command, "Stream created", None, number + 1))
        }
        Command::Drop { table, name, if_exists } => drop_source(state, text, *table, name, *if_exists),
        Command::Terminate(id) => {
            let queries = lock(&state.queries);
            let found = queries.values().find(|query| query.push && query.id.eq_ignore_ascii_case(id));
            let Some(query) = found else {
                let message = format!("Failed to terminate query with query ID: '{id}'");
                return Err(Refusal::new(StatusCode::BAD_REQUEST, 40_000, message));
            };
            query.close();
            Ok(entity(
                "terminate_query",
                text,
                vec![("queryId", quote(id)), ("wasTerminated", "true".into())],
            ))
        }
        Command::Other(word) => Err(wrong(format!("This server does not do {word}"))),
    }
}

/// 400/40002: queries have endpoints of their own.
fn elsewhere(text: &str) -> Refusal {
    let message = "The following statement types should be issued to the websocket endpoint '/query':\n\t* PRINT\n\t* SELECT";
    Refusal { code: 40_002, ..Refusal::statement(message, text) }
}

fn list(state: &State, text: &str, what: &str, extended: bool, offsets: bool) -> Result<String, Refusal> {
    let catalog = state.catalog();
    let of = |tables: bool| catalog.sources().filter(move |source| source.is_table() == tables);
    match what {
        "STREAMS" | "TABLES" => {
            let tables = what == "TABLES";
            if extended {
                let all = of(tables).map(|source| describe::source(state, &catalog, source, true, offsets));
                return Ok(entity("source_descriptions", text, vec![("sourceDescriptions", array(all))]));
            }
            let name = if tables { "tables" } else { "streams" };
            Ok(entity(
                name,
                text,
                vec![(name, array(of(tables).map(|source| describe::listed(state, source))))],
            ))
        }
        "QUERIES" => {
            let queries = lock(&state.queries);
            let pushes = queries.values().filter(|query| query.push);
            if extended {
                let persistent = catalog
                    .sources()
                    .filter_map(|source| describe::persistent_extended(state, &catalog, source));
                let all = persistent.chain(pushes.map(|query| describe::push_extended(query)));
                return Ok(entity("query_descriptions", text, vec![("queryDescriptions", array(all))]));
            }
            let persistent = catalog.sources().filter_map(|source| describe::persistent(source));
            let all = persistent.chain(pushes.map(|query| describe::push(query)));
            Ok(entity("queries", text, vec![("queries", array(all))]))
        }
        "TOPICS" => {
            let topics = catalog.sources().map(|source| {
                let replicas = array((0..state.world.partitions()).map(|_| "1".to_owned()));
                object(&[("name", quote(&source.topic)), ("replicaInfo", replicas)])
            });
            Ok(entity("kafka_topics", text, vec![("topics", array(topics))]))
        }
        "PROPERTIES" => Ok(entity(
            "properties",
            text,
            vec![
                ("properties", "[]".into()),
                ("overwrittenProperties", "[]".into()),
                ("defaultProperties", "[]".into()),
            ],
        )),
        _ => Err(Refusal::statement(format!("This server does not list {what}"), text)),
    }
}

fn status_entity(text: &str, command: &str, message: &str, query: Option<&str>, number: u64) -> String {
    let status = object(&[
        ("status", quote("SUCCESS")),
        ("message", quote(message)),
        ("queryId", query.map_or("null".into(), quote)),
    ]);
    let members = vec![
        ("commandId", quote(command)),
        ("commandStatus", status),
        ("commandSequenceNumber", number.to_string()),
    ];
    entity("currentStatus", text, members)
}

/// The records of a topic as bytes: nothing is read or written by the declaration.
fn raw_stream(
    catalog: &Catalog,
    text: &str,
    name: &str,
    columns: &[(String, bool)],
    with: &[(String, String)],
) -> Result<Source, String> {
    let of = |wanted: &str| with.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
    if of("FORMAT") != Some("KAFKA") {
        return Err("This server declares streams of the format KAFKA only".into());
    }
    let topic = of("KAFKA_TOPIC").unwrap_or(name);
    let original = catalog.sources().find(|s| s.topic == topic && !s.is_table() && s.raw_of.is_none());
    let Some(original) = original.map(std::sync::Arc::clone) else {
        return Err(format!("Kafka topic does not exist: {topic}"));
    };
    let column = |(name, key): &(String, bool)| SourceColumn {
        name: name.clone(),
        sql_type: SqlType::Bytes,
        key: *key,
        window: false,
        origin: if *key { Origin::RawKey } else { Origin::RawValue },
    };
    Ok(Source {
        name: name.to_owned(),
        topic: topic.to_owned(),
        key_format: "KAFKA",
        window: None,
        columns: columns.iter().map(column).collect(),
        data: original.data,
        written_by: None,
        statement: text.to_owned(),
        writer_state: "RUNNING",
        raw_of: Some(original),
    })
}

/// A stream that a query writes: everything of another stream, or nothing of it.
fn new_stream(
    catalog: &Catalog,
    text: &str,
    name: &str,
    topic: Option<&str>,
    select: &Select,
) -> Result<Source, String> {
    let push = Select { push: true, ..select.clone() };
    let mut plan = Plan::new(&push, text, catalog)?;
    let input = std::sync::Arc::clone(&plan.source);
    let Data::Stream(log) = input.data else {
        return Err("This server makes new streams of streams only".into());
    };
    let log = match plan.condition.take() {
        None => log,
        Some(condition) if is_never(&condition) => Log::Empty,
        Some(_) => return Err("This server filters new streams by ROWTIME < 0 only, or not at all".into()),
    };
    Ok(Source {
        name: name.to_owned(),
        topic: topic.unwrap_or(name).to_owned(),
        key_format: input.key_format,
        window: None,
        columns: plan.into_columns()?,
        data: Data::Stream(log),
        written_by: Some((input.name.clone(), String::new())),
        statement: text.to_owned(),
        writer_state: "RUNNING",
        raw_of: None,
    })
}

/// `ROWTIME < 0`: no transaction is that old.
fn is_never(condition: &Condition) -> bool {
    matches!(
        condition,
        Condition::Compare(
            Term::Column(Origin::Record(Cell::RowTime)),
            Compare::Less,
            Term::Constant(Constant::Whole(time))
        ) if *time <= 0
    )
}

fn drop_source(
    state: &State,
    text: &str,
    table: bool,
    name: &str,
    if_exists: bool,
) -> Result<String, Refusal> {
    let wrong = |message: String| Err(Refusal::statement(message, text));
    let mut catalog = state.catalog_mut();
    let kind = if table { "table" } else { "stream" };
    let command = format!("{kind}/{name}/drop");
    let Some(source) = catalog.get(name) else {
        if if_exists {
            let number = catalog.next_statement();
            let message = format!("Source `{name}` does not exist.");
            return Ok(status_entity(text, &command, &message, None, number));
        }
        return wrong(format!("{} {name} does not exist.", if table { "Table" } else { "Stream" }));
    };
    if source.is_table() != table {
        let is = source.kind().to_lowercase();
        return wrong(format!(
            "Incompatible data source type is {is}, but statement was DROP {}",
            kind.to_uppercase()
        ));
    }
    let readers: Vec<_> = catalog
        .readers(name)
        .filter_map(|reader| reader.written_by.as_ref().map(|(_, id)| id.clone()))
        .collect();
    if !readers.is_empty() {
        return wrong(format!(
            "Cannot drop {name}.\nThe following queries read from this source: [{}].\nThe following queries write \
             into this source: [].\nYou need to terminate them before dropping {name}.",
            readers.join(", ")
        ));
    }
    catalog.remove(name);
    let number = catalog.next_statement();
    Ok(status_entity(text, &command, &format!("Source `{name}` was dropped."), None, number))
}

/// GET /status
pub(super) fn statuses(state: &State) -> String {
    let catalog = state.catalog();
    let all: Vec<_> = catalog
        .sources()
        .map(|source| format!("\"{}/`{}`/create\":\"SUCCESS\"", source.kind().to_lowercase(), source.name))
        .collect();
    format!("{{\"commandStatuses\":{{{}}}}}", all.join(","))
}

/// GET /status/stream/`NAME`/create, the name in backticks, which arrive escaped.
pub(super) fn status(state: &State, path: &str) -> Response<Payload> {
    let path = path.replace("%60", "`");
    let catalog = state.catalog();
    let found = catalog
        .sources()
        .find(|source| path == format!("/status/{}/`{}`/create", source.kind().to_lowercase(), source.name));
    let Some(source) = found else {
        return Refusal::new(StatusCode::NOT_FOUND, 40_400, "Command not found").into_response(true);
    };
    let (message, query) = match &source.written_by {
        Some((_, id)) => (format!("Created query with ID {id}"), quote(id)),
        None => ("Stream created".to_owned(), "null".into()),
    };
    json(object(&[("status", quote("SUCCESS")), ("message", quote(&message)), ("queryId", query)]))
}

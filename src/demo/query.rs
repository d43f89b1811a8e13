//! `/query-stream` and `/query`: which query it is, what it is refused for, and what runs of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use http_body_util::BodyExt;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use super::catalog::Source;
use super::http::{Call, Payload, Refusal, format, object, whole};
use super::select::Plan;
use super::server::State;
use super::sql::{Command, Select, Statement, parse};
use super::writer::{Answer, Format, Writer};
use super::{lock, pull, push};

/// A query that runs: a push, or a pull over a stream.
pub(super) struct Running {
    pub(super) id: String,
    pub(super) statement: String,
    pub(super) source: Arc<Source>,
    pub(super) properties: Map<String, Value>,
    /// Listed by SHOW QUERIES and ended by TERMINATE; pulls over streams are neither.
    pub(super) push: bool,
    /// Known to `/close-query`; legacy queries are not.
    pub(super) closable: bool,
    /// The highest offset polled and the next to come, by partition; -1 at first.
    positions: Vec<(AtomicI64, AtomicI64)>,
    pub(super) closed: Arc<AtomicBool>,
    wake: Notify,
}

impl Running {
    /// Ends it as `/close-query` does.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Ready when it was closed.
    pub(super) async fn until_closed(&self) {
        while !self.closed.load(Ordering::Acquire) {
            self.wake.notified().await;
        }
    }

    /// Everything below `next` of a partition is processed, which does not mean delivered.
    pub(super) fn processed(&self, partition: u64, next: u64) {
        let position = usize::try_from(partition).ok().and_then(|partition| self.positions.get(partition));
        if let (Some((polled, committed)), Ok(next)) = (position, i64::try_from(next))
            && next > 0
        {
            polled.store(next - 1, Ordering::Relaxed);
            committed.store(next, Ordering::Relaxed);
        }
    }

    /// Polled and committed offsets as `tasksMetadata` tells them. With more than one stream thread, which is what
    /// servers have unless asked otherwise, all but the first partition are reported late; here never.
    pub(super) fn positions(&self) -> Vec<(i64, i64)> {
        let threads = self
            .properties
            .iter()
            .find(|(name, _)| name.trim_start_matches("ksql.streams.") == "num.stream.threads")
            .map(|(_, value)| value.to_string().trim_matches('"').to_owned());
        let exact = threads.as_deref() == Some("1");
        let of = |(at, (polled, committed)): (usize, &(AtomicI64, AtomicI64))| {
            if exact || at == 0 {
                (polled.load(Ordering::Relaxed), committed.load(Ordering::Relaxed))
            } else {
                (-1, -1)
            }
        };
        self.positions.iter().enumerate().map(of).collect()
    }
}

/// Takes a query off the list when its task ends for whatever reason.
pub(super) struct Registered {
    state: Arc<State>,
    pub(super) query: Arc<Running>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.state.queries).remove(&self.query.id);
    }
}

/// How a request reached a query.
struct Asked {
    text: String,
    properties: Map<String, Value>,
    query_stream: bool,
    legacy: bool,
}

/// Answers a request.
pub(super) fn answer(state: &Arc<State>, mut call: Call) -> Response<Payload> {
    let query_stream = call.path == "/query-stream";
    let asked = match asked(&call, query_stream) {
        Ok(asked) => asked,
        Err(refusal) => return refused(&refusal, !query_stream, call.http2),
    };
    if asked.legacy && call.http2 {
        let mut response = whole(StatusCode::METHOD_NOT_ALLOWED, "");
        typed(&mut response);
        return response;
    }
    let Some(format) = format(call.accept.as_deref(), query_stream) else {
        return whole(StatusCode::NOT_ACCEPTABLE, "");
    };
    let legacy = asked.legacy && format == Format::V1;
    let format = if legacy { Format::Legacy } else { format };
    let faults = std::mem::take(&mut call.faults);
    // The older handler tells a query from other statements before the newer one takes over; what is wrong until then
    // is answered in its way.
    let (text, select) = match prepare(&asked) {
        Ok(prepared) if state.catalog().get(&prepared.1.from).is_some() => prepared,
        Ok((_, select)) => {
            let message = format!("Exception while preparing statement: {} does not exist.", select.from);
            let refusal = Refusal::statement(message, &asked.text);
            return refused(&refusal, !query_stream, call.http2);
        }
        Err(refusal) => return refused(&refusal, !query_stream, call.http2),
    };
    let planned = Plan::new(&select, &text, &state.catalog())
        .map_err(|message| Refusal::statement(message, &asked.text));
    let started = match planned {
        Ok(plan) if plan.source.is_table() && plan.push => {
            let message = "This server does not do push queries over tables";
            Err(Refusal::statement(message, &asked.text))
        }
        Ok(plan) if plan.source.is_table() => {
            let closed = Arc::new(AtomicBool::new(false));
            let (writer, answer) = Writer::new(format, true, state.options.row_per_chunk, faults, closed);
            tokio::spawn(pull::run(Arc::clone(state), plan, writer, legacy));
            Ok(answer)
        }
        Ok(plan) => register(state, &asked, &plan, legacy).map(|registered| {
            let closed = Arc::clone(&registered.query.closed);
            let (writer, answer) = Writer::new(format, false, state.options.row_per_chunk, faults, closed);
            tokio::spawn(push::run(Arc::clone(state), registered, plan, writer, legacy));
            answer
        }),
        Err(refusal) => Err(refusal),
    };
    match started {
        Ok(answer) => {
            let mut response = Response::new(answer.boxed());
            if legacy {
                typed(&mut response);
            }
            response
        }
        Err(refusal) => refused(&refusal, legacy, call.http2),
    }
}

fn typed(response: &mut Response<Payload>) {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
}

/// Errors of the newer handler come in chunks over HTTP/1.1, those of the older one with a length and a type.
fn refused(refusal: &Refusal, legacy: bool, http2: bool) -> Response<Payload> {
    if !legacy && !http2 {
        let mut response = Response::new(Answer::of(refusal.body().into()).boxed());
        *response.status_mut() = refusal.status;
        return response;
    }
    refusal.clone().into_response(legacy)
}

/// Reads the body: `/query-stream` and `/query` name the same things differently, and ignore the other's names.
fn asked(call: &Call, query_stream: bool) -> Result<Asked, Refusal> {
    let bad = |message: &str| Refusal::new(StatusCode::BAD_REQUEST, 40_000, message);
    let mut body = object(&call.body)?;
    let (text, properties) = if query_stream { ("sql", "properties") } else { ("ksql", "streamsProperties") };
    let properties = match body.remove(properties) {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    let text = match body.remove(text) {
        Some(Value::String(text)) if !text.is_empty() => text,
        Some(Value::Null) if query_stream => {
            let message = "Failed to deserialize buffer";
            return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, 50_000, message));
        }
        _ if query_stream => {
            return Err(bad("Invalid JSON in request: Missing required creator property 'sql' (index 0)"));
        }
        _ => return Err(bad("\"ksql\" field must be populated")),
    };
    let migrated = properties
        .get("ksql.endpoint.migrate.query")
        .is_none_or(|value| *value != Value::Bool(false) && value.as_str() != Some("false"));
    Ok(Asked { text, properties, query_stream, legacy: !query_stream && !migrated })
}

/// The one query of the text, and its own text.
fn prepare(asked: &Asked) -> Result<(String, Select), Refusal> {
    let text = &asked.text;
    let wrong = |message: String| Refusal::statement(message, text);
    let with_statement = |message: &str| {
        wrong(if asked.query_stream { format!("{message}\nStatement: {text}") } else { message.to_owned() })
    };
    let statements = parse(text).map_err(|error| wrong(format!("{}\nStatement: {text}", error.0)))?;
    let count = statements.len();
    let Ok([statement]) = <[Statement; 1]>::try_from(statements) else {
        return Err(with_statement(&format!("Expected exactly one KSQL statement; found {count} instead")));
    };
    let Command::Select(select) = statement.command else {
        return Err(if asked.query_stream {
            with_statement("Neither a query nor a print statement")
        } else {
            let message = "Statement type `io.confluent.ksql.parser.KsqlParser$PreparedStatement' not supported for \
                           this resource";
            Refusal::new(StatusCode::BAD_REQUEST, 40_000, message)
        });
    };
    Ok((statement.text, select))
}

/// Puts a push or a pull over a stream on the list, if there is room.
fn register(state: &Arc<State>, asked: &Asked, plan: &Plan, legacy: bool) -> Result<Registered, Refusal> {
    let limit = state.options.max_push_queries;
    let mut queries = lock(&state.queries);
    let count = queries.values().filter(|query| query.push || query.closable).count();
    if count >= limit && plan.push {
        let (statements, statement) = if legacy {
            (String::new(), String::new())
        } else {
            (format!(" '{}'", asked.text), format!("\nStatement: {}", asked.text))
        };
        let message = format!(
            "Not executing statement(s){statements} as it would cause the number of active, push queries to exceed \
             the configured limit. Terminate existing PUSH queries, or increase the 'ksql.max.push.queries' setting \
             via the 'ksql-server.properties' file. Current push query count: {count}. Configured limit: \
             {limit}.{statement}"
        );
        return Err(Refusal::statement(message, &asked.text));
    }
    if count >= limit && !legacy {
        let message = "Maximum number of push queries exceeded";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, 40_003, message));
    }
    let partitions = state.world.partitions();
    let query = Arc::new(Running {
        id: format!("transient_{}_{}", plan.source.name, state.next_id()),
        statement: asked.text.clone(),
        source: Arc::clone(&plan.source),
        properties: asked.properties.clone(),
        push: plan.push,
        closable: !legacy,
        positions: (0..partitions).map(|_| (AtomicI64::new(-1), AtomicI64::new(-1))).collect(),
        closed: Arc::default(),
        wake: Notify::new(),
    });
    let list: &mut BTreeMap<_, _> = &mut queries;
    list.insert(query.id.clone(), Arc::clone(&query));
    drop(queries);
    Ok(Registered { state: Arc::clone(state), query })
}

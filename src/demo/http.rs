//! Routes, authentication, and what is answered before a statement is looked at.

use std::convert::Infallible;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use serde_json::{Map, Value};

use super::faults::Fault;
use super::server::State;
use super::writer::{Dropped, Format, error_object, quote};
use super::{Seen, ksql, lock, query};

/// The body of any answer.
pub(super) type Payload = BoxBody<Bytes, Dropped>;

/// Longer bodies are answered with 413.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
const CLUSTER: &str = "afk9GYfFR_KNAQi7UlVqNg";
const VERSION: &str = "7.4.15";

/// A request that was read.
pub(super) struct Call {
    pub(super) path: String,
    pub(super) http2: bool,
    pub(super) accept: Option<String>,
    pub(super) body: Bytes,
    pub(super) faults: Vec<Fault>,
}

/// A refusal: status, error code, text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: u32,
    pub(super) message: String,
    /// Set for what a statement itself gets wrong.
    pub(super) statement: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), statement: None }
    }

    /// 400/40001
    pub(super) fn statement(message: impl Into<String>, text: &str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: 40_001,
            message: message.into(),
            statement: Some(text.to_owned()),
        }
    }

    pub(super) fn body(&self) -> String {
        match &self.statement {
            None => error_object(self.code, &self.message),
            Some(text) => format!(
                "{{\"@type\":\"statement_error\",\"error_code\":{},\"message\":{},\"statementText\":{},\"entities\":[]}}",
                self.code,
                quote(&self.message),
                quote(text)
            ),
        }
    }

    /// With a length, and with a content type where the endpoint gives one.
    pub(super) fn into_response(self, typed: bool) -> Response<Payload> {
        let mut response = whole(self.status, self.body());
        if typed {
            set_json(&mut response);
        }
        response
    }
}

/// An answer with a length and no content type.
pub(super) fn whole(status: StatusCode, body: impl Into<Bytes>) -> Response<Payload> {
    let body = Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn set_json(response: &mut Response<Payload>) {
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
}

/// 200 with JSON.
pub(super) fn json(body: impl Into<Bytes>) -> Response<Payload> {
    let mut response = whole(StatusCode::OK, body);
    set_json(&mut response);
    response
}

/// Answers a request. It cannot fail: what is wrong is said by the answer.
pub(super) async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Payload>, Infallible> {
    let (head, incoming) = request.into_parts();
    let path = head.uri.path().to_owned();
    let http2 = head.version == Version::HTTP_2;
    let body = Limited::new(incoming, BODY_LIMIT).collect().await;
    let body = match body {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(whole(StatusCode::PAYLOAD_TOO_LARGE, ""));
        }
        Err(_) => return Ok(whole(StatusCode::BAD_REQUEST, "")),
    };
    let sql = serde_json::from_slice::<Map<String, Value>>(&body).ok().and_then(|body| {
        ["sql", "ksql"].iter().find_map(|name| body.get(*name)?.as_str().map(str::to_owned))
    });
    let described = format!("{} {path}\n{}", head.method, sql.as_deref().unwrap_or(""));
    lock(&state.log).push(Seen { method: head.method.to_string(), path: path.clone(), sql, http2 });
    let faults = state.faults.take(&described, &path);
    if let Some(response) = faults.iter().find_map(status_fault) {
        return Ok(response);
    }
    if let Some(refused) = authenticate(&state, &path, &head.headers) {
        return Ok(refused);
    }
    let accept = head.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let call = Call { path, http2, accept, body, faults };
    Ok(route(&state, &head.method, call))
}

fn status_fault(fault: &Fault) -> Option<Response<Payload>> {
    let Fault::Status { code, retry_after } = fault else { return None };
    let status = StatusCode::from_u16(*code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let message = match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        429 => "Host is at rate limit for pull queries. Currently set to 1.0 qps.",
        503 => "Server shutting down",
        _ => {
            "The server encountered an internal error when processing the query. Please consult the server logs."
        }
    };
    let code = u32::from(*code) * 100 + if *code == 503 { 3 } else { 0 };
    let mut response = Refusal::new(status, code, message).into_response(false);
    if let Some(value) = retry_after.and_then(|seconds| HeaderValue::from_str(&seconds.to_string()).ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    Some(response)
}

/// The refusal of a request without the right credentials.
fn authenticate(state: &State, path: &str, headers: &HeaderMap) -> Option<Response<Payload>> {
    let wanted = lock(&state.credentials).clone()?;
    if ["/healthcheck", "/v1/metadata", "/v1/metadata/id"].contains(&path) {
        return None;
    }
    let basic = |(user, password): &(String, String)| {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    };
    let unauthorized = || Refusal::new(StatusCode::UNAUTHORIZED, 40_100, "Unauthorized").into_response(false);
    let Some(given) = headers.get(header::AUTHORIZATION) else { return Some(unauthorized()) };
    if given.as_bytes() == basic(&wanted).as_bytes() {
        return None;
    }
    if state.options.without_role.as_ref().is_some_and(|user| given.as_bytes() == basic(user).as_bytes()) {
        return Some(Refusal::new(StatusCode::FORBIDDEN, 40_300, "Forbidden").into_response(false));
    }
    let mut response = unauthorized();
    let realm = HeaderValue::from_static("Basic realm=\"KsqlServer-Props\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
    Some(response)
}

fn route(state: &Arc<State>, method: &Method, call: Call) -> Response<Payload> {
    let posts = ["/ksql", "/query", "/query-stream", "/close-query", "/heartbeat", "/lag", "/inserts-stream"];
    let gets = ["/", "/info", "/healthcheck", "/status", "/v1/metadata", "/v1/metadata/id"];
    let path = call.path.as_str();
    let allowed = if posts.contains(&path) {
        Method::POST
    } else if gets.contains(&path) || path.starts_with("/status/") {
        Method::GET
    } else {
        return not_found();
    };
    if *method != allowed {
        let mut response = whole(StatusCode::METHOD_NOT_ALLOWED, "");
        let value = HeaderValue::from_static(if allowed == Method::POST { "POST" } else { "GET" });
        response.headers_mut().insert(header::ALLOW, value);
        return response;
    }
    if !path.starts_with("/query") && path != "/close-query" && !takes_json(call.accept.as_deref()) {
        return whole(StatusCode::NOT_ACCEPTABLE, "");
    }
    let cluster = state.options.cluster.clone().unwrap_or_else(|| CLUSTER.to_owned());
    match path {
        "/query" | "/query-stream" => query::answer(state, call),
        "/ksql" => ksql::answer(state, &call),
        "/close-query" => close_query(state, &call.body),
        "/" => {
            let mut response = whole(StatusCode::TEMPORARY_REDIRECT, "");
            response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/info"));
            response
        }
        "/info" => json(format!(
            "{{\"KsqlServerInfo\":{{\"version\":\"{VERSION}\",\"kafkaClusterId\":\"{cluster}\",\
             \"ksqlServiceId\":\"default_\",\"serverStatus\":\"RUNNING\"}}}}"
        )),
        "/healthcheck" => {
            let well = !state.brokers_lost.load(std::sync::atomic::Ordering::Relaxed);
            json(format!(
                "{{\"isHealthy\":{well},\"details\":{{\"metastore\":{{\"isHealthy\":true}},\"kafka\":{{\"isHealthy\":{well}}},\
                 \"commandRunner\":{{\"isHealthy\":true}}}},\"serverState\":\"READY\"}}"
            ))
        }
        "/v1/metadata" => json(format!(
            "{{\"version\":\"{VERSION}\",\"clusterId\":{{\"scope\":{{\"path\":[],\"clusters\":{{\"kafka-cluster\":\
             \"{cluster}\",\"ksql-cluster\":\"default_\"}}}},\"id\":\"\"}}}}"
        )),
        "/v1/metadata/id" => json(format!(
            "{{\"scope\":{{\"path\":[],\"clusters\":{{\"kafka-cluster\":\"{cluster}\",\"ksql-cluster\":\
             \"default_\"}}}},\"id\":\"\"}}"
        )),
        "/status" => json(ksql::statuses(state)),
        "/heartbeat" | "/lag" | "/inserts-stream" => not_found(),
        _ => ksql::status(state, path),
    }
}

fn not_found() -> Response<Payload> {
    let mut response = whole(StatusCode::NOT_FOUND, "<html><body><h1>Resource not found</h1></body></html>");
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// The media types of an Accept header, without their parameters.
fn media_types(accept: &str) -> impl Iterator<Item = &str> {
    accept.split(',').filter_map(|part| part.split(';').next()).map(str::trim)
}

fn takes_json(accept: Option<&str>) -> bool {
    let known = ["application/vnd.ksql.v1+json", "application/json", "*/*", "application/*"];
    accept.is_none_or(|accept| media_types(accept).any(|media| known.contains(&media)))
}

/// The format of an answer to a query; `None`: 406.
pub(super) fn format(accept: Option<&str>, query_stream: bool) -> Option<Format> {
    let Some(accept) = accept else {
        return Some(if query_stream { Format::Delimited } else { Format::V1 });
    };
    media_types(accept).find_map(|media| match media {
        "application/vnd.ksql.v1+json" => Some(Format::V1),
        "application/vnd.ksqlapi.delimited.v1" | "*/*" | "application/*" => Some(Format::Delimited),
        "application/json" => Some(if query_stream { Format::Array } else { Format::V1 }),
        _ => None,
    })
}

/// The object of a request's body; the text of JSON errors is Jackson's on a real server.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        let text =
            "Cannot invoke \"io.vertx.core.buffer.Buffer.getBytes()\" because \"<parameter1>\" is null";
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, 50_000, text));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::new(StatusCode::BAD_REQUEST, 40_000, "Invalid JSON in request: not an object")),
        Err(_) => {
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, 50_000, "Failed to deserialize buffer"))
        }
    }
}

fn close_query(state: &State, body: &[u8]) -> Response<Payload> {
    let bad = |message: String| Refusal::new(StatusCode::BAD_REQUEST, 40_000, message).into_response(false);
    let object = match object(body) {
        Ok(object) => object,
        Err(refusal) => return refusal.into_response(false),
    };
    let Some(id) = object.get("queryId").and_then(Value::as_str) else {
        return bad("Invalid JSON in request: Missing required creator property 'queryId' (index 0)".into());
    };
    match lock(&state.queries).get(id).filter(|query| query.closable) {
        Some(query) => {
            query.close();
            whole(StatusCode::OK, "")
        }
        None => bad(format!("No query with id {id}")),
    }
}

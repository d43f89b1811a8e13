//! What the client makes of a recording, as one line of text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use lakehand::ksql::client::{Answer, Chunk, Client, ClientOptions, Query, QueryKind};
use lakehand::ksql::describe;
use lakehand::ksql::response::{Completion, Element, Frames, Framing};
use lakehand::{Error, Result};

use super::recording::{End, Recording};
use super::server::{Cutting, Reply, Server};

/// What came of reading a streamed answer.
pub(crate) enum Read {
    Complete(Completion),
    Failed(Error),
    /// All bytes were read, no end came.
    Silent {
        rows: u64,
    },
}

pub(crate) fn client(url: &str) -> Client {
    let mut options = ClientOptions::new(url);
    options.connect_timeout = Duration::from_secs(60);
    options.first_byte_timeout = Duration::from_secs(60);
    options.inactivity_timeout = Duration::from_secs(60);
    Client::new(options).unwrap()
}

/// The kind of query by which the client would ask for this, and the grammar of the recorded answer.
pub(crate) fn query_kind(recording: &Recording) -> (QueryKind, Framing) {
    match (
        recording.is_table() && !recording.is_push(),
        recording.is_legacy() && !recording.http2,
        recording.is_push(),
    ) {
        (true, true, _) => (QueryKind::TablePullLegacy, Framing::LegacyTable),
        (true, false, _) => (QueryKind::TablePull, Framing::Table),
        (false, true, true) => (QueryKind::StreamPush, Framing::LegacyStream),
        (false, true, false) => (QueryKind::StreamPull, Framing::LegacyStream),
        (false, false, true) => (QueryKind::StreamPush, Framing::Stream),
        (false, false, false) => (QueryKind::StreamPull, Framing::Stream),
    }
}

/// Asks a server that answers with the recording, and reads to the end, an error or silence.
pub(crate) async fn read(
    recording: &Recording,
    cutting: Cutting,
    on: &mut dyn FnMut(Element<'_>) -> Result<()>,
) -> Read {
    let reply = Reply::of(recording, cutting);
    let server = Server::start(move |_| reply.clone()).await;
    let (kind, framing) = query_kind(recording);
    let query = Query { sql: recording.statement(), kind };
    let answer = match client(&server.url).open(&query).await {
        Ok(answer) => answer,
        Err(error) => return Read::Failed(error),
    };
    read_answer(answer, framing, recording, on).await
}

async fn read_answer(
    mut answer: Answer,
    framing: Framing,
    recording: &Recording,
    on: &mut dyn FnMut(Element<'_>) -> Result<()>,
) -> Read {
    let mut frames = Frames::new(framing, 1 << 20);
    let mut received = 0;
    loop {
        match answer.chunk(Duration::from_millis(50)).await {
            Ok(Chunk::Data(bytes)) => {
                received += bytes.len();
                if let Err(error) = frames.push(&bytes, on) {
                    return Read::Failed(error);
                }
            }
            // A server under load may be slow to end: only one that was left open is silent.
            Ok(Chunk::Idle(_)) if recording.end == End::Open && received == recording.body.len() => {
                return Read::Silent { rows: frames.rows() };
            }
            Ok(Chunk::Idle(_)) => {}
            Ok(Chunk::End) => {
                return match frames.end() {
                    Ok(completion) => Read::Complete(completion),
                    Err(error) => Read::Failed(error),
                };
            }
            Err(error) => return Read::Failed(error),
        }
    }
}

/// The line of the listing.
pub(crate) async fn outcome(recording: &Recording) -> String {
    let text = match (recording.method.as_str(), recording.path.as_str()) {
        ("POST", "/query" | "/query-stream") => queried(recording).await,
        ("POST", "/ksql") => stated(recording).await,
        ("POST", "/close-query") => closed(recording).await,
        ("GET", path) if recording.status != 101 => got(recording, path).await,
        ("POST", _) if recording.status != 200 => tell(execute(recording).await.map(|_| String::new())),
        ("POST", _) => "not used: the client writes nothing into streams".to_owned(),
        ("WebSocket", _) => "not used: the client does not ask over WebSocket".to_owned(),
        ("HEAD", _) => "not used: the client sends no HEAD".to_owned(),
        _ => "not used: the client does not upgrade a connection".to_owned(),
    };
    text.replace('|', "\\|").replace('\n', " ")
}

async fn queried(recording: &Recording) -> String {
    let read = read(recording, Cutting::AsRecorded, &mut |_| Ok(())).await;
    let mut notes = Vec::new();
    if recording.shortened {
        notes.push("the middle of the body is not kept");
    }
    if recording.http2 {
        notes.push("recorded over HTTP/2, replayed over HTTP/1.1");
    }
    if !recording.is_v1() && recording.status == 200 {
        notes.push("a format that the client never asks for");
    } else if recording.is_legacy() && !recording.is_table() {
        notes.push("the client never asks for streams in the legacy way");
    }
    let text = match read {
        Read::Complete(done) => format!("complete: {} rows, {:?}", done.rows, done.mark),
        Read::Failed(error) => told(&error),
        Read::Silent { rows } => {
            format!("no end: {rows} rows, then silence, which the reader's inactivity limit ends")
        }
    };
    if notes.is_empty() { text } else { format!("{text} ({})", notes.join("; ")) }
}

async fn execute(recording: &Recording) -> Result<describe::StatementOutcome> {
    let reply = Reply::of(recording, Cutting::AsRecorded);
    let server = Server::start(move |request| {
        if request.head.starts_with("GET /status/") {
            return Reply::json(200, r#"{"status":"SUCCESS","message":"done at last","queryId":null}"#);
        }
        reply.clone()
    })
    .await;
    client(&server.url).execute(&recording.statement(), &BTreeMap::new()).await
}

async fn stated(recording: &Recording) -> String {
    let statement = recording.statement().to_uppercase();
    let words: Vec<_> = statement.split(|c: char| c.is_whitespace() || c == ';').take(2).collect();
    let reply = Reply::of(recording, Cutting::AsRecorded);
    let server = Server::start(move |_| reply.clone()).await;
    let client = client(&server.url);
    let names = |list: Vec<describe::SourceName>| {
        let names: Vec<_> = list.into_iter().map(|source| source.name).collect();
        format!("{} sources: {}", names.len(), names.join(", "))
    };
    match words[..] {
        ["LIST" | "SHOW", "STREAMS"]
            if !statement.contains("EXTENDED") && recording.id != "multi-statements" =>
        {
            tell(client.list_streams().await.map(names))
        }
        ["LIST" | "SHOW", "TABLES"] => tell(client.list_tables().await.map(names)),
        ["DESCRIBE", what] if what != "CONNECTOR" => tell(client.describe("X").await.map(described)),
        ["SHOW", "QUERIES"] if statement.contains("EXTENDED") => {
            let id = String::from_utf8_lossy(&recording.body);
            let id =
                id.split("\"id\": \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            tell(client.progress(id).await.map(|progress| format!("progress of {id}: {progress:?}")))
        }
        ["CREATE" | "DROP", "STREAM" | "TABLE" | "SOURCE" | "OR"] | ["INSERT", "INTO"] | ["TERMINATE", _] => {
            tell(execute(recording).await.map(|outcome| format!("{:?}: {}", outcome.state, outcome.message)))
        }
        _ if recording.status != 200 => tell(execute(recording).await.map(|_| String::new())),
        _ => "not used: the client does not send this statement".to_owned(),
    }
}

fn described(source: describe::Description) -> String {
    let columns: Vec<_> =
        source.columns.iter().map(|column| format!("{} {}", column.name, column.sql_type)).collect();
    let mut text = format!("{:?} {}: {}", source.kind, source.name, columns.join(", "));
    if let Some(window) = source.window {
        let _ = write!(text, "; window {window:?}");
    }
    for topic in source.offsets {
        let ends: Vec<_> = topic.partitions.iter().map(|(p, o)| format!("{p}: {}", o.log_end)).collect();
        let _ = write!(text, "; ends of {} {{{}}}", topic.topic, ends.join(", "));
    }
    text
}

async fn closed(recording: &Recording) -> String {
    let reply = Reply::of(recording, Cutting::AsRecorded);
    let server = Server::start(move |_| reply.clone()).await;
    tell(
        client(&server.url)
            .close_query("id")
            .await
            .map(|closed| if closed { "closed".to_owned() } else { "not known (any more)".to_owned() }),
    )
}

async fn got(recording: &Recording, path: &str) -> String {
    let reply = Reply::of(recording, Cutting::AsRecorded);
    let server = Server::start(move |_| reply.clone()).await;
    let client = client(&server.url);
    if path == "/healthcheck" {
        return tell(client.health().await.map(|health| format!("healthy: {}", health.is_well)));
    }
    if path.starts_with("/status/") && recording.status == 200 {
        return tell(
            describe::command_status(&recording.body, "id")
                .map(|outcome| format!("{:?}: {}", outcome.state, outcome.message)),
        );
    }
    if path != "/info" && recording.status == 200 {
        return "not used: the client does not ask here".to_owned();
    }
    tell(client.info().await.map(|info| {
        let offsets = if info.version.has_row_offsets() { "with" } else { "without" };
        format!("version {}, {}, {offsets} row offsets", info.version, info.status)
    }))
}

fn tell(result: Result<String>) -> String {
    result.unwrap_or_else(|error| told(&error))
}

/// An error as the operator reads it, without the port of the test's server.
pub(crate) fn told(error: &Error) -> String {
    let text = error.to_string();
    let plain = match text.split_once("http://127.0.0.1:") {
        Some((before, after)) if before.ends_with("server ") => {
            format!("{before}http://127.0.0.1:*{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        _ => text,
    };
    format!("**{}**: {plain}", error.kind().name())
}

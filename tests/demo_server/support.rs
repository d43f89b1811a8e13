//! A client that keeps every byte and every chunk, and tells a clean end from a cut.

use std::time::Duration;

use lakehand::demo::{DemoOptions, DemoServer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longer than any of these answers takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const V1: &str = "application/vnd.ksql.v1+json";

pub(crate) async fn server(rows: u64) -> DemoServer {
    DemoServer::start(DemoOptions { rows, seed: 42, ..DemoOptions::default() }).await.unwrap()
}

/// A builder of reqwest clients, which want a TLS provider even where none is used.
pub(crate) fn client() -> reqwest::ClientBuilder {
    // An error says that another test was first.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

/// An open HTTP/1.1 exchange whose head has arrived.
pub(crate) struct Exchange {
    socket: TcpStream,
    unread: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    left: Option<usize>,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Clean,
    Cut,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) chunks: Vec<usize>,
    pub(crate) end: End,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The rows of a v1+json answer.
    pub(crate) fn rows(&self) -> Vec<Vec<Value>> {
        rows(&self.text())
    }
}

/// The rows of a v1+json answer's text; other lines are left out.
pub(crate) fn rows(text: &str) -> Vec<Vec<Value>> {
    text.lines()
        .filter_map(|line| {
            let line = line.trim_start_matches('[').trim_end_matches(',');
            let line = line.strip_suffix("}]").map_or(line.to_owned(), |row| format!("{row}}}"));
            let value: Value = serde_json::from_str(&line).ok()?;
            value.pointer("/row/columns")?.as_array().cloned()
        })
        .collect()
}

impl Exchange {
    pub(crate) async fn open(
        server: &DemoServer,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> std::io::Result<Self> {
        let address = server.url().replace("http://", "");
        let mut socket = TcpStream::connect(address).await?;
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: demo\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            request = format!("{request}{name}: {value}\r\n");
        }
        socket.write_all(format!("{request}\r\n{body}").as_bytes()).await?;
        let mut exchange = Self { socket, unread: Vec::new(), status: 0, headers: Vec::new(), left: None };
        while exchange.line_end(b"\r\n\r\n").is_none() {
            if !exchange.more().await? {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let end = exchange.line_end(b"\r\n\r\n").unwrap();
        let head: Vec<u8> = exchange.unread.drain(..end + 4).collect();
        let head = String::from_utf8(head).unwrap();
        exchange.status = head[9..12].parse().unwrap();
        exchange.headers = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = exchange.headers.iter().find(|(name, _)| name == "content-length");
        exchange.left = length.map(|(_, value)| value.parse().unwrap());
        Ok(exchange)
    }

    fn line_end(&self, mark: &[u8]) -> Option<usize> {
        self.unread.windows(mark.len()).position(|window| window == mark)
    }

    /// Reads on; false at the end of the connection.
    async fn more(&mut self) -> std::io::Result<bool> {
        let mut buffer = vec![0; 16 * 1024];
        let read = tokio::time::timeout(PATIENCE, self.socket.read(&mut buffer)).await;
        let count = read.expect("an answer in time").unwrap_or(0);
        self.unread.extend_from_slice(&buffer[..count]);
        Ok(count > 0)
    }

    /// The next chunk; `None` at the clean end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, End> {
        if let Some(left) = self.left {
            if left == 0 {
                return Ok(None);
            }
            while self.unread.len() < left {
                if !self.more().await.unwrap() {
                    return Err(End::Cut);
                }
            }
            self.left = Some(0);
            return Ok(Some(self.unread.drain(..left).collect()));
        }
        loop {
            if let Some(end) = self.line_end(b"\r\n") {
                let size = std::str::from_utf8(&self.unread[..end]).unwrap();
                let size = usize::from_str_radix(size, 16).unwrap();
                if self.unread.len() >= end + 2 + size + 2 {
                    let chunk = self.unread[end + 2..end + 2 + size].to_vec();
                    self.unread.drain(..end + 2 + size + 2);
                    return Ok((size > 0).then_some(chunk));
                }
            }
            if !self.more().await.unwrap() {
                return Err(End::Cut);
            }
        }
    }

    /// Reads until the text read so far satisfies `enough`.
    pub(crate) async fn read_until(&mut self, enough: impl Fn(&str) -> bool) -> String {
        let mut text = String::new();
        while !enough(&text) {
            let chunk = self.chunk().await.expect("no cut").expect("no end before that");
            text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        text
    }

    /// Reads to the end.
    pub(crate) async fn finish(mut self) -> Answer {
        let (mut body, mut chunks) = (Vec::new(), Vec::new());
        let end = loop {
            match self.chunk().await {
                Ok(Some(chunk)) => {
                    chunks.push(chunk.len());
                    body.extend_from_slice(&chunk);
                }
                Ok(None) => break End::Clean,
                Err(end) => break end,
            }
        };
        Answer { status: self.status, headers: self.headers, body, chunks, end }
    }
}

/// One query over `/query-stream` in v1+json, its head read.
pub(crate) async fn open(server: &DemoServer, sql: &str) -> Exchange {
    let properties = json!({"auto.offset.reset": "earliest", "ksql.streams.num.stream.threads": 1});
    let body = json!({"sql": sql, "properties": properties}).to_string();
    Exchange::open(server, "POST", "/query-stream", &[("Accept", V1)], &body).await.unwrap()
}

/// [`open`], read to the end.
pub(crate) async fn query(server: &DemoServer, sql: &str) -> Answer {
    open(server, sql).await.finish().await
}

/// A legacy query, read to the end.
pub(crate) async fn legacy(server: &DemoServer, sql: &str) -> Answer {
    let properties = json!({"auto.offset.reset": "earliest", "ksql.endpoint.migrate.query": false});
    let body = json!({"ksql": sql, "streamsProperties": properties}).to_string();
    Exchange::open(server, "POST", "/query", &[("Accept", V1)], &body).await.unwrap().finish().await
}

/// A statement's answer as JSON.
pub(crate) async fn ksql(server: &DemoServer, sql: &str) -> (u16, Value) {
    let body = json!({"ksql": sql, "streamsProperties": {}}).to_string();
    let exchange = Exchange::open(server, "POST", "/ksql", &[("Accept", V1)], &body).await.unwrap();
    let answer = exchange.finish().await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

/// Waits until `met`; the condition is looked at again and again.
pub(crate) async fn until(mut met: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !met().await {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("the condition is met in time");
}

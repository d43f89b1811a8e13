//! A server that says what it is told to say, byte for byte, on a loopback port of its own.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::recording::{End, Recording};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// `POST /ksql HTTP/1.1` and the header lines.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (n, v) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| v.trim())
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// What is sent back, and what happens to the connection.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) bytes: Vec<Vec<u8>>,
    pub(crate) end: End,
}

/// How a body is cut into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cutting {
    AsRecorded,
    OneByte,
}

impl Reply {
    /// The answer of a recording.
    pub(crate) fn of(recording: &Recording, cutting: Cutting) -> Self {
        if recording.status == 0 {
            return Self { bytes: Vec::new(), end: End::Cut };
        }
        let mut head = format!("HTTP/1.1 {} Recorded\r\n", recording.status);
        let fixed = recording.head.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        for (name, value) in &recording.head {
            if !["content-length", "transfer-encoding"].contains(&name.to_lowercase().as_str()) {
                let _ = write!(head, "{name}: {value}\r\n");
            }
        }
        if fixed {
            // Some long replies were shortened by hand: the length is that of what is left.
            let _ = write!(head, "content-length: {}\r\n\r\n", recording.body.len());
            return Self { bytes: vec![head.into_bytes(), recording.body.clone()], end: recording.end };
        }
        head.push_str("transfer-encoding: chunked\r\n\r\n");
        let mut bytes = vec![head.into_bytes()];
        bytes.extend(chunked(recording, cutting));
        if recording.end == End::Clean {
            bytes.push(b"0\r\n\r\n".to_vec());
        }
        Self { bytes, end: recording.end }
    }

    /// A whole answer of our own.
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::with_headers(status, "", body)
    }

    pub(crate) fn with_headers(status: u16, headers: &str, body: &str) -> Self {
        let text = format!("HTTP/1.1 {status} Made\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
        Self { bytes: vec![text.into_bytes()], end: End::Clean }
    }

    /// The head of a good answer, and then nothing.
    pub(crate) fn silence_after_head() -> Self {
        Self {
            bytes: vec![b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()],
            end: End::Open,
        }
    }

    /// A good answer of these chunks.
    pub(crate) fn chunks(chunks: &[&str]) -> Self {
        let mut reply = Self::silence_after_head();
        reply
            .bytes
            .extend(chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len()).into_bytes()));
        reply.bytes.push(b"0\r\n\r\n".to_vec());
        reply.end = End::Clean;
        reply
    }

    /// Nothing at all, on an open connection.
    pub(crate) fn silence() -> Self {
        Self { bytes: Vec::new(), end: End::Open }
    }
}

fn chunked(recording: &Recording, cutting: Cutting) -> Vec<Vec<u8>> {
    let mut rest = recording.body.as_slice();
    let mut sizes = recording.chunks.iter().copied().filter(|size| *size > 0);
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let size = match cutting {
            Cutting::OneByte => 1,
            Cutting::AsRecorded => sizes.next().unwrap_or(usize::MAX),
        };
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
        chunks.push(bytes);
        rest = after;
    }
    chunks
}

/// A running server. It ends with the runtime of the test.
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers every request with what `answer` says.
    pub(crate) async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&requests), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(socket, &kept, &*answer).await;
                });
            }
        });
        Self { url, requests }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut socket: TcpStream,
    kept: &Mutex<Vec<Request>>,
    answer: &(dyn Fn(&Request) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    loop {
        let Some(request) = read_request(&mut socket).await? else { return Ok(()) };
        kept.lock().unwrap().push(request.clone());
        let reply = answer(&request);
        let mut together = Vec::new();
        for bytes in &reply.bytes {
            together.extend_from_slice(bytes);
        }
        socket.write_all(&together).await?;
        match reply.end {
            End::Clean => {}
            End::Cut => return socket.shutdown().await,
            End::Open => {
                // Until the client leaves.
                let mut ignored = [0; 64];
                while socket.read(&mut ignored).await? > 0 {}
                return Ok(());
            }
        }
    }
}

async fn read_request(socket: &mut TcpStream) -> std::io::Result<Option<Request>> {
    let mut reader = BufReader::with_capacity(1, socket);
    let mut head = String::new();
    loop {
        let before = head.len();
        if reader.read_line(&mut head).await? == 0 {
            return Ok(None);
        }
        if head[before..].trim().is_empty() {
            break;
        }
    }
    let mut request = Request { head, body: String::new() };
    let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    request.body = String::from_utf8(body).unwrap();
    Ok(Some(request))
}

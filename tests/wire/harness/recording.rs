//! A recording of a real server: a folder with the request, the answer's head and body, and how the transport ended.

use std::fs;
use std::path::{Path, PathBuf};

/// One recorded exchange.
pub(crate) struct Recording {
    pub(crate) id: String,
    pub(crate) title: String,
    /// `GET`, `POST`, `WebSocket` …
    pub(crate) method: String,
    pub(crate) path: String,
    /// Of the request; empty when none was sent.
    pub(crate) accept: String,
    pub(crate) http2: bool,
    /// Of the request.
    pub(crate) sent: String,
    /// 0 when the server sent no head.
    pub(crate) status: u16,
    pub(crate) head: Vec<(String, String)>,
    /// Exact bytes. Of a large body the middle is left out, cut at line ends.
    pub(crate) body: Vec<u8>,
    pub(crate) shortened: bool,
    pub(crate) end: End,
    /// Sizes of the first chunks, as far as they were noted.
    pub(crate) chunks: Vec<usize>,
}

/// How the transport ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Zero-length chunk, `END_STREAM`, or the announced length.
    Clean,
    /// The connection ended without.
    Cut,
    /// It was still open when the recording client left.
    Open,
}

impl End {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean end",
            Self::Cut => "cut",
            Self::Open => "left open",
        }
    }
}

pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire")
}

/// Every recording, by id.
pub(crate) fn all() -> Vec<Recording> {
    let mut ids: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("request.txt").is_file())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids.iter().map(|id| load(id)).collect()
}

pub(crate) fn load(id: &str) -> Recording {
    let path = folder().join(id);
    let text = |name: &str| String::from_utf8(fs::read(path.join(name)).unwrap_or_default()).unwrap();
    let request = text("request.txt");
    let (head, sent) = request.split_once("\n\n").unwrap_or((&request, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let header = |name: &str| {
        headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| (*v).to_owned())
            .unwrap_or_default()
    };
    let http2 = first.starts_with("HTTP/2");
    let mut words = first.split_whitespace();
    let (method, target) = if http2 {
        (header(":method"), header(":path"))
    } else {
        (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned())
    };
    let (status, response_head) = response_head(&text("response.head"));
    let (body, shortened) = body(&path);
    let trace = text("trace.txt");
    Recording {
        id: id.to_owned(),
        title: serde_json::from_str::<serde_json::Value>(&text("case.json")).unwrap()["title"]
            .as_str()
            .unwrap()
            .to_owned(),
        method,
        path: target.split(['?', ',']).next().unwrap_or_default().to_owned(),
        accept: header("accept"),
        http2,
        // The last line feed of the file was not sent.
        sent: sent.strip_suffix('\n').unwrap_or(sent).to_owned(),
        status,
        head: response_head,
        body,
        shortened,
        end: end(&trace),
        chunks: chunks(&trace),
    }
}

fn response_head(text: &str) -> (u16, Vec<(String, String)>) {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut headers: Vec<_> =
        lines.filter_map(|line| line.rsplit_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    let status = headers
        .iter()
        .find(|(name, _)| name == ":status")
        .map(|(_, value)| value.clone())
        .or_else(|| first.split_whitespace().nth(1).map(str::to_owned))
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    headers.retain(|(name, _)| !name.starts_with(':'));
    (status, headers)
}

fn body(path: &Path) -> (Vec<u8>, bool) {
    let mut body = fs::read(path.join("response.body")).unwrap_or_default();
    let Ok(tail) = fs::read(path.join("response.body.tail")) else { return (body, false) };
    if !body.contains(&b'\n') {
        // A reply of one line that was shortened by hand is whole as it is.
        return (body, false);
    }
    let line_end = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let whole = body.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    body.truncate(whole);
    body.extend_from_slice(&tail[line_end(&tail)..]);
    (body, true)
}

fn end(trace: &str) -> End {
    let Some(end) = trace.lines().find_map(|line| line.strip_prefix("end: ")) else { return End::Clean };
    let clean = ["zero-length chunk received", "content-length complete", "END_STREAM received", "no body"];
    if clean.contains(&end) {
        End::Clean
    } else if end.starts_with('(') {
        End::Open
    } else {
        assert!(
            ["TCP EOF", "h2 error", "EOF before"].iter().any(|cut| end.starts_with(cut)),
            "unknown end: {end}"
        );
        End::Cut
    }
}

fn chunks(trace: &str) -> Vec<usize> {
    trace
        .lines()
        .skip_while(|line| !line.starts_with("chunks ") && !line.starts_with("DATA frames"))
        .skip(1)
        .take_while(|line| !line.starts_with("..."))
        .filter_map(|line| line.split_whitespace().skip(2).find_map(|word| word.parse().ok()))
        .collect()
}

impl Recording {
    /// The statement that was sent, if any.
    pub(crate) fn statement(&self) -> String {
        let value: serde_json::Value = serde_json::from_str(&self.sent).unwrap_or_default();
        ["sql", "ksql"].iter().find_map(|key| value[key].as_str()).unwrap_or_default().to_owned()
    }

    pub(crate) fn is_push(&self) -> bool {
        self.statement().to_uppercase().contains("EMIT CHANGES")
    }

    /// Whether a pull was over a table, by the id that the server gave to the query.
    pub(crate) fn is_table(&self) -> bool {
        String::from_utf8_lossy(&self.body[..self.body.len().min(60)]).contains("\"queryId\":\"query_")
            || self.id.starts_with("tp-")
    }

    pub(crate) fn is_legacy(&self) -> bool {
        self.sent.contains("\"ksql.endpoint.migrate.query\": false")
            || self.sent.contains("\"ksql.endpoint.migrate.query\": \"false\"")
    }

    /// Whether rows were asked for in the one format that the client asks for.
    pub(crate) fn is_v1(&self) -> bool {
        match self.accept.as_str() {
            "application/vnd.ksql.v1+json" => true,
            "application/json" | "" => self.path == "/query",
            _ => false,
        }
    }

    pub(crate) fn rows(&self) -> u64 {
        let text = String::from_utf8_lossy(&self.body);
        text.split('\n').filter(|line| line.starts_with("{\"row\":")).count() as u64
    }

    /// What the recording itself says about completeness, without the client's code.
    pub(crate) fn says_complete(&self) -> bool {
        let text = String::from_utf8_lossy(&self.body);
        let closed = text.trim_end().ends_with(']');
        let said = text.trim_end().ends_with("{\"finalMessage\":\"Query Completed\"}]")
            || text.trim_end().ends_with("{\"finalMessage\":\"Limit Reached\"}]");
        self.status == 200
            && self.end == End::Clean
            && closed
            && (self.is_table() || said)
            && !text.contains("{\"errorMessage\":")
    }
}

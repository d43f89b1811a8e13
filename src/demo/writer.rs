//! An answer's bytes in one of the four framings, and the place where faults strike.
//!
//! ```text
//!            header                   row                        end of a push or pull   of a table pull
//! v1+json    [{"header":{…}},\n       {"row":{"columns":[…]}},\n {"finalMessage":…} ]    ]   (",\n" before rows)
//! delimited  {"queryId":…}\n          […]\n                      nothing                 nothing
//! array      [{"queryId":…}           ,[…]                       ]                       ]
//! legacy     [{"header":{…}} ,\n      {"row":…} ,\n              \n {…} ]\n              ]
//! ```
//!
//! Rows wait in a short queue for the socket. When a query is closed, what waits there is dropped and the end mark
//! follows, as with a real server.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

use super::faults::Fault;
use super::select::{Announced, schema_text};

/// How answers are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    V1,
    Delimited,
    Array,
    Legacy,
}

/// The answer will not go on: the client left, or a fault ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over;

enum Piece {
    Rows(Bytes),
    Mark(Bytes),
    Cut,
}

/// Pieces that may wait for the socket when each holds one row: as many rows as a real server queues.
const QUEUED_ROWS: usize = 500;
/// Pieces that may wait when they hold many rows.
const QUEUED_BATCHES: usize = 4;
/// How long the connection gets to write what it was given before it is cut.
const FLUSH: Duration = Duration::from_millis(5);
/// A piece of many rows is sent when it is so long.
const BATCH_BYTES: usize = 16 * 1024;

/// The body of an answer.
pub(super) struct Answer {
    pieces: mpsc::Receiver<Piece>,
    /// Set when the query is closed: rows that wait are dropped.
    closed: Arc<AtomicBool>,
    late: Option<Late>,
}

/// What leaves the server later than it was processed.
struct Late {
    /// Pieces with rows that still leave in time.
    in_time: u64,
    by: Duration,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Late {
    fn of(faults: &[Fault]) -> Option<Self> {
        faults.iter().find_map(|fault| match fault {
            Fault::LateAfterRows(rows, by) => Some(Self { in_time: *rows, by: *by, sleep: None }),
            _ => None,
        })
    }

    /// Ready when the next piece may leave.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.in_time > 0 {
            return Poll::Ready(());
        }
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.by)));
        sleep.as_mut().poll(context)
    }
}

impl Answer {
    /// A body that is whole already, sent as one chunk.
    pub(super) fn of(bytes: Bytes) -> Self {
        let (pieces, received) = mpsc::channel(1);
        // There is room for one.
        let _sent = pieces.try_send(Piece::Mark(bytes));
        Self { pieces: received, closed: Arc::default(), late: None }
    }
}

/// The connection is to be dropped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is dropped on purpose")
    }
}

impl std::error::Error for Dropped {}

impl Body for Answer {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        if let Some(late) = &mut self.late {
            std::task::ready!(late.poll(context));
        }
        loop {
            let piece = std::task::ready!(self.pieces.poll_recv(context));
            if let (Some(late), Some(Piece::Rows(_))) = (&mut self.late, &piece) {
                late.in_time = late.in_time.saturating_sub(1);
            }
            return Poll::Ready(match piece {
                Some(Piece::Rows(_)) if self.closed.load(Ordering::Acquire) => continue,
                Some(Piece::Rows(bytes) | Piece::Mark(bytes)) => Some(Ok(Frame::data(bytes))),
                Some(Piece::Cut) => Some(Err(Dropped)),
                None => None,
            });
        }
    }
}

/// Writes an answer.
pub(super) struct Writer {
    pieces: mpsc::Sender<Piece>,
    format: Format,
    /// A pull over a table: separators before rows, no final message, rows sent together.
    table: bool,
    per_row: bool,
    buffer: BytesMut,
    header: Vec<u8>,
    rows: u64,
    bytes: u64,
    faults: Vec<Fault>,
    recent: VecDeque<Vec<u8>>,
    /// The row that waits for the one after it to go first.
    swapped: Option<Vec<u8>>,
    keep: usize,
    trickle: bool,
}

/// A JSON string.
pub(super) fn quote(text: &str) -> String {
    String::from_utf8(super::print::json(text)).unwrap_or_default()
}

/// An error object as it stands in answers and in error bodies.
pub(super) fn error_object(code: u32, message: &str) -> String {
    format!("{{\"@type\":\"generic_error\",\"error_code\":{code},\"message\":{}}}", quote(message))
}

impl Writer {
    pub(super) fn new(
        format: Format,
        table: bool,
        per_row: bool,
        faults: Vec<Fault>,
        closed: Arc<AtomicBool>,
    ) -> (Self, Answer) {
        let per_row = per_row && !table;
        let (pieces, received) = mpsc::channel(if per_row { QUEUED_ROWS } else { QUEUED_BATCHES });
        let keep = faults.iter().map(|f| if let Fault::Replay { back, .. } = f { *back } else { 0 }).max();
        let late = Late::of(&faults);
        let writer = Self {
            pieces,
            format,
            table,
            per_row,
            buffer: BytesMut::new(),
            header: Vec::new(),
            rows: 0,
            bytes: 0,
            trickle: faults.contains(&Fault::Trickle),
            faults,
            recent: VecDeque::new(),
            swapped: None,
            keep: keep.unwrap_or(0),
        };
        (writer, Answer { pieces: received, closed, late })
    }

    /// The record brings no row.
    pub(super) fn drops(&self, partition: u64, offset: u64) -> bool {
        self.faults.contains(&Fault::DropRecord(partition, offset))
    }

    /// Whether the partitions come the other way round.
    pub(super) fn reorders(&self) -> bool {
        self.faults.contains(&Fault::Reorder)
    }

    /// Every row that there is was sent: some faults strike now.
    pub(super) async fn quiet(&mut self) -> Result<(), Over> {
        if self.faults.contains(&Fault::CutWhenQuiet) { self.cut().await } else { Ok(()) }
    }

    /// Ready when the client has left.
    pub(super) async fn client_left(&self) {
        self.pieces.closed().await;
    }

    /// The header, at once and on its own.
    pub(super) async fn header(&mut self, id: &str, columns: &[Announced]) -> Result<(), Over> {
        let mut columns = columns.to_vec();
        for fault in &self.faults {
            match fault {
                Fault::ExtraColumn(name) => {
                    let (name, type_text) = (name.clone(), "STRING".to_owned());
                    columns.push(Announced { name, type_text, key: false });
                }
                Fault::Retype { column, type_text } => {
                    for own in columns.iter_mut().filter(|own| own.name == *column) {
                        own.type_text.clone_from(type_text);
                    }
                }
                _ => {}
            }
        }
        let list =
            |of: fn(&Announced) -> &str| columns.iter().map(|c| quote(of(c))).collect::<Vec<_>>().join(",");
        self.header = match self.format {
            Format::V1 | Format::Legacy => format!(
                "{{\"header\":{{\"queryId\":{},\"schema\":{}}}}}",
                quote(id),
                quote(&schema_text(&columns, self.table))
            ),
            Format::Delimited | Format::Array => format!(
                "{{\"queryId\":{},\"columnNames\":[{}],\"columnTypes\":[{}]}}",
                quote(id),
                list(|c| &c.name),
                list(|c| &c.type_text)
            ),
        }
        .into_bytes();
        let open: &[u8] = if self.format == Format::Delimited { b"" } else { b"[" };
        let close: &[u8] = match self.format {
            Format::Delimited => b"\n",
            Format::V1 | Format::Legacy if !self.table => b",\n",
            _ => b"",
        };
        let text = [open, &self.header, close].concat();
        self.mark(text).await?;
        self.between_rows().await
    }

    /// One row: `columns` is what stands between its brackets.
    pub(super) async fn row(&mut self, columns: &[u8]) -> Result<(), Over> {
        if self.faults.is_empty() {
            self.frame_row(columns);
        } else {
            let changed = self.before_row(columns).await?;
            if self.faults.contains(&Fault::SwapRows(self.rows)) {
                self.swapped = Some(columns.to_vec());
            } else {
                self.frame_row(changed.as_deref().unwrap_or(columns));
                if let Some(row) = self.swapped.take() {
                    self.frame_row(&row);
                }
            }
        }
        self.rows += 1;
        if self.per_row || self.buffer.len() >= BATCH_BYTES {
            self.flush().await?;
        }
        if self.faults.is_empty() { Ok(()) } else { self.between_rows().await }
    }

    fn frame_row(&mut self, columns: &[u8]) {
        let (open, close): (&[u8], &[u8]) = match (self.format, self.table) {
            (Format::V1 | Format::Legacy, true) => (b",\n{\"row\":{\"columns\":[", b"]}}"),
            (Format::V1 | Format::Legacy, false) => (b"{\"row\":{\"columns\":[", b"]}},\n"),
            (Format::Delimited, _) => (b"[", b"]\n"),
            (Format::Array, _) => (b",[", b"]"),
        };
        self.buffer.reserve(open.len() + columns.len() + close.len());
        self.buffer.extend_from_slice(open);
        self.buffer.extend_from_slice(columns);
        self.buffer.extend_from_slice(close);
    }

    /// A line that is no row, framed like one.
    fn frame_line(&mut self, line: &[u8]) {
        let (open, close): (&[u8], &[u8]) = match (self.format, self.table) {
            (Format::V1 | Format::Legacy, true) => (b",\n", b""),
            (Format::V1 | Format::Legacy, false) => (b"", b",\n"),
            (Format::Delimited, _) => (b"", b"\n"),
            (Format::Array, _) => (b",", b""),
        };
        for part in [open, line, close] {
            self.buffer.extend_from_slice(part);
        }
    }

    /// Sends what is framed.
    pub(super) async fn flush(&mut self) -> Result<(), Over> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = self.buffer.split().freeze();
        self.send(bytes, false).await
    }

    /// An idle moment of the legacy framing.
    pub(super) async fn heartbeat(&mut self) -> Result<(), Over> {
        self.mark(b"\n".to_vec()).await
    }

    async fn mark(&mut self, text: Vec<u8>) -> Result<(), Over> {
        self.flush().await?;
        self.send(text.into(), true).await
    }

    async fn send(&mut self, mut bytes: Bytes, mark: bool) -> Result<(), Over> {
        let limit =
            self.faults.iter().find_map(|f| if let Fault::CutAfterBytes(n) = f { Some(*n) } else { None });
        let room = limit.map(|limit| usize::try_from(limit.saturating_sub(self.bytes)).unwrap_or(usize::MAX));
        let cut = room.is_some_and(|room| bytes.len() >= room);
        if let Some(room) = room {
            bytes.truncate(room);
        }
        self.bytes += bytes.len() as u64;
        let piece = |bytes| if mark { Piece::Mark(bytes) } else { Piece::Rows(bytes) };
        if self.trickle {
            for at in 0..bytes.len() {
                self.pieces.send(piece(bytes.slice(at..=at))).await.map_err(|_| Over)?;
            }
        } else if !bytes.is_empty() {
            self.pieces.send(piece(bytes)).await.map_err(|_| Over)?;
        }
        if cut { self.cut().await } else { Ok(()) }
    }

    async fn cut(&mut self) -> Result<(), Over> {
        // What was sent before the cut is to reach the client: it waits until the queue is empty.
        while self.pieces.capacity() < self.pieces.max_capacity() && !self.pieces.is_closed() {
            tokio::time::sleep(FLUSH).await;
        }
        tokio::time::sleep(4 * FLUSH).await;
        let _left = self.pieces.send(Piece::Cut).await;
        Err(Over)
    }

    /// Faults that change the next row or come before it.
    async fn before_row(&mut self, columns: &[u8]) -> Result<Option<Vec<u8>>, Over> {
        let mut changed: Option<Vec<u8>> = None;
        for fault in self.faults.clone() {
            match fault {
                Fault::Slow(pause) => {
                    self.flush().await?;
                    tokio::time::sleep(pause).await;
                }
                Fault::ExtraColumn(_) => changed.get_or_insert(columns.to_vec()).extend_from_slice(b",null"),
                Fault::ExtraValue(n) if n == self.rows => {
                    changed.get_or_insert(columns.to_vec()).extend_from_slice(b",null");
                }
                Fault::MissingValue(n) if n == self.rows => {
                    let row = changed.get_or_insert(columns.to_vec());
                    drop_last(row);
                }
                Fault::SecondHeader(n) if n == self.rows => {
                    let header = self.header.clone();
                    self.frame_line(&header);
                }
                Fault::Garbage(n) if n == self.rows => self.frame_line(b"}{ what is this"),
                Fault::InvalidUtf8(n) if n == self.rows => {
                    insert_into_string(changed.get_or_insert(columns.to_vec()), b"\xff\xfe");
                }
                Fault::RepeatRow(n) if n == self.rows => loop {
                    (0..100).for_each(|_| self.frame_row(columns));
                    self.flush().await?;
                    tokio::time::sleep(FLUSH).await;
                },
                Fault::HugeRow(n, bytes) if n == self.rows => {
                    insert_into_string(changed.get_or_insert(columns.to_vec()), &vec![b'x'; bytes]);
                }
                _ => {}
            }
        }
        if self.keep > 0 {
            if self.recent.len() == self.keep {
                self.recent.pop_front();
            }
            self.recent.push_back(changed.clone().unwrap_or_else(|| columns.to_vec()));
        }
        Ok(changed)
    }

    /// Faults that strike after so many rows.
    async fn between_rows(&mut self) -> Result<(), Over> {
        for fault in self.faults.clone() {
            match fault {
                Fault::CutAfterRows(n) if n == self.rows => {
                    self.flush().await?;
                    return self.cut().await;
                }
                Fault::EndAfterRows(n) if n == self.rows => {
                    self.flush().await?;
                    return Err(Over);
                }
                Fault::ErrorAfterRows(n) if n == self.rows => {
                    self.error("java.lang.RuntimeException: Failure in processing").await?;
                    return Err(Over);
                }
                Fault::CompletedAfterRows(n) if n == self.rows => {
                    self.finish("Query Completed").await?;
                    return Err(Over);
                }
                Fault::StallAfterRows(n, pause) if n == self.rows => {
                    self.flush().await?;
                    let Some(pause) = pause else {
                        self.client_left().await;
                        return Err(Over);
                    };
                    tokio::time::sleep(pause).await;
                }
                Fault::WhiteSpaceAfterRows(n) if n == self.rows => loop {
                    self.flush().await?;
                    self.mark(vec![b' '; 64]).await?;
                    tokio::time::sleep(FLUSH).await;
                },
                Fault::Replay { after, .. } if after == self.rows => {
                    for row in std::mem::take(&mut self.recent) {
                        self.frame_row(&row);
                    }
                    self.flush().await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The end that says that all went well, in the formats that can say it.
    pub(super) async fn finish(&mut self, message: &str) -> Result<(), Over> {
        let last = format!("{{\"finalMessage\":{}}}", quote(message)).into_bytes();
        match (self.format, self.table) {
            (Format::Delimited, _) => self.flush().await,
            (Format::Array, _) | (Format::V1 | Format::Legacy, true) => self.mark(b"]".to_vec()).await,
            (Format::V1, false) => {
                self.mark(last).await?;
                self.mark(b"]".to_vec()).await
            }
            (Format::Legacy, false) => {
                self.mark(b"\n".to_vec()).await?;
                self.mark(last).await?;
                self.mark(b"]\n".to_vec()).await
            }
        }
    }

    /// The end after the query was closed: what was framed but not sent is dropped.
    pub(super) async fn finish_closed(&mut self) -> Result<(), Over> {
        self.buffer.clear();
        self.finish("Query Completed").await
    }

    /// An error in mid-stream and the end that goes with it.
    pub(super) async fn error(&mut self, message: &str) -> Result<(), Over> {
        let object = error_object(50_000, message);
        let wrapped = format!("{{\"errorMessage\":{object}}}");
        let text = match (self.format, self.table) {
            (Format::V1, true) => format!(",\n{wrapped}]"),
            (Format::V1, false) => format!("{wrapped},\n]"),
            (Format::Delimited, _) => format!("{object}\n"),
            (Format::Array, _) => format!(",{object}]"),
            (Format::Legacy, true) => format!(",\n{wrapped}]\n"),
            (Format::Legacy, false) => format!("\n{wrapped},\n"),
        };
        self.mark(text.into_bytes()).await
    }
}

/// Drops a row's last value; with only one the row becomes empty.
fn drop_last(row: &mut Vec<u8>) {
    let values: Vec<Box<serde_json::value::RawValue>> =
        serde_json::from_slice(&[b"[", row.as_slice(), b"]"].concat()).unwrap_or_default();
    let kept: Vec<_> = values.iter().take(values.len().saturating_sub(1)).map(|v| v.get()).collect();
    *row = kept.join(",").into_bytes();
}

/// Puts bytes at the begin of a row's first string, or before the row where it has none.
fn insert_into_string(row: &mut Vec<u8>, bytes: &[u8]) {
    let at = memchr::memchr(b'"', row).map_or(0, |quote| quote + 1);
    row.splice(at..at, bytes.iter().copied());
}

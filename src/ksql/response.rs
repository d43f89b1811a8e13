//! Bytes of a streamed answer become elements, and the end becomes a verdict: complete or not.
//!
//! ```text
//! [{"header":{"queryId":"…","schema":"`A` INTEGER"}},      one element a line; only 0x0A ends a line
//! {"row":{"columns":[1]}},                                 (U+2028 and the like stand raw in strings)
//! {"finalMessage":"Query Completed"}]                      no line feed after the last line
//! ```
//!
//! | framing | complete when |
//! |---|---|
//! | [`Framing::Stream`], [`Framing::LegacyStream`] | a final message, then `]` |
//! | [`Framing::Table`], [`Framing::LegacyTable`] | `]`, and no error before it |
//!
//! An answer is never read as one JSON document, as servers leave a comma before `]` when they fail. A clean end of the
//! transport is no mark. Nothing here knows HTTP, types of values or Arrow.

mod line;

use line::{Line, parse_line};

use super::schema::Column;
use crate::error::{Error, Kind, Result, RowText};

/// Which grammar an answer follows; it decides what counts as complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// v1+json, push or pull over a stream: `finalMessage`, then `]`.
    Stream,
    /// v1+json, pull over a table: `]`. Necessary, not sufficient (the writer can lose an error).
    Table,
    /// Legacy `/query`, pull over a table: `]`, written only on success.
    LegacyTable,
    /// Legacy `/query`, push or pull over a stream: `finalMessage`, then `]` and a line feed.
    LegacyStream,
}

/// What an answer is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element<'a> {
    /// The first element.
    Header {
        /// The server's id of the query, for `/close-query`.
        query_id: &'a str,
        /// What every row holds, in order.
        columns: &'a [Column],
    },
    /// A row.
    Row {
        /// The bytes between the outer brackets of its values, these included; the decoder checks them.
        values: &'a [u8],
        /// Whether it deletes its key.
        tombstone: bool,
    },
}

/// The mark by which an answer said that it was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `"Limit Reached"`
    LimitReached,
    /// `"Query Completed"`: also when somebody else closed the query.
    QueryCompleted,
    /// `]` of a table's answer.
    ArrayEnd,
}

/// A complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// How it ended.
    pub mark: Mark,
    /// Rows delivered, tombstones included.
    pub rows: u64,
}

/// Takes an answer apart, chunk by chunk.
#[derive(Debug)]
pub struct Frames {
    framing: Framing,
    max_row_bytes: usize,
    state: State,
    /// The beginning of a line whose end has not come.
    carry: Vec<u8>,
    /// Lines that are done.
    lines: u64,
    /// Bytes of the lines that are done.
    taken: u64,
    rows: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but a header may come.
    Opening,
    /// Rows, the final message or the end of the array.
    Rows,
    /// The final message has come, its `]` has not.
    Final(Mark),
    /// Complete: only white space may follow.
    Closed(Mark),
    /// An error was returned: nothing that follows counts.
    Failed,
}

impl Framing {
    fn ends_with_message(self) -> bool {
        matches!(self, Self::Stream | Self::LegacyStream)
    }

    fn has_heart_beats(self) -> bool {
        matches!(self, Self::LegacyStream | Self::LegacyTable)
    }
}

impl Frames {
    /// For an answer in `framing`; a line longer than `max_row_bytes` is refused.
    pub fn new(framing: Framing, max_row_bytes: usize) -> Self {
        Self { framing, max_row_bytes, state: State::Opening, carry: Vec::new(), lines: 0, taken: 0, rows: 0 }
    }

    /// Takes the next bytes and hands on every element that they complete. Chunks may be cut anywhere; only the part of
    /// a line that waits for its end is copied.
    ///
    /// # Errors
    /// [`Kind::Garbled`] for broken grammar, the server's own error as [`super::server_error`] classes it, and whatever
    /// `on` returns. After an error nothing counts any more.
    pub fn push(&mut self, bytes: &[u8], on: &mut dyn FnMut(Element<'_>) -> Result<()>) -> Result<()> {
        let done = self.take_lines(bytes, on);
        if done.is_err() {
            self.state = State::Failed;
        }
        done
    }

    /// The verdict, to be asked for when the transport has ended cleanly.
    ///
    /// # Errors
    /// [`Kind::Incomplete`] when the mark of completeness has not been seen.
    pub fn end(&self) -> Result<Completion> {
        let what = match self.state {
            State::Closed(mark) => return Ok(Completion { mark, rows: self.rows }),
            State::Failed => "the answer had failed before it ended",
            _ if !self.carry.is_empty() => "the answer ended within a line",
            State::Opening => "the answer ended before its header",
            State::Final(_) => "the answer ended after its final message, but without its end mark",
            State::Rows if self.framing.ends_with_message() => "the answer ended without its final message",
            State::Rows => "the answer ended without its end mark",
        };
        Err(self.error(Kind::Incomplete, what).at("rows", self.rows).next("it is read again"))
    }

    /// Whether the answer has said that it is complete: nothing but the transport's end may follow.
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// Rows so far, tombstones included.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of the current line that wait for its end.
    pub fn pending(&self) -> usize {
        self.carry.len()
    }

    fn take_lines(&mut self, mut bytes: &[u8], on: &mut dyn FnMut(Element<'_>) -> Result<()>) -> Result<()> {
        while let Some(feed) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..feed], &bytes[feed + 1..]);
            self.check_length(line.len())?;
            if self.carry.is_empty() {
                self.take_line(line, 1, on)?;
            } else {
                let mut whole = std::mem::take(&mut self.carry);
                whole.extend_from_slice(line);
                self.take_line(&whole, 1, on)?;
                whole.clear();
                self.carry = whole;
            }
            bytes = rest;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.check_length(bytes.len())?;
        self.carry.extend_from_slice(bytes);
        self.take_last_line(on)
    }

    /// The last line has no line feed. It is known by its `]`: as a line is an object, the same bytes without the
    /// bracket are a whole object only if the bracket closes the answer, and not some array of the row.
    fn take_last_line(&mut self, on: &mut dyn FnMut(Element<'_>) -> Result<()>) -> Result<()> {
        if matches!(self.state, State::Closed(_)) {
            let rest = std::mem::take(&mut self.carry);
            return self.take_line(&rest, 0, on);
        }
        let opening = self.state == State::Opening;
        let Some(body) = self.carry.trim_ascii_end().strip_suffix(b"]") else { return Ok(()) };
        let body = if opening { body.strip_prefix(b"[").unwrap_or_default() } else { body };
        let closes = if body.is_empty() { !opening } else { body.ends_with(b"}") && line::is_whole(body) };
        if !closes {
            return Ok(());
        }
        let whole = std::mem::take(&mut self.carry);
        self.take_line(&whole, 0, on)
    }

    fn check_length(&self, more: usize) -> Result<()> {
        if self.carry.len().saturating_add(more) <= self.max_row_bytes {
            return Ok(());
        }
        let what = format!("a line is longer than {} bytes", self.max_row_bytes);
        Err(self.error(Kind::Garbled, what).next("raise the limit of a row's size if such rows are meant"))
    }

    /// Takes one line; `feed` is the length of its line feed.
    fn take_line(
        &mut self,
        line: &[u8],
        feed: u64,
        on: &mut dyn FnMut(Element<'_>) -> Result<()>,
    ) -> Result<()> {
        self.take_text(line, on)?;
        self.lines += 1;
        self.taken += line.len() as u64 + feed;
        Ok(())
    }

    fn take_text(&mut self, line: &[u8], on: &mut dyn FnMut(Element<'_>) -> Result<()>) -> Result<()> {
        let line = line.trim_ascii_end();
        if let State::Closed(_) = self.state {
            if line.is_empty() {
                return Ok(());
            }
            return Err(self.error(Kind::Garbled, "bytes follow the end mark"));
        }
        if line.is_empty() {
            if self.framing.has_heart_beats() && self.state != State::Opening {
                return Ok(());
            }
            return Err(self.error(Kind::Garbled, "an empty line where an element must be"));
        }
        let line = match self.state {
            State::Opening => line.strip_prefix(b"[").ok_or_else(|| {
                self.error(Kind::Garbled, "the answer does not begin with `[`").quote("text", shown(line))
            })?,
            _ => line,
        };
        if line == b"]" {
            return self.close();
        }
        let (element, last) = match line.split_last() {
            Some((b',', element)) => (element, false),
            Some((b']', element)) => (element, true),
            _ => {
                return Err(self
                    .error(Kind::Garbled, "a line ends with neither `,` nor `]`")
                    .quote("text", shown(line)));
            }
        };
        self.take_element(element, on)?;
        if last { self.close() } else { Ok(()) }
    }

    fn take_element(&mut self, element: &[u8], on: &mut dyn FnMut(Element<'_>) -> Result<()>) -> Result<()> {
        let parsed = parse_line(element).map_err(|error| {
            // What the parser says may name a value too.
            self.error(Kind::Garbled, "a line is not an element of an answer")
                .quote("parser", RowText::new(error))
                .quote("text", shown(element))
        })?;
        match (parsed, self.state) {
            (Line::Error(said), _) => {
                let kind = said.kind(Kind::Incomplete);
                let error = self.error(kind, format!("the server reported an error: {}", said.message));
                Err(if let Some(code) = said.code { error.at("code", code) } else { error })
            }
            (Line::Header { query_id, schema }, State::Opening) => {
                let columns = super::schema::parse_columns(&schema)?;
                self.state = State::Rows;
                on(Element::Header { query_id: &query_id, columns: &columns })
            }
            (Line::Row { values, tombstone }, State::Rows) => {
                self.rows += 1;
                on(Element::Row { values, tombstone })
            }
            (Line::Final(text), State::Rows) if self.framing.ends_with_message() => {
                self.state = State::Final(match text.as_ref() {
                    "Query Completed" => Mark::QueryCompleted,
                    "Limit Reached" => Mark::LimitReached,
                    other => {
                        let error = self.error(Kind::Incomplete, "the final message is not known");
                        return Err(error.quote("text", shown(other.as_bytes())));
                    }
                });
                Ok(())
            }
            (Line::Token, State::Rows) => Ok(()),
            (Line::Header { .. }, _) => Err(self.error(Kind::Garbled, "a second header")),
            (_, State::Opening) => Err(self.error(Kind::Garbled, "an element before the header")),
            (Line::Final(_), State::Rows) => {
                Err(self.error(Kind::Garbled, "a final message in a table's answer"))
            }
            _ => Err(self.error(Kind::Garbled, "an element after the final message")),
        }
    }

    fn close(&mut self) -> Result<()> {
        let mark = match self.state {
            State::Final(mark) => mark,
            State::Rows if !self.framing.ends_with_message() => Mark::ArrayEnd,
            State::Rows => {
                let what = "the answer was closed without its final message";
                return Err(self.error(Kind::Incomplete, what).at("rows", self.rows));
            }
            _ => return Err(self.error(Kind::Incomplete, "the answer was closed before its header")),
        };
        self.state = State::Closed(mark);
        Ok(())
    }

    fn error(&self, kind: Kind, what: impl Into<String>) -> Error {
        Error::new(kind, what).at("line", self.lines + 1).at("byte", self.taken)
    }
}

/// The beginning of a line, for an error's text.
fn shown(line: &[u8]) -> RowText {
    const MAX: usize = 80;
    let head: String = String::from_utf8_lossy(&line[..line.len().min(MAX)]).escape_debug().collect();
    RowText::new(if line.len() > MAX { format!("{head}…") } else { head })
}

#[cfg(test)]
mod tests;

//! Misbehaviour on demand: what real servers, networks and other people do to an answer.
//!
//! A test takes the [`Faults`] handle of a running server and says what happens to which request. Faults never change
//! the data; they change what is sent of it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::watch;

/// One kind of misbehaviour. Row numbers count the rows of one answer from 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The connection is dropped after that many rows: no final chunk, no END_STREAM.
    CutAfterRows(u64),
    /// The connection is dropped after that many bytes of the body, wherever that is.
    CutAfterBytes(u64),
    /// The connection is dropped when a push query has sent all rows that there are, as a proxy drops a quiet one.
    CutWhenQuiet,
    /// The body ends cleanly after that many rows, without any mark.
    EndAfterRows(u64),
    /// An error object after that many rows, then the clean end that real servers send.
    ErrorAfterRows(u64),
    /// Nothing is sent for a while (`None`: for ever) after that many rows.
    StallAfterRows(u64, Option<Duration>),
    /// Everything is processed, and said to be, but what comes after that many rows leaves the server so much later.
    LateAfterRows(u64, Duration),
    /// Streams: the partitions are read the other way round and one row at a time, as after a rebalance.
    Reorder,
    /// Streams: two rows of one partition that follow each other change places. Kafka never does this.
    SwapRows(u64),
    /// Streams: the record of that partition at that offset brings no row, as one that the server cannot decode.
    DropRecord(u64, u64),
    /// A pause before every row.
    Slow(Duration),
    /// One byte per chunk.
    Trickle,
    /// `Query Completed` and a clean end after that many rows, as after a `/close-query` by somebody else.
    CompletedAfterRows(u64),
    /// After `after` rows the last `back` of them are sent again, as after a rebalance.
    Replay {
        /// Rows before it happens.
        after: u64,
        /// How many are repeated.
        back: usize,
    },
    /// After that many rows white space is sent for ever: no row, no mark.
    WhiteSpaceAfterRows(u64),
    /// From that row on the same row is sent for ever, and no mark. It is the next one.
    RepeatRow(u64),
    /// That row has one value too many.
    ExtraValue(u64),
    /// That row lacks its last value.
    MissingValue(u64),
    /// Before that row the header is sent again.
    SecondHeader(u64),
    /// That row holds a byte that is no UTF-8.
    InvalidUtf8(u64),
    /// Before that row comes a line that is no JSON.
    Garbage(u64),
    /// That row's first string is as long as the second number says.
    HugeRow(u64, usize),
    /// The request is answered with this status; `retry_after` in seconds becomes a header.
    Status {
        /// 401, 429, 500, 503 …
        code: u16,
        /// Seconds of `Retry-After`.
        retry_after: Option<u64>,
    },
    /// The header announces one more column (STRING) than was asked for, and the rows have it: null.
    ExtraColumn(String),
    /// The header announces that column with another type.
    Retype {
        /// The column's name.
        column: String,
        /// The type string that the header shows.
        type_text: String,
    },
    /// `DESCRIBE … EXTENDED` gives no `queryOffsetSummaries`.
    NoOffsets,
}

/// Which requests a fault meets.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Scope {
    /// The next one, then it is used up.
    Next,
    /// All until [`Faults::clear`].
    All,
}

#[derive(Debug, Clone)]
struct Rule {
    scope: Scope,
    /// Part of `METHOD path` + newline + SQL; `None`: every request that the fault
    /// concerns.
    pattern: Option<String>,
    fault: Fault,
}

/// The handle by which a test says what goes wrong.
#[derive(Debug)]
pub struct Faults {
    rules: Mutex<Vec<Rule>>,
    refusing: watch::Sender<bool>,
    restarts: watch::Sender<u64>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { rules: Mutex::default(), refusing: watch::Sender::new(false), restarts: watch::Sender::new(0) }
    }
}

impl Faults {
    fn add(&self, scope: Scope, pattern: Option<&str>, fault: Fault) {
        let rule = Rule { scope, pattern: pattern.map(str::to_owned), fault };
        super::lock(&self.rules).push(rule);
    }

    /// Meets the next query ([`Fault::NoOffsets`]: the next statement). Several faults given one after the other
    /// meet the same query.
    pub fn next(&self, fault: Fault) {
        self.add(Scope::Next, None, fault);
    }

    /// Meets every query.
    pub fn all(&self, fault: Fault) {
        self.add(Scope::All, None, fault);
    }

    /// Meets the next request whose `METHOD path` or SQL contains `pattern`.
    pub fn next_with(&self, pattern: &str, fault: Fault) {
        self.add(Scope::Next, Some(pattern), fault);
    }

    /// Meets every request whose `METHOD path` or SQL contains `pattern`.
    pub fn all_with(&self, pattern: &str, fault: Fault) {
        self.add(Scope::All, Some(pattern), fault);
    }

    /// From now on requests are answered as they should be. Refusal of connections ends, too.
    pub fn clear(&self) {
        super::lock(&self.rules).clear();
        self.refuse_connections(false);
    }

    /// While set, the port is closed: connecting fails at once. Open connections stay.
    pub fn refuse_connections(&self, refuse: bool) {
        self.refusing.send_replace(refuse);
    }

    /// Cuts all connections, and with them all queries; the listener goes on at the same port.
    pub fn restart(&self) {
        self.restarts.send_modify(|n| *n += 1);
    }

    /// The faults that meet this request, `METHOD path` and its SQL; those for the next one are used up.
    pub(super) fn take(&self, request: &str, path: &str) -> Vec<Fault> {
        let mut taken = Vec::new();
        super::lock(&self.rules).retain(|rule| {
            let concerns = match rule.fault {
                Fault::NoOffsets => path == "/ksql",
                _ => path == "/query" || path == "/query-stream",
            };
            let meets = rule.pattern.as_deref().map_or(concerns, |pattern| request.contains(pattern));
            if meets {
                taken.push(rule.fault.clone());
            }
            !meets || rule.scope == Scope::All
        });
        taken
    }

    pub(super) fn refusing(&self) -> watch::Receiver<bool> {
        self.refusing.subscribe()
    }

    pub(super) fn restarts(&self) -> watch::Receiver<u64> {
        self.restarts.subscribe()
    }
}

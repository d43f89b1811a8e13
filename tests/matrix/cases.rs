//! The table of misbehaviours: what is done, to which read, and what must come of it.

use std::time::Duration;

use lakehand::demo::{DemoServer, Fault};

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Read {
    /// A stream, by offset.
    Stream,
    /// A table, by the legacy endpoint.
    Table,
    /// A table of a server without the legacy endpoint.
    NewTable,
}

/// How long it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasts {
    /// It meets the first query.
    Once,
    /// It meets every query until the program has given up.
    Stays,
}

/// What the server does.
pub(crate) enum Trouble {
    /// These faults meet the query.
    Faults(Vec<Fault>),
    /// This is done to the server once the query has begun; the query is slow.
    During(fn(&DemoServer)),
}

/// One line of the matrix.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) read: Read,
    pub(crate) lasts: Lasts,
    pub(crate) trouble: Trouble,
    /// Settings beside the usual ones.
    pub(crate) set: &'static [&'static str],
    pub(crate) exit: i32,
    /// Part of what the operator reads; empty: nothing is said, as nothing is wrong.
    pub(crate) told: &'static str,
    /// Rows that may go to quarantine.
    pub(crate) quarantined: u64,
}

impl Case {
    pub(crate) fn title(&self) -> String {
        format!("{} ({:?}, {:?})", self.name, self.read, self.lasts)
    }
}

/// Rows of the stream that is read, and of those after which things go wrong.
pub(crate) const ROWS: u64 = 1_200;
const AT: u64 = 700;
const HUGE: usize = 100 << 20;

fn case(name: &'static str, read: Read, lasts: Lasts, fault: Fault, exit: i32, told: &'static str) -> Case {
    Case { name, read, lasts, trouble: Trouble::Faults(vec![fault]), set: &[], exit, told, quarantined: 0 }
}

fn status(code: u16, retry_after: Option<u64>) -> Fault {
    Fault::Status { code, retry_after }
}

/// Faults that break an answer off or garble it: one passes, and for good the feed fails.
fn breaking(read: Read) -> Vec<(&'static str, Fault, &'static str)> {
    let at = if read == Read::Stream { AT } else { 2 };
    let bytes = if read == Read::Stream { 40_001 } else { 250 };
    let no_mark =
        if read == Read::Stream { "without its final message" } else { "the answer ended within a line" };
    let mut faults = vec![
        ("cut before the header", Fault::CutAfterBytes(1), "the connection was cut"),
        ("cut after rows", Fault::CutAfterRows(at), "the connection was cut"),
        ("cut within a row", Fault::CutAfterBytes(bytes), "the connection was cut"),
        ("clean end without its mark", Fault::EndAfterRows(at), no_mark),
        ("error object in mid-stream", Fault::ErrorAfterRows(at), "the server reported an error"),
        ("row with a value too few", Fault::MissingValue(at - 1), "value"),
        ("row with a value too many", Fault::ExtraValue(at - 1), "value"),
        ("second header", Fault::SecondHeader(at - 1), "a second header"),
        ("line that is no JSON", Fault::Garbage(at - 1), "a line"),
        ("429 with Retry-After", status(429, Some(0)), "status 429"),
        ("503 with Retry-After", status(503, Some(0)), "status 503"),
        ("500", status(500, None), "status 500"),
        ("502 of a proxy", status(502, None), "status 502"),
    ];
    if read == Read::Stream {
        faults.push((
            "end mark after a close by somebody else",
            Fault::CompletedAfterRows(at),
            "somebody else ended the query",
        ));
        faults.push(("rows of one partition change places", Fault::SwapRows(at), "out of order"));
        faults.push(("stalled", Fault::StallAfterRows(at, None), "no new row came"));
        faults.push(("white space without end", Fault::WhiteSpaceAfterRows(at), "no new row came"));
        faults.push(("one row without end", Fault::RepeatRow(at - 1), "no new row came"));
    } else {
        faults.push(("stalled", Fault::StallAfterRows(at, None), "stopped in the middle"));
        faults.push(("white space without end", Fault::WhiteSpaceAfterRows(at), "stopped in the middle"));
        faults.push(("one row without end", Fault::RepeatRow(at - 1), "stopped in the middle"));
    }
    faults
}

/// Faults that are none: everything is there, and nothing is said.
fn harmless(read: Read) -> Vec<(&'static str, Fault, &'static str)> {
    let mut faults = vec![
        ("slow", Fault::Slow(Duration::from_millis(1)), ""),
        ("stalled for a moment", Fault::StallAfterRows(2, Some(Duration::from_millis(400))), ""),
    ];
    if read == Read::Stream {
        faults.push(("partitions reordered", Fault::Reorder, ""));
        faults.push(("rows come twice", Fault::Replay { after: AT, back: 150 }, ""));
    }
    faults
}

/// Faults after which the rows before them are kept, as they are a prefix of every partition.
const KEEPS_ROWS: [&str; 8] = [
    "cut after rows",
    "cut within a row",
    "clean end without its mark",
    "error object in mid-stream",
    "end mark after a close by somebody else",
    "stalled",
    "white space without end",
    "one row without end",
];

pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for read in [Read::Stream, Read::Table, Read::NewTable] {
        for (name, fault, told) in breaking(read) {
            // The second way of reading is no failure, and only noted.
            let told = if name == "500" && read == Read::Table { "" } else { told };
            cases.push(case(name, read, Lasts::Once, fault.clone(), 0, told));
            let exit = match name {
                // A gateway that answers for the server is a server out of reach.
                "502 of a proxy" => 3,
                // The new handler is asked instead.
                "500" if read == Read::Table => 0,
                // Every attempt brings some rows and is followed by another one.
                _ if read == Read::Stream && KEEPS_ROWS.contains(&name) => 0,
                _ => 1,
            };
            cases.push(case(name, read, Lasts::Stays, fault, exit, told));
        }
        for (name, fault, told) in harmless(read) {
            cases.push(case(name, read, Lasts::Stays, fault, 0, told));
        }
        cases.push(case("401", read, Lasts::Stays, status(401, None), 1, "status 401"));
        let column = if read == Read::Stream { "AMOUNT" } else { "TX_COUNT" };
        let retype = Fault::Retype { column: column.into(), type_text: "DOUBLE".into() };
        let told = "the schema changed between DESCRIBE and the header";
        cases.push(case(
            "column of another type than DESCRIBE said",
            read,
            Lasts::Once,
            retype.clone(),
            1,
            told,
        ));
        cases.push(case("column of another type than DESCRIBE said", read, Lasts::Stays, retype, 1, told));
        let extra = Fault::ExtraColumn("NEW".into());
        cases.push(case("column more than was asked for", read, Lasts::Once, extra, 1, told));
    }
    let late = Fault::LateAfterRows(AT, Duration::from_millis(3_500));
    let late = case("processed long before it is delivered", Read::Stream, Lasts::Stays, late, 0, "");
    cases.push(Case { set: &["server.inactivity_timeout=6s"], ..late });
    cases.push(case("trickling one byte at a time", Read::Table, Lasts::Stays, Fault::Trickle, 0, ""));
    cases.push(case("trickling one byte at a time", Read::NewTable, Lasts::Stays, Fault::Trickle, 0, ""));
    cases.push(case("trickling one byte at a time", Read::Stream, Lasts::Once, Fault::Trickle, 0, ""));
    let utf8 =
        case("invalid UTF-8", Read::Stream, Lasts::Once, Fault::InvalidUtf8(AT), 0, "goes to quarantine");
    cases.push(Case { quarantined: 1, ..utf8 });
    // Of four rows one is more than the limit of 1 %.
    let told = "more than 1 %";
    cases.push(case("invalid UTF-8", Read::Table, Lasts::Stays, Fault::InvalidUtf8(1), 1, told));
    let huge =
        case("row of 100 MB below the limit", Read::Stream, Lasts::Once, Fault::HugeRow(AT, HUGE), 0, "");
    cases.push(Case { set: &["server.inactivity_timeout=1m"], ..huge });
    let huge = case(
        "row of 100 MB above the limit",
        Read::Stream,
        Lasts::Once,
        Fault::HugeRow(AT, HUGE),
        0,
        "longer than",
    );
    cases.push(Case { set: &["export.max_row_mb=8", "server.inactivity_timeout=1m"], ..huge });
    let huge = case(
        "row of 9 MB above the limit",
        Read::Stream,
        Lasts::Stays,
        Fault::HugeRow(AT, 9 << 20),
        1,
        "longer than",
    );
    cases.push(Case { set: &["export.max_row_mb=8", "server.inactivity_timeout=1m"], ..huge });
    let during = |name, trouble, exit, told| Case {
        trouble: Trouble::During(trouble),
        ..case(name, Read::Stream, Lasts::Once, Fault::Trickle, exit, told)
    };
    cases.push(during("restart in mid-run", DemoServer::restart_now, 0, "cut"));
    cases.push(during("credentials expire in mid-run", DemoServer::expire_credentials, 1, "status 401"));
    cases.push(during("server gone in mid-run", DemoServer::vanish, 3, "cannot be reached"));
    cases
}

/// What is done to a server while it answers.
trait During {
    fn restart_now(&self);
    fn expire_credentials(&self);
    fn vanish(&self);
}

impl During for DemoServer {
    fn restart_now(&self) {
        self.faults().restart();
    }

    fn expire_credentials(&self) {
        self.faults().all_with("", Fault::Status { code: 401, retry_after: None });
        self.faults().restart();
    }

    fn vanish(&self) {
        self.faults().refuse_connections(true);
        self.faults().restart();
    }
}

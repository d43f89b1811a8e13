//! One case: run the binary, look at the lake, and run it again in peace.

use lakehand::demo::{DemoOptions, Fault};
use serde_json::Value;

use crate::cases::{Case, Lasts, ROWS, Read, Trouble};
use crate::support::{Project, Ran, Server, metadata, positions, row_count, wait_until};

/// What must stay zero, and how often it was tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) tried: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) claims: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.claims += other.claims;
    }
}

/// What came of a case.
pub(crate) struct Outcome {
    pub(crate) totals: Totals,
    /// What the lake held after the run with the fault.
    pub(crate) held: String,
    pub(crate) complaints: Vec<String>,
}

/// The feed's dataset and the pattern by which faults meet its query.
fn source(read: Read) -> (&'static str, &'static str, &'static str) {
    match read {
        Read::Stream => ("stream", "transaction_stream", "EMIT CHANGES"),
        Read::Table => ("table", "payment_method_totals", "POST /query\n"),
        Read::NewTable => ("table", "payment_method_totals", "POST /query-stream\n"),
    }
}

pub(crate) fn of(case: &Case) -> Outcome {
    let server = Server::start(DemoOptions { rows: ROWS, ..DemoOptions::default() });
    let mut project =
        Project::on(&server.url()).set("server.inactivity_timeout=1500ms").set("export.retries=1");
    for setting in case.set {
        project = project.set(setting);
    }
    let (kind, name, pattern) = source(case.read);
    project.feed(name, kind, name, "");
    if case.read != Read::Stream {
        // There is a version to lose.
        project.ok(&["export", "--feed", name]);
        server.get().append(300);
    }
    let refuse_legacy = || {
        if case.read == Read::NewTable {
            server.faults().all_with("POST /query\n", Fault::Status { code: 405, retry_after: None });
        }
    };
    refuse_legacy();
    let ran = match &case.trouble {
        Trouble::Faults(faults) => {
            for fault in faults {
                match case.lasts {
                    Lasts::Once => server.faults().next_with(pattern, fault.clone()),
                    Lasts::Stays => server.faults().all_with(pattern, fault.clone()),
                }
            }
            run(&project, name)
        }
        Trouble::During(trouble) => {
            server.faults().next_with(pattern, Fault::Slow(std::time::Duration::from_millis(2)));
            let child = project.spawn(&["export", "--feed", name, "--json"]);
            wait_until("the query has begun", || server.get().running() > 0);
            // Some rows are on their way.
            std::thread::sleep(std::time::Duration::from_millis(300));
            trouble(server.get());
            Ran::of(child.wait_with_output().unwrap())
        }
    };
    let dataset = if kind == "stream" { project.stream(name) } else { project.table(name) };
    let expected = server.get().expected_rows().datasets[&name.to_uppercase()].rows;
    let mut outcome = Outcome {
        totals: Totals { tried: 1, ..Totals::default() },
        held: String::new(),
        complaints: Vec::new(),
    };
    let mut complain = |text: String| outcome.complaints.push(text);

    if ran.code != case.exit {
        complain(format!("exit {} and not {}: {}{}", ran.code, case.exit, ran.out, ran.err));
    }
    let told = told(&ran);
    if !told.contains(case.told) || (case.told.is_empty() && !told.is_empty()) {
        complain(format!("told {told:?} and not {:?}", case.told));
    }
    let look = Look::at(case.read, &dataset, expected);
    let claims = claims(&ran, &dataset, case.read, &server);
    outcome.totals.doubled += look.doubled;
    if claims && look.missing > look.quarantined {
        outcome.totals.claims += 1;
        outcome.totals.lost += look.missing - look.quarantined;
        complain(format!(
            "{} rows are missing, and it was said that all is there: {}",
            look.missing, ran.out
        ));
    }
    if look.quarantined > case.quarantined {
        complain(format!("{} rows in quarantine", look.quarantined));
    }
    outcome.held = look.words(case.read, claims);

    // In peace: whatever was left behind, everything is there once.
    server.faults().clear();
    refuse_legacy();
    let again = run(&project, name);
    let last = Look::at(case.read, &dataset, expected);
    outcome.totals.doubled += last.doubled;
    outcome.totals.lost += last.missing - last.quarantined.min(last.missing);
    if again.code != 0 || last.missing > last.quarantined || last.doubled > 0 {
        outcome
            .complaints
            .push(format!("afterwards, exit {}: {last:?} {}{}", again.code, again.out, again.err));
    }
    outcome
}

/// The binary, which must come to an end: a fault that stays must not keep it busy for ever.
fn run(project: &Project, name: &str) -> Ran {
    let mut child = project.spawn(&["export", "--feed", name, "--json"]);
    let begun = std::time::Instant::now();
    // What it prints fits into the pipe: a few events.
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > std::time::Duration::from_secs(60) {
            child.kill().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Ran::of(child.wait_with_output().unwrap())
}

/// The texts of retries, warnings and failures.
fn told(ran: &Ran) -> String {
    let text = |event: &Value| -> Option<String> {
        let field = if event["event"] == "warning" { "text" } else { "error" };
        event[field].as_str().map(str::to_owned)
    };
    // The note on the second way of reading a table is no fault's.
    let mut texts: Vec<_> = ran.json().iter().filter_map(text).collect();
    texts.retain(|t| !t.contains("refuses the legacy endpoint"));
    texts.extend(ran.err.lines().map(str::to_owned));
    texts.join("\n")
}

/// Whether anything says that the lake is complete.
fn claims(ran: &Ran, dataset: &std::path::Path, read: Read, server: &Server) -> bool {
    let done = ran.json().iter().any(|e| e["event"] == "finished" && e["outcome"] == "done");
    // A table's metadata speak of the snapshot that is there, which may be an older one.
    let caught_up = read == Read::Stream
        && dataset.join("_metadata.json").exists()
        && metadata(dataset)["caught_up"] == true
        && server.get().transactions() == ROWS;
    ran.code == 0 || done || caught_up
}

/// What a dataset holds.
#[derive(Debug)]
struct Look {
    missing: u64,
    doubled: u64,
    quarantined: u64,
    rows: u64,
}

impl Look {
    fn at(read: Read, dataset: &std::path::Path, expected: u64) -> Self {
        let there = dataset.join("_metadata.json").exists();
        let meta = if there { metadata(dataset) } else { Value::Null };
        let quarantined = meta["quarantined_records"].as_u64().unwrap_or(0);
        let version = meta["current_version"].as_u64();
        if read == Read::Stream {
            let seen = positions(dataset);
            let rows: usize = seen.values().sum();
            let (held, rows) = (seen.len() as u64, rows as u64);
            return Self { missing: expected - held, doubled: rows - held, quarantined, rows };
        }
        let current = dataset.join(format!("version=v{}", version.unwrap_or(0)));
        let rows = row_count(&current);
        // Another snapshot than the newest lacks everything that is new.
        let missing = expected.saturating_sub(rows) + u64::from(counted(&current) != 1_500);
        Self { missing, doubled: rows.saturating_sub(expected), quarantined, rows }
    }

    fn words(&self, read: Read, claims: bool) -> String {
        match (read, claims) {
            (Read::Stream, true) if self.quarantined > 0 => {
                format!("every row once, {} of them in quarantine", self.quarantined)
            }
            (Read::Stream, true) => "every row once".into(),
            (Read::Stream, false) if self.rows == 0 => "nothing; the next run reads it".into(),
            (Read::Stream, false) => "the rows before it, once; the next run reads the rest".into(),
            (_, true) => "the new version, whole".into(),
            (_, false) => "the version before, untouched".into(),
        }
    }
}

/// Transactions that the totals by payment method speak of.
fn counted(version: &std::path::Path) -> i64 {
    let files = crate::support::data_files(version);
    if files.is_empty() { 0 } else { crate::support::bigint_sum(&files, "TX_COUNT") }
}

//! The table of exports.

use std::time::Duration;

use super::text::{count, escaped, one_line, size, span};
use super::{Cell, Head, Row, Sign, TableView, Tone};
use crate::app::App;
use crate::app::tabs::{Run, RunState};
use crate::export::Outcome;

fn heads() -> Vec<Head> {
    let head = |title, right, width, fill, rank| Head { title, right, width, fill, rank, sorted: None };
    vec![
        head("Feed", false, 16, true, 0),
        head("Stage", false, 18, true, 0),
        head("Rows", true, 11, false, 1),
        head("Rows/s", true, 9, false, 2),
        head("History", false, 20, false, 5),
        head("In", true, 9, false, 4),
        head("Out", true, 9, false, 4),
        head("Open", true, 4, false, 7),
        head("Retries", true, 7, false, 6),
        head("Elapsed", true, 12, false, 3),
        head("Left", true, 12, false, 3),
    ]
}

impl Run {
    fn tone_and_sign(&self) -> (Tone, Sign) {
        match &self.state {
            RunState::Queued => (Tone::Plain, Sign::Queued),
            RunState::Running => (Tone::Live, Sign::Running),
            RunState::Waiting { .. } => (Tone::Warn, Sign::Waiting),
            RunState::External(_) => (Tone::Warn, Sign::Locked),
            RunState::Ended(Outcome::Done { .. }) => (Tone::Good, Sign::Good),
            RunState::Ended(Outcome::Skipped { .. }) => (Tone::Dim, Sign::Idle),
            RunState::Ended(Outcome::Cancelled) => (Tone::Dim, Sign::Cancelled),
            RunState::Ended(Outcome::Failed(_)) => (Tone::Bad, Sign::Failed),
        }
    }
}

fn elapsed(app: &App, run: &Run) -> Option<Duration> {
    run.elapsed.or_else(|| (app.now - run.started?).to_std().ok())
}

fn row(app: &App, run: &Run) -> Vec<Cell> {
    let (tone, sign) = run.tone_and_sign();
    let stage = match &run.state {
        RunState::Waiting { until, .. } => {
            format!("retries in {} s", (*until - app.now).num_seconds().max(0))
        }
        RunState::External(_) => "another process".to_owned(),
        RunState::Running if run.waits() && !app.exports.outages.is_empty() => {
            let peers: Vec<_> = app.exports.outages.keys().map(|peer| peer.name()).collect();
            format!("waits for {}", peers.join(", "))
        }
        _ => match run.done().filter(|_| run.is_alive()) {
            Some(done) => format!("{} {:.0} %", run.name(), done * 100.0),
            None => run.name().to_owned(),
        },
    };
    let stage = Cell {
        text: stage,
        tone,
        sign: Some(sign),
        gauge: run.done().filter(|_| run.is_alive()),
        spark: vec![],
    };
    let counters = run.counters.as_ref();
    let number = |value: Option<u64>| match value {
        Some(value) => Cell::new(count(value)),
        None => Cell::toned("-", Tone::Dim),
    };
    let bytes = |value: Option<u64>| match value {
        Some(value) => Cell::new(size(value)),
        None => Cell::toned("-", Tone::Dim),
    };
    let time = |value: Option<Duration>, sign: &str| match value {
        Some(value) => Cell::new(format!("{sign}{}", span(value))),
        None => Cell::toned("-", Tone::Dim),
    };
    let alive = run.is_alive() && run.started.is_some();
    vec![
        Cell::new(escaped(&run.feed)),
        stage,
        number(counters.map(|c| c.rows)),
        number(alive.then(|| run.rate())),
        Cell { spark: run.rates.iter().copied().collect(), ..Cell::default() },
        bytes(counters.map(|c| c.bytes_in)),
        bytes(counters.map(|c| c.bytes_out)),
        number(counters.map(|c| c.files_open).filter(|_| alive)),
        Cell::toned(run.retries.to_string(), if run.retries > 0 { Tone::Warn } else { Tone::Dim }),
        time(elapsed(app, run), ""),
        time(run.eta().filter(|_| alive), "~"),
    ]
}

/// The window of `height` rows.
pub fn exports(app: &App, height: usize) -> TableView {
    let exports = &app.exports;
    let window = exports.cursor.window(height);
    let first = window.start;
    let rows = window
        .filter_map(|at| {
            let run = exports.order.get(at).and_then(|at| exports.runs.get(*at))?;
            Some(Row { cells: row(app, run), cursor: at == exports.cursor.at(), marked: false })
        })
        .collect();
    let (running, queued) = exports.counts();
    TableView {
        title: title(app, running, queued),
        heads: heads(),
        rows,
        first,
        shown: exports.keys.len(),
        total: exports.runs.len(),
        filter: escaped(&exports.filter_text),
        marked: 0,
        empty: if exports.runs.is_empty() {
            "nothing was exported since the screen was opened: e in Feeds exports a feed".to_owned()
        } else {
            "no export matches the filter: esc takes it away".to_owned()
        },
        about: about(app),
    }
}

fn title(app: &App, running: usize, queued: usize) -> String {
    let title = format!("{running} running, {queued} queued, {} shown", app.exports.keys.len());
    match app.exports.waits_for() {
        Some(waits) => format!("{waits}; {title}"),
        None => title,
    }
}

fn about(app: &App) -> Vec<Cell> {
    let mut lines = about_run(app);
    if let Some((_, reason)) = app.exports.outages.values().next() {
        lines.insert(
            0,
            Cell { sign: Some(Sign::Waiting), ..Cell::toned(one_line(&reason.to_string()), Tone::Warn) },
        );
    }
    lines
}

fn about_run(app: &App) -> Vec<Cell> {
    let Some(run) = app.exports.cursor.key().and_then(|id| app.exports.by_id(*id)) else { return Vec::new() };
    let (tone, sign) = run.tone_and_sign();
    let text = match &run.state {
        RunState::Queued => format!("{}: waits for its turn, {}", run.feed, run.trigger.name()),
        RunState::Running if run.plan.is_empty() && run.moves() => {
            format!("{}: days move between the tiers ({})", run.feed, run.trigger.name())
        }
        RunState::Running => format!("{}: {} ({})", run.feed, one_line(&run.plan), run.trigger.name()),
        RunState::Waiting { attempt, error, .. } => {
            format!("{}: attempt {attempt} failed: {}", run.feed, one_line(&error.to_string()))
        }
        RunState::External(owner) => {
            format!("{}: {}, process {} on {}", run.feed, owner.what, owner.pid, owner.host)
        }
        RunState::Ended(Outcome::Done { text } | Outcome::Skipped { text }) => {
            format!("{}: {}", run.feed, one_line(text))
        }
        RunState::Ended(Outcome::Cancelled) => format!("{}: cancelled; what was committed stays", run.feed),
        RunState::Ended(Outcome::Failed(error)) => format!("{}: {}", run.feed, one_line(&error.to_string())),
    };
    let mut about = vec![Cell { sign: Some(sign), ..Cell::toned(escaped(&text), tone) }];
    let mut facts = Vec::new();
    if let Some(id) = &run.run {
        facts.push(format!("run {}", escaped(id)));
    }
    if let Some(counters) = run.counters {
        facts.push(format!("{} rows committed", count(counters.committed)));
        if counters.quarantined > 0 {
            facts.push(format!("{} in quarantine", count(counters.quarantined)));
        }
        if counters.duplicates > 0 {
            facts.push(format!("{} sent twice and left out", count(counters.duplicates)));
        }
    }
    if let Some(warning) = &run.warning {
        facts.push(one_line(warning));
    }
    if !facts.is_empty() {
        about.push(Cell::toned(facts.join(" · "), Tone::Dim));
    }
    about
}

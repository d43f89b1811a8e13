//! The table of feeds, and what a feed is doing.

use chrono::{DateTime, Utc};

use super::text::{ago, count, escaped, findings as findings_text, instant, one_line, size, until};
use super::{Cell, Head, Row, Sign, TableView, Tone, catalog};
use crate::app::App;
use crate::app::tabs::checks::Checked;
use crate::app::tabs::{FeedColumn, RunState};
use crate::error::Kind;
use crate::export::{Outcome, Stage};
use crate::feed::{Entry, Place};

/// What a feed is doing, the most pressing first.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedState {
    /// The feed's file is invalid.
    Invalid {
        /// The first problem.
        problem: String,
        /// Problems in all.
        count: usize,
        /// The feed's last good version is in force.
        last_good: bool,
    },
    /// The feed's last export failed.
    Failed {
        /// Why.
        reason: String,
    },
    /// What the lake holds of it cannot be read: that is not known, and neither nothing nor damaged.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// The last check of its dataset found damage.
    Damaged {
        /// Findings of damage.
        findings: usize,
    },
    /// An attempt failed and another follows.
    Waiting {
        /// When.
        until: DateTime<Utc>,
        /// Why.
        reason: String,
    },
    /// The feed is being exported here.
    Running {
        /// `reading`, `committing`, …
        stage: &'static str,
        /// Between 0 and 1, where the end is known.
        done: Option<f64>,
        /// Rows in a second.
        rate: u64,
    },
    /// The feed waits for its turn.
    Queued,
    /// Another process holds its dataset.
    Locked {
        /// Which: `lakehand export (process 12 on host)`.
        by: String,
    },
    /// Nothing of the others.
    Idle,
    /// All that there was is in the lake.
    CaughtUp {
        /// Through this instant, where it is known.
        through: Option<DateTime<Utc>>,
    },
    /// The feed is disabled.
    Disabled,
    /// The feed is archived.
    Archived,
}

impl FeedState {
    /// The state in one word, by which feeds are filtered.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid",
            Self::Failed { .. } => "failed",
            Self::Unreadable { .. } => "unreadable",
            Self::Damaged { .. } => "damaged",
            Self::Waiting { .. } => "waiting",
            Self::Running { .. } => "running",
            Self::Queued => "queued",
            Self::Locked { .. } => "locked",
            Self::Idle => "idle",
            Self::CaughtUp { .. } => "caught-up",
            Self::Disabled => "disabled",
            Self::Archived => "archived",
        }
    }

    /// The state's place when feeds are sorted by it.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Invalid { .. } => 0,
            Self::Failed { .. } => 1,
            Self::Unreadable { .. } => 2,
            Self::Damaged { .. } => 3,
            Self::Waiting { .. } => 4,
            Self::Running { .. } => 5,
            Self::Queued => 6,
            Self::Locked { .. } => 7,
            Self::Idle => 8,
            Self::CaughtUp { .. } => 9,
            Self::Disabled => 10,
            Self::Archived => 11,
        }
    }

    /// How it is meant.
    pub fn tone(&self) -> Tone {
        match self {
            Self::Invalid { .. } | Self::Failed { .. } | Self::Unreadable { .. } | Self::Damaged { .. } => {
                Tone::Bad
            }
            Self::Waiting { .. } | Self::Locked { .. } => Tone::Warn,
            Self::Running { .. } => Tone::Live,
            Self::Queued | Self::Idle => Tone::Plain,
            Self::CaughtUp { .. } => Tone::Good,
            Self::Disabled | Self::Archived => Tone::Dim,
        }
    }

    /// The state's character.
    pub fn sign(&self) -> Sign {
        match self {
            Self::Invalid { .. } => Sign::Invalid,
            Self::Failed { .. } | Self::Unreadable { .. } => Sign::Failed,
            Self::Damaged { .. } => Sign::Damaged,
            Self::Waiting { .. } => Sign::Waiting,
            Self::Running { .. } => Sign::Running,
            Self::Queued => Sign::Queued,
            Self::Locked { .. } => Sign::Locked,
            Self::Idle => Sign::Idle,
            Self::CaughtUp { .. } => Sign::Good,
            Self::Disabled => Sign::Off,
            Self::Archived => Sign::Archived,
        }
    }

    /// In a column.
    pub(crate) fn cell(&self, now: DateTime<Utc>) -> Cell {
        let mut gauge = None;
        let text = match self {
            Self::Invalid { count: 1, .. } => "invalid".to_owned(),
            Self::Invalid { count, .. } => format!("invalid, {count} problems"),
            Self::Failed { reason } => format!("failed: {}", one_line(reason)),
            Self::Unreadable { reason } => format!("unreadable: {}", one_line(reason)),
            Self::Damaged { findings } => format!("damaged: {findings}"),
            Self::Waiting { until: then, .. } => {
                format!("retries in {} s", (*then - now).num_seconds().max(0))
            }
            Self::Running { stage, done, rate } => {
                gauge = *done;
                let percent = done.map(|done| format!("{:.0} % ", done * 100.0)).unwrap_or_default();
                // A rate of nothing says less than the stage.
                if *rate > 0 { format!("{percent}{}/s", count(*rate)) } else { (*stage).to_owned() }
            }
            Self::Locked { by } => format!("locked by {}", one_line(by)),
            Self::CaughtUp { through: Some(through) } => {
                let today = through.date_naive() == now.date_naive();
                format!("caught up {}", through.format(if today { "%H:%M:%S" } else { "%m-%d %H:%M" }))
            }
            Self::CaughtUp { through: None } => "caught up".to_owned(),
            other => other.name().to_owned(),
        };
        Cell { text, tone: self.tone(), sign: Some(self.sign()), gauge, spark: Vec::new() }
    }

    /// In a sentence.
    pub(crate) fn sentence(&self, now: DateTime<Utc>) -> String {
        match self {
            Self::Invalid { problem, count, last_good } => {
                let more = if *count > 1 { format!("; and {} more", count - 1) } else { String::new() };
                let good = if *last_good { " (its last good version stays in force)" } else { "" };
                format!("invalid{good}: {}{more}", one_line(problem))
            }
            Self::Failed { reason } => format!("failed: {}", one_line(reason)),
            Self::Unreadable { reason } => {
                format!("what the lake holds of it cannot be read: {}", one_line(reason))
            }
            Self::Damaged { findings } => {
                format!("damaged, {}: C checks again and repairs", findings_text(*findings))
            }
            Self::Waiting { until, reason } => {
                let left = (*until - now).num_seconds().max(0);
                format!("tries again in {left} s: {}", one_line(reason))
            }
            Self::Running { stage, done, rate } => {
                let done = done.map(|done| format!(", about {:.0} % done", done * 100.0)).unwrap_or_default();
                format!("running: {stage}{done}, {} rows/s", count(*rate))
            }
            Self::Queued => "waits for its turn".to_owned(),
            Self::Locked { by } => format!("another process holds the dataset: {}", one_line(by)),
            Self::Idle => "idle: nothing of it was exported yet, or not to its end".to_owned(),
            Self::CaughtUp { through: Some(through) } => format!("caught up through {}", instant(*through)),
            Self::CaughtUp { through: None } => "caught up, without a proof of the instant".to_owned(),
            Self::Disabled => "disabled: it is not exported; x enables it".to_owned(),
            Self::Archived => "archived: its data stays in the lake; A restores it".to_owned(),
        }
    }
}

/// What the feed of this entry is doing.
pub(crate) fn state_of(app: &App, key: &str, entry: &Entry) -> FeedState {
    if let [first, ..] = entry.problems() {
        return FeedState::Invalid {
            problem: first.to_string(),
            count: entry.problems().len(),
            last_good: app.feeds.last_good.contains_key(key),
        };
    }
    let run = app.exports.latest(key);
    match run.map(|run| (run, &run.state)) {
        Some((run, RunState::Running)) => {
            let stage = run.counters.map_or(Stage::Opening, |counters| counters.stage).name();
            return FeedState::Running { stage, done: run.done(), rate: run.rate() };
        }
        Some((_, RunState::Waiting { until, error, .. })) => {
            return FeedState::Waiting { until: *until, reason: error.to_string() };
        }
        Some((_, RunState::Queued)) => return FeedState::Queued,
        _ => {}
    }
    if let Some(owner) = app.locks.get(key) {
        return FeedState::Locked { by: format!("{} (process {} on {})", owner.what, owner.pid, owner.host) };
    }
    if entry.place == Place::Archived {
        return FeedState::Archived;
    }
    if entry.feed().is_some_and(|feed| !feed.enabled) {
        return FeedState::Disabled;
    }
    match run.map(|run| &run.state) {
        // Who held the dataset is gone: that is no fault of the feed any more.
        Some(RunState::Ended(Outcome::Failed(error))) if error.kind() != Kind::Locked => {
            return FeedState::Failed { reason: error.to_string() };
        }
        _ => {}
    }
    if let Some(reason) = app.unreadable(key) {
        return FeedState::Unreadable { reason: reason.clone() };
    }
    // An earlier run of the program, or another one, has told it to nobody here.
    if let Some(failure) = app.metadata(key).and_then(|metadata| metadata.last_failure.as_ref())
        && !matches!(run.map(|run| &run.state), Some(RunState::Ended(Outcome::Done { .. })))
    {
        return FeedState::Failed { reason: format!("{} ({})", failure.what, instant(failure.at)) };
    }
    match app.checks.get(key).map(Checked::damage) {
        None | Some(0) => {}
        Some(findings) => return FeedState::Damaged { findings },
    }
    match app.metadata(key) {
        Some(metadata) if metadata.caught_up || metadata.current_version.is_some() => {
            FeedState::CaughtUp { through: metadata.complete_through }
        }
        _ => FeedState::Idle,
    }
}

impl App {
    /// What a feed is doing.
    pub(crate) fn state(&self, key: &str) -> FeedState {
        self.feeds.entry(key).map_or(FeedState::Idle, |entry| state_of(self, key, entry))
    }
}

fn heads(app: &App) -> Vec<Head> {
    let head = |column, title, right, width, fill, rank| Head {
        title,
        right,
        width,
        fill,
        rank,
        sorted: app.feeds.order_of(column),
    };
    let mut heads = vec![
        head(FeedColumn::Name, "Feed", false, 16, true, 0),
        head(FeedColumn::State, "State", false, 18, true, 0),
        head(FeedColumn::Kind, "Kind", false, 6, false, 6),
        head(FeedColumn::Mode, "Mode", false, 9, false, 7),
        head(FeedColumn::Size, "Size", true, 9, false, 2),
        head(FeedColumn::Rows, "Rows", true, 11, false, 3),
        head(FeedColumn::Last, "Last export", false, 11, false, 1),
        head(FeedColumn::Next, "Next run", false, 9, false, 4),
    ];
    if catalog::is_shown(app) {
        heads.push(head(FeedColumn::Catalog, "Catalogue", false, 10, false, 5));
    }
    heads
}

fn row(app: &App, key: &str, entry: &Entry) -> Vec<Cell> {
    let state = state_of(app, key, entry);
    let feed = app.feeds.feed(key);
    let metadata = app.metadata(key);
    let name_tone = match state {
        FeedState::Archived | FeedState::Disabled => Tone::Dim,
        _ => Tone::Plain,
    };
    let or_dash = |text: Option<String>| text.map_or_else(|| Cell::toned("-", Tone::Dim), Cell::new);
    // Not known is not nothing.
    let held = |text: Option<String>| match (metadata, app.unreadable(key)) {
        (None, Some(_)) => Cell::toned("?", Tone::Bad),
        _ => or_dash(text),
    };
    let mut cells = vec![
        Cell::toned(escaped(key), name_tone),
        state.cell(app.now),
        or_dash(feed.map(|feed| feed.kind.keyword().to_owned())),
        or_dash(feed.map(|feed| feed.storage_mode.keyword().to_owned())),
        held(metadata.map(|metadata| size(metadata.total_bytes))),
        held(metadata.map(|metadata| count(metadata.total_records))),
        held(metadata.and_then(|m| m.last_export).map(|last| ago(last, app.now))),
        or_dash(app.schedules.get(key).map(|next| until(*next, app.now))),
    ];
    if catalog::is_shown(app) {
        cells.push(catalog::cell(app, key));
    }
    cells
}

/// The window of `height` rows.
pub fn feeds(app: &App, height: usize) -> TableView {
    let feeds = &app.feeds;
    let window = feeds.cursor.window(height);
    let first = window.start;
    let span = feeds.cursor.span(&feeds.keys);
    let entries = feeds.entries();
    let rows = window
        .filter_map(|at| {
            let entry = feeds.order.get(at).and_then(|at| entries.get(*at))?;
            let key = feeds.keys.get(at)?;
            Some(Row {
                cells: row(app, key, entry),
                cursor: at == feeds.cursor.at(),
                marked: feeds.cursor.is_marked(key) || span.as_ref().is_some_and(|span| span.contains(&at)),
            })
        })
        .collect();
    TableView {
        title: title(app),
        heads: heads(app),
        rows,
        first,
        shown: feeds.keys.len(),
        total: entries.len(),
        filter: escaped(&feeds.filter_text),
        marked: feeds.cursor.targets(&feeds.keys).len().max(feeds.cursor.marks())
            * usize::from(feeds.cursor.marks() > 0 || feeds.cursor.in_range()),
        empty: empty(app),
        about: about(app),
    }
}

fn title(app: &App) -> String {
    let entries = app.feeds.entries();
    let archived = entries.iter().filter(|entry| entry.place == Place::Archived).count();
    let invalid = entries.iter().filter(|entry| !entry.problems().is_empty()).count();
    let (mut bytes, mut rows) = (0_u64, 0_u64);
    for metadata in app.held.values().filter_map(|held| held.metadata.as_ref()) {
        bytes = bytes.saturating_add(metadata.total_bytes);
        rows = rows.saturating_add(metadata.total_records);
    }
    let numbers = [(entries.len() - archived, "active"), (archived, "archived"), (invalid, "invalid")];
    let words = numbers.into_iter().filter(|(number, word)| *number > 0 || *word == "active");
    let words: Vec<_> = words.map(|(number, word)| format!("{number} {word}")).collect();
    let title = format!("{} · {} · {} rows", words.join(", "), size(bytes), count(rows));
    // Where there is room for it.
    match app.disk().and_then(|disk| disk.full).filter(|_| app.size.0 >= 80) {
        Some(full) => format!("{title} · disk full on {full}"),
        None => title,
    }
}

fn empty(app: &App) -> String {
    match &app.feeds.catalog {
        None => "reading the folders of feeds …".to_owned(),
        Some(catalog) if catalog.entries.is_empty() => {
            format!(
                "There is no feed yet: n makes one, or drop a file into {}",
                app.setup.feeds.active.display()
            )
        }
        Some(_) => "no feed matches the filter: esc takes it away".to_owned(),
    }
}

fn about(app: &App) -> Vec<Cell> {
    let Some(key) = app.feeds.cursor.key() else { return Vec::new() };
    let state = app.state(key);
    let mut about = vec![Cell {
        sign: Some(state.sign()),
        ..Cell::toned(format!("{} {}", escaped(key), state.sentence(app.now)), state.tone())
    }];
    // A state that is more pressing does not hide it.
    let unreadable = app.unreadable(key).filter(|_| !matches!(state, FeedState::Unreadable { .. }));
    if let Some(reason) = unreadable {
        let state = FeedState::Unreadable { reason: reason.clone() };
        about.push(Cell { sign: Some(state.sign()), ..Cell::toned(state.sentence(app.now), state.tone()) });
    }
    if let Some(feed) = app.feeds.feed(key) {
        let source = format!("{} {}", feed.kind.keyword(), escaped(&feed.source));
        let text = match feed.description.as_str() {
            "" => source,
            description => format!("{source} · {}", one_line(description)),
        };
        about.push(Cell::toned(text, Tone::Dim));
    } else if let Some(entry) = app.feeds.entry(key) {
        about.push(Cell::toned(escaped(&entry.path.display().to_string()), Tone::Dim));
    }
    about
}

//! A model with feeds, and a person at its keys.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lakehand::app::tabs::Level;
use lakehand::app::{App, Effect, Key, Message, Setup, Tab, view};
use lakehand::export::event::{Event, What};
use lakehand::export::progress::{Progress, Snapshot};
use lakehand::export::{Finished, Outcome, Stage, Trigger};
use lakehand::feed::{Catalog, Entry, EntryState, FeedKind, NewFeed, Place, parse_feed};
use lakehand::lake::Metadata;
use lakehand::ui::{self, Theme};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

pub(crate) fn start() -> DateTime<Utc> {
    "2025-01-15T14:30:00Z".parse().unwrap()
}

/// A feed file as `feeds add` writes it, in one of the folders.
pub(crate) fn entry(name: &str, kind: FeedKind, place: Place, enabled: bool) -> Entry {
    let source = name.to_uppercase();
    let new = NewFeed {
        name: name.into(),
        kind,
        source,
        description: format!("what {name} is for"),
        table_format: None,
    };
    let text = new.render(start()).replace("\"enabled\": true", &format!("\"enabled\": {enabled}"));
    let folder = if place == Place::Active { "active" } else { "archived" };
    let state = match parse_feed(&text, name) {
        Ok(feed) => EntryState::Valid(Box::new(feed)),
        Err(problems) => EntryState::Invalid(problems),
    };
    Entry {
        name: name.into(),
        place,
        path: PathBuf::from(format!("feeds/{folder}/{name}.json")),
        modified: None,
        state,
    }
}

/// A file that is no feed.
pub(crate) fn broken(name: &str) -> Entry {
    let new = NewFeed {
        name: name.into(),
        kind: FeedKind::Stream,
        source: "S".into(),
        description: String::new(),
        table_format: None,
    };
    let text = new.render(start()).replace("\"stream\"", "\"strem\"");
    let problems = parse_feed(&text, name).unwrap_err();
    let path = PathBuf::from(format!("feeds/active/{name}.json"));
    Entry {
        name: name.into(),
        place: Place::Active,
        path,
        modified: None,
        state: EntryState::Invalid(problems),
    }
}

pub(crate) fn stream(name: &str) -> Entry {
    entry(name, FeedKind::Stream, Place::Active, true)
}

pub(crate) fn catalog(entries: Vec<Entry>) -> Catalog {
    Catalog { entries }
}

/// `_metadata.json` with days of data.
pub(crate) fn metadata(days: &[(&str, u64, u64)]) -> Metadata {
    let partitions: Vec<_> = days
        .iter()
        .map(|(path, records, bytes)| {
            serde_json::json!({"path": path, "records": records, "size_mb": 0.0, "bytes": bytes, "files": 2})
        })
        .collect();
    let records: u64 = days.iter().map(|(_, records, _)| records).sum();
    let bytes: u64 = days.iter().map(|(_, _, bytes)| bytes).sum();
    serde_json::from_value(serde_json::json!({
        "source": "payments", "type": "stream", "storage_mode": "append", "format": "parquet",
        "partitioning": "date", "last_export": "2025-01-15T14:00:00Z", "total_records": records,
        "total_size_mb": 0.0, "partitions": partitions, "schema_version": "1.0",
        "created_at": "2025-01-01T00:00:00Z", "total_bytes": bytes, "total_files": days.len() * 2,
        "caught_up": true, "complete_through": "2025-01-15T13:59:00Z",
    }))
    .unwrap()
}

pub(crate) fn event(feed: &str, after: i64, what: What) -> Message {
    Message::Engine(Event { feed: feed.into(), time: start() + TimeDelta::seconds(after), what })
}

pub(crate) fn snapshot(stage: Stage, rows: u64, expected: u64) -> Snapshot {
    Snapshot {
        stage,
        rows,
        bytes_in: rows * 100,
        bytes_out: rows * 20,
        committed: rows,
        quarantined: 0,
        duplicates: 0,
        files_open: 1,
        expected,
        lost: 0,
        without_row: 0,
    }
}

pub(crate) fn queued(feed: &str, trigger: Trigger) -> Message {
    event(feed, 0, What::Queued { trigger })
}

pub(crate) fn started(feed: &str) -> (Message, Arc<Progress>) {
    let progress = Arc::new(Progress::default());
    progress.enter(Stage::Reading);
    let what = What::Started { run: "20250115-143000-abcd".into(), progress: progress.clone() };
    (event(feed, 1, what), progress)
}

pub(crate) fn finished(feed: &str, seconds: u64, outcome: Outcome) -> Message {
    let counters = snapshot(Stage::Ended, 5000, 5000);
    event(
        feed,
        1 + seconds.cast_signed(),
        What::Finished(Finished { outcome, counters, elapsed: Duration::from_secs(seconds) }),
    )
}

/// The model and what it asked for.
pub(crate) struct Journey {
    pub(crate) app: App,
    pub(crate) effects: Vec<Effect>,
}

impl Journey {
    pub(crate) fn new(entries: Vec<Entry>) -> Self {
        Self::with(Setup::new(start()), entries)
    }

    pub(crate) fn with(setup: Setup, entries: Vec<Entry>) -> Self {
        let mut journey = Self { app: App::new(setup), effects: Vec::new() };
        journey.tell(Message::Catalog(catalog(entries)));
        journey.effects.clear();
        journey
    }

    pub(crate) fn tell(&mut self, message: Message) -> &mut Self {
        self.effects.extend(self.app.update(message));
        self
    }

    /// Presses keys: `"j space enter"`.
    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        for key in keys.split(' ') {
            self.tell(Message::Key(key.parse::<Key>().unwrap()));
        }
        self
    }

    pub(crate) fn write(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            let key = if c == ' ' { "space".to_owned() } else { c.to_string() };
            self.press(&key);
        }
        self
    }

    pub(crate) fn tick(&mut self, seconds: i64) -> &mut Self {
        self.tell(Message::Tick { now: start() + TimeDelta::seconds(seconds) })
    }

    pub(crate) fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// What the model says of the view in front: rows with the cursor `>` and marks `*`, then overlays and toasts. It is
    /// complete where a narrow screen drops columns.
    pub(crate) fn model(&self) -> String {
        let frame = view::frame(&self.app);
        let badges: Vec<_> = frame.badges.iter().map(|badge| badge.word).collect();
        let mut lines = vec![format!("[{}] {} {}", badges.join(" "), frame.health.text, frame.work)];
        let table = match (self.app.tab, self.app.level()) {
            (Tab::Feeds, _) => view::feeds(&self.app, 20),
            (Tab::Exports, _) => view::exports(&self.app, 20),
            (Tab::Partitions, Level::Datasets) => view::datasets(&self.app, 20),
            (Tab::Partitions, Level::Files) => view::files(&self.app, 20),
            (Tab::Partitions, _) => view::partitions(&self.app, 20),
            (Tab::Logs, _) => view::TableView::default(),
        };
        lines.push(table.title);
        for row in &table.rows {
            let cells: Vec<_> = row.cells.iter().map(|cell| cell.text.as_str()).collect();
            let (cursor, mark) = (if row.cursor { ">" } else { " " }, if row.marked { "*" } else { " " });
            lines.push(format!("{cursor}{mark}{}", cells.join(" | ")));
        }
        if table.rows.is_empty() {
            lines.push(table.empty);
        }
        lines.extend(table.about.into_iter().map(|line| line.text));
        lines.extend(view::detail(&self.app, 100).map(|detail| format!("{detail:?}")));
        lines.extend(self.app.overlay.as_ref().map(|overlay| format!("{overlay:?}")));
        lines.extend(frame.toasts.into_iter().map(|toast| format!("! {}", toast.text)));
        lines.join("\n")
    }

    /// The screen of 80×24 as it is drawn, a line each, runs of spaces as one.
    pub(crate) fn screen(&self) -> String {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let theme = Theme::named(self.app.theme());
        terminal.draw(|frame| drop(ui::draw(frame, &self.app, &theme))).unwrap();
        let buffer = terminal.backend().buffer();
        let cells: Vec<&str> = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
        let line = |cells: &[&str]| cells.concat().split_whitespace().collect::<Vec<_>>().join(" ");
        cells.chunks(80).map(line).collect::<Vec<_>>().join("\n")
    }

    /// It can be read on the screen of 80×24.
    #[track_caller]
    pub(crate) fn reads(&mut self, part: &str) -> &mut Self {
        let screen = self.screen();
        assert!(screen.contains(part), "{part:?} cannot be read on the screen:\n{screen}");
        self
    }

    #[track_caller]
    pub(crate) fn sees(&mut self, part: &str) -> &mut Self {
        let screen = self.model();
        assert!(screen.contains(part), "{part:?} is not on the screen:\n{screen}");
        self
    }

    #[track_caller]
    pub(crate) fn sees_no(&mut self, part: &str) -> &mut Self {
        let screen = self.model();
        assert!(!screen.contains(part), "{part:?} is on the screen:\n{screen}");
        self
    }
}

//! Scenes with the texts that the model gives for a lake like the demo's, cut to the window as the model cuts them.

use lakehand::app::overlays::{Confirm, Menu, MenuItem};
use lakehand::app::view::{
    Badge, CalendarView, Cell, DayCell, DetailLine, DetailView, FieldView, FormView, FrameView, GridHead,
    GridView, Head, HealthState, HealthView, Hint, KeyRow, LogLine, LogsView, Order, PromptView, Row,
    SearchView, Sign, TabView, TableView, ToastView, Tone,
};
use lakehand::app::{ACTIONS, Action, Effect, Tab};
use lakehand::log::Level;
use lakehand::ui::layout::Layout;
use lakehand::ui::overlays::{Over, form, keys};
use lakehand::ui::scene::Scene;
use lakehand::ui::views::{Shape, calendar, detail, grid, logs, table};

/// The scenes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Feeds,
    Empty,
    Awkward,
    Detail,
    Partitions,
    Calendar,
    Rows,
    Exports,
    Logs,
    Help,
    Palette,
    Confirm,
    Menu,
    Form,
    Prompt,
}

impl Name {
    pub(crate) const ALL: [Self; 15] = [
        Self::Feeds,
        Self::Empty,
        Self::Awkward,
        Self::Detail,
        Self::Partitions,
        Self::Calendar,
        Self::Rows,
        Self::Exports,
        Self::Logs,
        Self::Help,
        Self::Palette,
        Self::Confirm,
        Self::Menu,
        Self::Form,
        Self::Prompt,
    ];

    pub(crate) fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    fn tab(self) -> Tab {
        match self {
            Self::Partitions | Self::Calendar | Self::Rows => Tab::Partitions,
            Self::Exports => Tab::Exports,
            Self::Logs => Tab::Logs,
            _ => Tab::Feeds,
        }
    }
}

/// The scene of a name, on a screen divided so.
pub(crate) fn scene(name: Name, layout: &Layout) -> Scene {
    let (area, form) = (layout.view, layout.form);
    let height = table::rows(area, form);
    let shape = match name {
        Name::Detail => Shape::Detail(a_feed(detail::rows(area))),
        Name::Partitions => Shape::Table(partitions(height)),
        Name::Calendar => Shape::Calendar(days(calendar::weeks(area))),
        Name::Rows => Shape::Grid(rows(grid::window(area))),
        Name::Exports => Shape::Table(exports(height)),
        Name::Logs => Shape::Logs(log(logs::rows(area))),
        Name::Empty => Shape::Table(TableView {
            title: "Feeds".into(),
            empty:
                "No feeds yet. Press n to add one from the server's streams and tables, or put a file into \
                    feeds/active."
                    .into(),
            ..TableView::default()
        }),
        Name::Awkward => Shape::Table(awkward()),
        _ => Shape::Table(feeds(height)),
    };
    let over = match name {
        Name::Help => Some(Over::Help(search(keys::rows(area, form), "exp"))),
        Name::Palette => Some(Over::Palette(search(keys::rows(area, form), ""))),
        Name::Confirm => Some(Over::Confirm(question())),
        Name::Menu => Some(Over::Menu(choices())),
        Name::Form => Some(Over::Form(new_feed(form::offers(area)))),
        _ => None,
    };
    Scene { around: around(name), shape, over }
}

fn around(name: Name) -> FrameView {
    let tab = |tab: Tab, count: &str| TabView {
        tab,
        title: format!("{}{count}", tab.word()),
        active: tab == name.tab(),
    };
    let context = match name.tab() {
        Tab::Feeds => lakehand::app::Context::Feeds,
        Tab::Partitions => lakehand::app::Context::Partitions,
        Tab::Exports => lakehand::app::Context::Exports,
        Tab::Logs => lakehand::app::Context::Logs,
    };
    let meant = ACTIONS.iter().filter(|i| !i.hint.is_empty() && i.contexts.iter().any(|c| c.meets(context)));
    let hints =
        meant.map(|i| Hint { key: i.keys[0].to_owned(), text: i.hint, action: i.action }).collect::<Vec<_>>();
    let badge = |word, tone| Badge { word, tone };
    let (health, badges) = match name {
        Name::Logs => (
            HealthView {
                state: HealthState::Bad,
                url: "http://localhost:8088".into(),
                text: "no connection: connection refused".into(),
                last: "12:01:04, 2 min ago".into(),
            },
            vec![badge("frozen", Tone::Warn)],
        ),
        Name::Exports => (
            HealthView {
                state: HealthState::Stale,
                url: "http://localhost:8088".into(),
                text: "ksqlDB 7.6.1, RUNNING".into(),
                last: "12:01:04, 2 min ago".into(),
            },
            vec![badge("read-only", Tone::Warn), badge("mouse", Tone::Dim)],
        ),
        Name::Empty => (HealthView::default(), vec![]),
        _ => (
            HealthView {
                state: HealthState::Good,
                url: "http://localhost:8088".into(),
                text: "ksqlDB 7.6.1, RUNNING".into(),
                last: "12:03:04".into(),
            },
            vec![],
        ),
    };
    let toast = |text: &str, tone| ToastView { text: text.to_owned(), tone };
    FrameView {
        lake: "/srv/analytics/project/data_lake".into(),
        health,
        badges,
        work: if name == Name::Empty { String::new() } else { "2 running, 1 queued, 96,412 rows/s".into() },
        tabs: vec![
            tab(Tab::Feeds, " 8"),
            tab(Tab::Partitions, ""),
            tab(Tab::Exports, " 3"),
            tab(Tab::Logs, ""),
        ],
        hints,
        prompt: (name == Name::Prompt).then(|| PromptView {
            label: "filter",
            text: "kind:stream !anon".into(),
            cursor: 17,
            note: "3 of 8".into(),
        }),
        toasts: match name {
            Name::Feeds => vec![
                toast("payment_method_totals exported: version 4, 5 rows", Tone::Good),
                toast(
                    "transaction_stream_blacklisted failed: the server refused the query: line 1:15: Column \
                     `AMOUNT_USD` cannot be resolved. Look at its columns with DESCRIBE, then press r.",
                    Tone::Bad,
                ),
            ],
            _ => vec![],
        },
    }
}

fn head(title: &'static str, width: u16, rank: u8) -> Head {
    Head { title, right: false, width, fill: false, rank, sorted: None }
}

fn number(title: &'static str, width: u16, rank: u8) -> Head {
    Head { right: true, ..head(title, width, rank) }
}

fn signed(sign: Sign, text: &str, tone: Tone) -> Cell {
    Cell { sign: Some(sign), ..Cell::toned(text, tone) }
}

fn feed_heads() -> Vec<Head> {
    vec![
        Head { fill: true, sorted: Some(Order::Up), ..head("FEED", 14, 0) },
        Head { fill: true, ..head("STATE", 16, 0) },
        head("KIND", 6, 3),
        head("MODE", 9, 4),
        number("SIZE", 9, 1),
        number("ROWS", 11, 2),
        number("LAST", 10, 5),
        number("NEXT", 8, 6),
    ]
}

fn feeds(height: usize) -> TableView {
    let running = Cell { gauge: Some(0.42), ..signed(Sign::Running, "84,210 rows/s", Tone::Live) };
    let all: Vec<(&str, Cell, [&str; 6])> = vec![
        (
            "payment_method_totals",
            signed(Sign::Good, "caught up", Tone::Good),
            ["table", "overwrite", "1.2 KiB", "5", "now", "in 12 min"],
        ),
        (
            "product_purchase_counts",
            signed(Sign::Queued, "queued", Tone::Plain),
            ["table", "overwrite", "18.4 KiB", "1,204", "1 h ago", "due"],
        ),
        ("transaction_flattened", running, ["stream", "append", "1.2 GiB", "18,204,311", "5 min ago", ""]),
        (
            "transaction_stream",
            signed(Sign::Good, "caught up through 12:01", Tone::Good),
            ["stream", "append", "12.3 GiB", "188,204,311", "2 min ago", "in 3 min"],
        ),
        (
            "transaction_stream_anonymized",
            signed(Sign::Locked, "locked by lakehand export, process 4242", Tone::Warn),
            ["stream", "append", "9.8 GiB", "188,100,002", "1 h ago", ""],
        ),
        (
            "transaction_stream_blacklisted",
            signed(Sign::Failed, "failed: the server refused the query", Tone::Bad),
            ["stream", "append", "84.1 MiB", "912,004", "1 d ago", ""],
        ),
        (
            "user_transaction_summary",
            signed(Sign::Off, "disabled", Tone::Dim),
            ["table", "overwrite", "2.0 MiB", "50,000", "3 d ago", ""],
        ),
        (
            "user_transaction_summary_eur",
            signed(Sign::Invalid, "invalid: 2 problems", Tone::Bad),
            ["", "", "", "", "", ""],
        ),
    ];
    let rows: Vec<Row> = all
        .into_iter()
        .enumerate()
        .map(|(n, (name, state, rest))| {
            let mut cells = vec![Cell::new(name), state];
            cells.extend(rest.map(Cell::new));
            Row { cells, cursor: n == 2, marked: n == 1 || n == 2 }
        })
        .take(height)
        .collect();
    TableView {
        title: "Feeds: 7 active, 1 invalid, 23.5 GiB, 395,621,837 rows".into(),
        heads: feed_heads(),
        rows,
        first: 0,
        shown: 8,
        total: 12,
        filter: "transaction".into(),
        marked: 2,
        empty: String::new(),
        about: vec![
            Cell::new("stream transaction_flattened, append, by day"),
            Cell::toned("offsets 0:1,204,311 1:1,198,002, complete through 2025-01-15 12:01:00Z", Tone::Dim),
        ],
    }
}

/// Names and values that no operator should have, and some have.
fn awkward() -> TableView {
    let names = [
        "東京証券取引所の取引ストリーム",
        "café\u{1b}[2J\u{1b}[31mred",
        "a\tb\nc\u{202e}evil",
        "",
        "x".repeat(300).leak(),
        "👩‍👩‍👧‍👦 family",
        "e\u{301}e\u{301}e\u{301}",
    ];
    let row = |(n, name): (usize, &&str)| Row {
        cells: vec![Cell::new(*name), signed(Sign::Failed, name, Tone::Bad), Cell::new(*name)],
        cursor: n == 1,
        marked: n == 0,
    };
    TableView {
        title: "Feeds 東京\u{7}".into(),
        heads: feed_heads(),
        rows: names.iter().enumerate().map(row).collect(),
        shown: 7,
        total: 7,
        filter: "\u{9b}31m".into(),
        about: vec![Cell::new("line\u{0}feed")],
        ..TableView::default()
    }
}

fn a_feed(height: usize) -> DetailView {
    let field = |label: &str, value: Cell| DetailLine::Field { label: label.into(), value };
    let row = |cells: &[&str]| DetailLine::Row(cells.iter().map(|c| Cell::new(*c)).collect());
    let mut lines = vec![
        DetailLine::Head("State".into()),
        field("state", signed(Sign::Good, "caught up through 2025-01-15 12:01:00Z", Tone::Good)),
        field("last export", Cell::new("2 min ago, 5,000 rows in 1.2 s")),
        field("quarantined", signed(Sign::Failed, "3 rows, see _quarantine/", Tone::Warn)),
        DetailLine::Blank,
        DetailLine::Head("Configuration".into()),
        field("source", Cell::new("TRANSACTION_STREAM (stream)")),
        field("storage mode", Cell::new("append")),
        field(
            "description",
            Cell::new("Every transaction as it comes from the payment gateway, before any enrichment"),
        ),
        DetailLine::Blank,
        DetailLine::Head("Columns".into()),
        DetailLine::Columns(vec![("COLUMN", 18), ("KSQLDB", 16), ("ARROW", 24)]),
        row(&["transaction_id", "STRING", "Utf8"]),
        row(&["amount", "DECIMAL(18, 2)", "Decimal128(18, 2)"]),
        row(&["items", "ARRAY<STRUCT<…>>", "List(Struct([Field { \"sku\": Utf8 }]))"]),
        DetailLine::Blank,
        DetailLine::Head("Position by Kafka partition".into()),
        DetailLine::Columns(vec![("PARTITION", 10), ("NEXT OFFSET", 14)]),
        row(&["0", "1,204,311"]),
        row(&["1", "1,198,002"]),
        DetailLine::Blank,
        DetailLine::Head("The same in a shell".into()),
        DetailLine::Text("lakehand export --feed transaction_stream".into(), Tone::Plain),
    ];
    let total = lines.len();
    lines.truncate(height);
    DetailView { title: "transaction_stream: stream, caught up".into(), lines, first: 0, total }
}

fn partitions(height: usize) -> TableView {
    let rows = (0..height.min(20_000)).map(|n| {
        let day = chrono::NaiveDate::from_ymd_opt(2025, 1, 15).unwrap() - chrono::Days::new(n as u64);
        let share = ((n * 7919) % 100) as f64 / 100.0;
        let small = n % 5 == 3;
        let files = if small { signed(Sign::Small, "48", Tone::Warn) } else { Cell::new("3") };
        Row {
            cells: vec![
                Cell::new(day.format("year=%Y/month=%m/day=%d").to_string()),
                Cell { gauge: Some(share), ..Cell::default() },
                Cell::new(format!("{:.1} MiB", share * 120.0)),
                Cell::new(format!("{}", 1000 + n)),
                files,
                Cell::new(if small { "0.8 MiB" } else { "12.0 MiB" }),
            ],
            cursor: n == 1,
            marked: false,
        }
    });
    TableView {
        title: "transaction_stream: 20,000 partitions, 12.3 GiB".into(),
        heads: vec![
            Head { sorted: Some(Order::Down), ..head("PARTITION", 24, 0) },
            Head { fill: true, ..head("BYTES", 6, 3) },
            number("SIZE", 10, 0),
            number("ROWS", 8, 2),
            number("FILES", 6, 4),
            number("MEAN", 9, 5),
        ],
        rows: rows.collect(),
        first: 0,
        shown: 20_000,
        total: 20_000,
        ..TableView::default()
    }
}

fn days(most: usize) -> CalendarView {
    use chrono::{Datelike, Days, NaiveDate};
    let first = NaiveDate::from_ymd_opt(2024, 9, 11).unwrap();
    let last = NaiveDate::from_ymd_opt(2025, 1, 15).unwrap();
    let monday = first - Days::new(u64::from(first.weekday().num_days_from_monday()));
    let mut weeks = Vec::new();
    let mut months: Vec<(usize, String)> = Vec::new();
    for start in monday.iter_weeks().take_while(|d| *d <= last).take(most) {
        let mut week = [None; 7];
        for (n, date) in start.iter_days().take(7).enumerate() {
            if date < first || date > last {
                continue;
            }
            let name = date.format(if date.month() == 1 { "%b %Y" } else { "%b" }).to_string();
            if date.day() == 1 || months.is_empty() {
                months.push((weeks.len(), name));
            }
            let ordinal = date.ordinal();
            let level = if ordinal % 41 == 13 { 0 } else { u8::try_from(ordinal * 37 % 4).unwrap() + 1 };
            week[n] = Some(DayCell { date, level, cursor: date.ordinal() == 340 });
        }
        weeks.push(week);
    }
    CalendarView {
        title: "transaction_stream: 127 days, 12.3 GiB".into(),
        weeks,
        months,
        about: "Thu 2024-12-05: 1,204,311 rows, 84.1 MiB, 3 files".into(),
        legend: ["missing", "to 25 MiB", "to 50 MiB", "to 75 MiB", "to 100 MiB"].map(str::to_owned).to_vec(),
        missing: 3,
        empty: String::new(),
    }
}

fn rows((height, width): (usize, usize)) -> GridView {
    let all = [
        ("ROWTIME", "Timestamp(ms)", false, 20u16, "2025-01-15T12:01:04Z"),
        ("transaction_id", "Utf8", false, 14, "tx-0001204311"),
        ("amount", "Decimal128(18, 2)", true, 17, "1204.31"),
        ("currency", "Utf8", false, 8, "EUR"),
        ("merchant", "Utf8", false, 22, "東京デパート 本店"),
        ("items", "List(Struct)", false, 40, "[{\"sku\":\"A-1\",\"n\":2}]"),
    ];
    let mut used = 0;
    let kept: Vec<_> = all
        .iter()
        .take_while(|c| {
            let fits = used == 0 || used + usize::from(c.3) <= width;
            used += usize::from(c.3) + 1;
            fits
        })
        .collect();
    let row = |n: usize| {
        kept.iter().map(|c| (n % 4 != 3 || c.0 != "currency").then(|| c.4.to_owned())).collect::<Vec<_>>()
    };
    GridView {
        title: "part-00000-a1b2c3.parquet: 204,311 rows".into(),
        columns: kept
            .iter()
            .map(|c| GridHead { name: c.0.into(), arrow_type: c.1.into(), numeric: c.2, width: c.3 })
            .collect(),
        rows: (0..height).map(row).collect(),
        first: 100,
        total: 204_311,
        first_column: 0,
        total_columns: 6,
        cursor: 2,
        empty: String::new(),
    }
}

// A table as text is long.
#[allow(clippy::too_many_lines)]
fn exports(height: usize) -> TableView {
    let heads = vec![
        head("FEED", 18, 0),
        Head { fill: true, ..head("STATE", 18, 0) },
        number("ROWS", 11, 1),
        number("IN", 9, 4),
        number("OUT", 9, 4),
        number("ROWS/S", 7, 2),
        head("RATE", 12, 3),
        number("FILES", 5, 5),
        number("ELAPSED", 9, 3),
        number("ETA", 7, 2),
    ];
    let reading = Cell { gauge: Some(0.42), ..signed(Sign::Running, "reading 42 %", Tone::Live) };
    let spark = Cell { spark: vec![0, 12, 40, 80, 96, 84, 60, 72, 90, 96, 91, 88], ..Cell::default() };
    let none = || Cell::new("");
    let mut rows = vec![
        vec![
            Cell::new("transaction_flattened"),
            reading,
            Cell::new("1,204,311"),
            Cell::new("412 MiB"),
            Cell::new("84.1 MiB"),
            Cell::new("84,210"),
            spark,
            Cell::new("4"),
            Cell::new("14 s"),
            Cell::new("19 s"),
        ],
        vec![
            Cell::new("transaction_stream_anonymized"),
            signed(Sign::Locked, "by lakehand export, process 4242", Tone::Warn),
            none(),
            none(),
            none(),
            none(),
            none(),
            none(),
            Cell::new("3 min"),
            none(),
        ],
        vec![
            Cell::new("transaction_stream_blacklisted"),
            signed(Sign::Waiting, "attempt 3 in 12 s: 503 from the server", Tone::Warn),
            Cell::new("0"),
            none(),
            none(),
            none(),
            none(),
            none(),
            Cell::new("41 s"),
            none(),
        ],
        vec![
            Cell::new("product_purchase_counts"),
            signed(Sign::Queued, "queued", Tone::Plain),
            none(),
            none(),
            none(),
            none(),
            none(),
            none(),
            none(),
            none(),
        ],
        vec![
            Cell::new("payment_method_totals"),
            signed(Sign::Good, "version 4", Tone::Good),
            Cell::new("5"),
            Cell::new("1.1 KiB"),
            Cell::new("1.2 KiB"),
            none(),
            none(),
            none(),
            Cell::new("0.3 s"),
            none(),
        ],
        vec![
            Cell::new("user_transaction_summary"),
            signed(Sign::Cancelled, "cancelled", Tone::Dim),
            Cell::new("812"),
            none(),
            none(),
            none(),
            none(),
            none(),
            Cell::new("2 s"),
            none(),
        ],
    ];
    rows.truncate(height);
    let rows =
        rows.into_iter().enumerate().map(|(n, cells)| Row { cells, cursor: n == 0, marked: false }).collect();
    TableView {
        title: "Exports: 2 running, 1 queued, 3 over".into(),
        heads,
        rows,
        shown: 6,
        total: 6,
        about: vec![
            Cell::new("by offsets, 2 Kafka partitions, 2,867,407 rows to come at most"),
            Cell::toned("1,100,000 rows committed, 0 quarantined, 0 doubled by the server", Tone::Dim),
        ],
        ..TableView::default()
    }
}

fn log(height: usize) -> LogsView {
    let texts = [
        (
            Level::Info,
            "transaction_stream",
            "exported rows=5000 files=3 bytes=1204311 offsets=0:1204311,1:1198002 duration=1.2s",
        ),
        (
            Level::Warn,
            "transaction_stream",
            "quarantined rows=3 path=$.items[2].price reason=\"not a number\"",
        ),
        (
            Level::Error,
            "transaction_stream_blacklisted",
            "failed kind=refused error=\"line 1:15: Column `AMOUNT_USD` cannot be resolved\" next=\"look at its columns with DESCRIBE\"",
        ),
        (Level::Debug, "-", "watcher settled file=feeds/active/transaction_stream.json after=200ms"),
    ];
    let line = |n: usize| {
        let (level, feed, text) = texts[n % 4];
        let found = text.find("kind=refused").map(|at| at..at + 12);
        LogLine {
            time: format!("12:{:02}:04", n % 60),
            level,
            feed: feed.into(),
            text: text.into(),
            matches: found.into_iter().collect(),
            cursor: n == 2,
        }
    };
    LogsView {
        title: "Log 2025-01: info and above, all feeds, /refused 12 matches".into(),
        lines: (0..height.min(40)).map(line).collect(),
        first: 100,
        shown: 812,
        following: false,
        below: 7,
        wrap: true,
        shift: 0,
        empty: String::new(),
    }
}

fn search(height: usize, typed: &str) -> SearchView {
    let all = ACTIONS.iter().filter(|info| info.text.contains(typed));
    let rows: Vec<KeyRow> = all
        .enumerate()
        .map(|(n, info)| KeyRow {
            action: info.action,
            keys: info.keys.join(", "),
            name: info.name,
            text: info.text,
            context: info.contexts[0].word(),
            cursor: n == 1,
            off: info.action == Action::Cancel || info.action == Action::Undo,
        })
        .collect();
    let shown = rows.len();
    SearchView {
        search: typed.into(),
        at: typed.len(),
        rows: rows.into_iter().take(height).collect(),
        first: 0,
        shown,
    }
}

fn question() -> Confirm {
    Confirm {
        question: "Archive 12 feeds?".into(),
        consequence:
            "Their files move to feeds/archived and nothing exports them any more. Their data stays, and \
                      u takes it back."
                .into(),
        targets: (1..=12).map(|n| format!("transaction_stream_{n:02}")).collect(),
        yes: false,
        deed: vec![],
    }
}

fn choices() -> Menu {
    let item = |key, text, preview: &str| MenuItem {
        key,
        text,
        preview: preview.into(),
        deed: (!preview.is_empty()).then(|| Effect::Copy(preview.into())),
    };
    Menu {
        title: "Copy".into(),
        items: vec![
            item('n', "name", "transaction_stream"),
            item('p', "path", "/srv/analytics/project/feeds/active/transaction_stream.json"),
            item(
                'q',
                "query",
                "SELECT ROWTIME, ROWPARTITION, ROWOFFSET, `TRANSACTION_ID` FROM `TRANSACTION_STREAM`",
            ),
            item('e', "error", ""),
            item('c', "command", "lakehand export --feed transaction_stream"),
        ],
        at: 2,
    }
}

fn new_feed(offers: usize) -> FormView {
    let field = |label, text: &str, cursor, problem: &str| FieldView {
        label,
        text: text.into(),
        cursor,
        problem: problem.into(),
    };
    let all = [
        "TRANSACTION_STREAM  stream  JSON",
        "TRANSACTION_STREAM_ANONYMIZED  stream  JSON",
        "USER_TRANSACTION_SUMMARY  table  AVRO",
    ];
    FormView {
        fields: vec![
            field("source", "TRANS", Some(5), ""),
            field("name", "transaction_stream", None, "there is a feed of this name"),
            field("kind", "stream", None, ""),
            field("description", "", None, ""),
        ],
        offers: all.iter().enumerate().take(offers).map(|(n, o)| ((*o).to_owned(), n == 1)).collect(),
        note: "3 of 9 streams and tables of http://localhost:8088".into(),
        ready: false,
    }
}

//! Tables: feeds, partitions, exports, and names that no operator should have.

use lakehand::app::view::{Cell, Head, Order, Row, Sign, TableView, Tone};

fn head(title: &'static str, width: u16, rank: u8) -> Head {
    Head { title, right: false, width, fill: false, rank, sorted: None }
}

fn number(title: &'static str, width: u16, rank: u8) -> Head {
    Head { right: true, ..head(title, width, rank) }
}

pub(super) fn signed(sign: Sign, text: &str, tone: Tone) -> Cell {
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

pub(super) fn feeds(height: usize) -> TableView {
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
pub(super) fn awkward() -> TableView {
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

pub(super) fn partitions(height: usize) -> TableView {
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

// A table as text is long.
#[allow(clippy::too_many_lines)]
pub(super) fn exports(height: usize) -> TableView {
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

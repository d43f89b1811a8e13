//! What is no table: a feed, the calendar, rows of a file, the log.

use lakehand::app::view::{
    CalendarView, Cell, DayCell, DetailLine, DetailView, GridHead, GridView, LogLine, LogsView, Sign, Tone,
};
use lakehand::log::Level;

use super::lists::signed;

pub(super) fn a_feed(height: usize) -> DetailView {
    let field = |label: &str, value: Cell| DetailLine::Field { label: label.into(), value };
    let row = |cells: &[&str]| DetailLine::Row(cells.iter().map(|c| Cell::new(*c)).collect());
    let mut lines = vec![
        DetailLine::Head("State".into()),
        field("state", signed(Sign::Good, "caught up through 2025-01-15 12:01:00Z", Tone::Good)),
        field("last export", Cell::new("2 min ago, 5,000 rows in 1.2 s")),
        field("quarantined", signed(Sign::Failed, "3 rows, in quarantine", Tone::Warn)),
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

pub(super) fn days(most: usize) -> CalendarView {
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
            week[n] = Some(DayCell { date, level, cursor: date.ordinal() == 340, place: None });
        }
        weeks.push(week);
    }
    CalendarView {
        title: "transaction_stream: 127 days, 12.3 GiB".into(),
        weeks,
        months,
        about: "Thu 2024-12-05: 1,204,311 rows, 84.1 MiB, 3 files".into(),
        legend: ["missing", "to 25 MiB", "to 50 MiB", "to 75 MiB", "to 100 MiB"].map(str::to_owned).to_vec(),
        places: Vec::new(),
        missing: 3,
        empty: String::new(),
    }
}

pub(super) fn rows((height, width): (usize, usize)) -> GridView {
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

pub(super) fn log(height: usize) -> LogsView {
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
        (Level::Debug, "-", "watcher debounced file=feeds/active/transaction_stream.json after=200ms"),
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

//! Partitions, rows, exports, log.

use std::path::PathBuf;

use chrono::TimeDelta;
use lakehand::app::tabs::Level;
use lakehand::app::{Effect, FileInfo, Grid, GridColumn, Message, ServerInfo, Setup, Tab, view};
use lakehand::export::{Stage, Trigger};
use lakehand::log::{self, Month, MonthLog, Record};
use lakehand::{Error, Kind};

use crate::support::{Journey, metadata, queued, start, started, stream};

fn with_days() -> Journey {
    let mut journey = Journey::new(vec![stream("payments")]);
    journey.tell(Message::Dataset {
        feed: "payments".into(),
        metadata: Ok(Some(metadata(&[
            ("year=2025/month=01/day=10", 100, 1000),
            ("year=2025/month=01/day=11", 400, 64 << 20),
            ("year=2025/month=01/day=15", 50, 500),
        ]))),
        usage: None,
    });
    journey
}

#[test]
fn a_missing_day_is_seen_at_once() {
    let mut journey = with_days();
    journey.press("P").sees("payments: 3 partitions, 6 files · 64.0 MiB · 550 rows · 3 days missing");
    journey.sees("missing 2025-01-12 … 2025-01-14 | 3 days");
    journey.press("v");
    assert_eq!(journey.app.level(), Level::Calendar);
    let calendar = view::calendar(&journey.app, 20);
    let levels: Vec<_> = calendar.weeks.iter().flatten().flatten().map(|day| day.level).collect();
    assert_eq!(levels, [1, 4, 0, 0, 0, 1]);
    assert_eq!(calendar.missing, 3);
    // Friday the 10th is the fifth row of the first week.
    assert_eq!(calendar.weeks[0][4].unwrap().date.to_string(), "2025-01-10");
    journey.press("k");
    journey.press("b");
    assert!(view::calendar(&journey.app, 20).legend[4].contains("64.0 MiB"));
}

#[test]
fn what_cannot_be_read_is_a_state_with_its_reason() {
    let failed = |what: &str| Error::new(Kind::Io, format!("cannot read {what}: permission denied"));
    let mut journey = Journey::new(vec![stream("orders"), stream("payments")]);
    let told =
        Message::Dataset { feed: "payments".into(), metadata: Err(failed("the metadata")), usage: None };
    journey.press("j").tell(told);
    journey.sees(
        "payments | unreadable: cannot read the metadata: permission denied | stream | append | ? | ? | ?",
    );
    journey.sees("what the lake holds of it cannot be read: cannot read the metadata");
    journey.sees("orders | idle | stream | append | - | - | -");
    journey.press("/").write("state:unreadable").press("enter").sees_no("orders |").press("esc");
    journey.press("enter").sees("what the lake holds cannot be read").press("esc");
    journey.press("f3").sees("payments | unreadable: cannot read the metadata: permission denied");
    journey.sees("cannot be read: cannot read the metadata");
    // The folders alone: what the metadata says is shown, and the error beside it.
    let mut journey = with_days();
    let days = metadata(&[("year=2025/month=01/day=10", 100, 1000)]);
    let (metadata, usage) = (Ok(Some(days)), Some(Err(failed("the folder"))));
    journey.tell(Message::Dataset { feed: "payments".into(), metadata, usage });
    journey.sees("payments | unreadable: cannot read the folder");
    journey.press("f3 enter").sees("day=10 | 100").sees("cannot be read: cannot read the folder");
    // A file.
    journey.press("enter");
    let file = |name: &str, rows| FileInfo {
        name: name.into(),
        path: name.into(),
        bytes: 1000,
        rows,
        modified: None,
        run: None,
        cold: None,
    };
    let files = vec![file("a.parquet", Ok(5)), file("b.parquet", Err("the footer\u{1b} is cut".into()))];
    let partition = "year=2025/month=01/day=10".into();
    journey.tell(Message::Files { feed: "payments".into(), partition, files: Ok(files) });
    journey.sees("b.parquet | unreadable").sees_no("is cut").press("j").sees("cannot be read: the footer");
}

#[test]
fn a_partition_opens_to_its_files_and_a_file_to_its_rows() {
    let mut journey = with_days();
    journey.press("f3 enter").take();
    journey.press("j enter");
    let partition = "year=2025/month=01/day=11".to_owned();
    assert_eq!(journey.take(), [Effect::LoadFiles { feed: "payments".into(), partition: partition.clone() }]);
    let path = PathBuf::from("data_lake/streams/payments/x.parquet");
    let file = FileInfo {
        name: "x.parquet".into(),
        path: path.clone(),
        bytes: 1000,
        rows: Ok(500),
        modified: None,
        run: None,
        cold: None,
    };
    journey
        .tell(Message::Files { feed: "payments".into(), partition, files: Ok(vec![file]) })
        .sees("x.parquet | 500");
    journey.press("enter");
    assert_eq!(journey.take(), [Effect::LoadRows { path: path.clone(), from: 0, count: 200 }]);
    let rows = |from: u64| Grid {
        columns: (0..3)
            .map(|n| GridColumn { name: format!("C{n}"), arrow_type: "Int64".into(), numeric: true })
            .collect(),
        from,
        total: 500,
        rows: (from..from + 200).map(|n| vec![Some(n.to_string()), None, Some("x\u{1b}".into())]).collect(),
    };
    journey.tell(Message::Rows { path: path.clone(), grid: Ok(rows(0)) });
    let grid = view::grid(&journey.app, 10, 40);
    assert_eq!(grid.rows[9], [Some("9".to_owned()), None, Some("x\\u{1b}".into())]);
    journey.press("l G");
    let effects = journey.take();
    let [Effect::LoadRows { from, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    let from = *from;
    journey.press("k");
    assert!(journey.take().is_empty(), "what is asked for is not asked for twice");
    journey.tell(Message::Rows { path, grid: Ok(rows(from)) });
    let grid = view::grid(&journey.app, 10, 40);
    assert_eq!((grid.first_column, grid.columns.len()), (1, 2));
    assert!(grid.title.ends_with("row 499 of 500"), "{}", grid.title);
    journey.press("esc esc esc");
    assert_eq!(journey.app.level(), Level::Datasets);
}

#[test]
fn progress_is_sampled_and_the_time_left_is_told_only_when_steady() {
    let mut journey = Journey::new(vec![stream("payments")]);
    journey.tell(queued("payments", Trigger::Asked));
    let (message, progress) = started("payments");
    journey.tell(message).press("f4");
    progress.enter(Stage::Reading);
    journey.tick(1);
    let deadline = journey.app.next_deadline(start()).unwrap();
    assert_eq!(deadline, start() + TimeDelta::milliseconds(250));
    journey.app.drawn();
    journey.tick(1);
    assert!(!journey.app.dirty(), "nothing moved, nothing to draw");
    for second in 2..=90 {
        journey.tick(second);
    }
    let table = view::exports(&journey.app, 5);
    assert_eq!(table.rows[0].cells[4].spark.len(), 60, "a minute of history");
    assert_eq!(table.rows[0].cells[10].text, "-", "no rate, no time left");
    assert_eq!(table.rows[0].cells[9].text, "1 min 29 s");
}

fn records(from: u64, count: u64) -> Vec<Record> {
    (from..from + count)
        .map(|n| {
            let level = if n % 10 == 0 { log::Level::Warn } else { log::Level::Info };
            let time = start() + TimeDelta::seconds(i64::try_from(n).unwrap());
            Record::new(time, level, Some(if n % 2 == 0 { "even" } else { "odd" }), format!("record {n}"))
        })
        .collect()
}

fn texts(journey: &Journey) -> Vec<String> {
    view::logs(&journey.app, 5).lines.into_iter().map(|line| line.text).collect()
}

#[test]
fn the_log_follows_and_holds_still_when_scrolled_up_also_when_the_ring_wraps() {
    let mut journey = Journey::with(Setup { log_capacity: 100, ..Setup::new(start()) }, vec![]);
    let month = Month { year: 2025, month: 1 };
    let log = MonthLog { records: records(0, 100), earlier: 0, unreadable: 0 };
    journey.tell(Message::Months(vec![month])).tell(Message::Log { month, log: Ok(log) }).press("f5");
    assert_eq!(texts(&journey)[4], "record 99");
    journey.tell(Message::LogAppended(records(100, 1)));
    assert_eq!(texts(&journey)[4], "record 100");
    journey.press("pageup k k");
    let held = texts(&journey);
    for n in 101..130 {
        journey.tell(Message::LogAppended(records(n, 1)));
        assert_eq!(texts(&journey), held, "after {n}");
    }
    assert_eq!(view::logs(&journey.app, 5).below, 29);
    journey.press("f");
    assert_eq!(texts(&journey)[4], "record 129");
}

#[test]
fn the_log_is_searched_and_narrowed() {
    let mut journey = Journey::new(vec![]);
    let month = Month { year: 2025, month: 1 };
    let log = MonthLog { records: records(0, 100), earlier: 0, unreadable: 0 };
    journey.tell(Message::Log { month, log: Ok(log) }).press("f5 /").write("RECORD 4").press("enter");
    let cursor =
        |journey: &Journey| view::logs(&journey.app, 5).lines.into_iter().find(|line| line.cursor).unwrap();
    assert_eq!(cursor(&journey).text, "record 49");
    assert_eq!(cursor(&journey).matches.as_slice(), std::slice::from_ref(&(0..8)));
    journey.reads("record 49");
    journey.press("n");
    assert_eq!(cursor(&journey).text, "record 4");
    journey.press("N N");
    assert_eq!(cursor(&journey).text, "record 48");
    journey.press("+");
    assert_eq!(view::logs(&journey.app, 5).shown, 10);
    journey.press("-");
    journey.press("i");
    assert_eq!(view::logs(&journey.app, 5).shown, 50);
    journey.press("esc esc");
    assert_eq!(view::logs(&journey.app, 5).shown, 100);
    let older = Month { year: 2024, month: 12 };
    journey.tell(Message::Months(vec![older, month])).take();
    journey.press("<");
    assert_eq!(journey.take(), [Effect::LoadLog(older)]);
}

#[test]
fn health_says_when_it_is_stale_and_ages_wake_the_screen_once_a_minute() {
    let mut journey = Journey::new(vec![]);
    assert_eq!(journey.app.next_deadline(start()), None);
    let info = ServerInfo { text: "ksqlDB 7.6.1, RUNNING".into(), url: "http://localhost:8088".into() };
    journey.tell(Message::Health { at: start(), server: Ok(info) });
    let health = view::frame(&journey.app).health;
    assert_eq!((health.state, health.last.as_str()), (view::HealthState::Good, "14:30:00, now"));
    let stale = journey.app.next_deadline(start()).unwrap();
    assert_eq!(stale, start() + TimeDelta::milliseconds(30_001));
    journey.app.drawn();
    journey.tell(Message::Tick { now: stale });
    assert!(journey.app.dirty());
    assert_eq!(view::frame(&journey.app).health.state, view::HealthState::Stale);
    assert_eq!(journey.app.next_deadline(stale), Some(start() + TimeDelta::seconds(60)));
    assert_eq!(journey.app.tab, Tab::Feeds);
}

//! Days that move between the tiers: where each lies, what is asked before it moves, what is refused, what it costs.

use std::time::Duration;

use lakehand::app::{Effect, FileInfo, Message, Setup, Tiers, view};
use lakehand::export::event::{Outcome, What};
use lakehand::export::{Stage, Trigger};
use lakehand::feed::{Entry, EntryState, FeedKind, Place, parse_feed};
use lakehand::lake::Metadata;
use serde_json::{Value, json};

use crate::support::{Journey, entry, event, finished, metadata, queued, start, started, stream};

const STORE: &str = "s3://lake-cold/archive";
const GIB: u64 = 1 << 30;

/// A stream whose days move 90 days after their end.
fn moving(name: &str) -> Entry {
    let text = json!({
        "feed_name": name, "feed_type": "stream", "ksqldb_source": name, "storage_mode": "append",
        "tier_after_days": 90,
    });
    let feed = parse_feed(&text.to_string(), name).unwrap();
    Entry { state: EntryState::Valid(Box::new(feed)), ..stream(name) }
}

fn day(date: &str, more: &Value) -> Value {
    let [year, month, day] = date.split('-').collect::<Vec<_>>()[..] else { panic!("{date} is no day") };
    let path = format!("year={year}/month={month}/day={day}");
    let mut value = json!({
        "path": path, "records": 100, "size_mb": 0.0, "bytes": GIB, "files": 2, "sealed_at": "2025-01-02T00:00:00Z",
    });
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value
}

/// What lies of a day in the cold tier: all its 100 rows, with so many files of a copy here.
fn cold(date: &str, copies: u64) -> Value {
    let mut cold = json!({
        "url": format!("{STORE}/streams/payments/{date}"), "records": 100, "bytes": GIB, "files": 2,
        "objects": ["a.parquet", "b.parquet"], "since": "2025-01-14T10:00:00Z",
    });
    if copies > 0 {
        cold["local_until"] = json!("2025-01-16T10:00:00Z");
        cold["local_files"] = json!(copies);
        cold["local_bytes"] = json!(copies * GIB / 2);
    }
    json!({ "cold": cold })
}

/// The first lies there alone, of the second a copy is here, the third has late rows, the fourth is due, the fifth open, the
/// last young.
fn days() -> Metadata {
    let mut late = cold("2024-09-03", 0);
    late["files"] = json!(3);
    late["records"] = json!(107);
    late["bytes"] = json!(GIB + 4096);
    late["sealed_at"] = Value::Null;
    late["reopened_at"] = json!("2025-01-15T00:00:00Z");
    let partitions = [
        day("2024-09-01", &cold("2024-09-01", 0)),
        day("2024-09-02", &cold("2024-09-02", 2)),
        day("2024-09-03", &late),
        day("2024-09-04", &json!({})),
        day("2024-09-05", &json!({ "sealed_at": Value::Null })),
        day("2025-01-14", &json!({})),
    ];
    with(&partitions)
}

fn with(partitions: &[Value]) -> Metadata {
    let mut known = serde_json::to_value(metadata(&[])).unwrap();
    known["partitions"] = json!(partitions);
    serde_json::from_value(known).unwrap()
}

fn dataset(metadata: Metadata) -> Message {
    Message::Dataset { feed: "payments".into(), metadata: Ok(Some(metadata)), usage: None }
}

fn tiers() -> Tiers {
    let grace = Duration::from_secs(24 * 3600);
    Tiers { store: Some(STORE.into()), grace, hot_cost: Some(0.5), cold_cost: Some(0.125) }
}

fn setup() -> Setup {
    Setup { tiers: tiers(), ..Setup::new(start()) }
}

/// The days of a stream are open, the cursor on the first.
fn open() -> Journey {
    let mut journey = Journey::with(setup(), vec![moving("payments")]);
    journey.tell(dataset(days())).press("P").tell(dataset(days()));
    journey.take();
    journey
}

fn date(text: &str) -> chrono::NaiveDate {
    text.parse().unwrap()
}

fn hints(journey: &Journey) -> String {
    let hints = view::frame(&journey.app).hints.into_iter();
    hints.map(|hint| format!("{} {}", hint.key, hint.text)).collect::<Vec<_>>().join(", ")
}

#[test]
fn each_day_bears_where_it_lies() {
    let mut journey = open();
    // The columns: rows, size, files, mean file, what is here where that differs, a bar, state, place.
    journey.sees("day=01 | 100 | 1.0 GiB | 2 | 512 MiB | 0 B |  | … | cold");
    journey.sees("day=02 | 100 | 1.0 GiB | 2 | 512 MiB |  |  | … | both");
    journey.sees("day=03 | 107 | 1.0 GiB | 3 | 341 MiB | 4.0 KiB |  | … | late");
    journey.sees("day=04 | 100 | 1.0 GiB | 2 | 512 MiB |  |  | … | hot");
    journey.press("/").write("place:both").press("enter").sees("day=02 |").sees_no("day=01 |").press("esc");
    journey
        .press("g i")
        .reads("cold: in the cold tier alone")
        .reads(&format!("{STORE}/streams/payments/2024-09-01"));
    journey.reads("in the cold tier since 2025-01-14 10:00:00Z: 100 rows in 2 files,");
    journey.press("esc j i").reads("both: cold, with a copy here");
    journey.reads("the copy here stays until 2025-01-16 10:00Z: 2 files, 1.0 GiB");
    journey.press("esc j i").reads("late rows on this disk: 1 file, 4.0 KiB");
    journey.press("esc j i").reads("hot: on this disk alone").reads("2 files, 1.0 GiB");
    // The copy's time is over.
    journey
        .press("esc")
        .tick(2 * 24 * 3600)
        .press("k k i")
        .reads("the copy here is due to go: 2 files, 1.0 GiB");
}

#[test]
fn a_walk_that_finds_no_file_of_a_cold_day_is_as_it_should_be() {
    let mut journey = open();
    let usage = |path: &str, local: u64, cold: u64| lakehand::lake::PartitionUsage {
        path: path.into(),
        records: 100,
        recorded: lakehand::lake::Amount { files: local, bytes: local * GIB / 2 },
        found: lakehand::lake::Amount { files: local, bytes: local * GIB / 2 },
        cold: lakehand::lake::Amount { files: cold, bytes: cold * GIB / 2 },
    };
    let two = [day("2024-09-01", &cold("2024-09-01", 0)), day("2024-09-02", &cold("2024-09-02", 2))];
    let walked = vec![usage("year=2024/month=09/day=01", 0, 2), usage("year=2024/month=09/day=02", 1, 2)];
    let message =
        Message::Dataset { feed: "payments".into(), metadata: Ok(Some(with(&two))), usage: Some(Ok(walked)) };
    journey.tell(message).sees("day=01 | 100 | 1.0 GiB | 2 |").sees("day=02 | 100 | 1.0 GiB | 2 ≠ 1 |");
    journey.press("j").sees("on disk are 1 files of 512 MiB, recorded are 2 of 1.0 GiB");
}

#[test]
fn the_calendar_tells_cold_days_by_a_sign() {
    let mut journey = open();
    journey.press("v");
    let shown = view::calendar(&journey.app, 60);
    let cells: Vec<_> = shown.weeks.iter().flatten().flatten().collect();
    let place = |text: &str| cells.iter().find(|cell| cell.date == date(text)).unwrap().place;
    assert_eq!(place("2024-09-01"), Some(view::Sign::Cold));
    assert_eq!(place("2024-09-02"), Some(view::Sign::Both));
    assert_eq!(place("2024-09-03"), Some(view::Sign::Late));
    assert_eq!(place("2024-09-04"), None);
    let words: Vec<_> = shown.places.iter().map(|(_, word)| *word).collect();
    assert_eq!(words, ["in the cold tier alone", "cold, with a copy here", "cold, with late rows here"]);
    journey.reads("* in the cold tier alone").reads("2024-09-01: cold, 100 rows, 1.0 GiB");
    journey.press("j").reads("2024-09-02: both, 100 rows");
    // What comes home is seen at once.
    journey.tell(dataset(with(&[day("2024-09-01", &json!({})), day("2024-09-02", &json!({}))])));
    assert!(view::calendar(&journey.app, 60).places.is_empty());
    journey.reads("2024-09-02: 100 rows");
}

#[test]
fn a_key_moves_a_day_after_a_question() {
    let mut journey = open();
    journey.press("j j j T").reads("Move 2024-09-04 to the cold tier?").reads(STORE);
    journey.reads("100 rows in 2 files, 1.0 GiB go to").reads("stays 1 day more");
    journey.reads("payments/year=2024/month=09/day=04").press("enter");
    assert!(journey.take().is_empty(), "No is what enter means");
    journey.press("T y");
    let moved = Effect::Tier { feed: "payments".into(), day: Some(date("2024-09-04")) };
    assert_eq!(journey.take(), [moved]);
    // A day may be moved before its time, and from the calendar.
    journey.press("G v T").reads("Move 2025-01-14 to the cold tier?").press("y");
    let moved = Effect::Tier { feed: "payments".into(), day: Some(date("2025-01-14")) };
    assert_eq!(journey.take(), [moved]);
}

#[test]
fn what_cannot_move_is_refused_with_words() {
    let mut journey = open();
    journey.press("T").sees("2024-09-01 is in the cold tier already; F brings it home");
    journey
        .press("j T")
        .sees("2024-09-02 is in the cold tier already; the copy here stays until 2025-01-16 10:00Z");
    journey.press("j T").sees("2024-09-03 stays here: it is open again: only sealed days move");
    journey.press("j j T").sees("2024-09-05 stays here: it is not sealed: only sealed days move");
    journey.press("j T").sees("several days are missing here");
    journey.press("g j j j").tell(queued("payments", Trigger::Asked));
    journey.press("T").sees("payments waits for its turn already");
    assert!(journey.app.overlay.is_none() && journey.take().is_empty());

    let mut known = days();
    known.pins =
        serde_json::from_value(json!([{ "path": "year=2024/month=09/day=04", "at": start() }])).unwrap();
    let mut journey = open();
    journey.tell(dataset(known)).press("j j j T").sees("2024-09-04 stays here: it is pinned");

    // Without a store.
    let mut journey = Journey::new(vec![moving("payments")]);
    journey
        .tell(dataset(days()))
        .press("P T")
        .sees("there is no cold store: tier.cold.url in lakehand.toml names one");
    journey.press("F").sees("there is no cold store");
    assert!(journey.app.overlay.is_none());
    // Where days lie is told all the same.
    journey.sees("| cold");

    // Disabled, a table, a Delta table.
    let mut journey = Journey::with(setup(), vec![entry("payments", FeedKind::Stream, Place::Active, false)]);
    journey.tell(dataset(days())).press("P j j j T").sees("payments is disabled: enable it first");
    let mut journey = Journey::with(setup(), vec![entry("payments", FeedKind::Table, Place::Active, true)]);
    journey.press("T").sees("payments stays on this disk: a table is one version that is read whole");
    let text = json!({
        "feed_name": "payments", "feed_type": "stream", "ksqldb_source": "P", "storage_mode": "append",
        "table_format": ["delta"],
    });
    let feed = parse_feed(&text.to_string(), "payments").unwrap();
    let delta = Entry { state: EntryState::Valid(Box::new(feed)), ..stream("payments") };
    let mut journey = Journey::with(setup(), vec![delta]);
    journey.tell(dataset(days())).press("P j j j T").sees("a Delta dataset moves as a whole or not at all");
    assert!(journey.app.overlay.is_none());
}

#[test]
fn a_key_moves_all_that_is_due_of_feeds() {
    let mut journey = Journey::with(setup(), vec![moving("payments"), moving("refunds"), stream("young")]);
    for feed in ["payments", "refunds", "young"] {
        journey.tell(Message::Dataset { feed: feed.into(), metadata: Ok(Some(days())), usage: None });
    }
    journey.take();
    journey
        .press("T")
        .reads("Move what is due of payments?")
        .reads("1 day, 100 rows in 2 files, 1.0 GiB go to");
    journey.reads("Not moved: 2 days: it is open again").press("y");
    assert_eq!(journey.take(), [Effect::Tier { feed: "payments".into(), day: None }]);
    // Of those that are marked, each by its own rule.
    journey.press("* T").reads("Move what is due of 2 feeds?").reads("2 days, 200 rows in 4 files, 2.0 GiB");
    journey.sees("young has no tier_after_days: nothing is due by its age").press("y");
    let both = ["payments", "refunds"].map(|feed| Effect::Tier { feed: feed.into(), day: None });
    assert_eq!(journey.take(), both);
    // The same from a feed's detail and from the datasets.
    journey.press("esc g enter T").reads("Move what is due of payments?").press("n esc");
    journey.press("f3 T").reads("Move what is due of payments?").press("n").take();
    // Nothing is due any more; then the time of a copy is over.
    let moved = || with(&[day("2024-09-02", &cold("2024-09-02", 2)), day("2025-01-14", &json!({}))]);
    journey.tell(dataset(moved())).press("T");
    journey.sees("payments has nothing to move: no day that ended 90 days ago is here");
    assert!(journey.app.overlay.is_none());
    journey
        .tick(2 * 24 * 3600)
        .press("T")
        .reads("Copies here of 1 day, 1.0 GiB, go: their time is over.")
        .press("y");
    assert_eq!(journey.take(), [Effect::Tier { feed: "payments".into(), day: None }]);
}

#[test]
fn a_key_brings_a_day_home_after_a_question() {
    let mut journey = open();
    journey
        .press("F")
        .reads("Bring 2024-09-01 home?")
        .reads("100 rows in 2 files, 1.0 GiB come to this disk.");
    journey.reads("moves it out again (tier_after_days 90)").press("enter");
    assert!(journey.take().is_empty(), "No is what enter means");
    journey.press("F y");
    let home = |day: &str| Effect::TierRestore { feed: "payments".into(), day: date(day) };
    assert_eq!(journey.take(), [home("2024-09-01")]);
    journey.press("j F").reads("(all of it is here").press("y");
    assert_eq!(journey.take(), [home("2024-09-02")]);
    journey.press("j j F").sees("nothing of 2024-09-04 lies in the cold tier");
    journey.press("k v F").reads("Bring 2024-09-03 home?").press("n");
    journey.tell(queued("payments", Trigger::Asked)).press("F").sees("payments waits for its turn already");
    assert!(journey.app.overlay.is_none() && journey.take().is_empty());
    // A day in the store that was configured before.
    let other = Tiers { store: Some("s3://lake-cold/arch".into()), ..tiers() };
    let mut journey = Journey::with(Setup { tiers: other, ..Setup::new(start()) }, vec![moving("payments")]);
    journey.tell(dataset(days())).press("P F");
    journey
        .sees("2024-09-01 lies in s3://lake-cold/archive/streams/payments/2024-09-01, and tier.cold.url is");
    // A day that is exported again comes home first.
    let mut known = days();
    known.positions.insert(0, 500);
    let mut journey = open();
    journey.tell(dataset(known)).press("e").reads("It comes home from");
}

#[test]
fn read_only_moves_nothing_and_keys_are_told_where_they_mean_something() {
    let mut journey = Journey::with(Setup { read_only: true, ..setup() }, vec![moving("payments")]);
    journey.tell(dataset(days())).press("T").sees("read-only: tier is refused");
    journey.press("P F").sees("read-only: tier-restore is refused");
    assert!(!hints(&journey).contains("home") && journey.app.overlay.is_none());

    let mut journey = open();
    assert!(hints(&journey).contains("F home") && !hints(&journey).contains("T tier"), "{}", hints(&journey));
    journey.press("j j j");
    assert!(hints(&journey).contains("T tier") && !hints(&journey).contains("F home"), "{}", hints(&journey));
    journey.press("f2");
    assert!(hints(&journey).contains("T tier"), "{}", hints(&journey));
    let helps = |journey: &mut Journey, expected| {
        journey.press("f3 ?").write("cold");
        let names: Vec<_> = view::help(&journey.app, 20).rows.iter().map(|row| row.name).collect();
        assert_eq!(names, expected);
    };
    helps(&mut journey, vec!["tier", "tier-restore"]);
    // Without a store there is nothing to move, and nothing is said of it.
    let mut journey = Journey::new(vec![moving("payments")]);
    journey.tell(dataset(days())).press("P");
    assert!(!hints(&journey).contains("tier") && !hints(&journey).contains("home"), "{}", hints(&journey));
    helps(&mut journey, vec![]);
}

#[test]
fn what_moves_is_a_row_of_the_exports_and_is_read_again() {
    let mut journey = open();
    journey.tell(queued("payments", Trigger::Asked));
    let (message, progress) = started("payments");
    progress.enter(Stage::Moving);
    journey.tell(message).press("f4").tick(2);
    journey.sees("payments | moving").sees("payments: days move between the tiers (asked)").take();
    let text = "year=2024/month=09/day=04 lies in the cold tier now: 100 rows in 2 files (1073741824 bytes)";
    journey.tell(event("payments", 3, What::Moved { text: text.into(), facts: vec![] })).sees(text);
    assert_eq!(journey.take(), [Effect::LoadDataset("payments".into())]);
    let text = "1 days went to the cold tier (100 rows, 1073741824 bytes)";
    journey.tell(finished("payments", 5, Outcome::Done { text: text.into() }));
    journey.sees("payments | done").sees(&format!("! payments: {text}"));
    assert_eq!(journey.take(), [Effect::LoadDataset("payments".into())]);
}

#[test]
fn bytes_by_tier_their_costs_and_the_disk_are_told() {
    let mut journey = Journey::with(setup(), vec![moving("payments")]);
    journey.tell(dataset(days())).press("enter");
    journey.sees("Storage").sees("on this disk").sees("4.0 GiB").sees("3.0 GiB");
    journey.sees("90 days").sees("1 day, 1.0 GiB").sees("it is open again");
    // A copy and late rows are here beside three days: 4 GiB and 4 KiB.
    journey.sees("2.00 here, 0.38 cold").sees_no("disk free");
    journey.press("esc f3").sees("payments |").sees("| 3.0 GiB").sees_no("disk:");
    // Two days of a gibibyte in two weeks, and room for three.
    let grown: Vec<_> = (1..=14).map(|n| day(&format!("2025-01-{n:02}"), &json!({}))).collect();
    let grown = with(&grown);
    journey.tell(dataset(grown)).tell(Message::Disk { free: 3 * GIB });
    journey.sees("disk: 3.0 GiB free, a day brings 1.0 GiB: full on 2025-01-18 at this rate");
    journey.sees("tiers: 14.0 GiB here, 0 B cold").sees("a month costs 7.00 here, 0.00 cold");
    journey.press("f2 enter").sees("disk full on").sees("2025-01-18");
    // On a small screen the one line that is there says the most.
    journey
        .tell(Message::Resize { width: 40, height: 12 })
        .press("f3")
        .sees("disk full on 2025-01-18 at this rate");
    // The same number again is nothing to draw.
    journey.app.drawn();
    journey.tell(Message::Disk { free: 3 * GIB + 1 });
    assert!(!journey.app.dirty());
    journey.tell(Message::Disk { free: 2 * GIB });
    assert!(journey.app.dirty());
}

#[test]
fn the_files_of_a_cold_day_are_listed_and_not_opened() {
    let mut journey = open();
    journey.press("enter");
    let partition = "year=2024/month=09/day=01".to_owned();
    assert_eq!(journey.take(), [Effect::LoadFiles { feed: "payments".into(), partition: partition.clone() }]);
    let file = FileInfo {
        name: "a.parquet".into(),
        path: "a.parquet".into(),
        bytes: GIB,
        rows: Err("it lies in the cold tier".into()),
        modified: None,
        run: None,
        cold: Some(format!("{STORE}/a.parquet")),
    };
    journey.tell(Message::Files { feed: "payments".into(), partition, files: Ok(vec![file]) });
    journey.sees("a.parquet | cold | 1.0 GiB").sees(&format!("{STORE}/a.parquet"));
    journey.press("enter").sees("the file lies in the cold tier: F on its day brings it home");
    assert!(journey.take().is_empty());
}

#[test]
fn the_keys_can_be_others() {
    let keymap =
        lakehand::app::Keymap::parse("[partitions]\ntier = [\"M\"]\ntier-restore = [\"T\"]\n").unwrap();
    let mut journey = Journey::with(Setup { keymap, ..setup() }, vec![moving("payments")]);
    journey.tell(dataset(days())).press("P T").reads("Bring 2024-09-01 home?");
    journey.press("n j j j M").reads("Move 2024-09-04 to the cold tier?");
}

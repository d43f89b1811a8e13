//! Whatever is pressed and whatever happens: no panic, and every cursor is in its list.

use chrono::TimeDelta;
use lakehand::app::{ACTIONS, Key, KeyCode, Message, Tab, Target, view};
use lakehand::export::{Outcome, Trigger};
use lakehand::feed::{FeedKind, Place};
use lakehand::log::{Level, Month, MonthLog, Record};
use lakehand::{Error, Kind};
use proptest::prelude::*;

use crate::support::{Journey, broken, catalog, entry, finished, metadata, queued, start, started, stream};

#[derive(Debug, Clone)]
enum Step {
    Key(Key),
    Act(usize),
    Feeds(u8),
    Engine(u8, u8),
    Data(u8, u8),
    Tick(u16),
    Size(u16, u16),
    Click(u8, usize),
    Log(u8),
}

fn keys() -> impl Strategy<Value = Key> {
    let table: Vec<Key> = ACTIONS.iter().flat_map(|info| info.keys).map(|key| key.parse().unwrap()).collect();
    let code = prop_oneof![
        any::<char>().prop_map(KeyCode::Char),
        Just(KeyCode::Enter),
        Just(KeyCode::Esc),
        Just(KeyCode::Tab),
        Just(KeyCode::Backspace),
        Just(KeyCode::Down),
        Just(KeyCode::Up),
    ];
    prop_oneof![
        4 => prop::sample::select(table),
        1 => (code, any::<bool>(), any::<bool>()).prop_map(|(code, ctrl, shift)| Key::new(code, ctrl, false, shift)),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => keys().prop_map(Step::Key),
        2 => (0..ACTIONS.len()).prop_map(Step::Act),
        1 => any::<u8>().prop_map(Step::Feeds),
        2 => (any::<u8>(), 0_u8..6).prop_map(|(feed, what)| Step::Engine(feed, what)),
        2 => (any::<u8>(), 0_u8..8).prop_map(|(feed, what)| Step::Data(feed, what)),
        1 => any::<u16>().prop_map(Step::Tick),
        1 => (0_u16..200, 0_u16..60).prop_map(|(w, h)| Step::Size(w, h)),
        1 => (0_u8..5, 0_usize..50).prop_map(|(what, at)| Step::Click(what, at)),
        1 => any::<u8>().prop_map(Step::Log),
    ]
}

const NAMES: [&str; 5] = ["a", "bb", "ccc", "dddd", "eeeee"];

fn message(step: &Step, clock: &mut i64) -> Option<Message> {
    let name = |n: u8| NAMES[usize::from(n) % NAMES.len()];
    Some(match step {
        Step::Key(key) => Message::Key(*key),
        Step::Act(_) => return None,
        Step::Feeds(bits) => {
            let mut entries = Vec::new();
            for (at, name) in NAMES.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1) {
                entries.push(match (at, bits >> 5) {
                    (1, 0) => broken(name),
                    (2, 1) => entry(name, FeedKind::Table, Place::Active, true),
                    (3, 2) => entry(name, FeedKind::Stream, Place::Archived, true),
                    _ => stream(name),
                });
            }
            Message::Catalog(catalog(entries))
        }
        Step::Engine(feed, what) => match what {
            0 | 1 => queued(name(*feed), Trigger::Changed),
            2 => started(name(*feed)).0,
            3 => finished(name(*feed), 1, Outcome::Cancelled),
            4 => finished(name(*feed), 40, Outcome::Done { text: "done".into() }),
            _ => finished(name(*feed), 1, Outcome::Failed(Error::new(Kind::Busy, "busy").into())),
        },
        Step::Data(feed, what) => {
            let days: &[(&str, u64, u64)] = &[
                ("year=2025/month=01/day=10", 1, u64::MAX / 4),
                ("year=1970/month=01/day=01", 0, 0),
                ("version=v2", 5, 5),
                ("year=9999/month=12/day=31", u64::MAX / 4, 7),
            ];
            let feed = name(*feed).to_owned();
            match what {
                0..=3 => {
                    let metadata = Ok(Some(metadata(&days[..=usize::from(*what)])));
                    Message::Dataset { feed, metadata, usage: None }
                }
                4 => Message::Dataset {
                    feed,
                    metadata: Err(Error::new(Kind::Damaged, "cut\u{1b}")),
                    usage: None,
                },
                5 => Message::Dataset { feed, metadata: Ok(None), usage: None },
                6 => super::maintenance::any_days(feed),
                _ => super::maintenance::any_check(feed),
            }
        }
        Step::Tick(millis) => {
            *clock += i64::from(*millis);
            Message::Tick { now: start() + TimeDelta::milliseconds(*clock) }
        }
        Step::Size(width, height) => Message::Resize { width: *width, height: *height },
        Step::Click(what, at) => Message::Click(match what {
            0 => Target::Row(*at),
            1 => Target::Column(*at),
            2 => Target::Tab(Tab::ALL[at % 4]),
            3 => Target::Hint(ACTIONS[at % ACTIONS.len()].action),
            _ => Target::Outside,
        }),
        Step::Log(n) => {
            let time = start() + TimeDelta::days(i64::from(*n));
            let record = Record::new(time, Level::Info, None, format!("record {n}"));
            match n % 3 {
                0 => Message::Log {
                    month: Month::of(time),
                    log: Ok(MonthLog { records: vec![record; 9], earlier: 0, unreadable: 1 }),
                },
                _ => Message::LogAppended(vec![record; usize::from(*n) % 7]),
            }
        }
    })
}

proptest! {
    #[test]
    fn nothing_panics_and_cursors_stay_in_their_lists(steps in prop::collection::vec(steps(), 0..120)) {
        let mut journey = Journey::new(NAMES.map(stream).to_vec());
        let mut clock = 0;
        for step in &steps {
            match (message(step, &mut clock), step) {
                (Some(message), _) => { journey.tell(message); }
                (None, Step::Act(at)) => { journey.app.perform(ACTIONS[*at].action); }
                (None, _) => {}
            }
            for height in [0, 1, 7] {
                let tables = [
                    view::feeds(&journey.app, height),
                    view::exports(&journey.app, height),
                    view::datasets(&journey.app, height),
                    view::partitions(&journey.app, height),
                    view::files(&journey.app, height),
                ];
                for table in tables {
                    let cursors = table.rows.iter().filter(|row| row.cursor).count();
                    prop_assert_eq!(cursors, usize::from(table.shown > 0), "after {:?}: {:?}", step, table);
                    prop_assert!(table.rows.iter().all(|row| row.cells.len() <= table.heads.len()));
                    prop_assert_eq!(table.rows.is_empty(), table.shown == 0);
                }
                let logs = view::logs(&journey.app, height);
                prop_assert!(logs.following || logs.shown == 0 || logs.lines.iter().any(|line| line.cursor)
                    || journey.app.tab != Tab::Logs || logs.lines.len() == height.max(1).min(logs.shown));
                let _ = (view::calendar(&journey.app, height), view::grid(&journey.app, height, 30));
                let _ = (view::detail(&journey.app, height), view::frame(&journey.app));
                let _ = (view::help(&journey.app, height), view::palette(&journey.app, height), view::form(&journey.app, height));
                let _ = view::sheet(&journey.app, (40, u16::try_from(height).unwrap_or(1)));
            }
        }
    }
}

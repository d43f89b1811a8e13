//! A thousand feeds and twenty thousand partitions: what a frame costs does not grow with what is not seen.

use std::time::{Duration, Instant};

use lakehand::app::view::TableView;
use lakehand::app::{Message, view};

use crate::support::{Journey, metadata, stream};

/// Far above what it takes (0.8 ms without optimisation), so that a busy machine does not fail it, and far below what a
/// walk over everything for each row would take.
const MOST: Duration = Duration::from_millis(20);

type Draw = fn(&Journey) -> TableView;

#[test]
fn a_large_lake_is_shown_in_time() {
    let names: Vec<String> = (0..1000).map(|n| format!("feed_{n:04}")).collect();
    let days: Vec<String> = (0..20).map(|day| format!("year=2025/month=01/day={:02}", day + 1)).collect();
    let days: Vec<_> = days.iter().map(|day| (day.as_str(), 1000, 1 << 20)).collect();
    let mut journey = Journey::new(names.iter().map(|name| stream(name)).collect());
    for name in &names {
        let metadata = Ok(Some(metadata(&days)));
        journey.tell(Message::Dataset { feed: name.clone(), metadata, usage: None });
    }
    journey.sees("1000 active · 19.5 GiB · 20,000,000 rows");
    journey.press("G 6 f3 G").sees("> feed_0999").sees("1000 datasets in data_lake");
    let views: [(&str, Draw); 3] = [
        ("feeds", |journey| view::feeds(&journey.app, 40)),
        ("datasets", |journey| view::datasets(&journey.app, 40)),
        ("partitions", |journey| view::partitions(&journey.app, 40)),
    ];
    journey.press("enter");
    for (name, draw) in views {
        let time = |_| {
            let begun = Instant::now();
            assert!(draw(&journey).rows.len() >= 20, "{name}");
            begun.elapsed()
        };
        let best = (0..10).map(time).min().unwrap();
        assert!(best < MOST, "{name} took {best:?}");
    }
}

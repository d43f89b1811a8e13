use super::*;
use crate::config::OnStart;
use crate::watch::testing::catalog;

/// A state and a clock that a test moves.
struct Bench {
    state: WatchState,
    now: Now,
}

fn paths() -> FeedPaths {
    FeedPaths::below(Path::new("/feeds"))
}

fn file(name: &str) -> Hint {
    Hint::File(paths().active.join(format!("{name}.json")))
}

fn words(orders: &[Order]) -> Vec<String> {
    let word = |order: &Order| match order {
        Order::Look => "look".to_owned(),
        Order::Export { feed, cause } => format!("export {} {cause:?}", feed.name),
        Order::Cancel { feed } => format!("cancel {feed}"),
    };
    orders.iter().map(word).collect()
}

impl Bench {
    fn start(files: &[(&str, &str)], on_start: OnStart) -> (Self, Vec<String>) {
        let wall = "2025-01-15T12:00:00Z".parse().unwrap();
        let now = Now { wall, steady: Instant::now() };
        let config = WatchConfig { on_start, ..WatchConfig::default() };
        let (state, step) =
            WatchState::start(&paths(), &config, catalog(files), |feed| feed.name == "old", now);
        (Self { state, now }, words(&step.orders))
    }

    /// A state that has nothing to do at the start.
    fn with(files: &[(&str, &str)]) -> Self {
        Self::start(files, OnStart::None).0
    }

    fn pass(&mut self, seconds: f64) {
        let time = Duration::from_secs_f64(seconds);
        self.now = Now { wall: self.now.wall + time, steady: self.now.steady + time };
    }

    fn after(&mut self, seconds: f64) -> Vec<String> {
        self.pass(seconds);
        words(&self.state.on_time(self.now))
    }

    fn hint(&mut self, hint: &Hint) {
        self.state.on_hint(hint, self.now);
    }

    fn shows(&mut self, files: &[(&str, &str)]) -> Vec<String> {
        words(&self.state.on_catalog(catalog(files), self.now).orders)
    }
}

const NONE: [&str; 0] = [];

#[test]
fn the_start() {
    let files = [("new", ""), ("off", r#""enabled": false"#), ("old", "")];
    assert_eq!(Bench::start(&files, OnStart::New).1, ["export new Started"]);
    assert_eq!(Bench::start(&files, OnStart::All).1, ["export new Started", "export old Started"]);
    assert_eq!(Bench::start(&files, OnStart::None).1, NONE);
}

#[test]
fn a_hint_becomes_a_look_at_rest_and_what_it_shows_is_done() {
    let mut bench = Bench::with(&[]);
    bench.hint(&file("a"));
    assert_eq!(bench.state.wait(bench.now), Duration::from_secs(1));
    bench.pass(0.5);
    bench.hint(&file("a"));
    assert_eq!(bench.after(0.6), NONE);
    assert_eq!(bench.after(0.4), ["look"]);
    assert_eq!(bench.shows(&[("a", "")]), ["export a Changed"]);
    assert_eq!(bench.after(29.0), NONE);
    assert_eq!(bench.after(1.0), ["look"], "a rescan");
    assert_eq!(bench.shows(&[("a", "")]), NONE);
}

#[test]
fn a_file_that_is_being_written_is_not_taken_while_another_is_looked_at() {
    let mut bench = Bench::with(&[("b", "")]);
    bench.hint(&file("a"));
    bench.pass(0.9);
    bench.hint(&file("b"));
    assert_eq!(bench.after(0.1), ["look"]);
    // b is half written: what was known of it stays, and nobody is told.
    let step = bench.state.on_catalog(catalog(&[("a", ""), ("b", "half")]), bench.now);
    assert_eq!(words(&step.orders), ["export a Changed"]);
    assert_eq!(step.changes.len(), 1);
    assert!(bench.state.catalog().get("b").unwrap().feed().is_some());
    assert_eq!(bench.after(0.9), ["look"]);
    assert_eq!(bench.shows(&[("a", ""), ("b", r#""retention_days": 3"#)]), ["export b Changed"]);
}

#[test]
fn what_no_event_announced_is_looked_at_twice() {
    let mut bench = Bench::with(&[]);
    assert_eq!(bench.after(30.0), ["look"]);
    assert_eq!(bench.shows(&[("a", r#""retention_days": 3"#)]), NONE);
    assert_eq!(bench.after(1.0), ["look"]);
    // Still being written: once more.
    assert_eq!(bench.shows(&[("a", r#""retention_days": 31"#)]), NONE);
    assert_eq!(bench.after(1.0), ["look"]);
    assert_eq!(bench.shows(&[("a", r#""retention_days": 31"#)]), ["export a Changed"]);
    // An event after such a look: what comes to rest then is taken as it is.
    assert_eq!(bench.after(30.0), ["look"]);
    assert_eq!(bench.shows(&[("a", r#""retention_days": 7"#)]), NONE);
    bench.hint(&file("a"));
    assert_eq!(bench.after(1.0), ["look"]);
    assert_eq!(bench.shows(&[("a", r#""retention_days": 77"#)]), ["export a Changed"]);
    // Gone without an event.
    assert_eq!(bench.after(30.0), ["look"]);
    assert_eq!(bench.shows(&[]), NONE);
    assert_eq!(bench.after(1.0), ["look"]);
    assert_eq!(bench.shows(&[]), ["cancel a"]);
}

#[test]
fn a_file_that_is_written_without_end_is_looked_at_all_the_same() {
    let mut bench = Bench::with(&[]);
    let mut looked = Vec::new();
    for _ in 0..25 {
        bench.hint(&file("a"));
        looked.extend(bench.after(0.5));
        if looked.len() == 1 {
            break;
        }
    }
    assert_eq!(looked, ["look"]);
    bench.hint(&file("a"));
    assert_eq!(bench.shows(&[("a", "")]), ["export a Changed"]);
}

#[test]
fn one_look_at_a_time() {
    let mut bench = Bench::with(&[]);
    bench.hint(&file("a"));
    assert_eq!(bench.after(1.0), ["look"]);
    bench.hint(&file("b"));
    assert_eq!(bench.after(1.0), NONE, "the first look is under way");
    // It began before b was at rest: b must wait for the next one.
    assert_eq!(bench.shows(&[("a", ""), ("b", "half")]), ["export a Changed"]);
    assert_eq!(bench.state.wait(bench.now), Duration::ZERO);
    assert_eq!(bench.after(0.0), ["look"]);
    assert_eq!(bench.shows(&[("a", ""), ("b", "")]), ["export b Changed"]);
}

#[test]
fn a_folder_that_came_or_went_is_looked_at_whole() {
    let mut bench = Bench::with(&[("a", ""), ("b", "")]);
    bench.hint(&Hint::Folders);
    assert_eq!(bench.after(1.0), ["look"]);
    assert_eq!(bench.shows(&[]), ["cancel a", "cancel b"]);
    bench.hint(&Hint::Folders);
    assert_eq!(bench.after(1.0), ["look"]);
    assert_eq!(bench.shows(&[("a", "")]), ["export a Changed"]);
}

#[test]
fn a_look_that_fails_changes_nothing_and_comes_again_with_the_rescan() {
    let mut bench = Bench::with(&[("a", "")]);
    bench.hint(&file("a"));
    assert_eq!(bench.after(1.0), ["look"]);
    bench.state.on_look_failed();
    assert_eq!(bench.after(1.0), NONE);
    assert_eq!(bench.after(30.0), ["look"]);
    bench.shows(&[]);
    assert_eq!(bench.after(1.0), ["look"]);
    assert_eq!(bench.shows(&[]), ["cancel a"]);
}

#[test]
fn schedules_run_by_the_version_in_force() {
    let every = r#""schedule": "every 15m""#;
    let mut bench = Bench::with(&[("a", every)]);
    bench.hint(&file("a"));
    assert_eq!(bench.after(1.0), ["look"]);
    assert_eq!(bench.shows(&[("a", r#""schedule": "every 15q""#)]), NONE);
    let scheduled = |orders: Vec<String>| orders.into_iter().filter(|o| o != "look").collect::<Vec<_>>();
    assert!(bench.state.wait(bench.now) <= Duration::from_secs(30), "a machine that slept is found awake");
    assert_eq!(scheduled(bench.after(898.0)), NONE);
    assert_eq!(scheduled(bench.after(1.0)), ["export a Scheduled"]);
    assert_eq!(scheduled(bench.after(3600.0)), ["export a Scheduled"], "missed four, run once");
    assert_eq!(bench.state.next_run("a"), Some("2025-01-15T13:30:00Z".parse().unwrap()));
}

#[test]
fn an_export_that_follows_is_resumed_later_and_later_unless_somebody_stopped_it() {
    let mut bench = Bench::with(&[("a", r#""mode": "follow""#), ("b", "")]);
    let resumed = |orders: Vec<String>| orders.into_iter().any(|order| order == "export a Resumed");
    for wait in [1.0, 2.0, 4.0, 8.0] {
        bench.state.on_ended("a", Ended::Failed, bench.now);
        bench.state.on_ended("b", Ended::Failed, bench.now);
        assert!(!resumed(bench.after(wait - 0.1)));
        assert!(resumed(bench.after(0.1)), "after {wait}");
    }
    // It ran for long: the waits begin anew.
    bench.pass(3600.0);
    bench.state.on_ended("a", Ended::Failed, bench.now);
    assert!(resumed(bench.after(1.0)));
    bench.state.on_ended("a", Ended::Cancelled, bench.now);
    assert!(!resumed(bench.after(3600.0)));
}

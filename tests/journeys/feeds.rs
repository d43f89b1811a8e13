//! What happens to feeds, with and without keys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use lakehand::app::{Effect, Message, Setup};
use lakehand::export::event::What;
use lakehand::export::{Outcome, Stage, Trigger};
use lakehand::feed::{FeedKind, FeedPaths, NewFeed, Place};
use lakehand::{Error, Kind};

use crate::support::{
    Desk, broken, catalog, entry, event, finished, metadata, queued, start, started, stream,
};

fn refused() -> Arc<Error> {
    Arc::new(Error::new(Kind::Refused, "the server knows no stream PAYMENTS").next("create it"))
}

#[test]
fn a_file_dropped_in_is_exported_with_nobody_touching_a_key() {
    let mut desk = Desk::new(vec![]);
    desk.sees("There is no feed yet").reads("There is no feed yet: n makes one");
    desk.tell(Message::Catalog(catalog(vec![stream("payments")])));
    assert_eq!(desk.take(), [Effect::LoadDataset("payments".into())]);
    desk.sees("payments | idle").reads("payments").reads("idle");
    desk.tell(queued("payments", Trigger::Changed)).sees("payments | queued");
    let (message, progress) = started("payments");
    desk.tell(message).sees("payments | reading").sees("1 running").reads("1 running");
    progress.enter(Stage::Committing);
    desk.tick(2).sees("payments | committing");
    desk.tell(finished("payments", 3, Outcome::Done { text: "caught up through 0:5000".into() }));
    assert_eq!(desk.take(), [Effect::LoadDataset("payments".into())]);
    desk.tell(Message::Dataset {
        feed: "payments".into(),
        metadata: Ok(Some(metadata(&[("year=2025/month=01/day=15", 5000, 4096)]))),
        usage: None,
    });
    desk.sees("payments | caught up 13:59:00 | stream | append | 4.0 KiB | 5,000 | 30 min ago");
    desk.reads("caught up 13:59:00").reads("5,000 30 min ago");
    assert!(desk.take().is_empty(), "and nothing else was asked for");
}

#[test]
fn a_feed_is_archived_and_that_is_undone() {
    let root = tempfile::tempdir().unwrap();
    let paths = FeedPaths::below(root.path());
    let new = |name: &str| NewFeed {
        name: name.into(),
        kind: FeedKind::Stream,
        source: name.to_uppercase(),
        description: String::new(),
    };
    for name in ["orders", "payments"] {
        lakehand::feed::add(&paths, &new(name), start()).unwrap();
    }
    let load = || Message::Catalog(lakehand::feed::Catalog::load(&paths).unwrap());
    let mut desk = Desk::new(vec![]);
    desk.tell(load()).press("j a").sees("Archive payments?").reads("Archive payments?");
    desk.take();
    // The default is No.
    desk.press("enter").sees_no("Archive payments?");
    assert!(desk.take().is_empty());
    desk.press("a y");
    assert_eq!(desk.take(), [Effect::Archive(vec!["payments".into()])]);
    let change = lakehand::feed::archive(&paths, "payments").unwrap();
    desk.tell(Message::Done { text: "payments is archived".into(), undo: vec![change.clone()] }).tell(load());
    desk.sees(">  payments | archived".replace("  ", " ").as_str())
        .sees("1 active, 1 archived")
        .reads("1 active, 1 archived")
        .reads("payments is archived");
    assert_eq!(desk.take(), [Effect::LoadCatalog]);
    desk.press("u");
    assert_eq!(desk.take(), [Effect::Undo(vec![change.clone()])]);
    lakehand::feed::undo(change).unwrap();
    desk.tell(Message::Done { text: "undone".into(), undo: vec![] }).tell(load());
    desk.sees("payments | idle").sees("2 active");
    desk.take();
    desk.press("u").sees("there is nothing to undo");
    assert!(desk.take().is_empty());
}

#[test]
fn the_server_fails_the_reason_is_read_and_the_export_retried() {
    let mut desk = Desk::new(vec![stream("orders"), stream("payments")]);
    desk.press("j e");
    assert_eq!(desk.take(), [Effect::Export { feeds: vec!["payments".into()], trigger: Trigger::Asked }]);
    desk.tell(queued("payments", Trigger::Asked));
    let (message, _progress) = started("payments");
    desk.tell(message);
    let busy = Arc::new(Error::new(Kind::Busy, "the server is at its limit of queries"));
    desk.tell(event("payments", 2, What::Retrying { attempt: 1, wait: Duration::from_secs(8), error: busy }));
    desk.tick(4).sees("payments | retries in 6 s").sees("the server is at its limit of queries");
    desk.tell(finished("payments", 9, Outcome::Failed(refused())));
    desk.sees("payments | failed: the server knows no stream PAYMENTS");
    desk.sees("! payments failed: the server knows no stream PAYMENTS; create it");
    desk.reads("failed: the server knows no stream PAYMENTS");
    desk.press("y");
    desk.press("e");
    assert!(desk.take().contains(&Effect::Copy("the server knows no stream PAYMENTS; create it".into())));
    desk.press("k r").sees("! orders did not fail");
    assert!(desk.take().is_empty());
    desk.press("j r");
    assert_eq!(desk.take(), [Effect::Export { feeds: vec!["payments".into()], trigger: Trigger::Asked }]);
}

#[test]
fn a_broken_file_is_a_row_with_its_errors_and_is_mended() {
    let mut desk = Desk::new(vec![stream("orders"), stream("payments")]);
    desk.press("j").tell(Message::Catalog(catalog(vec![stream("orders"), broken("payments")])));
    desk.sees("payments | invalid")
        .sees("its last good version stays in force")
        .reads("payments invalid")
        .sees("feed_type: \"strem\"");
    desk.press("e").sees("payments is invalid: mend its file first");
    desk.press("enter").sees("did you mean \\\"stream\\\"?").reads("feed_type: \"strem\"");
    desk.take();
    desk.press("o");
    let path = Path::new("feeds/active/payments.json").to_owned();
    assert_eq!(desk.take(), [Effect::Edit(path.clone())]);
    desk.tell(Message::EditorClosed { path: path.clone(), problems: Ok(vec![]) })
        .sees("payments.json is valid");
    desk.tell(Message::Catalog(catalog(vec![stream("orders"), stream("payments")]))).press("esc");
    desk.sees("payments | idle").sees_no("payments | invalid");
}

#[test]
fn the_list_is_filtered_and_sorted_and_the_cursor_stays_on_its_feed() {
    let table = entry("totals", FeedKind::Table, Place::Active, true);
    let off = entry("quiet", FeedKind::Stream, Place::Active, false);
    let mut desk = Desk::new(vec![stream("orders"), stream("payments"), off, table]);
    for (feed, rows) in [("orders", 10), ("payments", 3000), ("totals", 200)] {
        let metadata = Ok(Some(metadata(&[("year=2025/month=01/day=15", rows, rows * 10)])));
        desk.tell(Message::Dataset { feed: feed.into(), metadata, usage: None });
    }
    desk.press("j").sees("> payments");
    desk.press("6 6");
    let screen = desk.model();
    let at = |name: &str| screen.find(&format!("{name} |")).unwrap();
    assert!(at("payments") < at("totals") && at("totals") < at("orders"), "{screen}");
    desk.sees("> payments");
    desk.press("/").write("kind:stream !state:disabled").press("enter");
    desk.sees("payments |").sees("orders |").sees_no("quiet |").sees_no("totals |").sees("> payments");
    desk.press("/ ctrl-u").write("tot").sees("totals |").sees_no("payments |").press("esc");
    desk.sees("payments |").sees_no("totals |");
    // Kept, and taken away by esc.
    desk.press("tab shift-tab").sees_no("totals |").press("esc").sees("totals |");
    // Recalled.
    desk.press("/ up").sees_no("quiet |").press("enter");
}

#[test]
fn several_feeds_are_marked_and_asked_about_by_name() {
    let mut desk = Desk::new(vec![stream("a"), stream("b"), stream("c"), stream("d")]);
    desk.press("space").sees("*a").press("j V j");
    desk.sees("*a").sees("*c").sees("*d").sees_no("*b");
    desk.press("a").sees("Archive 3 feeds?").sees("targets: [\"a\", \"c\", \"d\"]");
    desk.reads("Archive 3 feeds?").reads("│ a │\n").reads("│ d │\n");
    desk.press("right left right enter");
    assert_eq!(desk.take(), [Effect::Archive(vec!["a".into(), "c".into(), "d".into()])]);
    desk.sees_no("*a");
    desk.press("* x");
    let all = ["a", "b", "c", "d"].map(String::from).to_vec();
    assert_eq!(desk.take(), [Effect::SetEnabled { feeds: all, enabled: false }]);
}

#[test]
fn read_only_refuses_what_changes_and_shows_all_the_same() {
    let mut desk = Desk::with(Setup { read_only: true, ..Setup::new(start()) }, vec![stream("payments")]);
    desk.sees("[read-only]").reads("read-only");
    for key in ["e", "a", "x", "n", "o", "u", "r", "c", "E"] {
        desk.press(key).sees("read-only: ");
        assert!(desk.take().is_empty() && desk.app.overlay.is_none(), "{key}");
    }
    desk.press("enter").sees("Configuration");
    // The palette is no way around it.
    desk.press("esc :").write("archive").press("enter").sees("read-only: archive is refused");
    assert!(!desk.take().iter().any(|effect| matches!(effect, Effect::Archive(_))));
}

#[test]
fn what_another_process_exports_is_shown_as_such() {
    let mut desk = Desk::new(vec![stream("payments")]);
    let owner = lakehand::lake::Owner {
        what: "lakehand export".into(),
        pid: 4711,
        host: "cron-1".into(),
        since: start() - TimeDelta::minutes(5),
    };
    desk.tell(Message::Locks([("payments".to_owned(), owner)].into()));
    desk.sees("payments | locked by lakehand export (process 4711 on cron-1)");
    desk.press("e").sees("payments is held by lakehand export");
    assert!(desk.take().is_empty());
    desk.press("f4").sees("payments | another process").sees("5 min 00 s");
    desk.tell(Message::Locks([].into())).sees("nothing was exported");
}

#[test]
fn an_export_that_fails_unseen_is_told_to_the_desktop() {
    let mut desk = Desk::new(vec![stream("payments"), stream("orders")]);
    desk.tell(Message::Focus(false));
    for (feed, seconds, outcome, told) in [
        ("payments", 2, Outcome::Failed(refused()), true),
        ("payments", 2, Outcome::Done { text: "caught up".into() }, false),
        ("orders", 40, Outcome::Done { text: "caught up".into() }, true),
    ] {
        desk.tell(queued(feed, Trigger::Scheduled)).tell(started(feed).0).take();
        desk.tell(finished(feed, seconds, outcome));
        let notified = desk.take().iter().any(|effect| matches!(effect, Effect::Notify { .. }));
        assert_eq!(notified, told, "{feed} after {seconds} s");
    }
    desk.tell(Message::Focus(true)).tell(queued("orders", Trigger::Asked)).tell(started("orders").0).take();
    desk.tell(finished("orders", 2, Outcome::Failed(refused())));
    assert_eq!(desk.take(), [Effect::LoadDataset("orders".into())], "seen, it needs no bell");
}

#[test]
fn a_running_export_is_cancelled_after_a_question() {
    let mut desk = Desk::new(vec![stream("payments")]);
    desk.press("c").sees("payments is not being exported here");
    desk.tell(queued("payments", Trigger::Asked)).tell(started("payments").0).take();
    desk.press("c").sees("Cancel the export of payments?").press("n");
    assert!(desk.take().is_empty());
    desk.press("c y");
    assert_eq!(desk.take(), [Effect::Cancel(vec!["payments".into()])]);
}

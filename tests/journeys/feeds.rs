//! What happens to feeds, with and without keys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use lakehand::app::{Effect, Message, Setup};
use lakehand::export::event::What;
use lakehand::export::{Outcome, Peer, Stage, Trigger};
use lakehand::feed::{EntryState, FeedKind, FeedPaths, NewFeed, Place};
use lakehand::lake::{Metadata, Reset};
use lakehand::{Error, Kind};

use crate::support::{
    Journey, broken, catalog, entry, event, finished, metadata, queued, start, started, stream,
};

fn refused() -> Arc<Error> {
    Arc::new(Error::new(Kind::Refused, "the server knows no stream PAYMENTS").next("create it"))
}

#[test]
fn a_file_dropped_in_is_exported_with_nobody_touching_a_key() {
    let mut journey = Journey::new(vec![]);
    journey.sees("There is no feed yet").reads("There is no feed yet: n makes one");
    journey.tell(Message::Catalog(catalog(vec![stream("payments")])));
    assert_eq!(journey.take(), [Effect::LoadDataset("payments".into())]);
    journey.sees("payments | idle").reads("payments").reads("idle");
    journey.tell(queued("payments", Trigger::Changed)).sees("payments | queued");
    let (message, progress) = started("payments");
    journey.tell(message).sees("payments | reading").sees("1 running").reads("1 running");
    progress.enter(Stage::Committing);
    journey.tick(2).sees("payments | committing");
    journey.tell(finished("payments", 3, Outcome::Done { text: "caught up through 0:5000".into() }));
    assert_eq!(journey.take(), [Effect::LoadDataset("payments".into())]);
    journey.tell(Message::Dataset {
        feed: "payments".into(),
        metadata: Ok(Some(metadata(&[("year=2025/month=01/day=15", 5000, 4096)]))),
        usage: None,
    });
    journey.sees("payments | caught up 13:59:00 | stream | append | 4.0 KiB | 5,000 | 30 min ago");
    journey.reads("caught up 13:59:00").reads("5,000 30 min ago");
    assert!(journey.take().is_empty(), "and nothing else was asked for");
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
        table_format: None,
    };
    for name in ["orders", "payments"] {
        lakehand::feed::add(&paths, &new(name), start()).unwrap();
    }
    let load = || Message::Catalog(lakehand::feed::Catalog::load(&paths).unwrap());
    let mut journey = Journey::new(vec![]);
    journey.tell(load()).press("j a").sees("Archive payments?").reads("Archive payments?");
    journey.take();
    // The default is No.
    journey.press("enter").sees_no("Archive payments?");
    assert!(journey.take().is_empty());
    journey.press("a y");
    assert_eq!(journey.take(), [Effect::Archive(vec!["payments".into()])]);
    let change = lakehand::feed::archive(&paths, "payments").unwrap();
    journey
        .tell(Message::Done { text: "payments is archived".into(), undo: vec![change.clone()] })
        .tell(load());
    journey
        .sees(">  payments | archived".replace("  ", " ").as_str())
        .sees("1 active, 1 archived")
        .reads("1 active, 1 archived")
        .reads("payments is archived");
    assert_eq!(journey.take(), [Effect::LoadCatalog]);
    journey.press("u");
    assert_eq!(journey.take(), [Effect::Undo(vec![change.clone()])]);
    lakehand::feed::undo(change).unwrap();
    journey.tell(Message::Done { text: "undone".into(), undo: vec![] }).tell(load());
    journey.sees("payments | idle").sees("2 active");
    journey.take();
    journey.press("u").sees("there is nothing to undo");
    assert!(journey.take().is_empty());
}

#[test]
fn the_server_fails_the_reason_is_read_and_the_export_retried() {
    let mut journey = Journey::new(vec![stream("orders"), stream("payments")]);
    journey.press("j e");
    assert_eq!(journey.take(), [Effect::Export { feeds: vec!["payments".into()], trigger: Trigger::Asked }]);
    journey.tell(queued("payments", Trigger::Asked));
    let (message, _progress) = started("payments");
    journey.tell(message);
    let busy = Arc::new(Error::new(Kind::Busy, "the server is at its limit of queries"));
    journey.tell(event(
        "payments",
        2,
        What::Retrying { attempt: 1, wait: Duration::from_secs(8), error: busy },
    ));
    journey.tick(4).sees("payments | retries in 6 s").sees("the server is at its limit of queries");
    journey.tell(finished("payments", 9, Outcome::Failed(refused())));
    journey.sees("payments | failed: the server knows no stream PAYMENTS");
    journey.sees("! payments failed: the server knows no stream PAYMENTS; create it");
    journey.reads("failed: the server knows no stream PAYMENTS");
    journey.press("y");
    journey.press("e");
    assert!(journey.take().contains(&Effect::Copy("the server knows no stream PAYMENTS; create it".into())));
    journey.press("k r").sees("! orders did not fail");
    assert!(journey.take().is_empty());
    journey.press("j r");
    assert_eq!(journey.take(), [Effect::Export { feeds: vec!["payments".into()], trigger: Trigger::Asked }]);
}

#[test]
fn the_server_goes_away_and_comes_back() {
    let mut journey = Journey::new(vec![stream("orders"), stream("payments")]);
    let (message, progress) = started("payments");
    journey.tell(queued("payments", Trigger::Asked)).tell(message).tell(queued("orders", Trigger::Asked));
    progress.enter(Stage::Waiting);
    let gone = Arc::new(Error::new(Kind::Unreachable, "connection refused"));
    journey.tell(event("", 3, What::Paused { peer: Peer::Server, error: gone, at_most: None }));
    journey.tick(4).sees("waiting for the server since 14:30:03, 1 running, 1 queued");
    journey
        .press("f4")
        .sees("payments | waits for server")
        .sees("connection refused")
        .sees("orders | queued");
    progress.enter(Stage::Opening);
    let lasted = Duration::from_secs(9);
    journey.tell(event("", 12, What::Resumed { peer: Peer::Server, lasted }));
    journey.tick(13).sees("payments | opening").sees_no("waiting for the server");
}

#[test]
fn a_feed_whose_log_is_another_one_shows_both_and_is_reset_either_way() {
    let mut journey = Journey::new(vec![stream("payments")]);
    let mut held = metadata(&[("year=2025/month=01/day=15", 5000, 4096)]);
    let told = |held: &Metadata| Message::Dataset {
        feed: "payments".into(),
        metadata: Ok(Some(held.clone())),
        usage: None,
    };
    let log = |cluster: &str| {
        serde_json::from_value(serde_json::json!({"topic": "payments", "cluster": cluster})).unwrap()
    };
    held.log = log("old");
    held.positions = [(0, 70), (1, 20)].into();
    held.log_ends = [(0, 70), (1, 25)].into();
    journey.tell(told(&held)).press("enter");
    journey.sees("behind the end").sees_no("log now");
    journey.press("O").sees("payments: no other log waits for a decision");

    held.other_log = log("new");
    journey.tell(told(&held));
    journey
        .sees("topic payments, cluster old")
        .sees("topic payments, cluster new")
        .sees("B puts the dataset aside");
    journey.take();
    for (key, how, words) in [
        ("B", Reset::FromStart, "Begin anew with payments?"),
        ("O", Reset::Continue, "Go on in the other log with payments?"),
    ] {
        journey.press(key).sees(words).sees("read from topic payments, cluster old");
        journey.press("enter");
        assert!(journey.take().is_empty(), "the default is No");
        journey.press(key).press("y");
        assert_eq!(journey.take(), [Effect::Reset { feed: "payments".into(), how }]);
    }
}

#[test]
fn a_broken_file_is_a_row_with_its_errors_and_is_mended() {
    let mut journey = Journey::new(vec![stream("orders"), stream("payments")]);
    journey.press("j").tell(Message::Catalog(catalog(vec![stream("orders"), broken("payments")])));
    journey
        .sees("payments | invalid")
        .sees("its last good version stays in force")
        .reads("payments invalid")
        .sees("feed_type: \"strem\"");
    journey.press("e").sees("payments is invalid: mend its file first");
    journey.press("enter").sees("did you mean \\\"stream\\\"?").reads("feed_type: \"strem\"");
    journey.take();
    journey.press("o");
    let path = Path::new("feeds/active/payments.json").to_owned();
    assert_eq!(journey.take(), [Effect::Edit(path.clone())]);
    journey
        .tell(Message::EditorClosed { path: path.clone(), problems: Ok(vec![]) })
        .sees("payments.json is valid");
    journey.tell(Message::Catalog(catalog(vec![stream("orders"), stream("payments")]))).press("esc");
    journey.sees("payments | idle").sees_no("payments | invalid");
}

#[test]
fn the_list_is_filtered_and_sorted_and_the_cursor_stays_on_its_feed() {
    let table = entry("totals", FeedKind::Table, Place::Active, true);
    let off = entry("quiet", FeedKind::Stream, Place::Active, false);
    let mut journey = Journey::new(vec![stream("orders"), stream("payments"), off, table]);
    for (feed, rows) in [("orders", 10), ("payments", 3000), ("totals", 200)] {
        let metadata = Ok(Some(metadata(&[("year=2025/month=01/day=15", rows, rows * 10)])));
        journey.tell(Message::Dataset { feed: feed.into(), metadata, usage: None });
    }
    journey.press("j").sees("> payments");
    journey.press("6 6");
    let screen = journey.model();
    let at = |name: &str| screen.find(&format!("{name} |")).unwrap();
    assert!(at("payments") < at("totals") && at("totals") < at("orders"), "{screen}");
    journey.sees("> payments");
    journey.press("/").write("kind:stream !state:disabled").press("enter");
    journey.sees("payments |").sees("orders |").sees_no("quiet |").sees_no("totals |").sees("> payments");
    journey.press("/ ctrl-u").write("tot").sees("totals |").sees_no("payments |").press("esc");
    journey.sees("payments |").sees_no("totals |");
    // Kept, and taken away by esc.
    journey.press("tab shift-tab").sees_no("totals |").press("esc").sees("totals |");
    // Recalled.
    journey.press("/ up").sees_no("quiet |").press("enter");
}

#[test]
fn several_feeds_are_marked_and_asked_about_by_name() {
    let mut journey = Journey::new(vec![stream("a"), stream("b"), stream("c"), stream("d")]);
    journey.press("space").sees("*a").press("j V j");
    journey.sees("*a").sees("*c").sees("*d").sees_no("*b");
    journey.press("a").sees("Archive 3 feeds?").sees("targets: [\"a\", \"c\", \"d\"]");
    journey.reads("Archive 3 feeds?").reads("│ a │\n").reads("│ d │\n");
    journey.press("right left right enter");
    assert_eq!(journey.take(), [Effect::Archive(vec!["a".into(), "c".into(), "d".into()])]);
    journey.sees_no("*a");
    journey.press("* x");
    let all = ["a", "b", "c", "d"].map(String::from).to_vec();
    assert_eq!(journey.take(), [Effect::SetEnabled { feeds: all, enabled: false }]);
}

#[test]
fn read_only_refuses_what_changes_and_shows_all_the_same() {
    let mut journey =
        Journey::with(Setup { read_only: true, ..Setup::new(start()) }, vec![stream("payments")]);
    journey.sees("[read-only]").reads("read-only");
    for key in ["e", "a", "x", "n", "o", "u", "r", "c", "E"] {
        journey.press(key).sees("read-only: ");
        assert!(journey.take().is_empty() && journey.app.overlay.is_none(), "{key}");
    }
    journey.press("enter").sees("Configuration");
    // The palette is no way around it.
    journey.press("esc :").write("archive").press("enter").sees("read-only: archive is refused");
    assert!(!journey.take().iter().any(|effect| matches!(effect, Effect::Archive(_))));
}

#[test]
fn what_another_process_exports_is_shown_as_such() {
    let mut journey = Journey::new(vec![stream("payments")]);
    let owner = lakehand::lake::Owner {
        what: "lakehand export".into(),
        pid: 4711,
        host: "cron-1".into(),
        since: start() - TimeDelta::minutes(5),
    };
    journey.tell(Message::Locks([("payments".to_owned(), owner)].into()));
    journey.sees("payments | locked by lakehand export (process 4711 on cron-1)");
    journey.press("e").sees("payments is held by lakehand export");
    assert!(journey.take().is_empty());
    journey.press("f4").sees("payments | another process").sees("5 min 00 s");
    journey.tell(Message::Locks([].into())).sees("nothing was exported");
}

#[test]
fn an_export_that_fails_unseen_is_told_to_the_desktop() {
    let mut journey = Journey::new(vec![stream("payments"), stream("orders")]);
    journey.tell(Message::Focus(false));
    for (feed, seconds, outcome, told) in [
        ("payments", 2, Outcome::Failed(refused()), true),
        ("payments", 2, Outcome::Done { text: "caught up".into() }, false),
        ("orders", 40, Outcome::Done { text: "caught up".into() }, true),
    ] {
        journey.tell(queued(feed, Trigger::Scheduled)).tell(started(feed).0).take();
        journey.tell(finished(feed, seconds, outcome));
        let notified = journey.take().iter().any(|effect| matches!(effect, Effect::Notify { .. }));
        assert_eq!(notified, told, "{feed} after {seconds} s");
    }
    journey
        .tell(Message::Focus(true))
        .tell(queued("orders", Trigger::Asked))
        .tell(started("orders").0)
        .take();
    journey.tell(finished("orders", 2, Outcome::Failed(refused())));
    assert_eq!(journey.take(), [Effect::LoadDataset("orders".into())], "seen, it needs no bell");
}

#[test]
fn a_running_export_is_cancelled_after_a_question() {
    let mut journey = Journey::new(vec![stream("payments")]);
    journey.press("c").sees("payments is not being exported here");
    journey.tell(queued("payments", Trigger::Asked)).tell(started("payments").0).take();
    journey.press("c").sees("Cancel the export of payments?").press("n");
    assert!(journey.take().is_empty());
    journey.press("c y");
    assert_eq!(journey.take(), [Effect::Cancel(vec!["payments".into()])]);
}

#[test]
fn a_feed_in_a_catalogue_shows_how_far_that_is() {
    use lakehand::export::publish::{CatalogState, PublishFailure};
    use lakehand::feed::CatalogName;
    let with_catalogs = |names: &[CatalogName]| {
        let mut list = catalog(vec![stream("orders"), stream("payments")]);
        for entry in &mut list.entries {
            if let (EntryState::Valid(feed), "payments") = (&mut entry.state, entry.name.as_str()) {
                feed.catalog = names.to_vec();
            }
        }
        Message::Catalog(list)
    };
    let heads = |journey: &Journey| lakehand::app::view::feeds(&journey.app, 20).heads.len();
    let mut journey = Journey::new(vec![stream("orders"), stream("payments")]);
    let without = heads(&journey);
    journey.tell(with_catalogs(&[CatalogName::Hive, CatalogName::Glue]));
    assert_eq!(heads(&journey), without + 1, "a column for what is there alone");
    let mut held = metadata(&[("year=2025/month=01/day=15", 5000, 4096)]);
    held.commit_seq = 5;
    journey.tell(Message::Dataset { feed: "payments".into(), metadata: Ok(Some(held)), usage: None });
    journey.sees("5 behind");
    let state =
        |name, commit_seq, failed| CatalogState { name, commit_seq, at: commit_seq.map(|_| start()), failed };
    let tell = |states| Message::Catalogs { feed: "payments".into(), states };
    journey
        .tell(tell(vec![state(CatalogName::Hive, Some(5), None), state(CatalogName::Glue, Some(5), None)]));
    journey.sees("published");
    journey
        .tell(tell(vec![state(CatalogName::Hive, Some(5), None), state(CatalogName::Glue, Some(3), None)]));
    journey.sees("2 behind");
    let failed = PublishFailure {
        at: start(),
        kind: "unreachable".into(),
        what: "the metastore does not answer".into(),
    };
    journey.tell(tell(vec![
        state(CatalogName::Hive, Some(4), Some(failed)),
        state(CatalogName::Glue, Some(5), None),
    ]));
    journey.sees("failed").press("j enter").reads("1 commits behind").reads("the metastore does not answer");
}

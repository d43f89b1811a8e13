//! Help, palette, form, freeze, keys of one's own.

use lakehand::app::{Effect, Keymap, Message, Setup, Tab, view};
use lakehand::export::Trigger;
use lakehand::feed::FeedKind;
use lakehand::ksql::describe::{SourceKind, SourceName};

use crate::support::{Desk, catalog, metadata, start, stream};

#[test]
fn help_is_searched_from_the_first_keystroke_and_runs_what_it_found() {
    let mut desk = Desk::new(vec![stream("payments")]);
    desk.press("?");
    let all = view::help(&desk.app, 100);
    assert!(all.rows.iter().any(|row| row.name == "archive" && row.keys == "a" && row.context == "feeds"));
    assert!(!all.rows.iter().any(|row| row.name == "search-next"), "help is about the view in front");
    desk.write("exp now");
    let found = view::help(&desk.app, 100);
    assert_eq!(found.rows.iter().map(|row| row.name).collect::<Vec<_>>(), ["export-now"]);
    desk.reads("export the feeds now");
    desk.press("enter");
    assert_eq!(desk.take(), [Effect::Export { feeds: vec!["payments".into()], trigger: Trigger::Asked }]);
    assert!(desk.app.overlay.is_none());
}

#[test]
fn the_palette_finds_by_letters_and_says_where_a_command_works() {
    let mut desk = Desk::new(vec![stream("payments")]);
    desk.press(":").write("tabex").press("enter");
    assert_eq!(desk.app.tab, Tab::Exports);
    desk.press(":").write("toggle-cal");
    assert!(view::palette(&desk.app, 5).rows[0].off);
    desk.reads("table or calendar");
    desk.press("enter").sees("toggle-calendar works in partitions");
    desk.press(":").write("no such thing").press("enter");
    assert!(desk.take().is_empty());
}

#[test]
fn own_keys_hold_in_hints_help_and_deed() {
    let keymap = Keymap::parse("[feeds]\nexport-now = [\"ctrl-e\"]\n").unwrap();
    let mut desk = Desk::with(Setup { keymap, ..Setup::new(start()) }, vec![stream("payments")]);
    let hints = view::frame(&desk.app).hints;
    assert!(hints.iter().any(|hint| hint.key == "ctrl-e" && hint.text == "export"));
    desk.press("e");
    assert!(desk.take().is_empty());
    desk.press("ctrl-e");
    assert_eq!(desk.take().len(), 1);
}

fn source(name: &str, kind: SourceKind) -> SourceName {
    SourceName {
        name: name.into(),
        kind,
        topic: name.to_lowercase(),
        key_format: "KAFKA".into(),
        value_format: "JSON".into(),
        windowed: false,
    }
}

#[test]
fn a_feed_is_added_from_what_the_server_offers() {
    let mut desk = Desk::new(vec![stream("payments")]);
    desk.press("n");
    assert_eq!(desk.take(), [Effect::LoadSources]);
    assert!(view::form(&desk.app, 5).unwrap().note.starts_with("asking the server"));
    let sources = vec![
        source("ORDERS", SourceKind::Stream),
        source("ORDER_TOTALS", SourceKind::Table),
        source("PAYMENTS", SourceKind::Stream),
    ];
    desk.tell(Message::Sources(Ok(sources))).write("order");
    let form = view::form(&desk.app, 5).unwrap();
    assert_eq!(form.offers.len(), 2);
    assert!(!form.ready && form.fields[0].problem.contains("no such stream or table"));
    desk.press("down down enter");
    let form = view::form(&desk.app, 5).unwrap();
    assert_eq!(
        form.fields.iter().map(|f| f.text.as_str()).collect::<Vec<_>>(),
        ["ORDER_TOTALS", "order_totals", "table", ""]
    );
    assert!(form.ready, "{form:?}");
    // Each key is answered: a name that is taken, a name that cannot be.
    desk.press("ctrl-u").write("payments");
    assert!(view::form(&desk.app, 5).unwrap().fields[1].problem.contains("there is a feed of this name"));
    desk.press("ctrl-u").write("a/b").press("enter");
    assert!(!view::form(&desk.app, 5).unwrap().fields[1].problem.is_empty());
    assert!(desk.take().is_empty());
    desk.press("ctrl-u").write("totals").press("tab tab").write("by day").press("enter");
    let effects = desk.take();
    let [Effect::Add(new)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(
        (new.name.as_str(), new.kind, new.source.as_str()),
        ("totals", FeedKind::Table, "ORDER_TOTALS")
    );
    assert_eq!(new.description, "by day");
}

#[test]
fn a_frozen_screen_holds_and_then_catches_up() {
    let mut desk = Desk::new(vec![stream("payments")]);
    desk.press("p").sees("[frozen]");
    let before = (desk.model(), desk.screen());
    desk.tell(Message::Catalog(catalog(vec![stream("orders"), stream("payments")]))).tick(120);
    assert_eq!((desk.model(), desk.screen()), before);
    assert_eq!(desk.app.next_deadline(start()), None, "a frozen screen sleeps");
    desk.press("p").sees("orders | idle");
}

#[test]
fn themes_mouse_and_the_end() {
    let mut desk = Desk::new(vec![]);
    desk.press("t");
    assert_eq!(desk.app.theme().word(), "light");
    desk.press("m ctrl-z q");
    assert_eq!(desk.take(), [Effect::Mouse(true), Effect::Suspend, Effect::Quit]);
}

#[test]
fn one_key_copies_the_code_that_reads_the_dataset_for_the_engine_that_was_chosen() {
    let mut desk = Desk::new(vec![stream("payments"), stream("refunds")]);
    desk.press("Y").sees("there is no dataset to read");
    let held =
        |feed: &str, metadata| Message::Dataset { feed: feed.into(), metadata: Ok(metadata), usage: None };
    desk.tell(held("refunds", None));
    desk.tell(held("payments", Some(metadata(&[("year=2025/month=01/day=15", 5000, 4096)]))));
    let copied = |desk: &mut Desk| {
        let effects = desk.take();
        let [Effect::Copy(text)] = effects.as_slice() else { panic!("{effects:?}") };
        text.clone()
    };
    desk.take();
    desk.press("Y").sees("copied: how DuckDB reads payments").reads("copied: how DuckDB reads payments");
    let text = copied(&mut desk);
    assert!(
        text.contains("import duckdb") && text.contains("'/data_lake/streams/payments/year=*/"),
        "{text}"
    );
    // The menu has a letter for each engine, and the choice stays.
    desk.press("W").reads("Read payments with").reads("pyarrow").press("p");
    desk.sees("copied: how Polars reads payments");
    assert!(copied(&mut desk).contains("pl.scan_parquet("));
    desk.press("Y");
    assert!(copied(&mut desk).contains("pl.scan_parquet("));
    // The feed's page shows what is copied, and so do the datasets.
    desk.press("enter").sees("Read it with Polars").sees("import polars as pl");
    desk.take();
    desk.press("Y");
    assert!(copied(&mut desk).contains("pl.scan_parquet("));
    desk.press("f3 W f").sees("copied: how DataFusion reads payments");
    assert!(copied(&mut desk).contains("register_parquet"));
    // What was never exported says so, and nothing is copied.
    desk.press("f2 j Y").sees("nothing of feed refunds is in the lake yet");
    assert!(desk.take().iter().all(|effect| !matches!(effect, Effect::Copy(_))));
}

//! Help, palette, form, freeze, keys of one's own.

use lakehand::app::{Effect, Keymap, Message, Setup, Tab, view};
use lakehand::export::Trigger;
use lakehand::feed::{FeedKind, TableFormat};
use lakehand::ksql::describe::{SourceKind, SourceName};

use crate::support::{Journey, catalog, metadata, start, stream};

#[test]
fn help_is_searched_from_the_first_keystroke_and_runs_what_it_found() {
    let mut journey = Journey::new(vec![stream("payments")]);
    journey.press("?");
    let all = view::help(&journey.app, 100);
    assert!(all.rows.iter().any(|row| row.name == "archive" && row.keys == "a" && row.context == "feeds"));
    assert!(!all.rows.iter().any(|row| row.name == "search-next"), "help is about the view in front");
    journey.write("exp now");
    let found = view::help(&journey.app, 100);
    assert_eq!(found.rows.iter().map(|row| row.name).collect::<Vec<_>>(), ["export-now"]);
    journey.reads("export the feeds now");
    journey.press("enter");
    assert_eq!(journey.take(), [Effect::Export { feeds: vec!["payments".into()], trigger: Trigger::Asked }]);
    assert!(journey.app.overlay.is_none());
}

#[test]
fn the_palette_finds_by_letters_and_says_where_a_command_works() {
    let mut journey = Journey::new(vec![stream("payments")]);
    journey.press(":").write("tabex").press("enter");
    assert_eq!(journey.app.tab, Tab::Exports);
    journey.press(":").write("toggle-cal");
    assert!(view::palette(&journey.app, 5).rows[0].off);
    journey.reads("table or calendar");
    journey.press("enter").sees("toggle-calendar works in partitions");
    journey.press(":").write("no such thing").press("enter");
    assert!(journey.take().is_empty());
}

#[test]
fn own_keys_hold_in_hints_help_and_effect() {
    let keymap = Keymap::parse("[feeds]\nexport-now = [\"ctrl-e\"]\n").unwrap();
    let mut journey = Journey::with(Setup { keymap, ..Setup::new(start()) }, vec![stream("payments")]);
    let hints = view::frame(&journey.app).hints;
    assert!(hints.iter().any(|hint| hint.key == "ctrl-e" && hint.text == "export"));
    journey.press("e");
    assert!(journey.take().is_empty());
    journey.press("ctrl-e");
    assert_eq!(journey.take().len(), 1);
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
    let mut journey = Journey::new(vec![stream("payments")]);
    journey.press("n");
    assert_eq!(journey.take(), [Effect::LoadSources]);
    assert!(view::form(&journey.app, 5).unwrap().note.starts_with("asking the server"));
    let sources = vec![
        source("ORDERS", SourceKind::Stream),
        source("ORDER_TOTALS", SourceKind::Table),
        source("PAYMENTS", SourceKind::Stream),
    ];
    journey.tell(Message::Sources(Ok(sources))).write("order");
    let form = view::form(&journey.app, 5).unwrap();
    assert_eq!(form.offers.len(), 2);
    assert!(!form.ready && form.fields[0].problem.contains("no such stream or table"));
    journey.press("down down enter");
    let form = view::form(&journey.app, 5).unwrap();
    assert_eq!(
        form.fields.iter().map(|f| f.text.as_str()).collect::<Vec<_>>(),
        ["ORDER_TOTALS", "order_totals", "table", "as lakehand.toml says", ""]
    );
    assert!(form.ready, "{form:?}");
    // Each key is answered: a name that is taken, a name that cannot be.
    journey.press("ctrl-u").write("payments");
    assert!(view::form(&journey.app, 5).unwrap().fields[1].problem.contains("there is a feed of this name"));
    journey.press("ctrl-u").write("a/b").press("enter");
    assert!(!view::form(&journey.app, 5).unwrap().fields[1].problem.is_empty());
    assert!(journey.take().is_empty());
    let formats = |journey: &Journey| view::form(&journey.app, 5).unwrap().fields[3].text.clone();
    journey.press("ctrl-u").write("totals").press("tab tab right");
    assert_eq!(formats(&journey), "plain Parquet");
    journey.press("right");
    assert_eq!(formats(&journey), "delta");
    journey.press("right left");
    assert_eq!(formats(&journey), "delta");
    journey.press("tab").write("by day").press("enter");
    let effects = journey.take();
    let [Effect::Add(new)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(
        (new.name.as_str(), new.kind, new.source.as_str(), new.table_format.as_deref()),
        ("totals", FeedKind::Table, "ORDER_TOTALS", Some(&[TableFormat::Delta][..]))
    );
    assert_eq!(new.description, "by day");
}

#[test]
fn the_form_offers_no_helpers_and_enter_takes_the_one_source_that_is_left() {
    let mut journey = Journey::new(vec![]);
    journey.press("n");
    let sources = ["ORDERS", "ORDERS_LAKEHAND_END", "REFUNDS"].map(|name| source(name, SourceKind::Stream));
    journey.tell(Message::Sources(Ok(sources.into())));
    let offers = |journey: &Journey| view::form(&journey.app, 5).unwrap().offers.len();
    assert_eq!(offers(&journey), 2, "the helper is none");
    // With two left nothing is taken, and nothing is added.
    journey.press("enter");
    assert_eq!(view::form(&journey.app, 5).unwrap().fields[0].text, "");
    journey.take();
    journey.write("ord");
    assert_eq!(offers(&journey), 1);
    journey.press("enter");
    let form = view::form(&journey.app, 5).unwrap();
    assert_eq!((form.fields[0].text.as_str(), form.fields[1].text.as_str()), ("ORDERS", "orders"));
    assert!(form.ready && journey.take().is_empty(), "it is taken, and not added yet");
    journey.press("enter");
    assert!(matches!(&journey.take()[..], [Effect::Add(new)] if new.source == "ORDERS"));
}

#[test]
fn a_frozen_screen_holds_and_then_catches_up() {
    let mut journey = Journey::new(vec![stream("payments")]);
    journey.press("p").sees("[frozen]");
    let before = (journey.model(), journey.screen());
    journey.tell(Message::Catalog(catalog(vec![stream("orders"), stream("payments")]))).tick(120);
    assert_eq!((journey.model(), journey.screen()), before);
    assert_eq!(journey.app.next_deadline(start()), None, "a frozen screen sleeps");
    journey.press("p").sees("orders | idle");
}

#[test]
fn themes_mouse_and_the_end() {
    let mut journey = Journey::new(vec![]);
    journey.press("t");
    assert_eq!(journey.app.theme().name(), "light");
    journey.press("m ctrl-z q");
    assert_eq!(journey.take(), [Effect::Mouse(true), Effect::Suspend, Effect::Quit]);
}

#[test]
fn one_key_copies_the_code_that_reads_the_dataset_for_the_engine_that_was_chosen() {
    let mut journey = Journey::new(vec![stream("payments"), stream("refunds")]);
    journey.press("Y").sees("there is no dataset to read");
    let held =
        |feed: &str, metadata| Message::Dataset { feed: feed.into(), metadata: Ok(metadata), usage: None };
    journey.tell(held("refunds", None));
    journey.tell(held("payments", Some(metadata(&[("year=2025/month=01/day=15", 5000, 4096)]))));
    let copied = |journey: &mut Journey| {
        let effects = journey.take();
        let [Effect::Copy(text)] = effects.as_slice() else { panic!("{effects:?}") };
        text.clone()
    };
    journey.take();
    journey.press("Y").sees("copied: how DuckDB reads payments").reads("copied: how DuckDB reads payments");
    let text = copied(&mut journey);
    assert!(
        text.contains("import duckdb") && text.contains("'/data_lake/streams/payments/year=*/"),
        "{text}"
    );
    // The menu has a letter for each engine, and the choice stays.
    journey.press("W").reads("Read payments with").reads("pyarrow").press("p");
    journey.sees("copied: how Polars reads payments");
    assert!(copied(&mut journey).contains("pl.scan_parquet("));
    journey.press("Y");
    assert!(copied(&mut journey).contains("pl.scan_parquet("));
    // The feed's page shows what is copied, and so do the datasets.
    journey.press("enter").sees("Read it with Polars").sees("import polars as pl");
    journey.take();
    journey.press("Y");
    assert!(copied(&mut journey).contains("pl.scan_parquet("));
    journey.press("f3 W f").sees("copied: how DataFusion reads payments");
    assert!(copied(&mut journey).contains("register_parquet"));
    // What was never exported says so, and nothing is copied.
    journey.press("f2 j Y").sees("nothing of feed refunds is in the lake yet");
    assert!(journey.take().iter().all(|effect| !matches!(effect, Effect::Copy(_))));
}

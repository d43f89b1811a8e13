//! What the lake claims, from outside: losses have an exit code and a state, clocks need a witness, values of restricted feeds
//! stay where they belong.

#[path = "support/engine.rs"]
mod engine;
mod support;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use engine::{export_once, setup};
use lakehand::demo::{DemoOptions, Fault};
use lakehand::export::{Outcome, Setup};
use lakehand::feed::parse_feed;
use lakehand::lake::Lake;
use support::{Project, Server, metadata, row_count};

#[test]
fn a_loss_is_a_state_with_an_exit_code_until_it_is_acknowledged() {
    let server = Server::start(DemoOptions { rows: 600, partitions: 2, days: 3, ..DemoOptions::default() });
    let project = Project::on(&server.url()).set("export.seal_after=1h");
    project.feed("raw", "stream", "TRANSACTION_STREAM", "");
    project.ok(&["export", "--all"]);
    let dir = project.stream("transaction_stream");
    let sealed = |dir| {
        metadata(dir)["partitions"].as_array().unwrap().iter().filter(|p| !p["sealed_at"].is_null()).count()
    };
    let held = metadata(&dir)["positions"]["0"].as_u64().unwrap();
    let sealed_before = sealed(&dir);
    assert!(sealed_before > 0);

    server.get().append(600);
    server.get().trim(held + 100);
    for run in ["that finds it", "after it"] {
        let ran = project.run(&["export", "--all", "--json"]);
        assert_eq!(ran.code, 6, "{run}\n{}{}", ran.out, ran.err);
        assert!(ran.finished("raw")["lost"].as_u64().unwrap() >= 100, "{run}");
        assert_eq!(ran.finished("raw")["outcome"], "done", "what is left is exported");
    }
    let after = metadata(&dir);
    let loss = &after["lost_records"][0];
    assert_eq!(after["lost_records"].as_array().unwrap().len(), 1, "noted once");
    assert_eq!(loss["cause"], "log-start");
    assert_eq!(loss["offsets"]["0"], serde_json::json!([held, held + 99]));
    assert!(after["complete_through"].is_null(), "nothing is claimed over a loss");
    assert!(sealed(&dir) < sealed_before, "a day that may lack records is open again");
    let show = project.ok(&["feeds", "show", "raw"]).out;
    assert!(
        show.contains("records lost on") && show.contains(&format!("0:{held}..={}", held + 99)),
        "{show}"
    );
    let days = project.ok(&["feeds", "show", "raw", "--days", "--json"]).json();
    let touched: Vec<_> = days
        .iter()
        .filter(|day| day["gaps"].as_array().is_some_and(|gaps| gaps.iter().any(|gap| gap["why"] == "lost")))
        .collect();
    assert!(!touched.is_empty() && touched.iter().all(|day| day["complete"] == false), "{days:?}");
    let check = project.run(&["check", "--json"]);
    assert_eq!(check.code, 6, "{}", check.out);
    assert!(check.json().iter().any(|line| line["finding"] == "lost"), "{}", check.out);

    project.ok(&["feeds", "acknowledge-loss", "raw"]);
    project.ok(&["export", "--all"]);
    project.ok(&["check"]);
    let later = metadata(&dir);
    assert!(!later["lost_records"][0]["acknowledged_at"].is_null(), "the record stays");
    assert!(!later["complete_through"].is_null());
    let days = project.ok(&["feeds", "show", "raw", "--days", "--json"]).json();
    let is_lost = |day: &&serde_json::Value| {
        day["gaps"].as_array().is_some_and(|g| g.iter().any(|gap| gap["why"] == "lost"))
    };
    assert!(
        days.iter().filter(is_lost).all(|day| day["complete"] == false && day["state"] != "sealed"),
        "{days:?}"
    );
    assert_eq!(project.run(&["feeds", "acknowledge-loss", "raw"]).code, 2, "nothing is left to acknowledge");
}

/// The query that writes a stream or a table stands still: what it has not written is not in the source.
#[test]
fn over_a_writer_that_stands_still_nothing_is_claimed_and_nothing_is_sealed() {
    let server = Server::start(DemoOptions { rows: 600, partitions: 2, days: 3, ..DemoOptions::default() });
    let project = Project::on(&server.url()).set("export.seal_after=1h");
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", "");
    project.feed("totals", "table", "PAYMENT_METHOD_TOTALS", "");
    let held = || {
        let datasets = [project.stream("transaction_flattened"), project.table("payment_method_totals")];
        datasets.map(|dir| metadata(&dir))
    };
    let sealed = |metadata: &serde_json::Value| {
        metadata["partitions"].as_array().unwrap().iter().filter(|p| !p["sealed_at"].is_null()).count()
    };
    for state in ["PAUSED", "ERROR"] {
        for source in ["TRANSACTION_FLATTENED", "PAYMENT_METHOD_TOTALS"] {
            server.get().set_writer(source, state);
        }
        // With something new and without.
        for _ in 0..2 {
            let ran = project.ok(&["export", "--all", "--json"]);
            let warned = |feed: &str| {
                ran.json().iter().any(|event| {
                    event["event"] == "warning"
                        && event["feed"] == feed
                        && event["text"]
                            .as_str()
                            .is_some_and(|text| text.contains(&format!("is {state}: rows may be missing")))
                })
            };
            assert!(warned("flat") && warned("totals"), "{}", ran.out);
            for metadata in held() {
                assert!(metadata["complete_through"].is_null(), "{metadata}");
                assert_eq!(metadata["stopped_writers"][0]["state"], state);
                assert_eq!(sealed(&metadata), 0);
            }
        }
        for feed in ["flat", "totals"] {
            let show = project.ok(&["feeds", "show", feed]).out;
            assert!(show.contains(&format!("which writes the source, is {state}")), "{show}");
        }
        server.get().append(10);
    }
    for source in ["TRANSACTION_FLATTENED", "PAYMENT_METHOD_TOTALS"] {
        server.get().set_writer(source, "RUNNING");
    }
    project.ok(&["export", "--all"]);
    let [stream, table] = held();
    for metadata in [&stream, &table] {
        assert!(
            !metadata["complete_through"].is_null() && metadata["stopped_writers"].is_null(),
            "{metadata}"
        );
    }
    assert!(sealed(&stream) > 0);
    // What was known to be complete before a pause stays so, and no more is claimed.
    server.get().set_writer("TRANSACTION_FLATTENED", "PAUSED");
    server.get().append(10);
    project.ok(&["export", "--feed", "flat"]);
    assert_eq!(held()[0]["complete_through"], stream["complete_through"]);
}

#[test]
fn a_table_that_shrinks_is_held_and_accepted_by_a_command() {
    let (many, few) = (Server::with_rows(3_000), Server::with_rows(20));
    let project = Project::on(&many.url());
    project.feed("users", "table", "USER_TRANSACTION_SUMMARY", "");
    project.ok(&["export", "--all"]);
    let dir = project.table("user_transaction_summary");
    let before = row_count(&dir);
    let on_few = |args: &[&str]| {
        let command = project.command(args);
        let url = many.url();
        let elsewhere =
            |arg: &std::ffi::OsStr| if arg == url.as_str() { few.url().into() } else { arg.to_owned() };
        let args: Vec<std::ffi::OsString> = command.get_args().map(elsewhere).collect();
        support::Ran::of(std::process::Command::new(command.get_program()).args(args).output().unwrap())
    };
    let held = on_few(&["export", "--all"]);
    assert_eq!(held.code, 1, "{}{}", held.out, held.err);
    assert!(
        held.out.contains("accept-snapshot users") && held.out.contains(&before.to_string()),
        "{}",
        held.out
    );
    assert_eq!((row_count(&dir), metadata(&dir)["current_version"].as_u64()), (before, Some(1)));
    assert!(project.ok(&["feeds", "show", "users"]).out.contains("waits for a decision"));
    project.ok(&["feeds", "accept-snapshot", "users"]);
    let taken = on_few(&["export", "--all"]);
    assert_eq!(taken.code, 0, "{}{}", taken.out, taken.err);
    assert!(row_count(&dir) < before / 2);
    project.ok(&["feeds", "undo", "users", "--version", "1"]);
    assert_eq!(row_count(&dir), before);
    project.ok(&["check"]);
}

#[test]
fn a_key_that_comes_twice_is_told_and_shown_only_where_it_may_be() {
    for (visibility, shown) in [("shared", true), ("restricted", false)] {
        let server = Server::with_rows(500);
        let project = Project::on(&server.url());
        project.feed("totals", "table", "PAYMENT_METHOD_TOTALS", &format!(r#""visibility": "{visibility}""#));
        server.faults().all_with("PAYMENT_METHOD_TOTALS", Fault::Replay { after: 2, back: 1 });
        let ran = project.ok(&["export", "--all"]);
        assert!(ran.out.contains("1 rows have a primary key that came twice"), "{}", ran.out);
        assert_eq!(ran.out.contains("not shown"), !shown, "{}", ran.out);
        assert_eq!(metadata(&project.table("payment_method_totals"))["doubled_keys"], 1);
        let check = project.ok(&["check", "--json"]);
        assert!(check.json().iter().any(|line| line["finding"] == "doubled-keys"), "{}", check.out);
    }
}

#[test]
fn bytes_of_rows_stand_in_errors_of_shared_feeds_only() {
    for (visibility, shown) in [("shared", true), ("restricted", false)] {
        let server = Server::with_rows(300);
        let project = Project::on(&server.url()).set("export.retries=1");
        project.feed("raw", "stream", "TRANSACTION_STREAM", &format!(r#""visibility": "{visibility}""#));
        server.faults().all_with("EMIT CHANGES", Fault::Garbage(20));
        let ran = project.run(&["export", "--all"]);
        assert_eq!(ran.code, 1, "{}", ran.out);
        let all = format!("{}{}{}", ran.out, ran.err, project.log());
        assert!(all.contains("a line is not an element"), "{all}");
        assert_eq!(all.contains("what is this"), shown, "{visibility}: {all}");
    }
}

fn ten_years_ahead() -> DateTime<Utc> {
    Utc::now() + TimeDelta::days(3650)
}

/// Exports one feed with the clock of `clock`; gives its outcome.
fn export_at(server: &Server, project: &Project, fields: &str, clock: fn() -> DateTime<Utc>) -> Outcome {
    let text = format!(
        r#"{{"feed_name": "raw", "feed_type": "stream", "ksqldb_source": "TRANSACTION_STREAM"{fields}}}"#
    );
    let feed = parse_feed(&text, "raw").unwrap();
    let lake = Lake::new(project.path().join("data_lake")).sealing_after(Some(Duration::ZERO));
    let setup = Setup { clock, ..setup(&server.url(), lake) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(export_once(setup, feed))
}

#[test]
fn a_clock_years_ahead_deletes_nothing_claims_nothing_and_is_forgotten() {
    // The days of the first rows are over, that of the newest is today.
    let start = Utc::now() - TimeDelta::days(2);
    let server = Server::start(DemoOptions { rows: 300, days: 3, start, ..DemoOptions::default() });
    let project = Project::on(&server.url());
    let fields = r#", "retention_days": 365"#;
    assert!(matches!(export_at(&server, &project, fields, Utc::now), Outcome::Done { .. }));
    let dir = project.stream("transaction_stream");
    let held = row_count(&dir);

    let outcome = export_at(&server, &project, fields, ten_years_ahead);
    let Outcome::Failed(error) = outcome else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("the clock may be wrong"), "{error}");
    assert_eq!(row_count(&dir), held, "nothing is removed");
    let through = |dir| metadata(dir)["complete_through"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert!(through(&dir) <= Utc::now() + TimeDelta::minutes(1), "the server's clock bounds the watermark");
    let now = Utc::now();
    for partition in metadata(&dir)["partitions"].as_array().unwrap() {
        let path = partition["path"].as_str().unwrap();
        if path.ends_with(&now.format("month=%m/day=%d").to_string()) {
            assert!(!dir.join(path).join("_SUCCESS").exists(), "a day that is not over is not sealed");
        }
    }

    // What the wrong clock left is found, and mended.
    project.feed("raw", "stream", "TRANSACTION_STREAM", r#""retention_days": 365"#);
    let check = project.run(&["check", "--json"]);
    assert_eq!(check.code, 5, "{}", check.out);
    assert!(check.json().iter().any(|line| line["finding"] == "future-export"), "{}", check.out);
    project.ok(&["check", "--repair"]);
    project.ok(&["export", "--all"]);
}

#[test]
fn a_watermark_of_the_future_and_groundless_seals_are_found_and_mended() {
    let server = Server::with_rows(300);
    let project = Project::on(&server.url());
    project.feed("raw", "stream", "TRANSACTION_STREAM", "");
    project.ok(&["export", "--all"]);
    let dir = project.stream("transaction_stream");
    let mut wrong = metadata(&dir);
    wrong["complete_through"] = serde_json::json!("2199-01-01T00:00:00Z");
    let day = wrong["partitions"][0]["path"].as_str().unwrap().to_owned();
    // Sealed on its first instant.
    let begin = day.replace("year=", "").replace("/month=", "-").replace("/day=", "-") + "T00:00:00Z";
    wrong["partitions"][0]["sealed_at"] = serde_json::json!(begin);
    wrong["positions"]["0"] = serde_json::json!(wrong["positions"]["0"].as_i64().unwrap() + 5);
    std::fs::write(dir.join("_metadata.json"), wrong.to_string()).unwrap();
    std::fs::write(dir.join(&day).join("_SUCCESS"), "").unwrap();
    let found = |ran: &support::Ran| {
        let lines = ran.json();
        let mut words: Vec<String> =
            lines.iter().filter_map(|line| line["finding"].as_str().map(str::to_owned)).collect();
        words.sort();
        words
    };
    let check = project.run(&["check", "--json"]);
    assert_eq!(check.code, 5, "{}", check.out);
    let words = found(&check);
    for word in ["future-watermark", "groundless-seal", "position-ahead"] {
        assert!(words.iter().any(|found| found == word), "{word}: {words:?}");
    }
    project.ok(&["check", "--repair"]);
    let mended = metadata(&dir);
    assert!(mended["complete_through"].is_null() && mended["partitions"][0]["sealed_at"].is_null());
    assert!(!dir.join(&day).join("_SUCCESS").exists());
    assert_eq!(row_count(&dir), 300);
}

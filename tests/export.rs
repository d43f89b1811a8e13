//! The main job from outside: feed files in, committed Parquet out, nothing doubled, exactly the new rows added.

#[path = "support/engine.rs"]
mod engine;
mod support;

use std::os::unix::fs::PermissionsExt;

use engine::setup;
use lakehand::demo::{DemoOptions, Fault};
use lakehand::export::event::What;
use lakehand::export::{Engine, Event, Outcome, Request, Setup, Trigger, Work};
use lakehand::feed::{Feed, parse_feed};
use lakehand::headless::{Asked, Exit, Output, run};
use lakehand::lake::Lake;
use support::{
    Project, Server, assert_each_offset_once, batches, bigint_sum, data_files, decimal_sum, metadata,
    row_count,
};

const STREAMS: [&str; 4] = [
    "transaction_stream",
    "transaction_flattened",
    "transaction_stream_anonymized",
    "transaction_stream_blacklisted",
];
const TABLES: [&str; 4] = [
    "user_transaction_summary",
    "user_transaction_summary_eur",
    "payment_method_totals",
    "product_purchase_counts",
];

fn assert_lake_holds_expected_rows(project: &Project, server: &Server) {
    let expected = server.get().expected_rows();
    for dataset in STREAMS {
        let totals = &expected.datasets[&dataset.to_uppercase()];
        let dir = project.stream(dataset);
        assert_each_offset_once(&dir, totals.rows);
        let files = data_files(&dir);
        assert_eq!(Some(decimal_sum(&files, "AMOUNT")), totals.amount, "{dataset}");
        let metadata = metadata(&dir);
        assert_eq!(metadata["total_records"], totals.rows);
        assert_eq!(metadata["caught_up"], true);
        let next: Vec<u64> =
            metadata["positions"].as_object().unwrap().values().map(|v| v.as_u64().unwrap()).collect();
        assert_eq!(next, totals.end_offsets, "{dataset}");
    }
    let anonymized = data_files(&project.stream("transaction_stream_anonymized"));
    let eur = expected.datasets["TRANSACTION_STREAM_ANONYMIZED"].amount_eur;
    assert_eq!(Some(decimal_sum(&anonymized, "AMOUNT_EUR")), eur);
    for dataset in TABLES {
        let totals = &expected.datasets[&dataset.to_uppercase()];
        let dir = project.table(dataset);
        assert_eq!(row_count(&dir), totals.rows, "{dataset}");
        let files = data_files(&dir);
        let (count, total) = match dataset {
            "product_purchase_counts" => ("PURCHASES", None),
            "user_transaction_summary_eur" => ("TX_COUNT", Some(("TOTAL_EUR", totals.amount_eur))),
            _ => ("TX_COUNT", Some(("TOTAL_AMOUNT", totals.amount))),
        };
        let counted: u64 = totals.by_key.values().map(|key| key.count).sum();
        assert_eq!(u64::try_from(bigint_sum(&files, count)).unwrap(), counted, "{dataset}");
        if let Some((column, sum)) = total {
            assert_eq!(Some(decimal_sum(&files, column)), sum, "{dataset}");
        }
    }
}

#[test]
fn eight_datasets_then_nothing_then_exactly_the_new_rows() {
    let server = Server::with_rows(3_000);
    let project = Project::with_eight_feeds(&server.url());

    let first = project.ok(&["export", "--all", "--json"]);
    assert_lake_holds_expected_rows(&project, &server);
    let summary = first.json().pop().unwrap();
    assert_eq!((summary["done"].as_u64(), summary["exit"].as_u64()), (Some(8), Some(0)));

    let files_before: Vec<_> = STREAMS.iter().flat_map(|d| data_files(&project.stream(d))).collect();
    let again = project.ok(&["export", "--all", "--json"]);
    assert_lake_holds_expected_rows(&project, &server);
    let files_after: Vec<_> = STREAMS.iter().flat_map(|d| data_files(&project.stream(d))).collect();
    assert_eq!(files_before, files_after, "a run with nothing new makes no file");
    for dataset in STREAMS {
        assert_eq!(again.finished(dataset)["rows"], 0);
        let metadata = metadata(&project.stream(dataset));
        assert!(metadata["checked_at"].as_str() > metadata["last_export"].as_str());
    }

    server.get().append(1_000);
    let third = project.ok(&["export", "--all", "--json"]);
    assert_lake_holds_expected_rows(&project, &server);
    assert_eq!(third.finished("transaction_stream")["rows"], 1_000);
    assert_eq!(third.finished("transaction_flattened")["rows"], 1_000);
    assert_eq!(metadata(&project.table("payment_method_totals"))["current_version"], 3);
    assert!(!project.table("payment_method_totals").join("version=v2").exists(), "keep_versions is 1");
}

#[test]
fn folders_names_modes_and_metadata_are_those_of_the_contract() {
    let server = Server::with_rows(300);
    let project = Project::with_eight_feeds(&server.url());
    project.ok(&["export", "--all"]);
    let raw = project.stream("transaction_stream");
    let file = data_files(&raw).remove(0);
    let below = file.strip_prefix(&raw).unwrap().to_str().unwrap().to_owned();
    assert!(below.starts_with("year=2025/month=01/day="), "{below}");
    let name = file.file_name().unwrap().to_str().unwrap();
    let day = &below["year=2025/month=01/day=".len()..][..2];
    assert!(name.starts_with(&format!("data_202501{day}_")), "{name}");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&raw), mode(file.parent().unwrap()), mode(&file)), (0o750, 0o750, 0o640));
    let open = project.stream("transaction_stream_anonymized");
    assert_eq!((mode(&open), mode(&data_files(&open)[0])), (0o755, 0o644));

    let table = project.table("payment_method_totals");
    let snapshot = data_files(&table).remove(0);
    let below = snapshot.strip_prefix(&table).unwrap().to_str().unwrap().to_owned();
    assert!(below.starts_with("version=v1/snapshot_"), "{below}");

    let metadata = metadata(&raw);
    assert_eq!(metadata["source"], "transaction_stream");
    assert_eq!(metadata["type"], "stream");
    assert_eq!(metadata["storage_mode"], "append");
    assert_eq!(metadata["format"], "parquet");
    assert_eq!(metadata["partitioning"], "date");
    assert_eq!(metadata["schema_version"], "1.0");
    assert_eq!(metadata["read_way"], "offsets");
    let records: u64 =
        metadata["partitions"].as_array().unwrap().iter().map(|p| p["records"].as_u64().unwrap()).sum();
    assert_eq!(records, 300);

    let schema = batches(&file)[0].schema();
    for partition_column in ["year", "month", "day"] {
        let clash = schema.fields().iter().any(|f| f.name().eq_ignore_ascii_case(partition_column));
        assert!(!clash, "{partition_column} is in the path only");
    }
    let log = project.log();
    assert!(log.contains("transaction_stream") && log.contains("committed"), "{log}");
}

#[test]
fn a_stream_without_a_reader_is_read_until_it_is_quiet_or_prepared_for() {
    let server = Server::start(DemoOptions { rows: 2_000, end_helpers: false, ..DemoOptions::default() });
    let project = Project::on(&server.url());
    project.feed("black", "stream", "TRANSACTION_STREAM_BLACKLISTED", "");
    let rows = server.get().expected_rows().datasets["TRANSACTION_STREAM_BLACKLISTED"].rows;
    assert!(rows > 0);

    let ran = project.ok(&["export", "--feed", "black", "--json"]).json();
    let at = |wanted: &str| ran.iter().position(|e| e.to_string().contains(wanted));
    let said = at("`lakehand feeds prepare black` shows the statement").expect("the helper is named");
    assert!(said < at("\"committed\"").unwrap(), "before anything is read: {ran:?}");
    let dir = project.stream("transaction_stream_blacklisted");
    assert_each_offset_once(&dir, rows);
    assert_eq!(metadata(&dir)["read_way"], "idle");
    assert!(metadata(&dir)["complete_through"].is_null(), "a quiet time proves no instant");

    let shown = project.ok(&["feeds", "prepare", "black", "--yes"]);
    assert!(shown.out.contains("CREATE STREAM") && shown.out.contains("LAKEHAND_END"), "{}", shown.out);
    server.get().append(2_000);
    project.ok(&["export", "--feed", "black"]);
    assert_each_offset_once(
        &dir,
        server.get().expected_rows().datasets["TRANSACTION_STREAM_BLACKLISTED"].rows,
    );
    assert_eq!(metadata(&dir)["read_way"], "offsets");
    assert!(metadata(&dir)["complete_through"].is_string());
    let again = project.ok(&["feeds", "prepare", "black", "--yes"]);
    assert!(again.out.contains("nothing to prepare"), "{}", again.out);
}

#[test]
fn ignore_exports_once() {
    let server = Server::with_rows(200);
    let project = Project::on(&server.url());
    project.feed("once", "table", "payment_method_totals", r#""storage_mode": "ignore""#);
    project.ok(&["export", "--feed", "once"]);
    let again = project.ok(&["export", "--feed", "once", "--json"]);
    assert_eq!(again.finished("once")["outcome"], "skipped");
    assert_eq!(metadata(&project.table("payment_method_totals"))["current_version"], 1);
}

#[test]
fn renamed_excluded_and_without_row_metadata() {
    let server = Server::with_rows(200);
    let project = Project::on(&server.url());
    project.feed(
        "slim",
        "stream",
        "transaction_flattened",
        r#""rename": {"AMOUNT": "betrag"}, "exclude_columns": ["CARD_NUMBER", "IBAN"], "row_metadata": false,
           "partitioning": {"type": "date", "columns": ["year", "month"], "timestamp_column": "EVENT_TIME",
                            "timezone": "Europe/Paris"}"#,
    );
    project.ok(&["export", "--feed", "slim"]);
    let dir = project.stream("transaction_flattened");
    let files = data_files(&dir);
    let schema = batches(&files[0])[0].schema();
    let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert!(names.contains(&"betrag") && !names.contains(&"AMOUNT"), "{names:?}");
    for gone in ["CARD_NUMBER", "IBAN", "ROWTIME", "ROWPARTITION", "ROWOFFSET"] {
        assert!(!names.contains(&gone), "{gone} in {names:?}");
    }
    assert_eq!(row_count(&dir), 200);
    assert_eq!(
        Some(decimal_sum(&files, "betrag")),
        server.get().expected_rows().datasets["TRANSACTION_FLATTENED"].amount
    );
    assert!(files.iter().all(|f| f.parent().unwrap().ends_with("year=2025/month=01")), "{files:?}");
    project.ok(&["export", "--feed", "slim"]);
    assert_eq!(row_count(&dir), 200, "positions are kept in the metadata, not only in the rows");
}

#[test]
fn a_windowed_table_keeps_its_window_and_a_session_table_is_refused() {
    let server = Server::with_rows(300);
    let project = Project::on(&server.url());
    project.feed("daily", "table", "daily_totals", "").feed("sessions", "table", "user_sessions", "");
    let ran = project.run(&["export", "--all", "--json"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.finished("daily")["outcome"], "done");
    let files = data_files(&project.table("daily_totals"));
    assert!(bigint_sum(&files, "WINDOWEND") > bigint_sum(&files, "WINDOWSTART"));
    let refusal = ran.finished("sessions");
    assert_eq!(refusal["class"], "feed");
    let asked: Vec<_> = server.get().log().into_iter().filter_map(|seen| seen.sql).collect();
    assert!(!asked.iter().any(|sql| sql.starts_with("SELECT") && sql.contains("USER_SESSIONS")), "{asked:?}");
}

#[test]
fn a_dry_run_says_what_it_would_read_and_writes_nothing() {
    let server = Server::with_rows(100);
    let project = Project::with_eight_feeds(&server.url());
    let ran = project.ok(&["export", "--all", "--dry-run"]);
    assert!(ran.out.contains("would read by offset") && ran.out.contains("AMOUNT"), "{}", ran.out);
    assert!(!project.path().join("data_lake").exists());
}

#[test]
fn follow_commits_as_rows_come_until_it_is_stopped() {
    let server = Server::with_rows(500);
    let project = Project::on(&server.url()).set("export.commit_every=200ms");
    project.feed("live", "stream", "transaction_stream", r#""mode": "follow""#);
    let child = project.spawn(&["export", "--feed", "live"]);
    let dir = project.stream("transaction_stream");
    let held = || {
        std::fs::read_to_string(dir.join("_metadata.json"))
            .ok()
            .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok()?["total_records"].as_u64())
    };
    support::wait_until("the first rows", || held() == Some(500));
    server.get().append(250);
    support::wait_until("the new rows", || held() == Some(750));
    signal(&child, rustix::process::Signal::TERM);
    let ran = support::Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{}{}", ran.out, ran.err);
    assert_each_offset_once(&dir, 750);
}

fn signal(child: &std::process::Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Runs an engine; `ask` looks at each event and may ask for more.
fn run_engine(setup: impl FnOnce() -> Setup, first: Vec<Request>, mut ask: impl FnMut(&Engine, &Event)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (engine, mut events) = Engine::start(setup());
        for request in first {
            engine.submit(request);
        }
        while let Some(event) = events.recv().await {
            ask(&engine, &event);
        }
    });
}

fn stream_feed(name: &str) -> Feed {
    let text =
        format!(r#"{{"feed_name": "{name}", "feed_type": "stream", "ksqldb_source": "transaction_stream"}}"#);
    parse_feed(&text, name).unwrap()
}

const DAY: &str = "2025-01-02";

fn request(feed: &Feed, work: Work) -> Request {
    Request { feed: feed.clone(), trigger: Trigger::Asked, work }
}

#[test]
fn a_catch_up_that_waits_and_a_day_are_both_exported_as_they_were_asked_for() {
    let server = Server::with_rows(2_000);
    let root = support::scratch();
    let (feed, other) = (stream_feed("f"), stream_feed("other"));
    let day = Work::Day(DAY.parse().unwrap());
    // The only place is taken, so that all of these wait side by side.
    let first = [request(&other, Work::CatchUp), request(&feed, Work::CatchUp), request(&feed, day)];
    let mut ends = Vec::new();
    run_engine(
        || setup(&server.url(), Lake::new(root.path())),
        first.into(),
        |engine, event| {
            if let What::Finished(finished) = &event.what {
                ends.push((event.feed.clone(), format!("{:?}", finished.outcome)));
            }
            engine.close();
        },
    );
    let of_feed: Vec<_> = ends.iter().filter(|(feed, _)| feed == "f").map(|(_, text)| text).collect();
    assert_eq!(of_feed.len(), 2, "{ends:?}");
    // The second feed of the same dataset has nothing new: it is caught up, and no day was read in its place.
    assert!(of_feed[0].contains("rows held"), "{ends:?}");
    assert!(of_feed[1].contains("exported again"), "{ends:?}");
}

#[test]
fn a_day_that_is_asked_for_while_an_export_runs_follows_it() {
    let server = Server::with_rows(2_000);
    let root = support::scratch();
    let feed = stream_feed("f");
    let mut asked = false;
    let mut ends = Vec::new();
    run_engine(
        || setup(&server.url(), Lake::new(root.path())),
        vec![request(&feed, Work::CatchUp)],
        |engine, event| match &event.what {
            What::Started { .. } if !asked => {
                asked = true;
                engine.submit(request(&feed, Work::Day(DAY.parse().unwrap())));
                engine.close();
            }
            What::Finished(finished) => ends.push(format!("{:?}", finished.outcome)),
            _ => {}
        },
    );
    assert_eq!(ends.len(), 2, "{ends:?}");
    assert!(ends[0].contains("caught up") && ends[1].contains("exported again"), "{ends:?}");
}

#[test]
fn what_is_asked_for_on_hearing_of_an_end_is_exported() {
    let server = Server::with_rows(50);
    let root = support::scratch();
    let feed = stream_feed("f");
    // Often, as the fault was a race between two signs of one end.
    let mut ends = 0;
    run_engine(
        || setup(&server.url(), Lake::new(root.path())),
        vec![request(&feed, Work::CatchUp)],
        |engine, event| {
            if let What::Finished(finished) = &event.what {
                assert!(matches!(finished.outcome, Outcome::Done { .. }), "{:?}", finished.outcome);
                ends += 1;
                if ends < 20 { engine.submit(request(&feed, Work::CatchUp)) } else { engine.close() }
            }
        },
    );
    assert_eq!(ends, 20);
}

/// A clock that panics on the thread of an export.
fn faulty_clock() -> chrono::DateTime<chrono::Utc> {
    let export = std::thread::current().name().is_some_and(|name| name.starts_with("export "));
    assert!(!export, "a panic of an export, as the test asked");
    chrono::Utc::now()
}

#[test]
fn a_feed_whose_export_panics_or_never_reports_has_failed() {
    let server = Server::with_rows(50);
    let root = support::scratch();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let asked = || Asked {
        requests: vec![request(&stream_feed("f"), Work::CatchUp), request(&stream_feed("g"), Work::CatchUp)],
        invalid: 0,
        output: Output::Human,
        clock: chrono::Utc::now,
    };
    runtime.block_on(async {
        let setup = || Setup { clock: faulty_clock, ..setup(&server.url(), Lake::new(root.path())) };
        let (engine, events) = Engine::start(setup());
        let (totals, exit) = run(engine, events, asked(), &root.path().join("logs")).await.unwrap();
        assert_eq!((totals.done, totals.failures.len(), exit), (0, 2, Exit::Failed), "panics");
        // The events of an engine that is lost: nothing ever comes.
        let (engine, _events) = Engine::start(setup());
        let (lost, events) = tokio::sync::mpsc::channel(1);
        drop(lost);
        let (totals, exit) = run(engine, events, asked(), &root.path().join("logs")).await.unwrap();
        assert_eq!((totals.done, totals.failures.len(), exit), (0, 2, Exit::Failed), "silence");
        let (engine, events) = Engine::start(setup());
        let none = Asked { requests: vec![], invalid: 1, ..asked() };
        let (_, exit) = run(engine, events, none, &root.path().join("logs")).await.unwrap();
        assert_eq!(exit, Exit::Failed, "an invalid feed was asked for");
    });
    let log = std::fs::read_dir(root.path().join("logs")).unwrap().next().unwrap().unwrap();
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert_eq!(log.matches("ended without telling its outcome").count(), 2, "{log}");
}

/// A restart does not make a failed feed look healthy: what failed is kept until an export does not.
#[test]
fn how_the_last_export_failed_is_kept_until_one_does_not() {
    let server = Server::with_rows(100);
    let project = Project::on(&server.url()).set("export.retries=0");
    project.feed("raw", "stream", "transaction_stream", "");
    let told = |project: &Project| {
        let listed = project.run(&["feeds", "list", "--json"]);
        serde_json::from_str::<serde_json::Value>(listed.out.lines().next().unwrap()).unwrap()
    };
    assert_eq!(project.run(&["export", "--all"]).code, 0);
    assert!(told(&project)["last_failure"].is_null());

    server.faults().all_with("DESCRIBE", Fault::Status { code: 503, retry_after: None });
    assert_eq!(project.run(&["export", "--all"]).code, 1);
    let failure = told(&project)["last_failure"].clone();
    assert_eq!(failure["kind"], "busy", "{failure}");
    assert!(project.run(&["feeds", "list"]).out.contains("failed: "));
    assert!(project.run(&["feeds", "show", "raw"]).out.contains("the last export failed at "));

    server.faults().clear();
    assert_eq!(project.run(&["export", "--all"]).code, 0);
    assert!(told(&project)["last_failure"].is_null(), "nothing new is a success too");
}

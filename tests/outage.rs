//! The server or the brokers go away: what waits, who is told, how it ends.

#[path = "support/engine.rs"]
mod engine;
mod support;

use std::process::Child;
use std::time::{Duration, Instant};

use lakehand::demo::{DemoOptions, Fault};
use lakehand::export::event::What;
use lakehand::export::{Engine, Options, Outcome, Request, Setup, Trigger, Work};
use lakehand::feed::{Catalog, Feed};
use lakehand::lake::Lake;
use serde_json::Value;
use support::{Project, Ran, Server, assert_each_offset_once, row_count, wait_until};

const STREAMS: [&str; 4] = [
    "transaction_stream",
    "transaction_flattened",
    "transaction_stream_anonymized",
    "transaction_stream_blacklisted",
];

/// Eight feeds, two at a time, on a server whose streams stop in the middle, so that exports run until it goes away.
fn stalled(setting: &str) -> (Server, Project) {
    let server = Server::start(DemoOptions { rows: 2_000, ..DemoOptions::default() });
    let project = Project::with_eight_feeds(&server.url()).set(setting).set("watch.on_start=all");
    server.faults().all_with("EMIT CHANGES", Fault::StallAfterRows(100, None));
    (server, project)
}

/// Both places are taken by exports that read; then the server is gone.
fn go_away(server: &Server) {
    wait_until("two exports read", || server.get().running() == 2);
    server.faults().refuse_connections(true);
    // Only then are the open connections cut: none is made anew in between.
    let address = server.url().trim_start_matches("http://").to_owned();
    wait_until("the port is closed", || std::net::TcpStream::connect(&address).is_err());
    server.faults().restart();
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

fn events<'a>(all: &'a [Value], name: &str) -> Vec<&'a Value> {
    all.iter().filter(|event| event["event"] == name).collect()
}

/// An outage is told once and not once a feed, no attempt is counted, and everything is there afterwards.
#[test]
fn a_server_that_comes_back_is_waited_for() {
    for command in [["export", "--all", "--json"].as_slice(), &["watch", "--json"]] {
        let (server, project) = stalled("export.outage_wait=60s");
        // No retry is left to be used up.
        let project = project.set("export.retries=0");
        let child = project.spawn(command);
        go_away(&server);
        wait_until("the outage is told", || project.log().contains(" paused "));
        server.faults().clear();
        if command[0] == "watch" {
            wait_until("all is exported", || project.log().matches(" exported ").count() == 8);
            signal(&child, rustix::process::Signal::TERM);
        }
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!(ran.code, 0, "{command:?}\n{}\n{}", ran.out, ran.err);
        let told = ran.json();
        let (paused, resumed) = (events(&told, "paused"), events(&told, "resumed"));
        assert_eq!((paused.len(), resumed.len()), (1, 1), "{}", ran.out);
        assert_eq!((&paused[0]["waits_for"], &paused[0]["feed"]), (&"server".into(), &Value::Null));
        assert_eq!(paused[0]["at_most_seconds"].is_null(), command[0] == "watch");
        assert_eq!(events(&told, "retrying").len(), 0, "{}", ran.out);
        for name in ["paused", "resumed"] {
            assert_eq!(project.log().matches(&format!(" {name} ")).count(), 1, "{}", project.log());
        }
        for stream in &STREAMS[..3] {
            assert_each_offset_once(&project.stream(stream), 2_000);
        }
    }
}

/// What cron runs waits for a while, and then ends as for a server that is not there.
#[test]
fn a_server_that_stays_away_ends_an_export_with_3() {
    let (server, project) = stalled("export.outage_wait=400ms");
    let child = project.spawn(&["export", "--all", "--json"]);
    go_away(&server);
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 3, "{}\n{}", ran.out, ran.err);
    let told = ran.json();
    assert_eq!(events(&told, "paused").len(), 1, "{}", ran.out);
    let failed: Vec<_> =
        events(&told, "finished").into_iter().filter(|event| event["outcome"] == "failed").collect();
    for feed in failed {
        let error = feed["error"].as_str().unwrap();
        assert!(error.contains("did not come back within") && error.contains("outage_wait"), "{error}");
    }

    // A server that is away from the beginning, too.
    let ran = project.run(&["export", "--all"]);
    assert_eq!(ran.code, 3, "{}\n{}", ran.out, ran.err);
    assert!(ran.err.contains("waiting for the server, at most 400ms"), "{}", ran.err);
    server.faults().clear();
    project.ok(&["export", "--all"]);
}

#[test]
fn a_wait_ends_at_once_when_somebody_asks_to_stop() {
    let (server, project) = stalled("export.outage_wait=1h");
    // The next probe is far away.
    let project = project.set("export.retry_base=20s").set("export.retry_max=20s");
    let child = project.spawn(&["export", "--all", "--json"]);
    go_away(&server);
    wait_until("the outage is told", || project.log().contains(" paused "));
    let asked = Instant::now();
    signal(&child, rustix::process::Signal::INT);
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(ran.code, 130, "{}\n{}", ran.out, ran.err);
    assert_eq!(events(&ran.json(), "finished").len(), 8, "each tells its end: {}", ran.out);
}

/// A query over brokers that are gone says nothing, for ever: that is told long before its time limit ends, and what had come is
/// kept.
#[test]
fn a_silence_is_told_as_the_outage_that_it_is() {
    let server = Server::with_rows(2_000);
    let project = Project::on(&server.url()).set("export.outage_wait=60s");
    // A quarter of the time limit, and ten seconds at most.
    let project = project.set("server.inactivity_timeout=4s").set("export.retries=0");
    project.feed("raw", "stream", "transaction_stream", "");
    server.faults().all_with("EMIT CHANGES", Fault::StallAfterRows(100, None));
    server.get().lose_brokers(true);
    let child = project.spawn(&["export", "--all", "--json"]);
    wait_until("the outage is told", || project.log().contains(" paused waits_for=brokers"));
    wait_until("what had come is committed", || row_count(&project.stream("transaction_stream")) == 100);
    server.faults().clear();
    server.get().lose_brokers(false);
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert_eq!(events(&ran.json(), "retrying").len(), 0, "{}", ran.out);
    assert_each_offset_once(&project.stream("transaction_stream"), 2_000);
}

/// ksqlDB says that its brokers are gone: streams wait, tables do not.
#[test]
fn an_outage_of_the_brokers_holds_what_needs_them() {
    let server = Server::with_rows(2_000);
    let project = Project::with_eight_feeds(&server.url()).set("export.outage_wait=60s");
    server.get().lose_brokers(true);
    server.faults().all_with("EMIT CHANGES", Fault::Status { code: 500, retry_after: None });
    let child = project.spawn(&["export", "--all", "--json"]);
    wait_until("tables are exported", || project.log().matches(" exported ").count() == 4);
    server.faults().clear();
    server.get().lose_brokers(false);
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    let told = ran.json();
    let place = |event: &str| told.iter().position(|e| e["event"] == event).unwrap();
    assert_eq!(events(&told, "paused")[0]["waits_for"], "brokers");
    let kinds = |from: usize, to: usize| -> Vec<String> {
        let done = told[from..to].iter().filter(|e| e["event"] == "finished");
        done.map(|e| e["feed"].as_str().unwrap().to_owned()).collect()
    };
    let (before, after) = (kinds(0, place("resumed")), kinds(place("resumed"), told.len()));
    assert_eq!((before.len(), after.len()), (4, 4), "{before:?} {after:?}");
    let catalog = Catalog::load(&lakehand::feed::FeedPaths::below(&project.path().join("feeds"))).unwrap();
    for name in after {
        let feed = catalog.active_feeds().find(|feed| feed.name == name).unwrap();
        assert_eq!(feed.kind, lakehand::feed::FeedKind::Stream, "{name}");
    }
}

/// A compaction asks nobody, so it waits for nobody.
#[test]
fn a_compaction_is_done_while_exports_wait_for_the_server() {
    let server = Server::start(DemoOptions { rows: 200, days: 1, ..DemoOptions::default() });
    let project = Project::on(&server.url());
    project.feed("flat", "stream", "transaction_flattened", "");
    project.feed("raw", "stream", "transaction_stream", "");
    for _ in 0..3 {
        project.ok(&["export", "--all"]);
        server.get().append(40);
    }
    let feed = |name: &str| -> Feed {
        let catalog =
            Catalog::load(&lakehand::feed::FeedPaths::below(&project.path().join("feeds"))).unwrap();
        catalog
            .entries
            .iter()
            .filter_map(|entry| entry.feed())
            .find(|feed| feed.name == name)
            .unwrap()
            .clone()
    };
    let before = support::data_files(&project.stream("transaction_flattened")).len();
    server.faults().refuse_connections(true);
    let setup = engine::setup(&server.url(), Lake::new(project.path().join("data_lake")));
    let options = Options { outage_wait: None, ..setup.options };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (engine, mut events) = Engine::start(Setup { options, concurrency: 2, ..setup });
        engine.submit(Request { feed: feed("raw"), trigger: Trigger::Asked, work: Work::CatchUp });
        let soon = Duration::from_secs(60);
        while let Some(event) =
            tokio::time::timeout(soon, events.recv()).await.expect("it waits for the server")
        {
            match event.what {
                What::Paused { .. } => {
                    let work = Work::Compact(None);
                    engine.submit(Request { feed: feed("flat"), trigger: Trigger::Asked, work });
                }
                What::Finished(finished) => {
                    assert_eq!(event.feed, "flat", "the export waits");
                    assert!(matches!(finished.outcome, Outcome::Done { .. }), "{:?}", finished.outcome);
                    break;
                }
                What::Resumed { .. } => panic!("the server is away"),
                _ => {}
            }
        }
        engine.cancel("raw");
        engine.close();
        while events.recv().await.is_some() {}
    });
    assert!(support::data_files(&project.stream("transaction_flattened")).len() < before);
}

//! `lakehand tier` and the engine's jobs: the real program, from the export to the day that comes home.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lakehand::config::ColdConfig;
use lakehand::demo::DemoOptions;
use lakehand::export::event::What;
use lakehand::export::tier::TierSetup;
use lakehand::export::{Engine, Outcome, Request, Setup, Trigger, Work};
use lakehand::feed::{Catalog, Feed, FeedPaths};
use lakehand::lake::{Lake, read_metadata};
use lakehand::tier::ColdStore;
use serde_json::Value;

use crate::engine;
use crate::project::{Project, Server, assert_each_offset_once, row_count};

const FEED: &str = "transaction_flattened";
const ROWS: u64 = 400;

fn server() -> Server {
    // Four days of 2025: each is over, and sealed by the first export.
    Server::start(DemoOptions { rows: ROWS, days: 4, ..DemoOptions::default() })
}

/// A project whose cold store is a folder of its own.
fn project(server: &Server) -> (Project, PathBuf) {
    let project = Project::on(&server.url());
    let archive = project.path().join("archive");
    std::fs::create_dir(&archive).unwrap();
    std::fs::write(archive.join(".lakehand-cold"), "").unwrap();
    let project = project
        .set(&format!("tier.cold.url=file://{}", archive.display()))
        .set("tier.grace=0s")
        .set("export.seal_after=0s");
    project.feed(FEED, "stream", FEED, r#""tier_after_days": 1"#);
    (project, archive)
}

fn of<'v>(objects: &'v [Value], event: &str) -> Vec<&'v Value> {
    objects.iter().filter(|object| object["event"] == event).collect()
}

fn objects(archive: &Path) -> Vec<PathBuf> {
    crate::project::data_files(&archive.join("streams").join(FEED))
}

#[test]
fn days_go_are_listed_verified_and_come_home() {
    let server = server();
    let (project, archive) = project(&server);
    project.ok(&["export", "--all"]);
    let dataset = project.stream(FEED);

    let planned = project.ok(&["tier", "plan", "--json"]).json();
    assert_eq!(of(&planned, "would-move").len(), 4);
    assert_eq!(of(&project.ok(&["tier", "run", "--dry-run", "--json"]).json(), "would-move").len(), 4);
    assert!(objects(&archive).is_empty(), "a plan copies nothing");

    let moved = project.ok(&["tier", "run", "--json"]).json();
    assert_eq!(of(&moved, "moved").len(), 4);
    assert_eq!(of(&moved, "summary")[0]["rows"], ROWS);
    assert_eq!((row_count(&dataset), objects(&archive).len()), (ROWS, 4), "the copies are there still");
    let freed = project.ok(&["tier", "run", "--json"]).json();
    assert_eq!((of(&freed, "freed").len(), of(&freed, "moved").len()), (4, 0));
    assert_eq!(crate::project::data_files(&dataset).len(), 0);

    let days = project.ok(&["tier", "list", FEED, "--json"]).json();
    assert!(days.len() == 4 && days.iter().all(|day| day["tier"] == "cold" && day["local_bytes"] == 0));
    let verified = project.ok(&["tier", "verify", "--deep", "--json"]).json();
    assert_eq!((&verified[0]["objects"], &verified[0]["read"]), (&Value::from(4), &Value::from(4)));
    project.ok(&["check", "--deep"]);
    let code = project.ok(&["read", FEED, "--json"]).json()[0]["code"].as_str().unwrap().to_owned();
    assert_eq!(code.matches(archive.to_str().unwrap()).count(), 5, "four objects, and the header:\n{code}");

    let day = "2025-01-02";
    let home = project.ok(&["tier", "restore", FEED, "--day", day, "--json"]).json();
    assert_eq!(home[0]["event"], "home");
    assert_eq!(crate::project::data_files(&dataset).len(), 1);
    project.ok(&["check", "--deep"]);
    assert_eq!(project.run(&["tier", "restore", FEED, "--day", day]).code, 2, "it is home");
}

#[test]
fn what_is_wrong_with_the_store_has_its_exit_code() {
    let server = server();
    let (project, archive) = project(&server);
    project.ok(&["export", "--all"]);
    project.ok(&["tier", "run"]);
    let object = objects(&archive).remove(0);
    let mut bytes = std::fs::read(&object).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&object, bytes).unwrap();
    for command in [&["tier", "verify", "--deep"][..], &["check", "--deep"], &["tier", "run"]] {
        let ran = project.run(command);
        assert_eq!(ran.code, 5, "{command:?}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains("another content than what went there"), "{command:?}: {}", ran.out);
    }
    assert_eq!(crate::project::data_files(&project.stream(FEED)).len(), 1, "its local copy stays");
    std::fs::remove_file(archive.join(".lakehand-cold")).unwrap();
    assert_eq!(project.run(&["tier", "run"]).code, 3, "a disk that is not mounted");
    let none = Project::on(&server.url());
    none.feed(FEED, "stream", FEED, "");
    none.ok(&["export", "--all"]);
    let ran = none.run(&["tier", "run"]);
    assert!(ran.code == 2 && ran.err.contains("tier.cold.url"), "{}", ran.err);
}

fn feed(project: &Project) -> Feed {
    let catalog = Catalog::load(&FeedPaths::below(&project.path().join("feeds"))).unwrap();
    catalog.entries.iter().find_map(|entry| entry.feed()).unwrap().clone()
}

/// Runs jobs of an engine one after the other; gives how each ended.
fn outcomes(setup: Setup, feed: &Feed, works: &[Work]) -> Vec<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (engine, mut events) = Engine::start(setup);
        let mut found = Vec::new();
        for work in works {
            engine.submit(Request { feed: feed.clone(), trigger: Trigger::Asked, work: *work });
            while let Some(event) = events.recv().await {
                if let What::Finished(finished) = event.what {
                    // Rows that moved were not exported by this.
                    if !matches!(work, Work::CatchUp | Work::Day(_)) {
                        assert_eq!(finished.counters.committed, 0, "{work:?}");
                    }
                    found.push(finished.outcome);
                    break;
                }
            }
        }
        engine.close();
        while events.recv().await.is_some() {}
        found
    })
}

fn done(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Done { text } => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn days_move_behind_an_export_and_a_day_that_is_exported_again_comes_home_first() {
    let server = server();
    let (project, archive) = project(&server);
    let (feed, dataset) = (feed(&project), project.stream(FEED));
    let cold = ColdConfig { url: format!("file://{}", archive.display()), ..ColdConfig::default() };
    let tier = TierSetup {
        open: Arc::new(move || ColdStore::open(&cold)),
        grace: Duration::ZERO,
        bin_grace: Duration::from_secs(3600),
        parallel: 2,
        restore_days: 1,
        after_export: true,
    };
    let lake = Lake::new(project.path().join("data_lake")).sealing_after(Some(Duration::ZERO));
    let setup = |after_export| Setup {
        tier: Some(TierSetup { after_export, ..tier.clone() }),
        ..engine::setup(&server.url(), lake.clone())
    };
    let found = outcomes(setup(true), &feed, &[Work::CatchUp]);
    assert!(done(&found[0]).contains("4 days went to the cold tier"), "{found:?}");
    assert_eq!(objects(&archive).len(), 4);

    // Asked for by a key: the copies go, the day is exported again, and another comes home.
    let day = |n| chrono::NaiveDate::from_ymd_opt(2025, 1, n).unwrap();
    let works = [Work::Tier(None), Work::Day(day(3)), Work::Restore(day(2)), Work::Tier(None)];
    let found = outcomes(setup(false), &feed, &works);
    assert!(done(&found[0]).contains("local copies of 4 days are gone"), "{found:?}");
    assert!(done(&found[1]).contains("exported again"), "{found:?}");
    assert!(done(&found[2]).contains("is home"), "{found:?}");
    // One day is open again; the other is as old as before, and the same file: its object is found there.
    assert!(done(&found[3]).contains("1 days went to the cold tier"), "{found:?}");
    let metadata = read_metadata(&dataset).unwrap().unwrap();
    let cold: Vec<bool> = metadata.partitions.iter().map(|partition| partition.cold.is_some()).collect();
    assert_eq!((cold, metadata.total_records), (vec![true, true, false, true], ROWS));
    project.ok(&["check", "--deep"]);
    for n in [1, 2, 4] {
        project.ok(&["tier", "restore", FEED, "--day", &day(n).to_string()]);
    }
    assert_each_offset_once(&dataset, ROWS);
}

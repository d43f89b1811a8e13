//! A stream over another log than before is held, both logs are shown, and the operator decides.

use lakehand::demo::DemoOptions;

use crate::broker::Broker;
use crate::support::{Project, Server, assert_each_offset_once, metadata, row_count};

/// Through ksqlDB alone: the server says that it works on another cluster.
#[test]
fn another_cluster_behind_the_same_stream_is_held() {
    let server = |rows, cluster: &str| {
        Server::start(DemoOptions { rows, cluster: Some(cluster.to_owned()), ..DemoOptions::default() })
    };
    let old = server(60, "old-cluster");
    let project = Project::on(&old.url());
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", "");
    project.ok(&["export", "--all"]);
    let dataset = project.stream("transaction_flattened");
    assert_eq!(metadata(&dataset)["log"]["cluster"], "old-cluster");
    assert_eq!(metadata(&dataset)["log"]["topic"], "transaction_flattened");
    drop(old);

    let new = server(90, "new-cluster");
    let project = project.moved_to(&new.url());
    let held = project.run(&["export", "--all", "--json"]);
    assert_eq!(held.code, 1, "{}\n{}", held.out, held.err);
    let said = held.finished("flat")["error"].to_string();
    for word in ["old-cluster", "new-cluster", "feeds reset flat --from-start", "--continue"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert_eq!(row_count(&dataset), 60, "nothing was read");
    assert_eq!(metadata(&dataset)["positions"], serde_json::json!({ "0": 20, "1": 20, "2": 20 }));
    assert!(project.ok(&["feeds", "show", "flat"]).out.contains("waits for a decision"));

    project.ok(&["feeds", "reset", "flat", "--continue"]);
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&dataset, 90);
    assert_eq!(metadata(&dataset)["log"]["cluster"], "new-cluster");
    // Nothing waits any more.
    assert_eq!(project.run(&["feeds", "reset", "flat", "--continue"]).code, 2);
}

#[test]
fn a_reset_from_the_start_keeps_what_was_there_under_another_name() {
    let broker = Broker::start();
    let server = broker.with_rows(60);
    broker.mirror(&server, "TRANSACTION_FLATTENED", "transaction_flattened", 3);
    let project = broker.project(&server);
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    project.ok(&["export", "--all"]);
    let dataset = project.stream("transaction_flattened");
    assert_eq!(metadata(&dataset)["log"]["partitions"], 3);

    // The same stream over a log of another cluster, through brokers of it.
    let other = Broker::start();
    let elsewhere = other.with_rows(90);
    other.mirror(&elsewhere, "TRANSACTION_FLATTENED", "transaction_flattened", 3);
    let project = project.moved_to(&elsewhere.url()).set(&format!("kafka.brokers={}", other.brokers()));
    let held = project.run(&["export", "--all"]);
    assert_eq!(held.code, 1, "{}\n{}", held.out, held.err);
    assert_eq!(row_count(&dataset), 60);

    let said = project.ok(&["feeds", "reset", "flat", "--from-start"]).out;
    assert!(said.contains("transaction_flattened_before_"), "{said}");
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&dataset, 90);
    let aside: Vec<_> = std::fs::read_dir(project.path().join("data_lake/streams"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("_before_"))
        .collect();
    assert_eq!(aside.len(), 1);
    assert_each_offset_once(&aside[0], 60);
    project.ok(&["check", "--all"]);
}

#[test]
fn brokers_of_another_cluster_than_ksqldbs_are_refused() {
    let broker = Broker::start();
    let server = Server::with_rows(30);
    broker.mirror(&server, "TRANSACTION_FLATTENED", "transaction_flattened", 3);
    let project = broker.project(&server);
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    let ran = project.run(&["export", "--all"]);
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
    assert!((ran.out + &ran.err).contains("ksqlDB works on cluster"));
}

#[test]
fn more_partitions_are_fine() {
    let broker = Broker::start();
    let server = broker.with_rows(60);
    broker.mirror(&server, "TRANSACTION_FLATTENED", "transaction_flattened", 3);
    let project = broker.project(&server);
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    // As if the topic had had two of them.
    project.ok(&["export", "--all"]);
    let path = project.stream("transaction_flattened").join("_metadata.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"partitions\": 3"), "{text}");
    std::fs::write(&path, text.replace("\"partitions\": 3", "\"partitions\": 2")).unwrap();
    project.ok(&["export", "--all"]);
    assert_eq!(metadata(&project.stream("transaction_flattened"))["log"]["partitions"], 3);
}

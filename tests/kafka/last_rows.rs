//! A topic that was deleted and made again under its name is known by the last row that the lake was read from.

use std::path::Path;

use lakehand::demo::DemoOptions;

use crate::broker::Broker;
use crate::export::cells;
use crate::support::{Project, Server, assert_each_offset_once, metadata, row_count};

const TOPIC: &str = "transaction_flattened";

fn options(rows: u64, seed: u64) -> DemoOptions {
    DemoOptions { rows, seed, ..DemoOptions::default() }
}

/// The same stream of the same cluster over a topic that was made anew: other transactions, and more of them.
fn recreated(rows: u64) -> DemoOptions {
    options(rows, 2)
}

/// Lets the dataset take the log for one of that cluster: brokers of this process have an id each.
fn of_cluster(project: &Project, cluster: &str) {
    let path = project.stream(TOPIC).join("_metadata.json");
    let mut metadata = metadata(&project.stream(TOPIC));
    metadata["log"]["cluster"] = cluster.into();
    std::fs::write(path, metadata.to_string()).unwrap();
}

fn cluster_of(project: &Project) -> String {
    metadata(&project.stream(TOPIC))["log"]["cluster"].as_str().unwrap().to_owned()
}

fn feed(project: &Project, read: &str) {
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", read);
}

/// Insists that the feed is held, that both rows' times are told, and that the dataset is as it was.
fn assert_held(project: &Project, rows: u64) {
    let dataset = project.stream(TOPIC);
    let positions = metadata(&dataset)["positions"].clone();
    for run in ["that finds it", "after it"] {
        let held = project.run(&["export", "--all", "--json"]);
        assert_eq!(held.code, 1, "{run}: {}\n{}", held.out, held.err);
        let said = held.finished("flat")["error"].to_string();
        for word in [
            "of Kafka partition",
            "the dataset holds the row of 2025-",
            "the log has one of 2025-",
            "--from-start",
            "--continue",
        ] {
            assert!(said.contains(word), "{run}: {word}: {said}");
        }
        assert_eq!(row_count(&dataset), rows, "{run}: nothing was read");
        assert_eq!(metadata(&dataset)["positions"], positions);
        assert_eq!(metadata(&dataset)["pending_decision"]["about"], "log");
        assert!(project.ok(&["feeds", "show", "flat"]).out.contains("waits for a decision"), "{run}");
    }
}

fn remembers_each_partition(dataset: &Path) {
    let metadata = metadata(dataset);
    for (partition, next) in metadata["positions"].as_object().unwrap() {
        let row = &metadata["last_rows"][partition];
        assert_eq!(row["offset"].as_i64().unwrap() + 1, next.as_i64().unwrap(), "{metadata}");
    }
}

#[test]
fn through_ksqldb_a_topic_made_again_is_held_and_decided() {
    let old = Server::start(options(60, 1));
    let project = Project::on(&old.url());
    feed(&project, "");
    project.ok(&["export", "--all"]);
    let dataset = project.stream(TOPIC);
    remembers_each_partition(&dataset);
    // The same log with more rows, and with none more.
    old.get().append(30);
    project.ok(&["export", "--all"]);
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&dataset, 90);
    remembers_each_partition(&dataset);
    drop(old);

    let new = Server::start(recreated(120));
    let project = project.moved_to(&new.url());
    assert_held(&project, 90);
    // Nothing new is no way around it.
    let same = Server::start(recreated(90));
    let project = project.moved_to(&same.url());
    assert_held(&project, 90);
    let project = project.moved_to(&new.url());
    project.ok(&["feeds", "reset", "flat", "--continue"]);
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&dataset, 120);
    remembers_each_partition(&dataset);
    project.ok(&["check", "--all"]);
}

#[test]
fn from_brokers_a_topic_made_again_is_held_and_decided() {
    let broker = Broker::start();
    let server = broker.server(options(60, 1));
    broker.mirror(&server, "TRANSACTION_FLATTENED", TOPIC, 3);
    let project = broker.project(&server);
    feed(&project, r#""read": "kafka""#);
    project.ok(&["export", "--all"]);
    let dataset = project.stream(TOPIC);
    remembers_each_partition(&dataset);
    server.get().append(30);
    broker.produce(TOPIC, &server.get().topic_records("TRANSACTION_FLATTENED", 20));
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&dataset, 90);

    // As long as before, and longer.
    let mut project = project;
    for rows in [90, 150] {
        let other = Broker::start();
        let elsewhere = other.server(recreated(rows));
        other.mirror(&elsewhere, "TRANSACTION_FLATTENED", TOPIC, 3);
        project = other.project_at(project, &elsewhere);
        of_cluster(&project, &other.id());
        assert_held(&project, 90);
        if rows == 150 {
            let said = project.ok(&["feeds", "reset", "flat", "--from-start"]).out;
            assert!(said.contains("transaction_flattened_before_"), "{said}");
            project.ok(&["export", "--all"]);
            assert_each_offset_once(&dataset, 150);
            assert_eq!(cluster_of(&project), other.id());
        }
    }
}

/// A topic whose records are the old ones again is the log of before: a decision that waits is none any more.
#[test]
fn a_log_that_has_the_row_after_all_is_read_on() {
    let old = Server::start(options(60, 1));
    let project = Project::on(&old.url());
    feed(&project, "");
    project.ok(&["export", "--all"]);
    let new = Server::start(recreated(90));
    let project = project.moved_to(&new.url());
    assert_held(&project, 60);
    old.get().append(30);
    let project = project.moved_to(&old.url());
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&project.stream(TOPIC), 90);
    assert!(metadata(&project.stream(TOPIC))["pending_decision"].is_null());
}

#[test]
fn rows_that_compaction_or_retention_took_say_nothing() {
    let broker = Broker::start();
    let server = broker.server(options(60, 1));
    broker.mirror(&server, "TRANSACTION_FLATTENED", TOPIC, 3);
    let project = broker.project(&server);
    feed(&project, r#""read": "kafka""#);
    project.ok(&["export", "--all"]);
    // The same log, in which the rows that the lake was read from last are tombstones' holes: another broker has the same
    // records but for those.
    let other = Broker::start();
    let elsewhere = other.server(options(90, 1));
    other.topic(TOPIC, 3);
    for (partition, records) in by_partition(&elsewhere) {
        for (offset, record) in (0..).zip(&records) {
            let value = if offset == 19 { None } else { Some(record.value.as_slice()) };
            other.send(TOPIC, partition, record.time, Some(&record.key), value);
        }
    }
    other.flush();
    let project = other.project_at(project, &elsewhere);
    of_cluster(&project, &other.id());
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&project.stream(TOPIC), 90);
    remembers_each_partition(&project.stream(TOPIC));
}

fn by_partition(server: &Server) -> std::collections::BTreeMap<i32, Vec<lakehand::demo::TopicRecord>> {
    let mut all: std::collections::BTreeMap<i32, Vec<_>> = std::collections::BTreeMap::new();
    for record in server.get().topic_records("TRANSACTION_FLATTENED", 0) {
        all.entry(record.partition).or_default().push(record);
    }
    all
}

/// Both ways bring the same rows, and each keeps its own last one: a change of the way is no other log.
#[test]
fn a_change_of_the_way_or_of_the_columns_is_no_other_log() {
    let broker = Broker::start();
    let server = broker.server(options(60, 1));
    broker.mirror(&server, "TRANSACTION_FLATTENED", TOPIC, 3);
    let project = broker.project(&server);
    let fields = [
        r#""read": "kafka""#,
        r#""read": "offsets""#,
        r#""read": "kafka""#,
        r#""read": "kafka", "exclude_columns": ["IBAN"]"#,
        r#""read": "offsets", "exclude_columns": ["IBAN"]"#,
    ];
    let mut rows = 60;
    for (nth, fields) in (0_u64..).zip(fields) {
        feed(&project, fields);
        project.ok(&["export", "--all"]);
        assert_each_offset_once(&project.stream(TOPIC), rows);
        server.get().append(30);
        broker.produce(TOPIC, &server.get().topic_records("TRANSACTION_FLATTENED", 20 + nth * 10));
        rows += 30;
    }
    assert_eq!(cells(&project.stream(TOPIC)).len(), 180);
}

/// The record at the lake's last offset was no row: the one before it is asked for, and what lies between comes no second time.
#[test]
fn what_lies_between_the_last_row_and_the_position_comes_no_second_time() {
    let broker = Broker::start();
    let server = broker.server(options(60, 1));
    broker.mirror(&server, "TRANSACTION_FLATTENED", TOPIC, 3);
    broker.send(TOPIC, 1, 1_736_899_200_000, Some(b"bad"), Some(b"{\"AMOUNT\":"));
    broker.send(TOPIC, 1, 1_736_899_200_000, Some(b"gone"), None);
    broker.flush();
    let project = broker.project(&server).set("export.quarantine_limit=50");
    feed(&project, r#""read": "kafka""#);
    project.ok(&["export", "--all"]);
    let dataset = project.stream(TOPIC);
    let quarantined = |dataset: &Path| metadata(dataset)["quarantined_records"].as_u64().unwrap();
    assert_eq!((row_count(&dataset), quarantined(&dataset)), (60, 1));
    assert_eq!(metadata(&dataset)["last_rows"]["1"]["offset"], 19);
    for _ in 0..2 {
        project.ok(&["export", "--all"]);
        assert_eq!((row_count(&dataset), quarantined(&dataset)), (60, 1));
    }
    broker.send(TOPIC, 1, 1_736_899_200_000, Some(b"new"), Some(b"{\"AMOUNT\":1}"));
    broker.flush();
    project.ok(&["export", "--all"]);
    assert_eq!((row_count(&dataset), quarantined(&dataset)), (61, 1));
}

//! Exports with `"read": "kafka"`: the same rows as through ksqlDB, then only what is new.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::cast::AsArray;
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use lakehand::demo::DemoOptions;

use crate::broker::Broker;
use crate::support::{Ran, assert_each_offset_once, batches, data_files, metadata, row_count, wait_until};

/// Every value of a dataset as text, by Kafka partition and offset.
pub(crate) fn cells(dataset: &Path) -> BTreeMap<(i32, i64), Vec<String>> {
    let options = FormatOptions::default().with_null("null");
    let mut rows = BTreeMap::new();
    for batch in data_files(dataset).iter().flat_map(|file| batches(file)) {
        let partitions = batch.column_by_name("ROWPARTITION").unwrap().as_primitive::<Int32Type>().clone();
        let offsets = batch.column_by_name("ROWOFFSET").unwrap().as_primitive::<Int64Type>().clone();
        let columns: Vec<_> =
            batch.columns().iter().map(|array| ArrayFormatter::try_new(array, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let schema = batch.schema();
            let values = columns.iter().zip(schema.fields());
            let values = values.map(|(column, field)| format!("{} = {}", field.name(), column.value(row)));
            let known = rows.insert((partitions.value(row), offsets.value(row)), values.collect());
            assert_eq!(known, None, "doubled");
        }
    }
    rows
}

#[test]
fn every_type_comes_as_it_does_through_ksqldb() {
    let broker = Broker::start();
    let server = broker.server(DemoOptions { rows: 3_000, every_type: true, ..DemoOptions::default() });
    broker.mirror(&server, "EVERY_TYPE", "every_type", 3);
    broker.mirror(&server, "TRANSACTION_STREAM", "transactions", 3);
    let (from_log, from_queries) = (broker.project(&server), broker.project(&server));
    for (project, read) in [(&from_log, r#""read": "kafka""#), (&from_queries, r#""read": "offsets""#)] {
        project.feed("every", "stream", "EVERY_TYPE", read);
        project.feed("raw", "stream", "TRANSACTION_STREAM", read);
        project.ok(&["export", "--all"]);
    }
    for name in ["every_type", "transaction_stream"] {
        let (log, queries) = (from_log.stream(name), from_queries.stream(name));
        assert_each_offset_once(&log, 3_000);
        let (log_rows, query_rows) = (cells(&log), cells(&queries));
        for (position, row) in &query_rows {
            assert_eq!(&log_rows[position], row, "{position:?}");
        }
        assert_eq!(log_rows.len(), query_rows.len());
        let (log, queries) = (metadata(&log), metadata(&queries));
        let columns = |metadata: &serde_json::Value| {
            let columns = metadata["columns"].as_array().unwrap().clone();
            columns
                .iter()
                .map(|c| [c["name"].clone(), c["arrow_type"].clone(), c["ksql_type"].clone()])
                .collect::<Vec<_>>()
        };
        assert_eq!(columns(&log), columns(&queries));
        assert_eq!(log["positions"], queries["positions"]);
        assert_eq!(log["caught_up"], true);
        assert_eq!(log["read_way"], "kafka");
        assert!(log["complete_through"].is_string(), "{log}");
    }
}

#[test]
fn a_second_run_reads_only_what_is_new() {
    let broker = Broker::start();
    let server = broker.with_rows(900);
    broker.mirror(&server, "TRANSACTION_FLATTENED", "transaction_flattened", 3);
    let project = broker.project(&server);
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    let first = project.ok(&["export", "--all", "--json"]);
    assert_eq!(first.finished("flat")["rows"], 900);
    let nothing = project.ok(&["export", "--all", "--json"]);
    assert_eq!(nothing.finished("flat")["rows"], 0);
    server.get().append(300);
    let new = server.get().topic_records("TRANSACTION_FLATTENED", 300);
    assert_eq!(new.len(), 300);
    broker.produce("transaction_flattened", &new);
    let second = project.ok(&["export", "--all", "--json"]);
    assert_eq!(second.finished("flat")["rows"], 300);
    assert_each_offset_once(&project.stream("transaction_flattened"), 1_200);
    // No push query was needed.
    assert!(server.get().log().iter().all(|seen| seen.path != "/query-stream"), "{:?}", server.get().log());
}

#[test]
fn a_dry_run_says_from_where_to_where() {
    let broker = Broker::start();
    let server = broker.with_rows(300);
    broker.mirror(&server, "TRANSACTION_FLATTENED", "transaction_flattened", 3);
    let project = broker.project(&server);
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    let plan = project.ok(&["export", "--all", "--dry-run", "--json"]).json().remove(0);
    assert_eq!((plan["way"].as_str(), plan["expected"].as_u64()), (Some("kafka"), Some(300)));
    let text = plan["text"].as_str().unwrap();
    assert!(text.starts_with("from the topic itself, offsets 0: 0..100"), "{text}");
    assert_eq!(row_count(&project.stream("transaction_flattened")), 0);
}

#[test]
fn tombstones_are_no_rows_and_what_cannot_be_decoded_is_put_aside_with_its_offset() {
    let broker = Broker::start();
    let server = broker.with_rows(30);
    broker.mirror(&server, "TRANSACTION_FLATTENED", "transaction_flattened", 3);
    broker.send("transaction_flattened", 1, 1_736_899_200_000, Some(b"gone"), None);
    broker.send("transaction_flattened", 1, 1_736_899_200_000, Some(b"bad"), Some(b"{\"AMOUNT\":"));
    broker.send(
        "transaction_flattened",
        1,
        1_736_899_200_000,
        Some(b"odd"),
        Some(b"{\"amount\":\"1.5\",\"new\":[1]}"),
    );
    broker.send("transaction_flattened", 2, 1_736_899_200_000, Some(b"gone"), None);
    broker.flush();
    let project = broker.project(&server).set("export.quarantine_limit=50");
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    project.ok(&["export", "--all"]);
    let dataset = project.stream("transaction_flattened");
    let rows = cells(&dataset);
    assert_eq!(rows.len(), 31);
    assert!(rows[&(1, 12)].contains(&"AMOUNT = 1.50".to_owned()), "{:?}", rows[&(1, 12)]);
    assert!(rows[&(1, 12)].contains(&"TRANSACTION_ID = odd".to_owned()));
    let metadata = metadata(&dataset);
    // The tail of partition 2 holds a tombstone alone: it is read all the same.
    assert_eq!(metadata["positions"], serde_json::json!({ "0": 10, "1": 13, "2": 11 }));
    assert_eq!(metadata["quarantined_records"], 1);
    // What came and was put aside is known; of the rest the log held no row.
    assert_eq!(metadata["offsets_without_row"], serde_json::json!({ "kafka": 2 }));
    let show = project.ok(&["feeds", "show", "flat"]).out;
    assert!(show.contains("read by kafka, 2 offsets gave no row: markers of transactions, "), "{show}");
    let again = project.ok(&["export", "--all", "--json"]);
    assert_eq!(again.finished("flat")["rows"], 0);
}

#[test]
fn a_day_is_read_again_through_ksqldb_and_brings_the_same_rows() {
    let broker = Broker::start();
    let server = broker.with_rows(3_000);
    broker.mirror(&server, "TRANSACTION_FLATTENED", "transaction_flattened", 3);
    let project = broker.project(&server);
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    project.ok(&["export", "--all"]);
    let dataset = project.stream("transaction_flattened");
    let before = cells(&dataset);
    project.ok(&["export", "--feed", "flat", "--day", "2025-01-10"]);
    assert_eq!(cells(&dataset), before);
}

#[test]
fn a_feed_that_follows_commits_what_comes_until_it_is_stopped() {
    let broker = Broker::start();
    let server = broker.with_rows(300);
    broker.mirror(&server, "TRANSACTION_FLATTENED", "transaction_flattened", 3);
    let project = broker.project(&server).set("export.commit_every=50ms");
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka", "mode": "follow""#);
    let dataset = project.stream("transaction_flattened");
    let child = project.spawn(&["export", "--feed", "flat", "--json"]);
    let held = || {
        let text = std::fs::read_to_string(dataset.join("_metadata.json")).unwrap_or_default();
        let metadata: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        metadata["total_records"].as_u64().unwrap_or(0)
    };
    wait_until("what was there is committed", || held() == 300);
    server.get().append(300);
    broker.produce("transaction_flattened", &server.get().topic_records("TRANSACTION_FLATTENED", 100));
    wait_until("what came is committed", || held() == 600);
    // How far the log reaches is known while it is followed, and kept with the commits.
    let mut each = 200_u64;
    wait_until("the ends are kept", || {
        server.get().append(3);
        broker.produce("transaction_flattened", &server.get().topic_records("TRANSACTION_FLATTENED", each));
        each += 1;
        std::thread::sleep(std::time::Duration::from_millis(50));
        let text = std::fs::read_to_string(dataset.join("_metadata.json")).unwrap_or_default();
        let metadata: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        (0..3).all(|p| metadata["log_ends"][p.to_string()].as_i64().is_some_and(|end| end >= 200))
    });
    let rows = 3 * each;
    wait_until("all is committed", || held() == rows);
    let show = project.ok(&["feeds", "show", "flat"]).out;
    assert_eq!(show.matches(" behind the end").count(), 3, "{show}");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{}\n{}", ran.out, ran.err);
    assert_each_offset_once(&dataset, rows);
}

#[test]
fn doctor_looks_at_brokers_and_topics() {
    let broker = Broker::start();
    let server = broker.with_rows(300);
    broker.mirror(&server, "TRANSACTION_FLATTENED", "transaction_flattened", 3);
    let project = broker.project(&server);
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    let said = project.run(&["doctor"]).out;
    assert!(said.contains("1 brokers of cluster"), "{said}");
    assert!(said.contains("topic transaction_flattened has 3 partitions and at most 300 records"), "{said}");
    let shown = project.ok(&["feeds", "show", "flat"]).out;
    assert!(shown.contains("read from its topic itself"), "{shown}");
    // A feed that would rather read from Kafka, and cannot.
    project.feed("raw", "stream", "TRANSACTION_STREAM", "");
    broker
        .cluster
        .topic_error("transactions", rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        .unwrap();
    let said = project.run(&["doctor"]).out;
    assert!(said.contains("feed raw is read through ksqlDB"), "{said}");
    // No brokers, and a feed that needs them.
    let without = crate::support::Project::on(&server.url());
    without.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    let ran = without.run(&["doctor"]);
    assert!(ran.code == 1 && ran.out.contains("no brokers are configured"), "{}", ran.out);
}

//! `"read": "auto"` with brokers: both ways are compared first, and the way changes at the same offsets.

use lakehand::demo::{DemoOptions, Fault};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::export::cells;
use crate::support::{Project, Ran, Server, assert_each_offset_once, metadata};

const TOPIC: &str = "transaction_flattened";
const STREAM: &str = "TRANSACTION_FLATTENED";

fn over_same_rows(rows: u64) -> (Broker, Server) {
    let broker = Broker::start();
    let server = broker.with_rows(rows);
    broker.mirror(&server, STREAM, TOPIC, 3);
    (broker, server)
}

fn auto_feed(project: &Project) {
    project.feed("flat", "stream", STREAM, "");
}

/// Rows that come to server and broker alike; those of the broker as `change` makes them.
fn append(broker: &Broker, server: &Server, from: u64, rows: u64, change: impl Fn(&mut Value)) {
    server.get().append(rows);
    let mut records = server.get().topic_records(STREAM, from);
    for record in &mut records {
        let mut value: Value = serde_json::from_slice(&record.value).unwrap();
        change(&mut value);
        record.value = serde_json::to_vec(&value).unwrap();
    }
    broker.produce(TOPIC, &records);
}

fn queries(server: &Server) -> usize {
    server.get().log().iter().filter(|seen| seen.path == "/query-stream").count()
}

fn event(ran: &Ran, name: &str) -> Option<Value> {
    ran.json().into_iter().find(|event| event["event"] == name)
}

fn plan(ran: &Ran) -> String {
    event(ran, "planned").unwrap()["text"].as_str().unwrap().to_owned()
}

fn way(project: &Project) -> Value {
    metadata(&project.stream(TOPIC))["read_way"].clone()
}

#[test]
fn the_first_run_compares_and_then_reads_from_kafka_and_the_next_ones_only_read() {
    let (broker, server) = over_same_rows(6_000);
    let project = broker.project(&server);
    auto_feed(&project);
    let dry = project.ok(&["export", "--all", "--dry-run"]).out;
    assert!(dry.contains("Kafka is compared with ksqlDB first: both ways were never compared"), "{dry}");
    let first = project.ok(&["export", "--all", "--json"]);
    let compared = event(&first, "compared").unwrap();
    assert_eq!(compared["differs"], false, "{compared}");
    let text = plan(&first);
    assert!(text.starts_with("from the topic itself") && text.contains("are the same both ways"), "{text}");
    assert_eq!((first.finished("flat")["rows"].as_u64(), queries(&server)), (Some(6_000), 1));
    let held = metadata(&project.stream(TOPIC));
    assert_eq!(
        (&held["read_way"], &held["source_check"]["outcome"]),
        (&json!("kafka"), &json!("equal")),
        "{held}"
    );
    append(&broker, &server, 2_000, 300, |_| {});
    let second = project.ok(&["export", "--all", "--json"]);
    assert_eq!((second.finished("flat")["rows"].as_u64(), queries(&server)), (Some(300), 1));
    assert!(event(&second, "compared").is_none());
    assert_each_offset_once(&project.stream(TOPIC), 6_300);
    let shown = project.ok(&["feeds", "show", "flat"]).out;
    assert!(shown.contains("read by kafka") && shown.contains("auto: compared at"), "{shown}");
    let dry = project.ok(&["export", "--all", "--dry-run", "--json"]).json().remove(0);
    assert_eq!(dry["way"], "kafka");
    assert!(dry["why"].as_str().unwrap().contains("the same both ways"), "{dry}");
}

#[test]
fn a_difference_keeps_the_feed_on_its_queries_with_the_reason() {
    let broker = Broker::start();
    let server = broker.with_rows(0);
    broker.topic(TOPIC, 3);
    append(&broker, &server, 0, 300, |value| {
        if value["ITEM_COUNT"] == 3 {
            value["CHANNEL"] = "pigeon".into();
        }
    });
    let project = broker.project(&server);
    auto_feed(&project);
    let first = project.ok(&["export", "--all", "--json"]);
    assert_eq!(event(&first, "compared").unwrap()["differs"], true);
    let text = plan(&first);
    assert!(text.starts_with("by offset") && text.contains("not from Kafka: compared at"), "{text}");
    assert_eq!((way(&project), queries(&server)), (json!("offsets"), 2));
    assert_each_offset_once(&project.stream(TOPIC), 300);
    let rows = cells(&project.stream(TOPIC));
    assert!(rows.values().flatten().all(|value| value != "CHANNEL = pigeon"));
    // It is not compared again before something has changed.
    append(&broker, &server, 100, 30, |_| {});
    let second = project.ok(&["export", "--all", "--json"]);
    assert!(event(&second, "compared").is_none());
    assert_eq!((way(&project), queries(&server)), (json!("offsets"), 3));
    let shown = project.ok(&["feeds", "show", "flat"]).out;
    assert!(shown.contains("auto: not from Kafka: compared at"), "{shown}");
    // Unless somebody asks; then the next run goes by the new result.
    assert_eq!(project.run(&["check", "flat", "--source"]).code, 1);
}

#[test]
fn a_feed_goes_on_by_the_other_way_at_the_same_offsets_and_back() {
    let (broker, server) = over_same_rows(300);
    // Brokers come and go with the configuration file.
    let dir = Project::on(&server.url());
    auto_feed(&dir);
    let file = dir.path().join("lakehand.toml");
    let with_kafka =
        || std::fs::write(&file, format!("[kafka]\nbrokers = \"{}\"\n", broker.brokers())).unwrap();
    let without_kafka = || std::fs::remove_file(&file).unwrap();
    let ran = dir.ok(&["export", "--all", "--json"]);
    assert_eq!(
        (way(&dir), plan(&ran).contains('(')),
        (json!("offsets"), false),
        "as it was before there was Kafka"
    );
    with_kafka();
    append(&broker, &server, 100, 300, |_| {});
    let ran = dir.ok(&["export", "--all", "--json"]);
    assert_eq!((way(&dir), ran.finished("flat")["rows"].as_u64()), (json!("kafka"), Some(300)));
    append(&broker, &server, 200, 300, |_| {});
    without_kafka();
    let ran = dir.ok(&["export", "--all", "--json"]);
    assert_eq!((way(&dir), ran.finished("flat")["rows"].as_u64()), (json!("offsets"), Some(300)));
    assert!(metadata(&dir.stream(TOPIC))["read_why"].is_null(), "there is no choice any more");
    append(&broker, &server, 300, 300, |_| {});
    with_kafka();
    let ran = dir.ok(&["export", "--all", "--json"]);
    assert_eq!((way(&dir), ran.finished("flat")["rows"].as_u64()), (json!("kafka"), Some(300)));
    assert_each_offset_once(&dir.stream(TOPIC), 1_200);
    dir.ok(&["check", "--all"]);
}

#[test]
fn a_new_column_is_compared_anew_and_a_difference_in_it_ends_kafka() {
    let (broker, server) = over_same_rows(300);
    let project = broker.project(&server);
    auto_feed(&project);
    project.ok(&["export", "--all"]);
    assert_eq!(way(&project), "kafka");
    server.get().add_column(STREAM, "NOTE");
    append(&broker, &server, 100, 300, |value| value["NOTE"] = "other".into());
    let ran = project.ok(&["export", "--all", "--json"]);
    assert_eq!(event(&ran, "compared").unwrap()["differs"], true, "{}", ran.out);
    assert_eq!((way(&project), ran.finished("flat")["rows"].as_u64()), (json!("offsets"), Some(300)));
    let dataset = project.stream(TOPIC);
    assert_each_offset_once(&dataset, 600);
    assert_eq!(metadata(&dataset)["schema_version"], "1.1");
    assert!(cells(&dataset).values().flatten().all(|value| value != "NOTE = other"));
}

#[test]
fn brokers_out_of_reach_are_a_warning_and_the_queries_are_asked() {
    let (broker, server) = over_same_rows(300);
    let project = broker.project(&server);
    auto_feed(&project);
    project.ok(&["export", "--all"]);
    append(&broker, &server, 100, 300, |_| {});
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let project = project.set(&format!("kafka.brokers=127.0.0.1:{port}")).set("server.connect_timeout=1s");
    let ran = project.ok(&["export", "--all", "--json"]);
    let warning = event(&ran, "warning").unwrap()["text"].to_string();
    assert!(warning.contains("not from Kafka"), "{warning}");
    assert_eq!((way(&project), ran.finished("flat")["rows"].as_u64()), (json!("offsets"), Some(300)));
    assert_each_offset_once(&project.stream(TOPIC), 600);
}

#[test]
fn a_comparison_that_breaks_off_proves_nothing_and_the_run_goes_on() {
    let (broker, server) = over_same_rows(300);
    let project = broker.project(&server);
    auto_feed(&project);
    // The comparison's query alone is cut off.
    server.faults().next(Fault::CompletedAfterRows(10));
    let ran = project.ok(&["export", "--all", "--json"]);
    assert!(event(&ran, "compared").is_none());
    let warning = event(&ran, "warning").unwrap()["text"].to_string();
    assert!(warning.contains("the comparison was not finished"), "{warning}");
    assert_eq!(way(&project), "offsets");
    let held = metadata(&project.stream(TOPIC));
    assert_eq!(held["source_check"]["outcome"], "unproved", "{held}");
    assert_each_offset_once(&project.stream(TOPIC), 300);
    // Not again within a day; and whoever does not want to wait asks for it.
    append(&broker, &server, 100, 30, |_| {});
    assert!(event(&project.ok(&["export", "--all", "--json"]), "compared").is_none());
    project.ok(&["check", "flat", "--source"]);
    append(&broker, &server, 110, 30, |_| {});
    project.ok(&["export", "--all"]);
    assert_eq!(way(&project), "kafka");
    assert_each_offset_once(&project.stream(TOPIC), 360);
}

#[test]
fn an_empty_topic_is_compared_once_it_has_records() {
    let broker = Broker::start();
    let server = broker.server(DemoOptions { rows: 0, ..DemoOptions::default() });
    broker.topic(TOPIC, 3);
    let project = broker.project(&server);
    auto_feed(&project);
    let ran = project.ok(&["export", "--all", "--json"]);
    assert!(plan(&ran).contains("the topic is empty"), "{}", plan(&ran));
    append(&broker, &server, 0, 300, |_| {});
    project.ok(&["export", "--all"]);
    assert_eq!(way(&project), "kafka");
    assert_each_offset_once(&project.stream(TOPIC), 300);
}

#[test]
fn a_stream_that_says_how_it_is_read_is_never_compared() {
    let (broker, server) = over_same_rows(300);
    for (read, queries_of_it) in [("kafka", 0), ("offsets", 1)] {
        let before = queries(&server);
        let project = broker.project(&server);
        project.feed("flat", "stream", STREAM, &format!(r#""read": "{read}""#));
        let ran = project.ok(&["export", "--all", "--json"]);
        assert!(event(&ran, "compared").is_none());
        assert_eq!((way(&project), queries(&server) - before), (json!(read), queries_of_it));
    }
}

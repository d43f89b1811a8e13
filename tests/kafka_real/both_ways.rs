//! The embedded server's streams in a real broker, read both ways and compared; then `auto` takes Kafka.

use lakehand::demo::DemoOptions;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::support::{Project, assert_each_offset_once, metadata};

/// The streams with all types, nested values and flat ones, and their topics.
const STREAMS: [(&str, &str, &str); 4] = [
    ("every", "EVERY_TYPE", "every_type"),
    ("raw", "TRANSACTION_STREAM", "transactions"),
    ("flat", "TRANSACTION_FLATTENED", "transaction_flattened"),
    ("items", "TRANSACTION_ITEMS", "transaction_items"),
];

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn every_stream_of_the_embedded_server_is_the_same_both_ways() {
    let broker = Broker::start();
    let options = DemoOptions { rows: 30_000, partitions: 12, every_type: true, ..DemoOptions::default() };
    let server = broker.server(options);
    let project = Project::on(&server.url()).set(&format!("kafka.brokers={}", broker.brokers()));
    let codecs = ["none", "gzip", "lz4", "zstd"];
    for ((feed, stream, topic), codec) in STREAMS.into_iter().zip(codecs) {
        broker.topic(topic, 12, &[("retention.ms", "-1")]);
        broker.produce(topic, &server.get().topic_records(stream, 0), &[("compression.codec", codec)]);
        project.feed(feed, "stream", stream, "");
    }
    let run = project.ok(&["export", "--all", "--json"]);
    for (feed, _, _) in STREAMS {
        let events = run.json();
        let of = |name: &str| events.iter().find(|e| e["feed"] == feed && e["event"] == name).cloned();
        let compared = of("compared").unwrap();
        assert_eq!(compared["differs"], false, "{compared}");
        let plan = of("planned").unwrap()["text"].to_string();
        assert!(plan.contains("from the topic itself"), "{plan}");
    }
    for dataset in ["every_type", "transaction_stream", "transaction_flattened"] {
        assert_each_offset_once(&project.stream(dataset), 30_000);
        let held = metadata(&project.stream(dataset));
        assert_eq!(held["read_way"], "kafka", "{dataset}");
    }
    // Other ranges, by another seed: 12 partitions, five ranges of 300 of each.
    let checked = project.ok(&["check", "--source", "--seed", "11", "--json"]);
    let checks: Vec<Value> = checked.json().into_iter().filter(|event| event["event"] == "source").collect();
    assert_eq!(checks.len(), STREAMS.len());
    for check in checks {
        assert_eq!((&check["outcome"], &check["known"]), (&json!("equal"), &Value::Null), "{check}");
        assert_eq!(check["ranges"].as_array().unwrap().len(), 60, "{check}");
        assert_eq!(check["rows"], 18_000, "{check}");
    }
}

//! A broker that is killed while it is read from.

use std::time::Duration;

use lakehand::demo::DemoOptions;

use crate::broker::Broker;
use crate::support::{Ran, assert_each_offset_once, metadata, wait_until};

const TOPIC: &str = "transaction_flattened";

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn a_broker_that_is_killed_and_comes_back_costs_no_row_and_doubles_none() {
    let mut broker = Broker::start();
    let server = broker.server(DemoOptions { rows: 60_000, ..DemoOptions::default() });
    broker.topic(TOPIC, 3, &[("retention.ms", "-1")]);
    broker.produce(
        TOPIC,
        &server.get().topic_records("TRANSACTION_FLATTENED", 0),
        &[("compression.codec", "lz4")],
    );
    // Small fetches and a pause when the queue is full, so that the read takes its time.
    let project = broker
        .project(&server)
        .set("export.commit_every=200ms")
        .set("server.inactivity_timeout=2s")
        .set("server.connect_timeout=2s")
        .set("export.retries=30")
        .set("export.outage_wait=2m")
        .set("kafka.properties=message.max.bytes=20000, fetch.max.bytes=20000, fetch.message.max.bytes=10000, queued.max.messages.kbytes=20, queued.min.messages=10, fetch.queue.backoff.ms=100, reconnect.backoff.max.ms=500");
    let child = project.spawn(&["export", "--all", "--json"]);
    let dataset = project.stream(TOPIC);
    let committed = || {
        std::fs::read_to_string(dataset.join("_metadata.json"))
            .ok()
            .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
            .map_or(0, |metadata| metadata["total_records"].as_u64().unwrap_or(0))
    };
    wait_until("some rows are committed", || committed() > 0);
    broker.kill();
    let before = committed();
    assert!(before < 60_000, "the read was over before the broker went");
    std::thread::sleep(Duration::from_secs(3));
    broker.run();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    let noticed = ["\"retrying\"", "\"paused\""].iter().any(|event| ran.out.contains(event));
    assert!(noticed, "the outage was not noticed:\n{}", ran.out);
    assert_each_offset_once(&dataset, 60_000);
    assert_eq!(metadata(&dataset)["caught_up"], true);
    project.ok(&["check", "--all"]);
}

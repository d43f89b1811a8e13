//! What goes wrong with brokers: gone, behind, unknown, not configured.

use crate::broker::Broker;
use crate::support::{Server, assert_each_offset_once, metadata, positions, wait_until};

#[test]
fn without_brokers_the_feed_says_what_to_set() {
    let broker = Broker::start();
    let server = broker.with_rows(30);
    let project = crate::support::Project::on(&server.url());
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    let ran = project.run(&["export", "--all"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(
        ran.err.contains("kafka.brokers") || ran.out.contains("kafka.brokers"),
        "{}\n{}",
        ran.out,
        ran.err
    );
    // A topic that the brokers do not have, as when they are another cluster's.
    let project = broker.project(&server).set("export.retries=0");
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    broker.topic("other", 1);
    broker
        .cluster
        .topic_error(
            "transaction_flattened",
            rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        )
        .unwrap();
    let ran = project.run(&["export", "--all"]);
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
    let said = ran.out + &ran.err;
    assert!(said.contains("transaction_flattened") && said.contains("kafka.brokers"), "{said}");
}

#[test]
fn brokers_that_do_not_answer_are_unreachable() {
    let server = Server::with_rows(30);
    // A port that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let project = crate::support::Project::on(&server.url())
        .set(&format!("kafka.brokers=127.0.0.1:{port}"))
        .set("server.connect_timeout=1s")
        .set("export.retries=0");
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    let ran = project.run(&["export", "--all", "--json"]);
    assert_eq!(ran.code, 3, "{}\n{}", ran.out, ran.err);
}

#[test]
fn what_the_log_no_longer_holds_is_a_loss_and_the_rest_is_read() {
    let broker = Broker::start();
    let server = broker.with_rows(60);
    broker.topic("transaction_flattened", 3);
    broker.produce("transaction_flattened", &server.get().topic_records("TRANSACTION_FLATTENED", 0));
    let project = broker.project(&server);
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    project.ok(&["export", "--all"]);
    // The broker drops the oldest beyond five million bytes of a partition.
    for _ in 0..90 {
        let noise: String = std::iter::repeat_with(fastrand::alphanumeric).take(100_000).collect();
        let filler = format!("{{\"CHANNEL\":\"{noise}\"}}");
        broker.send("transaction_flattened", 1, 1_736_899_200_000, Some(b"k"), Some(filler.as_bytes()));
    }
    broker.flush();
    let ran = project.run(&["export", "--all", "--json"]);
    assert_eq!(ran.code, 6, "{}\n{}", ran.out, ran.err);
    let dataset = project.stream("transaction_flattened");
    let metadata = metadata(&dataset);
    let lost = &metadata["lost_records"][0];
    assert_eq!((lost["cause"].as_str(), lost["offsets"]["1"][0].as_i64()), (Some("log-start"), Some(20)));
    let first_there = lost["offsets"]["1"][1].as_i64().unwrap() + 1;
    let held: Vec<i64> =
        positions(&dataset).keys().filter(|(p, _)| *p == 1).map(|(_, offset)| *offset).collect();
    assert_eq!(held, (0..20).chain(first_there..110).collect::<Vec<_>>());
    assert!(first_there > 20 && metadata["complete_through"].is_null(), "{metadata}");
}

#[test]
fn a_broker_that_goes_and_comes_back_costs_time_and_no_row() {
    let broker = Broker::start();
    let server = broker.with_rows(6_000);
    broker.mirror(&server, "TRANSACTION_STREAM", "transactions", 3);
    // Slow enough that the read is under way when the broker goes.
    broker.cluster.broker_round_trip_time(1, std::time::Duration::from_millis(150)).unwrap();
    let project = broker
        .project(&server)
        .set("server.inactivity_timeout=1s")
        .set("server.connect_timeout=2s")
        .set("export.retries=0")
        .set("export.outage_wait=60s")
        .set("kafka.properties=fetch.message.max.bytes=20000, fetch.max.bytes=20000, queued.max.messages.kbytes=1, message.max.bytes=10000, reconnect.backoff.max.ms=200");
    project.feed("raw", "stream", "TRANSACTION_STREAM", r#""read": "kafka""#);
    let child = project.spawn(&["export", "--all", "--json"]);
    wait_until("the export begins to read", || {
        std::fs::read_dir(project.path().join("data_lake/_lakehand")).is_ok()
    });
    std::thread::sleep(std::time::Duration::from_millis(400));
    broker.cluster.broker_down(1).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    broker.cluster.broker_round_trip_time(1, std::time::Duration::ZERO).unwrap();
    broker.cluster.broker_up(1).unwrap();
    let ran = crate::support::Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    // The outage is told once, and no attempt is counted.
    let told = |name: &str| ran.json().iter().filter(|event| event["event"] == name).count();
    assert_eq!((told("paused"), told("resumed"), told("retrying")), (1, 1, 0), "{}", ran.out);
    assert_each_offset_once(&project.stream("transaction_stream"), 6_000);
}

#[test]
fn an_export_that_is_killed_goes_on_where_its_commits_ended() {
    let broker = Broker::start();
    let server = broker.with_rows(6_000);
    broker.mirror(&server, "TRANSACTION_STREAM", "transactions", 3);
    let project = broker.project(&server).set("export.commit_every=10ms");
    project.feed("raw", "stream", "TRANSACTION_STREAM", r#""read": "kafka""#);
    for round in 0..6 {
        let mut child = project.spawn(&["export", "--all"]);
        std::thread::sleep(std::time::Duration::from_millis(60 + round * 40));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&project.stream("transaction_stream"), 6_000);
    project.ok(&["check", "--all"]);
}

//! Transactions: what was committed is read, what was aborted or is not decided is not, and their markers hold nothing up.

use std::time::Duration;

use lakehand::demo::DemoOptions;
use rdkafka::producer::Producer as _;

use crate::broker::{Broker, send};
use crate::support::{metadata, positions};

const TOPIC: &str = "transaction_flattened";
const WAIT: Duration = Duration::from_secs(30);

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn committed_aborted_and_open_transactions() {
    let broker = Broker::start();
    let server = broker.server(DemoOptions { rows: 300, partitions: 1, ..DemoOptions::default() });
    broker.topic(TOPIC, 1, &[("retention.ms", "-1")]);
    let records = server.get().topic_records("TRANSACTION_FLATTENED", 0);
    let producer = broker.producer(&[("transactional.id", "t")]);
    producer.init_transactions(WAIT).unwrap();
    // 0..100 committed, 101..201 aborted, 202..272 committed; each ends with a marker.
    for (part, commit) in [(&records[..100], true), (&records[100..200], false), (&records[200..270], true)] {
        producer.begin_transaction().unwrap();
        send(&producer, TOPIC, part);
        if commit {
            producer.commit_transaction(WAIT).unwrap();
        } else {
            producer.abort_transaction(WAIT).unwrap();
        }
    }
    let project = broker.project(&server);
    project.ok(&["export", "--all"]);
    let dataset = project.stream(TOPIC);
    let read: Vec<i64> = positions(&dataset).keys().map(|(_, offset)| *offset).collect();
    let committed: Vec<i64> = (0..100).chain(202..272).collect();
    assert_eq!(read, committed);
    let held = metadata(&dataset);
    // The marker behind the last record is passed too.
    assert_eq!((&held["positions"]["0"], &held["caught_up"]), (&273.into(), &true.into()));
    assert_eq!(project.ok(&["export", "--all", "--json"]).finished("flat")["rows"], 0);

    // One that is not decided ends the log; rows of others behind it wait as well.
    producer.begin_transaction().unwrap();
    send(&producer, TOPIC, &records[270..280]);
    broker.produce(TOPIC, &records[280..300], &[]);
    assert_eq!(project.ok(&["export", "--all", "--json"]).finished("flat")["rows"], 0);
    assert_eq!(metadata(&dataset)["caught_up"], true);
    producer.commit_transaction(WAIT).unwrap();
    assert_eq!(project.ok(&["export", "--all", "--json"]).finished("flat")["rows"], 30);
    project.ok(&["check", "--all"]);

    // All of it, where the feed's reader asks for all.
    let all = broker.project(&server).set("kafka.isolation=read_uncommitted");
    all.ok(&["export", "--all"]);
    assert_eq!(positions(&all.stream(TOPIC)).len(), 300);
}

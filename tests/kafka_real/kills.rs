//! SIGKILL at random instants of reading and committing, over a log with markers, an aborted transaction and late rows.
//!
//! `LAKEHAND_KILLS` says how many kills (default 30), `LAKEHAND_SEED` which instants.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use lakehand::demo::DemoOptions;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer as _;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use crate::broker::{Broker, send};
use crate::support::{metadata, positions, row_count};

const TOPIC: &str = "transactions";
const WAIT: Duration = Duration::from_secs(30);
const ROWS: usize = 30_000;
const PARTITIONS: i32 = 3;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn kills_at_random_instants_lose_and_double_nothing() {
    let (kills, seed) = (number("LAKEHAND_KILLS", 30), number("LAKEHAND_SEED", 12));
    let mut random = fastrand::Rng::with_seed(seed);
    let broker = Broker::start();
    let server = broker.server(DemoOptions { rows: ROWS as u64, ..DemoOptions::default() });
    broker.topic(TOPIC, PARTITIONS, &[("retention.ms", "-1")]);
    let records = server.get().topic_records("TRANSACTION_STREAM", 0);
    let producer = broker.producer(&[("transactional.id", "t"), ("compression.codec", "lz4")]);
    producer.init_transactions(WAIT).unwrap();
    for (n, part) in records.chunks(1_000).enumerate() {
        // Every third part is sent first in a transaction that is aborted.
        if n % 3 == 0 {
            producer.begin_transaction().unwrap();
            send(&producer, TOPIC, part);
            producer.abort_transaction(WAIT).unwrap();
        }
        producer.begin_transaction().unwrap();
        send(&producer, TOPIC, part);
        producer.commit_transaction(WAIT).unwrap();
    }
    let expected = committed(&broker);
    assert_eq!(expected.len(), ROWS);

    let (mut met, mut midway, mut lakes) = (0, 0, 0);
    while met < kills {
        let project = broker.project(&server).set("export.commit_every=10ms");
        project.feed("raw", "stream", "TRANSACTION_STREAM", r#""read": "kafka""#);
        lakes += 1;
        loop {
            let mut child = project.spawn(&["export", "--feed", "raw"]);
            if met < kills {
                std::thread::sleep(Duration::from_millis(random.u64(1..1_500)));
                child.kill().unwrap();
            }
            let output = child.wait_with_output().unwrap();
            if output.status.signal() == Some(9) {
                met += 1;
                let dataset = project.stream("transaction_stream");
                if dataset.join("_metadata.json").exists() {
                    let rows = metadata(&dataset)["total_records"].as_u64().unwrap();
                    midway += u64::from((1..ROWS as u64).contains(&rows));
                }
                continue;
            }
            assert!(output.status.success(), "seed {seed}, kill {met}: {output:?}");
            break;
        }
        let dataset = project.stream("transaction_stream");
        let held = positions(&dataset);
        assert_eq!(row_count(&dataset), ROWS as u64, "seed {seed}, kill {met}: doubled or lost");
        assert!(held.keys().eq(expected.iter()), "seed {seed}, kill {met}: other offsets");
        project.ok(&["check", "raw", "--deep"]);
    }
    println!("kills={met} midway={midway} lakes={lakes} lost=0 doubled=0");
    assert!(midway > 0, "no kill met a lake between two commits");
}

/// The offsets of records that count, as a plain consumer of committed ones finds them.
fn committed(broker: &Broker) -> BTreeSet<(i32, i64)> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.brokers())
        .set("group.id", "plain")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    (0..PARTITIONS).for_each(|p| list.add_partition_offset(TOPIC, p, Offset::Beginning).unwrap());
    consumer.assign(&list).unwrap();
    let (mut found, mut ends) = (BTreeSet::new(), BTreeSet::new());
    while ends.len() < list.count() {
        match consumer.poll(WAIT).expect("the broker answers") {
            Ok(message) => assert!(found.insert((message.partition(), message.offset()))),
            Err(KafkaError::PartitionEOF(partition)) => drop(ends.insert(partition)),
            Err(e) => panic!("{e}"),
        }
    }
    found
}

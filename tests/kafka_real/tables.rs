//! Tables from topics that the broker compacts while they are read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::cast::AsArray;
use arrow::datatypes::Int64Type;
use lakehand::demo::DemoOptions;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

use crate::broker::Broker;
use crate::support::{Project, batches, data_files, wait_until};

const TOPIC: &str = "payment_method_totals";
const KEYS: i32 = 300;

/// TX_COUNT by key.
fn held(dataset: &Path) -> BTreeMap<String, i64> {
    let mut held = BTreeMap::new();
    for batch in data_files(dataset).iter().flat_map(|file| batches(file)) {
        let keys = batch.column_by_name("PAYMENT_METHOD").unwrap().as_string::<i32>().clone();
        let counts = batch.column_by_name("TX_COUNT").unwrap().as_primitive::<Int64Type>().clone();
        for row in 0..batch.num_rows() {
            assert_eq!(held.insert(keys.value(row).to_owned(), counts.value(row)), None, "a key came twice");
        }
    }
    held
}

/// Records that the topic has now.
fn records(broker: &Broker) -> i64 {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.brokers())
        .set("group.id", "count")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..2 {
        list.add_partition_offset(TOPIC, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let (mut records, mut ends) = (0, 0);
    while ends < 2 {
        match consumer.poll(Duration::from_secs(10)) {
            Some(Ok(message)) => records += i64::from(message.key().is_some()),
            Some(Err(_)) => ends += 1,
            None => panic!("the broker does not answer"),
        }
    }
    records
}

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn no_key_is_missing_however_the_broker_compacts_and_others_write() {
    let broker = Broker::start();
    let server = broker.server(DemoOptions { rows: 30, ..DemoOptions::default() });
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "16384"),
        ("segment.ms", "200"),
        ("min.cleanable.dirty.ratio", "0.0"),
        ("max.compaction.lag.ms", "200"),
    ];
    broker.topic(TOPIC, 2, &settings);
    let stop = Arc::new(AtomicBool::new(false));
    // By key what the broker has acknowledged, and what was sent last.
    let sent: Arc<Mutex<BTreeMap<String, i64>>> = Arc::default();
    let writer = {
        let (producer, stop, sent) = (broker.producer(&[]), Arc::clone(&stop), Arc::clone(&sent));
        std::thread::spawn(move || {
            let rng = &mut fastrand::Rng::with_seed(4);
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                let mut written = BTreeMap::new();
                for n in 0..400 {
                    // Each key once at the beginning.
                    let number = if count < i64::from(KEYS) { n % KEYS } else { rng.i32(0..KEYS) };
                    let (key, value) = (format!("k{number}"), format!("{{\"TX_COUNT\":{count}}}"));
                    let record = BaseRecord::to(TOPIC).partition(number % 2).key(&key).payload(&value);
                    producer.send(record).unwrap();
                    written.insert(key, count);
                    count += 1;
                }
                producer.flush(Duration::from_secs(20)).unwrap();
                sent.lock().unwrap().extend(written);
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let all = usize::try_from(KEYS).unwrap();
    wait_until("every key was written", || sent.lock().unwrap().len() == all);
    let ends = || (0..2).map(|partition| broker.watermarks(TOPIC, partition).1).sum::<i64>();
    wait_until("the broker has compacted", || ends() > 20_000 && records(&broker) < ends() / 2);
    let project = Project::on(&server.url())
        .set(&format!("kafka.brokers={}", broker.brokers()))
        .set("export.retries=30");
    project.feed("totals", "table", "PAYMENT_METHOD_TOTALS", r#""read": "kafka""#);
    for round in 0..8 {
        let before = sent.lock().unwrap().clone();
        project.ok(&["export", "--all"]);
        let rows = held(&project.table(TOPIC));
        assert_eq!(rows.len(), all, "round {round}");
        for (key, count) in &before {
            assert!(rows[key] >= *count, "round {round}: {key} is older than what was there");
        }
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    project.ok(&["export", "--all"]);
    assert_eq!(
        held(&project.table(TOPIC)),
        *sent.lock().unwrap(),
        "at rest the table is what was written last"
    );
}

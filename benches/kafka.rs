//! Topic to committed Parquet against a plain consumer of the same topic, and a run that finds a thousand new rows.
//!
//! ```text
//! LAKEHAND_KAFKA_JARS=target/kafka-3.9.1 cargo bench --bench kafka [rows]
//! ```
//!
//! It starts a broker of its own from those jars (`.ci/kafka` brings them), which takes part of the same cores.

#[allow(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/kafka_real/broker.rs"]
mod broker;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use broker::Broker;
use lakehand::demo::DemoOptions;
use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

const PARTITIONS: i32 = 3;

/// Reads a topic to its end and does nothing with it.
fn plain(broker: &Broker, topic: &str, rows: u64) -> Duration {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.brokers())
        .set("group.id", "plain")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let begun = Instant::now();
    let (mut came, mut bytes) = (0, 0);
    while came < rows {
        if let Some(message) = consumer.poll(Duration::from_secs(10)) {
            bytes += message.unwrap().payload().map_or(0, <[u8]>::len);
            came += 1;
        }
    }
    let took = begun.elapsed();
    print!("{:>6.1} MB of values  ", bytes as f64 / 1e6);
    took
}

/// CPU seconds of the children that were waited for.
fn children_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(13) + ticks(14)) / 100.0
}

fn main() {
    let rows = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000_u64);
    let broker = Broker::start();
    let server = broker.server(DemoOptions { rows, ..DemoOptions::default() });
    println!("{rows} rows, {PARTITIONS} partitions, lz4");
    for (stream, topic) in
        [("TRANSACTION_FLATTENED", "transaction_flattened"), ("TRANSACTION_STREAM", "transactions")]
    {
        broker.topic(topic, PARTITIONS, &[("retention.ms", "-1")]);
        broker.produce(topic, &server.get().topic_records(stream, 0), &[("compression.codec", "lz4")]);
        let rate = |took: Duration| rows as f64 / took.as_secs_f64();
        // The first read warms the broker's cache for both.
        plain(&broker, topic, rows);
        println!();
        for _ in 0..3 {
            let consumer = plain(&broker, topic, rows);
            let project =
                support::Project::on(&server.url()).set(&format!("kafka.brokers={}", broker.brokers()));
            project.feed("f", "stream", stream, r#""read": "kafka""#);
            let (begun, cpu) = (Instant::now(), children_cpu());
            project.ok(&["export", "--all"]);
            let (took, cpu) = (begun.elapsed(), children_cpu() - cpu);
            println!(
                "{stream:<24} consumer {:>9.0} rows/s   export {:>9.0} rows/s ({:.0} %, {cpu:.1} s CPU)",
                rate(consumer),
                rate(took),
                100.0 * rate(took) / rate(consumer),
            );
            if stream == "TRANSACTION_FLATTENED" {
                let nothing = Instant::now();
                project.ok(&["export", "--all"]);
                println!("{:<24} nothing new: {:.2} s", "", nothing.elapsed().as_secs_f64());
            }
        }
    }
    let project = support::Project::on(&server.url()).set(&format!("kafka.brokers={}", broker.brokers()));
    project.feed("f", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    project.ok(&["export", "--all"]);
    server.get().append(1_000);
    let ends = rows / 3;
    let new: Vec<_> =
        server.get().topic_records("TRANSACTION_FLATTENED", ends).into_iter().take(1_000).collect();
    broker.produce("transaction_flattened", &new, &[("compression.codec", "lz4")]);
    let (begun, cpu) = (Instant::now(), children_cpu());
    project.ok(&["export", "--all"]);
    println!(
        "1,000 new rows behind {rows}: {:.2} s, {:.2} s CPU",
        begun.elapsed().as_secs_f64(),
        children_cpu() - cpu
    );
}

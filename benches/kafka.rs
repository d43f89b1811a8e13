//! Topic to committed Parquet against a plain consumer of the same topic, and a run that finds a thousand new rows.
//!
//! ```text
//! LAKEHAND_KAFKA_JARS=target/kafka-3.9.1 cargo bench --bench kafka [ROWS [PARTITIONS [STREAM [FORMAT]]]]
//! ```
//!
//! STREAM is one of the two, FORMAT JSON or AVRO; without them all are read. All rows are in memory before they are produced.
//!
//! It starts a broker of its own from those jars (`.ci/kafka` brings them), which takes part of the same cores.

#[path = "../tests/support/avro.rs"]
mod avro_records;
#[allow(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/kafka_real/broker.rs"]
mod broker;
#[path = "../tests/support/registry.rs"]
mod registry_server;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use avro_records::{Avro, fields, frame, schema_of};
use broker::Broker;
use lakehand::demo::{DemoOptions, TopicRecord};
use lakehand::ksql::client::{Client, ClientOptions};
use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use registry_server::Registry;

/// Reads a topic to its end and does nothing with it.
fn plain(broker: &Broker, topic: &str, partitions: i32, rows: u64) -> Duration {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.brokers())
        .set("group.id", "plain")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
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

/// An export in a process of its own: how long it took, its CPU seconds, and the most memory that it held (MiB).
fn export(project: &support::Project) -> (Duration, f64, u64) {
    let (begun, cpu) = (Instant::now(), children_cpu());
    let mut child = project.spawn(&["export", "--all"]);
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) >> 10);
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(ended.success(), "{ended}");
    (begun.elapsed(), children_cpu() - cpu, peak)
}

/// The records of a stream from an offset on, in the server's format.
fn records(
    server: &support::Server,
    registry: &Registry,
    stream: &str,
    format: &str,
    from: u64,
) -> Vec<TopicRecord> {
    let mut records = server.get().topic_records(stream, from);
    if format == "AVRO" {
        let client = Client::new(ClientOptions::new(server.url())).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let columns = runtime.block_on(client.describe(stream)).unwrap().columns;
        registry.add(7, &schema_of(&columns));
        for record in &mut records {
            record.value = frame(7, &Avro::Record(fields(&columns, &record.value)));
        }
    }
    records
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let number = |at: usize, default: u64| args.get(at).map_or(default, |text| text.parse().unwrap());
    let wanted = |at: usize, name: &str| args.get(at).is_none_or(|only| only == name);
    let rows = number(0, 1_000_000);
    let partitions = i32::try_from(number(1, 3)).unwrap();
    println!("{rows} rows, {partitions} partitions, lz4");
    for format in ["JSON", "AVRO"].into_iter().filter(|format| wanted(3, format)) {
        let (broker, registry) = (Broker::start(), Registry::start());
        let server = broker.server(DemoOptions {
            rows,
            partitions: partitions.unsigned_abs(),
            value_format: format,
            ..DemoOptions::default()
        });
        for (stream, topic) in
            [("TRANSACTION_FLATTENED", "transaction_flattened"), ("TRANSACTION_STREAM", "transactions")]
        {
            if wanted(2, stream) {
                read(&broker, &server, &registry, stream, topic, format, rows, partitions);
            }
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "they are what a measurement is of")]
fn read(
    broker: &Broker,
    server: &support::Server,
    registry: &Registry,
    stream: &str,
    topic: &str,
    format: &str,
    rows: u64,
    partitions: i32,
) {
    broker.topic(topic, partitions, &[("retention.ms", "-1")]);
    broker.produce(topic, &records(server, registry, stream, format, 0), &[("compression.codec", "lz4")]);
    let rate = |took: Duration| rows as f64 / took.as_secs_f64();
    // The first read warms the broker's cache for both.
    plain(broker, topic, partitions, rows);
    println!();
    let project = || {
        let project = support::Project::on(&server.url())
            .set(&format!("kafka.brokers={}", broker.brokers()))
            .set(&format!("schema_registry.url={}", registry.url()));
        project.feed("f", "stream", stream, r#""read": "kafka""#);
        project
    };
    for _ in 0..3 {
        let consumer = plain(broker, topic, partitions, rows);
        let (took, cpu, peak) = export(&project());
        println!(
            "{format} {stream:<24} consumer {:>9.0} rows/s   export {:>9.0} rows/s ({:.0} %, {cpu:.1} s CPU, {peak} MiB)",
            rate(consumer),
            rate(took),
            100.0 * rate(took) / rate(consumer),
        );
    }
    let project = project();
    export(&project);
    let (took, cpu, _) = export(&project);
    println!("nothing new: {:.2} s, {cpu:.2} s CPU", took.as_secs_f64());
    server.get().append(1_000);
    let end = (0..partitions).map(|p| broker.watermarks(topic, p).1).min().unwrap_or(0);
    let mut new = records(server, registry, stream, format, end.unsigned_abs());
    new.truncate(1_000);
    broker.produce(topic, &new, &[("compression.codec", "lz4")]);
    let (took, cpu, _) = export(&project);
    println!("1,000 new rows behind {rows}: {:.2} s, {cpu:.2} s CPU", took.as_secs_f64());
}

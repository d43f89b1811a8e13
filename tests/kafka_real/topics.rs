//! What becomes of a topic: codecs, large records, retention, partitions added, deleted and made again.

use lakehand::demo::{DemoOptions, TopicRecord};

use crate::broker::Broker;
use crate::support::{assert_each_offset_once, batches, data_files, metadata, positions, wait_until};

const TOPIC: &str = "transaction_flattened";

fn options(rows: u64) -> DemoOptions {
    DemoOptions { rows, ..DemoOptions::default() }
}

fn filler(partition: i32, bytes: usize) -> TopicRecord {
    let noise: String = std::iter::repeat_with(fastrand::alphanumeric).take(bytes).collect();
    TopicRecord {
        partition,
        time: chrono::Utc::now().timestamp_millis(),
        key: b"filler".to_vec(),
        value: format!("{{\"CHANNEL\":\"{noise}\"}}").into_bytes(),
    }
}

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn every_codec_and_every_type() {
    let broker = Broker::start();
    let server = broker.server(DemoOptions { every_type: true, ..options(10_000) });
    broker.topic(TOPIC, 3, &[("retention.ms", "-1")]);
    let records = server.get().topic_records("TRANSACTION_FLATTENED", 0);
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for (codec, part) in codecs.iter().zip(records.chunks(records.len() / codecs.len())) {
        broker.produce(TOPIC, part, &[("compression.codec", codec)]);
    }
    broker.topic("every_type", 3, &[("retention.ms", "-1")]);
    broker.produce(
        "every_type",
        &server.get().topic_records("EVERY_TYPE", 0),
        &[("compression.codec", "zstd")],
    );
    let (log, queries) = (broker.project(&server), broker.project(&server));
    log.feed("every", "stream", "EVERY_TYPE", r#""read": "kafka""#);
    queries.feed("every", "stream", "EVERY_TYPE", r#""read": "offsets""#);
    queries.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "offsets""#);
    log.ok(&["export", "--all"]);
    queries.ok(&["export", "--all"]);
    for dataset in [TOPIC, "every_type"] {
        assert_each_offset_once(&log.stream(dataset), 10_000);
        // Same rows in the same order, so the same batches, whatever files they are in.
        let rows = |project: &crate::support::Project| {
            let files = data_files(&project.stream(dataset));
            let batches: Vec<_> = files.iter().flat_map(|file| batches(file)).collect();
            let all = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
            let keys: Vec<_> = ["ROWPARTITION", "ROWOFFSET"]
                .map(|name| arrow::compute::SortColumn {
                    values: all.column_by_name(name).unwrap().clone(),
                    options: None,
                })
                .into();
            let order = arrow::compute::lexsort_to_indices(&keys, None).unwrap();
            arrow::compute::take_record_batch(&all, &order).unwrap()
        };
        assert!(rows(&log) == rows(&queries), "{dataset}");
    }
}

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn records_of_ten_megabytes() {
    let broker = Broker::start();
    let server = broker.server(options(30));
    broker.topic(TOPIC, 3, &[("max.message.bytes", "16000000"), ("retention.ms", "-1")]);
    broker.produce(TOPIC, &server.get().topic_records("TRANSACTION_FLATTENED", 0), &[]);
    broker.produce(TOPIC, &[filler(1, 10_000_000), filler(1, 10), filler(1, 10_000_000)], &[]);
    let project = broker.project(&server);
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&project.stream(TOPIC), 33);
}

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn retention_that_passed_the_position_is_a_loss() {
    let broker = Broker::start();
    let server = broker.server(options(300));
    broker.topic(
        TOPIC,
        3,
        &[("segment.bytes", "200000"), ("retention.bytes", "400000"), ("retention.ms", "-1")],
    );
    broker.produce(TOPIC, &server.get().topic_records("TRANSACTION_FLATTENED", 0), &[]);
    let project = broker.project(&server);
    project.ok(&["export", "--all"]);
    for _ in 0..20 {
        broker.produce(TOPIC, &[filler(2, 50_000), filler(2, 50_000)], &[]);
    }
    wait_until("retention passes the position", || broker.watermarks(TOPIC, 2).0 > 100);
    // It goes on while we look: once it is at rest its mark stays.
    let mut start = broker.watermarks(TOPIC, 2).0;
    wait_until("retention is at rest", || {
        std::thread::sleep(std::time::Duration::from_millis(1_500));
        let now = broker.watermarks(TOPIC, 2).0;
        std::mem::replace(&mut start, now) == now
    });
    let ran = project.run(&["export", "--all", "--json"]);
    assert_eq!(ran.code, 6, "{}\n{}", ran.out, ran.err);
    let dataset = project.stream(TOPIC);
    let metadata = metadata(&dataset);
    assert_eq!(metadata["lost_records"][0]["offsets"], serde_json::json!({ "2": [100, start - 1] }));
    let held: Vec<i64> =
        positions(&dataset).keys().filter(|(p, _)| *p == 2).map(|(_, offset)| *offset).collect();
    assert_eq!(held, (0..100).chain(start..140).collect::<Vec<_>>());
}

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn partitions_that_are_added_are_read() {
    let broker = Broker::start();
    let server = broker.server(options(300));
    broker.topic(TOPIC, 3, &[("retention.ms", "-1")]);
    broker.produce(TOPIC, &server.get().topic_records("TRANSACTION_FLATTENED", 0), &[]);
    let project = broker.project(&server);
    project.ok(&["export", "--all"]);
    broker.add_partitions(TOPIC, 5);
    wait_until("the partition has a leader", || {
        broker.produce(TOPIC, &[filler(4, 20)], &[]);
        broker.watermarks(TOPIC, 4).1 > 0
    });
    let added = broker.watermarks(TOPIC, 4).1;
    project.ok(&["export", "--all"]);
    let dataset = project.stream(TOPIC);
    assert_each_offset_once(&dataset, 300 + u64::try_from(added).unwrap());
    let metadata = metadata(&dataset);
    assert_eq!(metadata["log"]["partitions"], 5);
    assert_eq!(
        metadata["positions"],
        serde_json::json!({ "0": 100, "1": 100, "2": 100, "3": 0, "4": added })
    );
}

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn a_topic_that_is_deleted_and_made_again_is_held_until_the_feed_is_reset() {
    let broker = Broker::start();
    let server = broker.server(options(300));
    broker.topic(TOPIC, 3, &[("retention.ms", "-1")]);
    let records = server.get().topic_records("TRANSACTION_FLATTENED", 0);
    broker.produce(TOPIC, &records, &[]);
    let project = broker.project(&server);
    project.ok(&["export", "--all"]);
    broker.delete_topic(TOPIC);
    let gone = project.run(&["export", "--all", "--json"]);
    assert_eq!(gone.code, 1, "{}\n{}", gone.out, gone.err);
    broker.topic(TOPIC, 3, &[("retention.ms", "-1")]);
    let fewer: Vec<_> = records.into_iter().filter(|record| record.time % 2 == 0).collect();
    broker.produce(TOPIC, &fewer, &[]);
    let refused = project.run(&["export", "--all", "--json"]);
    assert_eq!(refused.code, 1, "{}\n{}", refused.out, refused.err);
    assert!(refused.finished("flat")["error"].to_string().contains("feeds reset"), "{}", refused.out);
    assert_each_offset_once(&project.stream(TOPIC), 300);
    project.ok(&["feeds", "reset", "flat", "--from-start"]);
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&project.stream(TOPIC), fewer.len() as u64);
}

/// Its end says nothing: the last row of each partition does.
#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn a_topic_that_is_made_again_and_longer_is_held_too() {
    let broker = Broker::start();
    let server = broker.server(options(300));
    broker.topic(TOPIC, 3, &[("retention.ms", "-1")]);
    let records = server.get().topic_records("TRANSACTION_FLATTENED", 0);
    broker.produce(TOPIC, &records, &[]);
    let project = broker.project(&server);
    project.ok(&["export", "--all"]);
    broker.delete_topic(TOPIC);
    broker.topic(TOPIC, 3, &[("retention.ms", "-1")]);
    // The same records, each a place later, and more of them.
    let first: Vec<_> = (0..3).map(|partition| filler(partition, 10)).collect();
    broker.produce(TOPIC, &first, &[]);
    broker.produce(TOPIC, &records, &[]);
    let held = project.run(&["export", "--all", "--json"]);
    assert_eq!(held.code, 1, "{}\n{}", held.out, held.err);
    let said = held.finished("flat")["error"].to_string();
    assert!(said.contains("the dataset holds the row of") && said.contains("feeds reset"), "{said}");
    assert_each_offset_once(&project.stream(TOPIC), 300);
    project.ok(&["feeds", "reset", "flat", "--from-start"]);
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&project.stream(TOPIC), 303);
}

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn holes_that_compaction_leaves_hold_nothing_up() {
    let broker = Broker::start();
    let server = broker.server(DemoOptions { partitions: 1, ..options(3_000) });
    let settings = [
        ("cleanup.policy", "compact"),
        ("retention.ms", "-1"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.01"),
    ];
    broker.topic(TOPIC, 1, &settings);
    let mut records = server.get().topic_records("TRANSACTION_FLATTENED", 0);
    // Ten keys, each three hundred times.
    for (record, key) in records.iter_mut().zip((0..10_u8).cycle()) {
        record.key = format!("key {key}").into_bytes();
    }
    let (old, new) = records.split_at(2_990);
    broker.produce(TOPIC, old, &[("batch.num.messages", "100")]);
    let project = broker.project(&server);
    project.ok(&["export", "--all"]);
    let before = positions(&project.stream(TOPIC));
    // What is new begins a segment of its own, and those before it are cleaned.
    broker.produce(TOPIC, new, &[]);
    wait_until("the log is compacted", || broker.offsets(TOPIC, 0).len() < 1_000);
    project.ok(&["export", "--all"]);
    let held = positions(&project.stream(TOPIC));
    assert!(before.keys().all(|place| held.contains_key(place)), "what was read before stays");
    assert_eq!(metadata(&project.stream(TOPIC))["positions"]["0"], 3_000);

    // A lake that begins now finds what is there, and knows that it is all.
    let late = broker.project(&server);
    late.ok(&["export", "--all"]);
    let read: Vec<i64> = positions(&late.stream(TOPIC)).keys().map(|(_, offset)| *offset).collect();
    let there = broker.offsets(TOPIC, 0);
    assert!(there.iter().all(|offset| read.contains(offset)), "{there:?} is not in {read:?}");
    assert!(read.len() < 1_000 && read.last() == Some(&2_999), "{read:?}");
    let held = metadata(&late.stream(TOPIC));
    assert_eq!((&held["positions"]["0"], &held["caught_up"]), (&3_000.into(), &true.into()));
    assert_eq!(late.ok(&["export", "--all", "--json"]).finished("flat")["rows"], 0);
    late.ok(&["check", "--all"]);
}

//! A topic in AVRO, its schemas in a registry.

use lakehand::demo::{DemoOptions, TopicRecord};
use lakehand::ksql::client::{Client, ClientOptions};

use crate::avro_records::{Avro, fields, frame, schema_of};
use crate::broker::Broker;
use crate::registry_server::Registry;
use crate::support::{assert_each_offset_once, data_files, decimal_sum};

const TOPIC: &str = "transaction_flattened";

#[test]
#[ignore = "needs Kafka: .ci/kafka"]
fn an_avro_topic_gives_the_rows_that_ksqldb_gives() {
    let (broker, registry) = (Broker::start(), Registry::start());
    let server = broker.server(DemoOptions { rows: 6_000, value_format: "AVRO", ..DemoOptions::default() });
    let client = Client::new(ClientOptions::new(server.url())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let columns = runtime.block_on(client.describe("TRANSACTION_FLATTENED")).unwrap().columns;
    registry.add(41, &schema_of(&columns));
    let records = server.get().topic_records("TRANSACTION_FLATTENED", 0);
    let in_avro: Vec<_> = records
        .iter()
        .map(|record| {
            let value = frame(41, &Avro::Record(fields(&columns, &record.value)));
            TopicRecord { value, ..record.clone() }
        })
        .collect();
    broker.topic(TOPIC, 3, &[("retention.ms", "-1")]);
    broker.produce(TOPIC, &in_avro, &[("compression.codec", "zstd")]);
    let project = broker.project(&server).set(&format!("schema_registry.url={}", registry.url()));
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&project.stream(TOPIC), 6_000);
    let queries = broker.project(&server);
    queries.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "offsets""#);
    queries.ok(&["export", "--all"]);
    let sum = |files: &[_]| decimal_sum(files, "AMOUNT");
    assert_eq!(sum(&data_files(&project.stream(TOPIC))), sum(&data_files(&queries.stream(TOPIC))));
    assert_eq!(registry.asked(), ["/schemas/ids/41"]);
    project.ok(&["check", "--all"]);
}

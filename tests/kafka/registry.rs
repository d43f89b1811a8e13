//! Exports of AVRO topics: schemas come from the registry, once each, and what it says or does not say has its consequence.

use lakehand::demo::{DemoOptions, TopicRecord};
use lakehand::ksql::client::{Client, ClientOptions};
use lakehand::ksql::schema::Column;
use serde_json::json;

use crate::avro_records::{Avro, fields, frame, schema_of};
use crate::broker::Broker;
use crate::export::cells;
use crate::registry_server::Registry;
use crate::support::{Project, Server, assert_each_offset_once, metadata};

const TOPIC: &str = "transaction_flattened";

fn options(rows: u64) -> DemoOptions {
    DemoOptions { rows, value_format: "AVRO", ..DemoOptions::default() }
}

fn columns(server: &Server, stream: &str) -> Vec<Column> {
    let client = Client::new(ClientOptions::new(server.url())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.describe(stream)).unwrap().columns
}

/// The records of a stream, their values in AVRO; the first half of each partition by schema 7, the rest by schema 8, which
/// has one field more and the others in another order.
fn avro_records(server: &Server, stream: &str, registry: &Registry) -> Vec<TopicRecord> {
    let columns = columns(server, stream);
    let first = schema_of(&columns);
    let mut second = first.clone();
    let of_second = second["fields"].as_array_mut().unwrap();
    of_second.reverse();
    of_second.push(json!({ "name": "ADDED", "type": "int", "default": 3 }));
    registry.add(7, &first).add(8, &second);
    let records = server.get().topic_records(stream, 0);
    let middle =
        records.iter().map(|record| record.time).sum::<i64>() / i64::try_from(records.len()).unwrap();
    let encode = |record: &TopicRecord| {
        let mut values = fields(&columns, &record.value);
        if record.time < middle {
            return frame(7, &Avro::Record(values));
        }
        values.reverse();
        values.push(Avro::Int(4));
        frame(8, &Avro::Record(values))
    };
    records.iter().map(|record| TopicRecord { value: encode(record), ..record.clone() }).collect()
}

/// A project that reads TRANSACTION_FLATTENED from this broker with this registry.
fn project(broker: &Broker, server: &Server, registry: &Registry) -> Project {
    let project = broker.project(server).set(&format!("schema_registry.url={}", registry.url()));
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    project
}

#[test]
fn every_type_comes_in_avro_as_it_does_through_ksqldb() {
    let (broker, registry) = (Broker::start(), Registry::start());
    let server = broker.server(DemoOptions { every_type: true, ..options(3_000) });
    broker.topic("every_type", 3);
    broker.produce("every_type", &avro_records(&server, "EVERY_TYPE", &registry));
    let from_log = broker.project(&server).set(&format!("schema_registry.url={}", registry.url()));
    let from_queries = broker.project(&server);
    for (project, read) in [(&from_log, r#""read": "kafka""#), (&from_queries, r#""read": "offsets""#)] {
        project.feed("every", "stream", "EVERY_TYPE", read);
        project.ok(&["export", "--all"]);
    }
    let (log, queries) = (cells(&from_log.stream("every_type")), cells(&from_queries.stream("every_type")));
    assert_eq!(queries.len(), 3_000);
    for (position, row) in &queries {
        assert_eq!(&log[position], row, "{position:?}");
    }
    assert_eq!(log.len(), queries.len());
    let metadata = metadata(&from_log.stream("every_type"));
    assert_eq!((&metadata["caught_up"], &metadata["read_way"]), (&json!(true), &json!("kafka")));
    // Each schema was asked for once, whatever the number of blocks and partitions.
    let mut asked = registry.asked();
    asked.sort();
    assert_eq!(asked, ["/schemas/ids/7", "/schemas/ids/8"]);
}

#[test]
fn an_id_that_the_registry_does_not_have_is_a_bad_record_and_an_outage_is_not() {
    let (broker, registry) = (Broker::start(), Registry::start());
    let server = broker.server(options(60));
    broker.topic(TOPIC, 3);
    broker.produce(TOPIC, &avro_records(&server, "TRANSACTION_FLATTENED", &registry));
    let project = project(&broker, &server, &registry).set("export.quarantine_rows=3");

    // Down for longer than is tried: no row, none in quarantine.
    registry.fail_with(&[500; 100]);
    let down = project.run(&["export", "--all", "--json"]);
    assert_eq!(down.code, 3, "{}\n{}", down.out, down.err);
    let error = down.finished("flat")["error"].to_string();
    assert!(error.contains("schema registry") && error.contains("not now"), "{error}");
    assert!(
        !project.stream(TOPIC).join("_metadata.json").exists()
            || metadata(&project.stream(TOPIC))["total_records"] == 0
    );

    // Down for a moment.
    registry.fail_with(&[503, 503]);
    broker.send(TOPIC, 1, 1_736_899_200_000, Some(b"k"), Some(&[0, 0, 0, 0, 99, 1, 2, 3]));
    broker.flush();
    let ran = project.ok(&["export", "--all", "--json"]);
    assert!(ran.out.contains("\"retrying\""), "{}", ran.out);
    let dataset = project.stream(TOPIC);
    assert_each_offset_once(&dataset, 60);
    let held = metadata(&dataset);
    assert_eq!(held["quarantined_records"], 1);
    assert_eq!(held["positions"], json!({ "0": 20, "1": 21, "2": 20 }));
    let kept: String = quarantine(&project);
    assert!(kept.contains("the schema 99: the schema registry does not have it"), "{kept}");
    assert!(kept.contains("20"), "{kept}");
}

/// What was put aside, as text.
fn quarantine(project: &Project) -> String {
    let mut text = String::new();
    let mut folders = vec![project.path().join("data_lake")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().contains("quarantine") {
                text += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
            }
        }
    }
    text
}

#[test]
fn a_registry_that_asks_who_we_are_gets_the_password_of_now() {
    let (broker, registry) = (Broker::start(), Registry::start());
    let server = broker.server(options(30));
    broker.topic(TOPIC, 3);
    broker.produce(TOPIC, &avro_records(&server, "TRANSACTION_FLATTENED", &registry));
    let project = project(&broker, &server, &registry)
        .set("schema_registry.username=lakehand")
        .set("schema_registry.password_file=password")
        .set("export.retries=0");
    let file = project.path().join("password");
    std::fs::write(&file, "of yesterday").unwrap();
    registry.let_in("lakehand", "of today", None);
    let refused = project.run(&["export", "--all", "--json"]);
    assert_ne!(refused.code, 0);
    let error = refused.finished("flat")["error"].to_string();
    assert!(error.contains("schema_registry.username") && !error.contains("yesterday"), "{error}");
    // The file changes while the program runs: what is refused is read again.
    registry.let_in("lakehand", "of today", Some(file));
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&project.stream(TOPIC), 30);
}

#[test]
fn references_are_followed() {
    let (broker, registry) = (Broker::start(), Registry::start());
    let server = broker.server(options(1));
    broker.topic(TOPIC, 3);
    let inner = json!({ "type": "enum", "name": "shop.Channel", "symbols": ["ONLINE", "IN_STORE"] });
    let outer = json!({ "type": "record", "name": "shop.T", "fields": [
        { "name": "CHANNEL", "type": "shop.Channel" }, { "name": "AMOUNT", "type": "shop.Money" }] });
    let money = json!({ "type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2 });
    let money =
        json!({ "type": "record", "name": "shop.Wrapper", "fields": [{ "name": "m", "type": money }] });
    // The amount is a record, which no DECIMAL takes; of a column that is left out it is no matter.
    registry
        .add_with(
            5,
            json!({ "schema": outer.to_string().replace("shop.Money", "shop.Wrapper"), "references": [
            { "name": "shop.Channel", "subject": "channel", "version": 3 },
            { "name": "shop.Wrapper", "subject": "a wrapper", "version": 1 }] }),
        )
        .add_version("channel", "3", json!({ "schema": inner.to_string() }))
        .add_version("a%20wrapper", "1", json!({ "schema": money.to_string() }))
        .add_with(
            6,
            json!({ "schema": outer.to_string(), "references": [
            { "name": "shop.Channel", "subject": "gone", "version": 1 }] }),
        )
        .add_with(4, json!({ "schema": "syntax = \"proto3\";", "schemaType": "PROTOBUF" }));
    for id in [5_u8, 6, 4] {
        broker.send(TOPIC, 0, 1_736_899_200_000, Some(b"k"), Some(&[0, 0, 0, 0, id, 2, 2, 100]));
    }
    broker.flush();
    let project = broker.project(&server).set(&format!("schema_registry.url={}", registry.url()));
    project.feed(
        "flat",
        "stream",
        "TRANSACTION_FLATTENED",
        r#""read": "kafka", "exclude_columns": ["AMOUNT"]"#,
    );
    project.ok(&["export", "--all"]);
    let rows = cells(&project.stream(TOPIC));
    assert_eq!(rows.len(), 1);
    assert!(rows[&(0, 0)].contains(&"CHANNEL = IN_STORE".to_owned()), "{rows:?}");
    let kept = quarantine(&project);
    assert!(kept.contains("version 1 of \\\"gone\\\"") || kept.contains("version 1 of \"gone\""), "{kept}");
    assert!(kept.contains("PROTOBUF"), "{kept}");
}

#[test]
fn doctor_and_feeds_say_what_a_registry_is_needed_for() {
    let (broker, registry) = (Broker::start(), Registry::start());
    let server = broker.server(options(30));
    broker.topic(TOPIC, 3);
    broker.produce(TOPIC, &avro_records(&server, "TRANSACTION_FLATTENED", &registry));
    let said = project(&broker, &server, &registry).run(&["doctor"]).out;
    assert!(said.contains("the schema registry answers") && said.contains("values are AVRO"), "{said}");

    let without = broker.project(&server);
    without.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    for command in [&["doctor"][..], &["export", "--all"]] {
        let ran = without.run(command);
        assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
        assert!((ran.out + &ran.err).contains("schema_registry.url"), "{command:?}");
    }

    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = broker
        .project(&server)
        .set(&format!("schema_registry.url=http://127.0.0.1:{port}"))
        .set("export.retries=0");
    nobody.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    let ran = nobody.run(&["doctor"]);
    assert!(ran.code == 1 && ran.out.contains("the schema registry cannot be reached"), "{}", ran.out);
    assert_eq!(nobody.run(&["export", "--all"]).code, 3);

    // Something else that answers.
    let other = broker.project(&server).set(&format!("schema_registry.url={}", server.url()));
    other.feed("flat", "stream", "TRANSACTION_FLATTENED", r#""read": "kafka""#);
    let ran = other.run(&["export", "--all"]);
    assert!(ran.code == 1 && (ran.out + &ran.err).contains("schema_registry.url is that of"), "no registry");
}

#[test]
fn auto_compares_records_in_avro_and_again_once_there_is_a_newer_schema() {
    let (broker, registry) = (Broker::start(), Registry::start());
    let server = broker.server(options(300));
    broker.topic(TOPIC, 3);
    broker.produce(TOPIC, &avro_records(&server, "TRANSACTION_FLATTENED", &registry));
    let subject = format!("{TOPIC}-value");
    registry.add_version(&subject, "latest", json!({ "id": 7, "version": 1, "schema": "{}" }));
    let project = project(&broker, &server, &registry);
    project.feed("flat", "stream", "TRANSACTION_FLATTENED", "");
    let export = || {
        let ran = project.ok(&["export", "--all", "--json"]);
        let held = metadata(&project.stream(TOPIC));
        let compared = ran.json().into_iter().find(|event| event["event"] == "compared");
        (compared.map(|event| event["differs"].clone()), held["read_way"].clone())
    };
    assert_eq!(export(), (Some(json!(false)), json!("kafka")));
    assert_eq!(export(), (None, json!("kafka")));
    registry.add_version(&subject, "latest", json!({ "id": 8, "version": 2, "schema": "{}" }));
    assert_eq!(export(), (Some(json!(false)), json!("kafka")));
    let held = metadata(&project.stream(TOPIC));
    assert_eq!(held["source_check"]["holds_for"]["schemas"], "value 8");
    assert_each_offset_once(&project.stream(TOPIC), 300);
    // A registry that does not answer is no word about the stream.
    registry.fail_with(&[500; 20]);
    let ran = project.ok(&["export", "--all", "--json"]);
    let warning = ran.json().into_iter().find(|event| event["event"] == "warning").unwrap();
    assert!(warning["text"].to_string().contains("schema registry"), "{warning}");
    assert_eq!(metadata(&project.stream(TOPIC))["read_way"], "offsets");
}

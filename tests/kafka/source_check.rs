//! `check --source`: ranges of a stream read by Kafka and through ksqlDB, compared value by value.

use std::collections::{BTreeMap, BTreeSet};

use lakehand::demo::{DemoOptions, Fault, TopicRecord};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::support::{Project, Ran, Server, metadata};

const TOPIC: &str = "transaction_flattened";
const STREAM: &str = "TRANSACTION_FLATTENED";

/// Records with another value in the JSON of the first one of partition 1.
fn with_changed(mut records: Vec<TopicRecord>, change: impl Fn(&mut Value)) -> Vec<TopicRecord> {
    let record = records.iter_mut().find(|record| record.partition == 1).unwrap();
    let mut value: Value = serde_json::from_slice(&record.value).unwrap();
    change(&mut value);
    record.value = serde_json::to_vec(&value).unwrap();
    records
}

/// A broker and a server over the same 30 records, but for the first one of partition 1.
fn over(change: impl Fn(&mut Value)) -> (Broker, Server) {
    let broker = Broker::start();
    let server = broker.with_rows(30);
    broker.topic(TOPIC, 3);
    broker.produce(TOPIC, &with_changed(server.get().topic_records(STREAM, 0), change));
    (broker, server)
}

/// A project with a lake in which nothing is yet.
fn empty_lake(broker: &Broker, server: &Server) -> Project {
    let project = broker.project(server);
    std::fs::create_dir_all(project.path().join("data_lake/streams")).unwrap();
    project
}

fn checked(ran: &Ran) -> Value {
    let found = ran.json().into_iter().find(|event| event["event"] == "source");
    found.unwrap_or_else(|| panic!("nothing was compared:\n{}\n{}", ran.out, ran.err))
}

fn kept(project: &Project) -> Value {
    metadata(&project.stream(TOPIC))["source_check"].clone()
}

#[test]
fn both_ways_are_equal_and_the_result_is_kept_and_shown() {
    let broker = Broker::start();
    let server = broker.server(DemoOptions { rows: 12_000, every_type: true, ..DemoOptions::default() });
    broker.mirror(&server, "EVERY_TYPE", "every_type", 3);
    broker.mirror(&server, STREAM, TOPIC, 3);
    let project = empty_lake(&broker, &server);
    project.feed("every", "stream", "EVERY_TYPE", "");
    project.feed("flat", "stream", STREAM, r#""rename": {"CHANNEL": "WAY"}, "exclude_columns": ["IBAN"]"#);
    project.feed("totals", "table", "PAYMENT_METHOD_TOTALS", "");
    let ran = project.ok(&["check", "--source", "--seed", "7", "--json"]);
    let of = |name: &str| {
        let events = ran.json();
        events.into_iter().find(|e| e["event"] == "source" && e["feed"] == name).unwrap()
    };
    for (feed, dataset) in [("every", "every_type"), ("flat", TOPIC)] {
        let check = of(feed);
        // 4,000 offsets of each partition, five ranges of 300.
        assert_eq!((&check["outcome"], &check["rows"]), (&json!("equal"), &json!(4_500)), "{check}");
        assert_eq!(check["ranges"].as_array().unwrap().len(), 15);
        assert_eq!(check["ranges"][0], json!({ "partition": 0, "offsets": [0, 299], "rows": 300 }));
        assert_eq!(check["ranges"][4]["offsets"][1], 3_999, "the last range before the end");
        assert_eq!((&check["differences"], &check["seed"]), (&json!(0), &json!(7)));
        let mut kept = metadata(&project.stream(dataset))["source_check"].clone();
        (kept["event"], kept["feed"]) = ("source".into(), feed.into());
        assert_eq!(kept, check);
        let shown = project.ok(&["feeds", "show", feed]).out;
        assert!(shown.contains("4500 rows in 15 ranges are the same both ways"), "{shown}");
    }
    // A table that nobody named is left out with a word; one that was named is a failure.
    assert_eq!(of("totals")["outcome"], "left-out");
    assert_eq!(project.run(&["check", "totals", "--source"]).code, 1);
    // One query a stream, whatever the number of ranges.
    let queries = server.get().log().iter().filter(|seen| seen.path == "/query-stream").count();
    assert_eq!(queries, 2);
    // The same seed reads the same ranges.
    let again = checked(&project.ok(&["check", "flat", "--source", "--seed", "7", "--json"]));
    assert_eq!(again["ranges"], of("flat")["ranges"]);
    assert!(project.log().contains("compared with the server"));
}

#[test]
fn one_value_that_differs_is_shown_with_its_column_and_offset_and_both_values() {
    let (broker, server) = over(|value| value["CHANNEL"] = "pigeon".into());
    let project = empty_lake(&broker, &server);
    project.feed("flat", "stream", STREAM, r#""visibility": "shared""#);
    let ran = project.run(&["check", "flat", "--source", "--json"]);
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
    let check = checked(&ran);
    let original: Value = {
        let records = server.get().topic_records(STREAM, 0);
        serde_json::from_slice(&records.iter().find(|record| record.partition == 1).unwrap().value).unwrap()
    };
    assert_eq!((&check["outcome"], &check["rows"]), (&json!("different"), &json!(30)), "{check}");
    let difference = json!({
        "partition": 1, "offset": 0, "column": "CHANNEL", "kafka": "pigeon", "ksqldb": original["CHANNEL"],
        "what": "another value",
    });
    assert_eq!(check["first"], json!([difference]));
    assert_eq!(kept(&project)["first"], json!([difference]));
    let said = project.run(&["check", "flat", "--source"]).out;
    assert!(
        said.contains("DIFFERENT") && said.contains("partition 1, offset 0, CHANNEL: pigeon by Kafka"),
        "{said}"
    );

    // The values of a restricted feed are shown nowhere.
    let project = empty_lake(&broker, &server);
    project.feed("flat", "stream", STREAM, "");
    let ran = project.run(&["check", "flat", "--source"]);
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("partition 1, offset 0, CHANNEL: another value"), "{}", ran.out);
    let told = format!("{}{}{}{}", ran.out, ran.err, project.log(), kept(&project));
    assert!(!told.contains("pigeon"), "{told}");
}

#[test]
fn a_record_that_one_way_alone_makes_a_row_of_is_a_difference() {
    // Broken here, sound to the server.
    let (broker, server) = over(|value| value["ITEM_COUNT"] = "three".into());
    let project = empty_lake(&broker, &server);
    project.feed("flat", "stream", STREAM, "");
    let check = checked(&project.run(&["check", "flat", "--source", "--json"]));
    assert_eq!((&check["outcome"], &check["differences"]), (&json!("different"), &json!(1)));
    assert_eq!(check["first"][0]["what"], "only ksqlDB makes a row of it");

    // A row here, and none of ksqlDB, however often it is asked.
    let (broker, server) = over(|_| {});
    server.faults().all(Fault::DropRecord(0, 0));
    let project = empty_lake(&broker, &server);
    project.feed("flat", "stream", STREAM, "");
    let check = checked(&project.run(&["check", "flat", "--source", "--json"]));
    assert_eq!((&check["differences"], &check["rows"]), (&json!(1), &json!(29)), "{check}");
    assert_eq!(check["first"][0]["what"], "only Kafka has it");
}

#[test]
fn an_answer_that_lost_a_row_once_is_no_difference() {
    let (broker, server) = over(|_| {});
    server.faults().next(Fault::DropRecord(0, 0));
    let project = empty_lake(&broker, &server);
    project.feed("flat", "stream", STREAM, "");
    let check = checked(&project.ok(&["check", "flat", "--source", "--json"]));
    assert_eq!((&check["outcome"], &check["rows"]), (&json!("equal"), &json!(30)), "{check}");
}

/// Broker and server over the same 30 records, but that this one of partition 0 is changed.
fn over_changed(offset: usize, change: impl Fn(&mut Value)) -> (Broker, Server) {
    let broker = Broker::start();
    let server = broker.with_rows(30);
    let mut records = server.get().topic_records(STREAM, 0);
    let mut value: Value = serde_json::from_slice(&records[offset].value).unwrap();
    change(&mut value);
    records[offset].value = serde_json::to_vec(&value).unwrap();
    broker.topic(TOPIC, 3);
    broker.produce(TOPIC, &records);
    (broker, server)
}

#[test]
fn known_differences_are_told_apart_and_prove_nothing_against_a_stream() {
    let known = |(broker, server): &(Broker, Server), feed: &str, dropped: Option<u64>| {
        if let Some(offset) = dropped {
            server.faults().all(Fault::DropRecord(0, offset));
        }
        let project = empty_lake(broker, server);
        project.feed("flat", "stream", STREAM, feed);
        let check = checked(&project.ok(&["check", "flat", "--source", "--json"]));
        assert_eq!((&check["outcome"], &check["rows"]), (&json!("equal"), &json!(29)), "{check}");
        check["known"].clone()
    };
    // Put aside here, dropped by ksqlDB: the first record of a partition, and the last, behind which no row comes.
    for offset in [0, 9] {
        let bad = over_changed(offset, |value| value["ITEM_COUNT"] = "three".into());
        assert_eq!(known(&bad, "", Some(offset as u64)), json!({ "dropped-by-ksqldb": 1 }));
        // A row here, as the feed leaves the bad column out.
        let left_out = r#""exclude_columns": ["ITEM_COUNT"]"#;
        assert_eq!(known(&bad, left_out, None), json!({ "dropped-for-a-column-left-out": 1 }));
    }
    // A number that ksqlDB wraps.
    let wide = over_changed(0, |value| value["ITEM_COUNT"] = 2_147_483_648_i64.into());
    assert_eq!(known(&wide, "", None), json!({ "wrapped-by-ksqldb": 1 }));
}

#[test]
fn an_empty_topic_proves_nothing() {
    let broker = Broker::start();
    let server = broker.with_rows(0);
    broker.topic(TOPIC, 3);
    let project = empty_lake(&broker, &server);
    project.feed("flat", "stream", STREAM, "");
    let ran = project.ok(&["check", "flat", "--source", "--json"]);
    let check = checked(&ran);
    assert_eq!((&check["outcome"], &check["why"]), (&json!("unproved"), &json!("the topic is empty")));
    assert_eq!(check["ranges"], json!([]));
    assert!(server.get().log().iter().all(|seen| seen.path != "/query-stream"));
}

#[test]
fn who_cannot_be_reached_proves_nothing_and_differs_in_nothing() {
    let (broker, server) = over(|_| {});
    let project = empty_lake(&broker, &server);
    project.feed("flat", "stream", STREAM, "");
    project.ok(&["check", "flat", "--source"]);
    let before = kept(&project);
    // The server cuts the query off.
    server.faults().all(Fault::CutAfterRows(5));
    let ran = project.run(&["check", "flat", "--source"]);
    assert!(ran.code == 1 || ran.code == 3, "{}\n{}", ran.out, ran.err);
    assert!(!ran.out.contains("DIFFERENT"), "{}", ran.out);
    server.faults().clear();
    // No broker at that port.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let project = project.set(&format!("kafka.brokers=127.0.0.1:{port}")).set("server.connect_timeout=1s");
    let ran = project.run(&["check", "flat", "--source", "--json"]);
    assert_eq!(ran.code, 3, "{}\n{}", ran.out, ran.err);
    // What was found before stays.
    assert_eq!(kept(&project), before);
    // Without brokers there is one way.
    let project = Project::on(&server.url());
    std::fs::create_dir_all(project.path().join("data_lake/streams")).unwrap();
    project.feed("flat", "stream", STREAM, "");
    let ran = project.run(&["check", "flat", "--source"]);
    assert!(ran.code == 2 && ran.err.contains("kafka.brokers"), "{}\n{}", ran.out, ran.err);
}

/// A value for each column of EVERY_TYPE that the embedded server never gives.
const OTHERS: [(&str, &str); 17] = [
    ("A_BOOLEAN", "true"),
    ("AN_INTEGER", "7"),
    ("A_BIGINT", "7"),
    ("A_DOUBLE", "0.1"),
    ("A_STRING", r#""other""#),
    ("BYTES_8", r#""AAAA""#),
    ("DECIMAL_12", "0.01"),
    ("DECIMAL_38", "0.0000000001"),
    ("DECIMAL_60", "0.00000000000000000001"),
    ("A_DATE", "1"),
    ("A_TIME", "1"),
    ("A_TIMESTAMP", "1"),
    ("STRINGS", r#"["other"]"#),
    ("DOUBLES", "[0.1]"),
    ("ORDERS", r#"[{"SKU":"other","QTY":1,"WEIGHT":0.5}]"#),
    ("A_MAP", r#"{"other":1}"#),
    ("A_STRUCT", r#"{"LABEL":"other"}"#),
];

/// The comparison sees one wrong value of any type.
#[test]
fn no_type_hides_a_difference() {
    // The last one, a STRUCT, differs in many members: more are not kept than there is room for.
    for columns in OTHERS.chunks(8) {
        let broker = Broker::start();
        let server = broker.server(DemoOptions { rows: 300, every_type: true, ..DemoOptions::default() });
        let mut records = server.get().topic_records("EVERY_TYPE", 0);
        let mut changed = Vec::new();
        for (column, other) in columns {
            // Each in a record of its own. What is true already is looked for where it is false.
            let place = (0..records.len()).find_map(|at| {
                let value: BTreeMap<String, Box<RawValue>> =
                    serde_json::from_slice(&records[at].value).unwrap();
                let is_free = changed.iter().all(|(used, _)| *used != at);
                (is_free && !["null", *other].contains(&value[*column].get())).then_some((at, value))
            });
            let (at, mut value) = place.unwrap();
            value.insert((*column).to_owned(), RawValue::from_string((*other).to_owned()).unwrap());
            records[at].value = serde_json::to_vec(&value).unwrap();
            changed.push((at, *column));
        }
        broker.topic("every_type", 3);
        broker.produce("every_type", &records);
        let project = empty_lake(&broker, &server);
        project.feed("every", "stream", "EVERY_TYPE", r#""visibility": "shared""#);
        let ran = project.run(&["check", "every", "--source", "--json"]);
        let check = checked(&ran);
        let found: BTreeSet<(i64, String)> = check["first"]
            .as_array()
            .unwrap()
            .iter()
            .map(|difference| {
                let path = difference["column"].as_str().unwrap();
                let column = path.split(['.', '[']).next().unwrap().to_owned();
                (difference["offset"].as_i64().unwrap(), column)
            })
            .collect();
        // All of them lie in partition 0, whose records come first.
        let wanted = changed.iter().map(|(at, column)| (i64::try_from(*at).unwrap(), (*column).to_owned()));
        assert_eq!(found, wanted.collect(), "{check}");
        assert_eq!((ran.code, &check["rows"]), (1, &json!(300)));
    }
}

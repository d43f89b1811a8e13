//! Tables with `"read": "kafka"`: the newest row of each key of their topics, as a scan by ksqlDB gives them.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::cast::AsArray;
use arrow::datatypes::{DataType, TimeUnit, TimestampMillisecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use lakehand::demo::DemoOptions;

use crate::broker::Broker;
use crate::support::{Project, batches, bigint_sum, data_files, decimal_sum, metadata, row_count};

const READ: &str = r#""read": "kafka""#;

/// Every row of a table as text; its key are the values of its first `keys` columns.
fn rows(dataset: &Path, keys: usize) -> BTreeMap<Vec<String>, Vec<String>> {
    let options = FormatOptions::default().with_null("null");
    let mut rows = BTreeMap::new();
    for batch in data_files(dataset).iter().flat_map(|file| batches(file)) {
        let columns: Vec<_> =
            batch.columns().iter().map(|array| ArrayFormatter::try_new(array, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let schema = batch.schema();
            let values = columns.iter().zip(schema.fields());
            let values: Vec<_> =
                values.map(|(column, field)| format!("{} = {}", field.name(), column.value(row))).collect();
            let known = rows.insert(values[..keys].to_vec(), values[keys..].to_vec());
            assert_eq!(known, None, "a key came twice");
        }
    }
    rows
}

/// What readers are told of the columns.
fn columns(dataset: &Path) -> Vec<serde_json::Value> {
    let metadata = metadata(dataset);
    let columns = metadata["columns"].as_array().unwrap().clone();
    columns.iter().map(|c| serde_json::json!([c["name"], c["arrow_type"], c["ksql_type"]])).collect()
}

#[test]
fn a_table_from_its_topic_is_the_one_that_a_scan_gives() {
    let broker = Broker::start();
    let server = broker.with_rows(3_000);
    // (table, columns of its key)
    let tables = [
        ("USER_TRANSACTION_SUMMARY", 2),
        ("USER_TRANSACTION_SUMMARY_EUR", 2),
        ("PAYMENT_METHOD_TOTALS", 1),
        ("PRODUCT_PURCHASE_COUNTS", 1),
        ("DAILY_TOTALS", 3),
    ];
    let (log, scan) = (broker.project(&server), broker.project(&server));
    for (table, _) in tables {
        let name = table.to_lowercase();
        broker.mirror_table(&server, table);
        log.feed(&name, "table", table, READ);
        scan.feed(&name, "table", table, "");
    }
    log.ok(&["export", "--all"]);
    scan.ok(&["export", "--all"]);
    for (table, keys) in tables {
        let name = table.to_lowercase();
        let (log, scan) = (log.table(&name), scan.table(&name));
        let (from_log, from_scan) = (rows(&log, keys), rows(&scan, keys));
        assert!(from_scan.len() > 2, "{table}");
        for (key, row) in &from_scan {
            assert_eq!(from_log.get(key), Some(row), "{table} {key:?}");
        }
        assert_eq!(from_log.len(), from_scan.len(), "{table}");
        // Keys included, in one order.
        assert_eq!(columns(&log), columns(&scan), "{table}");
        let (log, scan) = (metadata(&log), metadata(&scan));
        assert_eq!(log["read_way"], "kafka");
        assert!(log["complete_through"].is_string() && scan["complete_through"].is_string(), "{log}");
        // Each record of the topic but the newest of its key was passed over.
        let records = server.get().table_changes(table).len();
        assert!(records > from_log.len(), "{table}: {records} records");
    }
}

#[test]
fn both_ways_follow_each_other_as_versions_of_one_dataset() {
    let broker = Broker::start();
    let server = broker.with_rows(600);
    broker.mirror_table(&server, "DAILY_TOTALS");
    let project = broker.project(&server);
    let dataset = project.table("daily_totals");
    let mut seen = Vec::new();
    for read in ["", READ, r#""read": "auto""#, READ] {
        project.feed("daily", "table", "DAILY_TOTALS", read);
        project.ok(&["export", "--all"]);
        seen.push((rows(&dataset, 3), columns(&dataset)));
        assert_eq!(metadata(&dataset)["current_version"], seen.len());
    }
    assert!(seen.iter().all(|version| *version == seen[0]));
    assert_eq!(metadata(&dataset)["schema_version"], "1.0");
}

#[test]
fn a_table_of_sessions_that_ksqldb_does_not_scan_is_read_from_its_topic() {
    let broker = Broker::start();
    // So many in so short a time that sessions grow.
    let server = broker.server(DemoOptions { rows: 2_000, days: 2, ..DemoOptions::default() });
    broker.mirror_table(&server, "USER_SESSIONS");
    let records = server.get().table_changes("USER_SESSIONS");
    let tombstones = records.iter().filter(|record| record.value.is_none()).count();
    assert!(tombstones > 20, "{tombstones} sessions became part of longer ones");
    let project = broker.project(&server);
    project.feed("sessions", "table", "USER_SESSIONS", READ);
    let plan = project.ok(&["export", "--all", "--dry-run", "--json"]).json().remove(0);
    assert_eq!(plan["way"], "kafka");
    assert!(
        plan["text"].as_str().unwrap().starts_with("the newest row of each key from the topic itself"),
        "{plan}"
    );
    project.ok(&["export", "--all"]);
    let dataset = project.table("user_sessions");
    let files = data_files(&dataset);
    // Each transaction is in one session.
    assert_eq!(bigint_sum(&files, "TX_COUNT"), 2_000);
    assert_eq!(
        Some(decimal_sum(&files, "TOTAL_AMOUNT")),
        server.get().expected_rows().datasets["TRANSACTION_STREAM"].amount
    );
    // The last record of each key, folded here by its bytes.
    let mut last = BTreeMap::new();
    for record in &records {
        last.insert(&record.key, &record.value);
    }
    let expected = last.values().filter(|value| value.is_some()).count();
    let rows = rows(&dataset, 3);
    assert_eq!(rows.len(), expected);
    // The same bounds as ksqlDB gives for one key.
    let bounds = bounds(&dataset);
    assert!(bounds.values().flatten().all(|(start, end)| start <= end));
    let (user, of_user) = bounds.iter().find(|(_, of_user)| of_user.len() > 1).unwrap();
    assert_eq!(*of_user, sessions_of(&server.url(), user));
    let shown = project.ok(&["feeds", "show", "sessions"]).out;
    assert!(shown.contains("the newest row of each key in its topic"), "{shown}");
}

/// The bounds of each user's sessions in milliseconds, in their order.
fn bounds(dataset: &Path) -> BTreeMap<String, Vec<(i64, i64)>> {
    let mut bounds: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for batch in data_files(dataset).iter().flat_map(|file| batches(file)) {
        let millis = |name: &str| {
            let column = batch.column_by_name(name).unwrap();
            let column =
                arrow::compute::cast(column, &DataType::Timestamp(TimeUnit::Millisecond, None)).unwrap();
            column.as_primitive::<TimestampMillisecondType>().clone()
        };
        let users = batch.column_by_name("USER_ID").unwrap().as_string::<i32>().clone();
        let (starts, ends) = (millis("WINDOWSTART"), millis("WINDOWEND"));
        for row in 0..batch.num_rows() {
            bounds.entry(users.value(row).to_owned()).or_default().push((starts.value(row), ends.value(row)));
        }
    }
    for of_user in bounds.values_mut() {
        of_user.sort_unstable();
    }
    bounds
}

/// The bounds of a user's sessions, as ksqlDB answers for one key.
fn sessions_of(url: &str, user: &str) -> Vec<(i64, i64)> {
    // An error says that another test was first.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let text = runtime.block_on(async {
        let sql = format!("SELECT * FROM USER_SESSIONS WHERE USER_ID='{user}';");
        let request = reqwest::Client::new()
            .post(format!("{url}/query-stream"))
            .header("accept", "application/vnd.ksql.v1+json")
            .body(serde_json::json!({ "sql": sql, "properties": {} }).to_string());
        request.send().await.unwrap().text().await.unwrap()
    });
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = answer.as_array().unwrap().iter().filter(|line| line.get("row").is_some());
    let mut bounds: Vec<_> = rows
        .map(|line| {
            let columns = &line["row"]["columns"];
            (columns[1].as_i64().unwrap(), columns[2].as_i64().unwrap())
        })
        .collect();
    bounds.sort_unstable();
    bounds
}

fn totals(project: &Project) -> BTreeMap<String, String> {
    let rows = rows(&project.table("declared"), 1);
    rows.into_iter().map(|(key, row)| (key[0].replace("PAYMENT_METHOD = ", ""), row[0].clone())).collect()
}

#[test]
fn a_plain_table_takes_the_last_word_on_each_key() {
    let broker = Broker::start();
    let server = broker.with_rows(300);
    let statement = "CREATE TABLE DECLARED (PAYMENT_METHOD STRING PRIMARY KEY, TX_COUNT BIGINT, TOTAL_AMOUNT DECIMAL(12, 2), \
                     CURRENCIES ARRAY<STRING>) WITH (KAFKA_TOPIC='payment_method_totals', FORMAT='JSON');";
    server.get().declare_table("DECLARED", "PAYMENT_METHOD_TOTALS", statement);
    broker.topic("payment_method_totals", 1);
    let send = |key: Option<&str>, value: Option<&str>| {
        broker.send(
            "payment_method_totals",
            0,
            1_736_899_200_000,
            key.map(str::as_bytes),
            value.map(str::as_bytes),
        );
        broker.flush();
    };
    for (key, value) in [
        (Some("a"), Some(r#"{"TX_COUNT":1}"#)),
        (Some("b"), Some(r#"{"TX_COUNT":2}"#)),
        (Some("c"), Some(r#"{"TX_COUNT":3}"#)),
        (Some("d"), Some(r#"{"TX_COUNT":4}"#)),
        (Some("a"), Some(r#"{"TX_COUNT":11}"#)),
        (Some("b"), None),
        // Gone and there again; a value that is JSON's null is a tombstone too; without a key there is no row.
        (Some("c"), None),
        (Some("c"), Some(r#"{"TX_COUNT":33}"#)),
        (Some("d"), Some("null")),
        (None, Some(r#"{"TX_COUNT":5}"#)),
        (Some("e"), None),
        (Some(""), Some(r#"{"TX_COUNT":6}"#)),
    ] {
        send(key, value);
    }
    let project = broker.project(&server);
    // ksqlDB keeps no state of it: a scan is refused, with the way that works.
    project.feed("declared", "table", "DECLARED", "");
    let refused = project.run(&["export", "--all"]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    project.feed("declared", "table", "DECLARED", READ);
    project.ok(&["export", "--all"]);
    let expected = [("", "TX_COUNT = 6"), ("a", "TX_COUNT = 11"), ("c", "TX_COUNT = 33")];
    assert_eq!(totals(&project), expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());

    // The newest record of a key cannot be decoded: it is put aside with its place, and no older row takes its place.
    send(Some("a"), Some("{\"TX_COUNT\":"));
    let refused = project.run(&["export", "--all"]);
    assert_eq!(refused.code, 1, "one of three rows is too much");
    let project = project.set("export.quarantine_limit=50");
    project.ok(&["export", "--all"]);
    assert_eq!(totals(&project).into_keys().collect::<Vec<_>>(), ["", "c"]);
    assert_eq!(metadata(&project.table("declared"))["quarantined_records"], 1);

    // What was put right later is a row again.
    send(Some("a"), Some(r#"{"TX_COUNT":12}"#));
    project.ok(&["export", "--all"]);
    assert_eq!(totals(&project)["a"], "TX_COUNT = 12");
    project.ok(&["check", "--all", "--deep"]);
}

#[test]
fn a_source_table_and_columns_left_out_or_named_otherwise() {
    let broker = Broker::start();
    let server = broker.with_rows(300);
    server.get().declare_table(
        "DECLARED",
        "USER_TRANSACTION_SUMMARY",
        "CREATE SOURCE TABLE DECLARED (USER_ID STRING PRIMARY KEY, PAYMENT_METHOD STRING PRIMARY KEY) WITH (KAFKA_TOPIC='user_transaction_summary', FORMAT='JSON');",
    );
    broker.mirror_table(&server, "USER_TRANSACTION_SUMMARY");
    let fields = r#""exclude_columns": ["USER_ID", "MIN_AMOUNT"], "rename": {"TX_COUNT": "N"}"#;
    let (log, scan) = (broker.project(&server), broker.project(&server));
    log.feed("declared", "table", "DECLARED", &format!("{READ}, {fields}"));
    scan.feed("declared", "table", "DECLARED", fields);
    log.ok(&["export", "--all"]);
    scan.ok(&["export", "--all"]);
    let (log, scan) = (log.table("declared"), scan.table("declared"));
    assert_eq!(columns(&log), columns(&scan));
    // Without one of the key's columns keys look alike: they are rows all the same.
    let expected = server.get().expected_rows().datasets["USER_TRANSACTION_SUMMARY"].rows;
    assert_eq!((row_count(&log), row_count(&scan)), (expected, expected));
}

//! Streams read from their topic as bytes, through ksqlDB: the same rows as by their columns.

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::array::cast::AsArray;
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lakehand::demo::{DemoOptions, Fault};
use lakehand::ksql::column::{ReadColumn, Wire};
use lakehand::ksql::decode::BadRow;
use lakehand::ksql::decode::record::{Format, Layout, Record, RecordColumn, RecordDecoder, RowTime};
use lakehand::ksql::response::Framing;
use lakehand::ksql::schema::{Role, SqlType};
use lakehand::ksql::statement::Selection;
use lakehand::pool::Pool;
use lakehand::source::ksql::rows::{Rows, Sink};
use support::{Project, Server, assert_each_offset_once, batches, data_files, metadata, row_count};

/// Every value of a dataset as text, by Kafka partition and offset.
fn cells(dataset: &Path) -> BTreeMap<(i32, i64), Vec<String>> {
    let mut rows = BTreeMap::new();
    for batch in data_files(dataset).iter().flat_map(|file| batches(file)) {
        rows.extend(texts(&batch));
    }
    rows
}

fn texts(batch: &RecordBatch) -> BTreeMap<(i32, i64), Vec<String>> {
    let options = FormatOptions::default().with_null("null");
    let partitions = batch.column_by_name("ROWPARTITION").unwrap().as_primitive::<Int32Type>();
    let offsets = batch.column_by_name("ROWOFFSET").unwrap().as_primitive::<Int64Type>();
    let columns: Vec<_> =
        batch.columns().iter().map(|array| ArrayFormatter::try_new(array, &options).unwrap()).collect();
    let schema = batch.schema();
    let row = |row: usize| {
        let values = columns.iter().zip(schema.fields());
        let values = values.map(|(column, field)| format!("{} = {}", field.name(), column.value(row)));
        ((partitions.value(row), offsets.value(row)), values.collect())
    };
    (0..batch.num_rows()).map(row).collect()
}

/// All streams of the embedded server, every type among them.
#[test]
fn both_ways_give_the_same_rows() {
    let server = Server::start(DemoOptions { rows: 1_500, every_type: true, ..DemoOptions::default() });
    let (columns, bytes) = (Project::on(&server.url()), Project::on(&server.url()));
    for stream in [
        "every_type",
        "transaction_stream",
        "transaction_flattened",
        "transaction_stream_anonymized",
        "transaction_stream_blacklisted",
        "transaction_items",
    ] {
        columns.feed("f", "stream", stream, r#""read": "offsets""#);
        bytes.feed("f", "stream", stream, r#""read": "raw""#);
        let refused = bytes.run(&["export", "--feed", "f", "--json"]);
        assert_eq!(refused.code, 1, "{}", refused.out);
        assert!(refused.finished("f")["error"].as_str().unwrap().contains("feeds prepare f --raw"));
        let made = bytes.ok(&["feeds", "prepare", "f", "--raw", "--yes"]);
        assert!(made.out.contains("(K BYTES KEY, V BYTES) WITH (KAFKA_TOPIC="), "{}", made.out);
        assert!(bytes.ok(&["feeds", "prepare", "f", "--raw"]).out.contains("nothing to prepare"));
        columns.ok(&["export", "--feed", "f"]);
        bytes.ok(&["export", "--feed", "f"]);
        let (by_columns, by_bytes) = (columns.stream(stream), bytes.stream(stream));
        let expected = cells(&by_columns);
        assert!(!expected.is_empty());
        assert_eq!(cells(&by_bytes), expected, "{stream}");
        let (told, wanted) = (metadata(&by_bytes), metadata(&by_columns));
        assert_eq!((&told["read_way"], &wanted["read_way"]), (&"raw".into(), &"offsets".into()));
        assert_eq!(told["positions"], wanted["positions"], "{stream}");
        let types = |told: &serde_json::Value| -> Vec<_> {
            let columns = told["columns"].as_array().unwrap().iter();
            columns.map(|c| (c["name"].clone(), c["arrow_type"].clone(), c["ksql_type"].clone())).collect()
        };
        assert_eq!(types(&told), types(&wanted), "{stream}");
    }
}

/// `auto` takes it where it is prepared, goes on at the lake's position, and survives a cut.
#[test]
fn auto_takes_the_bytes_where_they_are_declared() {
    let server = Server::with_rows(2_000);
    let project = Project::on(&server.url());
    project.feed("raw", "stream", "transaction_stream", "");
    project.ok(&["export", "--feed", "raw"]);
    let dir = project.stream("transaction_stream");
    assert_eq!(metadata(&dir)["read_way"], "offsets");
    project.ok(&["feeds", "prepare", "raw", "--raw", "--yes"]);
    server.get().append(1_000);
    server.faults().next_with("EMIT CHANGES", Fault::CutAfterRows(300));
    let ran = project.ok(&["export", "--feed", "raw", "--json"]);
    assert!(ran.json().iter().any(|e| e["event"] == "retrying"), "{}", ran.out);
    assert_each_offset_once(&dir, 3_000);
    assert_eq!(metadata(&dir)["read_way"], "raw");
    assert_eq!(row_count(&dir), 3_000);
}

/// What a real server (7.4.15) answered for a topic declared as bytes: the records, and so the rows that they are by themselves.
#[test]
fn recorded_bytes_are_the_records_that_were_written() {
    let input: Vec<serde_json::Value> = include_str!("recorded/raw-input.jsonl")
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let column = |name: &str, sql_type| RecordColumn {
        name: name.into(),
        lake: Some(name.into()),
        sql_type,
        role: if name == "K" { Role::Key } else { Role::Value },
    };
    let columns = [
        column("K", SqlType::Bytes),
        column("I", SqlType::Integer),
        column("L", SqlType::BigInt),
        column("D", SqlType::Double),
        column("S", SqlType::String),
    ];
    let layout = Layout {
        columns: columns.into(),
        key: Format::Kafka,
        window: None,
        value: Format::Json { wrapped: true },
        row_time: RowTime::Record,
    };
    // The server gave the columns in another order than an export asks for them.
    let mut answer = String::from(
        "[{\"header\":{\"queryId\":\"q\",\"schema\":\"`ROWTIME` BIGINT, `ROWPARTITION` INTEGER, `ROWOFFSET` BIGINT, `K` BYTES, `V` BYTES\"}},\n",
    );
    let mut recorded = 0;
    for line in include_str!("recorded/raw-push-bytes.body").lines().filter(|l| l.starts_with("{\"row\"")) {
        let row: serde_json::Value = serde_json::from_str(line.trim_end_matches(',')).unwrap();
        let [partition, offset, time, key, value] = row["row"]["columns"].as_array().unwrap().as_slice()
        else {
            panic!("{line}")
        };
        let written = &input[usize::try_from(offset.as_i64().unwrap()).unwrap()];
        assert_eq!((key, value), (&written["key"], &written["value"]), "offset {offset}");
        answer += &format!("{{\"row\":{{\"columns\":[{time},{partition},{offset},{key},{value}]}}}},\n");
        recorded += 1;
    }
    let with_value = input.iter().filter(|record| !record["value"].is_null()).count();
    assert_eq!(recorded, with_value, "a record without a value is no row, every other one is");

    let of_rows = decoded(&answer, &layout);
    let mut of_records = Kept::default();
    let mut decoder = RecordDecoder::new(&layout).unwrap();
    for record in &input {
        let bytes = |text: &serde_json::Value| text.as_str().map(|text| STANDARD.decode(text).unwrap());
        let (key, value) = (bytes(&record["key"]), bytes(&record["value"]));
        let pushed = decoder.push(&Record {
            partition: 0,
            offset: record["offset"].as_i64().unwrap(),
            time: record["timestamp"].as_i64(),
            key: key.as_deref(),
            value: value.as_deref(),
            headers: &[],
        });
        of_records.bad.extend(pushed.err().map(|bad| bad.reason));
    }
    of_records.batch(decoder.finish().unwrap()).unwrap();
    assert!(of_records.rows.len() > 100 && !of_records.bad.is_empty());
    assert_eq!(of_rows, of_records);
}

fn decoded(answer: &str, layout: &Layout) -> Kept {
    let column = |name: &str, sql_type| ReadColumn {
        label: name.into(),
        name: name.into(),
        sql_type,
        wire: Wire::AsDeclared,
    };
    let columns = vec![
        column("ROWTIME", SqlType::BigInt),
        column("ROWPARTITION", SqlType::Integer),
        column("ROWOFFSET", SqlType::BigInt),
        column("K", SqlType::Bytes),
        column("V", SqlType::Bytes),
    ];
    let exprs = columns.iter().map(|column| column.name.clone()).collect();
    let selection = Selection { columns, exprs, star: false };
    let pool = Arc::new(Pool::new(1));
    let mut rows = Rows::of_records(Framing::Stream, 1 << 20, &selection, layout, &pool).unwrap();
    let mut kept = Kept::default();
    rows.push(&answer.to_owned().into(), &mut kept).unwrap();
    rows.flush(&mut kept).unwrap();
    kept
}

/// What came: rows as text, and why others are none.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    rows: BTreeMap<(i32, i64), Vec<String>>,
    bad: Vec<String>,
}

impl Sink for Kept {
    fn batch(&mut self, batch: RecordBatch) -> lakehand::Result<()> {
        self.rows.extend(texts(&batch));
        Ok(())
    }

    fn bad(&mut self, bad: BadRow, _: &[u8]) -> lakehand::Result<()> {
        self.bad.push(bad.reason);
        Ok(())
    }
}

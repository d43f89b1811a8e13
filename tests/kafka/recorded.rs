//! Records that a real server read, beside the rows that it made of them: ours are the same, or the difference is known.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use base64::Engine as _;
use lakehand::ksql::column::{ReadColumn, Wire};
use lakehand::ksql::decode::Decoder;
use lakehand::ksql::decode::record::{Record, RecordDecoder};
use lakehand::ksql::describe::{Description, SourceKind};
use lakehand::ksql::schema::{Column, Role, SqlType, parse_columns};
use lakehand::ksql::topic;

struct Input {
    offset: i64,
    time: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
}

fn inputs(text: &str) -> Vec<Input> {
    let bytes = |value: &serde_json::Value| {
        value.as_str().map(|text| base64::engine::general_purpose::STANDARD.decode(text).unwrap())
    };
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            Input {
                offset: line["offset"].as_i64().unwrap(),
                time: line["timestamp"].as_i64().unwrap_or(0),
                key: bytes(&line["key"]),
                value: bytes(&line["value"]),
            }
        })
        .collect()
}

pub(crate) fn stream(columns: &str, value_format: &str, statement: &str, timestamp: &str) -> Description {
    let columns = parse_columns(columns).unwrap();
    Description {
        name: "S".into(),
        kind: SourceKind::Stream,
        window: None,
        columns: columns
            .into_iter()
            .map(|column| Column {
                role: if column.name == "ID" { Role::Key } else { Role::Value },
                ..column
            })
            .collect(),
        topic: "s".into(),
        key_format: "KAFKA".into(),
        value_format: value_format.into(),
        timestamp: timestamp.into(),
        partitions: 1,
        statement: statement.into(),
        read_queries: Vec::new(),
        write_queries: Vec::new(),
        offsets: Vec::new(),
    }
}

/// Rows by offset: each value as text, by column.
fn rows(batch: &RecordBatch) -> BTreeMap<i64, BTreeMap<String, String>> {
    use arrow::util::display::{ArrayFormatter, FormatOptions};
    let options = FormatOptions::default().with_null("null");
    let mut rows = BTreeMap::new();
    for row in 0..batch.num_rows() {
        let mut values = BTreeMap::new();
        for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
            let text = ArrayFormatter::try_new(array, &options).unwrap().value(row).to_string();
            values.insert(field.name().clone(), text);
        }
        rows.insert(values["ROWOFFSET"].parse().unwrap(), values);
    }
    rows
}

/// The rows that the server sent, decoded as an export through ksqlDB does.
fn of_server(body: &str, source: &Description) -> BTreeMap<i64, BTreeMap<String, String>> {
    let mut lines = body.lines();
    let header: serde_json::Value =
        serde_json::from_str(lines.next().unwrap().trim_start_matches('[').trim_end_matches(',')).unwrap();
    let header = parse_columns(header["header"]["schema"].as_str().unwrap()).unwrap();
    let columns: Vec<_> = header
        .iter()
        .map(|column| {
            let declared = source.columns.iter().find(|own| own.name == column.name);
            let sql_type = declared.map_or(column.sql_type.clone(), |own| own.sql_type.clone());
            let wire = match sql_type {
                SqlType::Timestamp => Wire::EpochMillis,
                SqlType::Time => Wire::TimeText,
                _ => Wire::AsDeclared,
            };
            ReadColumn { label: column.name.clone(), name: column.name.clone(), sql_type, wire }
        })
        .collect();
    let mut decoder = Decoder::new(&columns).unwrap();
    for line in lines.filter_map(|line| line.strip_prefix("{\"row\":{\"columns\":")) {
        let row = line.trim_end_matches([',', ']', '\n']).trim_end_matches("}}");
        // What no column of the lake can keep is put aside in both ways.
        if let Err(bad) = decoder.push_row(row.as_bytes()) {
            assert!(
                ["half of a surrogate pair", "beyond a DATE"].contains(&bad.reason.as_str()),
                "{row}: {bad:?}"
            );
        }
    }
    rows(&decoder.finish().unwrap())
}

/// Compares both; gives the offsets that the server made a row of and we put aside, and the other way round.
fn compare(input: &str, body: &str, source: &Description, own_time: bool) -> (BTreeSet<i64>, BTreeSet<i64>) {
    let layout = topic::layout(source, &[], &BTreeMap::new()).unwrap();
    let mut decoder = RecordDecoder::new(&layout).unwrap();
    let mut bad = BTreeMap::new();
    let inputs = inputs(input);
    for input in &inputs {
        let record = Record {
            partition: 0,
            offset: input.offset,
            time: Some(input.time),
            key: input.key.as_deref(),
            value: input.value.as_deref(),
            headers: &[],
        };
        if let Err(fault) = decoder.push(&record) {
            bad.insert(input.offset, fault.reason);
        }
    }
    let ours = rows(&decoder.finish().unwrap());
    let servers = of_server(body, source);
    assert!(inputs.len() > 5 && servers.len() >= 3, "{} inputs, {} rows", inputs.len(), servers.len());
    for (offset, row) in &servers {
        let Some(own) = ours.get(offset) else { continue };
        for (column, value) in row {
            // The time of a record that was produced without one is that of the recording's broker.
            if column != "ROWTIME" || own_time {
                let text = inputs.iter().find(|input| input.offset == *offset).and_then(|i| i.value.clone());
                let text = String::from_utf8_lossy(text.as_deref().unwrap_or_default()).into_owned();
                assert_eq!(own[column], *value, "{column} of offset {offset}: {text}");
            }
        }
    }
    let put_aside = servers.keys().filter(|offset| !ours.contains_key(offset)).copied().collect();
    let more = ours.keys().filter(|offset| !servers.contains_key(offset)).copied().collect();
    (put_aside, more)
}

/// The offsets of the inputs with these values.
fn offsets_of(input: &str, values: &[&str]) -> BTreeSet<i64> {
    let inputs = inputs(input);
    values
        .iter()
        .map(|value| {
            let found = inputs.iter().find(|input| input.value.as_deref() == Some(value.as_bytes()));
            found.unwrap_or_else(|| panic!("no input {value}")).offset
        })
        .collect()
}

#[test]
fn json_becomes_the_rows_of_the_server() {
    let input = include_str!("recorded/coerce-json-input.jsonl");
    let source = stream(
        "`ID` STRING, `I` INTEGER, `L` BIGINT, `D` DOUBLE, `B` BOOLEAN, `S` STRING, `DC` DECIMAL(6, 2), `TS` TIMESTAMP, \
         `DT` DATE, `TM` TIME, `BYT` BYTES, `ARR` ARRAY<INTEGER>, `M` MAP<STRING, INTEGER>, `ST` STRUCT<`A` INTEGER, `b` STRING>",
        "JSON",
        "",
        "",
    );
    let (put_aside, more) = compare(input, include_str!("recorded/coerce-json-push.body"), &source, true);
    // Where the server wraps a number, or loses a time, the lake keeps the record aside instead.
    let wrapped =
        [r#"{"I":2147483648}"#, r#"{"L":9223372036854775808}"#, r#"{"L":1e19}"#, r#"{"TM":86400000}"#];
    assert_eq!(put_aside, offsets_of(input, &wrapped));
    assert_eq!(more, BTreeSet::new());
}

#[test]
fn delimited_lines_become_the_rows_of_the_server() {
    let input = include_str!("recorded/delim-input.jsonl");
    let source = stream(
        "`ID` STRING, `I` INTEGER, `S` STRING, `D` DOUBLE, `DC` DECIMAL(6, 2), `B` BOOLEAN, `TS` TIMESTAMP, `DT` DATE",
        "DELIMITED",
        "",
        "",
    );
    let (put_aside, more) = compare(input, include_str!("recorded/delim-push.body"), &source, false);
    assert_eq!((put_aside, more), (BTreeSet::new(), BTreeSet::new()));
}

#[test]
fn a_timestamp_column_is_the_rows_time() {
    let input = include_str!("recorded/ts-column-input.jsonl");
    let statement = "CREATE STREAM S (ID STRING KEY, EVT STRING, N INTEGER) WITH (KAFKA_TOPIC='ts_col2', VALUE_FORMAT='JSON', \
                     PARTITIONS=1, RETENTION_MS=-1, TIMESTAMP='EVT', TIMESTAMP_FORMAT='yyyy-MM-dd''T''HH:mm:ssX');";
    let source = stream("`ID` STRING, `EVT` STRING, `N` INTEGER", "JSON", statement, "EVT");
    let (put_aside, more) = compare(input, include_str!("recorded/ts-column-push.body"), &source, true);
    assert_eq!((put_aside, more), (BTreeSet::new(), BTreeSet::new()));
}

/// Bytes from outside never end in a panic, and a bad record leaves nothing behind.
#[test]
fn damaged_records_are_rows_or_put_aside_and_nothing_else() {
    let json = include_str!("recorded/coerce-json-input.jsonl");
    let source = |format: &str, statement: &str| {
        stream(
            "`ID` BIGINT, `I` INTEGER, `D` DOUBLE, `S` STRING, `DC` DECIMAL(6, 2), `BYT` BYTES, `TS` TIMESTAMP",
            format,
            statement,
            if statement.is_empty() { "" } else { "TS" },
        )
    };
    let rng = &mut fastrand::Rng::with_seed(3);
    let values: Vec<Vec<u8>> = inputs(json).into_iter().filter_map(|input| input.value).collect();
    for source in [source("JSON", ""), source("JSON_SR", ""), source("DELIMITED", "WITH (TIMESTAMP='TS')")] {
        let mut decoder =
            RecordDecoder::new(&topic::layout(&source, &[], &BTreeMap::new()).unwrap()).unwrap();
        let mut rows = 0;
        for offset in 0..20_000 {
            let mut value = values[rng.usize(..values.len())].clone();
            if source.value_format == "JSON_SR" {
                value.splice(0..0, [0, 0, 0, 0, 1]);
            }
            if source.value_format == "DELIMITED" {
                value = b"1,2.5,\"a,b\",1.20,AAAA,1736935200000".to_vec();
            }
            for _ in 0..rng.usize(..3) {
                let at = rng.usize(..value.len().max(1)).min(value.len().saturating_sub(1));
                match (rng.u8(..3), value.get_mut(at)) {
                    (0, Some(byte)) => *byte = rng.u8(..),
                    (1, Some(_)) => value.truncate(at),
                    _ => value.insert(at, b"\"{}[],:0\\"[rng.usize(..9)]),
                }
            }
            let key = 7_i64.to_be_bytes();
            let record = Record {
                partition: 0,
                offset,
                time: Some(0),
                key: rng.bool().then_some(&key[..rng.usize(6..=8)]),
                value: Some(&value),
                headers: &[],
            };
            rows += usize::from(decoder.push(&record).unwrap_or(false));
            assert_eq!(decoder.len(), rows);
        }
        let batch = decoder.finish().unwrap();
        assert_eq!(batch.num_rows(), rows);
        assert!((1_000..20_000).contains(&rows), "{rows} rows of {}", source.value_format);
    }
}

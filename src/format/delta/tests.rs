use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use std::sync::Arc;

use super::state::State;
use super::*;
use crate::format::Bounds;

fn columns() -> Columns {
    let utc = || Some("UTC".into());
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    let members = Fields::from(vec![field("A", DataType::Int32), field("B", DataType::Utf8)]);
    let pair =
        Fields::from(vec![Field::new("key", DataType::Utf8, false), field("value", DataType::Float64)]);
    let map = DataType::Map(Arc::new(Field::new("entries", DataType::Struct(pair), false)), false);
    let list = |name: &str, data_type: DataType| (name.to_owned(), data_type);
    Columns {
        files: vec![
            list("N", DataType::Int64),
            list("I", DataType::Int32),
            list("D", DataType::Float64),
            list("S", DataType::Utf8),
            list("BIN", DataType::Binary),
            list("DAY", DataType::Date32),
            list("T", DataType::Timestamp(TimeUnit::Millisecond, utc())),
            list("DEC", DataType::Decimal128(10, 2)),
            list("OK", DataType::Boolean),
            list("ST", DataType::Struct(members)),
            list("L", DataType::List(Arc::new(field("item", DataType::Date32)))),
            list("M", map),
        ],
        partition: vec!["year".to_owned(), "month".to_owned()],
    }
}

fn file(path: &str, columns: &[(&str, Option<u64>, Value, Value)]) -> TableFile {
    let known = |value: &Value| (!value.is_null()).then(|| value.clone());
    TableFile {
        path: path.to_owned(),
        partition: BTreeMap::from([("year".to_owned(), 2025), ("month".to_owned(), 1)]),
        bytes: 77,
        rows: Some(5),
        columns: columns
            .iter()
            .map(|(name, nulls, min, max)| {
                ((*name).to_owned(), Bounds { nulls: *nulls, min: known(min), max: known(max) })
            })
            .collect(),
    }
}

fn identity() -> Identity {
    Identity { id: "id-1".to_owned(), dataset: "streams/x".to_owned(), created: 5 }
}

#[test]
fn the_first_entry_line_by_line() {
    let (columns, identity) = (Columns { files: columns().files[..1].to_vec(), ..columns() }, identity());
    let entry = Entry {
        commit: "000003-r",
        seq: 3,
        at: 1000,
        positions: BTreeMap::from([(0, 12), (1, 7)]),
        is_new: true,
        schema: Some((&identity, &columns)),
        added: vec![file("_f/year=2025/month=01/a b%é#.delta", &[("N", Some(1), json!(-4), json!(9))])],
        removed: vec![file("_f/year=2025/month=01/old.delta", &[])],
        is_rewrite: false,
    };
    let text = entry.text(&columns).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let expected = [
        format!(r#"{{"commitInfo":{{"engineInfo":"lakehand/{version}","lakehand.commit":"000003-r","lakehand.offsets":{{"0":12,"1":7}},"operation":"WRITE","operationParameters":{{"mode":"Overwrite"}},"timestamp":1000}}}}"#),
        r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["appendOnly","invariants","lakehandOnly"]}}"#.to_owned(),
        r#"{"metaData":{"configuration":{"delta.deletedFileRetentionDuration":"interval 36500 days","lakehand.dataset":"streams/x"},"createdTime":5,"format":{"options":{},"provider":"parquet"},"id":"id-1","name":"streams/x","partitionColumns":["year","month"],"schemaString":"{\"fields\":[{\"metadata\":{},\"name\":\"N\",\"nullable\":true,\"type\":\"long\"},{\"metadata\":{},\"name\":\"year\",\"nullable\":true,\"type\":\"integer\"},{\"metadata\":{},\"name\":\"month\",\"nullable\":true,\"type\":\"integer\"}],\"type\":\"struct\"}"}}"#.to_owned(),
        r#"{"txn":{"appId":"lakehand","lastUpdated":1000,"version":3}}"#.to_owned(),
        r#"{"remove":{"dataChange":true,"deletionTimestamp":1000,"extendedFileMetadata":true,"partitionValues":{"month":"1","year":"2025"},"path":"_f/year=2025/month=01/old.delta","size":77}}"#.to_owned(),
        r#"{"add":{"dataChange":true,"modificationTime":1000,"partitionValues":{"month":"1","year":"2025"},"path":"_f/year=2025/month=01/a%20b%25%C3%A9%23.delta","size":77,"stats":"{\"numRecords\":5,\"minValues\":{\"N\":-4},\"maxValues\":{\"N\":9},\"nullCount\":{\"N\":1}}"}}"#.to_owned(),
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    let mut state = State::default();
    state.take(0, &text, false).unwrap();
    assert_eq!(
        state.files().unwrap(),
        BTreeMap::from([("_f/year=2025/month=01/a b%é#.delta".to_owned(), 77)])
    );
    assert_eq!((state.dataset(), state.last_seq(), state.rows()), (Some("streams/x"), Some(3), Some(5)));
    assert!(state.foreign.is_empty());
    // What a checkpoint says is the same state.
    let mut again = State::default();
    again.take(0, &state.checkpoint().0, true).unwrap();
    assert_eq!(again.files().unwrap(), state.files().unwrap());
    assert_eq!(again.checkpoint(), state.checkpoint());
    again.take(1, "{\"commitInfo\":{}}\n", false).unwrap();
    assert_eq!(again.foreign, [1]);
}

#[test]
fn every_type_has_its_name_or_is_refused() {
    let text = schema_string(&columns()).unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    let types: Vec<String> =
        read["fields"].as_array().unwrap().iter().map(|field| field["type"].to_string()).collect();
    let nested = [
        r#"{"fields":[{"metadata":{},"name":"A","nullable":true,"type":"integer"},{"metadata":{},"name":"B","nullable":true,"type":"string"}],"type":"struct"}"#,
        r#"{"containsNull":true,"elementType":"date","type":"array"}"#,
        r#"{"keyType":"string","type":"map","valueContainsNull":true,"valueType":"double"}"#,
    ];
    let plain =
        ["long", "integer", "double", "string", "binary", "date", "timestamp", "decimal(10,2)", "boolean"];
    let plain = plain.map(|name| format!("\"{name}\""));
    let expected: Vec<String> = plain.iter().cloned().chain(nested.map(str::to_owned)).collect();
    assert_eq!(types[..12], expected);
    for data_type in [DataType::Time64(TimeUnit::Microsecond), DataType::Decimal256(50, 2)] {
        let inside = DataType::List(Arc::new(Field::new("item", data_type.clone(), true)));
        for data_type in [data_type, inside] {
            let columns = Columns { files: vec![("WHEN".to_owned(), data_type)], partition: Vec::new() };
            let error = schema_string(&columns).unwrap_err();
            assert_eq!(error.kind(), Kind::Feed);
            assert!(error.to_string().contains("WHEN"), "{error}");
        }
    }
    let twice = vec![("Ab".to_owned(), DataType::Utf8), ("aB".to_owned(), DataType::Utf8)];
    assert!(schema_string(&Columns { files: twice, partition: Vec::new() }).is_err());
}

#[test]
fn bounds_are_never_tighter_than_the_values() {
    let stats = |name: &str, data_type: DataType, min: Value, max: Value| {
        let columns = Columns { files: vec![(name.to_owned(), data_type)], partition: Vec::new() };
        let text = stats::text(&file("x", &[(name, None, min, max)]), &columns).unwrap().unwrap();
        let text = text.strip_prefix(r#"{"numRecords":5,"minValues":"#).unwrap().to_owned();
        text.strip_suffix(r#","nullCount":{}}"#).unwrap().to_owned()
    };
    let t = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    let none = r#"{},"maxValues":{}"#;
    for (data_type, min, max, expected) in [
        (DataType::Int64, json!(1), json!(1_i64 << 53), r#"{"C":1},"maxValues":{"C":9007199254740992}"#),
        (DataType::Int64, json!(i64::MIN), json!((1_i64 << 53) + 1), none),
        (DataType::Float64, json!(-1.5), json!(2.5), r#"{"C":-1.5},"maxValues":{}"#),
        (DataType::Date32, json!(-1), json!(20_000), r#"{"C":"1969-12-31"},"maxValues":{"C":"2024-10-04"}"#),
        (
            t(TimeUnit::Millisecond),
            json!(1_736_899_200_123_i64),
            json!(1_736_899_200_124_i64),
            r#"{"C":"2025-01-15T00:00:00.123Z"},"maxValues":{"C":"2025-01-15T00:00:00.124Z"}"#,
        ),
        (
            t(TimeUnit::Microsecond),
            json!(-1),
            json!(1001),
            r#"{"C":"1969-12-31T23:59:59.999Z"},"maxValues":{"C":"1970-01-01T00:00:00.002Z"}"#,
        ),
        (DataType::Decimal128(10, 3), json!(-12340), json!(7), r#"{"C":-12.340},"maxValues":{"C":0.007}"#),
        (DataType::Decimal128(10, 0), json!(-5), json!(7), r#"{"C":-5},"maxValues":{"C":7}"#),
        (DataType::Utf8, json!("a\""), json!("z"), r#"{"C":"a\""},"maxValues":{"C":"z"}"#),
        (DataType::Binary, json!("a"), json!("z"), none),
        (DataType::Boolean, json!(false), json!(true), none),
    ] {
        assert_eq!(stats("C", data_type, min, max), expected);
    }
}

#[test]
fn names_in_the_log() {
    assert_eq!(file_of_version(7), "00000000000000000007.json");
    assert_eq!(version_of_file("00000000000000000007.json"), Some(7));
    for name in ["7.json", "00000000000000000007.checkpoint.parquet", "0000000000000000000x.json"] {
        assert_eq!(version_of_file(name), None, "{name}");
    }
    assert_eq!(checkpoint::version_of_checkpoint(&checkpoint::file_of_checkpoint(12)), Some(12));
    assert_eq!(disk_path("a%20b%C3%A9").unwrap(), "a bé");
    assert!(disk_path("a%2").is_err() && disk_path("%FF").is_err());
}

#[test]
fn a_rewrite_changes_no_data() {
    let entry = Entry {
        commit: "000004-compact",
        added: vec![file("_f/year=2025/month=01/one.delta", &[])],
        removed: vec![file("_f/year=2025/month=01/a.delta", &[]), file("_f/year=2025/month=01/b.delta", &[])],
        is_rewrite: true,
        ..Entry::default()
    };
    let text = entry.text(&columns()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["commitInfo"]["operation"], "OPTIMIZE");
    let changes = lines.iter().flat_map(|line| [&line["add"]["dataChange"], &line["remove"]["dataChange"]]);
    let changes: Vec<_> = changes.filter(|value| !value.is_null()).collect();
    assert_eq!(changes, [false, false, false]);
}

//! AVRO records become rows as ksqlDB makes them: by the writer's schema alone, names in any case, types widened.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use base64::Engine as _;
use lakehand::ksql::decode::record::{AvroSchema, Record, RecordDecoder, SchemaBook};
use lakehand::ksql::describe::Description;
use lakehand::ksql::schema::Role;
use lakehand::ksql::topic;
use serde_json::{Value, json};

use crate::avro_records::{Avro, frame};
use crate::recorded::stream;

/// A decoder for a stream of these columns, and the schemas that its records may name: 1, 2, …
fn decoder(source: &Description, schemas: &[Value]) -> RecordDecoder {
    let book = SchemaBook::default();
    for (id, schema) in (1..).zip(schemas) {
        book.keep(id, AvroSchema::parse(&schema.to_string(), &[]).map(Arc::new));
    }
    let layout = topic::layout(source, &[], &BTreeMap::new()).unwrap();
    RecordDecoder::with_schemas(&layout, Arc::new(book)).unwrap()
}

fn of(columns: &str) -> Description {
    stream(columns, "AVRO", "", "")
}

fn push(decoder: &mut RecordDecoder, offset: i64, value: &[u8]) -> Result<bool, String> {
    let record =
        Record { partition: 0, offset, time: Some(1), key: Some(b"k"), value: Some(value), headers: &[] };
    decoder.push(&record).map_err(|bad| format!("{}: {}", bad.path, bad.reason))
}

/// The rows' own columns, as JSON.
fn rows(batch: &RecordBatch) -> Vec<Value> {
    let mut writer = arrow::json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, arrow::json::writer::JsonArray>(Vec::new());
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    let rows: Vec<Value> = serde_json::from_slice(&writer.into_inner()).unwrap();
    let strip = |mut row: Value| {
        for name in ["ROWTIME", "ROWPARTITION", "ROWOFFSET", "ID"] {
            row.as_object_mut().unwrap().remove(name);
        }
        row
    };
    rows.into_iter().map(strip).collect()
}

fn record(fields: &Value) -> Value {
    json!({ "type": "record", "name": "R", "fields": fields })
}

/// The fields of a record, whose names stand here for whoever reads.
fn fields(values: Vec<(&str, Avro)>) -> Avro {
    Avro::Record(values.into_iter().map(|(_, value)| value).collect())
}

/// One record of one schema.
fn one(columns: &str, schema: &Value, value: &Avro) -> Result<Value, String> {
    let mut decoder = decoder(&of(columns), std::slice::from_ref(schema));
    push(&mut decoder, 0, &frame(1, value))?;
    Ok(rows(&decoder.finish().unwrap()).remove(0))
}

#[test]
fn types_widen_as_ksqldb_widens_them() {
    let schema = record(&json!([
        { "name": "i", "type": "int" }, { "name": "l", "type": "int" }, { "name": "ts", "type": "int" },
        { "name": "d", "type": "float" },
        { "name": "b", "type": { "type": "fixed", "name": "F", "size": 3 } },
        { "name": "e", "type": { "type": "enum", "name": "E", "symbols": ["NO", "YES"] } },
        { "name": "s1", "type": "boolean" }, { "name": "s2", "type": "long" }, { "name": "s3", "type": "double" },
        { "name": "s4", "type": "float" },
        { "name": "dc", "type": { "type": "fixed", "name": "D", "size": 4, "logicalType": "decimal", "precision": 9, "scale": 3 } },
        { "name": "m", "type": { "type": "map", "values": "long" } },
        { "name": "u", "type": ["null", "int", "string", { "type": "record", "name": "In", "fields": [{ "name": "x", "type": "int" }] }] },
        { "name": "not_a_column", "type": { "type": "array", "items": { "type": "map", "values": ["null", "R"] } } },
    ]));
    let value = fields(vec![
        ("i", Avro::Int(-7)),
        ("l", Avro::Int(7)),
        ("ts", Avro::Int(1500)),
        ("d", Avro::Float(0.5)),
        ("b", Avro::Fixed(vec![1, 2, 3])),
        ("e", Avro::Enum(1)),
        ("s1", Avro::Boolean(true)),
        ("s2", Avro::Int(-9_000_000_000)),
        ("s3", Avro::Double(1e7)),
        ("s4", Avro::Float(0.1)),
        ("dc", Avro::Fixed(vec![0xff, 0xff, 0xfb, 0x1e])),
        ("m", Avro::Map(vec![("a".into(), Avro::Int(5))])),
        ("u", Avro::Union(2, Box::new(Avro::text("text")))),
        ("not_a_column", Avro::Array(vec![Avro::Map(vec![("n".into(), Avro::none())])])),
    ]);
    let columns = "`ID` STRING, `I` INTEGER, `L` BIGINT, `TS` TIMESTAMP, `D` DOUBLE, `B` BYTES, `E` STRING, `S1` STRING, \
                   `S2` STRING, `S3` STRING, `S4` STRING, `DC` DECIMAL(6, 2), `M` MAP<STRING, INTEGER>, \
                   `U` STRUCT<`INT` INTEGER, `STRING` STRING, `IN` STRUCT<`X` INTEGER>>, `GONE` STRING";
    assert!(
        one(columns, &schema, &value).unwrap_err().contains("$.M['a']") || {
            // A long does not narrow.
            one(columns, &schema, &value).unwrap_err().contains("long, which no INTEGER takes")
        }
    );
    let row = one(&columns.replace("STRING, INTEGER>, ", "STRING, BIGINT>, "), &schema, &value).unwrap();
    assert_eq!(
        row,
        json!({
            "I": -7, "L": 7, "TS": "1970-01-01T00:00:01.500Z", "D": 0.5, "B": "010203", "E": "YES", "S1": "true",
            "S2": "-9000000000", "S3": "1.0E7", "S4": "0.1", "DC": -1.25, "M": { "a": 5 },
            "U": { "INT": null, "STRING": "text", "IN": null }, "GONE": null,
        })
    );
}

#[test]
fn each_record_is_read_by_its_own_writers_schema() {
    let schemas = [
        record(&json!([{ "name": "A", "type": "int" }])),
        record(
            &json!([{ "name": "B", "type": "string", "default": "x" }, { "name": "a", "type": ["null", "int"] }]),
        ),
        // Renamed: the old column has no value any more.
        record(&json!([{ "name": "C", "type": "long" }, { "name": "B", "type": ["null", "string"] }])),
    ];
    let mut decoder = decoder(&of("`ID` STRING, `A` INTEGER, `B` STRING"), &schemas);
    let values = [
        (1, fields(vec![("A", Avro::Int(1))])),
        (2, fields(vec![("B", Avro::text("b")), ("a", Avro::Int(2).some())])),
        (1, fields(vec![("A", Avro::Int(3))])),
        (3, fields(vec![("C", Avro::Int(4)), ("B", Avro::none())])),
        (2, fields(vec![("B", Avro::text("c")), ("a", Avro::none())])),
    ];
    for (offset, (id, value)) in (0..).zip(values) {
        assert_eq!(push(&mut decoder, offset, &frame(id, &value)), Ok(true));
    }
    assert_eq!(
        rows(&decoder.finish().unwrap()),
        [
            json!({ "A": 1, "B": null }),
            json!({ "A": 2, "B": "b" }),
            json!({ "A": 3, "B": null }),
            json!({ "A": null, "B": null }),
            json!({ "A": null, "B": "c" }),
        ]
    );
}

#[test]
fn names_match_in_any_case_and_of_two_spellings_the_last_counts() {
    let schema = record(&json!([
        { "name": "A", "type": "int" }, { "name": "a", "type": "int" }, { "name": "low", "type": "int" },
        { "name": "LOW", "type": "int" },
    ]));
    let value =
        fields(vec![("A", Avro::Int(1)), ("a", Avro::Int(2)), ("low", Avro::Int(3)), ("LOW", Avro::Int(4))]);
    assert_eq!(
        one("`ID` STRING, `A` INTEGER, `low` INTEGER", &schema, &value).unwrap(),
        json!({ "A": 2, "low": 3 })
    );
}

#[test]
fn one_value_may_stand_alone_and_null_is_no_row() {
    let schema = json!(["null", "string"]);
    let source =
        stream("`V` STRING", "AVRO", "CREATE STREAM S (V STRING) WITH (WRAP_SINGLE_VALUE=false);", "");
    let mut decoder = decoder(&source, std::slice::from_ref(&schema));
    assert_eq!(push(&mut decoder, 0, &frame(1, &Avro::text("v").some())), Ok(true));
    assert_eq!(push(&mut decoder, 1, &frame(1, &Avro::none())), Ok(false));
    assert_eq!(rows(&decoder.finish().unwrap()), [json!({ "V": "v" })]);
}

#[test]
fn keys_are_avro_too() {
    let mut source = stream("`ID` STRING, `K2` INTEGER, `V` INTEGER", "AVRO", "", "");
    source.key_format = "AVRO".into();
    source.columns[1].role = Role::Key;
    let key = record(&json!([{ "name": "K2", "type": "int" }, { "name": "ID", "type": ["null", "string"] }]));
    let value = record(&json!([{ "name": "V", "type": "int" }]));
    let mut decoder = decoder(&source, &[key.clone(), value.clone()]);
    let key = frame(1, &fields(vec![("K2", Avro::Int(5)), ("ID", Avro::text("i").some())]));
    let value = frame(2, &fields(vec![("V", Avro::Int(6))]));
    let record =
        |key| Record { partition: 0, offset: 0, time: Some(1), key, value: Some(&value), headers: &[] };
    assert_eq!(decoder.push(&record(Some(&key))), Ok(true));
    assert_eq!(decoder.push(&record(None)), Ok(true));
    assert!(decoder.push(&record(Some(b"raw"))).unwrap_err().path.starts_with("key"));
    let batch = decoder.finish().unwrap();
    assert_eq!(rows(&batch), [json!({ "K2": 5, "V": 6 }), json!({ "K2": null, "V": 6 })]);
}

#[test]
fn what_does_not_fit_is_a_bad_record_and_leaves_nothing() {
    let columns = "`ID` STRING, `A` INTEGER, `S` STRUCT<`X` ARRAY<STRING>>";
    let schema = record(&json!([
        { "name": "A", "type": ["null", "int"] },
        { "name": "S", "type": { "type": "record", "name": "In", "fields": [{ "name": "X", "type": { "type": "array", "items": "string" } }] } },
    ]));
    let other = record(&json!([{ "name": "A", "type": ["null", "string"] }]));
    let mut decoder = decoder(&of(columns), &[schema.clone(), other.clone(), json!("int")]);
    let strings = Avro::Array(vec![Avro::text("one"), Avro::text("two")]);
    let good = frame(1, &fields(vec![("A", Avro::Int(1).some()), ("S", fields(vec![("X", strings)]))]));
    // Cut at any byte.
    for end in 0..good.len() {
        assert!(push(&mut decoder, 0, &good[..end]).is_err(), "{end}");
    }
    assert!(push(&mut decoder, 0, &good[..good.len() - 3]).unwrap_err().starts_with("$.S.X"));
    // A null of a type that does not fit is refused as well, as ksqlDB does.
    let null = frame(2, &fields(vec![("A", Avro::none())]));
    assert!(push(&mut decoder, 0, &null).unwrap_err().contains("string, which no INTEGER takes"));
    assert!(push(&mut decoder, 0, &frame(3, &Avro::Int(1))).unwrap_err().contains("record"));
    assert!(push(&mut decoder, 0, &frame(9, &Avro::Int(1))).unwrap_err().contains("schema 9"));
    assert!(push(&mut decoder, 0, b"{\"A\":1}").unwrap_err().contains("zero byte"));
    // What follows the datum is not looked at.
    assert_eq!(push(&mut decoder, 1, &[good.as_slice(), b"more"].concat()), Ok(true));
    let batch = decoder.finish().unwrap();
    assert_eq!(rows(&batch), [json!({ "A": 1, "S": { "X": ["one", "two"] } })]);
}

#[test]
fn sizes_that_bytes_only_claim_cost_nothing() {
    let schema = record(&json!([
        { "name": "A", "type": { "type": "array", "items": "string" } },
        { "name": "N", "type": { "type": "array", "items": "null" } },
        { "name": "SELF", "type": ["null", "R"] },
    ]));
    let mut decoder = decoder(&of("`ID` STRING, `A` ARRAY<STRING>"), std::slice::from_ref(&schema));
    let framed = |datum: &[u8]| [&[0, 0, 0, 0, 1], datum].concat();
    // 2^62 elements; a text of 2^62 bytes; 2^62 nulls in a column that nobody wants.
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert!(push(&mut decoder, 0, &framed(&huge)).is_err());
    assert!(push(&mut decoder, 0, &framed(&[&[2], huge.as_slice()].concat())).is_err());
    let nulls = [&[0], huge.as_slice(), &[0, 0]].concat();
    assert_eq!(push(&mut decoder, 0, &framed(&nulls)), Ok(true));
    // A record within a record within a record, in a column that nobody wants.
    let deep: Vec<u8> = [0, 0, 2].repeat(100_000);
    assert!(push(&mut decoder, 1, &framed(&deep)).unwrap_err().contains("levels"));
    assert_eq!(decoder.finish().unwrap().num_rows(), 1);
}

/// Data that Apache Avro for Java 1.11.4 has written, every other record in blocks with their sizes.
#[test]
fn what_apache_avro_writes_is_read() {
    let recorded: Value = serde_json::from_str(include_str!("recorded/avro.json")).unwrap();
    let line = "STRUCT<`SKU` STRING, `QTY` INTEGER, `TAGS` ARRAY<STRING>>";
    let columns = format!(
        "`ID` STRING, `I` INTEGER, `L` BIGINT, `F` DOUBLE, `D` DOUBLE, `B` BOOLEAN, `S` STRING, `BY` BYTES, `FX` BYTES, \
         `E` STRING, `E2` STRING, `ARR` ARRAY<BIGINT>, `M` MAP<STRING, INTEGER>, `LINES` ARRAY<{line}>, `FIRST` {line}, \
         `NESTED` MAP<STRING, ARRAY<{line}>>"
    );
    let mut decoder = decoder(&of(&columns), std::slice::from_ref(&recorded["schema"]));
    let records = recorded["records"].as_array().unwrap();
    for (offset, record) in (0..).zip(records) {
        let datum =
            base64::engine::general_purpose::STANDARD.decode(record["datum"].as_str().unwrap()).unwrap();
        let value = [&[0, 0, 0, 0, 1], datum.as_slice()].concat();
        assert_eq!(push(&mut decoder, offset, &value), Ok(true), "{record}");
    }
    let rows = rows(&decoder.finish().unwrap());
    assert_eq!(rows.len(), 40);
    for (row, record) in rows.iter().zip(records) {
        assert_eq!(*row, record["values"]);
    }
}

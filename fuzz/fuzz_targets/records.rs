//! Records of a topic: what the decoder takes becomes exactly one row; what it refuses or takes for null leaves nothing.
#![no_main]

use std::sync::{Arc, OnceLock};

use lakehand::ksql::decode::record::{
    AvroSchema, Format, Layout, Record, RecordColumn, RecordDecoder, RowTime, SchemaBook,
};
use lakehand::ksql::schema::{Role, parse_type};
use libfuzzer_sys::fuzz_target;

const FLAT: [&str; 9] =
    ["STRING", "INTEGER", "BIGINT", "DOUBLE", "BOOLEAN", "BYTES", "DECIMAL(12, 2)", "DATE", "TIMESTAMP"];
const NESTED: [&str; 5] = [
    "TIME",
    "DECIMAL(60, 30)",
    "ARRAY<MAP<STRING, INTEGER>>",
    "MAP<STRING, STRUCT<`A` BIGINT, `B` ARRAY<STRING>>>",
    "STRUCT<`A` DECIMAL(9, 3), `T` TIMESTAMP, `S` STRUCT<`X` BYTES, `Y` DATE>>",
];

/// A schema with a field for each column, and one that nobody wants and that holds itself.
const SCHEMA: &str = r#"{"type":"record","name":"R","fields":[
    {"name":"C0","type":["null","string",{"type":"enum","name":"E","symbols":["X","Y"]}]},
    {"name":"c1","type":["null","int"]},{"name":"C2","type":["int","null"]},{"name":"C3","type":"float"},
    {"name":"C4","type":["null","boolean"]},{"name":"C5","type":{"type":"fixed","name":"F","size":2}},
    {"name":"SELF","type":["null","R",{"type":"array","items":["null","R"]},{"type":"map","values":"R"}]},
    {"name":"C6","type":["null",{"type":"bytes","logicalType":"decimal","scale":3}]},
    {"name":"C7","type":"int"},{"name":"C8","type":"long"},{"name":"C9","type":["null","int"]},
    {"name":"C10","type":["null",{"type":"bytes","logicalType":"decimal","scale":30}]},
    {"name":"C11","type":{"type":"array","items":{"type":"map","values":"int"}}},
    {"name":"C12","type":{"type":"array","items":{"type":"record","name":"M","connect.internal.type":"MapEntry","fields":[
        {"name":"value","type":{"type":"record","name":"V","fields":[{"name":"A","type":"long"},{"name":"B","type":{"type":"array","items":"E"}}]}},
        {"name":"key","type":["null","string"]}]}}},
    {"name":"C13","type":["null","string",{"type":"record","name":"A","fields":[]}]}]}"#;

fn layout(value: Format, types: &[&str]) -> Layout {
    let columns = types.iter().enumerate().map(|(i, text)| RecordColumn {
        name: format!("C{i}"),
        lake: Some(format!("C{i}")),
        sql_type: parse_type(text).unwrap(),
        role: Role::Value,
    });
    Layout { columns: columns.collect(), key: Format::None, value, window: None, row_time: RowTime::Record }
}

fuzz_target!(|data: &[u8]| {
    static KNOWN: OnceLock<Arc<AvroSchema>> = OnceLock::new();
    let Some((choice, rest)) = data.split_first() else { return };
    let all = [FLAT.as_slice(), NESTED.as_slice()].concat();
    let book = SchemaBook::default();
    let mut value = rest.to_vec();
    let layout = match choice % 8 {
        0 => layout(Format::Json { wrapped: true }, &all),
        1 => layout(Format::Json { wrapped: false }, &NESTED[usize::from(choice / 8) % 5..][..1]),
        2 => layout(Format::Delimited(','), &FLAT),
        3 => layout(Format::JsonSr { wrapped: true }, &all),
        4 => layout(Format::Kafka, &FLAT[usize::from(choice / 8) % 6..][..1]),
        // A datum of a known schema, wrapped or into one column of any type.
        5 | 6 => {
            let schema = KNOWN.get_or_init(|| Arc::new(AvroSchema::parse(SCHEMA, &[]).unwrap()));
            book.keep(1, Ok(Arc::clone(schema)));
            value = [&[0, 0, 0, 0, 1], rest].concat();
            layout(
                Format::Avro { wrapped: choice % 8 == 5 },
                if choice % 8 == 5 { &all } else { &NESTED[4..] },
            )
        }
        // A schema, and behind a zero byte a datum of it.
        _ => {
            let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
            let schema = AvroSchema::parse(&String::from_utf8_lossy(&rest[..end]), &[]).map(Arc::new);
            book.keep(1, schema);
            value = [&[0, 0, 0, 0, 1], rest.get(end + 1..).unwrap_or_default()].concat();
            layout(Format::Avro { wrapped: true }, &all)
        }
    };
    let mut decoder = RecordDecoder::with_schemas(&layout, Arc::new(book)).unwrap();
    let mut taken = 0;
    for offset in 0..2 {
        let record =
            Record { partition: 0, offset, time: Some(offset), key: None, value: Some(&value), headers: &[] };
        taken += usize::from(decoder.push(&record).unwrap_or(false));
    }
    // The same bytes mean the same twice.
    assert!(taken == 0 || taken == 2);
    assert_eq!(decoder.len(), taken);
    assert_eq!(decoder.finish().unwrap().num_rows(), taken);
});

//! Rows: what the decoder takes is JSON of the right length, and becomes exactly one row; what it refuses leaves nothing.
#![no_main]

use lakehand::ksql::column::{ReadColumn, Wire};
use lakehand::ksql::decode::Decoder;
use lakehand::ksql::schema::parse_type;
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;

const TYPES: [&str; 14] = [
    "STRING",
    "INTEGER",
    "BIGINT",
    "DOUBLE",
    "BOOLEAN",
    "BYTES",
    "DECIMAL(12, 2)",
    "DECIMAL(60, 30)",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "ARRAY<MAP<STRING, INTEGER>>",
    "MAP<STRING, STRUCT<`A` BIGINT, `B` ARRAY<STRING>>>",
    "STRUCT<`A` DECIMAL(9, 3), `T` TIMESTAMP, `S` STRUCT<`X` BYTES, `Y` DATE>>",
];

fuzz_target!(|data: &[u8]| {
    // The first byte chooses one column of a type, or all of them.
    let Some((choice, row)) = data.split_first() else { return };
    let chosen: Vec<&str> =
        TYPES.get(usize::from(*choice) % 16).map_or_else(|| TYPES.to_vec(), |one| vec![*one]);
    let columns: Vec<ReadColumn> = chosen
        .iter()
        .enumerate()
        .map(|(i, text)| ReadColumn {
            label: format!("C{i}"),
            name: format!("C{i}"),
            sql_type: parse_type(text).unwrap(),
            wire: Wire::AsDeclared,
        })
        .collect();
    let mut decoder = Decoder::new(&columns).unwrap();
    let nulls = format!("[{}]", vec!["null"; columns.len()].join(","));
    decoder.push_row(nulls.as_bytes()).unwrap();
    let taken = decoder.push_row(row).is_ok();
    decoder.push_row(nulls.as_bytes()).unwrap();
    let batch = decoder.finish().unwrap();
    assert_eq!(batch.num_rows(), 2 + usize::from(taken));
    if taken {
        let values: Vec<&RawValue> = serde_json::from_slice(row).expect("what is taken is JSON");
        assert_eq!(values.len(), columns.len());
    }
});

//! Pages of files that a Parquet writer made.

use std::fs::File;
use std::sync::Arc;

use arrow::array::builder::{Int64Builder, ListBuilder, MapBuilder, MapFieldNames, StringBuilder};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, StringArray,
    StructArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Fields};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use super::*;

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>, rows_a_group: usize) {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)).collect::<Vec<_>>(),
    )
    .unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows_a_group)).build();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn every_type_is_readable() {
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value([Some("a\"b"), None]);
    list.append_null();
    let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
    let mut map = MapBuilder::new(Some(names), StringBuilder::new(), Int64Builder::new());
    map.keys().append_value("k");
    map.values().append_value(1);
    map.append(true).unwrap();
    map.append(false).unwrap();
    let member = Fields::from(vec![
        Field::new("CITY", DataType::Utf8, true),
        Field::new("DAY", DataType::Date32, true),
    ]);
    let members: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![Some("Oslo"), None])),
        Arc::new(Date32Array::from(vec![Some(20_103), None])),
    ];
    let at = 1_736_951_400_123_000;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("int", Arc::new(Int32Array::from(vec![Some(-42), None]))),
        ("double", Arc::new(Float64Array::from(vec![Some(0.1), None]))),
        (
            "decimal",
            Arc::new(Decimal128Array::from(vec![Some(-5), None]).with_precision_and_scale(10, 2).unwrap()),
        ),
        ("text", Arc::new(StringArray::from(vec![Some("line\n\u{1b}[2J"), None]))),
        ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(&b"hi"[..]), None]))),
        ("time", Arc::new(Time64MicrosecondArray::from(vec![Some(52_200_123_000), None]))),
        ("stamp", Arc::new(TimestampMicrosecondArray::from(vec![Some(at), None]).with_timezone("UTC"))),
        ("list", Arc::new(list.finish())),
        ("map", Arc::new(map.finish())),
        ("struct", Arc::new(StructArray::new(member, members, None))),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.parquet");
    write(&path, columns, 100);
    let grid = preview(&path, 0, 10).unwrap();
    let shown: Vec<_> = grid.rows[0].iter().map(|text| text.as_deref().unwrap()).collect();
    assert_eq!(
        shown,
        [
            "true",
            "-42",
            "0.1",
            "-0.05",
            "line\\n\\u{1b}[2J",
            "0x6869",
            "14:30:00.123",
            "2025-01-15T14:30:00.123Z",
            "[\"a\\\"b\",null]",
            "{\"k\":1}",
            "{\"CITY\":\"Oslo\",\"DAY\":\"2025-01-15\"}"
        ]
    );
    assert!(grid.rows[1][..10].iter().all(Option::is_none));
    assert_eq!(grid.rows[1][10].as_deref(), Some("{\"CITY\":null,\"DAY\":null}"));
    assert_eq!(
        (grid.total_rows, grid.columns[3].clone()),
        (2, ("decimal".into(), "Decimal128(10, 2)".into()))
    );
}

#[test]
fn a_long_value_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.parquet");
    write(&path, vec![("text", Arc::new(StringArray::from(vec!["ö".repeat(100_000)])))], 10);
    let grid = preview(&path, 0, 1).unwrap();
    let text = grid.rows[0][0].as_deref().unwrap();
    assert!(text.ends_with("ö…") && text.len() <= MOST_BYTES + 3);
}

#[test]
fn a_file_that_is_gone_or_damaged_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.parquet");
    let gone = preview(&path, 0, 10).unwrap_err();
    assert!(gone.kind() == Kind::Io && gone.to_string().contains("is gone"), "{gone}");
    std::fs::write(&path, b"PAR1 this is no parquet PAR1").unwrap();
    assert_eq!(preview(&path, 0, 10).unwrap_err().kind(), Kind::Damaged);
    // The footer is whole and the pages are not.
    write(
        &path,
        vec![("text", Arc::new(StringArray::from_iter_values((0..5000).map(|n| format!("{n:08}")))))],
        5000,
    );
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[4..400].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(preview(&path, 0, 10).unwrap_err().kind(), Kind::Damaged);
}

#[test]
fn only_the_row_groups_that_are_needed() {
    assert_eq!(needed(&[100, 100, 100], 0, 50), (vec![0], 0));
    assert_eq!(needed(&[100, 100, 100], 150, 100), (vec![1, 2], 50));
    assert_eq!(needed(&[100, 100, 100], 300, 10), (vec![], 0));
    assert_eq!(needed(&[100, 0, 100], u64::MAX, u64::MAX), (vec![], 0));
    assert_eq!(needed(&[], 0, 10), (vec![], 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_page_is_that_part_of_the_file(rows in 1_i32..300, group in 1_usize..80, from in 0_usize..320, count in 0_usize..320) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.parquet");
        write(&path, vec![("n", Arc::new(Int32Array::from_iter_values(0..rows)))], group);
        let grid = preview(&path, from as u64, count).unwrap();
        let expected: Vec<_> = (0..rows).skip(from).take(count).map(|n| vec![Some(n.to_string())]).collect();
        prop_assert_eq!(grid.rows, expected);
        prop_assert_eq!(grid.total_rows, u64::try_from(rows).unwrap());
    }
}

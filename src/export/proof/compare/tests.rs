//! Tests of the comparison: two sides of a few rows each.

use std::sync::Arc;

use super::*;
use crate::ksql::column::{ReadColumn, Wire};
use crate::ksql::decode::Decoder;
use crate::ksql::schema::parse_type;

const ALL: Range = Range { partition: 0, from: 0, until: 100 };

/// Rows of a column `C` of this type; each is the JSON of its value, at the offsets from 0 on.
fn rows(sql_type: &str, values: &[&str]) -> RecordBatch {
    let column = |name: &str, sql_type: &str| ReadColumn {
        label: name.into(),
        name: name.into(),
        sql_type: parse_type(sql_type).unwrap(),
        wire: Wire::AsDeclared,
    };
    let columns = [
        column("ROWTIME", "BIGINT"),
        column("ROWPARTITION", "INTEGER"),
        column("ROWOFFSET", "BIGINT"),
        column("C", sql_type),
    ];
    let mut decoder = Decoder::new(&columns).unwrap();
    for (offset, value) in values.iter().enumerate() {
        decoder.push_row(format!("[7,0,{offset},{value}]").as_bytes()).unwrap();
    }
    decoder.finish().unwrap()
}

fn side(batch: RecordBatch) -> Side {
    let mut side = Side::default();
    side.take(batch);
    side
}

fn of(sql_type: &str, kafka: &[&str], ksqldb: &[&str]) -> Comparison {
    compare(&side(rows(sql_type, kafka)), &side(rows(sql_type, ksqldb)), &[ALL])
}

fn shown(found: &Comparison) -> Vec<String> {
    let show = |d: &Difference| {
        let [kafka, ksqldb] = &d.values;
        format!(
            "{}/{} {}: {} | {} ({})",
            d.place.1,
            d.column,
            d.path.shown(true),
            kafka.shown(true),
            ksqldb.shown(true),
            d.what
        )
    };
    found.first.iter().map(show).collect()
}

fn bad(reason: &str) -> BadRow {
    BadRow {
        path: "$".into(),
        place: "$".into(),
        reason: reason.into(),
        offset: 0,
        arity: false,
        syntax: false,
    }
}

#[test]
fn the_same_rows_in_other_batches_are_equal() {
    let mut kafka = side(rows("BIGINT", &["1", "null", "3"]));
    let mut ksqldb = Side::default();
    let all = rows("BIGINT", &["1", "null", "3"]);
    ksqldb.take(all.slice(2, 1));
    ksqldb.take(all.slice(0, 2));
    // Delivered once more.
    ksqldb.take(all.slice(0, 1));
    let found = compare(&kafka, &ksqldb, &[ALL]);
    assert_eq!((found.compared(), found.differences, found.only_kafka.len()), (3, 0, 0));
    assert_eq!((kafka.last_of(0), kafka.last_of(1)), (Some(2), None));
    kafka.retain(|(_, offset)| offset > 1);
    assert_eq!(compare(&kafka, &ksqldb, &[ALL]).differences, 2, "rows that ksqlDB alone has");
}

#[test]
fn one_value_that_differs_is_told_with_its_place_and_both_values() {
    let found = of("BIGINT", &["1", "2", "3"], &["1", "5", "3"]);
    assert_eq!((found.compared(), found.differences), (3, 1));
    assert_eq!(shown(&found), ["1/C C: 2 | 5 (another value)"]);
    let found = of("STRING", &["\"a\"", "null"], &["\"a\"", "\"\""]);
    assert_eq!(shown(&found), ["1/C C: null |  (null by one way alone)"]);
}

#[test]
fn nested_values_are_followed_to_the_member_that_differs() {
    let found = of(
        "ARRAY<STRUCT<A INTEGER, M MAP<STRING, DOUBLE>>>",
        &[r#"[{"A":1,"M":{"x":1.5,"y":2.0}},{"A":2,"M":null}]"#],
        &[r#"[{"A":1,"M":{"y":2.25,"x":1.5}},{"A":3,"M":null}]"#],
    );
    assert_eq!(
        shown(&found),
        ["0/C[0].M['…'] C[0].M['y']: 2.0 | 2.25 (another value)", "0/C[1].A C[1].A: 2 | 3 (another value)"]
    );
    let found = of("ARRAY<INTEGER>", &["[1,2]"], &["[1]"]);
    assert_eq!(shown(&found), ["0/C C: [1, 2] | [1] (another number of elements)"]);
    let found = of("MAP<STRING, INTEGER>", &[r#"{"a":1}"#], &[r#"{"b":1}"#]);
    assert_eq!(found.first[0].what, "other keys");
}

#[test]
fn doubles_are_the_same_bit_by_bit_but_for_nan_and_the_sign_of_zero() {
    let found = of(
        "DOUBLE",
        &["\"NaN\"", "0.1", "-0.0", "1e300", "\"Infinity\""],
        &["\"NaN\"", "0.1", "0.0", "1.0000000000000002e300", "\"-Infinity\""],
    );
    assert_eq!(found.known, BTreeMap::from([(Known::ZeroSign, 1)]));
    assert_eq!(found.differences, 2);
    assert_eq!(found.compared(), 5);
}

#[test]
fn what_is_no_row_one_way_is_told_apart() {
    let mut kafka = side(rows("INTEGER", &["1", "2"]));
    let mut ksqldb = side(rows("INTEGER", &["1", "2"]).slice(0, 1));
    // Only Kafka has offset 1: whoever reads looks at it again.
    assert_eq!(compare(&kafka, &ksqldb, &[ALL]).only_kafka, [(0, 1)]);
    kafka = side(rows("INTEGER", &["1"]));
    kafka.take_bad((0, 1), bad("beyond 32 bits"));
    kafka.take_bad((0, 2), bad("not an integer"));
    kafka.take_bad((0, 3), bad("not an integer"));
    kafka.take_bad((0, 4), bad("beyond a DATE"));
    ksqldb = side(rows("INTEGER", &["1", "-2147483648", "5"]));
    ksqldb.take_bad((0, 4), bad("beyond a DATE"));
    ksqldb.take_bad((0, 6), bad("beyond a DATE"));
    let found = compare(&kafka, &ksqldb, &[ALL]);
    assert_eq!(found.known, BTreeMap::from([(Known::Dropped, 1), (Known::Wrapped, 1)]));
    // Offset 2 is a row to ksqlDB alone, offset 6 came by ksqlDB alone.
    assert_eq!(found.first.iter().map(|d| d.place.1).collect::<Vec<_>>(), [2, 6]);
    assert_eq!(found.compared(), 1);
}

#[test]
fn other_columns_and_other_types_are_differences() {
    let found = compare(&side(rows("INTEGER", &["1"])), &side(rows("BIGINT", &["1"])), &[ALL]);
    assert_eq!(shown(&found), ["0/C C: 1 | 1 (another type)"]);
    let renamed = rows("INTEGER", &["1"]);
    let fields: Vec<_> = renamed.schema().fields().iter().cloned().collect();
    let mut fields: Vec<_> = fields.iter().map(|field| field.as_ref().clone()).collect();
    fields[3] = fields[3].clone().with_name("D");
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let renamed = RecordBatch::try_new(schema, renamed.columns().to_vec()).unwrap();
    let found = compare(&side(rows("INTEGER", &["1"])), &side(renamed), &[ALL]);
    assert_eq!(found.first.iter().map(|d| d.column.as_str()).collect::<Vec<_>>(), ["C", "D"]);
}

#[test]
fn rows_are_counted_by_range_and_what_is_kept_is_bounded() {
    let values: Vec<String> = (0..30).map(|i| i.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let zeros = vec!["-1"; 30];
    let ranges = [
        Range { partition: 0, from: 0, until: 20 },
        Range { partition: 0, from: 20, until: 30 },
        Range { partition: 1, from: 0, until: 5 },
    ];
    let found = compare(&side(rows("INTEGER", &values)), &side(rows("INTEGER", &zeros)), &ranges);
    assert_eq!(found.rows.iter().map(|(_, rows)| *rows).collect::<Vec<_>>(), [20, 10, 0]);
    assert_eq!((found.differences, found.first.len()), (30, KEPT));
    let long = format!("\"{}\"", "x".repeat(5_000));
    let found = of("STRING", &[&long], &["\"y\""]);
    assert_eq!(found.first[0].values[0].shown(true).chars().count(), SHOWN + 1);
}

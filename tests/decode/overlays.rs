//! DECIMALs of a STRUCT whose digits come with a column of their own.

use arrow::array::cast::AsArray as _;
use lakehand::Kind;
use lakehand::ksql::column::{ReadColumn, Wire};
use lakehand::ksql::decode::Decoder;
use lakehand::ksql::schema::SqlType;

use crate::columns::{column, columns};
use crate::value::{Value, decimal, rows};

const DEEP: &str = "`O` STRUCT<`A` DECIMAL(38, 10), `N` STRUCT<`W` DECIMAL(40, 0), `Q` INTEGER>>";

fn overlay(owner: usize, path: &[&str], precision: u32, scale: u32) -> ReadColumn {
    let path = path.iter().map(|&name| name.to_owned()).collect();
    let wire = Wire::Overlay { column: owner, path };
    ReadColumn { wire, ..column("X", SqlType::Decimal { precision, scale }) }
}

/// The two overlays around the column that they belong to.
fn deep() -> Decoder {
    let mut all = vec![overlay(1, &["N", "W"], 40, 0)];
    all.extend(columns(DEEP));
    all.push(overlay(1, &["A"], 38, 10));
    Decoder::new(&all).unwrap()
}

#[test]
fn the_exact_digits_take_the_members_place() {
    let mut decoder = deep();
    let wide = "9".repeat(40);
    for row in [
        format!(
            r#"[{wide},{{"A":1.2345678901234567E19,"N":{{"W":1.0E40,"Q":7}}}},12345678901234567890.1234567890]"#
        ),
        r#"[null,{"A":null,"N":null},null]"#.to_owned(),
        "[null,null,null]".to_owned(),
        r#"[5,{"N":{"Q":8}},-1.5]"#.to_owned(),
    ] {
        decoder.push_row(row.as_bytes()).unwrap();
    }
    assert_eq!(decoder.schema().fields().len(), 1);
    let batch = decoder.finish().unwrap();
    let nested = |w: Value, q| Value::Struct(vec![w, Value::Int(q)]);
    assert_eq!(
        rows(&batch),
        [
            [Value::Struct(vec![
                decimal(123_456_789_012_345_678_901_234_567_890),
                nested(Value::Decimal(wide), 7)
            ])],
            [Value::Struct(vec![Value::Null, Value::Null])],
            [Value::Null],
            [Value::Struct(vec![decimal(-15_000_000_000), nested(decimal(5), 8)])],
        ]
    );
    decoder.push_row(br#"[1,{"A":0.0,"N":{"W":1.0,"Q":null}},0]"#).unwrap();
    let next = decoder.finish().unwrap();
    assert_eq!(rows(&next), [[Value::Struct(vec![decimal(0), nested_null(1)])]]);
}

fn nested_null(w: i128) -> Value {
    Value::Struct(vec![decimal(w), Value::Null])
}

#[test]
fn an_overlay_is_null_wherever_its_struct_is() {
    let mut decoder = deep();
    decoder.push_row(b"[1,null,2]").unwrap();
    decoder.push_row(br#"[3,{"A":4.0,"N":null},4]"#).unwrap();
    let batch = decoder.finish().unwrap();
    let outer = batch.column(0).as_struct();
    let inner = outer.column(1).as_struct();
    let nulls = |array: &dyn arrow::array::Array| [array.is_null(0), array.is_null(1)];
    assert_eq!(nulls(outer), [true, false]);
    assert_eq!(nulls(outer.column(0)), [true, false]);
    assert_eq!(nulls(inner), [true, true]);
    assert_eq!(nulls(inner.column(0)), [true, true]);
}

#[test]
fn a_bad_row_takes_its_overlays_back() {
    let mut decoder = deep();
    decoder.push_row(br#"[1,{"A":1.0,"N":{"W":1.0,"Q":1}},1]"#).unwrap();
    for row in [
        r#"[2,{"A":2.0,"N":{"W":2.0,"Q":2}},2.00000000001]"#,
        r#"[2,{"A":2.0,"N":{"W":2.0,"Q":2.5}},2]"#,
        r#"[2,{"A":"2","N":{"W":2.0,"Q":2}},2]"#,
        r#"[2,{"A":2.0,"A":2.0,"N":null},2]"#,
        "[2.5,null,2]",
    ] {
        assert!(decoder.push_row(row.as_bytes()).is_err(), "{row}");
    }
    decoder.push_row(br#"[3,{"A":3.0,"N":{"W":3.0,"Q":3}},3]"#).unwrap();
    let value = |n: i128| {
        let nested = Value::Struct(vec![decimal(n), Value::Int(i64::try_from(n).unwrap())]);
        [Value::Struct(vec![decimal(n * 10_000_000_000), nested])]
    };
    assert_eq!(rows(&decoder.finish().unwrap()), [value(1), value(3)]);
}

#[test]
fn overlays_that_lead_nowhere_are_faults_of_the_program() {
    let a = overlay(0, &["A"], 38, 10);
    for wrong in [
        overlay(0, &[], 38, 10),
        overlay(0, &["B"], 38, 10),
        overlay(0, &["A", "B"], 38, 10),
        overlay(0, &["N"], 40, 0),
        overlay(0, &["N", "Q"], 40, 0),
        overlay(0, &["A"], 38, 10),
        overlay(0, &["N", "W"], 40, 1),
        overlay(1, &["A"], 38, 10),
        overlay(9, &["A"], 38, 10),
    ] {
        let mut all = columns(DEEP);
        all.extend([a.clone(), wrong.clone()]);
        // `W` has its own overlay, unless the wrong one is meant for it.
        if wrong.wire != overlay(0, &["N", "W"], 40, 1).wire {
            all.push(overlay(0, &["N", "W"], 40, 0));
        }
        let error = Decoder::new(&all).unwrap_err();
        assert_eq!(error.kind(), Kind::Bug, "{wrong:?}: {error}");
    }
    let mut all = columns("`S` DECIMAL(38, 10)");
    all.push(overlay(0, &["A"], 38, 10));
    assert_eq!(Decoder::new(&all).unwrap_err().kind(), Kind::Bug);
}

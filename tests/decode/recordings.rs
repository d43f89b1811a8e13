//! Rows as a real server (ksqlDB 7.4) sent them.

use arrow::datatypes::{DataType, TimeUnit};
use lakehand::Kind;
use lakehand::ksql::column::{ReadColumn, Wire};
use lakehand::ksql::decode::{BadRow, Decoder, leading_integers};
use lakehand::ksql::schema::SqlType;

use crate::columns::{body, column, values_of};
use crate::oracle::{self, Verdict};
use crate::value::{Value, decimal, double, rows, text};

/// All rows that decode, and the others with their index.
fn decode<R: AsRef<str>>(columns: &[ReadColumn], texts: &[R]) -> (Vec<Vec<Value>>, Vec<(usize, BadRow)>) {
    let mut decoder = Decoder::new(columns).unwrap();
    let mut bad = Vec::new();
    for (index, row) in texts.iter().enumerate() {
        if let Err(fault) = decoder.push_row(row.as_ref().as_bytes()) {
            bad.push((index, fault));
        }
    }
    (rows(&decoder.finish().unwrap()), bad)
}

/// Where `ST` and the overlay of its `DEC` stand, added at the end of every row.
fn with_overlay(columns: &mut Vec<ReadColumn>) {
    let owner = columns.iter().position(|column| column.name == "ST").unwrap();
    let wire = Wire::Overlay { column: owner, path: vec!["DEC".to_owned()] };
    columns.push(ReadColumn { wire, ..column("D1", SqlType::Decimal { precision: 38, scale: 10 }) });
}

const RECORDED_AS_DECLARED: [(&str, usize); 8] = [
    (include_str!("wire/sp-pipeline-full.body"), 300),
    (include_str!("wire/bounded-a-2-push.body"), 300),
    (include_str!("wire/bounded-mirror-1-pull.body"), 60),
    (include_str!("wire/tp-scan-daily-totals.body"), 20),
    (include_str!("wire/tp-scan-user-transaction-summary.body"), 77),
    (include_str!("wire/tp-scan-payment-method-totals.body"), 4),
    (include_str!("wire/types-expr.body"), 1),
    (include_str!("wire/odd-names-sp-list.body"), 1),
];

#[test]
fn every_row_agrees_with_the_second_decoder() {
    for (recorded, count) in RECORDED_AS_DECLARED {
        let (columns, texts) = body(recorded);
        let types: Vec<_> = columns.iter().map(|column| column.sql_type.clone()).collect();
        let (decoded, bad) = decode(&columns, &texts);
        assert_eq!(bad, []);
        assert_eq!(decoded.len(), count, "{}", &recorded[..200]);
        for (row, values) in texts.iter().zip(decoded) {
            assert_eq!(oracle::decode(row.as_bytes(), &types), Verdict::Row(values), "{row}");
        }
    }
}

#[test]
fn a_row_of_the_pipeline() {
    let (columns, texts) = body(RECORDED_AS_DECLARED[0].0);
    let (decoded, _) = decode(&columns, &texts);
    let names = ["tx-000001", "u004"].map(text);
    assert_eq!(decoded[0][..2], names);
    assert_eq!(
        decoded[0][2..8],
        [decimal(1_717_132), text("SEK"), text("cash"), text("refund"), Value::Null, Value::Null]
    );
    assert_eq!(decoded[0][14..17], [double(-9.47425), double(-173.857_035), Value::Int(2)]);
    // 2026-09-01T00:24:00Z
    assert_eq!(decoded[0][19], Value::Micros(1_788_222_240_000_000));
    assert_eq!(decoded[1][10], text("Köln"));
    let schema = Decoder::new(&columns).unwrap().schema();
    assert_eq!(*schema.field(2).data_type(), DataType::Decimal128(12, 2));
    assert_eq!(*schema.field(19).data_type(), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    assert!(schema.fields().iter().all(|field| field.is_nullable()));
}

#[test]
fn positions_can_be_read_without_decoding() {
    let (_, texts) = body(RECORDED_AS_DECLARED[1].0);
    assert_eq!(leading_integers(texts[1].as_bytes(), 3), Some(vec![1, 0, 1_788_229_440_000]));
    assert_eq!(leading_integers(texts[1].as_bytes(), 4), None);
}

#[test]
fn expressions_with_odd_values() {
    let (columns, texts) = body(include_str!("wire/types-expr.body"));
    let (decoded, _) = decode(&columns, &texts);
    let map = |entries: &[(i64, &str)]| {
        Value::Map(entries.iter().map(|(k, v)| (Value::Int(*k), text(v))).collect())
    };
    assert_eq!(
        decoded,
        [[
            Value::Null,
            Value::Null,
            Value::Null,
            double(-0.0),
            double(1e300),
            double(1e-7),
            map(&[(1, "a"), (2, "b")]),
            Value::Struct(vec![map(&[(1, "a")])]),
            Value::Struct(vec![Value::Null, Value::Null, double(-0.0)]),
            Value::List(vec![Value::Null]),
            decimal(12_345_678_901_234_567_890_123_456_789),
            Value::Int(i64::MAX),
            Value::Bool(true),
            text("it's"),
            decimal(150),
        ]]
    );
}

/// The rows of `types-each`, read so that nothing is lost: TM, TS and the wide member of ST come from the recording of
/// the same records with `FORMAT_TIME(TM, …)`, `UNIX_TIMESTAMP(TS)` and `ST->DEC`.
fn each() -> (Vec<ReadColumn>, Vec<String>) {
    let (mut columns, texts) = body(include_str!("wire/types-each.body"));
    let (others, exact) = body(include_str!("wire/types-each-workaround.body"));
    let at =
        |columns: &[ReadColumn], name: &str| columns.iter().position(|column| column.name == name).unwrap();
    let (tm, ts) = (at(&columns, "TM"), at(&columns, "TS"));
    let (tm2, tsms, d1) = (at(&others, "TM2"), at(&others, "TSMS"), at(&others, "D1"));
    columns[tm].wire = Wire::TimeText;
    columns[ts].wire = Wire::EpochMillis;
    with_overlay(&mut columns);
    assert_eq!(texts.len(), exact.len());
    let texts = texts.iter().zip(&exact).map(|(row, exact)| {
        let (mut values, exact) = (values_of(row), values_of(exact));
        assert_eq!(values[0], exact[0]);
        values[tm] = exact[tm2];
        values[ts] = exact[tsms];
        values.push(exact[d1]);
        format!("[{}]", values.join(","))
    });
    (columns, texts.collect())
}

#[test]
fn one_record_a_type() {
    let (columns, texts) = each();
    let (decoded, bad) = decode(&columns, &texts);
    assert_eq!(bad, []);
    let find = |key: &str, name: &str| {
        let row = decoded.iter().find(|row| row[0] == text(key)).unwrap();
        row[columns.iter().position(|column| column.name == name).unwrap()].clone()
    };
    let members = |key: &str| match find(key, "ST") {
        Value::Struct(members) => members,
        other => panic!("{key}: {other:?}"),
    };
    let micros = Value::Micros(1_788_220_800_123_000);
    for (name, value) in [
        ("B", Value::Bool(true)),
        ("I", Value::Int(42)),
        ("L", Value::Int(42)),
        ("D", double(1.5)),
        ("DEC", decimal(15_000_000_000)),
        ("DEC2", decimal(150)),
        ("S", text("text")),
        ("BT", Value::Bytes(vec![1, 2, 3, 255])),
        ("DT", Value::Days(20_697)),
        ("TM", Value::Micros(3_661_123_000)),
        ("TS", micros.clone()),
        ("AI", Value::Null),
        ("ST", Value::Null),
    ] {
        assert_eq!(find("full-nostruct", name), value, "{name}");
    }
    let list = |items: &[Value]| Value::List(items.to_vec());
    assert_eq!(find("ai", "AI"), list(&[Value::Int(1), Value::Null, Value::Int(3)]));
    assert_eq!(find("ats", "ATS"), list(&[micros.clone(), Value::Null]));
    assert_eq!(find("adec", "ADEC"), list(&[decimal(150), decimal(10_000), decimal(1)]));
    assert_eq!(find("ad", "AD"), list(&[double(1.0), double(1e10), double(1e-7), Value::Null]));
    assert_eq!(find("atm", "ATM"), list(&[0, 60_000_000, 61_000_000].map(Value::Micros)));
    assert_eq!(
        find("m", "M"),
        Value::Map(vec![(text("a"), text("1")), (text("b"), text("2")), (text("n"), Value::Null)])
    );
    assert_eq!(find("mts", "MTS"), Value::Map(vec![(text("t"), micros.clone())]));
    assert_eq!(find("inf", "D"), double(f64::INFINITY));
    assert_eq!(find("inf", "AD"), list(&[double(f64::NAN), double(f64::NEG_INFINITY)]));
    assert_eq!(find("dec-int", "DEC"), decimal(123_456_789_012_345_678_900_000_000_000));
    // Inside the STRUCT: X, L, DEC, DEC2, TS, DT, TM, BT, D, B, S, N, ARR, ATS, M.
    assert_eq!(members("st-dec38")[2], decimal(123_456_789_012_345_678_901_234_567_890));
    assert_eq!(members("st-dec2b")[3], decimal(999_999_999_999));
    assert_eq!(members("st-dec2c")[2..4], [decimal(1_000_000_000_000), decimal(150)]);
    assert_eq!(members("st-ts")[4..7], [micros.clone(), Value::Days(20_697), Value::Micros(3_661_123_000)]);
    let bt = members("st-bt");
    assert_eq!(bt[1], Value::Int(i64::MAX));
    assert_eq!(bt[7..10], [Value::Bytes(vec![1, 2, 3, 255]), double(1e300), Value::Bool(true)]);
    assert!(matches!(&bt[10], Value::Text(text) if text.ends_with('😀')));
    assert_eq!(members("st-n")[11], Value::Struct(vec![text("deep"), decimal(150), micros.clone()]));
    assert_eq!(
        members("st-arr")[12..14],
        [list(&[decimal(150), decimal(200)]), list(std::slice::from_ref(&micros))]
    );
    assert_eq!(members("st-m")[14], Value::Map(vec![(text("t"), micros.clone())]));
    let item = |q, price, t| Value::Struct(vec![q, decimal(price), t]);
    assert_eq!(
        find("ast", "AST"),
        list(&[item(Value::Int(1), 150, micros), Value::Null, item(Value::Null, 10_000, Value::Null)])
    );
    assert_eq!(
        find("mst", "MST"),
        Value::Map(vec![(text("k"), Value::Struct(vec![Value::Int(1), decimal(110)]))])
    );
}

#[test]
fn all_types_in_a_push_query() {
    let (mut columns, texts) = body(include_str!("wire/types-push-v1.body"));
    let refused = Decoder::new(&columns).unwrap_err();
    assert_eq!(refused.kind(), Kind::Schema);
    assert!(refused.to_string().contains("DECIMAL(38, 10) inside a STRUCT loses digits"), "{refused}");
    with_overlay(&mut columns);
    let texts: Vec<_> = texts.iter().map(|row| format!("{},null]", row.strip_suffix(']').unwrap())).collect();
    let (decoded, bad) = decode(&columns, &texts);
    assert_eq!(decoded.len() + bad.len(), 24);
    let column = |name: &str| columns.iter().position(|column| column.name == name).unwrap();
    let row = |offset: i64| decoded.iter().find(|row| row[0] == Value::Int(offset)).unwrap();
    // 3: the greatest values, 4: the least ones.
    let nines = 10_i128.pow(38) - 1;
    assert_eq!(row(3)[column("I")], Value::Int(i32::MAX.into()));
    assert_eq!(row(3)[column("L")], Value::Int(i64::MAX));
    assert_eq!(row(3)[column("D")], double(f64::MAX));
    assert_eq!(row(3)[column("DEC")], decimal(nines));
    assert_eq!(row(4)[column("L")], Value::Int(i64::MIN));
    assert_eq!(row(4)[column("D")], double(5e-324));
    assert_eq!(row(4)[column("DEC")], decimal(-nines));
    assert_eq!(row(4)[column("DEC2")], decimal(-99_999));
    assert_eq!(
        row(8)[column("S")],
        text("quote\" back\\slash / nl\n cr\r tab\t nul\0 bell\u{7} ctl\u{1f} <&>' ]} ,\n]")
    );
    assert_eq!(row(9)[column("BT")], Value::Bytes(vec![]));
    assert_eq!(row(9)[column("M")], Value::Map(vec![]));
    assert_eq!(row(9)[column("AST")], Value::List(vec![]));
    assert_eq!(row(15)[column("DT")], Value::Days(2_932_896));
    assert_eq!(row(16)[column("DT")], Value::Days(2_932_897));
    assert_eq!(row(16)[column("TS")], Value::Micros(253_402_300_800_000_000));
    assert_eq!(row(18)[column("TS")], Value::Micros(-1000));
    // Texts of TIMESTAMPs before 1583 are those of another calendar or era: 0001-01-03 was sent for 0001-01-01.
    let early: Vec<_> =
        bad.iter().map(|(index, bad)| (values_of(&texts[*index])[0], bad.path.as_str())).collect();
    let path = format!("$[{}]", column("TS"));
    assert_eq!(early, ["11", "12", "13", "14"].map(|offset| (offset, path.as_str())));
    assert!(bad.iter().all(|(_, bad)| bad.reason.contains("before 1583")));
}

#[test]
fn all_types_in_a_table() {
    let (mut columns, texts) = body(include_str!("wire/types-tp-v1.body"));
    with_overlay(&mut columns);
    let texts: Vec<_> = texts.iter().map(|row| format!("{},null]", row.strip_suffix(']').unwrap())).collect();
    let (decoded, bad) = decode(&columns, &texts);
    assert_eq!(decoded.len() + bad.len(), texts.len());
    assert_eq!(bad.len(), 4);
    let row = decoded.iter().find(|row| row[0] == text("date-9999")).unwrap();
    assert_eq!(
        row[3..6],
        [Value::Micros(3_600_000_000), Value::Micros(253_402_300_799_999_000), Value::Days(2_932_896)]
    );
}

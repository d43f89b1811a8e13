//! Single values, one table a type: what is taken, exactly, and what is refused, where and why.

use lakehand::ksql::column::{ReadColumn, Wire};
use lakehand::ksql::decode::{BadRow, leading_integers};
use lakehand::ksql::schema::{Field, SqlType};
use lakehand::{Kind, ksql::decode::Decoder};

use crate::columns::{column, columns, decoder};
use crate::value::{Value, decimal, double, rows, text};

/// What becomes of one value of one column.
fn decode(sql_type: &str, raw: &str) -> Result<Value, BadRow> {
    let mut decoder = decoder(&format!("`V` {sql_type}"));
    decoder.push_row(format!("[{raw}]").as_bytes())?;
    Ok(rows(&decoder.finish().unwrap()).remove(0).remove(0))
}

fn takes(sql_type: &str, cases: &[(&str, Value)]) {
    for (raw, value) in cases {
        assert_eq!(decode(sql_type, raw).as_ref(), Ok(value), "{sql_type} {raw}");
    }
    assert_eq!(decode(sql_type, "null"), Ok(Value::Null));
    assert_eq!(decode(sql_type, " null\n"), Ok(Value::Null));
}

fn refuses(sql_type: &str, cases: &[(&str, &str)]) {
    for (raw, reason) in cases {
        let bad = decode(sql_type, raw).expect_err(raw);
        assert!(bad.reason.contains(reason), "{sql_type} {raw}: {}", bad.reason);
        assert!(!bad.arity, "{sql_type} {raw}");
    }
}

#[test]
fn integers_are_whole_and_in_range() {
    takes(
        "INTEGER",
        &[
            ("2147483647", Value::Int(2_147_483_647)),
            ("-2147483648", Value::Int(-2_147_483_648)),
            ("-0", Value::Int(0)),
        ],
    );
    refuses(
        "INTEGER",
        &[
            ("2147483648", "beyond 32 bits"),
            ("1.0", "not an integer"),
            ("1e3", "not an integer"),
            ("\"1\"", "expected a number, found a string"),
            ("true", "expected a number, found true"),
            ("01", "not a JSON number"),
            ("-", "not a JSON number"),
            ("+1", "expected a number, found something else"),
        ],
    );
    takes(
        "BIGINT",
        &[
            ("9223372036854775807", Value::Int(i64::MAX)),
            ("-9223372036854775808", Value::Int(i64::MIN)),
            ("9007199254740993", Value::Int(9_007_199_254_740_993)),
        ],
    );
    refuses(
        "BIGINT",
        &[
            ("9223372036854775808", "beyond 64 bits"),
            ("-9223372036854775809", "beyond 64 bits"),
            ("99999999999999999999999", "beyond 64 bits"),
        ],
    );
}

#[test]
fn doubles_are_the_nearest_ones() {
    takes(
        "DOUBLE",
        &[
            ("1.0E10", double(1e10)),
            ("1.0E-7", double(1e-7)),
            ("-0.0", double(-0.0)),
            ("4.9E-324", double(5e-324)),
            ("1.7976931348623157E308", double(f64::MAX)),
            ("10000000000", double(1e10)),
            ("0.1", double(0.1)),
            ("\"NaN\"", double(f64::NAN)),
            ("\"Infinity\"", double(f64::INFINITY)),
            ("\"-Infinity\"", double(f64::NEG_INFINITY)),
        ],
    );
    let long = format!("0.{}1", "0".repeat(320));
    assert_eq!(decode("DOUBLE", &long), Ok(double(1e-321)));
    refuses(
        "DOUBLE",
        &[
            ("1e400", "beyond a DOUBLE"),
            ("\"1.0\"", "no DOUBLE"),
            ("NaN", "found something else"),
            ("1.", "not a JSON number"),
        ],
    );
}

#[test]
fn decimals_outside_a_struct_keep_every_digit() {
    takes(
        "DECIMAL(38, 10)",
        &[
            ("1.5000000000", decimal(15_000_000_000)),
            ("-9999999999999999999999999999.9999999999", decimal(-(10_i128.pow(38) - 1))),
            ("12345678901234567890.1234567890", decimal(123_456_789_012_345_678_901_234_567_890)),
            ("-0.0000000000", decimal(0)),
            ("1.234567890123E+3", decimal(12_345_678_901_230)),
        ],
    );
    let wide = format!("-{}.{}", "9".repeat(40), "8".repeat(36));
    let unscaled = Value::Decimal(format!("-{}{}", "9".repeat(40), "8".repeat(36)));
    takes("DECIMAL(76, 36)", &[(&wide, unscaled), ("1e39", Value::Decimal(format!("1{}", "0".repeat(75))))]);
    refuses("DECIMAL(76, 36)", &[("1e40", "more digits than DECIMAL(76, 36) holds")]);
    refuses(
        "DECIMAL(4, 2)",
        &[
            ("1.501", "more than 2 digits after the point"),
            ("100.00", "more digits than DECIMAL(4, 2) holds"),
            ("\"1.50\"", "expected a number, found a string"),
        ],
    );
}

#[test]
fn decimals_inside_a_struct_come_back_from_their_double() {
    for (raw, unscaled) in [
        ("1.5", 150),
        ("9.99999999E9", 999_999_999_000),
        ("9.99999999999E9", 999_999_999_999),
        ("-0.0", 0),
        ("100.0", 10_000),
    ] {
        assert_eq!(
            decode("STRUCT<`D` DECIMAL(12, 2)>", &format!("{{\"D\":{raw}}}")),
            Ok(Value::Struct(vec![decimal(unscaled)])),
            "{raw}"
        );
    }
    refuses(
        "STRUCT<`D` DECIMAL(12, 2)>",
        &[
            ("{\"D\":0.001}", "no DECIMAL(12, 2)"),
            ("{\"D\":1.0E10}", "more digits than DECIMAL(12, 2) holds"),
        ],
    );
}

#[test]
fn strings_have_their_escapes_resolved() {
    takes(
        "STRING",
        &[
            (r#""""#, text("")),
            (r#""q\" b\\ s\/ \b\f\n\r\t \u0000\u001F é""#, text("q\" b\\ s/ \u{8}\u{c}\n\r\t \0\u{1f} é")),
            (r#""\uD83D\uDE00\ud83d\ude00 東京 😀""#, text("😀😀 東京 😀")),
            ("\"\u{2028}\u{7f}\"", text("\u{2028}\u{7f}")),
        ],
    );
    refuses(
        "STRING",
        &[
            (r#""\uD83D""#, "half of a surrogate pair"),
            (r#""\uDE00\uD83D""#, "half of a surrogate pair"),
            (r#""\uD83D\n""#, "half of a surrogate pair"),
            (r#""\uD83Dx""#, "half of a surrogate pair"),
            (r#""\u12G4""#, "an escape that JSON does not have"),
            (r#""\x""#, "an escape that JSON does not have"),
            ("\"a\nb\"", "a control character in a string"),
            ("1", "expected a string, found a number"),
        ],
    );
}

#[test]
fn what_is_not_utf8_is_refused_where_it_stands() {
    let mut decoder = decoder("`A` STRING, `B` MAP<STRING, STRING>");
    let bad = decoder.push_row(b"[\"ok\",{\"k\":\"x\xc3\"}]").unwrap_err();
    assert_eq!((bad.path.as_str(), bad.reason.as_str(), bad.offset), ("$[1].k", "not UTF-8", 13));
    assert!(!bad.syntax);
}

#[test]
fn bytes_are_base64() {
    takes(
        "BYTES",
        &[
            ("\"\"", Value::Bytes(vec![])),
            ("\"AQID/w==\"", Value::Bytes(vec![1, 2, 3, 255])),
            ("\"+\\/+\\/\"", Value::Bytes(vec![0xfb, 0xff, 0xbf])),
        ],
    );
    refuses(
        "BYTES",
        &[
            ("\"AQID/w\"", "not base64"),
            ("\"AQ ID\"", "not base64"),
            ("\"-_-_\"", "not base64"),
            ("\"AQID/x==\"", "not base64"),
        ],
    );
}

#[test]
fn booleans_are_words() {
    takes("BOOLEAN", &[("true", Value::Bool(true)), ("false", Value::Bool(false))]);
    refuses(
        "BOOLEAN",
        &[
            ("\"true\"", "expected true or false, found a string"),
            ("1", "found a number"),
            ("True", "found something else"),
        ],
    );
}

#[test]
fn times_outside_a_struct_are_text() {
    takes(
        "DATE",
        &[
            ("\"2026-09-01\"", Value::Days(20_697)),
            ("\"+10000-01-01\"", Value::Days(2_932_897)),
            ("\"-0001-12-31\"", Value::Days(-719_529)),
        ],
    );
    takes(
        "TIME",
        &[("\"12:00\"", Value::Micros(43_200_000_000)), ("\"00:01:01\"", Value::Micros(61_000_000))],
    );
    takes("TIMESTAMP", &[("\"2026-09-01T00:00:00.123\"", Value::Micros(1_788_220_800_123_000))]);
    refuses(
        "DATE",
        &[("20697", "expected a string, found a number"), ("\"2026-02-30\"", "the calendar does not have")],
    );
    refuses("TIME", &[("\"24:00\"", "not a TIME")]);
    refuses(
        "TIMESTAMP",
        &[
            ("1788220800123", "expected a string"),
            ("\"0001-01-03T00:00:00.000\"", "before 1583"),
            ("\"2026-09-01\"", "not a TIMESTAMP"),
        ],
    );
}

#[test]
fn times_inside_a_struct_are_integers() {
    let sql_type = "STRUCT<`DT` DATE, `TM` TIME, `TS` ARRAY<TIMESTAMP>>";
    takes(
        sql_type,
        &[(
            "{\"DT\":-719529,\"TM\":86399999,\"TS\":[-62135596800000,null]}",
            Value::Struct(vec![
                Value::Days(-719_529),
                Value::Micros(86_399_999_000),
                Value::List(vec![Value::Micros(-62_135_596_800_000_000), Value::Null]),
            ]),
        )],
    );
    refuses(
        sql_type,
        &[
            ("{\"DT\":\"2026-09-01\"}", "expected a number, found a string"),
            ("{\"TM\":86400000}", "not a time of the day"),
            ("{\"TM\":-1}", "not a time of the day"),
            ("{\"TS\":[9223372036854775807]}", "beyond a TIMESTAMP in microseconds"),
        ],
    );
}

#[test]
fn maps_have_each_key_once() {
    takes(
        "MAP<STRING, INTEGER>",
        &[
            ("{}", Value::Map(vec![])),
            ("{\"b\":1,\"\":null}", Value::Map(vec![(text("b"), Value::Int(1)), (text(""), Value::Null)])),
        ],
    );
    takes("MAP<INTEGER, STRING>", &[("{\"1\":\"a\"}", Value::Map(vec![(Value::Int(1), text("a"))]))]);
    takes(
        "MAP<DECIMAL(4, 2), BOOLEAN>",
        &[(
            "{\"0E-2\":true,\"1.50\":false}",
            Value::Map(vec![(decimal(0), Value::Bool(true)), (decimal(150), Value::Bool(false))]),
        )],
    );
    takes(
        "STRUCT<`M` MAP<INTEGER, STRING>>",
        &[("{\"M\":[[1,\"a\"]]}", Value::Struct(vec![Value::Map(vec![(Value::Int(1), text("a"))])]))],
    );
    refuses(
        "MAP<STRING, INTEGER>",
        &[
            ("{\"a\":1,\"\\u0061\":2}", "the same key twice"),
            ("[[\"a\",1]]", "expected an object, found an array"),
            ("{null:1}", "expected a string, found null"),
        ],
    );
    refuses(
        "MAP<INTEGER, STRING>",
        &[("{\"x\":null}", "a key that is no number"), ("{\"1 \":null}", "a key that is no number")],
    );
    refuses(
        "STRUCT<`M` MAP<INTEGER, STRING>>",
        &[
            ("{\"M\":[[null,\"a\"]]}", "a MAP key that is null"),
            ("{\"M\":[[1,\"a\",2]]}", "expected ']', found ','"),
            ("{\"M\":{\"1\":\"a\"}}", "expected an array of pairs"),
        ],
    );
    let many: Vec<String> = (0..5000).map(|i| format!("\"{}\":0", i * 7919 % 5000)).collect();
    assert!(decode("MAP<STRING, INTEGER>", &format!("{{{}}}", many.join(","))).is_ok());
    assert!(decode("MAP<STRING, INTEGER>", &format!("{{{},\"17\":1}}", many.join(","))).is_err());
}

#[test]
fn members_come_in_any_order_and_none_is_dropped() {
    let sql_type = "STRUCT<`A` INTEGER, `b c` STRING, `quote\"q` INTEGER>";
    let wanted = Value::Struct(vec![Value::Int(1), text("x"), Value::Null]);
    takes(
        sql_type,
        &[
            (r#"{"A":1,"b c":"x","quote\"q":null}"#, wanted.clone()),
            (r#"{"quote\"q":null,"b c":"x","A":1}"#, wanted.clone()),
            (r#"{ "b\u0020c" : "x" , "A" : 1 }"#, wanted),
            ("{}", Value::Struct(vec![Value::Null, Value::Null, Value::Null])),
        ],
    );
    refuses(
        sql_type,
        &[
            (r#"{"a":1}"#, "a member that the STRUCT does not declare"),
            (r#"{"A":1,"A":1}"#, "a member twice"),
            (r#"{"A":null,"b c":"x","A":1}"#, "a member twice"),
            (r#"{"A":1,}"#, "expected a string, found '}'"),
            ("[1]", "expected an object"),
        ],
    );
}

#[test]
fn a_path_leads_to_the_bad_value() {
    let header = "`ID` INTEGER, `O` STRUCT<`ITEMS` ARRAY<STRUCT<`QTY` INTEGER, `b c` MAP<STRING, DATE>>>>";
    for (row, path, offset) in [
        (r#"["x",null]"#, "$[0]", 1),
        (r#"[1,{"ITEMS":[null,null,{"QTY":1.5}]}]"#, "$[1].ITEMS[2].QTY", 30),
        (r#"[1,{"ITEMS":[{"b c":{"it's":"1"}}]}]"#, r"$[1].ITEMS[0]['b c']['it\'s']", 28),
        (r#"[1,{"ITEMS":[{"b c":{"ok":true}}]}]"#, "$[1].ITEMS[0]['b c'].ok", 26),
        (r#"[1,{"NEW":1}]"#, "$[1].NEW", 4),
    ] {
        let bad = decoder(header).push_row(row.as_bytes()).unwrap_err();
        assert_eq!(
            (bad.path.as_str(), bad.offset, bad.arity, bad.syntax),
            (path, offset, false, false),
            "{row}"
        );
    }
}

#[test]
fn a_wrong_number_of_values_is_told_from_a_bad_value() {
    for (row, reason) in [
        ("[]", "0 values where 2 columns are selected"),
        ("[1]", "1 values where 2 columns are selected"),
        ("[1,\"a\",2]", "3 values where 2 columns are selected"),
        // The first fault to be met is one of type; the cause is the missing value.
        ("[\"a\"]", "1 values where 2 columns are selected"),
        ("[[1,2],{\"a\":[]},\"]\"]", "3 values where 2 columns are selected"),
    ] {
        let bad = decoder("`A` INTEGER, `B` STRING").push_row(row.as_bytes()).unwrap_err();
        assert_eq!(
            (bad.path.as_str(), bad.reason.as_str(), bad.arity, bad.syntax),
            ("$", reason, true, false),
            "{row}"
        );
    }
}

#[test]
fn bytes_that_are_no_row_are_told_from_a_bad_value() {
    let deep = format!("[{}", "[".repeat(100_000));
    for row in [
        "",
        "[",
        "[1",
        "[1,",
        "[1,\"a\"",
        "[1,\"a",
        "[1,\"a\"]]",
        "[1,\"a\"],[2,\"b\"]",
        "{\"row\":1}",
        "[1 2]",
        "[nul,\"a\"]",
        &deep,
    ] {
        let bad = decoder("`A` INTEGER, `B` STRING").push_row(row.as_bytes()).unwrap_err();
        assert!(bad.syntax && !bad.arity, "{row}: {bad:?}");
    }
    assert!(decoder("`A` INTEGER, `B` STRING").push_row(b" [ 1 ,\t\"a\" ]\r\n").is_ok());
}

#[test]
fn the_position_of_a_bad_row_can_be_read() {
    assert_eq!(leading_integers(b"[2, 17,-3,\"bad", 3), Some(vec![2, 17, -3]));
    assert_eq!(leading_integers(b"[2]", 1), Some(vec![2]));
    for row in ["[2]", "[2,null]", "[2,1.5]", "[2,3x]", "[2,3", "2,3]", ""] {
        assert_eq!(leading_integers(row.as_bytes(), 2), None, "{row}");
    }
}

#[test]
fn a_wire_other_than_declared() {
    let mut columns = columns("`TS` TIMESTAMP, `TM` TIME");
    columns[0].wire = Wire::EpochMillis;
    columns[1].wire = Wire::TimeText;
    let mut decoder = Decoder::new(&columns).unwrap();
    decoder.push_row(b"[-62135596800000,\"01:01:01.123\"]").unwrap();
    let bad = decoder.push_row(b"[9223372036854775807,null]").unwrap_err();
    assert_eq!(bad.reason, "beyond a TIMESTAMP in microseconds");
    assert!(decoder.push_row(b"[\"2026-09-01T00:00:00.123\",null]").is_err());
    let batch = decoder.finish().unwrap();
    assert_eq!(rows(&batch), [[Value::Micros(-62_135_596_800_000_000), Value::Micros(3_661_123_000)]]);
}

#[test]
fn types_that_cannot_be_kept_are_refused() {
    let decimal = |precision, scale| SqlType::Decimal { precision, scale };
    let member = |sql_type| SqlType::Struct(vec![Field { name: "M".to_owned(), sql_type }]);
    for (sql_type, what) in [
        (SqlType::Struct(vec![]), "a STRUCT without members"),
        (decimal(77, 0), "76 digits are the most"),
        (decimal(300, 0), "76 digits are the most"),
        (decimal(4, 5), "no type of ksqlDB"),
        (member(decimal(16, 2)), "loses digits"),
        (
            SqlType::Array(Box::new(member(SqlType::Map(
                Box::new(SqlType::String),
                Box::new(decimal(38, 2)),
            )))),
            "loses digits",
        ),
        (SqlType::Map(Box::new(member(SqlType::Date)), Box::new(SqlType::Date)), "keys are of a nested type"),
    ] {
        let error = Decoder::new(&[column("C", sql_type)]).unwrap_err();
        assert_eq!(error.kind(), Kind::Schema);
        assert!(error.to_string().contains(what) && error.to_string().contains("column C"), "{error}");
    }
    let same: [ReadColumn; 2] = [column("C", SqlType::Date), column("C", SqlType::Time)];
    assert_eq!(Decoder::new(&same).unwrap_err().kind(), Kind::Schema);
    let wrong = ReadColumn { wire: Wire::EpochMillis, ..column("C", SqlType::Date) };
    assert_eq!(Decoder::new(&[wrong]).unwrap_err().kind(), Kind::Bug);
}

#[test]
fn memory_grows_with_the_rows_and_goes_with_the_batch() {
    let mut decoder = decoder("`A` STRING, `B` ARRAY<BIGINT>");
    assert_eq!((decoder.memory(), decoder.len(), decoder.is_full()), (0, 0, false));
    decoder.push_row(b"[\"12345\",[1,2]]").unwrap();
    assert_eq!(decoder.memory(), (4 + 5) + (4 + 2 * 8));
    decoder.finish().unwrap();
    assert_eq!(decoder.memory(), 0);
    assert_eq!(decoder.finish().unwrap().num_rows(), 0);
}

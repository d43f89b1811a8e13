use std::collections::BTreeMap;

use super::*;
use crate::ksql::column::Wire;
use crate::ksql::describe::{Description, SourceKind, WindowKind};
use crate::ksql::schema::{Role, SqlType, parse_columns};

fn source(kind: SourceKind, columns: &str) -> Description {
    Description {
        name: "S".into(),
        kind,
        window: None,
        columns: parse_columns(columns).unwrap(),
        topic: "s".into(),
        key_format: "KAFKA".into(),
        value_format: "JSON".into(),
        timestamp: String::new(),
        partitions: 1,
        statement: String::new(),
        read_queries: Vec::new(),
        write_queries: Vec::new(),
        offsets: Vec::new(),
    }
}

fn stream(columns: &str) -> Result<Selection> {
    select_stream(&source(SourceKind::Stream, columns), &[], &BTreeMap::new())
}

fn table(columns: &str) -> Result<Selection> {
    select_table(&source(SourceKind::Table, columns), &[], &BTreeMap::new())
}

#[test]
fn a_stream_begins_with_its_rows_coordinates() {
    let selection = stream("`K` STRING KEY, `odd name` INTEGER").unwrap();
    assert_eq!(
        push_sql("odd-name_1", &selection, &[], Rest::Include),
        "SELECT ROWTIME, ROWPARTITION, ROWOFFSET, `K`, `odd name` FROM `odd-name_1` EMIT CHANGES;"
    );
    let types: Vec<_> = selection.columns.iter().take(3).map(|c| c.sql_type.to_string()).collect();
    assert_eq!(types, ["BIGINT", "INTEGER", "BIGINT"]);
}

#[test]
fn times_are_asked_for_so_that_nothing_is_lost() {
    let selection =
        stream("`TS` TIMESTAMP, `T` TIME, `D` DATE, `A` ARRAY<TIMESTAMP>, `S` STRUCT<`T` TIME>").unwrap();
    assert_eq!(
        selection.exprs[3..],
        ["UNIX_TIMESTAMP(`TS`) AS `TS`", "FORMAT_TIME(`T`, 'HH:mm:ss.SSS') AS `T`", "`D`", "`A`", "`S`"]
    );
    let wires: Vec<_> = selection.columns[3..].iter().map(|c| c.wire.clone()).collect();
    assert_eq!(wires[..2], [Wire::EpochMillis, Wire::TimeText]);
    let header = parse_columns("`ROWTIME` BIGINT, `ROWPARTITION` INTEGER, `ROWOFFSET` BIGINT, `TS` BIGINT, `T` STRING, `D` DATE, `A` ARRAY<TIMESTAMP>, `S` STRUCT<`T` TIME>").unwrap();
    selection.check_header(&header).unwrap();
}

#[test]
fn decimals_inside_of_structs_are_asked_for_once_more() {
    let selection = stream("`K` STRING KEY, `S` STRUCT<`SMALL` DECIMAL(15, 2), `N` STRUCT<`BIG` DECIMAL(38, 10)>>, `V` DECIMAL(38, 1)").unwrap();
    assert_eq!(selection.exprs[4..], ["`S`", "`V`", "`S`->`N`->`BIG` AS `LAKEHAND_MEMBER_1`"]);
    let overlay = selection.columns.last().unwrap();
    assert_eq!(overlay.label, "LAKEHAND_MEMBER_1");
    assert_eq!(overlay.wire, Wire::Overlay { column: 4, path: vec!["N".into(), "BIG".into()] });
    assert_eq!(selection.columns[4].label, "S");
}

#[test]
fn what_would_be_lost_is_refused_with_the_way_out() {
    for (columns, words) in [
        ("`A` ARRAY<STRUCT<`P` DECIMAL(16, 2)>>", "loses digits"),
        ("`A` STRUCT<`P` ARRAY<DECIMAL(16, 2)>>", "loses digits"),
        ("`A` MAP<STRING, TIME>", "milliseconds"),
        ("`A` ARRAY<TIME>", "milliseconds"),
        ("`A` STRUCT<`M` MAP<INTEGER, STRING>>", "unclear form"),
    ] {
        let error = stream(columns).unwrap_err();
        assert_eq!(error.kind(), Kind::Feed, "{columns}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.advice().unwrap().contains("\"exclude_columns\": [\"A\"]"), "{error}");
        let s = source(SourceKind::Stream, &format!("`K` STRING, {columns}"));
        assert!(select_stream(&s, &["A".into()], &BTreeMap::new()).is_ok(), "{columns}");
    }
    assert!(stream("`A` ARRAY<STRUCT<`P` DECIMAL(15, 2)>>").is_ok());
    assert_eq!(stream("`A` DECIMAL(80, 2)").unwrap_err().kind(), Kind::Schema);
}

#[test]
fn names_that_the_lake_cannot_hold_are_refused_with_the_way_out() {
    for (columns, words) in [
        ("`Year` INTEGER", "\"rename\": {\"Year\": \"CAL_YEAR\"}"),
        ("`version` INTEGER", "CAL_VERSION"),
        ("`a` INTEGER, `A` INTEGER", "one name in the lake"),
        ("`ROWTIME` BIGINT", "ksqlDB's own ROWTIME"),
        ("`rowoffset` BIGINT", "ksqlDB's own ROWOFFSET"),
    ] {
        let error = stream(columns).unwrap_err();
        assert_eq!(error.kind(), Kind::Feed);
        assert!(error.to_string().contains(words), "{error}");
    }
    let s = source(SourceKind::Stream, "`YEAR` INTEGER, `MONTHS` INTEGER");
    let renamed = |to: &str| select_stream(&s, &[], &BTreeMap::from([("YEAR".to_owned(), to.to_owned())]));
    let selection = renamed("CAL_YEAR").unwrap();
    assert_eq!(
        (selection.columns[3].label.as_str(), selection.columns[3].name.as_str()),
        ("YEAR", "CAL_YEAR")
    );
    assert!(renamed("day").is_err());
    assert!(renamed("months").is_err());
    assert!(renamed("rowtime").is_err());
}

#[test]
fn members_that_differ_only_by_case_are_refused_at_every_depth_with_the_way_out() {
    for (columns, place) in [
        ("`S` STRUCT<`x` INTEGER, `X` INTEGER>", "members x and X of S "),
        ("`S` STRUCT<`A` STRUCT<`é` STRING, `B` INTEGER, `É` STRING>>", "members é and É of S->A "),
        ("`S` ARRAY<STRUCT<`x` INTEGER, `X` INTEGER>>", "members x and X of S "),
        ("`S` MAP<STRING, ARRAY<STRUCT<`Id` INTEGER, `ID` INTEGER>>>", "members Id and ID of S "),
        (
            "`S` STRUCT<`L` ARRAY<STRUCT<`M` STRUCT<`x` INTEGER, `X` INTEGER>>>>",
            "members x and X of S->L->M ",
        ),
    ] {
        let error = stream(columns).unwrap_err();
        assert_eq!(error.kind(), Kind::Feed, "{columns}");
        assert!(error.to_string().contains(place), "{error}");
        let advice = error.advice().unwrap();
        assert!(advice.contains("STRUCT(`") && advice.contains("\"exclude_columns\": [\"S\"]"), "{advice}");
        let s = source(SourceKind::Stream, &format!("`K` STRING, {columns}"));
        assert!(select_stream(&s, &["S".into()], &BTreeMap::new()).is_ok(), "{columns}");
        let error = table(&format!("`K` STRING KEY, {columns}")).unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
    }
    // One name in two STRUCTs is no clash.
    assert!(stream("`S` STRUCT<`x` INTEGER, `T` STRUCT<`X` INTEGER>>, `T` STRUCT<`X` STRING>").is_ok());
}

#[test]
fn a_feed_that_names_no_column_is_told_the_nearest() {
    let s = source(SourceKind::Stream, "`AMOUNT` INTEGER, `B` STRING");
    let error = select_stream(&s, &["AMUONT".into()], &BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("the nearest is AMOUNT"), "{error}");
    let all = ["AMOUNT".to_owned(), "B".to_owned()];
    assert!(select_stream(&s, &all, &BTreeMap::new()).unwrap_err().to_string().contains("nothing is left"));
}

#[test]
fn windows_follow_the_key() {
    let mut windowed = source(SourceKind::Table, "`K` STRING KEY, `V` BIGINT");
    windowed.window = Some(WindowKind::Tumbling);
    let selection = select_table(&windowed, &[], &BTreeMap::new()).unwrap();
    assert_eq!(table_pull_sql("S", &selection), "SELECT `K`, WINDOWSTART, WINDOWEND, `V` FROM `S`;");
}

#[test]
fn what_cannot_be_scanned_is_refused_with_the_way_that_gives_its_rows() {
    let mut session = source(SourceKind::Table, "`K` STRING KEY, `V` BIGINT");
    session.window = Some(WindowKind::Session);
    let error = select_table(&session, &[], &BTreeMap::new()).unwrap_err();
    // A stream over the topic would lack the deletions of sessions that became part of longer ones.
    let advice = error.advice().unwrap();
    assert!(advice.contains("\"read\": \"kafka\"") && !advice.contains("CREATE"), "{error}");
    let mut plain = source(SourceKind::Table, "`K` STRING KEY, `V` BIGINT");
    plain.statement =
        "CREATE OR REPLACE TABLE S (K STRING PRIMARY KEY, V BIGINT) WITH (KAFKA_TOPIC='s');".into();
    let error = select_table(&plain, &[], &BTreeMap::new()).unwrap_err();
    let advice = error.advice().unwrap();
    assert!(advice.contains("\"read\": \"kafka\""), "{error}");
    let statements = "SET 'auto.offset.reset' = 'earliest'; CREATE TABLE `QUERYABLE_S` AS SELECT * FROM `S`;";
    assert!(advice.contains(statements), "{error}");
    // ksqlDB makes no table of a windowed one.
    let windowed = Description { window: Some(WindowKind::Tumbling), ..plain.clone() };
    let error = select_table(&windowed, &[], &BTreeMap::new()).unwrap_err();
    assert!(!error.advice().unwrap().contains("CREATE"), "{error}");
    for scannable in
        ["CREATE SOURCE TABLE S (K STRING PRIMARY KEY) WITH (…);", "CREATE TABLE S AS SELECT 1 FROM X;"]
    {
        plain.statement = scannable.into();
        assert!(select_table(&plain, &[], &BTreeMap::new()).is_ok(), "{scannable}");
    }
}

#[test]
fn a_feed_of_the_wrong_type_is_refused() {
    let error = select_stream(&source(SourceKind::Table, "`K` STRING"), &[], &BTreeMap::new()).unwrap_err();
    assert!(error.advice().unwrap().contains("\"feed_type\": \"table\""), "{error}");
}

#[test]
fn header_columns_of_tables_are_asked_for_so_that_names_and_values_agree() {
    let last = table("`K` STRING KEY, `V` INTEGER, `H` BYTES HEADER('abc')").unwrap();
    assert_eq!(table_pull_sql("S", &last), "SELECT `K`, `V`, `H` FROM `S`;");
    let first = table("`K` STRING KEY, `H` BYTES HEADER('abc'), `V` INTEGER").unwrap();
    assert_eq!(table_pull_sql("S", &first), "SELECT * FROM `S`;");
    let header = parse_columns("`K` STRING KEY, `H` BYTES HEADER('abc'), `V` INTEGER").unwrap();
    first.check_header(&header).unwrap();
    let mixed = table("`K` STRING KEY, `V` INTEGER, `H` BYTES HEADER('abc'), `W` INTEGER").unwrap_err();
    assert!(mixed.to_string().contains("under wrong names"), "{mixed}");
    assert!(table("`K` STRING KEY, `H` BYTES HEADER('abc'), `V` TIME").is_err());
    let s = source(SourceKind::Table, "`K` STRING KEY, `H` BYTES HEADER('abc'), `V` INTEGER");
    assert!(select_table(&s, &["H".into()], &BTreeMap::new()).is_err());
}

#[test]
fn a_changed_header_is_a_matter_of_schema() {
    let selection = table("`A` INTEGER, `B` STRING").unwrap();
    for header in [
        "`A` INTEGER",
        "`B` STRING, `A` INTEGER",
        "`A` BIGINT, `B` STRING",
        "`A` INTEGER, `B` STRING, `C` STRING",
    ] {
        let error = selection.check_header(&parse_columns(header).unwrap()).unwrap_err();
        assert_eq!(error.kind(), Kind::Schema);
        assert!(error.to_string().contains("changed between DESCRIBE and the header"), "{error}");
    }
}

fn bound(partition: i32, from: i64, until: Option<i64>) -> Bound {
    Bound { partition, from, until }
}

#[test]
fn bounds_become_a_predicate() {
    let bounds = [bound(0, 5, Some(9)), bound(1, 3, Some(3)), bound(3, 7, None)];
    assert_eq!(
        filter(&bounds, Rest::Exclude),
        " WHERE (ROWPARTITION=0 AND ROWOFFSET>=5 AND ROWOFFSET<9) OR (ROWPARTITION=3 AND ROWOFFSET>=7)"
    );
    assert_eq!(
        filter(&bounds, Rest::Include),
        " WHERE (ROWPARTITION=0 AND ROWOFFSET>=5 AND ROWOFFSET<9) OR (ROWPARTITION=3 AND ROWOFFSET>=7) OR (ROWPARTITION=2) OR (ROWPARTITION>3)"
    );
    assert_eq!(filter(&[bound(0, 4, Some(4))], Rest::Exclude), " WHERE (ROWPARTITION<0)");
    assert_eq!(filter(&[], Rest::Include), "");
}

#[test]
fn the_helper_that_tells_ends_holds_no_row() {
    let s = source(
        SourceKind::Stream,
        "`K` STRING KEY, `A` ARRAY<STRING>, `odd``v` INTEGER".replace("``", "_").as_str(),
    );
    assert_eq!(
        end_helper_ddl(&s).unwrap(),
        "CREATE STREAM IF NOT EXISTS `S_LAKEHAND_END` WITH (KAFKA_TOPIC='S_LAKEHAND_END') AS SELECT `K`, `odd_v` FROM `S` WHERE ROWTIME < 0 EMIT CHANGES;"
    );
    assert!(end_helper_ddl(&source(SourceKind::Stream, "`K` STRING KEY")).is_err());
}

#[test]
fn a_topic_is_declared_as_bytes_with_its_headers_where_they_are_columns() {
    let mut s = source(SourceKind::Stream, "`K` STRING KEY, `V` INTEGER");
    s.topic = "it's".into();
    assert_eq!(
        raw_ddl(&s),
        "CREATE STREAM IF NOT EXISTS `S_LAKEHAND_RAW` (K BYTES KEY, V BYTES) WITH (KAFKA_TOPIC='it''s', FORMAT='KAFKA');"
    );
    s.columns[1].role = Role::Header("h".into());
    assert!(
        raw_ddl(&s).contains("(K BYTES KEY, V BYTES, H ARRAY<STRUCT<`KEY` STRING, `VALUE` BYTES>> HEADERS)")
    );
}

#[test]
fn names_and_literals_are_quoted() {
    assert_eq!(quote("a`b"), "`a``b`");
    assert_eq!(literal("it's"), "'it''s'");
    let mut s = source(SourceKind::Table, "`K` STRING KEY, `V` BIGINT");
    s.columns[0].name = "a`b".into();
    assert!(select_table(&s, &[], &BTreeMap::new()).is_err(), "headers show such names unreadably");
    assert_eq!(s.columns[0].role, Role::Key);
    assert_eq!(s.columns[1].sql_type, SqlType::BigInt);
}

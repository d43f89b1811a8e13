//! From text to meaning, or to everything that is wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use lakehand::feed::parse::FIELDS;
use lakehand::feed::{
    Compression, DatePart, DecimalAs, ExportMode, Feed, FeedKind, FileLayout, NewFeed, Partitioning,
    ReadMode, Schedule, StorageMode, TableFormat, TimeAs, Types, Visibility, parse_feed,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{feed_text, now, parse};

/// The text of every problem, without its place.
fn complaints(text: &str) -> Vec<String> {
    let problems = parse_feed(text, "f").expect_err(text);
    problems.into_iter().map(|p| lakehand::feed::Problem { line: 0, column: 0, ..p }.to_string()).collect()
}

#[track_caller]
fn refused(kind: &str, more: &str, expected: &str) {
    assert_eq!(complaints(&feed_text(kind, more)), [expected], "{kind}{more}");
}

#[test]
fn the_contract_s_example_has_the_contract_s_defaults() {
    let text = r#"{
      "feed_name": "payment_feed",
      "feed_type": "stream",
      "ksqldb_source": "payment_stream",
      "description": "Stream of payments",
      "partitioning": {"type": "date", "columns": ["year", "month", "day"]},
      "storage_mode": "append",
      "format": "parquet",
      "retention_days": 365,
      "enabled": true,
      "created_at": "2025-01-15T10:00:00Z"
    }"#;
    let expected = Feed {
        name: "payment_feed".into(),
        kind: FeedKind::Stream,
        source: "payment_stream".into(),
        description: "Stream of payments".into(),
        partitioning: Partitioning::Date {
            columns: vec![DatePart::Year, DatePart::Month, DatePart::Day],
            timestamp_column: None,
            timezone: chrono_tz::UTC,
        },
        storage_mode: StorageMode::Append,
        compression: Compression::Zstd(None),
        retention_days: Some(365),
        tier_after_days: None,
        keep_versions: 1,
        shrink_limit: None,
        visibility: Visibility::Restricted,
        read: ReadMode::Auto,
        mode: ExportMode::Batch,
        schedule: None,
        rename: BTreeMap::new(),
        exclude_columns: Vec::new(),
        table_format: Vec::new(),
        catalog: Vec::new(),
        layout: FileLayout::default(),
        row_metadata: true,
        types: Types::default(),
        enabled: true,
        created_at: Some(now()),
    };
    let feed = parse_feed(text, "payment_feed").unwrap();
    assert_eq!(feed, expected);
    assert_eq!(feed.source_candidates(), ["payment_stream", "PAYMENT_STREAM"]);
    assert_eq!(feed.dataset(), "payment_stream");
}

#[test]
fn every_field_is_read() {
    let feed = parse(
        "stream",
        r#", "partitioning": {"type": "date", "columns": ["year"], "timestamp_column": "AT", "timezone": "Europe/Zurich"},
           "compression": "zstd(22)", "visibility": "shared", "read": "offsets", "mode": "follow", "schedule": "every 2h",
           "rename": {"YEAR": "CAL_YEAR"}, "exclude_columns": ["SECRET"], "row_metadata": false, "enabled": false,
           "types": {"time": "time", "decimal": "decimal256"}"#,
    );
    assert_eq!(
        feed.partitioning,
        Partitioning::Date {
            columns: vec![DatePart::Year],
            timestamp_column: Some("AT".into()),
            timezone: chrono_tz::Europe::Zurich
        }
    );
    assert_eq!(feed.compression, Compression::Zstd(Some(22)));
    assert_eq!(
        (feed.visibility, feed.read, feed.mode),
        (Visibility::Shared, ReadMode::Offsets, ExportMode::Follow)
    );
    assert_eq!(feed.schedule, Some(Schedule::Every(Duration::from_secs(7200))));
    assert_eq!(feed.rename.get("YEAR").map(String::as_str), Some("CAL_YEAR"));
    assert_eq!(
        (feed.exclude_columns, feed.row_metadata, feed.enabled),
        (vec!["SECRET".into()], false, false)
    );

    assert_eq!(feed.types, Types { time: TimeAs::Time, decimal: DecimalAs::Decimal256 });
    let one = parse("table", r#", "types": {"decimal": "decimal256"}"#).types;
    assert_eq!(one, Types { time: TimeAs::Text, decimal: DecimalAs::Decimal256 });
    assert_eq!(parse("stream", r#", "types": null"#), parse("stream", r#", "types": {}"#));

    let table =
        parse("table", r#", "keep_versions": 3, "storage_mode": "ignore", "read": "auto", "mode": "batch""#);
    assert_eq!((table.keep_versions, table.storage_mode), (3, StorageMode::Ignore));
    assert_eq!((table.visibility, table.row_metadata), (Visibility::Shared, false));
    assert_eq!(parse("table", "").storage_mode, StorageMode::Overwrite);
    assert_eq!(parse("stream", r#", "schedule": null, "retention_days": null"#), parse("stream", ""));
}

#[test]
fn all_problems_come_at_once_each_with_its_place() {
    let text = "{\n  \"feed_name\": \"ä b\",\n  \"feed_type\": \"steam\",\n  \"storage_mode\": \"apend\",\n  \
                \"descr\": 1, \"enabled\": \"true\",\n  \"é\": 1, \"retention_days\": 0\n}";
    let problems = parse_feed(text, "f").unwrap_err();
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "line 1, column 1: ksqldb_source: is missing, and a feed must have it",
            "line 2, column 16: feed_name: \"ä b\" is not a name of 1 to 128 letters, digits, _ and -",
            "line 3, column 16: feed_type: \"steam\" is not one of stream, table; did you mean \"stream\"?",
            "line 4, column 19: storage_mode: \"apend\" is not one of append, overwrite, ignore; did you mean \"append\"?",
            "line 5, column 3: descr: is not a field of a feed",
            "line 5, column 26: enabled: \"true\" is neither true nor false; did you mean \"true\"?",
            "line 6, column 3: é: is not a field of a feed",
            "line 6, column 29: retention_days: 0 is not a whole number from 1 to 365000",
        ]
    );
}

#[test]
fn wrong_types_and_values_name_the_right_ones() {
    refused("stream", r#", "enable": true"#, "enable: is not a field of a feed; did you mean \"enabled\"?");
    refused("stream", r#", "enabled": true, "enabled": false"#, "enabled: is there twice");
    refused("stream", r#", "description": null"#, "description: null is not a text in double quotes");
    refused(
        "stream",
        r#", "retention_days": 1.5"#,
        "retention_days: 1.5 is not a whole number from 1 to 365000",
    );
    refused("table", r#", "keep_versions": -1"#, "keep_versions: -1 is not a whole number from 1 to 10000");
    refused(
        "stream",
        r#", "read": "mirror""#,
        "read: \"mirror\" is a way of reading that is gone: its copy of the topic could mix up the order of rows; did you mean \"auto\"?",
    );
    refused("stream", r#", "format": "orc""#, "format: \"orc\" is not one of parquet");
    refused(
        "stream",
        r#", "compression": "zst""#,
        "compression: \"zst\" is not one of zstd, zstd(N), snappy, lz4, none; did you mean \"zstd\"?",
    );
    for level in ["0", "23", "-1", "+3", "", "x"] {
        let seen = format!("compression: \"zstd({level})\" has a level that is not between 1 and 22");
        refused("stream", &format!(", \"compression\": \"zstd({level})\""), &seen);
    }
    refused(
        "stream",
        r#", "created_at": "yesterday""#,
        "created_at: \"yesterday\" is not a time like 2025-01-15T10:00:00Z (RFC 3339)",
    );
    refused(
        "stream",
        r#", "schedule": "every 15""#,
        "schedule: \"every 15\" is not like every 30s, every 15m, every 2h or every 1d",
    );
    refused("stream", r#", "partitioning": []"#, "partitioning: [] is not an object: {\"name\": value, …}");
    refused("stream", r#", "partitioning": {}"#, "partitioning.type: is missing, and a feed must have it");
    refused(
        "stream",
        r#", "partitioning": {"type": "date", "column": []}"#,
        "partitioning.column: is not a field of a feed; did you mean \"columns\"?",
    );
    refused(
        "stream",
        r#", "partitioning": {"type": "date", "columns": ["year", "mouth"]}"#,
        "partitioning.columns[1]: \"mouth\" is not one of year, month, day, hour; did you mean \"month\"?",
    );
    for list in ["[]", r#"["month"]"#, r#"["year", "day"]"#, r#"["year", "year"]"#] {
        let seen = format!(
            "partitioning.columns: {list} is not [\"year\"], continued in this order by \"month\", \"day\", \"hour\""
        );
        refused("stream", &format!(", \"partitioning\": {{\"type\": \"date\", \"columns\": {list}}}"), &seen);
    }
    refused(
        "stream",
        r#", "partitioning": {"type": "date", "timezone": "Europe/Zürich"}"#,
        "partitioning.timezone: \"Europe/Zürich\" is not a time zone of the IANA list, such as UTC or Europe/Zurich; did you mean \"Europe/Zurich\"?",
    );
}

#[test]
fn what_cannot_be_together_is_refused() {
    refused(
        "table",
        r#", "storage_mode": "append""#,
        "storage_mode: \"append\" is for streams; a table takes overwrite or ignore; did you mean \"overwrite\"?",
    );
    refused(
        "stream",
        r#", "storage_mode": "overwrite""#,
        "storage_mode: \"overwrite\" is for tables; a stream takes append or ignore; did you mean \"append\"?",
    );
    refused("stream", r#", "keep_versions": 2"#, "keep_versions: 2 is for tables: a stream has no versions");
    refused(
        "table",
        r#", "retention_days": 3"#,
        "retention_days: 3 is for streams; a table takes keep_versions",
    );
    refused(
        "table",
        r#", "read": "idle""#,
        "read: \"idle\" is for streams: a table takes auto or kafka; did you mean \"auto\"?",
    );
    refused(
        "table",
        r#", "mode": "follow""#,
        "mode: \"follow\" is for streams: a table is taken whole; did you mean \"batch\"?",
    );
    refused(
        "table",
        r#", "row_metadata": true"#,
        "row_metadata: true is for streams: the rows of a table have no offset",
    );
    refused(
        "table",
        r#", "partitioning": {"type": "date"}"#,
        "partitioning.type: \"date\" is for streams; did you mean \"version\"?",
    );
    refused(
        "stream",
        r#", "partitioning": {"type": "version"}"#,
        "partitioning.type: \"version\" is for tables; did you mean \"date\"?",
    );
    refused(
        "table",
        r#", "partitioning": {"type": "version", "timestamp_column": "AT"}"#,
        "partitioning.timestamp_column: \"AT\" belongs to partitioning by date",
    );
    refused(
        "stream",
        r#", "storage_mode": "ignore", "mode": "follow""#,
        "mode: \"follow\" does not go with storage_mode ignore, which exports once; did you mean \"batch\"?",
    );
}

#[test]
fn a_layout_names_each_column_once_and_is_for_streams() {
    let layout =
        parse("stream", r#", "sort_by": ["A", "B"], "bloom_filters": ["C"], "bloom_fpp": 0.05"#).layout;
    let columns = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((layout.sort_by, layout.bloom_filters), (columns(&["A", "B"]), columns(&["C"])));
    assert!((layout.bloom_fpp - 0.05).abs() < f64::EPSILON);
    assert_eq!(parse("stream", r#", "sort_by": null"#).layout, FileLayout::default());
    refused("stream", r#", "sort_by": ["A", "A"]"#, "sort_by[1]: \"A\" is there twice");
    for share in ["0", "1", "-0.1", "\"0.01\""] {
        let found = complaints(&feed_text("stream", &format!(r#", "bloom_fpp": {share}"#)));
        assert!(found.len() == 1 && found[0].contains("is not a number between 0 and 1"), "{found:?}");
    }
    let found = complaints(&feed_text("table", r#", "sort_by": ["A"]"#));
    assert!(found.len() == 1 && found[0].contains("is for streams"), "{found:?}");
}

#[test]
fn table_formats_are_words_of_a_list() {
    for (text, expected) in [
        (r#", "table_format": null"#, Vec::new()),
        (r#", "table_format": []"#, Vec::new()),
        (r#", "table_format": ["delta"]"#, vec![TableFormat::Delta]),
        (r#", "table_format": ["iceberg", "delta"]"#, vec![TableFormat::Iceberg, TableFormat::Delta]),
    ] {
        assert_eq!(parse("stream", text).table_format, expected, "{text}");
        assert_eq!(parse("table", text).table_format, expected, "{text}");
    }
    refused(
        "stream",
        r#", "table_format": ["dleta"]"#,
        "table_format[0]: \"dleta\" is not one of delta, iceberg; did you mean \"delta\"?",
    );
    refused("stream", r#", "table_format": ["delta", "delta"]"#, "table_format[1]: \"delta\" is there twice");
}

#[test]
fn new_names_of_columns_cannot_break_the_files() {
    let rename = |map: &str, expected: &str| refused("stream", &format!(", \"rename\": {map}"), expected);
    rename(r#"{"A": ""}"#, "rename.A: \"\" is empty, longer than 255, or holds a control character");
    rename(
        r#"{"A": "x\u0000"}"#,
        "rename.A: \"x\\u0000\" is empty, longer than 255, or holds a control character",
    );
    rename(
        r#"{"A": "Year"}"#,
        "rename.A: \"Year\" is the name of a partition folder; did you mean \"CAL_YEAR\"?",
    );
    rename(r#"{"A": "rowtime"}"#, "rename.A: \"rowtime\" is the name of a column that row_metadata keeps");
    rename(
        r#"{"A": "x", "B": "X"}"#,
        "rename.B: \"X\" is the new name of another column too (case does not count)",
    );
    rename(r#"{"A": 1}"#, "rename.A: 1 is not a text in double quotes");
    rename(
        r#"{"A": "x"}, "exclude_columns": ["A"]"#,
        "rename.A: \"x\" is the new name of a column that exclude_columns leaves out",
    );
    refused("stream", r#", "exclude_columns": ["A", "A"]"#, "exclude_columns[1]: \"A\" is there twice");
    parse("stream", r#", "row_metadata": false, "rename": {"A": "rowtime"}"#);
}

#[test]
fn names_and_sources_are_checked() {
    let with = |name: &str, source: &str, stem: &str| {
        let text = json!({"feed_name": name, "feed_type": "stream", "ksqldb_source": source}).to_string();
        parse_feed(&text, stem)
    };
    assert_eq!(with("f", "`Mixed-Case`", "f").unwrap().source, "Mixed-Case");
    assert_eq!(with("f", "UPPER", "f").unwrap().source_candidates(), ["UPPER"]);
    let other = with("payments", "s", "payment").unwrap_err();
    assert_eq!(
        other[0].to_string(),
        "line 1, column 14: feed_name: \"payments\" is not the name of the file, payment.json; did you mean \"payment\"?"
    );
    for name in ["", "a b", "a/b", "..", "ü", &"x".repeat(129)] {
        assert!(with(name, "s", name).is_err(), "{name}");
    }
    for source in ["", "``", "`a", "a.b", "../x", "_internal", "`_x`", "a;b", &"x".repeat(201)] {
        assert!(with("f", source, "f").is_err(), "{source}");
    }
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    let cases = [
        ("", "line 1, column 1: is not JSON: EOF while parsing a value"),
        ("{\n  // note\n}", "line 2, column 3: is not JSON: key must be a string (comments are not allowed)"),
        ("{\"a\": 1,}", "line 1, column 9: is not JSON: trailing comma"),
        ("{\"é\": 'x'}", "line 1, column 7: is not JSON: expected value (strings stand in double quotes)"),
        ("[1]", "line 1, column 1: [1] is not an object: {\"name\": value, …}"),
        ("{} {}", "line 1, column 4: is not JSON: trailing characters"),
    ];
    for (text, expected) in cases {
        let problems = parse_feed(text, "f").unwrap_err();
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected], "{text}");
    }
    assert!(parse_feed(&format!("\u{FEFF}{}", feed_text("stream", "")), "f").is_ok());
}

#[test]
fn a_hostile_file_costs_neither_stack_nor_time() {
    for bracket in ["[", "{\"a\":"] {
        let deep = bracket.repeat((1 << 20) / bracket.len());
        assert_eq!(parse_feed(&deep, "f").unwrap_err().len(), 1);
    }
    let long = format!("{{\"description\": \"{}\"}}", "x".repeat(1 << 20));
    assert!(parse_feed(&long, "f").unwrap_err()[0].message.contains("at most 1048576"));
    let many: Vec<_> = (0..50_000).map(|i| format!("\"a{i}\":0")).collect();
    let problems = parse_feed(&format!("{{{}}}", many.join(",")), "f").unwrap_err();
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100].to_string(), "49903 more problems are not listed");
}

proptest! {
    #[test]
    fn any_text_is_a_feed_or_has_a_problem(text in any::<String>()) {
        if let Err(problems) = parse_feed(&text, "f") {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn any_value_of_any_field_is_legal_or_has_a_problem(
        field in prop::sample::select(FIELDS.to_vec()),
        value in prop_oneof![
            any::<String>().prop_map(Value::from), any::<i64>().prop_map(Value::from), any::<bool>().prop_map(Value::from),
            Just(Value::Null), prop::collection::vec(any::<String>(), 0..3).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), any::<String>(), 0..3).prop_map(|map| json!(map)),
        ],
    ) {
        let mut feed = json!({"feed_name": "f", "feed_type": "stream", "ksqldb_source": "s"});
        feed[field] = value;
        if let Err(problems) = parse_feed(&feed.to_string(), "f") {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(problem.line == 1 && problem.column >= 1);
                prop_assert!(!problem.to_string().contains(char::is_control));
            }
        }
    }

    #[test]
    fn every_feed_that_add_prints_parses_back(
        name in "[A-Za-z0-9_-]{1,128}", table in any::<bool>(), source in "[A-Za-z0-9-][A-Za-z0-9_-]{0,99}",
        description in any::<String>(),
    ) {
        let kind = if table { FeedKind::Table } else { FeedKind::Stream };
        let new = NewFeed { name: name.clone(), kind, source: source.clone(), description: description.clone(), table_format: None };
        let feed = parse_feed(&new.render(now()), &name).unwrap();
        prop_assert_eq!((&feed.name, feed.kind, &feed.source, &feed.description), (&name, kind, &source, &description));
        // What is written out is what would be meant anyhow.
        let mut bare = parse_feed(&json!({
            "feed_name": name, "feed_type": kind.keyword(), "ksqldb_source": source, "description": description
        }).to_string(), &name).unwrap();
        bare.created_at = Some(now());
        prop_assert_eq!(feed, bare);
    }
}

//! The text for each engine, for plain datasets and odd ones, as `golden/<engine>.txt` holds it. `UPDATE=1`
//! writes it anew; `scripts/read-lines` runs it.

use std::path::Path;

use lakehand::feed::FeedKind;
use lakehand::reading::{Column, Dataset, Days, Engine, Language, MetadataPlace, Tiers, code};

fn column(name: &str, arrow_type: &str, since: &str, gone_since: Option<&str>) -> Column {
    Column {
        name: name.into(),
        arrow_type: arrow_type.into(),
        since: since.into(),
        gone_since: gone_since.map(str::to_owned),
    }
}

/// A stream in folders of days.
pub(crate) fn stream() -> Dataset {
    Dataset {
        feed: "payments".into(),
        name: "payment_stream".into(),
        kind: FeedKind::Stream,
        folder: "/lake/streams/payment_stream".into(),
        partition_columns: ["year", "month", "day"].map(str::to_owned).to_vec(),
        columns: vec![
            column("ID", "Utf8", "1.0", None),
            column("AMOUNT", "Decimal128(12, 2)", "1.0", None),
            column("ROWTIME", "Timestamp(ms, \"UTC\")", "1.0", None),
            column("ROWPARTITION", "Int32", "1.0", None),
            column("ROWOFFSET", "Int64", "1.0", None),
        ],
        current_version: None,
        metadata: MetadataPlace::InFolder,
        rows: 20_000,
        span: Some(("year=2024/month=12/day=30".into(), "year=2025/month=01/day=15".into())),
        schema_version: "1.0".into(),
        tiers: None,
        days: Some(("UTC".into(), None)),
    }
}

fn table() -> Dataset {
    Dataset {
        feed: "totals".into(),
        name: "user_totals".into(),
        kind: FeedKind::Table,
        folder: "/lake/tables/user_totals".into(),
        partition_columns: vec!["version".into()],
        columns: vec![column("USER", "Utf8", "1.0", None), column("TOTAL", "Int64", "1.0", None)],
        current_version: Some(12),
        rows: 7,
        span: None,
        days: None,
        ..stream()
    }
}

fn days(from: &str, to: &str) -> Days {
    let day = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    Days { from: day(from), to: day(to) }
}

fn evolved() -> Dataset {
    let mut dataset = stream();
    dataset.schema_version = "1.2".into();
    dataset.columns[1].gone_since = Some("1.2".into());
    dataset.columns.push(column("CURRENCY", "Utf8", "1.1", None));
    dataset.columns.push(column(
        "TAGS",
        "List(Struct(\"K\": Utf8, \"V\": Float64), field: 'element')",
        "1.1",
        None,
    ));
    dataset
}

/// Each case: its name, the dataset, the days.
fn cases() -> Vec<(&'static str, Dataset, Days)> {
    let all = Days::default();
    let quoted = "/la ke/it's/streams/payment";
    let both = "/it's \"here\"/streams/pay\\ment";
    let hours = Dataset {
        partition_columns: ["year", "month", "day", "hour"].map(str::to_owned).to_vec(),
        span: Some(("year=2025/month=01/day=15/hour=07".into(), "year=2025/month=01/day=15/hour=08".into())),
        days: Some(("Europe/Berlin".into(), Some("PAID_AT".into()))),
        ..stream()
    };
    let tiers = Tiers {
        root: "s3://archive/lake/streams/payment_stream".into(),
        objects: [
            "year=2024/month=12/day=30/data_20241230_000001-a_1.parquet",
            "year=2024/month=12/day=31/data_20241231_000001-a_2.parquet",
        ]
        .map(str::to_owned)
        .to_vec(),
        late: Vec::new(),
        has_hot: true,
        endpoint: None,
        region: Some("eu-central-1".into()),
    };
    let copies = Tiers {
        late: vec!["year=2024/month=12/day=31/data_20241231_000002-b_1.parquet".into()],
        endpoint: Some("http://minio:9000".into()),
        ..tiers.clone()
    };
    let disk =
        Tiers { root: "file:///mnt/archive/it's/payment_stream".into(), has_hot: false, ..tiers.clone() };
    vec![
        ("days in the cold tier", Dataset { tiers: Some(tiers.clone()), ..stream() }, all),
        ("days in the cold tier, some here too", Dataset { tiers: Some(copies), ..evolved() }, all),
        ("all days on another disk", Dataset { tiers: Some(disk), ..stream() }, all),
        (
            "one cold day",
            Dataset { tiers: Some(tiers.clone()), ..stream() },
            days("2024-12-31", "2024-12-31"),
        ),
        ("days that are not cold", Dataset { tiers: Some(tiers), ..stream() }, days("2025-01-05", "")),
        ("a stream", stream(), all),
        ("one day of it", stream(), days("2025-01-15", "2025-01-15")),
        ("across the end of a year", stream(), days("2024-12-30", "2025-01-02")),
        ("from a day on", stream(), days("2025-01-05", "")),
        ("folders of hours, a day", hours, days("2025-01-15", "2025-01-15")),
        ("a column came, another went", evolved(), all),
        ("types were changed", Dataset { schema_version: "2.0".into(), ..stream() }, all),
        ("a table with several versions", table(), all),
        ("metadata apart", Dataset { metadata: MetadataPlace::Apart, ..stream() }, all),
        ("a quote in the path", Dataset { folder: quoted.into(), ..stream() }, all),
        ("both quotes and a backslash in the path", Dataset { folder: both.into(), ..stream() }, all),
        ("a pattern in the path", Dataset { folder: "/a[1]*/{b,c}?/pay".into(), ..stream() }, all),
        (
            "names that would end a comment or a string",
            Dataset {
                feed: "x\nimport os".into(),
                columns: vec![
                    column("A\n\"\"\"B", "Utf8", "1.0", None),
                    column("it's", "Int32", "1.1", Some("1.2")),
                ],
                ..stream()
            },
            all,
        ),
    ]
}

#[test]
fn the_text_of_each_engine_is_as_it_was_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reading/golden");
    let mut wrong = Vec::new();
    for (word, _, engine) in Engine::ALL {
        let mut text = String::new();
        for (name, dataset, days) in cases() {
            for language in [Language::Python, Language::Sql] {
                if language == Language::Sql && !engine.has_sql() {
                    continue;
                }
                let code = match code(&dataset, engine, language, days) {
                    Ok(code) => code.text(),
                    Err(error) => format!("refused: {error}\n"),
                };
                text += &format!("=== {name}, {}\n{code}\n", language.name());
            }
        }
        let path = folder.join(format!("{word}.txt"));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        if std::fs::read_to_string(&path).unwrap_or_default() != text {
            wrong.push(word);
        }
    }
    assert!(wrong.is_empty(), "changed: {wrong:?}; UPDATE=1 writes them, git diff shows them");
}

#[test]
fn days_that_do_not_fit_are_refused_with_the_days_that_do() {
    let refused = |dataset: &Dataset, from: &str, to: &str| {
        code(dataset, Engine::DuckDb, Language::Python, days(from, to)).unwrap_err().to_string()
    };
    let months = Dataset { partition_columns: vec!["year".into(), "month".into()], ..stream() };
    let error = refused(&months, "2025-01-15", "");
    assert!(error.contains("2025-01-01") && error.contains("2025-02-01"), "{error}");
    let error = refused(&months, "", "2025-03-30");
    assert!(error.contains("2025-02-28") && error.contains("2025-03-31"), "{error}");
    let years = Dataset { partition_columns: vec!["year".into()], ..stream() };
    assert!(refused(&years, "2025-02-01", "").contains("2026-01-01"));
    assert!(refused(&stream(), "2025-02-01", "2025-01-01").contains("later"));
    assert!(refused(&table(), "2025-02-01", "").contains("table"));
    assert!(code(&months, Engine::DuckDb, Language::Python, days("2025-02-01", "2025-02-28")).is_ok());
}

#[test]
fn sql_is_refused_for_engines_without_it() {
    for (_, name, engine) in Engine::ALL {
        let made = code(&stream(), engine, Language::Sql, Days::default());
        if !engine.has_sql() {
            let error = made.unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("duckdb, spark, datafusion, clickhouse"),
                "{error}"
            );
        }
    }
}

#[test]
fn every_engine_is_found_by_its_keyword() {
    for (keyword, name, engine) in Engine::ALL {
        assert_eq!(Engine::by_keyword(keyword), Some(engine));
        assert_eq!((engine.keyword(), engine.name()), (keyword, name));
    }
    assert_eq!(Engine::by_keyword("excel"), None);
}

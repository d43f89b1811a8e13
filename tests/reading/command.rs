//! The command from outside: what it prints, what it refuses, and with which code it ends.

use crate::support::{Project, Server};

fn offline() -> Project {
    Project::on("http://127.0.0.1:9")
}

#[test]
fn it_prints_code_for_what_the_lake_holds() {
    let server = Server::with_rows(200);
    let project = Project::on(&server.url());
    project.feed("s", "stream", "transaction_flattened", "").feed("t", "table", "payment_method_totals", "");
    project.ok(&["export", "--all"]);
    server.get().append(10);
    project.ok(&["export", "--all"]);
    let text = project.ok(&["read", "s"]).out;
    let folder = project.stream("transaction_flattened");
    assert!(text.starts_with("# stream transaction_flattened: 210 rows of 20"), "{text}");
    assert!(text.contains(&format!("'{}/year=*/month=*/day=*/*.parquet'", folder.display())), "{text}");
    assert!(text.contains("# ROWTIME, ROWPARTITION, ROWOFFSET:"), "{text}");
    assert!(text.contains("hive_types = {'year': INT, 'month': INT, 'day': INT}"), "{text}");
    // The second export of a table is its second version, the one to read.
    let text = project.ok(&["read", "t", "--with", "polars"]).out;
    assert!(
        text.contains("/version=v2/*.parquet\"")
            && text.contains("# table payment_method_totals, version v2")
    );
    let sql = project.ok(&["read", "s", "--sql", "--from", "2025-01-01", "--to", "2025-12-31"]).out;
    assert!(sql.starts_with("-- ") && sql.trim_end().ends_with("WHERE year = 2025;"), "{sql}");
    let json = project.ok(&["read", "s", "--json", "--with", "spark"]).json().remove(0);
    assert_eq!((json["engine"].as_str(), json["language"].as_str()), (Some("spark"), Some("python")));
    assert!(json["code"].as_str().unwrap().contains("basePath"));
}

#[test]
fn a_column_that_came_is_named_to_the_engines_that_would_hide_it() {
    let server = Server::with_rows(100);
    let project = Project::on(&server.url());
    project.feed("s", "stream", "transaction_flattened", "");
    project.ok(&["export", "--feed", "s"]);
    let before = project.ok(&["read", "s", "--with", "pandas"]).out;
    assert!(!before.contains("schema=schema"), "{before}");
    server.get().add_column("TRANSACTION_FLATTENED", "NOTE");
    server.get().append(50);
    project.ok(&["export", "--feed", "s"]);
    for engine in ["pandas", "pyarrow", "polars", "daft"] {
        let text = project.ok(&["read", "s", "--with", engine]).out;
        assert!(text.contains("# Column NOTE: came with schema 1.1;"), "{text}");
        assert!(text.contains("schema=schema") && text.contains("\"NOTE\""), "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_with_what_to_do() {
    let project = offline();
    project.feed("payments", "stream", "payments", "").feed("totals", "table", "totals", "");
    let unknown = project.run(&["read", "paymnts"]);
    assert!(unknown.code == 2 && unknown.err.contains("did you mean payments?"), "{}", unknown.err);
    for feed in ["payments", "totals"] {
        let empty = project.run(&["read", feed]);
        assert_eq!(empty.code, 1);
        assert!(
            empty.err.contains("in the lake yet") && empty.err.contains(&format!("export --feed {feed}"))
        );
    }
    assert_eq!(project.run(&["read", "payments", "--with", "excel"]).code, 2);
    assert_eq!(project.run(&["read", "payments", "--from", "yesterday"]).code, 2);
}

#[test]
fn a_version_that_is_gone_is_damage_and_days_of_a_table_are_usage() {
    let server = Server::with_rows(50);
    let project = Project::on(&server.url());
    project.feed("t", "table", "payment_method_totals", "");
    project.ok(&["export", "--feed", "t"]);
    let days = project.run(&["read", "t", "--from", "2025-01-01"]);
    assert!(days.code == 2 && days.err.contains("table"), "{}", days.err);
    let sql = project.run(&["read", "t", "--with", "pandas", "--sql"]);
    assert!(sql.code == 2 && sql.err.contains("duckdb, spark, datafusion, clickhouse"), "{}", sql.err);
    std::fs::remove_dir_all(project.table("payment_method_totals").join("version=v1")).unwrap();
    let gone = project.run(&["read", "t"]);
    assert!(gone.code == 5 && gone.err.contains("lakehand check t"), "{}", gone.err);
}

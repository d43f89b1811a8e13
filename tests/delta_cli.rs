//! A Delta table by the command line: switched on and off for what is there, and by a default for every feed.

mod support;

use std::path::Path;

use support::{Project, Server, data_files, row_count};

fn project(server: &Server) -> Project {
    let project = Project::on(&server.url());
    project.feed("raw", "stream", "transaction_stream", "");
    project.feed("totals", "table", "payment_method_totals", "");
    project
}

/// Versions of the log; 0 where there is none.
fn entries(dir: &Path) -> usize {
    let Ok(names) = std::fs::read_dir(dir.join("_delta_log")) else { return 0 };
    names.filter(|name| name.as_ref().unwrap().file_name().to_string_lossy().ends_with(".json")).count()
}

fn feed_file(project: &Project, name: &str) -> String {
    std::fs::read_to_string(project.path().join(format!("feeds/active/{name}.json"))).unwrap()
}

#[test]
fn a_dataset_becomes_a_table_and_plain_parquet_again() {
    let server = Server::with_rows(2_000);
    let project = project(&server);
    let dir = project.stream("transaction_stream");
    // Before the first export there is nothing to make a table of.
    let said = project.ok(&["feeds", "enable-format", "raw", "delta"]).out;
    assert!(said.contains("the next export"), "{said}");
    project.ok(&["export", "--feed", "raw"]);
    assert!(entries(&dir) >= 1);
    project.ok(&["export", "--feed", "totals"]);
    let table = project.table("payment_method_totals");
    let before = data_files(&table);
    let said = project.ok(&["feeds", "enable-format", "totals", "delta"]).out;
    assert!(said.contains("version 0") && said.contains("no file was rewritten"), "{said}");
    assert_eq!((entries(&table), data_files(&table)), (1, before));
    assert!(project.ok(&["feeds", "show", "totals"]).out.contains("a Delta table too, at version 0"));
    project.ok(&["check"]);

    // Nobody is there to be asked.
    let refused = project.run(&["feeds", "disable-format", "raw", "delta"]);
    assert!(refused.code == 2 && refused.err.contains("--yes"), "{}", refused.err);
    assert!(entries(&dir) >= 1 && feed_file(&project, "raw").contains("[\"delta\"]"));
    let said = project.ok(&["feeds", "disable-format", "raw", "delta", "--yes"]).out;
    assert!(said.contains("is plain Parquet"), "{said}");
    assert!(!dir.join("_delta_log").exists() && !dir.join("_delta_files").exists());
    assert_eq!(row_count(&dir), 2_000);
    project.ok(&["export", "--all"]);
    assert!(!dir.join("_delta_log").exists(), "no export makes it again");
    project.ok(&["check"]);
    // What is off already may be switched off again; and there is no other format.
    project.ok(&["feeds", "disable-format", "raw", "delta", "--yes"]);
    assert_eq!(project.run(&["feeds", "enable-format", "raw", "hudi"]).code, 2);
    assert_eq!(project.run(&["feeds", "enable-format", "nothing", "delta"]).code, 2);
}

#[test]
fn a_dataset_that_cannot_be_a_table_stays_as_it_is() {
    let server = Server::with_rows(500);
    let project = project(&server);
    project.ok(&["export", "--feed", "raw"]);
    let log = project.stream("transaction_stream").join("_delta_log");
    std::fs::create_dir(&log).unwrap();
    let theirs = "{\"metaData\":{\"id\":\"x\",\"schemaString\":\"{}\",\"configuration\":{}}}\n";
    std::fs::write(log.join("00000000000000000000.json"), theirs).unwrap();
    let before = feed_file(&project, "raw");
    let refused = project.run(&["feeds", "enable-format", "raw", "delta"]);
    assert!(refused.code != 0 && refused.err.contains("did not make"), "{}", refused.err);
    assert_eq!(feed_file(&project, "raw"), before, "the feed stays as it is");
}

#[test]
fn a_default_makes_tables_of_all_feeds_but_those_that_say_otherwise() {
    let server = Server::with_rows(800);
    let project = project(&server);
    let add = |name: &str, kind: &str, source: &str, formats: &[&str]| {
        let asked = ["feeds", "add", "--name", name, "--type", kind, "--source", source];
        project.ok(&[&asked[..], formats].concat());
    };
    add("flat", "stream", "transaction_flattened", &["--table-format", ""]);
    assert!(feed_file(&project, "flat").contains("\"table_format\": []"));
    std::fs::write(project.path().join("lakehand.toml"), "[lake]\ntable_format = \"delta\"\n").unwrap();
    let shown = project.ok(&["config", "show", "--json"]).json();
    let setting = shown.iter().find(|setting| setting["key"] == "lake.table_format").unwrap();
    assert_eq!(setting["value"], "delta");
    project.ok(&["export", "--all"]);
    let dirs = [project.stream("transaction_stream"), project.table("payment_method_totals")];
    assert!(dirs.iter().all(|dir| entries(dir) >= 1));
    assert_eq!(entries(&project.stream("transaction_flattened")), 0);
    // Switched off for one feed, which says so from then on.
    assert!(!feed_file(&project, "raw").contains("table_format"));
    project.ok(&["feeds", "disable-format", "raw", "delta", "--yes"]);
    assert!(feed_file(&project, "raw").contains("\"table_format\": []"));
    project.ok(&["export", "--all"]);
    assert_eq!(dirs.map(|dir| entries(&dir) > 0), [false, true]);
    project.ok(&["check"]);
    // Words that are none.
    let refused = project.run(&["--set", "lake.table_format=dleta", "config", "show"]);
    assert!(refused.code == 2 && refused.err.contains("is not a list of delta"), "{}", refused.err);
    let refused = project.run(&[
        "feeds",
        "add",
        "--name",
        "x",
        "--type",
        "stream",
        "--source",
        "X",
        "--table-format",
        "x",
    ]);
    assert_eq!(refused.code, 2);
    // In the other direction: a feed that names the format, without a default.
    std::fs::remove_file(project.path().join("lakehand.toml")).unwrap();
    project.ok(&["feeds", "archive", "totals"]);
    add("methods", "table", "payment_method_totals", &["--table-format", "delta"]);
    project.ok(&["export", "--feed", "methods"]);
    assert!(entries(&project.table("payment_method_totals")) > 1);
}

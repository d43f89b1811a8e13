//! The commands themselves, on a lake that the real binary has written.

#[path = "../support/mod.rs"]
mod support;

use support::{Project, Server, data_files, row_count};

fn exported(server: &Server) -> Project {
    let project = Project::on(&server.url());
    project.feed("raw", "stream", "transaction_stream", "");
    project.feed("totals", "table", "payment_method_totals", "");
    project.ok(&["export", "--all"]);
    project
}

#[test]
fn a_stream_is_told_compared_pinned_and_rolled_back() {
    let server = Server::with_rows(2_000);
    let project = exported(&server);
    let dir = project.stream("transaction_stream");
    let before = data_files(&dir);
    let name = before[3].file_name().unwrap().to_str().unwrap();
    let day = format!("{}-{}-{}", &name[5..9], &name[9..11], &name[11..13]);
    project.ok(&["export", "--feed", "raw", "--day", &day]);
    let after = data_files(&dir);
    assert_ne!(before, after);
    let told = project.ok(&["history", "raw", "--json"]).json();
    let commits: Vec<_> = told.iter().filter(|e| e["event"] == "commit").collect();
    let again = commits.iter().find(|c| c["kind"] == "day again").unwrap();
    let first = commits.iter().find(|c| c["kind"] == "append").unwrap();
    assert_eq!(again["added"]["rows"], again["removed"]["rows"]);
    assert_eq!(first["added"]["rows"], 2_000);
    let shown = project.ok(&["history", "raw"]).out;
    assert!(shown.contains("day again") && shown.contains("can be undone"), "{shown}");
    let limited = project.ok(&["history", "raw", "--limit", "1"]).out;
    assert!(limited.contains("older commits"), "{limited}");

    let (from, to) = (first["id"].as_str().unwrap(), again["id"].as_str().unwrap());
    let diff = project.ok(&["diff", "raw", from, to]).out;
    assert!(diff.contains("- Kafka partition") && diff.contains("+ Kafka partition"), "{diff}");
    let diff = project.ok(&["diff", "raw", from, to, "--json"]).json();
    assert_eq!(diff.last().unwrap()["partitions"], 1, "{diff:?}");

    let pinned = project.ok(&["pin", "raw", &day, "--name", "audit"]).out;
    assert!(pinned.contains("(audit) is pinned"), "{pinned}");
    for shown in [&["feeds", "show", "raw"][..], &["history", "raw"], &["check", "raw"]] {
        let out = project.ok(shown).out;
        assert!(out.contains(&format!("{day} (audit) is pinned")), "{shown:?}: {out}");
    }
    let left = project.run(&["feeds", "forget", "raw", "--all"]);
    assert!(left.code == 2 && left.err.contains("left alone"), "{} {}", left.code, left.err);
    assert_eq!(project.run(&["unpin", "raw", "2001-01-01"]).code, 2);

    let would = project.ok(&["rollback", "raw", &day, "--commit", from, "--dry-run"]).out;
    assert!(would.contains("would come back"), "{would}");
    assert_eq!(data_files(&dir), after);
    project.ok(&["rollback", "raw", &day, "--commit", from]);
    assert_eq!(data_files(&dir), before);
    project.ok(&["rollback", "raw", &day]);
    assert_eq!(data_files(&dir), after, "a rollback is rolled back");
    project.ok(&["unpin", "raw", &day]);
    project.ok(&["feeds", "forget", "raw", "--all"]);
    assert_eq!(row_count(&dir), 2_000);
    assert_eq!(project.run(&["rollback", "raw", "v1"]).code, 2);
    assert_eq!(project.run(&["rollback", "raw", "yesterday"]).code, 2);
}

#[test]
fn a_table_is_compared_by_its_key_and_rolled_back() {
    let server = Server::with_rows(1_000);
    let project = exported(&server);
    project.ok(&["export", "--feed", "totals"]);
    let shown = project.ok(&["history", "totals"]).out;
    assert!(shown.contains("v2 current") && shown.contains("v1"), "{shown}");
    let same = project.ok(&["diff", "totals", "v1", "v2"]).out;
    assert!(same.contains("0 rows added, 0 removed, 0 changed"), "{same}");
    let summary = project.ok(&["diff", "totals", "1", "2", "--json"]).json().pop().unwrap();
    assert_eq!(summary["key"].as_array().unwrap().len(), 1, "the export keeps the key: {summary}");
    assert!(summary["same"].as_u64().unwrap() > 0);
    let dir = project.path().join("data_lake/tables/payment_method_totals");
    let rows = row_count(&dir);
    let gone = project.ok(&["rollback", "totals", "v1", "--json"]).json();
    assert_eq!((&gone[0]["event"], &gone[0]["partition"]), (&"undone".into(), &"version=v1".into()));
    assert_eq!(row_count(&dir), rows, "one version is there");
    assert!(project.ok(&["history", "totals"]).out.contains("v1 current"));
    let refused = project.run(&["rollback", "totals", "v9"]);
    assert!(refused.code == 2 && refused.err.contains("there is v"), "{}", refused.err);
    project.ok(&["rollback", "totals", "v2"]);
    project.ok(&["export", "--feed", "totals"]);
    assert!(project.ok(&["history", "totals"]).out.contains("v3 current"));
    project.ok(&["pin", "totals", "v1"]);
    let shown = project.ok(&["feeds", "show", "totals"]).out;
    let bin: Vec<&str> = shown.lines().filter(|line| line.contains("in the bin: version=v1")).collect();
    assert!(bin.len() == 1 && bin[0].contains("kept by a pin"), "{shown}");
    project.ok(&["check"]);
}

#[test]
fn values_of_a_restricted_feed_are_shown_on_request_alone() {
    let server = Server::with_rows(1_000);
    let project = Project::on(&server.url());
    project.feed("totals", "table", "payment_method_totals", r#""visibility": "restricted""#);
    project.ok(&["export", "--all"]);
    let dir = project.path().join("data_lake/tables/payment_method_totals");
    // A second version with other rows: the server has seen more since.
    let more = Server::with_rows(1_500);
    let project = project.moved_to(&more.url());
    project.ok(&["export", "--feed", "totals"]);
    let diff = project.ok(&["diff", "totals", "v1", "v2"]).out;
    assert!(diff.contains("changed …") && diff.contains("--show-values"), "{diff}");
    let file = data_files(&dir).remove(0);
    let batches = support::batches(&file);
    let text = arrow::util::display::array_value_to_string(batches[0].column(0), 0).unwrap();
    assert!(text.len() > 2 && !diff.contains(&text), "{text}: {diff}");
    let json = project.ok(&["diff", "totals", "v1", "v2", "--json"]).out;
    assert!(!json.contains(&text), "{json}");
    let shown = project.ok(&["diff", "totals", "v1", "v2", "--show-values"]).out;
    assert!(shown.contains("changed ") && shown.contains(" -> "), "{shown}");
    assert!(shown.contains(&text), "{text}: {shown}");
}

#[test]
fn without_a_dataset_there_is_nothing_to_tell() {
    let project = Project::on("http://127.0.0.1:9");
    project.feed("raw", "stream", "transaction_stream", "");
    for asked in [&["history", "raw"][..], &["pin", "raw", "2025-01-01"], &["rollback", "raw", "2025-01-01"]]
    {
        let ran = project.run(asked);
        assert!(ran.code == 2 && ran.err.contains("nothing"), "{asked:?}: {} {}", ran.code, ran.err);
    }
    assert_eq!(project.run(&["history", "none"]).code, 2);
}

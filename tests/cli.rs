//! The command line from outside: every command of the contract, what it prints, what it ends with.

mod support;

use serde_json::Value;
use support::{Project, Server, metadata, row_count};

/// A project whose server does not matter.
fn offline() -> Project {
    Project::on("http://127.0.0.1:9")
}

#[test]
fn without_a_command_and_a_terminal_it_says_what_to_do() {
    let ran = offline().run(&[]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("export"), "{}", ran.err);
    assert!(ran.out.is_empty());
}

#[test]
fn help_names_every_exit_code_and_man_and_completions_are_made_of_the_same_definitions() {
    let project = offline();
    let help = project.ok(&["--help"]).out;
    for code in
        ["0 all done", "1 some feed failed", "2 usage", "3 server unreachable", "4 locked", "5 lake", "130"]
    {
        assert!(help.contains(code), "{code}: {help}");
    }
    let man = project.ok(&["man"]).out;
    assert!(man.starts_with(".ie") || man.starts_with(".TH"), "{}", &man[..40]);
    for command in ["export", "feeds", "config", "demo"] {
        assert!(help.contains(command) && man.contains(command), "{command}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = project.ok(&["completions", shell]).out;
        assert!(script.contains("lakehand") && script.contains("dry-run"), "{shell}");
    }
}

#[test]
fn configuration_shows_where_every_value_comes_from() {
    let project = offline();
    project.ok(&["config", "init"]);
    let again = project.run(&["config", "init"]);
    assert_eq!(again.code, 2, "an existing file stays");
    std::fs::write(project.path().join("lakehand.toml"), "[export]\nmemory_mb = 64\nconcurency = 3\n")
        .unwrap();
    let broken = project.run(&["config", "show"]);
    assert_eq!(broken.code, 2);
    assert!(broken.err.contains("line 3") && broken.err.contains("concurrency"), "{}", broken.err);
    std::fs::write(project.path().join("lakehand.toml"), "[export]\nmemory_mb = 64\n").unwrap();
    let shown = project.ok(&["config", "show", "--json"]).json();
    let find = |key: &str| shown.iter().find(|s| s["key"] == key).unwrap_or_else(|| panic!("{key}"));
    assert!(find("export.memory_mb")["origin"].as_str().unwrap().contains("lakehand.toml line 2"));
    assert_eq!(find("server.url")["origin"], "command line");
    assert_eq!(find("export.concurrency")["origin"], "default");
}

#[test]
fn a_feed_is_added_listed_disabled_archived_and_restored() {
    let project = offline();
    project.ok(&["feeds", "add", "--name", "pay", "--type", "stream", "--source", "payments"]);
    assert_eq!(project.run(&["feeds", "add", "--name", "pay", "--type", "table", "--source", "x"]).code, 1);
    assert_eq!(project.run(&["feeds", "add", "--name", "p/a", "--type", "table", "--source", "x"]).code, 2);
    let state = || {
        let listed = project.ok(&["feeds", "list", "--json"]).json();
        listed.iter().find(|f| f["feed"] == "pay").unwrap()["state"].clone()
    };
    assert_eq!(state(), "active");
    project.ok(&["feeds", "disable", "pay"]);
    assert_eq!(state(), "disabled");
    assert_eq!(project.run(&["export", "--feed", "pay"]).code, 2);
    project.ok(&["feeds", "enable", "pay"]);
    project.ok(&["feeds", "archive", "pay"]);
    assert_eq!(state(), "archived");
    assert!(project.path().join("feeds/archived/pay.json").exists());
    project.ok(&["feeds", "restore", "pay"]);
    assert_eq!(state(), "active");
    let unknown = project.run(&["feeds", "enable", "pya"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("did you mean pay?"), "{}", unknown.err);
    assert!(project.ok(&["feeds", "list"]).out.contains("pay"));
    assert!(project.ok(&["feeds", "show", "pay"]).out.contains("payments"));
}

#[test]
fn a_broken_feed_is_shown_with_its_problems_and_stops_no_other() {
    let server = Server::with_rows(100);
    let project = Project::on(&server.url());
    project.feed("good", "table", "payment_method_totals", "");
    project.feed(
        "bad",
        "table",
        "payment_method_totals",
        r#""storage_mode": "append", "compresion": "zstd""#,
    );
    let validated = project.run(&["feeds", "validate"]);
    assert_eq!(validated.code, 1);
    for words in ["line 1", "storage_mode", "did you mean", "compression"] {
        assert!(validated.out.contains(words), "{words}: {}", validated.out);
    }
    let ran = project.run(&["export", "--all", "--json"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.finished("good")["outcome"], "done");
    assert!(ran.err.contains("feed bad is invalid"), "{}", ran.err);
}

#[test]
fn json_output_is_json_and_nothing_else() {
    let server = Server::with_rows(100);
    let project = Project::on(&server.url());
    project.feed("t", "table", "payment_method_totals", "").feed("s", "stream", "transaction_stream", "");
    for args in [
        &["export", "--all", "--dry-run", "--json"][..],
        &["export", "--all", "--json"],
        &["feeds", "list", "--json"],
        &["feeds", "show", "s", "--json"],
        &["config", "show", "--json"],
    ] {
        let lines = project.ok(args).json();
        assert!(!lines.is_empty() && lines.iter().all(Value::is_object), "{args:?}");
    }
}

#[test]
fn a_changed_type_holds_the_feed_until_it_is_accepted() {
    let server = Server::with_rows(100);
    let project = Project::on(&server.url());
    project.feed("s", "stream", "transaction_flattened", "");
    project.ok(&["export", "--feed", "s"]);
    let dir = project.stream("transaction_flattened");
    // The lake remembers another type than the source has: as after a CREATE OR REPLACE with a changed column.
    let path = dir.join("_metadata.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"DECIMAL(12, 2)\"", "\"DOUBLE\"")).unwrap();
    server.get().append(100);
    let held = project.run(&["export", "--feed", "s", "--json"]);
    assert_eq!(held.code, 1);
    let error = held.finished("s")["error"].to_string();
    assert!(error.contains("AMOUNT") && error.contains("accept-schema"), "{error}");
    assert_eq!(row_count(&dir), 100);
    let accepted = project.ok(&["feeds", "accept-schema", "s"]);
    assert!(accepted.out.contains("2.0"), "{}", accepted.out);
    project.ok(&["export", "--feed", "s"]);
    assert_eq!(row_count(&dir), 200);
    assert_eq!(metadata(&dir)["schema_version"], "2.0");
}

#[test]
fn an_added_column_raises_the_minor_version() {
    let server = Server::with_rows(100);
    let project = Project::on(&server.url());
    project.feed("s", "stream", "transaction_flattened", "");
    project.ok(&["export", "--feed", "s"]);
    server.get().add_column("TRANSACTION_FLATTENED", "NOTE");
    server.get().append(50);
    project.ok(&["export", "--feed", "s"]);
    let dir = project.stream("transaction_flattened");
    assert_eq!(metadata(&dir)["schema_version"], "1.1");
    assert_eq!(row_count(&dir), 150);
}

#[test]
fn the_demo_runs_headless_in_a_folder_of_its_own() {
    let project = offline();
    let mut command = project.command(&["demo", "--headless", "--rows", "500", "--dir", "d", "--json"]);
    let ran = support::Ran::of(command.output().unwrap());
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert_eq!(ran.json().pop().unwrap()["done"], 8);
    let again = support::Ran::of(command.output().unwrap());
    let rows = |ran: &support::Ran| ran.finished("transaction_stream")["rows"].as_u64().unwrap();
    assert_eq!((rows(&ran), rows(&again)), (500, 0));
}

#[test]
fn a_folder_without_a_lake_is_not_one_in_which_all_is_well() {
    let project = offline();
    let none = project.run(&["feeds", "list"]);
    assert_eq!((none.code, none.err.contains("neither a feed nor a lake")), (2, true), "{}", none.err);
    project.feed("pay", "stream", "payments", "");
    for made in [false, true] {
        // A mount point without its file system is an empty folder.
        if made {
            std::fs::create_dir_all(project.path().join("data_lake")).unwrap();
        }
        for args in [&["check"][..], &["check", "pay"], &["check", "--json"], &["check", "--repair"]] {
            let ran = project.run(args);
            assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{args:?}: {}", ran.err);
            assert!(ran.err.contains("there is no lake") && ran.err.contains("mounted"), "{}", ran.err);
        }
        // A fresh project may list its feeds: that list is whole, and says what is missing.
        let listed = project.ok(&["feeds", "list"]);
        assert!(
            listed.out.contains("no lake") && listed.err.contains("nothing was exported"),
            "{}",
            listed.out
        );
        let listed = project.ok(&["feeds", "list", "--json"]).json();
        assert_eq!((&listed[0]["feed"], &listed[0]["lake"]), (&"pay".into(), &false.into()));
    }
    // A log that lies elsewhere tells that there was a lake.
    let logs = project.path().join("logs");
    std::fs::create_dir_all(&logs).unwrap();
    std::fs::write(logs.join("export_logs_2025_01.log"), "").unwrap();
    let project = project.set(&format!("paths.logs={}", logs.display()));
    let listed = project.run(&["feeds", "list"]);
    assert_eq!((listed.code, listed.err.contains("there is no lake")), (1, true), "{}", listed.err);
}

#[test]
fn metadata_that_cannot_be_read_is_told_wherever_the_feed_is_shown() {
    let server = Server::with_rows(200);
    let project = Project::on(&server.url());
    project.feed("raw", "stream", "transaction_stream", "").feed(
        "twin",
        "stream",
        "transaction_flattened",
        "",
    );
    project.ok(&["export", "--all"]);
    std::fs::write(project.stream("transaction_stream").join("_metadata.json"), "{").unwrap();
    let listed = project.run(&["feeds", "list"]);
    assert_eq!(listed.code, 5, "{}", listed.out);
    assert!(listed.out.contains("unreadable:") && listed.out.contains("twin"), "{}", listed.out);
    let listed = project.run(&["feeds", "list", "--json"]).json();
    let errors: Vec<bool> = listed.iter().map(|feed| feed["error"].is_string()).collect();
    assert_eq!(errors, [true, false], "{listed:?}");
    let shown = project.run(&["feeds", "show", "raw"]);
    assert_eq!(shown.code, 5, "{} {}", shown.out, shown.err);
    for part in
        ["stream transaction_stream", "unreadable: the metadata cannot be understood", "_metadata.json"]
    {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let shown = project.run(&["feeds", "show", "raw", "--json"]);
    assert_eq!(shown.code, 5);
    assert!(shown.json()[0]["error"].as_str().unwrap().contains("cannot be understood"), "{}", shown.out);
    assert_eq!(project.run(&["feeds", "show", "twin"]).code, 0);
}

#[test]
fn output_that_is_lost_is_no_success() {
    let server = Server::with_rows(200);
    let project = Project::on(&server.url());
    project.feed("raw", "stream", "transaction_stream", "");
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let closed = || std::io::pipe().unwrap().1;
    let to = |args: &[&str], out: std::process::Stdio| {
        let output = project.command(args).stdout(out).output().unwrap();
        support::Ran::of(output)
    };
    let told = |ran: &support::Ran| ran.err.contains("standard output cannot be written");
    for args in [
        &["export", "--all", "--json"][..],
        &["feeds", "list", "--json"],
        &["check", "--json"],
        &["export", "--all"],
    ] {
        let ran = to(args, full().into());
        assert_eq!((ran.code, told(&ran)), (1, true), "{args:?}: {}", ran.err);
    }
    assert_eq!(
        row_count(&project.stream("transaction_stream")),
        200,
        "what is shown does not stop what is done"
    );
    let ran = to(&["check", "--json"], closed().into());
    assert_eq!((ran.code, told(&ran)), (1, true), "a machine lost its reader: {}", ran.err);
    let ran = to(&["feeds", "list"], closed().into());
    assert_eq!((ran.code, told(&ran)), (0, false), "people read as much as they want: {}", ran.err);
}

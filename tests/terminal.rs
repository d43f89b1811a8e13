//! The real binary in a pseudo terminal: what is on the screen, and that the terminal is as before on every way out.

#[path = "support/pty.rs"]
mod pty;
mod support;

use std::time::Duration;

use lakehand::demo::DemoOptions;
use pty::Pty;
use rustix::process::Signal;
use support::{Project, Server, data_files, row_count, wait_until};

const FULL: (u16, u16) = (100, 30);

/// A project that reaches no server: the screen works without one.
fn alone() -> Project {
    let project = Project::on("http://127.0.0.1:1").set("watch.on_start=none").set("watch.debounce=50ms");
    project.feed("alpha", "stream", "alpha", "");
    project
}

fn screen(project: &Project, env: &[(&str, &str)]) -> Pty {
    Pty::start(&project.command(&[]), FULL, env)
}

#[test]
fn it_starts_shows_the_feeds_and_leaves_the_terminal_as_it_was() {
    let project = alone();
    let mut pty = screen(&project, &[]);
    pty.see("alpha");
    assert!(pty.contents().contains("lakehand"));
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
}

#[test]
fn a_panic_in_any_thread_gives_the_terminal_back_before_it_is_told() {
    let project = alone();
    for (place, told) in [("main", "of the main thread"), ("task", "of a task"), ("work", "of a worker")] {
        let mut pty = screen(&project, &[("LAKEHAND_TEST_PANIC", place)]);
        assert_eq!(pty.ended(), 101, "{place}");
        pty.assert_restored();
        pty.wait(told, |screen| !screen.alternate_screen() && screen.contents().contains(told));
    }
}

#[test]
fn signals_that_end_it_give_the_terminal_back() {
    let project = alone();
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut pty = screen(&project, &[]);
        pty.see("alpha");
        pty.signal(signal);
        assert_eq!(pty.ended(), 130, "{signal:?}");
        pty.assert_restored();
    }
}

#[test]
fn it_follows_the_size_of_the_terminal_down_to_40_by_12_and_says_so_below() {
    let project = alone();
    let mut pty = screen(&project, &[]);
    pty.see("alpha");
    pty.resize((160, 50));
    pty.wait("160 columns", |screen| {
        screen.contents().contains("alpha")
            && screen.rows(0, 160).any(|row| row.trim_end().chars().count() > 100)
    });
    pty.resize((40, 12));
    pty.wait("the compact form", |screen| screen.contents().contains("alpha"));
    pty.resize((39, 12));
    pty.see("40");
    pty.wait("no feeds", |screen| !screen.contents().contains("alpha"));
    pty.resize(FULL);
    pty.see("alpha");
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
}

#[test]
fn a_file_dropped_in_is_exported_and_shown_with_nobody_touching_a_key() {
    let server = Server::with_rows(500);
    let project = Project::on(&server.url()).set("watch.debounce=50ms").set("watch.on_start=none");
    project.feed("beta", "table", "user_transaction_summary", r#""enabled": false"#);
    let mut pty = screen(&project, &[]);
    pty.see("beta");
    project.feed("payments", "stream", "transaction_stream", "");
    pty.see("payments");
    wait_until("the rows are in the lake", || row_count(&project.stream("transaction_stream")) == 500);
    // The rows may be shown before the export has ended, and then `q` asks.
    pty.wait("its rows on the screen, and its end", |screen| {
        let done = |row: &String| ["payments", "500", "caught up"].iter().all(|word| row.contains(word));
        screen.rows(0, FULL.0).any(|row| done(&row))
    });
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
    assert!(project.log().contains("payments exported"));
}

#[test]
fn keys_are_answered_while_exports_run_at_full_speed() {
    let server = Server::start(DemoOptions { rows: 60_000, ..DemoOptions::default() });
    let project = Project::on(&server.url()).set("watch.on_start=all").set("export.concurrency=4");
    for name in ["transaction_stream", "transaction_flattened"] {
        project.feed(name, "stream", name, "");
    }
    let mut pty = screen(&project, &[]);
    pty.see("transaction_stream");
    let mut took = Vec::new();
    while row_count(&project.stream("transaction_flattened")) < 60_000 && took.len() < 1000 {
        // From tab to tab: two answers that nothing else can give.
        for (key, tab) in [("\t", "[Partitions"), ("\x1b[Z", "[Feeds")] {
            pty.keys(key);
            took.push(pty.see(tab));
        }
    }
    took.sort();
    let worst = took[took.len() * 99 / 100];
    println!("{} keys, median {:?}, 99th percentile {worst:?}", took.len(), took[took.len() / 2]);
    assert!(worst < Duration::from_secs(2), "{took:?}");
    pty.keys("\x03");
    pty.signal(Signal::TERM);
    pty.ended();
    pty.assert_restored();
}

#[test]
fn quitting_while_exports_run_asks_and_stops_them_at_a_safe_point() {
    let server = Server::with_rows(500);
    let project = Project::on(&server.url()).set("watch.on_start=all").set("export.commit_every=100ms");
    project.feed("payments", "stream", "transaction_stream", r#""mode": "follow""#);
    let mut pty = screen(&project, &[]);
    wait_until("the rows are in the lake", || row_count(&project.stream("transaction_stream")) == 500);
    pty.keys("q");
    pty.see("Quit and stop the export of payments?");
    pty.keys("n");
    pty.wait("the question is gone", |screen| !screen.contents().contains("Quit and stop"));
    pty.keys("q");
    pty.see("Quit and stop");
    pty.keys("y");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
    assert!(project.log().contains("payments cancelled"));
}

#[test]
fn ctrl_z_leaves_it_to_the_shell_and_fg_brings_it_back() {
    let project = alone();
    let inner = project.command(&[]);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", r#"set -m; "$0" "$@"; echo STOPPED; read -r line; fg >/dev/null; echo ENDED $?"#]);
    shell.arg(inner.get_program()).args(inner.get_args());
    let mut pty = Pty::start(&shell, FULL, &[]);
    pty.see("alpha");
    pty.keys("\x1a");
    pty.see("STOPPED");
    pty.assert_restored();
    pty.keys("\n");
    pty.wait("the screen again", |screen| screen.alternate_screen() && screen.contents().contains("alpha"));
    pty.keys("q");
    pty.see("ENDED 0");
    pty.ended();
    pty.assert_restored();
}

#[test]
fn the_editor_has_the_terminal_and_its_keys_to_itself() {
    let project = alone();
    let editor = project.path().join("editor");
    let told = project.path().join("told");
    let script =
        format!("#!/bin/sh\necho EDITING \"$1\"\nread -r line\necho \"$line\" > {}\n", told.display());
    std::fs::write(&editor, script).unwrap();
    let command = format!("sh {}", editor.display());
    let mut pty = screen(&project, &[("EDITOR", &command)]);
    pty.see("alpha");
    pty.keys("o");
    pty.wait("the editor", |screen| !screen.alternate_screen() && screen.contents().contains("EDITING"));
    pty.assert_restored();
    // Among them the keys that would quit.
    pty.keys("all of it, q and all\n");
    pty.wait("the screen again", |screen| screen.alternate_screen() && screen.contents().contains("alpha"));
    assert_eq!(std::fs::read_to_string(told).unwrap(), "all of it, q and all\n");
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
}

#[test]
fn read_only_exports_nothing_by_itself_or_by_key() {
    let server = Server::with_rows(50);
    let project = Project::on(&server.url()).set("watch.on_start=all").set("watch.debounce=50ms");
    project.feed("payments", "stream", "transaction_stream", "");
    let mut pty = Pty::start(&project.command(&["--read-only"]), FULL, &[]);
    pty.see("payments");
    pty.keys("e");
    pty.see("read-only:");
    // A second feed is seen, and seen only.
    project.feed("summary", "table", "user_transaction_summary", "");
    pty.see("summary");
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
    assert!(
        !project.stream("transaction_stream").exists() && !project.table("user_transaction_summary").exists()
    );
    let asked = server.get().log().into_iter().any(|seen| seen.sql.is_some());
    assert!(!asked, "a statement was run");
}

#[test]
fn a_day_is_exported_again_and_taken_back_and_damage_is_repaired_by_keys() {
    let server = Server::with_rows(2_000);
    let project = Project::on(&server.url()).set("watch.on_start=none").set("watch.debounce=50ms");
    project.feed("payments", "stream", "transaction_stream", "");
    project.ok(&["export", "--feed", "payments"]);
    let dir = project.stream("transaction_stream");
    let before = data_files(&dir);
    let mut pty = screen(&project, &[]);
    pty.see("2,000");
    pty.keys("P");
    pty.see("complete");
    pty.keys("e");
    pty.see("again?");
    pty.keys("y");
    wait_until("the day is swapped", || data_files(&dir) != before);
    pty.see("u puts them back");
    pty.keys("u");
    pty.see("Put back what");
    pty.keys("y");
    wait_until("the day is as before", || data_files(&dir) == before);
    assert_eq!(row_count(&dir), 2_000);

    std::fs::write(&before[1], b"rubbish").unwrap();
    pty.keys("C");
    pty.see("DAMAGED: 1 finding");
    pty.keys("r");
    pty.see("Repair it?");
    pty.keys("y");
    pty.see("repaired: unreadable");
    assert!(!before[1].exists());
    pty.keys("q");
    pty.wait("the sheet is closed", |screen| !screen.contents().contains("repaired:"));
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
    let log = project.log();
    for line in ["payments exported what=", "payments undone what=", "payments repaired what="] {
        assert!(log.contains(line), "{line} is not in the log:\n{log}");
    }
    // The rows of the damaged file are gone, and nobody has acknowledged that yet.
    assert_eq!(project.run(&["check", "--deep"]).code, 6);
}

#[test]
fn a_day_goes_to_the_cold_tier_and_comes_home_by_keys() {
    let server = Server::with_rows(2_000);
    let project = Project::on(&server.url()).set("watch.on_start=none").set("watch.debounce=50ms");
    let cold = project.path().join("cold");
    std::fs::create_dir(&cold).unwrap();
    std::fs::write(cold.join(".lakehand-cold"), "").unwrap();
    let project = project.set("export.seal_after=1h").set("tier.grace=0s");
    let project = project.set(&format!("tier.cold.url=file://{}", cold.display()));
    project.feed("payments", "stream", "transaction_stream", "");
    project.ok(&["export", "--feed", "payments"]);
    let dir = project.stream("transaction_stream");
    let before = data_files(&dir);
    let mut pty = screen(&project, &[]);
    pty.see("2,000");
    pty.keys("P");
    pty.see("sealed");
    pty.see("hot");
    pty.keys("T");
    pty.see("to the cold tier?");
    pty.keys("y");
    pty.see("both");
    assert_eq!(data_files(&dir), before, "the copy stays for the grace period");
    assert_eq!(data_files(&cold).len(), 1);
    // From the list of datasets: what is over goes.
    pty.keys("\x1b");
    pty.see("Of it cold");
    pty.keys("T");
    pty.see("Copies here of 1 day");
    pty.keys("y");
    wait_until("the copy is gone", || data_files(&dir) == before[1..]);
    pty.keys("\r");
    pty.see("nothing of it is on this disk");
    // Its file is listed, and where it lies.
    pty.keys("\r");
    pty.see("1 files");
    pty.see("file:///");
    pty.keys("\x1b");
    pty.see("nothing of it is on this disk");
    pty.keys("F");
    pty.see("home?");
    pty.keys("y");
    wait_until("the day is as before", || data_files(&dir) == before);
    pty.wait("no day is cold", |screen| !screen.contents().contains("* cold"));
    assert_eq!(row_count(&dir), 2_000);
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
    assert_eq!(project.run(&["check", "--deep"]).code, 0);
}

#[test]
fn a_repair_that_takes_many_rows_from_readers_is_done_by_keys_with_consent() {
    let server = Server::with_rows(2_000);
    let project = Project::on(&server.url()).set("watch.on_start=none");
    project.feed("totals", "table", "payment_method_totals", "");
    project.ok(&["export", "--feed", "totals"]);
    // A version that nobody published: half of the rows that readers find.
    let dir = project.table("payment_method_totals");
    let (published, copy) = (dir.join("version=v1"), dir.join("version=v9"));
    std::fs::create_dir(&copy).unwrap();
    for file in data_files(&published) {
        std::fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
    }
    let mut pty = screen(&project, &[]);
    pty.see("caught up");
    pty.keys("C");
    pty.see("DAMAGED");
    pty.keys("r");
    pty.see("Repair");
    pty.keys("y");
    pty.see("Take rows of totals from readers?");
    pty.keys("n");
    pty.see("r asks for your consent");
    assert!(copy.exists(), "without consent nothing is taken");
    pty.keys("r");
    pty.see("Take rows of totals from readers?");
    pty.keys("y");
    wait_until("the version is taken away", || !copy.exists());
    pty.see("totals: sound");
    assert!(published.exists());
    pty.keys("q");
    pty.wait("the sheet is closed", |screen| !screen.contents().contains("totals: sound"));
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
}

#[test]
fn the_code_that_reads_a_dataset_goes_to_the_clipboard_as_the_command_prints_it() {
    use base64::Engine as _;
    let server = Server::with_rows(100);
    let project = Project::on(&server.url()).set("watch.on_start=none");
    project.feed("payments", "stream", "transaction_stream", "");
    project.ok(&["export", "--feed", "payments"]);
    let mut pty = screen(&project, &[]);
    // Its rows are shown, so its dataset is known.
    pty.see("100");
    for (keys, engine) in [("Y", "duckdb"), ("Wp", "polars")] {
        pty.keys(keys);
        let printed = project.ok(&["read", "payments", "--with", engine]).out;
        let code = base64::engine::general_purpose::STANDARD.encode(printed);
        pty.get(engine, format!("\x1b]52;c;{code}\x07").as_bytes());
    }
    pty.see("copied: how Polars reads payments");
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
    pty.assert_restored();
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let ran = alone().run(&[]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("lakehand watch") && ran.err.contains("lakehand export"), "{}", ran.err);
}

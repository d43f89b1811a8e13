//! The command line and the watcher.

use std::path::PathBuf;

use super::support;

/// A project with a stream that was exported in so many steps.
fn exported(server: &support::Server, steps: usize, fields: &str) -> support::Project {
    let project = support::Project::on(&server.url()).set("lake.table_format=delta,iceberg");
    project.feed("s", "stream", "transaction_flattened", fields);
    for _ in 0..steps {
        project.ok(&["export", "--feed", "s"]);
        server.get().append(40);
    }
    project
}

fn event<'v>(events: &'v [serde_json::Value], name: &str) -> &'v serde_json::Value {
    events.iter().find(|event| event["event"] == name).unwrap_or_else(|| panic!("{name}: {events:#?}"))
}

#[test]
fn from_the_command_line_it_is_shown_done_and_taken_back() {
    let server =
        support::Server::start(lakehand::demo::DemoOptions { rows: 200, days: 1, ..Default::default() });
    let project = exported(&server, 4, r#""sort_by": ["USER_ID"]"#);
    let dataset = project.stream("transaction_flattened");
    let held = support::positions(&dataset);
    let files = support::data_files(&dataset);
    let shown = project.ok(&["compact", "s", "--dry-run", "--json"]).json();
    let would = event(&shown, "would-compact").clone();
    let (before, after) = (would["files"].as_u64().unwrap(), would["files_after"].as_u64().unwrap());
    assert!(before > after, "{would}");
    assert_eq!(support::data_files(&dataset), files, "a dry run changes nothing");
    let done = project.ok(&["compact", "--all", "--json"]).json();
    assert!(done.iter().all(|line| line["event"].is_string()));
    assert_eq!(event(&done, "summary")["files_before"], event(&shown, "summary")["files_before"]);
    assert_eq!(support::positions(&dataset), held);
    assert!(support::data_files(&dataset).len() < files.len());
    assert!(project.ok(&["compact", "s"]).out.contains("nothing to do"));
    assert_eq!(project.run(&["check", "s", "--deep"]).code, 0);
    // The next export goes on where the last one ended.
    project.ok(&["export", "--feed", "s"]);
    assert_eq!(support::row_count(&dataset), held.len() as u64 + 40);
    let day = event(&done, "compacted")["folder"].as_str().unwrap();
    let day: Vec<&str> = day.split('/').map(|part| part.split_once('=').unwrap().1).collect();
    let undone = project.ok(&["feeds", "undo", "s", "--day", &day.join("-"), "--json"]).json();
    assert_eq!(undone[0]["lost"], 0);
    assert_eq!(support::row_count(&dataset), held.len() as u64 + 40);
    assert_eq!(project.run(&["check", "s", "--deep"]).code, 0);
    assert!(project.ok(&["feeds", "show", "s"]).out.contains("compaction sorts by USER_ID"));
    let log = project.log();
    assert!(log.contains("compacted") && log.contains("undone"), "{log}");
    for wrong in [&["compact"][..], &["compact", "s", "--all"], &["compact", "nosuch"]] {
        assert_eq!(project.run(wrong).code, 2, "{wrong:?}");
    }
    project.feed("t", "table", "payment_method_totals", "");
    assert_ne!(project.run(&["compact", "t"]).code, 0);
}

#[test]
fn the_watcher_compacts_sealed_days_behind_an_export() {
    let server =
        support::Server::start(lakehand::demo::DemoOptions { rows: 600, days: 3, ..Default::default() });
    // Everything is of January 2025, and so complete.
    let settings = ["export.seal_after=1d", "compact.after=sealed", "watch.on_start=all"];
    let project = settings.iter().fold(support::Project::on(&server.url()), |project, set| project.set(set));
    project.feed("s", "stream", "transaction_flattened", "");
    let dataset = project.stream("transaction_flattened");
    project.ok(&["export", "--feed", "s"]);
    server.get().append(60);
    project.ok(&["export", "--feed", "s"]);
    let few = |files: &[PathBuf]| -> bool {
        let folders: std::collections::BTreeSet<_> =
            files.iter().map(|file| file.parent().unwrap()).collect();
        files.len() == folders.len()
    };
    assert!(!few(&support::data_files(&dataset)), "`export` by itself never compacts");
    let held = support::positions(&dataset);
    let mut watcher = project.spawn(&["watch", "--json"]);
    support::wait_until("the days have one file each", || few(&support::data_files(&dataset)));
    let pid = rustix::process::Pid::from_child(&watcher);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(watcher.wait().unwrap().success());
    assert_eq!(support::positions(&dataset), held);
    assert_eq!(project.run(&["check", "s", "--deep"]).code, 0);
}

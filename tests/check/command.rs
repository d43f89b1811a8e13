//! The command itself, on a lake that the real binary has written.

#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use support::{Project, Server, assert_each_offset_once, data_files, row_count};

fn exported(server: &Server) -> Project {
    let project = Project::on(&server.url());
    project.feed("raw", "stream", "transaction_stream", "");
    project.feed("totals", "table", "payment_method_totals", "");
    project.ok(&["export", "--all"]);
    project
}

#[test]
fn a_damaged_day_is_found_put_aside_and_exported_again() {
    let server = Server::with_rows(3_000);
    let project = exported(&server);
    let sound = project.ok(&["check", "--json"]);
    let summary = sound.json().pop().unwrap();
    assert_eq!(
        (&summary["damage"], &summary["datasets"], &summary["exit"]),
        (&0.into(), &2.into(), &0.into())
    );

    let dir = project.stream("transaction_stream");
    let victim = data_files(&dir).remove(3);
    let lost = support::batches(&victim).iter().map(|b| b.num_rows() as u64).sum::<u64>();
    fs::write(&victim, b"PAR1 but no more").unwrap();
    let found = project.run(&["check", "--json"]);
    assert_eq!(found.code, 5, "{}", found.out);
    let finding =
        found.json().into_iter().find(|e| e["event"] == "finding" && e["severity"] == "damage").unwrap();
    assert_eq!(finding["finding"], "unreadable");
    assert_eq!(finding["feed"], "raw");
    assert!(victim.ends_with(finding["path"].as_str().unwrap()), "{finding}");
    assert!(victim.exists(), "without --repair nothing is changed");
    assert_eq!(project.run(&["check", "totals"]).code, 0, "the other feed is sound");

    // Mended, and rows are lost of which nobody has taken note.
    let mended = project.run(&["check", "raw", "--repair"]);
    assert_eq!(mended.code, 6, "{}", mended.out);
    assert!(mended.out.contains("repaired: unreadable"), "{}", mended.out);
    assert!(mended.out.contains(&format!("{lost} rows were lost to damage")), "{}", mended.out);
    assert_eq!(row_count(&dir), 3_000 - lost);

    let name = victim.file_name().unwrap().to_str().unwrap();
    let day = format!("{}-{}-{}", &name[5..9], &name[9..11], &name[11..13]);
    let again = project.ok(&["export", "--feed", "raw", "--day", &day, "--json"]);
    assert!(again.finished("raw").to_string().contains("exported again"), "{}", again.out);
    assert_each_offset_once(&dir, 3_000);
    let clean = project.ok(&["check", "--deep"]);
    assert!(!clean.out.contains("lost"), "{}", clean.out);
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&dir, 3_000);
}

#[test]
fn a_new_export_of_a_day_is_taken_back_and_forgotten() {
    let server = Server::with_rows(2_000);
    let project = exported(&server);
    let dir = project.stream("transaction_stream");
    let before = data_files(&dir);
    let name = before[3].file_name().unwrap().to_str().unwrap();
    let day = format!("{}-{}-{}", &name[5..9], &name[9..11], &name[11..13]);
    let nothing = project.run(&["feeds", "undo", "raw", "--day", &day]);
    assert_eq!(nothing.code, 2, "{}", nothing.err);
    assert!(nothing.err.contains("was replaced: there is nothing to undo"), "{}", nothing.err);
    project.ok(&["export", "--feed", "raw", "--day", &day]);
    let after = data_files(&dir);
    assert_ne!(before, after);

    let shown = project.ok(&["feeds", "show", "raw", "--days", "--json"]).json();
    let sets: Vec<_> =
        shown.iter().filter(|e| e["replaced"].as_array().is_some_and(|s| !s.is_empty())).collect();
    assert_eq!(sets.len(), 1, "{shown:?}");
    let commit = sets[0]["replaced"][0]["commit"].as_str().unwrap().to_owned();
    assert!(project.ok(&["feeds", "show", "raw", "--days"]).out.contains(&format!("by commit {commit}:")));

    let would = project.ok(&["feeds", "undo", "raw", "--day", &day, "--dry-run"]);
    assert!(would.out.contains("would come back"), "{}", would.out);
    assert_eq!(data_files(&dir), after, "nothing is changed");
    let undone = project.ok(&["feeds", "undo", "raw", "--day", &day, "--commit", &commit, "--json"]).json();
    assert_eq!((&undone[0]["event"], &undone[0]["lost"]), (&"undone".into(), &0.into()));
    assert_eq!(data_files(&dir), before);
    assert_each_offset_once(&dir, 2_000);
    project.ok(&["check", "--deep"]);
    let again = project.ok(&["feeds", "undo", "raw", "--day", &day]);
    assert!(again.out.contains("are back"), "{}", again.out);
    assert_eq!(data_files(&dir), after);
    assert_each_offset_once(&dir, 2_000);

    assert_eq!(project.run(&["feeds", "forget", "raw"]).code, 2, "what is to be forgotten must be said");
    assert_eq!(project.run(&["feeds", "forget", "raw", "--older-than", "1d"]).code, 2);
    project.ok(&["feeds", "forget", "raw", "--all", "--dry-run"]);
    let gone = project.ok(&["feeds", "forget", "raw", "--day", &day]);
    assert!(gone.out.contains("thrown away: year="), "{}", gone.out);
    assert_eq!(project.run(&["feeds", "undo", "raw", "--day", &day]).code, 2);
    assert_eq!(data_files(&dir), after);
    let log = project.log();
    assert!(log.contains("raw undone what=") && log.contains("raw forgotten what="), "{log}");
    project.ok(&["export", "--all"]);
    assert_each_offset_once(&dir, 2_000);
    project.ok(&["check", "--deep"]);
    let table = project.run(&["feeds", "undo", "totals", "--day", &day]);
    assert!(table.err.contains("a table has versions and no days"), "{}", table.err);
}

#[test]
fn a_day_exported_again_while_rows_come_takes_none_of_the_new_ones() {
    let server = Server::with_rows(2_000);
    let project = exported(&server);
    server.get().append(500);
    let dir = project.stream("transaction_stream");
    for file in data_files(&dir).into_iter().skip(3).take(2) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let day = format!("{}-{}-{}", &name[5..9], &name[9..11], &name[11..13]);
        project.ok(&["export", "--feed", "raw", "--day", &day]);
    }
    assert_each_offset_once(&dir, 2_000);
    project.ok(&["export", "--feed", "raw"]);
    assert_each_offset_once(&dir, 2_500);
    project.ok(&["check", "--deep"]);
}

#[test]
fn what_cannot_be_exported_again_is_refused_with_words() {
    let server = Server::with_rows(500);
    let project = Project::on(&server.url());
    project.feed("raw", "stream", "transaction_stream", "");
    project.feed("totals", "table", "payment_method_totals", "");
    let refused = |args: &[&str], code: i32, word: &str| {
        let ran = project.run(args);
        assert_eq!(ran.code, code, "{args:?}: {}{}", ran.out, ran.err);
        assert!(format!("{}{}", ran.out, ran.err).contains(word), "{args:?}: {}{}", ran.out, ran.err);
    };
    refused(&["export", "--feed", "raw", "--day", "2025-01-15"], 2, "nothing of the feed was exported yet");
    refused(&["export", "--feed", "totals", "--day", "2025-01-15"], 2, "a table has versions and no days");
    refused(&["export", "--feed", "raw", "--day", "yesterday"], 2, "yesterday");
    refused(&["export", "--all", "--day", "2025-01-15"], 2, "--day");
    refused(&["check", "rwa"], 2, "did you mean raw?");
}

#[test]
fn a_lake_that_somebody_writes_is_not_judged() {
    let server = Server::with_rows(200);
    let project = exported(&server);
    let lock = fs::File::options()
        .write(true)
        .open(project.path().join("data_lake/_lakehand/streams/transaction_stream/lock"))
        .unwrap();
    lock.lock().unwrap();
    assert_eq!(project.run(&["check"]).code, 4);
    assert_eq!(project.run(&["check", "--repair"]).code, 4);
    assert_eq!(project.run(&["check", "totals"]).code, 0);
    drop(lock);
    project.ok(&["check"]);
}

#[test]
fn what_is_held_of_each_day_can_be_seen() {
    let server = Server::with_rows(1_000);
    let project = exported(&server).set("export.seal_after=0s");
    let shown = project.ok(&["feeds", "show", "raw", "--days", "--json"]).json();
    let rows: u64 = shown.iter().filter(|e| e["event"] == "day").map(|e| e["rows"].as_u64().unwrap()).sum();
    assert_eq!(rows, 1_000);
    let end = shown.last().unwrap();
    assert!(end["through"].is_string(), "{end}");
    assert!(
        shown
            .iter()
            .filter(|e| e["event"] == "day")
            .all(|e| e["state"] == "open" && e["gaps"] == serde_json::json!([]))
    );
    // With a rule, the next complete export seals every day that has ended.
    project.ok(&["export", "--feed", "raw"]);
    let shown = project.ok(&["feeds", "show", "raw", "--days"]).out;
    assert!(shown.contains(" sealed ") && shown.contains("complete through 20"), "{shown}");
    project.ok(&["check"]);
}

#[test]
fn a_dataset_that_no_feed_names_is_told() {
    let server = Server::with_rows(100);
    let project = exported(&server);
    fs::remove_file(project.path().join("feeds/active/raw.json")).unwrap();
    let ran = project.ok(&["check"]);
    assert!(
        ran.out.contains("streams/transaction_stream") && ran.out.contains("no valid feed names it"),
        "{}",
        ran.out
    );
}

#[test]
fn a_lake_that_cannot_be_written_is_looked_at_all_the_same() {
    let server = Server::with_rows(100);
    let project = exported(&server);
    let lock = project.path().join("data_lake/_lakehand/streams/transaction_stream/lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o750)).unwrap();
    let ran = project.run(&["check", "raw"]);
    assert!(ran.err.contains("without its lock"), "{}{}", ran.out, ran.err);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn a_check_ends_at_a_safe_point_when_a_signal_asks_for_it() {
    use std::io::{BufRead, BufReader, Read};
    let server = Server::with_rows(200);
    let project = Project::on(&server.url());
    project.feed("small", "stream", "transaction_flattened", "").feed(
        "big",
        "stream",
        "transaction_stream",
        "",
    );
    project.ok(&["export", "--all"]);
    // So many files that the check does not end by itself.
    let victim = data_files(&project.stream("transaction_stream")).remove(0);
    for n in 0..20_000 {
        fs::hard_link(&victim, victim.with_file_name(format!("data_copy_{n}.parquet"))).unwrap();
    }
    for args in [&["check", "--deep"][..], &["check", "--repair", "--deep"]] {
        for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
            let mut child = project.command(args).stdout(std::process::Stdio::piped()).spawn().unwrap();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            let mut text = String::new();
            // The first dataset is done, the second begins.
            out.read_line(&mut text).unwrap();
            let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
            rustix::process::kill_process(pid, signal).unwrap();
            out.read_to_string(&mut text).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(130), "{args:?}: {text}");
            assert!(text.contains("stopped on request, 1 of 2 datasets"), "{args:?}: {text}");
        }
    }
    assert!(victim.exists(), "a repair that was stopped before it began has moved nothing");
}

/// Runs the program as somebody who is not allowed everything: as `nobody` where the tests run as root.
fn run_as_other(project: &Project, program: &std::path::Path, args: &[&str]) -> support::Ran {
    use std::os::unix::process::CommandExt;
    let mut command = project.command(args);
    if rustix::process::geteuid().is_root() {
        let like = command;
        command = std::process::Command::new(program);
        command.args(like.get_args()).uid(65_534).gid(65_534);
        command.current_dir(like.get_current_dir().unwrap_or(project.path()));
        command.env("HOME", project.path());
        for (name, value) in like.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }
    support::Ran::of(command.output().unwrap())
}

fn give_away(path: &std::path::Path) {
    std::os::unix::fs::lchown(path, Some(65_534), Some(65_534)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
}

#[test]
fn a_file_that_may_not_be_read_is_neither_damaged_nor_given_up() {
    let server = Server::with_rows(2_000);
    let project = exported(&server);
    let dir = project.stream("transaction_stream");
    let victim = data_files(&dir).remove(3);
    let name = victim.file_name().unwrap().to_str().unwrap().to_owned();
    let day = format!("{}-{}-{}", &name[5..9], &name[9..11], &name[11..13]);
    project.ok(&["export", "--feed", "raw", "--day", &day]);
    let victim = data_files(&dir).into_iter().find(|file| file.parent() == victim.parent()).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    let program = project.path().join("lakehand");
    if is_root {
        fs::copy(env!("CARGO_BIN_EXE_lakehand"), &program).unwrap();
        give_away(project.path());
        // Another owner: its mode cannot be mended either.
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::lchown(&victim, Some(0), Some(0)).unwrap();
    } else {
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let before = data_files(&dir);
    let file = victim.file_name().unwrap().to_str().unwrap();
    let undone = run_as_other(&project, &program, &["feeds", "undo", "raw", "--day", &day]);
    assert_ne!(undone.code, 0, "{}", undone.out);
    assert!(undone.err.contains(file), "{}", undone.err);
    let checked = run_as_other(&project, &program, &["check", "raw", "--json"]);
    assert_eq!(checked.code, 5, "{}", checked.out);
    assert!(checked.json().iter().any(|e| e["finding"] == "unknown"), "{}", checked.out);
    if is_root {
        let repaired = run_as_other(&project, &program, &["check", "raw", "--repair", "--deep"]);
        assert_ne!(repaired.code, 0, "{}", repaired.out);
        assert!((repaired.out + &repaired.err).contains(file));
        assert!(!project.path().join("data_lake/_lakehand/streams/transaction_stream/damaged").exists());
    }
    assert_eq!(data_files(&dir), before, "nothing was moved");
}

#[test]
fn a_year_on_another_disk_is_read_and_counted_and_holds_up_no_other_day() {
    let server = Server::with_rows(2_000);
    let project = exported(&server);
    let dir = project.stream("transaction_stream");
    let year = fs::read_dir(&dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.is_dir() && p.to_str().unwrap().contains("year="))
        .unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join(year.file_name().unwrap());
    // Another file system is not needed: a link is refused for writing, wherever it leads.
    fs::rename(&year, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, &year).unwrap();
    let sound = project.ok(&["check", "raw", "--json"]);
    assert!(sound.json().iter().any(|e| e["finding"] == "elsewhere"), "{}", sound.out);
    assert_eq!(sound.json().pop().unwrap()["rows"], 2_000);
    project.ok(&["check", "raw", "--repair", "--deep"]);
    assert!(fs::symlink_metadata(&year).unwrap().is_symlink(), "a repair leaves it where it is");
    project.ok(&["export", "--all"]);
    // The disk is gone: that is told, and nothing is counted as lost.
    fs::rename(&moved, elsewhere.path().join("unmounted")).unwrap();
    let gone = project.run(&["check", "raw", "--repair"]);
    assert_ne!(gone.code, 0, "{}", gone.out);
    assert!(gone.out.contains("0 repaired"), "{}", gone.out);
    fs::rename(elsewhere.path().join("unmounted"), &moved).unwrap();
    project.ok(&["check", "raw", "--deep"]);
    assert_each_offset_once(&dir, 2_000);
}

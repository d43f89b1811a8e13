//! A server that misbehaves: what the lake holds afterwards, what the operator is told, what the process ends with.

mod support;

use std::time::Duration;

use lakehand::demo::{DemoOptions, Fault};
use support::{Project, Server, assert_each_offset_once, data_files, metadata, row_count};

fn stream_project(server: &Server) -> Project {
    let project = Project::on(&server.url()).set("server.inactivity_timeout=1s");
    project.feed("raw", "stream", "transaction_stream", "");
    project
}

/// Faults that one more attempt overcomes: everything is there once afterwards, and the log says what happened.
#[test]
fn a_stream_survives_what_passes() {
    for (fault, told) in [
        (Fault::CutAfterRows(700), "cut"),
        (Fault::CutAfterBytes(40_001), "cut"),
        (Fault::EndAfterRows(700), "without its final message"),
        (Fault::ErrorAfterRows(700), "error"),
        (Fault::CompletedAfterRows(700), "somebody else ended the query"),
        (Fault::StallAfterRows(700, None), "no new row came"),
        (Fault::MissingValue(700), "value"),
        (Fault::ExtraValue(700), "value"),
        (Fault::SecondHeader(700), "header"),
        (Fault::Garbage(700), "line"),
        (Fault::Status { code: 503, retry_after: Some(0) }, "503"),
        (Fault::Status { code: 429, retry_after: Some(0) }, "429"),
        (Fault::Status { code: 500, retry_after: None }, "500"),
    ] {
        let server = Server::with_rows(2_000);
        let project = stream_project(&server);
        server.faults().next_with("EMIT CHANGES", fault.clone());
        let ran = project.ok(&["export", "--feed", "raw", "--json"]);
        assert_each_offset_once(&project.stream("transaction_stream"), 2_000);
        let retry = ran.json().into_iter().find(|e| e["event"] == "retrying");
        let error = retry.unwrap_or_else(|| panic!("{fault:?}: no retry\n{}", ran.out))["error"].to_string();
        assert!(error.contains(told), "{fault:?}: {error}");
        assert!(project.log().contains("retrying"), "{fault:?}");
    }
}

/// What ksqlDB cannot read leaves a hole between the offsets: it is counted, and nobody is accused.
#[test]
fn offsets_that_gave_no_row_are_counted_in_report_metadata_and_log() {
    let server = Server::with_rows(2_000);
    let project = stream_project(&server);
    for (partition, offset) in [(0, 5), (0, 6), (2, 300)] {
        server.faults().next_with("EMIT CHANGES", Fault::DropRecord(partition, offset));
    }
    let ran = project.ok(&["export", "--feed", "raw", "--json"]);
    let finished = ran.finished("raw");
    assert_eq!((&finished["without_row"], &finished["rows"]), (&3.into(), &1_997.into()), "{finished}");
    let words = "3 offsets gave no row: markers of transactions, records that compaction removed, or records that ksqlDB could not read";
    assert!(finished["text"].as_str().unwrap().ends_with(words), "{finished}");
    let held = metadata(&project.stream("transaction_stream"));
    assert_eq!(held["offsets_without_row"], serde_json::json!({ "offsets": 3 }));
    assert_eq!(held["runs"][0]["without_row"], 3);
    assert!(project.log().contains(" without_row=3"), "{}", project.log());
    let show = project.ok(&["feeds", "show", "raw"]).out;
    assert!(show.contains(&format!("read by offsets, {words}")), "{show}");

    // Those of later runs are added.
    server.get().append(100);
    server.faults().next_with("EMIT CHANGES", Fault::DropRecord(0, 668));
    project.ok(&["export", "--feed", "raw"]);
    let held = metadata(&project.stream("transaction_stream"));
    assert_eq!((&held["offsets_without_row"]["offsets"], &held["total_records"]), (&4.into(), &2_096.into()));
}

#[test]
fn a_slow_or_trickling_stream_is_no_fault() {
    for fault in [Fault::Trickle, Fault::Slow(Duration::from_millis(2))] {
        let server = Server::with_rows(200);
        let project = stream_project(&server);
        server.faults().next_with("EMIT CHANGES", fault);
        let ran = project.ok(&["export", "--feed", "raw", "--json"]);
        assert!(!ran.json().iter().any(|e| e["event"] == "retrying"), "{}", ran.out);
        assert_each_offset_once(&project.stream("transaction_stream"), 200);
    }
}

/// White space and rows that came before are bytes without progress: they end a read, and the next one goes on.
#[test]
fn bytes_without_progress_keep_no_read_of_a_stream_busy() {
    for fault in [
        Fault::WhiteSpaceAfterRows(0),
        Fault::WhiteSpaceAfterRows(700),
        Fault::RepeatRow(0),
        Fault::RepeatRow(700),
    ] {
        let server = Server::with_rows(2_000);
        let project = stream_project(&server).set("server.inactivity_timeout=500ms");
        server.faults().next_with("EMIT CHANGES", fault.clone());
        let ran = project.ok(&["export", "--feed", "raw", "--json"]);
        assert_each_offset_once(&project.stream("transaction_stream"), 2_000);
        let retry = ran.json().into_iter().find(|e| e["event"] == "retrying");
        let error = retry.unwrap_or_else(|| panic!("{fault:?}: no retry\n{}", ran.out))["error"].to_string();
        assert!(error.contains("no new row came"), "{fault:?}: {error}");
    }
    // Every row was delivered already: what is sent again needs no second attempt.
    let server = Server::with_rows(2_000);
    let project = stream_project(&server).set("server.inactivity_timeout=500ms");
    server.faults().all_with("EMIT CHANGES", Fault::RepeatRow(1_999));
    let ran = project.ok(&["export", "--feed", "raw", "--json"]);
    assert!(!ran.json().iter().any(|e| e["event"] == "retrying"), "{}", ran.out);
    assert_each_offset_once(&project.stream("transaction_stream"), 2_000);
}

/// The probe is a pull of a constant: its rows look all alike. More of them than the log can hold are no progress.
#[test]
fn an_end_probe_that_never_ends_ends_the_read() {
    for fault in [Fault::RepeatRow(100), Fault::WhiteSpaceAfterRows(100), Fault::StallAfterRows(100, None)] {
        let server = Server::with_rows(2_000);
        let project = stream_project(&server)
            .set("server.inactivity_timeout=500ms")
            .set("export.quiet=100ms")
            .set("export.retries=1");
        project.feed("raw", "stream", "transaction_stream", r#""read": "idle""#);
        server.faults().all_with("SELECT 1 FROM", fault.clone());
        let ran = project.run(&["export", "--feed", "raw", "--json"]);
        assert_eq!(ran.code, 1, "{fault:?}: {}", ran.out);
        let error = ran.finished("raw")["error"].to_string();
        // The probe's own limit, or that of the read which waits for it.
        let told = ["no new row came", "brought no row", "said nothing"];
        assert!(told.iter().any(|told| error.contains(told)), "{fault:?}: {error}");
        // The rows are there all the same, and nothing is claimed of the end.
        let dir = project.stream("transaction_stream");
        assert_each_offset_once(&dir, 2_000);
        assert_eq!(metadata(&dir)["caught_up"], false, "{fault:?}");
        server.faults().clear();
        project.ok(&["export", "--feed", "raw"]);
        assert_eq!(metadata(&dir)["caught_up"], true, "{fault:?}");
    }
}

#[test]
fn rows_that_come_twice_are_left_out_and_counted() {
    let server = Server::with_rows(2_000);
    let project = stream_project(&server);
    server.faults().next_with("EMIT CHANGES", Fault::Replay { after: 1_000, back: 150 });
    let ran = project.ok(&["export", "--feed", "raw", "--json"]);
    assert_each_offset_once(&project.stream("transaction_stream"), 2_000);
    assert_eq!(ran.finished("raw")["duplicates"], 150);
}

#[test]
fn a_bad_row_goes_to_quarantine_with_its_position_and_is_counted() {
    let server = Server::with_rows(2_000);
    let project = stream_project(&server);
    server.faults().next_with("EMIT CHANGES", Fault::InvalidUtf8(1_200));
    let ran = project.ok(&["export", "--feed", "raw", "--json"]);
    assert_eq!(ran.finished("raw")["quarantined"], 1);
    let dir = project.stream("transaction_stream");
    assert_eq!(row_count(&dir), 1_999);
    assert_eq!(metadata(&dir)["quarantined_records"], 1);
    let quarantine: Vec<_> =
        std::fs::read_dir(project.path().join("data_lake/_lakehand/streams/transaction_stream/quarantine"))
            .unwrap()
            .collect();
    assert_eq!(quarantine.len(), 1);
    let line = std::fs::read_to_string(quarantine[0].as_ref().unwrap().path()).unwrap();
    let bad: serde_json::Value = serde_json::from_str(line.trim()).unwrap();
    assert!(bad["reason"].as_str().unwrap().contains("UTF-8"), "{bad}");
    assert!(bad["offset"].is_number() && bad["partition"].is_number(), "{bad}");
    // The position has moved past the bad row: it does not come again.
    project.ok(&["export", "--feed", "raw"]);
    assert_eq!(row_count(&dir), 1_999);
}

#[test]
fn a_few_bad_rows_of_a_small_stream_do_not_fail_it_for_good() {
    for (set, code) in
        [("export.quarantine_rows=10", 0), ("export.quarantine_rows=0", 1), ("export.quarantine_limit=0", 1)]
    {
        let server = Server::with_rows(16);
        let project = stream_project(&server).set(set);
        server.faults().all_with("EMIT CHANGES", Fault::InvalidUtf8(3));
        let ran = project.run(&["export", "--feed", "raw", "--json"]);
        assert_eq!(ran.code, code, "{set}: {}", ran.out);
        if code == 0 {
            assert_eq!(
                (
                    ran.finished("raw")["quarantined"].as_u64(),
                    row_count(&project.stream("transaction_stream"))
                ),
                (Some(1), 15)
            );
        }
    }
}

#[test]
fn a_table_is_published_whole_or_not_at_all() {
    for fault in [
        Fault::CutAfterRows(2),
        Fault::EndAfterRows(2),
        Fault::ErrorAfterRows(2),
        Fault::StallAfterRows(2, None),
        Fault::WhiteSpaceAfterRows(0),
        Fault::WhiteSpaceAfterRows(2),
        Fault::RepeatRow(1),
        Fault::MissingValue(1),
        Fault::Garbage(1),
        Fault::SecondHeader(1),
    ] {
        let server = Server::with_rows(500);
        let project =
            Project::on(&server.url()).set("server.inactivity_timeout=300ms").set("export.retries=1");
        project.feed("totals", "table", "payment_method_totals", "");
        project.ok(&["export", "--feed", "totals"]);
        let dir = project.table("payment_method_totals");
        let before = (data_files(&dir), metadata(&dir));
        server.faults().all_with("SELECT", fault.clone());
        let ran = project.run(&["export", "--feed", "totals"]);
        assert_eq!(ran.code, 1, "{fault:?}: {}", ran.out);
        // That it failed is kept; nothing else has changed.
        let mut after = metadata(&dir);
        assert!(after.as_object_mut().unwrap().remove("last_failure").is_some(), "{fault:?}");
        assert_eq!((data_files(&dir), after), before, "{fault:?}");
        server.faults().clear();
        project.ok(&["export", "--feed", "totals"]);
        assert_eq!(metadata(&dir)["current_version"], 2, "{fault:?}");
    }
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let server = Server::with_rows(100);
    let project = stream_project(&server).set("export.retries=1").set("server.connect_timeout=500ms");
    assert_eq!(project.run(&["export"]).code, 2);
    assert_eq!(project.run(&["export", "--feed", "nope"]).code, 2);
    assert_eq!(project.run(&["export", "--all", "--set", "export.memory_mb=much"]).code, 2);

    project.feed("ghost", "stream", "transaction_straem", "");
    let ran = project.run(&["export", "--feed", "ghost", "--json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.finished("ghost")["error"].as_str().unwrap().contains("did you mean TRANSACTION_STREAM"));

    server.faults().refuse_connections(true);
    let ran = project.run(&["export", "--feed", "raw"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    server.faults().clear();

    server.faults().next_with("EMIT CHANGES", Fault::StallAfterRows(10, None));
    let child = project
        .command(&["export", "--feed", "raw", "--set", "server.inactivity_timeout=10m"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lock = project.path().join("data_lake/_lakehand/streams/transaction_stream/lock");
    support::wait_until("the first export holds the lock", || {
        std::fs::read_to_string(&lock).is_ok_and(|text| text.contains(&child.id().to_string()))
            && server
                .get()
                .log()
                .iter()
                .any(|seen| seen.sql.as_ref().is_some_and(|s| s.contains("EMIT CHANGES")))
    });
    let locked = project.run(&["export", "--feed", "raw", "--json"]);
    assert_eq!(locked.code, 4, "{}{}", locked.out, locked.err);
    let error = locked.finished("raw")["error"].to_string();
    assert!(error.contains(&child.id().to_string()), "{error}");

    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ran = support::Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 130, "{}{}", ran.out, ran.err);
    assert_eq!(row_count(&project.stream("transaction_stream")), 10, "what was safe is committed");
    project.ok(&["export", "--feed", "raw"]);
    assert_each_offset_once(&project.stream("transaction_stream"), 100);

    let victim = data_files(&project.stream("transaction_stream")).remove(0);
    std::fs::remove_file(project.stream("transaction_stream").join("_metadata.json")).unwrap();
    std::fs::write(&victim, b"not parquet").unwrap();
    let ran = project.run(&["export", "--feed", "raw"]);
    assert_eq!(ran.code, 5, "{}{}", ran.out, ran.err);
}

#[test]
fn credentials_are_asked_for_used_and_never_shown() {
    let secret = "s3cr3t-planted";
    let server = Server::start(DemoOptions {
        rows: 50,
        credentials: Some(("ops".into(), secret.into())),
        ..DemoOptions::default()
    });
    let project = stream_project(&server).set("server.username=ops");
    let run = |password: Option<&str>, args: &[&str]| {
        let mut command = project.command(args);
        if let Some(password) = password {
            command.env("LAKEHAND_PASSWORD", password);
        }
        support::Ran::of(command.output().unwrap())
    };
    let wrong = run(Some("wrong-planted"), &["export", "--all"]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("401"), "{}", wrong.err);
    let right = run(Some(secret), &["export", "--all", "--json"]);
    assert_eq!(right.code, 0, "{}{}", right.out, right.err);
    let shown = run(Some(secret), &["config", "show"]);
    let everything =
        [wrong.out, wrong.err, right.out, right.err, shown.out, shown.err, project.log()].concat();
    assert!(!everything.contains("planted"), "{everything}");
}

//! `lakehand watch` from outside: files are dropped, edited, broken and moved away, and nobody asks for an export.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lakehand::demo::{DemoOptions, Fault};
use rustix::process::Signal;
use serde_json::Value;
use support::{Project, Server, assert_each_offset_once, row_count};

/// A running watcher and what it said so far.
struct Watch {
    child: Child,
    said: Arc<Mutex<Vec<Value>>>,
}

impl Watch {
    fn start(project: &Project) -> Self {
        let mut child = project.spawn(&["watch", "--json"]);
        let said = Arc::new(Mutex::new(Vec::new()));
        let (lines, seen) = (BufReader::new(child.stdout.take().unwrap()).lines(), said.clone());
        std::thread::spawn(move || {
            for line in lines {
                let line = line.unwrap();
                let value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line}: {e}"));
                seen.lock().unwrap().push(value);
            }
        });
        let watch = Self { child, said };
        watch.until("it watches", || watch.noted(None, "watching") == 1);
        watch
    }

    fn said(&self) -> Vec<Value> {
        self.said.lock().unwrap().clone()
    }

    fn count(&self, wanted: impl Fn(&Value) -> bool) -> usize {
        self.said.lock().unwrap().iter().filter(|value| wanted(value)).count()
    }

    /// How often it said this of a feed.
    fn noted(&self, feed: Option<&str>, message: &str) -> usize {
        self.count(|e| e["event"] == "watch" && e["message"] == message && e["feed"].as_str() == feed)
    }

    /// How often an export of the feed ended like this.
    fn ended(&self, feed: &str, outcome: &str) -> usize {
        self.count(|e| e["event"] == "finished" && e["feed"] == feed && e["outcome"] == outcome)
    }

    fn started(&self, feed: &str) -> usize {
        self.count(|e| e["event"] == "started" && e["feed"] == feed)
    }

    fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !condition() {
            let in_time = begun.elapsed() < Duration::from_secs(60);
            assert!(in_time, "waited in vain: {what}; it said\n{:#?}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn until_done(&self, feed: &str, times: usize) {
        self.until(&format!("{feed} is exported {times} times"), || self.ended(feed, "done") >= times);
    }

    fn signal(&self, signal: Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends it as a service manager does; gives its exit code.
    fn end(mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits that suit tests; the interval of the rescan is so long that only events can have been at work.
fn project(server: &Server) -> Project {
    Project::on(&server.url()).set("watch.debounce=100ms").set("watch.rescan=1d")
}

fn text(name: &str, source: &str, fields: &str) -> String {
    let comma = if fields.is_empty() { "" } else { ", " };
    format!(r#"{{"feed_name": "{name}", "feed_type": "stream", "ksqldb_source": "{source}"{comma}{fields}}}"#)
}

fn active(project: &Project, name: &str) -> PathBuf {
    project.path().join(format!("feeds/active/{name}.json"))
}

const RAW: &str = "transaction_stream";

#[test]
fn a_file_dropped_in_is_exported_with_nobody_asking_and_the_end_is_clean() {
    let server = Server::with_rows(1_000);
    let project = project(&server);
    let watch = Watch::start(&project);
    project.feed("raw", "stream", RAW, "");
    watch.until_done("raw", 1);
    assert_each_offset_once(&project.stream(RAW), 1_000);
    assert_eq!(watch.noted(Some("raw"), "appeared"), 1);

    // Renamed into place.
    let elsewhere = project.path().join("flat.tmp");
    std::fs::write(&elsewhere, text("flat", "transaction_flattened", "")).unwrap();
    std::fs::rename(&elsewhere, active(&project, "flat")).unwrap();
    watch.until_done("flat", 1);
    assert_each_offset_once(&project.stream("transaction_flattened"), 1_000);

    assert_eq!(watch.end(Signal::TERM), Some(0));
    let log = project.log();
    for line in ["- watching", "raw appeared", "raw exported", "flat appeared", "flat exported", "- stopping"]
    {
        assert!(log.contains(line), "{line} in\n{log}");
    }
}

#[test]
fn a_file_that_is_written_slowly_is_read_when_it_is_whole() {
    let server = Server::with_rows(200);
    let project = project(&server).set("watch.debounce=1500ms");
    let watch = Watch::start(&project);
    let mut file = std::fs::File::create(active(&project, "raw")).unwrap();
    for piece in text("raw", RAW, r#""description": "slow""#).as_bytes().chunks(20) {
        file.write_all(piece).unwrap();
        file.sync_all().unwrap();
        // The slowness is what is tested.
        std::thread::sleep(Duration::from_millis(60));
    }
    watch.until_done("raw", 1);
    assert_eq!(watch.noted(Some("raw"), "broken"), 0, "{:?}", watch.said());
    assert_eq!((watch.noted(Some("raw"), "appeared"), watch.started("raw")), (1, 1));
}

/// What vim does: a swap file, a probe, the old file renamed away, a new one written, the old one removed.
fn save_like_an_editor(project: &Project, name: &str, text: &str) {
    let path = active(project, name);
    let (swap, backup) = (path.with_file_name(format!(".{name}.json.swp")), path.with_extension("json~"));
    std::fs::write(&swap, "b0VIM").unwrap();
    std::fs::write(path.with_file_name("4913"), "").unwrap();
    std::fs::remove_file(path.with_file_name("4913")).unwrap();
    std::fs::rename(&path, &backup).unwrap();
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.sync_all().unwrap();
    std::fs::remove_file(&backup).unwrap();
    std::fs::remove_file(&swap).unwrap();
}

#[test]
fn a_description_exports_nothing_and_another_meaning_exports_again() {
    let server = Server::with_rows(300);
    let project = project(&server).set("watch.debounce=500ms");
    project.feed("raw", "stream", RAW, "");
    let watch = Watch::start(&project);
    watch.until_done("raw", 1);
    let asked = || {
        let log = server.get().log();
        log.iter()
            .filter(|seen| seen.sql.as_ref().is_some_and(|sql| sql.contains("TRANSACTION_STREAM")))
            .count()
    };
    let before = asked();
    save_like_an_editor(&project, "raw", &text("raw", RAW, r#""description": "raw events""#));
    watch.until("the description", || watch.noted(Some("raw"), "described anew") == 1);
    // A feed of another source comes after it and is exported: the description had its chance by then.
    project.feed("totals", "table", "payment_method_totals", "");
    watch.until_done("totals", 1);
    assert_eq!((watch.started("raw"), asked()), (1, before));
    assert_eq!(watch.noted(Some("raw"), "gone"), 0, "{:?}", watch.said());

    server.get().append(100);
    save_like_an_editor(&project, "raw", &text("raw", RAW, r#""compression": "snappy""#));
    watch.until_done("raw", 2);
    assert_eq!(watch.noted(Some("raw"), "changed"), 1);
    assert_each_offset_once(&project.stream(RAW), 400);
}

#[test]
fn a_broken_file_is_told_and_its_last_good_version_runs_by_its_schedule() {
    let server = Server::with_rows(200);
    let project = project(&server);
    project.feed("raw", "stream", RAW, r#""schedule": "every 1s""#);
    let watch = Watch::start(&project);
    watch.until_done("raw", 1);
    project.feed("raw", "stream", RAW, r#""schedule": "every 1s", "compression": "gzip""#);
    watch.until("the broken file", || watch.noted(Some("raw"), "broken") == 1);
    let broken = watch.said().into_iter().find(|e| e["message"] == "broken").unwrap();
    let what = broken["what"].as_str().unwrap();
    assert!(
        what.contains("line 1, column") && what.contains("gzip") && what.contains("stays in force"),
        "{what}"
    );

    server.get().append(100);
    watch.until("the schedule goes on", || row_count(&project.stream(RAW)) == 300);
    assert!(watch.count(|e| e["event"] == "queued" && e["trigger"] == "scheduled") > 0);

    project.feed("raw", "stream", RAW, r#""compression": "snappy""#);
    watch.until("the mended file", || watch.noted(Some("raw"), "mended") == 1);
    watch.until("its new meaning", || watch.noted(Some("raw"), "changed") == 1);
    assert!(project.log().contains("raw broken"));
    assert_eq!(watch.end(Signal::INT), Some(0));
    assert_each_offset_once(&project.stream(RAW), 300);
}

#[test]
fn a_file_moved_away_stops_its_export_at_a_safe_point() {
    let server = Server::with_rows(500);
    let project = project(&server).set("server.inactivity_timeout=10m");
    server.faults().next_with("EMIT CHANGES", Fault::StallAfterRows(10, None));
    let watch = Watch::start(&project);
    project.feed("raw", "stream", RAW, "");
    let stalled = |log: Vec<lakehand::demo::Seen>| {
        log.iter().any(|seen| seen.sql.as_ref().is_some_and(|sql| sql.contains("EMIT CHANGES")))
    };
    watch.until("the export stalls", || stalled(server.get().log()));
    let archived = project.path().join("feeds/archived/raw.json");
    std::fs::rename(active(&project, "raw"), &archived).unwrap();
    watch.until("it is stopped", || watch.ended("raw", "cancelled") == 1);
    assert_eq!(watch.noted(Some("raw"), "gone"), 1);
    let held = row_count(&project.stream(RAW));
    assert!(held <= 10, "{held}");

    std::fs::rename(&archived, active(&project, "raw")).unwrap();
    watch.until_done("raw", 1);
    assert_each_offset_once(&project.stream(RAW), 500);
}

#[test]
fn what_is_exported_at_the_start() {
    let server = Server::with_rows(200);
    let base = project(&server);
    base.feed("raw", "stream", RAW, "").feed(
        "off",
        "table",
        "product_purchase_counts",
        r#""enabled": false"#,
    );
    base.ok(&["export", "--feed", "raw"]);
    base.feed("flat", "stream", "transaction_flattened", "");
    let project = base.set("watch.on_start=none");
    let watch = Watch::start(&project);
    project.feed("totals", "table", "payment_method_totals", "");
    watch.until_done("totals", 1);
    assert_eq!(watch.count(|e| e["event"] == "queued" && e["feed"] != "totals"), 0, "{:?}", watch.said());
    drop(watch);

    let project = project.set("watch.on_start=new");
    let watch = Watch::start(&project);
    watch.until_done("flat", 1);
    assert_eq!(watch.count(|e| e["event"] == "queued" && e["feed"] != "flat"), 0, "{:?}", watch.said());
    drop(watch);

    let project = project.set("watch.on_start=all");
    let watch = Watch::start(&project);
    for feed in ["flat", "raw", "totals"] {
        watch.until_done(feed, 1);
    }
    assert_eq!(watch.started("off"), 0);
}

#[test]
fn folders_removed_and_made_again_are_watched_again() {
    let server = Server::with_rows(200);
    let project = project(&server);
    project.feed("raw", "stream", RAW, "");
    let watch = Watch::start(&project);
    watch.until_done("raw", 1);
    for times in 1..=2 {
        std::fs::remove_dir_all(project.path().join("feeds")).unwrap();
        watch.until("the feed is gone", || watch.noted(Some("raw"), "gone") == times);
        std::fs::create_dir_all(project.path().join("feeds/active")).unwrap();
        project.feed("raw", "stream", RAW, "");
        watch.until_done("raw", times + 1);
    }
    project.feed("flat", "stream", "transaction_flattened", "");
    watch.until_done("flat", 1);
}

#[test]
fn where_events_do_not_come_the_folders_are_polled() {
    let server = Server::with_rows(200);
    let project = project(&server).set("watch.poll=true");
    let watch = Watch::start(&project);
    project.feed("raw", "stream", RAW, "");
    watch.until_done("raw", 1);
    project.feed("raw", "stream", RAW, r#""compression": "snappy""#);
    watch.until_done("raw", 2);
    std::fs::remove_file(active(&project, "raw")).unwrap();
    watch.until("the feed is gone", || watch.noted(Some("raw"), "gone") == 1);
}

#[test]
fn the_rescan_finds_what_no_event_told() {
    let server = Server::with_rows(200);
    let project = project(&server).set("watch.rescan=1s");
    // Behind a link no event is seen of what happens to its target.
    let target = project.path().join("elsewhere.json");
    std::fs::write(&target, text("raw", RAW, "")).unwrap();
    std::os::unix::fs::symlink(&target, active(&project, "raw")).unwrap();
    let watch = Watch::start(&project);
    watch.until_done("raw", 1);
    std::fs::write(&target, text("raw", RAW, r#""compression": "snappy""#)).unwrap();
    watch.until_done("raw", 2);
}

#[test]
fn a_server_out_of_reach_at_the_start_is_asked_for_ever() {
    let server = Server::with_rows(200);
    server.faults().refuse_connections(true);
    let project = project(&server).set("server.connect_timeout=500ms");
    project.feed("raw", "stream", RAW, "").feed("gone", "stream", "transaction_flattened", "");
    let watch = Watch::start(&project);
    // More often than an export would try.
    watch.until("it says so", || watch.noted(None, "server out of reach") > 6);
    std::fs::remove_file(active(&project, "gone")).unwrap();
    watch.until("the feed is gone", || watch.noted(Some("gone"), "gone") == 1);
    server.faults().clear();
    watch.until_done("raw", 1);
    assert_eq!((watch.noted(None, "server reached"), watch.started("gone")), (1, 0));

    server.faults().refuse_connections(true);
    drop(watch);
    let watch = Watch::start(&project);
    assert_eq!(watch.end(Signal::TERM), Some(0), "it ends while nobody answers");
}

#[test]
fn a_server_that_cannot_be_worked_with_ends_it_with_the_reason() {
    let credentials = Some(("ops".into(), "right".into()));
    let server = Server::start(DemoOptions { rows: 10, credentials, ..DemoOptions::default() });
    let project = project(&server);
    project.feed("raw", "stream", RAW, "");
    let ran = project.run(&["watch"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("401") && project.log().contains("server refused"), "{}", ran.err);
}

/// Files with passwords are replaced while the program runs, as a kubelet does.
#[test]
fn a_password_that_is_renewed_in_its_file_is_used_without_a_restart() {
    let credentials = Some(("ops".into(), "first".into()));
    let server = Server::start(DemoOptions { rows: 200, credentials, ..DemoOptions::default() });
    let project = project(&server).set("server.username=ops").set("server.password_file=password");
    std::fs::write(project.path().join("password"), "first\n").unwrap();
    project.feed("raw", "stream", RAW, "");
    let watch = Watch::start(&project);
    watch.until_done("raw", 1);
    server.get().demand_credentials("ops", "second");
    std::fs::write(project.path().join("password"), "second\n").unwrap();
    project.feed("flat", "stream", "transaction_flattened", "");
    watch.until_done("flat", 1);
    assert_eq!(watch.ended("flat", "failed"), 0);

    // Of a file that does not help, the refusal is what is told.
    server.get().demand_credentials("ops", "third");
    std::fs::remove_file(project.path().join("password")).unwrap();
    project.feed("late", "table", "payment_method_totals", "");
    watch.until("the refusal is told", || watch.ended("late", "failed") == 1);
    assert!(project.log().contains("401") && !project.log().contains("second"));
    watch.end(Signal::TERM);
}

#[test]
fn a_feed_that_failed_is_tried_again_when_it_changes_and_stops_no_other() {
    let server = Server::with_rows(200);
    let project = project(&server);
    project.feed("ghost", "stream", "transaction_straem", "").feed("raw", "stream", RAW, "");
    let watch = Watch::start(&project);
    watch.until_done("raw", 1);
    watch.until("the failure", || watch.ended("ghost", "failed") == 1);
    project.feed("ghost", "stream", "transaction_flattened", "");
    watch.until_done("ghost", 1);
    assert_each_offset_once(&project.stream("transaction_flattened"), 200);
}

/// A proxy cuts connections on which nothing is sent: that is no failure of a quiet stream.
#[test]
fn a_quiet_stream_whose_connection_is_cut_is_connected_again_and_has_not_failed() {
    let server = Server::with_rows(300);
    let project = project(&server)
        .set("export.retries=0")
        .set("export.retry_base=20ms")
        .set("export.commit_every=100ms");
    project.feed("live", "stream", RAW, "");
    assert_eq!(project.run(&["export", "--all"]).code, 0);
    server.faults().all_with("EMIT CHANGES", Fault::CutWhenQuiet);
    project.feed("live", "stream", RAW, r#""mode": "follow""#);
    let watch = Watch::start(&project);
    let is_push = |sql: &String| sql.contains("EMIT CHANGES");
    let pushed = || server.get().log().iter().filter(|seen| seen.sql.as_ref().is_some_and(is_push)).count();
    let before = pushed();
    watch.until("it connects again and again", || pushed() > before + 5);
    server.faults().clear();
    let last = pushed();
    watch.until("a connection that is not cut", || pushed() > last);
    server.get().append(100);
    watch.until("the new rows", || row_count(&project.stream(RAW)) == 400);
    assert_eq!(watch.end(Signal::TERM), Some(0));
    let log = project.log();
    assert!(!log.contains("failed") && !log.contains("trying again"), "{log}");
    assert_each_offset_once(&project.stream(RAW), 400);
}

#[test]
fn a_feed_that_follows_runs_on_through_a_failure_and_is_safe_at_the_end() {
    let server = Server::with_rows(500);
    let project =
        project(&server).set("export.commit_every=100ms").set("export.retries=0").set("export.concurrency=1");
    project.feed("live", "stream", RAW, r#""mode": "follow""#);
    server.faults().next_with("EMIT CHANGES", Fault::CutAfterRows(100));
    let watch = Watch::start(&project);
    watch.until("the failure", || watch.ended("live", "failed") == 1);
    watch.until("it is resumed", || row_count(&project.stream(RAW)) == 500);
    server.get().append(100);
    watch.until("it follows", || row_count(&project.stream(RAW)) == 600);

    // Another feed would wait in vain: that is said.
    project.feed("flat", "stream", "transaction_flattened", "");
    watch.until("the warning", || watch.noted(None, "no room") == 1);
    // Disabled, it stops, and the other one has its turn.
    project.feed("live", "stream", RAW, r#""mode": "follow", "enabled": false"#);
    watch.until_done("flat", 1);
    assert_eq!(watch.noted(Some("live"), "disabled"), 1);
    project.feed("live", "stream", RAW, r#""mode": "follow""#);
    server.get().append(100);
    watch.until("it follows again", || row_count(&project.stream(RAW)) == 700);
    assert_eq!(watch.end(Signal::TERM), Some(0));
    assert_each_offset_once(&project.stream(RAW), 700);
}

//! Hostile names and files: what others may put into the folders, and what a server may send to be shown.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use lakehand::feed::{Catalog, FeedPaths, parse_feed};
use lakehand::lake::Lake;
use support::{Project, Server, assert_each_offset_once, row_count};

const NAMES: [&str; 18] = [
    "..",
    ".",
    "../x",
    "a/../../b",
    "/etc/passwd",
    "..\\x",
    "_staging",
    ".hidden",
    "a\u{0}b",
    "a\u{1b}[2Jb",
    "a\u{202e}b",
    "\u{2025}",
    "\u{ff0e}\u{ff0e}\u{ff0f}x",
    "\u{130}\u{130}",
    "a\nb",
    " ",
    "",
    "STREAMS/../..",
];

#[test]
fn no_name_of_a_feed_leads_out_of_its_place() {
    let lake = Lake::new("/lake");
    for kind in ["stream", "table"] {
        for name in NAMES {
            let text =
                serde_json::json!({"feed_name": "f", "feed_type": kind, "ksqldb_source": name}).to_string();
            let Ok(feed) = parse_feed(&text, "f") else { continue };
            let Ok(dir) = lake.dataset_dir(&feed) else { continue };
            assert_eq!(dir.parent().unwrap(), Path::new("/lake").join(format!("{kind}s")), "{name:?}");
            let last = dir.file_name().unwrap().to_str().unwrap();
            assert!(!last.starts_with(['_', '.']) && !last.contains(['/', '\0', '\u{1b}', '\n']), "{last:?}");
        }
        for (field, value) in [("feed_name", "../f"), ("feed_name", "f/../g"), ("feed_name", "F\u{212a}")] {
            let mut feed = serde_json::json!({"feed_name": "f", "feed_type": kind, "ksqldb_source": "S"});
            feed[field] = value.into();
            assert!(parse_feed(&feed.to_string(), "f").is_err(), "{field} {value}");
        }
    }
}

/// U+212A lower-cases to `k`: two sources must not share a folder.
#[test]
fn names_that_become_one_by_lower_casing_are_one_dataset() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("active")).unwrap();
    for (name, source) in [("a", "PAYMENT_K"), ("b", "payment_\u{212a}"), ("c", "PAYMENT_k")] {
        let text = serde_json::json!({"feed_name": name, "feed_type": "stream", "ksqldb_source": source})
            .to_string();
        std::fs::write(dir.path().join(format!("active/{name}.json")), text).unwrap();
    }
    let catalog = Catalog::load(&FeedPaths::below(dir.path())).unwrap();
    assert_eq!(catalog.active_feeds().count(), 1);
}

#[test]
fn nothing_is_written_through_a_link() {
    let server = Server::with_rows(100);
    for (link, is_file) in [
        ("streams", false),
        ("streams/transaction_stream", false),
        ("_lakehand", false),
        ("_lakehand/streams", false),
        ("_lakehand/streams/transaction_stream", false),
        ("_lakehand/streams/transaction_stream/staging", false),
        ("streams/transaction_stream/year=2025", false),
        ("_lakehand/streams/transaction_stream/quarantine", false),
        ("streams/transaction_stream/_staging", false),
        ("streams/transaction_stream/_quarantine", false),
        ("streams/transaction_stream/_metadata.json", true),
        ("_lakehand/streams/transaction_stream/lock", true),
        ("streams/transaction_stream/_lock", true),
    ] {
        let project = Project::on(&server.url());
        project.feed("raw", "stream", "transaction_stream", "");
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().join("target");
        if is_file {
            std::fs::write(&target, "mine").unwrap();
        } else {
            std::fs::create_dir(&target).unwrap();
            std::fs::write(target.join("mine"), "mine").unwrap();
        }
        let at = project.path().join("data_lake").join(link);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(&target, &at).unwrap();
        let ran = project.run(&["export", "--feed", "raw"]);
        if is_file {
            assert_eq!(std::fs::read_to_string(&target).unwrap(), "mine", "{link}");
        } else {
            let names: Vec<_> = std::fs::read_dir(&target).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(names, ["mine"], "{link}: {}{}", ran.out, ran.err);
        }
        if link.ends_with("year=2025") {
            // What cannot be filed there is kept in quarantine, with its content.
            assert_eq!(ran.code, 0, "{link}: {}{}", ran.out, ran.err);
            let quarantine = project.path().join("data_lake/_lakehand/streams/transaction_stream/quarantine");
            let files =
                std::fs::read_dir(quarantine).unwrap().map(|e| std::fs::read_to_string(e.unwrap().path()));
            let kept: usize = files.map(|text| text.unwrap().lines().count()).sum();
            assert_eq!(kept, 100, "{link}: {}{}", ran.out, ran.err);
        } else if ran.code == 0 {
            assert_each_offset_once(&project.stream("transaction_stream"), 100);
        } else {
            assert!((ran.out.clone() + &ran.err).contains("link"), "{link}: {}{}", ran.out, ran.err);
        }
    }
}

fn fifo(path: &Path) {
    let status = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(status.success());
}

#[test]
fn what_is_no_file_holds_nobody_up() {
    let server = Server::with_rows(100);
    let project = Project::on(&server.url());
    project.feed("raw", "stream", "transaction_stream", "");
    let active = project.path().join("feeds/active");
    fifo(&active.join("pipe.json"));
    symlink("/dev/zero", active.join("device.json")).unwrap();
    symlink("/nowhere", active.join("dangling.json")).unwrap();
    symlink(active.join("loop.json"), active.join("loop.json")).unwrap();
    std::fs::create_dir(active.join("folder.json")).unwrap();
    // 1 GiB that takes no room.
    std::fs::File::create(active.join("huge.json")).unwrap().set_len(1 << 30).unwrap();
    let begun = Instant::now();
    let ran = project.ok(&["feeds", "list", "--json"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let states: Vec<_> = ran.json().iter().map(|f| (f["feed"].clone(), f["state"].clone())).collect();
    assert_eq!(states.len(), 7, "{states:?}");
    assert_eq!(states.iter().filter(|(_, state)| state == "invalid").count(), 6, "{states:?}");
    let ran = project.run(&["export", "--all"]);
    assert_eq!(ran.code, 1, "what is no feed ends the run with 1: {}{}", ran.out, ran.err);
    assert_eq!(row_count(&project.stream("transaction_stream")), 100);

    // A pipe in the place of the metadata.
    let metadata = project.stream("transaction_stream").join("_metadata.json");
    std::fs::remove_file(&metadata).unwrap();
    fifo(&metadata);
    assert_eq!(project.run(&["feeds", "list"]).code, 5);
    project.ok(&["export", "--feed", "raw"]);
    assert_each_offset_once(&project.stream("transaction_stream"), 100);
}

#[test]
fn ten_thousand_feeds_are_listed_in_time() {
    let project = Project::on("http://127.0.0.1:1");
    for i in 0..10_000 {
        project.feed(&format!("feed_{i:05}"), "stream", &format!("S_{i}"), "");
    }
    let begun = Instant::now();
    let ran = project.ok(&["feeds", "list"]);
    let took = begun.elapsed();
    println!("10,000 feeds are listed in {took:?}");
    assert_eq!(ran.out.lines().count(), 10_001);
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// A server that answers every request with `status` and `body`.
fn answering(status: u16, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { return };
            let mut reader = BufReader::new(socket.try_clone().unwrap());
            let (mut line, mut length, mut path) = (String::new(), 0, String::new());
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                if path.is_empty() {
                    line.clone_into(&mut path);
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let _ = reader.read_exact(&mut vec![0; length]);
            let info = r#"{"KsqlServerInfo":{"version":"7.4.15","kafkaClusterId":"c","ksqlServiceId":"s"}}"#;
            let (status, body) =
                if path.contains("/info") && status != 200 { (200, info) } else { (status, body.as_str()) };
            let _ = write!(
                socket,
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    url
}

/// Text that would clear a terminal, set its title, go back a line, and reorder what is read.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\u{8}\u{9b}31m\u{202e}drow\u{2066}\u{200f}\u{85}\u{2028}";

fn assert_plain(what: &str, text: &str) {
    let is_evil = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{61c}')
    };
    if let Some(at) = text.find(is_evil) {
        let shown: String = text[at..].chars().take(40).flat_map(char::escape_unicode).collect();
        panic!("{what} shows {shown}\n{text:?}");
    }
}

#[test]
fn nothing_that_is_shown_can_steer_a_terminal() {
    let message = serde_json::json!({"@type": "statement_error", "error_code": 40001, "message": EVIL, "statementText": EVIL, "entities": []});
    for (status, body) in [
        (400, message.to_string()),
        (500, message.to_string()),
        (503, serde_json::json!({"error_code": 50303, "message": EVIL}).to_string()),
        (200, serde_json::json!({"KsqlServerInfo": {"version": EVIL, "kafkaClusterId": EVIL, "ksqlServiceId": EVIL}}).to_string()),
        (200, EVIL.to_owned()),
    ] {
        let project = Project::on(&answering(status, body)).set("export.retries=1");
        project.feed("raw", "stream", "EVENTS", &format!("\"description\": {}", serde_json::json!(EVIL)));
        project.feed("odd", "stream", &EVIL.escape_default().to_string().replace('\\', "\\\\"), "");
        std::fs::write(
            project.path().join("feeds/active/bad.json"),
            serde_json::json!({"feed_name": EVIL, EVIL: EVIL, "feed_type": EVIL, "ksqldb_source": EVIL}).to_string(),
        )
        .unwrap();
        std::fs::write(project.path().join(format!("feeds/active/{EVIL}.json")), "{").unwrap();
        for args in [
            &["export", "--all"][..],
            &["export", "--feed", "raw"],
            &["export", "--all", "--dry-run"],
            &["feeds", "list"],
            &["feeds", "show", "raw"],
            &["feeds", "show", "bad"],
            &["feeds", "validate"],
            &["feeds", "prepare", "raw", "--yes"],
            &["feeds", "enable", EVIL],
            &["export", "--feed", EVIL],
            &["config", "show"],
        ] {
            let ran = project.run(args);
            assert_plain(&format!("standard output of {args:?}, status {status}"), &ran.out);
            assert_plain(&format!("standard error of {args:?}, status {status}"), &ran.err);
        }
        if project.path().join("data_lake/logs").exists() {
            assert_plain("the log", &project.log());
        }
    }
}

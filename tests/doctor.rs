//! `doctor`: what is wrong is told with what to do, and nothing secret is told.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use lakehand::demo::DemoOptions;
use serde_json::Value;
use support::{Project, Ran, Server};

fn lines(ran: &Ran) -> Vec<Value> {
    ran.json().into_iter().filter(|line| line["event"] == "doctor").collect()
}

#[test]
fn a_cold_store_is_tried() {
    let server = Server::with_rows(50);
    let project = Project::on(&server.url());
    let archive = project.path().join("archive");
    fs::create_dir(&archive).unwrap();
    let url = format!("tier.cold.url=file://{}", archive.display());
    let doctor = || project.run(&["doctor", "--json", "--set", &url]);
    let ran = doctor();
    assert_eq!(ran.code, 1);
    assert!(wrong(&ran, "cold store")[0].contains("its disk may not be mounted"), "{}", ran.out);
    fs::write(archive.join(".lakehand-cold"), "").unwrap();
    let ran = doctor();
    assert_eq!((ran.code, wrong(&ran, "cold store").len()), (0, 0), "{}", ran.out);
    assert!(lines(&ran).iter().any(|line| line["topic"] == "cold store"), "{}", ran.out);
    assert_eq!(fs::read_dir(&archive).unwrap().count(), 1, "what was written is gone again");
}

/// The lines of one topic that are not ok.
fn wrong(ran: &Ran, topic: &str) -> Vec<String> {
    let of_topic = lines(ran).into_iter().filter(|line| line["topic"] == topic && line["level"] != "ok");
    of_topic
        .map(|line| format!("{} {}", line["level"].as_str().unwrap(), line["what"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_good_set_up_is_ok() {
    let server = Server::with_rows(50);
    let project = Project::with_eight_feeds(&server.url());
    project.ok(&["export", "--all"]);
    let ran = project.ok(&["doctor", "--json"]);
    let failed: Vec<_> = lines(&ran).into_iter().filter(|line| line["level"] == "fail").collect();
    assert!(failed.is_empty(), "{failed:?}");
    for topic in [
        "config", "server", "version", "access", "clock", "tls", "folders", "locks", "disk", "files",
        "watch", "feeds", "terminal",
    ] {
        assert!(lines(&ran).iter().any(|line| line["topic"] == topic), "{topic} is looked at: {}", ran.out);
    }
    let human = project.ok(&["doctor"]);
    assert!(human.out.contains("8 feeds are enabled"), "{}", human.out);
}

#[test]
fn each_fault_is_told_with_what_to_do() {
    let server = Server::with_rows(50);
    let project = Project::on(&server.url());
    project.feed("raw", "stream", "transaction_stream", "");
    project.ok(&["doctor"]);

    project.feed("broken", "stream", "x", r#""format": "csv""#);
    project.feed("ghost", "stream", "transaction_straem", "");
    let ran = project.run(&["doctor", "--json"]);
    assert_eq!(ran.code, 1);
    let feeds = wrong(&ran, "feeds").join("\n");
    assert!(feeds.contains("fail feed broken is invalid"), "{feeds}");
    assert!(feeds.contains("fail the server has no stream transaction_straem"), "{feeds}");
    fs::remove_file(project.path().join("feeds/active/broken.json")).unwrap();
    fs::remove_file(project.path().join("feeds/active/ghost.json")).unwrap();

    let ran = project.run(&["doctor", "--json", "--set", "export.min_free_mb=1073741824"]);
    assert!(wrong(&ran, "disk")[0].starts_with("fail "), "{}", ran.out);
    let ran = project.run(&["doctor", "--json", "--server", "http://127.0.0.1:9"]);
    assert_eq!(ran.code, 1);
    assert_eq!(wrong(&ran, "server").len(), 1, "{}", ran.out);
    let ran = project.run(&["doctor", "--json", "--set", "export.concurrency=64"]);
    assert!(wrong(&ran, "files").len() <= 1);

    let lake = project.path().join("data_lake");
    fs::create_dir_all(lake.join("streams/future")).unwrap();
    fs::set_permissions(&lake, fs::Permissions::from_mode(0o777)).unwrap();
    let ran = project.run(&["doctor", "--json"]);
    assert!(wrong(&ran, "folders")[0].contains("can be written by everybody"), "{}", ran.out);
    fs::set_permissions(&lake, fs::Permissions::from_mode(0o755)).unwrap();

    project.ok(&["export", "--all"]);
    let path = project.stream("transaction_stream").join("_metadata.json");
    let mut metadata: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    metadata["checked_at"] = "2199-01-01T00:00:00Z".into();
    fs::write(&path, metadata.to_string()).unwrap();
    let ran = project.run(&["doctor", "--json"]);
    assert!(wrong(&ran, "clock")[0].contains("the clock was put back"), "{}", ran.out);

    fs::remove_dir_all(&lake).unwrap();
    fs::write(&lake, "").unwrap();
    let ran = project.run(&["doctor", "--json"]);
    assert!(wrong(&ran, "folders").iter().any(|line| line.contains("is no folder")), "{}", ran.out);
}

/// A server that is there, and says nothing to statements, as one whose brokers are gone.
fn mute_server() -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut request) {
                    let request = String::from_utf8_lossy(&request[..read]).into_owned();
                    let body = if request.starts_with("GET /info") {
                        r#"{"KsqlServerInfo":{"version":"7.4.15","kafkaClusterId":"c","ksqlServiceId":"s","serverStatus":"RUNNING"}}"#
                    } else if request.starts_with("GET /healthcheck") {
                        r#"{"isHealthy":false,"details":{"metastore":{"isHealthy":true},"kafka":{"isHealthy":false}}}"#
                    } else {
                        continue;
                    };
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
                    write!(stream, "{head}: {}\r\n\r\n{body}", body.len()).unwrap();
                }
            });
        }
    });
    url
}

/// Each question has a limit of time and a line while it is asked; what cannot be answered any more is not asked.
#[test]
fn a_server_that_says_nothing_holds_doctor_up_for_a_bounded_time() {
    let project = Project::on(&mute_server());
    for name in ["a", "b", "c", "d"] {
        project.feed(name, "stream", name, "");
    }
    let begun = std::time::Instant::now();
    let ran = project.run(&["doctor"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
    for part in [
        "fail  brokers   ksqlDB does not reach its Kafka brokers",
        "...   access    waiting for the server's list of streams, at most 10 s",
        "fail  access    the server's list of streams: no answer within 10 s",
        "fail  feeds     the source of feed a: no answer within 10 s (feed a)",
        "warn  feeds     3 more feeds were not looked at, as nobody answers",
        "ok    terminal",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
}

#[test]
fn a_stream_whose_end_nobody_tells_is_told() {
    let server = Server::with_rows(50);
    let project = Project::on(&server.url());
    // No query reads the last of the derived streams.
    project.feed("black", "stream", "transaction_stream_blacklisted", "");
    let ran = project.run(&["doctor", "--json"]);
    let told = wrong(&ran, "feeds");
    let prepared = project.run(&["feeds", "prepare", "black"]);
    let needed = prepared.out.contains("This statement would make");
    assert_eq!(told.len(), usize::from(needed), "{told:?} {}", prepared.out);
}

#[test]
fn secrets_are_in_no_output_of_doctor_and_check() {
    let secret = "s3cr3t-planted";
    let server = Server::start(DemoOptions {
        rows: 50,
        credentials: Some(("ops".into(), secret.into())),
        ..DemoOptions::default()
    });
    let project = Project::on(&server.url()).set("server.username=ops");
    project.feed("raw", "stream", "transaction_stream", "");
    let run = |password: &str, args: &[&str]| {
        Ran::of(project.command(args).env("LAKEHAND_PASSWORD", password).output().unwrap())
    };
    assert_eq!(run(secret, &["export", "--all"]).code, 0);
    let wrong_password = run("wrong-planted", &["doctor"]);
    assert_eq!(wrong_password.code, 1);
    assert!(wrong_password.out.contains("401"), "{}", wrong_password.out);
    let ran = [
        wrong_password,
        run(secret, &["doctor"]),
        run(secret, &["doctor", "--json"]),
        run(secret, &["check", "--deep"]),
        run(secret, &["check", "--repair", "--json"]),
        run(secret, &["feeds", "show", "raw", "--days"]),
        run(secret, &["export", "--feed", "raw", "--day", "2025-01-15"]),
    ];
    let mut everything = project.log();
    for ran in ran {
        everything += &(ran.out + &ran.err);
    }
    assert!(!everything.contains("planted"), "{everything}");
    // Nor is it in the lake: footers and metadata name the server without credentials.
    let mut folders = vec![project.path().join("data_lake")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let bytes = fs::read(entry.path()).unwrap();
                assert!(memchr::memmem::find(&bytes, b"planted").is_none(), "{}", entry.path().display());
            }
        }
    }
}

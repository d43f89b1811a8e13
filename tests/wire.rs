//! The recordings of a real ksqlDB server, replayed byte for byte to the real client.
//!
//! `tests/wire/<case>/` holds the request, the head, the body and the trace of the transport. [`every_recording`] lists what
//! the client makes of each in `docs/recordings.md`; run it with `UPDATE=1` after a change that is meant. What the listing
//! says is checked against the recordings' own words, too, so that a wrong listing cannot become the expectation.

#[path = "wire/harness/mod.rs"]
mod harness;
#[path = "wire/requests.rs"]
mod requests;
#[path = "wire/tls.rs"]
mod tls;
#[path = "wire/traps.rs"]
mod traps;

use std::fmt::Write as _;
use std::path::Path;

use harness::outcome::{Read, outcome, query_kind, read};
use harness::recording::{self, End};
use harness::server::Cutting;
use lakehand::Kind;
use lakehand::ksql::response::Frames;

/// Folders of the recordings as they were handed over.
const COUNT: usize = 536;

#[tokio::test]
async fn every_recording() {
    let mut listing = String::from(
        "# What lakehand makes of each recording of a real server\n\n\
         ksqlDB 7.4.15 (0.29 line). Written by `UPDATE=1 cargo test --test wire`; the test fails when it differs.\n\
         A word in bold is the kind of the error that the client reports. The recordings are in `tests/wire/`, a folder each;\n\
         of large bodies only the beginning and the end are kept, and rows are counted in what is kept.\n\n\
         | recording | status, transport | what was recorded | what the client makes of it |\n|---|---|---|---|\n",
    );
    let recordings = recording::all();
    assert_eq!(recordings.len(), COUNT);
    for recording in &recordings {
        let made = outcome(recording).await;
        let title = recording.title.replace('|', "\\|").replace('\n', " ");
        let title: String = title.chars().take(160).collect();
        let _ = writeln!(
            listing,
            "| {} | {}, {} | {title} | {made} |",
            recording.id,
            recording.status,
            recording.end.name()
        );
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recordings.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &listing).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (now, then) in listing.lines().zip(expected.lines()) {
        assert_eq!(now, then, "docs/recordings.md says otherwise; UPDATE=1 if the change is meant");
    }
    assert_eq!(listing.lines().count(), expected.lines().count());
}

#[tokio::test]
async fn complete_means_what_the_recording_says() {
    let mut complete = 0;
    for recording in recording::all() {
        if recording.method != "POST" || !["/query", "/query-stream"].contains(&recording.path.as_str()) {
            continue;
        }
        let mut rows = 0_u64;
        let read = read(&recording, Cutting::AsRecorded, &mut |element| {
            rows += u64::from(matches!(element, lakehand::ksql::response::Element::Row { .. }));
            Ok(())
        })
        .await;
        let id = &recording.id;
        match read {
            Read::Complete(done) => {
                assert!(recording.says_complete() && recording.is_v1(), "{id} was taken for complete");
                assert_eq!((done.rows, rows), (recording.rows(), recording.rows()), "{id}");
                complete += 1;
            }
            Read::Failed(error) => {
                // Its header holds a name with a backtick, which cannot be read.
                let unreadable = id == "odd-names-alias-backtick";
                assert!(
                    unreadable || !(recording.says_complete() && recording.is_v1()),
                    "{id} was refused: {error}"
                );
                assert_ne!(error.kind(), Kind::Bug);
                if recording.status == 200 && recording.end == End::Cut && recording.is_v1() {
                    assert_eq!(error.kind(), Kind::Incomplete, "{id}: {error}");
                }
            }
            Read::Silent { .. } => assert_eq!(recording.end, End::Open, "{id}"),
        }
    }
    assert!(complete > 100, "only {complete} recordings were complete");
}

#[tokio::test]
async fn one_byte_at_a_time_changes_nothing() {
    for recording in recording::all() {
        if recording.method != "POST" || !["/query", "/query-stream"].contains(&recording.path.as_str()) {
            continue;
        }
        let id = &recording.id;
        if recording.body.len() <= 1500 {
            let whole = read(&recording, Cutting::AsRecorded, &mut |_| Ok(())).await;
            let bytes = read(&recording, Cutting::OneByte, &mut |_| Ok(())).await;
            match (whole, bytes) {
                (Read::Complete(a), Read::Complete(b)) => assert_eq!(a, b, "{id}"),
                (Read::Failed(a), Read::Failed(b)) => assert_eq!(a.kind(), b.kind(), "{id}"),
                (Read::Silent { rows: a }, Read::Silent { rows: b }) => assert_eq!(a, b, "{id}"),
                _ => panic!("{id} is read otherwise one byte at a time"),
            }
        } else if recording.says_complete() && recording.is_v1() {
            let mut frames = Frames::new(query_kind(&recording).1, 1 << 20);
            for byte in recording.body.chunks(1) {
                frames.push(byte, &mut |_| Ok(())).unwrap();
            }
            assert_eq!(frames.end().unwrap().rows, recording.rows(), "{id}");
        }
    }
}

#[test]
fn no_recorded_answer_is_complete_before_its_end() {
    for recording in recording::all() {
        let size = recording.body.trim_ascii_end().len();
        if !recording.says_complete()
            || !recording.is_v1()
            || size > 3000
            || !recording.path.starts_with("/query")
        {
            continue;
        }
        for end in 0..size {
            let mut frames = Frames::new(query_kind(&recording).1, 1 << 20);
            let part =
                frames.push(&recording.body[..end], &mut |_| Ok(())).and_then(|()| frames.end().map(|_| ()));
            assert!(part.is_err(), "{} passes for complete after {end} of {size} bytes", recording.id);
        }
    }
}

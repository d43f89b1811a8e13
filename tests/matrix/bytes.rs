//! Small answers cut at every byte: the whole way into a lake, and the framing alone on recordings of a real server.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lakehand::demo::{DemoOptions, DemoServer, Fault};
use lakehand::export::Outcome;
use lakehand::feed::{Feed, parse_feed};
use lakehand::ksql::client::{Chunk, Client, ClientOptions, Query, QueryKind};
use lakehand::ksql::response::{Frames, Framing};
use lakehand::lake::{Lake, read_metadata};

use crate::engine::{export_once, setup};
use crate::outcome::Totals;
use crate::support::{positions, row_count};

/// One answer, cut at every byte.
pub(crate) struct Cuts {
    pub(crate) name: String,
    pub(crate) totals: Totals,
    /// When it counted as complete.
    pub(crate) complete_with: String,
    pub(crate) complaints: Vec<String>,
}

/// Transactions of the small server.
const ROWS: u64 = 2;

pub(crate) fn all() -> Vec<Cuts> {
    let stream = r#"{"feed_name": "f", "feed_type": "stream", "ksqldb_source": "transaction_stream", "exclude_columns":
        ["TRANSACTION_ID", "USER_ID", "CURRENCY", "PAYMENT_METHOD", "TRANSACTION_TYPE", "CARD_NUMBER", "IBAN", "CUSTOMER",
         "ITEMS", "METADATA", "EVENT_TIME"]}"#;
    let table = r#"{"feed_name": "f", "feed_type": "table", "ksqldb_source": "payment_method_totals",
        "exclude_columns": ["CURRENCIES", "TOTAL_AMOUNT"]}"#;
    let mut cuts = vec![
        into_the_lake("stream, `/query-stream`, into the lake", stream, QueryKind::StreamPush),
        into_the_lake("table, legacy `/query`, into the lake", table, QueryKind::TablePullLegacy),
        into_the_lake("table, `/query-stream`, into the lake", table, QueryKind::TablePull),
    ];
    for (framing, recording) in [
        (Framing::Stream, "push-closed-v1"),
        (Framing::Table, "tp-scan-payment-method-totals"),
        (Framing::LegacyTable, "tp-scan-legacy-payment-method-totals"),
        (Framing::LegacyStream, "push-limit-legacy"),
    ] {
        cuts.push(framed(framing, recording));
    }
    cuts
}

/// One export; gives whether it said that it was done.
async fn export(url: &str, lake: &Lake, feed: &Feed) -> bool {
    matches!(export_once(setup(url, lake.clone()), feed.clone()).await, Outcome::Done { .. })
}

/// Length of the answer to the feed's query.
async fn length(server: &DemoServer, feed: &Feed, kind: QueryKind) -> u64 {
    let root = tempfile::tempdir().unwrap();
    assert!(export(&server.url(), &Lake::new(root.path()), feed).await);
    let sql =
        server.log().into_iter().filter_map(|seen| seen.sql).rfind(|sql| sql.starts_with("SELECT")).unwrap();
    let client = Client::new(ClientOptions::new(server.url())).unwrap();
    let mut answer = client.open(&Query { sql, kind }).await.unwrap();
    while let Chunk::Data(_) = answer.chunk(Duration::from_millis(700)).await.unwrap() {}
    answer.bytes()
}

fn into_the_lake(name: &str, feed: &str, kind: QueryKind) -> Cuts {
    let feed = parse_feed(feed, "f").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let options = || DemoOptions { rows: ROWS, partitions: 1, ..DemoOptions::default() };
    let refuse = |server: &DemoServer| {
        if kind == QueryKind::TablePull {
            server.faults().all_with("POST /query\n", Fault::Status { code: 405, retry_after: None });
        }
    };
    let length = runtime.block_on(async {
        let server = DemoServer::start(options()).await.unwrap();
        refuse(&server);
        length(&server, &feed, kind).await
    });
    let next = AtomicU64::new(1);
    let found: Mutex<(Totals, Vec<String>)> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let server = runtime.block_on(DemoServer::start(options())).unwrap();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at > length {
                        return;
                    }
                    server.faults().clear();
                    refuse(&server);
                    let (totals, complaint) = runtime.block_on(cut_at(&server, &feed, kind, at));
                    let mut found = found.lock().unwrap();
                    found.0.add(totals);
                    found
                        .1
                        .extend(complaint.map(|c| format!("{name}, cut after byte {at} of {length}: {c}")));
                }
            });
        }
    });
    let (totals, complaints) = found.into_inner().unwrap();
    let complete_with = match kind {
        QueryKind::StreamPush => "the last offset that was asked for",
        _ => "its end mark",
    };
    Cuts { name: name.into(), totals, complete_with: complete_with.into(), complaints }
}

async fn cut_at(server: &DemoServer, feed: &Feed, kind: QueryKind, at: u64) -> (Totals, Option<String>) {
    let mut totals = Totals { tried: 1, ..Totals::default() };
    let root = crate::support::scratch();
    let lake = Lake::new(root.path());
    let dir = lake.dataset_dir(feed).unwrap();
    let path = if kind == QueryKind::TablePullLegacy { "POST /query\n" } else { "POST /query-stream\n" };
    server.faults().next_with(path, Fault::CutAfterBytes(at));
    let done = export(&server.url(), &lake, feed).await;
    let expected = server.expected_rows().datasets[&feed.source.to_uppercase()].rows;
    let held = || {
        if kind == QueryKind::StreamPush {
            let seen = positions(&dir);
            (seen.len() as u64, seen.values().sum::<usize>() as u64 - seen.len() as u64)
        } else {
            let rows = row_count(&dir);
            (rows.min(expected), rows.saturating_sub(expected))
        }
    };
    let (rows, doubled) = held();
    let caught_up = read_metadata(&dir).unwrap().is_some_and(|m| m.caught_up);
    totals.doubled += doubled;
    totals.claims += u64::from((done || caught_up) && rows < expected);
    let partial_table = kind != QueryKind::StreamPush && rows > 0 && rows < expected;
    let again = export(&server.url(), &lake, feed).await;
    let (last, doubled) = held();
    totals.doubled += doubled;
    totals.lost += expected - last;
    let fine = again && last == expected && !partial_table && totals.claims + totals.doubled == 0;
    let complaint = (!fine).then(|| {
        format!("done {done}, caught up {caught_up}, {rows} of {expected} rows; then {last}, {again}")
    });
    (totals, complaint)
}

/// The framing alone: complete is only the whole answer.
fn framed(framing: Framing, recording: &str) -> Cuts {
    let path = format!("{}/tests/wire/{recording}/response.body", env!("CARGO_MANIFEST_DIR"));
    let body = std::fs::read(path).unwrap();
    let whole = body.trim_ascii_end().len();
    let mut totals = Totals::default();
    let mut complaints = Vec::new();
    for at in 0..=body.len() {
        totals.tried += 1;
        let mut frames = Frames::new(framing, 1 << 20);
        let pushed = frames.push(&body[..at], &mut |_| Ok(()));
        // And the same byte by byte.
        let mut single = Frames::new(framing, 1 << 20);
        let trickled = body[..at].chunks(1).try_for_each(|byte| single.push(byte, &mut |_| Ok(())));
        let complete = pushed.is_ok() && frames.end().is_ok();
        if complete != (trickled.is_ok() && single.end().is_ok()) {
            complaints.push(format!("{recording}, cut after byte {at}: the chunks decide"));
        }
        if complete != (at >= whole) {
            totals.claims += u64::from(complete);
            complaints.push(format!("{recording}, cut after byte {at} of {whole}: complete {complete}"));
        }
    }
    Cuts {
        name: format!("{framing:?}, recording `{recording}`"),
        totals,
        complete_with: "its last byte".into(),
        complaints,
    }
}

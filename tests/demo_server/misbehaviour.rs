//! Each fault does what it says, and nothing else goes wrong with it.

use std::time::{Duration, Instant};

use lakehand::demo::{DemoServer, Fault};

use crate::support::{Answer, End, Exchange, V1, ksql, legacy, open, query, server, until};

const SQL: &str = "SELECT transaction_id, amount FROM transaction_stream;";
const COMPLETED: &str = "{\"finalMessage\":\"Query Completed\"}]";

async fn with(server: &DemoServer, fault: Fault) -> Answer {
    server.faults().next(fault);
    query(server, SQL).await
}

#[tokio::test]
async fn answers_are_cut_or_ended_early() {
    let server = server(50).await;
    let whole = query(&server, SQL).await;
    assert!(whole.text().ends_with(COMPLETED));
    for rows in [0, 7, 50] {
        let cut = with(&server, Fault::CutAfterRows(rows)).await;
        assert_eq!((cut.end, cut.rows().len() as u64), (End::Cut, rows));
        let ended = with(&server, Fault::EndAfterRows(rows)).await;
        assert_eq!((ended.end, ended.rows().len() as u64), (End::Clean, rows));
        assert!(ended.text().ends_with(",\n"), "no mark");
        let lied = with(&server, Fault::CompletedAfterRows(rows)).await;
        assert_eq!((lied.end, lied.rows().len() as u64), (End::Clean, rows));
        assert!(lied.text().ends_with(COMPLETED));
        let failed = with(&server, Fault::ErrorAfterRows(rows)).await;
        assert_eq!((failed.end, failed.rows().len() as u64), (End::Clean, rows));
        assert!(failed.text().ends_with("Failure in processing\"}},\n]"), "{}", failed.text());
    }
    for bytes in [1, 500] {
        let cut = with(&server, Fault::CutAfterBytes(bytes)).await;
        assert_eq!((cut.end, cut.body.len() as u64), (End::Cut, bytes));
    }
    assert_eq!(query(&server, SQL).await.rows(), whole.rows(), "faults for the next query are used up");
}

#[tokio::test]
async fn tables_are_cut_and_fail_in_their_framing() {
    let server = server(500).await;
    let sql = "SELECT * FROM user_transaction_summary;";
    server.faults().all_with("user_transaction_summary", Fault::CutAfterRows(20));
    let (newer, older) = (query(&server, sql).await, legacy(&server, sql).await);
    assert_eq!((newer.end, newer.rows().len()), (End::Cut, 20));
    assert_eq!((older.end, older.rows().len()), (End::Cut, 20));
    assert!(query(&server, SQL).await.text().ends_with(COMPLETED), "other queries are not met");
    server.faults().clear();
    server.faults().next(Fault::ErrorAfterRows(3));
    assert!(query(&server, sql).await.text().ends_with("\"}}]"));
    server.faults().next(Fault::ErrorAfterRows(3));
    assert!(legacy(&server, sql).await.text().ends_with("\"}}]\n"));
}

#[tokio::test]
async fn rows_are_damaged_one_at_a_time() {
    let server = server(20).await;
    let whole = query(&server, SQL).await;
    let line = |answer: &Answer, at: usize| answer.text().lines().nth(at + 1).unwrap().to_owned();
    let extra = with(&server, Fault::ExtraValue(4)).await;
    assert_eq!(line(&extra, 4), line(&whole, 4).replace("]}}", ",null]}}"));
    assert_eq!(with(&server, Fault::MissingValue(4)).await.rows()[4].len(), 1);
    let again = with(&server, Fault::SecondHeader(2)).await;
    assert!(line(&again, 2).starts_with("{\"header\""));
    assert_eq!(again.rows(), whole.rows());
    let garbage = with(&server, Fault::Garbage(0)).await;
    assert!(serde_json::from_str::<serde_json::Value>(line(&garbage, 0).trim_end_matches(',')).is_err());
    assert!(std::str::from_utf8(&with(&server, Fault::InvalidUtf8(3)).await.body).is_err());
    assert!(line(&with(&server, Fault::HugeRow(1, 3_000_000)).await, 1).len() > 3_000_000);
    let replayed = with(&server, Fault::Replay { after: 10, back: 4 }).await.rows();
    assert_eq!(replayed.len(), 24);
    assert_eq!(replayed[6..10], replayed[10..14]);
    let added = with(&server, Fault::ExtraColumn("NEW".into())).await;
    assert!(
        added.text().contains("`AMOUNT` DECIMAL(12, 2), `NEW` STRING\"") && added.rows()[19][2].is_null()
    );
    let retyped = Fault::Retype { column: "AMOUNT".into(), type_text: "DOUBLE".into() };
    assert!(with(&server, retyped).await.text().contains("`AMOUNT` DOUBLE\""));
}

#[tokio::test]
async fn answers_are_slow_or_stall() {
    let server = server(5).await;
    let pause = Duration::from_millis(30);
    let since = Instant::now();
    assert_eq!(with(&server, Fault::Slow(pause)).await.rows().len(), 5);
    assert!(since.elapsed() >= pause * 5);
    let since = Instant::now();
    assert_eq!(with(&server, Fault::StallAfterRows(2, Some(pause))).await.rows().len(), 5);
    assert!(since.elapsed() >= pause);
    let trickled = with(&server, Fault::Trickle).await;
    assert!(trickled.chunks.iter().all(|size| *size == 1));
    assert!(trickled.text().ends_with(COMPLETED));
    server.faults().next(Fault::StallAfterRows(2, None));
    let mut stalled = open(&server, SQL).await;
    stalled.read_until(|text| text.matches("\"row\"").count() == 2).await;
    assert!(tokio::time::timeout(pause, stalled.chunk()).await.is_err(), "nothing more comes");
    drop(stalled);
    until(async || server.running() == 0).await;
}

#[tokio::test]
async fn requests_are_refused_with_a_status() {
    let server = server(5).await;
    server.faults().next(Fault::Status { code: 503, retry_after: Some(7) });
    let busy = query(&server, SQL).await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("7")));
    assert!(busy.text().contains("\"error_code\":50303"));
    server.faults().all_with("GET /info", Fault::Status { code: 401, retry_after: None });
    let info = Exchange::open(&server, "GET", "/info", &[("Accept", V1)], "").await.unwrap();
    assert_eq!(info.status, 401);
    assert_eq!(query(&server, SQL).await.status, 200);
}

#[tokio::test]
async fn ends_can_be_hidden_and_sources_can_change() {
    let server = server(5).await;
    let describe = "DESCRIBE TRANSACTION_FLATTENED EXTENDED;";
    let summaries = "/0/sourceDescription/queryOffsetSummaries";
    server.faults().next(Fault::NoOffsets);
    let hidden = ksql(&server, describe).await.1;
    assert_eq!(hidden.pointer(summaries).unwrap().as_array().unwrap().len(), 0);
    let shown = ksql(&server, describe).await.1;
    assert_eq!(shown.pointer(summaries).unwrap().as_array().unwrap().len(), 1);
    server.add_column("transaction_flattened", "LOYALTY");
    let fields = ksql(&server, describe).await.1;
    assert_eq!(fields.pointer("/0/sourceDescription/fields/20/name").unwrap(), "LOYALTY");
    let answer = query(&server, "SELECT transaction_id, loyalty FROM transaction_flattened;").await;
    assert!(answer.rows().iter().all(|row| row[1].is_null()));
}

#[tokio::test]
async fn connections_are_refused_and_servers_restart_at_the_same_port() {
    let server = server(10).await;
    let mut push = open(&server, "SELECT * FROM transaction_stream EMIT CHANGES;").await;
    push.read_until(|text| text.matches("\"row\"").count() == 10).await;
    server.faults().refuse_connections(true);
    until(async || Exchange::open(&server, "GET", "/info", &[], "").await.is_err()).await;
    server.append(1);
    push.read_until(|text| text.contains("\"row\"")).await;
    server.faults().refuse_connections(false);
    until(async || Exchange::open(&server, "GET", "/info", &[], "").await.is_ok()).await;
    server.faults().restart();
    assert_eq!(push.finish().await.end, End::Cut);
    until(async || server.running() == 0).await;
    assert_eq!(query(&server, SQL).await.rows().len(), 11);
}

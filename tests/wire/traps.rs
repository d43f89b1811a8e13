//! The traps of a real server, each by its name: what it did once, and what the client makes of it.

use std::collections::{BTreeMap, BTreeSet};

use lakehand::ksql::client::{Client, EndOffsets, Query, QueryKind};
use lakehand::ksql::describe::{self, QueryProgress};
use lakehand::ksql::response::{Element, Mark};
use lakehand::ksql::schema::Column;
use lakehand::ksql::statement::{select_stream, select_table, table_pull_sql};
use lakehand::{Error, Kind};

use crate::harness::outcome::{Read, client, read};
use crate::harness::recording::load;
use crate::harness::server::{Cutting, Reply, Server};

/// Header, rows as text (with `!` before a tombstone), and how it ended.
async fn answer(id: &str) -> (Vec<Column>, Vec<String>, Read) {
    let (mut header, mut rows) = (Vec::new(), Vec::new());
    let read = read(&load(id), Cutting::AsRecorded, &mut |element| {
        match element {
            Element::Header { columns, .. } => header = columns.to_vec(),
            Element::Row { values, tombstone } => {
                rows.push(format!("{}{}", if tombstone { "!" } else { "" }, String::from_utf8_lossy(values)));
            }
        }
        Ok(())
    })
    .await;
    (header, rows, read)
}

async fn failure(id: &str) -> Error {
    match answer(id).await.2 {
        Read::Failed(error) => error,
        Read::Complete(_) => panic!("{id} was taken for complete"),
        Read::Silent { .. } => panic!("{id} did not end"),
    }
}

async fn mark(id: &str) -> Mark {
    match answer(id).await.2 {
        Read::Complete(done) => done.mark,
        Read::Failed(error) => panic!("{id}: {error}"),
        Read::Silent { .. } => panic!("{id} did not end"),
    }
}

/// A client whose server answers each statement with a recording.
async fn scripted(script: &'static [(&'static str, &'static str)]) -> (Client, Server) {
    let server = Server::start(move |request| {
        let statement = request.json()["ksql"].as_str().unwrap_or_default().to_owned();
        match script.iter().find(|(wanted, _)| *wanted == statement) {
            Some((_, id)) => Reply::of(&load(id), Cutting::AsRecorded),
            None => {
                Reply::json(400, &format!(r#"{{"error_code":40001,"message":"not expected: {statement}"}}"#))
            }
        }
    })
    .await;
    (client(&server.url), server)
}

#[tokio::test]
async fn a_clean_end_of_the_transport_is_no_success() {
    for (id, words) in [
        ("sigterm-sp-legacy", "without its final message"),
        ("tp-slow-legacy", "without its end mark"),
        ("sigterm-tp-v1", "RocksDB iterator"),
    ] {
        let error = failure(id).await;
        assert_eq!(error.kind(), Kind::Incomplete, "{id}");
        assert!(error.to_string().contains(words), "{id}: {error}");
    }
}

#[tokio::test]
async fn a_cut_connection_says_after_how_many_bytes() {
    for id in ["kill9-sp-v1", "kill9-tp-v1", "kill9-tp-legacy", "sigterm-sp-v1", "kill9-push-active-v1-h2"] {
        let error = failure(id).await;
        let length = load(id).body.len();
        assert_eq!(error.kind(), Kind::Incomplete, "{id}");
        assert!(
            error.what().starts_with(&format!("the connection was cut after {length} bytes")),
            "{id}: {error}"
        );
    }
}

#[tokio::test]
async fn a_query_that_somebody_closed_looks_complete_so_the_mark_alone_proves_no_end() {
    for id in [
        "push-closed-v1",
        "push-terminated-v1-h2",
        "sigterm-push-active-v1",
        "sp-closed-v1-h2",
        "push-close-loses-queued",
    ] {
        assert_eq!(mark(id).await, Mark::QueryCompleted, "{id}");
    }
}

#[tokio::test]
async fn limit_can_overshoot_so_rows_are_counted() {
    assert!(load("push-limit-overshoot").title.contains("more than 5000 rows"));
    assert_eq!(mark("push-limit-overshoot").await, Mark::LimitReached);
    assert_eq!(mark("sp-limit-exact").await, Mark::LimitReached);
    assert_eq!(mark("sp-limit-more").await, Mark::QueryCompleted);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_silence_and_not_success() {
    for (id, rows) in [("sp-transactions-ctl3", 2), ("wrong-props-field", 0), ("push-idle-v1", 10)] {
        match answer(id).await.2 {
            Read::Silent { rows: seen } => assert_eq!(seen, rows, "{id}"),
            _ => panic!("{id} ended"),
        }
    }
}

#[tokio::test]
async fn heart_beats_of_the_legacy_writer_are_no_rows() {
    assert!(load("err-max-push-sp-legacy").body.windows(2).any(|pair| pair == b"\n\n"));
    let (_, rows, read) = answer("err-max-push-sp-legacy").await;
    assert!(matches!(read, Read::Complete(done) if done.rows == rows.len() as u64));
}

#[tokio::test]
async fn the_scan_of_a_session_table_fails_in_three_ways() {
    for (id, kind) in [
        ("tp-scan-user-sessions", Kind::Refused),
        ("tp-scan-legacy-user-sessions", Kind::Refused),
        ("tp-session-scan-500-v1", Kind::Incomplete),
        ("tp-session-scan-hang-delimited", Kind::Garbled),
    ] {
        assert_eq!(failure(id).await.kind(), kind, "{id}");
    }
}

#[tokio::test]
async fn a_session_table_is_refused_before_any_query() {
    let described = describe::description(&load("describe-ext-user-sessions").body).unwrap();
    let error = select_table(&described, &[], &BTreeMap::new()).unwrap_err();
    assert_eq!(error.kind(), Kind::Feed);
    assert!(error.advice().unwrap().contains("\"read\": \"kafka\""), "{error}");
}

#[tokio::test]
async fn a_plain_table_is_refused_by_the_server_with_the_way_out() {
    for id in ["tp-plain-not-queryable", "tp-plain-not-queryable-legacy"] {
        let error = failure(id).await;
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.advice().unwrap().contains("\"read\": \"kafka\""), "{error}");
    }
}

#[tokio::test]
async fn a_full_server_is_busy_although_it_says_bad_request() {
    for id in ["err-max-push", "err-max-push-legacy", "err-max-push-query"] {
        let error = failure(id).await;
        assert_eq!(error.kind(), Kind::Busy, "{id}");
        assert!(!error.to_string().contains("SELECT"), "the statement is not repeated: {error}");
    }
}

#[tokio::test]
async fn a_table_that_is_not_ready_is_busy_although_it_says_bad_request() {
    for id in ["tp-not-ready-v1", "tp-not-ready-json", "tp-not-ready-delimited"] {
        assert_eq!(failure(id).await.kind(), Kind::Busy, "{id}");
    }
}

#[tokio::test]
async fn a_command_runner_that_is_stuck_is_busy() {
    for id in ["err-ddl-command-topic-timeout", "err-ddl-create-type-timeout"] {
        let recording = load(id);
        let server = Server::start(move |_| Reply::of(&recording, Cutting::AsRecorded)).await;
        let error = client(&server.url).execute("DROP STREAM X;", &BTreeMap::new()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Busy, "{id}: {error}");
    }
}

#[tokio::test]
async fn pulls_know_no_offsets() {
    for id in ["err-qs-rowoffset-pull", "err-qs-rowpartition-pull-where", "err-legacy-rowoffset-pull"] {
        let error = failure(id).await;
        assert_eq!(error.kind(), Kind::Refused, "{id}");
        assert!(error.to_string().contains("code 40001"), "{error}");
    }
}

#[tokio::test]
async fn tombstones_are_told_from_rows() {
    let (_, rows, _) = answer("push-live-tombstones-v1").await;
    assert!(
        rows.iter().any(|row| row.starts_with('!')) && rows.iter().any(|row| row.starts_with('[')),
        "{rows:?}"
    );
}

/// Row texts by the labels of the header.
async fn labelled(id: &str) -> Vec<BTreeMap<String, serde_json::Value>> {
    let (header, rows, _) = answer(id).await;
    rows.iter()
        .map(|row| {
            let values: Vec<serde_json::Value> = serde_json::from_str(row).unwrap();
            header.iter().map(|column| column.name.clone()).zip(values).collect()
        })
        .collect()
}

#[tokio::test]
async fn header_columns_are_asked_for_in_the_one_way_that_keeps_values_under_their_names() {
    for (described, listed, starred) in
        [("describe-hdr-ta", "hdr-ta-kvh", "hdr-ta-star"), ("describe-hdr-t", "hdr-tp-list", "hdr-tp-star")]
    {
        let source = describe::description(&load(described).body).unwrap();
        let selection = select_table(&source, &[], &BTreeMap::new()).unwrap();
        let sql = table_pull_sql(&source.name, &selection);
        let (right, wrong) = if sql.contains('*') { (starred, listed) } else { (listed, starred) };
        selection.check_header(&answer(right).await.0).unwrap();
        let is_right = |row: &BTreeMap<String, serde_json::Value>| row["V"].is_i64() && !row["H"].is_i64();
        assert!(labelled(right).await.iter().all(is_right), "{right}");
        assert!(!labelled(wrong).await.iter().all(is_right), "{wrong} is no longer the trap that it was");
    }
}

#[tokio::test]
async fn the_end_of_the_log_is_told_by_the_sink_of_a_query_that_reads_the_stream() {
    let (client, _server) = scripted(&[
        ("DESCRIBE `TRANSACTION_STREAM`;", "describe-transaction-stream"),
        ("DESCRIBE `TRANSACTION_FLATTENED` EXTENDED;", "bounded-a-1-ends"),
    ])
    .await;
    let mut source = client.describe("TRANSACTION_STREAM").await.unwrap();
    source.read_queries.retain(|query| query.sinks.contains(&"TRANSACTION_FLATTENED".to_owned()));
    let EndOffsets { via, partitions } = client.end_offsets(&source).await.unwrap().unwrap();
    let ends: Vec<_> = partitions.iter().map(|(partition, offsets)| (*partition, offsets.log_end)).collect();
    assert_eq!((via.as_str(), ends), ("TRANSACTION_FLATTENED", vec![(0, 100), (1, 93), (2, 107)]));
}

#[tokio::test]
async fn a_sink_that_is_gone_does_not_hide_the_next_one() {
    let (client, server) =
        scripted(&[("DESCRIBE `TRANSACTION_FLATTENED` EXTENDED;", "bounded-a-1-ends")]).await;
    let mut source = describe::description(&load("describe-transaction-stream").body).unwrap();
    source.read_queries.sort_by_key(|query| query.sinks.contains(&"TRANSACTION_FLATTENED".to_owned()));
    assert!(source.read_queries.len() > 1);
    assert!(client.end_offsets(&source).await.unwrap().is_some());
    assert_eq!(server.requests().len(), source.read_queries.len(), "every sink is tried in its turn");
    source.read_queries.clear();
    assert!(client.end_offsets(&source).await.unwrap().is_none(), "no query reads it: nobody tells");
}

#[tokio::test]
async fn a_stream_that_no_query_writes_tells_no_offsets_of_its_own() {
    for id in ["describe-ext-transaction-stream", "describe-ext-while-push"] {
        assert!(describe::description(&load(id).body).unwrap().offsets.is_empty(), "{id}");
    }
}

#[tokio::test]
async fn progress_counts_what_was_processed_and_minus_one_is_nothing() {
    let (client, _server) = scripted(&[("SHOW QUERIES EXTENDED;", "show-queries-extended-push")]).await;
    let progress = client.progress("transient_SMALL_S_7388526149011562902").await.unwrap().unwrap();
    assert_eq!(progress[&0], QueryProgress { polled: 3, committed: 4 });
    assert_eq!(progress[&1], QueryProgress { polled: -1, committed: -1 });
    assert_eq!(client.progress("transient_SMALL_S_1").await.unwrap(), None);
}

#[tokio::test]
async fn offsets_of_a_resumed_read_come_once_and_in_order() {
    let mut seen = BTreeSet::new();
    for (id, count) in [("bounded-a-2-push", 300), ("bounded-b-2-push", 120), ("bounded-c-2-push", 0)] {
        let (_, rows, read) = answer(id).await;
        assert!(matches!(read, Read::Complete(_)));
        assert_eq!(rows.len(), count, "{id}");
        for row in rows {
            let values: Vec<serde_json::Value> = serde_json::from_str(&row).unwrap();
            assert!(seen.insert((values[0].as_i64(), values[1].as_i64())), "{row} came twice");
        }
    }
    assert_eq!(seen.len(), 420);
}

#[tokio::test]
async fn close_query_tells_unknown_from_closed() {
    for (id, closed) in [
        ("close-query-v1", true),
        ("close-query-unknown", false),
        ("close-query-tp", false),
        ("close-query-after-reset", false),
    ] {
        let recording = load(id);
        let server = Server::start(move |_| Reply::of(&recording, Cutting::AsRecorded)).await;
        assert_eq!(client(&server.url).close_query("transient_S_1").await.unwrap(), closed, "{id}");
        assert_eq!(server.requests()[0].body, r#"{"queryId":"transient_S_1"}"#);
    }
}

#[tokio::test]
async fn only_a_line_feed_ends_a_line_and_surrogates_stay_escaped() {
    let recording = load("types-each");
    let text = String::from_utf8(recording.body.clone()).unwrap();
    assert!(text.contains('\u{2028}') || text.contains("\\uD83D"), "the recording shows the odd characters");
    let (_, rows, read) = answer("types-each").await;
    assert!(matches!(read, Read::Complete(_)));
    assert_eq!(rows.len() as u64, recording.rows());
}

#[tokio::test]
async fn every_type_of_describe_is_that_of_the_header() {
    let source = describe::description(&load("describe-types").body).unwrap();
    let (header, _, _) = answer("types-sp-h2").await;
    let described: Vec<_> = source.columns.iter().map(|c| (&c.name, &c.sql_type)).collect();
    assert_eq!(header.iter().map(|c| (&c.name, &c.sql_type)).collect::<Vec<_>>(), described);
    let error = select_stream(&source, &[], &BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("a TIME inside an ARRAY or MAP loses its milliseconds"), "{error}");
    let selection = select_stream(&source, &["ATM".into()], &BTreeMap::new()).unwrap();
    assert!(
        selection.exprs.contains(&"`ST`->`DEC` AS `LAKEHAND_MEMBER_1`".to_owned()),
        "{:?}",
        selection.exprs
    );
}

#[tokio::test]
async fn the_pipelines_datasets_are_asked_for_as_the_server_shows_them() {
    let none = BTreeMap::new();
    for id in [
        "transaction-stream",
        "transaction-flattened",
        "transaction-stream-anonymized",
        "transaction-stream-blacklisted",
    ] {
        let source = describe::description(&load(&format!("describe-{id}")).body).unwrap();
        let selection = select_stream(&source, &[], &none).unwrap();
        assert_eq!(selection.columns.len(), source.columns.len() + 3, "{id}");
    }
    for id in [
        "user-transaction-summary",
        "user-transaction-summary-eur",
        "payment-method-totals",
        "product-purchase-counts",
        "daily-totals",
    ] {
        let source = describe::description(&load(&format!("describe-{id}")).body).unwrap();
        let selection = select_table(&source, &[], &none).unwrap();
        // These were recorded with `*`, which shows keys, then the window's bounds, then values, each as declared.
        let asked: Vec<_> = selection.columns.iter().map(|read| (&read.label, &read.sql_type)).collect();
        for scan in ["tp-scan", "tp-scan-legacy"] {
            let (header, _, _) = answer(&format!("{scan}-{id}")).await;
            assert_eq!(
                header.iter().map(|column| (&column.name, &column.sql_type)).collect::<Vec<_>>(),
                asked,
                "{id}"
            );
        }
    }
}

#[tokio::test]
async fn odd_names_survive_the_way_there_and_back() {
    let source = describe::description(&load("describe-odd-names").body).unwrap();
    let selection = select_stream(&source, &[], &BTreeMap::new()).unwrap();
    let (header, rows, _) = answer("odd-names-sp-list").await;
    assert_eq!(rows.len(), 1);
    // The recorded query also selects a member of the STRUCT, which is no column of the source.
    let same = header.iter().filter(|column| {
        selection.columns.iter().any(|read| read.label == column.name && read.sql_type == column.sql_type)
    });
    let odd: Vec<_> = same.map(|column| column.name.as_str()).collect();
    assert!(odd.contains(&"k e y") && odd.contains(&"a.b"), "{odd:?}");
}

#[tokio::test]
async fn other_formats_are_never_taken_for_an_answer() {
    for id in
        ["sp-qs-delimited", "sp-qs-json", "sp-qs-none", "tp-qs-json", "tp-qs-delimited", "tp-empty-json"]
    {
        let error = failure(id).await;
        assert!(matches!(error.kind(), Kind::Garbled | Kind::Incomplete), "{id}: {error}");
    }
}

#[tokio::test]
async fn credentials_and_rights_are_told_apart_from_other_refusals() {
    for (id, words) in [("auth-query-stream-none", "server.username"), ("auth-query-stream-norole", "rights")]
    {
        let error = failure(id).await;
        assert_eq!(error.kind(), Kind::Auth, "{id}");
        assert!(error.advice().unwrap().contains(words), "{error}");
    }
}

#[tokio::test]
async fn the_ways_of_asking_are_those_that_were_proved() {
    let server = Server::start(|_| Reply::silence_after_head()).await;
    let client = client(&server.url);
    for kind in
        [QueryKind::StreamPush, QueryKind::StreamPull, QueryKind::TablePull, QueryKind::TablePullLegacy]
    {
        let _answer = client.open(&Query { sql: "SELECT 1;".into(), kind }).await.unwrap();
    }
    let requests = server.requests();
    let first = |i: usize| requests[i].head.lines().next().unwrap().to_owned();
    assert_eq!(
        [first(0), first(1), first(2), first(3)],
        [
            "POST /query-stream HTTP/1.1",
            "POST /query-stream HTTP/1.1",
            "POST /query-stream HTTP/1.1",
            "POST /query HTTP/1.1"
        ]
    );
    for request in &requests {
        assert_eq!(request.header("accept"), Some("application/vnd.ksql.v1+json"));
        assert_eq!(request.header("content-type"), Some("application/vnd.ksql.v1+json"));
    }
    let push = requests[0].json();
    assert_eq!(push["properties"]["auto.offset.reset"], "earliest");
    assert_eq!(push["properties"]["ksql.streams.num.stream.threads"], 1, "with more, progress is told late");
    assert_eq!(push["properties"]["ksql.streams.commit.interval.ms"], 100);
    let legacy = requests[3].json();
    assert_eq!(legacy["ksql"], "SELECT 1;");
    assert_eq!(legacy["streamsProperties"]["ksql.endpoint.migrate.query"], false);
}

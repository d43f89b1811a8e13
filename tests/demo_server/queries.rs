//! Queries over time: resuming, waiting, closing, progress, helpers, limits, HTTP/2, authentication.

use lakehand::demo::{Accept, DemoOptions, DemoServer, Io};
use serde_json::{Value, json};

use crate::support::{End, Exchange, V1, client, ksql, legacy, open, query, rows, server, until};

/// The entry of SHOW QUERIES EXTENDED of the only push query: per partition its end and committed offset.
async fn progress(server: &DemoServer) -> Vec<(i64, i64)> {
    let (_, answer) = ksql(server, "SHOW QUERIES EXTENDED;").await;
    let queries = answer.pointer("/0/queryDescriptions").unwrap().as_array().unwrap();
    let push = queries.iter().find(|query| query["queryType"] == "PUSH");
    let Some(push) = push else { return Vec::new() };
    let tasks = push["tasksMetadata"].as_array().unwrap();
    let offsets = tasks.iter().map(|task| &task["topicOffsets"][0]);
    offsets.map(|o| (o["endOffset"].as_i64().unwrap(), o["committedOffset"].as_i64().unwrap())).collect()
}

fn query_id(text: &str) -> String {
    text.split("\"queryId\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

async fn close(server: &DemoServer, id: &str) -> u16 {
    let body = json!({"queryId": id}).to_string();
    Exchange::open(server, "POST", "/close-query", &[], &body).await.unwrap().status
}

/// The ends that DESCRIBE EXTENDED tells of the input topic `topic`.
async fn ends(server: &DemoServer, of: &str, topic: &str) -> Vec<u64> {
    let (_, answer) = ksql(server, &format!("DESCRIBE {of} EXTENDED;")).await;
    let topics = answer.pointer("/0/sourceDescription/queryOffsetSummaries/0/topicSummaries").unwrap();
    let summary = topics.as_array().unwrap().iter().find(|summary| summary["kafkaTopic"] == topic).unwrap();
    summary["offsets"].as_array().unwrap().iter().map(|o| o["logEndOffset"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_export_resumes_exactly_where_it_ended() {
    let server = server(900).await;
    let mut seen = std::collections::BTreeSet::new();
    let mut next = vec![0; 3];
    for (round, expected) in [900, 120, 0].into_iter().enumerate() {
        if round == 1 {
            server.append(120);
        }
        let ends = ends(&server, "transaction_flattened", "transactions").await;
        let ranges: Vec<_> = (0..3)
            .map(|p| format!("(ROWPARTITION={p} AND ROWOFFSET>={} AND ROWOFFSET<{})", next[p], ends[p]))
            .collect();
        let sql = format!(
            "SELECT `ROWPARTITION`, `ROWOFFSET`, `TRANSACTION_ID` FROM `TRANSACTION_STREAM` WHERE {} EMIT CHANGES;",
            ranges.join(" OR ")
        );
        let mut push = open(&server, &sql).await;
        let text = push.read_until(|text| rows(text).len() == expected && text.contains("header")).await;
        until(async || {
            progress(&server).await.iter().zip(&ends).all(|(p, e)| p.1 == i64::try_from(*e).unwrap())
        })
        .await;
        assert_eq!(close(&server, &query_id(&text)).await, 200);
        let rest = push.finish().await;
        assert_eq!(rest.text(), "{\"finalMessage\":\"Query Completed\"}]");
        for row in rows(&text) {
            assert!(seen.insert((row[0].as_u64(), row[1].as_u64())), "{row:?} came twice");
        }
        next = ends;
    }
    assert_eq!(seen.len(), 1_020);
    until(async || server.running() == 0).await;
}

#[tokio::test]
async fn a_push_waits_in_silence_and_sends_what_is_appended() {
    let server = server(5).await;
    // Without earliest it begins at the end; a property in the wrong field has no effect.
    let body = json!({"sql": "SELECT transaction_id FROM transaction_stream EMIT CHANGES;",
        "streamsProperties": {"auto.offset.reset": "earliest"}});
    let headers = [("Accept", V1)];
    let mut push =
        Exchange::open(&server, "POST", "/query-stream", &headers, &body.to_string()).await.unwrap();
    let header = push.chunk().await.unwrap().unwrap();
    assert!(header.ends_with(b"}},\n"), "the header comes at once, as a chunk of its own");
    server.append(4);
    for _ in 0..4 {
        let row = String::from_utf8(push.chunk().await.unwrap().unwrap()).unwrap();
        assert!(
            row.starts_with("{\"row\":{\"columns\":[\"tx-000000000") && row.ends_with("\"]}},\n"),
            "{row}"
        );
    }
    drop(push);
    until(async || server.running() == 0).await;
}

#[tokio::test]
async fn a_rate_adds_transactions() {
    let server = server(0).await;
    server.set_rate(2_000.0);
    until(async || server.transactions() > 100).await;
    server.set_rate(0.0);
    assert!(server.transactions() < 100_000);
}

#[tokio::test]
async fn closing_drops_what_is_queued_and_still_says_completed() {
    let server = server(200_000).await;
    let mut push = open(&server, "SELECT * FROM transaction_stream EMIT CHANGES;").await;
    let text = push.read_until(|text| text.contains("\"row\"")).await;
    // The reader stalls; the server goes on until the queue and the socket are full.
    let mut last = Vec::new();
    until(async || {
        let now = progress(&server).await;
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        std::mem::replace(&mut last, now.clone()) == now && now.iter().any(|p| p.1 > 0)
    })
    .await;
    let processed: i64 = last.iter().map(|(_, committed)| committed.max(&0)).sum();
    assert_eq!(close(&server, &query_id(&text)).await, 200);
    let rest = push.finish().await;
    assert_eq!(rest.end, End::Clean);
    assert!(rest.text().ends_with(",\n{\"finalMessage\":\"Query Completed\"}]"));
    let delivered = rows(&text).len() + rest.rows().len();
    assert!(i64::try_from(delivered).unwrap() < processed, "{delivered} delivered, {processed} processed");
}

#[tokio::test]
async fn terminate_ends_a_push_and_the_legacy_framing_ends_in_its_own_way() {
    let server = server(3).await;
    let body = json!({"ksql": "SELECT user_id FROM transaction_stream EMIT CHANGES;",
        "streamsProperties": {"auto.offset.reset": "earliest", "ksql.endpoint.migrate.query": "false"}});
    let mut push =
        Exchange::open(&server, "POST", "/query", &[("Accept", V1)], &body.to_string()).await.unwrap();
    let text = push.read_until(|text| rows(text).len() == 3).await;
    let id = query_id(&text);
    assert_eq!(close(&server, &id).await, 400, "legacy queries are unknown to /close-query");
    let (status, answer) = ksql(&server, &format!("TERMINATE {id};")).await;
    assert_eq!((status, &answer[0]["wasTerminated"]), (200, &Value::Bool(true)));
    assert!(push.finish().await.text().ends_with("\n{\"finalMessage\":\"Query Completed\"}]\n"));
    let pull = legacy(&server, "SELECT * FROM payment_method_totals;").await;
    assert!(pull.text().ends_with("]}}]"), "{}", pull.text());
}

#[tokio::test]
async fn derived_streams_can_be_made_and_dropped() {
    let server = server(100).await;
    let expected = server.expected_rows();
    let blacklisted = &expected.datasets["TRANSACTION_STREAM_BLACKLISTED"].end_offsets;
    let helper = "TRANSACTION_STREAM_BLACKLISTED_LAKEHAND_END";
    assert_eq!(&ends(&server, helper, "transaction_stream_blacklisted").await, blacklisted);
    assert_eq!(query(&server, &format!("SELECT * FROM {helper};")).await.rows().len(), 0);

    let copy = "CREATE STREAM `X_export` WITH (KAFKA_TOPIC='x', RETENTION_MS=-1) AS SELECT ROWPARTITION AS P, \
                  ROWOFFSET AS O, ROWTIME AS T, * FROM transaction_items EMIT CHANGES;";
    assert_eq!(ksql(&server, copy).await.0, 200);
    assert_eq!(ksql(&server, copy).await.0, 400, "the name is taken");
    let sql = "SELECT P, O, `ITEM` FROM `X_export` WHERE (P=1 AND O>=10) OR (P=2 AND O<3);";
    let answer = query(&server, sql).await;
    assert!(answer.text().ends_with("{\"finalMessage\":\"Query Completed\"}]"));
    let expected = expected.datasets["TRANSACTION_ITEMS"].end_offsets[1] - 10 + 3;
    assert_eq!(answer.rows().len() as u64, expected);

    assert_eq!(ksql(&server, "DROP STREAM transaction_items;").await.0, 400, "others read it");
    assert_eq!(ksql(&server, "DROP STREAM `X_export` DELETE TOPIC;").await.0, 200);
    assert_eq!(ksql(&server, "DESCRIBE `X_export`;").await.0, 400);
    let bare = DemoServer::start(DemoOptions { end_helpers: false, ..DemoOptions::default() }).await.unwrap();
    assert_eq!(ksql(&bare, &format!("DESCRIBE {helper};")).await.0, 400);
}

#[tokio::test]
async fn conditions_select_what_they_say() {
    let server = server(600).await;
    let count = async |condition: &str| {
        let sql = format!("SELECT 1 AS one FROM transaction_flattened WHERE {condition};");
        let answer = query(&server, &sql).await;
        assert_eq!(answer.status, 200, "{condition}: {}", answer.text());
        answer.rows().len()
    };
    let blacklisted = server.expected_rows().datasets["TRANSACTION_STREAM_BLACKLISTED"].rows;
    assert_eq!(count("customer_city IN ('Atlantis', 'Gotham')").await as u64, blacklisted);
    let card = count("payment_method = 'card'").await;
    assert_eq!(count("NOT payment_method = 'card'").await, 600 - card);
    let numbers = count("card_number IS NOT NULL").await;
    assert!(0 < numbers && numbers < card, "{numbers} of {card}");
    // A comparison with null is neither true nor false.
    assert_eq!(count("card_number = '1' OR NOT card_number = '1'").await, numbers);
    let early = count("ROWTIME < '2025-01-16T00:00:00'").await;
    assert_eq!(count("ROWTIME >= 1736985600000 AND ROWTIME >= 0").await, 600 - early);
    assert!(250 < early && early < 350, "{early}");
    assert_eq!(count("amount >= 100.5 OR amount < 100.5").await, 600);
    let key = "SELECT tx_count FROM user_sessions WHERE user_id = 'u0007';";
    let sessions: u64 = query(&server, key).await.rows().iter().map(|row| row[0].as_u64().unwrap()).sum();
    assert_eq!(sessions, count("user_id = 'u0007'").await as u64);
}

#[tokio::test]
async fn http2_and_http1_share_the_port() {
    let server = server(50).await;
    let http2 = client().http2_prior_knowledge().build().unwrap();
    let sql = json!({"sql": "SELECT * FROM transaction_stream;"}).to_string();
    let response = http2.post(format!("{}/query-stream", server.url())).header("Accept", V1).body(sql);
    let text = response.send().await.unwrap().text().await.unwrap();
    assert_eq!(rows(&text).len(), 50);
    let properties = json!({"ksql.endpoint.migrate.query": false});
    let body =
        json!({"ksql": "SELECT * FROM payment_method_totals;", "streamsProperties": properties}).to_string();
    let response = http2.post(format!("{}/query", server.url())).header("Accept", V1).body(body.clone());
    assert_eq!(response.send().await.unwrap().status(), 405, "the legacy writer speaks HTTP/1.1 only");
    let response =
        client().build().unwrap().post(format!("{}/query", server.url())).header("Accept", V1).body(body);
    assert_eq!(response.send().await.unwrap().status(), 200);
    assert_eq!(server.log().iter().filter(|seen| seen.http2).count(), 2);
}

#[tokio::test]
async fn push_queries_are_limited() {
    let options = DemoOptions { max_push_queries: 1, ..DemoOptions::default() };
    let server = DemoServer::start(options).await.unwrap();
    let sql = "SELECT * FROM transaction_stream EMIT CHANGES;";
    let first = open(&server, sql).await;
    let second = open(&server, sql).await.finish().await;
    assert_eq!(second.status, 400);
    assert!(second.text().contains("\"error_code\":40001") && second.text().contains("Configured limit: 1."));
    let pull = query(&server, "SELECT * FROM transaction_stream;").await;
    assert!(pull.text().contains("\"error_code\":40003"), "{}", pull.text());
    drop(first);
    until(async || server.running() == 0).await;
    assert_eq!(query(&server, "SELECT * FROM transaction_stream LIMIT 1;").await.status, 200);
}

#[tokio::test]
async fn a_stopped_server_frees_its_port_and_cuts_its_answers() {
    let server = server(10).await;
    let url = server.url();
    let mut push = open(&server, "SELECT * FROM transaction_stream EMIT CHANGES;").await;
    push.read_until(|text| rows(text).len() == 10).await;
    server.stop().await;
    assert_eq!(push.finish().await.end, End::Cut);
    assert!(tokio::net::TcpStream::connect(url.replace("http://", "")).await.is_err());
}

#[tokio::test]
async fn long_conditions_are_read_and_deep_ones_refused() {
    let server = server(30).await;
    let sql = |terms: u64| {
        let terms: Vec<_> = (0..terms).map(|n| format!("(ROWPARTITION=0 AND ROWOFFSET={n})")).collect();
        format!(
            "SELECT ROWOFFSET FROM transaction_stream WHERE {} EMIT CHANGES LIMIT 10;",
            terms.join(" OR ")
        )
    };
    assert_eq!(query(&server, &sql(5_000)).await.rows().len(), 10);
    let deep = format!("SELECT * FROM transaction_stream WHERE {}1=1;", "(".repeat(50_000));
    assert_eq!(query(&server, &deep).await.status, 400);
}

#[tokio::test]
async fn tls_is_spoken_where_the_hook_does_the_handshake() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let certificate = made.cert.der().clone();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let accept: Accept = std::sync::Arc::new(move |stream| {
        let acceptor = acceptor.clone();
        Box::pin(async move { Ok(Box::new(acceptor.accept(stream).await?) as Box<dyn Io>) })
    });
    let options = DemoOptions { rows: 9, accept: Some(("https", accept)), ..DemoOptions::default() };
    let server = DemoServer::start(options).await.unwrap();
    let trusted = reqwest::Certificate::from_der(&certificate).unwrap();
    let client = client().tls_certs_only([trusted]).build().unwrap();
    let body = json!({"sql": "SELECT * FROM transaction_stream;"}).to_string();
    let sent = client.post(format!("{}/query-stream", server.url())).header("Accept", V1).body(body).send();
    let response = sent.await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(rows(&response.text().await.unwrap()).len(), 9);
}

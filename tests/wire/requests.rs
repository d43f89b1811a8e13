//! How the client behaves before servers that are slow, elsewhere, or none at all.

use std::collections::BTreeMap;
use std::time::Duration;

use lakehand::Kind;
use lakehand::ksql::client::{Auth, Chunk, Client, ClientOptions, Query, QueryKind};
use lakehand::ksql::describe::CommandState;

use crate::harness::outcome::client;
use crate::harness::server::{Reply, Server};

fn push() -> Query {
    Query { sql: "SELECT 1 FROM `S` EMIT CHANGES;".into(), kind: QueryKind::StreamPush }
}

#[tokio::test]
async fn nobody_there_is_unreachable_with_the_way_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url).info().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable);
    assert!(error.advice().unwrap().contains("start the server"), "{error}");
}

#[tokio::test]
async fn no_head_in_time_is_unreachable() {
    let server = Server::start(|_| Reply::silence()).await;
    let mut options = ClientOptions::new(&server.url);
    options.first_byte_timeout = Duration::from_millis(30);
    let client = Client::new(options).unwrap();
    for error in [client.info().await.unwrap_err(), client.open(&push()).await.unwrap_err()] {
        assert_eq!(error.kind(), Kind::Unreachable);
        assert!(error.to_string().contains("no answer within 30ms"), "{error}");
    }
}

#[tokio::test]
async fn a_silent_answer_is_idle_and_the_time_since_the_last_byte_grows() {
    let server = Server::start(|_| Reply::silence_after_head()).await;
    let mut answer = client(&server.url).open(&push()).await.unwrap();
    let mut last = Duration::ZERO;
    for _ in 0..3 {
        let Chunk::Idle(idle) = answer.chunk(Duration::from_millis(5)).await.unwrap() else {
            panic!("not idle")
        };
        assert!(idle > last);
        last = idle;
    }
    assert_eq!(answer.inactivity_limit(), client(&server.url).options().inactivity_timeout);
}

#[tokio::test]
async fn white_space_without_end_ends_a_body() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = ClientOptions::new(format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = socket.read(&mut request).await;
                let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n";
                let _ = socket.write_all(head).await;
                while socket.write_all(b"1\r\n \r\n").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            });
        }
    });
    options.inactivity_timeout = Duration::from_millis(80);
    let client = Client::new(options).unwrap();
    let error = client.info().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Incomplete, "{error}");
    assert!(error.to_string().contains("said nothing for 80ms"), "{error}");
}

#[tokio::test]
async fn a_dropped_wait_loses_no_byte() {
    let server = Server::start(|_| Reply::chunks(&["ab", "cd", "ef"])).await;
    let mut answer = client(&server.url).open(&push()).await.unwrap();
    let mut seen = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = tokio::task::yield_now() => {}
            chunk = answer.chunk(Duration::from_secs(20)) => match chunk.unwrap() {
                Chunk::Data(bytes) => seen.extend_from_slice(&bytes),
                Chunk::Idle(_) => {}
                Chunk::End => break,
            },
        }
    }
    assert_eq!(seen, b"abcdef");
    assert_eq!(answer.bytes(), 6);
    assert_eq!(answer.chunk(Duration::ZERO).await.unwrap(), Chunk::End, "the end stays the end");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Server::start(|_| Reply::json(200, "{}")).await;
    let location = format!("location: {}/info\r\n", other.url);
    let server = Server::start(move |_| Reply::with_headers(307, &location, "")).await;
    let mut options = ClientOptions::new(&server.url);
    options.auth = Auth::Bearer("s3cret".into());
    let error = Client::new(options).unwrap().info().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    for (auth, sent) in [
        (Auth::Basic { username: "me".into(), password: "s3cret".into() }, "Basic bWU6czNjcmV0"),
        (Auth::Bearer("s3cret".into()), "Bearer s3cret"),
    ] {
        let server =
            Server::start(|_| Reply::json(401, r#"{"error_code":40100,"message":"Unauthorized"}"#)).await;
        let mut options = ClientOptions::new(&server.url);
        options.auth = auth;
        let client = Client::new(options).unwrap();
        let error = client.info().await.unwrap_err();
        assert_eq!(server.requests()[0].header("authorization"), Some(sent));
        for text in [error.to_string(), format!("{error:?}"), format!("{client:?}")] {
            assert!(!text.contains("s3cret") && !text.contains("bWU6"), "{text}");
        }
    }
}

#[tokio::test]
async fn the_wait_that_a_server_asks_for_is_kept() {
    let server = Server::start(|_| {
        Reply::with_headers(503, "retry-after: 10\r\n", r#"{"error_code":50302,"message":"not ready"}"#)
    })
    .await;
    for error in
        [client(&server.url).info().await.unwrap_err(), client(&server.url).open(&push()).await.unwrap_err()]
    {
        assert_eq!((error.kind(), error.wait()), (Kind::Busy, Some(Duration::from_secs(10))));
    }
}

#[tokio::test]
async fn a_statement_that_is_still_running_is_asked_for_until_it_is_done() {
    let server = Server::start(|request| match request.head.split_whitespace().nth(1) {
        Some("/ksql") => Reply::json(
            200,
            r#"[{"@type":"currentStatus","commandId":"stream/`X`/create","commandStatus":{"status":"QUEUED","message":"wait","queryId":null}}]"#,
        ),
        Some("/status/stream/%60X%60/create") => {
            Reply::json(200, r#"{"status":"SUCCESS","message":"Created query with ID CSAS_X_1","queryId":"CSAS_X_1"}"#)
        }
        other => Reply::json(404, &format!(r#"{{"message":"{other:?}"}}"#)),
    })
    .await;
    let outcome = client(&server.url).execute("CREATE STREAM X …;", &BTreeMap::new()).await.unwrap();
    assert_eq!((outcome.state, outcome.query_id.as_deref()), (CommandState::Success, Some("CSAS_X_1")));
}

#[tokio::test]
async fn a_statement_that_fails_later_is_refused() {
    let server = Server::start(|_| {
        Reply::json(
            200,
            r#"[{"@type":"currentStatus","commandId":"stream/`X`/create","commandStatus":{"status":"ERROR","message":"no topic"}}]"#,
        )
    })
    .await;
    let error = client(&server.url).execute("CREATE STREAM X …;", &BTreeMap::new()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("no topic"), "{error}");
}

#[tokio::test]
async fn something_else_that_listens_is_told_from_ksqldb() {
    let server = Server::start(|_| Reply::json(200, "<html>hello</html>")).await;
    let error = client(&server.url).info().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Garbled);
    assert!(error.advice().unwrap().contains("server.url"), "{error}");
    let error = client(&server.url).list_streams().await.unwrap_err();
    assert!(error.advice().unwrap().contains("server.url"), "{error}");
}

#[tokio::test]
async fn a_path_in_the_address_is_kept() {
    let server = Server::start(|_| Reply::json(503, "")).await;
    let _ = client(&format!("{}/prefix/", server.url)).info().await;
    assert!(server.requests()[0].head.starts_with("GET /prefix/info HTTP/1.1"));
}

//! A Schema Registry on a free port of the loopback interface, with answers like Confluent's.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

pub struct Registry {
    runtime: Option<tokio::runtime::Runtime>,
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    ids: BTreeMap<u32, Value>,
    versions: BTreeMap<(String, String), Value>,
    /// Paths that were asked for.
    asked: Vec<String>,
    /// Answered with these first.
    failures: VecDeque<u16>,
    /// Name and password; whoever comes with others is refused, after the right password was written here.
    credentials: Option<(String, String, Option<PathBuf>)>,
}

impl Registry {
    pub fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        runtime.spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let answer = service_fn(move |request: Request<Incoming>| {
                        let answer = shared.lock().unwrap().answer(&request);
                        async move { Ok::<_, Infallible>(answer) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        Self { runtime: Some(runtime), port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn add(&self, id: u32, schema: &Value) -> &Self {
        self.add_with(id, json!({ "schema": schema.to_string() }))
    }

    /// An answer as it is.
    pub fn add_with(&self, id: u32, answer: Value) -> &Self {
        self.state.lock().unwrap().ids.insert(id, answer);
        self
    }

    pub fn add_version(&self, subject: &str, version: &str, answer: Value) -> &Self {
        self.state.lock().unwrap().versions.insert((subject.to_owned(), version.to_owned()), answer);
        self
    }

    pub fn fail_with(&self, statuses: &[u16]) {
        self.state.lock().unwrap().failures = statuses.iter().copied().collect();
    }

    /// Lets only this user in. With a file: the right password comes into it when another one is refused.
    pub fn let_in(&self, user: &str, password: &str, file: Option<PathBuf>) {
        self.state.lock().unwrap().credentials = Some((user.to_owned(), password.to_owned(), file));
    }

    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl State {
    fn answer(&mut self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        self.asked.push(path.clone());
        let accept = request.headers().get("accept").and_then(|value| value.to_str().ok());
        assert_eq!(accept, Some("application/vnd.schemaregistry.v1+json"));
        if let Some((user, password, file)) = &self.credentials {
            let wanted = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            let came = request.headers().get("authorization").and_then(|value| value.to_str().ok());
            if came != Some(&format!("Basic {wanted}")) {
                if let Some(file) = file {
                    std::fs::write(file, password).unwrap();
                }
                return respond(401, &json!({ "error_code": 401, "message": "Unauthorized" }));
            }
        }
        if let Some(status) = self.failures.pop_front() {
            return respond(
                status,
                &json!({ "error_code": u32::from(status) * 100 + 1, "message": "not now" }),
            );
        }
        let parts: Vec<_> = path.split('/').skip(1).collect();
        match parts.as_slice() {
            ["schemas", "types"] => respond(200, &json!(["JSON", "PROTOBUF", "AVRO"])),
            ["schemas", "ids", id] => match id.parse().ok().and_then(|id: u32| self.ids.get(&id)) {
                Some(answer) => respond(200, answer),
                None => respond(404, &json!({ "error_code": 40403, "message": "Schema not found" })),
            },
            ["subjects", subject, "versions", version] => {
                match self.versions.get(&((*subject).to_owned(), (*version).to_owned())) {
                    Some(answer) => respond(200, answer),
                    None => respond(404, &json!({ "error_code": 40401, "message": "Subject not found" })),
                }
            }
            _ => respond(404, &json!({ "error_code": 404, "message": "HTTP 404 Not Found" })),
        }
    }
}

fn respond(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

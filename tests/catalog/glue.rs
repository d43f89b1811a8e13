//! AWS Glue in this process, as strict as AWS is where moto is not: sizes of batches, and signed requests.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::support::{Project, Server};
use crate::*;

#[derive(Default)]
struct Inner {
    has_database: bool,
    tables: BTreeMap<String, Value>,
    partitions: BTreeMap<String, BTreeMap<Vec<String>, Value>>,
    /// Operations, and how many partitions each was about.
    calls: Vec<(String, usize)>,
    /// Answered with these first.
    failures: VecDeque<(u16, &'static str)>,
}

struct Glue {
    _runtime: tokio::runtime::Runtime,
    port: u16,
    inner: Arc<Mutex<Inner>>,
}

impl Glue {
    fn start() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let inner = Arc::new(Mutex::new(Inner::default()));
        let shared = Arc::clone(&inner);
        runtime.spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    let answer = service_fn(move |request: Request<Incoming>| {
                        let shared = Arc::clone(&shared);
                        async move {
                            let (head, body) = request.into_parts();
                            let body = body.collect().await.unwrap().to_bytes();
                            let header = |name: &str| head.headers[name].to_str().unwrap().to_owned();
                            let (status, answer) = shared.lock().unwrap().answer(&header, &body);
                            let response = Response::builder().status(StatusCode::from_u16(status).unwrap());
                            Ok::<_, Infallible>(
                                response.body(Full::new(Bytes::from(answer.to_string()))).unwrap(),
                            )
                        }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
        });
        Self { _runtime: runtime, port, inner }
    }

    fn take_calls(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut self.inner.lock().unwrap().calls)
    }
}

fn values(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

impl Inner {
    fn answer(&mut self, header: &dyn Fn(&str) -> String, body: &[u8]) -> (u16, Value) {
        assert_eq!(header("content-type"), "application/x-amz-json-1.1");
        let signature = header("authorization");
        assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=KEY/"), "{signature}");
        assert!(signature.contains("/eu-central-1/glue/aws4_request"), "{signature}");
        for signed in ["host", "x-amz-date", "x-amz-content-sha256", "x-amz-target"] {
            assert!(signature.contains(signed), "{signed} is not signed: {signature}");
        }
        let target = header("x-amz-target");
        let operation = target.strip_prefix("AWSGlue.").unwrap().to_owned();
        if let Some((status, code)) = self.failures.pop_front() {
            self.calls.push((code.to_owned(), 0));
            return (status, json!({ "__type": code, "message": "not now" }));
        }
        let body: Value = serde_json::from_slice(body).unwrap();
        let lists = ["PartitionInputList", "Entries", "PartitionsToDelete"];
        let list = lists.iter().find_map(|name| body[*name].as_array()).cloned().unwrap_or_default();
        self.calls.push((operation.clone(), list.len()));
        let refused = |code: &str| (400, json!({ "__type": code, "message": "no" }));
        let name = body["TableName"].as_str().or(body["Name"].as_str()).unwrap_or_default().to_owned();
        let error = |name: &str, values: &[String], code: &str| json!({ name: values, "ErrorDetail": { "ErrorCode": code, "ErrorMessage": "no" } });
        let mut errors = Vec::new();
        match operation.as_str() {
            "GetDatabase" if self.has_database => return (200, json!({ "Database": {} })),
            "CreateDatabase" => self.has_database = true,
            "CreateTable" => {
                if !self.has_database {
                    return refused("EntityNotFoundException");
                }
                let table = body["TableInput"].clone();
                let name = table["Name"].as_str().unwrap().to_owned();
                self.partitions.insert(name.clone(), BTreeMap::new());
                self.tables.insert(name, table);
            }
            "GetTable" if self.tables.contains_key(&name) => {
                return (200, json!({ "Table": self.tables[&name] }));
            }
            "UpdateTable" => {
                assert_eq!(body["SkipArchive"], true);
                let table = body["TableInput"].clone();
                self.tables.insert(table["Name"].as_str().unwrap().to_owned(), table);
            }
            "DeleteTable" if self.tables.remove(&name).is_some() => drop(self.partitions.remove(&name)),
            "BatchCreatePartition" => {
                assert!((1..=100).contains(&list.len()), "AWS takes 100: {}", list.len());
                let held = self.partitions.get_mut(&name).unwrap();
                for input in list {
                    let values = values(&input["Values"]);
                    match held.entry(values.clone()) {
                        Entry::Occupied(_) => {
                            errors.push(error("PartitionValues", &values, "AlreadyExistsException"));
                        }
                        Entry::Vacant(free) => drop(free.insert(input)),
                    }
                }
            }
            "BatchUpdatePartition" => {
                assert!((1..=100).contains(&list.len()), "AWS takes 100: {}", list.len());
                let held = self.partitions.get_mut(&name).unwrap();
                for entry in list {
                    let values = values(&entry["PartitionValueList"]);
                    match held.get_mut(&values) {
                        Some(held) => *held = entry["PartitionInput"].clone(),
                        None => errors.push(error("PartitionValueList", &values, "EntityNotFoundException")),
                    }
                }
            }
            "BatchDeletePartition" => {
                assert!((1..=25).contains(&list.len()), "AWS takes 25: {}", list.len());
                let held = self.partitions.get_mut(&name).unwrap();
                for entry in list {
                    let values = values(&entry["Values"]);
                    if held.remove(&values).is_none() {
                        errors.push(error("PartitionValues", &values, "EntityNotFoundException"));
                    }
                }
            }
            "GetPartitions" => {
                // A page at a time.
                let from: usize = body["NextToken"].as_str().map_or(0, |token| token.parse().unwrap());
                let held: Vec<_> = self.partitions[&name].values().skip(from).take(50).collect();
                let next = (held.len() == 50).then(|| (from + 50).to_string());
                return (200, json!({ "Partitions": held, "NextToken": next }));
            }
            _ => return refused("EntityNotFoundException"),
        }
        (200, json!({ "Errors": errors }))
    }
}

/// A project whose feed EVENTS is published to Glue, with a lake of so many days.
fn project(glue: &Glue, days: i64) -> (Project, Feed) {
    let project = Project::on("http://127.0.0.1:9")
        .set("catalog.glue.region=eu-central-1")
        .set(&format!("catalog.glue.endpoint=http://127.0.0.1:{}", glue.port));
    project.feed("events", "stream", "EVENTS", r#""catalog": ["glue"]"#);
    let feed = Feed { catalog: vec![CatalogName::Glue], ..stream_feed() };
    append(&mut open(&project.path().join("data_lake"), &feed), &lake_support::days(days, 1), "r1").unwrap();
    (project, feed)
}

fn run(project: &Project, args: &[&str]) -> support::Ran {
    let mut command = project.command(args);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        command.env_remove(name);
    }
    command.env("AWS_ACCESS_KEY_ID", "KEY").env("AWS_SECRET_ACCESS_KEY", "SECRET");
    support::Ran::of(command.output().unwrap())
}

fn sync(project: &Project) -> Vec<Value> {
    let ran = run(project, &["catalog", "sync", "--json"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    ran.json()
}

fn of(calls: &[(String, usize)], operation: &str) -> Vec<usize> {
    calls.iter().filter(|(name, _)| name == operation).map(|(_, count)| *count).collect()
}

#[test]
fn partitions_go_in_batches_that_aws_takes_and_requests_are_signed() {
    let glue = Glue::start();
    let (project, feed) = project(&glue, 365);
    glue.inner.lock().unwrap().failures =
        VecDeque::from([(400, "ThrottlingException"), (500, "InternalServiceException")]);
    let told = sync(&project);
    assert_eq!((&told[0]["event"], &told[0]["partitions"]), (&json!("published"), &json!(365)));
    let calls = glue.take_calls();
    assert_eq!(of(&calls, "BatchCreatePartition"), [100, 100, 100, 65]);
    assert_eq!(of(&calls, "CreateDatabase"), [0]);
    {
        let inner = glue.inner.lock().unwrap();
        let partition = &inner.partitions["events"][&["2025", "01", "02"].map(str::to_owned).to_vec()];
        let folder = format!("file://{}", project.stream("events").display());
        assert_eq!(partition["StorageDescriptor"]["Location"], format!("{folder}/year=2025/month=01/day=02"));
        assert_eq!(
            (&partition["Parameters"]["numRows"], &inner.tables["events"]["TableType"]),
            (&json!("1"), &json!("EXTERNAL_TABLE"))
        );
    }
    // Sixty days go, and one row comes: three requests of 25 at most, and no more than that.
    let root = project.path().join("data_lake");
    let feed = Feed { retention_days: Some(300), ..feed };
    let mut dataset = open(&root, &feed);
    append(&mut dataset, &[(0, 365, T0 + 364 * DAY)], "r2").unwrap();
    dataset.retain(at(T0 + 360 * DAY).date_naive()).unwrap();
    let gone = 365 - dataset.metadata().partitions.len();
    drop(dataset);
    glue.take_calls();
    let ran = run(&project, &["catalog", "sync", "--dry-run", "--json"]);
    assert!(ran.out.contains("extra-partition"), "{}", ran.out);
    let kinds: Vec<_> = glue.take_calls().into_iter().map(|(name, _)| name).collect();
    assert!(kinds.iter().all(|name| name.starts_with("Get")), "{kinds:?}");
    sync(&project);
    let calls = glue.take_calls();
    let deleted = of(&calls, "BatchDeletePartition");
    assert_eq!((deleted.iter().sum::<usize>(), deleted.len()), (gone, gone.div_ceil(25)));
    assert_eq!(of(&calls, "BatchUpdatePartition"), [1]);
    assert!(of(&calls, "BatchCreatePartition").is_empty());
    let drift = run(&project, &["catalog", "drift"]);
    assert_eq!(drift.code, 0, "{}", drift.out);
}

#[test]
fn what_came_through_before_a_stop_is_not_in_the_way() {
    let glue = Glue::start();
    let (project, _) = project(&glue, 150);
    sync(&project);
    // A publication that was killed before its record: half of it is there, some of it with other counts.
    {
        let mut inner = glue.inner.lock().unwrap();
        let held = inner.partitions.get_mut("events").unwrap();
        let keys: Vec<_> = held.keys().cloned().collect();
        keys[..70].iter().for_each(|key| drop(held.remove(key)));
        held.get_mut(&keys[100]).unwrap()["Parameters"]["numRows"] = json!("7");
        inner.tables.get_mut("events").unwrap()["Parameters"]["lakehand.commit_seq"] = json!("0");
    }
    std::fs::remove_file(books(&project.stream("events")).join("catalog/glue.json")).unwrap();
    sync(&project);
    assert_eq!(run(&project, &["catalog", "drift"]).code, 0);
    assert_eq!(glue.inner.lock().unwrap().partitions["events"].len(), 150);
}

#[test]
fn refusals_are_told_and_a_missing_role_fails_no_export() {
    let glue = Glue::start();
    let (mut project, _) = project(&glue, 1);
    glue.inner.lock().unwrap().failures = VecDeque::from([(400, "AccessDeniedException")]);
    let ran = run(&project, &["catalog", "sync"]);
    assert!(ran.code == 1 && ran.out.contains("AccessDeniedException"), "{}", ran.out);
    let server = Server::with_rows(50);
    project = project.moved_to(&server.url());
    project.feed("flat", "stream", "transaction_flattened", r#""catalog": ["glue"]"#);
    glue.inner.lock().unwrap().failures = VecDeque::from([(400, "UnrecognizedClientException")]);
    let ran = run(&project, &["export", "--feed", "flat", "--json"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    let warned = ran.json().into_iter().filter(|event| event["event"] == "warning");
    let texts: Vec<_> = warned.map(|event| event["text"].to_string()).collect();
    assert!(texts.iter().any(|text| text.contains("UnrecognizedClient")), "{texts:?}");
}

//! Requests that were recorded with a real server's answers (`recorded.jsonl`, long answers shortened in the middle):
//! sent to the embedded server they must be answered alike. Ids, times and the rows' values differ; status, headers,
//! texts, names, types, their order and the framing must not.

use std::fmt;

use lakehand::demo::{DemoOptions, DemoServer};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::support::{Answer, End, Exchange, ksql};

#[derive(Deserialize)]
struct Case {
    #[serde(rename = "case")]
    name: String,
    method: String,
    path: String,
    headers: std::collections::BTreeMap<String, String>,
    body: String,
    status: u16,
    answer_headers: std::collections::BTreeMap<String, String>,
    answer: String,
}

/// JSON without its values: kinds, and members in their order.
#[derive(Debug, Clone, PartialEq)]
enum Shape {
    Null,
    Bool,
    Whole,
    Real,
    Text,
    Array(Vec<Shape>),
    Object(Vec<(String, Shape)>),
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_unit<E>(self) -> Result<Shape, E> {
                Ok(Shape::Null)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
                Ok(Shape::Bool)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
                Ok(Shape::Whole)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
                Ok(Shape::Whole)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
                Ok(Shape::Real)
            }
            fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
                Ok(Shape::Text)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(Shape::Array(elements))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Shape::Object(members))
            }
        }
        deserializer.deserialize_any(Seen)
    }
}

/// Objects whose members are data: card numbers, notes, topic names.
const MAPS: [&str; 1] = ["METADATA"];
/// Arrays whose elements are told by the real server's load, not by its grammar.
const LOAD: [&str; 2] = ["clusterStatistics", "clusterErrorStats"];

impl Shape {
    /// Whether both could be written by the same grammar; null goes with everything.
    fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, _) | (_, Self::Null) => true,
            (Self::Array(a), Self::Array(b)) => match (a.first(), b.first()) {
                (Some(first), Some(_)) => {
                    a.iter().chain(b).all(|element| first.fits(element) || self.is_row(other))
                }
                _ => true,
            },
            (Self::Object(a), Self::Object(b)) => {
                let is_map = |own: &[(String, Self)]| own.first().is_some_and(|(name, _)| name == "channel");
                (is_map(a) && is_map(b))
                    || (a.len() == b.len()
                        && a.iter().zip(b).all(|((name, value), (other_name, other_value))| {
                            name == other_name
                                && (LOAD.contains(&name.as_str())
                                    || MAPS.contains(&name.as_str())
                                    || value.fits(other_value))
                        }))
            }
            (a, b) => a == b,
        }
    }

    /// Rows: elements of different kinds, compared one by one.
    fn is_row(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array(a), Self::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.fits(b)),
            _ => false,
        }
    }
}

fn shape(text: &str) -> Option<Shape> {
    serde_json::from_str(text).ok()
}

/// Replaces runs of digits that follow an id's prefix.
fn without_ids(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\"queryId\":\"") {
        let (before, from) = rest.split_at(at + 11);
        out.push_str(before);
        let end = from.find('"').unwrap_or(0);
        out.push_str(from[..end].trim_end_matches(|c: char| c.is_ascii_digit()));
        rest = &from[end..];
    }
    out + rest
}

/// A server with a stream like the one that many recordings ask.
async fn prepared(secured: bool) -> DemoServer {
    let user = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
    let server = DemoServer::start(DemoOptions {
        rows: 300,
        credentials: if secured { user("alice", "secret") } else { None },
        without_role: if secured { user("bob", "pass2") } else { None },
        end_helpers: false,
        ..DemoOptions::default()
    });
    let server = server.await.unwrap();
    if !secured {
        let small = "CREATE STREAM small_s AS SELECT transaction_id AS k, item->qty AS a, user_id AS b FROM \
                     transaction_items EMIT CHANGES;";
        assert_eq!(ksql(&server, small).await.0, 200);
    }
    server
}

/// A row line's values: `[…]` itself, or what its `columns` are; and what closes the line.
fn values(line: &str) -> Option<(Shape, &str)> {
    let line = line.trim_end_matches(',');
    let at = line.rfind(']').filter(|_| line.starts_with('[')).or_else(|| line.rfind("]}"))?;
    let from = line.find('[')?;
    Some((shape(line.get(from..=at)?)?, line.get(at + 1..)?))
}

/// Answers of queries that went well: header and end exactly, rows by their shape, each line ended alike.
fn row_difference(case: &Case, text: &str) -> Option<String> {
    let (recorded, own) = (without_ids(&case.answer), without_ids(text));
    let differ = |what: &str| Some(format!("{}: {what}\n{own}\nrecorded: {recorded}", case.name));
    if recorded.starts_with("[{\"queryId\"") {
        let header = |text: &str| text.split("},[").next().map(str::to_owned);
        let alike = header(&own) == header(&recorded) && own.ends_with("]]") && shape(&own).is_some();
        return if alike { None } else { differ("header or end") };
    }
    let is_row = |line: &&str| {
        line.starts_with("{\"row\"") || (case.answer.starts_with("{\"q") && line.starts_with('['))
    };
    let (rows, other): (Vec<&str>, Vec<&str>) = own.split('\n').partition(is_row);
    let (recorded_rows, recorded_other): (Vec<&str>, Vec<&str>) = recorded.split('\n').partition(is_row);
    if other != recorded_other && !recorded_rows.is_empty() && !rows.is_empty() {
        return differ("header or end");
    }
    let first = recorded_rows.first().and_then(|row| values(row));
    let unlike = |row: &&&str| match (values(row), &first) {
        (Some((own, own_closing)), Some((first, closing))) => {
            !own.is_row(first) || (own_closing != *closing && own_closing != format!("{closing}]"))
        }
        // Where nothing was recorded, a row must be one at least.
        (own, first) => own.is_none() || (first.is_none() && !recorded_rows.is_empty()),
    };
    rows.iter().find(unlike).and_then(|row| differ(row))
}

/// What is wrong with an answer, if anything is.
fn difference(case: &Case, answer: &Answer) -> Option<String> {
    let (name, text) = (&case.name, answer.text());
    if answer.status != case.status || answer.end != End::Clean {
        return Some(format!("{name}: {} {:?} {text}", answer.status, answer.end));
    }
    for header in ["content-type", "transfer-encoding", "location", "allow", "www-authenticate"] {
        let recorded = case.answer_headers.get(header).map(String::as_str);
        if answer.header(header) != recorded {
            return Some(format!("{name}: {header} {:?}, recorded {recorded:?}", answer.header(header)));
        }
    }
    let alike = if case.path.starts_with("/query") && case.status == 200 {
        return row_difference(case, &text);
    } else if case.status == 200 && !case.answer.is_empty() {
        shape(&text).zip(shape(&case.answer)).is_some_and(|(own, recorded)| own.fits(&recorded))
    } else {
        text == case.answer
    };
    (!alike).then(|| format!("{name}: {text}\nrecorded: {}", case.answer))
}

#[tokio::test]
async fn recorded_requests_are_answered_as_they_were() {
    let (open, secured) = (prepared(false).await, prepared(true).await);
    let mut differences = Vec::new();
    let cases: Vec<Case> =
        include_str!("recorded.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(cases.len() > 100, "only {} recordings", cases.len());
    for case in cases {
        let server = if case.name.starts_with("auth-") { &secured } else { &open };
        let headers: Vec<_> = case.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let exchange = Exchange::open(server, &case.method, &case.path, &headers, &case.body).await;
        differences.extend(difference(&case, &exchange.unwrap().finish().await));
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

/// DESCRIBE's fields carry names and types as values: they must be the same, not only alike.
#[tokio::test]
async fn fields_are_those_of_the_recorded_pipeline() {
    let server = prepared(false).await;
    for case in include_str!("recorded.jsonl").lines().map(|line| serde_json::from_str::<Case>(line).unwrap())
    {
        if !case.name.starts_with("describe-") || case.status != 200 {
            continue;
        }
        let request: serde_json::Value = serde_json::from_str(&case.body).unwrap();
        let (_, own) = ksql(&server, request["ksql"].as_str().unwrap()).await;
        let recorded: serde_json::Value = serde_json::from_str(&case.answer).unwrap();
        for member in [
            "name",
            "windowType",
            "fields",
            "type",
            "keyFormat",
            "valueFormat",
            "topic",
            "partitions",
            "extended",
        ] {
            let pointer = format!("/0/sourceDescription/{member}");
            assert_eq!(own.pointer(&pointer), recorded.pointer(&pointer), "{}: {member}", case.name);
        }
    }
}

//! From outside: exports publish, a catalogue that is down fails none of them, and commands say how it is.

use std::net::TcpListener;

use serde_json::Value;

use crate::metastore::Metastore;
use crate::support::{Project, Server};

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("thrift://{}", listener.local_addr().unwrap())
}

fn project(server: &Server, uri: &str) -> Project {
    let project = Project::on(&server.url()).set(&format!("catalog.hive.uri={uri}")).set("lake.catalog=hive");
    project.feed("flat", "stream", "transaction_flattened", "");
    project.feed("totals", "table", "payment_method_totals", "");
    project.feed("alone", "stream", "transaction_stream", r#""catalog": []"#);
    project
}

fn events<'e>(told: &'e [Value], name: &'e str) -> impl Iterator<Item = &'e Value> {
    told.iter().filter(move |event| event["event"] == name)
}

#[test]
fn an_export_publishes_what_it_commits() {
    let (server, metastore) = (Server::with_rows(200), Metastore::start());
    let project = project(&server, &metastore.uri());
    let told = project.ok(&["export", "--all", "--json"]).json();
    let published: Vec<_> = events(&told, "published").map(|event| event["feed"].as_str().unwrap()).collect();
    assert_eq!(published.iter().collect::<std::collections::BTreeSet<_>>().len(), 2, "{published:?}");
    assert!(project.log().contains("published"), "{}", project.log());
    let state = metastore.state();
    assert_eq!(state.tables.keys().collect::<Vec<_>>(), ["payment_method_totals", "transaction_flattened"]);
    let held = crate::support::metadata(&project.stream("transaction_flattened"));
    let days = held["partitions"].as_array().unwrap();
    assert_eq!(state.partitions["transaction_flattened"].len(), days.len());
    project.ok(&["catalog", "drift"]);
    // What commands change is published too.
    let day = days[0]["path"].as_str().unwrap().split('/').map(|part| part.split_once('=').unwrap().1);
    let day = day.collect::<Vec<_>>().join("-");
    project.ok(&["export", "--feed", "flat", "--day", &day]);
    project.ok(&["catalog", "drift"]);
    project.ok(&["feeds", "undo", "flat", "--day", &day]);
    project.ok(&["catalog", "drift"]);
    project.ok(&["export", "--feed", "totals"]);
    project.ok(&["rollback", "totals", "v1"]);
    project.ok(&["catalog", "drift"]);
    let doctor = project.run(&["doctor"]);
    assert!(doctor.out.contains("database lakehand is there"), "{}", doctor.out);
}

#[test]
fn a_catalogue_that_is_down_delays_and_fails_nothing() {
    let server = Server::with_rows(200);
    let project = project(&server, &nobody());
    let told = project.ok(&["export", "--all", "--json"]).json();
    let warned: Vec<_> = events(&told, "warning").map(|event| event["text"].as_str().unwrap()).collect();
    assert!(warned.iter().any(|text| text.contains("not published to the catalogue hive")), "{warned:?}");
    assert_eq!(project.run(&["catalog", "sync"]).code, 3);
    assert_eq!(project.run(&["catalog", "drift"]).code, 3);
    // For a check it is worth knowing, and no damage.
    let check = project.ok(&["check", "flat", "--json"]).json();
    let notes: Vec<_> =
        events(&check, "finding").map(|f| (f["finding"].as_str(), f["severity"].as_str())).collect();
    assert_eq!(notes, [(Some("catalog-unknown"), Some("note"))]);
    // Two more commits without it; then it is there, and shows the newest of them.
    project.ok(&["export", "--feed", "totals"]);
    project.ok(&["export", "--feed", "totals"]);
    let metastore = Metastore::start();
    let up = project.set(&format!("catalog.hive.uri={}", metastore.uri()));
    let check = up.ok(&["check", "totals", "--json"]).json();
    let found: Vec<_> =
        events(&check, "finding").map(|finding| finding["finding"].as_str().unwrap()).collect();
    assert!(found.contains(&"catalog-drift"), "{found:?}");
    up.ok(&["catalog", "sync"]);
    let location = metastore.state().tables["payment_method_totals"].field(7).unwrap().text_at(2);
    assert!(location.ends_with("version=v3"), "{location}");
    up.ok(&["catalog", "drift"]);
}

#[test]
fn commands_are_for_feeds_that_name_a_catalogue_that_is_configured() {
    let (server, metastore) = (Server::with_rows(20), Metastore::start());
    let project = project(&server, &metastore.uri());
    project.ok(&["export", "--all"]);
    assert_eq!(project.run(&["catalog", "sync", "alone"]).code, 2);
    let dropped = project.ok(&["catalog", "drop", "flat", "--json"]).json();
    assert!(events(&dropped, "dropped").next().unwrap()["text"].as_str().unwrap().contains("makes it again"));
    assert_eq!(project.run(&["catalog", "drift", "flat"]).code, 1);
    let none = Project::on(&server.url());
    none.feed("flat", "stream", "transaction_flattened", r#""catalog": ["hive"]"#);
    none.ok(&["export", "--all"]);
    let refused = none.run(&["catalog", "sync"]);
    assert!(refused.code == 2 && refused.err.contains("catalog.hive.uri"), "{}", refused.err);
    let doctor = none.run(&["doctor"]);
    assert!(
        doctor.out.contains("feed flat is to be published to hive, which is not configured"),
        "{}",
        doctor.out
    );
}

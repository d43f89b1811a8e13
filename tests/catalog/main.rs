//! Datasets as tables of catalogues: what is published, in what order, whatever is stopped, down or changed by somebody else.

#[path = "../lake_support/disk.rs"]
mod disk;
mod glue;
#[path = "../lake_support/mod.rs"]
mod lake_support;
mod metastore;
mod outside;
mod publish;
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lake_support::*;
use lakehand::catalog::hive::thrift::Value;
use lakehand::catalog::hive::{Hive, HiveOptions};
use lakehand::export::publish::{Published, Registered, publish};
use lakehand::feed::{CatalogName, Feed, Register};
use lakehand::lake::Lake;
use metastore::{Metastore, State};

fn hive_options(metastore: &Metastore) -> HiveOptions {
    HiveOptions {
        addresses: vec![format!("127.0.0.1:{}", metastore.port)],
        database: "lakehand".to_owned(),
        tls: None,
        login: None,
        connect_timeout: Duration::from_secs(5),
        call_timeout: Duration::from_secs(30),
    }
}

fn hive(metastore: &Metastore) -> Registered {
    let catalog = Arc::new(Hive::new(hive_options(metastore)));
    Registered { name: CatalogName::Hive, catalog, register: Register::Auto }
}

fn in_hive(feed: Feed) -> Feed {
    Feed { catalog: vec![CatalogName::Hive], ..feed }
}

fn published(root: &Path, feed: &Feed, catalogue: &Registered) -> lakehand::Result<Published> {
    publish(&Lake::new(root), feed, catalogue, false, at(T0 + 50 * DAY))
}

/// The table and its partitions as plain values: location, parameters of note, and of each partition location and counts.
fn shown(state: &State, name: &str) -> Vec<String> {
    let table = &state.tables[name];
    let parameters = table.field(9).unwrap().pairs();
    let parameter =
        |name: &str| parameters.iter().find(|(key, _)| key == name).map_or("-", |(_, value)| value);
    let columns = |sd: &Value| {
        let columns: Vec<_> = sd.field(1).unwrap().items().iter().map(|c| c.text_at(1)).collect();
        columns.join(",")
    };
    let storage = table.field(7).unwrap();
    let mut lines = vec![format!(
        "{} {} {} {}",
        storage.text_at(2),
        columns(storage),
        parameter("lakehand.commit_seq"),
        parameter("numRows")
    )];
    for (values, partition) in &state.partitions[name] {
        let (storage, counts) = (partition.field(6).unwrap(), partition.field(7).unwrap().pairs());
        let counts: Vec<_> = counts.iter().map(|(_, count)| count.as_str()).collect();
        lines.push(format!(
            "{} {} {} {}",
            values.join("/"),
            storage.text_at(2),
            columns(storage),
            counts.join(",")
        ));
    }
    lines
}

//! What became of a dataset: its commits, differences between its states, what is pinned, and what is rolled back.

#[path = "../lake_support/disk.rs"]
mod disk;
#[path = "../lake_support/instants.rs"]
mod instants;
#[path = "../lake_support/mod.rs"]
mod lake_support;

mod command;
mod crash;
mod diff;
mod list;
mod pins;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use lake_support::*;
use lakehand::Result;
use lakehand::feed::Feed;
use lakehand::lake::{Dataset, Lake, RunInfo};

/// A row of a table.
type Total = (String, Option<f64>);

fn totals(rows: &[Total]) -> RecordBatch {
    let names: StringArray = rows.iter().map(|(name, _)| Some(name.as_str())).collect();
    let amounts: Float64Array = rows.iter().map(|(_, amount)| *amount).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(names), Arc::new(amounts)];
    RecordBatch::try_new(table_schema().arrow, columns).unwrap()
}

fn publish(dataset: &mut Dataset, rows: &[Total], id: &str, at_ms: i64) -> Result<()> {
    let info = RunInfo { started: at(at_ms), ..run(id) };
    let mut snapshot = dataset.snapshot(&table_schema(), info)?;
    snapshot.note_key(&[0]);
    snapshot.write(&totals(rows))?;
    snapshot.publish(at(at_ms), rows.len() as u64).map(|_| ())
}

/// `count` rows whose amounts begin at `first`.
fn some(count: i32, first: f64) -> Vec<Total> {
    (0..count).map(|n| (format!("name {n:04}"), Some(first + f64::from(n)))).collect()
}

fn dir(root: &std::path::Path, feed: &Feed) -> std::path::PathBuf {
    Lake::new(root).dataset_dir(feed).unwrap()
}

/// The versions that a plain reader of the table finds.
fn versions_there(root: &std::path::Path, feed: &Feed) -> Vec<String> {
    let files = data_files(&dir(root, feed));
    let mut folders: Vec<String> =
        files.iter().map(|path| path.split('/').next().unwrap().to_owned()).collect();
    folders.dedup();
    folders
}

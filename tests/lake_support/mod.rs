//! What the tests of the lake share: feeds, rows, runs, and a file system that stops.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses another part")]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMillisecondType};
use chrono::{DateTime, Utc};
use lakehand::feed::{
    Compression, DatePart, ExportMode, Feed, FeedKind, FileLayout, Partitioning, ReadMode, StorageMode,
    Types, Visibility,
};
use lakehand::lake::{Commit, Dataset, Faults, Lake, Limits, Op, Owner, RunInfo, TableSchema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

#[path = "delta.rs"]
pub mod delta;
#[path = "iceberg.rs"]
pub mod iceberg;

pub const DAY: i64 = 86_400_000;
/// 2025-01-01T00:00:00Z
pub const T0: i64 = 1_735_689_600_000;

pub fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap()
}

pub fn stream_feed() -> Feed {
    Feed {
        name: "events".to_owned(),
        kind: FeedKind::Stream,
        source: "EVENTS".to_owned(),
        description: String::new(),
        partitioning: Partitioning::Date {
            columns: vec![DatePart::Year, DatePart::Month, DatePart::Day],
            timestamp_column: None,
            timezone: chrono_tz::UTC,
        },
        storage_mode: StorageMode::Append,
        compression: Compression::Zstd(None),
        retention_days: None,
        tier_after_days: None,
        keep_versions: 1,
        shrink_limit: None,
        visibility: Visibility::Restricted,
        read: ReadMode::Auto,
        mode: ExportMode::Batch,
        schedule: None,
        rename: BTreeMap::new(),
        exclude_columns: Vec::new(),
        table_format: Vec::new(),
        catalog: Vec::new(),
        layout: FileLayout::default(),
        row_metadata: true,
        types: Types::default(),
        enabled: true,
        created_at: None,
    }
}

pub fn table_feed() -> Feed {
    Feed {
        name: "totals".to_owned(),
        kind: FeedKind::Table,
        source: "TOTALS".to_owned(),
        partitioning: Partitioning::Version,
        storage_mode: StorageMode::Overwrite,
        visibility: Visibility::Shared,
        ..stream_feed()
    }
}

pub fn limits() -> Limits {
    Limits { min_free_bytes: 0, ..Limits::default() }
}

pub fn owner() -> Owner {
    Owner { what: "lakehand test".to_owned(), pid: 4711, host: "here".to_owned(), since: at(T0 + 100 * DAY) }
}

pub fn open(root: &Path, feed: &Feed) -> Dataset {
    Dataset::open(&Lake::new(root), feed, limits(), owner()).unwrap()
}

pub fn run(id: &str) -> RunInfo {
    RunInfo {
        id: id.to_owned(),
        started: at(T0 + 40 * DAY),
        read_mode: "offsets".to_owned(),
        source: "EVENTS".to_owned(),
        server: "http://localhost:8088".to_owned(),
    }
}

fn schema(arrow: SchemaRef, types: &[(&str, &str)]) -> TableSchema {
    let columns_types = types.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect();
    TableSchema { arrow, ksql: "`NAME` STRING, `AMOUNT` DOUBLE".to_owned(), columns_types }
}

pub fn stream_schema() -> TableSchema {
    let arrow = Schema::new(vec![
        Field::new("ROWTIME", DataType::Int64, false),
        Field::new("ROWPARTITION", DataType::Int32, false),
        Field::new("ROWOFFSET", DataType::Int64, false),
        Field::new("NAME", DataType::Utf8, true),
        Field::new("AMOUNT", DataType::Float64, true),
    ]);
    schema(Arc::new(arrow), &[("NAME", "STRING"), ("AMOUNT", "DOUBLE")])
}

pub fn table_schema() -> TableSchema {
    let arrow = Schema::new(vec![
        Field::new("NAME", DataType::Utf8, true),
        Field::new("AMOUNT", DataType::Float64, true),
    ]);
    schema(Arc::new(arrow), &[("NAME", "STRING"), ("AMOUNT", "DOUBLE")])
}

/// A row: Kafka partition, offset, ROWTIME.
pub type Row = (i32, i64, i64);

fn values(offsets: impl Iterator<Item = i64> + Clone) -> [ArrayRef; 2] {
    let names: StringArray = offsets.clone().map(|o| Some(format!("name {o}"))).collect();
    let amounts: Float64Array = offsets.map(|o| o as f64 / 8.0).collect();
    [Arc::new(names), Arc::new(amounts)]
}

pub fn batch(rows: &[Row]) -> RecordBatch {
    let [names, amounts] = values(rows.iter().map(|r| r.1));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|r| r.2).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.0).collect::<Int32Array>()),
        Arc::new(rows.iter().map(|r| r.1).collect::<Int64Array>()),
        names,
        amounts,
    ];
    RecordBatch::try_new(stream_schema().arrow, columns).unwrap()
}

pub fn table_batch(first: i64, rows: i64) -> RecordBatch {
    RecordBatch::try_new(table_schema().arrow, values(first..first + rows).to_vec()).unwrap()
}

/// The commit after which the next offsets are those after the largest of `rows`.
pub fn commit_after(rows: &[Row]) -> Commit {
    let mut positions = BTreeMap::new();
    for (partition, offset, _) in rows {
        let next = positions.entry(*partition).or_insert(0);
        *next = (*next).max(offset + 1);
    }
    Commit {
        positions,
        last_rows: BTreeMap::new(),
        complete_through: None,
        complete: true,
        without_row: 0,
        ends: BTreeMap::new(),
        now: at(T0 + 40 * DAY + 5000),
    }
}

/// Every Parquet file that a reader of the lake would see below `dir`, relative, sorted.
pub fn data_files(dir: &Path) -> Vec<String> {
    fn walk(dir: &Path, base: &Path, found: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(dir) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with(['_', '.']) {
                continue;
            }
            if entry.path().is_dir() {
                walk(&entry.path(), base, found);
            } else {
                found.push(entry.path().strip_prefix(base).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(dir, dir, &mut found);
    found.sort();
    found
}

pub fn read(path: &Path) -> Vec<RecordBatch> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

/// The rows of a file, whose other columns are looked at.
pub fn rows_of(path: &Path) -> Vec<Row> {
    let mut found = Vec::new();
    for batch in read(path) {
        let times = batch["ROWTIME"].as_primitive::<TimestampMillisecondType>();
        let partitions = batch["ROWPARTITION"].as_primitive::<Int32Type>();
        let offsets = batch["ROWOFFSET"].as_primitive::<Int64Type>();
        let names = batch["NAME"].as_string::<i32>();
        for i in 0..batch.num_rows() {
            let row = (partitions.value(i), offsets.value(i), times.value(i));
            assert_eq!(names.value(i), format!("name {}", row.1));
            found.push(row);
        }
    }
    found
}

/// Every row below `dir`, and the folder in which it lies; a doubled one fails the test.
pub fn rows(dir: &Path) -> BTreeSet<(Row, String)> {
    let mut found = BTreeSet::new();
    for file in data_files(dir) {
        let folder = Path::new(&file).parent().unwrap().to_str().unwrap().to_owned();
        for row in rows_of(&dir.join(&file)) {
            assert!(found.insert((row, folder.clone())), "row {row:?} is there twice");
        }
    }
    let keys: BTreeSet<_> = found.iter().map(|((p, o, _), _)| (*p, *o)).collect();
    assert_eq!(keys.len(), found.len(), "an offset is there twice");
    found
}

/// The folder of a time.
pub fn folder(ms: i64) -> String {
    at(ms).format("year=%Y/month=%m/day=%d").to_string()
}

/// What `rows` must give for these rows.
pub fn expected(rows: &[Row]) -> BTreeSet<(Row, String)> {
    rows.iter().map(|row| (*row, folder(row.2))).collect()
}

/// Stops the program, as far as the disk can tell, before the operation with a given number; everything after it is
/// refused as well, as nothing comes after a kill.
pub struct StopAt {
    left: AtomicI64,
    pub done: AtomicU64,
}

impl StopAt {
    pub fn operation(n: i64) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(n), done: AtomicU64::new(0) })
    }

    pub fn never() -> Arc<Self> {
        Self::operation(i64::MAX)
    }

    /// Whether it has stopped.
    pub fn fired(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

impl Faults for StopAt {
    fn before(&self, _op: Op, _path: &Path) -> io::Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(io::Error::other("stopped"));
        }
        self.done.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// The folder of a dataset's books.
pub fn books(dataset_dir: &Path) -> PathBuf {
    let (name, kind) = (dataset_dir.file_name().unwrap(), dataset_dir.parent().unwrap());
    kind.parent().unwrap().join("_lakehand").join(kind.file_name().unwrap()).join(name)
}

/// A copy of a folder with all in it.
pub fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target: PathBuf = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// `n` days of `per_day` rows of one Kafka partition.
pub fn days(n: i64, per_day: i64) -> Vec<Row> {
    (0..n * per_day).map(|i| (0, i, T0 + i / per_day * DAY)).collect()
}

pub fn append(dataset: &mut Dataset, rows: &[Row], id: &str) -> lakehand::Result<()> {
    let mut appender = dataset.appender(&stream_schema(), run(id))?;
    appender.write(&batch(rows))?;
    appender.commit(commit_after(rows)).map(|_| ())
}

/// The first day is exported again.
pub fn again(dataset: &mut Dataset, all: &[Row], id: &str, at_ms: i64) -> lakehand::Result<()> {
    let mut replacer = dataset.replacer(&stream_schema(), run(id), at(T0).date_naive())?;
    replacer.write(&batch(all))?;
    replacer.swap(at(at_ms)).map(|_| ())
}

/// A version of `count` rows.
pub fn publish(dataset: &mut Dataset, count: i64, id: &str, at_ms: i64) -> lakehand::Result<()> {
    let mut snapshot = dataset.snapshot(&table_schema(), RunInfo { started: at(at_ms), ..run(id) })?;
    snapshot.write(&table_batch(0, count))?;
    snapshot.publish(at(at_ms), count.unsigned_abs()).map(|_| ())
}

//! What the end-to-end tests share: an embedded server, a project folder, the real binary, and a reader of the lake.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::array::cast::AsArray;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use lakehand::demo::{DemoOptions, DemoServer, Faults};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use tempfile::TempDir;

/// A server on a free port of the loopback interface, living in a runtime of its own.
pub struct Server {
    runtime: tokio::runtime::Runtime,
    server: Option<DemoServer>,
}

impl Server {
    pub fn start(options: DemoOptions) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let server = runtime.block_on(DemoServer::start(options)).unwrap();
        Self { runtime, server: Some(server) }
    }

    pub fn with_rows(rows: u64) -> Self {
        Self::start(DemoOptions { rows, ..DemoOptions::default() })
    }

    pub fn get(&self) -> &DemoServer {
        self.server.as_ref().unwrap()
    }

    pub fn url(&self) -> String {
        self.get().url()
    }

    pub fn faults(&self) -> &Faults {
        self.get().faults()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop());
        }
    }
}

/// A project folder with feeds and a lake.
pub struct Project {
    dir: TempDir,
    url: String,
    settings: Vec<String>,
}

/// What the binary did.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Project {
    /// An empty project on this server, with waits that suit tests.
    pub fn on(url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("feeds/active")).unwrap();
        std::fs::create_dir_all(dir.path().join("feeds/archived")).unwrap();
        let settings = [
            "export.retry_base=20ms",
            "export.retry_max=100ms",
            "export.outage_wait=2s",
            "export.quiet=500ms",
            "export.min_free_mb=1",
        ]
        .map(str::to_owned)
        .to_vec();
        Self { dir, url: url.to_owned(), settings }
    }

    /// With the eight feeds that the repository ships.
    pub fn with_eight_feeds(url: &str) -> Self {
        let project = Self::on(url);
        for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("feeds/active")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, project.path().join("feeds/active").join(path.file_name().unwrap()))
                .unwrap();
        }
        project
    }

    /// One feed more; `fields` is the inside of its JSON object after name, type and source.
    pub fn feed(&self, name: &str, kind: &str, source: &str, fields: &str) -> &Self {
        let comma = if fields.is_empty() { "" } else { ", " };
        let text = format!(
            r#"{{"feed_name": "{name}", "feed_type": "{kind}", "ksqldb_source": "{source}"{comma}{fields}}}"#
        );
        std::fs::write(self.path().join(format!("feeds/active/{name}.json")), text).unwrap();
        self
    }

    pub fn set(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    /// The same project on another server.
    pub fn moved_to(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn stream(&self, dataset: &str) -> PathBuf {
        self.path().join("data_lake/streams").join(dataset)
    }

    pub fn table(&self, dataset: &str) -> PathBuf {
        self.path().join("data_lake/tables").join(dataset)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lakehand"));
        command.arg("-C").arg(self.path()).arg("--server").arg(&self.url);
        for setting in &self.settings {
            command.arg("--set").arg(setting);
        }
        command.args(args).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LAKEHAND_")) {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// Runs, and insists on success.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}\n{}\n{}", ran.out, ran.err);
        ran
    }

    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The export log as far as it is written.
    pub fn log(&self) -> String {
        let mut text = String::new();
        let logs = std::fs::read_dir(self.path().join("data_lake/logs"));
        for entry in logs.into_iter().flatten() {
            text += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
        }
        text
    }
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The JSON objects on standard output; anything else there is a failure.
    pub fn json(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
            .collect()
    }

    /// The `finished` event of a feed.
    pub fn finished(&self, feed: &str) -> Value {
        self.json().into_iter().find(|e| e["event"] == "finished" && e["feed"] == feed).unwrap_or_else(|| {
            panic!("{feed} did not finish:\n{}\n{}", self.out, self.err);
        })
    }
}

pub fn metadata(dataset: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(dataset.join("_metadata.json")).unwrap()).unwrap()
}

/// The data files of a dataset: what an engine that skips `_` and `.` sees.
pub fn data_files(dataset: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![dataset.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name.starts_with(['_', '.']) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                assert!(name.ends_with(".parquet"), "a stray file: {}", path.display());
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

pub fn batches(file: &Path) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

pub fn row_count(dataset: &Path) -> u64 {
    data_files(dataset).iter().flat_map(|f| batches(f)).map(|b| b.num_rows() as u64).sum()
}

/// Every (ROWPARTITION, ROWOFFSET) of a stream, with how often it is there.
pub fn positions(dataset: &Path) -> BTreeMap<(i32, i64), usize> {
    let mut seen = BTreeMap::new();
    for batch in data_files(dataset).iter().flat_map(|f| batches(f)) {
        let partitions = batch.column_by_name("ROWPARTITION").unwrap().as_primitive::<Int32Type>().clone();
        let offsets = batch.column_by_name("ROWOFFSET").unwrap().as_primitive::<Int64Type>().clone();
        for row in 0..batch.num_rows() {
            *seen.entry((partitions.value(row), offsets.value(row))).or_insert(0) += 1;
        }
    }
    seen
}

/// Insists that a stream holds every offset below its ends once, and nothing else.
pub fn assert_each_offset_once(dataset: &Path, rows: u64) {
    let seen = positions(dataset);
    let doubled: Vec<_> = seen.iter().filter(|(_, n)| **n > 1).take(5).collect();
    assert!(doubled.is_empty(), "doubled in {}: {doubled:?}", dataset.display());
    assert_eq!(seen.len() as u64, rows, "rows of {}", dataset.display());
    let mut next = BTreeMap::new();
    for (partition, offset) in seen.keys() {
        let expected = next.entry(*partition).or_insert(0);
        assert_eq!(offset, expected, "a gap in partition {partition} of {}", dataset.display());
        *expected += 1;
    }
}

/// The sum of a DECIMAL column over a dataset, unscaled.
pub fn decimal_sum(files: &[PathBuf], column: &str) -> i128 {
    files
        .iter()
        .flat_map(|f| batches(f))
        .map(|batch| {
            let array = batch.column_by_name(column).unwrap().clone();
            array.as_primitive::<arrow::datatypes::Decimal128Type>().iter().flatten().sum::<i128>()
        })
        .sum()
}

pub fn bigint_sum(files: &[PathBuf], column: &str) -> i64 {
    files
        .iter()
        .flat_map(|f| batches(f))
        .map(|batch| {
            let array = batch.column_by_name(column).unwrap().clone();
            arrow::compute::cast(&array, &DataType::Int64)
                .unwrap()
                .as_primitive::<Int64Type>()
                .iter()
                .flatten()
                .sum::<i64>()
        })
        .sum()
}

/// Waits for a condition; fails with `what` after a generous time.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An empty folder, in memory where the machine offers that.
pub fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

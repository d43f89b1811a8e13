//! The damages, one by one.
#![allow(unreachable_pub, reason = "shared between the modules of one test binary")]

macro_rules! case {
    ($name:literal, $kind:ident, $damage:expr) => {
        Case { name: $name, kind: K::$kind, table: false, deep: false, mends: true, damage: $damage }
    };
    ($name:literal, $kind:ident, table, $damage:expr) => {
        Case { name: $name, kind: K::$kind, table: true, deep: false, mends: true, damage: $damage }
    };
    ($name:literal, $kind:ident, told, $damage:expr) => {
        Case { name: $name, kind: K::$kind, table: false, deep: false, mends: false, damage: $damage }
    };
    ($name:literal, $kind:ident, deep told, $damage:expr) => {
        Case { name: $name, kind: K::$kind, table: false, deep: true, mends: false, damage: $damage }
    };
    ($name:literal, $kind:ident, table told, $damage:expr) => {
        Case { name: $name, kind: K::$kind, table: true, deep: false, mends: false, damage: $damage }
    };
    ($name:literal, $kind:ident, deep, $damage:expr) => {
        Case { name: $name, kind: K::$kind, table: false, deep: true, mends: true, damage: $damage }
    };
}

mod books;
mod data;
mod disk;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakehand::feed::Feed;
use lakehand::lake::verify::FindingKind as K;
use lakehand::lake::{Dataset, Faults, Lake, Op, Quarantined};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use crate::lake_support::*;

pub struct Case {
    pub name: &'static str,
    pub kind: K,
    pub table: bool,
    pub deep: bool,
    /// A repair mends it; otherwise it only tells, and leaves everything as it is.
    pub mends: bool,
    /// Damages; gives the feed to check with, and what the lake must hold after the repair.
    pub damage: fn(&Built) -> (Feed, Data),
}

/// What a repair must leave.
pub enum Data {
    Rows(Vec<Row>),
    Table(u64),
}

/// A sound lake.
pub struct Built {
    pub root: PathBuf,
    pub dir: PathBuf,
    pub feed: Feed,
    /// The metadata before the last commit.
    pub old_metadata: String,
    /// The journal of files at that time.
    pub old_journal: Vec<u8>,
    /// Rows of the first and of the second commit.
    pub first: Vec<Row>,
    pub second: Vec<Row>,
}

impl Built {
    /// The dataset is a Delta table too; gives the feed that says so.
    pub fn as_delta(&self) -> Feed {
        let feed = delta::as_delta(self.feed.clone());
        open(&self.root, &feed).enable_table().unwrap();
        feed
    }

    /// The dataset is an Iceberg table too; gives the feed that says so.
    pub fn as_iceberg(&self) -> Feed {
        let feed = iceberg::as_iceberg(self.feed.clone());
        open(&self.root, &feed).enable_table().unwrap();
        feed
    }

    pub(super) fn all(&self) -> Vec<Row> {
        [self.first.clone(), self.second.clone()].concat()
    }

    pub(super) fn file(&self, n: usize) -> PathBuf {
        self.dir.join(&data_files(&self.dir)[n])
    }

    /// The rows without those of a file.
    pub(super) fn without(&self, file: &Path) -> Data {
        let here = file.parent().unwrap().strip_prefix(&self.dir).unwrap().to_str().unwrap().to_owned();
        let first = file.to_str().unwrap().contains("000001-");
        let batch = if first { &self.first } else { &self.second };
        let gone: Vec<Row> = batch.iter().filter(|row| folder(row.2) == here).copied().collect();
        Data::Rows(self.all().into_iter().filter(|row| !gone.contains(row)).collect())
    }

    pub(super) fn metadata(&self, change: impl FnOnce(&mut Value)) {
        let path = self.dir.join("_metadata.json");
        let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut value);
        fs::write(&path, value.to_string()).unwrap();
    }

    pub(super) fn same(&self) -> (Feed, Data) {
        (self.feed.clone(), Data::Rows(self.all()))
    }
}

pub fn commit(dataset: &mut Dataset, id: &str, rows: &[Row], bad: Option<(i32, i64)>) {
    let mut appender = dataset.appender(&stream_schema(), run(id)).unwrap();
    appender.write(&batch(rows)).unwrap();
    if let Some((partition, offset)) = bad {
        let bad = Quarantined {
            partition: Some(partition),
            offset: Some(offset),
            path: "$[3]",
            reason: "test",
            raw: b"[]",
            time: at(T0),
        };
        appender.quarantine(&bad).unwrap();
    }
    appender.commit(commit_after(rows)).unwrap();
}

pub fn build(root: &Path, table: bool) -> Built {
    if table {
        let feed = Feed { keep_versions: 2, ..table_feed() };
        let mut old_metadata = String::new();
        for n in 0..2 {
            let mut dataset = open(root, &feed);
            old_metadata = fs::read_to_string(dataset.dir().join("_metadata.json")).unwrap_or_default();
            let mut snapshot = dataset.snapshot(&table_schema(), run(&format!("t{n}"))).unwrap();
            snapshot.write(&table_batch(0, 3 + n)).unwrap();
            snapshot.publish(at(T0), 3 + n.unsigned_abs()).unwrap();
        }
        let dir = root.join("tables/totals");
        let old_journal = Vec::new();
        return Built {
            root: root.into(),
            dir,
            feed,
            old_metadata,
            old_journal,
            first: vec![],
            second: vec![],
        };
    }
    let feed = stream_feed();
    // Offset 5 of partition 0 is in quarantine; days interleave in the log.
    let first: Vec<Row> = (0..12).filter(|o| *o != 5).map(|o| (0, o, T0 + (o % 3) * DAY)).collect();
    let second: Vec<Row> = (12..18)
        .map(|o| (0, o, T0 + (o % 3) * DAY + 5))
        .chain((0..6).map(|o| (1, o, T0 + (o % 2) * DAY)))
        .collect();
    commit(&mut open(root, &feed), "one", &first, Some((0, 5)));
    let dir = root.join("streams/events");
    let old_metadata = fs::read_to_string(dir.join("_metadata.json")).unwrap();
    let old_journal = fs::read(books(&dir).join("journal")).unwrap();
    commit(&mut open(root, &feed), "two", &second, None);
    Built { root: root.into(), dir, feed, old_metadata, old_journal, first, second }
}

/// Lets a commit be decided, and stops right after.
pub(super) struct AfterIntent(pub(super) std::sync::atomic::AtomicBool);

impl Faults for AfterIntent {
    fn before(&self, op: Op, path: &Path) -> std::io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        if self.0.load(SeqCst) {
            return Err(std::io::Error::other("stopped"));
        }
        if op == Op::Rename && path.ends_with("intent.json") {
            return Ok(());
        }
        // The folder is synced after the record is in place: that is the first change refused.
        if path.ends_with("staging") && op == Op::SyncDir && path.join("intent.json").exists() {
            self.0.store(true, SeqCst);
        }
        Ok(())
    }
}

pub(super) const THIRD: [Row; 4] = [(0, 18, T0), (0, 19, T0 + DAY), (0, 20, T0), (0, 21, T0 + DAY)];

pub(super) fn unfinished(built: &Built) {
    let faults = Arc::new(AfterIntent(std::sync::atomic::AtomicBool::new(false)));
    let lake = Lake::with_faults(&built.root, faults);
    let mut dataset = Dataset::open(&lake, &built.feed, limits(), owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("three")).unwrap();
    appender.write(&batch(&THIRD)).unwrap();
    appender.commit(commit_after(&THIRD)).unwrap_err();
    drop(appender);
    drop(dataset);
    assert!(books(&built.dir).join("staging/intent.json").exists());
}

/// The file again with another entry in its footer, or with rows that repeat.
pub fn rewrite(path: &Path, entry: impl Fn(&KeyValue) -> KeyValue) {
    let builder = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
    let entries: Vec<_> =
        builder.metadata().file_metadata().key_value_metadata().unwrap().iter().map(entry).collect();
    let schema = builder.schema().clone();
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    let properties = WriterProperties::builder().set_key_value_metadata(Some(entries)).build();
    let mut writer = ArrowWriter::try_new(fs::File::create(path).unwrap(), schema, Some(properties)).unwrap();
    for batch in &batches {
        writer.write(batch).unwrap();
    }
    writer.close().unwrap();
}

pub(super) fn fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    mode(path, 0o640);
}

/// A folder of the dataset is a link to one that holds something of somebody else.
pub(super) fn linked(built: &Built, name: &str) {
    let victim = built.root.join("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("precious"), "x").unwrap();
    let _ = fs::remove_dir_all(books(&built.dir).join(name));
    std::os::unix::fs::symlink(&victim, books(&built.dir).join(name)).unwrap();
}

/// Flips a bit of a page, or of the footer, that no reader notices: the rows can still be decoded.
pub(super) fn flip_unseen(path: &Path, from: usize, footer: bool) {
    let whole = fs::read(path).unwrap();
    let end = whole.len() - 8;
    let length = u32::from_le_bytes(whole[end..end + 4].try_into().unwrap()) as usize;
    let range = if footer { end - length..end } else { from..end - length };
    let told = |path: &Path| {
        std::panic::catch_unwind(|| {
            let footer = lakehand::lake::read_footer(path).ok()?;
            let file = fs::File::open(path).ok()?;
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).ok()?.build().ok()?;
            let batches: Vec<_> = reader.collect::<Result<_, _>>().ok()?;
            let facts = format!("{footer:?}");
            let offsets = batches.iter().map(|b| {
                format!("{:?}{:?}", b.column_by_name("ROWOFFSET"), b.column_by_name("ROWPARTITION"))
            });
            Some((facts, offsets.collect::<Vec<_>>()))
        })
        .ok()
        .flatten()
    };
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let before = told(path);
    let found = range.rev().find(|at| {
        let mut bytes = whole.clone();
        bytes[*at] ^= 1;
        fs::write(path, bytes).unwrap();
        told(path) == before
    });
    std::panic::set_hook(hook);
    found.expect("some bit is not noticed");
}

/// A copy of a file lies in the bin; gives its path.
pub(super) fn put_aside(built: &Built) -> PathBuf {
    let file = format!("{}.replaced", data_files(&built.dir)[0]);
    let top = books(&built.dir);
    let path = top.join("bin/000009-x").join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut folder = path.parent().unwrap();
    while folder != top {
        mode(folder, 0o750);
        folder = folder.parent().unwrap();
    }
    path
}

pub(super) fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(super) fn copied(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    mode(to, 0o640);
}

/// Every damage, in the order of `docs/check.md`.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    data::CASES.iter().chain(disk::CASES).chain(books::CASES)
}

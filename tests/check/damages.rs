//! The damages, one by one.
#![allow(unreachable_pub, reason = "shared between the modules of one test binary")]

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
    fn all(&self) -> Vec<Row> {
        [self.first.clone(), self.second.clone()].concat()
    }

    fn file(&self, n: usize) -> PathBuf {
        self.dir.join(&data_files(&self.dir)[n])
    }

    /// The rows without those of a file.
    fn without(&self, file: &Path) -> Data {
        let here = file.parent().unwrap().strip_prefix(&self.dir).unwrap().to_str().unwrap().to_owned();
        let first = file.to_str().unwrap().contains("000001-");
        let batch = if first { &self.first } else { &self.second };
        let gone: Vec<Row> = batch.iter().filter(|row| folder(row.2) == here).copied().collect();
        Data::Rows(self.all().into_iter().filter(|row| !gone.contains(row)).collect())
    }

    fn metadata(&self, change: impl FnOnce(&mut Value)) {
        let path = self.dir.join("_metadata.json");
        let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        change(&mut value);
        fs::write(&path, value.to_string()).unwrap();
    }

    fn same(&self) -> (Feed, Data) {
        (self.feed.clone(), Data::Rows(self.all()))
    }
}

fn commit(dataset: &mut Dataset, id: &str, rows: &[Row], bad: Option<(i32, i64)>) {
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
struct AfterIntent(std::sync::atomic::AtomicBool);

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

const THIRD: [Row; 4] = [(0, 18, T0), (0, 19, T0 + DAY), (0, 20, T0), (0, 21, T0 + DAY)];

fn unfinished(built: &Built) {
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

fn fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
    mode(path, 0o640);
}

/// A folder of the dataset is a link to one that holds something of somebody else.
fn linked(built: &Built, name: &str) {
    let victim = built.root.join("victim");
    fs::create_dir(&victim).unwrap();
    fs::write(victim.join("precious"), "x").unwrap();
    let _ = fs::remove_dir_all(books(&built.dir).join(name));
    std::os::unix::fs::symlink(&victim, books(&built.dir).join(name)).unwrap();
}

/// Flips a bit of a page, or of the footer, that no reader notices: the rows can still be decoded.
fn flip_unseen(path: &Path, from: usize, footer: bool) {
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
fn put_aside(built: &Built) -> PathBuf {
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

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn copied(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    mode(to, 0o640);
}

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

pub const CASES: &[Case] = &[
    case!("a file is cut to nothing", Empty, |b| {
        let left = b.without(&b.file(0));
        fs::write(b.file(0), b"").unwrap();
        (b.feed.clone(), left)
    }),
    case!("the end of a file is cut off", Unreadable, |b| {
        let left = b.without(&b.file(1));
        let bytes = fs::read(b.file(1)).unwrap();
        fs::write(b.file(1), &bytes[..bytes.len() - 20]).unwrap();
        (b.feed.clone(), left)
    }),
    case!("pages of a file are overwritten (found by --deep)", Unreadable, deep, |b| {
        let left = b.without(&b.file(1));
        let mut bytes = fs::read(b.file(1)).unwrap();
        bytes[4..200].fill(0xff);
        fs::write(b.file(1), bytes).unwrap();
        (b.feed.clone(), left)
    }),
    case!("somebody's notes lie in a day", Foreign, |b| {
        fs::write(b.dir.join("year=2025/month=01/day=01/notes.txt"), "x").unwrap();
        mode(&b.dir.join("year=2025/month=01/day=01/notes.txt"), 0o640);
        b.same()
    }),
    case!("a Parquet file of another program lies in a day", Foreign, |b| {
        let path = b.dir.join("year=2025/month=01/day=01/data_x.parquet");
        copied(&b.file(0), &path);
        rewrite(&path, |e| KeyValue::new(format!("other.{}", e.key), e.value.clone()));
        b.same()
    }),
    case!("a file of another dataset lies in a day", Foreign, |b| {
        let path = b.dir.join("year=2025/month=01/day=01/data_x.parquet");
        copied(&b.file(0), &path);
        rewrite(&path, |e| match e.key.as_str() {
            "lakehand.dataset" => KeyValue::new(e.key.clone(), "payments".to_owned()),
            _ => e.clone(),
        });
        b.same()
    }),
    case!("a symbolic link stands in a day", Link, |b| {
        let link = b.dir.join("year=2025/month=01/day=01/data_9.parquet");
        std::os::unix::fs::symlink(b.file(0), link).unwrap();
        b.same()
    }),
    case!("half of a commit that nothing names", StaleMetadata, |b| {
        let metadata = fs::read(b.dir.join("_metadata.json")).unwrap();
        commit(&mut open(&b.root, &b.feed), "three", &THIRD, None);
        let of_third = |f: &String| f.contains("000003-");
        let victim = data_files(&b.dir).into_iter().find(of_third).unwrap();
        fs::remove_file(b.dir.join(&victim)).unwrap();
        fs::write(b.dir.join("_metadata.json"), metadata).unwrap();
        // What is there of it stays, and what is not is read again.
        let lost = victim.rsplit_once('/').unwrap().0;
        let left = THIRD.iter().filter(|row| folder(row.2) != lost);
        (b.feed.clone(), Data::Rows(b.all().into_iter().chain(left.copied()).collect()))
    }),
    case!("a newer file does not tell which rows it holds", Orphan, |b| {
        let path = b.dir.join("year=2025/month=01/day=01/data_20250101_000009-nine_1.parquet");
        copied(&b.file(0), &path);
        rewrite(&path, |e| match e.key.as_str() {
            "lakehand.commit" => KeyValue::new(e.key.clone(), "000009-nine".to_owned()),
            "lakehand.columns" => {
                KeyValue::new(e.key.clone(), e.value.as_ref().unwrap().replace("ROWOFFSET", "OTHER"))
            }
            "lakehand.offsets" => {
                KeyValue::new(e.key.clone(), r#"{"0":{"runs":[[90,99]],"rows":4,"hull":true}}"#.to_owned())
            }
            _ => e.clone(),
        });
        b.same()
    }),
    case!("a file is copied", Overlap, |b| {
        copied(&b.file(0), &b.dir.join("year=2025/month=01/day=01/data_20250101_copy_1.parquet"));
        b.same()
    }),
    case!("a file is copied into another day", Overlap, |b| {
        copied(&b.file(0), &b.dir.join("year=2025/month=01/day=02/data_20250101_copy_1.parquet"));
        b.same()
    }),
    case!("a file is moved into another day", WrongDay, |b| {
        let name = b.file(0).file_name().unwrap().to_owned();
        fs::rename(b.file(0), b.dir.join("year=2025/month=01/day=02").join(name)).unwrap();
        b.same()
    }),
    case!("a file has another type for a column", MixedSchema, |b| {
        let path = b.dir.join("year=2025/month=01/day=01/data_20250101_000002-two_9.parquet");
        copied(&b.file(0), &path);
        rewrite(&path, |e| match e.key.as_str() {
            "lakehand.columns" => {
                KeyValue::new(e.key.clone(), e.value.as_ref().unwrap().replace("DOUBLE", "BIGINT"))
            }
            "lakehand.offsets" => {
                KeyValue::new(e.key.clone(), r#"{"7":{"runs":[[0,3]],"rows":4}}"#.to_owned())
            }
            _ => e.clone(),
        });
        b.same()
    }),
    case!("a footer tells other offsets than the rows (found by --deep)", FooterLies, deep, |b| {
        let left = b.without(&b.file(0));
        rewrite(&b.file(0), |e| match e.key.as_str() {
            "lakehand.offsets" => {
                KeyValue::new(e.key.clone(), e.value.as_ref().unwrap().replace("[0,0]", "[1,1]"))
            }
            _ => e.clone(),
        });
        (b.feed.clone(), left)
    }),
    case!("a day is removed", MissingPartition, |b| {
        fs::remove_dir_all(b.dir.join("year=2025/month=01/day=02")).unwrap();
        let left = b.all().into_iter().filter(|r| folder(r.2) != "year=2025/month=01/day=02").collect();
        (b.feed.clone(), Data::Rows(left))
    }),
    case!("a file is removed", MissingRows, |b| {
        let left = b.without(&b.file(0));
        fs::remove_file(b.file(0)).unwrap();
        (b.feed.clone(), left)
    }),
    case!("the metadata counts a day wrongly", WrongCounts, |b| {
        b.metadata(|m| m["partitions"][0]["records"] = json!(2));
        b.same()
    }),
    case!("the metadata's sums are wrong", WrongCounts, |b| {
        b.metadata(|m| m["total_records"] = json!(7));
        b.same()
    }),
    case!("the metadata forgets a day", WrongCounts, |b| {
        b.metadata(|m| drop(m["partitions"].as_array_mut().unwrap().remove(1)));
        b.same()
    }),
    case!("the metadata is removed", NoMetadata, |b| {
        fs::remove_file(b.dir.join("_metadata.json")).unwrap();
        b.same()
    }),
    case!("a folder of another program holds Parquet files", Stranger, |b| {
        fs::create_dir(b.dir.join("_backup")).unwrap();
        mode(&b.dir.join("_backup"), 0o750);
        copied(&b.file(0), &b.dir.join("_backup/x.parquet"));
        b.same()
    }),
    case!("an older copy of the metadata lies apart", TwoMetadata, |b| {
        let apart = books(&b.dir).join("metadata.json");
        fs::write(&apart, &b.old_metadata).unwrap();
        mode(&apart, 0o640);
        b.same()
    }),
    case!("the lock is in the dataset's folder, as before version 0.2", OldLayout, |b| {
        fs::rename(books(&b.dir).join("lock"), b.dir.join("_lock")).unwrap();
        b.same()
    }),
    case!("the metadata is cut", BadMetadata, |b| {
        fs::write(b.dir.join("_metadata.json"), &b.old_metadata[..80]).unwrap();
        b.same()
    }),
    case!("the metadata loses its positions", BadMetadata, |b| {
        b.metadata(|m| m["positions"] = json!({}));
        b.same()
    }),
    case!("the metadata is another dataset's", OtherMetadata, |b| {
        b.metadata(|m| m["source"] = json!("payments"));
        b.same()
    }),
    case!("the metadata is brought back from before the last commit", StaleMetadata, |b| {
        fs::write(b.dir.join("_metadata.json"), &b.old_metadata).unwrap();
        b.same()
    }),
    case!("the metadata's positions go back", PositionBehind, |b| {
        b.metadata(|m| m["positions"]["0"] = json!(3));
        b.same()
    }),
    case!("a version nobody named", UnnamedVersion, table, |b| {
        copy_tree(&b.dir.join("version=v2"), &b.dir.join("version=v7"));
        mode(&b.dir.join("version=v7"), 0o755);
        (b.feed.clone(), Data::Table(4))
    }),
    case!("the current version is not the newest", TwoVersions, table, |b| {
        b.metadata(|m| {
            m["current_version"] = json!(1);
            m["total_records"] = json!(3);
        });
        (b.feed.clone(), Data::Table(4))
    }),
    case!("the current version is removed", MissingPartition, table, |b| {
        fs::remove_dir_all(b.dir.join("version=v2")).unwrap();
        (b.feed.clone(), Data::Table(3))
    }),
    case!("a version more than the feed keeps", OldVersion, table, |b| {
        (Feed { keep_versions: 1, ..b.feed.clone() }, Data::Table(4))
    }),
    case!("the file of a version is cut", Unreadable, table, |b| {
        let bytes = fs::read(b.file(1)).unwrap();
        fs::write(b.file(1), &bytes[..bytes.len() - 1]).unwrap();
        (b.feed.clone(), Data::Table(3))
    }),
    case!("a restricted file is opened to all", WrongMode, |b| {
        mode(&b.file(0), 0o644);
        b.same()
    }),
    case!("a folder is closed to its group", WrongMode, |b| {
        mode(&b.dir.join("year=2025/month=01"), 0o700);
        b.same()
    }),
    case!("staging is opened to all", WrongMode, |b| {
        mode(&books(&b.dir).join("staging"), 0o777);
        b.same()
    }),
    case!("the dataset's folder is opened to all", WrongMode, |b| {
        mode(&b.dir, 0o755);
        b.same()
    }),
    case!("a run stopped between its decision and the end of the commit", UnfinishedCommit, |b| {
        unfinished(b);
        (b.feed.clone(), Data::Rows([b.all(), THIRD.to_vec()].concat()))
    }),
    case!("the same, and a staged file is gone", BrokenCommit, |b| {
        unfinished(b);
        let staged = fs::read_dir(books(&b.dir).join("staging/three")).unwrap().next().unwrap().unwrap();
        fs::remove_file(staged.path()).unwrap();
        b.same()
    }),
    case!("a run was killed while it wrote", LeftoverStaging, |b| {
        fs::create_dir(books(&b.dir).join("staging/three")).unwrap();
        fs::write(books(&b.dir).join("staging/three/000000.parquet"), "PAR1 half").unwrap();
        b.same()
    }),
    case!("somebody seals a day by hand", WrongSeal, |b| {
        let mark = b.dir.join("year=2025/month=01/day=01/_SUCCESS");
        fs::write(&mark, "").unwrap();
        mode(&mark, 0o640);
        b.same()
    }),
    case!("a pipe stands in a day", Foreign, |b| {
        fifo(&b.dir.join("year=2025/month=01/day=01/pipe"));
        b.same()
    }),
    case!("a pipe is named like a data file", Foreign, |b| {
        fifo(&b.dir.join("year=2025/month=01/day=01/data_20250101_000001-one_7.parquet"));
        b.same()
    }),
    case!("a socket stands in a day", Foreign, |b| {
        let path = b.dir.join("year=2025/month=01/day=01/socket");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        mode(&path, 0o640);
        b.same()
    }),
    case!("a pipe stands in quarantine", Foreign, |b| {
        fifo(&books(&b.dir).join("quarantine/20250101_000009-x.jsonl"));
        b.same()
    }),
    case!("staging is a link to a folder of somebody else", Link, |b| {
        linked(b, "staging");
        b.same()
    }),
    case!("the bin is a link to a folder of somebody else", Link, |b| {
        linked(b, "bin");
        b.same()
    }),
    case!("a partition is a link to a disk that is not there", Unknown, told, |b| {
        let year = b.dir.join("year=2025");
        fs::rename(&year, b.root.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(b.root.join("not-mounted"), &year).unwrap();
        (b.feed.clone(), Data::Rows(vec![]))
    }),
    case!("one bit of a page flips, and it can still be decoded (found by --deep)", Changed, deep told, |b| {
        flip_unseen(&b.file(0), 4, false);
        b.same()
    }),
    case!("one bit of a footer flips, and it can still be read (found by --deep)", Changed, deep told, |b| {
        flip_unseen(&b.file(0), 4, true);
        b.same()
    }),
    case!("a file is written anew by another program", Changed, told, |b| {
        rewrite(&b.file(0), Clone::clone);
        b.same()
    }),
    case!("the beginning of a file is overwritten (found by --deep)", Changed, deep told, |b| {
        let mut bytes = fs::read(b.file(0)).unwrap();
        bytes[0] = b'X';
        fs::write(b.file(0), bytes).unwrap();
        b.same()
    }),
    case!("something is appended to a file", Unreadable, |b| {
        let left = b.without(&b.file(0));
        let bytes = [fs::read(b.file(0)).unwrap(), b"more".to_vec()].concat();
        fs::write(b.file(0), bytes).unwrap();
        (b.feed.clone(), left)
    }),
    case!("a file is filled with zeros", Unreadable, |b| {
        let left = b.without(&b.file(0));
        let bytes = fs::read(b.file(0)).unwrap();
        fs::write(b.file(0), vec![0; bytes.len()]).unwrap();
        (b.feed.clone(), left)
    }),
    case!("a file is copied into a deeper folder", Overlap, |b| {
        let deeper = b.dir.join("year=2025/month=01/day=01/hour=00");
        fs::create_dir(&deeper).unwrap();
        mode(&deeper, 0o750);
        copied(&b.file(0), &deeper.join("data_2025010100_copy_1.parquet"));
        b.same()
    }),
    case!("a file that was put aside is cut", BrokenReplaced, told, |b| {
        let path = put_aside(b);
        let bytes = fs::read(b.file(0)).unwrap();
        fs::write(&path, &bytes[..40]).unwrap();
        mode(&path, 0o640);
        b.same()
    }),
    case!("a bit flips in a file that was put aside (found by --deep)", BrokenReplaced, deep told, |b| {
        let path = put_aside(b);
        copied(&b.file(0), &path);
        flip_unseen(&path, 4, false);
        b.same()
    }),
    case!("the journal of files is removed", BadJournal, |b| {
        fs::remove_file(books(&b.dir).join("journal")).unwrap();
        b.same()
    }),
    case!("the journal of files is cut", BadJournal, |b| {
        let bytes = fs::read(books(&b.dir).join("journal")).unwrap();
        fs::write(books(&b.dir).join("journal"), &bytes[..bytes.len() - 30]).unwrap();
        b.same()
    }),
    case!("one bit of the journal flips", BadJournal, |b| {
        let mut bytes = fs::read(books(&b.dir).join("journal")).unwrap();
        bytes[60] ^= 1;
        fs::write(books(&b.dir).join("journal"), bytes).unwrap();
        b.same()
    }),
    case!("something is appended to the journal", BadJournal, |b| {
        let bytes = [fs::read(books(&b.dir).join("journal")).unwrap(), b"what is this\n".to_vec()].concat();
        fs::write(books(&b.dir).join("journal"), bytes).unwrap();
        b.same()
    }),
    case!("a column is missing from the metadata", BadMetadata, |b| {
        b.metadata(|m| drop(m["columns"].as_array_mut().unwrap().pop()));
        b.same()
    }),
    case!("the metadata has another type for a column", BadMetadata, |b| {
        b.metadata(|m| {
            for column in m["columns"].as_array_mut().unwrap() {
                if column["ksql_type"] == "DOUBLE" {
                    column["ksql_type"] = json!("BIGINT");
                }
            }
        });
        b.same()
    }),
    case!("the metadata has another time zone", BadMetadata, |b| {
        b.metadata(|m| m["timezone"] = json!("America/New_York"));
        b.same()
    }),
    case!("the metadata has other partition columns", BadMetadata, |b| {
        b.metadata(|m| m["partition_columns"] = json!(["year", "month"]));
        b.same()
    }),
    case!("the metadata is a list", BadMetadata, |b| {
        fs::write(b.dir.join("_metadata.json"), "[]").unwrap();
        b.same()
    }),
    case!("the metadata is empty", BadMetadata, |b| {
        fs::write(b.dir.join("_metadata.json"), "").unwrap();
        b.same()
    }),
    case!("the metadata is a table's", OtherMetadata, |b| {
        b.metadata(|m| m["type"] = json!("table"));
        b.same()
    }),
    case!("the metadata's commit number goes back", StaleMetadata, |b| {
        b.metadata(|m| m["commit_seq"] = json!(1));
        b.same()
    }),
    case!("metadata and journal are brought back from before the last commit", StaleMetadata, |b| {
        fs::write(b.dir.join("_metadata.json"), &b.old_metadata).unwrap();
        fs::write(books(&b.dir).join("journal"), &b.old_journal).unwrap();
        b.same()
    }),
    case!("the metadata forgets the position of a Kafka partition", PositionBehind, |b| {
        b.metadata(|m| drop(m["positions"].as_object_mut().unwrap().remove("1")));
        b.same()
    }),
    case!("the metadata says of offsets that files hold them", HeldAhead, |b| {
        b.metadata(|m| m["ahead"] = json!({"0": {"runs": [[18, 20]], "rows": 3}}));
        b.same()
    }),
    case!("the metadata counts other bytes", WrongCounts, |b| {
        b.metadata(|m| m["partitions"][0]["bytes"] = json!(2));
        b.same()
    }),
    case!("the metadata counts other files", WrongCounts, |b| {
        b.metadata(|m| m["partitions"][1]["files"] = json!(9));
        b.same()
    }),
    case!("the metadata names a day twice", MissingPartition, |b| {
        b.metadata(|m| {
            let day = m["partitions"][0].clone();
            m["partitions"].as_array_mut().unwrap().push(day);
        });
        b.same()
    }),
    case!("the metadata says that a day is sealed", WrongSeal, |b| {
        b.metadata(|m| m["partitions"][0]["sealed_at"] = json!("2025-02-01T00:00:00Z"));
        b.same()
    }),
    case!("the metadata counts other rows in quarantine", QuarantineCount, |b| {
        b.metadata(|m| m["quarantined_records"] = json!(5));
        b.same()
    }),
    case!("the journal of files is opened to all", WrongMode, |b| {
        mode(&books(&b.dir).join("journal"), 0o644);
        b.same()
    }),
    case!("the metadata forgets the current version", WrongCounts, table, |b| {
        b.metadata(|m| {
            m["partitions"].as_array_mut().unwrap().pop();
            m["current_version"] = json!(1);
        });
        (b.feed.clone(), Data::Table(4))
    }),
    case!("the file of a version is one of another version", WrongVersion, table told, |b| {
        fs::copy(b.file(0), b.file(1)).unwrap();
        (b.feed.clone(), Data::Table(3))
    }),
    case!("the lake is complete through an instant to come", FutureWatermark, |b| {
        b.metadata(|m| m["complete_through"] = json!("2199-01-01T00:00:00Z"));
        b.same()
    }),
    case!("an export was made by a clock years ahead", FutureExport, |b| {
        b.metadata(|m| m["last_export"] = json!("2199-01-01T00:00:00Z"));
        b.same()
    }),
    case!("a day was sealed before it was over", GroundlessSeal, |b| {
        let mark = b.dir.join("year=2025/month=01/day=01/_SUCCESS");
        fs::write(&mark, "").unwrap();
        mode(&mark, 0o640);
        b.metadata(|m| m["partitions"][0]["sealed_at"] = json!("2025-01-01T00:00:00Z"));
        b.same()
    }),
    case!("a quarantine file is removed", QuarantineCount, |b| {
        fs::remove_dir_all(books(&b.dir).join("quarantine")).unwrap();
        b.same()
    }),
];

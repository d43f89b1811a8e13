//! What a commit, a start, a recovery and the list of feeds cost as partitions, files and feeds grow tenfold.
//!
//! `cargo bench --bench growth`, or with `-- tables` what table formats cost alone; without `--bench` (as `cargo test --all-targets` calls it) the smallest sizes only.

mod support;

use std::io;
use std::path::Path;
use std::sync::Arc;

use lakehand::Result;
use lakehand::feed::{Catalog, Compression, Feed, FeedPaths, TableFormat};
use lakehand::lake::{Dataset, Faults, Lake, Limits, Op, Owner, read_metadata};
use lakehand::source::ksql::rows::Sink;
use serde_json::Value;
use support::sets::{Set, T0};
use support::{Kept, LakeSink, alone, at, feed, lake, median, open, pieces, read, run};

fn main() -> Result<()> {
    let measured = std::env::args().any(|argument| argument == "--bench");
    let times = if measured { 5 } else { 1 };
    let sizes = |sizes: &[u64]| sizes[..if measured { sizes.len() } else { 1 }].to_vec();
    println!("medians of {times}, milliseconds by the clock (CPU)\n");
    println!("files of the table  format   commit of one row     with a checkpoint");
    for n in sizes(&[10, 1_000, 100_000]) {
        for format in FORMATS {
            table(n, format, times)?;
        }
    }
    if std::env::args().any(|argument| argument == "tables") {
        return Ok(());
    }
    println!();
    println!("partitions known   read _metadata.json      start        note caught up   commit of one row");
    for n in sizes(&[100, 1_000, 10_000, 100_000]) {
        partitions(n, times)?;
    }
    println!("\nfiles of a commit  write and commit     recovery of a decided commit");
    for n in sizes(&[10, 100, 1_000, 3_650]) {
        files(n, times)?;
    }
    println!("\nfeeds              read the catalogue");
    for n in sizes(&[100, 1_000, 10_000]) {
        feeds(n, times);
    }
    Ok(())
}

/// Table formats whose log is written; without one, to compare with.
const FORMATS: [Option<TableFormat>; 2] = [None, Some(TableFormat::Delta)];
/// Versions between two checkpoints of a Delta log.
const CHECKPOINT: u64 = 100;

/// Commits of a row to a table whose log names `n` files. They are in the log alone: a commit looks at none of them.
fn table(n: u64, format: Option<TableFormat>, times: usize) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let feed = Feed { table_format: Vec::from_iter(format), ..feed(Compression::Zstd(None)) };
    let set = Set::new("flat", 1, 1, false);
    commit(&mut open(&lake(folder.path(), 1), &feed, limits())?, &set)?;
    if format == Some(TableFormat::Delta) {
        let entry = folder.path().join("streams/bench/_delta_log/00000000000000000000.json");
        let text = std::fs::read_to_string(&entry).unwrap();
        let add = text.lines().find(|line| line.starts_with("{\"add\"")).unwrap();
        let more = (1..n).map(|i| add.replacen("/data_", &format!("/data_{i:06}_"), 1) + "\n");
        std::fs::write(&entry, more.fold(text.clone(), |all, line| all + &line)).unwrap();
    }
    let mut dataset = open(&lake(folder.path(), 1), &feed, limits())?;
    let mut next = 1;
    let mut one = |dataset: &mut Dataset| {
        commit_row(dataset, &set, next).unwrap();
        next += 1;
        next - 1
    };
    let committing = median(times * 10, || {
        one(&mut dataset);
    });
    let with_checkpoint = format.map(|_| {
        let at = std::cell::Cell::new(0);
        loop {
            let taken = median(1, || at.set(one(&mut dataset)));
            if at.get() >= CHECKPOINT {
                break taken;
            }
        }
    });
    let name = format.map_or("none", TableFormat::keyword);
    let checkpoint = with_checkpoint.map_or(String::new(), shown);
    println!("{n:16}  {name:>7} {:>20} {checkpoint:>21}", shown(committing));
    Ok(())
}

fn limits() -> Limits {
    Limits { min_free_bytes: 0, ..Limits::default() }
}

fn shown((cpu, clock): (f64, f64)) -> String {
    format!("{:8.2} ({:.2})", clock * 1e3, cpu * 1e3)
}

/// A dataset of one row, whose metadata then names `n` partitions.
fn partitions(n: u64, times: usize) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let feed = feed(Compression::Zstd(None));
    let set = Set::new("flat", 1, 1, false);
    commit(&mut open(&lake(folder.path(), 1), &feed, limits())?, &set)?;
    let dir = folder.path().join("streams/bench");
    let path = dir.join("_metadata.json");
    let mut metadata: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let model = metadata["partitions"][0].clone();
    let all: Vec<Value> = (0..n)
        .map(|i| {
            let mut one = model.clone();
            let day = at(T0 - 86_400_000 * i64::try_from(n - i).unwrap());
            one["path"] = Value::from(day.format("year=%Y/month=%m/day=%d").to_string());
            one
        })
        .collect();
    metadata["partitions"] = Value::from(all);
    std::fs::write(&path, serde_json::to_string_pretty(&metadata).unwrap()).unwrap();
    let reading = median(times, || assert!(read_metadata(&dir).unwrap().is_some()));
    let starting = median(times, || drop(open(&lake(folder.path(), 1), &feed, limits()).unwrap()));
    let mut dataset = open(&lake(folder.path(), 1), &feed, limits())?;
    let noting = median(times, || {
        dataset.note_caught_up(&std::collections::BTreeMap::new(), None, "offsets", at(T0)).unwrap();
    });
    let mut next = 1;
    let committing = median(times, || {
        commit_row(&mut dataset, &set, next).unwrap();
        next += 1;
    });
    let [reading, starting, noting, committing] = [reading, starting, noting, committing].map(shown);
    println!("{n:16} {reading:>20} {starting:>18} {noting:>18} {committing:>18}");
    Ok(())
}

fn commit(dataset: &mut Dataset, set: &Set) -> Result<()> {
    let mut sink = LakeSink::new(dataset.appender(&set.table_schema(), run("r"))?);
    read(set, &pieces(set), &mut sink, &alone())?;
    sink.commit()
}

/// One more row, at this offset.
fn commit_row(dataset: &mut Dataset, set: &Set, offset: u64) -> Result<()> {
    let mut kept = Kept::default();
    let mut row = set.row(0);
    row[2] = offset.to_string();
    let line = format!("{{\"row\":{{\"columns\":[{}]}}}},\n", row.join(","));
    let pieces = [set.header(), line, Set::end().to_owned()].map(bytes::Bytes::from);
    read(set, &pieces, &mut kept, &alone())?;
    let mut sink = LakeSink::new(dataset.appender(&set.table_schema(), run("r"))?);
    sink.batch(kept.0.remove(0))?;
    sink.commit()
}

/// Refuses to give a data file its name: the commit is decided then, and not done.
struct Stop;

impl Faults for Stop {
    fn before(&self, op: Op, path: &Path) -> io::Result<()> {
        if op == Op::Rename && path.extension().is_some_and(|e| e == "parquet") {
            return Err(io::Error::other("stopped"));
        }
        Ok(())
    }
}

fn files(n: u64, times: usize) -> Result<()> {
    let feed = feed(Compression::Zstd(None));
    let set = Set::new("flat", n, u32::try_from(n).unwrap(), false);
    let committing = median(times, || {
        let folder = tempfile::tempdir().unwrap();
        commit(&mut open(&lake(folder.path(), 1), &feed, limits()).unwrap(), &set).unwrap();
    });
    let (mut cpus, mut clocks) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let folder = tempfile::tempdir().unwrap();
        let stopping = Lake::with_faults(folder.path(), Arc::new(Stop));
        let owner = Owner { what: "bench".to_owned(), pid: 1, host: "here".to_owned(), since: at(T0) };
        let mut stopped = Dataset::open(&stopping, &feed, limits(), owner)?;
        assert!(commit(&mut stopped, &set).is_err());
        drop(stopped);
        let (cpu, clock) = median(1, || {
            let dataset = open(&lake(folder.path(), 1), &feed, limits()).unwrap();
            assert!(dataset.recovery().finished_commit.is_some());
        });
        cpus.push(cpu);
        clocks.push(clock);
    }
    let middle = |mut seconds: Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    };
    println!("{n:16} {:>20} {:>28}", shown(committing), shown((middle(cpus), middle(clocks))));
    Ok(())
}

fn feeds(n: u64, times: usize) {
    let folder = tempfile::tempdir().unwrap();
    let paths = FeedPaths::below(folder.path());
    std::fs::create_dir_all(&paths.active).unwrap();
    let model = include_str!("../feeds/active/transaction_flattened.json");
    for i in 0..n {
        std::fs::write(paths.active.join(format!("feed_{i:05}.json")), model).unwrap();
    }
    let reading = median(times, || {
        assert_eq!(Catalog::load(&paths).unwrap().entries.len() as u64, n);
    });
    println!("{n:16} {:>20}", shown(reading));
}

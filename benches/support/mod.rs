//! What the benches share: data sets, the way from bytes into a lake, medians.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each bench uses another part; nobody reads its docs"
)]

pub mod sets;

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::array::cast::AsArray;
use arrow::datatypes::{Int32Type, Int64Type};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use lakehand::Result;
use lakehand::feed::{
    Compression, DatePart, ExportMode, Feed, FeedKind, FileLayout, Partitioning, ReadMode, StorageMode,
    Types, Visibility,
};
use lakehand::ksql::decode::BadRow;
use lakehand::ksql::response::Framing;
use lakehand::lake::{Appender, Commit, Dataset, Lake, Limits, Owner, RunInfo};
use lakehand::pool::Pool;
use lakehand::source::ksql::rows::{Rows, Sink};
use sets::{Set, T0};

/// Bytes that the chunk reader hands on at once.
pub const PIECE: usize = 256 << 10;

pub fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap()
}

pub fn feed(compression: Compression) -> Feed {
    Feed {
        shrink_limit: None,
        name: "bench".to_owned(),
        kind: FeedKind::Stream,
        source: "BENCH".to_owned(),
        description: String::new(),
        partitioning: Partitioning::Date {
            columns: vec![DatePart::Year, DatePart::Month, DatePart::Day],
            timestamp_column: None,
            timezone: chrono_tz::UTC,
        },
        storage_mode: StorageMode::Append,
        compression,
        retention_days: None,
        tier_after_days: None,
        keep_versions: 1,
        visibility: Visibility::Shared,
        read: ReadMode::Auto,
        mode: ExportMode::Batch,
        schedule: None,
        rename: std::collections::BTreeMap::new(),
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

pub fn lake(folder: &Path, threads: usize) -> Lake {
    Lake::new(folder).with_threads(threads)
}

/// No threads but the one that reads.
pub fn alone() -> Arc<Pool> {
    Arc::new(Pool::new(1))
}

pub fn open(lake: &Lake, feed: &Feed, limits: Limits) -> Result<Dataset> {
    let owner =
        Owner { what: "bench".to_owned(), pid: std::process::id(), host: "here".to_owned(), since: at(T0) };
    Dataset::open(lake, feed, limits, owner)
}

pub fn run(id: &str) -> RunInfo {
    RunInfo {
        id: id.to_owned(),
        started: at(T0),
        read_mode: "offsets".to_owned(),
        source: "BENCH".to_owned(),
        server: "http://localhost:8088".to_owned(),
    }
}

/// Writes batches and keeps the positions that a commit needs.
pub struct LakeSink<'a> {
    pub appender: Appender<'a>,
    /// The next offset of each Kafka partition; the sets have four.
    next: [i64; 4],
    pub rows: u64,
}

impl<'a> LakeSink<'a> {
    pub fn new(appender: Appender<'a>) -> Self {
        Self { appender, next: [0; 4], rows: 0 }
    }

    pub fn commit(&mut self) -> Result<()> {
        let positions = (0..).zip(self.next).filter(|(_, next)| *next > 0).collect();
        let at = Commit {
            positions,
            last_rows: std::collections::BTreeMap::new(),
            complete_through: None,
            complete: true,
            without_row: 0,
            ends: std::collections::BTreeMap::new(),
            now: at(T0),
        };
        self.appender.commit(at).map(|_| ())
    }
}

impl Sink for LakeSink<'_> {
    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        let partitions = batch.column(1).as_primitive::<Int32Type>().values();
        let offsets = batch.column(2).as_primitive::<Int64Type>().values();
        for (partition, offset) in partitions.iter().zip(offsets) {
            let next = &mut self.next[usize::try_from(*partition).unwrap()];
            *next = (*next).max(offset + 1);
        }
        self.rows += batch.num_rows() as u64;
        self.appender.write(&batch)
    }

    fn bad(&mut self, bad: BadRow, row: &[u8]) -> Result<()> {
        panic!("{}: {} in {}", bad.path, bad.reason, String::from_utf8_lossy(row))
    }
}

/// Keeps batches.
#[derive(Default)]
pub struct Kept(pub Vec<RecordBatch>);

impl Sink for Kept {
    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        self.0.push(batch);
        Ok(())
    }

    fn bad(&mut self, bad: BadRow, _row: &[u8]) -> Result<()> {
        panic!("{}: {}", bad.path, bad.reason)
    }
}

/// Counts rows and lets the batches go.
#[derive(Default)]
pub struct Counted(pub usize);

impl Sink for Counted {
    fn batch(&mut self, batch: RecordBatch) -> Result<()> {
        self.0 += std::hint::black_box(batch).num_rows();
        Ok(())
    }

    fn bad(&mut self, bad: BadRow, _row: &[u8]) -> Result<()> {
        panic!("{}: {}", bad.path, bad.reason)
    }
}

/// Takes an answer apart, from its first to its last byte.
pub fn read(set: &Set, pieces: &[Bytes], sink: &mut dyn Sink, pool: &Arc<Pool>) -> Result<u64> {
    let selection = set.selection();
    let mut rows = Rows::new(Framing::Stream, 128 << 20, &selection, pool)?;
    for piece in pieces {
        rows.push(piece, sink)?;
    }
    rows.flush(sink)?;
    rows.end().map(|completion| completion.rows)
}

/// Takes an answer from a file.
pub fn read_file(
    set: &Set,
    file: &mut impl std::io::Read,
    sink: &mut dyn Sink,
    pool: &Arc<Pool>,
) -> Result<u64> {
    let selection = set.selection();
    let mut rows = Rows::new(Framing::Stream, 128 << 20, &selection, pool)?;
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        if file.by_ref().take(PIECE as u64).read_to_end(&mut piece).unwrap() == 0 {
            break;
        }
        rows.push(&piece.into(), sink)?;
    }
    rows.flush(sink)?;
    rows.end().map(|completion| completion.rows)
}

/// The framed bytes of a set in pieces as the chunk reader hands them on.
pub fn pieces(set: &Set) -> Vec<Bytes> {
    let mut pieces = vec![Bytes::from(set.header())];
    let mut piece = Vec::new();
    for i in 0..set.rows {
        piece.extend_from_slice(set.framed(i).as_bytes());
        if piece.len() > PIECE {
            pieces.push(std::mem::take(&mut piece).into());
        }
    }
    piece.extend_from_slice(Set::end().as_bytes());
    pieces.push(piece.into());
    pieces
}

/// CPU time of this thread, which a busy machine changes less than the clock.
pub fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|n| n.parse().ok());
    nanos.map_or(Duration::ZERO, Duration::from_nanos)
}

/// The most memory that this process has had, in bytes.
pub fn peak() -> u64 {
    status("VmHWM:")
}

/// The memory that this process has now, in bytes.
pub fn resident() -> u64 {
    status("VmRSS:")
}

fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// The medians of the seconds that `work` takes: CPU of this thread, and the clock.
pub fn median(times: usize, mut work: impl FnMut()) -> (f64, f64) {
    let (mut by_cpu, mut by_clock) = (Vec::new(), Vec::new());
    for _ in 0..times.max(1) {
        let (start, before) = (Instant::now(), cpu());
        work();
        by_cpu.push(cpu().saturating_sub(before).as_secs_f64());
        by_clock.push(start.elapsed().as_secs_f64());
    }
    let middle = |seconds: &mut Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        seconds[seconds.len() / 2]
    };
    (middle(&mut by_cpu), middle(&mut by_clock))
}

/// Bytes of the Parquet files below a folder.
pub fn parquet_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| {
        if entry.path().is_dir() {
            parquet_bytes(&entry.path())
        } else if entry.path().extension().is_some_and(|e| e == "parquet") {
            entry.metadata().map_or(0, |m| m.len())
        } else {
            0
        }
    };
    entries.flatten().map(size).sum()
}

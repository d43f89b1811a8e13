//! The open files of a run: one a partition, one memory budget over all of them.
//!
//! ```text
//! batch ─▶ its partition's open file ─▶ target size reached?      close it                        (roll: size)
//!                                    ─▶ over the memory budget?   write the largest row group out,
//!                                                                 or, when even that is small,
//!                                                                 close the file unused longest    (roll: memory)
//! commit ─▶ close all                                                                             (roll: commit)
//! ```
//!
//! Files are made in staging with their final mode and synced when closed. It knows no dataset and no commit.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;

use super::RollReasons;
use super::encoder::{RowGroup, Waiting};
use super::encoding::Sampler;
use super::footer::FooterFacts;
use super::fsops::{self, Fs, LakeFile};
use super::offsets::{OffsetRuns, doubled, each_run};
use super::pool::Pool;
use super::properties::{Pages, level, properties};
use crate::feed::Compression;
use crate::{Error, Kind, Result};

/// Rows that go to the encoder at once: the size of a file is looked at in between.
const STEP_ROWS: usize = 65_536;
/// Files open at once: below the usual limit of 1,024 descriptors of a process, which the network shares.
const MAX_OPEN: usize = 256;
/// Descriptors that are left to everything else, and the fewest files that are kept open all the same.
const RESERVED: u64 = 128;
const MIN_OPEN: usize = 4;
/// A row group smaller than this in both is not worth having: the file is closed instead.
const SMALL_ROWS: usize = 4_096;
const SMALL_BYTES: usize = 1 << 20;
/// Buffers of a leaf column before anything is in them, and what a written row group leaves in memory for it.
const LEAF_BASE: usize = 16 << 10;
const LEAF_FLUSHED: usize = 1 << 10;
/// Copies of a value that the encoder of texts keeps: its page, the least and the greatest.
const LONG_COPIES: usize = 3;
/// Bytes of a row from which on a single one fills a page.
const LONG_ROW: usize = 64 << 10;
/// Partitions of one batch from which on rows count as scattered over files.
const SCATTERED: usize = 5;
/// Where a row group ends, in rows and in bytes.
const GROUP_ROWS: usize = 1 << 20;
const GROUP_BYTES: usize = 64 << 20;
/// Rows that may wait for an encoding thread, in bytes of their arrays.
const WAITING: usize = 16 << 20;
/// Runs of offsets that a footer lists for one Kafka partition.
pub(crate) const FOOTER_RUNS: usize = 256;

/// Why a file is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Roll {
    Size,
    Memory,
    Commit,
}

/// What all files of a run share.
pub(crate) struct FileConfig {
    pub(crate) schema: SchemaRef,
    pub(crate) compression: Compression,
    pub(crate) zstd_level: i32,
    pub(crate) classic_encodings: bool,
    pub(crate) file_mode: u32,
    pub(crate) target_bytes: u64,
    pub(crate) min_free_bytes: u64,
    /// Memory for open files.
    pub(crate) budget: usize,
}

/// Facts of the rows that go with a batch.
#[derive(Default)]
pub(crate) struct RowFacts<'a> {
    /// Kafka partition and offset of each row.
    pub(crate) positions: Option<(&'a [i32], &'a [i64])>,
    /// ROWTIME of each row, milliseconds.
    pub(crate) rowtime: Option<&'a [i64]>,
}

/// A finished file in staging.
#[derive(Debug, Clone)]
pub(crate) struct ClosedFile {
    pub(crate) unit: i64,
    pub(crate) staged: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) offsets: Vec<(i32, [i64; 2])>,
    pub(crate) rowtime: Option<[i64; 2]>,
}

struct OpenFile {
    writer: SerializedFileWriter<LakeFile>,
    factory: ArrowRowGroupWriterFactory,
    group: Option<RowGroup>,
    staged: PathBuf,
    rows: u64,
    offsets: OffsetRuns,
    rowtime: Option<[i64; 2]>,
    last_used: u64,
    memory: usize,
    pages: Pages,
    /// Encoded bytes of the row group in progress, as last measured.
    size: usize,
}

/// The open and the finished files.
pub(crate) struct Writer {
    fs: Fs,
    pool: Arc<Pool>,
    waiting: Waiting,
    staging: PathBuf,
    config: FileConfig,
    facts: FooterFacts,
    leaves: Vec<ColumnDescPtr>,
    codec_bytes: usize,
    max_open: usize,
    pages: Pages,
    sampler: Sampler,
    open: HashMap<i64, OpenFile>,
    closed: Vec<ClosedFile>,
    memory: usize,
    /// Files that were measured while threads were at work on them.
    unsettled: BTreeSet<i64>,
    clock: u64,
    files_made: u64,
    rolls: RollReasons,
}

impl Writer {
    pub(crate) fn new(
        fs: Fs,
        pool: Arc<Pool>,
        staging: PathBuf,
        config: FileConfig,
        facts: FooterFacts,
    ) -> Result<Self> {
        let parquet = parquet::arrow::ArrowSchemaConverter::new()
            .with_coerce_types(true)
            .convert(&config.schema)
            .map_err(|e| Error::new(Kind::Feed, format!("Parquet cannot hold these columns: {e}")))?;
        // Measured: tables of a zstd context by level. The others keep next to nothing.
        let codec_bytes = match level(&config) {
            Some(..=2) => 400 << 10,
            Some(3..=6) => 900 << 10,
            Some(_) => 4 << 20,
            None => 64 << 10,
        };
        Ok(Self {
            fs,
            pool,
            waiting: Waiting::default(),
            staging,
            config,
            facts,
            leaves: parquet.columns().to_vec(),
            codec_bytes,
            max_open: max_open(rustix::process::getrlimit(rustix::process::Resource::Nofile).current),
            pages: Pages::Small,
            sampler: Sampler::default(),
            open: HashMap::new(),
            closed: Vec::new(),
            memory: 0,
            unsettled: BTreeSet::new(),
            clock: 0,
            files_made: 0,
            rolls: RollReasons::default(),
        })
    }

    /// Looks at rows to come, which go to so many partitions, for the choice of encodings and pages.
    pub(crate) fn look(&mut self, batch: &RecordBatch, partitions: usize) {
        self.sampler.look(batch);
        self.pages = if partitions < SCATTERED { Pages::Small } else { Pages::Large };
    }

    /// Writes rows of one partition.
    pub(crate) fn write(&mut self, unit: i64, batch: &RecordBatch, facts: &RowFacts<'_>) -> Result<()> {
        let mut start = 0;
        while start < batch.num_rows() {
            let len = STEP_ROWS.min(batch.num_rows() - start);
            let cut = RowFacts {
                positions: facts.positions.map(|(p, o)| (&p[start..start + len], &o[start..start + len])),
                rowtime: facts.rowtime.map(|t| &t[start..start + len]),
            };
            self.write_step(unit, &batch.slice(start, len), &cut)?;
            start += len;
        }
        Ok(())
    }

    fn write_step(&mut self, unit: i64, batch: &RecordBatch, facts: &RowFacts<'_>) -> Result<()> {
        if !self.open.contains_key(&unit) {
            while self.open.len() >= self.max_open {
                self.close_oldest()?;
            }
            let file = loop {
                match self.begin() {
                    // Others have taken what the limit allows: one of our files makes room.
                    Err(e) if fsops::is_out_of_descriptors(&e) && !self.open.is_empty() => {
                        self.close_oldest()?;
                    }
                    other => break other?,
                }
            };
            self.open.insert(unit, file);
        }
        self.clock += 1;
        let Some(file) = self.open.get_mut(&unit) else {
            return Err(Error::new(Kind::Bug, "a file that was just opened is gone"));
        };
        file.write(batch, &self.config.schema, &self.pool, &self.waiting)?;
        file.last_used = self.clock;
        file.note(facts)?;
        // Who hands rows over works himself when the others do not follow.
        let most = if self.pool.has_workers() { WAITING.min(self.config.budget / 8) } else { 0 };
        self.pool.work_until(|| self.waiting.load(Ordering::Relaxed) <= most);
        // What was measured while threads were at work on it is more by now.
        for unit in std::mem::take(&mut self.unsettled) {
            self.measure(unit);
        }
        self.measure(unit);
        if let Some(file) = self.open.get_mut(&unit) {
            if file.bytes() as u64 >= self.config.target_bytes {
                self.close(unit, Roll::Size, None)?;
            } else if file.group_rows() >= GROUP_ROWS || file.size >= GROUP_BYTES {
                file.flush(&self.pool)?;
                self.measure(unit);
            }
        }
        self.relieve()
    }

    /// Brings the memory below the budget.
    fn relieve(&mut self) -> Result<()> {
        while self.memory + self.waiting.load(Ordering::Relaxed) > self.config.budget {
            let largest = self.open.iter_mut().max_by_key(|(_, file)| (file.size, file.memory));
            let Some((&unit, file)) = largest else { return Ok(()) };
            if file.group_rows() >= SMALL_ROWS || file.size >= SMALL_BYTES {
                file.flush(&self.pool)?;
                self.measure(unit);
            } else {
                self.close_oldest()?;
            }
        }
        Ok(())
    }

    fn close_oldest(&mut self) -> Result<()> {
        let oldest = self.open.iter().min_by_key(|(_, file)| file.last_used).map(|(unit, _)| *unit);
        oldest.map_or(Ok(()), |unit| self.close(unit, Roll::Memory, None))
    }

    /// Estimates a file's memory anew.
    fn measure(&mut self, unit: i64) {
        let Some(file) = self.open.get_mut(&unit) else { return };
        let leaves = self.leaves.len();
        let mut busy = false;
        let mut memory = leaves * LEAF_FLUSHED * file.writer.flushed_row_groups().len();
        file.size = 0;
        if let Some(group) = &file.group {
            let held = group.measure();
            file.size = held.size;
            busy = held.busy;
            memory += held.memory + leaves * LEAF_BASE + LONG_COPIES * group.row_bytes();
            if group.rows() >= file.pages.rows() {
                memory += leaves * self.codec_bytes;
            } else if group.row_bytes() >= LONG_ROW {
                // The column of the long values has compressed a page.
                memory += self.codec_bytes;
            }
        }
        if busy {
            self.unsettled.insert(unit);
        }
        self.memory = self.memory - file.memory + memory;
        file.memory = memory;
    }

    fn begin(&mut self) -> Result<OpenFile> {
        self.fs.check_floor(&self.staging, self.config.min_free_bytes)?;
        let staged = self.staging.join(format!("{:06}.parquet", self.files_made));
        let file = self.fs.create(&staged, self.config.file_mode)?;
        let properties = properties(&self.config, &self.facts, &self.leaves, &self.sampler, self.pages)?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&self.config.schema), Some(properties))
            .and_then(ArrowWriter::into_serialized_writer);
        let (writer, factory) = writer.map_err(|e| refused(&e, &staged))?;
        self.files_made += 1;
        Ok(OpenFile {
            writer,
            factory,
            group: None,
            staged,
            rows: 0,
            offsets: OffsetRuns::default(),
            rowtime: None,
            last_used: self.clock,
            memory: 0,
            pages: self.pages,
            size: 0,
        })
    }

    fn close(&mut self, unit: i64, why: Roll, positions: Option<&str>) -> Result<()> {
        let Some(mut file) = self.open.remove(&unit) else { return Ok(()) };
        self.memory -= file.memory;
        file.flush(&self.pool)?;
        let mut entry = |key: &str, value: String| {
            file.writer.append_key_value_metadata(KeyValue::new(format!("lakehand.{key}"), value));
        };
        if !file.offsets.partitions().is_empty() {
            entry("offsets", text(&file.offsets)?);
        }
        if let Some([min, max]) = file.rowtime {
            entry("rowtime", format!("[{min},{max}]"));
        }
        if let Some(positions) = positions {
            entry("positions", positions.to_owned());
        }
        file.writer.finish().map_err(|e| refused(&e, &file.staged))?;
        file.writer.inner().sync()?;
        self.closed.push(ClosedFile {
            unit,
            bytes: file.writer.bytes_written() as u64,
            staged: file.staged,
            rows: file.rows,
            offsets: file.offsets.hulls().collect(),
            rowtime: file.rowtime,
        });
        match why {
            Roll::Size => self.rolls.size += 1,
            Roll::Memory => self.rolls.memory += 1,
            Roll::Commit => self.rolls.commit += 1,
        }
        Ok(())
    }

    /// Closes every file and gives all that were finished since the last time, in the order of their partitions.
    /// `positions` goes into the footers that are written now.
    pub(crate) fn finish(&mut self, positions: Option<&str>) -> Result<(Vec<ClosedFile>, RollReasons)> {
        let mut units: Vec<i64> = self.open.keys().copied().collect();
        units.sort_unstable();
        // All at once, so that the threads are busy while this one waits for the disk.
        for file in self.open.values_mut() {
            file.begin_flush(&self.pool)?;
        }
        for unit in units {
            self.close(unit, Roll::Commit, positions)?;
        }
        let mut files = std::mem::take(&mut self.closed);
        files.sort_by(|a, b| (a.unit, &a.staged).cmp(&(b.unit, &b.staged)));
        Ok((files, std::mem::take(&mut self.rolls)))
    }

    /// Makes sure that there is a file, so that a table without rows is one with columns.
    pub(crate) fn ensure_file(&mut self, unit: i64) -> Result<()> {
        if self.open.is_empty() && self.closed.is_empty() {
            let file = self.begin()?;
            self.open.insert(unit, file);
        }
        Ok(())
    }

    /// The footers of files begun from now on carry these facts.
    pub(crate) fn set_facts(&mut self, facts: FooterFacts) {
        self.facts = facts;
    }

    pub(crate) fn facts(&self) -> &FooterFacts {
        &self.facts
    }

    /// Rows, bytes and number of files since the last `finish`, and what is open.
    pub(crate) fn numbers(&self) -> super::WriterStats {
        let open_bytes: usize = self.open.values().map(OpenFile::bytes).sum();
        super::WriterStats {
            rows: self.closed.iter().map(|f| f.rows).chain(self.open.values().map(|f| f.rows)).sum(),
            quarantined: 0,
            bytes_out: self.closed.iter().map(|f| f.bytes).sum::<u64>() + open_bytes as u64,
            open_files: self.open.len(),
            closed_files: self.closed.len(),
            memory: self.memory,
        }
    }
}

impl OpenFile {
    fn write(
        &mut self,
        batch: &RecordBatch,
        schema: &SchemaRef,
        pool: &Pool,
        waiting: &Waiting,
    ) -> Result<()> {
        let mut group = match self.group.take() {
            Some(group) => group,
            None => RowGroup::new(&self.factory, self.writer.flushed_row_groups().len(), schema, waiting)
                .map_err(|e| refused(&e, &self.staged))?,
        };
        group.write(batch, pool).map_err(|e| refused(&e, &self.staged))?;
        self.group = Some(group);
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Lets the threads close the columns of the row group; `flush` must follow.
    fn begin_flush(&mut self, pool: &Pool) -> Result<()> {
        match &mut self.group {
            Some(group) => group.close(pool).map_err(|e| refused(&e, &self.staged)),
            None => Ok(()),
        }
    }

    /// Writes the row group in progress to the file.
    fn flush(&mut self, pool: &Pool) -> Result<()> {
        self.begin_flush(pool)?;
        let Some(group) = self.group.take() else { return Ok(()) };
        let write = || {
            let mut row_group = self.writer.next_row_group()?;
            for chunk in group.chunks(pool)? {
                chunk.append_to_row_group(&mut row_group)?;
            }
            row_group.close().map(|_| ())
        };
        write().map_err(|e| refused(&e, &self.staged))
    }

    fn group_rows(&self) -> usize {
        self.group.as_ref().map_or(0, RowGroup::rows)
    }

    /// Size of the file if it were closed now.
    fn bytes(&self) -> usize {
        self.writer.bytes_written() + self.size
    }

    fn note(&mut self, facts: &RowFacts<'_>) -> Result<()> {
        if let Some((partitions, offsets)) = facts.positions {
            each_run(partitions, offsets, |partition, first, last| {
                self.offsets.insert(partition, first, last, FOOTER_RUNS)
            })
            .map_err(|(partition, offset)| doubled(partition, offset))?;
        }
        for time in facts.rowtime.into_iter().flatten() {
            let [min, max] = self.rowtime.unwrap_or([*time, *time]);
            self.rowtime = Some([min.min(*time), max.max(*time)]);
        }
        Ok(())
    }
}

/// Files that may be open at once where a process may have `limit` descriptors: half of what is left to it.
fn max_open(limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return MAX_OPEN };
    usize::try_from(limit.saturating_sub(RESERVED) / 2)
        .map_or(MAX_OPEN, |files| files.clamp(MIN_OPEN, MAX_OPEN))
}

/// JSON text of a value that always has one.
pub(crate) fn text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Error::new(Kind::Bug, format!("a record of the lake cannot be written: {e}")))
}

fn refused(e: &parquet::errors::ParquetError, path: &std::path::Path) -> Error {
    use std::error::Error as _;
    // An error of the file system comes wrapped; a full disk must be told from a fault in the rows.
    let mut cause = e.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Error::io("write", path, std::io::Error::new(io.kind(), io.to_string()));
        }
        cause = inner.source();
    }
    Error::new(Kind::Bug, format!("the rows cannot be encoded: {e}")).at("file", path.display())
}

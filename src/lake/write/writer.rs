//! The open files of a run: one a partition, one memory budget over all of them.
//!
//! ```text
//! batch ─▶ its partition's open file ─▶ target size reached?      close it                        (roll: size)
//!                                    ─▶ over the memory budget?   write the largest row group out,
//!                                                                 or, when even that is small,
//!                                                                 close the file unused longest    (roll: memory)
//!                                    ─▶ footers to come too large? close the file unused longest    (roll: memory)
//! commit ─▶ close all                                                                             (roll: commit)
//! ```
//!
//! Files are made in staging with their final mode and synced when closed. It knows no dataset and no commit.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use parquet::schema::types::ColumnDescPtr;

use crate::lake::RollReasons;
use crate::lake::file::encoder::Waiting;
use crate::lake::file::encoding::Sampler;
use crate::lake::file::footer::FooterFacts;
use crate::lake::file::open_file::{ClosedFile, CommitEnd, LEAF_BASE, OpenFile, RowFacts};
use crate::lake::file::properties::{FileConfig, Pages, level, properties};
use crate::lake::fs::{self, Fs};
use crate::lake::manifest::offsets::OffsetRanges;
use crate::pool::Pool;
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
/// Partitions of one batch from which on rows count as scattered over files.
const SCATTERED: usize = 5;
/// Memory for scattered rows until they are handed to their files, where all of these can be open.
const SCATTER_BUFFER: usize = 8 << 20;
/// Where a row group ends, in rows and in bytes.
const GROUP_ROWS: usize = 1 << 20;
const GROUP_BYTES: usize = 64 << 20;
/// The part of the budget, as a divisor, that what footers will say may take.
const INDEX_SHARE: usize = 4;
/// Rows that may wait for an encoding thread, in bytes of their arrays.
const WAITING: usize = 16 << 20;
/// What a leaf column costs before it has rows: its buffers, and the part of a zstd context for reading, which the
/// Parquet crate makes with it and never uses.
const LEAF_EMPTY: usize = LEAF_BASE + (96 << 10);

/// What a column costs before its rows are here: up to four decoders with their buffers, and the arrays of the batches that
/// they fill. Measured beyond the bytes of the rows, with batches of 2 MB: 3.5 KiB a decoder at 1,500 columns of text,
/// 1.5 KiB at 5,000 (`docs/performance.md`).
const LEAF_READ: usize = 12 << 10;

/// What encoded rows of one file must have beside the fixed cost of its columns, and what they get where there is room.
const GROUP_LEAST: usize = 8 << 20;
const GROUP_WANTED: usize = 32 << 20;
/// Rows of a row group of many columns: fewer than those from which on each column has compressed a page, whose tables
/// would be the greatest part of the memory.
const WIDE_GROUP_ROWS: usize = 16_384;

/// What an export gets at the least, whatever the configuration says.
const LEAST: usize = 16 << 20;
/// What reading and decoding take off an export's share of the memory before the lake gets the rest.
const READING: usize = 28 << 20;

/// Why a file is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Roll {
    Size,
    Memory,
    Commit,
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
    /// The columns alone take a good part of the budget, whatever the rows.
    wide: bool,
    max_open: usize,
    pages: Pages,
    sampler: Sampler,
    open: HashMap<i64, OpenFile>,
    closed: Vec<ClosedFile>,
    memory: usize,
    /// Files that were measured while threads were at work on them.
    unmeasured: BTreeSet<i64>,
    clock: u64,
    files_made: u64,
    /// The number of its first file in the commit.
    first_number: usize,
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
        let leaves = parquet.columns().len();
        let fixed = leaves.saturating_mul(LEAF_EMPTY);
        // `budget` is two fifths of what the export may use: the rest is for what encoders really take beyond what they
        // report, which this cost per column was measured with.
        let whole = (config.budget / 2 * 5).max(LEAST);
        let read = leaves.saturating_mul(LEAF_READ);
        let least = fixed.saturating_add(read).saturating_add(GROUP_LEAST);
        if least > whole {
            return Err(too_wide(leaves, least, whole));
        }
        let whole = whole - read;
        let wide = fixed > config.budget / 2;
        let mut config = config;
        if wide {
            config.budget = config.budget.max((fixed + GROUP_WANTED).min(whole));
        }
        Ok(Self {
            wide,
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
            unmeasured: BTreeSet::new(),
            clock: 0,
            files_made: 0,
            first_number: 0,
            rolls: RollReasons::default(),
        })
    }

    /// Looks at rows to come, which go to so many partitions, for the choice of encodings and pages. `rows` gives them as
    /// files hold them, and is not called once enough was seen.
    pub(crate) fn look(
        &mut self,
        partitions: usize,
        rows: impl FnOnce() -> Result<RecordBatch>,
    ) -> Result<()> {
        if self.sampler.wants_more() {
            self.sampler.look(&rows()?);
        }
        self.pages = if self.wide || Self::is_scattered(partitions) { Pages::Large } else { Pages::Small };
        Ok(())
    }

    /// Writes rows of one partition.
    pub(crate) fn write(&mut self, key: i64, batch: &RecordBatch, facts: &RowFacts<'_>) -> Result<()> {
        let mut start = 0;
        while start < batch.num_rows() {
            let len = STEP_ROWS.min(batch.num_rows() - start);
            let cut = RowFacts {
                positions: facts.positions.map(|(p, o)| (&p[start..start + len], &o[start..start + len])),
                rowtime: facts.rowtime.map(|t| &t[start..start + len]),
            };
            self.write_step(key, &batch.slice(start, len), &cut)?;
            start += len;
        }
        Ok(())
    }

    /// Whether rows of so many partitions are better put together before they are written.
    pub(crate) fn is_scattered(partitions: usize) -> bool {
        partitions >= SCATTERED
    }

    /// Whether files for rows of so many partitions cannot be open at once: their encoders alone would take well more
    /// than the budget. Somewhat more is borne, as small files and row groups are worse.
    pub(crate) fn is_too_wide(&self, partitions: usize) -> bool {
        let empty = partitions.saturating_mul(self.leaves.len() * LEAF_EMPTY);
        empty > self.config.budget.saturating_mul(2) || partitions > self.max_open
    }

    /// Memory for rows of so many partitions until they are written.
    pub(crate) fn scatter_budget(&self, partitions: usize) -> usize {
        let most = self.config.budget / 2;
        if self.is_too_wide(partitions) { most } else { most.min(SCATTER_BUFFER) }
    }

    /// Ends the row group of a partition's file, which keeps no encoders then.
    pub(crate) fn flush_partition(&mut self, key: i64) -> Result<()> {
        let Some(file) = self.open.get_mut(&key) else { return Ok(()) };
        file.flush(&self.pool)?;
        self.measure(key);
        Ok(())
    }

    fn write_step(&mut self, key: i64, batch: &RecordBatch, facts: &RowFacts<'_>) -> Result<()> {
        if !self.open.contains_key(&key) {
            while self.open.len() >= self.max_open {
                self.close_oldest()?;
            }
            let file = loop {
                match self.begin() {
                    // Others have taken what the limit allows: one of our files makes room.
                    Err(e) if fs::is_out_of_descriptors(&e) && !self.open.is_empty() => {
                        self.close_oldest()?;
                    }
                    other => break other?,
                }
            };
            self.open.insert(key, file);
        }
        self.clock += 1;
        let Some(file) = self.open.get_mut(&key) else {
            return Err(Error::new(Kind::Bug, "a file that was just opened is gone"));
        };
        file.write(batch, &self.config.schema, &self.pool, &self.waiting)?;
        file.last_used = self.clock;
        file.note(facts)?;
        // Who hands rows over works himself when the others do not follow.
        let most = if self.pool.has_workers() { WAITING.min(self.config.budget / 8) } else { 0 };
        self.pool.work_until(|| self.waiting.load(Ordering::Relaxed) <= most);
        // What was measured while threads were at work on it is more by now.
        for key in std::mem::take(&mut self.unmeasured) {
            self.measure(key);
        }
        self.measure(key);
        if let Some(file) = self.open.get_mut(&key) {
            if file.bytes() as u64 >= self.config.target_bytes {
                self.close(key, Roll::Size, None)?;
            } else if file.group_rows() >= if self.wide { WIDE_GROUP_ROWS } else { GROUP_ROWS }
                || file.size >= GROUP_BYTES
            {
                file.flush(&self.pool)?;
                self.measure(key);
            }
        }
        self.relieve()
    }

    /// Brings the memory below the budget.
    fn relieve(&mut self) -> Result<()> {
        // Days that are over hold nothing but what their footers will say: flushing others would not help for long.
        let index = |writer: &Self| writer.open.values().map(|file| file.index).sum::<usize>();
        while self.open.len() > 1 && index(self) > self.config.budget / INDEX_SHARE {
            self.close_oldest()?;
        }
        while self.memory + self.waiting.load(Ordering::Relaxed) > self.config.budget {
            let alone = self.wide && self.open.len() == 1;
            let largest = self.open.iter_mut().max_by_key(|(_, file)| (file.size, file.memory));
            let Some((&key, file)) = largest else { return Ok(()) };
            if alone {
                // Another file would take as much for its columns: the row group ends, and the file goes on until what
                // its footer will say takes too much.
                if file.group_rows() == 0 || file.index > GROUP_LEAST {
                    return self.close(key, Roll::Memory, None);
                }
                file.flush(&self.pool)?;
                self.measure(key);
                continue;
            }
            if file.group_rows() >= SMALL_ROWS || file.size >= SMALL_BYTES {
                file.flush(&self.pool)?;
                self.measure(key);
            } else {
                self.close_oldest()?;
            }
        }
        Ok(())
    }

    fn close_oldest(&mut self) -> Result<()> {
        let oldest = self.open.iter().min_by_key(|(_, file)| file.last_used).map(|(key, _)| *key);
        oldest.map_or(Ok(()), |key| self.close(key, Roll::Memory, None))
    }

    /// Estimates a file's memory anew.
    fn measure(&mut self, key: i64) {
        let Some(file) = self.open.get_mut(&key) else { return };
        let before = file.memory;
        let leaf = if self.wide { LEAF_EMPTY } else { LEAF_BASE };
        if file.measure(self.leaves.len(), leaf, self.codec_bytes) {
            self.unmeasured.insert(key);
        }
        self.memory = self.memory - before + file.memory;
    }

    fn begin(&mut self) -> Result<OpenFile> {
        self.fs.check_floor(&self.staging, self.config.min_free_bytes)?;
        let staged = self.staging.join(format!("{:06}.parquet.staged", self.files_made));
        let file = self.fs.create(&staged, self.config.file_mode)?;
        let properties = properties(&self.config, &self.facts, &self.leaves, &self.sampler, self.pages)?;
        let mut file = OpenFile::begin(file, staged, &self.config.schema, properties, self.pages)?;
        if self.config.layout.any_order {
            file.take_any_order();
        }
        self.files_made += 1;
        Ok(file)
    }

    fn close(&mut self, key: i64, why: Roll, end: Option<&CommitEnd>) -> Result<()> {
        let Some(file) = self.open.remove(&key) else { return Ok(()) };
        self.memory -= file.memory;
        let number = self.first_number + self.closed.len();
        self.closed.push(file.close(key, number, end, &self.pool)?);
        match why {
            Roll::Size => self.rolls.size += 1,
            Roll::Memory => self.rolls.memory += 1,
            Roll::Commit => self.rolls.commit += 1,
        }
        Ok(())
    }

    /// Closes every file and gives all that were finished since the last time, in the order of their partitions.
    /// `end` goes into the footers that are written now, with the number of files.
    pub(crate) fn finish(&mut self, end: CommitEnd) -> Result<(Vec<ClosedFile>, RollReasons)> {
        let end = CommitEnd { files: end.files + self.closed.len() + self.open.len(), ..end };
        self.close_all(Some(&end))
    }

    /// The same for a commit that another writer closes.
    pub(crate) fn finish_part(&mut self) -> Result<Vec<ClosedFile>> {
        Ok(self.close_all(None)?.0)
    }

    fn close_all(&mut self, end: Option<&CommitEnd>) -> Result<(Vec<ClosedFile>, RollReasons)> {
        let mut keys: Vec<i64> = self.open.keys().copied().collect();
        keys.sort_unstable();
        // All at once, so that the threads are busy while this one waits for the disk.
        for file in self.open.values_mut() {
            file.begin_flush(&self.pool)?;
        }
        for key in keys {
            self.close(key, Roll::Commit, end)?;
        }
        let mut files = std::mem::take(&mut self.closed);
        files.sort_by(|a, b| (a.key, &a.staged).cmp(&(b.key, &b.staged)));
        Ok((files, std::mem::take(&mut self.rolls)))
    }

    /// Its files are counted from here on: other writers have made the first ones of the commit.
    pub(crate) fn number_from(&mut self, first: usize) {
        self.first_number = first;
    }

    /// Keeps what the footer of another file says of the rows that were written last ([`OpenFile::note_told`]).
    pub(crate) fn note_told(
        &mut self,
        key: i64,
        offsets: Option<&OffsetRanges>,
        rowtime: Option<[i64; 2]>,
    ) -> Result<()> {
        match self.open.get_mut(&key) {
            Some(file) => file.note_told(offsets, rowtime),
            None => return Err(Error::new(Kind::Bug, "rows were written, and their file is closed")),
        }
        Ok(())
    }

    /// Closes a file that has `target` bytes.
    pub(crate) fn roll_at(&mut self, key: i64, target: u64) -> Result<()> {
        let is_full = self.open.get(&key).is_some_and(|file| file.bytes() as u64 >= target);
        if is_full { self.close(key, Roll::Size, None) } else { Ok(()) }
    }

    /// Makes sure that there is a file, so that a table without rows is one with columns.
    pub(crate) fn ensure_file(&mut self, key: i64) -> Result<()> {
        if self.open.is_empty() && self.closed.is_empty() {
            let file = self.begin()?;
            self.open.insert(key, file);
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
    pub(crate) fn numbers(&self) -> crate::lake::WriterStats {
        let open_bytes: usize = self.open.values().map(OpenFile::bytes).sum();
        crate::lake::WriterStats {
            rows: self.closed.iter().map(|f| f.rows).chain(self.open.values().map(OpenFile::rows)).sum(),
            quarantined: 0,
            read_only: 0,
            bytes_out: self.closed.iter().map(|f| f.bytes).sum::<u64>() + open_bytes as u64,
            open_files: self.open.len(),
            closed_files: self.closed.len(),
            memory: self.memory,
        }
    }
}

/// Columns that no budget of this size can hold, said before the first row.
fn too_wide(leaves: usize, need: usize, whole: usize) -> Error {
    let mib = |bytes: usize| bytes.div_ceil(1 << 20);
    Error::new(
        Kind::Feed,
        format!(
            "the source has {leaves} columns, members of STRUCTs included: to decode them and to write one file takes {} MiB of memory \
             whatever their rows, and this export may use {} MiB",
            mib(need),
            mib(whole)
        ),
    )
    .next(format!(
        "raise export.memory_mb to at least {} for each of export.concurrency exports, or leave columns out \
         (exclude_columns)",
        mib(need + READING)
    ))
}

/// Files that may be open at once where a process may have `limit` descriptors: half of what is left to it.
fn max_open(limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return MAX_OPEN };
    usize::try_from(limit.saturating_sub(RESERVED) / 2)
        .map_or(MAX_OPEN, |files| files.clamp(MIN_OPEN, MAX_OPEN))
}

//! A file in staging from its first row to its footer.
//!
//! ```text
//! rows ─▶ row group, its columns encoded by the pool ── flush ──▶ bytes of the file ── close ──▶ footer, synced
//! ```
//!
//! It knows its own memory and nothing of other files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowRowGroupWriterFactory;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use crate::hash::ContentHash;
use crate::lake::file::encoder::{RowGroup, Waiting};
use crate::lake::file::properties::Pages;
use crate::lake::file::stats::column_stats;
use crate::lake::fs::LakeFile;
use crate::lake::manifest::column_stats::ColumnStats;
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::offset_set::OffsetSet;
use crate::lake::manifest::offsets::{OffsetRanges, doubled, each_run};
use crate::pool::Pool;
use crate::{Error, Kind, Result};

/// Buffers of a leaf column before anything is in them, and what a written row group leaves in memory for it.
pub(crate) const LEAF_BASE: usize = 16 << 10;
const LEAF_FLUSHED: usize = 1 << 10;
/// What a written page leaves in memory until its file is closed: its place, its least and its greatest value.
const PAGE_FLUSHED: usize = 320;
/// Copies of a value that the encoder of texts keeps: its page, the least and the greatest.
const LONG_COPIES: usize = 3;
/// Bytes of a row from which on a single one fills a page.
const LONG_ROW: usize = 64 << 10;
/// Runs of offsets that a footer lists for one Kafka partition.
pub(crate) const FOOTER_RUNS: usize = 256;
/// The same of a file that holds the rows of many.
const JOINED_RUNS: usize = 4096;

/// Facts of the rows that go with a batch.
#[derive(Default)]
pub(crate) struct RowFacts<'a> {
    /// Kafka partition and offset of each row.
    pub(crate) positions: Option<(&'a [i32], &'a [i64])>,
    /// ROWTIME of each row, milliseconds.
    pub(crate) rowtime: Option<&'a [i64]>,
}

/// What the end of a commit says in the footers of the files that it closes.
#[derive(Debug, Default)]
pub(crate) struct CommitEnd {
    /// Streams: per Kafka partition the offset to read next.
    pub(crate) positions: BTreeMap<i32, i64>,
    /// Rows that the commit quarantines.
    pub(crate) quarantined: u64,
    /// Data files of the commit that other writers have made; the writer adds its own.
    pub(crate) files: usize,
}

/// A finished file in staging.
#[derive(Debug, Clone)]
pub(crate) struct ClosedFile {
    pub(crate) key: i64,
    pub(crate) staged: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) offsets: OffsetRanges,
    pub(crate) rowtime: Option<[i64; 2]>,
    pub(crate) column_stats: ColumnStats,
    pub(crate) hash: ContentHash,
}

impl ClosedFile {
    /// The file as `commit` lists it at its place in the dataset.
    pub(crate) fn listed(&self, path: String, commit: &str) -> DataFile {
        DataFile {
            path,
            rows: self.rows,
            bytes: self.bytes,
            hash: Some(self.hash),
            rowtime: self.rowtime,
            offsets: self.offsets.hulls().collect(),
            column_stats: Some(self.column_stats.clone()),
            cold: None,
            commit: commit.to_owned(),
        }
    }
}

/// A file that rows go to.
pub(crate) struct OpenFile {
    writer: SerializedFileWriter<LakeFile>,
    factory: ArrowRowGroupWriterFactory,
    group: Option<RowGroup>,
    staged: PathBuf,
    rows: u64,
    offsets: OffsetRanges,
    /// Offsets that come in any order.
    in_any_order: Option<OffsetSet>,
    rowtime: Option<[i64; 2]>,
    pages: Pages,
    /// When it was last used, by the writer's count.
    pub(crate) last_used: u64,
    /// What it holds in memory, as last measured.
    pub(crate) memory: usize,
    /// The part of it that only closing the file gives back: what the footer says of the row groups that are written.
    pub(crate) index: usize,
    /// Encoded bytes of the row group in progress, as last measured.
    pub(crate) size: usize,
}

impl OpenFile {
    /// Begins the file that was made at `staged`.
    pub(crate) fn begin(
        file: LakeFile,
        staged: PathBuf,
        schema: &SchemaRef,
        properties: WriterProperties,
        pages: Pages,
    ) -> Result<Self> {
        let writer = ArrowWriter::try_new(file, SchemaRef::clone(schema), Some(properties))
            .and_then(ArrowWriter::into_serialized_writer);
        let (writer, factory) = writer.map_err(|e| refused(&e, &staged))?;
        Ok(Self {
            writer,
            factory,
            group: None,
            staged,
            rows: 0,
            offsets: OffsetRanges::default(),
            in_any_order: None,
            rowtime: None,
            pages,
            last_used: 0,
            memory: 0,
            index: 0,
            size: 0,
        })
    }

    /// Takes rows in any order of their offsets from now on.
    pub(crate) fn take_any_order(&mut self) {
        self.in_any_order = Some(OffsetSet::default());
    }

    /// Hands rows to the encoders.
    pub(crate) fn write(
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

    /// Lets the threads close the columns of the row group; `flush` or `close` must follow.
    pub(crate) fn begin_flush(&mut self, pool: &Pool) -> Result<()> {
        match &mut self.group {
            Some(group) => group.close(pool).map_err(|e| refused(&e, &self.staged)),
            None => Ok(()),
        }
    }

    /// Writes the row group in progress to the file.
    pub(crate) fn flush(&mut self, pool: &Pool) -> Result<()> {
        self.begin_flush(pool)?;
        let Some(group) = self.group.take() else { return Ok(()) };
        let write = || {
            let mut row_group = self.writer.next_row_group()?;
            for chunk in group.chunks(pool)? {
                chunk.append_to_row_group(&mut row_group)?;
            }
            row_group.close()
        };
        let written = write().map_err(|e| refused(&e, &self.staged))?;
        let pages = |leaf: &ColumnChunkMetaData| {
            let counts = leaf.page_encoding_stats().into_iter().flatten().map(|stats| stats.count);
            usize::try_from(counts.sum::<i32>()).unwrap_or(0)
        };
        let pages: usize = written.columns().iter().map(pages).sum();
        self.index += written.num_columns() * LEAF_FLUSHED + pages * PAGE_FLUSHED;
        Ok(())
    }

    /// Ends the file of partition `key`, the commit's file number `number`; what the commit says goes into its footer.
    pub(crate) fn close(
        mut self,
        key: i64,
        number: usize,
        end: Option<&CommitEnd>,
        pool: &Pool,
    ) -> Result<ClosedFile> {
        self.flush(pool)?;
        if let Some(mut set) = self.in_any_order.take() {
            self.offsets.join(&set.ranges(JOINED_RUNS));
            self.offsets.limit(JOINED_RUNS);
        }
        let mut entry = |key: &str, value: String| {
            self.writer.append_key_value_metadata(KeyValue::new(format!("lakehand.{key}"), value));
        };
        if !self.offsets.partitions().is_empty() {
            entry("offsets", text(&self.offsets)?);
        }
        if let Some([min, max]) = self.rowtime {
            entry("rowtime", format!("[{min},{max}]"));
        }
        entry("file", number.to_string());
        if let Some(end) = end {
            if !end.positions.is_empty() {
                entry("positions", text(&end.positions)?);
            }
            entry("files", end.files.to_string());
            if end.quarantined > 0 {
                entry("quarantined", end.quarantined.to_string());
            }
        }
        let written = self.writer.finish().map_err(|e| refused(&e, &self.staged))?;
        let column_stats = column_stats(written.row_groups().iter());
        self.writer.inner().sync()?;
        Ok(ClosedFile {
            key,
            bytes: self.writer.bytes_written() as u64,
            staged: self.staged,
            rows: self.rows,
            column_stats,
            hash: self.writer.inner().hash(),
            offsets: self.offsets,
            rowtime: self.rowtime,
        })
    }

    /// Estimates its memory anew, with `leaf_bytes` for each leaf column that has no rows; true when threads are at work on it, so that it is more by now.
    pub(crate) fn measure(&mut self, leaves: usize, leaf_bytes: usize, codec_bytes: usize) -> bool {
        self.size = 0;
        self.memory = self.index;
        let Some(group) = &self.group else { return false };
        let held = group.measure();
        self.size = held.size;
        self.memory += held.memory + leaves * leaf_bytes + LONG_COPIES * group.row_bytes();
        if group.rows() >= self.pages.rows() {
            self.memory += leaves * codec_bytes;
        } else if group.row_bytes() >= LONG_ROW {
            // The column of the long values has compressed a page.
            self.memory += codec_bytes;
        }
        held.busy
    }

    /// Rows of the row group in progress.
    pub(crate) fn group_rows(&self) -> usize {
        self.group.as_ref().map_or(0, RowGroup::rows)
    }

    /// Rows so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Size of the file if it were closed now.
    pub(crate) fn bytes(&self) -> usize {
        self.writer.bytes_written() + self.size
    }

    /// Keeps what the footer says of the rows.
    pub(crate) fn note(&mut self, facts: &RowFacts<'_>) -> Result<()> {
        if let (Some((partitions, offsets)), Some(set)) = (facts.positions, &mut self.in_any_order) {
            if let Some((partition, offset)) = set.insert_all(partitions, offsets) {
                return Err(doubled(partition, offset));
            }
        } else if let Some((partitions, offsets)) = facts.positions {
            each_run(partitions, offsets, |partition, first, last| {
                self.offsets.insert(partition, first, last, FOOTER_RUNS)
            })
            .map_err(|(partition, offset)| doubled(partition, offset))?;
        }
        for time in facts.rowtime.into_iter().flatten() {
            self.note_rowtime([*time, *time]);
        }
        Ok(())
    }

    fn note_rowtime(&mut self, [first, last]: [i64; 2]) {
        let [min, max] = self.rowtime.unwrap_or([first, last]);
        self.rowtime = Some([min.min(first), max.max(last)]);
    }

    /// Keeps what the footer of another file says of rows that were written: offsets, of which none was kept before, and times.
    pub(crate) fn note_told(&mut self, offsets: Option<&OffsetRanges>, rowtime: Option<[i64; 2]>) {
        if let Some(offsets) = offsets {
            self.offsets.join(offsets);
        }
        if let Some(span) = rowtime {
            self.note_rowtime(span);
        }
    }
}

/// JSON text of a value that always has one.
pub(crate) fn text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|e| Error::new(Kind::Bug, format!("a record of the lake cannot be written: {e}")))
}

fn refused(e: &ParquetError, path: &Path) -> Error {
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

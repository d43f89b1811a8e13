//! Rows in the order of some columns, be they more than memory holds.
//!
//! ```text
//! push ─▶ batches and the bytes of their keys ── over the budget ──▶ sorted, spilled to a file in staging: a run
//! finish ─▶ one run in memory, or all runs merged: the least key of each run waits, the least of all goes next
//! ```
//!
//! Keys are compared as bytes (`arrow::row`). Rows with equal keys keep the order in which they came: within a run the sort is stable,
//! and of two runs the earlier one goes first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::PathBuf;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::interleave_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::lake::file::batches::Batches;
use crate::lake::fs::Fs;
use crate::{Error, Kind, Result};

/// Fewest and most rows of a run that are in memory at once while runs are merged.
const LEAST_ROWS: usize = 16;
const MOST_ROWS: usize = 8192;
/// Rows that are handed on at once.
const OUT_ROWS: usize = 8192;
/// Bytes of a row group of a run.
const GROUP_BYTES: usize = 4 << 20;
const PAGE_BYTES: usize = 32 << 10;
/// Mode of runs: nobody else has business with them.
const MODE: u32 = 0o600;

/// Takes rows in any order.
pub(crate) struct Sorter {
    fs: Fs,
    /// Runs are made here.
    folder: PathBuf,
    schema: SchemaRef,
    keys: Vec<usize>,
    converter: RowConverter,
    /// Memory for what is not spilled, and then for the runs that are merged.
    budget: usize,
    min_free: u64,
    batches: Vec<(RecordBatch, Rows)>,
    bytes: usize,
    rows: usize,
    runs: Vec<PathBuf>,
    all_rows: usize,
    all_bytes: usize,
}

fn bug(e: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Bug, format!("rows cannot be sorted: {e}"))
}

impl Sorter {
    /// By the columns `keys` of `schema`, ascending, null first. Runs come into `folder`, which is there.
    pub(crate) fn new(
        fs: Fs,
        folder: PathBuf,
        schema: &SchemaRef,
        keys: &[usize],
        budget: usize,
        min_free: u64,
    ) -> Result<Self> {
        let fields = keys.iter().map(|at| SortField::new(schema.field(*at).data_type().clone()));
        Ok(Self {
            converter: RowConverter::new(fields.collect()).map_err(|e| bug(&e))?,
            fs,
            folder,
            schema: SchemaRef::clone(schema),
            keys: keys.to_vec(),
            budget,
            min_free,
            batches: Vec::new(),
            bytes: 0,
            rows: 0,
            runs: Vec::new(),
            all_rows: 0,
            all_bytes: 0,
        })
    }

    fn keys_of(&self, batch: &RecordBatch) -> Result<Rows> {
        let columns: Vec<ArrayRef> = self.keys.iter().map(|at| ArrayRef::clone(batch.column(*at))).collect();
        self.converter.convert_columns(&columns).map_err(|e| bug(&e))
    }

    /// Takes rows.
    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let keys = self.keys_of(&batch)?;
        let bytes: usize =
            batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or_default()).sum();
        // What a batch takes, its keys, and the place of each row in the order.
        self.bytes += bytes + keys.size() + batch.num_rows() * 16;
        self.all_bytes += bytes;
        self.rows += batch.num_rows();
        self.all_rows += batch.num_rows();
        self.batches.push((batch, keys));
        if self.bytes > self.budget { self.spill() } else { Ok(()) }
    }

    /// The rows in memory, in order.
    fn order(&self) -> Vec<(usize, usize)> {
        let rows =
            |(n, (batch, _)): (usize, &(RecordBatch, Rows))| (0..batch.num_rows()).map(move |row| (n, row));
        let mut order: Vec<(usize, usize)> = self.batches.iter().enumerate().flat_map(rows).collect();
        let key = |(batch, row): (usize, usize)| self.batches[batch].1.row(row);
        order.sort_by(|a, b| key(*a).cmp(&key(*b)));
        order
    }

    /// Hands the rows in memory on, in order.
    fn drain(&mut self, mut take: impl FnMut(RecordBatch) -> Result<()>) -> Result<()> {
        let order = self.order();
        let batches: Vec<&RecordBatch> = self.batches.iter().map(|(batch, _)| batch).collect();
        for part in order.chunks(OUT_ROWS) {
            take(interleave_record_batch(&batches, part).map_err(|e| bug(&e))?)?;
        }
        self.batches.clear();
        (self.bytes, self.rows) = (0, 0);
        Ok(())
    }

    fn spill(&mut self) -> Result<()> {
        self.fs.check_floor(&self.folder, self.min_free)?;
        let path = self.folder.join(format!("run-{:04}.sorted", self.runs.len()));
        let file = self.fs.create(&path, MODE)?;
        let row_bytes = (self.all_bytes / self.all_rows.max(1)).max(1);
        let properties = WriterProperties::builder()
            .set_compression(Compression::LZ4_RAW)
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_data_page_size_limit(PAGE_BYTES)
            .set_max_row_group_row_count(Some((GROUP_BYTES / row_bytes).clamp(LEAST_ROWS, 1 << 20)))
            .build();
        let failed = |e: parquet::errors::ParquetError| {
            let io = crate::lake::file::footer::io_error(&e);
            io.map_or_else(|| bug(&e), |io| Error::io("write", &path, io))
        };
        let mut writer =
            ArrowWriter::try_new(file, SchemaRef::clone(&self.schema), Some(properties)).map_err(failed)?;
        self.drain(|batch| writer.write(&batch).map_err(failed))?;
        writer.close().map_err(failed)?;
        self.runs.push(path);
        Ok(())
    }

    /// Hands all rows on, in order. `Kind::Refused` when even the heads of all runs are more than the budget.
    pub(crate) fn finish(mut self, mut take: impl FnMut(RecordBatch) -> Result<()>) -> Result<()> {
        if self.runs.is_empty() {
            return self.drain(take);
        }
        if self.rows > 0 {
            self.spill()?;
        }
        let runs = std::mem::take(&mut self.runs);
        let row_bytes = (self.all_bytes / self.all_rows.max(1)).max(1);
        // Of each run a batch that is decoded, one that the rows to be handed on still need, and its keys.
        let rows = self.budget / 3 / runs.len() / row_bytes;
        if rows < LEAST_ROWS {
            let need = runs.len() * row_bytes * LEAST_ROWS * 3;
            return Err(Error::new(
                Kind::Refused,
                format!(
                    "{} bytes of rows were sorted in {} parts, and to merge them takes {} MiB of memory",
                    self.all_bytes,
                    runs.len(),
                    need.div_ceil(1 << 20)
                ),
            )
            .next("nothing was changed; raise compact.memory_mb"));
        }
        let mut merge =
            Merge { sorter: &self, batches: Vec::new(), heads: Vec::new(), heap: BinaryHeap::new() };
        for path in &runs {
            merge.heads.push(Head { run: Batches::open(path, None, rows.min(MOST_ROWS))?, at: 0, row: 0 });
        }
        merge.run(&mut take)?;
        runs.iter().try_for_each(|path| self.fs.remove(path))
    }
}

/// A run, and where it is.
struct Head {
    run: Batches,
    /// Its batch among those that are held.
    at: usize,
    /// The row that is next.
    row: usize,
}

struct Merge<'a> {
    sorter: &'a Sorter,
    /// Batches that rows to be handed on lie in, with the keys of their rows.
    batches: Vec<(RecordBatch, Rows)>,
    heads: Vec<Head>,
    /// The least key of each run; of equal ones the earlier run's.
    heap: BinaryHeap<Reverse<(OwnedRow, usize)>>,
}

impl Merge<'_> {
    fn run(&mut self, take: &mut impl FnMut(RecordBatch) -> Result<()>) -> Result<()> {
        for run in 0..self.heads.len() {
            self.read(run)?;
        }
        let mut picked: Vec<(usize, usize)> = Vec::with_capacity(OUT_ROWS);
        while let Some(Reverse((_, run))) = self.heap.pop() {
            let head = &mut self.heads[run];
            picked.push((head.at, head.row));
            head.row += 1;
            let (batch, keys) = &self.batches[head.at];
            let is_over = head.row == batch.num_rows();
            if !is_over {
                self.heap.push(Reverse((keys.row(head.row).owned(), run)));
            }
            if picked.len() >= OUT_ROWS || (is_over && self.batches.len() > self.heads.len() * 2) {
                self.hand_on(&mut picked, take)?;
            }
            if is_over {
                self.read(run)?;
            }
        }
        self.hand_on(&mut picked, take)
    }

    /// The next batch of a run, if it has one.
    fn read(&mut self, run: usize) -> Result<()> {
        for batch in self.heads[run].run.by_ref() {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            let keys = self.sorter.keys_of(&batch)?;
            self.heap.push(Reverse((keys.row(0).owned(), run)));
            (self.heads[run].at, self.heads[run].row) = (self.batches.len(), 0);
            self.batches.push((batch, keys));
            return Ok(());
        }
        Ok(())
    }

    /// Hands the picked rows on, and lets go of the batches that no run needs any more.
    fn hand_on(
        &mut self,
        picked: &mut Vec<(usize, usize)>,
        take: &mut impl FnMut(RecordBatch) -> Result<()>,
    ) -> Result<()> {
        if picked.is_empty() {
            return Ok(());
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().map(|(batch, _)| batch).collect();
        let rows: Result<RecordBatch, ArrowError> = interleave_record_batch(&batches, picked);
        take(rows.map_err(|e| bug(&e))?)?;
        picked.clear();
        let mut kept = Vec::with_capacity(self.heads.len());
        let mut batches: Vec<Option<(RecordBatch, Rows)>> =
            std::mem::take(&mut self.batches).into_iter().map(Some).collect();
        for head in &mut self.heads {
            if let Some(batch) = batches.get_mut(head.at).and_then(Option::take) {
                head.at = kept.len();
                kept.push(batch);
            }
        }
        self.batches = kept;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::cast::AsArray;
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    /// A row: its key and its number.
    type Listed = (Option<String>, i64);

    fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("K", DataType::Utf8, true),
            Field::new("N", DataType::Int64, false),
        ]))
    }

    /// Rows in a changing order; `N` counts them.
    fn batches(rows: i64) -> Vec<RecordBatch> {
        let key = |n: i64| (n % 11 != 3).then(|| format!("key {}", n * 7919 % 101));
        let all: Vec<i64> = (0..rows).collect();
        all.chunks(97)
            .map(|part| {
                let keys: StringArray = part.iter().map(|n| key(*n)).collect();
                let numbers = Int64Array::from(part.to_vec());
                RecordBatch::try_new(schema(), vec![Arc::new(keys), Arc::new(numbers)]).unwrap()
            })
            .collect()
    }

    fn listed(batches: &[RecordBatch]) -> Vec<Listed> {
        let rows = |batch: &RecordBatch| {
            let (keys, numbers) = (
                batch.column(0).as_string::<i32>().clone(),
                batch.column(1).as_primitive::<Int64Type>().clone(),
            );
            (0..batch.num_rows())
                .map(move |row| (keys.is_valid(row).then(|| keys.value(row).to_owned()), numbers.value(row)))
        };
        batches.iter().flat_map(rows).collect()
    }

    fn sorted(budget: usize, rows: i64) -> (Result<Vec<Listed>>, usize) {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter =
            Sorter::new(Fs::default(), folder.path().to_path_buf(), &schema(), &[0], budget, 0).unwrap();
        for batch in batches(rows) {
            sorter.push(batch).unwrap();
        }
        let runs = sorter.runs.len();
        let mut found = Vec::new();
        let result = sorter.finish(|batch| {
            found.push(batch);
            Ok(())
        });
        if result.is_ok() {
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "runs are removed");
        }
        (result.map(|()| listed(&found)), runs)
    }

    #[test]
    fn in_memory_and_from_runs_the_order_is_the_same_and_stable() {
        let mut wanted = listed(&batches(20_000));
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
        for (budget, least) in [(64 << 20, 0), (300 << 10, 3), (60 << 10, 10)] {
            let (found, runs) = sorted(budget, 20_000);
            assert!(runs >= least, "{runs} runs");
            assert!(found.unwrap() == wanted, "with {budget} bytes");
        }
    }

    #[test]
    fn too_many_runs_for_the_memory_are_refused_with_the_number() {
        let (found, _) = sorted(6 << 10, 60_000);
        let error = found.unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{error}");
        assert!(error.to_string().contains("compact.memory_mb"), "{error}");
    }
}

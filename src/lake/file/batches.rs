//! The rows of a file, a batch at a time.

use std::path::{Path, PathBuf};

use arrow::array::cast::AsArray;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, SchemaRef, TimestampMillisecondType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use crate::lake::file::footer::io_error;
use crate::lake::fs;
use crate::{Error, Kind, Result};

/// The batches of one file, in its order. An error ends them: `Kind::Damaged` when rows cannot be decoded, `Kind::Io` when the
/// file cannot be read.
pub(crate) struct Batches {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
}

impl Batches {
    /// Of the file at `path`, `rows` at once; of these columns alone, where they are named.
    pub(crate) fn open(path: &Path, only: Option<&[&str]>, rows: usize) -> Result<Self> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(fs::open_regular(path)?)
            .map_err(|e| failed(path, &e))?;
        let schema = SchemaRef::clone(builder.schema());
        let mask = match only {
            None => ProjectionMask::all(),
            Some(names) => ProjectionMask::columns(builder.parquet_schema(), names.iter().copied()),
        };
        let reader =
            builder.with_projection(mask).with_batch_size(rows).build().map_err(|e| failed(path, &e))?;
        Ok(Self { path: path.to_path_buf(), reader, schema })
    }

    /// The columns of the file, all of them.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.reader.next()?.map_err(|e| failed(&self.path, &e)))
    }
}

/// Damage, or an error of the file system.
pub(crate) fn failed(path: &Path, error: &(dyn std::error::Error + 'static)) -> Error {
    match io_error(error) {
        Some(io) => Error::io("read", path, io),
        // Arrow passes errors of the file system on as text. Bytes that can all be read are damaged.
        None => match fs::hash_file(path) {
            Err(e) if e.kind() == Kind::Io => e,
            _ => Error::new(Kind::Damaged, format!("its rows cannot be read: {error}"))
                .at("file", path.display()),
        },
    }
}

/// Kafka partition and offset of each row, where the batch has the columns, and no null in them.
pub(crate) fn positions_of(batch: &RecordBatch) -> Option<(&[i32], &[i64])> {
    let partitions = batch.column_by_name("ROWPARTITION")?.as_primitive_opt::<Int32Type>()?;
    let offsets = batch.column_by_name("ROWOFFSET")?.as_primitive_opt::<Int64Type>()?;
    (partitions.null_count() == 0 && offsets.null_count() == 0).then_some(())?;
    Some((partitions.values(), offsets.values()))
}

/// ROWTIME of each row in milliseconds, where the batch has the column.
pub(crate) fn rowtimes_of(batch: &RecordBatch) -> Option<&[i64]> {
    let column = batch.column_by_name("ROWTIME")?;
    let instants = column.as_primitive_opt::<TimestampMillisecondType>().map(|times| &times.values()[..]);
    instants.or_else(|| column.as_primitive_opt::<Int64Type>().map(|times| &times.values()[..]))
}

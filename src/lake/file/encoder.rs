//! The columns of a row group that is being encoded, by as many threads as the pool has.
//!
//! ```text
//! batch ─▶ one queue a column ─▶ task (file, column) ─▶ Parquet pages in memory ─▶ close ─▶ chunks, in their order
//! ```
//!
//! A column is worked on by one thread at a time and in the order of its batches, so the bytes of a file do not depend
//! on the threads. No task touches a file: pages go to disk with the row group, from the writer's own thread.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, SchemaRef};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::{ParquetError, Result};

use crate::pool::{Pool, Task};

/// Bytes of arrays that wait for a thread, over all files of a writer.
pub(crate) type Waiting = Arc<AtomicUsize>;

/// A row group in progress.
pub(crate) struct RowGroup {
    columns: Vec<Arc<Column>>,
    rows: usize,
    /// Bytes of the arrays handed over.
    bytes: usize,
    closing: bool,
}

/// What a row group holds, as far as the threads have come.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BufferedBytes {
    /// Memory of what is encoded.
    pub(crate) memory: usize,
    /// The column chunk's size in the file.
    pub(crate) size: usize,
    /// A thread is at work on it: this was a moment ago.
    pub(crate) busy: bool,
}

/// A column of the schema with all of its leaves.
struct Column {
    field: FieldRef,
    waiting: Waiting,
    state: Mutex<State>,
}

struct State {
    work: VecDeque<Work>,
    /// The column is in the pool's queue or with one of its threads.
    busy: bool,
    writers: Vec<ArrowColumnWriter>,
    memory: usize,
    size: usize,
    chunks: Option<Vec<ArrowColumnChunk>>,
    failed: Option<ParquetError>,
}

enum Work {
    Write(ArrayRef, usize),
    Close,
}

impl RowGroup {
    /// The row group number `index` of the file that `factory` belongs to.
    pub(crate) fn new(
        factory: &ArrowRowGroupWriterFactory,
        index: usize,
        schema: &SchemaRef,
        waiting: &Waiting,
    ) -> Result<Self> {
        let mut writers = factory.create_column_writers(index)?.into_iter();
        let column = |field: &FieldRef| {
            Arc::new(Column {
                field: Arc::clone(field),
                waiting: Arc::clone(waiting),
                state: Mutex::new(State {
                    work: VecDeque::new(),
                    busy: false,
                    writers: writers.by_ref().take(leaves(field.data_type())).collect(),
                    memory: 0,
                    size: 0,
                    chunks: None,
                    failed: None,
                }),
            })
        };
        Ok(Self { columns: schema.fields().iter().map(column).collect(), rows: 0, bytes: 0, closing: false })
    }

    /// Hands rows to the columns; encoding goes on in the pool.
    pub(crate) fn write(&mut self, batch: &RecordBatch, pool: &Pool) -> Result<()> {
        self.rows += batch.num_rows();
        for (column, array) in self.columns.iter().zip(batch.columns()) {
            let bytes = array.to_data().get_slice_memory_size().unwrap_or_default();
            self.bytes += bytes;
            column.waiting.fetch_add(bytes, Ordering::Relaxed);
            column.push(Work::Write(Arc::clone(array), bytes), pool)?;
        }
        Ok(())
    }

    /// Begins to close the columns, unless that was done.
    pub(crate) fn close(&mut self, pool: &Pool) -> Result<()> {
        if std::mem::replace(&mut self.closing, true) {
            return Ok(());
        }
        self.columns.iter().try_for_each(|column| column.push(Work::Close, pool))
    }

    /// Waits for the columns, which were closed, and gives their chunks in the order of the schema.
    pub(crate) fn chunks(self, pool: &Pool) -> Result<Vec<ArrowColumnChunk>> {
        let mut all = Vec::new();
        for column in &self.columns {
            pool.work_until(|| !column.lock().busy);
            let mut state = column.lock();
            if let Some(error) = state.failed.take() {
                return Err(error);
            }
            all.extend(state.chunks.take().into_iter().flatten());
        }
        Ok(all)
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of a row's arrays, on average.
    pub(crate) fn row_bytes(&self) -> usize {
        self.bytes / self.rows.max(1)
    }

    /// What it holds now.
    pub(crate) fn measure(&self) -> BufferedBytes {
        self.columns.iter().fold(BufferedBytes::default(), |held, column| {
            let state = column.lock();
            BufferedBytes {
                memory: held.memory + state.memory,
                size: held.size + state.size,
                busy: held.busy || state.busy,
            }
        })
    }
}

impl Column {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves counters and queues as they are, which is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(self: &Arc<Self>, work: Work, pool: &Pool) -> Result<()> {
        let mut state = self.lock();
        if let Some(error) = state.failed.take() {
            return Err(error);
        }
        state.work.push_back(work);
        if !std::mem::replace(&mut state.busy, true) {
            drop(state);
            pool.submit(Arc::clone(self) as Arc<dyn Task>);
        }
        Ok(())
    }

    fn encode(&self, writers: &mut [ArrowColumnWriter], array: &ArrayRef) -> Result<()> {
        let leaves = compute_leaves(&self.field, array)?;
        writers.iter_mut().zip(&leaves).try_for_each(|(writer, leaf)| writer.write(leaf))
    }
}

impl Task for Column {
    fn run(&self) {
        loop {
            let mut state = self.lock();
            let Some(work) = state.work.pop_front() else {
                state.busy = false;
                return;
            };
            let mut writers = std::mem::take(&mut state.writers);
            drop(state);
            // A panic of an encoder must not leave the column waiting for ever.
            let done = catch_unwind(AssertUnwindSafe(|| match &work {
                Work::Write(array, _) => self.encode(&mut writers, array).map(|()| None),
                Work::Close => {
                    let closed = std::mem::take(&mut writers).into_iter().map(ArrowColumnWriter::close);
                    closed.collect::<Result<Vec<_>>>().map(Some)
                }
            }))
            .unwrap_or_else(|_| Err(ParquetError::General("an encoder broke".to_owned())));
            if let Work::Write(_, bytes) = work {
                self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            }
            let mut state = self.lock();
            match done {
                Ok(None) => {
                    state.memory = writers.iter().map(ArrowColumnWriter::memory_size).sum();
                    state.size = writers.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum();
                }
                Ok(chunks) => state.chunks = chunks,
                Err(error) => state.failed = Some(error),
            }
            state.writers = writers;
        }
    }
}

/// Leaf columns that Parquet makes of a type.
fn leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::List(field) | DataType::Map(field, _) => leaves(field.data_type()),
        DataType::Struct(fields) => fields.iter().map(|field| leaves(field.data_type())).sum(),
        _ => 1,
    }
}

//! A row's bytes become Arrow columns, guided by the schema.

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use super::column::ReadColumn;
use crate::Result;

/// Decodes rows of one schema.
#[derive(Debug)]
pub struct Decoder {
    schema: SchemaRef,
}

/// A row that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// JSON path of the value: `$[4].ITEMS[2].QTY`.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
    /// Byte in the row.
    pub offset: usize,
    /// Wrong number of values: a fault of the answer's grammar, not a bad value.
    pub arity: bool,
    /// The row is not JSON at all: a fault of the answer's grammar, not a bad value.
    pub syntax: bool,
}

impl Decoder {
    /// A decoder for rows with these values.
    pub fn new(_columns: &[ReadColumn]) -> Result<Self> {
        Ok(Self { schema: Schema::empty().into() })
    }

    /// The lake's schema.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Decodes a row.
    pub fn push_row(&mut self, _row: &[u8]) -> Result<(), BadRow> {
        Ok(())
    }

    /// Rows held.
    pub fn len(&self) -> usize {
        0
    }

    /// No row is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batch must be taken before more rows come.
    pub fn is_full(&self) -> bool {
        false
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        0
    }

    /// Takes the rows.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        Ok(RecordBatch::new_empty(self.schema()))
    }
}

/// The first `n` values of a row when all of them are integers.
pub fn leading_integers(_row: &[u8], _n: usize) -> Option<Vec<i64>> {
    None
}

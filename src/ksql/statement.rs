//! SQL text: every name quoted, every value kept.

use std::collections::BTreeMap;

use super::column::ReadColumn;
use super::describe::Description;
use super::schema::Column;
use crate::error::Result;

/// What is selected, and how it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// One for every item, in order.
    pub columns: Vec<ReadColumn>,
    /// The SQL of every item, in the same order.
    pub exprs: Vec<String>,
    /// Whether `*` must be asked for instead of the items (fact 7: header columns of tables).
    pub star: bool,
}

impl Selection {
    /// Whether the header announces just what was asked for: names, order and types.
    pub fn check_header(&self, _header: &[Column]) -> Result<()> {
        todo!()
    }
}

/// Which offsets of one Kafka partition a push query shall deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// The partition.
    pub partition: i32,
    /// First offset wanted.
    pub from: i64,
    /// First offset no longer wanted; `None` for no end.
    pub until: Option<i64>,
}

/// What becomes of partitions without a [`Bound`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Their rows are not delivered.
    Exclude,
    /// Their rows are delivered from the first one: partitions may be added while a query runs.
    Include,
}

/// The columns of a stream for a push query: ROWTIME, ROWPARTITION, ROWOFFSET, then every column not excluded.
pub fn select_stream(
    _source: &Description,
    _exclude: &[String],
    _rename: &BTreeMap<String, String>,
) -> Result<Selection> {
    todo!()
}

/// The same columns, read from the mirror of `source` (see [`mirror_ddl`]).
pub fn select_mirror(
    _source: &Description,
    _exclude: &[String],
    _rename: &BTreeMap<String, String>,
) -> Result<Selection> {
    todo!()
}

/// The columns of a table for a pull query; windowed ones have WINDOWSTART and WINDOWEND after the key columns.
pub fn select_table(
    _source: &Description,
    _exclude: &[String],
    _rename: &BTreeMap<String, String>,
) -> Result<Selection> {
    todo!()
}

/// A push query from the earliest offset, bounded per partition.
pub fn push_sql(_source: &str, _selection: &Selection, _bounds: &[Bound], _rest: Rest) -> String {
    todo!()
}

/// A pull over a whole stream (it knows no ROWPARTITION and ROWOFFSET: leave them out of the selection).
pub fn stream_pull_sql(_source: &str, _selection: &Selection) -> String {
    todo!()
}

/// A pull of a constant over a whole stream: one row per record.
pub fn count_pull_sql(_source: &str) -> String {
    todo!()
}

/// A scan of a whole table.
pub fn table_pull_sql(_source: &str, _selection: &Selection) -> String {
    todo!()
}

/// A pull over the mirror of `source`, bounded per partition of the source.
pub fn mirror_pull_sql(_source: &str, _selection: &Selection, _bounds: &[Bound], _rest: Rest) -> String {
    todo!()
}

/// `` `name` ``, with backticks doubled.
pub fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The name of the helper stream that never holds a row.
pub fn helper_name(source: &str) -> String {
    format!("{source}_LAKEHAND_END")
}

/// The name of the mirror stream.
pub fn mirror_name(source: &str) -> String {
    format!("{source}_LAKEHAND_MIRROR")
}

/// The statement that makes the helper stream: its DESCRIBE EXTENDED tells the ends of the source's log.
pub fn end_helper_ddl(_source: &Description) -> Result<String> {
    todo!()
}

/// The statement that makes the mirror stream, with partition, offset and time as columns.
pub fn mirror_ddl(_source: &Description) -> Result<String> {
    todo!()
}

/// The statement that makes a scannable table of a plain one.
pub fn queryable_ddl(_source: &Description) -> String {
    todo!()
}

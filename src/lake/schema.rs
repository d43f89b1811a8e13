//! The columns of a dataset, and what becomes of them when the source changes.

use arrow_schema::SchemaRef;
use chrono::{DateTime, Utc};

/// The columns of the batches of one run.
#[derive(Debug, Clone)]
pub struct TableSchema {
    /// Arrow schema of every batch, with ROWTIME, ROWPARTITION and ROWOFFSET for streams.
    pub arrow: SchemaRef,
    /// The schema as ksqlDB spells it; it goes into each footer.
    pub ksql: String,
    /// Lake name and ksqlDB type of each column of `arrow`, pseudo columns left out.
    pub columns_types: Vec<(String, String)>,
}

/// The run that writes.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// Its id, unique: it is part of file names, so letters, digits and `-` only count.
    pub id: String,
    /// When it began.
    pub started: DateTime<Utc>,
    /// How the source is read: `offsets`, `mirror`, `idle` or `table`.
    pub way: String,
    /// The source as ksqlDB names it.
    pub source: String,
    /// The server, without credentials.
    pub server: String,
}

//! The last row that came of a Kafka partition: a log that has another row at that offset is another log.

use serde::{Deserialize, Serialize};

/// What is kept of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRow {
    /// Its offset.
    pub offset: i64,
    /// Its ROWTIME, milliseconds since 1970.
    pub rowtime: i64,
    /// A hash of its values, hexadecimal.
    pub hash: String,
    /// What the hash was made of, as a hash: the way of reading, columns and types, formats. Hashes are compared where this is the same.
    pub like: String,
}

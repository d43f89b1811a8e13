//! A record, and what a stream's records hold.

use crate::ksql::schema::{Role, SqlType};

/// A record as the consumer hands it over.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The Kafka partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Milliseconds since 1970; `None` where the record has none.
    pub time: Option<i64>,
    /// The key's bytes.
    pub key: Option<&'a [u8]>,
    /// The value's bytes; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers, in their order.
    pub headers: &'a [Header<'a>],
}

/// A header of a record.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// How a key or a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// There is none.
    None,
    /// JSON text. `wrapped`: an object with a member for each column; else the one column's value itself.
    Json {
        /// An object around the columns.
        wrapped: bool,
    },
    /// The same behind a zero byte and the id of a schema.
    JsonSr {
        /// An object around the columns.
        wrapped: bool,
    },
    /// One value as Kafka's own serializers write it.
    Kafka,
    /// A line of values with this character between them.
    Delimited(char),
}

/// A column of the source, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordColumn {
    /// The source's name.
    pub name: String,
    /// Its name in the lake; `None` when it is left out.
    pub lake: Option<String>,
    /// Its type.
    pub sql_type: SqlType,
    /// Where it stands in the record.
    pub role: Role,
}

/// What ROWTIME is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowTime {
    /// The record's time.
    Record,
    /// The value of this column: BIGINT or TIMESTAMP, or STRING with a pattern of Java's `DateTimeFormatter`.
    Column {
        /// The source's name of it.
        name: String,
        /// The pattern, for a STRING.
        pattern: Option<String>,
    },
}

/// How a stream's records are laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Every column of the source, in declared order.
    pub columns: Vec<RecordColumn>,
    /// The keys' format.
    pub key: Format,
    /// The values' format.
    pub value: Format,
    /// ROWTIME.
    pub row_time: RowTime,
}

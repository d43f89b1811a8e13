//! ksqlDB's types, as its type strings spell them, and the Arrow types that keep them.

use crate::error::Result;

/// A ksqlDB type, nested to any depth.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// `BOOLEAN`
    Boolean,
    /// `INTEGER`: 32 bit
    Integer,
    /// `BIGINT`: 64 bit
    BigInt,
    /// `DOUBLE`
    Double,
    /// `STRING`
    String,
    /// `BYTES`: base64 on the wire
    Bytes,
    /// `DECIMAL(p, s)`
    Decimal {
        /// Digits in all, at least 1.
        precision: u32,
        /// Digits after the point, at most `precision`.
        scale: u32,
    },
    /// `DATE`: days
    Date,
    /// `TIME`: milliseconds of the day
    Time,
    /// `TIMESTAMP`: milliseconds since 1970, UTC
    Timestamp,
    /// `ARRAY<T>`
    Array(Box<SqlType>),
    /// `MAP<K, V>`
    Map(Box<SqlType>, Box<SqlType>),
    /// ``STRUCT<`A` T, …>``
    Struct(Vec<Field>),
}

/// A member of a STRUCT.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// Its name, unquoted, in the case of the server.
    pub name: String,
    /// Its type.
    pub sql_type: SqlType,
}

/// A column of a header schema or of DESCRIBE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    /// Its name, unquoted, in the case of the server.
    pub name: String,
    /// Its type.
    pub sql_type: SqlType,
    /// What it is in the source.
    pub role: Role,
}

/// What a column is in its source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Role {
    /// A value column.
    Value,
    /// Part of the Kafka key (headers mark it only for pulls over tables).
    Key,
    /// All Kafka headers: ``ARRAY<STRUCT<`KEY` STRING, `VALUE` BYTES>>``
    Headers,
    /// The last header of that name: BYTES.
    Header(String),
}

/// A type string of a header, such as ``ARRAY<STRUCT<`A` DECIMAL(4, 2)>>``.
pub fn parse_type(_text: &str) -> Result<SqlType> {
    todo!()
}

/// The schema string of a header, such as ``` `K` STRING KEY, `V` INTEGER```.
pub fn parse_columns(_text: &str) -> Result<Vec<Column>> {
    todo!()
}

impl SqlType {
    /// The Arrow type that keeps it.
    pub fn arrow(&self) -> Result<arrow_schema::DataType> {
        todo!()
    }
}

impl std::fmt::Display for SqlType {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}

//! ksqlDB's types, as its type strings spell them, and the Arrow types that keep them.

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
    /// The column's name, unquoted, in the case of the server.
    pub name: String,
    /// The column's type.
    pub sql_type: SqlType,
}

/// A column of a header schema or of DESCRIBE.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    /// The member's name, unquoted, in the case of the server.
    pub name: String,
    /// The member's type.
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

mod arrow;
mod parse;

pub use parse::{parse_columns, parse_type};

impl std::fmt::Display for SqlType {
    /// The form in which ksqlDB prints the type: every name in backticks, none of them doubled.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::Integer => f.write_str("INTEGER"),
            Self::BigInt => f.write_str("BIGINT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::String => f.write_str("STRING"),
            Self::Bytes => f.write_str("BYTES"),
            Self::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            Self::Date => f.write_str("DATE"),
            Self::Time => f.write_str("TIME"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Array(item) => write!(f, "ARRAY<{item}>"),
            Self::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            Self::Struct(fields) if fields.is_empty() => f.write_str("STRUCT< >"),
            Self::Struct(fields) => {
                f.write_str("STRUCT<")?;
                for (i, field) in fields.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "`{}` {}", field.name, field.sql_type)?;
                }
                f.write_str(">")
            }
        }
    }
}

//! Which readers cannot read a column, by its type and by how it may be encoded.
//!
//! Every line was seen on 2026-11-25: files of this program, read by that version of the reader; for fastparquet, DELTA files
//! that pyarrow wrote. Versions that are not named read it right, or were not tried. Pure.

use arrow::datatypes::DataType;

use crate::feed::Encodings;

/// What makes a column hard to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Time,
    Decimal256,
    Text,
    Whole,
}

/// Readers that do not read a column as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    cause: Cause,
    /// The readers, with their versions.
    pub readers: &'static str,
    /// What becomes of the read.
    pub what: &'static str,
    /// How that is known: the words of the reader, or what was compared.
    pub source: &'static str,
}

const KNOWN: &[Trouble] = &[
    Trouble {
        cause: Cause::Time,
        readers: "Spark before 4.3",
        what: "cannot read the file",
        source: "Illegal Parquet type: INT64 (TIME(MICROS,false)); 4.3 reads it with timeType.enabled",
    },
    Trouble {
        cause: Cause::Decimal256,
        readers: "Spark",
        what: "cannot read the file",
        source: "38 digits are the most of its DECIMAL",
    },
    Trouble {
        cause: Cause::Decimal256,
        readers: "DuckDB",
        what: "takes it for a DOUBLE without a warning",
        source: "DuckDB 2.0.1: 15,006 values of DECIMAL(76, 20) were inexact",
    },
    Trouble {
        cause: Cause::Decimal256,
        readers: "Polars, Daft",
        what: "cannot read the file",
        source: "Polars 2.1, Daft 0.7",
    },
    Trouble {
        cause: Cause::Text,
        readers: "Spark 3.4.4, 3.5.6, 4.0.0",
        what: "can give texts of other rows without a warning, where rows have null",
        source: "1,138 of 1,464 values of one file; DELTA_LENGTH_BYTE_ARRAY in the vectorised reader",
    },
    Trouble {
        cause: Cause::Text,
        readers: "Spark 3.3.4, pyarrow 10, fastparquet",
        what: "cannot read the file",
        source: "DELTA_LENGTH_BYTE_ARRAY; Spark 3.3.4 reads it where a nested column keeps it from its vectorised reader",
    },
    Trouble {
        cause: Cause::Whole,
        readers: "fastparquet",
        what: "can give other numbers without a warning, or break",
        source: "fastparquet 2026.9 on DELTA_BINARY_PACKED",
    },
];

/// The readers that do not read a column of this type as it is, under these encodings.
pub fn troubles(data_type: &DataType, encodings: Encodings) -> Vec<&'static Trouble> {
    let mut causes = Vec::new();
    collect(data_type, encodings, &mut causes);
    KNOWN.iter().filter(|trouble| causes.contains(&trouble.cause)).collect()
}

fn collect(data_type: &DataType, encodings: Encodings, causes: &mut Vec<Cause>) {
    let compact = encodings == Encodings::Compact;
    match data_type {
        DataType::Struct(fields) => {
            fields.iter().for_each(|field| collect(field.data_type(), encodings, causes));
        }
        DataType::List(field) | DataType::Map(field, _) => collect(field.data_type(), encodings, causes),
        DataType::Time64(_) | DataType::Time32(_) => {
            causes.push(Cause::Time);
            causes.extend(compact.then_some(Cause::Whole));
        }
        DataType::Decimal256(..) => causes.push(Cause::Decimal256),
        DataType::Utf8 | DataType::Binary if compact => causes.push(Cause::Text),
        DataType::Int32
        | DataType::Int64
        | DataType::Date32
        | DataType::Timestamp(..)
        | DataType::Decimal128(..=18, _)
            if compact =>
        {
            causes.push(Cause::Whole);
        }
        _ => {}
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.readers, self.what)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{Field, TimeUnit};

    use super::*;

    fn readers(data_type: &DataType, encodings: Encodings) -> Vec<&'static str> {
        troubles(data_type, encodings).iter().map(|trouble| trouble.readers).collect()
    }

    #[test]
    fn types_that_every_reader_knows_have_none_and_others_are_found_at_every_depth() {
        for data_type in [DataType::Utf8, DataType::Int64, DataType::Float64, DataType::Decimal128(38, 4)] {
            assert_eq!(readers(&data_type, Encodings::Portable), [""; 0], "{data_type}");
        }
        let time = Field::new("T", DataType::Time64(TimeUnit::Microsecond), true);
        let wide = Field::new("D", DataType::Decimal256(50, 5), true);
        let inner = DataType::Struct(vec![time, wide].into());
        let list = DataType::List(Arc::new(Field::new("element", inner, true)));
        assert_eq!(
            readers(&list, Encodings::Portable),
            ["Spark before 4.3", "Spark", "DuckDB", "Polars, Daft"]
        );
    }

    #[test]
    fn compact_encodings_name_the_readers_that_they_cost() {
        let text = readers(&DataType::Utf8, Encodings::Compact);
        assert_eq!(text, ["Spark 3.4.4, 3.5.6, 4.0.0", "Spark 3.3.4, pyarrow 10, fastparquet"]);
        assert_eq!(readers(&DataType::Int64, Encodings::Compact), ["fastparquet"]);
        assert_eq!(readers(&DataType::Boolean, Encodings::Compact), [""; 0]);
    }
}

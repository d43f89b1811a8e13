//! The Arrow type that keeps a ksqlDB type, as Parquet readers like it.
//!
//! Everything but a MAP's key may be null. Times are microseconds, never nanoseconds.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Fields, TimeUnit};

use super::SqlType;
use crate::error::{Error, Kind, Result};

impl SqlType {
    /// The Arrow type that keeps it.
    ///
    /// # Errors
    /// [`Kind::Schema`] for a DECIMAL beyond 76 digits and for a STRUCT without members: no Parquet type keeps them.
    pub fn arrow(&self) -> Result<DataType> {
        Ok(match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::String => DataType::Utf8,
            Self::Bytes => DataType::Binary,
            Self::Decimal { precision, scale } => decimal(*precision, *scale)?,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Array(item) => DataType::List(Arc::new(ArrowField::new("element", item.arrow()?, true))),
            Self::Map(key, value) => {
                let entry = Fields::from(vec![
                    ArrowField::new("key", key.arrow()?, false),
                    ArrowField::new("value", value.arrow()?, true),
                ]);
                DataType::Map(Arc::new(ArrowField::new("key_value", DataType::Struct(entry), false)), false)
            }
            Self::Struct(fields) if fields.is_empty() => {
                return Err(Error::new(
                    Kind::Schema,
                    "a STRUCT without members cannot be kept: Parquet has no empty groups",
                )
                .next("exclude the column (exclude_columns)"));
            }
            Self::Struct(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|field| Ok(ArrowField::new(&field.name, field.sql_type.arrow()?, true)))
                    .collect::<Result<Fields>>()?,
            ),
        })
    }
}

fn decimal(precision: u32, scale: u32) -> Result<DataType> {
    if precision == 0 || scale > precision {
        return Err(Error::new(Kind::Schema, format!("DECIMAL({precision}, {scale}) is no type of ksqlDB")));
    }
    let (Ok(p), Ok(s)) = (u8::try_from(precision), i8::try_from(scale)) else {
        return Err(too_wide(precision, scale));
    };
    match p {
        1..=38 => Ok(DataType::Decimal128(p, s)),
        39..=76 => Ok(DataType::Decimal256(p, s)),
        _ => Err(too_wide(precision, scale)),
    }
}

fn too_wide(precision: u32, scale: u32) -> Error {
    Error::new(Kind::Schema, format!("DECIMAL({precision}, {scale}) cannot be kept: 76 digits are the most"))
        .next("exclude the column (exclude_columns), or cast it to STRING or a narrower DECIMAL in a stream or table derived with auto.offset.reset=earliest")
}

#[cfg(test)]
mod tests {
    use super::super::parse_type;
    use super::*;

    fn arrow(text: &str) -> DataType {
        parse_type(text).unwrap().arrow().unwrap()
    }

    #[test]
    fn flat_types() {
        assert_eq!(arrow("TIMESTAMP"), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
        assert_eq!(arrow("TIME"), DataType::Time64(TimeUnit::Microsecond));
        assert_eq!(arrow("DECIMAL(38, 10)"), DataType::Decimal128(38, 10));
        assert_eq!(arrow("DECIMAL(39, 0)"), DataType::Decimal256(39, 0));
        assert_eq!(arrow("DECIMAL(76, 76)"), DataType::Decimal256(76, 76));
    }

    #[test]
    fn nested_types_carry_the_names_of_the_parquet_standard() {
        let DataType::Map(entries, false) = arrow("MAP<STRING, ARRAY<INTEGER>>") else { panic!("no map") };
        assert_eq!((entries.name().as_str(), entries.is_nullable()), ("key_value", false));
        let DataType::Struct(fields) = entries.data_type() else { panic!("no entries") };
        assert_eq!((fields[0].name().as_str(), fields[0].is_nullable()), ("key", false));
        let DataType::List(item) = fields[1].data_type() else { panic!("no list") };
        assert_eq!((item.name().as_str(), item.is_nullable()), ("element", true));
    }

    #[test]
    fn what_parquet_cannot_keep_is_refused_at_any_depth() {
        for text in ["DECIMAL(77, 0)", "DECIMAL(300, 2)", "STRUCT< >", "ARRAY<STRUCT<`A` STRUCT< >>>"] {
            let error = parse_type(text).unwrap().arrow().unwrap_err();
            assert_eq!(error.kind(), Kind::Schema, "{text}");
            assert!(error.advice().unwrap().contains("exclude_columns"), "{text}");
        }
    }
}

//! The Arrow types that keep ksqlDB's types in the lake.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, TimeUnit};

use crate::ksql::schema::SqlType;
use crate::{Error, Kind, Result};

/// Digits that a DECIMAL of 128 bits holds.
pub(super) const DECIMAL128_DIGITS: u32 = 38;
/// Digits that a DECIMAL of 256 bits holds.
const DECIMAL256_DIGITS: u32 = 76;

/// The Arrow type of a ksqlDB type. Types that Parquet cannot keep are refused.
pub(super) fn arrow_type(sql_type: &SqlType) -> Result<DataType> {
    Ok(match sql_type {
        SqlType::Boolean => DataType::Boolean,
        SqlType::Integer => DataType::Int32,
        SqlType::BigInt => DataType::Int64,
        SqlType::Double => DataType::Float64,
        SqlType::String => DataType::Utf8,
        SqlType::Bytes => DataType::Binary,
        SqlType::Decimal { precision, scale } => decimal(*precision, *scale)?,
        SqlType::Date => DataType::Date32,
        SqlType::Time => DataType::Time64(TimeUnit::Microsecond),
        SqlType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        SqlType::Array(element) => {
            DataType::List(Arc::new(Field::new("element", arrow_type(element)?, true)))
        }
        SqlType::Map(key, value) => {
            let entries = Fields::from(vec![
                Field::new("key", arrow_type(key)?, false),
                Field::new("value", arrow_type(value)?, true),
            ]);
            DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(entries), false)), false)
        }
        SqlType::Struct(members) if members.is_empty() => {
            return Err(Error::new(Kind::Schema, "a STRUCT without members cannot be kept in Parquet"));
        }
        SqlType::Struct(members) => DataType::Struct(
            members
                .iter()
                .map(|member| Ok(Field::new(&member.name, arrow_type(&member.sql_type)?, true)))
                .collect::<Result<Fields>>()?,
        ),
    })
}

fn decimal(precision: u32, scale: u32) -> Result<DataType> {
    let refused = |why: &str| Error::new(Kind::Schema, format!("DECIMAL({precision}, {scale}) {why}"));
    if precision == 0 || scale > precision {
        return Err(refused("is no type of ksqlDB"));
    }
    let wide = refused("has more than the 76 digits that Parquet readers know");
    let (Ok(p), Ok(s)) = (u8::try_from(precision), i8::try_from(scale)) else {
        return Err(wide);
    };
    if precision <= DECIMAL128_DIGITS {
        Ok(DataType::Decimal128(p, s))
    } else if precision <= DECIMAL256_DIGITS {
        Ok(DataType::Decimal256(p, s))
    } else {
        Err(wide)
    }
}

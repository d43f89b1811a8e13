//! A value as the tests see it, and how it is taken out of an Arrow array.

use arrow::array::cast::AsArray as _;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::datatypes::{
    Date32Type, Decimal128Type, Decimal256Type, Float64Type, Int32Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};

/// A value of any ksqlDB type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// INTEGER, BIGINT
    Int(i64),
    /// The bits of a DOUBLE, so that -0.0 is not 0.0.
    Double(u64),
    Text(String),
    Bytes(Vec<u8>),
    /// The unscaled integer of a DECIMAL.
    Decimal(String),
    /// DATE
    Days(i32),
    /// TIME, TIMESTAMP
    Micros(i64),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Struct(Vec<Value>),
}

/// The rows of a batch.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Vec<Value>> {
    (0..batch.num_rows())
        .map(|row| batch.columns().iter().map(|column| value(column, row)).collect())
        .collect()
}

/// The value at `row`.
pub(crate) fn value(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Int32 => Value::Int(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::Double(array.as_primitive::<Float64Type>().value(row).to_bits()),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => Value::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        DataType::Decimal128(..) => {
            Value::Decimal(array.as_primitive::<Decimal128Type>().value(row).to_string())
        }
        DataType::Decimal256(..) => {
            Value::Decimal(array.as_primitive::<Decimal256Type>().value(row).to_string())
        }
        DataType::Date32 => Value::Days(array.as_primitive::<Date32Type>().value(row)),
        DataType::Time64(TimeUnit::Microsecond) => {
            Value::Micros(array.as_primitive::<Time64MicrosecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
            Value::Micros(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>().value(row);
            Value::List((0..list.len()).map(|i| value(&list, i)).collect())
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            Value::Map((0..entries.len()).map(|i| (value(keys, i), value(values, i))).collect())
        }
        DataType::Struct(_) => {
            Value::Struct(array.as_struct().columns().iter().map(|member| value(member, row)).collect())
        }
        other => panic!("the decoder has no {other}"),
    }
}

/// `"text"`
pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A DOUBLE.
pub(crate) fn double(value: f64) -> Value {
    Value::Double(value.to_bits())
}

/// A DECIMAL by its unscaled integer.
pub(crate) fn decimal(unscaled: i128) -> Value {
    Value::Decimal(unscaled.to_string())
}

//! The rows of a run as its files hold them: the same values, under types that every reader knows.
//!
//! | ksqlDB                                  | in the run | in a file                                              |
//! |-----------------------------------------|------------|--------------------------------------------------------|
//! | ROWTIME, WINDOWSTART, WINDOWEND         | Int64      | a timestamp in milliseconds, UTC                       |
//! | TIME, at any depth                      | Time64     | text `HH:MM:SS.mmm`; the feed may ask for a time       |
//! | DECIMAL of more than 38 digits, the same| Decimal256 | text with all digits; the feed may ask for a decimal   |
//! | anything else                           | the same   | the same                                               |
//!
//! The field of a value that changes its type keeps ksqlDB's in its metadata, under [`KSQL_TYPE`]. Everything before the
//! writer (routing, offsets, times) works on the types of the run. A column that the dataset has already stays as it is
//! recorded until `accept-schema`: one folder with two types of a column is read by no engine.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::builder::StringBuilder;
use arrow::array::cast::AsArray;
use arrow::array::{
    Array, ArrayRef, ListArray, MapArray, PrimitiveArray, RecordBatch, RecordBatchOptions, StructArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal256Type, DecimalType as _, Field, FieldRef, Int64Type, Schema,
    SchemaRef, Time64MicrosecondType, TimeUnit, TimestampMillisecondType,
};
use arrow::error::ArrowError;

use crate::feed::{DecimalAs, Feed, FeedKind, TimeAs, Types};
use crate::lake::manifest::metadata::ColumnInfo;
use crate::lake::manifest::schema::TableSchema;
use crate::{Error, Kind, Result};

/// The key of a field's metadata that holds ksqlDB's type, where the field's own does not tell it.
pub const KSQL_TYPE: &str = "ksql.type";

/// The columns that `row_metadata` keeps.
const ROW_METADATA: [&str; 3] = ["ROWTIME", "ROWPARTITION", "ROWOFFSET"];
/// ksqlDB's own columns that hold milliseconds since 1970. It refuses sources with columns of these names.
const INSTANTS: [&str; 3] = ["ROWTIME", "WINDOWSTART", "WINDOWEND"];
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// From the rows of a run to those of its files.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// Indices of the run's columns that files have.
    kept: Vec<usize>,
    schema: SchemaRef,
}

/// How the values of a column are written.
#[derive(Debug, Clone, Copy)]
struct Style {
    /// Milliseconds since 1970 as a timestamp.
    instants: bool,
    types: Types,
}

impl View {
    /// For the batches of `schema`; columns that are `known` stay as they are recorded.
    pub(crate) fn new(feed: &Feed, known: &[ColumnInfo], schema: &TableSchema) -> Self {
        let keeps_all = feed.kind == FeedKind::Table || feed.row_metadata;
        let (kept, fields): (Vec<_>, Vec<_>) = schema
            .arrow
            .fields()
            .iter()
            .enumerate()
            .filter(|(_, field)| keeps_all || !ROW_METADATA.contains(&field.name().as_str()))
            .map(|(at, field)| {
                let known = known.iter().find(|column| column.name == *field.name());
                (at, column(field, Style::of(feed.types, known)))
            })
            .unzip();
        Self { kept, schema: Arc::new(Schema::new(fields)) }
    }

    /// The columns of the files.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows as the files hold them.
    pub(crate) fn of(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.kept.iter().zip(self.schema.fields());
        let columns = columns.map(|(at, field)| array(batch.column(*at), field.data_type()));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        columns
            .collect::<Result<Vec<_>, _>>()
            .and_then(|columns| {
                RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), columns, &options)
            })
            .map_err(|e| Error::new(Kind::Bug, format!("rows cannot be shown as files hold them: {e}")))
    }
}

impl Style {
    /// As the dataset has the column; as the feed says where it has not. A text of Arrow's types tells it, and not their
    /// spelling as a whole, which differs between versions.
    fn of(types: Types, known: Option<&ColumnInfo>) -> Self {
        let Some(known) = known else { return Self { instants: true, types } };
        let holds = |word: &str| known.arrow_type.contains(word);
        Self {
            instants: known.arrow_type != "Int64",
            types: Types {
                time: if holds("Time64(") { TimeAs::Time } else { TimeAs::Text },
                decimal: if holds("Decimal256(") { DecimalAs::Decimal256 } else { DecimalAs::Text },
            },
        }
    }
}

/// A column of the file.
fn column(field: &FieldRef, style: Style) -> FieldRef {
    if style.instants && *field.data_type() == DataType::Int64 && INSTANTS.contains(&field.name().as_str()) {
        let instant = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        return told(field, instant, "BIGINT".to_owned());
    }
    nested(field, style.types)
}

/// The field of a value at any depth.
fn nested(field: &FieldRef, types: Types) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Time64(_) if types.time == TimeAs::Text => {
            return told(field, DataType::Utf8, "TIME".to_owned());
        }
        DataType::Decimal256(precision, scale) if types.decimal == DecimalAs::Text => {
            return told(field, DataType::Utf8, format!("DECIMAL({precision}, {scale})"));
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| nested(f, types)).collect()),
        DataType::List(item) => DataType::List(nested(item, types)),
        DataType::Map(entries, sorted) => DataType::Map(nested(entries, types), *sorted),
        _ => return FieldRef::clone(field),
    };
    Arc::new(Field::clone(field).with_data_type(data_type))
}

fn told(field: &Field, data_type: DataType, ksql_type: String) -> FieldRef {
    let metadata = HashMap::from([(KSQL_TYPE.to_owned(), ksql_type)]);
    Arc::new(field.clone().with_data_type(data_type).with_metadata(metadata))
}

/// Arrow's name of a type, without the metadata of its fields.
pub(crate) fn type_text(data_type: &DataType) -> String {
    fn bare_field(field: &FieldRef) -> FieldRef {
        let data_type = bare(field.data_type());
        Arc::new(Field::clone(field).with_data_type(data_type).with_metadata(HashMap::new()))
    }
    fn bare(data_type: &DataType) -> DataType {
        match data_type {
            DataType::Struct(fields) => DataType::Struct(fields.iter().map(bare_field).collect()),
            DataType::List(item) => DataType::List(bare_field(item)),
            DataType::Map(entries, sorted) => DataType::Map(bare_field(entries), *sorted),
            other => other.clone(),
        }
    }
    bare(data_type).to_string()
}

/// The values under another type: nothing is copied where nothing changes.
fn array(from: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if from.data_type() == to {
        return Ok(ArrayRef::clone(from));
    }
    Ok(match (from.data_type(), to) {
        (DataType::Int64, DataType::Timestamp(TimeUnit::Millisecond, zone)) => {
            let instants = from.as_primitive::<Int64Type>().reinterpret_cast::<TimestampMillisecondType>();
            Arc::new(instants.with_timezone_opt(zone.clone()))
        }
        (DataType::Time64(TimeUnit::Microsecond), DataType::Utf8) => {
            texts(from.as_primitive::<Time64MicrosecondType>(), push_time)?
        }
        (DataType::Decimal256(precision, scale), DataType::Utf8) => {
            texts(from.as_primitive::<Decimal256Type>(), |text, value| {
                text.push_str(&Decimal256Type::format_decimal(value, *precision, *scale));
                Ok(())
            })?
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let from = from.as_struct();
            let members =
                from.columns().iter().zip(fields).map(|(array_, field)| array(array_, field.data_type()));
            let members = members.collect::<Result<_, _>>()?;
            Arc::new(StructArray::try_new(fields.clone(), members, from.nulls().cloned())?)
        }
        (DataType::List(_), DataType::List(item)) => {
            let from = from.as_list::<i32>();
            let (offsets, items) = window(from.offsets(), from.values());
            let items = array(&items, item.data_type())?;
            Arc::new(ListArray::try_new(FieldRef::clone(item), offsets, items, from.nulls().cloned())?)
        }
        (DataType::Map(..), DataType::Map(field, sorted)) => {
            let from = from.as_map();
            let entries: ArrayRef = Arc::new(from.entries().clone());
            let (offsets, entries) = window(from.offsets(), &entries);
            let entries = array(&entries, field.data_type())?.as_struct().clone();
            let nulls = from.nulls().cloned();
            Arc::new(MapArray::try_new(FieldRef::clone(field), offsets, entries, nulls, *sorted)?)
        }
        (from, to) => return Err(ArrowError::CastError(format!("{from} is not written as {to}"))),
    })
}

/// The part of a list's items that its rows use: a slice of a batch has the items of all of it.
fn window(offsets: &OffsetBuffer<i32>, items: &ArrayRef) -> (OffsetBuffer<i32>, ArrayRef) {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let rebased: ScalarBuffer<i32> = offsets.iter().map(|offset| offset - first).collect();
    let place = |offset: i32| usize::try_from(offset).unwrap_or(0);
    (OffsetBuffer::new(rebased), items.slice(place(first), place(last - first)))
}

fn texts<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    push: impl Fn(&mut String, T::Native) -> Result<(), ArrowError>,
) -> Result<ArrayRef, ArrowError> {
    let mut builder = StringBuilder::with_capacity(values.len(), values.len() * 16);
    let mut text = String::new();
    for value in values {
        match value {
            Some(value) => {
                text.clear();
                push(&mut text, value)?;
                builder.append_value(&text);
            }
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// `HH:MM:SS.mmm`: always as wide, so that texts sort as times do. ksqlDB has milliseconds; should ever a value have more,
/// three digits follow, which changes neither the value nor the order.
fn push_time(text: &mut String, micros: i64) -> Result<(), ArrowError> {
    if !(0..DAY).contains(&micros) {
        return Err(ArrowError::InvalidArgumentError(format!("{micros} µs is no time of a day")));
    }
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let (milli, micro) = (rest / 1000, rest % 1000);
    // Writing to a String cannot fail.
    let _ = write!(text, "{hour:02}:{minute:02}:{second:02}.{milli:03}");
    if micro > 0 {
        let _ = write!(text, "{micro:03}");
    }
    Ok(())
}

#[cfg(test)]
#[path = "present_tests.rs"]
mod tests;

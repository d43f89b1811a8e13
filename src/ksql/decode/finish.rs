//! Buffers become arrays.
//!
//! The buffers are handed over, not copied. The values of an overlay go to the place of its member, null wherever the
//! STRUCT around that place is null.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array, Float64Array,
    Int32Array, Int64Array, ListArray, MapArray, StringArray, StructArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::buffer::take;
use super::node::{Node, Values};

impl Node {
    /// Takes the values as an array of `data_type`, the type that the schema gives this node. `around` are the nulls of
    /// the STRUCT that it is a member of.
    pub(super) fn finish(
        &mut self,
        data_type: &DataType,
        overlays: &mut [&mut Self],
        around: Option<&NullBuffer>,
    ) -> Result<ArrayRef, ArrowError> {
        if let Values::Overlaid(index) = self.values {
            self.nulls.finish();
            let overlay = overlays.get_mut(index).ok_or_else(|| disagree(data_type))?;
            return overlay.finish(data_type, &mut [], around);
        }
        let nulls = NullBuffer::union(self.nulls.finish().as_ref(), around);
        Ok(match (&mut self.values, data_type) {
            (Values::Boolean(values), _) => {
                let bits = BooleanBuffer::from(values.as_slice());
                values.clear();
                Arc::new(BooleanArray::new(bits, nulls))
            }
            (Values::Integer(values), _) => Arc::new(Int32Array::try_new(take(values).into(), nulls)?),
            (Values::BigInt(values), _) => Arc::new(Int64Array::try_new(take(values).into(), nulls)?),
            (Values::Double(values), _) => Arc::new(Float64Array::try_new(take(values).into(), nulls)?),
            (Values::String(texts), _) => {
                let (offsets, bytes) = texts.finish();
                Arc::new(StringArray::try_new(offsets, bytes, nulls)?)
            }
            (Values::Bytes(texts), _) => {
                let (offsets, bytes) = texts.finish();
                Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?)
            }
            (Values::Decimal128 { values, .. }, DataType::Decimal128(precision, scale)) => Arc::new(
                Decimal128Array::try_new(take(values).into(), nulls)?
                    .with_precision_and_scale(*precision, *scale)?,
            ),
            (Values::Decimal256 { values, .. }, DataType::Decimal256(precision, scale)) => Arc::new(
                Decimal256Array::try_new(take(values).into(), nulls)?
                    .with_precision_and_scale(*precision, *scale)?,
            ),
            (Values::Date { values, .. }, _) => Arc::new(Date32Array::try_new(take(values).into(), nulls)?),
            (Values::Time { values, .. }, _) => {
                Arc::new(Time64MicrosecondArray::try_new(take(values).into(), nulls)?)
            }
            (Values::Timestamp { values, .. }, DataType::Timestamp(_, zone)) => {
                let values = TimestampMicrosecondArray::try_new(take(values).into(), nulls)?;
                Arc::new(values.with_timezone_opt(zone.clone()))
            }
            (Values::List { offsets, element }, DataType::List(field)) => {
                let element = element.finish(field.data_type(), &mut [], None)?;
                Arc::new(ListArray::try_new(field.clone(), offsets.finish(), element, nulls)?)
            }
            (Values::Map { offsets, key, value, .. }, DataType::Map(field, ordered)) => {
                let DataType::Struct(fields) = field.data_type() else {
                    return Err(disagree(data_type));
                };
                let [key_field, value_field] = fields.as_ref() else {
                    return Err(disagree(data_type));
                };
                let key = key.finish(key_field.data_type(), &mut [], None)?;
                let value = value.finish(value_field.data_type(), &mut [], None)?;
                let entries = StructArray::try_new(fields.clone(), vec![key, value], None)?;
                Arc::new(MapArray::try_new(field.clone(), offsets.finish(), entries, nulls, *ordered)?)
            }
            (Values::Struct(members), DataType::Struct(fields)) => {
                let arrays = members
                    .iter_mut()
                    .zip(fields)
                    .map(|(member, field)| member.node.finish(field.data_type(), overlays, nulls.as_ref()))
                    .collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new(fields.clone(), arrays, nulls)?)
            }
            _ => return Err(disagree(data_type)),
        })
    }
}

fn disagree(data_type: &DataType) -> ArrowError {
    ArrowError::SchemaError(format!("the buffers of a column are not those of {data_type}"))
}

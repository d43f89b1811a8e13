//! Values as numbers that are compared in their place: the same values give the same number, whatever the batch they are in.

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, OffsetSizeTrait};
use arrow::datatypes::DataType;

use crate::hash::ContentHash;
use crate::{Error, Kind, Result};

/// The number of a null.
const NULL: u128 = 0x6c61_6b65_6861_6e64_206e_756c_6c20_2e2e;

/// A number for each value of `array`. `Kind::Refused` for a type that files of the lake do not have.
pub(super) fn values(array: &dyn Array) -> Result<Vec<u128>> {
    let len = array.len();
    let mut numbers: Vec<u128> = match array.data_type() {
        DataType::Null => vec![NULL; len],
        DataType::Boolean => {
            let array = array.as_boolean();
            (0..len).map(|at| u128::from(array.value(at))).collect()
        }
        DataType::Utf8 => {
            array.as_string::<i32>().iter().map(|v| of(v.unwrap_or_default().as_bytes())).collect()
        }
        DataType::LargeUtf8 => {
            array.as_string::<i64>().iter().map(|v| of(v.unwrap_or_default().as_bytes())).collect()
        }
        DataType::Binary => array.as_binary::<i32>().iter().map(|v| of(v.unwrap_or_default())).collect(),
        DataType::LargeBinary => array.as_binary::<i64>().iter().map(|v| of(v.unwrap_or_default())).collect(),
        DataType::FixedSizeBinary(_) => {
            let array = array.as_fixed_size_binary();
            (0..len).map(|at| of(array.value(at))).collect()
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            sequences(list.values(), list.value_offsets())?
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            sequences(list.values(), list.value_offsets())?
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let entries = values(map.entries())?;
            cut(&entries, map.value_offsets())
        }
        DataType::Struct(_) => rows(array.as_struct().columns(), len)?,
        other => fixed(array, other)?,
    };
    for (at, number) in numbers.iter_mut().enumerate() {
        if array.is_null(at) {
            *number = NULL;
        }
    }
    Ok(numbers)
}

/// A number for each row of `columns`.
pub(super) fn rows(columns: &[ArrayRef], len: usize) -> Result<Vec<u128>> {
    let mut numbers = vec![0; len];
    for column in columns {
        for (number, value) in numbers.iter_mut().zip(values(column)?) {
            *number = both(*number, value);
        }
    }
    Ok(numbers)
}

fn of(bytes: &[u8]) -> u128 {
    ContentHash::of(bytes).number()
}

fn both(before: u128, value: u128) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&before.to_le_bytes());
    bytes[16..].copy_from_slice(&value.to_le_bytes());
    of(&bytes)
}

fn sequences<O: OffsetSizeTrait>(inner: &ArrayRef, offsets: &[O]) -> Result<Vec<u128>> {
    Ok(cut(&values(inner)?, offsets))
}

/// The numbers of lists, by those of their members.
fn cut<O: OffsetSizeTrait>(inner: &[u128], offsets: &[O]) -> Vec<u128> {
    let list = |ends: &[O]| {
        let members = inner.get(ends[0].as_usize()..ends[1].as_usize()).unwrap_or_default();
        members.iter().fold(members.len() as u128, |number, member| both(number, *member))
    };
    offsets.windows(2).map(list).collect()
}

/// The numbers of values of a fixed width: their bytes.
fn fixed(array: &dyn Array, data_type: &DataType) -> Result<Vec<u128>> {
    let unknown = || {
        Error::new(Kind::Refused, format!("values of type {data_type} cannot be compared"))
            .next("leave the column out of the feed, or compare the versions in a query")
    };
    let width = data_type.primitive_width().ok_or_else(unknown)?;
    let data = array.to_data();
    let bytes = data.buffers().first().ok_or_else(unknown)?.as_slice();
    let value = |at: usize| bytes.get((data.offset() + at) * width..(data.offset() + at + 1) * width);
    (0..array.len()).map(|at| value(at).map(of).ok_or_else(unknown)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, ListArray, StringArray, StructArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn the_same_values_have_the_same_number_in_any_slice() {
        let list = |items: Vec<Option<Vec<Option<i32>>>>| {
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(items)) as ArrayRef
        };
        let members: Vec<(Arc<arrow::datatypes::Field>, ArrayRef)> = vec![(
            Arc::new(arrow::datatypes::Field::new("A", DataType::Int64, true)),
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(1)])),
        )];
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3), Some(1)])),
            Arc::new(Float64Array::from(vec![Some(1.5), None, Some(0.0), Some(1.5)])),
            Arc::new(StringArray::from(vec![Some("a"), None, Some(""), Some("a")])),
            list(vec![Some(vec![Some(1), None]), None, Some(vec![]), Some(vec![Some(1), None])]),
            Arc::new(StructArray::from(members)),
        ];
        for array in arrays {
            let whole = values(&array).unwrap();
            assert_eq!(whole[0], whole[3], "{}", array.data_type());
            assert!(
                whole[0] != whole[1] && whole[1] != whole[2] && whole[0] != whole[2],
                "{}",
                array.data_type()
            );
            assert_eq!(values(&array.slice(1, 3)).unwrap(), whole[1..], "{}", array.data_type());
        }
        let of_lists =
            values(&list(vec![Some(vec![Some(1), Some(2)]), Some(vec![Some(2), Some(1)])])).unwrap();
        assert_ne!(of_lists[0], of_lists[1], "order counts");
    }
}

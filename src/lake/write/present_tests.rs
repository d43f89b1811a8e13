use arrow::array::builder::Time64MicrosecondBuilder;
use arrow::array::builder::{ListBuilder, MapBuilder};
use arrow::array::{Decimal256Array, Int64Array, Time64MicrosecondArray};
use arrow::datatypes::i256;

use super::*;

fn text(array: &ArrayRef) -> Vec<Option<&str>> {
    array.as_string::<i32>().iter().collect()
}

fn presented(from: &ArrayRef, types: Types) -> ArrayRef {
    let field = Arc::new(Field::new("C", from.data_type().clone(), true));
    let field = column(&field, Style { instants: true, types });
    array(from, field.data_type()).unwrap()
}

#[test]
fn a_time_is_as_wide_as_any_other_and_sorts_as_it_does() {
    let micros = [0, 1_000, 43_200_000_000, 43_200_000_001, 86_399_999_000];
    let times: ArrayRef = Arc::new(Time64MicrosecondArray::from(
        micros.map(Some).into_iter().chain([None]).collect::<Vec<_>>(),
    ));
    let shown = presented(&times, Types::default());
    let texts = text(&shown);
    assert_eq!(
        texts,
        [
            Some("00:00:00.000"),
            Some("00:00:00.001"),
            Some("12:00:00.000"),
            Some("12:00:00.000001"),
            Some("23:59:59.999"),
            None
        ]
    );
    assert!(texts[..5].is_sorted());
    for wrong in [-1, DAY] {
        let wrong: ArrayRef = Arc::new(Time64MicrosecondArray::from(vec![wrong]));
        assert!(array(&wrong, &DataType::Utf8).is_err());
    }
}

#[test]
fn a_decimal_keeps_all_of_its_digits() {
    let decimals = |values: Vec<i256>, precision, scale| -> ArrayRef {
        let array = Decimal256Array::from(values).with_precision_and_scale(precision, scale).unwrap();
        presented(&(Arc::new(array) as ArrayRef), Types::default())
    };
    let wide = i256::from_string("-9999999999999999999999999999999999999999999999999").unwrap();
    assert_eq!(
        text(&decimals(vec![wide, i256::ONE, i256::ZERO, i256::MINUS_ONE], 49, 5)),
        [
            Some("-99999999999999999999999999999999999999999999.99999"),
            Some("0.00001"),
            Some("0.00000"),
            Some("-0.00001")
        ]
    );
    assert_eq!(text(&decimals(vec![i256::from_i128(-120)], 40, 0)), [Some("-120")]);
    assert_eq!(text(&decimals(vec![i256::ONE], 40, 40)), [Some(format!("0.{:0>40}", 1).as_str())]);
}

#[test]
fn values_are_shown_at_every_depth_and_in_slices() {
    // LIST of TIME, MAP from TEXT to TIME, both in a STRUCT with nulls.
    let mut list = ListBuilder::new(Time64MicrosecondBuilder::new());
    let mut map =
        MapBuilder::new(None, arrow::array::builder::StringBuilder::new(), Time64MicrosecondBuilder::new());
    for row in 0..6_i64 {
        for item in 0..row {
            list.values().append_option((item % 2 == 0).then_some(row * 1_000_000));
        }
        list.append(row != 4);
        map.keys().append_value(format!("k{row}"));
        map.values().append_value(row * 1_000);
        map.append(row != 3).unwrap();
    }
    let fields: Vec<(FieldRef, ArrayRef)> = [
        ("L", Arc::new(list.finish()) as ArrayRef),
        ("M", Arc::new(map.finish()) as ArrayRef),
        ("N", Arc::new(Int64Array::from_iter_values(0..6)) as ArrayRef),
    ]
    .into_iter()
    .map(|(name, values)| (Arc::new(Field::new(name, values.data_type().clone(), true)), values))
    .collect();
    let (fields, values): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
    let nulls = arrow::buffer::NullBuffer::from(vec![true, true, false, true, true, true]);
    let whole: ArrayRef = Arc::new(StructArray::try_new(fields.into(), values, Some(nulls)).unwrap());
    for (from, len) in [(0, 6), (2, 3), (5, 1), (3, 0)] {
        let shown = presented(&whole.slice(from, len), Types::default());
        let shown = shown.as_struct();
        for row in 0..len {
            let number = from + row;
            assert_eq!(shown.is_null(row), number == 2);
            let list = shown.column(0).as_list::<i32>();
            assert_eq!(list.is_null(row), number == 4);
            let wanted: Vec<_> =
                (0..number).map(|item| (item % 2 == 0).then(|| format!("00:00:0{number}.000"))).collect();
            let wanted: Vec<_> = wanted.iter().map(Option::as_deref).collect();
            if number != 4 {
                assert_eq!(text(&list.value(row)), wanted);
            }
            let map = shown.column(1).as_map();
            assert_eq!(map.is_null(row), number == 3);
            if number != 3 {
                assert_eq!(text(map.value(row).column(1)), [Some(format!("00:00:00.00{number}").as_str())]);
            }
        }
    }
    // With Parquet's own types nothing is touched.
    let own = Types { time: TimeAs::Time, decimal: DecimalAs::Decimal256 };
    assert_eq!(presented(&whole, own).data_type(), whole.data_type());
}

#[test]
fn members_tell_their_type_and_the_record_of_it_does_not_change() {
    let member = Field::new("T", DataType::Time64(TimeUnit::Microsecond), true);
    let entry = DataType::Struct(vec![member].into());
    let list = DataType::List(Arc::new(Field::new("element", entry, true)));
    let shown = nested(&Arc::new(Field::new("A", list, true)), Types::default());
    let DataType::List(item) = shown.data_type() else { panic!("no list") };
    let DataType::Struct(members) = item.data_type() else { panic!("no struct") };
    assert_eq!(members[0].metadata().get(KSQL_TYPE).map(String::as_str), Some("TIME"));
    assert!(!type_text(shown.data_type()).contains(KSQL_TYPE), "{}", type_text(shown.data_type()));
}

#[test]
fn only_ksqldbs_own_columns_are_instants() {
    let style = Style { instants: true, types: Types::default() };
    let of = |name: &str, data_type: DataType| {
        column(&Arc::new(Field::new(name, data_type, true)), style).data_type().clone()
    };
    let instant = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    for name in INSTANTS {
        assert_eq!(of(name, DataType::Int64), instant);
    }
    assert_eq!(of("ROWOFFSET", DataType::Int64), DataType::Int64);
    assert_eq!(of("EVENT_MS", DataType::Int64), DataType::Int64);
    assert_eq!(of("ROWTIME", DataType::Utf8), DataType::Utf8);
}

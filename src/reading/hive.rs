//! The types of columns as Hive, and so every catalogue, spells them.

use arrow::datatypes::{DataType, Field};

use super::types::parse;

/// The type that the crate `arrow` spells so, in Hive's words; `None` where Hive has none: TIME, DECIMAL of more than 38 digits, and
/// inner names that its spelling cannot hold.
pub fn hive_type(arrow_type: &str) -> Option<String> {
    of(&parse(arrow_type)?)
}

fn of(kind: &DataType) -> Option<String> {
    Some(match kind {
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::Binary => "binary".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Decimal128(precision, scale) if *scale >= 0 => format!("decimal({precision},{scale})"),
        DataType::List(item) => format!("array<{}>", of(item.data_type())?),
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else { return None };
            let [key, value] = fields.as_ref() else { return None };
            format!("map<{},{}>", of(key.data_type())?, of(value.data_type())?)
        }
        DataType::Struct(fields) => {
            let fields: Option<Vec<_>> = fields.iter().map(|field| inner(field)).collect();
            format!("struct<{}>", fields?.join(","))
        }
        _ => return None,
    })
}

/// Hive cannot quote the names of a struct's fields, and keeps them in lower case.
fn inner(field: &Field) -> Option<String> {
    let name = field.name();
    let is_word = !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '.' | '@'));
    is_word.then(|| of(field.data_type()).map(|kind| format!("{}:{kind}", name.to_lowercase())))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::TimeUnit;

    #[test]
    fn types_are_spelt_as_hive_does() {
        let item = DataType::Struct(
            vec![
                Field::new("Name", DataType::Utf8, true),
                Field::new("AT", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), true),
            ]
            .into(),
        );
        let list = DataType::List(Field::new("element", item, true).into());
        assert_eq!(hive_type(&list.to_string()).unwrap(), "array<struct<name:string,at:timestamp>>");
        let key = Field::new("key", DataType::Utf8, false);
        let value = Field::new("value", DataType::Decimal128(12, 2), true);
        let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
        let map = DataType::Map(entries.into(), false);
        assert_eq!(hive_type(&map.to_string()).unwrap(), "map<string,decimal(12,2)>");
        for (kind, word) in [
            (DataType::Boolean, "boolean"),
            (DataType::Int32, "int"),
            (DataType::Int64, "bigint"),
            (DataType::Float64, "double"),
            (DataType::Binary, "binary"),
            (DataType::Date32, "date"),
        ] {
            assert_eq!(hive_type(&kind.to_string()).unwrap(), word);
        }
    }

    #[test]
    fn what_hive_has_no_word_for_has_none() {
        let odd = DataType::Struct(vec![Field::new("a:b", DataType::Int32, true)].into());
        for kind in [DataType::Decimal256(50, 2), DataType::Time64(TimeUnit::Microsecond), odd] {
            assert_eq!(hive_type(&kind.to_string()), None, "{kind}");
        }
    }
}

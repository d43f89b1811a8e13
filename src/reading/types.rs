//! The types of columns in the words of the engines that must be told them.

use arrow::datatypes::{DataType, Field, TimeUnit};

use super::{Column, quote};
use crate::{Error, Kind, Result};

/// The words of one library. What it has no word for, it cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// `pa.int32()`
    PyArrow,
    /// `pl.Int32`
    Polars,
    /// `DataType.int32()`
    Daft,
}

/// Name and type of each column, as Python literals.
///
/// # Errors
///
/// `Kind::Feed` for a type that the library has no word for.
pub(super) fn columns(columns: &[Column], words: Words) -> Result<Vec<(String, String)>> {
    columns
        .iter()
        .map(|column| {
            let unknown = || {
                Error::new(Kind::Feed, "the type of a column has no name in this engine")
                    .at("column", &column.name)
                    .at("type", &column.arrow_type)
                    .next("`lakehand read FEED --with duckdb` needs no types")
            };
            let parsed = parse(&column.arrow_type).ok_or_else(unknown)?;
            let word = words.of(&parsed).ok_or_else(unknown)?;
            Ok((quote::python(&column.name), word))
        })
        .collect()
}

/// The type that the crate `arrow` spells so. What fields of it say beside their types is left out: arrow does not read
/// that back.
pub(super) fn parse(text: &str) -> Option<DataType> {
    without_metadata(text).parse().ok()
}

/// Takes every `, metadata: {…}` away that is not inside of a name.
fn without_metadata(text: &str) -> String {
    const MARK: &str = ", metadata: {";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quoted = false;
    while let Some(c) = rest.chars().next() {
        if !quoted && rest.starts_with(MARK) {
            rest = after_braces(&rest[MARK.len()..]);
            continue;
        }
        let step =
            if quoted && c == '\\' { rest.chars().take(2).map(char::len_utf8).sum() } else { c.len_utf8() };
        quoted ^= c == '"';
        out.push_str(&rest[..step]);
        rest = &rest[step..];
    }
    out
}

/// What follows the brace that ends a map of strings.
fn after_braces(text: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '}' if !quoted => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

impl Words {
    fn of(self, kind: &DataType) -> Option<String> {
        match self {
            Self::PyArrow => self.pyarrow(kind),
            Self::Polars => self.polars(kind),
            Self::Daft => self.daft(kind),
        }
    }

    fn fields(self, fields: &[std::sync::Arc<Field>]) -> Option<Vec<(String, String)>> {
        fields.iter().map(|field| Some((quote::python(field.name()), self.of(field.data_type())?))).collect()
    }

    /// Key and value of a map.
    fn entry(self, entries: &Field) -> Option<(String, String)> {
        let DataType::Struct(fields) = entries.data_type() else { return None };
        let [key, value] = fields.as_ref() else { return None };
        Some((self.of(key.data_type())?, self.of(value.data_type())?))
    }

    fn pyarrow(self, kind: &DataType) -> Option<String> {
        Some(match kind {
            DataType::Boolean => "pa.bool_()".to_owned(),
            DataType::Int32 => "pa.int32()".to_owned(),
            DataType::Int64 => "pa.int64()".to_owned(),
            DataType::Float64 => "pa.float64()".to_owned(),
            DataType::Utf8 => "pa.string()".to_owned(),
            DataType::Binary => "pa.binary()".to_owned(),
            DataType::Date32 => "pa.date32()".to_owned(),
            DataType::Time32(unit) => format!("pa.time32(\"{}\")", short(*unit)),
            DataType::Time64(unit) => format!("pa.time64(\"{}\")", short(*unit)),
            DataType::Timestamp(unit, None) => format!("pa.timestamp(\"{}\")", short(*unit)),
            DataType::Timestamp(unit, Some(zone)) => {
                format!("pa.timestamp(\"{}\", {})", short(*unit), quote::python(zone))
            }
            DataType::Decimal128(p, s) => format!("pa.decimal128({p}, {s})"),
            DataType::Decimal256(p, s) => format!("pa.decimal256({p}, {s})"),
            DataType::List(item) => format!("pa.list_({})", self.of(item.data_type())?),
            DataType::Map(entries, _) => {
                let (key, value) = self.entry(entries)?;
                format!("pa.map_({key}, {value})")
            }
            DataType::Struct(fields) => format!("pa.struct([{}])", pairs(&self.fields(fields)?)),
            _ => return None,
        })
    }

    fn polars(self, kind: &DataType) -> Option<String> {
        Some(match kind {
            DataType::Boolean => "pl.Boolean".to_owned(),
            DataType::Int32 => "pl.Int32".to_owned(),
            DataType::Int64 => "pl.Int64".to_owned(),
            DataType::Float64 => "pl.Float64".to_owned(),
            DataType::Utf8 => "pl.String".to_owned(),
            DataType::Binary => "pl.Binary".to_owned(),
            DataType::Date32 => "pl.Date".to_owned(),
            DataType::Time64(_) => "pl.Time".to_owned(),
            DataType::Timestamp(unit, None) => format!("pl.Datetime(\"{}\")", short(*unit)),
            DataType::Timestamp(unit, Some(zone)) => {
                format!("pl.Datetime(\"{}\", {})", short(*unit), quote::python(zone))
            }
            DataType::Decimal128(p, s) => format!("pl.Decimal({p}, {s})"),
            DataType::List(item) => format!("pl.List({})", self.of(item.data_type())?),
            DataType::Map(entries, _) => {
                // Polars has no map: it reads a list of entries.
                let (key, value) = self.entry(entries)?;
                format!("pl.List(pl.Struct({{\"key\": {key}, \"value\": {value}}}))")
            }
            DataType::Struct(fields) => format!("pl.Struct({})", dict(&self.fields(fields)?)),
            _ => return None,
        })
    }

    fn daft(self, kind: &DataType) -> Option<String> {
        Some(match kind {
            DataType::Boolean => "DataType.bool()".to_owned(),
            DataType::Int32 => "DataType.int32()".to_owned(),
            DataType::Int64 => "DataType.int64()".to_owned(),
            DataType::Float64 => "DataType.float64()".to_owned(),
            DataType::Utf8 => "DataType.string()".to_owned(),
            DataType::Binary => "DataType.binary()".to_owned(),
            DataType::Date32 => "DataType.date()".to_owned(),
            DataType::Time64(unit) => format!("DataType.time(\"{}\")", short(*unit)),
            DataType::Timestamp(unit, None) => format!("DataType.timestamp(\"{}\")", short(*unit)),
            DataType::Timestamp(unit, Some(zone)) => {
                format!("DataType.timestamp(\"{}\", {})", short(*unit), quote::python(zone))
            }
            DataType::Decimal128(p, s) => format!("DataType.decimal128({p}, {s})"),
            DataType::List(item) => format!("DataType.list({})", self.of(item.data_type())?),
            DataType::Map(entries, _) => {
                let (key, value) = self.entry(entries)?;
                format!("DataType.map({key}, {value})")
            }
            DataType::Struct(fields) => format!("DataType.struct({})", dict(&self.fields(fields)?)),
            _ => return None,
        })
    }
}

/// `("A", pa.int32()), ("B", pa.string())`
pub(super) fn pairs(columns: &[(String, String)]) -> String {
    columns.iter().map(|(name, kind)| format!("({name}, {kind})")).collect::<Vec<_>>().join(", ")
}

/// `{"A": pl.Int32, "B": pl.String}`
pub(super) fn dict(columns: &[(String, String)]) -> String {
    let columns: Vec<_> = columns.iter().map(|(name, kind)| format!("{name}: {kind}")).collect();
    format!("{{{}}}", columns.join(", "))
}

fn short(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_left_out_of_types_but_not_of_names() {
        let field = Field::new("a, metadata: {", DataType::Int32, true)
            .with_metadata([("ksql \"}".to_owned(), "TIME".to_owned())].into());
        let plain = DataType::Struct(vec![Field::new("a, metadata: {", DataType::Int32, true)].into());
        let kind = DataType::Struct(vec![field].into());
        assert_ne!(kind.to_string(), plain.to_string());
        assert_eq!(parse(&kind.to_string()), Some(plain));
    }

    #[test]
    fn nested_types_have_words_in_every_library() {
        let key = Field::new("key", DataType::Utf8, false);
        let value = Field::new("value", DataType::Decimal128(12, 2), true);
        let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
        let item = DataType::Struct(
            vec![
                Field::new("M", DataType::Map(entries.into(), false), true),
                Field::new("T", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
            ]
            .into(),
        );
        let kind = DataType::List(Field::new("element", item, true).into());
        let column =
            Column { name: "X".into(), arrow_type: kind.to_string(), since: "1.0".into(), gone_since: None };
        let word = |words| columns(std::slice::from_ref(&column), words).unwrap()[0].1.clone();
        assert_eq!(
            word(Words::PyArrow),
            "pa.list_(pa.struct([(\"M\", pa.map_(pa.string(), pa.decimal128(12, 2))), (\"T\", pa.timestamp(\"us\", \"UTC\"))]))"
        );
        assert!(
            word(Words::Polars)
                .contains("pl.List(pl.Struct({\"key\": pl.String, \"value\": pl.Decimal(12, 2)}))")
        );
        assert!(word(Words::Daft).contains("DataType.map(DataType.string(), DataType.decimal128(12, 2))"));
    }

    #[test]
    fn a_type_without_a_word_is_refused_with_a_way_out() {
        let column = Column {
            name: "X".into(),
            arrow_type: "Decimal256(50, 2)".into(),
            since: "1.0".into(),
            gone_since: None,
        };
        let list = [column];
        assert!(columns(&list, Words::PyArrow).is_ok());
        let error = columns(&list, Words::Polars).unwrap_err();
        assert!(error.kind() == Kind::Feed && error.to_string().contains("duckdb"), "{error}");
    }
}

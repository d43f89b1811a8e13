//! What a file's footer says of the values of its columns, for those who choose files without opening them.
//!
//! Columns inside of ARRAY, MAP and STRUCT are left out, as are those beyond the first 32 (Delta Lake's readers use as many
//! by default). Values are those that Parquet stores: days, milliseconds, unscaled decimals. Bounds that Parquet has cut
//! short, and those of long texts and of bytes, are left out: a missing bound says nothing.

use std::collections::BTreeMap;

use parquet::basic::{ConvertedType, LogicalType};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use serde_json::Value;

use crate::lake::manifest::column_stats::{Bounds, ColumnStats};

/// Columns of which statistics are kept.
const COLUMNS: usize = 32;
/// Longest text that is kept as a bound, bytes.
const LONGEST: usize = 64;

/// Those of a file with these row groups.
pub(crate) fn column_stats<'a>(groups: impl Iterator<Item = &'a RowGroupMetaData>) -> ColumnStats {
    let mut columns: BTreeMap<String, Bounds> = BTreeMap::new();
    for (n, group) in groups.enumerate() {
        let plain = group.columns().iter().filter(|column| column.column_path().parts().len() == 1);
        for column in plain.take(COLUMNS) {
            let bounds = bounds_of(column);
            let name = column.column_path().string();
            match columns.get_mut(&name) {
                Some(known) => known.unite(bounds),
                None if n == 0 => drop(columns.insert(name, bounds)),
                None => {}
            }
        }
    }
    columns.retain(|_, bounds| *bounds != Bounds::default());
    ColumnStats(columns)
}

fn bounds_of(column: &ColumnChunkMetaData) -> Bounds {
    let Some(stats) = column.statistics() else { return Bounds::default() };
    let nulls = stats.null_count_opt();
    let (min, max) = match stats {
        Statistics::Boolean(s) => (s.min_opt().map(|v| (*v).into()), s.max_opt().map(|v| (*v).into())),
        Statistics::Int32(s) => (s.min_opt().map(|v| (*v).into()), s.max_opt().map(|v| (*v).into())),
        Statistics::Int64(s) => (s.min_opt().map(|v| (*v).into()), s.max_opt().map(|v| (*v).into())),
        Statistics::Float(s) => {
            (s.min_opt().and_then(|v| number(f64::from(*v))), s.max_opt().and_then(|v| number(f64::from(*v))))
        }
        Statistics::Double(s) => (s.min_opt().and_then(|v| number(*v)), s.max_opt().and_then(|v| number(*v))),
        Statistics::ByteArray(s) if is_text(column) => {
            let kept = |exact: bool, bytes: Option<&[u8]>| bytes.filter(|_| exact).and_then(text);
            (
                kept(stats.min_is_exact(), s.min_opt().map(AsRef::as_ref)),
                kept(stats.max_is_exact(), s.max_opt().map(AsRef::as_ref)),
            )
        }
        _ => (None, None),
    };
    Bounds { nulls, min, max }
}

/// JSON has no NaN and no infinity.
fn number(value: f64) -> Option<Value> {
    serde_json::Number::from_f64(value).map(Value::Number)
}

fn is_text(column: &ColumnChunkMetaData) -> bool {
    let described = column.column_descr();
    matches!(described.logical_type_ref(), Some(LogicalType::String))
        || described.converted_type() == ConvertedType::UTF8
}

fn text(bytes: &[u8]) -> Option<Value> {
    if bytes.len() > LONGEST { None } else { std::str::from_utf8(bytes).ok().map(Into::into) }
}

//! Which names a lake can hold: one a column, none that the path or the row's position already has.

use std::collections::BTreeMap;

use super::helper::FROM_THE_BEGINNING;
use crate::error::{Error, Kind, Result};
use crate::ksql::column::{ReadColumn, Wire};
use crate::ksql::describe::Description;
use crate::ksql::schema::SqlType;

/// What becomes of a name that cannot be kept.
const DERIVED: &str =
    "read a stream or table that names it otherwise, derived with auto.offset.reset=earliest";

/// Names of partition folders: readers would find the same column twice, in the path and in the file.
const PARTITION_NAMES: [&str; 5] = ["YEAR", "MONTH", "DAY", "HOUR", "VERSION"];

/// Names of ksqlDB's pseudo columns.
pub(super) const ROW_NAMES: [&str; 3] = ["ROWTIME", "ROWPARTITION", "ROWOFFSET"];

/// Every column that the feed names must be there, or a slip of the pen would export what was to be left out.
pub(in crate::ksql) fn check_feed(
    source: &Description,
    exclude: &[String],
    rename: &BTreeMap<String, String>,
) -> Result<()> {
    let named = exclude
        .iter()
        .map(|name| ("exclude_columns", name))
        .chain(rename.keys().map(|name| ("rename", name)));
    for (field, name) in named {
        if source.columns.iter().all(|column| column.name != *name) {
            let error =
                Error::new(Kind::Feed, format!("{field} names a column that the source has not: {name}"));
            let upper = name.to_uppercase();
            let columns = source.columns.iter().map(|column| {
                (strsim::damerau_levenshtein(&column.name.to_uppercase(), &upper), &column.name)
            });
            // A short name is near to nothing only because it is short.
            let near = columns.min().filter(|(distance, _)| *distance <= 3 && distance * 2 <= upper.len());
            return Err(match near {
                Some((_, column)) => error.next(format!("the nearest is {column}")),
                None => error,
            }
            .at("source", &source.name));
        }
    }
    for column in &source.columns {
        if column.name.contains('`') {
            let what = format!(
                "the name of column {:?} contains a backtick, which answers show unreadably",
                column.name
            );
            return Err(Error::new(Kind::Feed, what).next(DERIVED));
        }
        if ROW_NAMES.iter().any(|name| name.eq_ignore_ascii_case(&column.name)) {
            let what =
                format!("the source has a column named like ksqlDB's own {}", column.name.to_uppercase());
            return Err(Error::new(Kind::Feed, what).at("source", &source.name).next(DERIVED));
        }
    }
    Ok(())
}

/// Members of one STRUCT must differ by more than their case, at every depth: most engines tell no case apart, and
/// refuse the column or read one member twice.
fn check_members(column: &ReadColumn) -> Result<()> {
    let mut path = vec![column.label.clone()];
    let Some([one, other]) = alike(&column.sql_type, &mut path) else { return Ok(()) };
    let place = path.join("->");
    let what =
        format!("members {one} and {other} of {place} differ only by case, and readers tell no case apart");
    let advice = format!(
        "{DERIVED}, such as {FROM_THE_BEGINNING} CREATE … AS SELECT STRUCT(`{one}` := {0}->`{one}`, `{other}_2` := {0}->`{other}`) AS …; inside of an \
         ARRAY or MAP with TRANSFORM(…); or leave the column out with \"exclude_columns\": [\"{1}\"] (rename reaches no members)",
        path.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join("->"),
        column.label,
    );
    Err(Error::new(Kind::Feed, what).next(advice))
}

/// The first two members of one STRUCT that differ only by case; `path` then leads to it.
fn alike<'a>(sql_type: &'a SqlType, path: &mut Vec<String>) -> Option<[&'a str; 2]> {
    match sql_type {
        SqlType::Array(item) => alike(item, path),
        SqlType::Map(key, value) => alike(key, path).or_else(|| alike(value, path)),
        SqlType::Struct(fields) => {
            let mut seen: BTreeMap<String, &str> = BTreeMap::new();
            for field in fields {
                if let Some(one) = seen.insert(field.name.to_uppercase(), &field.name) {
                    return Some([one, &field.name]);
                }
            }
            for field in fields {
                path.push(field.name.clone());
                if let Some(found) = alike(&field.sql_type, path) {
                    return Some(found);
                }
                path.pop();
            }
            None
        }
        _ => None,
    }
}

/// The names that the lake would see: none of a partition folder, none twice whatever the case.
pub(in crate::ksql) fn check_lake(columns: &[ReadColumn]) -> Result<()> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for column in columns.iter().filter(|column| !matches!(column.wire, Wire::Overlay { .. })) {
        let upper = column.name.to_uppercase();
        if PARTITION_NAMES.contains(&upper.as_str()) {
            let what = format!("column {} has the name of a partition folder", column.name);
            let advice = format!(
                "give it another name in the feed: \"rename\": {{\"{}\": \"CAL_{upper}\"}}",
                column.label
            );
            return Err(Error::new(Kind::Feed, what).next(advice));
        }
        if let Some(other) = seen.insert(upper, &column.label) {
            let what = format!(
                "columns {other} and {} would have one name in the lake: {}",
                column.label, column.name
            );
            return Err(Error::new(Kind::Feed, what)
                .next("give one of them another name with rename, or leave it out with exclude_columns"));
        }
        check_members(column)?;
        if column.name.is_empty() || column.name.chars().any(char::is_control) {
            let what =
                format!("column {:?} would have an empty or unprintable name in the lake", column.label);
            return Err(Error::new(Kind::Feed, what).next("give it another name with rename"));
        }
    }
    Ok(())
}

//! The columns of a dataset, and what becomes of them when the source changes.
//!
//! | change              | what happens                                                             |
//! |---------------------|--------------------------------------------------------------------------|
//! | none                | the version stays                                                        |
//! | a column came       | 1.0 becomes 1.1: files of before are read with nulls                     |
//! | a column went       | noted (`gone_since`): files from now on lack it and are read with nulls  |
//! | a column changed    | `Kind::Schema`, nothing is written; `accept_schema` makes it 2.0         |
//!
//! Every change of a type holds the feed, widenings included: readers do not agree on how files of INTEGER and BIGINT,
//! or of two DECIMAL precisions, are read as one dataset. Pure.

use arrow::datatypes::SchemaRef;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::lake::manifest::metadata::ColumnInfo;
use crate::{Error, Kind, Result};

/// Names that are folders of the lake and so cannot be columns.
const FOLDERS: [&str; 5] = ["year", "month", "day", "hour", "version"];

/// The columns of the batches of one run.
#[derive(Debug, Clone)]
pub struct TableSchema {
    /// Arrow schema of every batch, with ROWTIME, ROWPARTITION and ROWOFFSET for streams.
    pub arrow: SchemaRef,
    /// The schema as ksqlDB spells it; it goes into each footer.
    pub ksql: String,
    /// Lake name and ksqlDB type of the columns of `arrow`; the pseudo columns may be left out.
    pub columns_types: Vec<(String, String)>,
}

/// The run that writes.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// The run's id, unique: eight letters and digits of it go into the names of its files.
    pub id: String,
    /// When it began.
    pub started: DateTime<Utc>,
    /// How the source is read: `kafka`, `offsets`, `idle` or `table`.
    pub read_mode: String,
    /// The source as ksqlDB names it.
    pub source: String,
    /// The server, without credentials.
    pub server: String,
}

/// A column that came, went or came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnChange {
    /// The column's name in the files.
    pub name: String,
    /// The column's type as ksqlDB spells it.
    pub ksql_type: String,
    /// What became of it.
    pub what: Change,
    /// For one that came, or went: the schema version with which it did; for one that came back: the one that first had it.
    pub schema_version: String,
}

/// What became of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Files from now on have it, and those of before are read with nulls.
    Came,
    /// Files from now on lack it, and are read with nulls.
    Went,
    /// Files from now on have it again.
    CameBack,
}

impl std::fmt::Display for ColumnChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, ksql_type, schema_version, .. } = self;
        match self.what {
            Change::Came => write!(
                f,
                "column {name} {ksql_type} came: schema {schema_version}, and rows of before have null in it"
            ),
            Change::Went => write!(
                f,
                "column {name} {ksql_type} is gone from the source: schema {schema_version}, and rows from now on have null in it"
            ),
            Change::CameBack => {
                write!(f, "column {name} {ksql_type} is back, known since schema {schema_version}")
            }
        }
    }
}

/// The columns and the version after `now` has been seen by a run that began at `at`, or `Kind::Schema` with the
/// difference.
pub(crate) fn evolve(
    known: &[ColumnInfo],
    version: &str,
    now: &[[String; 3]],
    at: Option<DateTime<Utc>>,
) -> Result<(Vec<ColumnInfo>, String)> {
    let changed: Vec<String> = now
        .iter()
        .filter_map(|[name, ksql_type, arrow_type]| {
            let old = known.iter().find(|column| column.name == *name)?;
            // ksqlDB's type decides; Arrow's text also tells how the members of a list are named, which is no change.
            let same = if old.ksql_type.is_empty() || ksql_type.is_empty() {
                old.arrow_type == *arrow_type
            } else {
                old.ksql_type == *ksql_type
            };
            (!same).then(|| format!("{name} was {} and is {ksql_type}", old.ksql_type))
        })
        .collect();
    if !changed.is_empty() {
        return Err(Error::new(
            Kind::Schema,
            format!("the type of a column changed, and readers cannot bridge it: {}", changed.join("; ")),
        )
        .at("schema version", version)
        .next(
            "nothing is written; look at the difference, then take it with `lakehand feeds accept-schema`",
        ));
    }
    let came = |column: &&[String; 3]| !known.iter().any(|old| old.name == column[0]);
    let next = if known.is_empty() || !now.iter().any(|column| came(&column)) {
        version.to_owned()
    } else {
        let (major, minor) = parse_version(version);
        format!("{major}.{}", minor + 1)
    };
    let mut columns: Vec<ColumnInfo> = known
        .iter()
        .map(|old| {
            let here = now.iter().any(|[name, ..]| *name == old.name);
            let (gone_since, gone_at) = match (here, &old.gone_since) {
                (true, _) => (None, None),
                (false, None) => (Some(next.clone()), at),
                (false, Some(since)) => (Some(since.clone()), old.gone_at),
            };
            ColumnInfo { gone_since, gone_at, ..old.clone() }
        })
        .collect();
    columns.extend(now.iter().filter(came).map(|column| info(column, &next, at)));
    Ok((columns, next))
}

/// The columns and the version after `now` has been accepted as a new beginning at that time.
pub(crate) fn accept(version: &str, now: &[[String; 3]], at: DateTime<Utc>) -> (Vec<ColumnInfo>, String) {
    let next = format!("{}.0", parse_version(version).0 + 1);
    (now.iter().map(|column| info(column, &next, Some(at))).collect(), next)
}

/// What a commit changes of the columns; nothing when it is the first.
pub(crate) fn changes(before: &[ColumnInfo], after: &[ColumnInfo]) -> Vec<ColumnChange> {
    if before.is_empty() {
        return Vec::new();
    }
    let change = |column: &ColumnInfo| {
        let old = before.iter().find(|old| old.name == column.name);
        let (what, version) = match (old.map(|old| old.gone_since.is_some()), &column.gone_since) {
            (None, _) => (Change::Came, &column.since),
            (Some(false), Some(gone)) => (Change::Went, gone),
            (Some(true), None) => (Change::CameBack, &column.since),
            _ => return None,
        };
        Some(ColumnChange {
            name: column.name.clone(),
            ksql_type: column.ksql_type.clone(),
            what,
            schema_version: version.clone(),
        })
    };
    after.iter().filter_map(change).collect()
}

pub(crate) fn info(
    [name, ksql_type, arrow_type]: &[String; 3],
    since: &str,
    at: Option<DateTime<Utc>>,
) -> ColumnInfo {
    ColumnInfo {
        name: name.clone(),
        ksql_type: ksql_type.clone(),
        arrow_type: arrow_type.clone(),
        since: since.to_owned(),
        since_at: at,
        gone_since: None,
        gone_at: None,
    }
}

/// `1.12` as two numbers that compare.
pub(crate) fn parse_version(version: &str) -> (u64, u64) {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    (major.parse().unwrap_or(1), minor.parse().unwrap_or(0))
}

/// Refuses columns that are named as a folder is: readers take the folder's value for the column's, or fail.
pub(crate) fn refuse_folder_names(schema: &SchemaRef) -> Result<()> {
    for field in schema.fields() {
        if FOLDERS.iter().any(|folder| field.name().eq_ignore_ascii_case(folder)) {
            let name = field.name();
            return Err(Error::new(Kind::Feed, "a column is named like a folder of the lake")
                .at("column", name)
                .next(format!(
                    "give it another name in the feed: \"rename\": {{\"{name}\": \"CAL_{name}\"}}"
                )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(list: &[(&str, &str)]) -> Vec<[String; 3]> {
        list.iter().map(|(n, t)| [(*n).to_owned(), (*t).to_owned(), format!("arrow {t}")]).collect()
    }

    #[test]
    fn columns_come_and_go_and_come_back() {
        let (known, version) =
            evolve(&[], "1.0", &columns(&[("A", "INTEGER"), ("B", "STRING")]), None).unwrap();
        assert_eq!(version, "1.0");
        let (known, version) =
            evolve(&known, &version, &columns(&[("A", "INTEGER"), ("C", "DOUBLE")]), None).unwrap();
        assert_eq!(version, "1.1");
        let states: Vec<_> =
            known.iter().map(|c| (c.name.as_str(), c.since.as_str(), c.gone_since.as_deref())).collect();
        assert_eq!(states, [("A", "1.0", None), ("B", "1.0", Some("1.1")), ("C", "1.1", None)]);
        let (known, version) =
            evolve(&known, &version, &columns(&[("A", "INTEGER"), ("B", "STRING"), ("C", "DOUBLE")]), None)
                .unwrap();
        assert_eq!((version.as_str(), known[1].gone_since.as_deref()), ("1.1", None));
    }

    #[test]
    fn a_type_that_changes_holds_until_accepted() {
        let (known, _) = evolve(&[], "1.9", &columns(&[("A", "INTEGER")]), None).unwrap();
        let error = evolve(&known, "1.9", &columns(&[("A", "BIGINT")]), None).unwrap_err();
        assert_eq!(error.kind(), Kind::Schema);
        assert!(error.to_string().contains("A was INTEGER and is BIGINT"), "{error}");
        let (known, version) = accept("1.9", &columns(&[("A", "BIGINT")]), DateTime::UNIX_EPOCH);
        assert_eq!((version.as_str(), known[0].since.as_str()), ("2.0", "2.0"));
        assert_eq!(
            evolve(&known, "2.0", &columns(&[("A", "BIGINT"), ("B", "DATE")]), None).unwrap().1,
            "2.1"
        );
    }
}

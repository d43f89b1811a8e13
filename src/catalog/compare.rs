//! What differs between the partitions and columns that a catalogue holds and those that it is to hold. Pure.

use std::collections::BTreeMap;

use super::{COMMIT, ColumnDef, HeldTable, PartitionChange, PartitionDef, TableDef, TableKind};

/// One thing in which a catalogue differs from the lake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The table is not there.
    NoTable,
    /// Another program made a table of this name, or it shows another dataset.
    Foreign(String),
    /// The table's files are said to be elsewhere.
    TableLocation {
        /// Where the catalogue says.
        held: String,
        /// Where they are.
        wanted: String,
    },
    /// A column is not there, or has another type.
    Column(String),
    /// The partition columns are others.
    PartitionColumns,
    /// A partition is not there.
    Missing(String),
    /// A partition is there that the dataset does not have.
    Extra(String),
    /// A partition is said to be elsewhere.
    Location {
        /// The partition.
        partition: String,
        /// Where the catalogue says.
        held: String,
        /// Where it is.
        wanted: String,
    },
    /// A partition has other counts.
    Counts(String),
    /// A parameter of the table has another value.
    Parameter(String),
}

impl Difference {
    /// The word in `--json`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoTable => "no-table",
            Self::Foreign(_) => "foreign-table",
            Self::TableLocation { .. } => "table-location",
            Self::Column(_) => "column",
            Self::PartitionColumns => "partition-columns",
            Self::Missing(_) => "missing-partition",
            Self::Extra(_) => "extra-partition",
            Self::Location { .. } => "partition-location",
            Self::Counts(_) => "partition-counts",
            Self::Parameter(_) => "parameter",
        }
    }

    /// What it is, in a sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::NoTable => "the table is not there".to_owned(),
            Self::Foreign(what) | Self::Column(what) | Self::Parameter(what) => what.clone(),
            Self::TableLocation { held, wanted } => {
                format!("the table is said to be at {held}, and is at {wanted}")
            }
            Self::PartitionColumns => "the partition columns are not those of the dataset".to_owned(),
            Self::Missing(partition) => format!("partition {partition} is not there"),
            Self::Extra(partition) => {
                format!("partition {partition} is there, and the dataset has none such")
            }
            Self::Location { partition, held, wanted } => {
                format!("partition {partition} is said to be at {held}, and is at {wanted}")
            }
            Self::Counts(partition) => {
                format!("partition {partition} has other counts of rows, files or bytes")
            }
        }
    }
}

fn by_values(partitions: &[PartitionDef]) -> BTreeMap<&[String], &PartitionDef> {
    partitions.iter().map(|partition| (partition.values.as_slice(), partition)).collect()
}

/// What makes `known` into `wanted`, in the order of the values.
pub fn changes(known: &[PartitionDef], wanted: &[PartitionDef]) -> Vec<PartitionChange> {
    let (held, want) = (by_values(known), by_values(wanted));
    let mut changes: Vec<_> = held
        .keys()
        .filter(|values| !want.contains_key(*values))
        .map(|values| PartitionChange::Drop(values.to_vec()))
        .collect();
    for (values, partition) in want {
        match held.get(values) {
            None => changes.push(PartitionChange::Add(partition.clone())),
            Some(known) if !is_same(known, partition) => {
                changes.push(PartitionChange::Alter(partition.clone()));
            }
            Some(_) => {}
        }
    }
    changes
}

fn is_same(held: &PartitionDef, wanted: &PartitionDef) -> bool {
    let counts = |p: &PartitionDef| (p.rows, p.files, p.bytes);
    is_same_place(&held.location, &wanted.location) && counts(held) == counts(wanted)
}

/// `file:/x` and `file:///x` are one place, as are both with a slash at the end: Hadoop writes each of them.
fn is_same_place(a: &str, b: &str) -> bool {
    fn plain(url: &str) -> (&str, &str) {
        let url = url.trim_end_matches('/');
        let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
        (scheme, if scheme == "file" { rest.trim_start_matches('/') } else { rest })
    }
    plain(a) == plain(b)
}

/// What differs, for a table that is there, is of this dataset, and has these partitions.
pub fn compare(
    table: &TableDef,
    wanted: &[PartitionDef],
    held: &HeldTable,
    partitions: &[PartitionDef],
) -> Vec<Difference> {
    let mut found = Vec::new();
    if !is_same_place(&held.location, &table.location) {
        found.push(Difference::TableLocation { held: held.location.clone(), wanted: table.location.clone() });
    }
    found.extend(columns(table, held));
    if !same_names(&table.partition_columns, &held.partition_columns) {
        found.push(Difference::PartitionColumns);
    }
    // Counts of the whole are told beside the commit, and go with it.
    let names = |name: &&String| name.as_str() == COMMIT || name.as_str() == "metadata_location";
    for name in table.parameters.keys().filter(names) {
        let (held, wanted) = (held.parameters.get(name), &table.parameters[name]);
        if held != Some(wanted) {
            let held = held.map_or("not there", String::as_str);
            found.push(Difference::Parameter(format!("{name} is {held} instead of {wanted}")));
        }
    }
    for change in changes(partitions, wanted) {
        found.push(match change {
            PartitionChange::Add(p) => Difference::Missing(label(table, &p.values)),
            PartitionChange::Drop(values) => Difference::Extra(label(table, &values)),
            PartitionChange::Alter(wanted) => {
                let held = partitions.iter().find(|held| held.values == wanted.values);
                let partition = label(table, &wanted.values);
                match held {
                    Some(held) if !is_same_place(&held.location, &wanted.location) => Difference::Location {
                        partition,
                        held: held.location.clone(),
                        wanted: wanted.location,
                    },
                    _ => Difference::Counts(partition),
                }
            }
        });
    }
    found
}

fn columns(table: &TableDef, held: &HeldTable) -> Vec<Difference> {
    // Readers of a Delta table take the columns from its log, and some empty them in the catalogue.
    if table.kind == TableKind::Delta {
        return Vec::new();
    }
    let known = |column: &ColumnDef| held.columns.iter().find(|known| known.name == column.name);
    let differs = |column: &ColumnDef| match known(column) {
        None => Some(format!("column {} is not there", column.name)),
        Some(known) if known.hive_type != column.hive_type => {
            Some(format!("column {} is {} instead of {}", column.name, known.hive_type, column.hive_type))
        }
        Some(_) => None,
    };
    table.columns.iter().filter_map(differs).map(Difference::Column).collect()
}

pub(crate) fn same_names(a: &[ColumnDef], b: &[ColumnDef]) -> bool {
    let key = |column: &ColumnDef| (column.name.clone(), column.hive_type.clone());
    a.iter().map(key).eq(b.iter().map(key))
}

/// `year=2025/month=01`, as Hive names a partition.
pub(crate) fn label(table: &TableDef, values: &[String]) -> String {
    partition_name(table.partition_columns.iter().map(|column| column.name.as_str()), values)
}

/// The name of a partition by the names of its columns.
pub(crate) fn partition_name<'n>(names: impl Iterator<Item = &'n str>, values: &[String]) -> String {
    let parts: Vec<_> = names.zip(values).map(|(name, value)| format!("{name}={value}")).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(value: &str, rows: u64, location: &str) -> PartitionDef {
        PartitionDef {
            values: vec![value.to_owned()],
            location: location.to_owned(),
            rows,
            files: 1,
            bytes: rows * 10,
        }
    }

    #[test]
    fn changes_make_the_one_into_the_other() {
        let known = [day("01", 1, "file:/a/01"), day("02", 2, "file:///a/02/"), day("03", 3, "file:///a/03")];
        let wanted =
            [day("02", 2, "file:///a/02"), day("03", 4, "file:///a/03"), day("04", 5, "file:///a/04")];
        assert_eq!(
            changes(&known, &wanted),
            [
                PartitionChange::Drop(vec!["01".to_owned()]),
                PartitionChange::Alter(wanted[1].clone()),
                PartitionChange::Add(wanted[2].clone()),
            ]
        );
        assert_eq!(changes(&wanted, &wanted), []);
    }

    #[test]
    fn places_are_one_whatever_the_spelling() {
        assert!(is_same_place("file:/a/b", "file:///a/b/"));
        assert!(!is_same_place("file:///a/b", "file:///a/c"));
        assert!(!is_same_place("s3://a/b", "s3:///a/b"));
        assert!(!is_same_place("s3://a/b", "file:///a/b"));
    }
}

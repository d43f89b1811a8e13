//! A dataset as a table of a catalogue: from what its metadata says, and from nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::catalog::{COMMIT, ColumnDef, OWNER, PartitionDef, TableDef, TableKind};
use crate::error::{Error, Kind, Result};
use crate::feed::partition_path::{spelt, version_of};
use crate::feed::{Feed, Register, TableFormat};
use crate::hash::ContentHash;
use crate::lake::{Metadata, PartitionInfo};
use crate::reading::hive_type;

/// The longest comment of a column that metastores keep.
const COMMENT: usize = 250;

/// A dataset as it is to be in a catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The table.
    pub table: TableDef,
    /// Its partitions, sorted by their folders.
    pub partitions: Vec<PartitionDef>,
    /// Days with rows in both tiers, of which a catalogue can show those of the cold one alone.
    pub in_two_places: Vec<String>,
}

impl Described {
    /// A hash of everything that is said of the table, its commit left out.
    pub(super) fn definition(&self) -> ContentHash {
        let mut table = self.table.clone();
        table.parameters.remove(COMMIT);
        ContentHash::of(format!("{table:?}").as_bytes())
    }
}

/// The name of the feed's table: that of its dataset, in the letters that catalogues take.
pub(super) fn table_name(feed: &Feed) -> String {
    feed.dataset().replace('-', "_")
}

/// The folder of the dataset as a URL, by which its table is known.
pub(super) fn folder_url(dir: &Path) -> Result<String> {
    let path = std::path::absolute(dir).map_err(|e| Error::io("find the dataset's folder", dir, e))?;
    let text = path.to_str().ok_or_else(|| {
        Error::new(Kind::Refused, "the lake's path is no text, and a catalogue names it")
            .at("folder", dir.display())
            .next("give the lake another name, or take \"catalog\" out of the feed")
    })?;
    Ok(format!("file://{text}"))
}

/// Where the files of a partition are: in its folder, or where the cold tier has them. A catalogue has one place for a partition: where
/// late rows came to a day whose local copies are gone, that is the one of the cold tier.
fn location_of(folder: &str, partition: &PartitionInfo) -> String {
    match &partition.cold {
        Some(cold) if cold.files == partition.files || is_in_two_places(partition) => cold.url.clone(),
        _ => format!("{folder}/{}", partition.path),
    }
}

/// Its files are in two places, of which a catalogue can name one.
fn is_in_two_places(partition: &PartitionInfo) -> bool {
    let part = |cold: &crate::lake::ColdPart| {
        cold.files < partition.files && partition.local_files() < partition.files
    };
    partition.cold.as_ref().is_some_and(part)
}

/// The table that the dataset in `dir` is; `None` as long as it holds nothing.
///
/// # Errors
/// `Kind::Refused` for columns that no catalogue can hold.
pub(super) fn describe(
    feed: &Feed,
    dir: &Path,
    metadata: &Metadata,
    register: Register,
) -> Result<Option<Described>> {
    let folder = folder_url(dir)?;
    let held: Vec<_> = metadata.partitions.iter().filter(|partition| partition.files > 0).collect();
    let current = metadata.current_version;
    let is_table = metadata.kind == "table";
    let shown: Vec<_> =
        held.into_iter().filter(|partition| !is_table || version_of(&partition.path) == current).collect();
    if metadata.columns.is_empty() || shown.is_empty() {
        return Ok(None);
    }
    let (kind, metadata_location) = kind_of(feed, metadata, register);
    let mut parameters = BTreeMap::from([
        (OWNER.to_owned(), folder.clone()),
        (COMMIT.to_owned(), metadata.commit_seq.to_string()),
    ]);
    let sum = |of: fn(&PartitionInfo) -> u64| shown.iter().map(|partition| of(partition)).sum();
    parameters.extend(crate::catalog::counts(sum(|p| p.records), sum(|p| p.files), sum(|p| p.bytes)));
    let mut add = |name: &str, value: &str| drop(parameters.insert(name.to_owned(), value.to_owned()));
    match kind {
        TableKind::Parquet => add("classification", "parquet"),
        TableKind::Iceberg => {
            add("table_type", "ICEBERG");
            add("metadata_location", &metadata_location.unwrap_or_default());
        }
        TableKind::Delta => add("spark.sql.sources.provider", "delta"),
    }
    let is_partitioned = kind == TableKind::Parquet && !is_table;
    let location = match (kind, shown.as_slice()) {
        (TableKind::Iceberg, _) => {
            metadata.iceberg.as_ref().map_or(folder.clone(), |t| format!("file://{}", t.location))
        }
        (TableKind::Parquet, [version]) if is_table => location_of(&folder, version),
        _ => folder.clone(),
    };
    let table = TableDef {
        name: table_name(feed),
        kind,
        location,
        columns: columns(metadata)?,
        partition_columns: if is_partitioned { partition_columns(metadata) } else { Vec::new() },
        description: feed.description.clone(),
        parameters,
    };
    let partition = |info: &&PartitionInfo| {
        let part = info.cold.as_ref().filter(|_| is_in_two_places(info));
        let whole = (info.records, info.files, info.bytes);
        let (rows, files, bytes) = part.map_or(whole, |cold| (cold.records, cold.files, cold.bytes));
        let values = spelt(&info.path).into_iter().map(|(_, value)| value).collect();
        PartitionDef { values, location: location_of(&folder, info), rows, files, bytes }
    };
    let partitions = if is_partitioned { shown.iter().map(partition).collect() } else { Vec::new() };
    let split = shown.iter().filter(|info| is_partitioned && is_in_two_places(info));
    let in_two_places = split.map(|info| info.path.clone()).collect();
    Ok(Some(Described { table, partitions, in_two_places }))
}

/// How the dataset is registered, and the file of an Iceberg table's metadata. A format whose log is not written yet is none.
fn kind_of(feed: &Feed, metadata: &Metadata, register: Register) -> (TableKind, Option<String>) {
    let wanted = match register {
        Register::Auto => feed.table_format.first().copied(),
        Register::Parquet => None,
        Register::Iceberg => Some(TableFormat::Iceberg),
        Register::Delta => Some(TableFormat::Delta),
    };
    let wanted = wanted.filter(|format| feed.table_format.contains(format));
    match wanted {
        Some(TableFormat::Iceberg) => {
            match metadata.iceberg.as_ref().and_then(crate::lake::IcebergTable::metadata_location) {
                Some(file) => (TableKind::Iceberg, Some(file)),
                None => (TableKind::Parquet, None),
            }
        }
        Some(TableFormat::Delta) if metadata.delta.is_some() => (TableKind::Delta, None),
        _ => (TableKind::Parquet, None),
    }
}

/// The columns of the files. Catalogues keep names in lower case, and readers find the files' columns by them.
fn columns(metadata: &Metadata) -> Result<Vec<ColumnDef>> {
    let mut names = BTreeSet::new();
    let mut columns = Vec::new();
    for column in &metadata.columns {
        let refused = |what: &str, next: &str| {
            Err(Error::new(Kind::Refused, what.to_owned())
                .at("column", &column.name)
                .at("type", &column.arrow_type)
                .next(next))
        };
        let name = column.name.to_lowercase();
        if name.contains([',', '\n', '\t']) {
            return refused(
                "no catalogue takes the name of a column",
                "give it another one in the feed, with \"rename\"",
            );
        }
        let Some(hive_type) = hive_type(&column.arrow_type) else {
            return refused(
                "the type of a column has no name in a catalogue",
                "write it as text (\"types\" in the feed), rename its inner fields, or leave it out (\"exclude_columns\")",
            );
        };
        if !names.insert(name.clone()) {
            return refused(
                "two columns differ in upper and lower case alone, which catalogues do not tell apart",
                "give one of them another name in the feed, with \"rename\"",
            );
        }
        let comment = match (&column.ksql_type, &column.gone_since) {
            (ksql, None) => ksql.clone(),
            (ksql, Some(gone)) => format!("gone from the source since schema {gone}; {ksql}"),
        };
        columns.push(ColumnDef { name, hive_type, comment: comment.chars().take(COMMENT).collect() });
    }
    Ok(columns)
}

/// Text, since the folders' spelling is kept: `01`.
fn partition_columns(metadata: &Metadata) -> Vec<ColumnDef> {
    let column = |name: &String| ColumnDef {
        name: name.to_lowercase(),
        hive_type: "string".to_owned(),
        comment: format!("the {name} as text, with its zeros"),
    };
    metadata.partition_columns.iter().map(column).collect()
}

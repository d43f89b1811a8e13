//! Catalogues in which datasets are tables: Hive Metastore and AWS Glue. What a dataset is comes in as values; nothing here knows
//! the lake.
//!
//! ```text
//! TableDef, Changes ─▶ Catalog::publish ─┬─ hive   its calls, binary Thrift over TCP or TLS
//!   (what is wanted)                     └─ glue   JSON requests, signed
//! what is held      ◀─ Catalog::table, Catalog::partitions ─▶ compare: what differs (pure)
//! ```
//!
//! To publish is idempotent: a table or partition that is there already is altered, one that is gone already is not missed. A table
//! of this name that somebody else made is never touched. Data is never removed: neither with a partition nor with a table.
//! The calls block, for as long as the limits of time say.

mod compare;
pub mod glue;
pub mod hive;

use std::collections::BTreeMap;

pub use compare::{Difference, changes, compare};

use crate::error::{Error, Kind, Result};

/// The parameter by which a table of ours is known: the dataset's folder, as a URL.
pub const OWNER: &str = "lakehand.dataset";
/// The parameter that tells which commit of the dataset the table shows.
pub const COMMIT: &str = "lakehand.commit_seq";

/// A column, as Hive spells its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDef {
    /// Its name, in lower case, as catalogues keep it.
    pub name: String,
    /// `bigint`, `struct<a:int>`.
    pub hive_type: String,
    /// What it is, in words.
    pub comment: String,
}

/// How a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// Parquet files in folders.
    Parquet,
    /// An Iceberg table, by the file of its metadata.
    Iceberg,
    /// A Delta table, by its log.
    Delta,
}

/// A table as a catalogue is to hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDef {
    /// Its name.
    pub name: String,
    /// How it is read.
    pub kind: TableKind,
    /// Where its files are, as a URL.
    pub location: String,
    /// The columns of its files, new ones last.
    pub columns: Vec<ColumnDef>,
    /// The columns that are folders, outermost first; none where it has no partitions.
    pub partition_columns: Vec<ColumnDef>,
    /// What it is, in words; may be empty.
    pub description: String,
    /// What is said of it beside: [`OWNER`], [`COMMIT`], counts. Others that the catalogue holds stay.
    pub parameters: BTreeMap<String, String>,
}

impl TableDef {
    /// The same without its commit: a table whose partitions are still to come.
    pub(crate) fn unfinished(&self) -> Self {
        let mut table = self.clone();
        table.parameters.remove(COMMIT);
        table
    }

    /// The dataset that it shows.
    pub fn owner(&self) -> &str {
        self.parameters.get(OWNER).map_or("", String::as_str)
    }
}

/// A partition as a catalogue is to hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionDef {
    /// The values of the partition columns, spelt as the folders are: `01`.
    pub values: Vec<String>,
    /// Where its files are, as a URL.
    pub location: String,
    /// Rows.
    pub rows: u64,
    /// Files.
    pub files: u64,
    /// Size, bytes.
    pub bytes: u64,
}

/// What becomes of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartitionChange {
    /// It is new.
    Add(PartitionDef),
    /// It lies elsewhere, or has other counts.
    Alter(PartitionDef),
    /// It is gone; its values.
    Drop(Vec<String>),
}

/// What a table's partitions have to become.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The commit that the table shows if nothing else happened since it was published last; `None`: it was looked at just now.
    pub known: Option<u64>,
    /// Since it was published last.
    pub since: Vec<PartitionChange>,
    /// All that it has, for a table that is not there (any more), or has to be made anew.
    pub all: Vec<PartitionDef>,
}

/// A table as a catalogue holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTable {
    /// The columns of its files.
    pub columns: Vec<ColumnDef>,
    /// The columns that are folders.
    pub partition_columns: Vec<ColumnDef>,
    /// Where its files are.
    pub location: String,
    /// Its description.
    pub description: String,
    /// What is said of it beside.
    pub parameters: BTreeMap<String, String>,
}

impl HeldTable {
    /// The dataset of ours that it shows; `None`: somebody else made it.
    pub fn owner(&self) -> Option<&str> {
        self.parameters.get(OWNER).map(String::as_str)
    }

    /// It shows another commit than the one that is known of it, or is not whole: it was made, and not all of its partitions.
    pub(crate) fn is_unknown(&self, known: Option<u64>) -> bool {
        let shown = self.parameters.get(COMMIT).and_then(|text| text.parse().ok());
        known.is_some() && shown != known
    }

    /// Refuses a table that is not that of the dataset `owner`.
    ///
    /// # Errors
    /// `Kind::Refused`, with what to do.
    pub fn check_owner(&self, catalogue: &str, database: &str, table: &str, owner: &str) -> Result<()> {
        let what = match self.owner() {
            Some(held) if held == owner => return Ok(()),
            Some(held) => format!("the table belongs to another dataset, {held}"),
            None => "there is a table of this name that lakehand did not make".to_owned(),
        };
        Err(Error::new(Kind::Refused, format!("{what}, and it is left as it is"))
            .at("table", format!("{database}.{table}"))
            .at("catalogue", catalogue)
            .next(format!(
                "drop or rename that table with its own tools, or name another database in catalog.{catalogue}.database"
            )))
    }
}

/// What became of the table itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It was made.
    New,
    /// It had to be dropped and made again, as the catalogue cannot alter it so.
    Again,
    /// It was altered.
    Altered,
    /// It shows another commit than the one that was [known](Changes::known), so that it is not known what it holds: nothing was done.
    Unknown,
}

/// A catalogue. Calls block; every error is one of the catalogue alone.
pub trait Catalog: Send + Sync {
    /// `hive` or `glue`
    fn name(&self) -> &'static str;
    /// The database in which the tables are.
    fn database(&self) -> &str;
    /// Which catalogue it is, without credentials: what was published to another one says nothing of this one.
    fn target(&self) -> String;
    /// Makes the table what it is to be: it is made or altered, then its partitions are.
    ///
    /// # Errors
    /// `Kind::Refused` where somebody else made a table of this name; those of the network.
    fn publish(&self, table: &TableDef, changes: &Changes) -> Result<Made>;
    /// The table that is held under this name.
    ///
    /// # Errors
    /// Those of the network.
    fn table(&self, name: &str) -> Result<Option<HeldTable>>;
    /// The partitions of a table, in no order.
    ///
    /// # Errors
    /// Those of the network.
    fn partitions(&self, name: &str) -> Result<Vec<PartitionDef>>;
    /// Drops the table of the dataset `owner`, and no data; false when there is none.
    ///
    /// # Errors
    /// `Kind::Refused` where it is not of this dataset; those of the network.
    fn drop_table(&self, name: &str, owner: &str) -> Result<bool>;
    /// Looks whether the catalogue is there and lets us in: what it says, in words.
    ///
    /// # Errors
    /// Why not.
    fn check(&self) -> Result<String>;
}

/// The parameters that say how many rows, files and bytes there are.
pub(crate) fn counts(rows: u64, files: u64, bytes: u64) -> [(String, String); 3] {
    [("numRows", rows), ("numFiles", files), ("totalSize", bytes)]
        .map(|(name, value)| (name.to_owned(), value.to_string()))
}

/// A count that a catalogue holds as text.
pub(crate) fn count_of(parameters: &BTreeMap<String, String>, name: &str) -> u64 {
    parameters.get(name).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Input format, output format and serde of a table's files, as Hive names them.
pub(crate) fn formats(kind: TableKind) -> [&'static str; 3] {
    match kind {
        TableKind::Parquet => [
            "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        ],
        // Readers go by the parameters: what stands here says only that Hive itself cannot read it.
        TableKind::Iceberg | TableKind::Delta => [
            "org.apache.hadoop.mapred.FileInputFormat",
            "org.apache.hadoop.mapred.FileOutputFormat",
            "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        ],
    }
}

/// What the serde of a table is told.
pub(crate) fn serde_parameters(table: &TableDef) -> Vec<(&'static str, String)> {
    let mut parameters = vec![("serialization.format", "1".to_owned())];
    if table.kind == TableKind::Delta {
        // Spark takes the place of such a table from here.
        parameters.push(("path", table.location.clone()));
    }
    parameters
}

//! What the lake holds, as one value: all that the code depends on.

use crate::feed::{FeedKind, PartitionPath};

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The feed's name.
    pub feed: String,
    /// The dataset's name: that of its folder.
    pub name: String,
    /// Stream or table.
    pub kind: FeedKind,
    /// The dataset's folder, without a slash at the end; absolute, so that the code runs anywhere on the machine.
    pub folder: String,
    /// Streams: the names of the folders' columns, outermost first: a beginning of year, month, day, hour.
    pub partition_columns: Vec<String>,
    /// The columns of the files, those that the source no longer has included.
    pub columns: Vec<Column>,
    /// Tables: the version to read.
    pub current_version: Option<u32>,
    /// Where the metadata lies.
    pub metadata: MetadataPlace,
    /// Rows: of the stream, or of the current version of the table.
    pub rows: u64,
    /// Streams: the paths of the first and the last partition below the folder.
    pub span: Option<(String, String)>,
    /// `1.1`
    pub schema_version: String,
    /// What lies in the cold tier, where some of it does.
    pub tiers: Option<super::Tiers>,
    /// Streams: the zone in which a day begins, and the column that gives its time (`None` is ROWTIME).
    pub days: Option<(String, Option<String>)>,
}

/// A column of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// The column's type, as the crate `arrow` spells it.
    pub arrow_type: String,
    /// The schema version that brought it.
    pub since: String,
    /// The schema version under which the source was first seen without it.
    pub gone_since: Option<String>,
}

/// Where the metadata of a dataset lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataPlace {
    /// `_metadata.json` in the dataset's folder, which some engines take for data.
    InFolder,
    /// Not in the dataset's folder: it can be read as it is.
    Apart,
}

/// The columns that lakehand adds to each row of a stream.
pub(super) const ROW_METADATA: [&str; 3] = ["ROWTIME", "ROWPARTITION", "ROWOFFSET"];

impl Dataset {
    /// Files of the dataset may differ in their columns: one came or went, or a change of types was accepted.
    pub(super) fn has_evolved(&self) -> bool {
        let first = self.columns.first().map(|column| column.since.as_str());
        let differs = |column: &Column| Some(column.since.as_str()) != first || column.gone_since.is_some();
        self.changed_types() || self.columns.iter().any(differs)
    }

    /// A change of types was accepted: files of before may hold the old ones.
    pub(super) fn changed_types(&self) -> bool {
        !self.schema_version.starts_with("1.")
    }

    /// The columns of the rows' metadata that the dataset has.
    pub(super) fn row_metadata(&self) -> Vec<&'static str> {
        let has = |name: &&str| self.columns.iter().any(|column| column.name == *name);
        ROW_METADATA.into_iter().filter(has).collect()
    }

    /// The folder of a table's current version; that of a stream itself.
    pub fn data_folder(&self) -> String {
        match self.version() {
            Some(version) => format!("{}/{version}", self.folder),
            None => self.folder.clone(),
        }
    }

    /// Tables: the name of the current version's folder.
    fn version(&self) -> Option<String> {
        match self.kind {
            FeedKind::Stream => None,
            FeedKind::Table => Some(PartitionPath::Version(self.current_version.unwrap_or(1)).to_string()),
        }
    }

    /// A pattern for the folders that hold files, which no bookkeeping matches; `literal` writes the dataset's own folder
    /// so that the engine's patterns take it as it is.
    pub(super) fn leaf_folders(&self, literal: impl Fn(&str) -> String) -> String {
        let mut pattern = literal(&self.data_folder());
        for column in self.folder_columns() {
            pattern += &format!("/{column}=*");
        }
        pattern
    }

    /// A pattern for the files.
    pub(super) fn files(&self, literal: impl Fn(&str) -> String) -> String {
        self.leaf_folders(literal) + "/*.parquet"
    }

    /// The columns that folders give: none for a table, as one version is read.
    pub(super) fn folder_columns(&self) -> &[String] {
        match self.kind {
            FeedKind::Stream => &self.partition_columns,
            FeedKind::Table => &[],
        }
    }

    /// Each folder column written by `one`, with commas between them.
    pub(super) fn each_folder_column(&self, one: impl Fn(&str) -> String) -> String {
        self.folder_columns().iter().map(|column| one(column)).collect::<Vec<_>>().join(", ")
    }
}

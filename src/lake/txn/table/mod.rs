//! A dataset as a table of a table format: a log beside the data, written with each commit.
//!
//! ```text
//! entry        a transaction's actions become a log entry, which the intent carries        ◀ before the commit point
//! publish      new files get a second name below `_delta_files/`, then the entry gets the next free version
//! log          the log is read: its last checkpoint, and the entries behind it
//! sync         a log that is missing or behind is brought to what the dataset holds, by one entry
//! checkpoint   every hundredth version the state is written as one file, and what is too old goes
//! ```
//!
//! The log names hard links: `_delta_files/<path of the file>.delta`. A file that plain readers no longer see, as its day was
//! replaced or its version is old, is there for readers of the log until [`crate::lake::RetentionRules::grace`] is over; so each
//! version of the log can be read as long as it is in it, whatever the order in which folders change. The names do not end in
//! `.parquet`, so no glob finds a file twice. The links take no space of their own until the file has left the data.

mod checkpoint;
mod entry;
pub(crate) mod log;
mod publish;
mod sync;

use std::collections::BTreeMap;

use arrow::datatypes::DataType;

use crate::feed::TableFormat;
use crate::format::delta::{self, Identity};
use crate::format::{Bounds, Columns, TableFile};
use crate::lake::Dataset;
use crate::lake::fs::ContentHash;
use crate::lake::layout::{FILES, PartitionPath};
use crate::lake::manifest::column_stats::ColumnStats;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::manifest::table::DeltaTable;
use crate::{Error, Kind, Result};

pub(crate) use publish::LogEntry;
pub use sync::TableRemoved;

/// The ending of second names.
const ENDING: &str = ".delta";

impl Dataset {
    /// The feed wants the dataset to be a Delta table.
    pub(crate) fn is_delta(&self) -> bool {
        self.feed.table_format.contains(&TableFormat::Delta)
    }

    /// The id of a table that is made at `created`.
    fn new_table(&self, created: i64, columns: ContentHash) -> DeltaTable {
        let name = format!("{} {created} {}", self.dir().display(), self.metadata.created_at);
        let hex = ContentHash::of(name.as_bytes()).to_string();
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        // A UUID of version 8: its bits are our own.
        let id =
            format!("{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32));
        DeltaTable { id, created, version: None, checkpoint: None, columns }
    }

    fn identity(&self, table: &DeltaTable) -> Identity {
        let kind = if self.metadata.kind == "table" { "tables" } else { "streams" };
        Identity {
            id: table.id.clone(),
            dataset: format!("{kind}/{}", self.metadata.source),
            created: table.created,
        }
    }

    /// `Kind::Feed` when the files of `columns` (name, ksqlDB type, Arrow type) cannot be a table of the formats that the feed
    /// names; asked before the first byte is written.
    pub(crate) fn check_table_format(&self, columns: &[crate::lake::ColumnInfo]) -> Result<()> {
        if !self.is_delta() {
            return Ok(());
        }
        let next = Metadata { columns: columns.to_vec(), ..self.metadata.clone() };
        delta::schema_string(&columns_of(&next)?).map_err(|e| e.at("feed", &self.feed.name))?;
        self.check_links()
    }

    /// `Kind::Refused` where the file system gives a file no second name.
    fn check_links(&self) -> Result<()> {
        let staging = self.make_staging()?;
        if self.committer.fs.can_link(&staging)? {
            return Ok(());
        }
        Err(Error::new(
            Kind::Refused,
            "the file system has no hard links, which a Delta table of the lake needs",
        )
        .at("folder", self.dir().display())
        .next("take \"table_format\" out of the feed, or put the lake on another file system"))
    }
}

/// The columns of the table.
fn columns_of(metadata: &Metadata) -> Result<Columns> {
    let files = metadata.columns.iter().map(|column| {
        let data_type: DataType = column.arrow_type.parse().map_err(|_| {
            Error::new(
                Kind::Feed,
                format!("the type {} is spelt as an older version of the program did", column.arrow_type),
            )
            .at("column", &column.name)
            .next("`lakehand feeds accept-schema` records it anew")
        })?;
        Ok((column.name.clone(), data_type))
    });
    let is_table = metadata.kind == "table";
    Ok(Columns {
        files: files.collect::<Result<_>>()?,
        // A version is no value of a row: the log has versions of its own.
        partition: if is_table { Vec::new() } else { metadata.partition_columns.clone() },
    })
}

/// The second name of a data file, below the dataset.
pub(crate) fn second_name(path: &str) -> String {
    format!("{FILES}/{path}{ENDING}")
}

/// The data file of a second name.
pub(crate) fn first_name(path: &str) -> Option<&str> {
    path.strip_prefix(FILES)?.strip_prefix('/')?.strip_suffix(ENDING)
}

/// The file as the log names it; `None` where its folder is no partition of the table.
fn table_file(
    path: &str,
    bytes: u64,
    rows: Option<u64>,
    stats: Option<&ColumnStats>,
    columns: &Columns,
) -> Option<TableFile> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut partition: BTreeMap<String, u32> = PartitionPath::parse(folder)?.values().into_iter().collect();
    partition.retain(|name, _| columns.partition.contains(name));
    (partition.len() == columns.partition.len()).then_some(())?;
    let bounds = stats.into_iter().flat_map(|stats| &stats.0).map(|(name, known)| {
        (name.clone(), Bounds { nulls: known.nulls, min: known.min.clone(), max: known.max.clone() })
    });
    Some(TableFile { path: second_name(path), partition, bytes, rows, columns: bounds.collect() })
}

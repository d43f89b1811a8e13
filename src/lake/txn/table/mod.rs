//! A dataset as a table of table formats: metadata beside the data, written with each commit.
//!
//! ```text
//! changes      a transaction's actions become files that come and files that go          ◀ before the commit point
//! links        the second names by which a table's log names files
//! upkeep       a log that is missing or behind is brought to what the dataset holds; a table that is not wanted goes
//! delta/       Delta Lake: entry, publication, the log read, checkpoints
//! iceberg/     Apache Iceberg: the files of a version, their publication, snapshots that are too old
//! ```
//!
//! What a commit says to a table is made and staged before the intent, which carries it; it is published behind the moves. A
//! format knows nothing of the other one: each has its links, its history and its clean-up.

mod changes;
pub(crate) mod delta;
pub(crate) mod iceberg;
mod links;
mod upkeep;

use arrow::datatypes::DataType;

use crate::feed::TableFormat;
use crate::format::Columns;
use crate::hash::ContentHash;
use crate::lake::Dataset;
use crate::lake::manifest::metadata::Metadata;
use crate::{Error, Kind, Result};

pub(crate) use delta::publish::LogEntry;
pub(crate) use iceberg::publish::TableVersion;
pub(crate) use links::Links;
pub use upkeep::{TableMade, TableRemoved};

impl Dataset {
    /// The feed wants the dataset to be a table of this format.
    pub(crate) fn is_table_of(&self, format: TableFormat) -> bool {
        self.feed.table_format.contains(&format)
    }

    /// The id of a table that is made at `created`: a UUID of version 8, whose bits are our own.
    fn new_id(&self, format: TableFormat, created: i64) -> String {
        let name = match format {
            TableFormat::Delta => "",
            TableFormat::Iceberg => "iceberg ",
        };
        let name = format!("{name}{} {created} {}", self.dir().display(), self.metadata.created_at);
        let hex = ContentHash::of(name.as_bytes()).to_string();
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
    }

    /// The dataset's name in a table's metadata: `streams/payments`.
    fn table_name(&self) -> String {
        let kind = if self.metadata.kind == "table" { "tables" } else { "streams" };
        format!("{kind}/{}", self.metadata.source)
    }

    /// `Kind::Feed` when the files of `columns` (name, ksqlDB type, Arrow type) cannot be a table of the formats that the feed
    /// names; asked before the first byte is written.
    pub(crate) fn check_table_format(&self, columns: &[crate::lake::ColumnInfo]) -> Result<()> {
        if self.feed.table_format.is_empty() {
            return Ok(());
        }
        let next = Metadata { columns: columns.to_vec(), ..self.metadata.clone() };
        let columns = columns_of(&next)?;
        for format in &self.feed.table_format {
            let checked = match format {
                TableFormat::Delta => crate::format::delta::schema_string(&columns).map(|_| ()),
                TableFormat::Iceberg => {
                    crate::format::iceberg::check_columns(&columns).and_then(|()| self.location().map(|_| ()))
                }
            };
            checked.map_err(|e| e.at("feed", &self.feed.name))?;
        }
        self.check_links()
    }
}

impl Metadata {
    /// What the tables' logs say of the files is not known any more: the next start compares them.
    pub(crate) fn forget_tables(&mut self) {
        if let Some(table) = &mut self.delta {
            table.version = None;
        }
        if let Some(table) = &mut self.iceberg {
            table.version = None;
        }
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

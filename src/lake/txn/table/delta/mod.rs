//! A dataset as a Delta table: a log beside the data, written with each commit.
//!
//! ```text
//! entry        the changes become a log entry, which the intent carries        ◀ before the commit point
//! publish      new files get a second name below `_delta_files/`, then the entry gets the next free version
//! log          the log is read: its last checkpoint, and the entries behind it
//! sync         a log that is missing or behind is brought to what the dataset holds, by one entry
//! checkpoint   every hundred versions, or more in a large table, the state is written as one file; what is too old goes
//! ```

mod checkpoint;
mod entry;
pub(crate) mod log;
pub(crate) mod publish;
mod sync;

use crate::feed::TableFormat;
use crate::format::delta::Identity;
use crate::hash::ContentHash;
use crate::lake::Dataset;
use crate::lake::manifest::table::DeltaTable;

impl Dataset {
    /// The feed wants the dataset to be a Delta table.
    pub(crate) fn is_delta(&self) -> bool {
        self.is_table_of(TableFormat::Delta)
    }

    fn new_table(&self, created: i64, columns: ContentHash) -> DeltaTable {
        let id = self.new_id(TableFormat::Delta, created);
        DeltaTable { id, created, version: None, checkpoint: None, columns }
    }

    fn identity(&self, table: &DeltaTable) -> Identity {
        Identity { id: table.id.clone(), dataset: self.table_name(), created: table.created }
    }
}

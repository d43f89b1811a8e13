//! Tables whose log is missing or behind are brought up; and a table that is no longer wanted goes.

use chrono::{DateTime, Utc};

use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{FILES, ICEBERG, LOG, Room};
use crate::lake::txn::rebuild;
use crate::{Error, Kind, Result};

/// The newest versions of the tables that a dataset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableMade {
    /// Of the Delta table's log.
    pub delta: Option<u64>,
    /// Of the Iceberg table's metadata.
    pub iceberg: Option<u64>,
}

/// What was removed with a table format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableRemoved {
    /// Files of the log, and second names.
    pub files: u64,
    /// Bytes that only the table still had: files that had left the data.
    pub freed_bytes: u64,
}

impl Dataset {
    /// `Kind::Refused` where a stream's files are of two types: readers of a table expect one.
    pub(super) fn check_types(&self) -> Result<()> {
        if self.metadata.kind == "table" {
            return Ok(());
        }
        let Some((path, what)) = rebuild::of_other_types(&self.committer.places, &self.metadata)? else {
            return Ok(());
        };
        Err(Error::new(Kind::Refused, format!("files of one table have one type a column: {what}"))
            .at("file", path)
            .at("feed", &self.feed.name)
            .next(format!(
                "leave the feed plain Parquet, or `lakehand feeds reset {} --from-start` begins a dataset anew",
                self.feed.name
            )))
    }

    /// Brings the tables to what the dataset holds, where they are not known to be there. Gives what is to be told of it.
    /// `Kind::Refused` when somebody else's table lies in the folder, `Kind::Damaged` when a log cannot be read.
    pub(crate) fn sync_table(&mut self) -> Result<Option<String>> {
        self.sync_delta()?;
        self.sync_iceberg()
    }

    /// The same, whatever the metadata says of the logs.
    pub(crate) fn compare_log(&mut self) -> Result<()> {
        self.make_staging()?;
        self.metadata.forget_tables();
        self.sync_table().map(|_| ())
    }

    /// Makes the table of the formats that the feed names, without rewriting a file; gives their newest versions, where they have one.
    pub fn enable_table(&mut self) -> Result<TableMade> {
        self.recover_if_needed()?;
        Ok(TableMade {
            delta: self.metadata.delta.as_ref().and_then(|table| table.version),
            iceberg: self.metadata.iceberg.as_ref().and_then(|table| table.version),
        })
    }

    /// Removes logs and second names of the formats that the feed does not name; the data stays.
    pub fn remove_table(&mut self, now: DateTime<Utc>) -> Result<TableRemoved> {
        self.recover_if_needed()?;
        let mut removed = TableRemoved::default();
        let (is_delta, is_iceberg) = (self.is_delta(), self.is_iceberg());
        // The metadata first: a log that is half gone is not taken for one.
        let mut note = self.note(now);
        let next = note.metadata();
        next.delta = next.delta.take().filter(|_| is_delta);
        next.iceberg = next.iceberg.take().filter(|_| is_iceberg);
        note.commit()?;
        let delta = [LOG, FILES].into_iter().filter(|_| !is_delta);
        for name in delta.chain([ICEBERG].into_iter().filter(|_| !is_iceberg)) {
            let path = self.dir().join(name);
            if fs::is_real_dir(&path)? {
                let to = self.committer.places.room(Room::Staging).join(name);
                self.committer.fs.rename(&path, &to)?;
                self.committer.fs.sync_dir(self.dir())?;
                removed.freed_bytes += fs::only_names(&to)?;
                removed.files += self.committer.fs.remove_tree(&to)?.0;
            }
        }
        Ok(removed)
    }
}

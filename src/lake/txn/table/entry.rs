//! From the actions of a transaction to an entry of the table's log.

use std::collections::BTreeMap;

use super::checkpoint::is_due;
use super::{LogEntry, columns_of, table_file};
use crate::Result;
use crate::format::delta::{self, Entry};
use crate::format::{Columns, TableFile};
use crate::lake::Dataset;
use crate::lake::fs::{self, ContentHash};
use crate::lake::layout::{self, LOG, PartitionPath, Place};
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::journal::CommitRecord;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::manifest::table::DeltaTable;
use crate::lake::txn::transaction::Action;

impl Dataset {
    /// The entry that goes into the log with this commit; `None` where the log says nothing of it, or is to be compared with the
    /// files first. `next` is the metadata of the commit, which gets to know the entry. Nothing has been moved yet.
    pub(crate) fn log_entry(
        &self,
        commit: &CommitRecord,
        actions: &[Action],
        next: &mut Metadata,
    ) -> Result<Option<LogEntry>> {
        if !self.is_delta() {
            // A log that is not written is behind from now on.
            if let Some(table) = &mut next.delta {
                table.version = None;
            }
            return Ok(None);
        }
        let columns = columns_of(next)?;
        let schema = delta::schema_string(&columns)?;
        let hash = ContentHash::of(schema.as_bytes());
        let at = commit.at.timestamp_millis();
        let is_new = next.delta.is_none() && self.metadata.partitions.is_empty();
        let known = next.delta.clone().filter(|table| self.is_there(table));
        let (mut table, after) = match known {
            Some(table) => (table.clone(), table.version),
            None if is_new => (self.new_table(at, hash), None),
            None => {
                if let Some(table) = &mut next.delta {
                    table.version = None;
                }
                return Ok(None);
            }
        };
        let (added, removed) = self.changed(actions, next, &columns)?;
        let changed = is_new || table.columns != hash;
        if added.is_empty() && removed.is_empty() && !changed {
            return Ok(None);
        }
        self.check_links()?;
        table.columns = hash;
        let version = after.map_or(0, |after| after + 1);
        table.version = Some(version);
        if is_due(version, table.checkpoint) {
            table.checkpoint = Some(version);
        }
        let identity = self.identity(&table);
        let links =
            added.iter().filter_map(|file| super::first_name(&file.path)).map(str::to_owned).collect();
        let entry = Entry {
            commit: &commit.id,
            seq: commit.seq,
            at,
            positions: commit.positions.clone(),
            is_new,
            schema: changed.then_some((&identity, &columns)),
            added,
            removed,
            is_rewrite: actions.contains(&Action::Rewrite),
        };
        let text = entry.text(&columns)?;
        next.delta = Some(table);
        Ok(Some(LogEntry { commit: commit.id.clone(), after, links, text }))
    }

    /// The log ends where the metadata says, or behind it.
    fn is_there(&self, table: &DeltaTable) -> bool {
        let at = |version| self.dir().join(LOG).join(delta::file_of_version(version));
        table.version.is_some_and(|version| fs::size_of(&at(version)).is_ok_and(|size| size.is_some()))
    }

    /// Files that come into the table and files that leave it. Of the versions of a ksqlDB table only the current one is in it.
    fn changed(
        &self,
        actions: &[Action],
        next: &Metadata,
        columns: &Columns,
    ) -> Result<(Vec<TableFile>, Vec<TableFile>)> {
        let folder = |version: u32| PartitionPath::Version(version).to_string();
        let (before, now) = (self.metadata.current_version, next.current_version);
        let is_in =
            |path: &str| next.kind != "table" || now.is_some_and(|now| layout::is_inside(path, &folder(now)));
        let mut gone = BTreeMap::new();
        if next.kind == "table" && before != now {
            before.map_or(Ok(()), |version| self.files_at(&folder(version), &mut gone))?;
        }
        for action in actions {
            if let Action::Remove(path) = action
                && is_in(path)
            {
                self.files_at(path, &mut gone)?;
            }
        }
        let mut added: BTreeMap<&str, &DataFile> = BTreeMap::new();
        for action in actions {
            if let Action::Add(file) = action
                && is_in(&file.path)
            {
                gone.remove(&file.path);
                added.insert(&file.path, file);
            }
        }
        let added = added.into_values();
        let added = added
            .filter_map(|f| table_file(&f.path, f.bytes, Some(f.rows), f.column_stats.as_ref(), columns));
        let removed = gone.iter().filter_map(|(path, bytes)| table_file(path, *bytes, None, None, columns));
        Ok((added.collect(), removed.collect()))
    }

    /// The data files at `path`, a file or a folder below the dataset, with their sizes.
    fn files_at(&self, path: &str, found: &mut BTreeMap<String, u64>) -> Result<()> {
        let at = self.path(&Place::data(path))?;
        let Some(stat) = fs::stat(&at)? else { return Ok(()) };
        if stat.is_dir {
            for entry in
                fs::list(&at)?.into_iter().filter(|entry| layout::is_ours(&entry.name) && entry.is_file)
            {
                found.insert(format!("{path}/{}", entry.name), entry.bytes);
            }
        } else if layout::is_ours(path.rsplit('/').next().unwrap_or_default()) {
            found.insert(path.to_owned(), stat.bytes);
        }
        Ok(())
    }
}

//! From the actions of a transaction to an entry of the table's log.

use super::checkpoint::is_due;
use super::publish::LogEntry;
use crate::Result;
use crate::format::delta::{self, Entry};
use crate::hash::ContentHash;
use crate::lake::Dataset;
use crate::lake::manifest::journal::CommitRecord;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::txn::table::changes::{listed, unlisted};
use crate::lake::txn::table::{Links, columns_of};
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
        let known = next.delta.clone().filter(|table| self.log_ends_at(table.version));
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
        let files = self.changes(actions, next)?;
        let name = |path: &str| Links::DELTA.name(path);
        let added = files.added.iter().filter_map(|file| listed(file, name(&file.path), &columns)).collect();
        let removed = files.removed.iter();
        let removed =
            removed.filter_map(|(path, gone)| unlisted(path, gone.bytes, name(path), &columns)).collect();
        let (added, removed): (Vec<_>, Vec<_>) = (added, removed);
        let changed = is_new || table.columns != hash;
        if added.is_empty() && removed.is_empty() && !changed {
            return Ok(None);
        }
        self.check_links()?;
        table.columns = hash;
        let version = after.map_or(0, |after| after + 1);
        table.version = Some(version);
        let files = next.partitions.iter().map(|partition| partition.files).sum();
        if is_due(version, table.checkpoint, files) {
            table.checkpoint = Some(version);
        }
        let identity = self.identity(&table);
        let links =
            added.iter().filter_map(|file| Links::DELTA.first_name(&file.path)).map(str::to_owned).collect();
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
}

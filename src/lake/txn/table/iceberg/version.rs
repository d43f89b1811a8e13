//! From the changes of a commit to the files of the table's next version.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::publish::TableVersion;
use super::{below, first_name, named_at, read_file, read_version};
use crate::feed::TableFormat;
use crate::format::iceberg::{Change, Next, TableMetadata, commit, file_of_version, new_table};
use crate::format::{Columns, TableFile};
use crate::hash::ContentHash;
use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{self, PartitionPath};
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::journal::CommitRecord;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::manifest::table::IcebergTable;
use crate::lake::txn::table::Links;
use crate::lake::txn::table::changes::{Changes, listed, unlisted};
use crate::lake::txn::transaction::Action;
use crate::{Kind, Result};

/// Versions between two times at which old snapshots go.
const EVERY: u64 = 50;

/// The table before a change.
pub(super) struct Before {
    pub(super) metadata: TableMetadata,
    /// `None`: it is new.
    pub(super) version: Option<u64>,
    /// Files of its versions are named by paths that are not theirs any more.
    pub(super) is_moved: bool,
    /// It is to be written though no file comes or goes: what readers read now is another writer's.
    pub(super) is_due: bool,
}

impl Dataset {
    /// The table's version with this commit, staged; `None` where the table says nothing of it, or is to be compared with the files
    /// first. `next` is the metadata of the commit, which gets to know the version. Nothing has been moved yet.
    pub(crate) fn table_version(
        &self,
        record: &CommitRecord,
        actions: &[Action],
        next: &mut Metadata,
    ) -> Result<Option<TableVersion>> {
        let made = match self.table_before(record, next)? {
            Some(before) => self.next_version(&before, record, actions, next),
            None => return Ok(None),
        };
        match made {
            // What the table says is not what the dataset held.
            Err(e) if e.kind() == Kind::Damaged => {
                forget(next);
                Ok(None)
            }
            made => made,
        }
    }

    /// The table as it is; `None` where it is not known to be what the dataset holds: then the next start compares them.
    fn table_before(&self, record: &CommitRecord, next: &mut Metadata) -> Result<Option<Before>> {
        let before = match &next.iceberg {
            _ if !self.is_iceberg() => None,
            Some(table) if table.location == self.location()? && self.is_newest(table)? => {
                let metadata = read_version(self.dir(), table.version.unwrap_or_default())?;
                Some(Before { metadata, version: table.version, is_moved: false, is_due: false })
            }
            None if self.metadata.partitions.is_empty() => {
                Some(self.new_iceberg(&self.location()?, record.at))
            }
            _ => None,
        };
        if before.is_none() {
            forget(next);
        }
        Ok(before)
    }

    fn next_version(
        &self,
        before: &Before,
        record: &CommitRecord,
        actions: &[Action],
        next: &mut Metadata,
    ) -> Result<Option<TableVersion>> {
        let Changes { columns, added, removed, moved } = self.changes(actions, next)?;
        let location = &before.metadata.location;
        let only_moves = added.is_empty() && removed.is_empty() && !moved.is_empty();
        let came: Vec<&DataFile> = added.into_iter().chain(moved.iter().map(|(file, _)| *file)).collect();
        let local = came.iter().filter(|file| file.cold.is_none());
        let links = local.map(|file| file.path.clone()).collect();
        let moved = moved.iter().map(|(file, gone)| (file.path.as_str(), gone));
        let gone = removed.iter().map(|(path, gone)| (path.as_str(), gone)).chain(moved);
        let removed = gone.filter_map(|(path, gone)| {
            unlisted(path, gone.bytes, named_at(location, path, gone.url.as_deref()), &columns)
        });
        let change = Change {
            commit: &record.id,
            at: record.at.timestamp_millis(),
            positions: record.positions.clone(),
            rewrite: only_moves || actions.contains(&Action::Rewrite),
            added: added_of(came.into_iter(), location, &columns),
            removed: removed.collect(),
            ..Change::default()
        };
        let version = self.stage_next(before, &columns, (change, only_moves), record.at, next)?;
        Ok(version.map(|version| TableVersion { links, ..version }))
    }

    /// A table that is made at `created`.
    pub(super) fn new_iceberg(&self, location: &str, created: DateTime<Utc>) -> Before {
        let created = created.timestamp_millis();
        let id = self.new_id(TableFormat::Iceberg, created);
        let metadata = new_table(&id, &self.table_name(), location, created);
        Before { metadata, version: None, is_moved: false, is_due: false }
    }

    /// Stages the version behind `before`; `None` where nothing changes. `next` gets to know it. With `expires`, snapshots beyond the
    /// grace period go now, and not only with every fiftieth version.
    pub(super) fn stage_next(
        &self,
        before: &Before,
        columns: &Columns,
        (change, expires): (Change<'_>, bool),
        now: DateTime<Utc>,
        next: &mut Metadata,
    ) -> Result<Option<TableVersion>> {
        let base = &before.metadata;
        let is_empty = change.added.is_empty() && change.removed.is_empty();
        if is_empty
            && before.version.is_some()
            && !before.is_moved
            && !before.is_due
            && base.has_columns(columns)?
        {
            return Ok(None);
        }
        self.check_links()?;
        let version = before.version.map_or(1, |version| version + 1);
        let grace = TimeDelta::from_std(self.retention.grace).ok();
        let limit =
            grace.and_then(|grace| now.checked_sub_signed(grace)).map(|limit| limit.timestamp_millis());
        let seed = format!("{} {} {version} {}", base.table_uuid, change.commit, change.at);
        let change = Change {
            snapshot: snapshot_id(&seed),
            after: before.version.filter(|_| !before.is_moved),
            // Old snapshots hold local files that have gone to the cold tier.
            expire_before: limit.filter(|_| expires || version.is_multiple_of(EVERY)),
            ..change
        };
        let (dir, location): (&Path, _) = (self.dir(), base.location.as_str());
        let made = commit(base, columns, &change, &|path| read_file(dir, location, path))?;
        let Next { metadata, mut files, gone, gone_data } = made;
        let text = metadata.text()?.into_bytes();
        let hash = ContentHash::of(&text);
        files.push((file_of_version(version), text));
        let gone = gone.iter().filter_map(|path| below(location, path)?.strip_prefix("metadata/"));
        let gone = gone.map(str::to_owned).collect();
        let gone_data =
            self.unneeded(gone_data.iter().filter_map(|path| first_name(location, path)), next)?;
        next.iceberg = Some(IcebergTable {
            id: metadata.table_uuid.clone(),
            location: location.to_owned(),
            version: Some(version),
            hash,
        });
        let files = self.committer.stage_version(&files)?;
        Ok(Some(TableVersion { version, links: Vec::new(), files, gone, gone_data }))
    }

    /// Of data files that no snapshot but the newest needs, the second names of those that it does not need either.
    fn unneeded<'p>(&self, paths: impl Iterator<Item = &'p str>, next: &Metadata) -> Result<Vec<String>> {
        let current = next.current_version.map(|version| PartitionPath::Version(version).to_string());
        let mut unneeded = Vec::new();
        for path in paths {
            let is_live = if next.kind == "table" {
                current.as_deref().is_some_and(|current| layout::is_inside(path, current))
            } else {
                fs::size_of(&layout::inside(self.dir(), path)?)?.is_some()
            };
            if !is_live {
                unneeded.push(Links::ICEBERG.name(path));
            }
        }
        Ok(unneeded)
    }
}

/// The next start compares the table with the files.
fn forget(next: &mut Metadata) {
    if let Some(table) = &mut next.iceberg {
        table.version = None;
    }
}

/// A number that no other snapshot has, as far as chance goes.
fn snapshot_id(seed: &str) -> i64 {
    let hex = ContentHash::of(seed.as_bytes()).to_string();
    hex.get(..15).and_then(|digits| i64::from_str_radix(digits, 16).ok()).unwrap_or(1).max(1)
}

/// These files as the table names them.
pub(super) fn added_of<'f>(
    files: impl Iterator<Item = &'f DataFile>,
    location: &str,
    columns: &Columns,
) -> Vec<TableFile> {
    files.filter_map(|file| listed(file, named_at(location, &file.path, file.url()), columns)).collect()
}

//! Which files come into a table with a commit, which leave it, and which belong into it.

use std::collections::BTreeMap;

use super::columns_of;
use crate::Result;
use crate::feed::partition_path::PartitionPath;
use crate::format::{Bounds, Columns, TableFile};
use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{self, Place};
use crate::lake::manifest::cold;
use crate::lake::manifest::column_stats::ColumnStats;
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::data_file::Stub;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::txn::rebuild;
use crate::lake::txn::transaction::Action;

/// What a commit means to the table: nothing has been moved yet.
pub(super) struct Changes<'a> {
    /// The columns of the table after it.
    pub(super) columns: Columns,
    /// Files that come.
    pub(super) added: Vec<&'a DataFile>,
    /// Files that leave, by path below the dataset.
    pub(super) removed: BTreeMap<String, Gone>,
    /// Files that get another place, with the one of before: they leave and come, and no row does.
    pub(super) moved: Vec<(&'a DataFile, Gone)>,
}

/// A file as it was before the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gone {
    /// Its size.
    pub(super) bytes: u64,
    /// The object, if it lay in the cold tier.
    pub(super) url: Option<String>,
}

impl Dataset {
    /// Files that come into the table and files that leave it. Of the versions of a ksqlDB table only the current one is in it.
    pub(super) fn changes<'a>(&self, actions: &'a [Action], next: &Metadata) -> Result<Changes<'a>> {
        let folder = |version: u32| PartitionPath::Version(version).to_string();
        let (before, now) = (self.metadata.current_version, next.current_version);
        let is_in =
            |path: &str| next.kind != "table" || now.is_some_and(|now| layout::is_inside(path, &folder(now)));
        let mut removed = BTreeMap::new();
        if next.kind == "table" && before != now {
            before.map_or(Ok(()), |version| self.files_at(&folder(version), &mut removed))?;
        }
        for action in actions {
            if let Action::Remove(path) = action
                && is_in(path)
            {
                self.files_at(path, &mut removed)?;
            }
        }
        let mut added: BTreeMap<&str, &DataFile> = BTreeMap::new();
        let mut moved = Vec::new();
        for action in actions {
            match action {
                Action::Add(file) if is_in(&file.path) => {
                    removed.remove(&file.path);
                    added.insert(&file.path, file);
                }
                Action::Relocate { file, from } if is_in(&file.path) => {
                    moved.push((file, Gone { bytes: file.bytes, url: from.clone() }));
                }
                _ => {}
            }
        }
        Ok(Changes { columns: columns_of(next)?, added: added.into_values().collect(), removed, moved })
    }

    /// The data files at `path`, a file or a folder below the dataset: those on the lake's disk, and those in the cold tier.
    fn files_at(&self, path: &str, found: &mut BTreeMap<String, Gone>) -> Result<()> {
        let at = self.path(&Place::data(path))?;
        if let Some(stat) = fs::stat(&at)? {
            if stat.is_dir {
                for entry in
                    fs::list(&at)?.into_iter().filter(|entry| layout::is_ours(&entry.name) && entry.is_file)
                {
                    found.insert(format!("{path}/{}", entry.name), Gone { bytes: entry.bytes, url: None });
                }
            } else if layout::is_ours(path.rsplit('/').next().unwrap_or_default()) {
                found.insert(path.to_owned(), Gone { bytes: stat.bytes, url: None });
            }
        }
        if self.metadata.partitions.iter().any(|partition| partition.cold.is_some()) {
            let stubs = cold::stubs(&self.committer.places)?;
            for file in stubs.into_iter().filter(|file| layout::is_inside(&file.relative(), path)) {
                let stub = Stub::read(&file.path)?;
                found.insert(file.relative(), Gone { bytes: stub.bytes, url: Some(stub.url) });
            }
        }
        Ok(())
    }

    /// The files that belong into the table, by path.
    pub(super) fn table_files(&self) -> Result<BTreeMap<String, DataFile>> {
        let mut files: BTreeMap<String, DataFile> = rebuild::list(&self.committer.places, &self.metadata)?
            .into_iter()
            .map(|file| (file.path.clone(), file))
            .collect();
        if self.metadata.kind == "table" {
            let current =
                self.metadata.current_version.map(|version| PartitionPath::Version(version).to_string());
            files
                .retain(|path, _| current.as_deref().is_some_and(|current| layout::is_inside(path, current)));
        }
        Ok(files)
    }
}

/// The file of a record as the log names it, as `name`; `None` where its folder is no partition of the table.
pub(super) fn listed(file: &DataFile, name: String, columns: &Columns) -> Option<TableFile> {
    let known = TableFile { rows: Some(file.rows), ..unlisted(&file.path, file.bytes, name, columns)? };
    let bounds = |stats: &ColumnStats| {
        let known = stats.0.iter();
        known
            .map(|(name, known)| {
                (name.clone(), Bounds { nulls: known.nulls, min: known.min.clone(), max: known.max.clone() })
            })
            .collect()
    };
    Some(TableFile { columns: file.column_stats.as_ref().map(bounds).unwrap_or_default(), ..known })
}

/// A file of which no more is known than its path below the dataset and its size.
pub(super) fn unlisted(path: &str, bytes: u64, name: String, columns: &Columns) -> Option<TableFile> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut partition: BTreeMap<String, u32> = PartitionPath::parse(folder)?.values().into_iter().collect();
    partition.retain(|name, _| columns.partition.contains(name));
    (partition.len() == columns.partition.len()).then_some(())?;
    Some(TableFile { path: name, partition, bytes, rows: None, columns: BTreeMap::new() })
}

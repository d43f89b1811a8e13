//! A table that is missing, behind or moved is brought to what the dataset holds, by one snapshot.

use std::collections::BTreeMap;

use super::version::{Before, added_of};
use super::{first_name, named_at, newest, read_file, version_path};
use crate::format::TableFile;
use crate::format::iceberg::{Change, check_columns, live_files};
use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::ICEBERG;
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::table::IcebergTable;
use crate::lake::txn::table::changes::unlisted;
use crate::lake::txn::table::{Links, columns_of};
use crate::{Error, Kind, Result};

impl Dataset {
    /// Brings the table to what the dataset holds, where it is not known to be there. Gives what is to be told of it. `Kind::Refused`
    /// when somebody else's table lies in the folder, `Kind::Damaged` when its newest version cannot be read.
    pub(in crate::lake::txn::table) fn sync_iceberg(&mut self) -> Result<Option<String>> {
        if !self.is_iceberg() {
            return Ok(None);
        }
        let location = self.location()?;
        if let Some(table) = &self.metadata.iceberg
            && table.location == location
            && self.is_newest(table)?
        {
            table.version.map_or(Ok(()), |version| self.committer.hint(version))?;
            return Ok(None);
        }
        let found = newest(self.dir())?;
        if self.metadata.partitions.is_empty() && found.is_none() {
            // The first commit makes the table, as it knows the columns.
            return Ok(None);
        }
        let columns = columns_of(&self.metadata)?;
        check_columns(&columns).map_err(|e| e.at("feed", &self.feed.name))?;
        self.check_links()?;
        self.check_types()?;
        let now = self.now();
        let before = match found {
            None => self.new_iceberg(&location, now),
            Some((version, metadata)) if metadata.dataset() == Some(&self.table_name()) => {
                let (is_moved, mut metadata) = (metadata.location != location, metadata);
                let is_due = metadata.take_back();
                Before { metadata, version: Some(version), is_moved, is_due }
            }
            Some(_) => return Err(self.not_our_iceberg()),
        };
        let told = before.is_moved.then(|| {
            format!(
                "the lake was at another place ({}): the Iceberg table has its paths anew, and its older snapshots went",
                before.metadata.location
            )
        });
        let (before, held) = if before.is_moved {
            let mut metadata = before.metadata;
            metadata.moved_to(&location);
            (Before { metadata, ..before }, BTreeMap::new())
        } else {
            let dir = self.dir();
            let held = live_files(&before.metadata, &|path| read_file(dir, &location, path))?;
            (before, held)
        };
        let wanted = self.table_files()?;
        // Files whose record is all there is: a link that is gone is made again.
        let local = wanted.values().filter(|file| file.cold.is_none());
        self.committer.link(Links::ICEBERG, local.map(|file| file.path.as_str()))?;
        let name = |file: &DataFile| named_at(&location, &file.path, file.url());
        let names: BTreeMap<String, u64> = wanted.values().map(|file| (name(file), file.bytes)).collect();
        let added = wanted.values().filter(|file| held.get(&name(file)) != Some(&file.bytes));
        let is_wanted = |path: &str, bytes: u64| names.get(path) == Some(&bytes);
        // An object of the cold tier ends with the path that the file has in the dataset.
        let objects: BTreeMap<String, String> =
            held.keys().filter_map(|path| Some((path.clone(), path_of_object(path)?))).collect();
        let removed = held.iter().filter(|(path, bytes)| !is_wanted(path, **bytes)).map(|(path, bytes)| {
            let first = first_name(&location, path).or_else(|| objects.get(path).map(String::as_str));
            let first = first.unwrap_or_default();
            // A file of another writer may lie anywhere.
            unlisted(first, *bytes, path.clone(), &columns).unwrap_or_else(|| TableFile {
                path: path.clone(),
                bytes: *bytes,
                ..TableFile::default()
            })
        });
        // Two of them may have one number: the time tells them apart.
        let commit = format!("{:06}-sync{}", self.metadata.commit_seq, now.timestamp_millis());
        let change = Change {
            commit: &commit,
            at: now.timestamp_millis(),
            positions: self.metadata.positions.clone(),
            added: added_of(added, &location, &columns),
            removed: removed.collect(),
            ..Change::default()
        };
        let mut next = self.metadata.clone();
        if let Some(version) = self.stage_next(&before, &columns, (change, false), now, &mut next)? {
            self.committer.sync_version()?;
            if !self.committer.publish_version(&version)? {
                return Err(Error::new(
                    Kind::Refused,
                    "another program is writing the dataset's Iceberg table",
                )
                .at("table", &location)
                .next("let it end, then try again: only lakehand may write this table"));
            }
        } else if let Some(version) = before.version {
            self.committer.hint(version)?;
            let hash = fs::hash_file(&version_path(self.dir(), version))?;
            let id = before.metadata.table_uuid.clone();
            next.iceberg = Some(IcebergTable { id, location, version: Some(version), hash });
        }
        self.sweep(|path| wanted.get(path).is_some_and(|file| file.cold.is_none()))?;
        self.committer.write_metadata(&next.text()?)?;
        self.metadata = next;
        Ok(told)
    }

    /// Removes second names of files that no snapshot needs any more: those of local copies that went.
    pub(crate) fn free_links(&self) -> Result<()> {
        if !self.is_iceberg() {
            return Ok(());
        }
        let wanted = self.table_files()?;
        self.sweep(|path| wanted.get(path).is_some_and(|file| file.cold.is_none()))
    }

    fn not_our_iceberg(&self) -> Error {
        Error::new(
            Kind::Refused,
            "an Iceberg table that this program did not make lies in the dataset's folder",
        )
        .at("folder", self.dir().join(ICEBERG).display())
        .next("move it away, then try again; or take \"table_format\" out of the feed")
    }
}

/// The path below the dataset of a file in the cold tier, by the object's name.
fn path_of_object(name: &str) -> Option<String> {
    let at = name.rfind("/year=")?;
    Some(name.get(at + 1..)?.to_owned())
}

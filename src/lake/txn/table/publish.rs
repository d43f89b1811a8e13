//! An entry gets into the log: whole or not at all, and never over that of another writer.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::second_name;
use crate::format::delta;
use crate::lake::fs;
use crate::lake::layout::{self, FILES, LOG, Room};
use crate::lake::txn::commit::Committer;
use crate::{Error, Kind, Result};

/// Largest entry that is read to see whose it is.
const CAP: u64 = 1 << 30;

/// What an intent says of the table's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogEntry {
    /// The commit's id, by which the entry is found again.
    pub(crate) commit: String,
    /// The version that was the newest when the commit was decided; later ones are by others, or this entry itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<u64>,
    /// Data files that get a second name, below the dataset.
    pub(crate) links: Vec<String>,
    /// The lines.
    pub(crate) text: String,
}

impl Committer {
    /// Makes the second names, then the entry, which gets the next free version; gives that. May be repeated: an entry of this
    /// commit that is there is found.
    pub(crate) fn publish(&self, entry: &LogEntry) -> Result<u64> {
        self.link(entry.links.iter().map(String::as_str))?;
        let log = self.dir().join(LOG);
        self.fs.make_dirs(self.dir(), [Path::new(LOG)], self.visibility.dir_mode())?;
        let scratch = self.places.room(Room::Staging).join("log-entry.tmp");
        let mut version = entry.after.map_or(0, |after| after + 1);
        loop {
            let path = log.join(delta::file_of_version(version));
            match fs::read_capped(&path, CAP)? {
                Some(bytes) if is_of(&bytes, &entry.commit) => break,
                Some(_) => version += 1,
                // Somebody else may take the number first: then it is looked at.
                None => {
                    let mode = self.visibility.file_mode();
                    if self.fs.put_new(&path, &scratch, entry.text.as_bytes(), mode)? {
                        break;
                    }
                }
            }
        }
        // A run before may have been killed before the sync.
        self.fs.sync_dir(&log)?;
        Ok(version)
    }

    /// Gives data files their second names.
    pub(crate) fn link<'p>(&self, paths: impl Iterator<Item = &'p str>) -> Result<()> {
        let names: Vec<(&str, String)> = paths.map(|path| (path, second_name(path))).collect();
        if names.is_empty() {
            return Ok(());
        }
        let below: BTreeSet<&Path> = names.iter().map(|(_, second)| fs::parent(Path::new(second))).collect();
        self.fs.make_dirs(self.dir(), below.iter().copied(), self.visibility.dir_mode())?;
        for (path, second) in &names {
            let (from, to) = (layout::inside(self.dir(), path)?, layout::inside(self.dir(), second)?);
            if fs::size_of(&to)?.is_some() {
                // A file that comes back has it still: the same file, by its name and size.
                if fs::size_of(&to)? == fs::size_of(&from)? {
                    continue;
                }
                self.fs.remove(&to)?;
            }
            if !self.fs.link(&from, &to)? {
                return Err(Error::new(Kind::Refused, "a file cannot get a second name for the table's log")
                    .at("file", from.display())
                    .next("its partition is on another file system: bring it into the lake, or disable the table format"));
            }
        }
        below.iter().try_for_each(|folder| self.fs.sync_dir(&self.dir().join(folder)))
    }

    /// Removes second names that no version of the log needs any more, and folders that are empty then.
    pub(crate) fn unlink<'p>(&self, second: impl Iterator<Item = &'p str>) -> Result<()> {
        let mut folders = BTreeSet::new();
        for path in second.filter(|path| super::first_name(path).is_some()) {
            let path = layout::inside(self.dir(), path)?;
            self.fs.remove(&path)?;
            folders.insert(fs::parent(&path).to_path_buf());
        }
        let top = self.dir().join(FILES);
        for mut folder in folders {
            while folder != top && self.fs.remove_empty_dir(&folder)? {
                if !folder.pop() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The entry is of this commit.
fn is_of(bytes: &[u8], commit: &str) -> bool {
    let lines = bytes.split(|byte| *byte == b'\n');
    let parsed = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    parsed.take(3).any(|line| line["commitInfo"]["lakehand.commit"] == commit)
}

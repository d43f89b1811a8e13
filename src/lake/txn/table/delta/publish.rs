//! An entry gets into the log: whole or not at all, and never over that of another writer.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;
use crate::format::delta;
use crate::lake::fs;
use crate::lake::layout::{LOG, Room};
use crate::lake::txn::commit::Committer;
use crate::lake::txn::table::Links;

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
        self.link(Links::DELTA, entry.links.iter().map(String::as_str))?;
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
}

/// The entry is of this commit.
fn is_of(bytes: &[u8], commit: &str) -> bool {
    let lines = bytes.split(|byte| *byte == b'\n');
    let parsed = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    parsed.take(3).any(|line| line["commitInfo"]["lakehand.commit"] == commit)
}

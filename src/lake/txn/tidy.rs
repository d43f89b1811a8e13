//! What a commit leaves empty or to be thrown away goes behind it. Where that fails, the next start does it, or it is no harm.

use std::collections::BTreeSet;
use std::path::Path;

use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{self, Room};
use crate::lake::txn::commit::Move;
use crate::{Error, Kind, Result};

/// Rooms whose folders go when they are empty.
const TIDY: [Room; 3] = [Room::Bin, Room::Cold, Room::ColdGone];

/// What a commit leaves empty or to be thrown away.
pub(super) struct Tidy {
    trash: bool,
    rooms: BTreeSet<Room>,
    folders: Vec<String>,
}

impl Dataset {
    /// Removes the folder and those above it as far as they are empty.
    pub(crate) fn remove_empty(&self, path: &str) -> Result<()> {
        let mut folder = layout::inside(self.dir(), path)?;
        while folder != self.dir() {
            if fs::stat(&folder)?.is_some_and(|stat| stat.is_link)
                || !self.committer.fs.remove_empty_dir(&folder)?
            {
                break;
            }
            if !folder.pop() {
                return Err(Error::new(Kind::Bug, "a partition outside of its dataset").at("partition", path));
            }
        }
        Ok(())
    }
}

impl Tidy {
    pub(super) fn after(moves: &[Move]) -> Self {
        let mut folders: Vec<String> = moves
            .iter()
            .filter(|step| step.from.room == Room::Data)
            .filter_map(|step| step.from.path.rsplit_once('/').map(|(folder, _)| folder.to_owned()))
            .collect();
        folders.dedup();
        Self {
            trash: moves.iter().any(|step| step.to.room == Room::Staging),
            rooms: moves.iter().map(|step| step.from.room).filter(|room| TIDY.contains(room)).collect(),
            folders,
        }
    }

    pub(super) fn run(self, dataset: &Dataset) {
        let fs = &dataset.committer.fs;
        if self.trash {
            let _ = fs.remove_tree(&dataset.committer.places.room(Room::Staging).join("trash"));
        }
        for room in self.rooms {
            remove_empty_below(fs, &dataset.committer.places.room(room));
        }
        for folder in self.folders {
            let _ = dataset.remove_empty(&folder);
        }
    }
}

/// Removes the folders below `path` in which nothing is.
pub(crate) fn remove_empty_below(fs: &fs::Fs, path: &Path) {
    for entry in fs::list(path).unwrap_or_default().into_iter().filter(|entry| entry.is_dir) {
        remove_empty_below(fs, &entry.path);
        let _ = fs.remove_empty_dir(&entry.path);
    }
}

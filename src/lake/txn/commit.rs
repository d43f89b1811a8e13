//! The commit: all of a set of files and the metadata that names them become visible, or none of it.
//!
//! ```text
//! 1  files lie in `staging/<run>/`, closed and synced, the folder synced
//! 2  `staging/intent.json` is put in place by rename: every move, and the new metadata            ◀ the commit point
//! 3  each file is renamed to its place, the folders are synced; a table's folder is exchanged with the prepared one
//! 4  the metadata is replaced by rename
//! 5  the intent is removed
//! ```
//!
//! A stop before 2 leaves the state before; from 2 on, start-up repeats 3 to 5, each of which may be repeated: a file
//! that is at its place already is fine, one that is at neither place is damage. It knows no Parquet and no schema.
//!
//! The exchange: the prepared folder holds the new version alone, so a version of that name in the table's folder says
//! that it has happened. Whoever lists the table's folder sees the old version or the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::feed::Visibility;
use crate::lake::fs::{self, Fs};
use crate::lake::layout::{self, Place, Places, Room};
use crate::{Error, Kind, Result};

const INTENT: &str = "intent.json";
const CAP: u64 = 512 << 20;

/// What a commit has decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Intent {
    /// The commit's id.
    pub(crate) commit: String,
    /// What gets its final name, in this order.
    pub(crate) moves: Vec<Move>,
    /// After the moves, the dataset's folder is exchanged with a prepared one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) swap: Option<Swap>,
    /// The whole new metadata.
    pub(crate) metadata: String,
}

/// A file, or a folder of files, that gets its final name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Move {
    pub(crate) from: Place,
    pub(crate) to: Place,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
}

/// The dataset's folder is exchanged with one that holds a new version alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Swap {
    /// The prepared folder, in staging.
    pub(crate) prepared: Place,
    /// The folder of the new version in it. No version of this name was there before.
    pub(crate) version: String,
    /// Size of its files.
    pub(crate) bytes: u64,
}

/// The commits of one dataset.
pub(crate) struct Committer {
    pub(crate) fs: Fs,
    pub(crate) places: Places,
    pub(crate) visibility: Visibility,
}

impl Committer {
    /// The dataset's folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.places.data
    }

    fn staging(&self) -> PathBuf {
        self.places.room(Room::Staging)
    }

    fn intent_path(&self) -> PathBuf {
        self.staging().join(INTENT)
    }

    /// Steps 1 and 2: the commit point lies in it.
    pub(crate) fn decide(&self, intent: &Intent) -> Result<()> {
        let staging = self.staging();
        let mut folders = BTreeSet::new();
        for step in &intent.moves {
            folders.insert(fs::parent(&self.places.path(&step.from)?).to_path_buf());
        }
        if let Some(swap) = &intent.swap {
            let prepared = self.places.path(&swap.prepared)?;
            folders.extend([prepared.join(&swap.version), fs::parent(&prepared).to_path_buf(), prepared]);
        }
        for folder in folders {
            self.fs.sync_dir(&folder)?;
        }
        let body = serde_json::to_string(intent)
            .map_err(|e| Error::new(Kind::Bug, format!("the intent cannot be written: {e}")))?;
        let text = format!("{:016x}\n{body}\n", checksum(body.as_bytes()));
        self.fs.replace(&self.intent_path(), &staging.join("intent.tmp"), text.as_bytes(), 0o600)
    }

    /// Steps 3 to 5, as often as needed.
    pub(crate) fn finish(&self, intent: &Intent) -> Result<()> {
        self.check(intent)?;
        let mut touched = BTreeSet::new();
        let mut waiting = Vec::new();
        for step in &intent.moves {
            let (from, to) = (self.places.path(&step.from)?, self.places.path(&step.to)?);
            // Recovery cannot know which renames the disk has kept: it syncs every place.
            touched.insert(fs::parent(&to).to_path_buf());
            if fs::size_of(&from)?.is_some() {
                touched.insert(fs::parent(&from).to_path_buf());
                waiting.push((from, to));
            }
        }
        let mut folders: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
        for (_, to) in &waiting {
            let (base, below) = self.places.base(to)?;
            folders.entry(base).or_default().push(below);
        }
        for (base, below) in folders {
            self.fs.make_dirs(base, below, self.visibility.dir_mode())?;
        }
        for (from, to) in &waiting {
            self.fs.rename(from, to)?;
        }
        for folder in touched.iter().filter(|folder| folder.exists()) {
            self.fs.sync_dir(folder)?;
        }
        if let Some(swap) = &intent.swap {
            self.swap(swap, &intent.metadata)?;
        }
        self.write_metadata(&intent.metadata)?;
        self.fs.remove(&self.intent_path())?;
        self.fs.sync_dir(&self.staging())
    }

    /// Gives the table's folder and the prepared one each other's name.
    fn swap(&self, swap: &Swap, metadata: &str) -> Result<()> {
        let (data, prepared) = (self.dir(), self.places.path(&swap.prepared)?);
        if fs::size_of(&data.join(&swap.version))?.is_none() {
            if !self.places.is_apart() {
                // The new folder comes with its metadata: a reader who takes `current_version` finds it at every instant.
                let path = prepared.join(layout::METADATA);
                let scratch = self.staging().join("metadata.tmp");
                self.fs.replace(&path, &scratch, metadata.as_bytes(), self.visibility.file_mode())?;
            }
            if !self.fs.exchange(data, &prepared)? {
                // Another file system than the one that was tried: for an instant there is no table.
                if !self.fs.remove_empty_dir(data)? {
                    self.fs.rename(data, &self.staging().join("exchanged"))?;
                }
                self.fs.rename(&prepared, data)?;
            }
        }
        self.fs.sync_dir(fs::parent(data))?;
        self.fs.sync_dir(fs::parent(&prepared))
    }

    /// Every file is at one of its two places and has its size.
    pub(crate) fn check(&self, intent: &Intent) -> Result<()> {
        let mut wrong = Vec::new();
        let mut places = Vec::new();
        for step in &intent.moves {
            let (from, to) = (self.places.path(&step.from)?, self.places.path(&step.to)?);
            places.push((from, to, step.to.to_string(), step.bytes));
        }
        if let Some(swap) = &intent.swap {
            let version = Place::new(swap.prepared.room, format!("{}/{}", swap.prepared.path, swap.version));
            let to = layout::inside(self.dir(), &swap.version)?;
            places.push((self.places.path(&version)?, to, swap.version.clone(), swap.bytes));
        }
        for (from, to, name, wanted) in places {
            match (fs::size_of(&from)?, fs::size_of(&to)?) {
                (Some(bytes), None) | (None, Some(bytes)) if bytes == wanted => {}
                (None, None) => wrong.push(format!("{name} is missing")),
                (Some(_), Some(_)) => wrong.push(format!("{name} is there twice")),
                (Some(bytes), _) | (_, Some(bytes)) => {
                    wrong.push(format!("{name} has {bytes} bytes and not {wanted}"));
                }
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let more = wrong.len().saturating_sub(5);
        wrong.truncate(5);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Err(Error::new(
            Kind::Damaged,
            format!("commit {} cannot be finished: {}{more}", intent.commit, wrong.join(", ")),
        )
        .at("intent", self.intent_path().display())
        .next("bring the files back from a backup; or, to give this commit up, move its intent away, then run `lakehand check`"))
    }

    /// Replaces the metadata.
    pub(crate) fn write_metadata(&self, text: &str) -> Result<()> {
        let scratch = self.staging().join("metadata.tmp");
        let mode = self.visibility.file_mode();
        self.fs.replace(&self.places.metadata, &scratch, text.as_bytes(), mode)
    }

    /// The intent that a run before has left. A torn one never came to be: it is `None`.
    pub(crate) fn left_behind(&self) -> Result<Option<Intent>> {
        let path = self.intent_path();
        let Some(bytes) = fs::read_capped(&path, CAP)? else { return Ok(None) };
        let body = bytes.get(17..bytes.len().saturating_sub(1)).unwrap_or_default();
        let whole = bytes.ends_with(b"\n")
            && bytes.get(..17) == Some(format!("{:016x}\n", checksum(body)).as_bytes());
        if !whole {
            return Ok(None);
        }
        let understood = serde_json::from_slice(body).and_then(|written: Written| {
            let place = |text: &str| self.places.named(text).map_err(serde::de::Error::custom);
            let moves = written.moves.iter().map(|step| {
                let (from, to) = (place(&step.from)?, place(&step.to)?);
                Ok(Move { from, to, bytes: step.bytes, rows: step.rows })
            });
            let moves = moves.collect::<serde_json::Result<_>>()?;
            Ok(Intent { commit: written.commit, moves, swap: written.swap, metadata: written.metadata })
        });
        understood.map(Some).map_err(|e| {
            Error::new(Kind::Damaged, format!("the record of an unfinished commit cannot be understood: {e}"))
                .at("file", path.display())
                .next("a newer lakehand may have written it: finish with that one")
        })
    }

    /// Empties staging, the lost and the torn. Gives number and size of the files thrown away.
    pub(crate) fn clear_staging(&self) -> Result<(u64, u64)> {
        let (mut files, mut bytes) = (0, 0);
        for entry in fs::list(&self.staging())? {
            if entry.is_dir {
                let inner = self.fs.remove_tree(&entry.path)?;
                files += inner.0;
                bytes += inner.1;
            } else {
                self.fs.remove(&entry.path)?;
                files += 1;
                bytes += entry.bytes;
            }
        }
        Ok((files, bytes))
    }
}

/// An intent as it is read: what a path means depends on where the intent lies.
#[derive(Deserialize)]
struct Written {
    commit: String,
    moves: Vec<WrittenMove>,
    #[serde(default)]
    swap: Option<Swap>,
    metadata: String,
}

#[derive(Deserialize)]
struct WrittenMove {
    from: String,
    to: String,
    bytes: u64,
    rows: u64,
}

/// FNV-1a, 64 bit: tells a torn record from a whole one.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

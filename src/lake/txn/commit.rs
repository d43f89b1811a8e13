//! The commit: all of a set of files and the metadata that names them become visible, or none of it.
//!
//! ```text
//! 1  files lie in `_staging/<run>/`, closed and synced, the folder synced
//! 2  `_staging/intent.json` is put in place by rename: every move, and the new `_metadata.json`   ◀ the commit point
//! 3  each file is renamed to its place, the folders are synced
//! 4  `_metadata.json` is replaced by rename
//! 5  the intent is removed
//! ```
//!
//! A stop before 2 leaves the state before; from 2 on, start-up repeats 3 to 5, each of which may be repeated: a file
//! that is at its place already is fine, one that is at neither place is damage. It knows no Parquet and no schema.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::feed::Visibility;
use crate::lake::fs::{self, Fs};
use crate::lake::layout;
use crate::{Error, Kind, Result};

const INTENT: &str = "intent.json";
const CAP: u64 = 512 << 20;

/// What a commit has decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The commit's id.
    pub(crate) commit: String,
    /// What gets its final name.
    pub(crate) moves: Vec<Move>,
    /// The whole new `_metadata.json`.
    pub(crate) metadata: String,
}

/// A file, or a folder of files, that gets its final name. Both are below the dataset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Move {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
}

/// The commits of one dataset.
pub(crate) struct Committer {
    pub(crate) fs: Fs,
    pub(crate) dir: PathBuf,
    pub(crate) visibility: Visibility,
}

impl Committer {
    fn intent_path(&self) -> PathBuf {
        self.dir.join(layout::STAGING).join(INTENT)
    }

    /// Steps 1 and 2: the commit point lies in it.
    pub(crate) fn decide(&self, intent: &Intent) -> Result<()> {
        let staging = self.dir.join(layout::STAGING);
        let folders: BTreeSet<PathBuf> = intent
            .moves
            .iter()
            .map(|step| layout::inside(&self.dir, &step.from).map(|from| fs::parent(&from).to_path_buf()))
            .collect::<Result<_>>()?;
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
            let (from, to) = (layout::inside(&self.dir, &step.from)?, layout::inside(&self.dir, &step.to)?);
            if fs::size_of(&from)?.is_none() {
                continue;
            }
            touched.insert(fs::parent(&from).to_path_buf());
            touched.insert(fs::parent(&to).to_path_buf());
            waiting.push((from, to, Path::new(&step.to).parent().unwrap_or(Path::new(""))));
        }
        self.fs.make_dirs(
            &self.dir,
            waiting.iter().map(|(_, _, folder)| *folder),
            self.visibility.dir_mode(),
        )?;
        for (from, to, _) in &waiting {
            self.fs.rename(from, to)?;
        }
        // Recovery cannot know which renames the disk has kept: it syncs every place.
        for step in &intent.moves {
            touched.insert(fs::parent(&layout::inside(&self.dir, &step.to)?).to_path_buf());
        }
        for folder in &touched {
            self.fs.sync_dir(folder)?;
        }
        self.write_metadata(&intent.metadata)?;
        self.fs.remove(&self.intent_path())?;
        self.fs.sync_dir(&self.dir.join(layout::STAGING))
    }

    /// Every file is at one of its two places and has its size.
    pub(crate) fn check(&self, intent: &Intent) -> Result<()> {
        let mut wrong = Vec::new();
        for step in &intent.moves {
            let from = fs::size_of(&layout::inside(&self.dir, &step.from)?)?;
            let to = fs::size_of(&layout::inside(&self.dir, &step.to)?)?;
            match (from, to) {
                (Some(bytes), None) | (None, Some(bytes)) if bytes == step.bytes => {}
                (None, None) => wrong.push(format!("{} is missing", step.to)),
                (Some(_), Some(_)) => wrong.push(format!("{} is there twice", step.to)),
                (Some(bytes), _) | (_, Some(bytes)) => {
                    wrong.push(format!("{} has {bytes} bytes and not {}", step.to, step.bytes));
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

    /// Replaces `_metadata.json`.
    pub(crate) fn write_metadata(&self, text: &str) -> Result<()> {
        let scratch = self.dir.join(layout::STAGING).join("metadata.tmp");
        let mode = self.visibility.file_mode();
        self.fs.replace(&self.dir.join(layout::METADATA), &scratch, text.as_bytes(), mode)
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
        serde_json::from_slice(body).map(Some).map_err(|e| {
            Error::new(Kind::Damaged, format!("the record of an unfinished commit cannot be understood: {e}"))
                .at("file", path.display())
                .next("a newer lakehand may have written it: finish with that one")
        })
    }

    /// Empties staging, the lost and the torn. Gives number and size of the files thrown away.
    pub(crate) fn clear_staging(&self) -> Result<(u64, u64)> {
        let (mut files, mut bytes) = (0, 0);
        for entry in fs::list(&self.dir.join(layout::STAGING))? {
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

/// FNV-1a, 64 bit: tells a torn record from a whole one.
fn checksum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

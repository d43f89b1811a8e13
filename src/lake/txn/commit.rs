//! The commit: all of a set of files and the metadata that names them become visible, or none of it.
//!
//! ```text
//! 1  files lie in `_staging/<run>/`, closed and synced, the folder synced; the new metadata is staged beside them
//! 2  `_staging/intent.json` is put in place by rename: every move, the lines of the journal, the hash of the staged
//!    metadata                                                                                   ◀ the commit point
//! 3  each file is renamed to its place, the folders are synced
//! 4  the lines go behind the journal
//! 5  the staged metadata gets the name `_metadata.json`
//! 6  the intent is removed
//! ```
//!
//! A stop before 2 leaves the state before; from 2 on, start-up repeats 3 to 6, each of which may be repeated: a file
//! that is at its place already is fine, one that is at neither place is damage. An intent gets its name when it is whole
//! and synced: one whose hash is wrong was changed later, and is damage too. What cannot be done is refused before 2: a
//! move through a link, or to another file system. It knows no Parquet and no schema.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::feed::Visibility;
use crate::lake::fs::{self, ContentHash, Fs};
use crate::lake::layout;
use crate::lake::manifest::journal;
use crate::{Error, Kind, Result};

const INTENT: &str = "intent.json";
/// The new metadata, staged.
const NEXT_METADATA: &str = "metadata.json";
const CAP: u64 = 512 << 20;
/// Characters of the intent's hash, and the line end behind them.
const HEAD: usize = 33;

/// What a commit has decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// The commit's id.
    pub(crate) commit: String,
    /// What gets its final name.
    pub(crate) moves: Vec<Move>,
    /// The new `_metadata.json`, staged.
    pub(crate) metadata: StagedMetadata,
    /// What goes behind the journal.
    pub(crate) journal: journal::Lines,
}

/// The staged metadata, by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StagedMetadata {
    pub(crate) bytes: u64,
    pub(crate) hash: ContentHash,
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

    fn next_metadata(&self) -> PathBuf {
        self.dir.join(layout::STAGING).join(NEXT_METADATA)
    }

    /// Where the journal lies.
    pub(crate) fn journal(&self) -> PathBuf {
        layout::journal(&self.dir)
    }

    /// Stages the new metadata.
    pub(crate) fn stage_metadata(&self, text: &str) -> Result<StagedMetadata> {
        let path = self.next_metadata();
        self.fs.remove(&path)?;
        let mut file = self.fs.create(&path, self.visibility.file_mode())?;
        file.write_all(text.as_bytes()).map_err(|e| Error::io("write", &path, e))?;
        file.sync()?;
        Ok(StagedMetadata { bytes: text.len() as u64, hash: file.hash() })
    }

    /// Steps 1 and 2: the commit point lies in it. `Kind::Refused`, and nothing is decided, when a move cannot be done.
    pub(crate) fn decide(&self, intent: &Intent) -> Result<()> {
        self.refuse_other_places(&intent.moves)?;
        let staging = self.dir.join(layout::STAGING);
        let mut folders: BTreeSet<PathBuf> = intent
            .moves
            .iter()
            .map(|step| layout::inside(&self.dir, &step.from).map(|from| fs::parent(&from).to_path_buf()))
            .collect::<Result<_>>()?;
        folders.insert(staging.clone());
        for folder in folders {
            self.fs.sync_dir(&folder)?;
        }
        let body = serde_json::to_string(intent)
            .map_err(|e| Error::new(Kind::Bug, format!("the intent cannot be written: {e}")))?;
        let text = format!("{}\n{body}\n", ContentHash::of(body.as_bytes()));
        self.fs.replace(&self.intent_path(), &staging.join("intent.tmp"), text.as_bytes(), 0o600)
    }

    /// Every folder on the way of a move is a real one, and on the dataset's file system.
    fn refuse_other_places(&self, moves: &[Move]) -> Result<()> {
        let home = fs::stat(&self.dir)?.map(|stat| stat.device);
        let mut seen = BTreeSet::new();
        for path in moves.iter().flat_map(|step| [&step.from, &step.to]) {
            let Some((folder, _)) = path.rsplit_once('/') else { continue };
            if !seen.insert(folder) {
                continue;
            }
            if let Some(place) = elsewhere(&self.dir, folder, home)? {
                return Err(Error::new(
                    Kind::Refused,
                    format!("{} is {}: it is read, and nothing is written into it", place.path, place.what),
                )
                .at("folder", self.dir.join(&place.path).display())
                .next("nothing was changed; put a real folder there to write into it"));
            }
        }
        Ok(())
    }

    /// Steps 3 to 6, as often as needed.
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
        let lines = &intent.journal;
        // A journal that is shorter than it was is lost: it is made anew by the next start, and no hole is left in this one.
        if fs::size_of(&self.journal())?.unwrap_or(0) >= lines.from {
            self.fs.write_at(
                &self.journal(),
                lines.from,
                lines.text.as_bytes(),
                self.visibility.file_mode(),
            )?;
        }
        if fs::size_of(&self.next_metadata())?.is_some() {
            self.fs.rename(&self.next_metadata(), &self.dir.join(layout::METADATA))?;
            self.fs.sync_dir(&self.dir)?;
        }
        self.fs.remove(&self.intent_path())?;
        self.fs.sync_dir(&self.dir.join(layout::STAGING))
    }

    /// Every file is at one of its two places and has its size; the metadata is staged, or in its place.
    pub(crate) fn check(&self, intent: &Intent) -> Result<()> {
        let mut wrong = Vec::new();
        if !self.holds_metadata(&intent.metadata)? {
            wrong.push("the new metadata is missing, or was changed".to_owned());
        }
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

    fn holds_metadata(&self, wanted: &StagedMetadata) -> Result<bool> {
        let staged = self.next_metadata();
        let path = if fs::size_of(&staged)?.is_some() { staged } else { self.dir.join(layout::METADATA) };
        if fs::size_of(&path)? != Some(wanted.bytes) {
            return Ok(false);
        }
        match fs::hash_file(&path) {
            Ok(hash) => Ok(hash == wanted.hash),
            Err(e) if e.kind() == Kind::Damaged => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Replaces `_metadata.json`.
    pub(crate) fn write_metadata(&self, text: &str) -> Result<()> {
        let scratch = self.dir.join(layout::STAGING).join("metadata.tmp");
        let mode = self.visibility.file_mode();
        self.fs.replace(&self.dir.join(layout::METADATA), &scratch, text.as_bytes(), mode)
    }

    /// The intent that a run before has left. `Kind::Damaged` when it is not as it was written.
    pub(crate) fn left_behind(&self) -> Result<Option<Intent>> {
        let path = self.intent_path();
        let Some(bytes) = fs::read_capped(&path, CAP)? else { return Ok(None) };
        let body = bytes.get(HEAD..bytes.len().saturating_sub(1)).unwrap_or_default();
        let head = format!("{}\n", ContentHash::of(body));
        if !bytes.ends_with(b"\n") || bytes.get(..HEAD) != Some(head.as_bytes()) {
            return Err(Error::new(
                Kind::Damaged,
                "the record of an unfinished commit was changed after it was written",
            )
            .at("file", path.display())
            .next(
                "`lakehand check --repair` gives this commit up: what of it is not in the lake is read again",
            ));
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

/// A folder on the way that is not an ordinary one of this lake.
pub(crate) struct Elsewhere {
    /// Below the dataset.
    pub(crate) path: String,
    pub(crate) what: &'static str,
}

/// The first folder of `path`, below `dir`, that is a link or lies on another file system than `home`.
pub(crate) fn elsewhere(dir: &Path, path: &str, home: Option<u64>) -> Result<Option<Elsewhere>> {
    let mut folder = dir.to_path_buf();
    let mut below = String::new();
    for part in path.split('/') {
        folder.push(part);
        below = if below.is_empty() { part.to_owned() } else { format!("{below}/{part}") };
        match fs::stat(&folder)? {
            None => return Ok(None),
            Some(found) if found.is_link => return Ok(Some(Elsewhere { path: below, what: "a link" })),
            Some(found) if home.is_some_and(|home| home != found.device) => {
                return Ok(Some(Elsewhere { path: below, what: "on another file system" }));
            }
            Some(_) => {}
        }
    }
    Ok(None)
}

/// Which partitions of a dataset cannot be written, asked once each.
#[derive(Default)]
pub(crate) struct ReadOnlyPartitions(BTreeMap<String, Option<&'static str>>);

impl ReadOnlyPartitions {
    /// Why nothing is written into the folder `path` below `dir`; `None` when it can be.
    pub(crate) fn why(&mut self, dir: &Path, path: &str) -> Result<Option<&'static str>> {
        if let Some(known) = self.0.get(path) {
            return Ok(*known);
        }
        let home = fs::stat(dir)?.map(|stat| stat.device);
        let why = elsewhere(dir, path, home)?.map(|place| place.what);
        self.0.insert(path.to_owned(), why);
        Ok(why)
    }
}

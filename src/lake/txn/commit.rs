//! The commit: all of a set of files and the metadata that names them become visible, or none of it.
//!
//! ```text
//! 1  files lie in `staging/<run>/`, closed and synced, the folder synced; the new metadata is staged beside them
//! 2  `staging/intent.json` is put in place by rename: every move, the lines of the journal, the hash of the staged
//!    metadata                                                                                     ◀ the commit point
//! 3  folders whose files are replaced are exchanged (`exchange`); each other file is renamed to its place, the folders are
//!    synced; a table's folder is exchanged with the prepared one
//! 4  the table's log, where the dataset has one, gets its entry or its version (`table`); the lines go behind the journal
//! 5  the staged metadata gets its name
//! 6  the intent is removed
//! ```
//!
//! A stop before 2 leaves the state before; from 2 on, start-up repeats 3 to 6, each of which may be repeated: a file
//! that is at its place already is fine, one that is at neither place is damage. An intent gets its name when it is whole
//! and synced: one whose hash is wrong was changed later, and is damage too. What cannot be done is refused before 2: a
//! move through a link, or to another file system. It knows no Parquet and no schema.
//!
//! The exchange: the prepared folder holds the new version alone, so a version of that name in the table's folder says
//! that it has happened. Whoever lists the table's folder sees the old version or the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::feed::Visibility;
use crate::hash::ContentHash;
use crate::lake::fs::{self, Fs};
use crate::lake::layout::{self, Place, Places, Room};
use crate::lake::manifest::journal;
use crate::lake::txn::migrate;
use crate::lake::txn::table::{LogEntry, TableVersion};
use crate::{Error, Kind, Result};

const INTENT: &str = "intent.json";
/// The new metadata, staged.
const NEXT_METADATA: &str = "next-metadata.json";
const CAP: u64 = 512 << 20;
/// Characters of the intent's hash, and the line end behind them.
const HEAD: usize = 33;

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
    /// The new metadata, staged.
    pub(crate) metadata: StagedMetadata,
    /// What goes behind the journal.
    pub(crate) journal: journal::Lines,
    /// What goes into the log of the dataset's table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) table: Option<LogEntry>,
    /// The next version of the dataset's Iceberg table, staged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) iceberg: Option<TableVersion>,
    /// The whole metadata: in an intent of before version 0.2, which staged none.
    #[serde(skip)]
    pub(crate) whole_metadata: Option<String>,
}

/// The staged metadata, by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StagedMetadata {
    pub(crate) bytes: u64,
    pub(crate) hash: ContentHash,
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

    fn next_metadata(&self) -> PathBuf {
        self.staging().join(NEXT_METADATA)
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

    /// Every folder on the way of a move is a real one, and on the dataset's file system.
    fn refuse_other_places(&self, moves: &[Move]) -> Result<()> {
        let mut seen = BTreeSet::new();
        for place in moves.iter().flat_map(|step| [&step.from, &step.to]) {
            let Some((folder, _)) = place.path.rsplit_once('/') else { continue };
            if !seen.insert((place.room, folder)) {
                continue;
            }
            let dir = self.places.room(place.room);
            let home = fs::stat(&dir)?.map(|stat| stat.device);
            if let Some(found) = elsewhere(&dir, folder, home)? {
                return Err(Error::new(
                    Kind::Refused,
                    format!("{} is {}: it is read, and nothing is written into it", found.path, found.what),
                )
                .at("folder", dir.join(&found.path).display())
                .next("nothing was changed; put a real folder there to write into it"));
            }
        }
        Ok(())
    }

    /// Steps 1 and 2: the commit point lies in it. `Kind::Refused`, and nothing is decided, when a move cannot be done.
    pub(crate) fn decide(&self, intent: &Intent) -> Result<()> {
        self.refuse_other_places(&intent.moves)?;
        let staging = self.staging();
        let mut folders = BTreeSet::from([staging.clone()]);
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
        if intent.iceberg.is_some() {
            self.sync_version()?;
        }
        let body = serde_json::to_string(intent)
            .map_err(|e| Error::new(Kind::Bug, format!("the intent cannot be written: {e}")))?;
        let text = format!("{}\n{body}\n", ContentHash::of(body.as_bytes()));
        self.fs.replace(&self.intent_path(), &staging.join("intent.tmp"), text.as_bytes(), 0o600)
    }

    /// Steps 3 to 6, as often as needed.
    pub(crate) fn finish(&self, intent: &Intent) -> Result<()> {
        self.undo_stopped_exchanges(intent)?;
        self.check(intent)?;
        self.exchange_folders(intent)?;
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
        for step in intent.moves.iter().filter(|step| step.to.room == Room::Data) {
            let from = self.places.path(&step.from)?;
            if step.from.room != Room::Staging && is_dir(&from)? {
                self.name_as_data(&from)?;
            }
        }
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
        for step in intent.moves.iter().filter(|step| step.from.room == Room::Data) {
            // What readers would take for data loses its ending, once it has left.
            let to = self.places.path(&step.to)?;
            if matches!(step.to.room, Room::Bin | Room::Damaged) && is_dir(&to)? {
                migrate::rename_inside(&self.fs, &to, step.to.room)?;
            }
        }
        for folder in touched.iter().filter(|folder| folder.exists()) {
            self.fs.sync_dir(folder)?;
        }
        if let Some(swap) = &intent.swap {
            self.swap(swap)?;
        }
        if let Some(entry) = &intent.table {
            self.publish(entry)?;
        }
        if let Some(version) = &intent.iceberg {
            // A number that another writer has taken stays taken: the next start brings the table up behind it.
            self.publish_version(version)?;
        }
        let (lines, journal) = (&intent.journal, self.places.journal());
        // A journal that is shorter than it was is lost: it is made anew by the next start, and no hole is left in this one.
        if !lines.text.is_empty() && fs::size_of(&journal)?.unwrap_or(0) >= lines.from {
            self.fs.write_at(&journal, lines.from, lines.text.as_bytes(), self.visibility.file_mode())?;
        }
        if let Some(metadata) = &intent.whole_metadata {
            self.write_metadata(metadata)?;
        } else if fs::size_of(&self.next_metadata())?.is_some() {
            self.fs.rename(&self.next_metadata(), &self.places.metadata)?;
            self.fs.sync_dir(fs::parent(&self.places.metadata))?;
        }
        self.fs.remove(&self.intent_path())?;
        self.fs.sync_dir(&self.staging())
    }

    /// Gives the files of a folder the names that they had in the data.
    fn name_as_data(&self, folder: &Path) -> Result<()> {
        for entry in fs::list(folder)? {
            let name = layout::places::original_name(&entry.name);
            if name != entry.name {
                self.fs.rename(&entry.path, &folder.join(name))?;
            }
        }
        self.fs.sync_dir(folder)
    }

    /// Gives the table's folder and the prepared one each other's name.
    fn swap(&self, swap: &Swap) -> Result<()> {
        let (data, prepared) = (self.dir(), self.places.path(&swap.prepared)?);
        if fs::size_of(&data.join(&swap.version))?.is_none() {
            if !self.places.is_apart() {
                // The new folder comes with its metadata: a reader who takes `current_version` finds it at every instant.
                let path = prepared.join(layout::METADATA);
                let scratch = self.staging().join("metadata.tmp");
                let metadata = fs::read_capped(&self.next_metadata(), CAP)?.unwrap_or_default();
                self.fs.replace(&path, &scratch, &metadata, self.visibility.file_mode())?;
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

    /// Every file is at one of its two places and has its size; the metadata is staged, or in its place.
    pub(crate) fn check(&self, intent: &Intent) -> Result<()> {
        let mut wrong = Vec::new();
        if intent.whole_metadata.is_none() && !self.holds_metadata(&intent.metadata)? {
            wrong.push("the new metadata is missing, or was changed".to_owned());
        }
        if let Some(version) = &intent.iceberg {
            wrong.extend(self.missing_of(version)?);
        }
        let mut places = Vec::new();
        for step in &intent.moves {
            let (mut from, to) = (self.places.path(&step.from)?, self.places.path(&step.to)?);
            // A stop in the middle of an exchange: recovery puts its files back first.
            if let Some(held) = self.exchanged(step)
                && fs::size_of(&held)?.is_some()
            {
                from = held;
            }
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

    fn holds_metadata(&self, wanted: &StagedMetadata) -> Result<bool> {
        let staged = self.next_metadata();
        let path = if fs::size_of(&staged)?.is_some() { staged } else { self.places.metadata.clone() };
        if fs::size_of(&path)? != Some(wanted.bytes) {
            return Ok(false);
        }
        match fs::hash_file(&path) {
            Ok(hash) => Ok(hash == wanted.hash),
            Err(e) if e.kind() == Kind::Damaged => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Replaces the metadata.
    pub(crate) fn write_metadata(&self, text: &str) -> Result<()> {
        let scratch = self.staging().join("metadata.tmp");
        let mode = self.visibility.file_mode();
        self.fs.replace(&self.places.metadata, &scratch, text.as_bytes(), mode)
    }

    /// Finishes the commit that a run before has decided, and gives it. The intent's name may not have reached the disk: it is
    /// synced first, so that a power loss finds either the intent or none of its moves.
    pub(crate) fn finish_left_behind(&self) -> Result<Option<Intent>> {
        let Some(intent) = self.left_behind()? else { return Ok(None) };
        self.fs.sync_dir(&self.staging())?;
        self.finish(&intent)?;
        Ok(Some(intent))
    }

    /// The intent that a run before has left. `Kind::Damaged` when it is not as it was written.
    pub(crate) fn left_behind(&self) -> Result<Option<Intent>> {
        let path = self.intent_path();
        let Some(bytes) = fs::read_capped(&path, CAP)? else { return Ok(None) };
        let body = bytes.get(HEAD..bytes.len().saturating_sub(1)).unwrap_or_default();
        let head = format!("{}\n", ContentHash::of(body));
        if bytes.ends_with(b"\n") && bytes.get(..HEAD) == Some(head.as_bytes()) {
            return self.understood(body).map(Some);
        }
        match self.of_old(&bytes)? {
            Some(intent) => Ok(Some(intent)),
            None => Err(Error::new(
                Kind::Damaged,
                "the record of an unfinished commit was changed after it was written",
            )
            .at("file", path.display())
            .next(
                "`lakehand check --repair` gives this commit up: what of it is not in the lake is read again",
            )),
        }
    }

    fn understood(&self, body: &[u8]) -> Result<Intent> {
        let understood = serde_json::from_slice(body).and_then(|written: Written| {
            let place = |text: &str| self.places.named(text).map_err(serde::de::Error::custom);
            let moves = written.moves.iter().map(|step| {
                let (from, to) = (place(&step.from)?, place(&step.to)?);
                Ok(Move { from, to, bytes: step.bytes, rows: step.rows })
            });
            let moves = moves.collect::<serde_json::Result<_>>()?;
            let (commit, swap) = (written.commit, written.swap);
            let (metadata, journal) = (written.metadata, written.journal);
            let (table, iceberg) = (written.table, written.iceberg);
            Ok(Intent { commit, moves, swap, metadata, journal, table, iceberg, whole_metadata: None })
        });
        understood.map_err(|e| {
            Error::new(Kind::Damaged, format!("the record of an unfinished commit cannot be understood: {e}"))
                .at("file", self.intent_path().display())
                .next("a newer lakehand may have written it: finish with that one")
        })
    }

    /// An intent of before version 0.2, which holds the whole metadata.
    fn of_old(&self, bytes: &[u8]) -> Result<Option<Intent>> {
        let body = bytes.get(17..bytes.len().saturating_sub(1)).unwrap_or_default();
        let is_whole = bytes.ends_with(b"\n")
            && bytes.get(..17) == Some(format!("{:016x}\n", checksum_of_old(body)).as_bytes());
        let text = serde_json::from_slice::<serde_json::Value>(body).ok().filter(|_| is_whole);
        let Some(serde_json::Value::Object(mut written)) = text else { return Ok(None) };
        let Some(metadata) = written.get("metadata").and_then(|text| text.as_str()).map(str::to_owned) else {
            return Ok(None);
        };
        let hash = ContentHash::of(metadata.as_bytes());
        written.insert("metadata".to_owned(), serde_json::json!({ "bytes": metadata.len(), "hash": hash }));
        written.insert("journal".to_owned(), serde_json::json!({ "from": 0, "text": "" }));
        let intent = self.understood(serde_json::Value::Object(written).to_string().as_bytes())?;
        Ok(Some(Intent { whole_metadata: Some(metadata), ..intent }))
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

fn is_dir(path: &Path) -> Result<bool> {
    Ok(fs::stat(path)?.is_some_and(|stat| stat.is_dir))
}

/// An intent as it is read: what a path means depends on where the intent lies.
#[derive(Deserialize)]
struct Written {
    commit: String,
    moves: Vec<WrittenMove>,
    #[serde(default)]
    swap: Option<Swap>,
    metadata: StagedMetadata,
    journal: journal::Lines,
    #[serde(default)]
    table: Option<LogEntry>,
    #[serde(default)]
    iceberg: Option<TableVersion>,
}

#[derive(Deserialize)]
struct WrittenMove {
    from: String,
    to: String,
    bytes: u64,
    rows: u64,
}

/// FNV-1a, 64 bit: how intents of before version 0.2 tell that they are whole.
fn checksum_of_old(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
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

//! A version of the table gets its place: whole or not at all, and never over that of another writer.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::METADATA;
use crate::format::iceberg::{HINT, file_of_version};
use crate::lake::fs;
use crate::lake::layout::{self, ICEBERG, Room};
use crate::lake::txn::commit::Committer;
use crate::lake::txn::table::Links;
use crate::{Error, Result};

/// The folder in staging where the files of a version wait.
const WAITING: &str = "iceberg";
/// Longest hint that is read.
const HINT_CAP: u64 = 4096;

/// What an intent says of the table's next version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableVersion {
    /// Its number.
    pub(crate) version: u64,
    /// Data files that get a second name, below the dataset.
    pub(crate) links: Vec<String>,
    /// Staged files that get their place below `metadata/`, with their sizes; the metadata is one of them.
    pub(crate) files: Vec<(String, u64)>,
    /// Names below `metadata/` that no version needs any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) gone: Vec<String>,
    /// Second names that no snapshot needs any more, below the dataset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) gone_data: Vec<String>,
}

impl Committer {
    fn waiting(&self) -> PathBuf {
        self.places.room(Room::Staging).join(WAITING)
    }

    /// Stages files of a version: name and content. They last, but for their names.
    pub(super) fn stage_version(&self, files: &[(String, Vec<u8>)]) -> Result<Vec<(String, u64)>> {
        let folder = self.waiting();
        self.fs.make_dir(&folder, 0o700)?;
        let mut staged = Vec::new();
        for (name, bytes) in files {
            let path = layout::inside(&folder, name)?;
            self.fs.remove(&path)?;
            let mut file = self.fs.create(&path, self.visibility.file_mode())?;
            file.write_all(bytes).map_err(|e| Error::io("write", &path, e))?;
            file.sync()?;
            staged.push((name.clone(), bytes.len() as u64));
        }
        Ok(staged)
    }

    /// Makes the names of the staged files last.
    pub(crate) fn sync_version(&self) -> Result<()> {
        self.fs.sync_dir(&self.waiting())
    }

    /// Files of a version that are neither staged nor in their place.
    pub(crate) fn missing_of(&self, version: &TableVersion) -> Result<Vec<String>> {
        let (waiting, folder) = (self.waiting(), self.dir().join(ICEBERG).join(METADATA));
        let mut missing = Vec::new();
        for (name, bytes) in &version.files {
            let staged = fs::size_of(&layout::inside(&waiting, name)?)?;
            let there = fs::size_of(&layout::inside(&folder, name)?)?;
            if staged.or(there) != Some(*bytes) {
                missing.push(format!("{name} of the Iceberg table is missing"));
            }
        }
        Ok(missing)
    }

    /// Makes the second names, then gives the files of the version their places, the metadata last, and then the hint. May be repeated.
    /// `false`: another writer has taken the version's number, and nothing of it is published.
    pub(crate) fn publish_version(&self, version: &TableVersion) -> Result<bool> {
        self.link(Links::ICEBERG, version.links.iter().map(String::as_str))?;
        let folder = self.dir().join(ICEBERG).join(METADATA);
        let below = Path::new(ICEBERG).join(METADATA);
        self.fs.make_dirs(self.dir(), [below.as_path()], self.visibility.dir_mode())?;
        let waiting = self.waiting();
        let name = file_of_version(version.version);
        let (staged, place) = (waiting.join(&name), folder.join(&name));
        let is_staged = fs::size_of(&staged)?.is_some();
        if is_staged && fs::size_of(&place)?.is_some() && !is_same(&staged, &place)? {
            return Ok(false);
        }
        for (name, _) in version.files.iter().filter(|(other, _)| *other != name) {
            let staged = layout::inside(&waiting, name)?;
            if fs::size_of(&staged)?.is_some() {
                self.fs.rename(&staged, &layout::inside(&folder, name)?)?;
            }
        }
        // Recovery cannot know which renames the disk has kept.
        self.fs.sync_dir(&folder)?;
        if is_staged {
            // Somebody else may take the number in this instant.
            if !self.fs.link_new(&staged, &place)? && !is_same(&staged, &place)? {
                return Ok(false);
            }
            self.fs.sync_dir(&folder)?;
            self.hint(version.version)?;
            self.fs.remove(&staged)?;
        }
        for name in &version.gone {
            self.fs.remove(&layout::inside(&folder, name)?)?;
        }
        self.unlink(Links::ICEBERG, version.gone_data.iter().map(String::as_str))?;
        Ok(true)
    }

    /// The hint names this version, or one behind it.
    pub(super) fn hint(&self, version: u64) -> Result<()> {
        let path = self.dir().join(ICEBERG).join(METADATA).join(HINT);
        let told = fs::read_capped(&path, HINT_CAP)?.unwrap_or_default();
        let told = std::str::from_utf8(&told).ok().and_then(|text| text.trim().parse::<u64>().ok());
        if told.is_some_and(|told| told >= version) {
            return Ok(());
        }
        let scratch = self.places.room(Room::Staging).join("hint.tmp");
        self.fs.replace(&path, &scratch, version.to_string().as_bytes(), self.visibility.file_mode())
    }
}

/// Both files hold the same.
fn is_same(one: &Path, other: &Path) -> Result<bool> {
    Ok(fs::size_of(one)? == fs::size_of(other)? && fs::hash_file(one)? == fs::hash_file(other)?)
}

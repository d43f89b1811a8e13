//! What was published of a dataset to a catalogue: a file of the books, written by whoever publishes.
//!
//! It is no queue: it tells what the catalogue was last made to hold, and what is to be published is what the dataset holds beyond
//! that. So nothing is lost with a kill, and nothing comes out of order.

use std::path::{Path, PathBuf};

use crate::feed::Feed;
use crate::lake::Lake;
use crate::lake::fs::{self, Fs, LockFile, TryLock};
use crate::lake::layout::Places;
use crate::{Error, Kind, Result};

/// The largest file that is read: ten years of hours need a tenth of it.
const CAP: u64 = 256 << 20;

/// The record of one dataset and catalogue, which no other process writes as long as the value lives.
pub struct Publication {
    fs: Fs,
    path: PathBuf,
    mode: u32,
    _lock: LockFile,
}

impl Lake {
    /// The record of what was published of the feed's dataset to a catalogue, held for whoever publishes now; `None` where there is
    /// no dataset.
    ///
    /// # Errors
    /// `Kind::Locked` when another process publishes it.
    pub fn publication(&self, feed: &Feed, catalogue: &str) -> Result<Option<Publication>> {
        let places = Places::find(&self.dataset_dir(feed)?)?;
        if !fs::is_real_dir(&places.books)? {
            return Ok(None);
        }
        let [path, lock] = places.published(catalogue);
        let mode = feed.visibility.file_mode();
        self.fs().make_dir(fs::parent(&path), feed.visibility.dir_mode())?;
        let file = LockFile::open(&lock, Some(mode))?;
        match file.try_exclusive() {
            TryLock::Ours => Ok(Some(Publication { fs: self.fs().clone(), path, mode, _lock: file })),
            TryLock::Held => Err(Error::new(Kind::Locked, "another process publishes the dataset just now")
                .at("lock", lock.display())
                .next("it is published by that one, or with the next commit")),
            TryLock::Unusable(e) => Err(Error::io("lock", &lock, e)),
        }
    }
}

impl Publication {
    /// What it says; `None` when nothing was published yet.
    pub fn read(&self) -> Result<Option<Vec<u8>>> {
        fs::read_capped(&self.path, CAP)
    }

    /// Replaces it, whole or not at all.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        self.fs.replace(&self.path, &self.path.with_extension("tmp"), bytes, self.mode)
    }

    /// Removes it: nothing is published.
    pub fn remove(&self) -> Result<()> {
        self.fs.remove(&self.path)
    }
}

/// What was published of the dataset in `dataset_dir` to a catalogue, without holding it.
pub fn read_publication(dataset_dir: &Path, catalogue: &str) -> Result<Option<Vec<u8>>> {
    let [path, _] = Places::find(dataset_dir)?.published(catalogue);
    fs::read_capped(&path, CAP)
}

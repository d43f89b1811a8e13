//! Sealed days move to the cold tier and back. The lake's side: which files, what readers are told, what goes.
//!
//! ```text
//!        due         copies are in the store, read back    grace is over             restore
//!  hot ───────▶ copying ───────▶ verified ───▶ switched ───────────────▶ cold ──────────────▶ hot
//!  [`due()`]    (not here)                     [`Dataset::cool`]          [`Dataset::drop_copies`]   [`Dataset::bring_home`]
//! ```
//!
//! Each arrow that readers see is one commit. From the switch on, `lakehand read`, table formats and catalogues name the objects; the local
//! files stay in their places for a grace period, for whoever was sent to them before. What is known of a cold file is its stub in the books
//! (see `file/stub`), which has the footer: checks, rebuilds and the calendar ask no store.
//!
//! Objects that nobody needs any more (their day came home, or left by retention and its time in the bin is over) are listed in
//! `cold-gone/` until they are deleted: [`gone()`], [`forget_gone`](crate::lake::Dataset::forget_gone).

mod gone;
mod home;
mod plan;
mod switch;

use std::path::{Path, PathBuf};

use crate::feed::Visibility;
use crate::hash::ContentHash;
use crate::lake::fs::{self, Fs, LockFile, TryLock};
use crate::lake::layout::{self, Places, Room};
use crate::lake::manifest::cold;
use crate::lake::manifest::data_file::Stub;
use crate::lake::manifest::metadata::read_metadata_at;
use crate::lake::txn::tidy::remove_empty_below;
use crate::{Error, Kind, Result};

pub use gone::{Gone, gone};
pub use home::{HomeComing, Warmed};
pub use plan::{Due, DueCold, LocalFile, NotDue, TierRules, candidates, due, reason_to_stay, refusal};
pub use switch::{Cooled, CopiesDue, Freed, copies_due};

/// A file in the cold tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColdFile {
    /// The partition, below the dataset.
    pub partition: String,
    /// The file's name.
    pub name: String,
    /// The object.
    pub url: String,
    /// Size, bytes.
    pub bytes: u64,
    /// The hash of its content.
    pub hash: ContentHash,
    /// A local copy of it is there.
    pub has_copy: bool,
}

/// The files of the dataset in `dataset_dir` that lie in the cold tier, by partition. Takes no lock.
///
/// # Errors
/// `Kind::Damaged` for a record that is not as it was written.
pub fn cold_files(dataset_dir: &Path) -> Result<Vec<ColdFile>> {
    let places = Places::find(dataset_dir)?;
    let metadata = read_metadata_at(&places.metadata)?;
    let partitions = metadata.map(|metadata| metadata.partitions).unwrap_or_default();
    let mut found = Vec::new();
    for file in cold::stubs(&places)? {
        let Stub { url, bytes, hash, .. } = Stub::read(&file.path)?;
        let known = partitions.iter().find(|partition| partition.path == file.partition);
        let may_have = known.and_then(|known| known.cold.as_ref()?.local_until).is_some();
        let local = layout::inside(&places.data, &file.relative())?;
        let has_copy = may_have && fs::size_of(&local)?.is_some();
        found.push(ColdFile { partition: file.partition, name: file.name, url, bytes, hash, has_copy });
    }
    Ok(found)
}

/// Held by whoever moves files of one dataset between the tiers; gone with the value, or with the process. It keeps nobody from
/// exporting.
pub struct TierLock {
    _file: LockFile,
    moving: PathBuf,
    dir_mode: u32,
}

impl TierLock {
    /// Takes it. `Kind::Locked` while another process moves files of the dataset.
    pub fn take(dataset_dir: &Path, visibility: Visibility) -> Result<Self> {
        let places = Places::find(dataset_dir)?;
        let path = places.books.join("tier.lock");
        let file = LockFile::open(&path, Some(visibility.file_mode()))?;
        // Not left to the umask.
        Fs::default().set_mode(&path, visibility.file_mode())?;
        match file.try_exclusive() {
            TryLock::Ours => {
                Ok(Self { _file: file, moving: places.room(Room::Moving), dir_mode: visibility.dir_mode() })
            }
            TryLock::Held => {
                Err(Error::new(Kind::Locked, "another process moves days of this dataset between the tiers")
                    .at("lock", path.display())
                    .next("let it end, then try again"))
            }
            TryLock::Unusable(e) => Err(Error::io("lock", &path, e)),
        }
    }

    /// A file in which an upload of `name`, a file of `partition`, may note how far it is; its folder is made.
    pub fn notes(&self, partition: &str, name: &str) -> Result<PathBuf> {
        let folder = layout::inside(&self.moving, partition)?;
        let books = fs::parent(&self.moving);
        let below = folder.strip_prefix(books).unwrap_or(&folder);
        Fs::default().make_dirs(books, [below], self.dir_mode)?;
        Ok(folder.join(format!("{name}.upload")))
    }

    /// Removes the folders in which no notes are left.
    pub fn tidy(&self) {
        remove_empty_below(&Fs::default(), &self.moving);
    }

    /// The notes of uploads that were begun and are of none of these: partition and name of the file.
    pub fn stale_notes(&self, wanted: &dyn Fn(&str, &str) -> bool) -> Result<Vec<PathBuf>> {
        let mut stale = Vec::new();
        if !fs::is_real_dir(&self.moving)? {
            return Ok(stale);
        }
        for leaf in layout::leaves(&self.moving)? {
            for entry in leaf.files {
                let name = entry.name.strip_suffix(".upload");
                if name.is_none_or(|name| !wanted(&leaf.path, name)) {
                    stale.push(entry.path);
                }
            }
        }
        Ok(stale)
    }
}

/// The hash of a file's content, of which no record tells it.
pub fn content_hash(file: &Path) -> Result<ContentHash> {
    fs::hash_file(file)
}

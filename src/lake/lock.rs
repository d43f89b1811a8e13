//! One program per dataset: a lock on `<dataset>/_lock` that dies with its owner.
//!
//! The lock is the kernel's (`flock`), so a killed owner leaves nothing behind; the file's content only says who it was.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Owner;
use super::fsops::{Fs, read_capped};
use crate::{Error, Kind, Result};

/// Held until dropped.
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of the dataset in `dir`. `Kind::Locked` says who holds it.
    pub(crate) fn take(fs: &Fs, dir: &Path, owner: &Owner, mode: u32) -> Result<Self> {
        let path = dir.join("_lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(mode)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(|e| Error::io("open the lock", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&path)),
            Err(TryLockError::Error(e)) => return Err(unusable(&path, e)),
        }
        let lock = Self { file, path };
        lock.check()?;
        fs.set_mode(&lock.path, mode)?;
        lock.sign(owner)?;
        Ok(lock)
    }

    /// Somebody may have removed the file by hand, and another process made and locked a new one.
    pub(crate) fn check(&self) -> Result<()> {
        let same = self.file.metadata().and_then(|mine| {
            let there = std::fs::symlink_metadata(&self.path)?;
            Ok((mine.dev(), mine.ino()) == (there.dev(), there.ino()))
        });
        match same {
            Ok(true) => Ok(()),
            Ok(false) => Err(held(&self.path)),
            Err(e) => Err(Error::io("look at the lock", &self.path, e)
                .next("the lock file must stay while a program writes the dataset: run the export again")),
        }
    }

    fn sign(&self, owner: &Owner) -> Result<()> {
        let text = serde_json::to_string(owner)
            .map_err(|e| Error::new(Kind::Bug, format!("the lock's owner cannot be written: {e}")))?;
        let mut file = &self.file;
        file.set_len(0)
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(|e| Error::io("write the lock", &self.path, e))
    }
}

fn held(path: &Path) -> Error {
    let owner = read_capped(path, 64 * 1024)
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice::<Owner>(&bytes).ok());
    let what = match owner {
        Some(owner) => format!(
            "another program holds the dataset: {} (process {} on {}) since {}",
            owner.what,
            owner.pid,
            owner.host,
            owner.since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        ),
        // The owner has the lock and has not yet written its name.
        None => "another program holds the dataset and has not yet said which".to_owned(),
    };
    Error::new(Kind::Locked, what).at("lock", path.display()).next("wait for it, or export with --wait")
}

fn unusable(path: &Path, e: io::Error) -> Error {
    Error::new(Kind::Io, format!("the file system cannot lock, and without a lock nothing is written: {e}"))
        .at("lock", path.display())
        .next("put the lake on a file system with locks (a local one, or NFS version 4)")
        .because(e)
}

//! A file whose lock (`flock`) the kernel holds for this process, and takes back when the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::{Error, Kind, Result};

/// The open lock file; the lock goes with the value.
pub(crate) struct LockFile(File);

/// What came of an attempt to lock.
pub(crate) enum TryLock {
    Ours,
    /// Another process, or another value of this one, holds it.
    Held,
    /// The file system has no locks, or another error.
    Unusable(io::Error),
}

impl LockFile {
    /// Opens the file at `path` for writing; with a mode it is made where it is not there.
    pub(crate) fn open(path: &Path, mode: Option<u32>) -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(mode.is_some()).truncate(false).mode(mode.unwrap_or(0o600));
        Self::of(path, &mut options)
    }

    /// Opens the file only to look; `None` when it is not there.
    pub(crate) fn look(path: &Path) -> Result<Option<Self>> {
        if super::look::stat(path)?.is_none() {
            return Ok(None);
        }
        Self::of(path, OpenOptions::new().read(true)).map(Some)
    }

    fn of(path: &Path, options: &mut OpenOptions) -> Result<Self> {
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
        let refused = |e| Error::io("open the lock", path, e);
        let file = options.custom_flags(flags).open(path).map_err(refused)?;
        if !file.metadata().map_err(refused)?.is_file() {
            return Err(Error::new(
                Kind::Damaged,
                "a folder, a pipe or a device stands where the lock belongs",
            )
            .at("lock", path.display())
            .next("move it away: nothing is written without the lock"));
        }
        Ok(Self(file))
    }

    pub(crate) fn try_exclusive(&self) -> TryLock {
        told(self.0.try_lock())
    }

    pub(crate) fn try_shared(&self) -> TryLock {
        told(self.0.try_lock_shared())
    }

    /// The file at `path` is still this one.
    pub(crate) fn is_at(&self, path: &Path) -> io::Result<bool> {
        let (mine, there) = (self.0.metadata()?, std::fs::symlink_metadata(path)?);
        Ok((mine.dev(), mine.ino()) == (there.dev(), there.ino()))
    }

    /// Makes `bytes` the content.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.set_len(0)?;
        (&self.0).write_all(bytes)
    }
}

impl Drop for LockFile {
    /// Closing the file would not do: a process that is being started may still have it open for an instant.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

fn told(tried: Result<(), TryLockError>) -> TryLock {
    match tried {
        Ok(()) => TryLock::Ours,
        Err(TryLockError::WouldBlock) => TryLock::Held,
        Err(TryLockError::Error(e)) => TryLock::Unusable(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_with_its_value_though_a_new_process_has_the_file_open_still() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = LockFile::open(&path, Some(0o600)).unwrap();
        assert!(matches!(held.try_exclusive(), TryLock::Ours));
        // What a process has for an instant between fork and exec.
        let inherited = held.0.try_clone().unwrap();
        let next = LockFile::open(&path, None).unwrap();
        assert!(matches!(next.try_exclusive(), TryLock::Held));
        drop(held);
        assert!(matches!(next.try_exclusive(), TryLock::Ours));
        drop(inherited);
    }
}

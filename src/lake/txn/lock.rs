//! One program per dataset: a lock on `<dataset>/_lock` that dies with its owner.
//!
//! The lock is the kernel's (`flock`), so a killed owner leaves nothing behind; the file's content only says who it was.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::lake::Owner;
use crate::lake::fs::{Fs, LockFile, TryLock, read_capped};
use crate::{Error, Kind, Result};

/// How often, and after which pause, a lock that is held is tried again before it counts as held.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(10);

/// Held until dropped.
pub(crate) struct Lock {
    file: LockFile,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock of the dataset in `dir`. `Kind::Locked` says who holds it.
    pub(crate) fn take(fs: &Fs, dir: &Path, owner: &Owner, mode: u32) -> Result<Self> {
        let path = dir.join("_lock");
        let file = LockFile::make(&path, mode)?;
        let mut looks = 0;
        loop {
            match file.try_exclusive() {
                TryLock::Ours => break,
                // Somebody who only looks ([`lock_holder`]) is gone within this time.
                TryLock::Held if looks < LOOKS => {
                    looks += 1;
                    std::thread::sleep(LOOK);
                }
                TryLock::Held => return Err(held(&path)),
                TryLock::Unusable(e) => return Err(unusable(&path, e)),
            }
        }
        let lock = Self { file, path };
        lock.check()?;
        fs.set_mode(&lock.path, mode)?;
        lock.sign(owner)?;
        Ok(lock)
    }

    /// Somebody may have removed the file by hand, and another process made and locked a new one.
    pub(crate) fn check(&self) -> Result<()> {
        match self.file.is_at(&self.path) {
            Ok(true) => Ok(()),
            Ok(false) => Err(held(&self.path)),
            Err(e) => Err(Error::io("look at the lock", &self.path, e)
                .next("the lock file must stay while a program writes the dataset: run the export again")),
        }
    }

    fn sign(&self, owner: &Owner) -> Result<()> {
        let text = serde_json::to_string(owner)
            .map_err(|e| Error::new(Kind::Bug, format!("the lock's owner cannot be written: {e}")))?;
        self.file.write(text.as_bytes()).map_err(|e| Error::io("write the lock", &self.path, e))
    }
}

/// Who holds a dataset, as far as it can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// Somebody, and the name that the lock file gives; `None`: it has not yet written its name.
    Somebody(Option<Owner>),
}

/// Looks whether a process, this one included, holds the dataset in `dataset_dir`. It asks the kernel by a shared lock
/// that it gives back at once: two lookers never see each other, and a writer that comes in just then tries again.
///
/// # Errors
/// [`Kind::Io`] when the lock file cannot be opened or locked; one that is not there is nobody's.
pub fn lock_holder(dataset_dir: &Path) -> Result<Holder> {
    let path = dataset_dir.join("_lock");
    let Some(file) = LockFile::look(&path)? else { return Ok(Holder::Nobody) };
    match file.try_shared() {
        TryLock::Ours => Ok(Holder::Nobody),
        TryLock::Held => Ok(Holder::Somebody(owner(&path))),
        TryLock::Unusable(e) => Err(unusable(&path, e)),
    }
}

fn owner(path: &Path) -> Option<Owner> {
    let bytes = read_capped(path, 64 * 1024).ok().flatten()?;
    serde_json::from_slice(&bytes).ok()
}

fn held(path: &Path) -> Error {
    let what = match owner(path) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn owner_of(pid: u32) -> Owner {
        Owner { what: "a test".into(), pid, host: "here".into(), since: DateTime::UNIX_EPOCH }
    }

    #[test]
    fn a_looker_sees_who_holds_a_dataset() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(lock_holder(dir.path()).unwrap(), Holder::Nobody);
        let lock = Lock::take(&Fs::default(), dir.path(), &owner_of(7), 0o600).unwrap();
        assert_eq!(lock_holder(dir.path()).unwrap(), Holder::Somebody(Some(owner_of(7))));
        drop(lock);
        assert_eq!(lock_holder(dir.path()).unwrap(), Holder::Nobody);
    }

    #[test]
    fn lookers_hold_up_no_writer() {
        let dir = tempfile::tempdir().unwrap();
        drop(Lock::take(&Fs::default(), dir.path(), &owner_of(1), 0o600).unwrap());
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    lock_holder(dir.path()).unwrap();
                    std::thread::sleep(Duration::from_micros(100));
                }
            });
            let taken = (0..200).all(|_| Lock::take(&Fs::default(), dir.path(), &owner_of(2), 0o600).is_ok());
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(taken);
        });
    }
}

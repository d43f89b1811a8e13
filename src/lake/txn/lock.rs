//! One program per dataset: a lock on the file `lock` of its books that dies with its owner.
//!
//! The lock is the kernel's (`flock`), so a killed owner leaves nothing behind; the file's content only says who it was.
//! Where the lock file of before is still there (`<dataset>/_lock`), it is held too: an older program looks at that one.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::lake::Owner;
use crate::lake::fs::{Fs, LockFile, TryLock, read_capped};
use crate::lake::layout::places::{Places, there};
use crate::{Error, Kind, Result};

/// How often, and after which pause, a lock that is held is tried again before it counts as held.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(10);

/// Held until dropped.
pub(crate) struct Lock {
    file: LockFile,
    path: PathBuf,
    /// The lock of before, where it is.
    old: Option<LockFile>,
}

impl Lock {
    /// Takes the lock of a dataset whose books are there. `Kind::Locked` says who holds it.
    pub(crate) fn take(fs: &Fs, places: &Places, owner: &Owner, mode: u32) -> Result<Self> {
        let [path, old] = places.locks();
        let file = lock_file(&path, Some(mode))?;
        let old = if there(&old)? { Some(lock_file(&old, None)?) } else { None };
        let lock = Self { file, path, old };
        lock.check()?;
        fs.set_mode(&lock.path, mode)?;
        lock.sign(owner)?;
        Ok(lock)
    }

    /// Takes the lock as it is there, and makes nothing; `None` where nobody has written yet.
    pub(crate) fn take_as_is(places: &Places, owner: &Owner) -> Result<Option<Self>> {
        let mut held = Vec::new();
        for path in places.locks() {
            if there(&path)? {
                held.push((lock_file(&path, None)?, path));
            }
        }
        let mut held = held.into_iter();
        let Some((file, path)) = held.next() else { return Ok(None) };
        let lock = Self { file, path, old: held.next().map(|(file, _)| file) };
        lock.check()?;
        lock.sign(owner)?;
        Ok(Some(lock))
    }

    /// The lock of before is gone.
    pub(crate) fn forget_old(&mut self) {
        self.old = None;
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

/// Opens a lock file, made with `mode` where that is given, and locks it.
fn lock_file(path: &Path, mode: Option<u32>) -> Result<LockFile> {
    let file = LockFile::open(path, mode)?;
    let mut looks = 0;
    loop {
        match file.try_exclusive() {
            TryLock::Ours => return Ok(file),
            // Somebody who only looks ([`lock_holder`]) is gone within this time.
            TryLock::Held if looks < LOOKS => {
                looks += 1;
                std::thread::sleep(LOOK);
            }
            TryLock::Held => return Err(held(path)),
            TryLock::Unusable(e) => return Err(unusable(path, e)),
        }
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
    for path in Places::find(dataset_dir)?.locks() {
        let holder = holder_of(&path)?;
        if holder != Holder::Nobody {
            return Ok(holder);
        }
    }
    Ok(Holder::Nobody)
}

fn holder_of(path: &Path) -> Result<Holder> {
    let Some(file) = LockFile::look(path)? else { return Ok(Holder::Nobody) };
    match file.try_shared() {
        TryLock::Ours => Ok(Holder::Nobody),
        TryLock::Held => Ok(Holder::Somebody(owner(path))),
        TryLock::Unusable(e) => Err(unusable(path, e)),
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

    fn places(lake: &Path) -> Places {
        std::fs::create_dir_all(lake.join("streams/x")).unwrap();
        let places = Places::find(&lake.join("streams/x")).unwrap();
        places.make(&Fs::default(), 0o700).unwrap();
        places
    }

    #[test]
    fn a_looker_sees_who_holds_a_dataset() {
        let dir = tempfile::tempdir().unwrap();
        let dataset = dir.path().join("streams/x");
        assert_eq!(lock_holder(&dataset).unwrap(), Holder::Nobody);
        let lock = Lock::take(&Fs::default(), &places(dir.path()), &owner_of(7), 0o600).unwrap();
        assert_eq!(lock_holder(&dataset).unwrap(), Holder::Somebody(Some(owner_of(7))));
        drop(lock);
        assert_eq!(lock_holder(&dataset).unwrap(), Holder::Nobody);
    }

    #[test]
    fn the_lock_of_before_counts() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        let path = places.data.join("_lock");
        std::fs::write(&path, serde_json::to_string(&owner_of(3)).unwrap()).unwrap();
        let old = lock_file(&path, None).unwrap();
        assert_eq!(lock_holder(&places.data).unwrap(), Holder::Somebody(Some(owner_of(3))));
        let refused = Lock::take(&Fs::default(), &places, &owner_of(4), 0o600).err().unwrap();
        assert_eq!(refused.kind(), Kind::Locked);
        assert!(refused.to_string().contains("process 3"), "{refused}");
        drop(old);
        Lock::take(&Fs::default(), &places, &owner_of(4), 0o600).unwrap();
    }

    #[test]
    fn lookers_hold_up_no_writer() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    lock_holder(&places.data).unwrap();
                    std::thread::sleep(Duration::from_micros(100));
                }
            });
            let taken = (0..200).all(|_| Lock::take(&Fs::default(), &places, &owner_of(2), 0o600).is_ok());
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(taken);
        });
    }
}

//! The files of a day go into the store.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Mover, wrong_with};
use crate::error::{Error, Kind, Result};
use crate::hash::ContentHash;
use crate::lake::{DueCold, LocalFile, TierLock, content_hash};
use crate::tier::Content;

impl Mover<'_> {
    /// Copies a day, several files at once, and reads every copy back; gives the hashes in the order of the files.
    pub(super) fn copy(&self, day: &DueCold, lock: &TierLock) -> Result<Vec<ContentHash>> {
        let next = AtomicUsize::new(0);
        let done: Mutex<Vec<Option<Result<ContentHash>>>> =
            Mutex::new(day.files.iter().map(|_| None).collect());
        let threads = self.setup.parallel.clamp(1, day.files.len().max(1));
        let failed = std::sync::atomic::AtomicBool::new(false);
        let (store, setup_folder) = (self.store, self.folder(&day.partition)?);
        let (cancel, advance) = (self.cancel, self.advance);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(file) = day.files.get(at) else { return };
                        if failed.load(Ordering::Relaxed) {
                            return;
                        }
                        let one = OneCopy { store, cancel, advance, folder: &setup_folder };
                        let result = one.make(file, &day.partition, lock);
                        failed.fetch_or(result.is_err(), Ordering::Relaxed);
                        let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        if let Some(place) = done.get_mut(at) {
                            *place = Some(result);
                        }
                    }
                });
            }
        });
        let done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        // An error of one file ends the work on the others: it comes first.
        let (results, errors): (Vec<_>, Vec<_>) = done.into_iter().flatten().partition(Result::is_ok);
        if let Some(Err(error)) = errors.into_iter().next() {
            return Err(error);
        }
        let hashes: Vec<ContentHash> = results.into_iter().collect::<Result<_>>()?;
        if hashes.len() == day.files.len() {
            return Ok(hashes);
        }
        Err(Error::new(Kind::Interrupted, "stopped on request"))
    }
}

/// What one thread works with.
struct OneCopy<'a> {
    store: &'a crate::tier::ColdStore,
    cancel: &'a crate::cancel::Cancel,
    advance: &'a (dyn Fn(u64) + Sync),
    folder: &'a str,
}

impl OneCopy<'_> {
    /// Puts a file, unless it is there, and reads it back.
    fn make(&self, file: &LocalFile, partition: &str, lock: &TierLock) -> Result<ContentHash> {
        let hash = match file.hash {
            Some(hash) => hash,
            // No record tells it: what lies there now is what goes.
            None => content_hash(&file.path)?,
        };
        let key = format!("{}/{}", self.folder, file.name);
        let wanted = Content { bytes: file.bytes, hash };
        let work = crate::tier::Work { cancel: self.cancel, advance: self.advance };
        let notes = lock.notes(partition, &file.name)?;
        self.store.put(&key, &file.path, &wanted, &notes, &work)?;
        match wrong_with(self.store, &key, wanted, &work)? {
            None => Ok(hash),
            Some(what) => Err(Error::new(Kind::Damaged, what).at("object", self.store.url_of(&key)).next(
                "the day stays local; look at what wrote or changed the object, delete it, then run again",
            )),
        }
    }
}

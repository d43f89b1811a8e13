//! What is due is done.

use std::collections::BTreeSet;
use std::time::Instant;

use chrono::{NaiveDate, TimeDelta};

use super::{Mover, Step};
use crate::error::{Error, Kind, Result};
use crate::lake::{CopiesDue, DueCold, TierLock, TierRules, copies_due, read_metadata, tier_due, tier_gone};
use crate::tier::{Content, ObjectState};

/// Sums of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Moved {
    /// Days that were switched.
    pub days: u64,
    /// Files of them.
    pub files: u64,
    /// Rows of them.
    pub rows: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Days whose local copies went.
    pub freed_days: u64,
    /// Bytes of these.
    pub freed_bytes: u64,
    /// Objects that were deleted.
    pub deleted: u64,
    /// What could not be done, by the kinds of the errors.
    pub failures: Vec<Kind>,
}

impl Mover<'_> {
    /// Does what is due by `rules`, the oldest day first; no day is begun behind `until`. A day that cannot be moved holds up no other.
    ///
    /// # Errors
    /// `Kind::Locked` while another process moves days of the dataset; `Kind::Refused` where no day of it may move; `Kind::Interrupted`;
    /// `Kind::Unreachable` and the like where the store cannot be used at all.
    pub fn run(&self, rules: TierRules, until: Option<Instant>) -> Result<Moved> {
        let dir = self.dir()?;
        let mut moved = Moved::default();
        let due = tier_due(&dir, self.feed, rules)?;
        let lock = TierLock::take(&dir, self.feed.visibility)?;
        self.delete_gone(&mut moved)?;
        for copies in copies_due(&dir, self.now())? {
            self.cancel.check()?;
            self.free(&copies, &mut moved)?;
        }
        if moved.freed_days > 0 {
            self.open()?.free_copies()?;
        }
        for stays in due.not {
            (self.tell)(&Step::Stays { partition: stays.partition, why: stays.why });
        }
        self.abandon_stale(&lock, &due.days)?;
        for day in due.days {
            self.cancel.check()?;
            if until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
            self.switch(&day, &lock, &mut moved)?;
        }
        lock.tidy();
        Ok(moved)
    }

    /// The rules of the feed now, or for one day of it.
    pub fn rules(&self, day: Option<NaiveDate>) -> TierRules {
        TierRules::of(self.feed, self.now(), day)
    }

    fn switch(&self, day: &DueCold, lock: &TierLock, moved: &mut Moved) -> Result<()> {
        match self.strange_objects(day) {
            Ok(None) => {}
            Ok(Some(why)) => {
                (self.tell)(&Step::Stays { partition: day.partition.clone(), why });
                return Ok(());
            }
            Err(error) => return self.blocked(&day.partition, error, moved),
        }
        let result = self.copy(day, lock).and_then(|hashes| {
            let folder = self.store.url_of(&self.folder(&day.partition)?);
            let now = self.now();
            let grace = TimeDelta::from_std(self.setup.grace).unwrap_or(TimeDelta::days(1));
            self.open()?.cool(day, &hashes, &folder, now + grace, now)
        });
        match result {
            Ok(cooled) => {
                moved.days += 1;
                moved.files += cooled.files;
                moved.rows += cooled.rows;
                moved.bytes += cooled.bytes;
                (self.tell)(&Step::Switched(cooled));
                Ok(())
            }
            Err(error) => self.blocked(&day.partition, error, moved),
        }
    }

    /// Why a day cannot go into its folder of the store: other objects lie in it, which whoever reads the whole folder (a catalogue's
    /// reader) would take for rows of the day.
    fn strange_objects(&self, day: &DueCold) -> Result<Option<String>> {
        let folder = self.folder(&day.partition)?;
        let there = self.store.list(&folder)?;
        if there.is_empty() {
            return Ok(None);
        }
        let partitions = read_metadata(&self.dir()?)?.map(|metadata| metadata.partitions).unwrap_or_default();
        let cold =
            partitions.iter().find(|known| known.path == day.partition).and_then(|known| known.cold.as_ref());
        let own = cold.iter().flat_map(|cold| &cold.objects).map(String::as_str);
        let known: BTreeSet<&str> = own.chain(day.files.iter().map(|file| file.name.as_str())).collect();
        let name = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
        let strange: Vec<String> =
            there.keys().map(|key| name(key)).filter(|name| !known.contains(name.as_str())).collect();
        let Some(first) = strange.first() else { return Ok(None) };
        Ok(Some(format!(
            "{} other objects lie in its folder {} ({first}): those of an earlier time of the day there are deleted \
             once retention.grace is over; delete what else lies there",
            strange.len(),
            self.store.url_of(&folder)
        )))
    }

    /// Removes the local copies of a day, once every object was read again.
    fn free(&self, copies: &CopiesDue, moved: &mut Moved) -> Result<()> {
        if let Some(why) = (self.holds)(&copies.partition)? {
            (self.tell)(&Step::Stays { partition: copies.partition.clone(), why });
            return Ok(());
        }
        let result = self.look_again(copies).and_then(|()| {
            let mut dataset = self.open()?;
            dataset.drop_copies(copies, self.now())
        });
        match result {
            Ok(freed) => {
                moved.freed_days += u64::from(freed.files > 0);
                moved.freed_bytes += freed.bytes;
                (self.tell)(&Step::Freed { partition: copies.partition.clone(), freed });
                Ok(())
            }
            Err(error) => self.blocked(&copies.partition, error, moved),
        }
    }

    /// Every object is what it was when readers were sent to it; then it gets the class for good that it is to have.
    fn look_again(&self, copies: &CopiesDue) -> Result<()> {
        if copies.files.is_empty() {
            return Err(Error::new(Kind::Damaged, "no record names the objects of the day").next(
                "nothing was removed; `lakehand check` tells what is wrong with the records in the books",
            ));
        }
        for file in &copies.files {
            let key = self.key_of(&file.url)?;
            match self.store.state(&key)? {
                // It went into the archive after it was read back: an earlier run was stopped here.
                ObjectState::Archived { bytes } | ObjectState::Restoring { bytes } if bytes == file.bytes => {
                }
                _ => self.read_back(&key, Content { bytes: file.bytes, hash: file.hash })?,
            }
            self.store.settle(&key)?;
        }
        Ok(())
    }

    /// Deletes objects that nobody has needed for the grace period.
    fn delete_gone(&self, moved: &mut Moved) -> Result<()> {
        let dir = self.dir()?;
        if tier_gone(&dir, self.setup.bin_grace, self.now())?.is_empty() {
            return Ok(());
        }
        // Held: a commit that is not finished may have taken a note already, and readers are still sent to its object.
        let mut dataset = self.open()?;
        let gone = tier_gone(&dir, self.setup.bin_grace, self.now())?;
        let free = gone.iter().filter(|gone| gone.is_free);
        // Those of another store stay noted: they are deleted when it is configured again.
        let (mine, keys): (Vec<_>, Vec<_>) =
            free.filter_map(|gone| Some((gone.clone(), self.key_of(&gone.url).ok()?))).unzip();
        self.store.remove(&keys)?;
        let (objects, bytes) = (mine.len() as u64, mine.iter().map(|gone| gone.bytes).sum());
        let over: Vec<_> = mine.into_iter().chain(gone.into_iter().filter(|gone| !gone.is_free)).collect();
        if !over.is_empty() {
            dataset.forget_gone(&over, self.now())?;
        }
        if objects > 0 {
            moved.deleted += objects;
            (self.tell)(&Step::Deleted { objects, bytes });
        }
        Ok(())
    }

    /// Ends uploads of files that are not due any more.
    fn abandon_stale(&self, lock: &TierLock, days: &[DueCold]) -> Result<()> {
        let wanted = |partition: &str, name: &str| {
            days.iter()
                .any(|day| day.partition == partition && day.files.iter().any(|file| file.name == name))
        };
        for notes in lock.stale_notes(&wanted)? {
            self.store.abandon(&notes)?;
        }
        Ok(())
    }

    /// One day's trouble is told, and the work goes on; what concerns every day ends it.
    fn blocked(&self, partition: &str, error: Error, moved: &mut Moved) -> Result<()> {
        match error.kind() {
            Kind::Damaged | Kind::Refused | Kind::Io => {
                moved.failures.push(error.kind());
                (self.tell)(&Step::Blocked { partition: partition.to_owned(), error });
                Ok(())
            }
            _ => Err(error.at("partition", partition)),
        }
    }
}

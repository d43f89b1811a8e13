//! Sealed days go to the cold store and come home: the lake's commits and the store's objects, brought together.
//!
//! ```text
//! run       objects that nobody needs go · local copies whose grace is over go · days that are due are copied, read back, switched
//! copy      the files of a day into the store, in parallel, each read back
//! home      a day comes home; what lies in an archive is asked for first
//! job       the same as a job of the engine
//! verify    every object is there and has its size; its content too, where that is asked for
//! ```
//!
//! Nothing is removed on one witness. A file leaves the local disk when its object was read back with the right hash twice: before readers
//! are sent to it, and before the local copy goes. A copy is made without the dataset's lock, so exports go on; the switch looks whether the
//! day is still what was copied.
//!
//! A stop at any instant is harmless: what was copied is found again by its name and read back once more, and uploads in parts go on
//! where they were.

mod copy;
mod home;
mod job;
mod run;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::job::this_process;
use crate::cancel::Cancel;
use crate::error::{Error, Kind, Result};
use crate::feed::Feed;
use crate::lake::{Cooled, Dataset, Freed, Lake, Limits};
use crate::tier::{ColdStore, Content, Work};

pub use home::HomeWay;
pub(super) use job::{after_export, asked, bring_home_first};
pub use run::Moved;
pub use verify::Verified;

/// How days move between the tiers.
#[derive(Clone)]
pub struct TierSetup {
    /// Opens the store.
    pub open: Arc<dyn Fn() -> Result<ColdStore> + Send + Sync>,
    /// How long the local copy of a day stays after the switch.
    pub grace: Duration,
    /// How long objects that nobody needs any more stay.
    pub bin_grace: Duration,
    /// Files on their way at the same time.
    pub parallel: usize,
    /// How long what was brought back from an archive can be read, days.
    pub restore_days: u32,
    /// Days that are due move behind each export.
    pub after_export: bool,
}

impl std::fmt::Debug for TierSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TierSetup").field("grace", &self.grace).finish_non_exhaustive()
    }
}

/// Something that a mover did, or did not do.
#[derive(Debug)]
pub enum Step {
    /// Readers are sent to the copies of a day.
    Switched(Cooled),
    /// The local copies of a day are gone.
    Freed {
        /// The day's partition.
        partition: String,
        /// What went.
        freed: Freed,
    },
    /// Objects that nobody needed were deleted.
    Deleted {
        /// How many.
        objects: u64,
        /// Their size, bytes.
        bytes: u64,
    },
    /// A day stays where it is, and why; nothing is wrong.
    Stays {
        /// The day's partition.
        partition: String,
        /// Why.
        why: String,
    },
    /// A day could not be moved, or its copy must not go.
    Blocked {
        /// The day's partition.
        partition: String,
        /// Why.
        error: Error,
    },
}

/// Moves days of one dataset.
pub struct Mover<'a> {
    /// The store.
    pub store: &'a ColdStore,
    /// The lake.
    pub lake: &'a Lake,
    /// The feed of the dataset.
    pub feed: &'a Feed,
    /// Disk floor and the like.
    pub limits: &'a Limits,
    /// What the lock says of us.
    pub program: &'a str,
    /// How days move.
    pub setup: &'a TierSetup,
    /// Asked between pieces of work.
    pub cancel: &'a Cancel,
    /// The time.
    pub clock: fn() -> DateTime<Utc>,
    /// Told bytes as they are sent or read back.
    pub advance: &'a (dyn Fn(u64) + Sync),
    /// Told what was done.
    pub tell: &'a dyn Fn(&Step),
    /// Why the local copies of a partition must stay although its grace is over: a catalogue that still sends readers there.
    pub holds: &'a dyn Fn(&str) -> Result<Option<String>>,
}

impl Mover<'_> {
    fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    fn dir(&self) -> Result<std::path::PathBuf> {
        self.lake.dataset_dir(self.feed)
    }

    /// The dataset, held. Copies are made without it.
    fn open(&self) -> Result<Dataset> {
        let owner = this_process(self.program, self.now());
        Dataset::open(self.lake, self.feed, self.limits.clone(), owner)
    }

    /// The key of a partition's folder in the store: as the lake has it.
    fn folder(&self, partition: &str) -> Result<String> {
        let dir = self.dir()?;
        let below = dir.strip_prefix(self.lake.root()).ok().and_then(std::path::Path::to_str);
        let below = below.ok_or_else(|| {
            Error::new(Kind::Refused, "the dataset's name is no text, and objects are named by text")
                .at("folder", dir.display())
        })?;
        Ok(format!("{below}/{partition}"))
    }

    /// The key of an object of this store; `Kind::Refused` for one of another store, which was configured before.
    fn key_of(&self, url: &str) -> Result<String> {
        let below = url.strip_prefix(self.store.url()).and_then(|rest| rest.strip_prefix('/'));
        below.map(str::to_owned).ok_or_else(|| {
            Error::new(Kind::Refused, "the object lies in another store than the one that is configured")
                .at("object", url)
                .at("tier.cold.url", self.store.url())
                .next("set tier.cold.url to the store in which it lies, then try again")
        })
    }

    fn work(&self) -> Work<'_> {
        Work { cancel: self.cancel, advance: self.advance }
    }

    /// `Kind::Damaged` when the object is not this file any more.
    fn read_back(&self, key: &str, wanted: Content) -> Result<()> {
        match wrong_with(self.store, key, wanted, &self.work())? {
            None => Ok(()),
            Some(what) => Err(Error::new(Kind::Damaged, what).at("object", self.store.url_of(key)).next(
                "the local file stays; bring the object back from a version of the bucket, or delete it and run again",
            )),
        }
    }
}

/// What is wrong with an object that is to be a file with this content; `None` where all of it was read and is right.
fn wrong_with(store: &ColdStore, key: &str, wanted: Content, work: &Work<'_>) -> Result<Option<String>> {
    Ok(match store.read_back(key, work)? {
        Some(found) if found == wanted => None,
        Some(found) if found.bytes != wanted.bytes => {
            Some(format!("the object has {} bytes, and {} went there", found.bytes, wanted.bytes))
        }
        Some(_) => Some("the object has another content than what went there".to_owned()),
        None => Some("the object is not there".to_owned()),
    })
}

//! Objects that nobody needs any more.

use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use super::switch::in_use;
use crate::Result;
use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{self, Place, Places, Room};
use crate::lake::manifest::cold;
use crate::lake::manifest::data_file::Stub;

/// An object that may be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The object.
    pub url: String,
    /// Size, bytes.
    pub bytes: u64,
    /// It is to be deleted; `false`: it is in use again, and only the note of it goes.
    pub is_free: bool,
    /// The note, below the list.
    place: String,
    note_bytes: u64,
}

/// Objects of the dataset in `dataset_dir` that have not been needed for longer than `grace`. One that a day uses again is not among those to
/// be deleted.
pub fn gone(dataset_dir: &Path, grace: std::time::Duration, now: DateTime<Utc>) -> Result<Vec<Gone>> {
    let places = Places::find(dataset_dir)?;
    let root = places.room(Room::ColdGone);
    if !fs::is_real_dir(&root)? {
        return Ok(Vec::new());
    }
    let limit = TimeDelta::from_std(grace).ok().and_then(|grace| now.checked_sub_signed(grace));
    let mut found = Vec::new();
    let needed = in_use(&places)?;
    for set in fs::list(&root)?.into_iter().filter(|set| set.is_dir) {
        if layout::gone_since(&set.name).zip(limit).is_none_or(|(since, limit)| since > limit) {
            continue;
        }
        for file in cold::below(&set.path)? {
            let Stub { url, bytes, .. } = Stub::read(&file.path)?;
            let is_free = !needed.contains(&url);
            let place = format!("{}/{}", set.name, Place::aside(Room::Cold, &file.relative()).path);
            found.push(Gone { url, bytes, is_free, place, note_bytes: file.bytes });
        }
    }
    Ok(found)
}

impl Dataset {
    /// The objects are deleted: their notes go.
    pub fn forget_gone(&mut self, gone: &[Gone], now: DateTime<Utc>) -> Result<()> {
        self.recover_if_needed()?;
        let id = format!("{:06}-gone", self.metadata.commit_seq);
        let mut transaction = self.transaction(&id, now);
        for file in gone {
            let place = Place::new(Room::ColdGone, &file.place);
            if fs::size_of(&transaction.dataset.path(&place)?)?.is_some() {
                transaction.discard(place, file.note_bytes, 0);
            }
        }
        transaction.commit()
    }
}

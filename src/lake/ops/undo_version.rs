//! A version of a table taken back: it comes out of the bin and is current again; what is newer goes into the bin.
//!
//! One commit, as any other. A reader sees the version of before or the one that came back.

use chrono::{DateTime, Utc};

use crate::feed::FeedKind;
use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{self, PartitionPath, Place, Room};
use crate::lake::ops::replaced::commits;
use crate::lake::ops::retention::retained_id;
use crate::lake::ops::undo::{Bundle, Undone};
use crate::lake::txn::transaction::Bin;
use crate::{Error, Kind, Result};

impl Dataset {
    /// Makes `version` current again. `Kind::Usage` when it is not in the bin.
    pub fn undo_version(&mut self, version: u32, now: DateTime<Utc>) -> Result<Undone> {
        if self.feed.kind != FeedKind::Table {
            return Err(
                Error::new(Kind::Usage, "a stream has days and no versions").next("name a day with --day")
            );
        }
        self.recover_if_needed()?;
        self.check_ready()?;
        let folder = PartitionPath::Version(version).to_string();
        // The bin, and the folder of before the last overwrite.
        let places = &self.committer.places;
        let mut rooms: Vec<(Place, String)> = Vec::new();
        for commit in commits(places)?.into_iter().filter(|entry| entry.is_dir) {
            rooms.push((Place::new(Room::Bin, &commit.name), commit.name));
        }
        if fs::is_real_dir(&places.previous())? {
            rooms.push((Place::new(Room::Books, "previous"), "previous".to_owned()));
        }
        let mut found = None;
        let mut there = Vec::new();
        for (place, name) in rooms {
            for leaf in layout::leaves(&self.path(&place)?)? {
                there.extend(layout::version_of(&leaf.path).map(|version| format!("v{version}")));
                if leaf.path == folder {
                    found = Some((place.clone(), name.clone()));
                }
            }
        }
        let (place, commit) = found.ok_or_else(|| {
            let error = Error::new(Kind::Usage, format!("version v{version} is not in the bin"));
            if there.is_empty() { error } else { error.next(format!("there is {}", there.join(", "))) }
        })?;
        let id = retained_id(self.metadata.commit_seq + 1, now);
        let mut done = Undone { commit, partition: folder.clone(), id: id.clone(), ..Undone::default() };
        let is_newer = |leaf: &layout::Leaf| layout::version_of(&leaf.path) > Some(version);
        let newer: Vec<_> = layout::leaves(self.dir())?.into_iter().filter(is_newer).collect();
        let mut transaction = self.transaction(&id, now);
        for gone in &transaction.leave(&newer, &Bin(id))? {
            done.aside.add(gone.files, gone.records, gone.bytes);
        }
        let from = Place::new(place.room, format!("{}/{folder}", place.path));
        for file in transaction.bring_folder_back(from, &folder)? {
            done.back.add(1, file.rows, file.bytes);
        }
        transaction.metadata().current_version = Some(version);
        transaction.commit()?;
        Ok(done)
    }
}

impl Bundle {
    fn add(&mut self, files: u64, rows: u64, bytes: u64) {
        self.files += files;
        self.rows = self.rows.saturating_add(rows);
        self.bytes += bytes;
    }
}

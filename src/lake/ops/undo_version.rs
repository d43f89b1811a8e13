//! A version of a table taken back: it comes out of the bin and is current again; what is newer goes into the bin.
//!
//! One commit, as any other. A reader sees the version of before or the one that came back.

use chrono::{DateTime, Utc};

use crate::feed::FeedKind;
use crate::lake::Dataset;
use crate::lake::file::footer::read_footer;
use crate::lake::fs;
use crate::lake::layout::places::original_name;
use crate::lake::layout::{self, Place, Room};
use crate::lake::manifest::metadata::FileFacts;
use crate::lake::ops::replaced::{commits, is_data};
use crate::lake::ops::retention::retained_id;
use crate::lake::ops::undo::{Bundle, Undone};
use crate::lake::txn::commit::Move;
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
        let folder = layout::version_folder(version);
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
                    found = Some((place.clone(), name.clone(), leaf));
                }
            }
        }
        let (place, commit, leaf) = found.ok_or_else(|| {
            let error = Error::new(Kind::Usage, format!("version v{version} is not in the bin"));
            if there.is_empty() { error } else { error.next(format!("there is {}", there.join(", "))) }
        })?;
        let mut next = self.metadata.clone();
        next.commit_seq += 1;
        let id = retained_id(next.commit_seq, now);
        let mut done = Undone { commit, partition: folder.clone(), id: id.clone(), ..Undone::default() };
        let mut moves = Vec::new();
        let is_newer = |leaf: &layout::Leaf| layout::version_of(&leaf.path) > Some(version);
        let newer = layout::leaves(self.dir())?.into_iter().filter(is_newer).collect();
        let left = self.leave(newer, &id, &mut next, &mut moves)?;
        for gone in &left {
            done.aside.add(gone.files, gone.records, gone.bytes);
        }
        for file in leaf.files.iter().filter(|file| is_data(file)) {
            // What cannot be read does not come back: the error says whether it is damaged or out of reach.
            let footer = read_footer(&file.path)?;
            done.back.add(1, footer.rows, file.bytes);
            let facts = FileFacts {
                rows: footer.rows,
                bytes: file.bytes,
                rowtime: footer.rowtime,
                offsets: footer.offsets.hulls().collect(),
            };
            next.add_file(&folder, &facts);
            let from = Place::new(place.room, format!("{}/{folder}/{}", place.path, file.name));
            self.committer.fs.set_mode(&file.path, self.feed.visibility.file_mode())?;
            let to = Place::data(format!("{folder}/{}", original_name(&file.name)));
            moves.push(Move { from, to, bytes: file.bytes, rows: footer.rows });
        }
        next.current_version = Some(version);
        next.total();
        self.commit(&id, moves, next)?;
        self.empty_trash();
        self.tidy_replaced();
        for gone in &left {
            self.remove_empty(&gone.path)?;
        }
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

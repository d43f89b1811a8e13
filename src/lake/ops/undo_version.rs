//! A version of a table taken back: it is current again, and what is newer goes into the bin.
//!
//! The version comes out of the bin, out of the folder of before the last overwrite, or is there still where a table keeps
//! several. One commit, as any other, and undone like any other: what went is in the bin. A reader sees the version of before or
//! the one that came back.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::feed::FeedKind;
use crate::lake::Dataset;
use crate::lake::file::footer::{Footer, read_footer};
use crate::lake::fs;
use crate::lake::layout::{self, Leaf, PartitionPath, Place, Places, Room};
use crate::lake::manifest::journal;
use crate::lake::manifest::metadata::{Metadata, read_metadata_at};
use crate::lake::manifest::schema;
use crate::lake::ops::replaced::commits;
use crate::lake::ops::retention::retained_id;
use crate::lake::ops::undo::{Bundle, Undone};
use crate::lake::txn::rebuild::columns_agree;
use crate::lake::txn::transaction::{Bin, is_data};
use crate::{Error, Kind, Result};

/// A version of a table that is there, or can come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) version: u32,
    /// Where its folder is.
    pub(crate) room: Place,
    /// The set of the bin; empty in the data.
    pub(crate) set: String,
    /// Its folder on disk.
    pub(crate) folder: PathBuf,
}

/// Every version of the table that is in the data, in the folder of before the last overwrite, or in the bin, in this order.
pub(crate) fn kept_versions(places: &Places) -> Result<Vec<Kept>> {
    let mut rooms: Vec<(Place, String)> = vec![(Place::data(""), String::new())];
    if fs::is_real_dir(&places.previous())? {
        rooms.push((Place::new(Room::Books, "previous"), "previous".to_owned()));
    }
    for commit in commits(places)?.into_iter().filter(|entry| entry.is_dir) {
        rooms.push((Place::new(Room::Bin, &commit.name), commit.name));
    }
    let mut found = Vec::new();
    for (room, set) in rooms {
        let root = if room.path.is_empty() { places.data.clone() } else { places.path(&room)? };
        for leaf in layout::leaves(&root)? {
            if let Some(version) = layout::version_of(&leaf.path)
                && leaf.files.iter().any(is_data)
            {
                let folder = root.join(&leaf.path);
                found.push(Kept { version, room: room.clone(), set: set.clone(), folder });
            }
        }
    }
    Ok(found)
}

/// What is to be done.
struct Plan {
    kept: Kept,
    /// Versions that leave.
    leave: Vec<Leaf>,
    footers: Vec<(Footer, u64)>,
}

/// What a rollback of the table in `dataset_dir` to `version` would do; nothing is changed, and no lock is taken.
pub fn rollback_preview(dataset_dir: &Path, version: u32, keep_versions: u32) -> Result<Undone> {
    let places = Places::find(dataset_dir)?;
    let Some(metadata) = read_metadata_at(&places.metadata)? else {
        return Err(Error::new(Kind::Usage, "nothing of the feed was exported yet: there is no version"));
    };
    let plan = Plan::new(&places, &metadata, version, keep_versions)?;
    let mut done = plan.summary();
    for leaf in &plan.leave {
        let rows = metadata.partitions.iter().find(|p| p.path == leaf.path).map_or(0, |p| p.records);
        let ours = leaf.files.iter().filter(|file| is_data(file));
        ours.for_each(|file| done.aside.add(1, 0, file.bytes));
        done.aside.add(0, rows, 0);
    }
    Ok(done)
}

impl Plan {
    fn new(places: &Places, metadata: &Metadata, version: u32, keep_versions: u32) -> Result<Self> {
        if metadata.kind != FeedKind::Table.keyword() {
            return Err(
                Error::new(Kind::Usage, "a stream has days and no versions").next("name a day with --day")
            );
        }
        if metadata.current_version == Some(version) {
            return Err(Error::new(Kind::Usage, format!("version v{version} is the current one")));
        }
        let kept = kept_versions(places)?;
        let found = kept.iter().find(|kept| kept.version == version).cloned().ok_or_else(|| {
            let there: Vec<String> = kept.iter().map(|kept| format!("v{}", kept.version)).collect();
            let error =
                Error::new(Kind::Usage, format!("version v{version} is not in the bin, nor in the data"));
            if there.is_empty() { error } else { error.next(format!("there is {}", there.join(", "))) }
        })?;
        // Of a table of one version everybody reads all that is there.
        let leaves = |leaf: &Leaf| {
            let other = layout::version_of(&leaf.path);
            other > Some(version) || (keep_versions <= 1 && other.is_some_and(|other| other != version))
        };
        let leave: Vec<Leaf> = layout::leaves(&places.data)?.into_iter().filter(leaves).collect();
        for leaf in &leave {
            leaf.reached(&places.data)?;
            leaf.writable(&places.data)?;
        }
        let mut footers = Vec::new();
        for entry in fs::list(&found.folder)?.iter().filter(|entry| is_data(entry)) {
            footers.push((read_footer(&entry.path)?, entry.bytes));
        }
        Ok(Self { kept: found, leave, footers })
    }

    fn folder(&self) -> String {
        PartitionPath::Version(self.kept.version).to_string()
    }

    fn is_in_data(&self) -> bool {
        self.kept.set.is_empty()
    }

    fn summary(&self) -> Undone {
        let mut back = Bundle::default();
        if !self.is_in_data() {
            self.footers.iter().for_each(|(footer, bytes)| back.add(1, footer.rows, *bytes));
        }
        Undone { commit: self.kept.set.clone(), partition: self.folder(), back, ..Undone::default() }
    }
}

impl Dataset {
    /// Makes `version` current again. `Kind::Usage` when it is neither in the bin nor in the data, or is current.
    pub fn undo_version(&mut self, version: u32, now: DateTime<Utc>) -> Result<Undone> {
        self.recover_if_needed()?;
        self.check_ready()?;
        let plan = Plan::new(&self.committer.places, &self.metadata, version, self.feed.keep_versions)?;
        let folder = plan.folder();
        let id = retained_id(self.metadata.commit_seq + 1, now);
        let mut done = Undone { id: id.clone(), back: Bundle::default(), ..plan.summary() };
        let journal = journal::read(&self.committer.places.journal())?.unwrap_or_default();
        let mut transaction = self.transaction(&id, now);
        for gone in &transaction.leave(&plan.leave, &Bin(id))? {
            done.aside.add(gone.files, gone.records, gone.bytes);
        }
        if plan.is_in_data() {
            let below = format!("{folder}/");
            let files = journal.files.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below));
            files.for_each(|(_, file)| transaction.restate(file.clone()));
        } else {
            let room = plan.kept.room.clone();
            let from = Place::new(room.room, format!("{}/{folder}", room.path));
            for file in transaction.bring_folder_back(from, &folder)? {
                done.back.add(1, file.rows, file.bytes);
            }
        }
        let next = transaction.metadata();
        next.current_version = Some(version);
        // What was claimed of the version that goes is not true of this one.
        let started =
            plan.footers.iter().filter_map(|(footer, _)| footer.started.as_deref()?.parse().ok()).min();
        next.complete_through = next.complete_through.min(started);
        next.caught_up = false;
        next.doubled_keys = 0;
        let footers = || plan.footers.iter().map(|(footer, _)| footer);
        let major = |version: &str| schema::parse_version(version).0;
        let is_other = |footer: &Footer| {
            footer.schema_version.as_deref().is_some_and(|v| major(v) != major(&next.schema_version))
        };
        if footers().any(is_other) || !columns_agree(next, footers()) {
            let columns = footers().next().map(|footer| footer.columns.clone()).unwrap_or_default();
            (next.columns, next.schema_version) = schema::accept(&next.schema_version, &columns, now);
        }
        transaction.commit()?;
        Ok(done)
    }
}

impl Bundle {
    pub(crate) fn add(&mut self, files: u64, rows: u64, bytes: u64) {
        self.files += files;
        self.rows = self.rows.saturating_add(rows);
        self.bytes += bytes;
    }
}

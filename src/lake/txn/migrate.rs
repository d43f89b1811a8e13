//! Books and metadata get another place: those of before version 0.2, which were in the dataset's folder, and the
//! metadata when `lake.metadata` says so.
//!
//! Everything is a rename that may be repeated: what has moved is no longer at its old place, and what has not moved is
//! moved by the next start. Whoever reads meanwhile finds each part where it lies ([`Places::find`]). The lock of before
//! goes last. All of it happens under the dataset's lock, when no commit is unfinished.

use std::path::{Path, PathBuf};

use super::commit::Committer;
use super::lock::Lock;
use crate::feed::Visibility;
use crate::lake::fs::{self, Fs};
use crate::lake::layout::places::{self, OLD_LOCK, Place, Places, Room, there};
use crate::lake::layout::{self, SUCCESS};
use crate::lake::{Lake, Owner};
use crate::{Error, Kind, Result};

/// Moves the books of before to where they are now.
pub(super) fn migrate(committer: &mut Committer) -> Result<()> {
    let Committer { fs, places, visibility } = &*committer;
    let (data, mode) = (places.data.clone(), visibility.dir_mode());
    for (name, room) in places::old_rooms() {
        let old = data.join(name);
        if fs::is_real_dir(&old)? {
            let new = places.books.join(room.name());
            rename_inside(fs, &old, room)?;
            // At once, so that whoever reads meanwhile finds all of it at one place.
            if fs.remove_empty_dir(&new)? {
                fs.rename(&old, &new)?;
                fs.sync_dir(&places.books)?;
                fs.sync_dir(&data)?;
            } else {
                carry(fs, &old, &new, room, mode)?;
                fs.remove_empty_dir(&old)?;
            }
        }
    }
    let staging = places::old_staging(&data);
    if fs::is_real_dir(&staging)? {
        fs.remove_tree(&staging)?;
    }
    let damaged = places.books.join(Room::Damaged.name());
    let rebuilt = format!("{}.damaged-", layout::METADATA);
    for entry in fs::list(&data)?.into_iter().filter(|entry| entry.name.starts_with(&rebuilt)) {
        fs.make_dir(&damaged, mode)?;
        fs.rename(&entry.path, &free(&damaged, &entry.name)?)?;
        fs.sync_dir(&damaged)?;
    }
    fs.sync_dir(&data)?;
    fs.remove(&data.join(OLD_LOCK))?;
    fs.sync_dir(&data)?;
    committer.places = Places::find(&data)?;
    Ok(())
}

/// Gives Parquet files, where they lie, the names that they have in `room`.
pub(crate) fn rename_inside(fs: &Fs, folder: &Path, room: Room) -> Result<()> {
    for entry in fs::list(folder)? {
        let name = Place::aside(room, &entry.name).path;
        if entry.is_dir {
            rename_inside(fs, &entry.path, room)?;
        } else if name != entry.name {
            fs.rename(&entry.path, &free(folder, &name)?)?;
        }
    }
    fs.sync_dir(folder)
}

/// Moves what is in a folder to another one, folders first, and gives Parquet files the names they have there.
pub(crate) fn carry(fs: &Fs, from: &Path, to: &Path, room: Room, mode: u32) -> Result<()> {
    fs.make_dir(to, mode)?;
    let mut entries = fs::list(from)?;
    entries.sort_by_key(|entry| !entry.is_dir);
    for entry in &entries {
        if entry.is_dir {
            carry(fs, &entry.path, &to.join(&entry.name), room, mode)?;
            fs.remove_empty_dir(&entry.path)?;
        } else {
            fs.rename(&entry.path, &free(to, &Place::aside(room, &entry.name).path)?)?;
        }
    }
    fs.sync_dir(to)?;
    fs.sync_dir(from)
}

/// Removes a folder in which there are at most empty folders; one that holds something stays.
pub(crate) fn remove_hollow(fs: &Fs, path: &Path) -> Result<()> {
    for entry in fs::list(path)?.into_iter().filter(|entry| entry.is_dir) {
        remove_hollow(fs, &entry.path)?;
    }
    fs.remove_empty_dir(path).map(|_| ())
}

/// A name in a folder that nothing has yet.
fn free(folder: &Path, name: &str) -> Result<PathBuf> {
    let mut path = folder.join(name);
    let mut n = 1;
    while there(&path)? {
        n += 1;
        path = folder.join(format!("{name}.{n}"));
    }
    Ok(path)
}

/// Brings metadata and seals to the place that is wanted; `None`: where the metadata is. Gives whether it moved.
pub(super) fn place_metadata(committer: &mut Committer, apart: Option<bool>) -> Result<bool> {
    let Committer { fs, places, visibility } = &mut *committer;
    let mode = visibility.dir_mode();
    if let Some(stale) = places.stale_metadata.take() {
        let damaged = places.room(Room::Damaged);
        fs.make_dir(&damaged, mode)?;
        fs.rename(&stale, &free(&damaged, "metadata-older.json")?)?;
        fs.sync_dir(&damaged)?;
        fs.sync_dir(fs::parent(&stale))?;
    }
    let apart = apart.unwrap_or(places.is_apart());
    let wanted = places.metadata_at(apart);
    if places.metadata == wanted {
        return Ok(false);
    }
    let found = there(&places.metadata)?;
    if found {
        move_seals(fs, places, apart, mode)?;
        fs.rename(&places.metadata, &wanted)?;
        fs.sync_dir(fs::parent(&wanted))?;
        fs.sync_dir(fs::parent(&places.metadata))?;
    }
    places.metadata = wanted;
    Ok(found)
}

/// The metadata moves after them: until then the next start moves what is left.
fn move_seals(fs: &Fs, places: &Places, apart: bool, mode: u32) -> Result<()> {
    let (from, to) = if apart {
        (places.data.clone(), places.room(Room::Seals))
    } else {
        (places.room(Room::Seals), places.data.clone())
    };
    for folder in sealed(&from)? {
        // A partition that is gone bears no mark.
        if !apart && !fs::is_real_dir(&to.join(&folder))? {
            continue;
        }
        if apart {
            fs.make_dir(&to, mode)?;
            fs.make_dirs(&to, [folder.as_path()], mode)?;
        }
        let (old, new) = (from.join(&folder), to.join(&folder));
        fs.rename(&old.join(SUCCESS), &new.join(SUCCESS))?;
        fs.sync_dir(&new)?;
        fs.sync_dir(&old)?;
    }
    if !apart && fs::is_real_dir(&from)? {
        fs.remove_tree(&from)?;
    }
    Ok(())
}

/// Folders below `top` with a mark in them, as paths below it.
pub(crate) fn sealed(top: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut todo = vec![PathBuf::new()];
    while let Some(below) = todo.pop() {
        for entry in fs::list(&top.join(&below))? {
            if entry.is_dir && !entry.name.starts_with(['_', '.']) {
                todo.push(below.join(&entry.name));
            } else if entry.name == SUCCESS && below != Path::new("") {
                found.push(below.clone());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What was done to bring a dataset to the layout that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataMoved {
    /// `streams/payments`
    pub dataset: String,
    /// The books were in the dataset's folder and are now in `_lakehand/`.
    pub migrated: bool,
    /// Metadata and seals have moved.
    pub moved: bool,
    /// Where the metadata is now, or will be.
    pub metadata: PathBuf,
}

/// Brings the dataset in `dataset_dir` to the present layout, with its metadata apart or in its folder. It takes the
/// dataset's lock, needs no feed, and may be repeated. `Kind::Locked` says who holds the dataset.
pub fn move_metadata(lake: &Lake, dataset_dir: &Path, apart: bool, owner: &Owner) -> Result<MetadataMoved> {
    if !fs::is_real_dir(dataset_dir)? {
        return Err(Error::new(Kind::Usage, "there is no such dataset").at("dataset", dataset_dir.display()));
    }
    let open = fs::stat(dataset_dir)?.is_some_and(|found| found.mode & 0o005 != 0);
    let visibility = if open { Visibility::Shared } else { Visibility::Restricted };
    let fs = lake.fs().clone();
    let places = Places::find(dataset_dir)?;
    places.make(&fs, visibility.dir_mode())?;
    let _lock = Lock::take(&fs, &places, owner, visibility.file_mode())?;
    let mut committer = Committer { fs, places: Places::find(dataset_dir)?, visibility };
    committer.fs.make_dir(&committer.places.room(Room::Staging), 0o700)?;
    committer.finish_left_behind()?;
    committer.clear_staging()?;
    let migrated = committer.places.is_old();
    if migrated {
        migrate(&mut committer)?;
    }
    let moved = place_metadata(&mut committer, Some(apart))?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let dataset = format!("{}/{}", name(fs::parent(dataset_dir)), name(dataset_dir));
    Ok(MetadataMoved { dataset, migrated, moved, metadata: committer.places.metadata })
}

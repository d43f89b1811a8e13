//! A partition whose files are replaced changes in one step: its folder is exchanged with a prepared one.
//!
//! ```text
//! staging/exchange/<partition>/   the files that come, moved there      then both folders get each other's name
//!                                 the files that leave                  then they go where the intent says
//! ```
//!
//! Renamed one by one, a reader who lists the folder in between finds too few rows. The exchange needs no record of its
//! own: a file that lies in `staging/exchange/` comes, when the folders were not exchanged yet, or leaves, when they were.
//! [`Committer::undo_stopped_exchanges`] puts each back to one of the two places that the intent names, so that recovery goes on as ever.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::lake::fs;
use crate::lake::layout::{Place, Room, SUCCESS};
use crate::lake::txn::commit::{Committer, Intent, Move};

/// The folders that are exchanged, below staging.
const EXCHANGE: &str = "exchange";

/// What a commit does to one partition's folder.
#[derive(Default)]
struct Replaced<'a> {
    leaving: Vec<&'a Move>,
    coming: Vec<&'a Move>,
}

impl Committer {
    fn exchanges(&self) -> PathBuf {
        self.places.room(Room::Staging).join(EXCHANGE)
    }

    /// Where the move's file lies while its folder is exchanged. `None` for a move that is no part of an exchange.
    pub(super) fn exchanged(&self, step: &Move) -> Option<PathBuf> {
        let (folder, name) = split(step)?;
        Some(self.exchanges().join(prepared_name(folder)).join(name))
    }

    /// Files that a stopped exchange has left go to one of the places that the intent names.
    pub(super) fn undo_stopped_exchanges(&self, intent: &Intent) -> Result<()> {
        let root = self.exchanges();
        if !fs::is_real_dir(&root)? {
            return Ok(());
        }
        for step in &intent.moves {
            let Some(held) = self.exchanged(step) else { continue };
            if fs::size_of(&held)?.is_none() {
                continue;
            }
            let target = if step.to.room == Room::Data { &step.from } else { &step.to };
            self.put(&held, &self.places.path(target)?)?;
        }
        for prepared in fs::list(&root)?.into_iter().filter(|entry| entry.is_dir) {
            // Somebody else's file came into the partition while it was exchanged, or the mark stays: it goes to where it was.
            for left in fs::list(&prepared.path)? {
                let place = Place::data(format!("{}/{}", prepared.name.replace('+', "/"), left.name));
                self.put(&left.path, &self.places.path(&place)?)?;
            }
            self.fs.remove_empty_dir(&prepared.path)?;
        }
        self.fs.remove_empty_dir(&root)?;
        Ok(())
    }

    /// Exchanges each folder of which all files leave and to which others come. Other moves are left to be made one by one.
    pub(super) fn exchange_folders(&self, intent: &Intent) -> Result<()> {
        let mut folders: BTreeMap<&str, Replaced<'_>> = BTreeMap::new();
        for step in &intent.moves {
            let Some((folder, _)) = split(step) else { continue };
            if fs::size_of(&self.places.path(&step.from)?)?.is_none() {
                continue;
            }
            let replaced = folders.entry(folder).or_default();
            let side = if step.to.room == Room::Data { &mut replaced.coming } else { &mut replaced.leaving };
            side.push(step);
        }
        folders.retain(|_, replaced| !replaced.coming.is_empty() && !replaced.leaving.is_empty());
        if folders.is_empty() || !self.fs.can_exchange(&self.places.room(Room::Staging))? {
            return Ok(());
        }
        for (folder, replaced) in folders {
            let data = self.places.path(&Place::data(folder))?;
            let leaves =
                |name: &str| replaced.leaving.iter().any(|step| split(step).is_some_and(|s| s.1 == name));
            // The mark of a partition whose rows do not change stays: there is one in the folder that comes, too.
            let stays = |entry: &fs::Entry| {
                entry.name == SUCCESS && entry.is_file && entry.bytes == 0 && !leaves(SUCCESS)
            };
            let entries = fs::list(&data)?;
            if !entries.iter().all(|entry| leaves(&entry.name) || stays(entry)) {
                continue;
            }
            let prepared = self.exchanges().join(prepared_name(folder));
            let (base, _) = self.places.base(&prepared)?;
            let below = prepared.strip_prefix(base).unwrap_or(&prepared).to_path_buf();
            self.fs.make_dirs(base, [below.as_path()], self.visibility.dir_mode())?;
            for step in &replaced.coming {
                let from = self.places.path(&step.from)?;
                if let Some(to) = self.exchanged(step) {
                    self.fs.rename(&from, &to)?;
                }
            }
            if entries.iter().any(stays) {
                self.fs.create(&prepared.join(SUCCESS), self.visibility.file_mode())?.sync()?;
            }
            self.fs.sync_dir(&prepared)?;
            if self.fs.exchange(&data, &prepared)? {
                self.fs.sync_dir(fs::parent(&data))?;
                self.fs.sync_dir(fs::parent(&prepared))?;
            }
            self.undo_stopped_exchanges(intent)?;
        }
        Ok(())
    }

    /// Renames a file; the folder it goes to is made where it is missing.
    fn put(&self, from: &Path, to: &Path) -> Result<()> {
        let (base, below) = self.places.base(to)?;
        self.fs.make_dirs(base, [below], self.visibility.dir_mode())?;
        self.fs.rename(from, to)?;
        self.fs.sync_dir(fs::parent(to))?;
        self.fs.sync_dir(fs::parent(from))
    }
}

/// The folder in the data and the name in it, of a move between the data and another room.
fn split(step: &Move) -> Option<(&str, &str)> {
    match (step.from.room, step.to.room) {
        (Room::Data, Room::Data) => None,
        (Room::Data, _) => step.from.path.rsplit_once('/'),
        (_, Room::Data) => step.to.path.rsplit_once('/'),
        _ => None,
    }
}

/// The name of a partition's folder among the prepared ones: `year=2025+month=01+day=15`.
fn prepared_name(folder: &str) -> String {
    folder.replace('/', "+")
}

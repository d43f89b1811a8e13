//! What is there. Reads, and judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cancel::Cancel;
use crate::lake::file::footer::{Footer, read_footer};
use crate::lake::fs;
use crate::lake::layout::{self, Place, Places, Room};
use crate::lake::manifest::metadata::{Metadata, read_metadata_at};
use crate::lake::txn::commit::Committer;
use crate::lake::txn::migrate;
use crate::{Kind, Result};

/// Everything below one dataset.
#[derive(Default)]
pub(crate) struct Scan {
    /// Where everything is; `None` only in an empty scan.
    pub(crate) places: Option<Places>,
    /// The dataset's folder is there.
    pub(crate) exists: bool,
    /// A link stands where the folder should.
    pub(crate) is_link: bool,
    /// `Err`: why it cannot be understood.
    pub(crate) metadata: Option<std::result::Result<Metadata, String>>,
    pub(crate) intent: Intent,
    /// Files in staging, the intent left out, and their bytes.
    pub(crate) staged: (u64, u64),
    /// Everything with a mode: folders and files, the inside of staging left out.
    pub(crate) entries: Vec<Seen>,
    /// What lies in the dataset's folder and belongs there to nobody; whether readers by `**` find a Parquet file in it.
    pub(crate) strangers: Vec<(String, bool)>,
    /// What readers take for data.
    pub(crate) files: Vec<DataFile>,
    /// Folders that bear a `_SUCCESS`, in them or in the books.
    pub(crate) sealed: BTreeSet<String>,
    /// Folders of versions.
    pub(crate) versions: BTreeSet<u32>,
    /// Rows in quarantine, and where they came from.
    pub(crate) quarantined: u64,
    pub(crate) bad_rows: BTreeMap<i32, BTreeSet<i64>>,
    /// Asked between two files whether to stop.
    pub(super) cancel: Cancel,
}

/// What a stopped run decided.
#[derive(Default, PartialEq, Eq)]
pub(crate) enum Intent {
    #[default]
    None,
    /// It can be finished.
    Whole(String),
    /// It cannot: why.
    Broken(String),
}

/// An entry of the dataset.
pub(crate) struct Seen {
    /// As a finding shows it: below the dataset, and for the books below the lake; empty for the dataset itself.
    pub(crate) path: String,
    pub(crate) at: PathBuf,
    pub(crate) place: Place,
    pub(crate) mode: u32,
    pub(crate) is_dir: bool,
    pub(crate) is_link: bool,
}

/// A file that readers take for data.
pub(crate) struct DataFile {
    /// Below the dataset; empty when it lies directly in it.
    pub(crate) folder: String,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) is_link: bool,
    /// `Err`: why it cannot be read.
    pub(crate) footer: std::result::Result<Footer, String>,
    /// What reading the rows showed that the footer does not tell.
    pub(crate) lie: Option<String>,
}

impl DataFile {
    /// Below the dataset.
    pub(crate) fn relative(&self) -> String {
        join(&self.folder, &self.name)
    }
}

impl Scan {
    /// Looks at the dataset in `dir`. An error is one of the file system: a damaged file is no error.
    pub(crate) fn of(dir: &Path) -> Result<Self> {
        Self::stoppable(dir, &Cancel::default())
    }

    /// The same; `Kind::Interrupted` when `cancel` asks to stop in between.
    pub(crate) fn stoppable(dir: &Path, cancel: &Cancel) -> Result<Self> {
        let mut scan = Self { cancel: cancel.clone(), ..Self::default() };
        match std::fs::symlink_metadata(dir) {
            Ok(found) if found.is_dir() => scan.see(String::new(), dir, Place::data(""), &found),
            Ok(_) => {
                scan.is_link = true;
                return Ok(scan);
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(scan),
            Err(e) => return Err(crate::Error::io("look at", dir, e)),
        }
        scan.exists = true;
        let places = Places::find(dir)?;
        scan.metadata = match read_metadata_at(&places.metadata) {
            Ok(metadata) => metadata.map(Ok),
            Err(e) if e.kind() == Kind::Damaged => Some(Err(e.what().to_owned())),
            Err(e) => return Err(e),
        };
        scan.places = Some(places.clone());
        scan.look_at_intent(&places)?;
        scan.walk(&places, "", 0)?;
        scan.walk_books(&places)?;
        scan.read_quarantine(&places)?;
        Ok(scan)
    }

    fn see(&mut self, path: String, at: &Path, place: Place, found: &std::fs::Metadata) {
        let (is_dir, is_link, mode) = (found.is_dir(), found.is_symlink(), found.mode() & 0o7777);
        self.entries.push(Seen { path, at: at.to_path_buf(), place, mode, is_dir, is_link });
    }

    /// A room as findings show it.
    pub(crate) fn room(&self, room: Room) -> String {
        self.places.as_ref().map_or_else(String::new, |places| places.shown(&places.room(room)))
    }

    /// The metadata as findings show it.
    pub(crate) fn metadata_path(&self) -> String {
        self.places.as_ref().map_or_else(String::new, |places| places.shown(&places.metadata))
    }

    /// What a finding's path names.
    pub(crate) fn seen(&self, path: &str) -> Option<&Seen> {
        self.entries.iter().find(|entry| entry.path == path)
    }

    /// What is at a place.
    pub(crate) fn seen_at(&self, place: &Place) -> Option<&Seen> {
        self.entries.iter().find(|entry| entry.place == *place)
    }

    fn look_at_intent(&mut self, places: &Places) -> Result<()> {
        let committer = Committer {
            fs: fs::Fs::default(),
            places: places.clone(),
            visibility: crate::feed::Visibility::Restricted,
        };
        self.intent = match committer.left_behind() {
            Ok(None) => Intent::None,
            Ok(Some(intent)) => match committer.check(&intent) {
                Ok(()) => Intent::Whole(intent.commit),
                Err(e) if e.kind() == Kind::Damaged => Intent::Broken(e.what().to_owned()),
                Err(e) => return Err(e),
            },
            Err(e) if e.kind() == Kind::Damaged => Intent::Broken(e.what().to_owned()),
            Err(e) => return Err(e),
        };
        let mut folders = vec![places.room(Room::Staging)];
        while let Some(folder) = folders.pop() {
            for entry in fs::list(&folder)? {
                if entry.is_dir {
                    folders.push(entry.path);
                } else if entry.name != "intent.json" || self.intent == Intent::None {
                    self.staged.0 += 1;
                    self.staged.1 += entry.bytes;
                }
            }
        }
        Ok(())
    }

    fn walk(&mut self, places: &Places, path: &str, depth: usize) -> Result<()> {
        for entry in fs::list(&places.data.join(path))? {
            self.cancel.check()?;
            if path.is_empty() && places.belongs(&entry.name) && entry.name != layout::METADATA {
                continue;
            }
            let below = join(path, &entry.name);
            match std::fs::symlink_metadata(&entry.path) {
                Ok(found) => self.see(below.clone(), &entry.path, Place::data(&below), &found),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => return Err(crate::Error::io("look at", &entry.path, e)),
            }
            let hidden = entry.name.starts_with(['_', '.']);
            if entry.is_dir && !hidden && depth < 8 {
                self.versions.extend(layout::version_of(&below));
                self.walk(places, &below, depth + 1)?;
            } else if entry.name == layout::SUCCESS && !entry.is_dir && !path.is_empty() {
                self.sealed.insert(path.to_owned());
            } else if hidden && !(path.is_empty() && entry.name == layout::METADATA) {
                self.strangers.push((below, holds_parquet(&entry, 0)?));
            } else if !hidden && !entry.is_dir {
                let footer = if entry.is_link {
                    Err("it is a symbolic link".to_owned())
                } else if entry.bytes == 0 {
                    Err("it is empty".to_owned())
                } else if !layout::has_parquet_ending(&entry.name) {
                    Err("it is no Parquet file".to_owned())
                } else {
                    read_footer(&entry.path).map_err(|e| e.what().to_owned())
                };
                let (path, bytes, is_link) = (path.to_owned(), entry.bytes, entry.is_link);
                let file = DataFile {
                    folder: path,
                    name: entry.name,
                    path: entry.path,
                    bytes,
                    is_link,
                    footer,
                    lie: None,
                };
                self.files.push(file);
            }
        }
        Ok(())
    }

    /// The books: their modes, what is put aside, seals that are apart.
    fn walk_books(&mut self, places: &Places) -> Result<()> {
        if fs::is_real_dir(&places.books)? {
            let room = |room: Room| places.room(room);
            let rooms = [Room::Staging, Room::Quarantine, Room::Bin, Room::Damaged, Room::Seals].map(room);
            self.see_one(places, &places.books, Place::new(Room::Books, ""))?;
            for entry in fs::list(&places.books)?.into_iter().filter(|entry| !rooms.contains(&entry.path)) {
                self.see_one(places, &entry.path, Place::new(Room::Books, &entry.name))?;
            }
        }
        let old_lock = &places.locks()[1];
        self.see_one(places, old_lock, Place::data(layout::places::OLD_LOCK))?;
        self.see_one(places, &places.room(Room::Staging), Place::new(Room::Staging, ""))?;
        for room in [Room::Quarantine, Room::Bin, Room::Damaged, Room::Seals] {
            self.see_one(places, &places.room(room), Place::new(room, ""))?;
            // Nothing is read through a link.
            if std::fs::symlink_metadata(places.room(room)).is_ok_and(|found| found.is_dir()) {
                self.walk_room(places, room, "", 0)?;
            }
        }
        for folder in migrate::sealed(&places.room(Room::Seals))? {
            self.sealed.insert(folder.to_string_lossy().into_owned());
        }
        Ok(())
    }

    fn see_one(&mut self, places: &Places, path: &Path, place: Place) -> Result<()> {
        match std::fs::symlink_metadata(path) {
            Ok(found) => self.see(places.shown(path), path, place, &found),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(crate::Error::io("look at", path, e)),
        }
        Ok(())
    }

    fn walk_room(&mut self, places: &Places, room: Room, below: &str, depth: usize) -> Result<()> {
        for entry in fs::list(&places.room(room).join(below))? {
            let path = join(below, &entry.name);
            self.see_one(places, &entry.path, Place::new(room, &path))?;
            if entry.is_dir && depth < 16 {
                self.walk_room(places, room, &path, depth + 1)?;
            }
        }
        Ok(())
    }

    fn read_quarantine(&mut self, places: &Places) -> Result<()> {
        #[derive(serde::Deserialize)]
        struct Line {
            partition: Option<i32>,
            offset: Option<i64>,
        }
        for entry in fs::list(&places.room(Room::Quarantine))? {
            if entry.is_dir || entry.is_link {
                continue;
            }
            let file = match std::fs::File::open(&entry.path) {
                Ok(file) => file,
                Err(e) => return Err(crate::Error::io("open", &entry.path, e)),
            };
            for line in BufReader::new(file).split(b'\n') {
                let line = line.map_err(|e| crate::Error::io("read", &entry.path, e))?;
                self.quarantined += 1;
                let line: Option<Line> = serde_json::from_slice(&line).ok();
                if let Some(Line { partition: Some(partition), offset: Some(offset) }) = line {
                    self.bad_rows.entry(partition).or_default().insert(offset);
                }
            }
        }
        Ok(())
    }
}

/// A Parquet file is in it, or it is one: what a `**` of a reader takes for data.
fn holds_parquet(entry: &fs::Entry, depth: usize) -> Result<bool> {
    if !entry.is_dir {
        return Ok(layout::has_parquet_ending(&entry.name));
    }
    for inner in fs::list(&entry.path)? {
        if depth < 8 && holds_parquet(&inner, depth + 1)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `a/b`, or `b` where there is no `a`.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

//! What is there. Reads, and decides nothing.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::table::TableLog;
use crate::cancel::Cancel;
use crate::lake::file::footer::{Footer, FooterRead, look_at_footer};
use crate::lake::fs::{self, Entry, Target};
use crate::lake::layout::places::original_name;
use crate::lake::layout::{self, Place, Places, Room, join};
use crate::lake::manifest::cold::{self, StubFile};
use crate::lake::manifest::data_file::Cold;
use crate::lake::manifest::data_file::Stub;
use crate::lake::manifest::journal::{self, Journal, Standing};
use crate::lake::manifest::metadata::{Metadata, read_metadata_at};
use crate::lake::manifest::offsets::OffsetRanges;
use crate::lake::txn::commit::Committer;
use crate::lake::txn::migrate;
use crate::lake::txn::rebuild::{Present, read_quarantine};
use crate::{Kind, Result};

/// Levels of folders below a dataset that are looked at.
const DEEPEST: usize = 8;

/// The rooms of the cold tier.
const COLD: [Room; 2] = [Room::Cold, Room::ColdGone];

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
    pub(crate) bad_rows: OffsetRanges,
    /// The journal; none where the dataset has none.
    pub(crate) journal: Journal,
    /// How it goes together with the metadata.
    pub(crate) standing: Option<Standing>,
    /// Partitions that are links to another place, and whether that place is there.
    pub(crate) elsewhere: Vec<(String, Target)>,
    /// Data files that were put aside, and may be put back.
    pub(crate) replaced: Vec<DataFile>,
    /// The log of the dataset's table.
    pub(super) table: TableLog,
    /// Asked between two files whether to stop.
    pub(super) cancel: Cancel,
}

/// What a stopped run decided.
#[derive(Default, PartialEq, Eq)]
pub(crate) enum Intent {
    #[default]
    None,
    /// The commit can be finished.
    Whole(String),
    /// The commit cannot: why.
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
    /// A pipe, a socket or a device.
    pub(crate) is_special: bool,
}

/// A file that readers take for data.
pub(crate) struct DataFile {
    /// Below the dataset; empty when it lies directly in it.
    pub(crate) folder: String,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) is_link: bool,
    /// Neither a file nor a link: a pipe, a socket, a device.
    pub(crate) is_special: bool,
    /// A folder on the way is a link: it is read, and never changed.
    pub(crate) is_linked: bool,
    pub(crate) footer: FooterRead,
    /// What reading the rows showed that the footer does not tell.
    pub(crate) lie: Option<String>,
    /// How the content differs from what was written.
    pub(crate) change: Option<String>,
    /// It lies in the cold tier; without a local copy `path` is its stub.
    pub(crate) cold: Option<Cold>,
}

impl DataFile {
    /// Looks at an entry of `folder`.
    fn of(folder: &str, entry: Entry, is_linked: bool) -> Self {
        let footer = if entry.is_link {
            FooterRead::Damaged("it is a symbolic link".to_owned())
        } else if !entry.is_file {
            FooterRead::Damaged("it is no regular file".to_owned())
        } else if entry.bytes == 0 {
            FooterRead::Damaged("it is empty".to_owned())
        } else if !layout::has_parquet_ending(original_name(&entry.name)) {
            FooterRead::Damaged("it is no Parquet file".to_owned())
        } else {
            look_at_footer(&entry.path)
        };
        let is_special = entry.is_special();
        Self {
            folder: folder.to_owned(),
            name: entry.name,
            path: entry.path,
            bytes: entry.bytes,
            is_link: entry.is_link,
            is_special,
            is_linked,
            footer,
            lie: None,
            change: None,
            cold: None,
        }
    }

    /// A file in the cold tier, by its stub.
    fn of_stub(file: &StubFile) -> Result<Self> {
        let cold = match Stub::read(&file.path) {
            Ok(stub) => Some(Cold { stub, has_copy: false }),
            Err(e) if e.kind() == Kind::Damaged => None,
            Err(e) => return Err(e),
        };
        Ok(Self {
            folder: file.partition.clone(),
            name: file.name.clone(),
            path: file.path.clone(),
            bytes: cold.as_ref().map_or(file.bytes, |cold| cold.stub.bytes),
            is_link: false,
            is_special: false,
            is_linked: false,
            footer: look_at_footer(&file.path),
            lie: None,
            change: None,
            cold,
        })
    }

    /// No local copy is there: it cannot be read, moved or put aside here.
    pub(crate) fn is_cold_alone(&self) -> bool {
        layout::places::is_stub(self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default())
    }

    /// The file as it is counted; `None` where it is no data of this program.
    pub(crate) fn present(&self) -> Option<Present> {
        let footer = self.sound().filter(|footer| footer.commit.is_some())?.clone();
        let (folder, name, path) = (self.folder.clone(), self.name.clone(), self.path.clone());
        Some(Present { folder, name, path, bytes: self.bytes, footer, cold: self.cold.clone() })
    }

    /// The footer, where it was read.
    pub(crate) fn sound(&self) -> Option<&Footer> {
        self.footer.sound()
    }

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
        match fs::stat(dir)? {
            Some(found) if found.is_dir => scan.see(String::new(), dir, Place::data(""), found),
            Some(_) => {
                scan.is_link = true;
                return Ok(scan);
            }
            None => return Ok(scan),
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
        scan.look_at_journal(&places)?;
        scan.walk(&places, "", fs::list(dir)?, false)?;
        scan.look_at_stubs(&places)?;
        scan.walk_books(&places)?;
        scan.table = TableLog::look(&places)?;
        let quarantine = read_quarantine(&places)?;
        (scan.quarantined, scan.bad_rows) = (quarantine.rows, quarantine.offsets);
        Ok(scan)
    }

    fn see(&mut self, path: String, at: &Path, place: Place, found: fs::Stat) {
        let (is_dir, is_link, is_special) = (found.is_dir, found.is_link, found.is_special);
        self.entries.push(Seen {
            path,
            at: at.to_path_buf(),
            place,
            mode: found.mode,
            is_dir,
            is_link,
            is_special,
        });
    }

    /// A room as findings show it.
    pub(crate) fn room(&self, room: Room) -> String {
        self.places.as_ref().map_or_else(String::new, |places| places.shown(&places.room(room)))
    }

    /// The metadata as findings show it.
    pub(crate) fn metadata_path(&self) -> String {
        self.places.as_ref().map_or_else(String::new, |places| places.shown(&places.metadata))
    }

    /// The list of files as findings show it.
    pub(crate) fn journal_path(&self) -> String {
        self.places.as_ref().map_or_else(String::new, |places| places.shown(&places.journal()))
    }

    /// What a finding's path names.
    pub(crate) fn seen(&self, path: &str) -> Option<&Seen> {
        self.entries.iter().find(|entry| entry.path == path)
    }

    /// What is at a place.
    pub(crate) fn seen_at(&self, place: &Place) -> Option<&Seen> {
        self.entries.iter().find(|entry| entry.place == *place)
    }

    /// Files in the cold tier: those of which no local copy is there join the files. The mark of such a day went with its copy.
    fn look_at_stubs(&mut self, places: &Places) -> Result<()> {
        let stubs = cold::stubs(places)?;
        let copies: HashMap<String, usize> = if stubs.is_empty() {
            HashMap::new()
        } else {
            self.files.iter().enumerate().map(|(at, file)| (file.relative(), at)).collect()
        };
        for stub in stubs {
            let mut file = DataFile::of_stub(&stub)?;
            match copies.get(&stub.relative()).and_then(|at| self.files.get_mut(*at)) {
                Some(copy) => copy.cold = file.cold.take().map(|cold| Cold { has_copy: true, ..cold }),
                None => self.files.push(file),
            }
        }
        if let Some(Ok(metadata)) = &self.metadata {
            let cold = metadata.partitions.iter().filter(|p| p.sealed_at.is_some() && p.is_cold_alone());
            self.sealed.extend(cold.map(|partition| partition.path.clone()));
        }
        Ok(())
    }

    fn look_at_journal(&mut self, places: &Places) -> Result<()> {
        let path = places.journal();
        let mark = match &self.metadata {
            Some(Ok(metadata)) => metadata.journal,
            _ => None,
        };
        match journal::read(&path) {
            Ok(journal) => {
                self.journal = journal.unwrap_or_default();
                self.standing = Some(journal::standing(&path, mark)?);
            }
            // Something else stands in its place.
            Err(e) if e.kind() == Kind::Damaged => self.standing = Some(Standing::Lost),
            Err(e) => return Err(e),
        }
        Ok(())
    }

    fn look_at_intent(&mut self, places: &Places) -> Result<()> {
        // Nothing is read through a link in its place.
        let staging = places.room(Room::Staging);
        if !fs::stat(&staging)?.is_some_and(|stat| stat.is_dir) {
            return Ok(());
        }
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
        let mut folders = vec![staging];
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

    fn walk(&mut self, places: &Places, path: &str, entries: Vec<Entry>, is_linked: bool) -> Result<()> {
        let depth = if path.is_empty() { 0 } else { path.split('/').count() };
        for entry in entries {
            self.cancel.check()?;
            if path.is_empty() && places.belongs(&entry.name) && entry.name != layout::METADATA {
                continue;
            }
            let below = join(path, &entry.name);
            // Modes of another place are its own.
            if !is_linked && let Some(found) = fs::stat(&entry.path)? {
                self.see(below.clone(), &entry.path, Place::data(&below), found);
            }
            let hidden = entry.name.starts_with(['_', '.']);
            let leads = if entry.is_link && layout::is_partition_name(&entry.name) {
                fs::target(&entry.path)?
            } else {
                Target::Other
            };
            if entry.is_link && leads != Target::Other {
                self.elsewhere.push((below.clone(), leads));
                if leads == Target::Nothing {
                    continue;
                }
            }
            let is_folder = entry.is_dir || leads == Target::Folder;
            if is_folder && !hidden && depth < DEEPEST {
                self.versions.extend(layout::version_of(&below));
                self.walk(places, &below, fs::list_target(&entry.path)?, is_linked || entry.is_link)?;
            } else if entry.name == layout::SUCCESS && !entry.is_dir && !path.is_empty() {
                self.sealed.insert(path.to_owned());
            } else if hidden && !(path.is_empty() && entry.name == layout::METADATA) {
                self.strangers.push((below, holds_parquet(&entry, 0)?));
            } else if !hidden && !is_folder {
                self.files.push(DataFile::of(path, entry, is_linked));
            }
        }
        Ok(())
    }

    /// The books: their modes, what is put aside, seals that are apart.
    fn walk_books(&mut self, places: &Places) -> Result<()> {
        if fs::stat(&places.books)?.is_some_and(|found| found.is_dir) {
            let room = |room: Room| places.room(room);
            let rooms = [Room::Staging, Room::Quarantine, Room::Bin, Room::Damaged, Room::Seals]
                .into_iter()
                .chain(COLD)
                // The notes of uploads are of whoever makes them, and go with the move.
                .chain([Room::Moving])
                .map(room)
                .collect::<Vec<_>>();
            self.see_one(places, &places.books, Place::new(Room::Books, ""))?;
            for entry in fs::list(&places.books)?.into_iter().filter(|entry| !rooms.contains(&entry.path)) {
                self.see_one(places, &entry.path, Place::new(Room::Books, &entry.name))?;
            }
        }
        let old_lock = &places.locks()[1];
        self.see_one(places, old_lock, Place::data(layout::places::OLD_LOCK))?;
        self.see_one(places, &places.room(Room::Staging), Place::new(Room::Staging, ""))?;
        for room in [Room::Quarantine, Room::Bin, Room::Damaged, Room::Seals].into_iter().chain(COLD) {
            self.see_one(places, &places.room(room), Place::new(room, ""))?;
            // Nothing is read through a link.
            if fs::stat(&places.room(room))?.is_some_and(|found| found.is_dir) {
                self.walk_room(places, room, "", 0)?;
            }
        }
        let seals = places.room(Room::Seals);
        if fs::stat(&seals)?.is_some_and(|found| found.is_dir) {
            for folder in migrate::sealed(&seals)? {
                self.sealed.insert(folder.to_string_lossy().into_owned());
            }
        }
        Ok(())
    }

    fn see_one(&mut self, places: &Places, path: &Path, place: Place) -> Result<()> {
        if let Some(found) = fs::stat(path)? {
            self.see(places.shown(path), path, place, found);
        }
        Ok(())
    }

    fn walk_room(&mut self, places: &Places, room: Room, below: &str, depth: usize) -> Result<()> {
        for entry in fs::list(&places.room(room).join(below))? {
            let path = join(below, &entry.name);
            self.see_one(places, &entry.path, Place::new(room, &path))?;
            if entry.is_dir && depth < 16 {
                self.walk_room(places, room, &path, depth + 1)?;
            } else if room == Room::Bin && layout::is_ours(original_name(&entry.name)) {
                let folder = places.shown(fs::parent(&entry.path));
                self.replaced.push(DataFile::of(&folder, entry, false));
            }
        }
        Ok(())
    }

    /// A record of every file that can be counted.
    pub(crate) fn listed(&self) -> Vec<crate::lake::manifest::data_file::DataFile> {
        let index = self.journal.by_name();
        self.files.iter().filter_map(|file| Some(file.present()?.record(&index))).collect()
    }

    /// The partition lies behind a link that leads to nothing now.
    pub(crate) fn is_out_of_reach(&self, partition: &str) -> bool {
        self.elsewhere.iter().any(|(path, leads)| {
            let rest = partition.strip_prefix(path.as_str());
            *leads == Target::Nothing && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// What is not known: a file that could not be read, a partition on a disk that is not there. Nothing is moved or counted
    /// anew while there is such a thing.
    pub(crate) fn unknown(&self) -> Option<crate::Error> {
        let file = self.files.iter().find_map(|file| match &file.footer {
            FooterRead::Unknown(e) => Some(
                crate::Error::new(Kind::Io, format!("a file could not be read: {}", e.what()))
                    .at("file", file.path.display())
                    .next("nothing was moved; let this program read the file, then repair again"),
            ),
            _ => None,
        });
        file.or_else(|| {
            let (path, _) = self.elsewhere.iter().find(|(_, leads)| *leads == Target::Nothing)?;
            Some(
                crate::Error::new(
                    Kind::Io,
                    "a partition is a link that leads to nothing now: what it holds is unknown",
                )
                .at("link", path)
                .next("nothing was moved; mount the disk to which it leads, or remove the link for good"),
            )
        })
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

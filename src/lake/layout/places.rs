//! Where everything of a dataset lies. Nothing else knows it.
//!
//! ```text
//! <lake>/<kind>/<dataset>/                 year=…/ or version=…/, `_metadata.json`: what readers see
//! <lake>/_lakehand/<kind>/<dataset>/       the books
//!     lock          one holder a dataset           staging/      files to come, the intent, the trash
//!     quarantine/   rows that cannot be decoded    bin/          what new exports of a day have replaced
//!     damaged/      what repairs put aside         previous/     a table's folder before its last overwrite
//!     cold/         what stays of files in the cold tier        cold-gone/    the same of objects that are to go
//!     moving/       how far copies into the cold tier are        metadata.json, seals/   with `lake.metadata = "apart"`
//!     catalog/      what was published to catalogues
//! ```
//!
//! Books and data are on one mount, since files move between them by rename. Where the dataset's folder is on another one
//! than the lake, the books are beside it (`_lakehand-<dataset>/`); where it is itself a mount point, nothing is beside
//! it, and they are in it (`_lakehand/`). No file of the books has a name that ends in `.parquet`, apart from a table's
//! new version for as long as its overwrite takes, and from what is about to be removed (`staging/trash/`).
//!
//! Before version 0.2 the books were in the dataset's folder (`_lock`, `_staging/`, …). What is found there is used where
//! it lies, until the first command that writes moves it (see `txn::migrate`).

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{FILES, ICEBERG, LOG, METADATA, SUCCESS, inside};
use crate::lake::fs::{self, Fs, device};
use crate::{Error, Kind, Result};

/// The folder of the books, in the lake.
pub(crate) const BOOKS: &str = "_lakehand";
/// The books of before, in the dataset's folder.
pub(crate) const OLD_LOCK: &str = "_lock";
const OLD_STAGING: &str = "_staging";
const OLD_QUARANTINE: &str = "_quarantine";
const OLD_BIN: &str = "_replaced";
const OLD_DAMAGED: &str = "_damaged";
/// The metadata, in the books.
const APART: &str = "metadata.json";
/// What stands behind the name of a data file in that of its stub.
const STUB: &str = ".cold";
/// Mode of the folders that hold the books of all datasets.
const BOOKS_MODE: u32 = 0o755;

/// A part of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Room {
    /// The dataset's folder.
    Data,
    /// The folder of the books itself.
    Books,
    /// What is to come, and what is to go.
    Staging,
    /// Rows that cannot be decoded.
    Quarantine,
    /// What new exports of a day have replaced.
    Bin,
    /// What repairs put aside.
    Damaged,
    /// Marks of sealed partitions, where they are apart.
    Seals,
    /// Stubs of the files that lie in the cold tier.
    Cold,
    /// Stubs of objects in the cold tier that no dataset needs any more.
    ColdGone,
    /// How far copies into the cold tier are.
    Moving,
}

impl Room {
    const ALL: [Self; 10] = [
        Self::Data,
        Self::Books,
        Self::Staging,
        Self::Quarantine,
        Self::Bin,
        Self::Damaged,
        Self::Seals,
        Self::Cold,
        Self::ColdGone,
        Self::Moving,
    ];

    /// The room's name in an intent; in the books that of its folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Books => "books",
            Self::Staging => "staging",
            Self::Quarantine => "quarantine",
            Self::Bin => "bin",
            Self::Damaged => "damaged",
            Self::Seals => "seals",
            Self::Cold => "cold",
            Self::ColdGone => "cold-gone",
            Self::Moving => "moving",
        }
    }

    /// What is added to the name of a Parquet file there, so that no reader takes it for data.
    fn ending(self) -> &'static str {
        match self {
            Self::Bin => ".replaced",
            Self::Damaged => ".damaged",
            Self::Cold => STUB,
            _ => "",
        }
    }
}

/// A path in a room, as an intent names it: `data/year=2025/…`, `staging/<run>/…`. It never leads out of its room.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Place {
    pub(crate) room: Room,
    pub(crate) path: String,
}

impl Place {
    pub(crate) fn new(room: Room, path: impl Into<String>) -> Self {
        Self { room, path: path.into() }
    }

    /// Below the dataset's folder.
    pub(crate) fn data(path: impl Into<String>) -> Self {
        Self::new(Room::Data, path)
    }

    /// What the next step removes.
    pub(crate) fn trash(name: impl fmt::Display) -> Self {
        Self::new(Room::Staging, format!("trash/{name}"))
    }

    /// A file that is put aside: what readers would take for data loses its ending.
    pub(crate) fn aside(room: Room, path: &str) -> Self {
        let ending = if super::has_parquet_ending(path) { room.ending() } else { "" };
        Self::new(room, format!("{path}{ending}"))
    }

    /// A path of an intent of before, when everything was in the dataset's folder.
    fn of_old(path: &str) -> Self {
        let rooms = [
            (OLD_STAGING, Room::Staging),
            (OLD_QUARANTINE, Room::Quarantine),
            (OLD_BIN, Room::Bin),
            (OLD_DAMAGED, Room::Damaged),
        ];
        let known = rooms.into_iter().find_map(|(name, room)| {
            let rest = path.strip_prefix(name)?.strip_prefix('/')?;
            Some(Self::new(room, rest))
        });
        known.unwrap_or_else(|| Self::data(path))
    }
}

/// The name that a file had before it was put aside.
pub(crate) fn original_name(name: &str) -> &str {
    let stripped =
        [Room::Bin, Room::Damaged, Room::Cold].into_iter().find_map(|room| name.strip_suffix(room.ending()));
    stripped.filter(|name| super::has_parquet_ending(name)).unwrap_or(name)
}

/// The name is that of a stub: its file lies in the cold tier.
pub(crate) fn is_stub(name: &str) -> bool {
    name.strip_suffix(STUB).is_some_and(super::has_parquet_ending)
}

/// For people: the path, with its room where that is not the data.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.room {
            Room::Data => f.write_str(&self.path),
            room => write!(f, "{}/{}", room.name(), self.path),
        }
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        format!("{}/{}", place.room.name(), place.path)
    }
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let known = text.split_once('/').and_then(|(word, path)| {
            let room = Room::ALL.into_iter().find(|room| room.name() == word)?;
            Some(Self::new(room, path))
        });
        known.ok_or_else(|| format!("{text:?} names no part of the dataset"))
    }
}

/// Where the books are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    /// In the lake's `_lakehand/`.
    Lake,
    /// Beside the dataset's folder, which is on another mount than the lake.
    Beside,
    /// In the dataset's folder, which is a mount point.
    Inside,
}

/// Where one dataset is.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The dataset's folder.
    pub(crate) data: PathBuf,
    /// The folder of its books.
    pub(crate) books: PathBuf,
    /// The metadata that is in force, or will be.
    pub(crate) metadata: PathBuf,
    /// Metadata that is at the other place, and older.
    pub(crate) stale_metadata: Option<PathBuf>,
    pub(crate) site: Site,
    root: PathBuf,
    staging: PathBuf,
    quarantine: PathBuf,
    bin: PathBuf,
    damaged: PathBuf,
    is_old: bool,
}

impl Places {
    /// Finds where the dataset with the folder `<lake>/<kind>/<dataset>` is. Takes no lock and changes nothing.
    pub(crate) fn find(data: &Path) -> Result<Self> {
        let kind_dir = fs::parent(data);
        let root = fs::parent(kind_dir);
        let name = data.file_name().unwrap_or_default();
        let (books, site) = books(root, kind_dir, data, name)?;
        let mut is_old = there(&data.join(OLD_LOCK))?;
        let mut lies = |old: &str, room: Room| -> Result<PathBuf> {
            let old = data.join(old);
            let found = there(&old)?;
            is_old |= found;
            Ok(if found { old } else { books.join(room.name()) })
        };
        let (staging, quarantine) =
            (lies(OLD_STAGING, Room::Staging)?, lies(OLD_QUARANTINE, Room::Quarantine)?);
        let (bin, damaged) = (lies(OLD_BIN, Room::Bin)?, lies(OLD_DAMAGED, Room::Damaged)?);
        let (folder, apart) = (data.join(METADATA), books.join(APART));
        let (metadata, stale_metadata) = match (there(&folder)?, there(&apart)?) {
            (true, true) if commit_seq(&apart) > commit_seq(&folder) => (apart, Some(folder)),
            (true, true) => (folder, Some(apart)),
            (false, true) => (apart, None),
            (_, false) => (folder, None),
        };
        let (data, root) = (data.to_path_buf(), root.to_path_buf());
        Ok(Self {
            data,
            books,
            metadata,
            stale_metadata,
            site,
            root,
            staging,
            quarantine,
            bin,
            damaged,
            is_old,
        })
    }

    /// Some of the books are where they were before.
    pub(crate) fn is_old(&self) -> bool {
        self.is_old
    }

    /// The folder of a room.
    pub(crate) fn room(&self, room: Room) -> PathBuf {
        match room {
            Room::Data => self.data.clone(),
            Room::Books => self.books.clone(),
            Room::Staging => self.staging.clone(),
            Room::Quarantine => self.quarantine.clone(),
            Room::Bin => self.bin.clone(),
            Room::Damaged => self.damaged.clone(),
            Room::Seals | Room::Cold | Room::ColdGone | Room::Moving => self.books.join(room.name()),
        }
    }

    /// Where `place` is. `Kind::Damaged` for a path that leads out of its room.
    pub(crate) fn path(&self, place: &Place) -> Result<PathBuf> {
        inside(&self.room(place.room), &place.path)
    }

    /// The place at `path`, which is in staging.
    pub(crate) fn staged(&self, path: &Path) -> Result<Place> {
        let below = path.strip_prefix(&self.staging).ok().and_then(Path::to_str);
        below.map(|below| Place::new(Room::Staging, below)).ok_or_else(|| {
            Error::new(Kind::Bug, "a staged file outside of staging").at("file", path.display())
        })
    }

    /// The place that an intent names. One of before names everything below the dataset's folder.
    pub(crate) fn named(&self, text: &str) -> Result<Place> {
        if self.staging.starts_with(&self.data) && self.staging.ends_with(OLD_STAGING) {
            return Ok(Place::of_old(text));
        }
        Place::try_from(text.to_owned()).map_err(|what| Error::new(Kind::Damaged, what))
    }

    /// The folder below which folders of `path` may be made: the books' or the dataset's, and what lies between.
    pub(crate) fn base<'p>(&self, path: &'p Path) -> Result<(&Path, &'p Path)> {
        let known = [&self.books, &self.data].into_iter().find_map(|base| {
            let below = path.strip_prefix(base).ok()?;
            Some((base.as_path(), below.parent().unwrap_or(Path::new(""))))
        });
        known.ok_or_else(|| Error::new(Kind::Bug, "a path outside of the dataset").at("path", path.display()))
    }

    /// The lock files that count: that of the books, and the one of before where it is.
    pub(crate) fn locks(&self) -> [PathBuf; 2] {
        [self.books.join("lock"), self.data.join(OLD_LOCK)]
    }

    /// The list of the files of each commit.
    pub(crate) fn journal(&self) -> PathBuf {
        self.books.join("journal")
    }

    /// What was published of the dataset to a catalogue; and the lock of whoever publishes.
    pub(crate) fn published(&self, catalogue: &str) -> [PathBuf; 2] {
        ["json", "lock"].map(|ending| self.books.join("catalog").join(format!("{catalogue}.{ending}")))
    }

    /// Where the metadata would be.
    pub(crate) fn metadata_at(&self, apart: bool) -> PathBuf {
        if apart { self.books.join(APART) } else { self.data.join(METADATA) }
    }

    /// Metadata and seals are not in the dataset's folder.
    pub(crate) fn is_apart(&self) -> bool {
        self.metadata.starts_with(&self.books)
    }

    /// Where a new seal of a partition goes.
    pub(crate) fn seal(&self, folder: &str) -> Place {
        let room = if self.is_apart() { Room::Seals } else { Room::Data };
        Place::new(room, format!("{folder}/{SUCCESS}"))
    }

    /// Both places at which a seal of a partition may be.
    pub(crate) fn seals(folder: &str) -> [Place; 2] {
        [Room::Data, Room::Seals].map(|room| Place::new(room, format!("{folder}/{SUCCESS}")))
    }

    /// The table's folder before its last overwrite.
    pub(crate) fn previous(&self) -> PathBuf {
        self.books.join("previous")
    }

    /// Makes the folders of the books, those above included.
    pub(crate) fn make(&self, fs: &Fs, mode: u32) -> Result<()> {
        if self.site == Site::Lake {
            fs.make_dir(&self.root.join(BOOKS), BOOKS_MODE)?;
            fs.make_dir(fs::parent(&self.books), BOOKS_MODE)?;
        }
        fs.make_dir(&self.books, mode)?;
        fs.set_mode(&self.books, mode)
    }

    /// A path as findings show it: below the dataset's folder, and for the books below the lake.
    pub(crate) fn shown(&self, path: &Path) -> String {
        let base = if path.starts_with(&self.books) { &self.root } else { &self.data };
        path.strip_prefix(base).unwrap_or(path).to_string_lossy().into_owned()
    }

    /// Something that belongs at the top of the dataset's folder, data left out.
    pub(crate) fn belongs(&self, name: &str) -> bool {
        // The logs of table formats are theirs.
        matches!(name, METADATA | LOG | FILES | ICEBERG | "metadata")
            || self.is_old && [OLD_LOCK, OLD_STAGING, OLD_QUARANTINE, OLD_BIN, OLD_DAMAGED].contains(&name)
            || self.site == Site::Inside && name == BOOKS
    }
}

/// The books of before: the name in the dataset's folder, and the room to which each moves.
pub(crate) fn old_rooms() -> [(&'static str, Room); 3] {
    [(OLD_QUARANTINE, Room::Quarantine), (OLD_BIN, Room::Bin), (OLD_DAMAGED, Room::Damaged)]
}

/// The staging of before.
pub(crate) fn old_staging(data: &Path) -> PathBuf {
    data.join(OLD_STAGING)
}

fn books(root: &Path, kind_dir: &Path, data: &Path, name: &std::ffi::OsStr) -> Result<(PathBuf, Site)> {
    let kind = kind_dir.file_name().unwrap_or_default();
    let lake = root.join(BOOKS).join(kind).join(name);
    let mount = device::mount_of(data)?;
    if device::mount_of(&lake)? == mount {
        return Ok((lake, Site::Lake));
    }
    // Of a link, what it leads to.
    let real = fs::real_path(data);
    let above = fs::parent(&real);
    if device::mount_of(above)? == mount {
        let mut beside = std::ffi::OsString::from(format!("{BOOKS}-"));
        beside.push(name);
        return Ok((above.join(beside), Site::Beside));
    }
    Ok((data.join(BOOKS), Site::Inside))
}

/// Something is at `path`, a link included.
pub(crate) fn there(path: &Path) -> Result<bool> {
    Ok(fs::stat(path)?.is_some())
}

/// The number of the last commit that a metadata file knows; `None` where it cannot be understood.
fn commit_seq(path: &Path) -> Option<u64> {
    #[derive(Deserialize)]
    struct Known {
        #[serde(default)]
        commit_seq: u64,
    }
    let bytes = fs::read_capped(path, 256 << 20).ok().flatten()?;
    serde_json::from_slice::<Known>(&bytes).ok().map(|known| known.commit_seq)
}

/// The metadata and the lock file of the dataset in `dataset_dir`, and the folder of what was published of it: what changes when
/// somebody writes or publishes it.
pub fn watched(dataset_dir: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let Ok(places) = Places::find(dataset_dir) else {
        return (dataset_dir.join(METADATA), dataset_dir.into(), dataset_dir.into());
    };
    let [lock, old] = places.locks();
    let lock = if old.exists() { old } else { lock };
    let published = fs::parent(&places.published("")[0]).to_path_buf();
    (places.metadata, lock, published)
}

/// Where the books of the dataset in `dataset_dir` are, when that is not the lake's `_lakehand/`; and whether the
/// dataset's folder is of the layout of before.
///
/// # Errors
/// [`Kind::Io`] when a folder cannot be looked at.
pub fn books_of(dataset_dir: &Path) -> Result<(Option<PathBuf>, bool)> {
    let places = Places::find(dataset_dir)?;
    let is_old = places.is_old();
    Ok(((places.site != Site::Lake).then_some(places.books), is_old))
}

/// Whether the file system of the folder `path` can exchange two folders in one step. It is tried, in a folder that is
/// removed again.
///
/// # Errors
/// [`Kind::Io`] when no folder can be made there.
pub fn can_exchange_folders(path: &Path) -> Result<bool> {
    let scratch = tempfile::Builder::new()
        .prefix("_lakehand-doctor")
        .tempdir_in(path)
        .map_err(|e| Error::io("make a folder in", path, e))?;
    Fs::default().can_exchange(scratch.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_and_read() {
        for (place, text) in [
            (Place::data("year=2025/x.parquet"), "data/year=2025/x.parquet"),
            (Place::trash(7), "staging/trash/7"),
            (Place::aside(Room::Bin, "c/x.parquet"), "bin/c/x.parquet.replaced"),
            (Place::aside(Room::Damaged, "c/notes.txt"), "damaged/c/notes.txt"),
        ] {
            assert_eq!(String::from(place.clone()), text);
            assert_eq!(Place::try_from(text.to_owned()), Ok(place));
        }
        assert!(Place::try_from("year=2025/x.parquet".to_owned()).is_err());
        assert_eq!(original_name("x.parquet.replaced"), "x.parquet");
        assert_eq!(original_name("notes.replaced"), "notes.replaced");
    }

    #[test]
    fn no_place_leads_out_of_its_room() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::find(&dir.path().join("streams/x")).unwrap();
        assert_eq!(places.books, dir.path().join("_lakehand/streams/x"));
        for path in ["", "/etc/passwd", "../y", "a/../../b"] {
            for room in Room::ALL {
                assert_eq!(places.path(&Place::new(room, path)).unwrap_err().kind(), Kind::Damaged, "{path}");
            }
        }
    }

    #[test]
    fn an_intent_of_before_names_paths_below_the_dataset() {
        assert_eq!(Place::of_old("_staging/r1/0.parquet"), Place::new(Room::Staging, "r1/0.parquet"));
        assert_eq!(Place::of_old("_replaced/c/day=1"), Place::new(Room::Bin, "c/day=1"));
        assert_eq!(Place::of_old("year=2025/x"), Place::data("year=2025/x"));
    }
}

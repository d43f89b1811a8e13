//! Every way in which the lake reads the file system.
//!
//! Only regular files are opened, without waiting: a pipe in their place is an answer. Links are followed by
//! [`list_target`] and [`target`] alone. "Not there" is a value; an error of the file system is an error, never "damaged".

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::hash::{ContentHash, Hasher};
use crate::{Error, Kind, Result};

/// Bytes that are hashed at a time.
const HASHED_AT_ONCE: usize = 1 << 18;

/// An entry of a folder.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// A real folder; a link to one is not.
    pub(crate) is_dir: bool,
    pub(crate) is_link: bool,
    /// A regular file: neither a folder nor a link, a pipe, a socket or a device.
    pub(crate) is_file: bool,
    pub(crate) bytes: u64,
}

impl Entry {
    /// A pipe, a socket or a device.
    pub(crate) fn is_special(&self) -> bool {
        !self.is_file && !self.is_dir && !self.is_link
    }
}

/// What is in a folder, sorted by name; a folder that is not there holds nothing. `Kind::Damaged` when something else
/// than a folder is there: nothing is read through a link.
pub(crate) fn list(path: &Path) -> Result<Vec<Entry>> {
    if !is_real_dir(path)? {
        return Ok(Vec::new());
    }
    list_target(path)
}

/// The same, and a link to a folder is followed: only for reading.
pub(crate) fn list_target(path: &Path) -> Result<Vec<Entry>> {
    let refused = |e| Error::io("read the folder", path, e);
    let entries = match fs::read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(refused)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(refused)?;
        let metadata = match entry.metadata() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(|e| Error::io("look at", &entry.path(), e))?,
        };
        found.push(Entry {
            name: entry.file_name().to_string_lossy().into_owned(),
            path: entry.path(),
            is_dir: metadata.is_dir(),
            is_link: metadata.is_symlink(),
            is_file: metadata.is_file(),
            bytes: metadata.len(),
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// `path` is a folder; `false` when nothing is there, `Kind::Damaged` when something else is.
pub(crate) fn is_real_dir(path: &Path) -> Result<bool> {
    let what = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Ok(true),
        Ok(metadata) if metadata.is_symlink() => "a symbolic link",
        Ok(_) => "a file",
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(Error::io("look at", path, e)),
    };
    Err(Error::new(Kind::Damaged, format!("{what} stands where a folder of the dataset belongs"))
        .at("path", path.display())
        .next("nothing is written through it: put a real folder there, or move the whole lake instead"))
}

/// Size of a file, or of the files directly in a folder; `None` when nothing is there.
pub(crate) fn size_of(path: &Path) -> Result<Option<u64>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => Ok(Some(list(path)?.iter().map(|entry| entry.bytes).sum())),
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(Error::io("look at", path, e)),
    }
}

/// What a path leads to when links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Folder,
    /// A file, a pipe, a device.
    Other,
    /// Nothing, or nothing that can be reached: another disk may not be mounted.
    Nothing,
}

/// Follows links from `path`.
pub(crate) fn target(path: &Path) -> Result<Target> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(Target::Folder),
        Ok(_) => Ok(Target::Other),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Target::Nothing),
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Ok(Target::Nothing),
        Err(e) => Err(Error::io("look at", path, e)),
    }
}

/// What the file system says of an entry, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) is_dir: bool,
    pub(crate) is_link: bool,
    /// A pipe, a socket or a device.
    pub(crate) is_special: bool,
    pub(crate) mode: u32,
    pub(crate) bytes: u64,
    /// The number of the file system.
    pub(crate) device: u64,
}

/// Looks at `path`; `None` when nothing is there.
pub(crate) fn stat(path: &Path) -> Result<Option<Stat>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(Stat {
            is_dir: found.is_dir(),
            is_link: found.is_symlink(),
            is_special: !found.is_dir() && !found.is_file() && !found.is_symlink(),
            mode: found.mode() & 0o7777,
            bytes: found.len(),
            device: found.dev(),
        })),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(Error::io("look at", path, e)),
    }
}

/// When `path` was changed last, where the file system tells.
pub(crate) fn modified(path: &Path) -> Option<std::time::SystemTime> {
    fs::symlink_metadata(path).ok()?.modified().ok()
}

/// Opens a regular file for reading. A link is not followed and a pipe does not hold it up: both are `Kind::Damaged`. An
/// error of the file system is `Kind::Io`.
pub(crate) fn open_regular(path: &Path) -> Result<File> {
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW).bits().cast_signed();
    let no_file = |what: &str| {
        Error::new(Kind::Damaged, format!("{what} stands where a file belongs"))
            .at("path", path.display())
            .next("move it away")
    };
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(no_file("a symbolic link"));
        }
        // What a socket says to whoever opens it.
        Err(e) if e.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            return Err(no_file("a socket"));
        }
        Err(e) => return Err(Error::io("open", path, e)),
    };
    if !file.metadata().map_err(|e| Error::io("look at", path, e))?.is_file() {
        return Err(no_file("a folder, a pipe or a device"));
    }
    Ok(file)
}

/// The hash of the regular file at `path`, read whole.
pub(crate) fn hash_file(path: &Path) -> Result<ContentHash> {
    let mut file = open_regular(path)?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; HASHED_AT_ONCE];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.hash()),
            Ok(read) => hasher.add(&buffer[..read]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io("read", path, e)),
        }
    }
}

/// The content of a regular file of at most `cap` bytes; `None` when it is not there.
pub(crate) fn read_capped(path: &Path, cap: u64) -> Result<Option<Vec<u8>>> {
    let Some(file) = present(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(cap + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", path, e))?;
    if bytes.len() as u64 > cap {
        return Err(Error::new(Kind::Damaged, format!("the file is larger than {cap} bytes"))
            .at("path", path.display()));
    }
    Ok(Some(bytes))
}

/// The content of a regular file from byte `from` on; `None` when it is not there.
pub(crate) fn read_from(path: &Path, from: u64) -> Result<Option<Vec<u8>>> {
    let Some(mut file) = present(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.seek(io::SeekFrom::Start(from))
        .and_then(|_| file.read_to_end(&mut bytes))
        .map_err(|e| Error::io("read", path, e))?;
    Ok(Some(bytes))
}

/// The regular file at `path`; `None` when nothing is there.
fn present(path: &Path) -> Result<Option<File>> {
    match stat(path)? {
        None => Ok(None),
        Some(_) => open_regular(path).map(Some),
    }
}

/// The path without links; the path itself where it cannot be told.
pub(crate) fn real_path(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

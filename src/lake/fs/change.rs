//! Every change that the lake makes to the file system.
//!
//! One small set of operations, so that a test can stop the program before any one of them ([`Faults`]) and so that the
//! rules hold everywhere: modes are set by chmod and never left to the umask, nothing is changed through a symbolic
//! link, and "already there" is an answer and not an error where an operation may be repeated by recovery.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::look::{is_real_dir, list};
use super::parent;
use crate::hash::{ContentHash, Hasher};
use crate::{Error, Kind, Result};

/// A change to the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// A folder is made.
    MakeDir,
    /// The mode of a file or folder is set.
    SetMode,
    /// A file is made.
    Create,
    /// Bytes go to a file.
    Write,
    /// A file is synced to disk.
    Sync,
    /// A folder is synced to disk.
    SyncDir,
    /// A file or folder gets another name.
    Rename,
    /// Two folders get each other's name.
    Exchange,
    /// A file gets another name beside the one that it has.
    Link,
    /// A file or an empty folder is removed.
    Remove,
}

/// Looks at each change before it is made, and may refuse it: for tests of crashes and of full disks.
pub trait Faults: Send + Sync {
    /// An error here is what the operation returns; the change is then not made.
    fn before(&self, op: Op, path: &Path) -> io::Result<()>;

    /// Another answer to how many bytes are free.
    fn free_bytes(&self) -> Option<u64> {
        None
    }
}

/// The file system as the lake uses it.
#[derive(Clone, Default)]
pub(crate) struct Fs {
    faults: Option<Arc<dyn Faults>>,
    /// Folders whose name is known to last: made or found by this process, and synced since.
    lasting: Arc<Mutex<HashSet<PathBuf>>>,
    /// By mount, whether two folders can exchange their names.
    pub(super) exchanges: Arc<Mutex<HashMap<(u64, u64), bool>>>,
    /// By mount, whether a file can have two names.
    pub(super) links: Arc<Mutex<HashMap<(u64, u64), bool>>>,
}

/// A file that is being written. Its content is hashed on the way.
pub(crate) struct LakeFile {
    file: File,
    path: PathBuf,
    fs: Fs,
    hasher: Hasher,
}

impl Fs {
    pub(crate) fn with_faults(faults: Arc<dyn Faults>) -> Self {
        Self { faults: Some(faults), ..Self::default() }
    }

    pub(super) fn before(&self, op: Op, path: &Path) -> io::Result<()> {
        self.faults.as_ref().map_or(Ok(()), |faults| faults.before(op, path))
    }

    /// Makes one folder with `mode`; one that is there keeps its mode. Gives whether it was made. Its name lasts in
    /// either case: a process that was killed may have made it and not synced it.
    pub(crate) fn make_dir(&self, path: &Path, mode: u32) -> Result<bool> {
        let is_new = self.make_named(path, mode)?;
        self.make_last([path.to_path_buf()].into())?;
        Ok(is_new)
    }

    /// Makes one folder, whose name is not known to last.
    pub(super) fn make_named(&self, path: &Path, mode: u32) -> Result<bool> {
        if is_real_dir(path)? {
            return Ok(false);
        }
        let is_new = self
            .before(Op::MakeDir, path)
            .and_then(|()| fs::DirBuilder::new().mode(mode).create(path))
            .map(|()| true)
            .or_else(|e| if e.kind() == io::ErrorKind::AlreadyExists { Ok(false) } else { Err(e) })
            .map_err(|e| Error::io("make the folder", path, e))?;
        if is_new {
            self.set_mode(path, mode)?;
        }
        Ok(is_new)
    }

    /// Syncs the names of folders, each once in the life of this process and those side by side together.
    fn make_last(&self, mut folders: BTreeSet<PathBuf>) -> Result<()> {
        let lasting = || self.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        folders.retain(|path| !lasting().contains(path));
        // From the outermost on, as paths are ordered.
        let parents: BTreeSet<&Path> = folders.iter().map(|path| parent(path)).collect();
        parents.into_iter().try_for_each(|path| self.sync_dir(path))?;
        lasting().extend(folders);
        Ok(())
    }

    /// A folder or what is below it is gone or has another name: another one of its name is not known to last.
    pub(super) fn forget(&self, path: &Path) {
        let mut lasting = self.lasting.lock().unwrap_or_else(PoisonError::into_inner);
        // Folders are made from the outermost on: one that is not known has none below it that is.
        if lasting.remove(path) {
            lasting.retain(|known| !known.starts_with(path));
        }
    }

    /// Makes the folders below `base`, which is there, with all between.
    pub(crate) fn make_dirs<'a>(
        &self,
        base: &Path,
        below: impl IntoIterator<Item = &'a Path>,
        mode: u32,
    ) -> Result<()> {
        let mut folders = BTreeSet::new();
        for relative in below {
            let mut path = base.to_path_buf();
            for part in relative.components() {
                path.push(part);
                if !folders.contains(&path) {
                    self.make_named(&path, mode)?;
                    folders.insert(path.clone());
                }
            }
        }
        self.make_last(folders)
    }

    /// Gives `path` the mode, if it has another one.
    pub(crate) fn set_mode(&self, path: &Path, mode: u32) -> Result<()> {
        let now = fs::symlink_metadata(path).map_err(|e| Error::io("look at", path, e))?;
        if now.is_symlink() {
            return Err(Error::new(
                Kind::Damaged,
                "a symbolic link stands in the dataset: no mode is set through it",
            )
            .at("path", path.display())
            .next("put what it leads to in its place"));
        }
        if now.mode() & 0o7777 == mode {
            return Ok(());
        }
        self.before(Op::SetMode, path)
            .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
            .map_err(|e| Error::io("set the mode", path, e))
    }

    /// Makes a new file with `mode`; one that is there is an error.
    pub(crate) fn create(&self, path: &Path, mode: u32) -> Result<LakeFile> {
        // The mode at creation is cut by the umask and so never wider than asked for; fchmod then makes it exact.
        let opened = self.before(Op::Create, path).and_then(|()| {
            let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            Ok(file)
        });
        let file = opened.map_err(|e| Error::io("make the file", path, e))?;
        Ok(LakeFile { file, path: path.to_path_buf(), fs: self.clone(), hasher: Hasher::default() })
    }

    /// Makes `path` hold `bytes`, whole or not at all, also after a power loss. `scratch` is in the same file system;
    /// what is there is overwritten.
    pub(crate) fn replace(&self, path: &Path, scratch: &Path, bytes: &[u8], mode: u32) -> Result<()> {
        self.remove(scratch)?;
        let mut file = self.create(scratch, mode)?;
        file.write_all(bytes).map_err(|e| Error::io("write", scratch, e))?;
        file.sync()?;
        self.rename(scratch, path)?;
        self.sync_dir(parent(path))
    }

    /// Makes the file at `path` hold `bytes` from `from` on; what was there from `from` on goes. Synced. The file is made
    /// where it is not there.
    pub(crate) fn write_at(&self, path: &Path, from: u64, bytes: &[u8], mode: u32) -> Result<()> {
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
        let is_new = super::look::size_of(path)?.is_none();
        let written = self.before(if is_new { Op::Create } else { Op::Write }, path).and_then(|()| {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(mode)
                .custom_flags(flags)
                .open(path)?;
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("it is no regular file"));
            }
            if is_new {
                file.set_permissions(fs::Permissions::from_mode(mode))?;
            }
            file.set_len(from)?;
            file.seek(io::SeekFrom::Start(from))?;
            file.write_all(bytes)?;
            self.before(Op::Sync, path)?;
            file.sync_all()
        });
        written.map_err(|e| Error::io("write", path, e))?;
        if is_new { self.sync_dir(parent(path)) } else { Ok(()) }
    }

    /// Gives `from` the name `to`; a file that has it is replaced.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.forget(from);
        self.before(Op::Rename, to)
            .and_then(|()| fs::rename(from, to))
            .map_err(|e| Error::io("rename", from, e).at("to", to.display()))
    }

    /// Removes a file; one that is not there is fine.
    pub(crate) fn remove(&self, path: &Path) -> Result<()> {
        self.remove_by(path, |path| fs::remove_file(path))
    }

    /// Removes a folder if it is empty; gives whether it is gone.
    pub(crate) fn remove_empty_dir(&self, path: &Path) -> Result<bool> {
        if !is_real_dir(path)? {
            return Ok(true);
        }
        let empty = match fs::read_dir(path) {
            Ok(mut entries) => entries.next().is_none(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(e) => return Err(Error::io("read the folder", path, e)),
        };
        if empty {
            self.forget(path);
            self.remove_by(path, |path| fs::remove_dir(path))?;
        }
        Ok(empty)
    }

    fn remove_by(&self, path: &Path, remove: impl Fn(&Path) -> io::Result<()>) -> Result<()> {
        match self.before(Op::Remove, path).and_then(|()| remove(path)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(|e| Error::io("remove", path, e)),
        }
    }

    /// Removes a folder with all in it, links as links. Gives how many files went and how many bytes. `Kind::Damaged`
    /// when `path` is itself a link.
    pub(crate) fn remove_tree(&self, path: &Path) -> Result<(u64, u64)> {
        let (mut files, mut bytes) = (0, 0);
        for entry in list(path)? {
            if entry.is_dir {
                let inner = self.remove_tree(&entry.path)?;
                files += inner.0;
                bytes += inner.1;
            } else {
                self.remove(&entry.path)?;
                files += 1;
                bytes += entry.bytes;
            }
        }
        self.forget(path);
        self.remove_by(path, |path| fs::remove_dir(path))?;
        Ok((files, bytes))
    }

    /// Makes the names in a folder last over a power loss.
    pub(crate) fn sync_dir(&self, path: &Path) -> Result<()> {
        self.before(Op::SyncDir, path)
            .and_then(|()| File::open(path)?.sync_all())
            .map_err(|e| Error::io("sync the folder", path, e))
    }

    /// Bytes that an ordinary user may still write to the file system of `path`.
    pub(crate) fn free_bytes(&self, path: &Path) -> Result<u64> {
        if let Some(free) = self.faults.as_ref().and_then(|faults| faults.free_bytes()) {
            return Ok(free);
        }
        let stat = rustix::fs::statvfs(path)
            .map_err(|e| Error::io("ask for the free space", path, io::Error::from(e)))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// `Kind::DiskFull` when less than `floor` bytes are free.
    pub(crate) fn check_floor(&self, path: &Path, floor: u64) -> Result<()> {
        let free = self.free_bytes(path)?;
        if free >= floor {
            return Ok(());
        }
        let mib = |bytes: u64| bytes / (1 << 20);
        Err(Error::new(
            Kind::DiskFull,
            format!("only {} MiB are free, and {} MiB are to stay free", mib(free), mib(floor)),
        )
        .at("path", path.display())
        .next("nothing is lost: make room or lower export.min_free_mb, then export again"))
    }
}

impl LakeFile {
    /// Makes the content last over a power loss.
    pub(crate) fn sync(&self) -> Result<()> {
        self.fs
            .before(Op::Sync, &self.path)
            .and_then(|()| self.file.sync_all())
            .map_err(|e| Error::io("sync", &self.path, e))
    }

    /// The hash of the bytes written so far.
    pub(crate) fn hash(&self) -> ContentHash {
        self.hasher.hash()
    }
}

impl Write for LakeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.fs.before(Op::Write, &self.path)?;
        let written = self.file.write(bytes)?;
        self.hasher.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

//! Second names of files, and files that are put where none is.

use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::PoisonError;

use super::{Fs, Op, device, list, parent};
use crate::{Error, Result};

impl Fs {
    /// Gives the file `from` the name `to` too. `false`: the file system cannot, and nothing is changed. A name that is taken is
    /// an error.
    pub(crate) fn link(&self, from: &Path, to: &Path) -> Result<bool> {
        match self.before(Op::Link, to).and_then(|()| std::fs::hard_link(from, to)) {
            Ok(()) => Ok(true),
            Err(e) if is_unsupported(&e) => Ok(false),
            Err(e) => Err(Error::io("give another name to", from, e).at("name", to.display())),
        }
    }

    /// Whether files of the file system of `scratch` can have two names. Tried once a file system, with a file that is made in
    /// `scratch` and removed again.
    pub(crate) fn can_link(&self, scratch: &Path) -> Result<bool> {
        let mount = device::mount_of(scratch)?;
        let known = || self.links.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(can) = known().get(&mount) {
            return Ok(*can);
        }
        let names = [scratch.join("link-1"), scratch.join("link-2")];
        names.iter().try_for_each(|name| self.remove(name))?;
        self.create(&names[0], 0o600)?;
        let can = self.link(&names[0], &names[1])?;
        names.iter().try_for_each(|name| self.remove(name))?;
        known().insert(mount, can);
        Ok(can)
    }

    /// Gives the file `from` the name `to` too, where nothing has it; gives whether it did.
    pub(crate) fn link_new(&self, from: &Path, to: &Path) -> Result<bool> {
        match self.before(Op::Link, to).and_then(|()| std::fs::hard_link(from, to)) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(Error::io("make the file", to, e)),
        }
    }

    /// Makes `path` hold `bytes`, whole or not at all, also after a power loss, where nothing is there; gives whether it did. A file
    /// that is there stays. `scratch` is in the same file system. The name lasts with the next sync of its folder.
    pub(crate) fn put_new(&self, path: &Path, scratch: &Path, bytes: &[u8], mode: u32) -> Result<bool> {
        self.remove(scratch)?;
        let mut file = self.create(scratch, mode)?;
        file.write_all(bytes).map_err(|e| Error::io("write", scratch, e))?;
        file.sync()?;
        let put = self.link_new(scratch, path)?;
        self.remove(scratch)?;
        self.sync_dir(parent(path))?;
        Ok(put)
    }
}

/// Bytes of the files in a folder and below it that have no name elsewhere.
pub(crate) fn only_names(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in list(folder)? {
        if entry.is_dir {
            bytes += only_names(&entry.path)?;
        } else if std::fs::symlink_metadata(&entry.path)
            .map_err(|e| Error::io("look at", &entry.path, e))?
            .nlink()
            == 1
        {
            bytes += entry.bytes;
        }
    }
    Ok(bytes)
}

/// The answers of kernels and file systems without second names.
fn is_unsupported(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, TooManyLinks, Unsupported};
    matches!(error.kind(), CrossesDevices | PermissionDenied | TooManyLinks | Unsupported)
}

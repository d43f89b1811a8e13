//! Two folders exchange their names in one step, where the file system can do that.

use std::io;
use std::path::Path;
use std::sync::PoisonError;

use super::{Fs, Op, device};
use crate::{Error, Result};

impl Fs {
    /// Gives two folders each other's name at one instant. `false`: the file system cannot, and nothing is changed.
    pub(crate) fn exchange(&self, one: &Path, other: &Path) -> Result<bool> {
        match self.before(Op::Exchange, other).and_then(|()| swap_names(one, other)) {
            Ok(()) => {
                self.forget(one);
                self.forget(other);
                Ok(true)
            }
            Err(e) if is_unsupported(&e) => Ok(false),
            Err(e) => Err(Error::io("exchange", one, e).at("with", other.display())),
        }
    }

    /// Whether folders of the file system of `scratch` can exchange their names. Tried once a file system, with two
    /// folders that are made in `scratch` and removed again.
    pub(crate) fn can_exchange(&self, scratch: &Path) -> Result<bool> {
        let mount = device::mount_of(scratch)?;
        let known = || self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(can) = known().get(&mount) {
            return Ok(*can);
        }
        let folders = [scratch.join("exchange-1"), scratch.join("exchange-2")];
        for folder in &folders {
            self.make_named(folder, 0o700)?;
        }
        let can = self.exchange(&folders[0], &folders[1])?;
        for folder in &folders {
            self.remove_empty_dir(folder)?;
        }
        known().insert(mount, can);
        Ok(can)
    }
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn swap_names(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn swap_names(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The answers of kernels and file systems without such a rename.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput)
}

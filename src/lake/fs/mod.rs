//! The only door to the disk: what the lake reads, changes and locks.
//!
//! ```text
//! change   every change: folders, files, names, modes, syncs; a test can refuse any one of them
//! look     every way to read: only regular files are opened, and no link is followed but where the caller says so
//! lock     the file whose lock the kernel holds for us
//! link     second names of files; a file that is put where none is
//! ```
//!
//! A pipe, a socket or a device never holds the program up, and a link never leads it to files that are not the lake's.
//! It knows nothing of datasets, commits or Parquet.

mod change;
pub(crate) mod device;
mod exchange;
mod link;
mod lock;
mod look;

use std::io;
use std::path::Path;

pub use change::{Faults, Op};
pub(crate) use change::{Fs, LakeFile};
pub(crate) use link::only_names;
pub(crate) use lock::{LockFile, TryLock};
pub(crate) use look::{
    Entry, Stat, Target, hash_file, is_real_dir, list, list_target, modified, open_regular, read_capped,
    read_from, real_path, size_of, stat, target,
};

use crate::Error;

/// The process, or the system, has no descriptor left for another file.
pub(crate) fn is_out_of_descriptors(error: &Error) -> bool {
    use std::error::Error as _;
    let code = error.source().and_then(|e| e.downcast_ref::<io::Error>()).and_then(io::Error::raw_os_error);
    let full = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    code.is_some_and(|code| full.iter().any(|errno| errno.raw_os_error() == code))
}

/// The folder that holds `path`.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        None => path,
        Some(here) if here.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
    }
}

//! On which mount a path is: files move between two paths by rename only where that is the same.

use std::path::Path;

use crate::{Error, Result};

/// Device and mount of `path`, or of the nearest folder above it that is there. Two mounts of one device differ: no
/// rename crosses from one to the other.
pub(crate) fn mount_of(path: &Path) -> Result<(u64, u64)> {
    let nearest = |path: &&Path| path.as_os_str().is_empty() || path.exists();
    let there = path.ancestors().find(nearest).unwrap_or(path);
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    look(there).map_err(|e| Error::io("look at", there, e))
}

#[cfg(target_os = "linux")]
fn look(path: &Path) -> std::io::Result<(u64, u64)> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, makedev, statx};
    let found = statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS | StatxFlags::MNT_ID)?;
    // Before Linux 5.8 nobody tells the mount: the device has to do.
    let mount = if found.stx_mask & StatxFlags::MNT_ID.bits() == 0 { 0 } else { found.stx_mnt_id };
    Ok((makedev(found.stx_dev_major, found.stx_dev_minor), mount))
}

#[cfg(not(target_os = "linux"))]
fn look(path: &Path) -> std::io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map(|found| (found.dev(), 0))
}

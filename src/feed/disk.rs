//! Files of feeds: read without being held up by what only looks like one, replaced without a moment in between.
//!
//! ```text
//! read_text    stat ─ a regular file, small? ─▶ open without blocking ─ still so? ─▶ text
//! replace      .name.XXXX.tmp, mode of the old one, fsync ─▶ still as read? ─▶ rename ─▶ fsync of the folder
//! create_new   the same, and the rename refuses to replace
//! move_new     rename that refuses to replace
//! ```

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{CWD, OFlags, RenameFlags};

use super::json::MAX_BYTES;
use super::problem::Problem;
use crate::{Error, Kind, Result};

/// The text of a regular file of at most [`MAX_BYTES`], or why it is none.
pub(super) fn read_text(path: &Path) -> Result<String, Problem> {
    let failed = |e: io::Error| Problem::of_file(format!("the file cannot be read: {e}"));
    check(&std::fs::metadata(path).map_err(failed)?)?;
    // Between the look and the opening the file may have become a pipe; that must not hold the program up.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    check(&file.metadata().map_err(failed)?)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_BYTES {
        return Err(too_long(bytes.len()));
    }
    String::from_utf8(bytes).map_err(|e| {
        let good = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let text = String::from_utf8_lossy(good);
        let line_start = text.rfind('\n').map_or(0, |at| at + 1);
        Problem {
            line: text.matches('\n').count() + 1,
            column: text[line_start..].chars().count() + 1,
            ..Problem::of_file("is not UTF-8 from here on")
        }
    })
}

fn check(meta: &std::fs::Metadata) -> Result<(), Problem> {
    if !meta.is_file() {
        let what = if meta.is_dir() { "a folder" } else { "a pipe, a socket or a device" };
        return Err(Problem::of_file(format!("is {what}, not a file")));
    }
    match usize::try_from(meta.len()) {
        Ok(len) if len <= MAX_BYTES => Ok(()),
        len => Err(too_long(len.unwrap_or(usize::MAX))),
    }
}

fn too_long(len: usize) -> Problem {
    Problem::of_file(format!("the file is {len} bytes long; a feed has at most {MAX_BYTES}"))
}

/// Replaces `path`, which held `before` when it was read, by `after`; the mode stays.
pub(super) fn replace(path: &Path, before: &str, after: &str) -> Result<()> {
    let failed = |e| Error::io("replace the feed", path, e);
    // A link stays a link: what it leads to is replaced.
    let path = &path.canonicalize().map_err(failed)?;
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
    let temp = write_beside(path, after, 0o600).map_err(failed)?;
    temp.as_file().set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
    unchanged(path, before)?;
    temp.persist(path).map_err(|e| failed(e.error))?;
    sync_folder(path).map_err(failed)
}

/// Refuses when `path` does not hold `before` any more.
pub(super) fn unchanged(path: &Path, before: &str) -> Result<()> {
    if read_text(path).is_ok_and(|now| now == before) {
        return Ok(());
    }
    let what = "the feed's file was changed by somebody else meanwhile";
    Err(Error::new(Kind::Feed, what).at("path", path.display()).next("look at it and try again"))
}

/// Makes `path` with `text`; refuses when it is there.
pub(super) fn create_new(path: &Path, text: &str) -> Result<()> {
    let failed = |e| Error::io("write the feed", path, e);
    let temp = write_beside(path, text, 0o666).map_err(failed)?;
    temp.persist_noclobber(path).map_err(|e| taken(path, e.error))?;
    sync_folder(path).map_err(failed)
}

/// A complete and safe file beside `path`, under a name that no catalogue lists.
fn write_beside(path: &Path, text: &str, mode: u32) -> io::Result<tempfile::NamedTempFile> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    // The new name and its random part must fit where the old name did.
    let prefix = format!(".{}.", name.chars().take(100).collect::<String>());
    let mut temp = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".tmp")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder(path))?;
    temp.write_all(text.as_bytes())?;
    temp.as_file().sync_all()?;
    Ok(temp)
}

/// Renames `from` to `to`; refuses when `to` is there.
pub(super) fn move_new(from: &Path, to: &Path) -> Result<()> {
    use rustix::io::Errno;
    let moved = match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system without this flag: a hard link refuses to replace, too.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            std::fs::hard_link(from, to).and_then(|()| std::fs::remove_file(from))
        }
        other => other.map_err(io::Error::from),
    };
    moved.map_err(|e| taken(to, e))?;
    for path in [to, from] {
        sync_folder(path).map_err(|e| Error::io("make the move of the feed safe", path, e))?;
    }
    Ok(())
}

fn taken(path: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::AlreadyExists {
        return Error::new(Kind::Feed, "there is a feed of this name already").at("path", path.display());
    }
    Error::io("move the feed into place", path, error)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

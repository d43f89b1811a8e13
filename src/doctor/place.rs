//! This machine: folders, their owner, locks, space, and the limits of the system.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use rustix::fs::Access;

use super::{Line, Lines};
use crate::config::Config;

/// Files that one export may have open, and what the network and the program itself take.
const FILES_PER_EXPORT: u64 = 256;
const FILES_BESIDES: u64 = 128;
/// Watches and instances that the watcher of feeds needs, with room for other programs.
const WATCHES: u64 = 1024;
const INSTANCES: u64 = 16;
/// Free inodes below which a run may not find room for its files.
const INODES: u64 = 10_000;

pub(super) fn look(config: &Config, now: DateTime<Utc>, lines: &mut Lines<'_>) {
    let feeds = config.feed_paths();
    for (what, path) in [
        ("the lake", &config.paths.lake),
        ("the folder of active feeds", &feeds.active),
        ("the folder of archived feeds", &feeds.archived),
        ("the log's folder", &config.paths.logs),
    ] {
        lines.push(folder(what, path));
    }
    if let Some(there) = existing(&config.paths.lake) {
        lines.push(locks(there));
        lines.push(space(there, config.export.min_free_bytes));
        lines.push(overwrites(there));
        lines.extend(books(config));
    }
    lines.push(past(config, now));
    lines.push(descriptors(config.export.concurrency as u64));
    lines.push(watches());
}

/// The folder itself, or the nearest one above it that is there.
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors().find(|path| path.is_dir())
}

fn folder(what: &str, path: &Path) -> Line {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => {
            return Line::fail(
                "folders",
                format!("{what} {} is no folder", path.display()),
                "move the file away",
            );
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let above = existing(path).filter(|above| may(above));
            return match above {
                Some(_) => Line::ok(
                    "folders",
                    format!("{what} {} is not there yet, and can be made", path.display()),
                ),
                None => Line::fail(
                    "folders",
                    format!(
                        "{what} {} is not there, and the folder above it cannot be written",
                        path.display()
                    ),
                    "make it, and give it to the user who runs lakehand",
                ),
            };
        }
        Err(e) => {
            return Line::fail(
                "folders",
                format!("{what} {}: {e}", path.display()),
                "check the modes of the folders above it",
            );
        }
    };
    if !may(path) {
        return Line::fail(
            "folders",
            format!("{what} {} cannot be written by this user", path.display()),
            "give it to the user who runs lakehand, or run as its owner",
        );
    }
    let ours = rustix::process::geteuid().as_raw();
    if metadata.mode() & 0o002 != 0 && metadata.mode() & 0o1000 == 0 {
        return Line::warn(
            "folders",
            format!(
                "{what} {} can be written by everybody (mode {:04o})",
                path.display(),
                metadata.mode() & 0o7777
            ),
            "take the write permission of others away: chmod o-w",
        );
    }
    if metadata.uid() != ours {
        return Line::warn(
            "folders",
            format!("{what} {} belongs to user {}, and this is user {ours}", path.display(), metadata.uid()),
            "run lakehand always as the same user: the modes of files can only be set by their owner",
        );
    }
    Line::ok("folders", format!("{what} {} is ours, mode {:04o}", path.display(), metadata.mode() & 0o7777))
}

fn may(path: &Path) -> bool {
    rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// A file without a name is made and locked, as a dataset's lock would be.
fn locks(path: &Path) -> Line {
    let tried = tempfile::tempfile_in(path).and_then(|file| Ok(file.try_lock()?));
    match tried {
        Ok(()) => Line::ok("locks", "the lake's file system has locks"),
        Err(e)
            if e.kind() == std::io::ErrorKind::PermissionDenied
                || e.kind() == std::io::ErrorKind::ReadOnlyFilesystem =>
        {
            Line::fail(
                "locks",
                format!("no file can be made in the lake: {e}"),
                "give the lake to the user who runs lakehand",
            )
        }
        Err(e) => Line::fail(
            "locks",
            format!("the lake's file system cannot lock: {e}"),
            "put the lake on a local file system or NFS version 4: without a lock nothing is written",
        ),
    }
}

fn space(path: &Path, floor: u64) -> Line {
    let stat = match rustix::fs::statvfs(path) {
        Ok(stat) => stat,
        Err(e) => {
            return Line::fail("disk", format!("the free space cannot be asked for: {e}"), "check the mount");
        }
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let mib = |bytes: u64| bytes / (1 << 20);
    let next = "make room, or lower export.min_free_mb";
    if free < floor {
        let what = format!("{} MiB are free, below the floor of {} MiB: exports stop", mib(free), mib(floor));
        Line::fail("disk", what, next)
    } else if free < floor.saturating_mul(2) {
        let what = format!("{} MiB are free, near the floor of {} MiB", mib(free), mib(floor));
        Line::warn("disk", what, next)
    } else if stat.f_files > 0 && stat.f_favail < INODES {
        Line::warn(
            "disk",
            format!("only {} inodes are free", stat.f_favail),
            "remove small files from the file system",
        )
    } else {
        Line::ok("disk", format!("{} MiB are free, and {} MiB are to stay free", mib(free), mib(floor)))
    }
}

/// How a table with `keep_versions` 1 is overwritten here.
fn overwrites(path: &Path) -> Line {
    match crate::lake::can_exchange_folders(path) {
        Ok(true) => {
            Line::ok("overwrites", "a table's versions are exchanged in one step: readers always find one")
        }
        Ok(false) => Line::warn(
            "overwrites",
            "the file system cannot exchange folders: with keep_versions 1 a table's old version goes before the new one \
             comes, and a reader may find none for an instant",
            "keep two versions (keep_versions) and read by current_version, or put the lake on ext4, XFS or Btrfs",
        ),
        Err(e) => Line::warn(
            "overwrites",
            format!("it cannot be tried whether folders can be exchanged: {}", e.what()),
            "give the lake to the user who runs lakehand",
        ),
    }
}

/// Datasets whose books are not in the lake's `_lakehand/`, or are where they were before version 0.2.
fn books(config: &Config) -> Vec<Line> {
    let mut lines = Vec::new();
    for kind in ["streams", "tables"] {
        let Ok(entries) = std::fs::read_dir(config.paths.lake.join(kind)) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(['_', '.']) {
                continue;
            }
            let Ok((elsewhere, is_old)) = crate::lake::books_of(&entry.path()) else { continue };
            if let Some(books) = elsewhere {
                let what = format!(
                    "{kind}/{name} is on another mount than the lake: its lock, staging and bin are in {}",
                    books.display()
                );
                lines.push(Line::ok("layout", what));
            }
            if is_old {
                let what =
                    format!("{kind}/{name} keeps lock and staging in its folder, as before version 0.2");
                lines.push(Line::warn("layout", what, "the next export moves them to _lakehand/"));
            }
        }
    }
    lines
}

/// A dataset that was written in the future says that this machine's clock has been put back.
fn past(config: &Config, now: DateTime<Utc>) -> Line {
    let mut newest: Option<(DateTime<Utc>, String)> = None;
    for kind in ["streams", "tables"] {
        let Ok(entries) = std::fs::read_dir(config.paths.lake.join(kind)) else { continue };
        for entry in entries.flatten() {
            let read = crate::lake::read_metadata(&entry.path());
            let Some(at) = read.ok().flatten().and_then(|metadata| metadata.checked_at) else { continue };
            if newest.as_ref().is_none_or(|(newest, _)| at > *newest) {
                newest = Some((at, entry.file_name().to_string_lossy().into_owned()));
            }
        }
    }
    match newest {
        Some((at, dataset)) if at > now + TimeDelta::seconds(60) => Line::warn(
            "clock",
            format!("{dataset} was last looked at on {at}, which is in the future: the clock was put back"),
            "set the clock by NTP; the lake's positions do not depend on it",
        ),
        _ => Line::ok("clock", "nothing in the lake is from the future"),
    }
}

fn descriptors(exports: u64) -> Line {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let wanted = FILES_PER_EXPORT * exports + FILES_BESIDES;
    match limit {
        Some(limit) if limit < wanted => Line::warn(
            "files",
            format!("{limit} files may be open, and {exports} exports may want {wanted}"),
            format!(
                "ulimit -n {}, or lower export.concurrency: files are then closed early and become many",
                wanted.max(1024)
            ),
        ),
        Some(limit) => Line::ok("files", format!("{limit} files may be open")),
        None => Line::ok("files", "any number of files may be open"),
    }
}

fn watches() -> Line {
    let read = |name: &str| -> Option<u64> {
        std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok()?.trim().parse().ok()
    };
    match (read("max_user_watches"), read("max_user_instances")) {
        (Some(watches), Some(instances)) if watches < WATCHES || instances < INSTANCES => Line::warn(
            "watch",
            format!("inotify allows {watches} watches and {instances} instances a user"),
            "sysctl fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=128; without a watch, folders are \
             read again every watch.rescan",
        ),
        (Some(watches), Some(instances)) => {
            Line::ok("watch", format!("inotify allows {watches} watches and {instances} instances a user"))
        }
        _ => Line::ok(
            "watch",
            "the limits of file watches are not told here; folders are read again every watch.rescan",
        ),
    }
}

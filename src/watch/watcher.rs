//! Events of the file system become hints: the only user of notify.
//!
//! ```text
//! inotify, FSEvents … ─▶ thread ─ of a feed's file? of a folder? ─▶ Hint
//!                          │ a folder came or went: watch the one that is there now
//!                          │ the system is out of watches, or the file system tells nothing: poll
//!                          └ poll: name, size, time and inode of every feed file, compared with the last look
//! ```
//!
//! A folder that is removed and made again goes silent, so the folders above are watched, too, and the identity of each
//! (device and inode) is compared now and then. Reading a file makes access events, which are no change. notify has a
//! poller of its own, which is not used: it compares whole seconds, and would open whatever has the name of a feed's file,
//! a pipe included.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, SystemTime};

use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use super::Hint;
use crate::config::WatchConfig;
use crate::error::{Error, Kind, Result};
use crate::feed::FeedPaths;
use crate::feed::catalog::is_feed_file;
use crate::feed::duration::format_duration;

/// How often it is looked whether the watched folders are still those that are there.
const TEND: Duration = Duration::from_secs(10);

/// Watches the two folders until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    stop: Sender<Message>,
}

#[derive(Debug)]
enum Message {
    Event(notify::Result<Event>),
    Stop,
}

impl Watcher {
    /// Begins to watch: what happens to the folders from here on comes as hints. Folders that are not there are watched
    /// once they are. Where no events can be had the folders are polled, and a [`Hint::Warning`] says why.
    pub fn start(paths: &FeedPaths, config: &WatchConfig, hints: mpsc::Sender<Hint>) -> Result<Self> {
        let (stop, inbox) = channel();
        let mut post = Post {
            folders: Folders::of(paths),
            hints,
            inbox,
            poll_every: (config.debounce / 2).clamp(Duration::from_millis(50), Duration::from_secs(2)),
            warning: None,
            eyes: Eyes::Polling(BTreeMap::new()),
        };
        post.open_eyes(&stop, config.poll);
        std::thread::Builder::new()
            .name("watch feeds".into())
            .spawn(move || post.stand())
            .map_err(|e| Error::new(Kind::Io, format!("cannot start a thread: {e}")).because(e))?;
        Ok(Self { stop })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // A thread that is gone needs no word.
        let _ = self.stop.send(Message::Stop);
    }
}

/// The folders that matter.
#[derive(Debug)]
struct Folders {
    /// `active` and `archived`.
    feeds: [PathBuf; 2],
    /// The folders above, in which those may be made anew.
    above: Vec<PathBuf>,
}

/// What the thread keeps.
struct Post {
    folders: Folders,
    hints: mpsc::Sender<Hint>,
    inbox: Receiver<Message>,
    poll_every: Duration,
    warning: Option<String>,
    eyes: Eyes,
}

enum Eyes {
    Events { watcher: RecommendedWatcher, watched: BTreeMap<PathBuf, Identity> },
    Polling(BTreeMap<PathBuf, Stamp>),
}

/// Device and inode.
type Identity = (u64, u64);

/// What a change to a file changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    identity: Identity,
}

/// Nobody listens any more.
struct Over;

impl Folders {
    fn of(paths: &FeedPaths) -> Self {
        let mut above = Vec::new();
        for folder in [&paths.active, &paths.archived] {
            for parent in folder.ancestors().skip(1).take(2) {
                if !above.iter().any(|known| known == parent) {
                    above.push(parent.to_owned());
                }
            }
        }
        Self { feeds: [paths.active.clone(), paths.archived.clone()], above }
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.feeds.iter().chain(&self.above)
    }

    /// What an event says.
    fn hints(&self, event: &Event) -> Vec<Hint> {
        if matches!(event.kind, EventKind::Access(_)) {
            return Vec::new();
        }
        if event.need_rescan() {
            return vec![Hint::Folders];
        }
        event.paths.iter().filter_map(|path| self.hint(path)).collect()
    }

    fn hint(&self, path: &Path) -> Option<Hint> {
        if self.all().any(|folder| folder == path) {
            return Some(Hint::Folders);
        }
        let of_feed = path.parent().is_some_and(|parent| self.feeds.iter().any(|folder| folder == parent));
        (of_feed && path.file_name().is_some_and(is_feed_file)).then(|| Hint::File(path.to_owned()))
    }
}

impl Post {
    /// Chooses how to look, and begins.
    fn open_eyes(&mut self, events: &Sender<Message>, poll: bool) {
        if poll {
            return self.poll_because(None);
        }
        let silent = self.folders.all().find_map(|folder| silent_file_system(folder));
        if let Some(name) = silent {
            return self.poll_because(Some(format!("{name} does not tell what other machines change")));
        }
        let events = events.clone();
        let handler = move |event| {
            // A thread that is gone needs no events.
            let _ = events.send(Message::Event(event));
        };
        match notify::recommended_watcher(handler) {
            Ok(watcher) => {
                self.eyes = Eyes::Events { watcher, watched: BTreeMap::new() };
                if let Err(error) = self.tend() {
                    self.poll_because(Some(reason(&error)));
                }
            }
            Err(error) => self.poll_because(Some(reason(&error))),
        }
    }

    fn poll_because(&mut self, why: Option<String>) {
        self.eyes = Eyes::Polling(stamps(&self.folders));
        if let Some(why) = why {
            let every = format_duration(self.poll_every);
            self.warning = Some(format!("the folders of feeds are looked at every {every}: {why}"));
        }
    }

    /// Until nobody listens.
    fn stand(mut self) {
        while self.turn().is_ok() {}
    }

    fn turn(&mut self) -> Result<(), Over> {
        if let Some(warning) = self.warning.take() {
            self.tell(Hint::Warning(warning))?;
        }
        let patience = if matches!(self.eyes, Eyes::Polling(_)) { self.poll_every } else { TEND };
        match self.inbox.recv_timeout(patience) {
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => Err(Over),
            Ok(Message::Event(Ok(event))) => {
                let hints = self.folders.hints(&event);
                if hints.contains(&Hint::Folders) {
                    self.look_after()?;
                }
                hints.into_iter().try_for_each(|hint| self.tell(hint))
            }
            Ok(Message::Event(Err(error))) => {
                if matches!(self.eyes, Eyes::Events { .. }) && is_out_of_watches(&error) {
                    self.poll_because(Some(reason(&error)));
                }
                self.tell(Hint::Folders)
            }
            Err(RecvTimeoutError::Timeout) => self.look_after(),
        }
    }

    /// Polls, or sees to it that the folders that are there are those that are watched.
    fn look_after(&mut self) -> Result<(), Over> {
        if let Eyes::Polling(before) = &mut self.eyes {
            let now = stamps(&self.folders);
            let before = std::mem::replace(before, now.clone());
            let changed = now.iter().filter(|(path, stamp)| before.get(*path) != Some(stamp));
            let gone = before.keys().filter(|path| !now.contains_key(*path));
            let paths: Vec<_> = changed.map(|(path, _)| path).chain(gone).cloned().collect();
            return paths.into_iter().try_for_each(|path| self.tell(Hint::File(path)));
        }
        match self.tend() {
            Ok(false) => Ok(()),
            Ok(true) => self.tell(Hint::Folders),
            Err(error) => {
                self.poll_because(Some(reason(&error)));
                self.tell(Hint::Folders)
            }
        }
    }

    /// Watches the folders that are there now; true when they are others than before.
    fn tend(&mut self) -> notify::Result<bool> {
        let Eyes::Events { watcher, watched } = &mut self.eyes else { return Ok(false) };
        let mut changed = false;
        for folder in self.folders.all() {
            let there = identity(folder);
            if watched.get(folder).copied() == there {
                continue;
            }
            changed = true;
            if watched.remove(folder).is_some() {
                // The watch went with the folder, or belongs to one that was moved away.
                let _ = watcher.unwatch(folder);
            }
            if let Some(identity) = there {
                match watcher.watch(folder, RecursiveMode::NonRecursive) {
                    Ok(()) => drop(watched.insert(folder.clone(), identity)),
                    // Gone again: the next time finds out.
                    Err(_) if !folder.is_dir() => {}
                    // A folder above may be closed to us: what is made anew in it is seen when its turn comes.
                    Err(error) if self.folders.above.contains(folder) && !is_out_of_watches(&error) => {
                        watched.insert(folder.clone(), identity);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(changed)
    }

    fn tell(&self, hint: Hint) -> Result<(), Over> {
        self.hints.blocking_send(hint).map_err(|_| Over)
    }
}

fn identity(folder: &Path) -> Option<Identity> {
    std::fs::metadata(folder).ok().filter(std::fs::Metadata::is_dir).map(|meta| (meta.dev(), meta.ino()))
}

/// Every feed file with its stamp; a folder that cannot be read has none. No file is opened.
fn stamps(folders: &Folders) -> BTreeMap<PathBuf, Stamp> {
    let mut stamps = BTreeMap::new();
    for entry in folders.feeds.iter().flat_map(std::fs::read_dir).flatten().flatten() {
        if !is_feed_file(&entry.file_name()) {
            continue;
        }
        if let Ok(meta) = std::fs::metadata(entry.path()) {
            let identity = (meta.dev(), meta.ino());
            stamps.insert(entry.path(), Stamp { size: meta.len(), modified: meta.modified().ok(), identity });
        }
    }
    stamps
}

fn is_out_of_watches(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::MaxFilesWatch => true,
        // Out of inotify instances, or of file descriptors.
        ErrorKind::Io(error) => error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()),
        _ => false,
    }
}

fn reason(error: &notify::Error) -> String {
    if is_out_of_watches(error) {
        return "the system has no file watches left (raise fs.inotify.max_user_watches or max_user_instances)"
            .to_owned();
    }
    format!("their events cannot be had: {error}")
}

/// The name of a file system that shows no events for what other machines do; by its number from statfs(2).
#[cfg(target_os = "linux")]
fn silent_file_system(folder: &Path) -> Option<&'static str> {
    // linux/magic.h; FUSE is what sshfs, s3fs and the shares of virtual machines look like.
    const SILENT: [(u32, &str); 9] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFE53_4D42, "SMB"),
        (0xFF53_4D42, "CIFS"),
        (0x6573_5546, "FUSE"),
        (0x0102_1997, "9P"),
        (0x00C3_6400, "Ceph"),
        (0x0BD0_0BD0, "Lustre"),
        (0x786F_4256, "vboxsf"),
    ];
    let number = rustix::fs::statfs(folder).ok()?.f_type;
    // The kernel's numbers have 32 bits, whatever the width of the field.
    SILENT
        .iter()
        .find(|(magic, _)| i64::from(*magic) & 0xFFFF_FFFF == number as i64 & 0xFFFF_FFFF)
        .map(|(_, name)| *name)
}

#[cfg(not(target_os = "linux"))]
fn silent_file_system(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(test)]
#[path = "watcher_tests.rs"]
mod tests;

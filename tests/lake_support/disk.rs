//! A disk that forgets: what was written and not synced may be lost, torn or kept when the power goes.
//!
//! The lake works on a real folder. Before each of its operations the folder is looked at, so that every change of a name
//! is known with its order, and every content at the instant of its sync. A power loss then makes another folder, one of
//! those that a real disk could show afterwards:
//!
//! ```text
//! names      synced with their folder: there.     Not synced: any part of the changes, in their order (a rename is one)
//! contents   synced: as they were then.           Not synced: as synced, as written, cut, empty, or cut and zero-filled
//! ```
//!
//! A killed process loses nothing of this: what it wrote stays in the memory of the kernel, synced or not.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses another part")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use lakehand::lake::{Faults, Op};

/// A file or folder, whatever its names were.
type Id = u64;
/// A name: the folder's id, and the last part.
type Name = (Id, String);

const ROOT: Id = 0;

/// A change of names that no sync has made last yet.
#[derive(Debug, Clone)]
struct Change {
    id: Id,
    from: Option<Name>,
    to: Option<Name>,
    /// In the same step, this one got the name of before: the two of an exchange last together or not at all.
    other: Option<Id>,
    /// The other names that the file has after the change.
    kept: Vec<Name>,
}

#[derive(Debug, Default)]
struct State {
    /// What the process sees.
    live: BTreeMap<PathBuf, Id>,
    by_inode: HashMap<u64, Id>,
    folders: HashSet<Id>,
    next_id: Id,
    /// Names that last.
    durable: BTreeMap<Name, Id>,
    pending: Vec<Change>,
    /// Contents that last.
    synced: HashMap<Id, Vec<u8>>,
    /// The last content of what is removed.
    last: HashMap<Id, Vec<u8>>,
    /// Operations until the process is killed.
    left: Option<u64>,
    killed: bool,
    /// Operations so far.
    done: u64,
}

/// The disk below one folder.
pub struct Disk {
    root: PathBuf,
    state: Mutex<State>,
}

impl Disk {
    /// A disk whose folder `root` holds what it holds now for good.
    pub fn new(root: &Path) -> Arc<Self> {
        let disk = Arc::new(Self { root: root.to_owned(), state: Mutex::default() });
        {
            let mut state = disk.state.lock().unwrap();
            state.next_id = 1;
            state.folders.insert(ROOT);
            state.look(&disk.root);
            for change in std::mem::take(&mut state.pending) {
                apply(&mut state.durable, &change);
            }
            let files: Vec<_> = state.live.iter().map(|(path, id)| (disk.root.join(path), *id)).collect();
            for (path, id) in files {
                if let Ok(bytes) = std::fs::read(path) {
                    state.synced.insert(id, bytes);
                }
            }
        }
        disk
    }

    /// The process is killed before its `n`-th operation from now.
    pub fn kill_before(&self, n: u64) {
        let mut state = self.state.lock().unwrap();
        state.left = Some(n);
    }

    /// Another process begins.
    pub fn start_again(&self) {
        let mut state = self.state.lock().unwrap();
        (state.left, state.killed) = (None, false);
    }

    /// Whether the process was killed.
    pub fn killed(&self) -> bool {
        self.state.lock().unwrap().killed
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.state.lock().unwrap().done
    }

    /// The power goes: `to`, an empty folder, becomes what the disk shows afterwards.
    pub fn lose_power(&self, to: &Path, random: &mut fastrand::Rng) {
        let mut state = self.state.lock().unwrap();
        state.look(&self.root);
        let mut names = state.durable.clone();
        // Often all or nothing of what is pending, else any part of it.
        let share = [0.0, 1.0, 0.5, 0.9][random.usize(..4)];
        for change in &state.pending {
            if random.f64() < share {
                apply(&mut names, change);
            }
        }
        let live: HashMap<Id, &PathBuf> = state.live.iter().map(|(path, id)| (*id, path)).collect();
        let mut todo = vec![(ROOT, to.to_path_buf())];
        while let Some((folder, path)) = todo.pop() {
            for ((_, name), id) in names.iter().filter(|((parent, _), _)| *parent == folder) {
                let path = path.join(name);
                if state.folders.contains(id) {
                    std::fs::create_dir(&path).unwrap();
                    todo.push((*id, path));
                    continue;
                }
                let written = match live.get(id) {
                    Some(at) => std::fs::read(self.root.join(at)).unwrap_or_default(),
                    None => state.last.get(id).cloned().unwrap_or_default(),
                };
                let bytes = survives(state.synced.get(id), written, random);
                std::fs::write(&path, bytes).unwrap();
            }
        }
    }
}

/// What is left of a content.
fn survives(synced: Option<&Vec<u8>>, written: Vec<u8>, random: &mut fastrand::Rng) -> Vec<u8> {
    if synced == Some(&written) {
        return written;
    }
    let cut = random.usize(..=written.len());
    match random.u8(..5) {
        0 => synced.cloned().unwrap_or_default(),
        1 => written,
        2 => written[..cut].to_vec(),
        3 => Vec::new(),
        _ => {
            let mut bytes = written;
            bytes[cut..].fill(0);
            bytes
        }
    }
}

fn apply(names: &mut BTreeMap<Name, Id>, change: &Change) {
    if let (Some(other), Some(from), Some(to)) = (change.other, &change.from, &change.to) {
        // Without the names that it exchanges, there is nothing to exchange.
        if names.get(from) == Some(&change.id) && names.get(to) == Some(&other) {
            names.insert(from.clone(), other);
            names.insert(to.clone(), change.id);
        }
        return;
    }
    if let Some(from) = &change.from
        && names.get(from) == Some(&change.id)
    {
        names.remove(from);
    }
    if let Some(to) = &change.to {
        // A rename whose beginning was lost finds the file where it lasted, but for the names that it has beside.
        if change.from.is_some() {
            names.retain(|name, id| *id != change.id || change.kept.contains(name));
        }
        names.insert(to.clone(), change.id);
    }
}

impl State {
    fn name_of(live: &BTreeMap<PathBuf, Id>, path: &Path) -> Name {
        let parent = path.parent().unwrap();
        let folder = if parent.as_os_str().is_empty() { ROOT } else { live[parent] };
        (folder, path.file_name().unwrap().to_str().unwrap().to_owned())
    }

    /// Finds out what has changed since the last look: at most one operation.
    fn look(&mut self, root: &Path) {
        let mut now = BTreeMap::new();
        let mut inodes = HashMap::new();
        let mut todo = vec![PathBuf::new()];
        while let Some(folder) = todo.pop() {
            for entry in std::fs::read_dir(root.join(&folder)).unwrap() {
                let entry = entry.unwrap();
                let metadata = entry.metadata().unwrap();
                let path = folder.join(entry.file_name());
                let next_id = &mut self.next_id;
                let id = *self.by_inode.entry(metadata.ino()).or_insert_with(|| {
                    *next_id += 1;
                    *next_id - 1
                });
                inodes.insert(metadata.ino(), id);
                if metadata.is_dir() {
                    self.folders.insert(id);
                    todo.push(path.clone());
                }
                now.insert(path, id);
            }
        }
        let before = std::mem::replace(&mut self.live, now);
        // The number of a removed file may be given to another one.
        self.by_inode = inodes;
        // What is in a folder that got another name is where it was: a name is that of the folder, and the last part.
        let names = |live: &BTreeMap<PathBuf, Id>| {
            let mut names: BTreeMap<Id, BTreeSet<Name>> = BTreeMap::new();
            for (path, id) in live {
                names.entry(*id).or_default().insert(Self::name_of(live, path));
            }
            names
        };
        let (old, new) = (names(&before), names(&self.live));
        let none = BTreeSet::new();
        let mut changes = Vec::new();
        for id in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let (was, is) = (old.get(id).unwrap_or(&none), new.get(id).unwrap_or(&none));
            let (mut gone, mut came) = (was.difference(is).cloned(), is.difference(was).cloned());
            loop {
                let (from, to) = (gone.next(), came.next());
                if from.is_none() && to.is_none() {
                    break;
                }
                let kept = is.intersection(was).cloned().collect();
                changes.push(Change { id: *id, from, to, other: None, kept });
            }
        }
        if let [one, two] = &changes[..]
            && one.from.is_some()
            && (&one.from, &one.to) == (&two.to, &two.from)
        {
            let other = Some(two.id);
            changes = vec![Change { other, ..one.clone() }];
        }
        self.pending.extend(changes);
    }
}

impl Faults for Disk {
    fn before(&self, op: Op, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        state.look(&self.root);
        if state.left == Some(0) {
            state.killed = true;
        }
        if state.killed {
            return Err(io::Error::other("killed"));
        }
        state.left = state.left.map(|left| left - 1);
        state.done += 1;
        let Ok(relative) = path.strip_prefix(&self.root) else { return Ok(()) };
        let id = if relative.as_os_str().is_empty() { Some(ROOT) } else { state.live.get(relative).copied() };
        let Some(id) = id else { return Ok(()) };
        match op {
            Op::Sync => {
                let bytes = std::fs::read(path)?;
                state.synced.insert(id, bytes);
            }
            Op::SyncDir => {
                let touches = |name: &Option<Name>| name.as_ref().is_some_and(|(folder, _)| *folder == id);
                let pending = std::mem::take(&mut state.pending);
                // With a change last those that came before it to the same file.
                let mut last = HashMap::new();
                for (at, change) in pending.iter().enumerate() {
                    if touches(&change.from) || touches(&change.to) {
                        last.insert(change.id, at);
                    }
                }
                for (at, change) in pending.into_iter().enumerate() {
                    if last.get(&change.id).is_some_and(|last| at <= *last) {
                        apply(&mut state.durable, &change);
                    } else {
                        state.pending.push(change);
                    }
                }
            }
            Op::Remove | Op::Rename if path.is_file() => {
                let bytes = std::fs::read(path)?;
                state.last.insert(id, bytes);
            }
            _ => {}
        }
        Ok(())
    }
}

/// An empty folder, in memory where the machine offers that: nothing here depends on a real disk.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

//! What is there. Reads, and judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::cancel::Cancel;
use crate::lake::file::footer::{Footer, read_footer};
use crate::lake::fs;
use crate::lake::layout;
use crate::lake::manifest::metadata::{Metadata, read_metadata};
use crate::lake::txn::commit::Committer;
use crate::{Kind, Result};

/// Everything below one dataset.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) dir: PathBuf,
    /// The dataset's folder is there.
    pub(crate) exists: bool,
    /// A link stands where the folder should.
    pub(crate) is_link: bool,
    /// `Err`: why it cannot be understood.
    pub(crate) metadata: Option<std::result::Result<Metadata, String>>,
    pub(crate) intent: Intent,
    /// Files in staging, the intent left out, and their bytes.
    pub(crate) staged: (u64, u64),
    /// Everything with a mode: folders and files, staging's inside left out.
    pub(crate) entries: Vec<Seen>,
    /// What readers take for data.
    pub(crate) files: Vec<DataFile>,
    /// Folders with a `_SUCCESS` in them.
    pub(crate) sealed: BTreeSet<String>,
    /// Folders of versions.
    pub(crate) versions: BTreeSet<u32>,
    /// Rows in quarantine, and where they came from.
    pub(crate) quarantined: u64,
    pub(crate) bad_rows: BTreeMap<i32, BTreeSet<i64>>,
    /// Asked between two files whether to stop.
    pub(super) cancel: Cancel,
}

/// What a stopped run decided.
#[derive(Default, PartialEq, Eq)]
pub(crate) enum Intent {
    #[default]
    None,
    /// It can be finished.
    Whole(String),
    /// It cannot: why.
    Broken(String),
}

/// An entry of the dataset.
pub(crate) struct Seen {
    /// Below the dataset; empty for the dataset itself.
    pub(crate) path: String,
    pub(crate) mode: u32,
    pub(crate) is_dir: bool,
    pub(crate) is_link: bool,
}

/// A file that readers take for data.
pub(crate) struct DataFile {
    /// Below the dataset; empty when it lies directly in it.
    pub(crate) folder: String,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) is_link: bool,
    /// `Err`: why it cannot be read.
    pub(crate) footer: std::result::Result<Footer, String>,
    /// What reading the rows showed that the footer does not tell.
    pub(crate) lie: Option<String>,
}

impl DataFile {
    /// Below the dataset.
    pub(crate) fn relative(&self) -> String {
        join(&self.folder, &self.name)
    }
}

impl Scan {
    /// Looks at the dataset in `dir`. An error is one of the file system: a damaged file is no error.
    pub(crate) fn of(dir: &Path) -> Result<Self> {
        Self::stoppable(dir, &Cancel::default())
    }

    /// The same; `Kind::Interrupted` when `cancel` asks to stop in between.
    pub(crate) fn stoppable(dir: &Path, cancel: &Cancel) -> Result<Self> {
        let mut scan = Self { dir: dir.to_path_buf(), cancel: cancel.clone(), ..Self::default() };
        match std::fs::symlink_metadata(dir) {
            Ok(found) if found.is_dir() => scan.see(String::new(), &found),
            Ok(_) => {
                scan.is_link = true;
                return Ok(scan);
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(scan),
            Err(e) => return Err(crate::Error::io("look at", dir, e)),
        }
        scan.exists = true;
        scan.metadata = match read_metadata(dir) {
            Ok(metadata) => metadata.map(Ok),
            Err(e) if e.kind() == Kind::Damaged => Some(Err(e.what().to_owned())),
            Err(e) => return Err(e),
        };
        scan.look_at_intent()?;
        scan.walk("", 0)?;
        scan.read_quarantine()?;
        Ok(scan)
    }

    fn see(&mut self, path: String, found: &std::fs::Metadata) {
        let (is_dir, is_link) = (found.is_dir(), found.is_symlink());
        self.entries.push(Seen { path, mode: found.mode() & 0o7777, is_dir, is_link });
    }

    fn look_at_intent(&mut self) -> Result<()> {
        let committer = Committer {
            fs: fs::Fs::default(),
            dir: self.dir.clone(),
            visibility: crate::feed::Visibility::Restricted,
        };
        self.intent = match committer.left_behind() {
            Ok(None) => Intent::None,
            Ok(Some(intent)) => match committer.check(&intent) {
                Ok(()) => Intent::Whole(intent.commit),
                Err(e) if e.kind() == Kind::Damaged => Intent::Broken(e.what().to_owned()),
                Err(e) => return Err(e),
            },
            Err(e) if e.kind() == Kind::Damaged => Intent::Broken(e.what().to_owned()),
            Err(e) => return Err(e),
        };
        let mut folders = vec![self.dir.join(layout::STAGING)];
        while let Some(folder) = folders.pop() {
            for entry in fs::list(&folder)? {
                if entry.is_dir {
                    folders.push(entry.path);
                } else if entry.name != "intent.json" || self.intent == Intent::None {
                    self.staged.0 += 1;
                    self.staged.1 += entry.bytes;
                }
            }
        }
        Ok(())
    }

    fn walk(&mut self, path: &str, depth: usize) -> Result<()> {
        for entry in fs::list(&self.dir.join(path))? {
            self.cancel.check()?;
            let below = join(path, &entry.name);
            match std::fs::symlink_metadata(&entry.path) {
                Ok(found) => self.see(below.clone(), &found),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
                Err(e) => return Err(crate::Error::io("look at", &entry.path, e)),
            }
            let hidden = entry.name.starts_with(['_', '.']);
            if entry.is_dir {
                if hidden && entry.name != layout::STAGING {
                    self.walk_hidden(&below, depth + 1)?;
                } else if !hidden && depth < 8 {
                    self.versions.extend(layout::version_of(&below));
                    self.walk(&below, depth + 1)?;
                }
            } else if entry.name == layout::SUCCESS && !path.is_empty() {
                self.sealed.insert(path.to_owned());
            } else if !hidden {
                let footer = if entry.is_link {
                    Err("it is a symbolic link".to_owned())
                } else if entry.bytes == 0 {
                    Err("it is empty".to_owned())
                } else if !layout::has_parquet_ending(&entry.name) {
                    Err("it is no Parquet file".to_owned())
                } else {
                    read_footer(&entry.path).map_err(|e| e.what().to_owned())
                };
                let (path, bytes, is_link) = (path.to_owned(), entry.bytes, entry.is_link);
                let file = DataFile {
                    folder: path,
                    name: entry.name,
                    path: entry.path,
                    bytes,
                    is_link,
                    footer,
                    lie: None,
                };
                self.files.push(file);
            }
        }
        Ok(())
    }

    /// Folders that readers skip: their modes count all the same.
    fn walk_hidden(&mut self, path: &str, depth: usize) -> Result<()> {
        for entry in fs::list(&self.dir.join(path))? {
            let below = join(path, &entry.name);
            if let Ok(found) = std::fs::symlink_metadata(&entry.path) {
                self.see(below.clone(), &found);
            }
            if entry.is_dir && depth < 16 {
                self.walk_hidden(&below, depth + 1)?;
            }
        }
        Ok(())
    }

    fn read_quarantine(&mut self) -> Result<()> {
        #[derive(serde::Deserialize)]
        struct Line {
            partition: Option<i32>,
            offset: Option<i64>,
        }
        for entry in fs::list(&self.dir.join(layout::QUARANTINE))? {
            if entry.is_dir || entry.is_link {
                continue;
            }
            let file = match std::fs::File::open(&entry.path) {
                Ok(file) => file,
                Err(e) => return Err(crate::Error::io("open", &entry.path, e)),
            };
            for line in BufReader::new(file).split(b'\n') {
                let line = line.map_err(|e| crate::Error::io("read", &entry.path, e))?;
                self.quarantined += 1;
                let line: Option<Line> = serde_json::from_slice(&line).ok();
                if let Some(Line { partition: Some(partition), offset: Some(offset) }) = line {
                    self.bad_rows.entry(partition).or_default().insert(offset);
                }
            }
        }
        Ok(())
    }
}

/// `a/b`, or `b` where there is no `a`.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

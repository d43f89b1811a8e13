//! Second names of data files: hard links by which a table's log names them.
//!
//! A file that plain readers no longer see, as its day was replaced or its version is old, is there for readers of the log until
//! [`crate::lake::RetentionRules::grace`] is over; so each version of the log can be read as long as it is in it, whatever the order
//! in which folders change. The names do not end in `.parquet`, so no glob finds a file twice. A link takes no space of its own until
//! the file has left the data. Each format has links of its own, and removes them by its own rules.

use std::collections::BTreeSet;
use std::path::Path;

use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{self, FILES, ICEBERG_FILES};
use crate::lake::txn::commit::Committer;
use crate::{Error, Kind, Result};

/// Where the second names of a format are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Links {
    /// Their folder, below the dataset.
    folder: &'static str,
    /// What stands behind the name of the data file.
    ending: &'static str,
}

impl Links {
    /// Those of a Delta table.
    pub(crate) const DELTA: Self = Self { folder: FILES, ending: ".delta" };
    /// Those of an Iceberg table.
    pub(crate) const ICEBERG: Self = Self { folder: ICEBERG_FILES, ending: ".iceberg" };

    /// The second name of a data file, below the dataset.
    pub(crate) fn name(self, path: &str) -> String {
        format!("{}/{path}{}", self.folder, self.ending)
    }

    /// The data file of a second name.
    pub(crate) fn first_name(self, path: &str) -> Option<&str> {
        self.without_ending(path.strip_prefix(self.folder)?.strip_prefix('/')?)
    }

    /// The data file of a second name that is told below their folder.
    pub(super) fn without_ending(self, path: &str) -> Option<&str> {
        path.strip_suffix(self.ending)
    }
}

impl Committer {
    /// Gives data files their second names.
    pub(crate) fn link<'p>(&self, links: Links, paths: impl Iterator<Item = &'p str>) -> Result<()> {
        let names: Vec<(&str, String)> = paths.map(|path| (path, links.name(path))).collect();
        if names.is_empty() {
            return Ok(());
        }
        let below: BTreeSet<&Path> = names.iter().map(|(_, second)| fs::parent(Path::new(second))).collect();
        self.fs.make_dirs(self.dir(), below.iter().copied(), self.visibility.dir_mode())?;
        for (path, second) in &names {
            let (from, to) = (layout::inside(self.dir(), path)?, layout::inside(self.dir(), second)?);
            if fs::size_of(&to)?.is_some() {
                // A file that comes back has it still: the same file, by its name and size.
                if fs::size_of(&to)? == fs::size_of(&from)? {
                    continue;
                }
                self.fs.remove(&to)?;
            }
            if !self.fs.link(&from, &to)? {
                return Err(Error::new(Kind::Refused, "a file cannot get a second name for the table's log")
                    .at("file", from.display())
                    .next("its partition is on another file system: bring it into the lake, or disable the table format"));
            }
        }
        below.iter().try_for_each(|folder| self.fs.sync_dir(&self.dir().join(folder)))
    }

    /// Removes second names that no version of the log needs any more, and folders that are empty then.
    pub(crate) fn unlink<'p>(&self, links: Links, second: impl Iterator<Item = &'p str>) -> Result<()> {
        let mut folders = BTreeSet::new();
        for path in second.filter(|path| links.first_name(path).is_some()) {
            let path = layout::inside(self.dir(), path)?;
            self.fs.remove(&path)?;
            folders.insert(fs::parent(&path).to_path_buf());
        }
        let top = self.dir().join(links.folder);
        for mut folder in folders {
            while folder != top && self.fs.remove_empty_dir(&folder)? {
                if !folder.pop() {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Dataset {
    /// `Kind::Refused` where the file system gives a file no second name.
    pub(super) fn check_links(&self) -> Result<()> {
        let staging = self.make_staging()?;
        if self.committer.fs.can_link(&staging)? {
            return Ok(());
        }
        Err(Error::new(
            Kind::Refused,
            "the file system has no hard links, which a table format needs for the files of the lake",
        )
        .at("folder", self.dir().display())
        .next("take \"table_format\" out of the feed, or put the lake on another file system"))
    }
}

//! What no version of the table names goes: left by a start that was stopped while it brought the table up, or by a lake that was moved.

use std::collections::BTreeSet;
use std::path::Path;

use super::{METADATA, below, first_name, newest, read_file};
use crate::Result;
use crate::format::iceberg::{Named, version_of_file};
use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{ICEBERG, ICEBERG_FILES, is_commit_id};
use crate::lake::txn::table::Links;

impl Dataset {
    /// Removes files of ours below `metadata/` that the newest version does not name, and second names that none of its snapshots needs;
    /// `is_live` picks the data files that the newest one needs.
    pub(super) fn sweep(&self, is_live: impl Fn(&str) -> bool) -> Result<()> {
        let Some((version, table)) = newest(self.dir())? else { return Ok(()) };
        let (dir, location) = (self.dir(), table.location.as_str());
        let Named { files, removed } = table.named(&|path| read_file(dir, location, path))?;
        let name = |path| below(location, path)?.strip_prefix(METADATA)?.strip_prefix('/');
        let files: BTreeSet<&str> = files.iter().filter_map(|path| name(path)).collect();
        let removed: BTreeSet<&str> = removed.iter().filter_map(|path| first_name(location, path)).collect();
        let folder = dir.join(ICEBERG).join(METADATA);
        for entry in fs::list(&folder)?.into_iter().filter(|entry| entry.is_file && is_own(&entry.name)) {
            if version_of_file(&entry.name) != Some(version) && !files.contains(entry.name.as_str()) {
                self.committer.fs.remove(&entry.path)?;
            }
        }
        let needed = |path: &str| is_live(path) || removed.contains(path);
        let mut second = Vec::new();
        collect(&dir.join(ICEBERG_FILES), ICEBERG_FILES, &mut second)?;
        let unneeded = second.iter().map(String::as_str);
        let unneeded =
            unneeded.filter(|path| Links::ICEBERG.first_name(path).is_some_and(|path| !needed(path)));
        self.committer.unlink(Links::ICEBERG, unneeded)
    }
}

/// Made by this program: versions, lists and manifests with the id of a commit in their names.
fn is_own(name: &str) -> bool {
    let Some(rest) = name.strip_suffix(".avro") else { return version_of_file(name).is_some() };
    let list = rest.strip_prefix("snap-").and_then(|rest| Some(rest.split_once('-')?.1));
    is_commit_id(list.unwrap_or(rest))
}

/// The files in a folder and below it.
fn collect(folder: &Path, path: &str, found: &mut Vec<String>) -> Result<()> {
    if !fs::is_real_dir(folder)? {
        return Ok(());
    }
    for entry in fs::list(folder)? {
        let path = format!("{path}/{}", entry.name);
        if entry.is_dir {
            collect(&entry.path, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

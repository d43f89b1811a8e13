//! A dataset as an Iceberg table: `_iceberg/` in its folder, with `metadata/` and second names of the files in `data/`.
//!
//! ```text
//! version      the changes become the files of the table's next version, staged        ◀ before the commit point
//! publish      data files get a second name, the files their places, the metadata the next number, the hint that number
//! sync         a table that is missing, behind or moved is brought to what the dataset holds, by one snapshot
//! sweep        what no version of the table names goes
//! ```
//!
//! The table's folder begins with `_`: readers of plain Parquet that are given the dataset's folder (pandas, pyarrow, Spark) would
//! take what lies in `metadata/` for data, and fail. Paths in Iceberg's metadata are absolute. A table whose folder is
//! not where its metadata says was moved with its lake: it is written anew at the next start.

pub(crate) mod publish;
mod sweep;
mod sync;
mod version;

use std::path::{Path, PathBuf};

use crate::feed::TableFormat;
use crate::format::iceberg::{TableMetadata, file_of_version, live_files, version_of_file};
use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{self, ICEBERG, ICEBERG_FILES};
use crate::lake::manifest::table::IcebergTable;
use crate::lake::txn::table::Links;
use crate::{Error, Kind, Result};

/// Largest file of the metadata that is read.
const CAP: u64 = 1 << 30;
/// The folder of everything but data, below the table's.
const METADATA: &str = "metadata";

impl Dataset {
    /// The feed wants the dataset to be an Iceberg table.
    pub(crate) fn is_iceberg(&self) -> bool {
        self.is_table_of(TableFormat::Iceberg)
    }

    /// Where the table is, as its metadata names it. `Kind::Refused` when that is no text.
    pub(super) fn location(&self) -> Result<String> {
        let path = fs::real_path(self.dir()).join(ICEBERG);
        path.to_str().map(str::to_owned).ok_or_else(|| {
            Error::new(
                Kind::Refused,
                "the lake's path is no text, and an Iceberg table names its files by their paths",
            )
            .at("folder", self.dir().display())
            .next("take \"table_format\" out of the feed, or give the lake another name")
        })
    }

    /// The newest version is the one that the metadata knows, as this program wrote it.
    fn is_newest(&self, table: &IcebergTable) -> Result<bool> {
        let Some(version) = table.version else { return Ok(false) };
        let path = version_path(self.dir(), version);
        if fs::size_of(&path)?.is_none() || fs::size_of(&version_path(self.dir(), version + 1))?.is_some() {
            return Ok(false);
        }
        Ok(fs::hash_file(&path)? == table.hash)
    }
}

/// The newest version in the folder of a dataset, and what it says; `None` where there is none.
pub(crate) fn newest(dir: &Path) -> Result<Option<(u64, TableMetadata)>> {
    let folder = dir.join(ICEBERG).join(METADATA);
    if !fs::is_real_dir(&folder)? {
        return Ok(None);
    }
    let versions = fs::list(&folder)?.into_iter().filter_map(|entry| version_of_file(&entry.name));
    let Some(version) = versions.max() else { return Ok(None) };
    Ok(Some((version, read_version(dir, version)?)))
}

/// Versions in the folder of a dataset by the names that writers with a catalogue give them: none of them is this program's.
pub(crate) fn foreign_versions(dir: &Path) -> Result<Vec<String>> {
    let folder = dir.join(ICEBERG).join(METADATA);
    let names = fs::list(&folder)?.into_iter().map(|entry| entry.name);
    let is_foreign = |name: &str| name.ends_with(".metadata.json") && version_of_file(name).is_none();
    Ok(names.filter(|name| is_foreign(name)).collect())
}

fn version_path(dir: &Path, version: u64) -> PathBuf {
    dir.join(ICEBERG).join(METADATA).join(file_of_version(version))
}

/// What a version says.
fn read_version(dir: &Path, version: u64) -> Result<TableMetadata> {
    let path = version_path(dir, version);
    let bytes = fs::read_capped(&path, CAP)?.unwrap_or_default();
    TableMetadata::parse(&bytes).map_err(|e| e.at("file", path.display()))
}

/// A file of the table at `location`, by the path that its metadata says, in the folder of the dataset.
fn read_file(dir: &Path, location: &str, path: &str) -> Result<Vec<u8>> {
    let gone = |what: &str| {
        Error::new(Kind::Damaged, what).at("file", path).next(
            "bring it back from a backup; or `lakehand feeds disable-format NAME iceberg`, then enable-format, begins a new table",
        )
    };
    let outside = || gone("the Iceberg table names a file outside of its folder");
    let at = layout::inside(&dir.join(ICEBERG), below(location, path).ok_or_else(outside)?)?;
    fs::read_capped(&at, CAP)?.ok_or_else(|| gone("a file that the Iceberg table names is not there"))
}

/// The files of the newest snapshot, below the dataset, with their sizes.
pub(crate) fn files_of(dir: &Path, table: &TableMetadata) -> Result<Vec<(String, u64)>> {
    let location = table.location.as_str();
    let files = live_files(table, &|path| read_file(dir, location, path))?;
    let told = |path: &str| Some(format!("{ICEBERG}/{}", below(location, path)?));
    Ok(files.into_iter().map(|(path, bytes)| (told(&path).unwrap_or(path), bytes)).collect())
}

/// What is behind the table's location in a path.
fn below<'p>(location: &str, path: &'p str) -> Option<&'p str> {
    path.strip_prefix(location)?.strip_prefix('/')
}

/// The second name of a data file as the table's metadata has it.
fn named(location: &str, path: &str) -> String {
    let name = Links::ICEBERG.name(path);
    format!("{location}{}", name.strip_prefix(ICEBERG).unwrap_or_default())
}

/// A data file as the table's metadata has it: by its second name, or by the object that it is in the cold tier. A folder of another
/// disk is named as the table's own files are, without a scheme.
fn named_at(location: &str, path: &str, url: Option<&str>) -> String {
    url.map_or_else(|| named(location, path), object_name)
}

/// An object as the table's metadata has it.
pub(crate) fn object_name(url: &str) -> String {
    url.strip_prefix("file://").unwrap_or(url).to_owned()
}

/// The data file of such a name.
fn first_name<'p>(location: &str, path: &'p str) -> Option<&'p str> {
    let folder = ICEBERG_FILES.strip_prefix(ICEBERG)?.strip_prefix('/')?;
    Links::ICEBERG.without_ending(below(location, path)?.strip_prefix(folder)?.strip_prefix('/')?)
}

//! A whole dataset gets another name. It takes two renames, of the data and of its books, so it is decided in a file first:
//!
//! ```text
//! <dataset>.aside, beside the books, holds the new name ─▶ books renamed ─▶ data renamed ─▶ the file is removed
//! ```
//!
//! A start that finds the file finishes the renames before anything else. What was renamed already is known by its new
//! name; what is then at the old place belongs to the dataset that begins anew.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::lake::fs::{self, Fs};
use crate::lake::layout::Places;
use crate::lake::layout::places::{BOOKS, Site, there};
use crate::{Error, Kind, Result};

/// The longest name of a folder, bytes.
const LONGEST_NAME: u64 = 255;

/// Decides that the dataset gets another name, and renames it; gives the folder where it is then. Whoever calls holds its lock.
///
/// # Errors
/// `Kind::Refused` when the dataset's folder is a mount point, which cannot be renamed.
pub(crate) fn set_aside(fs: &Fs, places: &Places, mode: u32, time: DateTime<Utc>) -> Result<PathBuf> {
    if places.site == Site::Inside {
        return Err(Error::new(
            Kind::Refused,
            "the dataset's folder is a mount point, and cannot be renamed",
        )
        .at("path", places.data.display())
        .next("move its files away by hand, and mount an empty disk there"));
    }
    let prefix = format!("{}{}", prefix(&places.data), time.format("%Y%m%dt%H%M%S"));
    let mut name = prefix.clone();
    let mut n = 1;
    while there(&Names::of(places, &name).data)? || there(&Names::of(places, &name).books)? {
        n += 1;
        name = format!("{prefix}_{n}");
    }
    let decision = decision(places);
    let scratch = decision.with_extension("aside-tmp");
    fs.replace(&decision, &scratch, name.as_bytes(), mode)?;
    rename(fs, places, &name)
}

/// Finishes what [`set_aside`] had decided before the program was stopped; gives the folder where the dataset is then.
///
/// # Errors
/// `Kind::Damaged` when the decision names no such folder.
pub(crate) fn finish(fs: &Fs, places: &Places) -> Result<Option<PathBuf>> {
    let decision = decision(places);
    let Some(name) = fs::read_capped(&decision, LONGEST_NAME)? else { return Ok(None) };
    let name = String::from_utf8(name).ok().filter(|name| {
        let rest = name.strip_prefix(&prefix(&places.data)).unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    });
    let Some(name) = name else {
        return Err(Error::new(
            Kind::Damaged,
            "the file does not name the folder that the dataset is to get",
        )
        .at("file", decision.display())
        .next(
            "remove the file, and give `lakehand feeds reset` again if the dataset is still to begin anew",
        ));
    };
    rename(fs, places, &name).map(Some)
}

fn rename(fs: &Fs, places: &Places, name: &str) -> Result<PathBuf> {
    let to = Names::of(places, name);
    for (from, to) in [(&places.books, &to.books), (&places.data, &to.data)] {
        // Another process that starts may have found the decision, and be as far.
        if !there(to)?
            && let Err(e) = fs.rename(from, to)
            && !there(to)?
        {
            return Err(e);
        }
        fs.sync_dir(fs::parent(to))?;
    }
    let decision = decision(places);
    fs.remove(&decision)?;
    fs.sync_dir(fs::parent(&decision))?;
    Ok(to.data)
}

/// Where a dataset of another name is.
struct Names {
    data: PathBuf,
    books: PathBuf,
}

impl Names {
    fn of(places: &Places, name: &str) -> Self {
        let books = match places.site {
            Site::Beside => places.books.with_file_name(format!("{BOOKS}-{name}")),
            Site::Lake | Site::Inside => places.books.with_file_name(name),
        };
        Self { data: places.data.with_file_name(name), books }
    }
}

/// How the names of datasets begin that this one has had.
fn prefix(data: &Path) -> String {
    format!("{}_before_", data.file_name().unwrap_or_default().to_string_lossy())
}

/// The file that says that the dataset is to get another name.
fn decision(places: &Places) -> PathBuf {
    let mut name = places.books.file_name().unwrap_or_default().to_owned();
    name.push(".aside");
    places.books.with_file_name(name)
}

//! What the screen shows of the disk, read when it asks. Blocking; every function ends, whatever it finds.

use std::io::ErrorKind;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::work::Teller;
use crate::app::{FileInfo, Grid, GridColumn, Message};
use crate::error::{Error, Kind, Result};
use crate::export::publish::states;
use crate::feed::CatalogName;
use crate::lake::{self, Lake, read_footer};

/// The metadata of a dataset and a walk over its folders.
pub(super) fn dataset(feed: &str, dir: Result<std::path::PathBuf>) -> Message {
    let feed = feed.to_owned();
    match dir {
        Ok(dir) => {
            let metadata = lake::read_metadata(&dir);
            // Without metadata there is nothing to compare the folders with, and its error is the one to tell.
            let usage = metadata.is_ok().then(|| lake::usage(&dir));
            Message::Dataset { feed, metadata, usage }
        }
        Err(error) => Message::Dataset { feed, metadata: Err(error), usage: None },
    }
}

/// What catalogues show of the dataset.
pub(super) fn catalogs(feed: &str, dir: &Path) -> Message {
    let all: Vec<_> = CatalogName::KEYWORDS.iter().map(|(_, name)| *name).collect();
    // Records that cannot be read say nothing; an export tells what is wrong with the books.
    Message::Catalogs { feed: feed.to_owned(), states: states(dir, &all).unwrap_or_default() }
}

/// Free bytes on the lake's disk. What cannot be told is not shown.
pub(super) fn disk(lake: &Lake, teller: &Teller) {
    if let Ok(free) = lake.free_bytes() {
        teller.say(Message::Disk { free });
    }
}

/// The files of a partition, by name; those in the cold tier too.
pub(super) fn files(dataset: &Path, partition: &str) -> Result<Vec<FileInfo>> {
    let plain = Path::new(partition).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !plain {
        return Err(Error::new(Kind::Bug, "a partition outside of its dataset").at("partition", partition));
    }
    let folder = dataset.join(partition);
    let failed = |e| Error::io("read the partition", &folder, e);
    let cold = lake::cold_files(dataset)?.into_iter().filter(|file| file.partition == partition);
    let cold: Vec<_> = cold.collect();
    let mut files = Vec::new();
    let entries = match std::fs::read_dir(&folder) {
        // Of a day that left this disk there may be no folder.
        Err(e) if e.kind() == ErrorKind::NotFound && !cold.is_empty() => None,
        entries => Some(entries.map_err(failed)?),
    };
    for entry in entries.into_iter().flatten() {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // What engines skip is shown neither; a file that went meanwhile is not there.
        let Ok(meta) = entry.metadata() else { continue };
        if name.starts_with(['_', '.']) || !meta.is_file() {
            continue;
        }
        let (rows, run) = match read_footer(&entry.path()) {
            Ok(footer) => (Ok(footer.rows), footer.commit),
            Err(error) => (Err(error.to_string()), None),
        };
        let modified = meta.modified().ok().map(DateTime::<Utc>::from);
        files.push(FileInfo { name, path: entry.path(), bytes: meta.len(), rows, modified, run, cold: None });
    }
    for cold in cold {
        if !files.iter().any(|file| file.name == cold.name) {
            files.push(FileInfo {
                path: folder.join(&cold.name),
                name: cold.name,
                bytes: cold.bytes,
                rows: Err("it lies in the cold tier".to_owned()),
                modified: None,
                run: None,
                cold: Some(cold.url),
            });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Rows of a file.
pub(super) fn rows(path: &Path, from: u64, count: usize) -> Result<Grid> {
    let page = lake::preview(path, from, count)?;
    let columns = page.columns.into_iter().map(|(name, arrow_type)| GridColumn {
        numeric: ["Int", "UInt", "Float", "Decimal"].iter().any(|word| arrow_type.starts_with(word)),
        name,
        arrow_type,
    });
    Ok(Grid { columns: columns.collect(), from: page.from, total: page.total_rows, rows: page.rows })
}

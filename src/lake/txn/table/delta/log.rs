//! The log of a table, read: its newest checkpoint, and the entries behind it.

use std::path::Path;

use arrow::json::LineDelimitedWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::format::delta::checkpoint::version_of_checkpoint;
use crate::format::delta::state::State;
use crate::format::delta::{file_of_version, version_of_file};
use crate::lake::fs;
use crate::{Error, Kind, Result};

/// Largest entry that is read: a table of a million files, made by one entry.
const CAP: u64 = 2 << 30;

/// What the log in `folder` says; `None` where there is none. `Kind::Damaged` when it cannot be followed to its end.
pub(crate) fn read(folder: &Path) -> Result<Option<State>> {
    if !fs::is_real_dir(folder)? {
        return Ok(None);
    }
    let names: Vec<String> = fs::list(folder)?.into_iter().map(|entry| entry.name).collect();
    let mut versions: Vec<u64> = names.iter().filter_map(|name| version_of_file(name)).collect();
    versions.sort_unstable();
    let checkpoint = names.iter().filter_map(|name| version_of_checkpoint(name)).max();
    if versions.is_empty() && checkpoint.is_none() {
        return Ok(None);
    }
    let mut state = State::default();
    if let Some(version) = checkpoint {
        let name = crate::format::delta::checkpoint::file_of_checkpoint(version);
        state.take(version, &lines_of(&folder.join(name))?, true)?;
    }
    for version in versions.into_iter().filter(|version| checkpoint.is_none_or(|known| *version > known)) {
        let wanted = state.version.map_or(0, |last| last + 1);
        let path = folder.join(file_of_version(version));
        if version != wanted {
            return Err(damaged(
                &folder.join(file_of_version(wanted)),
                "a version of the table's log is missing",
            ));
        }
        let bytes = fs::read_capped(&path, CAP)?.unwrap_or_default();
        let text =
            String::from_utf8(bytes).map_err(|_| damaged(&path, "an entry of the table's log is no text"))?;
        state.take(version, &text, false).map_err(|e| e.at("file", path.display()))?;
    }
    Ok(Some(state))
}

/// The versions whose entries are there, ascending.
pub(crate) fn versions(folder: &Path) -> Result<Vec<u64>> {
    if !fs::is_real_dir(folder)? {
        return Ok(Vec::new());
    }
    let mut versions: Vec<u64> =
        fs::list(folder)?.iter().filter_map(|entry| version_of_file(&entry.name)).collect();
    versions.sort_unstable();
    Ok(versions)
}

/// The id of the commit that made `version`; `None` where its entry is not there or is another program's.
pub(crate) fn commit_of(folder: &Path, version: u64) -> Result<Option<String>> {
    let line = first_line(folder, version)?;
    Ok(line.and_then(|line| line["commitInfo"]["lakehand.commit"].as_str().map(str::to_owned)))
}

/// When version `version` was committed, milliseconds since 1970; `None` where its entry is not there or does not tell.
pub(super) fn time_of(folder: &Path, version: u64) -> Result<Option<i64>> {
    Ok(first_line(folder, version)?.and_then(|line| line["commitInfo"]["timestamp"].as_i64()))
}

fn first_line(folder: &Path, version: u64) -> Result<Option<Value>> {
    let Some(bytes) = fs::read_capped(&folder.join(file_of_version(version)), CAP)? else { return Ok(None) };
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(serde_json::from_slice::<Value>(first).ok())
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::new(Kind::Damaged, what).at("file", path.display()).next(
        "bring it back from a backup; or `lakehand feeds disable-format NAME delta`, then enable-format, begins a new log",
    )
}

/// The rows of a checkpoint as the lines of an entry.
fn lines_of(path: &Path) -> Result<String> {
    let bad = |e: &dyn std::fmt::Display| damaged(path, &format!("the checkpoint cannot be read: {e}"));
    let file = fs::open_regular(path)?;
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    let mut lines = LineDelimitedWriter::new(Vec::new());
    for batch in reader.map_err(|e| bad(&e))? {
        let batch = batch.map_err(|e| bad(&e))?;
        lines.write(&batch).map_err(|e| bad(&e))?;
    }
    lines.finish().map_err(|e| bad(&e))?;
    String::from_utf8(lines.into_inner()).map_err(|e| bad(&e))
}

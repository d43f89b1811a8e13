//! Every hundred versions, or more in a large table, its state is written as one file, and what is too old goes.

use std::ops::RangeInclusive;

use arrow::json::ReaderBuilder;
use chrono::{DateTime, TimeDelta, Utc};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::log;
use crate::format::delta::checkpoint::{file_of_checkpoint, last_checkpoint, schema, version_of_checkpoint};
use crate::format::delta::version_of_file;
use crate::lake::Dataset;
use crate::lake::fs;
use crate::lake::layout::{LOG, Room};
use crate::lake::txn::table::Links;
use crate::{Error, Kind, Result};

/// Versions between two checkpoints: at the least, and at the most, as a reader reads each entry behind the last one.
const EVERY: RangeInclusive<u64> = 100..=1000;
/// Files of the table for each version between: a checkpoint names them all, and a commit is to cost the same in a large table.
const FILES_A_VERSION: u64 = 100;

/// A checkpoint of a table of so many files is due with `version`, where the last one was at `last`.
pub(super) fn is_due(version: u64, last: Option<u64>, files: u64) -> bool {
    let between = (files / FILES_A_VERSION).clamp(*EVERY.start(), *EVERY.end());
    version >= last.map_or(*EVERY.start(), |last| last + between)
}

impl Dataset {
    /// Writes a checkpoint where the last commit has brought one due ([`is_due`]), and removes what is older than the grace period.
    /// Readers need neither: what fails is done with the next checkpoint.
    pub(crate) fn tend_log(&self, now: DateTime<Utc>) -> Result<()> {
        let Some(table) = &self.metadata.delta else { return Ok(()) };
        if !self.is_delta() || table.version.is_none() || table.checkpoint != table.version {
            return Ok(());
        }
        let folder = self.dir().join(LOG);
        let Some(mut state) = log::read(&folder)? else { return Ok(()) };
        let Some(version) = state.version else { return Ok(()) };
        let grace = TimeDelta::from_std(self.retention.grace).ok();
        let limit = grace.and_then(|grace| now.checked_sub_signed(grace));
        if let Some(limit) = limit {
            let old = state.forget_removed(limit.timestamp_millis())?;
            // A file that has come back is in the table again.
            let held = state.files()?;
            self.committer.unlink(
                Links::DELTA,
                old.iter().map(String::as_str).filter(|path| !held.contains_key(*path)),
            )?;
        }
        let (lines, count) = state.checkpoint();
        let committer = &self.committer;
        let scratch = committer.places.room(Room::Staging).join("checkpoint.tmp");
        let mode = committer.visibility.file_mode();
        committer.fs.replace(&folder.join(file_of_checkpoint(version)), &scratch, &encode(&lines)?, mode)?;
        let text = last_checkpoint(version, count);
        committer.fs.replace(&folder.join("_last_checkpoint"), &scratch, text.as_bytes(), mode)?;
        if let Some(limit) = limit {
            self.clean_log(limit)?;
        }
        Ok(())
    }

    /// Removes the entries and checkpoints before the newest checkpoint that is older than `limit`: all later versions can be read.
    fn clean_log(&self, limit: DateTime<Utc>) -> Result<()> {
        let folder = self.dir().join(LOG);
        let entries = fs::list(&folder)?;
        // By the time in the entry: that of the file is another clock's.
        let is_old = |version: &u64| {
            log::time_of(&folder, *version).is_ok_and(|at| at.is_some_and(|at| at < limit.timestamp_millis()))
        };
        let checkpoints = entries.iter().filter_map(|entry| version_of_checkpoint(&entry.name));
        let Some(first) = checkpoints.filter(is_old).max() else { return Ok(()) };
        // From the oldest on, so that what is left has no hole whenever this stops.
        let mut due: Vec<(u64, &fs::Entry)> = entries
            .iter()
            .filter_map(|entry| {
                Some((version_of_file(&entry.name).or_else(|| version_of_checkpoint(&entry.name))?, entry))
            })
            .filter(|(version, _)| *version < first)
            .collect();
        due.sort_by_key(|(version, _)| *version);
        due.iter().try_for_each(|(_, entry)| self.committer.fs.remove(&entry.path))
    }
}

/// The lines as a Parquet file.
fn encode(lines: &str) -> Result<Vec<u8>> {
    let bug =
        |e: &dyn std::fmt::Display| Error::new(Kind::Bug, format!("a checkpoint cannot be written: {e}"));
    let reader = ReaderBuilder::new(schema()).build(lines.as_bytes()).map_err(|e| bug(&e))?;
    let zstd = Compression::ZSTD(ZstdLevel::try_new(1).map_err(|e| bug(&e))?);
    let properties = WriterProperties::builder().set_compression(zstd).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema(), Some(properties)).map_err(|e| bug(&e))?;
    for batch in reader {
        let batch = batch.map_err(|e| bug(&e))?;
        writer.write(&batch).map_err(|e| bug(&e))?;
    }
    writer.into_inner().map_err(|e| bug(&e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::delta::state::State;

    #[test]
    fn large_tables_have_checkpoints_less_often() {
        let due = |files: u64| (1..2000).find(|version| is_due(*version, Some(0), files)).unwrap();
        assert_eq!([due(1), due(10_000), due(50_000), due(10_000_000)], [100, 100, 500, 1000]);
        assert!(is_due(100, None, 10_000_000) && !is_due(99, None, 1), "the first entry may name all files");
    }

    #[test]
    fn a_checkpoint_says_what_the_lines_said() {
        let lines = [
            r#"{"protocol":{"minReaderVersion":1,"minWriterVersion":7,"writerFeatures":["appendOnly"]}}"#,
            r#"{"metaData":{"id":"x","name":"streams/x","format":{"provider":"parquet","options":{}},"schemaString":"{}","partitionColumns":["year"],"configuration":{"lakehand.dataset":"streams/x"},"createdTime":5}}"#,
            r#"{"txn":{"appId":"lakehand","version":7,"lastUpdated":1}}"#,
            r#"{"remove":{"path":"b","deletionTimestamp":9,"dataChange":true,"extendedFileMetadata":true,"partitionValues":{"year":"2025"},"size":3}}"#,
            r#"{"add":{"path":"a","partitionValues":{"year":"2025"},"size":3,"modificationTime":4,"dataChange":true,"stats":"{\"numRecords\":2}"}}"#,
        ];
        let mut state = State::default();
        state.take(41, &lines.join("\n"), true).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(file_of_checkpoint(41));
        std::fs::write(&path, encode(&state.checkpoint().0).unwrap()).unwrap();
        let read = log::read(dir.path()).unwrap().unwrap();
        assert_eq!(read.version, Some(41));
        assert_eq!(read.checkpoint(), state.checkpoint());
    }
}

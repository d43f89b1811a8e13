//! The rows of small files go into new ones in staging, batch by batch.
//!
//! | | |
//! |---|---|
//! | the feed names columns | sorted by them, then by Kafka partition and offset |
//! | the files hold offsets between those of others, or are sorted by a column no more wanted | sorted by Kafka partition and offset |
//! | else | file after file, as their rows came |
//!
//! One file is open for reading at a time. Where files do not hold ROWPARTITION and ROWOFFSET, footers alone tell which offsets they
//! have: such a file goes whole into one new file.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{DataType, SchemaRef};

use super::CompactWork;
use super::plan::{Group, Source};
use crate::lake::Dataset;
use crate::lake::file::batches::{Batches, positions_of, rowtimes_of};
use crate::lake::file::fingerprint::Fingerprint;
use crate::lake::file::footer::FooterFacts;
use crate::lake::file::open_file::{ClosedFile, CommitEnd, RowFacts, text};
use crate::lake::file::properties::{FileConfig, Layout};
use crate::lake::file::sort::Sorter;
use crate::lake::fs;
use crate::lake::layout;
use crate::lake::manifest::journal::Journal;
use crate::lake::manifest::offset_set::OffsetSet;
use crate::lake::manifest::offsets::doubled;
use crate::lake::manifest::schema::parse_version;
use crate::lake::write::writer::Writer;
use crate::{Error, Kind, Result};

/// Bytes of rows that are decoded at once, and how many rows at the least and the most.
const BATCH_BYTES: u64 = 2 << 20;
const BATCH_ROWS: std::ops::RangeInclusive<u64> = 64..=16_384;
/// The only partition of a writer.
const KEY: i64 = 0;

/// New files, and what went into them.
pub(super) struct Merged {
    pub(super) files: Vec<ClosedFile>,
    /// Of the rows that were read.
    pub(super) read: Fingerprint,
    /// Their offsets, where the files hold them.
    pub(super) offsets: Option<OffsetSet>,
}

/// The folder of a compaction's files in staging.
pub(super) fn scratch_of(id: &str) -> String {
    layout::run_word(id)
}

/// Rows that are decoded at once.
pub(super) fn batch_rows(group: &Group) -> usize {
    let rows: u64 = group.sources.iter().map(|source| source.footer.rows).sum();
    let bytes: u64 = group.sources.iter().map(|source| source.plain_bytes).sum();
    let of_a_row = bytes / rows.max(1);
    usize::try_from((BATCH_BYTES / of_a_row.max(1)).clamp(*BATCH_ROWS.start(), *BATCH_ROWS.end()))
        .unwrap_or(64)
}

impl Group {
    /// The files hold Kafka partition and offset of each row.
    fn has_positions(&self) -> bool {
        let is = |source: &Source, name: &str, wanted: &DataType| {
            source.schema.field_with_name(name).is_ok_and(|field| field.data_type() == wanted)
        };
        let all = |name: &str, wanted: &DataType| self.sources.iter().all(|source| is(source, name, wanted));
        all("ROWPARTITION", &DataType::Int32) && all("ROWOFFSET", &DataType::Int64)
    }

    /// File after file, the offsets of each Kafka partition ascend.
    fn is_in_order(&self) -> bool {
        let mut last = std::collections::BTreeMap::new();
        self.sources.iter().all(|source| {
            let by_offset = source.sorted_by.first().is_none_or(|column| column == "ROWPARTITION");
            by_offset
                && source.footer.offsets.hulls().all(|(partition, [first, end])| {
                    last.insert(partition, end).is_none_or(|before| before < first)
                })
        })
    }

    /// The columns by which the rows are sorted; none where they stay as they came.
    fn sort_keys(&self, sort_by: &[String]) -> Vec<String> {
        let mut keys: Vec<String> =
            sort_by.iter().filter(|name| self.schema.column_with_name(name).is_some()).cloned().collect();
        if self.has_positions() && (!keys.is_empty() || !self.is_in_order()) {
            for name in ["ROWPARTITION", "ROWOFFSET"] {
                if !keys.iter().any(|known| known == name) {
                    keys.push(name.to_owned());
                }
            }
        }
        keys
    }

    fn newest(&self) -> Result<&Source> {
        let version =
            |source: &&Source| parse_version(source.footer.schema_version.as_deref().unwrap_or("1.0"));
        // Of equal versions the last.
        let newest = self.sources.iter().max_by_key(version);
        newest.ok_or_else(|| Error::new(Kind::Bug, "a compaction of no file"))
    }

    /// What the footers of the new files say.
    fn facts(&self, dataset: &Dataset, id: &str) -> Result<FooterFacts> {
        let newest = self.newest()?;
        let told = |name: &String| {
            let listed = self.sources.iter().rev().flat_map(|source| &source.footer.columns);
            listed.into_iter().find(|[known, ..]| known == name)
        };
        let columns: Vec<_> = self.schema.fields().iter().filter_map(|field| told(field.name())).collect();
        Ok(FooterFacts {
            dataset: dataset.metadata.source.clone(),
            source: newest.ksql_name.clone(),
            server: newest.server.clone(),
            run: id.to_owned(),
            started: self.sources.iter().filter_map(|s| s.footer.started.clone()).max().unwrap_or_default(),
            commit: id.to_owned(),
            ksql_schema: newest.ksql_schema.clone(),
            columns: text(&columns)?,
            schema_version: newest.footer.schema_version.clone().unwrap_or_else(|| "1.0".to_owned()),
            version: None,
            log: newest.footer.log.as_ref().map(text).transpose()?,
        })
    }
}

impl Merged {
    /// Writes the rows of a group; `number` is that of the group and of its first file in the commit.
    pub(super) fn write(
        dataset: &Dataset,
        id: &str,
        (group_number, first_file): (usize, usize),
        group: &Group,
        journal: &Journal,
        end: Option<CommitEnd>,
        work: &CompactWork<'_>,
    ) -> Result<Self> {
        let (limits, feed) = (&dataset.limits, &dataset.feed);
        let has_positions = group.has_positions();
        let keys = group.sort_keys(&feed.layout.sort_by);
        if !has_positions && !keys.is_empty() && whole_bytes(group) > limits.target_file_bytes {
            return Err(Error::new(
                Kind::Refused,
                "its rows would be sorted into several files, and without ROWPARTITION and ROWOFFSET nothing would tell which \
                 offsets each of them holds",
            )
            .at("feed", &feed.name)
            .next("nothing was changed; take \"sort_by\" or \"row_metadata\": false out of the feed, or raise export.target_file_mb"));
        }
        let staging = dataset.staging(id)?.join(format!("{group_number:04}"));
        dataset.committer.fs.make_dir(&staging, 0o700)?;
        let bloom = |name: &String| (name.clone(), feed.layout.bloom_fpp);
        let target_bytes = limits.target_file_bytes.max(1);
        let sort_budget = if keys.is_empty() { 0 } else { work.memory_bytes / 2 };
        let config = FileConfig {
            schema: SchemaRef::clone(&group.schema),
            compression: feed.compression,
            zstd_level: limits.zstd_level,
            encodings: limits.encodings,
            file_mode: feed.visibility.file_mode(),
            // A file whose offsets only its footer tells is not divided.
            target_bytes: if has_positions { target_bytes } else { u64::MAX },
            min_free_bytes: limits.min_free_bytes,
            // As for exports: what encoders take is more than they report.
            budget: (work.memory_bytes - sort_budget) / 5 * 2,
            layout: Layout {
                any_order: has_positions,
                sorted_by: keys.clone(),
                bloom_filters: feed.layout.bloom_filters.iter().map(bloom).collect(),
            },
        };
        let (fs, pool) = (dataset.committer.fs.clone(), Arc::clone(work.pool));
        let mut writer = Writer::new(fs.clone(), pool, staging.clone(), config, group.facts(dataset, id)?)?;
        writer.number_from(first_file);
        let at = |name: &String| group.schema.index_of(name).ok();
        let columns: Vec<usize> = keys.iter().filter_map(at).collect();
        let mut sorter = if columns.is_empty() {
            None
        } else {
            Some(Sorter::new(fs, staging, &group.schema, &columns, sort_budget, limits.min_free_bytes)?)
        };
        let mut merged = Self {
            files: Vec::new(),
            read: Fingerprint::default(),
            offsets: has_positions.then(OffsetSet::default),
        };
        let rows = batch_rows(group);
        for source in &group.sources {
            check_content(source, journal)?;
            for batch in Batches::open(&source.path, None, rows)? {
                work.cancel.check()?;
                let batch = batch?;
                merged.note(&batch)?;
                (work.advance)(batch.num_rows() as u64);
                let batch = as_all(&batch, &group.schema)?;
                writer.look(1, || Ok(batch.clone()))?;
                match &mut sorter {
                    Some(sorter) => sorter.push(batch)?,
                    None => write(&mut writer, &batch, has_positions)?,
                }
            }
            if !has_positions && sorter.is_none() && source.footer.rows > 0 {
                writer.note_told(KEY, Some(&source.footer.offsets), source.footer.rowtime)?;
                writer.roll_at(KEY, target_bytes)?;
            }
        }
        if let Some(sorter) = sorter {
            sorter.finish(|batch| {
                work.cancel.check()?;
                write(&mut writer, &batch, has_positions)
            })?;
            for source in group.sources.iter().filter(|source| !has_positions && source.footer.rows > 0) {
                writer.note_told(KEY, Some(&source.footer.offsets), source.footer.rowtime)?;
            }
        }
        merged.files = match end {
            Some(end) => writer.finish(end)?.0,
            None => writer.finish_part()?,
        };
        Ok(merged)
    }

    fn note(&mut self, batch: &RecordBatch) -> Result<()> {
        self.read.add(batch)?;
        if let (Some(set), Some((partitions, offsets))) = (&mut self.offsets, positions_of(batch))
            && let Some((partition, offset)) = set.insert_all(partitions, offsets)
        {
            return Err(doubled(partition, offset)
                .next("nothing was changed; `lakehand check` says which files hold it"));
        }
        Ok(())
    }
}

fn whole_bytes(group: &Group) -> u64 {
    group.sources.iter().map(|source| source.bytes).sum()
}

/// The file's content is what was written: what bit rot did to it must not become part of a sound file.
fn check_content(source: &Source, journal: &Journal) -> Result<()> {
    let commit = source.footer.commit.as_deref().unwrap_or_default();
    let Some(written) = journal.find(&source.name, commit).and_then(|record| record.hash) else {
        return Ok(());
    };
    if fs::hash_file(&source.path)? == written {
        return Ok(());
    }
    Err(Error::new(Kind::Damaged, "its content is not what was written: values may be others")
        .at("file", source.path.display())
        .next("nothing was changed; export its day again with --day"))
}

/// The rows under the columns of all files: null where the file has none.
fn as_all(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |field: &arrow::datatypes::FieldRef| -> ArrayRef {
        let known = batch.column_by_name(field.name()).map(ArrayRef::clone);
        known.unwrap_or_else(|| new_null_array(field.data_type(), batch.num_rows()))
    };
    let columns = schema.fields().iter().map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(SchemaRef::clone(schema), columns, &options)
        .map_err(|e| Error::new(Kind::Bug, format!("the columns of files cannot be united: {e}")))
}

/// Where files do not hold the offsets of all their rows, footers tell what is to be kept of them.
fn write(writer: &mut Writer, batch: &RecordBatch, has_positions: bool) -> Result<()> {
    if !has_positions {
        return writer.write(KEY, batch, &RowFacts::default());
    }
    let positions = Some(positions_of(batch).ok_or_else(without_offset)?);
    writer.write(KEY, batch, &RowFacts { positions, rowtime: rowtimes_of(batch) })
}

fn without_offset() -> Error {
    Error::new(Kind::Damaged, "a row has no ROWPARTITION or ROWOFFSET").next("nothing was changed")
}

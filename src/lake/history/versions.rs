//! What differs between two versions of a table, by key.
//!
//! ```text
//! 1  key and row of both versions become numbers: by key how often it came and the sum of its rows, in each version
//! 2  keys in one version alone are rows added or removed; other sums are rows changed
//! 3  the keys of some rows that differ are looked for once more, and these rows alone are read whole
//! ```
//!
//! The numbers of 1 are kept for a part of the keys at a time, as many as the memory allows; the files are read once for each part.
//! Columns are compared that both versions have with one type; others are told by name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection};

use super::row_hash;
use crate::cancel::Cancel;
use crate::feed::FeedKind;
use crate::lake::file::preview::texts;
use crate::lake::fs;
use crate::lake::layout::{FILES, PartitionPath, Places};
use crate::lake::manifest::metadata::read_metadata_at;
use crate::lake::ops::undo_version::kept_versions;
use crate::lake::txn::table::Links;
use crate::lake::txn::transaction::is_data;
use crate::{Error, Kind, Result};

/// Bytes of memory that a key takes while it is compared.
const BYTES_A_KEY: u64 = 128;
/// Rows of a batch.
const ROWS: usize = 8192;

/// How versions are compared.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The key's columns; empty: those that the dataset knows.
    pub key: Vec<String>,
    /// So many rows that differ are read whole.
    pub rows: usize,
    /// Memory for keys, bytes.
    pub memory_bytes: u64,
    /// Asked between batches.
    pub cancel: Cancel,
}

/// What differs between two versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionsDiff {
    /// The key's columns.
    pub key: Vec<String>,
    /// Rows of the first and of the second version.
    pub rows: [u64; 2],
    /// Rows whose key is in the second version alone.
    pub added: u64,
    /// Rows whose key is in the first version alone.
    pub removed: u64,
    /// Rows whose key is in both, with other values.
    pub changed: u64,
    /// Rows that are the same.
    pub same: u64,
    /// Keys that a version has more than once: their rows are compared together, in any order.
    pub doubled: u64,
    /// Columns that are in one version alone, or have another type in each: they are not compared.
    pub columns: Vec<String>,
    /// Some of the rows that differ, by key.
    pub changes: Vec<RowChange>,
    /// How often the files were read, as memory did not do for all keys at once.
    pub passes: u64,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKind {
    /// The first version does not have it.
    Added,
    /// The second version does not have it.
    Removed,
    /// It has other values.
    Changed,
}

impl RowKind {
    /// `added`, `removed` or `changed`
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// A row that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowChange {
    /// What became of it.
    pub kind: RowKind,
    /// The values of the key's columns, as text; `None` is null.
    pub key: Vec<Option<String>>,
    /// Of a changed row the values that are others; of one that came or went all that are not null.
    pub values: Vec<ValueChange>,
}

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueChange {
    /// The column.
    pub column: String,
    /// The value of the first version; `None` is null, or no row.
    pub old: Option<String>,
    /// That of the second.
    pub new: Option<String>,
}

/// What is known of a key: in each version how often it came, and the sum of its rows.
#[derive(Default, Clone, Copy)]
struct Known {
    count: [u32; 2],
    sum: [u128; 2],
}

impl Known {
    fn kind(self) -> Option<RowKind> {
        match self.count {
            [0, _] => Some(RowKind::Added),
            [_, 0] => Some(RowKind::Removed),
            [a, b] => (a != b || self.sum[0] != self.sum[1]).then_some(RowKind::Changed),
        }
    }
}

/// One version on disk.
struct Version {
    files: Vec<PathBuf>,
    columns: BTreeMap<String, String>,
    order: Vec<String>,
    rows: u64,
}

/// Compares versions `from` and `to` of the table in `dataset_dir`, wherever they are: in the data, in the bin, or in the files of
/// its Delta log.
///
/// # Errors
/// `Kind::Usage` when a version is not there, or when the key is not known and `asked` names none.
pub fn diff_versions(dataset_dir: &Path, from: u32, to: u32, asked: &Asked) -> Result<VersionsDiff> {
    let places = Places::find(dataset_dir)?;
    let Some(metadata) = read_metadata_at(&places.metadata)? else {
        return Err(Error::new(Kind::Usage, "nothing of the feed was exported yet: there is no version"));
    };
    if metadata.kind != FeedKind::Table.keyword() {
        return Err(Error::new(Kind::Usage, "a stream has no versions").next("name two commits of it"));
    }
    let both = [Version::find(&places, from)?, Version::find(&places, to)?];
    let key = if asked.key.is_empty() { metadata.key_columns } else { asked.key.clone() };
    if key.is_empty() {
        return Err(Error::new(Kind::Usage, "which columns are the table's key is not known")
            .next("name them: --key COLUMN; the next export of the feed keeps them"));
    }
    let mut done = VersionsDiff { key, rows: [both[0].rows, both[1].rows], ..VersionsDiff::default() };
    let compared = compared(&both, &mut done)?;
    let total = both[0].rows.saturating_add(both[1].rows);
    done.passes = total.saturating_mul(BYTES_A_KEY).div_ceil(asked.memory_bytes.max(BYTES_A_KEY)).max(1);
    let mut wanted: BTreeMap<u128, RowKind> = BTreeMap::new();
    for pass in 0..done.passes {
        let mut keys: HashMap<u128, Known> = HashMap::new();
        for (at, version) in both.iter().enumerate() {
            version.each(&compared, &asked.cancel, &mut |batch| {
                let numbers = key_numbers(batch, &done.key)?;
                let rows = row_hash::rows(batch.columns(), batch.num_rows())?;
                for (key, row) in numbers.into_iter().zip(rows) {
                    if key % u128::from(done.passes) != u128::from(pass) {
                        continue;
                    }
                    let known = keys.entry(key).or_default();
                    known.count[at] = known.count[at].saturating_add(1);
                    known.sum[at] = known.sum[at].wrapping_add(row);
                }
                Ok(())
            })?;
        }
        for (key, known) in keys {
            let [old, new] = known.count.map(u64::from);
            done.doubled += u64::from(old > 1 || new > 1);
            match known.kind() {
                None => done.same += new,
                Some(kind) => {
                    match kind {
                        RowKind::Added => done.added += new,
                        RowKind::Removed => done.removed += old,
                        RowKind::Changed => done.changed += old.max(new),
                    }
                    // By the number of the key, so that the same ones are shown each time.
                    wanted.insert(key, kind);
                    if wanted.len() > asked.rows {
                        wanted.pop_last();
                    }
                }
            }
        }
    }
    done.changes = changes(&both, &compared, &done.key, &wanted, &asked.cancel)?;
    Ok(done)
}

/// The columns that are compared, in the order of the second version; the others are told.
fn compared(both: &[Version; 2], done: &mut VersionsDiff) -> Result<Vec<String>> {
    let [old, new] = both;
    for column in &done.key {
        if !old.columns.contains_key(column) || !new.columns.contains_key(column) {
            return Err(Error::new(
                Kind::Usage,
                format!("column {column} of the key is not in both versions"),
            )
            .next(format!("the columns are {}", new.order.join(", "))));
        }
    }
    let mut compared = Vec::new();
    for name in &new.order {
        match (old.columns.get(name), new.columns.get(name)) {
            (Some(before), Some(now)) if before == now => compared.push(name.clone()),
            (Some(before), Some(now)) => done.columns.push(format!("{name} was {before} and is {now}")),
            _ => done.columns.push(format!("{name} came")),
        }
    }
    let gone = old.order.iter().filter(|name| !new.columns.contains_key(*name));
    done.columns.extend(gone.map(|name| format!("{name} went")));
    match done.key.iter().find(|name| !compared.contains(*name)) {
        Some(name) => Err(Error::new(Kind::Usage, format!("column {name} of the key has changed its type"))
            .next("rows of the two versions cannot be told to be the same")),
        None => Ok(compared),
    }
}

fn key_numbers(batch: &RecordBatch, key: &[String]) -> Result<Vec<u128>> {
    let columns: Vec<_> = key.iter().filter_map(|name| batch.column_by_name(name).cloned()).collect();
    row_hash::rows(&columns, batch.num_rows())
}

/// A row as it is shown.
struct Shown {
    names: Vec<String>,
    texts: Vec<Option<String>>,
    numbers: Vec<u128>,
}

/// The rows of these keys, read whole.
fn changes(
    both: &[Version; 2],
    compared: &[String],
    key: &[String],
    wanted: &BTreeMap<u128, RowKind>,
    cancel: &Cancel,
) -> Result<Vec<RowChange>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows: [BTreeMap<u128, Shown>; 2] = Default::default();
    for (version, rows) in both.iter().zip(&mut rows) {
        for file in &version.files {
            let mut places: Vec<usize> = Vec::new();
            let mut at = 0;
            read(file, key, None, cancel, &mut |batch| {
                let numbers = key_numbers(batch, key)?;
                places.extend(
                    numbers.iter().enumerate().filter(|(_, n)| wanted.contains_key(n)).map(|(i, _)| at + i),
                );
                at += batch.num_rows();
                Ok(())
            })?;
            if places.is_empty() {
                continue;
            }
            let ranges = places.into_iter().map(|place| place..place + 1);
            let chosen = RowSelection::from_consecutive_ranges(ranges, at);
            read(file, compared, Some(chosen), cancel, &mut |batch| {
                let names: Vec<String> =
                    batch.schema_ref().fields().iter().map(|field| field.name().clone()).collect();
                let columns: Vec<Vec<u128>> =
                    batch.columns().iter().map(|column| row_hash::values(column)).collect::<Result<_>>()?;
                for (row, number) in key_numbers(batch, key)?.into_iter().enumerate() {
                    rows.entry(number).or_insert_with(|| Shown {
                        names: names.clone(),
                        texts: texts(batch, row),
                        numbers: columns.iter().map(|column| column[row]).collect(),
                    });
                }
                Ok(())
            })?;
        }
    }
    let [old, new] = rows;
    let mut found: Vec<RowChange> =
        wanted.iter().map(|(number, kind)| change(*kind, key, old.get(number), new.get(number))).collect();
    found.sort_by(|a, b| (a.kind, &a.key).cmp(&(b.kind, &b.key)));
    Ok(found)
}

fn change(kind: RowKind, key: &[String], old: Option<&Shown>, new: Option<&Shown>) -> RowChange {
    let text = |shown: Option<&Shown>, name: &str| {
        let shown = shown?;
        let at = shown.names.iter().position(|known| known == name)?;
        Some((shown.texts.get(at)?.clone(), *shown.numbers.get(at)?))
    };
    let names: BTreeSet<&String> = old.into_iter().chain(new).flat_map(|shown| &shown.names).collect();
    let any = new.or(old);
    let values = names.into_iter().filter(|name| !key.contains(name)).filter_map(|name| {
        let (old, new) = (text(old, name), text(new, name));
        let same = old.as_ref().map(|(_, number)| number) == new.as_ref().map(|(_, number)| number);
        let (old, new) = (old.and_then(|(text, _)| text), new.and_then(|(text, _)| text));
        let is_told = !same && (old.is_some() || new.is_some());
        is_told.then(|| ValueChange { column: name.clone(), old, new })
    });
    let values = values.collect();
    RowChange {
        kind,
        key: key.iter().map(|name| text(any, name).and_then(|(text, _)| text)).collect(),
        values,
    }
}

impl Version {
    fn find(places: &Places, version: u32) -> Result<Self> {
        let kept = kept_versions(places)?;
        let mut files: Vec<PathBuf> = Vec::new();
        let second = places.data.join(FILES).join(PartitionPath::Version(version).to_string());
        if let Some(kept) = kept.iter().find(|kept| kept.version == version) {
            files.extend(fs::list(&kept.folder)?.into_iter().filter(is_data).map(|entry| entry.path));
        } else if fs::is_real_dir(&second)? {
            let is_second = |path: &Path| {
                let below = path.strip_prefix(&places.data).unwrap_or(path);
                Links::DELTA.first_name(&below.to_string_lossy()).is_some()
            };
            files.extend(
                fs::list(&second)?.into_iter().map(|entry| entry.path).filter(|path| is_second(path)),
            );
        }
        if files.is_empty() {
            let there: BTreeSet<u32> = kept.iter().map(|kept| kept.version).collect();
            let there: Vec<String> = there.iter().map(|version| format!("v{version}")).collect();
            let error = Error::new(Kind::Usage, format!("version v{version} is not there any more"));
            return Err(if there.is_empty() {
                error
            } else {
                error.next(format!("there is {}", there.join(", ")))
            });
        }
        let mut found = Self { files, columns: BTreeMap::new(), order: Vec::new(), rows: 0 };
        for file in &found.files {
            let (schema, rows) = look(file)?;
            found.rows = found.rows.saturating_add(rows);
            for field in schema.fields() {
                if found.columns.insert(field.name().clone(), field.data_type().to_string()).is_none() {
                    found.order.push(field.name().clone());
                }
            }
        }
        Ok(found)
    }

    fn each(
        &self,
        columns: &[String],
        cancel: &Cancel,
        take: &mut dyn FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        self.files.iter().try_for_each(|file| read(file, columns, None, cancel, take))
    }
}

fn bad(path: &Path, e: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Damaged, format!("a file of the version cannot be read as Parquet: {e}"))
        .at("file", path.display())
        .next("`lakehand check --deep` reads every file of the lake")
}

/// Columns and rows of a file.
fn look(path: &Path) -> Result<(SchemaRef, u64)> {
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(fs::open_regular(path)?).map_err(|e| bad(path, &e))?;
    let rows = builder.metadata().file_metadata().num_rows();
    Ok((builder.schema().clone(), u64::try_from(rows).unwrap_or(0)))
}

/// Reads `columns` of a file in this order, all rows or the `chosen` ones.
fn read(
    path: &Path,
    columns: &[String],
    chosen: Option<RowSelection>,
    cancel: &Cancel,
    take: &mut dyn FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(fs::open_regular(path)?).map_err(|e| bad(path, &e))?;
    let schema = builder.schema().clone();
    let places = schema.fields().iter().enumerate().filter(|(_, field)| columns.contains(field.name()));
    let mask = ProjectionMask::roots(builder.parquet_schema(), places.map(|(at, _)| at));
    let mut builder = builder.with_projection(mask).with_batch_size(ROWS);
    if let Some(chosen) = chosen {
        builder = builder.with_row_selection(chosen);
    }
    for batch in builder.build().map_err(|e| bad(path, &e))? {
        cancel.check()?;
        let batch = batch.map_err(|e| bad(path, &e))?;
        // Files of a version may have their columns in another order.
        let order: Option<Vec<usize>> =
            columns.iter().map(|name| batch.schema_ref().index_of(name).ok()).collect();
        let order = order.ok_or_else(|| bad(path, &"a column of the version is not in it"))?;
        take(&batch.project(&order).map_err(|e| bad(path, &e))?)?;
    }
    Ok(())
}

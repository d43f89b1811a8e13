//! `_metadata.json` made from the files: anew where it is lost, brought up to date where it is older than they are.
//!
//! ```text
//! rebuild   no metadata: every file must say what it holds        ┐
//! adopt     metadata of before: newer files are counted            ├─▶ count ─▶ metadata, and a record a file
//! count     from footers that a check has read                     ┘
//! ```
//!
//! Positions are what the files prove ([`proof`]), and what they hold beyond is left out when it is read again. What no
//! footer knows (the runs, when the source was last looked at) begins anew, or stays as it was.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use crate::cancel::Cancel;
use crate::lake::file::footer::{Footer, FooterRead, look_at_footer};
use crate::lake::file::rows::{Columns, read_rows};
use crate::lake::fs;
use crate::lake::layout::{self, PartitionPath, Places, Room};
use crate::lake::manifest::cold::{self, StubFile};
use crate::lake::manifest::data_file::Stub;
use crate::lake::manifest::data_file::{Cold, DataFile};
use crate::lake::manifest::journal::{self, Journal};
use crate::lake::manifest::metadata::Metadata;
use crate::lake::manifest::offsets::OffsetRanges;
use crate::lake::manifest::proof::{self, Known, Witness};
use crate::lake::manifest::schema;
use crate::{Error, Kind, Result};

/// A data file that is there, with what it says.
#[derive(Debug, Clone)]
pub(crate) struct Present {
    /// The partition in which it is counted, below the dataset.
    pub(crate) folder: String,
    pub(crate) name: String,
    /// Where it is now.
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) footer: Footer,
    /// It lies in the cold tier.
    pub(crate) cold: Option<Cold>,
}

/// Metadata, and the files that it counts.
pub(crate) struct Counted {
    pub(crate) metadata: Metadata,
    pub(crate) files: Vec<DataFile>,
}

/// Fills `fresh`, the metadata of an empty dataset, from the files below `dir`. `Kind::Damaged` names the files that say too
/// little to go on from, `Kind::Io` one that could not be read.
pub(crate) fn rebuild(places: &Places, fresh: Metadata) -> Result<Counted> {
    let (files, wrong) = present(places, &fresh)?;
    if !wrong.is_empty() {
        let number = wrong.len();
        let listed: Vec<String> = wrong.into_iter().take(5).collect();
        return Err(Error::new(
            Kind::Damaged,
            format!(
                "the metadata is lost, and {number} files do not say what they hold: {}",
                listed.join("; ")
            ),
        )
        .at("dataset", places.data.display())
        .next(
            "bring _metadata.json back from a backup, or move these files out of the lake, then export again",
        ));
    }
    let mut counted = count(places, fresh, files)?;
    let journal = journal::read(&places.journal())?.unwrap_or_default();
    counted.metadata.pins = journal.pins().cloned().unwrap_or_default();
    Ok(counted)
}

/// Counts the files below `dir` into `known`, metadata of before. Files that say too little are left to a check.
pub(crate) fn adopt(places: &Places, known: &Metadata) -> Result<Counted> {
    let (files, _) = present(places, known)?;
    let journal = journal::read(&places.journal())?.unwrap_or_default();
    let gone = missing_rows(&journal, &files);
    let mut counted = count(places, Metadata { partitions: Vec::new(), ..known.clone() }, files)?;
    let next = &mut counted.metadata;
    next.caught_up = false;
    for before in &known.partitions {
        let Some(now) = next.partitions.iter_mut().find(|now| now.path == before.path) else { continue };
        let mut is_sealed = false;
        for mark in Places::seals(&before.path) {
            is_sealed |= fs::size_of(&places.path(&mark)?)?.is_some();
        }
        // The mark of a day goes with its local copy.
        is_sealed |= now.is_cold_alone();
        now.sealed_at = before.sealed_at.filter(|_| is_sealed);
        now.reopened_at = before.reopened_at;
        now.lost_records = before.lost_records;
    }
    if next.kind == "stream" {
        for (folder, rows) in gone {
            if let Some(now) = next.partitions.iter_mut().find(|now| now.path == folder) {
                now.lost_records += rows;
            }
        }
    }
    Ok(counted)
}

/// A data file of a stream that has a column with another type than `known`, with the column and both types, where there is one:
/// written before a change of the type was accepted.
pub(crate) fn of_other_types(places: &Places, known: &Metadata) -> Result<Option<(String, String)>> {
    let other = |file: &Present| {
        file.footer.columns.iter().find_map(|[name, _, arrow]| {
            let now = known.columns.iter().find(|column| column.name == *name)?;
            let what = || format!("column {name} is {arrow} in it, and {} in the dataset", now.arrow_type);
            (now.arrow_type != *arrow).then(what)
        })
    };
    let found = present(places, known)?.0;
    Ok(found.iter().find_map(|file| Some((file.relative(), other(file)?))))
}

/// A record of every data file that is there, for `known`, metadata that is right.
pub(crate) fn list(places: &Places, known: &Metadata) -> Result<Vec<DataFile>> {
    let journal = journal::read(&places.journal())?.unwrap_or_default();
    let index = journal.by_name();
    Ok(present(places, known)?.0.iter().map(|file| file.record(&index)).collect())
}

/// Rows of files that the journal lists and that are not there, by partition.
fn missing_rows(journal: &Journal, files: &[Present]) -> BTreeMap<String, u64> {
    let there: BTreeSet<String> = files.iter().map(Present::relative).collect();
    let mut gone = BTreeMap::new();
    for file in journal.files.values().filter(|file| !there.contains(&file.path)) {
        *gone.entry(file.partition().to_owned()).or_insert(0) += file.rows;
    }
    gone
}

/// The data files, and why others cannot be counted. A file that cannot be read, or a partition that cannot be reached, is
/// an error: nothing is decided without knowing what it holds.
fn present(places: &Places, metadata: &Metadata) -> Result<(Vec<Present>, Vec<String>)> {
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    let mut stubs: BTreeMap<String, StubFile> =
        cold::stubs(places)?.into_iter().map(|stub| (stub.relative(), stub)).collect();
    for leaf in layout::leaves(&places.data)? {
        leaf.reached(&places.data)?;
        for file in leaf.files {
            if !layout::has_parquet_ending(&file.name) {
                continue;
            }
            let (folder, name) = (leaf.path.clone(), file.name.clone());
            let cold = match stubs.remove(&layout::join(&folder, &name)) {
                Some(file) => Some(Cold { stub: Stub::read(&file.path)?, has_copy: true }),
                None => None,
            };
            match look_at_footer(&file.path) {
                FooterRead::Sound(footer) => match complaint(metadata, &footer) {
                    None => {
                        files.push(Present {
                            folder,
                            name,
                            path: file.path,
                            bytes: file.bytes,
                            footer,
                            cold,
                        });
                    }
                    Some(why) => wrong.push(format!("{folder}/{name} {why}")),
                },
                FooterRead::Damaged(why) => wrong.push(format!("{folder}/{name}: {why}")),
                FooterRead::Unknown(e) => {
                    return Err(e.next("nothing was changed: let this program read the file, then try again"));
                }
            }
        }
    }
    for StubFile { partition: folder, name, path, .. } in stubs.into_values() {
        // A file that nobody can tell anything of: the rows that it holds would be read again.
        let stub = Stub::read(&path)?;
        let footer = look_at_footer(&path).into_result(&path)?;
        match complaint(metadata, &footer) {
            None => {
                let cold = Some(Cold { stub: stub.clone(), has_copy: false });
                files.push(Present { folder, name, path, bytes: stub.bytes, footer, cold });
            }
            Some(why) => wrong.push(format!("{folder}/{name} {why}")),
        }
    }
    Ok((files, wrong))
}

/// Counts `files` into `metadata`, whose positions are taken as proved and whose partitions are empty.
pub(crate) fn count(places: &Places, mut metadata: Metadata, mut files: Vec<Present>) -> Result<Counted> {
    files.sort_by_key(|file| file.footer.commit.as_deref().and_then(layout::commit_seq));
    let known_seq = metadata.commit_seq;
    let journal = journal::read(&places.journal())?.unwrap_or_default();
    let index = journal.by_name();
    let mut records = Vec::new();
    for file in &files {
        let footer = &file.footer;
        let seq = footer.commit.as_deref().and_then(layout::commit_seq).unwrap_or(0);
        metadata.commit_seq = metadata.commit_seq.max(seq);
        let started = footer.started.as_deref().and_then(|text| text.parse().ok());
        metadata.last_export = metadata.last_export.max(started);
        metadata.created_at = started.map_or(metadata.created_at, |started| metadata.created_at.min(started));
        let record = file.record(&index);
        metadata.add_file(&record);
        records.push(record);
    }
    // Without it any log would be taken for the one whose offsets these are.
    if let Some((seq, log)) = files.iter().rev().find_map(|file| {
        let seq = file.footer.commit.as_deref().and_then(layout::commit_seq)?;
        Some((seq, file.footer.log.clone()?))
    }) && (metadata.log.is_none() || seq > known_seq)
    {
        metadata.log = Some(log);
    }
    let quarantine = read_quarantine(places)?;
    metadata.quarantined_records = quarantine.rows;
    if metadata.kind == "stream" {
        prove(&mut metadata, &files, &journal, quarantine)?;
    } else {
        metadata.current_version = newest_version(&files, &journal);
    }
    let is_new = metadata.columns.is_empty() || metadata.commit_seq > known_seq;
    if is_new || !columns_agree(&metadata, files.iter().map(|file| &file.footer)) {
        let before = metadata.schema_version.clone();
        columns(&mut metadata, files.iter().map(|file| &file.footer));
        // A version that was accepted and has no file yet stays.
        if schema::parse_version(&before) > schema::parse_version(&metadata.schema_version) {
            metadata.schema_version = before;
        }
    }
    metadata.total();
    Ok(Counted { metadata, files: records })
}

/// Sets positions, and what is held ahead of them.
fn prove(
    metadata: &mut Metadata,
    files: &[Present],
    journal: &Journal,
    quarantine: QuarantineRows,
) -> Result<()> {
    let there: BTreeSet<String> = files.iter().map(Present::relative).collect();
    // A file that a later commit removed has done its part.
    let is_there = |path: &String| there.contains(path) || !journal.files.contains_key(path);
    let whole =
        journal.commits.iter().filter(|(_, added)| added.iter().all(is_there)).map(|(c, _)| &c.positions);
    let known = Known {
        positions: std::mem::take(&mut metadata.positions),
        whole: whole.collect(),
        quarantines: quarantine.commits,
        bad_rows: quarantine.offsets,
    };
    let witnesses: Vec<Witness<'_>> = files.iter().map(|file| witness(&file.footer)).collect();
    let positions = proof::whole_commits(&witnesses, &known);
    let mut held = OffsetRanges::default();
    for file in files {
        let offsets = &file.footer.offsets;
        let beyond = offsets.at_or_after(&positions);
        if beyond.is_empty() {
            continue;
        }
        if offsets.is_exact() {
            held.unite(&beyond);
        } else {
            held.unite(&exact(file)?.at_or_after(&positions));
        }
    }
    let proof = proof::prove(positions, &held, &known.bad_rows);
    metadata.positions = proof.positions;
    metadata.ahead = proof.ahead;
    Ok(())
}

/// The offsets of a file whose footer tells only their hull.
fn exact(file: &Present) -> Result<OffsetRanges> {
    if file.cold.as_ref().is_some_and(|cold| !cold.has_copy) {
        return Err(Error::new(
            Kind::Refused,
            "a file in the cold tier holds rows that may be read again, and its footer does not tell which",
        )
        .at("file", file.relative())
        .next("bring _metadata.json back from a backup, or restore the day with `lakehand tier restore`"));
    }
    let rows = read_rows(&file.path, Columns::Offsets, &Cancel::default())?;
    match rows.offsets {
        Ok(offsets) if offsets.is_exact() && !offsets.is_empty() && rows.count == file.footer.rows => Ok(offsets),
        _ => Err(Error::new(
            Kind::Damaged,
            "a file holds rows that may be read again, and does not tell which: they would be doubled",
        )
        .at("file", file.path.display())
        .next("bring _metadata.json back from a backup, or move the file out of the lake: its rows are read again")),
    }
}

fn witness(footer: &Footer) -> Witness<'_> {
    Witness {
        commit: footer.commit.as_deref(),
        file: footer.file,
        files: footer.commit_files,
        quarantined: footer.commit_quarantined,
        positions: &footer.positions,
    }
}

/// The newest version whose files are all there; the newest one where none is whole.
fn newest_version(files: &[Present], journal: &Journal) -> Option<u32> {
    let there: BTreeSet<String> = files.iter().map(Present::relative).collect();
    let mut versions: BTreeMap<u32, Vec<&Present>> = BTreeMap::new();
    for file in files {
        if let Some(version) = layout::version_of(&file.folder) {
            versions.entry(version).or_default().push(file);
        }
    }
    let is_whole = |folder: &str, files: &[&Present]| {
        let below = format!("{folder}/");
        let mut listed = journal.files.keys().filter(|path| path.starts_with(&below));
        let total = files.iter().filter_map(|file| file.footer.commit_files).max();
        listed.all(|path| there.contains(path)) && total.is_none_or(|total| total == files.len() as u64)
    };
    let whole = versions
        .iter()
        .rev()
        .find(|(version, files)| is_whole(&PartitionPath::Version(**version).to_string(), files));
    whole.map(|(version, _)| *version).or_else(|| versions.keys().next_back().copied())
}

impl Present {
    /// Below the dataset.
    pub(crate) fn relative(&self) -> String {
        layout::join(&self.folder, &self.name)
    }

    /// The record of the file: hash and statistics are those of the journal, where the journal knows the file.
    pub(crate) fn record(&self, index: &HashMap<(&str, &str), &DataFile>) -> DataFile {
        let read = DataFile { cold: self.cold.clone(), ..self.footer.listed(self.relative(), self.bytes) };
        match index.get(&(self.name.as_str(), read.commit.as_str())).filter(|known| known.bytes == self.bytes)
        {
            Some(known) => DataFile { hash: known.hash, column_stats: known.column_stats.clone(), ..read },
            None => DataFile { hash: self.cold.as_ref().map(|cold| cold.stub.hash), ..read },
        }
    }
}

/// The rows in quarantine.
#[derive(Default)]
pub(crate) struct QuarantineRows {
    pub(crate) rows: u64,
    pub(crate) offsets: OffsetRanges,
    /// The commits that brought them.
    pub(crate) commits: BTreeSet<String>,
}

/// Reads the quarantine of the dataset in `dir`: its regular files alone. A folder of it that is none holds nothing.
pub(crate) fn read_quarantine(places: &Places) -> Result<QuarantineRows> {
    #[derive(serde::Deserialize)]
    struct Line {
        partition: Option<i32>,
        offset: Option<i64>,
    }
    let folder = places.room(Room::Quarantine);
    let mut found = QuarantineRows::default();
    if !fs::stat(&folder)?.is_some_and(|stat| stat.is_dir) {
        return Ok(found);
    }
    for entry in fs::list(&folder)?.into_iter().filter(|entry| entry.is_file) {
        let stem = entry.name.strip_suffix(".jsonl").unwrap_or(&entry.name);
        found.commits.extend(stem.split_once('_').map(|(_, commit)| commit.to_owned()));
        for line in BufReader::new(fs::open_regular(&entry.path)?).split(b'\n') {
            let line = line.map_err(|e| Error::io("read", &entry.path, e))?;
            found.rows += 1;
            if let Ok(Line { partition: Some(partition), offset: Some(offset) }) =
                serde_json::from_slice(&line)
            {
                found.offsets.add(partition, offset);
            }
        }
    }
    Ok(found)
}

/// Why a file cannot be counted.
fn complaint(metadata: &Metadata, footer: &Footer) -> Option<&'static str> {
    if footer.commit.is_none() {
        Some("was not written by lakehand")
    } else if footer.dataset.as_deref().is_some_and(|dataset| dataset != metadata.source) {
        Some("belongs to another dataset")
    } else if metadata.kind == "stream" && footer.rows > 0 && footer.offsets.partitions().is_empty() {
        Some("does not say which offsets it holds")
    } else {
        None
    }
}

/// The metadata has every column that files of its major version have, with the same type.
pub(crate) fn columns_agree<'a>(metadata: &Metadata, footers: impl Iterator<Item = &'a Footer>) -> bool {
    footers.filter(|footer| is_of_major(metadata, footer)).all(|footer| has_columns(metadata, footer))
}

/// The file was written under the metadata's major schema version.
pub(crate) fn is_of_major(metadata: &Metadata, footer: &Footer) -> bool {
    let (major, _) = schema::parse_version(&metadata.schema_version);
    footer.schema_version.as_deref().is_some_and(|version| schema::parse_version(version).0 == major)
}

/// The metadata has the file's columns, with the same types.
pub(crate) fn has_columns(metadata: &Metadata, footer: &Footer) -> bool {
    footer.columns.iter().all(|[name, ksql_type, _]| {
        let known = metadata.columns.iter().find(|column| column.name == *name);
        known.is_some_and(|known| known.ksql_type == *ksql_type)
    })
}

/// Columns and schema version, oldest version first.
pub(crate) fn columns<'a>(metadata: &mut Metadata, footers: impl Iterator<Item = &'a Footer>) {
    let mut by_version = BTreeMap::new();
    for footer in footers {
        let Some(version) = footer.schema_version.as_deref() else { continue };
        let started = footer.started.as_deref().and_then(|text| text.parse().ok());
        // The run that brought the version is the first of those that wrote under it.
        let entry =
            by_version.entry(schema::parse_version(version)).or_insert((version, started, Vec::new()));
        entry.1 = entry.1.into_iter().chain(started).min();
        entry.2.clone_from(&footer.columns);
    }
    let mut major = None;
    for ((number, _), (version, started, seen)) in by_version {
        // A new whole number was accepted as a new beginning when it was made, whatever had changed.
        let known = if major.replace(number) == Some(number) { &metadata.columns[..] } else { &[] };
        metadata.columns = match schema::evolve(known, version, &seen, started) {
            Ok((columns, _)) => columns,
            Err(_) => seen.iter().map(|column| schema::info(column, version, started)).collect(),
        };
        for column in &mut metadata.columns {
            // `evolve` names the version after `version` for a column that came with it.
            if schema::parse_version(&column.since) > schema::parse_version(version) {
                version.clone_into(&mut column.since);
            }
            if let Some(gone) = &mut column.gone_since
                && schema::parse_version(gone) > schema::parse_version(version)
            {
                version.clone_into(gone);
            }
        }
        version.clone_into(&mut metadata.schema_version);
    }
}

//! What the metadata of the dataset's tables says, held against the files.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{FindingKind as K, Repair, Severity};
use super::scan::Scan;
use super::verdict::Verdict;
use crate::feed::TableFormat;
use crate::lake::fs;
use crate::lake::layout::{self, ICEBERG, LOG, PartitionPath, Places};
use crate::lake::manifest::cold;
use crate::lake::manifest::data_file::Stub;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::txn::table::{Links, delta, iceberg};
use crate::{Kind, Result};

/// The tables as a scan finds them.
#[derive(Default)]
pub(crate) struct TableLog(BTreeMap<&'static str, Found>);

/// One of them: what it says, or why it cannot be read.
type Found = Result<Said, String>;

/// What a table says of the newest version.
#[derive(Default)]
struct Said {
    /// Files with their sizes, below the dataset.
    files: BTreeMap<String, u64>,
    /// Those of them that lie in the cold tier.
    cold: BTreeSet<String>,
    /// Versions that another writer has made.
    foreign: Vec<String>,
    /// Files that are not there with the size that is said.
    missing: Vec<String>,
    /// What readers read now is another writer's.
    is_taken: bool,
}

/// What is looked at of a format.
struct Look {
    format: TableFormat,
    /// For people.
    name: &'static str,
    /// The folder, below the dataset.
    folder: &'static str,
    links: Links,
}

const LOOKS: [Look; 2] = [
    Look { format: TableFormat::Delta, name: "a Delta table", folder: LOG, links: Links::DELTA },
    Look { format: TableFormat::Iceberg, name: "an Iceberg table", folder: ICEBERG, links: Links::ICEBERG },
];

impl TableLog {
    /// Looks at the tables of the dataset at `places`.
    pub(super) fn look(places: &Places) -> Result<Self> {
        let mut found = BTreeMap::new();
        for look in LOOKS {
            let said = match look.format {
                TableFormat::Delta => said_by_delta(places),
                TableFormat::Iceberg => said_by_iceberg(places),
            };
            match said {
                Ok(None) => {}
                Ok(Some(said)) => drop(found.insert(look.folder, Ok(said))),
                Err(e) if matches!(e.kind(), Kind::Damaged | Kind::Refused) => {
                    found.insert(look.folder, Err(e.to_string()));
                }
                Err(e) => return Err(e),
            }
        }
        for said in found.values_mut().flatten() {
            for (path, bytes) in said.files.iter().filter(|(path, _)| !said.cold.contains(*path)) {
                // A path that leads out of the dataset names none of its files.
                let there = match layout::inside(&places.data, path) {
                    Ok(path) => fs::size_of(&path)?,
                    Err(_) => None,
                };
                if there != Some(*bytes) {
                    said.missing.push(path.clone());
                }
            }
        }
        Ok(Self(found))
    }
}

fn said_by_delta(places: &Places) -> Result<Option<Said>> {
    let Some(state) = delta::log::read(&places.data.join(LOG))? else { return Ok(None) };
    let foreign = state.foreign.iter().map(ToString::to_string).collect();
    Ok(Some(Said { files: state.files()?, foreign, ..Said::default() }))
}

fn said_by_iceberg(places: &Places) -> Result<Option<Said>> {
    let Some((_, mut table)) = iceberg::newest(&places.data)? else { return Ok(None) };
    let mut foreign: Vec<String> = table.foreign().iter().map(ToString::to_string).collect();
    foreign.extend(iceberg::foreign_versions(&places.data)?);
    let is_taken = table.take_back();
    let objects = objects(places)?;
    let (mut files, mut cold) = (BTreeMap::new(), BTreeSet::new());
    for (path, bytes) in iceberg::files_of(&places.data, &table)? {
        let Some(first) = objects.get(&path) else {
            files.insert(path, bytes);
            continue;
        };
        let path = Links::ICEBERG.name(first);
        cold.insert(path.clone());
        files.insert(path, bytes);
    }
    Ok(Some(Said { files, cold, foreign, is_taken, ..Said::default() }))
}

/// The files in the cold tier, by the name that an Iceberg table has for each. A stub that cannot be used is told elsewhere.
fn objects(places: &Places) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for file in cold::stubs(places)? {
        match Stub::read(&file.path) {
            Ok(stub) => drop(found.insert(iceberg::object_name(&stub.url), file.relative())),
            Err(e) if e.kind() == Kind::Damaged => {}
            Err(e) => return Err(e),
        }
    }
    Ok(found)
}

/// Compares the tables with the files. Where files or metadata are damaged, that is told, and not what follows from it.
pub(super) fn compare(verdict: &mut Verdict<'_>, metadata: &Metadata) {
    let damaged = verdict.found.iter().any(|finding| finding.severity == Severity::Damage);
    for look in LOOKS {
        compare_one(verdict, metadata, &look, damaged);
    }
}

fn compare_one(verdict: &mut Verdict<'_>, metadata: &Metadata, look: &Look, damaged: bool) {
    let scan: &Scan = verdict.scan;
    let (name, folder) = (look.name, look.folder);
    let wanted = verdict.feed.table_format.contains(&look.format);
    let said = match scan.table.0.get(folder) {
        None if wanted && !metadata.partitions.is_empty() && !damaged => {
            let what = format!("the feed wants {name}, and there is no log");
            return verdict.find(K::TableLog, Severity::Leftover, folder, what, Some(Repair::SyncTable));
        }
        Some(Err(why)) if wanted => return verdict.damage(K::TableLog, folder, why.clone(), None),
        None | Some(Err(_)) => return,
        Some(Ok(said)) => said,
    };
    if !wanted {
        let is_known = match look.format {
            TableFormat::Delta => metadata.delta.is_some(),
            TableFormat::Iceberg => metadata.iceberg.is_some(),
        };
        if is_known {
            let what = "a log is there that is no longer written, as the feed names no such table format: \
                        `lakehand feeds disable-format` removes it";
            verdict.find(K::TableLog, Severity::Leftover, folder, what.to_owned(), None);
        }
        return;
    }
    if !said.foreign.is_empty() {
        let what = format!("another program has written version {}", said.foreign.join(", "));
        verdict.find(K::ForeignVersions, Severity::Note, folder, what, None);
    }
    if damaged {
        return;
    }
    let current = metadata.current_version.map(|version| PartitionPath::Version(version).to_string());
    let is_in = |path: &str| {
        metadata.kind != "table" || current.as_deref().is_some_and(|current| layout::is_inside(path, current))
    };
    let there = scan.files.iter().filter(|file| file.sound().is_some());
    let there: BTreeSet<String> =
        there.map(super::scan::DataFile::relative).filter(|path| is_in(path)).collect();
    let first_name = |path| look.links.first_name(path);
    let listed: BTreeSet<&str> = said.files.keys().filter_map(|path| first_name(path)).collect();
    let strange =
        said.files.keys().filter(|path| first_name(path).is_none_or(|first| !there.contains(first))).count();
    let unlisted = there.iter().filter(|path| !listed.contains(path.as_str())).count();
    let mut told = Vec::new();
    if said.is_taken {
        told.push("the newest snapshot is another program's".to_owned());
    }
    if let Some(first) = said.missing.first() {
        told.push(format!("{} files that the log names are not there: {first}", said.missing.len()));
    }
    if strange > 0 {
        told.push(format!("{strange} files of the log are not the dataset's"));
    }
    if unlisted > 0 {
        told.push(format!("{unlisted} files of the dataset are not in the log"));
    }
    if !told.is_empty() {
        verdict.damage(K::TableLog, folder, told.join("; "), Some(Repair::SyncTable));
    }
}

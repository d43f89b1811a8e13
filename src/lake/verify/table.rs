//! The log of the dataset's table, held against the files.

use std::collections::BTreeSet;

use super::finding::{FindingKind as K, Repair, Severity};
use super::scan::Scan;
use super::verdict::Verdict;
use crate::feed::TableFormat;
use crate::format::delta::state::State;
use crate::lake::fs;
use crate::lake::layout::{self, LOG, PartitionPath, Places};
use crate::lake::manifest::metadata::Metadata;
use crate::lake::txn::table::{first_name, log};
use crate::{Kind, Result};

/// The log as a scan finds it.
#[derive(Default)]
pub(crate) struct TableLog {
    /// What it says, or why it cannot be read; `None` where there is none.
    state: Option<Result<State, String>>,
    /// Files that it names and that are not there with the size that it says, below the dataset.
    missing: Vec<String>,
}

impl TableLog {
    /// Looks at the log of the dataset at `places`.
    pub(super) fn look(places: &Places) -> Result<Self> {
        let state = match log::read(&places.data.join(LOG)) {
            Ok(state) => state,
            Err(e) if e.kind() == Kind::Damaged => {
                return Ok(Self { state: Some(Err(e.to_string())), missing: Vec::new() });
            }
            Err(e) => return Err(e),
        };
        let mut missing = Vec::new();
        if let Some(state) = &state {
            for (path, bytes) in state.files()? {
                if fs::size_of(&layout::inside(&places.data, &path)?)? != Some(bytes) {
                    missing.push(path);
                }
            }
        }
        Ok(Self { state: state.map(Ok), missing })
    }
}

/// Compares the log with the files. Where files or metadata are damaged, that is told, and not what follows from it.
pub(super) fn compare(verdict: &mut Verdict<'_>, metadata: &Metadata) {
    let scan: &Scan = verdict.scan;
    let wanted = verdict.feed.table_format.contains(&TableFormat::Delta);
    let damaged = verdict.found.iter().any(|finding| finding.severity == Severity::Damage);
    let state = match &scan.table.state {
        None if wanted && !metadata.partitions.is_empty() && !damaged => {
            let what = "the feed wants a Delta table, and there is no log".to_owned();
            return verdict.find(K::TableLog, Severity::Leftover, LOG, what, Some(Repair::SyncTable));
        }
        Some(Err(why)) if wanted => return verdict.damage(K::TableLog, LOG, why.clone(), None),
        None | Some(Err(_)) => return,
        Some(Ok(state)) => state,
    };
    if !wanted {
        if metadata.delta.is_some() {
            let what = "a log is there that is no longer written, as the feed names no table format: \
                        `lakehand feeds disable-format` removes it";
            verdict.find(K::TableLog, Severity::Leftover, LOG, what.to_owned(), None);
        }
        return;
    }
    if !state.foreign.is_empty() {
        let versions: Vec<String> = state.foreign.iter().map(ToString::to_string).collect();
        let what = format!("another program has written version {}", versions.join(", "));
        verdict.find(K::ForeignVersions, Severity::Note, LOG, what, None);
    }
    if damaged {
        return;
    }
    let Ok(named) = state.files() else { return };
    let current = metadata.current_version.map(|version| PartitionPath::Version(version).to_string());
    let is_in = |path: &str| {
        metadata.kind != "table" || current.as_deref().is_some_and(|current| layout::is_inside(path, current))
    };
    let there = scan.files.iter().filter(|file| file.sound().is_some());
    let there: BTreeSet<String> =
        there.map(super::scan::DataFile::relative).filter(|path| is_in(path)).collect();
    let listed: BTreeSet<&str> = named.keys().filter_map(|path| first_name(path)).collect();
    let strange =
        named.keys().filter(|path| first_name(path).is_none_or(|first| !there.contains(first))).count();
    let unlisted = there.iter().filter(|path| !listed.contains(path.as_str())).count();
    let missing = scan.table.missing.len();
    let mut told = Vec::new();
    if missing > 0 {
        told.push(format!("{missing} files that the log names are not there: {}", scan.table.missing[0]));
    }
    if strange > 0 {
        told.push(format!("{strange} files of the log are not the dataset's"));
    }
    if unlisted > 0 {
        told.push(format!("{unlisted} files of the dataset are not in the log"));
    }
    if !told.is_empty() {
        let what = told.join("; ");
        verdict.damage(K::TableLog, LOG, what, Some(Repair::SyncTable));
    }
}

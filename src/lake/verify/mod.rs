//! Does the disk hold what its records say?
//!
//! ```text
//! scan      what is there: every entry with its mode, every footer, the metadata, what a stopped run left
//!   │ deep  the rows themselves, in place of what the footers say of them
//!   ▼
//! verdict     scan + feed ─▶ findings, pure: each says what is wrong, where, and what would mend it
//!   ▼
//! repair    the moves and the new metadata of all findings in one commit; nothing that holds rows is deleted:
//!           what does not belong into the data goes to `_damaged/<when>/`
//! ```
//!
//! A scan takes the dataset's lock where it can, so that a commit that is under way is not taken for damage.

mod counts;
mod deep;
mod finding;
pub(crate) mod offsets;
mod order;
mod repair;
pub(crate) mod scan;
mod verdict;

use std::collections::BTreeSet;

pub use finding::{Finding, FindingKind, Repair, Severity};
pub use repair::{Repaired, repair};

use crate::feed::Feed;
use crate::lake::fs;
use crate::lake::layout;
use crate::lake::txn::lock::Lock;
use crate::lake::{Lake, Owner};
use crate::{Kind, Result};
use scan::Scan;

/// How thoroughly is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Read every row and not only the footers: finds what bit rot did to pages, and footers that lie.
    pub deep: bool,
    /// A repair may take more than a tenth of the rows from readers.
    pub accept_loss: bool,
}

/// What a check of one dataset found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// `streams/payments`
    pub dataset: String,
    /// What is wrong or worth knowing, worst first.
    pub findings: Vec<Finding>,
    /// Data files looked at.
    pub files: u64,
    /// Rows that their footers count.
    pub rows: u64,
    /// Why the lock could not be taken, where that is so: a commit under way may then look like damage.
    pub unlocked: Option<String>,
}

impl Report {
    /// Nothing is damaged; notes do not count.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Damage)
    }
}

/// Looks at the dataset of `feed`; nothing on disk is changed. `Kind::Locked` says who writes it now.
pub fn check(lake: &Lake, feed: &Feed, options: Options, owner: &Owner) -> Result<Report> {
    let dir = lake.dataset_dir(feed)?;
    let mut unlocked = None;
    let locked = match fs::stat(&dir.join("_lock"))? {
        Some(_) => match Lock::take(lake.fs(), &dir, owner, feed.visibility.file_mode()) {
            Ok(lock) => Some(lock),
            Err(e) if e.kind() == Kind::Locked => return Err(e),
            Err(e) => {
                unlocked = Some(e.what().to_owned());
                None
            }
        },
        // Nobody has written here yet, or somebody removed the file: nothing to exclude.
        None => None,
    };
    let report = examine(lake, feed, options)?;
    drop(locked);
    Ok(Report { unlocked, ..report })
}

/// The dataset as it lies there.
fn examine(lake: &Lake, feed: &Feed, options: Options) -> Result<Report> {
    let scan = look(lake, feed, options)?;
    Ok(report(feed, &scan))
}

fn look(lake: &Lake, feed: &Feed, options: Options) -> Result<Scan> {
    let mut scan = Scan::of(&lake.dataset_dir(feed)?)?;
    if options.deep {
        deep::read(&mut scan);
    }
    Ok(scan)
}

fn report(feed: &Feed, scan: &Scan) -> Report {
    let mut findings = verdict::judge(feed, scan);
    findings.sort_by(|a, b| (b.severity, &a.path, a.kind).cmp(&(a.severity, &b.path, b.kind)));
    let footers = scan.files.iter().filter_map(scan::DataFile::sound);
    Report {
        dataset: dataset_name(feed),
        findings,
        files: scan.files.len() as u64,
        rows: footers.map(|footer| footer.rows).sum(),
        unlocked: None,
    }
}

/// `streams/payments`
fn dataset_name(feed: &Feed) -> String {
    layout::dataset_parts(feed).map_or_else(|_| feed.dataset(), |(kind, name)| format!("{kind}/{name}"))
}

/// Datasets of the lake that no feed names, as `streams/x`.
pub fn without_feed(lake: &Lake, feeds: &[Feed]) -> Result<Vec<String>> {
    let known: BTreeSet<String> = feeds.iter().map(dataset_name).collect();
    let mut found = Vec::new();
    for kind in ["streams", "tables"] {
        for entry in crate::lake::fs::list(&lake.root().join(kind))? {
            let name = format!("{kind}/{}", entry.name);
            if !entry.name.starts_with(['_', '.']) && !known.contains(&name) {
                found.push(name);
            }
        }
    }
    Ok(found)
}

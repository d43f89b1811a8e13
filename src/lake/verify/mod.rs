//! Does the disk hold what its records say?
//!
//! ```text
//! scan      what is there: every entry with its mode, every footer, the metadata, what a stopped run left
//!   │ deep  the rows themselves, in place of what the footers say of them
//!   ▼
//! verdict     scan + feed ─▶ findings, pure: each says what is wrong, where, and what would mend it
//!   ▼
//! repair    the moves and the new metadata of all findings in one commit; nothing that holds rows is deleted:
//!           what does not belong into the data goes to `damaged/<when>/` in the books
//! ```
//!
//! A scan takes the dataset's lock where it can, so that a commit that is under way is not taken for damage.

mod claims;
mod counts;
mod deep;
mod finding;
pub(crate) mod gaps;
pub(crate) mod offsets;
mod order;
mod repair;
pub(crate) mod scan;
mod table;
mod verdict;

use std::collections::BTreeSet;

pub use finding::{Finding, FindingKind, Repair, Severity};
pub use repair::{Repaired, repair};

use chrono::{DateTime, Utc};

use crate::feed::Feed;
use crate::lake::layout::{self, Places};
use crate::lake::txn::lock::Lock;
use crate::lake::{Lake, Owner};
use crate::{Error, Kind, Result};
use scan::Scan;

/// How thoroughly is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Read every row and not only the footers: finds what bit rot did to pages, and footers that lie.
    pub deep: bool,
    /// A repair may take more than a tenth of the rows from readers.
    pub accept_loss: bool,
}

/// True when a repair is held only because of the share of the rows that it would take from readers: with
/// [`Options::accept_loss`] it is done. No consent helps against the other reasons for which a repair is refused.
pub fn waits_for_consent(error: &Error) -> bool {
    error.kind() == Kind::Held
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
    /// Records that are known to be lost, of which no operator has taken note.
    pub lost: u64,
    /// Why the lock could not be taken, where that is so: a commit under way may then look like damage.
    pub unlocked: Option<String>,
}

impl Report {
    /// Nothing is damaged; notes do not count.
    pub fn is_sound(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity != Severity::Damage)
    }
}

/// Looks at the dataset of `feed`; nothing on disk is changed. `Kind::Locked` says who writes it now,
/// `Kind::Interrupted` that somebody asked to stop ([`Lake::stopped_by`]).
pub fn check(lake: &Lake, feed: &Feed, options: Options, owner: &Owner) -> Result<Report> {
    let dir = lake.dataset_dir(feed)?;
    let mut unlocked = None;
    // Where nobody has written yet, or somebody removed the file, there is nothing to exclude.
    let locked = match Lock::take_as_is(&Places::find(&dir)?, owner) {
        Ok(lock) => lock,
        Err(e) if e.kind() == Kind::Locked => return Err(e),
        Err(e) => {
            unlocked = Some(e.what().to_owned());
            None
        }
    };
    let report = examine(lake, feed, options, owner.since)?;
    drop(locked);
    Ok(Report { unlocked, ..report })
}

/// The dataset as it lies there.
fn examine(lake: &Lake, feed: &Feed, options: Options, now: DateTime<Utc>) -> Result<Report> {
    let scan = look(lake, feed, options)?;
    Ok(report(feed, &scan, now))
}

fn look(lake: &Lake, feed: &Feed, options: Options) -> Result<Scan> {
    let mut scan = Scan::stoppable(&lake.dataset_dir(feed)?, &lake.cancel)?;
    if options.deep {
        deep::read(&mut scan)?;
    }
    Ok(scan)
}

fn report(feed: &Feed, scan: &Scan, now: DateTime<Utc>) -> Report {
    let mut findings = verdict::findings(feed, scan, now);
    findings.sort_by(|a, b| (b.severity, &a.path, a.kind).cmp(&(a.severity, &b.path, b.kind)));
    let footers = scan.files.iter().filter_map(scan::DataFile::sound);
    Report {
        dataset: dataset_name(feed),
        findings,
        files: scan.files.len() as u64,
        rows: footers.map(|footer| footer.rows).sum(),
        lost: match &scan.metadata {
            Some(Ok(metadata)) => metadata.open_lost_records(),
            _ => 0,
        },
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

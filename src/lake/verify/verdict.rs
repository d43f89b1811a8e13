//! Scan and feed become findings. Pure: what is wrong with one file hides what follows from it, so that one damage is one
//! finding.
//!
//! ```text
//! a commit that was decided    nothing else can be told before it is finished or given up
//! files                        each by itself, then against each other: overlaps, folders, columns, commits
//! metadata                     against the files that are left
//! everything                   modes, seals, quarantine, gaps
//! ```

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::finding::{Finding, FindingKind as K, Repair, Severity};
use super::offsets::{HeldOffsets, overlaps};
use super::scan::{DataFile, Intent, Scan};
use super::{claims, counts, dataset_name, order};
use crate::feed::{Feed, FeedKind};
use crate::lake::file::footer::Footer;
use crate::lake::layout::{self, Room};
use crate::lake::manifest::metadata::Metadata;
use crate::lake::manifest::runs::length;
use crate::lake::manifest::schema;

/// All findings, unsorted.
pub(super) fn judge(feed: &Feed, scan: &Scan, now: DateTime<Utc>) -> Vec<Finding> {
    let mut judge = Verdict {
        feed,
        scan,
        now,
        found: Vec::new(),
        condemned: BTreeSet::new(),
        held: HeldOffsets::default(),
    };
    judge.all();
    judge.found
}

pub(super) struct Verdict<'a> {
    pub(super) feed: &'a Feed,
    pub(super) scan: &'a Scan,
    /// The time of the check.
    pub(super) now: DateTime<Utc>,
    pub(super) found: Vec<Finding>,
    /// Files that a finding takes out of the data.
    pub(super) condemned: BTreeSet<usize>,
    pub(super) held: HeldOffsets,
}

impl Verdict<'_> {
    fn all(&mut self) {
        if self.scan.is_link {
            self.damage(
                K::Link,
                "",
                "a symbolic link or a file stands where the dataset belongs".into(),
                None,
            );
        }
        if !self.scan.exists {
            return;
        }
        order::modes(self);
        let staging = self.scan.room(Room::Staging);
        match &self.scan.intent {
            Intent::None => {}
            Intent::Whole(commit) => {
                let what = format!("commit {commit} was decided and not finished");
                let repair = Some(Repair::Finish);
                return self.find(K::UnfinishedCommit, Severity::Leftover, &staging, what, repair);
            }
            Intent::Broken(why) => {
                return self.damage(K::BrokenCommit, &staging, why.clone(), Some(Repair::GiveUp));
            }
        }
        if self.scan.staged.0 > 0 {
            let what =
                format!("{} files ({} bytes) of a run that stopped", self.scan.staged.0, self.scan.staged.1);
            let repair = Some(Repair::EmptyStaging);
            self.find(K::LeftoverStaging, Severity::Leftover, &staging, what, repair);
        }
        order::books(self);
        order::strangers(self);
        self.files();
        self.hidden_links();
        if self.feed.kind == FeedKind::Stream {
            self.offsets();
            self.folders();
        }
        match &self.scan.metadata {
            None if self.good().next().is_none() => {}
            None => {
                let what = "there are files, and no metadata names them".into();
                self.damage(K::NoMetadata, &self.scan.metadata_path(), what, Some(Repair::Rebuild));
            }
            Some(Err(why)) => {
                self.damage(K::BadMetadata, &self.scan.metadata_path(), why.clone(), Some(Repair::Rebuild));
            }
            Some(Ok(metadata)) => self.against(metadata),
        }
        order::seals(self);
        order::asides(self);
    }

    /// What the metadata says, held against the files.
    fn against(&mut self, metadata: &Metadata) {
        let kind = if self.feed.kind == FeedKind::Stream { "stream" } else { "table" };
        if metadata.kind != kind || metadata.source != self.feed.dataset() {
            let what = format!("it speaks of the {} {}", metadata.kind, metadata.source);
            return self.damage(K::OtherMetadata, &self.scan.metadata_path(), what, Some(Repair::Rebuild));
        }
        if kind == "stream" && !metadata.partitions.is_empty() && metadata.positions.is_empty() {
            let what = "it names partitions and no positions: the next export would double them".into();
            return self.damage(K::BadMetadata, &self.scan.metadata_path(), what, Some(Repair::Rebuild));
        }
        self.columns(metadata);
        if kind == "stream" {
            if self.stale(metadata) {
                return;
            }
            self.positions(metadata);
        } else {
            order::versions(self, metadata);
        }
        counts::compare(self, metadata);
        claims::compare(self, metadata);
        order::quarantine(self, metadata);
    }

    /// Each file by itself.
    fn files(&mut self) {
        for (at, file) in self.scan.files.iter().enumerate() {
            let Some((kind, what)) = complaint(self.feed, file) else { continue };
            self.condemn(at, kind, what, true);
        }
    }

    fn hidden_links(&mut self) {
        let files: BTreeSet<String> = self.scan.files.iter().map(DataFile::relative).collect();
        let scan = self.scan;
        for entry in scan.entries.iter().filter(|e| e.is_link && !files.contains(&e.path)) {
            if entry.place.room != Room::Damaged {
                let what = "a symbolic link stands in the dataset".into();
                let repair = (!entry.place.path.is_empty()).then_some(Repair::MoveAside);
                self.damage(K::Link, &entry.path, what, repair);
            }
        }
    }

    fn offsets(&mut self) {
        let (found, held) = overlaps(self.scan, &self.condemned);
        for overlap in found {
            let rows = self.scan.files[overlap.file].footer.as_ref().map_or(0, |footer| footer.rows);
            let what = format!("{} of its {rows} rows are in other files too", overlap.doubled);
            if overlap.whole {
                self.condemn(overlap.file, K::Overlap, what, true);
            } else {
                let what = format!("{what}; export its day again with --day");
                self.condemn(overlap.file, K::Overlap, what, false);
            }
        }
        let gaps = held.gaps(self.scan);
        self.held = held;
        for (partition, holes) in gaps {
            let missing: u64 = holes.iter().map(|hole| length(*hole)).sum();
            let listed: Vec<_> =
                holes.iter().take(3).map(|hole| format!("{}..={}", hole[0], hole[1])).collect();
            let more = if holes.len() > 3 { ", …" } else { "" };
            let what = format!(
                "Kafka partition {partition}: {missing} offsets between those held are in no file ({}{more}): removed by \
                 retention or a filter, markers of transactions, or rows that are lost",
                listed.join(", ")
            );
            self.find(K::Gap, Severity::Note, "", what, None);
        }
    }

    /// Rows in the folder of another day.
    fn folders(&mut self) {
        let layout = order::Calendar::of(self.feed, self.scan);
        for at in 0..self.scan.files.len() {
            if self.condemned.contains(&at) {
                continue;
            }
            let file = &self.scan.files[at];
            let Some(folders) = layout.folders(file) else { continue };
            if folders.iter().all(|folder| *folder == file.folder) {
                continue;
            }
            let (path, taken) = match &folders[..] {
                [one] => {
                    let to = super::scan::join(one, &file.name);
                    let taken = self.scan.files.iter().any(|other| other.relative() == to);
                    (Some(to), taken)
                }
                _ => (None, false),
            };
            let what = format!("its rows belong into {}", folders.join(" to "));
            let what =
                if path.is_none() { format!("{what}; export these days again with --day") } else { what };
            let repair = path.map(|to| if taken { Repair::MoveAside } else { Repair::MoveTo(to) });
            let path = file.relative();
            self.condemned.insert(at);
            self.damage(K::WrongDay, &path, what, repair);
        }
    }

    fn columns(&mut self, metadata: &Metadata) {
        let (major, _) = schema::parse_version(&metadata.schema_version);
        for at in 0..self.scan.files.len() {
            let Ok(footer) = &self.scan.files[at].footer else { continue };
            let version = footer.schema_version.as_deref().unwrap_or_default();
            if self.condemned.contains(&at) || schema::parse_version(version).0 != major {
                continue;
            }
            let other = footer.columns.iter().find_map(|[name, ksql, arrow]| {
                let known = metadata.columns.iter().find(|column| column.name == *name)?;
                let by_arrow = known.ksql_type.is_empty() || ksql.is_empty();
                let same = if by_arrow { known.arrow_type == *arrow } else { known.ksql_type == *ksql };
                (!same)
                    .then(|| format!("column {name} is {ksql} in it, and {} in the dataset", known.ksql_type))
            });
            if let Some(what) = other {
                self.condemn(at, K::MixedSchema, what, true);
            }
        }
    }

    /// Files of commits that the metadata does not know: it is old, or they are strays.
    fn stale(&mut self, metadata: &Metadata) -> bool {
        let seq = |footer: &Footer| footer.commit.as_deref().and_then(layout::commit_seq).unwrap_or(0);
        let strays: Vec<usize> = self
            .good()
            .filter(|(_, _, footer)| seq(footer) > metadata.commit_seq)
            .map(|(at, _, _)| at)
            .collect();
        let Some(last) =
            strays.iter().filter_map(|at| self.scan.files[*at].footer.as_ref().ok()).map(seq).max()
        else {
            return false;
        };
        if last > metadata.commit_seq + 1 || self.goes_on(metadata, &strays) {
            let what = format!(
                "it ends with commit {}, and {} files are of commits up to {last}",
                metadata.commit_seq,
                strays.len()
            );
            self.damage(K::StaleMetadata, &self.scan.metadata_path(), what, Some(Repair::Recount));
            return true;
        }
        for at in strays {
            let what =
                format!("its commit {last} is not in the metadata, and its rows do not follow those held");
            self.condemn(at, K::Orphan, what, true);
        }
        false
    }

    /// The files go on, without a hole, where the metadata's positions end.
    fn goes_on(&self, metadata: &Metadata, files: &[usize]) -> bool {
        let footers = files.iter().filter_map(|at| self.scan.files[*at].footer.as_ref().ok());
        let mut hulls = std::collections::BTreeMap::new();
        for (partition, [first, last]) in footers.flat_map(|footer| footer.offsets.hulls()) {
            let from = metadata.positions.get(&partition).copied().unwrap_or(first);
            let hull = hulls.entry(partition).or_insert([from, last]);
            hull[1] = hull[1].max(last);
        }
        hulls.iter().all(|(partition, hull)| {
            !self.held.inexact.contains(partition)
                && self
                    .held
                    .by_partition
                    .get(partition)
                    .is_some_and(|held| held.covered(*hull) == length(*hull))
        })
    }

    fn positions(&mut self, metadata: &Metadata) {
        let mut behind = std::collections::BTreeMap::new();
        for (_, _, footer) in self.good() {
            for (partition, [_, last]) in footer.offsets.hulls() {
                let next = metadata.positions.get(&partition).copied().unwrap_or(0);
                if last >= next {
                    let held = behind.entry(partition).or_insert((next, last));
                    held.1 = held.1.max(last);
                }
            }
        }
        for (partition, (next, last)) in behind {
            let what = format!(
                "Kafka partition {partition} would be read again from {next}, and files hold it through {last}"
            );
            self.damage(K::PositionBehind, &self.scan.metadata_path(), what, Some(Repair::Recount));
        }
    }

    /// Files that nothing speaks against.
    pub(super) fn good(&self) -> impl Iterator<Item = (usize, &DataFile, &Footer)> {
        self.scan
            .files
            .iter()
            .enumerate()
            .filter(|(at, _)| !self.condemned.contains(at))
            .filter_map(|(at, file)| Some((at, file, file.footer.as_ref().ok()?)))
    }

    /// Takes a file out of the data.
    pub(super) fn condemn(&mut self, at: usize, kind: K, what: String, movable: bool) {
        self.condemned.insert(at);
        let path = self.scan.files[at].relative();
        // A name that is no text cannot be written into the record of a commit.
        let repair = (movable && !path.contains('\u{fffd}')).then_some(Repair::MoveAside);
        self.damage(kind, &path, what, repair);
    }

    pub(super) fn damage(&mut self, kind: K, path: &str, what: String, repair: Option<Repair>) {
        self.find(kind, Severity::Damage, path, what, repair);
    }

    pub(super) fn find(
        &mut self,
        kind: K,
        severity: Severity,
        path: &str,
        what: String,
        repair: Option<Repair>,
    ) {
        let dataset = dataset_name(self.feed);
        self.found.push(Finding { dataset, kind, severity, path: path.to_owned(), what, repair });
    }
}

/// What is wrong with a file, whatever else is there.
fn complaint(feed: &Feed, file: &DataFile) -> Option<(K, String)> {
    if file.is_link {
        return Some((K::Link, "a symbolic link stands where readers expect a file".into()));
    }
    if file.bytes == 0 {
        return Some((K::Empty, "it holds no byte".into()));
    }
    if !layout::has_parquet_ending(&file.name) {
        return Some((K::Foreign, "it is no Parquet file".into()));
    }
    let footer = match &file.footer {
        Ok(footer) => footer,
        Err(why) => return Some((K::Unreadable, why.clone())),
    };
    if footer.commit.is_none() {
        return Some((K::Foreign, "it was not written by lakehand".into()));
    }
    if let Some(dataset) = footer.dataset.as_deref().filter(|dataset| *dataset != feed.dataset()) {
        return Some((K::Foreign, format!("it belongs to the dataset {dataset}")));
    }
    if feed.kind == FeedKind::Stream && footer.rows > 0 && footer.offsets.partitions().is_empty() {
        return Some((K::Foreign, "it does not say which offsets it holds".into()));
    }
    file.lie.clone().map(|what| (K::FooterLies, what))
}

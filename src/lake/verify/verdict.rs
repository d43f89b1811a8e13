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
use super::gaps::{self, Why};
use super::offsets::{HeldOffsets, overlaps};
use super::scan::{DataFile, Intent, Scan};
use super::{claims, counts, dataset_name, order};
use crate::feed::{Feed, FeedKind};
use crate::lake::file::footer::{Footer, FooterRead};
use crate::lake::fs::Target;
use crate::lake::layout::{self, Room, join};
use crate::lake::manifest::column_stats::ColumnStats;
use crate::lake::manifest::journal::Standing;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::manifest::offsets::length;
use crate::lake::txn::rebuild::{columns_agree, has_columns, is_of_major};

/// All findings, unsorted.
pub(super) fn findings(feed: &Feed, scan: &Scan, now: DateTime<Utc>) -> Vec<Finding> {
    let mut verdict = Verdict {
        feed,
        scan,
        now,
        found: Vec::new(),
        condemned: BTreeSet::new(),
        changed: BTreeSet::new(),
        held: HeldOffsets::default(),
    };
    verdict.all();
    verdict.found
}

pub(super) struct Verdict<'a> {
    pub(super) feed: &'a Feed,
    pub(super) scan: &'a Scan,
    /// The time of the check.
    pub(super) now: DateTime<Utc>,
    pub(super) found: Vec<Finding>,
    /// Files that a finding takes out of the data.
    pub(super) condemned: BTreeSet<usize>,
    /// Files whose content is not what was written.
    pub(super) changed: BTreeSet<usize>,
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
        self.replaced();
        self.elsewhere();
        self.links_and_specials();
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
        if let Some(Ok(metadata)) = &self.scan.metadata {
            super::table::compare(self, metadata);
        }
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
        if self.scan.standing == Some(Standing::Ahead) {
            let what = format!("it ends with commit {}, and the list of files goes on", metadata.commit_seq);
            return self.damage(K::StaleMetadata, &self.scan.metadata_path(), what, Some(Repair::Recount));
        }
        self.journal();
        if kind == "stream" {
            if self.stale(metadata) {
                return;
            }
            self.columns(metadata);
            self.positions(metadata);
        } else {
            order::versions(self, metadata);
            self.columns(metadata);
        }
        counts::compare(self, metadata);
        claims::compare(self, metadata);
        order::quarantine(self, metadata);
    }

    /// Each file by itself.
    fn files(&mut self) {
        for (at, file) in self.scan.files.iter().enumerate() {
            let Some((kind, what)) = complaint(self.feed, file) else { continue };
            self.condemn(at, kind, what, kind != K::Unknown);
        }
        // Rows that can be read, and may be others than were written: nothing takes them away but a better copy.
        for (at, file) in self.scan.files.iter().enumerate().filter(|(at, _)| !self.condemned.contains(at)) {
            let Some(what) = file.change.clone().or_else(|| self.changed(file)) else { continue };
            self.changed.insert(at);
            let what = format!("{what}; export its day again with --day");
            self.found.push(Finding {
                dataset: dataset_name(self.feed),
                kind: K::Changed,
                severity: Severity::Damage,
                path: file.relative(),
                what,
                repair: None,
            });
        }
    }

    /// The file has another size than its record says, or its footer other bounds of values.
    fn changed(&self, file: &DataFile) -> Option<String> {
        let record = self.scan.journal.files.get(&file.relative())?;
        let footer = file.sound().filter(|footer| footer.commit.as_ref() == Some(&record.commit))?;
        if record.bytes != file.bytes {
            return Some(format!(
                "it has {} bytes, and {} were written: its content is another",
                file.bytes, record.bytes
            ));
        }
        let written = record.column_stats.as_ref().map(ColumnStats::hash);
        written.filter(|written| *written != footer.column_stats).map(|_| {
            "its footer tells other bounds of the columns' values than were written: readers may skip its rows".to_owned()
        })
    }

    /// Files that may be put back, and could not be.
    fn replaced(&mut self) {
        for file in &self.scan.replaced {
            let what = match (&file.footer, &file.change) {
                (FooterRead::Sound(_), None) => continue,
                (FooterRead::Sound(_), Some(change)) => change.clone(),
                (FooterRead::Damaged(why), _) => why.clone(),
                (FooterRead::Unknown(e), _) => format!("it could not be read: {}", e.what()),
            };
            let what = format!("{what}; it cannot be put back, and `lakehand feeds forget` removes its set");
            self.damage(K::BrokenReplaced, &file.relative(), what, None);
        }
    }

    /// Partitions that lie elsewhere.
    fn elsewhere(&mut self) {
        for (path, leads) in &self.scan.elsewhere {
            if *leads == Target::Nothing {
                let what = "the partition is a link that leads to nothing: mount the disk, or remove the link for good";
                self.damage(K::Unknown, path, what.into(), None);
            } else {
                let what =
                    "the partition is a link to another place: it is read and counted, and never written";
                self.find(K::Elsewhere, Severity::Note, path, what.into(), None);
            }
        }
    }

    /// The list of files, against the metadata.
    fn journal(&mut self) {
        let broken = self.scan.journal.broken > 0;
        match self.scan.standing {
            Some(Standing::Lost) => {
                let what = "it is gone, or not the one with which the metadata was written".into();
                self.damage(K::BadJournal, &self.scan.journal_path(), what, Some(Repair::Recount));
            }
            Some(_) if broken => {
                let what = format!("{} bytes at its end are no record", self.scan.journal.broken);
                self.damage(K::BadJournal, &self.scan.journal_path(), what, Some(Repair::Recount));
            }
            _ => {}
        }
    }

    fn links_and_specials(&mut self) {
        let files: BTreeSet<String> = self.scan.files.iter().map(DataFile::relative).collect();
        let scan = self.scan;
        let special = |e: &&super::scan::Seen| {
            e.is_special && !files.contains(&e.path) && !matches!(e.place.room, Room::Staging | Room::Damaged)
        };
        for entry in scan.entries.iter().filter(special) {
            let what = "a pipe, a socket or a device stands among the dataset's files".into();
            self.damage(K::Foreign, &entry.path, what, Some(Repair::MoveAside));
        }
        let elsewhere = |path: &str| scan.elsewhere.iter().any(|(known, _)| known == path);
        for entry in scan.entries.iter().filter(|e| e.is_link && !files.contains(&e.path)) {
            if elsewhere(&entry.path) || entry.place.room == Room::Damaged && !entry.place.path.is_empty() {
                continue;
            }
            let what = "a symbolic link stands in the dataset".into();
            // What a link of the bookkeeping leads to is not the dataset's: only the link itself goes.
            let is_data = entry.place.room == Room::Data;
            let repair = if is_data { Repair::MoveAside } else { Repair::RemoveLink };
            self.damage(K::Link, &entry.path, what, Some(repair));
        }
    }

    fn offsets(&mut self) {
        let (found, held) = overlaps(self.scan, &self.condemned);
        for overlap in found {
            let rows = self.scan.files[overlap.file].sound().map_or(0, |footer| footer.rows);
            let what = format!("{} of its {rows} rows are in other files too", overlap.doubled);
            if overlap.whole {
                self.condemn(overlap.file, K::Overlap, what, true);
            } else {
                let what = format!("{what}; export its day again with --day");
                self.condemn(overlap.file, K::Overlap, what, false);
            }
        }
        let gaps = gaps::gaps(self.scan, &held);
        self.held = held;
        for (partition, gaps) in gaps {
            let gaps: Vec<_> =
                gaps.iter().filter(|gap| matches!(gap.why, Why::Unexplained | Why::Unknown)).collect();
            if gaps.is_empty() {
                continue;
            }
            let missing = gaps.iter().fold(0_u64, |sum, gap| sum.saturating_add(gap.missing));
            let listed: Vec<_> = gaps.iter().take(3).map(|gap| gap.place()).collect();
            let more = if gaps.len() > 3 { ", …" } else { "" };
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
        let Some(layout) = order::Calendar::agreed(self) else { return };
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
                    let to = join(one, &file.name);
                    let taken = self.scan.files.iter().any(|other| other.relative() == to);
                    (Some(to), taken)
                }
                _ => (None, false),
            };
            let what = format!("its rows belong into {}", folders.join(" to "));
            let what =
                if path.is_none() { format!("{what}; export these days again with --day") } else { what };
            let repair = path.map(|to| if taken { Repair::MoveAside } else { Repair::MoveTo(to) });
            let repair = repair.filter(|_| !file.is_linked && !file.is_cold_alone());
            let path = file.relative();
            self.condemned.insert(at);
            self.damage(K::WrongDay, &path, what, repair);
        }
    }

    /// Columns of the files against those of the metadata. One file against many is the file's fault; where most files say
    /// otherwise, the metadata is wrong, and nothing is taken from readers on its word.
    fn columns(&mut self, metadata: &Metadata) {
        let other = |footer: &Footer| {
            footer.columns.iter().find_map(|[name, ksql, arrow]| {
                let known = metadata.columns.iter().find(|column| column.name == *name)?;
                let by_arrow = known.ksql_type.is_empty() || ksql.is_empty();
                let same = if by_arrow { known.arrow_type == *arrow } else { known.ksql_type == *ksql };
                (!same)
                    .then(|| format!("column {name} is {ksql} in it, and {} in the dataset", known.ksql_type))
            })
        };
        let asked = self.good().filter(|(_, _, footer)| is_of_major(metadata, footer));
        let asked: Vec<(usize, Option<String>)> = asked.map(|(at, _, footer)| (at, other(footer))).collect();
        let differ = asked.iter().filter(|(_, other)| other.is_some()).count();
        if differ * 2 > asked.len() {
            let first = asked.into_iter().find_map(|(_, other)| other).unwrap_or_default();
            let what = format!("{differ} files have other columns than it says, the first: {first}");
            return self.damage(K::BadMetadata, &self.scan.metadata_path(), what, Some(Repair::Recount));
        }
        for (at, what) in asked {
            if let Some(what) = what {
                self.condemn(at, K::MixedSchema, what, true);
            }
        }
        let footers: Vec<&Footer> =
            self.good().map(|(_, _, footer)| footer).filter(|footer| is_of_major(metadata, footer)).collect();
        let lacking = footers.iter().filter(|footer| !has_columns(metadata, footer)).count();
        if !columns_agree(metadata, footers.into_iter()) {
            let what = format!("{lacking} files have a column that it does not name");
            self.damage(K::BadMetadata, &self.scan.metadata_path(), what, Some(Repair::Recount));
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
        let Some(last) = strays.iter().filter_map(|at| self.scan.files[*at].sound()).map(seq).max() else {
            return false;
        };
        // What they hold is told by their footers, or by their rows: it is counted, and not read again.
        let known = |at: &usize| {
            let file = &self.scan.files[*at];
            file.sound().is_some_and(|footer| footer.offsets.is_exact() || has_offset_columns(footer))
        };
        let (known, strays): (Vec<usize>, Vec<usize>) = strays.into_iter().partition(known);
        for at in strays {
            let what = format!(
                "its commit is not in the metadata, which ends with {}, and it does not tell which rows it holds",
                metadata.commit_seq
            );
            self.condemn(at, K::Orphan, what, true);
        }
        if known.is_empty() {
            return false;
        }
        let what = format!(
            "it ends with commit {}, and {} files are of commits up to {last}",
            metadata.commit_seq,
            known.len()
        );
        self.damage(K::StaleMetadata, &self.scan.metadata_path(), what, Some(Repair::Recount));
        true
    }

    fn positions(&mut self, metadata: &Metadata) {
        let mut behind = std::collections::BTreeMap::new();
        for (_, _, footer) in self.good() {
            for (partition, ranges) in footer.offsets.partitions() {
                let next = metadata.positions.get(partition).copied().unwrap_or(0);
                let told = metadata.ahead.of(*partition);
                let unknown = |[first, last]: [i64; 2]| {
                    let from = first.max(next);
                    from <= last
                        && (ranges.hull
                            || told.is_none_or(|told| told.covered([from, last]) < length([from, last])))
                };
                let is_ahead = ranges.hull && told.is_some();
                if let Some([_, last]) = ranges.hull_range()
                    && !is_ahead
                    && ranges.runs.iter().any(|range| unknown(*range))
                {
                    let held = behind.entry(*partition).or_insert((next, last));
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
        let exact = self.held.hulls.is_empty() && self.condemned.is_empty();
        let mut held = self.held.offsets.clone();
        held.unite(&self.scan.bad_rows);
        let phantom = metadata.ahead.without(&held);
        if exact && !phantom.is_empty() {
            let what = "it says of offsets that files hold them, and none does: the next export would leave them out".into();
            self.damage(K::HeldAhead, &self.scan.metadata_path(), what, Some(Repair::Recount));
        }
    }

    /// Files that nothing speaks against.
    pub(super) fn good(&self) -> impl Iterator<Item = (usize, &DataFile, &Footer)> {
        self.scan
            .files
            .iter()
            .enumerate()
            .filter(|(at, _)| !self.condemned.contains(at))
            .filter_map(|(at, file)| Some((at, file, file.sound()?)))
    }

    /// Takes a file out of the data.
    pub(super) fn condemn(&mut self, at: usize, kind: K, what: String, movable: bool) {
        self.condemned.insert(at);
        let path = self.scan.files[at].relative();
        // A name that is no text cannot be written into the record of a commit.
        let file = &self.scan.files[at];
        let movable = movable && !file.is_linked && !file.is_cold_alone();
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
    if file.is_special {
        return Some((K::Foreign, "a pipe, a socket or a device stands where readers expect a file".into()));
    }
    if file.bytes == 0 {
        return Some((K::Empty, "it holds no byte".into()));
    }
    if !layout::has_parquet_ending(&file.name) {
        return Some((K::Foreign, "it is no Parquet file".into()));
    }
    let footer = match &file.footer {
        FooterRead::Sound(footer) => footer,
        FooterRead::Damaged(why) => return Some((K::Unreadable, why.clone())),
        FooterRead::Unknown(e) => return Some((K::Unknown, format!("it could not be read: {}", e.what()))),
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

/// The rows themselves tell their offsets.
fn has_offset_columns(footer: &Footer) -> bool {
    ["ROWPARTITION", "ROWOFFSET"].iter().all(|wanted| footer.columns.iter().any(|[name, ..]| name == wanted))
}

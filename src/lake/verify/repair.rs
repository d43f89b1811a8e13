//! Mends what a check finds.
//!
//! Each pass looks anew and mends one layer: first what a stopped run left, then modes, then files and metadata together
//! in one commit, then surplus versions. A stop at any instant leaves the state before a step or after it, and the next
//! repair goes on from there. No file with rows is deleted; what does not belong into the data goes to
//! `damaged/<when>/` in the books.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Finding, FindingKind, Repair, Severity};
use super::scan::{DataFile, Scan};
use super::{Options, Report, check, dataset_name, look, report};
use crate::feed::{Feed, FeedKind};
use crate::lake::fs;
use crate::lake::layout::{self, Place, Room};
use crate::lake::manifest::journal::Standing;
use crate::lake::manifest::loss::LossCause;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::manifest::partition::PartitionInfo;
use crate::lake::txn::commit::Committer;
use crate::lake::txn::migrate;
use crate::lake::txn::rebuild::{self, Counted, Present};
use crate::lake::{Dataset, Lake, Limits, Owner};
use crate::{Error, Kind, Result};

/// More passes than layers: what is then still found cannot be mended.
const PASSES: usize = 8;

/// What a repair did.
#[derive(Debug, Clone, PartialEq)]
pub struct Repaired {
    /// Findings that were mended.
    pub done: Vec<Finding>,
    /// What a check finds now.
    pub left: Report,
}

/// Mends the dataset of `feed`. Takes its lock; `Kind::Locked` says who holds it.
pub fn repair(lake: &Lake, feed: &Feed, limits: Limits, options: Options, owner: Owner) -> Result<Repaired> {
    let dir = lake.dataset_dir(feed)?;
    let mut done = Vec::new();
    match fs::stat(&dir)? {
        Some(found) if found.is_dir => {
            let (mode, expected) = (found.mode, feed.visibility.dir_mode());
            if mode != expected {
                // Taking the lock mends it.
                done.push(Finding {
                    dataset: dataset_name(feed),
                    kind: FindingKind::WrongMode,
                    severity: Severity::Damage,
                    path: String::new(),
                    what: format!("its mode is {mode:04o} and should be {expected:04o}"),
                    repair: Some(Repair::SetMode(expected)),
                });
            }
        }
        _ => return Ok(Repaired { done, left: check(lake, feed, options, &owner)? }),
    }
    let now = owner.since;
    let stamp = owner.since.format("%Y%m%dT%H%M%SZ").to_string();
    let mut dataset = Dataset::hold(lake, feed, limits, owner)?;
    let mut left = None;
    for _ in 0..PASSES {
        let scan = match (look(lake, feed, options), left) {
            (Ok(scan), _) => scan,
            // Stopped between two passes: what was mended is told, and what was found beside it.
            (Err(e), Some(left)) if e.kind() == Kind::Interrupted => return Ok(Repaired { done, left }),
            (Err(e), _) => return Err(e),
        };
        let found = report(feed, &scan, now);
        let todo: Vec<Finding> = found.findings.iter().filter(|f| f.repair.is_some()).cloned().collect();
        if todo.is_empty() {
            return Ok(Repaired { done, left: found });
        }
        if !options.accept_loss {
            refuse_loss(feed, &scan, &todo)?;
        }
        lake.cancel.check()?;
        let mended = Bench { dataset: &mut dataset, scan: &scan, stamp: &stamp }.mend(todo)?;
        let findings = found.findings.into_iter().filter(|finding| !mended.contains(finding)).collect();
        left = Some(Report { findings, ..found });
        done.extend(mended);
    }
    let left = report(feed, &look(lake, feed, options)?, now);
    Ok(Repaired { done, left })
}

/// A repair that takes more than this part of the rows from readers asks first.
const LOSS_SHARE: u64 = 10;

/// `Kind::Held` when the repairs would take more than a tenth of the rows from readers that they can read now.
fn refuse_loss(feed: &Feed, scan: &Scan, todo: &[Finding]) -> Result<()> {
    let aside: BTreeSet<&str> =
        todo.iter().filter(|f| f.repair == Some(Repair::MoveAside)).map(|f| f.path.as_str()).collect();
    // Rows that others hold too stay in the lake.
    let doubled: BTreeSet<&str> =
        todo.iter().filter(|f| f.kind == FindingKind::Overlap).map(|f| f.path.as_str()).collect();
    let (mut all, mut gone, mut files) = (0, 0, 0);
    for file in &scan.files {
        let Some(footer) = file.sound().filter(|f| f.dataset.as_deref() == Some(&feed.dataset())) else {
            continue;
        };
        let path = file.relative();
        if doubled.contains(path.as_str()) {
            continue;
        }
        all += footer.rows;
        if aside.contains(path.as_str()) || aside.contains(file.folder.as_str()) {
            gone += footer.rows;
            files += 1;
        }
    }
    if gone.saturating_mul(LOSS_SHARE) <= all {
        return Ok(());
    }
    Err(Error::new(
        Kind::Held,
        format!("the repair would take {gone} of {all} rows, in {files} files, from readers"),
    )
    .at("feed", &feed.name)
    .next("look at the findings first; to do it all the same, add --accept-loss"))
}

/// One pass.
struct Bench<'a> {
    dataset: &'a mut Dataset,
    scan: &'a Scan,
    stamp: &'a str,
}

impl Bench<'_> {
    /// Mends what one pass can; gives what it mended.
    fn mend(mut self, todo: Vec<Finding>) -> Result<Vec<Finding>> {
        let (modes, todo): (Vec<_>, Vec<_>) =
            todo.into_iter().partition(|f| matches!(f.repair, Some(Repair::SetMode(_))));
        if !modes.is_empty() {
            for finding in &modes {
                if let Some(Repair::SetMode(mode)) = finding.repair {
                    let seen = self.scan.seen(&finding.path).ok_or_else(|| gone(&finding.path))?;
                    self.dataset.committer.fs.set_mode(&seen.at, mode)?;
                }
            }
            return Ok(modes);
        }
        let (links, todo): (Vec<_>, Vec<_>) =
            todo.into_iter().partition(|f| f.repair == Some(Repair::RemoveLink));
        if !links.is_empty() {
            for finding in &links {
                let seen = self.scan.seen(&finding.path).ok_or_else(|| gone(&finding.path))?;
                self.dataset.committer.fs.remove(&seen.at)?;
                self.dataset.committer.fs.sync_dir(fs::parent(&seen.at))?;
            }
            return Ok(links);
        }
        if let Some(unknown) = self.scan.unknown() {
            return Err(unknown);
        }
        let unfinished = |f: &Finding| {
            matches!(f.repair, Some(Repair::Finish | Repair::GiveUp | Repair::EmptyStaging | Repair::Migrate))
        };
        if let Some(first) = todo.iter().find(|f| unfinished(f)) {
            self.unfinished(first)?;
            return Ok(vec![first.clone()]);
        }
        // The files first: the log is to say what is there then.
        let (table, todo): (Vec<_>, Vec<_>) =
            todo.into_iter().partition(|f| f.repair == Some(Repair::SyncTable));
        if todo.is_empty() && !table.is_empty() {
            if let Some(Ok(metadata)) = &self.scan.metadata {
                self.dataset.metadata = metadata.clone();
                self.dataset.compare_log()?;
            }
            return Ok(table);
        }
        let (retain, todo): (Vec<_>, Vec<_>) =
            todo.into_iter().partition(|f| f.repair == Some(Repair::Retain));
        if todo.is_empty() {
            if let Some(Ok(metadata)) = &self.scan.metadata {
                self.dataset.metadata = metadata.clone();
                self.dataset.needs_recovery = false;
                let now = self.dataset.now();
                self.dataset.retain_versions(now)?;
            }
            return Ok(retain);
        }
        self.files_and_metadata(&todo)?;
        Ok(todo)
    }

    fn unfinished(&mut self, finding: &Finding) -> Result<()> {
        let committer = &self.dataset.committer;
        match finding.repair {
            Some(Repair::Finish) => committer.finish_left_behind().map(|_| ()),
            Some(Repair::GiveUp) => self.give_up(),
            Some(Repair::Migrate) => self.dataset.bring_to_places(),
            _ => committer.clear_staging().map(|_| ()),
        }
    }

    /// Staged files first and the record last: stopped in between, the commit is still one that cannot be finished.
    fn give_up(&self) -> Result<()> {
        let Committer { fs, places, visibility } = &self.dataset.committer;
        let (mode, damaged) = (visibility.dir_mode(), places.room(Room::Damaged));
        fs.make_dir(&damaged, mode)?;
        fs.make_dir(&damaged.join(self.stamp), mode)?;
        let to = damaged.join(self.stamp).join("staging");
        migrate::carry(fs, &places.room(Room::Staging), &to, Room::Damaged, mode)
    }

    /// All moves and the new metadata, in one commit.
    fn files_and_metadata(&mut self, todo: &[Finding]) -> Result<()> {
        let mut steps = Vec::new();
        let mut aside = BTreeSet::new();
        let mut placed = BTreeMap::new();
        for finding in todo {
            match &finding.repair {
                Some(Repair::MoveAside) => {
                    aside.insert(finding.path.as_str());
                    self.move_aside(finding, &mut steps)?;
                }
                Some(Repair::MoveTo(to)) => {
                    let folder = to.rsplit_once('/').map_or("", |(folder, _)| folder);
                    placed.insert(finding.path.as_str(), folder);
                    steps.push((Place::data(&finding.path), Some(Place::data(to))));
                }
                Some(Repair::Unseal) => {
                    let seen = self.scan.seen(&finding.path).ok_or_else(|| gone(&finding.path))?;
                    steps.push((seen.place.clone(), None));
                }
                _ => {}
            }
        }
        let good = self.good(&aside, &placed);
        let mut counted = self.metadata(todo, good)?;
        // The tables' logs are compared with the files by the next start.
        counted.metadata.forget_tables();
        if todo.iter().any(|f| f.repair == Some(Repair::Relayout)) {
            let wanted = Metadata::fresh(&self.dataset.feed, self.dataset.now());
            let next = &mut counted.metadata;
            next.partition_columns = wanted.partition_columns;
            (next.timezone, next.timestamp_column) = (wanted.timezone, wanted.timestamp_column);
            next.partitioning = wanted.partitioning;
        }
        self.dataset.make_staging()?;
        self.dataset.check_ready()?;
        let is_listed = self.scan.standing == Some(Standing::Same) && self.scan.journal.broken == 0;
        if steps.is_empty() || !is_listed {
            // First the list of what is there: the commit goes on from it.
            let files = self.scan.listed();
            let before = Counted { metadata: counted.metadata.clone(), files };
            counted.metadata.journal = self.dataset.write_counted(before)?.journal;
        }
        if !steps.is_empty() {
            let (id, now) = (format!("{:06}-repair", counted.metadata.commit_seq), self.dataset.now());
            let mut transaction = self.dataset.transaction_with(id, now, counted.metadata);
            for (from, to) in steps {
                let bytes =
                    fs::size_of(&transaction.dataset.path(&from)?)?.ok_or_else(|| gone(&from.to_string()))?;
                match to {
                    Some(to) => transaction.relocate(from, to, bytes)?,
                    None => transaction.discard(from, bytes, 0),
                }
            }
            transaction.commit()?;
        }
        self.dataset.committer.clear_staging()?;
        for finding in todo {
            let seen = self.scan.seen(&finding.path).filter(|seen| seen.place.room == Room::Data);
            let Some(seen) = seen else { continue };
            if seen.is_dir && finding.repair == Some(Repair::MoveAside) {
                migrate::remove_hollow(&self.dataset.committer.fs, &seen.at)?;
            }
            if let Some((folder, _)) = finding.path.rsplit_once('/') {
                self.dataset.remove_empty(folder)?;
            }
        }
        Ok(())
    }

    /// A file goes to `damaged/`; of a folder every file in it.
    fn move_aside(&self, finding: &Finding, steps: &mut Vec<(Place, Option<Place>)>) -> Result<()> {
        let seen = self.scan.seen(&finding.path).ok_or_else(|| gone(&finding.path))?;
        let mut todo = vec![(seen.place.clone(), seen.is_dir, finding.path.clone())];
        while let Some((from, is_dir, path)) = todo.pop() {
            if !is_dir {
                let to = self.free_name(&Place::aside(Room::Damaged, &format!("{}/{path}", self.stamp)))?;
                steps.push((from, Some(to)));
                continue;
            }
            for entry in fs::list(&self.dataset.path(&from)?)? {
                let below = |path: &str| format!("{path}/{}", entry.name);
                todo.push((Place::new(from.room, below(&from.path)), entry.is_dir, below(&path)));
            }
        }
        Ok(())
    }

    /// Every file that stays, or gets another place.
    fn good(&self, aside: &BTreeSet<&str>, placed: &BTreeMap<&str, &str>) -> Vec<Present> {
        let stays = |file: &&DataFile| {
            !aside.contains(file.relative().as_str()) && !aside.contains(file.folder.as_str())
        };
        let files = self.scan.files.iter().filter(stays);
        files
            .filter_map(|file| {
                let mut present = file.present()?;
                if let Some(folder) = placed.get(file.relative().as_str()) {
                    (*folder).clone_into(&mut present.folder);
                }
                Some(present)
            })
            .collect()
    }

    fn metadata(&self, todo: &[Finding], good: Vec<Present>) -> Result<Counted> {
        match &self.scan.metadata {
            Some(Ok(known)) if !todo.iter().any(|f| f.repair == Some(Repair::Rebuild)) => {
                self.recount(known, good)
            }
            before => {
                if before.is_some() {
                    self.keep_metadata()?;
                }
                let fresh = Metadata::fresh(&self.dataset.feed, self.dataset.now());
                rebuild::count(&self.dataset.committer.places, fresh, good)
            }
        }
    }

    /// A copy of the metadata that is about to be replaced.
    fn keep_metadata(&self) -> Result<()> {
        let Committer { fs, places, visibility } = &self.dataset.committer;
        let Some(bytes) = fs::read_capped(&places.metadata, 256 << 20)? else { return Ok(()) };
        let damaged = places.room(Room::Damaged);
        let folder = damaged.join(self.stamp);
        fs.make_dir(&damaged, visibility.dir_mode())?;
        fs.make_dir(&folder, visibility.dir_mode())?;
        let (to, scratch) = (folder.join("metadata.json"), folder.join("metadata.tmp"));
        fs.replace(&to, &scratch, &bytes, visibility.file_mode())
    }

    /// The metadata with its partitions counted anew; rows that are gone are noted.
    fn recount(&self, known: &Metadata, good: Vec<Present>) -> Result<Counted> {
        let base = Metadata { partitions: Vec::new(), ..known.clone() };
        let mut counted = rebuild::count(&self.dataset.committer.places, base, good)?;
        let next = &mut counted.metadata;
        let stream = self.dataset.feed.kind == FeedKind::Stream;
        for before in &known.partitions {
            let found = next.partitions.iter().position(|now| now.path == before.path);
            let left = found.map_or(0, |at| next.partitions[at].records);
            let lost = before.lost_records + before.records.saturating_sub(left);
            match found.and_then(|at| next.partitions.get_mut(at)) {
                Some(now) => {
                    now.sealed_at = before.sealed_at.filter(|_| self.scan.sealed.contains(&before.path));
                    now.reopened_at = before.reopened_at;
                    now.lost_records = if stream { lost } else { 0 };
                }
                None if stream && lost > 0 => next.partitions.push(PartitionInfo {
                    path: before.path.clone(),
                    lost_records: lost,
                    offsets: before.offsets.clone(),
                    ..PartitionInfo::default()
                }),
                None => {}
            }
        }
        next.partitions.sort_by(|a, b| layout::path_order(&a.path).cmp(&layout::path_order(&b.path)));
        let now = self.dataset.now();
        // What a wrong clock has said is taken back.
        next.last_export = next.last_export.map(|at| at.min(now));
        next.checked_at = next.checked_at.map(|at| at.min(now));
        next.claim(None, now);
        next.note_partition_losses(LossCause::Repair, now);
        next.total();
        Ok(counted)
    }

    /// A place at which nothing is.
    fn free_name(&self, place: &Place) -> Result<Place> {
        let mut free = place.clone();
        let mut n = 1;
        while fs::size_of(&self.dataset.path(&free)?)?.is_some() {
            n += 1;
            free = Place::new(place.room, format!("{}.{n}", place.path));
        }
        Ok(free)
    }
}

fn gone(path: &str) -> Error {
    Error::new(Kind::Damaged, "a file went away while it was looked at").at("file", path)
}

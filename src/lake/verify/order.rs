//! The order around the data: folders of days, modes, versions, seals, quarantine, what was put aside.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::finding::{FindingKind as K, Repair, Severity};
use super::scan::{DataFile, Scan};
use super::verdict::Verdict;
use crate::feed::{Feed, Partitioning};
use crate::lake::layout::{self, Depth, PartitionPath, Places, Room};
use crate::lake::manifest::metadata::Metadata;
use crate::lake::write::route;

/// Mode of staging.
const STAGING_MODE: u32 = 0o700;

/// Which folder a file belongs into.
pub(super) struct Calendar {
    depth: Depth,
    zone: Tz,
    /// Rows are laid out by ROWTIME, which every footer tells.
    by_rowtime: bool,
}

impl Calendar {
    /// The layout of the data; that of the feed where the metadata does not tell.
    fn of(feed: &Feed, scan: &Scan) -> Self {
        let mut calendar = Self::of_feed(feed);
        if let Some(Ok(metadata)) = &scan.metadata
            && !metadata.partition_columns.is_empty()
        {
            calendar.depth = Depth::of_count(metadata.partition_columns.len());
            let zone = metadata.timezone.as_deref().and_then(|name| name.parse().ok());
            calendar.zone = zone.unwrap_or(calendar.zone);
            calendar.by_rowtime = metadata.timestamp_column.is_none();
        }
        calendar
    }

    fn of_feed(feed: &Feed) -> Self {
        match &feed.partitioning {
            Partitioning::Date { columns, timestamp_column, timezone } => {
                Self { depth: Depth::of(columns), zone: *timezone, by_rowtime: timestamp_column.is_none() }
            }
            Partitioning::Version => Self { depth: Depth::Day, zone: Tz::UTC, by_rowtime: true },
        }
    }

    /// The layout by which files may be called misplaced. Where most files are, the layout is wrong and not they: then the
    /// feed's is taken, and the metadata is told; where that is wrong too, there is none and nothing is moved.
    pub(super) fn agreed(verdict: &mut Verdict<'_>) -> Option<Self> {
        let recorded = Self::of(verdict.feed, verdict.scan);
        let (wrong, all) = recorded.misplaced(verdict);
        if wrong * 2 <= all {
            return Some(recorded);
        }
        let wanted = Self::of_feed(verdict.feed);
        let (still, _) = wanted.misplaced(verdict);
        let what = format!("by its partitioning {wrong} of {all} files lie in the wrong folder");
        if still * 2 <= all {
            let repair = Some(Repair::Relayout);
            verdict.damage(K::BadMetadata, &verdict.scan.metadata_path(), what, repair);
            return Some(wanted);
        }
        let what = format!("{what}, and by the feed's {still}: none is moved");
        verdict.damage(K::WrongDay, "", what, None);
        None
    }

    /// Files that lie in another folder than this layout says, and all of which it says something.
    fn misplaced(&self, verdict: &Verdict<'_>) -> (usize, usize) {
        let told = verdict.good().filter_map(|(_, file, _)| Some((file, self.folders(file)?)));
        told.fold((0, 0), |(wrong, all), (file, folders)| {
            (wrong + usize::from(folders.iter().any(|folder| *folder != file.folder)), all + 1)
        })
    }

    /// The folders of the file's first and last row; `None` when nothing tells.
    pub(super) fn folders(&self, file: &DataFile) -> Option<Vec<String>> {
        let footer = file.sound()?;
        if let (true, Some([first, last])) = (self.by_rowtime, footer.rowtime) {
            let mut folders = vec![
                route::partition_of(self.depth, self.zone, first)?.to_string(),
                route::partition_of(self.depth, self.zone, last)?.to_string(),
            ];
            folders.dedup();
            return Some(folders);
        }
        let digits = file.name.strip_prefix("data_")?.split('_').next()?;
        Some(vec![PartitionPath::of_digits(digits)?.to_string()])
    }
}

/// Everything has the mode that the feed's visibility says.
pub(super) fn modes(verdict: &mut Verdict<'_>) {
    let visibility = verdict.feed.visibility;
    let scan = verdict.scan;
    for entry in scan.entries.iter().filter(|entry| !entry.is_link) {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        let expected = match (entry.place.room, entry.is_dir) {
            (Room::Staging, _) => STAGING_MODE,
            (_, true) => visibility.dir_mode(),
            (_, false) => visibility.file_mode(),
        };
        if entry.mode == expected {
            continue;
        }
        let wide = if entry.mode & !expected == 0 { "" } else { ": more people reach it than should" };
        let what = format!("its mode is {:04o} and should be {expected:04o}{wide}", entry.mode);
        verdict.damage(K::WrongMode, &entry.path, what, Some(Repair::SetMode(expected)));
    }
}

/// One current version, and no more versions than the feed keeps.
pub(super) fn versions(verdict: &mut Verdict<'_>, metadata: &Metadata) {
    let named: Vec<u32> = metadata.partitions.iter().filter_map(|p| layout::version_of(&p.path)).collect();
    let scan = verdict.scan;
    let said = |file: &DataFile| file.sound()?.version.as_deref()?.strip_prefix('v')?.parse::<u32>().ok();
    for version in scan.versions.iter().filter(|version| !named.contains(version)) {
        let folder = PartitionPath::Version(*version).to_string();
        let inside: Vec<usize> =
            verdict.good().filter(|(_, file, _)| file.folder == folder).map(|(at, _, _)| at).collect();
        if inside.is_empty() {
            continue;
        }
        // The files are a second witness: a version of which they say that they are it was published.
        if inside.iter().all(|at| said(&scan.files[*at]) == Some(*version)) {
            continue;
        }
        verdict.condemned.extend(inside);
        let what = "the metadata does not name this version".into();
        verdict.damage(K::UnnamedVersion, &folder, what, Some(Repair::MoveAside));
    }
    for at in 0..scan.files.len() {
        let file = &scan.files[at];
        let Some(version) = said(file).filter(|_| !verdict.condemned.contains(&at)) else { continue };
        let folder = PartitionPath::Version(version).to_string();
        if folder == file.folder {
            continue;
        }
        let to = layout::join(&folder, &file.name);
        let taken = scan.files.iter().any(|other| other.relative() == to);
        let repair = (!taken && !file.is_linked).then_some(Repair::MoveTo(to));
        verdict.condemned.insert(at);
        verdict.damage(
            K::WrongVersion,
            &file.relative(),
            format!("it was written as part of {folder}"),
            repair,
        );
    }
    let newest = named.iter().max().copied();
    if metadata.current_version != newest {
        let shown = |version: Option<u32>| version.map_or("none".to_owned(), |v| format!("v{v}"));
        let what = format!(
            "the current version is {}, and the newest one named is {}",
            shown(metadata.current_version),
            shown(newest)
        );
        verdict.damage(K::TwoVersions, &scan.metadata_path(), what, Some(Repair::Recount));
        return;
    }
    let keep = usize::try_from(verdict.feed.keep_versions.max(1)).unwrap_or(usize::MAX);
    let mut surplus = named.clone();
    surplus.sort_unstable_by(|a, b| b.cmp(a));
    surplus.drain(..keep.min(surplus.len()));
    let pinned = |version: &u32| metadata.is_pinned(&PartitionPath::Version(*version).to_string());
    surplus.retain(|version| keep == 1 || !pinned(version));
    if !surplus.is_empty() {
        let what = format!("{} versions are there, and {} are kept", named.len(), verdict.feed.keep_versions);
        verdict.find(K::OldVersion, Severity::Leftover, "", what, Some(Repair::Retain));
    }
}

/// Marks on disk and seals in the metadata are the same.
pub(super) fn seals(verdict: &mut Verdict<'_>) {
    let scan = verdict.scan;
    let Some(Ok(metadata)) = &scan.metadata else { return };
    let recorded =
        |folder: &str| metadata.partitions.iter().any(|p| p.path == folder && p.sealed_at.is_some());
    for folder in scan.sealed.iter().filter(|folder| !recorded(folder)) {
        let what = "the partition bears the mark of a sealed one, and the metadata does not say so".into();
        let mark = Places::seals(folder).into_iter().find_map(|mark| scan.seen_at(&mark));
        let path = mark.map_or_else(|| format!("{folder}/{}", layout::SUCCESS), |mark| mark.path.clone());
        verdict.damage(K::WrongSeal, &path, what, Some(Repair::Unseal));
    }
    for partition in metadata.partitions.iter().filter(|p| p.sealed_at.is_some()) {
        if !scan.sealed.contains(&partition.path) && scan.files.iter().any(|f| f.folder == partition.path) {
            let what = "the metadata says that it is sealed, and the mark is not there".into();
            verdict.damage(K::WrongSeal, &partition.path, what, Some(Repair::Recount));
        }
    }
}

/// Rows in quarantine are counted, and those lost are told.
pub(super) fn quarantine(verdict: &mut Verdict<'_>, metadata: &Metadata) {
    let there = verdict.scan.quarantined;
    if there != metadata.quarantined_records {
        let what = format!(
            "{there} rows are in quarantine, and the metadata counts {}",
            metadata.quarantined_records
        );
        verdict.damage(K::QuarantineCount, &verdict.scan.room(Room::Quarantine), what, Some(Repair::Recount));
    } else if there > 0 {
        let what = format!("{there} rows could not be decoded");
        verdict.find(K::Quarantined, Severity::Note, &verdict.scan.room(Room::Quarantine), what, None);
    }
    for partition in metadata.partitions.iter().filter(|p| p.lost_records > 0) {
        let what = format!(
            "{} rows were lost to damage or left out by an undo; `lakehand export --feed {} --day …` reads them again",
            partition.lost_records, verdict.feed.name
        );
        verdict.find(K::Lost, Severity::Note, &partition.path, what, None);
    }
}

/// What repairs and new exports of a day have put aside.
pub(super) fn asides(verdict: &mut Verdict<'_>) {
    for (room, kind, words) in [
        (Room::Damaged, K::Aside, "put aside by repairs; remove them when nobody needs them"),
        (
            Room::Bin,
            K::Replaced,
            "replaced by a new export or a compaction of their day: `lakehand feeds undo` puts them back, `feeds forget` removes them",
        ),
    ] {
        let entries = verdict.scan.entries.iter().filter(|e| !e.is_dir && e.place.room == room);
        let files = entries.clone().count();
        if files == 0 {
            continue;
        }
        // `<commit>/<partition>/<file>`
        let partition = |path: &str| {
            let (_, rest) = path.split_once('/')?;
            rest.rsplit_once('/').map(|(partition, _)| partition.to_owned())
        };
        let of: BTreeSet<String> = entries.filter_map(|entry| partition(&entry.place.path)).collect();
        let listed: Vec<&str> = of.iter().take(3).map(String::as_str).collect();
        let more = if of.len() > 3 { ", …" } else { "" };
        let of = if of.is_empty() { String::new() } else { format!(" of {}{more}", listed.join(", ")) };
        verdict.find(
            kind,
            Severity::Note,
            &verdict.scan.room(room),
            format!("{files} {}{of} {words}", if files == 1 { "file" } else { "files" }),
            None,
        );
    }
}

/// What is in the dataset's folder and does not belong there.
pub(super) fn strangers(verdict: &mut Verdict<'_>) {
    let scan = verdict.scan;
    for (path, holds_parquet) in &scan.strangers {
        if *holds_parquet {
            let what = "readers that look into every folder (`**`) find Parquet files of others in it".into();
            verdict.damage(K::Stranger, path, what, Some(Repair::MoveAside));
        } else {
            let what = "it is no data, and some readers stumble over it".into();
            verdict.find(K::Stranger, Severity::Note, path, what, None);
        }
    }
}

/// Books that are where they were before, and metadata at two places.
pub(super) fn books(verdict: &mut Verdict<'_>) {
    let Some(places) = &verdict.scan.places else { return };
    if places.is_old() {
        let what = "lock, staging, quarantine or replaced files are in the dataset's folder, as before version 0.2: the next \
                    command that writes moves them to _lakehand/";
        verdict.find(K::OldLayout, Severity::Leftover, "", what.into(), Some(Repair::Migrate));
    }
    if let Some(stale) = &places.stale_metadata {
        let what =
            format!("the metadata in {} is newer and is the one that counts", places.metadata.display());
        verdict.damage(K::TwoMetadata, &places.shown(stale), what, Some(Repair::Migrate));
    }
}

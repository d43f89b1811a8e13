//! The order around the data: folders of days, modes, versions, seals, quarantine, what was put aside.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::finding::{FindingKind as K, Repair, Severity};
use super::scan::{DataFile, Scan};
use super::verdict::Verdict;
use crate::feed::{Feed, Partitioning};
use crate::lake::layout::{self, Depth, Places, Room};
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
    pub(super) fn of(feed: &Feed, scan: &Scan) -> Self {
        let (mut depth, mut zone, mut by_rowtime) = (Depth::Day, Tz::UTC, true);
        if let Partitioning::Date { columns, timestamp_column, timezone } = &feed.partitioning {
            (depth, zone, by_rowtime) = (Depth::of(columns), *timezone, timestamp_column.is_none());
        }
        if let Some(Ok(metadata)) = &scan.metadata
            && !metadata.partition_columns.is_empty()
        {
            depth = match metadata.partition_columns.last().map(String::as_str) {
                Some("year") => Depth::Year,
                Some("month") => Depth::Month,
                Some("hour") => Depth::Hour,
                _ => Depth::Day,
            };
            zone = metadata.timezone.as_deref().and_then(|name| name.parse().ok()).unwrap_or(zone);
            by_rowtime = metadata.timestamp_column.is_none();
        }
        Self { depth, zone, by_rowtime }
    }

    /// The folders of the file's first and last row; `None` when nothing tells.
    pub(super) fn folders(&self, file: &DataFile) -> Option<Vec<String>> {
        let footer = file.footer.as_ref().ok()?;
        if let (true, Some([first, last])) = (self.by_rowtime, footer.rowtime) {
            let mut folders = vec![
                route::folder_of(self.depth, self.zone, first)?,
                route::folder_of(self.depth, self.zone, last)?,
            ];
            folders.dedup();
            return Some(folders);
        }
        let digits = file.name.strip_prefix("data_")?.split('_').next()?;
        let (lengths, names) = ([4, 2, 2, 2], ["year", "month", "day", "hour"]);
        let mut rest = digits;
        let mut parts = Vec::new();
        for (length, name) in lengths.into_iter().zip(names) {
            if rest.is_empty() {
                break;
            }
            let (part, more) = rest.split_at_checked(length)?;
            parts.push(format!("{name}={part}"));
            rest = more;
        }
        Some(vec![parts.join("/")])
    }
}

/// Everything has the mode that the feed's visibility says.
pub(super) fn modes(judge: &mut Verdict<'_>) {
    let visibility = judge.feed.visibility;
    let scan = judge.scan;
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
        judge.damage(K::WrongMode, &entry.path, what, Some(Repair::SetMode(expected)));
    }
}

/// One current version, and no more versions than the feed keeps.
pub(super) fn versions(judge: &mut Verdict<'_>, metadata: &Metadata) {
    let named: Vec<u32> = metadata.partitions.iter().filter_map(|p| layout::version_of(&p.path)).collect();
    let scan = judge.scan;
    for version in scan.versions.iter().filter(|version| !named.contains(version)) {
        let folder = layout::version_folder(*version);
        let inside: Vec<usize> =
            judge.good().filter(|(_, file, _)| file.folder == folder).map(|(at, _, _)| at).collect();
        if inside.is_empty() {
            continue;
        }
        judge.condemned.extend(inside);
        let what = "the metadata does not name this version".into();
        judge.damage(K::UnnamedVersion, &folder, what, Some(Repair::MoveAside));
    }
    let newest = named.iter().max().copied();
    if metadata.current_version != newest {
        let shown = |version: Option<u32>| version.map_or("none".to_owned(), |v| format!("v{v}"));
        let what = format!(
            "the current version is {}, and the newest one named is {}",
            shown(metadata.current_version),
            shown(newest)
        );
        judge.damage(K::TwoVersions, &scan.metadata_path(), what, Some(Repair::Recount));
    } else if named.len() as u64 > u64::from(judge.feed.keep_versions.max(1)) {
        let what = format!("{} versions are there, and {} are kept", named.len(), judge.feed.keep_versions);
        judge.find(K::OldVersion, Severity::Leftover, "", what, Some(Repair::Retain));
    }
}

/// Marks on disk and seals in the metadata are the same.
pub(super) fn seals(judge: &mut Verdict<'_>) {
    let scan = judge.scan;
    let Some(Ok(metadata)) = &scan.metadata else { return };
    let recorded =
        |folder: &str| metadata.partitions.iter().any(|p| p.path == folder && p.sealed_at.is_some());
    for folder in scan.sealed.iter().filter(|folder| !recorded(folder)) {
        let what = "the partition bears the mark of a sealed one, and the metadata does not say so".into();
        let mark = Places::seals(folder).into_iter().find_map(|mark| scan.seen_at(&mark));
        let path = mark.map_or_else(|| format!("{folder}/{}", layout::SUCCESS), |mark| mark.path.clone());
        judge.damage(K::WrongSeal, &path, what, Some(Repair::Unseal));
    }
    for partition in metadata.partitions.iter().filter(|p| p.sealed_at.is_some()) {
        if !scan.sealed.contains(&partition.path) && scan.files.iter().any(|f| f.folder == partition.path) {
            let what = "the metadata says that it is sealed, and the mark is not there".into();
            judge.damage(K::WrongSeal, &partition.path, what, Some(Repair::Recount));
        }
    }
}

/// Rows in quarantine are counted, and those lost are told.
pub(super) fn quarantine(judge: &mut Verdict<'_>, metadata: &Metadata) {
    let there = judge.scan.quarantined;
    if there != metadata.quarantined_records {
        let what = format!(
            "{there} rows are in quarantine, and the metadata counts {}",
            metadata.quarantined_records
        );
        judge.damage(K::QuarantineCount, &judge.scan.room(Room::Quarantine), what, Some(Repair::Recount));
    } else if there > 0 {
        let what = format!("{there} rows could not be decoded");
        judge.find(K::Quarantined, Severity::Note, &judge.scan.room(Room::Quarantine), what, None);
    }
    for partition in metadata.partitions.iter().filter(|p| p.lost_records > 0) {
        let what = format!(
            "{} rows were lost to damage or left out by an undo; `lakehand export --feed {} --day …` reads them again",
            partition.lost_records, judge.feed.name
        );
        judge.find(K::Lost, Severity::Note, &partition.path, what, None);
    }
}

/// What repairs and new exports of a day have put aside.
pub(super) fn asides(judge: &mut Verdict<'_>) {
    for (room, kind, words) in [
        (Room::Damaged, K::Aside, "put aside by repairs; remove them when nobody needs them"),
        (
            Room::Bin,
            K::Replaced,
            "replaced by a new export of their day: `lakehand feeds undo` puts them back, `feeds forget` removes them",
        ),
    ] {
        let entries = judge.scan.entries.iter().filter(|e| !e.is_dir && e.place.room == room);
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
        judge.find(
            kind,
            Severity::Note,
            &judge.scan.room(room),
            format!("{files} {}{of} {words}", if files == 1 { "file" } else { "files" }),
            None,
        );
    }
}

/// What is in the dataset's folder and does not belong there.
pub(super) fn strangers(judge: &mut Verdict<'_>) {
    let scan = judge.scan;
    for (path, holds_parquet) in &scan.strangers {
        if *holds_parquet {
            let what = "readers that look into every folder (`**`) find Parquet files of others in it".into();
            judge.damage(K::Stranger, path, what, Some(Repair::MoveAside));
        } else {
            let what = "it is no data, and some readers stumble over it".into();
            judge.find(K::Stranger, Severity::Note, path, what, None);
        }
    }
}

/// Books that are where they were before, and metadata at two places.
pub(super) fn books(judge: &mut Verdict<'_>) {
    let Some(places) = &judge.scan.places else { return };
    if places.is_old() {
        let what = "lock, staging, quarantine or replaced files are in the dataset's folder, as before version 0.2: the next \
                    command that writes moves them to _lakehand/";
        judge.find(K::OldLayout, Severity::Leftover, "", what.into(), Some(Repair::Migrate));
    }
    if let Some(stale) = &places.stale_metadata {
        let what =
            format!("the metadata in {} is newer and is the one that counts", places.metadata.display());
        judge.damage(K::TwoMetadata, &places.shown(stale), what, Some(Repair::Migrate));
    }
}

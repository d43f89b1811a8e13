//! From one version of a table to the next.
//!
//! ```text
//! files come                       one new manifest
//! files go                         the manifests whose partitions can hold them are written anew, without them
//! many manifests with few files    are merged: each file's entry is written as often as there are tiers, however large the lake
//! ```
//!
//! Nothing is changed in place: what a snapshot of before names stays.

use std::collections::{BTreeMap, BTreeSet};

use super::list::{self, ManifestFile};
use super::manifest::{self, DataFile, Entry, Status};
use super::metadata::{MetadataLog, Snapshot, TableMetadata};
use super::{COMMIT_KEY, OFFSETS_KEY, Read, damaged, expire, file_of_version};
use crate::Result;
use crate::format::{Columns, TableFile};

/// Manifests of a tier that are merged together.
const MERGED: usize = 32;
/// Tiers by the number of files in a manifest: below the first, below the second. Larger ones are not merged any more.
const TIERS: [i64; 2] = [32, 1024];
/// Most files in a merged manifest of the second tier.
const MOST: i64 = 8192;

/// A change of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change<'a> {
    /// The commit's id.
    pub commit: &'a str,
    /// The id of the snapshot; the next one that is free is taken.
    pub snapshot: i64,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// Per Kafka partition the offset that is read next.
    pub positions: BTreeMap<i32, i64>,
    /// No row changes with it: files take the place of files with the same rows.
    pub rewrite: bool,
    /// Files that come; paths as the table's metadata names them.
    pub added: Vec<TableFile>,
    /// Files that go.
    pub removed: Vec<TableFile>,
    /// The version of the metadata that is followed; `None`: the table is new.
    pub after: Option<u64>,
    /// Snapshots that were followed by another one before this are forgotten.
    pub expire_before: Option<i64>,
}

/// The next version of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Next {
    /// The metadata.
    pub metadata: TableMetadata,
    /// Files below `metadata/` that it names: name and content.
    pub files: Vec<(String, Vec<u8>)>,
    /// Files below `metadata/` that no version needs any more, by path.
    pub gone: BTreeSet<String>,
    /// Data files that no snapshot needs but, perhaps, the newest one.
    pub gone_data: BTreeSet<String>,
}

/// What a commit gathers.
struct Work<'a> {
    metadata: TableMetadata,
    read: Read<'a>,
    /// Names of files begin with it.
    commit: &'a str,
    snapshot: i64,
    sequence: i64,
    files: Vec<(String, Vec<u8>)>,
}

/// The version behind `base`. `Kind::Damaged` when a file that goes is not in the table, or its metadata cannot be read; `Kind::Feed` when
/// a column cannot be in it.
pub fn commit(base: &TableMetadata, columns: &Columns, change: &Change<'_>, read: Read<'_>) -> Result<Next> {
    let mut metadata = base.clone();
    metadata.take_columns(columns)?;
    metadata.keep_others_out();
    // Time never goes back in a table, whatever the clock does.
    let at = change.at.max(base.last_updated_ms);
    let (mut gone, mut gone_data) = (BTreeSet::new(), BTreeSet::new());
    if let Some(limit) = change.expire_before {
        let removed = change.removed.iter().map(|file| file.path.clone()).collect();
        (gone, gone_data) = expire::expire(&mut metadata, limit, removed, read)?;
        let added: BTreeSet<&str> = change.added.iter().map(|file| file.path.as_str()).collect();
        gone_data.retain(|path| !added.contains(path.as_str()));
    }
    if let Some(version) = change.after {
        let metadata_file = format!("{}/metadata/{}", base.location, file_of_version(version));
        metadata.metadata_log.push(MetadataLog { timestamp_ms: base.last_updated_ms, metadata_file });
        gone.extend(expire::metadata_files(&mut metadata));
    }
    metadata.last_updated_ms = at;
    let mut id = change.snapshot & i64::MAX;
    while base.snapshots.iter().any(|snapshot| snapshot.snapshot_id == id) {
        id = id.wrapping_add(1) & i64::MAX;
    }
    let (sequence, commit) = (base.last_sequence_number + 1, change.commit);
    let mut work = Work { metadata, read, commit, snapshot: id, sequence, files: Vec::new() };
    if !(change.added.is_empty() && change.removed.is_empty()) {
        work.snapshot(columns, change, at)?;
    }
    Ok(Next { metadata: work.metadata, files: work.files, gone, gone_data })
}

impl Work<'_> {
    fn snapshot(&mut self, columns: &Columns, change: &Change<'_>, at: i64) -> Result<()> {
        let parent = self.metadata.current().cloned();
        let mut manifests = match &parent {
            Some(parent) => list::read(&(self.read)(&parent.manifest_list)?)?,
            None => Vec::new(),
        };
        // What only says that files went says so to its own snapshot.
        manifests.retain(|manifest| manifest.content != 0 || manifest.is_alive());
        let removed = self.remove(&mut manifests, change)?;
        self.merge(&mut manifests)?;
        let added = self.added(&mut manifests, columns, change)?;
        let (id, sequence) = (self.snapshot, self.sequence);
        let parent_id = parent.as_ref().map(|parent| parent.snapshot_id);
        let list = list::write(id, parent_id, sequence, &manifests);
        let name = format!("snap-{id}-{}.avro", self.commit);
        let snapshot = Snapshot {
            snapshot_id: id,
            parent_snapshot_id: parent_id,
            sequence_number: sequence,
            timestamp_ms: at,
            manifest_list: self.path(&name),
            summary: summary(change, &manifests, parent.as_ref(), [&added, &removed]),
            schema_id: Some(self.metadata.current_schema_id),
        };
        self.files.push((name, list));
        self.metadata.add(snapshot);
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        format!("{}/metadata/{name}", self.metadata.location)
    }

    /// Writes a manifest of this snapshot.
    fn write(&mut self, entries: &[Entry], spec_id: i32) -> Result<ManifestFile> {
        let name = format!("{}-{}-m{}.avro", self.commit, self.snapshot, self.files.len());
        let spec = self.metadata.partition_specs.iter().find(|spec| spec.spec_id == spec_id);
        let spec =
            spec.ok_or_else(|| damaged("a manifest has a partition spec that the Iceberg table has not"))?;
        let schema = self.metadata.schema().ok_or_else(|| damaged("the Iceberg table has no columns"))?;
        let made = (self.snapshot, self.sequence);
        let (told, bytes) = manifest::write(entries, spec, schema, self.path(&name), made)?;
        self.files.push((name, bytes));
        Ok(told)
    }

    fn entries(&self, manifest: &ManifestFile) -> Result<Vec<Entry>> {
        manifest::read(&(self.read)(&manifest.path)?, manifest).map_err(|e| e.at("manifest", &manifest.path))
    }

    /// Takes files out of the manifests that name them; gives what these said.
    fn remove(&mut self, manifests: &mut [ManifestFile], change: &Change<'_>) -> Result<Vec<DataFile>> {
        let spec = self.metadata.spec()?.clone();
        let mut wanted = BTreeMap::new();
        for file in &change.removed {
            wanted.insert(file.path.as_str(), manifest::partition(file, &spec));
        }
        // Files of other writers, of which no partition is known, may be in any manifest.
        let is_anywhere = change.removed.iter().any(|file| file.partition.len() < spec.fields.len());
        let mut partitions: BTreeSet<Vec<Option<i32>>> = wanted.values().cloned().collect();
        let mut removed = Vec::new();
        for manifest in manifests.iter_mut().filter(|manifest| manifest.content == 0) {
            if wanted.is_empty() {
                break;
            }
            let mut all = partitions.iter();
            if !is_anywhere && !all.any(|partition| manifest.can_hold(spec.spec_id, partition)) {
                continue;
            }
            let mut entries = self.entries(manifest)?;
            entries.retain(|entry| entry.status != Status::Deleted);
            let mut found = false;
            for entry in &mut entries {
                entry.status = Status::Existing;
                if wanted.remove(entry.file.path.as_str()).is_some() {
                    (entry.status, entry.snapshot, found) = (Status::Deleted, self.snapshot, true);
                    removed.push(entry.file.clone());
                }
            }
            if found {
                *manifest = self.write(&entries, manifest.spec_id)?;
                partitions = wanted.values().cloned().collect();
            }
        }
        match wanted.into_keys().next() {
            None => Ok(removed),
            Some(path) => {
                Err(damaged("the Iceberg table does not name a file of the dataset").at("file", path))
            }
        }
    }

    /// A manifest of the files that come.
    fn added(
        &mut self,
        manifests: &mut Vec<ManifestFile>,
        columns: &Columns,
        change: &Change<'_>,
    ) -> Result<Vec<DataFile>> {
        let spec = self.metadata.spec()?.clone();
        let schema = self.metadata.schema().ok_or_else(|| damaged("the Iceberg table has no columns"))?;
        let ids = super::schema::ids_of(&schema["fields"]);
        let files = change.added.iter().map(|file| DataFile::of(file, columns, &ids, &spec));
        let files: Vec<DataFile> = files.collect::<Result<_>>()?;
        // A table that is made of a large dataset gets manifests of the size that merging makes.
        for part in files.chunks(usize::try_from(MOST).unwrap_or(usize::MAX)) {
            let entry = |file: &DataFile| Entry {
                status: Status::Added,
                snapshot: self.snapshot,
                sequence: self.sequence,
                file_sequence: self.sequence,
                file: file.clone(),
            };
            let entries: Vec<Entry> = part.iter().map(entry).collect();
            let manifest = self.write(&entries, spec.spec_id)?;
            manifests.push(manifest);
        }
        Ok(files)
    }

    /// Merges manifests of a tier where there are many. What was written anew by this snapshot stays as it is.
    fn merge(&mut self, manifests: &mut Vec<ManifestFile>) -> Result<()> {
        let spec_id = self.metadata.spec()?.spec_id;
        for (least, most) in [(0, TIERS[0]), (TIERS[0], TIERS[1])] {
            let is_of = |manifest: &ManifestFile| {
                manifest.content == 0
                    && manifest.spec_id == spec_id
                    && manifest.snapshot != self.snapshot
                    && (least..most).contains(&manifest.live())
            };
            let mut due: Vec<usize> = (0..manifests.len()).filter(|at| is_of(&manifests[*at])).collect();
            if due.len() < MERGED {
                continue;
            }
            let mut files = 0;
            due.retain(|at| {
                files += manifests[*at].live();
                files <= MOST
            });
            let mut entries = Vec::new();
            for at in &due {
                let read = self.entries(&manifests[*at])?.into_iter().filter(|e| e.status != Status::Deleted);
                entries.extend(read.map(|entry| Entry { status: Status::Existing, ..entry }));
            }
            let merged = self.write(&entries, spec_id)?;
            let due: BTreeSet<usize> = due.into_iter().collect();
            let first = due.first().copied().unwrap_or_default();
            let all = std::mem::take(manifests).into_iter().enumerate();
            let mut merged = Some(merged);
            for (at, manifest) in all {
                if !due.contains(&at) {
                    manifests.push(manifest);
                } else if at == first {
                    manifests.extend(merged.take());
                }
            }
        }
        Ok(())
    }
}

/// What a snapshot tells of itself.
fn summary(
    change: &Change<'_>,
    manifests: &[ManifestFile],
    parent: Option<&Snapshot>,
    [added, removed]: [&[DataFile]; 2],
) -> BTreeMap<String, String> {
    let operation = match (added.is_empty(), removed.is_empty()) {
        _ if change.rewrite => "replace",
        (_, true) => "append",
        (false, false) => "overwrite",
        (true, false) => "delete",
    };
    let sum = |files: &[DataFile], of: fn(&DataFile) -> i64| files.iter().map(of).sum::<i64>();
    let data = || manifests.iter().filter(|manifest| manifest.content == 0);
    let rows = data().map(|manifest| manifest.added.rows + manifest.existing.rows).sum::<i64>();
    let partitions: BTreeSet<_> = added.iter().chain(removed).map(|file| &file.partition).collect();
    let bytes = [added, removed].map(|files| sum(files, |file| file.bytes));
    let before = parent.map_or(Some(0), |parent| parent.summary.get("total-files-size")?.parse::<i64>().ok());
    let deleted =
        manifests.iter().filter(|manifest| manifest.content != 0).map(ManifestFile::live).sum::<i64>();
    let mut summary = BTreeMap::from([
        ("operation", operation.to_owned()),
        ("total-records", rows.to_string()),
        ("total-data-files", data().map(ManifestFile::live).sum::<i64>().to_string()),
        ("total-delete-files", deleted.to_string()),
        ("total-position-deletes", "0".to_owned()),
        ("total-equality-deletes", "0".to_owned()),
        ("changed-partition-count", partitions.len().to_string()),
        ("engine-name", "lakehand".to_owned()),
        ("engine-version", env!("CARGO_PKG_VERSION").to_owned()),
        (COMMIT_KEY, change.commit.to_owned()),
        (OFFSETS_KEY, serde_json::json!(change.positions).to_string()),
    ]);
    summary.extend(before.map(|before| ("total-files-size", (before + bytes[0] - bytes[1]).to_string())));
    let mut told = |files: &[DataFile], names: [&'static str; 3]| {
        if !files.is_empty() {
            summary.insert(names[0], files.len().to_string());
            summary.insert(names[1], sum(files, |file| file.rows).to_string());
            summary.insert(names[2], sum(files, |file| file.bytes).to_string());
        }
    };
    told(added, ["added-data-files", "added-records", "added-files-size"]);
    told(removed, ["deleted-data-files", "deleted-records", "removed-files-size"]);
    summary.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The files of the newest snapshot, by path, with their sizes. It must be one of this program's.
pub fn live_files(metadata: &TableMetadata, read: Read<'_>) -> Result<BTreeMap<String, u64>> {
    let mut files = BTreeMap::new();
    let Some(current) = metadata.current() else { return Ok(files) };
    for manifest in list::read(&read(&current.manifest_list)?)?.iter().filter(|m| m.is_alive()) {
        for entry in manifest::read(&read(&manifest.path)?, manifest)? {
            if entry.status != Status::Deleted {
                files.insert(entry.file.path, u64::try_from(entry.file.bytes).unwrap_or_default());
            }
        }
    }
    Ok(files)
}

/// The files that went with a snapshot.
pub(super) fn files_removed_with(
    snapshot: &Snapshot,
    read: Read<'_>,
    found: &mut BTreeSet<String>,
) -> Result<()> {
    if snapshot.commit().is_none() || !snapshot.summary.contains_key("deleted-data-files") {
        return Ok(());
    }
    for manifest in list::read(&read(&snapshot.manifest_list)?)? {
        if manifest.snapshot == snapshot.snapshot_id && manifest.deleted.files > 0 {
            let entries = manifest::read(&read(&manifest.path)?, &manifest)?.into_iter();
            let removed =
                entries.filter(|e| e.status == Status::Deleted && e.snapshot == snapshot.snapshot_id);
            found.extend(removed.map(|entry| entry.file.path));
        }
    }
    Ok(())
}

/// The manifests that a snapshot names; none of one of another writer, whose files are its own.
pub(super) fn manifests_of(snapshot: &Snapshot, read: Read<'_>) -> Result<BTreeSet<String>> {
    if snapshot.commit().is_none() {
        return Ok(BTreeSet::new());
    }
    Ok(list::read(&read(&snapshot.manifest_list)?)?.into_iter().map(|manifest| manifest.path).collect())
}

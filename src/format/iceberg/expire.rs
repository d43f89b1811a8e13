//! Snapshots that are too old are forgotten, with the files that only they name.
//!
//! Snapshots go from the oldest on. A manifest that an old snapshot has and the first one that stays has not is in no later one
//! either. A data file that went with a snapshot is needed by none behind it, unless it came again.

use std::collections::BTreeSet;

use super::Read;
use super::commit::{files_removed_with, manifests_of};
use super::metadata::TableMetadata;
use crate::Result;

/// Snapshots that are kept at most, however young they are: the metadata lists them all, and is written with each commit.
const SNAPSHOTS: usize = 1000;
/// Versions of the metadata whose files are kept, before the newest.
const VERSIONS: usize = 100;

/// Forgets snapshots that were followed by another one before `limit`, and those beyond the number that is kept. `removed` goes with the
/// snapshot to come. Gives files below `metadata/` that only they name, and data files that no snapshot needs but, perhaps, the one to come.
pub(super) fn expire(
    metadata: &mut TableMetadata,
    limit: i64,
    removed: BTreeSet<String>,
    read: Read<'_>,
) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let all = &metadata.snapshots;
    let surplus = all.len().saturating_sub(SNAPSHOTS);
    let is_over = |at: usize| at < surplus || all[at + 1].timestamp_ms < limit;
    // The last one is the one that readers read.
    let count = (0..all.len().saturating_sub(1))
        .take_while(|at| is_over(*at) && !metadata.is_named(all[*at].snapshot_id))
        .count();
    if count == 0 {
        return Ok((BTreeSet::new(), BTreeSet::new()));
    }
    let (old, kept) = all.split_at(count);
    let mut files = BTreeSet::new();
    for snapshot in old {
        files.insert(snapshot.manifest_list.clone());
        files.extend(manifests_of(snapshot, read)?);
    }
    if let Some(first) = kept.iter().find(|snapshot| snapshot.commit().is_some()) {
        for path in manifests_of(first, read)? {
            files.remove(&path);
        }
    }
    let mut data = BTreeSet::new();
    for snapshot in all.iter().take(count + 1).skip(1) {
        files_removed_with(snapshot, read, &mut data)?;
    }
    // What came again and went later is needed until then.
    let mut needed = removed;
    for snapshot in &kept[1..] {
        files_removed_with(snapshot, read, &mut needed)?;
    }
    data.retain(|path| !needed.contains(path));
    let first = kept[0].timestamp_ms;
    let ids: BTreeSet<i64> = old.iter().map(|snapshot| snapshot.snapshot_id).collect();
    metadata.snapshots.drain(..count);
    metadata.snapshot_log.retain(|entry| entry.timestamp_ms >= first && !ids.contains(&entry.snapshot_id));
    Ok((files, data))
}

/// What a version of a table names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Named {
    /// Versions before it, manifest lists and manifests, by path.
    pub files: BTreeSet<String>,
    /// Data files that older snapshots need, by path.
    pub removed: BTreeSet<String>,
}

impl TableMetadata {
    /// What it names, but for the data files of its newest snapshot.
    pub fn named(&self, read: Read<'_>) -> Result<Named> {
        let mut named = Named::default();
        named.files.extend(self.metadata_log.iter().map(|entry| entry.metadata_file.clone()));
        for (at, snapshot) in self.snapshots.iter().enumerate() {
            named.files.insert(snapshot.manifest_list.clone());
            named.files.extend(manifests_of(snapshot, read)?);
            if at > 0 {
                files_removed_with(snapshot, read, &mut named.removed)?;
            }
        }
        Ok(named)
    }
}

/// Old versions of the metadata beyond those that are kept; their files can go.
pub(super) fn metadata_files(metadata: &mut TableMetadata) -> Vec<String> {
    let surplus = metadata.metadata_log.len().saturating_sub(VERSIONS);
    metadata.metadata_log.drain(..surplus).map(|entry| entry.metadata_file).collect()
}

//! Sizes for a screen: what the metadata says, and a walk that looks whether it is so.

use std::path::Path;

use crate::Result;
use crate::lake::layout;
use crate::lake::read_metadata;

/// Size of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionUsage {
    /// Below the dataset.
    pub path: String,
    /// Rows that the metadata counts.
    pub records: u64,
    /// Files and bytes on the lake's disk that the metadata counts.
    pub recorded: Amount,
    /// Files and bytes found on disk, files of others included.
    pub found: Amount,
    /// Files and bytes in the cold tier, as the metadata counts them; those of which a local copy is there are counted above too.
    pub cold: Amount,
}

/// Files and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
}

impl PartitionUsage {
    /// The disk holds what the metadata says.
    pub fn agrees(&self) -> bool {
        self.recorded == self.found
    }
}

/// Walks the dataset: every partition that the metadata names or the disk holds, sorted by path. Takes no lock, so a
/// commit that is under way may show as a difference.
pub fn usage(dataset_dir: &Path) -> Result<Vec<PartitionUsage>> {
    let mut partitions: Vec<PartitionUsage> = read_metadata(dataset_dir)?
        .map(|metadata| metadata.partitions)
        .unwrap_or_default()
        .into_iter()
        .map(|partition| PartitionUsage {
            records: partition.records,
            recorded: Amount { files: partition.local_files(), bytes: partition.local_bytes() },
            found: Amount::default(),
            path: partition.path,
            cold: partition
                .cold
                .map_or_else(Amount::default, |cold| Amount { files: cold.files, bytes: cold.bytes }),
        })
        .collect();
    for leaf in layout::leaves(dataset_dir)? {
        let found =
            Amount { files: leaf.files.len() as u64, bytes: leaf.files.iter().map(|file| file.bytes).sum() };
        match partitions.iter_mut().find(|partition| partition.path == leaf.path) {
            Some(partition) => partition.found = found,
            None if found.files == 0 => {}
            None => {
                let recorded = Amount::default();
                let cold = Amount::default();
                partitions.push(PartitionUsage { path: leaf.path, records: 0, recorded, found, cold });
            }
        }
    }
    partitions.sort_by(|a, b| layout::path_order(&a.path).cmp(&layout::path_order(&b.path)));
    Ok(partitions)
}

//! The metadata's counts against the files.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{FindingKind as K, Repair};
use super::verdict::Verdict;
use crate::lake::Amount;
use crate::lake::manifest::metadata::Metadata;

/// Compares each partition, then the sums. A partition with a file that is spoken against is left out: it is counted
/// anew with the repair of that.
pub(super) fn compare(verdict: &mut Verdict<'_>, metadata: &Metadata) {
    let mut found: BTreeMap<String, (u64, Amount)> = BTreeMap::new();
    for (_, file, footer) in verdict.good() {
        let (rows, amount) = found.entry(file.folder.clone()).or_default();
        *rows += footer.rows;
        amount.files += 1;
        amount.bytes += file.bytes;
    }
    let mut touched: BTreeSet<String> = verdict
        .condemned
        .iter()
        .chain(&verdict.changed)
        .map(|at| verdict.scan.files[*at].folder.clone())
        .collect();
    // A file in the wrong folder is missing in the right one.
    let moved = verdict.found.iter().filter_map(|finding| match &finding.repair {
        Some(Repair::MoveTo(to)) => to.rsplit_once('/').map(|(folder, _)| folder.to_owned()),
        _ => None,
    });
    touched.extend(moved.collect::<Vec<_>>());
    let before = verdict.found.len();
    for partition in &metadata.partitions {
        let (rows, amount) = found.remove(&partition.path).unwrap_or_default();
        if touched.contains(&partition.path) || verdict.scan.is_out_of_reach(&partition.path) {
            continue;
        }
        let recorded = Amount { files: partition.files, bytes: partition.bytes };
        let (kind, what) = if amount.files == 0 && recorded.files > 0 {
            let what = format!("the metadata counts {} rows in it, and nothing is there", partition.records);
            (K::MissingPartition, what)
        } else if rows < partition.records {
            let what = format!(
                "{} of {} rows are not there: {} files where the metadata counts {}",
                partition.records - rows,
                partition.records,
                amount.files,
                recorded.files
            );
            (K::MissingRows, what)
        } else if rows != partition.records || amount != recorded {
            let what = format!(
                "{rows} rows, {} files, {} bytes are there, and the metadata counts {}, {}, {}",
                amount.files, amount.bytes, partition.records, recorded.files, recorded.bytes
            );
            (K::WrongCounts, what)
        } else {
            continue;
        };
        verdict.damage(kind, &partition.path, what, Some(Repair::Recount));
    }
    for (folder, (rows, amount)) in found.into_iter().filter(|(folder, _)| !touched.contains(folder)) {
        let what =
            format!("{rows} rows in {} files are there, and the metadata does not name it", amount.files);
        verdict.damage(K::WrongCounts, &folder, what, Some(Repair::Recount));
    }
    if verdict.found.len() > before {
        return;
    }
    let mut sums = metadata.clone();
    sums.total();
    if (sums.total_records, sums.total_bytes, sums.total_files)
        != (metadata.total_records, metadata.total_bytes, metadata.total_files)
    {
        let what = format!(
            "its sums are {} rows, {} bytes, {} files, and its partitions add up to {}, {}, {}",
            metadata.total_records,
            metadata.total_bytes,
            metadata.total_files,
            sums.total_records,
            sums.total_bytes,
            sums.total_files
        );
        verdict.damage(K::WrongCounts, &verdict.scan.metadata_path(), what, Some(Repair::Recount));
    }
}

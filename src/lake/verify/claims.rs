//! What the metadata claims beyond the files: times, positions, seals, and what is lost or waits for a decision.

use chrono::TimeDelta;

use super::finding::{FindingKind as K, Repair, Severity};
use super::verdict::Verdict;
use crate::feed::FeedKind;
use crate::lake::layout;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::ops::seal;

/// Clocks of machines that write one lake differ by so much at most.
const SKEW: TimeDelta = TimeDelta::minutes(10);

/// Compares claims with the time of the check and with the files.
pub(super) fn compare(verdict: &mut Verdict<'_>, metadata: &Metadata) {
    times(verdict, metadata);
    seals(verdict, metadata);
    if verdict.feed.kind == FeedKind::Stream {
        positions(verdict, metadata);
    }
    for loss in metadata.lost_records.iter().filter(|loss| loss.folder.is_none()) {
        verdict.find(K::Lost, Severity::Note, "", loss.sentence(), None);
    }
    if metadata.doubled_keys > 0 {
        let what = format!(
            "{} rows of the current version have a primary key that came twice",
            metadata.doubled_keys
        );
        verdict.find(K::DoubledKeys, Severity::Note, "", what, None);
    }
    for pin in &metadata.pins {
        verdict.find(K::Pinned, Severity::Note, &pin.path, pin.sentence(), None);
    }
    if let Some(decision) = metadata.pending_decision.as_ref().filter(|decision| !decision.accepted) {
        let accept = match decision.about.as_str() {
            "snapshot" => format!("; `lakehand feeds accept-snapshot {}` accepts it", verdict.feed.name),
            "retention" => format!("; `lakehand feeds accept-retention {}` accepts it", verdict.feed.name),
            _ => "; the feed has to change".to_owned(),
        };
        let what = format!("{}{accept}", decision.what);
        verdict.find(K::Pending, Severity::Note, "", what, None);
    }
}

fn times(verdict: &mut Verdict<'_>, metadata: &Metadata) {
    let limit = verdict.now + SKEW;
    if let Some(through) = metadata.complete_through.filter(|through| *through > limit) {
        let what = format!("it says that the lake is complete through {through}, which is still to come");
        verdict.damage(K::FutureWatermark, layout::METADATA, what, Some(Repair::Recount));
    }
    let newest = metadata.last_export.max(metadata.checked_at);
    if let Some(at) = newest.filter(|at| *at > limit) {
        let what =
            format!("it names an export at {at}, which is still to come: a clock was wrong, then or now");
        verdict.damage(K::FutureExport, layout::METADATA, what, Some(Repair::Recount));
    }
}

fn seals(verdict: &mut Verdict<'_>, metadata: &Metadata) {
    let zone = seal::zone_of(metadata);
    let limit = verdict.now + SKEW;
    let mut found = Vec::new();
    for partition in metadata.partitions.iter().filter(|p| p.sealed_at.is_some()) {
        let path = &partition.path;
        if !verdict.scan.sealed.contains(path) {
            continue;
        }
        let end = seal::end_of(path, zone);
        let what = if end.is_some_and(|end| end > limit) {
            "it is sealed, and not over yet"
        } else if end.zip(partition.sealed_at).is_some_and(|(end, sealed)| sealed + SKEW < end) {
            "it was sealed before it was over"
        } else if metadata.may_lack_records(path) {
            "it is sealed, and records that may belong to it are known to be lost"
        } else {
            continue;
        };
        found.push((format!("{path}/{}", layout::SUCCESS), what));
    }
    for (path, what) in found {
        verdict.damage(K::GroundlessSeal, &path, what.to_owned(), Some(Repair::Unseal));
    }
}

/// A position may lie beyond the last row: a filter, markers of transactions, records that Kafka has removed. What no file
/// proves is told, and nothing is repaired on that ground.
fn positions(verdict: &mut Verdict<'_>, metadata: &Metadata) {
    let mut held = std::collections::BTreeMap::new();
    for (_, _, footer) in verdict.good() {
        let told = footer.offsets.hulls().map(|(partition, [_, last])| (partition, last.saturating_add(1)));
        for (partition, next) in told.chain(footer.positions.iter().map(|(p, next)| (*p, *next))) {
            let known = held.entry(partition).or_insert(next);
            *known = next.max(*known);
        }
    }
    for loss in &metadata.lost_records {
        for (partition, [_, last]) in &loss.offsets {
            let known = held.entry(*partition).or_insert(0);
            *known = last.saturating_add(1).max(*known);
        }
    }
    for (partition, next) in &metadata.positions {
        let proved = held.get(partition).copied().unwrap_or(0);
        // Retention, or another partition without rows: nothing is there to compare with.
        if proved > 0 && *next > proved {
            let what = format!(
                "Kafka partition {partition} is read on from {next}, and files prove no more than {proved}: the offsets between \
                 held no rows, or a record of the position is wrong"
            );
            verdict.find(K::PositionAhead, Severity::Note, layout::METADATA, what, None);
        }
    }
}

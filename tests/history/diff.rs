//! What differs between two versions of a table, and between two commits of a stream.

use std::collections::BTreeMap;

use lakehand::Kind;
use lakehand::export::Cancel;
use lakehand::feed::Feed;
use lakehand::lake::{Asked, RowKind, VersionsDiff, diff_commits, diff_versions};

use super::lake_support::delta::as_delta;
use super::*;

fn asked(rows: usize, memory_bytes: u64) -> Asked {
    Asked { key: Vec::new(), rows, memory_bytes, cancel: Cancel::default() }
}

fn counts(diff: &VersionsDiff) -> [u64; 4] {
    [diff.added, diff.removed, diff.changed, diff.same]
}

#[test]
fn rows_are_told_by_key_with_their_values() {
    let root = tempfile::tempdir().unwrap();
    let feed = table_feed();
    let mut dataset = open(root.path(), &feed);
    let row = |name: &str, amount: Option<f64>| (name.to_owned(), amount);
    publish(
        &mut dataset,
        &[row("a", Some(1.0)), row("b", Some(2.0)), row("c", None), row("d", Some(4.0))],
        "r1",
        T0,
    )
    .unwrap();
    publish(
        &mut dataset,
        &[row("e", Some(5.5)), row("d", Some(4.0)), row("c", Some(3.0)), row("b", Some(2.5))],
        "r2",
        T0 + DAY,
    )
    .unwrap();
    let dir = dir(root.path(), &feed);
    // The first one is in the folder of before the last overwrite.
    let found = diff_versions(&dir, 1, 2, &asked(20, 1 << 20)).unwrap();
    assert_eq!((counts(&found), found.rows, found.passes), ([1, 1, 2, 1], [4, 4], 1));
    assert_eq!(found.key, ["NAME"]);
    let told: Vec<(RowKind, &str, Option<&str>, Option<&str>)> = found
        .changes
        .iter()
        .map(|change| {
            let value = &change.values[0];
            assert_eq!((change.values.len(), value.column.as_str()), (1, "AMOUNT"));
            (change.kind, change.key[0].as_deref().unwrap(), value.old.as_deref(), value.new.as_deref())
        })
        .collect();
    assert_eq!(
        told,
        [
            (RowKind::Added, "e", None, Some("5.5")),
            (RowKind::Removed, "a", Some("1"), None),
            (RowKind::Changed, "b", Some("2"), Some("2.5")),
            (RowKind::Changed, "c", None, Some("3")),
        ]
    );
    let back = diff_versions(&dir, 2, 1, &asked(0, 1 << 20)).unwrap();
    assert_eq!((counts(&back), back.changes.len()), ([1, 1, 2, 1], 0));
    let error = diff_versions(&dir, 1, 9, &asked(1, 1 << 20)).unwrap_err();
    assert!(error.kind() == Kind::Usage && error.to_string().contains("v1, v2"), "{error}");
    let wrong = Asked { key: vec!["NOTHING".to_owned()], ..asked(1, 1 << 20) };
    assert_eq!(diff_versions(&dir, 1, 2, &wrong).unwrap_err().kind(), Kind::Usage);
    // A lake that does not know the key asks for it.
    let metadata = dir.join("_metadata.json");
    let text = std::fs::read_to_string(&metadata).unwrap();
    assert!(text.contains("key_columns"));
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value.as_object_mut().unwrap().remove("key_columns");
    std::fs::write(&metadata, value.to_string()).unwrap();
    let error = diff_versions(&dir, 1, 2, &asked(1, 1 << 20)).unwrap_err();
    assert!(error.kind() == Kind::Usage && error.to_string().contains("--key"), "{error}");
    let named = Asked { key: vec!["NAME".to_owned()], ..asked(1, 1 << 20) };
    assert_eq!(counts(&diff_versions(&dir, 1, 2, &named).unwrap()), [1, 1, 2, 1]);
}

/// What a map would say.
fn expected_counts(old: &BTreeMap<String, Option<f64>>, new: &BTreeMap<String, Option<f64>>) -> [u64; 4] {
    let mut counts = [0; 4];
    for (key, value) in new {
        counts[match old.get(key) {
            None => 0,
            Some(before) if before == value => 3,
            Some(_) => 2,
        }] += 1;
    }
    counts[1] = old.keys().filter(|key| !new.contains_key(*key)).count() as u64;
    counts
}

#[test]
fn a_small_memory_reads_more_often_and_finds_the_same() {
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..4 {
        let root = tempfile::tempdir().unwrap();
        // Its versions go to the bin, and are read from there, or from the files of the log.
        let feed =
            if round % 2 == 0 { table_feed() } else { as_delta(Feed { keep_versions: 2, ..table_feed() }) };
        let mut dataset = open(root.path(), &feed);
        let mut versions = Vec::new();
        for n in 1..4 {
            let mut rows = BTreeMap::new();
            for _ in 0..random.usize(800..1500) {
                let amount = (random.u8(..4) > 0).then(|| f64::from(random.u8(..3)));
                rows.insert(format!("name {}", random.u32(..2000)), amount);
            }
            let mut list: Vec<Total> = rows.iter().map(|(k, v)| (k.clone(), *v)).collect();
            random.shuffle(&mut list);
            publish(&mut dataset, &list, &format!("r{n}"), T0 + n * DAY).unwrap();
            versions.push(rows);
        }
        let dir = dir(root.path(), &feed);
        for (from, to) in [(1, 2), (2, 3), (3, 1), (1, 1)] {
            let wanted = expected_counts(&versions[from - 1], &versions[to - 1]);
            let (from, to) = (u32::try_from(from).unwrap(), u32::try_from(to).unwrap());
            let at_once = diff_versions(&dir, from, to, &asked(7, 64 << 20)).unwrap();
            let often = diff_versions(&dir, from, to, &asked(7, 16 << 10)).unwrap();
            assert!(at_once.passes == 1 && often.passes > 5, "{} {}", at_once.passes, often.passes);
            assert_eq!(counts(&at_once), wanted);
            assert_eq!(VersionsDiff { passes: 1, ..often }, at_once);
            assert_eq!(at_once.changes.len() as u64, 7.min(wanted[0] + wanted[1] + wanted[2]));
        }
    }
}

#[test]
fn a_key_that_comes_twice_is_told() {
    let root = tempfile::tempdir().unwrap();
    let feed = table_feed();
    let mut dataset = open(root.path(), &feed);
    let row = |name: &str, amount: f64| (name.to_owned(), Some(amount));
    publish(&mut dataset, &[row("a", 1.0), row("a", 2.0), row("b", 3.0)], "r1", T0).unwrap();
    publish(&mut dataset, &[row("a", 2.0), row("a", 1.0), row("b", 3.0)], "r2", T0 + DAY).unwrap();
    let found = diff_versions(&dir(root.path(), &feed), 1, 2, &asked(5, 1 << 20)).unwrap();
    assert_eq!((counts(&found), found.doubled), ([0, 0, 0, 3], 1), "in any order");
    publish(&mut dataset, &[row("a", 2.0), row("b", 3.0)], "r3", T0 + 2 * DAY).unwrap();
    let found = diff_versions(&dir(root.path(), &feed), 2, 3, &asked(5, 1 << 20)).unwrap();
    assert_eq!((counts(&found), found.doubled), ([0, 0, 2, 1], 1));
}

#[test]
fn commits_of_a_stream_differ_by_files_and_offsets() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(3, 4), stream_feed());
    let mut dataset = open(root.path(), &feed);
    append(&mut dataset, &all[..6], "r1").unwrap();
    append(&mut dataset, &all[6..], "r2").unwrap();
    again(&mut dataset, &all, "again", T0 + 50 * DAY).unwrap();
    let dir = dir(root.path(), &feed);
    let found = diff_commits(&dir, "1", "3").unwrap();
    let told: Vec<_> =
        found.partitions.iter().map(|p| (p.partition.as_str(), p.added.rows, p.removed.rows)).collect();
    assert_eq!(
        told,
        [
            ("year=2025/month=01/day=01", 4, 4),
            ("year=2025/month=01/day=02", 2, 0),
            ("year=2025/month=01/day=03", 4, 0)
        ]
    );
    assert_eq!(found.partitions[1].offsets_added, BTreeMap::from([(0, vec![[6, 7]])]));
    assert_eq!(found.partitions[0].offsets_removed, BTreeMap::from([(0, vec![[0, 3]])]));
    let back = diff_commits(&dir, "3", "1").unwrap();
    assert_eq!(back.partitions[1].removed.rows, 2, "the other way round");
    assert!(diff_commits(&dir, "2", "2").unwrap().partitions.is_empty());
    // What came between the two and went again is no difference.
    dataset.undo_day(at(T0).date_naive(), None, at(T0 + 51 * DAY)).unwrap();
    assert!(diff_commits(&dir, "2", "4").unwrap().partitions.is_empty());
    assert_eq!(diff_commits(&dir, "2", "9").unwrap_err().kind(), Kind::Usage);
}

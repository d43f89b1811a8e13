use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::watch::testing::{catalog, entry, feed};

/// Changes and orders in words: `changed a`, `export a`.
fn words(known: &mut Known, catalog: &Catalog) -> (Vec<String>, Vec<String>) {
    let changes = known.take(catalog);
    let orders = changes.iter().flat_map(decide).map(|order| match order {
        Order::Export { feed, cause: Cause::Changed } => format!("export {}", feed.name),
        Order::Cancel { feed } => format!("cancel {feed}"),
        other => panic!("{other:?}"),
    });
    let orders = orders.collect();
    (changes.iter().map(|change| format!("{} {}", change.name(), change.feed())).collect(), orders)
}

#[track_caller]
fn step(known: &mut Known, files: &[(&str, &str)], changes: &[&str], orders: &[&str]) {
    let words = words(known, &catalog(files));
    assert_eq!(
        (words.0.iter().map(String::as_str).collect::<Vec<_>>(), words.1),
        (changes.to_vec(), orders.iter().map(|order| (*order).to_owned()).collect())
    );
}

#[test]
fn each_row_of_the_table() {
    let known = &mut Known::default();
    step(known, &[("a", "")], &["appeared a"], &["export a"]);
    step(known, &[("a", "")], &[], &[]);
    step(
        known,
        &[("a", r#""description": "new", "created_at": "2025-01-01T00:00:00Z""#)],
        &["described anew a"],
        &[],
    );
    step(known, &[("a", r#""schedule": "every 15m""#)], &["scheduled anew a"], &[]);
    step(known, &[("a", r#""retention_days": 3"#)], &["changed a"], &["export a"]);
    step(known, &[("a", r#""retention_days": 3, "enabled": false"#)], &["disabled a"], &["cancel a"]);
    step(known, &[("a", r#""retention_days": 4, "enabled": false"#)], &["changed a"], &[]);
    step(known, &[("a", r#""retention_days": 4"#)], &["enabled a"], &["export a"]);
    step(known, &[("a", r#""retention_days": 5, "enabled": false"#)], &["changed a"], &["cancel a"]);
    step(known, &[], &["gone a"], &["cancel a"]);
    step(known, &[("a", r#""enabled": false"#)], &["appeared a"], &[]);
}

#[test]
fn a_broken_file_leaves_the_last_good_version_in_force() {
    let known = &mut Known::default();
    step(known, &[("a", r#""retention_days": 3"#)], &["appeared a"], &["export a"]);
    step(known, &[("a", r#""retention_days": "three""#)], &["broken a"], &[]);
    assert_eq!(known.get("a").unwrap().retention_days, Some(3));
    step(known, &[("a", r#""retention_days": "three""#)], &[], &[]);
    let broken = known.take(&catalog(&[("a", r#""retention_days": 0"#)]));
    assert!(matches!(&broken[..], [Change::Broke { in_force: true, problems, .. }] if problems.len() == 1));
    // Back to what it was: nothing to export. To something else: exported.
    step(known, &[("a", r#""retention_days": 3"#)], &["mended a"], &[]);
    step(known, &[("a", r#""retention_days": 0"#)], &["broken a"], &[]);
    step(known, &[("a", r#""retention_days": 4"#)], &["mended a", "changed a"], &["export a"]);
    // Broken from the first day: nothing is in force until it is mended.
    step(known, &[("a", r#""retention_days": 4"#), ("b", "nonsense")], &["broken b"], &[]);
    assert!(known.get("b").is_none());
    step(known, &[("a", r#""retention_days": 4"#), ("b", "")], &["mended b", "appeared b"], &["export b"]);
    step(known, &[("b", "x")], &["gone a", "broken b"], &["cancel a"]);
    step(known, &[], &["gone b"], &["cancel b"]);
}

#[test]
fn a_renamed_feed_stops_under_its_old_name_before_it_starts_under_the_new_one() {
    let known = &mut Known::default();
    step(known, &[("b", "")], &["appeared b"], &["export b"]);
    step(known, &[("a", "")], &["gone b", "appeared a"], &["cancel b", "export a"]);
}

#[test]
fn an_export_that_follows_is_stopped_when_the_meaning_changes() {
    let known = &mut Known::default();
    step(known, &[("a", r#""mode": "follow""#)], &["appeared a"], &["export a"]);
    step(known, &[("a", r#""mode": "follow", "read": "idle""#)], &["changed a"], &["cancel a", "export a"]);
    step(known, &[("a", "")], &["changed a"], &["cancel a", "export a"]);
    step(known, &[("a", r#""read": "idle""#)], &["changed a"], &["export a"]);
}

#[test]
fn archived_files_and_the_order_of_what_has_no_order_are_no_change() {
    let known = &mut Known::default();
    step(known, &[("a", r#""exclude_columns": ["X", "Y"]"#)], &["appeared a"], &["export a"]);
    step(known, &[("a", r#""exclude_columns": ["Y", "X"]"#)], &["described anew a"], &[]);
    let mut both = catalog(&[("a", r#""exclude_columns": ["Y", "X"]"#)]);
    both.entries.push(entry("b", "", Place::Archived));
    assert_eq!(known.take(&both), []);
}

#[test]
fn what_is_exported_at_the_start() {
    let (batch, follow) = (feed("a", ""), feed("a", r#""mode": "follow""#));
    let disabled = feed("a", r#""enabled": false"#);
    for (feed, on_start, has_data, exported) in [
        (&batch, OnStart::New, false, true),
        (&batch, OnStart::New, true, false),
        (&batch, OnStart::All, true, true),
        (&batch, OnStart::None, false, false),
        (&follow, OnStart::New, true, true),
        (&follow, OnStart::None, true, false),
        (&disabled, OnStart::New, false, false),
        (&disabled, OnStart::All, false, false),
    ] {
        let order = decide_on_start(feed, on_start, || has_data);
        assert_eq!(order.is_some(), exported, "{on_start:?} {has_data} {feed:?}");
    }
}

proptest! {
    /// Whatever a folder goes through: what is in force is the last valid version of what is there, taken one at a time
    /// or with steps left out; and no change is told where there is none.
    #[test]
    fn what_is_in_force_is_the_last_valid_version(
        days in prop::collection::vec(prop::collection::btree_map("[abc]", 0_u32..4, 0..4), 1..12),
    ) {
        let (mut known, mut model) = (Known::default(), BTreeMap::<String, u32>::new());
        for files in days {
            // 0 is no legal number of days.
            let texts: Vec<_> = files.iter().map(|(name, days)| (name.as_str(), format!(r#""retention_days": {days}"#))).collect();
            let now = catalog(&texts.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>());
            let before = model.clone();
            model.retain(|name, _| files.contains_key(name));
            model.extend(files.iter().filter(|(_, days)| **days > 0).map(|(name, days)| (name.clone(), *days)));
            let changes = known.take(&now);
            let in_force: BTreeMap<_, _> =
                known.in_force().map(|feed| (feed.name.clone(), feed.retention_days.unwrap())).collect();
            prop_assert_eq!(&in_force, &model);
            let exported: BTreeSet<_> = changes.iter().flat_map(decide).filter_map(|order| match order {
                Order::Export { feed, .. } => Some(feed.name),
                _ => None,
            }).collect();
            let differ = model.iter().filter(|(name, days)| before.get(*name) != Some(days));
            prop_assert_eq!(exported, differ.map(|(name, _)| name.clone()).collect());
            prop_assert_eq!(known.take(&now), []);
        }
    }
}

//! The lake's side: what is due, the switch, the removal of copies, the way back, and what may come in between.

use std::path::Path;

use lakehand::Kind;
use lakehand::feed::{Feed, TableFormat};
use lakehand::lake::{
    BeforeRun, Clock, Dataset, Lake, PartitionState, RetentionRules, TierRules, completeness, copies_due,
    read_metadata, replaced, tier_due, tier_gone,
};

use crate::lake_support::*;
use crate::support::*;

fn dir(root: &Path, feed: &Feed) -> std::path::PathBuf {
    Lake::new(root).dataset_dir(feed).unwrap()
}

#[test]
fn a_day_goes_and_comes_back() {
    let (root, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let feed = stream_feed();
    let all = sealed(root.path(), &feed);
    let dir = dir(root.path(), &feed);
    let mut dataset = open(root.path(), &feed);
    for n in [0, 2] {
        cool(&mut dataset, &feed, store.path(), n).unwrap();
    }
    drop(dataset);
    assert_whole(root.path(), &feed, &all);
    let metadata = read_metadata(&dir).unwrap().unwrap();
    let cold = metadata.partitions[2].cold.as_ref().unwrap();
    assert_eq!((cold.records, cold.files), (8, 2), "the day came in two commits");
    assert_eq!(cold.local_until, Some(later()));
    assert_eq!(cold.url, folder_url(store.path(), &folder(T0 + 2 * DAY)));
    // Whoever knows nothing of the cold tier finds the files until the grace period is over.
    assert_eq!(rows(&dir), expected(&all));
    assert!(due_day(&dir, &feed, 0).is_empty(), "what is there is not copied again");

    assert!(copies_due(&dir, now()).unwrap().is_empty());
    let mut dataset = open(root.path(), &feed);
    let copies = copies_due(&dir, later()).unwrap();
    assert_eq!(copies.iter().map(|due| due.files.len()).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(dataset.drop_copies(&copies[0], now()).unwrap().files, 0, "not before its time");
    let dropped = dataset.drop_copies(&copies[0], later()).unwrap();
    assert_eq!(dropped.files, 1);
    drop(dataset);
    assert_eq!(rows(&dir), expected(&all[8..]));
    assert!(!dir.join(&copies[0].partition).exists());
    assert_whole(root.path(), &feed, &all);
    assert_eq!(completeness(&dir).unwrap()[0].state, PartitionState::Sealed);

    let mut dataset = open(root.path(), &feed);
    // One day whose copy is gone, and one whose copy is there.
    home(&mut dataset, 0).unwrap();
    home(&mut dataset, 2).unwrap();
    drop(dataset);
    assert_eq!(rows(&dir), expected(&all));
    assert_whole(root.path(), &feed, &all);
    let metadata = read_metadata(&dir).unwrap().unwrap();
    assert!(metadata.partitions.iter().all(|partition| partition.cold.is_none()));
    let grace = std::time::Duration::from_secs(86_400);
    assert!(tier_gone(&dir, grace, later()).unwrap().is_empty());
    let told = lakehand::lake::history(&dir, Some(5)).unwrap();
    let kinds: Vec<_> = told.commits.iter().map(|commit| commit.kind.name()).collect();
    assert_eq!(kinds, ["came home", "came home", "copy removed", "to cold tier", "to cold tier"]);
    let gone = tier_gone(&dir, grace, later() + grace).unwrap();
    assert_eq!((gone.len(), gone.iter().all(|gone| gone.is_free)), (3, true));
    // The day goes to the same place again: its object is in use, and is not deleted.
    let mut dataset = open(root.path(), &feed);
    seal_all(&mut dataset);
    cool(&mut dataset, &feed, store.path(), 0).unwrap();
    let gone = tier_gone(&dir, grace, later() + grace).unwrap();
    assert_eq!(gone.iter().filter(|gone| gone.is_free).count(), 2);
    dataset.forget_gone(&gone, later() + grace).unwrap();
    assert!(tier_gone(&dir, grace, later() + grace * 2).unwrap().is_empty());
    assert!(!books(&dir).join("cold-gone").read_dir().unwrap().any(|_| true));
    drop(dataset);
    assert_whole(root.path(), &feed, &all);
}

#[test]
fn only_what_may_move_is_due() {
    let root = tempfile::tempdir().unwrap();
    let feed = stream_feed();
    sealed(root.path(), &feed);
    let dir = dir(root.path(), &feed);
    let due = |after_days, today| {
        tier_due(&dir, &feed, TierRules { after_days, today: day(today), day: None }).unwrap()
    };
    assert!(due(None, 40).days.is_empty());
    // The third day ends with the begin of the fourth.
    assert_eq!(due(Some(3), 6).days.len(), 3);
    assert_eq!(due(Some(3), 5).days.len(), 2);
    let mut dataset = open(root.path(), &feed);
    append(&mut dataset, &[(0, 48, T0 + DAY)], "late").unwrap();
    drop(dataset);
    let found = due(Some(3), 6);
    assert_eq!((found.days.len(), found.not.len()), (2, 1));
    assert!(found.not[0].why.contains("open again"), "{found:?}");

    let table = tier_due(&dir, &table_feed(), TierRules { after_days: Some(1), today: day(9), day: None });
    assert_eq!(table.unwrap_err().kind(), Kind::Refused);
    let delta = Feed { table_format: vec![TableFormat::Delta], ..feed.clone() };
    let refused = tier_due(&dir, &delta, TierRules { after_days: Some(1), today: day(9), day: None });
    assert!(refused.unwrap_err().to_string().contains("as a whole or not at all"));
    let nowhere = TierRules { after_days: None, today: day(9), day: Some(day(20)) };
    assert_eq!(tier_due(&dir, &feed, nowhere).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn late_rows_of_a_cold_day_come_in_at_once_and_go_after_it_later() {
    let (root, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let feed = stream_feed();
    let mut all = sealed(root.path(), &feed);
    let dir = dir(root.path(), &feed);
    let mut dataset = open(root.path(), &feed);
    cool(&mut dataset, &feed, store.path(), 0).unwrap();
    cool(&mut dataset, &feed, store.path(), 1).unwrap();
    free(&mut dataset, 0, later()).unwrap();
    // One day has its copy still, the other has it no more.
    let late = [(0, 48, T0 + 5), (0, 49, T0 + DAY + 5)];
    append(&mut dataset, &late, "late").unwrap();
    all.extend(late);
    drop(dataset);
    assert_whole(root.path(), &feed, &all);
    let metadata = read_metadata(&dir).unwrap().unwrap();
    for partition in &metadata.partitions[..2] {
        let cold = partition.cold.as_ref().unwrap();
        assert_eq!((partition.records, cold.records, partition.files, cold.files), (9, 8, 2, 1));
        assert!(partition.reopened_at.is_some() && partition.sealed_at.is_none());
    }
    let mut dataset = open_sealing(root.path(), &feed);
    assert_eq!(free(&mut dataset, 1, later()).unwrap().files, 1);
    seal_all(&mut dataset);
    for n in [0, 1] {
        assert_eq!(due_day(&dir, &feed, n)[0].files.len(), 1, "the late file alone");
        cool(&mut dataset, &feed, store.path(), n).unwrap();
    }
    drop(dataset);
    assert_whole(root.path(), &feed, &all);
    let metadata = read_metadata(&dir).unwrap().unwrap();
    assert_eq!(metadata.partitions[0].cold.as_ref().unwrap().files, 2);
}

#[test]
fn a_day_that_changed_while_it_was_copied_is_not_switched() {
    let (root, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let feed = stream_feed();
    let mut all = sealed(root.path(), &feed);
    let dir = dir(root.path(), &feed);
    let due = due_day(&dir, &feed, 1).remove(0);
    let hashes = copy_out(store.path(), &due);
    let mut dataset = open(root.path(), &feed);
    append(&mut dataset, &[(0, 48, T0 + DAY)], "late").unwrap();
    all.push((0, 48, T0 + DAY));
    let url = folder_url(store.path(), &due.partition);
    let refused = dataset.cool(&due, &hashes, &url, later(), now()).unwrap_err();
    assert_eq!(refused.kind(), Kind::Refused, "{refused}");
    drop(dataset);
    assert_whole(root.path(), &feed, &all);
}

#[test]
fn a_cold_day_is_changed_by_nobody_before_it_is_home() {
    let (root, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let feed = stream_feed();
    let all = sealed(root.path(), &feed);
    let mut dataset = open(root.path(), &feed);
    cool(&mut dataset, &feed, store.path(), 0).unwrap();
    free(&mut dataset, 0, later()).unwrap();
    let refused = again(&mut dataset, &all, "again", T0 + 50 * DAY).unwrap_err();
    assert_eq!(refused.kind(), Kind::Refused);
    assert!(refused.to_string().contains("lakehand tier restore"), "{refused}");
    home(&mut dataset, 0).unwrap();
    again(&mut dataset, &all, "again", T0 + 50 * DAY).unwrap();
    dataset.undo_day(day(0), None, now()).unwrap();
    drop(dataset);
    assert_whole(root.path(), &feed, &all);
}

/// Each way home notes the object; two notes of one second, and of one commit, are two.
#[test]
fn a_day_may_go_and_come_home_twice_in_a_second() {
    let (root, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let feed = Feed { retention_days: Some(10), ..stream_feed() };
    let all = sealed(root.path(), &feed);
    let dir = dir(root.path(), &feed);
    let mut dataset = open(root.path(), &feed);
    for _ in 0..3 {
        cool(&mut dataset, &feed, store.path(), 0).unwrap();
        home(&mut dataset, 0).unwrap();
    }
    assert_eq!(tier_gone(&dir, std::time::Duration::ZERO, later()).unwrap().len(), 3);
    drop(dataset);
    assert_whole(root.path(), &feed, &all);
    // The same file lies in the bin twice: it left by retention, came back as a copy of its stub, and left again.
    let mut dataset = open(root.path(), &feed);
    cool(&mut dataset, &feed, store.path(), 0).unwrap();
    free(&mut dataset, 0, later()).unwrap();
    dataset.retain(day(11)).unwrap();
    let bin = books(&dir).join("bin");
    let set = std::fs::read_dir(&bin).unwrap().next().unwrap().unwrap().path();
    copy_tree(&set, &bin.join("000099-retain20250301T000000Z"));
    let sets = replaced(&dir).unwrap();
    assert_eq!(sets.len(), 2, "{sets:?}");
    assert_eq!(dataset.forget_replaced(&sets).unwrap().len(), 2);
    assert_eq!(tier_gone(&dir, std::time::Duration::ZERO, at(T0 + 200 * DAY)).unwrap().len(), 5);
}

#[test]
fn what_comes_home_is_what_went() {
    let (root, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let feed = stream_feed();
    let all = sealed(root.path(), &feed);
    let mut dataset = open(root.path(), &feed);
    cool(&mut dataset, &feed, store.path(), 0).unwrap();
    free(&mut dataset, 0, later()).unwrap();
    let coming = dataset.prepare_home(&folder(T0)).unwrap();
    let object = path_of(&coming.files[0].url);
    let whole = std::fs::read(&object).unwrap();
    for damage in [whole[..whole.len() - 1].to_vec(), {
        let mut bytes = whole.clone();
        bytes[40] ^= 1;
        bytes
    }] {
        std::fs::write(&object, damage).unwrap();
        let refused = home(&mut dataset, 0).unwrap_err();
        assert_eq!(refused.kind(), Kind::Damaged);
    }
    std::fs::write(&object, &whole).unwrap();
    home(&mut dataset, 0).unwrap();
    drop(dataset);
    assert_whole(root.path(), &feed, &all);
    assert_eq!(rows(&dir(root.path(), &feed)), expected(&all));
}

#[test]
fn metadata_and_journal_are_made_anew_from_files_and_stubs() {
    let (root, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let feed = stream_feed();
    let all = sealed(root.path(), &feed);
    let dir = dir(root.path(), &feed);
    let mut dataset = open(root.path(), &feed);
    cool(&mut dataset, &feed, store.path(), 0).unwrap();
    cool(&mut dataset, &feed, store.path(), 3).unwrap();
    free(&mut dataset, 0, later()).unwrap();
    let known = dataset.metadata().clone();
    drop(dataset);
    for with_journal in [true, false] {
        std::fs::remove_file(dir.join("_metadata.json")).unwrap();
        if !with_journal {
            std::fs::remove_file(books(&dir).join("journal")).unwrap();
        }
        let dataset = open(root.path(), &feed);
        let made = dataset.metadata();
        assert_eq!(made.positions, known.positions);
        for (made, known) in made.partitions.iter().zip(&known.partitions) {
            assert_eq!((&made.path, made.records, &made.cold), (&known.path, known.records, &known.cold));
        }
        drop(dataset);
        assert_eq!(both_tiers(&dir), all.iter().copied().collect());
        let mut dataset = open(root.path(), &feed);
        append(&mut dataset, &[], "nothing").unwrap();
    }
}

#[test]
fn retention_reaches_cold_days_and_undo_brings_them_back() {
    let (root, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let feed = Feed { retention_days: Some(10), ..stream_feed() };
    let all = sealed(root.path(), &feed);
    let dir = dir(root.path(), &feed);
    let lake = Lake::new(root.path())
        .retaining(RetentionRules { grace: std::time::Duration::from_secs(7 * 86_400), max_share: 100 });
    let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
    for n in [0, 1] {
        cool(&mut dataset, &feed, store.path(), n).unwrap();
    }
    free(&mut dataset, 0, later()).unwrap();
    // A late row lies beside the objects of the first day.
    append(&mut dataset, &[(0, 48, T0 + 7)], "late").unwrap();
    let before = BeforeRun { commit_seq: dataset.metadata().commit_seq + 100, last_export: None };
    let when = at(T0 + 13 * DAY);
    let clock = Clock { now: when, server: Some(when) };
    let removed = dataset.retain_within(clock, before).unwrap();
    assert_eq!(removed.iter().map(|gone| gone.records).collect::<Vec<_>>(), [9, 8, 8]);
    assert_eq!(both_tiers(&dir), all[24..].iter().copied().collect());
    assert_eq!(replaced(&dir).unwrap().iter().map(|set| set.rows).sum::<u64>(), 25);
    // The second day had its copy: that is what may come back, and its object is needed no more.
    let grace = std::time::Duration::ZERO;
    assert_eq!(tier_gone(&dir, grace, when).unwrap().len(), 1);

    dataset.undo_day(day(0), None, when).unwrap();
    dataset.undo_day(day(1), None, when).unwrap();
    let held: Vec<Row> =
        all.iter().copied().filter(|(_, o, _)| *o < 16 || *o >= 24).chain([(0, 48, T0 + 7)]).collect();
    assert_eq!(both_tiers(&dir), held.iter().copied().collect());
    let metadata = read_metadata(&dir).unwrap().unwrap();
    assert_eq!(metadata.partitions[0].cold.as_ref().map(|cold| cold.records), Some(8));
    assert!(metadata.partitions[1].cold.is_none());

    // Gone again, and for good after the grace period: the object is told to whoever knows the store.
    dataset.retain_within(clock, before).unwrap();
    let over = at(T0 + 21 * DAY);
    let held_on = Feed { retention_days: Some(400), ..feed.clone() };
    drop(dataset);
    let mut dataset = Dataset::open(&lake, &held_on, limits(), owner()).unwrap();
    dataset.retain_within(Clock { now: over, server: Some(over) }, before).unwrap();
    // The purge is of the time at which the lake was opened.
    let gone = tier_gone(&dir, grace, at(T0 + 101 * DAY)).unwrap();
    assert_eq!((gone.len(), gone.iter().all(|gone| gone.is_free)), (2, true), "{gone:?}");
    assert!(replaced(&dir).unwrap().is_empty());
    drop(dataset);
    let report =
        lakehand::lake::verify::check(&lake, &held_on, lakehand::lake::verify::Options::default(), &owner());
    let damage: Vec<_> = report
        .unwrap()
        .findings
        .into_iter()
        .filter(|f| f.severity == lakehand::lake::verify::Severity::Damage)
        .collect();
    assert!(damage.is_empty(), "{damage:#?}");
}

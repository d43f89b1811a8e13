//! A day exported again takes the place of what is there, whole or not at all.

use std::fs;

use chrono::NaiveDate;
use lakehand::Kind;
use lakehand::lake::verify::{FindingKind, Options, check, repair};
use lakehand::lake::{BeforeRun, Clock, Dataset, Lake};

use crate::damages::{Built, build};
use crate::lake_support::*;

const FIRST: NaiveDate = NaiveDate::from_ymd_opt(2025, 1, 1).unwrap();

fn all(built: &Built) -> Vec<Row> {
    [built.first.clone(), built.second.clone()].concat()
}

/// Reads the whole log again, as the server would give it, and swaps the first day.
fn again(built: &Built, id: &str, rows: &[Row]) -> lakehand::Result<lakehand::lake::Committed> {
    let mut dataset = open(&built.root, &built.feed);
    let mut replacer = dataset.replacer(&stream_schema(), run(id), FIRST)?;
    replacer.write(&batch(rows))?;
    replacer.swap(at(T0 + 50 * DAY))
}

fn sound(built: &Built) {
    let report =
        check(&Lake::new(&built.root), &built.feed, Options { deep: true, ..Options::default() }, &owner())
            .unwrap();
    assert!(report.is_sound(), "{:#?}", report.findings);
}

#[test]
fn the_day_is_swapped_and_the_old_files_are_kept_until_the_next_time() {
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), false);
    let positions = open(root.path(), &built.feed).metadata().positions.clone();
    let done = again(&built, "again1", &all(&built)).unwrap();
    assert_eq!((done.rows, done.files), (9, 1));
    assert_eq!(rows(&built.dir), expected(&all(&built)), "the same rows, each once");
    assert_eq!(open(root.path(), &built.feed).metadata().positions, positions, "positions stay");
    sound(&built);
    let kept = |id: &str| books(&built.dir).join(format!("bin/{id}/year=2025/month=01/day=01"));
    assert_eq!(fs::read_dir(kept(&done.id)).unwrap().count(), 2, "two files of before");

    let second = again(&built, "again2", &all(&built)).unwrap();
    assert_eq!(fs::read_dir(kept(&second.id)).unwrap().count(), 1);
    assert!(
        !books(&built.dir).join("bin").join(&done.id).exists(),
        "the next swap of the day takes the older copy away"
    );
    sound(&built);
}

#[test]
fn a_day_that_lost_a_file_is_whole_again() {
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), false);
    let lake = Lake::new(&built.root);
    let victim = built.dir.join(&data_files(&built.dir)[0]);
    fs::write(&victim, b"rubbish").unwrap();
    let mended = repair(&lake, &built.feed, limits(), Options::default(), owner()).unwrap();
    assert!(mended.left.findings.iter().any(|f| f.kind == FindingKind::Lost && f.what.contains("4 rows")));
    assert_eq!(rows(&built.dir).len(), all(&built).len() - 4);
    again(&built, "again", &all(&built)).unwrap();
    assert_eq!(rows(&built.dir), expected(&all(&built)));
    let report = check(&lake, &built.feed, Options { deep: true, ..Options::default() }, &owner()).unwrap();
    assert!(!report.findings.iter().any(|f| matches!(f.kind, FindingKind::Lost | FindingKind::Gap)));
    sound(&built);
}

#[test]
fn what_did_not_come_again_is_not_given_up() {
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), false);
    let before = (data_files(&built.dir), fs::read(built.dir.join("_metadata.json")).unwrap());
    let fewer: Vec<Row> = all(&built).into_iter().filter(|row| row.1 != 3).collect();
    let error = again(&built, "again", &fewer).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("offsets 3..=3 are in the lake"), "{error}");
    // A row that the lake has not read yet must come with an export, or it would come twice.
    let more = [all(&built), vec![(0, 18, T0)]].concat();
    assert_eq!(again(&built, "again", &more).unwrap_err().kind(), Kind::Garbled);
    let doubled = [all(&built), vec![(0, 0, T0)]].concat();
    assert_eq!(again(&built, "again", &doubled).unwrap_err().kind(), Kind::Garbled);
    assert_eq!((data_files(&built.dir), fs::read(built.dir.join("_metadata.json")).unwrap()), before);
}

#[test]
fn a_swap_that_is_stopped_anywhere_is_before_or_after() {
    for step in 0.. {
        let root = tempfile::tempdir().unwrap();
        let built = build(root.path(), false);
        let stop = StopAt::operation(step);
        let lake = Lake::with_faults(&built.root, stop.clone());
        let swapped = Dataset::open(&lake, &built.feed, limits(), owner()).and_then(|mut dataset| {
            let mut replacer = dataset.replacer(&stream_schema(), run("again"), FIRST)?;
            replacer.write(&batch(&all(&built)))?;
            replacer.swap(at(T0 + 50 * DAY))
        });
        let dataset = open(&built.root, &built.feed);
        let files = data_files(&built.dir).iter().filter(|f| f.contains("day=01")).count();
        assert_eq!(rows(&built.dir), expected(&all(&built)), "step {step}");
        assert!(files == 1 || files == 2, "step {step}: {files} files");
        assert!(swapped.is_err() || files == 1, "step {step}");
        drop(dataset);
        sound(&built);
        if !stop.fired() {
            return;
        }
    }
}

#[test]
fn copies_of_a_day_that_retention_took_are_deleted_after_the_grace_period() {
    let root = tempfile::tempdir().unwrap();
    let mut built = build(root.path(), false);
    again(&built, "again", &all(&built)).unwrap();
    built.feed.retention_days = Some(1);
    let mut dataset = open(&built.root, &built.feed);
    let removed = dataset.retain(NaiveDate::from_ymd_opt(2025, 1, 4).unwrap()).unwrap();
    assert_eq!(removed.len(), 2);
    drop(dataset);
    assert_eq!(data_files(&built.dir).len(), 2);
    let left = data_files(&books(&built.dir).join("bin"));
    assert!(!left.is_empty(), "nothing is deleted at once");
    sound(&built);
    // The copies have the time of their folder, and the days that of their move: both are long over.
    let now = chrono::Utc::now() + chrono::TimeDelta::days(8);
    let mut dataset = open(&built.root, &built.feed);
    // All of the files are of this run: nothing more goes.
    let before = BeforeRun { commit_seq: 0, last_export: None };
    dataset.retain_within(Clock { now, server: Some(now) }, before).unwrap();
    drop(dataset);
    let left = data_files(&books(&built.dir).join("bin"));
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(data_files(&built.dir).len(), 2);
}

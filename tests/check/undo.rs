//! A new export of a day is taken back, and that again; at every instant the lake is before or after.

use std::collections::BTreeSet;
use std::fs;

use chrono::NaiveDate;
use lakehand::Kind;
use lakehand::lake::verify::{FindingKind, Options, check};
use lakehand::lake::{Dataset, Lake, Undone, completeness, read_metadata, replaced, undo_preview};

use crate::damages::{Built, build};
use crate::lake_support::*;

const FIRST: NaiveDate = NaiveDate::from_ymd_opt(2025, 1, 1).unwrap();

fn all(built: &Built) -> Vec<Row> {
    [built.first.clone(), built.second.clone()].concat()
}

fn again(built: &Built, id: &str, rows: &[Row]) -> String {
    let mut dataset = open(&built.root, &built.feed);
    let mut replacer = dataset.replacer(&stream_schema(), run(id), FIRST).unwrap();
    replacer.write(&batch(rows)).unwrap();
    replacer.swap(at(T0 + 50 * DAY)).unwrap().id
}

fn undo(built: &Built) -> lakehand::Result<Undone> {
    open(&built.root, &built.feed).undo_day(FIRST, None, at(T0 + 51 * DAY))
}

fn sound(built: &Built, when: &str) {
    let report =
        check(&Lake::new(&built.root), &built.feed, Options { deep: true, ..Options::default() }, &owner())
            .unwrap();
    assert!(report.is_sound(), "{when}: {:#?}", report.findings);
}

fn first_day(built: &Built) -> BTreeSet<String> {
    data_files(&built.dir).into_iter().filter(|file| file.contains("day=01")).collect()
}

#[test]
fn the_files_of_before_come_back_and_an_undo_can_be_undone() {
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), false);
    let before = (first_day(&built), open(root.path(), &built.feed).metadata().clone());
    let swap = again(&built, "again", &all(&built));
    let swapped = first_day(&built);
    assert_ne!(before.0, swapped);
    let sets = replaced(&built.dir).unwrap();
    let told: Vec<_> =
        sets.iter().map(|s| (s.commit.as_str(), s.partition.as_str(), s.files, s.rows)).collect();
    assert_eq!(told, [(swap.as_str(), "year=2025/month=01/day=01", 2, 9)]);
    assert!(sets[0].at.is_some() && sets[0].bytes > 0);

    let preview = undo_preview(&built.dir, FIRST, None).unwrap();
    assert_eq!(first_day(&built), swapped, "a preview changes nothing");
    let done = undo(&built).unwrap();
    assert_eq!(Undone { id: done.id.clone(), ..preview }, done);
    assert_eq!(
        (done.commit.as_str(), done.back.files, done.aside.files, done.lost),
        (swap.as_str(), 2, 1, 0)
    );
    assert_eq!(first_day(&built), before.0);
    assert_eq!(rows(&built.dir), expected(&all(&built)));
    let metadata = read_metadata(&built.dir).unwrap().unwrap();
    assert_eq!(metadata.partitions, before.1.partitions);
    assert_eq!(metadata.positions, before.1.positions);
    sound(&built, "undone");
    assert_eq!(replaced(&built.dir).unwrap()[0].commit, done.id);
    assert!(!books(&built.dir).join("bin").join(&swap).exists(), "the set that came back leaves nothing");

    let redone = undo(&built).unwrap();
    assert_eq!(redone.commit, done.id);
    assert_eq!(first_day(&built), swapped);
    assert_eq!(rows(&built.dir), expected(&all(&built)));
    sound(&built, "undone twice");
}

#[test]
fn rows_that_only_the_new_export_had_are_told_and_not_claimed() {
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), false);
    // A file of the day is gone, and the export of the day brings its rows again.
    let victim = data_files(&built.dir).remove(0);
    fs::remove_file(built.dir.join(&victim)).unwrap();
    let lake = Lake::new(&built.root);
    lakehand::lake::verify::repair(&lake, &built.feed, limits(), Options::default(), owner()).unwrap();
    let fewer = rows(&built.dir);
    again(&built, "again", &all(&built));
    let done = undo(&built).unwrap();
    assert_eq!(done.lost, 4);
    assert_eq!(rows(&built.dir), fewer);
    sound(&built, "undone");
    let days = completeness(&built.dir).unwrap();
    assert_eq!(days[0].lost, 4);
    let report = check(&lake, &built.feed, Options::default(), &owner()).unwrap();
    assert!(report.findings.iter().any(|f| f.kind == FindingKind::Lost && f.what.contains("4 rows")));
    // And they are there again when that is taken back.
    assert_eq!(undo(&built).unwrap().lost, 0);
    assert_eq!(rows(&built.dir), expected(&all(&built)));
    assert_eq!(completeness(&built.dir).unwrap()[0].lost, 0);
    sound(&built, "undone twice");
}

#[test]
fn late_rows_stay() {
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), false);
    again(&built, "again", &all(&built));
    let mut dataset = open(&built.root, &built.feed);
    let positions = dataset.metadata().positions.clone();
    let late = vec![(0, positions[&0], T0 + 77)];
    let mut appender = dataset.appender(&stream_schema(), run("late")).unwrap();
    appender.write(&batch(&late)).unwrap();
    appender.commit(commit_after(&late)).unwrap();
    drop(appender);
    drop(dataset);
    let with_late = [all(&built), late].concat();
    for turn in 0..3 {
        let done = undo(&built).unwrap();
        assert_eq!((done.stay.files, done.stay.rows, done.lost), (1, 1, 0), "turn {turn}");
        assert_eq!(rows(&built.dir), expected(&with_late), "turn {turn}");
        sound(&built, "with late rows");
    }
}

#[test]
fn what_cannot_be_undone_is_refused_and_nothing_changes() {
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), false);
    let refused = |kind: Kind, words: &str| {
        let before = (data_files(&built.root), fs::read(built.dir.join("_metadata.json")).unwrap());
        let error = undo(&built).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(undo_preview(&built.dir, FIRST, None).unwrap_err().kind(), kind);
        assert_eq!((data_files(&built.root), fs::read(built.dir.join("_metadata.json")).unwrap()), before);
    };
    refused(Kind::Usage, "nothing of year=2025/month=01/day=01 was replaced");
    let swap = again(&built, "again", &all(&built));
    let other = open(root.path(), &built.feed).undo_day(FIRST, Some("000099-none"), at(T0)).unwrap_err();
    assert!(other.to_string().contains(&format!("there is {swap}")), "{other}");

    // Somebody holds the dataset.
    let held = open(&built.root, &built.feed);
    let lake = Lake::new(&built.root);
    let error = Dataset::open(&lake, &built.feed, limits(), owner()).err().unwrap();
    assert_eq!(error.kind(), Kind::Locked);
    drop(held);

    // The columns changed their type in between.
    let path = built.dir.join("_metadata.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"schema_version\": \"1.0\"", "\"schema_version\": \"2.0\"")).unwrap();
    refused(Kind::Schema, "written under schema 1.0, and the dataset is at 2.0");
    fs::write(&path, &text).unwrap();

    // A file of the set is damaged.
    let set = books(&built.dir).join("bin").join(&swap);
    let file = set.join(data_files(&set).remove(0));
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 9]).unwrap();
    refused(Kind::Damaged, "cannot be read");
    // A copy of it stands in its place.
    fs::write(&file, &whole).unwrap();
    let place = built.dir.join(file.strip_prefix(&set).unwrap()).with_extension("");
    fs::write(&place, b"x").unwrap();
    refused(Kind::Damaged, "is in its place already");
    fs::remove_file(place).unwrap();
    // A link leads out of the lake.
    let (inside, outside) = (books(&built.dir).join("bin"), built.root.join("elsewhere"));
    fs::rename(&inside, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &inside).unwrap();
    refused(Kind::Damaged, "a symbolic link stands where a folder of the dataset belongs");
    fs::remove_file(&inside).unwrap();
    fs::rename(&outside, &inside).unwrap();
    undo(&built).unwrap();
}

/// Seals what is complete: everything.
fn seal(built: &Built) {
    let lake = Lake::new(&built.root).sealing_after(Some(std::time::Duration::ZERO));
    let mut dataset = Dataset::open(&lake, &built.feed, limits(), owner()).unwrap();
    let positions = dataset.metadata().positions.clone();
    dataset.note_caught_up(&positions, Some(at(T0 + 40 * DAY)), "offsets", at(T0 + 40 * DAY)).unwrap();
    dataset.seal(at(T0 + 41 * DAY)).unwrap();
}

#[test]
fn a_day_that_lacks_rows_is_not_sealed() {
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), false);
    let lost = data_files(&built.dir).remove(0);
    fs::remove_file(built.dir.join(lost)).unwrap();
    lakehand::lake::verify::repair(
        &Lake::new(&built.root),
        &built.feed,
        limits(),
        Options::default(),
        owner(),
    )
    .unwrap();
    seal(&built);
    let states: Vec<_> = completeness(&built.dir).unwrap().iter().map(|day| day.state.name()).collect();
    assert_eq!(states, ["open", "sealed", "sealed"]);
    let complete = || completeness(&built.dir).unwrap().iter().map(|day| day.complete).collect::<Vec<_>>();
    assert_eq!(complete(), [false; 3], "the offsets that are missing may be any day's");
    again(&built, "again", &all(&built));
    assert_eq!(complete(), [true; 3], "beyond the watermark, and all is accounted for");
}

#[test]
fn an_undo_that_is_stopped_anywhere_is_before_or_after() {
    let (mut before, mut after) = (0, 0);
    for step in 0.. {
        let root = tempfile::tempdir().unwrap();
        let built = build(root.path(), false);
        again(&built, "again", &all(&built));
        seal(&built);
        let stop = StopAt::operation(step);
        let lake = Lake::with_faults(&built.root, stop.clone());
        let undone = Dataset::open(&lake, &built.feed, limits(), owner())
            .and_then(|mut dataset| dataset.undo_day(FIRST, None, at(T0 + 51 * DAY)));
        drop(open(&built.root, &built.feed));
        let files = first_day(&built).len();
        assert_eq!(rows(&built.dir), expected(&all(&built)), "step {step}");
        assert!(files == 1 || files == 2, "step {step}: {files} files");
        assert!(undone.is_err() || files == 2, "step {step}");
        let set: u64 = replaced(&built.dir).unwrap().iter().map(|set| set.files).sum();
        assert_eq!(set, 3 - files as u64, "step {step}: what is not in its place is put aside");
        let sealed = built.dir.join("year=2025/month=01/day=01/_SUCCESS").exists();
        assert_eq!(sealed, files == 1, "step {step}: the mark goes with the undo, and not without it");
        let state = completeness(&built.dir).unwrap()[0].state.name();
        assert_eq!(state, if sealed { "sealed" } else { "reopened" }, "step {step}");
        sound(&built, &format!("step {step}"));
        if files == 2 {
            after += 1;
        } else {
            before += 1;
        }
        if !stop.fired() {
            assert!(before > 5 && after > 5, "{before} before, {after} after");
            return;
        }
    }
}

#[test]
fn a_set_is_forgotten_whole_or_not_at_all() {
    let base = tempfile::tempdir().unwrap();
    let first = build(base.path(), false);
    again(&first, "again", &all(&first));
    for step in 0.. {
        let root = tempfile::tempdir().unwrap();
        copy_tree(base.path(), root.path());
        let dir = root.path().join(first.dir.strip_prefix(base.path()).unwrap());
        let sets = replaced(&dir).unwrap();
        let stop = StopAt::operation(step);
        let gone =
            Dataset::open(&Lake::with_faults(root.path(), stop.clone()), &first.feed, limits(), owner())
                .and_then(|mut dataset| dataset.forget_replaced(&sets));
        drop(open(root.path(), &first.feed));
        let left = replaced(&dir).unwrap();
        assert!(left.is_empty() || left == sets, "step {step}: {left:?}");
        assert!(left.is_empty() || gone.is_err(), "step {step}");
        assert_eq!(rows(&dir), expected(&all(&first)), "step {step}");
        if !stop.fired() {
            assert_eq!(gone.unwrap(), sets);
            let error = open(root.path(), &first.feed).undo_day(FIRST, None, at(T0)).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            return;
        }
    }
}

//! An intent that a version before 0.2 has left is finished by its own rules.
//!
//! ```text
//! <FNV-1a of the object, 16 digits>
//! {"commit": …, "moves": [{"from", "to", "bytes", "rows"} …], "metadata": "<the whole new _metadata.json as a text>"}
//! ```
//!
//! Every path is below the dataset's folder, staged files end in `.parquet`, and neither a journal nor staged metadata exists.

use std::path::{Path, PathBuf};

use lakehand::Kind;
use lakehand::lake::verify::{Options, check};
use lakehand::lake::{Dataset, Lake};
use serde_json::{Value, json};

use crate::before::make_old;
use crate::beside_data;
use crate::lake_support::*;

const COMMIT: &str = "000002-r2";

/// Rows of the commit that is whole, and of the one that was decided and not finished.
fn commits() -> [Vec<Row>; 2] {
    let rows = |from: i64, until: i64| (from..until).map(|i| (0, i, T0 + i / 4 * DAY)).collect();
    [rows(0, 12), rows(12, 26)]
}

fn all() -> Vec<Row> {
    commits().concat()
}

fn export(root: &Path, id: &str, rows: &[Row]) {
    let mut dataset = open(root, &stream_feed());
    let mut appender = dataset.appender(&stream_schema(), run(id)).unwrap();
    appender.write(&batch(rows)).unwrap();
    appender.commit(commit_after(rows)).unwrap();
}

/// The metadata as that version wrote it: it knew no journal.
fn metadata_of_before(dir: &Path) -> String {
    let text = std::fs::read_to_string(dir.join("_metadata.json")).unwrap();
    let mut metadata: Value = serde_json::from_str(&text).unwrap();
    metadata.as_object_mut().unwrap().remove("journal").unwrap();
    serde_json::to_string_pretty(&metadata).unwrap()
}

/// The bytes of an intent, as that version wrote them.
fn intent(body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let fnv = body.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{fnv:016x}\n{body}\n").into_bytes()
}

/// A lake of before with one whole commit and one that was decided; gives the intent's path.
fn decided(root: &Path) -> PathBuf {
    let [first, second] = commits();
    let dir = root.join("streams/events");
    export(root, "r1", &first);
    let before = data_files(&dir);
    // The same lake one commit further tells what the second one makes of it.
    let further = tempfile::tempdir().unwrap();
    copy_tree(root, further.path());
    export(further.path(), "r2", &second);
    let further = further.path().join("streams/events");
    make_old(&dir);
    let staging = dir.join("_staging");
    std::fs::create_dir_all(staging.join("r2")).unwrap();
    let new: Vec<_> = data_files(&further).into_iter().filter(|file| !before.contains(file)).collect();
    assert!(new.len() > 2, "{new:?}");
    let moves = new.iter().enumerate().map(|(n, to)| {
        let from = format!("_staging/r2/{n:06}.parquet");
        let bytes = std::fs::copy(further.join(to), dir.join(&from)).unwrap();
        json!({ "from": from, "to": to, "bytes": bytes, "rows": 4 })
    });
    let moves: Vec<Value> = moves.collect();
    let body = json!({ "commit": COMMIT, "moves": moves, "metadata": metadata_of_before(&further) });
    let path = staging.join("intent.json");
    std::fs::write(&path, intent(&body)).unwrap();
    path
}

/// Both commits are there, once, and the metadata says so.
fn assert_whole(root: &Path, when: &str) {
    let dataset = open(root, &stream_feed());
    let dir = dataset.dir().to_owned();
    let metadata = dataset.metadata();
    assert_eq!((metadata.positions[&0], metadata.total_records), (26, 26), "{when}");
    assert_eq!(
        metadata.runs.len(),
        2,
        "{when}: the metadata of the intent, and none that was made of the files"
    );
    drop(dataset);
    assert_eq!(rows(&dir), expected(&all()), "{when}");
    assert_eq!(beside_data(&dir), ["_metadata.json"], "{when}");
    let report = check(&Lake::new(root), &stream_feed(), Options::default(), &owner()).unwrap();
    assert!(report.is_sound(), "{when}: {:?}", report.findings);
}

#[test]
fn it_is_finished_whatever_stops_that() {
    let base = tempfile::tempdir().unwrap();
    decided(base.path());
    for n in 0.. {
        let root = tempfile::tempdir().unwrap();
        copy_tree(base.path(), root.path());
        let stop = StopAt::operation(n);
        let lake = Lake::with_faults(root.path(), stop.clone());
        let finished = Dataset::open(&lake, &stream_feed(), limits(), owner())
            .map(|dataset| dataset.recovery().finished_commit.clone());
        assert_whole(root.path(), &format!("stop before operation {n}"));
        if !stop.fired() {
            assert_eq!(finished.unwrap().as_deref(), Some(COMMIT));
            // The next export goes on from it.
            let next: Vec<Row> = vec![(0, 26, T0 + 7 * DAY)];
            export(root.path(), "r3", &next);
            assert_eq!(rows(&root.path().join("streams/events")), expected(&[all(), next].concat()));
            return;
        }
    }
}

#[test]
fn it_is_finished_where_that_version_was_stopped_half_way() {
    let base = tempfile::tempdir().unwrap();
    let path = decided(base.path());
    let text = std::fs::read_to_string(&path).unwrap();
    let body: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let moves = body["moves"].as_array().unwrap();
    for moved in 0..=moves.len() {
        for metadata_too in [false, true] {
            let root = tempfile::tempdir().unwrap();
            copy_tree(base.path(), root.path());
            let dir = root.path().join("streams/events");
            for step in &moves[..moved] {
                let [from, to] = ["from", "to"].map(|end| dir.join(step[end].as_str().unwrap()));
                std::fs::create_dir_all(to.parent().unwrap()).unwrap();
                std::fs::rename(from, to).unwrap();
            }
            if metadata_too && moved == moves.len() {
                std::fs::write(dir.join("_metadata.json"), body["metadata"].as_str().unwrap()).unwrap();
            }
            let when = format!("{moved} files moved, metadata {metadata_too}");
            // That version's folders have the feed's modes.
            drop(open(root.path(), &stream_feed()));
            assert_eq!(rows(&dir), expected(&all()), "{when}");
            assert_eq!(open(root.path(), &stream_feed()).metadata().total_records, 26, "{when}");
        }
    }
}

#[test]
fn one_that_was_changed_or_lost_a_file_is_not_finished() {
    let base = tempfile::tempdir().unwrap();
    let path = decided(base.path());
    let whole = std::fs::read(&path).unwrap();
    let [first, _] = commits();
    let dir = base.path().join("streams/events");
    let refused = |what: &str| {
        let error = Dataset::open(&Lake::new(base.path()), &stream_feed(), limits(), owner()).err();
        let error = error.unwrap_or_else(|| panic!("{what}: it was finished"));
        assert_eq!(error.kind(), Kind::Damaged, "{what}: {error}");
        assert_eq!(rows(&dir), expected(&first), "{what}: what was there stays, and nothing came");
    };
    for at in (0..whole.len()).step_by(whole.len() / 40) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        // The migration moves it before it is read.
        let place = [path.clone(), books(&dir).join("staging/intent.json")].into_iter().find(|p| p.exists());
        std::fs::write(place.unwrap(), &bytes).unwrap();
        refused(&format!("bit at byte {at}"));
    }
    let place = [path, books(&dir).join("staging/intent.json")].into_iter().find(|p| p.exists()).unwrap();
    // A checksum can be right, and the body no intent all the same.
    for body in
        [json!("da"), json!(5), json!([]), json!(null), json!({}), json!({ "metadata": 5, "moves": [] })]
    {
        std::fs::write(&place, intent(&body)).unwrap();
        refused(&body.to_string());
    }
    std::fs::write(&place, &whole).unwrap();
    let staged = data_files_in(place.parent().unwrap());
    std::fs::remove_file(&staged[0]).unwrap();
    refused("a staged file is gone");
}

/// The staged files of the commit, wherever staging lies.
fn data_files_in(staging: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(staging.join("r2")).unwrap().map(|entry| entry.unwrap().path());
    files.collect()
}

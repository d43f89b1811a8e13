//! Small files of a day become few: from outside, through the library. Rows, offsets, order and columns are those of before; check,
//! undo, late rows, a day exported again and retention go on as ever. `laid_out`: sorted, with Bloom filters, without offsets in the
//! files; `outside`: the command line and the watcher.

mod laid_out;
#[path = "../lake_support/mod.rs"]
mod lake_support;
mod outside;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use lake_support::delta::{as_delta, assert_current, versions};
use lake_support::*;
use lakehand::Kind;
use lakehand::export::Cancel;
use lakehand::feed::{Compression, DatePart, Feed, Partitioning};
use lakehand::lake::verify::{FindingKind, Options, check};
use lakehand::lake::{
    BeforeRun, Clock, Commit, CompactRules, CompactWork, Compacted, Dataset, Lake, Limits, RetentionRules,
    TableSchema, compaction_due, read_footer,
};
use lakehand::pool::Pool;

/// The first day.
const FIRST: &str = "year=2025/month=01/day=01";

fn rules() -> CompactRules {
    CompactRules { min_files: 2, sealed_only: false, is_named: false }
}

fn try_compact(
    dataset: &mut Dataset,
    folder: &str,
    memory_bytes: usize,
) -> lakehand::Result<Option<Compacted>> {
    let (pool, cancel) = (Arc::new(Pool::new(1)), Cancel::new());
    let work = CompactWork {
        rules: rules(),
        memory_bytes,
        pool: &pool,
        cancel: &cancel,
        advance: &|_| {},
        now: at(T0 + 60 * DAY),
    };
    dataset.compact(folder, &work)
}

fn compact(dataset: &mut Dataset, folder: &str) -> Compacted {
    try_compact(dataset, folder, 64 << 20).unwrap().expect("it is worth it")
}

/// Rows of the first day, of two Kafka partitions by turns, and some of the second day.
fn some_rows(n: i64) -> Vec<Row> {
    (0..n).map(|i| ((i % 2) as i32, i / 2, if i % 10 == 9 { T0 + DAY } else { T0 + i })).collect()
}

/// So many commits.
fn in_commits(dataset: &mut Dataset, rows: &[Row], commits: usize) {
    for (n, part) in rows.chunks(rows.len().div_ceil(commits)).enumerate() {
        append(dataset, part, &format!("r{n}")).unwrap();
    }
}

fn dir(root: &Path) -> PathBuf {
    Lake::new(root).dataset_dir(&stream_feed()).unwrap()
}

fn files_of(root: &Path, folder: &str) -> Vec<String> {
    data_files(&dir(root)).into_iter().filter(|file| file.starts_with(folder)).collect()
}

/// Every file of a folder, by name, as it is.
fn contents(root: &Path, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let read = |file: String| (file.clone(), std::fs::read(dir(root).join(file)).unwrap());
    files_of(root, folder).into_iter().map(read).collect()
}

/// What a deep check finds, notes left out.
fn assert_sound(root: &Path, feed: &Feed) {
    let report = check(&Lake::new(root), feed, Options { deep: true, accept_loss: false }, &owner()).unwrap();
    let mut findings = report.findings;
    findings.retain(|finding| !matches!(finding.kind, FindingKind::Replaced | FindingKind::Gap));
    assert!(findings.is_empty(), "{findings:#?}");
}

/// By Kafka partition, the offsets in the order of the rows of these files.
fn in_file_order(root: &Path, files: &[String]) -> BTreeMap<i32, Vec<i64>> {
    let mut found: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for file in files {
        for batch in read(&dir(root).join(file)) {
            let partitions = batch["ROWPARTITION"].as_primitive::<arrow::datatypes::Int32Type>().clone();
            let offsets = batch["ROWOFFSET"].as_primitive::<Int64Type>().clone();
            for row in 0..batch.num_rows() {
                found.entry(partitions.value(row)).or_default().push(offsets.value(row));
            }
        }
    }
    found
}

#[test]
fn many_small_files_of_a_day_become_one() {
    let root = tempfile::tempdir().unwrap();
    let feed = stream_feed();
    let all = some_rows(510);
    let mut dataset = open(root.path(), &feed);
    in_commits(&mut dataset, &all, 51);
    let (before, held) = (files_of(root.path(), FIRST), rows(&dir(root.path())));
    assert_eq!(before.len(), 51);
    let metadata = dataset.metadata().clone();
    let due = compaction_due(&dir(root.path()), &feed, 128 << 20, rules(), None).unwrap();
    let listed: Vec<_> =
        due.days.iter().map(|day| (day.folder.as_str(), day.files, day.files_after)).collect();
    assert_eq!(listed, [(FIRST, 51, 1), ("year=2025/month=01/day=02", 51, 1)]);
    assert_eq!(files_of(root.path(), FIRST), before, "looking changes nothing");

    let done = compact(&mut dataset, FIRST);
    assert_eq!((done.files_before, done.files, done.rows), (51, 1, 459));
    assert!(done.bytes * 5 < done.bytes_before, "{} of {} bytes", done.bytes, done.bytes_before);
    let now = files_of(root.path(), FIRST);
    assert_eq!(now.len(), 1);
    assert_eq!(rows(&dir(root.path())), held);
    // Within a Kafka partition the rows keep their order.
    for offsets in in_file_order(root.path(), &now).values() {
        assert!(offsets.is_sorted(), "{offsets:?}");
    }
    // What the file says of itself is what a rebuild needs.
    let footer = read_footer(&dir(root.path()).join(&now[0])).unwrap();
    assert_eq!(footer.commit.as_deref(), Some(done.id.as_str()));
    assert_eq!(footer.positions, metadata.positions);
    assert_eq!((footer.file, footer.commit_files), (Some(0), Some(1)));
    let first_day = |partition| all.iter().filter(move |r| r.2 < T0 + DAY && r.0 == partition).count() as u64;
    for (partition, ranges) in footer.offsets.partitions() {
        assert!(!ranges.hull && ranges.rows == first_day(*partition));
    }
    let after = dataset.metadata();
    assert_eq!((after.positions.clone(), after.total_records), (metadata.positions.clone(), 510));
    assert_eq!(after.last_export, metadata.last_export, "nothing was exported");
    assert_eq!(after.partitions[1], metadata.partitions[1]);
    assert_eq!(after.partitions[0].offsets, metadata.partitions[0].offsets);
    assert!(try_compact(&mut dataset, FIRST, 64 << 20).unwrap().is_none(), "once is enough");
    drop(dataset);
    assert_sound(root.path(), &feed);
    // Metadata and journal lost: positions are proved by the new file alone.
    std::fs::remove_file(dir(root.path()).join("_metadata.json")).unwrap();
    std::fs::remove_file(books(&dir(root.path())).join("journal")).ok();
    let dataset = open(root.path(), &feed);
    assert_eq!(dataset.metadata().positions, metadata.positions);
    assert_eq!(dataset.metadata().total_records, 510);
}

/// Exports declare ksqlDB's own columns as ones that may be null.
#[test]
fn columns_that_may_be_null_and_are_not_are_as_good() {
    let root = tempfile::tempdir().unwrap();
    let (feed, all) = (stream_feed(), some_rows(300));
    let known = stream_schema();
    let fields: Vec<_> =
        known.arrow.fields().iter().map(|field| Field::clone(field).with_nullable(true)).collect();
    let schema = TableSchema { arrow: Arc::new(Schema::new(fields)), ..known };
    let mut dataset = open(root.path(), &feed);
    for (n, part) in all.chunks(30).enumerate() {
        let mut appender = dataset.appender(&schema, run(&format!("r{n}"))).unwrap();
        appender
            .write(&RecordBatch::try_new(Arc::clone(&schema.arrow), batch(part).columns().to_vec()).unwrap())
            .unwrap();
        appender.commit(commit_after(part)).unwrap();
    }
    compact(&mut dataset, FIRST);
    assert_eq!(rows(&dir(root.path())), expected(&all));
    drop(dataset);
    assert_sound(root.path(), &feed);
}

#[test]
fn an_undo_brings_the_small_files_back_and_late_rows_stay() {
    let root = tempfile::tempdir().unwrap();
    let feed = stream_feed();
    let mut dataset = open(root.path(), &feed);
    in_commits(&mut dataset, &some_rows(60), 6);
    let small = contents(root.path(), FIRST);
    let first = compact(&mut dataset, FIRST);
    let undone = dataset.undo_day(at(T0).date_naive(), None, at(T0 + 61 * DAY)).unwrap();
    assert_eq!((undone.commit, undone.lost), (first.id, 0));
    assert_eq!(contents(root.path(), FIRST), small, "byte for byte");
    // An undo is undone by an undo.
    dataset.undo_day(at(T0).date_naive(), None, at(T0 + 62 * DAY)).unwrap();
    assert_eq!(files_of(root.path(), FIRST).len(), 1);
    let late = [(0, 30, T0 + 5)];
    append(&mut dataset, &late, "late").unwrap();
    let held = rows(&dir(root.path()));
    assert_eq!(files_of(root.path(), FIRST).len(), 2);
    let second = compact(&mut dataset, FIRST);
    assert_eq!((second.files_before, second.files), (2, 1), "a late file and the one of before");
    assert_eq!(rows(&dir(root.path())), held);
    // What was put aside before the late row came cannot come back as long as the row is in one file with the others.
    let sets = lakehand::lake::replaced(dataset.dir()).unwrap();
    let older = sets.iter().find(|set| set.commit.ends_with("-undo")).unwrap();
    let refused = dataset.undo_day(at(T0).date_naive(), Some(&older.commit), at(T0 + 63 * DAY)).unwrap_err();
    assert_eq!(refused.kind(), Kind::Refused, "{refused}");
    dataset.undo_day(at(T0).date_naive(), None, at(T0 + 63 * DAY)).unwrap();
    assert_eq!(files_of(root.path(), FIRST).len(), 2);
    dataset.undo_day(at(T0).date_naive(), Some(&older.commit), at(T0 + 64 * DAY)).unwrap();
    assert_eq!(rows(&dir(root.path())), held);
    assert_eq!(files_of(root.path(), FIRST).len(), small.len() + 1, "the small files, and the late one");
    drop(dataset);
    assert_sound(root.path(), &feed);
}

#[test]
fn a_sealed_day_stays_sealed_also_where_the_marks_are_apart() {
    for apart in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let feed = stream_feed();
        let lake =
            Lake::new(root.path()).sealing_after(Some(std::time::Duration::ZERO)).with_metadata_apart(apart);
        let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
        let all = some_rows(40);
        for (n, part) in all.chunks(10).enumerate() {
            let mut appender = dataset.appender(&stream_schema(), run(&format!("r{n}"))).unwrap();
            appender.write(&batch(part)).unwrap();
            let through = Some(at(T0 + 30 * DAY));
            appender.commit(Commit { complete_through: through, ..commit_after(part) }).unwrap();
        }
        assert_eq!(dataset.seal(at(T0 + 41 * DAY)).unwrap().len(), 2);
        let sealed = dataset.metadata().partitions[0].sealed_at;
        let mark = if apart { None } else { Some(dataset.dir().join(FIRST).join("_SUCCESS")) };
        compact(&mut dataset, FIRST);
        assert!(mark.as_ref().is_none_or(|mark| mark.exists()), "the mark is in the new folder");
        let partition = &dataset.metadata().partitions[0];
        assert_eq!((partition.sealed_at, partition.reopened_at, partition.files), (sealed, None, 1));
        let day = at(T0).date_naive();
        let undone = dataset.undo_day(day, None, at(T0 + 61 * DAY)).unwrap();
        assert!(undone.reopened.is_empty());
        assert!(mark.as_ref().is_none_or(|mark| mark.exists()));
        assert_eq!(dataset.metadata().partitions[0].sealed_at, sealed);
        compact(&mut dataset, FIRST);
        drop(dataset);
        assert_sound(root.path(), &feed);
        // A late row takes the mark away, as ever.
        append(&mut open(root.path(), &feed), &[(0, 20, T0)], "late").unwrap();
        assert!(mark.is_none_or(|mark| !mark.exists()));
        assert_sound(root.path(), &feed);
    }
}

#[test]
fn a_compacted_day_is_exported_again_and_retention_removes_it() {
    let root = tempfile::tempdir().unwrap();
    let feed = Feed { retention_days: Some(10), ..stream_feed() };
    let lake =
        Lake::new(root.path()).retaining(RetentionRules { max_share: 100, ..RetentionRules::default() });
    let all = some_rows(40);
    let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
    in_commits(&mut dataset, &all, 4);
    let held = rows(&dir(root.path()));
    compact(&mut dataset, FIRST);
    let mut replacer = dataset.replacer(&stream_schema(), run("again"), at(T0).date_naive()).unwrap();
    replacer.write(&batch(&all[..20])).unwrap();
    let lacking = replacer.swap(at(T0 + 61 * DAY)).unwrap_err();
    assert_eq!(lacking.kind(), Kind::Refused, "the compacted file tells which offsets must come again");
    let mut replacer = dataset.replacer(&stream_schema(), run("again2"), at(T0).date_naive()).unwrap();
    replacer.write(&batch(&all)).unwrap();
    replacer.swap(at(T0 + 61 * DAY)).unwrap();
    assert_eq!(rows(&dir(root.path())), held);
    dataset.undo_day(at(T0).date_naive(), None, at(T0 + 62 * DAY)).unwrap();
    assert!(files_of(root.path(), FIRST)[0].contains("compact"), "what the new export replaced");
    let removed = dataset.retain(at(T0 + 11 * DAY).date_naive()).unwrap();
    assert_eq!((removed[0].path.as_str(), removed[0].files), (FIRST, 1));
    drop(dataset);
    assert_sound(root.path(), &feed);
}

#[test]
fn what_a_compaction_put_aside_goes_after_the_grace_period() {
    let root = tempfile::tempdir().unwrap();
    let feed = stream_feed();
    let mut dataset = open(root.path(), &feed);
    in_commits(&mut dataset, &some_rows(40), 4);
    compact(&mut dataset, FIRST);
    let sets = |dataset: &Dataset| lakehand::lake::replaced(dataset.dir()).unwrap().len();
    let metadata = dataset.metadata();
    let before = BeforeRun { commit_seq: metadata.commit_seq, last_export: metadata.last_export };
    let clock = |now: i64| Clock { now: at(now), server: Some(at(now)) };
    dataset.retain_within(clock(T0 + 66 * DAY), before).unwrap();
    assert_eq!(sets(&dataset), 1, "six days");
    dataset.retain_within(clock(T0 + 67 * DAY), before).unwrap();
    assert_eq!(sets(&dataset), 0, "seven days");
    assert_eq!(files_of(root.path(), FIRST).len(), 1);
    drop(dataset);
    assert_sound(root.path(), &feed);
}

/// The schema with one column more.
fn wider() -> TableSchema {
    let known = stream_schema();
    let mut fields: Vec<_> = known.arrow.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("MORE", DataType::Int64, true)));
    let mut columns_types = known.columns_types.clone();
    columns_types.push(("MORE".to_owned(), "BIGINT".to_owned()));
    TableSchema { arrow: Arc::new(Schema::new(fields)), columns_types, ..known }
}

#[test]
fn a_column_that_came_is_null_in_rows_of_before() {
    let root = tempfile::tempdir().unwrap();
    let feed = stream_feed();
    let mut dataset = open(root.path(), &feed);
    let old: Vec<Row> = (0..20).map(|n| (0, n, T0 + n)).collect();
    append(&mut dataset, &old, "r1").unwrap();
    let new: Vec<Row> = (20..30).map(|n| (0, n, T0 + n)).collect();
    let mut columns = batch(&new).columns().to_vec();
    columns.push(Arc::new(Int64Array::from((0..10).collect::<Vec<i64>>())) as ArrayRef);
    let mut appender = dataset.appender(&wider(), run("r2")).unwrap();
    appender.write(&RecordBatch::try_new(wider().arrow, columns).unwrap()).unwrap();
    appender.commit(commit_after(&new)).unwrap();
    drop(appender);
    let version = dataset.metadata().schema_version.clone();
    let known = dataset.metadata().columns.clone();
    compact(&mut dataset, FIRST);
    let files = files_of(root.path(), FIRST);
    let batches = read(&dir(root.path()).join(&files[0]));
    let more: Vec<Option<i64>> = batches
        .iter()
        .flat_map(|batch| batch["MORE"].as_primitive::<Int64Type>().iter().collect::<Vec<_>>())
        .collect();
    let wanted: Vec<Option<i64>> = std::iter::repeat_n(None, 20).chain((0..10).map(Some)).collect();
    assert_eq!(more, wanted);
    assert_eq!(read_footer(&dir(root.path()).join(&files[0])).unwrap().schema_version, Some(version));
    drop(dataset);
    assert_sound(root.path(), &feed);
    std::fs::remove_file(dir(root.path()).join("_metadata.json")).unwrap();
    let found = open(root.path(), &feed).metadata().columns.clone();
    let names = |columns: &[lakehand::lake::ColumnInfo]| -> Vec<String> {
        columns.iter().map(|column| format!("{} {}", column.name, column.ksql_type)).collect()
    };
    let (mut known, mut found) = (names(&known), names(&found));
    known.sort();
    found.sort();
    assert_eq!(found, known);
}

#[test]
fn hours_of_a_day_change_together_and_come_back_together() {
    let root = tempfile::tempdir().unwrap();
    let columns = vec![DatePart::Year, DatePart::Month, DatePart::Day, DatePart::Hour];
    let partitioning = Partitioning::Date { columns, timestamp_column: None, timezone: chrono_tz::UTC };
    let feed = Feed { partitioning, ..stream_feed() };
    let mut dataset = open(root.path(), &feed);
    let all: Vec<Row> = (0..90).map(|n| (0, n, T0 + n % 3 * 3_600_000)).collect();
    in_commits(&mut dataset, &all, 5);
    let (files, held) = (contents(root.path(), FIRST), rows(&dir(root.path())));
    assert_eq!(files.len(), 15);
    let done = compact(&mut dataset, FIRST);
    assert_eq!((done.partitions.len(), done.files_before, done.files), (3, 15, 3));
    let numbers: Vec<_> = files_of(root.path(), FIRST)
        .iter()
        .map(|file| read_footer(&dir(root.path()).join(file)).unwrap())
        .map(|footer| (footer.file, footer.commit_files))
        .collect();
    assert_eq!(numbers, [(Some(0), None), (Some(1), None), (Some(2), Some(3))], "one commit of three files");
    assert_eq!(rows(&dir(root.path())), held);
    dataset.undo_day(at(T0).date_naive(), None, at(T0 + 61 * DAY)).unwrap();
    assert_eq!(contents(root.path(), FIRST), files);
    drop(dataset);
    assert_sound(root.path(), &feed);
}

#[test]
fn files_are_of_the_target_size_and_full_ones_are_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let feed = Feed { compression: Compression::None, ..stream_feed() };
    let limits = Limits { target_file_bytes: 1_000_000, ..limits() };
    let mut dataset = Dataset::open(&Lake::new(root.path()), &feed, limits, owner()).unwrap();
    let all: Vec<Row> = (0..200_000).map(|n| (0, n * 7, T0 + n)).collect();
    in_commits(&mut dataset, &all[..150_000], 30);
    let held = rows(&dir(root.path()));
    let done = compact(&mut dataset, FIRST);
    assert!(done.files > 1 && done.files < done.files_before, "{done:?}");
    assert_eq!(rows(&dir(root.path())), held);
    assert!(try_compact(&mut dataset, FIRST, 64 << 20).unwrap().is_none(), "{done:?}");
    drop(dataset);
    assert_sound(root.path(), &feed);
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let feed = stream_feed();
    let mut dataset = open(root.path(), &feed);
    in_commits(&mut dataset, &some_rows(40), 4);
    let before = contents(root.path(), FIRST);
    let folder = dir(root.path()).join(FIRST);
    // A file of somebody else.
    std::fs::write(folder.join("notes.txt"), "x").unwrap();
    let due =
        compaction_due(&dir(root.path()), &feed, 128 << 20, rules(), Some(at(T0).date_naive())).unwrap();
    assert!(due.days.is_empty() && due.passed_over[0].why.contains("notes.txt"), "{due:?}");
    assert_eq!(try_compact(&mut dataset, FIRST, 64 << 20).unwrap_err().kind(), Kind::Refused);
    std::fs::remove_file(folder.join("notes.txt")).unwrap();
    // A value that is another than was written, in a file that can be read: its hash tells.
    let victim = dir(root.path()).join(before.keys().next().unwrap());
    let sound = std::fs::read(&victim).unwrap();
    let mut bytes = sound.clone();
    let at_name = bytes.windows(6).position(|window| window == b"name 0").unwrap_or(8);
    bytes[at_name + 5] ^= 1;
    std::fs::write(&victim, &bytes).unwrap();
    let error = try_compact(&mut dataset, FIRST, 64 << 20).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged, "{error}");
    std::fs::write(&victim, &sound).unwrap();
    assert_eq!(contents(root.path(), FIRST), before);
    // A stop in the middle leaves nothing.
    let (pool, cancel) = (Arc::new(Pool::new(1)), Cancel::new());
    cancel.cancel();
    let work = CompactWork {
        rules: rules(),
        memory_bytes: 64 << 20,
        pool: &pool,
        cancel: &cancel,
        advance: &|_| {},
        now: at(T0),
    };
    assert_eq!(dataset.compact(FIRST, &work).unwrap_err().kind(), Kind::Interrupted);
    assert_eq!(contents(root.path(), FIRST), before);
    compact(&mut dataset, FIRST);
    drop(dataset);
    assert_sound(root.path(), &feed);
    let table = table_feed();
    let error = compaction_due(&dir(root.path()), &table, 1 << 20, rules(), None).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
}

#[test]
fn a_delta_table_learns_that_no_data_changed() {
    let root = tempfile::tempdir().unwrap();
    let feed = as_delta(stream_feed());
    let mut dataset = open(root.path(), &feed);
    in_commits(&mut dataset, &some_rows(40), 4);
    let done = compact(&mut dataset, FIRST);
    let version = versions(&dir(root.path())).len() - 1;
    assert_current(&dir(root.path()), |_| true);
    let log = |version: usize| {
        std::fs::read_to_string(dir(root.path()).join(format!("_delta_log/{version:020}.json"))).unwrap()
    };
    let text = log(version);
    assert!(text.contains("\"OPTIMIZE\"") && text.contains(&done.id), "{text}");
    assert!(text.contains("\"dataChange\":false") && !text.contains("\"dataChange\":true"), "{text}");
    dataset.undo_day(at(T0).date_naive(), None, at(T0 + 61 * DAY)).unwrap();
    assert!(!log(version + 1).contains("\"dataChange\":true"), "neither does its undo");
    let rows: Vec<u64> = versions(&dir(root.path())).iter().map(|version| version.values().sum()).collect();
    assert_eq!(rows[3..], [40, 40, 40], "time travel reads each version");
    drop(dataset);
    assert_sound(root.path(), &feed);
}

#[test]
fn a_reader_never_finds_a_wrong_count() {
    let root = tempfile::tempdir().unwrap();
    let feed = stream_feed();
    in_commits(&mut open(root.path(), &feed), &some_rows(100), 20);
    let wanted = rows(&dir(root.path())).len();
    for n in 0.. {
        let live = tempfile::tempdir().unwrap();
        copy_tree(root.path(), live.path());
        let stop = StopAt::operation(n);
        let lake = Lake::with_faults(live.path(), stop.clone());
        let done = Dataset::open(&lake, &feed, limits(), owner())
            .and_then(|mut dataset| try_compact(&mut dataset, FIRST, 64 << 20).map(|_| ()));
        assert_eq!(rows(&dir(live.path())).len(), wanted, "stopped before operation {n}");
        if !stop.fired() {
            done.unwrap();
            break;
        }
    }
}

#[test]
fn an_iceberg_table_learns_that_no_row_changed() {
    let root = tempfile::tempdir().unwrap();
    let feed = lake_support::iceberg::as_iceberg(stream_feed());
    let mut dataset = open(root.path(), &feed);
    in_commits(&mut dataset, &some_rows(100), 4);
    compact(&mut dataset, FIRST);
    let dir = dir(root.path());
    lake_support::iceberg::assert_current(&dir, |_| true);
    let rows: Vec<u64> =
        lake_support::iceberg::snapshots(&dir).iter().map(|files| files.values().sum()).collect();
    assert_eq!(rows, [25, 50, 75, 100, 100], "the snapshots before can be read still");
    let table = lake_support::iceberg::newest(&dir).unwrap().1;
    assert_eq!(table["snapshots"][4]["summary"]["operation"], "replace");
}

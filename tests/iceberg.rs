//! A dataset that is an Iceberg table too: what its metadata says, who else may write it, and how it comes and goes.

mod lake_support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use lake_support::delta::as_delta;
use lake_support::iceberg::{as_iceberg, assert_current, newest, records, snapshots, strays};
use lake_support::*;
use lakehand::Kind;
use lakehand::feed::{Feed, TableFormat};
use lakehand::lake::verify::{FindingKind, Options, check, repair};
use lakehand::lake::{Commit, Dataset, Lake, Owner, RetentionRules, RunInfo, TableSchema};
use serde_json::{Value, json};

fn append(dataset: &mut Dataset, rows: &[Row], id: &str) {
    append_at(dataset, rows, id, commit_after(rows).now);
}

fn append_at(dataset: &mut Dataset, rows: &[Row], id: &str, now: chrono::DateTime<chrono::Utc>) {
    let mut appender = dataset.appender(&stream_schema(), run(id)).unwrap();
    appender.write(&batch(rows)).unwrap();
    appender.commit(Commit { now, ..commit_after(rows) }).unwrap();
}

fn dir(root: &Path) -> PathBuf {
    Lake::new(root).dataset_dir(&stream_feed()).unwrap()
}

fn table(dir: &Path) -> Value {
    newest(dir).unwrap().1
}

fn operations(dir: &Path) -> Vec<String> {
    let table = table(dir);
    let snapshots = table["snapshots"].as_array().unwrap().iter();
    snapshots.map(|snapshot| snapshot["summary"]["operation"].as_str().unwrap().to_owned()).collect()
}

/// The pairs of a map in the record of a data file.
fn pairs(file: &Value, name: &str) -> Vec<(i64, Value)> {
    let pairs = file[name].as_array().unwrap().iter();
    pairs.map(|pair| (pair["key"].as_i64().unwrap(), pair["value"].clone())).collect()
}

#[test]
fn the_metadata_says_what_was_committed() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(2, 5), as_iceberg(stream_feed()));
    let mut dataset = open(root.path(), &feed);
    append(&mut dataset, &all[..7], "r1");
    append(&mut dataset, &all[7..], "r2");
    let dir = dir(root.path());
    let (version, table) = newest(&dir).unwrap();
    assert_eq!((version, &table["format-version"]), (2, &json!(2)));
    let rows: Vec<u64> = snapshots(&dir).iter().map(|files| files.values().sum()).collect();
    assert_eq!(rows, [7, 10], "time travel reads each snapshot");
    let [first, second] = &table["snapshots"].as_array().unwrap()[..] else { panic!() };
    assert_eq!(second["parent-snapshot-id"], first["snapshot-id"]);
    assert_eq!((&first["sequence-number"], &second["sequence-number"]), (&json!(1), &json!(2)));
    let summary = &second["summary"];
    assert_eq!((&summary["operation"], &summary["added-records"]), (&json!("append"), &json!("3")));
    assert_eq!(summary["lakehand.offsets"], json!({"0": 10}).to_string());
    let fields = table["schemas"][0]["fields"].as_array().unwrap();
    let fields: Vec<String> = fields
        .iter()
        .map(|f| format!("{} {} {}", f["id"], f["name"].as_str().unwrap(), f["type"].as_str().unwrap()))
        .collect();
    assert_eq!(
        fields,
        [
            "1 ROWTIME timestamptz",
            "2 ROWPARTITION int",
            "3 ROWOFFSET long",
            "4 NAME string",
            "5 AMOUNT double",
            "6 year int",
            "7 month int",
            "8 day int"
        ]
    );
    let mapping: Value =
        serde_json::from_str(table["properties"]["schema.name-mapping.default"].as_str().unwrap()).unwrap();
    assert_eq!(mapping[3], json!({"field-id": 4, "names": ["NAME"]}));
    let elsewhere = table["properties"]["write.data.path"].as_str().unwrap();
    let (file, _) = elsewhere.rsplit_once('/').unwrap();
    assert!(Path::new(file).is_file(), "below it nobody can write: {elsewhere}");
    let spec = &table["partition-specs"][0]["fields"];
    assert_eq!(spec[2], json!({"source-id": 8, "field-id": 1002, "name": "day", "transform": "identity"}));
    // Bounds of the second commit's file: rows 7, 8 and 9 of the second day.
    let list = PathBuf::from(second["manifest-list"].as_str().unwrap());
    let manifest = records(&list).pop().unwrap();
    let entry = records(Path::new(manifest["manifest_path"].as_str().unwrap())).pop().unwrap();
    let file = &entry["data_file"];
    let bytes = |value: &[u8]| Value::from(value.to_vec());
    let (lower, upper) = (pairs(file, "lower_bounds"), pairs(file, "upper_bounds"));
    let time = bytes(&((T0 + DAY) * 1000).to_le_bytes());
    assert!(lower.contains(&(1, time.clone())) && upper.contains(&(1, time)), "{lower:?}");
    assert!(
        lower.contains(&(3, bytes(&7_i64.to_le_bytes())))
            && upper.contains(&(3, bytes(&9_i64.to_le_bytes())))
    );
    assert!(lower.contains(&(4, bytes(b"name 7"))) && upper.contains(&(4, bytes(b"name 9"))));
    assert!(lower.contains(&(5, bytes(&(7.0_f64 / 8.0).to_le_bytes()))), "{lower:?}");
    assert!(upper.iter().all(|(id, _)| *id != 5), "NaN is greater than any bound");
    assert_current(&dir, |_| true);
    assert_eq!(strays(&dir), [""; 0]);
    assert!(!data_files(&dir).iter().any(|path| path.contains("iceberg")));
    drop(dataset);
    let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn operations_of_a_stream() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(4, 3), as_iceberg(stream_feed()));
    let mut dataset = open(root.path(), &feed);
    append(&mut dataset, &all[..8], "r1");
    append(&mut dataset, &all[8..], "r2");
    let mut replacer = dataset.replacer(&stream_schema(), run("again"), at(T0).date_naive()).unwrap();
    replacer.write(&batch(&all[..3])).unwrap();
    replacer.swap(at(T0 + 50 * DAY)).unwrap();
    dataset.undo_day(at(T0).date_naive(), None, at(T0 + 51 * DAY)).unwrap();
    drop(dataset);
    let mut dataset = open(root.path(), &Feed { retention_days: Some(2), ..feed });
    dataset.retain(at(T0 + 3 * DAY).date_naive()).unwrap();
    let dir = dir(root.path());
    assert_eq!(operations(&dir), ["append", "append", "overwrite", "overwrite", "delete"]);
    let found = snapshots(&dir);
    let rows: Vec<u64> = found.iter().map(|files| files.values().sum()).collect();
    assert_eq!(rows, [8, 12, 12, 12, 9], "files of before are there under their second names");
    assert!(found[1] == found[3] && found[2] != found[1], "the undo brings the files of before back");
    assert_current(&dir, |_| true);
}

#[test]
fn a_table_of_ksqldb_is_its_current_version() {
    let root = tempfile::tempdir().unwrap();
    let feed = Feed { keep_versions: 2, ..as_iceberg(table_feed()) };
    let publish = |count: i64, id: &str, at_ms: i64| {
        let mut dataset = open(root.path(), &feed);
        let mut snapshot =
            dataset.snapshot(&table_schema(), RunInfo { started: at(at_ms), ..run(id) }).unwrap();
        snapshot.write(&table_batch(0, count)).unwrap();
        snapshot.publish(at(at_ms), count.unsigned_abs()).unwrap();
    };
    for (n, count) in [10, 25, 20].into_iter().enumerate() {
        let n = i64::try_from(n).unwrap();
        publish(count, &format!("r{n}"), T0 + n * DAY);
    }
    let dir = Lake::new(root.path()).dataset_dir(&feed).unwrap();
    let rows: Vec<u64> = snapshots(&dir).iter().map(|files| files.values().sum()).collect();
    assert_eq!(rows, [10, 25, 20]);
    assert_eq!(operations(&dir), ["append", "overwrite", "overwrite"]);
    assert_current(&dir, |path| path.starts_with("version=v3/"));
    assert_eq!(table(&dir)["partition-specs"][0]["fields"], json!([]));
}

#[test]
fn a_dataset_becomes_a_table_and_is_plain_again() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(3, 4), as_iceberg(stream_feed()));
    append(&mut open(root.path(), &stream_feed()), &all[..6], "r1");
    let dir = dir(root.path());
    let before = data_files(&dir);
    let both = Feed { table_format: vec![TableFormat::Delta, TableFormat::Iceberg], ..stream_feed() };
    let mut dataset = open(root.path(), &both);
    let made = dataset.enable_table().unwrap();
    assert_eq!((made.delta, made.iceberg), (Some(0), Some(1)));
    assert_eq!(data_files(&dir), before, "no file was rewritten");
    append(&mut dataset, &all[6..], "r2");
    drop(dataset);
    assert_current(&dir, |_| true);
    lake_support::delta::assert_current(&dir, |_| true);
    // A run without the format leaves the table behind; the next one with it brings it up.
    append(&mut open(root.path(), &as_delta(stream_feed())), &[(0, 12, T0)], "r3");
    let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
    assert!(report.findings.iter().any(|f| f.kind == FindingKind::TableLog), "{:#?}", report.findings);
    drop(open(root.path(), &both));
    assert_current(&dir, |_| true);
    assert_eq!(snapshots(&dir).len(), 3);
    // One format goes, the other one stays.
    open(root.path(), &as_delta(stream_feed())).remove_table(at(T0)).unwrap();
    assert!(!dir.join("_iceberg").exists() && dir.join("_delta_log").exists());
    let held = rows(&dir);
    open(root.path(), &stream_feed()).remove_table(at(T0)).unwrap();
    assert!(!dir.join("_delta_log").exists() && !dir.join("_delta_files").exists());
    assert_eq!(rows(&dir), held);
    let report = check(&Lake::new(root.path()), &stream_feed(), Options::default(), &owner()).unwrap();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn a_column_keeps_its_id() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(2, 3), as_iceberg(stream_feed()));
    let mut dataset = open(root.path(), &feed);
    append(&mut dataset, &all, "r1");
    let known = stream_schema();
    let mut fields: Vec<_> = known.arrow.fields().iter().cloned().collect();
    let inner = Arc::new(Field::new("item", DataType::Utf8, true));
    fields.insert(3, Arc::new(Field::new("TAGS", DataType::List(inner), true)));
    let schema = TableSchema {
        arrow: Arc::new(Schema::new(fields)),
        columns_types: known
            .columns_types
            .iter()
            .cloned()
            .chain([("TAGS".into(), "ARRAY<STRING>".into())])
            .collect(),
        ..known
    };
    let old = batch(&[(0, 6, T0 + DAY)]);
    let tags = arrow::array::new_null_array(schema.arrow.field(3).data_type(), 1);
    let mut columns = old.columns().to_vec();
    columns.insert(3, tags);
    let with_tags = arrow::array::RecordBatch::try_new(Arc::clone(&schema.arrow), columns).unwrap();
    let mut appender = dataset.appender(&schema, run("r2")).unwrap();
    appender.write(&with_tags).unwrap();
    appender.commit(commit_after(&[(0, 6, T0 + DAY)])).unwrap();
    let table = table(&dir(root.path()));
    let ids = |schema: &Value| -> Vec<(String, i64)> {
        let fields = schema["fields"].as_array().unwrap().iter();
        fields.map(|f| (f["name"].as_str().unwrap().to_owned(), f["id"].as_i64().unwrap())).collect()
    };
    let (first, second) = (&table["schemas"][0], &table["schemas"][1]);
    assert_eq!(table["current-schema-id"], 1);
    assert!(ids(first).iter().all(|known| ids(second).contains(known)));
    assert!(ids(second).contains(&("TAGS".to_owned(), 9)));
    let tags = second["fields"].as_array().unwrap().iter().find(|f| f["name"] == "TAGS").unwrap();
    assert_eq!(
        (&tags["type"]["type"], &tags["type"]["element-id"], &table["last-column-id"]),
        (&json!("list"), &json!(10), &json!(10))
    );
    let mapping = table["properties"]["schema.name-mapping.default"].as_str().unwrap();
    assert!(mapping.contains(r#"{"field-id":10,"names":["element"]}"#), "{mapping}");
    let snapshots = table["snapshots"].as_array().unwrap();
    assert_eq!((&snapshots[0]["schema-id"], &snapshots[1]["schema-id"]), (&json!(0), &json!(1)));
}

#[test]
fn a_version_of_another_writer_is_never_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(3, 4), as_iceberg(stream_feed()));
    append(&mut open(root.path(), &feed), &all[..4], "r1");
    let dir = dir(root.path());
    // Another program takes the next number and forgets the file that is there.
    let mut foreign = table(&dir);
    let snapshot = foreign["snapshots"][0].clone();
    let mut other = snapshot.clone();
    other["snapshot-id"] = 77.into();
    other["parent-snapshot-id"] = snapshot["snapshot-id"].clone();
    other["summary"] = json!({"operation": "append"});
    foreign["snapshots"].as_array_mut().unwrap().push(other);
    foreign["current-snapshot-id"] = 77.into();
    let path = dir.join("_iceberg/metadata/v2.metadata.json");
    std::fs::write(&path, foreign.to_string()).unwrap();
    let mut dataset = open(root.path(), &feed);
    append(&mut dataset, &all[4..], "r2");
    drop(dataset);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign.to_string());
    let named: u64 = {
        let table = table(&dir);
        let last = table["snapshots"].as_array().unwrap().last().unwrap().clone();
        last["summary"]["total-records"].as_str().unwrap().parse().unwrap()
    };
    assert_eq!(named, 12, "the next one goes on behind");
    let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
    let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::ForeignVersions]);
    // Writers with a catalogue give other names.
    let path = dir.join("_iceberg/metadata/00001-0e2b.metadata.json");
    std::fs::write(&path, "{}").unwrap();
    let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
    let [found] = &report.findings[..] else { panic!("{:#?}", report.findings) };
    assert!(found.what.contains("77") && found.what.contains("00001-0e2b"), "{found:?}");
}

#[test]
fn a_number_that_is_taken_during_a_commit_stays_taken() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(3, 4), as_iceberg(stream_feed()));
    let mut dataset = open(root.path(), &feed);
    append(&mut dataset, &all[..4], "r1");
    let dir = dir(root.path());
    let (text, path) = (table(&dir), dir.join("_iceberg/metadata/v2.metadata.json"));
    let mut appender = dataset.appender(&stream_schema(), run("r2")).unwrap();
    appender.write(&batch(&all[4..8])).unwrap();
    std::fs::write(&path, text.to_string()).unwrap();
    appender.commit(commit_after(&all[4..8])).unwrap();
    drop(appender);
    append(&mut dataset, &all[8..], "r3");
    drop(dataset);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text.to_string());
    drop(open(root.path(), &feed));
    assert_current(&dir, |_| true);
    assert_eq!(rows(&dir).len(), 12);
}

#[test]
fn a_table_of_somebody_else_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    append(&mut open(root.path(), &as_iceberg(stream_feed())), &days(1, 3), "r1");
    let path = dir(root.path()).join("_iceberg/metadata/v1.metadata.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("streams/events", "streams/others");
    std::fs::write(&path, &text).unwrap();
    let lake = Lake::new(root.path());
    let error = Dataset::open(&lake, &as_iceberg(stream_feed()), limits(), owner()).err().unwrap();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn lost_metadata_finds_its_table_again() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(3, 4), as_iceberg(stream_feed()));
    append(&mut open(root.path(), &feed), &all[..6], "r1");
    let dir = dir(root.path());
    let before = open(root.path(), &feed).metadata().iceberg.clone().unwrap();
    std::fs::remove_file(dir.join("_metadata.json")).unwrap();
    let mut dataset = open(root.path(), &feed);
    assert_eq!(dataset.metadata().iceberg.as_ref(), Some(&before), "nothing had to be written");
    append(&mut dataset, &all[6..], "r2");
    drop(dataset);
    assert_current(&dir, |_| true);
    assert_eq!(snapshots(&dir).len(), 2);
}

#[test]
fn a_lake_that_was_moved_gets_its_paths_anew() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(3, 4), as_iceberg(stream_feed()));
    let before = root.path().join("before");
    append(&mut open(&before, &feed), &all[..6], "r1");
    append(&mut open(&before, &feed), &all[6..9], "r2");
    let after = root.path().join("after");
    std::fs::rename(&before, &after).unwrap();
    let mut dataset = open(&after, &feed);
    let told = dataset.recovery().told();
    assert!(told.iter().any(|told| told.contains("at another place")), "{told:?}");
    let dir = dir(&after);
    let location = table(&dir)["location"].as_str().unwrap().to_owned();
    assert!(location.ends_with("/after/streams/events/_iceberg"), "{location}");
    assert_current(&dir, |_| true);
    assert_eq!((snapshots(&dir).len(), strays(&dir)), (1, Vec::new()));
    append(&mut dataset, &all[9..], "r3");
    assert_eq!(snapshots(&dir).len(), 2);
    drop(dataset);
    assert!(open(&after, &feed).recovery().told().is_empty());
    let report = check(&Lake::new(&after), &feed, Options::default(), &owner()).unwrap();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn damage_is_found_and_repaired() {
    let root = tempfile::tempdir().unwrap();
    let feed = as_iceberg(stream_feed());
    append(&mut open(root.path(), &feed), &days(3, 4), "r1");
    let dir = dir(root.path());
    let lake = Lake::new(root.path());
    let found = |lake: &Lake| -> Vec<FindingKind> {
        let report = check(lake, &feed, Options::default(), &owner()).unwrap();
        report.findings.iter().map(|finding| finding.kind).collect()
    };
    let link = snapshots(&dir)[0].keys().next().unwrap().clone();
    std::fs::remove_file(&link).unwrap();
    assert_eq!(found(&lake), [FindingKind::TableLog]);
    repair(&lake, &feed, limits(), Options::default(), owner()).unwrap();
    assert!(found(&lake).is_empty());
    assert_current(&dir, |_| true);
    // The whole table.
    std::fs::remove_dir_all(dir.join("_iceberg")).unwrap();
    assert_eq!(found(&lake), [FindingKind::TableLog]);
    drop(open(root.path(), &feed));
    assert!(found(&lake).is_empty());
    assert_current(&dir, |_| true);
}

#[test]
fn a_column_that_iceberg_does_not_know_is_refused_before_the_first_byte() {
    let root = tempfile::tempdir().unwrap();
    let known = stream_schema();
    let mut fields: Vec<_> = known.arrow.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("PRICE", DataType::Decimal256(50, 2), true)));
    let schema = TableSchema {
        arrow: Arc::new(Schema::new(fields)),
        columns_types: known
            .columns_types
            .iter()
            .cloned()
            .chain([("PRICE".into(), "DECIMAL(50, 2)".into())])
            .collect(),
        ..known
    };
    let types =
        lakehand::feed::Types { decimal: lakehand::feed::DecimalAs::Decimal256, ..Default::default() };
    let feed = Feed { types, ..as_iceberg(stream_feed()) };
    let mut dataset = open(root.path(), &feed);
    let error = dataset.appender(&schema, run("r1")).err().unwrap();
    assert_eq!(error.kind(), Kind::Feed, "{error}");
    assert!(error.to_string().contains("PRICE"), "{error}");
    assert!(data_files(dataset.dir()).is_empty());
}

#[test]
fn manifests_are_merged_and_old_snapshots_go() {
    let root = tempfile::tempdir().unwrap();
    let feed = as_iceberg(stream_feed());
    let grace = std::time::Duration::from_secs(20);
    let lake = Lake::new(root.path()).retaining(RetentionRules { grace, ..RetentionRules::default() });
    let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
    let dir = dir(root.path());
    let mut largest = 0;
    for n in 0..130_i64 {
        let row = [(0, n, T0 + n % 20 * DAY)];
        append_at(&mut dataset, &row, &format!("r{n}"), at(T0 + 60 * DAY + n * 1000));
        let table = table(&dir);
        let list = table["snapshots"].as_array().unwrap().last().unwrap()["manifest-list"].clone();
        largest = largest.max(records(Path::new(list.as_str().unwrap())).len());
    }
    assert!(largest <= 32 + 8, "{largest} manifests in a list");
    assert_current(&dir, |_| true);
    let found = snapshots(&dir);
    assert!((20..=20 + 51).contains(&found.len()), "{} snapshots", found.len());
    assert_eq!(strays(&dir), [""; 0]);
    let versions = table(&dir)["metadata-log"].as_array().unwrap().len();
    assert_eq!(versions, 100);
    drop(dataset);
    let later = Owner { since: at(T0 + 61 * DAY), ..owner() };
    let report = check(&lake, &feed, Options::default(), &later).unwrap();
    assert!(report.is_sound(), "{:#?}", report.findings);
}

#[test]
fn what_has_left_goes_after_the_grace() {
    let root = tempfile::tempdir().unwrap();
    let feed = Feed { retention_days: Some(2), ..as_iceberg(stream_feed()) };
    let grace = std::time::Duration::from_secs(5);
    let lake = Lake::new(root.path()).retaining(RetentionRules { grace, ..RetentionRules::default() });
    let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
    append(&mut dataset, &days(4, 2), "r0");
    dataset.retain(at(T0 + 3 * DAY).date_naive()).unwrap();
    let left = dir(root.path()).join("_iceberg/data/year=2025/month=01/day=01");
    assert!(left.exists(), "an older snapshot still needs it");
    let now = owner().since + chrono::TimeDelta::days(1);
    for n in 0..50_i64 {
        append_at(&mut dataset, &[(0, 8 + n, T0 + 3 * DAY)], &format!("r{n}"), now);
    }
    assert!(!left.exists(), "no snapshot that is kept needs it");
    assert_current(&dir(root.path()), |_| true);
    assert_eq!(strays(&dir(root.path())), [""; 0]);
}

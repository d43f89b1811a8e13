//! A dataset that is a Delta table too: what its log says, who else may write it, and how it comes and goes.

mod lake_support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use lake_support::delta::{as_delta, assert_current, versions};
use lake_support::*;
use lakehand::Kind;
use lakehand::feed::Feed;
use lakehand::lake::verify::{FindingKind, Options, check};
use lakehand::lake::{Dataset, Lake, RetentionRules, TableSchema};
use serde_json::Value;

fn dir(root: &Path) -> PathBuf {
    Lake::new(root).dataset_dir(&stream_feed()).unwrap()
}

/// The lines of a version, by the name of the action.
fn lines(root: &Path, version: u64) -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(dir(root).join(format!("_delta_log/{version:020}.json"))).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| {
            let (action, value) = line.as_object().unwrap().iter().next().unwrap();
            (action.clone(), value.clone())
        })
        .collect()
}

fn of<'v>(lines: &'v [(String, Value)], action: &str) -> Vec<&'v Value> {
    lines.iter().filter(|(name, _)| name == action).map(|(_, value)| value).collect()
}

#[test]
fn a_log_says_what_was_committed() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(2, 5), as_delta(stream_feed()));
    let mut dataset = open(root.path(), &feed);
    append(&mut dataset, &all[..7], "r1").unwrap();
    append(&mut dataset, &all[7..], "r2").unwrap();
    let (first, second) = (lines(root.path(), 0), lines(root.path(), 1));
    assert_eq!(
        first.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
        ["commitInfo", "protocol", "metaData", "txn", "add", "add"]
    );
    assert_eq!(second.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["commitInfo", "txn", "add"]);
    assert_eq!((&of(&first, "txn")[0]["version"], &of(&second, "txn")[0]["version"]), (&1.into(), &2.into()));
    assert_eq!(of(&second, "commitInfo")[0]["lakehand.offsets"], serde_json::json!({"0": 10}));
    let add = of(&second, "add")[0];
    assert_eq!(add["partitionValues"], serde_json::json!({"year": "2025", "month": "1", "day": "2"}));
    let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
    assert_eq!(stats["numRecords"], 3);
    assert_eq!((&stats["minValues"]["ROWOFFSET"], &stats["maxValues"]["ROWOFFSET"]), (&7.into(), &9.into()));
    assert_eq!(stats["maxValues"]["ROWTIME"], "2025-01-02T00:00:00.000Z");
    let schema: Value =
        serde_json::from_str(of(&first, "metaData")[0]["schemaString"].as_str().unwrap()).unwrap();
    let fields: Vec<String> = schema["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| format!("{} {}", f["name"].as_str().unwrap(), f["type"].as_str().unwrap()))
        .collect();
    assert!(fields.contains(&"ROWTIME timestamp".to_owned()), "{fields:?}");
    assert!(
        fields.ends_with(&["year integer", "month integer", "day integer"].map(str::to_owned)),
        "{fields:?}"
    );
    assert_eq!(dataset.metadata().delta.as_ref().unwrap().version, Some(1));
    assert_current(&dir(root.path()), |_| true);
    let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner());
    drop(dataset);
    assert_eq!(report.unwrap_err().kind(), Kind::Locked);
    let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn a_feed_without_a_format_writes_nothing_of_it() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &stream_feed());
    append(&mut dataset, &days(2, 2), "r1").unwrap();
    let names: Vec<_> = std::fs::read_dir(dataset.dir()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names.iter().filter(|name| name.to_string_lossy().starts_with("_delta")).count(), 0);
    let text = std::fs::read_to_string(dataset.dir().join("_metadata.json")).unwrap();
    assert!(!text.contains("delta"), "{text}");
}

#[test]
fn a_dataset_becomes_a_table_and_is_plain_again() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(3, 4), as_delta(stream_feed()));
    append(&mut open(root.path(), &stream_feed()), &all[..6], "r1").unwrap();
    let dir = dir(root.path());
    let before = data_files(&dir);
    let mut dataset = open(root.path(), &feed);
    assert_eq!(dataset.enable_table().unwrap().delta, Some(0));
    assert_eq!(data_files(&dir), before, "no file was rewritten");
    append(&mut dataset, &all[6..], "r2").unwrap();
    drop(dataset);
    assert_current(&dir, |_| true);
    assert_eq!(versions(&dir).len(), 2);
    // A run without the format leaves the log behind; the next one with it brings it up.
    append(&mut open(root.path(), &stream_feed()), &[(0, 12, T0)], "r3").unwrap();
    let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
    assert!(report.findings.iter().any(|f| f.kind == FindingKind::TableLog), "{:#?}", report.findings);
    drop(open(root.path(), &feed));
    assert_current(&dir, |_| true);
    let held = rows(&dir);
    let mut dataset = open(root.path(), &stream_feed());
    dataset.remove_table(at(T0)).unwrap();
    drop(dataset);
    assert!(!dir.join("_delta_log").exists() && !dir.join("_delta_files").exists());
    assert_eq!(rows(&dir), held);
    let report = check(&Lake::new(root.path()), &stream_feed(), Options::default(), &owner()).unwrap();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);
}

#[test]
fn a_version_of_another_writer_is_never_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(3, 4), as_delta(stream_feed()));
    append(&mut open(root.path(), &feed), &all[..4], "r1").unwrap();
    let foreign = dir(root.path()).join("_delta_log/00000000000000000001.json");
    std::fs::write(&foreign, "{\"commitInfo\":{\"operation\":\"OPTIMIZE\"}}\n").unwrap();
    append(&mut open(root.path(), &feed), &all[4..], "r2").unwrap();
    assert!(std::fs::read_to_string(&foreign).unwrap().contains("OPTIMIZE"));
    assert_eq!(of(&lines(root.path(), 2), "txn")[0]["version"], 2);
    append(&mut open(root.path(), &feed), &[(0, 12, T0)], "r3").unwrap();
    assert_eq!(versions(&dir(root.path())).len(), 4, "the next one goes on behind");
    let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
    let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::ForeignVersions]);
}

#[test]
fn a_table_of_somebody_else_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    append(&mut open(root.path(), &stream_feed()), &days(1, 3), "r1").unwrap();
    let log = dir(root.path()).join("_delta_log");
    std::fs::create_dir(&log).unwrap();
    let text = "{\"metaData\":{\"id\":\"x\",\"schemaString\":\"{}\",\"configuration\":{}}}\n";
    std::fs::write(log.join("00000000000000000000.json"), text).unwrap();
    let error =
        Dataset::open(&Lake::new(root.path()), &as_delta(stream_feed()), limits(), owner()).err().unwrap();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    assert_eq!(std::fs::read_to_string(log.join("00000000000000000000.json")).unwrap(), text);
}

#[test]
fn lost_metadata_finds_its_table_again() {
    let root = tempfile::tempdir().unwrap();
    let (all, feed) = (days(3, 4), as_delta(stream_feed()));
    append(&mut open(root.path(), &feed), &all[..6], "r1").unwrap();
    let dir = dir(root.path());
    let before = open(root.path(), &feed).metadata().delta.clone().unwrap();
    std::fs::remove_file(dir.join("_metadata.json")).unwrap();
    let mut dataset = open(root.path(), &feed);
    let found = dataset.metadata().delta.clone().unwrap();
    assert_eq!((&found.id, found.version), (&before.id, before.version), "nothing had to be written");
    append(&mut dataset, &all[6..], "r2").unwrap();
    drop(dataset);
    assert_current(&dir, |_| true);
    assert_eq!(versions(&dir).len(), 2);
}

#[test]
fn a_column_that_delta_does_not_know_is_refused_before_the_first_byte() {
    let root = tempfile::tempdir().unwrap();
    let known = stream_schema();
    let mut fields: Vec<_> = known.arrow.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("AT_NOON", DataType::Time32(arrow::datatypes::TimeUnit::Second), true)));
    let schema = TableSchema { arrow: Arc::new(Schema::new(fields)), ..known };
    let mut dataset = open(root.path(), &as_delta(stream_feed()));
    let error = dataset.appender(&schema, run("r1")).err().unwrap();
    assert_eq!(error.kind(), Kind::Feed, "{error}");
    assert!(error.to_string().contains("AT_NOON"), "{error}");
    assert!(data_files(dataset.dir()).is_empty());
}

#[test]
fn checkpoints_hold_what_the_log_said_and_old_versions_go() {
    let root = tempfile::tempdir().unwrap();
    let feed = as_delta(stream_feed());
    let rules = RetentionRules { grace: std::time::Duration::ZERO, ..RetentionRules::default() };
    let lake = Lake::new(root.path()).retaining(rules);
    let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
    let now = at(T0);
    let rows: Vec<Row> = (0..230).map(|o| (0, o, T0 + o % 20 * DAY)).collect();
    let commit = |dataset: &mut Dataset, n: usize| {
        let now = now + chrono::TimeDelta::seconds(i64::try_from(n).unwrap());
        let mut appender = dataset.appender(&stream_schema(), run(&format!("r{n}"))).unwrap();
        appender.write(&batch(&rows[n..=n])).unwrap();
        appender.commit(lakehand::lake::Commit { now, ..commit_after(&rows[n..=n]) }).unwrap();
    };
    for n in 0..102 {
        commit(&mut dataset, n);
    }
    let log = dir(root.path()).join("_delta_log");
    let checkpoint = |version: u64| log.join(format!("{version:020}.checkpoint.parquet"));
    let entry = |version: u64| log.join(format!("{version:020}.json"));
    assert!(checkpoint(100).exists() && entry(0).exists(), "it is not older than the grace itself");
    let last: Value = serde_json::from_slice(&std::fs::read(log.join("_last_checkpoint")).unwrap()).unwrap();
    assert_eq!(last["version"], 100);
    let held: usize = read(&checkpoint(100)).iter().map(arrow::array::RecordBatch::num_rows).sum();
    assert_eq!(last["size"].as_u64().unwrap(), held as u64);
    assert_eq!(held, 101 + 3, "each file, protocol, metaData, txn");
    for n in 102..230 {
        commit(&mut dataset, n);
    }
    assert!(checkpoint(200).exists() && checkpoint(100).exists() && entry(100).exists());
    assert!(!entry(99).exists(), "what is before the checkpoint beyond the grace is gone");
    drop(dataset);
    // Lost metadata reads checkpoint and entries, and finds nothing to write.
    std::fs::remove_file(dir(root.path()).join("_metadata.json")).unwrap();
    let dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
    assert_eq!(dataset.metadata().delta.as_ref().unwrap().version, Some(229));
    drop(dataset);
    let report = check(&lake, &feed, Options::default(), &owner()).unwrap();
    assert!(report.is_sound(), "{:#?}", report.findings);
}

#[test]
fn what_has_left_goes_with_the_checkpoint_after_the_grace() {
    let root = tempfile::tempdir().unwrap();
    let feed = Feed { retention_days: Some(2), ..as_delta(stream_feed()) };
    let rules = RetentionRules { grace: std::time::Duration::from_secs(5), ..RetentionRules::default() };
    let lake = Lake::new(root.path()).retaining(rules);
    let mut dataset = Dataset::open(&lake, &feed, limits(), owner()).unwrap();
    append(&mut dataset, &days(4, 2), "r0").unwrap();
    dataset.retain(at(T0 + 3 * DAY).date_naive()).unwrap();
    let left = dir(root.path()).join("_delta_files/year=2025/month=01/day=01");
    assert!(left.exists(), "an older version still needs it");
    let now = owner().since + chrono::TimeDelta::days(1);
    for n in 0..100_i64 {
        let rows = [(0, 8 + n, T0 + 3 * DAY)];
        let mut appender = dataset.appender(&stream_schema(), run(&format!("r{n}"))).unwrap();
        appender.write(&batch(&rows)).unwrap();
        appender.commit(lakehand::lake::Commit { now, ..commit_after(&rows) }).unwrap();
    }
    assert!(!left.exists(), "no version that is kept needs it");
    drop(dataset);
    let later = lakehand::lake::Owner { since: now, ..owner() };
    let report = check(&lake, &feed, Options::default(), &later).unwrap();
    assert!(report.is_sound(), "{:#?}", report.findings);
}

#[test]
fn a_stream_with_files_of_two_types_is_no_table() {
    let root = tempfile::tempdir().unwrap();
    append(&mut open(root.path(), &stream_feed()), &days(1, 3), "r1").unwrap();
    let known = stream_schema();
    let fields = known.arrow.fields().iter().map(|field| match field.name().as_str() {
        "AMOUNT" => Arc::new(Field::new("AMOUNT", DataType::Utf8, true)),
        _ => field.clone(),
    });
    let schema = TableSchema {
        arrow: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
        columns_types: vec![("NAME".into(), "STRING".into()), ("AMOUNT".into(), "STRING".into())],
        ..known
    };
    // While it is a table, the change is refused; plain Parquet takes it.
    let mut dataset = open(root.path(), &as_delta(stream_feed()));
    let error = dataset.accept_schema(&schema, at(T0)).unwrap_err();
    assert!(error.kind() == Kind::Refused && error.to_string().contains("disable-format"), "{error}");
    drop(dataset);
    let mut dataset = open(root.path(), &stream_feed());
    dataset.remove_table(at(T0)).unwrap();
    assert_eq!(dataset.accept_schema(&schema, at(T0)).unwrap(), "2.0");
    drop(dataset);
    // And then it does not become one again: readers would meet both types.
    let lake = Lake::new(root.path());
    let error = Dataset::open(&lake, &as_delta(stream_feed()), limits(), owner()).err().unwrap();
    assert!(error.kind() == Kind::Refused && error.to_string().contains("AMOUNT"), "{error}");
    assert!(!dir(root.path()).join("_delta_log").exists());
    drop(open(root.path(), &stream_feed()));
}

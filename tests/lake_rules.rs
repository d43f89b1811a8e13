//! The rules around the data: one writer at a time, modes, names, columns, retention.

mod lake_support;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use lake_support::*;
use lakehand::Kind;
use lakehand::feed::{DatePart, Feed, Partitioning, Visibility};
use lakehand::lake::{Dataset, Lake, Limits, TableSchema, read_metadata};

/// Variable by which a test tells its own binary, started again, in which lake to work.
const CHILD: &str = "LAKE_TEST_CHILD";

fn child(test: &str, root: &Path, umask: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("umask {umask}; exec \"$0\" --exact {test} --ignored --nocapture"));
    command.arg(std::env::current_exe().unwrap()).env(CHILD, root);
    command
}

fn export(root: &Path, feed: &Feed, rows: &[Row]) {
    let mut dataset = open(root, feed);
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    appender.write(&batch(rows)).unwrap();
    appender.commit(commit_after(rows)).unwrap();
}

#[test]
fn the_second_handle_is_told_who_holds_the_dataset() {
    let root = tempfile::tempdir().unwrap();
    let first = open(root.path(), &stream_feed());
    let again = || Dataset::open(&Lake::new(root.path()), &stream_feed(), limits(), owner());
    let error = again().err().unwrap();
    assert_eq!(error.kind(), Kind::Locked);
    assert!(
        error.to_string().contains("lakehand test (process 4711 on here) since 2025-04-11T00:00:00Z"),
        "{error}"
    );
    // Another dataset of the lake is free.
    drop(open(root.path(), &table_feed()));
    drop(first);
    again().unwrap();
}

#[test]
#[ignore = "the child of the_lock_dies_with_its_owner"]
fn child_holds_the_lock() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    let _held = open(Path::new(&root), &stream_feed());
    println!("held");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn the_lock_dies_with_its_owner() {
    let root = tempfile::tempdir().unwrap();
    let mut owner_process = child("child_holds_the_lock", root.path(), "022")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let stdout = owner_process.stdout.as_mut().unwrap();
    while !String::from_utf8_lossy(&said).contains("held") {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "the child ended: {}", String::from_utf8_lossy(&said));
        said.push(byte[0]);
    }
    let again = || Dataset::open(&Lake::new(root.path()), &stream_feed(), limits(), owner());
    assert_eq!(again().err().map(|e| e.kind()), Some(Kind::Locked));
    owner_process.kill().unwrap();
    owner_process.wait().unwrap();
    again().unwrap();
}

#[test]
#[ignore = "the child of the_umask_does_not_matter"]
fn child_exports() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    let root = Path::new(&root);
    export(root, &stream_feed(), &[(0, 0, T0)]);
    let mut dataset = open(root, &table_feed());
    let mut snapshot = dataset.snapshot(&table_schema(), run("r1")).unwrap();
    snapshot.write(&table_batch(0, 3)).unwrap();
    snapshot.publish(at(T0), 3).unwrap();
}

#[test]
fn the_umask_does_not_matter() {
    let expected = [
        ("streams", 0o755),
        ("streams/events", 0o750),
        ("_lakehand/streams/events/lock", 0o640),
        ("streams/events/_metadata.json", 0o640),
        ("_lakehand/streams/events/staging", 0o700),
        ("streams/events/year=2025", 0o750),
        ("streams/events/year=2025/month=01/day=01", 0o750),
        ("streams/events/year=2025/month=01/day=01/data_20250101_000001-r1_1.parquet", 0o640),
        ("tables/totals", 0o755),
        ("tables/totals/_metadata.json", 0o644),
        ("tables/totals/version=v1", 0o755),
        ("tables/totals/version=v1/snapshot_20250210_000000.parquet", 0o644),
    ];
    for umask in ["000", "077"] {
        let root = tempfile::tempdir().unwrap();
        let status = child("child_exports", root.path(), umask).stdout(Stdio::null()).status().unwrap();
        assert!(status.success());
        for (path, mode) in expected {
            let found = std::fs::metadata(root.path().join(path)).unwrap().permissions().mode() & 0o7777;
            assert_eq!(format!("{found:o}"), format!("{mode:o}"), "{path} under umask {umask}");
        }
    }
}

#[test]
fn a_dataset_that_becomes_shared_is_opened_to_others() {
    let root = tempfile::tempdir().unwrap();
    drop(open(root.path(), &stream_feed()));
    let dataset = open(root.path(), &Feed { visibility: Visibility::Shared, ..stream_feed() });
    assert_eq!(std::fs::metadata(dataset.dir()).unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn nothing_is_written_through_a_link() {
    let root = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("streams")).unwrap();
    let link = root.path().join("streams/events");
    std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
    let error = Dataset::open(&Lake::new(root.path()), &stream_feed(), limits(), owner()).err().unwrap();
    assert_eq!(error.kind(), Kind::Damaged);
    assert!(error.to_string().contains("a symbolic link stands where a folder"), "{error}");
    std::fs::remove_file(&link).unwrap();
    let mut dataset = open(root.path(), &stream_feed());
    std::os::unix::fs::symlink(elsewhere.path(), link.join("year=2025")).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    appender.write(&batch(&[(0, 0, T0)])).unwrap();
    // The row is put aside, and holds up no other day.
    let done = appender.commit(commit_after(&[(0, 0, T0)])).unwrap();
    assert_eq!((done.rows, done.quarantined), (0, 1));
    drop(appender);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn names_cannot_leave_the_lake() {
    let root = tempfile::tempdir().unwrap();
    for source in ["", ".", "..", "../x", "a/b", "_staging", ".hidden", "a\\b", "a\nb"] {
        let feed = Feed { source: source.to_owned(), ..stream_feed() };
        let error = Dataset::open(&Lake::new(root.path()), &feed, limits(), owner()).err().unwrap();
        assert_eq!(error.kind(), Kind::Feed, "{source:?}");
    }
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn the_metadata_has_the_names_of_the_contract() {
    let root = tempfile::tempdir().unwrap();
    export(root.path(), &stream_feed(), &[(0, 0, T0), (0, 1, T0 + DAY)]);
    let text = std::fs::read_to_string(root.path().join("streams/events/_metadata.json")).unwrap();
    let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    let contract = [
        ("source", "\"events\""),
        ("type", "\"stream\""),
        ("storage_mode", "\"append\""),
        ("format", "\"parquet\""),
        ("partitioning", "\"date\""),
        ("last_export", "\"2025-02-10T00:00:05Z\""),
        ("total_records", "2"),
        ("schema_version", "\"1.0\""),
        ("created_at", "\"2025-04-11T00:00:00Z\""),
        ("positions", "{\"0\":2}"),
        ("caught_up", "true"),
        ("checked_at", "\"2025-02-10T00:00:05Z\""),
        ("read_way", "\"offsets\""),
        ("partition_columns", "[\"year\",\"month\",\"day\"]"),
        ("timezone", "\"UTC\""),
        ("commit_seq", "1"),
        ("quarantined_records", "0"),
    ];
    for (name, expected) in contract {
        assert_eq!(value[name].to_string(), expected, "{name}");
    }
    assert!(value["total_size_mb"].is_f64());
    let partition = value["partitions"][0].as_object().unwrap();
    assert_eq!(partition["path"], "year=2025/month=01/day=01");
    assert_eq!(partition["records"], 1);
    assert!(partition["size_mb"].is_f64());
    assert_eq!(partition["offsets"].to_string(), r#"{"0":[0,0]}"#);
    assert_eq!(
        value["columns"][3].to_string(),
        r#"{"arrow_type":"Utf8","ksql_type":"STRING","name":"NAME","since":"1.0","since_at":"2025-02-10T00:00:00Z"}"#
    );
    let first: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with("  \""))
        .take(11)
        .map(|l| l.split('"').nth(1).unwrap())
        .collect();
    let order = [
        "source",
        "type",
        "storage_mode",
        "format",
        "partitioning",
        "last_export",
        "total_records",
        "total_size_mb",
        "partitions",
        "schema_version",
        "created_at",
    ];
    assert_eq!(first, order);
}

#[test]
fn fields_of_others_stay_in_the_metadata() {
    let root = tempfile::tempdir().unwrap();
    export(root.path(), &stream_feed(), &[(0, 0, T0)]);
    let path = root.path().join("streams/events/_metadata.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen('{', "{\"steward\": {\"name\": \"Ada\", \"n\": 0.1},", 1)).unwrap();
    let mut dataset = open(root.path(), &stream_feed());
    dataset.note_caught_up(&BTreeMap::from([(0, 7)]), Some(at(T0)), "idle", at(T0 + 41 * DAY)).unwrap();
    let metadata = read_metadata(dataset.dir()).unwrap().unwrap();
    assert_eq!(metadata.other["steward"].to_string(), r#"{"n":0.1,"name":"Ada"}"#);
    assert_eq!((metadata.positions[&0], metadata.read_mode.as_deref()), (7, Some("idle")));
    assert_eq!(
        (metadata.checked_at, metadata.last_export),
        (Some(at(T0 + 41 * DAY)), Some(at(T0 + 40 * DAY + 5000)))
    );
    let back = dataset.note_caught_up(&BTreeMap::from([(0, 6)]), None, "idle", at(T0 + 41 * DAY));
    assert_eq!(back.unwrap_err().kind(), Kind::Bug, "a position never goes back");
}

fn with_column(name: &str, ksql: &str, arrow: DataType) -> TableSchema {
    let mut schema = stream_schema();
    let mut fields: Vec<_> = schema.arrow.fields().iter().cloned().collect();
    fields.retain(|field| field.name() != name);
    fields.push(Arc::new(Field::new(name, arrow, true)));
    schema.arrow = Arc::new(Schema::new(fields));
    schema.columns_types.retain(|(n, _)| n != name);
    schema.columns_types.push((name.to_owned(), ksql.to_owned()));
    schema
}

#[test]
fn columns_change_as_the_contract_says() {
    let root = tempfile::tempdir().unwrap();
    export(root.path(), &stream_feed(), &[(0, 0, T0)]);
    let mut dataset = open(root.path(), &stream_feed());
    // A column comes: 1.1.
    let wider = with_column("COUNT", "BIGINT", DataType::Int64);
    let mut appender = dataset.appender(&wider, run("r2")).unwrap();
    let mut columns: Vec<ArrayRef> = batch(&[(0, 1, T0)]).columns().to_vec();
    columns.push(Arc::new(Int64Array::from(vec![Some(5)])));
    appender.write(&RecordBatch::try_new(wider.arrow.clone(), columns).unwrap()).unwrap();
    appender.commit(commit_after(&[(0, 1, T0)])).unwrap();
    drop(appender);
    assert_eq!(dataset.metadata().schema_version, "1.1");
    // A column changes: the feed holds until somebody takes it.
    let changed = with_column("AMOUNT", "STRING", DataType::Utf8);
    let error = dataset.appender(&changed, run("r3")).err().unwrap();
    assert_eq!(error.kind(), Kind::Schema);
    assert!(error.to_string().contains("AMOUNT was DOUBLE and is STRING"), "{error}");
    assert!(error.advice().unwrap().contains("feeds accept-schema"), "{error}");
    assert_eq!(dataset.accept_schema(&changed, at(T0)).unwrap(), "2.0");
    dataset.appender(&changed, run("r4")).unwrap().abandon().unwrap();
    // A column named like a folder is refused, with the way out.
    let error = dataset.appender(&with_column("Day", "BIGINT", DataType::Int64), run("r5")).err().unwrap();
    assert_eq!(error.kind(), Kind::Feed);
    assert!(error.to_string().contains("\"rename\": {\"Day\""), "{error}");
}

#[test]
fn retention_goes_by_the_date_in_the_path_and_leaves_what_is_not_ours() {
    let root = tempfile::tempdir().unwrap();
    let hours = Partitioning::Date {
        columns: vec![DatePart::Year, DatePart::Month, DatePart::Day, DatePart::Hour],
        timestamp_column: None,
        timezone: chrono_tz::UTC,
    };
    let feed = Feed { retention_days: Some(30), partitioning: hours, ..stream_feed() };
    let all: Vec<Row> = (0..60).map(|i| (0, i, T0 + i * DAY)).collect();
    export(root.path(), &feed, &all);
    let mut dataset = open(root.path(), &feed);
    let notes = dataset.dir().join("year=2025/month=01/day=05/hour=00/notes.txt");
    std::fs::write(&notes, "kept").unwrap();
    // Files written today, days long ago: the path counts. 2025-03-01 less 30 days is 2025-01-30, which stays.
    let removed = dataset.retain("2025-03-01".parse().unwrap()).unwrap();
    assert_eq!(removed.len(), 29);
    assert_eq!(removed[4].foreign, ["notes.txt"]);
    assert!(removed.iter().all(|partition| partition.records == 1 && partition.files == 1));
    let left = rows(dataset.dir().join("year=2025/month=02").as_path()).len()
        + rows(dataset.dir().join("year=2025/month=01/day=30").as_path()).len()
        + rows(dataset.dir().join("year=2025/month=01/day=31").as_path()).len();
    assert_eq!((left, dataset.metadata().total_records), (30, 31));
    assert!(notes.exists() && !dataset.dir().join("year=2025/month=01/day=04").exists());
    assert!(dataset.retain("2025-03-01".parse().unwrap()).unwrap().is_empty(), "twice is once");
    let dir = dataset.dir().to_owned();
    drop(dataset);
    // Without `retention_days` everything stays.
    assert!(
        open(root.path(), &Feed { retention_days: None, ..feed })
            .retain("2099-01-01".parse().unwrap())
            .unwrap()
            .is_empty()
    );
    assert!(dir.join("year=2025/month=02/day=01").exists());
}

#[test]
fn a_lost_lock_file_stops_the_commit() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &stream_feed());
    let dir = dataset.dir().to_owned();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    appender.write(&batch(&[(0, 0, T0)])).unwrap();
    std::fs::remove_file(books(&dir).join("lock")).unwrap();
    let second = open(root.path(), &stream_feed());
    assert_eq!(appender.commit(commit_after(&[(0, 0, T0)])).unwrap_err().kind(), Kind::Locked);
    drop(appender);
    drop(second);
    assert!(data_files(&dir).is_empty());
}

#[test]
fn the_budget_may_be_nothing_at_all() {
    let root = tempfile::tempdir().unwrap();
    let none = Limits { memory_bytes: 0, target_file_bytes: 0, ..limits() };
    let mut dataset = Dataset::open(&Lake::new(root.path()), &stream_feed(), none, owner()).unwrap();
    let all: Vec<Row> = (0..20).map(|i| (0, i, T0 + i * DAY)).collect();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    appender.write(&batch(&all)).unwrap();
    appender.commit(commit_after(&all)).unwrap();
    drop(appender);
    assert_eq!(rows(dataset.dir()), expected(&all));
}

/// A stream of so many columns beside the three of a row's position.
fn wide(columns: usize) -> TableSchema {
    let mut fields = stream_schema().arrow.fields()[..3].to_vec();
    fields.extend((0..columns).map(|n| Arc::new(Field::new(format!("C{n}"), DataType::Int64, true))));
    let columns_types = (0..columns).map(|n| (format!("C{n}"), "BIGINT".to_owned())).collect();
    TableSchema { arrow: Arc::new(Schema::new(fields)), ksql: "`C` BIGINT".to_owned(), columns_types }
}

#[test]
fn many_columns_become_few_files_or_are_refused_with_the_number_before_the_first_row() {
    const ROWS: i64 = 3_000;
    let root = tempfile::tempdir().unwrap();
    let limits = Limits { memory_bytes: 64 << 20, ..limits() };
    let feed = stream_feed();
    let mut dataset = Dataset::open(&Lake::new(root.path()), &feed, limits, owner()).unwrap();
    let error = dataset.appender(&wide(1_000), run("r1")).err().unwrap();
    let text = error.to_string();
    assert!(text.contains("1003 columns") && text.contains("MiB") && text.contains("memory_mb"), "{text}");

    let schema = wide(300);
    let mut appender = dataset.appender(&schema, run("r1")).unwrap();
    for first in (0..ROWS).step_by(100) {
        let rows: Vec<Row> = (first..first + 100).map(|offset| (0, offset, T0 + offset)).collect();
        let mut columns: Vec<ArrayRef> = batch(&rows).columns()[..3].to_vec();
        columns.extend((0..300).map(|column| {
            let value = |row: &Row| row.1.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed() ^ column);
            Arc::new(rows.iter().map(value).collect::<Int64Array>()) as ArrayRef
        }));
        appender.write(&RecordBatch::try_new(Arc::clone(&schema.arrow), columns).unwrap()).unwrap();
    }
    appender.commit(commit_after(&[(0, ROWS - 1, T0)])).unwrap();
    let files = data_files(root.path());
    assert!(files.len() <= 2, "{} files for one day", files.len());
}

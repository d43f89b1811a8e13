//! Types in files: what every reader knows by default, what a feed asks for, what a lake of before has.

mod lake_support;

use std::path::Path;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, Decimal256Array, Float64Array, RecordBatch, Time64MicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit, i256};
use lake_support::*;
use lakehand::feed::{DecimalAs, Feed, TimeAs, Types};
use lakehand::lake::{Change, KSQL_TYPE, TableSchema, read_footer, read_metadata};
use parquet::basic::{ColumnOrder, SortOrder};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::statistics::Statistics;

/// A TIME and a DECIMAL(50, 5) beside the other columns.
fn schema() -> TableSchema {
    let mut schema = stream_schema();
    let mut fields: Vec<_> = schema.arrow.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("AT", DataType::Time64(TimeUnit::Microsecond), true)));
    fields.push(Arc::new(Field::new("WIDE", DataType::Decimal256(50, 5), true)));
    schema.arrow = Arc::new(Schema::new(fields));
    for (name, sql) in [("AT", "TIME"), ("WIDE", "DECIMAL(50, 5)")] {
        schema.columns_types.push((name.to_owned(), sql.to_owned()));
    }
    schema
}

fn typed(rows: &[Row]) -> RecordBatch {
    let mut columns: Vec<ArrayRef> = batch(rows).columns().to_vec();
    let some = |row: &Row| row.1 % 3 != 0;
    let times: Time64MicrosecondArray =
        rows.iter().map(|row| some(row).then_some(row.1 * 1_000_001_000 % 86_400_000_000)).collect();
    let wide: Decimal256Array =
        rows.iter().map(|row| some(row).then(|| i256::from_i128(i128::MAX - i128::from(row.1)))).collect();
    columns.push(Arc::new(times));
    columns.push(Arc::new(wide.with_precision_and_scale(50, 5).unwrap()));
    RecordBatch::try_new(schema().arrow, columns).unwrap()
}

fn export(root: &Path, feed: &Feed, id: &str, rows: &[Row]) {
    let mut dataset = open(root, feed);
    let mut appender = dataset.appender(&schema(), run(id)).unwrap();
    appender.write(&typed(rows)).unwrap();
    appender.commit(commit_after(rows)).unwrap();
}

/// Types of ROWTIME, AT and WIDE in each file, by the file's day.
fn types(root: &Path) -> Vec<[String; 3]> {
    let dir = root.join("streams/events");
    let of = |file: &String| {
        let schema = read(&dir.join(file))[0].schema();
        ["ROWTIME", "AT", "WIDE"].map(|name| schema.field_with_name(name).unwrap().data_type().to_string())
    };
    data_files(&dir).iter().map(of).collect()
}

const PORTABLE: [&str; 3] = ["Timestamp(ms, \"UTC\")", "Utf8", "Utf8"];
const BEFORE: [&str; 3] = ["Int64", "Time64(µs)", "Decimal256(50, 5)"];

#[test]
fn by_default_every_column_has_a_type_that_every_reader_knows() {
    let root = tempfile::tempdir().unwrap();
    let rows_in: Vec<Row> = (0..9).map(|i| (0, i, T0 + i)).collect();
    export(root.path(), &stream_feed(), "r1", &rows_in);
    assert_eq!(types(root.path()), [PORTABLE]);
    let dir = root.path().join("streams/events");
    assert_eq!(rows(&dir), expected(&rows_in));
    let batch = &read(&dir.join(&data_files(&dir)[0]))[0];
    let (times, wide) = (batch["AT"].as_string::<i32>(), batch["WIDE"].as_string::<i32>());
    assert_eq!((times.null_count(), wide.null_count()), (3, 3));
    assert_eq!((times.value(1), times.value(8)), ("00:16:40.001", "02:13:20.008"));
    assert_eq!(wide.value(1), "1701411834604692317316873037158841.05726");
    let told = |name: &str| batch.schema().field_with_name(name).unwrap().metadata().get(KSQL_TYPE).cloned();
    assert_eq!(
        ["ROWTIME", "AT", "WIDE", "NAME"].map(told),
        [Some("BIGINT".to_owned()), Some("TIME".to_owned()), Some("DECIMAL(50, 5)".to_owned()), None]
    );
    // The facts that go by ROWTIME are what they were.
    let footer = read_footer(&dir.join(&data_files(&dir)[0])).unwrap();
    assert_eq!((footer.rowtime, footer.rows), (Some([T0, T0 + 8]), 9));
    assert_eq!(footer.columns[0], ["ROWTIME", "BIGINT", PORTABLE[0]]);
    assert_eq!(read_metadata(&dir).unwrap().unwrap().partitions[0].last_time, Some(at(T0 + 8)));
}

#[test]
fn a_feed_may_ask_for_parquets_own_types() {
    let root = tempfile::tempdir().unwrap();
    let types_of_feed = Types { time: TimeAs::Time, decimal: DecimalAs::Decimal256 };
    let feed = Feed { types: types_of_feed, ..stream_feed() };
    export(root.path(), &feed, "r1", &[(0, 1, T0)]);
    assert_eq!(types(root.path()), [[PORTABLE[0], BEFORE[1], BEFORE[2]]]);
    // The lake has them now: a feed that says otherwise later does not make two types in one folder.
    export(root.path(), &stream_feed(), "r2", &[(0, 2, T0 + DAY)]);
    assert_eq!(types(root.path())[1], [PORTABLE[0], BEFORE[1], BEFORE[2]]);
}

#[test]
fn a_lake_of_before_keeps_its_types_until_they_are_accepted_and_rebuilding_finds_them() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("streams/events");
    // What an earlier version of the program recorded.
    drop(open(root.path(), &stream_feed()));
    export(root.path(), &stream_feed(), "r0", &[(0, 0, T0 - DAY)]);
    let metadata = dir.join("_metadata.json");
    let mut text: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&metadata).unwrap()).unwrap();
    for (column, before) in [(0, BEFORE[0]), (5, BEFORE[1]), (6, BEFORE[2])] {
        text["columns"][column]["arrow_type"] = before.into();
        text["columns"][column].as_object_mut().unwrap().remove("since_at");
    }
    std::fs::write(&metadata, text.to_string()).unwrap();
    let first = dir.join(data_files(&dir)[0].clone());
    export(root.path(), &stream_feed(), "r1", &[(0, 1, T0)]);
    assert_eq!(types(root.path())[1], BEFORE);
    std::fs::remove_file(first).unwrap();
    // The metadata is lost: the footers tell the types.
    std::fs::remove_file(&metadata).unwrap();
    export(root.path(), &stream_feed(), "r2", &[(0, 2, T0 + DAY)]);
    assert_eq!(types(root.path()), [BEFORE, BEFORE]);
    // Only the operator moves them.
    let mut dataset = open(root.path(), &stream_feed());
    assert_eq!(dataset.accept_schema(&schema(), at(T0)).unwrap(), "2.0");
    drop(dataset);
    export(root.path(), &stream_feed(), "r3", &[(0, 4, T0 + 2 * DAY)]);
    assert_eq!(types(root.path()), [BEFORE, BEFORE, PORTABLE]);
    std::fs::remove_file(&metadata).unwrap();
    export(root.path(), &stream_feed(), "r4", &[(0, 5, T0 + 3 * DAY)]);
    assert_eq!(types(root.path())[3], PORTABLE);
    let held = read_metadata(&dir).unwrap().unwrap();
    assert_eq!(held.schema_version, "2.0");
    assert!(held.columns.iter().all(|column| column.since == "2.0" && column.since_at.is_some()));
}

#[test]
fn columns_that_come_and_go_are_told_once_with_their_day() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &stream_feed());
    let mut commit = |wide: bool, id: &str, rows: &[Row]| {
        let (schema, batch) = if wide { (schema(), typed(rows)) } else { (stream_schema(), batch(rows)) };
        let mut appender = dataset.appender(&schema, run(id)).unwrap();
        appender.write(&batch).unwrap();
        appender.commit(commit_after(rows)).unwrap().columns
    };
    assert_eq!(commit(false, "r1", &[(0, 0, T0)]), []);
    let came = commit(true, "r2", &[(0, 1, T0)]);
    let told: Vec<_> = came.iter().map(|c| (c.name.as_str(), c.what, c.schema_version.as_str())).collect();
    assert_eq!(told, [("AT", Change::Came, "1.1"), ("WIDE", Change::Came, "1.1")]);
    assert!(came[0].to_string().contains("column AT TIME came"), "{}", came[0]);
    assert_eq!(commit(true, "r3", &[(0, 2, T0)]), []);
    let went = commit(false, "r4", &[(0, 3, T0)]);
    assert_eq!(went.iter().map(|c| c.what).collect::<Vec<_>>(), [Change::Went; 2]);
    assert_eq!(commit(false, "r5", &[(0, 4, T0)]), []);
    let metadata = read_metadata(&root.path().join("streams/events")).unwrap().unwrap();
    let wide = metadata.columns.last().unwrap();
    let started = Some(run("r").started);
    assert_eq!((wide.since_at, wide.gone_since.as_deref(), wide.gone_at), (started, Some("1.1"), started));
    drop(dataset);
    let mut dataset = open(root.path(), &stream_feed());
    let mut appender = dataset.appender(&schema(), run("r6")).unwrap();
    appender.write(&typed(&[(0, 5, T0)])).unwrap();
    let back = appender.commit(commit_after(&[(0, 5, T0)])).unwrap().columns;
    assert_eq!(back.iter().map(|c| c.what).collect::<Vec<_>>(), [Change::CameBack; 2]);
}

fn footer(file: &Path) -> ParquetMetaData {
    let file = std::fs::File::open(file).unwrap();
    SerializedFileReader::new(file).unwrap().metadata().clone()
}

#[test]
fn doubles_have_the_column_order_and_the_statistics_that_readers_go_by() {
    let amounts = |values: &[Option<f64>]| -> ParquetMetaData {
        let root = tempfile::tempdir().unwrap();
        let rows: Vec<Row> = (0..).zip(values).map(|(i, _)| (0, i, T0)).collect();
        let mut columns: Vec<ArrayRef> = batch(&rows).columns().to_vec();
        columns[4] = Arc::new(values.iter().copied().collect::<Float64Array>());
        let mut dataset = open(root.path(), &stream_feed());
        let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
        appender.write(&RecordBatch::try_new(stream_schema().arrow, columns).unwrap()).unwrap();
        appender.commit(commit_after(&rows)).unwrap();
        drop(appender);
        footer(&dataset.dir().join(&data_files(dataset.dir())[0]))
    };
    let bounds = |metadata: &ParquetMetaData| {
        let Some(Statistics::Double(statistics)) = metadata.row_group(0).column(4).statistics() else {
            panic!("no statistics of a DOUBLE")
        };
        let bits = |value: Option<&f64>| value.map(|value| value.to_bits());
        (bits(statistics.min_opt()), bits(statistics.max_opt()), statistics.null_count_opt())
    };
    let plain = amounts(&[Some(-1.5), None, Some(2.25)]);
    let orders = plain.file_metadata().column_orders().unwrap();
    assert_eq!(orders.len(), 5);
    assert!(orders.iter().all(|order| matches!(order, ColumnOrder::TYPE_DEFINED_ORDER(_))), "{orders:?}");
    assert_eq!(orders[4], ColumnOrder::TYPE_DEFINED_ORDER(SortOrder::SIGNED));
    let bits = |value: f64| Some(value.to_bits());
    assert_eq!(bounds(&plain), (bits(-1.5), bits(2.25), Some(1)));
    // A NaN is no bound, and a zero is one of either sign: else a reader skips rows that it looks for.
    assert_eq!(bounds(&amounts(&[Some(f64::NAN), Some(7.0), Some(-7.0)])), (bits(-7.0), bits(7.0), Some(0)));
    assert_eq!(bounds(&amounts(&[Some(0.0), Some(3.0)])).0, bits(-0.0));
    assert_eq!(bounds(&amounts(&[Some(-3.0), Some(-0.0)])).1, bits(0.0));
    let nothing = bounds(&amounts(&[Some(f64::NAN)]));
    assert_eq!((nothing.0, nothing.1), (None, None));
}

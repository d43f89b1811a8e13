//! Rows go into the lake and are read back.

mod lake_support;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lake_support::*;
use lakehand::Kind;
use lakehand::feed::{Compression, DatePart, Encodings, Partitioning};
use lakehand::lake::{Dataset, Lake, Limits, Quarantined, read_footer, read_metadata, usage};
use parquet::file::reader::FileReader;

fn days(n: i64, per_day: i64) -> Vec<Row> {
    (0..n * per_day).map(|i| (0, i, T0 + i / per_day * DAY + i % per_day * 1000)).collect()
}

/// The same offsets with days thrown together.
fn shuffled(n: i64, per_day: i64) -> Vec<Row> {
    (0..n * per_day).map(|i| (0, i, T0 + (i * 7919 % (n * per_day)) / per_day * DAY)).collect()
}

fn export(root: &Path, rows: &[Row], limits: Limits) -> lakehand::lake::Committed {
    let mut dataset = Dataset::open(&Lake::new(root), &stream_feed(), limits, owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    for rows in rows.chunks(3000) {
        appender.write(&batch(rows)).unwrap();
    }
    appender.commit(commit_after(rows)).unwrap()
}

#[test]
fn thirty_days_in_order_are_thirty_files() {
    let root = tempfile::tempdir().unwrap();
    let rows_in = days(30, 200);
    let done = export(root.path(), &rows_in, limits());
    assert_eq!((done.rows, done.files, done.partitions.len()), (6000, 30, 30));
    let dir = root.path().join("streams/events");
    assert_eq!(rows(&dir), expected(&rows_in));
    assert_eq!(data_files(&dir)[0], "year=2025/month=01/day=01/data_20250101_000001-r1_1.parquet");
    let metadata = read_metadata(&dir).unwrap().unwrap();
    assert_eq!((metadata.total_records, metadata.partitions.len()), (6000, 30));
    assert_eq!(metadata.positions, BTreeMap::from([(0, 6000)]));
    assert!(usage(&dir).unwrap().iter().all(lakehand::lake::PartitionUsage::agrees));
    assert_eq!(std::fs::read_dir(books(&dir).join("staging")).unwrap().count(), 0);
}

#[test]
fn shuffled_days_end_in_their_folders() {
    let root = tempfile::tempdir().unwrap();
    let rows_in = shuffled(30, 300);
    let done = export(root.path(), &rows_in, limits());
    assert_eq!(done.files, 30);
    assert_eq!(rows(&root.path().join("streams/events")), expected(&rows_in));
}

#[test]
fn ten_years_of_days_within_a_small_budget() {
    // In memory where there is such a folder: the time of 7,000 syncs is not what is looked at.
    let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let rows_in = shuffled(3650, 2);
    let small = Limits { memory_bytes: 4 << 20, ..limits() };
    let mut dataset = Dataset::open(&Lake::new(root.path()), &stream_feed(), small, owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    for rows in rows_in.chunks(6000) {
        appender.write(&batch(rows)).unwrap();
        let stats = appender.stats();
        assert!(stats.memory <= 2 << 20, "{stats:?}");
        assert!(stats.open_files <= 256, "{stats:?}");
    }
    let done = appender.commit(commit_after(&rows_in)).unwrap();
    assert!(done.rolls.memory > 0, "{:?}", done.rolls);
    assert_eq!(done.partitions.len(), 3650);
    assert_eq!(rows(&root.path().join("streams/events")), expected(&rows_in));
}

#[test]
fn scattered_days_are_one_file_a_commit() {
    let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let rows_in = shuffled(3650, 2);
    let enough = Limits { memory_bytes: 64 << 20, ..limits() };
    let mut dataset = Dataset::open(&Lake::new(root.path()), &stream_feed(), enough, owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    for rows in rows_in.chunks(500) {
        appender.write(&batch(rows)).unwrap();
    }
    // They wait, and are counted all the same.
    assert_eq!((appender.stats().rows, appender.stats().open_files), (7300, 0));
    let done = appender.commit(commit_after(&rows_in)).unwrap();
    assert_eq!((done.files, done.partitions.len()), (3650, 3650));
    assert_eq!(rows(&root.path().join("streams/events")), expected(&rows_in));
}

#[test]
fn days_that_are_over_give_their_memory_back() {
    let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let small = Limits { memory_bytes: 4 << 20, ..limits() };
    let mut dataset = Dataset::open(&Lake::new(root.path()), &stream_feed(), small, owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    // What the footers of two hundred files will say does not fit: they are closed before the commit, the first ones first.
    let rows_in = days(200, 4500);
    for rows in rows_in.chunks(9000) {
        appender.write(&batch(rows)).unwrap();
        assert!(appender.stats().memory <= 2 << 20, "{:?}", appender.stats());
    }
    let stats = appender.stats();
    assert!(stats.closed_files > 100 && stats.open_files > 1, "{stats:?}");
    let done = appender.commit(commit_after(&rows_in)).unwrap();
    assert_eq!((done.rows, done.files), (900_000, 200));
}

#[test]
fn files_are_rolled_by_what_was_written() {
    let root = tempfile::tempdir().unwrap();
    let rows_in: Vec<Row> = (0..60_000).map(|i| (0, i, T0 + i)).collect();
    let done = export(root.path(), &rows_in, Limits { target_file_bytes: 64 << 10, ..limits() });
    assert!(done.rolls.size >= 3, "{:?}", done.rolls);
    assert_eq!(done.rolls.size + done.rolls.commit, done.files);
    let dir = root.path().join("streams/events");
    let sizes: Vec<u64> =
        data_files(&dir).iter().map(|f| std::fs::metadata(dir.join(f)).unwrap().len()).collect();
    assert!(sizes.iter().all(|size| *size < 160 << 10), "{sizes:?}");
    assert_eq!(rows(&dir), expected(&rows_in));
}

#[test]
fn two_commits_in_a_row_and_a_second_run_go_on_where_the_first_ended() {
    let root = tempfile::tempdir().unwrap();
    let all = days(3, 100);
    {
        let mut dataset = open(root.path(), &stream_feed());
        let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
        for part in [&all[..100], &all[100..150]] {
            appender.write(&batch(part)).unwrap();
            appender.commit(commit_after(part)).unwrap();
        }
        // Written and not committed: it leaves nothing.
        appender.write(&batch(&all[150..200])).unwrap();
    }
    let mut dataset = open(root.path(), &stream_feed());
    assert_eq!(dataset.metadata().positions, BTreeMap::from([(0, 150)]));
    assert_eq!(dataset.recovery().thrown_files, 0, "the appender cleared its own staging");
    let mut appender = dataset.appender(&stream_schema(), run("r2")).unwrap();
    appender.write(&batch(&all[150..])).unwrap();
    let done = appender.commit(commit_after(&all)).unwrap();
    drop(appender);
    assert_eq!(done.id, "000003-r2");
    assert_eq!(rows(dataset.dir()), expected(&all));
    let runs = &dataset.metadata().runs;
    assert_eq!(runs.iter().map(|r| (r.id.as_str(), r.rows)).collect::<Vec<_>>(), [("r1", 150), ("r2", 150)]);
}

#[test]
fn a_row_is_never_taken_twice() {
    let root = tempfile::tempdir().unwrap();
    let all = days(2, 50);
    let mut dataset = open(root.path(), &stream_feed());
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    appender.write(&batch(&all[..60])).unwrap();
    assert_eq!(appender.write(&batch(&all[59..])).unwrap_err().kind(), Kind::Garbled);
    // What failed is not committed.
    assert_eq!(appender.commit(commit_after(&all)).unwrap_err().kind(), Kind::Bug);
    appender.abandon().unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r2")).unwrap();
    appender.write(&batch(&all[..60])).unwrap();
    appender.commit(commit_after(&all[..60])).unwrap();
    let error = appender.write(&batch(&all[59..])).unwrap_err();
    assert!(error.to_string().contains("ROWOFFSET 59"), "{error}");
    drop(appender);
    assert_eq!(rows(dataset.dir()), expected(&all[..60]));
    // A position that would let a row come again is refused.
    let mut appender = dataset.appender(&stream_schema(), run("r3")).unwrap();
    appender.write(&batch(&all[60..])).unwrap();
    assert_eq!(appender.commit(commit_after(&all[..70])).unwrap_err().kind(), Kind::Bug);
    drop(appender);
    assert_eq!(rows(dataset.dir()), expected(&all[..60]));
}

#[test]
fn the_footer_says_what_the_file_holds() {
    let root = tempfile::tempdir().unwrap();
    let rows_in: Vec<Row> = (0..2000).map(|i| ((i % 2) as i32, i / 2 + i / 2 / 100 * 50, T0 + i)).collect();
    export(root.path(), &rows_in, limits());
    let dir = root.path().join("streams/events");
    let footer = read_footer(&dir.join(&data_files(&dir)[0])).unwrap();
    let runs = &footer.offsets.partitions()[&1];
    assert_eq!((runs.rows, runs.runs.len(), runs.runs[1]), (1000, 10, [150, 249]));
    assert_eq!(footer.rowtime, Some([T0, T0 + 1999]));
    assert_eq!(footer.positions, commit_after(&rows_in).positions);
    assert_eq!(footer.columns[3], ["NAME", "STRING", "Utf8"]);
    assert_eq!(footer.commit.as_deref(), Some("000001-r1"));
    let file = std::fs::File::open(dir.join(&data_files(&dir)[0])).unwrap();
    let reader = parquet::file::reader::SerializedFileReader::new(file).unwrap();
    let metadata = reader.metadata();
    let value = |key: &str| {
        let pairs = metadata.file_metadata().key_value_metadata().unwrap();
        pairs.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.clone()).unwrap()
    };
    assert_eq!(
        value("lakehand.encodings"),
        r#"{"AMOUNT":"dictionary","NAME":"dictionary","ROWOFFSET":"dictionary","ROWPARTITION":"dictionary","ROWTIME":"plain"}"#
    );
    assert!(metadata.file_metadata().created_by().unwrap().starts_with("lakehand version "));
    let group = metadata.row_group(0);
    assert!(group.columns().iter().all(|column| column.column_index_offset().is_some()
        && column.offset_index_offset().is_some()
        && column.statistics().is_some()));
}

#[test]
fn by_default_files_hold_no_delta_encoding() {
    use parquet::basic::Encoding;
    let rows_in: Vec<Row> = (0..2000).map(|i| (0, i, T0 + i)).collect();
    assert_eq!(limits().encodings, Encodings::Portable);
    for (encodings, text, number) in [
        (Encodings::Compact, Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BINARY_PACKED),
        (Encodings::Portable, Encoding::PLAIN, Encoding::PLAIN),
    ] {
        let root = tempfile::tempdir().unwrap();
        export(root.path(), &rows_in, Limits { encodings, ..limits() });
        let dir = root.path().join("streams/events");
        assert_eq!(rows(&dir), expected(&rows_in));
        let file = std::fs::File::open(dir.join(&data_files(&dir)[0])).unwrap();
        let reader = parquet::file::reader::SerializedFileReader::new(file).unwrap();
        let group = reader.metadata().row_group(0);
        let used = |column: usize| group.column(column).encodings().collect::<Vec<_>>();
        assert!(used(2).contains(&number), "ROWOFFSET: {:?}", used(2));
        assert!(used(3).contains(&text), "NAME: {:?}", used(3));
        assert!(
            encodings == Encodings::Compact
                || (0..5).all(|c| used(c).iter().all(|e| !format!("{e:?}").starts_with("DELTA"))),
            "portable files hold no DELTA encoding"
        );
    }
}

#[test]
fn every_codec_and_depth_is_read_back() {
    let rows_in = days(2, 100);
    let codecs = [Compression::Zstd(Some(3)), Compression::Snappy, Compression::Lz4, Compression::None];
    let parts = [DatePart::Year, DatePart::Month, DatePart::Day, DatePart::Hour];
    for (i, codec) in codecs.into_iter().enumerate() {
        let root = tempfile::tempdir().unwrap();
        let mut feed = stream_feed();
        feed.compression = codec;
        feed.partitioning = Partitioning::Date {
            columns: parts[..=i].to_vec(),
            timestamp_column: None,
            timezone: chrono_tz::UTC,
        };
        let mut dataset = open(root.path(), &feed);
        let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
        appender.write(&batch(&rows_in)).unwrap();
        let done = appender.commit(commit_after(&rows_in)).unwrap();
        drop(appender);
        let last = [
            "year=2025",
            "year=2025/month=01",
            "year=2025/month=01/day=02",
            "year=2025/month=01/day=02/hour=00",
        ][i];
        assert_eq!(done.partitions.last().unwrap(), last);
        assert_eq!(rows(dataset.dir()).len(), 200);
        drop(dataset);
        // The same dataset in other folders would be unreadable as one.
        let mut dataset = open(root.path(), &Feed { partitioning: other_depth(&feed), ..feed });
        assert_eq!(dataset.appender(&stream_schema(), run("r2")).err().map(|e| e.kind()), Some(Kind::Feed));
    }
}

use lakehand::feed::Feed;

fn other_depth(feed: &Feed) -> Partitioning {
    let Partitioning::Date { columns, timestamp_column, timezone } = feed.partitioning.clone() else {
        unreachable!("a stream's partitions are dates")
    };
    let columns =
        if columns.len() == 1 { vec![DatePart::Year, DatePart::Month] } else { vec![DatePart::Year] };
    Partitioning::Date { columns, timestamp_column, timezone }
}

#[test]
fn without_row_metadata_the_files_have_the_sources_columns_only() {
    let root = tempfile::tempdir().unwrap();
    let feed = Feed { row_metadata: false, ..stream_feed() };
    let rows_in = days(2, 10);
    let mut dataset = open(root.path(), &feed);
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    appender.write(&batch(&rows_in)).unwrap();
    appender.commit(commit_after(&rows_in)).unwrap();
    drop(appender);
    let file = dataset.dir().join(&data_files(dataset.dir())[1]);
    let names: Vec<String> = read(&file)[0].schema().fields().iter().map(|f| f.name().clone()).collect();
    assert_eq!(names, ["NAME", "AMOUNT"]);
    assert_eq!(read_footer(&file).unwrap().offsets.partitions()[&0].runs, [[10, 19]]);
}

#[test]
fn rows_without_a_date_and_bad_rows_are_kept_beside_the_data_once() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &stream_feed());
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    let rows_in = [(0, 0, T0), (0, 1, i64::MAX), (0, 3, T0 + 1)];
    appender.write(&batch(&rows_in)).unwrap();
    let long = vec![b'x'; 100_000];
    let bad = Quarantined {
        partition: Some(0),
        offset: Some(2),
        path: "$[4].AMOUNT",
        reason: "not a number",
        raw: &long,
        time: at(T0),
    };
    appender.quarantine(&bad).unwrap();
    assert_eq!(appender.stats().quarantined, 2);
    let done = appender.commit(commit_after(&rows_in)).unwrap();
    assert_eq!((done.rows, done.quarantined), (2, 2));
    drop(appender);
    assert_eq!(dataset.metadata().quarantined_records, 2);
    let file = books(dataset.dir()).join("quarantine/20250210_000001-r1.jsonl");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    let lines: Vec<serde_json::Value> = std::fs::read_to_string(&file)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["offset"], 1);
    assert_eq!(lines[1]["raw"].as_str().unwrap().len(), 65_536);
    assert_eq!(lines[1]["raw_cut_from_bytes"], 100_000);
    assert_eq!(rows(dataset.dir()), expected(&[rows_in[0], rows_in[2]]));
}

#[test]
fn a_snapshot_takes_the_place_of_the_one_before() {
    let root = tempfile::tempdir().unwrap();
    let feed = Feed { keep_versions: 2, ..table_feed() };
    let mut dataset = open(root.path(), &feed);
    for (i, rows) in [(1_u32, 10_i64), (2, 6), (3, 70_000)] {
        let mut snapshot = dataset.snapshot(&table_schema(), run(&format!("r{i}"))).unwrap();
        snapshot.write(&table_batch(0, rows)).unwrap();
        let done = snapshot.publish(at(T0 + DAY), rows.unsigned_abs()).unwrap();
        assert_eq!((done.version, done.rows), (Some(i), rows.unsigned_abs()));
        assert_eq!(done.removed_versions, if i == 3 { vec![1] } else { vec![] });
        assert_eq!(dataset.metadata().current_version, Some(i));
        assert_eq!(dataset.metadata().total_records, rows.unsigned_abs());
    }
    assert_eq!(
        data_files(dataset.dir()),
        ["version=v2/snapshot_20250210_000000.parquet", "version=v3/snapshot_20250210_000000.parquet"]
    );
    let second = dataset.dir().join("version=v2/snapshot_20250210_000000.parquet");
    assert_eq!(read_footer(&second).unwrap().columns.len(), 2);
    let rows: usize = read(&dataset.dir().join("version=v3/snapshot_20250210_000000.parquet"))
        .iter()
        .map(arrow::array::RecordBatch::num_rows)
        .sum();
    assert_eq!(rows, 70_000);
}

#[test]
fn a_snapshot_that_is_short_of_rows_is_not_published() {
    let root = tempfile::tempdir().unwrap();
    let mut dataset = open(root.path(), &table_feed());
    let mut snapshot = dataset.snapshot(&table_schema(), run("r1")).unwrap();
    snapshot.write(&table_batch(0, 10)).unwrap();
    assert_eq!(snapshot.publish(at(T0), 11).unwrap_err().kind(), Kind::Incomplete);
    assert!(data_files(dataset.dir()).is_empty());
    assert!(!dataset.has_data());
}

#[test]
fn a_disk_that_is_full_in_the_midst_of_a_file_is_told_from_other_faults() {
    struct NoRoom;
    impl lakehand::lake::Faults for NoRoom {
        fn before(&self, op: lakehand::lake::Op, path: &Path) -> std::io::Result<()> {
            let data = path.extension().is_some_and(|e| e == "staged");
            if data && op == lakehand::lake::Op::Write {
                return Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
            }
            Ok(())
        }
    }
    let root = tempfile::tempdir().unwrap();
    let lake = Lake::with_faults(root.path(), std::sync::Arc::new(NoRoom));
    let mut dataset = Dataset::open(&lake, &stream_feed(), limits(), owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    let rows_in = days(1, 5);
    let result =
        appender.write(&batch(&rows_in)).and_then(|()| appender.commit(commit_after(&rows_in)).map(|_| ()));
    let error = result.unwrap_err();
    assert_eq!(error.kind(), Kind::DiskFull, "{error}");
    appender.abandon().unwrap();
    assert_eq!(std::fs::read_dir(books(dataset.dir()).join("staging")).unwrap().count(), 0);
}

#[test]
fn metadata_of_others_is_not_built_upon() {
    let root = tempfile::tempdir().unwrap();
    let rows_in = days(1, 5);
    export(root.path(), &rows_in, limits());
    let dir = root.path().join("streams/events");
    // The fields of the contract alone: where to go on from is then read from the footers.
    let text = r#"{"source": "events", "type": "stream", "storage_mode": "append", "format": "parquet",
        "partitioning": "date", "last_export": "2025-01-15T14:30:00Z", "total_records": 5, "total_size_mb": 0.1,
        "partitions": [{"path": "year=2025/month=01/day=01", "records": 5, "size_mb": 0.1}],
        "schema_version": "1.0", "created_at": "2025-01-01T00:00:00Z"}"#;
    std::fs::write(dir.join("_metadata.json"), text).unwrap();
    let dataset = open(root.path(), &stream_feed());
    assert_eq!(dataset.metadata().positions, BTreeMap::from([(0, 5)]));
    assert!(dataset.recovery().rebuilt_metadata.as_deref().unwrap().contains("no positions"));
}

#[test]
fn at_the_floor_nothing_is_written_and_nothing_lost() {
    struct Full;
    impl lakehand::lake::Faults for Full {
        fn before(&self, _: lakehand::lake::Op, _: &Path) -> std::io::Result<()> {
            Ok(())
        }
        fn free_bytes(&self) -> Option<u64> {
            Some(100 << 20)
        }
    }
    let root = tempfile::tempdir().unwrap();
    let lake = Lake::with_faults(root.path(), std::sync::Arc::new(Full));
    let limits = Limits { min_free_bytes: 101 << 20, ..Limits::default() };
    let mut dataset = Dataset::open(&lake, &stream_feed(), limits, owner()).unwrap();
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    let error = appender.write(&batch(&days(1, 5))).unwrap_err();
    assert_eq!(error.kind(), Kind::DiskFull);
    assert!(error.to_string().contains("only 100 MiB are free, and 101 MiB are to stay free"), "{error}");
}

//! What is published, and that it is published whatever stops it.

use std::sync::Arc;

use lakehand::Kind;
use lakehand::catalog::Catalog;
use lakehand::catalog::hive::Hive;
use lakehand::catalog::hive::thrift::Value;
use lakehand::export::publish::{drift, drop_table, holds_back, states};
use lakehand::feed::{CatalogName, TableFormat};

use crate::disk::scratch;
use crate::metastore::{Break, Metastore};
use crate::*;

fn names(calls: &[(String, usize)]) -> Vec<&str> {
    calls.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_stream_is_a_table_with_a_partition_a_day() {
    let (root, metastore) = (scratch(), Metastore::start());
    let feed = in_hive(Feed { description: "What happened".to_owned(), ..stream_feed() });
    let rows = days(3, 4);
    append(&mut open(root.path(), &feed), &rows, "r1").unwrap();
    let done = published(root.path(), &feed, &hive(&metastore)).unwrap();
    assert_eq!(done.sentence().unwrap(), "table lakehand.events made to commit 1, 3 partitions changed");

    let state = metastore.state();
    let table = &state.tables["events"];
    let folder = format!("file://{}/streams/events", root.path().display());
    let storage = table.field(7).unwrap();
    assert_eq!((table.text_at(2), storage.text_at(2)), ("lakehand".to_owned(), folder.clone()));
    let columns: Vec<_> = storage
        .field(1)
        .unwrap()
        .items()
        .iter()
        .map(|c| format!("{} {}", c.text_at(1), c.text_at(2)))
        .collect();
    assert_eq!(
        columns,
        ["rowtime timestamp", "rowpartition int", "rowoffset bigint", "name string", "amount double"]
    );
    let keys: Vec<_> = table
        .field(8)
        .unwrap()
        .items()
        .iter()
        .map(|c| format!("{} {}", c.text_at(1), c.text_at(2)))
        .collect();
    assert_eq!(keys, ["year string", "month string", "day string"]);
    let parameters = table.field(9).unwrap().pairs();
    for (name, value) in [
        ("EXTERNAL", "TRUE"),
        ("classification", "parquet"),
        ("comment", "What happened"),
        ("lakehand.dataset", folder.as_str()),
        ("lakehand.commit_seq", "1"),
        ("numRows", "12"),
        ("numFiles", "3"),
    ] {
        assert!(parameters.contains(&(name.to_owned(), value.to_owned())), "{name}: {parameters:?}");
    }
    let partition = &state.partitions["events"][&["2025", "01", "02"].map(str::to_owned).to_vec()];
    assert_eq!(partition.field(6).unwrap().text_at(2), format!("{folder}/year=2025/month=01/day=02"));
    assert!(partition.field(7).unwrap().pairs().contains(&("numRows".to_owned(), "4".to_owned())));
    // Nothing new is nothing to do, and nobody is asked.
    metastore.take_calls();
    assert_eq!(published(root.path(), &feed, &hive(&metastore)).unwrap(), Published::UpToDate);
    assert_eq!(metastore.take_calls(), []);
    // The data's folder holds nothing of it.
    assert!(data_files(&root.path().join("streams/events")).iter().all(|file| file.ends_with(".parquet")));
    assert!(books(&root.path().join("streams/events")).join("catalog/hive.json").is_file());
}

#[test]
fn what_a_commit_costs_does_not_grow_with_the_table() {
    let (root, metastore) = (scratch(), Metastore::start());
    let feed = in_hive(stream_feed());
    let mut costs = Vec::new();
    for (from, count, id) in [(0, 10, "a"), (11, 400, "b")] {
        let next: Vec<Row> = (from..count).map(|i| (0, i, T0 + i * DAY)).collect();
        append(&mut open(root.path(), &feed), &next, id).unwrap();
        published(root.path(), &feed, &hive(&metastore)).unwrap();
        // One row more, in the last day.
        let one = vec![(0, count, T0 + (count - 1) * DAY)];
        append(&mut open(root.path(), &feed), &one, &format!("{id}1")).unwrap();
        metastore.take_calls();
        published(root.path(), &feed, &hive(&metastore)).unwrap();
        costs.push(metastore.take_calls());
    }
    assert_eq!(metastore.state().partitions["events"].len(), 399);
    let wanted = [
        ("get_table_req", 0),
        ("alter_partitions_with_environment_context", 1),
        ("alter_table_with_environment_context", 0),
    ]
    .map(|(name, count)| (name.to_owned(), count));
    assert_eq!(costs, [wanted.to_vec(), wanted.to_vec()]);
}

/// A dataset that was published, and has changed since: days came, one was replaced, one went by retention.
fn changed(root: &Path, metastore: &Metastore) -> Feed {
    let feed = in_hive(Feed { retention_days: Some(3), ..stream_feed() });
    let rows = days(5, 2);
    append(&mut open(root, &feed), &rows, "r1").unwrap();
    published(root, &feed, &hive(metastore)).unwrap();
    let mut dataset = open(root, &feed);
    let more: Vec<Row> = (10..14).map(|i| (0, i, T0 + (i - 5) * DAY)).collect();
    append(&mut dataset, &more, "r2").unwrap();
    dataset.retain(at(T0 + 6 * DAY).date_naive()).unwrap();
    assert!(dataset.metadata().partitions.len() < 9);
    feed
}

#[test]
fn stopped_at_every_call_it_is_made_up_for() {
    let (root, metastore) = (scratch(), Metastore::start());
    let feed = changed(root.path(), &metastore);
    let before = metastore.state();
    let record = books(&root.path().join("streams/events")).join("catalog/hive.json");
    let kept = std::fs::read(&record).unwrap();
    published(root.path(), &feed, &hive(&metastore)).unwrap();
    let wanted = metastore.state();
    assert_ne!(shown(&before, "events"), shown(&wanted, "events"));
    let nothing = crate::State::default();
    let mut stops = 0;
    // From what was published before, and from nothing; with the record of before, and without one.
    for start in [&before, &nothing] {
        for (with_record, how) in
            [(true, Break::Before), (true, Break::After), (false, Break::Before), (false, Break::After)]
        {
            for call in 0.. {
                std::fs::write(&record, &kept).unwrap();
                if !with_record {
                    std::fs::remove_file(&record).unwrap();
                }
                metastore.set_state(start.clone());
                metastore.break_at(call, how);
                let result = published(root.path(), &feed, &hive(&metastore));
                if metastore.take_calls().len() <= call {
                    assert!(result.is_ok(), "{result:?}");
                    break;
                }
                stops += 1;
                let error = result.unwrap_err();
                assert_eq!(error.kind(), Kind::Unreachable, "{error}");
                published(root.path(), &feed, &hive(&metastore)).unwrap();
                let state = metastore.state();
                assert_eq!(
                    shown(&state, "events"),
                    shown(&wanted, "events"),
                    "call {call} {how:?} {with_record}"
                );
            }
        }
    }
    assert!(stops > 30, "{stops}");
}

#[test]
fn stopped_at_every_change_of_the_disk_it_is_made_up_for() {
    let (root, metastore) = (scratch(), Metastore::start());
    let feed = changed(root.path(), &metastore);
    let before = metastore.state();
    let record = books(&root.path().join("streams/events")).join("catalog/hive.json");
    let kept = std::fs::read(&record).unwrap();
    published(root.path(), &feed, &hive(&metastore)).unwrap();
    let (wanted, written) = (metastore.state(), std::fs::read(&record).unwrap());
    for n in 0.. {
        std::fs::write(&record, &kept).unwrap();
        metastore.set_state(before.clone());
        let stop = StopAt::operation(n);
        let lake = Lake::with_faults(root.path(), stop.clone());
        let done = publish(&lake, &feed, &hive(&metastore), false, at(T0 + 50 * DAY));
        assert_eq!(done.is_err(), stop.fired());
        if !stop.fired() {
            assert!(n > 2, "{n}");
            break;
        }
        assert!([&kept, &written].contains(&&std::fs::read(&record).unwrap()), "the record is whole");
        published(root.path(), &feed, &hive(&metastore)).unwrap();
        assert_eq!(shown(&metastore.state(), "events"), shown(&wanted, "events"));
    }
}

#[test]
fn a_table_is_where_its_current_version_is() {
    let (root, metastore) = (scratch(), Metastore::start());
    let feed = in_hive(Feed { source: "Old-Totals".to_owned(), ..table_feed() });
    for (version, count) in [(1, 5), (2, 7)] {
        lake_support::publish(
            &mut open(root.path(), &feed),
            count,
            &format!("r{version}"),
            T0 + version * DAY,
        )
        .unwrap();
        published(root.path(), &feed, &hive(&metastore)).unwrap();
        let state = metastore.state();
        let table = &state.tables["old_totals"];
        let folder = format!("file://{}/tables/old-totals/version=v{version}", root.path().display());
        assert_eq!(table.field(7).unwrap().text_at(2), folder);
        assert_eq!(table.field(8).unwrap().items().len(), 0);
        assert!(table.field(9).unwrap().pairs().contains(&("numRows".to_owned(), count.to_string())));
    }
}

#[test]
fn a_table_of_somebody_else_is_left_alone() {
    let (root, other, metastore) = (scratch(), scratch(), Metastore::start());
    let feed = in_hive(stream_feed());
    append(&mut open(root.path(), &feed), &days(2, 2), "r1").unwrap();
    append(&mut open(other.path(), &feed), &days(1, 1), "r1").unwrap();
    let theirs = Value::Struct(vec![
        (1, Value::text("events")),
        (2, Value::text("lakehand")),
        (7, Value::Struct(vec![(1, Value::structs(Vec::new())), (2, Value::text("file:///theirs"))])),
        (8, Value::structs(Vec::new())),
        (9, Value::texts([("made by", "them")])),
    ]);
    metastore.change(|state| drop(state.tables.insert("events".to_owned(), theirs)));
    let check = |root: &Path, words: &str| {
        let before = metastore.state();
        let error = published(root, &feed, &hive(&metastore)).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.to_string().contains(words), "{error}");
        let lake = Lake::new(root);
        assert_eq!(drop_table(&lake, &feed, &hive(&metastore)).unwrap_err().kind(), Kind::Refused);
        let found = drift(&lake, &feed, &hive(&metastore)).unwrap();
        assert_eq!(
            found.iter().map(lakehand::catalog::Difference::name).collect::<Vec<_>>(),
            ["foreign-table"]
        );
        assert_eq!(metastore.state(), before);
        let state = states(&lake.dataset_dir(&feed).unwrap(), &[CatalogName::Hive]).unwrap();
        assert!(state[0].failed.as_ref().is_some_and(|failed| failed.what.contains(words)));
        assert_eq!(state[0].commit_seq, None);
    };
    check(root.path(), "lakehand did not make");
    metastore.change(|state| state.tables.clear());
    published(root.path(), &feed, &hive(&metastore)).unwrap();
    // The same dataset of another lake.
    check(other.path(), "belongs to another dataset");
}

#[test]
fn what_somebody_else_has_changed_is_found_and_mended() {
    let (root, metastore) = (scratch(), Metastore::start());
    let feed = in_hive(stream_feed());
    append(&mut open(root.path(), &feed), &days(4, 2), "r1").unwrap();
    let (lake, hive) = (Lake::new(root.path()), hive(&metastore));
    let found = || {
        let found = drift(&lake, &feed, &hive).unwrap();
        found.iter().map(lakehand::catalog::Difference::name).collect::<Vec<_>>()
    };
    assert_eq!(found(), ["no-table"]);
    published(root.path(), &feed, &hive).unwrap();
    let right = shown(&metastore.state(), "events");
    assert_eq!(found(), [""; 0]);
    metastore.change(|state| {
        let held = state.partitions.get_mut("events").unwrap();
        let keys: Vec<_> = held.keys().cloned().collect();
        held.remove(&keys[0]);
        let mut moved = held[&keys[1]].clone();
        let mut storage = moved.field(6).unwrap().clone();
        storage.set(2, Value::text("file:///elsewhere"));
        moved.set(6, storage);
        held.insert(keys[1].clone(), moved);
        // What MSCK makes of a partition that was registered as "1".
        let mut doubled = held[&keys[2]].clone();
        let values = ["2025", "1", "3"];
        doubled.set(1, Value::strings(values));
        held.insert(values.map(str::to_owned).to_vec(), doubled);
        let table = state.tables.get_mut("events").unwrap();
        let mut storage = table.field(7).unwrap().clone();
        let columns = storage.field(1).unwrap().items()[1..].to_vec();
        storage.set(1, Value::structs(columns));
        table.set(7, storage);
    });
    let mut names = found();
    names.sort_unstable();
    assert_eq!(names, ["column", "extra-partition", "missing-partition", "partition-location"]);
    // The record says that nothing is to be done; asked for as a whole, the catalogue itself is looked at.
    assert_eq!(published(root.path(), &feed, &hive).unwrap(), Published::UpToDate);
    publish(&lake, &feed, &hive, true, at(T0 + 50 * DAY)).unwrap();
    assert_eq!((found(), shown(&metastore.state(), "events")), (Vec::new(), right));
    assert_eq!(publish(&lake, &feed, &hive, true, at(T0 + 50 * DAY)).unwrap(), Published::UpToDate);
}

#[test]
fn a_new_column_is_the_last_and_in_old_partitions_too() {
    let (root, metastore) = (scratch(), Metastore::start());
    let feed = in_hive(stream_feed());
    append(&mut open(root.path(), &feed), &days(3, 2), "r1").unwrap();
    published(root.path(), &feed, &hive(&metastore)).unwrap();
    // Somebody sets a parameter of their own, which stays.
    metastore.change(|state| {
        let table = state.tables.get_mut("events").unwrap();
        let mut pairs = table.field(9).unwrap().pairs();
        pairs.push(("theirs".to_owned(), "1".to_owned()));
        table.set(9, Value::texts(pairs));
    });
    let (rows, schema) = with_a_column(6, 8);
    let mut dataset = open(root.path(), &feed);
    let mut appender = dataset.appender(&schema, run("r2")).unwrap();
    appender.write(&rows).unwrap();
    appender.commit(commit_after(&[(0, 7, T0 + 3 * DAY)])).unwrap();
    drop(appender);
    drop(dataset);
    metastore.take_calls();
    published(root.path(), &feed, &hive(&metastore)).unwrap();
    assert_eq!(
        names(&metastore.take_calls()),
        ["get_table_req", "add_partitions_req", "alter_table_with_environment_context"]
    );
    let lines = shown(&metastore.state(), "events");
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().all(|line| line.contains("amount,extra ")), "{lines:?}");
    let state = metastore.state();
    assert!(
        state.tables["events"].field(9).unwrap().pairs().contains(&("theirs".to_owned(), "1".to_owned()))
    );
}

/// Offsets `from..to` of the fourth day, with a column more.
fn with_a_column(from: i64, to: i64) -> (arrow::array::RecordBatch, lakehand::lake::TableSchema) {
    use arrow::array::{ArrayRef, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};
    let rows: Vec<Row> = (from..to).map(|i| (0, i, T0 + 3 * DAY)).collect();
    let (plain, mut schema) = (batch(&rows), stream_schema());
    let mut fields: Vec<_> = schema.arrow.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new("EXTRA", DataType::Utf8, true)));
    schema.arrow = Arc::new(Schema::new(fields));
    schema.columns_types.push(("EXTRA".to_owned(), "STRING".to_owned()));
    let mut columns: Vec<ArrayRef> = plain.columns().to_vec();
    columns.push(Arc::new(rows.iter().map(|_| Some("x")).collect::<StringArray>()));
    (arrow::array::RecordBatch::try_new(schema.arrow.clone(), columns).unwrap(), schema)
}

#[test]
fn a_dropped_table_comes_back_and_its_data_never_goes() {
    let (root, metastore) = (scratch(), Metastore::start());
    let feed = in_hive(stream_feed());
    append(&mut open(root.path(), &feed), &days(2, 2), "r1").unwrap();
    let (lake, hive) = (Lake::new(root.path()), hive(&metastore));
    published(root.path(), &feed, &hive).unwrap();
    let files = data_files(&root.path().join("streams/events"));
    assert!(drop_table(&lake, &feed, &hive).unwrap());
    assert!(metastore.state().tables.is_empty());
    assert!(!drop_table(&lake, &feed, &hive).unwrap());
    assert_eq!(data_files(&root.path().join("streams/events")), files);
    published(root.path(), &feed, &hive).unwrap();
    assert_eq!(metastore.state().partitions["events"].len(), 2);
    // Somebody else drops it: the next commit finds no table, and publishes all that is there.
    metastore.change(|state| *state = crate::State::default());
    append(&mut open(root.path(), &feed), &[(0, 4, T0 + 5 * DAY)], "r2").unwrap();
    published(root.path(), &feed, &hive).unwrap();
    assert_eq!(metastore.state().partitions["events"].len(), 3);
}

#[test]
fn a_table_format_is_registered_as_what_it_is() {
    let metastore = Metastore::start();
    for (format, name, value) in [
        (TableFormat::Iceberg, "table_type", "ICEBERG"),
        (TableFormat::Delta, "spark.sql.sources.provider", "delta"),
    ] {
        let root = scratch();
        let feed = in_hive(Feed {
            table_format: vec![format],
            source: format.keyword().to_owned(),
            ..stream_feed()
        });
        let mut locations = Vec::new();
        for (from, id) in [(0, "r1"), (3, "r2")] {
            let rows: Vec<Row> = (from..from + 3).map(|i| (0, i, T0 + i * DAY)).collect();
            append(&mut open(root.path(), &feed), &rows, id).unwrap();
            published(root.path(), &feed, &hive(&metastore)).unwrap();
            let state = metastore.state();
            let table = &state.tables[format.keyword()];
            let parameters = table.field(9).unwrap().pairs();
            assert!(parameters.contains(&(name.to_owned(), value.to_owned())), "{parameters:?}");
            assert_eq!(
                (table.field(8).unwrap().items().len(), state.partitions[format.keyword()].len()),
                (0, 0)
            );
            let location = parameters
                .iter()
                .find(|(name, _)| name == "metadata_location")
                .map(|(_, value)| value.clone());
            locations.extend(location);
        }
        // Each commit moves an Iceberg table to its newest version, which is there.
        if format == TableFormat::Iceberg {
            assert!(locations.len() == 2 && locations[0] != locations[1], "{locations:?}");
            for location in locations {
                assert!(Path::new(location.strip_prefix("file://").unwrap()).is_file(), "{location}");
            }
        }
        // Asked for as Parquet, it is made anew with partitions.
        let plain = Registered { register: Register::Parquet, ..hive(&metastore) };
        published(root.path(), &feed, &plain).unwrap();
        assert_eq!(metastore.state().partitions[format.keyword()].len(), 6);
    }
}

#[test]
fn an_older_metastore_is_asked_by_its_own_call() {
    let (root, metastore) = (scratch(), Metastore::start());
    metastore.inner.lock().unwrap().is_old = true;
    let feed = in_hive(stream_feed());
    for (from, id) in [(0, "r1"), (1, "r2")] {
        append(&mut open(root.path(), &feed), &[(0, from, T0)], id).unwrap();
        published(root.path(), &feed, &hive(&metastore)).unwrap();
    }
    assert!(names(&metastore.take_calls()).contains(&"get_table"));
}

#[test]
fn a_login_and_tls_are_brought_and_wrong_ones_are_told() {
    let metastore = Metastore::start();
    let certified =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let login = ("me".to_owned(), "secret".to_owned());
    {
        let mut inner = metastore.inner.lock().unwrap();
        inner.tls = Some(Arc::new(config));
        inner.login = Some(login.clone());
    }
    let pem = certified.cert.pem().into_bytes();
    let right = HiveOptions { tls: Some(pem), login: Some(login), ..hive_options(&metastore) };
    assert!(Hive::new(right.clone()).check().unwrap().contains("is not there yet"));
    let wrong = HiveOptions { login: Some(("me".to_owned(), "other".to_owned())), ..right.clone() };
    let error = Hive::new(wrong).check().unwrap_err();
    assert!(error.kind() == Kind::Auth && !error.to_string().contains("other"), "{error}");
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem().into_bytes();
    let untrusted = HiveOptions { tls: Some(other), ..right.clone() };
    assert_eq!(Hive::new(untrusted).check().unwrap_err().kind(), Kind::Unreachable);
    let unreadable = HiveOptions { tls: Some(b"no certificate".to_vec()), ..right };
    assert_eq!(Hive::new(unreadable).check().unwrap_err().kind(), Kind::Config);
}

/// Notes in the metadata that a day lies in the cold tier, whole or in part, as a switch does.
fn note_cold(dir: &Path, day: usize, files: u64, local_files: u64) -> String {
    let path = dir.join("_metadata.json");
    let mut held: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let partition = &mut held["partitions"][day];
    let url = format!("s3://archive/lake/streams/events/{}", partition["path"].as_str().unwrap());
    partition["cold"] = serde_json::json!({
        "url": url, "records": 2, "bytes": 9, "files": files, "objects": ["a.parquet"],
        "since": at(T0 + 40 * DAY), "local_files": local_files,
    });
    held["commit_seq"] = (held["commit_seq"].as_u64().unwrap() + 1).into();
    std::fs::write(&path, held.to_string()).unwrap();
    url
}

#[test]
fn a_day_in_the_cold_tier_is_shown_there_and_its_copies_wait_for_that() {
    let (root, metastore) = (scratch(), Metastore::start());
    let feed = in_hive(stream_feed());
    append(&mut open(root.path(), &feed), &days(3, 2), "r1").unwrap();
    // Two files in the last day.
    append(&mut open(root.path(), &feed), &[(0, 6, T0 + 2 * DAY)], "r2").unwrap();
    published(root.path(), &feed, &hive(&metastore)).unwrap();
    let (lake, dir) = (Lake::new(root.path()), root.path().join("streams/events"));
    let url = note_cold(&dir, 0, 1, 1);
    let held_back = |configured: &[CatalogName]| holds_back(&lake, &feed, configured, &folder(T0)).unwrap();
    assert_eq!(held_back(&[]), None, "a catalogue that is not configured holds up nothing");
    assert!(held_back(&[CatalogName::Hive]).unwrap().contains("still sends readers"));
    metastore.take_calls();
    published(root.path(), &feed, &hive(&metastore)).unwrap();
    assert_eq!(
        metastore.take_calls()[1],
        ("alter_partitions_with_environment_context".to_owned(), 1),
        "one day has moved"
    );
    assert_eq!(held_back(&[CatalogName::Hive]), None);
    let lines = shown(&metastore.state(), "events");
    assert!(lines[1].starts_with(&format!("2025/01/01 {url} ")), "{lines:?}");
    assert!(lines[2].contains(&format!("{}/{} ", dir.display(), folder(T0 + DAY))), "{lines:?}");
    // Late rows behind the last copy: a catalogue has one place for a day, and says which rows it shows.
    let url = note_cold(&dir, 2, 1, 0);
    let told = published(root.path(), &feed, &hive(&metastore)).unwrap().sentence().unwrap();
    assert!(told.contains("rows in both tiers") && told.contains(&folder(T0 + 2 * DAY)), "{told}");
    let lines = shown(&metastore.state(), "events");
    assert!(lines[3].starts_with(&format!("2025/01/03 {url} ")) && lines[3].ends_with("2,1,9"), "{lines:?}");
}

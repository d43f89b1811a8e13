use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, TimeUnit};
use serde_json::json;

use super::*;
use crate::format::{Bounds, Columns, TableFile};

/// The files of a table in memory.
#[derive(Default)]
struct Table {
    files: RefCell<BTreeMap<String, Vec<u8>>>,
    reads: RefCell<Vec<String>>,
    metadata: Option<TableMetadata>,
    version: Option<u64>,
    commits: i64,
}

impl Table {
    fn commit(&mut self, change: Change<'_>) -> Next {
        self.commits += 1;
        let base = self.metadata.take().unwrap_or_else(|| new_table("an-id", "streams/x", "/lake/x", 5));
        self.reads.borrow_mut().clear();
        let change = Change { after: self.version, snapshot: 6 + self.commits, ..change };
        let next = commit(&base, &columns(), &change, &|path| self.read(path)).unwrap();
        for (name, bytes) in &next.files {
            self.files.borrow_mut().insert(format!("/lake/x/metadata/{name}"), bytes.clone());
        }
        for path in &next.gone {
            self.files.borrow_mut().remove(path);
        }
        self.version = Some(self.version.map_or(1, |version| version + 1));
        self.metadata = Some(TableMetadata::parse(next.metadata.text().unwrap().as_bytes()).unwrap());
        next
    }

    fn read(&self, path: &str) -> Result<Vec<u8>> {
        self.reads.borrow_mut().push(path.to_owned());
        let found = self.files.borrow().get(path).cloned();
        found.ok_or_else(|| damaged(format!("{path} is not there")))
    }

    fn live(&self) -> BTreeMap<String, u64> {
        live_files(self.metadata.as_ref().unwrap(), &|path| self.read(path)).unwrap()
    }

    fn manifests(&self) -> Vec<list::ManifestFile> {
        let list = self.metadata.as_ref().unwrap().current().unwrap().manifest_list.clone();
        list::read(&self.read(&list).unwrap()).unwrap()
    }
}

fn columns() -> Columns {
    let column = |name: &str, data_type| (name.to_owned(), data_type);
    Columns {
        files: vec![column("N", DataType::Int64), column("S", DataType::Utf8)],
        partition: vec!["day".into()],
    }
}

fn file(day: u32, n: usize) -> TableFile {
    TableFile {
        path: format!("/lake/x/data/day={day:02}/{n}.iceberg"),
        partition: BTreeMap::from([("day".to_owned(), day)]),
        bytes: 100 + n as u64,
        rows: Some(10),
        columns: BTreeMap::from([(
            "N".to_owned(),
            Bounds { nulls: Some(1), min: Some(json!(-3)), max: Some(json!(9_007_199_254_740_993_i64)) },
        )]),
    }
}

fn day_of(n: usize) -> u32 {
    u32::try_from(n / 100).unwrap()
}

fn adds(n: usize, files: Vec<TableFile>) -> Change<'static> {
    Change {
        commit: "000001-run",
        snapshot: 7,
        at: 100 * i64::try_from(n).unwrap(),
        added: files,
        ..Change::default()
    }
}

#[test]
fn names() {
    assert_eq!(file_of_version(12), "v12.metadata.json");
    assert_eq!(version_of_file("v12.metadata.json"), Some(12));
    for other in ["v.metadata.json", "12.metadata.json", "v1x.metadata.json", "v1.metadata.json.tmp"] {
        assert_eq!(version_of_file(other), None, "{other}");
    }
}

#[test]
fn bounds_as_bytes() {
    let bound = |value, data_type: &DataType| value::bound(&value, data_type, false);
    let max = |value, data_type: &DataType| value::bound(&value, data_type, true);
    assert_eq!(bound(json!(true), &DataType::Boolean), Some(vec![1]));
    assert_eq!(bound(json!(-2), &DataType::Int32), Some(vec![0xfe, 0xff, 0xff, 0xff]));
    assert_eq!(bound(json!(i64::MIN), &DataType::Int64), Some(i64::MIN.to_le_bytes().to_vec()));
    assert_eq!(bound(json!(19_723), &DataType::Date32), Some(19_723_i32.to_le_bytes().to_vec()));
    assert_eq!(bound(json!(1.5), &DataType::Float64), Some(1.5_f64.to_le_bytes().to_vec()));
    assert_eq!(max(json!(1.5), &DataType::Float64), None, "NaN is greater");
    let ms = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    assert_eq!(max(json!(7), &ms), Some(7000_i64.to_le_bytes().to_vec()));
    assert_eq!(max(json!(i64::MAX), &ms), None, "beyond what microseconds can tell");
    let decimal = DataType::Decimal128(18, 2);
    for (number, bytes) in [
        (0, vec![0]),
        (127, vec![0x7f]),
        (128, vec![0, 0x80]),
        (-128, vec![0x80]),
        (-129, vec![0xff, 0x7f]),
        (123_456, vec![0x01, 0xe2, 0x40]),
        (-1, vec![0xff]),
        (i64::MAX, i64::MAX.to_be_bytes().to_vec()),
        (i64::MIN, i64::MIN.to_be_bytes().to_vec()),
    ] {
        assert_eq!(bound(json!(number), &decimal), Some(bytes), "{number}");
    }
    assert_eq!(max(json!("é"), &DataType::Utf8), Some("é".as_bytes().to_vec()));
    assert_eq!(bound(json!("x"), &DataType::Binary), None);
}

#[test]
fn columns_keep_their_ids_at_any_depth() {
    let of = |name: &str, data_type| Field::new(name, data_type, true);
    let members = |fields: Vec<Field>| DataType::Struct(Fields::from(fields));
    let list = |item| DataType::List(Arc::new(of("item", item)));
    let map = DataType::Map(
        Arc::new(of("entries", members(vec![of("keys", DataType::Utf8), of("values", DataType::Int64)]))),
        false,
    );
    let with = |first: Vec<Field>| Columns {
        files: vec![
            ("A".to_owned(), list(members(first))),
            ("M".to_owned(), map.clone()),
            ("T".to_owned(), DataType::Time64(TimeUnit::Microsecond)),
            ("D".to_owned(), DataType::Decimal128(10, 2)),
        ],
        partition: vec!["day".to_owned()],
    };
    let first = schema::spell(&with(vec![of("X", DataType::Int32)]), &BTreeMap::new(), 0).unwrap();
    let second = schema::spell(
        &with(vec![of("Y", DataType::Int32), of("X", DataType::Int32)]),
        &first.ids,
        first.last,
    )
    .unwrap();
    assert_eq!(schema::ids_of(&first.fields), first.ids);
    assert!(first.ids.iter().all(|(path, id)| second.ids[path] == *id));
    assert_eq!((first.ids["A"], first.ids["day"], first.ids["A.element.X"], first.last), (1, 5, 7, 9));
    assert_eq!((second.ids["A.element.Y"], second.last), (10, 10));
    let told: Vec<String> = ["T", "D"]
        .iter()
        .map(|name| {
            let fields = first.fields.as_array().unwrap();
            fields.iter().find(|field| field["name"] == *name).unwrap()["type"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(told, ["time", "decimal(10, 2)"]);
    assert_eq!(
        first.mapping[1],
        json!({"field-id": 2, "names": ["M"], "fields": [
            {"field-id": 8, "names": ["key"]}, {"field-id": 9, "names": ["value"]}
        ]})
    );
    for refused in [DataType::Decimal256(50, 2), DataType::Timestamp(TimeUnit::Millisecond, None)] {
        let columns = Columns { files: vec![("C".to_owned(), refused)], partition: Vec::new() };
        let error = check_columns(&columns).unwrap_err();
        assert_eq!(error.kind(), Kind::Feed);
        assert!(error.to_string().contains('C'), "{error}");
    }
    let twice = Columns {
        files: vec![("a".to_owned(), DataType::Int32), ("A".to_owned(), DataType::Int32)],
        partition: Vec::new(),
    };
    assert!(check_columns(&twice).is_err(), "case does not count");
}

#[test]
fn an_entry_is_read_as_it_was_written() {
    let mut table = Table::default();
    table.commit(adds(1, vec![file(1, 0), file(2, 1)]));
    let [manifest] = &table.manifests()[..] else { panic!() };
    assert_eq!(
        (manifest.added, manifest.existing),
        (list::Count { files: 2, rows: 20 }, list::Count::default())
    );
    let entries = manifest::read(&table.read(&manifest.path).unwrap(), manifest).unwrap();
    let first = &entries[0];
    assert_eq!((first.status, first.snapshot, first.sequence), (manifest::Status::Added, 7, 1));
    assert_eq!((first.file.rows, first.file.bytes, &first.file.partition), (10, 100, &vec![Some(1)]));
    assert_eq!(first.file.lower, BTreeMap::from([(1, (-3_i64).to_le_bytes().to_vec())]));
    assert_eq!(first.file.upper, BTreeMap::from([(1, 9_007_199_254_740_993_i64.to_le_bytes().to_vec())]));
    assert_eq!((first.file.values[&1], first.file.nulls[&1]), (10, 1));
    let spec = table.metadata.as_ref().unwrap().spec().unwrap().clone();
    let schema = table.metadata.as_ref().unwrap().schema().unwrap().clone();
    let again = manifest::write(&entries, &spec, &schema, manifest.path.clone(), (7, 1)).unwrap();
    assert_eq!(manifest::read(&again.1, &again.0).unwrap(), entries);
}

#[test]
fn only_manifests_that_can_hold_a_partition_are_written_anew() {
    let mut table = Table::default();
    for day in 1..=20 {
        table.commit(adds(1, vec![file(day, 0), file(day, 1)]));
    }
    let next = table.commit(Change { removed: vec![file(7, 1)], ..adds(2, Vec::new()) });
    assert_eq!(next.files.len(), 2, "a manifest and the list");
    assert_eq!(table.reads.borrow().len(), 2, "the list and a manifest: {:?}", table.reads.borrow());
    let (live, summary) = (table.live(), &table.metadata.as_ref().unwrap().current().unwrap().summary);
    assert_eq!((live.len(), summary["operation"].as_str()), (39, "delete"));
    assert!(!live.contains_key(&file(7, 1).path) && live.contains_key(&file(7, 0).path));
    assert_eq!((summary["total-records"].as_str(), summary["deleted-records"].as_str()), ("390", "10"));
    // All of a day: its manifest goes with the snapshot after.
    table.commit(Change { removed: vec![file(7, 0)], ..adds(3, Vec::new()) });
    assert_eq!(table.manifests().len(), 20);
    table.commit(adds(4, vec![file(21, 0)]));
    assert_eq!(table.manifests().len(), 20);
    let error = commit(
        table.metadata.as_ref().unwrap(),
        &columns(),
        &Change { removed: vec![file(7, 0)], ..adds(5, Vec::new()) },
        &|path| table.read(path),
    );
    assert_eq!(error.unwrap_err().kind(), Kind::Damaged, "it is not there any more");
    // A file of another writer, of whose partition nothing is known, is found wherever it is.
    let unknown = TableFile { partition: BTreeMap::new(), ..file(3, 0) };
    table.commit(Change { removed: vec![unknown], rewrite: true, ..adds(6, vec![file(3, 9)]) });
    assert_eq!(table.metadata.as_ref().unwrap().current().unwrap().summary["operation"], "replace");
    assert!(table.live().contains_key(&file(3, 9).path) && !table.live().contains_key(&file(3, 0).path));
}

#[test]
fn a_commit_reads_and_writes_as_much_however_many_files_there_are() {
    let mut table = Table::default();
    let (mut most, mut bytes) = (0, 0);
    for n in 0..3000 {
        let next =
            table.commit(Change { expire_before: Some(i64::MAX), ..adds(n, vec![file(day_of(n), n)]) });
        most = most.max(table.manifests().len());
        bytes += next.files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
    }
    assert_eq!(table.live().len(), 3000);
    assert!(most <= 2 * 32 + 3, "{most} manifests");
    assert!(bytes / 3000 < 8000, "{} bytes a commit", bytes / 3000);
    assert!(table.files.borrow().len() < 80, "{} files", table.files.borrow().len());
}

#[test]
fn what_old_snapshots_alone_need_is_told() {
    let mut table = Table::default();
    table.commit(adds(1, vec![file(1, 0), file(1, 1)]));
    table.commit(Change { removed: vec![file(1, 0)], ..adds(2, vec![file(2, 2)]) });
    // It comes again, and goes again.
    table.commit(adds(3, vec![file(1, 0)]));
    table.commit(Change { removed: vec![file(1, 0), file(1, 1)], ..adds(4, Vec::new()) });
    let paths = |next: &Next| next.gone_data.iter().cloned().collect::<Vec<_>>();
    let next = table.commit(Change { expire_before: Some(201), ..adds(5, vec![file(2, 5)]) });
    assert_eq!(paths(&next), [""; 0], "a snapshot that stays needs it");
    assert_eq!(next.metadata.snapshots.len(), 4);
    let next = table.commit(Change { expire_before: Some(401), ..adds(6, vec![file(2, 6)]) });
    assert_eq!(paths(&next), [file(1, 0).path, file(1, 1).path]);
    assert_eq!(next.metadata.snapshots.len(), 3);
    let Named { files, removed } = next.metadata.named(&|path| table.read(path)).unwrap();
    assert!(removed.is_empty(), "{removed:?}");
    let there = table.files.borrow();
    let strays: Vec<_> =
        there.keys().filter(|path| !files.contains(*path) && !path.contains("metadata.json")).collect();
    assert!(strays.is_empty(), "{strays:?}");
}

#[test]
fn metadata_keeps_what_it_does_not_know() {
    let mut table = Table::default();
    table.commit(adds(1, vec![file(1, 0)]));
    let mut text: serde_json::Value =
        serde_json::from_str(&table.metadata.as_ref().unwrap().text().unwrap()).unwrap();
    text["statistics"] = json!([{ "snapshot-id": 7 }]);
    let parsed = TableMetadata::parse(text.to_string().as_bytes()).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&parsed.text().unwrap()).unwrap(), text);
    text["format-version"] = 3.into();
    assert_eq!(TableMetadata::parse(text.to_string().as_bytes()).unwrap_err().kind(), Kind::Damaged);
}

/// `cargo test --lib iceberg::tests::what_a_commit_costs -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn what_a_commit_costs() {
    for size in [10, 1_000, 100_000] {
        let mut table = Table::default();
        let per_commit = (size / 200).max(1);
        for n in 0..size / per_commit {
            let files =
                (0..per_commit).map(|i| file(day_of(n * per_commit + i), n * per_commit + i)).collect();
            table.commit(Change { expire_before: Some(i64::MAX), ..adds(n, files) });
        }
        let (mut slowest, mut bytes, mut read) = (std::time::Duration::ZERO, 0, 0);
        let began = std::time::Instant::now();
        for n in 0..128 {
            let one = std::time::Instant::now();
            let next = table.commit(adds(n, vec![file(2000, n)]));
            slowest = slowest.max(one.elapsed());
            bytes += next.files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
            read += table.reads.borrow().len();
        }
        let mean = began.elapsed() / 128;
        let one = std::time::Instant::now();
        table.commit(Change { removed: vec![file(2000, 5)], ..adds(200, Vec::new()) });
        println!(
            "{size} files: {mean:?} a commit, {slowest:?} the slowest, {} bytes of manifests written a commit, {read} files read in all; a removal {:?}",
            bytes / 128,
            one.elapsed()
        );
    }
}

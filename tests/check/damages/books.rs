//! Damages to the journal, and to single fields of the metadata.

use super::*;

pub(super) const CASES: &[Case] = &[
    case!("a file that the log of the Delta table names is removed", TableLog, |b| {
        let feed = b.as_delta();
        fs::remove_dir_all(b.dir.join("_delta_files/year=2025/month=01/day=01")).unwrap();
        (feed, b.same().1)
    }),
    case!("the log of the Delta table is removed", TableLog, |b| {
        let feed = b.as_delta();
        fs::remove_dir_all(b.dir.join("_delta_log")).unwrap();
        (feed, b.same().1)
    }),
    case!("another writer removes a file from the log of the Delta table", TableLog, |b| {
        let feed = b.as_delta();
        let first = fs::read_to_string(b.dir.join("_delta_log/00000000000000000000.json")).unwrap();
        let add = first.lines().find(|line| line.starts_with(r#"{"add""#)).unwrap();
        let add: Value = serde_json::from_str(add).unwrap();
        let remove =
            json!({"remove": {"path": add["add"]["path"], "deletionTimestamp": 1, "dataChange": true}});
        fs::write(b.dir.join("_delta_log/00000000000000000001.json"), format!("{remove}\n")).unwrap();
        (feed, b.same().1)
    }),
    case!("a file that the Iceberg table names is removed", TableLog, |b| {
        let feed = b.as_iceberg();
        fs::remove_dir_all(b.dir.join("_iceberg/data/year=2025/month=01/day=01")).unwrap();
        (feed, b.same().1)
    }),
    case!("the metadata of the Iceberg table is removed", TableLog, |b| {
        let feed = b.as_iceberg();
        fs::remove_dir_all(b.dir.join("_iceberg/metadata")).unwrap();
        (feed, b.same().1)
    }),
    case!("another writer makes a snapshot of the Iceberg table without a file", TableLog, |b| {
        let feed = b.as_iceberg();
        let folder = b.dir.join("_iceberg/metadata");
        let mut table: Value =
            serde_json::from_slice(&fs::read(folder.join("v1.metadata.json")).unwrap()).unwrap();
        table["snapshots"][0]["summary"].as_object_mut().unwrap().remove("lakehand.commit");
        fs::write(folder.join("v2.metadata.json"), table.to_string()).unwrap();
        (feed, b.same().1)
    }),
    case!("the journal of files is removed", BadJournal, |b| {
        fs::remove_file(books(&b.dir).join("journal")).unwrap();
        b.same()
    }),
    case!("the journal of files is cut", BadJournal, |b| {
        let bytes = fs::read(books(&b.dir).join("journal")).unwrap();
        fs::write(books(&b.dir).join("journal"), &bytes[..bytes.len() - 30]).unwrap();
        b.same()
    }),
    case!("one bit of the journal flips", BadJournal, |b| {
        let mut bytes = fs::read(books(&b.dir).join("journal")).unwrap();
        bytes[60] ^= 1;
        fs::write(books(&b.dir).join("journal"), bytes).unwrap();
        b.same()
    }),
    case!("something is appended to the journal", BadJournal, |b| {
        let bytes = [fs::read(books(&b.dir).join("journal")).unwrap(), b"what is this\n".to_vec()].concat();
        fs::write(books(&b.dir).join("journal"), bytes).unwrap();
        b.same()
    }),
    case!("a column is missing from the metadata", BadMetadata, |b| {
        b.metadata(|m| drop(m["columns"].as_array_mut().unwrap().pop()));
        b.same()
    }),
    case!("the metadata has another type for a column", BadMetadata, |b| {
        b.metadata(|m| {
            for column in m["columns"].as_array_mut().unwrap() {
                if column["ksql_type"] == "DOUBLE" {
                    column["ksql_type"] = json!("BIGINT");
                }
            }
        });
        b.same()
    }),
    case!("the metadata has another time zone", BadMetadata, |b| {
        b.metadata(|m| m["timezone"] = json!("America/New_York"));
        b.same()
    }),
    case!("the metadata has other partition columns", BadMetadata, |b| {
        b.metadata(|m| m["partition_columns"] = json!(["year", "month"]));
        b.same()
    }),
    case!("the metadata is a list", BadMetadata, |b| {
        fs::write(b.dir.join("_metadata.json"), "[]").unwrap();
        b.same()
    }),
    case!("the metadata is empty", BadMetadata, |b| {
        fs::write(b.dir.join("_metadata.json"), "").unwrap();
        b.same()
    }),
    case!("the metadata is a table's", OtherMetadata, |b| {
        b.metadata(|m| m["type"] = json!("table"));
        b.same()
    }),
    case!("the metadata's commit number goes back", StaleMetadata, |b| {
        b.metadata(|m| m["commit_seq"] = json!(1));
        b.same()
    }),
    case!("metadata and journal are brought back from before the last commit", StaleMetadata, |b| {
        fs::write(b.dir.join("_metadata.json"), &b.old_metadata).unwrap();
        fs::write(books(&b.dir).join("journal"), &b.old_journal).unwrap();
        b.same()
    }),
    case!("the metadata forgets the position of a Kafka partition", PositionBehind, |b| {
        b.metadata(|m| drop(m["positions"].as_object_mut().unwrap().remove("1")));
        b.same()
    }),
    case!("the metadata says of offsets that files hold them", HeldAhead, |b| {
        b.metadata(|m| m["ahead"] = json!({"0": {"runs": [[18, 20]], "rows": 3}}));
        b.same()
    }),
    case!("the metadata counts other bytes", WrongCounts, |b| {
        b.metadata(|m| m["partitions"][0]["bytes"] = json!(2));
        b.same()
    }),
    case!("the metadata counts other files", WrongCounts, |b| {
        b.metadata(|m| m["partitions"][1]["files"] = json!(9));
        b.same()
    }),
    case!("the metadata names a day twice", MissingPartition, |b| {
        b.metadata(|m| {
            let day = m["partitions"][0].clone();
            m["partitions"].as_array_mut().unwrap().push(day);
        });
        b.same()
    }),
    case!("the metadata says that a day is sealed", WrongSeal, |b| {
        b.metadata(|m| m["partitions"][0]["sealed_at"] = json!("2025-02-01T00:00:00Z"));
        b.same()
    }),
    case!("the metadata counts other rows in quarantine", QuarantineCount, |b| {
        b.metadata(|m| m["quarantined_records"] = json!(5));
        b.same()
    }),
    case!("the journal of files is opened to all", WrongMode, |b| {
        mode(&books(&b.dir).join("journal"), 0o644);
        b.same()
    }),
    case!("the metadata forgets the current version", WrongCounts, table, |b| {
        b.metadata(|m| {
            m["partitions"].as_array_mut().unwrap().pop();
            m["current_version"] = json!(1);
        });
        (b.feed.clone(), Data::Table(4))
    }),
    case!("the file of a version is one of another version", WrongVersion, table told, |b| {
        fs::copy(b.file(0), b.file(1)).unwrap();
        (b.feed.clone(), Data::Table(3))
    }),
    case!("the lake is complete through an instant to come", FutureWatermark, |b| {
        b.metadata(|m| m["complete_through"] = json!("2199-01-01T00:00:00Z"));
        b.same()
    }),
    case!("an export was made by a clock years ahead", FutureExport, |b| {
        b.metadata(|m| m["last_export"] = json!("2199-01-01T00:00:00Z"));
        b.same()
    }),
    case!("a day was sealed before it was over", GroundlessSeal, |b| {
        let mark = b.dir.join("year=2025/month=01/day=01/_SUCCESS");
        fs::write(&mark, "").unwrap();
        mode(&mark, 0o640);
        b.metadata(|m| m["partitions"][0]["sealed_at"] = json!("2025-01-01T00:00:00Z"));
        b.same()
    }),
    case!("a quarantine file is removed", QuarantineCount, |b| {
        fs::remove_dir_all(books(&b.dir).join("quarantine")).unwrap();
        b.same()
    }),
];

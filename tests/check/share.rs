//! A repair takes nothing from readers on the word of one record, and asks before it takes much.

use std::fs;

use lakehand::Kind;
use lakehand::lake::Lake;
use lakehand::lake::verify::{FindingKind, Options, check, repair, waits_for_consent};
use parquet::file::metadata::KeyValue;
use serde_json::{Value, json};

use crate::damages::{Built, build, rewrite};
use crate::lake_support::*;

fn edited(built: &Built, change: impl FnOnce(&mut Value)) {
    let path = built.dir.join("_metadata.json");
    let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut value);
    fs::write(&path, value.to_string()).unwrap();
}

#[test]
fn no_edited_field_of_the_metadata_makes_a_repair_move_a_file() {
    let edits: [(&str, Value); 14] = [
        ("source", json!("payments")),
        ("type", json!("table")),
        ("partitioning", json!("version")),
        ("partition_columns", json!(["year"])),
        ("partition_columns", json!(["year", "month", "day", "hour"])),
        ("timezone", json!("America/New_York")),
        ("timestamp_column", json!("NAME")),
        ("commit_seq", json!(0)),
        ("commit_seq", json!(99)),
        ("schema_version", json!("7.3")),
        ("positions", json!({"0": 0})),
        ("columns", json!([])),
        ("partitions", json!([])),
        ("current_version", json!(4)),
    ];
    for (field, value) in edits {
        let root = tempfile::tempdir().unwrap();
        let built = build(root.path(), false);
        let before = data_files(&built.dir);
        edited(&built, |metadata| metadata[field] = value.clone());
        // Refused, told or mended: the files stay where they are.
        let _ = repair(&Lake::new(root.path()), &built.feed, limits(), Options::default(), owner());
        assert_eq!(data_files(&built.dir), before, "{field} = {value}");
    }
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), false);
    let before = data_files(&built.dir);
    edited(&built, |metadata| {
        for column in metadata["columns"].as_array_mut().unwrap() {
            column["ksql_type"] = json!("DATE");
        }
    });
    repair(&Lake::new(root.path()), &built.feed, limits(), Options::default(), owner()).unwrap();
    assert_eq!(data_files(&built.dir), before);
}

#[test]
fn a_repair_that_takes_more_than_a_tenth_of_the_rows_asks_with_the_number() {
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), false);
    let before = data_files(&built.dir);
    rewrite(&built.dir.join(&before[0]), |entry| match entry.key.as_str() {
        "lakehand.offsets" => {
            KeyValue::new(entry.key.clone(), entry.value.as_ref().unwrap().replace("[0,0]", "[1,1]"))
        }
        _ => entry.clone(),
    });
    let mend = |accept_loss| {
        repair(&Lake::new(root.path()), &built.feed, limits(), Options { deep: true, accept_loss }, owner())
    };
    let refused = mend(false).unwrap_err();
    assert_eq!(refused.kind(), Kind::Held, "{refused}");
    assert!(waits_for_consent(&refused), "the screen and the terminal ask");
    assert!(refused.to_string().contains("4 of 23 rows, in 1 files"), "{refused}");
    assert!(refused.to_string().contains("--accept-loss"), "{refused}");
    assert_eq!(data_files(&built.dir), before);
    assert!(mend(true).unwrap().left.is_sound());
    assert_eq!(data_files(&built.dir).len(), before.len() - 1);
}

#[test]
fn a_copy_is_found_when_its_footer_tells_only_a_hull() {
    let root = tempfile::tempdir().unwrap();
    let feed = stream_feed();
    // More holes than a footer lists.
    let all: Vec<Row> = (0..1200).map(|o| (0, o, T0 + (o % 2) * DAY)).collect();
    let mut dataset = open(root.path(), &feed);
    let mut appender = dataset.appender(&stream_schema(), run("r1")).unwrap();
    appender.write(&batch(&all)).unwrap();
    appender.commit(commit_after(&all)).unwrap();
    drop(appender);
    let dir = dataset.dir().to_owned();
    drop(dataset);
    let file = dir.join(&data_files(&dir)[0]);
    let footer = lakehand::lake::read_footer(&file).unwrap();
    assert!(footer.offsets.partitions()[&0].hull, "the footer lists no ranges");
    fs::copy(&file, file.with_file_name("data_20250101_copy_1.parquet")).unwrap();
    let report = check(&Lake::new(root.path()), &feed, Options::default(), &owner()).unwrap();
    assert!(report.findings.iter().any(|f| f.kind == FindingKind::Overlap), "{:#?}", report.findings);
    repair(&Lake::new(root.path()), &feed, limits(), Options::default(), owner()).unwrap();
    assert_eq!(rows(&dir), expected(&all));
    // The metadata is lost, and one of the two files: what the other holds is told by its rows, and is not doubled.
    fs::remove_file(dir.join("_metadata.json")).unwrap();
    fs::remove_file(books(&dir).join("journal")).unwrap();
    fs::remove_file(&file).unwrap();
    let mut dataset = open(root.path(), &feed);
    assert!(!dataset.metadata().ahead.is_empty());
    let next = dataset.metadata().positions.get(&0).copied().unwrap_or(0);
    assert_eq!(next, 0);
    let mut appender = dataset.appender(&stream_schema(), run("r2")).unwrap();
    appender.write(&batch(&all)).unwrap();
    appender.commit(commit_after(&all)).unwrap();
    drop(appender);
    assert_eq!(rows(&dir), expected(&all));
}

#[test]
fn versions_that_were_swapped_are_told() {
    let root = tempfile::tempdir().unwrap();
    let built = build(root.path(), true);
    let [one, two] = ["version=v1", "version=v2"].map(|name| built.dir.join(name));
    fs::rename(&one, built.dir.join("other")).unwrap();
    fs::rename(&two, &one).unwrap();
    fs::rename(built.dir.join("other"), &two).unwrap();
    let before = data_files(&built.dir);
    let report = check(&Lake::new(root.path()), &built.feed, Options::default(), &owner()).unwrap();
    let swapped = report.findings.iter().filter(|f| f.kind == FindingKind::WrongVersion).count();
    assert_eq!(swapped, 2, "{:#?}", report.findings);
    let _ = repair(&Lake::new(root.path()), &built.feed, limits(), Options::default(), owner());
    assert_eq!(data_files(&built.dir).len(), before.len(), "no version is taken away");
}

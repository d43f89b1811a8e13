//! Damages to data files, days and versions, and to the metadata as a whole.

use super::*;

pub(super) const CASES: &[Case] = &[
    case!("a file is cut to nothing", Empty, |b| {
        let left = b.without(&b.file(0));
        fs::write(b.file(0), b"").unwrap();
        (b.feed.clone(), left)
    }),
    case!("the end of a file is cut off", Unreadable, |b| {
        let left = b.without(&b.file(1));
        let bytes = fs::read(b.file(1)).unwrap();
        fs::write(b.file(1), &bytes[..bytes.len() - 20]).unwrap();
        (b.feed.clone(), left)
    }),
    case!("pages of a file are overwritten (found by --deep)", Unreadable, deep, |b| {
        let left = b.without(&b.file(1));
        let mut bytes = fs::read(b.file(1)).unwrap();
        bytes[4..200].fill(0xff);
        fs::write(b.file(1), bytes).unwrap();
        (b.feed.clone(), left)
    }),
    case!("somebody's notes lie in a day", Foreign, |b| {
        fs::write(b.dir.join("year=2025/month=01/day=01/notes.txt"), "x").unwrap();
        mode(&b.dir.join("year=2025/month=01/day=01/notes.txt"), 0o640);
        b.same()
    }),
    case!("a Parquet file of another program lies in a day", Foreign, |b| {
        let path = b.dir.join("year=2025/month=01/day=01/data_x.parquet");
        copied(&b.file(0), &path);
        rewrite(&path, |e| KeyValue::new(format!("other.{}", e.key), e.value.clone()));
        b.same()
    }),
    case!("a file of another dataset lies in a day", Foreign, |b| {
        let path = b.dir.join("year=2025/month=01/day=01/data_x.parquet");
        copied(&b.file(0), &path);
        rewrite(&path, |e| match e.key.as_str() {
            "lakehand.dataset" => KeyValue::new(e.key.clone(), "payments".to_owned()),
            _ => e.clone(),
        });
        b.same()
    }),
    case!("a symbolic link stands in a day", Link, |b| {
        let link = b.dir.join("year=2025/month=01/day=01/data_9.parquet");
        std::os::unix::fs::symlink(b.file(0), link).unwrap();
        b.same()
    }),
    case!("half of a commit that nothing names", StaleMetadata, |b| {
        let metadata = fs::read(b.dir.join("_metadata.json")).unwrap();
        commit(&mut open(&b.root, &b.feed), "three", &THIRD, None);
        let of_third = |f: &String| f.contains("000003-");
        let victim = data_files(&b.dir).into_iter().find(of_third).unwrap();
        fs::remove_file(b.dir.join(&victim)).unwrap();
        fs::write(b.dir.join("_metadata.json"), metadata).unwrap();
        // What is there of it stays, and what is not is read again.
        let lost = victim.rsplit_once('/').unwrap().0;
        let left = THIRD.iter().filter(|row| folder(row.2) != lost);
        (b.feed.clone(), Data::Rows(b.all().into_iter().chain(left.copied()).collect()))
    }),
    case!("a newer file does not tell which rows it holds", Orphan, |b| {
        let path = b.dir.join("year=2025/month=01/day=01/data_20250101_000009-nine_1.parquet");
        copied(&b.file(0), &path);
        rewrite(&path, |e| match e.key.as_str() {
            "lakehand.commit" => KeyValue::new(e.key.clone(), "000009-nine".to_owned()),
            "lakehand.columns" => {
                KeyValue::new(e.key.clone(), e.value.as_ref().unwrap().replace("ROWOFFSET", "OTHER"))
            }
            "lakehand.offsets" => {
                KeyValue::new(e.key.clone(), r#"{"0":{"runs":[[90,99]],"rows":4,"hull":true}}"#.to_owned())
            }
            _ => e.clone(),
        });
        b.same()
    }),
    case!("a file is copied", Overlap, |b| {
        copied(&b.file(0), &b.dir.join("year=2025/month=01/day=01/data_20250101_copy_1.parquet"));
        b.same()
    }),
    case!("a file is copied into another day", Overlap, |b| {
        copied(&b.file(0), &b.dir.join("year=2025/month=01/day=02/data_20250101_copy_1.parquet"));
        b.same()
    }),
    case!("a file is moved into another day", WrongDay, |b| {
        let name = b.file(0).file_name().unwrap().to_owned();
        fs::rename(b.file(0), b.dir.join("year=2025/month=01/day=02").join(name)).unwrap();
        b.same()
    }),
    case!("a file has another type for a column", MixedSchema, |b| {
        let path = b.dir.join("year=2025/month=01/day=01/data_20250101_000002-two_9.parquet");
        copied(&b.file(0), &path);
        rewrite(&path, |e| match e.key.as_str() {
            "lakehand.columns" => {
                KeyValue::new(e.key.clone(), e.value.as_ref().unwrap().replace("DOUBLE", "BIGINT"))
            }
            "lakehand.offsets" => {
                KeyValue::new(e.key.clone(), r#"{"7":{"runs":[[0,3]],"rows":4}}"#.to_owned())
            }
            _ => e.clone(),
        });
        b.same()
    }),
    case!("a footer tells other offsets than the rows (found by --deep)", FooterLies, deep, |b| {
        let left = b.without(&b.file(0));
        rewrite(&b.file(0), |e| match e.key.as_str() {
            "lakehand.offsets" => {
                KeyValue::new(e.key.clone(), e.value.as_ref().unwrap().replace("[0,0]", "[1,1]"))
            }
            _ => e.clone(),
        });
        (b.feed.clone(), left)
    }),
    case!("a day is removed", MissingPartition, |b| {
        fs::remove_dir_all(b.dir.join("year=2025/month=01/day=02")).unwrap();
        let left = b.all().into_iter().filter(|r| folder(r.2) != "year=2025/month=01/day=02").collect();
        (b.feed.clone(), Data::Rows(left))
    }),
    case!("a file is removed", MissingRows, |b| {
        let left = b.without(&b.file(0));
        fs::remove_file(b.file(0)).unwrap();
        (b.feed.clone(), left)
    }),
    case!("the metadata counts a day wrongly", WrongCounts, |b| {
        b.metadata(|m| m["partitions"][0]["records"] = json!(2));
        b.same()
    }),
    case!("the metadata's sums are wrong", WrongCounts, |b| {
        b.metadata(|m| m["total_records"] = json!(7));
        b.same()
    }),
    case!("the metadata forgets a day", WrongCounts, |b| {
        b.metadata(|m| drop(m["partitions"].as_array_mut().unwrap().remove(1)));
        b.same()
    }),
    case!("the metadata is removed", NoMetadata, |b| {
        fs::remove_file(b.dir.join("_metadata.json")).unwrap();
        b.same()
    }),
    case!("a folder of another program holds Parquet files", Stranger, |b| {
        fs::create_dir(b.dir.join("_backup")).unwrap();
        mode(&b.dir.join("_backup"), 0o750);
        copied(&b.file(0), &b.dir.join("_backup/x.parquet"));
        b.same()
    }),
    case!("an older copy of the metadata lies apart", TwoMetadata, |b| {
        let apart = books(&b.dir).join("metadata.json");
        fs::write(&apart, &b.old_metadata).unwrap();
        mode(&apart, 0o640);
        b.same()
    }),
    case!("the lock is in the dataset's folder, as before version 0.2", OldLayout, |b| {
        fs::rename(books(&b.dir).join("lock"), b.dir.join("_lock")).unwrap();
        b.same()
    }),
    case!("the metadata is cut", BadMetadata, |b| {
        fs::write(b.dir.join("_metadata.json"), &b.old_metadata[..80]).unwrap();
        b.same()
    }),
    case!("the metadata loses its positions", BadMetadata, |b| {
        b.metadata(|m| m["positions"] = json!({}));
        b.same()
    }),
    case!("the metadata is another dataset's", OtherMetadata, |b| {
        b.metadata(|m| m["source"] = json!("payments"));
        b.same()
    }),
    case!("the metadata is brought back from before the last commit", StaleMetadata, |b| {
        fs::write(b.dir.join("_metadata.json"), &b.old_metadata).unwrap();
        b.same()
    }),
    case!("the metadata's positions go back", PositionBehind, |b| {
        b.metadata(|m| m["positions"]["0"] = json!(3));
        b.same()
    }),
    case!("a version nobody named", UnnamedVersion, table, |b| {
        copy_tree(&b.dir.join("version=v2"), &b.dir.join("version=v7"));
        mode(&b.dir.join("version=v7"), 0o755);
        (b.feed.clone(), Data::Table(4))
    }),
    case!("the current version is not the newest", TwoVersions, table, |b| {
        b.metadata(|m| {
            m["current_version"] = json!(1);
            m["total_records"] = json!(3);
        });
        (b.feed.clone(), Data::Table(4))
    }),
    case!("the current version is removed", MissingPartition, table, |b| {
        fs::remove_dir_all(b.dir.join("version=v2")).unwrap();
        (b.feed.clone(), Data::Table(3))
    }),
    case!("a version more than the feed keeps", OldVersion, table, |b| {
        (Feed { keep_versions: 1, ..b.feed.clone() }, Data::Table(4))
    }),
    case!("the file of a version is cut", Unreadable, table, |b| {
        let bytes = fs::read(b.file(1)).unwrap();
        fs::write(b.file(1), &bytes[..bytes.len() - 1]).unwrap();
        (b.feed.clone(), Data::Table(3))
    }),
];

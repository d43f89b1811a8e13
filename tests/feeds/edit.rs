//! Edits: what they change, what they keep, what they refuse.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use lakehand::Kind;
use lakehand::feed::{
    Catalog, FeedKind, FeedPaths, NewFeed, Place, TableFormat, add, archive, restore, set_enabled,
    set_table_format, undo,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{feed_text, folders, listing, now, write};

#[test]
fn an_edit_changes_its_value_and_no_other_byte() {
    let (_dir, paths) = folders();
    let path = paths.file(Place::Active, "f");
    let text = "\u{FEFF}{\r\n\t\"enabled\" :  true ,\r\n\t\"ksqldb_source\":\"s\",   \"feed_type\":\"stream\",\r\n\r\n\
                \t\"description\": \"\\u00e9 / \\/ {}\",\r\n\t\"feed_name\":\"f\" }";
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();

    let change = set_enabled(&path, false).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text.replace(":  true ,", ":  false ,"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o604);
    let redo = undo(change).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    undo(redo).unwrap();
    assert!(set_enabled(&path, false).unwrap().is_nothing());
    assert_eq!(fs::read_dir(&paths.active).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_missing_value_is_added_at_the_end() {
    let (_dir, paths) = folders();
    let path = paths.file(Place::Active, "f");
    let text =
        "{\n    \"feed_name\": \"f\",\n    \"feed_type\": \"stream\",\n    \"ksqldb_source\": \"s\"\n}\n";
    fs::write(&path, text).unwrap();
    set_enabled(&path, false).unwrap();
    let expected = text.replace("\"s\"\n}", "\"s\",\n    \"enabled\": false\n}");
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn an_edit_refuses_what_it_does_not_understand() {
    let (_dir, paths) = folders();
    let path = paths.file(Place::Active, "f");
    let text = feed_text("stream", ", \"storage_mode\": \"apend\"");
    fs::write(&path, &text).unwrap();
    let error = set_enabled(&path, false).unwrap_err();
    assert_eq!(error.kind(), Kind::Feed);
    assert!(error.to_string().contains("did you mean \"append\"?"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert!(set_enabled(&paths.file(Place::Active, "none"), true).is_err());
}

#[test]
fn a_change_is_not_undone_over_another_s() {
    let (_dir, paths) = folders();
    let path = write(&paths, Place::Active, "f", "s");
    let change = set_enabled(&path, false).unwrap();
    let other = fs::read_to_string(&path).unwrap() + "\n";
    fs::write(&path, &other).unwrap();
    let error = undo(change).unwrap_err();
    assert!(error.what().contains("changed by somebody else"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), other);

    let moved = archive(&paths, "f").unwrap();
    write(&paths, Place::Active, "f", "t");
    assert!(undo(moved).unwrap_err().what().contains("already"));
    assert!(paths.file(Place::Archived, "f").exists());
}

#[test]
fn a_link_stays_a_link() {
    let (dir, paths) = folders();
    let real = dir.path().join("real.json");
    fs::rename(write(&paths, Place::Active, "f", "s"), &real).unwrap();
    let link = paths.file(Place::Active, "f");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    set_enabled(&link, false).unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("false"));
}

#[test]
fn archive_and_restore_never_replace() {
    let (_dir, paths) = folders();
    write(&paths, Place::Active, "f", "s");
    fs::remove_dir(&paths.archived).unwrap();
    let change = archive(&paths, "f").unwrap();
    assert_eq!(change.path(), paths.file(Place::Archived, "f"));
    assert_eq!(listing(&paths), [("f".into(), Place::Archived, None)]);
    assert!(archive(&paths, "f").unwrap_err().what().contains("no active feed"));

    write(&paths, Place::Active, "f", "t");
    for refusal in [archive(&paths, "f"), restore(&paths, "f")] {
        assert!(refusal.unwrap_err().what().contains("already"));
    }
    assert!(fs::read_to_string(paths.file(Place::Active, "f")).unwrap().contains("\"t\""));
    assert!(fs::read_to_string(paths.file(Place::Archived, "f")).unwrap().contains("\"s\""));

    fs::remove_file(paths.file(Place::Active, "f")).unwrap();
    write(&paths, Place::Active, "g", "S");
    assert!(restore(&paths, "f").unwrap_err().what().contains("the active feed g exports s already"));
    fs::remove_file(paths.file(Place::Active, "g")).unwrap();
    let restored = restore(&paths, "f").unwrap();
    undo(restored).unwrap();
    assert!(paths.file(Place::Archived, "f").exists());

    for name in ["", ".", "..", "../active/f", "a/b", ".hidden"] {
        assert!(archive(&paths, name).is_err(), "{name}");
    }
}

#[test]
fn what_is_broken_can_be_put_aside() {
    let (_dir, paths) = folders();
    fs::write(paths.file(Place::Active, "f"), "{").unwrap();
    archive(&paths, "f").unwrap();
    restore(&paths, "f").unwrap();
    assert_eq!(fs::read_to_string(paths.file(Place::Active, "f")).unwrap(), "{");
}

#[test]
fn add_writes_once_and_only_what_is_legal() {
    let (_dir, paths) = folders();
    let new = |name: &str, source: &str| NewFeed {
        name: name.into(),
        kind: FeedKind::Table,
        source: source.into(),
        description: String::new(),
        table_format: None,
    };
    fs::remove_dir(&paths.active).unwrap();
    let path = add(&paths, &new("f", "Totals"), now()).unwrap();
    let feed = Catalog::load(&paths).unwrap().entries[0].feed().cloned().unwrap();
    assert_eq!((feed.name.as_str(), feed.created_at), ("f", Some(now())));
    assert_eq!(path, paths.file(Place::Active, "f"));

    assert!(add(&paths, &new("f", "other"), now()).unwrap_err().what().contains("already"));
    assert!(
        add(&paths, &new("g", "TOTALS"), now()).unwrap_err().what().contains("the active feed f exports")
    );
    archive(&paths, "f").unwrap();
    assert!(add(&paths, &new("f", "other"), now()).unwrap_err().what().contains("already"));
    let bad = add(&paths, &new("a/b", "x y"), now()).unwrap_err();
    assert_eq!(bad.kind(), Kind::Usage);
    assert!(
        bad.what().contains("feed_name: \"a/b\"") && bad.what().contains("ksqldb_source: \"x y\""),
        "{bad}"
    );
}

#[test]
fn a_reader_never_sees_a_part_of_a_file() {
    let (_dir, paths) = folders();
    let path = write(&paths, Place::Active, "f", "s");
    let mut padded: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    padded["description"] = json!("x".repeat(200_000));
    fs::write(&path, padded.to_string()).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) || reads == 0 {
                assert_eq!(listing(&paths), [("f".into(), Place::Active, None)]);
                reads += 1;
            }
        });
        for round in 0..40 {
            set_enabled(&path, round % 2 == 1).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        reader.join().unwrap();
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn an_edit_keeps_order_and_other_values(
        order in Just(["feed_name", "feed_type", "ksqldb_source", "enabled", "description", "rename"]).prop_shuffle(),
        description in any::<String>(), pretty in any::<bool>(),
    ) {
        let values = json!({"feed_name": "f", "feed_type": "stream", "ksqldb_source": "s", "enabled": true,
            "description": description, "rename": {"enabled": "on"}});
        let gap = if pretty { "\n  " } else { "" };
        let members: Vec<_> = order.iter().map(|name| format!("{gap}\"{name}\": {}", values[*name])).collect();
        let (_dir, paths) = folders();
        let path = paths.file(Place::Active, "f");
        let text = format!("{{{}}}", members.join(","));
        fs::write(&path, &text).unwrap();
        set_enabled(&path, false).unwrap();
        let expected = text.replacen("\"enabled\": true", "\"enabled\": false", 1);
        prop_assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    }
}

#[test]
fn a_table_format_is_written_out_where_the_file_says_nothing() {
    let (_dir, paths) = folders();
    let text = r#"{"feed_name": "f", "feed_type": "stream", "ksqldb_source": "F"}"#;
    let path = paths.active.join("f.json");
    fs::write(&path, text).unwrap();
    let feed = |paths: &FeedPaths| Catalog::load(paths).unwrap().entries[0].feed().cloned().unwrap();
    let wanted = paths.clone().with_table_format(vec![TableFormat::Delta]);
    assert_eq!((feed(&paths).table_format, feed(&wanted).table_format), (vec![], vec![TableFormat::Delta]));
    // Off, whatever the default is.
    set_table_format(&path, &[]).unwrap();
    assert!(feed(&wanted).table_format.is_empty());
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.contains("\"table_format\": []"), "{written}");
    assert!(set_table_format(&path, &[]).unwrap().is_nothing());
    set_table_format(&path, &[TableFormat::Delta]).unwrap();
    assert_eq!(feed(&paths).table_format, [TableFormat::Delta]);
}

//! The folders as they may be.

use std::fs;

use lakehand::Kind;
use lakehand::feed::{Catalog, EntryState, FeedPaths, Place};

use super::{folders, listing, write};

#[test]
fn one_file_never_stops_another() {
    let (dir, paths) = folders();
    let good = write(&paths, Place::Active, "good", "s");
    fs::write(paths.active.join("bad.json"), "{").unwrap();
    fs::write(paths.active.join("latin.json"), b"{\"description\": \"caf\xe9\"}").unwrap();
    fs::write(paths.active.join("huge.json"), vec![b' '; (1 << 20) + 1]).unwrap();
    fs::create_dir(paths.active.join("folder.json")).unwrap();
    let fifo = paths.active.join("pipe.json");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(paths.active.join("sock.json")).unwrap();
    std::os::unix::fs::symlink("nowhere", paths.active.join("lost.json")).unwrap();
    fs::rename(&good, dir.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), &good).unwrap();
    for passed in
        [".good.json.tmp", ".x.json", "_x.json", "~x.json", "x.json~", "x.json.tmp", "x.txt", ".json"]
    {
        fs::write(paths.active.join(passed), "{").unwrap();
    }
    let list = listing(&paths);
    let problem = |name: &str| list.iter().find(|(n, _, _)| n == name).unwrap().2.clone().unwrap_or_default();
    let names: Vec<_> = list.iter().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(names, ["bad", "folder", "good", "huge", "latin", "lost", "pipe", "sock"]);
    assert_eq!(problem("good"), "");
    assert_eq!(problem("bad"), "line 1, column 1: is not JSON: EOF while parsing an object");
    assert_eq!(problem("folder"), "is a folder, not a file");
    assert_eq!(problem("pipe"), "is a pipe, a socket or a device, not a file");
    assert_eq!(problem("sock"), problem("pipe"));
    assert_eq!(problem("huge"), "the file is 1048577 bytes long; a feed has at most 1048576");
    assert_eq!(problem("latin"), "line 1, column 21: is not UTF-8 from here on");
    assert!(problem("lost").starts_with("the file cannot be read: "));
}

#[test]
fn the_later_of_two_alike_is_invalid() {
    let (_dir, paths) = folders();
    write(&paths, Place::Active, "a", "Orders");
    write(&paths, Place::Active, "b", "ORDERS");
    write(&paths, Place::Archived, "a", "other");
    write(&paths, Place::Archived, "c", "orders");
    let list = listing(&paths);
    assert_eq!(list[0], ("a".into(), Place::Active, None));
    let twice = "line 1, column 14: feed_name: \"a\" is the name of an active feed already";
    assert_eq!(list[1], ("a".into(), Place::Archived, Some(twice.into())));
    let same = "line 1, column 55: ksqldb_source: \"ORDERS\" is what the active feed a exports already";
    assert_eq!(list[2], ("b".into(), Place::Active, Some(same.into())));
    assert_eq!(list[3], ("c".into(), Place::Archived, None));
}

#[test]
fn missing_folders_are_empty_and_odd_names_are_shown_safely() {
    let (dir, paths) = folders();
    assert!(Catalog::load(&FeedPaths::below(&dir.path().join("none"))).unwrap().entries.is_empty());
    fs::write(paths.active.join("a\u{1b}[2J\n.json"), "{").unwrap();
    let catalog = Catalog::load(&paths).unwrap();
    assert_eq!(catalog.entries[0].name, "a\\u{1b}[2J\\n");
    assert!(matches!(catalog.entries[0].state, EntryState::Invalid(_)));
    let error = Catalog::load(&FeedPaths::below(&paths.active.join("a\u{1b}[2J\n.json"))).unwrap_err();
    assert_eq!(error.kind(), Kind::Io);
}

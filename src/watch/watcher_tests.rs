use notify::event::{AccessKind, CreateKind, Flag, ModifyKind, RemoveKind, RenameMode};

use super::*;

fn paths(root: &Path) -> FeedPaths {
    FeedPaths::below(&root.join("feeds"))
}

#[test]
fn what_an_event_says() {
    let folders = Folders::of(&paths(Path::new("/p")));
    let file = |path: &str| Hint::File(path.into());
    let rename = EventKind::Modify(ModifyKind::Name(RenameMode::Both));
    for (kind, paths, hints) in [
        (
            EventKind::Create(CreateKind::File),
            &["/p/feeds/active/a.json"][..],
            vec![file("/p/feeds/active/a.json")],
        ),
        (EventKind::Access(AccessKind::Any), &["/p/feeds/active/a.json"], vec![]),
        (EventKind::Access(AccessKind::Any), &["/p/feeds/active"], vec![]),
        (
            EventKind::Create(CreateKind::File),
            &["/p/feeds/active/.a.json.swp", "/p/feeds/active/a.json~"],
            vec![],
        ),
        (EventKind::Create(CreateKind::File), &["/p/feeds/a.json", "/p/data_lake/x.json"], vec![]),
        (rename, &["/p/feeds/active/.a.tmp", "/p/feeds/active/a.json"], vec![file("/p/feeds/active/a.json")]),
        (
            rename,
            &["/p/feeds/active/a.json", "/p/feeds/archived/a.json"],
            vec![file("/p/feeds/active/a.json"), file("/p/feeds/archived/a.json")],
        ),
        (EventKind::Remove(RemoveKind::Folder), &["/p/feeds/active"], vec![Hint::Folders]),
        (EventKind::Create(CreateKind::Folder), &["/p/feeds"], vec![Hint::Folders]),
        (EventKind::Create(CreateKind::Folder), &["/p/feeds/other"], vec![]),
    ] {
        let event = paths.iter().fold(Event::new(kind), |event, path| event.add_path(path.into()));
        assert_eq!(folders.hints(&event), hints, "{event:?}");
    }
    assert_eq!(folders.hints(&Event::new(EventKind::Other).set_flag(Flag::Rescan)), [Hint::Folders]);
}

/// Takes hints until the wanted one comes.
async fn expect(hints: &mut mpsc::Receiver<Hint>, wanted: &Hint) {
    let seen = tokio::time::timeout(Duration::from_secs(30), async {
        while let Some(hint) = hints.recv().await {
            if hint == *wanted {
                return;
            }
        }
        panic!("the watcher ended");
    });
    seen.await.unwrap_or_else(|_| panic!("waited in vain for {wanted:?}"));
}

fn drain(hints: &mut mpsc::Receiver<Hint>) {
    while hints.try_recv().is_ok() {}
}

/// Files, folders that go and come, and what is in them afterwards: by events and by polling.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_happens_becomes_hints() {
    for poll in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let paths = paths(dir.path());
        std::fs::create_dir_all(&paths.active).unwrap();
        let (sender, mut hints) = mpsc::channel(64);
        let config = WatchConfig { poll, settle: Duration::from_millis(50), ..WatchConfig::default() };
        let watcher = Watcher::start(&paths, &config, sender).unwrap();
        let (file, elsewhere) = (paths.active.join("a.json"), dir.path().join("elsewhere.json"));
        let hint = Hint::File(file.clone());

        std::fs::write(&file, "{").unwrap();
        expect(&mut hints, &hint).await;
        std::fs::write(&elsewhere, "{}").unwrap();
        std::fs::rename(&elsewhere, &file).unwrap();
        expect(&mut hints, &hint).await;
        std::fs::remove_file(&file).unwrap();
        expect(&mut hints, &hint).await;

        // The other folder is made only now.
        std::fs::create_dir(&paths.archived).unwrap();
        let archived = paths.archived.join("b.json");
        if !poll {
            expect(&mut hints, &Hint::Folders).await;
        }
        std::fs::write(&archived, "{}").unwrap();
        expect(&mut hints, &Hint::File(archived)).await;

        // Removed and made anew, twice, and all of it.
        for _ in 0..2 {
            drain(&mut hints);
            std::fs::remove_dir_all(dir.path().join("feeds")).unwrap();
            if !poll {
                expect(&mut hints, &Hint::Folders).await;
            }
            std::fs::create_dir_all(&paths.active).unwrap();
            if !poll {
                expect(&mut hints, &Hint::Folders).await;
            }
            // Watched from some moment on: whoever looks at the folder then sees what came before.
            let begun = std::time::Instant::now();
            while !hints.try_recv().is_ok_and(|seen| seen == hint) {
                assert!(begun.elapsed() < Duration::from_secs(30), "poll {poll}");
                std::fs::write(&file, format!("{:?}", begun.elapsed())).unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }

        drop(watcher);
        while hints.recv().await.is_some() {}
    }
}

#[test]
fn the_thread_ends_when_nobody_listens() {
    let dir = tempfile::tempdir().unwrap();
    let (sender, hints) = mpsc::channel(1);
    let config = WatchConfig { poll: true, settle: Duration::from_millis(10), ..WatchConfig::default() };
    let watcher = Watcher::start(&paths(dir.path()), &config, sender.clone()).unwrap();
    drop(hints);
    std::fs::create_dir_all(dir.path().join("feeds/active")).unwrap();
    std::fs::write(dir.path().join("feeds/active/a.json"), "{}").unwrap();
    let begun = std::time::Instant::now();
    while watcher.stop.send(Message::Stop).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_systems_limits_are_known_by_their_errors() {
    let io = |code| notify::Error::io(std::io::Error::from_raw_os_error(code));
    assert!(is_out_of_watches(&notify::Error::new(ErrorKind::MaxFilesWatch)));
    assert!(is_out_of_watches(&io(24)));
    assert!(!is_out_of_watches(&io(13)));
    assert!(reason(&io(13)).contains("ermission denied"));
}

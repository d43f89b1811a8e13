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

/// A folder is watched from some moment on: whoever looks at it then sees what came before.
async fn write_until_hinted(hints: &mut mpsc::Receiver<Hint>, file: &Path) {
    let begun = std::time::Instant::now();
    while !hints.try_recv().is_ok_and(|hint| hint == Hint::File(file.to_owned())) {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain for {}", file.display());
        std::fs::write(file, format!("{:?}", begun.elapsed())).unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
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
        let config = WatchConfig { poll, debounce: Duration::from_millis(50), ..WatchConfig::default() };
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
            write_until_hinted(&mut hints, &file).await;
        }

        drop(watcher);
        while hints.recv().await.is_some() {}
    }
}

/// A folder that was moved away takes its watch with it: what happens there is no news of the one that is here now.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_folder_that_was_moved_away_is_not_watched_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let paths = paths(dir.path());
    std::fs::create_dir_all(&paths.active).unwrap();
    let (sender, mut hints) = mpsc::channel(64);
    let watcher = Watcher::start(&paths, &WatchConfig::default(), sender).unwrap();
    let away = dir.path().join("feeds/away");
    std::fs::rename(&paths.active, &away).unwrap();
    expect(&mut hints, &Hint::Folders).await;
    std::fs::create_dir(&paths.active).unwrap();
    write_until_hinted(&mut hints, &paths.active.join("here.json")).await;
    drain(&mut hints);
    std::fs::write(away.join("there.json"), "{}").unwrap();
    let last = Hint::File(paths.active.join("last.json"));
    std::fs::write(paths.active.join("last.json"), "{}").unwrap();
    loop {
        let hint = tokio::time::timeout(Duration::from_secs(30), hints.recv()).await.unwrap().unwrap();
        assert_ne!(hint, Hint::File(paths.active.join("there.json")));
        if hint == last {
            break;
        }
    }
    drop(watcher);
}

/// The limit is reached while it runs: it says so, and goes on by polling.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_system_out_of_watches_is_told_and_the_folders_are_polled() {
    let dir = tempfile::tempdir().unwrap();
    let paths = paths(dir.path());
    std::fs::create_dir_all(&paths.active).unwrap();
    let (sender, mut hints) = mpsc::channel(64);
    let config = WatchConfig { debounce: Duration::from_millis(50), ..WatchConfig::default() };
    let watcher = Watcher::start(&paths, &config, sender).unwrap();
    let error = notify::Error::new(ErrorKind::MaxFilesWatch);
    watcher.stop.send(Message::Event(Err(error))).unwrap();
    expect(&mut hints, &Hint::Folders).await;
    let warning = hints.recv().await.unwrap();
    let Hint::Warning(text) = &warning else { panic!("{warning:?}") };
    assert!(text.contains("every 50ms") && text.contains("max_user_watches"), "{text}");
    let file = paths.active.join("a.json");
    std::fs::write(&file, "{").unwrap();
    expect(&mut hints, &Hint::File(file)).await;
}

#[test]
fn the_thread_ends_when_nobody_listens() {
    let dir = tempfile::tempdir().unwrap();
    let (sender, hints) = mpsc::channel(1);
    let config = WatchConfig { poll: true, debounce: Duration::from_millis(10), ..WatchConfig::default() };
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

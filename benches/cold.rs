//! The rate of moving files to a cold store and reading them back, as a move of a day does it: `scripts/tier-rate` calls this, and
//! other programs on the same server.
//!
//! ```text
//! cargo bench --bench cold -- FOLDER PREFIX THREADS    every file of FOLDER, at keys below PREFIX
//! ```
//!
//! The server is named by `LAKEHAND_COLD_ENDPOINT`, with the bucket `cold` and the credentials of the environment. It prints seconds of
//! putting and of reading back, the CPU seconds of both, and the peak of memory. Without arguments (as `cargo test --all-targets` calls
//! it) it moves a small file through a store in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use lakehand::config::ColdConfig;
use lakehand::hash::ContentHash;
use lakehand::tier::{Cancel, ColdStore, Content, Put, Work};

struct File {
    path: PathBuf,
    key: String,
    content: Content,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [folder, prefix, threads] = arguments.as_slice() {
        let config = ColdConfig {
            url: "s3://cold".to_owned(),
            endpoint: std::env::var("LAKEHAND_COLD_ENDPOINT")
                .expect("LAKEHAND_COLD_ENDPOINT names the server"),
            allow_http: true,
            ..ColdConfig::default()
        };
        let store = ColdStore::open(&config).expect("the store opens");
        measure(&store, &files(Path::new(folder), prefix), threads.parse().expect("a number of threads"));
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("data"), vec![7; 100_000]).expect("a file");
    let memory = Arc::new(object_store::memory::InMemory::new());
    let store = ColdStore::with_store(memory, "memory://", &ColdConfig::default()).expect("a store");
    measure(&store, &files(folder.path(), "smoke"), 1);
}

/// The files of a folder with what they hold, as the journal of a dataset knows it before a move.
fn files(folder: &Path, prefix: &str) -> Vec<File> {
    let entries =
        std::fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("an entry").path());
    let file = |path: PathBuf| {
        let bytes = std::fs::read(&path).expect("a file");
        let content = Content { bytes: bytes.len() as u64, hash: ContentHash::of(&bytes) };
        let key = format!("{prefix}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        File { path, key, content }
    };
    entries.map(file).collect()
}

fn measure(store: &ColdStore, files: &[File], threads: usize) {
    let notes = tempfile::tempdir().expect("a folder");
    let (start, before) = (Instant::now(), cpu_seconds());
    each(files, threads, |at, file, work| {
        let put = store.put(&file.key, &file.path, &file.content, &notes.path().join(at.to_string()), work);
        assert_eq!(put.expect("the file is put"), Put::Created);
    });
    let (put, between) = (start.elapsed(), cpu_seconds());
    let start = Instant::now();
    each(files, threads, |_, file, work| {
        assert_eq!(store.read_back(&file.key, work).expect("it is read"), Some(file.content));
    });
    let read = start.elapsed();
    println!(
        "{{\"put\":{:.3},\"read\":{:.3},\"put_cpu\":{:.2},\"read_cpu\":{:.2},\"peak_mb\":{}}}",
        put.as_secs_f64(),
        read.as_secs_f64(),
        between - before,
        cpu_seconds() - between,
        peak_mb()
    );
}

fn each(files: &[File], threads: usize, what: impl Fn(usize, &File, &Work) + Sync) {
    let (next, cancel) = (AtomicUsize::new(0), Cancel::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let work = Work { cancel: &cancel, advance: &|_| {} };
                while let Some((at, file)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, files.get(at)?)))
                {
                    what(at, file, &work);
                }
            });
        }
    });
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

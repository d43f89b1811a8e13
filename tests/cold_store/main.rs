//! The cold store from outside: what it claims is what lies there, whatever fails. `real` needs servers, which `.ci/cold` starts.

mod faults;
mod faulty;
mod folder;
mod real;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use lakehand::config::ColdConfig;
use lakehand::hash::ContentHash;
use lakehand::tier::{Cancel, ColdStore, Content, Put, Work};
use lakehand::{Kind, Result};

/// The size of a part: small, so that many cases are quick. Services want 5 MiB.
const PART: u64 = 128 << 10;

/// A file to move, and where an upload of it is noted.
struct Case {
    _folder: tempfile::TempDir,
    local: PathBuf,
    resume: PathBuf,
    bytes: Vec<u8>,
    wanted: Content,
}

impl Case {
    fn new(bytes: Vec<u8>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (local, resume) = (folder.path().join("data.parquet"), folder.path().join("upload"));
        fs::write(&local, &bytes).unwrap();
        let wanted = Content { bytes: bytes.len() as u64, hash: ContentHash::of(&bytes) };
        Self { _folder: folder, local, resume, bytes, wanted }
    }

    /// One request.
    fn small() -> Self {
        Self::new(noise(100_000, 1))
    }

    /// Four parts, the last one shorter.
    fn large() -> Self {
        Self::new(noise(3 * PART + 12_345, 2))
    }

    fn put(&self, store: &ColdStore, key: &str) -> Result<Put> {
        quietly(|work| store.put(key, &self.local, &self.wanted, &self.resume, work))
    }

    /// Puts, and asks to stop once so many bytes have gone; tells how many went.
    fn put_until(&self, store: &ColdStore, key: &str, stop: u64) -> (Result<Put>, u64) {
        let (cancel, gone) = (Cancel::new(), AtomicU64::new(0));
        let advance = |bytes| {
            if gone.fetch_add(bytes, Ordering::Relaxed) + bytes >= stop {
                cancel.cancel();
            }
        };
        let work = Work { cancel: &cancel, advance: &advance };
        let result = store.put(key, &self.local, &self.wanted, &self.resume, &work);
        (result, gone.into_inner())
    }
}

/// Bytes that repeat nowhere.
fn noise(length: u64, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..length).map(|_| random.u8(..)).collect()
}

/// Work that nobody stops or watches.
fn quietly<T>(what: impl FnOnce(&Work) -> T) -> T {
    what(&Work { cancel: &Cancel::new(), advance: &|_| {} })
}

fn read_back(store: &ColdStore, key: &str) -> Result<Option<Content>> {
    quietly(|work| store.read_back(key, work))
}

fn config() -> ColdConfig {
    ColdConfig { part_bytes: PART, memory_bytes: 4 * PART, ..ColdConfig::default() }
}

#[track_caller]
fn kind<T: std::fmt::Debug>(result: Result<T>) -> Kind {
    result.expect_err("it should fail").kind()
}

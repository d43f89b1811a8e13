//! A lake in memory for one execution, and what is asked of it.

use std::path::{Path, PathBuf};

use lakehand::feed::{Feed, parse_feed};
use lakehand::lake::{Lake, Limits, Owner};

/// An empty folder in memory, the same one each time.
pub fn scratch() -> PathBuf {
    let root = PathBuf::from(format!("/dev/shm/lakehand-fuzz-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&root).unwrap();
    root
}

pub fn at(root: &Path) -> Lake {
    Lake::new(root)
}

pub fn feed() -> Feed {
    parse_feed(r#"{"feed_name":"events","feed_type":"stream","ksqldb_source":"events"}"#, "events").unwrap()
}

pub fn limits() -> Limits {
    Limits { min_free_bytes: 0, ..Limits::default() }
}

pub fn owner() -> Owner {
    Owner { what: "fuzz".into(), pid: 1, host: "here".into(), since: chrono::DateTime::UNIX_EPOCH }
}

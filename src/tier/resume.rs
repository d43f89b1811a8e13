//! The file beside an upload in parts: what was begun and which parts arrived, so that a stopped one goes on where it was.
//!
//! The first line says what is sent where, and the upload's name; each line after it is a part. A line that was cut is no part.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Content;
use crate::error::{Error, Result};
use crate::hash::ContentHash;

/// What is sent where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// The store.
    pub(super) url: String,
    /// The object.
    pub(super) key: String,
    pub(super) bytes: u64,
    pub(super) hash: ContentHash,
    pub(super) part_bytes: u64,
    /// As the store named it.
    pub(super) upload: String,
}

/// A part that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// Its place, from 0.
    pub(super) index: usize,
    /// What was sent.
    pub(super) hash: ContentHash,
    /// What the store calls it.
    pub(super) id: String,
}

/// An upload and its file.
#[derive(Debug)]
pub(super) struct Resume {
    path: PathBuf,
    file: File,
    pub(super) begun: Begun,
    pub(super) parts: BTreeMap<usize, Part>,
}

impl Begun {
    /// Whether it is the same work.
    pub(super) fn is_for(&self, url: &str, key: &str, wanted: &Content, part_bytes: u64) -> bool {
        let what = (self.url.as_str(), self.key.as_str(), self.bytes, self.hash, self.part_bytes);
        what == (url, key, wanted.bytes, wanted.hash, part_bytes)
    }
}

impl Resume {
    /// Notes that an upload was begun; what the file held before is gone.
    pub(super) fn begin(path: &Path, begun: Begun) -> Result<Self> {
        let failed = |e| Error::io("note an upload that was begun", path, e);
        let mut file = File::create(path).map_err(failed)?;
        let mut line = serde_json::to_vec(&begun).map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        // An upload that nobody remembers stays at the service and costs: its name is on the disk before its first part is sent.
        file.write_all(&line).and_then(|()| file.sync_all()).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, begun, parts: BTreeMap::new() })
    }

    /// What the file says; `None` when there is none, or none that says anything.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let failed = |e| Error::io("read the notes of an upload", path, e);
        let file = match File::options().read(true).append(true).open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let mut lines = Vec::new();
        let mut reader = BufReader::new(&file);
        loop {
            let mut line = Vec::new();
            if reader.read_until(b'\n', &mut line).map_err(failed)? == 0 {
                break;
            }
            lines.push(line);
        }
        let whole = |line: &&Vec<u8>| line.ends_with(b"\n");
        let Some(begun) = lines.first().filter(whole).and_then(|line| serde_json::from_slice(line).ok())
        else {
            return Ok(None);
        };
        let mut parts = BTreeMap::new();
        // What follows a torn line was written by nobody.
        for line in lines.iter().skip(1) {
            let Some(part) =
                Some(line).filter(whole).and_then(|line| serde_json::from_slice::<Part>(line).ok())
            else {
                break;
            };
            parts.insert(part.index, part);
        }
        let resume = Self { path: path.to_owned(), file, begun, parts };
        if lines.len() == resume.parts.len() + 1 { Ok(Some(resume)) } else { resume.rewritten().map(Some) }
    }

    /// The same without what was torn, so that the next line begins a line.
    fn rewritten(self) -> Result<Self> {
        let mut fresh = Self::begin(&self.path, self.begun)?;
        for part in self.parts.into_values() {
            fresh.arrived(part)?;
        }
        Ok(fresh)
    }

    /// Notes a part.
    pub(super) fn arrived(&mut self, part: Part) -> Result<()> {
        let failed = |e| Error::io("note a part that was sent", &self.path, e);
        let mut line = serde_json::to_vec(&part).map_err(|e| failed(e.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(failed)?;
        self.parts.insert(part.index, part);
        Ok(())
    }

    /// Takes the file away.
    pub(super) fn forget(path: &Path) -> Result<()> {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove the notes of an upload", path, e))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_no_part_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("upload");
        assert!(Resume::read(&path).unwrap().is_none());
        let hash = ContentHash::of(b"x");
        let begun = Begun {
            url: "s3://b".into(),
            key: "k".into(),
            bytes: 9,
            hash,
            part_bytes: 5,
            upload: "u".into(),
        };
        let part = |index| Part { index, hash, id: format!("id {index}") };
        let mut resume = Resume::begin(&path, begun.clone()).unwrap();
        resume.arrived(part(1)).unwrap();
        resume.arrived(part(0)).unwrap();
        drop(resume);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let lines = whole[..cut].split(|byte| *byte == b'\n').count() - 1;
            let Some(mut read) = Resume::read(&path).unwrap() else {
                assert_eq!(lines, 0);
                continue;
            };
            assert_eq!((&read.begun, read.parts.len()), (&begun, lines - 1));
            read.arrived(part(7)).unwrap();
            let read = Resume::read(&path).unwrap().unwrap();
            assert_eq!(read.parts.len(), lines);
            assert_eq!(read.parts[&7], part(7));
        }
        let other = Content { bytes: 9, hash: ContentHash::of(b"y") };
        assert!(!begun.is_for("s3://b", "k", &other, 5));
        assert!(begun.is_for("s3://b", "k", &Content { bytes: 9, hash }, 5));
    }
}

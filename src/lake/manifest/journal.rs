//! Every commit's list of files, one line a record, only appended to.
//!
//! ```text
//! <hash> {"add":{"path":"year=…/data_….parquet","rows":5000,"bytes":1572864,"hash":"…","commit":"000042-…"}}
//! <hash> {"remove":{"path":"year=2024/month=01/day=01"}}             a file, or a folder with all in it
//! <hash> {"commit":{"id":"000042-…","seq":42,"at":"…","positions":{"0":1200},"files":1}}
//! ```
//!
//! A line's hash is that of the line before and its own text: a line that is changed, gone or brought in breaks the
//! chain. `_metadata.json` names the length and the last hash of the journal with which it was written ([`Mark`]), so that
//! each is the other's witness: metadata that was brought back from a backup is seen at the price of one `stat`, and a
//! commit costs one append, however many partitions there are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::lake::fs;
use crate::lake::manifest::data_file::DataFile;
use crate::lake::manifest::pin::Pin;
use crate::{Error, Kind, Result};

/// Largest journal that is read: ten million files.
const CAP: u64 = 4 << 30;
/// Longest line of a commit: it names each Kafka partition.
const LONGEST_COMMIT: u64 = 1 << 20;
/// Characters of a line's hash, and the blank behind them.
const HEAD: usize = 33;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Record {
    /// A data file came.
    Add(DataFile),
    /// A data file went, or a folder with all that was in it.
    Remove { path: String },
    /// The records since the last commit are one commit.
    Commit(CommitRecord),
}

/// The end of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitRecord {
    pub(crate) id: String,
    /// Number of the dataset's last commit of data, this one included.
    pub(crate) seq: u64,
    pub(crate) at: DateTime<Utc>,
    /// Streams: per Kafka partition the offset to read next.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) positions: BTreeMap<i32, i64>,
    /// Files that the commit added.
    pub(crate) files: u64,
    /// What is pinned from this commit on, where it changed that: metadata that is made anew takes it from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pins: Option<Vec<Pin>>,
}

/// Length and last hash of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) bytes: u64,
    pub(crate) hash: ContentHash,
}

/// Lines that follow a mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lines {
    /// Where they begin.
    pub(crate) from: u64,
    pub(crate) text: String,
}

/// A journal, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Journal {
    /// The data files that are there by the records, by path.
    pub(crate) files: BTreeMap<String, DataFile>,
    /// Records of files that went: they may come back, and lie in the bin until then.
    pub(crate) gone: Vec<DataFile>,
    /// The commits, oldest first, with the paths of the files they added.
    pub(crate) commits: Vec<(CommitRecord, BTreeSet<String>)>,
    /// The end of the last whole commit.
    pub(crate) mark: Option<Mark>,
    /// Bytes behind it that are no record: a torn or a changed line, and what follows.
    pub(crate) broken: u64,
}

/// How the journal on disk and the mark in the metadata go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The metadata was written with this journal.
    Same,
    /// The journal has whole commits beyond the metadata's mark: the metadata is older.
    Ahead,
    /// The journal is not there, shorter, or another one.
    Lost,
}

/// The lines of `records` behind `mark`, and the mark behind them.
pub(crate) fn lines(mark: Option<Mark>, records: &[Record]) -> Result<(Lines, Mark)> {
    let mut text = String::new();
    let from = mark.map_or(0, |mark| mark.bytes);
    let mut last = mark.map(|mark| mark.hash);
    for record in records {
        let body = serde_json::to_string(record)
            .map_err(|e| Error::new(Kind::Bug, format!("a record of the journal cannot be written: {e}")))?;
        let hash = chained(last, &body);
        text += &format!("{hash} {body}\n");
        last = Some(hash);
    }
    let hash = last.unwrap_or_else(|| ContentHash::of(b""));
    let bytes = from + text.len() as u64;
    Ok((Lines { from, text }, Mark { bytes, hash }))
}

fn chained(last: Option<ContentHash>, body: &str) -> ContentHash {
    let before = last.map(|hash| hash.to_string()).unwrap_or_default();
    ContentHash::of(format!("{before}{body}").as_bytes())
}

/// Compares the journal at `path` with the metadata's mark, reading no more than what lies behind it.
pub(crate) fn standing(path: &Path, mark: Option<Mark>) -> Result<Standing> {
    let Some(found) = fs::stat(path)? else {
        return Ok(if mark.is_none() { Standing::Same } else { Standing::Lost });
    };
    let bytes = mark.map_or(0, |mark| mark.bytes);
    if found.bytes < bytes {
        return Ok(Standing::Lost);
    }
    // The last line before the mark says whether it is the same journal; it is short, as it ends a commit.
    let from = bytes.saturating_sub(LONGEST_COMMIT);
    let tail = fs::read_from(path, from)?.unwrap_or_default();
    let at = usize::try_from(bytes - from).unwrap_or(usize::MAX);
    let Some((before, behind)) = tail.split_at_checked(at) else { return Ok(Standing::Lost) };
    if let Some(mark) = mark {
        let line = before.strip_suffix(b"\n").and_then(|before| {
            let begin = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
            before.get(begin..)
        });
        let hash = mark.hash.to_string();
        if line.is_none_or(|line| !line.starts_with(hash.as_bytes())) {
            return Ok(Standing::Lost);
        }
    }
    let mut journal = Journal::default();
    journal.take(behind, mark, &mut |_, _, _| {});
    Ok(if journal.commits.is_empty() { Standing::Same } else { Standing::Ahead })
}

/// Reads the journal at `path`, as far as its chain holds; `None` where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Journal>> {
    replay(path, &mut |_, _, _| {})
}

/// The same, and tells each commit as it comes: what it is, the files that came with it, and those that went.
pub(crate) fn replay(path: &Path, tell: Tell<'_>) -> Result<Option<Journal>> {
    let Some(bytes) = fs::read_capped(path, CAP)? else { return Ok(None) };
    let mut journal = Journal::default();
    journal.take(&bytes, None, tell);
    Ok(Some(journal))
}

/// Takes a commit, the files that came with it, and those that went.
pub(crate) type Tell<'t> = &'t mut dyn FnMut(&CommitRecord, &[&DataFile], &[DataFile]);

impl Journal {
    fn take(&mut self, bytes: &[u8], mark: Option<Mark>, tell: Tell<'_>) {
        let mut last = mark.map(|mark| mark.hash);
        let mut at = mark.map_or(0, |mark| mark.bytes);
        let begin = at;
        let mut pending = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some((hash, record)) = parse(line, last) else { break };
            at += line.len() as u64;
            last = Some(hash);
            match record {
                Record::Commit(commit) => {
                    self.apply(std::mem::take(&mut pending), commit, tell);
                    self.mark = Some(Mark { bytes: at, hash });
                }
                other => pending.push(other),
            }
        }
        let sound = self.mark.map_or(begin, |mark| mark.bytes);
        self.broken = (begin + bytes.len() as u64).saturating_sub(sound);
    }

    fn apply(&mut self, records: Vec<Record>, commit: CommitRecord, tell: Tell<'_>) {
        let mut added = BTreeSet::new();
        let gone = self.gone.len();
        for record in records {
            match record {
                Record::Add(file) => {
                    added.insert(file.path.clone());
                    self.files.insert(file.path.clone(), file);
                }
                Record::Remove { path } => {
                    if let Some(file) = self.files.remove(&path) {
                        self.gone.push(file);
                        continue;
                    }
                    let below = format!("{path}/");
                    let inside = self.files.range(below.clone()..).map(|(known, _)| known);
                    let inside: Vec<String> =
                        inside.take_while(|known| known.starts_with(&below)).cloned().collect();
                    self.gone.extend(inside.iter().filter_map(|known| self.files.remove(known)));
                }
                Record::Commit(_) => {}
            }
        }
        let came: Vec<&DataFile> = added.iter().filter_map(|path| self.files.get(path)).collect();
        tell(&commit, &came, &self.gone[gone..]);
        self.commits.push((commit, added));
    }

    /// What was pinned last, by the records.
    pub(crate) fn pins(&self) -> Option<&Vec<Pin>> {
        self.commits.iter().rev().find_map(|(commit, _)| commit.pins.as_ref())
    }

    /// The records by name and commit, of files that went too: they may come back.
    pub(crate) fn by_name(&self) -> HashMap<(&str, &str), &DataFile> {
        let all = self.gone.iter().chain(self.files.values());
        all.map(|file| ((file.name(), file.commit.as_str()), file)).collect()
    }

    /// The record of the file of this name that `commit` has made; of one that went too, as it may come back.
    pub(crate) fn find(&self, name: &str, commit: &str) -> Option<&DataFile> {
        let mut all = self.files.values().chain(&self.gone);
        all.find(|file| file.name() == name && file.commit == commit)
    }

    /// The records that say the same in as few lines: what went and may come back, what is there, and the last commit.
    pub(crate) fn compact(gone: Vec<DataFile>, files: Vec<DataFile>, commit: CommitRecord) -> Vec<Record> {
        let went = |file: DataFile| {
            let path = file.path.clone();
            [Record::Add(file), Record::Remove { path }]
        };
        let mut records: Vec<Record> = gone.into_iter().flat_map(went).collect();
        records.extend(files.into_iter().map(Record::Add));
        records.push(Record::Commit(commit));
        records
    }
}

fn parse(line: &[u8], last: Option<ContentHash>) -> Option<(ContentHash, Record)> {
    let text = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (head, body) = text.split_at_checked(HEAD)?;
    let hash: ContentHash = head.strip_suffix(' ')?.parse().ok()?;
    (chained(last, body) == hash).then_some(())?;
    Some((hash, serde_json::from_str(body).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(n: u64) -> Record {
        Record::Add(DataFile {
            path: format!("year=2025/data_{n}.parquet"),
            rows: n,
            bytes: 10 * n,
            hash: Some(ContentHash::of(&n.to_le_bytes())),
            rowtime: Some([1, 2]),
            column_stats: None,
            cold: None,
            offsets: BTreeMap::from([(0, [0, 9])]),
            commit: format!("{n:06}-r"),
        })
    }

    fn commit(seq: u64) -> Record {
        let at = DateTime::UNIX_EPOCH;
        let positions = BTreeMap::from([(0, 10)]);
        Record::Commit(CommitRecord { id: format!("{seq:06}-r"), seq, at, positions, files: 1, pins: None })
    }

    #[test]
    fn what_is_appended_is_read_and_each_changed_bit_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let (one, first) = lines(None, &[file(1), commit(1)]).unwrap();
        let gone = Record::Remove { path: "year=2025/data_1.parquet".into() };
        let (two, second) = lines(Some(first), &[gone, file(2), commit(2)]).unwrap();
        assert_eq!((one.from, two.from), (0, first.bytes));
        let whole = one.text.clone() + &two.text;
        std::fs::write(&path, &whole).unwrap();
        let journal = read(&path).unwrap().unwrap();
        assert_eq!(journal.files.keys().collect::<Vec<_>>(), ["year=2025/data_2.parquet"]);
        assert_eq!((journal.commits.len(), journal.mark, journal.broken), (2, Some(second), 0));
        assert_eq!(standing(&path, Some(second)).unwrap(), Standing::Same);
        assert_eq!(standing(&path, Some(first)).unwrap(), Standing::Ahead);
        assert_eq!(standing(&path, None).unwrap(), Standing::Ahead);

        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &bytes).unwrap();
            assert!(read(&path).unwrap().unwrap().broken > 0, "bit {bit}");
        }
        // A line that was torn by a power loss is no commit, and is written over.
        for cut in one.text.len()..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(standing(&path, Some(first)).unwrap(), Standing::Same, "{cut}");
            assert_eq!(standing(&path, Some(second)).unwrap(), Standing::Lost, "{cut}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(standing(&path, Some(first)).unwrap(), Standing::Lost);
        assert_eq!(standing(&path, None).unwrap(), Standing::Same);
    }
}

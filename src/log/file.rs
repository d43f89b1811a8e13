//! The log on disk: one file a month, one append a line.
//!
//! `export_logs_2025_01.log` holds the records of January 2025 (UTC), mode 0640. Two programs may write to it: each
//! line is one write call on a file opened for appending. A line that a power loss cut is closed off before the next.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use chrono::Datelike;

use super::{Record, Ring};
use crate::{Error, Result};

const PREFIX: &str = "export_logs_";
const SUFFIX: &str = ".log";
const MODE: u32 = 0o640;

/// A month of the log, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    /// 2025
    pub year: i32,
    /// 1 to 12
    pub month: u32,
}

impl Month {
    /// The month in which `time` falls.
    pub fn of(time: chrono::DateTime<chrono::Utc>) -> Self {
        Self { year: time.year(), month: time.month() }
    }

    /// The name of the month's file.
    pub fn file_name(self) -> String {
        format!("{PREFIX}{:04}_{:02}{SUFFIX}", self.year, self.month)
    }

    fn from_file_name(name: &str) -> Option<Self> {
        let (year, month) = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.split_once('_')?;
        let month = Self { year: year.parse().ok()?, month: month.parse().ok()? };
        // Only the spelling that is written counts: no `+2025`, no `1` for `01`.
        (1..=12).contains(&month.month).then_some(month).filter(|month| month.file_name() == name)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// The log of a folder, open for writing.
#[derive(Debug)]
pub struct LogFile {
    dir: PathBuf,
    open: Option<(Month, File)>,
}

impl LogFile {
    /// The log in `dir`, which is made when it is missing (mode 0750).
    pub fn open(dir: &Path) -> Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(dir)
            .map_err(|e| Error::io("make the folder of the log", dir, e))?;
        Ok(Self { dir: dir.to_owned(), open: None })
    }

    /// Appends one line to the file of the record's month.
    pub fn write(&mut self, record: &Record) -> Result<()> {
        let month = Month::of(record.time);
        let path = self.dir.join(month.file_name());
        // A rotation renames or deletes the file: what is open is then no longer what the path names.
        let usable = |(open, file): &(Month, File)| *open == month && is_at(file, &path);
        let file = match self.open.take().filter(usable) {
            Some((_, file)) => file,
            None => open_append(&path).map_err(|e| Error::io("open the log", &path, e))?,
        };
        let (_, file) = self.open.insert((month, file));
        let line = format!("{record}\n");
        file.write_all(line.as_bytes()).map_err(|e| Error::io("write the log", &path, e))
    }
}

/// Whether the open file is the one that stands at `path` now.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

fn open_append(path: &Path) -> std::io::Result<File> {
    match OpenOptions::new().read(true).append(true).create_new(true).mode(MODE).open(path) {
        Ok(file) => {
            // Set, not left to the umask.
            file.set_permissions(Permissions::from_mode(MODE))?;
            Ok(file)
        }
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            let mut file = OpenOptions::new().read(true).append(true).open(path)?;
            if file.seek(SeekFrom::End(0))? > 0 {
                file.seek(SeekFrom::End(-1))?;
                let mut last = [0];
                file.read_exact(&mut last)?;
                if last != *b"\n" {
                    file.write_all(b"\n")?;
                }
            }
            Ok(file)
        }
        Err(e) => Err(e),
    }
}

/// The months of which `dir` holds a log, oldest first; none when the folder is missing.
pub fn months(dir: &Path) -> Result<Vec<Month>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("read the folder of the log", dir, e)),
    };
    let mut months: Vec<_> =
        entries.filter_map(|entry| Month::from_file_name(entry.ok()?.file_name().to_str()?)).collect();
    months.sort_unstable();
    Ok(months)
}

/// What a month's file holds.
#[derive(Debug, Clone)]
pub struct MonthLog {
    /// The last records, oldest first.
    pub records: Vec<Record>,
    /// Records before those, left out for the limit.
    pub earlier: u64,
    /// Lines that are no records: cut by a power loss, or written by something else.
    pub unreadable: u64,
}

/// Reads the last `limit` records of a month.
pub fn read_month(dir: &Path, month: Month, limit: usize) -> Result<MonthLog> {
    Ok(read_month_from(dir, month, 0, limit)?.0)
}

/// Reads the last `limit` records of a month that begin at byte `from` or later, and gives where the last whole line
/// ends: what is read from there on is new. A last line without its end is still being written and left for then.
pub fn read_month_from(dir: &Path, month: Month, from: u64, limit: usize) -> Result<(MonthLog, u64)> {
    let path = dir.join(month.file_name());
    let failed = |e| Error::io("read the log", &path, e);
    let mut file = File::open(&path).map_err(failed)?;
    let mut end = file.seek(SeekFrom::Start(from)).map_err(failed)?;
    let mut reader = BufReader::new(file);
    let mut ring = Ring::new(limit);
    let (mut unreadable, mut line) = (0, Vec::new());
    while reader.read_until(b'\n', &mut line).map_err(failed)? > 0 && line.ends_with(b"\n") {
        end += line.len() as u64;
        match std::str::from_utf8(&line).ok().and_then(Record::parse) {
            Some(record) => ring.push(record),
            None if line.trim_ascii().is_empty() => {}
            None => unreadable += 1,
        }
        line.clear();
    }
    Ok((MonthLog { earlier: ring.dropped(), records: ring.into_vec(), unreadable }, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Level;

    fn record(time: &str, message: &str) -> Record {
        Record::new(time.parse().unwrap(), Level::Info, Some("payments"), message)
    }

    #[test]
    fn each_month_has_its_file_with_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let logs = dir.path().join("lake/logs");
        let mut log = LogFile::open(&logs).unwrap();
        log.write(&record("2024-12-31T23:59:59.999Z", "last")).unwrap();
        log.write(&record("2025-01-01T00:00:00Z", "first")).unwrap();
        log.write(&record("2024-12-31T23:59:59.999Z", "late")).unwrap();
        std::fs::write(logs.join("cron.log"), "x").unwrap();
        std::fs::write(logs.join("export_logs_2025_1.log"), "x").unwrap();

        let found = months(&logs).unwrap();
        assert_eq!(found, [Month { year: 2024, month: 12 }, Month { year: 2025, month: 1 }]);
        let december = read_month(&logs, found[0], 10).unwrap();
        assert_eq!(december.records.iter().map(|r| r.message.as_str()).collect::<Vec<_>>(), ["last", "late"]);
        let mode = std::fs::metadata(logs.join("export_logs_2024_12.log")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert!(months(&dir.path().join("none")).unwrap().is_empty());
    }

    #[test]
    fn a_cut_line_is_closed_off_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let month = Month { year: 2025, month: 1 };
        std::fs::write(dir.path().join(month.file_name()), "2025-01-01T00:00:00.000Z IN").unwrap();
        let mut log = LogFile::open(dir.path()).unwrap();
        for i in 0..3 {
            log.write(&record("2025-01-01T00:00:01Z", &format!("event {i}"))).unwrap();
        }
        let read = read_month(dir.path(), month, 2).unwrap();
        assert_eq!((read.records.len(), read.earlier, read.unreadable), (2, 1, 1));
        assert_eq!(read.records[1].message, "event 2");
    }

    #[test]
    fn a_rotated_file_gets_no_further_line() {
        let dir = tempfile::tempdir().unwrap();
        let month = Month { year: 2025, month: 1 };
        let (path, rotated) =
            (dir.path().join(month.file_name()), dir.path().join("export_logs_2025_01.log.1"));
        let mut log = LogFile::open(dir.path()).unwrap();
        log.write(&record("2025-01-01T00:00:00Z", "one")).unwrap();
        std::fs::rename(&path, &rotated).unwrap();
        log.write(&record("2025-01-01T00:00:01Z", "two")).unwrap();
        // Another program may have made the new file before our next line.
        std::fs::rename(&path, dir.path().join("export_logs_2025_01.log.2")).unwrap();
        std::fs::write(&path, "").unwrap();
        log.write(&record("2025-01-01T00:00:02Z", "three")).unwrap();
        log.write(&record("2025-01-01T00:00:03Z", "four")).unwrap();
        let lines = |path: &Path| std::fs::read_to_string(path).unwrap().lines().count();
        assert_eq!((lines(&rotated), lines(&path)), (1, 2));
        let read = read_month(dir.path(), month, 9).unwrap();
        assert_eq!(read.records.iter().map(|r| r.message.as_str()).collect::<Vec<_>>(), ["three", "four"]);
    }

    #[test]
    fn a_deleted_file_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(dir.path()).unwrap();
        log.write(&record("2025-01-01T00:00:00Z", "one")).unwrap();
        std::fs::remove_file(dir.path().join("export_logs_2025_01.log")).unwrap();
        log.write(&record("2025-01-01T00:00:01Z", "two")).unwrap();
        let read = read_month(dir.path(), Month { year: 2025, month: 1 }, 9).unwrap();
        assert_eq!(read.records.len(), 1);
    }

    #[test]
    fn lines_of_two_writers_do_not_mix() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..2 {
                let path = dir.path();
                scope.spawn(move || {
                    let mut log = LogFile::open(path).unwrap();
                    for i in 0..200 {
                        let text = format!("{writer} {i} {}", "x".repeat(i * 7));
                        log.write(&record("2025-01-01T00:00:00Z", &text)).unwrap();
                    }
                });
            }
        });
        let read = read_month(dir.path(), Month { year: 2025, month: 1 }, 1000).unwrap();
        assert_eq!((read.records.len(), read.unreadable), (400, 0));
    }
}

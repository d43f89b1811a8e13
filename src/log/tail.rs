//! The end of the log as it grows, whoever writes it.
//!
//! It remembers up to where it has read; a file that became shorter was replaced, and is read from its beginning. Asked
//! in a new month it first reads the rest of the old one.

use std::path::{Path, PathBuf};

use super::file::{Month, MonthLog, read_month_from};
use super::record::Record;
use crate::Result;

/// The most records that one look gives; a writer that made more in that time made them for the file.
const MOST: usize = 10_000;

/// Follows the log of a folder.
#[derive(Debug)]
pub struct Tail {
    dir: PathBuf,
    month: Month,
    end: u64,
}

impl Tail {
    /// Follows the log in `dir` from its present end in `month`, which is the current one.
    pub fn new(dir: &Path, month: Month) -> Self {
        let mut tail = Self { dir: dir.to_owned(), month, end: 0 };
        tail.end = tail.len(month);
        tail
    }

    /// Reads a month from its beginning. If it is the one that is followed, [`Tail::read`] goes on from there: nothing is
    /// given twice, and nothing is left out.
    pub fn read_month(&mut self, month: Month, limit: usize) -> Result<MonthLog> {
        let (log, end) = read_month_from(&self.dir, month, 0, limit)?;
        if month == self.month {
            self.end = end;
        }
        Ok(log)
    }

    /// The month that is followed.
    pub fn month(&self) -> Month {
        self.month
    }

    /// The records that came since the last look, oldest first. `month` is the current one.
    pub fn read(&mut self, month: Month) -> Result<Vec<Record>> {
        let mut records = self.rest()?;
        if month != self.month {
            (self.month, self.end) = (month, 0);
            records.extend(self.rest()?);
        }
        Ok(records)
    }

    fn rest(&mut self) -> Result<Vec<Record>> {
        let len = self.len(self.month);
        if len == self.end {
            return Ok(Vec::new());
        }
        let from = if len < self.end { 0 } else { self.end };
        if len == 0 {
            self.end = 0;
            return Ok(Vec::new());
        }
        let (log, end) = read_month_from(&self.dir, self.month, from, MOST)?;
        self.end = end;
        Ok(log.records)
    }

    /// Bytes of a month's file; 0 where there is none.
    fn len(&self, month: Month) -> u64 {
        std::fs::metadata(self.dir.join(month.file_name())).map_or(0, |meta| meta.len())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::log::{Level, LogFile};

    const MAY: Month = Month { year: 2025, month: 5 };
    const JUNE: Month = Month { year: 2025, month: 6 };

    fn record(time: &str, message: &str) -> Record {
        Record::new(time.parse().unwrap(), Level::Info, None, message)
    }

    fn messages(records: &[Record]) -> Vec<&str> {
        records.iter().map(|record| record.message.as_str()).collect()
    }

    #[test]
    fn what_was_written_since_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogFile::open(dir.path()).unwrap();
        log.write(&record("2025-05-31T10:00:00Z", "before")).unwrap();
        let mut tail = Tail::new(dir.path(), MAY);
        assert!(tail.read(MAY).unwrap().is_empty());
        log.write(&record("2025-05-31T23:59:59Z", "one")).unwrap();
        assert_eq!(messages(&tail.read_month(MAY, 10).unwrap().records), ["before", "one"]);
        assert!(tail.read(MAY).unwrap().is_empty());
        log.write(&record("2025-05-31T23:59:59Z", "two")).unwrap();
        log.write(&record("2025-06-01T00:00:00Z", "three")).unwrap();
        assert_eq!(messages(&tail.read(JUNE).unwrap()), ["two", "three"]);
        assert!(tail.read(JUNE).unwrap().is_empty());
    }

    #[test]
    fn a_line_is_read_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut tail = Tail::new(dir.path(), MAY);
        let path = dir.path().join(MAY.file_name());
        let line = format!("{}\n", record("2025-05-31T10:00:00Z", "slow"));
        let (begin, rest) = line.split_at(20);
        std::fs::write(&path, begin).unwrap();
        assert!(tail.read(MAY).unwrap().is_empty());
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(rest.as_bytes()).unwrap();
        assert_eq!(messages(&tail.read(MAY).unwrap()), ["slow"]);
        // Replaced by a shorter one, as a rotation does it.
        std::fs::write(&path, format!("{}\n", record("2025-05-31T10:00:00Z", "new"))).unwrap();
        assert_eq!(messages(&tail.read(MAY).unwrap()), ["new"]);
        std::fs::remove_file(&path).unwrap();
        assert!(tail.read(MAY).unwrap().is_empty());
    }
}

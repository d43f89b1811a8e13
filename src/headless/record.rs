//! Events become lines of the export log.

use std::path::Path;

use crate::error::Error;
use crate::export::Event;
use crate::export::event::{Finished, Outcome, What};
use crate::log::{Level, LogFile, Record};

/// Writes the log; a log that cannot be written is said once and never stops an export.
pub(super) struct Recorder {
    file: Option<LogFile>,
    complained: bool,
}

impl Recorder {
    /// Opens the log in `dir`; gives back what is wrong with it, if anything is.
    pub(super) fn open(dir: &Path) -> (Self, Option<Error>) {
        match LogFile::open(dir) {
            Ok(file) => (Self { file: Some(file), complained: false }, None),
            Err(error) => (Self { file: None, complained: true }, Some(error)),
        }
    }

    /// Writes an event; the error comes back the first time only.
    pub(super) fn write(&mut self, event: &Event) -> Option<Error> {
        self.write_record(&record(event)?)
    }

    /// Writes a line; the error comes back the first time only.
    pub(super) fn write_record(&mut self, record: &Record) -> Option<Error> {
        let file = self.file.as_mut()?;
        let error = file.write(record).err()?;
        (!std::mem::replace(&mut self.complained, true)).then_some(error)
    }
}

/// The line of an event; `None` for what the log does not hold.
pub(crate) fn record(event: &Event) -> Option<Record> {
    let new = |level, message: &str| Record::new(event.time, level, event.feed(), message);
    Some(match &event.what {
        What::Queued { .. } => return None,
        What::Started { run, .. } => new(Level::Info, "started").fact("run", run),
        What::Recovered { text } => new(Level::Warn, "recovered").fact("what", text),
        What::Planned { text, expected } => {
            let record = new(Level::Info, "planned").fact("read", text);
            match expected {
                Some(rows) => record.fact("expected", rows),
                None => record,
            }
        }
        What::Compared { text, differs } => {
            new(if *differs { Level::Error } else { Level::Info }, "compared with the server")
                .fact("what", text)
        }
        What::Published { catalogue, text } => {
            new(Level::Info, "published").fact("catalogue", catalogue).fact("what", text)
        }
        What::NotPublished { catalogue, text } => {
            new(Level::Warn, "not published").fact("catalogue", catalogue).fact("what", text)
        }
        What::Warned { text } => new(Level::Warn, "warning").fact("what", text),
        What::Columns { text, .. } => new(Level::Warn, "columns").fact("what", text),
        What::Committed { facts, .. } => {
            facts.iter().fold(new(Level::Info, "committed"), |record, (key, value)| record.fact(key, value))
        }
        What::Moved { facts, .. } => {
            facts.iter().fold(new(Level::Info, "moved"), |record, (key, value)| record.fact(key, value))
        }
        What::Retrying { attempt, wait, error } => new(Level::Warn, "retrying")
            .fact("attempt", attempt)
            .fact("wait_ms", wait.as_millis())
            .fact("class", error.kind().name())
            .fact("reason", error),
        What::Paused { peer, error, at_most } => {
            let record = new(Level::Warn, "paused").fact("waits_for", peer.name());
            let record = match at_most {
                Some(at_most) => record.fact("at_most_s", at_most.as_secs()),
                None => record,
            };
            record.fact("reason", error)
        }
        What::Resumed { peer, lasted } => {
            new(Level::Info, "resumed").fact("waited_for", peer.name()).fact("lasted_s", lasted.as_secs())
        }
        What::Finished(finished) => outcome(finished, new),
    })
}

fn outcome(finished: &Finished, new: impl Fn(Level, &str) -> Record) -> Record {
    let record = match &finished.outcome {
        Outcome::Done { text } => new(Level::Info, "exported").fact("what", text),
        Outcome::Skipped { text } => new(Level::Info, "skipped").fact("what", text),
        Outcome::Cancelled => new(Level::Warn, "cancelled"),
        Outcome::Failed(error) => {
            new(Level::Error, "failed").fact("class", error.kind().name()).fact("reason", error)
        }
    };
    let counters = &finished.counters;
    let record = if counters.lost > 0 { record.fact("lost", counters.lost) } else { record };
    let record =
        if counters.without_row > 0 { record.fact("without_row", counters.without_row) } else { record };
    record
        .fact("rows", counters.committed)
        .fact("bytes_in", counters.bytes_in)
        .fact("quarantined", counters.quarantined)
        .fact("duplicates", counters.duplicates)
        .fact("duration_ms", finished.elapsed.as_millis())
}

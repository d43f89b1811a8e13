//! Where the rows of a stream go: behind what is there, or in the place of one day.

use arrow::array::RecordBatch;

use crate::error::Result;
use crate::lake::{Appender, Commit, Committed, Quarantined, Replacer, WriterStats};

/// One of the two.
pub(super) enum Target<'a> {
    /// Behind what is there: committed as it goes.
    Append(Appender<'a>),
    /// In the place of a day: all of it or nothing. `None` once it was swapped.
    Replace(Option<Replacer<'a>>),
}

impl Target<'_> {
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Append(appender) => appender.write(batch),
            Self::Replace(Some(replacer)) => replacer.write(batch),
            Self::Replace(None) => Ok(()),
        }
    }

    /// A row of a day that is read again is in quarantine already, since it was read first.
    pub(super) fn quarantine(&mut self, bad: &Quarantined<'_>) -> Result<()> {
        match self {
            Self::Append(appender) => appender.quarantine(bad),
            Self::Replace(_) => Ok(()),
        }
    }

    pub(super) fn stats(&self) -> WriterStats {
        match self {
            Self::Append(appender) => appender.stats(),
            Self::Replace(replacer) => replacer.as_ref().map(Replacer::stats).unwrap_or_default(),
        }
    }

    /// Rows go behind what is there: their offsets are read for the first time.
    pub(super) fn appends(&self) -> bool {
        matches!(self, Self::Append(_))
    }

    /// Commits; `None` where there is nothing to commit before the end.
    pub(super) fn commit(&mut self, at: Commit) -> Result<Option<Committed>> {
        match self {
            Self::Append(appender) => appender.commit(at).map(Some),
            Self::Replace(replacer) if at.complete => replacer.take().map(|r| r.swap(at.now)).transpose(),
            Self::Replace(_) => Ok(None),
        }
    }

    pub(super) fn abandon(self) -> Result<()> {
        match self {
            Self::Append(appender) => appender.abandon(),
            Self::Replace(replacer) => replacer.map_or(Ok(()), Replacer::abandon),
        }
    }
}

//! The comparison of both ways of reading, kept with the dataset.

use chrono::{DateTime, Utc};

use crate::Result;
use crate::lake::Dataset;
use crate::lake::manifest::source_check::SourceCheck;

impl Dataset {
    /// Keeps what a comparison of both ways found. It takes the place of the one before.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn note_source_check(&mut self, check: SourceCheck, now: DateTime<Utc>) -> Result<()> {
        self.recover_if_needed()?;
        let mut note = self.note(now);
        note.metadata().source_check = Some(check);
        note.commit()
    }

    /// Keeps why the stream is read as it is now, where there was a choice.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn know_why(&mut self, why: Option<&str>, now: DateTime<Utc>) -> Result<()> {
        self.recover_if_needed()?;
        if self.metadata.read_why.as_deref() == why {
            return Ok(());
        }
        let mut note = self.note(now);
        note.metadata().read_why = why.map(str::to_owned);
        note.commit()
    }
}

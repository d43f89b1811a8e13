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
}

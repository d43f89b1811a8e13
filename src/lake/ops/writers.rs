//! What the dataset knows of the queries that write its source.

use chrono::{DateTime, Utc};

use crate::Result;
use crate::lake::Dataset;
use crate::lake::manifest::writers::StoppedQuery;

impl Dataset {
    /// Keeps which queries that write the source do not run. As long as there are some, no read moves the watermark.
    pub fn know_writers(&mut self, stopped: &[StoppedQuery], now: DateTime<Utc>) -> Result<()> {
        self.recover_if_needed()?;
        if self.metadata.stopped_writers == stopped {
            return Ok(());
        }
        let mut note = self.note(now);
        note.metadata().stopped_writers = stopped.to_vec();
        note.commit()
    }
}

//! The log behind a dataset: known again before anything is read, and what an operator decides when it is another one.
//!
//! ```text
//! the log is that of before ─▶ read on
//! it is another one ─▶ held ─┬─ reset --continue     its offsets go on where those of the old one ended
//!                            └─ reset --from-start   the dataset gets another name, and a new one begins at offset 0
//! ```

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::feed::{Feed, FeedKind};
use crate::lake::manifest::log::LogIdentity;
use crate::lake::manifest::metadata::{PendingDecision, read_metadata};
use crate::lake::txn::aside;
use crate::lake::txn::commit::Committer;
use crate::lake::{Dataset, Lake};
use crate::{Error, Kind, Result};

/// What an operator decides about a dataset whose log is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The dataset gets another name, and a new one begins at the first offset.
    FromStart,
    /// The other log is read on at the offsets where the old one was left.
    Continue,
}

impl Reset {
    /// Looks whether there is something to decide.
    ///
    /// # Errors
    /// `Kind::Usage` for a table, and for a feed of which nothing was exported.
    pub fn check(lake: &Lake, feed: &Feed) -> Result<()> {
        let what = if feed.kind == FeedKind::Table {
            "a table is read whole: there is no position to reset"
        } else if read_metadata(&lake.dataset_dir(feed)?)?.is_none() {
            "nothing of the feed was exported yet"
        } else {
            return Ok(());
        };
        Err(Error::new(Kind::Usage, what).at("feed", &feed.name))
    }

    /// Does what was decided; gives what that was, in words.
    ///
    /// # Errors
    /// Those of [`Dataset::continue_with_log`] and [`Dataset::set_whole_aside`].
    pub fn perform(self, mut dataset: Dataset, time: DateTime<Utc>) -> Result<String> {
        Ok(match self {
            Self::Continue => format!("goes on at the same offsets of {}", dataset.continue_with_log(time)?),
            Self::FromStart => {
                format!("begins anew; what was there is in {}", dataset.set_whole_aside(time)?.display())
            }
        })
    }
}

/// What a decision about the log is called.
const ABOUT: &str = "log";

impl Dataset {
    /// Compares the log that is to be read with the one that the dataset was read from.
    ///
    /// # Errors
    /// `Kind::Held` when it is another one: both are shown, and the metadata says that a decision is needed.
    pub fn know_log(&mut self, now: &LogIdentity, time: DateTime<Utc>) -> Result<()> {
        self.recover_if_needed()?;
        let held = self.metadata.log.clone();
        // Nothing was read yet: any log will do.
        let held = held.filter(|_| !self.metadata.positions.is_empty());
        let next = match &held {
            Some(held) if !held.may_be(now) => return self.hold_for(held, now, time),
            Some(held) => held.joined(now),
            None => now.clone(),
        };
        // What one row says is not settled by the log's name: see `know_row`.
        let waits = self.waits_for_log() && !self.is_held_for_row();
        if self.metadata.log.as_ref() == Some(&next) && !waits {
            return Ok(());
        }
        let mut note = self.note(time);
        let metadata = note.metadata();
        metadata.log = Some(next);
        if waits {
            metadata.other_log = None;
            metadata.pending_decision = None;
        }
        note.commit()
    }

    /// A decision about the log waits.
    pub fn waits_for_log(&self) -> bool {
        self.metadata.pending_decision.as_ref().is_some_and(|decision| decision.about == ABOUT)
    }

    /// Nothing is to be read while a decision about the log waits.
    ///
    /// # Errors
    /// `Kind::Held` with what waits.
    pub fn refuse_undecided_log(&self) -> Result<()> {
        match &self.metadata.pending_decision {
            Some(decision) if decision.about == ABOUT => Err(self.undecided(decision.what.clone())),
            _ => Ok(()),
        }
    }

    fn undecided(&self, what: String) -> Error {
        let name = &self.feed.name;
        Error::new(Kind::Held, what).next(format!(
            "nothing was read; `lakehand feeds reset {name} --from-start` puts the dataset aside and begins anew, \
             `lakehand feeds reset {name} --continue` goes on at the same offsets of the other log"
        ))
    }

    /// The decision is one about a row: the log is of the same name as before.
    fn is_held_for_row(&self) -> bool {
        let (held, other) = (&self.metadata.log, &self.metadata.other_log);
        held.as_ref().zip(other.as_ref()).is_some_and(|(held, other)| held.may_be(other))
    }

    /// Takes note that the log has the rows that the dataset was read from, as far as it has any at their offsets.
    ///
    /// # Errors
    /// Why that could not be noted.
    pub fn know_row(&mut self, time: DateTime<Utc>) -> Result<()> {
        self.recover_if_needed()?;
        if !self.waits_for_log() {
            return Ok(());
        }
        let mut note = self.note(time);
        let metadata = note.metadata();
        metadata.other_log = None;
        metadata.pending_decision = None;
        note.commit()
    }

    fn hold_for(&mut self, held: &LogIdentity, now: &LogIdentity, time: DateTime<Utc>) -> Result<()> {
        let what =
            format!("the stream is now over another log ({now}), and the dataset holds rows of {held}");
        self.wait_for_decision(what, now, time)
    }

    /// Holds the feed, as the log has another row than the dataset at an offset that both have: a topic that was deleted and
    /// made again under its name. `what` says which.
    ///
    /// # Errors
    /// `Kind::Held`, or why that could not be noted.
    pub fn hold_for_row(&mut self, what: &str, now: &LogIdentity, time: DateTime<Utc>) -> Result<()> {
        self.recover_if_needed()?;
        self.wait_for_decision(format!("the stream is now over another log ({now}): {what}"), now, time)
    }

    fn wait_for_decision(&mut self, what: String, now: &LogIdentity, time: DateTime<Utc>) -> Result<()> {
        let rows = self.metadata.total_records;
        let mut note = self.note(time);
        let metadata = note.metadata();
        metadata.other_log = Some(now.clone());
        metadata.pending_decision = Some(PendingDecision {
            about: ABOUT.to_owned(),
            since: time,
            what: what.clone(),
            rows_before: rows,
            rows_after: rows,
            accepted: false,
        });
        note.commit()?;
        Err(self.undecided(what))
    }

    /// The other log takes the place of the one of before; positions stay. Gives it.
    ///
    /// # Errors
    /// `Kind::Usage` when no other log waits for a decision.
    pub fn continue_with_log(&mut self, time: DateTime<Utc>) -> Result<LogIdentity> {
        self.recover_if_needed()?;
        let Some(other) = self.metadata.other_log.clone() else {
            return Err(
                Error::new(Kind::Usage, "no other log waits for a decision").at("feed", &self.feed.name)
            );
        };
        let mut note = self.note(time);
        let metadata = note.metadata();
        metadata.log = Some(other.clone());
        metadata.other_log = None;
        metadata.pending_decision = None;
        metadata.last_rows.clear();
        // What was complete was so of the other log.
        metadata.caught_up = false;
        note.commit()?;
        Ok(other)
    }

    /// Gives the whole dataset another name, so that the feed begins anew; gives the folder where it is then. Its files stay
    /// as they are, and no feed writes them any more. A start finishes what a kill left half done.
    ///
    /// # Errors
    /// `Kind::Refused` when the dataset's folder is a mount point, which cannot be renamed.
    pub fn set_whole_aside(mut self, time: DateTime<Utc>) -> Result<PathBuf> {
        self.recover_if_needed()?;
        self.check_ready()?;
        let Committer { fs, places, visibility } = &self.committer;
        aside::set_aside(fs, places, visibility.file_mode(), time)
    }
}

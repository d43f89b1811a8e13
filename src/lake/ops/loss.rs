//! Losses become part of the dataset's state, and operators take note of them.

use chrono::{DateTime, Utc};

use crate::lake::Dataset;
use crate::lake::manifest::loss::LostRecords;
use crate::{Error, Kind, Result};

impl Dataset {
    /// Notes that the log no longer holds these offsets (Kafka partition, first and last, both included), which were to be
    /// read next. Positions move behind them, days that may lack them are opened again, and the watermark is taken back:
    /// all in one step, so that a loss is never noted twice and never forgotten.
    pub fn note_lost_in_log(&mut self, lost: &[(i32, [i64; 2])], now: DateTime<Utc>) -> Result<()> {
        if lost.is_empty() {
            return Ok(());
        }
        self.recover_if_needed()?;
        self.check_ready()?;
        let record = LostRecords::of_log(lost, now);
        let behind = lost.iter().map(|(partition, [_, last])| (*partition, last.saturating_add(1))).collect();
        let partitions = &self.metadata.partitions;
        let touched =
            partitions.iter().filter(|p| p.sealed_at.is_some() && record.may_touch(&p.path, partitions));
        let touched: Vec<String> = touched.map(|p| p.path.clone()).collect();
        // Only a commit that moves a mark has a number of its own.
        let seq = self.metadata.commit_seq + u64::from(!touched.is_empty());
        let mut transaction = self.transaction(format!("{seq:06}-loss"), now);
        transaction.advance(behind)?;
        for partition in &touched {
            transaction.unmark(partition)?;
        }
        let next = transaction.metadata();
        next.lost_records.push(record);
        next.claim(None, now);
        next.caught_up = false;
        transaction.commit()
    }

    /// An operator takes note of every loss that is known; gives those that were open. `Kind::Usage` when none was.
    pub fn acknowledge_losses(&mut self, now: DateTime<Utc>) -> Result<Vec<LostRecords>> {
        self.recover_if_needed()?;
        let open: Vec<LostRecords> = self.metadata.open_losses().cloned().collect();
        if open.is_empty() {
            return Err(Error::new(Kind::Usage, "no loss is known that nobody has acknowledged")
                .at("feed", &self.feed.name));
        }
        let mut note = self.note(now);
        let losses = note.metadata().lost_records.iter_mut();
        for loss in losses.filter(|loss| loss.acknowledged_at.is_none()) {
            loss.acknowledged_at = Some(now);
        }
        note.commit()?;
        Ok(open)
    }

    /// Accepts the snapshot that is held: the next one is published even if it shrinks. Gives what was held.
    pub fn accept_snapshot(&mut self) -> Result<String> {
        self.recover_if_needed()?;
        let now = self.now();
        let mut note = self.note(now);
        let waiting = note.metadata().pending_decision.as_mut();
        let Some(decision) = waiting.filter(|decision| decision.about == "snapshot") else {
            return Err(
                Error::new(Kind::Usage, "no snapshot waits for a decision").at("feed", &self.feed.name)
            );
        };
        decision.accepted = true;
        let what = decision.what.clone();
        note.commit()?;
        Ok(what)
    }
}

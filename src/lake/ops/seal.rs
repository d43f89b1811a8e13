//! Sealed partitions: `_SUCCESS` says to whoever waits for a day that the day is complete.
//!
//! ```text
//!          the lake is complete `seal_after` beyond the partition's end
//!  open ───────────────────────────────────────────────────────────────▶ sealed    `_SUCCESS`, sealed_at
//!    ▲                                                                      │
//!    └────────────── reopened_at ◀── a late row, or a new export of the day ┘
//! ```
//!
//! The mark comes with a commit, after every row that the lake knew of. It goes with the commit that brings a late row,
//! before that row can be seen: a reader that saw the mark and then reads the folder never misses rows without the mark
//! having gone. It lies in the partition's folder, or in the books where the metadata is apart. "Complete" is the
//! watermark (`complete_through`): the instant at which the log's ends were asked for. The instant needs a second witness
//! besides this machine's clock: the server's, or the time of a row (see [`crate::export`]). Feeds read the idle way have
//! no such instant, and so no seals.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::Result;
use crate::feed::FeedKind;
use crate::lake::Dataset;
use crate::lake::layout::PartitionPath;
use crate::lake::manifest::metadata::Metadata;
use crate::lake::manifest::partition::PartitionInfo;

impl Dataset {
    /// Seals the partitions that are complete by the rule of the lake (see [`crate::lake::Lake::sealing_after`]); gives their
    /// paths.
    pub fn seal(&mut self, now: DateTime<Utc>) -> Result<Vec<String>> {
        self.recover_if_needed()?;
        let Some(after) = self.seal_after.and_then(|after| TimeDelta::from_std(after).ok()) else {
            return Ok(Vec::new());
        };
        let through =
            self.metadata.complete_through.filter(|through| self.metadata.caught_up && *through <= now);
        let Some(through) = through else {
            return Ok(Vec::new());
        };
        if self.feed.kind != FeedKind::Stream {
            return Ok(Vec::new());
        }
        let mut next = self.metadata.clone();
        let zone = zone_of(&next);
        let mut sealed = Vec::new();
        // A day that is known to lack rows is not complete, however far the lake is.
        let known = &self.metadata;
        let may_be = |p: &&mut PartitionInfo| {
            p.sealed_at.is_none() && p.files > 0 && p.lost_records == 0 && !known.may_lack_records(&p.path)
        };
        for partition in next.partitions.iter_mut().filter(may_be) {
            let due = end_of(&partition.path, zone).and_then(|end| end.checked_add_signed(after));
            if due.is_some_and(|due| due <= through) {
                partition.sealed_at = Some(now);
                partition.reopened_at = None;
                sealed.push(partition.path.clone());
            }
        }
        if sealed.is_empty() {
            return Ok(sealed);
        }
        self.check_ready()?;
        let mut transaction = self.transaction_with(format!("{:06}-seal", next.commit_seq), now, next);
        transaction.mark(&sealed)?;
        transaction.commit()?;
        Ok(sealed)
    }
}

/// The zone in which the dataset's days begin.
pub(crate) fn zone_of(metadata: &Metadata) -> Tz {
    metadata.timezone.as_deref().and_then(|name| name.parse().ok()).unwrap_or(Tz::UTC)
}

/// The instant at which a partition's last day ends in its zone.
pub(crate) fn end_of(path: &str, zone: Tz) -> Option<DateTime<Utc>> {
    begin_of(PartitionPath::parse(path)?.end()?, zone)
}

/// The instant at which a day begins in a zone.
pub(crate) fn begin_of(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let midnight = day.and_time(NaiveTime::MIN);
    // Where a clock is put forward at midnight, the day begins an hour later.
    let local = zone.from_local_datetime(&midnight);
    let later = || zone.from_local_datetime(&(midnight + TimeDelta::hours(1))).latest();
    local.latest().or_else(later).map(|end| end.with_timezone(&Utc))
}

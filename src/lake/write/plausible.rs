//! Are the times of rows such times at all?
//!
//! A BIGINT column is read as milliseconds. Where it holds seconds, every row lands in January 1970, and retention removes
//! what was just read. Such rows hold the feed before anything is committed. A few odd times among many are left as they
//! are: one bad producer does not hold a feed.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use chrono::{DateTime, TimeDelta, Utc};

use crate::feed::{Feed, Partitioning};
use crate::lake::TableSchema;
use crate::lake::write::route::Router;
use crate::{Error, Kind, Result};

/// 2000-01-01, milliseconds since 1970.
const LEAST: i64 = 946_684_800_000;
/// How far ahead of the run a time may lie.
const AHEAD: TimeDelta = TimeDelta::days(3660);

/// The range in which times are expected, and how many were not in it since the last commit.
pub(crate) struct TimeRange {
    /// `None`: any time will do.
    range: Option<[i64; 2]>,
    rows: u64,
    outside: u64,
}

impl TimeRange {
    /// Watches a time column of plain numbers, and any time by which retention removes rows.
    pub(crate) fn of(feed: &Feed, router: &Router, schema: &TableSchema, now: DateTime<Utc>) -> Self {
        let named = matches!(&feed.partitioning, Partitioning::Date { timestamp_column: Some(_), .. });
        let field = schema.arrow.field_with_name(router.column_name());
        let is_number = named && field.is_ok_and(|field| *field.data_type() == DataType::Int64);
        let greatest = if is_number {
            now.checked_add_signed(AHEAD).map_or(i64::MAX, |time| time.timestamp_millis())
        } else {
            i64::MAX
        };
        let range = (is_number || feed.retention_days.is_some()).then_some([LEAST, greatest]);
        Self { range, rows: 0, outside: 0 }
    }

    /// Looks at rows.
    pub(crate) fn look(&mut self, router: &Router, batch: &RecordBatch) -> Result<()> {
        if let Some(range) = self.range {
            self.rows += batch.num_rows() as u64;
            self.outside += router.outside(batch, range)?;
        }
        Ok(())
    }

    /// `Kind::Feed` when more than half of the times are outside of the range.
    pub(crate) fn check(&self, feed: &Feed) -> Result<()> {
        if self.outside * 2 <= self.rows {
            return Ok(());
        }
        let column = match &feed.partitioning {
            Partitioning::Date { timestamp_column: Some(column), .. } => column.as_str(),
            _ => "ROWTIME",
        };
        Err(Error::new(
            Kind::Feed,
            format!(
                "{} of {} times lie before the year 2000 or more than ten years ahead: times are read as milliseconds since \
                 1970, and these may be seconds or microseconds",
                self.outside, self.rows
            ),
        )
        .at("column", column)
        .next("nothing was committed; name a TIMESTAMP column in partitioning.timestamp_column, or leave it out for ROWTIME"))
    }

    /// Begins anew, after a commit.
    pub(crate) fn clear(&mut self) {
        (self.rows, self.outside) = (0, 0);
    }
}

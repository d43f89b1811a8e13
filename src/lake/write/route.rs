//! Which rows of a batch belong to which partition.
//!
//! ```text
//! time column ─▶ milliseconds ─▶ local calendar ─▶ key (day number, hour number, …)
//! all rows in one key      the batch as it is
//! a long run of equal key  a slice, nothing copied
//! short runs                `take`, those between two long ones together, so that rows keep their order
//! ```
//!
//! A row whose time is null or outside of the years 1 to 9999 has no folder; it is named, and the caller puts it aside.

use std::collections::BTreeMap;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::datatypes::{
    Date32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use chrono::{DateTime, Datelike, NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;

use crate::feed::{Feed, Partitioning};
use crate::lake::layout::{Depth, PartitionPath};
use crate::{Error, Kind, Result};

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// Rows from which handing a run on by itself costs less than copying it: a call for each column against each value.
const LONG_RUN: usize = 512;
/// 0001-01-01 and 10000-01-01, days since 1970.
const FIRST_DAY: i64 = -719_162;
const END_DAY: i64 = 2_932_897;

/// Sends rows to partitions.
pub(crate) struct Router {
    column: usize,
    column_name: String,
    depth: Depth,
    zone: Tz,
}

/// Per key its rows in a batch, as runs of a start and a length, in ascending order.
pub(crate) type Runs = BTreeMap<i64, Vec<(usize, usize)>>;

/// Where the rows of a batch belong.
pub(crate) struct Routed {
    pub(crate) runs: Runs,
    /// Rows without a folder, and the value of their time.
    pub(crate) unroutable: Vec<(usize, Option<i64>)>,
}

impl Router {
    /// For batches of `schema` and the partitioning of `feed`.
    pub(crate) fn new(feed: &Feed, schema: &SchemaRef) -> Result<Self> {
        let Partitioning::Date { columns, timestamp_column, timezone } = &feed.partitioning else {
            return Err(Error::new(Kind::Bug, "a stream without date partitions").at("feed", &feed.name));
        };
        let column_name = match timestamp_column {
            None => "ROWTIME",
            Some(name) => feed.rename.get(name).unwrap_or(name),
        };
        let wrong = |what: String| {
            Error::new(Kind::Feed, what).at("feed", &feed.name).next(
                "set partitioning.timestamp_column to a TIMESTAMP, DATE or BIGINT column that is exported",
            )
        };
        let Some((column, field)) = schema.column_with_name(column_name) else {
            return Err(wrong(format!("the partitions' time column {column_name} is not among the columns")));
        };
        if !matches!(field.data_type(), DataType::Int64 | DataType::Date32 | DataType::Timestamp(..)) {
            return Err(wrong(format!("the partitions' time column {column_name} holds no time")));
        }
        let (depth, zone) = (Depth::of(columns), *timezone);
        Ok(Self { column, column_name: column_name.to_owned(), depth, zone })
    }

    /// The partition of a key.
    pub(crate) fn partition(&self, key: i64) -> Result<PartitionPath> {
        partition_of_key(self.depth, key)
    }

    /// How deep the folders go.
    pub(crate) fn depth(&self) -> Depth {
        self.depth
    }

    /// The name of the column that gives the time.
    pub(crate) fn column_name(&self) -> &str {
        &self.column_name
    }

    /// How many rows have a time outside of `[least, greatest]`, milliseconds since 1970. A null is not counted.
    pub(crate) fn outside(&self, batch: &RecordBatch, [least, greatest]: [i64; 2]) -> Result<u64> {
        let column = batch.column(self.column);
        if let Some(column) = column.as_primitive_opt::<Int64Type>() {
            let (min, max) = (arrow::compute::min(column), arrow::compute::max(column));
            if min.is_none_or(|min| min >= least) && max.is_none_or(|max| max <= greatest) {
                return Ok(0);
            }
        }
        let mut outside = 0;
        self.each_time(column, &mut |ms, _| {
            outside += u64::from(ms.is_some_and(|ms| ms < least || ms > greatest));
        })?;
        Ok(outside)
    }

    /// Finds the partition of each row.
    pub(crate) fn route(&self, batch: &RecordBatch) -> Result<Routed> {
        if let Some(key) = self.only_key(batch.column(self.column)) {
            return Ok(Routed {
                runs: Runs::from([(key, vec![(0, batch.num_rows())])]),
                unroutable: Vec::new(),
            });
        }
        let keys = self.keys(batch.column(self.column))?;
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for (row, key) in keys.iter().enumerate() {
            match runs.last_mut() {
                Some((start, len)) if keys[*start].ok() == key.ok() => *len += 1,
                _ => runs.push((row, 1)),
            }
        }
        let mut routed = Routed { runs: Runs::new(), unroutable: Vec::new() };
        for (start, len) in runs {
            if let Ok(key) = keys[start] {
                routed.runs.entry(key).or_default().push((start, len));
            } else {
                routed.unroutable.extend((start..start + len).map(|row| (row, keys[row].err().flatten())));
            }
        }
        Ok(routed)
    }

    /// The key that all rows have, where the least and the greatest time tell it: milliseconds without nulls, in UTC.
    /// In other zones a clock that is set back could lead to another day and back in between.
    fn only_key(&self, column: &ArrayRef) -> Option<i64> {
        if self.zone != Tz::UTC || *column.data_type() != DataType::Int64 || column.null_count() > 0 {
            return None;
        }
        let values = column.as_primitive::<Int64Type>().values();
        let least = values.iter().copied().min()?;
        let greatest = values.iter().copied().max()?;
        let key = self.key(least, false)?;
        (self.key(greatest, false)? == key).then_some(key)
    }

    /// The key of each row, or the time that has none.
    fn keys(&self, column: &ArrayRef) -> Result<Vec<Result<i64, Option<i64>>>> {
        let mut keys = Vec::with_capacity(column.len());
        self.each_time(column, &mut |ms, local| {
            keys.push(ms.and_then(|ms| self.key(ms, local)).ok_or(ms));
        })?;
        Ok(keys)
    }

    /// Hands on the time of each row in milliseconds since 1970, and whether it is a day of the calendar already.
    fn each_time(&self, column: &ArrayRef, push: &mut dyn FnMut(Option<i64>, bool)) -> Result<()> {
        macro_rules! each {
            ($kind:ty, $value:ident => $ms:expr, $local:expr) => {
                for $value in column.as_primitive::<$kind>() {
                    push($value.map(|$value| $ms), $local);
                }
            };
        }
        match column.data_type() {
            DataType::Int64 => each!(Int64Type, v => v, false),
            // A DATE is a day of the calendar already, in no zone.
            DataType::Date32 => each!(Date32Type, v => i64::from(v) * DAY_MS, true),
            DataType::Timestamp(TimeUnit::Second, _) => {
                each!(TimestampSecondType, v => v.saturating_mul(1000), false);
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => each!(TimestampMillisecondType, v => v, false),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                each!(TimestampMicrosecondType, v => v.div_euclid(1000), false);
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                each!(TimestampNanosecondType, v => v.div_euclid(1_000_000), false);
            }
            other => {
                return Err(Error::new(Kind::Bug, format!("a time column of type {other}"))
                    .at("column", &self.column_name));
            }
        }
        Ok(())
    }

    fn key(&self, ms: i64, local: bool) -> Option<i64> {
        key_of(self.depth, if local { Tz::UTC } else { self.zone }, ms)
    }
}

/// Cuts a batch by partition: keys in their order, each with its rows in one or more pieces.
pub(crate) fn cut(batch: &RecordBatch, runs: &Runs) -> Result<Vec<(i64, RecordBatch)>> {
    let mut parts = Vec::with_capacity(runs.len());
    for (key, runs) in runs {
        for rows in pieces(runs) {
            parts.push((*key, rows.of(batch)?));
        }
    }
    Ok(parts)
}

/// Rows of a batch that go to one partition and follow each other there.
enum Piece<'a> {
    Slice(usize, usize),
    Taken(&'a [(usize, usize)]),
}

/// Runs, as start and length in ascending order, as pieces: a long one by itself, short ones together.
fn pieces(runs: &[(usize, usize)]) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for group in runs.chunk_by(|a, b| a.1 < LONG_RUN && b.1 < LONG_RUN) {
        match *group {
            [(start, len)] => pieces.push(Piece::Slice(start, len)),
            _ => pieces.push(Piece::Taken(group)),
        }
    }
    pieces
}

impl Piece<'_> {
    fn of(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        match self {
            Self::Slice(0, len) if *len == batch.num_rows() => Ok(batch.clone()),
            Self::Slice(start, len) => Ok(batch.slice(*start, *len)),
            Self::Taken(runs) => {
                let indices = runs.iter().flat_map(|(start, len)| *start..start + len);
                let indices =
                    UInt32Array::from_iter_values(indices.map(|i| u32::try_from(i).unwrap_or(u32::MAX)));
                arrow::compute::take_record_batch(batch, &indices)
                    .map_err(|e| Error::new(Kind::Bug, format!("rows cannot be taken by partition: {e}")))
            }
        }
    }
}

/// The partition of key `key`: see [`PartitionPath::of_key`].
pub(crate) fn partition_of_key(depth: Depth, key: i64) -> Result<PartitionPath> {
    PartitionPath::of_key(depth, key)
        .ok_or_else(|| Error::new(Kind::Bug, "a partition without a date").at("partition key", key))
}

/// The partition of a row of this time; `None` for a time that has none.
pub(crate) fn partition_of(depth: Depth, zone: Tz, ms: i64) -> Option<PartitionPath> {
    PartitionPath::of_key(depth, key_of(depth, zone, ms)?)
}

/// The key of a time, milliseconds since 1970.
fn key_of(depth: Depth, zone: Tz, ms: i64) -> Option<i64> {
    let local_ms = if zone == Tz::UTC {
        ms
    } else {
        let instant = DateTime::from_timestamp_millis(ms)?.naive_utc();
        let offset = zone.offset_from_utc_datetime(&instant).fix().local_minus_utc();
        ms.checked_add(i64::from(offset) * 1000)?
    };
    let day = local_ms.div_euclid(DAY_MS);
    if !(FIRST_DAY..END_DAY).contains(&day) {
        return None;
    }
    if depth == Depth::Day {
        return Some(day);
    }
    if depth == Depth::Hour {
        return Some(local_ms.div_euclid(HOUR_MS));
    }
    let date = NaiveDate::from_epoch_days(i32::try_from(day).ok()?)?;
    let year = i64::from(date.year());
    Some(if depth == Depth::Year { year } else { year * 12 + i64::from(date.month0()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(depth: Depth, zone: Tz) -> Router {
        Router { column: 0, column_name: "T".to_owned(), depth, zone }
    }

    fn folder(router: &Router, time: &str) -> String {
        let ms = time.parse::<DateTime<chrono::Utc>>().unwrap().timestamp_millis();
        router.partition(router.key(ms, false).unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_day_begins_where_the_zone_says() {
        let utc = router(Depth::Day, Tz::UTC);
        assert_eq!(folder(&utc, "2025-01-14T23:59:59.999Z"), "year=2025/month=01/day=14");
        assert_eq!(folder(&utc, "1969-12-31T23:59:59.999Z"), "year=1969/month=12/day=31");
        let berlin = router(Depth::Hour, Tz::Europe__Berlin);
        assert_eq!(folder(&berlin, "2025-01-14T23:30:00Z"), "year=2025/month=01/day=15/hour=00");
        // Summer time ends: the hour from 2 to 3 comes twice, into one folder.
        assert_eq!(folder(&berlin, "2025-10-26T00:30:00Z"), "year=2025/month=10/day=26/hour=02");
        assert_eq!(folder(&berlin, "2025-10-26T01:30:00Z"), "year=2025/month=10/day=26/hour=02");
        assert_eq!(
            folder(&router(Depth::Month, Tz::Asia__Tokyo), "2024-12-31T15:00:00Z"),
            "year=2025/month=01"
        );
        assert_eq!(folder(&router(Depth::Year, Tz::UTC), "0001-01-01T00:00:00Z"), "year=0001");
    }

    #[test]
    fn times_without_a_folder_are_told() {
        let utc = router(Depth::Day, Tz::UTC);
        assert!(utc.key(FIRST_DAY * DAY_MS, false).is_some());
        assert!(utc.key(FIRST_DAY * DAY_MS - 1, false).is_none());
        assert!(utc.key(END_DAY * DAY_MS - 1, false).is_some());
        assert!(utc.key(END_DAY * DAY_MS, false).is_none());
        for extreme in [i64::MIN, i64::MAX] {
            assert!(utc.key(extreme, false).is_none());
            assert!(router(Depth::Hour, Tz::Europe__Berlin).key(extreme, false).is_none());
        }
    }
}

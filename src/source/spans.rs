//! What is to be read of each partition: from the lake's position to the log's end. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::Offsets;
use crate::error::{Error, Kind, Result};

/// What is to be read of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The next offset to read.
    pub next: i64,
    /// One past the last offset to read; `None` for no end.
    pub until: Option<i64>,
}

impl Span {
    /// Something is still to be read.
    pub fn is_open(&self) -> bool {
        self.until.is_none_or(|until| self.next < until)
    }
}

/// What is to be read of each Kafka partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans {
    /// By partition. Without any, all that the log has is read.
    pub by_partition: BTreeMap<i32, Span>,
    /// When the ends were asked for: what was written before is complete once they are reached.
    pub asked: Option<DateTime<Utc>>,
    /// The first offset that the log has of each partition, where it was told.
    pub starts: Offsets,
    /// Offsets that are gone from the log and that the lake never held: Kafka partition, first and last, both included.
    pub lost: Vec<(i32, [i64; 2])>,
}

impl Spans {
    /// From the lake's positions to the log's ends, which were asked for at `now`. `bounds` are the log's first offset and the
    /// one behind its last, by partition.
    ///
    /// # Errors
    /// `Kind::Feed` when the log is shorter than what the lake holds of it: it is another one.
    pub fn to_ends(
        positions: &Offsets,
        bounds: &BTreeMap<i32, (i64, i64)>,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let mut spans = Self { asked: Some(now), ..Self::default() };
        for (&partition, &next) in positions {
            let Some((_, end)) = bounds.get(&partition) else {
                return Err(recreated(&format!(
                    "Kafka partition {partition} is gone, of which the lake holds {next} offsets"
                )));
            };
            if next > *end {
                return Err(recreated(&format!(
                    "Kafka partition {partition} ends at offset {end}, and the lake holds it through {}",
                    next - 1
                )));
            }
        }
        for (&partition, &(start, end)) in bounds {
            spans.starts.insert(partition, start);
            let held = positions.get(&partition).copied();
            let next = held.unwrap_or(0).max(start);
            // Records that retention removed before the first export were never promised; after it they are a loss.
            if let Some(held) = held.filter(|held| *held < start) {
                spans.lost.push((partition, [held, start - 1]));
            }
            spans.by_partition.insert(partition, Span { next, until: Some(end) });
        }
        Ok(spans)
    }

    /// From the lake's positions on, without an end. A log that begins beyond a position, as `bounds` may tell, is a loss.
    ///
    /// # Errors
    /// As [`Spans::to_ends`].
    pub fn onwards(
        positions: &Offsets,
        bounds: Option<&BTreeMap<i32, (i64, i64)>>,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        let from = |next: i64| Span { next, until: None };
        let by_partition = positions.iter().map(|(partition, next)| (*partition, from(*next))).collect();
        let mut spans = Self { by_partition, ..Self::default() };
        if let Some(bounds) = bounds {
            Self { lost: spans.lost, starts: spans.starts, .. } = Self::to_ends(positions, bounds, now)?;
            for (partition, [_, last]) in &spans.lost {
                spans.by_partition.insert(*partition, from(last + 1));
            }
        }
        Ok(spans)
    }

    /// `offsets 0: 5..100, 1: 7..`
    pub fn text(&self) -> String {
        if self.by_partition.is_empty() {
            return "from the beginning".to_owned();
        }
        let spans = self.by_partition.iter().map(|(partition, span)| match span.until {
            Some(until) => format!("{partition}: {}..{until}", span.next),
            None => format!("{partition}: {}..", span.next),
        });
        format!("offsets {}", spans.collect::<Vec<_>>().join(", "))
    }

    /// Upper bound of the rows to come; `None` without an end.
    pub fn expected(&self) -> Option<u64> {
        self.by_partition
            .values()
            .map(|span| span.until.map(|until| u64::try_from(until - span.next).unwrap_or(0)))
            .sum::<Option<u64>>()
            .filter(|_| !self.by_partition.is_empty())
    }

    /// There are ends, and they lie at the positions.
    pub fn is_nothing(&self) -> bool {
        !self.by_partition.is_empty() && !self.by_partition.values().any(Span::is_open)
    }
}

fn recreated(what: &str) -> Error {
    Error::new(Kind::Feed, format!("the topic is not the one that was exported before: {what}")).next(
        "a topic that was deleted and made again starts at offset 0: `lakehand feeds reset NAME --from-start` puts the dataset \
         aside and exports the stream from the beginning",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn bounds(log: &[(i32, i64, i64)]) -> BTreeMap<i32, (i64, i64)> {
        log.iter().map(|&(partition, start, end)| (partition, (start, end))).collect()
    }

    #[test]
    fn reads_from_the_position_to_the_end() {
        let spans = Spans::to_ends(&Offsets::from([(0, 5)]), &bounds(&[(0, 0, 9), (1, 2, 4)]), NOW).unwrap();
        assert_eq!(spans.text(), "offsets 0: 5..9, 1: 2..4");
        assert_eq!(spans.expected(), Some(6));
        assert!(spans.lost.is_empty() && !spans.is_nothing());
        assert!(Spans::to_ends(&Offsets::from([(0, 9)]), &bounds(&[(0, 0, 9)]), NOW).unwrap().is_nothing());
    }

    #[test]
    fn what_retention_removed_after_the_first_export_is_said_to_be_lost() {
        let (held, log) = (Offsets::from([(0, 5), (1, 3)]), bounds(&[(0, 8, 9), (1, 3, 9)]));
        let spans = Spans::to_ends(&held, &log, NOW).unwrap();
        assert_eq!(spans.lost, [(0, [5, 7])]);
        assert_eq!(spans.by_partition[&0], Span { next: 8, until: Some(9) });
        let spans = Spans::onwards(&held, Some(&log), NOW).unwrap();
        assert_eq!(spans.lost, [(0, [5, 7])]);
        assert_eq!(spans.text(), "offsets 0: 8.., 1: 3..");
        assert_eq!((spans.expected(), spans.asked), (None, None));
        assert_eq!(Spans::onwards(&Offsets::new(), None, NOW).unwrap().text(), "from the beginning");
    }

    #[test]
    fn a_topic_made_again_is_refused() {
        let error = Spans::to_ends(&Offsets::from([(0, 50)]), &bounds(&[(0, 0, 9)]), NOW).unwrap_err();
        assert_eq!(error.kind(), Kind::Feed);
        assert!(error.to_string().contains("ends at offset 9, and the lake holds it through 49"), "{error}");
    }
}

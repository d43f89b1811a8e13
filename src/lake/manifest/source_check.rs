//! The comparison of the two ways of reading a stream, as it is kept with the dataset.
//!
//! A comparison speaks of a stream as it then was. [`Holds`] says of which: when any part of it is another one, the result
//! says nothing any more.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;

/// What a comparison of both ways found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCheck {
    /// When it began.
    pub at: DateTime<Utc>,
    /// The two ways: `kafka`, `ksqldb`.
    pub ways: [String; 2],
    /// What came of it.
    pub outcome: CheckOutcome,
    /// Why it could not be finished, or proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// By which the ranges were drawn: the same seed and the same log give the same ranges.
    pub seed: u64,
    /// The ranges in which rows were compared; one that gave none proves nothing.
    pub ranges: Vec<CheckedRange>,
    /// Rows that came both ways and were compared value by value.
    pub rows: u64,
    /// Differences that docs/kafka.md names, by kind: they are neither equal nor a fault.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub known: BTreeMap<String, u64>,
    /// Differences, all of them.
    pub differences: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<SourceDifference>,
    /// What the result holds for.
    pub holds_for: Holds,
}

/// What came of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutcome {
    /// Rows were compared, and none differs.
    Equal,
    /// At least one value, or one row, differs.
    Different,
    /// It was not finished, or no row could be compared: nothing is known. So is an outcome that this version does not know.
    #[serde(other)]
    Unproved,
}

/// Offsets that were read both ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckedRange {
    /// The Kafka partition.
    pub partition: i32,
    /// The first and the last offset, both included.
    pub offsets: [i64; 2],
    /// Rows compared.
    pub rows: u64,
}

/// A value that is not the same both ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDifference {
    /// The Kafka partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The column, and the way to the value inside of it: `ITEMS[2].QTY`. Empty for the row as a whole.
    pub column: String,
    /// The value by way of Kafka; absent where the feed's values are not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<String>,
    /// The value by way of ksqlDB; absent where the feed's values are not shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ksqldb: Option<String>,
    /// What differs, in words without a value.
    pub what: String,
}

/// What a comparison holds for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// The topic.
    pub topic: String,
    /// The cluster, where it is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The formats of key and value: `KAFKA / JSON`.
    pub formats: String,
    /// The newest schemas of its records, where they name some: `key 3, value 12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schemas: Option<String>,
    /// Hash of the stream's statement.
    pub statement: String,
    /// Hash of every column's name and type, and of what becomes of it in the lake.
    pub columns: String,
    /// The version of lakehand's decoders.
    pub decoder: u32,
}

impl Holds {
    /// The hash by which a text is known again.
    pub fn hash(text: &str) -> String {
        ContentHash::of(text.as_bytes()).to_string()
    }

    /// What is another one now; `None` when the result holds for `now` too. What one of the two does not tell is no difference.
    pub fn changed(&self, now: &Self) -> Option<&'static str> {
        let cluster = self.cluster.as_ref().zip(now.cluster.as_ref()).is_some_and(|(then, now)| then != now);
        [
            (self.topic != now.topic, "the topic"),
            (cluster, "the cluster"),
            (self.formats != now.formats, "the formats"),
            (self.columns != now.columns, "the columns"),
            (self.schemas != now.schemas, "the newest schema"),
            (self.statement != now.statement, "the stream's statement"),
            (self.decoder != now.decoder, "lakehand's decoder"),
        ]
        .into_iter()
        .find_map(|(changed, what)| changed.then_some(what))
    }
}

impl SourceCheck {
    /// Its result in one sentence without a final stop.
    pub fn sentence(&self) -> String {
        let rows = format!("{} rows in {} ranges", self.rows, self.ranges.len());
        let known: u64 = self.known.values().sum();
        let known = if known > 0 { format!(", {known} known differences") } else { String::new() };
        match self.outcome {
            CheckOutcome::Equal => format!("{rows} are the same both ways{known}"),
            CheckOutcome::Different => {
                let first = self.first.first().map_or(String::new(), |first| format!("; the first: {first}"));
                format!("{} differences in {rows}{known}{first}", self.differences)
            }
            CheckOutcome::Unproved => {
                let why = self.why.as_deref().unwrap_or("no row came by either way");
                format!("nothing is proved: {why}{known}")
            }
        }
    }
}

/// `partition 1, offset 12, AMOUNT: Kafka 1.50, ksqlDB 1.51`
impl std::fmt::Display for SourceDifference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "partition {}, offset {}", self.partition, self.offset)?;
        if !self.column.is_empty() {
            write!(f, ", {}", self.column)?;
        }
        match (&self.kafka, &self.ksqldb) {
            (Some(kafka), Some(ksqldb)) => write!(f, ": {kafka} by Kafka, {ksqldb} by ksqlDB"),
            _ => write!(f, ": {}", self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds() -> Holds {
        Holds {
            topic: "t".into(),
            cluster: Some("c".into()),
            formats: "KAFKA / JSON".into(),
            schemas: None,
            statement: Holds::hash("CREATE"),
            columns: Holds::hash("A INTEGER"),
            decoder: 1,
        }
    }

    #[test]
    fn a_result_holds_until_any_part_of_the_stream_is_another_one() {
        let then = holds();
        assert_eq!(then.changed(&holds()), None);
        assert_eq!(then.changed(&Holds { cluster: None, ..holds() }), None);
        for (now, what) in [
            (Holds { topic: "u".into(), ..holds() }, "the topic"),
            (Holds { cluster: Some("d".into()), ..holds() }, "the cluster"),
            (Holds { formats: "KAFKA / AVRO".into(), ..holds() }, "the formats"),
            (Holds { columns: Holds::hash("A BIGINT"), ..holds() }, "the columns"),
            (Holds { schemas: Some("value 8".into()), ..holds() }, "the newest schema"),
            (Holds { statement: Holds::hash("CREATE OR REPLACE"), ..holds() }, "the stream's statement"),
            (Holds { decoder: 2, ..holds() }, "lakehand's decoder"),
        ] {
            assert_eq!(then.changed(&now), Some(what));
        }
    }

    #[test]
    fn a_difference_without_values_says_what_differs() {
        let difference = SourceDifference {
            partition: 1,
            offset: 12,
            column: "AMOUNT".into(),
            kafka: Some("1.50".into()),
            ksqldb: Some("1.51".into()),
            what: "another value".into(),
        };
        assert_eq!(difference.to_string(), "partition 1, offset 12, AMOUNT: 1.50 by Kafka, 1.51 by ksqlDB");
        let hidden = SourceDifference { kafka: None, ksqldb: None, ..difference };
        assert_eq!(hidden.to_string(), "partition 1, offset 12, AMOUNT: another value");
    }
}

//! The records of a stream's topic, as ksqlDB's own serializers (KAFKA keys, JSON values) write them.
//!
//! In a topic times are integers at every depth and DECIMAL is a number; an answer to a query shows them otherwise.

use super::DemoServer;
use super::catalog::{Data, Origin};
use super::cell::Cell;
use super::every::Every;
use super::print;
use super::writer::quote;

/// A record, to be produced into a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicRecord {
    /// Its partition.
    pub partition: i32,
    /// Milliseconds since 1970.
    pub time: i64,
    /// The key.
    pub key: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

impl DemoServer {
    /// The records of a stream's topic as they are now, partition by partition; the first of each is at offset `from`. None
    /// for a name that is no stream.
    pub fn topic_records(&self, stream: &str, from: u64) -> Vec<TopicRecord> {
        let state = self.state();
        let catalog = state.catalog();
        let Some(source) = catalog.get(stream) else { return Vec::new() };
        let Data::Stream(log) = source.data else { return Vec::new() };
        let mut records = Vec::new();
        for (partition, end) in (0_u64..).zip(log.ends(&state.world, state.transactions())) {
            for offset in from..end {
                let record = log.record(&state.world, partition, offset);
                let mut value = b"{".to_vec();
                let mut key = Vec::new();
                for column in &source.columns {
                    let Origin::Record(cell) = column.origin else { continue };
                    if column.key {
                        cell.print(&record, &mut key);
                        continue;
                    }
                    if value.len() > 1 {
                        value.push(b',');
                    }
                    value.extend_from_slice(quote(&column.name).as_bytes());
                    value.push(b':');
                    match cell {
                        Cell::EventTime => print::integer(&mut value, record.transaction.time_ms),
                        Cell::Every(every) => every.print_in_topic(record.transaction.index, &mut value),
                        cell => cell.print(&record, &mut value),
                    }
                }
                value.push(b'}');
                // A STRING key of the format KAFKA is its text alone.
                let key = key
                    .trim_ascii()
                    .strip_prefix(b"\"")
                    .and_then(|key| key.strip_suffix(b"\""))
                    .unwrap_or(&key);
                records.push(TopicRecord {
                    partition: i32::try_from(partition).unwrap_or(i32::MAX),
                    time: record.transaction.time_ms,
                    key: key.to_vec(),
                    value,
                });
            }
        }
        records
    }
}

impl Every {
    /// The JSON of the column as a topic has it.
    fn print_in_topic(self, index: u64, out: &mut Vec<u8>) {
        let is_time = matches!(self, Self::Date | Self::Time | Self::Timestamp);
        self.print_as(index, is_time, out);
    }
}

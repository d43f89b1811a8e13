//! The records of a topic, as ksqlDB's own serializers (KAFKA or JSON keys, JSON values) write them.
//!
//! In a topic times are integers at every depth and DECIMAL is a number; an answer to a query shows them otherwise.

use std::collections::BTreeMap;

use super::DemoServer;
use super::aggregate::{Aggregates, Table, sessions};
use super::catalog::{Data, Origin, Source, SourceColumn, millis};
use super::cell::{Cell, Record};
use super::every::Every;
use super::predicate::Value;
use super::print;
use super::server::State;
use super::writer::quote;
use crate::ksql::schema::SqlType;

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

/// A change of a table, as its topic has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableChange {
    /// Its partition.
    pub partition: i32,
    /// Milliseconds since 1970.
    pub time: i64,
    /// The key, with its window behind it.
    pub key: Vec<u8>,
    /// The value; `None` for a tombstone.
    pub value: Option<Vec<u8>>,
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
                let (key, value) = bytes_of(source, &record);
                records.push(TopicRecord {
                    partition: i32::try_from(partition).unwrap_or(i32::MAX),
                    time: record.transaction.time_ms,
                    key,
                    value,
                });
            }
        }
        records
    }

    /// What came into a table's topic until now, in three steps. None for a name that is no table.
    pub fn table_changes(&self, table: &str) -> Vec<TableChange> {
        let state = self.state();
        let catalog = state.catalog();
        let Some(source) = catalog.get(table) else { return Vec::new() };
        let Data::Table(table) = source.data else { return Vec::new() };
        table_changes(state, source, table)
    }
}

/// The bytes of a record's key and value.
pub(super) fn bytes_of(source: &Source, record: &Record) -> (Vec<u8>, Vec<u8>) {
    let mut value = b"{".to_vec();
    let mut key = Vec::new();
    for column in &source.columns {
        let Origin::Record(cell) = column.origin else { continue };
        if column.key {
            cell.print(record, &mut key);
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
            cell => cell.print(record, &mut value),
        }
    }
    value.push(b'}');
    // A STRING key of the format KAFKA is its text alone.
    let key = key.trim_ascii().strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\"")).unwrap_or(&key);
    (key.to_vec(), value)
}

/// The rows that are new or other after each third of the transactions, and a tombstone for each
/// key that is gone, as of a session that became part of a longer one.
fn table_changes(state: &State, source: &Source, table: Table) -> Vec<TableChange> {
    let mut known: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut records = Vec::new();
    for third in 1..=3 {
        let count = state.transactions() * third / 3;
        let rows = if table == Table::UserSessions {
            sessions(&state.world, count, None)
        } else {
            let mut tables = Aggregates::default();
            tables.advance(&state.world, count);
            tables.rows(table)
        };
        let now: BTreeMap<_, _> =
            rows.iter().map(|row| (table_key(source, row), table_value(source, row))).collect();
        let gone = known.keys().filter(|key| !now.contains_key(*key)).map(|key| (key, None));
        let new = now.iter().filter(|(key, value)| known.get(*key) != Some(*value));
        for (key, value) in gone.chain(new.map(|(key, value)| (key, Some(value.clone())))) {
            // Windows of one key are in one partition.
            let windows = match source.window {
                None => 0,
                Some("SESSION") => 16,
                Some(_) => 8,
            };
            let plain = key.get(..key.len().saturating_sub(windows)).unwrap_or_default();
            let sum = plain.iter().map(|byte| u32::from(*byte)).sum::<u32>();
            records.push(TableChange {
                partition: i32::try_from(u64::from(sum) % state.world.partitions()).unwrap_or(0),
                time: i64::try_from(count).unwrap_or(0),
                key: key.clone(),
                value,
            });
        }
        known = now;
    }
    records
}

/// The key of a table's row with its window behind it.
fn table_key(source: &Source, row: &[Vec<u8>]) -> Vec<u8> {
    let members = || std::iter::zip(&source.columns, row);
    let keys: Vec<_> = members().filter(|(column, _)| column.key && !column.window).collect();
    let mut key = if source.key_format == "JSON" {
        object(keys.into_iter())
    } else {
        // A STRING of the format KAFKA is its text alone.
        let text = keys.first().map(|(_, value)| value.as_slice()).unwrap_or_default();
        text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text).to_vec()
    };
    let bounds: Vec<i64> = members()
        .filter(|(column, _)| column.window)
        .filter_map(|(_, value)| std::str::from_utf8(value).ok()?.parse().ok())
        .collect();
    match (source.window, bounds.as_slice()) {
        (Some("SESSION"), [start, end]) => {
            key.extend(end.to_be_bytes());
            key.extend(start.to_be_bytes());
        }
        (Some(_), [start, _]) => key.extend(start.to_be_bytes()),
        _ => {}
    }
    key
}

/// The value of a table's row.
fn table_value(source: &Source, row: &[Vec<u8>]) -> Vec<u8> {
    let values = std::iter::zip(&source.columns, row).filter(|(column, _)| !column.key);
    object(values)
}

fn object<'a>(members: impl Iterator<Item = (&'a SourceColumn, &'a Vec<u8>)>) -> Vec<u8> {
    let mut out = b"{".to_vec();
    for (column, value) in members {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(quote(&column.name).as_bytes());
        out.push(b':');
        match Value::from_json(value) {
            Value::Text(text) if column.sql_type == SqlType::Timestamp => {
                out.extend_from_slice(millis(&text).unwrap_or(0).to_string().as_bytes());
            }
            _ => out.extend_from_slice(value),
        }
    }
    out.push(b'}');
    out
}

impl Every {
    /// The JSON of the column as a topic has it.
    fn print_in_topic(self, index: u64, out: &mut Vec<u8>) {
        let is_time = matches!(self, Self::Date | Self::Time | Self::Timestamp);
        self.print_as(index, is_time, out);
    }
}

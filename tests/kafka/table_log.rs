//! A table's log that changes while it is read, and one with more keys than fit into memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::cast::AsArray;
use arrow::datatypes::Int64Type;
use lakehand::export::{Outcome, Setup};
use lakehand::feed::parse_feed;
use lakehand::ksql::decode::record::{Layout, Record, RecordDecoder, SchemaBook};
use lakehand::lake::{Lake, Limits};
use lakehand::pool::Pool;
use lakehand::source::{
    Brokers, Chosen, Cluster, KeyScan, KeyStep, Keyed, Log, LogIdentity, Scan, Span, Step,
};
use lakehand::{Kind, Result};

use crate::engine::{export_once, setup};
use crate::support::{Server, batches, data_files};

/// A record: offset, key, and TX_COUNT, without which it is a tombstone.
type Entry = (i64, String, Option<i64>);

/// Partitions of a log in memory.
#[derive(Debug, Default, Clone)]
struct Partitions(BTreeMap<i32, (i64, Vec<Entry>)>);

impl Partitions {
    fn append(&mut self, partition: i32, key: &str, count: Option<i64>) {
        let (end, entries) = self.0.entry(partition).or_default();
        entries.push((*end, key.to_owned(), count));
        *end += 1;
    }

    /// Of each key the newest record stays.
    fn compact(&mut self) {
        for (_, entries) in self.0.values_mut() {
            let newest: BTreeMap<_, _> = entries.iter().map(|(at, key, _)| (key.clone(), *at)).collect();
            entries.retain(|(at, key, _)| newest[key] == *at);
        }
    }

    /// The records of a span.
    fn of(&self, spans: &BTreeMap<i32, Span>) -> Vec<(i32, Entry)> {
        let of = |(partition, span): (&i32, &Span)| {
            let (_, entries) = self.0.get(partition).cloned().unwrap_or_default();
            let until = span.until.unwrap();
            let inside = entries.into_iter().filter(|(at, ..)| (span.next..until).contains(at));
            inside.map(|entry| (*partition, entry)).collect::<Vec<_>>()
        };
        spans.iter().flat_map(of).collect()
    }
}

/// What happens to the log before the scan of that number (from 0) of keys or rows begins.
type Change = Box<dyn Fn(Opened, usize, &mut Partitions) + Send + Sync>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opened {
    Keys,
    Rows,
}

struct FakeLog {
    partitions: Mutex<Partitions>,
    change: Change,
    /// Scans of keys, and of rows.
    opened: Mutex<(usize, usize)>,
}

impl std::fmt::Debug for FakeLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeLog").finish_non_exhaustive()
    }
}

impl FakeLog {
    fn new(
        partitions: Partitions,
        change: impl Fn(Opened, usize, &mut Partitions) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            partitions: Mutex::new(partitions),
            change: Box::new(change),
            opened: Mutex::default(),
        })
    }

    fn open(&self, opened: Opened, spans: &BTreeMap<i32, Span>) -> Vec<(i32, Entry)> {
        let mut partitions = self.partitions.lock().unwrap();
        let mut count = self.opened.lock().unwrap();
        let count = if opened == Opened::Keys { &mut count.0 } else { &mut count.1 };
        (self.change)(opened, *count, &mut partitions);
        *count += 1;
        partitions.of(spans)
    }
}

impl Brokers for FakeLog {
    fn cluster(&self) -> Result<Cluster> {
        Ok(Cluster { id: None, brokers: 1 })
    }

    fn log(&self, topic: &str) -> Result<Log> {
        let partitions = self.partitions.lock().unwrap();
        let bounds: BTreeMap<_, _> = partitions.0.iter().map(|(p, (end, _))| (*p, (0, *end))).collect();
        let identity = LogIdentity { topic: topic.to_owned(), cluster: None, partitions: bounds.len() };
        Ok(Log { identity, bounds, schemas: None })
    }

    fn newest_schemas(&self, _: &str, _: &Layout) -> Result<Option<String>> {
        Ok(None)
    }

    fn can_read(&self, _: &Layout) -> Result<()> {
        Ok(())
    }

    fn open(&self, _: &str, _: &BTreeMap<i32, Span>, _: &Layout, _: &Arc<Pool>) -> Result<Box<dyn Scan>> {
        unreachable!("a table is not read like a stream")
    }

    fn keys(&self, _: &str, spans: &BTreeMap<i32, Span>, _: &Layout) -> Result<Box<dyn KeyScan>> {
        Ok(Box::new(FakeKeys(self.open(Opened::Keys, spans).into_iter())))
    }

    fn open_chosen(&self, _: &str, chosen: Chosen, layout: &Layout, _: &Arc<Pool>) -> Result<Box<dyn Scan>> {
        let entries = self.open(Opened::Rows, &chosen.spans());
        Ok(Box::new(FakeRows { entries: entries.into_iter(), chosen, decoder: RecordDecoder::new(layout)? }))
    }
}

struct FakeKeys(std::vec::IntoIter<(i32, Entry)>);

impl KeyScan for FakeKeys {
    fn next(&mut self, _: Duration, take: &mut dyn FnMut(&Keyed<'_>) -> Result<()>) -> Result<KeyStep> {
        for (partition, (offset, key, count)) in self.0.by_ref().take(1_000) {
            take(&Keyed { partition, offset, key: Some(key.as_bytes()), is_tombstone: count.is_none() })?;
        }
        Ok(if self.0.len() == 0 { KeyStep::End } else { KeyStep::More })
    }

    fn schemas(&self) -> Arc<SchemaBook> {
        Arc::default()
    }

    fn bytes(&self) -> u64 {
        0
    }
}

struct FakeRows {
    entries: std::vec::IntoIter<(i32, Entry)>,
    chosen: Chosen,
    decoder: RecordDecoder,
}

impl Scan for FakeRows {
    fn next(&mut self, _: Duration) -> Result<Step> {
        for (partition, (offset, key, count)) in self.entries.by_ref() {
            if self.chosen.meet(partition, offset)? {
                let value = count.map(|count| format!("{{\"TX_COUNT\":{count}}}"));
                let value = value.as_deref().map(str::as_bytes);
                let key = Some(key.as_bytes());
                let record = Record { partition, offset, time: Some(0), key, value, headers: &[] };
                self.decoder.push(&record).unwrap();
            }
            if self.decoder.len() == 1_000 {
                break;
            }
        }
        if self.decoder.is_empty() {
            self.chosen.end()?;
            return Ok(Step::End);
        }
        Ok(Step::Rows(self.decoder.finish()?))
    }

    fn bytes(&self) -> u64 {
        0
    }
}

/// Exports the table from this log; gives the outcome.
fn export(log: &Arc<FakeLog>, lake: &Path, change: impl FnOnce(&mut Setup)) -> Outcome {
    let server = Server::with_rows(30);
    let mut setup = setup(&server.url(), Lake::new(lake));
    setup.logs = Some(Arc::clone(log) as Arc<dyn Brokers>);
    change(&mut setup);
    let text = r#"{"feed_name": "totals", "feed_type": "table", "ksqldb_source": "PAYMENT_METHOD_TOTALS", "read": "kafka"}"#;
    let feed = parse_feed(text, "totals").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(export_once(setup, feed))
}

/// TX_COUNT by key.
fn held(lake: &Path) -> BTreeMap<String, i64> {
    let mut held = BTreeMap::new();
    for batch in data_files(&lake.join("tables/payment_method_totals")).iter().flat_map(|file| batches(file))
    {
        let keys = batch.column_by_name("PAYMENT_METHOD").unwrap().as_string::<i32>().clone();
        let counts = batch.column_by_name("TX_COUNT").unwrap().as_primitive::<Int64Type>().clone();
        for row in 0..batch.num_rows() {
            assert_eq!(held.insert(keys.value(row).to_owned(), counts.value(row)), None, "a key came twice");
        }
    }
    held
}

fn map(entries: &[(&str, i64)]) -> BTreeMap<String, i64> {
    entries.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect()
}

fn two_keys() -> Partitions {
    let mut partitions = Partitions::default();
    for (key, count) in [("a", 1), ("b", 2), ("a", 3)] {
        partitions.append(0, key, Some(count));
    }
    partitions
}

#[test]
fn a_record_that_compaction_takes_between_the_reads_makes_the_read_begin_anew() {
    let log = FakeLog::new(two_keys(), |opened, nth, partitions| {
        if (opened, nth) == (Opened::Rows, 0) {
            partitions.append(0, "b", Some(20));
            partitions.compact();
        }
    });
    let lake = tempfile::tempdir().unwrap();
    // Without a second attempt nothing is published: never a table without the key.
    match export(&log, lake.path(), |_| ()) {
        Outcome::Failed(error) => {
            assert_eq!(error.kind(), Kind::Incomplete, "{error}");
            assert!(error.to_string().contains("removed from the log"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(held(lake.path()), BTreeMap::new());
    // The next attempt has other bounds.
    let log = FakeLog::new(two_keys(), |opened, nth, partitions| {
        if (opened, nth) == (Opened::Rows, 0) {
            partitions.append(0, "b", Some(20));
            partitions.compact();
        }
    });
    let outcome = export(&log, lake.path(), |setup| setup.options.retries = 1);
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    assert_eq!(held(lake.path()), map(&[("a", 3), ("b", 20)]));
}

/// The key's old record is gone before it was read, and the new one lies behind the end that was asked for.
#[test]
fn a_record_that_compaction_takes_before_it_is_read_is_found_behind_the_end() {
    let log = FakeLog::new(two_keys(), |opened, nth, partitions| match (opened, nth) {
        (Opened::Keys, 0) => {
            partitions.append(0, "b", Some(20));
            partitions.compact();
        }
        // And once more, while what came meanwhile is read.
        (Opened::Keys, 1) => {
            partitions.append(0, "b", Some(200));
            partitions.append(0, "c", Some(7));
            partitions.compact();
        }
        _ => {}
    });
    let lake = tempfile::tempdir().unwrap();
    let outcome = export(&log, lake.path(), |_| ());
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    assert_eq!(held(lake.path()), map(&[("a", 3), ("b", 200), ("c", 7)]));
    assert_eq!(log.opened.lock().unwrap().1, 1, "nothing was read twice for it");
}

#[test]
fn a_tombstone_that_goes_between_the_reads_is_no_matter() {
    let mut partitions = two_keys();
    partitions.append(0, "b", None);
    let log = FakeLog::new(partitions, |opened, nth, partitions| {
        if (opened, nth) == (Opened::Rows, 0) {
            partitions.0.get_mut(&0).unwrap().1.retain(|(_, _, count)| count.is_some());
        }
    });
    let lake = tempfile::tempdir().unwrap();
    let outcome = export(&log, lake.path(), |_| ());
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    assert_eq!(held(lake.path()), map(&[("a", 3)]));
}

#[test]
fn more_keys_than_fit_into_memory_are_read_in_parts() {
    let mut partitions = Partitions::default();
    let key = |partition: i32, n: i64| format!("{partition}-{n}");
    // One partition holds more than fits alone, and two small ones lie beside it.
    let sizes = [(0, 30_000), (1, 2_000), (2, 2_000)];
    for (partition, keys) in sizes {
        for n in 0..keys {
            partitions.append(partition, &key(partition, n), Some(n));
        }
        for n in (0..keys).step_by(3) {
            partitions.append(partition, &key(partition, n), (n % 2 == 0).then_some(-n));
        }
    }
    let mut expected = BTreeMap::new();
    for (partition, keys) in sizes {
        for n in 0..keys {
            match (n % 3, n % 2) {
                (0, 0) => drop(expected.insert(key(partition, n), -n)),
                (0, _) => {}
                _ => drop(expected.insert(key(partition, n), n)),
            }
        }
    }
    let log = FakeLog::new(partitions, |_, _, _| ());
    let lake = tempfile::tempdir().unwrap();
    let outcome = export(&log, lake.path(), |setup| {
        setup.limits = Limits { memory_bytes: 1 << 20, ..setup.limits.clone() };
    });
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    assert!(held(lake.path()) == expected);
    let (keys, rows) = *log.opened.lock().unwrap();
    assert!(rows >= 3 && keys >= rows, "{keys} reads of keys, {rows} of rows");
}

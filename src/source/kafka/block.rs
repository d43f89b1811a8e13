//! Records copied together, so that a thread of the pool decodes them while the next ones come.

use std::ops::Range;

use rdkafka::Message as _;
use rdkafka::message::{BorrowedMessage, Headers as _};

use crate::error::Result;
use crate::ksql::decode::record::{Header, Record, RecordDecoder};
use crate::source::{BadRecord, Step};

/// Bytes of records after which the decoder is asked whether it is full; it is so far below what it can hold.
const LOOK_BYTES: usize = 64 << 10;

/// Records of any partitions, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    records: Vec<Place>,
    headers: Vec<(Range<usize>, Option<Range<usize>>)>,
}

/// Where a record lies in the block's bytes.
#[derive(Debug)]
struct Place {
    partition: i32,
    offset: i64,
    time: Option<i64>,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Range<usize>,
}

impl Block {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of its records.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Copies a record. `with_headers`: some column holds headers.
    pub(super) fn push(&mut self, message: &BorrowedMessage<'_>, with_headers: bool) {
        let first = self.headers.len();
        if with_headers && let Some(headers) = message.headers() {
            for header in headers.iter() {
                let name = self.copy(header.key.as_bytes());
                let value = header.value.map(|value| self.copy(value));
                self.headers.push((name, value));
            }
        }
        let key = message.key().map(|key| self.copy(key));
        let value = message.payload().map(|value| self.copy(value));
        self.records.push(Place {
            partition: message.partition(),
            offset: message.offset(),
            time: message.timestamp().to_millis(),
            key,
            value,
            headers: first..self.headers.len(),
        });
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    /// Decodes all of it and leaves it empty, its room kept. Bad records stand between the batches of those around them.
    pub(super) fn decode(&mut self, decoder: &mut RecordDecoder) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        // To ask every column after every record costs more than some of the columns.
        let mut unseen = 0;
        let bytes = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
        let mut headers = Vec::new();
        for place in &self.records {
            headers.clear();
            headers.extend(self.headers[place.headers.clone()].iter().map(|(name, value)| Header {
                name: std::str::from_utf8(bytes(name)).unwrap_or_default(),
                value: value.as_ref().map(bytes),
            }));
            let record = Record {
                partition: place.partition,
                offset: place.offset,
                time: place.time,
                key: place.key.as_ref().map(bytes),
                value: place.value.as_ref().map(bytes),
                headers: &headers,
            };
            if let Err(bad) = decoder.push(&record) {
                if !decoder.is_empty() {
                    steps.push(Step::Rows(decoder.finish()?));
                }
                let value = record.value.unwrap_or_default().to_vec();
                let (partition, offset) = (place.partition, place.offset);
                steps.push(Step::Bad(BadRecord { partition, offset, bad, value }));
            }
            unseen += record.value.map_or(1, |value| value.len() + 1);
            if unseen >= LOOK_BYTES && std::mem::take(&mut unseen) > 0 && decoder.is_full() {
                steps.push(Step::Rows(decoder.finish()?));
            }
        }
        if !decoder.is_empty() {
            steps.push(Step::Rows(decoder.finish()?));
        }
        self.bytes.clear();
        self.records.clear();
        self.headers.clear();
        Ok(steps)
    }
}

//! When two keys of a table are the same. ksqlDB compares what a key says, and not its bytes: an object's members may stand
//! in any order, and a schema's id before them may be another one.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::row::{RowConverter, SortField};

use super::newest::{KeyHash, hash};
use crate::error::{Error, Kind, Result};
use crate::ksql::decode::record::{
    Format, Layout, ROW_COLUMNS, Record, RecordColumn, RecordDecoder, RowTime, SchemaBook,
};
use crate::ksql::schema::Role;
use crate::source::Keyed;

/// Keys that are decoded together.
const TOGETHER: usize = 4096;

/// A record whose key is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Partition and offset.
    pub(super) place: (i32, i64),
    pub(super) hash: KeyHash,
    pub(super) is_tombstone: bool,
}

/// Hashes of keys, equal where ksqlDB takes the keys for the same.
pub(super) struct KeyIdentity {
    seed: u64,
    /// `None`: there is one way to write a key, and its bytes say all.
    decoded: Option<Decoded>,
    is_json: bool,
    known: Vec<Known>,
}

struct Decoded {
    decoder: RecordDecoder,
    converter: RowConverter,
    /// Places in `known` of the keys that the decoder holds.
    waiting: Vec<usize>,
}

impl KeyIdentity {
    /// For the keys of this layout, which may name these schemas.
    ///
    /// # Errors
    /// Those of the decoder.
    pub(super) fn new(layout: &Layout, schemas: Arc<SchemaBook>, seed: u64) -> Result<Self> {
        let is_plain = matches!(layout.key, Format::Kafka | Format::None);
        let decoded = if is_plain { None } else { Decoded::new(layout, schemas)? };
        let is_json = matches!(layout.key, Format::Json { .. } | Format::JsonSr { .. });
        Ok(Self { seed, decoded, is_json, known: Vec::new() })
    }

    /// Takes a record. True when it is time to [`KeyIdentity::drain`].
    pub(super) fn push(&mut self, keyed: &Keyed<'_>) -> bool {
        // A record without a key, or whose key is JSON's null, is none of a table.
        let Some(key) = keyed.key.filter(|key| !(self.is_json && key.trim_ascii() == b"null")) else {
            return false;
        };
        let place = (keyed.partition, keyed.offset);
        let mut hash = hash(self.seed, key);
        if let Some(decoded) = &mut self.decoded {
            if decoded.take(place, key) {
                decoded.waiting.push(self.known.len());
            } else {
                // What cannot be decoded is the same as its own bytes alone.
                hash.0 = !hash.0;
            }
        }
        self.known.push(Known { place, hash, is_tombstone: keyed.is_tombstone });
        self.known.len() >= TOGETHER
    }

    /// Hands over what was taken, in its order.
    ///
    /// # Errors
    /// `Kind::Bug`, and those of `take`.
    pub(super) fn drain(&mut self, mut take: impl FnMut(Known) -> Result<()>) -> Result<()> {
        if let Some(decoded) = &mut self.decoded {
            decoded.hashes(self.seed, &mut self.known)?;
        }
        self.known.drain(..).try_for_each(&mut take)
    }
}

impl Decoded {
    /// `None` for keys of a type that has no order: MAPs, which ksqlDB does not take as keys.
    fn new(layout: &Layout, schemas: Arc<SchemaBook>) -> Result<Option<Self>> {
        let keys = layout.columns.iter().filter(|column| column.role == Role::Key);
        let keys = keys.map(|column| RecordColumn { lake: Some(column.name.clone()), ..column.clone() });
        let layout = Layout {
            columns: keys.collect(),
            value: Format::None,
            row_time: RowTime::Record,
            ..layout.clone()
        };
        let decoder = RecordDecoder::with_schemas(&layout, schemas)?;
        let schema = decoder.schema();
        let fields = schema.fields().iter().skip(ROW_COLUMNS);
        let fields = fields.map(|field| SortField::new(field.data_type().clone())).collect();
        Ok(RowConverter::new(fields).ok().map(|converter| Self { decoder, converter, waiting: Vec::new() }))
    }

    /// Decodes a key; false when that cannot be done.
    fn take(&mut self, (partition, offset): (i32, i64), key: &[u8]) -> bool {
        let record =
            Record { partition, offset, time: Some(0), key: Some(key), value: Some(b""), headers: &[] };
        self.decoder.push(&record).unwrap_or(false)
    }

    /// Gives the keys that wait the hashes of what they say.
    fn hashes(&mut self, seed: u64, known: &mut [Known]) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let bug = |e| Error::new(Kind::Bug, format!("keys cannot be compared: {e}"));
        let batch = self.decoder.finish()?;
        let columns: Vec<ArrayRef> = batch.columns().iter().skip(ROW_COLUMNS).map(Arc::clone).collect();
        let rows = self.converter.convert_columns(&columns).map_err(bug)?;
        for (at, row) in self.waiting.drain(..).zip(rows.iter()) {
            if let Some(known) = known.get_mut(at) {
                known.hash = hash(seed, row.as_ref());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ksql::decode::record::KeyWindow;
    use crate::ksql::schema::SqlType;

    fn layout(key: Format, names: &[&str], window: Option<KeyWindow>) -> Layout {
        let columns = names.iter().map(|name| RecordColumn {
            name: (*name).to_owned(),
            // Left out by the feed: what a key is has nothing to do with that.
            lake: None,
            sql_type: SqlType::String,
            role: Role::Key,
        });
        Layout {
            columns: columns.collect(),
            key,
            value: Format::Json { wrapped: true },
            window,
            row_time: RowTime::Column { name: "T".to_owned(), pattern: None },
        }
    }

    fn hashes(layout: &Layout, keys: &[Option<&[u8]>]) -> Vec<KeyHash> {
        hashes_with(Arc::default(), layout, keys)
    }

    fn hashes_with(book: Arc<SchemaBook>, layout: &Layout, keys: &[Option<&[u8]>]) -> Vec<KeyHash> {
        let mut identity = KeyIdentity::new(layout, book, 3).unwrap();
        for (offset, key) in (0..).zip(keys) {
            let keyed = Keyed { partition: 0, offset, key: *key, is_tombstone: false };
            assert!(!identity.push(&keyed));
        }
        let mut found = Vec::new();
        identity
            .drain(|known| {
                found.push(known.hash);
                Ok(())
            })
            .unwrap();
        found
    }

    #[test]
    fn a_key_is_what_it_says() {
        let json = layout(Format::Json { wrapped: true }, &["A", "B"], None);
        let found = hashes(
            &json,
            &[
                Some(br#"{"A":"x","B":"y"}"#),
                Some(br#" {"B":"\u0079","A":"x"} "#),
                Some(br#"{"A":"y","B":"x"}"#),
                Some(br#"{"A":"x"}"#),
                Some(br#"{"A":"x","B":null}"#),
                Some(b"null"),
                None,
                Some(b"{broken"),
                Some(b"{broken"),
                Some(b"[broken"),
            ],
        );
        assert_eq!(found.len(), 8, "a record without a key is none of a table");
        assert_eq!((found[0], found[3], found[5]), (found[1], found[4], found[6]));
        let different: std::collections::BTreeSet<_> = found.iter().collect();
        assert_eq!(different.len(), 5);
    }

    #[test]
    fn a_key_in_avro_is_the_same_by_whatever_schema() {
        use crate::ksql::decode::record::AvroSchema;
        let book = SchemaBook::default();
        for (id, text) in [(1, r#""string""#), (2, r#"["null","string"]"#)] {
            book.keep(id, AvroSchema::parse(text, &[]).map(Arc::new));
        }
        let avro = layout(Format::Avro { wrapped: false }, &["A"], None);
        let found = hashes_with(
            Arc::new(book),
            &avro,
            &[
                Some(&[0, 0, 0, 0, 1, 2, b'x']),
                Some(&[0, 0, 0, 0, 2, 2, 2, b'x']),
                Some(&[0, 0, 0, 0, 1, 2, b'y']),
                Some(&[0, 0, 0, 0, 3, 2, b'x']),
            ],
        );
        assert_eq!(found[0], found[1]);
        assert_eq!(found.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    }

    #[test]
    fn windows_belong_to_the_key() {
        let window = Some(KeyWindow::Session);
        for format in [Format::Json { wrapped: false }, Format::Kafka] {
            let layout = layout(format, &["A"], window);
            let key =
                |end: i64, start: i64| [&b"\"x\""[..], &end.to_be_bytes(), &start.to_be_bytes()].concat();
            let keys = [key(9, 4), key(9, 5), key(9, 4)];
            let found = hashes(&layout, &keys.each_ref().map(|key| Some(key.as_slice())));
            assert!(found[0] == found[2] && found[0] != found[1], "{format:?}");
        }
    }
}

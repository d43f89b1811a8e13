//! A record, and what the records of a stream or a table hold.

use crate::ksql::schema::{Role, SqlType};

/// A record as the consumer hands it over.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The Kafka partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// Milliseconds since 1970; `None` where the record has none.
    pub time: Option<i64>,
    /// The key's bytes.
    pub key: Option<&'a [u8]>,
    /// The value's bytes; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers, in their order.
    pub headers: &'a [Header<'a>],
}

/// A header of a record.
#[derive(Debug, Clone, Copy)]
pub struct Header<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// How a key or a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// There is none.
    None,
    /// JSON text. `wrapped`: an object with a member for each column; else the one column's value itself.
    Json {
        /// An object around the columns.
        wrapped: bool,
    },
    /// The same behind a zero byte and the id of a schema.
    JsonSr {
        /// An object around the columns.
        wrapped: bool,
    },
    /// AVRO behind a zero byte and the id of its schema. `wrapped`: a record with a field for each column.
    Avro {
        /// A record around the columns.
        wrapped: bool,
    },
    /// One value as Kafka's own serializers write it.
    Kafka,
    /// A line of values with this character between them.
    Delimited(char),
}

impl Format {
    /// Whether values cannot be read without the schema that they name.
    pub fn needs_schema(self) -> bool {
        matches!(self, Self::Avro { .. })
    }
}

/// A column of the source, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordColumn {
    /// The source's name.
    pub name: String,
    /// Its name in the lake; `None` when it is left out.
    pub lake: Option<String>,
    /// Its type.
    pub sql_type: SqlType,
    /// Where it stands in the record.
    pub role: Role,
}

/// The bounds of a window, which stand behind the bytes of a windowed key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWindow {
    /// Eight bytes: when the window begins. It ends this many milliseconds later.
    Sized {
        /// The size, in milliseconds.
        ms: i64,
    },
    /// Sixteen bytes: when the session ends, then when it begins.
    Session,
}

impl KeyWindow {
    /// The key without its window, and the window's start and end in milliseconds since 1970; `None` for too few bytes.
    pub fn split(self, key: &[u8]) -> Option<(&[u8], [i64; 2])> {
        let (rest, last) = key.split_last_chunk::<8>()?;
        let start = i64::from_be_bytes(*last);
        match self {
            // An end beyond all time is the end of time, as in Kafka Streams.
            Self::Sized { ms } => Some((rest, [start, start.saturating_add(ms)])),
            Self::Session => {
                let (rest, end) = rest.split_last_chunk::<8>()?;
                Some((rest, [start, i64::from_be_bytes(*end)]))
            }
        }
    }
}

/// What ROWTIME is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowTime {
    /// The record's time.
    Record,
    /// The value of this column: BIGINT or TIMESTAMP, or STRING with a pattern of Java's `DateTimeFormatter`.
    Column {
        /// The source's name of it.
        name: String,
        /// The pattern, for a STRING.
        pattern: Option<String>,
    },
}

impl RowTime {
    /// It is the value of this column.
    pub(super) fn is(&self, column: &RecordColumn) -> bool {
        matches!(self, Self::Column { name, .. } if *name == column.name)
    }
}

/// How the records of a stream or a table are laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Every column of the source; those of one role in declared order.
    pub columns: Vec<RecordColumn>,
    /// The keys' format.
    pub key: Format,
    /// The window of each key, for a windowed source. Its bounds are columns behind those of the key.
    pub window: Option<KeyWindow>,
    /// The values' format.
    pub value: Format,
    /// ROWTIME.
    pub row_time: RowTime,
}

impl Layout {
    /// Whether records cannot be read without the schemas that they name.
    pub fn needs_schemas(&self) -> bool {
        self.key.needs_schema() || self.value.needs_schema()
    }

    /// The schemas that a record names and that it cannot be read without.
    pub fn schema_ids(&self, key: Option<&[u8]>, value: Option<&[u8]>) -> impl Iterator<Item = u32> {
        let of = |format: Format, bytes: Option<&[u8]>| {
            bytes.filter(|_| format.needs_schema()).and_then(super::schema_id)
        };
        // A tombstone is no row, so its key is not read.
        [value.and(of(self.key, key)), of(self.value, value)].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_stands_behind_its_key() {
        let key = |times: &[i64]| {
            let times = times.iter().flat_map(|time| time.to_be_bytes());
            b"k".iter().copied().chain(times).collect::<Vec<u8>>()
        };
        let sized = KeyWindow::Sized { ms: 10 };
        assert_eq!(sized.split(&key(&[5])), Some((&b"k"[..], [5, 15])));
        assert_eq!(sized.split(&key(&[i64::MAX - 1])).unwrap().1, [i64::MAX - 1, i64::MAX]);
        // A session's end comes first.
        assert_eq!(KeyWindow::Session.split(&key(&[9, 4])), Some((&b"k"[..], [4, 9])));
        assert_eq!(sized.split(&[0; 7]), None);
        assert_eq!(KeyWindow::Session.split(&[0; 15]), None);
    }
}

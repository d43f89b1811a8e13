//! What is a bad row here, and a row to ksqlDB: the differences that docs/kafka.md names.

use super::BadRow;
use super::number::{BEYOND_32, BEYOND_64};
use super::time::NO_TIME_OF_DAY;

/// Raised with every change that makes another row, or none, of a record or of an answer: what was compared before says
/// nothing of it.
pub const DECODER_VERSION: u32 = 1;

/// Half of a surrogate pair in a STRING.
pub(super) const HALF_PAIR: &str = "half of a surrogate pair";
/// One key twice in a MAP.
pub(super) const DOUBLE_KEY: &str = "the same key twice in a MAP";

impl BadRow {
    /// Whether ksqlDB is known to make a row of such a record: it wraps the number, leaves out the time, or keeps what the
    /// lake cannot hold.
    pub fn is_row_to_ksqldb(&self) -> bool {
        [BEYOND_32, BEYOND_64, NO_TIME_OF_DAY, HALF_PAIR, DOUBLE_KEY].contains(&self.reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use crate::ksql::decode::record::{Format, Layout, Record, RecordColumn, RecordDecoder, RowTime};
    use crate::ksql::schema::{Role, parse_type};

    #[test]
    fn what_ksqldb_wraps_or_keeps_is_told_from_what_it_drops() {
        let column = |name: &str, sql_type: &str| RecordColumn {
            name: name.into(),
            lake: Some(name.into()),
            sql_type: parse_type(sql_type).unwrap(),
            role: Role::Value,
        };
        let layout = Layout {
            columns: vec![
                column("I", "INTEGER"),
                column("L", "BIGINT"),
                column("T", "TIME"),
                column("S", "STRING"),
                column("M", "MAP<STRING, INTEGER>"),
            ],
            key: Format::None,
            window: None,
            value: Format::Json { wrapped: true },
            row_time: RowTime::Record,
        };
        let mut decoder = RecordDecoder::new(&layout).unwrap();
        for (value, known) in [
            (r#"{"I":2147483648}"#, true),
            (r#"{"L":9223372036854775808}"#, true),
            (r#"{"L":1e19}"#, true),
            (r#"{"T":86400000}"#, true),
            (r#"{"S":"\ud800"}"#, true),
            (r#"{"M":{"a":1,"a":2}}"#, true),
            (r#"{"I":"x"}"#, false),
            (r#"{"I":1"#, false),
            (r#"{"T":"10:00"}"#, false),
        ] {
            let record = Record {
                partition: 0,
                offset: 0,
                time: Some(0),
                key: None,
                value: Some(value.as_bytes()),
                headers: &[],
            };
            let bad = decoder.push(&record).unwrap_err();
            assert_eq!(bad.is_row_to_ksqldb(), known, "{value}: {}", bad.reason);
        }
    }
}

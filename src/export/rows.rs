//! Bytes become batches: framing, header check, decoding. What to do with a batch or a bad row is the sink's matter.

use arrow_array::RecordBatch;

use crate::error::{Error, Kind, Result};
use crate::ksql::decode::{BadRow, Decoder};
use crate::ksql::response::{Completion, Element, Frames, Framing};
use crate::ksql::statement::Selection;

/// Rows of a batch: large enough that Parquet's encoders work on runs; measured, half as many cost 5 to 15 % more.
const BATCH_ROWS: usize = 32 * 1024;
/// A batch is handed on when its rows hold this much, however few they are.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of rows after which the batch's size is looked at again.
const LOOK_BYTES: usize = 64 * 1024;

/// Where rows go.
pub trait Sink {
    /// Takes decoded rows, in the order in which they came.
    fn batch(&mut self, batch: RecordBatch) -> Result<()>;
    /// Takes a row that cannot be decoded; every row before it was handed over already.
    fn bad(&mut self, bad: BadRow, row: &[u8]) -> Result<()>;
}

/// One answer being read.
pub struct Rows<'a> {
    frames: Frames,
    decoder: Decoder,
    selection: &'a Selection,
    query_id: Option<String>,
    table: bool,
    /// Bytes of rows since the batch's size was looked at.
    unseen: usize,
}

impl<'a> Rows<'a> {
    /// For an answer in `framing` to the query that `selection` asked.
    pub fn new(framing: Framing, max_row_bytes: usize, selection: &'a Selection) -> Result<Self> {
        Ok(Self {
            frames: Frames::new(framing, max_row_bytes),
            decoder: Decoder::new(&selection.columns)?,
            selection,
            query_id: None,
            table: matches!(framing, Framing::Table | Framing::LegacyTable),
            unseen: 0,
        })
    }

    /// The query's id, once the header has come.
    pub fn query_id(&self) -> Option<&str> {
        self.query_id.as_deref()
    }

    /// The end mark has been seen.
    pub fn is_complete(&self) -> bool {
        self.frames.is_complete()
    }

    /// Takes bytes of the body.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> Result<()> {
        let Self { frames, decoder, selection, query_id, table, unseen } = self;
        frames.push(bytes, &mut |element| match element {
            Element::Header { query_id: id, columns } => {
                *query_id = Some(id.to_owned());
                selection.check_header(columns)
            }
            Element::Row { tombstone: true, .. } => Err(Error::new(
                Kind::Garbled,
                if *table { "a snapshot holds a deletion" } else { "a stream holds a deletion" },
            )),
            Element::Row { values, .. } => match decoder.push_row(values) {
                Ok(()) => {
                    *unseen += values.len();
                    let look = *unseen >= LOOK_BYTES;
                    if look {
                        *unseen = 0;
                    }
                    if decoder.len() >= BATCH_ROWS || (look && decoder.memory() >= BATCH_BYTES) {
                        flush(decoder, sink)?;
                    }
                    Ok(())
                }
                Err(bad) if bad.arity || bad.syntax => Err(Error::new(
                    Kind::Garbled,
                    format!("a row is not the row that the header announces: {}", bad.reason),
                )),
                Err(bad) => {
                    flush(decoder, sink)?;
                    sink.bad(bad, values)
                }
            },
        })
    }

    /// Hands over the rows decoded so far.
    pub fn flush(&mut self, sink: &mut dyn Sink) -> Result<()> {
        flush(&mut self.decoder, sink)
    }

    /// Judges the answer after a clean end of the transport.
    pub fn end(self) -> Result<Completion> {
        self.frames.end()
    }
}

fn flush(decoder: &mut Decoder, sink: &mut dyn Sink) -> Result<()> {
    if decoder.is_empty() {
        return Ok(());
    }
    sink.batch(decoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ksql::column::{ReadColumn, Wire};
    use crate::ksql::schema::SqlType;

    #[derive(Default)]
    struct Kept {
        rows: usize,
        bad: Vec<String>,
    }

    impl Sink for Kept {
        fn batch(&mut self, batch: RecordBatch) -> Result<()> {
            self.rows += batch.num_rows();
            Ok(())
        }

        fn bad(&mut self, bad: BadRow, _row: &[u8]) -> Result<()> {
            self.bad.push(bad.reason);
            Ok(())
        }
    }

    fn read(lines: &[u8]) -> (Kept, Result<()>) {
        let column = ReadColumn {
            label: "A".into(),
            name: "A".into(),
            sql_type: SqlType::String,
            wire: Wire::AsDeclared,
        };
        let selection = Selection { columns: vec![column], exprs: vec!["`A`".into()], star: false };
        let mut rows = Rows::new(Framing::Stream, 1 << 20, &selection).unwrap();
        let mut kept = Kept::default();
        let mut bytes = b"[{\"header\":{\"queryId\":\"q\",\"schema\":\"`A` STRING\"}},\n".to_vec();
        bytes.extend_from_slice(lines);
        let read = rows.push(&bytes, &mut kept).and_then(|()| rows.flush(&mut kept));
        (kept, read)
    }

    #[test]
    fn a_line_that_only_looks_like_a_row_is_garbled() {
        for line in [
            &b"{\"row\":{\"columns\":[\"x\"],\"y\":[2]}},\n"[..],
            b"{\"row\":{\"columns\":[\"x\"]}},{\"row\":{\"columns\":[\"y\"]}},\n",
            b"{\"row\":{\"columns\":[\"x\"]}},\n{\"row\":{\"columns\":[\"x\",1]}},\n",
            b"{\"row\":{\"columns\":[}]}},\n",
            b"{\"row\":{\"columns\":[\"x\"],\"tombstone\":true}},\n",
        ] {
            let error = read(line).1.unwrap_err();
            assert_eq!(error.kind(), Kind::Garbled, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn a_bad_value_is_handed_to_the_sink_after_the_rows_before_it() {
        let (kept, read) = read(b"{\"row\":{\"columns\":[\"x\"]}},\n{\"row\":{\"columns\":[\"\xff\"]}},\n");
        read.unwrap();
        assert_eq!(kept.rows, 1);
        assert_eq!(kept.bad.len(), 1);
        assert!(kept.bad[0].contains("UTF-8"), "{:?}", kept.bad);
    }
}

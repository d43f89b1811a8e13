//! Bytes become batches: framing, header check, decoding. What to do with a batch or a bad row is the sink's matter.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;

use super::decoding::{Decoding, Slice};
use crate::error::{Error, Kind, Result};
use crate::ksql::decode::BadRow;
use crate::ksql::response::{Completion, Element, Frames, Framing};
use crate::ksql::statement::Selection;
use crate::pool::Pool;

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
    decoding: Decoding,
    selection: &'a Selection,
    query_id: Option<String>,
    table: bool,
}

impl<'a> Rows<'a> {
    /// For an answer in `framing` to the query that `selection` asked. The pool's threads decode, where it has any.
    pub fn new(
        framing: Framing,
        max_row_bytes: usize,
        selection: &'a Selection,
        pool: &Arc<Pool>,
    ) -> Result<Self> {
        Ok(Self {
            frames: Frames::new(framing, max_row_bytes),
            decoding: Decoding::new(&selection.columns, pool)?,
            selection,
            query_id: None,
            table: matches!(framing, Framing::Table | Framing::LegacyTable),
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

    /// Takes bytes of the body. Rows may reach the sink later, at the latest with `flush`; those before a fault do too.
    pub fn push(&mut self, bytes: &Bytes, sink: &mut dyn Sink) -> Result<()> {
        let Self { frames, decoding, selection, query_id, table } = self;
        let mut found = Found { bytes, rows: Vec::new(), slices: Vec::new() };
        let framed = frames.push(bytes, &mut |element| match element {
            Element::Header { query_id: id, columns } => {
                *query_id = Some(id.to_owned());
                selection.check_header(columns)
            }
            Element::Row { tombstone: true, .. } => Err(Error::new(
                Kind::Garbled,
                if *table { "a snapshot holds a deletion" } else { "a stream holds a deletion" },
            )),
            Element::Row { values, .. } => {
                found.row(values);
                Ok(())
            }
        });
        found.slices().into_iter().try_for_each(|slice| decoding.take(slice, sink))?;
        framed
    }

    /// Hands over the rows that came so far.
    pub fn flush(&mut self, sink: &mut dyn Sink) -> Result<()> {
        self.decoding.flush(sink)
    }

    /// Judges the answer after a clean end of the transport.
    pub fn end(self) -> Result<Completion> {
        self.frames.end()
    }
}

/// Rows that were found in bytes.
struct Found<'a> {
    bytes: &'a Bytes,
    rows: Vec<Range<usize>>,
    slices: Vec<Slice>,
}

impl Found<'_> {
    fn row(&mut self, values: &[u8]) {
        let start = values.as_ptr().addr().wrapping_sub(self.bytes.as_ptr().addr());
        if start < self.bytes.len() {
            self.rows.push(start..start + values.len());
            return;
        }
        // It began in the bytes before these, and was put together.
        self.close();
        self.slices.push(Slice { bytes: Bytes::copy_from_slice(values), rows: vec![0..values.len()] });
    }

    fn close(&mut self) {
        if !self.rows.is_empty() {
            let rows = std::mem::take(&mut self.rows);
            self.slices.push(Slice { bytes: self.bytes.clone(), rows });
        }
    }

    fn slices(mut self) -> Vec<Slice> {
        self.close();
        self.slices
    }
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

    /// As it goes with so many threads.
    fn read(lines: &[u8], threads: usize) -> (Kept, Result<()>) {
        let column = ReadColumn {
            label: "A".into(),
            name: "A".into(),
            sql_type: SqlType::String,
            wire: Wire::AsDeclared,
        };
        let selection = Selection { columns: vec![column], exprs: vec!["`A`".into()], star: false };
        let pool = Arc::new(Pool::new(threads));
        let mut rows = Rows::new(Framing::Stream, 1 << 20, &selection, &pool).unwrap();
        let mut kept = Kept::default();
        let mut bytes = b"[{\"header\":{\"queryId\":\"q\",\"schema\":\"`A` STRING\"}},\n".to_vec();
        bytes.extend_from_slice(lines);
        let read = rows.push(&bytes.into(), &mut kept).and_then(|()| rows.flush(&mut kept));
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
            for threads in [1, 2] {
                let error = read(line, threads).1.unwrap_err();
                assert_eq!(error.kind(), Kind::Garbled, "{}", String::from_utf8_lossy(line));
            }
        }
    }

    #[test]
    fn a_bad_value_is_handed_to_the_sink_after_the_rows_before_it() {
        let lines = b"{\"row\":{\"columns\":[\"x\"]}},\n{\"row\":{\"columns\":[\"\xff\"]}},\n";
        let (kept, read) = read(lines, 1);
        read.unwrap();
        assert_eq!(kept.rows, 1);
        assert_eq!(kept.bad.len(), 1);
        assert!(kept.bad[0].contains("UTF-8"), "{:?}", kept.bad);
    }
}
